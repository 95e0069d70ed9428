/* SPDX-License-Identifier: Apache-2.0 */
#include "core/reason.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *id;
	int status;
	const char *text;
	const char *fix;
} reasons[SW_REASON_COUNT] = {
#define SW_REASON(sym, rid, rstatus, rtext, rfix) [SW_R_##sym] = { rid, rstatus, rtext, rfix },
#include "core/reason.def"
#undef SW_REASON
};

static atomic_ulong counts[SW_REASON_COUNT];

/* A value from elsewhere (a corrupt message of another process) must not index outside the table. */
static size_t index_of(enum sw_reason r)
{
	return (unsigned)r < SW_REASON_COUNT ? (size_t)r : (size_t)SW_R_DENY;
}

const char *sw_reason_id(enum sw_reason r)
{
	return reasons[index_of(r)].id;
}

const char *sw_reason_text(enum sw_reason r)
{
	return reasons[index_of(r)].text;
}

const char *sw_reason_fix(enum sw_reason r)
{
	return reasons[index_of(r)].fix;
}

int sw_reason_status(enum sw_reason r)
{
	return reasons[index_of(r)].status;
}

int sw_reason_by_id(const char *id, enum sw_reason *out)
{
	for (size_t i = 0; i < SW_REASON_COUNT; i++)
		if (!strcmp(reasons[i].id, id)) {
			*out = (enum sw_reason)i;
			return SW_OK;
		}
	return SW_ENOTFOUND;
}

struct sw_verdict sw_verdict_make(enum sw_reason r, const char *fmt, ...)
{
	struct sw_verdict v = { .reason = r };

	if (fmt) {
		va_list ap;

		va_start(ap, fmt);
		vsnprintf(v.detail, sizeof(v.detail), fmt, ap);
		va_end(ap);
	}
	return v;
}

void sw_reason_count(enum sw_reason r)
{
	atomic_fetch_add_explicit(&counts[index_of(r)], 1, memory_order_relaxed);
}

unsigned long sw_reason_counted(enum sw_reason r)
{
	return atomic_load_explicit(&counts[index_of(r)], memory_order_relaxed);
}
