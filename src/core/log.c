/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048, VALUE_MAX_BYTES = 400 };

static const char *const level_names[] = { "error", "warn", "info", "debug", "trace" };
static atomic_int level_now = SW_LOG_INFO;
static const char *process_name;  /* set once, before threads */

void sw_log_init(const char *process, enum sw_log_level level)
{
	process_name = process;
	sw_log_set_level(level);
}

void sw_log_set_level(enum sw_log_level level)
{
	atomic_store(&level_now, (int)level);
}

bool sw_log_wants(enum sw_log_level level)
{
	return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

const char *sw_log_level_name(enum sw_log_level level)
{
	return level_names[(unsigned)level < 5 ? level : 0];
}

int sw_log_level_by_name(const char *name, enum sw_log_level *out)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
		if (!strcmp(name, level_names[i])) {
			*out = (enum sw_log_level)i;
			return SW_OK;
		}
	return SW_EINVALID;
}

struct line {
	char text[LINE_MAX_BYTES];
	size_t n;
};

static void put(struct line *l, char c)
{
	if (l->n < sizeof(l->text) - 2)
		l->text[l->n++] = c;
}

static void puts_raw(struct line *l, const char *s)
{
	while (*s)
		put(l, *s++);
}

static bool is_plain(struct sw_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return false;
	}
	return s.n > 0;
}

/* Everything that is not printable ASCII leaves as \xHH: a peer must not write our lines, nor the operator's terminal. */
static void put_value(struct line *l, struct sw_str s)
{
	static const char hex[] = "0123456789abcdef";
	bool cut = s.n > VALUE_MAX_BYTES;

	if (cut)
		s.n = VALUE_MAX_BYTES;
	if (!cut && is_plain(s)) {
		for (size_t i = 0; i < s.n; i++)
			put(l, s.p[i]);
		return;
	}
	put(l, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"' || c == '\\') {
			put(l, '\\');
			put(l, (char)c);
		} else if (c >= ' ' && c < 0x7f) {
			put(l, (char)c);
		} else {
			puts_raw(l, "\\x");
			put(l, hex[c >> 4]);
			put(l, hex[c & 15]);
		}
	}
	puts_raw(l, cut ? "...\"" : "\"");
}

static void put_field(struct line *l, const struct sw_field *f)
{
	char num[32];

	if (f->type == SW_FIELD_NONE || (f->type == SW_FIELD_STR && !f->s.p) || (f->type == SW_FIELD_ID && !f->u))
		return;
	put(l, ' ');
	puts_raw(l, f->key);
	put(l, '=');
	switch (f->type) {
	case SW_FIELD_STR:
		put_value(l, f->s);
		return;
	case SW_FIELD_INT:
		snprintf(num, sizeof(num), "%" PRId64, f->i);
		break;
	case SW_FIELD_UINT:
		snprintf(num, sizeof(num), "%" PRIu64, f->u);
		break;
	case SW_FIELD_ID:
		snprintf(num, sizeof(num), "%016" PRIx64, f->u);
		break;
	case SW_FIELD_NONE:
		return;
	}
	puts_raw(l, num);
}

void sw_log_fields(enum sw_log_level level, const char *event, const struct sw_field *f, size_t n)
{
	struct line l = { .n = 0 };
	struct timespec ts;
	struct tm tm;
	char stamp[128];
	ssize_t ignored;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	snprintf(stamp, sizeof(stamp), "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		 tm.tm_hour, tm.tm_min, tm.tm_sec, ts.tv_nsec / 1000000);
	puts_raw(&l, stamp);
	puts_raw(&l, " level=");
	puts_raw(&l, sw_log_level_name(level));
	if (process_name) {
		puts_raw(&l, " proc=");
		puts_raw(&l, process_name);
	}
	puts_raw(&l, " event=");
	puts_raw(&l, event);
	for (size_t i = 0; i < n; i++)
		put_field(&l, &f[i]);
	l.text[l.n++] = '\n';
	/* One write per line keeps lines whole between processes; a full or closed stderr must not stop the daemon. */
	ignored = write(STDERR_FILENO, l.text, l.n);
	(void)ignored;
}
