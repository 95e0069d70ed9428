/* SPDX-License-Identifier: Apache-2.0 */
#include "core/id.h"

#include <stdlib.h>

#include "core/random.h"

/* An id is generation << 32 | slot index. The generation starts at random and is never 0, so ids of two runs differ. */
struct sw_idslot {
	void *obj;
	uint32_t generation;
	uint32_t next_free;  /* index + 1; 0: end of the list */
};

enum { SLOTS_FIRST = 64 };

int sw_idtab_init(struct sw_idtab *t, size_t max)
{
	*t = (struct sw_idtab){ .max = max };
	return max < UINT32_MAX ? SW_OK : SW_EINVALID;
}

void sw_idtab_free(struct sw_idtab *t)
{
	free(t->slots);
	*t = (struct sw_idtab){ 0 };
}

static int grow(struct sw_idtab *t)
{
	size_t size = t->size ? t->size * 2 : SLOTS_FIRST;
	struct sw_idslot *slots;

	if (size > t->max)
		size = t->max;
	if (size == t->size)
		return SW_ELIMIT;
	slots = reallocarray(t->slots, size, sizeof(*slots));
	if (!slots)
		return SW_ENOMEM;
	t->slots = slots;
	for (size_t i = size; i-- > t->size;) {
		slots[i] = (struct sw_idslot){ .next_free = t->free_head };
		sw_random(&slots[i].generation, sizeof(slots[i].generation));
		t->free_head = (uint32_t)i + 1;
	}
	t->size = size;
	return SW_OK;
}

int sw_idtab_add(struct sw_idtab *t, void *obj, sw_id *out)
{
	struct sw_idslot *s;
	uint32_t index;
	int err;

	if (!obj)
		return SW_EINVALID;
	if (!t->free_head && (err = grow(t)) < 0)
		return err;
	index = t->free_head - 1;
	s = &t->slots[index];
	t->free_head = s->next_free;
	s->obj = obj;
	if (++s->generation == 0)
		s->generation = 1;
	t->used++;
	*out = (sw_id)s->generation << 32 | index;
	return SW_OK;
}

static struct sw_idslot *slot_of(const struct sw_idtab *t, sw_id id)
{
	uint32_t index = (uint32_t)id;
	struct sw_idslot *s;

	if (id == 0 || index >= t->size)
		return NULL;
	s = &t->slots[index];
	return s->obj && s->generation == (uint32_t)(id >> 32) ? s : NULL;
}

void *sw_idtab_get(const struct sw_idtab *t, sw_id id)
{
	struct sw_idslot *s = slot_of(t, id);

	return s ? s->obj : NULL;
}

void sw_idtab_del(struct sw_idtab *t, sw_id id)
{
	struct sw_idslot *s = slot_of(t, id);

	if (!s)
		return;
	s->obj = NULL;
	s->next_free = t->free_head;
	t->free_head = (uint32_t)id + 1;
	t->used--;
}

void *sw_idtab_next(const struct sw_idtab *t, size_t *pos)
{
	while (*pos < t->size) {
		void *obj = t->slots[(*pos)++].obj;

		if (obj)
			return obj;
	}
	return NULL;
}
