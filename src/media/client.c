/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edge's end of the media pair. Commands wait in a bounded queue until the process has answered our hello, or while the
 * socket is full. What wants an answer is a request: found by its token, failed when the process restarts or does not
 * answer in time.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/hash.h"
#include "core/log.h"
#include "core/random.h"
#include "media/proto.h"

enum {
	QUEUE_MAX = 8192,
	REQUESTS_MAX = 8192,
	ANSWER_MS = 4000,        /* a restart of the process with its back-off fits in; the caller of a call still waits */
	RECORDS_PER_TURN = 128,
};

struct request {
	uint64_t token;          /* key */
	enum sw_media_msg_type type;
	sw_id stream;            /* OPEN */
	uint64_t due;
	union {                  /* all NULL: nobody waits any more */
		sw_media_opened_fn *opened;
		sw_media_stats_fn *stats;
		sw_media_status_fn *status;
	};
	void *arg;
	struct sw_media_stats *got;  /* owned */
	size_t n;
	struct request *prev, *next; /* by due: all wait equally long */
	UT_hash_handle hh;
};

struct sw_media {
	struct sw_loop *loop;
	struct sw_io *io;
	struct sw_timer timer;       /* the oldest request's */
	sw_media_event_fn *fn;
	void *arg;
	uint64_t self, process;      /* this life, and the process's; 0: not heard yet */
	bool up;                     /* it has answered our hello */
	bool hello_due;              /* ours has not gone out yet */
	bool closed;                 /* the pair is broken, for good */
	bool dead;                   /* freed; its memory lives to the end of the iteration */
	uint64_t last_token;
	struct sw_media_queue out;
	struct request *by_token;
	struct request *oldest;      /* utlist */
	size_t n_requests;
	uint64_t garbage;
};

void sw_media_setup_from_conf(struct sw_media_setup *s, const struct sw_conf *c)
{
	const struct sw_conf_media *m = &c->media;

	*s = (struct sw_media_setup){
		.port_low = m->port_low,
		.port_high = m->port_high,
		.workers = m->workers,
		.quarantine_ms = m->quarantine > UINT32_MAX ? UINT32_MAX : (uint32_t)m->quarantine,
		.idle_ms = m->idle > UINT32_MAX ? UINT32_MAX : (uint32_t)m->idle,
		.close_idle = m->close_idle,
		.n_addresses = m->n_interfaces > SW_MEDIA_ADDRESSES ? SW_MEDIA_ADDRESSES : (uint32_t)m->n_interfaces,
	};
	for (uint32_t i = 0; i < s->n_addresses; i++)
		s->addresses[i] = m->interfaces[i].address;
}

/* --- requests --- */

static void request_unlink(struct sw_media *m, struct request *q)
{
	HASH_DELETE(hh, m->by_token, q);
	DL_DELETE(m->oldest, q);
	m->n_requests--;
}

static void request_free(struct request *q)
{
	free(q->got);
	free(q);
}

/* Ends a request for which no answer comes. The callback may free m: look at m->dead after. */
static void request_fail(struct sw_media *m, struct request *q)
{
	static const uint16_t no_port[2];

	request_unlink(m, q);
	switch (q->type) {
	case SW_MEDIA_MSG_OPEN:
		if (q->opened)
			q->opened(q->arg, SW_R_MEDIA_DOWN, no_port);
		break;
	case SW_MEDIA_MSG_GET_STATUS:
		if (q->status)
			q->status(q->arg, NULL);
		break;
	default:
		if (q->stats)
			q->stats(q->arg, q->got, q->n);
		break;
	}
	request_free(q);
}

/* Those there are now: a callback may ask again, and that waits its own time. */
static void fail_all(struct sw_media *m)
{
	const uint64_t last = m->last_token;

	while (!m->dead && m->oldest && (int64_t)(last - m->oldest->token) >= 0)
		request_fail(m, m->oldest);
}

static void arm_timer(struct sw_media *m)
{
	uint64_t now = sw_loop_now(m->loop);

	if (m->dead || !m->oldest) {
		sw_timer_stop(&m->timer);
		return;
	}
	if (sw_timer_start(&m->timer, m->oldest->due > now ? m->oldest->due - now : 0) < 0)
		sw_log(SW_LOG_ERROR, "media.timer_failed");
}

