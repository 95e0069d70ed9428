/* SPDX-License-Identifier: Apache-2.0 */
/* The report for people: what failed first, each with a symbol and a word, and what to do at the end. */
#include "check/report.h"

#include <inttypes.h>

static const struct {
	enum sw_check_status status;
	const char *symbol, *word;
} marks[] = {
	{ SW_CHECK_FAIL, "✗", "FAIL" }, { SW_CHECK_UNKNOWN, "?", "UNKNOWN" }, { SW_CHECK_WARN, "!", "WARN" },
	{ SW_CHECK_SKIP, "-", "SKIP" }, { SW_CHECK_PASS, "✓", "PASS" },
};

/* Bytes of a peer: what a terminal would act upon is shown as a dot. */
static void plain(struct sw_buf *out, const char *s)
{
	for (; *s; s++)
		sw_buf_put(out, (unsigned char)*s < 0x20 || *s == 0x7f ? "." : s, 1);
}

static void finding(const struct sw_finding *f, size_t mark, struct sw_buf *out)
{
	sw_buf_printf(out, "%s %-7s %-28s ", marks[mark].symbol, marks[mark].word, sw_finding_name(f->id));
	plain(out, f->subject);
	sw_buf_str(out, "\n");
	if (f->status == SW_CHECK_PASS)
		return;
	if (f->expected) {
		sw_buf_str(out, "            expected  ");
		plain(out, f->expected);
		sw_buf_str(out, "\n");
	}
	if (f->found) {
		sw_buf_str(out, "            found     ");
		plain(out, f->found);
		sw_buf_str(out, "\n");
	}
	sw_buf_printf(out, "            to do     %s\n", f->fix ? f->fix : sw_finding_fix(f->id));
}

void sw_report_text(const struct sw_report *r, struct sw_buf *out)
{
	struct sw_check_summary s;
	size_t n;
	const struct sw_finding *const *list = sw_check_findings(r->check, &n);

	for (size_t m = 0; m < sizeof(marks) / sizeof(marks[0]); m++)
		for (size_t i = 0; i < n; i++)
			if (list[i]->status == marks[m].status)
				finding(list[i], m, out);
	sw_check_summary(r->check, &s);
	sw_buf_printf(out, "%zu failed, %zu unknown, %zu warnings, %zu skipped, %zu passed, %" PRIu64 " ms\n", s.n[SW_CHECK_FAIL], s.n[SW_CHECK_UNKNOWN],
		      s.n[SW_CHECK_WARN], s.n[SW_CHECK_SKIP], s.n[SW_CHECK_PASS], s.ms);
}
