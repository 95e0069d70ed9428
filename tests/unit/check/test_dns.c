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

static struct sw_caa caa(const char *tag, const char *value, bool critical)
{
	struct sw_caa c = { .critical = critical, .value = (const uint8_t *)value, .len = strlen(value) };

	strcpy(c.tag, tag);
	return c;
}

static void caa_names_who_may_issue(void **state)
{
	const struct sw_caa ours[] = { caa("issue", "other.example", false), caa("issue", "ca.example; x=y", false) };
	const struct sw_caa nobody[] = { caa("issue", ";", false) }, broken[] = { caa("issue", "%%%", false) };
	const struct sw_caa contact[] = { caa("iodef", "mailto:a@b", true) }, critical[] = { caa("issue", "ca.example", false), caa("new", "", true) };
	const struct sw_caa wild[] = { caa("issue", "ca.example", false), caa("issuewild", ";", false) };
	const char *known = "www.ca.example ca.example";

	(void)state;
	assert_int_equal(sw_caa_judge(NULL, 0, false, NULL), SW_CAA_ALLOWED);
	assert_int_equal(sw_caa_judge(ours, 2, false, known), SW_CAA_ALLOWED);
	assert_int_equal(sw_caa_judge(ours, 1, false, known), SW_CAA_FORBIDDEN);
	assert_int_equal(sw_caa_judge(ours, 2, false, "a.example"), SW_CAA_FORBIDDEN);   /* no part of a domain will do */
	assert_int_equal(sw_caa_judge(ours, 2, false, NULL), SW_CAA_CA_UNKNOWN);
	assert_int_equal(sw_caa_judge(nobody, 1, false, NULL), SW_CAA_FORBIDDEN);
	assert_int_equal(sw_caa_judge(broken, 1, false, known), SW_CAA_FORBIDDEN);
	assert_int_equal(sw_caa_judge(contact, 1, false, known), SW_CAA_ALLOWED);
	assert_int_equal(sw_caa_judge(critical, 2, false, known), SW_CAA_CRITICAL);
	assert_int_equal(sw_caa_judge(wild, 2, false, known), SW_CAA_ALLOWED);
	assert_int_equal(sw_caa_judge(wild, 2, true, known), SW_CAA_FORBIDDEN);
	assert_int_equal(sw_caa_judge(ours, 2, true, known), SW_CAA_ALLOWED);   /* without issuewild, issue is for both */
	assert_non_null(sw_caa_domains("C=US, O=Let's Encrypt, CN=R11"));
	assert_null(sw_caa_domains("CN=Lab Intermediate CA"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_matter_within_a_priority_alone),
		cmocka_unit_test(the_same_host_on_another_port_is_no_duplicate),
		cmocka_unit_test(a_dot_and_port_0_are_told_apart),
		cmocka_unit_test(naptr_of_sip_leads_to_srv_within_the_domain),
		cmocka_unit_test(caa_names_who_may_issue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
