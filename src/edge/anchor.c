/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/anchor.h"

#include <stdlib.h>

#include "core/log.h"

/*
 * Sides and legs are the same numbers: side A of every stream faces the caller, side B the callee. An SDP from one leg tells where
 * that leg receives; it is rewritten with the ports of the *other* side's pinhole, for the other leg to send to.
 */

/* An SDP that waits for its ports. Owned by the call. */
struct sw_anchor_job {
	int from;                  /* the offerer: only offers wait */
	char *bytes;               /* the message it came in; owned */
	struct sw_str message, body, sdp;
	unsigned opening;          /* answers outstanding */
	struct sw_verdict failed;
	sw_anchor_fn *fn;
	sw_id who;
};

static const struct sw_zone *leg_zone(const struct sw_call *c, int leg)
{
	return sw_generation_zone(c->edge->gen, c->leg[leg].zone);
}

static bool in_networks(const struct sw_prefix *v, size_t n, const struct sw_addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (sw_prefix_has(&v[i], a))
			return true;
	return false;
}

/* Where media must never be sent, whatever an SDP says (standards 5.3). */
static bool address_allowed(const struct sw_zone *zone, const struct sw_conf *conf, const struct sw_addr *a)
{
	uint16_t port = sw_addr_port(a);

	if (sw_addr_is_reserved(a) || sw_addr_is_multicast(a) || sw_addr_is_any(a))
		return false;
	/* Our own relay: a loop. On a shared address other programs' ports are none of ours. */
	for (size_t i = 0; i < conf->media.n_interfaces; i++)
		if ((sw_addr_same_host(a, &conf->media.interfaces[i].address) || sw_addr_same_host(a, &conf->media.interfaces[i].advertise)) &&
		    port >= conf->media.port_low && port <= conf->media.port_high)
			return false;
	if (in_networks(zone->conf->media_networks, zone->conf->n_media_networks, a))
		return true;
	if (sw_addr_is_loopback(a) || sw_addr_is_link_local(a))
		return false;
	if (sw_addr_is_private(a))
		return zone->conf->internal || zone->conf->latch == SW_LATCH_NAT;
	return true;
}

static struct sw_verdict check_media(const struct sw_call *c, const struct sw_zone *zone, const struct sw_sdp *sdp, size_t i)
{
	const struct sw_sdp_media *m = &sdp->media[i];
	char text[SW_ADDR_STRLEN];
	bool secure = m->proto == SW_SDP_RTP_SAVP || m->proto == SW_SDP_RTP_SAVPF || m->proto == SW_SDP_DTLS_SAVP ||
		      m->proto == SW_SDP_DTLS_SAVPF;
	uint16_t port = m->port;

	if (!m->relayed || port == 0)
		return sw_verdict_make(SW_R_OK, NULL);
	if (sw_addr_family(&m->remote) == AF_UNSPEC)
		return sw_verdict_make(SW_R_MEDIA_ADDRESS, "m-line %zu names a host, not an address", i + 1);
	if (!m->hold_address && !address_allowed(zone, c->edge->gen->conf, &m->remote))
		return sw_verdict_make(SW_R_MEDIA_ADDRESS, "m-line %zu: %s", i + 1, sw_addr_host_text(&m->remote, text));
	if (!m->hold_address && m->pair && sw_addr_family(&m->remote_rtcp) != AF_UNSPEC &&
	    !address_allowed(zone, c->edge->gen->conf, &m->remote_rtcp))
		return sw_verdict_make(SW_R_MEDIA_ADDRESS, "m-line %zu: RTCP to %s", i + 1, sw_addr_host_text(&m->remote_rtcp, text));
	if (zone->conf->srtp == SW_SRTP_REQUIRED && m->pair && !secure)
		return sw_verdict_make(SW_R_MEDIA_PROFILE, "m-line %zu offers %s, SRTP is required", i + 1, sw_sdp_proto_name(m->proto));
	if ((m->proto == SW_SDP_RTP_SAVP || m->proto == SW_SDP_RTP_SAVPF) && !m->has_crypto && !m->has_fingerprint &&
	    !sdp->session_fingerprint && !sdp->session_crypto)
		return sw_verdict_make(SW_R_MEDIA_PROFILE, "m-line %zu: SAVP without keys or fingerprint", i + 1);
	if (port < zone->conf->remote_port_low || port > zone->conf->remote_port_high) {
		if (zone->conf->remote_ports_reject)
			return sw_verdict_make(SW_R_MEDIA_REMOTE_PORT, "m-line %zu: port %u is not in %u-%u", i + 1, port,
					       zone->conf->remote_port_low, zone->conf->remote_port_high);
		sw_log(SW_LOG_WARN, "media.remote-port", SW_ID("call", c->id), SW_S("zone", zone->conf->name), SW_U("port", port));
	}
	return sw_verdict_make(SW_R_OK, NULL);
}

