/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/schema.h"
#include "conf/value.h"

/* Only what differs from nothing is written: a NULL string, an empty list and a default that is computed again are left out. */

static void dump_group(const struct sw_conf_group *g, const void *base, unsigned depth, struct sw_buf *out);

static void indent(unsigned depth, struct sw_buf *out)
{
	while (depth--)
		sw_buf_str(out, "\t");
}

static void begin(const struct sw_conf_key *k, unsigned depth, struct sw_buf *out)
{
	indent(depth, out);
	sw_buf_printf(out, "%s = ", k->name);
}

static void dump_strlist(const struct sw_conf_key *k, const struct sw_strlist *list, unsigned depth, struct sw_buf *out)
{
	if (!list->n)
		return;
	begin(k, depth, out);
	for (size_t i = 0; i < list->n; i++) {
		sw_buf_str(out, i ? ", " : "[");
		sw_conf_value_print(k, &list->v[i], NULL, out);
	}
	sw_buf_str(out, "];\n");
}

static void dump_set(const struct sw_conf_key *k, unsigned set, unsigned depth, struct sw_buf *out)
{
	const char *separator = "[";

	begin(k, depth, out);
	for (const struct sw_conf_word *w = k->words; w->name; w++) {
		if (!(set & w->value))
			continue;
		sw_buf_printf(out, "%s\"%s\"", separator, w->name);
		separator = ", ";
	}
	sw_buf_str(out, "];\n");
}

static void dump_array(const struct sw_conf_key *k, const void *base, unsigned depth, struct sw_buf *out)
{
	size_t n = *(const size_t *)((const char *)base + k->at2);
	size_t size = k->type == SW_CONF_ADDRS      ? sizeof(struct sw_addr)
		      : k->type == SW_CONF_PREFIXES ? sizeof(struct sw_prefix)
						    : sizeof(struct sw_conf_dns_server);
	const char *elements;

	if (!n)
		return;
	memcpy(&elements, (const char *)base + k->at, sizeof(elements));
	begin(k, depth, out);
	for (size_t i = 0; i < n; i++) {
		sw_buf_str(out, i ? ", " : "[");
		sw_conf_value_print(k, elements + i * size, NULL, out);
	}
	sw_buf_str(out, "];\n");
}

static void dump_items(const struct sw_conf_key *k, const void *base, unsigned depth, struct sw_buf *out)
{
	size_t n = *(const size_t *)((const char *)base + k->at2);
	const char *items;

	if (!n)
		return;
	memcpy(&items, (const char *)base + k->at, sizeof(items));
	begin(k, depth, out);
	sw_buf_str(out, "(\n");
	for (size_t i = 0; i < n; i++) {
		indent(depth + 1, out);
		sw_buf_str(out, "{\n");
		dump_group(k->group, items + i * k->group->size, depth + 2, out);
		indent(depth + 1, out);
		sw_buf_str(out, i + 1 < n ? "},\n" : "}\n");
	}
	indent(depth, out);
	sw_buf_str(out, ");\n");
}

static void dump_subgroup(const struct sw_conf_key *k, const void *base, unsigned depth, struct sw_buf *out)
{
	const void *at = (const char *)base + k->at;

	if (k->type == SW_CONF_GROUP_OR_NONE && *(const bool *)((const char *)base + k->at2)) {
		begin(k, depth, out);
		sw_buf_str(out, "\"none\";\n");
		return;
	}
	if (k->type == SW_CONF_GROUP_OR_NONE && !((const struct sw_conf_cert *)at)->cert)
		return;
	begin(k, depth, out);
	sw_buf_str(out, "{\n");
	dump_group(k->group, at, depth + 1, out);
	indent(depth, out);
	sw_buf_str(out, "};\n");
}

/* Optional number without a default (routes.reject): 0 is "not given". */
static bool left_out(const struct sw_conf_key *k, const void *at)
{
	if (sw_conf_is_string(k->type))
		return !*(char *const *)at;
	return k->type == SW_CONF_U32 && !k->def && *(const uint32_t *)at == 0;
}

static void dump_group(const struct sw_conf_group *g, const void *base, unsigned depth, struct sw_buf *out)
{
	for (const struct sw_conf_key *k = g->keys; k->name; k++) {
		const void *at = (const char *)base + k->at;

		if (k->type == SW_CONF_ITEMS) {
			dump_items(k, base, depth, out);
		} else if (k->group) {
			dump_subgroup(k, base, depth, out);
		} else if (sw_conf_is_strlist(k->type)) {
			dump_strlist(k, at, depth, out);
		} else if (k->type == SW_CONF_SET) {
			dump_set(k, *(const unsigned *)at, depth, out);
		} else if (sw_conf_is_list(k->type)) {
			dump_array(k, base, depth, out);
		} else if (!left_out(k, at)) {
			begin(k, depth, out);
			sw_conf_value_print(k, at, (const char *)base + k->at2, out);
			sw_buf_str(out, ";\n");
		}
	}
}

void sw_conf_dump(const struct sw_conf *c, struct sw_buf *out)
{
	dump_group(&sw_conf_root, c, 0, out);
}
