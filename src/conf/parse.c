/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "conf/load.h"
#include "conf/value.h"

static void parse_group(struct sw_conf_loader *l, const struct sw_conf_group *g, const config_setting_t *setting, void *base);

/* --- where things were written --- */

void sw_conf_mark(struct sw_conf_loader *l, const void *at, bool item, unsigned line)
{
	if (l->n_marks == l->marks_size) {
		size_t size = l->marks_size ? l->marks_size * 2 : 256;
		struct sw_conf_mark *grown = realloc(l->marks, size * sizeof(*grown));

		if (!grown) {
			l->out_of_memory = true;
			return;
		}
		l->marks = grown;
		l->marks_size = size;
	}
	l->marks[l->n_marks++] = (struct sw_conf_mark){ .at = at, .item = item, .line = line };
	l->sorted = false;
}

static int compare_marks(const void *a, const void *b)
{
	const struct sw_conf_mark *x = a, *y = b;

	if (x->at != y->at)
		return (uintptr_t)x->at < (uintptr_t)y->at ? -1 : 1;
	return x->item - y->item;
}

static const struct sw_conf_mark *find_mark(struct sw_conf_loader *l, const void *at, bool item)
{
	struct sw_conf_mark key = { .at = at, .item = item };

	if (!l->n_marks || !at)
		return NULL;
	if (!l->sorted)
		qsort(l->marks, l->n_marks, sizeof(*l->marks), compare_marks);
	l->sorted = true;
	return bsearch(&key, l->marks, l->n_marks, sizeof(*l->marks), compare_marks);
}

bool sw_conf_given(struct sw_conf_loader *l, const void *at)
{
	return find_mark(l, at, false) != NULL;
}

bool sw_conf_refused(struct sw_conf_loader *l, const void *at)
{
	const struct sw_conf_mark *m = find_mark(l, at, false);

	return m && m->refused;
}

SW_PRINTF(4, 0) static void report(struct sw_conf_loader *l, enum sw_diag_level level, unsigned line, const char *fmt, va_list ap)
{
	struct sw_conf_where where = sw_conf_source_where(&l->source, line);
	char text[768];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (level == SW_DIAG_ERROR)
		l->errors++;
	sw_diag_add(l->diag, level, where.file, where.line, "%s", text);
}

static unsigned line_of(struct sw_conf_loader *l, const void *at, const void *item)
{
	const struct sw_conf_mark *m = find_mark(l, at, false);

	if (!m)
		m = find_mark(l, item, true);
	return m ? m->line : 0;
}

void sw_conf_error(struct sw_conf_loader *l, const void *at, const void *item, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(l, SW_DIAG_ERROR, line_of(l, at, item), fmt, ap);
	va_end(ap);
}

void sw_conf_warn(struct sw_conf_loader *l, const void *at, const void *item, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(l, SW_DIAG_WARN, line_of(l, at, item), fmt, ap);
	va_end(ap);
}

void sw_conf_error_line(struct sw_conf_loader *l, unsigned line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(l, SW_DIAG_ERROR, line, fmt, ap);
	va_end(ap);
}

/* --- values --- */

static struct sw_conf_value value_of(const config_setting_t *s)
{
	switch (s->type) {
	case CONFIG_TYPE_STRING:
		return (struct sw_conf_value){ .is = SW_CONF_IS_TEXT, .text = s->value.sval ? s->value.sval : "" };
	case CONFIG_TYPE_INT:
		return (struct sw_conf_value){ .is = SW_CONF_IS_NUMBER, .number = s->value.ival };
	case CONFIG_TYPE_BOOL:
		return (struct sw_conf_value){ .is = SW_CONF_IS_BOOL, .boolean = s->value.ival != 0 };
	default:
		return (struct sw_conf_value){ .is = SW_CONF_IS_OTHER };
	}
}

static bool already_refused(const struct sw_conf_value *v)
{
	return v->is == SW_CONF_IS_TEXT && strcmp(v->text, SW_CONF_REFUSED) == 0;
}

/* One scalar to at. Says what is wrong; false when it is. */
static bool parse_value(struct sw_conf_loader *l, const struct sw_conf_group *g, const struct sw_conf_key *k,
			const struct sw_conf_value *v, unsigned line, void *at, void *at2)
{
	char error[SW_CONF_ERROR_MAX];
	int r;

	if (already_refused(v))
		return false;
	r = sw_conf_value_parse(k, v, l->dir, at, at2, error);
	if (r == SW_ENOMEM)
		l->out_of_memory = true;
	else if (r)
		sw_conf_error_line(l, line, "%s%s%s: %s", g->path, *g->path ? "." : "", k->name, error);
	return r == 0;
}

