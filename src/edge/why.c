/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a peer or a request was refused: what came, which rule failed, which zone was nearest, and what to change, here or at the
 * peer. Judged anew under the configuration of now, in the pool; what was decided then is told as it was.
 */
#include "edge/why.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/date.h"
#include "admin/control.h"
#include "edge/proofs.h"
#include "edge/refusal.h"
#include "tls/describe.h"
#include "zone/nearest.h"

enum { TEXT_MAX = 1 << 20, STATUS_UNKNOWN_ID = 2, STATUS_USAGE = 64, STATUS_INTERNAL = 70, LISTED_NAMES = 6 };

static const char *kind_text(enum sw_refusal_kind k)
{
	return k == SW_REFUSED_IN        ? "connection in"
	       : k == SW_REFUSED_OUT     ? "connection out"
	       : k == SW_REFUSED_REQUEST ? "request"
					 : "open connection";
}

/* A peer's bytes on a terminal: printable ASCII alone. */
static void safe(struct sw_buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s >= 0x20 && *s < 0x7f)
			sw_buf_put(out, s, 1);
		else
			sw_buf_printf(out, "\\x%02x", (unsigned char)*s);
	}
}

static void line(struct sw_buf *out, const char *label, const char *value)
{
	if (!value[0])
		return;
	sw_buf_printf(out, "  %-11s ", label);
	safe(out, value);
	sw_buf_str(out, "\n");
}

static void member(struct sw_buf *out, const char *name, const char *value)
{
	sw_buf_printf(out, "\"%s\":", name);
	sw_buf_json_str(out, sw_str_of(value));
}

/* --- the list --- */

void sw_why_list(const struct sw_edge *e, bool json, struct sw_buf *out)
{
	const struct sw_refusal *f;
	char when[32], addr[SW_ADDR_STRLEN];

	if (!json && !sw_refusals_count(e->refusals))
		sw_buf_str(out, e->gen->conf->limits.refusals ? "nothing was refused since the start\n"
							      : "limits.refusals is 0: nothing is kept\n");
	sw_buf_str(out, json ? "[" : "");
	for (size_t i = 0; (f = sw_refusal_at(e->refusals, i)); i++) {
		sw_date_time(f->last, when);
		sw_addr_host_text(&f->source, addr);
		if (json) {
			sw_buf_printf(out, "%s{\"id\":\"%016" PRIx64 "\",", i ? "," : "", f->id);
			member(out, "last", when);
			sw_buf_str(out, ",");
			member(out, "what", kind_text(f->kind));
			sw_buf_str(out, ",");
			member(out, "source", addr);
			sw_buf_str(out, ",");
			member(out, "zone", f->zone);
			sw_buf_str(out, ",");
			member(out, "reason", sw_reason_id(f->verdict.reason));
			sw_buf_printf(out, ",\"count\":%u}", f->count);
		} else {
			sw_buf_printf(out, "%016" PRIx64 "  %s  %5ux  %-15s %-15s %-24s ", f->id, when, f->count,
				      kind_text(f->kind), addr, sw_reason_id(f->verdict.reason));
			safe(out, f->verdict.detail);
			sw_buf_str(out, "\n");
		}
	}
	sw_buf_str(out, json ? "]\n" : "");
}

/* --- one explanation --- */

struct explanation {
	struct sw_edge *edge;
	sw_id request;
	struct sw_refusal *refusal; /* a copy: the ring's own goes on counting */
	struct sw_generation *gen;  /* a reference */
	bool json;
	int err;
	char proof[40]; /* of the caller's domain: "verified", ...; "" where it plays no part */
	struct sw_buf out;
	struct sw_near_zone near[SW_NEAREST_MAX];
	size_t n_near;
	bool passes_now;
};

struct chain_job {
	const struct sw_generation *gen;
	const struct sw_tls_peer *peer;
};

static void judge_chain(void *arg, const struct sw_zone *zone, struct sw_chain_result *out)
{
	const struct chain_job *job = arg;

	sw_generation_judge_client(job->gen, zone, job->peer, out);
}

