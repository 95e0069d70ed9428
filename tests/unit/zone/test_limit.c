/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets and per-source counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "zone/limit.h"

static unsigned take(struct sw_bucket *b, uint32_t rate, uint64_t now, unsigned tries)
{
	unsigned n = 0;

	while (tries--)
		n += sw_bucket_take(b, rate, now);
	return n;
}

static void a_bucket_gives_its_rate(void **state)
{
	struct sw_bucket b = { 0 };
	unsigned n = 0;

	(void)state;
	assert_int_equal(take(&b, 10, 5000, 100), 10);        /* the burst */
	assert_int_equal(take(&b, 10, 5050, 100), 0);
	assert_int_equal(take(&b, 10, 5100, 100), 1);
	assert_int_equal(take(&b, 10, 60000, 100), 10);       /* no more than a burst, however long it rested */
	for (uint64_t now = 60000; now <= 70000; now += 7)
		n += take(&b, 10, now, 3);
	assert_in_range(n, 99, 100);
}

static void rates_at_the_edges(void **state)
{
	struct sw_bucket none = { 0 }, one = { 0 }, zero = { 0 }, back = { 0 };

	(void)state;
	assert_int_equal(take(&none, 0, 1, 1000), 1000);
	assert_int_equal(take(&one, 1, 1, 10), 1);
	assert_int_equal(take(&one, 1, 1000, 10), 0);
	assert_int_equal(take(&one, 1, 1001, 10), 1);
	/* time 0 is a time like any other */
	assert_int_equal(take(&zero, 5, 0, 100), 5);
	/* a clock that steps back gives nothing, now or later */
	assert_int_equal(take(&back, 5, 10000, 100), 5);
	assert_int_equal(take(&back, 5, 0, 100), 0);
	assert_int_equal(take(&back, 5, 10000, 100), 0);
}

static struct sw_addr addr(const char *text)
{
	struct sw_addr a;

	assert_int_equal(sw_addr_parse(&a, sw_str_of(text), 1), 0);
	return a;
}

static void sources_are_limited_each(void **state)
{
	struct sw_addr a = addr("192.0.2.1"), mapped = addr("::ffff:192.0.2.1"), b = addr("192.0.2.2");
	struct sw_addr v6 = addr("2001:db8:0:1::1"), same64 = addr("2001:db8:0:1:ffff::2"), other64 = addr("2001:db8:0:2::1");
	struct sw_sources *s;

	(void)state;
	assert_int_equal(sw_sources_new(&s, 100), 0);
	assert_true(sw_sources_add(s, &a, 2));
	sw_addr_set_port(&a, 2);
	assert_true(sw_sources_add(s, &a, 2));
	assert_false(sw_sources_add(s, &a, 2));
	assert_false(sw_sources_add(s, &mapped, 2));
	assert_true(sw_sources_add(s, &b, 2));
	assert_true(sw_sources_add(s, &a, 0));                /* no limit */
	sw_sources_del(s, &a);
	sw_sources_del(s, &mapped);
	assert_true(sw_sources_add(s, &a, 2));
	assert_true(sw_sources_add(s, &v6, 1));
	assert_false(sw_sources_add(s, &same64, 1));
	assert_true(sw_sources_add(s, &other64, 1));
	sw_sources_free(s);
	sw_sources_free(NULL);
}

static void the_number_of_sources_is_bounded(void **state)
{
	struct sw_addr a[4] = { addr("192.0.2.1"), addr("192.0.2.2"), addr("2001:db8::1"), addr("192.0.2.4") };
	struct sw_addr none = { 0 };
	struct sw_sources *s;

	(void)state;
	assert_int_equal(sw_sources_new(&s, 3), 0);
	for (size_t i = 0; i < 3; i++)
		assert_true(sw_sources_add(s, &a[i], 1));
	assert_false(sw_sources_add(s, &a[3], 1));
	sw_sources_del(s, &a[3]);                             /* not held: nothing happens */
	assert_false(sw_sources_add(s, &a[3], 1));
	sw_sources_del(s, &a[2]);
	assert_true(sw_sources_add(s, &a[3], 1));
	assert_false(sw_sources_add(s, &none, 0));
	sw_sources_del(s, &none);
	sw_sources_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_gives_its_rate),
		cmocka_unit_test(rates_at_the_edges),
		cmocka_unit_test(sources_are_limited_each),
		cmocka_unit_test(the_number_of_sources_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
