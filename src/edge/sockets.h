/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The listening sockets of a configuration, in the order of its listeners and their addresses. The supervisor binds and holds them. */
#include "conf/conf.h"

struct sw_sockets {                    /* owns the arrays; the descriptors are shared with the set before or after it */
	struct sw_addr *addr;
	int *fd;
	size_t n;
};

/* An address that old has keeps its socket; the rest is bound. What failed is in the log. */
int sw_sockets_bind(struct sw_sockets *out, const struct sw_conf *conf, const struct sw_sockets *old) SW_MUSTCHECK;
/* Closes what keep does not have; keep may be NULL. */
void sw_sockets_free(struct sw_sockets *k, const struct sw_sockets *keep);
