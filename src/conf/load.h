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
	struct sw_conf *conf;
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
/* Frees what the structs hold, by the schema (snapshot.c). */
void sw_conf_free(struct sw_conf *c);
