/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over real sockets on the loopback, both ends in one loop; and against peers that misbehave. */
#include "lab.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include "tls/stream.h"
#include "tls/tls_int.h"

static struct sw_loop *loop;
static struct sw_tls_ctx *mtls, *optional, *as_partner, *as_nobody, *distrusting;

/* --- one end --- */

struct end {
	struct sw_stream *s;
	int ready, data, drained, ended;
	struct sw_verdict reason;
	struct sw_tls_peer facts;      /* shallow: only the plain fields are looked at */
	char subject[256];
	char *got;                     /* all that was read */
	size_t n_got, size;
	size_t chunk;                  /* bytes read per DATA, 0: until EAGAIN */
	bool pause;                    /* wants no more after each DATA */
	bool keep;                     /* not freed at END */
	enum sw_stream_event free_at;  /* freed in this event, when free_in_event */
	bool free_in_event;
	size_t write_max;              /* 0: 256 KiB */
	const char *say_at_ready;
	const char *answer;            /* to the first bytes, before more is read */
	int judged, judge_freed;
	enum sw_reason judge_says;
};

static void end_free(struct end *e)
{
	sw_stream_free(e->s);
	e->s = NULL;
}

static void take(struct end *e)
{
	char buf[4096];
	size_t left = e->chunk ? e->chunk : SIZE_MAX;

	while (left) {
		ssize_t r = sw_stream_read(e->s, buf, left < sizeof(buf) ? left : sizeof(buf));

		if (r <= 0)
			return;
		if (e->n_got + (size_t)r > e->size) {
			e->size = 2 * e->size + sizeof(buf);
			e->got = realloc(e->got, e->size);
		}
		memcpy(e->got + e->n_got, buf, (size_t)r);
		if (e->answer && e->n_got == 0)
			assert_int_equal(sw_stream_write(e->s, e->answer, strlen(e->answer)), 0);
		e->n_got += (size_t)r;
		left -= (size_t)r;
	}
}

static void on_event(void *arg, enum sw_stream_event ev)
{
	struct end *e = arg;

	assert_non_null(e->s);
	assert_int_equal(e->ended, 0);
	switch (ev) {
	case SW_STREAM_READY:
		e->ready++;
		if (sw_stream_peer(e->s)) {
			e->facts = *sw_stream_peer(e->s);
			if (e->facts.identity)
				strcpy(e->subject, e->facts.identity->subject);
		}
		if (e->say_at_ready)
			assert_int_equal(sw_stream_write(e->s, e->say_at_ready, strlen(e->say_at_ready)), 0);
		break;
	case SW_STREAM_DATA:
		e->data++;
		take(e);
		if (e->pause)
			sw_stream_want_read(e->s, false);
		break;
	case SW_STREAM_DRAINED:
		e->drained++;
		break;
	case SW_STREAM_END:
		e->ended++;
		e->reason = *sw_stream_reason(e->s);
		if (sw_stream_peer(e->s) && sw_stream_peer(e->s)->identity)
			strcpy(e->subject, sw_stream_peer(e->s)->identity->subject);
		if (!e->keep)
			end_free(e);
		return;
	}
	if (e->free_in_event && e->free_at == ev)
		end_free(e);
}

static void judge(void *arg, const struct sw_tls_peer *peer, struct sw_verdict *out)
{
	struct end *e = arg;

	e->judged++;
	assert_int_equal(out->reason, SW_R_DENY);   /* nothing decided denies */
	*out = sw_verdict_make(e->judge_says, "by the judge, %s", peer->version);
}

static void judge_free(void *arg)
{
	((struct end *)arg)->judge_freed++;
}

static struct sw_stream_opts opts(struct end *e)
{
	struct sw_stream_opts o = { .fn = on_event, .arg = e, .handshake_ms = 15000, .write_max = e->write_max ? e->write_max : 256 << 10 };

	if (e->judge_says) {
		o.judge = judge;
		o.judge_arg = e;
		o.judge_free = judge_free;
	}
	return o;
}

/* --- the loop, with a watchdog instead of sleeps --- */

static bool late;

