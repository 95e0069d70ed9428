/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "core/random.h"
#include "edge/answer.h"
#include "edge/call.h"
#include "edge/listen.h"
#include "edge/ocsp.h"
#include "edge/refusal.h"
#include "edge/request.h"
#include "edge/seen.h"

enum {
	READS_PER_TURN = 32,            /* of 16 KiB: then the others' turn */
	READ_BYTES = 16384,
	STRIKES_MAX = 5,
	STRIKES_WINDOW_MS = 60000,
	PING_MIN_MS = 95000,
	PING_SPREAD_MS = 25000,
	PONG_MS = 10000,
	LOG_PER_SECOND = 50,            /* lines about strangers; a flood must not fill the disk */
};

/* What a pool thread needs to judge a finished handshake, and its result. Two owners: the peer and its stream. */
struct sw_admit_job {
	unsigned refs;                  /* touched on the loop only */
	struct sw_generation *gen;      /* a reference; NULL when it has been judged */
	bool outgoing;
	unsigned listener;
	unsigned zone;
	struct sw_addr source;
	char reference[256], target_host[256];
	struct sw_admission result;
	char name[128];
};

struct sw_peer_wait {
	struct sw_peer_wait *next;
	sw_peer_ready_fn *fn;
	sw_id who;
};

static void job_unref(void *arg)
{
	struct sw_admit_job *job = arg;

	if (--job->refs > 0)
		return;
	sw_generation_unref(job->gen);
	free(job);
}

static void note_name(struct sw_admit_job *job)
{
	const struct sw_name *name = job->result.match.name;

	if (name)
		snprintf(job->name, sizeof(job->name), "%s:%.100s", sw_name_type_name(name->type), name->host ? name->host : name->value);
}

/* In a pool thread: facts in, verdict out. */
static void judge(void *arg, const struct sw_tls_peer *tls, struct sw_verdict *out)
{
	struct sw_admit_job *job = arg;

	if (job->outgoing)
		sw_generation_prove_server(job->gen, sw_zoneset_at(job->gen->zones, job->zone), job->reference, job->target_host, tls,
					   &job->result);
	else
		sw_generation_admit(job->gen, job->listener, &job->source, tls, &job->result);
	note_name(job);
	*out = job->result.verdict;
}

static struct sw_admit_job *job_new(struct sw_edge *e, bool outgoing, unsigned listener, const struct sw_addr *source)
{
	struct sw_admit_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->refs = 1;
	job->gen = sw_generation_ref(e->gen);
	job->outgoing = outgoing;
	job->listener = listener;
	job->source = *source;
	return job;
}

static void on_stream(void *arg, enum sw_stream_event ev);
static void on_message_timer(void *arg);
static void on_idle_timer(void *arg);
static void on_ping_timer(void *arg);
static void on_drain_timer(void *arg);

static bool may_log(struct sw_edge *e)
{
	static struct sw_bucket lines;
	static unsigned long suppressed;

	if (sw_bucket_take(&lines, LOG_PER_SECOND, sw_loop_now(e->loop))) {
		if (suppressed)
			sw_log(SW_LOG_WARN, "log.suppressed", SW_U("lines", suppressed));
		suppressed = 0;
		return true;
	}
	suppressed++;
	return false;
}

static struct sw_peer *peer_new(struct sw_edge *e, bool outgoing, const struct sw_addr *remote)
{
	const struct sw_conf_limits *lim = &e->gen->conf->limits;
	struct sw_frame_limits frame = sw_frame_defaults;
	struct sw_peer *p;

	if (e->peers.used >= lim->connections)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p || sw_idtab_add(&e->peers, p, &p->id) < 0) {
		free(p);
		return NULL;
	}
	p->edge = e;
	p->outgoing = outgoing;
	p->remote = *remote;
	p->gen = sw_generation_ref(e->gen);
	p->serial = e->serial;
	p->since = time(NULL);
	frame.start_line = lim->start_line;
	frame.header_bytes = lim->header_bytes;
	frame.header_lines = lim->header_lines;
	frame.body_bytes = lim->body_bytes;
	sw_frame_init(&p->frame, &frame);
	sw_timer_init(&p->message_timer, e->loop, on_message_timer, p);
	sw_timer_init(&p->idle_timer, e->loop, on_idle_timer, p);
	sw_timer_init(&p->ping_timer, e->loop, on_ping_timer, p);
	sw_timer_init(&p->drain_timer, e->loop, on_drain_timer, p);
	return p;
}

