/* SPDX-License-Identifier: Apache-2.0 */
/* One HTML file that needs nothing else, no script, and lets nothing in: its policy forbids all but its own styles. */
#include "check/report_html.h"

#include <inttypes.h>
#include <stdio.h>

#include "config.h"

static const char style[] =
	":root{--bg:#fff;--fg:#1b1f24;--dim:#57606a;--line:#d0d7de;--box:#f6f8fa;--pass:#0550ae;--warn:#8a4600;--fail:#b30021;"
	"--unknown:#6639ba;--skip:#57606a}\n"
	"@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#3d444d;--box:#161b22;--pass:#79c0ff;"
	"--warn:#f0b465;--fail:#ff8f8f;--unknown:#d2a8ff;--skip:#9198a1}}\n"
	"*{box-sizing:border-box}body{margin:0 auto;max-width:70rem;padding:1.5rem;background:var(--bg);color:var(--fg);"
	"font:16px/1.5 system-ui,sans-serif}\n"
	"h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2rem 0 .6rem;border-bottom:1px solid var(--line)}\n"
	".dim{color:var(--dim)}code,pre,.id{font-family:ui-monospace,monospace;font-size:.875rem}\n"
	"pre{background:var(--box);border:1px solid var(--line);border-radius:6px;padding:.6rem;overflow-x:auto;white-space:pre-wrap;margin:.3rem 0}\n"
	"svg{max-width:100%;height:auto}svg text{font-size:13px;font-family:system-ui,sans-serif;fill:var(--fg)}svg .dim{fill:var(--dim)}\n"
	".mark{font-weight:700;white-space:nowrap}.pass{color:var(--pass)}.warn{color:var(--warn)}.fail{color:var(--fail)}"
	".unknown{color:var(--unknown)}.skip{color:var(--skip)}\n"
	"svg .track{fill:var(--box)}svg .grid{stroke:var(--line)}svg .now{stroke:var(--fg)}svg .hole{fill:var(--bg)}svg .over{paint-order:stroke;stroke:var(--bg);stroke-width:5px}\n"
	"svg rect.box{fill:var(--box);stroke-width:2}svg .s-pass{stroke:var(--pass)}svg .s-warn{stroke:var(--warn)}svg .s-fail{stroke:var(--fail)}"
	"svg .s-unknown{stroke:var(--unknown);stroke-dasharray:5 3}svg .s-skip,svg .s-none{stroke:var(--line);stroke-dasharray:2 4}\n"
	"svg .t-pass{fill:var(--pass)}svg .t-warn{fill:var(--warn)}svg .t-fail{fill:var(--fail)}svg .t-unknown{fill:var(--unknown)}"
	"svg .t-skip,svg .t-none{fill:var(--dim)}\n"
	"details,.finding{border:1px solid var(--line);border-left-width:5px;border-radius:6px;margin:.5rem 0;padding:.5rem .8rem;overflow-wrap:anywhere}\n"
	".b-fail{border-left-color:var(--fail)}.b-warn{border-left-color:var(--warn)}.b-unknown{border-left-color:var(--unknown)}"
	".b-pass{border-left-color:var(--pass)}.b-skip{border-left-color:var(--skip)}.finding .finding{margin-left:1rem}\n"
	"table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0;border-bottom:1px solid var(--line)}"
	".finding th{width:9rem}\n"
	"@media print{:root{--bg:#fff;--fg:#000;--dim:#333;--line:#999;--box:#fff;--pass:#003;--warn:#430;--fail:#600;--unknown:#306;--skip:#333}"
	"body{max-width:none;padding:0;font-size:11pt}.finding,pre,svg,tr{break-inside:avoid}details>*{display:block}}\n";

const struct sw_html_mark sw_html_marks[SW_CHECK_FAIL + 1] = {
	[SW_CHECK_UNKNOWN] = { "unknown", "?", "UNKNOWN" }, [SW_CHECK_PASS] = { "pass", "✓", "PASS" }, [SW_CHECK_SKIP] = { "skip", "–", "SKIP" },
	[SW_CHECK_WARN] = { "warn", "!", "WARN" },          [SW_CHECK_FAIL] = { "fail", "✗", "FAIL" },
};

static void row(struct sw_buf *out, const char *head, const char *text)
{
	if (!text || !*text)
		return;
	sw_buf_printf(out, "<tr><th>%s</th><td>", head);
	sw_report_xml(out, text);
	sw_buf_str(out, "</td></tr>");
}

