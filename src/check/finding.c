/* SPDX-License-Identifier: Apache-2.0 */
/* Findings: what is known of each id, and how probes report. */
#include "check/check_int.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name, *ref, *text, *fix, *explain;
	enum sw_stage stage;
} known[SW_FINDING_COUNT] = {
#define SW_FINDING(sym, id, stg, r, t, f, e) [SW_F_##sym] = { id, r, t, f, e, SW_STAGE_##stg },
#include "check/findings.def"
#undef SW_FINDING
};

static const char *const stages[SW_STAGE_COUNT] = { "host", "dns", "tcp", "tls", "sip", "media", "net" };
static const char *const statuses[SW_CHECK_FAIL + 1] = { "unknown", "pass", "skip", "warn", "fail" };

const char *sw_finding_name(enum sw_finding_id id)
{
	return known[id].name;
}

enum sw_stage sw_finding_stage(enum sw_finding_id id)
{
	return known[id].stage;
}

const char *sw_finding_ref(enum sw_finding_id id)
{
	return known[id].ref;
}

const char *sw_finding_text(enum sw_finding_id id)
{
	return known[id].text;
}

const char *sw_finding_fix(enum sw_finding_id id)
{
	return known[id].fix;
}

const char *sw_finding_explain(enum sw_finding_id id)
{
	return known[id].explain;
}

int sw_finding_by_name(const char *name, enum sw_finding_id *out)
{
	for (size_t i = 0; i < SW_FINDING_COUNT; i++)
		if (!strcmp(known[i].name, name)) {
			*out = (enum sw_finding_id)i;
			return SW_OK;
		}
	return SW_ENOTFOUND;
}

const char *sw_stage_name(enum sw_stage s)
{
	return stages[s];
}

const char *sw_check_status_name(enum sw_check_status s)
{
	return statuses[s];
}

/* What is not known is worse than a warning: it may hide a failure. */
enum sw_check_status sw_check_worst(const struct sw_finding *const *f, size_t n)
{
	static const int rank[] = { [SW_CHECK_SKIP] = 0, [SW_CHECK_PASS] = 1, [SW_CHECK_WARN] = 2, [SW_CHECK_UNKNOWN] = 3, [SW_CHECK_FAIL] = 4 };
	enum sw_check_status worst = SW_CHECK_SKIP;

	for (size_t i = 0; i < n; i++)
		if (rank[f[i]->status] > rank[worst])
			worst = f[i]->status;
	return n ? worst : SW_CHECK_PASS;
}

/* --- reporting --- */

static _Thread_local struct sw_check_task *current;
static _Thread_local struct sw_finding dummy;   /* where there is no memory, or no room */

struct sw_check_task *sw_check_current(void)
{
	return current;
}

void sw_check_set_current(struct sw_check_task *t)
{
	current = t;
}

static void finding_free(struct sw_finding *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_evidence; i++) {
		free(f->evidence[i].key);
		free(f->evidence[i].value);
	}
	free(f->evidence);
	free(f->subject);
	free(f->expected);
	free(f->found);
	free(f->fix);
	free(f);
}

void sw_check_task_clear(struct sw_check_task *t)
{
	for (size_t i = 0; i < t->n_findings; i++)
		finding_free(t->findings[i]);
	free(t->findings);
	free(t->what);
}

/* A copy, cut to what a report can bear. NULL stays NULL. */
static bool keep(char **dst, const char *text)
{
	size_t n = text ? strnlen(text, SW_CHECK_TEXT) : 0;

	*dst = text ? sw_str_dup((struct sw_str){ text, n }) : NULL;
	return !text || *dst;
}

static bool push(struct sw_check_task *t, struct sw_finding *f)
{
	if (t->n_findings == t->room) {
		size_t room = t->room ? 2 * t->room : 8;
		void *p = realloc(t->findings, room * sizeof(struct sw_finding *));

		if (!p)
			return false;
		t->findings = p;
		t->room = room;
	}
	t->findings[t->n_findings++] = f;
	return true;
}

static struct sw_finding *finding_new(struct sw_check *c, enum sw_finding_id id, enum sw_check_status status, const char *subject,
				      const char *expected, const char *found)
{
	struct sw_finding *f = calloc(1, sizeof(*f));

	if (f && keep(&f->subject, subject ? subject : "") && keep(&f->expected, expected) && keep(&f->found, found)) {
		f->id = id;
		f->status = status;
		return f;
	}
	finding_free(f);
	atomic_store(&c->no_memory, true);
	return NULL;
}

struct sw_finding *sw_check_report(struct sw_check *c, enum sw_finding_id id, enum sw_check_status status, const char *subject,
				   const char *expected, const char *found)
{
	struct sw_check_task *t = current ? current : &c->root;
	struct sw_finding *f;
	bool kept;

	/* A probe's own list needs no lock; the root's is everybody's. */
	if (t->n_findings >= SW_CHECK_PER_PROBE)
		return &dummy;
	f = finding_new(c, id, status, subject, expected, found);
	if (!f)
		return &dummy;
	if (t == &c->root)
		pthread_mutex_lock(&c->lock);
	kept = push(t, f);
	if (t == &c->root)
		pthread_mutex_unlock(&c->lock);
	if (kept)
		return f;
	finding_free(f);
	atomic_store(&c->no_memory, true);
	return &dummy;
}

static char *format(struct sw_check *c, const char *fmt, va_list ap)
{
	struct sw_buf b;
	char *text = NULL;

	sw_buf_init(&b, 1 << 20);
	sw_buf_vprintf(&b, fmt, ap);
	if (sw_buf_error(&b) == SW_OK) {
		struct sw_str s = sw_buf_view(&b);

		s.n = s.n < SW_CHECK_TEXT ? s.n : (size_t)SW_CHECK_TEXT;
		text = sw_str_dup(s);
	}
	sw_buf_free(&b);
	if (!text)
		atomic_store(&c->no_memory, true);
	return text;
}

void sw_finding_set_fix(struct sw_check *c, struct sw_finding *f, const char *fmt, ...)
{
	va_list ap;

	if (f == &dummy)
		return;
	free(f->fix);
	va_start(ap, fmt);
	f->fix = format(c, fmt, ap);
	va_end(ap);
}

void sw_finding_add(struct sw_check *c, struct sw_finding *f, const char *key, const char *fmt, ...)
{
	struct sw_evidence e = { 0 }, *list;
	va_list ap;

	if (f == &dummy || f->n_evidence >= SW_CHECK_EVIDENCE)
		return;
	list = realloc(f->evidence, (f->n_evidence + 1) * sizeof(*list));
	if (list)
		f->evidence = list;
	va_start(ap, fmt);
	e.value = format(c, fmt, ap);
	va_end(ap);
	if (list && e.value && keep(&e.key, key)) {
		list[f->n_evidence++] = e;
		return;
	}
	free(e.value);
	atomic_store(&c->no_memory, true);
}

void sw_finding_took(struct sw_finding *f, uint64_t ms)
{
	f->ms = ms;
}
