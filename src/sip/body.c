/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a body a session description is. What could be one and can't be read for certain is said to be opaque, so that it is
 * refused: one that passes unread leads media round the relay. Hence the strictness about multipart bodies, too: what another
 * reader might cut differently is not cut at all.
 */
#include "sip/msg_int.h"

enum { BOUNDARY_MAX = 70, PARTS_MAX = 32, TYPE_MAX = 80 };

static struct sw_str from_to(const char *p, const char *end)
{
	return (struct sw_str){ p, (size_t)(end - p) };
}

/* "Application / SDP;charset=x" is "Application/SDP"; empty when it is longer than any type that matters. */
static struct sw_str bare_type(struct sw_str value, char room[TYPE_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < value.n && value.p[i] != ';'; i++) {
		if (strchr(" \t\r\n", value.p[i]))
			continue;
		if (n == TYPE_MAX)
			return (struct sw_str){ NULL, 0 };
		room[n++] = value.p[i];
	}
	return (struct sw_str){ room, n };
}

static bool begins(struct sw_str s, struct sw_str with)
{
	return s.n >= with.n && sw_str_ieq((struct sw_str){ s.p, with.n }, with);
}

/* One entity by its type: SDP, something else, a multipart (neither, yet), or what can hide one. */
enum kind { KIND_SDP, KIND_OTHER, KIND_MULTIPART, KIND_OPAQUE };

static enum kind kind_of(struct sw_str type)
{
	char room[TYPE_MAX];
	struct sw_str t = bare_type(type, room);

	if (sw_str_ieq(t, SW_STR("application/sdp")))
		return KIND_SDP;
	if (begins(t, SW_STR("multipart/")))
		return KIND_MULTIPART;
	for (size_t i = 0; i < t.n; i++)
		if (!sw_is_token_char(t.p[i]) && t.p[i] != '/')
			return KIND_OPAQUE;
	/* RFC 3261 23: tunnelled and encrypted messages. */
	if (t.n == 0 || sw_str_ieq(t, SW_STR("message/sip")) || begins(t, SW_STR("application/pkcs7-")) ||
	    begins(t, SW_STR("application/x-pkcs7-")) || begins(t, SW_STR("message/external-body")))
		return KIND_OPAQUE;
	return KIND_OTHER;
}

static bool plain_encoding(struct sw_str value)
{
	return sw_str_ieq(value, SW_STR("7bit")) || sw_str_ieq(value, SW_STR("8bit")) || sw_str_ieq(value, SW_STR("binary"));
}

/* --- multipart/mixed, RFC 2046 5.1 --- */

static bool boundary_of(struct sw_str type, struct sw_str *out)
{
	struct sw_str rest = type;
	struct sw_piece piece;
	size_t found = 0;

	sw_piece_next(&rest, &piece);
	while (sw_piece_next(&rest, &piece)) {
		if (piece.text.p[0] != ';')
			return false;  /* a comment: not everybody knows those */
		if (sw_str_ieq(piece.name, SW_STR("boundary"))) {
			*out = piece.value;
			found++;
		}
	}
	if (found != 1)
		return false;
	if (out->n >= 2 && out->p[0] == '"' && out->p[out->n - 1] == '"')
		*out = (struct sw_str){ out->p + 1, out->n - 2 };
	for (size_t i = 0; i < out->n; i++)
		if (out->p[i] < ' ' || out->p[i] == '"' || out->p[i] == '\\' || out->p[i] == 0x7f)
			return false;
	return out->n > 0 && out->n <= BOUNDARY_MAX && out->p[out->n - 1] != ' ';
}

/*
 * The next delimiter line from p on: at the body's start or behind a line's end. *line gets all of it, with the CRLF before. False:
 * there is none. A line that only begins like one, or ends in a bare LF, makes *clean false.
 */
static bool next_delimiter(struct sw_str body, const char *p, struct sw_str boundary, struct sw_str *line, bool *last, bool *clean)
{
	const char *end = body.p + body.n;

	for (; p < end; p++) {
		const char *at = p, *stop;

		if (end - p < (ptrdiff_t)boundary.n + 2 || memcmp(p, "--", 2) || memcmp(p + 2, boundary.p, boundary.n) ||
		    (p > body.p && p[-1] != '\n'))
			continue;
		*clean = p == body.p || (p - body.p >= 2 && p[-2] == '\r');
		if (p > body.p)
			at = p - 2;
		p += boundary.n + 2;
		*last = end - p >= 2 && !memcmp(p, "--", 2);
		if (*last)
			p += 2;
		for (stop = p; stop < end && (*stop == ' ' || *stop == '\t'); stop++)
			;
		if (end - stop >= 2 && !memcmp(stop, "\r\n", 2))
			stop += 2;
		else if (stop != end || !*last)
			*clean = false;
		*line = from_to(at, stop);
		return true;
	}
	return false;
}

