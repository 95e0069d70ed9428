/* SPDX-License-Identifier: Apache-2.0 */
#include "zone/admit.h"

#include "zone/zone_int.h"

enum { CARRIED_MAX = 110, HINT_NAMES = 16 };

/* How near a refusal was to success; only a nearer one replaces it. */
enum nearness { NEAR_NOTHING, NEAR_NAME, NEAR_WILDCARD, NEAR_LISTENER, NEAR_SOURCE, NEAR_PROOF };

struct candidate {
	const struct sw_zone *zone;
	struct sw_match match;
};

struct search {
	const struct sw_zoneset *z;
	const struct sw_admit_facts *f;
	const struct sw_conf_listener *listener;   /* as the set knows it */
	size_t listener_index;
	struct candidate found[SW_ADMIT_TRIES];    /* by rank */
	size_t n_found;
	/* the nearest refusal */
	enum nearness near;
	unsigned near_rank;
	struct sw_verdict against;
};

/* The nearer refusal stays; of two as near, the one of the zone tried first. Returns where to write it, or NULL. */
static struct sw_verdict *against(struct search *s, enum nearness near, const struct sw_zone *zone)
{
	unsigned rank = s->z->rank[zone->index];

	if (near < s->near || (near == s->near && rank >= s->near_rank))
		return NULL;
	s->near = near;
	s->near_rank = rank;
	return &s->against;
}

static bool source_ok(const struct sw_zone *zone, const struct sw_addr *source)
{
	for (size_t i = 0; i < zone->conf->n_sources; i++)
		if (sw_prefix_has(&zone->conf->sources[i], source))
			return true;
	return zone->conf->n_sources == 0;
}

/* Right listener, right source? Else says which is wrong; kind and value are what the peer was recognised by. */
static bool place_ok(struct search *s, const struct sw_zone *zone, const char *kind, const char *value)
{
	const char *name = zone->conf->name;
	char addr[SW_ADDR_STRLEN];
	struct sw_verdict *v;

	if (!sw_zone_serves(s->z, zone, s->listener_index)) {
		if ((v = against(s, NEAR_LISTENER, zone)))
			*v = sw_verdict_make(SW_R_ID_LISTENER, "%s:%.80s is zone \"%s\", which does not serve listener \"%s\"",
					     kind, value, name, s->listener->name);
		return false;
	}
	if (!source_ok(zone, &s->f->source)) {
		if ((v = against(s, NEAR_SOURCE, zone)))
			*v = sw_verdict_make(SW_R_ID_SOURCE,
					     "%s:%.80s is zone \"%s\", but %s is in none of its %zu source networks", kind, value,
					     name, sw_addr_host_text(&s->f->source, addr), zone->conf->n_sources);
		return false;
	}
	return true;
}

/* Keeps the candidates sorted by rank and each zone once; the last falls off a full list. */
static void candidate_add(struct search *s, const struct sw_zone *zone, const struct sw_match *match)
{
	unsigned rank = s->z->rank[zone->index];
	size_t at = s->n_found;

	for (size_t i = 0; i < s->n_found; i++)
		if (s->found[i].zone == zone)
			return;
	while (at > 0 && s->z->rank[s->found[at - 1].zone->index] > rank)
		at--;
	if (at == SW_ADMIT_TRIES)
		return;
	if (s->n_found < SW_ADMIT_TRIES)
		s->n_found++;
	memmove(&s->found[at + 1], &s->found[at], (s->n_found - at - 1) * sizeof(s->found[0]));
	s->found[at] = (struct candidate){ zone, *match };
}

static void pin_against(struct search *s, const struct sw_zone *zone, const struct sw_name *name)
{
	const struct sw_identity *id = s->f->identity;
	char hex[2 * sizeof(id->spki_sha256) + 1];
	struct sw_verdict *v = against(s, NEAR_PROOF, zone);

	if (!v)
		return;
	sw_hex(hex, id->spki_sha256, sizeof(id->spki_sha256));
	*v = sw_verdict_make(SW_R_ID_PIN, "%s:%.80s is zone \"%s\", but the key %s is not one of its pins",
			     sw_name_type_name(name->type), name->value, zone->conf->name, hex);
}

