/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of src/zone share and nobody else sees. */
#include "core/hash.h"
#include "zone/match.h"
#include "zone/request.h"

/* One entry of an index: key -> (zone, item of the zone). The first zone of a key is in the hash, the others hang on it. */
struct sw_zone_ref {
	UT_hash_handle hh;
	const char *key;             /* borrowed from the set */
	unsigned zone;
	unsigned item;               /* index into the zone's names, pins or domains */
	struct sw_zone_ref *next;    /* same key, later zone */
	struct sw_zone_ref *last;    /* in the first one only */
};

struct sw_zoneset {
	unsigned refs;               /* atomic */
	struct sw_conf *conf;        /* a reference */
	struct sw_zone *zones;
	size_t n;
	unsigned *order, *rank;      /* zones as they are tried: with source networks first; and the reverse */
	bool *serves;                /* [zone * n_listeners + listener] */
	char **local;                /* normalised local_domains */
	size_t n_local;
	char **pins;                 /* of all zones, lower case */
	size_t n_pins;
	struct sw_zone_ref *pool;    /* all entries of all indexes */
	size_t pool_used, pool_size;
	struct sw_zone_ref *by_zone;     /* conf name */
	struct sw_zone_ref *by_name;     /* reference; not default zones */
	struct sw_zone_ref *by_parent;   /* reference without its first label, two labels at least; not default zones */
	struct sw_zone_ref *by_pin;      /* not default zones */
	struct sw_zone_ref *by_domain;
	struct sw_zone_ref *by_local;
};

static inline const struct sw_zone_ref *sw_zone_ref_find(const struct sw_zone_ref *index, const char *key, size_t n)
{
	const struct sw_zone_ref *r;

	HASH_FIND(hh, index, key, n, r);
	return r;
}

static inline bool sw_zone_serves(const struct sw_zoneset *z, const struct sw_zone *zone, size_t listener)
{
	return z->serves[zone->index * z->conf->n_listeners + listener];
}

/* An IP literal, IPv6 with or without brackets, no port. */
int sw_ip_literal(struct sw_addr *a, struct sw_str s) SW_MUSTCHECK;

/* --- match.c --- */
enum sw_hit {
	SW_HIT_NONE,
	SW_HIT_EXACT,
	SW_HIT_WILDCARD,
	SW_HIT_WILDCARD_REFUSED,     /* a wildcard that would have matched */
	SW_HIT_NOT_COUNTED,          /* the same text, in a name of a kind the mode does not look at */
};
/* Does the certificate hold a URI:sip identity (RFC 5922 7.1)? Then its DNS names are none. */
bool sw_match_has_uri(const struct sw_identity *id);
/* One presented name against one reference. */
enum sw_hit sw_match_pair(const struct sw_identity *id, bool has_uri, const struct sw_name *name, const char *reference,
			  bool is_ip, enum sw_match_mode mode, bool allow_wildcard);
/* Why a name of that kind is not an identity in that mode: for people. */
const char *sw_match_why_not(enum sw_name_type type, enum sw_match_mode mode);
bool sw_match_pinned(const struct sw_identity *id, const struct sw_zone *zone);

/* --- request.c --- */
/* A caller that wants not to be known: anonymous.invalid (RFC 3323) and all of .invalid (RFC 6761). */
bool sw_uri_is_anonymous(const struct sw_uri_facts *uri);

/* --- display.c --- */
/* Shows the display name an address that is not in from_domain ("": none)? What it shows is written to seen. */
bool sw_display_foreign(const struct sw_zoneset *z, struct sw_str display, const char *from_domain, sw_proved_fn *proved,
			void *proved_arg, char *seen, size_t size);
/* What is shown instead: the caller's own address. Never a cut one: that could be somebody else's. */
void sw_display_rewrite(char *dst, size_t size, const struct sw_uri_facts *from);
