/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Admission: which zone a new connection belongs to, or why none. Before the first SIP byte. Pure but for the chain
 * callback; no allocation; any thread. Its cost depends on the certificate's names and on the zones that list them, not
 * on the number of zones.
 */
#include "zone/match.h"

/* A certificate whose names match more zones than that (on this listener, from this source) is tried with the first ones. */
enum { SW_ADMIT_TRIES = 32 };

/* Judges the peer's chain under one zone's own trust list and policy. Called at most once per zone whose names match. */
typedef void sw_admit_chain_fn(void *arg, const struct sw_zone *zone, struct sw_chain_result *out);

struct sw_admit_facts {
	const struct sw_conf_listener *listener;   /* looked up by name in the set's configuration; not there: nobody gets in */
	struct sw_addr source;
	const struct sw_identity *identity;   /* NULL: no certificate */
	sw_admit_chain_fn *chain;             /* may be NULL: then no certificate proves anything */
	void *chain_arg;
};
struct sw_admission {
	struct sw_verdict verdict;
	const struct sw_zone *zone;           /* when admitted */
	struct sw_match match;                /* how; empty for the default zone and for plain TCP */
	struct sw_chain_result chain;         /* of the zone that admitted, or of the last that did not */
};
/*
 * Zones are tried most specific first: those with source networks, then the others, in the order written. A peer whose
 * certificate proves a zone gets that zone. On a "tls" listener a peer without certificate, or with one that proves no
 * zone, goes to the listener's default zone if there is one; on "mtls" it is refused. On "tcp" (no identity at all)
 * only zones with target_transport tcp and source networks that hold the source admit, then the default zone. Where
 * several reasons refuse, the nearest one to success is reported: pin/trust/purpose > source > listener > wildcard > no
 * zone.
 *
 * A zone serves the listeners it names, and no other; a default zone is never found by a name, and takes in nobody on
 * "mtls". A default zone with source networks takes in only those. A chain that leads to no CA of the zone's is
 * SW_R_ID_TRUST; other faults of the chain keep their own reason. The verdict's detail names the zone that was nearest
 * and what the peer showed; where the default zone took the peer in, it says why no other did.
 */
void sw_zone_admit(const struct sw_zoneset *z, const struct sw_admit_facts *f, struct sw_admission *out);
