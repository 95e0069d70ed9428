/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks for what: the cache first, then joined with an equal question under
 * way, then a new exchange, when fewer than RUNNING_MAX run. Everyone who waits
 * is called from a timer of his own, so never from within sw_dns_ask and never
 * in the middle of a walk over others.
 */
#include "dns/dns.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/hash.h"
#include "dns/cache.h"
#include "dns/dns_int.h"
#include "dns/exchange.h"

enum {
	RUNNING_MAX = 256,       /* exchanges, each with one descriptor */
	QUEUED_MAX = 1024,
	WAITERS_MAX = 32768,
	JOBS_MAX = 16384,
	WAIT_MAX = 30 * 1000,    /* nobody waits longer, queue and all */
	RESOLV_CONF_MAX = 16384,
};

struct query {
	UT_hash_handle hh;
	struct query *prev, *next;   /* in the queue */
	struct sw_dns *d;
	struct waiter *waiters;      /* owned by the resolver's table */
	struct sw_exchange *x;       /* owned; NULL: queued */
	enum sw_dns_type type;
	size_t key_len;
	char key[2 + SW_DNS_NAME_MAX];
};

struct waiter {
	struct waiter *prev, *next;
	struct sw_dns *d;
	struct query *q;             /* NULL: done, to be called */
	struct sw_answer *answer;    /* owned reference; NULL when done: out of memory or out of time */
	struct sw_timer timer;       /* runs from the start, so that starting it again can't fail */
	sw_id id;
	sw_dns_fn *fn;
	void *arg;
	uint32_t ttl;
	bool fresh, stale;
};

struct sw_dns {
	struct sw_servers servers;
	struct sw_cache cache;
	struct sw_idtab waiters, jobs;
	struct query *queries;       /* by key; owned */
	struct query *queue;         /* those not started yet, oldest first */
	size_t running, queued;
};

static void start_queued(struct sw_dns *d);

static const char *query_name(const struct query *q)
{
	return q->key + 2;
}

/* --- those who wait --- */

static void waiter_free(struct waiter *w)
{
	sw_timer_stop(&w->timer);
	sw_idtab_del(&w->d->waiters, w->id);
	sw_answer_unref(w->answer);
	sw_loop_free_later(w->d->servers.loop, w);
}

static void query_free(struct query *q)
{
	struct sw_dns *d = q->d;

	HASH_DELETE(hh, d->queries, q);
	if (q->x) {
		sw_exchange_free(q->x);
		d->running--;
	} else {
		DL_DELETE(d->queue, q);
		d->queued--;
	}
	sw_loop_free_later(d->servers.loop, q);
}

static void waiter_leave(struct waiter *w)
{
	struct query *q = w->q;

	if (!q)
		return;
	w->q = NULL;
	DL_DELETE(q->waiters, w);
	if (!q->waiters) {
		struct sw_dns *d = q->d;

		query_free(q);
		start_queued(d);
	}
}

/* The call. Nothing of the resolver is touched after it: the callee may have freed it. */
static void on_waiter_timer(void *arg)
{
	struct waiter *w = arg;
	struct sw_answer *answer = sw_answer_ref(w->answer);
	struct sw_dns_answer a = { .detail = "out of memory" };
	sw_dns_fn *fn = w->fn;
	void *fn_arg = w->arg;

	if (w->q)
		strcpy(a.detail, "no answer in time: too many queries under way");
	waiter_leave(w);
	if (answer) {
		a = answer->a;
		a.ttl = w->ttl;
		a.stale = w->stale;
	}
	waiter_free(w);
	fn(fn_arg, &a);
	sw_answer_unref(answer);
}

static void waiter_done(struct waiter *w, struct sw_answer *a, uint32_t ttl, bool stale)
{
	w->q = NULL;
	w->answer = sw_answer_ref(a);
	w->ttl = ttl;
	w->stale = stale;
	/* It runs already: its place in the heap is taken, so this can't fail. */
	if (sw_timer_start(&w->timer, 0) < 0)
		on_waiter_timer(w);
}

/* --- questions under way --- */

