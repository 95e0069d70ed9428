/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message with its edits. Every line is copied as it came unless an edit is about it, and then only the value at fault is
 * cut: its neighbours on the same line keep their bytes.
 */
#include "sip/msg_int.h"

struct writer {
	const struct sw_msg *m;
	const struct sw_edits *e;
	struct sw_buf *out;
	size_t pop;             /* Route values still to drop */
	size_t last_route;      /* index of the last Route line + 1; 0: none */
	bool via_seen;
};

void sw_edits_init(struct sw_edits *e)
{
	*e = (struct sw_edits){ .max_forwards = -1, .rport = -1 };
}

static struct sw_str span(const char *a, const char *b)
{
	return (struct sw_str){ a, (size_t)(b - a) };
}

static const char *end_of(struct sw_str s)
{
	return s.p + s.n;
}

/* --- what can be asked --- */

static bool edits_fit_response(const struct sw_edits *e)
{
	return !e->pop_routes && !e->pop_last_route && !e->ruri && !e->push_route && !e->via && !e->record_route[0] && e->max_forwards < 0;
}

static bool edits_good(const struct sw_msg *m, const struct sw_edits *e)
{
	if (!m->passed || (m->request ? e->pop_via : !edits_fit_response(e)))
		return false;
	if (e->pop_routes + e->pop_last_route > sw_msg_route_count(m) || (e->pop_via && sw_msg_via_count(m) < 2) ||
	    e->max_forwards > 255 || e->rport > 65535)
		return false;
	if ((e->ruri && !sw_is_uri_text(sw_str_of(e->ruri))) || (e->push_route && !sw_is_uri_text(sw_str_of(e->push_route))) ||
	    !sw_is_clean(e->via) || !sw_is_clean(e->received))
		return false;
	for (size_t i = 0; i < SW_EDIT_RR_MAX && e->record_route[i]; i++)
		if (!sw_is_clean(e->record_route[i]))
			return false;
	for (size_t i = 0; i < sizeof(e->add) / sizeof(e->add[0]) && e->add[i]; i++)
		if (!sw_is_header_line(e->add[i]))
			return false;
	return true;
}

/* --- parts of lines --- */

static size_t values_of(const struct sw_line *l)
{
	struct sw_values w = { .rest = l->value, .comments = l->id == SW_HDR_VIA };
	struct sw_str v;
	size_t n = 0;

	while (sw_values_next(&w, &v))
		n++;
	return n;
}

/* The last Route line without its last value, and without its first ones as far as they go. */
static size_t write_without_last(struct sw_buf *out, const struct sw_line *l, size_t first)
{
	struct sw_values w = { .rest = l->value };
	struct sw_str v, begin = { NULL, 0 }, end = { NULL, 0 };
	size_t n = values_of(l), keep_from = first < n - 1 ? first : n - 1;

	for (size_t i = 0; i + 1 < n && sw_values_next(&w, &v); i++) {
		if (i == keep_from)
			begin = v;
		end = v;
	}
	if (begin.p) {
		sw_buf_slice(out, span(l->whole.p, l->value.p));
		sw_buf_slice(out, span(begin.p, end_of(end)));
		sw_buf_slice(out, SW_STR("\r\n"));
	}
	return keep_from;
}

/* The line without its first n values; nothing when none is left. Returns how many were dropped. */
static size_t write_without(struct sw_buf *out, const struct sw_line *l, size_t n)
{
	struct sw_values w = { .rest = l->value, .comments = l->id == SW_HDR_VIA };
	struct sw_str v;
	size_t dropped = 0;

	while (sw_values_next(&w, &v)) {
		if (dropped == n) {
			sw_buf_slice(out, span(l->whole.p, l->value.p));
			sw_buf_slice(out, span(v.p, end_of(l->whole)));
			return dropped;
		}
		dropped++;
	}
	return dropped;
}

/* The line with another value. */
static void write_value(struct sw_buf *out, const struct sw_line *l, struct sw_str value)
{
	sw_buf_slice(out, span(l->whole.p, l->value.p));
	sw_buf_slice(out, value);
	sw_buf_slice(out, span(end_of(l->value), end_of(l->whole)));
}

