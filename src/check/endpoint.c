/* SPDX-License-Identifier: Apache-2.0 */
/* One address of one target: once a run, and TCP before anything that needs it. */
#include "check/check_int.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *sw_endpoint_text(const struct sw_endpoint *e, char dst[SW_ENDPOINT_STRLEN])
{
	char addr[SW_ADDR_STRLEN];

	if (e->host[0])
		snprintf(dst, SW_ENDPOINT_STRLEN, "%s:%u [%s]", e->host, sw_addr_port(&e->addr), sw_addr_host_text(&e->addr, addr));
	else
		snprintf(dst, SW_ENDPOINT_STRLEN, "%s", sw_addr_text(&e->addr, addr));
	return dst;
}

/* --- where to --- */

static bool listed(const struct sw_prefix *p, size_t n, const struct sw_addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (sw_prefix_has(&p[i], a))
			return true;
	return false;
}

/* An address the user wrote is meant; one that DNS names must be one the daemon would connect to. */
static bool may_connect(const struct sw_check *c, const struct sw_endpoint *e)
{
	const struct sw_check_options *o = &c->options;
	const struct sw_conf_zone *zone = sw_check_zone(c, e);
	const struct sw_addr *a = &e->addr;

	if (sw_addr_is_any(a) || sw_addr_is_multicast(a) || sw_addr_is_reserved(a))
		return false;
	if (!sw_addr_is_loopback(a) && !sw_addr_is_private(a) && !sw_addr_is_link_local(a))
		return true;
	return !e->host[0] || listed(o->allowed, o->n_allowed, a) ||
	       (zone && listed(zone->target_networks, zone->n_target_networks, a));
}

/* --- TCP --- */

