/* SPDX-License-Identifier: Apache-2.0 */
/* Client certificates: asked for, insisted on, refused; and what the server does without SNI. */
#include "check/tls.h"

#include <stdio.h>
#include <string.h>

#include "check/sip.h"

enum { CA_BYTES_LONG = 16 << 10, SIPS_PORT = 5061, SETTLE_MS = 150 };

/* --- what it asks for --- */

void sw_tls_judge_ca_list(struct sw_check *c, const struct sw_endpoint *e, const struct sw_tls_probe *p, bool shown)
{
	enum sw_check_status status = SW_CHECK_PASS;
	char subject[SW_ENDPOINT_STRLEN], found[200];
	const char *fix = NULL;
	struct sw_finding *f;

	if (!p->cert_asked)
		return;
	if (p->n_cas_told == 0)
		snprintf(found, sizeof(found), "an empty list: a certificate of any CA may be shown");
	else
		snprintf(found, sizeof(found), "%zu CAs, %zu bytes%s", p->n_cas_told, p->ca_bytes,
			 !shown             ? ""
			 : p->ca_names_ours ? ", ours among them"
					    : "; the issuer of our certificate is not among them");
	if (shown && p->n_cas_told && !p->ca_names_ours) {
		status = SW_CHECK_WARN;
		fix = "The far end must add the root of our certificate to those it takes; or use a certificate of one of the "
		      "CAs shown";
	} else if (p->ca_bytes > CA_BYTES_LONG) {
		status = SW_CHECK_WARN;
		fix = "The far end should name only the CAs it means, not all that its system knows; some clients give up on so "
		      "long a list";
	}
	f = sw_check_report(c, SW_F_TLS_CLIENT_CAS, status, sw_endpoint_text(e, subject), "the CAs it takes, ours among them",
			    found);
	if (fix)
		sw_finding_set_fix(c, f, "%s", fix);
	for (size_t i = 0; i < p->n_cas && i < 20; i++)
		sw_finding_add(c, f, "ca", "%s", p->cas[i]);
}

/* --- how it ends --- */

static bool refused(const struct sw_tls_probe *p)
{
	return p->end == SW_TLS_END_ALERT || p->end == SW_TLS_END_CLOSED || p->end == SW_TLS_END_LATE;
}

void sw_tls_settle(struct sw_check *c, struct sw_tls_probe *p)
{
	uint64_t ms = SETTLE_MS + 2 * p->ms_tcp, left = sw_check_left(c);

	if (p->end == SW_TLS_END_UP && p->cert_asked && !strcmp(p->version, "TLSv1.3"))
		(void)sw_tls_probe_settle(p, ms < left ? ms : left);
}

static void judge_shown(struct sw_check *c, const char *subject, const struct sw_tls_probe *p)
{
	bool late = p->end == SW_TLS_END_LATE;
	struct sw_finding *f;

	if (!refused(p)) {
		f = sw_check_report(c, SW_F_TLS_CLIENT_TAKEN, SW_CHECK_PASS, subject, "our certificate is taken", "taken");
		return;
	}
	/* In TLS 1.2 the certificate was judged before the handshake was over. */
	if (late && strcmp(p->version, "TLSv1.3") != 0)
		return;
	f = sw_check_report(c, late ? SW_F_TLS_CLIENT_LATE : SW_F_TLS_CLIENT_TAKEN, SW_CHECK_FAIL, subject,
			    "our certificate is taken", p->detail);
	if (p->alert > 0) {
		sw_finding_add(c, f, "alert", "%d %s", p->alert, sw_tls_alert_text(p->alert));
		sw_finding_set_fix(c, f, "%s", sw_tls_alert_meaning(p->alert, true));
	}
}

/* Not let in without one. Who gave us a certificate to show may mean just that, but for the port that partners of all kinds call.
 */
static enum sw_check_status insisting(const struct sw_endpoint *e, bool have)
{
	return !have ? SW_CHECK_FAIL : sw_addr_port(&e->addr) == SIPS_PORT ? SW_CHECK_WARN : SW_CHECK_PASS;
}