static struct sw_stream_opts stream_opts(struct sw_peer *p, bool tls)
{
	const struct sw_conf_limits *lim = &p->gen->conf->limits;
	struct sw_stream_opts o = {
		.fn = on_stream,
		.arg = p,
		.handshake_ms = lim->handshake_time,
		.write_max = lim->write_queue,
	};

	if (tls) {
		p->job->refs++;
		o.judge = judge;
		o.judge_arg = p->job;
		o.judge_free = job_unref;
	}
	return o;
}

/* It is used for nothing new. */
static void unhash(struct sw_peer *p)
{
	if (p->hh.tbl)
		HASH_DEL(p->edge->outgoing, p);
	p->hh.tbl = NULL;
}

static void peer_free(struct sw_peer *p)
{
	struct sw_edge *e = p->edge;

	sw_idtab_del(&e->peers, p->id);
	unhash(p);
	free(p->key);
	free(p->drain_why);
	sw_timer_stop(&p->message_timer);
	sw_timer_stop(&p->idle_timer);
	sw_timer_stop(&p->ping_timer);
	sw_timer_stop(&p->drain_timer);
	sw_stream_free(p->stream);
	sw_frame_free(&p->frame);
	if (p->job)
		job_unref(p->job);
	sw_generation_unref(p->gen);
	sw_loop_free_later(e->loop, p);
}

static void source_release(struct sw_peer *p)
{
	if (p->outgoing)
		return;
	sw_sources_del(p->edge->conn_sources, &p->remote);
}

static void handshake_over(struct sw_peer *p)
{
	struct sw_edge *e = p->edge;

	if (p->outgoing || p->state != SW_PEER_OPENING)
		return;
	e->handshakes--;
	sw_sources_del(e->handshake_sources, &p->remote);
	sw_listen_resume(e);
}

/* --- incoming --- */

static void refuse_accept(struct sw_edge *e, int fd, const struct sw_addr *source, const char *listener, enum sw_reason r)
{
	char text[SW_ADDR_STRLEN];
	uint64_t id = sw_refusal_of_accept(e, listener, source, r);

	close(fd);
	e->count.refused++;
	sw_reason_count(r);
	if (may_log(e))
		sw_log(SW_LOG_WARN, "conn.refused", SW_ID("id", id), SW_S("listener", listener), SW_S("source", sw_addr_text(source, text)), SW_REASON_F(r));
}

void sw_peer_accept(struct sw_edge *e, unsigned listener, int fd, const struct sw_addr *source)
{
	const struct sw_conf *conf = e->gen->conf;
	const struct sw_conf_listener *l = &conf->listeners[listener];
	struct sw_stream_opts opts;
	struct sw_peer *p;

	if (!sw_sources_add(e->conn_sources, source, conf->limits.connections_per_source)) {
		refuse_accept(e, fd, source, l->name, SW_R_CONN_SOURCE_LIMIT);
		return;
	}
	if (!sw_sources_add(e->handshake_sources, source, conf->limits.handshakes_per_source)) {
		sw_sources_del(e->conn_sources, source);
		refuse_accept(e, fd, source, l->name, SW_R_CONN_SOURCE_LIMIT);
		return;
	}
	p = peer_new(e, false, source);
	if (p)
		p->job = job_new(e, false, listener, source);
	if (!p || !p->job) {
		if (p)
			peer_free(p);
		sw_sources_del(e->conn_sources, source);
		sw_sources_del(e->handshake_sources, source);
		refuse_accept(e, fd, source, l->name, SW_R_CONN_LIMIT);
		return;
	}
	snprintf(p->listener, sizeof(p->listener), "%s", l->name);
	e->handshakes++;
	e->count.accepted++;
	opts = stream_opts(p, l->transport != SW_TRANSPORT_TCP);
	if (sw_stream_accept(&p->stream, e->loop, fd, e->gen->server_ctx[listener], &opts) < 0) {
		/* The descriptor is closed already, and judge_free will not come: the stream never was. */
		if (opts.judge)
			job_unref(p->job);
		handshake_over(p);
		source_release(p);
		peer_free(p);
	}
}

/* --- outgoing --- */

static char *target_key(const struct sw_zone *zone, const struct sw_addr *addr, const char *reference)
{
	char text[SW_ADDR_STRLEN], *key = NULL;

	return asprintf(&key, "%s|%s|%s", zone->conf->name, sw_addr_text(addr, text), reference) < 0 ? NULL : key;
}

