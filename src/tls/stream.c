/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two things can hold a stream beyond sw_stream_free: a pool thread (lent) and a deferred call (deferred). Its memory goes when
 * neither does. While lent, the loop keeps its hands off the descriptor and the SSL: the descriptor is not even closed, since
 * its number could come back as somebody else's.
 *
 * SIGPIPE: OpenSSL writes with write(2), so the process must ignore the signal.
 */
#include "tls/stream.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>
#include "tls/tls_int.h"

enum {
	HANDSHAKE_MS = 10000,    /* where the owner gave none */
	CLOSE_MS = 2000,
	RECORD_BYTES = 16384,    /* what fills a TLS record is not kept back */
};

enum stream_state { CONNECTING, STARTING /* plain: READY is due */, HANDSHAKE, OPEN, CLOSING, ENDED };

struct sw_stream {
	void *later[2];          /* room for sw_loop_free_later */
	struct sw_loop *loop;
	struct sw_io *io;        /* owned, and with it the descriptor */
	struct sw_tls_ctx *ctx;  /* a reference; NULL: plain */
	SSL *ssl;                /* owned; NULL: plain */
	struct sw_handshake *handshake;  /* owned, until READY or END */
	struct sw_stream_opts o;
	struct sw_timer timer;   /* the deadline of the present state */
	uint64_t started;
	enum stream_state state;
	int events;              /* what io was last told */
	bool lent, deferred, freed;
	bool end_told;
	bool want_read;
	bool data_due;           /* DATA must come without the descriptor saying so */
	bool got_data;           /* something of the peer was ever read */
	bool progress, starved;  /* within one DATA: bytes were read; EAGAIN was seen */
	bool flush_due;          /* what is queued goes out at the end of the iteration */
	bool read_wants_write, write_wants_read;  /* TLS 1.3 key update */
	bool may_shutdown;       /* the TLS state is whole: close_notify may be sent */
	struct sw_buf queue;     /* from queue_pos on: not sent yet */
	size_t queue_pos;
	struct sw_addr peer_addr, local_addr;
	struct sw_tls_peer peer;
	struct sw_verdict reason;
};

static void on_deferred(void *arg);
static void on_work_done(void *arg, int status);

/* --- ends --- */

static void tell_judge_is_over(void (*judge_free)(void *), void *arg)
{
	if (judge_free)
		judge_free(arg);
}

static void release(struct sw_stream *s)
{
	if (!s->freed || s->lent || s->deferred)
		return;
	if (s->ssl && s->may_shutdown) {
		ERR_clear_error();
		SSL_shutdown(s->ssl);
	}
	SSL_free(s->ssl);
	ERR_clear_error();
	sw_tls_ctx_unref(s->ctx);
	if (s->io)
		sw_socket_settle(sw_io_fd(s->io));
	sw_io_free(s->io);
	sw_buf_free(&s->queue);
	sw_tls_peer_clear(&s->peer);
	free(s->handshake);
	tell_judge_is_over(s->o.judge_free, s->o.judge_arg);
	sw_loop_free_later(s->loop, s);
}

static bool flush(struct sw_stream *s);

void sw_stream_free(struct sw_stream *s)
{
	if (!s || s->freed)
		return;
	/* Also after an end: who closed its side with the request still gets the answer. */
	if (s->flush_due)
		flush(s);
	s->freed = true;
	sw_timer_stop(&s->timer);
	if (s->handshake)
		atomic_store(&s->handshake->abandoned, true);
	release(s);
}

/* Calls on_deferred at the end of the iteration. Out of memory, the timer does it a little later. */
static void defer(struct sw_stream *s)
{
	if (s->deferred)
		return;
	if (sw_loop_defer(s->loop, on_deferred, s) == SW_OK)
		s->deferred = true;
	else if (sw_timer_start(&s->timer, 0) < 0)
		sw_log(SW_LOG_ERROR, "stream.stuck", SW_S("error", sw_error_text(SW_ENOMEM)));
}

static void update_events(struct sw_stream *s);

/* END will come from the loop; what the descriptor did not take before stays unsent. */
static void end_later(struct sw_stream *s, struct sw_verdict why)
{
	if (s->state == ENDED)
		return;
	s->state = ENDED;
	s->reason = why;
	sw_timer_stop(&s->timer);
	update_events(s);
	if (s->handshake)
		atomic_store(&s->handshake->abandoned, true);
	if (!s->lent)
		defer(s);
}

