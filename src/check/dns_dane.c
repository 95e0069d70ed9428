/* SPDX-License-Identifier: Apache-2.0 */
/* DANE for SRV (RFC 7673): the TLSA records of a target, whether anybody may use them, and whether they fit what the server shows. */
#include "check/dns.h"

#include <stdio.h>
#include <stdlib.h>
#include "check/check_int.h"
#include "tls/dane.h"
#include "tls/identity.h"
#include "tls/probe.h"

enum { RECORDS = 32, OWNER = SW_DNS_NAME_MAX + 16, HEX = 129 };

static void tlsa_owner(char out[OWNER], const char *host, uint16_t port)
{
	snprintf(out, OWNER, "_%u._tcp.%s", port, host);
}

static void text(char out[HEX + 16], const struct sw_tlsa *t)
{
	char hex[HEX];
	size_t n = t->len < HEX / 2 ? t->len : HEX / 2;

	sw_hex(hex, t->data, n);
	snprintf(out, HEX + 16, "%u %u %u %s%s", t->usage, t->selector, t->matching, hex, n < t->len ? "..." : "");
}

static size_t records(const struct sw_lookup *l, const char *owner, struct sw_tlsa out[RECORDS])
{
	const struct sw_lookup_rr *rr = NULL;
	size_t n = 0;

	while (n < RECORDS && (rr = sw_lookup_next(l, owner, SW_RR_TLSA, rr)))
		n += sw_record_tlsa(&out[n], rr->rdata, rr->len) == SW_OK;
	return n;
}

/* --- what is published --- */

struct published {
	char host[SW_DNS_NAME_MAX];
	char owner[OWNER];               /* of TLSA */
	char srv[SW_DNS_NAME_MAX + 32];  /* the record that leads here; "": none */
};

static const char *unusable(const struct sw_dnssec_result *r, enum sw_check_status *status)
{
	*status = r->state == SW_DNSSEC_BOGUS ? SW_CHECK_FAIL : r->state == SW_DNSSEC_UNKNOWN ? SW_CHECK_UNKNOWN : SW_CHECK_WARN;
	return r->detail;
}

/* The way to the records has to be secure as well, or a forger names a target of his own (RFC 7673 3). */
static void judge_security(struct sw_check *c, const struct published *p, struct sw_lookup *l, const struct sw_tlsa *v, size_t n)
{
	struct sw_dnscheck_secure s = { .c = c, .name = p->owner, .type = SW_RR_TLSA, .held = l };
	struct sw_dnssec_result tlsa, srv = { .state = SW_DNSSEC_SECURE, .exists = true };
	enum sw_check_status status = SW_CHECK_UNKNOWN;
	char why[200], line[HEX + 16], found[420];
	struct sw_finding *f;

	if (sw_dnscheck_secure_new(&s, why) < 0) {
		sw_check_report(c, SW_F_DNS_TLSA, SW_CHECK_UNKNOWN, p->owner, "secure records", why);
		return;
	}
	sw_dnssec_records(s.judge, p->owner, SW_RR_TLSA, &tlsa);
	if (p->srv[0])
		sw_dnssec_records(s.judge, p->srv, SW_DNS_SRV, &srv);
	sw_dnscheck_secure_free(&s);
	if (tlsa.state != SW_DNSSEC_SECURE || !tlsa.exists) {
		snprintf(found, sizeof(found), "nobody may use them: %s", unusable(&tlsa, &status));
	} else if (srv.state != SW_DNSSEC_SECURE || !srv.exists) {
		snprintf(found, sizeof(found), "nobody may use them, for %.80s is not secure: %.200s", p->srv, unusable(&srv, &status));
	} else {
		status = SW_CHECK_PASS;
		snprintf(found, sizeof(found), "%zu, secure from the SRV record on", n);
	}
	f = sw_check_report(c, SW_F_DNS_TLSA, status, p->owner, "secure records", found);
	for (size_t i = 0; i < n; i++) {
		text(line, &v[i]);
		sw_finding_add(c, f, "record", "%s", line);
	}
}

static void look_at_published(struct sw_check *c, void *arg)
{
	const struct published *p = arg;
	struct sw_tlsa v[RECORDS];
	struct sw_lookup *l = NULL;
	char why[200], line[HEX + 16], found[400];
	bool faulty = false;
	size_t n;

	if (!sw_dnscheck_ask(c, p->owner, SW_RR_TLSA, true, &l)) {
		sw_check_report(c, SW_F_DNS_TLSA, SW_CHECK_UNKNOWN, p->owner, "TLSA records, or none", sw_dnscheck_why(l, why));
		sw_lookup_free(l);
		return;
	}
	n = records(l, p->owner, v);
	for (size_t i = 0; i < n; i++) {
		const char *fault = sw_tlsa_fault(&v[i]);

		if (!fault)
			continue;
		faulty = true;
		text(line, &v[i]);
		snprintf(found, sizeof(found), "%s: %s", line, fault);
		sw_check_report(c, SW_F_DNS_TLSA, SW_CHECK_FAIL, p->owner, "records that can be used", found);
	}
	if (n == 0)
		sw_check_report(c, SW_F_DNS_TLSA, SW_CHECK_SKIP, p->owner, NULL, "none: no DANE here");
	else if (!faulty)
		judge_security(c, p, l, v, n);
	sw_lookup_free(l);
}

