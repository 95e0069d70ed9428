/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A generation: everything one configuration means, compiled and loaded: zones, trust lists, TLS contexts. Immutable,
 * reference-counted, used by the loop and by the crypto pool's threads at once. A reload builds a new one beside the old and puts it
 * in its place only when all of it is good (two phases); what still uses the old keeps it.
 */
#include "conf/ca_status.h"
#include "tls/ocsps.h"
#include "tls/tls.h"
#include "zone/admit.h"

struct sw_generation {
	unsigned refs;
	struct sw_conf *conf;
	struct sw_zoneset *zones;
	struct sw_trust **trust;           /* per zone; NULL: none (default zone) */
	struct sw_tls_ctx **client_ctx;    /* per zone; NULL: not a TLS zone, or never called */
	struct sw_trust **listener_trust;  /* per listener: the union of its zones' lists; NULL: none */
	struct sw_tls_ctx **server_ctx;    /* per listener; NULL: plain TCP */
	struct sw_ocsps *ocsps;            /* a reference; NULL: nobody is asked */
};

/* Reads every file named by conf (blocking: off the loop, or at start). Takes a reference to conf. SW_ECONF with diag. */
int sw_generation_new(struct sw_generation **out, struct sw_conf *conf, struct sw_diag *diag) SW_MUSTCHECK;
/*
 * May g take the place of old? A certificate of ours that old presents not, and that peers would refuse, is an error then, not a warning.
 */
int sw_generation_may_replace(const struct sw_generation *g, const struct sw_generation *old, struct sw_diag *diag) SW_MUSTCHECK;
/* Tells which CAs of its trust lists have been distrusted by now; status may be NULL. Any thread. */
void sw_generation_warn(const struct sw_generation *g, const struct sw_ca_status *status, int64_t now, struct sw_diag *diag);
/* Before it is shared: zones that fetch their CRLs find them in crls, and those that look at OCSP their answers in ocsps,
 * where those about our own certificates come to be, too. */
void sw_generation_fetch(struct sw_generation *g, struct sw_crls *crls, struct sw_ocsps *ocsps);
struct sw_generation *sw_generation_ref(struct sw_generation *g);
void sw_generation_unref(struct sw_generation *g);
/* How many there are in this process: the current one, one that is being made, and those that something old still uses. */
unsigned sw_generation_alive(void);

/* Admission of a peer by its TLS facts (NULL: plain TCP), under this generation. Any thread. */
void sw_generation_admit(const struct sw_generation *g, unsigned listener, const struct sw_addr *source,
			 const struct sw_tls_peer *peer, struct sw_admission *out);
/* The chain of a client by the zone's own list and policy. Any thread. */
void sw_generation_judge_client(const struct sw_generation *g, const struct sw_zone *zone, const struct sw_tls_peer *peer,
				struct sw_chain_result *out);
/* Proof of a server we called for zone: chain under the zone's list, name by the zone's mode. Any thread. */
void sw_generation_prove_server(const struct sw_generation *g, const struct sw_zone *zone, const char *reference,
				const char *target_host, const struct sw_tls_peer *peer, struct sw_admission *out);
/* The zone of the same name in this generation, or NULL. */
const struct sw_zone *sw_generation_zone(const struct sw_generation *g, const char *name);
int sw_generation_listener(const struct sw_generation *g, const char *name);  /* index, or -1 */
/* Our name and port towards a zone: those of its first listener. */
const struct sw_conf_listener *sw_generation_side(const struct sw_generation *g, const struct sw_zone *zone);
