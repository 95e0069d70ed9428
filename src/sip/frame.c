/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/frame.h"

#include "sip/head.h"

enum {
	STATE_BETWEEN,   /* consumed is where the next message or keep-alive begins */
	STATE_START,
	STATE_HEAD,
	STATE_BODY,
	STATE_FAILED,
};
enum {
	PIPELINE_BYTES = 256 << 10,  /* what may lie behind one whole message before it is taken out */
	KEEP_BYTES = 32 << 10,       /* an idle connection holds no more than this */
};

const struct sw_frame_limits sw_frame_defaults = {
	.start_line = 8 << 10,
	.header_bytes = 32 << 10,
	.header_lines = 256,
	.line_bytes = 16 << 10,
	.commas = 256,
	.body_bytes = 256 << 10,
};

void sw_frame_init(struct sw_frame *f, const struct sw_frame_limits *limits)
{
	*f = (struct sw_frame){ .limits = limits ? *limits : sw_frame_defaults, .fault = SW_R_OK };
	sw_buf_init(&f->in, (size_t)f->limits.start_line + f->limits.header_bytes + f->limits.body_bytes + PIPELINE_BYTES);
}

void sw_frame_free(struct sw_frame *f)
{
	sw_buf_free(&f->in);
}

/* Drops what was handed out. One move of bytes per read, not per message. */
static void compact(struct sw_frame *f)
{
	size_t gone = f->consumed;

	sw_buf_consume(&f->in, gone);
	f->consumed = 0;
	f->scan -= gone;
	f->line_start -= gone;
	f->head_end -= gone;
	if (f->in.len == 0 && f->in.size > KEEP_BYTES)
		sw_buf_free(&f->in);
}

static void begin(struct sw_frame *f, size_t at)
{
	f->consumed = f->scan = f->line_start = f->head_end = at;
	f->body_len = f->start_len = 0;
	f->lines = f->commas = 0;
	f->state = STATE_BETWEEN;
	f->have_length = f->eol = false;
	f->fault = SW_R_OK;
}

int sw_frame_feed(struct sw_frame *f, const void *p, size_t n)
{
	if (f->state == STATE_FAILED)
		return SW_ECLOSED;
	compact(f);
	sw_buf_put(&f->in, p, n);
	return sw_buf_error(&f->in);
}

bool sw_frame_partial(const struct sw_frame *f)
{
	return f->in.len > f->consumed;
}

/* head: what is whole up to there. */
static enum sw_frame_event fail(struct sw_frame *f, struct sw_frame_out *out, size_t head, struct sw_verdict v)
{
	out->error = v;
	if (f->state == STATE_HEAD && head > f->consumed)
		out->head = (struct sw_str){ f->in.data + f->consumed, head - f->consumed };
	f->state = STATE_FAILED;
	f->fault = v.reason;
	return SW_FRAME_ERROR;
}

static enum sw_frame_event fail_line(struct sw_frame *f, struct sw_frame_out *out, enum sw_reason r, const char *why)
{
	if (r == SW_R_MSG_SYNTAX && f->state != STATE_HEAD)
		r = SW_R_MSG_GARBAGE;  /* no SIP seen yet */
	return fail(f, out, f->line_start,
		    sw_verdict_make(r, "%s in line %u at byte %zu", why, f->lines + 1, f->scan - f->consumed));
}

/* SW_FRAME_MESSAGE here means: a message begins. */
static enum sw_frame_event between(struct sw_frame *f, struct sw_frame_out *out)
{
	const char *p = f->in.data + f->consumed;
	size_t n = f->in.len - f->consumed;

	if (n == 0 || (n == 1 && p[0] == '\r'))
		return SW_FRAME_MORE;
	if (p[0] != '\r') {
		if (!sw_is_token_char(p[0]))
			return fail_line(f, out, SW_R_MSG_GARBAGE, "no method");
		f->state = STATE_START;
		return SW_FRAME_MESSAGE;
	}
	if (p[1] != '\n')
		return fail_line(f, out, SW_R_MSG_GARBAGE, "a bare CR");
	if (n == 3 && p[2] == '\r')
		return SW_FRAME_MORE;
	if (n >= 4 && p[2] == '\r' && p[3] == '\n') {
		begin(f, f->consumed + 4);
		return SW_FRAME_PING;
	}
	begin(f, f->consumed + 2);
	return SW_FRAME_PONG;
}

static bool looks_like_sip(struct sw_str start)
{
	for (size_t i = 0; i + 4 <= start.n; i++)
		if ((i == 0 || start.p[i - 1] == ' ') && sw_str_ieq((struct sw_str){ start.p + i, 4 }, SW_STR("SIP/")))
			return true;
	return false;
}

/* RFC 3261 18.3. A fault is kept until the block is whole, so that the sender can be told. A fold before the colon is one. */
static void content_length(struct sw_frame *f, struct sw_str line)
{
	bool folded = (char *)memchr(line.p, '\r', line.n) < (char *)memchr(line.p, ':', line.n);
	uint32_t len;

	if (f->have_length || folded || sw_str_u32(sw_line_value(line), UINT32_MAX, &len) < 0) {
		f->fault = SW_R_MSG_SYNTAX;
	} else if (len > f->limits.body_bytes) {
		if (f->fault == SW_R_OK)
			f->fault = SW_R_MSG_TOO_LARGE;
	} else {
		f->body_len = len;
	}
	f->have_length = true;
}

