/* SPDX-License-Identifier: Apache-2.0 */
/* Whether it can be learnt that a certificate was revoked: the hosts it names are reached, and what is stapled. */
#include "check/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/report.h"
#include "check/resolve.h"
#include "tls/http.h"
#include "tls/ocsp.h"
#include "tls/talk.h"

enum { HOSTS_MAX = 4 };

/* Host and port of "http://host[:port]/path"; false for anything else. */
static bool url_host(const char *url, char host[256], uint16_t *port)
{
	struct sw_str at;
	const char *colon;
	uint32_t n;

	if (strncmp(url, "http://", 7) != 0)
		return false;
	at = (struct sw_str){ url + 7, strcspn(url + 7, "/?#") };
	*port = 80;
	if (at.n && at.p[0] == '[')
		return false;
	colon = memchr(at.p, ':', at.n);
	if (colon) {
		struct sw_str text = { colon + 1, (size_t)(at.p + at.n - colon - 1) };

		if (sw_str_u32(text, 65535, &n) < 0 || n == 0)
			return false;
		*port = (uint16_t)n;
		at.n = (size_t)(colon - at.p);
	}
	return at.n > 0 && sw_str_copy(host, 256, at);
}

/* A certificate names the host, so it decides where we connect to: nowhere inside. */
static bool may_reach(struct sw_check *c, const struct sw_addr *a, char why[160])
{
	const struct sw_check_options *o = sw_check_options(c);

	return sw_http_may_reach(a, o->allowed, o->n_allowed, why);
}

static bool reach(struct sw_check *c, const char *url, char why[160])
{
	struct sw_talk_opts o = { .kind = SW_TALK_TCP, .stop_fd = sw_check_stop_fd(c) };
	struct sw_addr all[SW_RESOLVE_MAX];
	struct sw_talk *t = NULL;
	char host[256];
	uint16_t port;
	size_t n = 0;

	if (!url_host(url, host, &port)) {
		snprintf(why, 160, "no http URL with a host: nothing that can be asked");
		return false;
	}
	if (sw_check_resolve(c, host, port, all, &n, why) < 0)
		return false;
	for (size_t i = 0; i < n && i < 2; i++) {
		if (!may_reach(c, &all[i], why))
			continue;
		o.addr = all[i];
		o.ms = sw_check_left(c);
		if (sw_talk_open(&t, &o, why) == SW_OK) {
			sw_talk_close(t);
			return true;
		}
	}
	return false;
}

static void judge_hosts(struct sw_tls_case *t, enum sw_finding_id id, const char urls[][256], size_t n)
{
	char found[460], why[160];

	for (size_t i = 0; i < n && i < HOSTS_MAX && !sw_check_stopped(t->c); i++) {
		bool ok = reach(t->c, urls[i], why);

		if (ok)
			snprintf(found, sizeof(found), "%s", urls[i]);
		else
			snprintf(found, sizeof(found), "%s: %s", urls[i], why);
		sw_check_report(t->c, id, ok ? SW_CHECK_PASS : SW_CHECK_WARN, t->subject, "its host is reached", found);
	}
}

static void judge_staple(struct sw_tls_case *t)
{
	const struct sw_tls_probe *p = t->p;
	struct sw_str answer = { (const char *)p->staple, p->staple ? p->staple_len : 0 };
	struct sw_ocsp_result r = { 0 };
	STACK_OF(X509) * rest;
	char found[SW_OCSP_TEXT_MAX + 40], until[32];

	if (!answer.n) {
		if (t->facts[0]->must_staple)
			sw_check_report(t->c, SW_F_TLS_MUST_STAPLE, SW_CHECK_FAIL, t->subject,
					"a stapled OCSP answer, for the certificate demands it", "none");
		return;
	}
	if (t->chain.reason != SW_R_OK) { /* whose key would it have to be signed with? */
		snprintf(found, sizeof(found), "%zu bytes, not judged: the chain is not good", answer.n);
		sw_check_report(t->c, SW_F_TLS_STAPLE, SW_CHECK_SKIP, t->subject, "an answer that holds", found);
		return;
	}
	rest = sw_chain_rest(p->sent);
	sw_ocsp_judge_staple(&r, answer, &t->chain, p->leaf, rest, t->trust, sw_check_time(t->c));
	sk_X509_free(rest);
	snprintf(found, sizeof(found), "good, until %s", sw_date_time(r.until, until));
	if (r.status == SW_OCSP_REVOKED)
		sw_check_report(t->c, SW_F_TLS_REVOKED, SW_CHECK_FAIL, t->subject, "not revoked", r.text);
	else if (r.status == SW_OCSP_GOOD)
		sw_check_report(t->c, SW_F_TLS_STAPLE, SW_CHECK_PASS, t->subject, "an answer that holds", found);
	else
		sw_check_report(t->c, t->facts[0]->must_staple ? SW_F_TLS_MUST_STAPLE : SW_F_TLS_STAPLE,
				t->facts[0]->must_staple ? SW_CHECK_FAIL : SW_CHECK_WARN, t->subject, "an answer that holds", r.text);
}

void sw_tls_judge_revocation(struct sw_tls_case *t)
{
	judge_hosts(t, SW_F_TLS_CRL_HOST, (const char(*)[256])t->facts[0]->crl, t->facts[0]->n_crl);
	judge_hosts(t, SW_F_TLS_OCSP_HOST, (const char(*)[256])t->facts[0]->ocsp, t->facts[0]->n_ocsp);
	judge_staple(t);
}
