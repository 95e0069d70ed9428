/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One connection: its stream, its zone, its framer. Incoming ones are admitted (zone_admit) in the crypto pool, outgoing ones
 * proved the same way, before the first SIP byte. One connection, one zone, for its whole life; judged again on reload.
 */
#include "edge/edge.h"
#include "sip/frame.h"
#include "tls/stream.h"

enum sw_peer_state { SW_PEER_OPENING, SW_PEER_READY, SW_PEER_CLOSING };

/* Somebody (an id of his) waits for an outgoing connection. Called once, on the loop, never from within sw_peer_open. conn 0: failed, for why. */
typedef void sw_peer_ready_fn(struct sw_edge *e, sw_id who, sw_id conn, const struct sw_verdict *why);

struct sw_peer_wait;
struct sw_admit_job;

struct sw_peer {
	sw_id id;
	struct sw_edge *edge;
	enum sw_peer_state state;
	bool outgoing;
	bool waits, waited;              /* incoming: for the first OCSP answer about its certificate; it did */
	struct sw_stream *stream;
	struct sw_frame frame;
	struct sw_generation *gen;       /* a reference: zone points into it */
	const struct sw_zone *zone;      /* NULL until admitted */
	struct sw_addr remote;
	char name[128];                  /* the name that matched, "" for none */
	char listener[64];               /* where it came in; or our side towards it */
	struct sw_admit_job *job;        /* what the pool judges; a reference, shared with the stream */
	struct sw_peer_wait *waiting;    /* outgoing: who wants it */
	struct sw_request *pending;      /* list of INVITEs from it without a final response */
	char *key;                       /* outgoing: zone, address, reference: what it may be reused for; owned */
	UT_hash_handle hh;               /* in edge->outgoing */
	uint64_t serial;                 /* edge->serial it was last judged at */
	bool draining;                   /* it no longer passes: no new dialogs over it, and it goes with its last call, or when time is up */
	struct sw_verdict *drain_why;    /* then; owned; NULL: it was never */
	struct sw_timer drain_timer;
	struct sw_timer message_timer;   /* a message was begun */
	struct sw_timer idle_timer;
	struct sw_timer ping_timer;      /* outgoing: time for a ping, or, after one, for its pong to be missed */
	bool pinged, ponged;
	unsigned strikes;
	uint64_t strikes_since;
	uint32_t uses;                   /* calls whose legs run over it */
	uint64_t in, out;                /* messages */
	int64_t since;
};

/* Takes an accepted descriptor over. */
void sw_peer_accept(struct sw_edge *e, unsigned listener, int fd, const struct sw_addr *source);
/* What it waited for has come, or will not: it is judged again, and admitted or refused. An id that is gone is fine. */
void sw_peer_admit_again(struct sw_edge *e, sw_id conn);
/* A connection to target for zone, proved to be reference: an open one, or a new one. fn is called when it is ready or failed. */
int sw_peer_open(struct sw_edge *e, const struct sw_zone *zone, const struct sw_addr *addr, const char *host, const char *reference,
		 sw_peer_ready_fn *fn, sw_id who) SW_MUSTCHECK;
struct sw_peer *sw_peer_get(const struct sw_edge *e, sw_id conn);
/* An open connection a peer of the zone made to us, the latest; NULL when there is none. For neighbors without targets. */
struct sw_peer *sw_peer_of_zone(const struct sw_edge *e, const struct sw_zone *zone);
int sw_peer_send(struct sw_peer *p, struct sw_str bytes) SW_MUSTCHECK;
/* The head of a message, at level trace. */
void sw_peer_trace(const struct sw_peer *p, const char *event, struct sw_str bytes);
/* Closes with close_notify after what is queued; the one way a connection ends by our will. */
void sw_peer_close(struct sw_peer *p, const struct sw_verdict *why);
/*
 * Judges an open connection again under the current generation: keeps it; or closes it as revoked, at once where no call runs over it,
 * else after the last one, or limits.drain. One that is draining and passes again is kept after all.
 */
void sw_peer_rejudge(struct sw_peer *p);
/* A call has left it: it may be the last that a draining connection waited for. */
void sw_peer_unused(struct sw_peer *p);
void sw_peer_free_all(struct sw_edge *e);
