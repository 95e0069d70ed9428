/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The two halves of the HTML report: text, and pictures. */
#include "check/report.h"

struct sw_html_mark {
	const char *name, *symbol, *word;   /* name: also the class */
};
extern const struct sw_html_mark sw_html_marks[SW_CHECK_FAIL + 1];

/* DNS -> target -> TLS -> SIP -> media, a row for each target, and where it broke. */
void sw_html_way(const struct sw_report *r, struct sw_buf *out);
/* From when to when each certificate holds. */
void sw_html_timeline(const struct sw_report *r, struct sw_buf *out);
