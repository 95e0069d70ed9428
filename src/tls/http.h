/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Fetches over HTTP and HTTPS: CRLs, OCSP answers, trust lists. One thread of its own runs libcurl; requests are copied in,
 * results come back on the loop. Nothing here blocks the loop or takes a thread of the pool.
 *
 * The URLs come out of strangers' certificates, so every request has a bound in bytes and time, keeps to its schemes and to
 * its host, and reaches no loopback, private or link-local address, and none of this host, unless the operator listed its network. The
 * addresses are looked up once, by whoever owns this, and libcurl gets no others.
 */
#include "core/addr.h"
#include "core/id.h"
#include "core/loop.h"

struct sw_http;

enum {
	SW_HTTP_REQUESTS_MAX = 256,    /* under way at once, whatever their state */
	SW_HTTP_ADDRESSES_MAX = 16,    /* of one host; more are left out */
	SW_HTTP_URL_MAX = 2048,
	SW_HTTP_HOST_MAX = 254,
	SW_HTTP_DETAIL_MAX = 320,
};
enum { SW_HTTP_PLAIN = 1, SW_HTTP_TLS = 2 };   /* schemes; a set */

/*
 * Looks host (a name, never an address) up, A and AAAA, and then calls sw_http_resolved with the same id, from within or later. An error
 * ends the request. That the request is gone by then is the normal case.
 */
typedef int sw_http_resolve_fn(void *arg, sw_id id, const char *host);

/* Starts the thread. Signals are not for it. */
int sw_http_new(struct sw_http **out, struct sw_loop *loop, sw_http_resolve_fn *resolve, void *arg) SW_MUSTCHECK;
/* Ends what is under way without a call, and the thread with it; waits for neither servers nor names. NULL is fine. */
void sw_http_free(struct sw_http *h);
/* The outcome of a look-up; n 0: why says what happened (may be NULL). */
void sw_http_resolved(struct sw_http *h, sw_id id, const struct sw_addr *addrs, size_t n, const char *why);

struct sw_http_request {
	const char *url;
	unsigned schemes;              /* set of SW_HTTP_*; a redirect keeps to it too */
	size_t max_bytes;              /* of the body; 0 is refused */
	uint64_t deadline;             /* milliseconds, for all of it: look-up, connect, redirects, the last byte */
	struct sw_str body;            /* p set: a POST, which follows no redirect; else a GET, which follows 3 on its own host */
	const char *content_type;      /* of body */
	const char *accept;            /* or NULL */
	struct sw_str anchors;         /* PEM: what alone vouches for an https server; without them https is refused */
	const char *pin;               /* "sha256//BASE64" of the server's key, beside the anchors; or NULL */
	const struct sw_prefix *networks;  /* where it may go beyond public addresses */
	size_t n_networks;
	const char *etag;              /* If-None-Match, as it came; or NULL */
	int64_t modified_since;        /* If-Modified-Since; 0: not sent */
};

/* Borrowed: valid during the call. */
struct sw_http_result {
	int err;                       /* SW_OK: there is a whole answer, of whatever status */
	int status;                    /* 200, 304, 404...; 0 when none came */
	struct sw_str body;            /* of a 200 */
	char etag[256];                /* "" : none, or too long */
	int64_t last_modified;         /* 0: not told */
	char detail[SW_HTTP_DETAIL_MAX];   /* "crl.example.net: HTTP 404"; empty after a 200 or 304 */
};
typedef void sw_http_fn(void *arg, const struct sw_http_result *r);   /* on the loop */

/*
 * Everything in rq is copied. fn is never called from within. SW_EINVALID with why: the URL or the request can't be used;
 * SW_ELIMIT: too many under way, try later. *id may be NULL.
 */
int sw_http_start(struct sw_http *h, const struct sw_http_request *rq, sw_http_fn *fn, void *arg, sw_id *id,
		  char why[SW_HTTP_DETAIL_MAX]) SW_MUSTCHECK;
void sw_http_cancel(struct sw_http *h, sw_id id);   /* no call after this; one that is gone is fine */

/* May a fetch connect there? False with why, "10.0.0.1 is a private address". */
bool sw_http_may_reach(const struct sw_addr *a, const struct sw_prefix *networks, size_t n, char why[128]);
