/* SPDX-License-Identifier: Apache-2.0 */
/* A time server's answer: its arithmetic, and what is no answer (acceptance 97). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "check/ntp.h"

#define ORIGIN 0x0123456789abcdefull

static void put_time(uint8_t *p, double t)
{
	uint32_t s = (uint32_t)(uint64_t)(t + 2208988800.0), f = (uint32_t)((t - (double)(int64_t)t) * 4294967296.0);

	for (int i = 0; i < 4; i++) {
		p[i] = (uint8_t)(s >> (24 - 8 * i));
		p[4 + i] = (uint8_t)(f >> (24 - 8 * i));
	}
}

/* A server of stratum 2 that got the packet at in and answered at out, by its clock. */
static void reply(uint8_t p[SW_NTP_LEN], double in, double out)
{
	uint8_t ask[SW_NTP_LEN];

	sw_ntp_write(ask, ORIGIN);
	memset(p, 0, SW_NTP_LEN);
	p[0] = 4 << 3 | 4;
	p[1] = 2;
	memcpy(p + 24, ask + 40, 8);
	put_time(p + 32, in);
	put_time(p + 40, out);
}

static void the_offset_is_half_the_difference_of_both_ways(void **state)
{
	struct sw_ntp_reply r;
	uint8_t p[SW_NTP_LEN];

	(void)state;
	reply(p, 1000005.1, 1000005.2);
	assert_int_equal(sw_ntp_read(&r, p, sizeof(p), ORIGIN, 1000000.0, 1000000.3), 0);
	assert_true(r.synchronised);
	assert_float_equal(r.offset, 5.0, 0.0001);
	assert_float_equal(r.delay, 0.2, 0.0001);
}

static void a_wrong_origin_is_no_answer(void **state)
{
	struct sw_ntp_reply r;
	uint8_t p[SW_NTP_LEN];

	(void)state;
	reply(p, 1000.0, 1000.0);
	assert_int_equal(sw_ntp_read(&r, p, sizeof(p), ORIGIN + 1, 1000, 1000), SW_EPARSE);
	for (size_t n = 0; n < SW_NTP_LEN; n++)
		assert_int_equal(sw_ntp_read(&r, p, n, ORIGIN, 1000, 1000), SW_EPARSE);
	p[0] = 4 << 3 | 3;   /* a client's packet, reflected */
	assert_int_equal(sw_ntp_read(&r, p, sizeof(p), ORIGIN, 1000, 1000), SW_EPARSE);
}

static void unsynchronised_and_kisses_are_told(void **state)
{
	struct sw_ntp_reply r;
	uint8_t p[SW_NTP_LEN];

	(void)state;
	reply(p, 1000.0, 1000.0);
	p[0] |= 3 << 6;
	assert_int_equal(sw_ntp_read(&r, p, sizeof(p), ORIGIN, 1000, 1000), 0);
	assert_false(r.synchronised);
	reply(p, 1000.0, 1000.0);
	p[1] = 0;
	memcpy(p + 12, "RATE", 4);
	assert_int_equal(sw_ntp_read(&r, p, sizeof(p), ORIGIN, 1000, 1000), 0);
	assert_false(r.synchronised);
	assert_string_equal(r.kiss, "RATE");
	memcpy(p + 12, "\x1b[2J", 4);   /* no kiss: nothing of it is told */
	assert_int_equal(sw_ntp_read(&r, p, sizeof(p), ORIGIN, 1000, 1000), 0);
	assert_string_equal(r.kiss, "");
	p[1] = 16;
	assert_int_equal(sw_ntp_read(&r, p, sizeof(p), ORIGIN, 1000, 1000), 0);
	assert_false(r.synchronised);
}

static void the_next_era_is_no_cliff(void **state)
{
	struct sw_ntp_reply r;
	uint8_t p[SW_NTP_LEN];
	double now = 2208988800.0;   /* 2040-01-01: the 32 bits have wrapped */

	(void)state;
	reply(p, now + 1, now + 1);
	assert_int_equal(sw_ntp_read(&r, p, sizeof(p), ORIGIN, now, now), 0);
	assert_float_equal(r.offset, 1.0, 0.001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_offset_is_half_the_difference_of_both_ways),
		cmocka_unit_test(a_wrong_origin_is_no_answer),
		cmocka_unit_test(unsynchronised_and_kisses_are_told),
		cmocka_unit_test(the_next_era_is_no_cliff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
