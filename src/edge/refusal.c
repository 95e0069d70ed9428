/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/refusal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/random.h"
#include "sip/msg.h"

enum { BYTES_MAX = 2 << 20, PER_SOURCE = 32 };

struct sw_refusals {
	struct sw_edge *edge;
	struct sw_refusal **v; /* newest last; owned */
	size_t n, room;
	size_t bytes;
};

int sw_refusals_new(struct sw_refusals **out, struct sw_edge *e)
{
	struct sw_refusals *r = calloc(1, sizeof(*r));

	if (!r)
		return SW_ENOMEM;
	r->edge = e;
	*out = r;
	return SW_OK;
}

void sw_refusal_free(struct sw_refusal *f)
{
	if (!f)
		return;
	sw_tls_peer_clear(&f->peer);
	free(f);
}

struct sw_refusal *sw_refusal_copy(const struct sw_refusal *f)
{
	struct sw_refusal *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *f;
	if (sw_tls_peer_copy(&copy->peer, &f->peer) < 0) {
		free(copy);
		return NULL;
	}
	return copy;
}

void sw_refusals_free(struct sw_refusals *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		sw_refusal_free(r->v[i]);
	free(r->v);
	free(r);
}

/* --- the ring --- */

static void drop(struct sw_refusals *r, size_t i)
{
	r->bytes -= r->v[i]->bytes;
	sw_refusal_free(r->v[i]);
	memmove(&r->v[i], &r->v[i + 1], (r->n - i - 1) * sizeof(r->v[0]));
	r->n--;
}

static bool same_cert(const struct sw_tls_peer *a, const struct sw_tls_peer *b)
{
	if (!a->identity || !b->identity)
		return !a->identity && !b->identity;
	return !memcmp(a->identity->cert_sha256, b->identity->cert_sha256, sizeof(a->identity->cert_sha256));
}

/* One story: the same peer, refused for the same thing. A request's caller and callee are part of it. */
static bool same_story(const struct sw_refusal *a, const struct sw_refusal *b)
{
	return a->kind == b->kind && a->verdict.reason == b->verdict.reason && sw_addr_same_host(&a->source, &b->source) &&
	       !strcmp(a->listener, b->listener) && !strcmp(a->zone, b->zone) && !strcmp(a->method, b->method) &&
	       !strcmp(a->from, b->from) && !strcmp(a->to, b->to) && same_cert(&a->peer, &b->peer);
}

/* The same once more: it becomes the newest, under the id it has. */
static bool again(struct sw_refusals *r, const struct sw_refusal *f, uint64_t *id)
{
	for (size_t i = r->n; i-- > 0;) {
		struct sw_refusal *old = r->v[i];

		if (!same_story(old, f))
			continue;
		old->count++;
		old->last = f->last;
		old->conn = f->conn;
		old->verdict = f->verdict;
		memmove(&r->v[i], &r->v[i + 1], (r->n - i - 1) * sizeof(r->v[0]));
		r->v[r->n - 1] = old;
		*id = old->id;
		return true;
	}
	return false;
}

/* Room for one more: first at the cost of the same source, then of the oldest. */
static void make_room(struct sw_refusals *r, const struct sw_refusal *f, size_t max)
{
	size_t same = 0, oldest = 0;

	for (size_t i = r->n; i-- > 0;)
		if (sw_addr_same_host(&r->v[i]->source, &f->source)) {
			same++;
			oldest = i;
		}
	if (same >= PER_SOURCE)
		drop(r, oldest);
	while (r->n && (r->n >= max || r->bytes + f->bytes > BYTES_MAX))
		drop(r, 0);
}

/* Takes f over. */
static uint64_t keep(struct sw_refusals *r, struct sw_refusal *f)
{
	size_t max = r->edge->gen->conf->limits.refusals;
	uint64_t id = 0;

	f->count = 1;
	f->first = f->last = time(NULL);
	f->bytes = sizeof(*f) + sw_tls_peer_size(&f->peer);
	if (max == 0 || f->bytes > BYTES_MAX || again(r, f, &id)) {
		sw_refusal_free(f);
		return id;
	}
	make_room(r, f, max);
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 64;
		void *p = realloc(r->v, room * sizeof(r->v[0]));

		if (!p) {
			sw_refusal_free(f);
			return 0;
		}
		r->v = p;
		r->room = room;
	}
	do
		sw_random(&f->id, sizeof(f->id));
	while (!f->id);
	r->v[r->n++] = f;
	r->bytes += f->bytes;
	return f->id;
}

