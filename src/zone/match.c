/* SPDX-License-Identifier: Apache-2.0 */
#include "zone/match.h"

#include <stdio.h>
#include <strings.h>

#include "zone/zone_int.h"

/* A name that speaks for a domain, whatever the mode thinks of its kind. */
static bool names_domain(const struct sw_name *n)
{
	return !n->malformed && !n->user && n->host;
}

static bool is_sip_uri(const struct sw_name *n)
{
	return n->type == SW_NAME_URI && n->scheme && !strcmp(n->scheme, "sip");
}

bool sw_match_has_uri(const struct sw_identity *id)
{
	for (size_t i = 0; i < id->n_names; i++)
		if (is_sip_uri(&id->names[i]) && names_domain(&id->names[i]))
			return true;
	return false;
}

/* Which kinds of names are identities: the table of match.h. */
static bool counts(const struct sw_identity *id, bool has_uri, const struct sw_name *n, enum sw_match_mode mode)
{
	switch (mode) {
	case SW_MATCH_RFC5922:
		return is_sip_uri(n) || (n->type == SW_NAME_DNS && !has_uri) || (n->type == SW_NAME_CN && !id->has_san);
	case SW_MATCH_EXPRESSWAY:
	case SW_MATCH_TEAMS:
		return n->type == SW_NAME_DNS || n->type == SW_NAME_CN;
	case SW_MATCH_RFC9525:
		return is_sip_uri(n) || n->type == SW_NAME_DNS ||
		       (n->type == SW_NAME_SRV && n->scheme && !strcmp(n->scheme, "sips"));
	case SW_MATCH_PIN:
		break;
	}
	return false;
}

static bool mode_has_wildcards(enum sw_match_mode mode)
{
	return mode == SW_MATCH_RFC9525 || mode == SW_MATCH_TEAMS;
}

/* "*.rest" covers one label and a dot before rest; rest has two labels at least. */
static bool wildcard_covers(const struct sw_name *n, const char *reference)
{
	const char *dot = strchr(reference, '.');

	return (n->type == SW_NAME_DNS || n->type == SW_NAME_CN) && n->host[0] == '*' && n->host[1] == '.' && dot &&
	       dot != reference && strchr(dot + 1, '.') && !strcmp(n->host + 2, dot + 1);
}

/* RFC 9525 6.5: octets. A v4-mapped address is not the IPv4 address. */
static bool same_ip(const struct sw_name *n, const char *reference)
{
	struct sw_addr a;

	return n->type == SW_NAME_IP && !n->malformed && sw_addr_parse(&a, sw_str_of(reference), 0) == SW_OK &&
	       sw_addr_family(&a) == sw_addr_family(&n->addr) && sw_addr_same_host(&a, &n->addr);
}

enum sw_hit sw_match_pair(const struct sw_identity *id, bool has_uri, const struct sw_name *name, const char *reference,
			  bool is_ip, enum sw_match_mode mode, bool allow_wildcard)
{
	bool exact;

	if (is_ip)
		return !same_ip(name, reference) ? SW_HIT_NONE : mode == SW_MATCH_PIN ? SW_HIT_NOT_COUNTED : SW_HIT_EXACT;
	if (!names_domain(name))
		return SW_HIT_NONE;
	exact = !strcmp(name->host, reference);
	if (!exact && !wildcard_covers(name, reference))
		return SW_HIT_NONE;
	if (!counts(id, has_uri, name, mode))
		return SW_HIT_NOT_COUNTED;
	if (exact)
		return SW_HIT_EXACT;
	return allow_wildcard && mode_has_wildcards(mode) ? SW_HIT_WILDCARD : SW_HIT_WILDCARD_REFUSED;
}

const char *sw_match_why_not(enum sw_name_type type, enum sw_match_mode mode)
{
	if (mode == SW_MATCH_PIN)
		return "mode pin looks at the key, not at names";
	switch (type) {
	case SW_NAME_URI:
		return mode == SW_MATCH_RFC5922 || mode == SW_MATCH_RFC9525 ? "the URI's scheme is not sip"
									    : "the zone's mode ignores URI names";
	case SW_NAME_DNS:
		return "mode rfc5922 ignores DNS names beside a URI:sip name";
	case SW_NAME_CN:
		return mode == SW_MATCH_RFC5922 ? "mode rfc5922 ignores the CN beside a subjectAltName"
						: "mode rfc9525 ignores the CN";
	case SW_NAME_SRV:
		return mode == SW_MATCH_RFC9525 ? "the service is not _sips" : "the zone's mode ignores SRV names";
	case SW_NAME_IP:
	case SW_NAME_EMAIL:
	case SW_NAME_OTHER:
		break;
	}
	return "the zone's mode ignores names of that kind";
}

