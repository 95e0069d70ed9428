/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls through a relay, caller and callee in one process, all over mutual TLS 1.3: what a call costs the relay.
 *
 *	calls -t 127.0.0.1:5062 -l 127.0.0.1:5071 -c client.pem -k client.key -C uas.pem -K uas.key -a root.pem -p PID
 *	      [-r 200 | -j 64] [-d 8] [-w 2] [-n 8] [-s] [-m 20]
 *
 *	-t -c -k	the relay, and the caller's certificate and key
 *	-l -C -K -a	where the callee listens, its certificate and key, and the CA it checks by
 *	-p	processes whose CPU is counted, with their children
 *	-r	calls a second, on schedule (open loop); -j: so many at a time (closed loop)
 *	-d -w	seconds measured, and before that
 *	-n	the caller's connections
 *	-s	with SDP
 *	-m	milliseconds it rings, and is held; 0 with -j by default
 *
 * A call: INVITE, 180, 200, ACK, BYE, 200. Each message is checked as far as a relay could spoil it; "bad" must be 0.
 */
#include <errno.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { MESSAGE_MAX = 8192, IN_MAX = 1 << 17, ROUTES_MAX = 1024, CALLS_MAX = 1 << 18, DRAIN_S = 10 };

struct conn {
	int fd;
	SSL *ssl;
	bool callee, up;
	char *in, *out;
	size_t n_in, n_out, out_size;
};

struct call {
	uint64_t sent;          /* INVITE; 0: over */
	struct conn *conn;
	char routes[ROUTES_MAX], contact[128], to[128];
	bool answered, counted;
};

/* What happens later, always after the same time: two queues in order. */
struct later {
	uint64_t at;
	unsigned call;
	struct conn *conn;
	char *text;             /* of the callee's 200; NULL: the caller's BYE */
};
struct queue {
	struct later *v;
	size_t head, tail;
};

static const char *target, *listen_at, *cert, *key, *callee_cert, *callee_key, *ca, *pids = "";
static double rate, seconds = 8, warm = 2;
static unsigned at_once, n_conns = 8, pause_ms = 20;
static bool with_sdp, measuring;
static SSL_CTX *caller_ctx, *callee_ctx;
static int ep, listener;
static struct conn *callers;
static struct call *calls;
static unsigned n_calls, active, completed, failed, bad, measured;
static double *ring_us;
static size_t n_ring;
static struct queue later;

static void spoilt(const char *what, const char *text)
{
	if (bad++ == 0)
		fprintf(stderr, "bad: %s:\n%.2000s\n", what, text);
}

/* --- connections --- */

static void want(struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN | (c->n_out || !c->up ? EPOLLOUT : 0u), .data.ptr = c };

	if (epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev) < 0)
		sw_die("epoll");
}

static void flush(struct conn *c)
{
	size_t sent = 0;

	while (c->up && sent < c->n_out) {
		size_t n;

		if (SSL_write_ex(c->ssl, c->out + sent, c->n_out - sent, &n) != 1)
			break;
		sent += n;
	}
	if (sent) {
		memmove(c->out, c->out + sent, c->n_out - sent);
		c->n_out -= sent;
	}
}

/* Each message is a record, as from as many endpoints. */
static void transmit(struct conn *c, const char *text, size_t n)
{
	bool waits = c->n_out > 0;

	if (c->n_out + n > c->out_size) {
		c->out_size = (c->n_out + n) * 2;
		c->out = realloc(c->out, c->out_size);
		if (!c->out)
			sw_die("memory");
	}
	memcpy(c->out + c->n_out, text, n);
	c->n_out += n;
	if (!waits)
		flush(c);
	if ((c->n_out > 0) != waits)
		want(c);
}

static struct conn *conn_new(struct conn *c, int fd, bool callee)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };

	*c = (struct conn){ .fd = fd, .callee = callee, .ssl = SSL_new(callee ? callee_ctx : caller_ctx), .in = malloc(IN_MAX) };
	if (!c->ssl || !c->in || !SSL_set_fd(c->ssl, fd))
		sw_die("SSL_new");
	if (callee)
		SSL_set_accept_state(c->ssl);
	else
		SSL_set_connect_state(c->ssl);
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
		sw_die("epoll");
	return c;
}

/* --- messages --- */

/* The value of the n-th header of that name, up to the line's end; len 0: none. */
static const char *header(const char *msg, const char *name, unsigned nth, int *len)
{
	size_t n = strlen(name);

	for (const char *p = strstr(msg, "\r\n"); p && p[2] != '\r'; p = strstr(p + 2, "\r\n"))
		if (!strncasecmp(p + 2, name, n) && p[2 + n] == ':' && nth-- == 0) {
			p += n + 3;
			p += strspn(p, " ");
			*len = (int)strcspn(p, "\r");
			return p;
		}
	*len = 0;
	return "";
}