/* --- events --- */

static int events_of(const struct sw_stream *s)
{
	bool pending = s->queue.len > s->queue_pos;

	if (s->lent)
		return 0;
	switch (s->state) {
	case CONNECTING:
		return SW_IO_WRITE;
	case HANDSHAKE:
		return s->handshake->state == SW_HANDSHAKE_WRITE ? SW_IO_WRITE : SW_IO_READ;
	case OPEN:
		return (s->want_read || s->write_wants_read ? SW_IO_READ : 0) |
		       ((pending && !s->flush_due && !s->write_wants_read) || s->read_wants_write ? SW_IO_WRITE : 0);
	case CLOSING:
		return SW_IO_WRITE;
	case STARTING:
	case ENDED:
		break;
	}
	return 0;
}

static void update_events(struct sw_stream *s)
{
	int events = events_of(s);
	int err;

	if (events == s->events)
		return;
	err = sw_io_want(s->io, events);
	if (err < 0)
		end_later(s, sw_verdict_make(SW_R_CONN_FAILED, "%s", sw_error_text(err)));
	else
		s->events = events;
}

/* False when the owner freed the stream: then nothing of it may be touched any more. */
static bool tell(struct sw_stream *s, enum sw_stream_event ev)
{
	s->o.fn(s->o.arg, ev);
	return !s->freed;
}

/* READY and END are where the judge is done for good; the owner may look at its outcome within them. */
static bool tell_last_of_judge(struct sw_stream *s, enum sw_stream_event ev)
{
	void (*judge_free)(void *) = s->o.judge_free;
	void *judge_arg = s->o.judge_arg;
	bool alive;

	s->o.judge_free = NULL;
	alive = tell(s, ev);
	tell_judge_is_over(judge_free, judge_arg);
	return alive;
}

static void tell_data(struct sw_stream *s)
{
	s->data_due = false;
	s->progress = s->starved = false;
	if (!tell(s, SW_STREAM_DATA) || s->state != OPEN)
		return;
	/* The owner stopped early: what OpenSSL holds already makes no descriptor readable. */
	if (s->ssl && s->want_read && s->progress && !s->starved && SSL_has_pending(s->ssl)) {
		s->data_due = true;
		defer(s);
	}
	s->progress = false;
}

/* What the iteration's writes have queued. False when the stream broke or its owner freed it. */
static bool send_due(struct sw_stream *s)
{
	if (!flush(s))
		return false;
	update_events(s);
	return s->queue.len > 0 || tell(s, SW_STREAM_DRAINED);
}

static void open_for_data(struct sw_stream *s)
{
	s->state = OPEN;
	s->may_shutdown = s->ssl;
	sw_timer_stop(&s->timer);
	if (!tell_last_of_judge(s, SW_STREAM_READY) || s->state != OPEN)
		return;
	update_events(s);
	if (s->ssl && s->want_read && SSL_has_pending(s->ssl)) {
		s->data_due = true;
		defer(s);
	}
}

static void on_deferred(void *arg)
{
	struct sw_stream *s = arg;

	s->deferred = false;
	if (s->freed) {
		release(s);
		return;
	}
	if (s->state == ENDED) {
		if (!s->lent && !s->end_told) {
			s->end_told = true;
			tell_last_of_judge(s, SW_STREAM_END);
		}
	} else if (s->state == STARTING) {
		open_for_data(s);
	} else if (s->state == OPEN) {
		if (s->flush_due && !send_due(s))
			return;
		if (s->state == OPEN && s->data_due && s->want_read)
			tell_data(s);
	}
}

/* --- the handshake --- */

static void lend(struct sw_stream *s)
{
	int err;

	s->lent = true;
	update_events(s);
	if (s->state != HANDSHAKE) {
		s->lent = false;
		defer(s);
		return;
	}
	err = sw_loop_work(s->loop, sw_handshake_step, on_work_done, s->handshake);
	if (err < 0) {
		s->lent = false;
		end_later(s, sw_verdict_make(SW_R_CONN_FAILED, "%s", sw_error_text(err)));
	}
}

