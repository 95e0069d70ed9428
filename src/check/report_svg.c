/* SPDX-License-Identifier: Apache-2.0 */
/* The pictures of the HTML report. Each says in words what it shows by shape and colour. */
#include "check/report_html.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROWS_MAX = 40, CERTS_MAX = 60, DAY = 86400 };

/* --- the way --- */

enum { WAY_DNS, WAY_TARGET, WAY_TLS, WAY_SIP, WAY_MEDIA, WAY_STEPS };

struct way {
	const char *subject;         /* of its TCP finding; borrowed */
	int step[WAY_STEPS];         /* enum sw_check_status, or -1: not looked at */
	const struct sw_finding *broke[WAY_STEPS];   /* the first that failed there, or NULL; borrowed */
};

static int worse(int a, enum sw_check_status s)
{
	static const int rank[] = { [SW_CHECK_SKIP] = 1, [SW_CHECK_PASS] = 2, [SW_CHECK_WARN] = 3, [SW_CHECK_UNKNOWN] = 4, [SW_CHECK_FAIL] = 5 };

	return a < 0 || rank[s] > rank[a] ? (int)s : a;
}

/* A finding of an endpoint begins with the endpoint's name, alone or before a space. */
static bool about(const struct sw_finding *f, const char *endpoint)
{
	size_t n = strlen(endpoint);

	return !strncmp(f->subject, endpoint, n) && (f->subject[n] == '\0' || f->subject[n] == ' ' || f->subject[n] == ',');
}

static size_t ways(const struct sw_finding *const *list, size_t n, struct way *out)
{
	size_t rows = 0;

	for (size_t i = 0; i < n && rows < ROWS_MAX; i++) {
		bool known = false;

		if (sw_finding_stage(list[i]->id) != SW_STAGE_TCP)
			continue;
		for (size_t k = 0; k < rows; k++)
			known |= !strcmp(out[k].subject, list[i]->subject);
		if (!known)
			out[rows++] = (struct way){ list[i]->subject, { -1, -1, -1, -1, -1 }, { NULL } };
	}
	if (rows == 0)
		out[rows++] = (struct way){ "", { -1, -1, -1, -1, -1 }, { NULL } };
	for (size_t k = 0; k < rows; k++)
		for (size_t i = 0; i < n; i++) {
			static const int steps[SW_STAGE_COUNT] = { -1, WAY_DNS, WAY_TARGET, WAY_TLS, WAY_SIP, WAY_MEDIA, -1 };
			int step = steps[sw_finding_stage(list[i]->id)];

			if (step < 0 || (step > WAY_DNS && step < WAY_MEDIA && out[k].subject[0] && !about(list[i], out[k].subject)))
				continue;
			out[k].step[step] = worse(out[k].step[step], list[i]->status);
			if (list[i]->status == SW_CHECK_FAIL && !out[k].broke[step])
				out[k].broke[step] = list[i];
		}
	return rows;
}

static void step_box(struct sw_buf *out, int x, int y, const char *name, int status)
{
	const char *class = status < 0 ? "none" : sw_html_marks[status].name;

	sw_buf_printf(out, "<rect class=\"box s-%s\" x=\"%d\" y=\"%d\" width=\"130\" height=\"46\" rx=\"7\"/>", class, x, y);
	sw_buf_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" font-weight=\"700\">%s</text>", x + 65, y + 19, name);
	sw_buf_printf(out, "<text class=\"t-%s\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s %s</text>\n", class, x + 65, y + 37,
		      status < 0 ? "·" : sw_html_marks[status].symbol, status < 0 ? "not looked at" : sw_html_marks[status].word);
}

static const char *const step_names[] = { "DNS", "target", "TLS", "SIP", "media" };

/* Between two steps. Media goes its own way: signalling that fails does not break it. */
static void way_link(struct sw_buf *out, const struct way *w, int to, int x, int y)
{
	bool broken = to < WAY_MEDIA && w->step[to - 1] == SW_CHECK_FAIL;
	const char *class = broken ? "fail" : w->step[to] < 0 || w->step[to - 1] < 0 ? "none" : "pass";

	sw_buf_printf(out, "<line class=\"s-%s\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke-width=\"2\"/>", class, x - 40, y + 23, x, y + 23);
	if (broken)
		sw_buf_printf(out, "<circle class=\"hole\" cx=\"%d\" cy=\"%d\" r=\"9\"/><text class=\"t-fail\" x=\"%d\" y=\"%d\" "
			      "text-anchor=\"middle\" font-weight=\"700\">✗</text>", x - 20, y + 23, x - 20, y + 28);
}

