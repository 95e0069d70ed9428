/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/describe.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "tls/tls_int.h"

enum {
	SOON_DAYS = 21,
	EC_BITS_MIN = 224,             /* security level 2, as a chain is judged */
	SERIAL_BYTES_MAX = 20,         /* RFC 5280 4.1.2.2 */
	DAY = 86400,
	CONSTRAINTS_MAX = 16,          /* shown */
};

/* The longest a public CA may issue, by the day of issue: CA/Browser Forum Baseline Requirements 6.3.2 since ballot SC-081v3. */
static const struct {
	int64_t since;
	int days;
} leaf_days[] = {
	{ 1868227200, 47 }, /* 2029-03-15 */ { 1805068800, 100 }, /* 2027-03-15 */ { 1773532800, 200 }, /* 2026-03-15 */ { INT64_MIN, 398 },
};

static void odd(struct sw_cert_facts *f, const char *fmt, ...) SW_PRINTF(2, 3);
static void odd(struct sw_cert_facts *f, const char *fmt, ...)
{
	va_list ap;

	if (f->n_odd == SW_FACTS_ODD_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(f->odd[f->n_odd++], sizeof(f->odd[0]), fmt, ap);
	va_end(ap);
}

static void append(char *dst, size_t size, const char *word)
{
	size_t n = strlen(dst);

	snprintf(dst + n, size - n, "%s%s", n ? ", " : "", word);
}

/* --- what it says --- */

static void read_usage(struct sw_cert_facts *f, X509 *x)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} usages[] = {
		{ KU_DIGITAL_SIGNATURE, "digitalSignature" }, { KU_NON_REPUDIATION, "nonRepudiation" },
		{ KU_KEY_ENCIPHERMENT, "keyEncipherment" },   { KU_DATA_ENCIPHERMENT, "dataEncipherment" },
		{ KU_KEY_AGREEMENT, "keyAgreement" },         { KU_KEY_CERT_SIGN, "keyCertSign" },
		{ KU_CRL_SIGN, "cRLSign" },
	};
	static const struct {
		unsigned bit;
		const char *name;
	} ekus[] = {
		{ SW_EKU_SERVER, "serverAuth" }, { SW_EKU_CLIENT, "clientAuth" }, { SW_EKU_ANYEKU, "anyExtendedKeyUsage" },
		{ SW_EKU_SIPDOMAIN, "sipDomain" }, { SW_EKU_OTHER, "other purposes" },
	};

	if (X509_get_extension_flags(x) & EXFLAG_KUSAGE)
		for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++)
			if (X509_get_key_usage(x) & usages[i].bit)
				append(f->key_usage, sizeof(f->key_usage), usages[i].name);
	for (size_t i = 0; i < sizeof(ekus) / sizeof(ekus[0]); i++)
		if (f->id->eku & ekus[i].bit)
			append(f->eku, sizeof(f->eku), ekus[i].name);
}

/* Text of the peer's choice: printable, or it is shown as what it is. */
static void keep_text(char *dst, size_t size, const ASN1_STRING *s)
{
	const unsigned char *p = ASN1_STRING_get0_data(s);
	size_t n = (size_t)ASN1_STRING_length(s), w = 0;

	for (size_t i = 0; i < n && w < size - 1; i++)
		dst[w++] = p[i] > 0x20 && p[i] < 0x7f ? (char)p[i] : '?';
	dst[w] = '\0';
}

static void keep_url(char dst[256], const ASN1_STRING *s)
{
	keep_text(dst, 256, s);
}

static void read_crl_points(struct sw_cert_facts *f, X509 *x)
{
	CRL_DIST_POINTS *points = X509_get_ext_d2i(x, NID_crl_distribution_points, NULL, NULL);

	for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
		const DIST_POINT *p = sk_DIST_POINT_value(points, i);

		if (!p->distpoint || p->distpoint->type != 0)
			continue;
		for (int k = 0; k < sk_GENERAL_NAME_num(p->distpoint->name.fullname); k++) {
			int type;
			void *v = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(p->distpoint->name.fullname, k), &type);

			if (type == GEN_URI && f->n_crl < SW_FACTS_URLS_MAX)
				keep_url(f->crl[f->n_crl++], v);
		}
	}
	CRL_DIST_POINTS_free(points);
}

