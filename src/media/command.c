/* SPDX-License-Identifier: Apache-2.0 */
/* What the edge's commands do. Every record was checked by sw_media_msg_check; what remains is whether it makes sense now. */
#include <errno.h>
#include <stdlib.h>

#include "core/log.h"
#include "media/process.h"

enum {
	BIND_TRIES = 32,             /* ports others hold, for one pinhole */
	LOW_PERCENT = 20,            /* of free ports: alarm below, all clear at twice that */
};

struct sw_media_stream *sw_media_process_stream(struct sw_media_process *p, sw_id id)
{
	struct sw_media_stream *s;

	HASH_FIND(hh, p->streams, &id, sizeof(id), s);
	return s;
}

static struct sw_media_call *find_call(struct sw_media_process *p, sw_id id)
{
	struct sw_media_call *c;

	HASH_FIND(hh, p->calls, &id, sizeof(id), c);
	return c;
}

/* Out of memory, the job is not done: the caller says what that means. */
static struct sw_relay_job *new_job(struct sw_media_stream *s, enum sw_relay_do what)
{
	struct sw_relay_job *j = calloc(1, sizeof(*j));

	if (j) {
		j->what = what;
		j->stream = &s->relay;
	}
	return j;
}

static struct sw_media_stream *stream_of(struct sw_relay_job *j)
{
	return (struct sw_media_stream *)((char *)j->stream - offsetof(struct sw_media_stream, relay));
}

static void post(struct sw_media_process *p, struct sw_media_stream *s, struct sw_relay_job *j)
{
	p->jobs++;
	sw_relay_post(s->worker, j);
}

/* --- ports --- */

static uint32_t free_pairs(struct sw_media_process *p)
{
	uint64_t now = sw_relay_clock();
	uint32_t n = 0;

	for (unsigned i = 0; i < p->setup.n_addresses; i++)
		if (p->pool[i] == i)
			n += sw_ports_count(&p->ports[i], now, SW_PORT_FREE);
	return n;
}

static void alarm_ports(struct sw_media_process *p)
{
	uint64_t left = (uint64_t)free_pairs(p) * 100;

	if (!p->ports_low && left < (uint64_t)p->pairs_total * LOW_PERCENT) {
		p->ports_low = true;
		sw_log(SW_LOG_WARN, "media.ports_low", SW_U("free", left / 50), SW_U("of", 2 * p->pairs_total),
		       SW_U("streams", p->n_streams));
	} else if (p->ports_low && left >= (uint64_t)p->pairs_total * 2 * LOW_PERCENT) {
		p->ports_low = false;
		sw_log(SW_LOG_INFO, "media.ports_ok", SW_U("free", left / 50), SW_U("of", 2 * p->pairs_total));
	}
}

static void give_back(struct sw_media_process *p, struct sw_media_stream *s, int side)
{
	if (s->port[side])
		sw_ports_release(&p->ports[p->pool[s->interface[side]]], sw_relay_clock(), s->port[side]);
	s->port[side] = 0;
}

/* A free pair of the interface, bound. Ports that others hold are set aside for a minute and the next is tried. */
static int open_side(struct sw_media_process *p, struct sw_media_stream *s, int side, uint16_t want)
{
	struct sw_ports *ports = &p->ports[p->pool[s->interface[side]]];
	struct sw_addr local = p->setup.addresses[s->interface[side]];
	uint64_t now = sw_relay_clock();
	uint16_t port = want;
	int err = SW_ELIMIT;

	for (int i = 0; i < (want ? 1 : BIND_TRIES); i++) {
		err = want ? sw_ports_take_this(ports, now, want) : sw_ports_take(ports, now, &port);
		if (err < 0)
			return err;
		sw_addr_set_port(&local, port);
		err = sw_pinhole_open(&s->relay.side[side], &local);
		if (err == SW_OK) {
			s->port[side] = port;
			return SW_OK;
		}
		if (err != -EADDRINUSE) {
			sw_ports_untake(ports, port);
			return err;
		}
		sw_ports_busy(ports, now, port);
	}
	return err;
}

/* --- streams --- */

static void free_stream(struct sw_media_process *p, struct sw_media_stream *s)
{
	sw_pinhole_close(&s->relay.side[SW_SIDE_A]);
	sw_pinhole_close(&s->relay.side[SW_SIDE_B]);
	give_back(p, s, SW_SIDE_A);
	give_back(p, s, SW_SIDE_B);
	p->fds -= s->fds;
	p->n_streams--;
	free(s);
}

