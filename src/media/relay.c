/* SPDX-License-Identifier: Apache-2.0 */
#include "media/relay.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS = 128,                /* of one epoll_wait: the clock is read once for all of them */
	REPORTS = 256,               /* a full ring is tried again at the next sweep */
	SWEEP_MS = 1000,
	SWEEP_MIN_MS = 20,
	UNEXPECTED_EVERY_MS = 10000, /* per stream */
};

struct sw_relay {
	pthread_t thread;
	struct sw_relay_setup setup;
	int epoll_fd, wake_fd;
	/* the worker's own */
	struct sw_relay_stream *streams;
	uint64_t now, swept;
	uint32_t sweep_ms;
	uint8_t packet[SW_RTP_SIZE_MAX + 1];
	/* written by the worker alone, read by anybody */
	_Atomic uint64_t packets, unexpected;
	/* both threads, under the lock */
	pthread_mutex_t lock;
	bool stop;
	struct sw_relay_job *posted, **posted_last;
	struct sw_relay_job *done, **done_last;
	struct sw_relay_report reports[REPORTS];
	size_t report_head, n_reports;
};

uint64_t sw_relay_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000 + 1;
}

static void count(_Atomic uint64_t *c)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + 1, memory_order_relaxed);
}

static void wake(int fd)
{
	const uint64_t one = 1;
	ssize_t ignored = write(fd, &one, sizeof(one));

	(void)ignored;  /* full is awake already */
}

/* --- figures and reports --- */

static void fill_stats(struct sw_media_stats *st, const struct sw_relay_stream *s, uint64_t now)
{
	*st = (struct sw_media_stats){ .call = s->call, .stream = s->stream };
	for (int i = 0; i < 2; i++) {
		const struct sw_pinhole *p = &s->side[i];
		uint64_t since = now - p->last;

		st->packets[i] = p->packets;
		st->bytes[i] = p->bytes;
		st->dropped[i] = p->dropped;
		st->unexpected[i] = p->unexpected;
		st->rtcp[i] = p->rtcp;
		st->latched[i] = p->end[SW_PINHOLE_RTP].latched;
		if (st->latched[i])
			st->source[i] = p->end[SW_PINHOLE_RTP].source;
		st->ms_since_packet[i] = p->last == 0 || since >= UINT32_MAX ? UINT32_MAX : (uint32_t)since;
		st->port[i] = sw_addr_port(&p->local);
	}
}

/* False when the ring is full: the caller keeps its flag and comes back. */
static bool report(struct sw_relay *r, const struct sw_relay_stream *s, enum sw_media_event ev)
{
	bool room, first;

	pthread_mutex_lock(&r->lock);
	room = r->n_reports < REPORTS;
	first = r->n_reports == 0;
	if (room) {
		struct sw_relay_report *rep = &r->reports[(r->report_head + r->n_reports++) % REPORTS];

		rep->event = ev;
		fill_stats(&rep->stats, s, r->now);
	}
	pthread_mutex_unlock(&r->lock);
	if (room && first)
		wake(r->setup.notify_fd);
	return room;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void sweep_stream(struct sw_relay *r, struct sw_relay_stream *s)
{
	uint64_t last = later(s->side[SW_SIDE_A].last, s->side[SW_SIDE_B].last);
	uint64_t unexpected = s->side[SW_SIDE_A].unexpected + s->side[SW_SIDE_B].unexpected;

	if (s->tell_latched && report(r, s, SW_MEDIA_LATCHED))
		s->tell_latched = false;
	if (s->orphan && r->now - later(last, s->orphan_since) >= r->setup.orphan_ms) {
		if (report(r, s, SW_MEDIA_CLOSED_IDLE))
			s->orphan_since = r->now;
	} else if (r->setup.idle_ms && s->flow_since &&
		   r->now - later(later(last, s->flow_since), s->idle_told) >= r->setup.idle_ms) {
		if (report(r, s, SW_MEDIA_IDLE))
			s->idle_told = r->now;
	}
	if (unexpected != s->unexpected_told && r->now - s->unexpected_told_at >= UNEXPECTED_EVERY_MS &&
	    report(r, s, SW_MEDIA_UNEXPECTED)) {
		s->unexpected_told = unexpected;
		s->unexpected_told_at = r->now;
	}
}

static void sweep(struct sw_relay *r)
{
	r->swept = r->now;
	for (struct sw_relay_stream *s = r->streams; s; s = s->next)
		sweep_stream(r, s);
}

/* --- the way of a packet --- */

static void forward(struct sw_relay *r, struct sw_relay_stream *s, struct sw_pinhole_end *from, const struct sw_rtp_info *info,
		    size_t n)
{
	struct sw_pinhole *in = &s->side[from->side], *out = &s->side[!from->side];
	const struct sw_addr *to;
	const struct sw_pinhole_end *e = sw_pinhole_target(out, from->port, info->kind, &to);

	/* From the very port we advertised to that side (RFC 4961), to its latched or signalled address, never elsewhere. */
	if (!e || sendto(e->fd, r->packet, n, MSG_DONTWAIT | MSG_NOSIGNAL, &to->sa, sw_addr_len(to)) < 0) {
		in->dropped++;
		return;
	}
	in->packets++;
	in->bytes += n;
	in->rtcp += info->kind == SW_RTP_RTCP;
	count(&r->packets);
}

static void receive(struct sw_relay *r, struct sw_pinhole_end *e)
{
	struct sw_relay_stream *s = e->owner;
	struct sw_pinhole *p = &s->side[e->side];
	struct sw_addr src = { 0 };
	socklen_t len = sizeof(src);
	struct sw_rtp_info info;
	/* One byte more than allowed, so that a longer one shows. One packet a turn: a flooded port gets no more than others. */
	ssize_t n = recvfrom(e->fd, r->packet, sizeof(r->packet), MSG_DONTWAIT, &src.sa, &len);

	if (n < 0)
		return;
	sw_rtp_read(&info, r->packet, (size_t)n, sw_pinhole_port_kind(p, e->port));
	switch (sw_pinhole_admit(p, e->port, &info, (size_t)n, &src, r->now)) {
	case SW_PINHOLE_LATCHED:
		forward(r, s, e, &info, (size_t)n);
		s->tell_latched = !report(r, s, SW_MEDIA_LATCHED);
		return;
	case SW_PINHOLE_PASS:
		forward(r, s, e, &info, (size_t)n);
		return;
	case SW_PINHOLE_STRANGER:
		count(&r->unexpected);
		return;
	case SW_PINHOLE_WAIT:
	case SW_PINHOLE_MALFORMED:
	case SW_PINHOLE_HELD:
	case SW_PINHOLE_OVER_RATE:
		return;
	}
}

/* --- jobs --- */

static int watch(struct sw_relay *r, struct sw_pinhole_end *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = e };

	if (e->fd < 0 || epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, e->fd, &ev) == 0 || errno == EEXIST)
		return SW_OK;
	return sw_error_from_errno(errno);
}

