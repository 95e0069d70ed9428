/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "admin/control.h"
#include "core/log.h"
#include "edge/call.h"
#include "edge/channel.h"
#include "edge/crl.h"
#include "edge/ocsp.h"
#include "edge/listen.h"
#include "edge/peer.h"
#include "edge/probe.h"
#include "edge/pull.h"
#include "tls/lent.h"

enum { REJUDGE_PER_TURN = 16 };

/* --- reload: judge again what is open, a few at a time --- */

struct rejudge {
	struct sw_edge *edge;
	size_t pos;
	struct sw_generation *gen;   /* the one it was started for; borrowed for comparison only */
	bool all;                    /* also those admitted under it: time has passed, and certificates expire */
};

static void rejudge_some(void *arg)
{
	struct rejudge *j = arg;
	struct sw_edge *e = j->edge;
	struct sw_peer *p = NULL;

	for (int i = 0; i < REJUDGE_PER_TURN && j->gen == e->gen && (p = sw_idtab_next(&e->peers, &j->pos)); i++)
		if (p->state == SW_PEER_READY && (j->all || p->serial != e->serial))
			sw_peer_rejudge(p);
	if (!p || sw_loop_defer(e->loop, rejudge_some, j) < 0)
		free(j);
}

void sw_reload_rejudge(struct sw_edge *e, bool all)
{
	struct rejudge *j = malloc(sizeof(*j));

	if (!j) {
		sw_log(SW_LOG_ERROR, "reload.not-rejudged", SW_S("detail", "out of memory"));
		return;
	}
	*j = (struct rejudge){ .edge = e, .gen = e->gen, .all = all };
	rejudge_some(j);
}

int sw_reload_zone_tables(struct sw_edge *e, const struct sw_generation *g)
{
	struct sw_bucket *rates = calloc(g->conf->n_zones + 1, sizeof(*rates));
	uint32_t *calls = calloc(g->conf->n_zones + 1, sizeof(*calls));
	struct sw_call *c;
	size_t pos = 0;

	if (!rates || !calls) {
		free(rates);
		free(calls);
		return SW_ENOMEM;
	}
	while ((c = sw_idtab_next(&e->calls, &pos))) {
		const struct sw_zone *z = sw_generation_zone(g, c->leg[SW_LEG_CALLER].zone);

		if (z)
			calls[z->index]++;
	}
	free(e->rates);
	free(e->zone_calls);
	e->rates = rates;
	e->zone_calls = calls;
	return SW_OK;
}

static void zones_gone(struct sw_edge *e)
{
	struct sw_call *c;
	size_t pos = 0;

	while ((c = sw_idtab_next(&e->calls, &pos)))
		if (!sw_generation_zone(e->gen, c->leg[0].zone) || !sw_generation_zone(e->gen, c->leg[1].zone))
			sw_call_end(c, SW_R_CONN_REVOKED);
}

void sw_edge_commit(struct sw_edge *e, struct sw_generation *g)
{
	if (sw_reload_zone_tables(e, g) < 0) {
		sw_log(SW_LOG_ERROR, "reload.failed", SW_S("detail", "out of memory"));
		sw_generation_unref(g);
		return;
	}
	sw_generation_unref(e->gen);
	e->gen = g;
	e->serial++;
	e->count.reloads++;
	sw_log_set_level(g->conf->log_level);
	zones_gone(e);
	sw_probe_reset(e);
	sw_crl_fetch_refresh(e->crl_fetch, time(NULL));
	sw_ocsp_fetch_refresh(e->ocsp_fetch, time(NULL));
	sw_pulls_set(e->pulls);
	sw_reload_rejudge(e, false);
}

/* --- reload: prepare in the pool, commit here --- */

struct prepare {
	struct sw_edge *edge;
	struct sw_generation *now;   /* what gen would replace; a reference */
	struct sw_generation *gen;
	struct sw_diag diag;
	int err;
	char by[16];
	int fds[SW_CHANNEL_FDS_MAX];
	size_t n_fds;
	struct sw_lent *lent;        /* owned; NULL: none */
};

static void lent_free(struct sw_lent *l)
{
	if (l)
		sw_lent_clear(l);
	free(l);
}

void sw_reload_forget_lent(struct sw_edge *e)
{
	lent_free(e->lent);
	e->lent = NULL;
}

void sw_reload_lend(struct sw_edge *e, const char *path, const int *fds, size_t n_fds)
{
	if (!e->lent)
		e->lent = calloc(1, sizeof(*e->lent));
	for (size_t i = 0; i < n_fds; i++)
		if (!e->lent)
			close(fds[i]);
		else if (sw_lent_add(e->lent, path, fds[i]) < 0)
			sw_log(SW_LOG_WARN, "reload.not-lent", SW_S("file", path));
}

