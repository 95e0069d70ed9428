/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The seam over libuv: one loop, its clock, timers, descriptors, work in
 * threads, and the end of the iteration. All calls are made from the loop's
 * thread, but for sw_loop_work's work function.
 *
 * Objects that callbacks can reach are freed by sw_loop_free_later.
 */
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "core/error.h"

struct sw_loop;

int sw_loop_new(struct sw_loop **out) SW_MUSTCHECK;
void sw_loop_free(struct sw_loop *l);          /* runs what is left to close; stop first */
int sw_loop_run(struct sw_loop *l);            /* until sw_loop_stop or nothing is left */
void sw_loop_stop(struct sw_loop *l);
uv_loop_t *sw_loop_uv(struct sw_loop *l);
uint64_t sw_loop_now(const struct sw_loop *l); /* milliseconds, monotonic, as of this iteration */
/* Tests: freeze the clock; only sw_loop_advance moves it, running timers that fall due in order. */
void sw_loop_fake_clock(struct sw_loop *l);
void sw_loop_advance(struct sw_loop *l, uint64_t ms);

/* Calls fn(arg) at the end of this iteration; from within a deferred call: of the next one. */
int sw_loop_defer(struct sw_loop *l, void (*fn)(void *arg), void *arg) SW_MUSTCHECK;
/* free()s p at the end of this iteration or the next, after every call that was deferred before. Cannot fail: the memory of p itself holds the list (at least 16 bytes). */
void sw_loop_free_later(struct sw_loop *l, void *p);

/* --- timers: intrusive, one per object, stopping is immediate --- */
typedef void sw_timer_fn(void *arg);
struct sw_timer {
	struct sw_loop *loop;
	sw_timer_fn *fn;
	void *arg;
	uint64_t due;
	size_t pos;    /* place in the heap + 1; 0: not running */
};
void sw_timer_init(struct sw_timer *t, struct sw_loop *l, sw_timer_fn *fn, void *arg);
int sw_timer_start(struct sw_timer *t, uint64_t ms) SW_MUSTCHECK;   /* restarts when running */
void sw_timer_stop(struct sw_timer *t);                             /* also when not running */
static inline bool sw_timer_running(const struct sw_timer *t) { return t->pos != 0; }

/* --- descriptors --- */
enum { SW_IO_READ = 1, SW_IO_WRITE = 2 };
typedef void sw_io_fn(void *arg, int events);   /* errors and hang-ups come as SW_IO_READ|SW_IO_WRITE */
struct sw_io;
/* Takes the descriptor over: it is closed by sw_io_free. */
int sw_io_new(struct sw_io **out, struct sw_loop *l, int fd, sw_io_fn *fn, void *arg) SW_MUSTCHECK;
int sw_io_want(struct sw_io *io, int events) SW_MUSTCHECK;   /* 0: nothing for now */
int sw_io_fd(const struct sw_io *io);
void sw_io_free(struct sw_io *io);              /* no callback after this; NULL is fine */

/* --- work off the loop --- */
/* work(arg) runs in a thread of the pool, then done(arg, status) on the loop. status: 0, or SW_ECLOSED when it never ran. */
typedef void sw_work_fn(void *arg);
typedef void sw_work_done_fn(void *arg, int status);
int sw_loop_work(struct sw_loop *l, sw_work_fn *work, sw_work_done_fn *done, void *arg) SW_MUSTCHECK;
