/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/request.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/log.h"
#include "edge/answer.h"
#include "edge/forward.h"
#include "edge/health.h"
#include "edge/proofs.h"
#include "edge/response.h"
#include "edge/target.h"
#include "zone/route.h"

static void step_check(struct sw_request *r, struct sw_peer *p);
static void step_dialog(struct sw_request *r, struct sw_peer *p);
static void step_authorize(struct sw_request *r, struct sw_peer *p);
static void step_route(struct sw_request *r, struct sw_peer *p);
static void step_call(struct sw_request *r, struct sw_peer *p);
static void step_locate(struct sw_request *r);
static void step_anchor(struct sw_request *r);
static void step_send(struct sw_request *r, struct sw_peer *out);

struct sw_request *sw_request_get(const struct sw_edge *e, sw_id id)
{
	return sw_idtab_get(&e->requests, id);
}

/* --- a request's life --- */

static void unhash(struct sw_request *r)
{
	if (r->hh.tbl)
		HASH_DEL(r->edge->by_server, r);
	r->hh.tbl = NULL;  /* uthash leaves it dangling */
}

/* The transaction ran out of patience before there was anybody to wait for an answer from: nobody else would end the call. */
static void on_server_end(void *arg, bool acked)
{
	struct sw_request *r = arg;
	struct sw_verdict v = sw_verdict_make(SW_R_TARGET_TIMEOUT, "no target was reached in time");

	(void)acked;
	unhash(r);
	r->server_over = true;
	if (!r->final && r->client_over)
		sw_request_fail(r, &v, 0);
	else
		sw_request_over(r);
}

static void unlist(struct sw_request *r)
{
	struct sw_peer *p = r->listed ? sw_idtab_get(&r->edge->peers, r->conn) : NULL;

	if (p)
		DL_DELETE(p->pending, r);
	r->listed = false;
}

static struct sw_request *request_new(struct sw_peer *p, struct sw_msg *msg, sw_id server)
{
	struct sw_edge *e = p->edge;
	struct sw_request *r = calloc(1, sizeof(*r));

	if (!r || sw_idtab_add(&e->requests, r, &r->id) < 0) {
		free(r);
		return NULL;
	}
	r->edge = e;
	r->msg = msg;
	r->method = sw_msg_method(msg);
	r->server = server;
	r->server_over = server == 0;
	r->client_over = true;
	r->conn = p->id;
	r->gen = sw_generation_ref(p->gen);
	r->source = p->zone;
	if (server) {
		HASH_ADD(hh, e->by_server, server, sizeof(r->server), r);
		if (sw_txn_server_on_end(e->txns, server, on_server_end, r) < 0)
			r->server_over = true;
	}
	if (r->method == SW_METHOD_INVITE) {
		DL_APPEND(p->pending, r);
		r->listed = true;
	}
	return r;
}

void sw_request_free(struct sw_request *r)
{
	struct sw_edge *e = r->edge;

	unhash(r);
	unlist(r);
	if (r->locate)
		sw_locate_cancel(e->dns, r->locate);
	sw_idtab_del(&e->requests, r->id);
	sw_msg_free(r->msg);
	free(r->targets);
	free(r->body);
	sw_generation_unref(r->gen);
	sw_loop_free_later(e->loop, r);
}

void sw_request_over(struct sw_request *r)
{
	if (r->server_over && r->client_over && sw_request_get(r->edge, r->id) == r)
		sw_request_free(r);
}

static struct sw_call *call_of(const struct sw_request *r)
{
	return sw_call_get(r->edge, r->call);
}

