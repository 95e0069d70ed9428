/* SPDX-License-Identifier: Apache-2.0 */
#include "zone/zone.h"

#include <stdlib.h>

#include "zone/zone_int.h"

enum { PIN_HEX = 64 };

/* While a set is made: where complaints go, and whether there was one. */
struct compiler {
	struct sw_zoneset *z;
	struct sw_diag *diag;
	bool bad;
	bool oom;
};

#define COMPLAIN(c, line, ...) do { \
	(c)->bad = true; \
	sw_diag_add((c)->diag, SW_DIAG_ERROR, (c)->z->conf->path, (line), __VA_ARGS__); \
} while (0)
#define WARN(c, line, ...) sw_diag_add((c)->diag, SW_DIAG_WARN, (c)->z->conf->path, (line), __VA_ARGS__)

static void *take(struct compiler *c, size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	c->oom |= !p;
	return p;
}

static void take_text(struct compiler *c, char **dst, const char *s)
{
	*dst = strdup(s);
	c->oom |= !*dst;
}

/* --- the indexes --- */

static void index_add(struct compiler *c, struct sw_zone_ref **index, const char *key, size_t zone, size_t item)
{
	struct sw_zoneset *z = c->z;
	size_t n = strlen(key);
	struct sw_zone_ref *first = (struct sw_zone_ref *)sw_zone_ref_find(*index, key, n), *r;

	if (first && first->last->zone == zone)
		return;   /* twice in one zone */
	if (z->pool_used == z->pool_size) {
		c->oom = true;
		return;
	}
	r = &z->pool[z->pool_used++];
	*r = (struct sw_zone_ref){ .key = key, .zone = (unsigned)zone, .item = (unsigned)item, .last = r };
	if (first) {
		first->last->next = r;
		first->last = r;
		return;
	}
	HASH_ADD_KEYPTR(hh, *index, r->key, n, r);
	c->oom |= !r->hh.tbl;
}

/* Every zone once; names twice (itself, its parent); pins, domains and local domains once. */
static bool index_room(struct compiler *c)
{
	struct sw_zoneset *z = c->z;
	size_t size = z->n + z->n_pins + z->n_local;

	for (size_t i = 0; i < z->n; i++)
		size += 2 * z->zones[i].n_names + z->zones[i].n_domains;
	z->pool = take(c, size, sizeof(*z->pool));
	z->pool_size = z->pool ? size : 0;
	return !c->oom;
}

static void index_names(struct compiler *c, const struct sw_zone *zone)
{
	for (size_t i = 0; i < zone->n_names; i++) {
		const char *name = zone->names[i], *dot = zone->name_is_ip[i] ? NULL : strchr(name, '.');

		index_add(c, &c->z->by_name, name, zone->index, i);
		if (dot && strchr(dot + 1, '.'))
			index_add(c, &c->z->by_parent, dot + 1, zone->index, i);
	}
}

static void index_all(struct compiler *c)
{
	struct sw_zoneset *z = c->z;
	size_t pin = 0;

	if (!index_room(c))
		return;
	for (size_t i = 0; i < z->n; i++) {
		const struct sw_zone *zone = &z->zones[i];
		bool known = zone->conf->kind != SW_ZONE_DEFAULT;

		index_add(c, &z->by_zone, zone->conf->name, i, 0);
		for (size_t k = 0; k < zone->n_domains; k++)
			index_add(c, &z->by_domain, zone->domains[k], i, k);
		for (size_t k = 0; k < zone->conf->pins.n; k++, pin++)
			if (known)
				index_add(c, &z->by_pin, z->pins[pin], i, k);
		if (known)
			index_names(c, zone);
	}
	for (size_t i = 0; i < z->n_local; i++)
		index_add(c, &z->by_local, z->local[i], i, 0);
}

/* --- names, domains, pins --- */

int sw_ip_literal(struct sw_addr *a, struct sw_str s)
{
	const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;

	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = (struct sw_str){ s.p + 1, s.n - 2 };
	else if (colon && !memchr(colon + 1, ':', s.n - (size_t)(colon - s.p) - 1))
		return SW_EPARSE;   /* a port */
	if (s.n == 0 || s.p[0] == '[')
		return SW_EPARSE;
	return sw_addr_parse(a, s, 0);
}

