/* SPDX-License-Identifier: Apache-2.0 */
#include "zone/request.h"

#include "zone/zone_int.h"

struct speaker {
	const struct sw_zoneset *z;
	const struct sw_zone *zone;
	sw_proved_fn *proved;
	void *proved_arg;
};

static bool is_default(const struct sw_zone *zone)
{
	return zone->conf->kind == SW_ZONE_DEFAULT;
}

bool sw_uri_is_anonymous(const struct sw_uri_facts *uri)
{
	struct sw_str host = uri->host;

	if (uri->scheme != SW_SCHEME_SIP && uri->scheme != SW_SCHEME_SIPS)
		return false;
	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	return sw_str_ieq(host, SW_STR("invalid")) || sw_str_ends_ieq(host, SW_STR(".invalid"));
}

/* --- the second key --- */

static bool proved(const struct speaker *s, const char *domain)
{
	if (!s->proved)
		return false;
	if (s->proved(s->proved_arg, domain))
		return true;
	if (!sw_zoneset_conf(s->z)->ownership.subdomains)
		return false;
	/* parents of two labels and more */
	for (const char *dot = strchr(domain, '.'); dot && strchr(dot + 1, '.'); dot = strchr(dot + 1, '.'))
		if (s->proved(s->proved_arg, dot + 1))
			return true;
	return false;
}

static struct sw_verdict judge_proof(const struct speaker *s, const char *domain)
{
	if (!s->zone->conf->require_proof || proved(s, domain))
		return sw_verdict_make(SW_R_OK, NULL);
	return sw_verdict_make(SW_R_AUTH_UNPROVED, "zone \"%s\" may speak for %s, but its TXT proof does not hold",
			       s->zone->conf->name, domain);
}

static struct sw_verdict judge_domain(const struct speaker *s, const char *domain)
{
	const struct sw_conf_zone *conf = s->zone->conf;
	bool stranger = is_default(s->zone), listed = sw_zone_lists(s->z, s->zone, domain);
	const struct sw_zone *owner;

	if (sw_zoneset_is_local(s->z, domain)) {
		/* That a local domain is ours is the operator's own word: between us and our own side there is nothing to prove.
		 */
		if (!stranger && conf->internal)
			return sw_verdict_make(SW_R_OK, NULL);
		if (!stranger && conf->may_assert_local)
			return judge_proof(s, domain);
		return sw_verdict_make(SW_R_AUTH_LOCAL_DOMAIN, "%s is ours; zone \"%s\" is neither internal nor may_assert_local",
				       domain, conf->name);
	}
	if (listed && !stranger)
		return judge_proof(s, domain);
	owner = sw_zoneset_owner(s->z, domain);
	if (owner)
		return sw_verdict_make(SW_R_AUTH_OWNED_DOMAIN, "%s belongs to zone \"%s\", the peer is in zone \"%s\"", domain,
				       owner->conf->name, conf->name);
	if (listed)
		return judge_proof(s, domain);
	if (stranger && s->zone->n_domains == 0)
		return sw_verdict_make(SW_R_OK, NULL);
	return sw_verdict_make(SW_R_AUTH_FROM_DOMAIN, "%s is not among the %zu domains of zone \"%s\"", domain,
			       s->zone->n_domains, conf->name);
}

static struct sw_verdict judge_host(const struct speaker *s, struct sw_str host)
{
	const struct sw_conf_zone *conf = s->zone->conf;
	int shown = host.n < 80 ? (int)host.n : 80;
	char domain[256];
	struct sw_addr a;

	if (sw_domain_normalize(domain, host) == SW_OK)
		return judge_domain(s, domain);
	if (sw_ip_literal(&a, host) < 0)
		return sw_verdict_make(SW_R_AUTH_FROM_DOMAIN, "\"%.*s\" is neither a domain nor an address", shown,
				       host.p ? host.p : "");
	if (conf->require_proof)
		return sw_verdict_make(SW_R_AUTH_FROM_DOMAIN,
				       "the address %.*s is no domain, and zone \"%s\" requires a proved one", shown, host.p,
				       conf->name);
	return sw_verdict_make(SW_R_OK, NULL);
}

/* May the zone speak for this URI? The table in request.h. */
static struct sw_verdict judge_uri(const struct speaker *s, const struct sw_uri_facts *uri)
{
	const struct sw_conf_zone *conf = s->zone->conf;

	switch (uri->scheme) {
	case SW_SCHEME_SIP:
	case SW_SCHEME_SIPS:
		break;
	case SW_SCHEME_TEL:
		if (conf->allow_tel)
			return sw_verdict_make(SW_R_OK, NULL);
		return sw_verdict_make(SW_R_AUTH_TEL, "a tel: URI from zone \"%s\", which has no allow_tel", conf->name);
	case SW_SCHEME_NONE:
	case SW_SCHEME_OTHER:
		return sw_verdict_make(SW_R_AUTH_FROM_DOMAIN, "a URI that is neither sip, sips nor tel, from zone \"%s\"",
				       conf->name);
	}
	if (!sw_uri_is_anonymous(uri))
		return judge_host(s, uri->host);
	if (conf->allow_anonymous)
		return sw_verdict_make(SW_R_OK, NULL);
	return sw_verdict_make(SW_R_AUTH_ANONYMOUS, "an anonymous caller from zone \"%s\", which has no allow_anonymous",
			       conf->name);
}

/* --- method --- */

