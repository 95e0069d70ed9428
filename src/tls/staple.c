/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP answers and chains: what a server staples, and what an answer means for a chain that is otherwise good. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "tls/ocsp.h"
#include "tls/tls_int.h"

/* --- the issuer --- */

static X509 *find_issuer(const struct sw_chain_result *r, const X509 *leaf, STACK_OF(X509) *certs)
{
	unsigned char digest[SW_DIGEST_LEN];

	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509 *x = sk_X509_value(certs, i);

		if (X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(leaf)) == 0 &&
		    X509_digest(x, EVP_sha256(), digest, NULL) && !memcmp(digest, r->issuer, sizeof(digest)))
			return x;
	}
	return NULL;
}

/*
 * By its digest, not as "one whose key fits the signature": such a certificate a peer can make up for itself, and then answer for
 * its own.
 */
X509 *sw_ocsp_issuer(const struct sw_chain_result *r, const X509 *leaf, STACK_OF(X509) *untrusted, const struct sw_trust *trust)
{
	X509 *x = find_issuer(r, leaf, untrusted);

	return x || !trust ? x : find_issuer(r, leaf, trust->cas);
}

/* --- what it means --- */

static void refuse(struct sw_chain_result *r, enum sw_reason reason, const X509 *leaf, const char *head, const char *text)
{
	*r = (struct sw_chain_result){ .reason = reason };
	r->x509_error = reason == SW_R_TLS_REVOKED ? X509_V_ERR_CERT_REVOKED : X509_V_ERR_OCSP_VERIFY_FAILED;
	snprintf(r->error_text, sizeof(r->error_text), "%.48s%.190s", head, text);
	sw_x509_name_text(X509_get_subject_name(leaf), r->subject, sizeof(r->subject));
}

void sw_ocsp_weigh(struct sw_chain_result *r, enum sw_revocation policy, enum sw_tls_role role, const X509 *leaf,
		   const struct sw_ocsp_result *answer)
{
	static const struct sw_ocsp_result unasked = { .status = SW_OCSP_UNKNOWN, .text = "none was asked for" };

	if (r->reason != SW_R_OK)
		return;
	if (!answer)
		answer = &unasked;
	if (answer->status == SW_OCSP_REVOKED)
		refuse(r, SW_R_TLS_REVOKED, leaf, "OCSP: ", answer->text);
	else if (answer->status == SW_OCSP_GOOD)
		return;
	else if (role == SW_TLS_PEER_IS_SERVER && sw_ocsp_must_staple(leaf))
		refuse(r, SW_R_TLS_MUST_STAPLE, leaf, "the certificate demands a stapled OCSP answer: ", answer->text);
	else if (policy == SW_REVOCATION_HARD)
		refuse(r, SW_R_TLS_OCSP, leaf, "OCSP: ", answer->text);
	else
		snprintf(r->error_text, sizeof(r->error_text), "unknown: %s", answer->text);
}

/* --- the handshake of a client --- */

void sw_ocsp_judge_staple(struct sw_ocsp_result *out, struct sw_str answer, const struct sw_chain_result *r, X509 *leaf,
			  STACK_OF(X509) *untrusted, const struct sw_trust *trust, int64_t now)
{
	X509 *issuer = sw_ocsp_issuer(r, leaf, untrusted, trust);

	*out = (struct sw_ocsp_result){ .status = SW_OCSP_UNKNOWN };
	if (answer.n == 0)
		snprintf(out->text, sizeof(out->text), "the server stapled no answer");
	else if (!issuer)
		snprintf(out->text, sizeof(out->text), "the certificate has no issuer who could answer for it");
	else
		sw_ocsp_judge(out, answer, leaf, issuer, now);
}

/*
 * After the chain was found good, before we prove ourselves. What is found here holds for as long as the connection does: the answer
 * was good when it came, and a server staples no second one.
 */
static int on_status(SSL *ssl, void *arg)
{
	const struct sw_tls_ctx *c = arg;
	struct sw_tls_record *rec = SSL_get_app_data(ssl);
	struct sw_tls_peer *p = rec ? rec->peer : NULL;
	const unsigned char *der = NULL;
	long n = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
	struct sw_ocsp_result *r;

	if (!p || !p->leaf || p->staple)
		return -1;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -1;
	p->staple = r;
	sw_ocsp_judge_staple(r, (struct sw_str){ (const char *)der, der && n > 0 ? (size_t)n : 0 }, &p->chain, p->leaf, p->untrusted,
			     c->trust, time(NULL));
	sw_ocsp_weigh(&p->chain, c->ocsp, SW_TLS_PEER_IS_SERVER, p->leaf, r);
	ERR_clear_error();
	if (p->chain.reason == SW_R_OK)
		return 1;
	rec->refused = true;
	return 0;
}

