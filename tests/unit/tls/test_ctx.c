/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts against peers of every kind: versions, suites, resumption, certificates by name; and what is refused at start. */
#include "lab.h"
#include "tls/tls_int.h"

static struct sw_conf_tls policy = { .depth = 4 };   /* the defaults */
static struct sw_conf_listener listener;
static struct sw_conf conf;
static struct sw_trust *trust;

static void set_listener(enum sw_transport transport, const char *cert)
{
	char file[64];

	free(listener.cert.cert);
	free(listener.cert.key);
	snprintf(file, sizeof(file), "%s.pem", cert);
	listener = (struct sw_conf_listener){ .name = (char *)"in", .transport = transport, .send_ca_names = true };
	listener.cert.cert = lab_kept(file);
	snprintf(file, sizeof(file), "%s.key", cert);
	listener.cert.key = lab_kept(file);
	conf = (struct sw_conf){ .path = (char *)"test.conf", .tls = policy, .listeners = &listener, .n_listeners = 1 };
}

static struct sw_tls_ctx *server(enum sw_transport transport, const char *cert)
{
	struct sw_tls_ctx *c = NULL;

	set_listener(transport, cert);
	assert_int_equal(sw_tls_ctx_server(&c, &conf, &listener, trust, SW_EKU_SERVER_OR_CLIENT, NULL), 0);
	return c;
}

/* --- a peer that does as it is told, over memory --- */

struct pair {
	SSL *client, *server;
	struct sw_tls_peer peer;
	struct sw_tls_record rec;
	int client_result, server_result;
};

static void pair_open(struct pair *p, struct sw_tls_ctx *c, SSL_CTX *client_ctx)
{
	BIO *a, *b;

	*p = (struct pair){ 0 };
	assert_int_equal(sw_tls_ssl_new(&p->server, c, NULL), 0);
	sw_tls_record_init(&p->rec, &p->peer, p->server);
	p->client = SSL_new(client_ctx);
	assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
	SSL_set_bio(p->client, a, a);
	SSL_set_bio(p->server, b, b);
	SSL_set_connect_state(p->client);
}

/* True when both ends finished; what the client has to read from the server afterwards is read, so that refusals arrive. */
static bool pair_run(struct pair *p, const struct sw_tls_ctx *c)
{
	char byte;

	for (int i = 0; i < 20; i++) {
		if (p->client_result != 1)
			p->client_result = SSL_do_handshake(p->client);
		if (p->server_result != 1)
			p->server_result = SSL_do_handshake(p->server);
	}
	if (p->client_result == 1)
		(void)SSL_read(p->client, &byte, 1);
	if (p->server_result == 1)
		assert_int_equal(sw_tls_record_finish(&p->rec, p->server, c), 0);
	ERR_clear_error();
	return p->client_result == 1 && p->server_result == 1;
}

static void pair_close(struct pair *p)
{
	SSL_shutdown(p->client);   /* keeps its session usable */
	SSL_shutdown(p->server);
	SSL_free(p->client);
	SSL_free(p->server);
	sw_tls_peer_clear(&p->peer);
}

static SSL_CTX *client(const char *cert, int version)
{
	SSL_CTX *c = SSL_CTX_new(TLS_method());
	char file[64];

	SSL_CTX_set_security_level(c, 0);
	SSL_CTX_set_min_proto_version(c, version);
	SSL_CTX_set_max_proto_version(c, version);
	if (cert) {
		snprintf(file, sizeof(file), "%s.pem", cert);
		assert_int_equal(SSL_CTX_use_certificate_chain_file(c, lab(file)), 1);
		snprintf(file, sizeof(file), "%s.key", cert);
		assert_int_equal(SSL_CTX_use_PrivateKey_file(c, lab(file), SSL_FILETYPE_PEM), 1);
	}
	return c;
}

static bool handshake(struct sw_tls_ctx *c, SSL_CTX *client_ctx, struct pair *p)
{
	pair_open(p, c, client_ctx);
	return pair_run(p, c);
}

/* --- versions and suites --- */

