/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "store/proofs.h"
#include "zone/route.h"

/* "sip:user@host:port" as facts; the daemon takes them from the parsed message, here they come from the command line. */
static int uri_facts(struct sw_uri_facts *u, const char *text)
{
	struct sw_str s = sw_str_of(text);
	const char *at;
	struct sw_addr addr;

	*u = (struct sw_uri_facts){ .scheme = SW_SCHEME_SIP };
	if (!strncmp(text, "sips:", 5)) {
		u->scheme = SW_SCHEME_SIPS;
		s = sw_str_of(text + 5);
	} else if (!strncmp(text, "sip:", 4)) {
		s = sw_str_of(text + 4);
	} else if (!strncmp(text, "tel:", 4)) {
		u->scheme = SW_SCHEME_TEL;
		u->user = sw_str_of(text + 4);
		return SW_OK;
	}
	at = s.n ? memchr(s.p, '@', s.n) : NULL;
	if (at) {
		u->user = (struct sw_str){ s.p, (size_t)(at - s.p) };
		s = sw_str_of(at + 1);
	}
	u->host = s;
	if (sw_addr_parse(&addr, s, 0) < 0 && s.n) {
		const char *colon = memchr(s.p, ':', s.n);
		uint32_t port;

		if (colon) {
			if (sw_str_u32(sw_str_of(colon + 1), 65535, &port) < 0)
				return SW_EPARSE;
			u->host.n = (size_t)(colon - s.p);
			u->port = (uint16_t)port;
		}
	}
	return u->host.n ? SW_OK : SW_EPARSE;
}

struct proofs {
	struct sw_store *store;
};

static bool proved(void *arg, const char *domain)
{
	struct proofs *p = arg;
	struct sw_proof proof;

	return p->store && sw_store_proof_get(p->store, domain, &proof) == SW_OK && sw_proof_holds(&proof);
}

static int explain(const struct sw_zoneset *zones, const struct sw_zone *source, struct sw_request_facts *f, struct proofs *proofs,
		   bool with_caller)
{
	struct sw_authority authority = { 0 };
	struct sw_route route = { 0 };
	struct sw_buf out;

	if (with_caller) {
		sw_zone_authorize(zones, source, f, proved, proofs, &authority);
		printf("authority: %s %s\n", sw_reason_id(authority.verdict.reason), authority.verdict.detail);
	}
	sw_zone_route(zones, source, f, &route);
	sw_buf_init(&out, 0);
	sw_zone_route_explain(zones, source, f, &out);
	sw_cli_print(&out);
	sw_buf_free(&out);
	if (sw_verdict_ok(&route.verdict))
		printf("route: to zone \"%s\" by rule \"%s\"\n", route.zone->conf->name, route.rule->name);
	else
		printf("route: refused, %s %s\n  %s\n", sw_reason_id(route.verdict.reason), route.verdict.detail, sw_reason_fix(route.verdict.reason));
	return sw_verdict_ok(&route.verdict) && (!with_caller || sw_verdict_ok(&authority.verdict)) ? SW_EXIT_OK : SW_EXIT_REFUSED;
}

static const char usage[] = "usage: sipward route --from ZONE [--caller URI] [--method METHOD] URI\n";

int sw_cli_route(struct sw_cli *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "from", required_argument, NULL, 'f' }, { "caller", required_argument, NULL, 'c' }, { "method", required_argument, NULL, 'm' }, { 0 },
	};
	const char *from = NULL, *caller = NULL, *method = "INVITE";
	struct sw_request_facts facts = { 0 };
	struct sw_zoneset *zones = NULL;
	struct proofs proofs = { 0 };
	struct sw_conf *conf = NULL;
	struct sw_diag diag;
	char db[4096];
	int o, result;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'f')
			from = optarg;
		else if (o == 'c')
			caller = optarg;
		else if (o == 'm')
			method = optarg;
		else
			return SW_EXIT_USAGE;
	}
	if (!from || optind != argc - 1 || uri_facts(&facts.ruri, argv[optind]) < 0 || (caller && uri_facts(&facts.from, caller) < 0)) {
		fputs(usage, stderr);
		return SW_EXIT_USAGE;
	}
	facts.to = facts.ruri;
	facts.method = sw_str_of(method);
	result = sw_cli_conf(c, &conf);
	if (result != SW_EXIT_OK)
		return result;
	sw_diag_init(&diag);
	if (sw_zoneset_new(&zones, conf, &diag) < 0 || !sw_zoneset_find(zones, from)) {
		fprintf(stderr, "sipward: %s\n", zones ? "no such zone" : "the zones can't be used: sipwardd --check tells why");
		result = zones ? SW_EXIT_USAGE : SW_EXIT_CONFIG;
	} else {
		snprintf(db, sizeof(db), "%s/sipward.db", conf->state_dir);
		if (sw_store_open(&proofs.store, db, NULL) < 0)
			fprintf(stderr, "sipward: %s can't be read: no domain counts as proved\n", db);
		result = explain(zones, sw_zoneset_find(zones, from), &facts, &proofs, caller != NULL);
		sw_store_close(proofs.store);
	}
	sw_diag_free(&diag);
	sw_zoneset_unref(zones);
	sw_conf_unref(conf);
	return result;
}
