/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/outcome.h"

#include <stdio.h>

#include "core/log.h"

bool sw_outcome_quiet(const char *by)
{
	return !strcmp(by, "watch");
}

void sw_outcome_log(const struct sw_diag *d)
{
	for (size_t i = 0; i < d->n; i++)
		sw_log(d->entries[i].level == SW_DIAG_ERROR ? SW_LOG_ERROR : SW_LOG_WARN, "config", SW_S("file", d->entries[i].file),
		       SW_I("line", d->entries[i].line), SW_S("detail", d->entries[i].text));
}

static void one_line(struct sw_outcome *o, const struct sw_diag *d, int err)
{
	static const struct sw_diag_entry none = { 0 };
	const struct sw_diag_entry *e = &none;
	enum sw_log_level level = SW_LOG_WARN;
	char text[sizeof(o->last)];

	for (size_t i = 0; i < d->n && e == &none; i++)
		if (d->entries[i].level == SW_DIAG_ERROR)
			e = &d->entries[i];
	snprintf(text, sizeof(text), "%s: %s", e->file ? e->file : "", e->text ? e->text : sw_error_text(err));
	if (!strcmp(text, o->last))
		level = SW_LOG_DEBUG;
	sw_log(level, "reload.waiting", SW_S("file", e->file), SW_I("line", e->line), SW_S("detail", e->text ? e->text : sw_error_text(err)),
	       SW_U("errors", d->errors), SW_S("what", "files changed but do not fit together; it is tried again, and the old ones stay"));
	memcpy(o->last, text, sizeof(text));
}

void sw_outcome_refused(struct sw_outcome *o, const char *by, const struct sw_diag *d, int err)
{
	if (sw_outcome_quiet(by)) {
		one_line(o, d, err);
		return;
	}
	sw_outcome_log(d);
	sw_log(SW_LOG_ERROR, "reload.refused", SW_S("detail", "the old configuration stays"), SW_U("errors", d->errors),
	       SW_S("error", d->errors ? NULL : sw_error_text(err)));
}

void sw_outcome_good(struct sw_outcome *o)
{
	o->last[0] = '\0';
}

static void print_those(const struct sw_diag *d, bool errors, struct sw_buf *out)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct sw_diag one = { .entries = &d->entries[i], .n = 1 };

		if ((one.entries->level == SW_DIAG_ERROR) == errors)
			sw_diag_print(&one, out);
	}
}

void sw_outcome_brief(const struct sw_diag *d, int err, char *dst, size_t size)
{
	struct sw_buf text;

	sw_buf_init(&text, 0);
	print_those(d, true, &text);
	print_those(d, false, &text);
	if (text.len == 0)
		sw_buf_printf(&text, "%s\n", sw_error_text(err));
	sw_str_copy(dst, size, sw_buf_view(&text));
	sw_buf_free(&text);
}
