/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/probe.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <openssl/err.h>
#include "tls/tls_int.h"

enum { RECORD_HEADER = 5 };

/* Everything there is, what nobody should speak too: to learn whether somebody does. */
static const char ALL_12[] = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";
static const char ALL_13[] = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256";
static const char ALL_SIGALGS[] =
	"ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:"
	"rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512:ECDSA+SHA224:RSA+SHA224:ECDSA+SHA1:RSA+SHA1";

struct sw_tls_probe_io {
	int fd, stop_fd;
	SSL_CTX *ctx;
	SSL *ssl;
	SSL_SESSION *session; /* the last one given to us */
	bool read_any;        /* application data came */
	bool settled, asked;  /* nothing was said against us for a while; and then we sent something */
};

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Until fd is ready: SW_OK, SW_ETIMEOUT or SW_EAGAIN for the stop. The deadline counts even when it always is. */
static int wait_for(const struct sw_tls_probe_io *io, short events, int64_t deadline)
{
	struct pollfd p[2] = { { .fd = io->fd, .events = events }, { .fd = io->stop_fd, .events = POLLIN } };
	int64_t left;
	int n;

	do {
		left = deadline - clock_ms();
		n = left > 0 ? poll(p, io->stop_fd >= 0 ? 2 : 1, left > INT32_MAX ? INT32_MAX : (int)left) : 0;
	} while (n < 0 && errno == EINTR);
	if (n > 0 && io->stop_fd >= 0 && p[1].revents)
		return SW_EAGAIN;
	return n > 0 ? SW_OK : SW_ETIMEOUT;
}

static void end(struct sw_tls_probe *p, enum sw_tls_end how, const char *fmt, ...) SW_PRINTF(3, 4);
static void end(struct sw_tls_probe *p, enum sw_tls_end how, const char *fmt, ...)
{
	va_list ap;

	p->end = how;
	va_start(ap, fmt);
	vsnprintf(p->detail, sizeof(p->detail), fmt, ap);
	va_end(ap);
}

/* --- TCP --- */

static int open_tcp(struct sw_tls_probe *p, const struct sw_addr *addr, int64_t deadline)
{
	struct sw_tls_probe_io *io = p->io;
	int one = 1, err = 0, r;
	socklen_t len = sizeof(err);

	io->fd = sw_socket_connect(addr, &err);
	if (io->fd < 0) {
		end(p, SW_TLS_END_UNREACHABLE, "no socket: %s", sw_error_text(io->fd));
		return SW_ECLOSED;
	}
	(void)setsockopt(io->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!err) {
		r = wait_for(io, POLLOUT, deadline);
		if (r == SW_EAGAIN)
			end(p, SW_TLS_END_STOPPED, "stopped");
		else if (r < 0)
			end(p, SW_TLS_END_UNREACHABLE, "no answer to the connection attempt");
		if (r < 0)
			return r;
		if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
			err = errno;
	}
	if (err) {
		end(p, SW_TLS_END_UNREACHABLE, "%s", strerror(err));
		return SW_ECLOSED;
	}
	len = sizeof(p->local);
	if (getsockname(io->fd, &p->local.sa, &len) < 0)
		memset(&p->local, 0, sizeof(p->local));
	return SW_OK;
}

/* --- what the callbacks of a handshake write down --- */

static int keep_chain(struct sw_tls_probe *p, STACK_OF(X509) * sent)
{
	if (p->sent)
		return SW_OK;
	p->n_sent = (size_t)sk_X509_num(sent);
	p->sent = sk_X509_new_null();
	if (!p->sent)
		return SW_ENOMEM;
	for (int i = 0; i < sk_X509_num(sent) && i < SW_TLS_PROBE_CERTS_MAX; i++) {
		X509 *x = sk_X509_value(sent, i);

		if (!sk_X509_push(p->sent, x))
			return SW_ENOMEM;
		X509_up_ref(x);
	}
	p->leaf = sk_X509_value(p->sent, 0);
	return SW_OK;
}

/* In place of OpenSSL's verification: everybody passes, so that there is something to look at. */
static int on_verify(X509_STORE_CTX *x, void *arg)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct sw_tls_probe *p = ssl ? SSL_get_app_data(ssl) : NULL;

	(void)arg;
	return p && keep_chain(p, X509_STORE_CTX_get0_untrusted(x)) == SW_OK;
}