static bool wants_stream(const struct sw_sdp_media *m)
{
	return m->relayed && m->port != 0;  /* a bundle-only line shares another's ports, and BUNDLE is taken out */
}

static void remote_of(struct sw_media_remote *r, const struct sw_call *c, size_t i, int leg, const struct sw_sdp_media *m, bool mux,
		      const struct sw_zone *zone)
{
	static const uint8_t latch[] = { [SW_LATCH_STRICT] = SW_LATCH_ADDR_PORT, [SW_LATCH_COMEDIA] = SW_LATCH_ADDR,
					 [SW_LATCH_NAT] = SW_LATCH_ANY };

	*r = (struct sw_media_remote){
		.call = c->id,
		.stream = c->stream[i].id,
		.side = (uint8_t)leg,
		/* Directions are between the parties (and RTCP flows whatever they say, RFC 3264 5.1): nothing to police here. */
		.send = true,
		.receive = true,
		.mux = mux,
		.relatch = true,
		.latch = latch[zone->conf->latch],
		.rtp = m->remote,
		.rtcp = m->remote_rtcp,
	};
}

static int tell(struct sw_call *c, size_t i, int side)
{
	return sw_media_connect(c->edge->media, &c->stream[i].remote[side]);
}

/*
 * What `leg` says of itself. An offer is only remembered: nothing flows before it is answered. With an answer both sides become known
 * to the media process; after a preview of one (an unreliable provisional) early media flows towards the offerer alone.
 */
static int apply(struct sw_call *c, int leg, const struct sw_sdp *sdp, bool answer, bool preview)
{
	const struct sw_zone *zone = leg_zone(c, leg);
	int err = SW_OK;

	for (size_t i = 0; i < sdp->n_media && i < c->n_streams && err == SW_OK; i++) {
		struct sw_call_stream *s = &c->stream[i];
		const struct sw_sdp_media *m = &sdp->media[i];
		bool mux = (m->rtcp_mux && (!answer || s->mux_offered)) || m->rtcp_mux_only;

		if (s->id == 0)
			continue;
		if (!wants_stream(m)) {
			if (answer && !preview) {
				err = sw_media_close(c->edge->media, s->id);
				*s = (struct sw_call_stream){ .call = c };
			}
			continue;
		}
		if (m->hold_address) {
			/* RFC 2543's hold: the pinhole stays, nothing is sent there (standards 5.1). */
			s->remote[leg].send = false;
			s->remote[leg].stream = s->id;
			s->preview = false;
		} else {
			remote_of(&s->remote[leg], c, i, leg, m, answer && mux, zone);
			s->remote[leg].send = !preview;
			s->preview = preview;
			s->have_remote[leg] = true;
		}
		if (!answer) {
			s->mux_offered = mux;
			s->remote[leg].mux = false;  /* until the answer agrees */
			continue;
		}
		if (s->have_remote[!leg])
			s->remote[!leg].mux = mux;
		if (s->have_remote[leg])
			err = tell(c, i, leg);
		if (err == SW_OK && s->have_remote[!leg])
			err = tell(c, i, !leg);
	}
	return err;
}

