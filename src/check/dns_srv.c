/* SPDX-License-Identifier: Apache-2.0 */
/* The records a caller follows: SRV, its targets and their addresses. What they lead to becomes endpoints. */
#include "check/dns.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include "check/check_int.h"

enum { ADDRESSES = 16, FAMILIES = 2 };

struct target {
	struct sw_srv_target srv;
	struct sw_addr addr[FAMILIES][ADDRESSES];    /* IPv4, IPv6; with the port */
	size_t n[FAMILIES];
};

struct domain {
	struct sw_check *c;
	const char *name;
	char owner[SW_DNS_NAME_MAX + 32];            /* "_sips._tcp.example.com" */
	bool tls;
	struct target *v;
	size_t n;
};

static const struct {
	int family;
	uint16_t type;
	const char *name;
} families[FAMILIES] = { { AF_INET, SW_DNS_A, "A" }, { AF_INET6, SW_DNS_AAAA, "AAAA" } };

static bool wanted(const struct sw_check *c, size_t f)
{
	int family = sw_check_options(c)->family;

	return family == AF_UNSPEC || family == families[f].family;
}

static uint16_t default_port(const struct domain *d)
{
	uint16_t port = sw_check_options(d->c)->profile->tls_port;

	return !d->tls ? 5060 : port ? port : 5061;
}

/* --- our own listeners --- */

/* The listeners' ports as a list, where the domain is ours; false: nothing is known of them. */
static bool listeners(const struct domain *d, uint16_t port, bool *found, uint16_t *one, char list[120])
{
	const struct sw_conf *conf = sw_check_options(d->c)->conf;
	size_t n = 0;

	list[0] = '\0';
	*found = false;
	if (!conf || !sw_dnscheck_is_local(d->c, d->name))
		return false;
	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct sw_conf_listener *l = &conf->listeners[i];

		if ((l->transport != SW_TRANSPORT_TCP) != d->tls)
			continue;
		*found = *found || l->port == port;
		*one = l->port;
		if (n < 100)
			n += (size_t)snprintf(list + n, 120 - n, "%s%u", n ? ", " : "", l->port);
	}
	return n > 0;
}

static bool in_profile(const struct sw_profile *p, uint16_t port)
{
	bool any = false;

	for (size_t i = 0; i < p->n_ports; i++) {
		const struct sw_profile_port *r = &p->ports[i];

		if (!strcmp(r->direction, "out") || !strcmp(r->transport, "udp"))
			continue;
		any = true;
		if (port >= r->low && port <= r->high)
			return true;
	}
	return !any;
}

static void judge_port(struct domain *d, const struct sw_srv_target *t)
{
	const struct sw_profile *p = sw_check_options(d->c)->profile;
	char list[120], found[340], expected[200], subject[SW_DNS_NAME_MAX + 8];
	struct sw_finding *f;
	uint16_t one = 0;
	bool ours;

	snprintf(subject, sizeof(subject), "%s:%u", t->host, t->port);
	snprintf(found, sizeof(found), "port %u", t->port);
	if (listeners(d, t->port, &ours, &one, list)) {
		snprintf(expected, sizeof(expected), "a listener's port: %s", list);
		f = sw_check_report(d->c, SW_F_DNS_SRV_PORT, ours ? SW_CHECK_PASS : SW_CHECK_FAIL, subject, expected, found);
		if (!ours)
			sw_finding_set_fix(d->c, f, "%s. IN SRV %u %u %u %s.", d->owner, t->priority, t->weight, one, t->host);
	} else if (p->mutual && !in_profile(p, t->port)) {
		/* A provider that connects to us says to which ports; federation goes by SRV, to any. */
		f = sw_check_report(d->c, SW_F_DNS_SRV_PORT, p->from.confirmed ? SW_CHECK_WARN : SW_CHECK_SKIP, subject,
				    "a port the provider connects to", found);
		sw_finding_set_fix(d->c, f, "%s. IN SRV %u %u %u %s.", d->owner, t->priority, t->weight,
				   p->mutual_port ? p->mutual_port : default_port(d), t->host);
	}
}

/* --- targets --- */