static void on_timer(void *arg)
{
	struct sw_media *m = arg;

	while (!m->dead && m->oldest && m->oldest->due <= sw_loop_now(m->loop)) {
		/* Told it failed, the owner does not close it: so we do, lest it opens late and stays. */
		if (m->oldest->type == SW_MEDIA_MSG_OPEN && sw_media_close(m, m->oldest->stream) < 0)
			sw_log(SW_LOG_WARN, "media.late_open", SW_ID("stream", m->oldest->stream));
		sw_log(SW_LOG_WARN, "media.no_answer", SW_U("type", m->oldest->type), SW_U("waiting", m->n_requests));
		request_fail(m, m->oldest);
	}
	arm_timer(m);
}

static int request_new(struct sw_media *m, struct sw_media_msg *msg, struct request **out)
{
	struct request *q;

	if (m->n_requests >= REQUESTS_MAX)
		return SW_ELIMIT;
	q = calloc(1, sizeof(*q));
	if (!q)
		return SW_ENOMEM;
	if (++m->last_token == 0)
		++m->last_token;
	msg->head.token = q->token = m->last_token;
	q->type = msg->head.type;
	q->stream = msg->head.stream;
	q->due = sw_loop_now(m->loop) + ANSWER_MS;
	HASH_ADD(hh, m->by_token, token, sizeof(q->token), q);
	if (!q->hh.tbl) {
		free(q);
		return SW_ENOMEM;
	}
	DL_APPEND(m->oldest, q);
	m->n_requests++;
	if (!sw_timer_running(&m->timer))
		arm_timer(m);
	*out = q;
	return SW_OK;
}

static struct request *request_find(struct sw_media *m, uint64_t token)
{
	struct request *q;

	HASH_FIND(hh, m->by_token, &token, sizeof(token), q);
	return q;
}

/* --- sending --- */

static int send_hello(struct sw_media *m)
{
	struct sw_media_msg hello;

	sw_media_msg_init(&hello, SW_MEDIA_MSG_HELLO);
	hello.head.edge = m->self;
	return sw_media_msg_send(sw_io_fd(m->io), &hello);
}

/* SW_ECLOSED is left to the reading side, where callbacks may be called. */
static void flush(struct sw_media *m)
{
	struct sw_media_msg *msg;
	bool full = false;

	if (m->closed)
		return;
	if (m->hello_due) {
		full = send_hello(m) == SW_EAGAIN;
		m->hello_due = full;
	}
	while (m->up && !full && (msg = sw_media_queue_first(&m->out))) {
		int err;

		msg->head.media = m->process;
		msg->head.edge = m->self;
		err = sw_media_msg_send(sw_io_fd(m->io), msg);
		if (err == SW_EAGAIN)
			full = true;
		else
			sw_media_queue_pop(&m->out);
		if (err < 0 && err != SW_EAGAIN)
			break;
	}
	if (sw_io_want(m->io, SW_IO_READ | (full ? SW_IO_WRITE : 0)) < 0)
		sw_log(SW_LOG_ERROR, "media.io_failed");
}

static int send_msg(struct sw_media *m, const struct sw_media_msg *msg)
{
	int err;

	if (m->closed)
		return SW_ECLOSED;
	if (sw_media_msg_check(msg, msg->head.size, true) < 0)
		return SW_EINVALID;
	err = sw_media_queue_push(&m->out, msg);
	if (err < 0)
		return err;
	flush(m);
	return SW_OK;
}

static int send_request(struct sw_media *m, struct sw_media_msg *msg, struct request **out)
{
	int err;

	if (m->closed)
		return SW_ECLOSED;
	err = request_new(m, msg, out);
	if (err < 0)
		return err;
	err = send_msg(m, msg);
	if (err < 0) {
		request_unlink(m, *out);
		request_free(*out);
	}
	return err;
}

/* --- hearing --- */

static void take_opened(struct sw_media *m, const struct sw_media_msg *msg, struct request *q)
{
	request_unlink(m, q);
	if (q->opened)
		q->opened(q->arg, msg->opened.result == SW_MEDIA_OPENED_OK ? SW_R_OK : SW_R_MEDIA_PORTS, msg->opened.port);
	request_free(q);
}

