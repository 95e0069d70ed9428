/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Stub resolver on the loop. ldns builds and parses packets; sockets, ids,
 * checks and the cache are ours (standards 3.3, 3.4): one connected UDP socket
 * with a random source port per try, TCP on truncation, wrong ids and questions
 * ignored until the deadline. Answers are untrusted input.
 */
#include "conf/conf.h"
#include "core/id.h"
#include "core/loop.h"

struct sw_dns;

enum sw_dns_outcome {
	SW_DNS_INDETERMINATE,   /* zero: nothing known; timeout or transport failure */
	SW_DNS_ANSWER,
	SW_DNS_NODATA,
	SW_DNS_NXDOMAIN,
	SW_DNS_SERVFAIL,
	SW_DNS_REFUSED,         /* and other rcodes */
};
enum sw_dns_type { SW_DNS_A = 1, SW_DNS_TXT = 16, SW_DNS_AAAA = 28, SW_DNS_SRV = 33, SW_DNS_NAPTR = 35 };

enum { SW_DNS_RR_MAX = 100, SW_DNS_SRV_MAX = 32, SW_DNS_CNAME_MAX = 8, SW_DNS_NAME_MAX = 256 };

struct sw_dns_rr {
	enum sw_dns_type type;
	uint32_t ttl;
	union {
		struct sw_addr addr;                                                  /* A, AAAA; port 0 */
		struct { uint16_t priority, weight, port; char target[SW_DNS_NAME_MAX]; } srv;  /* lower case, no trailing dot; "" is "." */
		struct { uint16_t order, preference; char flags[16], service[64], regexp[64], replacement[SW_DNS_NAME_MAX]; } naptr;
		struct { uint8_t *data; size_t len; } txt;                            /* strings joined; owned by the answer */
	};
};
struct sw_dns_answer {
	enum sw_dns_outcome outcome;
	struct sw_dns_rr *rrs;
	size_t n;
	uint32_t ttl;               /* seconds left, clamped */
	bool secure;                /* AD from a trusted resolver */
	bool via_cname;
	bool tcp_blocked;           /* truncated over UDP and TCP could not be had */
	bool stale;                 /* served past its time because the resolver fails */
	char detail[128];           /* for the log: server and what happened */
};
/* The answer is borrowed: valid during the call. */
typedef void sw_dns_fn(void *arg, const struct sw_dns_answer *a);

int sw_dns_new(struct sw_dns **out, struct sw_loop *l, const struct sw_conf_dns *conf) SW_MUSTCHECK;  /* conf is copied */
void sw_dns_free(struct sw_dns *d);   /* pending queries end without a call */
/* Asks; fn is never called from within. *query (may be NULL) can be cancelled; afterwards fn isn't called. Equal queries under way are joined. */
int sw_dns_ask(struct sw_dns *d, const char *name, enum sw_dns_type type, sw_dns_fn *fn, void *arg, sw_id *query) SW_MUSTCHECK;
/* The same past the cache (domain proofs, pre-flight). */
int sw_dns_ask_fresh(struct sw_dns *d, const char *name, enum sw_dns_type type, sw_dns_fn *fn, void *arg, sw_id *query) SW_MUSTCHECK;
void sw_dns_cancel(struct sw_dns *d, sw_id query);
const char *sw_dns_outcome_name(enum sw_dns_outcome o);
