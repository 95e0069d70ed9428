/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Private to src/dns: answers by (name, type). Pure: time is an argument.
 *
 * Failures are remembered too (RFC 9520), with back-off. While the resolver
 * fails, an expired A, AAAA or SRV answer serves on for an hour (RFC 8767):
 * a call that would have worked a minute ago still does. Never TXT: a proof
 * must not outlive its record.
 *
 * Bounded by entries and by bytes; the least recently used goes first.
 */
#include "core/hash.h"
#include "dns/answer.h"

enum {
	SW_CACHE_STALE_MAX = 3600 * 1000,
	SW_CACHE_STALE_TTL = 30,              /* seconds, RFC 8767 4 */
	SW_CACHE_RETRY_MIN = 5 * 1000,
	SW_CACHE_RETRY_MAX = 300 * 1000,      /* RFC 9520 3.2: at most five minutes */
	SW_CACHE_RETRY_MAX_UNREACHED = 30 * 1000,  /* nobody answered: the fault is near, and so is its end */
	SW_CACHE_BYTES_PER_ENTRY = 2048,      /* the budget; an entry may be larger */
};

struct sw_cache_entry;

struct sw_cache {
	struct sw_cache_entry *table, *lru;   /* the list's head is the oldest */
	size_t max, bytes;
};

struct sw_cache_hit {
	struct sw_answer *answer;   /* borrowed */
	uint32_t ttl;               /* seconds left */
	bool stale;
};

void sw_cache_init(struct sw_cache *c, size_t max);
void sw_cache_free(struct sw_cache *c);
/* A usable answer, a stale one while asking again makes no sense yet, or the remembered failure. */
bool sw_cache_get(struct sw_cache *c, const char *name, enum sw_dns_type type, uint64_t now, struct sw_cache_hit *hit);
/* Takes a reference of its own. Out of memory: it is not cached. */
void sw_cache_put(struct sw_cache *c, const char *name, enum sw_dns_type type, struct sw_answer *a, uint64_t now);
size_t sw_cache_count(const struct sw_cache *c);
