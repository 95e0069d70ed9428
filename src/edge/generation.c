/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/generation.h"
#include "tls/pulled.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include "zone/prove.h"

static atomic_uint alive;

unsigned sw_generation_alive(void)
{
	return atomic_load(&alive);
}

static bool on_listener(const struct sw_conf_zone *z, const char *listener)
{
	for (size_t i = 0; i < z->listeners.n; i++)
		if (!strcmp(z->listeners.v[i], listener))
			return true;
	return false;
}

static int load_zone(struct sw_generation *g, size_t i, struct sw_diag *diag)
{
	const struct sw_conf_zone *z = &g->conf->zones[i];
	int err;

	if (z->trust.n == 0)
		return SW_OK;
	err = sw_trust_load_zone(&g->trust[i], g->conf, z, diag);
	if (err < 0) {
		sw_diag_add(diag, SW_DIAG_ERROR, g->conf->path, z->line, "zone \"%s\": its trust list can't be used: %s", z->name,
			    sw_error_text(err));
		return err;
	}
	if (z->kind == SW_ZONE_DEFAULT || z->target_transport == SW_TRANSPORT_TCP)
		return SW_OK;
	err = sw_tls_ctx_client(&g->client_ctx[i], g->conf, z, g->trust[i], diag);
	if (err < 0)
		sw_diag_add(diag, SW_DIAG_ERROR, g->conf->path, z->line, "zone \"%s\": no TLS towards it: %s", z->name, sw_error_text(err));
	return err;
}

static int load_listener(struct sw_generation *g, size_t i, struct sw_diag *diag)
{
	const struct sw_conf_listener *l = &g->conf->listeners[i];
	const struct sw_trust **lists;
	enum sw_eku_policy eku = SW_EKU_STRICT;
	size_t n = 0;
	int err = SW_OK;

	if (l->transport == SW_TRANSPORT_TCP)
		return SW_OK;
	lists = calloc(g->conf->n_zones + 1, sizeof(struct sw_trust *));
	if (!lists)
		return SW_ENOMEM;
	for (size_t z = 0; z < g->conf->n_zones; z++) {
		const struct sw_conf_zone *zone = &g->conf->zones[z];

		if (!g->trust[z] || !on_listener(zone, l->name))
			continue;
		lists[n++] = g->trust[z];
		if (zone->eku > eku)
			eku = zone->eku;  /* the enum goes from strict to lenient */
	}
	if (n)
		err = sw_trust_union(&g->listener_trust[i], lists, n);
	free(lists);
	if (n == 0 && l->transport == SW_TRANSPORT_MTLS) {
		sw_diag_add(diag, SW_DIAG_ERROR, g->conf->path, l->line,
			    "listener \"%s\" wants client certificates, but no zone on it has a trust list: nobody could ever connect", l->name);
		return SW_ECONF;
	}
	if (err == SW_OK)
		err = sw_tls_ctx_server(&g->server_ctx[i], g->conf, l, g->listener_trust[i], eku, diag);
	if (err < 0)
		sw_diag_add(diag, SW_DIAG_ERROR, g->conf->path, l->line, "listener \"%s\": TLS can't be set up: %s", l->name,
			    sw_error_text(err));
	return err;
}

int sw_generation_new(struct sw_generation **out, struct sw_conf *conf, struct sw_diag *diag)
{
	struct sw_generation *g = calloc(1, sizeof(*g));
	int err = SW_OK, first = SW_OK;

	if (!g)
		return SW_ENOMEM;
	g->refs = 1;
	atomic_fetch_add(&alive, 1);
	g->conf = sw_conf_ref(conf);
	g->trust = calloc(conf->n_zones + 1, sizeof(struct sw_trust *));
	g->client_ctx = calloc(conf->n_zones + 1, sizeof(struct sw_tls_ctx *));
	g->listener_trust = calloc(conf->n_listeners + 1, sizeof(struct sw_trust *));
	g->server_ctx = calloc(conf->n_listeners + 1, sizeof(struct sw_tls_ctx *));
	if (!g->trust || !g->client_ctx || !g->listener_trust || !g->server_ctx) {
		sw_generation_unref(g);
		return SW_ENOMEM;
	}
	/* All errors are told, not the first. */
	first = sw_zoneset_new(&g->zones, conf, diag);
	for (size_t i = 0; i < conf->n_zones; i++) {
		err = load_zone(g, i, diag);
		first = first < 0 ? first : err;
	}
	for (size_t i = 0; i < conf->n_listeners; i++) {
		err = load_listener(g, i, diag);
		first = first < 0 ? first : err;
	}
	if (first < 0) {
		sw_generation_unref(g);
		return first == SW_ENOMEM ? SW_ENOMEM : SW_ECONF;
	}
	*out = g;
	return SW_OK;
}