void sw_request_fail(struct sw_request *r, const struct sw_verdict *v, int status)
{
	struct sw_edge *e = r->edge;
	struct sw_peer *p = sw_idtab_get(&e->peers, r->conn);
	struct sw_call *c = call_of(r);
	struct sw_buf out;

	if (r->final) {
		sw_request_over(r);
		return;
	}
	r->final = true;
	unlist(r);
	if (status == 0)
		status = sw_reason_status(v->reason);
	if (status == 0)
		status = 500;
	sw_buf_init(&out, 0);
	if (r->msg)
		sw_answer_log(p, r->msg, v, status, r->call);
	if (p && r->msg && sw_answer_write(p, r->msg, v, status, &out) < 0)
		sw_buf_clear(&out);
	/* Nothing to send, or nobody to send it to: the transaction ends all the same. */
	if (r->server && sw_txn_respond(e->txns, r->server, status, sw_buf_view(&out)) < 0)
		sw_log(SW_LOG_DEBUG, "request.answer-lost", SW_ID("conn", r->conn), SW_ID("call", r->call));
	sw_buf_free(&out);
	if (r->client) {
		sw_txn_client_cancel(e->txns, r->client);
		sw_txn_client_orphan(e->txns, r->client);
		r->client = 0;
		r->client_over = true;
	}
	if (c && (r->makes_call || (r->method == SW_METHOD_BYE && r->of_party)))
		sw_call_end(c, v->reason);  /* who says BYE has left, whether it arrives or not */
	else if (c && r->offered)
		sw_anchor_rollback(c);
	if (r->server == 0)
		r->server_over = true;
	sw_request_over(r);
}

static void fail(struct sw_request *r, enum sw_reason reason)
{
	struct sw_verdict v = sw_verdict_make(reason, NULL);

	sw_request_fail(r, &v, 0);
}

/* RFC 3261 9.2: as if it had never been sent on, or the callee is told. */
static void give_up(struct sw_request *r)
{
	r->cancelled = true;
	sw_log(SW_LOG_INFO, "call.cancelled", SW_ID("conn", r->conn), SW_ID("call", r->call));
	if (r->client)
		sw_txn_client_cancel(r->edge->txns, r->client);
	else
		fail(r, SW_R_CALL_CANCELLED);
}

void sw_request_conn_gone(struct sw_peer *p)
{
	struct sw_request *r;

	while ((r = p->pending)) {
		unlist(r);
		if (!r->final && !r->cancelled)
			give_up(r);
	}
}

static void cancel_in(struct sw_peer *p, struct sw_msg *msg)
{
	struct sw_edge *e = p->edge;
	sw_id server = sw_txn_find_invite(e->txns, msg, p->id);
	struct sw_request *r = NULL;
	struct sw_buf out;

	if (server)
		HASH_FIND(hh, e->by_server, &server, sizeof(server), r);
	sw_buf_init(&out, 0);
	if (sw_answer_write(p, msg, NULL, server ? 200 : 481, &out) < 0 || sw_peer_send(p, sw_buf_view(&out)) < 0)
		sw_log(SW_LOG_DEBUG, "request.answer-lost", SW_ID("conn", p->id));
	sw_buf_free(&out);
	sw_msg_free(msg);
	if (r && !r->final && !r->cancelled)
		give_up(r);
}

void sw_request_in(struct sw_peer *p, struct sw_msg *msg)
{
	struct sw_edge *e = p->edge;
	enum sw_txn_match match = SW_TXN_NEW;
	enum sw_method method = sw_msg_method(msg);
	struct sw_verdict v;
	struct sw_request *r;
	sw_id server = 0;
	int err;

	sw_peer_trace(p, "sip.in", sw_msg_bytes(msg));
	if (method == SW_METHOD_CANCEL) {
		cancel_in(p, msg);
		return;
	}
	err = sw_txn_server_open(e->txns, msg, p->id, &match, &server);
	if (err < 0) {
		v = sw_verdict_make(SW_R_MSG_OVERLOAD, "transactions: %s", sw_error_text(err));
		sw_answer_log(p, msg, &v, 503, 0);
		if (method == SW_METHOD_ACK)
			sw_msg_free(msg);
		else
			sw_answer_refuse(p, msg, &v);
		return;
	}
	if (match == SW_TXN_ABSORBED) {
		sw_msg_free(msg);
		return;
	}
	r = request_new(p, msg, server);
	if (!r) {
		v = sw_verdict_make(SW_R_MSG_OVERLOAD, "out of memory");
		if (method == SW_METHOD_ACK)
			sw_msg_free(msg);
		else
			sw_answer_refuse(p, msg, &v);
		return;
	}
	step_check(r, p);
}

