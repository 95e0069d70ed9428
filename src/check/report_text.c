/* SPDX-License-Identifier: Apache-2.0 */
/* The report for people: what failed first, a symbol and a word with each, what follows from it below it, and what to do at the end. */
#include "check/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Colours that differ in lightness and are never alone: red and green look alike to many. */
static const struct {
	enum sw_check_status status;
	const char *symbol, *word, *colour, *heading;
} marks[] = {
	{ SW_CHECK_FAIL, "✗", "FAIL", "\033[1;31m", "Failed" },
	{ SW_CHECK_UNKNOWN, "?", "UNKNOWN", "\033[1;35m", "Could not be determined" },
	{ SW_CHECK_WARN, "!", "WARN", "\033[1;33m", "Warnings" },
	{ SW_CHECK_SKIP, "-", "SKIP", "\033[2m", "Skipped" },
	{ SW_CHECK_PASS, "✓", "PASS", "\033[1;34m", "Passed" },
};
enum { MARKS = sizeof(marks) / sizeof(marks[0]) };

struct text {
	const struct sw_report *r;
	struct sw_report_view view;
	struct sw_buf *out;
};

static size_t mark_of(enum sw_check_status s)
{
	for (size_t m = 0; m < MARKS; m++)
		if (marks[m].status == s)
			return m;
	return 0;
}

static void paint(const struct text *t, const char *colour, const char *s)
{
	if (t->r->colour)
		sw_buf_printf(t->out, "%s%s\033[0m", colour, s);
	else
		sw_buf_str(t->out, s);
}

static void word(const struct text *t, size_t mark)
{
	char both[32];

	snprintf(both, sizeof(both), "%s %-7s", marks[mark].symbol, marks[mark].word);
	paint(t, marks[mark].colour, both);
}

static void line(const struct text *t, unsigned indent, const char *what, const char *value)
{
	if (!value || !*value)
		return;
	sw_buf_printf(t->out, "%*s%-9s ", (int)indent, "", what);
	sw_report_plain(t->out, value);
	sw_buf_str(t->out, "\n");
}

/* Several lines keep their indentation. */
static void finding(const struct text *t, const struct sw_finding *f, unsigned indent)
{
	bool whole = sw_finding_is_bad(f) || t->r->verbose;

	sw_buf_printf(t->out, "%*s", (int)indent, "");
	word(t, mark_of(f->status));
	sw_buf_printf(t->out, " %-26s ", sw_finding_name(f->id));
	sw_report_plain(t->out, f->subject);
	if (!whole && f->found) {
		sw_buf_str(t->out, "  ");
		sw_report_plain(t->out, f->found);
	}
	sw_buf_str(t->out, "\n");
	if (!whole)
		return;
	line(t, indent + 4, "expected", f->expected);
	line(t, indent + 4, "found", f->found);
	if (t->r->verbose) {
		for (size_t i = 0; i < f->n_evidence; i++) {
			sw_buf_printf(t->out, "%*s", (int)indent + 6, "");
			sw_report_plain(t->out, f->evidence[i].key);
			sw_buf_str(t->out, ": ");
			sw_report_plain(t->out, f->evidence[i].value);
			sw_buf_str(t->out, "\n");
		}
		if (f->ms)
			sw_buf_printf(t->out, "%*s%-9s %" PRIu64 " ms\n", (int)indent + 4, "", "took", f->ms);
		line(t, indent + 4, "source", sw_finding_ref(f->id));
	}
}

static bool shown(const struct text *t, enum sw_check_status s)
{
	return (s != SW_CHECK_PASS && s != SW_CHECK_SKIP) || t->r->verbose || (s == SW_CHECK_SKIP && !t->r->quiet);
}

static void group(const struct text *t, size_t mark)
{
	const struct sw_report_view *v = &t->view;
	bool any = false;

	for (size_t i = 0; i < v->n; i++) {
		if (v->list[i]->status != marks[mark].status || v->cause[i] != SW_REPORT_NONE)
			continue;
		if (!any) {
			paint(t, "\033[1m", marks[mark].heading);
			sw_buf_str(t->out, "\n");
		}
		any = true;
		finding(t, v->list[i], 2);
		for (size_t k = 0; sw_finding_is_bad(v->list[i]) && k < v->n; k++)
			if (v->cause[k] == i)
				finding(t, v->list[k], 6);
	}
	if (any)
		sw_buf_str(t->out, "\n");
}

