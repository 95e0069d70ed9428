/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS stage: what begins it, and how its probes ask. */
#include "check/dns.h"

#include <stdio.h>
#include <stdlib.h>
#include "check/check_int.h"
#include "check/resolve.h"
#include "dns/wire.h"
#include "zone/zone.h"

size_t sw_dnscheck_resolvers(const struct sw_check *c, struct sw_addr out[SW_DNSCHECK_SERVERS])
{
	return sw_lookup_servers(out, SW_DNSCHECK_SERVERS, sw_check_options(c)->dns);
}

static struct sw_lookup *ask_one(struct sw_check *c, const struct sw_addr *server, const char *name, uint16_t type, bool dnssec)
{
	const struct sw_conf_dns *dns = sw_check_options(c)->dns;
	uint64_t left = sw_check_left(c), most = (dns->timeout ? dns->timeout : 2000) * (dns->tries ? dns->tries : 2);
	struct sw_lookup_question q = {
		.name = name,
		.type = type,
		.server = *server,
		.recurse = true,
		.dnssec = dnssec,
		.udp_size = SW_WIRE_UDP_SIZE,
		.tries = dns->tries,
		.ms = left < most ? left : most,
		.stop_fd = sw_check_stop_fd(c),
	};
	struct sw_lookup *l = NULL;

	return sw_lookup(&l, &q) == SW_OK ? l : NULL;
}

/* A server that was silent once is asked again only where no other one says anything: or each question would wait for it. */
bool sw_dnscheck_ask(struct sw_check *c, const char *name, uint16_t type, bool dnssec, struct sw_lookup **out)
{
	struct sw_addr servers[SW_DNSCHECK_SERVERS];
	size_t n = sw_dnscheck_resolvers(c, servers);
	struct sw_lookup *l = NULL;
	unsigned tried = 0;

	for (size_t i = 0; i < 2 * n && !sw_check_stopped(c); i++) {
		unsigned bit = 1u << i % n;
		bool silent = atomic_load(&c->silent_resolvers) & bit;

		if (tried & bit || silent != (i >= n) || (silent && l && l->end == SW_LOOKUP_ANSWERED))
			continue;
		tried |= bit;
		sw_lookup_free(l);
		l = ask_one(c, &servers[i % n], name, type, dnssec);
		if (!l || sw_lookup_known(l) || l->end == SW_LOOKUP_STOPPED)
			break;
		if (l->end == SW_LOOKUP_SILENT)
			atomic_fetch_or(&c->silent_resolvers, bit);
	}
	*out = l;
	return l && sw_lookup_known(l);
}

const char *sw_dnscheck_why(const struct sw_lookup *l, char dst[200])
{
	char addr[SW_ADDR_STRLEN];

	if (!l)
		snprintf(dst, 200, "it could not be asked for");
	else if (l->end != SW_LOOKUP_ANSWERED)
		snprintf(dst, 200, "%s", l->detail);
	else if (sw_lookup_known(l))
		snprintf(dst, 200, "%s", l->rcode ? "NXDOMAIN: there is no such name" : "no such record");
	else
		snprintf(dst, 200, "%s: %s", sw_addr_text(&l->server, addr), sw_rcode_text(l->rcode));
	return dst;
}

int sw_dnscheck_spawn(struct sw_check *c, const char *name, const char *what, sw_probe_fn *fn)
{
	char *copy = sw_str_dup(sw_str_of(name)), text[320];

	if (!copy)
		return SW_ENOMEM;
	snprintf(text, sizeof(text), "%s of %s", what, name);
	return sw_check_spawn(c, SW_STAGE_DNS, text, fn, copy, free);
}

static int by_rank(const void *a, const void *b)
{
	const struct sw_srv_target *x = a, *y = b;
	int d = strcmp(x->host, y->host);

	return x->priority != y->priority ? (x->priority > y->priority) - (x->priority < y->priority) : d ? d : x->port - y->port;
}

size_t sw_dnscheck_srv(const struct sw_lookup *l, const char *name, struct sw_srv_target out[SW_DNS_SRV_MAX], unsigned *malformed)
{
	const struct sw_lookup_rr *rr = NULL;
	size_t n = 0;

	*malformed = 0;
	while (n < SW_DNS_SRV_MAX && (rr = sw_lookup_next(l, name, SW_DNS_SRV, rr))) {
		struct sw_dns_rr srv;

		if (sw_record_srv(&srv, rr->rdata, rr->len) < 0) {
			++*malformed;
			continue;
		}
		out[n] = (struct sw_srv_target){ srv.srv.priority, srv.srv.weight, srv.srv.port, "", rr->ttl };
		memcpy(out[n++].host, srv.srv.target, sizeof(srv.srv.target));
	}
	qsort(out, n, sizeof(*out), by_rank);
	return n;
}