static void on_late(void *arg)
{
	(void)arg;
	late = true;
}

/* Runs until *what has reached n; fails after half a minute. */
#define run_until(cond) \
	do { \
		struct sw_timer watchdog_; \
		late = false; \
		sw_timer_init(&watchdog_, loop, on_late, NULL); \
		assert_int_equal(sw_timer_start(&watchdog_, 30000), 0); \
		while (!(cond) && !late) \
			uv_run(sw_loop_uv(loop), UV_RUN_ONCE); \
		sw_timer_stop(&watchdog_); \
		if (late) \
			fail_msg("never came: %s", #cond); \
	} while (0)

/* Until nothing is left in the loop: whatever was freed has gone. */
static void run_out(void)
{
	sw_loop_run(loop);
}

/* --- sockets --- */

static int listen_on(struct sw_addr *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(*addr);

	*addr = (struct sw_addr){ .in4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	assert_int_equal(bind(fd, &addr->sa, sizeof(addr->in4)), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, &addr->sa, &n), 0);
	return fd;
}

static int take_one(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	assert_true(fd >= 0);
	close(listener);
	return fd;
}

static void connect_both(struct end *c, struct sw_tls_ctx *cctx, struct end *s, struct sw_tls_ctx *sctx)
{
	struct sw_stream_opts co = opts(c), so = opts(s);
	struct sw_addr addr;
	int listener = listen_on(&addr);

	assert_int_equal(sw_stream_connect(&c->s, loop, &addr, "edge.example.com", cctx, 5000, &co), 0);
	assert_int_equal(sw_stream_accept(&s->s, loop, take_one(listener), sctx, &so), 0);
}

/* A server stream, and the bare blocking socket of its peer. */
static int connect_bare(struct end *s, struct sw_tls_ctx *sctx, uint64_t handshake_ms)
{
	struct sw_stream_opts so = opts(s);
	struct sw_addr addr;
	int listener = listen_on(&addr), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, &addr.sa, sizeof(addr.in4)), 0);
	so.handshake_ms = handshake_ms;
	assert_int_equal(sw_stream_accept(&s->s, loop, take_one(listener), sctx, &so), 0);
	return fd;
}

static void drop(struct end *e)
{
	end_free(e);
	free(e->got);
	run_out();
}

/* --- plain --- */

static void test_plain(void **state)
{
	struct end c = { .say_at_ready = "hello" }, s = { 0 };
	struct sw_verdict why = sw_verdict_make(SW_R_CONN_IDLE, "long silent");
	char text[SW_ADDR_STRLEN];

	(void)state;
	connect_both(&c, NULL, &s, NULL);
	assert_int_equal(s.ready, 0);   /* not from within the call */
	run_until(s.n_got == 5);
	assert_memory_equal(s.got, "hello", 5);
	assert_false(sw_stream_is_tls(s.s));
	assert_null(sw_stream_peer(s.s));
	assert_true(sw_addr_eq(sw_stream_peer_addr(s.s), sw_stream_local_addr(c.s)));
	assert_true(sw_addr_eq(sw_stream_peer_addr(c.s), sw_stream_local_addr(s.s)));
	assert_memory_equal(sw_addr_text(sw_stream_local_addr(s.s), text), "127.0.0.1:", 10);
	sw_stream_close(c.s, &why);
	run_until(c.ended && s.ended);
	assert_int_equal(c.reason.reason, SW_R_CONN_IDLE);
	assert_string_equal(c.reason.detail, "long silent");
	assert_int_equal(s.reason.reason, SW_R_CONN_PEER_CLOSED);
	drop(&c);
	drop(&s);
}

static void test_connect_refused(void **state)
{
	struct end c = { 0 };
	struct sw_stream_opts o = opts(&c);
	struct sw_addr addr;

	(void)state;
	close(listen_on(&addr));
	assert_int_equal(sw_stream_connect(&c.s, loop, &addr, NULL, NULL, 5000, &o), 0);
	assert_int_equal(c.ended, 0);
	run_until(c.ended);
	assert_int_equal(c.reason.reason, SW_R_CONN_FAILED);
	assert_string_equal(c.reason.detail, "Connection refused");
	assert_int_equal(c.ready, 0);
	drop(&c);
}