static void take_stats(const struct sw_media_msg *msg, struct request *q)
{
	struct sw_media_stats *got;

	if (!q->stats || q->n >= SW_MEDIA_CALL_STREAMS)
		return;
	got = reallocarray(q->got, q->n + 1, sizeof(*got));
	if (!got)
		return;  /* one stream's figures are missing from the record: the call is not harmed */
	q->got = got;
	sw_media_get_stats(&got[q->n++], msg);
}

static void take_end(struct sw_media *m, struct request *q)
{
	request_unlink(m, q);
	if (q->stats)
		q->stats(q->arg, q->got, q->n);
	request_free(q);
}

static void take_status(struct sw_media *m, const struct sw_media_msg *msg, struct request *q)
{
	struct sw_media_status st;

	sw_media_get_status(&st, msg);
	request_unlink(m, q);
	if (q->status)
		q->status(q->arg, &st);
	request_free(q);
}

static bool answers(const struct sw_media_msg *msg, const struct request *q)
{
	switch (msg->head.type) {
	case SW_MEDIA_MSG_OPENED:
		return q->type == SW_MEDIA_MSG_OPEN;
	case SW_MEDIA_MSG_STATS:
	case SW_MEDIA_MSG_END:
		return q->type == SW_MEDIA_MSG_QUERY || q->type == SW_MEDIA_MSG_CLOSE_CALL;
	case SW_MEDIA_MSG_STATUS:
		return q->type == SW_MEDIA_MSG_GET_STATUS;
	default:
		return false;
	}
}

static void take_answer(struct sw_media *m, const struct sw_media_msg *msg)
{
	struct request *q = request_find(m, msg->head.token);

	if (!q || !answers(msg, q))
		return;  /* it came too late */
	if (msg->head.type == SW_MEDIA_MSG_OPENED)
		take_opened(m, msg, q);
	else if (msg->head.type == SW_MEDIA_MSG_STATS)
		take_stats(msg, q);
	else if (msg->head.type == SW_MEDIA_MSG_END)
		take_end(m, q);
	else
		take_status(m, msg, q);
}

/* The process we knew is gone, and with it all it held: what waited for it fails, what was meant for it is dropped. */
static void lose(struct sw_media *m)
{
	m->up = false;
	sw_media_queue_clear(&m->out);
	sw_log(SW_LOG_ERROR, "media.lost", SW_U("waiting", m->n_requests));
	fail_all(m);
	if (!m->dead)
		m->fn(m->arg, SW_MEDIA_LOST, NULL);
}

static void take_hello(struct sw_media *m, const struct sw_media_msg *msg)
{
	bool to_us = msg->head.edge == m->self;

	if (msg->head.edge != 0 && !to_us)
		return;  /* for an edge before us */
	if (m->up && msg->head.media != m->process)
		lose(m);
	if (m->dead)
		return;
	m->process = msg->head.media;
	if (to_us)
		m->up = true;
	else if (!m->up)
		m->hello_due = true;
	flush(m);
}

static void take(struct sw_media *m, const struct sw_media_msg *msg)
{
	struct sw_media_stats st;

	if (msg->head.type == SW_MEDIA_MSG_HELLO) {
		take_hello(m, msg);
	} else if (!m->up || msg->head.edge != m->self || msg->head.media != m->process) {
		return;  /* of another life */
	} else if (msg->head.type == SW_MEDIA_MSG_EVENT) {
		sw_media_get_stats(&st, msg);
		m->fn(m->arg, (enum sw_media_event)msg->event.event, &st);
	} else {
		take_answer(m, msg);
	}
}

static void break_off(struct sw_media *m, int err)
{
	m->closed = true;
	m->up = false;
	sw_media_queue_clear(&m->out);
	if (sw_io_want(m->io, 0) < 0)
		sw_log(SW_LOG_ERROR, "media.io_failed");
	sw_log(SW_LOG_ERROR, "media.control_closed", SW_S("error", sw_error_text(err)));
	fail_all(m);
}

static void on_io(void *arg, int events)
{
	struct sw_media *m = arg;
	struct sw_media_msg msg;

	if (events & SW_IO_WRITE)
		flush(m);
	for (int i = 0; i < RECORDS_PER_TURN && !m->dead && !m->closed; i++) {
		int err = sw_media_msg_recv(sw_io_fd(m->io), &msg, false);

		if (err == SW_EAGAIN)
			break;
		if (err == SW_EPARSE) {
			m->garbage++;
			if ((m->garbage & (m->garbage - 1)) == 0)
				sw_log(SW_LOG_WARN, "media.control_garbage", SW_U("records", m->garbage));
			continue;
		}
		if (err < 0)
			break_off(m, err);
		else
			take(m, &msg);
	}
	if (!m->dead)
		arm_timer(m);
}

