/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Private to http.c (the loop's side) and http_thread.c (libcurl's side). */
#include <stdatomic.h>
#include "core/buf.h"
#include "tls/http.h"

/*
 * One request. Belongs to the loop's side but for the time between sw_http_thread_put and sw_http_thread_take; in that time the loop
 * sets cancelled and nothing else.
 */
struct sw_http_job {
	struct sw_http_job *next;
	/* the request */
	char *url;
	char host[SW_HTTP_HOST_MAX];   /* lower case, an IPv6 address without brackets */
	uint16_t port;
	unsigned schemes;
	bool post;
	char *body, *content_type, *accept, *anchors, *pin, *etag;   /* owned */
	size_t body_len, anchors_len;
	size_t max_bytes;
	int64_t modified_since;
	int64_t deadline;              /* sw_http_clock */
	struct sw_addr addrs[SW_HTTP_ADDRESSES_MAX];
	size_t n_addrs;
	/* the result */
	struct sw_http_result result;
	struct sw_buf got;
	/* the loop's */
	struct sw_http *owner;
	sw_id id;                      /* 0: cancelled */
	sw_http_fn *fn;
	void *arg;
	struct sw_prefix *networks;    /* owned */
	size_t n_networks;
	struct sw_timer timer;         /* while the name is looked up */
	bool out;                      /* with the thread */
	atomic_bool cancelled;
	/* the thread's */
	struct sw_http_transfer *transfer;
};

int64_t sw_http_clock(void);   /* milliseconds, monotonic */
/* "host: text" into the job's result. */
void sw_http_fail(struct sw_http_job *j, int err, const char *fmt, ...) SW_PRINTF(3, 4);
/* Takes a URL apart. SW_EINVALID with why. */
int sw_http_url(const char *url, unsigned schemes, char host[SW_HTTP_HOST_MAX], uint16_t *port, bool *tls,
		char why[SW_HTTP_DETAIL_MAX]) SW_MUSTCHECK;

struct sw_http_thread;
/* *fd: becomes readable when there is something to take; the thread's. */
int sw_http_thread_new(struct sw_http_thread **out, int *fd) SW_MUSTCHECK;
/* Stops it and returns what it still had, as a list. */
struct sw_http_job *sw_http_thread_free(struct sw_http_thread *t);
void sw_http_thread_put(struct sw_http_thread *t, struct sw_http_job *j);
/* Straight to those that are done: the outcome is known. */
void sw_http_thread_return(struct sw_http_thread *t, struct sw_http_job *j);
void sw_http_thread_wake(struct sw_http_thread *t);      /* a job was cancelled */
struct sw_http_job *sw_http_thread_take(struct sw_http_thread *t);   /* those done, in order; clears fd */
