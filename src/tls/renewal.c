/* SPDX-License-Identifier: Apache-2.0 */
/* Is what a reload would present in place of the certificates before any worse? */
#include <string.h>
#include <time.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "tls/tls_int.h"

/* A certificate of ours with what is sent with it. Borrowed. */
struct own {
	const char *file;
	X509 *leaf;                  /* NULL: none is presented */
	STACK_OF(X509) *chain;       /* may be NULL */
};

static struct own own_of(SSL_CTX *ssl, const char *file)
{
	struct own o = { .file = file, .leaf = SSL_CTX_get0_certificate(ssl) };

	if (SSL_CTX_get0_chain_certs(ssl, &o.chain) != 1)
		o.chain = NULL;
	return o;
}

/* The default set first, then those of SNI. */
static struct own own_at(const struct sw_tls_ctx *c, size_t i)
{
	return i == 0 ? own_of(c->ssl, c->cert_file) : own_of(c->sni[i - 1].ssl, c->sni[i - 1].cert_file);
}

static bool same(const struct own *a, const struct own *b)
{
	if (!a->leaf || !b->leaf || X509_cmp(a->leaf, b->leaf) != 0 || sk_X509_num(a->chain) != sk_X509_num(b->chain))
		return false;
	for (int i = 0; i < sk_X509_num(a->chain); i++)
		if (X509_cmp(sk_X509_value(a->chain, i), sk_X509_value(b->chain, i)) != 0)
			return false;
	return true;
}

static bool presented_by(const struct own *o, const struct sw_tls_ctx *const *old, size_t n_old)
{
	for (size_t i = 0; i < n_old; i++)
		for (size_t k = 0; old[i] && k <= old[i]->n_sni; k++) {
			const struct own other = own_at(old[i], k);

			if (same(o, &other))
				return true;
		}
	return false;
}

static const char *date_fault(const X509 *x)
{
	int64_t now = time(NULL);

	if (sw_asn1_time(X509_get0_notAfter(x)) < now)
		return "has expired";
	return sw_asn1_time(X509_get0_notBefore(x)) > now ? "is not valid yet (is the clock right?)" : NULL;
}

/* Issuers that came with the leaf and did not issue it: half of a renewal, from a CA that has changed its intermediate. */
static bool chain_leads_nowhere(const struct own *o)
{
	for (int i = 0; i < sk_X509_num(o->chain); i++) {
		X509 *ca = sk_X509_value(o->chain, i);
		EVP_PKEY *key = X509_check_issued(ca, o->leaf) == X509_V_OK ? X509_get0_pubkey(ca) : NULL;

		if (key && X509_verify(o->leaf, key) == 1)
			return false;
	}
	ERR_clear_error();
	return sk_X509_num(o->chain) > 0;
}

static size_t fault(const struct own *o, const X509 *x, const char *what, struct sw_diag *diag)
{
	char subject[256];

	if (!what)
		return 0;
	sw_x509_name_text(X509_get_subject_name(x), subject, sizeof(subject));
	sw_diag_add(diag, SW_DIAG_ERROR, o->file, 0, "\"%s\" %s: peers would refuse it, so what is presented now stays", subject, what);
	return 1;
}

static size_t faults_of(const struct own *o, struct sw_diag *diag)
{
	size_t n = fault(o, o->leaf, date_fault(o->leaf), diag);

	for (int i = 0; i < sk_X509_num(o->chain); i++)
		n += fault(o, sk_X509_value(o->chain, i), date_fault(sk_X509_value(o->chain, i)), diag);
	if (chain_leads_nowhere(o))
		n += fault(o, o->leaf, "was issued by none of the certificates that come with it", diag);
	return n;
}

int sw_tls_ctx_may_replace(const struct sw_tls_ctx *c, const struct sw_tls_ctx *const *old, size_t n_old, struct sw_diag *diag)
{
	size_t n = 0;

	for (size_t i = 0; i <= c->n_sni; i++) {
		const struct own o = own_at(c, i);

		if (o.leaf && !presented_by(&o, old, n_old))
			n += faults_of(&o, diag);
	}
	return n ? SW_ECONF : SW_OK;
}