static bool names_ours(SSL *ssl, const X509_NAME *ca)
{
	const X509 *leaf = SSL_get_certificate(ssl);
	STACK_OF(X509) *chain = NULL;

	if (leaf && X509_NAME_cmp(X509_get_issuer_name(leaf), ca) == 0)
		return true;
	SSL_get0_chain_certs(ssl, &chain);
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (X509_NAME_cmp(X509_get_issuer_name(sk_X509_value(chain, i)), ca) == 0)
			return true;
	return false;
}

static void keep_ca(struct sw_tls_probe *p, const X509_NAME *name)
{
	char text[256];

	if (p->n_cas == SW_TLS_PROBE_CA_NAMES_MAX)
		return;
	if (!p->cas)
		p->cas = calloc(SW_TLS_PROBE_CA_NAMES_MAX, sizeof(*p->cas));
	if (!p->cas)
		return;
	sw_x509_name_text(name, text, sizeof(text));
	p->cas[p->n_cas] = strdup(text);
	p->n_cas += p->cas[p->n_cas] != NULL;
}

/* OpenSSL calls this when the server asks for a certificate, whether we have one or not. */
static int on_asked(SSL *ssl, void *arg)
{
	const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);
	struct sw_tls_probe *p = arg;

	if (p->cert_asked)
		return 1;
	p->cert_asked = true;
	p->n_cas_told = (size_t)(names ? sk_X509_NAME_num(names) : 0);
	for (int i = 0; names && i < sk_X509_NAME_num(names); i++) {
		X509_NAME *name = sk_X509_NAME_value(names, i);
		int n = i2d_X509_NAME(name, NULL);

		p->ca_bytes += n > 0 ? (size_t)n + 2 : 0;
		p->ca_names_ours |= names_ours(ssl, name);
		keep_ca(p, name);
	}
	return 1;
}

static int on_staple(SSL *ssl, void *arg)
{
	struct sw_tls_probe *p = SSL_get_app_data(ssl);
	const unsigned char *der = NULL;
	long n = SSL_get_tlsext_status_ocsp_resp(ssl, &der);

	(void)arg;
	if (der && n > 0 && !p->staple) {
		p->staple = malloc((size_t)n);
		if (p->staple) {
			memcpy(p->staple, der, (size_t)n);
			p->staple_len = (size_t)n;
		}
	}
	return 1;
}

static int on_session(SSL *ssl, SSL_SESSION *s)
{
	struct sw_tls_probe *p = SSL_get_app_data(ssl);

	if (!p || !p->io)
		return 0;
	SSL_SESSION_free(p->io->session);
	p->io->session = s; /* taken */
	p->resumable = SSL_SESSION_is_resumable(s) == 1;
	return 1;
}

static void on_info(const SSL *ssl, int where, int ret)
{
	struct sw_tls_probe *p = SSL_get_app_data(ssl);

	if (p && (where & SSL_CB_ALERT) && (where & SSL_CB_READ))
		p->alert = ret & 0xff;
}

/* The first header that came: where it is none, these bytes say what the port speaks. */
static void on_message(int write, int version, int type, const void *buf, size_t len, SSL *ssl, void *arg)
{
	struct sw_tls_probe *p = arg;
	const unsigned char *b = buf;

	(void)version;
	(void)ssl;
	if (write || type != SSL3_RT_HEADER || len < RECORD_HEADER || p->first[0])
		return;
	for (int i = 0; i < RECORD_HEADER; i++)
		p->first[i] = (char)(isprint(b[i]) ? b[i] : '.');
}

/* --- settings --- */

static int ours(struct sw_tls_probe *p, const char *what)
{
	end(p, SW_TLS_END_OURS, "%s", what);
	ERR_clear_error();
	return SW_ECRYPTO;
}

static int use_cert(struct sw_tls_probe *p, const struct sw_conf_cert *cert)
{
	struct sw_diag diag;
	int err;

	sw_diag_init(&diag);
	err = sw_certset_use(p->io->ctx, cert, false, &diag);
	if (err < 0) {
		end(p, SW_TLS_END_OURS, "our certificate can't be used");
		for (size_t i = 0; i < diag.n; i++)
			if (diag.entries[i].level == SW_DIAG_ERROR) {
				end(p, SW_TLS_END_OURS, "%.90s: %.100s", diag.entries[i].file ? diag.entries[i].file : "",
				    diag.entries[i].text);
				break;
			}
	}
	sw_diag_free(&diag);
	return err;
}