static void spawn_endpoints(struct domain *d, const struct target *t)
{
	for (size_t f = 0; f < FAMILIES; f++)
		for (size_t i = 0; i < t->n[f]; i++) {
			struct sw_endpoint e = { .addr = t->addr[f][i], .tls = d->tls };

			snprintf(e.domain, sizeof(e.domain), "%s", d->name);
			snprintf(e.host, sizeof(e.host), "%s", t->srv.host);
			e.mutual = d->tls && sw_check_port_is_mutual(sw_check_options(d->c)->profile, t->srv.port);
			sw_check_endpoint(d->c, &e);
		}
}

static bool is_address(const char *host)
{
	return host[strspn(host, "0123456789.")] == '\0';
}

static void report_cname(struct domain *d, const struct target *t, const char *end)
{
	char found[600];
	struct sw_finding *f;

	snprintf(found, sizeof(found), "%s is an alias of %s", t->srv.host, *end ? end : "itself");
	f = sw_check_report(d->c, SW_F_DNS_SRV_TARGET_CNAME, *end ? SW_CHECK_WARN : SW_CHECK_FAIL, t->srv.host, "a name with addresses of its own", found);
	if (*end)
		sw_finding_set_fix(d->c, f, "%s. IN SRV %u %u %u %s.", d->owner, t->srv.priority, t->srv.weight, t->srv.port, end);
}

/* One family of one target. False: nothing is known, and that was told. */
static bool resolve_family(struct domain *d, struct target *t, size_t f, bool *aliased)
{
	struct sw_lookup *l = NULL;
	char end[SW_DNS_NAME_MAX], why[200], found[480];
	bool known = sw_dnscheck_ask(d->c, t->srv.host, families[f].type, false, &l);

	if (known) {
		t->n[f] = sw_dnscheck_addresses(l, t->srv.host, families[f].type, t->addr[f], ADDRESSES);
		for (size_t i = 0; i < t->n[f]; i++)
			sw_addr_set_port(&t->addr[f][i], t->srv.port);
		if (!*aliased && sw_lookup_canonical(l, t->srv.host, end)) {
			*aliased = true;
			report_cname(d, t, end);
		}
	} else {
		snprintf(found, sizeof(found), "%s of %s: %s", families[f].name, t->srv.host, sw_dnscheck_why(l, why));
		sw_check_report(d->c, SW_F_DNS_SRV_TARGET, SW_CHECK_UNKNOWN, t->srv.host, "an address", found);
	}
	sw_lookup_free(l);
	return known;
}

static void report_target(struct domain *d, const struct target *t, bool known)
{
	char found[600], a[SW_ADDR_STRLEN];
	struct sw_finding *f;

	if (t->n[0] + t->n[1] == 0) {
		if (!known)
			return;   /* told as unknown */
		snprintf(found, sizeof(found), "%s has no address%s", t->srv.host, is_address(t->srv.host) ? ": an address is not a name" : "");
		f = sw_check_report(d->c, SW_F_DNS_SRV_TARGET, SW_CHECK_FAIL, t->srv.host, "a name with an address", found);
		if (is_address(t->srv.host))
			sw_finding_set_fix(d->c, f, "edge.%s. IN A %s\n%s. IN SRV %u %u %u edge.%s.", d->name, t->srv.host, d->owner, t->srv.priority,
					   t->srv.weight, t->srv.port, d->name);
		else
			sw_finding_set_fix(d->c, f, "%s. IN A ADDRESS\n(ADDRESS: where that server is reached from outside)", t->srv.host);
		return;
	}
	snprintf(found, sizeof(found), "%s:%u", t->srv.host, t->srv.port);
	f = sw_check_report(d->c, SW_F_DNS_SRV_TARGET, SW_CHECK_PASS, t->srv.host, "a name with an address", found);
	sw_finding_add(d->c, f, "priority", "%u", t->srv.priority);
	sw_finding_add(d->c, f, "weight", "%u", t->srv.weight);
	sw_finding_add(d->c, f, "ttl", "%u", t->srv.ttl);
	for (size_t k = 0; k < FAMILIES; k++)
		for (size_t i = 0; i < t->n[k]; i++)
			sw_finding_add(d->c, f, "address", "%s", sw_addr_host_text(&t->addr[k][i], a));
}

