/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A request on its way: RFC 3261 16 with the policy of this house, step by step. */
#include "edge/anchor.h"
#include "dns/locate.h"

struct sw_request {
	sw_id id;
	struct sw_edge *edge;
	struct sw_msg *msg;              /* owned; until a final response */
	enum sw_method method;
	sw_id server;                    /* server transaction; 0: ACK */
	UT_hash_handle hh;               /* in edge->by_server */
	sw_id conn;                      /* where it came from */
	bool listed;                     /* among that connection's pending INVITEs */
	struct sw_request *prev, *next;
	struct sw_generation *gen;       /* a reference: source and target point into it */
	const struct sw_zone *source, *target;
	struct sw_authority authority;
	bool strip_identity;
	size_t own_routes;               /* topmost Route values that are ours */
	sw_id call;                      /* 0: none */
	int from_leg;                    /* within a dialog: who sends it */
	bool in_dialog;
	bool of_party;                   /* it is, by its connection */
	bool strict;                     /* a strict router sent it: the Request-URI is ours, the last Route is what was meant */
	bool makes_call;                 /* the call was made for it, so its failure ends it */
	char reference[256];             /* the domain routed to: what the target must prove */
	struct sw_target *targets;       /* owned */
	size_t n_targets, next_target;
	struct sw_verdict last;          /* why the last target failed */
	sw_id locate;                    /* pending, or 0 */
	bool offered;                    /* its SDP was taken as an offer */
	bool answer_waits;               /* a response with an SDP waits for ports */
	char *body;                      /* rewritten SDP; owned; NULL: none */
	size_t body_len;
	sw_id client;                    /* client transaction; 0: none yet */
	sw_id client_conn;
	uint64_t loop_hash;
	char branch[64];
	bool cancelled;
	bool final;                      /* a final response went upstream */
	bool got_provisional;
	bool server_over, client_over;
};

/* A request that came in whole and parsed. Takes msg over. */
void sw_request_in(struct sw_peer *p, struct sw_msg *msg);
/* The connection is gone: INVITEs that wait for their final response have nobody who wants it any more. */
void sw_request_conn_gone(struct sw_peer *p);
/* Ends a request whose server side gets this answer: the reason's status, or the given one (0: the reason's). */
void sw_request_fail(struct sw_request *r, const struct sw_verdict *v, int status);
/* Tries the next target; fails the request with what the last one said when there is none. */
void sw_request_try_next(struct sw_request *r);
/* The target being tried does not do: it is set aside for a while. retry_after: its own word, seconds; -1: none. */
void sw_request_target_failed(struct sw_request *r, int retry_after);
struct sw_request *sw_request_get(const struct sw_edge *e, sw_id id);
/* Frees it when both its transactions are over. */
void sw_request_over(struct sw_request *r);
void sw_request_free(struct sw_request *r);
