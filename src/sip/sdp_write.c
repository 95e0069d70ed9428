/* SPDX-License-Identifier: Apache-2.0 */
/* Writes an SDP again: every line as it came, but for c=, the m= ports, a=rtcp, and what sdp.c marked to be dropped. */
#include "sip/sdp_int.h"

struct writer {
	const struct sw_sdp *s;
	const struct sw_sdp_rewrite *r;
	struct sw_buf *out;
	struct sw_str eol;                     /* for lines of our own */
	bool open;                             /* the last line written had no end */
	bool live[SW_SDP_MEDIA_MAX];           /* leaves with a port */
	bool own_c[SW_SDP_MEDIA_MAX];          /* came with a c= */
	bool add_c[SW_SDP_MEDIA_MAX];          /* needs one of ours */
	bool rtcp_done[SW_SDP_MEDIA_MAX];
	const struct sw_addr *session_c;       /* what the session's c= becomes; NULL: stays */
};

/* Ends a line as the original one ended. */
static void end_line(struct writer *w, const struct sw_sdp_line *l)
{
	sw_buf_put(w->out, w->s->text.p + l->off + l->len, l->eol);
	w->open = l->eol == 0;
}

static void begin_own_line(struct writer *w)
{
	if (w->open)
		sw_buf_slice(w->out, w->eol);
	w->open = false;
}

static void put_address(struct writer *w, const struct sw_addr *a)
{
	char host[SW_ADDR_STRLEN];

	sw_buf_printf(w->out, "IN %s %s", sw_addr_family(a) == AF_INET6 ? "IP6" : "IP4", sw_addr_host_text(a, host));
}

static void keep_line(struct writer *w, const struct sw_sdp_line *l)
{
	sw_buf_slice(w->out, sw_sdp_line_str(w->s, l));
	end_line(w, l);
}

static void write_media(struct writer *w, const struct sw_sdp_line *l)
{
	struct sw_str line = sw_sdp_line_str(w->s, l);

	sw_buf_put(w->out, line.p, l->port_off);
	sw_buf_printf(w->out, "%u", w->live[l->media] ? sw_addr_port(&w->r->local[l->media]) : 0u);
	sw_buf_slice(w->out, sw_sdp_tail(line, l->port_off + l->port_len));
	end_line(w, l);
}

static void write_connection(struct writer *w, const struct sw_sdp_line *l)
{
	const struct sw_addr *a = l->media == SW_SDP_SESSION ? w->session_c : w->live[l->media] ? &w->r->local[l->media] : NULL;

	if (l->verbatim || !a) {
		keep_line(w, l);
		return;
	}
	sw_buf_str(w->out, "c=");
	put_address(w, a);
	end_line(w, l);
}

/* Is an a=rtcp needed: is our RTCP port another than the one everybody takes for granted? */
static bool wants_rtcp(const struct writer *w, int media)
{
	return w->live[media] && w->s->media[media].pair && w->r->local_rtcp[media] &&
	       w->r->local_rtcp[media] != sw_addr_port(&w->r->local[media]) + 1;
}

static void write_rtcp(struct writer *w, const struct sw_sdp_line *l)
{
	w->rtcp_done[l->media] = true;
	if (!wants_rtcp(w, l->media))
		return;
	sw_buf_printf(w->out, "a=rtcp:%u", w->r->local_rtcp[l->media]);
	if (l->has_addr && !l->verbatim) {
		sw_buf_str(w->out, " ");
		put_address(w, &w->r->local[l->media]);
	}
	end_line(w, l);
}

/* c= comes after m= and i= (RFC 8866 9). next is the following line, or NULL. */
static void insert_connection(struct writer *w, const struct sw_sdp_line *l, const struct sw_sdp_line *next)
{
	if (l->media == SW_SDP_SESSION || !w->add_c[l->media] || (next && next->type == 'i' && next->media == l->media))
		return;
	w->add_c[l->media] = false;
	begin_own_line(w);
	sw_buf_str(w->out, "c=");
	put_address(w, &w->r->local[l->media]);
	sw_buf_slice(w->out, w->eol);
}

static void insert_rtcp(struct writer *w, const struct sw_sdp_line *l, const struct sw_sdp_line *next)
{
	bool block_ends = !next || next->media != l->media || next->job == SW_SDP_JOB_BLANK;

	if (l->media == SW_SDP_SESSION || !block_ends || w->rtcp_done[l->media])
		return;
	w->rtcp_done[l->media] = true;
	if (!wants_rtcp(w, l->media))
		return;
	begin_own_line(w);
	sw_buf_printf(w->out, "a=rtcp:%u", w->r->local_rtcp[l->media]);
	sw_buf_slice(w->out, w->eol);
}

/*
 * Who leaves with a port, and whose c= says what. Media without a c= of their own share the session's: it becomes the address
 * of the first of them, and those that live elsewhere get one of their own.
 */
static int plan(struct writer *w)
{
	const struct sw_sdp *s = w->s;
	const struct sw_addr *first_live = NULL;
	bool session_hold = false;

	for (size_t i = 0; i < s->n_lines; i++) {
		const struct sw_sdp_line *l = &s->lines[i];

		if (l->job == SW_SDP_JOB_C && l->media == SW_SDP_SESSION)
			session_hold = l->verbatim;
		else if (l->job == SW_SDP_JOB_C)
			w->own_c[l->media] = true;
	}
	for (size_t i = 0; i < s->n_media; i++) {
		const struct sw_addr *a = &w->r->local[i];

		w->live[i] = s->media[i].relayed && s->media[i].port && sw_addr_family(a) != AF_UNSPEC;
		if (!w->live[i])
			continue;
		if (sw_addr_len(a) == 0 || sw_addr_port(a) == 0)
			return SW_EINVALID;
		if (!first_live)
			first_live = a;
		if (w->own_c[i] || session_hold)
			continue;
		if (!w->session_c)
			w->session_c = a;
		w->add_c[i] = !sw_addr_same_host(a, w->session_c) || sw_addr_family(a) != sw_addr_family(w->session_c);
	}
	if (!w->session_c)
		w->session_c = first_live;
	w->eol = s->lines[0].eol == 1 ? SW_STR("\n") : SW_STR("\r\n");
	return SW_OK;
}

int sw_sdp_write(const struct sw_sdp *s, const struct sw_sdp_rewrite *r, struct sw_buf *out)
{
	struct writer w = { .s = s, .r = r, .out = out };
	int err;

	if (s->n_lines == 0)
		return SW_EINVALID;
	if ((err = plan(&w)) < 0)
		return err;
	for (size_t i = 0; i < s->n_lines; i++) {
		const struct sw_sdp_line *l = &s->lines[i], *next = i + 1 < s->n_lines ? l + 1 : NULL;

		switch (l->job) {
		case SW_SDP_JOB_DROP: break;
		case SW_SDP_JOB_M: write_media(&w, l); break;
		case SW_SDP_JOB_C: write_connection(&w, l); break;
		case SW_SDP_JOB_RTCP: write_rtcp(&w, l); break;
		default: keep_line(&w, l); break;
		}
		if (l->job == SW_SDP_JOB_BLANK)
			continue;
		insert_connection(&w, l, next);
		insert_rtcp(&w, l, next);
	}
	return sw_buf_error(out);
}
