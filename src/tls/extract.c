/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate in, typed names out. The bytes are the peer's: lengths come from
 * ASN.1, never from a NUL, and a name that is not clean is kept for the log but
 * marked, so that it cannot match (RFC 5922 7.1, RFC 9525 6).
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "tls/tls_int.h"

enum { DNS_NAME_MAX = 253, DNS_LABEL_MAX = 63 };

static const char OID_SIPDOMAIN[] = "1.3.6.1.5.5.7.3.20";   /* RFC 5924 */

/* --- text --- */

/* Printable ASCII as it is, the rest as \xHH; NULL when out of memory. */
static char *printable(struct sw_str s)
{
	bool cut = s.n > SW_NAME_LEN_MAX;
	size_t n = cut ? SW_NAME_LEN_MAX : s.n;
	char *out = malloc(n * 4 + 4), *w = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 0x20 && c < 0x7f)
			*w++ = (char)c;
		else
			w += sprintf(w, "\\x%02x", c);
	}
	strcpy(w, cut ? "..." : "");
	return out;
}

static char *lower(struct sw_str s)
{
	char *out = malloc(s.n + 1);

	if (!out)
		return NULL;
	for (size_t i = 0; i < s.n; i++)
		out[i] = (char)tolower((unsigned char)s.p[i]);
	out[s.n] = '\0';
	return out;
}

/* No byte that has no business in a name: NUL, space, control, 8-bit. */
static bool clean(struct sw_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
			return false;
	return s.n > 0 && s.n <= SW_NAME_LEN_MAX;
}

enum host_form { HOST_MALFORMED, HOST_UNUSABLE, HOST_OK };

/* A DNS name; *out is it without the trailing dot. '*' is a host only as the whole first label, and where star allows it. */
static enum host_form host_form(struct sw_str s, bool star, struct sw_str *out)
{
	enum host_form form = HOST_OK;
	size_t label = 0;

	if (s.n && s.p[s.n - 1] == '.')
		s.n--;
	if (s.n == 0 || s.n > DNS_NAME_MAX)
		return HOST_MALFORMED;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '.') {
			if (label == 0)
				return HOST_MALFORMED;
			label = 0;
			continue;
		}
		if (c == '*') {
			if (!star || i != 0 || s.n < 3 || s.p[1] != '.')
				form = HOST_UNUSABLE;
		} else if (c >= 0x80 || !(isalnum(c) || c == '-' || c == '_')) {
			return HOST_MALFORMED;
		}
		if (++label > DNS_LABEL_MAX)
			return HOST_MALFORMED;
	}
	if (label == 0)
		return HOST_MALFORMED;
	*out = s;
	return form;
}

static int set_host(struct sw_name *n, struct sw_str s, bool star)
{
	struct sw_str host;

	switch (host_form(s, star, &host)) {
	case HOST_OK:
		n->host = lower(host);
		return n->host ? SW_OK : SW_ENOMEM;
	case HOST_MALFORMED:
		n->malformed = true;
		break;
	case HOST_UNUSABLE:
		break;
	}
	return SW_OK;
}

/* --- one function per kind of name; n->value is set already --- */

/* What follows "sip:" when there is no user: host [ ":" port ] [ ";" params ] [ "?" headers ]. */
static int read_sip_hostport(struct sw_name *n, struct sw_str s)
{
	size_t end = 0;
	struct sw_str host;

	if (s.n && s.p[0] == '[') {
		struct sw_addr a;
		const char *close = memchr(s.p, ']', s.n);

		/* an IPv6 literal names no domain */
		end = close ? (size_t)(close - s.p) + 1 : 0;
		n->malformed = !close || sw_addr_parse(&a, (struct sw_str){ s.p, end }, 0) < 0;
		host = (struct sw_str){ NULL, 0 };
	} else {
		while (end < s.n && !strchr(":;?", s.p[end]))
			end++;
		host = (struct sw_str){ s.p, end };
	}
	if (end < s.n && s.p[end] == ':') {
		size_t first = ++end;

		while (end < s.n && isdigit((unsigned char)s.p[end]))
			end++;
		if (end == first || end - first > 5)
			n->malformed = true;
	}
	if (end < s.n && s.p[end] != ';' && s.p[end] != '?')
		n->malformed = true;
	if (n->malformed || !host.p)
		return SW_OK;
	return set_host(n, host, false);
}