static void test_old_versions(void **state)
{
	static const enum sw_transport both[] = { SW_TRANSPORT_TLS, SW_TRANSPORT_MTLS };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sw_tls_ctx *c = server(both[i], "edge-rsa");
		SSL_CTX *old = client("partner", TLS1_1_VERSION), *now = client("partner", TLS1_2_VERSION);
		struct pair p;

		SSL_CTX_set_cipher_list(old, "ALL:@SECLEVEL=0");
		assert_false(handshake(c, old, &p));
		assert_int_equal(p.rec.alert_out, 70);   /* protocol_version */
		pair_close(&p);
		assert_true(handshake(c, now, &p));
		pair_close(&p);
		SSL_CTX_free(old);
		SSL_CTX_free(now);
		sw_tls_ctx_unref(c);
	}
}

/* A client offers the suites in reverse; each time the one chosen is taken away. Which are chosen, in order? */
static void order(struct sw_tls_ctx *c, int version, const char *const *suites, int n, char *dst)
{
	int gone = 0;

	dst[0] = '\0';
	for (;;) {
		SSL_CTX *cl = client("partner", version);
		char list[512] = "";
		struct pair p;
		bool ok;

		for (int i = n; i-- > gone;)
			sprintf(list + strlen(list), "%s%s", list[0] ? ":" : "", suites[i]);
		if (version == TLS1_3_VERSION)
			SSL_CTX_set_ciphersuites(cl, list);
		else
			SSL_CTX_set_cipher_list(cl, list);
		ok = list[0] && handshake(c, cl, &p);
		SSL_CTX_free(cl);
		if (!list[0])
			return;
		sprintf(dst + strlen(dst), "%s%s", dst[0] ? " " : "", ok ? p.peer.cipher : "-");
		pair_close(&p);
		gone++;
	}
}

static const char *const SUITES12[] = { "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305",
					"ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA256" };
static const char *const SUITES13[] = { "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256" };

static void test_suite_order(void **state)
{
	struct sw_tls_ctx *c;
	char got[512];

	(void)state;
	c = server(SW_TRANSPORT_TLS, "edge-rsa");
	order(c, TLS1_3_VERSION, SUITES13, 3, got);
	assert_string_equal(got, "TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 TLS_AES_128_GCM_SHA256");
	order(c, TLS1_2_VERSION, SUITES12, 5, got);
	assert_string_equal(got, "ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-CHACHA20-POLY1305 - -");
	sw_tls_ctx_unref(c);

	/* the knob decides, whatever tls.ciphers lists */
	policy.ciphers = (char *)"ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
	c = server(SW_TRANSPORT_TLS, "edge-rsa");
	order(c, TLS1_2_VERSION, SUITES12, 5, got);
	assert_string_equal(got, "ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 - - -");
	sw_tls_ctx_unref(c);
	policy.ciphers = NULL;

	set_listener(SW_TRANSPORT_TLS, "edge-rsa");
	listener.cbc = true;
	assert_int_equal(sw_tls_ctx_server(&c, &conf, &listener, trust, SW_EKU_STRICT, NULL), 0);
	order(c, TLS1_2_VERSION, SUITES12, 5, got);
	assert_string_equal(got, "ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-CHACHA20-POLY1305 "
				 "ECDHE-RSA-AES256-SHA384 ECDHE-RSA-AES128-SHA256");
	sw_tls_ctx_unref(c);
}

static void test_weak_suites(void **state)
{
	static const char *const bad[] = { "AES128-SHA", "AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA", "AECDH-AES256-SHA" };
	struct sw_tls_ctx *c = server(SW_TRANSPORT_TLS, "edge-rsa");

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		SSL_CTX *cl = client(NULL, TLS1_2_VERSION);
		struct pair p;

		assert_int_equal(SSL_CTX_set_cipher_list(cl, bad[i]), 1);
		assert_false(handshake(c, cl, &p));
		pair_close(&p);
		SSL_CTX_free(cl);
	}
	sw_tls_ctx_unref(c);
}

