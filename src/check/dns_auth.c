/* SPDX-License-Identifier: Apache-2.0 */
/* Every authoritative server of the zone a domain is in, asked without recursion; then what they say against what we were told. */
#include "check/dns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "dns/wire.h"

enum { NAMES = 13, PER_NAME = 4, WALK = 16, SERVER_MS = 3000, PARENTS = 3, SET_LEN = 1200 };

struct server {
	char name[SW_DNS_NAME_MAX];
	struct sw_addr addr;
	char subject[SW_DNS_NAME_MAX + SW_ADDR_STRLEN + 4];   /* "ns1.example.com [192.0.2.1]" */
	bool good;                   /* it answers for the zone */
	uint32_t serial;
	bool asked;                  /* set is known */
	char set[SET_LEN];           /* its SRV records as text */
	uint64_t ms;
	uint16_t udp_size;
};

struct authorities {
	struct sw_check *c;
	const char *domain;
	char owner[SW_DNS_NAME_MAX + 32];
	char zone[SW_DNS_NAME_MAX];
	struct server *v;
	size_t n;
	bool faulty;
	bool quiet;                  /* only looked for; nothing is told */
	char ns[SET_LEN];            /* the names of its servers */
};

/* --- the zone, and its servers --- */

bool sw_dnscheck_zone(struct sw_check *c, const char *name, char zone[SW_DNS_NAME_MAX], char why[200])
{
	const char *at = name;

	for (int i = 0; i < WALK && at && *at && !sw_check_stopped(c); i++) {
		struct sw_lookup *l = NULL;
		bool known = sw_dnscheck_ask(c, at, SW_RR_SOA, false, &l), found = known && sw_lookup_soa_owner(l, name, zone);

		sw_dnscheck_why(l, why);
		sw_lookup_free(l);
		if (found)
			return true;
		if (!known)
			return false;
		at = strchr(at, '.');
		at = at ? at + 1 : NULL;
	}
	snprintf(why, 200, "no SOA record above it");
	return false;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The NS records of the zone as sorted text: of the answer, or of a referral. False: neither. */
static bool ns_text(const struct sw_lookup *l, const char *zone, char dst[SET_LEN])
{
	char v[NAMES][SW_DNS_NAME_MAX];
	size_t n = 0, at = 0;

	for (size_t i = 0; i < l->n && n < NAMES; i++) {
		const struct sw_lookup_rr *rr = &l->rrs[i];

		if (rr->type == SW_RR_NS && rr->section != SW_SECTION_ADDITIONAL && !strcmp(rr->owner, zone))
			n += sw_record_name(v[n], rr->rdata, rr->len) == SW_OK;
	}
	qsort(v, n, SW_DNS_NAME_MAX, by_text);
	dst[0] = '\0';
	for (size_t i = 0; i < n && at < SET_LEN; i++)
		at += (size_t)snprintf(dst + at, SET_LEN - at, "%s%s", i ? ", " : "", v[i]);
	return n > 0;
}

static bool listed(const struct sw_check *c, const struct sw_addr *a)
{
	const struct sw_check_options *o = sw_check_options(c);

	for (size_t i = 0; i < o->n_allowed; i++)
		if (sw_prefix_has(&o->allowed[i], a))
			return true;
	return false;
}

/* A server that --dns names with a port is asked at that port. False: an address that nobody's name server is at. */
static bool may_ask(const struct sw_check *c, struct sw_addr *a)
{
	struct sw_addr given[SW_DNSCHECK_SERVERS];
	size_t n = sw_dnscheck_resolvers(c, given);

	sw_addr_set_port(a, 53);
	for (size_t i = 0; i < n; i++)
		if (sw_addr_same_host(&given[i], a)) {
			sw_addr_set_port(a, sw_addr_port(&given[i]));
			return true;
		}
	if (sw_addr_is_any(a) || sw_addr_is_multicast(a) || sw_addr_is_reserved(a))
		return false;
	return listed(c, a) || (!sw_addr_is_loopback(a) && !sw_addr_is_link_local(a));
}

static void add_server(struct authorities *z, const char *name, struct sw_addr addr)
{
	char text[SW_ADDR_STRLEN], found[160];
	struct server *s = &z->v[z->n];

	if (z->n == SW_DNSCHECK_AUTHORITIES)
		return;
	if (!may_ask(z->c, &addr)) {
		z->faulty = true;
		if (z->quiet)
			return;
		snprintf(found, sizeof(found), "%s", sw_addr_host_text(&addr, text));
		sw_check_report(z->c, SW_F_DNS_SERVER_ADDRESS, SW_CHECK_FAIL, name, "an address others can reach", found);
		return;
	}
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->addr = addr;
	snprintf(s->subject, sizeof(s->subject), "%s [%s]", name, sw_addr_host_text(&addr, text));
	z->n++;
}

static void resolve_server(struct authorities *z, const char *name)
{
	static const struct {
		int family;
		uint16_t type;
	} families[] = { { AF_INET, SW_DNS_A }, { AF_INET6, SW_DNS_AAAA } };
	int family = sw_check_options(z->c)->family;
	struct sw_addr addr[PER_NAME];
	char why[200] = "";
	bool known = true;
	size_t got = 0;

	for (size_t f = 0; f < 2; f++) {
		struct sw_lookup *l = NULL;
		size_t n = 0;

		if (family != AF_UNSPEC && family != families[f].family)
			continue;
		if (sw_dnscheck_ask(z->c, name, families[f].type, false, &l))
			n = sw_dnscheck_addresses(l, name, families[f].type, addr, PER_NAME);
		else
			known = false;
		if (n == 0)
			sw_dnscheck_why(l, why);
		sw_lookup_free(l);
		for (size_t i = 0; i < n; i++)
			add_server(z, name, addr[i]);
		got += n;
	}
	if (got)
		return;
	z->faulty = true;
	if (!z->quiet)
		sw_check_report(z->c, SW_F_DNS_SERVER_ADDRESS, !known ? SW_CHECK_UNKNOWN : family == AF_UNSPEC ? SW_CHECK_FAIL : SW_CHECK_SKIP, name, "an address", why);
}

static bool not_found(struct authorities *z, const char *subject, const char *why)
{
	if (!z->quiet)
		sw_check_report(z->c, SW_F_DNS_SERVERS, SW_CHECK_UNKNOWN, subject, "the zone's name servers", why);
	return false;
}

static bool find_servers(struct authorities *z)
{
	const struct sw_lookup_rr *rr = NULL;
	struct sw_lookup *l = NULL;
	char why[200], name[SW_DNS_NAME_MAX];
	size_t n = 0, max = z->quiet ? PARENTS : NAMES;

	if (!sw_dnscheck_zone(z->c, z->domain, z->zone, why))
		return not_found(z, z->domain, why);
	if (!sw_dnscheck_ask(z->c, z->zone, SW_RR_NS, false, &l) || !sw_lookup_next(l, z->zone, SW_RR_NS, NULL)) {
		sw_dnscheck_why(l, why);
		sw_lookup_free(l);
		return not_found(z, z->zone, why);
	}
	(void)ns_text(l, z->zone, z->ns);
	while (n++ < max && (rr = sw_lookup_next(l, z->zone, SW_RR_NS, rr)))
		if (sw_record_name(name, rr->rdata, rr->len) == SW_OK && *name)
			resolve_server(z, name);
	sw_lookup_free(l);
	return true;
}

/* --- one server --- */

static struct sw_lookup *ask(struct authorities *z, const struct server *s, const char *name, uint16_t type, bool edns, bool tcp)
{
	uint64_t left = sw_check_left(z->c);
	struct sw_lookup_question q = {
		.name = name,
		.type = type,
		.server = s->addr,
		.tcp = tcp,
		.udp_size = edns ? SW_WIRE_UDP_SIZE : 0,
		.ms = left < SERVER_MS ? left : SERVER_MS,
		.stop_fd = sw_check_stop_fd(z->c),
	};
	struct sw_lookup *l = NULL;

	return sw_lookup(&l, &q) == SW_OK ? l : NULL;
}

static void report_silent(struct authorities *z, const struct server *s, const struct sw_lookup *l)
{
	/* No route from here says nothing of the server. */
	bool unknown = l->end == SW_LOOKUP_STOPPED || l->error == ENETUNREACH || l->error == EADDRNOTAVAIL || l->error == EAFNOSUPPORT ||
		       sw_check_left(z->c) == 0;
	struct sw_finding *f;

	z->faulty = true;
	f = sw_check_report(z->c, SW_F_DNS_SERVER_SILENT, unknown ? SW_CHECK_UNKNOWN : SW_CHECK_FAIL, s->subject, "an answer", l->detail);
	if (unknown && l->error && sw_addr_family(&s->addr) == AF_INET6)
		sw_finding_set_fix(z->c, f, "Check from a machine with IPv6, or leave it out: sipward check -4 ...");
}

/* Why its answer to the zone's SOA is none of a server that is authoritative for it; NULL: it is one. */
static const char *lame(const struct authorities *z, const struct sw_lookup *l, uint32_t *serial, char why[120])
{
	const struct sw_lookup_rr *rr = sw_lookup_next(l, z->zone, SW_RR_SOA, NULL);
	struct sw_soa soa;

	if (l->rcode) {
		snprintf(why, 120, "%s", sw_rcode_text(l->rcode));
		return why;
	}
	if (!rr || sw_record_soa(&soa, rr->rdata, rr->len) < 0)
		return "it does not know the zone: the answer has no SOA";
	if (!l->aa)
		return "the answer is not authoritative: it comes from somewhere else, or from a cache";
	*serial = soa.serial;
	return NULL;
}

static void judge_edns(struct authorities *z, struct server *s, const struct sw_lookup *with, bool silent_with)
{
	s->udp_size = with->udp_size;
	if (!silent_with && with->edns)
		return;
	z->faulty = true;
	sw_check_report(z->c, SW_F_DNS_SERVER_EDNS, silent_with ? SW_CHECK_FAIL : SW_CHECK_WARN, s->subject, "EDNS",
			silent_with           ? "it answers a question without EDNS, and drops one with"
			: with->edns_refused  ? "it refuses EDNS"
					      : "it leaves EDNS out of its answer");
}

static void judge_tcp(struct authorities *z, const struct server *s)
{
	struct sw_lookup *l = ask(z, s, z->zone, SW_RR_SOA, true, true);

	if (l && l->end != SW_LOOKUP_ANSWERED) {
		z->faulty = true;
		sw_check_report(z->c, SW_F_DNS_SERVER_TCP, l->end == SW_LOOKUP_STOPPED || sw_check_left(z->c) == 0 ? SW_CHECK_UNKNOWN : SW_CHECK_FAIL,
				s->subject, "the same over TCP", l->detail);
	}
	sw_lookup_free(l);
}

void sw_dnscheck_srv_text(const struct sw_lookup *l, const char *owner, char *dst, size_t size)
{
	struct sw_srv_target v[SW_DNS_SRV_MAX];
	unsigned malformed;
	size_t n = sw_dnscheck_srv(l, owner, v, &malformed), at = 0;

	snprintf(dst, size, "none");
	for (size_t i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(dst + at, size - at, "%s%u %u %u %s.", i ? ", " : "", v[i].priority, v[i].weight, v[i].port, v[i].host);
}

static void look_at(struct authorities *z, struct server *s)
{
	struct sw_lookup *l = ask(z, s, z->zone, SW_RR_SOA, true, false), *bare = NULL;
	bool silent = l && l->end == SW_LOOKUP_SILENT;
	char why[120];
	const char *fault;

	if (silent)
		bare = ask(z, s, z->zone, SW_RR_SOA, false, false);
	if (bare && bare->end == SW_LOOKUP_ANSWERED) {
		sw_lookup_free(l);
		l = bare;
		bare = NULL;
	}
	sw_lookup_free(bare);
	if (!l)
		return;
	if (l->end != SW_LOOKUP_ANSWERED) {
		report_silent(z, s, l);
		sw_lookup_free(l);
		return;
	}
	s->ms = l->ms;
	fault = lame(z, l, &s->serial, why);
	if (fault) {
		z->faulty = true;
		sw_check_report(z->c, SW_F_DNS_SERVER_LAME, SW_CHECK_FAIL, s->subject, "an authoritative answer for the zone", fault);
	} else {
		s->good = true;
		judge_edns(z, s, l, silent);
		judge_tcp(z, s);
	}
	sw_lookup_free(l);
	l = s->good ? ask(z, s, z->owner, SW_DNS_SRV, !silent, false) : NULL;
	/* An answer that is a referral says nothing of the records: the name is in a zone below. */
	if (l && sw_lookup_known(l) && l->aa) {
		s->asked = true;
		sw_dnscheck_srv_text(l, z->owner, s->set, sizeof(s->set));
	}
	sw_lookup_free(l);
}

/* --- all of them --- */

static void judge_serials(struct authorities *z)
{
	const struct server *newest = NULL;
	struct sw_finding *f;
	char found[200];

	for (size_t i = 0; i < z->n; i++)
		if (z->v[i].good && (!newest || (int32_t)(z->v[i].serial - newest->serial) > 0))   /* RFC 1982 */
			newest = &z->v[i];
	for (size_t i = 0; newest && i < z->n; i++) {
		const struct server *s = &z->v[i];

		if (!s->good || s->serial == newest->serial)
			continue;
		z->faulty = true;
		snprintf(found, sizeof(found), "serial %u, %u behind", s->serial, newest->serial - s->serial);
		f = sw_check_report(z->c, SW_F_DNS_SERVER_SERIAL, SW_CHECK_WARN, s->subject, "the zone's newest version", found);
		sw_finding_add(z->c, f, "newest", "%u at %s", newest->serial, newest->subject);
		sw_finding_add(z->c, f, "records", "%s", strcmp(s->set, newest->set) ? "other ones than the newest has" : "the same as the newest has");
	}
}

static const struct server *first(const struct authorities *z)
{
	for (size_t i = 0; i < z->n; i++)
		if (z->v[i].asked)
			return &z->v[i];
	return NULL;
}

static void judge_sets(struct authorities *z)
{
	const struct server *one = first(z);
	struct sw_finding *f;

	for (size_t i = 0; one && i < z->n; i++) {
		const struct server *s = &z->v[i];

		if (!s->asked || !strcmp(s->set, one->set))
			continue;
		z->faulty = true;
		f = sw_check_report(z->c, SW_F_DNS_SERVER_DIFFERS, SW_CHECK_FAIL, s->subject, one->set, s->set);
		sw_finding_add(z->c, f, "compared_with", "%s", one->subject);
	}
}

static void report_all(struct authorities *z)
{
	char found[100];
	size_t good = 0;
	struct sw_finding *f;

	for (size_t i = 0; i < z->n; i++)
		good += z->v[i].good;
	if (z->faulty || good == 0) {
		if (!z->faulty)
			sw_check_report(z->c, SW_F_DNS_SERVERS, SW_CHECK_UNKNOWN, z->zone, "the zone's name servers", "none could be asked");
		return;
	}
	snprintf(found, sizeof(found), "%zu server%s, serial %u%s", good, good == 1 ? "" : "s", z->v[0].serial, good == 1 ? "" : " at each");
	f = sw_check_report(z->c, SW_F_DNS_SERVERS, SW_CHECK_PASS, z->zone, "the zone's name servers, all alike", found);
	for (size_t i = 0; i < z->n; i++)
		sw_finding_add(z->c, f, "server", "%s: serial %u, EDNS %u, %llu ms", z->v[i].subject, z->v[i].serial, z->v[i].udp_size,
			       (unsigned long long)z->v[i].ms);
}

/* --- the parent's idea of them --- */

/* The first of the parent's servers that says where the zone is. */
static struct sw_lookup *ask_parent(struct authorities *z, const char *parent, struct server *s)
{
	struct authorities up = { .c = z->c, .domain = parent, .v = calloc(SW_DNSCHECK_AUTHORITIES + 1, sizeof(*up.v)), .quiet = true };
	struct sw_lookup *l = NULL;
	char text[SET_LEN];

	if (up.v && find_servers(&up))
		for (size_t i = 0; i < up.n && i < PARENTS && !sw_check_stopped(z->c); i++) {
			l = ask(z, &up.v[i], z->zone, SW_RR_NS, true, false);
			if (l && sw_lookup_known(l) && ns_text(l, z->zone, text)) {
				*s = up.v[i];
				break;
			}
			sw_lookup_free(l);
			l = NULL;
		}
	free(up.v);
	return l;
}

static void judge_delegation(struct authorities *z)
{
	const char *dot = strchr(z->zone, '.');
	char theirs[SET_LEN];
	struct server s = { 0 };
	struct sw_lookup *l = dot ? ask_parent(z, dot + 1, &s) : NULL;
	struct sw_finding *f;

	if (!l) {
		sw_check_report(z->c, SW_F_DNS_DELEGATION, SW_CHECK_SKIP, z->zone, NULL, "the parent's servers could not be asked");
		return;
	}
	(void)ns_text(l, z->zone, theirs);
	f = sw_check_report(z->c, SW_F_DNS_DELEGATION, strcmp(z->ns, theirs) ? SW_CHECK_WARN : SW_CHECK_PASS, z->zone, z->ns, theirs);
	sw_finding_add(z->c, f, "parent", "%s", s.subject);
	sw_lookup_free(l);
}

/* --- what they say, and what the run's own resolver says --- */

static void address_text(const struct sw_lookup *l, const char *name, uint16_t type, char dst[SET_LEN])
{
	struct sw_addr v[16];
	size_t n = sw_dnscheck_addresses(l, name, type, v, 16), at = 0;
	char text[16][SW_ADDR_STRLEN];

	for (size_t i = 0; i < n; i++)
		sw_addr_host_text(&v[i], text[i]);
	qsort(text, n, SW_ADDR_STRLEN, by_text);
	snprintf(dst, SET_LEN, "none");
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(dst + at, SET_LEN - at, "%s%s", i ? ", " : "", text[i]);
}

static bool compare(struct authorities *z, const struct server *s, const char *what, const char *inside, const char *outside)
{
	struct sw_finding *f;

	if (!strcmp(inside, outside))
		return true;
	f = sw_check_report(z->c, SW_F_DNS_HORIZON, SW_CHECK_WARN, what, outside, inside);
	sw_finding_add(z->c, f, "authoritative", "%s", s->subject);
	return false;
}

static bool compare_addresses(struct authorities *z, const struct server *s, const struct sw_srv_target *t)
{
	static const uint16_t types[] = { SW_DNS_A, SW_DNS_AAAA };
	static const int families[] = { AF_INET, AF_INET6 };
	int family = sw_check_options(z->c)->family;
	char inside[SET_LEN], outside[SET_LEN], what[SW_DNS_NAME_MAX + 8];
	bool same = true;

	for (size_t i = 0; i < 2; i++) {
		struct sw_lookup *in = NULL, *out = NULL;

		if (family != AF_UNSPEC && family != families[i])
			continue;
		if (sw_dnscheck_ask(z->c, t->host, types[i], false, &in))
			out = ask(z, s, t->host, types[i], true, false);
		if (out && sw_lookup_known(out) && out->aa) {
			address_text(in, t->host, types[i], inside);
			address_text(out, t->host, types[i], outside);
			snprintf(what, sizeof(what), "%s %s", t->host, i ? "AAAA" : "A");
			same = compare(z, s, what, inside, outside) && same;
		}
		sw_lookup_free(in);
		sw_lookup_free(out);
	}
	return same;
}

static void judge_horizon(struct authorities *z)
{
	const struct server *s = first(z);
	struct sw_srv_target v[SW_DNS_SRV_MAX];
	struct sw_lookup *l = NULL;
	char inside[SET_LEN];
	unsigned malformed;
	bool same;

	if (!s || !sw_dnscheck_ask(z->c, z->owner, SW_DNS_SRV, false, &l)) {
		sw_lookup_free(l);
		return;   /* told: by dns.servers, by dns.srv */
	}
	sw_dnscheck_srv_text(l, z->owner, inside, sizeof(inside));
	same = compare(z, s, z->owner, inside, s->set);
	for (size_t i = 0, n = sw_dnscheck_srv(l, z->owner, v, &malformed); i < n && !sw_check_stopped(z->c); i++)
		if (v[i].host[0] && sw_wire_name_within(v[i].host, z->zone) && (i == 0 || strcmp(v[i].host, v[i - 1].host) != 0))
			same = compare_addresses(z, s, &v[i]) && same;
	if (same)
		sw_check_report(z->c, SW_F_DNS_HORIZON, SW_CHECK_PASS, z->domain, "the same from our resolver as from the zone's servers", "the same");
	sw_lookup_free(l);
}

void sw_dnscheck_authorities(struct sw_check *c, void *arg)
{
	struct authorities z = { .c = c, .domain = arg };

	snprintf(z.owner, sizeof(z.owner), "%s.%s", sw_dnscheck_label(c, z.domain), z.domain);
	z.v = calloc(SW_DNSCHECK_AUTHORITIES + 1, sizeof(*z.v));
	if (!z.v)
		return;
	if (find_servers(&z)) {
		for (size_t i = 0; i < z.n && !sw_check_stopped(c); i++)
			look_at(&z, &z.v[i]);
		judge_serials(&z);
		judge_sets(&z);
		report_all(&z);
		judge_horizon(&z);
		judge_delegation(&z);
	}
	free(z.v);
}
