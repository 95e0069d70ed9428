/* SPDX-License-Identifier: Apache-2.0 */
/* Our own certificates, from files: will the others take them? */
#include "check/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "zone/match.h"

enum { DAY = 86400, SOON_DAYS = 30, RSA_BITS_MIN = 2048 };

struct own {
	struct sw_conf_cert set; /* borrowed from the options */
	bool server, client;     /* roles it is used in */
	const char *host;        /* the listener's, or NULL */
	char what[160];          /* "listener \"b2b\"" */
};

struct own_case {
	struct sw_check *c;
	const struct own *own;
	const struct sw_profile *profile;
	STACK_OF(X509) * chain;
	struct sw_cert_facts *leaf;
	struct sw_chain_shape shape;
};

static void report(struct own_case *t, enum sw_finding_id id, enum sw_check_status status, const char *expected,
		   const char *found)
{
	sw_check_report(t->c, id, status, t->own->what, expected, found);
}

/* --- keys --- */

static void judge_keys(struct own_case *t)
{
	const struct sw_identity *id = t->leaf->id;
	int least = t->profile->rsa_min > RSA_BITS_MIN ? (int)t->profile->rsa_min : RSA_BITS_MIN,
	    wanted = (int)t->profile->rsa_wanted;
	bool rsa = !strncmp(id->key_type, "RSA", 3);
	struct sw_diag diag;
	char found[300], expected[80];

	snprintf(found, sizeof(found), "%s, %d bits", id->key_type, id->key_bits);
	snprintf(expected, sizeof(expected), "RSA with %d bits at least, or EC", wanted > least ? wanted : least);
	if (rsa && id->key_bits < RSA_BITS_MIN) {
		report(t, SW_F_OWN_RSA, SW_CHECK_FAIL, expected, found);
		return;
	}
	sw_tls_report_profile(t->c, SW_F_OWN_RSA,
			      rsa && id->key_bits < least    ? SW_CHECK_FAIL
			      : rsa && id->key_bits < wanted ? SW_CHECK_WARN
							     : SW_CHECK_PASS,
			      t->own->what, expected, found);
	sw_diag_init(&diag);
	if (sw_chain_key_fits(&t->own->set, &diag) < 0) {
		snprintf(found, sizeof(found), "the key can't be used");
		for (size_t i = 0; i < diag.n; i++)
			if (diag.entries[i].level == SW_DIAG_ERROR)
				snprintf(found, sizeof(found), "%.120s: %.170s", diag.entries[i].file ? diag.entries[i].file : "",
					 diag.entries[i].text);
		report(t, SW_F_OWN_KEY, SW_CHECK_FAIL, "the certificate's key", found);
	} else {
		report(t, SW_F_OWN_KEY, SW_CHECK_PASS, "the certificate's key", "it fits");
	}
	sw_diag_free(&diag);
}

/* --- chain --- */

static bool is_public(struct own_case *t, const struct sw_trust *system)
{
	const struct sw_chain_policy policy = {
		.role = SW_TLS_PEER_IS_SERVER, .eku = SW_EKU_ANY, .depth = 4, .now = sw_check_time(t->c)
	};
	STACK_OF(X509) * rest;
	struct sw_chain_result r = { 0 };

	if (!system)
		return false;
	rest = sw_chain_rest(t->chain);
	sw_chain_judge(&r, sk_X509_value(t->chain, 0), rest, system, &policy);
	sk_X509_free(rest);
	return r.reason != SW_R_DENY && r.reason != SW_R_TLS_CHAIN && r.reason != SW_R_TLS_UNKNOWN;
}

static void judge_form(struct own_case *t)
{
	const struct sw_chain_shape *s = &t->shape;
	struct sw_finding *f;
	char found[600];

	if (s->leaf_self_signed) {
		report(t, SW_F_OWN_CHAIN, SW_CHECK_FAIL, "a certificate that a CA vouches for", "it vouches for itself");
	} else if (s->helped || (!s->complete && s->fetch[0])) { /* a list of CAs has it, or the certificate says where it is */
		snprintf(found, sizeof(found), "\"%s\" is missing", s->wants);
		f = sw_check_report(t->c, SW_F_OWN_CHAIN, SW_CHECK_FAIL, t->own->what, "every intermediate up to the root",
				    found);
		if (s->fetch[0])
			sw_finding_set_fix(t->c, f, "curl -s '%s' | openssl x509 -inform DER >>%s", s->fetch,
					   t->own->set.chain ? t->own->set.chain : t->own->set.cert);
	} else if (!s->complete) {
		snprintf(found, sizeof(found), "it ends at \"%s\", which is no CA known here: give --ca", s->wants);
		report(t, SW_F_OWN_CHAIN, SW_CHECK_SKIP, "every intermediate up to the root", found);
	} else if (!s->ordered || s->extra) {
		snprintf(found, sizeof(found), "%s is not where it belongs", s->ordered ? s->extra_one : s->misplaced);
		report(t, SW_F_OWN_CHAIN, SW_CHECK_WARN, "each certificate is followed by its issuer", found);
	} else {
		snprintf(found, sizeof(found), "whole, up to \"%s\"", s->root);
		report(t, SW_F_OWN_CHAIN, SW_CHECK_PASS, "every intermediate up to the root", found);
	}
}

