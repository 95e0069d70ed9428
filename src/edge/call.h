/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A call (or another dialog: SUBSCRIBE, REFER): two legs, each a party's zone and connection, the dialogs' tags, and the media
 * streams anchored for it. Made when the first request is forwarded, found again by the cookie in our Record-Route, and gone at
 * the BYE, the failure, the end of a party, or limits.call_time; its pinholes go with it, at once.
 */
#include "edge/peer.h"
#include "sip/sdp.h"

enum { SW_LEG_CALLER, SW_LEG_CALLEE };
enum { SW_CALL_FORKS_MAX = 8 };

struct sw_leg {
	char zone[64];
	sw_id conn;
	struct sw_addr remote;          /* of the connection, for parties without identity */
	char reference[256];            /* the callee: what its server must prove to be, when we connect again */
	bool anonymous;                 /* the default zone: the party is its connection or at least its address */
};

enum sw_offer_state { SW_OFFER_NONE, SW_OFFER_PENDING, SW_OFFER_ANSWERED };

struct sw_anchor_job;

struct sw_call_stream {                 /* one m-line, by its place */
	sw_id id;                       /* 0: none (not relayed, or rejected) */
	uint16_t port[2];               /* ours, per side; A faces the caller; 0: not given yet */
	bool pair;
	bool mux_offered;               /* by the offer that is pending */
	bool preview;                   /* the answerer's remote is from an unreliable provisional: nothing is sent there yet */
	struct sw_media_remote remote[2];       /* as last told; relevant when have_remote */
	bool have_remote[2];
	struct sw_call *call;           /* whose it is: for the answer to "open" */
};

struct sw_call {
	sw_id id;
	struct sw_edge *edge;
	bool invite;                    /* has media and an end; else another dialog */
	bool established;
	bool ended;
	struct sw_leg leg[2];
	char *call_id;                  /* owned */
	char *from_tag;                 /* the caller's; owned */
	char *to_tag[SW_CALL_FORKS_MAX];/* callee dialogs; owned; [0] is the one media follows */
	size_t n_to_tags;
	struct sw_call_stream stream[SW_SDP_MEDIA_MAX];
	size_t n_streams;
	unsigned opening;               /* streams asked for and not answered */
	enum sw_reason open_failed;
	int offerer;                    /* leg whose offer is pending; -1 */
	uint32_t answer_in_ack;         /* CSeq of the INVITE whose 2xx made that offer; 0: none */
	struct sw_call_stream *saved;   /* to go back to when a re-INVITE fails: n_saved of them; owned; NULL: none */
	size_t n_saved;
	struct sw_anchor_job *job;      /* an SDP that waits for its ports */
	struct sw_timer life;
	int64_t since;
};

int sw_call_new(struct sw_call **out, struct sw_edge *e, const struct sw_msg *request, const struct sw_peer *caller,
		const struct sw_zone *target) SW_MUSTCHECK;
/* Ends it: pinholes close now, the record is logged, the id resolves no more. */
void sw_call_end(struct sw_call *c, enum sw_reason why);
/* At the end of the edge: records that still wait for figures are given up. */
void sw_call_endings_free(struct sw_edge *e);
struct sw_call *sw_call_get(const struct sw_edge *e, sw_id id);
/* The leg an in-dialog request comes from, by its tags; -1: not of this call. */
int sw_call_leg_of(const struct sw_call *c, const struct sw_msg *request);
/* May this connection speak for that leg? */
bool sw_call_leg_is(const struct sw_call *c, int leg, const struct sw_peer *p);
void sw_call_set_conn(struct sw_call *c, int leg, sw_id conn);
/* A response with a To tag: remembers the dialog. */
void sw_call_learn_tag(struct sw_call *c, struct sw_str to_tag);
/* Does a BYE with this callee tag end the call (or only a lost fork)? */
bool sw_call_bye_ends(struct sw_call *c, struct sw_str callee_tag);
/* It ends by itself so many seconds from now, and the time of a transaction: digits, or otherwise when they are none. */
void sw_call_lasts(struct sw_call *c, struct sw_str digits, uint32_t otherwise);
void sw_call_establish(struct sw_call *c, struct sw_str to_tag);
/* The connection is gone for good because its peer may not be here any more: its calls end. */
void sw_call_conn_revoked(struct sw_edge *e, sw_id conn);