/* The line from line_start to scan is whole: the next one is no continuation. */
static const char *line_done(struct sw_frame *f, enum sw_reason *r)
{
	struct sw_str line = { f->in.data + f->line_start, f->scan - f->line_start };
	struct sw_str name;

	*r = SW_R_MSG_SYNTAX;
	if (f->state == STATE_START) {
		if (!looks_like_sip((struct sw_str){ line.p, line.n - 2 }))
			return "not a SIP start line";
		f->state = STATE_HEAD;
		f->start_len = line.n;
		f->line_start = f->scan;
		return NULL;
	}
	name = sw_line_name(line);
	if (sw_str_ieq(name, SW_STR("Content-Length")) || sw_str_ieq(name, SW_STR("l")))
		content_length(f, line);
	f->line_start = f->scan;
	if (++f->lines > f->limits.header_lines) {
		*r = SW_R_MSG_TOO_LARGE;
		return "too many header lines";
	}
	return NULL;
}

static const char *limits(struct sw_frame *f)
{
	size_t line = f->scan - f->line_start;

	if (f->state == STATE_START)
		return line >= f->limits.start_line ? "a start line too long" : NULL;
	if (line >= f->limits.line_bytes)
		return "a header too long";
	if (f->scan - f->consumed - f->start_len >= f->limits.header_bytes)
		return "too many header bytes";
	return f->commas > f->limits.commas ? "too many commas" : NULL;
}

/* The header block, each byte looked at once. SW_FRAME_MESSAGE: it is whole. */
static enum sw_frame_event scan_head(struct sw_frame *f, struct sw_frame_out *out)
{
	const char *d = f->in.data, *why;
	enum sw_reason r;

	while (f->scan < f->in.len) {
		char c = d[f->scan];

		if (f->eol) {
			if (c != ' ' && c != '\t') {
				why = line_done(f, &r);
				if (why)
					return fail_line(f, out, r, why);
			} else if (f->state == STATE_START) {
				return fail_line(f, out, SW_R_MSG_SYNTAX, "a folded start line");
			}
			f->eol = false;
		}
		if (c == '\r') {
			if (f->scan + 1 == f->in.len)
				return SW_FRAME_MORE;
			if (d[f->scan + 1] != '\n')
				return fail_line(f, out, SW_R_MSG_SYNTAX, "a bare CR");
			f->eol = true;
			f->scan += 2;
			if (f->scan - 2 == f->line_start)
				return SW_FRAME_MESSAGE;
			continue;
		}
		if (c == '\n' || c == '\0')
			return fail_line(f, out, SW_R_MSG_SYNTAX, c ? "a bare LF" : "a NUL byte");
		f->commas += c == ',' && f->state == STATE_HEAD;
		why = limits(f);
		if (why)
			return fail_line(f, out, SW_R_MSG_TOO_LARGE, why);
		f->scan++;
	}
	return SW_FRAME_MORE;
}

static enum sw_frame_event head_done(struct sw_frame *f, struct sw_frame_out *out)
{
	f->head_end = f->scan;
	if (f->fault == SW_R_MSG_TOO_LARGE)
		return fail(f, out, f->head_end, sw_verdict_make(f->fault, "Content-Length is above %u", f->limits.body_bytes));
	if (f->fault != SW_R_OK)
		return fail(f, out, f->head_end, sw_verdict_make(f->fault, "Content-Length is repeated or not a number"));
	if (!f->have_length)
		return fail(f, out, f->head_end, sw_verdict_make(SW_R_MSG_NO_LENGTH, NULL));
	f->state = STATE_BODY;
	return SW_FRAME_MESSAGE;
}

enum sw_frame_event sw_frame_next(struct sw_frame *f, struct sw_frame_out *out)
{
	enum sw_frame_event ev;
	size_t at, end;

	*out = (struct sw_frame_out){ .error.reason = SW_R_OK };
	if (f->state == STATE_FAILED) {
		out->error = sw_verdict_make(f->fault, "nothing is read after an error");
		return SW_FRAME_ERROR;
	}
	if (f->consumed == f->in.len) {
		compact(f);
		begin(f, 0);
		return SW_FRAME_MORE;
	}
	if (f->state == STATE_BETWEEN) {
		ev = between(f, out);
		if (ev != SW_FRAME_MESSAGE)
			return ev;
	}
	if (f->state != STATE_BODY) {
		ev = scan_head(f, out);
		if (ev == SW_FRAME_MESSAGE)
			ev = head_done(f, out);
		if (ev != SW_FRAME_MESSAGE)
			return ev;
	}
	if (f->in.len - f->head_end < f->body_len)
		return SW_FRAME_MORE;
	at = f->consumed;
	end = f->head_end + f->body_len;
	out->message = (struct sw_str){ f->in.data + at, end - at };
	out->head_len = f->head_end - at;
	begin(f, end);
	return SW_FRAME_MESSAGE;
}
