/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include "core/random.h"
#include "tls/tls_int.h"

/* In our users' order (docs: the TLS policy). The two CBC suites are for old peers and come last. */
static const char CIPHERS[] = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305";
static const char *const CBC[] = { "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA256" };
static const char CIPHERSUITES[] = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
static const char GROUPS[] = "X25519:P-256:P-384:P-521";
static const char SIGALGS[] = "rsa_pss_rsae_sha384:rsa_pss_rsae_sha256:RSA+SHA384:RSA+SHA256:ECDSA+SHA384:ECDSA+SHA256";

enum {
	SECURITY_LEVEL = 2,
	CIPHER_LIST_MAX = 2048,
	PEER_CHAIN_MAX = 64 << 10,      /* bytes of certificates a peer may send */
	CA_NAMES_MAX = 32 << 10,        /* bytes of CA names sent; the field ends at 64 KiB, some peers' patience earlier */
	SESSIONS_MAX = 4096,
	SESSION_SECONDS = 3600,
};

struct settings {
	const struct sw_conf_tls *tls;
	const char *file;
	int line;
	bool cbc;
};

/* --- suites --- */

static bool is_cbc(struct sw_str name)
{
	for (size_t i = 0; i < sizeof(CBC) / sizeof(CBC[0]); i++)
		if (sw_str_eq(name, sw_str_of(CBC[i])))
			return true;
	return false;
}

/* Walks a list of names apart by ':'; false at the end. */
static bool next_name(const char **pos, struct sw_str *name)
{
	const char *p = *pos;

	p += strspn(p, ": ,");
	if (!*p)
		return false;
	*name = (struct sw_str){ p, strcspn(p, ": ,") };
	*pos = p + name->n;
	return true;
}

static const SSL_CIPHER *find_cipher(STACK_OF(SSL_CIPHER) *list, struct sw_str name)
{
	for (int i = 0; i < sk_SSL_CIPHER_num(list); i++)
		if (sw_str_eq(name, sw_str_of(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(list, i)))))
			return sk_SSL_CIPHER_value(list, i);
	return NULL;
}

/*
 * OpenSSL ignores names it does not know, and takes words like ALL: so every word must be the name of one suite that is there
 * afterwards, with a key exchange that proves the server and encrypts.
 */
static int check_ciphers(SSL_CTX *ssl, const char *list, const struct settings *s, struct sw_diag *diag)
{
	STACK_OF(SSL_CIPHER) *have = SSL_CTX_get_ciphers(ssl);
	int asked = 0, got = 0, err = SW_OK;
	struct sw_str name;

	while (next_name(&list, &name)) {
		const SSL_CIPHER *c = find_cipher(have, name);

		asked++;
		if (!c) {
			sw_diag_add(diag, SW_DIAG_ERROR, s->file, s->line, "unknown cipher suite \"%.*s\"", (int)name.n, name.p);
			err = SW_ECONF;
		} else if (SSL_CIPHER_get_auth_nid(c) == NID_auth_null || SSL_CIPHER_get_cipher_nid(c) == NID_undef) {
			sw_diag_add(diag, SW_DIAG_ERROR, s->file, s->line, "cipher suite \"%.*s\" proves or encrypts nothing",
				    (int)name.n, name.p);
			err = SW_ECONF;
		}
	}
	for (int i = 0; i < sk_SSL_CIPHER_num(have); i++)
		got += strcmp(SSL_CIPHER_get_version(sk_SSL_CIPHER_value(have, i)), "TLSv1.3") != 0;
	if (err >= 0 && asked != got) {
		sw_diag_add(diag, SW_DIAG_ERROR, s->file, s->line, "%d cipher suites are listed, but %d would be used", asked,
			    got);
		err = SW_ECONF;
	}
	return err;
}

