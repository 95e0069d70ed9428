/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "tls/tls_int.h"

enum { SENT_MAX = 64 };

static bool self_signed(X509 *x)
{
	return X509_get_extension_flags(x) & EXFLAG_SS;
}

static void subject(X509 *x, char dst[256])
{
	sw_x509_name_text(X509_get_subject_name(x), dst, 256);
}

static void read_fetch(X509 *x, char dst[256])
{
	AUTHORITY_INFO_ACCESS *info = X509_get_ext_d2i(x, NID_info_access, NULL, NULL);

	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(info) && !dst[0]; i++) {
		const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(info, i);
		const ASN1_STRING *s;
		int n;

		if (OBJ_obj2nid(d->method) != NID_ad_ca_issuers || d->location->type != GEN_URI)
			continue;
		s = d->location->d.uniformResourceIdentifier;
		n = ASN1_STRING_length(s);
		for (int k = 0; k < n && k < 255; k++) {
			unsigned char b = ASN1_STRING_get0_data(s)[k];

			dst[k] = b > 0x20 && b < 0x7f && b != '\'' ? (char)b : '?';
			dst[k + 1] = '\0';
		}
	}
	AUTHORITY_INFO_ACCESS_free(info);
}

static X509 *issuer_in(STACK_OF(X509) * list, X509 *x, bool roots)
{
	for (int i = 0; i < sk_X509_num(list); i++) {
		X509 *c = sk_X509_value(list, i);

		if (roots == self_signed(c) && X509_check_issued(c, x) == X509_V_OK)
			return c;
	}
	return NULL;
}

static void set_root(struct sw_chain_shape *s, X509 *root)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	subject(root, s->root);
	if (X509_digest(root, EVP_sha256(), md, &n) == 1)
		sw_hex(s->root_sha256, md, n);
	if (X509_digest(root, EVP_sha1(), md, &n) == 1)
		sw_hex(s->root_sha1, md, n);
}

static bool holds(const struct sw_trust *trust, X509 *x)
{
	for (int i = 0; trust && i < sk_X509_num(trust->cas); i++)
		if (X509_cmp(sk_X509_value(trust->cas, i), x) == 0)
			return true;
	return false;
}

/* Up from where the server's certificates end, over those of the list. */
static void find_root(struct sw_chain_shape *s, X509 *top, const struct sw_trust *trust)
{
	X509 *root = NULL, *at = top;

	if (self_signed(top)) {
		set_root(s, top);
		s->root_known = holds(trust, top);
		s->complete = true;
		return;
	}
	for (int i = 0; trust && at && !root && i < SW_PATH_LEN_MAX; i++) {
		root = issuer_in(trust->cas, at, true);
		if (!root) {
			at = issuer_in(trust->cas, at, false);
			s->helped = at != NULL;
		}
	}
	if (root) {
		set_root(s, root);
		s->root_known = true;
		s->complete = !s->helped;
	} else {
		s->helped = false;
	}
}

void sw_chain_shape(struct sw_chain_shape *s, STACK_OF(X509) * sent, const struct sw_trust *trust)
{
	int n = sk_X509_num(sent), at = 0, next;
	bool used[SENT_MAX] = { true };

	*s = (struct sw_chain_shape){ .n = (size_t)n, .ordered = true };
	if (n > SENT_MAX)
		n = SENT_MAX;
	if (n == 0)
		return;
	s->leaf_self_signed = self_signed(sk_X509_value(sent, 0));
	for (;;) {
		X509 *x = sk_X509_value(sent, at);

		next = -1;
		for (int i = 0; i < n && !self_signed(x) && next < 0; i++) {
			int k = (at + 1 + i) % n; /* the place after it first: of two that would do, the one that is in order */

			if (!used[k] && X509_check_issued(sk_X509_value(sent, k), x) == X509_V_OK)
				next = k;
		}
		if (next < 0)
			break;
		if (next != at + 1 && s->ordered) {
			s->ordered = false;
			subject(sk_X509_value(sent, next), s->misplaced);
		}
		used[next] = true;
		at = next;
		s->root_sent |= self_signed(sk_X509_value(sent, at));
	}
	for (int i = 0; i < n; i++)
		if (!used[i] && s->extra++ == 0)
			subject(sk_X509_value(sent, i), s->extra_one);
	subject(sk_X509_value(sent, at), s->top);
	sw_x509_name_text(X509_get_issuer_name(sk_X509_value(sent, at)), s->wants, sizeof(s->wants));
	read_fetch(sk_X509_value(sent, at), s->fetch);
	find_root(s, sk_X509_value(sent, at), trust);
	ERR_clear_error();
}