/* How it would go now, and for which zones it nearly would. */
static void judge_again(struct explanation *x)
{
	const struct sw_refusal *f = x->refusal;
	int listener = sw_generation_listener(x->gen, f->listener);
	struct chain_job job = { x->gen, &f->peer };
	struct sw_admit_facts facts = {
		.source = f->source,
		.identity = f->peer.has_cert ? f->peer.identity : NULL,
		.chain = judge_chain,
		.chain_arg = &job,
	};
	struct sw_admission now;

	if (f->kind != SW_REFUSED_IN && f->kind != SW_REFUSED_OPEN)
		return;
	if (listener < 0)
		return;
	facts.listener = &x->gen->conf->listeners[listener];
	x->n_near = sw_zone_nearest(x->gen->zones, &facts, x->near);
	if (f->tls && f->peer.has_cert) {
		sw_generation_admit(x->gen, (unsigned)listener, &f->source, &f->peer, &now);
		x->passes_now = sw_verdict_ok(&now.verdict) && now.zone && now.zone->conf->kind != SW_ZONE_DEFAULT;
	}
}

static void carried(const struct sw_refusal *f, char *dst, size_t size)
{
	dst[0] = '\0';
	if (f->peer.identity)
		sw_identity_names_text(f->peer.identity, dst, size);
}

/* The first name that could be listed in a zone. */
static const char *usable_name(const struct sw_refusal *f)
{
	const struct sw_identity *id = f->peer.identity;

	for (size_t i = 0; id && i < id->n_names; i++)
		if (!id->names[i].malformed && id->names[i].host && !id->names[i].user)
			return id->names[i].host;
	return NULL;
}

static void near_line(const struct sw_near_zone *n, const struct sw_refusal *f, struct sw_buf *out)
{
	char addr[SW_ADDR_STRLEN];
	const char *name = n->zone->conf->name;
	struct sw_verdict v;

	sw_buf_printf(out, "  zone \"%s\" (%s, match = \"%s\")%s\n", name, sw_zone_kind_name(n->zone->conf->kind),
		      sw_match_mode_name(n->zone->conf->match), n->distance ? "" : ": would take it now");
	if (n->name == SW_R_OK) {
		sw_buf_str(out, "    + name\n");
	} else {
		sw_buf_printf(out, "    - name: %s. The zone wants", sw_reason_text(n->name));
		for (size_t i = 0; i < n->zone->n_names && i < LISTED_NAMES; i++)
			sw_buf_printf(out, "%s %s", i ? "," : "", n->zone->names[i]);
		sw_buf_str(out, n->zone->n_names > LISTED_NAMES ? ", ...\n" : n->zone->n_names ? "\n" : " a pinned key\n");
	}
	if (n->chain == SW_R_OK) {
		sw_buf_str(out, "    + chain, by the zone's own trust list\n");
	} else if (n->chain != SW_R_DENY) {
		v = sw_chain_verdict(&n->result);
		sw_buf_printf(out, "    - chain: %s: ", sw_reason_id(n->chain));
		safe(out, v.detail);
		sw_buf_str(out, "\n");
	}
	if (!n->listener)
		sw_buf_printf(out, "    - listener: it is not served on \"%s\"\n", f->listener);
	if (!n->source)
		sw_buf_printf(out, "    - source: %s is in none of its networks\n", sw_addr_host_text(&f->source, addr));
}

/* --- what to change --- */

static void advise_chain(const struct sw_near_zone *n, struct sw_buf *out)
{
	const char *zone = n->zone->conf->name;

	switch (n->chain) {
	case SW_R_TLS_CHAIN:
		sw_buf_printf(
			out,
			"  here: if its CA is to be believed, add the CA's certificate to the trust list of zone \"%s\":\n"
			"        trust = ( ..., \"/etc/sipward/trust.d/NAME.pem\" );\n"
			"  peer: send the intermediate certificates with the leaf, or get a certificate of a CA in that list\n",
			zone);
		break;
	case SW_R_TLS_PURPOSE:
		sw_buf_printf(out,
			      "  here: eku = \"%s\";   # zone \"%s\"\n  peer: get a certificate with the clientAuth purpose\n",
			      n->zone->conf->eku == SW_EKU_STRICT ? "server-or-client" : "any", zone);
		break;
	case SW_R_TLS_EXPIRED:
		sw_buf_str(out, "  peer: renew the certificate; detail tells which of the chain\n");
		break;
	case SW_R_TLS_NOT_YET:
		sw_buf_str(out, "  here and peer: compare the clocks; the certificate's time has not come\n");
		break;
	case SW_R_TLS_REVOKED:
		sw_buf_str(out, "  peer: the CA has revoked the certificate: get a new one\n");
		break;
	default:
		sw_buf_printf(out, "  %s\n", sw_reason_fix(n->chain));
		break;
	}
}