static int wait_for(struct sw_peer *p, sw_peer_ready_fn *fn, sw_id who)
{
	struct sw_peer_wait *w = malloc(sizeof(*w));

	if (!w)
		return SW_ENOMEM;
	*w = (struct sw_peer_wait){ .fn = fn, .who = who };
	LL_APPEND(p->waiting, w);
	return SW_OK;
}

/* Tells all who wait. p may be gone afterwards only by the loop's end: frees are deferred. */
static void tell_waiting(struct sw_peer *p, const struct sw_verdict *why)
{
	struct sw_peer_wait *list = p->waiting, *w, *next;

	p->waiting = NULL;
	LL_FOREACH_SAFE(list, w, next) {
		w->fn(p->edge, w->who, why ? 0 : p->id, why);
		free(w);
	}
}

/* What was admitted under an older configuration is judged before it is used under this one. */
static void rejudge_stale(struct sw_peer *p)
{
	if (p->state == SW_PEER_READY && p->serial != p->edge->serial)
		sw_peer_rejudge(p);
}

static void tell_ready_later(void *arg)
{
	struct sw_peer *p = arg;

	if (p->state == SW_PEER_READY)
		tell_waiting(p, p->draining ? p->drain_why : NULL);
}

static int reuse(struct sw_peer *p, sw_peer_ready_fn *fn, sw_id who)
{
	int err = wait_for(p, fn, who);

	/* p can't be freed before: deferred calls come before deferred frees. */
	if (err == SW_OK && p->state == SW_PEER_READY)
		err = sw_loop_defer(p->edge->loop, tell_ready_later, p);
	return err;
}

int sw_peer_open(struct sw_edge *e, const struct sw_zone *zone, const struct sw_addr *addr, const char *host, const char *reference,
		 sw_peer_ready_fn *fn, sw_id who)
{
	const struct sw_zone *now = sw_generation_zone(e->gen, zone->conf->name);
	bool tls = !now || now->conf->target_transport != SW_TRANSPORT_TCP;
	char *key = target_key(zone, addr, reference);
	struct sw_stream_opts opts;
	struct sw_peer *p = NULL;
	int err;

	if (!key)
		return SW_ENOMEM;
	HASH_FIND(hh, e->outgoing, key, strlen(key), p);
	if (p)
		rejudge_stale(p);
	if (p && p->state != SW_PEER_CLOSING && !p->draining) {
		free(key);
		return reuse(p, fn, who);
	}
	if (!now || (tls && !e->gen->client_ctx[now->index])) {
		free(key);
		return SW_ENOTFOUND;
	}
	p = peer_new(e, true, addr);
	if (!p) {
		free(key);
		return SW_ELIMIT;
	}
	p->job = job_new(e, true, 0, addr);
	err = p->job ? wait_for(p, fn, who) : SW_ENOMEM;
	if (err < 0) {
		free(key);
		peer_free(p);
		return err;
	}
	p->job->zone = now->index;
	snprintf(p->job->reference, sizeof(p->job->reference), "%s", reference);
	snprintf(p->job->target_host, sizeof(p->job->target_host), "%s", host);
	snprintf(p->listener, sizeof(p->listener), "%s", sw_generation_side(e->gen, now)->name);
	p->zone = sw_zoneset_at(p->gen->zones, now->index);
	opts = stream_opts(p, tls);
	err = sw_stream_connect(&p->stream, e->loop, addr, host, tls ? e->gen->client_ctx[now->index] : NULL,
				e->gen->conf->limits.connect_time, &opts);
	if (err < 0) {
		if (opts.judge)
			job_unref(p->job);
		free(p->waiting);
		p->waiting = NULL;
		free(key);
		peer_free(p);
		return err;
	}
	p->key = key;
	HASH_ADD_KEYPTR(hh, e->outgoing, p->key, strlen(p->key), p);
	return SW_OK;
}

struct sw_peer *sw_peer_get(const struct sw_edge *e, sw_id conn)
{
	struct sw_peer *p = sw_idtab_get(&e->peers, conn);

	return p && p->state == SW_PEER_READY ? p : NULL;
}

struct sw_peer *sw_peer_of_zone(const struct sw_edge *e, const struct sw_zone *zone)
{
	struct sw_peer *p, *best = NULL;
	size_t pos = 0;

	while ((p = sw_idtab_next(&e->peers, &pos)))
		if (!p->outgoing && p->state == SW_PEER_READY && !p->draining && !strcmp(p->zone->conf->name, zone->conf->name) &&
		    (!best || p->since >= best->since))
			best = p;
	return best;
}

