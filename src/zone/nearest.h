/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For the explanation of a refusal: the zones a peer came nearest to, and what it lacked for each. */
#include "zone/admit.h"

enum { SW_NEAREST_MAX = 3 };

struct sw_near_zone {
	const struct sw_zone *zone;
	enum sw_reason name;           /* SW_R_OK, or why its names are none of the zone's */
	enum sw_reason chain;          /* SW_R_OK, or why the zone's own list does not vouch for it; SW_R_DENY: not judged */
	struct sw_chain_result result; /* of that */
	bool listener, source;         /* it came in where the zone is served; from one of its networks */
	unsigned distance;             /* 0: it would be admitted */
};
/*
 * Fills at most SW_NEAREST_MAX zones, nearest first, and returns how many. Default zones are none; a peer without a certificate
 * is near to none. Walks all zones: not for the way of a connection. Chains are judged for zones that only they keep out.
 */
size_t sw_zone_nearest(const struct sw_zoneset *z, const struct sw_admit_facts *f, struct sw_near_zone out[SW_NEAREST_MAX]);