static void test_connect_timeout(void **state)
{
	struct end c = { 0 };
	struct sw_stream_opts o = opts(&c);
	struct sw_addr addr;
	int listener = listen_on(&addr), fill[8];

	(void)state;
	/* A full backlog drops what comes: the nearest thing to a silent firewall on the loopback. */
	assert_int_equal(listen(listener, 0), 0);
	for (int i = 0; i < 8; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(fill[i], &addr.sa, sizeof(addr.in4));
	}
	assert_int_equal(sw_stream_connect(&c.s, loop, &addr, NULL, NULL, 60, &o), 0);
	run_until(c.ended);
	assert_int_equal(c.reason.reason, SW_R_CONN_TIMEOUT);
	for (int i = 0; i < 8; i++)
		close(fill[i]);
	close(listener);
	drop(&c);
}

/* --- TLS --- */

/* What is let go while the connection idles is there when it is asked for, twice over. */
static void assert_names_come_back(struct sw_stream *s, const char *subject)
{
	uint8_t digest[32];

	memcpy(digest, sw_stream_peer(s)->identity->cert_sha256, sizeof(digest));
	for (int i = 0; i < 2; i++) {
		sw_stream_forget_names(s);
		assert_string_equal(sw_stream_peer(s)->identity->subject, subject);
		assert_memory_equal(sw_stream_peer(s)->identity->cert_sha256, digest, sizeof(digest));
	}
	sw_stream_forget_names(s);
	sw_stream_forget_names(s);
}

static void test_mutual(void **state)
{
	struct end c = { .say_at_ready = "OPTIONS", .judge_says = SW_R_OK }, s = { .say_at_ready = "200", .judge_says = SW_R_OK };
	struct sw_verdict why = sw_verdict_make(SW_R_CONN_SHUTDOWN, NULL);

	(void)state;
	connect_both(&c, as_partner, &s, mtls);
	run_until(c.n_got == 3 && s.n_got == 7);
	assert_memory_equal(s.got, "OPTIONS", 7);
	assert_memory_equal(c.got, "200", 3);
	assert_string_equal(s.subject, "CN=partner.example.net,O=sipward lab");
	assert_string_equal(c.subject, "CN=edge.example.com,O=sipward lab");
	assert_string_equal(s.facts.sni, "edge.example.com");
	assert_string_equal(c.facts.sni, "edge.example.com");
	assert_string_equal(s.facts.version, "TLSv1.3");
	assert_int_equal(s.facts.chain.reason, SW_R_OK);
	assert_int_equal(c.judged, 1);
	assert_int_equal(s.judged, 1);
	assert_int_equal(s.judge_freed, 1);
	assert_names_come_back(s.s, "CN=partner.example.net,O=sipward lab");
	assert_names_come_back(c.s, "CN=edge.example.com,O=sipward lab");
	sw_stream_close(s.s, &why);
	run_until(c.ended && s.ended);
	assert_int_equal(c.reason.reason, SW_R_CONN_PEER_CLOSED);
	assert_int_equal(s.reason.reason, SW_R_CONN_SHUTDOWN);
	drop(&c);
	drop(&s);
	assert_int_equal(c.judge_freed, 1);
	assert_int_equal(s.judge_freed, 1);
}

/* RFC 8446: our handshake is over before the server looks at our empty Certificate; its alert must still be told. */
static void test_no_certificate(void **state)
{
	struct end c = { 0 }, s = { .judge_says = SW_R_OK };

	(void)state;
	connect_both(&c, as_nobody, &s, mtls);
	run_until(c.ended && s.ended);
	assert_int_equal(s.ready, 0);
	assert_int_equal(s.judged, 0);
	assert_int_equal(s.data, 0);
	assert_int_equal(s.judge_freed, 1);
	assert_int_equal(s.reason.reason, SW_R_TLS_NO_CERT);
	assert_non_null(strstr(s.reason.detail, "sent alert certificate required"));
	assert_int_equal(c.ready, 1);
	assert_int_equal(c.reason.reason, SW_R_TLS_HANDSHAKE);
	assert_string_equal(c.reason.detail, "the peer sent alert certificate required (116)");
	drop(&c);
	drop(&s);
}

