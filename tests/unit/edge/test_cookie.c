/* SPDX-License-Identifier: Apache-2.0 */
/* The dialog cookie: what we made opens with our key to the call it was made for, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/cookie.h"

static const uint8_t key[SW_COOKIE_KEY] = "0123456789abcdef0123456789abcde";
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static const sw_id ids[] = { 1, 0x7fffffff, 0x80000000, 0x123456789abcdef0, UINT64_MAX };

/* Does it verify, in a copy of the exact size? */
static bool opens(const char *text, size_t n, const uint8_t k[SW_COOKIE_KEY])
{
	char *copy = malloc(n ? n : 1);
	sw_id id = 42;
	int err;

	assert_non_null(copy);
	memcpy(copy, text, n);
	err = sw_cookie_open((struct sw_str){ copy, n }, k, &id);
	free(copy);
	assert_true(err == SW_OK || err == SW_EPARSE);
	if (err < 0)
		assert_int_equal(id, 42);
	return err == SW_OK;
}

static void what_was_made_opens(void **state)
{
	char text[SW_COOKIE_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		sw_id id = 0;

		sw_cookie_make(text, key, ids[i]);
		assert_int_equal(sw_cookie_open(sw_str_of(text), key, &id), 0);
		assert_true(id == ids[i]);
		/* It stands in a URI parameter as it is. */
		assert_int_equal(strspn(text, alphabet), strlen(text));
		assert_true(strlen(text) < SW_COOKIE_TEXT);
	}
}

static void the_same_call_has_the_same_cookie(void **state)
{
	char a[SW_COOKIE_TEXT], b[SW_COOKIE_TEXT];

	(void)state;
	sw_cookie_make(a, key, 7);
	sw_cookie_make(b, key, 7);
	assert_string_equal(a, b);
	sw_cookie_make(b, key, 8);
	assert_string_not_equal(a, b);
}

static void any_other_letter_anywhere_does_not_verify(void **state)
{
	char text[SW_COOKIE_TEXT];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		sw_cookie_make(text, key, ids[i]);
		n = strlen(text);
		for (size_t at = 0; at < n; at++) {
			char was = text[at];

			for (const char *c = alphabet; *c; c++) {
				if (*c == was)
					continue;
				text[at] = *c;
				assert_false(opens(text, n, key));
			}
			text[at] = was;
		}
		assert_true(opens(text, n, key));
	}
}

static void other_bytes_do_not_verify(void **state)
{
	char text[SW_COOKIE_TEXT];
	size_t n;

	(void)state;
	sw_cookie_make(text, key, 7);
	n = strlen(text);
	for (size_t at = 0; at < n; at++) {
		char was = text[at];

		for (int c = 0; c < 256; c++) {
			text[at] = (char)c;
			assert_true(opens(text, n, key) == ((char)c == was));
		}
		text[at] = was;
	}
}

static void another_key_does_not_verify(void **state)
{
	char text[SW_COOKIE_TEXT];
	uint8_t other[SW_COOKIE_KEY];

	(void)state;
	sw_cookie_make(text, key, 7);
	for (size_t at = 0; at < SW_COOKIE_KEY; at++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(other, key, sizeof(other));
			other[at] ^= (uint8_t)(1 << bit);
			assert_false(opens(text, strlen(text), other));
		}
}

static void other_lengths_do_not_verify(void **state)
{
	char text[2 * SW_COOKIE_TEXT];
	size_t n;

	(void)state;
	sw_cookie_make(text, key, 7);
	n = strlen(text);
	for (size_t len = 0; len < n; len++)
		assert_false(opens(text, len, key));
	for (const char *c = alphabet; *c; c++) {
		text[n] = *c;
		assert_false(opens(text, n + 1, key));
	}
	text[n] = '=';
	assert_false(opens(text, n + 1, key));
	memmove(text + n, text, n);
	assert_false(opens(text, 2 * n, key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_made_opens),
		cmocka_unit_test(the_same_call_has_the_same_cookie),
		cmocka_unit_test(any_other_letter_anywhere_does_not_verify),
		cmocka_unit_test(other_bytes_do_not_verify),
		cmocka_unit_test(another_key_does_not_verify),
		cmocka_unit_test(other_lengths_do_not_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
