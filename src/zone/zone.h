/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Zones: who may connect, by which names, from where, under which trust list;
 * what they may say; where their calls go. Pure: facts in, verdict out. No I/O,
 * no clock (time is an argument), no Sofia, no OpenSSL.
 *
 * A zone set is compiled from one configuration snapshot, immutable, and used
 * by the loop and by the crypto pool's threads at the same time.
 */
#include "conf/conf.h"
#include "core/reason.h"
#include "tls/identity.h"

struct sw_zoneset;
struct sw_zone {                   /* compiled; belongs to its set */
	const struct sw_conf_zone *conf;
	unsigned index;            /* place in the set, and in conf->zones */
	char **names;              /* references: A-labels, lower case, no trailing dot; conf names, else domains */
	bool *name_is_ip;          /* parallel to names */
	size_t n_names;
	char **domains;            /* A-labels */
	size_t n_domains;
	unsigned media_if;         /* index into conf->media.interfaces */
};

/* IDNA2008 to an A-label name in lower case without trailing dot. SW_EPARSE for what is no domain name (leading dot, empty label, >253 bytes). */
int sw_domain_normalize(char dst[256], struct sw_str name) SW_MUSTCHECK;

/* Takes a reference to conf. Errors (bad names, a name starting with '.', a wildcard in a reference) go to diag. */
int sw_zoneset_new(struct sw_zoneset **out, struct sw_conf *conf, struct sw_diag *diag) SW_MUSTCHECK;
struct sw_zoneset *sw_zoneset_ref(struct sw_zoneset *z);   /* any thread */
void sw_zoneset_unref(struct sw_zoneset *z);
const struct sw_conf *sw_zoneset_conf(const struct sw_zoneset *z);
size_t sw_zoneset_count(const struct sw_zoneset *z);
const struct sw_zone *sw_zoneset_at(const struct sw_zoneset *z, unsigned index);
const struct sw_zone *sw_zoneset_find(const struct sw_zoneset *z, const char *name);
bool sw_zoneset_is_local(const struct sw_zoneset *z, const char *domain);             /* domain is normalised */
/* The zone that lists domain among its domains (an mTLS zone), or NULL. */
const struct sw_zone *sw_zoneset_owner(const struct sw_zoneset *z, const char *domain);
