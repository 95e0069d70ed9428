/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no single key can tell: references, names used twice, and combinations
 * that cannot be honoured. The rule: a setting that would have no effect, but
 * that its author takes for protection, is an error and not a warning.
 */
#include <stdio.h>
#include <stdlib.h>
#include "conf/load.h"

/* --- what follows from other keys --- */

static char *copy(struct sw_conf_loader *l, const char *s)
{
	char *c = s ? strdup(s) : NULL;

	if (s && !c)
		l->out_of_memory = true;
	return c;
}

static void finish_listener(struct sw_conf_loader *l, struct sw_conf_listener *s)
{
	static const uint16_t usual[] = { [SW_TRANSPORT_TCP] = 5060, [SW_TRANSPORT_TLS] = 5061, [SW_TRANSPORT_MTLS] = 5062 };

	if (!s->port && !sw_conf_given(l, &s->port))
		s->port = usual[s->transport];
	for (size_t i = 0; i < s->n_addresses; i++)
		sw_addr_set_port(&s->addresses[i], s->port);
	if (!s->host && !sw_conf_given(l, &s->host))
		s->host = copy(l, l->conf->host);
	s->cert.line = s->line;
}

static void name_routes(struct sw_conf_loader *l)
{
	for (size_t i = 0; i < l->conf->n_routes; i++) {
		struct sw_conf_route *r = &l->conf->routes[i];
		char name[32];

		if (r->name || sw_conf_given(l, &r->name))
			continue;
		snprintf(name, sizeof(name), "route-%zu", i + 1);
		r->name = copy(l, name);
	}
}

void sw_conf_finish(struct sw_conf_loader *l)
{
	struct sw_conf *c = l->conf;

	for (size_t i = 0; i < c->n_listeners; i++)
		finish_listener(l, &c->listeners[i]);
	name_routes(l);
	for (size_t i = 0; i < c->media.n_interfaces; i++) {
		struct sw_conf_media_if *m = &c->media.interfaces[i];

		if (!sw_conf_given(l, &m->advertise))
			m->advertise = m->address;
	}
	for (size_t i = 0; i < c->n_zones && c->media.n_interfaces; i++) {
		if (!c->zones[i].media && !sw_conf_given(l, &c->zones[i].media))
			c->zones[i].media = copy(l, c->media.interfaces[0].name);
	}
}

/* --- names --- */

static const char *nth_listener(const void *conf, size_t i)
{
	const struct sw_conf *c = conf;

	return i < c->n_listeners ? c->listeners[i].name ? c->listeners[i].name : "" : NULL;
}

static const char *nth_zone(const void *conf, size_t i)
{
	const struct sw_conf *c = conf;

	return i < c->n_zones ? c->zones[i].name ? c->zones[i].name : "" : NULL;
}

static const char *nth_route(const void *conf, size_t i)
{
	const struct sw_conf *c = conf;

	return i < c->n_routes ? c->routes[i].name ? c->routes[i].name : "" : NULL;
}

static const char *nth_media_if(const void *conf, size_t i)
{
	const struct sw_conf *c = conf;

	return i < c->media.n_interfaces ? c->media.interfaces[i].name ? c->media.interfaces[i].name : "" : NULL;
}

typedef const char *nth_fn(const void *conf, size_t i);

static bool exists(const struct sw_conf *c, nth_fn *nth, const char *name)
{
	const char *n;

	for (size_t i = 0; (n = nth(c, i)); i++) {
		if (strcmp(n, name) == 0)
			return true;
	}
	return false;
}

/* at: where the reference is written. */
static void check_reference(struct sw_conf_loader *l, const char *what, nth_fn *nth, const char *name, const void *at,
			    const void *item, const char *key)
{
	const char *near;

	if (!name || exists(l->conf, nth, name))
		return;
	near = sw_conf_nearest(name, nth, l->conf);
	if (near)
		sw_conf_error(l, at, item, "%s: there is no %s \"%s\"; did you mean \"%s\"?", key, what, name, near);
	else
		sw_conf_error(l, at, item, "%s: there is no %s \"%s\"", key, what, name);
}

