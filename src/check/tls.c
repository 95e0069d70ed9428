/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS stage: one handshake as the daemon makes it, judged in every respect, then the probes that ask with other settings. */
#include "check/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/dns.h"
#include "check/sip.h"
#include "tls/pulled.h"
#include "tls/talk.h"
#include "zone/prove.h"

const char *sw_tls_server_name(const struct sw_endpoint *e)
{
	return e->host[0] ? e->host : NULL;
}

const char *sw_tls_reference(const struct sw_endpoint *e)
{
	return e->domain[0] ? e->domain : e->host[0] ? e->host : NULL;
}

bool sw_tls_mutual(const struct sw_check *c, const struct sw_endpoint *e)
{
	const struct sw_profile *p = sw_check_options(c)->profile;

	return e->mutual || (p->mutual_port && sw_addr_port(&e->addr) == p->mutual_port);
}

bool sw_tls_ours(const struct sw_check *c, const struct sw_endpoint *e, struct sw_conf_cert *out)
{
	const struct sw_conf_zone *zone = sw_check_zone(c, e);
	const struct sw_check_options *o = sw_check_options(c);
	const struct sw_conf_listener *l;

	if (o->cert) {
		*out = (struct sw_conf_cert){ .cert = (char *)o->cert,
					      .chain = (char *)o->chain,
					      .key = (char *)(o->key ? o->key : o->cert) };
		return true;
	}
	if (!o->conf || !zone || zone->client_cert_none)
		return false;
	if (zone->client_cert.cert) {
		*out = zone->client_cert;
		return true;
	}
	l = zone->listeners.n ? sw_conf_listener(o->conf, zone->listeners.v[0]) : NULL;
	if (!l || !l->cert.cert)
		return false;
	*out = l->cert;
	return true;
}

void sw_tls_settings(struct sw_check *c, const struct sw_endpoint *e, const struct sw_conf_cert *ours,
		     struct sw_tls_probe_opts *o)
{
	*o = (struct sw_tls_probe_opts){
		.addr = e->addr,
		.server_name = sw_tls_server_name(e),
		.cert = ours,
		.ms = sw_check_left(c),
		.stop_fd = sw_check_stop_fd(c),
	};
}

int sw_tls_trust(struct sw_check *c, const struct sw_conf_zone *zone, struct sw_trust **out, char name[300], bool *system)
{
	const struct sw_check_options *o = sw_check_options(c);
	const struct sw_strlist none = { 0 };
	struct sw_diag diag;
	char path[256];
	int err;

	sw_diag_init(&diag);
	*system = false;
	if (o->conf && zone && zone->trust.n) {
		snprintf(name, 300, "the trust list of zone \"%.200s\"", zone->name);
		err = sw_trust_load_zone(out, o->conf, zone, &diag);
	} else if (o->ca) {
		struct sw_strlist one = { .v = (char **)&o->ca, .n = 1 };

		snprintf(name, 300, "the CAs of %s", o->ca);
		err = sw_trust_load(out, &one, &none, &diag);
	} else {
		*system = true;
		snprintf(name, 300, "this system's CAs, for neither --ca nor --zone was given");
		err = sw_trust_system(out, path, &diag);
	}
	if (err < 0)
		snprintf(name, 300, "%s", diag.n ? diag.entries[0].text : "this system has no file of CAs: give --ca");
	sw_diag_free(&diag);
	return err;
}

struct sw_finding *sw_tls_report_profile(struct sw_check *c, enum sw_finding_id id, enum sw_check_status status, const char *subject,
					 const char *expected, const char *found)
{
	const struct sw_profile *p = sw_check_options(c)->profile;
	bool hearsay = !p->tls_from.confirmed && (status == SW_CHECK_FAIL || status == SW_CHECK_WARN);
	struct sw_finding *f = sw_check_report(c, id, hearsay ? SW_CHECK_SKIP : status, subject, expected, found);

	if (hearsay)
		sw_finding_add(c, f, "hint", "what profile %s says of TLS is not confirmed: ask the provider", p->name);
	return f;
}