/* The same when the client is already writing: the alert, not the broken pipe, is the news. */
static void test_no_certificate_while_writing(void **state)
{
	struct end c = { .say_at_ready = "INVITE" }, s = { 0 };

	(void)state;
	connect_both(&c, as_nobody, &s, mtls);
	run_until(c.ended && s.ended);
	assert_int_equal(s.n_got, 0);
	assert_int_equal(c.reason.reason, SW_R_TLS_HANDSHAKE);
	assert_non_null(strstr(c.reason.detail, "certificate required"));
	drop(&c);
	drop(&s);
}

static void test_untrusted_server(void **state)
{
	struct end c = { 0 }, s = { 0 };

	(void)state;
	connect_both(&c, distrusting, &s, optional);
	run_until(c.ended && s.ended);
	assert_int_equal(c.ready + s.ready, 0);
	assert_int_equal(c.reason.reason, SW_R_TLS_CHAIN);
	assert_non_null(strstr(c.reason.detail, "unable to get local issuer certificate at depth 1 (CN=Lab Intermediate CA"));
	assert_non_null(strstr(c.reason.detail, "sent alert unknown CA"));
	assert_string_equal(c.subject, "CN=edge.example.com,O=sipward lab");   /* known even though refused */
	assert_int_equal(s.reason.reason, SW_R_TLS_HANDSHAKE);
	assert_string_equal(s.reason.detail, "the peer sent alert unknown CA (48)");
	drop(&c);
	drop(&s);
}

static void test_judge_refuses(void **state)
{
	struct end c = { .say_at_ready = "INVITE" }, s = { .judge_says = SW_R_ID_NO_ZONE };

	(void)state;
	connect_both(&c, as_partner, &s, mtls);
	run_until(c.ended && s.ended);
	assert_int_equal(s.ready, 0);
	assert_int_equal(s.data, 0);
	assert_int_equal(s.reason.reason, SW_R_ID_NO_ZONE);
	assert_string_equal(s.reason.detail, "by the judge, TLSv1.3");
	assert_int_equal(s.judge_freed, 1);
	assert_int_equal(c.reason.reason, SW_R_CONN_PEER_CLOSED);   /* closed in good order */
	drop(&c);
	drop(&s);
}

static void test_silent_peer(void **state)
{
	struct end s = { .judge_says = SW_R_OK };
	int fd = connect_bare(&s, mtls, 50);

	(void)state;
	run_until(s.ended);
	assert_int_equal(s.reason.reason, SW_R_TLS_TIMEOUT);
	assert_int_equal(s.judge_freed, 1);
	close(fd);
	drop(&s);
}

static void test_not_tls(void **state)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	struct end s = { 0 };
	int fd = connect_bare(&s, mtls, 10000);

	(void)state;
	assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
	run_until(s.ended);
	assert_int_equal(s.reason.reason, SW_R_TLS_HANDSHAKE);
	assert_non_null(strstr(s.reason.detail, "http request"));
	close(fd);
	drop(&s);
}

static void test_gone_in_handshake(void **state)
{
	struct end s = { 0 };
	int fd = connect_bare(&s, mtls, 10000);

	(void)state;
	assert_int_equal(write(fd, "\x16\x03\x01\x02\x00", 5), 5);
	close(fd);
	run_until(s.ended);
	assert_int_equal(s.reason.reason, SW_R_TLS_HANDSHAKE);
	assert_non_null(strstr(s.reason.detail, "closed the connection"));
	drop(&s);
}

/* A bare OpenSSL client on a non-blocking socket, driven between turns of the loop. */
static SSL *bare_handshake(struct end *s, int fd, SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	SSL_set_fd(ssl, fd);
	run_until((SSL_connect(ssl), SSL_is_init_finished(ssl)) && (s->ready || s->ended));
	ERR_clear_error();
	return ssl;
}