static bool is_ip_literal(const char *reference)
{
	struct sw_addr a;

	return sw_ip_literal(&a, sw_str_of(reference)) == SW_OK;
}

/* What to say when no name matched: was there any that could have? */
static enum sw_reason miss(const struct sw_identity *id, bool has_uri, bool is_ip, enum sw_match_mode mode)
{
	bool usable = false, malformed = false;

	for (size_t i = 0; i < id->n_names; i++) {
		const struct sw_name *n = &id->names[i];

		malformed |= n->malformed;
		usable |= is_ip ? n->type == SW_NAME_IP && !n->malformed : names_domain(n) && counts(id, has_uri, n, mode);
	}
	return usable ? SW_R_ID_MISMATCH : malformed ? SW_R_ID_MALFORMED : SW_R_ID_NO_NAME;
}

static enum sw_reason match_one(const struct sw_identity *id, bool has_uri, const char *reference, bool is_ip,
				enum sw_match_mode mode, bool allow_wildcard, struct sw_match *out)
{
	bool refused = false;

	for (size_t i = 0; i < id->n_names; i++) {
		const struct sw_name *n = &id->names[i];

		enum sw_hit hit = sw_match_pair(id, has_uri, n, reference, is_ip, mode, allow_wildcard);

		if (hit == SW_HIT_EXACT || hit == SW_HIT_WILDCARD) {
			if (out)
				*out = (struct sw_match){ n, reference, hit == SW_HIT_WILDCARD };
			return SW_R_OK;
		}
		refused |= hit == SW_HIT_WILDCARD_REFUSED;
	}
	return refused ? SW_R_ID_WILDCARD : miss(id, has_uri, is_ip, mode);
}

enum sw_reason sw_match_name(const struct sw_identity *id, const char *reference, enum sw_match_mode mode,
			     bool allow_wildcard, struct sw_match *out)
{
	if (id->malformed)
		return SW_R_ID_MALFORMED;
	if (mode == SW_MATCH_PIN)
		return SW_R_ID_PIN;
	return match_one(id, sw_match_has_uri(id), reference, is_ip_literal(reference), mode, allow_wildcard, out);
}

static bool same_mailbox(const char *a, const char *b)
{
	const char *at = strrchr(a, '@');
	size_t local = at ? (size_t)(at - a) : 0;

	return local > 0 && at[1] && !strncmp(a, b, local + 1) && !strcasecmp(at + 1, b + local + 1);
}

enum sw_reason sw_match_email(const struct sw_identity *id, const char *reference, struct sw_match *out)
{
	bool usable = false, malformed = false;

	if (id->malformed)
		return SW_R_ID_MALFORMED;
	for (size_t i = 0; i < id->n_names; i++) {
		const struct sw_name *n = &id->names[i];

		malformed |= n->malformed;
		if (n->type != SW_NAME_EMAIL || n->malformed)
			continue;
		usable = true;
		if (!same_mailbox(n->value, reference))
			continue;
		if (out)
			*out = (struct sw_match){ .name = n, .reference = reference };
		return SW_R_OK;
	}
	return usable ? SW_R_ID_MISMATCH : malformed ? SW_R_ID_MALFORMED : SW_R_ID_NO_NAME;
}

static const char *pin_of(const struct sw_identity *id, const struct sw_zone *zone)
{
	char hex[2 * sizeof(id->spki_sha256) + 1];

	sw_hex(hex, id->spki_sha256, sizeof(id->spki_sha256));
	for (size_t i = 0; i < zone->conf->pins.n; i++)
		if (!strcasecmp(zone->conf->pins.v[i], hex))
			return zone->conf->pins.v[i];
	return NULL;
}

bool sw_match_pinned(const struct sw_identity *id, const struct sw_zone *zone)
{
	return (zone->conf->pins.n == 0 && zone->conf->match != SW_MATCH_PIN) || pin_of(id, zone);
}

/* Of two reasons against, the one nearer to a match. */
static enum sw_reason nearer(enum sw_reason a, enum sw_reason b)
{
	return a == SW_R_ID_WILDCARD || b == SW_R_ID_WILDCARD ? SW_R_ID_WILDCARD :
	       a == SW_R_ID_MISMATCH || b == SW_R_ID_MISMATCH ? SW_R_ID_MISMATCH :
	       a == SW_R_ID_MALFORMED || b == SW_R_ID_MALFORMED ? SW_R_ID_MALFORMED : SW_R_ID_NO_NAME;
}