static void read_access(struct sw_cert_facts *f, X509 *x)
{
	AUTHORITY_INFO_ACCESS *info = X509_get_ext_d2i(x, NID_info_access, NULL, NULL);

	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(info); i++) {
		const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(info, i);

		if (d->location->type != GEN_URI)
			continue;
		if (OBJ_obj2nid(d->method) == NID_ad_OCSP && f->n_ocsp < SW_FACTS_URLS_MAX)
			keep_url(f->ocsp[f->n_ocsp++], d->location->d.uniformResourceIdentifier);
		else if (OBJ_obj2nid(d->method) == NID_ad_ca_issuers && f->n_fetch < SW_FACTS_URLS_MAX)
			keep_url(f->fetch[f->n_fetch++], d->location->d.uniformResourceIdentifier);
	}
	AUTHORITY_INFO_ACCESS_free(info);
}

/* An address and its mask, RFC 5280 4.2.1.10; the octets where it is neither. */
static void range_text(char *dst, size_t size, const ASN1_OCTET_STRING *s)
{
	const unsigned char *p = ASN1_STRING_get0_data(s);
	int n = ASN1_STRING_length(s), family = n == 8 ? AF_INET : AF_INET6;
	char net[INET6_ADDRSTRLEN], mask[INET6_ADDRSTRLEN];

	if ((n == 8 || n == 32) && inet_ntop(family, p, net, sizeof(net)) && inet_ntop(family, p + n / 2, mask, sizeof(mask)))
		snprintf(dst, size, "ip:%s/%s", net, mask);
	else
		snprintf(dst, size, "ip: of %d bytes, malformed", n);
}

static void subtree_text(char *dst, size_t size, const GENERAL_NAME *g)
{
	const char *kind = g->type == GEN_DNS ? "dns:" : g->type == GEN_EMAIL ? "email:" : g->type == GEN_URI ? "uri:" : NULL;
	size_t n = kind ? strlen(kind) : 0;

	if (kind && size > n) {
		memcpy(dst, kind, n);
		keep_text(dst + n, size - n, g->d.ia5);
	} else if (g->type == GEN_IPADD) {
		range_text(dst, size, g->d.iPAddress);
	} else if (g->type == GEN_DIRNAME) {
		memcpy(dst, "dir:", 4);
		sw_x509_name_text(g->d.directoryName, dst + 4, size - 4);
	} else {
		snprintf(dst, size, "a name of another type");
	}
}

static void subtrees_text(struct sw_cert_facts *f, const char *what, const STACK_OF(GENERAL_SUBTREE) *trees)
{
	char name[100], text[120];
	int n = trees ? sk_GENERAL_SUBTREE_num(trees) : 0;

	for (int i = 0; i < n && i < CONSTRAINTS_MAX; i++) {
		subtree_text(name, sizeof(name), sk_GENERAL_SUBTREE_value(trees, i)->base);
		snprintf(text, sizeof(text), "%s %s", what, name);
		append(f->constraints, sizeof(f->constraints), text);
	}
	if (n > CONSTRAINTS_MAX) {
		snprintf(text, sizeof(text), "%s %d more", what, n - CONSTRAINTS_MAX);
		append(f->constraints, sizeof(f->constraints), text);
	}
}

static void read_constraints(struct sw_cert_facts *f, X509 *x)
{
	NAME_CONSTRAINTS *c = X509_get_ext_d2i(x, NID_name_constraints, NULL, NULL);

	if (c) {
		subtrees_text(f, "permits", c->permittedSubtrees);
		subtrees_text(f, "excludes", c->excludedSubtrees);
	}
	NAME_CONSTRAINTS_free(c);
}

