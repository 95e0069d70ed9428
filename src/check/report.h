/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a run found, in the form asked for. Each writer appends to out; bytes of peers are escaped for the form. */
#include "check/check.h"

enum sw_report_format { SW_REPORT_TEXT, SW_REPORT_JSON, SW_REPORT_JSONL, SW_REPORT_JUNIT, SW_REPORT_HTML, SW_REPORT_NAGIOS, SW_REPORT_PROM };

struct sw_report {
	const struct sw_check *check;        /* run */
	const char *const *targets;          /* as the user wrote them; borrowed */
	size_t n_targets;
	int64_t started;                     /* seconds since 1970 */
	bool fail_on_warn;
	bool colour;                         /* text */
	bool verbose;                        /* text: also what passed, with its evidence */
};

void sw_report_text(const struct sw_report *r, struct sw_buf *out);