void sw_dnscheck_dane(struct sw_check *c, const char *host, uint16_t port, const char *owner)
{
	struct published *p = calloc(1, sizeof(*p));
	char what[OWNER + 16];

	if (!p)
		return;
	snprintf(p->host, sizeof(p->host), "%s", host);
	tlsa_owner(p->owner, host, port);
	snprintf(p->srv, sizeof(p->srv), "%s", owner);
	snprintf(what, sizeof(what), "TLSA of %s:%u", host, port);
	(void)sw_check_spawn(c, SW_STAGE_DNS, what, look_at_published, p, free);
}

/* --- what the server shows --- */

struct shown {
	struct sw_endpoint endpoint;
	STACK_OF(X509) *sent;            /* references of our own */
	bool trusted;
};

static void shown_free(void *arg)
{
	struct shown *s = arg;

	sk_X509_pop_free(s->sent, X509_free);
	free(s);
}

static bool equals(const struct sw_tlsa *t, const X509 *cert)
{
	uint8_t *data;
	size_t len;
	bool same;

	if (sw_cert_association(cert, t->selector, t->matching, &data, &len) < 0)
		return false;
	same = len == t->len && !memcmp(data, t->data, len);
	free(data);
	return same;
}

/* RFC 6698 2.1.1. Usages 0 and 1 want the CAs' word besides; 2 a chain of signatures up to the certificate named. */
static bool fits(const struct shown *s, const struct sw_tlsa *t)
{
	bool authority = t->usage == 0 || t->usage == 2;
	int n = sk_X509_num(s->sent);

	if (sw_tlsa_fault(t) || (t->usage < 2 && !s->trusted))
		return false;
	if (!authority)
		return n > 0 && equals(t, sk_X509_value(s->sent, 0));
	for (int i = 1; i < n; i++)
		if (equals(t, sk_X509_value(s->sent, i)))
			return sw_certs_linked(s->sent, i);
	return false;
}

static void report_match(struct sw_check *c, const struct shown *s, const char *owner, const struct sw_tlsa *v, size_t n)
{
	char subject[SW_ENDPOINT_STRLEN], line[HEX + 16], hex[HEX];
	struct sw_finding *f;
	uint8_t *key;
	size_t len;

	sw_endpoint_text(&s->endpoint, subject);
	for (size_t i = 0; i < n; i++)
		if (fits(s, &v[i])) {
			text(line, &v[i]);
			sw_check_report(c, SW_F_DNS_TLSA_MATCH, SW_CHECK_PASS, subject, "a certificate that a TLSA record names", line);
			return;
		}
	f = sw_check_report(c, SW_F_DNS_TLSA_MATCH, SW_CHECK_FAIL, subject, "a certificate that a TLSA record names", "none of them fits");
	for (size_t i = 0; i < n; i++) {
		text(line, &v[i]);
		sw_finding_add(c, f, "record", "%s", line);
	}
	if (sk_X509_num(s->sent) > 0 && sw_cert_association(sk_X509_value(s->sent, 0), 1, 1, &key, &len) == SW_OK) {
		sw_hex(hex, key, len);
		free(key);
		sw_finding_set_fix(c, f, "%s. IN TLSA 3 1 1 %s", owner, hex);
	}
}

/* Records that are not secure bind nobody: dns.tlsa tells of them, and there is nothing to fit. */
static void look_at_shown(struct sw_check *c, void *arg)
{
	const struct shown *s = arg;
	struct sw_dnscheck_secure secure = { .c = c };
	struct sw_dnssec_result r;
	struct sw_tlsa v[RECORDS];
	struct sw_lookup *l = NULL;
	char owner[OWNER], why[200];
	size_t n;

	tlsa_owner(owner, s->endpoint.host, sw_addr_port(&s->endpoint.addr));
	n = sw_dnscheck_ask(c, owner, SW_RR_TLSA, true, &l) ? records(l, owner, v) : 0;
	secure.name = owner;
	secure.type = SW_RR_TLSA;
	secure.held = l;
	if (n && sw_dnscheck_secure_new(&secure, why) == SW_OK) {
		sw_dnssec_records(secure.judge, owner, SW_RR_TLSA, &r);
		if (r.state == SW_DNSSEC_SECURE && r.exists)
			report_match(c, s, owner, v, n);
		sw_dnscheck_secure_free(&secure);
	}
	sw_lookup_free(l);
}

void sw_dnscheck_shown(struct sw_check *c, const struct sw_endpoint *e, const struct sw_tls_probe *p, const struct sw_identity *leaf, const char *top,
		       bool trusted)
{
	struct shown *s;
	char subject[SW_ENDPOINT_STRLEN], what[SW_ENDPOINT_STRLEN + 16];

	if (!e->host[0])
		return;
	sw_dnscheck_caa(c, leaf, top);
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	s->endpoint = *e;
	s->trusted = trusted;
	s->sent = X509_chain_up_ref(p->sent);
	if (!s->sent) {
		free(s);
		return;
	}
	snprintf(what, sizeof(what), "TLSA against %s", sw_endpoint_text(e, subject));
	(void)sw_check_spawn(c, SW_STAGE_DNS, what, look_at_shown, s, shown_free);
}