static int make_ctx(struct sw_tls_probe *p, const struct sw_tls_probe_opts *o)
{
	SSL_CTX *ctx = p->io->ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx)
		return SW_ENOMEM;
	SSL_CTX_set_security_level(ctx, 0);
	/* The system's openssl.cnf plays no part. */
	SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT);
	SSL_CTX_clear_options(ctx, SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3 |
					   SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, on_verify, NULL);
	SSL_CTX_set_info_callback(ctx, on_info);
	SSL_CTX_set_max_cert_list(ctx, SW_TLS_PROBE_CHAIN_BYTES);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	SSL_CTX_set_tlsext_status_cb(ctx, on_staple);
	if (SSL_CTX_set_min_proto_version(ctx, o->min ? o->min : TLS1_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, o->max) != 1)
		return ours(p, "this OpenSSL does not have the version");
	if (SSL_CTX_set_cipher_list(ctx, o->suites12 ? o->suites12 : ALL_12) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, o->suites13 ? o->suites13 : ALL_13) != 1)
		return ours(p, "this OpenSSL does not have the suite");
	if (o->groups && SSL_CTX_set1_groups_list(ctx, o->groups) != 1)
		return ours(p, "this OpenSSL does not have the group");
	if (SSL_CTX_set1_sigalgs_list(ctx, o->sigalgs ? o->sigalgs : ALL_SIGALGS) != 1)
		return ours(p, "this OpenSSL does not have the signature algorithm");
	SSL_CTX_set_security_level(ctx, 0);
	return o->cert ? use_cert(p, o->cert) : SW_OK;
}

static int make_ssl(struct sw_tls_probe *p, const struct sw_tls_probe_opts *o)
{
	SSL *ssl = p->io->ssl = SSL_new(p->io->ctx);

	if (!ssl || SSL_set_fd(ssl, p->io->fd) != 1)
		return SW_ENOMEM;
	SSL_set_app_data(ssl, p);
	SSL_set_cert_cb(ssl, on_asked, p);
	SSL_set_msg_callback(ssl, on_message);
	SSL_set_msg_callback_arg(ssl, p);
	/* Else a server that never stops sending what is no data would hold us in one call. */
	SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
	if (o->server_name && SSL_set_tlsext_host_name(ssl, o->server_name) != 1)
		return ours(p, "the name can't be sent as SNI");
	if (o->status_request && SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp) != 1)
		return SW_ENOMEM;
	if (o->resume && o->resume->io->session && SSL_set_session(ssl, o->resume->io->session) != 1)
		return ours(p, "the session can't be offered again");
	return SW_OK;
}

/* --- the handshake --- */

/* One step wanted more: waits for it. SW_ECLOSED: it failed. */
static int step(struct sw_tls_probe_io *io, int rc, int64_t deadline)
{
	switch (SSL_get_error(io->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return clock_ms() >= deadline ? SW_ETIMEOUT : SSL_pending(io->ssl) ? SW_OK : wait_for(io, POLLIN, deadline);
	case SSL_ERROR_WANT_WRITE:
		return wait_for(io, POLLOUT, deadline);
	default:
		return SW_ECLOSED;
	}
}

static bool no_tls(const struct sw_tls_probe *p, int reason)
{
	/* Records begin with 20 to 24, shown as '.', and 3. */
	return p->first[0] && (p->first[0] != '.' || p->first[1] != '.' || reason == SSL_R_WRONG_VERSION_NUMBER);
}

static void read_group(struct sw_tls_probe *p)
{
	int nid = (int)SSL_get_negotiated_group(p->io->ssl);
	const char *name = SSL_group_to_name(p->io->ssl, nid);

	snprintf(p->group, sizeof(p->group), "%s", name ? name : "");
	p->group_nid = name ? nid : 0;
}

static void failed(struct sw_tls_probe *p, int err, int errnum)
{
	unsigned long e = ERR_peek_error();
	int reason = ERR_GET_LIB(e) == ERR_LIB_SSL ? ERR_GET_REASON(e) : 0;
	const SSL_CIPHER *pending = SSL_get_pending_cipher(p->io->ssl);
	char text[120];

	if (p->leaf && pending) { /* it chose before it failed */
		snprintf(p->version, sizeof(p->version), "%s", SSL_get_version(p->io->ssl));
		snprintf(p->suite, sizeof(p->suite), "%s", SSL_CIPHER_get_name(pending));
		read_group(p);
	}
	sw_openssl_error(text, sizeof(text));
	if (err == SW_ETIMEOUT)
		end(p, SW_TLS_END_TIMEOUT, "the handshake did not come to an end in time");
	else if (err == SW_EAGAIN)
		end(p, SW_TLS_END_STOPPED, "stopped");
	else if (p->alert > 0)
		end(p, SW_TLS_END_ALERT, "refused with the alert \"%s\" (%d)", sw_tls_alert_name(p->alert), p->alert);
	else if (reason == SSL_R_EXCESSIVE_MESSAGE_SIZE) {
		p->chain_too_long = true;
		end(p, SW_TLS_END_PROTOCOL, "a message of the handshake is longer than %d KiB", SW_TLS_PROBE_CHAIN_BYTES >> 10);
	} else if (no_tls(p, reason))
		end(p, SW_TLS_END_NOT_TLS, "the answer is no TLS: it begins with \"%s\"", p->first);
	else if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING || e == 0 || ERR_SYSTEM_ERROR(e))
		end(p, SW_TLS_END_CLOSED, "the connection was %s in the handshake", errnum == ECONNRESET ? "reset" : "closed");
	else
		end(p, SW_TLS_END_PROTOCOL, "%s", text);
}

