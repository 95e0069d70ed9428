/* SPDX-License-Identifier: Apache-2.0 */
/* STUN as RFC 5769 has it on the wire, and as it must not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "check/stun.h"

/* RFC 5769 2.2: the IPv4 response. */
static const uint8_t v4[] = "\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
			    "\x80\x22\x00\x0b\x74\x65\x73\x74\x20\x76\x65\x63\x74\x6f\x72\x20"
			    "\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43"
			    "\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7\xd7"
			    "\x80\x28\x00\x04\xc0\x7d\x4c\x96";
enum { V4_LEN = sizeof(v4) - 1 };

static void the_rfcs_own_example(void **state)
{
	struct sw_stun_reply r;
	char text[SW_ADDR_STRLEN];

	(void)state;
	assert_int_equal(sw_stun_frame(v4, V4_LEN), V4_LEN);
	assert_int_equal(sw_stun_read(&r, v4, V4_LEN), 0);
	assert_int_equal(r.kind, SW_STUN_SUCCESS);
	assert_int_equal(r.method, SW_STUN_BINDING);
	assert_string_equal(sw_addr_text(&r.mapped, text), "192.0.2.1:32853");
	assert_true(r.has_mapped && !r.old_mapped && r.fingerprint);
	assert_string_equal(r.software, "test vector");
}

static void a_request_reads_back(void **state)
{
	struct sw_stun_ask a = { .method = SW_STUN_ALLOCATE, .transport_udp = true, .user = "alice", .realm = "example.org", .nonce = "abc" };
	struct sw_stun_reply r;
	struct sw_buf b;

	(void)state;
	memset(a.id, 7, sizeof(a.id));
	assert_int_equal(sw_stun_key(a.key, "alice", "example.org", "secret"), 0);
	sw_buf_init(&b, 0);
	assert_int_equal(sw_stun_write(&b, &a), 0);
	assert_int_equal(sw_stun_read(&r, (const uint8_t *)b.data, b.len), 0);
	assert_int_equal(r.kind, SW_STUN_REQUEST);
	assert_int_equal(r.method, SW_STUN_ALLOCATE);
	assert_string_equal(r.realm, "example.org");
	assert_string_equal(r.nonce, "abc");
	assert_true(r.fingerprint);
	assert_false(sw_stun_answers(&r, &a));   /* a reflected request is no answer */
	sw_buf_free(&b);
}

static void padding_makes_the_packet_as_long_as_asked(void **state)
{
	struct sw_stun_ask a = { .method = SW_STUN_BINDING };

	(void)state;
	for (a.pad_to = 1252; a.pad_to <= 1472; a.pad_to += 4) {
		struct sw_stun_reply r;
		struct sw_buf b;

		sw_buf_init(&b, 0);
		assert_int_equal(sw_stun_write(&b, &a), 0);
		assert_int_equal(b.len, a.pad_to);
		assert_int_equal(sw_stun_read(&r, (const uint8_t *)b.data, b.len), 0);
		assert_int_equal(r.unknown, 0);
		sw_buf_free(&b);
	}
}

static void another_id_is_no_answer(void **state)
{
	struct sw_stun_ask a = { .method = SW_STUN_BINDING };
	struct sw_stun_reply r;

	(void)state;
	assert_int_equal(sw_stun_read(&r, v4, V4_LEN), 0);
	assert_false(sw_stun_answers(&r, &a));
	memcpy(a.id, v4 + 8, sizeof(a.id));
	assert_true(sw_stun_answers(&r, &a));
	a.method = SW_STUN_ALLOCATE;
	assert_false(sw_stun_answers(&r, &a));
}

static void what_is_cut_or_changed_is_refused(void **state)
{
	struct sw_stun_reply r;
	uint8_t m[V4_LEN];

	(void)state;
	for (size_t n = 0; n < V4_LEN; n++)
		assert_int_equal(sw_stun_read(&r, v4, n), SW_EPARSE);
	for (size_t i = 0; i < V4_LEN; i++) {
		if (i == V4_LEN - 8 || i == V4_LEN - 7)
			continue;   /* then it is another attribute that nobody needs to know */
		memcpy(m, v4, V4_LEN);
		m[i] ^= 1;
		assert_int_equal(sw_stun_read(&r, m, V4_LEN), SW_EPARSE);   /* the fingerprint covers all of it */
	}
	assert_int_equal(sw_stun_frame((const uint8_t *)"\xff", 1), SW_EPARSE);
	assert_int_equal(sw_stun_frame((const uint8_t *)"HTTP/1.1 400 Bad Request", 24), SW_EPARSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_own_example),
		cmocka_unit_test(a_request_reads_back),
		cmocka_unit_test(padding_makes_the_packet_as_long_as_asked),
		cmocka_unit_test(another_id_is_no_answer),
		cmocka_unit_test(what_is_cut_or_changed_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
