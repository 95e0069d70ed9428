/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/fetch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <openssl/err.h>
#include "tls/tls_int.h"

enum { WHY = 160 };

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Until fd is ready. false: the time is over. */
static bool wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left;
	int n;

	do {
		left = deadline - clock_ms();
		n = left > 0 ? poll(&p, 1, (int)left) : 0;
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

static int connect_one(const struct addrinfo *a, int64_t deadline)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = 0;
	socklen_t len = sizeof(err);

	if (fd < 0)
		return -errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		return fd;
	if (errno != EINPROGRESS)
		err = errno;
	else if (!wait_for(fd, POLLOUT, deadline))
		err = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err == 0)
		return fd;
	close(fd);
	return -err;
}

static int connect_any(const char *host, const char *port, int64_t deadline, char why[WHY])
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(host, port, &hints, &list), fd = -ENOENT;

	if (rc != 0) {
		snprintf(why, WHY, "%.100s: %s", host, gai_strerror(rc));
		return SW_ENOTFOUND;
	}
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		fd = connect_one(a, deadline);
	freeaddrinfo(list);
	if (fd < 0)
		snprintf(why, WHY, "%.100s port %.20s: %s", host, port, strerror(-fd));
	return fd < 0 ? SW_ECLOSED : fd;
}

/* The chain as it comes, before the server has said whether it wants one of us. */
static int keep(X509_STORE_CTX *ctx, void *arg)
{
	STACK_OF(X509) **out = arg;

	if (!*out)
		*out = X509_chain_up_ref(X509_STORE_CTX_get0_untrusted(ctx));
	return 1;
}

static bool is_ip(const char *host)
{
	unsigned char raw[16];

	return inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
}

static int handshake(SSL *ssl, int fd, STACK_OF(X509) **out, int64_t deadline, char why[WHY])
{
	int rc = -1, e = SSL_ERROR_WANT_READ;
	char text[100];

	while (!*out && (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)) {
		ERR_clear_error();
		rc = SSL_connect(ssl);
		e = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, rc);
		if (*out || rc == 1)
			break;
		if ((e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) &&
		    !wait_for(fd, e == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) {
			snprintf(why, WHY, "connected, but there was no TLS handshake in time");
			return SW_ETIMEOUT;
		}
	}
	if (*out)
		return SW_OK;
	sw_openssl_error(text, sizeof(text));
	snprintf(why, WHY, "connected, but the TLS handshake failed: %s", e == SSL_ERROR_SYSCALL ? "the connection ended" : text);
	return SW_ECLOSED;
}

int sw_tls_fetch(STACK_OF(X509) **out, const char *host, const char *port, int timeout_ms, char why[WHY])
{
	int64_t deadline = clock_ms() + timeout_ms;
	STACK_OF(X509) *chain = NULL;
	SSL_CTX *ctx = NULL;
	SSL *ssl = NULL;
	int fd = connect_any(host, port, deadline, why);
	int err = fd;

	if (fd < 0)
		return err;
	err = SW_ENOMEM;
	snprintf(why, WHY, "out of memory");
	ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		goto out;
	/* To look at it, a certificate may be as weak as it is. */
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_cert_verify_callback(ctx, keep, &chain);
	ssl = SSL_new(ctx);
	if (!ssl || !SSL_set_fd(ssl, fd) || (!is_ip(host) && !SSL_set_tlsext_host_name(ssl, host)))
		goto out;
	err = handshake(ssl, fd, &chain, deadline, why);
	if (err == SW_OK)
		*out = chain;
	else
		sk_X509_pop_free(chain, X509_free);
out:
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	ERR_clear_error();
	return err;
}
