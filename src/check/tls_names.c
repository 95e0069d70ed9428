/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a certificate against the SIP domain, by the daemon's own comparison in each of its modes. */
#include "check/tls.h"

#include <stdio.h>
#include <string.h>

#include "tls/ocsp.h"
#include "zone/prove.h"

static const enum sw_match_mode modes[] = { SW_MATCH_RFC5922, SW_MATCH_EXPRESSWAY, SW_MATCH_RFC9525, SW_MATCH_TEAMS };

/* What each mode would say, so that the reader sees which zone setting takes this peer. */
static void add_modes(struct sw_tls_case *t, struct sw_finding *f, const char *reference)
{
	const struct sw_identity *id = t->facts[0]->id;
	struct sw_match m;
	char names[400];

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		enum sw_reason r = sw_match_name(id, reference, modes[i], true, &m);

		if (r == SW_R_OK)
			sw_finding_add(t->c, f, "mode", "%s: takes %s:%s%s", sw_match_mode_name(modes[i]),
				       sw_name_type_name(m.name->type), m.name->value,
				       m.wildcard ? " (with allow_wildcard)" : "");
		else
			sw_finding_add(t->c, f, "mode", "%s: %s", sw_match_mode_name(modes[i]), sw_reason_text(r));
	}
	sw_finding_add(t->c, f, "names", "%s", sw_identity_names_text(id, names, sizeof(names)));
}

/* The provider's own hosts carry the provider's names, whatever domain led there. */
static bool is_providers(const struct sw_profile *p, const struct sw_identity *id)
{
	for (size_t i = 0; i < id->n_names; i++)
		for (size_t k = 0; id->names[i].host && !id->names[i].malformed && k < p->peer_names.n; k++)
			if (sw_str_glob(sw_str_of(p->peer_names.v[k]), sw_str_of(id->names[i].host), true))
				return true;
	return false;
}

static void report_match(struct sw_tls_case *t, const char *reference, const struct sw_match *m)
{
	struct sw_finding *f;
	char found[400];

	snprintf(found, sizeof(found), "%s:%s", sw_name_type_name(m->name->type), m->name->value);
	f = sw_check_report(t->c, SW_F_TLS_NAME, SW_CHECK_PASS, t->subject, reference, found);
	add_modes(t, f, reference);
	if (!t->facts[0]->id->has_san) {
		f = sw_check_report(t->c, SW_F_TLS_NAME_CN, SW_CHECK_WARN, t->subject, "a subjectAltName",
				    "the common name alone");
		sw_finding_set_fix(t->c, f, "Have the certificate issued again with subjectAltName = DNS:%s", reference);
	}
}

static void report_mismatch(struct sw_tls_case *t, const char *reference, enum sw_match_mode mode, enum sw_reason why)
{
	const struct sw_identity *id = t->facts[0]->id;
	enum sw_finding_id what = SW_F_TLS_NAME;
	struct sw_finding *f;
	char names[300], found[700], expected[300];

	sw_identity_names_text(id, names, sizeof(names));
	snprintf(found, sizeof(found), "%s", names[0] ? names : "no name at all");
	snprintf(expected, sizeof(expected), "%s", reference);
	if (why == SW_R_ID_WILDCARD) {
		what = SW_F_TLS_NAME_WILDCARD;
	} else if (t->e->domain[0] && t->e->host[0] && strcmp(t->e->domain, t->e->host) &&
		   sw_match_name(id, t->e->host, mode, true, NULL) == SW_R_OK) {
		what = SW_F_TLS_NAME_TARGET;
		snprintf(found, sizeof(found), "the name of the SRV target alone: %s", names);
	} else if (why != SW_R_ID_MISMATCH) {
		snprintf(found, sizeof(found), "%s: %s", sw_reason_text(why), names[0] ? names : "no name at all");
	}
	f = sw_check_report(t->c, what, SW_CHECK_FAIL, t->subject, expected, found);
	sw_finding_set_fix(t->c, f, "Have the certificate issued again with subjectAltName = DNS:%s%s%s", reference,
			   t->e->host[0] ? ", DNS:" : "", t->e->host);
	add_modes(t, f, reference);
}