static void read_signature(struct sw_tls_probe *p)
{
	SSL *ssl = p->io->ssl;
	int digest = NID_undef, type = NID_undef;

	if (SSL_get_peer_signature_nid(ssl, &digest) != 1 || SSL_get_peer_signature_type_nid(ssl, &type) != 1)
		return;
	snprintf(p->signature_digest, sizeof(p->signature_digest), "%s", digest == NID_undef ? "" : OBJ_nid2sn(digest));
	snprintf(p->signature, sizeof(p->signature), "%s with %s",
		 type == EVP_PKEY_RSA_PSS ? "RSA-PSS"
		 : type == EVP_PKEY_RSA   ? "RSA"
		 : type == EVP_PKEY_EC    ? "ECDSA"
					  : OBJ_nid2sn(type),
		 digest == NID_undef ? "its own digest" : OBJ_nid2sn(digest));
}

static void read_facts(struct sw_tls_probe *p)
{
	SSL *ssl = p->io->ssl;

	snprintf(p->version, sizeof(p->version), "%s", SSL_get_version(ssl));
	snprintf(p->suite, sizeof(p->suite), "%s", SSL_get_cipher_name(ssl));
	read_group(p);
	read_signature(p);
	p->resumed = SSL_session_reused(ssl) == 1;
	p->secure_renegotiation = SSL_version(ssl) >= TLS1_3_VERSION || SSL_get_secure_renegotiation_support(ssl) == 1;
	p->compressed = SSL_get_current_compression(ssl) != NULL;
}

static void handshake(struct sw_tls_probe *p, int64_t deadline)
{
	int rc, err, errnum;

	do {
		ERR_clear_error();
		errno = 0;
		rc = SSL_connect(p->io->ssl);
		errnum = errno;
		err = rc == 1 ? SW_OK : step(p->io, rc, deadline);
	} while (rc != 1 && err == SW_OK);
	if (rc != 1) {
		failed(p, err, errnum);
		return;
	}
	p->end = SW_TLS_END_UP;
	p->alert = -1;
	read_facts(p);
}

int sw_tls_probe_open(struct sw_tls_probe **out, const struct sw_tls_probe_opts *o)
{
	int64_t began = clock_ms(), deadline = began + (int64_t)o->ms, tcp;
	struct sw_tls_probe *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return SW_ENOMEM;
	p->alert = -1;
	p->io = calloc(1, sizeof(*p->io));
	if (!p->io) {
		free(p);
		return SW_ENOMEM;
	}
	p->io->fd = -1;
	p->io->stop_fd = o->stop_fd;
	err = make_ctx(p, o);
	if (err == SW_OK)
		err = open_tcp(p, &o->addr, deadline);
	tcp = clock_ms();
	p->ms_tcp = (uint64_t)(tcp - began);
	if (err == SW_OK)
		err = make_ssl(p, o);
	if (err == SW_OK)
		handshake(p, deadline);
	p->ms_tls = (uint64_t)(clock_ms() - tcp);
	ERR_clear_error();
	if (err == SW_ENOMEM) {
		sw_tls_probe_free(p);
		return err;
	}
	*out = p;
	return SW_OK;
}

