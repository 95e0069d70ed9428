/* SPDX-License-Identifier: Apache-2.0 */
/* Everything a configuration names: its files through the daemon's loading code, its proofs, and whom it calls. */
#include "check/check_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "store/proofs.h"
#include "tls/tls.h"
#include "zone/zone.h"

/* --- what the daemon would load --- */

struct load {
	struct sw_check *c;
	const struct sw_conf *conf;
	struct sw_trust **trust;             /* parallel to zones; NULL where there is none, or it failed */
};

/* One finding for each thing that was said, or one that all is well. */
static void told(struct sw_check *c, const char *subject, const struct sw_diag *diag, int err)
{
	char found[600];

	for (size_t i = 0; i < diag->n; i++) {
		const struct sw_diag_entry *e = &diag->entries[i];

		if (e->level == SW_DIAG_NOTE)
			continue;
		snprintf(found, sizeof(found), "%s%s%.500s", e->file ? e->file : "", e->file ? ": " : "", e->text);
		sw_check_report(c, SW_F_CONF_LOADS, e->level == SW_DIAG_ERROR ? SW_CHECK_FAIL : SW_CHECK_WARN, subject, "it can be used", found);
	}
	if (err < 0 && diag->errors == 0)
		sw_check_report(c, SW_F_CONF_LOADS, err == SW_ENOMEM ? SW_CHECK_UNKNOWN : SW_CHECK_FAIL, subject, "it can be used", sw_error_text(err));
	else if (diag->errors == 0 && diag->warnings == 0)
		sw_check_report(c, SW_F_CONF_LOADS, SW_CHECK_PASS, subject, "it can be used", "loaded");
}

static void load_zones(struct load *l)
{
	struct sw_zoneset *set = NULL;
	struct sw_diag diag;
	int err;

	sw_diag_init(&diag);
	err = sw_zoneset_new(&set, (struct sw_conf *)l->conf, &diag);   /* it counts a reference, and drops it below */
	told(l->c, l->conf->path ? l->conf->path : "the configuration", &diag, err);
	sw_diag_free(&diag);
	sw_zoneset_unref(set);
}

static void load_zone(struct load *l, size_t i)
{
	const struct sw_conf_zone *z = &l->conf->zones[i];
	struct sw_tls_ctx *ctx = NULL;
	struct sw_diag diag;
	char subject[160];
	int err;

	if (z->trust.n == 0)
		return;
	snprintf(subject, sizeof(subject), "zone \"%.120s\"", z->name);
	sw_diag_init(&diag);
	err = sw_trust_load(&l->trust[i], &z->trust, &z->crls, &diag);
	if (err == SW_OK && z->kind != SW_ZONE_DEFAULT && z->target_transport != SW_TRANSPORT_TCP)
		err = sw_tls_ctx_client(&ctx, l->conf, z, l->trust[i], &diag);
	told(l->c, subject, &diag, err);
	sw_diag_free(&diag);
	sw_tls_ctx_unref(ctx);
}

static bool on_listener(const struct sw_conf_zone *z, const char *listener)
{
	for (size_t i = 0; i < z->listeners.n; i++)
		if (!strcmp(z->listeners.v[i], listener))
			return true;
	return false;
}

static void load_listener(struct load *l, const struct sw_conf_listener *listener, const struct sw_trust **lists)
{
	enum sw_eku_policy eku = SW_EKU_STRICT;
	struct sw_trust *all = NULL;
	struct sw_tls_ctx *ctx = NULL;
	struct sw_diag diag;
	char subject[160];
	int err = SW_OK;
	size_t n = 0;

	if (listener->transport == SW_TRANSPORT_TCP)
		return;
	for (size_t z = 0; z < l->conf->n_zones; z++)
		if (l->trust[z] && on_listener(&l->conf->zones[z], listener->name)) {
			lists[n++] = l->trust[z];
			eku = l->conf->zones[z].eku > eku ? l->conf->zones[z].eku : eku;
		}
	snprintf(subject, sizeof(subject), "listener \"%.120s\"", listener->name);
	sw_diag_init(&diag);
	if (n)
		err = sw_trust_union(&all, lists, n);
	if (n == 0 && listener->transport == SW_TRANSPORT_MTLS) {
		sw_diag_add(&diag, SW_DIAG_ERROR, l->conf->path, listener->line,
			    "it wants client certificates, but no zone on it has a usable trust list: nobody could ever connect");
		err = SW_ECONF;
	}
	if (err == SW_OK)
		err = sw_tls_ctx_server(&ctx, l->conf, listener, all, eku, &diag);
	told(l->c, subject, &diag, err);
	sw_diag_free(&diag);
	sw_tls_ctx_unref(ctx);
	sw_trust_free(all);
}

