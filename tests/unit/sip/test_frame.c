/* SPDX-License-Identifier: Apache-2.0 */
/* Framing: however the bytes are cut, the same messages come out; what can't be followed ends the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "sip/frame.h"

#define INVITE "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/TLS a.example.com;branch=z9hG4bK1\r\n" \
	"Subject: folded\r\n  line, with commas\r\nContent-Length: 4\r\n\r\nab\r\n"
#define BYE "BYE sip:bob@example.com SIP/2.0\r\nl : 0\r\n\r\n"
#define OK "SIP/2.0 200 OK\r\nCONTENT-LENGTH:\r\n  00003 \r\nX: y\r\n\r\nxyz"

/* Feeds bytes in chunks and writes down what comes out, one letter each; messages are collected one behind the other. */
struct run {
	char events[256];
	size_t n;
	char *bytes;
	size_t len;
	enum sw_reason reason;
	char head[4096];
};

static void drain(struct run *r, struct sw_frame *f)
{
	for (;;) {
		struct sw_frame_out out;
		char c;

		switch (sw_frame_next(f, &out)) {
		case SW_FRAME_MORE:
			return;
		case SW_FRAME_MESSAGE:
			c = 'M';
			assert_true(out.head_len <= out.message.n);
			assert_memory_equal(out.message.p + out.head_len - 4, "\r\n\r\n", 4);
			r->bytes = realloc(r->bytes, r->len + out.message.n);
			memcpy(r->bytes + r->len, out.message.p, out.message.n);
			r->len += out.message.n;
			break;
		case SW_FRAME_PING:
			c = 'i';
			break;
		case SW_FRAME_PONG:
			c = 'o';
			break;
		default:
			c = 'E';
			r->reason = out.error.reason;
			snprintf(r->head, sizeof(r->head), "%.*s", (int)out.head.n, out.head.n ? out.head.p : "");
		}
		assert_true(r->n < sizeof(r->events) - 1);
		r->events[r->n++] = c;
		if (c == 'E')
			return;
	}
}

/* cut: the first chunk's size; step: that of the others (0: all the rest). */
static struct run run(struct sw_str s, size_t cut, size_t step, const struct sw_frame_limits *limits)
{
	struct run r = { 0 };
	struct sw_frame f;
	size_t at = 0;

	sw_frame_init(&f, limits);
	while (at < s.n && !strchr(r.events, 'E')) {
		size_t n = at == 0 ? cut : step ? step : s.n - at;
		char *exact;

		if (n > s.n - at)
			n = s.n - at;
		exact = malloc(n ? n : 1);
		memcpy(exact, s.p + at, n);
		assert_int_equal(sw_frame_feed(&f, exact, n), SW_OK);
		free(exact);
		at += n;
		drain(&r, &f);
	}
	sw_frame_free(&f);
	return r;
}

static void every_cut_gives_the_same_messages(void **state)
{
	const struct sw_str all = SW_STR(INVITE BYE OK INVITE);

	(void)state;
	for (size_t cut = 1; cut <= all.n; cut++) {
		struct run r = run(all, cut, 0, NULL);

		assert_string_equal(r.events, "MMMM");
		assert_int_equal(r.len, all.n);
		assert_memory_equal(r.bytes, all.p, all.n);
		free(r.bytes);
	}
	for (size_t step = 1; step < 40; step++) {
		struct run r = run(all, step, step, NULL);

		assert_string_equal(r.events, "MMMM");
		assert_memory_equal(r.bytes, all.p, all.n);
		free(r.bytes);
	}
}