/* --ca or the zone's list is what the others' certificates are judged by: ours may be of one of its CAs, or of a public one. */
static void judge_chain(struct own_case *t)
{
	struct sw_trust *given = NULL, *system = NULL;
	bool is_system, public;
	char name[300];

	if (sw_trust_system(&system, name, NULL) < 0)
		system = NULL;
	if (sw_tls_trust(t->c, sw_check_options(t->c)->zone, &given, name, &is_system) < 0)
		given = NULL;
	public = is_public(t, system);
	sw_chain_shape(&t->shape, t->chain, given);
	if (!t->shape.complete && !t->shape.helped && system)
		sw_chain_shape(&t->shape, t->chain, system);
	judge_form(t);
	sw_trust_free(given);
	sw_trust_free(system);
	if (t->profile->public_ca)
		sw_tls_report_profile(t->c, SW_F_OWN_PUBLIC, public ? SW_CHECK_PASS : SW_CHECK_FAIL, t->own->what,
				      "a certificate of a public CA", public ? "public" : t->leaf->id->issuer);
}

/* --- names --- */

/* With the request to paste. name: what must stand in it, beside our domains; or NULL. */
static void report_name(struct own_case *t, enum sw_finding_id id, enum sw_check_status status, const char *expected, const char *found,
			const char *name)
{
	const struct sw_conf *conf = sw_check_options(t->c)->conf;
	struct sw_finding *f = sw_check_report(t->c, id, status, t->own->what, expected, found);
	const char *first = name ? name : conf && conf->local_domains.n ? conf->local_domains.v[0] : "DOMAIN";
	char san[600];
	size_t n;

	if (status == SW_CHECK_PASS)
		return;
	n = (size_t)snprintf(san, sizeof(san), "DNS:%.255s", first);
	for (size_t i = 0; conf && i < conf->local_domains.n && n + 270 < sizeof(san); i++)
		if (strcmp(first, conf->local_domains.v[i]) != 0)
			n += (size_t)snprintf(san + n, sizeof(san) - n, ",DNS:%.255s", conf->local_domains.v[i]);
	sw_finding_set_fix(t->c, f,
			   "Have it issued again, with each name on its own: openssl req -new -key %s -subj /CN=%s -addext subjectAltName=%s",
			   t->own->set.key, first, san);
}

static void judge_names(struct own_case *t)
{
	const struct sw_identity *id = t->leaf->id;
	const struct sw_check_options *o = sw_check_options(t->c);
	size_t hosts = 0, wild = 0;
	char names[300];

	sw_identity_names_text(id, names, sizeof(names));
	for (size_t i = 0; i < id->n_names; i++) {
		const struct sw_name *n = &id->names[i];
		bool counts = n->host && !n->malformed && (n->type != SW_NAME_CN || !id->has_san);

		hosts += counts;
		wild += counts && n->host[0] == '*';
	}
	if (!id->has_san || !hosts)
		report_name(t, SW_F_OWN_NAME, SW_CHECK_FAIL, "subjectAltName with the domain", names[0] ? names : "no name", NULL);
	else if (wild && !t->profile->wildcard)
		report_name(t, SW_F_OWN_WILDCARD, wild == hosts ? SW_CHECK_FAIL : SW_CHECK_WARN, "no wildcard", names, NULL);
	for (size_t i = 0; t->own->server && id->has_san && hosts && o->conf && i < o->conf->local_domains.n; i++) {
		const char *domain = o->conf->local_domains.v[i];
		bool ok = sw_match_name(id, domain, t->profile->match, t->profile->wildcard, NULL) == SW_R_OK;

		report_name(t, SW_F_OWN_NAME, ok ? SW_CHECK_PASS : SW_CHECK_FAIL, domain, names, domain);
	}
	if (t->own->host && t->profile->contact_fqdn) {
		bool ok = sw_match_name(id, t->own->host, t->profile->match, t->profile->wildcard, NULL) == SW_R_OK;

		report_name(t, SW_F_OWN_CONTACT, ok ? SW_CHECK_PASS : SW_CHECK_FAIL, t->own->host, names, t->own->host);
	}
}

/* --- purposes and dates --- */

