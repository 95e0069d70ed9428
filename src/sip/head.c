/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/head.h"

#include <stdlib.h>

static const struct {
	struct sw_str name;
	enum sw_hdr id;
} names[] = {
#define NAME(text, id) { { text, sizeof(text) - 1 }, SW_HDR_##id }
	NAME("Via", VIA),
	NAME("Route", ROUTE),
	NAME("Record-Route", RECORD_ROUTE),
	NAME("Max-Forwards", MAX_FORWARDS),
	NAME("Proxy-Require", PROXY_REQUIRE),
	NAME("From", FROM),
	NAME("To", TO),
	NAME("Call-ID", CALL_ID),
	NAME("CSeq", CSEQ),
	NAME("Contact", CONTACT),
	NAME("Timestamp", TIMESTAMP),
	NAME("Retry-After", RETRY_AFTER),
	NAME("Privacy", PRIVACY),
	NAME("Content-Length", CONTENT_LENGTH),
	NAME("Content-Type", CONTENT_TYPE),
	NAME("Content-Encoding", CONTENT_ENCODING),
	NAME("Content-Disposition", CONTENT_DISPOSITION),
	NAME("Content-Language", CONTENT_LANGUAGE),
	NAME("P-Asserted-Identity", PAI),
	NAME("P-Preferred-Identity", PPI),
	NAME("Remote-Party-ID", RPID),
	NAME("Diversion", DIVERSION),
	NAME("Referred-By", REFERRED_BY),
	NAME("History-Info", HISTORY_INFO),
	NAME("P-Access-Network-Info", P_OTHER),
#undef NAME
};

/* The registered compact forms, by letter. */
static const char *const compact[26] = {
	['a' - 'a'] = "Accept-Contact",
	['b' - 'a'] = "Referred-By",
	['c' - 'a'] = "Content-Type",
	['d' - 'a'] = "Request-Disposition",
	['e' - 'a'] = "Content-Encoding",
	['f' - 'a'] = "From",
	['i' - 'a'] = "Call-ID",
	['j' - 'a'] = "Reject-Contact",
	['k' - 'a'] = "Supported",
	['l' - 'a'] = "Content-Length",
	['m' - 'a'] = "Contact",
	['n' - 'a'] = "Identity-Info",
	['o' - 'a'] = "Event",
	['r' - 'a'] = "Refer-To",
	['s' - 'a'] = "Subject",
	['t' - 'a'] = "To",
	['u' - 'a'] = "Allow-Events",
	['v' - 'a'] = "Via",
	['x' - 'a'] = "Session-Expires",
	['y' - 'a'] = "Identity",
};

bool sw_is_token_char(char c)
{
	/* alphanum and -.!%*_+`'~ as one bit each: it is asked of every byte of a header's name */
	static const uint64_t set[2] = { 0x03ff6ca200000000, 0x47ffffff87fffffe };
	unsigned char u = (unsigned char)c;

	return u < 128 && (set[u >> 6] >> (u & 63) & 1);
}

bool sw_is_token(struct sw_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!sw_is_token_char(s.p[i]))
			return false;
	return s.n > 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct sw_str sw_trim(struct sw_str s)
{
	while (s.n && is_space(*s.p)) {
		s.p++;
		s.n--;
	}
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

static struct sw_str from_to(const char *a, const char *b)
{
	return (struct sw_str){ a, (size_t)(b - a) };
}

static const char *find(struct sw_str s, char c)
{
	return s.n ? memchr(s.p, c, s.n) : NULL;
}

struct sw_str sw_line_name(struct sw_str line)
{
	const char *colon = find(line, ':');

	return colon ? sw_trim(from_to(line.p, colon)) : (struct sw_str){ line.p, 0 };
}

struct sw_str sw_line_value(struct sw_str line)
{
	const char *colon = find(line, ':');

	return colon ? sw_trim(from_to(colon + 1, line.p + line.n)) : (struct sw_str){ line.p, 0 };
}

static struct sw_str full_name(struct sw_str name)
{
	char c;

	if (name.n != 1)
		return name;
	c = name.p[0] | 0x20;
	return c >= 'a' && c <= 'z' && compact[c - 'a'] ? sw_str_of(compact[c - 'a']) : name;
}

bool sw_line_is(const struct sw_line *l, struct sw_str full)
{
	return sw_str_ieq(full_name(l->name), full);
}

static enum sw_hdr id_of(struct sw_str name)
{
	const struct sw_str charging = SW_STR("P-Charging-");

	name = full_name(name);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sw_str_ieq(name, names[i].name))
			return names[i].id;
	if (name.n > charging.n && sw_str_ieq((struct sw_str){ name.p, charging.n }, charging))
		return SW_HDR_P_OTHER;
	return SW_HDR_OTHER;
}