static void unlist(struct sw_media_process *p, struct sw_media_stream *s)
{
	struct sw_media_call *c = s->call;

	HASH_DELETE(hh, p->streams, s);
	DL_DELETE(c->streams, s);
	s->call = NULL;
	if (--c->n == 0) {
		HASH_DELETE(hh, p->calls, c);
		free(c);
	}
}

static int list_in_call(struct sw_media_process *p, struct sw_media_stream *s, sw_id call)
{
	struct sw_media_call *c = find_call(p, call);

	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return SW_ENOMEM;
		c->id = call;
		HASH_ADD(hh, p->calls, id, sizeof(c->id), c);
		if (!c->hh.tbl) {
			free(c);
			return SW_ENOMEM;
		}
	}
	HASH_ADD(hh, p->streams, id, sizeof(s->id), s);
	if (!s->hh.tbl) {
		if (c->n == 0) {
			HASH_DELETE(hh, p->calls, c);
			free(c);
		}
		return SW_ENOMEM;
	}
	DL_APPEND(c->streams, s);
	c->n++;
	s->call = c;
	return SW_OK;
}

/* All streams of a call go to one worker: calls share nothing. */
static struct sw_relay *worker_of(struct sw_media_process *p, sw_id call)
{
	return p->workers[sw_siphash(&call, sizeof(call)) % p->n_workers];
}

static int may_open(struct sw_media_process *p, const struct sw_media_open *o, uint8_t fds)
{
	struct sw_media_call *c = find_call(p, o->call);

	if (o->interface[0] >= p->setup.n_addresses || o->interface[1] >= p->setup.n_addresses)
		return SW_EINVALID;
	if (p->fds + fds > p->fds_max)
		return -EMFILE;
	return c && c->n >= SW_MEDIA_CALL_STREAMS ? SW_ELIMIT : SW_OK;
}

static int new_stream(struct sw_media_stream **out, struct sw_media_process *p, const struct sw_media_open *o, uint64_t token)
{
	uint8_t fds = o->pair ? 4 : 2;
	int err = may_open(p, o, fds);
	struct sw_media_stream *s;

	if (err < 0)
		return err;
	s = calloc(1, sizeof(*s));
	if (!s)
		return SW_ENOMEM;
	p->n_streams++;
	p->fds += fds;
	s->id = s->relay.stream = o->stream;
	s->relay.call = o->call;
	s->open_token = token;
	s->pair = o->pair;
	s->fds = fds;
	s->worker = worker_of(p, o->call);
	for (uint8_t side = 0; side < 2; side++) {
		s->interface[side] = o->interface[side];
		sw_pinhole_init(&s->relay.side[side], side, o->pair, o->max_kbps, &s->relay);
	}
	if ((err = open_side(p, s, SW_SIDE_A, o->want_port[SW_SIDE_A])) < 0 ||
	    (err = open_side(p, s, SW_SIDE_B, o->want_port[SW_SIDE_B])) < 0 || (err = list_in_call(p, s, o->call)) < 0) {
		free_stream(p, s);
		return err;
	}
	*out = s;
	return SW_OK;
}

static void say_opened(struct sw_media_process *p, uint64_t token, const struct sw_media_stream *s)
{
	struct sw_media_msg m;

	sw_media_msg_init(&m, SW_MEDIA_MSG_OPENED);
	m.head.token = token;
	m.opened.result = s ? SW_MEDIA_OPENED_OK : SW_MEDIA_OPENED_NO_PORT;
	for (int side = 0; s && side < 2; side++)
		m.opened.port[side] = s->port[side];
	sw_media_process_say(p, &m);
}

static void set_orphan(struct sw_media_process *p, struct sw_media_stream *s, bool orphan)
{
	struct sw_relay_job *j;

	if (s->orphan == orphan)
		return;
	j = new_job(s, SW_RELAY_ORPHAN);
	if (!j)
		return;  /* it stays what it was: the edge's next command, or its next hello, tries again */
	s->orphan = orphan;
	j->orphan = orphan;
	post(p, s, j);
}

/* The same stream again: an edge that came back takes its own, or asks twice. */
static bool is_same(const struct sw_media_stream *s, const struct sw_media_open *o)
{
	for (int side = 0; side < 2; side++)
		if (s->interface[side] != o->interface[side] || (o->want_port[side] && o->want_port[side] != s->port[side]))
			return false;
	return s->call->id == o->call && s->pair == o->pair;
}