static void check_unique(struct sw_conf_loader *l, const char *what, nth_fn *nth, size_t i, const void *at, const void *item)
{
	const char *name = nth(l->conf, i), *other;

	for (size_t j = 0; name && *name && j < i && (other = nth(l->conf, j)); j++) {
		if (strcmp(other, name) == 0) {
			sw_conf_error(l, at, item, "there are two %s of the name \"%s\"", what, name);
			return;
		}
	}
}

static bool empty(struct sw_conf_loader *l, const void *at, size_t n)
{
	return !n && !sw_conf_refused(l, at);
}

static bool empty_list(struct sw_conf_loader *l, const struct sw_strlist *list)
{
	return empty(l, list, list->n);
}

/* --- listeners --- */

static bool same_place(const struct sw_addr *a, const struct sw_addr *b)
{
	if (sw_addr_family(a) != sw_addr_family(b) || sw_addr_port(a) != sw_addr_port(b))
		return false;
	return sw_addr_is_any(a) || sw_addr_is_any(b) || sw_addr_same_host(a, b);
}

static void check_place(struct sw_conf_loader *l, const struct sw_conf_listener *s, size_t nth)
{
	const struct sw_conf *c = l->conf;
	const struct sw_addr *a = &s->addresses[nth];
	char text[SW_ADDR_STRLEN];

	for (const struct sw_conf_listener *o = c->listeners; o <= s; o++) {
		size_t n = o == s ? nth : o->n_addresses;

		for (size_t i = 0; i < n; i++) {
			if (!same_place(a, &o->addresses[i]))
				continue;
			sw_conf_error(l, a, s, "listeners.addresses: %s is already taken by listener \"%s\"",
				      sw_addr_text(a, text), o->name ? o->name : "?");
			return;
		}
	}
}

static void check_certificate(struct sw_conf_loader *l, const struct sw_conf_listener *s)
{
	const char *name = s->name ? s->name : "?";

	if (s->transport != SW_TRANSPORT_TCP) {
		if (!s->cert.cert && !sw_conf_given(l, &s->cert.cert))
			sw_conf_error(l, NULL, s, "listener \"%s\": transport \"%s\" needs cert", name,
				      sw_transport_name(s->transport));
		if (!s->cert.key && !sw_conf_given(l, &s->cert.key))
			sw_conf_error(l, NULL, s, "listener \"%s\": transport \"%s\" needs key", name,
				      sw_transport_name(s->transport));
		return;
	}
	if (!sw_conf_given(l, &s->transport) || sw_conf_refused(l, &s->transport))
		return;
	if (s->cert.cert || s->cert.key || s->cert.chain || s->cert.key_password || s->n_sni)
		sw_conf_error(l, &s->transport, s,
			      "listener \"%s\": transport \"tcp\" has no certificates; did you mean \"tls\" or \"mtls\"?", name);
}

static void check_listener(struct sw_conf_loader *l, size_t i)
{
	struct sw_conf_listener *s = &l->conf->listeners[i];
	struct sw_addr ip;

	check_unique(l, "listeners", nth_listener, i, &s->name, s);
	check_certificate(l, s);
	for (size_t a = 0; a < s->n_addresses; a++)
		check_place(l, s, a);
	for (size_t a = 0; a < s->n_sni; a++) {
		for (size_t b = 0; b < a; b++) {
			if (s->sni[a].name && s->sni[b].name && strcasecmp(s->sni[a].name, s->sni[b].name) == 0)
				sw_conf_error(l, &s->sni[a].name, &s->sni[a],
					      "listeners.sni: there are two certificates for \"%s\"", s->sni[a].name);
		}
	}
	if (s->host && sw_conf_given(l, &s->host) && sw_addr_parse(&ip, sw_str_of(s->host), 0) == 0)
		sw_conf_warn(l, &s->host, s,
			     "listeners.host: peers compare names with our certificate; an address suits the lab only");
}