/* --- the edge's calls --- */

int sw_media_new(struct sw_media **out, struct sw_loop *l, int fd, sw_media_event_fn *fn, void *arg)
{
	struct sw_media *m = calloc(1, sizeof(*m));
	int err, flags = fcntl(fd, F_GETFL);

	if (!m)
		return SW_ENOMEM;
	*m = (struct sw_media){ .loop = l, .fn = fn, .arg = arg, .hello_due = true };
	do
		sw_random(&m->self, sizeof(m->self));
	while (m->self == 0);
	/* At random, so that an answer owed to an edge before us finds nobody. */
	sw_random(&m->last_token, sizeof(m->last_token));
	sw_media_queue_init(&m->out, QUEUE_MAX);
	sw_timer_init(&m->timer, l, on_timer, m);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		free(m);
		return SW_EINVALID;
	}
	err = sw_io_new(&m->io, l, fd, on_io, m);
	if (err < 0) {
		free(m);
		return err;
	}
	flush(m);
	*out = m;
	return SW_OK;
}

void sw_media_free(struct sw_media *m)
{
	if (!m || m->dead)
		return;
	m->dead = true;
	while (m->oldest) {
		struct request *q = m->oldest;

		request_unlink(m, q);
		request_free(q);
	}
	sw_timer_stop(&m->timer);
	sw_io_free(m->io);
	sw_media_queue_free(&m->out);
	sw_loop_free_later(m->loop, m);
}

int sw_media_open(struct sw_media *m, const struct sw_media_open *o, sw_media_opened_fn *fn, void *arg)
{
	struct sw_media_msg msg;
	struct request *q;
	int err;

	sw_media_put_open(&msg, o);
	err = send_request(m, &msg, &q);
	if (err < 0)
		return err;
	q->opened = fn;
	q->arg = arg;
	return SW_OK;
}

int sw_media_connect(struct sw_media *m, const struct sw_media_remote *r)
{
	struct sw_media_msg msg;

	sw_media_put_connect(&msg, r);
	return send_msg(m, &msg);
}

int sw_media_close(struct sw_media *m, sw_id stream)
{
	struct sw_media_msg msg;

	sw_media_msg_init(&msg, SW_MEDIA_MSG_CLOSE);
	msg.head.stream = stream;
	return send_msg(m, &msg);
}

static int ask_stats(struct sw_media *m, struct sw_media_msg *msg, sw_media_stats_fn *fn, void *arg)
{
	struct request *q;
	int err = send_request(m, msg, &q);

	if (err < 0)
		return err;
	q->stats = fn;
	q->arg = arg;
	return SW_OK;
}

int sw_media_close_call(struct sw_media *m, sw_id call, sw_media_stats_fn *fn, void *arg)
{
	struct sw_media_msg msg;

	sw_media_msg_init(&msg, SW_MEDIA_MSG_CLOSE_CALL);
	msg.head.call = call;
	return fn ? ask_stats(m, &msg, fn, arg) : send_msg(m, &msg);
}

int sw_media_query(struct sw_media *m, sw_id call, sw_media_stats_fn *fn, void *arg)
{
	struct sw_media_msg msg;

	sw_media_msg_init(&msg, SW_MEDIA_MSG_QUERY);
	msg.head.call = call;
	return ask_stats(m, &msg, fn, arg);
}

int sw_media_status(struct sw_media *m, sw_media_status_fn *fn, void *arg)
{
	struct sw_media_msg msg;
	struct request *q;
	int err;

	sw_media_msg_init(&msg, SW_MEDIA_MSG_GET_STATUS);
	err = send_request(m, &msg, &q);
	if (err < 0)
		return err;
	q->status = fn;
	q->arg = arg;
	return SW_OK;
}

void sw_media_forget(struct sw_media *m, void *arg)
{
	struct request *q;

	DL_FOREACH(m->oldest, q)
		if (q->arg == arg) {
			q->opened = NULL;
			q->stats = NULL;
			q->status = NULL;
		}
}