/* Headers and content of a part. */
static enum kind part_kind(struct sw_str part, struct sw_str *content)
{
	const char *p = part.p, *end = part.p + part.n, *lf;
	enum kind kind = KIND_OTHER;
	bool typed = false;

	while (p < end && (lf = memchr(p, '\n', (size_t)(end - p)))) {
		struct sw_str line = from_to(p, lf + 1), name, value;

		p = lf + 1;
		if (line.n < 2 || lf[-1] != '\r' || memchr(line.p, '\0', line.n))
			return KIND_OPAQUE;
		if (line.n == 2) {
			*content = from_to(p, end);
			return kind;
		}
		name = sw_line_name(line);
		value = sw_line_value(line);
		/* A fold would hide from us what it continues; a length would be wrong after the rewriting. */
		if (name.n == 0 || line.p[0] == ' ' || line.p[0] == '\t' || sw_str_ieq(name, SW_STR("Content-Length")) ||
		    sw_str_ieq(name, SW_STR("l")) || sw_str_ieq(name, SW_STR("Content-Encoding")) || sw_str_ieq(name, SW_STR("e")))
			return KIND_OPAQUE;
		if (sw_str_ieq(name, SW_STR("Content-Transfer-Encoding")) && !plain_encoding(value))
			return KIND_OPAQUE;
		if (sw_str_ieq(name, SW_STR("Content-Type")) || sw_str_ieq(name, SW_STR("c"))) {
			if (typed)
				return KIND_OPAQUE;
			typed = true;
			kind = kind_of(value);
		}
	}
	return KIND_OPAQUE;  /* no end of the headers */
}

static enum sw_body multipart(struct sw_str type, struct sw_str body, struct sw_str *sdp)
{
	struct sw_str boundary, line, next, content;
	enum sw_body found = SW_BODY_OTHER;
	bool last = false, clean = false;

	if (!boundary_of(type, &boundary) || !next_delimiter(body, body.p, boundary, &line, &last, &clean) || !clean || last ||
	    line.p != body.p)
		return SW_BODY_OPAQUE;
	for (int i = 0; i < PARTS_MAX; i++) {
		const char *start = line.p + line.n;
		struct sw_str part;

		/* The CRLF before a delimiter is the delimiter's; the one that ends the last may be the header block's empty line. */
		if (!next_delimiter(body, start, boundary, &next, &last, &clean) || !clean || next.p < start)
			return SW_BODY_OPAQUE;
		part = from_to(start, next.p);
		switch (part_kind(part, &content)) {
		case KIND_SDP:
			if (found == SW_BODY_SDP)
				return SW_BODY_OPAQUE;  /* which of the two would be taken? */
			found = SW_BODY_SDP;
			*sdp = content;
			break;
		case KIND_OTHER:
			break;
		case KIND_MULTIPART:
		case KIND_OPAQUE:
			return SW_BODY_OPAQUE;
		}
		if (last)
			return found;
		line = next;
	}
	return SW_BODY_OPAQUE;
}

enum sw_body sw_msg_sdp(const struct sw_msg *m, struct sw_str *sdp)
{
	const struct sw_line *type = sw_head_find(&m->head, SW_HDR_CONTENT_TYPE);
	const struct sw_line *encoding = sw_head_find(&m->head, SW_HDR_CONTENT_ENCODING);
	struct sw_str body = sw_msg_body(m);
	enum kind kind;

	if (body.n == 0)
		return SW_BODY_OTHER;
	if (!type)
		return SW_BODY_OPAQUE;
	kind = kind_of(type->value);
	if (kind == KIND_OTHER)
		return SW_BODY_OTHER;
	if (kind == KIND_OPAQUE || (encoding && !sw_str_ieq(encoding->value, SW_STR("identity"))))
		return SW_BODY_OPAQUE;
	if (kind == KIND_MULTIPART)
		return multipart(type->value, body, sdp);
	*sdp = body;
	return SW_BODY_SDP;
}