static int set_ciphers(SSL_CTX *ssl, const struct settings *s, struct sw_diag *diag)
{
	const char *pos = s->tls->ciphers ? s->tls->ciphers : CIPHERS;
	struct sw_buf list;
	struct sw_str name;
	int err;

	sw_buf_init(&list, CIPHER_LIST_MAX);
	while (next_name(&pos, &name)) {
		if (is_cbc(name)) {   /* the knob decides, and their place is the end */
			if (!s->cbc)
				sw_diag_add(diag, SW_DIAG_WARN, s->file, s->line, "\"%.*s\" is listed, but cbc is off: not used",
					    (int)name.n, name.p);
			continue;
		}
		sw_buf_slice(&list, name);
		sw_buf_str(&list, ":");
	}
	for (size_t i = 0; s->cbc && i < sizeof(CBC) / sizeof(CBC[0]); i++) {
		sw_buf_str(&list, CBC[i]);
		sw_buf_str(&list, ":");
	}
	sw_buf_put(&list, "", 1);
	err = sw_buf_error(&list);
	if (err < 0) {
		sw_diag_add(diag, SW_DIAG_ERROR, s->file, s->line, "tls.ciphers is too long");
	} else if (SSL_CTX_set_cipher_list(ssl, list.data) != 1) {
		sw_diag_add(diag, SW_DIAG_ERROR, s->file, s->line, "tls.ciphers names no suite this OpenSSL knows");
		err = SW_ECONF;
	} else {
		err = check_ciphers(ssl, list.data, s, diag);
	}
	sw_buf_free(&list);
	return err;
}

static int set_ciphersuites(SSL_CTX *ssl, const struct settings *s, struct sw_diag *diag)
{
	const char *list = s->tls->ciphersuites ? s->tls->ciphersuites : CIPHERSUITES;

	if (SSL_CTX_set_ciphersuites(ssl, list) == 1)
		return SW_OK;
	sw_diag_add(diag, SW_DIAG_ERROR, s->file, s->line, "tls.ciphersuites \"%s\" holds a suite this OpenSSL does not know",
		    list);
	return SW_ECONF;
}

static int set_algorithms(SSL_CTX *ssl, const struct settings *s, struct sw_diag *diag)
{
	const char *groups = s->tls->groups ? s->tls->groups : GROUPS;
	const char *sigalgs = s->tls->sigalgs ? s->tls->sigalgs : SIGALGS;
	int err = SW_OK;

	if (SSL_CTX_set1_groups_list(ssl, groups) != 1) {
		sw_diag_add(diag, SW_DIAG_ERROR, s->file, s->line, "tls.groups \"%s\" is not usable", groups);
		err = SW_ECONF;
	}
	if (SSL_CTX_set1_sigalgs_list(ssl, sigalgs) != 1 || SSL_CTX_set1_client_sigalgs_list(ssl, sigalgs) != 1) {
		sw_diag_add(diag, SW_DIAG_ERROR, s->file, s->line, "tls.sigalgs \"%s\" is not usable", sigalgs);
		err = SW_ECONF;
	}
	return err;
}

/* --- one SSL_CTX --- */

/* What holds for both roles. */
static int ssl_ctx_new(SSL_CTX **out, const struct settings *s, struct sw_tls_ctx *c, struct sw_diag *diag)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_method());
	int err = SW_ECRYPTO;

	if (!ssl)
		return SW_ENOMEM;
	SSL_CTX_set_security_level(ssl, SECURITY_LEVEL);
	if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 || SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) != 1)
		goto fail;
	/* No tickets in any role: a server that resumes keeps the session, with its whole chain, in memory. */
	SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_NO_TICKET);
	SSL_CTX_clear_options(ssl, SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_LEGACY_SERVER_CONNECT |
					   SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION | SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_read_ahead(ssl, 1);   /* one read for a record's head and body, and for the records behind it */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ssl, PEER_CHAIN_MAX);
	SSL_CTX_set_verify_depth(ssl, (int)s->tls->depth);
	ERR_clear_error();
	err = set_ciphers(ssl, s, diag);
	if (set_ciphersuites(ssl, s, diag) < 0)
		err = SW_ECONF;
	if (set_algorithms(ssl, s, diag) < 0)
		err = SW_ECONF;
	if (err < 0)
		goto fail;
	sw_tls_record_install(ssl, c);
	*out = ssl;
	return SW_OK;
