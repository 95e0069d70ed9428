/* SPDX-License-Identifier: Apache-2.0 */
/* For machines that watch: JUnit for CI, a line with perfdata for monitoring plugins, a textfile for Prometheus. */
#include "check/report.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* --- JUnit --- */

static void attribute(struct sw_buf *out, const char *name, const char *value)
{
	sw_buf_printf(out, " %s=\"", name);
	sw_report_xml(out, value);
	sw_buf_str(out, "\"");
}

static void junit_case(const struct sw_report *r, const struct sw_finding *f, struct sw_buf *out)
{
	bool failure = f->status == SW_CHECK_FAIL || (f->status == SW_CHECK_WARN && r->fail_on_warn);
	const char *element = failure ? "failure" : f->status == SW_CHECK_UNKNOWN ? "error" : f->status == SW_CHECK_SKIP ? "skipped" : NULL;

	sw_buf_str(out, "    <testcase");
	attribute(out, "classname", sw_finding_name(f->id));
	attribute(out, "name", f->subject);
	sw_buf_printf(out, " time=\"%" PRIu64 ".%03u\"", f->ms / 1000, (unsigned)(f->ms % 1000));
	if (!element && f->status == SW_CHECK_PASS) {
		sw_buf_str(out, "/>\n");
		return;
	}
	sw_buf_str(out, ">");
	if (element) {
		sw_buf_printf(out, "<%s", element);
		attribute(out, "message", f->found ? f->found : sw_finding_text(f->id));
		sw_buf_str(out, failure || f->status == SW_CHECK_UNKNOWN ? " type=\"" : ">");
		if (failure || f->status == SW_CHECK_UNKNOWN)
			sw_buf_printf(out, "%s\">", sw_check_status_name(f->status));
	} else {
		sw_buf_str(out, "<system-out>warning: ");
		sw_report_xml(out, f->found ? f->found : sw_finding_text(f->id));
		sw_buf_str(out, "\n");
	}
	if (f->expected) {
		sw_buf_str(out, "expected: ");
		sw_report_xml(out, f->expected);
		sw_buf_str(out, "\n");
	}
	sw_buf_str(out, "to do: ");
	sw_report_xml(out, sw_finding_todo(f));
	sw_buf_printf(out, "</%s></testcase>\n", element ? element : "system-out");
}

void sw_report_junit(const struct sw_report *r, struct sw_buf *out)
{
	struct sw_check_summary all;
	size_t n;
	const struct sw_finding *const *list = sw_check_findings(r->check, &n);
	char time[32];

	sw_check_summary(r->check, &all);
	sw_buf_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	sw_buf_printf(out, "<testsuites name=\"sipward check\" tests=\"%zu\" time=\"%" PRIu64 ".%03u\">\n", n, all.ms / 1000,
		      (unsigned)(all.ms % 1000));
	for (unsigned s = 0; s < SW_STAGE_COUNT; s++) {
		size_t tests = 0, failures = 0, errors = 0, skipped = 0;

		for (size_t i = 0; i < n; i++) {
			if (sw_finding_stage(list[i]->id) != s)
				continue;
			tests++;
			failures += list[i]->status == SW_CHECK_FAIL || (list[i]->status == SW_CHECK_WARN && r->fail_on_warn);
			errors += list[i]->status == SW_CHECK_UNKNOWN;
			skipped += list[i]->status == SW_CHECK_SKIP;
		}
		if (!tests)
			continue;
		sw_buf_printf(out, "  <testsuite name=\"%s\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" timestamp=\"%s\">\n",
			      sw_stage_name((enum sw_stage)s), tests, failures, errors, skipped, sw_date_time(r->started, time));
		for (size_t i = 0; i < n; i++)
			if (sw_finding_stage(list[i]->id) == s)
				junit_case(r, list[i], out);
		sw_buf_str(out, "  </testsuite>\n");
	}
	sw_buf_str(out, "</testsuites>\n");
}

/* --- monitoring plugin --- */

/* A line of its own, and '|' begins the perfdata. */
static void nagios_text(struct sw_buf *out, const char *s)
{
	struct sw_buf b;

	sw_buf_init(&b, 0);
	sw_report_plain(&b, s);
	for (size_t i = 0; i < b.len; i++)
		sw_buf_put(out, b.data[i] == '|' ? "/" : b.data + i, 1);
	sw_buf_free(&b);
}

