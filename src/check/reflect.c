/* SPDX-License-Identifier: Apache-2.0 */
/* The reflector's control connections: a thread each, few of them, none for long. */
#include "check/reflect.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check/reflect_int.h"
#include "core/random.h"
#include "tls/digest.h"

enum {
	AUTH_MS = 5000,
	LINE_MS = 20000,
	CONNECT_MS = 4000,
	COMMANDS_MAX = 200,
	NONCE_BYTES = 16,
	PORT_LEAST = 1024,
	UDP_COPIES = 3
};

int sw_reflect_proof(char out[65], const char *secret, const char *nonce)
{
	uint8_t mac[SW_SHA256_LEN];
	char text[100];
	int err;

	snprintf(text, sizeof(text), "sipward-reflect 1 %.64s", nonce);
	err = sw_hmac_sha256(mac, sw_str_of(secret), sw_str_of(text));
	if (err == SW_OK)
		sw_hex(out, mac, sizeof(mac));
	return err;
}

void sw_reflect_log(struct sw_reflect *r, const char *fmt, ...)
{
	char line[400];
	va_list ap;

	if (!r->opts->log)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&r->lock);
	r->opts->log(r->opts->log_arg, line);
	pthread_mutex_unlock(&r->lock);
}

bool sw_reflect_may(struct sw_reflect *r, const char *token, const struct sw_addr *from)
{
	bool may = false;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < SW_REFLECT_SESSIONS && !may; i++) {
		struct sw_reflect_session *s = &r->sessions[i];

		may = s->used && s->token[0] && sw_digest_eq(s->token, token, SW_REFLECT_TOKEN) &&
		      sw_addr_same_host(&s->peer, from) && s->packets < SW_REFLECT_PACKETS;
		s->packets += may;
	}
	pthread_mutex_unlock(&r->lock);
	return may;
}

/* --- one control connection --- */

struct control {
	struct sw_reflect *reflect;
	struct sw_reflect_session *session;
	int fd;
	int64_t end; /* of the session */
	char data[SW_REFLECT_LINE_MAX];
	size_t have;
};

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static bool wait_for(const struct control *k, int fd, short events, int64_t deadline)
{
	struct pollfd p[2] = { { .fd = fd, .events = events }, { .fd = k->reflect->opts->stop_fd, .events = POLLIN } };
	int64_t left;
	int n;

	do {
		left = (deadline < k->end ? deadline : k->end) - clock_ms();
		n = left > 0 ? poll(p, 2, (int)left) : 0;
	} while (n < 0 && errno == EINTR);
	return n > 0 && !p[1].revents;
}