bool sw_tls_known_root(const struct sw_profile *p, const struct sw_chain_shape *s, const struct sw_profile_root **root)
{
	for (size_t i = 0; i < p->n_roots; i++) {
		const struct sw_profile_root *r = &p->roots[i];

		if ((r->sha256 && !strcmp(r->sha256, s->root_sha256)) ||
		    (!r->sha256 && r->sha1 && !strcmp(r->sha1, s->root_sha1))) {
			*root = r;
			return true;
		}
	}
	return false;
}

void sw_tls_spawn(struct sw_check *c, const struct sw_endpoint *e, const char *what, sw_probe_fn *fn)
{
	struct sw_endpoint *copy = calloc(1, sizeof(*copy));
	char text[SW_ENDPOINT_STRLEN], name[SW_ENDPOINT_STRLEN + 40];

	if (!copy)
		return;
	*copy = *e;
	snprintf(name, sizeof(name), "tls %s, %s", sw_endpoint_text(e, text), what);
	(void)sw_check_spawn(c, SW_STAGE_TLS, name, fn, copy, free);
}

/* --- what does it speak, if no TLS? --- */

static size_t read_some(struct sw_talk *t, char *buf, size_t size, uint64_t ms)
{
	ssize_t n = sw_talk_recv(t, buf, size - 1, ms);

	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* In words; the port is asked in the clear. */
static void what_speaks(struct sw_check *c, const struct sw_endpoint *e, char dst[200])
{
	static const char ask[] =
		"OPTIONS sip:probe@invalid SIP/2.0\r\nVia: SIP/2.0/TCP sipward.invalid;branch=z9hG4bKspeaks\r\n"
		"From: <sip:check@sipward.invalid>;tag=1\r\nTo: <sip:probe@invalid>\r\nCall-ID: speaks@sipward.invalid\r\n"
		"CSeq: 1 OPTIONS\r\nMax-Forwards: 0\r\nContent-Length: 0\r\n\r\n";
	struct sw_talk_opts o = { .kind = SW_TALK_TCP, .addr = e->addr, .ms = sw_check_left(c), .stop_fd = sw_check_stop_fd(c) };
	struct sw_talk *t = NULL;
	char buf[512], why[160];
	size_t n;

	snprintf(dst, 200, "nothing that could be recognised");
	if (o.ms > 2000)
		o.ms = 2000;
	if (sw_talk_open(&t, &o, why) < 0)
		return;
	n = read_some(t, buf, sizeof(buf), o.ms / 4);
	if (n == 0 && sw_talk_send(t, ask, sizeof(ask) - 1, o.ms) == SW_OK)
		n = read_some(t, buf, sizeof(buf), o.ms);
	sw_talk_close(t);
	if (n == 0)
		snprintf(dst, 200, "nothing: no byte in the clear either");
	else if (!strncmp(buf, "SIP/2.0", 7))
		snprintf(dst, 200, "SIP without TLS");
	else if (!strncmp(buf, "HTTP/", 5) || strstr(buf, "<html"))
		snprintf(dst, 200, "HTTP");
	else if (!strncmp(buf, "SSH-", 4))
		snprintf(dst, 200, "SSH");
	else
		snprintf(dst, 200, "\"%.40s\"", buf);
}

/* --- the handshake that failed --- */

static void report_failure(struct sw_check *c, const struct sw_endpoint *e, const char *subject, const struct sw_tls_probe *p)
{
	enum sw_check_status status =
		p->end == SW_TLS_END_STOPPED || p->end == SW_TLS_END_OURS ? SW_CHECK_UNKNOWN : SW_CHECK_FAIL;
	struct sw_finding *f;
	char speaks[200], found[480];

	if (p->chain_too_long) {
		sw_check_report(c, SW_F_TLS_CHAIN_LONG, SW_CHECK_FAIL, subject, "at most 64 KiB of certificates", p->detail);
		return;
	}
	if (p->end == SW_TLS_END_NOT_TLS || p->end == SW_TLS_END_TIMEOUT || p->end == SW_TLS_END_CLOSED) {
		what_speaks(c, e, speaks);
		if (p->end == SW_TLS_END_NOT_TLS || !strncmp(speaks, "SIP", 3)) {
			snprintf(found, sizeof(found), "%s; asked in the clear, it speaks %s", p->detail, speaks);
			sw_check_report(c, SW_F_TLS_NOT_TLS, SW_CHECK_FAIL, subject, "TLS", found);
			return;
		}
		snprintf(found, sizeof(found), "%s; asked in the clear: %s", p->detail, speaks);
		sw_check_report(c, SW_F_TLS_HANDSHAKE, SW_CHECK_FAIL, subject, "a TLS handshake", found);
		return;
	}
	f = sw_check_report(c, SW_F_TLS_HANDSHAKE, status, subject, "a TLS handshake", p->detail);
	if (p->alert > 0)
		sw_finding_set_fix(c, f, "%s", sw_tls_alert_meaning(p->alert, false));
}

/* --- the handshake that came up, or got as far as the certificate --- */

static bool read_facts(struct sw_tls_case *t)
{
	STACK_OF(X509) *sent = t->p->sent;
	int n = sk_X509_num(sent);

	for (int i = 0; i < n; i++) {
		X509 *next = i + 1 < n ? sk_X509_value(sent, i + 1) : NULL;

		if (sw_cert_facts_read(&t->facts[i], sk_X509_value(sent, i), next, sw_check_time(t->c)) < 0)
			return false;
		t->n_facts++;
	}
	return n > 0;
}

static void judge_certificates(struct sw_tls_case *t)
{
	const struct sw_check_options *o = sw_check_options(t->c);
	const struct sw_conf_zone *zone = sw_check_zone(t->c, t->e);
	STACK_OF(X509) *rest = sw_chain_rest(t->p->sent);
	const struct sw_chain_policy policy = {
		.role = SW_TLS_PEER_IS_SERVER,
		.eku = zone ? zone->eku : SW_EKU_SERVER_OR_CLIENT,
		.revocation = zone ? zone->revocation : SW_REVOCATION_OFF,
		.depth = o->conf ? o->conf->tls.depth : 4,
		.now = sw_check_time(t->c),
	};

	if (t->trust)
		sw_chain_judge(&t->chain, t->p->leaf, rest, t->trust, &policy);
	else
		t->chain.reason = SW_R_TLS_UNKNOWN;
	sk_X509_free(rest);
	sw_chain_shape(&t->shape, t->p->sent, t->trust);
	sw_tls_judge_chain(t);
	sw_tls_judge_keys(t);
	sw_tls_judge_names(t);
	sw_tls_judge_revocation(t);
	sw_tls_judge_addresses(t);
	sw_tls_judge_zone(t, policy.depth);
}

static void report_handshake(struct sw_tls_case *t)
{
	const struct sw_tls_probe *p = t->p;
	struct sw_finding *f;
	char found[200];

	snprintf(found, sizeof(found), "%s, %s%s%s", p->version, p->suite, p->group[0] ? ", " : "", p->group);
	f = sw_check_report(t->c, SW_F_TLS_HANDSHAKE, SW_CHECK_PASS, t->subject, "a TLS handshake", found);
	sw_finding_took(f, p->ms_tls ? p->ms_tls : 1);
	sw_finding_add(t->c, f, "tcp_ms", "%llu", (unsigned long long)p->ms_tcp);
	sw_finding_add(t->c, f, "signature", "%s", p->signature);
	for (size_t i = 0; i < t->n_facts; i++) {
		const struct sw_identity *id = t->facts[i]->id;
		char names[300];

		sw_finding_add(t->c, f, "shown", "%zu: %s, issued by %s, %s %d bits", i, id->subject, id->issuer,
			       id->key_type, id->key_bits);
		if (i == 0)
			sw_finding_add(t->c, f, "names", "%s", sw_identity_names_text(id, names, sizeof(names)));
	}
}

static void look(struct sw_check *c, const struct sw_endpoint *e, const char *subject, const struct sw_tls_probe *p)
{
	struct sw_tls_case t = { .c = c, .e = e, .subject = subject, .p = p };
	const struct sw_check_options *o = sw_check_options(c);
	const struct sw_conf_zone *zone = sw_check_zone(c, e);
	struct sw_zoneset *zones = NULL;
	struct sw_trust *trust = NULL;
	struct sw_diag diag;
	char name[300];

	sw_diag_init(&diag);
	if (sw_tls_trust(c, zone, &trust, name, &t.system_trust) == SW_OK)
		t.trust = trust;
	t.trust_name = name;
	if (zone && o->conf && sw_zoneset_new(&zones, (struct sw_conf *)o->conf, &diag) == SW_OK)
		t.zone = sw_zoneset_find(zones, zone->name);
	if (p->leaf && read_facts(&t)) {
		if (p->end == SW_TLS_END_UP)
			report_handshake(&t);
		judge_certificates(&t);
		sw_dnscheck_shown(c, e, p, t.facts[0]->id, t.facts[t.n_facts - 1]->id->issuer, t.chain.reason == SW_R_OK);
	}
	for (size_t i = 0; i < t.n_facts; i++)
		sw_cert_facts_free(t.facts[i]);
	sw_trust_free(trust);
	sw_zoneset_unref(zones);
	sw_diag_free(&diag);
}

/* Refused for want of a certificate? Then it is no failure of the handshake, and judged as what it is. */
static bool wants_certificate(const struct sw_tls_probe *p)
{
	return p->leaf && p->cert_asked && (p->end == SW_TLS_END_ALERT || p->end == SW_TLS_END_CLOSED);
}

static void spawn_others(struct sw_check *c, const struct sw_endpoint *e, bool have)
{
	if (have)
		sw_tls_spawn(c, e, "without certificate", sw_tls_probe_bare);
	if (sw_tls_server_name(e))
		sw_tls_spawn(c, e, "without SNI", sw_tls_probe_sni);
	sw_tls_spawn(c, e, "settings", sw_tls_probe_settings);
	sw_tls_spawn(c, e, "resumption", sw_tls_probe_resumption);
}

static void probe(struct sw_check *c, void *arg)
{
	const struct sw_endpoint *e = arg;
	struct sw_tls_probe *p = NULL;
	struct sw_tls_probe_opts o;
	struct sw_conf_cert ours;
	char subject[SW_ENDPOINT_STRLEN];
	bool have = sw_tls_ours(c, e, &ours);

	sw_endpoint_text(e, subject);
	sw_tls_settings(c, e, have ? &ours : NULL, &o);
	o.status_request = true;
	if (sw_tls_probe_open(&p, &o) < 0)
		return;
	if (p->end == SW_TLS_END_OURS && have) { /* our own files: told by themselves; the server is looked at all the same */
		sw_tls_probe_free(p);
		have = false;
		o.cert = NULL;
		if (sw_tls_probe_open(&p, &o) < 0)
			return;
	}
	if (p->end != SW_TLS_END_UP && !wants_certificate(p)) {
		report_failure(c, e, subject, p);
		if (p->leaf)
			look(c, e, subject, p);
		sw_tls_probe_free(p);
		return;
	}
	look(c, e, subject, p);
	sw_tls_judge_ca_list(c, e, p, have);
	sw_tls_settle(c, p);
	sw_sip_over_tls(c, e, p, have);
	sw_tls_judge_client(c, e, p, have);
	sw_tls_probe_free(p);
	spawn_others(c, e, have);
}

void sw_check_tls(struct sw_check *c, const struct sw_endpoint *e)
{
	if (!sw_check_options(c)->profile->sip)
		return;
	sw_tls_spawn(c, e, sw_tls_mutual(c, e) ? "mutual TLS" : "TLS", probe);
	sw_sip_ports(c, e);
}