/* --- what was refused --- */

static struct sw_refusal *begin(enum sw_refusal_kind kind, sw_id conn, const char *listener, const char *zone,
				const struct sw_addr *source)
{
	struct sw_refusal *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->kind = kind;
	f->conn = conn;
	f->source = *source;
	snprintf(f->listener, sizeof(f->listener), "%s", listener ? listener : "");
	snprintf(f->zone, sizeof(f->zone), "%s", zone ? zone : "");
	return f;
}

uint64_t sw_refusal_of_accept(struct sw_edge *e, const char *listener, const struct sw_addr *source, enum sw_reason reason)
{
	struct sw_refusal *f = e->refusals ? begin(SW_REFUSED_IN, 0, listener, NULL, source) : NULL;

	if (!f)
		return 0;
	f->verdict = sw_verdict_make(reason, NULL);
	return keep(e->refusals, f);
}

uint64_t sw_refusal_of_conn(struct sw_edge *e, enum sw_refusal_kind kind, sw_id conn, const char *listener, const char *zone,
			    const struct sw_addr *source, const struct sw_tls_peer *peer, const struct sw_chain_result *chain,
			    const struct sw_verdict *v, const char *reference, const char *target_host)
{
	struct sw_refusal *f = e->refusals ? begin(kind, conn, listener, zone, source) : NULL;

	if (!f)
		return 0;
	f->verdict = *v;
	f->tls = peer != NULL;
	if (chain)
		f->chain = *chain;
	snprintf(f->reference, sizeof(f->reference), "%s", reference ? reference : "");
	snprintf(f->target_host, sizeof(f->target_host), "%s", target_host ? target_host : "");
	if (peer && sw_tls_peer_copy(&f->peer, peer) < 0) {
		free(f);
		return 0;
	}
	return keep(e->refusals, f);
}

static void uri_text(char *dst, size_t size, const struct sw_uri_facts *u)
{
	snprintf(dst, size, "%.*s%s%.*s", (int)(u->user.n < 90 ? u->user.n : 90), u->user.p ? u->user.p : "",
		 u->user.n ? "@" : "", (int)(u->host.n < 90 ? u->host.n : 90), u->host.p ? u->host.p : "");
}

uint64_t sw_refusal_of_request(struct sw_edge *e, sw_id conn, const char *listener, const char *zone,
			       const struct sw_addr *source, const struct sw_msg *msg, const struct sw_verdict *v, int status)
{
	struct sw_refusal *f = e->refusals ? begin(SW_REFUSED_REQUEST, conn, listener, zone, source) : NULL;
	struct sw_request_facts facts;

	if (!f)
		return 0;
	sw_msg_facts(msg, &facts);
	f->verdict = *v;
	f->status = status;
	sw_str_copy(f->method, sizeof(f->method), facts.method);
	uri_text(f->from, sizeof(f->from), &facts.from);
	uri_text(f->to, sizeof(f->to), &facts.ruri);
	sw_str_copy(f->callid, sizeof(f->callid), sw_msg_call_id(msg));
	return keep(e->refusals, f);
}

/* --- looking --- */

struct sw_refusal *sw_refusal_find(const struct sw_refusals *r, uint64_t id)
{
	for (size_t i = r->n; i-- > 0;)
		if (r->v[i]->id == id)
			return r->v[i];
	for (size_t i = r->n; i-- > 0;)
		if (r->v[i]->conn == id)
			return r->v[i];
	return NULL;
}

const struct sw_refusal *sw_refusal_at(const struct sw_refusals *r, size_t i)
{
	return i < r->n ? r->v[r->n - 1 - i] : NULL;
}

size_t sw_refusals_count(const struct sw_refusals *r)
{
	return r->n;
}
