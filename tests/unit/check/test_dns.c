/* SPDX-License-Identifier: Apache-2.0 */
/* SRV sets and NAPTR records, judged by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "check/dns.h"

static struct sw_srv_faults judge(const struct sw_srv_target *v, size_t n)
{
	struct sw_srv_faults f;

	sw_srv_judge(&f, v, n);
	return f;
}

static void weights_matter_within_a_priority_alone(void **state)
{
	const struct sw_srv_target none[] = { { 10, 0, 5061, "a", 0 }, { 10, 0, 5061, "b", 0 } };
	const struct sw_srv_target spare[] = { { 10, 10, 5061, "a", 0 }, { 20, 0, 5061, "b", 0 } };
	const struct sw_srv_target starved[] = { { 10, 10, 5061, "a", 0 }, { 10, 0, 5061, "b", 0 } };

	(void)state;
	assert_string_equal(judge(none, 2).weight, "");
	assert_string_equal(judge(spare, 2).weight, "");
	assert_non_null(strstr(judge(starved, 2).weight, "b has weight 0"));
}

static void the_same_host_on_another_port_is_no_duplicate(void **state)
{
	struct sw_srv_target v[] = { { 10, 10, 5061, "a", 0 }, { 20, 10, 5062, "a", 0 }, { 30, 10, 5061, "b", 0 } };

	(void)state;
	assert_string_equal(judge(v, 3).duplicate, "");
	v[1].port = 5061;
	assert_non_null(strstr(judge(v, 3).duplicate, "a:5061"));
}

static void a_dot_and_port_0_are_told_apart(void **state)
{
	const struct sw_srv_target dot[] = { { 0, 0, 0, "", 0 } }, zero[] = { { 0, 0, 0, "a", 0 } };

	(void)state;
	assert_true(judge(dot, 1).absent[0] && !judge(dot, 1).port[0]);
	assert_true(judge(zero, 1).port[0] && !judge(zero, 1).absent[0]);
}

static void naptr_of_sip_leads_to_srv_within_the_domain(void **state)
{
	static const struct {
		struct sw_dns_rr r;
		bool good;
	} rows[] = {
		{ { .naptr = { 1, 1, "s", "SIPS+D2T", "", "_sips._tcp.a.test" } }, true },
		{ { .naptr = { 1, 1, "S", "sip+d2u", "", "_sip._udp.a.test" } }, true },
		{ { .naptr = { 1, 1, "u", "E2U+sip", "!x!y!", "" } }, true },   /* ENUM's: not looked at */
		{ { .naptr = { 1, 1, "a", "SIPS+D2T", "", "e1.a.test" } }, false },
		{ { .naptr = { 1, 1, "s", "SIPS+D2T", "!x!y!", "" } }, false },
		{ { .naptr = { 1, 1, "s", "SIPS+D2T", "", "" } }, false },
		{ { .naptr = { 1, 1, "s", "SIPS+D2TT", "", "_sips._tcp.a.test" } }, false },
		{ { .naptr = { 1, 1, "s", "SIPS+D2T", "", "_sips._tcp.b.test" } }, false },
		{ { .naptr = { 1, 1, "s", "SIPS+D2T", "", "_sips._tcp.xa.test" } }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true((sw_naptr_fault(&rows[i].r, "a.test") == NULL) == rows[i].good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_matter_within_a_priority_alone),
		cmocka_unit_test(the_same_host_on_another_port_is_no_duplicate),
		cmocka_unit_test(a_dot_and_port_0_are_told_apart),
		cmocka_unit_test(naptr_of_sip_leads_to_srv_within_the_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