/* A name of the certificate met a reference of a zone. */
static void consider(struct search *s, bool has_uri, const struct sw_name *name, const struct sw_zone_ref *ref)
{
	const struct sw_zone *zone = &s->z->zones[ref->zone];
	const struct sw_conf_zone *conf = zone->conf;
	const char *reference = zone->names[ref->item], *kind = sw_name_type_name(name->type);
	enum sw_hit hit = sw_match_pair(s->f->identity, has_uri, name, reference, zone->name_is_ip[ref->item], conf->match,
					conf->allow_wildcard);
	struct sw_verdict *v;

	switch (hit) {
	case SW_HIT_NONE:
		break;
	case SW_HIT_NOT_COUNTED:
		if (conf->match == SW_MATCH_PIN) {
			if (place_ok(s, zone, kind, name->value) && !sw_match_pinned(s->f->identity, zone))
				pin_against(s, zone, name);
		} else if ((v = against(s, NEAR_NAME, zone))) {
			*v = sw_verdict_make(SW_R_ID_NO_ZONE, "%s:%.80s would be zone \"%s\", but %s", kind, name->value,
					     conf->name, sw_match_why_not(name->type, conf->match));
		}
		break;
	case SW_HIT_WILDCARD_REFUSED:
		if ((v = against(s, NEAR_WILDCARD, zone)))
			*v = sw_verdict_make(SW_R_ID_WILDCARD, "%s:%.80s would cover %.80s of zone \"%s\" (match = \"%s\")", kind,
					     name->value, reference, conf->name, sw_match_mode_name(conf->match));
		break;
	case SW_HIT_EXACT:
	case SW_HIT_WILDCARD:
		if (!place_ok(s, zone, kind, name->value))
			break;
		if (sw_match_pinned(s->f->identity, zone))
			candidate_add(s, zone, &(struct sw_match){ name, reference, hit == SW_HIT_WILDCARD });
		else
			pin_against(s, zone, name);
		break;
	}
}

static void look_up(struct search *s, bool has_uri, const struct sw_name *name)
{
	const struct sw_zone_ref *r;
	char ip[SW_ADDR_STRLEN];
	const char *key = name->host;

	if (name->malformed)
		return;
	if (name->type == SW_NAME_IP)
		key = sw_addr_host_text(&name->addr, ip);
	if (!key)
		return;
	for (r = sw_zone_ref_find(s->z->by_name, key, strlen(key)); r; r = r->next)
		consider(s, has_uri, name, r);
	if (key[0] == '*' && key[1] == '.')
		for (r = sw_zone_ref_find(s->z->by_parent, key + 2, strlen(key) - 2); r; r = r->next)
			consider(s, has_uri, name, r);
}

/* Zones of mode pin that know the key. */
static void look_up_key(struct search *s)
{
	const struct sw_identity *id = s->f->identity;
	char hex[2 * sizeof(id->spki_sha256) + 1];

	sw_hex(hex, id->spki_sha256, sizeof(id->spki_sha256));
	for (const struct sw_zone_ref *r = sw_zone_ref_find(s->z->by_pin, hex, sizeof(hex) - 1); r; r = r->next) {
		const struct sw_zone *zone = &s->z->zones[r->zone];

		if (zone->conf->match == SW_MATCH_PIN && place_ok(s, zone, "key", hex))
			candidate_add(s, zone, &(struct sw_match){ .reference = zone->conf->pins.v[r->item] });
	}
}

