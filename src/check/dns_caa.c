/* SPDX-License-Identifier: Apache-2.0 */
/* CAA (RFC 8659): may the CA that issued a certificate issue the next one? */
#include "check/dns.h"

#include <stdio.h>
#include <stdlib.h>
#include "check/check_int.h"
#include "tls/identity.h"

enum { NAMES = 8, RECORDS = 32, WALK = 16 };

#define DIGICERT "digicert.com www.digicert.com digicert.ne.jp cybertrust.ne.jp thawte.com geotrust.com rapidssl.com symantec.com"
#define SECTIGO "sectigo.com comodo.com comodoca.com usertrust.com trust-provider.com"
#define GODADDY "godaddy.com starfieldtech.com"

/* By what CAs say in their practice statements, November 2026. A CA that is not here is told as unknown, never judged. */
static const struct {
	const char *issuer;      /* glob over the name */
	const char *domains;
} authorities[] = {
	{ "*Let's Encrypt*", "letsencrypt.org" },
	{ "*Internet Security Research Group*", "letsencrypt.org" },
	{ "*QuoVadis*", "quovadisglobal.com " DIGICERT },
	{ "*DigiCert*", DIGICERT },
	{ "*GeoTrust*", DIGICERT },
	{ "*Thawte*", DIGICERT },
	{ "*RapidSSL*", DIGICERT },
	{ "*Sectigo*", SECTIGO },
	{ "*COMODO*", SECTIGO },
	{ "*USERTrust*", SECTIGO },
	{ "*ZeroSSL*", SECTIGO },
	{ "*GoDaddy*", GODADDY },
	{ "*Go Daddy*", GODADDY },
	{ "*Starfield*", GODADDY },
	{ "*Google Trust Services*", "pki.goog" },
	{ "*Amazon*", "amazon.com amazontrust.com awstrust.com amazonaws.com aws.amazon.com" },
	{ "*GlobalSign*", "globalsign.com" },
	{ "*Entrust*", "entrust.net affirmtrust.com" },
	{ "*IdenTrust*", "identrust.com" },
	{ "*TrustID*", "identrust.com" },
	{ "*Buypass*", "buypass.com buypass.no" },
	{ "*Actalis*", "actalis.it" },
	{ "*Certum*", "certum.pl certum.eu" },
	{ "*Unizeto*", "certum.pl certum.eu" },
	{ "*SwissSign*", "swisssign.com" },
	{ "*SSL Corp*", "ssl.com" },
	{ "*SSL.com*", "ssl.com" },
	{ "*Hellenic Academic*", "harica.gr" },
	{ "*D-Trust*", "d-trust.net" },
	{ "*T-Systems*", "telesec.de pki.dfn.de dfn.de" },
	{ "*Telia*", "telia.com telia.fi telia.se" },
	{ "*Microsoft*", "microsoft.com" },
};

const char *sw_caa_domains(const char *issuer)
{
	for (size_t i = 0; i < sizeof(authorities) / sizeof(authorities[0]); i++)
		if (sw_str_glob(sw_str_of(authorities[i].issuer), sw_str_of(issuer), true))
			return authorities[i].domains;
	return NULL;
}

struct question {
	char name[SW_DNS_NAME_MAX];
	bool wildcard;
	char issuer[256];
	const char *cas;         /* static, or NULL */
};

/* The set nearest upwards. Borrows from *l, which is the caller's. False: something could not be asked for. */
static bool relevant(struct sw_check *c, const char *name, struct sw_caa *out, size_t *n, unsigned *malformed, const char **at, struct sw_lookup **l)
{
	*n = 0;
	*malformed = 0;
	*at = name;
	for (int i = 0; i < WALK && **at; i++) {
		const struct sw_lookup_rr *rr = NULL;
		const char *dot = strchr(*at, '.');

		sw_lookup_free(*l);
		if (!sw_dnscheck_ask(c, *at, SW_RR_CAA, false, l))
			return false;
		while (*n < RECORDS && (rr = sw_lookup_next(*l, *at, SW_RR_CAA, rr))) {
			if (sw_record_caa(&out[*n], rr->rdata, rr->len) == SW_OK)
				++*n;
			else
				++*malformed;
		}
		if (*n || *malformed || !dot)
			return true;
		*at = dot + 1;
	}
	return true;
}

