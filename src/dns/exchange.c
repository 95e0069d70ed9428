/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	DATAGRAMS_PER_EVENT = 32,    /* a flood on one socket must not hold the loop */
	ROUND_PAUSE = 250,           /* ms before all servers are asked again, when they refused at once */
	SUSPECT_MIN = 1000,
	SUSPECT_MAX = 30 * 1000,
	RCODE_BADVERS = 16,
};

struct sw_exchange {
	struct sw_servers *servers;
	sw_exchange_fn *fn;
	void *arg;
	struct sw_timer timer;
	struct sw_io *io;            /* of the try under way, NULL between tries */
	struct sw_chain chain;       /* the name asked for, at first the one given */
	enum sw_dns_type type;
	struct sw_wire_query query;

	uint8_t order[SW_SERVERS_MAX];
	bool done_with[SW_SERVERS_MAX];   /* had its say: not asked again */
	bool bare[SW_SERVERS_MAX];        /* asked without OPT */
	size_t pos;                       /* in order */
	unsigned round;

	bool tcp, connected;
	size_t sent;
	uint8_t *in;                 /* owned; the TCP answer, after its length */
	uint8_t prefix[2];
	size_t in_len, got;          /* got counts the prefix too */

	struct sw_answer *failure;   /* owned; the most telling one so far */
	bool tcp_blocked;
	char detail[128];            /* of the last try */
};

static void next_try(struct sw_exchange *x);
static void on_io(void *arg, int events);

static struct sw_server *server_of(struct sw_exchange *x)
{
	return &x->servers->v[x->order[x->pos]];
}

static void note(struct sw_exchange *x, const char *what)
{
	char addr[SW_ADDR_STRLEN];

	snprintf(x->detail, sizeof(x->detail), "%s: %s%s", sw_addr_text(&server_of(x)->addr, addr), x->tcp ? "TCP: " : "", what);
}

static void close_try(struct sw_exchange *x)
{
	sw_io_free(x->io);
	x->io = NULL;
	free(x->in);
	x->in = NULL;
	x->tcp = x->connected = false;
	x->sent = x->in_len = x->got = 0;
	sw_timer_stop(&x->timer);
}

void sw_exchange_free(struct sw_exchange *x)
{
	if (!x)
		return;
	close_try(x);
	sw_answer_unref(x->failure);
	sw_loop_free_later(x->servers->loop, x);
}

static void finish(struct sw_exchange *x, struct sw_answer *a)
{
	sw_exchange_fn *fn = x->fn;
	void *arg = x->arg;

	sw_answer_ref(a);
	sw_exchange_free(x);
	fn(arg, a);
	sw_answer_unref(a);
}

/* All servers had their tries. */
static void give_up(struct sw_exchange *x)
{
	struct sw_answer *a = x->failure;

	if (a && !x->tcp_blocked) {
		finish(x, a);
		return;
	}
	if (x->tcp_blocked) {
		char text[sizeof(x->detail)];

		snprintf(text, sizeof(text), "truncated over UDP, %.100s", x->detail);
		memcpy(x->detail, text, sizeof(text));
	}
	a = sw_answer_failure(SW_DNS_INDETERMINATE, x->tcp_blocked, x->detail);
	finish(x, a);
	sw_answer_unref(a);
}

/* --- the servers' health --- */

static void server_failed(struct sw_exchange *x)
{
	struct sw_server *s = server_of(x);
	uint64_t pause = SUSPECT_MIN;

	for (unsigned i = 0; i < s->fails && pause < SUSPECT_MAX; i++)
		pause *= 2;
	s->fails++;
	s->suspect_until = sw_loop_now(x->servers->loop) + (pause < SUSPECT_MAX ? pause : SUSPECT_MAX);
}

static void server_answered(struct sw_exchange *x)
{
	server_of(x)->fails = 0;
	server_of(x)->suspect_until = 0;
}

/* Those in good health as configured, then the suspects, the longest quiet first: all of them get asked. */
static void make_order(struct sw_exchange *x)
{
	uint64_t now = sw_loop_now(x->servers->loop), rank[SW_SERVERS_MAX];

	for (size_t i = 0; i < x->servers->n; i++) {
		const struct sw_server *s = &x->servers->v[i];
		uint64_t r = s->suspect_until > now ? s->suspect_until : 0;
		size_t k = i;

		for (; k > 0 && rank[k - 1] > r; k--) {
			rank[k] = rank[k - 1];
			x->order[k] = x->order[k - 1];
		}
		rank[k] = r;
		x->order[k] = (uint8_t)i;
	}
}

/* --- one try --- */

/*
 * Binding is left to connect(): the kernel draws the port at random from ip_local_port_range, around the ports the
 * operator has reserved for media.
 */
