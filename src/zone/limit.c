/* SPDX-License-Identifier: Apache-2.0 */
#include "zone/limit.h"

#include <stdlib.h>

#include "core/hash.h"

/* --- token bucket --- */

bool sw_bucket_take(struct sw_bucket *b, uint32_t rate, uint64_t now)
{
	double burst = rate > 1 ? rate : 1;

	if (rate == 0)
		return true;
	/* at is now + 1, so that a zeroed bucket is a full one at any time; a clock that steps back adds nothing */
	if (b->at == 0)
		b->tokens = burst;
	else if (now + 1 > b->at)
		b->tokens += (double)(now + 1 - b->at) * rate / 1000;
	if (b->tokens > burst)
		b->tokens = burst;
	if (now + 1 > b->at)
		b->at = now + 1;
	if (b->tokens < 1)
		return false;
	b->tokens -= 1;
	return true;
}

/* --- sources --- */

/* IPv4 in its v4-mapped form; of IPv6 the /64: what one host can choose from at will counts as one. */
struct source_key {
	uint8_t byte[16];
};

struct source {
	UT_hash_handle hh;
	struct source_key key;
	uint32_t held;
};

struct sw_sources {
	struct source *hash;
	size_t n, max;
};

static bool key_of(struct source_key *k, const struct sw_addr *a)
{
	*k = (struct source_key){ 0 };
	if (sw_addr_family(a) == AF_INET) {
		k->byte[10] = k->byte[11] = 0xff;
		memcpy(&k->byte[12], &a->in4.sin_addr, 4);
	} else if (sw_addr_family(a) == AF_INET6) {
		memcpy(k->byte, &a->in6.sin6_addr, IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr) ? 16 : 8);
	} else {
		return false;
	}
	return true;
}

int sw_sources_new(struct sw_sources **out, size_t max)
{
	struct sw_sources *s = calloc(1, sizeof(*s));

	if (!s)
		return SW_ENOMEM;
	s->max = max;
	*out = s;
	return SW_OK;
}

static void drop(struct sw_sources *s, struct source *e)
{
	HASH_DEL(s->hash, e);
	s->n--;
	free(e);
}

void sw_sources_free(struct sw_sources *s)
{
	struct source *e, *next;

	if (!s)
		return;
	HASH_ITER(hh, s->hash, e, next)
		drop(s, e);
	free(s);
}

static struct source *add_source(struct sw_sources *s, const struct source_key *k)
{
	struct source *e = s->n < s->max ? calloc(1, sizeof(*e)) : NULL;

	if (!e)
		return NULL;
	e->key = *k;
	HASH_ADD(hh, s->hash, key, sizeof(e->key), e);
	if (!e->hh.tbl) {
		free(e);
		return NULL;
	}
	s->n++;
	return e;
}

bool sw_sources_add(struct sw_sources *s, const struct sw_addr *a, uint32_t limit)
{
	struct source_key k;
	struct source *e;

	if (!key_of(&k, a))
		return false;
	HASH_FIND(hh, s->hash, &k, sizeof(k), e);
	if (e && limit && e->held >= limit)
		return false;
	if (!e && !(e = add_source(s, &k)))
		return false;
	if (e->held == UINT32_MAX)
		return false;
	e->held++;
	return true;
}

void sw_sources_del(struct sw_sources *s, const struct sw_addr *a)
{
	struct source_key k;
	struct source *e;

	if (!key_of(&k, a))
		return;
	HASH_FIND(hh, s->hash, &k, sizeof(k), e);
	if (e && --e->held == 0)
		drop(s, e);
}