static void advise_name(const struct sw_near_zone *n, const struct sw_refusal *f, struct sw_buf *out)
{
	const char *zone = n->zone->conf->name, *name = usable_name(f);

	if (n->name == SW_R_ID_WILDCARD)
		sw_buf_printf(out,
			      "  here: allow_wildcard = true;   # zone \"%s\", if every host below that name is the peer's\n",
			      zone);
	else if (n->name == SW_R_ID_PIN)
		sw_buf_printf(out, "  here: add the key's pin (above) to pins of zone \"%s\", if the key is expected\n", zone);
	else if (name)
		sw_buf_printf(out, "  here: names = ( ..., \"%s\" );   # zone \"%s\", if that is the peer\n", name, zone);
	sw_buf_printf(out, "  peer: get a certificate with one of the names zone \"%s\" wants, as match = \"%s\" has it\n", zone,
		      sw_match_mode_name(n->zone->conf->match));
}

static void advise_conn(const struct explanation *x, struct sw_buf *out)
{
	const struct sw_near_zone *n = x->n_near ? &x->near[0] : NULL;
	const struct sw_refusal *f = x->refusal;
	char addr[SW_ADDR_STRLEN];

	if (x->passes_now) {
		sw_buf_str(out, "  nothing: under the configuration of now it would be admitted\n");
		return;
	}
	if (!n) {
		sw_buf_printf(out, "  %s\n", sw_reason_fix(f->verdict.reason));
		return;
	}
	if (n->name != SW_R_OK)
		advise_name(n, f, out);
	if (n->chain != SW_R_OK && n->chain != SW_R_DENY)
		advise_chain(n, out);
	if (!n->listener)
		sw_buf_printf(
			out,
			"  here: listeners = ( ..., \"%s\" );   # zone \"%s\"; or let the peer use the port it is served on\n",
			f->listener, n->zone->conf->name);
	if (!n->source)
		sw_buf_printf(out, "  here: sources = ( ..., \"%s\" );   # zone \"%s\"\n", sw_addr_host_text(&f->source, addr),
			      n->zone->conf->name);
}

static void advise_request(const struct explanation *x, struct sw_buf *out)
{
	const struct sw_refusal *f = x->refusal;
	const char *at = strrchr(f->from, '@'), *domain = at ? at + 1 : f->from;
	const struct sw_zone *zone = sw_generation_zone(x->gen, f->zone);

	switch (f->verdict.reason) {
	case SW_R_AUTH_UNPROVED:
		sw_buf_str(out, "  here: sipward domain token ");
		safe(out, domain);
		sw_buf_str(out, "   # whoever owns the domain publishes the record; then: sipward domain verify ");
		safe(out, domain);
		sw_buf_str(out, "\n");
		break;
	case SW_R_AUTH_FROM_DOMAIN:
		sw_buf_str(out, "  here: domains = ( ..., \"");
		safe(out, domain);
		sw_buf_printf(out, "\" );   # zone \"%s\", if the peer may speak for it; then prove it\n", f->zone);
		break;
	case SW_R_AUTH_LOCAL_DOMAIN:
		sw_buf_printf(out,
			      "  here: may_assert_local = true;   # zone \"%s\", only if it is your own cloud\n"
			      "  peer: a caller from outside must not use one of your own domains\n",
			      f->zone);
		break;
	default:
		sw_buf_printf(out, "  %s\n", sw_reason_fix(f->verdict.reason));
		break;
	}
	if (zone && zone->n_domains) {
		sw_buf_printf(out, "  zone \"%s\" may speak for:", f->zone);
		for (size_t i = 0; i < zone->n_domains && i < LISTED_NAMES; i++)
			sw_buf_printf(out, "%s %s", i ? "," : "", zone->domains[i]);
		sw_buf_str(out, zone->n_domains > LISTED_NAMES ? ", ...\n" : "\n");
	}
}

static void advise(const struct explanation *x, struct sw_buf *out)
{
	const struct sw_refusal *f = x->refusal;

	if (f->kind == SW_REFUSED_REQUEST)
		advise_request(x, out);
	else if (f->kind == SW_REFUSED_OUT)
		sw_buf_printf(out, "  %s\n", sw_reason_fix(f->verdict.reason));
	else
		advise_conn(x, out);
}

