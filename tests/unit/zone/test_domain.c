/* SPDX-License-Identifier: Apache-2.0 */
/* Domain names as they are compared (acceptance 7, 8). */
#include "world.h"

static void names_have_one_form(void **state)
{
	static const struct { const char *in, *out; } table[] = {
		{ "example.com", "example.com" },
		{ "EXAMPLE.Com", "example.com" },
		{ "example.com.", "example.com" },
		{ "localhost", "localhost" },
		{ "a-b.example", "a-b.example" },
		{ "_sip.example", "_sip.example" },
		{ "4com.example", "4com.example" },
		{ "192.0.2.1.example", "192.0.2.1.example" },
		/* IDNA2008: the sharp s is a letter of its own */
		{ "b\xc3\xbc" "cher.example", "xn--bcher-kva.example" },
		{ "B\xc3\x9c" "CHER.Example", "xn--bcher-kva.example" },
		{ "fa\xc3\x9f.example", "xn--fa-hia.example" },
		{ "XN--BCHER-KVA.example", "xn--bcher-kva.example" },
		{ "\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "xn--r8jz45g.xn--zckzah" },
	};
	char name[256];

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		if (sw_domain_normalize(name, sw_str_of(table[i].in)) != SW_OK)
			fail_msg("%s is refused", table[i].in);
		assert_string_equal(name, table[i].out);
	}
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const table[] = {
		"",
		".",
		"..",
		".example.com",
		"a..b",
		"example.com..",
		"*.example.com",
		"exa mple.com",
		"a@b.example",
		"a/b",
		"a:5061",
		"-a.example",
		"a-.example",
		"192.0.2.1",
		"1",
		"example.1",
		"2001:db8::1",
		"[::1]",
		"\xef\xbc\x8a.example.com", /* a full-width '*' */
		"\xef\xbc\x91.2.3.4",       /* a full-width digit: 1.2.3.4 */
		"\xff\xfe.example",
		"a\xc2\xa0"
		"b.example",
		"\xe3\x80\x82"
		"example.com",
		"\xe2\x84\x80.example",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", /* 64 */
	};
	char name[256];

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		if (sw_domain_normalize(name, sw_str_of(table[i])) != SW_EPARSE)
			fail_msg("\"%s\" is taken as %s", table[i], name);
	assert_int_equal(sw_domain_normalize(name, SW_STR("a\0b.example")), SW_EPARSE);
	assert_int_equal(sw_domain_normalize(name, SW_STR("\xc3\xbc\0.example")), SW_EPARSE);
	assert_int_equal(sw_domain_normalize(name, (struct sw_str){ NULL, 0 }), SW_EPARSE);
}

static void length_is_bounded(void **state)
{
	static char big[100000];
	char name[256], text[256] = "";

	(void)state;
	for (int i = 0; i < 126; i++)
		strcat(text, "a.");
	strcat(text, "b");                       /* 253 */
	assert_int_equal(sw_domain_normalize(name, sw_str_of(text)), SW_OK);
	strcat(text, "b");
	assert_int_equal(sw_domain_normalize(name, sw_str_of(text)), SW_EPARSE);
	memset(big, 'a', sizeof(big));
	assert_int_equal(sw_domain_normalize(name, (struct sw_str){ big, sizeof(big) }), SW_EPARSE);
	for (size_t i = 0; i + 1 < sizeof(big); i += 2)
		memcpy(big + i, "\xc3\xbc", 2);
	assert_int_equal(sw_domain_normalize(name, (struct sw_str){ big, sizeof(big) }), SW_EPARSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_have_one_form),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(length_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