static int open_socket(struct sw_exchange *x, int type)
{
	const struct sw_addr *to = &server_of(x)->addr;
	int fd = socket(sw_addr_family(to), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	if (connect(fd, &to->sa, sw_addr_len(to)) < 0 && errno != EINPROGRESS) {
		err = -errno;
		close(fd);
		return err;
	}
	err = sw_io_new(&x->io, x->servers->loop, fd, on_io, x);
	if (err < 0)
		close(fd);
	return err;
}

static int start_udp(struct sw_exchange *x)
{
	int err = sw_wire_build(&x->query, x->chain.name, x->type, !x->bare[x->order[x->pos]], x->servers->conf.trusted);

	if (err < 0 || (err = open_socket(x, SOCK_DGRAM)) < 0)
		return err;
	if (send(sw_io_fd(x->io), x->query.bytes, x->query.len, 0) < 0)
		return -errno;
	err = sw_io_want(x->io, SW_IO_READ);
	return err < 0 ? err : sw_timer_start(&x->timer, x->servers->conf.timeout);
}

static int start_tcp(struct sw_exchange *x)
{
	int err;

	close_try(x);
	x->tcp = true;
	sw_wire_new_id(&x->query);
	err = open_socket(x, SOCK_STREAM);
	if (err < 0)
		return err;
	err = sw_io_want(x->io, SW_IO_WRITE);
	return err < 0 ? err : sw_timer_start(&x->timer, x->servers->conf.timeout);
}

/* Ours or the network's: this server is left for now. */
static void try_failed(struct sw_exchange *x, int err)
{
	note(x, sw_error_text(err));
	server_failed(x);
	if (x->tcp) {
		x->tcp_blocked = true;
		x->done_with[x->order[x->pos]] = true;
	}
	x->pos++;
	close_try(x);
	next_try(x);
}

static void ask(struct sw_exchange *x)
{
	int err = start_udp(x);

	if (err < 0)
		try_failed(x, err);
}

/* Moves on to the next server that has not had its say; another round starts after a pause, for servers that refuse at once. */
static void next_try(struct sw_exchange *x)
{
	while (x->pos < x->servers->n && x->done_with[x->order[x->pos]])
		x->pos++;
	if (x->pos < x->servers->n) {
		/* By the timer and not by a call: a row of refusals would nest. */
		if (sw_timer_start(&x->timer, 0) < 0)
			give_up(x);
		return;
	}
	x->pos = 0;
	while (x->pos < x->servers->n && x->done_with[x->order[x->pos]])
		x->pos++;
	if (x->pos == x->servers->n || ++x->round >= x->servers->conf.tries || sw_timer_start(&x->timer, ROUND_PAUSE) < 0) {
		give_up(x);
		return;
	}
}

static void on_timer(void *arg)
{
	struct sw_exchange *x = arg;

	if (x->io)
		try_failed(x, SW_ETIMEOUT);
	else
		ask(x);
}

/* --- what came --- */

static void server_refused(struct sw_exchange *x, struct sw_answer *a)
{
	char text[sizeof(a->a.detail)];

	note(x, *a->a.detail ? a->a.detail : sw_dns_outcome_name(a->a.outcome));
	memcpy(text, x->detail, sizeof(text));
	memcpy(a->a.detail, text, sizeof(text));
	/* SERVFAIL tells of the domain, the others rather of the server. */
	if (!x->failure || (x->failure->a.outcome != SW_DNS_SERVFAIL && a->a.outcome == SW_DNS_SERVFAIL)) {
		sw_answer_unref(x->failure);
		x->failure = sw_answer_ref(a);
	}
	x->done_with[x->order[x->pos++]] = true;
	close_try(x);
	next_try(x);
}

/* RFC 6891 7: a server that doesn't know OPT is asked again without, once. */
static void ask_bare(struct sw_exchange *x)
{
	x->bare[x->order[x->pos]] = true;
	close_try(x);
	ask(x);
}

/* The same server is asked for the rest of the chain; its length is bounded, so this ends. */
static void ask_rest(struct sw_exchange *x)
{
	close_try(x);
	ask(x);
}

/* The message is the answer to our question; returns false when it can't be read. */
static bool take_answer(struct sw_exchange *x, const uint8_t *msg, size_t len)
{
	struct sw_answer *a = NULL;
	int err = sw_answer_parse(&a, &x->chain, x->type, msg, len, &x->servers->conf);

	if (err == SW_ENOMEM) {
		finish(x, NULL);
		return true;
	}
	if (err < 0)
		return false;
	server_answered(x);
	if (a->rcode == RCODE_BADVERS && x->query.edns) {
		ask_bare(x);
	} else if (sw_answer_failed(a)) {
		server_refused(x, a);
	} else if (x->chain.open) {
		ask_rest(x);
	} else {
		note(x, sw_dns_outcome_name(a->a.outcome));
		memcpy(a->a.detail, x->detail, sizeof(a->a.detail));
		finish(x, a);
	}
	sw_answer_unref(a);
	return true;
}

/* Returns true when the try is over: x may be gone. */
static bool on_message(struct sw_exchange *x, const uint8_t *msg, size_t len)
{
	int err;

	switch (sw_wire_match(&x->query, msg, len)) {
	case SW_WIRE_OURS:
		return take_answer(x, msg, len);
	case SW_WIRE_NO_EDNS:
		server_answered(x);
		ask_bare(x);
		return true;
	case SW_WIRE_TRUNCATED:
		if (x->tcp)
			return false;
		err = start_tcp(x);
		if (err < 0)
			try_failed(x, err);
		return true;
	case SW_WIRE_FOREIGN:
		break;
	}
	return false;
}

static void on_udp(struct sw_exchange *x)
{
	for (int i = 0; i < DATAGRAMS_PER_EVENT; i++) {
		ssize_t n = recv(sw_io_fd(x->io), x->servers->rx, sizeof(x->servers->rx), 0);

		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				try_failed(x, -errno);
			return;
		}
		if (on_message(x, x->servers->rx, (size_t)n))
			return;
	}
}

