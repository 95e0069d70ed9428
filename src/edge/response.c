/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/response.h"

#include <stdio.h>

#include "core/log.h"
#include "edge/forward.h"

enum { SUBSCRIPTION_S = 3600, REFER_S = 300 };

static struct sw_call *call_of(const struct sw_request *r)
{
	return sw_call_get(r->edge, r->call);
}

/* Does an SDP in this request's responses belong to an offer/answer exchange? (RFC 6337 2.2) */
static bool takes_sdp(const struct sw_request *r)
{
	return r->method == SW_METHOD_INVITE || r->method == SW_METHOD_UPDATE || r->method == SW_METHOD_PRACK;
}

static int pass_up(struct sw_request *r, const struct sw_msg *msg, const struct sw_str *body, int status)
{
	const struct sw_str nothing = SW_STR("");
	struct sw_str sdp;
	struct sw_edits e;
	struct sw_buf out;
	int err;

	sw_edits_init(&e);
	e.pop_via = true;
	/* Capabilities in a refusal (RFC 3261 21.4.26) name addresses nobody here has seen to. */
	e.body = body || !takes_sdp(r) || sw_msg_sdp(msg, &sdp) == SW_BODY_OTHER ? body : &nothing;
	e.strip_asserted = !r->target->conf->trusted_identity;
	sw_buf_init(&out, 0);
	err = sw_msg_write(msg, &e, &out);
	if (err == SW_OK && r->server)
		err = sw_txn_respond(r->edge->txns, r->server, status, sw_buf_view(&out));
	if (err < 0)
		sw_log(SW_LOG_INFO, "response.lost", SW_ID("call", r->call), SW_ID("conn", r->conn), SW_I("status", status),
		       SW_S("detail", sw_error_text(err)));
	sw_buf_free(&out);
	return err;
}

static bool is_reliable(const struct sw_msg *msg)
{
	return sw_msg_option(msg, "Require", "100rel") && sw_msg_header(msg, "RSeq").n;
}

/* A dialog without a session lasts as long as its subscription (RFC 6665 4.1, 4.2; RFC 3515 2.4.4). */
static void note_subscription(struct sw_request *r, struct sw_call *c, const struct sw_msg *msg)
{
	struct sw_str left;

	switch (r->method) {
	case SW_METHOD_SUBSCRIBE:
		left = sw_msg_header(msg, "Expires");
		sw_call_lasts(c, left.n ? left : sw_msg_header(r->msg, "Expires"), SUBSCRIPTION_S);
		break;
	case SW_METHOD_REFER:
		sw_call_lasts(c, (struct sw_str){ NULL, 0 }, REFER_S);
		break;
	case SW_METHOD_NOTIFY:
		if (sw_msg_param(r->msg, "Subscription-State", NULL, &left) && sw_str_ieq(left, SW_STR("terminated")))
			sw_call_lasts(c, SW_STR("0"), 0);
		else if (sw_msg_param(r->msg, "Subscription-State", "expires", &left))
			sw_call_lasts(c, left, SUBSCRIPTION_S);
		break;
	default:
		break;
	}
}

/* What a response means for its call, before it goes on upstream. */
static void note(struct sw_request *r, struct sw_call *c, const struct sw_msg *msg, int status)
{
	if (!r->in_dialog && status > 100 && status < 300)
		sw_call_learn_tag(c, sw_msg_to_tag(msg));
	if (status >= 200 && status < 300) {
		if (!r->in_dialog && r->makes_call)
			sw_call_establish(c, sw_msg_to_tag(msg));
		if (!c->invite)
			note_subscription(r, c, msg);
		return;
	}
	if (status < 300)
		return;
	if (r->makes_call)
		sw_call_end(c, status == 487 ? SW_R_CALL_CANCELLED : SW_R_OK);
	else if (r->offered)
		sw_anchor_rollback(c);
}