/* --- events --- */

/* How its chain was judged: by the zone's list where it came to that, else by the listener's. NULL: there was none. */
static const struct sw_chain_result *chain_of(const struct sw_peer *p, const struct sw_tls_peer *tls)
{
	return p->job && p->job->result.chain.reason ? &p->job->result.chain : tls ? &tls->chain : NULL;
}

static uint64_t note_refusal(struct sw_peer *p, enum sw_refusal_kind kind, const struct sw_verdict *v)
{
	const struct sw_tls_peer *tls = p->stream ? sw_stream_peer(p->stream) : NULL;

	return sw_refusal_of_conn(p->edge, kind, p->id, p->listener, p->zone ? p->zone->conf->name : NULL, &p->remote, tls, chain_of(p, tls), v,
				  p->outgoing && p->job ? p->job->reference : NULL, p->outgoing && p->job ? p->job->target_host : NULL);
}

/* id: of the refusal; 0: it is none */
static void log_handshake(struct sw_peer *p, const char *event, enum sw_log_level level, const struct sw_verdict *v, uint64_t refusal)
{
	const struct sw_tls_peer *tls = p->stream ? sw_stream_peer(p->stream) : NULL;
	const struct sw_identity *id = tls ? tls->identity : NULL;
	const struct sw_chain_result *chain = chain_of(p, tls);
	char addr[SW_ADDR_STRLEN], names[300];
	bool bad_chain = chain && id && chain->reason != SW_R_OK;

	if (!sw_log_wants(level) || (!p->zone && !may_log(p->edge)))
		return;
	sw_log(level, event, SW_ID("id", refusal), SW_ID("conn", p->id), SW_S("dir", p->outgoing ? "out" : "in"), SW_S("listener", p->listener),
	       SW_S("zone", p->zone ? p->zone->conf->name : NULL), SW_S("peer", sw_addr_text(&p->remote, addr)),
	       SW_S("reason", v ? sw_reason_id(v->reason) : NULL), SW_S("detail", v && v->detail[0] ? v->detail : NULL),
	       SW_S("name", p->name[0] ? p->name : NULL), SW_S("peer_subject", id ? id->subject : NULL),
	       SW_S("peer_san", id ? sw_identity_names_text(id, names, sizeof(names)) : NULL),
	       SW_S("verify_error", bad_chain ? chain->error_text : NULL), SW_S("depth_subject", bad_chain ? chain->subject : NULL),
	       bad_chain ? SW_I("depth", chain->depth) : (struct sw_field){ .type = SW_FIELD_NONE },
	       SW_S("ocsp", id && chain && chain->reason == SW_R_OK && chain->error_text[0] ? chain->error_text : NULL),
	       SW_S("purpose", id && chain && chain->reason == SW_R_OK ? (p->outgoing || chain->server_purpose ? "server" : "client") : NULL),
	       SW_S("tls", tls ? tls->version : NULL), SW_S("cipher", tls ? tls->cipher : NULL),
	       SW_S("group", tls && tls->group[0] ? tls->group : NULL), SW_S("sni", tls && tls->sni[0] ? tls->sni : NULL));
}

static void ping_later(struct sw_peer *p)
{
	if (sw_timer_start(&p->ping_timer, PING_MIN_MS + sw_random_below(PING_SPREAD_MS)) < 0)
		sw_log(SW_LOG_WARN, "conn.no-ping", SW_ID("conn", p->id));
}

/*
 * It would be admitted, if only its CA's responder did not say otherwise: it waits for that, and counts as a handshake under way. Not
 * one SIP byte is read meanwhile.
 */
static bool wait_for_ocsp(struct sw_peer *p)
{
	const struct sw_chain_result *chain = &p->job->result.chain;

	if (p->waited || sw_ocsp_fetch_wait(p->edge->ocsp_fetch, chain->ocsp_key, p->id) < 0)
		return false;
	p->waits = p->waited = true;
	sw_stream_want_read(p->stream, false);
	return true;
}

