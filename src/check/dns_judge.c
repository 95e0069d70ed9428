/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with SRV and NAPTR records by themselves. Pure. */
#include "check/dns.h"

#include <stdio.h>
#include <strings.h>

#include "dns/wire.h"

static bool twice(const struct sw_srv_target *v, size_t n, size_t i)
{
	for (size_t k = i + 1; k < n; k++)
		if (v[i].port == v[k].port && !strcmp(v[i].host, v[k].host))
			return true;
	return false;
}

/* Beside others of its priority that have weights, a target of weight 0 gets next to nothing (RFC 2782). */
static bool starved(const struct sw_srv_target *v, size_t n, size_t i)
{
	for (size_t k = 0; v[i].weight == 0 && k < n; k++)
		if (v[k].priority == v[i].priority && v[k].weight)
			return true;
	return false;
}

void sw_srv_judge(struct sw_srv_faults *out, const struct sw_srv_target *v, size_t n)
{
	*out = (struct sw_srv_faults){ 0 };
	for (size_t i = 0; i < n; i++) {
		if (!v[i].host[0]) {
			snprintf(out->absent, sizeof(out->absent), n == 1 ? "the target is \".\"" : "one of %zu targets is \".\"", n);
			continue;
		}
		if (v[i].port == 0)
			snprintf(out->port, sizeof(out->port), "port 0 at %s", v[i].host);
		if (!out->duplicate[0] && twice(v, n, i))
			snprintf(out->duplicate, sizeof(out->duplicate), "%s:%u stands there more than once", v[i].host, v[i].port);
		if (!out->weight[0] && starved(v, n, i))
			snprintf(out->weight, sizeof(out->weight), "%.120s has weight 0, others of priority %u have more", v[i].host, v[i].priority);
	}
}

const char *sw_naptr_fault(const struct sw_dns_rr *naptr, const char *domain)
{
	const char *service = naptr->naptr.service, *to = naptr->naptr.replacement;

	if (strncasecmp(service, "SIP", 3) != 0)
		return NULL;   /* another application's */
	if (naptr->naptr.regexp[0])
		return to[0] ? "it has a regexp and a replacement; one must be empty" : "it has a regexp; SIP wants the replacement to name the SRV record";
	if (strcasecmp(naptr->naptr.flags, "s") != 0)
		return "its flag is not \"s\": what it leads to is no SRV record";
	if (!to[0])
		return "it leads nowhere: the replacement is empty";
	if (strcasecmp(service, "SIPS+D2T") != 0 && strcasecmp(service, "SIP+D2T") != 0 && strcasecmp(service, "SIP+D2U") != 0 &&
	    strcasecmp(service, "SIP+D2S") != 0 && strcasecmp(service, "SIPS+D2S") != 0 && strcasecmp(service, "SIP+D2W") != 0 &&
	    strcasecmp(service, "SIPS+D2W") != 0)
		return "its service is none of SIP";
	if (!sw_wire_name_within(to, domain))
		return "it leads out of the domain: without DNSSEC no careful caller follows (RFC 3263 4.1)";
	return NULL;
}

/* --- CAA --- */

static bool known_tag(const char *tag)
{
	static const char *const tags[] = { "issue", "issuewild", "iodef", "contactemail", "contactphone", "issuemail", "issuevmc" };

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (!strcmp(tag, tags[i]))
			return true;
	return false;
}

static bool in_list(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *s = list; s && *s; s += strcspn(s, " "), s += *s == ' ')
		if (strcspn(s, " ") == n && !strncmp(s, word, n))
			return true;
	return false;
}

enum sw_caa_verdict sw_caa_judge(const struct sw_caa *v, size_t n, bool wildcard, const char *cas)
{
	const char *tag = "issue";
	bool any = false, named = false;
	char issuer[SW_DNS_NAME_MAX];

	for (size_t i = 0; i < n; i++) {
		if (v[i].critical && !known_tag(v[i].tag))
			return SW_CAA_CRITICAL;
		if (wildcard && !strcmp(v[i].tag, "issuewild"))
			tag = "issuewild";
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(v[i].tag, tag) != 0)
			continue;
		any = true;
		if (sw_caa_issuer(issuer, &v[i]) < 0 || !*issuer)
			continue;
		named = true;
		if (in_list(cas, issuer))
			return SW_CAA_ALLOWED;
	}
	return !any ? SW_CAA_ALLOWED : named && !cas ? SW_CAA_CA_UNKNOWN : SW_CAA_FORBIDDEN;
}