static void finding(const struct sw_report_view *v, size_t at, bool nested, struct sw_buf *out)
{
	const struct sw_finding *f = v->list[at];
	const struct sw_html_mark *m = &sw_html_marks[f->status];

	sw_buf_printf(out, "<div class=\"finding b-%s\" data-id=\"%s\"><span class=\"mark %s\">%s %s</span> <span class=\"id\">%s</span> ", m->name,
		      sw_finding_name(f->id), m->name, m->symbol, m->word, sw_finding_name(f->id));
	sw_report_xml(out, f->subject);
	sw_buf_str(out, "<div class=\"dim\">");
	sw_report_xml(out, sw_finding_text(f->id));
	sw_buf_str(out, "</div><table>");
	row(out, "expected", f->expected);
	row(out, "found", f->found);
	row(out, "source", sw_finding_ref(f->id));
	for (size_t i = 0; i < f->n_evidence; i++) {
		sw_buf_str(out, "<tr><th class=\"dim\">");
		sw_report_xml(out, f->evidence[i].key);
		sw_buf_str(out, "</th><td class=\"id\">");
		sw_report_xml(out, f->evidence[i].value);
		sw_buf_str(out, "</td></tr>");
	}
	sw_buf_str(out, "</table>");
	if (sw_finding_is_bad(f)) {
		sw_buf_str(out, "<pre>");
		sw_report_xml(out, sw_finding_todo(f));
		sw_buf_str(out, "</pre>");
	}
	for (size_t i = 0; !nested && i < v->n; i++)
		if (v->cause[i] == at)
			finding(v, i, true, out);
	sw_buf_str(out, "</div>\n");
}

static void bad_ones(const struct sw_report_view *v, struct sw_buf *out)
{
	static const enum sw_check_status order[] = { SW_CHECK_FAIL, SW_CHECK_UNKNOWN, SW_CHECK_WARN };
	static const char *const heads[] = { "Failed", "Could not be determined", "Warnings" };

	for (size_t s = 0; s < 3; s++) {
		bool any = false;

		for (size_t i = 0; i < v->n; i++) {
			if (v->list[i]->status != order[s] || v->cause[i] != SW_REPORT_NONE)
				continue;
			if (!any)
				sw_buf_printf(out, "<h2>%s</h2>\n", heads[s]);
			any = true;
			finding(v, i, false, out);
		}
	}
}

static void table(const struct sw_report *r, enum sw_check_status status, const char *head, struct sw_buf *out)
{
	const struct sw_html_mark *m = &sw_html_marks[status];
	size_t n, all = 0;
	const struct sw_finding *const *list = sw_check_findings(r->check, &n);

	for (size_t i = 0; i < n; i++)
		all += list[i]->status == status;
	if (!all)
		return;
	sw_buf_printf(out, "<details class=\"b-%s\"><summary><span class=\"mark %s\">%s %s</span> %s: %zu</summary><table>\n", m->name, m->name,
		      m->symbol, m->word, head, all);
	for (size_t i = 0; i < n; i++) {
		if (list[i]->status != status)
			continue;
		sw_buf_printf(out, "<tr data-id=\"%s\"><td class=\"id\">%s</td><td>", sw_finding_name(list[i]->id), sw_finding_name(list[i]->id));
		sw_report_xml(out, list[i]->subject);
		sw_buf_str(out, "</td><td>");
		sw_report_xml(out, list[i]->found ? list[i]->found : "");
		for (size_t k = 0; k < list[i]->n_evidence; k++) {
			sw_buf_str(out, "<div class=\"dim\">");
			sw_report_xml(out, list[i]->evidence[k].key);
			sw_buf_str(out, ": ");
			sw_report_xml(out, list[i]->evidence[k].value);
			sw_buf_str(out, "</div>");
		}
		sw_buf_str(out, "</td></tr>\n");
	}
	sw_buf_str(out, "</table></details>\n");
}