static void on_ready(struct sw_peer *p)
{
	struct sw_edge *e = p->edge;
	const struct sw_admission *a = &p->job->result;

	if (!sw_stream_is_tls(p->stream)) {
		if (p->outgoing)
			p->job->result = (struct sw_admission){ .verdict = { .reason = SW_R_OK }, .zone = p->zone };
		else
			sw_generation_admit(p->job->gen, p->job->listener, &p->remote, NULL, &p->job->result);
	}
	if (!sw_verdict_ok(&a->verdict) || !a->zone) {
		struct sw_verdict v = a->verdict;

		if (sw_verdict_ok(&v))
			v = sw_verdict_make(SW_R_DENY, "no zone");
		sw_peer_close(p, &v);
		return;
	}
	if (a->chain.ocsp_pending) {
		struct sw_verdict v = sw_verdict_make(SW_R_TLS_UNKNOWN, "there is no room to wait for an OCSP answer about it");

		if (!wait_for_ocsp(p))
			sw_peer_close(p, &v);
		return;
	}
	handshake_over(p);
	p->zone = sw_zoneset_at(p->gen->zones, a->zone->index);
	p->state = SW_PEER_READY;
	snprintf(p->name, sizeof(p->name), "%s", p->job->name);
	e->count.admitted++;
	log_handshake(p, p->outgoing ? "conn.proved" : "conn.admitted", SW_LOG_INFO, NULL, 0);
	sw_seen_note(e, p->zone->conf->name, p->outgoing, sw_stream_peer(p->stream));
	if (p->outgoing) {
		ping_later(p);
		/* What it was proved to be is still needed; what it was proved under would outlive many reloads, and its names go. */
		p->job->result.zone = NULL;
		p->job->result.match.name = NULL;
		sw_generation_unref(p->job->gen);
		p->job->gen = NULL;
	} else {
		job_unref(p->job);
		p->job = NULL;
	}
	if (sw_timer_start(&p->idle_timer, p->gen->conf->limits.idle) < 0) {
		struct sw_verdict v = sw_verdict_make(SW_R_CONN_LIMIT, "out of memory");

		sw_peer_close(p, &v);
		return;
	}
	sw_stream_forget_names(p->stream);
	rejudge_stale(p);  /* a reload came in the middle of the handshake */
	if (p->state == SW_PEER_READY)
		tell_waiting(p, p->draining ? p->drain_why : NULL);
}

static void on_end(struct sw_peer *p)
{
	struct sw_edge *e = p->edge;
	struct sw_verdict v = *sw_stream_reason(p->stream);
	enum sw_peer_state was = p->state;
	bool peaceful = v.reason == SW_R_CONN_PEER_CLOSED || v.reason == SW_R_CONN_IDLE || v.reason == SW_R_CONN_SHUTDOWN;

	if (was == SW_PEER_READY && sw_frame_partial(&p->frame) && v.reason == SW_R_CONN_PEER_CLOSED)
		v = sw_verdict_make(SW_R_CONN_TRUNCATED, "in the middle of a message");
	handshake_over(p);
	if (was == SW_PEER_OPENING) {
		e->count.refused++;
		sw_reason_count(v.reason);
		log_handshake(p, p->outgoing ? "conn.unproved" : "conn.refused", SW_LOG_WARN, &v,
			      note_refusal(p, p->outgoing ? SW_REFUSED_OUT : SW_REFUSED_IN, &v));
	} else {
		if (!peaceful)
			sw_reason_count(v.reason);
		sw_log(SW_LOG_INFO, "conn.closed", SW_ID("conn", p->id), SW_S("zone", p->zone ? p->zone->conf->name : NULL),
		       SW_REASON_F(v.reason), SW_S("detail", v.detail[0] ? v.detail : NULL), SW_U("in", p->in), SW_U("out", p->out));
	}
	p->state = SW_PEER_CLOSING;
	source_release(p);
	tell_waiting(p, &v);
	sw_txns_conn_gone(e->txns, p->id);
	sw_request_conn_gone(p);
	if (v.reason == SW_R_CONN_REVOKED)
		sw_call_conn_revoked(e, p->id);
	peer_free(p);
	if (e->closing && e->peers.used == 0)
		sw_loop_stop(e->loop);
}

/* A malformed message: told once where its headers allow; the connection is cut when the bytes can't be followed any more. */
static void frame_error(struct sw_peer *p, const struct sw_frame_out *out)
{
	struct sw_verdict parse_v, v = out->error;
	struct sw_msg *m = NULL;

	sw_reason_count(v.reason);
	sw_log(SW_LOG_WARN, "sip.malformed", SW_ID("conn", p->id), SW_S("zone", p->zone->conf->name), SW_REASON_F(v.reason),
	       SW_S("detail", v.detail));
	if (out->head.n && sw_reason_status(v.reason)) {
		int err = sw_msg_parse(&m, out->head, &parse_v);

		if (m && sw_msg_is_request(m) && sw_msg_method(m) != SW_METHOD_ACK)
			sw_answer_refuse(p, m, &v);
		else if (err == SW_OK || m)
			sw_msg_free(m);
	}
	sw_peer_close(p, &v);
}