static bool put(struct control *k, const char *p, size_t n)
{
	int64_t deadline = clock_ms() + AUTH_MS;

	while (n) {
		ssize_t r = send(k->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (r < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (!wait_for(k, k->fd, POLLOUT, deadline))
				return false;
			continue;
		}
		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

SW_PRINTF(2, 3) static bool say(struct control *k, const char *fmt, ...)
{
	char line[SW_REFLECT_LINE_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	return n > 0 && (size_t)n < sizeof(line) && put(k, line, (size_t)n);
}

/* Reads on into the buffer. */
static bool fill(struct control *k, int64_t deadline)
{
	ssize_t r;

	if (k->have == sizeof(k->data) || !wait_for(k, k->fd, POLLIN, deadline))
		return false;
	r = recv(k->fd, k->data + k->have, sizeof(k->data) - k->have, MSG_DONTWAIT);
	if (r <= 0)
		return r < 0 && (errno == EAGAIN || errno == EINTR);
	k->have += (size_t)r;
	return true;
}

/* One line, without its end. */
static bool get_line(struct control *k, char line[SW_REFLECT_LINE_MAX], uint64_t ms)
{
	int64_t deadline = clock_ms() + (int64_t)ms;
	char *end;

	while (!(end = memchr(k->data, '\n', k->have)))
		if (!fill(k, deadline))
			return false;
	memcpy(line, k->data, (size_t)(end - k->data));
	line[end - k->data] = '\0';
	k->have -= (size_t)(end + 1 - k->data);
	memmove(k->data, end + 1, k->have);
	line[strcspn(line, "\r")] = '\0';
	return true;
}

static bool authenticate(struct control *k)
{
	const struct sw_reflect *r = k->reflect;
	uint8_t nonce[NONCE_BYTES], token[SW_REFLECT_TOKEN / 2];
	char hex[2 * NONCE_BYTES + 1], line[SW_REFLECT_LINE_MAX], proof[65], ports[SW_REFLECT_UDP_MAX * 6 + 2] = "",
													    text[SW_ADDR_STRLEN];
	size_t used = 0;

	sw_random(nonce, sizeof(nonce));
	sw_hex(hex, nonce, sizeof(nonce));
	if (!say(k, "sipward-reflect 1 %s\n", hex) || !get_line(k, line, AUTH_MS) ||
	    sw_reflect_proof(proof, r->opts->secret, hex) < 0)
		return false;
	if (strncmp(line, "auth ", 5) != 0 || strlen(line + 5) != 64 || !sw_digest_eq(line + 5, proof, 64)) {
		sw_reflect_log(k->reflect, "refused %s: wrong secret", sw_addr_text(&k->session->peer, text));
		return false;
	}
	sw_random(token, sizeof(token));
	pthread_mutex_lock(&k->reflect->lock);
	sw_hex(k->session->token, token, sizeof(token));
	pthread_mutex_unlock(&k->reflect->lock);
	for (size_t i = 0; i < r->opts->n_udp_ports; i++)
		used += (size_t)snprintf(ports + used, sizeof(ports) - used, "%s%u", i ? "," : "", r->udp_ports[i]);
	sw_reflect_log(k->reflect, "session for %s", sw_addr_text(&k->session->peer, text));
	return say(k, "ok %s %s %u %s\n", k->session->token, sw_addr_text(&k->session->peer, text), r->sip_port,
		   used ? ports : "-");
}

/* To the client's own address and nobody else's. */
static bool call_back(struct control *k, uint16_t port)
{
	struct sw_addr to = k->session->peer;
	int64_t begin = clock_ms();
	int fd = socket(sw_addr_family(&to), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err = 0;
	socklen_t len = sizeof(err);

	if (fd < 0)
		return say(k, "unreachable\n");
	sw_addr_set_port(&to, port);
	if (connect(fd, &to.sa, sw_addr_len(&to)) < 0)
		err = errno;
	if (err == EINPROGRESS) {
		if (!wait_for(k, fd, POLLOUT, begin + CONNECT_MS))
			err = ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
			err = errno;
	}
	close(fd);
	if (!err)
		return say(k, "open %lld\n", (long long)(clock_ms() - begin));
	return say(k, err == ETIMEDOUT ? "timeout\n" : err == ECONNREFUSED ? "refused\n" : "unreachable\n");
}

static bool send_udp(struct control *k, uint16_t port)
{
	struct sw_addr to = k->session->peer;
	int fd = socket(sw_addr_family(&to), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char packet[64];
	int n = snprintf(packet, sizeof(packet), "SWR1 %s %u", k->session->token, port);

	sw_addr_set_port(&to, port);
	for (int i = 0; fd >= 0 && i < UDP_COPIES; i++)
		(void)!sendto(fd, packet, (size_t)n, 0, &to.sa, sw_addr_len(&to)); /* what is lost is the finding */
	if (fd >= 0)
		close(fd);
	return say(k, "sent\n");
}

static bool mirror(struct control *k, uint32_t n)
{
	char bytes[SW_REFLECT_BYTES_MAX];
	int64_t deadline = clock_ms() + LINE_MS;
	size_t have = 0;

	while (have < n) {
		size_t part = n - have < k->have ? n - have : k->have;

		memcpy(bytes + have, k->data, part);
		memmove(k->data, k->data + part, k->have - part);
		k->have -= part;
		have += part;
		if (have < n && !fill(k, deadline))
			return false;
	}
	return say(k, "%u\n", n) && put(k, bytes, n);
}

static bool command(struct control *k, const char *line)
{
	const char *space = strchr(line, ' ');
	size_t word = space ? (size_t)(space - line) : strlen(line);
	uint32_t n = 0;

	if (!space || sw_str_u32(sw_str_of(space + 1), 65535, &n) < 0)
		return false;
	if (word == 7 && !memcmp(line, "connect", 7))
		return n >= PORT_LEAST && call_back(k, (uint16_t)n);
	if (word == 3 && !memcmp(line, "udp", 3))
		return n >= PORT_LEAST && send_udp(k, (uint16_t)n);
	if (word == 6 && !memcmp(line, "mirror", 6))
		return n > 0 && n <= SW_REFLECT_BYTES_MAX && mirror(k, n);
	return false;
}

static void *control_thread(void *arg)
{
	struct control *k = arg;
	struct sw_reflect *r = k->reflect;
	char line[SW_REFLECT_LINE_MAX];

	if (authenticate(k))
		for (int i = 0; i < COMMANDS_MAX && get_line(k, line, LINE_MS) && strcmp(line, "bye") != 0; i++)
			if (!command(k, line))
				break;
	close(k->fd);
	pthread_mutex_lock(&r->lock);
	*k->session = (struct sw_reflect_session){ 0 };
	if (--r->threads == 0)
		pthread_cond_signal(&r->ended);
	pthread_mutex_unlock(&r->lock);
	free(k);
	return NULL;
}

/* --- accepting --- */

static struct sw_reflect_session *session_for(struct sw_reflect *r, const struct sw_addr *peer)
{
	struct sw_reflect_session *empty = NULL;
	unsigned same = 0;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < SW_REFLECT_SESSIONS; i++) {
		if (!r->sessions[i].used)
			empty = &r->sessions[i];
		else
			same += sw_addr_same_host(&r->sessions[i].peer, peer);
	}
	if (same >= SW_REFLECT_PER_SOURCE)
		empty = NULL;
	if (empty) {
		*empty = (struct sw_reflect_session){ .used = true, .peer = *peer };
		r->threads++;
	}
	pthread_mutex_unlock(&r->lock);
	return empty;
}

static void session_drop(struct sw_reflect *r, struct sw_reflect_session *s)
{
	pthread_mutex_lock(&r->lock);
	*s = (struct sw_reflect_session){ 0 };
	r->threads--;
	pthread_mutex_unlock(&r->lock);
}

static void accept_one(struct sw_reflect *r, int listener)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = accept4(listener, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct sw_reflect_session *s = NULL;
	struct control *k = NULL;
	struct sw_addr peer;
	pthread_t thread;

	if (fd < 0)
		return;
	if (sw_addr_from_sockaddr(&peer, (struct sockaddr *)&ss) == SW_OK)
		s = session_for(r, &peer);
	if (s) {
		k = calloc(1, sizeof(*k));
		if (k) {
			*k = (struct control){
				.reflect = r, .session = s, .fd = fd, .end = clock_ms() + SW_REFLECT_SECONDS * 1000LL
			};
			if (pthread_create(&thread, NULL, control_thread, k) == 0) {
				pthread_detach(thread);
				return;
			}
		}
		session_drop(r, s);
	}
	free(k);
	close(fd);
}

static int bind_control(const struct sw_addr *a, struct sw_addr *bound, char why[200])
{
	int one = 1, fd = socket(sw_addr_family(a), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(*bound);
	char text[SW_ADDR_STRLEN];

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 || bind(fd, &a->sa, sw_addr_len(a)) < 0 ||
	    listen(fd, 64) < 0 || getsockname(fd, &bound->sa, &len) < 0) {
		snprintf(why, 200, "can't listen on %s: %s", sw_addr_text(a, text), strerror(errno));
		if (fd >= 0)
			close(fd);
		return SW_ECLOSED;
	}
	return fd;
}

static void *mirror_thread(void *arg)
{
	sw_reflect_mirror_run(arg);
	return NULL;
}

static void accept_until_stop(struct sw_reflect *r, int listener)
{
	struct pollfd p[2] = { { .fd = listener, .events = POLLIN }, { .fd = r->opts->stop_fd, .events = POLLIN } };

	for (;;) {
		int n = poll(p, 2, -1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || p[1].revents)
			return;
		accept_one(r, listener);
	}
}

int sw_reflect_run(const struct sw_reflect_opts *o, char why[200])
{
	struct sw_reflect r = { .opts = o, .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER };
	struct sw_reflect_mirror *m = NULL;
	struct sw_addr bound = { 0 };
	pthread_t thread;
	int listener, err = sw_reflect_mirror_new(&m, &r, why);

	if (err < 0)
		return err;
	listener = bind_control(&o->control, &bound, why);
	if (listener < 0) {
		sw_reflect_mirror_free(m);
		return listener;
	}
	if (pthread_create(&thread, NULL, mirror_thread, m) != 0) {
		snprintf(why, 200, "no thread: out of memory");
		err = SW_ENOMEM;
	} else {
		if (o->ready)
			o->ready(o->log_arg, &bound);
		accept_until_stop(&r, listener);
		pthread_join(thread, NULL);
		pthread_mutex_lock(&r.lock);
		while (r.threads)
			pthread_cond_wait(&r.ended, &r.lock);
		pthread_mutex_unlock(&r.lock);
	}
	close(listener);
	sw_reflect_mirror_free(m);
	return err;
}