/* --- 1. RFC 3261 16.3: reasonable checks --- */

static bool to_ourselves(const struct sw_request *r, const struct sw_hop *ruri)
{
	return sw_edge_is_self(r->edge, ruri->uri.host, ruri->uri.port) &&
	       (ruri->uri.user.n == 0 || sw_str_ieq(ruri->uri.user, SW_STR("ping")));
}

/* False: it names another call than the one before. */
static bool take_cookie(struct sw_request *r, const struct sw_hop *hop)
{
	sw_id call = 0;

	if (!hop->cookie.n || sw_cookie_open(hop->cookie, r->edge->cookie_key, &call) < 0)
		return true;
	if (r->call == 0)
		r->call = call;
	return r->call == call;
}

/*
 * Topmost Routes that name us: our Record-Route come back, or a preset outbound proxy. The first cookie names the call; where another
 * follows, the call passed us twice, and that one's turn comes when the request does.
 * Where the Request-URI is our Record-Route, a strict router sent it (RFC 3261 16.4).
 */
static void take_own_routes(struct sw_request *r, const struct sw_hop *ruri, bool has_tag)
{
	struct sw_hop hop;

	if (has_tag && ruri->cookie.n && sw_msg_route_count(r->msg) && sw_edge_is_self(r->edge, ruri->uri.host, ruri->uri.port))
		r->strict = take_cookie(r, ruri) && r->call;
	while (r->own_routes < 4 && sw_forward_route(r, &hop) && sw_edge_is_self(r->edge, hop.uri.host, hop.uri.port) &&
	       take_cookie(r, &hop))
		r->own_routes++;
}

static void step_check(struct sw_request *r, struct sw_peer *p)
{
	struct sw_hop ruri = { 0 };
	const struct sw_zone *zone = sw_generation_zone(r->edge->gen, p->zone->conf->name);
	bool has_tag = sw_msg_to_tag(r->msg).n > 0;
	int hops = sw_msg_max_forwards(r->msg);
	bool options = r->method == SW_METHOD_OPTIONS;

	if (!sw_msg_ruri(r->msg, &ruri) || (ruri.uri.scheme != SW_SCHEME_SIP && ruri.uri.scheme != SW_SCHEME_SIPS)) {
		fail(r, SW_R_MSG_SCHEME);
		return;
	}
	take_own_routes(r, &ruri, has_tag);
	if (p->draining && !has_tag && r->method != SW_METHOD_ACK) {
		struct sw_verdict v = sw_verdict_make(SW_R_CONN_REVOKED, "it takes no new dialogs: %.180s", p->drain_why->detail);

		sw_request_fail(r, &v, 503);
		return;
	}
	if (options && !has_tag && to_ourselves(r, &ruri) && sw_msg_route_count(r->msg) == r->own_routes) {
		sw_answer_options(r, p);
		return;
	}
	if (hops == 0) {
		fail(r, SW_R_MSG_HOPS);
		return;
	}
	if (sw_str_eq(sw_str_trim(sw_msg_header(r->msg, "Max-Breadth")), SW_STR("0"))) {
		fail(r, SW_R_MSG_BREADTH);
		return;
	}
	r->loop_hash = sw_forward_loop_hash(r->msg);
	if (sw_forward_looped(r)) {
		fail(r, SW_R_MSG_LOOP);
		return;
	}
	if (sw_msg_unsupported(r->msg).n) {
		fail(r, SW_R_MSG_PROXY_REQUIRE);
		return;
	}
	if (has_tag) {
		step_dialog(r, p);
		return;
	}
	r->call = 0;
	if (r->method == SW_METHOD_ACK) {
		sw_request_over(r);  /* an ACK without a dialog: nobody waits for an answer */
		return;
	}
	if (!zone || !sw_bucket_take(&r->edge->rates[zone->index], zone->conf->rate, sw_loop_now(r->edge->loop))) {
		fail(r, SW_R_MSG_RATE);
		return;
	}
	step_authorize(r, p);
}