static void strike(struct sw_peer *p)
{
	uint64_t now = sw_loop_now(p->edge->loop);

	if (now - p->strikes_since > STRIKES_WINDOW_MS) {
		p->strikes = 0;
		p->strikes_since = now;
	}
	if (++p->strikes >= STRIKES_MAX) {
		struct sw_verdict v = sw_verdict_make(SW_R_MSG_STRIKES, "%u malformed messages within a minute", p->strikes);

		sw_peer_close(p, &v);
	}
}

static void message_in(struct sw_peer *p, struct sw_str bytes)
{
	struct sw_edge *e = p->edge;
	struct sw_verdict v = { 0 };
	struct sw_msg *m = NULL;
	int err = sw_msg_parse(&m, bytes, &v);

	p->in++;
	e->count.messages_in++;
	if (err < 0) {
		sw_reason_count(v.reason);
		sw_log(SW_LOG_INFO, "sip.malformed", SW_ID("conn", p->id), SW_S("zone", p->zone->conf->name), SW_REASON_F(v.reason),
		       SW_S("detail", v.detail));
		if (m && sw_msg_is_request(m) && sw_msg_method(m) != SW_METHOD_ACK)
			sw_answer_refuse(p, m, &v);
		else
			sw_msg_free(m);
		strike(p);
		return;
	}
	if (sw_msg_is_request(m)) {
		sw_request_in(p, m);
		return;
	}
	if (!sw_txn_client_response(e->txns, m, p->id)) {
		sw_reason_count(SW_R_MSG_STRAY_RESPONSE);
		sw_log(SW_LOG_DEBUG, "sip.stray", SW_ID("conn", p->id), SW_REASON_F(SW_R_MSG_STRAY_RESPONSE), SW_I("status", sw_msg_status(m)),
		       SW_SL("callid", sw_msg_call_id(m)));
	}
	sw_msg_free(m);
}

static void frames(struct sw_peer *p)
{
	struct sw_frame_out out;

	while (p->state == SW_PEER_READY) {
		switch (sw_frame_next(&p->frame, &out)) {
		case SW_FRAME_MESSAGE:
			message_in(p, out.message);
			continue;
		case SW_FRAME_PING:
			if (sw_stream_write(p->stream, "\r\n", 2) < 0)
				sw_log(SW_LOG_DEBUG, "conn.pong-failed", SW_ID("conn", p->id));
			continue;
		case SW_FRAME_PONG:
			p->ponged = true;
			if (p->pinged) {
				p->pinged = false;
				ping_later(p);
			}
			continue;
		case SW_FRAME_ERROR:
			frame_error(p, &out);
			return;
		case SW_FRAME_MORE:
			return;
		}
	}
}

static void read_on(void *arg);

static void on_data(struct sw_peer *p)
{
	uint8_t bytes[READ_BYTES];
	uint64_t before = p->in;

	rejudge_stale(p);
	for (int turn = 0; p->state == SW_PEER_READY; turn++) {
		ssize_t n;

		if (turn == READS_PER_TURN) {
			if (sw_loop_defer(p->edge->loop, read_on, p) < 0)
				continue;
			return;
		}
		n = sw_stream_read(p->stream, bytes, sizeof(bytes));
		if (n <= 0)
			break;
		if (sw_frame_feed(&p->frame, bytes, (size_t)n) < 0) {
			struct sw_verdict v = sw_verdict_make(SW_R_MSG_TOO_LARGE, "more bytes than a message may have");

			sw_peer_close(p, &v);
			return;
		}
		frames(p);
	}
	if (p->state != SW_PEER_READY)
		return;
	/* A message begun must be finished in time; bytes that trickle don't buy more of it. */
	if (!sw_frame_partial(&p->frame))
		sw_timer_stop(&p->message_timer);
	else if (!sw_timer_running(&p->message_timer) && sw_timer_start(&p->message_timer, p->gen->conf->limits.message_time) < 0)
		sw_log(SW_LOG_WARN, "conn.no-deadline", SW_ID("conn", p->id));
	/* Keep-alives don't count: a connection nobody calls over is idle however alive it is. */
	if (p->in != before && sw_timer_start(&p->idle_timer, p->gen->conf->limits.idle) < 0)
		sw_log(SW_LOG_WARN, "conn.no-deadline", SW_ID("conn", p->id));
}