static bool judge_method(const struct speaker *s, struct sw_str method, struct sw_verdict *v)
{
	const struct sw_strlist *allowed = &s->zone->conf->methods;

	for (size_t i = 0; i < allowed->n; i++)
		if (sw_str_eq(sw_str_of(allowed->v[i]), method))
			return true;
	if (allowed->n == 0)
		return true;
	*v = sw_verdict_make(SW_R_AUTH_METHOD, "%.*s is not among the methods of zone \"%s\"", method.n < 40 ? (int)method.n : 40,
			     method.p ? method.p : "", s->zone->conf->name);
	return false;
}

static bool judge_refer(const struct speaker *s, struct sw_str method, struct sw_verdict *v)
{
	if (s->zone->conf->refer || !sw_str_eq(method, SW_STR("REFER")))
		return true;
	*v = sw_verdict_make(SW_R_AUTH_REFER, "REFER from zone \"%s\"", s->zone->conf->name);
	return false;
}

static bool judge_from(const struct speaker *s, const struct sw_uri_facts *from, struct sw_verdict *v)
{
	struct sw_verdict judged = judge_uri(s, from);

	if (sw_verdict_ok(&judged))
		return true;
	*v = sw_verdict_make(judged.reason, "From: %s", judged.detail);
	return false;
}

/* --- asserted identities --- */

static const char *claim_name(const struct sw_asserted *a)
{
	switch (a->header) {
	case SW_CLAIM_PAI:
		return "P-Asserted-Identity";
	case SW_CLAIM_PPI:
		return "P-Preferred-Identity";
	case SW_CLAIM_RPID:
		return "Remote-Party-ID";
	case SW_CLAIM_DIVERSION:
		return "Diversion";
	case SW_CLAIM_REFERRED_BY:
		return "Referred-By";
	case SW_CLAIM_HISTORY:
		return "History-Info";
	}
	return "asserted identity";
}

/* The first claim the zone may not make, if any. */
static bool foreign_claim(const struct speaker *s, const struct sw_request_facts *f, struct sw_verdict *v)
{
	for (size_t i = 0; i < f->n_asserted && i < SW_ASSERTED_MAX; i++) {
		struct sw_verdict judged = judge_uri(s, &f->asserted[i].uri);

		if (sw_verdict_ok(&judged))
			continue;
		*v = sw_verdict_make(SW_R_AUTH_ASSERTED, "%s: %s", claim_name(&f->asserted[i]), judged.detail);
		return true;
	}
	if (!f->asserted_more && f->n_asserted <= SW_ASSERTED_MAX)
		return false;
	*v = sw_verdict_make(SW_R_AUTH_ASSERTED, "more than %d asserted identities, or one that does not parse", SW_ASSERTED_MAX);
	return true;
}

static bool judge_claims(const struct speaker *s, const struct sw_request_facts *f, struct sw_authority *out)
{
	const struct sw_conf_zone *conf = s->zone->conf;
	bool trusted = conf->trusted_identity && !is_default(s->zone);
	struct sw_verdict v;

	out->strip_asserted = !trusted;
	if (!foreign_claim(s, f, &v))
		return true;
	out->strip_asserted = true;
	if (conf->asserted != SW_ASSERTED_REJECT)
		return true;
	out->verdict = v;
	return false;
}

/* --- display name --- */

static bool proved_domain(void *arg, const char *domain)
{
	return proved(arg, domain);
}

static bool judge_display(const struct speaker *s, const struct sw_request_facts *f, struct sw_authority *out)
{
	enum sw_on_display policy = s->zone->conf->display;
	char domain[256], seen[100];

	if (policy == SW_DISPLAY_PASS || f->from_display.n == 0)
		return true;
	if (f->from.scheme == SW_SCHEME_TEL || sw_domain_normalize(domain, f->from.host) < 0)
		domain[0] = '\0';
	if (!sw_display_foreign(s->z, f->from_display, domain, proved_domain, (void *)s, seen, sizeof(seen)))
		return true;
	if (policy == SW_DISPLAY_REJECT) {
		out->verdict = sw_verdict_make(SW_R_AUTH_DISPLAY, "From's display name shows \"%s\", From is of %s", seen,
					       domain[0] ? domain : "no domain");
		return false;
	}
	out->rewrite_display = true;
	sw_display_rewrite(out->display, sizeof(out->display), &f->from);
	return true;
}

void sw_zone_authorize(const struct sw_zoneset *z, const struct sw_zone *zone, const struct sw_request_facts *f,
		       sw_proved_fn *proved_fn, void *proved_arg, struct sw_authority *out)
{
	struct speaker s = { z, zone, proved_fn, proved_arg };

	*out = (struct sw_authority){ .strip_asserted = true };
	if (judge_method(&s, f->method, &out->verdict) && judge_refer(&s, f->method, &out->verdict) &&
	    judge_from(&s, &f->from, &out->verdict) && judge_claims(&s, f, out) && judge_display(&s, f, out))
		out->verdict = sw_verdict_make(SW_R_OK, NULL);
}

void sw_zone_authorize_in_dialog(const struct sw_zoneset *z, const struct sw_zone *zone, const struct sw_request_facts *f,
				 sw_proved_fn *proved_fn, void *proved_arg, struct sw_authority *out)
{
	struct speaker s = { z, zone, proved_fn, proved_arg };

	*out = (struct sw_authority){ .strip_asserted = true };
	if (judge_refer(&s, f->method, &out->verdict) && judge_claims(&s, f, out) && judge_display(&s, f, out))
		out->verdict = sw_verdict_make(SW_R_OK, NULL);
}
