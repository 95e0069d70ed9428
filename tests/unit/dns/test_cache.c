/* SPDX-License-Identifier: Apache-2.0 */
/* Answers by name and type over time: expiry, failures and their back-off, stale answers, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "dns/cache.h"

static void put(struct sw_cache *c, const char *name, enum sw_dns_type type, enum sw_dns_outcome outcome, uint32_t ttl,
		uint64_t now)
{
	struct sw_answer *a = sw_answer_failure(outcome, false, "");

	a->a.ttl = ttl;
	sw_cache_put(c, name, type, a, now);
	sw_answer_unref(a);
}

static void test_expires(void **state)
{
	struct sw_cache_hit hit;
	struct sw_cache c;

	(void)state;
	sw_cache_init(&c, 10);
	put(&c, "a.example", SW_DNS_A, SW_DNS_ANSWER, 60, 1000);
	assert_true(sw_cache_get(&c, "a.example", SW_DNS_A, 1000, &hit));
	assert_int_equal(hit.ttl, 60);
	assert_true(sw_cache_get(&c, "a.example", SW_DNS_A, 31000, &hit));
	assert_int_equal(hit.ttl, 30);
	assert_false(hit.stale);
	assert_false(sw_cache_get(&c, "a.example", SW_DNS_AAAA, 1000, &hit));
	assert_false(sw_cache_get(&c, "b.example", SW_DNS_A, 1000, &hit));
	assert_true(sw_cache_get(&c, "a.example", SW_DNS_A, 60999, &hit));
	assert_false(sw_cache_get(&c, "a.example", SW_DNS_A, 61000, &hit));
	sw_cache_free(&c);
}

static void test_failure_backs_off(void **state)
{
	static const uint64_t want[] = { 5000, 10000, 20000, 40000, 80000, 160000, 300000, 300000 };
	struct sw_cache_hit hit;
	struct sw_cache c;
	uint64_t now = 0;

	(void)state;
	sw_cache_init(&c, 10);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		put(&c, "x.example", SW_DNS_A, SW_DNS_SERVFAIL, 0, now);
		assert_true(sw_cache_get(&c, "x.example", SW_DNS_A, now + want[i] - 1, &hit));
		assert_int_equal(hit.answer->a.outcome, SW_DNS_SERVFAIL);
		assert_false(sw_cache_get(&c, "x.example", SW_DNS_A, now + want[i], &hit));
		now += want[i];
	}
	/* nobody could be reached: known again soon */
	put(&c, "x.example", SW_DNS_A, SW_DNS_INDETERMINATE, 0, now);
	assert_false(sw_cache_get(&c, "x.example", SW_DNS_A, now + 30000, &hit));
	/* an answer ends it, and the next failure starts small */
	put(&c, "x.example", SW_DNS_A, SW_DNS_NXDOMAIN, 5, now);
	put(&c, "x.example", SW_DNS_A, SW_DNS_SERVFAIL, 0, now + 5000);
	assert_false(sw_cache_get(&c, "x.example", SW_DNS_A, now + 10000, &hit));
	sw_cache_free(&c);
}