static void do_open(struct sw_media_process *p, const struct sw_media_msg *m)
{
	struct sw_media_stream *s = sw_media_process_stream(p, m->head.stream);
	struct sw_relay_job *j;
	struct sw_media_open o;
	int err = SW_EEXISTS;

	sw_media_get_open(&o, m);
	if (s && is_same(s, &o)) {
		if (s->open_token && !s->orphan)
			goto refuse;
		if (s->open_token)
			s->open_token = m->head.token;  /* under way for an edge that is gone: answered once it is done */
		else
			say_opened(p, m->head.token, s);
		set_orphan(p, s, false);
		return;
	}
	if (s || (err = new_stream(&s, p, &o, m->head.token)) < 0)
		goto refuse;
	alarm_ports(p);
	j = new_job(s, SW_RELAY_ADD);
	if (!j) {
		err = SW_ENOMEM;
		unlist(p, s);
		free_stream(p, s);
		goto refuse;
	}
	post(p, s, j);
	return;
refuse:
	sw_log(SW_LOG_WARN, "media.open_refused", SW_ID("call", o.call), SW_ID("stream", o.stream),
	       SW_S("error", sw_error_text(err)), SW_U("want_a", o.want_port[0]), SW_U("want_b", o.want_port[1]),
	       SW_U("descriptors", p->fds), SW_U("descriptors_max", p->fds_max), SW_U("free_pairs", free_pairs(p)));
	say_opened(p, m->head.token, NULL);
}

void sw_media_process_added(struct sw_media_process *p, struct sw_relay_job *j)
{
	struct sw_media_stream *s = stream_of(j);
	uint64_t token = s->open_token;

	s->open_token = 0;
	if (j->status < 0)
		sw_log(SW_LOG_ERROR, "media.open_failed", SW_ID("stream", s->id), SW_S("error", sw_error_text(j->status)));
	say_opened(p, token, j->status < 0 || !s->call ? NULL : s);
	if (j->status < 0 && s->call && !p->stop)
		sw_media_process_close(p, s, 0, 0, false);
}

static void do_connect(struct sw_media_process *p, const struct sw_media_msg *m)
{
	struct sw_media_stream *s = sw_media_process_stream(p, m->head.stream);
	struct sw_relay_job *j;

	if (!s) {
		sw_log(SW_LOG_DEBUG, "media.connect_unknown", SW_ID("call", m->head.call), SW_ID("stream", m->head.stream));
		return;
	}
	set_orphan(p, s, false);
	j = new_job(s, SW_RELAY_CONNECT);
	if (!j) {
		/* The old remote must not stay in force unknown to the edge. */
		sw_log(SW_LOG_ERROR, "media.connect_failed", SW_ID("stream", s->id), SW_S("error", sw_error_text(SW_ENOMEM)));
		sw_media_process_close(p, s, 0, 0, true);
		return;
	}
	sw_media_get_connect(&j->remote, m);
	post(p, s, j);
}

void sw_media_process_end(struct sw_media_process *p, uint64_t token, uint32_t n)
{
	struct sw_media_msg m;

	sw_media_msg_init(&m, SW_MEDIA_MSG_END);
	m.head.token = token;
	m.end.n = n;
	sw_media_process_say(p, &m);
}

void sw_media_process_close(struct sw_media_process *p, struct sw_media_stream *s, uint64_t token, uint32_t end_of, bool tell)
{
	struct sw_relay_job *j = new_job(s, SW_RELAY_REMOVE);

	if (!j) {
		/* Left as it is, it goes on relaying: it is closed as an orphan once it is idle, or by the next command. */
		sw_log(SW_LOG_ERROR, "media.close_failed", SW_ID("stream", s->id), SW_S("error", sw_error_text(SW_ENOMEM)));
		if (token && end_of)
			sw_media_process_end(p, token, end_of);
		return;
	}
	unlist(p, s);
	j->token = token;
	j->end_of = end_of;
	j->tell_closed = tell;
	post(p, s, j);
}

void sw_media_process_removed(struct sw_media_process *p, struct sw_relay_job *j)
{
	free_stream(p, stream_of(j));
	alarm_ports(p);
}