void sw_tls_probe_hang_up(struct sw_tls_probe *p)
{
	if (p->io->ssl && p->end == SW_TLS_END_UP)
		SSL_shutdown(p->io->ssl);
	SSL_free(p->io->ssl);
	p->io->ssl = NULL;
	if (p->io->fd >= 0) {
		sw_socket_settle(p->io->fd);
		close(p->io->fd);
		p->io->fd = -1;
	}
	ERR_clear_error();
}

void sw_tls_probe_free(struct sw_tls_probe *p)
{
	if (!p)
		return;
	sw_tls_probe_hang_up(p);
	SSL_SESSION_free(p->io->session);
	SSL_CTX_free(p->io->ctx);
	free(p->io);
	for (size_t i = 0; i < p->n_cas; i++)
		free(p->cas[i]);
	free(p->cas);
	free(p->staple);
	sk_X509_pop_free(p->sent, X509_free);
	free(p);
}

/* --- on the connection --- */

/* It ended. With nothing ever read, that was the answer to our Finished; or, when it had been quiet after that, to what we sent. */
static int ended(struct sw_tls_probe *p, int errnum)
{
	bool hung_up = p->io->settled && p->io->asked;
	char text[120];

	sw_openssl_error(text, sizeof(text));
	if (p->alert > 0)
		end(p, SW_TLS_END_LATE, "after the handshake came the alert \"%s\" (%d)", sw_tls_alert_name(p->alert), p->alert);
	else
		end(p, hung_up ? SW_TLS_END_HUNG_UP : SW_TLS_END_LATE, "after the %s the connection was %s", hung_up ? "request" : "handshake",
		    p->alert == 0          ? "closed (close notify)"
		    : errnum == ECONNRESET ? "reset"
					   : "closed without a word");
	return SW_ECLOSED;
}

bool sw_tls_probe_settle(struct sw_tls_probe *p, uint64_t ms)
{
	int64_t deadline = clock_ms() + (int64_t)ms;
	int err = SW_OK, rc, errnum;
	char one;

	if (p->end != SW_TLS_END_UP || !p->io->ssl)
		return false;
	while (err == SW_OK) {
		ERR_clear_error();
		errno = 0;
		rc = SSL_peek(p->io->ssl, &one, 1);
		errnum = errno;
		if (rc > 0)
			break;
		err = step(p->io, rc, deadline);
	}
	if (err == SW_ECLOSED)
		ended(p, errnum);
	else
		p->io->settled = true;
	return p->end == SW_TLS_END_UP;
}

int sw_tls_probe_send(struct sw_tls_probe *p, const void *buf, size_t n, uint64_t ms)
{
	int64_t deadline = clock_ms() + (int64_t)ms;
	size_t sent = 0;
	int rc, err;

	if (p->end != SW_TLS_END_UP || !p->io->ssl)
		return SW_ECLOSED;
	p->io->asked = true;
	while (sent < n) {
		ERR_clear_error();
		rc = SSL_write(p->io->ssl, (const char *)buf + sent, n - sent > INT32_MAX ? INT32_MAX : (int)(n - sent));
		if (rc > 0) {
			sent += (size_t)rc;
			continue;
		}
		err = step(p->io, rc, deadline);
		if (err < 0)
			return err; /* why it is closed, the next read tells */
	}
	return SW_OK;
}

ssize_t sw_tls_probe_recv(struct sw_tls_probe *p, void *buf, size_t n, uint64_t ms)
{
	int64_t deadline = clock_ms() + (int64_t)ms;
	int rc, err, errnum;

	if (p->end != SW_TLS_END_UP || !p->io->ssl)
		return SW_ECLOSED;
	for (;;) {
		ERR_clear_error();
		errno = 0;
		rc = SSL_read(p->io->ssl, buf, n > INT32_MAX ? INT32_MAX : (int)n);
		errnum = errno;
		if (rc > 0) {
			p->io->read_any = true;
			return rc;
		}
		err = step(p->io, rc, deadline);
		if (err == SW_ECLOSED && !p->io->read_any)
			return ended(p, errnum);
		if (err < 0)
			return err;
	}
}