void sw_chain_span(struct sw_chain_span *out, X509 *leaf, STACK_OF(X509) * rest)
{
	X509 *x = leaf, *issuer = leaf;

	*out = (struct sw_chain_span){ .not_after = INT64_MAX };
	for (int steps = 0; issuer && steps <= sk_X509_num(rest) + 1; steps++) {
		int64_t end = sw_asn1_time(X509_get0_notAfter(issuer));

		x = issuer;
		if (end < out->not_after) {
			out->not_after = end;
			sw_x509_name_text(X509_get_subject_name(x), out->first, sizeof(out->first));
		}
		issuer = NULL;
		if (X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0)
			break;
		for (int i = 0; !issuer && i < sk_X509_num(rest); i++)
			if (X509_check_issued(sk_X509_value(rest, i), x) == X509_V_OK)
				issuer = sk_X509_value(rest, i);
	}
	sw_x509_name_text(X509_get_issuer_name(x), out->top, sizeof(out->top));
}

STACK_OF(X509) * sw_chain_rest(STACK_OF(X509) * sent)
{
	STACK_OF(X509) *rest = sk_X509_num(sent) > 1 ? sk_X509_dup(sent) : NULL;

	if (rest)
		sk_X509_shift(rest);
	return rest;
}

bool sw_chain_is_list(STACK_OF(X509) * certs)
{
	for (int i = 0; i < sk_X509_num(certs); i++)
		if (X509_check_ca(sk_X509_value(certs, i)) == 0)
			return false;
	return sk_X509_num(certs) > 1;
}

int sw_chain_from_der(STACK_OF(X509) * out, struct sw_str der, const char *name, struct sw_diag *diag)
{
	const unsigned char *p = (const unsigned char *)der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.n);

	ERR_clear_error();
	if (!x || p != (const unsigned char *)der.p + der.n) {
		sw_diag_add(diag, SW_DIAG_ERROR, name, 0, "neither PEM nor one certificate in DER");
		X509_free(x);
		return SW_ECONF;
	}
	if (sk_X509_push(out, x))
		return SW_OK;
	X509_free(x);
	return SW_ENOMEM;
}

int sw_chain_from_files(STACK_OF(X509) * out, const char *cert, const char *chain, struct sw_diag *diag)
{
	int err = sw_pem_certs(out, cert, diag);

	return err == SW_OK && chain ? sw_pem_certs(out, chain, diag) : err;
}

int sw_chain_key_fits(const struct sw_conf_cert *set, struct sw_diag *diag)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int err = SW_ENOMEM;

	if (ctx) {
		SSL_CTX_set_security_level(ctx, 0);
		err = sw_certset_use(ctx, set, true, diag);
	}
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return err;
}

int sw_trust_system(struct sw_trust **out, char path[256], struct sw_diag *diag)
{
	const char *places[] = { getenv(X509_get_default_cert_file_env()), X509_get_default_cert_file(),
				 "/etc/ssl/certs/ca-certificates.crt" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct sw_strlist files = { .v = (char **)&places[i], .n = 1 };
		const struct sw_strlist none = { 0 };

		if (!places[i] || access(places[i], R_OK) < 0)
			continue;
		snprintf(path, 256, "%s", places[i]);
		return sw_trust_load(out, &files, &none, diag);
	}
	return SW_ENOTFOUND;
}