/* --- zones --- */

enum { ON_TCP = 1, ON_TLS = 2, ON_MTLS = 4 };

static unsigned transports_of(const struct sw_conf *c, const struct sw_conf_zone *z)
{
	unsigned on = 0;

	for (size_t i = 0; i < z->listeners.n; i++) {
		const struct sw_conf_listener *s = sw_conf_listener(c, z->listeners.v[i]);

		if (s)
			on |= s->transport == SW_TRANSPORT_TCP ? ON_TCP : s->transport == SW_TRANSPORT_TLS ? ON_TLS : ON_MTLS;
	}
	return on;
}

static bool lists(const struct sw_strlist *list, const char *s)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcasecmp(list->v[i], s) == 0)
			return true;
	}
	return false;
}

/* The default zone takes strangers: all that names or favours somebody has no place in it. */
static void check_default_zone(struct sw_conf_loader *l, const struct sw_conf_zone *z, const char *name)
{
	const struct {
		const void *at;
		const char *key;
		bool set;
	} keys[] = {
		{ &z->names, "names", z->names.n },
		{ &z->pins, "pins", z->pins.n },
		{ &z->trust, "trust", z->trust.n },
		{ &z->trust_bootstrap, "trust_bootstrap", z->trust_bootstrap.n },
		{ &z->crls, "crls", z->crls.n },
		{ &z->targets, "targets", z->targets.n },
		{ &z->may_assert_local, "may_assert_local", z->may_assert_local },
		{ &z->trusted_identity, "trusted_identity", z->trusted_identity },
		{ &z->internal, "internal", z->internal },
		{ &z->allow_wildcard, "allow_wildcard", z->allow_wildcard },
		{ &z->revocation, "revocation", z->revocation != SW_REVOCATION_OFF },
		{ &z->ocsp, "ocsp", z->ocsp != SW_REVOCATION_OFF },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].set)
			sw_conf_error(l, keys[i].at, z,
				      "zone \"%s\": kind \"default\" is for strangers, who prove nothing: %s has no place in it",
				      name, keys[i].key);
	}
	for (size_t i = 0; i < z->listeners.n; i++) {
		const struct sw_conf_listener *s = sw_conf_listener(l->conf, z->listeners.v[i]);

		if (s && s->transport == SW_TRANSPORT_MTLS)
			sw_conf_error(l, &z->listeners.v[i], z,
				      "zone \"%s\": strangers are never admitted on mutual TLS (listener \"%s\")", name, s->name);
		for (const struct sw_conf_zone *o = l->conf->zones; s && o < z; o++) {
			if (o->kind == SW_ZONE_DEFAULT && lists(&o->listeners, s->name))
				sw_conf_error(l, &z->listeners.v[i], z, "listener \"%s\" has a default zone already: \"%s\"",
					      s->name, o->name ? o->name : "?");
		}
	}
}

/* What is said of fetching must have something to fetch, and what is fetched somebody who vouches for where it comes from. */
static void check_fetched_trust(struct sw_conf_loader *l, const struct sw_conf_zone *z, const char *name)
{
	const char *d = z->trust_digest;
	const void *what = z->trust_bootstrap.n ? (const void *)&z->trust_bootstrap : z->trust_pins.n ? (const void *)&z->trust_pins :
			   d ? (const void *)&z->trust_digest : z->trust_signers.n ? &z->trust_signers : NULL;
	size_t urls = 0;

	for (size_t i = 0; i < z->trust.n; i++)
		urls += sw_conf_is_url(z->trust.v[i]);
	if (urls && empty_list(l, &z->trust_bootstrap))
		sw_conf_error(l, &z->trust, z,
			      "zone \"%s\": trust is fetched, but trust_bootstrap is missing: whose certificate must the server it comes from have?", name);
	if (!urls && what && !sw_conf_refused(l, &z->trust))
		sw_conf_error(l, what, z, "zone \"%s\": trust_bootstrap, trust_pin, trust_digest and trust_signer are for a trust list that is fetched, "
			      "and trust names none", name);
	if (d && !sw_conf_is_url(d) && (strlen(d) != 64 || strspn(d, "0123456789abcdefABCDEF") != 64))
		sw_conf_error(l, &z->trust_digest, z, "zone \"%s\": trust_digest is 64 hex digits, or an https:// address", name);
	if (d && urls > 1)
		sw_conf_error(l, &z->trust_digest, z, "zone \"%s\": trust_digest is of one list, and trust names %zu addresses", name, urls);
}