/* --- 2a. within a dialog: the call by its cookie, the party by its connection --- */

static bool proved(void *arg, const char *domain)
{
	const struct sw_edge *e = arg;

	return sw_proofs_hold(e->proofs, domain);
}

static void step_dialog(struct sw_request *r, struct sw_peer *p)
{
	struct sw_call *c = call_of(r);
	const struct sw_zone *target;

	r->in_dialog = true;
	r->from_leg = c ? sw_call_leg_of(c, r->msg) : -1;
	if (r->from_leg < 0) {
		struct sw_verdict v = sw_verdict_make(SW_R_DIALOG_UNKNOWN, "%s", c ? "its tags are not the call's" : "no call for its Route");

		r->call = 0;
		sw_request_fail(r, &v, 0);
		return;
	}
	if (!sw_call_leg_is(c, r->from_leg, p)) {
		struct sw_verdict v = sw_verdict_make(SW_R_DIALOG_FOREIGN, "it came from zone \"%s\", the party is in \"%s\"",
						      p->zone->conf->name, c->leg[r->from_leg].zone);

		sw_request_fail(r, &v, 0);
		return;
	}
	r->of_party = true;
	if (r->method != SW_METHOD_ACK) {
		struct sw_request_facts f;

		sw_msg_facts(r->msg, &f);
		sw_zone_authorize_in_dialog(r->gen->zones, r->source, &f, proved, r->edge, &r->authority);
		if (!sw_verdict_ok(&r->authority.verdict)) {
			sw_request_fail(r, &r->authority.verdict, 0);
			return;
		}
	}
	target = sw_generation_zone(r->gen, c->leg[!r->from_leg].zone);
	if (!target) {
		fail(r, SW_R_CONN_REVOKED);
		return;
	}
	r->target = target;
	sw_call_set_conn(c, r->from_leg, p->id);
	snprintf(r->reference, sizeof(r->reference), "%s", c->leg[!r->from_leg].reference);
	step_anchor(r);
}

/* --- 2b. outside of dialogs: authority, route, the call --- */

static void step_authorize(struct sw_request *r, struct sw_peer *p)
{
	struct sw_request_facts f;

	if (r->edge->draining) {
		fail(r, SW_R_CALL_DRAINING);
		return;
	}
	sw_msg_facts(r->msg, &f);
	sw_zone_authorize(r->gen->zones, r->source, &f, proved, r->edge, &r->authority);
	if (!sw_verdict_ok(&r->authority.verdict)) {
		sw_request_fail(r, &r->authority.verdict, 0);
		return;
	}
	step_route(r, p);
}

static void step_route(struct sw_request *r, struct sw_peer *p)
{
	struct sw_request_facts f;
	struct sw_route route = { 0 };

	sw_msg_facts(r->msg, &f);
	if (sw_msg_route_count(r->msg) > r->own_routes && !r->source->conf->internal) {
		struct sw_verdict v = sw_verdict_make(SW_R_ROUTE_RELAY, "a Route of its own making");

		sw_request_fail(r, &v, 0);
		return;
	}
	sw_zone_route(r->gen->zones, r->source, &f, &route);
	if (!sw_verdict_ok(&route.verdict)) {
		sw_request_fail(r, &route.verdict, route.status);
		return;
	}
	r->target = route.zone;
	r->strip_identity = route.strip_identity;
	step_call(r, p);
}

