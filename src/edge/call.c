/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/log.h"
#include "edge/anchor.h"

static void on_life(void *arg)
{
	sw_call_end(arg, SW_R_CONN_IDLE);
}

static void leg_use(struct sw_edge *e, sw_id conn, int by)
{
	struct sw_peer *p = sw_idtab_get(&e->peers, conn);

	if (p)
		p->uses = (uint32_t)((int64_t)p->uses + by);
	if (p && by < 0)
		sw_peer_unused(p);
}

static void leg_set(struct sw_edge *e, struct sw_leg *leg, const struct sw_zone *zone)
{
	(void)e;
	snprintf(leg->zone, sizeof(leg->zone), "%s", zone->conf->name);
	leg->anonymous = zone->conf->kind == SW_ZONE_DEFAULT;
}

void sw_call_set_conn(struct sw_call *c, int leg, sw_id conn)
{
	struct sw_peer *p = sw_idtab_get(&c->edge->peers, conn);

	if (c->leg[leg].conn == conn || !p)
		return;
	leg_use(c->edge, c->leg[leg].conn, -1);
	c->leg[leg].conn = conn;
	c->leg[leg].remote = p->remote;
	leg_use(c->edge, conn, 1);
}

/* Counted by the caller's zone, for its max_calls. */
static uint32_t *zone_count(struct sw_call *c)
{
	const struct sw_zone *z = sw_generation_zone(c->edge->gen, c->leg[SW_LEG_CALLER].zone);

	return z ? &c->edge->zone_calls[z->index] : NULL;
}

int sw_call_new(struct sw_call **out, struct sw_edge *e, const struct sw_msg *request, const struct sw_peer *caller,
		const struct sw_zone *target)
{
	struct sw_str call_id = sw_msg_call_id(request), tag = sw_msg_from_tag(request);
	uint32_t *count;
	struct sw_call *c = calloc(1, sizeof(*c));
	int err = SW_ENOMEM;

	if (!c)
		return SW_ENOMEM;
	c->edge = e;
	c->offerer = -1;
	c->invite = sw_msg_method(request) == SW_METHOD_INVITE;
	c->since = time(NULL);
	c->call_id = sw_str_dup(call_id);
	c->from_tag = sw_str_dup(tag);
	if (!c->call_id || !c->from_tag)
		goto fail;
	err = sw_idtab_add(&e->calls, c, &c->id);
	if (err < 0)
		goto fail;
	sw_timer_init(&c->life, e->loop, on_life, c);
	err = sw_timer_start(&c->life, e->gen->conf->limits.call_time);
	if (err < 0) {
		sw_idtab_del(&e->calls, c->id);
		goto fail;
	}
	leg_set(e, &c->leg[SW_LEG_CALLER], caller->zone);
	leg_set(e, &c->leg[SW_LEG_CALLEE], target);
	sw_call_set_conn(c, SW_LEG_CALLER, caller->id);
	count = zone_count(c);
	if (count)
		++*count;
	e->count.calls++;
	*out = c;
	return SW_OK;
fail:
	free(c->call_id);
	free(c->from_tag);
	free(c);
	return err;
}

struct sw_call *sw_call_get(const struct sw_edge *e, sw_id id)
{
	return sw_idtab_get(&e->calls, id);
}

/* A call whose record waits for the media process's last figures. Owned by the edge's list until they come, or it stops. */
struct sw_call_ending {
	struct sw_call_ending *prev, *next;
	struct sw_edge *edge;
	sw_id call;
	enum sw_reason why;
	int64_t since;
	bool established;
	char from[64], to[64];
};

/* The call's record: one line, when the media process has given the last figures. */
static void on_last_figures(void *arg, const struct sw_media_stats *s, size_t n)
{
	struct sw_call_ending *end = arg;
	uint64_t packets[2] = { 0 }, unexpected = 0, dropped = 0;

	for (size_t i = 0; i < n; i++)
		for (int side = 0; side < 2; side++) {
			packets[side] += s[i].packets[side];
			unexpected += s[i].unexpected[side];
			dropped += s[i].dropped[side];
		}
	sw_log(SW_LOG_INFO, "call.ended", SW_ID("call", end->call), SW_S("from_zone", end->from), SW_S("to_zone", end->to),
	       SW_REASON_F(end->why), SW_S("established", end->established ? "yes" : "no"), SW_I("seconds", time(NULL) - end->since),
	       SW_U("streams", n), SW_U("packets_from_caller", packets[SW_SIDE_A]), SW_U("packets_from_callee", packets[SW_SIDE_B]),
	       SW_U("unexpected", unexpected), SW_U("dropped", dropped));
	DL_DELETE(end->edge->endings, end);
	sw_edge_maybe_drained(end->edge);
	free(end);
}

void sw_call_endings_free(struct sw_edge *e)
{
	struct sw_call_ending *end, *next;

	DL_FOREACH_SAFE(e->endings, end, next) {
		DL_DELETE(e->endings, end);
		free(end);
	}
}

