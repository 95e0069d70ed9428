/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is learnt while a handshake runs: the chain and how it was judged, alerts, the server name. The callbacks run in the
 * pool thread that has the stream, so the record needs no lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/err.h>
#include "tls/tls_int.h"

enum {
	PEER_CERTS_MAX = 32,         /* a path has 5 or 6: more of them are memory for as long as the connection lives */
	SHARED_CERTS_MAX = 4,        /* of one peer: it must not push out what the others share */
	UNPROVED_CERTS_MAX = 4,      /* kept of a chain that leads nowhere: each later judgement would search all of them again */
};

void sw_tls_record_init(struct sw_tls_record *rec, struct sw_tls_peer *peer, SSL *ssl)
{
	*rec = (struct sw_tls_record){ .peer = peer, .alert_in = -1, .alert_out = -1 };
	SSL_set_app_data(ssl, rec);
}

void sw_tls_peer_clear(struct sw_tls_peer *p)
{
	sw_identity_free(p->identity);
	X509_free(p->leaf);
	sk_X509_pop_free(p->untrusted, X509_free);
	free(p->staple);
	*p = (struct sw_tls_peer){ 0 };
}

int sw_tls_peer_copy(struct sw_tls_peer *dst, const struct sw_tls_peer *src)
{
	int err = SW_OK;

	*dst = *src;
	dst->identity = NULL;
	dst->leaf = NULL;
	dst->untrusted = NULL;
	dst->staple = NULL;   /* nobody judges the copy again */
	if (src->leaf) {
		if (!X509_up_ref(src->leaf))
			return SW_ENOMEM;
		dst->leaf = src->leaf;
		if (src->untrusted && !(dst->untrusted = X509_chain_up_ref(src->untrusted)))
			err = SW_ENOMEM;
		if (err == SW_OK)
			err = sw_identity_from_x509(&dst->identity, dst->leaf);
	}
	if (err < 0)
		sw_tls_peer_clear(dst);
	return err;
}

size_t sw_tls_peer_size(const struct sw_tls_peer *p)
{
	size_t n = p->leaf ? (size_t)i2d_X509(p->leaf, NULL) : 0;

	for (int i = 0; p->untrusted && i < sk_X509_num(p->untrusted); i++)
		n += (size_t)i2d_X509(sk_X509_value(p->untrusted, i), NULL);
	return 2 * n;   /* its bytes, and what was parsed from them */
}

/* Takes references of the leaf and of what came with it. */
static int keep_chain(struct sw_tls_peer *p, X509 *leaf, STACK_OF(X509) *sent)
{
	X509_free(p->leaf);
	sk_X509_pop_free(p->untrusted, X509_free);
	p->leaf = NULL;
	p->untrusted = NULL;
	if (!leaf || !X509_up_ref(leaf))
		return SW_ENOMEM;
	p->leaf = leaf;
	p->has_cert = true;
	for (int i = 0; i < sk_X509_num(sent); i++) {
		X509 *x = sk_X509_value(sent, i);

		if (X509_cmp(x, leaf) == 0)
			continue;
		if (!p->untrusted && !(p->untrusted = sk_X509_new_null()))
			return SW_ENOMEM;
		if (!sk_X509_push(p->untrusted, x))
			return SW_ENOMEM;
		X509_up_ref(x);
	}
	return SW_OK;
}

static void judge(struct sw_tls_peer *p, const struct sw_tls_ctx *c)
{
	struct sw_chain_policy policy = c->policy;

	policy.now = time(NULL);
	sw_chain_judge(&p->chain, p->leaf, p->untrusted, c->trust, &policy);
}

/* Accepted: the next peer that sends one of these certificates has it from here. */
static void share(struct sw_tls_peer *p)
{
	sw_known_put(p->leaf, false);
	for (int i = 0; i < sk_X509_num(p->untrusted) && i < SHARED_CERTS_MAX; i++)
		sw_known_put(sk_X509_value(p->untrusted, i), true);
}

static int too_many(struct sw_tls_record *rec, X509_STORE_CTX *x)
{
	struct sw_chain_result *r = &rec->peer->chain;

	*r = (struct sw_chain_result){ .reason = SW_R_TLS_CHAIN, .x509_error = X509_V_ERR_CERT_CHAIN_TOO_LONG };
	snprintf(r->error_text, sizeof(r->error_text), "more than %d certificates", PEER_CERTS_MAX);
	X509_STORE_CTX_set_error(x, r->x509_error);
	rec->refused = true;
	return 0;
}