static void test_truncation(void **state)
{
	struct end s = { 0 };
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int fd = connect_bare(&s, optional, 10000);
	SSL *ssl = bare_handshake(&s, fd, ctx);

	(void)state;
	assert_int_equal(SSL_write(ssl, "INVITE sip:", 11), 11);
	run_until(s.n_got == 11);
	shutdown(fd, SHUT_WR);   /* no close_notify */
	run_until(s.ended);
	assert_int_equal(s.reason.reason, SW_R_CONN_TRUNCATED);
	close(fd);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	drop(&s);
}

/* What one turn of the loop writes is one record, but it waits for nobody: the owner may free the stream at once. */
static void check_writes_leave_together(bool free_at_once)
{
	struct end s = { 0 };
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int fd = connect_bare(&s, optional, 10000);
	SSL *ssl = bare_handshake(&s, fd, ctx);
	char got[64];
	int n;

	assert_int_equal(sw_stream_write(s.s, "100", 3), 0);
	assert_int_equal(sw_stream_write(s.s, "180", 3), 0);
	assert_int_equal(sw_stream_write(s.s, "200", 3), 0);
	assert_int_equal(SSL_read(ssl, got, sizeof(got)), -1);
	if (free_at_once)
		end_free(&s);
	run_until((n = SSL_read(ssl, got, sizeof(got))) > 0);
	assert_int_equal(n, 9);
	assert_memory_equal(got, "100180200", 9);
	if (!free_at_once) {
		assert_int_equal(s.drained, 1);
		assert_int_equal(sw_stream_queued(s.s), 0);
	}
	close(fd);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	drop(&s);
}

static void test_writes_leave_together(void **state)
{
	(void)state;
	check_writes_leave_together(false);
	check_writes_leave_together(true);
}

/* The bound is for a peer that does not read: what one turn writes to one that does may be more. */
static void test_bound_spares_a_turn(void **state)
{
	enum { BLOCK = 1000, BLOCKS = 20 };
	struct end s = { .write_max = BLOCK + 1 };
	int fd = connect_bare(&s, NULL, 10000);
	static char block[BLOCK], got[BLOCK * BLOCKS];
	size_t n = 0;

	(void)state;
	run_until(s.ready);
	for (int i = 0; i < BLOCKS; i++)
		assert_int_equal(sw_stream_write(s.s, block, BLOCK), 0);
	run_until(sw_stream_queued(s.s) == 0);
	while (n < sizeof(got)) {
		ssize_t r = read(fd, got, sizeof(got));

		assert_true(r > 0);
		n += (size_t)r;
	}
	close(fd);
	drop(&s);
}

/* A peer that asks and closes its side in one breath still gets its answer. */
static void test_answer_to_half_closed(void **state)
{
	struct end s = { .answer = "SIP/2.0 200 OK" };
	int fd = connect_bare(&s, NULL, 10000);
	char got[64];

	(void)state;
	assert_int_equal(write(fd, "BYE sip:", 8), 8);
	shutdown(fd, SHUT_WR);
	run_until(s.ended);
	assert_int_equal(s.reason.reason, SW_R_CONN_PEER_CLOSED);
	assert_int_equal(read(fd, got, sizeof(got)), strlen(s.answer));
	close(fd);
	drop(&s);
}

/* Several records at once and an owner that takes one byte per DATA: what OpenSSL holds must not be forgotten. */
static void test_small_reads(void **state)
{
	struct end c = { .say_at_ready = "a message larger than one byte" }, s = { .chunk = 1 };

	(void)state;
	connect_both(&c, as_partner, &s, mtls);
	run_until(s.n_got == strlen(c.say_at_ready));
	assert_memory_equal(s.got, c.say_at_ready, s.n_got);
	drop(&c);
	drop(&s);
}

static void fill(char *p, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (char)(seed >> 24);
	}
}