enum { WAY_ROW = 84, WAY_BROKEN = 20 };

/* The first step that failed, or WAY_STEPS. */
static int broken_at(const struct way *w)
{
	int i = 0;

	while (i < WAY_STEPS && !w->broke[i])
		i++;
	return i;
}

/* Below the boxes a line tells where it broke, if it did. */
static void way_row(struct sw_buf *out, const struct way *w, int y)
{
	int broken = broken_at(w);

	sw_buf_printf(out, "<text x=\"4\" y=\"%d\" font-weight=\"700\"><title>", y - 8);
	sw_report_xml(out, w->subject);
	sw_buf_str(out, "</title>");
	sw_report_xml(out, w->subject);
	sw_buf_str(out, "</text>\n");
	for (int i = 0; i < WAY_STEPS; i++) {
		int x = 4 + i * 170;

		if (i)
			way_link(out, w, i, x, y);
		step_box(out, x, y, step_names[i], w->step[i]);
	}
	if (broken < WAY_STEPS)
		sw_buf_printf(out, "<text class=\"t-fail\" x=\"%d\" y=\"%d\" text-anchor=\"%s\">broken at %s: %s</text>\n",
			      4 + broken * 170 + (broken == WAY_MEDIA ? 130 : 0), y + 63, broken == WAY_MEDIA ? "end" : "start", step_names[broken],
			      sw_finding_name(w->broke[broken]->id));
}

void sw_html_way(const struct sw_report *r, struct sw_buf *out)
{
	struct way *rows = calloc(ROWS_MAX, sizeof(*rows));
	int height = 0, y = 26;
	size_t n, n_rows;
	const struct sw_finding *const *list = sw_check_findings(r->check, &n);

	if (!rows) {
		out->error = SW_ENOMEM;
		return;
	}
	n_rows = ways(list, n, rows);
	for (size_t i = 0; i < n_rows; i++)
		height += WAY_ROW + (broken_at(&rows[i]) < WAY_STEPS ? WAY_BROKEN : 0);
	sw_buf_printf(out, "<h2>The way</h2>\n<svg id=\"way\" viewBox=\"0 0 820 %d\" width=\"820\" role=\"img\" "
		      "aria-label=\"DNS, target, TLS, SIP and media of each target\">\n", height - 4);
	for (size_t i = 0; i < n_rows; i++) {
		way_row(out, &rows[i], y);
		y += WAY_ROW + (broken_at(&rows[i]) < WAY_STEPS ? WAY_BROKEN : 0);
	}
	sw_buf_str(out, "</svg>\n");
	if (n_rows == ROWS_MAX)
		sw_buf_str(out, "<p class=\"dim\">The first 40 targets are drawn.</p>\n");
	free(rows);
}

/* --- certificates --- */

struct cert {
	const char *name;
	const char *where;
	int64_t from, to;
};

static size_t certs(const struct sw_report *r, struct cert *out)
{
	size_t n, rows = 0;
	const struct sw_finding *const *list = sw_check_findings(r->check, &n);

	for (size_t i = 0; i < n && rows < CERTS_MAX; i++) {
		struct cert c = { sw_finding_evidence(list[i], "certificate"), list[i]->subject, 0, 0 };
		bool known = false;

		if (!c.name || !sw_report_read_time(sw_finding_evidence(list[i], "not_before"), &c.from) ||
		    !sw_report_read_time(sw_finding_evidence(list[i], "not_after"), &c.to))
			continue;
		for (size_t k = 0; k < rows; k++)
			known |= !strcmp(out[k].name, c.name) && out[k].from == c.from && out[k].to == c.to;
		if (!known)
			out[rows++] = c;
	}
	return rows;
}

enum { LEFT = 20, WIDTH = 780, STEP = 46 };

static double place(int64_t t, int64_t low, int64_t high)
{
	double x = LEFT + (double)WIDTH * (double)(t - low) / (double)(high - low);

	return x < LEFT ? LEFT : x > LEFT + WIDTH ? LEFT + WIDTH : x;
}

/* What is said of it, by mark and words; the mark's class is what the bar is painted in. */
static enum sw_check_status judged(const struct cert *c, int64_t now, char text[64])
{
	int64_t days = (c->to - now) / DAY;

	if (now < c->from)
		snprintf(text, 64, "not valid for another %" PRId64 " days", (c->from - now) / DAY);
	else if (now > c->to)
		snprintf(text, 64, "ended %" PRId64 " days ago", (now - c->to) / DAY);
	else
		snprintf(text, 64, "%" PRId64 " days left", days);
	return now > c->to || now < c->from ? SW_CHECK_FAIL : days < 30 ? SW_CHECK_WARN : SW_CHECK_PASS;
}

