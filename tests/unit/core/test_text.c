/* SPDX-License-Identifier: Apache-2.0 */
/* Slices, buffers, addresses, reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "core/addr.h"
#include "core/buf.h"
#include "core/diag.h"
#include "core/reason.h"

static void globs_match_whole_strings(void **state)
{
	(void)state;
	assert_true(sw_str_glob(SW_STR("*.example.com"), SW_STR("a.b.EXAMPLE.com"), true));
	assert_false(sw_str_glob(SW_STR("*.example.com"), SW_STR("example.com"), true));
	assert_true(sw_str_glob(SW_STR("+1*5?"), SW_STR("+1234555"), false));
	assert_false(sw_str_glob(SW_STR("+1*5?"), SW_STR("+12345600"), false));
	assert_true(sw_str_glob(SW_STR("*"), SW_STR(""), false));
	assert_false(sw_str_glob(SW_STR(""), SW_STR("x"), false));
	/* would be exponential with naive recursion */
	assert_false(sw_str_glob(SW_STR("*a*a*a*a*a*a*a*a*a*b"), SW_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), false));
}

static void base64url_has_one_spelling(void **state)
{
	uint8_t raw[24], back[24];
	char text[40];

	(void)state;
	for (size_t n = 0; n <= sizeof(raw); n++) {
		size_t len;

		for (size_t i = 0; i < n; i++)
			raw[i] = (uint8_t)(i * 37 + n);
		len = sw_b64url(text, raw, n);
		assert_int_equal(sw_b64url_decode(back, sizeof(back), (struct sw_str){ text, len }), n);
		assert_memory_equal(raw, back, n);
	}
	assert_int_equal(sw_b64url_decode(back, sizeof(back), SW_STR("AB")), SW_EPARSE);
	assert_int_equal(sw_b64url_decode(back, sizeof(back), SW_STR("A=")), SW_EPARSE);
	assert_int_equal(sw_b64url_decode(back, 1, SW_STR("AAAA")), SW_EPARSE);
}

static void numbers_are_strict(void **state)
{
	uint32_t v = 7;

	(void)state;
	assert_int_equal(sw_str_u32(SW_STR("65535"), 65535, &v), 0);
	assert_int_equal(v, 65535);
	assert_int_equal(sw_str_u32(SW_STR("65536"), 65535, &v), SW_EPARSE);
	assert_int_equal(sw_str_u32(SW_STR(""), 9, &v), SW_EPARSE);
	assert_int_equal(sw_str_u32(SW_STR("-1"), 9, &v), SW_EPARSE);
	assert_int_equal(sw_str_u32(SW_STR("99999999999"), UINT32_MAX, &v), SW_EPARSE);
}

static void buffers_stop_at_their_cap(void **state)
{
	struct sw_buf b;

	(void)state;
	sw_buf_init(&b, 10);
	sw_buf_str(&b, "12345");
	sw_buf_str(&b, "678901");
	assert_int_equal(sw_buf_error(&b), SW_ELIMIT);
	assert_int_equal(b.len, 5);
	sw_buf_free(&b);
	sw_buf_init(&b, 0);
	sw_buf_json_str(&b, (struct sw_str){ "a\"\\\n\xff\xc3\xa4", 7 });
	assert_int_equal(b.len, strlen("\"a\\\"\\\\\\u000a\\ufffd\xc3\xa4\""));
	assert_memory_equal(b.data, "\"a\\\"\\\\\\u000a\\ufffd\xc3\xa4\"", b.len);
	sw_buf_consume(&b, 1);
	assert_int_equal(b.data[0], 'a');
	sw_buf_free(&b);
}

static void addresses_parse_and_print(void **state)
{
	static const struct {
		const char *in, *out;
	} good[] = {
		{ "192.0.2.1", "192.0.2.1:5061" },
		{ "192.0.2.1:5062", "192.0.2.1:5062" },
		{ "2001:db8::1", "[2001:db8::1]:5061" },
		{ "[2001:db8::1]", "[2001:db8::1]:5061" },
		{ "[2001:db8::1]:1", "[2001:db8::1]:1" },
	};
	static const char *const bad[] = { "", ":", "1.2.3", "1.2.3.4:", "1.2.3.4:65536", "[1.2.3.4]:5", "[::1", "[::1]x", "[::1]:", "host" };
	char text[SW_ADDR_STRLEN];
	struct sw_addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(sw_addr_parse(&a, sw_str_of(good[i].in), 5061), 0);
		assert_string_equal(sw_addr_text(&a, text), good[i].out);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(sw_addr_parse(&a, sw_str_of(bad[i]), 1), SW_EPARSE);
}

static struct sw_addr addr(const char *s)
{
	struct sw_addr a;

	assert_int_equal(sw_addr_parse(&a, sw_str_of(s), 0), 0);
	return a;
}

