/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the stages of loading share: libconfig's tree to structs (parse.c), then
 * the checks across keys (check.c). Private to src/conf.
 */
#include "conf/schema.h"
#include "conf/source.h"

struct sw_conf_mark {          /* where a field, an item or a list's element was written */
	const void *at;
	bool item;             /* the item itself, not the field at its start */
	bool refused;          /* a value that could not be taken; its message is out */
	unsigned line;         /* of the source's output */
};

struct sw_conf_loader {
	struct sw_conf *conf;   /* NULL where it is another file of tables */
	void *base;            /* what the root of the schema describes */
	struct sw_conf_source source;
	struct sw_diag *diag;
	const char *dir;       /* relative paths are taken from here */
	struct sw_conf_mark *marks;
	size_t n_marks, marks_size;
	bool sorted;
	bool out_of_memory;
	size_t errors;         /* counted here too: diag may be NULL */
};

void sw_conf_mark(struct sw_conf_loader *l, const void *at, bool item, unsigned line);
/* Was the field written in the file? */
bool sw_conf_given(struct sw_conf_loader *l, const void *at);
/* ... and is there nothing of it because it was refused? Then more complaints would only confuse. */
bool sw_conf_refused(struct sw_conf_loader *l, const void *at);

/* At the field, else at the item it belongs to, else without a line. item may be NULL. */
void sw_conf_error(struct sw_conf_loader *l, const void *at, const void *item, const char *fmt, ...) SW_PRINTF(4, 5);
void sw_conf_warn(struct sw_conf_loader *l, const void *at, const void *item, const char *fmt, ...) SW_PRINTF(4, 5);
void sw_conf_error_line(struct sw_conf_loader *l, unsigned line, const char *fmt, ...) SW_PRINTF(3, 4);

/* Fills what follows from other keys, then judges the whole. */
void sw_conf_finish(struct sw_conf_loader *l);
void sw_conf_check(struct sw_conf_loader *l);
/*
 * Files that are no configuration but are written the same way: profiles and the like. Read by a schema of their own, as
 * strictly, without includes.
 */
struct sw_conf_data {
	const struct sw_conf_group *schema;
	void (*finish)(struct sw_conf_loader *l, void *base);   /* fills what follows from other keys, judges the whole */
};
/*
 * Reads path, or text, which path then only names, into base: zeroed before, and freed with sw_conf_data_free whatever comes
 * back. SW_ECONF with all errors in diag.
 */
int sw_conf_data_read(const struct sw_conf_data *d, void *base, const char *path, const char *text, struct sw_diag *diag) SW_MUSTCHECK;
/* Frees what the struct holds, not the struct. */
void sw_conf_data_free(const struct sw_conf_data *d, void *base);

/* Frees what the structs hold, by the schema (snapshot.c). */
void sw_conf_free(struct sw_conf *c);
