/* SPDX-License-Identifier: Apache-2.0 */
/* What a message says, read from its text; what Sofia read of it is in grammar_read.c. */
#include "sip/msg_int.h"

enum sw_method sw_method_of(struct sw_str text)
{
	static const struct {
		struct sw_str name;
		enum sw_method method;
	} methods[] = {
#define METHOD(name) { { #name, sizeof(#name) - 1 }, SW_METHOD_##name }
		METHOD(INVITE), METHOD(ACK), METHOD(CANCEL), METHOD(BYE), METHOD(OPTIONS), METHOD(UPDATE),
		METHOD(PRACK), METHOD(INFO), METHOD(REFER), METHOD(MESSAGE), METHOD(SUBSCRIBE), METHOD(NOTIFY),
		METHOD(REGISTER), METHOD(PUBLISH),
#undef METHOD
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (sw_str_eq(text, methods[i].name))
			return methods[i].method;
	return SW_METHOD_OTHER;
}

int sw_cseq_parse(struct sw_str value, uint32_t *number, struct sw_str *method)
{
	struct sw_str digits = { value.p, 0 }, rest;
	int err;

	while (digits.n < value.n && value.p[digits.n] >= '0' && value.p[digits.n] <= '9')
		digits.n++;
	rest = sw_trim((struct sw_str){ value.p + digits.n, value.n - digits.n });
	if (digits.n + rest.n == value.n || !sw_is_token(rest))
		return SW_EPARSE;
	err = sw_str_u32(digits, INT32_MAX, number);
	if (err < 0)
		return err;
	*method = rest;
	return SW_OK;
}

bool sw_is_clean(const char *s)
{
	return !s || !s[strcspn(s, "\r\n")];
}

bool sw_is_header_line(const char *s)
{
	struct sw_str line = sw_str_of(s);

	return sw_is_clean(s) && sw_is_token(sw_line_name(line));
}

struct sw_str sw_nth_value(const struct sw_head *h, enum sw_hdr id, size_t i)
{
	for (size_t l = 0; h->count[id] && l < h->n; l++) {
		struct sw_values w = { .rest = h->lines[l].value, .comments = id == SW_HDR_VIA };
		struct sw_str v;

		while (h->lines[l].id == id && sw_values_next(&w, &v))
			if (i-- == 0)
				return v;
	}
	return (struct sw_str){ NULL, 0 };
}

int sw_count_values(const struct sw_head *h, enum sw_hdr id)
{
	int n = 0;

	for (size_t l = 0; h->count[id] && l < h->n; l++) {
		struct sw_values w = { .rest = h->lines[l].value, .comments = id == SW_HDR_VIA };
		struct sw_str v;

		if (h->lines[l].id != id)
			continue;
		while (sw_values_next(&w, &v))
			n++;
		if (w.bad)
			return -1;
	}
	return n;
}

bool sw_msg_is_request(const struct sw_msg *m)
{
	return m->request;
}

enum sw_method sw_msg_method(const struct sw_msg *m)
{
	return m->method;
}

struct sw_str sw_msg_method_text(const struct sw_msg *m)
{
	return m->method_text;
}

int sw_msg_status(const struct sw_msg *m)
{
	return m->status;
}

struct sw_str sw_msg_reason_phrase(const struct sw_msg *m)
{
	return m->phrase;
}

struct sw_str sw_msg_call_id(const struct sw_msg *m)
{
	return m->call_id;
}

struct sw_str sw_msg_from_tag(const struct sw_msg *m)
{
	return m->from_tag;
}

struct sw_str sw_msg_to_tag(const struct sw_msg *m)
{
	return m->to_tag;
}

uint32_t sw_msg_cseq(const struct sw_msg *m)
{
	return m->cseq;
}

int sw_msg_max_forwards(const struct sw_msg *m)
{
	return m->max_forwards;
}

struct sw_str sw_msg_header(const struct sw_msg *m, const char *name)
{
	const struct sw_line *l = sw_head_by_name(&m->head, sw_str_of(name));

	return l ? l->value : (struct sw_str){ NULL, 0 };
}

bool sw_msg_param(const struct sw_msg *m, const char *header, const char *name, struct sw_str *out)
{
	struct sw_str rest = sw_msg_header(m, header);
	struct sw_piece piece;

	if (!rest.n || !sw_piece_next(&rest, &piece))
		return false;
	if (!name) {
		*out = sw_trim(piece.text);
		return true;
	}
	while (sw_piece_next(&rest, &piece))
		if (sw_str_ieq(piece.name, sw_str_of(name))) {
			*out = piece.value;
			return true;
		}
	return false;
}

/* RFC 3261 20.33: delta-seconds, then a comment and parameters. */
int sw_msg_retry_after(const struct sw_msg *m)
{
	const struct sw_line *l = sw_head_find(&m->head, SW_HDR_RETRY_AFTER);
	struct sw_str digits;
	uint32_t n;

	if (!l)
		return -1;
	digits = (struct sw_str){ l->value.p, 0 };
	while (digits.n < l->value.n && digits.p[digits.n] >= '0' && digits.p[digits.n] <= '9')
		digits.n++;
	return sw_str_u32(digits, INT32_MAX, &n) < 0 ? -1 : (int)n;
}

bool sw_msg_option(const struct sw_msg *m, const char *header, const char *tag)
{
	struct sw_str name = sw_str_of(header), want = sw_str_of(tag), v;

	for (size_t i = 0; i < m->head.n; i++) {
		struct sw_values w = { .rest = m->head.lines[i].value };

		if (!sw_line_is(&m->head.lines[i], name))
			continue;
		while (sw_values_next(&w, &v))
			if (sw_str_ieq(v, want))
				return true;
	}
	return false;
}

struct sw_str sw_msg_unsupported(const struct sw_msg *m)
{
	return m->unsupported;
}

struct sw_str sw_msg_body(const struct sw_msg *m)
{
	return (struct sw_str){ m->text + m->head.len, m->n - m->head.len };
}

struct sw_str sw_msg_bytes(const struct sw_msg *m)
{
	return (struct sw_str){ m->text, m->n };
}

void sw_msg_facts(const struct sw_msg *m, struct sw_request_facts *out)
{
	/* Nothing known is nothing granted: asserted_more makes authority refuse or strip. */
	*out = m->facts ? *m->facts : (struct sw_request_facts){ .method = m->method_text, .asserted_more = true };
}