static void test_renegotiation(void **state)
{
	struct sw_tls_ctx *c = server(SW_TRANSPORT_TLS, "edge-rsa");
	SSL_CTX *cl = client(NULL, TLS1_2_VERSION);
	struct pair p;
	char byte;

	(void)state;
	assert_true(handshake(c, cl, &p));
	assert_int_equal(SSL_renegotiate(p.client), 1);
	for (int i = 0; i < 5; i++) {
		(void)SSL_do_handshake(p.client);
		(void)SSL_read(p.server, &byte, 1);
	}
	assert_int_equal(p.rec.alert_out, 100);   /* no_renegotiation */
	pair_close(&p);
	SSL_CTX_free(cl);
	sw_tls_ctx_unref(c);
}

/* --- resumption --- */

static SSL_SESSION *last_session;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(last_session);
	last_session = session;
	return 1;
}

/* Two connections, the second offering what the first gave: was it resumed? */
static bool resumes_as(struct sw_tls_ctx *c, const char *cert, int version, bool tickets, struct pair *second)
{
	SSL_CTX *cl = client(cert, version);
	struct pair p;
	bool reused;

	if (!tickets)
		SSL_CTX_set_options(cl, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(cl, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(cl, keep_session);
	assert_true(handshake(c, cl, &p));
	pair_close(&p);
	pair_open(second, c, cl);
	if (last_session)
		SSL_set_session(second->client, last_session);
	assert_true(pair_run(second, c));
	reused = SSL_session_reused(second->server);
	SSL_SESSION_free(last_session);
	last_session = NULL;
	SSL_CTX_free(cl);
	return reused;
}

static bool resumes(struct sw_tls_ctx *c, int version, bool tickets, struct pair *second)
{
	return resumes_as(c, "partner", version, tickets, second);
}

static void test_mutual_never_resumes(void **state)
{
	struct sw_tls_ctx *c = server(SW_TRANSPORT_MTLS, "edge-rsa");
	struct pair p;

	(void)state;
	assert_false(resumes(c, TLS1_2_VERSION, false, &p));   /* by session id */
	pair_close(&p);
	assert_false(resumes(c, TLS1_2_VERSION, true, &p));    /* by ticket */
	pair_close(&p);
	assert_false(resumes(c, TLS1_3_VERSION, true, &p));    /* by pre-shared key */
	assert_int_equal(p.peer.chain.reason, SW_R_OK);
	pair_close(&p);
	sw_tls_ctx_unref(c);
}

static void test_optional_resumes_and_judges_again(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sw_tls_ctx *c = server(SW_TRANSPORT_TLS, "edge-rsa");
		struct pair p;

		assert_true(resumes(c, versions[i], true, &p));
		/* the facts are whole, the chain with its intermediate among them */
		assert_int_equal(p.peer.chain.reason, SW_R_OK);
		assert_non_null(p.peer.identity);
		assert_int_equal(sk_X509_num(p.peer.untrusted), 1);
		pair_close(&p);
		sw_tls_ctx_unref(c);
	}
}

/* The cache is not for strangers' certificates: whoever likes makes 64 KiB of them. One without any is resumed. */
static void test_unproved_is_not_kept(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sw_tls_ctx *c = server(SW_TRANSPORT_TLS, "edge-rsa");
		struct pair p;

		assert_false(resumes_as(c, "rogue", versions[i], true, &p));
		assert_true(p.peer.has_cert);
		assert_int_equal(p.peer.chain.reason, SW_R_TLS_CHAIN);
		pair_close(&p);
		assert_int_equal(SSL_CTX_sess_number(c->ssl), 0);
		assert_true(resumes_as(c, NULL, versions[i], true, &p));
		assert_false(p.peer.has_cert);
		pair_close(&p);
		sw_tls_ctx_unref(c);
	}
}

/* A client that sends cert with n others. */
static SSL_CTX *crowd(const char *cert, int n)
{
	SSL_CTX *c = client(cert, TLS1_3_VERSION);
	STACK_OF(X509) *more = lab_certs("edge-rsa");

	SSL_CTX_clear_chain_certs(c);
	for (int i = 0; i < n; i++)
		assert_int_equal(SSL_CTX_add1_chain_cert(c, sk_X509_value(more, 0)), 1);
	sk_X509_pop_free(more, X509_free);
	return c;
}

