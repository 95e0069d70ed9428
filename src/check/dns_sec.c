/* SPDX-License-Identifier: Apache-2.0 */
/* DNSSEC: the state of what a caller follows, judged here from the trust anchor down, and for how long it holds. */
#include "check/dns.h"
#include "core/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ANCHORS_MAX = 64 << 10, DAY = 86400, SHORT = 4 * DAY };

static bool fetch(void *arg, const char *name, uint16_t type, struct sw_lookup **out)
{
	struct sw_dnscheck_secure *s = arg;

	if (!s->held || type != s->type || strcmp(name, s->name) != 0)
		return sw_dnscheck_ask(s->c, name, type, true, out);
	*out = sw_lookup_ref(s->held);
	return sw_lookup_known(s->held);
}

/* --- the anchor, and a judge that begins at it --- */

static char *read_text(const char *path)
{
	char *text = malloc(ANCHORS_MAX + 1);
	FILE *f = fopen(path, "re");
	size_t n = text && f ? fread(text, 1, ANCHORS_MAX, f) : 0;

	if (f)
		fclose(f);
	if (n == 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

int sw_dnscheck_secure_new(struct sw_dnscheck_secure *s, char why[200])
{
	const char *path = sw_check_options(s->c)->trust_anchor;
	char *text = path ? read_text(path) : NULL;
	unsigned line = 0;
	int err = path && !text ? SW_ENOTFOUND : sw_anchors_new(&s->anchors, text, &line);

	free(text);
	if (err == SW_ENOTFOUND)
		snprintf(why, 200, "%.150s can't be read", path);
	else if (err < 0)
		snprintf(why, 200, "%.120s:%u: a DS or DNSKEY record on one line is wanted", path ? path : "", line);
	if (err == SW_OK)
		err = sw_dnssec_new(&s->judge, s->anchors, sw_check_time(s->c), fetch, s);
	if (err < 0)
		sw_dnscheck_secure_free(s);
	return err;
}

void sw_dnscheck_secure_free(struct sw_dnscheck_secure *s)
{
	sw_dnssec_free(s->judge);
	sw_anchors_free(s->anchors);
	s->judge = NULL;
	s->anchors = NULL;
}

/* --- the probe --- */

struct state {
	struct sw_check *c;
	struct sw_dnscheck_secure secure;
	const char *domain;
	char zone[SW_DNS_NAME_MAX];
	struct sw_dnssec_result first;       /* the signature that ends first */
	unsigned sets, bad;
};

/* Zones whose signer makes day-long signatures are always near the end of one: half a day's notice is all they give. */
static bool ends_soon(const struct sw_dnssec_result *r, int64_t now)
{
	int64_t left = r->expires - now, all = r->expires - r->inception;

	return left < (all < SHORT ? all / 8 : DAY);
}

static void report_end(struct state *s)
{
	char at[SW_DATE_LEN];
	struct sw_finding *f;

	if (!s->first.expires || !ends_soon(&s->first, sw_check_time(s->c)))
		return;
	sw_date_time(s->first.expires, at);
	f = sw_check_report(s->c, SW_F_DNS_DNSSEC_EXPIRY, SW_CHECK_WARN, s->zone, "signatures made anew in time", at);
	sw_finding_add(s->c, f, "records", "%s", s->first.expiring);
}

static void take(struct state *s, const char *what, const struct sw_dnssec_result *r)
{
	s->sets++;
	if (r->state == SW_DNSSEC_BOGUS) {
		s->bad++;
		sw_check_report(s->c, SW_F_DNS_DNSSEC, SW_CHECK_FAIL, what, "a chain of signatures that holds", r->detail);
	} else if (r->state == SW_DNSSEC_UNKNOWN) {
		s->bad++;
		sw_check_report(s->c, SW_F_DNS_DNSSEC, SW_CHECK_UNKNOWN, what, "secure, or not signed", r->detail);
	}
	if (r->expires && (!s->first.expires || r->expires < s->first.expires))
		s->first = *r;
}

static void judge_targets(struct state *s, const struct sw_lookup *l, const char *owner)
{
	static const uint16_t types[] = { SW_DNS_A, SW_DNS_AAAA };
	static const int families[] = { AF_INET, AF_INET6 };
	int family = sw_check_options(s->c)->family;
	struct sw_srv_target v[SW_DNS_SRV_MAX];
	struct sw_dnssec_result r;
	unsigned malformed;

	for (size_t i = 0, n = sw_dnscheck_srv(l, owner, v, &malformed); i < n && !sw_check_stopped(s->c); i++)
		for (size_t f = 0; f < 2; f++) {
			if (!v[i].host[0] || (i && !strcmp(v[i].host, v[i - 1].host)) || (family != AF_UNSPEC && family != families[f]))
				continue;
			sw_dnssec_records(s->secure.judge, v[i].host, types[f], &r);
			if (r.exists || r.state == SW_DNSSEC_BOGUS)
				take(s, v[i].host, &r);
		}
}

static void report_state(struct state *s, const struct sw_dnssec_result *zone, bool ad)
{
	const char *anchor = sw_check_options(s->c)->trust_anchor;
	struct sw_finding *f;
	char found[300], at[SW_DATE_LEN];

	switch (zone->state) {
	case SW_DNSSEC_UNSIGNED:
		sw_check_report(s->c, SW_F_DNS_DNSSEC, SW_CHECK_SKIP, s->zone, NULL, zone->detail);
		return;
	case SW_DNSSEC_ISLAND:
		f = sw_check_report(s->c, SW_F_DNS_DNSSEC, SW_CHECK_WARN, s->zone, "a DS record at the parent", zone->detail);
		sw_finding_set_fix(s->c, f, "Hand the DS records of the zone to the registrar, or to whoever runs the parent zone:\ndig %s DNSKEY | dnssec-dsfromkey -f - %s", s->zone,
				   s->zone);
		return;
	case SW_DNSSEC_SECURE:
		break;
	default:
		return;   /* told */
	}
	if (s->bad)
		return;
	snprintf(found, sizeof(found), "secure, validated from %s%.200s", anchor ? "the anchor in " : "the root", anchor ? anchor : "");
	f = sw_check_report(s->c, SW_F_DNS_DNSSEC, SW_CHECK_PASS, s->zone, "secure, or not signed", found);
	sw_date_time(s->first.expires, at);
	sw_finding_add(s->c, f, "holds_until", "%s (%s)", at, s->first.expiring);
	sw_finding_add(s->c, f, "resolver_says_ad", "%s", ad ? "yes; it is not counted as proof" : "no");
}

void sw_dnscheck_dnssec(struct sw_check *c, void *arg)
{
	struct state s = { .c = c, .secure = { .c = c }, .domain = arg };
	struct sw_dnssec_result zone, r;
	struct sw_lookup *l = NULL;
	char owner[SW_DNS_NAME_MAX + 32], why[200];
	bool ad = false;

	if (sw_dnscheck_secure_new(&s.secure, why) < 0) {
		sw_check_report(c, SW_F_DNS_DNSSEC, SW_CHECK_UNKNOWN, s.domain, "a trust anchor", why);
		return;
	}
	snprintf(owner, sizeof(owner), "%s.%s", sw_dnscheck_label(c, s.domain), s.domain);
	if (!sw_dnscheck_zone(c, s.domain, s.zone, why)) {
		sw_check_report(c, SW_F_DNS_DNSSEC, SW_CHECK_UNKNOWN, s.domain, "secure, or not signed", why);
		goto out;
	}
	sw_dnssec_zone(s.secure.judge, s.zone, &zone);
	take(&s, s.zone, &zone);
	/* With a zone that is bogus all below it is: said once. */
	if (zone.state != SW_DNSSEC_BOGUS && zone.state != SW_DNSSEC_UNKNOWN) {
		sw_dnssec_records(s.secure.judge, owner, SW_DNS_SRV, &r);
		if (r.exists || r.state == SW_DNSSEC_BOGUS)
			take(&s, owner, &r);
		if (sw_dnscheck_ask(c, owner, SW_DNS_SRV, true, &l)) {
			ad = l->ad;
			judge_targets(&s, l, owner);
		}
		sw_lookup_free(l);
	}
	report_state(&s, &zone, ad);
	report_end(&s);
out:
	sw_dnscheck_secure_free(&s.secure);
}