/* --- as text --- */

static void write_text(struct explanation *x)
{
	const struct sw_refusal *f = x->refusal;
	struct sw_buf *out = &x->out;
	char text[400], when[32];

	sw_buf_printf(out, "%016" PRIx64 ": %s refused: %s\n", f->id, kind_text(f->kind), sw_reason_id(f->verdict.reason));
	sw_buf_printf(out, "  %s\n", sw_reason_text(f->verdict.reason));
	line(out, "detail", f->verdict.detail);
	line(out, "when", sw_date_time(f->last, when));
	if (f->count > 1) {
		snprintf(text, sizeof(text), "%u times since %s", f->count, sw_date_time(f->first, when));
		line(out, "seen", text);
	}
	line(out, f->kind == SW_REFUSED_OUT ? "target" : "source", sw_addr_text(&f->source, text));
	line(out, f->kind == SW_REFUSED_OUT ? "host" : "listener", f->kind == SW_REFUSED_OUT ? f->target_host : f->listener);
	line(out, "zone", f->zone);
	line(out, "had to be", f->reference);
	if (f->kind == SW_REFUSED_REQUEST) {
		line(out, "method", f->method);
		line(out, "from", f->from);
		line(out, "to", f->to);
		line(out, "Call-ID", f->callid);
		line(out, "proof", x->proof);
		snprintf(text, sizeof(text), "%d", f->status);
		line(out, "answered", f->status ? text : "nothing");
	}
	if (f->tls) {
		snprintf(text, sizeof(text), "%s %s %s", f->peer.version, f->peer.cipher, f->peer.group);
		line(out, "TLS", text[0] == ' ' ? "" : text);
		line(out, "SNI", f->peer.sni);
		carried(f, text, sizeof(text));
		line(out, "names", text);
	}
	if (f->chain.reason != SW_R_DENY && f->chain.reason != SW_R_OK && f->peer.has_cert) {
		struct sw_verdict v = sw_chain_verdict(&f->chain);

		line(out, "chain", v.detail);
	}
	if (f->peer.has_cert) {
		sw_buf_str(out, "\nWhat it showed\n");
		x->err = sw_tls_peer_describe(&f->peer, f->last, false, out);
	} else if (f->tls && f->kind != SW_REFUSED_REQUEST) {
		sw_buf_str(out, "\nIt showed no certificate.\n");
	}
	if (x->n_near)
		sw_buf_str(out, "\nNearest zones, as they are now\n");
	for (size_t i = 0; i < x->n_near; i++)
		near_line(&x->near[i], f, out);
	sw_buf_str(out, "\nWhat to do\n");
	advise(x, out);
}

/* --- as JSON --- */

static void write_json(struct explanation *x)
{
	const struct sw_refusal *f = x->refusal;
	struct sw_buf *out = &x->out, fix;
	char text[400];

	sw_buf_printf(out, "{\"id\":\"%016" PRIx64 "\",", f->id);
	member(out, "what", kind_text(f->kind));
	sw_buf_str(out, ",");
	member(out, "reason", sw_reason_id(f->verdict.reason));
	sw_buf_str(out, ",");
	member(out, "text", sw_reason_text(f->verdict.reason));
	sw_buf_str(out, ",");
	member(out, "detail", f->verdict.detail);
	sw_buf_str(out, ",");
	member(out, "first", sw_date_time(f->first, text));
	sw_buf_str(out, ",");
	member(out, "last", sw_date_time(f->last, text));
	sw_buf_printf(out, ",\"count\":%u,", f->count);
	member(out, "source", sw_addr_text(&f->source, text));
	sw_buf_str(out, ",");
	member(out, "listener", f->listener);
	sw_buf_str(out, ",");
	member(out, "zone", f->zone);
	if (f->kind == SW_REFUSED_REQUEST) {
		sw_buf_str(out, ",");
		member(out, "method", f->method);
		sw_buf_str(out, ",");
		member(out, "from", f->from);
		sw_buf_str(out, ",");
		member(out, "to", f->to);
		sw_buf_str(out, ",");
		member(out, "call_id", f->callid);
		sw_buf_printf(out, ",\"status\":%d", f->status);
	}
	sw_buf_printf(out, ",\"x509_error\":%d,\"depth\":%d,\"chain\":", f->chain.x509_error, f->chain.depth);
	x->err = sw_tls_peer_describe(&f->peer, f->last, true, out);
	sw_buf_str(out, ",\"nearest\":[");
	for (size_t i = 0; i < x->n_near; i++) {
		const struct sw_near_zone *n = &x->near[i];

		sw_buf_str(out, i ? ",{" : "{");
		member(out, "zone", n->zone->conf->name);
		sw_buf_str(out, ",");
		member(out, "name", sw_reason_id(n->name));
		sw_buf_str(out, ",");
		member(out, "chain", sw_reason_id(n->chain));
		sw_buf_printf(out, ",\"listener\":%s,\"source\":%s}", n->listener ? "true" : "false",
			      n->source ? "true" : "false");
	}
	sw_buf_printf(out, "],\"passes_now\":%s,", x->passes_now ? "true" : "false");
	sw_buf_init(&fix, TEXT_MAX);
	advise(x, &fix);
	sw_buf_str(out, "\"fix\":");
	sw_buf_json_str(out, sw_str_trim(sw_buf_view(&fix)));
	sw_buf_str(out, "}\n");
	if (x->err == SW_OK)
		x->err = sw_buf_error(&fix);
	sw_buf_free(&fix);
}

