/* SPDX-License-Identifier: Apache-2.0 */
/* Which files a configuration is made of, by the schema: a path key that is added is found here without more. */
#include "conf/schema.h"

struct walk {
	sw_conf_path_fn *fn;
	void *arg;
};

static void walk_group(const struct walk *w, const struct sw_conf_group *g, const void *base);

/* A list of paths may also hold addresses to fetch from. */
static bool is_path(const char *s)
{
	return s && *s == '/';
}

static void walk_items(const struct walk *w, const struct sw_conf_key *k, const void *base)
{
	size_t n = *(const size_t *)((const char *)base + k->at2);
	const char *items;

	memcpy(&items, (const char *)base + k->at, sizeof(items));
	for (size_t i = 0; i < n; i++)
		walk_group(w, k->group, items + i * k->group->size);
}

static void walk_group(const struct walk *w, const struct sw_conf_group *g, const void *base)
{
	for (const struct sw_conf_key *k = g->keys; k->name; k++) {
		const void *at = (const char *)base + k->at;

		if (k->type == SW_CONF_ITEMS) {
			walk_items(w, k, base);
		} else if (k->group) {
			if (strcmp(k->name, "node") != 0)  /* what is named there, we write */
				walk_group(w, k->group, at);
		} else if (k->type == SW_CONF_PATH || k->type == SW_CONF_SECRET) {
			const char *s = *(char *const *)at;

			if (s && strncmp(s, "file:", 5) == 0)
				s += 5;
			if (is_path(s))
				w->fn(w->arg, s, false);
		} else if (k->type == SW_CONF_PATHS || k->type == SW_CONF_PATHS_OR_URLS) {
			const struct sw_strlist *list = at;

			for (size_t i = 0; i < list->n; i++)
				if (is_path(list->v[i]))
					w->fn(w->arg, list->v[i], false);
		}
	}
}

void sw_conf_each_path(const struct sw_conf *c, sw_conf_path_fn *fn, void *arg)
{
	const struct walk w = { fn, arg };

	for (size_t i = 0; i < c->files.n; i++)
		fn(arg, c->files.v[i], false);
	for (size_t i = 0; i < c->includes.n; i++)
		fn(arg, c->includes.v[i], true);
	walk_group(&w, &sw_conf_root, c);
}