static void index_line(struct sw_head *h, struct sw_str whole)
{
	struct sw_line *l = &h->lines[h->n++];
	const char *colon = find(whole, ':');

	*l = (struct sw_line){ .id = SW_HDR_BAD, .name = { whole.p, 0 }, .value = { whole.p, 0 }, .whole = whole };
	if (colon) {
		/* HCOLON takes blanks before the colon, not a fold. */
		struct sw_str name = sw_str_trim(from_to(whole.p, colon));

		if (sw_is_token(name)) {
			l->name = name;
			l->value = sw_line_value(whole);
			l->id = id_of(name);
		}
	}
	h->count[l->id]++;
}

/* The length of the line at p with its CRLF, 0 when there is none; control bytes end it as well. */
static size_t line_len(const char *p, size_t n)
{
	const char *lf = memchr(p, '\n', n);
	size_t len = lf ? (size_t)(lf - p) + 1 : 0;

	if (len < 2 || p[len - 2] != '\r' || memchr(p, '\0', len) || memchr(p, '\r', len) != p + len - 2)
		return 0;
	return len;
}

static size_t count_char(struct sw_str s, char c, size_t max)
{
	size_t n = 0;

	for (const char *p; n <= max && (p = find(s, c)); n++)
		s = from_to(p + 1, s.p + s.n);
	return n;
}

static int index_lines(struct sw_head *h, struct sw_str text, const char **why)
{
	const char *p = text.p + h->start.n + 2, *end = text.p + text.n;

	while (p < end) {
		size_t n = line_len(p, (size_t)(end - p));

		if (n == 0) {
			*why = "a bare CR or LF, a NUL, or a line cut short";
			return SW_EPARSE;
		}
		if (n == 2) {
			h->whole = true;
			p += 2;
			break;
		}
		while (p + n < end && (p[n] == ' ' || p[n] == '\t')) {
			size_t more = line_len(p + n, (size_t)(end - p) - n);

			if (more == 0) {
				*why = "a bare CR or LF, a NUL, or a line cut short";
				return SW_EPARSE;
			}
			n += more;
		}
		if (h->n == SW_HEAD_LINES_MAX || (size_t)(p - text.p) + n > SW_HEAD_BYTES_MAX) {
			*why = "too many header lines or bytes";
			return SW_EPARSE;
		}
		index_line(h, (struct sw_str){ p, n });
		p += n;
	}
	h->len = (size_t)(p - text.p);
	if (count_char((struct sw_str){ text.p, h->len }, ',', SW_HEAD_COMMAS_MAX) > SW_HEAD_COMMAS_MAX) {
		*why = "too many commas";
		return SW_EPARSE;
	}
	return SW_OK;
}

/* An upper bound: lines of the body are not looked at, so the header block's end is found first. */
static size_t count_lines(struct sw_str text)
{
	size_t n = 0;

	for (const char *p; n < SW_HEAD_LINES_MAX && (p = find(text, '\n')); n++) {
		text = from_to(p + 1, text.p + text.n);
		if (text.n && text.p[0] == '\r')
			break;
	}
	return n + 1;
}

int sw_head_index(struct sw_head *h, struct sw_str text, const char **why)
{
	size_t n = text.n ? line_len(text.p, text.n) : 0;
	int err;

	*h = (struct sw_head){ 0 };
	if (n <= 2 || n > SW_HEAD_BYTES_MAX) {
		*why = "no start line";
		return SW_EPARSE;
	}
	if (n < text.n && (text.p[n] == ' ' || text.p[n] == '\t')) {
		*why = "a folded start line";
		return SW_EPARSE;
	}
	h->start = (struct sw_str){ text.p, n - 2 };
	h->lines = malloc(count_lines(text) * sizeof(*h->lines));
	if (!h->lines)
		return SW_ENOMEM;
	err = index_lines(h, text, why);
	if (err < 0)
		sw_head_free(h);
	return err;
}

void sw_head_free(struct sw_head *h)
{
	free(h->lines);
	*h = (struct sw_head){ 0 };
}

