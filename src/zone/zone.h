/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Zones: who may connect, by which names, from where, under which trust list;
 * what they may say; where their calls go. Pure: facts in, verdict out. No I/O,
 * no clock (time is an argument), no Sofia, no OpenSSL.
 *
 * A zone set is compiled from one configuration snapshot, immutable, and used
 * by the loop and by the crypto pool's threads at the same time. What a zone
 * is looked up by (names, pins, domains) is hashed: judging a peer does not
 * walk the zones.
 *
 * Files: domain.c (names as compared), zone.c (the set), match.c (certificate
 * names against references), admit.c (connection -> zone), request.c and
 * display.c (what a request may claim), route.c (where it goes), limit.c.
 */
#include "conf/conf.h"
#include "core/reason.h"
#include "tls/identity.h"

struct sw_zoneset;
struct sw_zone {                   /* compiled; belongs to its set */
	const struct sw_conf_zone *conf;
	unsigned index;            /* place in the set, and in conf->zones */
	char **names;              /* references: A-labels, lower case, no trailing dot; conf names, else domains */
	bool *name_is_ip;          /* parallel to names; IP literals are in the form of inet_ntop, without brackets */
	size_t n_names;
	char **domains;            /* A-labels */
	size_t n_domains;
	unsigned media_if;         /* index into conf->media.interfaces */
};

/*
 * IDNA2008 to an A-label name in lower case without trailing dot. SW_EPARSE for what is no domain name: leading dot,
 * empty label, > 253 bytes, a label > 63 or with '-' at an end, bytes other than letters, digits, '-' and '_', a number
 * as the last label (so no IPv4 address passes). A-labels given are lowered, not decoded. SW_ENOMEM from libidn2. Any
 * thread.
 */
int sw_domain_normalize(char dst[256], struct sw_str name) SW_MUSTCHECK;

/*
 * Takes a reference to conf. SW_ECONF, with *all* errors in diag: a name or domain that is none, a name starting with
 * '.', a wildcard in a reference, a pin that is not 64 hex digits, match "pin" without pins, an unknown zone in a
 * route, a route to a default zone, a default zone (strangers) that is internal, trusted_identity or may_assert_local.
 * Warnings: what can't have an effect.
 */
int sw_zoneset_new(struct sw_zoneset **out, struct sw_conf *conf, struct sw_diag *diag) SW_MUSTCHECK;
struct sw_zoneset *sw_zoneset_ref(struct sw_zoneset *z);   /* any thread */
void sw_zoneset_unref(struct sw_zoneset *z);               /* any thread; NULL is fine */
const struct sw_conf *sw_zoneset_conf(const struct sw_zoneset *z);
size_t sw_zoneset_count(const struct sw_zoneset *z);
const struct sw_zone *sw_zoneset_at(const struct sw_zoneset *z, unsigned index);      /* NULL beyond the end */
const struct sw_zone *sw_zoneset_find(const struct sw_zoneset *z, const char *name);
bool sw_zoneset_is_local(const struct sw_zoneset *z, const char *domain);             /* domain is normalised */
/* The first zone, not of kind default, that lists domain (normalised) among its domains, or NULL. Whole names only. */
const struct sw_zone *sw_zoneset_owner(const struct sw_zoneset *z, const char *domain);
/* Does this zone list domain (normalised) among its domains? Whole names only: a subdomain is another domain. */
bool sw_zone_lists(const struct sw_zoneset *z, const struct sw_zone *zone, const char *domain);