static void errors_do_not_depend_on_cuts(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		enum sw_reason reason;
		const char *head;
	} cases[] = {
#define CASE(text, reason, head) { text, sizeof(text) - 1, SW_R_##reason, head }
		CASE("INVITE sip:a SIP/2.0\r\nTo: x\r\n\r\n", MSG_NO_LENGTH, "INVITE sip:a SIP/2.0\r\nTo: x\r\n\r\n"),
		CASE("INVITE sip:a SIP/2.0\r\nl: 1\r\nl: 1\r\nTo: x\r\n\r\n", MSG_SYNTAX,
		     "INVITE sip:a SIP/2.0\r\nl: 1\r\nl: 1\r\nTo: x\r\n\r\n"),
		CASE("INVITE sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n", MSG_SYNTAX, "INVITE sip:a SIP/2.0\r\n"
			"Content-Length: -1\r\n\r\n"),
		CASE("A sip:a SIP/2.0\r\nContent-Length\r\n : 5\r\n\r\n", MSG_SYNTAX, "A sip:a SIP/2.0\r\nContent-Length\r\n"
			" : 5\r\n\r\n"),
		CASE("A sip:a SIP/2.0\r\nl: 5abc\r\n\r\n", MSG_SYNTAX, "A sip:a SIP/2.0\r\nl: 5abc\r\n\r\n"),
		CASE("A sip:a SIP/2.0\r\nl: 5, 5\r\n\r\n", MSG_SYNTAX, "A sip:a SIP/2.0\r\nl: 5, 5\r\n\r\n"),
		CASE("A sip:a SIP/2.0\r\nl:\r\n\r\n", MSG_SYNTAX, "A sip:a SIP/2.0\r\nl:\r\n\r\n"),
		CASE("A sip:a SIP/2.0\r\nl: 4294967295\r\nTo: x\r\n\r\n", MSG_TOO_LARGE, "A sip:a SIP/2.0\r\nl: 4294967295\r\n"
			"To: x\r\n\r\n"),
		CASE("A sip:a SIP/2.0\r\nl: 4294967296\r\n\r\n", MSG_SYNTAX, "A sip:a SIP/2.0\r\nl: 4294967296\r\n\r\n"),
		CASE("A sip:a SIP/2.0\r\nl: 262145\r\n\r\n", MSG_TOO_LARGE, "A sip:a SIP/2.0\r\nl: 262145\r\n\r\n"),
		CASE("A sip:a SIP/2.0\r\nTo: x\nl: 0\r\n\r\n", MSG_SYNTAX, "A sip:a SIP/2.0\r\n"),
		CASE("A sip:a SIP/2.0\r\nTo: x\r\nFrom: a\rb\r\n\r\n", MSG_SYNTAX, "A sip:a SIP/2.0\r\nTo: x\r\n"),
		CASE("A sip:a SIP/2.0\r\nTo: x\0\r\n\r\n", MSG_SYNTAX, "A sip:a SIP/2.0\r\n"),
		CASE("A sip:a SIP/2.0\r\n folded: x\r\n\r\n", MSG_GARBAGE, ""),
		CASE("GET / HTTP/1.1\r\nHost: x\r\n\r\n", MSG_GARBAGE, ""),
		CASE("\x16\x03\x01\x02\x00\x01", MSG_GARBAGE, ""),
		CASE("\n\n", MSG_GARBAGE, ""),
		CASE("\r\rINVITE", MSG_GARBAGE, ""),
		CASE("INVITE\0sip:", MSG_GARBAGE, ""),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t cut = 1; cut <= cases[i].n; cut++) {
			struct run r = run((struct sw_str){ cases[i].text, cases[i].n }, cut, 0, NULL);

			if (strcmp(r.events, "E"))
				fail_msg("case %zu cut at %zu: \"%s\"", i, cut, r.events);
			assert_string_equal(sw_reason_id(r.reason), sw_reason_id(cases[i].reason));
			assert_string_equal(r.head, cases[i].head);
		}
}

