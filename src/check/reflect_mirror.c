/* SPDX-License-Identifier: Apache-2.0 */
/* The reflector's mirror: SIP over TCP and UDP, and plain UDP ports. One thread polls all of it; nothing here waits. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check/reflect_int.h"
#include "core/buf.h"

enum { STREAMS = 32, STREAM_MS = 10000, PACKETS_PER_TURN = 64, FIRST_STREAM = 3 + SW_REFLECT_UDP_MAX };

struct stream {
	int fd; /* -1: free */
	struct sw_addr peer;
	int64_t end;
	char data[SW_REFLECT_BYTES_MAX];
	size_t have;
};

struct sw_reflect_mirror {
	struct sw_reflect *reflect;
	int sip_tcp, sip_udp;
	int udp[SW_REFLECT_UDP_MAX];
	size_t n_udp;
	struct stream streams[STREAMS];
};

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

const char *sw_reflect_token(const char *p, size_t n, const char *mark)
{
	const char *at = memmem(p, n, mark, strlen(mark));
	size_t left;

	if (!at)
		return NULL;
	at += strlen(mark);
	left = n - (size_t)(at - p);
	if (left < SW_REFLECT_TOKEN)
		return NULL;
	for (size_t i = 0; i < SW_REFLECT_TOKEN; i++)
		if (!strchr("0123456789abcdef", at[i]) || !at[i])
			return NULL;
	return at;
}

/* --- sockets --- */

static int bind_one(const struct sw_addr *a, int type, struct sw_addr *bound, char why[200])
{
	int one = 1, fd = socket(sw_addr_family(a), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(*bound);
	char text[SW_ADDR_STRLEN];

	if (fd < 0 || (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0) ||
	    bind(fd, &a->sa, sw_addr_len(a)) < 0 || (type == SOCK_STREAM && listen(fd, STREAMS) < 0) ||
	    getsockname(fd, &bound->sa, &len) < 0) {
		snprintf(why, 200, "can't bind %s %s: %s", type == SOCK_STREAM ? "tcp" : "udp", sw_addr_text(a, text),
			 strerror(errno));
		if (fd >= 0)
			close(fd);
		return SW_ECLOSED;
	}
	return fd;
}

static int bind_all(struct sw_reflect_mirror *m, const struct sw_reflect_opts *o, char why[200])
{
	struct sw_addr a = o->sip, bound = { 0 };

	m->sip_tcp = bind_one(&a, SOCK_STREAM, &bound, why);
	if (m->sip_tcp < 0)
		return m->sip_tcp;
	sw_addr_set_port(&a, sw_addr_port(&bound)); /* the same port for both */
	m->reflect->sip_port = sw_addr_port(&bound);
	m->sip_udp = bind_one(&a, SOCK_DGRAM, &bound, why);
	if (m->sip_udp < 0)
		return m->sip_udp;
	for (size_t i = 0; i < o->n_udp_ports; i++) {
		int fd;

		sw_addr_set_port(&a, o->udp_ports[i]);
		fd = bind_one(&a, SOCK_DGRAM, &bound, why);
		if (fd < 0)
			return fd;
		m->reflect->udp_ports[i] = sw_addr_port(&bound);
		m->udp[m->n_udp++] = fd;
	}
	return SW_OK;
}

int sw_reflect_mirror_new(struct sw_reflect_mirror **out, struct sw_reflect *r, char why[200])
{
	struct sw_reflect_mirror *m = calloc(1, sizeof(*m));
	int err;

	if (!m) {
		snprintf(why, 200, "out of memory");
		return SW_ENOMEM;
	}
	m->reflect = r;
	m->sip_tcp = m->sip_udp = -1;
	for (size_t i = 0; i < STREAMS; i++)
		m->streams[i].fd = -1;
	err = bind_all(m, r->opts, why);
	if (err < 0)
		sw_reflect_mirror_free(m);
	else
		*out = m;
	return err;
}

void sw_reflect_mirror_free(struct sw_reflect_mirror *m)
{
	if (!m)
		return;
	if (m->sip_tcp >= 0)
		close(m->sip_tcp);
	if (m->sip_udp >= 0)
		close(m->sip_udp);
	for (size_t i = 0; i < m->n_udp; i++)
		close(m->udp[i]);
	for (size_t i = 0; i < STREAMS; i++)
		if (m->streams[i].fd >= 0)
			close(m->streams[i].fd);
	free(m);
}

/* --- mirroring --- */

/* 200 with what came as the body. Only for who holds a token, from his own address: no more than he could send himself. */
static bool answer(struct sw_reflect *r, const char *p, size_t n, const struct sw_addr *from, struct sw_buf *out)
{
	const char *token = sw_reflect_token(p, n, "X-Reflect: ");
	char body[SW_REFLECT_BYTES_MAX * 4 / 3 + 4], text[SW_ADDR_STRLEN];
	size_t len;

	if (!token || !sw_reflect_may(r, token, from))
		return false;
	len = sw_b64url(body, p, n);
	sw_buf_printf(
		out,
		"SIP/2.0 200 OK\r\nX-Reflect: %.*s\r\nX-Seen: %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
		SW_REFLECT_TOKEN, token, sw_addr_text(from, text), len, body);
	return sw_buf_error(out) == SW_OK;
}

static void on_packet(struct sw_reflect_mirror *m, int fd, bool sip)
{
	for (int i = 0; i < PACKETS_PER_TURN; i++) {
		char p[SW_REFLECT_BYTES_MAX];
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct sw_addr from;
		const char *token;
		ssize_t n = recvfrom(fd, p, sizeof(p), 0, (struct sockaddr *)&ss, &len);

		if (n < 0)
			return;
		if (sw_addr_from_sockaddr(&from, (struct sockaddr *)&ss) < 0)
			continue;
		if (sip) {
			struct sw_buf out;

			sw_buf_init(&out, 4 * SW_REFLECT_BYTES_MAX);
			if (answer(m->reflect, p, (size_t)n, &from, &out))
				(void)!sendto(fd, out.data, out.len, 0, &from.sa, sw_addr_len(&from));
			sw_buf_free(&out);
			continue;
		}
		token = n >= 5 && !memcmp(p, "SWR1 ", 5) ? sw_reflect_token(p, (size_t)n, "SWR1 ") : NULL;
		if (token == p + 5 && sw_reflect_may(m->reflect, token, &from))
			(void)!sendto(fd, p, (size_t)n, 0, &from.sa, sw_addr_len(&from));
	}
}

static void stream_close(struct stream *s)
{
	close(s->fd);
	s->fd = -1;
	s->have = 0;
}

static void on_accept(struct sw_reflect_mirror *m)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = accept4(m->sip_tcp, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct stream *s = NULL;

	if (fd < 0)
		return;
	for (size_t i = 0; i < STREAMS && !s; i++)
		if (m->streams[i].fd < 0)
			s = &m->streams[i];
	if (!s || sw_addr_from_sockaddr(&s->peer, (struct sockaddr *)&ss) < 0) {
		close(fd);
		return;
	}
	s->fd = fd;
	s->end = clock_ms() + STREAM_MS;
	s->have = 0;
}

/* Is the message whole? An ALG may have changed the body without its length: then it is what came until the client ended. */
static bool whole(const char *p, size_t n)
{
	const char *end = memmem(p, n, "\r\n\r\n", 4);
	const char *length = end ? memmem(p, (size_t)(end - p) + 2, "\r\nContent-Length: ", 18) : NULL;
	uint32_t body = 0;
	size_t digits;

	if (!end)
		return false;
	if (length) {
		length += 18;
		digits = strspn(length, "0123456789");
		if (digits > 5 || sw_str_u32((struct sw_str){ length, digits }, SW_REFLECT_BYTES_MAX, &body) < 0)
			return true;
	}
	return n >= (size_t)(end + 4 - p) + body;
}

static void on_stream(struct sw_reflect_mirror *m, struct stream *s)
{
	ssize_t n = recv(s->fd, s->data + s->have, sizeof(s->data) - 1 - s->have, 0);
	struct sw_buf out;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		s->have += (size_t)n;
		s->data[s->have] = '\0'; /* for strspn */
		if (!whole(s->data, s->have) && s->have < sizeof(s->data) - 1)
			return;
	}
	sw_buf_init(&out, 4 * SW_REFLECT_BYTES_MAX);
	if (s->have && answer(m->reflect, s->data, s->have, &s->peer, &out))
		(void)!send(s->fd, out.data, out.len, MSG_NOSIGNAL); /* fits a fresh socket's buffer */
	sw_buf_free(&out);
	stream_close(s);
}