static size_t element_size(enum sw_conf_type t)
{
	switch (t) {
	case SW_CONF_ADDRS:
		return sizeof(struct sw_addr);
	case SW_CONF_PREFIXES:
		return sizeof(struct sw_prefix);
	case SW_CONF_SERVERS:
		return sizeof(struct sw_conf_dns_server);
	default:
		return sizeof(char *);
	}
}

/* A list under construction: room for all its values is made first, so that elements have their final address. */
struct list {
	char *elements;
	size_t n, size;
	unsigned set;
};

static bool list_begin(struct sw_conf_loader *l, struct list *list, const struct sw_conf_key *k, size_t n)
{
	*list = (struct list){ .size = element_size(k->type) };
	if (k->type == SW_CONF_SET || !n)
		return true;
	list->elements = calloc(n, list->size);
	if (!list->elements)
		l->out_of_memory = true;
	return list->elements != NULL;
}

static bool list_add(struct sw_conf_loader *l, const struct sw_conf_group *g, const struct sw_conf_key *k, struct list *list,
		     const struct sw_conf_value *v, unsigned line)
{
	void *at = list->elements ? list->elements + list->n * list->size : NULL;  /* none: a set, or no element */
	unsigned word = 0;

	if (!parse_value(l, g, k, v, line, k->type == SW_CONF_SET ? &word : at, NULL))
		return false;
	if (k->type == SW_CONF_SET) {
		list->set |= word;
		return true;
	}
	if (line)
		sw_conf_mark(l, at, false, line);
	list->n++;
	return true;
}

static void list_end(const struct sw_conf_key *k, struct list *list, void *base)
{
	char *at = (char *)base + k->at;

	if (k->type == SW_CONF_SET) {
		*(unsigned *)at = list->set;
	} else if (list->n == 0) {
		free(list->elements);
	} else if (sw_conf_is_strlist(k->type)) {
		((struct sw_strlist *)at)->v = (char **)list->elements;
		((struct sw_strlist *)at)->n = list->n;
	} else {
		memcpy(at, &list->elements, sizeof(list->elements));
		*(size_t *)((char *)base + k->at2) = list->n;
	}
}

/* ( ) or [ ] of values, or one value that stands for the list. */
static bool parse_list(struct sw_conf_loader *l, const struct sw_conf_group *g, const struct sw_conf_key *k,
		       const config_setting_t *s, void *base)
{
	bool many = s->type == CONFIG_TYPE_LIST || s->type == CONFIG_TYPE_ARRAY;
	size_t n = many ? (size_t)config_setting_length(s) : 1, max = k->max ? k->max : SW_CONF_LIST_MAX;
	struct list list;
	bool ok = true;

	if (n > max) {
		sw_conf_error_line(l, s->line, "%s.%s: %zu entries, at most %zu are possible", g->path, k->name, n, max);
		return false;
	}
	if (!n && (k->required || k->type == SW_CONF_SET)) {
		sw_conf_error_line(l, s->line, "%s.%s: must not be empty", g->path, k->name);
		return false;
	}
	if (!list_begin(l, &list, k, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		const config_setting_t *e = many ? config_setting_get_elem(s, (unsigned)i) : s;
		struct sw_conf_value v = value_of(e);

		ok &= list_add(l, g, k, &list, &v, e->line);
	}
	list_end(k, &list, base);
	return ok;
}

static void default_list(struct sw_conf_loader *l, const struct sw_conf_group *g, const struct sw_conf_key *k, void *base)
{
	char text[SW_CONF_ERROR_MAX], *save = NULL;
	struct list list;
	size_t n = 1;

	for (const char *p = k->def; *p; p++)
		n += *p == ' ';
	snprintf(text, sizeof(text), "%s", k->def);
	if (!list_begin(l, &list, k, n))
		return;
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		struct sw_conf_value v = { .is = SW_CONF_IS_TEXT, .text = word };

		(void)list_add(l, g, k, &list, &v, 0);
	}
	list_end(k, &list, base);
}

/* --- groups and items --- */