static const char *why_no_domain(const char *s)
{
	return s[0] == '.' ? "starts with '.': name the domain itself, there is no matching of whole subtrees" :
	       strchr(s, '*') ? "has a wildcard: write whole names; allow_wildcard is for what the peer's certificate may hold" :
	       "is not a domain name";
}

static void add_domain(struct compiler *c, char **dst, const char *s, const char *key, int line)
{
	char name[256];
	int rc = sw_domain_normalize(name, sw_str_of(s));

	if (rc == SW_OK)
		take_text(c, dst, name);
	else if (rc == SW_ENOMEM)
		c->oom = true;
	else
		COMPLAIN(c, line, "%s: \"%s\" %s", key, s, why_no_domain(s));
}

/* Counts only what was stored: a list with a bad entry is freed like a good one. */
static char **add_domains(struct compiler *c, const struct sw_strlist *list, size_t *n, const char *key, int line)
{
	char **v = take(c, list->n, sizeof(*v));

	for (size_t i = 0; v && i < list->n; i++) {
		add_domain(c, &v[*n], list->v[i], key, line);
		*n += v[*n] != NULL;
	}
	return v;
}

static void add_name(struct compiler *c, struct sw_zone *zone, const char *s, bool ip_allowed)
{
	char **dst = &zone->names[zone->n_names];
	struct sw_addr a;
	char text[SW_ADDR_STRLEN];

	if (ip_allowed && sw_ip_literal(&a, sw_str_of(s)) == SW_OK) {
		zone->name_is_ip[zone->n_names] = true;
		take_text(c, dst, sw_addr_host_text(&a, text));
	} else {
		add_domain(c, dst, s, "names", zone->conf->line);
	}
	zone->n_names += *dst != NULL;
}

static void add_names(struct compiler *c, struct sw_zone *zone)
{
	const struct sw_strlist *names = &zone->conf->names;
	size_t n = names->n ? names->n : zone->n_domains;

	zone->names = take(c, n, sizeof(*zone->names));
	zone->name_is_ip = take(c, n, sizeof(*zone->name_is_ip));
	for (size_t i = 0; !c->oom && i < n; i++)
		add_name(c, zone, names->n ? names->v[i] : zone->domains[i], names->n > 0);
}

static void add_pin(struct compiler *c, const struct sw_zone *zone, const char *s)
{
	char **dst = &c->z->pins[c->z->n_pins++];
	char pin[PIN_HEX + 1] = "";

	if (strlen(s) != PIN_HEX || strspn(s, "0123456789abcdefABCDEF") != PIN_HEX)
		COMPLAIN(c, zone->conf->line, "zone \"%s\": pin \"%s\" is not 64 hex digits (SHA-256 of the public key)",
			 zone->conf->name, s);
	else
		for (size_t i = 0; i < PIN_HEX; i++)
			pin[i] = s[i] >= 'A' && s[i] <= 'F' ? (char)(s[i] + ('a' - 'A')) : s[i];
	take_text(c, dst, pin);
}

static void add_pins(struct compiler *c)
{
	struct sw_zoneset *z = c->z;
	size_t n = 0;

	for (size_t i = 0; i < z->n; i++)
		n += z->zones[i].conf->pins.n;
	z->pins = take(c, n, sizeof(*z->pins));
	for (size_t i = 0; z->pins && i < z->n; i++)
		for (size_t k = 0; k < z->zones[i].conf->pins.n; k++)
			add_pin(c, &z->zones[i], z->zones[i].conf->pins.v[k]);
}

/* --- what does not fit together --- */

static void check_default(struct compiler *c, const struct sw_conf_zone *zone)
{
	if (zone->internal || zone->may_assert_local || zone->trusted_identity)
		COMPLAIN(c, zone->line,
			 "zone \"%s\": a default zone is for strangers, it can't be internal, trusted_identity or "
			 "may_assert_local",
			 zone->name);
	for (size_t i = 0; i < zone->listeners.n; i++) {
		for (size_t k = 0; k < c->z->conf->n_listeners; k++) {
			const struct sw_conf_listener *l = &c->z->conf->listeners[k];

			if (l->transport == SW_TRANSPORT_MTLS && !strcmp(l->name, zone->listeners.v[i]))
				WARN(c, zone->line, "zone \"%s\": a default zone takes in nobody on the mtls listener \"%s\"",
				     zone->name, l->name);
		}
	}
}