static int read_uri(struct sw_name *n, struct sw_str s)
{
	const char *colon = memchr(s.p, ':', s.n);
	struct sw_str scheme, rest;

	if (!clean(s) || !colon || !isalpha((unsigned char)s.p[0])) {
		n->malformed = true;
		return SW_OK;
	}
	scheme = (struct sw_str){ s.p, (size_t)(colon - s.p) };
	rest = (struct sw_str){ colon + 1, s.n - scheme.n - 1 };
	for (size_t i = 0; i < scheme.n; i++)
		if (!isalnum((unsigned char)scheme.p[i]) && !strchr("+-.", scheme.p[i]))
			n->malformed = true;
	n->scheme = lower(scheme);
	if (!n->scheme)
		return SW_ENOMEM;
	/* '@' anywhere: where exactly the user part ends is not worth being wrong about. */
	n->user = rest.n && memchr(rest.p, '@', rest.n);
	if (n->malformed || n->user || strcmp(n->scheme, "sip") != 0)
		return SW_OK;
	return read_sip_hostport(n, rest);
}

static int read_dns(struct sw_name *n, struct sw_str s)
{
	if (!clean(s)) {
		n->malformed = true;
		return SW_OK;
	}
	return set_host(n, s, true);
}

/* RFC 4985: "_Service.Name" */
static int read_srv(struct sw_name *n, struct sw_str s)
{
	const char *dot = s.n ? memchr(s.p, '.', s.n) : NULL;

	if (!clean(s) || s.p[0] != '_' || !dot || dot == s.p + 1 || dot - s.p > DNS_LABEL_MAX) {
		n->malformed = true;
		return SW_OK;
	}
	n->scheme = lower((struct sw_str){ s.p + 1, (size_t)(dot - s.p) - 1 });
	if (!n->scheme)
		return SW_ENOMEM;
	return set_host(n, (struct sw_str){ dot + 1, s.n - (size_t)(dot - s.p) - 1 }, false);
}

/* A subject is free text: only what could deceive a reader is malformed, the rest merely names no host. */
static int read_cn(struct sw_name *n, struct sw_str s)
{
	struct sw_str host;

	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			n->malformed = true;
	if (s.n > SW_NAME_LEN_MAX)
		n->malformed = true;
	if (n->malformed || !clean(s) || host_form(s, true, &host) != HOST_OK)
		return SW_OK;
	n->host = lower(host);
	return n->host ? SW_OK : SW_ENOMEM;
}

static void read_ip(struct sw_name *n, struct sw_str s)
{
	if (s.n == 4) {
		n->addr.in4.sin_family = AF_INET;
		memcpy(&n->addr.in4.sin_addr, s.p, 4);
	} else if (s.n == 16) {
		n->addr.in6.sin6_family = AF_INET6;
		memcpy(&n->addr.in6.sin6_addr, s.p, 16);
	} else {
		n->malformed = true;
	}
}

/* --- the walk --- */

static struct sw_str asn1_str(const ASN1_STRING *a)
{
	const unsigned char *p = a ? ASN1_STRING_get0_data(a) : NULL;
	int n = a ? ASN1_STRING_length(a) : 0;

	return (struct sw_str){ p && n > 0 ? (const char *)p : "", p && n > 0 ? (size_t)n : 0 };
}

static char *ip_text(const struct sw_name *n, struct sw_str raw)
{
	char text[SW_ADDR_STRLEN];

	return n->malformed ? printable(raw) : strdup(sw_addr_host_text(&n->addr, text));
}