static void work(void *arg)
{
	struct explanation *x = arg;

	judge_again(x);
	if (x->json)
		write_json(x);
	else
		write_text(x);
	if (x->err == SW_OK)
		x->err = sw_buf_error(&x->out);
}

static void done(void *arg, int status)
{
	struct explanation *x = arg;
	struct sw_edge *e = x->edge;

	if (!e->stopping && e->control) {
		if (status < 0 || x->err < 0)
			sw_control_reply(e->control, x->request, STATUS_INTERNAL, SW_STR("out of memory\n"));
		else
			sw_control_reply(e->control, x->request, 0, sw_buf_view(&x->out));
	}
	sw_buf_free(&x->out);
	sw_refusal_free(x->refusal);
	sw_generation_unref(x->gen);
	free(x);
}

static bool read_id(const char *text, uint64_t *id)
{
	if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
		return false;
	*id = strtoull(text, NULL, 16);
	return true;
}

static void proof_of(const struct sw_edge *e, const char *domain, char *dst, size_t size)
{
	const struct sw_proof *proofs;
	char name[256];
	size_t n;

	proofs = sw_proofs_list(e->proofs, &n);
	if (sw_domain_normalize(name, sw_str_of(domain)) < 0)
		return;
	snprintf(dst, size, "%s", "no token was issued for the domain");
	for (size_t i = 0; i < n; i++)
		if (!strcmp(proofs[i].domain, name))
			snprintf(dst, size, "the domain is %s", sw_proof_state_name(proofs[i].state));
}

void sw_why_explain(struct sw_edge *e, sw_id request, const char *text, bool json)
{
	struct sw_refusal *f;
	struct explanation *x;
	char reply[200];
	uint64_t id;

	if (!read_id(text, &id)) {
		sw_control_reply(
			e->control, request, STATUS_USAGE,
			SW_STR("an id has 16 hex digits: id= of a refusal in the log, or \"sipward why\" for the list\n"));
		return;
	}
	f = sw_refusal_find(e->refusals, id);
	if (!f) {
		snprintf(reply, sizeof(reply),
			 "no refusal %s: the last %zu are kept (limits.refusals), none from before the start\n", text,
			 sw_refusals_count(e->refusals));
		sw_control_reply(e->control, request, STATUS_UNKNOWN_ID, sw_str_of(reply));
		return;
	}
	x = calloc(1, sizeof(*x));
	if (!x) {
		sw_control_reply(e->control, request, STATUS_INTERNAL, SW_STR("out of memory\n"));
		return;
	}
	*x = (struct explanation){ .edge = e, .request = request, .refusal = sw_refusal_copy(f), .json = json };
	if (!x->refusal) {
		free(x);
		sw_control_reply(e->control, request, STATUS_INTERNAL, SW_STR("out of memory\n"));
		return;
	}
	x->gen = sw_generation_ref(e->gen);
	if (f->kind == SW_REFUSED_REQUEST) {
		const char *at = strrchr(f->from, '@');

		proof_of(e, at ? at + 1 : f->from, x->proof, sizeof(x->proof));
	}
	sw_buf_init(&x->out, TEXT_MAX);
	if (sw_loop_work(e->loop, work, done, x) < 0)
		done(x, SW_ENOMEM);
}