void sw_tls_staple_ask(SSL_CTX *ssl, struct sw_tls_ctx *c)
{
	SSL_CTX_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
	SSL_CTX_set_tlsext_status_cb(ssl, on_status);
	SSL_CTX_set_tlsext_status_arg(ssl, c);
}

/* --- the handshake of a server --- */

/* Of our certificate, out of what is sent with it; a root is not, but may be in a trust list. NULL: it is in neither. */
static X509 *issuer_of_ours(SSL_CTX *ssl, const struct sw_tls_ctx *c)
{
	STACK_OF(X509) *chain = NULL, *lists[2];
	X509 *leaf = SSL_CTX_get0_certificate(ssl);

	if (!leaf || !SSL_CTX_get0_chain_certs(ssl, &chain))
		return NULL;
	lists[0] = chain;
	lists[1] = c->trust ? c->trust->cas : NULL;
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < sk_X509_num(lists[k]); i++) {
			X509 *x = sk_X509_value(lists[k], i);

			if (X509_check_issued(x, leaf) == X509_V_OK && X509_verify(leaf, X509_get0_pubkey(x)) == 1)
				return x;
		}
	return NULL;
}

/* The client asks for a staple. None is no fault: it decides. */
static int on_status_wanted(SSL *ssl, void *arg)
{
	const struct sw_tls_staple *s = arg;
	size_t n = 0;
	unsigned char *der = sw_ocsps_staple(s->ocsps, s->key, time(NULL), &n);

	if (!der)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_tlsext_status_ocsp_resp(ssl, der, (long)n);   /* takes it */
	return SSL_TLSEXT_ERR_OK;
}

static void staple(struct sw_tls_ctx *c, SSL_CTX *ssl, struct sw_ocsps *ocsps)
{
	struct sw_tls_staple *s = &c->staples[c->n_staples];
	X509 *issuer = issuer_of_ours(ssl, c);

	if (!issuer || !sw_ocsps_own(ocsps, SSL_CTX_get0_certificate(ssl), issuer, s->key))
		return;
	s->ocsps = sw_ocsps_ref(ocsps);
	c->n_staples++;
	SSL_CTX_set_tlsext_status_cb(ssl, on_status_wanted);
	SSL_CTX_set_tlsext_status_arg(ssl, s);
}

void sw_tls_ctx_staple(struct sw_tls_ctx *c, struct sw_ocsps *ocsps)
{
	if (!c->staple || c->staples)
		return;
	c->staples = calloc(c->n_sni + 1, sizeof(*c->staples));
	if (!c->staples)
		return;   /* none is shown: who insists on one refuses us, and says so */
	staple(c, c->ssl, ocsps);
	for (size_t i = 0; i < c->n_sni; i++)
		staple(c, c->sni[i].ssl, ocsps);
	ERR_clear_error();
}

void sw_tls_staples_free(struct sw_tls_ctx *c)
{
	for (size_t i = 0; i < c->n_staples; i++) {
		sw_ocsps_disown(c->staples[i].ocsps, c->staples[i].key);
		sw_ocsps_unref(c->staples[i].ocsps);
	}
	free(c->staples);
}

void sw_tls_staple_check(SSL_CTX *ssl, const struct sw_tls_ctx *c, const char *file, struct sw_diag *diag)
{
	X509 *leaf = SSL_CTX_get0_certificate(ssl);
	char url[SW_HTTP_URL_MAX + 1];
	const char *why = NULL;

	if (!leaf || !sw_ocsp_must_staple(leaf))
		return;
	if (!c->staple)
		why = "staple is off";
	else if (!sw_ocsp_url(url, leaf))
		why = "it names no OCSP responder";
	else if (!issuer_of_ours(ssl, c))
		why = "its issuer is not in its chain";
	ERR_clear_error();
	if (why)
		sw_diag_add(diag, SW_DIAG_WARN, file, 0, "the certificate demands a stapled OCSP answer, but %s: clients that know will refuse it",
			    why);
}