static void resolve_target(struct domain *d, struct target *t)
{
	bool aliased = false, known = true;

	for (size_t f = 0; f < FAMILIES; f++)
		if (wanted(d->c, f) && !is_address(t->srv.host) && !resolve_family(d, t, f, &aliased))
			known = false;
	report_target(d, t, known);
	spawn_endpoints(d, t);
}

/* --- the targets together --- */

/* Two names, one server: the second is no spare. */
static void judge_spares(struct domain *d)
{
	char found[700], a[SW_ADDR_STRLEN];

	for (size_t i = 0; i < d->n; i++)
		for (size_t k = i + 1; k < d->n; k++)
			for (size_t f = 0; f < FAMILIES; f++) {
				const struct target *x = &d->v[i], *y = &d->v[k];

				if (!x->n[f] || !y->n[f] || !strcmp(x->srv.host, y->srv.host) || !sw_addr_eq(&x->addr[f][0], &y->addr[f][0]))
					continue;
				snprintf(found, sizeof(found), "%s and %s are both %s", x->srv.host, y->srv.host, sw_addr_text(&x->addr[f][0], a));
				sw_check_report(d->c, SW_F_DNS_SRV_DUPLICATE, SW_CHECK_WARN, d->owner, "a server for each target", found);
				return;
			}
}

static void judge_families(struct domain *d)
{
	const struct target *with = NULL, *without = NULL;
	char found[640];

	if (sw_check_options(d->c)->family != AF_UNSPEC)
		return;
	for (size_t i = 0; i < d->n; i++) {
		const struct target *t = &d->v[i];

		if (t->n[1] && !t->n[0]) {
			snprintf(found, sizeof(found), "%s has AAAA, but no A", t->srv.host);
			sw_check_report(d->c, SW_F_DNS_SRV_FAMILY, SW_CHECK_WARN, d->owner, "an IPv4 address at each target", found);
			return;
		}
		with = t->n[1] ? t : with;
		without = t->n[0] && !t->n[1] ? t : without;
	}
	if (!with || !without)
		return;
	snprintf(found, sizeof(found), "%s has AAAA, %s has none", with->srv.host, without->srv.host);
	sw_check_report(d->c, SW_F_DNS_SRV_FAMILY, SW_CHECK_WARN, d->owner, "the same families at each target", found);
}

static void judge_set(struct domain *d, const struct sw_srv_target *v, size_t n, unsigned malformed)
{
	struct sw_srv_faults faults;
	char found[80];

	sw_srv_judge(&faults, v, n);
	if (malformed) {
		snprintf(found, sizeof(found), "%u that can't be used: a target with characters no host name has", malformed);
		sw_check_report(d->c, SW_F_DNS_SRV_TARGET, SW_CHECK_FAIL, d->owner, "records with host names", found);
	}
	if (faults.absent[0])
		sw_check_report(d->c, SW_F_DNS_SRV_ABSENT, SW_CHECK_FAIL, d->owner, "a host name", faults.absent);
	if (faults.port[0])
		sw_check_report(d->c, SW_F_DNS_SRV_PORT, SW_CHECK_FAIL, d->owner, "a port", faults.port);
	if (faults.duplicate[0])
		sw_check_report(d->c, SW_F_DNS_SRV_DUPLICATE, SW_CHECK_WARN, d->owner, "each target once", faults.duplicate);
	if (faults.weight[0])
		sw_check_report(d->c, SW_F_DNS_SRV_WEIGHT, SW_CHECK_WARN, d->owner, "a weight for each target of the priority", faults.weight);
}