static void load_all(struct sw_check *c, void *arg)
{
	struct load l = { .c = c, .conf = c->options.conf };
	const struct sw_trust **lists = calloc(l.conf->n_zones + 1, sizeof(struct sw_trust *));

	(void)arg;
	l.trust = calloc(l.conf->n_zones + 1, sizeof(struct sw_trust *));
	if (!lists || !l.trust) {
		atomic_store(&c->no_memory, true);
		goto out;
	}
	load_zones(&l);
	for (size_t i = 0; i < l.conf->n_zones; i++)
		load_zone(&l, i);
	for (size_t i = 0; i < l.conf->n_listeners; i++)
		load_listener(&l, &l.conf->listeners[i], lists);
out:
	for (size_t i = 0; l.trust && i < l.conf->n_zones; i++)
		sw_trust_free(l.trust[i]);
	free(l.trust);
	free(lists);
}

/* --- proofs --- */

static void proof(struct sw_check *c, struct sw_store *store, const struct sw_conf_zone *z, const char *domain)
{
	char subject[400], found[160];
	enum sw_check_status status;
	struct sw_finding *f;
	struct sw_proof p;
	int err = sw_store_proof_get(store, domain, &p);

	snprintf(subject, sizeof(subject), "%s (zone \"%.100s\")", domain, z->name);
	if (err == SW_ENOTFOUND) {
		f = sw_check_report(c, SW_F_CONF_PROOF, SW_CHECK_FAIL, subject, "verified", "there is no token for it yet");
		sw_finding_set_fix(c, f, "sipward domain token %s\nsipward domain verify %s", domain, domain);
		return;
	}
	if (err < 0) {
		sw_check_report(c, SW_F_CONF_PROOF, SW_CHECK_UNKNOWN, subject, "verified", sw_error_text(err));
		return;
	}
	status = p.state == SW_PROOF_VERIFIED ? SW_CHECK_PASS : p.state == SW_PROOF_STALE ? SW_CHECK_WARN : SW_CHECK_FAIL;
	snprintf(found, sizeof(found), "%s%s%s", sw_proof_state_name(p.state), p.outcome[0] ? ", last looked at: " : "", p.outcome);
	f = sw_check_report(c, SW_F_CONF_PROOF, status, subject, "verified", found);
	sw_finding_set_fix(c, f, "sipward domain token %s\nsipward domain verify %s", domain, domain);
}

/* The store is only opened where the daemon or "sipward domain" made one: looking must not create it. */
static void proofs(struct sw_check *c, void *arg)
{
	const struct sw_conf *conf = c->options.conf;
	struct sw_store *store = NULL;
	char db[4200];

	(void)arg;
	snprintf(db, sizeof(db), "%s/sipward.db", conf->state_dir);
	if (access(db, R_OK | W_OK) == 0 && sw_store_open(&store, db, NULL) < 0)
		store = NULL;
	for (size_t i = 0; i < conf->n_zones; i++) {
		const struct sw_conf_zone *z = &conf->zones[i];

		for (size_t k = 0; z->require_proof && !z->internal && k < z->domains.n; k++) {
			char domain[256];

			if (sw_domain_normalize(domain, sw_str_of(z->domains.v[k])) < 0)
				continue;
			if (store) {
				proof(c, store, z, domain);
			} else {
				struct sw_finding *f = sw_check_report(c, SW_F_CONF_PROOF, SW_CHECK_UNKNOWN, domain, "verified",
								       "the store is not there, or this user can't read it");

				sw_finding_set_fix(c, f, "Check as the daemon's user, or root: %s", db);
			}
		}
	}
	sw_store_close(store);
}