fail:
	ERR_clear_error();
	SSL_CTX_free(ssl);
	return err;
}

/* An EC certificate and only ECDHE-RSA suites: TLS 1.2 would fail with every peer, and the texts peers see are no help. */
static void check_suites_fit(SSL_CTX *ssl, const struct sw_conf_cert *set, struct sw_diag *diag)
{
	STACK_OF(SSL_CIPHER) *have = SSL_CTX_get_ciphers(ssl);
	EVP_PKEY *key = X509_get0_pubkey(SSL_CTX_get0_certificate(ssl));
	int want = key && EVP_PKEY_is_a(key, "RSA") ? NID_auth_rsa : NID_auth_ecdsa;

	for (int i = 0; i < sk_SSL_CIPHER_num(have); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(have, i);

		if (SSL_CIPHER_get_auth_nid(c) == want)
			return;
	}
	sw_diag_add(diag, SW_DIAG_WARN, set->cert, 0,
		    "no TLS 1.2 suite fits the certificate's key (%s): TLS 1.3 alone will work; see tls.ciphers",
		    want == NID_auth_rsa ? "RSA" : "EC");
}

static int set_resumption(SSL_CTX *ssl, bool resume, const unsigned char sid_ctx[32])
{
	/* Without a session id context a resumption attempt would fail the handshake, even where none is resumed. */
	if (SSL_CTX_set_session_id_context(ssl, sid_ctx, 32) != 1 || SSL_CTX_set_num_tickets(ssl, resume ? 1 : 0) != 1)
		return SW_ECRYPTO;
	if (resume) {
		SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_SERVER);
		SSL_CTX_sess_set_cache_size(ssl, SESSIONS_MAX);
		SSL_CTX_set_timeout(ssl, SESSION_SECONDS);
	}
	return SW_OK;
}

static int send_ca_names(SSL_CTX *ssl, const struct sw_trust *trust, const struct settings *s, struct sw_diag *diag)
{
	STACK_OF(X509_NAME) *names = sw_trust_names(trust);
	int bytes = 0;

	if (!names)
		return SW_ENOMEM;
	for (int i = 0; i < sk_X509_NAME_num(names); i++) {
		int n = i2d_X509_NAME(sk_X509_NAME_value(names, i), NULL);

		bytes += n > 0 ? n + 2 : 0;
	}
	if (bytes > CA_NAMES_MAX) {
		sw_diag_add(diag, SW_DIAG_WARN, s->file, s->line, "the names of %d CAs are too long to send: none are sent",
			    sk_X509_NAME_num(names));
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return SW_OK;
	}
	SSL_CTX_set_client_CA_list(ssl, names);   /* takes them */
	return SW_OK;
}

/* --- server --- */

/*
 * Revocation in the handshake is the most lenient of the zones that may come in here, for the zone isn't known yet; admission
 * applies the zone's own.
 */
static enum sw_revocation handshake_revocation(const struct sw_conf *conf, const struct sw_conf_listener *l)
{
	bool soft = false;

	for (size_t i = 0; i < conf->n_zones; i++) {
		const struct sw_conf_zone *z = &conf->zones[i];

		for (size_t k = 0; k < z->listeners.n; k++) {
			if (strcmp(z->listeners.v[k], l->name) != 0 || z->trust.n == 0)
				continue;
			if (z->revocation == SW_REVOCATION_OFF)
				return SW_REVOCATION_OFF;
			soft = true;
		}
	}
	return soft ? SW_REVOCATION_SOFT : SW_REVOCATION_OFF;
}

struct server {
	struct settings settings;
	const struct sw_conf_listener *listener;
	unsigned char sid_ctx[32];
};

static int server_ssl_ctx(SSL_CTX **out, const struct server *sv, const struct sw_conf_cert *set, struct sw_tls_ctx *c,
			  struct sw_diag *diag)
{
	const struct sw_conf_listener *l = sv->listener;
	bool mutual = l->transport == SW_TRANSPORT_MTLS;
	SSL_CTX *ssl;
	int err = ssl_ctx_new(&ssl, &sv->settings, c, diag);

