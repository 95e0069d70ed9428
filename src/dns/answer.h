/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Private to src/dns: a message becomes an answer. Counted references, because
 * the cache and everyone who waits share one; immutable once made.
 */
#include "dns/dns.h"

struct sw_answer {
	unsigned refs;
	unsigned rcode;            /* with the extended bits; 0 where there was no message */
	struct sw_dns_answer a;    /* ttl: as it was when it came */
};

/* Where a question stands that may take several messages: set by sw_chain_start, moved on by each message. */
struct sw_chain {
	char name[SW_DNS_NAME_MAX];   /* the name to ask for */
	unsigned steps;
	uint32_t ttl;                 /* the least so far */
	bool insecure;                /* one of the messages was not authenticated */
	bool open;                    /* the last message ended in mid-chain: ask for the name */
};

/* name as in dns/wire.h. */
void sw_chain_start(struct sw_chain *c, const char *name);
/*
 * The answer to (chain->name, type) in msg: records owned by that name or by
 * the end of its CNAME/DNAME chain (RFC 1034 3.6.2, RFC 6672). SW_EPARSE when
 * it isn't a DNS message; the chain is moved on success only. With chain->open
 * the answer is no more than SW_DNS_NODATA so far: a server need not follow a
 * chain to its end. conf gives the TTL bounds and whether AD is believed.
 */
int sw_answer_parse(struct sw_answer **out, struct sw_chain *chain, enum sw_dns_type type, const uint8_t *msg, size_t len,
		    const struct sw_conf_dns *conf) SW_MUSTCHECK;
/* An answer that is none; NULL when out of memory, which every user takes for SW_DNS_INDETERMINATE. */
struct sw_answer *sw_answer_failure(enum sw_dns_outcome outcome, bool tcp_blocked, const char *detail) SW_MUSTCHECK;
struct sw_answer *sw_answer_ref(struct sw_answer *a);   /* NULL is fine */
void sw_answer_unref(struct sw_answer *a);
size_t sw_answer_size(const struct sw_answer *a);       /* bytes of memory */
static inline bool sw_answer_failed(const struct sw_answer *a)
{
	return a->a.outcome != SW_DNS_ANSWER && a->a.outcome != SW_DNS_NODATA && a->a.outcome != SW_DNS_NXDOMAIN;
}
