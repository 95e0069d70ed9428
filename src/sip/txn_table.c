/* SPDX-License-Identifier: Apache-2.0 */
/* The layer itself: tables, lifetimes, timers. */
#include "sip/txn_int.h"

#include <stdlib.h>

#include "core/log.h"
#include "core/random.h"

int sw_txns_new(struct sw_txns **out, const struct sw_txn_conf *c)
{
	struct sw_txns *t;
	int err;

	if (!c->loop || !c->send || c->t1 == 0 || c->max == 0)
		return SW_EINVALID;
	t = calloc(1, sizeof(*t));
	if (!t)
		return SW_ENOMEM;
	t->conf = *c;
	err = sw_idtab_init(&t->ids, c->max);
	if (err < 0) {
		free(t);
		return err;
	}
	*out = t;
	return SW_OK;
}

void sw_txns_free(struct sw_txns *t)
{
	struct sw_txn *x;
	size_t pos = 0;

	if (!t)
		return;
	while ((x = sw_idtab_next(&t->ids, &pos)))
		sw_txn_destroy(x);
	sw_idtab_free(&t->ids);
	sw_loop_free_later(t->conf.loop, t);
}

size_t sw_txns_count(const struct sw_txns *t, size_t *server, size_t *client)
{
	if (server)
		*server = t->count[SW_TXN_SERVER];
	if (client)
		*client = t->count[SW_TXN_CLIENT];
	return t->count[SW_TXN_SERVER] + t->count[SW_TXN_CLIENT];
}

/* Parts end in NUL, which no header field can hold: ("a", "bc") is not ("ab", "c"). */
void sw_txn_key_put(struct sw_txn_key *k, struct sw_str s)
{
	if (s.n >= sizeof(k->p) - k->n) {
		k->overrun = true;
		return;
	}
	if (s.n)
		memcpy(k->p + k->n, s.p, s.n);
	k->n += s.n;
	k->p[k->n++] = '\0';
}

/* --- which client transactions a connection has: its end must not cost a walk over everybody's --- */

static int join_conn(struct sw_txn *x)
{
	struct sw_txns *t = x->layer;
	struct sw_txn_conn *c;

	HASH_FIND(hh, t->conns, &x->conn, sizeof(x->conn), c);
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return SW_ENOMEM;
		c->conn = x->conn;
		HASH_ADD(hh, t->conns, conn, sizeof(c->conn), c);
		if (!c->hh.tbl) {
			free(c);
			return SW_ENOMEM;
		}
	}
	DL_APPEND(c->clients, x);
	x->peer = c;
	return SW_OK;
}

static void leave_conn(struct sw_txn *x)
{
	struct sw_txn_conn *c = x->peer;

	if (!c)
		return;
	x->peer = NULL;
	DL_DELETE(c->clients, x);
	if (!c->clients) {
		HASH_DEL(x->layer->conns, c);
		free(c);
	}
}

void sw_txns_conn_gone(struct sw_txns *t, sw_id conn)
{
	struct sw_txn_conn *c;
	struct sw_txn *x;

	HASH_FIND(hh, t->conns, &conn, sizeof(conn), c);
	if (!c)
		return;
	DL_FOREACH(c->clients, x)
		sw_txn_client_conn_gone(x);
}

/* --- one transaction --- */

int sw_txn_new(struct sw_txns *t, enum sw_txn_kind kind, const struct sw_txn_key *k, sw_id conn, uint64_t ms, struct sw_txn **out)
{
	struct sw_txn *x;
	int err;

	if (k->overrun)
		return SW_ELIMIT;
	if (sw_txn_find(t, kind, k))
		return SW_EEXISTS;
	x = calloc(1, sizeof(*x) + k->n);
	if (!x)
		return SW_ENOMEM;
	x->layer = t;
	x->kind = kind;
	x->conn = conn;
	x->opened = sw_loop_now(t->conf.loop);
	x->key_len = k->n;
	memcpy(x->key, k->p, k->n);
	sw_timer_init(&x->timer, t->conf.loop, kind == SW_TXN_SERVER ? sw_txn_server_timer : sw_txn_client_timer, x);
	t->count[kind]++;
	if ((err = sw_idtab_add(&t->ids, x, &x->id)) < 0)
		goto fail;
	HASH_ADD_KEYPTR(hh, t->by_key[kind], x->key, x->key_len, x);
	if (!x->hh.tbl) {
		err = SW_ENOMEM;
		goto fail;
	}
	if (kind == SW_TXN_CLIENT && (err = join_conn(x)) < 0)
		goto fail;
	if ((err = sw_timer_start(&x->timer, ms)) < 0)
		goto fail;
	*out = x;
	return SW_OK;
fail:
	sw_txn_destroy(x);
	return err;
}

void sw_txn_destroy(struct sw_txn *x)
{
	struct sw_txns *t = x->layer;

	if (x->state == SW_TXN_GONE)
		return;
	sw_timer_stop(&x->timer);
	leave_conn(x);
	if (x->hh.tbl)
		HASH_DEL(t->by_key[x->kind], x);
	sw_idtab_del(&t->ids, x->id);
	t->count[x->kind]--;
	free(x->kept);
	x->kept = NULL;
	x->fn = NULL;
	x->end_fn = NULL;
	x->state = SW_TXN_GONE;
	sw_loop_free_later(t->conf.loop, x);
}

struct sw_txn *sw_txn_get(const struct sw_txns *t, enum sw_txn_kind kind, sw_id id)
{
	struct sw_txn *x = sw_idtab_get(&t->ids, id);

	return x && x->kind == kind ? x : NULL;
}

struct sw_txn *sw_txn_find(const struct sw_txns *t, enum sw_txn_kind kind, const struct sw_txn_key *k)
{
	struct sw_txn *x;

	if (k->overrun)
		return NULL;
	HASH_FIND(hh, t->by_key[kind], k->p, k->n, x);
	return x;
}

/* The timer runs, or is running its callback: its place in the heap is there already. */
void sw_txn_rearm(struct sw_txn *x, uint64_t ms)
{
	if (sw_timer_start(&x->timer, ms) < 0)
		sw_log(SW_LOG_ERROR, "txn.timer", SW_ID("conn", x->conn));
}

void sw_txn_end_soon(struct sw_txn *x)
{
	x->state = SW_TXN_ENDING;
	sw_txn_rearm(x, 0);
}

/* The old bytes stay when there is no memory for the new ones. */
int sw_txn_keep(struct sw_txn *x, struct sw_str bytes)
{
	char *copy = NULL;

	if (bytes.n && !(copy = malloc(bytes.n)))
		return SW_ENOMEM;
	if (bytes.n)
		memcpy(copy, bytes.p, bytes.n);
	free(x->kept);
	x->kept = copy;
	x->kept_len = bytes.n;
	return SW_OK;
}

/* May come back as sw_txns_conn_gone: change state first, send then. */
int sw_txn_send(struct sw_txn *x, struct sw_str bytes)
{
	return x->layer->conf.send(x->layer->conf.arg, x->conn, bytes);
}

void sw_branch_make(char out[32])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t raw[24];

	sw_random(raw, sizeof(raw));
	memcpy(out, "z9hG4bK", 7);
	for (size_t i = 0; i < sizeof(raw); i++)
		out[7 + i] = letters[raw[i] & 31];
	out[31] = '\0';
}