static int tcp_write(struct sw_exchange *x)
{
	uint8_t out[2 + SW_WIRE_QUERY_MAX];
	size_t len = 2 + x->query.len;
	ssize_t n;

	out[0] = (uint8_t)(x->query.len >> 8);
	out[1] = (uint8_t)x->query.len;
	memcpy(out + 2, x->query.bytes, x->query.len);
	n = send(sw_io_fd(x->io), out + x->sent, len - x->sent, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? SW_OK : -errno;
	x->sent += (size_t)n;
	return x->sent == len ? sw_io_want(x->io, SW_IO_READ) : SW_OK;
}

/* 1 when the message is whole, 0 when more must come. */
static int tcp_read(struct sw_exchange *x)
{
	for (;;) {
		uint8_t *at = x->got < 2 ? x->prefix + x->got : x->in + (x->got - 2);
		size_t want = x->got < 2 ? 2 - x->got : x->in_len - (x->got - 2);
		ssize_t n = recv(sw_io_fd(x->io), at, want, 0);

		if (n == 0)
			return SW_ECLOSED;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		x->got += (size_t)n;
		if (x->got < 2)
			continue;
		if (!x->in) {
			x->in_len = (size_t)x->prefix[0] << 8 | x->prefix[1];
			if (x->in_len < SW_WIRE_HEADER)
				return SW_EPARSE;
			x->in = malloc(x->in_len);
			if (!x->in)
				return SW_ENOMEM;
		}
		if (x->got - 2 == x->in_len)
			return 1;
	}
}

static void on_tcp(struct sw_exchange *x)
{
	int err = 0;

	if (!x->connected) {
		socklen_t n = sizeof(err);

		if (getsockopt(sw_io_fd(x->io), SOL_SOCKET, SO_ERROR, &err, &n) < 0)
			err = errno;
		x->connected = true;
		err = -err;
	}
	if (err == 0)
		err = x->sent < 2 + x->query.len ? tcp_write(x) : tcp_read(x);
	if (err > 0 && !on_message(x, x->in, x->in_len))
		err = SW_EPARSE;
	if (err < 0)
		try_failed(x, err);
}

static void on_io(void *arg, int events)
{
	struct sw_exchange *x = arg;

	(void)events;
	if (x->tcp)
		on_tcp(x);
	else
		on_udp(x);
}

int sw_exchange_new(struct sw_exchange **out, struct sw_servers *s, const char *name, enum sw_dns_type type,
		    sw_exchange_fn *fn, void *arg)
{
	struct sw_exchange *x = calloc(1, sizeof(*x));
	int err;

	if (!x)
		return SW_ENOMEM;
	x->servers = s;
	x->fn = fn;
	x->arg = arg;
	x->type = type;
	sw_chain_start(&x->chain, name);
	sw_timer_init(&x->timer, s->loop, on_timer, x);
	make_order(x);
	err = sw_timer_start(&x->timer, 0);
	if (err < 0) {
		free(x);
		return err;
	}
	*out = x;
	return SW_OK;
}

size_t sw_resolv_conf_parse(struct sw_str text, struct sw_addr *out, size_t max)
{
	static const char key[] = "nameserver";
	size_t n = 0;

	while (text.n && n < max) {
		const char *nl = memchr(text.p, '\n', text.n);
		struct sw_str line = { text.p, nl ? (size_t)(nl - text.p) : text.n };
		size_t end = 0;

		text.n -= line.n + (nl ? 1 : 0);
		text.p += line.n + (nl ? 1 : 0);
		line = sw_str_trim(line);
		if (line.n <= sizeof(key) - 1 || memcmp(line.p, key, sizeof(key) - 1) != 0)
			continue;
		line.p += sizeof(key) - 1;
		line.n -= sizeof(key) - 1;
		if (*line.p != ' ' && *line.p != '\t')
			continue;
		line = sw_str_trim(line);
		while (end < line.n && !memchr(" \t;#\r", line.p[end], 5))
			end++;
		line.n = end;
		/* Not "host:port", which sw_addr_parse would take; glibc's file knows no ports. */
		if (sw_addr_parse(&out[n], line, 53) == 0 && sw_addr_port(&out[n]) == 53)
			n++;
	}
	return n;
}
