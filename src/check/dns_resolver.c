/* SPDX-License-Identifier: Apache-2.0 */
/* The run's own resolvers: each answers, over UDP and over TCP. Without them nothing else is known, and the report has to say so. */
#include "check/dns.h"

#include <stdio.h>
#include "check/check_int.h"
#include "dns/wire.h"

struct resolver {
	struct sw_addr addr;
	bool udp, tcp;
	char why_udp[160], why_tcp[160];
	uint64_t ms;
};

/* Any answer will do: which questions it takes is for those that ask them. */
static bool answers(struct sw_check *c, const struct sw_addr *server, bool tcp, char why[160], uint64_t *ms)
{
	struct sw_lookup_question q = {
		.name = "",
		.type = SW_RR_NS,
		.server = *server,
		.recurse = true,
		.tcp = tcp,
		.udp_only = !tcp,
		.udp_size = SW_WIRE_UDP_SIZE,
		.ms = sw_check_left(c),
		.stop_fd = sw_check_stop_fd(c),
	};
	struct sw_lookup *l = NULL;
	bool good;

	if (sw_lookup(&l, &q) < 0)
		return false;
	good = l->end == SW_LOOKUP_ANSWERED;
	snprintf(why, 160, "%s", l->detail);
	*ms = l->ms;
	sw_lookup_free(l);
	return good;
}

static void report(struct sw_check *c, const struct resolver *r, bool another)
{
	char addr[SW_ADDR_STRLEN];
	const char *subject = sw_addr_text(&r->addr, addr);
	struct sw_finding *f;

	if (sw_check_stopped(c))
		sw_check_report(c, SW_F_DNS_RESOLVER, SW_CHECK_UNKNOWN, subject, "answers over UDP and TCP", "the run ended before an answer");
	else if (!r->udp)
		sw_check_report(c, SW_F_DNS_RESOLVER, another ? SW_CHECK_WARN : SW_CHECK_UNKNOWN, subject, "answers over UDP and TCP", r->why_udp);
	else if (!r->tcp)
		sw_check_report(c, SW_F_DNS_RESOLVER, SW_CHECK_WARN, subject, "answers over UDP and TCP", r->why_tcp);
	else {
		f = sw_check_report(c, SW_F_DNS_RESOLVER, SW_CHECK_PASS, subject, "answers over UDP and TCP", "both");
		sw_finding_took(f, r->ms ? r->ms : 1);
	}
}

static void probe(struct sw_check *c, void *arg)
{
	struct sw_addr servers[SW_DNSCHECK_SERVERS];
	struct resolver v[SW_DNSCHECK_SERVERS] = { 0 };
	size_t n = sw_dnscheck_resolvers(c, servers);
	bool any = false;
	uint64_t ms;

	(void)arg;
	for (size_t i = 0; i < n; i++) {
		v[i].addr = servers[i];
		v[i].udp = answers(c, &servers[i], false, v[i].why_udp, &v[i].ms);
		v[i].tcp = v[i].udp && answers(c, &servers[i], true, v[i].why_tcp, &ms);
		any = any || v[i].udp;
	}
	for (size_t i = 0; i < n; i++)
		report(c, &v[i], any);
}

void sw_dnscheck_resolvers_probe(struct sw_check *c)
{
	(void)sw_check_spawn_once(c, SW_STAGE_DNS, "resolvers", probe, NULL, NULL);
}
