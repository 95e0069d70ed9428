/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "edge/call.h"
#include "edge/crl.h"
#include "edge/ocsp.h"
#include "edge/listen.h"
#include "edge/probe.h"
#include "edge/proofs.h"
#include "edge/pull.h"

enum { ROWS_MAX = 500 };   /* of connections and calls each: the rest is counted */

static size_t conns_of(const struct sw_edge *e, const char *zone)
{
	struct sw_peer *p;
	size_t pos = 0, n = 0;

	while ((p = sw_idtab_next(&e->peers, &pos)))
		n += p->state == SW_PEER_READY && (!zone || !strcmp(p->zone->conf->name, zone));
	return n;
}

static size_t draining(const struct sw_edge *e)
{
	struct sw_peer *p;
	size_t pos = 0, n = 0;

	while ((p = sw_idtab_next(&e->peers, &pos)))
		n += p->draining;
	return n;
}

void sw_status_line(const struct sw_edge *e, char *dst, size_t size)
{
	snprintf(dst, size, "%zu zones, %zu connections, %zu calls%s", e->gen->conf->n_zones, conns_of(e, NULL), e->calls.used,
		 e->draining ? ", draining" : "");
}

static const char *state_name(const struct sw_peer *p)
{
	return p->draining ? "draining" : p->state == SW_PEER_READY ? "ready" : p->state == SW_PEER_OPENING ? "opening" : "closing";
}

static const char *probe_text(const struct sw_edge *e, const char *zone)
{
	const char *state = sw_probe_state(e, zone);

	return state ? state : "-";
}

void sw_status_text(const struct sw_edge *e, const struct sw_media_status *m, struct sw_buf *out)
{
	const struct sw_conf *conf = e->gen->conf;
	const struct sw_proof *proofs;
	char addr[SW_ADDR_STRLEN];
	struct sw_peer *p;
	struct sw_call *c;
	size_t pos, n, server, client;
	int64_t now = time(NULL);

	sw_txns_count(e->txns, &server, &client);
	sw_buf_printf(out, "sipward on %s, up %" PRId64 " s, %s%s\n", conf->host, now - e->started, conf->path, e->draining ? ", draining" : "");
	if (e->reloaded.good)
		sw_buf_printf(out, "configuration: in place since %" PRId64 " s (%s)\n", now - e->reloaded.good_at, e->reloaded.by);
	else
		sw_buf_printf(out, "configuration: in place since %" PRId64 " s; the last reload was REFUSED %" PRId64 " s ago (%s): %s\n",
			      now - e->reloaded.good_at, now - e->reloaded.tried_at, e->reloaded.by, e->reloaded.why);
	sw_buf_str(out, "\nListeners\n");
	for (size_t i = 0; i < conf->n_listeners; i++)
		for (size_t j = 0; j < conf->listeners[i].n_addresses; j++)
			sw_buf_printf(out, "  %-12s %-5s %s\n", conf->listeners[i].name, sw_transport_name(conf->listeners[i].transport),
				      sw_addr_text(&conf->listeners[i].addresses[j], addr));
	sw_buf_str(out, "\nZones                    kind      connections  calls  probe\n");
	for (size_t i = 0; i < conf->n_zones; i++)
		sw_buf_printf(out, "  %-22s %-9s %11zu %6u  %s\n", conf->zones[i].name, sw_zone_kind_name(conf->zones[i].kind),
			      conns_of(e, conf->zones[i].name), e->zone_calls[i], probe_text(e, conf->zones[i].name));
	sw_buf_printf(out, "\nConnections: %zu (accepted %" PRIu64 ", admitted or proved %" PRIu64 ", refused %" PRIu64 "; draining %zu)\n",
		      e->peers.used, e->count.accepted, e->count.admitted, e->count.refused, draining(e));
	for (pos = 0, n = 0; (p = sw_idtab_next(&e->peers, &pos)) && n < ROWS_MAX; n++)
		sw_buf_printf(out, "  %016" PRIx64 " %-3s %-8s zone=%s peer=%s name=%s since=%" PRId64 "s in=%" PRIu64 " out=%" PRIu64 "\n",
			      p->id, p->outgoing ? "out" : "in", state_name(p), p->zone ? p->zone->conf->name : "-",
			      sw_addr_text(&p->remote, addr), p->name[0] ? p->name : "-", now - p->since, p->in, p->out);
	sw_buf_printf(out, "\nCalls: %zu now, %" PRIu64 " since start; transactions: %zu server, %zu client\n", e->calls.used, e->count.calls,
		      server, client);
	for (pos = 0, n = 0; (c = sw_idtab_next(&e->calls, &pos)) && n < ROWS_MAX; n++)
		sw_buf_printf(out, "  %016" PRIx64 " %s -> %s %s streams=%zu since=%" PRId64 "s\n", c->id, c->leg[0].zone, c->leg[1].zone,
			      c->established ? "established" : "early", c->n_streams, now - c->since);
	if (m)
		sw_buf_printf(out, "\nMedia: %u streams, %u pinholes; ports %u free, %u in quarantine, of %u; packets %" PRIu64
			      ", from unexpected sources %" PRIu64 "\n",
			      m->streams, m->pinholes, m->ports_free, m->ports_quarantined, m->ports_total, m->packets, m->unexpected);
	else
		sw_buf_str(out, "\nMedia: the media process is not there\n");
	sw_pulls_text(e->pulls, now, out);
	proofs = sw_proofs_list(e->proofs, &n);
	sw_buf_printf(out, "\nDomains: %zu\n", n);
	for (size_t i = 0; i < n; i++)
		sw_buf_printf(out, "  %-40s %s\n", proofs[i].domain, sw_proof_state_name(proofs[i].state));
	sw_crl_status_text(e, out);
	sw_ocsp_status_text(e, out);
	sw_buf_str(out, "\nRefused so far, by reason\n");
	for (unsigned r = 0; r < SW_REASON_COUNT; r++)
		if (sw_reason_counted((enum sw_reason)r))
			sw_buf_printf(out, "  %-28s %lu\n", sw_reason_id((enum sw_reason)r), sw_reason_counted((enum sw_reason)r));
}

