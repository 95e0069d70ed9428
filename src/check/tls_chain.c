/* SPDX-License-Identifier: Apache-2.0 */
/* The chain a server sends: its form, where it leads, until when, and for what. */
#include "check/tls.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/date.h"
#include "check/report.h"

enum { DAY = 86400, SOON_DAYS = 30 };

/* --- form --- */

static void judge_form(struct sw_tls_case *t)
{
	const struct sw_chain_shape *s = &t->shape;
	struct sw_finding *f;
	char found[600];

	if (t->p->n_sent > 10) {
		snprintf(found, sizeof(found), "%zu certificates", t->p->n_sent);
		sw_check_report(t->c, SW_F_TLS_CHAIN_LONG, SW_CHECK_WARN, t->subject, "the certificate and its intermediates",
				found);
	}
	if (!s->ordered) {
		snprintf(found, sizeof(found), "%s is not where it belongs", s->misplaced);
		sw_check_report(t->c, SW_F_TLS_CHAIN_ORDER, SW_CHECK_WARN, t->subject,
				"each certificate is followed by its issuer", found);
	}
	if (s->extra) {
		snprintf(found, sizeof(found), "%zu that vouch for nothing here: %s", s->extra, s->extra_one);
		sw_check_report(t->c, SW_F_TLS_CHAIN_EXTRA, SW_CHECK_WARN, t->subject,
				"the certificate and its intermediates alone", found);
	}
	if (s->root_sent)
		sw_check_report(t->c, SW_F_TLS_CHAIN_ROOT, SW_CHECK_WARN, t->subject, "the chain without its root", s->root);
	if (s->helped && t->chain.reason == SW_R_OK) {
		snprintf(found, sizeof(found), "\"%s\" is missing: it works here because our own list holds it", s->wants);
		f = sw_check_report(t->c, SW_F_TLS_CHAIN_INCOMPLETE, SW_CHECK_WARN, t->subject,
				    "every certificate up to the root", found);
		if (s->fetch[0])
			sw_finding_add(t->c, f, "fetch", "%s", s->fetch);
	}
}

/* --- the way to a root --- */

static void report_untrusted(struct sw_tls_case *t)
{
	const struct sw_chain_shape *s = &t->shape;
	struct sw_finding *f;
	char found[960];

	if (s->leaf_self_signed) {
		snprintf(found, sizeof(found), "%s vouches for itself", t->facts[0]->id->subject);
		sw_check_report(t->c, SW_F_TLS_SELF_SIGNED, SW_CHECK_FAIL, t->subject, "a certificate that a CA vouches for",
				found);
	} else if (s->n == 1 && !s->complete) {
		snprintf(found, sizeof(found), "the certificate alone; its issuer \"%s\" was not sent, and is not in %s",
			 s->wants, t->trust_name);
		f = sw_check_report(t->c, SW_F_TLS_CHAIN_INCOMPLETE, SW_CHECK_FAIL, t->subject,
				    "every certificate up to the root", found);
		if (s->fetch[0]) {
			sw_finding_add(t->c, f, "fetch", "%s", s->fetch);
			sw_finding_set_fix(t->c, f,
					   "On the server, append the intermediate to the certificate's file: curl -s '%s' | "
					   "openssl x509 -inform DER >>SERVER.pem",
					   s->fetch);
		} else {
			sw_finding_set_fix(t->c, f,
					   "On the server, append the certificate of %s to its own: cat INTERMEDIATE.pem >>SERVER.pem; "
					   "or, if that is a root, put it on our trust list",
					   s->wants);
		}
	} else {
		snprintf(found, sizeof(found), "%s (at depth %d, %s); the chain ends at \"%s\"", t->chain.error_text,
			 t->chain.depth, t->chain.subject, s->root[0] ? s->root : s->wants);
		f = sw_check_report(t->c, SW_F_TLS_CHAIN, SW_CHECK_FAIL, t->subject, "a chain that leads to a trusted CA", found);
		sw_finding_add(t->c, f, "trust", "%s", t->trust_name);
		if (t->system_trust)
			sw_finding_set_fix(t->c, f,
					   "If this is a private CA, name it: --ca FILE, or --zone with its trust list. If it "
					   "should be a public one, "
					   "look who stands in between: a middlebox shows certificates of its own");
	}
}

