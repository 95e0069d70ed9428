/* SPDX-License-Identifier: Apache-2.0 */
/* RDATA of the types pre-flight reads by itself: what is whole, what is cut, what is wrong with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "dns/record.h"

#define BYTES(s) (const uint8_t *)(s), sizeof(s) - 1

static void a_caa_record_has_a_flag_a_tag_and_a_value(void **state)
{
	struct sw_caa caa;
	char issuer[SW_DNS_NAME_MAX];

	(void)state;
	assert_int_equal(sw_record_caa(&caa, BYTES("\x80\x05Issueca.example")), SW_OK);
	assert_true(caa.critical);
	assert_string_equal(caa.tag, "issue");
	assert_int_equal(sw_caa_issuer(issuer, &caa), SW_OK);
	assert_string_equal(issuer, "ca.example");
	assert_int_equal(sw_record_caa(&caa, BYTES("\0\5issue")), SW_OK);
	assert_false(caa.critical);
	assert_int_equal(sw_caa_issuer(issuer, &caa), SW_OK);
	assert_string_equal(issuer, "");
	assert_int_equal(sw_record_caa(&caa, BYTES("\0\0ca.example")), SW_EPARSE);
	assert_int_equal(sw_record_caa(&caa, BYTES("\0\6issue")), SW_EPARSE);
	assert_int_equal(sw_record_caa(&caa, BYTES("\0\5iss e;")), SW_EPARSE);
	assert_int_equal(sw_record_caa(&caa, BYTES("\0")), SW_EPARSE);
}

static void an_issuer_ends_at_its_parameters(void **state)
{
	static const struct {
		const char *value, *issuer;   /* NULL: none */
	} rows[] = {
		{ "ca.example; account=230123", "ca.example" }, { " CA.Example ", "ca.example" }, { ";", "" },     { "", "" },
		{ "%%%%%", NULL },                              { "ca example", NULL },           { "ca.example.", NULL },
	};
	char issuer[SW_DNS_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sw_caa caa = { .value = (const uint8_t *)rows[i].value, .len = strlen(rows[i].value) };

		assert_int_equal(sw_caa_issuer(issuer, &caa), rows[i].issuer ? SW_OK : SW_EPARSE);
		if (rows[i].issuer)
			assert_string_equal(issuer, rows[i].issuer);
	}
}

static void a_tlsa_record_is_as_long_as_its_digest(void **state)
{
	static const struct {
		uint8_t usage, selector, matching;
		size_t len;
		bool good;
	} rows[] = { { 3, 1, 1, 32, true }, { 2, 0, 2, 64, true },  { 3, 1, 1, 31, false }, { 3, 1, 2, 32, false }, { 4, 1, 1, 32, false },
		     { 3, 2, 1, 32, false }, { 3, 1, 3, 32, false }, { 3, 0, 0, 500, true }, { 3, 0, 0, 3, false } };
	uint8_t rdata[512] = { 0 };
	struct sw_tlsa t;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rdata[0] = rows[i].usage;
		rdata[1] = rows[i].selector;
		rdata[2] = rows[i].matching;
		assert_int_equal(sw_record_tlsa(&t, rdata, rows[i].len + 3), SW_OK);
		assert_true((sw_tlsa_fault(&t) == NULL) == rows[i].good);
	}
	assert_int_equal(sw_record_tlsa(&t, rdata, 2), SW_EPARSE);
}

static void records_that_are_cut_are_none(void **state)
{
	static const uint8_t soa[] = "\2ns\1a\0\5a.b c\1a\0\0\0\0\7\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
	static const uint8_t srv[] = "\0\1\0\2\x13\xc6\2e1\1a\0";
	static const uint8_t naptr[] = "\0\1\0\2\1s\x08SIPS+D2T\0\1x\1a\0";
	struct sw_soa s;
	struct sw_dns_rr r;
	struct sw_addr a;
	char name[SW_DNS_NAME_MAX];

	(void)state;
	assert_int_equal(sw_record_soa(&s, soa, sizeof(soa) - 1), SW_OK);
	assert_string_equal(s.primary, "ns.a");
	assert_int_equal(s.serial, 7);
	assert_int_equal(sw_record_srv(&r, srv, sizeof(srv) - 1), SW_OK);
	assert_int_equal(r.srv.port, 5062);
	assert_string_equal(r.srv.target, "e1.a");
	assert_int_equal(sw_record_naptr(&r, naptr, sizeof(naptr) - 1), SW_OK);
	assert_string_equal(r.naptr.service, "SIPS+D2T");
	assert_string_equal(r.naptr.replacement, "x.a");
	for (size_t n = 0; n < sizeof(soa) - 1; n++)
		assert_int_equal(sw_record_soa(&s, soa, n), SW_EPARSE);
	for (size_t n = 0; n < sizeof(srv) - 1; n++)
		assert_int_equal(sw_record_srv(&r, srv, n), SW_EPARSE);
	for (size_t n = 0; n < sizeof(naptr) - 1; n++)
		assert_int_equal(sw_record_naptr(&r, naptr, n), SW_EPARSE);
	assert_int_equal(sw_record_srv(&r, srv, sizeof(srv)), SW_EPARSE);
	assert_int_equal(sw_record_addr(&a, SW_DNS_A, srv, 5), SW_EPARSE);
	assert_int_equal(sw_record_name(name, BYTES("\xc0\x0c")), SW_EPARSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_caa_record_has_a_flag_a_tag_and_a_value),
		cmocka_unit_test(an_issuer_ends_at_its_parameters),
		cmocka_unit_test(a_tlsa_record_is_as_long_as_its_digest),
		cmocka_unit_test(records_that_are_cut_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