/* A reader that pauses: the writer is bounded, told when it may go on, and every byte arrives once. */
static void check_back_pressure(struct sw_tls_ctx *cctx, struct sw_tls_ctx *sctx)
{
	enum { BLOCK = 32 << 10, BLOCKS = 1024 };
	struct end c = { 0 }, s = { 0 };
	char *sent = malloc((size_t)BLOCK * BLOCKS);
	size_t n = 0;

	connect_both(&c, cctx, &s, sctx);
	run_until(c.ready && s.ready);
	sw_stream_want_read(s.s, false);
	for (;;) {
		int err;

		assert_true(n < (size_t)BLOCK * BLOCKS);
		fill(sent + n, BLOCK, (uint32_t)n);
		err = sw_stream_write(c.s, sent + n, BLOCK);
		if (err == SW_ELIMIT)
			break;
		assert_int_equal(err, 0);
		n += BLOCK;
	}
	assert_in_range(sw_stream_queued(c.s), (256 << 10) - BLOCK + 1, 256 << 10);
	uv_run(sw_loop_uv(loop), UV_RUN_NOWAIT);
	assert_int_equal(s.data, 0);
	sw_stream_want_read(s.s, true);
	run_until(s.n_got == n);
	assert_memory_equal(s.got, sent, n);
	assert_int_equal(sw_stream_queued(c.s), 0);
	assert_int_equal(c.drained, 1);
	assert_int_equal(sw_stream_write(c.s, "x", 1), 0);
	run_until(s.n_got == n + 1);
	free(sent);
	drop(&c);
	drop(&s);
}

static void test_back_pressure(void **state)
{
	(void)state;
	check_back_pressure(NULL, NULL);
	check_back_pressure(as_partner, mtls);
}

/* Pausing with bytes already inside OpenSSL: going on must bring them without the descriptor's help. */
static void test_pause_with_bytes_inside(void **state)
{
	struct end c = { .say_at_ready = "0123456789" }, s = { .chunk = 3, .pause = true };

	(void)state;
	connect_both(&c, as_partner, &s, mtls);
	for (size_t n = 3; n <= 9; n += 3) {
		run_until(s.n_got == n);
		uv_run(sw_loop_uv(loop), UV_RUN_NOWAIT);
		assert_int_equal(s.n_got, n);
		sw_stream_want_read(s.s, true);
	}
	run_until(s.n_got == 10);
	drop(&c);
	drop(&s);
}

/* What was queued goes out before the end. */
static void check_close_flushes(struct sw_tls_ctx *cctx, struct sw_tls_ctx *sctx)
{
	struct end c = { 0 }, s = { 0 };
	struct sw_verdict why = sw_verdict_make(SW_R_CONN_SHUTDOWN, NULL);
	char block[8192], *sent = NULL;
	size_t n = 0;

	connect_both(&c, cctx, &s, sctx);
	run_until(c.ready && s.ready);
	sw_stream_want_read(s.s, false);
	while (sw_stream_queued(c.s) < 100000) {
		fill(block, sizeof(block), (uint32_t)n);
		sent = realloc(sent, n + sizeof(block));
		memcpy(sent + n, block, sizeof(block));
		assert_int_equal(sw_stream_write(c.s, block, sizeof(block)), 0);
		n += sizeof(block);
	}
	sw_stream_close(c.s, &why);
	assert_int_equal(sw_stream_write(c.s, "x", 1), SW_ECLOSED);
	assert_int_equal(c.ended, 0);   /* from the loop */
	sw_stream_want_read(s.s, true);
	run_until(c.ended && s.ended);
	assert_int_equal(s.n_got, n);
	assert_memory_equal(s.got, sent, n);
	assert_int_equal(s.reason.reason, SW_R_CONN_PEER_CLOSED);
	free(sent);
	drop(&c);
	drop(&s);
}

/* In a loop whose clock stands still: on a busy machine the two seconds of a close are short. */
static void test_close_flushes(void **state)
{
	struct sw_loop *others = loop;

	(void)state;
	assert_int_equal(sw_loop_new(&loop), 0);
	sw_loop_fake_clock(loop);
	check_close_flushes(NULL, NULL);
	check_close_flushes(as_partner, mtls);
	sw_loop_free(loop);
	loop = others;
	uv_update_time(sw_loop_uv(loop));   /* it stood still meanwhile, and its next timers would be over at once */
}