void sw_tls_judge_names(struct sw_tls_case *t)
{
	const struct sw_check_options *o = sw_check_options(t->c);
	const struct sw_conf_zone *zone = sw_check_zone(t->c, t->e);
	enum sw_match_mode mode = zone && zone->match != SW_MATCH_PIN ? zone->match : o->profile->match;
	bool wildcard = zone ? zone->allow_wildcard : o->profile->wildcard;
	const char *reference = sw_tls_reference(t->e);
	const struct sw_identity *id = t->facts[0]->id;
	struct sw_match m;
	enum sw_reason r;

	if (zone && zone->match == SW_MATCH_PIN)
		return; /* the zone goes by the key: told with its verdict */
	if (!reference) {
		sw_check_report(t->c, SW_F_TLS_NAME, SW_CHECK_SKIP, t->subject, NULL,
				"an address was given: there is no name to look for");
		return;
	}
	r = sw_match_name(id, reference, mode, wildcard, &m);
	for (size_t i = 0; zone && r != SW_R_OK && i < zone->names.n; i++)
		r = sw_match_name(id, zone->names.v[i], mode, wildcard, &m);
	if (r == SW_R_OK)
		report_match(t, reference, &m);
	else if (!zone && is_providers(o->profile, id))
		sw_check_report(t->c, SW_F_TLS_NAME, SW_CHECK_PASS, t->subject, reference, "a name of the provider's");
	else
		report_mismatch(t, reference, mode, r);
}

void sw_tls_judge_zone(struct sw_tls_case *t, unsigned depth)
{
	STACK_OF(X509) * rest;
	struct sw_tls_peer peer = { .has_cert = true, .identity = t->facts[0]->id, .leaf = t->p->leaf };
	const char *reference = sw_tls_reference(t->e);
	struct sw_ocsp_result staple;
	struct sw_prove_facts facts;
	struct sw_admission a;
	char found[400], expected[200];
	struct sw_finding *f;

	if (!t->zone)
		return;
	rest = sw_chain_rest(t->p->sent);
	peer.untrusted = rest;
	if (t->zone->conf->ocsp != SW_REVOCATION_OFF) {
		sw_ocsp_judge_staple(&staple, (struct sw_str){ (const char *)t->p->staple, t->p->staple ? t->p->staple_len : 0 }, &t->chain,
				     t->p->leaf, rest, t->trust, sw_check_time(t->c));
		peer.staple = &staple;
	}
	facts = (struct sw_prove_facts){
		.zone = t->zone,
		.trust = t->trust,
		.depth = depth,
		.now = sw_check_time(t->c),
		.peer = &peer,
		.reference = reference ? reference : t->e->host,
		.target_host = t->e->host[0] ? t->e->host : NULL,
	};
	sw_zone_prove_server(&facts, &a);
	sk_X509_free(rest);
	snprintf(expected, sizeof(expected), "zone \"%.120s\" takes this server", t->zone->conf->name);
	if (a.verdict.reason == SW_R_OK)
		snprintf(found, sizeof(found), "taken by %s%s%s",
			 a.match.name ? sw_name_type_name(a.match.name->type) : "its pin", a.match.name ? ":" : "",
			 a.match.name ? a.match.name->value : "");
	else
		snprintf(found, sizeof(found), "%s: %s", sw_reason_id(a.verdict.reason), a.verdict.detail);
	f = sw_check_report(t->c, SW_F_TLS_ZONE, a.verdict.reason == SW_R_OK ? SW_CHECK_PASS : SW_CHECK_FAIL, t->subject,
			    expected, found);
	if (a.verdict.reason != SW_R_OK)
		sw_finding_set_fix(t->c, f, "%s", sw_reason_fix(a.verdict.reason));
}