static void chain_against(struct search *s, const struct candidate *c, const struct sw_chain_result *chain)
{
	struct sw_verdict *v = against(s, NEAR_PROOF, c->zone), text;
	enum sw_reason r = chain->reason == SW_R_TLS_CHAIN ? SW_R_ID_TRUST
			   : chain->reason == SW_R_DENY    ? SW_R_TLS_UNKNOWN
							   : chain->reason;
	const struct sw_name *name = c->match.name;

	if (!v)
		return;
	text = sw_chain_verdict(chain);
	*v = sw_verdict_make(r, "%s:%.60s is zone \"%s\": %.130s", name ? sw_name_type_name(name->type) : "key",
			     name ? name->value : c->match.reference, c->zone->conf->name, text.detail);
}

/* Proof: the first candidate whose own trust list vouches for the chain. */
static bool prove(struct search *s, struct sw_admission *out)
{
	for (size_t i = 0; i < s->n_found; i++) {
		const struct candidate *c = &s->found[i];
		const struct sw_conf_zone *conf = c->zone->conf;
		const struct sw_name *name = c->match.name;

		out->chain = (struct sw_chain_result){ 0 };
		if (s->f->chain)
			s->f->chain(s->f->chain_arg, c->zone, &out->chain);
		if (out->chain.reason != SW_R_OK) {
			chain_against(s, c, &out->chain);
			continue;
		}
		out->zone = c->zone;
		out->match = c->match;
		out->verdict = sw_verdict_make(SW_R_OK, "zone \"%s\" (%s): %s:%.80s matches %.80s", conf->name,
					       sw_match_mode_name(conf->match), name ? sw_name_type_name(name->type) : "key",
					       name ? name->value : "pin", c->match.reference);
		return true;
	}
	return false;
}

/* A reference just above, below or beside one of the certificate's names: usually what was meant. */
static const struct sw_zone_ref *neighbour(const struct search *s, const struct sw_name **name)
{
	const struct sw_identity *id = s->f->identity;

	for (size_t i = 0; i < id->n_names && i < HINT_NAMES; i++) {
		const char *host = id->names[i].host, *dot = host ? strchr(host, '.') : NULL;
		const struct sw_zone_ref *r;

		if (!dot || id->names[i].malformed)
			continue;
		*name = &id->names[i];
		r = sw_zone_ref_find(s->z->by_parent, host, strlen(host));
		if (!r)
			r = sw_zone_ref_find(s->z->by_name, dot + 1, strlen(dot + 1));
		if (!r)
			r = sw_zone_ref_find(s->z->by_parent, dot + 1, strlen(dot + 1));
		if (r)
			return r;
	}
	return NULL;
}

static bool has_usable_name(const struct sw_identity *id)
{
	for (size_t i = 0; i < id->n_names; i++)
		if (!id->names[i].malformed && ((id->names[i].host && !id->names[i].user) || id->names[i].type == SW_NAME_IP))
			return true;
	return false;
}

static bool has_malformed_name(const struct sw_identity *id)
{
	for (size_t i = 0; i < id->n_names; i++)
		if (id->names[i].malformed)
			return true;
	return false;
}

/* No zone was near. */
static struct sw_verdict no_zone(const struct search *s)
{
	const struct sw_identity *id = s->f->identity;
	const struct sw_zone_ref *near;
	const struct sw_zone *zone;
	const struct sw_name *name;
	char carried[CARRIED_MAX];

	if (id->malformed)
		return sw_verdict_make(SW_R_ID_MALFORMED,
				       "the subjectAltName is not readable, or has too many names; subject %.120s", id->subject);
	sw_identity_names_text(id, carried, sizeof(carried));
	if (!has_usable_name(id))
		return sw_verdict_make(has_malformed_name(id) ? SW_R_ID_MALFORMED : SW_R_ID_NO_NAME, "carries %s; subject %.80s",
				       carried[0] ? carried : "no name", id->subject);
	near = neighbour(s, &name);
	if (!near)
		return sw_verdict_make(SW_R_ID_NO_ZONE, "carries %s; no zone lists any of these", carried);
	zone = &s->z->zones[near->zone];
	return sw_verdict_make(SW_R_ID_NO_ZONE, "carries %s; nearest is zone \"%s\" with %.70s, which %.40s is not", carried,
			       zone->conf->name, zone->names[near->item], name->host);
}