/* 0, or the errno; ECANCELED when the run ended. */
static int connect_to(struct sw_check *c, const struct sw_addr *a)
{
	int fd = socket(sw_addr_family(a), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err = 0, n = 0;
	uint64_t until = sw_check_clock() + sw_check_left(c);
	socklen_t len = sizeof(err);

	if (fd < 0)
		return errno;
	if (connect(fd, &a->sa, sw_addr_len(a)) == 0)
		goto out;
	err = errno;
	if (err != EINPROGRESS)
		goto out;
	do {
		struct pollfd p[2] = { { .fd = fd, .events = POLLOUT }, { .fd = sw_check_stop_fd(c), .events = POLLIN } };
		uint64_t now = sw_check_clock();

		n = now < until ? poll(p, 2, (int)(until - now)) : 0;
		if (n > 0 && !p[0].revents) {
			err = ECANCELED;
			goto out;
		}
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		err = sw_check_stopped(c) ? ECANCELED : ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
out:
	close(fd);
	return err;
}

static void report_reach(struct sw_check *c, const struct sw_endpoint *e, const char *subject, int err, uint64_t ms)
{
	enum sw_check_status status = SW_CHECK_FAIL;
	struct sw_finding *f;
	const char *found;

	switch (err) {
	case 0:
		status = SW_CHECK_PASS;
		found = "open";
		break;
	case ECONNREFUSED:
		found = "refused: nothing listens on the port, or a firewall rejects";
		break;
	case ETIMEDOUT:
		found = "no answer: a firewall drops it, or the host is down";
		break;
	case EHOSTUNREACH:
		found = "host unreachable: a router or firewall on the way says so";
		break;
	case ENETUNREACH:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		status = SW_CHECK_UNKNOWN;
		found = sw_addr_family(&e->addr) == AF_INET6 ? "this machine has no IPv6 route to it" : "this machine has no route to it";
		break;
	case ECANCELED:
		status = SW_CHECK_UNKNOWN;
		found = "the run ended before an answer";
		break;
	default:
		status = SW_CHECK_UNKNOWN;
		found = strerror(err);
		break;
	}
	f = sw_check_report(c, SW_F_TCP_REACH, status, subject, "the port takes a connection", found);
	if (err == 0)
		sw_finding_took(f, ms ? ms : 1);
	if (status == SW_CHECK_UNKNOWN && err != ECANCELED && sw_addr_family(&e->addr) == AF_INET6)
		sw_finding_set_fix(c, f, "Check from a machine with IPv6, or leave it out: sipward check -4 ...");
}

static void probe(struct sw_check *c, void *arg)
{
	const struct sw_endpoint *e = arg;
	uint64_t began = sw_check_clock();
	char subject[SW_ENDPOINT_STRLEN];
	int err;

	sw_endpoint_text(e, subject);
	if (!may_connect(c, e)) {
		char addr[SW_ADDR_STRLEN];

		sw_check_report(c, SW_F_TCP_PRIVATE, SW_CHECK_FAIL, subject, "an address that partners can reach",
				sw_addr_host_text(&e->addr, addr));
		return;
	}
	err = connect_to(c, &e->addr);
	report_reach(c, e, subject, err, sw_check_clock() - began);
	if (err)
		return;
	if (e->tls)
		sw_check_tls(c, e);
	else
		sw_check_sip(c, e);
}

/* --- once --- */

static bool same(const struct sw_endpoint *a, const struct sw_endpoint *b)
{
	return !strcmp(a->domain, b->domain) && !strcmp(a->host, b->host) && a->tls == b->tls && sw_addr_eq(&a->addr, &b->addr);
}

static struct sw_check_seen *seen(struct sw_check *c, const struct sw_endpoint *e)
{
	for (size_t i = 0; i < c->n_seen; i++)
		if (same(&c->seen[i].endpoint, e))
			return &c->seen[i];
	return NULL;
}

static bool remember(struct sw_check *c, const struct sw_endpoint *e, struct sw_check_task *task)
{
	if (c->n_seen == c->seen_room) {
		size_t room = c->seen_room ? 2 * c->seen_room : 16;
		void *p = realloc(c->seen, room * sizeof(*c->seen));

		if (!p)
			return false;
		c->seen = p;
		c->seen_room = room;
	}
	c->seen[c->n_seen++] = (struct sw_check_seen){ .endpoint = *e, .task = task };
	return true;
}

static int spawn(struct sw_check *c, const struct sw_endpoint *e, struct sw_check_task **task)
{
	struct sw_endpoint *copy = calloc(1, sizeof(*copy));
	char text[SW_ENDPOINT_STRLEN], what[SW_ENDPOINT_STRLEN + 8];

	if (!copy) {
		atomic_store(&c->no_memory, true);
		return SW_ENOMEM;
	}
	*copy = *e;
	snprintf(what, sizeof(what), "tcp %s", sw_endpoint_text(e, text));
	return sw_check_spawn_task(c, SW_STAGE_TCP, what, probe, copy, free, task);
}

void sw_check_endpoint(struct sw_check *c, const struct sw_endpoint *e)
{
	struct sw_check_task *task;
	struct sw_check_seen *known;

	pthread_mutex_lock(&c->endpoints);
	known = seen(c, e);
	if (known) {
		pthread_mutex_lock(&c->lock);
		sw_check_task_adopt(c, known->task);
		pthread_mutex_unlock(&c->lock);
	} else if (spawn(c, e, &task) == SW_OK && !remember(c, e, task)) {
		atomic_store(&c->no_memory, true);
	}
	pthread_mutex_unlock(&c->endpoints);
}

/* --- other probes, once --- */

static struct sw_check_once *find_once(struct sw_check *c, const char *what)
{
	for (size_t i = 0; i < c->n_once; i++)
		if (!strcmp(c->once[i].what, what))
			return &c->once[i];
	return NULL;
}

static int note(struct sw_check *c, const char *what, struct sw_check_task *task)
{
	struct sw_check_once *list = realloc(c->once, (c->n_once + 1) * sizeof(*list));
	char *copy = sw_str_dup(sw_str_of(what));

	if (list)
		c->once = list;
	if (!list || !copy) {
		free(copy);
		atomic_store(&c->no_memory, true);
		return SW_ENOMEM;
	}
	list[c->n_once++] = (struct sw_check_once){ copy, task };
	return SW_OK;
}

int sw_check_spawn_once(struct sw_check *c, enum sw_stage stage, const char *what, sw_probe_fn *fn, void *arg, void (*free_fn)(void *arg))
{
	struct sw_check_once *once;
	struct sw_check_task *task;
	int err = SW_OK;

	pthread_mutex_lock(&c->endpoints);
	once = find_once(c, what);
	if (once) {
		pthread_mutex_lock(&c->lock);
		sw_check_task_adopt(c, once->task);
		pthread_mutex_unlock(&c->lock);
		if (free_fn)
			free_fn(arg);
	} else {
		err = sw_check_spawn_task(c, stage, what, fn, arg, free_fn, &task);
		if (err == SW_OK)
			err = note(c, what, task);
	}
	pthread_mutex_unlock(&c->endpoints);
	return err;
}