static void prefixes_hold_their_addresses(void **state)
{
	struct sw_addr in = addr("10.255.0.1"), out = addr("11.0.0.1"), mapped = addr("::ffff:10.1.2.3"), six = addr("fd00::1");
	struct sw_prefix p;

	(void)state;
	assert_int_equal(sw_prefix_parse(&p, SW_STR("10.0.0.0/8")), 0);
	assert_true(sw_prefix_has(&p, &in));
	assert_false(sw_prefix_has(&p, &out));
	assert_true(sw_prefix_has(&p, &mapped));
	assert_false(sw_prefix_has(&p, &six));
	assert_int_equal(sw_prefix_parse(&p, SW_STR("10.0.0.1/8")), SW_EPARSE);
	assert_int_equal(sw_prefix_parse(&p, SW_STR("10.0.0.0/33")), SW_EPARSE);
	assert_int_equal(sw_prefix_parse(&p, SW_STR("fd00::/7")), SW_EPARSE);
	assert_int_equal(sw_prefix_parse(&p, SW_STR("fc00::/7")), 0);
	assert_true(sw_prefix_has(&p, &six));
	assert_int_equal(sw_prefix_parse(&p, SW_STR("0.0.0.0/0")), 0);
	assert_true(sw_prefix_has(&p, &out));
	assert_true(sw_addr_is_private(&mapped));
	assert_true(sw_addr_is_private(&six));
	assert_false(sw_addr_is_private(&out));
}

static struct sw_addr addr_of(const char *text)
{
	struct sw_addr a;

	assert_int_equal(sw_addr_parse(&a, sw_str_of(text), 0), 0);
	return a;
}

static void ipv4_is_seen_through_ipv6(void **state)
{
	static const struct {
		const char *text;
		char kind;   /* loopback, private, link-local, multicast, reserved, any, or none of them */
	} cases[] = {
		{ "::ffff:127.0.0.1", 'l' }, { "64:ff9b::127.0.0.1", 'l' }, { "2002:7f00:1::", 'l' }, { "::1", 'l' },
		{ "64:ff9b::10.0.0.1", 'p' }, { "64:ff9b::192.168.1.1", 'p' }, { "2002:a00:1::1", 'p' }, { "64:ff9b:1::1", 'p' },
		{ "fec0::1", 'p' }, { "fd00::1", 'p' }, { "64:ff9b::169.254.169.254", 'k' }, { "fe80::1", 'k' },
		{ "64:ff9b::224.0.0.1", 'm' }, { "64:ff9b::255.255.255.255", 'm' }, { "ff02::1", 'm' },
		{ "64:ff9b::", 'r' }, { "64:ff9b::0.1.2.3", 'r' }, { "::127.0.0.1", 'r' }, { "0.1.2.3", 'r' },
		{ "::", 'a' }, { "0.0.0.0", 'a' }, { "::ffff:0.0.0.0", 'a' },
		{ "64:ff9b::192.0.2.1", ' ' }, { "2002:c000:201::1", ' ' }, { "2001:db8::1", ' ' }, { "64:ff9c::127.0.0.1", ' ' },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sw_addr a = addr_of(cases[i].text);
		char kind = sw_addr_is_any(&a) ? 'a' : sw_addr_is_loopback(&a) ? 'l' : sw_addr_is_private(&a) ? 'p' :
			    sw_addr_is_link_local(&a) ? 'k' : sw_addr_is_multicast(&a) ? 'm' : sw_addr_is_reserved(&a) ? 'r' : ' ';

		if (kind != cases[i].kind)
			fail_msg("%s is '%c', not '%c'", cases[i].text, kind, cases[i].kind);
	}
}

static void a_zero_verdict_denies(void **state)
{
	struct sw_verdict v = { 0 };
	enum sw_reason r;

	(void)state;
	assert_false(sw_verdict_ok(&v));
	assert_int_equal(sw_reason_status(v.reason), 403);
	assert_int_equal(sw_reason_by_id("identity.no-zone", &r), 0);
	assert_int_equal(r, SW_R_ID_NO_ZONE);
	for (unsigned i = 0; i < SW_REASON_COUNT; i++) {
		assert_int_equal(sw_reason_by_id(sw_reason_id((enum sw_reason)i), &r), 0);
		assert_int_equal(r, i);  /* ids are unique */
	}
	assert_string_equal(sw_reason_id((enum sw_reason)9999), "undecided");
}

static void diagnostics_keep_where_and_count(void **state)
{
	struct sw_diag d;
	struct sw_buf b;

	(void)state;
	sw_diag_init(&d);
	sw_diag_add(&d, SW_DIAG_ERROR, "a.conf", 3, "unknown key '%s'", "x");
	sw_diag_add(&d, SW_DIAG_WARN, NULL, 0, "odd");
	sw_buf_init(&b, 0);
	sw_diag_print(&d, &b);
	sw_buf_put(&b, "", 1);
	assert_string_equal(b.data, "a.conf:3: error: unknown key 'x'\nwarning: odd\n");
	for (int i = 0; i < 1000; i++)
		sw_diag_add(&d, SW_DIAG_ERROR, NULL, 0, "again");
	assert_int_equal(d.errors, 1001);
	assert_int_equal(d.n, 200);
	sw_buf_free(&b);
	sw_diag_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(globs_match_whole_strings),
		cmocka_unit_test(base64url_has_one_spelling),
		cmocka_unit_test(numbers_are_strict),
		cmocka_unit_test(buffers_stop_at_their_cap),
		cmocka_unit_test(addresses_parse_and_print),
		cmocka_unit_test(prefixes_hold_their_addresses),
		cmocka_unit_test(ipv4_is_seen_through_ipv6),
		cmocka_unit_test(a_zero_verdict_denies),
		cmocka_unit_test(diagnostics_keep_where_and_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