static void judge_purposes(struct own_case *t)
{
	unsigned eku = t->leaf->id->eku;

	if (t->own->server)
		report(t, SW_F_OWN_SERVER, eku & (SW_EKU_SERVER | SW_EKU_NONE) ? SW_CHECK_PASS : SW_CHECK_FAIL, "serverAuth",
		       t->leaf->eku[0] ? t->leaf->eku : "any");
	if (!t->own->client || (!t->profile->mutual && eku & SW_EKU_SERVER))
		return;
	report(t, SW_F_OWN_CLIENT,
	       eku & (SW_EKU_CLIENT | SW_EKU_NONE)                          ? SW_CHECK_PASS
	       : t->profile->eku == SW_EKU_STRICT || !(eku & SW_EKU_SERVER) ? SW_CHECK_FAIL
									    : SW_CHECK_WARN,
	       "clientAuth", t->leaf->eku[0] ? t->leaf->eku : "any");
}

static void judge_date(struct own_case *t, const struct sw_identity *id)
{
	int64_t now = sw_check_time(t->c), left = id->not_after - now;
	enum sw_check_status status = left < 0 || id->not_before > now        ? SW_CHECK_FAIL
				      : left < (int64_t)SOON_DAYS * DAY ? SW_CHECK_WARN
									: SW_CHECK_PASS;
	char found[400];

	if (id->not_before > now)
		snprintf(found, sizeof(found), "%s is not valid yet", id->subject);
	else if (left < 0)
		snprintf(found, sizeof(found), "%s has expired %lld days ago", id->subject, (long long)(-left / DAY));
	else
		snprintf(found, sizeof(found), "%s ends in %lld days", id->subject, (long long)(left / DAY));
	sw_tls_add_certificate(t->c, sw_check_report(t->c, SW_F_OWN_EXPIRY, status, t->own->what, "more than 30 days left", found), id);
}

static void judge_dates(struct own_case *t)
{
	for (int i = 0; i < sk_X509_num(t->chain); i++) {
		struct sw_identity *id = NULL;

		if (sw_identity_from_x509(&id, sk_X509_value(t->chain, i)) < 0)
			continue;
		judge_date(t, id);
		sw_identity_free(id);
	}
}

/* --- the probe --- */

static void probe(struct sw_check *c, void *arg)
{
	struct own_case t = { .c = c, .own = arg, .profile = sw_check_options(c)->profile };
	struct sw_diag diag;
	char found[300];

	sw_diag_init(&diag);
	t.chain = sk_X509_new_null();
	if (t.chain && sw_chain_from_files(t.chain, t.own->set.cert, t.own->set.chain, &diag) == SW_OK &&
	    sw_cert_facts_read(&t.leaf, sk_X509_value(t.chain, 0), NULL, sw_check_time(c)) == SW_OK) {
		judge_keys(&t);
		judge_chain(&t);
		judge_names(&t);
		judge_purposes(&t);
		judge_dates(&t);
	} else {
		snprintf(found, sizeof(found), "%.120s: %.170s",
			 diag.n && diag.entries[0].file ? diag.entries[0].file : t.own->set.cert,
			 diag.n ? diag.entries[0].text : "can't be read");
		report(&t, SW_F_OWN_FILES, SW_CHECK_FAIL, "a readable certificate", found);
	}
	sw_cert_facts_free(t.leaf);
	sk_X509_pop_free(t.chain, X509_free);
	sw_diag_free(&diag);
}

static void spawn(struct sw_check *c, const struct own *own)
{
	struct own *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return;
	*copy = *own;
	(void)sw_check_spawn(c, SW_STAGE_TLS, own->what, probe, copy, free);
}

void sw_check_own(struct sw_check *c)
{
	const struct sw_check_options *o = sw_check_options(c);
	struct own own = { .server = true, .client = true };

	if (!o->profile->sip)
		return;
	if (o->cert) {
		own.set = (struct sw_conf_cert){ .cert = (char *)o->cert,
						 .chain = (char *)o->chain,
						 .key = (char *)(o->key ? o->key : o->cert) };
		snprintf(own.what, sizeof(own.what), "%.150s", o->cert);
		spawn(c, &own);
		return;
	}
	for (size_t i = 0; o->conf && i < o->conf->n_listeners; i++) {
		const struct sw_conf_listener *l = &o->conf->listeners[i];

		if (!l->cert.cert)
			continue;
		own.set = l->cert;
		own.host = l->host;
		snprintf(own.what, sizeof(own.what), "listener \"%.100s\"", l->name);
		spawn(c, &own);
	}
	for (size_t i = 0; o->conf && i < o->conf->n_zones; i++) {
		const struct sw_conf_zone *z = &o->conf->zones[i];

		if (!z->client_cert.cert || z->client_cert_none)
			continue;
		own = (struct own){ .set = z->client_cert, .client = true };
		snprintf(own.what, sizeof(own.what), "zone \"%.100s\"", z->name);
		spawn(c, &own);
	}
}
