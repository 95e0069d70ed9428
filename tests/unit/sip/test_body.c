/* SPDX-License-Identifier: Apache-2.0 */
/* Session descriptions are found wherever they may stand; what could hide one is told from what can't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sip/msg.h"

#define SDP "v=0\r\nm=audio 1 RTP/AVP 0\r\n"
#define MIXED "Content-Type: multipart/mixed;boundary=b"
#define PART(headers, content) "--b\r\n" headers "\r\n" content "\r\n"

static void bodies_are_told_apart(void **state)
{
	static const struct {
		const char *headers, *body;
		enum sw_body want;
	} cases[] = {
		{ "Content-Type: application/sdp", "", SW_BODY_OTHER },
		{ "Content-Type: application/sdp", SDP, SW_BODY_SDP },
		{ "c: APPLICATION/Sdp", SDP, SW_BODY_SDP },
		{ "CONTENT-TYPE :\r\n application / sdp ; charset=\"x;y\"", SDP, SW_BODY_SDP },
		{ "Content-Type: application/sdp\r\nContent-Encoding: identity", SDP, SW_BODY_SDP },
		{ "Content-Type: application/sdp\r\nContent-Encoding: gzip", SDP, SW_BODY_OPAQUE },
		{ "Content-Type: application/sdp\r\ne: gzip", SDP, SW_BODY_OPAQUE },
		{ "X: y", SDP, SW_BODY_OPAQUE },
		{ "Content-Type: text/plain", SDP, SW_BODY_OTHER },
		{ "Content-Type: application/isup;version=x\r\nContent-Encoding: gzip", "x", SW_BODY_OTHER },
		{ "Content-Type: application/pkcs7-mime; smime-type=enveloped-data", "x", SW_BODY_OPAQUE },
		{ "Content-Type: message/sip", "x", SW_BODY_OPAQUE },
		{ MIXED, PART("Content-Type: application/sdp\r\n", SDP) "--b--", SW_BODY_SDP },
		{ MIXED, PART("Content-Type: text/plain\r\n", "hi") PART("C: application/SDP;x=y\r\nX: y\r\n", SDP) "--b--\r\nover", SW_BODY_SDP },
		{ "Content-Type: Multipart/related; a=b; BOUNDARY=\"b\"", PART("Content-Type: application/sdp\r\n", SDP) "--b-- \t\r\n", SW_BODY_SDP },
		{ MIXED, PART("", "hello") "--b--\r\n", SW_BODY_OTHER },
		{ MIXED, PART("Content-Type: application/sdp\r\n", SDP) PART("Content-Type: application/sdp\r\n", SDP) "--b--", SW_BODY_OPAQUE },
		{ MIXED, PART("Content-Type: multipart/mixed;boundary=c\r\n", "--c\r\n\r\n" SDP "--c--") "--b--", SW_BODY_OPAQUE },
		{ MIXED, PART("Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n", "dj0w") "--b--", SW_BODY_OPAQUE },
		{ MIXED, PART("Content-Type: application/sdp\r\nContent-Transfer-Encoding: 8BIT\r\n", SDP) "--b--", SW_BODY_SDP },
		{ MIXED, PART("Content-Type: application/sdp\r\nContent-Length: 9\r\n", SDP) "--b--", SW_BODY_OPAQUE },
		{ MIXED, PART("Content-Type: text/plain\r\nContent-Type: application/sdp\r\n", SDP) "--b--", SW_BODY_OPAQUE },
		{ MIXED, PART("Content-Type: text/plain;\r\n x=y\r\n", "x") "--b--", SW_BODY_OPAQUE },
		{ MIXED, PART("Content-Type: application/sdp\n", SDP) "--b--", SW_BODY_OPAQUE },
		{ MIXED, "preamble\r\n" PART("Content-Type: application/sdp\r\n", SDP) "--b--", SW_BODY_OPAQUE },
		{ MIXED, PART("Content-Type: text/plain\r\n", "x\n--b\nContent-Type: application/sdp\n\n" SDP) "--b--", SW_BODY_OPAQUE },
		{ MIXED, PART("Content-Type: text/plain\r\n", "x\r\n--bee") "--b--", SW_BODY_OPAQUE },
		{ MIXED, PART("Content-Type: application/sdp\r\n", SDP), SW_BODY_OPAQUE },
		{ MIXED, "--b", SW_BODY_OPAQUE },
		{ MIXED, "--b--", SW_BODY_OPAQUE },
		{ MIXED, "--b\r\n--b--", SW_BODY_OPAQUE },
		{ MIXED, "--b\r\n\r\n--b--", SW_BODY_OPAQUE },
		{ MIXED ";boundary=c", PART("", "x") "--b--", SW_BODY_OPAQUE },
		{ "Content-Type: multipart/mixed", PART("", "x") "--b--", SW_BODY_OPAQUE },
		{ "Content-Type: multipart/mixed;boundary=\"\"", PART("", "x") "--b--", SW_BODY_OPAQUE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sw_msg *m = NULL;
		struct sw_str sdp = { NULL, 0 };
		struct sw_verdict v;
		struct sw_buf text;
		enum sw_body got;

		sw_buf_init(&text, 0);
		sw_buf_printf(&text, "INVITE sip:b@example.org SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bKa\r\nFrom: <sip:a@example.com>;tag=1\r\n"
			      "To: <sip:b@example.org>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n%s\r\nContent-Length: %zu\r\n\r\n%s", cases[i].headers,
			      strlen(cases[i].body), cases[i].body);
		if (sw_msg_parse(&m, sw_buf_view(&text), &v) < 0)
			fail_msg("case %zu: %s", i, v.detail);
		got = sw_msg_sdp(m, &sdp);
		if (got != cases[i].want)
			fail_msg("case %zu is %d, not %d", i, (int)got, (int)cases[i].want);
		if (got == SW_BODY_SDP) {
			struct sw_str body = sw_msg_body(m);

			assert_true(sdp.p >= body.p && sdp.p + sdp.n <= body.p + body.n);
			assert_int_equal(sdp.n, strlen(SDP));
			assert_memory_equal(sdp.p, SDP, sdp.n);
		}
		sw_msg_free(m);
		sw_buf_free(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_told_apart),
	};

	if (sw_msg_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