int sw_generation_may_replace(const struct sw_generation *g, const struct sw_generation *old, struct sw_diag *diag)
{
	const struct sw_tls_ctx **all = calloc(old->conf->n_listeners + old->conf->n_zones + 1, sizeof(struct sw_tls_ctx *));
	size_t n = 0;
	int err = SW_OK;

	if (!all)
		return SW_ENOMEM;
	for (size_t i = 0; i < old->conf->n_listeners; i++)
		all[n++] = old->server_ctx[i];
	for (size_t i = 0; i < old->conf->n_zones; i++)
		all[n++] = old->client_ctx[i];
	for (size_t i = 0; i < g->conf->n_listeners; i++)
		if (g->server_ctx[i] && sw_tls_ctx_may_replace(g->server_ctx[i], all, n, diag) < 0)
			err = SW_ECONF;
	/* A zone that presents a listener's certificate would only say it again. */
	for (size_t i = 0; i < g->conf->n_zones; i++)
		if (g->client_ctx[i] && g->conf->zones[i].client_cert.cert && sw_tls_ctx_may_replace(g->client_ctx[i], all, n, diag) < 0)
			err = SW_ECONF;
	free(all);
	return err;
}

static bool fetches(const struct sw_conf_zone *z)
{
	return z->crl_fetch && z->revocation != SW_REVOCATION_OFF;
}

void sw_generation_fetch(struct sw_generation *g, struct sw_crls *crls, struct sw_ocsps *ocsps)
{
	int64_t now = time(NULL);

	g->ocsps = sw_ocsps_ref(ocsps);
	for (size_t l = 0; l < g->conf->n_listeners; l++)
		if (g->server_ctx[l])
			sw_tls_ctx_staple(g->server_ctx[l], ocsps);
	for (size_t z = 0; z < g->conf->n_zones; z++) {
		const struct sw_conf_zone *zone = &g->conf->zones[z];

		if (!g->trust[z] || !fetches(zone))
			continue;
		sw_trust_fetch(g->trust[z], crls, now);
		for (size_t l = 0; l < g->conf->n_listeners; l++)
			if (g->listener_trust[l] && on_listener(zone, g->conf->listeners[l].name))
				sw_trust_fetch(g->listener_trust[l], crls, now);
	}
}

struct warning {
	const struct sw_generation *g;
	const struct sw_conf_zone *zone;
	const struct sw_ca_status *status;
	int64_t now;
	struct sw_diag *diag;
};

static void warn_of(void *arg, const struct sw_ca_info *ca)
{
	const struct warning *w = arg;

	for (size_t i = 0; i < w->status->n_events; i++) {
		const struct sw_ca_event *e = &w->status->events[i];

		if (e->kind != SW_CA_NO_CLIENT_AUTH && e->date <= w->now && sw_ca_event_is_about(e, ca->subject, ca->sha256))
			sw_diag_add(w->diag, SW_DIAG_WARN, w->g->conf->path, w->zone->line,
				    "zone \"%s\": CA \"%s\" is %s since %s by %s%s (as of %s)", w->zone->name, ca->subject,
				    e->kind == SW_CA_REMOVED ? "no longer trusted" : "distrusted", e->date_text, e->by, e->confirmed ? "" : ", it is said", e->as_of ? e->as_of : w->status->as_of);
	}
}

void sw_generation_warn(const struct sw_generation *g, const struct sw_ca_status *status, int64_t now, struct sw_diag *diag)
{
	struct warning w = { .g = g, .status = status, .now = now, .diag = diag };

	for (size_t i = 0; status && i < g->conf->n_zones; i++) {
		w.zone = &g->conf->zones[i];
		sw_trust_each_ca(g->trust[i], warn_of, &w);
	}
}

struct sw_generation *sw_generation_ref(struct sw_generation *g)
{
	__atomic_add_fetch(&g->refs, 1, __ATOMIC_RELAXED);
	return g;
}