static void report_good(struct sw_tls_case *t)
{
	const struct sw_profile_root *root = NULL;
	struct sw_finding *f;
	char found[400];

	snprintf(found, sizeof(found), "leads to \"%s\"", t->shape.root[0] ? t->shape.root : t->shape.wants);
	f = sw_check_report(t->c, SW_F_TLS_CHAIN, SW_CHECK_PASS, t->subject, "a chain that leads to a trusted CA", found);
	sw_finding_add(t->c, f, "trust", "%s", t->trust_name);
	if (!t->shape.root[0] || !sw_tls_known_root(sw_check_options(t->c)->profile, &t->shape, &root))
		return;
	sw_finding_add(t->c, f, "profile", "the profile calls this root %s%s%s", root->status, root->note ? ": " : "",
		       root->note ? root->note : "");
	if (strcmp(root->status, "expired") && strcmp(root->status, "distrusted"))
		return;
	snprintf(found, sizeof(found), "\"%s\" is %s%s%s", t->shape.root, root->status, root->note ? ": " : "",
		 root->note ? root->note : "");
	sw_check_report(t->c, SW_F_TLS_ROOT, root->from.confirmed ? SW_CHECK_FAIL : SW_CHECK_SKIP, t->subject,
			"a root that the provider still trusts", found);
}

static void judge_way(struct sw_tls_case *t)
{
	char found[640];

	snprintf(found, sizeof(found), "%s (at depth %d, %s)", t->chain.error_text, t->chain.depth, t->chain.subject);
	switch (t->chain.reason) {
	case SW_R_OK:
		report_good(t);
		break;
	case SW_R_TLS_CHAIN:
		report_untrusted(t);
		break;
	case SW_R_TLS_PURPOSE:
		sw_check_report(t->c, SW_F_TLS_PURPOSE, SW_CHECK_FAIL, t->subject,
				"every certificate of the chain may serve a server", found);
		break;
	case SW_R_TLS_REVOKED:
		sw_check_report(t->c, SW_F_TLS_REVOKED, SW_CHECK_FAIL, t->subject, "not revoked", found);
		break;
	case SW_R_TLS_CRL:
		sw_check_report(t->c, SW_F_TLS_CRL, SW_CHECK_FAIL, t->subject, "a usable CRL, for the zone demands one", found);
		break;
	case SW_R_TLS_EXPIRED:
	case SW_R_TLS_NOT_YET:
	case SW_R_TLS_WEAK:
		break; /* told where dates and keys are looked at */
	default:
		sw_check_report(t->c, SW_F_TLS_CHAIN, SW_CHECK_UNKNOWN, t->subject, "a chain that leads to a trusted CA",
				t->trust ? found : t->trust_name);
		break;
	}
}

/* --- dates --- */

void sw_tls_add_certificate(struct sw_check *c, struct sw_finding *f, const struct sw_identity *id)
{
	char day[32];

	sw_finding_add(c, f, "certificate", "%s", id->subject);
	sw_finding_add(c, f, "not_before", "%s", sw_date_time(id->not_before, day));
	sw_finding_add(c, f, "not_after", "%s", sw_date_time(id->not_after, day));
}

