/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/edge.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "admin/control.h"
#include "core/log.h"
#include "edge/anchor.h"
#include "edge/channel.h"
#include "edge/crl.h"
#include "edge/ocsp.h"
#include "edge/health.h"
#include "edge/listen.h"
#include "edge/probe.h"
#include "edge/proofs.h"
#include "edge/pull.h"
#include "edge/reload.h"
#include "edge/refusal.h"
#include "edge/request.h"
#include "edge/sandbox.h"
#include "edge/seen.h"
#include "edge/status.h"
#include "edge/web.h"
#include "edge/why.h"

enum { TICK_MS = 1000, SOURCES_MAX = 200000, CLOSE_MS = 1000 };

bool sw_edge_is_self(const struct sw_edge *e, struct sw_str host, uint16_t port)
{
	const struct sw_conf *conf = e->gen->conf;
	struct sw_addr addr;
	bool literal = sw_addr_parse(&addr, host, 0) == SW_OK;

	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct sw_conf_listener *l = &conf->listeners[i];

		if (port && port != l->port)
			continue;
		if (sw_str_ieq(host, sw_str_of(l->host)) || sw_str_ieq(host, sw_str_of(conf->host)))
			return true;
		for (size_t j = 0; literal && j < l->n_addresses; j++)
			if (sw_addr_same_host(&addr, &l->addresses[j]))
				return true;
	}
	return false;
}

/* --- transactions send through here --- */

static int send_on(void *arg, sw_id conn, struct sw_str bytes)
{
	struct sw_edge *e = arg;
	struct sw_peer *p = sw_peer_get(e, conn);

	return p ? sw_peer_send(p, bytes) : SW_ECLOSED;
}

static void on_media(void *arg, enum sw_media_event ev, const struct sw_media_stats *s)
{
	sw_anchor_event(arg, ev, s);
}

void sw_edge_tell(struct sw_edge *e, const char *word, const char *text)
{
	if (e->supervisor && sw_channel_send(e->supervisor, word, text, NULL, 0) < 0)
		sw_log(SW_LOG_DEBUG, "supervisor.lost", SW_S("word", word));
}

/* --- drain and stop --- */

static void on_drain(void *arg)
{
	struct sw_edge *e = arg;

	if (!e->closing)
		sw_log(SW_LOG_WARN, "drain.timeout", SW_U("calls", e->calls.used));
	sw_loop_stop(e->loop);
}

void sw_edge_maybe_drained(struct sw_edge *e)
{
	if (e->draining && !e->stopping && e->calls.used == 0 && !e->endings)
		sw_loop_stop(e->loop);
}

void sw_edge_drain(struct sw_edge *e)
{
	if (e->draining || e->calls.used == 0) {
		sw_loop_stop(e->loop);
		return;
	}
	e->draining = true;
	sw_log(SW_LOG_INFO, "drain.started", SW_U("calls", e->calls.used));
	if (sw_timer_start(&e->drain_timer, e->gen->conf->limits.drain) < 0)
		sw_loop_stop(e->loop);
}

static void on_supervisor(void *arg, const char *word, const char *text, int *fds, size_t n_fds)
{
	struct sw_edge *e = arg;

	if (word && !strcmp(word, "reload")) {
		sw_reload(e, text, fds, n_fds);
		return;
	}
	if (word && !strcmp(word, "lend")) {
		sw_reload_lend(e, text, fds, n_fds);
		return;
	}
	if (word && !strcmp(word, "reload-refused"))
		sw_reload_refused(e, text);
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	if (!word) {
		/* Without its supervisor nobody would restart or stop it. */
		sw_log(SW_LOG_ERROR, "supervisor.gone");
		e->exit_status = 70;
		sw_loop_stop(e->loop);
	} else if (!strcmp(word, "drain")) {
		sw_edge_drain(e);
	} else if (!strcmp(word, "stop")) {
		sw_loop_stop(e->loop);
	} else if (!strcmp(word, "dump")) {
		char line[200];

		sw_status_line(e, line, sizeof(line));
		sw_log(SW_LOG_INFO, "status", SW_S("detail", line), SW_U("requests", e->requests.used), SW_U("handshakes", e->handshakes),
		       SW_U("refused", e->count.refused));
	}
}

