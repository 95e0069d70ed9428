/* SPDX-License-Identifier: Apache-2.0 */
/* The loop's side of fetching: requests are judged, names are looked up, results are handed out. libcurl is in http_thread.c. */
#include "tls/http.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "tls/http_int.h"

struct sw_http {
	struct sw_loop *loop;
	sw_http_resolve_fn *resolve;
	void *resolve_arg;
	struct sw_http_thread *thread;
	struct sw_io *io;            /* readable: the thread has results */
	struct sw_idtab jobs;        /* those not cancelled */
};

int64_t sw_http_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void sw_http_fail(struct sw_http_job *j, int err, const char *fmt, ...)
{
	char text[SW_HTTP_DETAIL_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	j->result.err = err;
	snprintf(j->result.detail, sizeof(j->result.detail), "%.100s: %.200s", j->host, text);
}

/* --- where it may go --- */

/* The kernel's choice of a source tells: towards an address of this host it is that address. No packet is sent. */
static bool is_this_host(const struct sw_addr *a)
{
	struct sw_addr to = *a, source = { 0 };
	socklen_t len = sizeof(source);
	int fd = socket(sw_addr_family(a), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool own;

	sw_addr_set_port(&to, 9);
	own = fd >= 0 && connect(fd, &to.sa, sw_addr_len(&to)) == 0 && getsockname(fd, &source.sa, &len) == 0 &&
	      sw_addr_same_host(&source, a);
	if (fd >= 0)
		close(fd);
	return own;
}

bool sw_http_may_reach(const struct sw_addr *a, const struct sw_prefix *networks, size_t n, char why[128])
{
	char text[SW_ADDR_STRLEN];
	const char *kind;

	/* Nothing can be fetched from these, listed or not. */
	kind = sw_addr_is_any(a) ? "no address to connect to" : sw_addr_is_multicast(a) ? "a multicast address" : NULL;
	for (size_t i = 0; !kind && i < n; i++)
		if (sw_prefix_has(&networks[i], a))
			return true;
	if (!kind)
		kind = sw_addr_is_loopback(a) ? "a loopback address" : sw_addr_is_private(a) ? "a private address" :
		       sw_addr_is_link_local(a) ? "a link-local address" : sw_addr_is_reserved(a) ? "a reserved address" :
		       is_this_host(a) ? "an address of this host" : NULL;
	if (kind)
		snprintf(why, 128, "%s is %s", sw_addr_host_text(a, text), kind);
	return !kind;
}

/* --- a job --- */

static void job_free(struct sw_http_job *j)
{
	sw_timer_stop(&j->timer);
	free(j->url);
	free(j->body);
	free(j->content_type);
	free(j->accept);
	free(j->anchors);
	free(j->pin);
	free(j->etag);
	free(j->networks);
	sw_buf_free(&j->got);
	free(j);
}

static bool copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

static bool copy_bytes(char **to, size_t *n, struct sw_str from)
{
	*to = from.p ? malloc(from.n + 1) : NULL;
	if (*to)
		memcpy(*to, from.p, from.n);
	*n = from.n;
	return *to || !from.p;
}

static int job_new(struct sw_http_job **out, struct sw_http *h, const struct sw_http_request *rq)
{
	struct sw_http_job *j = calloc(1, sizeof(*j));

	if (!j)
		return SW_ENOMEM;
	j->owner = h;
	j->schemes = rq->schemes;
	j->post = rq->body.p != NULL;
	j->max_bytes = rq->max_bytes;
	j->modified_since = rq->modified_since;
	j->deadline = sw_http_clock() + (int64_t)rq->deadline;
	j->networks = calloc(rq->n_networks + 1, sizeof(*j->networks));
	sw_buf_init(&j->got, rq->max_bytes);
	if (!j->networks || !copy_text(&j->url, rq->url) || !copy_text(&j->content_type, rq->content_type) ||
	    !copy_text(&j->accept, rq->accept) || !copy_text(&j->pin, rq->pin) || !copy_text(&j->etag, rq->etag) ||
	    !copy_bytes(&j->body, &j->body_len, rq->body) || !copy_bytes(&j->anchors, &j->anchors_len, rq->anchors)) {
		job_free(j);
		return SW_ENOMEM;
	}
	if (rq->n_networks)
		memcpy(j->networks, rq->networks, rq->n_networks * sizeof(*j->networks));
	j->n_networks = rq->n_networks;
	*out = j;
	return SW_OK;
}

/* Its end, on the loop. A cancelled one has no id any more. */
static void job_done(struct sw_http_job *j)
{
	if (j->id) {
		sw_idtab_del(&j->owner->jobs, j->id);
		j->result.body = j->result.err == SW_OK && j->result.status == 200 ? sw_buf_view(&j->got) : (struct sw_str){ "", 0 };
		j->fn(j->arg, &j->result);
	}
	job_free(j);
}

static void on_results(void *arg, int events)
{
	struct sw_http *h = arg;
	struct sw_http_job *list = sw_http_thread_take(h->thread);

	(void)events;
	while (list) {
		struct sw_http_job *j = list;

		list = j->next;
		job_done(j);
	}
}

static void on_lookup_timeout(void *arg)
{
	struct sw_http_job *j = arg;

	sw_http_fail(j, SW_ETIMEOUT, "its address could not be looked up in time");
	job_done(j);
}

/* --- from the name to the thread --- */

/* The addresses it may go to; the thread connects to these alone. */
static void go(struct sw_http_job *j, const struct sw_addr *addrs, size_t n, const char *why)
{
	char refused[128] = "";

	for (size_t i = 0; i < n && j->n_addrs < SW_HTTP_ADDRESSES_MAX; i++) {
		if (!sw_http_may_reach(&addrs[i], j->networks, j->n_networks, refused))
			continue;
		j->addrs[j->n_addrs] = addrs[i];
		sw_addr_set_port(&j->addrs[j->n_addrs++], j->port);
	}
	sw_timer_stop(&j->timer);
	j->out = true;
	if (j->n_addrs) {
		sw_http_thread_put(j->owner->thread, j);
		return;
	}
	if (n == 0)
		sw_http_fail(j, SW_EDNS, "%s", why ? why : "it has no address");
	else
		sw_http_fail(j, -EACCES, "%s, and not of a network that may be fetched from", refused);
	sw_http_thread_return(j->owner->thread, j);
}

void sw_http_resolved(struct sw_http *h, sw_id id, const struct sw_addr *addrs, size_t n, const char *why)
{
	struct sw_http_job *j = sw_idtab_get(&h->jobs, id);

	if (j && !j->out)
		go(j, addrs, n, why);
}

static void look_up(struct sw_http_job *j)
{
	struct sw_http *h = j->owner;
	struct sw_addr literal;
	sw_id id = j->id;
	int err;

	if (sw_addr_parse(&literal, sw_str_of(j->host), j->port) == SW_OK) {
		go(j, &literal, 1, NULL);
		return;
	}
	err = h->resolve(h->resolve_arg, id, j->host);
	if (err < 0)
		sw_http_resolved(h, id, NULL, 0, sw_error_text(err));
}

static int check_request(const struct sw_http_request *rq, bool tls, char why[SW_HTTP_DETAIL_MAX])
{
	const char *fault = NULL;

	if (rq->max_bytes == 0 || rq->deadline == 0)
		fault = "a fetch without a bound";
	else if (tls && rq->anchors.n == 0)
		fault = "https without anchors to judge the server by";
	else if (rq->body.p && !rq->content_type)
		fault = "a body without a type";
	if (!fault)
		return SW_OK;
	snprintf(why, SW_HTTP_DETAIL_MAX, "%s", fault);
	return SW_EINVALID;
}

int sw_http_start(struct sw_http *h, const struct sw_http_request *rq, sw_http_fn *fn, void *arg, sw_id *id,
		  char why[SW_HTTP_DETAIL_MAX])
{
	struct sw_http_job *j = NULL;
	char host[SW_HTTP_HOST_MAX];
	uint16_t port;
	bool tls;
	int err = sw_http_url(rq->url, rq->schemes, host, &port, &tls, why);

	if (err == SW_OK)
		err = check_request(rq, tls, why);
	if (err < 0)
		return err;
	err = job_new(&j, h, rq);
	if (err < 0)
		goto fail;
	memcpy(j->host, host, sizeof(host));
	j->port = port;
	j->fn = fn;
	j->arg = arg;
	sw_timer_init(&j->timer, h->loop, on_lookup_timeout, j);
	err = sw_timer_start(&j->timer, rq->deadline);
	if (err == SW_OK)
		err = sw_idtab_add(&h->jobs, j, &j->id);
	if (err < 0)
		goto fail;
	if (id)
		*id = j->id;
	look_up(j);
	return SW_OK;
fail:
	snprintf(why, SW_HTTP_DETAIL_MAX, "%s", sw_error_text(err));
	if (j)
		job_free(j);
	return err;
}

void sw_http_cancel(struct sw_http *h, sw_id id)
{
	struct sw_http_job *j = sw_idtab_get(&h->jobs, id);

	if (!j)
		return;
	sw_idtab_del(&h->jobs, id);
	j->id = 0;
	if (!j->out) {
		job_free(j);
		return;
	}
	atomic_store(&j->cancelled, true);
	sw_http_thread_wake(h->thread);
}

/* --- all of it --- */

int sw_http_new(struct sw_http **out, struct sw_loop *loop, sw_http_resolve_fn *resolve, void *arg)
{
	struct sw_http *h = calloc(1, sizeof(*h));
	int fd = -1, err;

	if (!h)
		return SW_ENOMEM;
	h->loop = loop;
	h->resolve = resolve;
	h->resolve_arg = arg;
	err = sw_idtab_init(&h->jobs, SW_HTTP_REQUESTS_MAX);
	if (err == SW_OK)
		err = sw_http_thread_new(&h->thread, &fd);
	if (err == SW_OK) {
		fd = dup(fd);
		err = fd < 0 ? sw_error_from_errno(errno) : sw_io_new(&h->io, loop, fd, on_results, h);
		if (err < 0 && fd >= 0)
			close(fd);
	}
	if (err == SW_OK)
		err = sw_io_want(h->io, SW_IO_READ);
	if (err < 0) {
		sw_http_free(h);
		return err;
	}
	*out = h;
	return SW_OK;
}

void sw_http_free(struct sw_http *h)
{
	struct sw_http_job *j, *list;
	size_t pos = 0;

	if (!h)
		return;
	sw_io_free(h->io);
	while (h->thread && (j = sw_idtab_next(&h->jobs, &pos)))
		if (!j->out) {
			sw_idtab_del(&h->jobs, j->id);
			job_free(j);
		}
	list = h->thread ? sw_http_thread_free(h->thread) : NULL;
	while (list) {
		j = list;
		list = j->next;
		job_free(j);
	}
	sw_idtab_free(&h->jobs);
	free(h);
}