void sw_generation_unref(struct sw_generation *g)
{
	if (!g || __atomic_sub_fetch(&g->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (size_t i = 0; g->trust && i < g->conf->n_zones; i++)
		sw_trust_free(g->trust[i]);
	for (size_t i = 0; g->client_ctx && i < g->conf->n_zones; i++)
		sw_tls_ctx_unref(g->client_ctx[i]);
	for (size_t i = 0; g->listener_trust && i < g->conf->n_listeners; i++)
		sw_trust_free(g->listener_trust[i]);
	for (size_t i = 0; g->server_ctx && i < g->conf->n_listeners; i++)
		sw_tls_ctx_unref(g->server_ctx[i]);
	free(g->trust);
	free(g->client_ctx);
	free(g->listener_trust);
	free(g->server_ctx);
	sw_ocsps_unref(g->ocsps);
	sw_zoneset_unref(g->zones);
	sw_conf_unref(g->conf);
	free(g);
	atomic_fetch_sub(&alive, 1);
}

struct chain_job {
	const struct sw_generation *g;
	const struct sw_tls_peer *peer;
};

/* The chain is good so far: what does its CA's responder say? Where it was never asked, the chain stays good for now. */
static void ask_ocsp(const struct chain_job *job, const struct sw_zone *zone, struct sw_chain_result *out)
{
	struct sw_ocsp_result answer = { .status = SW_OCSP_UNKNOWN, .text = "nobody can be asked about it" };
	X509 *leaf = job->peer->leaf;
	X509 *issuer = sw_ocsp_issuer(out, leaf, job->peer->untrusted, job->g->trust[zone->index]);

	if (job->g->ocsps && issuer)
		out->ocsp_pending = sw_ocsps_look(job->g->ocsps, leaf, issuer, time(NULL), &answer, out->ocsp_key);
	if (!out->ocsp_pending)
		sw_ocsp_weigh(out, zone->conf->ocsp, SW_TLS_PEER_IS_CLIENT, leaf, &answer);
}

static void judge_chain(void *arg, const struct sw_zone *zone, struct sw_chain_result *out)
{
	const struct chain_job *job = arg;
	const struct sw_chain_policy policy = {
		.role = SW_TLS_PEER_IS_CLIENT,
		.eku = zone->conf->eku,
		.revocation = zone->conf->revocation,
		.depth = job->g->conf->tls.depth,
		.now = time(NULL),
	};

	*out = (struct sw_chain_result){ .reason = SW_R_TLS_UNKNOWN };
	if (job->peer->leaf && job->g->trust[zone->index])
		sw_chain_judge(out, job->peer->leaf, job->peer->untrusted, job->g->trust[zone->index], &policy);
	if (out->reason == SW_R_OK && zone->conf->ocsp != SW_REVOCATION_OFF)
		ask_ocsp(job, zone, out);
}

void sw_generation_judge_client(const struct sw_generation *g, const struct sw_zone *zone, const struct sw_tls_peer *peer,
				struct sw_chain_result *out)
{
	struct chain_job job = { g, peer };

	judge_chain(&job, zone, out);
}

void sw_generation_admit(const struct sw_generation *g, unsigned listener, const struct sw_addr *source,
			 const struct sw_tls_peer *peer, struct sw_admission *out)
{
	struct chain_job job = { g, peer };
	const struct sw_admit_facts facts = {
		.listener = &g->conf->listeners[listener],
		.source = *source,
		.identity = peer && peer->has_cert ? peer->identity : NULL,
		.chain = judge_chain,
		.chain_arg = &job,
	};

	*out = (struct sw_admission){ 0 };
	sw_zone_admit(g->zones, &facts, out);
}

void sw_generation_prove_server(const struct sw_generation *g, const struct sw_zone *zone, const char *reference,
				const char *target_host, const struct sw_tls_peer *peer, struct sw_admission *out)
{
	const struct sw_prove_facts facts = {
		.zone = zone,
		.trust = g->trust[zone->index],
		.depth = g->conf->tls.depth,
		.now = time(NULL),
		.reference = reference,
		.target_host = target_host,
		.peer = peer,
	};

	sw_zone_prove_server(&facts, out);
}

const struct sw_zone *sw_generation_zone(const struct sw_generation *g, const char *name)
{
	return sw_zoneset_find(g->zones, name);
}

int sw_generation_listener(const struct sw_generation *g, const char *name)
{
	for (size_t i = 0; i < g->conf->n_listeners; i++)
		if (!strcmp(g->conf->listeners[i].name, name))
			return (int)i;
	return -1;
}

const struct sw_conf_listener *sw_generation_side(const struct sw_generation *g, const struct sw_zone *zone)
{
	int i = zone->conf->listeners.n ? sw_generation_listener(g, zone->conf->listeners.v[0]) : -1;

	return &g->conf->listeners[i < 0 ? 0 : i];
}
