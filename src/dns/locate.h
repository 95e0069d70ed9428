/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* RFC 3263 server location for TLS and TCP, RFC 2782 order, standards 3.1 and 3.2. */
#include "dns/dns.h"
#include "core/reason.h"

struct sw_locate_query {
	const char *host;       /* domain, host name or IP literal */
	uint16_t port;          /* 0: none given, so NAPTR/SRV apply */
	bool tls;               /* the zone's transport: _sips._tcp / 5061, else _sip._tcp / 5060 */
	bool sips;              /* the URI's scheme is sips: never anything but TLS */
	bool naptr;             /* ask NAPTR first (transport not fixed by URI or zone) */
	const struct sw_prefix *allowed;   /* loopback, private, link-local targets are refused outside of these */
	size_t n_allowed;
	const struct sw_addr *own;         /* our listeners: refused */
	size_t n_own;
};
struct sw_target {
	struct sw_addr addr;
	char host[SW_DNS_NAME_MAX];   /* SRV target or the name itself: for SNI and the log */
	uint16_t priority, weight;
	bool tls;
};
struct sw_location {
	enum sw_reason reason;        /* SW_R_OK with n > 0; SW_R_DNS_ABSENT, SW_R_DNS_FAILED, SW_R_DNS_FORBIDDEN */
	struct sw_target *targets;    /* in the order to try */
	size_t n;                     /* at most 64 */
	char detail[200];
};
typedef void sw_locate_fn(void *arg, const struct sw_location *loc);   /* borrowed; never called from within */

/* q's strings and arrays are copied. */
int sw_locate(struct sw_dns *d, const struct sw_locate_query *q, sw_locate_fn *fn, void *arg, sw_id *out) SW_MUSTCHECK;
void sw_locate_cancel(struct sw_dns *d, sw_id id);

/* RFC 2782 selection, pure: fills order[n] with indices; draw(arg, sum) returns uniform in [0, sum]. */
struct sw_srv_key { uint16_t priority, weight; };
void sw_srv_order(const struct sw_srv_key *keys, size_t n, size_t *order, uint32_t (*draw)(void *arg, uint32_t sum), void *arg);