/* A final response to a BYE, whatever it says but a challenge, is the end of the dialog. */
static void after_bye(struct sw_request *r, int status)
{
	struct sw_call *c = call_of(r);
	struct sw_str callee_tag;

	if (!c || r->method != SW_METHOD_BYE || status == 401 || status == 407 || status < 200 || !r->msg)
		return;
	callee_tag = r->from_leg == SW_LEG_CALLER ? sw_msg_to_tag(r->msg) : sw_msg_from_tag(r->msg);
	if (sw_call_bye_ends(c, callee_tag))
		sw_call_end(c, SW_R_OK);
}

/* A 2xx to an INVITE that can't be handed to the caller: the callee is not left with a call nobody else has. */
static void give_back(struct sw_request *r, const struct sw_msg *msg, const struct sw_verdict *v)
{
	sw_log(SW_LOG_WARN, "call.given-back", SW_ID("call", r->call), SW_REASON_F(v->reason), SW_S("detail", v->detail));
	sw_forward_release(r, msg);
}

static void go_on(struct sw_request *r, const struct sw_msg *msg, const struct sw_str *body)
{
	int status = sw_msg_status(msg), err;
	struct sw_call *c = call_of(r);
	bool first = status >= 200 && !r->final, answer = first && status < 300;

	if (c)
		note(r, c, msg, status);
	if (c && answer && !body && r->offered && c->offerer == (r->in_dialog ? r->from_leg : SW_LEG_CALLER))
		sw_anchor_settle(c);
	if (c && answer && body && !r->offered && r->method == SW_METHOD_INVITE)
		c->answer_in_ack = sw_msg_cseq(msg);
	if (status >= 200)
		r->final = true;
	err = pass_up(r, msg, body, status);
	if (err < 0 && first) {
		/* The caller is gone, or the callee answers with something that can't be passed on. */
		struct sw_verdict v = sw_verdict_make(err == SW_ECLOSED ? SW_R_CONN_FAILED : SW_R_MSG_SYNTAX, "%s", sw_error_text(err));

		if (status < 300 && r->method == SW_METHOD_INVITE)
			give_back(r, msg, &v);
		r->final = false;
		sw_request_fail(r, &v, 500);
	} else if (status >= 200) {
		after_bye(r, status);
	}
}

/* The response whose SDP is being anchored within this very call: there is at most one. NULL: the answer came later. */
static const struct sw_msg *current;

static void unusable(struct sw_request *r, const struct sw_msg *msg, const struct sw_verdict *v)
{
	if (sw_msg_status(msg) < 200 || r->final)
		return;
	if (r->method == SW_METHOD_INVITE && sw_msg_status(msg) < 300)
		give_back(r, msg, v);
	sw_request_fail(r, v, 500);
}

/* The SDP of a response has been dealt with, at once (current), or later: then the message is parsed again from its kept bytes. */
static void on_anchored(struct sw_edge *e, sw_id who, struct sw_str bytes, const struct sw_str *body, const struct sw_verdict *v)
{
	struct sw_request *r = sw_request_get(e, who);
	struct sw_msg *again = NULL;
	struct sw_verdict ignored;
	const struct sw_msg *msg = current;

	if (!r)
		return;
	r->answer_waits = false;
	if (bytes.n) {
		if (sw_msg_parse(&again, bytes, &ignored) < 0) {
			sw_msg_free(again);
			return;
		}
		msg = again;
	}
	if (msg && body) {
		go_on(r, msg, body);
	} else if (msg) {
		/* A final one ends the exchange; a provisional one is dropped, the final one will tell; nobody waits for a repeated one. */
		sw_log(SW_LOG_WARN, "response.sdp", SW_ID("call", r->call), SW_REASON_F(v->reason), SW_S("detail", v->detail));
		unusable(r, msg, v);
	}
	sw_msg_free(again);
}

static enum sw_sdp_role role_of(const struct sw_request *r)
{
	if (r->final)
		return SW_SDP_REPEAT;
	if (r->offered)
		return SW_SDP_ANSWER;
	return r->method == SW_METHOD_INVITE ? SW_SDP_EITHER : SW_SDP_REPEAT;
}

