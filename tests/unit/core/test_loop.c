/* SPDX-License-Identifier: Apache-2.0 */
/* The loop's seam: timers in order, stopping, the end of the iteration, work in threads, ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/id.h"
#include "core/loop.h"

struct trace {
	struct sw_loop *loop;
	struct sw_timer t[3];
	char order[32];
	size_t n;
};

static void mark(struct trace *tr, char c)
{
	tr->order[tr->n++] = c;
}

static void on_a(void *arg)
{
	struct trace *tr = arg;

	mark(tr, 'a');
	sw_timer_stop(&tr->t[2]);
}

static void on_b(void *arg)
{
	mark(arg, 'b');
}

static void on_c(void *arg)
{
	mark(arg, 'c');
}

static void timers_run_in_order_and_stop_at_once(void **state)
{
	struct trace tr = { 0 };

	(void)state;
	assert_int_equal(sw_loop_new(&tr.loop), 0);
	sw_loop_fake_clock(tr.loop);
	sw_timer_init(&tr.t[0], tr.loop, on_a, &tr);
	sw_timer_init(&tr.t[1], tr.loop, on_b, &tr);
	sw_timer_init(&tr.t[2], tr.loop, on_c, &tr);
	assert_int_equal(sw_timer_start(&tr.t[1], 30), 0);
	assert_int_equal(sw_timer_start(&tr.t[2], 20), 0);
	assert_int_equal(sw_timer_start(&tr.t[0], 10), 0);
	sw_loop_advance(tr.loop, 9);
	assert_string_equal(tr.order, "");
	sw_loop_advance(tr.loop, 100);
	assert_string_equal(tr.order, "ab");
	assert_false(sw_timer_running(&tr.t[2]));
	sw_loop_free(tr.loop);
}

static void many_timers_keep_the_heap_sound(void **state)
{
	enum { N = 500 };
	static struct sw_timer t[N];
	struct trace tr = { 0 };
	uint64_t last = 0;

	(void)state;
	assert_int_equal(sw_loop_new(&tr.loop), 0);
	sw_loop_fake_clock(tr.loop);
	for (size_t i = 0; i < N; i++) {
		sw_timer_init(&t[i], tr.loop, on_b, &tr);
		assert_int_equal(sw_timer_start(&t[i], 1 + (i * 7919) % 1000), 0);
	}
	for (size_t i = 0; i < N; i += 3)
		sw_timer_stop(&t[i]);
	for (size_t ms = 0; ms < 1000; ms++) {
		tr.n = 0;
		sw_loop_advance(tr.loop, 1);
		for (size_t i = 0; i < N; i++)
			if (i % 3 && 1 + (i * 7919) % 1000 == ms + 1)
				assert_false(sw_timer_running(&t[i]));
		last += tr.n;
	}
	assert_int_equal(last, N - (N + 2) / 3);
	sw_loop_free(tr.loop);
}

struct job {
	struct sw_loop *loop;
	int value;
	bool done;
};

static void on_job_work(void *arg)
{
	((struct job *)arg)->value++;
}

static void on_job_done(void *arg, int status)
{
	struct job *j = arg;

	assert_int_equal(status, 0);
	j->done = true;
}

static void work_comes_back_to_the_loop(void **state)
{
	struct job j = { 0 };

	(void)state;
	assert_int_equal(sw_loop_new(&j.loop), 0);
	assert_int_equal(sw_loop_work(j.loop, on_job_work, on_job_done, &j), 0);
	sw_loop_run(j.loop);
	assert_true(j.done);
	assert_int_equal(j.value, 1);
	sw_loop_free(j.loop);
}

static void deferred(void *arg)
{
	mark(arg, 'd');
}

static void on_readable(void *arg, int events)
{
	struct trace *tr = arg;

	assert_true(events & SW_IO_READ);
	mark(tr, 'r');
	assert_int_equal(sw_loop_defer(tr->loop, deferred, tr), 0);
	sw_loop_free_later(tr->loop, malloc(64));
	mark(tr, 'R');
	sw_loop_stop(tr->loop);
}

struct selfish {
	struct sw_loop *loop;
	struct sw_timer timer;
	unsigned calls;
	bool *seen;
	bool others_had_a_turn;
};

static void again(void *arg)
{
	struct selfish *s = arg;

	if (s->calls++ == 0)
		assert_int_equal(sw_timer_start(&s->timer, 0), 0);
	if (!s->others_had_a_turn && s->calls < 10000)
		assert_int_equal(sw_loop_defer(s->loop, again, s), 0);
}

static void others_turn(void *arg)
{
	((struct selfish *)arg)->others_had_a_turn = true;
}

static void who_defers_himself_lets_others_run(void **state)
{
	struct selfish s = { 0 };

	(void)state;
	assert_int_equal(sw_loop_new(&s.loop), 0);
	sw_timer_init(&s.timer, s.loop, others_turn, &s);
	assert_int_equal(sw_loop_defer(s.loop, again, &s), 0);
	sw_loop_run(s.loop);
	assert_true(s.others_had_a_turn);
	assert_true(s.calls < 10000);
	sw_loop_free(s.loop);
}

struct mortal {
	void *later[2];
	bool *seen;
};

static void look(void *arg)
{
	*((struct mortal *)arg)->seen = true;
}

static void defer_then_doom(void *arg)
{
	struct selfish *s = arg;
	struct mortal *mine = calloc(1, sizeof(*mine));

	assert_non_null(mine);
	mine->seen = s->seen;
	assert_int_equal(sw_loop_defer(s->loop, look, mine), 0);
	sw_loop_free_later(s->loop, mine);
}

/* Where the memory went first, this is a use after free. */
static void memory_outlives_calls_deferred_before(void **state)
{
	struct selfish s = { 0 };
	bool seen = false;

	(void)state;
	s.seen = &seen;
	assert_int_equal(sw_loop_new(&s.loop), 0);
	assert_int_equal(sw_loop_defer(s.loop, defer_then_doom, &s), 0);
	sw_loop_run(s.loop);
	assert_true(seen);
	sw_loop_free(s.loop);
}