static void write_number(struct sw_buf *out, const struct sw_line *l, size_t n)
{
	char text[24];
	struct sw_str digits = { text + sizeof(text), 0 };

	do {
		*(char *)--digits.p = (char)('0' + n % 10);
		digits.n++;
		n /= 10;
	} while (n);
	write_value(out, l, digits);
}

void sw_write_top_via(struct sw_buf *out, const struct sw_line *l, const char *received, bool remove_received, int rport)
{
	struct sw_values w = { .rest = l->value, .comments = true };
	struct sw_piece piece;
	struct sw_str v, rest, base;

	if ((!received && !remove_received && rport < 0) || !sw_values_next(&w, &v)) {
		sw_buf_slice(out, l->whole);
		return;
	}
	rest = v;
	sw_piece_next(&rest, &piece);
	base = sw_trim(piece.text);
	sw_buf_slice(out, span(l->whole.p, end_of(base)));
	if (received)
		sw_buf_printf(out, ";received=%s", received);
	sw_buf_slice(out, span(end_of(base), end_of(piece.text)));
	while (sw_piece_next(&rest, &piece)) {
		if ((received || remove_received) && sw_str_ieq(piece.name, SW_STR("received")))
			continue;
		if (rport >= 0 && sw_str_ieq(piece.name, SW_STR("rport")))
			sw_buf_printf(out, ";rport=%d", rport);
		else
			sw_buf_slice(out, piece.text);
	}
	sw_buf_slice(out, span(end_of(v), end_of(l->whole)));
}

/* RFC 3325 9.3: the "id" that was honoured goes, other wishes stay. */
static void write_privacy(struct sw_buf *out, const struct sw_line *l)
{
	const char *p = l->value.p, *end = end_of(l->value);
	bool has_id = false, first = true;

	for (int pass = 0; pass < 2; pass++, p = l->value.p) {
		while (p < end) {
			const char *stop = p;
			struct sw_str token;

			while (stop < end && *stop != ';' && *stop != ',')
				stop++;
			token = sw_trim(span(p, stop));
			p = stop + 1;
			if (sw_str_ieq(token, SW_STR("id"))) {
				has_id = true;
			} else if (pass == 1 && token.n) {
				sw_buf_slice(out, first ? span(l->whole.p, l->value.p) : SW_STR(";"));
				sw_buf_slice(out, token);
				first = false;
			}
		}
		if (!has_id) {
			sw_buf_slice(out, l->whole);
			return;
		}
	}
	if (!first)
		sw_buf_slice(out, SW_STR("\r\n"));
}

