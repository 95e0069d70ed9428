/* SPDX-License-Identifier: Apache-2.0 */
/* What the reports for people share: which finding stands below which, and what there is to do. Worked out once for a report. */
#include "check/report.h"

#include <stdlib.h>

enum { CHAIN = 8 };

static size_t index_of(const struct sw_report_view *v, const struct sw_finding *f)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->list[i] == f)
			return i;
	return SW_REPORT_NONE;
}

/* Chains are flat: what follows from a consequence stands below the first cause. Of a circle nothing is a consequence. */
static void flatten(struct sw_report_view *v, const size_t *direct)
{
	for (size_t i = 0; i < v->n; i++) {
		size_t c = direct[i];

		for (unsigned hops = 0; c != SW_REPORT_NONE && c != i && hops < CHAIN && direct[c] != SW_REPORT_NONE; hops++)
			c = direct[c];
		v->cause[i] = c == i ? SW_REPORT_NONE : c;
	}
}

static bool same(const struct sw_finding *a, const struct sw_finding *b)
{
	return a->id == b->id && a->status == b->status && !strcmp(sw_finding_todo(a), sw_finding_todo(b));
}

static void gather_todo(struct sw_report_view *v)
{
	static const enum sw_check_status order[] = { SW_CHECK_FAIL, SW_CHECK_UNKNOWN, SW_CHECK_WARN };

	for (size_t s = 0; s < sizeof(order) / sizeof(order[0]); s++)
		for (size_t i = 0; i < v->n; i++) {
			size_t first = v->n_todo;

			if (v->list[i]->status != order[s] || v->cause[i] != SW_REPORT_NONE)
				continue;
			for (size_t k = 0; k < v->n_todo && first == v->n_todo; k++)
				if (v->todo[k].first == k && same(v->list[v->todo[k].finding], v->list[i]))
					first = k;
			v->todo[v->n_todo++] = (struct sw_report_todo){ .finding = i, .first = first };
		}
}

int sw_report_view_init(struct sw_report_view *v, const struct sw_report *r)
{
	size_t *direct;

	*v = (struct sw_report_view){ 0 };
	v->list = sw_check_findings(r->check, &v->n);
	v->cause = calloc(v->n + 1, sizeof(*v->cause));
	v->todo = calloc(v->n + 1, sizeof(*v->todo));
	direct = calloc(v->n + 1, sizeof(*direct));
	if (!v->cause || !v->todo || !direct) {
		free(direct);
		sw_report_view_free(v);
		return SW_ENOMEM;
	}
	for (size_t i = 0; i < v->n; i++)
		direct[i] = index_of(v, sw_finding_cause(v->list, v->n, v->list[i]));
	flatten(v, direct);
	free(direct);
	gather_todo(v);
	return SW_OK;
}

void sw_report_view_free(struct sw_report_view *v)
{
	free(v->cause);
	free(v->todo);
	*v = (struct sw_report_view){ 0 };
}

/* A server that several domains lead to is looked at for each, and named once. */
static bool named(const struct sw_report_view *v, size_t nth, size_t k)
{
	for (size_t j = nth; j < k; j++)
		if (v->todo[j].first == nth && !strcmp(v->list[v->todo[j].finding]->subject, v->list[v->todo[k].finding]->subject))
			return true;
	return false;
}

void sw_report_view_subjects(const struct sw_report_view *v, size_t nth, void (*write)(struct sw_buf *out, const char *s), struct sw_buf *out)
{
	size_t told = 0, more = 0;

	for (size_t k = nth; k < v->n_todo; k++) {
		if (v->todo[k].first != nth || named(v, nth, k))
			continue;
		if (told == 4) {
			more++;
			continue;
		}
		sw_buf_str(out, told++ ? ", " : "");
		write(out, v->list[v->todo[k].finding]->subject);
	}
	if (more)
		sw_buf_printf(out, " and %zu more", more);
}
