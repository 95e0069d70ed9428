/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Whether the server we called is the one a zone means: the daemon's verdict, and pre-flight's. */
#include "tls/tls.h"
#include "zone/admit.h"

struct sw_prove_facts {
	const struct sw_zone *zone;
	const struct sw_trust *trust;        /* the zone's; NULL: nobody is vouched for */
	uint32_t depth;
	int64_t now;                         /* seconds since 1970 */
	const char *reference, *target_host; /* as sw_match_server */
	const struct sw_tls_peer *peer;      /* NULL: no TLS */
};
/* The chain under the zone's trust list and policy, then the names. Never fails; any thread. */
void sw_zone_prove_server(const struct sw_prove_facts *f, struct sw_admission *out);
