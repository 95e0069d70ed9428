/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The edge process: one loop that owns all SIP state. The way of a call through it, in the order of the files:
 *
 *   listen.c    accept                       -> peer
 *   peer.c      handshake, identify, admit, frame, parse -> one message
 *   request.c   transact, authorize, route, locate, anchor, send
 *   target.c    pick or open the connection to the next hop
 *   response.c  responses the mirror way, the answer's SDP
 *   call.c      the call: legs, dialogs, the joint of SIP and media (anchor.c)
 *
 * Owner of everything here is struct sw_edge; ids cross asynchronous borders.
 */
#include "core/hash.h"
#include "core/id.h"
#include "core/loop.h"
#include "dns/dns.h"
#include "dns/ownership.h"
#include "edge/cookie.h"
#include "edge/generation.h"
#include "edge/outcome.h"
#include "media/media.h"
#include "sip/txn.h"
#include "store/proofs.h"
#include "zone/limit.h"

struct sw_edge_opts {
	const char *config;         /* path */
	int supervisor_fd;          /* channel to the supervisor; -1: none */
	int media_fd;               /* the edge's end of the media pair */
	int *listen_fds;            /* one per listener address, in the configuration's order; taken over */
	size_t n_listen_fds;
};

struct sw_listen;   /* one listening socket */
struct sw_peer;     /* one connection */
struct sw_call;
struct sw_request;
struct sw_control;
struct sw_proofs;
struct sw_health;
struct sw_channel;
struct sw_web;
struct sw_refusals;
struct sw_crl_fetch;
struct sw_ocsps;
struct sw_ocsp_fetch;
struct sw_pulls;
struct sw_lent;

struct sw_edge {
	struct sw_loop *loop;
	struct sw_generation *gen;          /* the current truth */
	uint64_t serial;                    /* counts the generations put in place */
	const char *config;
	struct sw_txns *txns;
	struct sw_dns *dns;
	struct sw_pulls *pulls;             /* trust lists that are fetched */
	struct sw_web *web;                 /* fetches over HTTP */
	struct sw_seen *seen;               /* certificates of peers let in; owned */
	struct sw_ca_status *ca_status;     /* what CAs announced; owned; NULL: it could not be read */
	struct sw_crls *crls;               /* those fetched; a reference, the generations have theirs */
	struct sw_crl_fetch *crl_fetch;
	struct sw_ocsps *ocsps;             /* answers about clients; a reference, too */
	struct sw_ocsp_fetch *ocsp_fetch;
	struct sw_refusals *refusals;       /* the last ones, for "sipward why" */
	struct sw_media *media;
	struct sw_proofs *proofs;
	struct sw_health *health;
	struct sw_control *control;
	struct sw_channel *supervisor;
	struct sw_listen **listens;
	size_t n_listens;
	bool listens_wait;                  /* one does, for a handshake to end */
	unsigned listen_first;              /* whose turn it is then */
	uint64_t tell_full_due;             /* the log hears of it now and then */
	struct sw_idtab peers, calls, requests, probes;
	struct sw_peer *outgoing;           /* hash of connections we opened, by target key */
	struct sw_request *by_server;       /* hash of requests by their server transaction */
	struct sw_sources *conn_sources, *handshake_sources;
	unsigned handshakes;                /* under way, incoming */
	struct sw_bucket *rates;            /* per zone of the current generation */
	uint32_t *zone_calls;               /* per zone of the current generation */
	uint8_t cookie_key[SW_COOKIE_KEY];
	struct sw_call_ending *endings;     /* list of calls whose record waits for the last figures */
	bool draining;                      /* no new dialogs */
	bool closing;                       /* connections are being closed: the last one ends the loop */
	bool stopping;                      /* the loop is over: nothing comes back any more */
	struct sw_lent *lent;               /* files for the reload that comes next; owned; NULL: none */
	struct {
		bool good;                  /* the last reload, or the start */
		int64_t good_at, tried_at;  /* seconds since 1970 */
		char by[16];                /* who asked for the last: "start", or see outcome.h */
		char why[300];              /* it was refused */
	} reloaded;
	struct sw_outcome outcome;
	sw_id reload_asker;                 /* the operator's command that waits for a reload's outcome; 0: none */
	uint64_t rejudged;                  /* when open connections were last judged again for the time that passed */
	struct sw_timer drain_timer, tick;  /* tick: once a second */
	int64_t started;                    /* seconds since 1970 */
	int exit_status;
	struct {
		uint64_t accepted, admitted, refused, messages_in, messages_out, calls, reloads;
	} count;
};

/* Runs the edge to its end; the exit status of the process. */
int sw_edge_main(const struct sw_edge_opts *o);
/* Starts to drain: no new dialogs; stops when no call is left, or after limits.drain. A second call stops at once. */
void sw_edge_drain(struct sw_edge *e);
/* Stops when draining is done: no call, no record outstanding. */
void sw_edge_maybe_drained(struct sw_edge *e);
/* Puts a new generation in place of the old: what is open is judged again. Takes the reference over. */
void sw_edge_commit(struct sw_edge *e, struct sw_generation *g);
/* A word to the supervisor; that it is gone is found out elsewhere. */
void sw_edge_tell(struct sw_edge *e, const char *word, const char *text);
/* Is this host (and port, 0: any) one of ours? */
bool sw_edge_is_self(const struct sw_edge *e, struct sw_str host, uint16_t port);