static bool makes_dialog(enum sw_method m)
{
	return m == SW_METHOD_INVITE || m == SW_METHOD_SUBSCRIBE || m == SW_METHOD_REFER;
}

static uint32_t calls_max(const struct sw_conf *conf)
{
	/* An audio call takes two pairs of ports on an address. */
	uint32_t ports = (uint32_t)(conf->media.port_high - conf->media.port_low + 1);

	return conf->limits.calls ? conf->limits.calls : ports / 4 * (uint32_t)(conf->media.n_interfaces ? conf->media.n_interfaces : 1);
}

static void trying(struct sw_request *r, struct sw_peer *p)
{
	struct sw_buf out;

	sw_buf_init(&out, 0);
	if (sw_answer_write(p, r->msg, NULL, 100, &out) < 0 || sw_txn_respond(r->edge->txns, r->server, 100, sw_buf_view(&out)) < 0)
		sw_log(SW_LOG_DEBUG, "request.answer-lost", SW_ID("conn", p->id));
	sw_buf_free(&out);
}

static void step_call(struct sw_request *r, struct sw_peer *p)
{
	struct sw_edge *e = r->edge;
	struct sw_call *c = NULL;
	struct sw_request_facts f;
	uint32_t zone_max = r->source->conf->max_calls;
	const struct sw_zone *zone_now = sw_generation_zone(e->gen, r->source->conf->name);

	if (r->method == SW_METHOD_INVITE)
		trying(r, p);
	if (makes_dialog(r->method)) {
		if (e->calls.used >= calls_max(e->gen->conf) || (zone_max && zone_now && e->zone_calls[zone_now->index] >= zone_max)) {
			fail(r, SW_R_CALL_LIMIT);
			return;
		}
		if (sw_call_new(&c, e, r->msg, p, r->target) < 0) {
			fail(r, SW_R_MSG_OVERLOAD);
			return;
		}
		r->call = c->id;
		r->makes_call = true;
		sw_msg_facts(r->msg, &f);
		/* Should we have to connect to the caller: what it speaks for is what it must prove, wherever its Contact points. */
		if (r->source->conf->kind == SW_ZONE_DNS)
			sw_str_copy(c->leg[SW_LEG_CALLER].reference, sizeof(c->leg[SW_LEG_CALLER].reference), f.from.host);
		sw_log(SW_LOG_INFO, "call.started", SW_ID("call", c->id), SW_ID("conn", p->id), SW_SL("method", f.method),
		       SW_S("from_zone", r->source->conf->name), SW_S("to_zone", r->target->conf->name), SW_SL("from_user", f.from.user),
		       SW_SL("from", f.from.host), SW_SL("to_user", f.ruri.user), SW_SL("to", f.ruri.host),
		       SW_SL("callid", sw_msg_call_id(r->msg)));
	}
	step_locate(r);
}

/* --- 3. locate --- */

static void on_located(void *arg, const struct sw_location *loc);

static int add_targets(struct sw_request *r, const struct sw_location *loc)
{
	struct sw_target *all = reallocarray(r->targets, r->n_targets + loc->n, sizeof(*all));

	if (!all)
		return SW_ENOMEM;
	r->targets = all;
	memcpy(all + r->n_targets, loc->targets, loc->n * sizeof(*all));
	r->n_targets += loc->n;
	return SW_OK;
}

static int ask(struct sw_request *r, const struct sw_target_query *t)
{
	if (!r->reference[0])
		sw_str_copy(r->reference, sizeof(r->reference), sw_str_of(t->name));
	return sw_locate(r->edge->dns, &t->q, on_located, r, &r->locate);
}

