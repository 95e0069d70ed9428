/* SPDX-License-Identifier: Apache-2.0 */
#include "core/diag.h"

#include <stdio.h>
#include <stdlib.h>

enum { DIAG_MAX = 200 };

void sw_diag_init(struct sw_diag *d)
{
	*d = (struct sw_diag){ 0 };
}

void sw_diag_free(struct sw_diag *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->entries[i].file);
		free(d->entries[i].text);
	}
	free(d->entries);
	*d = (struct sw_diag){ 0 };
}

void sw_diag_add(struct sw_diag *d, enum sw_diag_level level, const char *file, int line, const char *fmt, ...)
{
	struct sw_diag_entry *e;
	va_list ap;

	if (!d)
		return;
	d->errors += level == SW_DIAG_ERROR;
	d->warnings += level == SW_DIAG_WARN;
	if (d->n == DIAG_MAX)
		return;
	e = reallocarray(d->entries, d->n + 1, sizeof(*e));
	if (!e)
		return;
	d->entries = e;
	e += d->n;
	*e = (struct sw_diag_entry){ .level = level, .line = line };
	if (file && !(e->file = strdup(file)))
		return;
	va_start(ap, fmt);
	if (vasprintf(&e->text, fmt, ap) < 0)
		e->text = NULL;
	va_end(ap);
	if (!e->text) {
		free(e->file);
		return;
	}
	d->n++;
}

void sw_diag_print(const struct sw_diag *d, struct sw_buf *out)
{
	static const char *const level[] = { "error", "warning", "note" };

	for (size_t i = 0; i < d->n; i++) {
		const struct sw_diag_entry *e = &d->entries[i];

		if (e->file && e->line > 0)
			sw_buf_printf(out, "%s:%d: ", e->file, e->line);
		else if (e->file)
			sw_buf_printf(out, "%s: ", e->file);
		sw_buf_printf(out, "%s: %s\n", level[e->level], e->text);
	}
	if (d->errors + d->warnings > d->n)
		sw_buf_printf(out, "... and more: %zu errors, %zu warnings in all\n", d->errors, d->warnings);
}