static void check_zone(struct compiler *c, const struct sw_zone *zone)
{
	const struct sw_conf_zone *conf = zone->conf;

	if (conf->kind == SW_ZONE_DEFAULT)
		check_default(c, conf);
	if (conf->match == SW_MATCH_PIN && conf->pins.n == 0)
		COMPLAIN(c, conf->line, "zone \"%s\": match = \"pin\" needs pins", conf->name);
	if (conf->allow_wildcard && conf->match != SW_MATCH_RFC9525 && conf->match != SW_MATCH_TEAMS)
		WARN(c, conf->line,
		     "zone \"%s\": allow_wildcard has no effect: match = \"%s\" knows no wildcards; \"rfc9525\" does", conf->name,
		     sw_match_mode_name(conf->match));
	for (size_t i = 0; i < zone->n_domains; i++)
		if (sw_zoneset_is_local(c->z, zone->domains[i]) && !conf->internal && !conf->may_assert_local)
			WARN(c, conf->line,
			     "zone \"%s\": domain %s is one of local_domains; without may_assert_local the zone may not speak "
			     "for it",
			     conf->name, zone->domains[i]);
}

static void check_route(struct compiler *c, const struct sw_conf_route *route)
{
	const struct sw_zone *to = route->to ? sw_zoneset_find(c->z, route->to) : NULL;

	if (route->to && !to)
		COMPLAIN(c, route->line, "route \"%s\": there is no zone \"%s\"", route->name, route->to);
	if (to && to->conf->kind == SW_ZONE_DEFAULT)
		COMPLAIN(c, route->line, "route \"%s\": zone \"%s\" is a default zone: strangers can't be called", route->name,
			 route->to);
	for (size_t i = 0; i < route->from.n; i++)
		if (!sw_zoneset_find(c->z, route->from.v[i]))
			COMPLAIN(c, route->line, "route \"%s\": there is no zone \"%s\"", route->name, route->from.v[i]);
}

/* --- making a set --- */

static void place_listeners(struct compiler *c, const struct sw_zone *zone)
{
	const struct sw_conf *conf = c->z->conf;

	for (size_t i = 0; i < zone->conf->listeners.n; i++)
		for (size_t k = 0; k < conf->n_listeners; k++)
			if (!strcmp(zone->conf->listeners.v[i], conf->listeners[k].name))
				c->z->serves[zone->index * conf->n_listeners + k] = true;
}

static void place_media(struct compiler *c, struct sw_zone *zone)
{
	const struct sw_conf_media *media = &c->z->conf->media;

	if (!zone->conf->media)
		return;
	for (size_t i = 0; i < media->n_interfaces; i++)
		if (!strcmp(media->interfaces[i].name, zone->conf->media)) {
			zone->media_if = (unsigned)i;
			return;
		}
	COMPLAIN(c, zone->conf->line, "zone \"%s\": there is no media interface \"%s\"", zone->conf->name, zone->conf->media);
}

/* Most specific first: zones with source networks, then the others, each as written. */
static void place_order(struct sw_zoneset *z)
{
	unsigned at = 0;

	for (int with_sources = 1; with_sources >= 0; with_sources--)
		for (size_t i = 0; i < z->n; i++)
			if ((z->zones[i].conf->n_sources > 0) == with_sources) {
				z->order[at] = (unsigned)i;
				z->rank[i] = at++;
			}
}