	if (err < 0)
		return err;
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | (mutual ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
	err = set_resumption(ssl, !mutual, sv->sid_ctx);
	if (err >= 0)
		err = sw_certset_use(ssl, set, true, diag);
	if (err >= 0) {
		check_suites_fit(ssl, set, diag);
		sw_tls_staple_check(ssl, c, set->cert, diag);
		if (l->send_ca_names && c->trust)
			err = send_ca_names(ssl, c->trust, &sv->settings, diag);
	}
	if (err < 0) {
		SSL_CTX_free(ssl);
		return err;
	}
	*out = ssl;
	return SW_OK;
}

static int add_sni(struct sw_tls_ctx *c, const struct server *sv, const struct sw_conf_cert *set, struct sw_diag *diag)
{
	struct sw_tls_sni *sni = &c->sni[c->n_sni];
	int err;

	if (!set->name) {
		sw_diag_add(diag, SW_DIAG_ERROR, sv->settings.file, set->line, "a certificate set for SNI needs a name");
		return SW_ECONF;
	}
	err = server_ssl_ctx(&sni->ssl, sv, set, c, diag);
	if (err < 0)
		return err;
	sni->name = strdup(set->name);
	sni->cert_file = strdup(set->cert);
	if (!sni->name || !sni->cert_file) {
		free(sni->name);
		free(sni->cert_file);
		SSL_CTX_free(sni->ssl);
		return SW_ENOMEM;
	}
	c->n_sni++;
	return SW_OK;
}

static struct sw_tls_ctx *ctx_new(const struct sw_conf *conf, const struct sw_trust *trust, bool client)
{
	struct sw_tls_ctx *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	atomic_init(&c->refs, 1);
	c->client = client;
	c->trust = sw_trust_ref(trust);
	c->policy.role = client ? SW_TLS_PEER_IS_SERVER : SW_TLS_PEER_IS_CLIENT;
	c->policy.depth = conf->tls.depth;
	return c;
}

int sw_tls_ctx_server(struct sw_tls_ctx **out, const struct sw_conf *conf, const struct sw_conf_listener *l,
		      const struct sw_trust *union_trust, enum sw_eku_policy eku, struct sw_diag *diag)
{
	struct server sv = { .settings = { &conf->tls, conf->path, l->line, l->cbc }, .listener = l };
	struct sw_tls_ctx *c;
	int err = SW_ECONF;

	if (!l->cert.cert || l->transport == SW_TRANSPORT_TCP) {
		sw_diag_add(diag, SW_DIAG_ERROR, conf->path, l->line, "listener \"%s\" has no certificate", l->name);
		return SW_ECONF;
	}
	if (l->transport == SW_TRANSPORT_MTLS && !union_trust) {
		sw_diag_add(diag, SW_DIAG_ERROR, conf->path, l->line,
			    "listener \"%s\" requires certificates, but no zone on it has a trust list", l->name);
		return SW_ECONF;
	}
	c = ctx_new(conf, union_trust, false);
	if (!c)
		return SW_ENOMEM;
	c->enforce = l->transport == SW_TRANSPORT_MTLS;
	c->staple = l->staple;
	c->policy.eku = eku;
	c->policy.revocation = handshake_revocation(conf, l);
	sw_random(sv.sid_ctx, sizeof(sv.sid_ctx));
	c->sni = calloc(l->n_sni + 1, sizeof(*c->sni));
	c->cert_file = strdup(l->cert.cert);
	err = c->sni && c->cert_file ? server_ssl_ctx(&c->ssl, &sv, &l->cert, c, diag) : SW_ENOMEM;
	for (size_t i = 0; c->sni && i < l->n_sni; i++) {
		int e = add_sni(c, &sv, &l->sni[i], diag);   /* all, so that every fault is told */

		if (err >= 0)
			err = e;
	}
	if (err < 0) {
		sw_tls_ctx_unref(c);
		return err;
	}
	*out = c;
	return SW_OK;
}

/* --- client --- */

static const struct sw_conf_listener *first_listener(const struct sw_conf *conf, const struct sw_conf_zone *z)
{
	return z->listeners.n ? sw_conf_listener(conf, z->listeners.v[0]) : NULL;
}

int sw_tls_ctx_client(struct sw_tls_ctx **out, const struct sw_conf *conf, const struct sw_conf_zone *z,
		      const struct sw_trust *trust, struct sw_diag *diag)
{
	const struct sw_conf_listener *l = first_listener(conf, z);
	struct settings s = { &conf->tls, conf->path, z->line, l && l->cbc };
	const struct sw_conf_cert *set = &z->client_cert;
	struct sw_tls_ctx *c;
	int err;

	if (!trust) {
		sw_diag_add(diag, SW_DIAG_ERROR, conf->path, z->line,
			    "zone \"%s\" has no trust list: no server could prove itself", z->name);
		return SW_ECONF;
	}
	if (!set->cert && l)
		set = &l->cert;
	c = ctx_new(conf, trust, true);
	if (!c)
		return SW_ENOMEM;
	c->enforce = true;
	c->policy.eku = z->eku;
	c->policy.revocation = z->revocation;
	c->ocsp = z->ocsp;
	err = ssl_ctx_new(&c->ssl, &s, c, diag);
	if (err >= 0) {
		SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
		if (c->ocsp != SW_REVOCATION_OFF)
			sw_tls_staple_ask(c->ssl, c);
		/*
		 * OpenSSL presents this certificate to whoever asks, also where the CA names in the request lack its issuer: such
		 * lists are often incomplete, and an empty answer is a sure refusal.
		 */
		if (set->cert && !z->client_cert_none)
			err = sw_certset_use(c->ssl, set, false, diag);
		if (set->cert && err >= 0 && !(c->cert_file = strdup(set->cert)))
			err = SW_ENOMEM;
	}
	if (err < 0) {
		sw_tls_ctx_unref(c);
		return err;
	}
	*out = c;
	return SW_OK;
}

/* --- life --- */

struct sw_tls_ctx *sw_tls_ctx_ref(struct sw_tls_ctx *c)
{
	if (c)
		atomic_fetch_add(&c->refs, 1);
	return c;
}

void sw_tls_ctx_unref(struct sw_tls_ctx *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	for (size_t i = 0; i < c->n_sni; i++) {
		free(c->sni[i].name);
		free(c->sni[i].cert_file);
		SSL_CTX_free(c->sni[i].ssl);
	}
	free(c->sni);
	free(c->cert_file);
	SSL_CTX_free(c->ssl);
	sw_tls_staples_free(c);
	sw_trust_free(c->trust);
	free(c);
}

/* RFC 6066 3: a host name without trailing dot, never an address. */
static int set_server_name(SSL *ssl, const char *server_name)
{
	struct sw_str s = sw_str_of(server_name);
	struct sw_addr a;
	char name[256];

	if (s.n && s.p[s.n - 1] == '.')
		s.n--;
	if (s.n == 0 || sw_addr_parse(&a, s, 0) == SW_OK)
		return SW_OK;
	if (!sw_str_copy(name, sizeof(name), s))
		return SW_EINVALID;
	return SSL_set_tlsext_host_name(ssl, name) == 1 ? SW_OK : SW_ECRYPTO;
}

int sw_tls_ssl_new(SSL **out, struct sw_tls_ctx *c, const char *server_name)
{
	SSL *ssl;

	ERR_clear_error();
	ssl = SSL_new(c->ssl);
	if (!ssl)
		return SW_ENOMEM;
	if (c->client) {
		int err = set_server_name(ssl, server_name);

		if (err < 0) {
			SSL_free(ssl);
			return err;
		}
		SSL_set_connect_state(ssl);
	} else {
		SSL_set_accept_state(ssl);
	}
	*out = ssl;
	return SW_OK;
}