static void test_many_certificates(void **state)
{
	struct sw_tls_ctx *c = server(SW_TRANSPORT_TLS, "edge-rsa");
	struct pair p;
	SSL_CTX *cl;

	(void)state;
	cl = crowd("rogue", 4);
	assert_true(handshake(c, cl, &p));
	assert_int_equal(sk_X509_num(p.peer.untrusted), 4);
	pair_close(&p);
	SSL_CTX_free(cl);
	cl = crowd("rogue", 31);   /* what proves nothing isn't searched again for every zone */
	assert_true(handshake(c, cl, &p));
	assert_int_equal(p.peer.chain.reason, SW_R_TLS_CHAIN);
	assert_null(p.peer.untrusted);
	pair_close(&p);
	SSL_CTX_free(cl);
	cl = crowd("rogue", 32);
	assert_false(handshake(c, cl, &p));
	assert_string_equal(p.peer.chain.error_text, "more than 32 certificates");
	pair_close(&p);
	SSL_CTX_free(cl);
	sw_tls_ctx_unref(c);
}

/* --- the client's certificate --- */

static void test_optional_certificate(void **state)
{
	struct sw_tls_ctx *c = server(SW_TRANSPORT_TLS, "edge");
	SSL_CTX *none = client(NULL, TLS1_3_VERSION), *rogue = client("rogue", TLS1_3_VERSION), *good = client("partner", TLS1_3_VERSION);
	struct pair p;

	(void)state;
	assert_true(handshake(c, none, &p));
	assert_false(p.peer.has_cert);
	assert_int_equal(p.peer.chain.reason, SW_R_TLS_NO_CERT);
	pair_close(&p);
	assert_true(handshake(c, rogue, &p));   /* only recorded */
	assert_true(p.peer.has_cert);
	assert_int_equal(p.peer.chain.reason, SW_R_TLS_CHAIN);
	assert_string_equal(p.peer.identity->issuer, "CN=Rogue Root CA,O=sipward lab");
	pair_close(&p);
	assert_true(handshake(c, good, &p));
	assert_int_equal(p.peer.chain.reason, SW_R_OK);
	assert_string_equal(p.peer.version, "TLSv1.3");
	assert_string_equal(p.peer.cipher, "TLS_AES_256_GCM_SHA384");
	assert_string_equal(p.peer.group, "x25519");
	pair_close(&p);
	SSL_CTX_free(none);
	SSL_CTX_free(rogue);
	SSL_CTX_free(good);
	sw_tls_ctx_unref(c);
}

static void test_required_certificate(void **state)
{
	static const struct {
		const char *cert;
		int alert;
	} cases[] = {
		{ "partner", -1 },   { "eku-server", -1 }, { NULL, 116 },       { "rogue", 48 },
		{ "expired", 45 },   { "future", 42 },     { "eku-sip", 43 },
	};
	struct sw_tls_ctx *c = server(SW_TRANSPORT_MTLS, "edge");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		SSL_CTX *cl = client(cases[i].cert, TLS1_3_VERSION);
		struct pair p;
		bool ok = handshake(c, cl, &p);

		if (ok != (cases[i].alert < 0) || p.rec.alert_out != cases[i].alert)
			fail_msg("%s: %s, alert %d", cases[i].cert ? cases[i].cert : "none", ok ? "accepted" : "refused", p.rec.alert_out);
		pair_close(&p);
		SSL_CTX_free(cl);
	}
	sw_tls_ctx_unref(c);

	/* before TLS 1.3 there is no alert of its own for it */
	c = server(SW_TRANSPORT_MTLS, "edge-rsa");
	for (int with = 0; with < 2; with++) {
		SSL_CTX *cl = client(with ? "partner" : NULL, TLS1_2_VERSION);
		struct pair p;

		assert_int_equal(handshake(c, cl, &p), with);
		assert_int_equal(p.rec.alert_out, with ? -1 : 40);
		pair_close(&p);
		SSL_CTX_free(cl);
	}
	sw_tls_ctx_unref(c);
}