static void report(struct sw_check *c, const struct question *q, const struct sw_caa *v, size_t n, unsigned malformed, const char *at)
{
	enum sw_caa_verdict verdict = sw_caa_judge(v, n, q->wildcard, q->cas);
	char found[800], subject[SW_DNS_NAME_MAX + 4];
	enum sw_check_status status = SW_CHECK_WARN;
	struct sw_finding *f;

	snprintf(subject, sizeof(subject), "%s%s", q->wildcard ? "*." : "", q->name);
	if (malformed)
		snprintf(found, sizeof(found), "%u record%s at %s that no CA can read: it has to refuse", malformed, malformed == 1 ? "" : "s", at);
	else if (verdict == SW_CAA_CRITICAL)
		snprintf(found, sizeof(found), "a critical tag at %s that no CA knows: it has to refuse", at);
	else if (verdict == SW_CAA_FORBIDDEN)
		snprintf(found, sizeof(found), "the records at %s do not name its CA (%s): the next certificate will be refused", at, q->cas ? q->cas : "none may issue");
	else if (verdict == SW_CAA_CA_UNKNOWN)
		snprintf(found, sizeof(found), "the records at %s name CAs; whether one of them is \"%s\" is not known", at, q->issuer);
	else
		snprintf(found, sizeof(found), n ? "the records at %s let it" : "no records: any CA may", at);
	if (!malformed && verdict == SW_CAA_ALLOWED)
		status = SW_CHECK_PASS;
	else if (!malformed && verdict == SW_CAA_CA_UNKNOWN)
		status = SW_CHECK_SKIP;
	f = sw_check_report(c, SW_F_DNS_CAA, status, subject, q->issuer, found);
	if (status == SW_CHECK_WARN && q->cas)
		sw_finding_set_fix(c, f, "%s. IN CAA 0 %s \"%.*s\"", at, q->wildcard ? "issuewild" : "issue", (int)strcspn(q->cas, " "), q->cas);
	for (size_t i = 0; i < n; i++)
		sw_finding_add(c, f, "record", "%u %s \"%.*s\"", v[i].critical ? 128 : 0, v[i].tag, (int)v[i].len, (const char *)v[i].value);
}

static void probe(struct sw_check *c, void *arg)
{
	const struct question *q = arg;
	struct sw_caa v[RECORDS];
	struct sw_lookup *l = NULL;
	unsigned malformed;
	const char *at;
	char why[200], found[480];
	size_t n;

	if (relevant(c, q->name, v, &n, &malformed, &at, &l)) {
		report(c, q, v, n, malformed, at);
	} else {
		snprintf(found, sizeof(found), "%s: %s; a CA that meets this refuses", at, sw_dnscheck_why(l, why));
		sw_check_report(c, SW_F_DNS_CAA, SW_CHECK_UNKNOWN, q->name, q->issuer, found);
	}
	sw_lookup_free(l);
}

static void spawn(struct sw_check *c, const char *name, const char *issuer, const char *cas)
{
	struct question *q = calloc(1, sizeof(*q));
	char what[SW_DNS_NAME_MAX + 300];

	if (!q)
		return;
	q->wildcard = !strncmp(name, "*.", 2);
	snprintf(q->name, sizeof(q->name), "%s", name + (q->wildcard ? 2 : 0));
	snprintf(q->issuer, sizeof(q->issuer), "%s", issuer);
	q->cas = cas;
	snprintf(what, sizeof(what), "CAA of %s for %s", name, issuer);
	(void)sw_check_spawn_once(c, SW_STAGE_DNS, what, probe, q, free);
}

void sw_dnscheck_caa(struct sw_check *c, const struct sw_identity *leaf, const char *top)
{
	const char *cas = sw_caa_domains(leaf->issuer);
	unsigned n = 0;

	if (!cas)
		cas = sw_caa_domains(top);
	for (size_t i = 0; i < leaf->n_names && n < NAMES; i++) {
		const struct sw_name *name = &leaf->names[i];

		if (name->type != SW_NAME_DNS || name->malformed || !name->host || !strchr(name->host, '.'))
			continue;
		spawn(c, name->host, leaf->issuer, cas);
		n++;
	}
}