size_t sw_dnscheck_addresses(const struct sw_lookup *l, const char *name, uint16_t type, struct sw_addr *out, size_t max)
{
	const struct sw_lookup_rr *rr = NULL;
	size_t n = 0;

	while (n < max && (rr = sw_lookup_next(l, name, type, rr)))
		n += sw_record_addr(&out[n], type, rr->rdata, rr->len) == SW_OK;
	return n;
}

/* --- whose domain --- */

bool sw_dnscheck_is_local(const struct sw_check *c, const char *domain)
{
	const struct sw_conf *conf = sw_check_options(c)->conf;
	char local[256];

	for (size_t i = 0; conf && i < conf->local_domains.n; i++)
		if (sw_domain_normalize(local, sw_str_of(conf->local_domains.v[i])) == SW_OK && !strcmp(local, domain))
			return true;
	return false;
}

const char *sw_dnscheck_label(const struct sw_check *c, const char *domain)
{
	const struct sw_profile *p = sw_check_options(c)->profile;
	struct sw_endpoint e = { 0 };
	const struct sw_conf_zone *zone;

	snprintf(e.domain, sizeof(e.domain), "%s", domain);
	zone = sw_check_zone(c, &e);
	if (zone && zone->target_transport == SW_TRANSPORT_TCP && !sw_dnscheck_is_local(c, domain))
		return "_sip._tcp";
	return p->srv.n ? p->srv.v[0] : "_sips._tcp";
}

/* --- a host and port, given --- */

struct host {
	char name[SW_DNS_NAME_MAX];
	uint16_t port;
	bool tls;
};

static void look_at_host(struct sw_check *c, void *arg)
{
	const struct host *h = arg;
	struct sw_addr all[SW_RESOLVE_MAX];
	char why[160], found[60];
	size_t n = 0;
	int err = sw_check_resolve(c, h->name, h->port, all, &n, why);

	if (err < 0) {
		sw_check_report(c, SW_F_DNS_HOST, err == SW_ENOTFOUND ? SW_CHECK_FAIL : SW_CHECK_UNKNOWN, h->name, "an address", why);
		return;
	}
	if (h->tls)
		sw_dnscheck_dane(c, h->name, h->port, "");
	snprintf(found, sizeof(found), "%zu address%s", n, n == 1 ? "" : "es");
	sw_check_report(c, SW_F_DNS_HOST, SW_CHECK_PASS, h->name, "an address", found);
	for (size_t i = 0; i < n; i++) {
		struct sw_endpoint e = { .addr = all[i], .tls = h->tls };

		snprintf(e.host, sizeof(e.host), "%s", h->name);
		e.mutual = h->tls && sw_check_port_is_mutual(sw_check_options(c)->profile, h->port);
		sw_check_endpoint(c, &e);
	}
}

void sw_check_dns_host(struct sw_check *c, const char *host, uint16_t port, bool tls)
{
	struct host *h = calloc(1, sizeof(*h));
	char what[320];

	if (!h)
		return;
	snprintf(h->name, sizeof(h->name), "%s", host);
	h->port = port;
	h->tls = tls;
	snprintf(what, sizeof(what), "addresses of %s", host);
	(void)sw_check_spawn(c, SW_STAGE_DNS, what, look_at_host, h, free);
}

/* --- a domain --- */

void sw_check_dns_domain(struct sw_check *c, const char *domain)
{
	if (!sw_check_options(c)->profile->sip)
		return;
	sw_dnscheck_resolvers_probe(c);
	(void)sw_dnscheck_spawn(c, domain, "SRV", sw_dnscheck_records);
	(void)sw_dnscheck_spawn(c, domain, "services", sw_dnscheck_services);
	(void)sw_dnscheck_spawn(c, domain, "proof", sw_dnscheck_proof);
	(void)sw_dnscheck_spawn(c, domain, "servers", sw_dnscheck_authorities);
	(void)sw_dnscheck_spawn(c, domain, "DNSSEC", sw_dnscheck_dnssec);
}