static int look_at_names(SSL *ssl, void *arg)
{
	const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);

	*(int *)arg = names ? sk_X509_NAME_num(names) : 0;
	return 1;
}

static void test_ca_names(void **state)
{
	(void)state;
	for (int send = 0; send < 2; send++) {
		struct sw_tls_ctx *c = NULL;
		SSL_CTX *cl = client("partner", TLS1_3_VERSION);
		struct pair p;
		int seen = -1;

		set_listener(SW_TRANSPORT_MTLS, "edge");
		listener.send_ca_names = send;
		assert_int_equal(sw_tls_ctx_server(&c, &conf, &listener, trust, SW_EKU_STRICT, NULL), 0);
		SSL_CTX_set_cert_cb(cl, look_at_names, &seen);
		assert_true(handshake(c, cl, &p));
		assert_int_equal(seen, send);
		pair_close(&p);
		SSL_CTX_free(cl);
		sw_tls_ctx_unref(c);
	}
}

/* --- as a client --- */

static int accept_all(X509_STORE_CTX *x, void *arg)
{
	(void)x;
	(void)arg;
	return 1;
}

/* What a bare server that names only a foreign CA in its request gets to see: the CN, or "" for an empty Certificate. */
static void presented(const struct sw_conf_zone *z, int version, char *dst, size_t size)
{
	SSL_CTX *sv = client("edge-rsa", version);
	struct sw_tls_ctx *c = NULL;
	struct sw_tls_record rec;
	struct sw_tls_peer peer = { 0 };
	SSL *a, *b;
	BIO *x, *y;

	dst[0] = '\0';
	SSL_CTX_set_verify(sv, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(sv, accept_all, NULL);
	SSL_CTX_set_client_CA_list(sv, SSL_load_client_CA_file(lab("rogue-root.pem")));
	assert_int_equal(sw_tls_ctx_client(&c, &conf, z, trust, NULL), 0);
	assert_int_equal(sw_tls_ssl_new(&a, c, "edge.example.com."), 0);
	sw_tls_record_init(&rec, &peer, a);
	b = SSL_new(sv);
	assert_int_equal(BIO_new_bio_pair(&x, 0, &y, 0), 1);
	SSL_set_bio(a, x, x);
	SSL_set_bio(b, y, y);
	SSL_set_accept_state(b);
	for (int i = 0; i < 10; i++) {
		SSL_do_handshake(a);
		SSL_do_handshake(b);
	}
	assert_true(SSL_is_init_finished(a) && SSL_is_init_finished(b));
	assert_string_equal(SSL_get_servername(b, TLSEXT_NAMETYPE_host_name), "edge.example.com");
	if (SSL_get0_peer_certificate(b))
		X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(b)), NID_commonName, dst, (int)size);
	SSL_free(a);
	SSL_free(b);
	ERR_clear_error();
	sw_tls_peer_clear(&peer);
	SSL_CTX_free(sv);
	sw_tls_ctx_unref(c);
}

static void test_client_certificate(void **state)
{
	char *names[] = { (char *)"in" };
	struct sw_conf_zone z = { .name = (char *)"out", .listeners = { names, 1 } };
	char cn[64];

	(void)state;
	set_listener(SW_TRANSPORT_MTLS, "edge");
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		z.client_cert = (struct sw_conf_cert){ 0 };
		z.client_cert_none = false;
		presented(&z, version, cn, sizeof(cn));
		assert_string_equal(cn, "edge.example.com");   /* the first listener's */
		z.client_cert = (struct sw_conf_cert){ .cert = lab_kept("partner.pem"), .key = lab_kept("partner.key") };
		presented(&z, version, cn, sizeof(cn));
		assert_string_equal(cn, "partner.example.net");
		z.client_cert_none = true;
		presented(&z, version, cn, sizeof(cn));
		assert_string_equal(cn, "");
		free(z.client_cert.cert);
		free(z.client_cert.key);
	}
}