static void read_on(void *arg)
{
	on_data(arg);  /* frees come after deferred calls, so p is still there */
}

static void on_stream(void *arg, enum sw_stream_event ev)
{
	struct sw_peer *p = arg;

	switch (ev) {
	case SW_STREAM_READY:
		on_ready(p);
		break;
	case SW_STREAM_DATA:
		on_data(p);
		break;
	case SW_STREAM_DRAINED:
		break;
	case SW_STREAM_END:
		on_end(p);
		break;
	}
}

/* --- timers --- */

static void on_message_timer(void *arg)
{
	struct sw_peer *p = arg;
	struct sw_verdict v = sw_verdict_make(SW_R_CONN_SLOW, "a message was not finished in time");

	sw_peer_close(p, &v);
}

static void on_idle_timer(void *arg)
{
	struct sw_peer *p = arg;
	struct sw_verdict v = sw_verdict_make(SW_R_CONN_IDLE, NULL);

	if (p->uses == 0 || sw_timer_start(&p->idle_timer, p->gen->conf->limits.idle) < 0)
		sw_peer_close(p, &v);
}

static void on_ping_timer(void *arg)
{
	struct sw_peer *p = arg;
	struct sw_verdict v = sw_verdict_make(SW_R_CONN_DEAD, NULL);

	if (p->state != SW_PEER_READY)
		return;
	if (p->pinged && p->ponged) {
		sw_peer_close(p, &v);
		return;
	}
	if (p->pinged)
		return;  /* a peer that never answered a ping is not judged by one (RFC 5626 is not negotiated) */
	if (sw_stream_write(p->stream, "\r\n\r\n", 4) < 0)
		return;  /* its end is on the way */
	p->pinged = true;
	if (sw_timer_start(&p->ping_timer, PONG_MS) < 0)
		p->pinged = false;
}

/* --- out, and the end --- */

/* Headers alone: bodies carry SRTP keys, and those are in no log. */
void sw_peer_trace(const struct sw_peer *p, const char *event, struct sw_str bytes)
{
	const char *end;

	if (!sw_log_wants(SW_LOG_TRACE))
		return;
	end = memmem(bytes.p, bytes.n, "\r\n\r\n", 4);
	if (end)
		bytes.n = (size_t)(end - bytes.p);
	sw_log(SW_LOG_TRACE, event, SW_ID("conn", p->id), SW_SL("head", bytes));
}

int sw_peer_send(struct sw_peer *p, struct sw_str bytes)
{
	int err = sw_stream_write(p->stream, bytes.p, bytes.n);

	if (err == SW_ELIMIT) {
		struct sw_verdict v = sw_verdict_make(SW_R_CONN_SLOW, "the peer does not read: %zu bytes are queued",
						      sw_stream_queued(p->stream));

		sw_peer_close(p, &v);
	}
	if (err == SW_OK) {
		p->out++;
		p->edge->count.messages_out++;
		sw_peer_trace(p, "sip.out", bytes);
	}
	return err;
}

void sw_peer_close(struct sw_peer *p, const struct sw_verdict *why)
{
	if (p->state == SW_PEER_CLOSING)
		return;
	if (p->state == SW_PEER_READY) {
		p->state = SW_PEER_CLOSING;
		sw_timer_stop(&p->message_timer);
		sw_timer_stop(&p->idle_timer);
		sw_timer_stop(&p->ping_timer);
		sw_timer_stop(&p->drain_timer);
		sw_txns_conn_gone(p->edge->txns, p->id);
	}
	sw_stream_close(p->stream, why);
}

/* --- judged again --- */

static void on_drain_timer(void *arg)
{
	struct sw_peer *p = arg;

	sw_log(SW_LOG_WARN, "conn.drain-timeout", SW_ID("conn", p->id), SW_S("zone", p->zone->conf->name), SW_U("calls", p->uses));
	sw_peer_close(p, p->drain_why);
}

/* The answer to the BYE has been written by now. */
static void drained(void *arg)
{
	struct sw_peer *p = arg;

	if (p->state == SW_PEER_READY && p->draining && p->uses == 0)
		sw_peer_close(p, p->drain_why);
}