static void json_str(struct sw_buf *out, const char *key, const char *value)
{
	sw_buf_printf(out, "\"%s\":", key);
	sw_buf_json_str(out, sw_str_of(value));
}

static void json_lists(const struct sw_edge *e, struct sw_buf *out)
{
	const struct sw_conf *conf = e->gen->conf;
	char addr[SW_ADDR_STRLEN];
	struct sw_peer *p;
	struct sw_call *c;
	size_t pos, n;
	bool first = true;

	sw_buf_str(out, ",\"listeners\":[");
	for (size_t i = 0; i < conf->n_listeners; i++)
		for (size_t j = 0; j < conf->listeners[i].n_addresses; j++, first = false) {
			sw_buf_str(out, first ? "{" : ",{");
			json_str(out, "name", conf->listeners[i].name);
			sw_buf_str(out, ",");
			json_str(out, "transport", sw_transport_name(conf->listeners[i].transport));
			sw_buf_str(out, ",");
			json_str(out, "address", sw_addr_text(&conf->listeners[i].addresses[j], addr));
			sw_buf_str(out, "}");
		}
	sw_buf_str(out, "],\"zones\":[");
	for (size_t i = 0; i < conf->n_zones; i++) {
		sw_buf_str(out, i ? ",{" : "{");
		json_str(out, "name", conf->zones[i].name);
		sw_buf_str(out, ",");
		json_str(out, "kind", sw_zone_kind_name(conf->zones[i].kind));
		sw_buf_printf(out, ",\"connections\":%zu,\"calls\":%u,", conns_of(e, conf->zones[i].name), e->zone_calls[i]);
		json_str(out, "probe", probe_text(e, conf->zones[i].name));
		sw_buf_str(out, "}");
	}
	sw_buf_str(out, "],\"connections\":[");
	for (pos = 0, n = 0; (p = sw_idtab_next(&e->peers, &pos)) && n < ROWS_MAX; n++) {
		sw_buf_printf(out, "%s{\"id\":\"%016" PRIx64 "\",\"direction\":\"%s\",", n ? "," : "", p->id, p->outgoing ? "out" : "in");
		json_str(out, "state", state_name(p));
		sw_buf_str(out, ",");
		json_str(out, "zone", p->zone ? p->zone->conf->name : "");
		sw_buf_str(out, ",");
		json_str(out, "peer", sw_addr_text(&p->remote, addr));
		sw_buf_str(out, ",");
		json_str(out, "name", p->name);
		sw_buf_printf(out, ",\"messages_in\":%" PRIu64 ",\"messages_out\":%" PRIu64 "}", p->in, p->out);
	}
	sw_buf_str(out, "],\"calls\":[");
	for (pos = 0, n = 0; (c = sw_idtab_next(&e->calls, &pos)) && n < ROWS_MAX; n++) {
		sw_buf_printf(out, "%s{\"id\":\"%016" PRIx64 "\",", n ? "," : "", c->id);
		json_str(out, "from_zone", c->leg[0].zone);
		sw_buf_str(out, ",");
		json_str(out, "to_zone", c->leg[1].zone);
		sw_buf_printf(out, ",\"established\":%s,\"streams\":%zu}", c->established ? "true" : "false", c->n_streams);
	}
	sw_buf_str(out, "]");
}