static void test_client_needs_trust(void **state)
{
	struct sw_conf_zone z = { .name = (char *)"out", .client_cert_none = true };
	struct sw_tls_ctx *c = NULL;
	struct sw_diag d;

	(void)state;
	sw_diag_init(&d);
	set_listener(SW_TRANSPORT_MTLS, "edge");
	assert_int_equal(sw_tls_ctx_client(&c, &conf, &z, NULL, &d), SW_ECONF);
	assert_true(lab_diag_has(&d, SW_DIAG_ERROR, "no trust list"));
	sw_diag_free(&d);
}

/* --- our certificate, by the name asked for --- */

static void subject_for(struct sw_tls_ctx *c, const char *sni, char *dst, size_t size)
{
	SSL_CTX *cl = client("partner", TLS1_3_VERSION);
	struct pair p;

	pair_open(&p, c, cl);
	if (sni)
		SSL_set_tlsext_host_name(p.client, sni);
	assert_true(pair_run(&p, c));
	assert_string_equal(p.peer.sni, sni ? sni : "");
	assert_int_equal(p.peer.chain.reason, SW_R_OK);   /* verification goes on as it is */
	X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(p.client)), NID_commonName, dst, (int)size);
	pair_close(&p);
	SSL_CTX_free(cl);
}

static void test_sni(void **state)
{
	struct sw_conf_cert sets[2] = {
		{ .name = (char *)"Voice.Example.org", .cert = lab_kept("edge-org.pem"), .key = lab_kept("edge-org.key") },
		{ .name = (char *)"*.pbx.example", .cert = lab_kept("inside.pem"), .key = lab_kept("inside.key") },
	};
	struct sw_tls_ctx *c = NULL;
	char cn[64];

	(void)state;
	set_listener(SW_TRANSPORT_MTLS, "edge");
	listener.sni = sets;
	listener.n_sni = 2;
	assert_int_equal(sw_tls_ctx_server(&c, &conf, &listener, trust, SW_EKU_STRICT, NULL), 0);
	subject_for(c, NULL, cn, sizeof(cn));
	assert_string_equal(cn, "edge.example.com");
	subject_for(c, "voice.example.ORG", cn, sizeof(cn));
	assert_string_equal(cn, "voice.example.org");
	subject_for(c, "a.pbx.example", cn, sizeof(cn));
	assert_string_equal(cn, "pbx.example.com");
	subject_for(c, "a.b.pbx.example", cn, sizeof(cn));
	assert_string_equal(cn, "edge.example.com");
	subject_for(c, "unknown.example", cn, sizeof(cn));
	assert_string_equal(cn, "edge.example.com");
	sw_tls_ctx_unref(c);
	for (int i = 0; i < 2; i++) {
		free(sets[i].cert);
		free(sets[i].key);
	}
}

/* --- what is refused or warned about at start --- */

static void check_start(const char *cert, const char *key, bool ok, enum sw_diag_level level, const char *text)
{
	struct sw_tls_ctx *c = NULL;
	struct sw_diag d;
	int err;

	sw_diag_init(&d);
	set_listener(SW_TRANSPORT_TLS, cert);
	if (key) {
		free(listener.cert.key);
		listener.cert.key = lab_kept(key);
	}
	err = sw_tls_ctx_server(&c, &conf, &listener, NULL, SW_EKU_STRICT, &d);
	if ((err == 0) != ok)
		fail_msg("%s, %s: %d", cert, key ? key : "its key", err);
	if (text && !lab_diag_has(&d, level, text))
		fail_msg("%s, %s: no diagnostic \"%s\"", cert, key ? key : "its key", text);
	if (!text && d.n)
		fail_msg("%s: unexpected \"%s\"", cert, d.entries[0].text);
	sw_diag_free(&d);
	sw_tls_ctx_unref(c);
}