static void read_features(struct sw_cert_facts *f, X509 *x)
{
	TLS_FEATURE *features = X509_get_ext_d2i(x, NID_tlsfeature, NULL, NULL);

	for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
		f->must_staple |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == TLSEXT_TYPE_status_request;
	TLS_FEATURE_free(features);
}

static void read_rest(struct sw_cert_facts *f, X509 *x)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	size_t n;

	f->version = (int)X509_get_version(x) + 1;
	f->ca = X509_check_ca(x) != 0;
	f->path_len = X509_get_pathlen(x);
	f->self_issued = X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
	OBJ_obj2txt(f->signature, sizeof(f->signature), OBJ_nid2obj(X509_get_signature_nid(x)), 0);
	if (!key || EVP_PKEY_get_group_name(key, f->curve, sizeof(f->curve), &n) != 1)
		f->curve[0] = '\0';
}

/* --- what is odd --- */

static int longest_leaf(int64_t issued)
{
	size_t i = 0;

	while (issued < leaf_days[i].since)
		i++;
	return leaf_days[i].days;
}

static void look_at_dates(struct sw_cert_facts *f, int64_t now)
{
	const struct sw_identity *id = f->id;
	int days = longest_leaf(id->not_before);

	if (id->not_after < now)
		odd(f, "it expired %lld days ago", (long long)((now - id->not_after) / DAY));
	else if (id->not_after - now < (int64_t)SOON_DAYS * DAY)
		odd(f, "it expires in %lld days", (long long)((id->not_after - now) / DAY));
	if (id->not_before > now)
		odd(f, "it is not valid yet");
	if (id->not_after < id->not_before)
		odd(f, "it ends before it begins");
	else if (!f->ca && id->not_after - id->not_before > (int64_t)(days + 1) * DAY)
		odd(f, "it is valid for %lld days: when it was issued a public CA might give %d",
		    (long long)((id->not_after - id->not_before) / DAY), days);
}

static void look_at_names(struct sw_cert_facts *f)
{
	const struct sw_identity *id = f->id;
	bool host = false, uri = false, dns = false;

	if (id->malformed)
		odd(f, "its subjectAltName can't be read, or has more than %d names: it is nobody", SW_NAMES_MAX);
	for (size_t i = 0; i < id->n_names; i++) {
		const struct sw_name *n = &id->names[i];

		if (n->malformed)
			odd(f, "the %s name \"%.60s\" is malformed: it never matches", sw_name_type_name(n->type), n->value);
		host |= n->host && !n->malformed;
		uri |= n->type == SW_NAME_URI && n->host;
		dns |= n->type == SW_NAME_DNS && n->host;
		if (n->host && n->host[0] == '*')
			odd(f, "%s is a wildcard: it counts only where allow_wildcard is set", n->value);
		if (n->user)
			odd(f, "\"%.60s\" names a user, not a domain", n->value);
	}
	if (f->ca)
		return;
	if (!id->has_san)
		odd(f, "it has no subjectAltName: only modes rfc5922, expressway and teams look at the CN");
	else if (!host)
		odd(f, "no name in it is a domain's");
	if (uri && dns)
		odd(f, "beside its URI:sip names the DNS names do not count in mode rfc5922");
}

static void look_at_strength(struct sw_cert_facts *f)
{
	const struct sw_identity *id = f->id;

	if (!strncmp(id->key_type, "RSA", 3) && id->key_bits < 2048)
		odd(f, "its RSA key has %d bits: refused, 2048 are needed", id->key_bits);
	else if (!strncmp(id->key_type, "RSA", 3) && !f->ca && id->key_bits < 3072)
		odd(f, "its RSA key has %d bits: 3072 are better", id->key_bits);
	if (!strcmp(id->key_type, "EC") && id->key_bits < EC_BITS_MIN)
		odd(f, "its EC key has %d bits: refused, %d are needed", id->key_bits, EC_BITS_MIN);
	if (!f->self_issued && (!strcmp(id->sig_digest, "SHA1") || !strcmp(id->sig_digest, "MD5")))
		odd(f, "it is signed with %s: refused", id->sig_digest);
}

