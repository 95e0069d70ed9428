/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The one list of reasons (reason.def). Every refusal, anywhere, is one of
 * them: it feeds the log's reason=, the counters, the SIP status and Warning,
 * the operator's command and docs/reasons.md. Ids are API: never renamed.
 *
 * A zero-initialised verdict denies.
 */
#include <stdbool.h>
#include "core/error.h"

enum sw_reason {
#define SW_REASON(sym, id, status, text, fix) SW_R_##sym,
#include "core/reason.def"
#undef SW_REASON
	SW_REASON_COUNT
};

struct sw_verdict {
	enum sw_reason reason;  /* SW_R_DENY (0) until somebody decided */
	char detail[240];       /* what was seen; peer bytes allowed: the logger escapes them */
};

const char *sw_reason_id(enum sw_reason r);      /* "identity.no-zone" */
const char *sw_reason_text(enum sw_reason r);    /* one sentence */
const char *sw_reason_fix(enum sw_reason r);     /* what to do */
int sw_reason_status(enum sw_reason r);          /* SIP status to answer with, 0: close or stay silent */
int sw_reason_by_id(const char *id, enum sw_reason *out) SW_MUSTCHECK;

static inline bool sw_verdict_ok(const struct sw_verdict *v)
{
	return v->reason == SW_R_OK;
}
/* Makes a verdict; detail may be NULL. Text that doesn't fit is cut. */
struct sw_verdict sw_verdict_make(enum sw_reason r, const char *fmt, ...) SW_PRINTF(2, 3);

/* Counts one refusal; status and metrics read it. Safe from any thread. */
void sw_reason_count(enum sw_reason r);
unsigned long sw_reason_counted(enum sw_reason r);
