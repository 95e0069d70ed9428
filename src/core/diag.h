/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Diagnostics for the operator: *all* errors and warnings of a configuration
 * or a set of files, each with where it is and what to do. The struct owns
 * its entries.
 */
#include "core/buf.h"

enum sw_diag_level { SW_DIAG_ERROR, SW_DIAG_WARN, SW_DIAG_NOTE };

struct sw_diag_entry {
	enum sw_diag_level level;
	char *file;   /* or NULL */
	int line;     /* 0: unknown */
	char *text;
};

struct sw_diag {
	struct sw_diag_entry *entries;
	size_t n;
	size_t errors;
	size_t warnings;
};

void sw_diag_init(struct sw_diag *d);
void sw_diag_free(struct sw_diag *d);
/* d may be NULL (nothing is kept). At most 200 entries are kept; errors are counted beyond. */
void sw_diag_add(struct sw_diag *d, enum sw_diag_level level, const char *file, int line, const char *fmt, ...) SW_PRINTF(5, 6);
/* "file:line: error: text" lines. */
void sw_diag_print(const struct sw_diag *d, struct sw_buf *out);