static int64_t least_days(const struct sw_report *r, bool *any)
{
	size_t n;
	const struct sw_finding *const *list = sw_check_findings(r->check, &n);
	int64_t least = INT64_MAX, t;

	for (size_t i = 0; i < n; i++)
		if (sw_report_read_time(sw_finding_evidence(list[i], "not_after"), &t) && t < least)
			least = t;
	*any = least != INT64_MAX;
	return *any ? (least - sw_check_time(r->check)) / 86400 - (least < sw_check_time(r->check)) : 0;
}

static uint64_t slowest(const struct sw_report *r, enum sw_stage stage)
{
	size_t n;
	const struct sw_finding *const *list = sw_check_findings(r->check, &n);
	uint64_t most = 0;

	for (size_t i = 0; i < n; i++)
		if (sw_finding_stage(list[i]->id) == stage && list[i]->ms > most)
			most = list[i]->ms;
	return most;
}

void sw_report_nagios(const struct sw_report *r, struct sw_buf *out)
{
	static const char *const words[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };
	static const enum sw_check_status which[] = { SW_CHECK_PASS, SW_CHECK_WARN, SW_CHECK_FAIL, SW_CHECK_UNKNOWN };
	struct sw_check_summary s;
	size_t n, told = 0;
	const struct sw_finding *const *list = sw_check_findings(r->check, &n);
	int exit = sw_check_exit(r->check, true);
	bool any;
	int64_t days = least_days(r, &any);

	sw_check_summary(r->check, &s);
	sw_buf_printf(out, "SIPWARD %s -", words[exit]);
	for (size_t i = 0; i < r->n_targets; i++) {
		sw_buf_str(out, i ? ", " : " ");
		nagios_text(out, r->targets[i]);
	}
	sw_buf_str(out, ":");
	for (size_t i = 0; exit && i < n; i++) {
		if (list[i]->status != which[exit] || sw_finding_cause(list, n, list[i]))
			continue;
		if (told++ < 3) {
			sw_buf_printf(out, "%s %s ", told > 1 ? ";" : "", sw_finding_name(list[i]->id));
			nagios_text(out, list[i]->subject);
			sw_buf_str(out, list[i]->found ? ": " : "");
			nagios_text(out, list[i]->found ? list[i]->found : "");
		}
	}
	if (told > 3)
		sw_buf_printf(out, "; and %zu more", told - 3);
	if (!told)
		sw_buf_printf(out, " %zu passed", s.n[SW_CHECK_PASS]);
	if (any)
		sw_buf_printf(out, days < 0 ? ", a certificate ended %" PRId64 " d ago" : ", first certificate expires in %" PRId64 " d",
			      days < 0 ? -days : days);
	sw_buf_printf(out, " | failed=%zu;;0;0; warnings=%zu;0;;0; unknown=%zu;;;0; passed=%zu;;;0; duration_ms=%" PRIu64 ";;;0;",
		      s.n[SW_CHECK_FAIL], s.n[SW_CHECK_WARN], s.n[SW_CHECK_UNKNOWN], s.n[SW_CHECK_PASS], s.ms);
	if (any)
		sw_buf_printf(out, " days_leaf=%" PRId64 ";30:;14:;;", days);
	sw_buf_printf(out, " connect_ms=%" PRIu64 ";;;0; handshake_ms=%" PRIu64 ";;;0; options_ms=%" PRIu64 ";;;0;\n", slowest(r, SW_STAGE_TCP),
		      slowest(r, SW_STAGE_TLS), slowest(r, SW_STAGE_SIP));
}

/* --- Prometheus --- */

static void label(struct sw_buf *out, const char *name, const char *value)
{
	struct sw_buf b;

	sw_buf_init(&b, 0);
	sw_report_plain(&b, value);
	sw_buf_printf(out, "%s=\"", name);
	for (size_t i = 0; i < b.len; i++) {
		if (b.data[i] == '"' || b.data[i] == '\\')
			sw_buf_str(out, "\\");
		sw_buf_put(out, b.data + i, 1);
	}
	sw_buf_str(out, "\"");
	sw_buf_free(&b);
}