/* A peer that never reads holds up the close for two seconds, no longer. */
static void test_close_is_bounded(void **state)
{
	struct end c = { 0 }, s = { 0 };
	struct sw_verdict why = sw_verdict_make(SW_R_CONN_SLOW, NULL);
	char block[4096] = { 0 };
	uint64_t start;

	(void)state;
	connect_both(&c, as_partner, &s, mtls);
	run_until(c.ready && s.ready);
	sw_stream_want_read(s.s, false);
	while (sw_stream_write(c.s, block, sizeof(block)) == 0)
		;
	start = sw_loop_now(loop);
	sw_stream_close(c.s, &why);
	run_until(c.ended);
	assert_int_equal(c.reason.reason, SW_R_CONN_SLOW);
	assert_in_range(sw_loop_now(loop) - start, 1900, 20000);
	drop(&c);
	drop(&s);
}

/* --- freeing at bad moments --- */

static void test_free_while_handshaking(void **state)
{
	(void)state;
	/* after this many turns of the loop: before, while and after a thread has it */
	for (int turns = 0; turns < 12; turns++) {
		struct end c = { .judge_says = SW_R_OK }, s = { .judge_says = SW_R_OK };

		connect_both(&c, as_partner, &s, mtls);
		for (int i = 0; i < turns; i++)
			uv_run(sw_loop_uv(loop), UV_RUN_NOWAIT);
		end_free(turns % 2 ? &c : &s);
		run_until(turns % 2 ? s.ended : c.ended);
		drop(&c);
		drop(&s);
		assert_int_equal(c.judge_freed, 1);
		assert_int_equal(s.judge_freed, 1);
	}
}

static void test_free_at_once(void **state)
{
	struct end c = { .judge_says = SW_R_OK }, s = { .judge_says = SW_R_OK };

	(void)state;
	connect_both(&c, as_partner, &s, mtls);
	end_free(&c);
	end_free(&s);
	run_out();
	connect_both(&c, NULL, &s, NULL);
	end_free(&c);
	end_free(&s);
	run_out();
	assert_int_equal(c.ready + s.ready + c.ended + s.ended, 0);
	assert_int_equal(c.judge_freed, 2);
}

static void test_free_in_events(void **state)
{
	static const enum sw_stream_event events[] = { SW_STREAM_READY, SW_STREAM_DATA };

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (int tls = 0; tls < 2; tls++) {
			struct end c = { .say_at_ready = "hello" };
			struct end s = { .judge_says = SW_R_OK, .free_in_event = true, .free_at = events[i] };

			connect_both(&c, tls ? as_partner : NULL, &s, tls ? mtls : NULL);
			run_until(c.ended);
			assert_null(s.s);
			assert_int_equal(s.judge_freed, 1);
			drop(&c);
			drop(&s);
		}
}

static void test_close_in_handshake(void **state)
{
	struct sw_verdict why = sw_verdict_make(SW_R_CONN_SHUTDOWN, NULL);

	(void)state;
	for (int turns = 0; turns < 8; turns++) {
		struct end c = { 0 }, s = { .judge_says = SW_R_OK };

		connect_both(&c, as_partner, &s, mtls);
		for (int i = 0; i < turns && s.s && !s.ready; i++)
			uv_run(sw_loop_uv(loop), UV_RUN_NOWAIT);
		sw_stream_close(s.s, &why);
		run_until(s.ended && c.ended);
		assert_int_equal(s.reason.reason, SW_R_CONN_SHUTDOWN);
		drop(&c);
		drop(&s);
		assert_int_equal(s.judge_freed, 1);
	}
}