static void on_answer(void *arg, struct sw_answer *a)
{
	struct query *q = arg;
	struct sw_dns *d = q->d;
	uint64_t now = sw_loop_now(d->servers.loop);
	struct sw_cache_hit kept = { .answer = a, .ttl = a ? a->a.ttl : 0 };
	struct waiter *w;

	q->x = NULL;
	d->running--;
	if (a) {
		sw_cache_put(&d->cache, query_name(q), q->type, a, now);
		/* After a failure the cache may have something stale to serve. */
		if (sw_answer_failed(a))
			sw_cache_get(&d->cache, query_name(q), q->type, now, &kept);
	}
	while ((w = q->waiters)) {
		DL_DELETE(q->waiters, w);
		if (w->fresh)
			waiter_done(w, a, a ? a->a.ttl : 0, false);
		else
			waiter_done(w, kept.answer, kept.ttl, kept.stale);
	}
	HASH_DELETE(hh, d->queries, q);
	sw_loop_free_later(d->servers.loop, q);
	start_queued(d);
}

static int query_start(struct query *q)
{
	int err = sw_exchange_new(&q->x, &q->d->servers, query_name(q), q->type, on_answer, q);

	if (err == 0)
		q->d->running++;
	return err;
}

static void start_queued(struct sw_dns *d)
{
	while (d->queue && d->running < RUNNING_MAX) {
		struct query *q = d->queue;

		if (query_start(q) < 0)
			return;  /* out of memory: the next one that ends tries again, and waiters have their deadline */
		DL_DELETE(d->queue, q);
		d->queued--;
	}
}

static struct query *query_new(struct sw_dns *d, const char *key, size_t key_len, enum sw_dns_type type)
{
	struct query *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->d = d;
	q->type = type;
	q->key_len = key_len;
	memcpy(q->key, key, key_len);
	if (d->running < RUNNING_MAX ? query_start(q) < 0 : d->queued >= QUEUED_MAX) {
		free(q);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, d->queries, q->key, q->key_len, q);
	if (!q->hh.tbl) {
		if (q->x)
			d->running--;
		sw_exchange_free(q->x);
		free(q);
		return NULL;
	}
	if (!q->x) {
		DL_APPEND(d->queue, q);
		d->queued++;
	}
	return q;
}

static int join(struct sw_dns *d, struct waiter *w, const char *name, enum sw_dns_type type)
{
	char key[2 + SW_DNS_NAME_MAX] = { (char)((unsigned)type >> 8), (char)type };
	size_t n = strlen(name);
	struct query *q;

	memcpy(key + 2, name, n + 1);
	HASH_FIND(hh, d->queries, key, n + 2, q);
	if (!q)
		q = query_new(d, key, n + 2, type);
	if (!q)
		return SW_ELIMIT;
	w->q = q;
	DL_APPEND(q->waiters, w);
	return SW_OK;
}

/* --- the interface --- */

static bool known_type(enum sw_dns_type t)
{
	return t == SW_DNS_A || t == SW_DNS_AAAA || t == SW_DNS_TXT || t == SW_DNS_SRV || t == SW_DNS_NAPTR;
}

static int ask(struct sw_dns *d, const char *name, enum sw_dns_type type, sw_dns_fn *fn, void *arg, sw_id *query, bool fresh)
{
	char canonical[SW_DNS_NAME_MAX];
	struct sw_cache_hit hit;
	struct waiter *w;
	int err;

	if (!known_type(type) || !fn || sw_wire_name(canonical, name) < 0)
		return SW_EINVALID;
	w = calloc(1, sizeof(*w));
	if (!w)
		return SW_ENOMEM;
	w->d = d;
	w->fn = fn;
	w->arg = arg;
	w->fresh = fresh;
	sw_timer_init(&w->timer, d->servers.loop, on_waiter_timer, w);
	err = sw_idtab_add(&d->waiters, w, &w->id);
	if (err < 0) {
		free(w);
		return err;
	}
	err = sw_timer_start(&w->timer, WAIT_MAX);
	if (err < 0)
		goto fail;
	if (!fresh && sw_cache_get(&d->cache, canonical, type, sw_loop_now(d->servers.loop), &hit))
		waiter_done(w, hit.answer, hit.ttl, hit.stale);
	else if ((err = join(d, w, canonical, type)) < 0)
		goto fail;
	if (query)
		*query = w->id;
	return SW_OK;
fail:
	waiter_free(w);
	return err;
}

int sw_dns_ask(struct sw_dns *d, const char *name, enum sw_dns_type type, sw_dns_fn *fn, void *arg, sw_id *query)
{
	return ask(d, name, type, fn, arg, query, false);
}

int sw_dns_ask_fresh(struct sw_dns *d, const char *name, enum sw_dns_type type, sw_dns_fn *fn, void *arg, sw_id *query)
{
	return ask(d, name, type, fn, arg, query, true);
}

