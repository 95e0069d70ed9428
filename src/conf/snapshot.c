/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include "conf/load.h"

static void free_group(const struct sw_conf_group *g, void *base);

static void free_strlist(struct sw_strlist *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
}

static void free_items(const struct sw_conf_key *k, void *base)
{
	size_t n = *(size_t *)((char *)base + k->at2);
	char *items;

	memcpy(&items, (char *)base + k->at, sizeof(items));
	for (size_t i = 0; i < n; i++)
		free_group(k->group, items + i * k->group->size);
	free(items);
}

static void free_group(const struct sw_conf_group *g, void *base)
{
	for (const struct sw_conf_key *k = g->keys; k->name; k++) {
		char *at = (char *)base + k->at;

		if (sw_conf_is_string(k->type) || k->type == SW_CONF_ADDRS || k->type == SW_CONF_PREFIXES ||
		    k->type == SW_CONF_SERVERS) {
			void *p;

			memcpy(&p, at, sizeof(p));
			free(p);
		} else if (sw_conf_is_strlist(k->type)) {
			free_strlist((struct sw_strlist *)at);
		} else if (k->type == SW_CONF_ITEMS) {
			free_items(k, base);
		} else if (k->group) {
			free_group(k->group, at);
		}
	}
}

void sw_conf_free(struct sw_conf *c)
{
	if (!c)
		return;
	free_group(&sw_conf_root, c);
	free_strlist(&c->files);
	free_strlist(&c->includes);
	free(c->path);
	free(c);
}

void sw_conf_data_free(const struct sw_conf_data *d, void *base)
{
	free_group(d->schema, base);
}

struct sw_conf *sw_conf_ref(struct sw_conf *c)
{
	__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

void sw_conf_unref(struct sw_conf *c)
{
	if (c && __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) == 0)
		sw_conf_free(c);
}

const struct sw_conf_zone *sw_conf_zone(const struct sw_conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_zones; i++) {
		if (c->zones[i].name && strcmp(c->zones[i].name, name) == 0)
			return &c->zones[i];
	}
	return NULL;
}

const struct sw_conf_listener *sw_conf_listener(const struct sw_conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_listeners; i++) {
		if (c->listeners[i].name && strcmp(c->listeners[i].name, name) == 0)
			return &c->listeners[i];
	}
	return NULL;
}

const struct sw_conf_media_if *sw_conf_media_if(const struct sw_conf *c, const char *name)
{
	if (!name)
		return c->media.n_interfaces ? &c->media.interfaces[0] : NULL;
	for (size_t i = 0; i < c->media.n_interfaces; i++) {
		if (c->media.interfaces[i].name && strcmp(c->media.interfaces[i].name, name) == 0)
			return &c->media.interfaces[i];
	}
	return NULL;
}