/* --- whom it calls, and who calls it --- */

/* Each domain once, however many zones have it. */
static void look_at_domain(struct sw_check *c, char (*done)[256], size_t *n, size_t max, const char *name)
{
	char domain[256];

	if (sw_domain_normalize(domain, sw_str_of(name)) < 0)
		return;
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(done[i], domain))
			return;
	if (*n == max)
		return;
	memcpy(done[(*n)++], domain, sizeof(domain));
	sw_check_dns_domain(c, domain);
}

static void target(struct sw_check *c, const struct sw_conf_zone *z, const char *text, char (*done)[256], size_t *n, size_t max)
{
	bool tls = z->target_transport != SW_TRANSPORT_TCP;
	struct sw_endpoint e = { .tls = tls, .mutual = tls && !z->client_cert_none };
	const char *colon = strrchr(text, ':');
	char host[256];
	uint32_t port;

	if (sw_addr_parse(&e.addr, sw_str_of(text), tls ? 5061 : 5060) == SW_OK) {
		sw_check_endpoint(c, &e);
	} else if (colon && sw_str_u32(sw_str_of(colon + 1), 65535, &port) == SW_OK && port &&
		   sw_domain_normalize(host, (struct sw_str){ text, (size_t)(colon - text) }) == SW_OK) {
		sw_check_dns_host(c, host, (uint16_t)port, tls);
	} else {
		look_at_domain(c, done, n, max, text);
	}
}

void sw_check_conf(struct sw_check *c)
{
	const struct sw_conf *conf = c->options.conf;
	size_t max = conf->local_domains.n, n = 0;
	char (*done)[256];

	for (size_t i = 0; i < conf->n_zones; i++)
		max += conf->zones[i].targets.n + conf->zones[i].domains.n;
	done = calloc(max + 1, sizeof(*done));
	if (!done) {
		atomic_store(&c->no_memory, true);
		return;
	}
	sw_check_spawn(c, SW_STAGE_HOST, "configuration", load_all, NULL, NULL);
	sw_check_spawn(c, SW_STAGE_HOST, "domain proofs", proofs, NULL, NULL);
	for (size_t i = 0; i < conf->local_domains.n; i++)
		look_at_domain(c, done, &n, max, conf->local_domains.v[i]);
	for (size_t i = 0; i < conf->n_zones; i++) {
		const struct sw_conf_zone *z = &conf->zones[i];

		for (size_t k = 0; k < z->targets.n; k++)
			target(c, z, z->targets.v[k], done, &n, max);
		for (size_t k = 0; z->kind == SW_ZONE_DNS && k < z->domains.n; k++)
			look_at_domain(c, done, &n, max, z->domains.v[k]);
	}
	free(done);
}

/* --- whose zone an endpoint is --- */

static bool names(const struct sw_strlist *list, const struct sw_endpoint *e)
{
	for (size_t i = 0; i < list->n; i++) {
		struct sw_str name = sw_str_of(list->v[i]);
		const char *colon = strrchr(list->v[i], ':');
		struct sw_addr a;

		if (sw_addr_parse(&a, name, sw_addr_port(&e->addr)) == SW_OK) {
			if (sw_addr_eq(&a, &e->addr))
				return true;
			continue;
		}
		if (colon)
			name.n = (size_t)(colon - list->v[i]);
		if ((e->domain[0] && sw_str_ieq(name, sw_str_of(e->domain))) || (e->host[0] && sw_str_ieq(name, sw_str_of(e->host))))
			return true;
	}
	return false;
}

const struct sw_conf_zone *sw_check_zone(const struct sw_check *c, const struct sw_endpoint *e)
{
	const struct sw_conf *conf = c->options.conf;

	if (c->options.zone || !conf || !c->deployment)
		return c->options.zone;
	for (size_t i = 0; i < conf->n_zones; i++)
		if (names(&conf->zones[i].targets, e) || (conf->zones[i].kind == SW_ZONE_DNS && names(&conf->zones[i].domains, e)))
			return &conf->zones[i];
	return NULL;
}
