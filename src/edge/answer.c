/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/answer.h"

#include <stdio.h>

#include "core/log.h"
#include "core/random.h"
#include "edge/refusal.h"

void sw_answer_source(const struct sw_peer *p, const struct sw_msg *msg, char received[SW_ADDR_STRLEN], int *rport)
{
	struct sw_via_facts via;
	struct sw_addr sent_by;

	received[0] = '\0';
	*rport = -1;
	if (!sw_msg_via(msg, 0, &via))
		return;
	if (via.rport)
		*rport = sw_addr_port(&p->remote);
	/* RFC 3261 18.2.1: where sent-by is a name, or another address than the source. */
	if (via.rport || sw_addr_parse(&sent_by, via.host, 0) < 0 || !sw_addr_same_host(&sent_by, &p->remote))
		sw_addr_host_text(&p->remote, received);
}

int sw_answer_write(struct sw_peer *p, const struct sw_msg *msg, const struct sw_verdict *v, int status, struct sw_buf *out)
{
	char warning[400], retry[32], unsupported[256], tag[32], received[SW_ADDR_STRLEN];
	const char *host = p->gen->conf->host;
	struct sw_reply reply;
	uint8_t raw[10];
	size_t n = 0;

	sw_reply_init(&reply, status);
	sw_answer_source(p, msg, received, &reply.rport);
	if (received[0])
		reply.received = received;
	sw_random(raw, sizeof(raw));
	sw_b64url(tag, raw, sizeof(raw));
	reply.to_tag = tag;
	if (v && v->reason != SW_R_OK && status >= 300) {
		/* The id and the general sentence: detail is for our log, not for the peer. */
		snprintf(warning, sizeof(warning), "Warning: 399 %.200s \"%s\"", host, sw_reason_id(v->reason));
		reply.headers[n++] = warning;
	}
	if (status == 503) {
		snprintf(retry, sizeof(retry), "Retry-After: %u", 1 + sw_random_below(10));
		reply.headers[n++] = retry;
	}
	if (status == 420) {
		struct sw_str tags = sw_msg_unsupported(msg);

		snprintf(unsupported, sizeof(unsupported), "Unsupported: %.*s", (int)(tags.n < 200 ? tags.n : 200), tags.p ? tags.p : "");
		reply.headers[n++] = unsupported;
	}
	return sw_msg_reply(msg, &reply, out);
}

void sw_answer_log(const struct sw_peer *p, const struct sw_msg *msg, const struct sw_verdict *v, int status, sw_id call)
{
	struct sw_request_facts f;
	uint64_t id = 0;

	sw_reason_count(v->reason);
	sw_msg_facts(msg, &f);
	if (p)
		id = sw_refusal_of_request(p->edge, p->id, p->listener, p->zone ? p->zone->conf->name : NULL, &p->remote, msg, v, status);
	sw_log(SW_LOG_WARN, "request.refused", SW_ID("id", id), SW_ID("conn", p ? p->id : 0), SW_ID("call", call),
	       SW_S("zone", p && p->zone ? p->zone->conf->name : NULL), SW_SL("method", f.method), SW_I("status", status),
	       SW_REASON_F(v->reason), SW_S("detail", v->detail[0] ? v->detail : NULL), SW_SL("from", f.from.host),
	       SW_SL("to_user", f.ruri.user), SW_SL("to", f.ruri.host), SW_SL("callid", sw_msg_call_id(msg)));
}

void sw_answer_refuse(struct sw_peer *p, struct sw_msg *msg, const struct sw_verdict *v)
{
	int status = sw_reason_status(v->reason);
	struct sw_buf out;

	sw_buf_init(&out, 0);
	if (status && sw_answer_write(p, msg, v, status, &out) == SW_OK && sw_peer_send(p, sw_buf_view(&out)) < 0)
		sw_log(SW_LOG_DEBUG, "request.answer-lost", SW_ID("conn", p->id));
	sw_buf_free(&out);
	sw_msg_free(msg);
}

void sw_answer_options(struct sw_request *r, struct sw_peer *p)
{
	char received[SW_ADDR_STRLEN], tag[32], contact[300];
	const struct sw_conf_listener *side = sw_generation_side(r->gen, r->source);
	struct sw_reply reply;
	struct sw_buf out;
	uint8_t raw[10];

	sw_reply_init(&reply, 200);
	sw_answer_source(p, r->msg, received, &reply.rport);
	if (received[0])
		reply.received = received;
	sw_random(raw, sizeof(raw));
	sw_b64url(tag, raw, sizeof(raw));
	reply.to_tag = tag;
	snprintf(contact, sizeof(contact), "Contact: <sip:%.200s:%u;transport=%s>", side->host, side->port,
		 side->transport == SW_TRANSPORT_TCP ? "tcp" : "tls");
	reply.headers[0] = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, REFER, MESSAGE, SUBSCRIBE, NOTIFY";
	reply.headers[1] = "Accept: application/sdp";
	reply.headers[2] = "Supported: timer, 100rel";
	reply.headers[3] = contact;
	sw_buf_init(&out, 0);
	if (sw_msg_reply(r->msg, &reply, &out) < 0 || sw_txn_respond(r->edge->txns, r->server, 200, sw_buf_view(&out)) < 0)
		sw_log(SW_LOG_DEBUG, "request.answer-lost", SW_ID("conn", p->id));
	sw_buf_free(&out);
	r->final = true;
	sw_request_over(r);
}
