/* SPDX-License-Identifier: Apache-2.0 */
#include "core/date.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

static const char *as(int64_t t, const char *unreachable, char dst[SW_DATE_LEN], bool day)
{
	time_t at = (time_t)t;
	struct tm tm;

	/* A year of five digits and more is none of RFC 3339's. */
	if (!gmtime_r(&at, &tm) || tm.tm_year > 9999 - 1900 || tm.tm_year < -1900 ||
	    !(day ? strftime(dst, SW_DATE_LEN, "%Y-%m-%d", &tm) : strftime(dst, SW_DATE_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm)))
		memcpy(dst, unreachable, strlen(unreachable) + 1);
	return dst;
}

const char *sw_date_time(int64_t t, char dst[SW_DATE_LEN])
{
	return as(t, "?", dst, false);
}

const char *sw_date_day(int64_t t, char dst[SW_DATE_LEN])
{
	return as(t, "?", dst, true);
}

const char *sw_date_or_never(int64_t t, char dst[SW_DATE_LEN])
{
	if (t)
		return sw_date_time(t, dst);
	memcpy(dst, "never", sizeof("never"));
	return dst;
}