/* An SDP goes on as the relay's, or not at all. */
static void with_sdp(struct sw_request *r, const struct sw_msg *msg, int status)
{
	struct sw_call *c = call_of(r);
	struct sw_str sdp;

	if (status >= 300 || !takes_sdp(r) || (c && sw_msg_sdp(msg, &sdp) == SW_BODY_OTHER)) {
		go_on(r, msg, NULL);
	} else if (!c || !c->invite) {
		/* Ended meanwhile, by a BYE or a reload: there is no relay to rewrite for, and no call to set up. */
		struct sw_verdict v = sw_verdict_make(SW_R_DIALOG_UNKNOWN, "the call has ended");

		unusable(r, msg, &v);
	} else {
		current = msg;
		r->answer_waits = true;
		sw_anchor(c, r->in_dialog ? !r->from_leg : SW_LEG_CALLEE, msg, role_of(r), status < 200 && !is_reliable(msg), on_anchored, r->id);
		current = NULL;
	}
}

static void on_response(struct sw_request *r, const struct sw_msg *msg)
{
	int status = sw_msg_status(msg);

	if (status == 100 || r->answer_waits)
		return;  /* what comes while ports are awaited comes again */
	if (status < 200)
		r->got_provisional = true;
	if (status == 503)
		sw_request_target_failed(r, sw_msg_retry_after(msg));
	if (status == 503 && !r->in_dialog && !r->cancelled && !r->final && r->next_target < r->n_targets) {
		/* RFC 3263 4.3: the next target; nothing of this one goes upstream. */
		sw_log(SW_LOG_INFO, "target.unavailable", SW_ID("call", r->call), SW_ID("conn", r->client_conn));
		sw_txn_client_orphan(r->edge->txns, r->client);
		r->client = 0;
		r->client_over = true;
		sw_request_try_next(r);
		return;
	}
	if (status == 503) {
		/* A 503 says our next hop is overloaded, not that we are (RFC 3261 16.7 step 6). */
		struct sw_verdict v = sw_verdict_make(SW_R_TARGET_NONE, "the target says 503");

		if (!r->final) {
			sw_request_fail(r, &v, 500);
			return;
		}
	}
	with_sdp(r, msg, status);
}

static void on_failed(struct sw_request *r, enum sw_txn_event ev)
{
	struct sw_verdict v;

	if (r->final)
		return;
	v = ev == SW_TXN_FAILED ? sw_verdict_make(SW_R_CONN_FAILED, "the connection broke before an answer") :
				  sw_verdict_make(SW_R_TARGET_TIMEOUT, NULL);
	r->last = v;
	if (r->client) {
		sw_txn_client_orphan(r->edge->txns, r->client);
		r->client = 0;
		r->client_over = true;
	}
	after_bye(r, 408);
	if (ev != SW_TXN_TIMER_C && !r->in_dialog && !r->got_provisional && !r->cancelled && r->next_target < r->n_targets) {
		sw_request_try_next(r);
		return;
	}
	if (r->cancelled)
		v = sw_verdict_make(SW_R_CALL_CANCELLED, NULL);
	/* RFC 4320: a late 408 to another request than INVITE helps nobody, but a broken connection is told. */
	if (r->method != SW_METHOD_INVITE && ev == SW_TXN_TIMEOUT) {
		struct sw_call *c = call_of(r);

		sw_reason_count(v.reason);
		r->final = true;
		if (c && r->makes_call)
			sw_call_end(c, v.reason);
		else if (c && r->offered)
			sw_anchor_rollback(c);
		sw_request_over(r);
		return;
	}
	sw_request_fail(r, &v, ev == SW_TXN_FAILED && !r->cancelled ? 500 : 0);
}

void sw_response_event(void *arg, sw_id client, enum sw_txn_event ev, const struct sw_msg *msg)
{
	struct sw_request *r = arg;

	if (client != r->client)
		return;
	switch (ev) {
	case SW_TXN_RESPONSE:
		on_response(r, msg);
		break;
	case SW_TXN_TIMEOUT:
	case SW_TXN_TIMER_C:
	case SW_TXN_FAILED:
		on_failed(r, ev);
		break;
	case SW_TXN_ENDED:
		r->client = 0;
		r->client_over = true;
		sw_request_over(r);
		break;
	}
}