static void passed(const struct text *t)
{
	size_t by_stage[SW_STAGE_COUNT] = { 0 }, all = 0;

	for (size_t i = 0; i < t->view.n; i++)
		if (t->view.list[i]->status == SW_CHECK_PASS) {
			by_stage[sw_finding_stage(t->view.list[i]->id)]++;
			all++;
		}
	if (!all || t->r->quiet)
		return;
	paint(t, "\033[1m", "Passed");
	sw_buf_str(t->out, "\n  ");
	word(t, mark_of(SW_CHECK_PASS));
	for (unsigned s = 0; s < SW_STAGE_COUNT; s++)
		if (by_stage[s])
			sw_buf_printf(t->out, " %s %zu ", sw_stage_name((enum sw_stage)s), by_stage[s]);
	sw_buf_str(t->out, " (-v lists them)\n\n");
}

static void changes(const struct text *t)
{
	const struct sw_baseline *b = t->r->baseline;

	if (!b)
		return;
	paint(t, "\033[1m", "Since");
	sw_buf_str(t->out, " ");
	sw_report_plain(t->out, b->started);
	sw_buf_str(t->out, b->n_changes ? "\n" : ": nothing changed\n");
	for (size_t i = 0; i < b->n_changes; i++) {
		const struct sw_change *c = &b->changes[i];

		sw_buf_printf(t->out, "  %-8s %-26s ", sw_change_name(c->kind), c->id);
		sw_report_plain(t->out, c->subject);
		sw_buf_printf(t->out, "  %s%s%s\n", c->was ? c->was : "", c->was && c->now ? " -> " : "", c->now ? c->now : "");
		if (c->kind == SW_CHANGE_CHANGED) {
			line(t, 11, "was", c->was_found);
			line(t, 11, "is", c->now_found);
		}
	}
	sw_buf_str(t->out, "\n");
}

/* A fix stands at the start of its lines: a record with a space before it would belong to the name before. */
static void todo(const struct text *t)
{
	const struct sw_report_view *v = &t->view;
	unsigned nth = 0;

	for (size_t i = 0; i < v->n_todo; i++) {
		const struct sw_finding *f = v->list[v->todo[i].finding];
		const char *s = sw_finding_todo(f);

		if (v->todo[i].first != i)
			continue;
		if (!nth) {
			sw_buf_str(t->out, "\n");
			paint(t, "\033[1m", "What to do next");
		}
		sw_buf_printf(t->out, "\n%u. %s  ", ++nth, sw_finding_name(f->id));
		sw_report_view_subjects(v, i, sw_report_plain, t->out);
		sw_buf_str(t->out, "\n");
		while (*s) {
			size_t n = strcspn(s, "\n");
			char *one = sw_str_dup((struct sw_str){ s, n });

			sw_report_plain(t->out, one ? one : "");
			sw_buf_str(t->out, "\n");
			free(one);
			s += n + (s[n] == '\n');
		}
	}
	if (nth)
		sw_buf_str(t->out, "\nMore of each: sipward explain ID\n");
}

static void verdict(const struct text *t)
{
	struct sw_check_summary s;
	int exit = sw_check_exit(t->r->check, t->r->fail_on_warn);

	sw_check_summary(t->r->check, &s);
	word(t, mark_of(exit == 2 ? SW_CHECK_FAIL : exit == 3 ? SW_CHECK_UNKNOWN : s.n[SW_CHECK_WARN] ? SW_CHECK_WARN : SW_CHECK_PASS));
	for (size_t i = 0; i < t->r->n_targets; i++) {
		sw_buf_str(t->out, i ? ", " : " ");
		sw_report_plain(t->out, t->r->targets[i]);
	}
	sw_buf_printf(t->out, ": %zu failed, %zu unknown, %zu warnings, %zu skipped, %zu passed in %.1f s%s\n", s.n[SW_CHECK_FAIL],
		      s.n[SW_CHECK_UNKNOWN], s.n[SW_CHECK_WARN], s.n[SW_CHECK_SKIP], s.n[SW_CHECK_PASS], (double)s.ms / 1000,
		      s.stopped ? "; stopped before the end" : s.out_of_time ? "; the deadline passed" : "");
}

void sw_report_text(const struct sw_report *r, struct sw_buf *out)
{
	struct text t = { .r = r, .out = out };
	const struct sw_profile *p = sw_check_options(r->check)->profile;

	if (sw_report_view_init(&t.view, r) < 0) {
		out->error = SW_ENOMEM;
		return;
	}
	for (size_t m = 0; m < MARKS; m++)
		if (shown(&t, marks[m].status))
			group(&t, m);
	if (!r->verbose)
		passed(&t);
	changes(&t);
	for (size_t i = 0; !r->quiet && i < p->notes.n; i++)
		sw_buf_printf(out, "%s: %s\n%s", p->name, p->notes.v[i], i + 1 == p->notes.n ? "\n" : "");
	verdict(&t);
	todo(&t);
	sw_report_view_free(&t.view);
}
