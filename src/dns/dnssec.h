/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Is a record set secure? Judged by us, from a trust anchor down: DNSKEY, DS, signatures, with ldns' primitives. The AD bit of a
 * resolver is never believed here. How records are got is the caller's: it is asked for them, with DO and CD.
 *
 * What is not proved: that something is absent (NSEC). "Unsigned" is what the parent's servers said, not what they signed, and what
 * a secure zone does not have is unknown: nothing that needs a secure answer takes it for one.
 */
#include "dns/lookup.h"

enum sw_dnssec_state {
	SW_DNSSEC_UNKNOWN,       /* zero: something could not be asked for */
	SW_DNSSEC_UNSIGNED,      /* no keys, no DS */
	SW_DNSSEC_ISLAND,        /* signed, but nobody above vouches: no DS, or the parent is unsigned */
	SW_DNSSEC_SECURE,
	SW_DNSSEC_BOGUS,         /* validating resolvers answer SERVFAIL */
};

/* True: known; *out is the caller's in any case, NULL where there is none. */
typedef bool sw_dnssec_fetch_fn(void *arg, const char *name, uint16_t type, struct sw_lookup **out);

struct sw_anchors;
/* DS or DNSKEY records, one to a line; NULL: the root's, as IANA publishes them. SW_EPARSE: *line is at fault. */
int sw_anchors_new(struct sw_anchors **out, const char *text, unsigned *line) SW_MUSTCHECK;
void sw_anchors_free(struct sw_anchors *a);

struct sw_dnssec_result {
	enum sw_dnssec_state state;
	bool exists;                     /* the name has such records */
	char zone[SW_DNS_NAME_MAX];      /* where it was decided; "" is the root */
	char detail[300];
	int64_t expires;                 /* the first signature on the way to end, seconds since 1970; 0: none was good */
	int64_t inception;               /* when that one began */
	char expiring[SW_DNS_NAME_MAX + 24];   /* "SRV _sips._tcp.example.com" */
};

struct sw_dnssec;                        /* keys found good so far; one thread's */
/* fetch and anchors are borrowed; now: seconds since 1970. */
int sw_dnssec_new(struct sw_dnssec **out, const struct sw_anchors *anchors, int64_t now, sw_dnssec_fetch_fn *fetch, void *arg) SW_MUSTCHECK;
void sw_dnssec_free(struct sw_dnssec *d);
/* The zone itself: its keys. */
void sw_dnssec_zone(struct sw_dnssec *d, const char *zone, struct sw_dnssec_result *out);
/* The records of a name, through its aliases: all of the way has to be secure. */
void sw_dnssec_records(struct sw_dnssec *d, const char *name, uint16_t type, struct sw_dnssec_result *out);
/* The zone a name is in, by the SOA found upwards from it. False: why tells. */
bool sw_dnssec_find_zone(sw_dnssec_fetch_fn *fetch, void *arg, const char *name, char zone[SW_DNS_NAME_MAX]);
