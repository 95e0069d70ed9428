/* SPDX-License-Identifier: Apache-2.0 */
#include "core/loop.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/loop_int.h"

/*
 * The end of an iteration: deferred calls first (they may free), then the memory nobody can reach any more. What is deferred
 * meanwhile waits for the next iteration, lest who defers himself again and again keeps everybody else waiting; and what is
 * freed meanwhile waits with it, for such a call may still look at it.
 */
static void run_deferred(struct sw_loop *l)
{
	struct sw_deferred *batch = l->deferred, *d;
	struct sw_doomed *doomed = l->doomed, *p;

	l->deferred = NULL;
	l->deferred_last = &l->deferred;
	l->doomed = NULL;
	while ((d = batch)) {
		batch = d->next;
		d->fn(d->arg);
		free(d);
	}
	while ((p = doomed)) {
		doomed = p->next;
		free(p);
	}
	if (l->deferred || l->doomed)
		return;
	uv_check_stop(&l->check);
	uv_idle_stop(&l->idle);
	l->pending = false;
}

static void run_all_deferred(struct sw_loop *l)
{
	while (l->deferred || l->doomed)
		run_deferred(l);
}

static void on_check(uv_check_t *h)
{
	run_deferred(h->data);
}

static void on_idle(uv_idle_t *h)
{
	(void)h;  /* its being active keeps the poll from sleeping */
}

/* An idle handle makes the next poll return at once; the check handle then runs right after it. */
static void want_end_of_iteration(struct sw_loop *l)
{
	if (l->pending)
		return;
	l->pending = true;
	uv_idle_start(&l->idle, on_idle);
	uv_check_start(&l->check, on_check);
}

int sw_loop_new(struct sw_loop **out)
{
	struct sw_loop *l = calloc(1, sizeof(*l));

	if (!l)
		return SW_ENOMEM;
	l->deferred_last = &l->deferred;
	if (uv_loop_init(&l->uv) < 0) {
		free(l);
		return SW_ENOMEM;
	}
	uv_timer_init(&l->uv, &l->timer);
	uv_check_init(&l->uv, &l->check);
	uv_idle_init(&l->uv, &l->idle);
	l->timer.data = l->check.data = l->idle.data = l;
	uv_unref((uv_handle_t *)&l->check);
	*out = l;
	return SW_OK;
}

static void close_left(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

void sw_loop_free(struct sw_loop *l)
{
	if (!l)
		return;
	run_all_deferred(l);
	uv_run(&l->uv, UV_RUN_NOWAIT);  /* lets handles that are closing finish with their own callbacks */
	uv_walk(&l->uv, close_left, NULL);
	uv_run(&l->uv, UV_RUN_DEFAULT);
	run_all_deferred(l);
	uv_loop_close(&l->uv);
	free(l->heap);
	free(l);
}

int sw_loop_run(struct sw_loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
	return SW_OK;
}

void sw_loop_stop(struct sw_loop *l)
{
	uv_stop(&l->uv);
}

uv_loop_t *sw_loop_uv(struct sw_loop *l)
{
	return &l->uv;
}

uint64_t sw_loop_now(const struct sw_loop *l)
{
	return l->fake ? l->fake_now : uv_now(&l->uv);
}

int sw_loop_defer(struct sw_loop *l, void (*fn)(void *arg), void *arg)
{
	struct sw_deferred *d = malloc(sizeof(*d));

	if (!d)
		return SW_ENOMEM;
	*d = (struct sw_deferred){ .fn = fn, .arg = arg };
	*l->deferred_last = d;
	l->deferred_last = &d->next;
	want_end_of_iteration(l);
	return SW_OK;
}

void sw_loop_free_later(struct sw_loop *l, void *p)
{
	struct sw_doomed *d = p;

	if (!p)
		return;
	d->next = l->doomed;
	l->doomed = d;
	want_end_of_iteration(l);
}

/* --- descriptors --- */

struct sw_io {
	uv_poll_t poll;
	sw_io_fn *fn;
	void *arg;
	int fd;
};

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct sw_io *io = h->data;
	int ev = 0;

	if (status < 0)
		ev = SW_IO_READ | SW_IO_WRITE;
	if (events & (UV_READABLE | UV_DISCONNECT))
		ev |= SW_IO_READ;
	if (events & UV_WRITABLE)
		ev |= SW_IO_WRITE;
	io->fn(io->arg, ev);
}

int sw_io_new(struct sw_io **out, struct sw_loop *l, int fd, sw_io_fn *fn, void *arg)
{
	struct sw_io *io = calloc(1, sizeof(*io));
	int err;

	if (!io)
		return SW_ENOMEM;
	err = uv_poll_init(&l->uv, &io->poll, fd);
	if (err < 0) {
		free(io);
		return err;
	}
	io->poll.data = io;
	io->fn = fn;
	io->arg = arg;
	io->fd = fd;
	*out = io;
	return SW_OK;
}

int sw_io_want(struct sw_io *io, int events)
{
	int ev = (events & SW_IO_READ ? UV_READABLE : 0) | (events & SW_IO_WRITE ? UV_WRITABLE : 0);

	return ev ? uv_poll_start(&io->poll, ev, on_poll) : uv_poll_stop(&io->poll);
}

int sw_io_fd(const struct sw_io *io)
{
	return io->fd;
}

static void on_poll_closed(uv_handle_t *h)
{
	free(h->data);
}

void sw_io_free(struct sw_io *io)
{
	if (!io)
		return;
	uv_poll_stop(&io->poll);
	uv_close((uv_handle_t *)&io->poll, on_poll_closed);
	close(io->fd);  /* after uv_close, which has taken it out of epoll */
}

/* --- work --- */

struct work {
	uv_work_t req;
	sw_work_fn *work;
	sw_work_done_fn *done;
	void *arg;
};

static void work_run(uv_work_t *req)
{
	struct work *w = req->data;

	w->work(w->arg);
}

static void work_done(uv_work_t *req, int status)
{
	struct work *w = req->data;

	w->done(w->arg, status < 0 ? SW_ECLOSED : SW_OK);
	free(w);
}

int sw_loop_work(struct sw_loop *l, sw_work_fn *work, sw_work_done_fn *done, void *arg)
{
	struct work *w = malloc(sizeof(*w));
	int err;

	if (!w)
		return SW_ENOMEM;
	*w = (struct work){ .work = work, .done = done, .arg = arg };
	w->req.data = w;
	err = uv_queue_work(&l->uv, &w->req, work_run, work_done);
	if (err < 0)
		free(w);
	return err;
}