static void deferred_calls_come_after_callbacks(void **state)
{
	struct trace tr = { 0 };
	struct sw_io *io;
	int fd[2];

	(void)state;
	assert_int_equal(sw_loop_new(&tr.loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(sw_io_new(&io, tr.loop, fd[0], on_readable, &tr), 0);
	assert_int_equal(sw_io_want(io, SW_IO_READ), 0);
	assert_int_equal(send(fd[1], "x", 1, 0), 1);
	sw_loop_run(tr.loop);
	sw_io_free(io);
	sw_loop_free(tr.loop);
	assert_string_equal(tr.order, "rRd");
	close(fd[1]);
}

static void ids_of_gone_objects_do_not_resolve(void **state)
{
	struct sw_idtab t;
	int a, b, c;
	sw_id ia, ib, ic;
	size_t pos = 0, n = 0;

	(void)state;
	assert_int_equal(sw_idtab_init(&t, 2), 0);
	assert_int_equal(sw_idtab_add(&t, &a, &ia), 0);
	assert_int_equal(sw_idtab_add(&t, &b, &ib), 0);
	assert_int_equal(sw_idtab_add(&t, &c, &ic), SW_ELIMIT);
	sw_idtab_del(&t, ia);
	assert_null(sw_idtab_get(&t, ia));
	assert_int_equal(sw_idtab_add(&t, &c, &ic), 0);
	assert_null(sw_idtab_get(&t, ia));
	assert_ptr_equal(sw_idtab_get(&t, ic), &c);
	assert_true(ic != ia);
	while (sw_idtab_next(&t, &pos))
		n++;
	assert_int_equal(n, 2);
	assert_null(sw_idtab_get(&t, 0));
	sw_idtab_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_run_in_order_and_stop_at_once),
		cmocka_unit_test(many_timers_keep_the_heap_sound),
		cmocka_unit_test(work_comes_back_to_the_loop),
		cmocka_unit_test(deferred_calls_come_after_callbacks),
		cmocka_unit_test(who_defers_himself_lets_others_run),
		cmocka_unit_test(memory_outlives_calls_deferred_before),
		cmocka_unit_test(ids_of_gone_objects_do_not_resolve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
