/* SPDX-License-Identifier: Apache-2.0 */
/* What the reports share: escaping, times, and which finding follows from which. */
#include "check/report.h"

#include <stdio.h>
#include <time.h>

const char sw_report_names[] = "text, json, jsonl, junit, html, nagios, prom";

sw_report_fn *sw_report_by_name(const char *name)
{
	static const struct {
		const char *name;
		sw_report_fn *fn;
	} forms[] = {
		{ "text", sw_report_text }, { "json", sw_report_json },     { "jsonl", sw_report_jsonl }, { "junit", sw_report_junit },
		{ "html", sw_report_html }, { "nagios", sw_report_nagios }, { "prom", sw_report_prom },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (!strcmp(name, forms[i].name))
			return forms[i].fn;
	return NULL;
}

/* --- escaping --- */

enum { BAD = 0xfffd };

/* The next character; what is not UTF-8 is BAD, a byte at a time. */
static unsigned next(const unsigned char **s)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = *s;
	unsigned n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
	unsigned c = n == 1 ? p[0] : n ? p[0] & (0x7fu >> n) : BAD;

	*s = p + 1;
	for (unsigned i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return BAD;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (n == 0 || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return BAD;
	*s = p + n;
	return c;
}

/* What a terminal, or the order of a line, would act upon. */
static bool acts(unsigned c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

void sw_report_plain(struct sw_buf *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		const unsigned char *from = s;
		unsigned c = next(&s);

		if (c == BAD || acts(c))
			sw_buf_str(out, ".");
		else
			sw_buf_put(out, from, (size_t)(s - from));
	}
}

void sw_report_xml(struct sw_buf *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		const unsigned char *from = s;
		unsigned c = next(&s);

		if (c == '&')
			sw_buf_str(out, "&amp;");
		else if (c == '<')
			sw_buf_str(out, "&lt;");
		else if (c == '>')
			sw_buf_str(out, "&gt;");
		else if (c == '"')
			sw_buf_str(out, "&quot;");
		else if (c == '\'')
			sw_buf_str(out, "&#39;");
		else if (c == '\n' || c == '\t')
			sw_buf_put(out, from, 1);
		else if (c == BAD || acts(c))
			sw_buf_str(out, "\xef\xbf\xbd");
		else
			sw_buf_put(out, from, (size_t)(s - from));
	}
}

bool sw_report_read_time(const char *text, int64_t *t)
{
	struct tm tm = { 0 };
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;

	if (!end || *end)
		return false;
	*t = (int64_t)timegm(&tm);
	return true;
}

const char *sw_finding_evidence(const struct sw_finding *f, const char *key)
{
	for (size_t i = 0; i < f->n_evidence; i++)
		if (!strcmp(f->evidence[i].key, key))
			return f->evidence[i].value;
	return NULL;
}

/* --- which finding follows from which --- */

/*
 * A row says: while cause is not fine, effect is its consequence, if it is no worse. Ids are globs. A cause of the same subject counts; scope HOST
 * also takes one whose subject begins with the same host, ANY takes any.
 */
static const struct {
	const char *effect, *cause;
	enum { SUBJECT, HOST, ANY } scope;
} follows[] = {
#define SW_FOLLOWS(effect, cause, scope) { effect, cause, scope },
#include "check/follows.def"
#undef SW_FOLLOWS
};

/* The name at the start: up to a port, an address in brackets or a space. */
static size_t host_len(const char *s)
{
	return strcspn(s, ": [");
}

static bool near(const char *a, const char *b, int scope)
{
	size_t n = host_len(a);

	return scope == ANY || !strcmp(a, b) || (scope == HOST && n && n == host_len(b) && !strncasecmp(a, b, n));
}

const struct sw_finding *sw_finding_cause(const struct sw_finding *const *list, size_t n, const struct sw_finding *f)
{
	const char *id = sw_finding_name(f->id);

	if (!sw_finding_is_bad(f))
		return NULL;
	for (size_t r = 0; r < sizeof(follows) / sizeof(follows[0]); r++) {
		if (!sw_str_glob(sw_str_of(follows[r].effect), sw_str_of(id), false))
			continue;
		for (size_t i = 0; i < n; i++)
			if (list[i] != f && (list[i]->status == SW_CHECK_FAIL || (list[i]->status == SW_CHECK_WARN && f->status != SW_CHECK_FAIL)) &&
			    sw_str_glob(sw_str_of(follows[r].cause), sw_str_of(sw_finding_name(list[i]->id)), false) &&
			    !sw_str_glob(sw_str_of(follows[r].effect), sw_str_of(sw_finding_name(list[i]->id)), false) &&
			    near(f->subject, list[i]->subject, (int)follows[r].scope))
				return list[i];
	}
	return NULL;
}