/* The URI and what follows it keep their bytes; a bare addr-spec gets its <>. */
static void write_from(struct sw_buf *out, const struct sw_line *l, const char *display)
{
	struct sw_name_addr a;

	if (!sw_name_addr_read(l->value, &a)) {
		sw_buf_slice(out, l->whole);
		return;
	}
	sw_buf_slice(out, span(l->whole.p, l->value.p));
	if (*display) {
		sw_buf_slice(out, SW_STR("\""));
		for (const char *p = display; *p; p++) {
			char c = (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;

			if (c == '"' || c == '\\')
				sw_buf_slice(out, SW_STR("\\"));
			sw_buf_put(out, &c, 1);
		}
		sw_buf_slice(out, SW_STR("\" "));
	}
	sw_buf_slice(out, SW_STR("<"));
	sw_buf_slice(out, a.uri);
	sw_buf_slice(out, SW_STR(">"));
	sw_buf_slice(out, span(end_of(a.uri) + a.brackets, end_of(l->whole)));
}

/* --- lines --- */

static bool dropped(const struct sw_edits *e, enum sw_hdr id)
{
	switch (id) {
	case SW_HDR_PAI:
		return e->strip_asserted || e->strip_identity;
	case SW_HDR_PPI:
	case SW_HDR_RPID:
	case SW_HDR_DIVERSION:
	case SW_HDR_REFERRED_BY:
	case SW_HDR_HISTORY_INFO:
	case SW_HDR_P_OTHER:
		return e->strip_asserted;
	case SW_HDR_CONTENT_TYPE:
	case SW_HDR_CONTENT_ENCODING:
	case SW_HDR_CONTENT_DISPOSITION:
	case SW_HDR_CONTENT_LANGUAGE:
		return e->body && e->body->n == 0;
	default:
		return false;
	}
}

static void write_via(struct writer *w, const struct sw_line *l)
{
	bool top = !w->via_seen;

	w->via_seen = true;
	if (top && w->e->pop_via)
		write_without(w->out, l, 1);
	else if (top && w->m->request)
		sw_write_top_via(w->out, l, w->e->received, w->e->remove_received, w->e->rport);
	else
		sw_buf_slice(w->out, l->whole);
}

static void write_push_route(struct writer *w)
{
	if (w->e->push_route)
		sw_buf_printf(w->out, "Route: <%s>\r\n", w->e->push_route);
}

static void write_line(struct writer *w, size_t i)
{
	const struct sw_line *l = &w->m->head.lines[i];
	const struct sw_edits *e = w->e;

	if (dropped(e, l->id))
		return;
	switch (l->id) {
	case SW_HDR_VIA:
		write_via(w, l);
		return;
	case SW_HDR_ROUTE:
		if (e->pop_last_route && i + 1 == w->last_route)
			w->pop -= write_without_last(w->out, l, w->pop);
		else if (w->pop)
			w->pop -= write_without(w->out, l, w->pop);
		else
			sw_buf_slice(w->out, l->whole);
		if (i + 1 == w->last_route)
			write_push_route(w);
		return;
	case SW_HDR_MAX_FORWARDS:
		if (e->max_forwards < 0)
			break;
		write_number(w->out, l, (size_t)e->max_forwards);
		return;
	case SW_HDR_FROM:
		if (!e->from_display)
			break;
		write_from(w->out, l, e->from_display);
		return;
	case SW_HDR_PRIVACY:
		if (!e->strip_identity)
			break;
		write_privacy(w->out, l);
		return;
	case SW_HDR_CONTENT_LENGTH:
		if (!e->body)
			break;
		write_number(w->out, l, e->body->n);
		return;
	default:
		break;
	}
	sw_buf_slice(w->out, l->whole);
}

/* What goes on top: ours is the first Via and the first Record-Route. */
static void write_top(struct writer *w)
{
	const struct sw_head *h = &w->m->head;
	const struct sw_edits *e = w->e;

	if (e->ruri) {
		sw_buf_slice(w->out, w->m->method_text);
		sw_buf_printf(w->out, " %s SIP/2.0\r\n", e->ruri);
	} else {
		sw_buf_slice(w->out, (struct sw_str){ h->start.p, h->start.n + 2 });
	}
	if (e->via)
		sw_buf_printf(w->out, "Via: %s\r\n", e->via);
	for (size_t i = 0; i < SW_EDIT_RR_MAX && e->record_route[i]; i++)
		sw_buf_printf(w->out, "Record-Route: %s\r\n", e->record_route[i]);
	if (e->max_forwards >= 0 && !h->count[SW_HDR_MAX_FORWARDS])
		sw_buf_printf(w->out, "Max-Forwards: %d\r\n", e->max_forwards);
	for (size_t i = 0; h->count[SW_HDR_ROUTE] && i < h->n; i++)
		if (h->lines[i].id == SW_HDR_ROUTE)
			w->last_route = i + 1;
	if (!w->last_route)
		write_push_route(w);
}

int sw_msg_write(const struct sw_msg *m, const struct sw_edits *e, struct sw_buf *out)
{
	struct writer w = { .m = m, .e = e, .out = out, .pop = e->pop_routes };
	const struct sw_str body = e->body ? *e->body : sw_msg_body(m);

	if (!edits_good(m, e))
		return SW_EINVALID;
	write_top(&w);
	for (size_t i = 0; i < m->head.n; i++)
		write_line(&w, i);
	for (size_t i = 0; i < sizeof(e->add) / sizeof(e->add[0]) && e->add[i]; i++)
		sw_buf_printf(out, "%s\r\n", e->add[i]);
	if (e->body && !m->head.count[SW_HDR_CONTENT_LENGTH])
		sw_buf_printf(out, "Content-Length: %zu\r\n", body.n);
	sw_buf_slice(out, SW_STR("\r\n"));
	sw_buf_slice(out, body);
	return sw_buf_error(out);
}