static void judge_date(struct sw_tls_case *t, const struct sw_identity *id, bool leaf)
{
	int64_t now = sw_check_time(t->c), left = id->not_after - now;
	struct sw_finding *f;
	char found[400], day[32];

	sw_date_day(id->not_before > now ? id->not_before : id->not_after, day);
	if (left < 0) {
		snprintf(found, sizeof(found), "%s ended on %s, %lld days ago", id->subject, day, (long long)(-left / DAY));
		/* With another way up, it is merely left over. */
		f = sw_check_report(t->c, SW_F_TLS_EXPIRED, !leaf && t->chain.reason == SW_R_OK ? SW_CHECK_WARN : SW_CHECK_FAIL,
				    t->subject, "in its dates", found);
	} else if (id->not_before > now) {
		snprintf(found, sizeof(found), "%s begins on %s", id->subject, day);
		f = sw_check_report(t->c, SW_F_TLS_NOT_YET, SW_CHECK_FAIL, t->subject, "in its dates", found);
	} else {
		snprintf(found, sizeof(found), "%s ends on %s, in %lld days", id->subject, day, (long long)(left / DAY));
		f = sw_check_report(t->c, SW_F_TLS_EXPIRY, left < (int64_t)SOON_DAYS * DAY ? SW_CHECK_WARN : SW_CHECK_PASS,
				    t->subject, "more than 30 days left", found);
	}
	sw_tls_add_certificate(t->c, f, id);
}

static void judge_dates(struct sw_tls_case *t)
{
	int64_t now = sw_check_time(t->c);
	bool told = false;

	for (size_t i = 0; i < t->n_facts; i++) {
		const struct sw_identity *id = t->facts[i]->id;

		judge_date(t, id, i == 0);
		told |= id->not_after < now || id->not_before > now;
	}
	/* Of what was not sent: the root, or an intermediate of our own list. */
	if (!told && (t->chain.reason == SW_R_TLS_EXPIRED || t->chain.reason == SW_R_TLS_NOT_YET))
		sw_check_report(t->c, t->chain.reason == SW_R_TLS_EXPIRED ? SW_F_TLS_EXPIRED : SW_F_TLS_NOT_YET, SW_CHECK_FAIL,
				t->subject, "in its dates", t->chain.subject);
}

/* --- purposes --- */

/* The same certificate when that server calls us: a zone with eku = "strict" asks for clientAuth on the whole way. */
static void judge_client_purpose(struct sw_tls_case *t)
{
	const struct sw_chain_policy policy = {
		.role = SW_TLS_PEER_IS_CLIENT,
		.eku = SW_EKU_STRICT,
		.depth = 4,
		.now = sw_check_time(t->c),
	};
	STACK_OF(X509) * rest;
	struct sw_chain_result r;
	struct sw_finding *f;
	char found[500];

	if (!t->trust || t->chain.reason != SW_R_OK || !sw_tls_mutual(t->c, t->e))
		return;
	rest = sw_chain_rest(t->p->sent);
	sw_chain_judge(&r, t->p->leaf, rest, t->trust, &policy);
	sk_X509_free(rest);
	if (r.reason == SW_R_OK) {
		sw_check_report(t->c, SW_F_TLS_PURPOSE_CLIENT, SW_CHECK_PASS, t->subject,
				"clientAuth too, or no list of purposes", "clientAuth");
		return;
	}
	if (r.reason != SW_R_TLS_PURPOSE)
		return;
	snprintf(found, sizeof(found), "no clientAuth at depth %d (%s)", r.depth, r.subject);
	f = sw_check_report(t->c, SW_F_TLS_PURPOSE_CLIENT, SW_CHECK_WARN, t->subject, "clientAuth too, or no list of purposes",
			    found);
	for (size_t i = 0; i < t->n_facts; i++)
		sw_finding_add(t->c, f, "purposes", "%s: %s", t->facts[i]->id->subject,
			       t->facts[i]->eku[0] ? t->facts[i]->eku : "any");
}

void sw_tls_judge_chain(struct sw_tls_case *t)
{
	judge_form(t);
	judge_way(t);
	judge_dates(t);
	judge_client_purpose(t);
}
