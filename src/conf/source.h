/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The text of a configuration, before libconfig sees it. It is read and
 * checked here, token by token, and written out again as plain libconfig:
 * comments gone, includes in place, one map from output lines to file and
 * line. libconfig 1.5 alone would not do:
 *  - it takes 4294967296 for 0, and an unclosed comment for the rest of the file,
 *  - an include that is a directory ends the process (flex's fatal error),
 *  - a syntax error is "syntax error", and leaks the strings read so far.
 * What remains for it to refuse is a key written twice.
 * Private to src/conf.
 */
#include "conf/conf.h"

struct sw_conf_where {
	const char *file;      /* belongs to the source */
	int line;
};

struct sw_conf_source {
	struct sw_buf text;
	struct sw_conf_place { unsigned file; int line; } *places;   /* of output line i + 1 */
	size_t n_places, places_size;
	char **files;
	size_t n_files;
	struct sw_strlist patterns;  /* of includes with wildcards */
	size_t refused;        /* errors found so far */
};

/* Stands for a value that was refused here already, so that the rest is still judged. */
#define SW_CONF_REFUSED "\x01"

/*
 * Reads path with its includes (relative to dir; dir NULL: none are allowed) or, when text is given, takes that and
 * lets path stand for its name. SW_ECONF with diagnostics when it can't be handed to libconfig. The source may
 * hold refused values though 0 is returned: its count tells. Free it in both cases.
 */
int sw_conf_source_read(struct sw_conf_source *s, const char *path, const char *text, const char *dir,
			struct sw_diag *diag) SW_MUSTCHECK;
void sw_conf_source_free(struct sw_conf_source *s);
struct sw_conf_where sw_conf_source_where(const struct sw_conf_source *s, unsigned output_line);