static void on_work_done(void *arg, int status)
{
	struct sw_handshake *h = arg;
	struct sw_stream *s = h->owner;

	s->lent = false;
	if (s->freed) {
		release(s);
		return;
	}
	s->may_shutdown = h->judged;
	if (s->state == ENDED) {
		defer(s);
		return;
	}
	if (status < 0) {
		end_later(s, sw_verdict_make(SW_R_CONN_SHUTDOWN, NULL));
		return;
	}
	switch (h->state) {
	case SW_HANDSHAKE_READ:
	case SW_HANDSHAKE_WRITE:
		update_events(s);
		break;
	case SW_HANDSHAKE_DONE:
		SSL_set_app_data(s->ssl, NULL);   /* the record goes with the handshake */
		free(h);
		s->handshake = NULL;
		open_for_data(s);
		break;
	case SW_HANDSHAKE_FAILED:
		end_later(s, h->verdict);
		break;
	}
}

static int start_tls(struct sw_stream *s, const char *server_name)
{
	struct sw_handshake *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return SW_ENOMEM;
	s->handshake = h;
	err = sw_tls_ssl_new(&s->ssl, s->ctx, server_name);
	if (err < 0)
		return err;
	if (SSL_set_fd(s->ssl, sw_io_fd(s->io)) != 1)
		return SW_ENOMEM;
	h->owner = s;
	h->ssl = s->ssl;
	h->ctx = s->ctx;
	h->judge = s->o.judge;
	h->judge_arg = s->o.judge_arg;
	atomic_init(&h->abandoned, false);
	sw_tls_record_init(&h->rec, &s->peer, s->ssl);
	return SW_OK;
}

/* --- the descriptor --- */

static void read_local_addr(struct sw_stream *s)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t n = sizeof(sa);

	if (getsockname(sw_io_fd(s->io), (struct sockaddr *)&sa, &n) < 0 ||
	    sw_addr_from_sockaddr(&s->local_addr, (struct sockaddr *)&sa) < 0)
		s->local_addr = (struct sw_addr){ 0 };
}

static void on_connected(struct sw_stream *s)
{
	uint64_t spent = sw_loop_now(s->loop) - s->started;
	int soerr = 0;
	socklen_t n = sizeof(soerr);

	if (getsockopt(sw_io_fd(s->io), SOL_SOCKET, SO_ERROR, &soerr, &n) < 0)
		soerr = errno;
	if (soerr) {
		end_later(s, sw_verdict_make(SW_R_CONN_FAILED, "%s", strerror(soerr)));
		return;
	}
	read_local_addr(s);
	if (!s->ssl) {
		open_for_data(s);
		return;
	}
	s->state = HANDSHAKE;
	if (sw_timer_start(&s->timer, s->o.handshake_ms > spent ? s->o.handshake_ms - spent : 0) < 0)
		end_later(s, sw_verdict_make(SW_R_CONN_FAILED, "%s", sw_error_text(SW_ENOMEM)));
	else
		lend(s);
}

static void close_step(struct sw_stream *s);

static void on_open_io(struct sw_stream *s, int events)
{
	bool had = s->queue.len > s->queue_pos;

	if (events & SW_IO_WRITE && s->read_wants_write) {
		s->read_wants_write = false;
		s->data_due = true;
	}
	if (had) {
		if (!flush(s))
			return;
		update_events(s);
		if (s->queue.len == 0 && !tell(s, SW_STREAM_DRAINED))
			return;
	}
	if (s->state == OPEN && s->want_read && (s->data_due || events & SW_IO_READ))
		tell_data(s);
	if (!s->freed)
		update_events(s);
}

static void on_io(void *arg, int events)
{
	struct sw_stream *s = arg;

	if (s->freed)
		return;  /* within this iteration, and a deferred call still holds it */
	switch (s->state) {
	case CONNECTING:
		on_connected(s);
		break;
	case HANDSHAKE:
		lend(s);
		break;
	case OPEN:
		on_open_io(s, events);
		break;
	case CLOSING:
		close_step(s);
		break;
	case STARTING:
	case ENDED:
		break;
	}
}