static void do_close(struct sw_media_process *p, const struct sw_media_msg *m)
{
	struct sw_media_stream *s = sw_media_process_stream(p, m->head.stream);

	if (s)
		sw_media_process_close(p, s, 0, 0, false);
}

static void do_close_call(struct sw_media_process *p, const struct sw_media_msg *m)
{
	struct sw_media_call *c = find_call(p, m->head.call);
	struct sw_media_stream *s, *next;
	uint32_t n = c ? c->n : 0, i = 0;

	if (n == 0 && m->head.token)
		sw_media_process_end(p, m->head.token, 0);
	/* The call goes with its last stream, so nothing of it is touched after that. */
	for (s = c ? c->streams : NULL; s && i < n; s = next) {
		next = s->next;
		sw_media_process_close(p, s, m->head.token, ++i == n ? n : 0, false);
	}
}

static void do_query(struct sw_media_process *p, const struct sw_media_msg *m)
{
	struct sw_media_call *c = find_call(p, m->head.call);
	struct sw_media_stream *s;
	uint32_t i = 0;

	DL_FOREACH(c ? c->streams : NULL, s) {
		struct sw_relay_job *j = new_job(s, SW_RELAY_QUERY);

		if (!j)
			break;
		j->token = m->head.token;
		j->end_of = ++i == c->n ? i : 0;
		post(p, s, j);
	}
	if (!c || i < c->n)
		sw_media_process_end(p, m->head.token, i);
}

static void do_status(struct sw_media_process *p, const struct sw_media_msg *m)
{
	struct sw_media_status st = { .ports_total = 2 * p->pairs_total, .ports_free = 2 * free_pairs(p) };
	uint64_t now = sw_relay_clock();
	struct sw_media_msg reply;

	for (unsigned i = 0; i < p->setup.n_addresses; i++)
		if (p->pool[i] == i)
			st.ports_quarantined += 2 * sw_ports_count(&p->ports[i], now, SW_PORT_QUARANTINED);
	for (unsigned i = 0; i < p->n_workers; i++)
		sw_relay_totals(p->workers[i], &st.packets, &st.unexpected);
	st.streams = HASH_COUNT(p->streams);
	st.pinholes = 2 * st.streams;
	sw_media_put_status(&reply, &st);
	reply.head.token = m->head.token;
	sw_media_process_say(p, &reply);
}

/* An edge starts, or asks again who we are. What an earlier edge opened goes on, as orphans. */
static void do_hello(struct sw_media_process *p, const struct sw_media_msg *m)
{
	struct sw_media_stream *s, *tmp;
	struct sw_media_msg reply;

	if (m->head.edge != p->edge) {
		sw_media_queue_clear(&p->out);
		p->edge = m->head.edge;
		HASH_ITER(hh, p->streams, s, tmp)
			set_orphan(p, s, true);
		sw_log(SW_LOG_INFO, "media.edge_hello", SW_ID("edge", p->edge), SW_U("orphans", HASH_COUNT(p->streams)));
	}
	sw_media_msg_init(&reply, SW_MEDIA_MSG_HELLO);
	reply.head.edge = p->edge;
	sw_media_process_say(p, &reply);
}

void sw_media_process_command(struct sw_media_process *p, const struct sw_media_msg *m)
{
	if (m->head.type != SW_MEDIA_MSG_HELLO && (m->head.media != p->self || m->head.edge != p->edge)) {
		p->stale++;
		return;  /* meant for the process before us, or from an edge before this one */
	}
	switch (m->head.type) {
	case SW_MEDIA_MSG_HELLO:
		do_hello(p, m);
		return;
	case SW_MEDIA_MSG_OPEN:
		do_open(p, m);
		return;
	case SW_MEDIA_MSG_CONNECT:
		do_connect(p, m);
		return;
	case SW_MEDIA_MSG_CLOSE:
		do_close(p, m);
		return;
	case SW_MEDIA_MSG_CLOSE_CALL:
		do_close_call(p, m);
		return;
	case SW_MEDIA_MSG_QUERY:
		do_query(p, m);
		return;
	case SW_MEDIA_MSG_GET_STATUS:
		do_status(p, m);
		return;
	default:
		return;
	}
}

void sw_media_process_drop_all(struct sw_media_process *p)
{
	struct sw_media_stream *s, *tmp;

	HASH_ITER(hh, p->streams, s, tmp) {
		unlist(p, s);
		free_stream(p, s);
	}
}