static int locate(struct sw_request *r, struct sw_str host, uint16_t port, bool sips)
{
	struct sw_target_query t;
	int err = sw_target_query(&t, r->gen->conf, r->target->conf, host, port, sips);

	return err == SW_OK ? ask(r, &t) : err;
}

static int locate_configured(struct sw_request *r, const char *target)
{
	struct sw_target_query t;
	int err = sw_target_query_configured(&t, r->gen->conf, r->target->conf, target);

	return err == SW_OK ? ask(r, &t) : err;
}

static void step_locate(struct sw_request *r)
{
	const struct sw_conf_zone *z = r->target->conf;
	struct sw_hop hop = { 0 };
	struct sw_peer *p;
	int err;

	if (z->kind == SW_ZONE_NEIGHBOR && z->targets.n) {
		err = locate_configured(r, z->targets.v[0]);
	} else if (z->kind == SW_ZONE_DNS) {
		if (!sw_forward_route(r, &hop) && !sw_forward_ruri(r, &hop)) {
			fail(r, SW_R_MSG_SYNTAX);
			return;
		}
		err = locate(r, hop.uri.host, hop.uri.port, hop.uri.scheme == SW_SCHEME_SIPS);
	} else {
		/* Nothing to call: only a connection its peer made to us leads there; one of strangers leads to no party in particular. */
		p = z->kind == SW_ZONE_DEFAULT ? NULL : sw_peer_of_zone(r->edge, r->target);
		if (!p) {
			struct sw_verdict v = sw_verdict_make(SW_R_TARGET_NONE, "zone \"%s\" has no targets and is not connected", z->name);

			sw_request_fail(r, &v, 0);
			return;
		}
		r->last = sw_verdict_make(SW_R_TARGET_NONE, NULL);
		if (r->in_dialog)
			step_send(r, p);
		else
			step_anchor(r);
		return;
	}
	if (err < 0) {
		struct sw_verdict v = sw_verdict_make(SW_R_DNS_FAILED, "%s", sw_error_text(err));

		sw_request_fail(r, &v, 0);
	}
}

/* A neighbor's targets are located one after the other; next_target counts them until all are known. */
static void on_located(void *arg, const struct sw_location *loc)
{
	struct sw_request *r = arg;
	const struct sw_conf_zone *z = r->target->conf;

	r->locate = 0;
	if (r->final)
		return;
	if (loc->reason != SW_R_OK)
		r->last = sw_verdict_make(loc->reason, "%s", loc->detail);
	else if (add_targets(r, loc) < 0)
		r->last = sw_verdict_make(SW_R_MSG_OVERLOAD, "out of memory");
	if (z->kind == SW_ZONE_NEIGHBOR && ++r->next_target < z->targets.n) {
		if (locate_configured(r, z->targets.v[r->next_target]) == SW_OK)
			return;
	}
	r->next_target = 0;
	if (r->n_targets == 0) {
		sw_request_fail(r, &r->last, 0);
		return;
	}
	sw_health_order(r->edge->health, z->name, r->targets, r->n_targets, sw_loop_now(r->edge->loop));
	if (r->in_dialog)
		sw_request_try_next(r);
	else
		step_anchor(r);
}

/* --- 4. anchor --- */

static void after_anchor(struct sw_request *r)
{
	struct sw_call *c = call_of(r);
	struct sw_peer *out = NULL;

	if (r->method == SW_METHOD_ACK && c && !r->body && c->offerer == !r->from_leg && sw_msg_cseq(r->msg) == c->answer_in_ack)
		sw_anchor_rollback(c);  /* the answer should have been in it */
	if (r->in_dialog) {
		/* A live flow is not re-balanced; where it is gone, the zone's peer is found again. */
		out = c ? sw_peer_get(r->edge, c->leg[!r->from_leg].conn) : NULL;
		if (out)
			step_send(r, out);
		else
			step_locate(r);
		return;
	}
	if (r->n_targets) {
		sw_request_try_next(r);
		return;
	}
	out = sw_peer_of_zone(r->edge, r->target);
	if (out)
		step_send(r, out);
	else
		sw_request_fail(r, &r->last, 0);
}