/* The other leg gets our addresses in place of this leg's; what stands around the SDP in a multipart body stays. */
static int rewrite(struct sw_call *c, int from, struct sw_str body, const struct sw_sdp *sdp, struct sw_buf *out)
{
	const char *end = sdp->text.p + sdp->text.n;
	const struct sw_conf *conf = c->edge->gen->conf;
	const struct sw_zone *zone = leg_zone(c, !from);
	struct sw_sdp_rewrite *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return SW_ENOMEM;
	for (size_t i = 0; i < sdp->n_media; i++) {
		uint16_t port = i < c->n_streams ? c->stream[i].port[!from] : 0;

		if (!wants_stream(&sdp->media[i]) || port == 0)
			continue;
		r->local[i] = conf->media.interfaces[zone->media_if].advertise;
		sw_addr_set_port(&r->local[i], port);
	}
	sw_buf_slice(out, (struct sw_str){ body.p, (size_t)(sdp->text.p - body.p) });
	err = sw_sdp_write(sdp, r, out);
	free(r);
	sw_buf_slice(out, (struct sw_str){ end, (size_t)(body.p + body.n - end) });
	return err < 0 ? err : sw_buf_error(out);
}

/* --- finishing, at once or when the ports are there --- */

enum exchange { OFFER, PREVIEW, ANSWER, REPEAT };

static void answered(struct sw_call *c)
{
	c->offerer = -1;
	c->answer_in_ack = 0;
	free(c->saved);
	c->saved = NULL;
}

static struct sw_verdict finish(struct sw_call *c, int from, struct sw_str body, struct sw_str text, enum exchange x, struct sw_buf *out)
{
	struct sw_verdict v = { 0 };
	struct sw_sdp *sdp = calloc(1, sizeof(*sdp));
	int err = sdp ? sw_sdp_parse(sdp, text, &v) : SW_ENOMEM;

	if (err == SW_OK && (!leg_zone(c, 0) || !leg_zone(c, 1)))
		err = SW_ENOTFOUND;
	if (err == SW_OK && x != REPEAT)
		err = apply(c, from, sdp, x != OFFER, x == PREVIEW);
	if (err == SW_OK)
		err = rewrite(c, from, body, sdp, out);
	if (err == SW_OK) {
		v = sw_verdict_make(SW_R_OK, NULL);
		if (x == OFFER) {
			c->offerer = from;
			c->answer_in_ack = 0;
		} else if (x == ANSWER) {
			answered(c);
		}
	} else if (err != SW_EPARSE) {
		v = sw_verdict_make(SW_R_MEDIA_DOWN, "%s", sw_error_text(err));
	}
	if (sdp)
		sw_sdp_free(sdp);
	free(sdp);
	return v;
}

static void job_free(struct sw_anchor_job *job)
{
	free(job->bytes);
	free(job);
}

static void job_done(struct sw_call *c)
{
	struct sw_anchor_job *job = c->job;
	struct sw_verdict v = job->failed;
	struct sw_edge *e = c->edge;
	struct sw_buf out;
	struct sw_str body;

	c->job = NULL;
	sw_buf_init(&out, SW_SDP_BYTES_MAX * 2 + job->body.n);
	if (v.reason == SW_R_OK)
		v = finish(c, job->from, job->body, job->sdp, OFFER, &out);
	body = sw_buf_view(&out);
	if (v.reason != SW_R_OK)
		sw_anchor_rollback(c);
	job->fn(e, job->who, job->message, v.reason == SW_R_OK ? &body : NULL, &v);
	sw_buf_free(&out);
	job_free(job);
}

static void on_opened(void *arg, enum sw_reason r, const uint16_t port[2])
{
	struct sw_call_stream *s = arg;
	struct sw_call *c = s->call;

	if (r == SW_R_OK) {
		s->port[0] = port[0];
		s->port[1] = port[1];
	} else {
		s->id = 0;
	}
	if (!c->job)
		return;
	if (r != SW_R_OK)
		c->job->failed = sw_verdict_make(r, "stream %zu", (size_t)(s - c->stream) + 1);
	if (--c->job->opening == 0)
		job_done(c);
}

/* Stream ids only need to be unique among this edge's; the call's id and the place make them so. */
static sw_id stream_id(const struct sw_call *c, size_t i)
{
	static uint64_t serial;

	(void)i;
	return (c->id << 8) ^ ++serial;
}

