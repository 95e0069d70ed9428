/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Offer/answer: takes pinholes, rewrites the SDP, tells the media process. standards 5.1, 5.2. */
#include "edge/call.h"

/* Called once, on the loop: body is the rewritten SDP (borrowed), or NULL and v says why not. May be called from within sw_anchor. */
typedef void sw_anchor_fn(struct sw_edge *e, sw_id who, struct sw_str bytes, const struct sw_str *body, const struct sw_verdict *v);

enum sw_sdp_role {
	SW_SDP_OFFER,    /* INVITE, UPDATE */
	SW_SDP_ANSWER,   /* a response to a request that carried an offer */
	SW_SDP_EITHER,   /* PRACK, a response to a request without SDP: the answer when one is awaited from this leg, else an offer */
	SW_SDP_REPEAT,   /* one that changes nothing: a 2xx again, another fork's, or where none has any business: rewritten alike */
};
/*
 * The SDP in msg (SW_BODY_SDP), which came from leg `from` of the call in a request or a response: an offer or an answer, by
 * role. provisional: in a response below 200 that is not reliable: applied, but the exchange stays open. Where ports must be
 * asked for first, the message's bytes are kept and handed to fn, for msg is gone by then; bytes is empty when fn is called from within.
 */
void sw_anchor(struct sw_call *c, int from, const struct sw_msg *msg, enum sw_sdp_role role, bool provisional, sw_anchor_fn *fn,
	       sw_id who);
/* The exchange is over without an SDP in its last message: what an unreliable provisional said holds; if nothing did, it is rolled back. */
void sw_anchor_settle(struct sw_call *c);
/* The request that carried the pending offer failed: back to what was before it. */
void sw_anchor_rollback(struct sw_call *c);
/* The call ends: nothing is waited for any more. */
void sw_anchor_forget_call(struct sw_call *c);
/* An event of the media process. */
void sw_anchor_event(struct sw_edge *e, enum sw_media_event ev, const struct sw_media_stats *s);
