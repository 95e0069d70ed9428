/* SPDX-License-Identifier: Apache-2.0 */
/* The OPTIONS that pre-flight sends, and what it reads out of an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "check/sip.h"
#include "sip/msg.h"

#define VIA "Via: SIP/2.0/TLS 192.0.2.9:5061;branch=z9hG4bKours;rport=4711;received=198.51.100.7\r\n"
#define REST "From: <sip:a@example.com>;tag=1\r\nTo: <sip:example.net>;tag=2\r\nCSeq: 1 OPTIONS\r\n"
#define CALL "Call-ID: ours\r\n"
#define END "Content-Length: 0\r\n\r\n"

static const struct sw_sip_ask ours = { .branch = "z9hG4bKours", .call_id = "ours" };

static struct sw_sip_heard heard(const char *text)
{
	struct sw_sip_heard h;
	char why[200] = "";

	assert_int_equal(sw_sip_heard_read(&h, sw_str_of(text), &ours, why), SW_OK);
	return h;
}

static void an_answer_is_read_out(void **state)
{
	struct sw_sip_heard h = heard("SIP/2.0 200 Fine\r\n" VIA REST CALL "Server: lab\r\nAllow: OPTIONS,\r\n BYE\r\nAllow: ACK , INVITE\r\n"
				      "Contact: \"x\" <sip:edge.example.net:5061;transport=tls>\r\nRecord-Route: <sip:[2001:db8::1];lr>\r\n"
				      "Accept: application/sdp\r\nSupported: path\r\nDate: Sat, 21 Nov 2026 09:00:00 GMT\r\n" END);

	(void)state;
	assert_int_equal(h.status, 200);
	assert_string_equal(h.phrase, "Fine");
	assert_string_equal(h.server, "lab");
	assert_true(h.allows_invite);
	assert_string_equal(h.contact_host, "edge.example.net");
	assert_false(h.contact_is_address);
	assert_true(h.record_route_is_address);
	assert_string_equal(h.accept, "application/sdp");
	assert_string_equal(h.received, "198.51.100.7");
	assert_int_equal(h.rport, 4711);
	assert_true(h.ours);
}

/* What was not asked for proves nothing: another transaction's answer, or one without a Via. */
static void others_answers_are_not_ours(void **state)
{
	(void)state;
	assert_false(heard("SIP/2.0 200 OK\r\n" VIA REST "Call-ID: theirs\r\n" END).ours);
	assert_false(heard("SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS a;branch=z9hG4bKtheirs\r\n" REST CALL END).ours);
	assert_false(heard("SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS a\r\n" REST CALL END).ours);
	assert_false(heard("OPTIONS sip:a SIP/2.0\r\n" VIA "Max-Forwards: 70\r\n" REST CALL END).ours);
	assert_int_equal(heard("OPTIONS sip:a SIP/2.0\r\n" VIA "Max-Forwards: 70\r\n" REST CALL END).status, 0);
}

static void methods_are_whole_words(void **state)
{
	(void)state;
	assert_false(heard("SIP/2.0 200 OK\r\n" VIA REST CALL "Allow: REINVITE, INVITES\r\n" END).allows_invite);
	assert_false(heard("SIP/2.0 200 OK\r\n" VIA REST CALL END).allows_invite);
}

static void long_headers_are_cut(void **state)
{
	char text[4000], allow[1200];
	struct sw_sip_heard h;

	(void)state;
	memset(allow, 'A', sizeof(allow) - 1);
	allow[sizeof(allow) - 1] = '\0';
	snprintf(text, sizeof(text), "SIP/2.0 200 %s\r\n" VIA REST CALL "Server: %s\r\nAllow: %s, INVITE\r\n" END, allow, allow, allow);
	h = heard(text);
	assert_int_equal(strlen(h.allow), sizeof(h.allow) - 1);
	assert_int_equal(strlen(h.server), sizeof(h.server) - 1);
	assert_int_equal(strlen(h.phrase), sizeof(h.phrase) - 1);
	assert_true(h.allows_invite);
}