static void on_anchored(struct sw_edge *e, sw_id who, struct sw_str bytes, const struct sw_str *body, const struct sw_verdict *v)
{
	struct sw_request *r = sw_request_get(e, who);

	(void)bytes;
	if (!r || r->final)
		return;
	if (!body) {
		r->offered = false;
		sw_request_fail(r, v, 0);
		return;
	}
	r->body = malloc(body->n + 1);
	if (!r->body) {
		fail(r, SW_R_MSG_OVERLOAD);
		return;
	}
	memcpy(r->body, body->p, body->n);
	r->body_len = body->n;
	after_anchor(r);
}

/* What an SDP in this request is (RFC 6337 2.2). An ACK only ever answers; other SDP in it is an answer again. */
static enum sw_sdp_role role_of(const struct sw_request *r, const struct sw_call *c)
{
	bool awaited = c->offerer == !r->from_leg;

	switch (r->method) {
	case SW_METHOD_ACK:
		return awaited ? SW_SDP_ANSWER : SW_SDP_REPEAT;
	case SW_METHOD_PRACK:
		return awaited ? SW_SDP_ANSWER : c->offerer < 0 ? SW_SDP_OFFER : SW_SDP_REPEAT;
	default:
		return SW_SDP_OFFER;
	}
}

static void step_anchor(struct sw_request *r)
{
	struct sw_call *c = call_of(r);
	enum sw_sdp_role role;
	enum sw_body body;
	struct sw_str sdp;

	if (r->method != SW_METHOD_INVITE && r->method != SW_METHOD_UPDATE && r->method != SW_METHOD_ACK && r->method != SW_METHOD_PRACK) {
		after_anchor(r);
		return;
	}
	body = sw_msg_sdp(r->msg, &sdp);
	if (body == SW_BODY_OPAQUE || (c && !c->invite && (body == SW_BODY_SDP || r->method == SW_METHOD_INVITE))) {
		struct sw_verdict v = sw_verdict_make(SW_R_MEDIA_SDP, "%s", body == SW_BODY_OPAQUE ? "a body that may hide a session description" :
										     "no session in this dialog");

		sw_request_fail(r, &v, 0);
		return;
	}
	if (!c || body == SW_BODY_OTHER) {
		after_anchor(r);
		return;
	}
	role = role_of(r, c);
	r->offered = role == SW_SDP_OFFER;
	sw_anchor(c, r->from_leg, r->msg, role, false, on_anchored, r->id);
}

/* --- 5. send --- */

static void on_connected(struct sw_edge *e, sw_id who, sw_id conn, const struct sw_verdict *why)
{
	struct sw_request *r = sw_request_get(e, who);
	struct sw_peer *out = conn ? sw_peer_get(e, conn) : NULL;
	bool identity;

	if (!r || r->final)
		return;
	if (out) {
		step_send(r, out);
		return;
	}
	r->last = why ? *why : sw_verdict_make(SW_R_CONN_FAILED, NULL);
	sw_request_target_failed(r, -1);
	identity = r->last.reason != SW_R_CONN_FAILED && r->last.reason != SW_R_CONN_TIMEOUT && r->last.reason != SW_R_TLS_TIMEOUT &&
		   r->last.reason != SW_R_CONN_PEER_CLOSED && r->last.reason != SW_R_CONN_TRUNCATED && r->last.reason != SW_R_CONN_LIMIT;
	if (identity && !r->target->conf->failover_on_cert) {
		struct sw_verdict v = sw_verdict_make(SW_R_TARGET_TLS, "%s: %.180s", sw_reason_id(r->last.reason), r->last.detail);

		sw_request_fail(r, &v, 0);
		return;
	}
	sw_request_try_next(r);
}