static void on_timer(void *arg)
{
	struct sw_stream *s = arg;

	switch (s->state) {
	case CONNECTING:
		end_later(s, sw_verdict_make(SW_R_CONN_TIMEOUT, "no answer in %llu ms",
					     (unsigned long long)(sw_loop_now(s->loop) - s->started)));
		break;
	case HANDSHAKE:
		end_later(s, sw_verdict_make(SW_R_TLS_TIMEOUT, "not finished in %llu ms", (unsigned long long)s->o.handshake_ms));
		break;
	case CLOSING:
		s->may_shutdown = false;
		end_later(s, s->reason);
		break;
	case STARTING:
	case OPEN:
	case ENDED:
		on_deferred(s);   /* in place of a deferred call that found no memory */
		break;
	}
}

/* --- beginnings --- */

static int stream_new(struct sw_stream **out, struct sw_loop *l, int fd, struct sw_tls_ctx *ctx, const struct sw_stream_opts *o)
{
	struct sw_stream *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		close(fd);
		return SW_ENOMEM;
	}
	s->loop = l;
	s->o = *o;
	if (!s->o.handshake_ms)
		s->o.handshake_ms = HANDSHAKE_MS;
	s->want_read = true;
	s->started = sw_loop_now(l);
	sw_buf_init(&s->queue, o->write_max ? o->write_max : 1);
	sw_timer_init(&s->timer, l, on_timer, s);
	err = sw_io_new(&s->io, l, fd, on_io, s);
	if (err < 0) {
		close(fd);
		free(s);
		return err;
	}
	s->ctx = sw_tls_ctx_ref(ctx);
	*out = s;
	return SW_OK;
}

/* A stream that never came to be: the caller still owns the judge's argument. */
static void discard(struct sw_stream *s)
{
	s->o.judge_free = NULL;
	sw_stream_free(s);
}

int sw_stream_accept(struct sw_stream **out, struct sw_loop *l, int fd, struct sw_tls_ctx *ctx, const struct sw_stream_opts *o)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t n = sizeof(sa);
	struct sw_stream *s;
	int err;

	sw_socket_tune(fd);
	err = stream_new(&s, l, fd, ctx, o);
	if (err < 0)
		return err;
	if (getpeername(fd, (struct sockaddr *)&sa, &n) < 0 || sw_addr_from_sockaddr(&s->peer_addr, (struct sockaddr *)&sa) < 0)
		s->peer_addr = (struct sw_addr){ 0 };
	read_local_addr(s);
	if (!ctx) {
		s->state = STARTING;
		defer(s);
		*out = s;
		return SW_OK;
	}
	s->state = HANDSHAKE;
	err = start_tls(s, NULL);
	if (err >= 0)
		err = sw_timer_start(&s->timer, s->o.handshake_ms);
	if (err < 0) {
		discard(s);
		return err;
	}
	update_events(s);
	*out = s;
	return SW_OK;
}

int sw_stream_connect(struct sw_stream **out, struct sw_loop *l, const struct sw_addr *addr, const char *server_name,
		      struct sw_tls_ctx *ctx, uint64_t connect_ms, const struct sw_stream_opts *o)
{
	struct sw_stream *s;
	int refused, err;
	int fd = sw_socket_connect(addr, &refused);

	if (fd < 0)
		return fd;
	err = stream_new(&s, l, fd, ctx, o);
	if (err < 0)
		return err;
	s->state = CONNECTING;
	s->peer_addr = *addr;
	if (ctx)
		err = start_tls(s, server_name);
	if (err >= 0)
		err = sw_timer_start(&s->timer, connect_ms && connect_ms < s->o.handshake_ms ? connect_ms : s->o.handshake_ms);
	if (err < 0) {
		discard(s);
		return err;
	}
	if (refused)
		end_later(s, sw_verdict_make(SW_R_CONN_FAILED, "%s", strerror(refused)));
	else
		update_events(s);
	*out = s;
	return SW_OK;
}

/* --- bytes --- */

static ssize_t read_plain(struct sw_stream *s, void *p, size_t n)
{
	ssize_t r;

	do
		r = recv(sw_io_fd(s->io), p, n, 0);
	while (r < 0 && errno == EINTR);
	if (r > 0)
		return r;
	if (r < 0 && errno == EAGAIN)
		return SW_EAGAIN;
	end_later(s, r == 0 ? sw_verdict_make(SW_R_CONN_PEER_CLOSED, NULL) :
			      sw_verdict_make(SW_R_CONN_FAILED, "%s", strerror(errno)));
	return SW_ECLOSED;
}

