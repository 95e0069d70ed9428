/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: what is refused, what is read, and that what leaves is what came but for the edits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "sip/frame.h"
#include "sip/msg.h"

#define VIA1 "Via: SIP/2.0/TLS a.example.com:5061;branch=z9hG4bKa;rport;alias\r\n"
#define VIA2 "v:SIP/2.0/TLS  [2001:db8::1] ;branch=z9hG4bKb;received=2001:db8::2 (a, comment)\r\n"
#define FROM "f: \"Jane, \\\"JR\\\" Roe\" <sip:jane%41@example.com;user=phone>;tag=from1;x=y\r\n"
#define TO "To: <sip:bob@example.org>\r\n"
#define IDS "i: abc@a\r\nCSeq: 4711 INVITE\r\n"
#define SDP "v=0\r\nm=audio\r\n"
#define INVITE "INVITE sip:bob@example.org:5061;transport=TLS;c=Zm9v SIP/2.0\r\n" VIA1 VIA2 "Max-Forwards:  70 \r\n" \
	"X-Odd :   a   b,c\r\n\tfolded\r\n" FROM TO IDS "m: <sip:jane@[2001:db8::9]:5070;lr>, <sip:other@b>\r\n" \
	"Route: <sip:r1.example.com;lr;r2=on;c=AbC_d>,  \"x, y\" <sip:r2.example.com;lr>\r\nk: timer , 100rel\r\n" \
	"Route: <sips:r3.example.com>;p=q\r\nRecord-Route: <sip:rr.example.com;lr>\r\nSupported: replaces\r\n" \
	"c: application/sdp;charset=utf-8\r\nl: 14\r\n\r\n" SDP

static struct sw_msg *parse(const char *text)
{
	struct sw_msg *m = NULL;
	struct sw_verdict v;

	if (sw_msg_parse(&m, sw_str_of(text), &v) != SW_OK)
		fail_msg("%s: %s in\n%s", sw_reason_id(v.reason), v.detail, text);
	assert_int_equal(v.reason, SW_R_OK);
	return m;
}

static void assert_str(struct sw_str s, const char *want)
{
	if (s.n != strlen(want) || (s.n && memcmp(s.p, want, s.n)))
		fail_msg("\"%.*s\" is not \"%s\"", (int)s.n, s.n ? s.p : "", want);
}