static int open_stream(struct sw_call *c, size_t i, const struct sw_sdp_media *m)
{
	struct sw_call_stream *s = &c->stream[i];
	const struct sw_conf *conf = c->edge->gen->conf;
	struct sw_media_open o = {
		.call = c->id,
		.stream = stream_id(c, i),
		.interface = { (uint8_t)leg_zone(c, 0)->media_if, (uint8_t)leg_zone(c, 1)->media_if },
		.pair = m->pair && !m->rtcp_mux_only,
		.max_kbps = m->kbps > conf->media.max_kbps ? m->kbps : conf->media.max_kbps,
	};
	int err;

	/* b= comes from a peer: it may lower nothing and raise only so far. */
	if (o.max_kbps > 4 * conf->media.max_kbps)
		o.max_kbps = 4 * conf->media.max_kbps;
	*s = (struct sw_call_stream){ .id = o.stream, .pair = o.pair, .call = c };
	err = sw_media_open(c->edge->media, &o, on_opened, s);
	if (err < 0)
		s->id = 0;
	return err;
}

/* Keeps what a failed re-INVITE or UPDATE must be able to go back to. */
static int save(struct sw_call *c)
{
	if (c->n_streams == 0 || c->saved)
		return SW_OK;
	c->saved = reallocarray(NULL, c->n_streams + 1, sizeof(*c->saved));
	if (!c->saved)
		return SW_ENOMEM;
	memcpy(c->saved, c->stream, c->n_streams * sizeof(*c->saved));
	c->n_saved = c->n_streams;
	return SW_OK;
}

static struct sw_verdict check(struct sw_call *c, int from, const struct sw_sdp *sdp, enum exchange x)
{
	const struct sw_zone *zone = leg_zone(c, from);

	if (!zone || !leg_zone(c, !from))
		return sw_verdict_make(SW_R_CONN_REVOKED, "a zone of the call is gone");
	if (!c->edge->media)
		return sw_verdict_make(SW_R_MEDIA_DOWN, NULL);
	if (x == OFFER && c->offerer >= 0 && c->established)
		return sw_verdict_make(SW_R_CALL_GLARE, NULL);
	if (x != OFFER && sdp->n_media != c->n_streams)
		return sw_verdict_make(SW_R_MEDIA_SDP, "the answer has %zu m-lines, the offer had %zu", sdp->n_media, c->n_streams);
	if (x == OFFER && sdp->n_media < c->n_streams)
		return sw_verdict_make(SW_R_MEDIA_SDP, "the offer has %zu m-lines, there were %zu before", sdp->n_media, c->n_streams);
	for (size_t i = 0; i < sdp->n_media; i++) {
		struct sw_verdict v = check_media(c, zone, sdp, i);

		if (v.reason != SW_R_OK)
			return v;
	}
	return sw_verdict_make(SW_R_OK, NULL);
}

static enum exchange exchange_of(const struct sw_call *c, int from, enum sw_sdp_role role, bool provisional)
{
	if (role == SW_SDP_REPEAT)
		return REPEAT;
	if (role == SW_SDP_OFFER || (role == SW_SDP_EITHER && c->offerer != !from))
		return OFFER;
	return provisional ? PREVIEW : ANSWER;
}

/* Asks for the ports an offer needs; the job is there (c->job) when any have to be waited for. */
static struct sw_verdict open_streams(struct sw_call *c, const struct sw_sdp *sdp, struct sw_anchor_job *job)
{
	for (size_t i = 0; i < sdp->n_media; i++) {
		if (i >= c->n_streams)
			c->stream[i] = (struct sw_call_stream){ .call = c };
		if (!wants_stream(&sdp->media[i]) || c->stream[i].id != 0)
			continue;
		if (open_stream(c, i, &sdp->media[i]) == SW_OK)
			job->opening++;
		else
			job->failed = sw_verdict_make(SW_R_MEDIA_DOWN, NULL);
	}
	c->n_streams = sdp->n_media;
	return job->failed;
}

static struct sw_anchor_job *job_new(int from, const struct sw_msg *msg, struct sw_str sdp, sw_anchor_fn *fn, sw_id who)
{
	struct sw_str all = sw_msg_bytes(msg), body = sw_msg_body(msg);
	struct sw_anchor_job *job = calloc(1, sizeof(*job));

	if (!job || !(job->bytes = malloc(all.n + 1))) {
		free(job);
		return NULL;
	}
	memcpy(job->bytes, all.p, all.n);
	job->message = (struct sw_str){ job->bytes, all.n };
	job->body = (struct sw_str){ job->bytes + (body.p - all.p), body.n };
	job->sdp = (struct sw_str){ job->bytes + (sdp.p - all.p), sdp.n };
	job->from = from;
	job->failed = sw_verdict_make(SW_R_OK, NULL);
	job->fn = fn;
	job->who = who;
	return job;
}

