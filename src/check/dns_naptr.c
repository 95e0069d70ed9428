/* SPDX-License-Identifier: Apache-2.0 */
/* What else the domain says of SIP: NAPTR, and the SRV labels of other products. */
#include "check/dns.h"

#include <stdio.h>
#include <strings.h>

enum { NAPTRS = 32 };

/* --- NAPTR --- */

struct naptrs {
	struct sw_check *c;
	const char *domain;
	bool secure_there;       /* SIPS+D2T */
	bool sip_there;
	bool faulty;
};

static void fault(struct naptrs *n, const struct sw_dns_rr *r, const char *what, enum sw_check_status status)
{
	char found[800];
	struct sw_finding *f;

	snprintf(found, sizeof(found), "%u %u \"%s\" \"%s\" \"%s\" %s.: %s", r->naptr.order, r->naptr.preference, r->naptr.flags, r->naptr.service,
		 r->naptr.regexp, r->naptr.replacement, what);
	f = sw_check_report(n->c, SW_F_DNS_NAPTR, status, n->domain, "a record that leads to SRV", found);
	sw_finding_set_fix(n->c, f, "%s. IN NAPTR %u %u \"s\" \"SIPS+D2T\" \"\" _sips._tcp.%s.", n->domain, r->naptr.order, r->naptr.preference, n->domain);
	n->faulty = true;
}

static void judge(struct naptrs *n, const struct sw_dns_rr *r)
{
	const char *what = sw_naptr_fault(r, n->domain);
	struct sw_lookup *l = NULL;
	char why[200];
	bool tcp = !strcasecmp(r->naptr.service, "SIPS+D2T") || !strcasecmp(r->naptr.service, "SIP+D2T");

	if (!strncasecmp(r->naptr.service, "SIP", 3))
		n->sip_there = true;
	if (what) {
		fault(n, r, what, SW_CHECK_FAIL);
		return;
	}
	if (!tcp)
		return;
	n->secure_there = n->secure_there || !strcasecmp(r->naptr.service, "SIPS+D2T");
	if (!sw_dnscheck_ask(n->c, r->naptr.replacement, SW_DNS_SRV, false, &l))
		fault(n, r, sw_dnscheck_why(l, why), SW_CHECK_UNKNOWN);
	else if (!sw_lookup_next(l, r->naptr.replacement, SW_DNS_SRV, NULL))
		fault(n, r, "there is no SRV record where it leads", SW_CHECK_FAIL);
	sw_lookup_free(l);
}

static void look_at_naptr(struct sw_check *c, const char *domain)
{
	struct naptrs n = { .c = c, .domain = domain };
	const struct sw_lookup_rr *rr = NULL;
	struct sw_lookup *l = NULL;
	struct sw_dns_rr r;
	char why[200], found[60];
	unsigned seen = 0;

	if (!sw_dnscheck_ask(c, domain, SW_DNS_NAPTR, false, &l)) {
		sw_check_report(c, SW_F_DNS_NAPTR, SW_CHECK_UNKNOWN, domain, "NAPTR records, or none", sw_dnscheck_why(l, why));
		sw_lookup_free(l);
		return;
	}
	while (seen < NAPTRS && (rr = sw_lookup_next(l, domain, SW_DNS_NAPTR, rr))) {
		seen++;
		if (sw_record_naptr(&r, rr->rdata, rr->len) == SW_OK)
			judge(&n, &r);
	}
	sw_lookup_free(l);
	snprintf(found, sizeof(found), seen ? "%u record%s" : "none: callers ask for SRV at once", seen, seen == 1 ? "" : "s");
	if (n.sip_there && !n.secure_there && !n.faulty) {
		struct sw_finding *f = sw_check_report(c, SW_F_DNS_NAPTR, SW_CHECK_WARN, domain, "a record for TLS (SIPS+D2T)",
						       "SIP is there, but only in the clear: callers that go by NAPTR find no TLS");

		sw_finding_set_fix(c, f, "%s. IN NAPTR 10 10 \"s\" \"SIPS+D2T\" \"\" _sips._tcp.%s.", domain, domain);
	} else if (!n.faulty) {
		sw_check_report(c, SW_F_DNS_NAPTR, SW_CHECK_PASS, domain, "NAPTR records, or none", found);
	}
}

/* --- other labels --- */

static const struct {
	const char *label;
	enum sw_finding_id id;
	enum sw_check_status status;
	const char *what;
} others[] = {
	{ "_cisco-uds._tcp", SW_F_DNS_SRV_INTERNAL, SW_CHECK_WARN, "it belongs into the inside's DNS alone: phones outside take it for a sign that they are inside" },
	{ "_cuplogin._tcp", SW_F_DNS_SRV_INTERNAL, SW_CHECK_WARN, "it belongs into the inside's DNS alone" },
};

static void look_at_label(struct sw_check *c, const char *domain, const char *label)
{
	struct sw_srv_target v[SW_DNS_SRV_MAX];
	struct sw_lookup *l = NULL;
	char owner[SW_DNS_NAME_MAX + 64], found[480], why[200];
	enum sw_finding_id id = SW_F_DNS_SRV_OTHER;
	enum sw_check_status status = SW_CHECK_PASS;
	const char *what = NULL;
	unsigned malformed;
	size_t n = 0;

	snprintf(owner, sizeof(owner), "%s.%s", label, domain);
	if (!sw_dnscheck_ask(c, owner, SW_DNS_SRV, false, &l)) {
		sw_check_report(c, SW_F_DNS_SRV_OTHER, SW_CHECK_UNKNOWN, owner, NULL, sw_dnscheck_why(l, why));
		sw_lookup_free(l);
		return;
	}
	n = sw_dnscheck_srv(l, owner, v, &malformed);
	sw_lookup_free(l);
	if (n == 0 || !v[0].host[0])
		return;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!strcmp(label, others[i].label)) {
			id = others[i].id;
			status = others[i].status;
			what = others[i].what;
		}
	if (!strcmp(label, "_collab-edge._tls") && (v[0].port == 5062 || v[0].port == 5061)) {
		status = SW_CHECK_WARN;
		id = SW_F_DNS_SRV_MRA;
		what = "that is a port of SIP; clients outside connect to it with HTTPS (8443)";
	}
	snprintf(found, sizeof(found), "%s:%u%s%s", v[0].host, v[0].port, what ? ": " : "", what ? what : "");
	sw_check_report(c, id, status, owner, NULL, found);
}

void sw_dnscheck_services(struct sw_check *c, void *arg)
{
	const struct sw_profile *p = sw_check_options(c)->profile;

	look_at_naptr(c, arg);
	for (size_t i = 0; i < p->srv_other.n && !sw_check_stopped(c); i++)
		look_at_label(c, arg, p->srv_other.v[i]);
}