/* How the peer is known when it comes in. */
static void check_identity(struct sw_conf_loader *l, const struct sw_conf_zone *z, const char *name, unsigned on)
{
	bool nameless = empty_list(l, &z->names) && empty_list(l, &z->domains) && z->match != SW_MATCH_PIN;

	if (on && (on != ON_TCP || z->target_transport != SW_TRANSPORT_TCP) && empty_list(l, &z->trust))
		sw_conf_error(l, &z->trust, z, "zone \"%s\": trust is missing: which CAs may vouch for its peers?", name);
	if (z->match == SW_MATCH_PIN && empty_list(l, &z->pins))
		sw_conf_error(l, &z->match, z, "zone \"%s\": match = \"pin\" needs pins", name);
	if (z->match != SW_MATCH_PIN && z->pins.n)
		sw_conf_error(l, &z->pins, z, "zone \"%s\": pins are looked at with match = \"pin\" only", name);
	if (z->allow_wildcard && z->match != SW_MATCH_RFC9525 && z->match != SW_MATCH_TEAMS)
		sw_conf_warn(l, &z->allow_wildcard, z,
			     "zone \"%s\": match = \"%s\" never accepts a wildcard; allow_wildcard has no effect", name,
			     sw_match_mode_name(z->match));
	if (z->kind == SW_ZONE_NEIGHBOR && nameless && (on & ON_MTLS))
		sw_conf_error(l, NULL, z, "zone \"%s\": neither names nor domains: no certificate would ever match", name);
	else if (z->kind == SW_ZONE_NEIGHBOR && nameless && (on & ON_TLS))
		sw_conf_warn(l, NULL, z, "zone \"%s\": neither names nor domains: nobody can come in from it", name);
	if (z->revocation == SW_REVOCATION_HARD && empty_list(l, &z->crls) && !z->crl_fetch)
		sw_conf_error(l, &z->revocation, z, "zone \"%s\": revocation = \"hard\" without crls and crl_fetch would refuse every peer",
			      name);
	if (z->revocation == SW_REVOCATION_SOFT && empty_list(l, &z->crls) && !z->crl_fetch)
		sw_conf_warn(l, &z->revocation, z, "zone \"%s\": revocation = \"soft\" without crls and crl_fetch checks nothing", name);
	if (z->revocation == SW_REVOCATION_OFF && z->crls.n)
		sw_conf_error(l, &z->crls, z, "zone \"%s\": crls are looked at with revocation = \"soft\" or \"hard\" only",
			      name);
}

/* Without TLS the source address is all there is. */
static void check_tcp_zone(struct sw_conf_loader *l, const struct sw_conf_zone *z, const char *name)
{
	if (z->target_transport != SW_TRANSPORT_TCP)
		sw_conf_error(l, &z->listeners, z, "zone \"%s\": on a tcp listener target_transport must be \"tcp\" too", name);
	if (empty(l, &z->sources, z->n_sources))
		sw_conf_error(l, &z->listeners, z,
			      "zone \"%s\": on a tcp listener only the address tells who it is: sources is missing", name);
}