static void follow(struct domain *d, const struct sw_lookup *l)
{
	struct sw_srv_target v[SW_DNS_SRV_MAX];
	char found[60], end[SW_DNS_NAME_MAX];
	unsigned malformed;
	size_t n = sw_dnscheck_srv(l, d->owner, v, &malformed);
	struct sw_finding *f;

	snprintf(found, sizeof(found), "%zu record%s", n, n == 1 ? "" : "s");
	f = sw_check_report(d->c, SW_F_DNS_SRV, SW_CHECK_PASS, d->owner, "SRV records", found);
	sw_finding_took(f, l->ms ? l->ms : 1);
	if (sw_lookup_canonical(l, d->owner, end))
		sw_finding_add(d->c, f, "alias_of", "%s", end);
	judge_set(d, v, n, malformed);
	d->v = calloc(n + 1, sizeof(*d->v));
	for (size_t i = 0; d->v && i < n && !sw_check_stopped(d->c); i++) {
		if (!v[i].host[0] || v[i].port == 0 || (i && !strcmp(v[i].host, v[i - 1].host) && v[i].port == v[i - 1].port))
			continue;
		d->v[d->n].srv = v[i];
		judge_port(d, &v[i]);
		resolve_target(d, &d->v[d->n++]);
		if (d->tls)
			sw_dnscheck_dane(d->c, v[i].host, v[i].port, d->owner);
	}
	judge_spares(d);
	judge_families(d);
	free(d->v);
}

/* --- no SRV: the daemon and others try the domain's own address, on the default port --- */

/* Labels that are taken for _sips._tcp. */
static void look_for_others(struct domain *d, char dst[200])
{
	static const char *const labels[] = { "_sip._tls", "_sips._tls", "_sips._udp", "_sip._tcp" };

	dst[0] = '\0';
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]) && !dst[0]; i++) {
		char name[SW_DNS_NAME_MAX + 32];
		struct sw_lookup *l = NULL;

		snprintf(name, sizeof(name), "%s.%s", labels[i], d->name);
		if (sw_dnscheck_ask(d->c, name, SW_DNS_SRV, false, &l) && sw_lookup_next(l, name, SW_DNS_SRV, NULL))
			snprintf(dst, 200, "; there is %s, but callers that want TLS don't look there", labels[i]);
		sw_lookup_free(l);
	}
}

static void fall_back(struct domain *d, const struct sw_lookup *l)
{
	struct target t = { .srv = { .port = default_port(d) } };
	char why[200], found[800], others[200] = "";
	struct sw_finding *f;

	if (d->tls)
		look_for_others(d, others);
	snprintf(t.srv.host, sizeof(t.srv.host), "%s", d->name);
	for (size_t i = 0; i < FAMILIES; i++) {
		struct sw_lookup *a = NULL;

		if (wanted(d->c, i) && sw_dnscheck_ask(d->c, d->name, families[i].type, false, &a))
			t.n[i] = sw_dnscheck_addresses(a, d->name, families[i].type, t.addr[i], ADDRESSES);
		for (size_t k = 0; k < t.n[i]; k++)
			sw_addr_set_port(&t.addr[i][k], t.srv.port);
		sw_lookup_free(a);
	}
	if (t.n[0] + t.n[1])
		snprintf(found, sizeof(found), "%s; callers are left with %s:%u%s", sw_dnscheck_why(l, why), d->name, t.srv.port, others);
	else
		snprintf(found, sizeof(found), "%s, and no address for %s either%s", sw_dnscheck_why(l, why), d->name, others);
	f = sw_check_report(d->c, SW_F_DNS_SRV, t.n[0] + t.n[1] ? SW_CHECK_WARN : SW_CHECK_FAIL, d->owner, "SRV records", found);
	sw_finding_set_fix(d->c, f, "%s. IN SRV 10 10 %u edge1.%s.\n%s. IN SRV 10 10 %u edge2.%s.", d->owner, t.srv.port, d->name, d->owner,
			   t.srv.port, d->name);
	spawn_endpoints(d, &t);
}

void sw_dnscheck_records(struct sw_check *c, void *arg)
{
	struct domain d = { .c = c, .name = arg };
	const char *label = sw_dnscheck_label(c, d.name);
	struct sw_lookup *l = NULL;
	char why[200];

	d.tls = strncmp(label, "_sip.", 5) != 0 || strstr(label, "_tls") != NULL;
	snprintf(d.owner, sizeof(d.owner), "%s.%s", label, d.name);
	if (!sw_dnscheck_ask(c, d.owner, SW_DNS_SRV, false, &l))
		sw_check_report(c, SW_F_DNS_SRV, SW_CHECK_UNKNOWN, d.owner, "SRV records", sw_dnscheck_why(l, why));
	else if (sw_lookup_next(l, d.owner, SW_DNS_SRV, NULL))
		follow(&d, l);
	else
		fall_back(&d, l);
	sw_lookup_free(l);
}
