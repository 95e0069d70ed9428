/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers in a binary heap over one uv_timer. uv's own timers close
 * asynchronously, so every object with one would have to outlive a callback;
 * with these, stopping is immediate and an object may be freed at once.
 */
#include "core/loop_int.h"

#include <stdlib.h>

void sw_timer_init(struct sw_timer *t, struct sw_loop *l, sw_timer_fn *fn, void *arg)
{
	*t = (struct sw_timer){ .loop = l, .fn = fn, .arg = arg };
}

static void place(struct sw_loop *l, struct sw_timer *t, size_t i)
{
	l->heap[i] = t;
	t->pos = i + 1;
}

static void sift_up(struct sw_loop *l, struct sw_timer *t, size_t i)
{
	while (i > 0 && l->heap[(i - 1) / 2]->due > t->due) {
		place(l, l->heap[(i - 1) / 2], i);
		i = (i - 1) / 2;
	}
	place(l, t, i);
}

static void sift_down(struct sw_loop *l, struct sw_timer *t, size_t i)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= l->n_timers)
			break;
		if (child + 1 < l->n_timers && l->heap[child + 1]->due < l->heap[child]->due)
			child++;
		if (l->heap[child]->due >= t->due)
			break;
		place(l, l->heap[child], i);
		i = child;
	}
	place(l, t, i);
}

static void on_uv_timer(uv_timer_t *h)
{
	sw_timers_run(h->data);
}

static void arm(struct sw_loop *l)
{
	uint64_t now = uv_now(&l->uv);

	if (l->fake)
		return;
	if (l->n_timers == 0)
		uv_timer_stop(&l->timer);
	else
		uv_timer_start(&l->timer, on_uv_timer, l->heap[0]->due > now ? l->heap[0]->due - now : 0, 0);
}

int sw_timer_start(struct sw_timer *t, uint64_t ms)
{
	struct sw_loop *l = t->loop;
	struct sw_timer *top = l->n_timers ? l->heap[0] : NULL;

	sw_timer_stop(t);
	if (l->n_timers == l->heap_size) {
		size_t size = l->heap_size ? l->heap_size * 2 : 64;
		struct sw_timer **heap = reallocarray(l->heap, size, sizeof(struct sw_timer *));

		if (!heap)
			return SW_ENOMEM;
		l->heap = heap;
		l->heap_size = size;
	}
	t->due = sw_loop_now(l) + ms;
	sift_up(l, t, l->n_timers++);
	if (l->heap[0] != top || top == t)
		arm(l);
	return SW_OK;
}

void sw_timer_stop(struct sw_timer *t)
{
	struct sw_loop *l = t->loop;
	size_t i = t->pos;
	struct sw_timer *last;

	if (i == 0)
		return;
	i--;
	t->pos = 0;
	last = l->heap[--l->n_timers];
	if (last != t) {
		if (i > 0 && l->heap[(i - 1) / 2]->due > last->due)
			sift_up(l, last, i);
		else
			sift_down(l, last, i);
	}
	/* A uv timer left armed too early merely wakes the loop once; none left must not keep it alive. */
	if (l->n_timers == 0)
		arm(l);
}

void sw_timers_run(struct sw_loop *l)
{
	uint64_t now = sw_loop_now(l);

	/* Timers started by callbacks with 0 ms wait for the next round: due <= now would never end otherwise. */
	size_t left = l->n_timers;

	while (left-- && l->n_timers && l->heap[0]->due <= now) {
		struct sw_timer *t = l->heap[0];

		sw_timer_stop(t);
		t->fn(t->arg);
	}
	arm(l);
}

void sw_loop_fake_clock(struct sw_loop *l)
{
	l->fake_now = uv_now(&l->uv);
	l->fake = true;
	uv_timer_stop(&l->timer);
}

void sw_loop_advance(struct sw_loop *l, uint64_t ms)
{
	uint64_t end = l->fake_now + ms;

	while (l->n_timers && l->heap[0]->due <= end) {
		if (l->heap[0]->due > l->fake_now)
			l->fake_now = l->heap[0]->due;
		sw_timers_run(l);
		uv_run(&l->uv, UV_RUN_NOWAIT);
	}
	l->fake_now = end;
	uv_run(&l->uv, UV_RUN_NOWAIT);
}
