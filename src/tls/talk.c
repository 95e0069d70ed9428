/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/talk.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "tls/tls_int.h"

enum { WHY = 160 };

struct sw_talk {
	enum sw_talk_kind kind;
	int fd, stop_fd;
	struct sw_addr local;
	SSL_CTX *ctx; /* TLS: both owned */
	SSL *ssl;
	char doubt[WHY];
};

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Until fd is ready: SW_OK, SW_ETIMEOUT or SW_EAGAIN for the stop. */
static int wait_for(const struct sw_talk *t, short events, int64_t deadline)
{
	struct pollfd p[2] = { { .fd = t->fd, .events = events }, { .fd = t->stop_fd, .events = POLLIN } };
	int64_t left;
	int n;

	do {
		left = deadline - clock_ms();
		n = left > 0 ? poll(p, t->stop_fd >= 0 ? 2 : 1, left > INT32_MAX ? INT32_MAX : (int)left) : 0;
	} while (n < 0 && errno == EINTR);
	if (n > 0 && t->stop_fd >= 0 && p[1].revents)
		return SW_EAGAIN;
	return n > 0 ? SW_OK : SW_ETIMEOUT;
}

static int of_errno(int err)
{
	return err == EMSGSIZE ? SW_ELIMIT : SW_ECLOSED;
}

/* --- opening --- */

static int open_socket(struct sw_talk *t, const struct sw_talk_opts *o, int64_t deadline, char why[WHY])
{
	int family = sw_addr_family(&o->addr), err = 0, probe = IP_PMTUDISC_PROBE, r;
	socklen_t len = sizeof(err);

	t->fd = socket(family, (o->kind == SW_TALK_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd < 0) {
		snprintf(why, WHY, "no socket: %s", strerror(errno));
		return SW_ECLOSED;
	}
	if (o->df && (family == AF_INET ? setsockopt(t->fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe))
					: setsockopt(t->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe, sizeof(probe))) < 0) {
		snprintf(why, WHY, "the kernel does not let us forbid fragments: %s", strerror(errno));
		return SW_ECLOSED;
	}
	if (connect(t->fd, &o->addr.sa, sw_addr_len(&o->addr)) < 0)
		err = errno;
	if (err == EINPROGRESS) {
		r = wait_for(t, POLLOUT, deadline);
		if (r < 0) {
			snprintf(why, WHY,
				 r == SW_EAGAIN ? "stopped" : "no answer to the connection attempt: a firewall that drops?");
			return r;
		}
		if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
			err = errno;
	}
	if (err) {
		snprintf(why, WHY, "%s", strerror(err));
		return SW_ECLOSED;
	}
	len = sizeof(t->local);
	if (getsockname(t->fd, &t->local.sa, &len) < 0)
		memset(&t->local, 0, sizeof(t->local));
	return SW_OK;
}

/* One step wanted more: waits for it. */
static int step(struct sw_talk *t, int rc, int64_t deadline)
{
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return wait_for(t, POLLIN, deadline);
	case SSL_ERROR_WANT_WRITE:
		return wait_for(t, POLLOUT, deadline);
	default:
		return SW_ECLOSED;
	}
}

static int handshake(struct sw_talk *t, int64_t deadline, char why[WHY])
{
	char text[100];
	int rc, err;

	for (;;) {
		ERR_clear_error();
		rc = SSL_connect(t->ssl);
		if (rc == 1)
			return SW_OK;
		err = step(t, rc, deadline);
		if (err < 0)
			break;
	}
	sw_openssl_error(text, sizeof(text));
	if (err == SW_ETIMEOUT)
		snprintf(why, WHY, "connected, but there was no TLS handshake in time");
	else
		snprintf(why, WHY, "connected, but the TLS handshake failed: %s", text[0] ? text : "the connection ended");
	return err;
}

static void note_doubt(struct sw_talk *t, const struct sw_talk_opts *o)
{
	char addr[SW_ADDR_STRLEN];
	long r = SSL_get_verify_result(t->ssl);
	X509 *leaf = SSL_get0_peer_certificate(t->ssl);
	unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;

	if (r != X509_V_OK)
		snprintf(t->doubt, sizeof(t->doubt), "%s", X509_verify_cert_error_string(r));
	else if (!leaf)
		snprintf(t->doubt, sizeof(t->doubt), "the server showed no certificate");
	else if (o->server_name && X509_check_host(leaf, o->server_name, strlen(o->server_name), flags, NULL) != 1 &&
		 X509_check_ip_asc(leaf, o->server_name, 0) != 1)
		snprintf(t->doubt, sizeof(t->doubt), "the certificate does not carry %.100s", o->server_name);
	else if (!o->server_name && X509_check_ip_asc(leaf, sw_addr_host_text(&o->addr, addr), 0) != 1)
		snprintf(t->doubt, sizeof(t->doubt), "the certificate does not carry the address %s", addr);
}

