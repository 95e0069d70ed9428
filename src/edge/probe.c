/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/log.h"
#include "core/random.h"
#include "edge/health.h"
#include "edge/peer.h"
#include "edge/target.h"

enum { FAILURES_TO_DOWN = 2 };

/* One probed zone; its targets are probed one after the other, one per interval. Found again by id across every border. */
struct sw_probe {
	struct sw_edge *edge;
	sw_id id;
	char zone[64];
	size_t turn;                 /* which target is next */
	uint64_t due;
	sw_id locate;
	bool connecting;
	struct sw_addr addr;
	char host[256];
	sw_id client;                /* the OPTIONS that is out */
	unsigned failures;
	enum { PROBE_UNKNOWN, PROBE_UP, PROBE_DOWN } state;
	uint32_t cseq;
};

static void judged(struct sw_probe *p, bool alive, const char *detail)
{
	struct sw_edge *e = p->edge;
	char text[SW_ADDR_STRLEN];
	int was = (int)p->state;

	if (alive) {
		p->failures = 0;
		p->state = PROBE_UP;
		sw_health_ok(e->health, p->zone, &p->addr);
	} else if (++p->failures >= FAILURES_TO_DOWN) {
		p->state = PROBE_DOWN;
		if (sw_addr_family(&p->addr) != AF_UNSPEC)
			sw_health_failed(e->health, p->zone, &p->addr, -1, sw_loop_now(e->loop));
	}
	if ((int)p->state != was)
		sw_log(alive ? SW_LOG_INFO : SW_LOG_WARN, "target.probed", SW_S("zone", p->zone), SW_S("target", sw_addr_text(&p->addr, text)),
		       SW_S("state", alive ? "up" : "down"), SW_S("detail", detail));
}

static void on_answer(void *arg, sw_id client, enum sw_txn_event ev, const struct sw_msg *msg)
{
	struct sw_probe *p = arg;

	if (client != p->client)
		return;
	if (ev == SW_TXN_RESPONSE && sw_msg_status(msg) >= 200)
		judged(p, true, NULL);
	else if (ev == SW_TXN_TIMEOUT || ev == SW_TXN_FAILED)
		judged(p, false, ev == SW_TXN_TIMEOUT ? "no answer to OPTIONS" : "the connection broke");
	else if (ev == SW_TXN_ENDED)
		p->client = 0;
}

static void on_connected(struct sw_edge *e, sw_id who, sw_id conn, const struct sw_verdict *why)
{
	struct sw_probe *p = sw_idtab_get(&e->probes, who);
	const struct sw_zone *zone = p ? sw_generation_zone(e->gen, p->zone) : NULL;
	const struct sw_conf_listener *side = zone ? sw_generation_side(e->gen, zone) : NULL;
	char branch[32], via[400], uri[600], from[600], to[600], call_id[64], raw[33];
	uint8_t bytes[16];
	struct sw_buf out;

	if (p)
		p->connecting = false;
	if (!side)
		return;
	if (!conn) {
		judged(p, false, why ? why->detail : NULL);
		return;
	}
	sw_branch_make(branch);
	sw_random(bytes, sizeof(bytes));
	sw_hex(raw, bytes, sizeof(bytes));
	snprintf(call_id, sizeof(call_id), "%s", raw);
	snprintf(via, sizeof(via), "SIP/2.0/%s %.250s:%u;branch=%s", side->transport == SW_TRANSPORT_TCP ? "TCP" : "TLS", side->host, side->port,
		 branch);
	snprintf(uri, sizeof(uri), "sip:%.250s;transport=%s", p->host, side->transport == SW_TRANSPORT_TCP ? "tcp" : "tls");
	snprintf(from, sizeof(from), "<sip:%.250s:%u>;tag=%.16s", side->host, side->port, raw);
	snprintf(to, sizeof(to), "<sip:%.250s>", p->host);
	sw_buf_init(&out, 0);
	if (sw_msg_options(&out, uri, via, from, to, call_id, ++p->cseq, from) < 0 ||
	    sw_txn_client_open(e->txns, conn, SW_METHOD_OPTIONS, SW_STR("OPTIONS"), sw_str_of(branch), sw_buf_view(&out), on_answer, p,
			       &p->client) < 0)
		judged(p, false, "OPTIONS could not be sent");
	sw_buf_free(&out);
}

static void on_located(void *arg, const struct sw_location *loc)
{
	struct sw_probe *p = arg;
	const struct sw_zone *zone = sw_generation_zone(p->edge->gen, p->zone);

	p->locate = 0;
	if (!zone)
		return;
	if (loc->reason != SW_R_OK || loc->n == 0) {
		judged(p, false, loc->detail);
		return;
	}
	p->addr = loc->targets[0].addr;
	if (sw_peer_open(p->edge, zone, &p->addr, loc->targets[0].host, p->host, on_connected, p->id) < 0)
		judged(p, false, "no connection could be opened");
	else
		p->connecting = true;
}

static void start(struct sw_probe *p, const struct sw_zone *zone)
{
	const char *target = zone->conf->targets.v[p->turn % zone->conf->targets.n];
	struct sw_target_query t;

	if (p->locate || p->connecting || p->client)
		return;  /* the last one is still out: its own end will be told */
	p->turn++;
	if (sw_target_query_configured(&t, p->edge->gen->conf, zone->conf, target) < 0 ||
	    sw_locate(p->edge->dns, &t.q, on_located, p, &p->locate) < 0)
		judged(p, false, "the target's name is not usable");
	else
		memcpy(p->host, t.name, sizeof(p->host));
}

static struct sw_probe *find(const struct sw_edge *e, const char *zone)
{
	struct sw_probe *p;
	size_t pos = 0;

	while ((p = sw_idtab_next(&e->probes, &pos)))
		if (!strcmp(p->zone, zone))
			return p;
	return NULL;
}

static struct sw_probe *probe_new(struct sw_edge *e, const char *zone)
{
	struct sw_probe *p = calloc(1, sizeof(*p));

	if (!p || sw_idtab_add(&e->probes, p, &p->id) < 0) {
		free(p);
		return NULL;
	}
	p->edge = e;
	snprintf(p->zone, sizeof(p->zone), "%s", zone);
	return p;
}

void sw_probe_tick(struct sw_edge *e, uint64_t now)
{
	for (size_t i = 0; !e->draining && i < e->gen->conf->n_zones; i++) {
		const struct sw_conf_zone *z = &e->gen->conf->zones[i];
		struct sw_probe *p;

		if (!z->probe_interval || z->kind != SW_ZONE_NEIGHBOR || !z->targets.n)
			continue;
		p = find(e, z->name);
		if (!p)
			p = probe_new(e, z->name);
		if (!p || now < p->due)
			continue;
		p->due = now + z->probe_interval / z->targets.n;
		start(p, sw_zoneset_at(e->gen->zones, (unsigned)i));
	}
}

void sw_probe_reset(struct sw_edge *e)
{
	struct sw_probe *p;
	size_t pos = 0;

	while ((p = sw_idtab_next(&e->probes, &pos))) {
		if (p->locate)
			sw_locate_cancel(e->dns, p->locate);
		if (p->client)
			sw_txn_client_orphan(e->txns, p->client);
		sw_idtab_del(&e->probes, p->id);
		sw_loop_free_later(e->loop, p);
	}
}

const char *sw_probe_state(const struct sw_edge *e, const char *zone)
{
	static const char *const names[] = { [PROBE_UNKNOWN] = "unknown", [PROBE_UP] = "up", [PROBE_DOWN] = "down" };
	const struct sw_probe *p = find(e, zone);

	return p ? names[p->state] : NULL;
}