static void what_is_no_sip_is_refused_with_a_word(void **state)
{
	static const char *const bad[] = {
		"SIP/2.0 200 OK\r\n" END,
		"SIP/2.0 99 OK\r\n" VIA REST CALL END,
		"SIP/2.0 abc OK\r\n" VIA REST CALL END,
		"HTTP/1.1 200 OK\r\n" END,
		"",
	};
	struct sw_sip_heard h;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char why[200] = "";

		assert_true(sw_sip_heard_read(&h, sw_str_of(bad[i]), &ours, why) < 0);
		assert_true(why[0]);
	}
}

static void verdicts(void **state)
{
	static const struct {
		int status;
		enum sw_check_status want;
	} rows[] = {
		{ 200, SW_CHECK_PASS }, { 202, SW_CHECK_PASS }, { 302, SW_CHECK_FAIL }, { 401, SW_CHECK_WARN }, { 403, SW_CHECK_FAIL },
		{ 404, SW_CHECK_WARN }, { 405, SW_CHECK_WARN }, { 408, SW_CHECK_FAIL }, { 483, SW_CHECK_WARN }, { 500, SW_CHECK_FAIL },
		{ 501, SW_CHECK_WARN }, { 503, SW_CHECK_FAIL }, { 603, SW_CHECK_FAIL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(sw_sip_status_verdict(rows[i].status), rows[i].want);
		assert_true(sw_sip_status_meaning(rows[i].status)[0]);
	}
}

/* What we ask is a request our own parser takes, no two the same, and its answer is known again. */
static void what_we_ask_can_be_answered(void **state)
{
	static struct sw_profile profile;
	struct sw_check_options o = { .profile = &profile };
	struct sw_endpoint e = { .domain = "example.net", .host = "edge.example.net", .tls = true };
	struct sw_sip_ask a, b;
	struct sw_check *c = NULL;
	struct sw_sip_heard h;
	struct sw_addr local;
	struct sw_verdict v;
	struct sw_msg *m = NULL;
	char answer[1024], why[200] = "";

	(void)state;
	assert_int_equal(sw_check_new(&c, &o), SW_OK);
	assert_int_equal(sw_addr_parse(&local, sw_str_of("[2001:db8::9]:40000"), 0), SW_OK);
	assert_int_equal(sw_sip_ask_make(&a, c, &e, &local), SW_OK);
	assert_int_equal(sw_sip_ask_make(&b, c, &e, &local), SW_OK);
	assert_string_not_equal(a.branch, b.branch);
	assert_string_not_equal(a.call_id, b.call_id);
	assert_int_equal(sw_msg_parse(&m, sw_buf_view(&a.text), &v), SW_OK);
	assert_true(sw_msg_is_request(m));
	assert_non_null(strstr(a.text.data, "OPTIONS sip:example.net;transport=tls SIP/2.0\r\n"));
	sw_msg_free(m);
	snprintf(answer, sizeof(answer), "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS [2001:db8::9]:40000;branch=%s\r\n" REST "Call-ID: %s\r\n" END, a.branch,
		 a.call_id);
	assert_int_equal(sw_sip_heard_read(&h, sw_str_of(answer), &a, why), SW_OK);
	assert_true(h.ours);
	assert_int_equal(sw_sip_heard_read(&h, sw_str_of(answer), &b, why), SW_OK);
	assert_false(h.ours);
	sw_buf_free(&a.text);
	sw_buf_free(&b.text);
	sw_check_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_read_out),
		cmocka_unit_test(others_answers_are_not_ours),
		cmocka_unit_test(methods_are_whole_words),
		cmocka_unit_test(long_headers_are_cut),
		cmocka_unit_test(what_is_no_sip_is_refused_with_a_word),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(what_we_ask_can_be_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