static void on_tick(void *arg)
{
	struct sw_edge *e = arg;
	char line[200];

	sw_proofs_tick(e->proofs, time(NULL));
	sw_crl_fetch_tick(e->crl_fetch, time(NULL));
	sw_ocsp_fetch_tick(e->ocsp_fetch, time(NULL));
	sw_probe_tick(e, sw_loop_now(e->loop));
	sw_pulls_tick(e->pulls, time(NULL));
	if (sw_loop_now(e->loop) - e->rejudged >= e->gen->conf->limits.rejudge) {
		e->rejudged = sw_loop_now(e->loop);
		sw_reload_rejudge(e, true);
	}
	sw_status_line(e, line, sizeof(line));
	sw_edge_tell(e, "alive", line);
	if (sw_timer_start(&e->tick, TICK_MS) < 0) {
		e->exit_status = 70;
		sw_loop_stop(e->loop);
	}
}

/* --- the operator's commands --- */

struct status_wait {
	struct sw_edge *edge;
	sw_id request;
	bool json;
};

static void on_media_status(void *arg, const struct sw_media_status *s)
{
	struct status_wait *w = arg;
	struct sw_buf out;

	sw_buf_init(&out, 8 << 20);
	if (w->json)
		sw_status_json(w->edge, s, &out);
	else
		sw_status_text(w->edge, s, &out);
	sw_control_reply(w->edge->control, w->request, sw_buf_error(&out) < 0 ? 70 : 0, sw_buf_view(&out));
	sw_buf_free(&out);
	free(w);
}

static void command_status(struct sw_edge *e, sw_id request, bool json)
{
	struct status_wait *w = malloc(sizeof(*w));

	if (!w) {
		sw_control_reply(e->control, request, 70, SW_STR("out of memory\n"));
		return;
	}
	*w = (struct status_wait){ .edge = e, .request = request, .json = json };
	if (!e->media || sw_media_status(e->media, on_media_status, w) < 0)
		on_media_status(w, NULL);
}

static void command_why(struct sw_edge *e, sw_id request, const char *const *words, size_t n)
{
	bool json = n && !strcmp(words[n - 1], "json");
	struct sw_buf out;

	if (n - json == 1) {
		sw_why_explain(e, request, words[0], json);
		return;
	}
	sw_buf_init(&out, 4 << 20);
	sw_why_list(e, json, &out);
	if (sw_buf_error(&out) < 0)
		sw_control_reply(e->control, request, 70, SW_STR("out of memory\n"));
	else
		sw_control_reply(e->control, request, 0, sw_buf_view(&out));
	sw_buf_free(&out);
}

static void command_seen(struct sw_edge *e, sw_id request)
{
	struct sw_buf out;

	sw_buf_init(&out, 4 << 20);
	sw_seen_json(e, &out);
	if (sw_buf_error(&out) < 0)
		sw_control_reply(e->control, request, 70, SW_STR("out of memory\n"));
	else
		sw_control_reply(e->control, request, 0, sw_buf_view(&out));
	sw_buf_free(&out);
}

static void on_command(void *arg, sw_id request, const char *const *words, size_t n)
{
	struct sw_edge *e = arg;

	if (n && !strcmp(words[0], "status")) {
		command_status(e, request, n > 1 && !strcmp(words[1], "json"));
	} else if (n && !strcmp(words[0], "proofs")) {
		sw_proofs_reload(e->proofs);
		sw_control_reply(e->control, request, 0, SW_STR("ok\n"));
	} else if (n && !strcmp(words[0], "reload")) {
		sw_reload_tell_asker(e, "command", 3, "another reload was asked for meanwhile; the log tells how both went\n");
		e->reload_asker = request;
		sw_edge_tell(e, "reload-please", "command");
	} else if (n && !strcmp(words[0], "drain")) {
		sw_edge_tell(e, "drain-please", "");
		sw_control_reply(e->control, request, 0, SW_STR("draining\n"));
	} else if (n && !strcmp(words[0], "why")) {
		command_why(e, request, words + 1, n - 1);
	} else if (n && !strcmp(words[0], "seen")) {
		command_seen(e, request);
	} else if (n > 1 && !strcmp(words[0], "log")) {
		enum sw_log_level level;

		if (sw_log_level_by_name(words[1], &level) == SW_OK) {
			sw_log_set_level(level);
			sw_control_reply(e->control, request, 0, SW_STR("ok\n"));
		} else {
			sw_control_reply(e->control, request, 64, SW_STR("levels: error, warn, info, debug, trace\n"));
		}
	} else {
		sw_control_reply(e->control, request, 64, SW_STR("unknown command\n"));
	}
}

/* --- start, in this order; the end, in the reverse --- */