static void prepare_work(void *arg)
{
	struct prepare *p = arg;
	struct sw_conf *conf = NULL;

	p->err = sw_conf_load(&conf, p->edge->config, &p->diag);
	sw_lent_use(p->lent);
	if (p->err == SW_OK)
		p->err = sw_generation_new(&p->gen, conf, &p->diag);
	sw_lent_use(NULL);
	if (p->err == SW_OK)
		p->err = sw_generation_may_replace(p->gen, p->now, &p->diag);
	if (p->err == SW_OK) {
		sw_generation_warn(p->gen, p->edge->ca_status, time(NULL), &p->diag);
		sw_generation_fetch(p->gen, p->edge->crls, p->edge->ocsps);
	}
	sw_conf_unref(conf);
}

void sw_reload_note(struct sw_edge *e, const char *by, const char *why)
{
	e->reloaded.good = !why;
	e->reloaded.tried_at = time(NULL);
	if (!why)
		e->reloaded.good_at = e->reloaded.tried_at;
	snprintf(e->reloaded.by, sizeof(e->reloaded.by), "%s", by);
	snprintf(e->reloaded.why, sizeof(e->reloaded.why), "%s", why ? why : "");
	e->reloaded.why[strcspn(e->reloaded.why, "\n")] = '\0';
}

void sw_reload_tell_asker(struct sw_edge *e, const char *by, int status, const char *text)
{
	sw_id asker = e->reload_asker;

	if (strcmp(by, "command") != 0)
		return;  /* not what he waits for: his comes next */
	e->reload_asker = 0;
	if (asker && e->control)
		sw_control_reply(e->control, asker, status, sw_str_of(text));
}

static void refused(struct sw_edge *e, const char *by, const char *why)
{
	sw_reload_note(e, by, why);
	sw_reload_tell_asker(e, by, 2, why);
}

void sw_reload_refused(struct sw_edge *e, const char *text)
{
	const char *why = strchr(text, ' ');
	char by[sizeof(e->reloaded.by)];

	sw_reload_forget_lent(e);
	if (!why)
		return;
	sw_str_copy(by, sizeof(by), (struct sw_str){ text, (size_t)(why - text) });
	refused(e, by, why + 1);
}

static void prepare_done(void *arg, int status)
{
	struct prepare *p = arg;
	struct sw_edge *e = p->edge;
	int err = status < 0 ? status : p->err;
	char brief[1000];

	if (e->stopping)
		err = SW_ECLOSED;
	if (err == SW_OK)
		err = sw_listen_all(e, p->gen->conf, p->fds, p->n_fds);
	else
		for (size_t i = 0; i < p->n_fds; i++)
			close(p->fds[i]);
	if (err == SW_OK) {
		sw_outcome_log(&p->diag);
		sw_outcome_good(&e->outcome);
		sw_log(SW_LOG_INFO, "reload.done", SW_S("by", p->by), SW_U("zones", p->gen->conf->n_zones), SW_U("connections", e->peers.used));
		sw_edge_commit(e, p->gen);
		sw_reload_note(e, p->by, NULL);
		sw_edge_tell(e, "reloaded", "");
		sw_reload_tell_asker(e, p->by, 0, "reloaded\n");
	} else {
		sw_generation_unref(p->gen);
		sw_outcome_refused(&e->outcome, p->by, &p->diag, err);
		sw_outcome_brief(&p->diag, err, brief, sizeof(brief));
		sw_edge_tell(e, "reload-failed", "");
		refused(e, p->by, brief);
	}
	sw_generation_unref(p->now);
	sw_diag_free(&p->diag);
	lent_free(p->lent);
	free(p);
}

void sw_reload(struct sw_edge *e, const char *by, const int *fds, size_t n_fds)
{
	struct prepare *p = calloc(1, sizeof(*p));

	if (!p) {
		for (size_t i = 0; i < n_fds; i++)
			close(fds[i]);
		sw_edge_tell(e, "reload-failed", "");
		refused(e, by, "out of memory\n");
		return;
	}
	p->edge = e;
	p->now = sw_generation_ref(e->gen);
	p->lent = e->lent;
	e->lent = NULL;
	snprintf(p->by, sizeof(p->by), "%s", by);
	sw_diag_init(&p->diag);
	memcpy(p->fds, fds, n_fds * sizeof(int));
	p->n_fds = n_fds;
	if (sw_loop_work(e->loop, prepare_work, prepare_done, p) < 0)
		prepare_done(p, SW_ENOMEM);
}
