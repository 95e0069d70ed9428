/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/date.h"

static void times_are_rfc3339(void **state)
{
	static const struct { int64_t t; const char *time, *day; } rows[] = {
		{ 0, "1970-01-01T00:00:00Z", "1970-01-01" },   { 1805068800, "2027-03-15T00:00:00Z", "2027-03-15" },
		{ 951782399, "2000-02-28T23:59:59Z", "2000-02-28" }, { -1, "1969-12-31T23:59:59Z", "1969-12-31" },
		{ 253402300799, "9999-12-31T23:59:59Z", "9999-12-31" }, { 253402300800, "?", "?" },
		{ INT64_MAX, "?", "?" },                         { INT64_MIN, "?", "?" },
	};
	char text[SW_DATE_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(sw_date_time(rows[i].t, text), rows[i].time);
		assert_string_equal(sw_date_day(rows[i].t, text), rows[i].day);
	}
	assert_string_equal(sw_date_or_never(0, text), "never");
	assert_string_equal(sw_date_or_never(1805068800, text), "2027-03-15T00:00:00Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(times_are_rfc3339) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