static void cert_row(struct sw_buf *out, const struct cert *c, int64_t now, int64_t low, int64_t high, int y)
{
	char from[32], to[32], text[64];
	const struct sw_html_mark *m = &sw_html_marks[judged(c, now, text)];
	double left = place(c->from, low, high), right = place(c->to, low, high);

	sw_date_time(c->from, from);
	sw_date_time(c->to, to);
	from[10] = to[10] = '\0';
	sw_buf_printf(out, "<text class=\"over\" x=\"%d\" y=\"%d\"><tspan class=\"t-%s\" font-weight=\"700\">%s</tspan> ", LEFT, y + 13, m->name, m->symbol);
	sw_report_xml(out, c->name);
	sw_buf_printf(out, " <tspan class=\"dim\">%s to %s, %s</tspan></text>", from, to, text);
	sw_buf_printf(out, "<rect class=\"track\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"10\" rx=\"3\"/>", LEFT, y + 21, WIDTH);
	if (c->to > low && c->from < high)
		sw_buf_printf(out, "<rect class=\"t-%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"10\" rx=\"3\"/>", m->name, left, y + 21,
			      right - left < 2 ? 2 : right - left);
	/* What reaches beyond the picture points there. */
	if (c->from < low)
		sw_buf_printf(out, "<text class=\"t-%s\" x=\"%d\" y=\"%d\" text-anchor=\"end\">◂</text>", m->name, LEFT - 3, y + 31);
	if (c->to > high)
		sw_buf_printf(out, "<text class=\"t-%s\" x=\"%d\" y=\"%d\">▸</text>", m->name, LEFT + WIDTH + 3, y + 31);
	sw_buf_str(out, "\n");
}

/* The first of January and of July, and the day that counts. */
static void axis(struct sw_buf *out, const struct sw_report *r, int64_t now, int64_t low, int64_t high, int height)
{
	time_t start = (time_t)low;
	struct tm t;
	double x = place(now, low, high);

	if (!gmtime_r(&start, &t))
		return;
	t = (struct tm){ .tm_year = t.tm_year, .tm_mon = 0, .tm_mday = 1 };
	for (int64_t at; (at = timegm(&t)) < high; t.tm_mon += 6) {
		char day[32];

		if (at <= low)
			continue;
		sw_date_time(at, day);
		day[7] = '\0';
		sw_buf_printf(out, "<line class=\"grid\" x1=\"%.1f\" y1=\"18\" x2=\"%.1f\" y2=\"%d\"/><text class=\"dim\" x=\"%.1f\" y=\"%d\" "
			      "text-anchor=\"middle\">%s</text>\n", place(at, low, high), place(at, low, high), height - 18, place(at, low, high), height - 4, day);
	}
	sw_buf_printf(out, "<line class=\"now\" x1=\"%.1f\" y1=\"16\" x2=\"%.1f\" y2=\"%d\" stroke-width=\"2\"/><text x=\"%.1f\" y=\"12\" "
		      "text-anchor=\"middle\" font-weight=\"700\">%s</text>\n", x, x, height - 18, x,
		      sw_check_options(r->check)->at ? "the day asked about" : "now");
}

/* From a year back to two years ahead; what reaches beyond is cut at the edge. */
void sw_html_timeline(const struct sw_report *r, struct sw_buf *out)
{
	int64_t now = sw_check_time(r->check), low = now - 365LL * DAY, high = now + 730LL * DAY;
	struct cert *list = calloc(CERTS_MAX, sizeof(*list));
	size_t n;
	int height;

	if (!list) {
		out->error = SW_ENOMEM;
		return;
	}
	n = certs(r, list);
	height = (int)n * STEP + 46;
	if (n) {
		sw_buf_printf(out, "<h2>Certificates</h2>\n<svg id=\"timeline\" viewBox=\"0 0 820 %d\" width=\"820\" role=\"img\" aria-label=\"From when to when each certificate holds\">\n", height);
		axis(out, r, now, low, high, height);
		for (size_t i = 0; i < n; i++)
			cert_row(out, &list[i], now, low, high, (int)i * STEP + 20);
		sw_buf_str(out, "</svg>\n");
		if (n == CERTS_MAX)
			sw_buf_printf(out, "<p class=\"dim\">The first %d certificates are drawn.</p>\n", CERTS_MAX);
	}
	free(list);
}
