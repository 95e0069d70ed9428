/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/crl.h"

#include <stdlib.h>
#include <time.h>

#include "core/log.h"
#include "edge/reload.h"
#include "edge/web.h"

enum { FETCHES_AT_ONCE = 8, FETCH_MS = 10000 };

/* One fetch, from its request to its CRL in the cache. */
struct fetch {
	struct sw_crl_fetch *f;
	bool busy;
	sw_id request;               /* 0: the answer has come */
	struct sw_crl_due due;
	struct sw_buf body;
	char etag[256];
	enum sw_crl_news news;
	char why[SW_HTTP_DETAIL_MAX];
};

struct sw_crl_fetch {
	struct sw_edge *edge;
	struct sw_crls *crls;        /* a reference */
	struct fetch fetches[FETCHES_AT_ONCE];
	unsigned jobs;               /* in the pool */
	bool revoked;                /* a CRL came that names somebody new: judge again */
	bool closing;
};

int sw_crl_fetch_new(struct sw_crl_fetch **out, struct sw_edge *e, struct sw_crls *crls, struct sw_diag *diag)
{
	struct sw_crl_fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return SW_ENOMEM;
	f->edge = e;
	f->crls = sw_crls_ref(crls);
	sw_crls_load(crls, time(NULL), diag);
	*out = f;
	return SW_OK;
}

void sw_crl_fetch_free(struct sw_crl_fetch *f)
{
	if (!f)
		return;
	for (size_t i = 0; !f->closing && i < FETCHES_AT_ONCE; i++)
		if (f->fetches[i].request)
			sw_http_cancel(sw_web_http(f->edge->web), f->fetches[i].request);
	f->closing = true;
	if (f->jobs)
		return;  /* the last job that comes back frees it */
	sw_crls_unref(f->crls);
	free(f);
}

static void over(struct fetch *x)
{
	sw_buf_free(&x->body);
	x->busy = false;
}

static void failed(struct fetch *x, const char *why)
{
	sw_crls_failed(x->f->crls, x->due.key, time(NULL), why);
	sw_log(SW_LOG_WARN, "crl.failed", SW_S("url", x->due.url), SW_S("detail", why));
	over(x);
}

/* In the pool: a CRL of 10 MiB takes its time. */
static void put(void *arg)
{
	struct fetch *x = arg;

	x->news = sw_crls_put(x->f->crls, x->due.key, sw_buf_view(&x->body), x->etag, time(NULL), x->why);
}

static void log_news(const struct fetch *x)
{
	if (x->news == SW_CRL_REFUSED)
		sw_log(SW_LOG_WARN, "crl.failed", SW_S("url", x->due.url), SW_S("detail", x->why));
	else
		sw_log(x->why[0] ? SW_LOG_WARN : x->news == SW_CRL_SAME ? SW_LOG_DEBUG : SW_LOG_INFO, "crl.fetched", SW_S("url", x->due.url),
		       SW_U("bytes", x->body.len), SW_S("news", x->news == SW_CRL_SAME ? "same" : x->news == SW_CRL_NEWER ? "newer" : "revokes"),
		       SW_S("detail", x->why[0] ? x->why : NULL));
}

static void put_done(void *arg, int status)
{
	struct fetch *x = arg;
	struct sw_crl_fetch *f = x->f;

	f->jobs--;
	if (f->closing) {
		sw_buf_free(&x->body);
		sw_crl_fetch_free(f);
		return;
	}
	if (status < 0) {
		failed(x, sw_error_text(status));
		return;
	}
	log_news(x);
	f->revoked |= x->news == SW_CRL_REVOKES;
	over(x);
}

static void on_fetched(void *arg, const struct sw_http_result *r)
{
	struct fetch *x = arg;
	struct sw_crl_fetch *f = x->f;

	x->request = 0;
	if (r->err == SW_OK && r->status == 304) {
		sw_crls_unchanged(f->crls, x->due.key, time(NULL));
		sw_log(SW_LOG_DEBUG, "crl.fetched", SW_S("url", x->due.url), SW_S("news", "same"));
		over(x);
		return;
	}
	if (r->err < 0 || r->status != 200) {
		const char *what = strstr(r->detail, ": ");  /* after the host, which the URL shows */

		failed(x, what ? what + 2 : r->detail);
		return;
	}
	sw_buf_slice(&x->body, r->body);
	memcpy(x->etag, r->etag, sizeof(x->etag));
	if (sw_buf_error(&x->body) < 0 || sw_loop_work(f->edge->loop, put, put_done, x) < 0)
		failed(x, sw_error_text(SW_ENOMEM));
	else
		f->jobs++;
}

static void start(struct fetch *x)
{
	struct sw_edge *e = x->f->edge;
	const struct sw_http_request rq = {
		.url = x->due.url,
		.schemes = SW_HTTP_PLAIN,
		.max_bytes = SW_CRL_BYTES_MAX,
		.deadline = FETCH_MS,
		.accept = "application/pkix-crl, */*;q=0.5",
		.etag = x->due.etag[0] ? x->due.etag : NULL,
		.networks = e->gen->conf->fetch.networks,
		.n_networks = e->gen->conf->fetch.n_networks,
	};
	char why[SW_HTTP_DETAIL_MAX];

	x->busy = true;
	sw_buf_init(&x->body, SW_CRL_BYTES_MAX);
	if (sw_http_start(sw_web_http(e->web), &rq, on_fetched, x, &x->request, why) < 0)
		failed(x, why);
}

static struct fetch *free_fetch(struct sw_crl_fetch *f)
{
	for (size_t i = 0; i < FETCHES_AT_ONCE; i++)
		if (!f->fetches[i].busy)
			return &f->fetches[i];
	return NULL;
}

void sw_crl_fetch_tick(struct sw_crl_fetch *f, int64_t now)
{
	struct fetch *x;

	while ((x = free_fetch(f)) && sw_crls_due(f->crls, now, &x->due)) {
		x->f = f;
		start(x);
	}
	if (f->revoked) {
		f->revoked = false;
		sw_reload_rejudge(f->edge, true);
	}
}

void sw_crl_fetch_refresh(struct sw_crl_fetch *f, int64_t now)
{
	sw_crls_refresh(f->crls, now);
}