void sw_request_target_failed(struct sw_request *r, int retry_after)
{
	if (r->next_target > 0 && r->next_target <= r->n_targets)
		sw_health_failed(r->edge->health, r->target->conf->name, &r->targets[r->next_target - 1].addr, retry_after,
				 sw_loop_now(r->edge->loop));
}

void sw_request_try_next(struct sw_request *r)
{
	char text[SW_ADDR_STRLEN];
	struct sw_verdict v;

	while (r->next_target < r->n_targets && !r->cancelled) {
		struct sw_target *t = &r->targets[r->next_target++];
		int err = sw_peer_open(r->edge, r->target, &t->addr, t->host, r->reference, on_connected, r->id);

		sw_log(SW_LOG_DEBUG, "target.try", SW_ID("call", r->call), SW_S("host", t->host), SW_S("addr", sw_addr_text(&t->addr, text)));
		if (err == SW_OK)
			return;
		r->last = sw_verdict_make(SW_R_CONN_FAILED, "%s: %s", text, sw_error_text(err));
	}
	if (r->cancelled) {
		fail(r, SW_R_CALL_CANCELLED);
		return;
	}
	if (r->last.reason == SW_R_TARGET_TIMEOUT) {
		sw_request_fail(r, &r->last, 0);
		return;
	}
	v = sw_verdict_make(SW_R_TARGET_NONE, "%s: %.180s", sw_reason_id(r->last.reason), r->last.detail);
	sw_request_fail(r, &v, 0);
}

static void step_send(struct sw_request *r, struct sw_peer *out)
{
	struct sw_edge *e = r->edge;
	struct sw_call *c = call_of(r);
	struct sw_buf bytes;
	int err;

	if (r->call && !c) {
		/* It ended while we looked for a way: by a BYE, or a reload. */
		fail(r, r->in_dialog ? SW_R_DIALOG_UNKNOWN : SW_R_CALL_CANCELLED);
		return;
	}
	sw_buf_init(&bytes, 0);
	err = sw_forward_write(r, &bytes);
	if (err < 0) {
		struct sw_verdict v = sw_verdict_make(SW_R_MSG_SYNTAX, "it can't be forwarded: %s", sw_error_text(err));

		sw_buf_free(&bytes);
		sw_request_fail(r, &v, 0);
		return;
	}
	if (c) {
		int leg = r->in_dialog ? !r->from_leg : SW_LEG_CALLEE;

		sw_call_set_conn(c, leg, out->id);
		if (!r->in_dialog)
			snprintf(c->leg[leg].reference, sizeof(c->leg[leg].reference), "%s", r->reference);
	}
	r->client_conn = out->id;
	if (r->method == SW_METHOD_ACK) {
		/* ACK to a 2xx goes end to end, without a transaction. */
		if (sw_peer_send(out, sw_buf_view(&bytes)) < 0)
			sw_log(SW_LOG_WARN, "call.ack-lost", SW_ID("call", r->call), SW_ID("conn", out->id));
		sw_buf_free(&bytes);
		sw_request_over(r);
		return;
	}
	err = sw_txn_client_open(e->txns, out->id, r->method, sw_msg_method_text(r->msg), sw_str_of(r->branch), sw_buf_view(&bytes),
				 sw_response_event, r, &r->client);
	sw_buf_free(&bytes);
	if (err < 0) {
		r->last = sw_verdict_make(SW_R_CONN_FAILED, "%s", sw_error_text(err));
		if (r->in_dialog && r->next_target >= r->n_targets) {
			sw_request_fail(r, &r->last, 0);
			return;
		}
		sw_request_try_next(r);
		return;
	}
	r->client_over = false;
	sw_log(SW_LOG_DEBUG, "request.forwarded", SW_ID("conn", r->conn), SW_ID("call", r->call), SW_ID("to_conn", out->id),
	       SW_SL("method", sw_msg_method_text(r->msg)));
}
