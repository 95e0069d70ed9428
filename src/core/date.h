/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Times as text, for people and for reports; always UTC. */
#include <stdint.h>

enum { SW_DATE_LEN = 32 };
/* Seconds since 1970 as "2027-03-15T10:20:30Z" (RFC 3339); "?" where no calendar reaches. Returns dst. */
const char *sw_date_time(int64_t t, char dst[SW_DATE_LEN]);
/* The day alone: "2027-03-15". */
const char *sw_date_day(int64_t t, char dst[SW_DATE_LEN]);
/* As sw_date_time; "never" for 0. */
const char *sw_date_or_never(int64_t t, char dst[SW_DATE_LEN]);