const struct sw_line *sw_head_find(const struct sw_head *h, enum sw_hdr id)
{
	for (size_t i = 0; h->count[id] && i < h->n; i++)
		if (h->lines[i].id == id)
			return &h->lines[i];
	return NULL;
}

const struct sw_line *sw_head_by_name(const struct sw_head *h, struct sw_str full)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->lines[i].id != SW_HDR_BAD && sw_line_is(&h->lines[i], full))
			return &h->lines[i];
	return NULL;
}

/* p is at '"', '<' or '(': returns what follows its end, or NULL when it has none. */
static const char *skip_opaque(const char *p, const char *end)
{
	char open = *p++, close = open == '<' ? '>' : open == '(' ? ')' : '"';
	size_t depth = 1;

	for (; p < end; p++) {
		if (*p == '\\' && open != '<') {
			p++;
		} else if (*p == close) {
			if (--depth == 0)
				return p + 1;
		} else if (*p == '(' && open == '(') {
			depth++;
		}
	}
	return NULL;
}

bool sw_values_next(struct sw_values *w, struct sw_str *out)
{
	while (w->rest.n && !w->bad) {
		const char *start = w->rest.p, *end = start + w->rest.n, *p = start;

		while (p && p < end && *p != ',')
			p = *p == '"' || *p == '<' || (*p == '(' && w->comments) ? skip_opaque(p, end) : p + 1;
		if (!p) {
			w->bad = true;
			return false;
		}
		w->rest = p < end ? from_to(p + 1, end) : (struct sw_str){ end, 0 };
		*out = sw_trim(from_to(start, p));
		if (out->n)
			return true;
	}
	return false;
}

bool sw_piece_next(struct sw_str *rest, struct sw_piece *out)
{
	const char *start = rest->p, *end = start + rest->n, *p = start;
	struct sw_str s;

	if (rest->n == 0)
		return false;
	if (*p == '(') {
		p = skip_opaque(p, end);
	} else {
		p += *p == ';';
		while (p && p < end && *p != ';' && *p != '(')
			p = *p == '"' || *p == '<' ? skip_opaque(p, end) : p + 1;
	}
	if (!p)
		p = end;
	*out = (struct sw_piece){ .text = from_to(start, p) };
	*rest = from_to(p, end);
	if (*start == ';') {
		const char *eq;

		s = from_to(start + 1, p);
		eq = find(s, '=');
		out->name = sw_trim(eq ? from_to(s.p, eq) : s);
		if (eq)
			out->value = sw_trim(from_to(eq + 1, p));
	}
	return true;
}

/* *(token LWS) before '<': bytes above 0x7f are let through, as display names in the wild carry them. */
static bool is_token_display(struct sw_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!sw_is_token_char(s.p[i]) && !is_space(s.p[i]) && !(s.p[i] & 0x80))
			return false;
	return true;
}

bool sw_is_uri_text(struct sw_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || strchr("<>\"", s.p[i]))
			return false;
	return s.n > 0;
}

bool sw_name_addr_read(struct sw_str value, struct sw_name_addr *out)
{
	struct sw_str v = sw_trim(value);
	const char *end = v.p + v.n, *p = v.p, *close;

	*out = (struct sw_name_addr){ .display = { v.p, 0 } };
	if (v.n && *p == '"') {
		p = skip_opaque(p, end);
		if (!p)
			return false;
		out->display = from_to(v.p, p);
		while (p < end && is_space(*p))
			p++;
		if (p == end || *p != '<')
			return false;
	} else {
		const char *lt = find(v, '<');

		if (lt) {
			out->display = sw_trim(from_to(v.p, lt));
			if (!is_token_display(out->display))
				return false;
			p = lt;
		}
	}
	if (p < end && *p == '<') {
		close = find(from_to(p, end), '>');
		if (!close)
			return false;
		out->brackets = true;
		out->uri = from_to(p + 1, close);
		out->params = sw_trim(from_to(close + 1, end));
	} else {
		/* addr-spec: what follows ';' belongs to the header (RFC 3261 20) */
		const char *semi = find(v, ';');

		out->uri = sw_trim(from_to(v.p, semi ? semi : end));
		out->params = semi ? from_to(semi, end) : (struct sw_str){ end, 0 };
	}
	return sw_is_uri_text(out->uri) && (out->params.n == 0 || *out->params.p == ';');
}
