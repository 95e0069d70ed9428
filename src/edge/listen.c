/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/log.h"
#include "edge/peer.h"

enum {
	ACCEPTS_PER_TURN = 64,
	BACKLOG = 4096,             /* where those wait whom we have no room for yet; the kernel's net.core.somaxconn bounds it too */
	SPARE_RETRY_MS = 100,
	TELL_FULL_MS = 60000,
};

struct sw_listen {
	struct sw_edge *edge;
	struct sw_io *io;
	char listener[64];
	struct sw_addr addr;
	struct sw_timer retry;      /* after running out of descriptors, or of memory */
	int spare;                  /* a descriptor kept to refuse with when there are none left */
	bool waiting;               /* for a handshake to end, see sw_listen_resume */
};

int sw_listen_bind(int *out, const struct sw_addr *a)
{
	int one = 1, err, fd = socket(sw_addr_family(a), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return sw_error_from_errno(errno);
	/* Without SO_REUSEADDR a restart would wait out TIME_WAIT; V6ONLY keeps "::" and "0.0.0.0" two listeners. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    (sw_addr_family(a) == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0) ||
	    bind(fd, &a->sa, sw_addr_len(a)) < 0 || listen(fd, BACKLOG) < 0) {
		err = sw_error_from_errno(errno);
		close(fd);
		return err;
	}
	*out = fd;
	return SW_OK;
}

static void on_retry(void *arg)
{
	struct sw_listen *l = arg;

	if (sw_io_want(l->io, SW_IO_READ) < 0)
		sw_log(SW_LOG_ERROR, "listen.stuck", SW_S("listener", l->listener));
}

/*
 * Out of descriptors: the connection would stay in the queue and wake us without end. The spare one takes it, closes it, and
 * accepting pauses for a moment.
 */
static void out_of_descriptors(struct sw_listen *l)
{
	int fd;

	if (l->spare >= 0) {
		close(l->spare);
		fd = accept4(sw_io_fd(l->io), NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
		l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	sw_reason_count(SW_R_CONN_LIMIT);
	sw_log(SW_LOG_ERROR, "listen.no-descriptors", SW_S("listener", l->listener), SW_REASON_F(SW_R_CONN_LIMIT));
	if (sw_io_want(l->io, 0) < 0 || sw_timer_start(&l->retry, SPARE_RETRY_MS) < 0)
		on_retry(l);
}

/*
 * As many handshakes as there may be: who comes now stays in the kernel's queue, which costs us nothing, and its time begins when it
 * is served. Silent ones hold their places for limits.handshake_time at most, and of one source limits.handshakes_per_source.
 */
static bool wait_for_room(struct sw_listen *l)
{
	struct sw_edge *e = l->edge;
	uint64_t now = sw_loop_now(e->loop);

	if (e->handshakes < e->gen->conf->limits.handshakes)
		return false;
	if (sw_io_want(l->io, 0) < 0)
		return true;        /* wakes us again, to no harm */
	l->waiting = e->listens_wait = true;
	if (now >= e->tell_full_due) {
		e->tell_full_due = now + TELL_FULL_MS;
		sw_log(SW_LOG_WARN, "listen.full", SW_S("listener", l->listener), SW_U("handshakes", e->handshakes));
	}
	return true;
}

void sw_listen_resume(struct sw_edge *e)
{
	if (!e->listens_wait || e->handshakes >= e->gen->conf->limits.handshakes)
		return;
	e->listens_wait = false;
	e->listen_first++;          /* the first to ask gets the place: each in its turn */
	for (size_t i = 0; i < e->n_listens; i++) {
		struct sw_listen *l = e->listens[(e->listen_first + i) % e->n_listens];

		if (!l->waiting)
			continue;
		l->waiting = false;
		on_retry(l);
	}
}

static void on_accept(void *arg, int events)
{
	struct sw_listen *l = arg;
	int listener = sw_generation_listener(l->edge->gen, l->listener);

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct sw_addr source;
		int fd;

		if (wait_for_room(l))
			return;
		fd = accept4(sw_io_fd(l->io), (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
				out_of_descriptors(l);
			if (errno == EAGAIN || errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
				return;
			if (errno == EINVAL) {  /* shut, see sw_listen_shut: it would wake us without end */
				sw_log(SW_LOG_ERROR, "listen.stuck", SW_S("listener", l->listener));
				if (sw_io_want(l->io, 0) < 0)
					sw_loop_stop(l->edge->loop);
				return;
			}
			continue;  /* ECONNABORTED and the like: the next one */
		}
		if (listener < 0 || sw_addr_from_sockaddr(&source, (struct sockaddr *)&ss) < 0) {
			close(fd);
			continue;
		}
		sw_peer_accept(l->edge, (unsigned)listener, fd, &source);
	}
}

int sw_listen_new(struct sw_listen **out, struct sw_edge *e, int fd, const char *listener, const struct sw_addr *addr)
{
	struct sw_listen *l = calloc(1, sizeof(*l));
	int err;

	if (!l) {
		close(fd);
		return SW_ENOMEM;
	}
	l->edge = e;
	l->addr = *addr;
	sw_str_copy(l->listener, sizeof(l->listener), sw_str_of(listener));
	l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sw_timer_init(&l->retry, e->loop, on_retry, l);
	err = sw_io_new(&l->io, e->loop, fd, on_accept, l);
	if (err < 0) {
		close(fd);
	} else {
		err = sw_io_want(l->io, SW_IO_READ);
		if (err == SW_OK) {
			*out = l;
			return SW_OK;
		}
	}
	sw_listen_free(l);
	return err;
}

void sw_listen_shut(struct sw_listen *l)
{
	/* Linux takes a listening socket out of that state; accept4 says EINVAL from then on. */
	if (shutdown(sw_io_fd(l->io), SHUT_RD) < 0)
		sw_log(SW_LOG_WARN, "listen.still-open", SW_S("listener", l->listener));
}

void sw_listen_free(struct sw_listen *l)
{
	if (!l)
		return;
	sw_timer_stop(&l->retry);
	sw_io_free(l->io);
	if (l->spare >= 0)
		close(l->spare);
	sw_loop_free_later(l->edge->loop, l);
}

const struct sw_addr *sw_listen_addr(const struct sw_listen *l)
{
	return &l->addr;
}

/* --- all of them --- */

static size_t addresses_of(const struct sw_conf *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_listeners; i++)
		n += c->listeners[i].n_addresses;
	return n;
}

/*
 * The supervisor holds the sockets too and closes its own a moment later: till then the kernel would go on to take connections
 * that nobody accepts. An address that stays is the same socket, under whatever listener's name.
 */
static void listens_gone(struct sw_edge *e, struct sw_listen *const *next, size_t n)
{
	for (size_t i = 0; i < e->n_listens; i++) {
		const struct sw_addr *a = sw_listen_addr(e->listens[i]);
		size_t k = 0;

		while (k < n && !sw_addr_eq(a, sw_listen_addr(next[k])))
			k++;
		if (k == n)
			sw_listen_shut(e->listens[i]);
	}
}

int sw_listen_all(struct sw_edge *e, const struct sw_conf *conf, const int *fds, size_t n_fds)
{
	size_t n = addresses_of(conf), k = 0;
	struct sw_listen **all = calloc(n + 1, sizeof(struct sw_listen *));
	int err = all && n == n_fds ? SW_OK : all ? SW_ECONF : SW_ENOMEM;

	for (size_t i = 0; err == SW_OK && i < conf->n_listeners; i++)
		for (size_t j = 0; err == SW_OK && j < conf->listeners[i].n_addresses; j++, k++)
			err = sw_listen_new(&all[k], e, fds[k], conf->listeners[i].name, &conf->listeners[i].addresses[j]);
	if (err < 0) {
		for (size_t i = k; i < n_fds; i++)
			close(fds[i]);
		for (size_t i = 0; all && i < n; i++)
			sw_listen_free(all[i]);
		free(all);
		return err;
	}
	listens_gone(e, all, n);
	for (size_t i = 0; i < e->n_listens; i++)
		sw_listen_free(e->listens[i]);
	free(e->listens);
	e->listens = all;
	e->n_listens = n;
	return SW_OK;
}