static int add_stream(struct sw_relay *r, struct sw_relay_stream *s)
{
	int err = SW_OK;

	for (int side = 0; side < 2 && err == SW_OK; side++)
		for (int port = 0; port < 2 && err == SW_OK; port++)
			err = watch(r, &s->side[side].end[port]);
	s->added = true;
	s->next = r->streams;
	s->prev = NULL;
	if (s->next)
		s->next->prev = s;
	r->streams = s;
	return err;
}

static void remove_stream(struct sw_relay *r, struct sw_relay_stream *s)
{
	/* Closing the only descriptor of a socket takes it out of the epoll too. */
	sw_pinhole_close(&s->side[SW_SIDE_A]);
	sw_pinhole_close(&s->side[SW_SIDE_B]);
	if (!s->added)
		return;
	if (s->prev)
		s->prev->next = s->next;
	else
		r->streams = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->added = false;
}

/* A muxed side has no RTCP port; one that goes back to two ports gets it again. */
static int follow_mux(struct sw_relay *r, struct sw_pinhole *p)
{
	int err;

	if (!p->pair)
		return SW_OK;
	if (p->known && p->mux) {
		sw_pinhole_close_rtcp(p);
		return SW_OK;
	}
	err = sw_pinhole_open_rtcp(p);
	return err < 0 ? err : watch(r, &p->end[SW_PINHOLE_RTCP]);
}

static bool flows(const struct sw_pinhole *from, const struct sw_pinhole *to)
{
	return from->known && to->known && from->receive && to->send;
}

static int connect_side(struct sw_relay *r, struct sw_relay_stream *s, const struct sw_media_remote *remote)
{
	struct sw_pinhole *p = &s->side[remote->side], *other = &s->side[!remote->side];
	int err = sw_pinhole_connect(p, remote, r->now), mux_err = follow_mux(r, p);

	other->window_since = r->now;
	if (!flows(p, other) && !flows(other, p))
		s->flow_since = 0;
	else if (!s->flow_since)
		s->flow_since = r->now;
	return err < 0 ? err : mux_err;
}

static void run_job(struct sw_relay *r, struct sw_relay_job *j)
{
	struct sw_relay_stream *s = j->stream;
	struct sw_media_remote remote;

	j->status = SW_OK;
	switch (j->what) {
	case SW_RELAY_ADD:
		j->status = add_stream(r, s);
		return;
	case SW_RELAY_CONNECT:
		remote = j->remote;
		j->status = connect_side(r, s, &remote);
		return;
	case SW_RELAY_QUERY:
		fill_stats(&j->stats, s, r->now);
		return;
	case SW_RELAY_ORPHAN:
		s->orphan = j->orphan;
		s->orphan_since = r->now;
		return;
	case SW_RELAY_REMOVE:
		fill_stats(&j->stats, s, r->now);
		remove_stream(r, s);
		return;
	}
}

