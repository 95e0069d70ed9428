/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as from a stranger's connection: framed, parsed, read in every way, forwarded with and without edits, answered. What
 * we write must parse again and say what the edits meant.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip/frame.h"
#include "sip/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static volatile unsigned sink;

/* Every byte of a slice is read, so that a sanitizer sees one that points astray. */
static void touch(struct sw_str s)
{
	for (size_t i = 0; i < s.n; i++)
		sink += (uint8_t)s.p[i];
}

static void touch_uri(const struct sw_uri_facts *u)
{
	touch(u->user);
	touch(u->host);
}

static void read_all(const struct sw_msg *m)
{
	struct sw_request_facts f;
	struct sw_via_facts via;
	struct sw_hop hop;

	touch(sw_msg_method_text(m));
	touch(sw_msg_reason_phrase(m));
	touch(sw_msg_call_id(m));
	touch(sw_msg_from_tag(m));
	touch(sw_msg_to_tag(m));
	touch(sw_msg_unsupported(m));
	touch(sw_msg_content_type(m));
	touch(sw_msg_body(m));
	touch(sw_msg_header(m, "Supported"));
	sink += (unsigned)sw_msg_retry_after(m) + sw_msg_option(m, "Require", "100rel");
	for (size_t i = 0; sw_msg_via(m, i, &via); i++) {
		touch(via.transport);
		touch(via.host);
		touch(via.branch);
		touch(via.received);
	}
	for (size_t i = 0; sw_msg_route(m, i, &hop); i++) {
		touch_uri(&hop.uri);
		touch(hop.text);
		touch(hop.cookie);
		must(hop.text.n > 0);
	}
	for (size_t i = 0; sw_msg_record_route(m, i, &hop); i++)
		touch(hop.text);
	if (sw_msg_ruri(m, &hop))
		touch(hop.text);
	if (sw_msg_contact(m, &hop))
		touch(hop.text);
	sw_msg_facts(m, &f);
	touch_uri(&f.from);
	touch_uri(&f.to);
	touch(f.from_display);
	must(f.n_asserted <= SW_ASSERTED_MAX);
	for (size_t i = 0; i < f.n_asserted; i++)
		touch_uri(&f.asserted[i].uri);
}

static struct sw_msg *again(const struct sw_buf *b)
{
	struct sw_frame_out out;
	struct sw_frame f;
	struct sw_verdict v;
	struct sw_msg *m = NULL;
	const struct sw_frame_limits wide = { 16384, 131072, 1024, 65536, 1000, 1 << 20 };

	sw_frame_init(&f, &wide);
	must(sw_frame_feed(&f, b->data, b->len) == SW_OK);
	must(sw_frame_next(&f, &out) == SW_FRAME_MESSAGE);
	must(out.message.n == b->len);
	must(sw_msg_parse(&m, out.message, &v) == SW_OK);
	sw_frame_free(&f);
	return m;
}

static void forward(const struct sw_msg *m, const struct sw_edits *e, struct sw_buf *b)
{
	struct sw_msg *n;

	sw_buf_clear(b);
	must(sw_msg_write(m, e, b) == SW_OK);
	n = again(b);
	must(sw_str_eq(sw_msg_call_id(n), sw_msg_call_id(m)) && sw_msg_cseq(n) == sw_msg_cseq(m));
	must(sw_str_eq(sw_msg_from_tag(n), sw_msg_from_tag(m)) && sw_str_eq(sw_msg_to_tag(n), sw_msg_to_tag(m)));
	must(sw_msg_route_count(n) + e->pop_routes == sw_msg_route_count(m) + (e->push_route != NULL));
	must(sw_msg_via_count(n) + e->pop_via == sw_msg_via_count(m) + (e->via != NULL));
	if (e->max_forwards >= 0)
		must(sw_msg_max_forwards(n) == e->max_forwards);
	if (e->body)
		must(sw_str_eq(sw_msg_body(n), *e->body));
	if (e->received) {
		struct sw_via_facts via;

		must(sw_msg_via(n, e->via != NULL, &via) && sw_str_eq(via.received, sw_str_of(e->received)));
	}
	if (e->strip_asserted) {
		struct sw_request_facts f, was;

		sw_msg_facts(m, &was);
		sw_msg_facts(n, &f);
		must(sw_str_eq(f.from.host, was.from.host) && sw_str_eq(f.from.user, was.from.user));
		for (size_t i = 0; i < f.n_asserted; i++)
			must(f.asserted[i].header == SW_CLAIM_REFERRED_BY);
		must(sw_str_eq(f.from_display, sw_str_of(e->from_display)));
	}
	sw_msg_free(n);
}