static void compile(struct compiler *c)
{
	struct sw_zoneset *z = c->z;
	const struct sw_conf *conf = z->conf;

	z->zones = take(c, conf->n_zones, sizeof(*z->zones));
	z->order = take(c, conf->n_zones, sizeof(*z->order));
	z->rank = take(c, conf->n_zones, sizeof(*z->rank));
	z->serves = take(c, conf->n_zones * conf->n_listeners, sizeof(*z->serves));
	if (c->oom)
		return;
	for (; z->n < conf->n_zones; z->n++) {
		struct sw_zone *zone = &z->zones[z->n];

		*zone = (struct sw_zone){ .conf = &conf->zones[z->n], .index = (unsigned)z->n };
		zone->domains = add_domains(c, &zone->conf->domains, &zone->n_domains, "domains", zone->conf->line);
		add_names(c, zone);
		place_listeners(c, zone);
		place_media(c, zone);
	}
	z->local = add_domains(c, &conf->local_domains, &z->n_local, "local_domains", 0);
	add_pins(c);
	place_order(z);
	if (c->oom)
		return;
	index_all(c);
	for (size_t i = 0; i < z->n; i++)
		check_zone(c, &z->zones[i]);
	for (size_t i = 0; i < conf->n_routes; i++)
		check_route(c, &conf->routes[i]);
}

int sw_zoneset_new(struct sw_zoneset **out, struct sw_conf *conf, struct sw_diag *diag)
{
	struct compiler c = { .z = calloc(1, sizeof(*c.z)), .diag = diag };

	if (!c.z)
		return SW_ENOMEM;
	c.z->refs = 1;
	c.z->conf = sw_conf_ref(conf);
	compile(&c);
	if (c.oom || c.bad) {
		sw_zoneset_unref(c.z);
		return c.oom ? SW_ENOMEM : SW_ECONF;
	}
	*out = c.z;
	return SW_OK;
}

struct sw_zoneset *sw_zoneset_ref(struct sw_zoneset *z)
{
	__atomic_add_fetch(&z->refs, 1, __ATOMIC_RELAXED);
	return z;
}

static void free_texts(char **v, size_t n)
{
	for (size_t i = 0; v && i < n; i++)
		free(v[i]);
	free(v);
}

static void free_index(struct sw_zone_ref *index)
{
	HASH_CLEAR(hh, index);
}

void sw_zoneset_unref(struct sw_zoneset *z)
{
	if (!z || __atomic_sub_fetch(&z->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	free_index(z->by_zone);
	free_index(z->by_name);
	free_index(z->by_parent);
	free_index(z->by_pin);
	free_index(z->by_domain);
	free_index(z->by_local);
	for (size_t i = 0; i < z->n; i++) {
		free_texts(z->zones[i].names, z->zones[i].n_names);
		free_texts(z->zones[i].domains, z->zones[i].n_domains);
		free(z->zones[i].name_is_ip);
	}
	free_texts(z->local, z->n_local);
	free_texts(z->pins, z->n_pins);
	free(z->zones);
	free(z->order);
	free(z->rank);
	free(z->serves);
	free(z->pool);
	sw_conf_unref(z->conf);
	free(z);
}

/* --- looking up --- */

const struct sw_conf *sw_zoneset_conf(const struct sw_zoneset *z)
{
	return z->conf;
}

size_t sw_zoneset_count(const struct sw_zoneset *z)
{
	return z->n;
}

const struct sw_zone *sw_zoneset_at(const struct sw_zoneset *z, unsigned index)
{
	return index < z->n ? &z->zones[index] : NULL;
}

const struct sw_zone *sw_zoneset_find(const struct sw_zoneset *z, const char *name)
{
	const struct sw_zone_ref *r = sw_zone_ref_find(z->by_zone, name, strlen(name));

	return r ? &z->zones[r->zone] : NULL;
}

bool sw_zoneset_is_local(const struct sw_zoneset *z, const char *domain)
{
	return sw_zone_ref_find(z->by_local, domain, strlen(domain)) != NULL;
}

const struct sw_zone *sw_zoneset_owner(const struct sw_zoneset *z, const char *domain)
{
	for (const struct sw_zone_ref *r = sw_zone_ref_find(z->by_domain, domain, strlen(domain)); r; r = r->next)
		if (z->zones[r->zone].conf->kind != SW_ZONE_DEFAULT)
			return &z->zones[r->zone];
	return NULL;
}

bool sw_zone_lists(const struct sw_zoneset *z, const struct sw_zone *zone, const char *domain)
{
	for (const struct sw_zone_ref *r = sw_zone_ref_find(z->by_domain, domain, strlen(domain)); r; r = r->next)
		if (r->zone == zone->index)
			return true;
	return false;
}
