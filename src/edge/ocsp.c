/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/ocsp.h"

#include <stdlib.h>
#include <time.h>

#include "core/hash.h"
#include "core/log.h"
#include "edge/peer.h"
#include "edge/reload.h"
#include "edge/web.h"

enum { FETCHES_AT_ONCE = 32, FETCH_MS = 5000 };

/* One query, from its request to its answer in the cache. */
struct fetch {
	struct sw_ocsp_fetch *f;
	bool busy;
	sw_id request;               /* 0: the answer has come */
	struct sw_ocsp_due due;
	struct sw_buf body;
	enum sw_ocsp_news news;
	char why[SW_HTTP_DETAIL_MAX];
};

/* A connection that waits for a first answer. Owns itself: freed when it was told. */
struct waiter {
	struct sw_ocsp_fetch *f;
	uint8_t key[SW_OCSP_KEY_LEN];
	sw_id conn;
	struct sw_timer timer;
	struct waiter *prev, *next;
};

struct sw_ocsp_fetch {
	struct sw_edge *edge;
	struct sw_ocsps *ocsps;      /* a reference */
	struct fetch fetches[FETCHES_AT_ONCE];
	struct waiter *waiters;
	unsigned jobs;               /* in the pool */
	bool revoked;                /* an answer came that revokes: judge again */
	bool closing;
};

int sw_ocsp_fetch_new(struct sw_ocsp_fetch **out, struct sw_edge *e, struct sw_ocsps *ocsps)
{
	struct sw_ocsp_fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return SW_ENOMEM;
	f->edge = e;
	f->ocsps = sw_ocsps_ref(ocsps);
	*out = f;
	return SW_OK;
}

/* --- those who wait --- */

static void waiter_free(struct waiter *w)
{
	DL_DELETE(w->f->waiters, w);
	sw_timer_stop(&w->timer);
	sw_loop_free_later(w->f->edge->loop, w);
}

static void tell(struct sw_ocsp_fetch *f, const uint8_t key[SW_OCSP_KEY_LEN])
{
	struct waiter *w, *next;

	DL_FOREACH_SAFE(f->waiters, w, next) {
		if (memcmp(w->key, key, SW_OCSP_KEY_LEN) != 0)
			continue;
		waiter_free(w);
		sw_peer_admit_again(f->edge, w->conn);
	}
}

/* All who wait for the same have waited enough: a responder that is slow delays each certificate once. */
static void on_time_up(void *arg)
{
	struct waiter *w = arg;

	sw_ocsps_give_up(w->f->ocsps, w->key);
	tell(w->f, w->key);
}

int sw_ocsp_fetch_wait(struct sw_ocsp_fetch *f, const uint8_t key[SW_OCSP_KEY_LEN], sw_id conn)
{
	struct waiter *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return SW_ENOMEM;
	w->f = f;
	w->conn = conn;
	memcpy(w->key, key, SW_OCSP_KEY_LEN);
	sw_timer_init(&w->timer, f->edge->loop, on_time_up, w);
	err = sw_timer_start(&w->timer, f->edge->gen->conf->fetch.ocsp_wait);
	if (err < 0) {
		free(w);
		return err;
	}
	DL_APPEND(f->waiters, w);
	sw_ocsp_fetch_tick(f, time(NULL));
	return SW_OK;
}

/* --- asking --- */

void sw_ocsp_fetch_free(struct sw_ocsp_fetch *f)
{
	if (!f)
		return;
	for (size_t i = 0; !f->closing && i < FETCHES_AT_ONCE; i++)
		if (f->fetches[i].request)
			sw_http_cancel(sw_web_http(f->edge->web), f->fetches[i].request);
	while (f->waiters)
		waiter_free(f->waiters);
	f->closing = true;
	if (f->jobs)
		return;  /* the last job that comes back frees it */
	sw_ocsps_unref(f->ocsps);
	free(f);
}

static void over(struct fetch *x)
{
	sw_buf_free(&x->body);
	x->busy = false;
	tell(x->f, x->due.key);
}

static void failed(struct fetch *x, const char *why)
{
	sw_ocsps_failed(x->f->ocsps, x->due.key, time(NULL), why);
	sw_log(SW_LOG_WARN, "ocsp.failed", SW_S("url", x->due.url), SW_S("detail", why));
	over(x);
}

