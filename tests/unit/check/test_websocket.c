/* SPDX-License-Identifier: Apache-2.0 */
/* The WebSocket opening handshake: RFC 6455's own example, and what only looks like it (acceptance 96). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "check/websocket.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

static int read_head(struct sw_websocket_reply *r, const char *text)
{
	return sw_websocket_read(r, sw_str_of(text), KEY);
}

static void the_rfcs_own_example(void **state)
{
	struct sw_websocket_reply r;

	(void)state;
	assert_int_equal(read_head(&r, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
				   "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"), 0);
	assert_true(r.accepted);
}

static void a_wrong_accept_is_not_taken(void **state)
{
	struct sw_websocket_reply r;

	(void)state;
	assert_int_equal(read_head(&r, "HTTP/1.1 101 ok\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n\r\n"), 0);
	assert_int_equal(r.status, 101);
	assert_false(r.accepted);
	assert_int_equal(read_head(&r, "HTTP/1.1 101 ok\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"), 0);
	assert_false(r.accepted);
}

static void other_answers_are_told_with_their_status(void **state)
{
	struct sw_websocket_reply r;

	(void)state;
	assert_int_equal(read_head(&r, "HTTP/1.1 302 Found\nLocation: https://login.example/\n\n"), 0);
	assert_int_equal(r.status, 302);
	assert_string_equal(r.location, "https://login.example/");
	assert_int_equal(read_head(&r, "HTTP/1.0 403 Forbidden\r\n\r\n"), 0);
	assert_int_equal(r.status, 403);
}

static void what_is_no_http_is_refused_and_what_is_cut_is_awaited(void **state)
{
	static const char whole[] = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
	struct sw_websocket_reply r;

	(void)state;
	assert_int_equal(read_head(&r, "SIP/2.0 200 OK\r\n\r\n"), SW_EPARSE);
	assert_int_equal(read_head(&r, "HTTP/2 200\r\n\r\n"), SW_EPARSE);
	assert_int_equal(read_head(&r, "HTTP/1.1 abc\r\n\r\n"), SW_EPARSE);
	for (size_t n = 0; n < sizeof(whole) - 1; n++)
		assert_int_equal(sw_websocket_read(&r, (struct sw_str){ whole, n }, KEY), SW_EAGAIN);
	assert_int_equal(read_head(&r, whole), 0);
}

static void keys_differ_and_are_as_long_as_they_must_be(void **state)
{
	char a[SW_WEBSOCKET_KEY_LEN + 1], b[SW_WEBSOCKET_KEY_LEN + 1];

	(void)state;
	sw_websocket_key(a);
	sw_websocket_key(b);
	assert_int_equal(strlen(a), SW_WEBSOCKET_KEY_LEN);
	assert_string_not_equal(a, b);
}

static void the_host_is_as_a_url_has_it(void **state)
{
	static const char v6[] = "GET /a HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n", name[] = "GET / HTTP/1.1\r\nHost: a.example:8080\r\n";
	struct sw_buf b;

	(void)state;
	sw_buf_init(&b, 4096);
	sw_websocket_request(&b, "2001:db8::1", 443, "/a", KEY);
	assert_true(sw_buf_view(&b).n > sizeof(v6));
	assert_memory_equal(sw_buf_view(&b).p, v6, sizeof(v6) - 1);
	sw_buf_clear(&b);
	sw_websocket_request(&b, "a.example", 8080, "/", KEY);
	assert_true(sw_buf_view(&b).n > sizeof(name));
	assert_memory_equal(sw_buf_view(&b).p, name, sizeof(name) - 1);
	sw_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_own_example),
		cmocka_unit_test(a_wrong_accept_is_not_taken),
		cmocka_unit_test(other_answers_are_told_with_their_status),
		cmocka_unit_test(what_is_no_http_is_refused_and_what_is_cut_is_awaited),
		cmocka_unit_test(the_host_is_as_a_url_has_it),
		cmocka_unit_test(keys_differ_and_are_as_long_as_they_must_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