/* True: it waits for its ports, and fn will be told. */
static bool anchor(struct sw_call *c, int from, const struct sw_msg *msg, enum exchange x, struct sw_sdp *sdp, sw_anchor_fn *fn,
		   sw_id who, struct sw_verdict *v, struct sw_buf *out)
{
	struct sw_anchor_job *job;
	struct sw_str text;

	if (sw_msg_sdp(msg, &text) != SW_BODY_SDP) {
		*v = sw_verdict_make(SW_R_MEDIA_SDP, "a body that can't be read for certain");
		return false;
	}
	if (sw_sdp_parse(sdp, text, v) < 0) {
		if (v->reason == SW_R_DENY)
			*v = sw_verdict_make(SW_R_MEDIA_SDP, "out of memory");
		return false;
	}
	*v = check(c, from, sdp, x);
	if (v->reason != SW_R_OK)
		return false;
	if (x == OFFER) {
		job = job_new(from, msg, text, fn, who);
		if (!job || save(c) < 0) {
			if (job)
				job_free(job);
			*v = sw_verdict_make(SW_R_MSG_OVERLOAD, "out of memory");
			return false;
		}
		*v = open_streams(c, sdp, job);
		if (job->opening) {
			c->job = job;
			return true;
		}
		job_free(job);
	}
	if (v->reason == SW_R_OK)
		*v = finish(c, from, sw_msg_body(msg), text, x, out);
	if (v->reason != SW_R_OK && x == OFFER)
		sw_anchor_rollback(c);
	return false;
}

void sw_anchor(struct sw_call *c, int from, const struct sw_msg *msg, enum sw_sdp_role role, bool provisional, sw_anchor_fn *fn,
	       sw_id who)
{
	struct sw_verdict v = { 0 };
	struct sw_sdp *sdp = calloc(1, sizeof(*sdp));
	struct sw_edge *e = c->edge;
	struct sw_buf out;
	struct sw_str body;
	bool waits = false;

	sw_buf_init(&out, SW_SDP_BYTES_MAX * 2 + sw_msg_body(msg).n);
	if (!sdp)
		v = sw_verdict_make(SW_R_MSG_OVERLOAD, "out of memory");
	else if (c->job)
		v = sw_verdict_make(SW_R_CALL_GLARE, "an offer waits for its ports");
	else
		waits = anchor(c, from, msg, exchange_of(c, from, role, provisional), sdp, fn, who, &v, &out);
	if (sdp)
		sw_sdp_free(sdp);
	free(sdp);
	body = sw_buf_view(&out);
	if (!waits)
		fn(e, who, (struct sw_str){ 0 }, v.reason == SW_R_OK ? &body : NULL, &v);
	sw_buf_free(&out);
}

/* Gives the waiting SDP up, and what was opened for it. */
static void drop_job(struct sw_call *c, const char *why)
{
	struct sw_anchor_job *job = c->job;
	struct sw_verdict v = sw_verdict_make(SW_R_CALL_CANCELLED, "%s", why);

	for (size_t i = 0; c->edge->media && i < SW_SDP_MEDIA_MAX; i++)
		sw_media_forget(c->edge->media, &c->stream[i]);
	if (!job)
		return;
	c->job = NULL;
	for (size_t i = 0; c->edge->media && i < c->n_streams; i++) {
		struct sw_call_stream *s = &c->stream[i];

		if (s->id && s->port[0] == 0 && sw_media_close(c->edge->media, s->id) == SW_OK)
			s->id = 0;
	}
	job->fn(c->edge, job->who, job->message, NULL, &v);
	job_free(job);
}

void sw_anchor_settle(struct sw_call *c)
{
	bool any = false;

	for (size_t i = 0; c->offerer >= 0 && i < c->n_streams; i++) {
		struct sw_call_stream *s = &c->stream[i];

		if (!s->id || !s->preview)
			continue;
		any = true;
		s->preview = false;
		s->remote[!c->offerer].send = true;
		if (tell(c, i, !c->offerer) < 0)
			sw_log(SW_LOG_WARN, "media.connect-failed", SW_ID("call", c->id));
	}
	if (any)
		answered(c);
	else
		sw_anchor_rollback(c);
}