/* In place of OpenSSL's own verification. The error set here is what the alert is made of. */
static int on_verify(X509_STORE_CTX *x, void *arg)
{
	const struct sw_tls_ctx *c = arg;
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct sw_tls_record *rec = ssl ? SSL_get_app_data(ssl) : NULL;

	if (rec && sk_X509_num(X509_STORE_CTX_get0_untrusted(x)) > PEER_CERTS_MAX)
		return too_many(rec, x);
	if (!rec || keep_chain(rec->peer, X509_STORE_CTX_get0_cert(x), X509_STORE_CTX_get0_untrusted(x)) < 0) {
		X509_STORE_CTX_set_error(x, X509_V_ERR_OUT_OF_MEM);
		return 0;
	}
	judge(rec->peer, c);
	X509_STORE_CTX_set_error(x, rec->peer->chain.x509_error);
	X509_STORE_CTX_set_error_depth(x, rec->peer->chain.depth);
	if (rec->peer->chain.reason == SW_R_OK) {
		share(rec->peer);
		return 1;
	}
	rec->refused = c->enforce;
	return !c->enforce;
}

static bool sni_matches(const char *pattern, struct sw_str name)
{
	if (pattern[0] == '*' && pattern[1] == '.') {
		const char *dot = memchr(name.p, '.', name.n);
		size_t first = dot ? (size_t)(dot - name.p) : 0;

		return first > 0 && sw_str_ieq(sw_str_of(pattern + 1), (struct sw_str){ dot, name.n - first });
	}
	return sw_str_ieq(sw_str_of(pattern), name);
}

/* Contexts of one listener differ in nothing but the certificate: verification and session id context go on as they are. */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	const struct sw_tls_ctx *c = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct sw_tls_record *rec = SSL_get_app_data(ssl);

	(void)alert;
	if (!name || !name[0])
		return SSL_TLSEXT_ERR_NOACK;
	if (rec)
		snprintf(rec->peer->sni, sizeof(rec->peer->sni), "%s", name);
	for (size_t i = 0; i < c->n_sni; i++)
		if (sni_matches(c->sni[i].name, sw_str_of(name)))
			return SSL_set_SSL_CTX(ssl, c->sni[i].ssl) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_NOACK;   /* an unknown name gets the default certificate */
}

static void on_info(const SSL *ssl, int where, int ret)
{
	struct sw_tls_record *rec = SSL_get_app_data(ssl);

	if (!rec || !(where & SSL_CB_ALERT))
		return;
	if (where & SSL_CB_READ)
		rec->alert_in = ret & 0xff;
	else
		rec->alert_out = ret & 0xff;
}

void sw_tls_record_install(SSL_CTX *ssl, struct sw_tls_ctx *c)
{
	SSL_CTX_set_cert_verify_callback(ssl, on_verify, c);
	SSL_CTX_set_info_callback(ssl, on_info);
	if (!c->client) {
		SSL_CTX_set_tlsext_servername_callback(ssl, on_server_name);
		SSL_CTX_set_tlsext_servername_arg(ssl, c);
	}
}

int sw_tls_record_identity(struct sw_tls_record *rec)
{
	if (!rec->peer->leaf || rec->peer->identity)
		return SW_OK;
	return sw_identity_from_x509(&rec->peer->identity, rec->peer->leaf);
}

/*
 * A certificate that proves nothing comes from anybody. It is judged once, here: what would make others pay for it again and
 * again, a session in the cache and certificates to search, is not kept.
 */
static void forget_unproved(struct sw_tls_peer *p, SSL *ssl, const struct sw_tls_ctx *c)
{
	/* The one cache is that of the context the handshake began with, whatever the server name chose. */
	SSL_CTX_remove_session(c->ssl, SSL_get_session(ssl));
	if (sk_X509_num(p->untrusted) <= UNPROVED_CERTS_MAX)
		return;
	sk_X509_pop_free(p->untrusted, X509_free);
	p->untrusted = NULL;
}

int sw_tls_record_finish(struct sw_tls_record *rec, SSL *ssl, const struct sw_tls_ctx *c)
{
	struct sw_tls_peer *p = rec->peer;
	X509 *leaf = SSL_get0_peer_certificate(ssl);
	const char *group = SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl));
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	snprintf(p->version, sizeof(p->version), "%s", SSL_get_version(ssl));
	snprintf(p->cipher, sizeof(p->cipher), "%s", SSL_get_cipher_name(ssl));
	snprintf(p->group, sizeof(p->group), "%s", group ? group : "");
	if (c->client)
		snprintf(p->sni, sizeof(p->sni), "%s", sni ? sni : "");
	if (leaf && SSL_session_reused(ssl)) {
		/* A resumed session runs no callback: what was true then may not be now. */
		if (keep_chain(p, leaf, SSL_get_peer_cert_chain(ssl)) < 0)
			return SW_ENOMEM;
		judge(p, c);
	}
	if (p->has_cert && p->chain.reason != SW_R_OK && !c->client)
		forget_unproved(p, ssl, c);
	if (!p->has_cert) {
		p->chain.reason = SW_R_TLS_NO_CERT;
		snprintf(p->chain.error_text, sizeof(p->chain.error_text), "no certificate was presented");
	}
	ERR_clear_error();
	return sw_tls_record_identity(rec);
}
