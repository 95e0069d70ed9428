/* SPDX-License-Identifier: Apache-2.0 */
#include "check/baseline.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { REPORT_MAX = 64 << 20 };

struct sw_baseline_row {
	char *id, *subject, *status, *found;
	bool seen;
};

const char *sw_change_name(enum sw_change_kind k)
{
	static const char *const names[] = { "new", "gone", "changed" };

	return names[k];
}

static char *copy(const char *s)
{
	return s ? sw_str_dup(sw_str_of(s)) : NULL;
}

void sw_baseline_free(struct sw_baseline *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_rows; i++) {
		free(b->rows[i].id);
		free(b->rows[i].subject);
		free(b->rows[i].status);
		free(b->rows[i].found);
	}
	for (size_t i = 0; i < b->n_changes; i++) {
		struct sw_change *c = &b->changes[i];

		free(c->id);
		free(c->subject);
		free(c->was);
		free(c->now);
		free(c->was_found);
		free(c->now_found);
	}
	free(b->rows);
	free(b->changes);
	free(b->path);
	free(b->started);
	free(b);
}

static int read_rows(struct sw_baseline *b, const json_t *results)
{
	size_t n = json_array_size(results);

	b->rows = calloc(n + 1, sizeof(*b->rows));
	if (!b->rows)
		return SW_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(results, i);
		const char *id = json_string_value(json_object_get(o, "id")), *subject = json_string_value(json_object_get(o, "subject")),
			   *status = json_string_value(json_object_get(o, "status"));
		struct sw_baseline_row *row = &b->rows[b->n_rows];

		if (!id || !subject || !status)
			return SW_EPARSE;
		b->n_rows++;
		*row = (struct sw_baseline_row){ copy(id), copy(subject), copy(status), copy(json_string_value(json_object_get(o, "found"))), false };
		if (!row->id || !row->subject || !row->status)
			return SW_ENOMEM;
	}
	return SW_OK;
}

static int read_file(const char *path, json_t **out, char why[200])
{
	json_error_t e;
	FILE *f = fopen(path, "re");

	if (!f) {
		snprintf(why, 200, "%s", strerror(errno));
		return SW_ENOTFOUND;
	}
	if (fseek(f, 0, SEEK_END) == 0 && ftell(f) > REPORT_MAX) {
		snprintf(why, 200, "it is larger than any report");
		fclose(f);
		return SW_EPARSE;
	}
	rewind(f);
	*out = json_loadf(f, JSON_REJECT_DUPLICATES, &e);
	fclose(f);
	if (!*out)
		snprintf(why, 200, "line %d: %.150s", e.line, e.text);
	return *out ? SW_OK : SW_EPARSE;
}

int sw_baseline_load(struct sw_baseline **out, const char *path, char why[200])
{
	struct sw_baseline *b = calloc(1, sizeof(*b));
	json_t *root = NULL, *results;
	const char *started;
	int err = b ? read_file(path, &root, why) : SW_ENOMEM;

	if (err == SW_OK) {
		results = json_object_get(root, "results");
		started = json_string_value(json_object_get(root, "started"));
		if (json_is_array(results) && started) {
			b->path = copy(path);
			b->started = copy(started);
			err = b->path && b->started ? read_rows(b, results) : SW_ENOMEM;
		} else {
			err = SW_EPARSE;
		}
		if (err == SW_EPARSE)
			snprintf(why, 200, "it is no report of \"sipward check -o json\"");
	}
	if (err == SW_ENOMEM)
		snprintf(why, 200, "%s", sw_error_text(err));
	json_decref(root);
	if (err == SW_OK)
		*out = b;
	else
		sw_baseline_free(b);
	return err;
}

/* --- comparing --- */

/* Text with every figure as one '#': "in 29 days" is "in 28 days". */
static bool same_but_figures(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			while (isdigit((unsigned char)*a) || (*a == '.' && isdigit((unsigned char)a[1])))
				a++;
			while (isdigit((unsigned char)*b) || (*b == '.' && isdigit((unsigned char)b[1])))
				b++;
		} else if (*a++ != *b++) {
			return false;
		}
	}
	return !*a && !*b;
}

static int add(struct sw_baseline *b, enum sw_change_kind kind, const char *id, const char *subject, const struct sw_baseline_row *was,
	       const struct sw_finding *now)
{
	struct sw_change *c = &b->changes[b->n_changes++];

	*c = (struct sw_change){ .kind = kind, .id = copy(id), .subject = copy(subject) };
	c->was = was ? copy(was->status) : NULL;
	c->was_found = was ? copy(was->found) : NULL;
	c->now = now ? copy(sw_check_status_name(now->status)) : NULL;
	c->now_found = now ? copy(now->found) : NULL;
	return c->id && c->subject && (!was || c->was) && (!now || c->now) ? SW_OK : SW_ENOMEM;
}

/* The first one not used yet: so the n-th of equals is compared with the n-th. */
static struct sw_baseline_row *row_of(struct sw_baseline *b, const struct sw_finding *f)
{
	for (size_t i = 0; i < b->n_rows; i++)
		if (!b->rows[i].seen && !strcmp(b->rows[i].id, sw_finding_name(f->id)) && !strcmp(b->rows[i].subject, f->subject))
			return &b->rows[i];
	return NULL;
}

int sw_baseline_compare(struct sw_baseline *b, const struct sw_check *c)
{
	size_t n;
	const struct sw_finding *const *list = sw_check_findings(c, &n);
	int err = SW_OK;

	b->changes = calloc(n + b->n_rows + 1, sizeof(*b->changes));
	if (!b->changes)
		return SW_ENOMEM;
	for (size_t i = 0; err == SW_OK && i < n; i++) {
		struct sw_baseline_row *row = row_of(b, list[i]);

		if (row)
			row->seen = true;
		if (!row)
			err = add(b, SW_CHANGE_NEW, sw_finding_name(list[i]->id), list[i]->subject, NULL, list[i]);
		else if (strcmp(row->status, sw_check_status_name(list[i]->status)) || !same_but_figures(row->found, list[i]->found))
			err = add(b, SW_CHANGE_CHANGED, row->id, row->subject, row, list[i]);
	}
	for (size_t i = 0; err == SW_OK && i < b->n_rows; i++)
		if (!b->rows[i].seen)
			err = add(b, SW_CHANGE_GONE, b->rows[i].id, b->rows[i].subject, &b->rows[i], NULL);
	return err;
}
