/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Private to src/core: what loop.c and timer.c share. */
#include "core/loop.h"

struct sw_deferred {
	struct sw_deferred *next;
	void (*fn)(void *arg);
	void *arg;
};

struct sw_doomed {
	struct sw_doomed *next;
};

struct sw_loop {
	uv_loop_t uv;
	uv_timer_t timer;            /* the one uv timer: due at the heap's top */
	uv_check_t check;
	uv_idle_t idle;
	bool pending;                /* the end of the iteration has work */
	struct sw_deferred *deferred, **deferred_last;
	struct sw_doomed *doomed;
	struct sw_timer **heap;      /* binary heap by due; owned; the timers are not */
	size_t n_timers, heap_size;
	bool fake;
	uint64_t fake_now;
};

void sw_timers_run(struct sw_loop *l);