void sw_reflect_mirror_run(struct sw_reflect_mirror *m)
{
	struct pollfd p[FIRST_STREAM + STREAMS];

	for (;;) {
		nfds_t n = 0;
		int64_t now = clock_ms();

		p[n++] = (struct pollfd){ .fd = m->reflect->opts->stop_fd, .events = POLLIN };
		p[n++] = (struct pollfd){ .fd = m->sip_tcp, .events = POLLIN };
		p[n++] = (struct pollfd){ .fd = m->sip_udp, .events = POLLIN };
		for (size_t i = 0; i < SW_REFLECT_UDP_MAX; i++)
			p[n++] = (struct pollfd){ .fd = i < m->n_udp ? m->udp[i] : -1, .events = POLLIN };
		for (size_t i = 0; i < STREAMS; i++) {
			if (m->streams[i].fd >= 0 && now >= m->streams[i].end)
				stream_close(&m->streams[i]);
			p[n++] = (struct pollfd){ .fd = m->streams[i].fd, .events = POLLIN };
		}
		if (poll(p, n, 1000) < 0 && errno != EINTR)
			return;
		if (p[0].revents)
			return;
		if (p[2].revents)
			on_packet(m, m->sip_udp, true);
		for (size_t i = 0; i < m->n_udp; i++)
			if (p[3 + i].revents)
				on_packet(m, m->udp[i], false);
		for (size_t i = 0; i < STREAMS; i++)
			if (m->streams[i].fd >= 0 && p[FIRST_STREAM + i].fd == m->streams[i].fd && p[FIRST_STREAM + i].revents)
				on_stream(m, &m->streams[i]);
		if (p[1].revents)
			on_accept(m);
	}
}