static void check_targets(struct sw_conf_loader *l, const struct sw_conf_zone *z, const char *name)
{
	if (z->kind == SW_ZONE_DNS && z->targets.n)
		sw_conf_error(l, &z->targets, z,
			      "zone \"%s\": kind \"dns\" finds its targets by SRV; with targets it is a neighbor", name);
	if (z->kind == SW_ZONE_NEIGHBOR && empty_list(l, &z->targets))
		sw_conf_warn(l, NULL, z, "zone \"%s\": no targets: calls to it can only go over a connection it made to us", name);
	if (z->probe_interval && z->kind != SW_ZONE_NEIGHBOR)
		sw_conf_warn(l, &z->probe_interval, z, "zone \"%s\": only a neighbor's targets are probed", name);
	if (z->target_transport == SW_TRANSPORT_TCP && (z->client_cert.cert || z->client_cert_none))
		sw_conf_error(l, &z->client_cert, z, "zone \"%s\": client_cert with target_transport \"tcp\", which has no TLS",
			      name);
}

static void check_speech(struct sw_conf_loader *l, const struct sw_conf_zone *z, const char *name)
{
	for (size_t i = 0; i < z->domains.n; i++) {
		if (lists(&l->conf->local_domains, z->domains.v[i]) && !z->internal && !z->may_assert_local)
			sw_conf_error(l, &z->domains.v[i], z,
				      "zone \"%s\": \"%s\" is one of local_domains: set internal, or may_assert_local, if it may "
				      "speak for it",
				      name, z->domains.v[i]);
	}
	if (z->internal && z->may_assert_local)
		sw_conf_warn(l, &z->may_assert_local, z, "zone \"%s\": internal includes may_assert_local", name);
	if ((z->internal || z->may_assert_local) && !l->conf->local_domains.n)
		sw_conf_warn(l, z->internal ? &z->internal : &z->may_assert_local, z,
			     "zone \"%s\": there are no local_domains to speak for", name);
}

static void check_zone(struct sw_conf_loader *l, size_t i)
{
	const struct sw_conf_zone *z = &l->conf->zones[i];
	const char *name = z->name ? z->name : "?";
	unsigned on = transports_of(l->conf, z);

	check_unique(l, "zones", nth_zone, i, &z->name, z);
	for (size_t n = 0; n < z->listeners.n; n++)
		check_reference(l, "listener", nth_listener, z->listeners.v[n], &z->listeners.v[n], z, "zones.listeners");
	check_reference(l, "media interface", nth_media_if, z->media, &z->media, z, "zones.media");
	if (z->kind == SW_ZONE_DEFAULT) {
		check_default_zone(l, z, name);
		check_speech(l, z, name);
		return;
	}
	check_identity(l, z, name, on);
	check_fetched_trust(l, z, name);
	if (on & ON_TCP)
		check_tcp_zone(l, z, name);
	check_targets(l, z, name);
	check_speech(l, z, name);
}

/* --- zones among each other: who is whose --- */

struct claim {
	const char *name;
	const struct sw_conf_zone *zone;
	const void *at;
};

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int r = strcasecmp(x->name, y->name);

	if (r)
		return r;
	return x->zone < y->zone ? -1 : x->zone > y->zone;
}

/* The same domain in two zones is legal (two ways to one partner), yet worth knowing: both may speak for it. */
static void check_claims(struct sw_conf_loader *l)
{
	const struct sw_conf *c = l->conf;
	struct claim *claims;
	size_t n = 0, used = 0;

	for (size_t i = 0; i < c->n_zones; i++)
		n += c->zones[i].domains.n;
	claims = n ? calloc(n, sizeof(*claims)) : NULL;
	if (n && !claims)
		l->out_of_memory = true;
	if (!claims)
		return;
	for (size_t i = 0; i < c->n_zones; i++) {
		for (size_t d = 0; d < c->zones[i].domains.n; d++)
			claims[used++] = (struct claim){ c->zones[i].domains.v[d], &c->zones[i], &c->zones[i].domains.v[d] };
	}
	qsort(claims, n, sizeof(*claims), compare_claims);
	for (size_t i = 1; i < n; i++) {
		const struct claim *a = &claims[i - 1], *b = &claims[i];

		if (strcasecmp(a->name, b->name) == 0 && a->zone != b->zone && a->zone->name && b->zone->name)
			sw_conf_warn(l, b->at, b->zone, "zones \"%s\" and \"%s\" may both speak for \"%s\"", a->zone->name,
				     b->zone->name, b->name);
		else if (strcasecmp(a->name, b->name) == 0 && a->zone == b->zone)
			sw_conf_warn(l, b->at, b->zone, "\"%s\" is listed twice", b->name);
	}
	free(claims);
}

