/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/cache.h"

#include <stdlib.h>

struct sw_cache_entry {
	UT_hash_handle hh;
	struct sw_cache_entry *prev, *next;
	struct sw_answer *good;      /* answer, NODATA or NXDOMAIN; owned reference, may be expired */
	struct sw_answer *failure;   /* the last one since good; owned reference */
	uint64_t expires;            /* of good */
	uint64_t retry;              /* no new question before, after a failure */
	uint64_t delay;              /* the current back-off */
	enum sw_dns_type type;
	size_t bytes, key_len;
	char key[];                  /* type, name */
};

enum { KEY_MAX = 2 + SW_DNS_NAME_MAX };

static size_t make_key(char key[KEY_MAX], const char *name, enum sw_dns_type type)
{
	size_t n = strnlen(name, SW_DNS_NAME_MAX);

	key[0] = (char)((unsigned)type >> 8);
	key[1] = (char)type;
	memcpy(key + 2, name, n);
	return n + 2;
}

void sw_cache_init(struct sw_cache *c, size_t max)
{
	*c = (struct sw_cache){ .max = max };
}

static void drop(struct sw_cache *c, struct sw_cache_entry *e)
{
	HASH_DELETE(hh, c->table, e);
	DL_DELETE(c->lru, e);
	c->bytes -= e->bytes;
	sw_answer_unref(e->good);
	sw_answer_unref(e->failure);
	free(e);
}

void sw_cache_free(struct sw_cache *c)
{
	while (c->lru)
		drop(c, c->lru);
}

size_t sw_cache_count(const struct sw_cache *c)
{
	return HASH_COUNT(c->table);
}

static struct sw_cache_entry *find(struct sw_cache *c, const char *name, enum sw_dns_type type)
{
	char key[KEY_MAX];
	size_t n = make_key(key, name, type);
	struct sw_cache_entry *e;

	HASH_FIND(hh, c->table, key, n, e);
	return e;
}

static void touch(struct sw_cache *c, struct sw_cache_entry *e)
{
	DL_DELETE(c->lru, e);
	DL_APPEND(c->lru, e);
}

static bool may_serve_stale(const struct sw_cache_entry *e, uint64_t now)
{
	return e->good && e->good->a.outcome == SW_DNS_ANSWER && now - e->expires < SW_CACHE_STALE_MAX &&
	       (e->type == SW_DNS_A || e->type == SW_DNS_AAAA || e->type == SW_DNS_SRV);
}

bool sw_cache_get(struct sw_cache *c, const char *name, enum sw_dns_type type, uint64_t now, struct sw_cache_hit *hit)
{
	struct sw_cache_entry *e = find(c, name, type);

	if (!e)
		return false;
	touch(c, e);
	if (e->good && now < e->expires) {
		*hit = (struct sw_cache_hit){ .answer = e->good, .ttl = (uint32_t)((e->expires - now + 999) / 1000) };
		return true;
	}
	if (!e->failure || now >= e->retry)
		return false;
	if (may_serve_stale(e, now))
		*hit = (struct sw_cache_hit){ .answer = e->good, .ttl = SW_CACHE_STALE_TTL, .stale = true };
	else
		*hit = (struct sw_cache_hit){ .answer = e->failure };
	return true;
}

static struct sw_cache_entry *add(struct sw_cache *c, const char *name, enum sw_dns_type type)
{
	char key[KEY_MAX];
	size_t n = make_key(key, name, type);
	struct sw_cache_entry *e = calloc(1, sizeof(*e) + n);

	if (!e)
		return NULL;
	e->type = type;
	e->key_len = n;
	memcpy(e->key, key, n);
	HASH_ADD_KEYPTR(hh, c->table, e->key, e->key_len, e);
	if (!e->hh.tbl) {
		free(e);
		return NULL;
	}
	DL_APPEND(c->lru, e);
	return e;
}

static void remember_failure(struct sw_cache_entry *e, struct sw_answer *a, uint64_t now)
{
	uint64_t max = a->a.outcome == SW_DNS_INDETERMINATE ? SW_CACHE_RETRY_MAX_UNREACHED : SW_CACHE_RETRY_MAX;

	e->delay = e->delay ? e->delay * 2 : SW_CACHE_RETRY_MIN;
	if (e->delay > max)
		e->delay = max;
	e->retry = now + e->delay;
	sw_answer_unref(e->failure);
	e->failure = sw_answer_ref(a);
}

static void remember(struct sw_cache_entry *e, struct sw_answer *a, uint64_t now)
{
	sw_answer_unref(e->good);
	sw_answer_unref(e->failure);
	e->good = sw_answer_ref(a);
	e->failure = NULL;
	e->delay = 0;
	e->expires = now + (uint64_t)a->a.ttl * 1000;
}

static void account(struct sw_cache *c, struct sw_cache_entry *e)
{
	size_t n = sizeof(*e) + e->key_len + (e->good ? sw_answer_size(e->good) : 0) +
		   (e->failure ? sw_answer_size(e->failure) : 0);

	c->bytes = c->bytes - e->bytes + n;
	e->bytes = n;
}

void sw_cache_put(struct sw_cache *c, const char *name, enum sw_dns_type type, struct sw_answer *a, uint64_t now)
{
	struct sw_cache_entry *e;

	if (c->max == 0)
		return;
	e = find(c, name, type);
	if (!e && !(e = add(c, name, type)))
		return;
	touch(c, e);
	if (sw_answer_failed(a))
		remember_failure(e, a, now);
	else
		remember(e, a, now);
	account(c, e);
	while (c->lru && (HASH_COUNT(c->table) > c->max || c->bytes / SW_CACHE_BYTES_PER_ENTRY > c->max))
		drop(c, c->lru);
}