static void todo(const struct sw_report_view *v, struct sw_buf *out)
{
	for (size_t i = 0; i < v->n_todo; i++) {
		const struct sw_finding *f = v->list[v->todo[i].finding];

		if (v->todo[i].first != i)
			continue;
		sw_buf_printf(out, "%s<li><span class=\"id\">%s</span> ", i ? "" : "<h2 id=\"todo\">What to do next</h2>\n<ol>\n", sw_finding_name(f->id));
		sw_report_view_subjects(v, i, sw_report_xml, out);
		sw_buf_str(out, "<pre>");
		sw_report_xml(out, sw_finding_todo(f));
		sw_buf_str(out, "</pre></li>\n");
	}
	sw_buf_str(out, v->n_todo ? "</ol>\n" : "");
}

static void changes(const struct sw_baseline *b, struct sw_buf *out)
{
	sw_buf_str(out, "<h2>Since ");
	sw_report_xml(out, b->started);
	sw_buf_str(out, b->n_changes ? "</h2>\n<table>\n" : "</h2>\n<p>Nothing changed.</p>\n");
	for (size_t i = 0; i < b->n_changes; i++) {
		const struct sw_change *c = &b->changes[i];

		sw_buf_printf(out, "<tr><td>%s</td><td class=\"id\">", sw_change_name(c->kind));
		sw_report_xml(out, c->id);
		sw_buf_str(out, "</td><td>");
		sw_report_xml(out, c->subject);
		sw_buf_str(out, "</td><td>");
		sw_report_xml(out, c->was ? c->was : "");
		sw_buf_str(out, c->was && c->now ? " → " : "");
		sw_report_xml(out, c->now ? c->now : "");
		sw_buf_str(out, "</td></tr>\n");
	}
	sw_buf_str(out, b->n_changes ? "</table>\n" : "");
}

static void head(const struct sw_report *r, struct sw_buf *out)
{
	int exit = sw_check_exit(r->check, r->fail_on_warn);
	struct sw_check_summary s;
	const struct sw_html_mark *m;
	char time[32];

	sw_check_summary(r->check, &s);
	m = &sw_html_marks[exit == 2 ? SW_CHECK_FAIL : exit == 3 ? SW_CHECK_UNKNOWN : s.n[SW_CHECK_WARN] ? SW_CHECK_WARN : SW_CHECK_PASS];
	sw_buf_str(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
			"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
			"<meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\n<title>sipward check:");
	for (size_t i = 0; i < r->n_targets; i++) {
		sw_buf_str(out, " ");
		sw_report_xml(out, r->targets[i]);
	}
	sw_buf_printf(out, "</title>\n<style>\n%s</style></head><body>\n<h1><span class=\"mark %s\">%s %s</span>", style, m->name, m->symbol, m->word);
	for (size_t i = 0; i < r->n_targets; i++) {
		sw_buf_str(out, i ? ", " : " ");
		sw_report_xml(out, r->targets[i]);
	}
	sw_buf_printf(out, "</h1>\n<p class=\"dim\">%zu failed, %zu unknown, %zu warnings, %zu skipped, %zu passed in %.1f s. Profile ",
		      s.n[SW_CHECK_FAIL], s.n[SW_CHECK_UNKNOWN], s.n[SW_CHECK_WARN], s.n[SW_CHECK_SKIP], s.n[SW_CHECK_PASS], (double)s.ms / 1000);
	sw_report_xml(out, sw_check_options(r->check)->profile->name);
	sw_buf_printf(out, ", %s", sw_date_time(r->started, time));
	if (sw_check_options(r->check)->at)
		sw_buf_printf(out, ", judged as of %s", sw_date_time(sw_check_time(r->check), time));
	sw_buf_printf(out, ", sipward " PACKAGE_VERSION ".%s</p>\n",
		      s.stopped ? " Stopped before the end." : s.out_of_time ? " The deadline passed before the end." : "");
}

void sw_report_html(const struct sw_report *r, struct sw_buf *out)
{
	struct sw_report_view view;

	if (sw_report_view_init(&view, r) < 0) {
		out->error = SW_ENOMEM;
		return;
	}
	head(r, out);
	sw_html_way(r, out);
	bad_ones(&view, out);
	if (r->baseline)
		changes(r->baseline, out);
	sw_html_timeline(r, out);
	sw_buf_str(out, "<h2>The rest</h2>\n");
	table(r, SW_CHECK_SKIP, "skipped", out);
	table(r, SW_CHECK_PASS, "passed", out);
	todo(&view, out);
	sw_buf_str(out, "</body></html>\n");
	sw_report_view_free(&view);
}
