/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 2782: priorities strictly, weights within 3 sigma. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "dns/locate.h"

enum { DRAWS = 10000, N_MAX = 8 };

static uint64_t prng;

/* Seeded, so that a run that passes always passes. Uniform in [0, sum]. */
static uint32_t draw(void *arg, uint32_t sum)
{
	(void)arg;
	prng = prng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((prng >> 32) % ((uint64_t)sum + 1));
}

static bool within_3_sigma(double seen, double mean, double variance)
{
	return (seen - mean) * (seen - mean) <= 9 * variance + 1e-6;
}

static void expect_first(const uint16_t *weights, size_t n)
{
	struct sw_srv_key keys[N_MAX];
	size_t order[N_MAX], hits[N_MAX] = { 0 };
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		keys[i] = (struct sw_srv_key){ 10, weights[i] };
		sum += weights[i];
	}
	prng = 7;
	for (int i = 0; i < DRAWS; i++) {
		sw_srv_order(keys, n, order, draw, NULL);
		hits[order[0]]++;
	}
	/* Of sum + 1 draws, the first entry with running sum >= draw: one value more for the very first. */
	for (size_t i = 0; i < n; i++) {
		double share = (weights[i] + (i == 0)) / (sum + 1), mean = DRAWS * share;

		assert_true(within_3_sigma((double)hits[i], mean, DRAWS * share * (1 - share)));
	}
}

static void test_weights(void **state)
{
	(void)state;
	expect_first((const uint16_t[]){ 10, 10 }, 2);
	expect_first((const uint16_t[]){ 1, 2, 3, 4 }, 4);
	expect_first((const uint16_t[]){ 60, 20, 10, 10 }, 4);
	expect_first((const uint16_t[]){ 0, 9 }, 2);         /* the weightless is drawn, rarely: 1 of 10 */
	expect_first((const uint16_t[]){ 65535, 65535, 1 }, 3);
}

/* After the first is taken out, the rest is drawn by what is left. */
static void test_second_place(void **state)
{
	struct sw_srv_key keys[] = { { 1, 1 }, { 1, 3 }, { 1, 60000 } };
	size_t order[3], second[3] = { 0 }, n = 0;

	(void)state;
	prng = 3;
	for (int i = 0; i < DRAWS; i++) {
		sw_srv_order(keys, 3, order, draw, NULL);
		if (order[0] == 2) {
			second[order[1]]++;
			n++;
		}
	}
	assert_true((double)n > DRAWS * 0.99);
	/* draws 0..4: 0 and 1 take the first, 2..4 the second */
	assert_true(within_3_sigma((double)second[0], 0.4 * (double)n, 0.24 * (double)n));
}

static void test_priority_is_strict(void **state)
{
	struct sw_srv_key keys[] = { { 20, 65535 }, { 10, 0 }, { 30, 65535 }, { 10, 1 }, { 20, 0 } };
	size_t order[5];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		unsigned seen = 0;

		sw_srv_order(keys, 5, order, NULL, NULL);
		for (int k = 0; k < 5; k++) {
			seen |= 1u << order[k];
			if (k > 0)
				assert_true(keys[order[k - 1]].priority <= keys[order[k]].priority);
		}
		assert_int_equal(seen, 31);
	}
}

static void test_all_weightless(void **state)
{
	struct sw_srv_key keys[] = { { 1, 0 }, { 1, 0 }, { 1, 0 } };
	size_t order[3];

	(void)state;
	sw_srv_order(keys, 3, order, draw, NULL);
	assert_int_equal(order[0] + order[1] + order[2], 3);
	sw_srv_order(keys, 0, order, draw, NULL);
	sw_srv_order(keys, 1, order, draw, NULL);
	assert_int_equal(order[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_second_place),
		cmocka_unit_test(test_priority_is_strict),
		cmocka_unit_test(test_all_weightless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
