/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One line per fact, in logfmt, on standard error:
 *   ts=2026-01-02T03:04:05.678Z level=info event=conn.admitted conn=... zone=...
 * Values are escaped here and nowhere else, so bytes of a peer may be passed
 * as they are. Never pass keys, tokens or SDP key material.
 * A whole story is found by its conn= or call=.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/str.h"
#include "core/reason.h"

enum sw_log_level { SW_LOG_ERROR, SW_LOG_WARN, SW_LOG_INFO, SW_LOG_DEBUG, SW_LOG_TRACE };

struct sw_field {
	const char *key;
	enum { SW_FIELD_STR, SW_FIELD_INT, SW_FIELD_UINT, SW_FIELD_ID, SW_FIELD_NONE } type;
	union {
		struct sw_str s;
		int64_t i;
		uint64_t u;
	};
};

/* Field makers. A NULL string, and SW_FIELD_NONE, are left out of the line. */
#define SW_S(k, v)   ((struct sw_field){ .key = (k), .type = SW_FIELD_STR, .s = sw_str_of(v) })
#define SW_SL(k, v)  ((struct sw_field){ .key = (k), .type = SW_FIELD_STR, .s = (v) })
#define SW_I(k, v)   ((struct sw_field){ .key = (k), .type = SW_FIELD_INT, .i = (int64_t)(v) })
#define SW_U(k, v)   ((struct sw_field){ .key = (k), .type = SW_FIELD_UINT, .u = (uint64_t)(v) })
#define SW_ID(k, v)  ((struct sw_field){ .key = (k), .type = SW_FIELD_ID, .u = (v) })   /* sw_id, as 16 hex digits; 0 is left out */
#define SW_REASON_F(r) SW_S("reason", sw_reason_id(r))

#define sw_log(level, event, ...) \
	do { \
		if (sw_log_wants(level)) \
			sw_log_fields((level), (event), (const struct sw_field[]){ __VA_ARGS__ __VA_OPT__(,) \
				{ .type = SW_FIELD_NONE } }, \
				sizeof((const struct sw_field[]){ __VA_ARGS__ __VA_OPT__(,) { .type = SW_FIELD_NONE } }) / sizeof(struct sw_field)); \
	} while (0)

void sw_log_init(const char *process, enum sw_log_level level);  /* process: "supervisor", "edge", "media", or NULL (no proc=) */
void sw_log_set_level(enum sw_log_level level);
bool sw_log_wants(enum sw_log_level level);
const char *sw_log_level_name(enum sw_log_level level);
int sw_log_level_by_name(const char *name, enum sw_log_level *out) SW_MUSTCHECK;
void sw_log_fields(enum sw_log_level level, const char *event, const struct sw_field *f, size_t n);