static void look_at_purpose(struct sw_cert_facts *f)
{
	unsigned eku = f->id->eku;

	if (eku & SW_EKU_NONE || (eku & SW_EKU_SERVER && eku & SW_EKU_CLIENT))
		return;
	if (eku & SW_EKU_SERVER)
		odd(f, "it is for servers alone: as a client it passes with eku = \"server-or-client\" or \"any\"");
	else if (eku & SW_EKU_CLIENT)
		odd(f, "it is for clients alone: a server may not show it");
	else
		odd(f, "it is for neither servers nor clients%s", eku & (SW_EKU_ANYEKU | SW_EKU_SIPDOMAIN) ? ": it passes with eku = \"any\"" : "");
}

static void look_at_usage(struct sw_cert_facts *f, X509 *x)
{
	uint32_t usage = X509_get_key_usage(x);   /* all ones without the extension */

	if (f->ca && !(usage & KU_KEY_CERT_SIGN))
		odd(f, "it is a CA whose key usage leaves out keyCertSign: what it signs is refused");
	if (!f->ca && !(usage & KU_DIGITAL_SIGNATURE))
		odd(f, "its key usage leaves out digitalSignature: TLS 1.3 takes no certificate without it");
}

static void look_at_form(struct sw_cert_facts *f, X509 *x)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	uint32_t flags = X509_get_extension_flags(x);

	if (f->version != 3)
		odd(f, "it is of version %d", f->version);
	if (ASN1_STRING_length(serial) > SERIAL_BYTES_MAX)
		odd(f, "its serial number has %d bytes: at most %d are allowed", ASN1_STRING_length(serial), SERIAL_BYTES_MAX);
	if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
		odd(f, "its serial number is negative");
	if (flags & EXFLAG_INVALID)
		odd(f, "an extension of it can't be read");
	if (flags & EXFLAG_CRITICAL)
		odd(f, "it has a critical extension that is not known: refused");
	if (f->must_staple)
		odd(f, "it demands a stapled OCSP answer (must-staple)");
	if (!f->self_issued && f->n_crl == 0 && f->n_ocsp == 0)
		odd(f, "it names no CRL and no OCSP responder: whether it is revoked can't be asked");
}

static void look_at_order(struct sw_cert_facts *f, X509 *x, X509 *next)
{
	char issuer[100];

	if (!next || f->self_issued)
		return;
	sw_x509_name_text(X509_get_issuer_name(x), issuer, sizeof(issuer));
	if (X509_check_issued(next, x) != X509_V_OK)
		odd(f, "the certificate after it is not its issuer, %s", issuer);
	else if (X509_verify(x, X509_get0_pubkey(next)) != 1)
		odd(f, "the certificate after it has its issuer's name, but did not sign it");
}

int sw_cert_facts_read(struct sw_cert_facts **out, X509 *x, X509 *next, int64_t now)
{
	struct sw_cert_facts *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return SW_ENOMEM;
	err = sw_identity_from_x509(&f->id, x);
	if (err < 0) {
		free(f);
		return err;
	}
	read_rest(f, x);
	read_usage(f, x);
	read_crl_points(f, x);
	read_access(f, x);
	read_constraints(f, x);
	read_features(f, x);
	look_at_dates(f, now);
	look_at_names(f);
	look_at_strength(f);
	look_at_purpose(f);
	look_at_usage(f, x);
	look_at_form(f, x);
	look_at_order(f, x, next);
	ERR_clear_error();
	*out = f;
	return SW_OK;
}

void sw_cert_facts_free(struct sw_cert_facts *f)
{
	if (!f)
		return;
	sw_identity_free(f->id);
	free(f);
}