/* A copy of text with the first `old` made `new`. The caller frees it. */
static char *with(const char *text, const char *old, const char *new)
{
	const char *at = strstr(text, old);
	size_t size = strlen(text) + strlen(new) + 1;
	char *s = malloc(size);

	assert_non_null(at);
	snprintf(s, size, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
	return s;
}

/* Writes text with the edits and compares; what comes out must parse again. */
static void assert_edit(const char *text, const struct sw_edits *e, const char *want)
{
	struct sw_msg *m = parse(text), *again;
	struct sw_buf out;

	sw_buf_init(&out, 0);
	assert_int_equal(sw_msg_write(m, e, &out), SW_OK);
	sw_buf_put(&out, "", 1);
	assert_string_equal(out.data, want);
	again = parse(out.data);
	sw_msg_free(again);
	assert_str(sw_msg_bytes(m), text);
	sw_buf_free(&out);
	sw_msg_free(m);
}

/* One replacement of text is what the edit should do. */
static void assert_edit_is(const char *text, const struct sw_edits *e, const char *old, const char *new)
{
	char *want = with(text, old, new);

	assert_edit(text, e, want);
	free(want);
}

static void assert_refused_edit(const char *text, const struct sw_edits *e)
{
	struct sw_msg *m = parse(text);
	struct sw_buf out;

	sw_buf_init(&out, 0);
	assert_int_equal(sw_msg_write(m, e, &out), SW_EINVALID);
	assert_int_equal(out.len, 0);
	sw_buf_free(&out);
	sw_msg_free(m);
}

static struct sw_edits none(void)
{
	struct sw_edits e;

	sw_edits_init(&e);
	return e;
}

/* --- reading --- */

static void a_request_is_read(void **state)
{
	struct sw_msg *m = parse(INVITE);
	struct sw_via_facts via;
	struct sw_hop hop;

	(void)state;
	assert_true(sw_msg_is_request(m));
	assert_int_equal(sw_msg_method(m), SW_METHOD_INVITE);
	assert_str(sw_msg_method_text(m), "INVITE");
	assert_str(sw_msg_call_id(m), "abc@a");
	assert_str(sw_msg_from_tag(m), "from1");
	assert_str(sw_msg_to_tag(m), "");
	assert_int_equal(sw_msg_cseq(m), 4711);
	assert_int_equal(sw_msg_max_forwards(m), 70);
	assert_str(sw_msg_content_type(m), "application/sdp");
	assert_str(sw_msg_body(m), SDP);
	assert_str(sw_msg_bytes(m), INVITE);

	assert_int_equal(sw_msg_via_count(m), 2);
	assert_true(sw_msg_via(m, 0, &via));
	assert_str(via.transport, "TLS");
	assert_str(via.host, "a.example.com");
	assert_int_equal(via.port, 5061);
	assert_str(via.branch, "z9hG4bKa");
	assert_true(via.rport && via.alias);
	assert_int_equal(via.received.n, 0);
	assert_true(sw_msg_via(m, 1, &via));
	assert_str(via.host, "2001:db8::1");
	assert_str(via.received, "2001:db8::2");
	assert_int_equal(via.port, 0);
	assert_false(via.rport || via.alias);
	assert_false(sw_msg_via(m, 2, &via));

	assert_int_equal(sw_msg_route_count(m), 3);
	assert_true(sw_msg_route(m, 0, &hop));
	assert_true(hop.lr && hop.r2);
	assert_str(hop.cookie, "AbC_d");
	assert_str(hop.text, "sip:r1.example.com;lr;r2=on;c=AbC_d");
	assert_true(sw_msg_route(m, 1, &hop));
	assert_str(hop.uri.host, "r2.example.com");
	assert_true(sw_msg_route(m, 2, &hop));
	assert_int_equal(hop.uri.scheme, SW_SCHEME_SIPS);
	assert_false(hop.lr || hop.r2 || hop.cookie.n);
	assert_false(sw_msg_route(m, 3, &hop));
	assert_true(sw_msg_record_route(m, 0, &hop));
	assert_str(hop.text, "sip:rr.example.com;lr");
	assert_true(sw_msg_ruri(m, &hop));
	assert_str(hop.text, "sip:bob@example.org:5061;transport=TLS;c=Zm9v");
	assert_str(hop.cookie, "Zm9v");
	assert_str(hop.uri.user, "bob");
	assert_int_equal(hop.uri.port, 5061);
	assert_int_equal(hop.uri.transport, SW_URI_T_TLS);
	assert_true(sw_msg_contact(m, &hop));
	assert_str(hop.uri.host, "2001:db8::9");
	assert_str(hop.text, "sip:jane@[2001:db8::9]:5070;lr");
	sw_msg_free(m);
}

static void headers_are_found_by_full_name(void **state)
{
	struct sw_msg *m = parse(INVITE);

	(void)state;
	assert_str(sw_msg_header(m, "call-id"), "abc@a");
	assert_str(sw_msg_header(m, "Supported"), "timer , 100rel");
	assert_str(sw_msg_header(m, "Content-Length"), "14");
	assert_str(sw_msg_header(m, "x-odd"), "a   b,c\r\n\tfolded");
	assert_str(sw_msg_header(m, "To"), "<sip:bob@example.org>");
	assert_int_equal(sw_msg_header(m, "Identity").n, 0);
	assert_true(sw_msg_option(m, "Supported", "100REL"));
	assert_true(sw_msg_option(m, "Supported", "replaces"));
	assert_false(sw_msg_option(m, "Supported", "time"));
	assert_false(sw_msg_option(m, "Require", "timer"));
	assert_int_equal(sw_msg_unsupported(m).n, 0);
	sw_msg_free(m);
}

#define REQUEST(more) "OPTIONS sip:bob@example.org SIP/2.0\r\n" VIA1 "From: <sip:a@example.com>;tag=1\r\n" TO "Call-ID: c\r\n" \
	"CSeq: 1 OPTIONS\r\n" more "Content-Length: 0\r\n\r\n"
#define RESPONSE(more) "SIP/2.0 503 Try later\r\n" VIA1 VIA2 "From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@b>;tag=2\r\n" \
	"Call-ID: c\r\n" \
	"CSeq: 1 INVITE\r\n" more "Content-Length: 0\r\n\r\n"

static void a_response_is_read(void **state)
{
	struct sw_msg *m = parse(RESPONSE("Retry-After: 120;duration=5\r\n"));
	struct sw_request_facts f;
	struct sw_hop hop;

	(void)state;
	assert_false(sw_msg_is_request(m));
	assert_int_equal(sw_msg_status(m), 503);
	assert_str(sw_msg_reason_phrase(m), "Try later");
	assert_int_equal(sw_msg_method(m), SW_METHOD_INVITE);
	assert_int_equal(sw_msg_retry_after(m), 120);
	assert_str(sw_msg_to_tag(m), "2");
	assert_int_equal(sw_msg_max_forwards(m), -1);
	assert_false(sw_msg_ruri(m, &hop));
	sw_msg_facts(m, &f);
	assert_true(f.asserted_more);
	sw_msg_free(m);
	m = parse(RESPONSE("Retry-After: soon\r\n"));
	assert_int_equal(sw_msg_retry_after(m), -1);
	sw_msg_free(m);
}

static void unsupported_extensions_are_listed(void **state)
{
	struct sw_msg *m = parse(REQUEST("Proxy-Require: foo,\r\n bar\r\nProxy-Require: baz\r\n"));

	(void)state;
	assert_str(sw_msg_unsupported(m), "foo, bar, baz");
	sw_msg_free(m);
}

static void facts_name_every_claim(void **state)
{
	struct sw_request_facts f;
	struct sw_msg *m = parse(REQUEST("P-Asserted-Identity: \"A, B\" <sip:a@one.example>, <tel:+1555>\r\n"
					 "Diversion: <sip:d@two.example>;reason=busy\r\nb: <sips:r@three.example>\r\n"
					 "History-Info: <sip:h@four.example?Reason=x>;index=1, <sip:h@five.example>;index=1.1\r\n"
					 "Remote-Party-ID: sip:p@[2001:db8::7]:5061;party=calling\r\n"
					 "P-Preferred-Identity: <sip:%61b@six.example;transport=tcp>\r\n"
					 "Privacy: critical; ID\r\n"));
	static const struct {
		int header;
		enum sw_scheme scheme;
		const char *user, *host;
	} want[] = {
		{ SW_CLAIM_PAI, SW_SCHEME_SIP, "a", "one.example" },
		{ SW_CLAIM_PAI, SW_SCHEME_TEL, "+1555", "" },
		{ SW_CLAIM_DIVERSION, SW_SCHEME_SIP, "d", "two.example" },
		{ SW_CLAIM_REFERRED_BY, SW_SCHEME_SIPS, "r", "three.example" },
		{ SW_CLAIM_HISTORY, SW_SCHEME_SIP, "h", "four.example" },
		{ SW_CLAIM_HISTORY, SW_SCHEME_SIP, "h", "five.example" },
		{ SW_CLAIM_RPID, SW_SCHEME_SIP, "p", "2001:db8::7" },
		{ SW_CLAIM_PPI, SW_SCHEME_SIP, "ab", "six.example" },
	};

	(void)state;
	sw_msg_facts(m, &f);
	assert_str(f.method, "OPTIONS");
	assert_str(f.from.host, "example.com");
	assert_str(f.to.user, "bob");
	assert_str(f.ruri.host, "example.org");
	assert_false(f.has_to_tag || f.asserted_more);
	assert_true(f.privacy_id);
	assert_int_equal(f.from_display.n, 0);
	assert_int_equal(f.n_asserted, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < f.n_asserted; i++) {
		assert_int_equal(f.asserted[i].header, want[i].header);
		assert_int_equal(f.asserted[i].uri.scheme, want[i].scheme);
		assert_str(f.asserted[i].uri.user, want[i].user);
		assert_str(f.asserted[i].uri.host, want[i].host);
	}
	assert_int_equal(f.asserted[6].uri.port, 5061);
	assert_int_equal(f.asserted[7].uri.transport, SW_URI_T_TCP);
	sw_msg_free(m);
}

static void a_display_name_is_what_people_see(void **state)
{
	static const struct {
		const char *from, *display;
	} cases[] = {
		{ "From: \"s\\ip:\\\"x\\\"@y\" <sip:a@b>;tag=1\r\n", "sip:\"x\"@y" },
		{ "From: Bob  Roe <sip:a@b>;tag=1\r\n", "Bob  Roe" },
		{ "From: \"\" <sip:a@b>;tag=1\r\n", "" },
		{ "From: sip:a@b;tag=1\r\n", "" },
		{ "From:\"J\xc3\xb6rg\"<sip:a@b>;tag=1\r\n", "J\xc3\xb6rg" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = with(REQUEST(""), "From: <sip:a@example.com>;tag=1\r\n", cases[i].from);
		struct sw_msg *m = parse(text);
		struct sw_request_facts f;

		sw_msg_facts(m, &f);
		assert_str(f.from_display, cases[i].display);
		sw_msg_free(m);
		free(text);
	}
}

static void a_claim_that_does_not_parse_is_not_overlooked(void **state)
{
	static const char *const claims[] = {
		"P-Asserted-Identity: <sip:a@good>, \"x <sip:b@bad>\r\n",
		"P-Asserted-Identity: <sip:a@good> <sip:b@bad>\r\n",
		"P-Asserted-Identity: <sip:a@good>, garbage\r\n",
		"P-Asserted-Identity: foo\"bar <sip:a@bad>\" <sip:b@good>\r\n",
		"P-Asserted-Identity: <sip:a@good;x=@evil>\r\n",
		"P-Asserted-Identity: <sip:a@ev%69l>\r\n",
		"Diversion: <sip:a@b:99999>\r\n",
		"Remote-Party-ID: <sip:a@b\r\n",
		("History-Info: <sip:1@a>,<sip:2@a>,<sip:3@a>,<sip:4@a>,<sip:5@a>,<sip:6@a>,<sip:7@a>,<sip:8@a>,<sip:9@a>,"
		"<sip:10@a>,<sip:11@a>,<sip:12@a>,<sip:13@a>,<sip:14@a>,<sip:15@a>,<sip:16@a>,<sip:17@a>\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		char *text = with(REQUEST("X: y\r\n"), "X: y\r\n", claims[i]);
		struct sw_msg *m = parse(text);
		struct sw_request_facts f;

		sw_msg_facts(m, &f);
		if (!f.asserted_more)
			fail_msg("overlooked: %s", claims[i]);
		assert_true(f.n_asserted <= SW_ASSERTED_MAX);
		sw_msg_free(m);
		free(text);
	}
}

/* --- writing --- */

static void nothing_edited_is_nothing_changed(void **state)
{
	struct sw_edits e = none();

	(void)state;
	assert_edit(INVITE, &e, INVITE);
	assert_edit(RESPONSE("X:   a  b\r\n"), &e, RESPONSE("X:   a  b\r\n"));
}

static void a_hop_is_added_on_top(void **state)
{
	struct sw_edits e = none();

	(void)state;
	e.via = "SIP/2.0/TLS us.example.net:5061;branch=z9hG4bKus";
	e.record_route[0] = "<sip:us.example.net;lr;r2=on>";
	e.record_route[1] = "<sip:us.example.net:5062;lr;r2=on>";
	assert_edit_is(INVITE, &e, VIA1,
		       "Via: SIP/2.0/TLS us.example.net:5061;branch=z9hG4bKus\r\nRecord-Route: <sip:us.example.net;lr;r2=on>\r\n"
		       "Record-Route: <sip:us.example.net:5062;lr;r2=on>\r\n" VIA1);
}

static void max_forwards_is_set_or_added(void **state)
{
	struct sw_edits e = none();

	(void)state;
	e.max_forwards = 69;
	assert_edit_is(INVITE, &e, "Max-Forwards:  70 \r\n", "Max-Forwards:  69 \r\n");
	assert_edit_is(REQUEST(""), &e, VIA1, "Max-Forwards: 69\r\n" VIA1);
	e.max_forwards = 0;
	assert_edit_is(INVITE, &e, "Max-Forwards:  70 \r\n", "Max-Forwards:  0 \r\n");
	e.max_forwards = 256;
	assert_refused_edit(INVITE, &e);
}

static void routes_are_popped_one_by_one(void **state)
{
	struct sw_edits e = none();

	(void)state;
	e.pop_routes = 1;
	assert_edit_is(INVITE, &e, "Route: <sip:r1.example.com;lr;r2=on;c=AbC_d>,  \"x, y\" <sip:r2.example.com;lr>\r\n",
		       "Route: \"x, y\" <sip:r2.example.com;lr>\r\n");
	e.pop_routes = 2;
	assert_edit_is(INVITE, &e, "Route: <sip:r1.example.com;lr;r2=on;c=AbC_d>,  \"x, y\" <sip:r2.example.com;lr>\r\n", "");
	e.pop_routes = 4;
	assert_refused_edit(INVITE, &e);
	e.pop_routes = 2;
	assert_edit(REQUEST("Route: ,<sip:a;lr> ,, <sip:b>\r\nX: y\r\nRoute: <sip:c;lr>, <sip:d>\r\n"), &e,
		    REQUEST("X: y\r\nRoute: <sip:c;lr>, <sip:d>\r\n"));
	e.pop_routes = 3;
	assert_edit(REQUEST("Route: ,<sip:a;lr> ,, <sip:b>\r\nX: y\r\nRoute: <sip:c;lr>, <sip:d>\r\n"), &e,
		    REQUEST("X: y\r\nRoute: <sip:d>\r\n"));
}

static void a_strict_router_gets_its_way(void **state)
{
	struct sw_edits e = none();

	(void)state;
	e.ruri = "sip:strict.example.com";
	e.pop_routes = 1;
	e.push_route = "sip:bob@example.org";
	assert_edit("OPTIONS sip:bob@example.org SIP/2.0\r\n" VIA1 "From: <sip:a@example.com>;tag=1\r\n" TO "Call-ID: c\r\n"
		    "Route: <sip:strict.example.com>\r\nCSeq: 1 OPTIONS\r\nRoute: <sip:n.example.com;lr>\r\n"
		    "Content-Length: 0\r\n\r\n", &e,
		    "OPTIONS sip:strict.example.com SIP/2.0\r\n" VIA1 "From: <sip:a@example.com>;tag=1\r\n" TO "Call-ID: c\r\n"
		    "CSeq: 1 OPTIONS\r\nRoute: <sip:n.example.com;lr>\r\nRoute: <sip:bob@example.org>\r\nContent-Length: 0\r\n"
		    "\r\n");
	/* the only Route goes, ours takes its place */
	assert_edit("OPTIONS sip:bob@example.org SIP/2.0\r\n" VIA1 "From: <sip:a@example.com>;tag=1\r\n" TO "Call-ID: c\r\n"
		    "Route: <sip:strict.example.com>\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", &e,
		    "OPTIONS sip:strict.example.com SIP/2.0\r\n" VIA1 "From: <sip:a@example.com>;tag=1\r\n" TO "Call-ID: c\r\n"
		    "Route: <sip:bob@example.org>\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
	e.pop_routes = 0;
	assert_edit_is("OPTIONS sip:bob@example.org SIP/2.0\r\n" VIA1 "From: <sip:a@example.com>;tag=1\r\n" TO "Call-ID: c\r\n"
		       "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", &e,
		       "OPTIONS sip:bob@example.org SIP/2.0\r\n", "OPTIONS sip:strict.example.com SIP/2.0\r\n"
		       "Route: <sip:bob@example.org>\r\n");
}

/* RFC 3261 16.4: the last Route has become the Request-URI. */
static void the_last_route_goes(void **state)
{
	struct sw_edits e = none();

	(void)state;
	e.ruri = "sip:last.example.com";
	e.pop_last_route = true;
#define FROM_STRICT(uri, routes) "OPTIONS " uri " SIP/2.0\r\n" VIA1 "From: <sip:a@example.com>;tag=1\r\n" TO "Call-ID: c\r\n" \
	"CSeq: 1 OPTIONS\r\n" routes "Content-Length: 0\r\n\r\n"
	assert_edit(FROM_STRICT("sip:us;lr", "Route: <sip:last.example.com>\r\n"), &e, FROM_STRICT("sip:last.example.com", ""));
	assert_edit(FROM_STRICT("sip:us;lr", "Route: <sip:a;lr> , <sip:b;lr>, <sip:last.example.com>\r\n"), &e,
		    FROM_STRICT("sip:last.example.com", "Route: <sip:a;lr> , <sip:b;lr>\r\n"));
	assert_edit(FROM_STRICT("sip:us;lr", "Route: <sip:a;lr>\r\nX: y\r\nRoute: <sip:last.example.com>\r\n"), &e,
		    FROM_STRICT("sip:last.example.com", "Route: <sip:a;lr>\r\nX: y\r\n"));
	e.pop_routes = 1;
	assert_edit(FROM_STRICT("sip:us;lr", "Route: <sip:a;lr>, <sip:b;lr>, <sip:last.example.com>\r\n"), &e,
		    FROM_STRICT("sip:last.example.com", "Route: <sip:b;lr>\r\n"));
	assert_edit(FROM_STRICT("sip:us;lr", "Route: <sip:a;lr>\r\nRoute: <sip:b;lr>, <sip:last.example.com>\r\n"), &e,
		    FROM_STRICT("sip:last.example.com", "Route: <sip:b;lr>\r\n"));
	assert_edit(FROM_STRICT("sip:us;lr", "Route: <sip:a;lr>, <sip:last.example.com>\r\n"), &e, FROM_STRICT("sip:last.example.com", ""));
	assert_refused_edit(FROM_STRICT("sip:us;lr", "Route: <sip:last.example.com>\r\n"), &e);
#undef FROM_STRICT
}

static void parameters_of_any_header_are_found(void **state)
{
	struct sw_msg *m = parse("NOTIFY sip:a@b SIP/2.0\r\n" VIA1 FROM "To: <sip:bob@example.org>;tag=2\r\ni: c\r\nCSeq: 1 NOTIFY\r\n"
				 "Subscription-State:\r\n active ; Expires = 60;retry-after=1\r\nContent-Length: 0\r\n\r\n");
	struct sw_str s;

	(void)state;
	assert_true(sw_msg_param(m, "Subscription-State", NULL, &s));
	assert_str(s, "active");
	assert_true(sw_msg_param(m, "subscription-state", "expires", &s));
	assert_str(s, "60");
	assert_false(sw_msg_param(m, "Subscription-State", "reason", &s));
	assert_false(sw_msg_param(m, "Expires", NULL, &s));
	sw_msg_free(m);
}

/* --- ACK and BYE in the caller's place --- */

static void a_2xx_nobody_wants_is_acknowledged_and_ended(void **state)
{
	const char *response = "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS us;branch=z9hG4bKu\r\n" FROM "To: <sip:bob@example.org>;tag=callee\r\n" IDS
			       "Contact: \"b\" <sip:bob@[2001:db8::9]:5070>\r\nContent-Length: 0\r\n\r\n";
	const struct sw_str routes[] = { SW_STR("sip:r1;lr"), SW_STR("sip:r2;lr") }, bad = SW_STR("sip:a>\r\nX: y");
	struct sw_msg *m = parse(response), *sent;
	struct sw_buf out;
	struct sw_hop hop;

	(void)state;
	sw_buf_init(&out, 0);
	assert_int_equal(sw_msg_for_2xx(&out, SW_METHOD_BYE, m, "SIP/2.0/TLS us;branch=z9hG4bKv", SW_STR("sip:fall@back"), routes, 2, 4712), SW_OK);
	sw_buf_put(&out, "", 1);
	sent = parse((struct sw_str){ out.data, out.len - 1 }.p);
	assert_int_equal(sw_msg_method(sent), SW_METHOD_BYE);
	assert_int_equal(sw_msg_cseq(sent), 4712);
	assert_str(sw_msg_to_tag(sent), "callee");
	assert_str(sw_msg_call_id(sent), "abc@a");
	assert_true(sw_msg_ruri(sent, &hop));
	assert_str(hop.text, "sip:bob@[2001:db8::9]:5070");
	assert_true(sw_msg_route(sent, 1, &hop));
	assert_str(hop.text, "sip:r2;lr");
	sw_msg_free(sent);
	sw_buf_clear(&out);
	assert_int_equal(sw_msg_for_2xx(&out, SW_METHOD_ACK, m, "v", SW_STR("sip:fall@back"), &bad, 1, 1), SW_EINVALID);
	sw_buf_free(&out);
	sw_msg_free(m);
}

static void only_the_top_via_learns_where_it_came_from(void **state)
{
	struct sw_edits e = none();

	(void)state;
	e.received = "192.0.2.1";
	e.rport = 40000;
	assert_edit_is(INVITE, &e, VIA1,
		       "Via: SIP/2.0/TLS a.example.com:5061;received=192.0.2.1;branch=z9hG4bKa;rport=40000;alias\r\n");
	/* one line, two values: the neighbour keeps its bytes, the comment stays */
	assert_edit_is("OPTIONS sip:b SIP/2.0\r\n"
		"v: SIP/2.0/TLS a ; Received = 1.1.1.1;branch=x;rport=1 (c;, o),SIP/2.0/TLS b;received=2.2.2.2\r\n"
		       "From: <sip:a@a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n", &e,
		       "SIP/2.0/TLS a ; Received = 1.1.1.1;branch=x;rport=1 (c;, o),",
		       "SIP/2.0/TLS a;received=192.0.2.1 ;branch=x;rport=40000(c;, o),");
	/* rport is filled only where it was asked for */
	assert_edit_is("OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/TLS a\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: c\r\n"
		"CSeq: 1 OPTIONS\r\n"
		       "l: 0\r\n\r\n", &e, "Via: SIP/2.0/TLS a\r\n", "Via: SIP/2.0/TLS a;received=192.0.2.1\r\n");
	e = none();
	e.remove_received = true;
	assert_edit_is("OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/TLS a;received=6.6.6.6;branch=x\r\nFrom: <sip:a@a>;tag=1\r\n"
		"To: <sip:b>\r\n"
		       "Call-ID: c\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n", &e, ";received=6.6.6.6", "");
	assert_edit(INVITE, &e, INVITE);
}

static void a_response_loses_its_top_via(void **state)
{
	struct sw_edits e = none();

	(void)state;
	e.pop_via = true;
	assert_edit_is(RESPONSE(""), &e, VIA1, "");
	assert_edit_is("SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS us;branch=1 (a,b),\r\n"
		"  SIP/2.0/TLS them;branch=2  (x) , SIP/2.0/TLS c\r\n"
		       "From: <sip:a@a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n", &e,
		       "SIP/2.0/TLS us;branch=1 (a,b),\r\n  ", "");
	/* one that would have none left is not for anybody else */
	assert_refused_edit("SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS us\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: c\r\n"
			    "CSeq: 1 OPTIONS\r\nl: 0\r\n\r\n", &e);
	assert_refused_edit(INVITE, &e);
	e.pop_via = false;
	e.via = "SIP/2.0/TLS us;branch=x";
	assert_refused_edit(RESPONSE(""), &e);
}

#define CLAIMS "P-Asserted-Identity: <sip:x@y>\r\nP-Preferred-Identity: <sip:x@y>\r\nRemote-Party-ID: <sip:x@y>\r\n" \
	"Diversion: <sip:x@y>\r\nHistory-Info: <sip:x@y>;index=1,\r\n <sip:z@y>\r\nP-Charging-Vector: a\r\n" \
	"p-charging-function-addresses: b\r\nP-Access-Network-Info: c\r\n"

static void claims_are_stripped(void **state)
{
	struct sw_edits e = none();

	(void)state;
	e.strip_asserted = true;
	assert_edit(REQUEST(CLAIMS "Referred-By: <sip:r@y>\r\nP-Called-Party-ID: <sip:x@y>\r\nPrivacy: id\r\n"), &e,
		    REQUEST("P-Called-Party-ID: <sip:x@y>\r\nPrivacy: id\r\n"));
}

static void an_identity_kept_private_goes(void **state)
{
	struct sw_edits e = none();

	(void)state;
	e.strip_identity = true;
	assert_edit(REQUEST("P-Asserted-Identity: <sip:x@y>\r\nPrivacy: id\r\nDiversion: <sip:x@y>\r\n"), &e,
		    REQUEST("Diversion: <sip:x@y>\r\n"));
	assert_edit(REQUEST("Privacy:  header; ID ;session\r\n"), &e, REQUEST("Privacy:  header;session\r\n"));
	assert_edit(REQUEST("Privacy: identity ; none\r\n"), &e, REQUEST("Privacy: identity ; none\r\n"));
}

static void a_display_name_is_replaced(void **state)
{
	struct sw_edits e = none();

	(void)state;
	e.from_display = "sip:jane@example.com \"\\\r\n";
	assert_edit_is(INVITE, &e, "\"Jane, \\\"JR\\\" Roe\" <", "\"sip:jane@example.com \\\"\\\\  \" <");
	e.from_display = "J";
	assert_edit_is(REQUEST(""), &e, "From: <", "From: \"J\" <");
	assert_edit_is("OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/TLS a\r\nFrom:sip:%41@b ;tag=1 ; x\r\nTo: <sip:b>\r\nCall-ID: c\r\n"
		       "CSeq: 1 OPTIONS\r\nl: 0\r\n"
		       "\r\n", &e, "From:sip:%41@b ;tag=1 ; x\r\n", "From:\"J\" <sip:%41@b> ;tag=1 ; x\r\n");
	e.from_display = "";
	assert_edit_is(INVITE, &e, "\"Jane, \\\"JR\\\" Roe\" <", "<");
}

static void a_body_is_replaced(void **state)
{
	struct sw_edits e = none();
	struct sw_str body = SW_STR("v=0\r\nlonger than before\r\n");

	(void)state;
	e.body = &body;
	assert_edit_is(INVITE, &e, "l: 14\r\n\r\n" SDP, "l: 25\r\n\r\nv=0\r\nlonger than before\r\n");
	body.n = 0;
	assert_edit_is(INVITE, &e, "c: application/sdp;charset=utf-8\r\nl: 14\r\n\r\n" SDP, "l: 0\r\n\r\n");
}

static void headers_are_added_before_the_body(void **state)
{
	struct sw_edits e = none();

	(void)state;
	e.add[0] = "Warning: 399 us \"x\"";
	e.add[1] = "Retry-After: 5";
	assert_edit_is(INVITE, &e, "l: 14\r\n", "l: 14\r\nWarning: 399 us \"x\"\r\nRetry-After: 5\r\n");
}

static void edits_cannot_smuggle_lines(void **state)
{
	struct sw_edits e = none();

	(void)state;
#define REFUSED(field, value) do { e = none(); e.field = value; assert_refused_edit(INVITE, &e); } while (0)
	REFUSED(add[0], "X: y\r\nEvil: z");
	REFUSED(add[0], "no colon");
	REFUSED(add[0], "");
	REFUSED(via, "SIP/2.0/TLS a\r\nEvil: z");
	REFUSED(record_route[0], "<sip:a>\n");
	REFUSED(ruri, "sip:a SIP/2.0\r\nEvil: z");
	REFUSED(ruri, "sip:a b");
	REFUSED(ruri, "");
	REFUSED(push_route, "sip:a>,<sip:b");
	REFUSED(received, "1.2.3.4\r");
#undef REFUSED
}

/* --- our own --- */

static void assert_reply(const char *request, const struct sw_reply *r, const char *want)
{
	struct sw_msg *m = NULL, *again;
	struct sw_verdict v;
	struct sw_buf out;
	int err = sw_msg_parse(&m, sw_str_of(request), &v);

	assert_non_null(m);
	sw_buf_init(&out, 0);
	assert_int_equal(sw_msg_reply(m, r, &out), SW_OK);
	sw_buf_put(&out, "", 1);
	assert_string_equal(out.data, want);
	if (err == SW_OK) {
		again = parse(out.data);
		assert_int_equal(sw_msg_status(again), r->status);
		sw_msg_free(again);
	}
	sw_buf_free(&out);
	sw_msg_free(m);
}

static void replies_echo_what_came(void **state)
{
	struct sw_reply r;

	(void)state;
	sw_reply_init(&r, 403);
	r.to_tag = "us1";
	r.headers[0] = "Warning: 399 us \"auth.from-domain\"";
	assert_reply(INVITE, &r, "SIP/2.0 403 Forbidden\r\n" VIA1 VIA2 FROM "To: <sip:bob@example.org>;tag=us1\r\n" IDS
		     "Warning: 399 us \"auth.from-domain\"\r\nContent-Length: 0\r\n\r\n");
	sw_reply_init(&r, 100);
	r.to_tag = "us1";
	assert_reply(REQUEST("Timestamp: 54\r\nRecord-Route: <sip:x;lr>\r\n"), &r, "SIP/2.0 100 Trying\r\n" VIA1
		     "From: <sip:a@example.com>;tag=1\r\n" TO "Call-ID: c\r\nCSeq: 1 OPTIONS\r\nTimestamp: 54\r\n"
		     "Content-Length: 0\r\n\r\n");
	sw_reply_init(&r, 200);
	r.phrase = "Fine";
	r.to_tag = "us1";
	r.received = "192.0.2.9";
	r.rport = 7;
	assert_reply(REQUEST("Timestamp: 54\r\nRecord-Route: <sip:x;lr>\r\n"), &r, "SIP/2.0 200 Fine\r\n"
		     "Via: SIP/2.0/TLS a.example.com:5061;received=192.0.2.9;branch=z9hG4bKa;rport=7;alias\r\n"
		     "From: <sip:a@example.com>;tag=1\r\nTo: <sip:bob@example.org>;tag=us1\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n"
		     "Record-Route: <sip:x;lr>\r\nContent-Length: 0\r\n\r\n");
	/* a tag that is there stays; the shorthand of a bare To takes one as well */
	sw_reply_init(&r, 481);
	r.to_tag = "us1";
	assert_reply("BYE sip:b SIP/2.0\r\nVia: SIP/2.0/TLS a\r\nt:sip:b@b ; Tag=q \r\nf:sip:a@a;tag=1\r\ni:c\r\n"
		"CSeq:2 BYE\r\nl:0\r\n\r\n", &r,
		     "SIP/2.0 481 Call/Transaction Does Not Exist\r\nVia: SIP/2.0/TLS a\r\nt:sip:b@b ; Tag=q \r\n"
		     "f:sip:a@a;tag=1\r\ni:c\r\n"
		     "CSeq:2 BYE\r\nContent-Length: 0\r\n\r\n");
	assert_reply("BYE sip:b SIP/2.0\r\nVia: SIP/2.0/TLS a\r\nt:sip:b@b \r\nf:sip:a@a;tag=1\r\ni:c\r\nCSeq:2 BYE\r\nl:0\r\n"
		"\r\n", &r,
		     "SIP/2.0 481 Call/Transaction Does Not Exist\r\nVia: SIP/2.0/TLS a\r\nt:sip:b@b;tag=us1\r\n"
		     "f:sip:a@a;tag=1\r\ni:c\r\n"
		     "CSeq:2 BYE\r\nContent-Length: 0\r\n\r\n");
}

static void a_bad_request_is_answered_where_it_can_be(void **state)
{
	struct sw_reply r;
	struct sw_edits e = none();
	struct sw_request_facts f;
	struct sw_verdict v;
	struct sw_buf out;
	struct sw_msg *m;

	(void)state;
	sw_reply_init(&r, 400);
	r.to_tag = "us1";
	assert_reply("INVITE  sip:b SIP/2.0\r\nVia: SIP/2.0/TLS a\r\nFrom: <sip:a@a>;tag=1\r\nFrom: <sip:b@a>;tag=1\r\n"
		"To: <sip:b>\r\nCall-ID: c\r\n"
		     "nonsense\r\nCSeq: 2 INVITE\r\n", &r,
		     "SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/TLS a\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b>;tag=us1\r\n"
		     "Call-ID: c\r\nCSeq: 2 INVITE\r\n"
		     "Content-Length: 0\r\n\r\n");
	/* it has what transactions match by, and can't be forwarded */
	m = NULL;
	assert_int_equal(sw_msg_parse(&m, SW_STR("ACK sip:b SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bKx\r\n"
		"From: <sip:a@a>;tag=1\r\n"
						 "To: <sip:b>\r\nCall-ID: c\r\nCSeq: 2 ACK\r\nMax-Forwards: 999\r\nl: 0\r\n"
						 "\r\n"), &v), SW_EPARSE);
	assert_non_null(m);
	assert_int_equal(v.reason, SW_R_MSG_SYNTAX);
	assert_int_equal(sw_msg_method(m), SW_METHOD_ACK);
	assert_int_equal(sw_msg_via_count(m), 1);
	assert_int_equal(sw_msg_cseq(m), 2);
	assert_str(sw_msg_from_tag(m), "1");
	sw_buf_init(&out, 0);
	assert_int_equal(sw_msg_write(m, &e, &out), SW_EINVALID);
	sw_msg_free(m);
	sw_buf_free(&out);
	/* what was read before it was refused isn't kept */
	m = NULL;
	assert_int_equal(sw_msg_parse(&m, SW_STR(REQUEST("Proxy-Require: a b\r\nP-Asserted-Identity: <sip:a@b>\r\n")), &v),
			 SW_EPARSE);
	sw_msg_facts(m, &f);
	assert_true(f.asserted_more && !f.n_asserted);
	sw_msg_free(m);
	/* the body is what Content-Length says */
	assert_int_equal(sw_msg_parse(&m, SW_STR(REQUEST("") "more"), &v), SW_EPARSE);
	assert_int_equal(v.reason, SW_R_MSG_SYNTAX);
	sw_msg_free(m);
	/* a response is never answered */
	assert_int_equal(sw_msg_parse(&m, SW_STR("SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS a\r\nFrom: <sip:a@a>;tag=1\r\n"
		"To: <sip:b>\r\nCall-ID: c\r\n"
						 "CSeq: x INVITE\r\nl: 0\r\n\r\n"), &v), SW_EPARSE);
	assert_null(m);
	/* nor are bytes that are none */
	assert_int_equal(sw_msg_parse(&m, SW_STR(""), &v), SW_EPARSE);
	assert_null(m);
	assert_int_equal(sw_msg_parse(&m, SW_STR("INVITE sip:b SIP/2.0\r\nVia: \0\r\n\r\n"), &v), SW_EPARSE);
	assert_null(m);
}

#define SENT "INVITE sip:bob@b;x=%41 SIP/2.0\r\nVia: SIP/2.0/TLS us;branch=z9hG4bKus;alias\r\n" \
	"Route: <sip:n1;lr>, <sip:n2;lr>\r\n" \
	"VIA: SIP/2.0/TLS a\r\nFrom: \"A\" <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\ni: c\r\nCSeq: 0042  INVITE\r\n" \
	"Require: 100rel\r\n" \
	"Route: <sip:n3;lr>\r\nProxy-Require: x\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"

static void ack_and_cancel_are_the_same_hop(void **state)
{
	struct sw_msg *m = parse("SIP/2.0 486 Busy\r\nVia: SIP/2.0/TLS us;branch=z9hG4bKus\r\nFrom: <sip:a@a>;tag=1\r\n"
		"t: <sip:b@b>;tag=them\r\n"
				 "Call-ID: c\r\nCSeq: 42 INVITE\r\nl: 0\r\n\r\n");
	struct sw_buf out;

	(void)state;
	sw_buf_init(&out, 0);
	assert_int_equal(sw_msg_ack(SW_STR(SENT), m, &out), SW_OK);
	assert_str(sw_buf_view(&out), "ACK sip:bob@b;x=%41 SIP/2.0\r\nVia: SIP/2.0/TLS us;branch=z9hG4bKus;alias\r\n"
		"Max-Forwards: 70\r\n"
		   "Route: <sip:n1;lr>, <sip:n2;lr>\r\nRoute: <sip:n3;lr>\r\nFrom: \"A\" <sip:a@a>;tag=1\r\n"
		   "t: <sip:b@b>;tag=them\r\ni: c\r\n"
		   "CSeq: 42 ACK\r\nContent-Length: 0\r\n\r\n");
	sw_buf_clear(&out);
	assert_int_equal(sw_msg_cancel(SW_STR(SENT), &out), SW_OK);
	assert_str(sw_buf_view(&out), "CANCEL sip:bob@b;x=%41 SIP/2.0\r\nVia: SIP/2.0/TLS us;branch=z9hG4bKus;alias\r\n"
		"Max-Forwards: 70\r\n"
		   "Route: <sip:n1;lr>, <sip:n2;lr>\r\nRoute: <sip:n3;lr>\r\nFrom: \"A\" <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\n"
		   "i: c\r\n"
		   "CSeq: 42 CANCEL\r\nContent-Length: 0\r\n\r\n");
	sw_buf_clear(&out);
	assert_int_equal(sw_msg_cancel(SW_STR(REQUEST("")), &out), SW_EINVALID);
	assert_int_equal(sw_msg_cancel(SW_STR("INVITE"), &out), SW_EINVALID);
	assert_int_equal(out.len, 0);
	sw_buf_free(&out);
	sw_msg_free(m);
}

static void our_options_parse(void **state)
{
	struct sw_buf out;
	struct sw_msg *m;

	(void)state;
	sw_buf_init(&out, 0);
	assert_int_equal(sw_msg_options(&out, "sip:them.example.com", "SIP/2.0/TLS us.example.com:5061;branch=z9hG4bKq",
					"<sip:us.example.com>;tag=9", "<sip:them.example.com>", "q@us", 7,
					"<sip:us.example.com>"), SW_OK);
	sw_buf_put(&out, "", 1);
	m = parse(out.data);
	assert_int_equal(sw_msg_method(m), SW_METHOD_OPTIONS);
	assert_int_equal(sw_msg_cseq(m), 7);
	assert_int_equal(sw_msg_max_forwards(m), 70);
	sw_msg_free(m);
	sw_buf_clear(&out);
	assert_int_equal(sw_msg_options(&out, "sip:them\r\n", "v", "f", "t", "c", 7, NULL), SW_EINVALID);
	assert_int_equal(sw_msg_options(&out, "sip:them", "v", "f\r\nX: y", "t", "c", 7, NULL), SW_EINVALID);
	assert_int_equal(out.len, 0);
	sw_buf_free(&out);
	assert_string_equal(sw_sip_phrase(440), "Max-Breadth Exceeded");
	assert_string_equal(sw_sip_phrase(299), "");
}

/* --- tortures --- */

static size_t read_file(const char *name, char *to, size_t size)
{
	const char *srcdir = getenv("srcdir");
	char path[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/torture/%s", srcdir ? srcdir : ".", name);
	f = fopen(path, "rb");
	if (!f)
		fail_msg("%s is not there", path);
	n = fread(to, 1, size - 1, f);
	fclose(f);
	to[n] = '\0';
	return n;
}

/* Writes what becomes of one message into got, "refuse sip.syntax". */
static void outcome(struct sw_str bytes, char *got, size_t size)
{
	struct sw_frame_out out;
	struct sw_edits e = none();
	struct sw_msg *m = NULL;
	struct sw_verdict v;
	struct sw_reply r;
	struct sw_frame f;
	struct sw_buf b;

	sw_frame_init(&f, NULL);
	sw_buf_init(&b, 0);
	assert_int_equal(sw_frame_feed(&f, bytes.p, bytes.n), SW_OK);
	switch (sw_frame_next(&f, &out)) {
	case SW_FRAME_ERROR:
		snprintf(got, size, "frame %s", sw_reason_id(out.error.reason));
		break;
	case SW_FRAME_MESSAGE:
		if (sw_msg_parse(&m, out.message, &v) == SW_OK) {
			assert_int_equal(sw_msg_write(m, &e, &b), SW_OK);
			assert_int_equal(b.len, out.message.n);
			assert_memory_equal(b.data, out.message.p, b.len);
			snprintf(got, size, "pass");
		} else {
			snprintf(got, size, "%s %s", m ? "refuse" : "drop", sw_reason_id(v.reason));
		}
		if (m && sw_msg_is_request(m)) {
			sw_reply_init(&r, 400);
			sw_buf_clear(&b);
			assert_int_equal(sw_msg_reply(m, &r, &b), SW_OK);
		}
		break;
	default:
		snprintf(got, size, "more");
	}
	sw_msg_free(m);
	sw_buf_free(&b);
	sw_frame_free(&f);
}

static void tortures_come_out_as_expected(void **state)
{
	static char table[16384], bytes[65536];
	char *save = NULL;
	int n = 0;

	(void)state;
	read_file("expected", table, sizeof(table));
	for (char *line = strtok_r(table, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char name[64], verdict[64], reason[64] = "", want[160], got[160], file[80];

		if (line[0] == '#')
			continue;
		line[strcspn(line, "#")] = '\0';
		assert_true(sscanf(line, "%63s %63s %63s", name, verdict, reason) >= 2);
		snprintf(want, sizeof(want), "%s%s%s", verdict, reason[0] ? " " : "", reason);
		snprintf(file, sizeof(file), "%s.msg", name);
		outcome((struct sw_str){ bytes, read_file(file, bytes, sizeof(bytes)) }, got, sizeof(got));
		if (strcmp(got, want))
			fail_msg("%s: %s, not %s", name, got, want);
		n++;
	}
	assert_true(n > 60);
}

static int start(void **state)
{
	(void)state;
	return sw_msg_init();
}

static int stop(void **state)
{
	(void)state;
	sw_msg_deinit();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read),
		cmocka_unit_test(headers_are_found_by_full_name),
		cmocka_unit_test(a_response_is_read),
		cmocka_unit_test(unsupported_extensions_are_listed),
		cmocka_unit_test(facts_name_every_claim),
		cmocka_unit_test(a_display_name_is_what_people_see),
		cmocka_unit_test(a_claim_that_does_not_parse_is_not_overlooked),
		cmocka_unit_test(nothing_edited_is_nothing_changed),
		cmocka_unit_test(a_hop_is_added_on_top),
		cmocka_unit_test(max_forwards_is_set_or_added),
		cmocka_unit_test(routes_are_popped_one_by_one),
		cmocka_unit_test(a_strict_router_gets_its_way),
		cmocka_unit_test(the_last_route_goes),
		cmocka_unit_test(parameters_of_any_header_are_found),
		cmocka_unit_test(a_2xx_nobody_wants_is_acknowledged_and_ended),
		cmocka_unit_test(only_the_top_via_learns_where_it_came_from),
		cmocka_unit_test(a_response_loses_its_top_via),
		cmocka_unit_test(claims_are_stripped),
		cmocka_unit_test(an_identity_kept_private_goes),
		cmocka_unit_test(a_display_name_is_replaced),
		cmocka_unit_test(a_body_is_replaced),
		cmocka_unit_test(headers_are_added_before_the_body),
		cmocka_unit_test(edits_cannot_smuggle_lines),
		cmocka_unit_test(replies_echo_what_came),
		cmocka_unit_test(a_bad_request_is_answered_where_it_can_be),
		cmocka_unit_test(ack_and_cancel_are_the_same_hop),
		cmocka_unit_test(our_options_parse),
		cmocka_unit_test(tortures_come_out_as_expected),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