static bool parse_items(struct sw_conf_loader *l, const struct sw_conf_key *k, const config_setting_t *s, void *base)
{
	const struct sw_conf_group *g = k->group;
	size_t n = s->type == CONFIG_TYPE_LIST ? (size_t)config_setting_length(s) : 0, max = k->max ? k->max : SW_CONF_ITEMS_MAX;
	char *items;

	if (s->type == CONFIG_TYPE_GROUP) {
		sw_conf_error_line(l, s->line, "%s: a list of groups is written %s = ( { ... }, { ... } );", g->path, k->name);
		return false;
	}
	if (s->type != CONFIG_TYPE_LIST) {
		sw_conf_error_line(l, s->line, "%s: must be a list of groups: ( { ... } )", g->path);
		return false;
	}
	if (n > max) {
		sw_conf_error_line(l, s->line, "%s: %zu entries, at most %zu are possible", g->path, n, max);
		return false;
	}
	if (!n)
		return true;
	items = calloc(n, g->size);
	if (!items) {
		l->out_of_memory = true;
		return false;
	}
	memcpy((char *)base + k->at, &items, sizeof(items));
	*(size_t *)((char *)base + k->at2) = n;
	for (size_t i = 0; i < n; i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		if (e->type == CONFIG_TYPE_GROUP)
			parse_group(l, g, e, items + i * g->size);
		else
			sw_conf_error_line(l, e->line, "%s: each entry is a group: { ... }", g->path);
	}
	return true;
}

static bool parse_subgroup(struct sw_conf_loader *l, const struct sw_conf_key *k, const config_setting_t *s, void *base)
{
	if (s->type == CONFIG_TYPE_GROUP) {
		parse_group(l, k->group, s, (char *)base + k->at);
		return true;
	}
	if (k->type == SW_CONF_GROUP_OR_NONE && s->type == CONFIG_TYPE_STRING && s->value.sval &&
	    strcmp(s->value.sval, "none") == 0) {
		*(bool *)((char *)base + k->at2) = true;
		return true;
	}
	sw_conf_error_line(l, s->line, "%s: must be a group: %s = { ... };%s", k->group->path, k->name,
			   k->type == SW_CONF_GROUP_OR_NONE ? " or \"none\"" : "");
	return false;
}

static void parse_key(struct sw_conf_loader *l, const struct sw_conf_group *g, const struct sw_conf_key *k,
		      const config_setting_t *s, void *base)
{
	struct sw_conf_value v = value_of(s);
	size_t mark = l->n_marks;
	bool ok;

	if (k->type != SW_CONF_GROUP) /* its first field has the same address */
		sw_conf_mark(l, (char *)base + k->at, false, s->line);
	if (k->type == SW_CONF_ITEMS)
		ok = parse_items(l, k, s, base);
	else if (k->group)
		ok = parse_subgroup(l, k, s, base);
	else if (sw_conf_is_list(k->type))
		ok = parse_list(l, g, k, s, base);
	else
		ok = parse_value(l, g, k, &v, s->line, (char *)base + k->at, (char *)base + k->at2);
	if (!ok && k->type != SW_CONF_GROUP && mark < l->n_marks)
		l->marks[mark].refused = true;
}

static void set_default(struct sw_conf_loader *l, const struct sw_conf_group *g, const struct sw_conf_key *k, void *base,
			unsigned line)
{
	if (k->required) {
		sw_conf_error_line(l, line, "%s.%s is missing", g->path, k->name);
	} else if (k->type == SW_CONF_GROUP) {
		parse_group(l, k->group, NULL, (char *)base + k->at);
	} else if (!k->def) {
		return;
	} else if (sw_conf_is_list(k->type)) {
		default_list(l, g, k, base);
	} else {
		struct sw_conf_value v = sw_conf_value_of_default(k, k->def);

		parse_value(l, g, k, &v, 0, (char *)base + k->at, (char *)base + k->at2);
	}
}

static void unknown_key(struct sw_conf_loader *l, const struct sw_conf_group *g, const config_setting_t *s)
{
	const char *near = sw_conf_nearest(s->name, sw_conf_nth_key, g->keys);
	const char *in = *g->path ? " in " : "";

	if (near)
		sw_conf_error_line(l, s->line, "unknown key '%s'%s%s; did you mean '%s'?", s->name, in, g->path, near);
	else
		sw_conf_error_line(l, s->line, "unknown key '%s'%s%s", s->name, in, g->path);
}

/* setting NULL: the group was not written; all defaults. */
static void parse_group(struct sw_conf_loader *l, const struct sw_conf_group *g, const config_setting_t *setting, void *base)
{
	int n = setting ? config_setting_length(setting) : 0;
	unsigned line = setting ? setting->line : 0;

	if (setting && base != l->base)
		sw_conf_mark(l, base, true, line);
	if (g->line_at != SW_CONF_NO_LINE)
		*(int *)((char *)base + g->line_at) = sw_conf_source_where(&l->source, line).line;
	for (int i = 0; i < n; i++) {
		const config_setting_t *s = config_setting_get_elem(setting, (unsigned)i);
		const struct sw_conf_key *k = g->keys;

		while (k->name && strcmp(k->name, s->name) != 0)
			k++;
		if (k->name)
			parse_key(l, g, k, s, base);
		else
			unknown_key(l, g, s);
	}
	for (const struct sw_conf_key *k = g->keys; k->name; k++) {
		if (!setting || !config_setting_get_member(setting, k->name))
			set_default(l, g, k, base, line);
	}
}