static void forward_request(const struct sw_msg *m, struct sw_buf *b)
{
	const struct sw_str body = SW_STR("v=0\r\n");
	struct sw_edits e;

	sw_edits_init(&e);
	e.via = "SIP/2.0/TLS us.example.net:5061;branch=z9hG4bKus";
	e.record_route[0] = "<sip:us.example.net;lr>";
	e.max_forwards = 12;
	e.received = "192.0.2.7";
	e.rport = 4711;
	forward(m, &e, b);
	for (size_t n = 1; n <= 3 && n <= sw_msg_route_count(m); n++) {
		e.pop_routes = n;
		forward(m, &e, b);
	}
	e.ruri = "sip:next.example.net;lr";
	e.push_route = "sip:last.example.net";
	e.strip_asserted = e.strip_identity = true;
	e.from_display = "J";
	e.body = &body;
	e.add[0] = "Warning: 399 us \"x\"";
	forward(m, &e, b);
}

static void answer(const struct sw_msg *m, bool passed, struct sw_buf *b)
{
	struct sw_reply r;

	sw_reply_init(&r, passed ? 200 : 400);
	r.to_tag = "us";
	r.received = "192.0.2.7";
	sw_buf_clear(b);
	must(sw_msg_reply(m, &r, b) == SW_OK);
	if (passed) {
		struct sw_msg *n = again(b);

		must(!sw_msg_is_request(n) && sw_msg_to_tag(n).n);
		must(sw_msg_via_count(n) == sw_msg_via_count(m));
		if (sw_msg_method(m) == SW_METHOD_INVITE) {
			sw_buf_clear(b);
			must(sw_msg_ack(sw_msg_bytes(m), n, b) == SW_OK);
			sw_msg_free(again(b));
			sw_buf_clear(b);
			must(sw_msg_cancel(sw_msg_bytes(m), b) == SW_OK);
			sw_msg_free(again(b));
		}
		sw_msg_free(n);
	}
}

static void message(struct sw_str bytes)
{
	struct sw_msg *m = NULL;
	struct sw_verdict v;
	struct sw_edits e;
	struct sw_buf b;
	bool passed = sw_msg_parse(&m, bytes, &v) == SW_OK;

	must(passed == (v.reason == SW_R_OK) && (m || !passed));
	if (!m)
		return;
	sw_buf_init(&b, 4 << 20);
	read_all(m);
	if (passed) {
		sw_edits_init(&e);
		forward(m, &e, &b);
		must(sw_str_eq(sw_buf_view(&b), bytes));
		if (sw_msg_is_request(m)) {
			forward_request(m, &b);
		} else if (sw_msg_via_count(m) > 1) {
			e.pop_via = true;
			forward(m, &e, &b);
		}
	}
	if (sw_msg_is_request(m))
		answer(m, passed, &b);
	sw_buf_free(&b);
	sw_msg_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	struct sw_frame_out out;
	struct sw_frame f;
	enum sw_frame_event ev;

	if (!started)
		started = sw_msg_init() == SW_OK;
	sw_frame_init(&f, NULL);
	if (sw_frame_feed(&f, data, size) == SW_OK)
		while ((ev = sw_frame_next(&f, &out)) != SW_FRAME_MORE) {
			if (ev == SW_FRAME_MESSAGE)
				message(out.message);
			if (ev == SW_FRAME_ERROR) {
				if (out.head.n)
					message(out.head);
				break;
			}
		}
	sw_frame_free(&f);
	return 0;
}