/* By the names alone. */
static enum sw_reason match_names(const struct sw_identity *id, const struct sw_zone *zone, struct sw_match *out)
{
	enum sw_reason against = SW_R_ID_NO_NAME, r;
	bool has_uri = sw_match_has_uri(id);

	for (size_t i = 0; i < zone->n_names; i++) {
		r = match_one(id, has_uri, zone->names[i], zone->name_is_ip[i], zone->conf->match, zone->conf->allow_wildcard,
			      out);
		if (r == SW_R_OK)
			return SW_R_OK;
		against = nearer(against, r);
	}
	return zone->n_names ? against : SW_R_ID_MISMATCH;
}

static enum sw_reason match_pin(const struct sw_identity *id, const struct sw_zone *zone, struct sw_match *out)
{
	const char *pin = pin_of(id, zone);

	if (!pin)
		return SW_R_ID_PIN;
	if (out)
		*out = (struct sw_match){ .reference = pin };
	return SW_R_OK;
}

enum sw_reason sw_match_zone(const struct sw_identity *id, const struct sw_zone *zone, struct sw_match *out)
{
	struct sw_match found;
	enum sw_reason r;

	if (id->malformed)
		return SW_R_ID_MALFORMED;
	if (zone->conf->match == SW_MATCH_PIN)
		return match_pin(id, zone, out);
	r = match_names(id, zone, &found);
	if (r != SW_R_OK)
		return r;
	if (!sw_match_pinned(id, zone))
		return SW_R_ID_PIN;
	if (out)
		*out = found;
	return SW_R_OK;
}

/* reference or target as the certificate would have it; dst is "" when it can't be in one. */
static void as_reference(char dst[256], const char *s)
{
	struct sw_addr a;
	char text[SW_ADDR_STRLEN];

	dst[0] = '\0';
	if (!s)
		return;
	if (sw_ip_literal(&a, sw_str_of(s)) == SW_OK)
		strcpy(dst, sw_addr_host_text(&a, text));
	else if (sw_domain_normalize(dst, sw_str_of(s)) < 0)
		dst[0] = '\0';
}

static enum sw_reason match_routed(const struct sw_identity *id, const struct sw_zone *zone, const char *reference,
				   const char *target_host, struct sw_match *out)
{
	enum sw_match_mode mode = zone->conf->match;
	char name[256];
	enum sw_reason r = SW_R_ID_MISMATCH, t;

	as_reference(name, reference);
	if (name[0])
		r = sw_match_name(id, name, mode, zone->conf->allow_wildcard, out);
	if (r == SW_R_OK) {
		out->reference = reference;
		return r;
	}
	as_reference(name, mode == SW_MATCH_RFC9525 ? target_host : NULL);
	if (!name[0])
		return r;
	t = sw_match_name(id, name, mode, zone->conf->allow_wildcard, out);
	if (t != SW_R_OK)
		return nearer(r, t);
	out->reference = target_host;
	return SW_R_OK;
}

struct sw_verdict sw_match_server(const struct sw_identity *id, const struct sw_zone *zone, const char *reference,
				  const char *target_host, struct sw_match *out)
{
	bool by_names = zone->conf->names.n > 0 || zone->conf->match == SW_MATCH_PIN;
	const char *wanted = by_names && zone->n_names ? zone->names[0] : reference;
	struct sw_match found = { 0 };
	char carried[120], pin[2 * sizeof(id->spki_sha256) + 1];
	enum sw_reason r;

	if (!id)
		return sw_verdict_make(SW_R_TLS_NO_CERT, "zone \"%s\": the server presented no certificate", zone->conf->name);
	r = by_names ? sw_match_zone(id, zone, &found) :
	    id->malformed ? SW_R_ID_MALFORMED : match_routed(id, zone, reference, target_host, &found);
	if (r == SW_R_OK && !sw_match_pinned(id, zone))
		r = SW_R_ID_PIN;
	if (r == SW_R_ID_PIN) {
		sw_hex(pin, id->spki_sha256, sizeof(id->spki_sha256));
		return sw_verdict_make(r, "zone \"%s\": the server's key is %s", zone->conf->name, pin);
	}
	if (r != SW_R_OK)
		return sw_verdict_make(r, "zone \"%s\" (%s) wants %s%s; the certificate carries %s", zone->conf->name,
				       sw_match_mode_name(zone->conf->match), wanted ? wanted : "a name",
				       by_names && zone->n_names > 1 ? " or another" : "",
				       id->n_names ? sw_identity_names_text(id, carried, sizeof(carried)) : "no name");
	if (out)
		*out = found;
	return sw_verdict_make(SW_R_OK, NULL);
}