/* Writing to a peer that has vanished ends the stream, not the process. */
static void test_write_to_nobody(void **state)
{
	struct end s = { .keep = true };
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int fd = connect_bare(&s, optional, 10000);
	SSL *ssl = bare_handshake(&s, fd, ctx);
	struct linger hard = { .l_onoff = 1 };
	char block[1024] = { 0 };
	int err = 0;

	(void)state;
	sw_stream_want_read(s.s, false);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	close(fd);   /* a reset */
	for (int i = 0; i < 100 && err == 0; i++)
		err = sw_stream_write(s.s, block, sizeof(block));
	assert_int_equal(err, SW_ECLOSED);
	assert_int_equal(sw_stream_read(s.s, block, 1), SW_ECLOSED);
	assert_int_equal(s.ended, 0);
	run_until(s.ended);
	assert_int_equal(s.reason.reason, SW_R_CONN_FAILED);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	drop(&s);
}

/* --- contexts --- */

static struct sw_conf_cert cert_of(const char *name)
{
	struct sw_conf_cert c = { 0 };
	char file[64];

	snprintf(file, sizeof(file), "%s.pem", name);
	c.cert = lab_kept(file);
	snprintf(file, sizeof(file), "%s.key", name);
	c.key = lab_kept(file);
	return c;
}

static struct sw_conf_cert edge, partner;

static int setup(void **state)
{
	struct sw_conf conf = { .path = (char *)"test.conf", .tls.depth = 4 };
	struct sw_conf_listener l = { .name = (char *)"in", .transport = SW_TRANSPORT_MTLS, .send_ca_names = true };
	struct sw_conf_zone z = { .name = (char *)"out" };
	struct sw_trust *trust, *rogue;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	alarm(300);   /* after a failure streams may be left that never end */
	if (lab_make("edge,partner") || sw_loop_new(&loop) < 0)
		return -1;
	l.cert = edge = cert_of("edge");
	z.client_cert = partner = cert_of("partner");
	trust = lab_trust("root.pem", NULL, NULL);
	rogue = lab_trust("rogue-root.pem", NULL, NULL);
	if (sw_tls_ctx_server(&mtls, &conf, &l, trust, SW_EKU_STRICT, NULL) < 0)
		return -1;
	l.transport = SW_TRANSPORT_TLS;
	if (sw_tls_ctx_server(&optional, &conf, &l, trust, SW_EKU_STRICT, NULL) < 0 ||
	    sw_tls_ctx_client(&as_partner, &conf, &z, trust, NULL) < 0 || sw_tls_ctx_client(&distrusting, &conf, &z, rogue, NULL) < 0)
		return -1;
	z.client_cert_none = true;
	if (sw_tls_ctx_client(&as_nobody, &conf, &z, trust, NULL) < 0)
		return -1;
	sw_trust_free(trust);   /* the contexts have their own references */
	sw_trust_free(rogue);
	return 0;
}

static int teardown(void **state)
{
	sw_tls_ctx_unref(mtls);
	sw_tls_ctx_unref(optional);
	sw_tls_ctx_unref(as_partner);
	sw_tls_ctx_unref(as_nobody);
	sw_tls_ctx_unref(distrusting);
	free(edge.cert);
	free(edge.key);
	free(partner.cert);
	free(partner.key);
	sw_loop_free(loop);
	return lab_remove(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_connect_refused),
		cmocka_unit_test(test_connect_timeout),
		cmocka_unit_test(test_mutual),
		cmocka_unit_test(test_no_certificate),
		cmocka_unit_test(test_no_certificate_while_writing),
		cmocka_unit_test(test_untrusted_server),
		cmocka_unit_test(test_judge_refuses),
		cmocka_unit_test(test_silent_peer),
		cmocka_unit_test(test_not_tls),
		cmocka_unit_test(test_gone_in_handshake),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_writes_leave_together),
		cmocka_unit_test(test_bound_spares_a_turn),
		cmocka_unit_test(test_answer_to_half_closed),
		cmocka_unit_test(test_small_reads),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_pause_with_bytes_inside),
		cmocka_unit_test(test_close_flushes),
		cmocka_unit_test(test_close_is_bounded),
		cmocka_unit_test(test_free_while_handshaking),
		cmocka_unit_test(test_free_at_once),
		cmocka_unit_test(test_free_in_events),
		cmocka_unit_test(test_close_in_handshake),
		cmocka_unit_test(test_write_to_nobody),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