/* --- routes --- */

static void check_route(struct sw_conf_loader *l, size_t i)
{
	const struct sw_conf_route *r = &l->conf->routes[i];
	const struct sw_conf_zone *to = r->to ? sw_conf_zone(l->conf, r->to) : NULL;
	const char *name = r->name ? r->name : "?";

	check_unique(l, "routes", nth_route, i, &r->name, r);
	for (size_t n = 0; n < r->from.n; n++)
		check_reference(l, "zone", nth_zone, r->from.v[n], &r->from.v[n], r, "routes.from");
	check_reference(l, "zone", nth_zone, r->to, &r->to, r, "routes.to");
	if (r->to && r->reject)
		sw_conf_error(l, &r->reject, r, "route \"%s\": to and reject exclude each other", name);
	if (!r->to && !r->reject && !sw_conf_given(l, &r->to) && !sw_conf_given(l, &r->reject))
		sw_conf_error(l, NULL, r, "route \"%s\": neither to nor reject", name);
	if (to && to->kind == SW_ZONE_DEFAULT)
		sw_conf_error(
			l, &r->to, r,
			"route \"%s\": zone \"%s\" is of kind default: nothing can be sent to strangers; use a zone of kind dns",
			name, to->name);
	if (r->domain && strcmp(r->domain, "local") == 0 && empty_list(l, &l->conf->local_domains))
		sw_conf_error(l, &r->domain, r, "route \"%s\": domain = \"local\", but there are no local_domains", name);
}

struct rank {
	uint32_t priority;
	size_t place;
};

