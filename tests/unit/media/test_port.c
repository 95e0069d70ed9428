/* SPDX-License-Identifier: Apache-2.0 */
/* The port pairs of an address: order, quarantine, busy ports, exhaustion. The clock is ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "media/port.h"

enum { QUARANTINE = 60000 };

static void pairs_are_even_and_in_range(void **state)
{
	struct sw_ports p;
	bool seen[10] = { false };
	uint16_t port;

	(void)state;
	/* 40001..40020: 40002..40019 remain */
	assert_int_equal(sw_ports_init(&p, 40001, 40020, QUARANTINE), 0);
	assert_int_equal(p.total, 9);
	for (int i = 0; i < 9; i++) {
		assert_int_equal(sw_ports_take(&p, 1, &port), 0);
		assert_int_equal(port % 2, 0);
		assert_in_range(port, 40002, 40018);
		assert_false(seen[(port - 40002) / 2]);
		seen[(port - 40002) / 2] = true;
	}
	assert_int_equal(sw_ports_take(&p, 1, &port), SW_ELIMIT);
	assert_int_equal(sw_ports_count(&p, 1, SW_PORT_TAKEN), 9);
	sw_ports_free(&p);
	assert_int_equal(sw_ports_init(&p, 40000, 40000, QUARANTINE), SW_EINVALID);
	assert_int_equal(sw_ports_init(&p, 40001, 40002, QUARANTINE), SW_EINVALID);
	assert_int_equal(sw_ports_init(&p, 0, 100, QUARANTINE), SW_EINVALID);
	assert_int_equal(sw_ports_init(&p, 65534, 65535, QUARANTINE), 0);
	assert_int_equal(sw_ports_take(&p, 1, &port), 0);
	assert_int_equal(port, 65534);
	sw_ports_free(&p);
}

static void the_order_differs_from_run_to_run(void **state)
{
	uint16_t a[64], b[64];
	struct sw_ports p;

	(void)state;
	assert_int_equal(sw_ports_init(&p, 40000, 59999, QUARANTINE), 0);
	for (int i = 0; i < 64; i++)
		assert_int_equal(sw_ports_take(&p, 1, &a[i]), 0);
	sw_ports_free(&p);
	assert_int_equal(sw_ports_init(&p, 40000, 59999, QUARANTINE), 0);
	for (int i = 0; i < 64; i++)
		assert_int_equal(sw_ports_take(&p, 1, &b[i]), 0);
	sw_ports_free(&p);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void a_released_port_rests_for_the_quarantine(void **state)
{
	struct sw_ports p;
	uint16_t port, again;

	(void)state;
	assert_int_equal(sw_ports_init(&p, 40000, 40001, QUARANTINE), 0);
	assert_int_equal(sw_ports_take(&p, 1000, &port), 0);
	sw_ports_release(&p, 5000, port);
	assert_int_equal(sw_ports_count(&p, 5000, SW_PORT_QUARANTINED), 1);
	assert_int_equal(sw_ports_take(&p, 5000 + QUARANTINE - 1, &again), SW_ELIMIT);
	assert_int_equal(sw_ports_take_this(&p, 5000 + QUARANTINE - 1, port), SW_ELIMIT);
	assert_int_equal(sw_ports_take(&p, 5000 + QUARANTINE, &again), 0);
	assert_int_equal(again, port);
	/* releasing what isn't taken, twice, or isn't ours, does nothing */
	sw_ports_release(&p, 70000, port);
	sw_ports_release(&p, 70000, port);
	sw_ports_release(&p, 70000, 40001);
	sw_ports_release(&p, 70000, 4);
	assert_int_equal(sw_ports_count(&p, 70000, SW_PORT_QUARANTINED), 1);
	sw_ports_free(&p);
}

static void a_busy_port_is_tried_again_after_a_minute(void **state)
{
	struct sw_ports p;
	uint16_t first, second, third;

	(void)state;
	assert_int_equal(sw_ports_init(&p, 40000, 40003, QUARANTINE), 0);
	assert_int_equal(sw_ports_take(&p, 1, &first), 0);
	sw_ports_busy(&p, 1, first);
	assert_int_equal(sw_ports_take(&p, 1, &second), 0);
	assert_int_not_equal(first, second);
	assert_int_equal(sw_ports_take(&p, SW_PORTS_BUSY_MS, &third), SW_ELIMIT);
	assert_int_equal(sw_ports_take(&p, SW_PORTS_BUSY_MS + 1, &third), 0);
	assert_int_equal(third, first);
	sw_ports_free(&p);
}

static void the_longest_free_goes_first(void **state)
{
	enum { N = 8 };
	uint16_t order[N], port;
	struct sw_ports p;

	(void)state;
	assert_int_equal(sw_ports_init(&p, 40000, 40000 + 2 * N - 1, 10), 0);
	for (int i = 0; i < N; i++)
		assert_int_equal(sw_ports_take(&p, 1, &order[i]), 0);
	for (int i = N; i-- > 0;)
		sw_ports_release(&p, 100 + (uint64_t)(N - i), order[i]);
	for (int i = N; i-- > 0;) {
		assert_int_equal(sw_ports_take(&p, 1000, &port), 0);
		assert_int_equal(port, order[i]);
	}
	sw_ports_untake(&p, order[3]);
	assert_int_equal(sw_ports_take(&p, 1000, &port), 0);
	assert_int_equal(port, order[3]);
	sw_ports_free(&p);
}

static void one_port_can_be_asked_for(void **state)
{
	struct sw_ports p;
	uint16_t port;

	(void)state;
	assert_int_equal(sw_ports_init(&p, 40000, 40009, QUARANTINE), 0);
	assert_int_equal(sw_ports_take_this(&p, 1, 40004), 0);
	assert_int_equal(sw_ports_take_this(&p, 1, 40004), SW_ELIMIT);
	assert_int_equal(sw_ports_take_this(&p, 1, 40005), SW_EINVALID);
	assert_int_equal(sw_ports_take_this(&p, 1, 40010), SW_EINVALID);
	assert_int_equal(sw_ports_take_this(&p, 1, 39998), SW_EINVALID);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(sw_ports_take(&p, 1, &port), 0);
		assert_int_not_equal(port, 40004);
	}
	assert_int_equal(sw_ports_take(&p, 1, &port), SW_ELIMIT);
	sw_ports_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_even_and_in_range),
		cmocka_unit_test(the_order_differs_from_run_to_run),
		cmocka_unit_test(a_released_port_rests_for_the_quarantine),
		cmocka_unit_test(a_busy_port_is_tried_again_after_a_minute),
		cmocka_unit_test(the_longest_free_goes_first),
		cmocka_unit_test(one_port_can_be_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
