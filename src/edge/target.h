/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What to ask DNS for, to find a zone's targets. */
#include "dns/locate.h"
#include "edge/generation.h"

enum { SW_OWN_ADDRESSES_MAX = 64 };

struct sw_target_query {            /* q points into the rest: use it where it is */
	struct sw_locate_query q;
	char name[256];
	struct sw_addr own[SW_OWN_ADDRESSES_MAX];
};

/* For a host and port of a URI. SW_EPARSE: the host can't be a name. */
int sw_target_query(struct sw_target_query *t, const struct sw_conf *conf, const struct sw_conf_zone *zone, struct sw_str host,
		    uint16_t port, bool sips) SW_MUSTCHECK;
/* For one of a neighbor's targets: "host", "host:port", "[v6]:port". */
int sw_target_query_configured(struct sw_target_query *t, const struct sw_conf *conf, const struct sw_conf_zone *zone,
			       const char *target) SW_MUSTCHECK;
