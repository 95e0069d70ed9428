/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What changed since an earlier report (its JSON). Findings are the same when id, subject and their place among those of the same
 * id and subject are; they changed when the status did, or what was found: figures apart, since times and days left always differ.
 */
#include "check/check.h"

enum sw_change_kind { SW_CHANGE_NEW, SW_CHANGE_GONE, SW_CHANGE_CHANGED };

struct sw_change {
	enum sw_change_kind kind;
	char *id, *subject;
	char *was, *now;             /* status, or NULL where there was none, or is none now */
	char *was_found, *now_found; /* or NULL */
};

struct sw_baseline {
	char *path, *started;
	struct sw_change *changes;   /* after sw_baseline_compare: gone as the earlier report had them, the others in the run's order */
	size_t n_changes;
	struct sw_baseline_row *rows;
	size_t n_rows;
};

/* SW_ENOTFOUND: can't be read; SW_EPARSE: is no report of ours. why tells. */
int sw_baseline_load(struct sw_baseline **out, const char *path, char why[200]) SW_MUSTCHECK;
int sw_baseline_compare(struct sw_baseline *b, const struct sw_check *c) SW_MUSTCHECK;
void sw_baseline_free(struct sw_baseline *b);
const char *sw_change_name(enum sw_change_kind k);