static ssize_t read_tls(struct sw_stream *s, void *p, size_t n)
{
	int r, errnum;

	/* What one read of the descriptor brought is used up. The loop tells of more: asking here would be a call for nothing. */
	if (s->progress && !SSL_has_pending(s->ssl))
		return SW_EAGAIN;
	ERR_clear_error();
	errno = 0;
	r = SSL_read(s->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
	errnum = errno;
	if (r > 0)
		return r;
	switch (SSL_get_error(s->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return SW_EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		s->read_wants_write = true;
		update_events(s);
		return SW_EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		break;
	default:
		s->may_shutdown = false;
		break;
	}
	end_later(s, sw_tls_io_verdict(s->ssl, r, errnum, s->got_data));
	return SW_ECLOSED;
}

ssize_t sw_stream_read(struct sw_stream *s, void *p, size_t n)
{
	ssize_t r;

	if (s->state < OPEN)
		return SW_EAGAIN;
	if (s->state != OPEN)
		return SW_ECLOSED;
	if (n == 0)
		return SW_EINVALID;
	r = s->ssl ? read_tls(s, p, n) : read_plain(s, p, n);
	if (r > 0)
		s->got_data = s->progress = true;
	else
		s->starved = true;
	return r;
}

/* The peer may have said why in an alert that waits to be read. */
static struct sw_verdict write_failure(struct sw_stream *s, int ret, int errnum)
{
	struct sw_verdict v = sw_tls_io_verdict(s->ssl, ret, errnum, s->got_data);
	char byte;
	int r;

	ERR_clear_error();
	errno = 0;
	r = SSL_peek(s->ssl, &byte, 1);
	errnum = errno;
	if (r <= 0 && SSL_get_error(s->ssl, r) == SSL_ERROR_SSL) {
		struct sw_verdict said = sw_tls_io_verdict(s->ssl, r, errnum, s->got_data);

		if (said.reason != SW_R_CONN_TRUNCATED)
			v = said;
	}
	ERR_clear_error();
	return v;
}

/* How much was taken, SW_EAGAIN, or SW_ECLOSED after which END is under way. */
static ssize_t write_some(struct sw_stream *s, const void *p, size_t n)
{
	size_t done = 0;
	int r, errnum;

	if (!s->ssl) {
		ssize_t w;

		do
			w = send(sw_io_fd(s->io), p, n, MSG_NOSIGNAL);
		while (w < 0 && errno == EINTR);
		if (w >= 0)
			return w;
		if (errno == EAGAIN)
			return SW_EAGAIN;
		end_later(s, sw_verdict_make(SW_R_CONN_FAILED, "%s", strerror(errno)));
		return SW_ECLOSED;
	}
	s->write_wants_read = false;
	ERR_clear_error();
	errno = 0;
	r = SSL_write_ex(s->ssl, p, n, &done);
	errnum = errno;
	if (r == 1)
		return (ssize_t)done;
	switch (SSL_get_error(s->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		s->write_wants_read = true;
		return SW_EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		return SW_EAGAIN;
	default:
		s->may_shutdown = false;
		end_later(s, write_failure(s, r, errnum));
		return SW_ECLOSED;
	}
}

/* Sends what is queued as far as it goes; false when the connection broke. An empty queue keeps no memory. */
static bool flush(struct sw_stream *s)
{
	s->flush_due = false;
	while (s->queue_pos < s->queue.len) {
		ssize_t w = write_some(s, s->queue.data + s->queue_pos, s->queue.len - s->queue_pos);

		if (w == SW_EAGAIN)
			return true;
		if (w < 0)
			return false;
		s->queue_pos += (size_t)w;
	}
	sw_buf_free(&s->queue);
	sw_buf_init(&s->queue, s->o.write_max ? s->o.write_max : 1);
	s->queue_pos = 0;
	return true;
}

static int enqueue(struct sw_stream *s, const char *p, size_t n)
{
	if (s->queue_pos) {
		sw_buf_consume(&s->queue, s->queue_pos);
		s->queue_pos = 0;
	}
	sw_buf_put(&s->queue, p, n);
	if (sw_buf_error(&s->queue) < 0) {
		/* Part of it may be out: what would follow is no message any more. */
		end_later(s, sw_verdict_make(SW_R_CONN_FAILED, "%s", sw_error_text(SW_ENOMEM)));
		return SW_ECLOSED;
	}
	return SW_OK;
}

/*
 * Messages written in one iteration of the loop leave together: under load most of a message's cost is the system call and the
 * record, and the end of the iteration is as soon as the peer could have seen the last of them.
 */
int sw_stream_write(struct sw_stream *s, const void *p, size_t n)
{
	bool blocked = s->queue.len > s->queue_pos && !s->flush_due;
	int err;

	if (s->state < OPEN)
		return SW_EAGAIN;
	if (s->state != OPEN)
		return SW_ECLOSED;
	/* The limit is on what the peer does not take, not on what one iteration writes. */
	if (s->flush_due && n <= s->o.write_max && sw_stream_queued(s) > s->o.write_max - n) {
		if (!flush(s))
			return SW_ECLOSED;
		blocked = s->queue.len > 0;
		update_events(s);
	}
	if (n > s->o.write_max || sw_stream_queued(s) > s->o.write_max - n)
		return SW_ELIMIT;
	err = enqueue(s, p, n);
	if (err < 0 || blocked || n == 0)
		return err;
	if (sw_stream_queued(s) >= RECORD_BYTES) {
		if (!flush(s))
			return SW_ECLOSED;
		update_events(s);
		return SW_OK;
	}
	s->flush_due = true;
	defer(s);
	return SW_OK;
}

size_t sw_stream_queued(const struct sw_stream *s)
{
	return s->queue.len - s->queue_pos;
}

void sw_stream_want_read(struct sw_stream *s, bool on)
{
	if (s->want_read == on)
		return;
	s->want_read = on;
	if (s->state != OPEN)
		return;
	update_events(s);
	if (on && s->ssl && (s->data_due || SSL_has_pending(s->ssl))) {
		s->data_due = true;
		defer(s);
	}
}

/* --- closing --- */

static void close_step(struct sw_stream *s)
{
	struct sw_verdict why = s->reason;

	if (flush(s) && s->queue.len == 0) {
		int r = 0;

		ERR_clear_error();
		if (s->ssl && s->may_shutdown)
			r = SSL_shutdown(s->ssl);
		if (r < 0 && SSL_get_error(s->ssl, r) == SSL_ERROR_WANT_WRITE)
			return;
		ERR_clear_error();
		s->may_shutdown = false;
		end_later(s, why);
	}
	s->reason = why;   /* also where the peer's end broke meanwhile */
}

void sw_stream_close(struct sw_stream *s, const struct sw_verdict *why)
{
	if (s->state == ENDED || s->state == CLOSING)
		return;
	if (s->state != OPEN) {
		end_later(s, *why);
		return;
	}
	s->state = CLOSING;
	s->reason = *why;
	if (sw_timer_start(&s->timer, CLOSE_MS) < 0) {
		end_later(s, *why);
		return;
	}
	close_step(s);
	update_events(s);
}

/* --- facts --- */

bool sw_stream_is_tls(const struct sw_stream *s)
{
	return s->ctx;
}

const struct sw_addr *sw_stream_peer_addr(const struct sw_stream *s)
{
	return &s->peer_addr;
}

const struct sw_addr *sw_stream_local_addr(const struct sw_stream *s)
{
	return &s->local_addr;
}

/* As long as there is a handshake, the identity is the pool thread's to make. */
static bool has_names(const struct sw_stream *s)
{
	return !s->handshake && !s->lent && s->peer.leaf;
}

const struct sw_tls_peer *sw_stream_peer(struct sw_stream *s)
{
	if (!s->ctx)
		return NULL;
	if (has_names(s) && !s->peer.identity && sw_identity_from_x509(&s->peer.identity, s->peer.leaf) < 0)
		s->peer.identity = NULL;
	return &s->peer;
}

void sw_stream_forget_names(struct sw_stream *s)
{
	if (!has_names(s))
		return;
	sw_identity_free(s->peer.identity);
	s->peer.identity = NULL;
}

const struct sw_verdict *sw_stream_reason(const struct sw_stream *s)
{
	return &s->reason;
}