/* Tries to make the certificate prove a zone; else *why says why it does not. */
static bool admit_by_certificate(struct search *s, struct sw_admission *out, struct sw_verdict *why)
{
	const struct sw_identity *id = s->f->identity;

	if (!id->malformed) {
		bool has_uri = sw_match_has_uri(id);

		look_up_key(s);
		for (size_t i = 0; i < id->n_names; i++)
			look_up(s, has_uri, &id->names[i]);
		if (prove(s, out))
			return true;
	}
	*why = s->near == NEAR_NOTHING ? no_zone(s) : s->against;
	return false;
}

static bool admit_by_default(const struct search *s, struct sw_admission *out, const char *because)
{
	for (size_t i = 0; i < s->z->n; i++) {
		const struct sw_zone *zone = &s->z->zones[s->z->order[i]];

		if (zone->conf->kind != SW_ZONE_DEFAULT || !sw_zone_serves(s->z, zone, s->listener_index) ||
		    !source_ok(zone, &s->f->source))
			continue;
		out->zone = zone;
		out->verdict = sw_verdict_make(SW_R_OK, "default zone \"%s\": %s", zone->conf->name, because);
		return true;
	}
	return false;
}

static void admit_tls(struct search *s, struct sw_admission *out)
{
	bool mutual = s->listener->transport == SW_TRANSPORT_MTLS;
	struct sw_verdict why = sw_verdict_make(mutual ? SW_R_TLS_NO_CERT : SW_R_ID_NO_DEFAULT,
						"no certificate on listener \"%s\"", s->listener->name);

	if (s->f->identity && admit_by_certificate(s, out, &why))
		return;
	if (!mutual && admit_by_default(s, out, why.detail))
		return;
	out->verdict = why;
}

static void admit_tcp(struct search *s, struct sw_admission *out)
{
	char addr[SW_ADDR_STRLEN];
	const struct sw_zone *near = NULL;

	sw_addr_host_text(&s->f->source, addr);
	for (size_t i = 0; i < s->z->n; i++) {
		const struct sw_zone *zone = &s->z->zones[s->z->order[i]];

		if (zone->conf->kind == SW_ZONE_DEFAULT || zone->conf->target_transport != SW_TRANSPORT_TCP ||
		    zone->conf->n_sources == 0 || !sw_zone_serves(s->z, zone, s->listener_index))
			continue;
		if (source_ok(zone, &s->f->source)) {
			out->zone = zone;
			out->verdict = sw_verdict_make(SW_R_OK, "zone \"%s\": plain TCP from %s, one of its source networks",
						       zone->conf->name, addr);
			return;
		}
		near = near ? near : zone;
	}
	if (admit_by_default(s, out, "plain TCP, no identity"))
		return;
	out->verdict =
		near ? sw_verdict_make(SW_R_ID_SOURCE, "%s is in no source network of zone \"%s\" or another of listener \"%s\"",
				       addr, near->conf->name, s->listener->name)
		     : sw_verdict_make(SW_R_ID_NO_DEFAULT, "plain TCP from %s on listener \"%s\"", addr, s->listener->name);
}

void sw_zone_admit(const struct sw_zoneset *z, const struct sw_admit_facts *f, struct sw_admission *out)
{
	const struct sw_conf *conf = z->conf;
	struct search s = { .z = z, .f = f };

	*out = (struct sw_admission){ 0 };
	for (size_t i = 0; i < conf->n_listeners && !s.listener; i++)
		if (!strcmp(conf->listeners[i].name, f->listener->name)) {
			s.listener = &conf->listeners[i];
			s.listener_index = i;
		}
	if (!s.listener)
		out->verdict =
			sw_verdict_make(SW_R_ID_LISTENER, "listener \"%s\" is not in the configuration", f->listener->name);
	else if (s.listener->transport == SW_TRANSPORT_TCP)
		admit_tcp(&s, out);
	else
		admit_tls(&s, out);
}
