/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The last refusals, for "sipward why": a ring, bounded in number (limits.refusals), in bytes and per source, so that a flood
 * from one address does not push out what matters. What is refused again for the same reason is counted, not kept again.
 */
#include "edge/edge.h"
#include "tls/tls.h"

struct sw_msg;

enum sw_refusal_kind { SW_REFUSED_IN, SW_REFUSED_OUT, SW_REFUSED_REQUEST, SW_REFUSED_OPEN /* it was admitted once */ };

struct sw_refusal {
	uint64_t id;
	sw_id conn;
	enum sw_refusal_kind kind;
	int64_t first, last; /* seconds since 1970 */
	unsigned count;
	char listener[64], zone[64]; /* zone "": none was found */
	struct sw_addr source;
	struct sw_verdict verdict;
	struct sw_chain_result chain; /* as it was judged then; reason 0: it was not */
	bool tls;
	struct sw_tls_peer peer;               /* what it showed; owned */
	char reference[256], target_host[256]; /* outgoing: what the server had to be */
	/* requests */
	char method[32], from[200], to[200], callid[128];
	int status;
	size_t bytes;
};

struct sw_refusals;

int sw_refusals_new(struct sw_refusals **out, struct sw_edge *e) SW_MUSTCHECK;
void sw_refusals_free(struct sw_refusals *r);
/* Each returns the id for the log line, 0 when nothing is kept. */
uint64_t sw_refusal_of_accept(struct sw_edge *e, const char *listener, const struct sw_addr *source, enum sw_reason reason);
/* peer may be NULL (plain TCP); reference and target_host: of an outgoing connection, else NULL. */
uint64_t sw_refusal_of_conn(struct sw_edge *e, enum sw_refusal_kind kind, sw_id conn, const char *listener, const char *zone,
			    const struct sw_addr *source, const struct sw_tls_peer *peer, const struct sw_chain_result *chain,
			    const struct sw_verdict *v, const char *reference, const char *target_host);
uint64_t sw_refusal_of_request(struct sw_edge *e, sw_id conn, const char *listener, const char *zone,
			       const struct sw_addr *source, const struct sw_msg *msg, const struct sw_verdict *v, int status);

/* By its id, or by the id of its connection (the latest). NULL: not, or no more. */
struct sw_refusal *sw_refusal_find(const struct sw_refusals *r, uint64_t id);
/* A copy for another thread; NULL: out of memory. The caller frees it. */
struct sw_refusal *sw_refusal_copy(const struct sw_refusal *f) SW_MUSTCHECK;
void sw_refusal_free(struct sw_refusal *f); /* NULL is fine */
/* Newest first; i from 0. NULL at the end. */
const struct sw_refusal *sw_refusal_at(const struct sw_refusals *r, size_t i);
size_t sw_refusals_count(const struct sw_refusals *r);
