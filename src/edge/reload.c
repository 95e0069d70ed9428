/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/reload.h"

#include <stdlib.h>
#include <unistd.h>

#include "admin/control.h"
#include "core/log.h"
#include "edge/call.h"
#include "edge/channel.h"
#include "edge/listen.h"
#include "edge/peer.h"
#include "edge/probe.h"
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
		if (p->state == SW_PEER_READY && (j->all || p->gen != e->gen))
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
	e->count.reloads++;
	sw_log_set_level(g->conf->log_level);
	zones_gone(e);
	sw_probe_reset(e);
	sw_reload_rejudge(e, false);
}

/* --- reload: prepare in the pool, commit here --- */

struct prepare {
	struct sw_edge *edge;
	struct sw_generation *gen;
	struct sw_diag diag;
	int err;
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
	sw_conf_unref(conf);
}

/* The outcome goes to whoever asked by "sipward reload": its exit status is the reload's. */
void sw_reload_tell_asker(struct sw_edge *e, int status, const char *text)
{
	sw_id asker = e->reload_asker;

	e->reload_asker = 0;
	if (asker && e->control)
		sw_control_reply(e->control, asker, status, sw_str_of(text));
}

static void prepare_done(void *arg, int status)
{
	struct prepare *p = arg;
	struct sw_edge *e = p->edge;
	int err = status < 0 ? status : p->err;
	struct sw_buf text;

	if (e->stopping)
		err = SW_ECLOSED;
	if (err == SW_OK)
		err = sw_listen_all(e, p->gen->conf, p->fds, p->n_fds);
	else
		for (size_t i = 0; i < p->n_fds; i++)
			close(p->fds[i]);
	sw_buf_init(&text, 0);
	sw_diag_print(&p->diag, &text);
	for (size_t i = 0; i < p->diag.n; i++)
		sw_log(p->diag.entries[i].level == SW_DIAG_ERROR ? SW_LOG_ERROR : SW_LOG_WARN, "config", SW_S("file", p->diag.entries[i].file),
		       SW_I("line", p->diag.entries[i].line), SW_S("detail", p->diag.entries[i].text));
	if (err == SW_OK) {
		sw_log(SW_LOG_INFO, "reload.done", SW_U("zones", p->gen->conf->n_zones), SW_U("connections", e->peers.used));
		sw_edge_commit(e, p->gen);
		sw_edge_tell(e, "reloaded", "");
		sw_reload_tell_asker(e, 0, "reloaded\n");
	} else {
		char brief[1000];

		sw_generation_unref(p->gen);
		sw_log(SW_LOG_ERROR, "reload.refused", SW_S("detail", "the old configuration stays"), SW_U("errors", p->diag.errors));
		sw_str_copy(brief, sizeof(brief), sw_buf_view(&text));
		sw_edge_tell(e, "reload-failed", brief[0] ? brief : sw_error_text(err));
		sw_reload_tell_asker(e, 2, brief[0] ? brief : "refused: the old configuration stays\n");
	}
	sw_buf_free(&text);
	sw_diag_free(&p->diag);
	lent_free(p->lent);
	free(p);
}

void sw_reload(struct sw_edge *e, const int *fds, size_t n_fds)
{
	struct prepare *p = calloc(1, sizeof(*p));

	if (!p) {
		for (size_t i = 0; i < n_fds; i++)
			close(fds[i]);
		sw_edge_tell(e, "reload-failed", "out of memory");
		sw_reload_tell_asker(e, 70, "out of memory\n");
		return;
	}
	p->edge = e;
	p->lent = e->lent;
	e->lent = NULL;
	sw_diag_init(&p->diag);
	memcpy(p->fds, fds, n_fds * sizeof(int));
	p->n_fds = n_fds;
	if (sw_loop_work(e->loop, prepare_work, prepare_done, p) < 0)
		prepare_done(p, SW_ENOMEM);
}