static void test_certificates_at_start(void **state)
{
	char cmd[512];

	(void)state;
	check_start("edge-rsa", NULL, true, SW_DIAG_NOTE, NULL);   /* 3072 bits: silent */
	check_start("edge-rsa2048", NULL, true, SW_DIAG_WARN, "2048 bits: renew");
	check_start("edge-rsa1024", NULL, false, SW_DIAG_ERROR, "1024 bits");
	check_start("edge", NULL, true, SW_DIAG_WARN, "no TLS 1.2 suite fits");
	check_start("expired", NULL, true, SW_DIAG_WARN, "has expired");
	check_start("future", NULL, true, SW_DIAG_WARN, "not valid yet");
	check_start("sha1", NULL, false, SW_DIAG_ERROR, "cannot be used");
	check_start("eku-client", NULL, true, SW_DIAG_WARN, "may not be used by a server");
	check_start("edge-rsa", "partner.key", false, SW_DIAG_ERROR, "does not belong");
	check_start("edge-rsa", "absent.key", false, SW_DIAG_ERROR, "cannot be read");
	check_start("edge-rsa", "edge-rsa.pem", false, SW_DIAG_ERROR, "every user");
	snprintf(cmd, sizeof(cmd), "cd %s && cp edge-rsa.key open.key && chmod 644 open.key && cp edge-rsa.key group.key && "
		 "chmod 640 group.key && openssl pkey -in edge-rsa.key -aes128 -passout pass:x -out locked.key && "
		 "cat edge-rsa.pem root.pem rogue-root.pem >mixed.pem && cp edge-rsa.key mixed.key && echo >empty.key && chmod 600 *.key",
		 lab_dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(chmod(lab("open.key"), 0644), 0);
	assert_int_equal(chmod(lab("group.key"), 0640), 0);
	check_start("edge-rsa", "open.key", false, SW_DIAG_ERROR, "every user");
	check_start("edge-rsa", "group.key", true, SW_DIAG_NOTE, NULL);
	check_start("edge-rsa", "locked.key", false, SW_DIAG_ERROR, "encrypted");
	check_start("edge-rsa", "empty.key", false, SW_DIAG_ERROR, "no usable private key");
	check_start("mixed", NULL, true, SW_DIAG_WARN, "certificate 4 is not the issuer of certificate 3");
}

/* --- what is refused in place of what was --- */

static struct sw_tls_ctx *presents(const char *cert)
{
	struct sw_tls_ctx *c = NULL;

	set_listener(SW_TRANSPORT_TLS, cert);
	assert_int_equal(sw_tls_ctx_server(&c, &conf, &listener, NULL, SW_EKU_STRICT, NULL), 0);
	return c;
}

static void check_replace(const char *old, const char *next, const char *text)
{
	struct sw_tls_ctx *a = presents(old), *b = presents(next);
	const struct sw_tls_ctx *all[] = { NULL, a };
	struct sw_diag d;
	int err;

	sw_diag_init(&d);
	err = sw_tls_ctx_may_replace(b, all, 2, &d);
	if ((err < 0) != (text != NULL))
		fail_msg("%s in place of %s: %d", next, old, err);
	if (text && !(lab_diag_has(&d, SW_DIAG_ERROR, text) && strstr(d.entries[0].file, next)))
		fail_msg("%s in place of %s: no error \"%s\" at its file", next, old, text);
	if (!text)
		assert_int_equal(d.n, 0);
	sw_diag_free(&d);
	sw_tls_ctx_unref(a);
	sw_tls_ctx_unref(b);
}

static void test_a_renewal_that_is_worse(void **state)
{
	char cmd[1024];

	(void)state;
	/* another CA's intermediate; the right one after it; an intermediate that is not needed */
	snprintf(cmd, sizeof(cmd), "cd %s && openssl x509 -in edge-rsa2048.pem -out leaf && cat leaf int-server.pem >other-ca.pem && "
		 "cat leaf int-server.pem int.pem >disorder.pem && for n in other-ca disorder; do cp edge-rsa2048.key $n.key; done && chmod 600 *.key",
		 lab_dir);
	assert_int_equal(system(cmd), 0);
	check_replace("edge-rsa", "edge-rsa2048", NULL);
	check_replace("edge-rsa", "disorder", NULL);
	check_replace("edge-rsa", "other-ca", "issued by none");
	check_replace("edge-rsa", "expired", "has expired");
	check_replace("edge-rsa", "future", "not valid yet");
	check_replace("edge-rsa", "partner-nochain", NULL);
	check_replace("edge-rsa", "selfsigned", NULL);
	/* what is presented now is no worse than itself, or nothing could be changed any more once it has expired */
	check_replace("expired", "expired", NULL);
	check_replace("other-ca", "other-ca", NULL);
	check_replace("other-ca", "expired", "has expired");
	check_replace("edge-rsa2048", "other-ca", "issued by none");   /* the same leaf */
}

static void check_tls(struct sw_conf_tls tls, const char *text)
{
	struct sw_tls_ctx *c = NULL;
	struct sw_diag d;

	sw_diag_init(&d);
	set_listener(SW_TRANSPORT_TLS, "edge-rsa");
	conf.tls = tls;
	assert_int_equal(sw_tls_ctx_server(&c, &conf, &listener, NULL, SW_EKU_STRICT, &d), SW_ECONF);
	assert_true(lab_diag_has(&d, SW_DIAG_ERROR, text));
	assert_null(c);
	sw_diag_free(&d);
}

static void test_settings_at_start(void **state)
{
	struct sw_tls_ctx *c = NULL;
	struct sw_diag d;

	(void)state;
	check_tls((struct sw_conf_tls){ .ciphers = (char *)"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-TYPO" }, "ECDHE-RSA-TYPO");
	check_tls((struct sw_conf_tls){ .ciphers = (char *)"HIGH" }, "HIGH");
	check_tls((struct sw_conf_tls){ .ciphers = (char *)"ECDHE-RSA-AES256-GCM-SHA384:ADH-AES128-GCM-SHA256" }, "proves or encrypts nothing");
	check_tls((struct sw_conf_tls){ .ciphersuites = (char *)"TLS_CHACHA_POLY1305_SHA256" }, "ciphersuites");
	check_tls((struct sw_conf_tls){ .groups = (char *)"X25519:P-257" }, "groups");
	check_tls((struct sw_conf_tls){ .sigalgs = (char *)"RSA+SHA999" }, "sigalgs");
	sw_diag_init(&d);
	set_listener(SW_TRANSPORT_MTLS, "edge-rsa");
	assert_int_equal(sw_tls_ctx_server(&c, &conf, &listener, NULL, SW_EKU_STRICT, &d), SW_ECONF);
	assert_true(lab_diag_has(&d, SW_DIAG_ERROR, "no zone on it has a trust list"));
	sw_diag_free(&d);
}

static int setup(void **state)
{
	(void)state;
	if (lab_make("edge,edge-rsa,edge-rsa2048,edge-rsa1024,edge-org,inside,partner,expired,future,rogue,sha1,eku-client,eku-server,"
		     "eku-sip,int-server,partner-nochain,selfsigned"))
		return -1;
	trust = lab_trust("root.pem", NULL, NULL);
	return 0;
}

static int teardown(void **state)
{
	sw_trust_free(trust);
	free(listener.cert.cert);
	free(listener.cert.key);
	return lab_remove(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_old_versions),
		cmocka_unit_test(test_suite_order),
		cmocka_unit_test(test_weak_suites),
		cmocka_unit_test(test_renegotiation),
		cmocka_unit_test(test_mutual_never_resumes),
		cmocka_unit_test(test_optional_resumes_and_judges_again),
		cmocka_unit_test(test_unproved_is_not_kept),
		cmocka_unit_test(test_many_certificates),
		cmocka_unit_test(test_optional_certificate),
		cmocka_unit_test(test_required_certificate),
		cmocka_unit_test(test_ca_names),
		cmocka_unit_test(test_client_certificate),
		cmocka_unit_test(test_client_needs_trust),
		cmocka_unit_test(test_sni),
		cmocka_unit_test(test_certificates_at_start),
		cmocka_unit_test(test_a_renewal_that_is_worse),
		cmocka_unit_test(test_settings_at_start),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
