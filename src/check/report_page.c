/* SPDX-License-Identifier: Apache-2.0 */
/* docs/findings.md: every id, made from findings.def. */
#include "check/report.h"

static void cell(struct sw_buf *out, const char *s)
{
	for (; *s; s++)
		if (*s == '|')
			sw_buf_str(out, "\\|");
		else if (*s == '<')
			sw_buf_str(out, "&lt;");
		else
			sw_buf_put(out, *s == '\n' ? " " : s, 1);
}

void sw_report_findings_page(struct sw_buf *out)
{
	sw_buf_str(out, "# Findings\n\n"
			"What `sipward check` may find. The id stands in every report and never changes its meaning; `sipward explain ID` says\n"
			"the same on a terminal. This page is made by `sipward explain --markdown`.\n");
	for (unsigned s = 0; s < SW_STAGE_COUNT; s++) {
		bool any = false;

		for (unsigned i = 0; i < SW_FINDING_COUNT; i++) {
			enum sw_finding_id id = (enum sw_finding_id)i;

			if (sw_finding_stage(id) != s)
				continue;
			if (!any)
				sw_buf_printf(out, "\n## %s\n", sw_stage_name((enum sw_stage)s));
			any = true;
			sw_buf_printf(out, "\n### %s\n\n**", sw_finding_name(id));
			cell(out, sw_finding_text(id));
			sw_buf_str(out, "** ");
			cell(out, sw_finding_explain(id));
			sw_buf_str(out, "\n\n*What to do:* ");
			cell(out, sw_finding_fix(id));
			sw_buf_str(out, "\n\n*Source:* ");
			cell(out, sw_finding_ref(id));
			sw_buf_str(out, "\n");
		}
	}
}
