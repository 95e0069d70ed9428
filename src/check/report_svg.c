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
			out[rows++] = (struct way){ list[i]->subject, { -1, -1, -1, -1, -1 } };
	}
	if (rows == 0)
		out[rows++] = (struct way){ "", { -1, -1, -1, -1, -1 } };
	for (size_t k = 0; k < rows; k++)
		for (size_t i = 0; i < n; i++) {
			static const int steps[SW_STAGE_COUNT] = { -1, WAY_DNS, WAY_TARGET, WAY_TLS, WAY_SIP, WAY_MEDIA, -1 };
			int step = steps[sw_finding_stage(list[i]->id)];

			if (step < 0 || (step > WAY_DNS && step < WAY_MEDIA && out[k].subject[0] && !about(list[i], out[k].subject)))
				continue;
			out[k].step[step] = worse(out[k].step[step], list[i]->status);
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

static void way_row(struct sw_buf *out, const struct way *w, int y)
{
	static const char *const names[] = { "DNS", "target", "TLS", "SIP", "media" };
	bool broken = false;

	sw_buf_printf(out, "<text x=\"4\" y=\"%d\">", y - 7);
	sw_report_xml(out, w->subject);
	sw_buf_str(out, "</text>\n");
	for (int i = 0; i < WAY_STEPS; i++) {
		int x = 4 + i * 170;

		if (i) {
			/* Media goes its own way: signalling that fails does not break it. */
			sw_buf_printf(out, "<line class=\"s-%s\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke-width=\"2\"/>",
				      broken && i < WAY_MEDIA ? "fail" : "pass", x - 40, y + 23, x, y + 23);
			if (broken && i < WAY_MEDIA)
				sw_buf_printf(out, "<text class=\"t-fail\" x=\"%d\" y=\"%d\" text-anchor=\"middle\" font-weight=\"700\">✗</text>", x - 20, y + 19);
		}
		step_box(out, x, y, names[i], w->step[i]);
		broken = w->step[i] == SW_CHECK_FAIL;
	}
}

void sw_html_way(const struct sw_report *r, struct sw_buf *out)
{
	struct way *rows = calloc(ROWS_MAX, sizeof(*rows));
	size_t n, n_rows;
	const struct sw_finding *const *list = sw_check_findings(r->check, &n);

	if (!rows) {
		out->error = SW_ENOMEM;
		return;
	}
	n_rows = ways(list, n, rows);
	sw_buf_printf(out, "<h2>The way</h2>\n<svg id=\"way\" viewBox=\"0 0 820 %zu\" width=\"820\" role=\"img\" aria-label=\"DNS, target, TLS, SIP and media of each target\">\n",
		      n_rows * 84);
	for (size_t i = 0; i < n_rows; i++)
		way_row(out, &rows[i], (int)i * 84 + 24);
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

enum { LEFT = 10, WIDTH = 800, STEP = 44 };

static double place(int64_t t, int64_t low, int64_t high)
{
	double x = LEFT + (double)WIDTH * (double)(t - low) / (double)(high - low);

	return x < LEFT ? LEFT : x > LEFT + WIDTH ? LEFT + WIDTH : x;
}

static void cert_row(struct sw_buf *out, const struct cert *c, int64_t now, int64_t low, int64_t high, int y)
{
	int64_t days = (c->to - now) / DAY;
	const char *class = now > c->to || now < c->from ? "fail" : days < 30 ? "warn" : "pass";
	char from[32], to[32];

	sw_report_time(c->from, from);
	sw_report_time(c->to, to);
	from[10] = to[10] = '\0';
	sw_buf_printf(out, "<text x=\"%d\" y=\"%d\">", LEFT, y + 12);
	sw_report_xml(out, c->name);
	sw_buf_printf(out, " <tspan class=\"dim\">%s to %s, ", from, to);
	if (now < c->from)
		sw_buf_str(out, "not valid yet");
	else if (now > c->to)
		sw_buf_printf(out, "ended %" PRId64 " days ago", (now - c->to) / DAY);
	else
		sw_buf_printf(out, "%" PRId64 " days left", days);
	sw_buf_str(out, "</tspan></text>");
	sw_buf_printf(out, "<rect class=\"t-%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"10\" rx=\"3\"/>\n", class, place(c->from, low, high), y + 20,
		      place(c->to, low, high) - place(c->from, low, high) + 1);
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
	height = (int)n * STEP + 30;
	if (n) {
		sw_buf_printf(out, "<h2>Certificates</h2>\n<svg id=\"timeline\" viewBox=\"0 0 820 %d\" width=\"820\" role=\"img\" aria-label=\"From when to when each certificate holds\">\n", height);
		for (size_t i = 0; i < n; i++)
			cert_row(out, &list[i], now, low, high, (int)i * STEP);
		sw_buf_printf(out, "<line class=\"s-none\" x1=\"%.1f\" y1=\"0\" x2=\"%.1f\" y2=\"%d\" stroke-width=\"2\"/>", place(now, low, high),
			      place(now, low, high), height - 20);
		sw_buf_printf(out, "<text class=\"dim\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", place(now, low, high), height - 5,
			      sw_check_options(r->check)->at ? "the day asked about" : "now");
		sw_buf_str(out, "</svg>\n");
	}
	free(list);
}
