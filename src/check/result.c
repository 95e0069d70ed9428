/* SPDX-License-Identifier: Apache-2.0 */
/* What a run found, in an order that is the same from run to run. */
#include "check/check_int.h"

#include <stdlib.h>

static int task_order(const void *a, const void *b)
{
	return sw_check_task_cmp(*(const struct sw_check_task *const *)a, *(const struct sw_check_task *const *)b);
}

/* Within one probe findings keep the order they were reported in: their place in its list decides. */
struct place {
	struct sw_finding *finding;
	size_t nth;
};

static int place_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	enum sw_stage s = sw_finding_stage(x->finding->id), t = sw_finding_stage(y->finding->id);

	if (s != t)
		return s < t ? -1 : 1;
	if (x->finding->order != y->finding->order)
		return x->finding->order < y->finding->order ? -1 : 1;
	return x->nth < y->nth ? -1 : x->nth > y->nth;
}

static size_t take(struct sw_check_task *t, struct place *places, size_t n)
{
	for (size_t i = 0; i < t->n_findings && n < SW_CHECK_FINDINGS; i++) {
		t->findings[i]->order = t->order;
		places[n] = (struct place){ t->findings[i], n };
		n++;
	}
	return n;
}

int sw_check_gather(struct sw_check *c)
{
	struct sw_check_task **tasks = calloc(c->n_tasks + 1, sizeof(struct sw_check_task *));
	size_t n = 0, n_tasks = 0, total = c->root.n_findings;
	struct place *places = NULL;
	int err = SW_ENOMEM;

	for (size_t i = 0; tasks && i < c->n_tasks; i++) {
		/* One that hangs still owns its findings. */
		if (!c->tasks[i]->ended)
			continue;
		tasks[n_tasks++] = c->tasks[i];
		total += c->tasks[i]->n_findings;
	}
	if (tasks)
		places = calloc(total + 1, sizeof(*places));
	if (places)
		c->findings = calloc(total + 1, sizeof(struct sw_finding *));
	if (c->findings) {
		qsort(tasks, n_tasks, sizeof(struct sw_check_task *), task_order);
		n = take(&c->root, places, n);
		for (size_t i = 0; i < n_tasks; i++) {
			tasks[i]->order = i + 1;
			n = take(tasks[i], places, n);
		}
		qsort(places, n, sizeof(*places), place_order);
		for (size_t i = 0; i < n; i++)
			c->findings[i] = places[i].finding;
		c->n_findings = n;
		err = SW_OK;
	}
	free(places);
	free(tasks);
	return err;
}

const struct sw_finding *const *sw_check_findings(const struct sw_check *c, size_t *n)
{
	*n = c->n_findings;
	return (const struct sw_finding *const *)c->findings;
}

void sw_check_summary(const struct sw_check *c, struct sw_check_summary *out)
{
	*out = (struct sw_check_summary){ .ms = c->ended - c->began, .stopped = c->stopped, .out_of_time = c->out_of_time };
	for (size_t i = 0; i < c->n_findings; i++)
		out->n[c->findings[i]->status]++;
	for (size_t i = 0; i < c->n_tasks; i++)
		out->stuck += c->tasks[i]->begun && !c->tasks[i]->ended;
}

int sw_check_exit(const struct sw_check *c, bool fail_on_warn)
{
	struct sw_check_summary s;

	sw_check_summary(c, &s);
	if (s.stopped)
		return 3;
	if (s.n[SW_CHECK_FAIL])
		return 2;
	/* Nothing looked at has not passed. */
	if (s.out_of_time || s.n[SW_CHECK_UNKNOWN] || s.n[SW_CHECK_PASS] + s.n[SW_CHECK_WARN] == 0)
		return 3;
	return fail_on_warn && s.n[SW_CHECK_WARN] ? 1 : 0;
}