static void labels(const struct sw_report *r, struct sw_buf *out)
{
	struct sw_buf all;

	sw_buf_init(&all, 0);
	for (size_t i = 0; i < r->n_targets; i++)
		sw_buf_printf(&all, "%s%s", i ? "," : "", r->targets[i]);
	sw_buf_put(&all, "", 1);
	label(out, "target", all.data ? all.data : "");
	sw_buf_str(out, ",");
	label(out, "profile", sw_check_options(r->check)->profile->name);
	sw_buf_free(&all);
}

static void metric(const struct sw_report *r, struct sw_buf *out, const char *name, const char *help, double value)
{
	sw_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s{", name, help, name, name);
	labels(r, out);
	sw_buf_printf(out, "} %.15g\n", value);
}

/* One series for each id, the worst of it, so that subjects do not multiply series. */
static void by_id(const struct sw_report *r, struct sw_buf *out)
{
	static const int level[] = { [SW_CHECK_PASS] = 0, [SW_CHECK_SKIP] = 0, [SW_CHECK_WARN] = 1, [SW_CHECK_FAIL] = 2, [SW_CHECK_UNKNOWN] = 3 };
	size_t n;
	const struct sw_finding *const *list = sw_check_findings(r->check, &n);

	sw_buf_str(out, "# HELP sipward_check_result The worst of each id: 0 fine, 1 warning, 2 failed, 3 unknown.\n"
			"# TYPE sipward_check_result gauge\n");
	for (unsigned id = 0; id < SW_FINDING_COUNT; id++) {
		int worst = -1;

		for (size_t i = 0; i < n; i++) {
			int l = level[list[i]->status];

			if (list[i]->id == id && (worst < 0 || l == 2 || (worst != 2 && l > worst)))
				worst = l;
		}
		if (worst < 0)
			continue;
		sw_buf_printf(out, "sipward_check_result{id=\"%s\",", sw_finding_name((enum sw_finding_id)id));
		labels(r, out);
		sw_buf_printf(out, "} %d\n", worst);
	}
}

static void certificates(const struct sw_report *r, struct sw_buf *out)
{
	size_t n, told = 0;
	const struct sw_finding *const *list = sw_check_findings(r->check, &n);
	int64_t t;

	for (size_t i = 0; i < n; i++) {
		const char *name = sw_finding_evidence(list[i], "certificate");
		bool again = false;

		if (!name || !sw_report_read_time(sw_finding_evidence(list[i], "not_after"), &t))
			continue;
		/* A series may stand in a textfile once only. */
		for (size_t k = 0; k < i && !again; k++)
			again = sw_finding_evidence(list[k], "certificate") && sw_finding_evidence(list[k], "not_after") &&
				!strcmp(sw_finding_evidence(list[k], "certificate"), name) && !strcmp(list[k]->subject, list[i]->subject);
		if (again)
			continue;
		if (!told++)
			sw_buf_str(out, "# HELP sipward_check_certificate_not_after_timestamp_seconds When a certificate of the way ends.\n"
					"# TYPE sipward_check_certificate_not_after_timestamp_seconds gauge\n");
		sw_buf_str(out, "sipward_check_certificate_not_after_timestamp_seconds{");
		label(out, "subject", list[i]->subject);
		sw_buf_str(out, ",");
		label(out, "certificate", name);
		sw_buf_str(out, ",");
		labels(r, out);
		sw_buf_printf(out, "} %" PRId64 "\n", t);
	}
}

void sw_report_prom(const struct sw_report *r, struct sw_buf *out)
{
	struct sw_check_summary s;

	sw_check_summary(r->check, &s);
	metric(r, out, "sipward_check_exit_status", "0 fine, 1 warnings, 2 failures, 3 could not be determined.", sw_check_exit(r->check, r->fail_on_warn));
	metric(r, out, "sipward_check_failed", "Findings that failed.", (double)s.n[SW_CHECK_FAIL]);
	metric(r, out, "sipward_check_warnings", "Findings that warn.", (double)s.n[SW_CHECK_WARN]);
	metric(r, out, "sipward_check_unknown", "Findings that could not be determined.", (double)s.n[SW_CHECK_UNKNOWN]);
	metric(r, out, "sipward_check_passed", "Findings that passed.", (double)s.n[SW_CHECK_PASS]);
	metric(r, out, "sipward_check_duration_seconds", "How long the run took.", (double)s.ms / 1000);
	metric(r, out, "sipward_check_last_run_timestamp_seconds", "When the run began.", (double)r->started);
	by_id(r, out);
	certificates(r, out);
}