/* RFC 3261 14.1: a failed re-INVITE leaves the session as it was. */
void sw_anchor_rollback(struct sw_call *c)
{
	if (c->job)
		drop_job(c, "its request failed");
	c->offerer = -1;
	c->answer_in_ack = 0;
	if (!c->saved)
		return;
	for (size_t i = 0; i < c->n_streams; i++) {
		struct sw_call_stream was = i < c->n_saved ? c->saved[i] : (struct sw_call_stream){ .call = c };
		struct sw_call_stream *s = &c->stream[i];

		if (s->id && s->id != was.id && sw_media_close(c->edge->media, s->id) < 0)
			sw_log(SW_LOG_WARN, "media.close-failed", SW_ID("call", c->id));
		*s = was;
		for (int side = 0; s->id && side < 2; side++)
			if (s->have_remote[side] && tell(c, i, side) < 0)
				sw_log(SW_LOG_WARN, "media.connect-failed", SW_ID("call", c->id));
	}
	c->n_streams = c->n_saved;
	free(c->saved);
	c->saved = NULL;
}

void sw_anchor_forget_call(struct sw_call *c)
{
	drop_job(c, "the call ended");
	free(c->saved);
	c->saved = NULL;
}

/* After a restart of the media process. A stream that doesn't get its ports back is gone; the next offer asks for new ones. */
static void on_reopened(void *arg, enum sw_reason r, const uint16_t port[2])
{
	struct sw_call_stream *s = arg;

	(void)port;
	if (r == SW_R_OK)
		return;
	sw_log(SW_LOG_WARN, "media.not-reopened", SW_ID("call", s->call->id), SW_REASON_F(r));
	*s = (struct sw_call_stream){ .call = s->call };
}

static void reopen(struct sw_call *c)
{
	const struct sw_zone *a = leg_zone(c, 0), *b = leg_zone(c, 1);

	for (size_t i = 0; a && b && i < c->n_streams; i++) {
		struct sw_call_stream *s = &c->stream[i];
		struct sw_media_open o = {
			.call = c->id,
			.stream = s->id,
			.interface = { (uint8_t)a->media_if, (uint8_t)b->media_if },
			.pair = s->pair,
			.want_port = { s->port[0], s->port[1] },
			.max_kbps = c->edge->gen->conf->media.max_kbps,
		};

		if (s->id == 0 || s->port[0] == 0)
			continue;
		if (sw_media_open(c->edge->media, &o, on_reopened, s) < 0)
			continue;
		for (int side = 0; side < 2; side++)
			if (s->have_remote[side] && tell(c, i, side) < 0)
				sw_log(SW_LOG_WARN, "media.connect-failed", SW_ID("call", c->id));
	}
}

void sw_anchor_event(struct sw_edge *e, enum sw_media_event ev, const struct sw_media_stats *s)
{
	static const char *const names[] = {
		[SW_MEDIA_LATCHED] = "media.latched", [SW_MEDIA_UNEXPECTED] = "media.unexpected-source", [SW_MEDIA_IDLE] = "media.idle",
		[SW_MEDIA_CLOSED_IDLE] = "media.closed-idle", [SW_MEDIA_LOST] = "media.lost",
	};
	struct sw_call *c;
	size_t pos = 0;
	char a[SW_ADDR_STRLEN], b[SW_ADDR_STRLEN];

	if (ev == SW_MEDIA_LOST) {
		sw_log(SW_LOG_WARN, names[ev], SW_U("calls", e->calls.used));
		while ((c = sw_idtab_next(&e->calls, &pos)))
			reopen(c);
		return;
	}
	sw_log(ev == SW_MEDIA_LATCHED ? SW_LOG_INFO : SW_LOG_WARN, names[ev], SW_ID("call", s->call),
	       SW_S("source_caller", s->latched[0] ? sw_addr_text(&s->source[0], a) : NULL),
	       SW_S("source_callee", s->latched[1] ? sw_addr_text(&s->source[1], b) : NULL),
	       SW_U("unexpected", s->unexpected[0] + s->unexpected[1]));
	c = sw_call_get(e, s->call);
	if (c && ev == SW_MEDIA_CLOSED_IDLE)
		sw_call_end(c, SW_R_CONN_IDLE);
}