/* --- the whole --- */

static bool parse_tree(struct sw_conf_loader *l, const struct sw_conf_group *schema)
{
	config_t tree;
	bool ok;

	config_init(&tree);
	ok = config_read_string(&tree, l->source.text.data) == CONFIG_TRUE;
	if (ok)
		parse_group(l, schema, config_root_setting(&tree), l->base);
	else if (strstr(config_error_text(&tree), "duplicate"))
		sw_conf_error_line(l, (unsigned)config_error_line(&tree), "this key is written a second time in the same group");
	else
		sw_conf_error_line(l, (unsigned)config_error_line(&tree), "%s", config_error_text(&tree));
	config_destroy(&tree);
	return ok;
}

/* The absolute directory of path. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	int n = slash ? slash == path ? 1 : (int)(slash - path) : 0;
	char *cwd, *dir = NULL;

	if (*path == '/')
		return strndup(path, (size_t)n);
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return NULL;
	if (asprintf(&dir, "%s%s%.*s", cwd, n ? "/" : "", n, path) < 0)
		dir = NULL;
	free(cwd);
	return dir;
}

/* The snapshot keeps the names of what was read; nothing of the source points to them any more. */
static void keep_names(struct sw_conf_loader *l)
{
	struct sw_conf_source *s = &l->source;
	char *first = s->n_files && l->conf->path ? strdup(l->conf->path) : NULL;

	if (!first) {
		l->out_of_memory = true;
		return;
	}
	free(s->files[0]);
	s->files[0] = first;  /* absolute */
	l->conf->files = (struct sw_strlist){ s->files, s->n_files };
	l->conf->includes = s->patterns;
	s->files = NULL;
	s->n_files = 0;
	s->patterns = (struct sw_strlist){ 0 };
}

static int load(struct sw_conf **out, const char *path, const char *text, struct sw_diag *diag)
{
	struct sw_conf_loader l = { .diag = diag };
	char *dir = directory_of(path);
	int r = SW_ENOMEM;

	l.dir = dir;
	l.base = l.conf = calloc(1, sizeof(*l.conf));
	if (!dir || !l.conf)
		goto out;
	l.conf->refs = 1;
	r = sw_conf_source_read(&l.source, path, text, dir, diag);
	if (r)
		goto out;
	if (*path == '/' || text)
		l.conf->path = strdup(path);
	else if (asprintf(&l.conf->path, "%s/%s", dir, strrchr(path, '/') ? strrchr(path, '/') + 1 : path) < 0)
		l.conf->path = NULL;
	l.out_of_memory = !l.conf->path;
	if (parse_tree(&l, &sw_conf_root) && !l.out_of_memory) {
		sw_conf_finish(&l);
		sw_conf_check(&l);
		if (!text)
			keep_names(&l);
	}
	r = l.out_of_memory ? SW_ENOMEM : l.errors || l.source.refused ? SW_ECONF : 0;
out:
	if (r == SW_ENOMEM)
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "out of memory");
	if (r)
		sw_conf_free(l.conf);
	else
		*out = l.conf;
	sw_conf_source_free(&l.source);
	free(l.marks);
	free(dir);
	return r;
}

int sw_conf_load(struct sw_conf **out, const char *path, struct sw_diag *diag)
{
	return load(out, path, NULL, diag);
}

int sw_conf_parse(struct sw_conf **out, const char *text, const char *name, struct sw_diag *diag)
{
	return load(out, name, text, diag);
}

int sw_conf_data_read(const struct sw_conf_data *d, void *base, const char *path, const char *text, struct sw_diag *diag)
{
	struct sw_conf_loader l = { .diag = diag, .base = base };
	char *dir = directory_of(path);
	int r = dir ? sw_conf_source_read(&l.source, path, text, NULL, diag) : SW_ENOMEM;

	l.dir = dir;
	if (r == SW_OK) {
		if (parse_tree(&l, d->schema) && !l.out_of_memory)
			d->finish(&l, base);
		r = l.out_of_memory ? SW_ENOMEM : l.errors || l.source.refused ? SW_ECONF : 0;
	}
	if (r == SW_ENOMEM)
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "out of memory");
	sw_conf_source_free(&l.source);
	free(l.marks);
	free(dir);
	return r;
}