static void close_media(struct sw_call *c, enum sw_reason why)
{
	struct sw_call_ending *end = malloc(sizeof(*end));

	if (end) {
		*end = (struct sw_call_ending){ .edge = c->edge, .call = c->id, .why = why, .since = c->since, .established = c->established };
		snprintf(end->from, sizeof(end->from), "%s", c->leg[SW_LEG_CALLER].zone);
		snprintf(end->to, sizeof(end->to), "%s", c->leg[SW_LEG_CALLEE].zone);
		DL_APPEND(c->edge->endings, end);
	}
	if (c->n_streams && c->edge->media && !c->edge->stopping &&
	    sw_media_close_call(c->edge->media, c->id, end ? on_last_figures : NULL, end) == SW_OK)
		return;
	if (end)
		on_last_figures(end, NULL, 0);
}

void sw_call_end(struct sw_call *c, enum sw_reason why)
{
	struct sw_edge *e = c->edge;
	uint32_t *count;

	if (c->ended)
		return;
	c->ended = true;
	count = zone_count(c);
	if (count && *count)
		--*count;
	sw_timer_stop(&c->life);
	sw_anchor_forget_call(c);
	close_media(c, why);
	leg_use(e, c->leg[SW_LEG_CALLER].conn, -1);
	leg_use(e, c->leg[SW_LEG_CALLEE].conn, -1);
	sw_idtab_del(&e->calls, c->id);
	for (size_t i = 0; i < c->n_to_tags; i++)
		free(c->to_tag[i]);
	free(c->call_id);
	free(c->from_tag);
	sw_loop_free_later(e->loop, c);
	sw_edge_maybe_drained(e);
}

int sw_call_leg_of(const struct sw_call *c, const struct sw_msg *request)
{
	struct sw_str ours = sw_str_of(c->from_tag);

	if (!sw_str_eq(sw_msg_call_id(request), sw_str_of(c->call_id)))
		return -1;
	if (sw_str_eq(sw_msg_from_tag(request), ours))
		return SW_LEG_CALLER;
	if (sw_str_eq(sw_msg_to_tag(request), ours))
		return SW_LEG_CALLEE;
	return -1;
}

bool sw_call_leg_is(const struct sw_call *c, int leg, const struct sw_peer *p)
{
	const struct sw_leg *l = &c->leg[leg];

	if (strcmp(l->zone, p->zone->conf->name))
		return false;
	/* Strangers share one zone: there the party is its connection, or, when that is gone, at least its address. */
	if (l->anonymous && l->conn != p->id)
		return !sw_peer_get(c->edge, l->conn) && sw_addr_same_host(&l->remote, &p->remote);
	return true;
}

static int tag_index(const struct sw_call *c, struct sw_str tag)
{
	for (size_t i = 0; i < c->n_to_tags; i++)
		if (sw_str_eq(sw_str_of(c->to_tag[i]), tag))
			return (int)i;
	return -1;
}

void sw_call_learn_tag(struct sw_call *c, struct sw_str to_tag)
{
	if (to_tag.n == 0 || tag_index(c, to_tag) >= 0 || c->n_to_tags == SW_CALL_FORKS_MAX)
		return;
	c->to_tag[c->n_to_tags] = sw_str_dup(to_tag);
	if (c->to_tag[c->n_to_tags])
		c->n_to_tags++;
}

void sw_call_lasts(struct sw_call *c, struct sw_str digits, uint32_t otherwise)
{
	const struct sw_conf_limits *lim = &c->edge->gen->conf->limits;
	uint32_t seconds = otherwise;
	uint64_t ms;

	if (sw_str_u32(digits, UINT32_MAX, &seconds) < 0)
		seconds = otherwise;
	ms = (uint64_t)seconds * 1000 + 64 * lim->timer_t1;
	if (sw_timer_start(&c->life, ms < lim->call_time ? ms : lim->call_time) < 0)
		sw_call_end(c, SW_R_MSG_OVERLOAD);
}

void sw_call_establish(struct sw_call *c, struct sw_str to_tag)
{
	int i;

	sw_call_learn_tag(c, to_tag);
	if (c->established)
		return;
	c->established = true;
	i = tag_index(c, to_tag);
	if (i > 0) {
		char *winner = c->to_tag[i];

		c->to_tag[i] = c->to_tag[0];
		c->to_tag[0] = winner;
	}
	sw_log(SW_LOG_INFO, "call.established", SW_ID("call", c->id));
}

bool sw_call_bye_ends(struct sw_call *c, struct sw_str callee_tag)
{
	int i = tag_index(c, callee_tag);

	if (i <= 0)
		return true;
	free(c->to_tag[i]);
	c->to_tag[i] = c->to_tag[--c->n_to_tags];
	return false;
}

void sw_call_conn_revoked(struct sw_edge *e, sw_id conn)
{
	struct sw_call *c;
	size_t pos = 0;

	while ((c = sw_idtab_next(&e->calls, &pos)))
		if (c->leg[0].conn == conn || c->leg[1].conn == conn)
			sw_call_end(c, SW_R_CONN_REVOKED);
}