static int open_store(struct sw_edge *e, struct sw_diag *diag)
{
	struct sw_store *store = NULL;
	char path[4096];
	int err;

	snprintf(path, sizeof(path), "%s/sipward.db", e->gen->conf->state_dir);
	err = sw_store_open(&store, path, diag);
	if (err < 0)
		return err;
	err = sw_store_secret(store, "cookie", e->cookie_key, sizeof(e->cookie_key));
	if (err == SW_OK)
		err = sw_proofs_new(&e->proofs, e, store);
	if (err < 0)
		sw_store_close(store);
	return err;
}

static int start_tables(struct sw_edge *e)
{
	const struct sw_conf_limits *lim = &e->gen->conf->limits;
	const struct sw_txn_conf txns = {
		.loop = e->loop, .t1 = lim->timer_t1, .timer_c = lim->timer_c, .max = lim->transactions, .send = send_on, .arg = e,
	};
	int err = sw_idtab_init(&e->peers, lim->connections + 1);

	if (err == SW_OK)
		err = sw_idtab_init(&e->calls, 1 << 20);
	if (err == SW_OK)
		err = sw_idtab_init(&e->requests, (size_t)lim->transactions + 1024);
	if (err == SW_OK)
		err = sw_idtab_init(&e->probes, 1 << 16);
	if (err == SW_OK)
		err = sw_health_new(&e->health);
	if (err == SW_OK)
		err = sw_refusals_new(&e->refusals, e);
	if (err == SW_OK)
		err = sw_sources_new(&e->conn_sources, SOURCES_MAX);
	if (err == SW_OK)
		err = sw_sources_new(&e->handshake_sources, SOURCES_MAX);
	if (err == SW_OK)
		err = sw_reload_zone_tables(e, e->gen);
	return err == SW_OK ? sw_txns_new(&e->txns, &txns) : err;
}

/* Fetched CRLs are kept beside the store. What is there is read once we are who we stay. */
static int start_revocation(struct sw_edge *e)
{
	char dir[4096];
	int err;

	snprintf(dir, sizeof(dir), "%s/crls", e->gen->conf->state_dir);
	err = sw_crls_new(&e->crls, dir);
	if (err == SW_OK)
		err = sw_ocsps_new(&e->ocsps);
	if (err == SW_OK)
		sw_generation_fetch(e->gen, e->crls, e->ocsps);
	return err;
}

static int start(struct sw_edge *e, const struct sw_edge_opts *o, struct sw_diag *diag)
{
	struct sw_conf *conf = NULL;
	int err = sw_conf_load(&conf, o->config, diag);

	/* While still root, if so: keys are read and the control socket is made. */
	if (err == SW_OK)
		err = sw_generation_new(&e->gen, conf, diag);
	sw_conf_unref(conf);
	if (err == SW_OK) {
		if (sw_ca_status_load(&e->ca_status, NULL, diag) < 0)
			e->ca_status = NULL;   /* diag says why; the rest works without */
		sw_generation_warn(e->gen, e->ca_status, time(NULL), diag);
		err = start_revocation(e);
	}
	if (err < 0)
		return err;
	sw_log_set_level(e->gen->conf->log_level);
	err = sw_control_new(&e->control, e->loop, e->gen->conf->control, on_command, e);
	if (err < 0) {
		sw_diag_add(diag, SW_DIAG_ERROR, e->gen->conf->path, 0, "control socket %s: %s", e->gen->conf->control, sw_error_text(err));
		return err;
	}
	err = sw_sandbox_drop(e->gen->conf->user);
	if (err < 0) {
		sw_diag_add(diag, SW_DIAG_ERROR, e->gen->conf->path, 0, "can't become user \"%s\": %s (adduser --system --group %s)",
			    e->gen->conf->user, sw_error_text(err), e->gen->conf->user);
		return err;
	}
	err = sw_sandbox_edge();
	if (err == SW_OK)
		err = sw_msg_init();
	if (err == SW_OK)
		err = start_tables(e);
	if (err == SW_OK)
		err = sw_dns_new(&e->dns, e->loop, &e->gen->conf->dns);
	if (err == SW_OK)
		err = sw_web_new(&e->web, e);
	if (err == SW_OK)
		err = sw_crl_fetch_new(&e->crl_fetch, e, e->crls, diag);
	if (err == SW_OK)
		err = sw_ocsp_fetch_new(&e->ocsp_fetch, e, e->ocsps);
	if (err == SW_OK)
		err = sw_pulls_new(&e->pulls, e);
	if (err == SW_OK)
		err = open_store(e, diag);
	if (err == SW_OK && o->media_fd >= 0)
		err = sw_media_new(&e->media, e->loop, o->media_fd, on_media, e);
	if (err == SW_OK && o->supervisor_fd >= 0)
		err = sw_channel_new(&e->supervisor, e->loop, o->supervisor_fd, on_supervisor, e);
	if (err == SW_OK)
		err = sw_listen_all(e, e->gen->conf, o->listen_fds, o->n_listen_fds);
	if (err == SW_OK)
		err = sw_timer_start(&e->tick, 0);
	return err;
}