static int open_tls(struct sw_talk *t, const struct sw_talk_opts *o, int64_t deadline, char why[WHY])
{
	struct sw_addr literal;
	bool sni = o->server_name && sw_addr_parse(&literal, sw_str_of(o->server_name), 0) < 0; /* RFC 6066 3: a name alone */
	int err;

	snprintf(why, WHY, "out of memory");
	t->ctx = SSL_CTX_new(TLS_client_method());
	if (!t->ctx || SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) != 1)
		return SW_ENOMEM;
	/* A CA store that cannot be read shows as a doubt about every certificate. */
	if (SSL_CTX_set_default_verify_paths(t->ctx) != 1)
		ERR_clear_error();
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_NONE, NULL);
	t->ssl = SSL_new(t->ctx);
	if (!t->ssl || SSL_set_fd(t->ssl, t->fd) != 1 ||
	    (sni && SSL_set_tlsext_host_name(t->ssl, o->server_name) != 1))
		return SW_ENOMEM;
	err = handshake(t, deadline, why);
	if (err == SW_OK)
		note_doubt(t, o);
	return err;
}

int sw_talk_open(struct sw_talk **out, const struct sw_talk_opts *o, char why[WHY])
{
	int64_t deadline = clock_ms() + (int64_t)o->ms;
	struct sw_talk *t = calloc(1, sizeof(*t));
	int err = SW_ENOMEM;

	snprintf(why, WHY, "out of memory");
	if (!t)
		return err;
	t->kind = o->kind;
	t->fd = -1;
	t->stop_fd = o->stop_fd;
	err = open_socket(t, o, deadline, why);
	if (err == SW_OK && o->kind == SW_TALK_TLS)
		err = open_tls(t, o, deadline, why);
	if (err < 0)
		sw_talk_close(t);
	else
		*out = t;
	return err;
}

void sw_talk_close(struct sw_talk *t)
{
	if (!t)
		return;
	if (t->ssl && SSL_is_init_finished(t->ssl))
		SSL_shutdown(t->ssl);
	SSL_free(t->ssl);
	SSL_CTX_free(t->ctx);
	if (t->fd >= 0)
		close(t->fd);
	ERR_clear_error();
	free(t);
}

/* --- talking --- */

static ssize_t send_some(struct sw_talk *t, const char *p, size_t n, int64_t deadline)
{
	ssize_t r;
	int err;

	if (t->ssl) {
		ERR_clear_error();
		r = SSL_write(t->ssl, p, n > INT32_MAX ? INT32_MAX : (int)n);
		if (r > 0)
			return r;
		err = step(t, (int)r, deadline);
		return err < 0 ? err : 0;
	}
	r = send(t->fd, p, n, MSG_NOSIGNAL);
	if (r >= 0)
		return r;
	if (errno != EAGAIN && errno != EINTR)
		return of_errno(errno);
	err = wait_for(t, POLLOUT, deadline);
	return err < 0 ? err : 0;
}

int sw_talk_send(struct sw_talk *t, const void *p, size_t n, uint64_t ms)
{
	int64_t deadline = clock_ms() + (int64_t)ms;
	size_t sent = 0;

	while (sent < n) {
		ssize_t r = send_some(t, (const char *)p + sent, n - sent, deadline);

		if (r < 0)
			return (int)r;
		sent += (size_t)r;
	}
	return SW_OK;
}

static ssize_t recv_some(struct sw_talk *t, void *p, size_t n, int64_t deadline)
{
	ssize_t r;
	int err;

	if (t->ssl) {
		ERR_clear_error();
		r = SSL_read(t->ssl, p, n > INT32_MAX ? INT32_MAX : (int)n);
		if (r > 0)
			return r;
		err = step(t, (int)r, deadline);
		return err < 0 ? err : 0;
	}
	r = recv(t->fd, p, n, 0);
	if (r > 0)
		return r;
	if (r == 0 && t->kind == SW_TALK_TCP)
		return SW_ECLOSED;
	if (r < 0 && errno != EAGAIN && errno != EINTR)
		return of_errno(errno);
	err = wait_for(t, POLLIN, deadline); /* nothing yet, or an empty packet */
	return err < 0 ? err : 0;
}

ssize_t sw_talk_recv(struct sw_talk *t, void *p, size_t n, uint64_t ms)
{
	int64_t deadline = clock_ms() + (int64_t)ms;
	ssize_t r;

	do {
		r = recv_some(t, p, n, deadline);
	} while (r == 0);
	return r;
}

const struct sw_addr *sw_talk_local(const struct sw_talk *t)
{
	return &t->local;
}

int sw_talk_fd(const struct sw_talk *t)
{
	return t->fd;
}

const char *sw_talk_doubt(const struct sw_talk *t)
{
	return t->doubt[0] ? t->doubt : NULL;
}

const char *sw_talk_version(const struct sw_talk *t)
{
	return t->ssl ? SSL_get_version(t->ssl) : "";
}
