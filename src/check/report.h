/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a run found, in the form asked for, one file for each. Writers append to out; what a peer sent is escaped for the form.
 * The error of out, if any, sticks: the caller looks once.
 */
#include "check/baseline.h"
#include "check/check.h"
#include "core/date.h"

struct sw_report {
	const struct sw_check *check;        /* after its run */
	const char *const *targets;          /* as the user wrote them; borrowed */
	size_t n_targets;
	int64_t started;                     /* seconds since 1970 */
	bool fail_on_warn;
	bool colour;                         /* text */
	bool verbose;                        /* text: what passed too, and the evidence */
	bool quiet;                          /* text: only what is not fine */
	const struct sw_baseline *baseline;  /* --baseline, or NULL */
};

typedef void sw_report_fn(const struct sw_report *r, struct sw_buf *out);
/* By the word of -o: text, json, jsonl, junit, html, nagios, prom; NULL for another. */
sw_report_fn *sw_report_by_name(const char *name);
extern const char sw_report_names[];         /* "text, json, ..." */

sw_report_fn sw_report_text, sw_report_json, sw_report_jsonl, sw_report_junit, sw_report_html, sw_report_nagios, sw_report_prom;
/* One line of jsonl, as it comes. */
void sw_report_jsonl_finding(const struct sw_finding *f, struct sw_buf *out);
/* The JSON schema of sw_report_json; every id stands in it. */
void sw_report_schema(struct sw_buf *out);
/* docs/findings.md. */
void sw_report_findings_page(struct sw_buf *out);

/* --- what the writers share --- */

/* For a terminal: no control characters, no bytes that are not UTF-8. */
void sw_report_plain(struct sw_buf *out, const char *s);
/* For XML and HTML, text and attributes. */
void sw_report_xml(struct sw_buf *out, const char *s);
bool sw_report_read_time(const char *text, int64_t *t);      /* the reverse */
/* The finding this one follows from, among list[n], or NULL. */
const struct sw_finding *sw_finding_cause(const struct sw_finding *const *list, size_t n, const struct sw_finding *f);
const char *sw_finding_evidence(const struct sw_finding *f, const char *key);   /* the first, or NULL */
static inline const char *sw_finding_todo(const struct sw_finding *f)
{
	return f->fix ? f->fix : sw_finding_fix(f->id);
}
static inline bool sw_finding_is_bad(const struct sw_finding *f)
{
	return f->status == SW_CHECK_FAIL || f->status == SW_CHECK_WARN || f->status == SW_CHECK_UNKNOWN;
}

/* --- for the reports that people read (report_view.c) --- */

#define SW_REPORT_NONE ((size_t)-1)

struct sw_report_todo {
	size_t finding;              /* index into list */
	size_t first;                /* index into todo of the first with the same thing to do; its own for that one */
};
struct sw_report_view {
	const struct sw_finding *const *list;   /* borrowed from the run */
	size_t n;
	size_t *cause;               /* parallel to list: the index of what it follows from, at last, or SW_REPORT_NONE */
	struct sw_report_todo *todo; /* what is not fine and follows from nothing, the worst first */
	size_t n_todo;
};
/* Freed with sw_report_view_free; at most SW_ENOMEM. */
int sw_report_view_init(struct sw_report_view *v, const struct sw_report *r) SW_MUSTCHECK;
void sw_report_view_free(struct sw_report_view *v);
/* What the nth thing to do is about: four subjects, and how many more. */
void sw_report_view_subjects(const struct sw_report_view *v, size_t nth, void (*write)(struct sw_buf *out, const char *s), struct sw_buf *out);