static void an_error_ends_the_stream(void **state)
{
	struct sw_frame_out out;
	struct sw_frame f;

	(void)state;
	sw_frame_init(&f, NULL);
	assert_int_equal(sw_frame_feed(&f, BYE "nonsense\r\n" BYE, 2 * (sizeof(BYE) - 1) + 10), SW_OK);
	assert_int_equal(sw_frame_next(&f, &out), SW_FRAME_MESSAGE);
	assert_int_equal(sw_frame_next(&f, &out), SW_FRAME_ERROR);
	assert_int_equal(sw_frame_next(&f, &out), SW_FRAME_ERROR);
	assert_int_equal(out.error.reason, SW_R_MSG_GARBAGE);
	assert_int_equal(sw_frame_feed(&f, BYE, sizeof(BYE) - 1), SW_ECLOSED);
	sw_frame_free(&f);
}

static void keep_alives_are_told_apart(void **state)
{
	static const struct {
		const char *text, *events;
	} cases[] = {
		{ "\r\n", "o" },
		{ "\r\n\r\n", "i" },
		{ "\r\n\r\n\r\n", "io" },
		{ "\r\n\r\n\r\n\r\n", "ii" },
		{ "\r\n" BYE, "oM" },
		{ "\r\n\r\n" BYE "\r\n\r\n" BYE "\r\n", "iMiMo" },
		{ "\r", "" },
		{ "\r\n\r", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run r = run(sw_str_of(cases[i].text), strlen(cases[i].text), 0, NULL);

		assert_string_equal(r.events, cases[i].events);
		free(r.bytes);
	}
	/* one byte at a time a ping is whole, but in its middle it can't be told from a pong */
	assert_string_equal(run(SW_STR("\r\n\r\n"), 1, 0, NULL).events, "i");
	assert_string_equal(run(SW_STR("\r\n\r\n"), 3, 0, NULL).events, "i");
	assert_string_equal(run(SW_STR("\r\n\r\n"), 2, 0, NULL).events, "oo");
}

static void a_part_of_a_message_is_known(void **state)
{
	struct sw_frame_out out;
	struct sw_frame f;

	(void)state;
	sw_frame_init(&f, NULL);
	assert_false(sw_frame_partial(&f));
	assert_int_equal(sw_frame_feed(&f, INVITE "BY", sizeof(INVITE) + 1), SW_OK);
	assert_int_equal(sw_frame_next(&f, &out), SW_FRAME_MESSAGE);
	assert_int_equal(sw_frame_next(&f, &out), SW_FRAME_MORE);
	assert_true(sw_frame_partial(&f));
	assert_int_equal(sw_frame_feed(&f, &BYE[2], sizeof(BYE) - 3), SW_OK);
	assert_int_equal(sw_frame_next(&f, &out), SW_FRAME_MESSAGE);
	assert_false(sw_frame_partial(&f));
	assert_int_equal(sw_frame_next(&f, &out), SW_FRAME_MORE);
	sw_frame_free(&f);
}

/* A request whose one part grows until the limit says no; returns the largest that passed. */
static size_t grow(const char *before, const char *unit, const char *after, const struct sw_frame_limits *lim,
		   enum sw_reason *reason)
{
	for (size_t n = 1; n < 400; n++) {
		struct sw_buf b;
		struct run r;

		sw_buf_init(&b, 0);
		sw_buf_str(&b, before);
		for (size_t i = 0; i < n; i++)
			sw_buf_str(&b, unit);
		sw_buf_str(&b, after);
		r = run(sw_buf_view(&b), b.len, 0, lim);
		sw_buf_free(&b);
		free(r.bytes);
		if (r.events[0] != 'M') {
			*reason = r.reason;
			return n - 1;
		}
	}
	return SIZE_MAX;
}

static void limits_hold(void **state)
{
	const struct sw_frame_limits lim = { .start_line = 64, .header_bytes = 200, .header_lines = 10, .line_bytes = 100,
					     .commas = 5, .body_bytes = 20 };
	enum sw_reason why = SW_R_OK;

	(void)state;
	/* "A sip:" + n + " SIP/2.0" */
	assert_int_equal(grow("A sip:", "x", " SIP/2.0\r\nl: 0\r\n\r\n", &lim, &why), 64 - 14);
	assert_int_equal(why, SW_R_MSG_TOO_LARGE);
	assert_int_equal(grow("A sip:a SIP/2.0\r\nl: 0\r\n", "X:\r\n", "\r\n", &lim, &why), 9);
	assert_int_equal(why, SW_R_MSG_TOO_LARGE);
	assert_int_equal(grow("A sip:a SIP/2.0\r\nl: 0\r\nXY:", "y", "\r\n\r\n", &lim, &why), 97);
	assert_int_equal(why, SW_R_MSG_TOO_LARGE);
	/* folds don't reset a line */
	assert_int_equal(grow("A sip:a SIP/2.0\r\nl: 0\r\nXY:y", "\r\n y", "\r\n\r\n", &lim, &why), 24);
	assert_int_equal(why, SW_R_MSG_TOO_LARGE);
	assert_int_equal(grow("A sip:a SIP/2.0\r\nl: 0\r\nX:", ",", "\r\n\r\n", &lim, &why), 5);
	assert_int_equal(why, SW_R_MSG_TOO_LARGE);
	/* nine lines of twenty-two bytes are more than two hundred */
	why = SW_R_OK;
	assert_int_equal(grow("A sip:a SIP/2.0\r\nl: 0\r\n", "Abcdefgh: abcdefghij\r\n", "\r\n", &lim, &why), 8);
	assert_int_equal(why, SW_R_MSG_TOO_LARGE);
}

static void an_endless_line_is_cut_off_early(void **state)
{
	struct sw_frame_out out;
	struct sw_frame f;
	char chunk[1024];
	size_t fed = 0;

	(void)state;
	sw_frame_init(&f, NULL);
	assert_int_equal(sw_frame_feed(&f, "A sip:a SIP/2.0\r\nX: ", 20), SW_OK);
	memset(chunk, 'x', sizeof(chunk));
	do {
		assert_true(fed < 64 << 10);
		assert_int_equal(sw_frame_feed(&f, chunk, sizeof(chunk)), SW_OK);
		fed += sizeof(chunk);
	} while (sw_frame_next(&f, &out) == SW_FRAME_MORE);
	assert_int_equal(out.error.reason, SW_R_MSG_TOO_LARGE);
	assert_string_equal(sw_reason_id(out.error.reason), "sip.too-large");
	assert_int_equal(out.head.n, 17);
	sw_frame_free(&f);
}

static void large_buffers_are_given_back(void **state)
{
	struct sw_frame_out out;
	struct sw_frame f;
	char *body = calloc(1, 200000);

	(void)state;
	sw_frame_init(&f, NULL);
	assert_int_equal(sw_frame_feed(&f, "A sip:a SIP/2.0\r\nl: 200000\r\n\r\n", 30), SW_OK);
	assert_int_equal(sw_frame_feed(&f, body, 200000), SW_OK);
	assert_int_equal(sw_frame_next(&f, &out), SW_FRAME_MESSAGE);
	assert_int_equal(out.message.n, 200030);
	assert_int_equal(sw_frame_next(&f, &out), SW_FRAME_MORE);
	assert_true(f.in.size <= 64 << 10);
	assert_int_equal(sw_frame_feed(&f, BYE, sizeof(BYE) - 1), SW_OK);
	assert_int_equal(sw_frame_next(&f, &out), SW_FRAME_MESSAGE);
	sw_frame_free(&f);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_gives_the_same_messages),
		cmocka_unit_test(errors_do_not_depend_on_cuts),
		cmocka_unit_test(an_error_ends_the_stream),
		cmocka_unit_test(keep_alives_are_told_apart),
		cmocka_unit_test(a_part_of_a_message_is_known),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(an_endless_line_is_cut_off_early),
		cmocka_unit_test(large_buffers_are_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
