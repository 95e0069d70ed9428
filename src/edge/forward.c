/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/forward.h"

#include <stdio.h>

#include "core/log.h"
#include "edge/answer.h"

uint64_t sw_forward_loop_hash(const struct sw_msg *msg)
{
	struct sw_hop ruri = { 0 }, route;
	struct sw_buf b;
	uint64_t h;

	/* RFC 5393 4.2: what decides how we treat a request. */
	sw_buf_init(&b, 1 << 17);
	if (sw_msg_ruri(msg, &ruri))
		sw_buf_slice(&b, ruri.text);
	sw_buf_slice(&b, sw_msg_from_tag(msg));
	sw_buf_slice(&b, sw_msg_to_tag(msg));
	sw_buf_slice(&b, sw_msg_call_id(msg));
	sw_buf_printf(&b, "|%u|", sw_msg_cseq(msg));
	sw_buf_slice(&b, sw_msg_header(msg, "Proxy-Require"));
	for (size_t i = 0; i < 4 && sw_msg_route(msg, i, &route); i++)
		sw_buf_slice(&b, route.text);
	h = sw_siphash(b.data ? b.data : "", b.len);
	sw_buf_free(&b);
	return h;
}

bool sw_forward_looped(const struct sw_request *r)
{
	char text[20];
	struct sw_via_facts via;

	snprintf(text, sizeof(text), ".%016llx", (unsigned long long)r->loop_hash);
	for (size_t i = 0; sw_msg_via(r->msg, i, &via); i++)
		if (sw_edge_is_self(r->edge, via.host, via.port) && sw_str_ends_ieq(via.branch, sw_str_of(text)))
			return true;
	return false;
}

/* Our URI on one side of the call, with the cookie. */
static int record_route(char *dst, size_t size, const struct sw_conf_listener *side, bool sips, bool two, const char *cookie)
{
	const char *transport = side->transport == SW_TRANSPORT_TCP ? "tcp" : "tls";
	int n = snprintf(dst, size, "<%s:%s:%u%s%s;lr%s;c=%s>", sips ? "sips" : "sip", side->host, side->port, sips ? "" : ";transport=",
			 sips ? "" : transport, two ? ";r2=on" : "", cookie);

	return n > 0 && (size_t)n < size ? SW_OK : SW_ELIMIT;
}

bool sw_forward_ruri(const struct sw_request *r, struct sw_hop *out)
{
	return r->strict ? sw_msg_route(r->msg, sw_msg_route_count(r->msg) - 1, out) : sw_msg_ruri(r->msg, out);
}

bool sw_forward_route(const struct sw_request *r, struct sw_hop *first)
{
	return r->own_routes + r->strict < sw_msg_route_count(r->msg) && sw_msg_route(r->msg, r->own_routes, first);
}

static void make_via(char *via, size_t size, const struct sw_conf_listener *side, const char *branch)
{
	snprintf(via, size, "SIP/2.0/%s %.250s:%u;branch=%s", side->transport == SW_TRANSPORT_TCP ? "TCP" : "TLS", side->host, side->port, branch);
}

int sw_forward_write(struct sw_request *r, struct sw_buf *out)
{
	const struct sw_conf_listener *side = sw_generation_side(r->gen, r->target), *in_side = sw_generation_side(r->gen, r->source);
	struct sw_peer *from = sw_idtab_get(&r->edge->peers, r->conn);
	char via[400], rr[2][400], cookie[SW_COOKIE_TEXT], received[SW_ADDR_STRLEN] = "", ruri_text[1100], route_text[1100];
	struct sw_str body = { r->body, r->body_len };
	struct sw_hop ruri = { 0 }, route;
	struct sw_edits e;
	int hops = sw_msg_max_forwards(r->msg), err = SW_OK, in;
	char raw[32];

	sw_branch_make(raw);
	snprintf(r->branch, sizeof(r->branch), "%s.%016llx", raw, (unsigned long long)r->loop_hash);
	sw_edits_init(&e);
	make_via(via, sizeof(via), side, r->branch);
	e.via = via;
	e.pop_routes = r->own_routes;
	e.max_forwards = hops < 0 ? 70 : hops - 1;
	if (!sw_msg_header(r->msg, "Max-Breadth").n)
		e.add[0] = "Max-Breadth: 60";  /* RFC 5393 5.3.3: one branch at a time takes nothing from it */
	if (from) {
		sw_answer_source(from, r->msg, received, &e.rport);
		in = sw_generation_listener(r->gen, from->listener);
		if (in >= 0)
			in_side = &r->gen->conf->listeners[in];
	}
	e.received = received[0] ? received : NULL;
	e.remove_received = true;
	e.strip_asserted = r->authority.strip_asserted;
	e.strip_identity = r->strip_identity;
	e.from_display = r->authority.rewrite_display ? r->authority.display : NULL;
	e.body = r->body ? &body : NULL;
	if (!sw_forward_ruri(r, &ruri))
		return SW_EPARSE;
	if (!sw_str_copy(ruri_text, sizeof(ruri_text), ruri.text))
		return SW_ELIMIT;
	if (sw_forward_route(r, &route) && !route.lr) {
		/* A strict router is next (16.6 step 6): its URI becomes the Request-URI, which goes to the end of the set, or stays there. */
		if (!sw_str_copy(route_text, sizeof(route_text), route.text))
			return SW_ELIMIT;
		e.pop_routes++;
		e.ruri = route_text;
		e.push_route = r->strict ? NULL : ruri_text;
	} else if (r->strict) {
		e.ruri = ruri_text;
		e.pop_last_route = true;
	}
	if (r->makes_call) {
		bool sips = ruri.uri.scheme == SW_SCHEME_SIPS, two = side != in_side;

		sw_cookie_make(cookie, r->edge->cookie_key, r->call);
		err = record_route(rr[0], sizeof(rr[0]), side, sips, two, cookie);
		e.record_route[0] = rr[0];
		if (two && err == SW_OK) {
			err = record_route(rr[1], sizeof(rr[1]), in_side, sips, two, cookie);
			e.record_route[1] = rr[1];
		}
	}
	return err < 0 ? err : sw_msg_write(r->msg, &e, out);
}