/* Returns false when it is time to stop. */
static bool run_jobs(struct sw_relay *r)
{
	struct sw_relay_job *list, *j;
	uint64_t times;
	ssize_t ignored = read(r->wake_fd, &times, sizeof(times));
	bool stop;

	(void)ignored;
	pthread_mutex_lock(&r->lock);
	list = r->posted;
	r->posted = NULL;
	r->posted_last = &r->posted;
	stop = r->stop;
	pthread_mutex_unlock(&r->lock);
	if (!list)
		return !stop;
	for (j = list; j; j = j->next)
		run_job(r, j);
	pthread_mutex_lock(&r->lock);
	*r->done_last = list;
	while (*r->done_last)
		r->done_last = &(*r->done_last)->next;
	pthread_mutex_unlock(&r->lock);
	wake(r->setup.notify_fd);
	return !stop;
}

static void *work(void *arg)
{
	struct epoll_event ev[EVENTS];
	struct sw_relay *r = arg;
	bool go_on = true;

	pthread_setname_np(pthread_self(), "sw-relay");
	while (go_on) {
		int n = epoll_wait(r->epoll_fd, ev, EVENTS, (int)r->sweep_ms);
		bool jobs = false;

		r->now = sw_relay_clock();
		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr)
				receive(r, ev[i].data.ptr);
			else
				jobs = true;
		}
		/* Jobs come after the packets of this turn: none of its events can name a stream a job has removed. */
		if (jobs)
			go_on = run_jobs(r);
		if (r->now - r->swept >= r->sweep_ms)
			sweep(r);
	}
	return NULL;
}

/* --- from the control thread --- */

static void close_fds(struct sw_relay *r)
{
	if (r->epoll_fd >= 0)
		close(r->epoll_fd);
	if (r->wake_fd >= 0)
		close(r->wake_fd);
}

int sw_relay_start(struct sw_relay **out, const struct sw_relay_setup *setup)
{
	struct sw_relay *r = calloc(1, sizeof(*r));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
	uint32_t shortest = setup->idle_ms && setup->idle_ms < setup->orphan_ms ? setup->idle_ms : setup->orphan_ms;
	int err;

	if (!r)
		return SW_ENOMEM;
	r->setup = *setup;
	r->posted_last = &r->posted;
	r->done_last = &r->done;
	r->sweep_ms = shortest / 2 > SWEEP_MS ? SWEEP_MS : shortest / 2 < SWEEP_MIN_MS ? SWEEP_MIN_MS : shortest / 2;
	r->now = r->swept = sw_relay_clock();
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->epoll_fd < 0 || r->wake_fd < 0 || epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->wake_fd, &ev) < 0) {
		err = sw_error_from_errno(errno);
		goto fail;
	}
	pthread_mutex_init(&r->lock, NULL);
	err = pthread_create(&r->thread, NULL, work, r);
	if (err) {
		err = sw_error_from_errno(err);
		pthread_mutex_destroy(&r->lock);
		goto fail;
	}
	*out = r;
	return SW_OK;
fail:
	close_fds(r);
	free(r);
	return err;
}

void sw_relay_post(struct sw_relay *r, struct sw_relay_job *job)
{
	bool first;

	job->next = NULL;
	pthread_mutex_lock(&r->lock);
	first = !r->posted;
	*r->posted_last = job;
	r->posted_last = &job->next;
	pthread_mutex_unlock(&r->lock);
	if (first)
		wake(r->wake_fd);
}

struct sw_relay_job *sw_relay_done(struct sw_relay *r)
{
	struct sw_relay_job *list;

	pthread_mutex_lock(&r->lock);
	list = r->done;
	r->done = NULL;
	r->done_last = &r->done;
	pthread_mutex_unlock(&r->lock);
	return list;
}

bool sw_relay_report(struct sw_relay *r, struct sw_relay_report *out)
{
	bool any;

	pthread_mutex_lock(&r->lock);
	any = r->n_reports > 0;
	if (any) {
		*out = r->reports[r->report_head];
		r->report_head = (r->report_head + 1) % REPORTS;
		r->n_reports--;
	}
	pthread_mutex_unlock(&r->lock);
	return any;
}

void sw_relay_totals(struct sw_relay *r, uint64_t *packets, uint64_t *unexpected)
{
	*packets += atomic_load_explicit(&r->packets, memory_order_relaxed);
	*unexpected += atomic_load_explicit(&r->unexpected, memory_order_relaxed);
}

void sw_relay_stop(struct sw_relay *r)
{
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_mutex_unlock(&r->lock);
	wake(r->wake_fd);
	pthread_join(r->thread, NULL);
}

void sw_relay_free(struct sw_relay *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	close_fds(r);
	free(r);
}