static int compare_ranks(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static void sort_routes(struct sw_conf_loader *l)
{
	size_t n = l->conf->n_routes;
	struct sw_conf_route *sorted = n ? calloc(n, sizeof(*sorted)) : NULL;
	struct rank *ranks = n ? calloc(n, sizeof(*ranks)) : NULL;

	if (n && (!sorted || !ranks)) {
		l->out_of_memory = true;
		free(sorted);
		free(ranks);
		return;
	}
	for (size_t i = 0; i < n; i++)
		ranks[i] = (struct rank){ l->conf->routes[i].priority, i };
	if (n)
		qsort(ranks, n, sizeof(*ranks), compare_ranks);
	for (size_t i = 0; i < n; i++)
		sorted[i] = l->conf->routes[ranks[i].place];
	free(l->conf->routes);
	l->conf->routes = sorted;
	free(ranks);
}

/* --- the rest --- */

static void check_media(struct sw_conf_loader *l)
{
	const struct sw_conf_media *m = &l->conf->media;

	if (empty(l, &m->interfaces, m->n_interfaces) && l->conf->n_zones)
		sw_conf_error(l, &m->interfaces, m, "media.interfaces: at least one is needed");
	if (m->port_low % 2)
		sw_conf_error(l, &m->port_low, m,
			      "media.ports: the first port must be even: RTP is even, its RTCP the port above");
	if (m->port_high % 2 == 0 && m->port_high)
		sw_conf_warn(l, &m->port_low, m, "media.ports: the last port is even, so it stays without use");
	if (m->port_high && m->port_high - m->port_low < 3)
		sw_conf_error(l, &m->port_low, m, "media.ports: one call needs at least 4 ports");
	for (size_t i = 0; i < m->n_interfaces; i++) {
		const struct sw_conf_media_if *f = &m->interfaces[i];
		char text[SW_ADDR_STRLEN];

		check_unique(l, "media interfaces", nth_media_if, i, &f->name, f);
		if (sw_addr_family(&f->address) == AF_UNSPEC || sw_addr_family(&f->advertise) == AF_UNSPEC)
			continue;
		if (sw_addr_is_any(&f->address) || sw_addr_is_any(&f->advertise))
			sw_conf_error(l, sw_addr_is_any(&f->address) ? (const void *)&f->address : &f->advertise, f,
				      "media.interfaces: one certain address is needed: it is written into SDP");
		if (sw_addr_family(&f->address) != sw_addr_family(&f->advertise))
			sw_conf_error(l, &f->advertise, f,
				      "media.interfaces.advertise: IPv4 and IPv6 do not mix in one interface");
		for (size_t j = 0; j < i; j++) {
			if (sw_addr_same_host(&m->interfaces[j].address, &f->address))
				sw_conf_error(l, &f->address, f,
					      "media.interfaces: two interfaces with the address %s would quarrel over its ports",
					      sw_addr_host_text(&f->address, text));
		}
	}
}

static void check_limits(struct sw_conf_loader *l)
{
	const struct sw_conf_limits *m = &l->conf->limits;

	if (m->connections_per_source > m->connections && sw_conf_given(l, &m->connections_per_source))
		sw_conf_warn(l, &m->connections_per_source, m, "limits.connections_per_source is above limits.connections");
	if (m->handshakes_per_source > m->handshakes && sw_conf_given(l, &m->handshakes_per_source))
		sw_conf_warn(l, &m->handshakes_per_source, m, "limits.handshakes_per_source is above limits.handshakes");
	if (m->timer_t1 && m->timer_t1 != 500)
		sw_conf_warn(l, &m->timer_t1, m, "limits.timer_t1: other values than 500ms are for the lab");
	if (m->timer_c && m->timer_c <= 180000)
		sw_conf_warn(l, &m->timer_c, m, "limits.timer_c: RFC 3261 wants more than 3 minutes");
}

static void check_node(struct sw_conf_loader *l)
{
	const struct sw_conf *c = l->conf;
	struct sw_addr ip;

	if (c->host && sw_addr_parse(&ip, sw_str_of(c->host), 0) == 0)
		sw_conf_warn(l, &c->host, NULL,
			     "node.host: peers compare names with our certificate; an address suits the lab only");
	else if (c->host && !strchr(c->host, '.'))
		sw_conf_warn(l, &c->host, NULL, "node.host: \"%s\" is not fully qualified; peers will not find it", c->host);
	if (c->control && strlen(c->control) > 107)
		sw_conf_error(l, &c->control, NULL, "node.control: a Unix socket's path has at most 107 bytes");
	if (empty(l, &c->listeners, c->n_listeners))
		sw_conf_error(l, &c->listeners, NULL, "listeners: at least one is needed");
	if (empty(l, &c->zones, c->n_zones))
		sw_conf_warn(l, &c->zones, NULL, "zones: there are none, so nobody is admitted");
	if (c->dns.min_ttl > c->dns.max_ttl)
		sw_conf_error(l, &c->dns.min_ttl, &c->dns, "dns.min_ttl is above dns.max_ttl");
	if (c->ownership.recheck && c->ownership.stale_limit && c->ownership.stale_limit < c->ownership.interval)
		sw_conf_error(l, &c->ownership.stale_limit, &c->ownership,
			      "ownership.stale_limit is below ownership.interval: every domain would be given up before its next "
			      "check");
}

void sw_conf_check(struct sw_conf_loader *l)
{
	struct sw_conf *c = l->conf;

	check_node(l);
	for (size_t i = 0; i < c->n_listeners; i++)
		check_listener(l, i);
	for (size_t i = 0; i < c->n_zones; i++)
		check_zone(l, i);
	check_claims(l);
	for (size_t i = 0; i < c->n_routes; i++)
		check_route(l, i);
	check_media(l);
	check_limits(l);
	sort_routes(l); /* last: what was noted of places holds for the order of the file */
}