/* --- a 2xx nobody wants --- */

enum { RELEASE_ROUTES_MAX = 16, BYE_CSEQ_AHEAD = 100 /* the caller's PRACKs and UPDATEs have used some */ };

/* From the Record-Routes the callee's side put on top of ours, in the other direction; within a dialog, those of the request. */
static size_t release_routes(const struct sw_request *r, const struct sw_msg *response, struct sw_str routes[RELEASE_ROUTES_MAX])
{
	size_t n = 0, k = 0;
	struct sw_hop hop;
	sw_id call;

	if (r->in_dialog) {
		for (size_t i = r->own_routes; n < RELEASE_ROUTES_MAX && i + r->strict < sw_msg_route_count(r->msg) && sw_msg_route(r->msg, i, &hop); i++)
			routes[n++] = hop.text;
		return n;
	}
	while (k < RELEASE_ROUTES_MAX && sw_msg_record_route(response, k, &hop) &&
	       !(hop.cookie.n && sw_cookie_open(hop.cookie, r->edge->cookie_key, &call) == SW_OK && call == r->call))
		k++;
	while (k-- > 0 && sw_msg_record_route(response, k, &hop))
		routes[n++] = hop.text;
	return n;
}

static int release_write(struct sw_request *r, const struct sw_msg *response, enum sw_method method, char branch[32], struct sw_buf *out)
{
	struct sw_str routes[RELEASE_ROUTES_MAX];
	size_t n = release_routes(r, response, routes);
	uint32_t cseq = sw_msg_cseq(response), ahead = method == SW_METHOD_BYE ? BYE_CSEQ_AHEAD : 0;
	struct sw_hop ruri = { 0 };
	char via[400];

	if (!sw_forward_ruri(r, &ruri))
		return SW_EPARSE;
	sw_branch_make(branch);
	make_via(via, sizeof(via), sw_generation_side(r->gen, r->target), branch);
	return sw_msg_for_2xx(out, method, response, via, ruri.text, routes, n, cseq < INT32_MAX - ahead ? cseq + ahead : cseq);
}

void sw_forward_release(struct sw_request *r, const struct sw_msg *response)
{
	struct sw_peer *callee = sw_peer_get(r->edge, r->client_conn);
	char branch[32];
	struct sw_buf out;
	sw_id bye;
	int err;

	if (!callee)
		return;
	sw_buf_init(&out, 0);
	err = release_write(r, response, SW_METHOD_ACK, branch, &out);
	if (err == SW_OK)
		err = sw_peer_send(callee, sw_buf_view(&out));
	sw_buf_clear(&out);
	if (err == SW_OK && !r->in_dialog)
		err = release_write(r, response, SW_METHOD_BYE, branch, &out);
	if (err == SW_OK && !r->in_dialog)
		err = sw_txn_client_open(r->edge->txns, callee->id, SW_METHOD_BYE, SW_STR("BYE"), sw_str_of(branch), sw_buf_view(&out), NULL, NULL, &bye);
	if (err < 0)
		sw_log(SW_LOG_WARN, "call.not-given-back", SW_ID("call", r->call), SW_ID("conn", callee->id), SW_S("detail", sw_error_text(err)));
	sw_buf_free(&out);
}