static void judge_bare(struct sw_check *c, const struct sw_endpoint *e, const char *subject, const struct sw_tls_probe *p,
		       bool have)
{
	bool hung_up = p->end == SW_TLS_END_HUNG_UP && p->cert_asked; /* let in, and not heard */
	bool mutual = sw_tls_mutual(c, e), no = hung_up || (refused(p) && p->cert_asked);
	struct sw_finding *f;

	if (hung_up && !have && !mutual)
		return; /* for whatever reason: told by the SIP stage */
	if (mutual) {
		sw_check_report(c, SW_F_TLS_CLIENT_REQUIRED, no ? SW_CHECK_PASS : SW_CHECK_FAIL, subject,
				"who shows no certificate is refused", no ? p->detail : "it went on without a certificate");
		return;
	}
	if (!refused(p) || no) {
		f = sw_check_report(c, SW_F_TLS_CLIENT_OPTIONAL, no ? insisting(e, have) : SW_CHECK_PASS, subject,
				    "who shows no certificate is let in",
				    no              ? p->detail
				    : p->cert_asked ? "it asks, and does not insist"
						    : "it does not ask");
		if (no)
			sw_finding_set_fix(c, f,
					   "If mutual TLS is meant here, publish this port for those who have a certificate "
					   "alone (profile: port %u), or say --cert "
					   "and --key; else let the port ask without insisting (sipwardd: transport = \"tls\")",
					   sw_check_options(c)->profile->mutual_port);
	}
}

void sw_tls_judge_client(struct sw_check *c, const struct sw_endpoint *e, const struct sw_tls_probe *p, bool shown)
{
	char subject[SW_ENDPOINT_STRLEN];

	sw_endpoint_text(e, subject);
	if (!p->cert_asked && sw_tls_mutual(c, e)) {
		sw_check_report(c, SW_F_TLS_CLIENT_ASKED, SW_CHECK_FAIL, subject, "it asks for a certificate of ours",
				"it does not ask");
		return;
	}
	if (shown && p->cert_asked)
		judge_shown(c, subject, p);
	else if (!shown)
		judge_bare(c, e, subject, p, false);
}

/* --- probes --- */

void sw_tls_probe_bare(struct sw_check *c, void *arg)
{
	const struct sw_endpoint *e = arg;
	struct sw_tls_probe_opts o;
	struct sw_tls_probe *p = NULL;
	char subject[SW_ENDPOINT_STRLEN];

	sw_tls_settings(c, e, NULL, &o);
	if (sw_tls_probe_open(&p, &o) < 0)
		return;
	sw_endpoint_text(e, subject);
	sw_tls_settle(c, p);
	if (p->end == SW_TLS_END_UP)
		sw_sip_knock(c, e, p); /* TLS 1.3: only an answer tells */
	if (p->cert_asked || !sw_tls_mutual(c, e))
		if (p->end == SW_TLS_END_UP || p->end == SW_TLS_END_HUNG_UP || refused(p))
			judge_bare(c, e, subject, p, true);
	sw_tls_probe_free(p);
}

void sw_tls_probe_sni(struct sw_check *c, void *arg)
{
	const struct sw_endpoint *e = arg;
	struct sw_tls_probe_opts o;
	struct sw_tls_probe *with = NULL, *without = NULL;
	struct sw_identity *a = NULL, *b = NULL;
	char subject[SW_ENDPOINT_STRLEN], found[400], names[250];

	sw_tls_settings(c, e, NULL, &o);
	if (sw_tls_probe_open(&with, &o) < 0)
		return;
	sw_tls_probe_hang_up(with);
	o.server_name = NULL;
	o.ms = sw_check_left(c);
	if (!with->leaf || sw_tls_probe_open(&without, &o) < 0)
		goto out;
	sw_endpoint_text(e, subject);
	if (!without->leaf) {
		if (without->end == SW_TLS_END_STOPPED || without->end == SW_TLS_END_UNREACHABLE)
			goto out;
		sw_check_report(c, SW_F_TLS_SNI, SW_CHECK_WARN, subject, "a certificate for those who send no server name too",
				without->detail);
		goto out;
	}
	if (sw_identity_from_x509(&a, with->leaf) < 0 || sw_identity_from_x509(&b, without->leaf) < 0)
		goto out;
	if (!memcmp(a->cert_sha256, b->cert_sha256, sizeof(a->cert_sha256))) {
		sw_check_report(c, SW_F_TLS_SNI, SW_CHECK_PASS, subject, "the same certificate without a server name",
				"the same");
		goto out;
	}
	snprintf(found, sizeof(found), "another one: %s", sw_identity_names_text(b, names, sizeof(names)));
	sw_check_report(c, SW_F_TLS_SNI, SW_CHECK_WARN, subject, "the same certificate without a server name", found);
out:
	sw_identity_free(a);
	sw_identity_free(b);
	sw_tls_probe_free(with);
	sw_tls_probe_free(without);
}