static int read_other_name(struct sw_name *n, const OTHERNAME *o)
{
	char oid[80];

	if (OBJ_obj2nid(o->type_id) == NID_SRVName && o->value->type == V_ASN1_IA5STRING) {
		struct sw_str s = asn1_str(o->value->value.ia5string);

		n->type = SW_NAME_SRV;
		n->value = printable(s);
		return n->value ? read_srv(n, s) : SW_ENOMEM;
	}
	OBJ_obj2txt(oid, sizeof(oid), o->type_id, 1);
	n->value = strdup(oid);
	return n->value ? SW_OK : SW_ENOMEM;
}

static int read_general_name(struct sw_name *n, const GENERAL_NAME *g)
{
	int type;
	void *v = GENERAL_NAME_get0_value(g, &type);
	struct sw_str s = { "", 0 };
	int err = SW_OK;

	*n = (struct sw_name){ .type = SW_NAME_OTHER };
	if (type == GEN_OTHERNAME)
		return read_other_name(n, v);
	if (type == GEN_URI || type == GEN_DNS || type == GEN_EMAIL || type == GEN_IPADD)
		s = asn1_str(v);
	switch (type) {
	case GEN_URI:
		n->type = SW_NAME_URI;
		err = read_uri(n, s);
		break;
	case GEN_DNS:
		n->type = SW_NAME_DNS;
		err = read_dns(n, s);
		break;
	case GEN_EMAIL:
		n->type = SW_NAME_EMAIL;
		n->malformed = !clean(s);
		break;
	case GEN_IPADD:
		n->type = SW_NAME_IP;
		read_ip(n, s);
		n->value = ip_text(n, s);
		return n->value ? SW_OK : SW_ENOMEM;
	default:
		s = type == GEN_DIRNAME ? SW_STR("directory name") : SW_STR("name of another kind");
		break;
	}
	n->value = printable(s);
	return n->value ? err : SW_ENOMEM;
}

/* The last CN is the most specific one (RFC 5922 7.1). *found tells whether there was one. */
static int read_last_cn(struct sw_name *n, const X509 *x, bool *found)
{
	const X509_NAME *subject = X509_get_subject_name(x);
	unsigned char *utf8 = NULL;
	struct sw_str s;
	int i = -1, last = -1, len;
	int err;

	*found = false;
	while ((i = X509_NAME_get_index_by_NID((X509_NAME *)subject, NID_commonName, i)) >= 0)
		last = i;
	if (last < 0)
		return SW_OK;
	*found = true;
	*n = (struct sw_name){ .type = SW_NAME_CN };
	len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
	if (len < 0) {
		n->malformed = true;
		n->value = strdup("");
		return n->value ? SW_OK : SW_ENOMEM;
	}
	s = (struct sw_str){ len ? (const char *)utf8 : "", (size_t)len };
	n->value = printable(s);
	err = n->value ? read_cn(n, s) : SW_ENOMEM;
	OPENSSL_free(utf8);
	return err;
}

static int read_names(struct sw_identity *id, X509 *x)
{
	int crit = 0, n_san;
	GENERAL_NAMES *san = X509_get_ext_d2i(x, NID_subject_alt_name, &crit, NULL);
	bool found = false;
	int err = SW_OK;

	/* crit: -1 no such extension, -2 more than one; NULL and anything else: unreadable */
	id->has_san = san || crit != -1;
	n_san = san ? sk_GENERAL_NAME_num(san) : 0;
	if ((!san && crit != -1) || n_san > SW_NAMES_MAX) {
		id->malformed = true;
		n_san = 0;
	}
	id->names = calloc((size_t)n_san + 1, sizeof(*id->names));
	if (!id->names) {
		err = SW_ENOMEM;
		goto out;
	}
	for (int i = 0; i < n_san; i++) {
		id->n_names++;
		err = read_general_name(&id->names[i], sk_GENERAL_NAME_value(san, i));
		if (err < 0)
			goto out;
	}
	err = read_last_cn(&id->names[id->n_names], x, &found);
	if (found)
		id->n_names++;
out:
	GENERAL_NAMES_free(san);
	return err;
}

/* --- facts beside the names --- */