void sw_peer_unused(struct sw_peer *p)
{
	/* p can't be freed before: deferred calls come before deferred frees. */
	if (p->draining && p->uses == 0 && sw_loop_defer(p->edge->loop, drained, p) < 0)
		sw_log(SW_LOG_WARN, "conn.drains-on", SW_ID("conn", p->id));  /* till its timer */
}

static void drain(struct sw_peer *p, const struct sw_verdict *why)
{
	uint64_t limit = p->edge->gen->conf->limits.drain, id;

	if (!p->drain_why)
		p->drain_why = malloc(sizeof(*p->drain_why));
	if (p->drain_why)
		*p->drain_why = *why;
	if (p->draining)
		return;
	id = note_refusal(p, SW_REFUSED_OPEN, why);
	unhash(p);
	if (p->uses == 0 || limit == 0 || !p->drain_why || sw_timer_start(&p->drain_timer, limit) < 0) {
		sw_peer_close(p, why);
		return;
	}
	p->draining = true;
	sw_log(SW_LOG_WARN, "conn.draining", SW_ID("id", id), SW_ID("conn", p->id), SW_S("zone", p->zone->conf->name), SW_REASON_F(why->reason),
	       SW_S("detail", why->detail), SW_U("calls", p->uses), SW_U("seconds", limit / 1000));
}

static void keep(struct sw_peer *p, const struct sw_zone *zone)
{
	sw_generation_unref(p->gen);
	p->gen = sw_generation_ref(p->edge->gen);
	p->zone = sw_zoneset_at(p->gen->zones, zone->index);
	if (!p->draining)
		return;
	/* Outgoing, another may have taken its place meanwhile: it serves the calls it has. */
	p->draining = false;
	sw_timer_stop(&p->drain_timer);
	sw_log(SW_LOG_INFO, "conn.restored", SW_ID("conn", p->id), SW_S("zone", p->zone->conf->name), SW_U("calls", p->uses));
}

void sw_peer_rejudge(struct sw_peer *p)
{
	struct sw_edge *e = p->edge;
	const struct sw_tls_peer *tls = sw_stream_peer(p->stream);
	const struct sw_zone *zone = sw_generation_zone(e->gen, p->zone->conf->name);
	struct sw_admission a = { 0 };
	struct sw_verdict v;
	int listener = sw_generation_listener(e->gen, p->listener);

	p->serial = e->serial;
	if (!zone || listener < 0)
		a.verdict = sw_verdict_make(SW_R_CONN_REVOKED, "its %s is gone", zone ? "listener" : "zone");
	else if (!sw_stream_is_tls(p->stream) &&
		 (p->outgoing ? zone->conf->target_transport : e->gen->conf->listeners[listener].transport) != SW_TRANSPORT_TCP)
		a.verdict = sw_verdict_make(SW_R_CONN_REVOKED, "TLS is wanted now");
	else if (!p->outgoing)
		sw_generation_admit(e->gen, (unsigned)listener, &p->remote, tls, &a);
	else if (sw_stream_is_tls(p->stream))
		sw_generation_prove_server(e->gen, zone, p->job->reference, p->job->target_host, tls, &a);
	else
		a = (struct sw_admission){ .verdict = { .reason = SW_R_OK }, .zone = zone };
	if (sw_verdict_ok(&a.verdict) && a.zone && !strcmp(a.zone->conf->name, p->zone->conf->name)) {
		sw_stream_forget_names(p->stream);
		keep(p, zone);
		return;
	}
	v = sw_verdict_make(SW_R_CONN_REVOKED, "%s: %.200s", sw_verdict_ok(&a.verdict) ? "another zone now" : sw_reason_id(a.verdict.reason),
			    a.verdict.detail);
	drain(p, &v);
}

void sw_peer_admit_again(struct sw_edge *e, sw_id conn)
{
	struct sw_peer *p = sw_idtab_get(&e->peers, conn);
	struct sw_admit_job *job;

	if (!p || !p->waits || p->state != SW_PEER_OPENING)
		return;
	p->waits = false;
	job = p->job;
	sw_generation_admit(job->gen, job->listener, &job->source, sw_stream_peer(p->stream), &job->result);
	note_name(job);
	sw_stream_want_read(p->stream, true);
	on_ready(p);
}

void sw_peer_free_all(struct sw_edge *e)
{
	struct sw_peer_wait *w, *next;
	struct sw_peer *p;
	size_t pos = 0;

	while ((p = sw_idtab_next(&e->peers, &pos))) {
		LL_FOREACH_SAFE(p->waiting, w, next)
			free(w);
		p->waiting = NULL;
		peer_free(p);
	}
}