/* In the pool: two signatures may have to be checked. */
static void put(void *arg)
{
	struct fetch *x = arg;

	x->news = sw_ocsps_put(x->f->ocsps, x->due.key, sw_buf_view(&x->body), time(NULL), x->why);
}

static void put_done(void *arg, int status)
{
	struct fetch *x = arg;
	struct sw_ocsp_fetch *f = x->f;

	f->jobs--;
	if (f->closing) {
		sw_buf_free(&x->body);
		sw_ocsp_fetch_free(f);
		return;
	}
	if (status < 0) {
		failed(x, sw_error_text(status));
		return;
	}
	if (x->news == SW_OCSP_REFUSED)
		sw_log(SW_LOG_WARN, "ocsp.failed", SW_S("url", x->due.url), SW_S("detail", x->why));
	else if (x->due.own && x->news == SW_OCSP_REVOKES)
		sw_log(SW_LOG_ERROR, "staple.revoked", SW_S("url", x->due.url), SW_S("detail", "a certificate of our own has been revoked: get another"));
	else
		sw_log(x->news == SW_OCSP_REVOKES ? SW_LOG_WARN : SW_LOG_DEBUG, "ocsp.fetched", SW_S("url", x->due.url),
		       SW_S("news", x->news == SW_OCSP_REVOKES ? "revokes" : "taken"));
	f->revoked |= x->news == SW_OCSP_REVOKES;
	over(x);
}

static void on_fetched(void *arg, const struct sw_http_result *r)
{
	struct fetch *x = arg;
	const char *what = strstr(r->detail, ": ");  /* after the host, which the URL shows */

	x->request = 0;
	if (r->err < 0 || r->status != 200) {
		failed(x, what ? what + 2 : r->detail);
		return;
	}
	sw_buf_slice(&x->body, r->body);
	if (sw_buf_error(&x->body) < 0 || sw_loop_work(x->f->edge->loop, put, put_done, x) < 0)
		failed(x, sw_error_text(SW_ENOMEM));
	else
		x->f->jobs++;
}

/* Not from within: who waits has only just begun to. */
static void tell_soon(struct sw_ocsp_fetch *f, const uint8_t key[SW_OCSP_KEY_LEN])
{
	struct waiter *w;

	DL_FOREACH(f->waiters, w)
		if (!memcmp(w->key, key, SW_OCSP_KEY_LEN) && sw_timer_start(&w->timer, 0) < 0)
			sw_log(SW_LOG_WARN, "ocsp.no-timer", SW_ID("conn", w->conn));  /* the old one still runs */
}

static void start(struct fetch *x)
{
	struct sw_edge *e = x->f->edge;
	const struct sw_http_request rq = {
		.url = x->due.url,
		.schemes = SW_HTTP_PLAIN,
		.max_bytes = SW_OCSP_BYTES_MAX,
		.deadline = FETCH_MS,
		.body = { (const char *)x->due.request, x->due.request_len },
		.content_type = "application/ocsp-request",
		.accept = "application/ocsp-response",
		.networks = e->gen->conf->fetch.networks,
		.n_networks = e->gen->conf->fetch.n_networks,
	};

	if (sw_http_start(sw_web_http(e->web), &rq, on_fetched, x, &x->request, x->why) == SW_OK) {
		sw_buf_init(&x->body, SW_OCSP_BYTES_MAX);
		x->busy = true;
		return;
	}
	sw_ocsps_failed(x->f->ocsps, x->due.key, time(NULL), x->why);
	sw_log(SW_LOG_WARN, "ocsp.failed", SW_S("url", x->due.url), SW_S("detail", x->why));
	tell_soon(x->f, x->due.key);
}

static struct fetch *free_fetch(struct sw_ocsp_fetch *f)
{
	for (size_t i = 0; i < FETCHES_AT_ONCE; i++)
		if (!f->fetches[i].busy)
			return &f->fetches[i];
	return NULL;
}

void sw_ocsp_fetch_tick(struct sw_ocsp_fetch *f, int64_t now)
{
	struct fetch *x;

	while ((x = free_fetch(f)) && sw_ocsps_due(f->ocsps, now, &x->due)) {
		x->f = f;
		start(x);
	}
	if (f->revoked) {
		f->revoked = false;
		sw_reload_rejudge(f->edge, true);
	}
}

void sw_ocsp_fetch_refresh(struct sw_ocsp_fetch *f, int64_t now)
{
	sw_ocsps_refresh(f->ocsps, now);
}