int sw_tls_probe_renegotiate(struct sw_tls_probe *p, uint64_t ms)
{
	int64_t deadline = clock_ms() + (int64_t)ms;
	int rc = 1, err = SW_OK;
	char one;

	if (p->end != SW_TLS_END_UP || !p->io->ssl || SSL_version(p->io->ssl) >= TLS1_3_VERSION || SSL_renegotiate(p->io->ssl) != 1)
		return SW_EINVALID;
	do {
		ERR_clear_error();
		rc = SSL_do_handshake(p->io->ssl);
		err = rc == 1 ? SW_OK : step(p->io, rc, deadline);
	} while (rc != 1 && err == SW_OK);
	/* A server that says "no" by going on as if nothing had been said: it read our ClientHello or it did not. */
	while (rc == 1 && err == SW_OK && SSL_renegotiate_pending(p->io->ssl)) {
		ERR_clear_error();
		rc = SSL_peek(p->io->ssl, &one, 1);
		err = rc > 0 ? SW_OK : step(p->io, rc, deadline);
		rc = 1;
	}
	ERR_clear_error();
	return err == SW_ECLOSED ? 0 : err < 0 ? err : 1;
}

bool sw_tls_has_group(const char *name)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	bool has = ctx && SSL_CTX_set1_groups_list(ctx, name) == 1;

	SSL_CTX_free(ctx);
	ERR_clear_error();
	return has;
}

static int group_nid(const char *name)
{
	int nid = EC_curve_nist2nid(name);

	return nid != NID_undef ? nid : OBJ_sn2nid(name);
}

bool sw_tls_chose_group(const struct sw_tls_probe *p, const char *name)
{
	return p->group_nid != 0 && p->group_nid == group_nid(name);
}

const char *sw_tls_leaf_group(const struct sw_tls_probe *p)
{
	static const char *const curves[] = { "P-256", "P-384", "P-521" };
	EVP_PKEY *key = p->leaf ? X509_get0_pubkey(p->leaf) : NULL;
	char name[64];
	size_t n;

	if (key && EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, name, sizeof(name), &n) == 1)
		for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
			if (group_nid(curves[i]) == OBJ_sn2nid(name))
				return curves[i];
	return "";
}

const char *sw_tls_alert_text(int alert)
{
	return sw_tls_alert_name(alert);
}

const char *sw_tls_alert_meaning(int alert, bool ours_shown)
{
	switch (alert) {
	case 40:
		return ours_shown ? "no common settings, or it does not take our certificate: see the versions, suites and CA "
				    "list shown"
				  : "no common version, suite or group; some servers also say it where they miss a client "
				    "certificate";
	case 41:
	case 116:
		return ours_shown ? "it got no certificate although we have one: nothing of ours fits what it asked for"
				  : "it insists on a certificate of ours, and we showed none: say --cert and --key";
	case 42:
		return ours_shown ? "it can't use our certificate: its content or our chain is not to its liking; send the whole "
				    "chain, and look at the names"
				  : "it wants a certificate of ours, and we showed none";
	case 43:
		return "our certificate is of the wrong kind for it: mostly no clientAuth in the extended key usage; get one "
		       "with clientAuth, or let the "
		       "far end accept serverAuth";
	case 44:
		return "the far end believes our certificate revoked: replace it";
	case 45:
		return "our certificate has expired, or the far end's clock is wrong";
	case 46:
		return "it does not accept our certificate for a reason of its own: mostly a name that it does not expect; ask "
		       "the far end for its log";
	case 48:
		return "the far end does not know the CA of our certificate: it must import our root, or we send the missing "
		       "intermediates, or use another CA";
	case 49:
		return "our certificate is good, and we are not let in: the far end's access rules have to change";
	case 51:
		return "a signature did not verify: key and certificate of ours do not fit, or something between rewrites";
	case 70:
		return "it speaks none of the versions offered";
	case 71:
		return "what was offered is too weak for it";
	case 80:
		return "the far end failed by itself: its log tells";
	case 86:
		return "it believes that a better version was kept from it";
	case 109:
		return "it misses an extension, mostly SNI";
	case 112:
		return "it does not know the name sent as SNI: it has no certificate for it";
	case 113:
		return "it did not like a stapled answer";
	case 120:
		return "it insists on an application protocol (ALPN): this is no SIP port";
	default:
		return "the far end's log tells more";
	}
}

void sw_tls_thread_end(void)
{
	OPENSSL_thread_stop();
}
