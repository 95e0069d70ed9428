/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Files that were opened for us. After start the edge is no longer root, and on reload could not open what only root may read
 * (/etc/letsencrypt, a unit's credentials): the supervisor, which can, opens the files of the certificate sets and lends them.
 */
#include <stddef.h>
#include "core/error.h"

enum { SW_LENT_MAX = 128 };

struct sw_lent_file {
	char *path;
	int fd;
};
struct sw_lent {                 /* owns paths and descriptors */
	struct sw_lent_file v[SW_LENT_MAX];
	size_t n;
};

/* Takes fd over in any case. A path that is there already gets the new one. */
int sw_lent_add(struct sw_lent *l, const char *path, int fd) SW_MUSTCHECK;
void sw_lent_clear(struct sw_lent *l);
/* From now on sw_lent_open in this thread looks here first; NULL: nowhere. l must outlive that. */
void sw_lent_use(const struct sw_lent *l);
/* A descriptor of path for reading, at its beginning, the caller's to close: a lent one or an own. Below 0 with errno. */
int sw_lent_open(const char *path) SW_MUSTCHECK;