void sw_dns_cancel(struct sw_dns *d, sw_id query)
{
	struct waiter *w = sw_idtab_get(&d->waiters, query);

	if (!w)
		return;
	waiter_leave(w);
	waiter_free(w);
}

const char *sw_dns_outcome_name(enum sw_dns_outcome o)
{
	static const char *const names[] = {
		[SW_DNS_INDETERMINATE] = "indeterminate",
		[SW_DNS_ANSWER] = "answer",
		[SW_DNS_NODATA] = "nodata",
		[SW_DNS_NXDOMAIN] = "nxdomain",
		[SW_DNS_SERVFAIL] = "servfail",
		[SW_DNS_REFUSED] = "refused",
	};

	return (unsigned)o < sizeof(names) / sizeof(names[0]) ? names[o] : "indeterminate";
}

/* --- jobs --- */

int sw_dns_job_add(struct sw_dns *d, struct sw_dns_job *job)
{
	return sw_idtab_add(&d->jobs, job, &job->id);
}

struct sw_dns_job *sw_dns_job_get(struct sw_dns *d, sw_id id)
{
	return sw_idtab_get(&d->jobs, id);
}

void sw_dns_job_del(struct sw_dns *d, struct sw_dns_job *job)
{
	sw_idtab_del(&d->jobs, job->id);
}

struct sw_loop *sw_dns_loop(struct sw_dns *d)
{
	return d->servers.loop;
}

/* --- birth and death --- */

/* Read once, at start: the sandbox closes /etc afterwards, and a file of a few lines does not keep anybody waiting. */
static size_t resolv_conf(struct sw_addr *out, size_t max)
{
	char text[RESOLV_CONF_MAX];
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	return n > 0 ? sw_resolv_conf_parse((struct sw_str){ text, (size_t)n }, out, max) : 0;
}

static void set_servers(struct sw_servers *s, const struct sw_conf_dns *conf)
{
	struct sw_addr addr[SW_SERVERS_MAX];

	for (size_t i = 0; i < conf->n_servers && s->n < SW_SERVERS_MAX; i++) {
		s->v[s->n].addr = conf->servers[i].addr;
		if (sw_addr_port(&s->v[s->n].addr) == 0)
			sw_addr_set_port(&s->v[s->n].addr, 53);
		s->n++;
	}
	if (s->n)
		return;
	s->n = resolv_conf(addr, SW_SERVERS_MAX);
	if (s->n == 0 && sw_addr_parse(&addr[0], SW_STR("127.0.0.1"), 53) == 0)
		s->n = 1;  /* as libc does */
	for (size_t i = 0; i < s->n; i++)
		s->v[i].addr = addr[i];
}

int sw_dns_new(struct sw_dns **out, struct sw_loop *l, const struct sw_conf_dns *conf)
{
	struct sw_dns *d = calloc(1, sizeof(*d));
	struct sw_conf_dns *c;

	if (!d)
		return SW_ENOMEM;
	c = &d->servers.conf;
	*c = *conf;
	c->servers = NULL;
	c->n_servers = 0;
	if (c->timeout == 0)
		c->timeout = 2000;
	if (c->tries == 0)
		c->tries = 2;
	if (c->max_ttl == 0)
		c->max_ttl = 3600 * 1000;
	if (c->negative_ttl == 0)
		c->negative_ttl = 300 * 1000;
	d->servers.loop = l;
	set_servers(&d->servers, conf);
	sw_cache_init(&d->cache, conf->cache_entries);
	if (sw_idtab_init(&d->waiters, WAITERS_MAX) < 0 || sw_idtab_init(&d->jobs, JOBS_MAX) < 0) {
		free(d);
		return SW_EINTERNAL;
	}
	*out = d;
	return SW_OK;
}

void sw_dns_free(struct sw_dns *d)
{
	struct sw_dns_job *job;
	struct waiter *w;
	size_t pos = 0;

	if (!d)
		return;
	while ((job = sw_idtab_next(&d->jobs, &pos)))
		job->free(job);
	pos = 0;
	while ((w = sw_idtab_next(&d->waiters, &pos))) {
		if (w->q)
			DL_DELETE(w->q->waiters, w);
		w->q = NULL;
		waiter_free(w);
	}
	while (d->queries)
		query_free(d->queries);
	sw_idtab_free(&d->waiters);
	sw_idtab_free(&d->jobs);
	sw_cache_free(&d->cache);
	sw_loop_free_later(d->servers.loop, d);
}