unsigned sw_x509_eku(const X509 *x)
{
	int crit = 0;
	EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(x, NID_ext_key_usage, &crit, NULL);
	unsigned set = 0;

	if (!eku)
		return crit == -1 ? SW_EKU_NONE : SW_EKU_OTHER;
	for (int i = 0; i < sk_ASN1_OBJECT_num(eku); i++) {
		const ASN1_OBJECT *o = sk_ASN1_OBJECT_value(eku, i);
		char oid[80];

		switch (OBJ_obj2nid(o)) {
		case NID_server_auth:
			set |= SW_EKU_SERVER;
			break;
		case NID_client_auth:
			set |= SW_EKU_CLIENT;
			break;
		case NID_anyExtendedKeyUsage:
			set |= SW_EKU_ANYEKU;
			break;
		default:
			OBJ_obj2txt(oid, sizeof(oid), o, 1);
			set |= strcmp(oid, OID_SIPDOMAIN) == 0 ? SW_EKU_SIPDOMAIN : SW_EKU_OTHER;
			break;
		}
	}
	EXTENDED_KEY_USAGE_free(eku);
	return set;
}

int64_t sw_asn1_time(const ASN1_TIME *t)
{
	struct tm tm;

	if (!t || !ASN1_TIME_to_tm(t, &tm))
		return 0;
	return timegm(&tm);
}

void sw_x509_name_text(const X509_NAME *name, char *dst, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n = 0;

	dst[0] = '\0';
	if (bio && name && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_get_mem_data(bio, &p);
	if (n > 0 && !sw_str_copy(dst, size, (struct sw_str){ p, (size_t)n }) && size > 4)
		memcpy(dst + size - 4, "...", 4);
	BIO_free(bio);
}

static void read_serial(struct sw_identity *id, X509 *x)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	struct sw_str s = asn1_str(serial);

	/* RFC 5280 allows 20 bytes; what exceeds our room is cut. */
	if (s.n > (sizeof(id->serial) - 1) / 2)
		s.n = (sizeof(id->serial) - 1) / 2;
	sw_hex(id->serial, s.p, s.n);
}

static int read_digests(struct sw_identity *id, X509 *x)
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	int ok;

	if (n <= 0)
		return SW_ENOMEM;
	ok = EVP_Digest(der, (size_t)n, id->spki_sha256, NULL, EVP_sha256(), NULL) == 1 &&
	     X509_digest(x, EVP_sha256(), id->cert_sha256, NULL) == 1;
	OPENSSL_free(der);
	return ok ? SW_OK : SW_ECRYPTO;
}

static void read_key(struct sw_identity *id, X509 *x)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	int md = NID_undef;
	const char *type = key ? EVP_PKEY_get0_type_name(key) : NULL;

	id->key_bits = key ? EVP_PKEY_get_bits(key) : 0;
	snprintf(id->key_type, sizeof(id->key_type), "%s", type ? type : "unknown");
	X509_get_signature_info(x, &md, NULL, NULL, NULL);
	if (md != NID_undef)
		snprintf(id->sig_digest, sizeof(id->sig_digest), "%s", OBJ_nid2sn(md));
}

int sw_identity_from_x509(struct sw_identity **out, X509 *leaf)
{
	struct sw_identity *id = calloc(1, sizeof(*id));
	int err;

	if (!id)
		return SW_ENOMEM;
	ERR_clear_error();
	err = read_names(id, leaf);
	if (err >= 0)
		err = read_digests(id, leaf);
	if (err < 0) {
		sw_identity_free(id);
		ERR_clear_error();
		return err;
	}
	sw_x509_name_text(X509_get_subject_name(leaf), id->subject, sizeof(id->subject));
	sw_x509_name_text(X509_get_issuer_name(leaf), id->issuer, sizeof(id->issuer));
	read_serial(id, leaf);
	read_key(id, leaf);
	id->eku = sw_x509_eku(leaf);
	id->not_before = sw_asn1_time(X509_get0_notBefore(leaf));
	id->not_after = sw_asn1_time(X509_get0_notAfter(leaf));
	ERR_clear_error();   /* a malformed extension leaves its errors behind */
	*out = id;
	return SW_OK;
}