static void test_serves_stale(void **state)
{
	struct sw_cache_hit hit;
	struct sw_cache c;
	uint64_t later = 60000 + SW_CACHE_STALE_MAX;

	(void)state;
	sw_cache_init(&c, 10);
	put(&c, "a.example", SW_DNS_SRV, SW_DNS_ANSWER, 60, 0);
	put(&c, "a.example", SW_DNS_TXT, SW_DNS_ANSWER, 60, 0);
	put(&c, "n.example", SW_DNS_A, SW_DNS_NXDOMAIN, 60, 0);
	/* not while the resolver is well */
	assert_false(sw_cache_get(&c, "a.example", SW_DNS_SRV, 60000, &hit));
	put(&c, "a.example", SW_DNS_SRV, SW_DNS_SERVFAIL, 0, 60000);
	put(&c, "a.example", SW_DNS_TXT, SW_DNS_SERVFAIL, 0, 60000);
	put(&c, "n.example", SW_DNS_A, SW_DNS_SERVFAIL, 0, 60000);
	assert_true(sw_cache_get(&c, "a.example", SW_DNS_SRV, 60001, &hit));
	assert_true(hit.stale);
	assert_int_equal(hit.answer->a.outcome, SW_DNS_ANSWER);
	assert_int_equal(hit.ttl, SW_CACHE_STALE_TTL);
	/* never a proof, never an absence */
	assert_true(sw_cache_get(&c, "a.example", SW_DNS_TXT, 60001, &hit));
	assert_int_equal(hit.answer->a.outcome, SW_DNS_SERVFAIL);
	assert_true(sw_cache_get(&c, "n.example", SW_DNS_A, 60001, &hit));
	assert_int_equal(hit.answer->a.outcome, SW_DNS_SERVFAIL);
	/* an hour and no longer */
	put(&c, "a.example", SW_DNS_SRV, SW_DNS_SERVFAIL, 0, later - 1000);
	assert_true(sw_cache_get(&c, "a.example", SW_DNS_SRV, later - 1, &hit));
	assert_true(hit.stale);
	assert_true(sw_cache_get(&c, "a.example", SW_DNS_SRV, later, &hit));
	assert_false(hit.stale);
	assert_int_equal(hit.answer->a.outcome, SW_DNS_SERVFAIL);
	sw_cache_free(&c);
}

static void test_least_recently_used_goes(void **state)
{
	struct sw_cache_hit hit;
	struct sw_cache c;
	char name[64];

	(void)state;
	sw_cache_init(&c, 10);
	put(&c, "kept.example", SW_DNS_A, SW_DNS_ANSWER, 600, 0);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		put(&c, name, SW_DNS_A, SW_DNS_ANSWER, 600, 0);
		assert_true(sw_cache_get(&c, "kept.example", SW_DNS_A, 1, &hit));
	}
	assert_int_equal(sw_cache_count(&c), 10);
	assert_false(sw_cache_get(&c, "n0.example", SW_DNS_A, 1, &hit));
	sw_cache_free(&c);
}

/* Large answers count by their size, not as one. */
static void test_bytes_are_bounded(void **state)
{
	struct sw_cache c;
	char name[64];

	(void)state;
	sw_cache_init(&c, 100);
	for (int i = 0; i < 100; i++) {
		struct sw_answer *a = sw_answer_failure(SW_DNS_ANSWER, false, "");

		a->a.ttl = 60;
		a->a.rrs = calloc(SW_DNS_RR_MAX, sizeof(*a->a.rrs));
		a->a.n = SW_DNS_RR_MAX;
		snprintf(name, sizeof(name), "n%d.example", i);
		sw_cache_put(&c, name, SW_DNS_A, a, 0);
		sw_answer_unref(a);
	}
	assert_true(c.bytes <= (size_t)101 * SW_CACHE_BYTES_PER_ENTRY);
	assert_true(sw_cache_count(&c) >= 1);
	assert_true(sw_cache_count(&c) < 10);
	sw_cache_free(&c);
	assert_int_equal(c.bytes, 0);
}

static void test_none(void **state)
{
	struct sw_cache_hit hit;
	struct sw_cache c;

	(void)state;
	sw_cache_init(&c, 0);
	put(&c, "a.example", SW_DNS_A, SW_DNS_ANSWER, 60, 0);
	assert_false(sw_cache_get(&c, "a.example", SW_DNS_A, 0, &hit));
	sw_cache_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expires),
		cmocka_unit_test(test_failure_backs_off),
		cmocka_unit_test(test_serves_stale),
		cmocka_unit_test(test_least_recently_used_goes),
		cmocka_unit_test(test_bytes_are_bounded),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
