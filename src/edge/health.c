/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/health.h"

#include <stdio.h>
#include <stdlib.h>

enum { DOWN_FIRST_MS = 30000, DOWN_MAX_MS = 300000, RETRY_AFTER_MAX_MS = 3600000, ENTRIES_MAX = 4096, KEY_MAX = 160 };

struct entry {
	char key[KEY_MAX];
	uint64_t until;
	uint64_t last;       /* how long it was set aside the last time */
	UT_hash_handle hh;
};

struct sw_health {
	struct entry *entries;  /* in the order they were made: the oldest goes first when there are too many */
};

int sw_health_new(struct sw_health **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? SW_OK : SW_ENOMEM;
}

static void drop(struct sw_health *h, struct entry *t)
{
	HASH_DEL(h->entries, t);
	free(t);
}

void sw_health_free(struct sw_health *h)
{
	while (h && h->entries)
		drop(h, h->entries);
	free(h);
}

static struct entry *find(const struct sw_health *h, const char *zone, const struct sw_addr *addr, char key[KEY_MAX])
{
	char text[SW_ADDR_STRLEN];
	struct entry *t = NULL;

	snprintf(key, KEY_MAX, "%s|%.64s", sw_addr_text(addr, text), zone);
	HASH_FIND_STR(h->entries, key, t);
	return t;
}

void sw_health_failed(struct sw_health *h, const char *zone, const struct sw_addr *addr, int retry_after, uint64_t now)
{
	char key[KEY_MAX];
	struct entry *t = find(h, zone, addr, key);
	uint64_t ms;

	if (!t) {
		if (HASH_COUNT(h->entries) >= ENTRIES_MAX)
			drop(h, h->entries);
		t = calloc(1, sizeof(*t));
		if (!t)
			return;  /* not remembered: it is merely tried in its turn */
		memcpy(t->key, key, sizeof(t->key));
		HASH_ADD_STR(h->entries, key, t);
		if (!t->hh.tbl) {
			free(t);
			return;
		}
	}
	ms = t->last == 0 ? DOWN_FIRST_MS : t->last * 2 > DOWN_MAX_MS ? DOWN_MAX_MS : t->last * 2;
	t->last = ms;
	if (retry_after >= 0)
		ms = (uint64_t)retry_after * 1000 > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : (uint64_t)retry_after * 1000;
	t->until = now + ms;
}

void sw_health_ok(struct sw_health *h, const char *zone, const struct sw_addr *addr)
{
	char key[KEY_MAX];
	struct entry *t = h->entries ? find(h, zone, addr, key) : NULL;

	if (t)
		drop(h, t);
}

bool sw_health_down(const struct sw_health *h, const char *zone, const struct sw_addr *addr, uint64_t now)
{
	char key[KEY_MAX];
	struct entry *t = h->entries ? find(h, zone, addr, key) : NULL;

	return t && t->until > now;
}

void sw_health_order(const struct sw_health *h, const char *zone, struct sw_target *targets, size_t n, uint64_t now)
{
	size_t up = 0;

	/* At most 64 per name and few names: moving one at a time is cheap enough, and keeps the order. */
	for (size_t i = 0; h->entries && i < n; i++) {
		struct sw_target t = targets[i];

		if (sw_health_down(h, zone, &t.addr, now))
			continue;
		memmove(&targets[up + 1], &targets[up], (i - up) * sizeof(t));
		targets[up++] = t;
	}
}