void sw_status_json(const struct sw_edge *e, const struct sw_media_status *m, struct sw_buf *out)
{
	const struct sw_proof *proofs;
	size_t n, server, client;
	bool first = true;

	sw_txns_count(e->txns, &server, &client);
	sw_buf_str(out, "{");
	json_str(out, "host", e->gen->conf->host);
	sw_buf_printf(out, ",\"up_seconds\":%" PRId64 ",\"draining\":%s", (int64_t)time(NULL) - e->started, e->draining ? "true" : "false");
	sw_buf_printf(out, ",\"counts\":{\"connections\":%zu,\"connections_draining\":%zu,\"calls\":%zu,\"transactions_server\":%zu,\"transactions_client\":%zu,"
		      "\"requests\":%zu,\"handshakes\":%u,\"accepted\":%" PRIu64 ",\"admitted\":%" PRIu64 ",\"refused\":%" PRIu64
		      ",\"calls_total\":%" PRIu64 ",\"messages_in\":%" PRIu64 ",\"messages_out\":%" PRIu64 ",\"reloads\":%" PRIu64 "}",
		      e->peers.used, draining(e), e->calls.used, server, client, e->requests.used, e->handshakes, e->count.accepted, e->count.admitted,
		      e->count.refused, e->count.calls, e->count.messages_in, e->count.messages_out, e->count.reloads);
	sw_buf_printf(out, ",\"reload\":{\"sipward_config_last_reload_successful\":%d,\"sipward_config_last_reload_success_timestamp_seconds\":%" PRId64
		      ",\"last_attempt_timestamp_seconds\":%" PRId64 ",\"generations\":%u,", e->reloaded.good,
		      e->reloaded.good_at, e->reloaded.tried_at, sw_generation_alive());
	json_str(out, "by", e->reloaded.by);
	sw_buf_str(out, ",");
	json_str(out, "detail", e->reloaded.why);
	sw_buf_str(out, "}");
	json_lists(e, out);
	sw_pulls_json(e->pulls, out);
	if (m)
		sw_buf_printf(out, ",\"media\":{\"streams\":%u,\"pinholes\":%u,\"ports_total\":%u,\"ports_free\":%u,\"ports_quarantined\":%u,"
			      "\"packets\":%" PRIu64 ",\"unexpected\":%" PRIu64 "}",
			      m->streams, m->pinholes, m->ports_total, m->ports_free, m->ports_quarantined, m->packets, m->unexpected);
	else
		sw_buf_str(out, ",\"media\":null");
	proofs = sw_proofs_list(e->proofs, &n);
	sw_buf_str(out, ",\"domains\":[");
	for (size_t i = 0; i < n; i++) {
		sw_buf_str(out, i ? ",{" : "{");
		json_str(out, "domain", proofs[i].domain);
		sw_buf_str(out, ",");
		json_str(out, "state", sw_proof_state_name(proofs[i].state));
		sw_buf_printf(out, ",\"verified\":%" PRId64 "}", proofs[i].verified);
	}
	sw_buf_str(out, "]");
	sw_crl_status_json(e, out);
	sw_ocsp_status_json(e, out);
	sw_buf_str(out, ",\"refused\":{");
	for (unsigned r = 0; r < SW_REASON_COUNT; r++)
		if (sw_reason_counted((enum sw_reason)r)) {
			sw_buf_printf(out, "%s\"%s\":%lu", first ? "" : ",", sw_reason_id((enum sw_reason)r),
				      sw_reason_counted((enum sw_reason)r));
			first = false;
		}
	sw_buf_str(out, "}}\n");
}