static int append(char *dst, int n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int append(char *dst, int n, const char *fmt, ...)
{
	va_list ap;
	int w;

	va_start(ap, fmt);
	w = vsnprintf(dst + n, (size_t)(MESSAGE_MAX - n), fmt, ap);
	va_end(ap);
	if (w < 0 || w >= MESSAGE_MAX - n)
		sw_die("a message too long");
	return n + w;
}

static int append_body(char *dst, int n, bool sdp, int port)
{
	char body[400] = "";

	if (sdp)
		snprintf(body, sizeof(body),
			 "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 8 0 101\r\n"
			 "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n", port);
	if (sdp)
		n = append(dst, n, "Content-Type: application/sdp\r\n");
	return append(dst, n, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
}

/* --- the caller --- */

static void call_over(struct call *c, bool good)
{
	if (!c->sent)
		return;
	c->sent = 0;
	active--;
	if (good) {
		completed++;
		measured += c->counted;
	} else {
		failed++;
	}
}

static void invite(void)
{
	char text[MESSAGE_MAX];
	unsigned i = n_calls++;
	struct call *c;
	int n;

	if (i >= CALLS_MAX)
		sw_die("more calls than there is room for");
	c = &calls[i];
	c->conn = &callers[i % n_conns];
	c->sent = sw_now_ns();
	c->counted = measuring;
	active++;
	n = append(text, 0, "INVITE sip:callee@example.net SIP/2.0\r\nVia: SIP/2.0/TLS client.example.net:5061;branch=z9hG4bKi%u;rport\r\n"
		   "Max-Forwards: 70\r\nFrom: <sip:caller@example.net>;tag=a%u\r\nTo: <sip:callee@example.net>\r\nCall-ID: %u@bench\r\n"
		   "CSeq: 1 INVITE\r\nContact: <sip:caller@client.example.net:5061;transport=tls>\r\n", i, i, i);
	n = append_body(text, n, with_sdp, 20000 + (int)(i % 4000) * 2);
	transmit(c->conn, text, (size_t)n);
}

static void in_dialog(unsigned i, const char *method, unsigned cseq)
{
	struct call *c = &calls[i];
	char text[MESSAGE_MAX];
	int n = append(text, 0, "%s %s SIP/2.0\r\nVia: SIP/2.0/TLS client.example.net:5061;branch=z9hG4bK%c%u;rport\r\nMax-Forwards: 70\r\n%s"
		       "From: <sip:caller@example.net>;tag=a%u\r\nTo: %s\r\nCall-ID: %u@bench\r\nCSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
		       method, c->contact, method[0], i, c->routes, i, c->to, i, cseq, method);

	transmit(c->conn, text, (size_t)n);
}

static void push(struct later l)
{
	later.v[later.tail++ % (2 * CALLS_MAX)] = l;
}

/* The route set is the Record-Route of the 200 in reverse order (RFC 3261 12.1.2). */
static void learn_dialog(struct call *c, const char *msg)
{
	const char *v;
	int len, total = 0;
	unsigned routes = 0;

	while (header(msg, "Record-Route", routes, &len), len)
		routes++;
	if (routes == 0)
		spoilt("no Record-Route in the 200", msg);
	for (unsigned i = routes; i-- > 0 && total < ROUTES_MAX - 300;) {
		v = header(msg, "Record-Route", i, &len);
		total += snprintf(c->routes + total, (size_t)(ROUTES_MAX - total), "Route: %.*s\r\n", len < 280 ? len : 280, v);
	}
	v = header(msg, "To", 0, &len);
	snprintf(c->to, sizeof(c->to), "%.*s", len, v);
	v = header(msg, "Contact", 0, &len);
	snprintf(c->contact, sizeof(c->contact), "%.*s", len > 2 ? len - 2 : 0, v + 1);
	if (with_sdp && (!strstr(msg, "m=audio ") || strstr(msg, "m=audio 30000 ")))
		spoilt("the answer was not anchored", msg);
}

static void response(struct conn *conn, const char *msg)
{
	int status = atoi(msg + 8), len, n;
	const char *v = header(msg, "Call-ID", 0, &n);
	unsigned i = (unsigned)strtoul(v, NULL, 10);
	struct call *c = i < n_calls ? &calls[i] : NULL;
	bool bye = !strncmp(header(msg, "CSeq", 0, &n), "2 ", 2);

	header(msg, "Via", 1, &len);
	if (!c || !c->sent || c->conn != conn || len) {
		spoilt("a response that belongs to no call, or with a Via that is not ours", msg);
		return;
	}
	if (status == 180 && c->counted)
		ring_us[n_ring++] = (double)(sw_now_ns() - c->sent) / 1e3;
	if (status < 200)
		return;
	if (status != 200) {
		spoilt("refused", msg);
		call_over(c, false);
	} else if (bye) {
		call_over(c, true);
	} else if (!c->answered) {
		c->answered = true;
		learn_dialog(c, msg);
		in_dialog(i, "ACK", 1);
		if (pause_ms)
			push((struct later){ .at = sw_now_ns() + pause_ms * 1000000ull, .call = i });
		else
			in_dialog(i, "BYE", 2);
	}
}

/* --- the callee --- */

static int copy_all(char *dst, int n, const char *msg, const char *name)
{
	const char *v;
	int len;

	for (unsigned i = 0; v = header(msg, name, i, &len), len; i++)
		n = append(dst, n, "%s: %.*s\r\n", name, len, v);
	return n;
}

static int answer(char *dst, const char *msg, const char *status, bool final)
{
	const char *to;
	int len, n = append(dst, 0, "SIP/2.0 %s\r\n", status);
	bool is_invite = !strncmp(msg, "INVITE", 6);

	n = copy_all(dst, n, msg, "Via");
	n = copy_all(dst, n, msg, "Record-Route");
	n = copy_all(dst, n, msg, "From");
	n = copy_all(dst, n, msg, "Call-ID");
	n = copy_all(dst, n, msg, "CSeq");
	to = header(msg, "To", 0, &len);
	n = append(dst, n, "To: %.*s%s\r\n", len, to, is_invite ? ";tag=b" : "");
	if (is_invite)
		n = append(dst, n, "Contact: <sip:callee@%s;transport=tls>\r\n", listen_at);
	return append_body(dst, n, is_invite && final && strstr(msg, "m=audio "), 30000);
}

static void request(struct conn *conn, const char *msg)
{
	char text[MESSAGE_MAX];
	int len, n;

	header(msg, "Via", 1, &len);
	if (!len)
		spoilt("a request without the relay's Via", msg);
	header(msg, "Route", 0, &len);
	if (len)
		spoilt("a Route left over", msg);
	if (!strncmp(msg, "ACK ", 4))
		return;
	if (!strncmp(msg, "INVITE ", 7)) {
		header(msg, "Record-Route", 0, &len);
		if (!len)
			spoilt("no Record-Route", msg);
		if (with_sdp && !strstr(msg, "m=audio "))
			spoilt("the offer is lost", msg);
		n = answer(text, msg, "180 Ringing", false);
		transmit(conn, text, (size_t)n);
		n = answer(text, msg, "200 OK", true);
		if (pause_ms) {
			push((struct later){ .at = sw_now_ns() + pause_ms * 1000000ull, .conn = conn, .text = strdup(text) });
			return;
		}
	} else {
		n = answer(text, msg, "200 OK", true);
	}
	transmit(conn, text, (size_t)n);
}

static void run_later(void)
{
	uint64_t now = sw_now_ns();

	while (later.head < later.tail && later.v[later.head % (2 * CALLS_MAX)].at <= now) {
		struct later *l = &later.v[later.head++ % (2 * CALLS_MAX)];

		if (l->text)
			transmit(l->conn, l->text, strlen(l->text));
		else
			in_dialog(l->call, "BYE", 2);
		free(l->text);
	}
}

/* --- the loop --- */

static void messages(struct conn *c)
{
	char *p = c->in, *end;

	c->in[c->n_in] = '\0';
	for (;;) {
		size_t n;
		int len;
		char after;

		while (!strncmp(p, "\r\n", 2))
			p += 2;
		end = strstr(p, "\r\n\r\n");
		if (!end)
			break;
		n = (size_t)(end + 4 - p) + strtoul(header(p, "Content-Length", 0, &len), NULL, 10);
		if (p + n > c->in + c->n_in)
			break;
		after = p[n];
		p[n] = '\0';
		if (!strncmp(p, "SIP/2.0 ", 8))
			response(c, p);
		else
			request(c, p);
		p[n] = after;
		p += n;
	}
	c->n_in -= (size_t)(p - c->in);
	memmove(c->in, p, c->n_in);
}

static void on_conn(struct conn *c)
{
	if (!c->up) {
		int r = SSL_do_handshake(c->ssl);

		if (r != 1 && SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_READ && SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_WRITE)
			sw_die(c->callee ? "the relay's connection to us" : "our connection to the relay");
		c->up = r == 1;
		want(c);
		if (!c->up)
			return;
	}
	for (;;) {
		int r = SSL_read(c->ssl, c->in + c->n_in, (int)(IN_MAX - 1 - c->n_in));

		if (r <= 0) {
			if (SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_READ)
				sw_die("a connection was closed");
			break;
		}
		c->n_in += (size_t)r;
		messages(c);
	}
	if (c->n_out) {
		flush(c);
		want(c);
	}
}

static void turn(int wait_ms)
{
	struct epoll_event ev[256];
	int n = epoll_wait(ep, ev, 256, wait_ms);

	for (int i = 0; i < n; i++) {
		if (ev[i].data.ptr == &listener) {
			int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

			if (fd >= 0)
				conn_new(malloc(sizeof(struct conn)), fd, true);
		} else {
			on_conn(ev[i].data.ptr);
		}
	}
	run_later();
}

static void connect_all(void)
{
	bool up = false;

	for (unsigned i = 0; i < n_conns; i++)
		conn_new(&callers[i], sw_dial(target, i), false);
	for (uint64_t until = sw_now_ns() + 10000000000; !up; turn(10)) {
		up = true;
		for (unsigned i = 0; i < n_conns; i++)
			up = up && callers[i].up;
		if (sw_now_ns() > until)
			sw_die("the relay does not answer");
	}
}

static void load_for(double duration)
{
	uint64_t start = sw_now_ns(), end = start + (uint64_t)(duration * 1e9), now;
	uint64_t sent = 0;

	while ((now = sw_now_ns()) < end) {
		if (at_once)
			while (active < at_once)
				invite();
		else
			for (; (double)sent < (double)(now - start) / 1e9 * rate; sent++)
				invite();
		turn(1);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &listener };
	struct sw_usage before, after, self[2];
	char own[16];
	int pause_arg = -1;
	unsigned over;
	uint64_t since;
	double took;

	for (int o; (o = getopt(argc, argv, "t:l:c:k:C:K:a:p:r:j:d:w:n:sm:")) != -1;)
		switch (o) {
		case 't': target = optarg; break;
		case 'l': listen_at = optarg; break;
		case 'c': cert = optarg; break;
		case 'k': key = optarg; break;
		case 'C': callee_cert = optarg; break;
		case 'K': callee_key = optarg; break;
		case 'a': ca = optarg; break;
		case 'p': pids = optarg; break;
		case 'r': rate = atof(optarg); break;
		case 'j': at_once = (unsigned)atoi(optarg); break;
		case 'd': seconds = atof(optarg); break;
		case 'w': warm = atof(optarg); break;
		case 'n': n_conns = (unsigned)atoi(optarg); break;
		case 's': with_sdp = true; break;
		case 'm': pause_arg = atoi(optarg); break;
		default: return 2;
		}
	if (!target || !listen_at || !cert || !key || !callee_cert || !callee_key || !ca || n_conns == 0 || (rate <= 0) == (at_once == 0)) {
		fprintf(stderr, "usage: see the head of calls.c\n");
		return 2;
	}
	pause_ms = pause_arg >= 0 ? (unsigned)pause_arg : at_once ? 0 : 20;
	signal(SIGPIPE, SIG_IGN);
	ep = epoll_create1(EPOLL_CLOEXEC);
	callers = calloc(n_conns, sizeof(*callers));
	calls = calloc(CALLS_MAX, sizeof(*calls));
	ring_us = calloc(CALLS_MAX, sizeof(*ring_us));
	later.v = calloc(2 * CALLS_MAX, sizeof(*later.v));
	if (ep < 0 || !callers || !calls || !ring_us || !later.v)
		sw_die("memory");
	caller_ctx = sw_load_ctx(false, cert, key, NULL);
	callee_ctx = sw_load_ctx(true, callee_cert, callee_key, ca);
	listener = sw_listen_on(listen_at);
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
	snprintf(own, sizeof(own), "%d", getpid());
	connect_all();
	load_for(warm);
	measuring = true;
	over = completed;
	since = sw_now_ns();
	sw_usage_of(pids, false, &before);
	sw_usage_of(own, false, &self[0]);
	load_for(seconds);
	sw_usage_of(pids, false, &after);
	sw_usage_of(own, false, &self[1]);
	over = completed - over;
	took = (double)(sw_now_ns() - since) / 1e9;
	for (uint64_t until = sw_now_ns() + DRAIN_S * 1000000000ull; active && sw_now_ns() < until;)
		turn(10);
	printf("calls=%u failed=%u bad=%u per_s=%.0f cpu_us=%.1f own_cpu_us=%.1f p50_us=%.0f p99_us=%.0f\n", measured, failed + active, bad,
	       over / took, (after.cpu_us - before.cpu_us) / (over ? over : 1), (self[1].cpu_us - self[0].cpu_us) / (over ? over : 1),
	       sw_percentile(ring_us, n_ring, 50), sw_percentile(ring_us, n_ring, 99));
	return failed || active || bad ? 1 : 0;
}
