/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Handles that cross asynchronous borders in place of pointers. A handle whose
 * object is gone does not resolve: that is the normal case, not an error.
 * 0 is never a valid id. Ids carry a random part, so that those of one run are
 * not guessed from those of another and log lines of restarts do not collide.
 */
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"

typedef uint64_t sw_id;

struct sw_idtab {
	struct sw_idslot *slots;
	size_t size, used, max;
	uint32_t free_head;
};

int sw_idtab_init(struct sw_idtab *t, size_t max) SW_MUSTCHECK;   /* max objects; SW_ELIMIT beyond */
void sw_idtab_free(struct sw_idtab *t);                           /* the objects are not touched */
int sw_idtab_add(struct sw_idtab *t, void *obj, sw_id *out) SW_MUSTCHECK;
void *sw_idtab_get(const struct sw_idtab *t, sw_id id);           /* NULL when gone */
void sw_idtab_del(struct sw_idtab *t, sw_id id);
/* Walks in slot order: start with *pos = 0; NULL at the end. Deleting the returned object while walking is allowed. */
void *sw_idtab_next(const struct sw_idtab *t, size_t *pos);