/* Peers are told that it is over: close_notify, not a broken connection. */
static void close_peers(struct sw_edge *e)
{
	struct sw_verdict why = sw_verdict_make(SW_R_CONN_SHUTDOWN, NULL);
	struct sw_peer *p;
	size_t pos = 0;

	for (size_t i = 0; i < e->n_listens; i++)
		sw_listen_free(e->listens[i]);
	e->n_listens = 0;
	e->closing = true;
	while ((p = sw_idtab_next(&e->peers, &pos)))
		sw_peer_close(p, &why);
	if (e->peers.used && sw_timer_start(&e->drain_timer, CLOSE_MS) == SW_OK)
		sw_loop_run(e->loop);
	sw_timer_stop(&e->drain_timer);
}

static void finish(struct sw_edge *e)
{
	struct sw_call *c;
	struct sw_request *r;
	size_t pos = 0;

	if (e->txns)
		close_peers(e);
	e->stopping = true;
	for (size_t i = 0; i < e->n_listens; i++)
		sw_listen_free(e->listens[i]);
	free(e->listens);
	while ((c = sw_idtab_next(&e->calls, &pos)))
		sw_call_end(c, SW_R_CONN_SHUTDOWN);
	sw_probe_reset(e);
	if (e->txns)
		sw_txns_free(e->txns);
	for (pos = 0; (r = sw_idtab_next(&e->requests, &pos));)
		sw_request_free(r);
	sw_peer_free_all(e);
	sw_control_free(e->control);
	sw_media_free(e->media);
	sw_call_endings_free(e);
	sw_pulls_free(e->pulls);
	sw_ocsp_fetch_free(e->ocsp_fetch);
	sw_crl_fetch_free(e->crl_fetch);
	sw_web_free(e->web);
	sw_dns_free(e->dns);
	sw_proofs_free(e->proofs);
	sw_channel_free(e->supervisor);
	e->supervisor = NULL;
	sw_timer_stop(&e->tick);
	sw_timer_stop(&e->drain_timer);
	sw_loop_free(e->loop);
	sw_refusals_free(e->refusals);
	sw_seen_free(e->seen);
	sw_ca_status_free(e->ca_status);
	sw_sources_free(e->conn_sources);
	sw_sources_free(e->handshake_sources);
	sw_idtab_free(&e->peers);
	sw_idtab_free(&e->calls);
	sw_idtab_free(&e->requests);
	sw_idtab_free(&e->probes);
	sw_health_free(e->health);
	free(e->rates);
	free(e->zone_calls);
	sw_reload_forget_lent(e);
	sw_generation_unref(e->gen);
	sw_crls_unref(e->crls);
	sw_ocsps_unref(e->ocsps);
	sw_msg_deinit();
}

int sw_edge_main(const struct sw_edge_opts *o)
{
	struct sw_edge e = { .config = o->config, .started = time(NULL) };
	struct sw_diag diag;
	int err;

	sw_diag_init(&diag);
	sw_sandbox_descriptors();
	err = sw_loop_new(&e.loop);
	if (err < 0)
		return 71;
	sw_timer_init(&e.tick, e.loop, on_tick, &e);
	sw_timer_init(&e.drain_timer, e.loop, on_drain, &e);
	err = start(&e, o, &diag);
	sw_outcome_log(&diag);
	if (err == SW_OK) {
		sw_reload_note(&e, "start", NULL);
		sw_log(SW_LOG_INFO, "edge.ready", SW_S("host", e.gen->conf->host), SW_U("listeners", e.n_listens),
		       SW_U("zones", e.gen->conf->n_zones));
		sw_edge_tell(&e, "ready", "");
		sw_loop_run(e.loop);
		sw_log(SW_LOG_INFO, "edge.stopped", SW_U("calls", e.calls.used), SW_U("connections", e.peers.used));
	} else {
		sw_log(SW_LOG_ERROR, "edge.failed", SW_S("detail", sw_error_text(err)));
		e.exit_status = err == SW_ECONF || err == SW_EPARSE ? 78 : 71;
	}
	sw_diag_free(&diag);
	finish(&e);
	return e.exit_status;
}
