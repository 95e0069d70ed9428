/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run: probes in threads of a bounded pool, begun in the order they were spawned; its end by itself, by the deadline or by
 * sw_check_stop. The thread in sw_check_run only waits.
 */
#include "check/check_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tls/probe.h"

enum { TIMEOUT_MS = 5000, DEADLINE_MS = 60000, THREADS = 32, THREADS_MAX = 256, LATE_MS = 100, STACK = 1 << 20 };

uint64_t sw_check_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* --- the object --- */

int sw_check_new(struct sw_check **out, const struct sw_check_options *o)
{
	struct sw_check *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return SW_ENOMEM;
	c->options = *o;
	if (!c->options.timeout_ms)
		c->options.timeout_ms = TIMEOUT_MS;
	if (!c->options.deadline_ms)
		c->options.deadline_ms = DEADLINE_MS;
	if (!c->options.threads)
		c->options.threads = THREADS;
	if (c->options.threads > THREADS_MAX)
		c->options.threads = THREADS_MAX;
	c->at = o->at ? o->at : (int64_t)time(NULL);
	c->began = sw_check_clock();
	if (pipe2(c->stop_fd, O_CLOEXEC | O_NONBLOCK) < 0) {
		err = sw_error_from_errno(errno);
		free(c);
		return err;
	}
	if (pipe2(c->wake_fd, O_CLOEXEC | O_NONBLOCK) < 0) {
		err = sw_error_from_errno(errno);
		close(c->stop_fd[0]);
		close(c->stop_fd[1]);
		free(c);
		return err;
	}
	pthread_mutex_init(&c->endpoints, NULL);
	pthread_mutex_init(&c->lock, NULL);
	pthread_mutex_init(&c->out, NULL);
	pthread_cond_init(&c->work, NULL);
	*out = c;
	return SW_OK;
}

static void task_free(struct sw_check_task *t)
{
	if (!t->begun && t->free_fn)
		t->free_fn(t->arg);
	sw_check_task_clear(t);
	free(t);
}

/* Probes that hang in a library are waited for: they use what is freed here. sw_check_summary tells of them beforehand. */
void sw_check_free(struct sw_check *c)
{
	if (!c)
		return;
	sw_check_stop(c);
	pthread_mutex_lock(&c->lock);
	c->closed = true;
	pthread_cond_broadcast(&c->work);
	while (c->threads)
		pthread_cond_wait(&c->work, &c->lock);
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < c->n_tasks; i++)
		task_free(c->tasks[i]);
	sw_check_task_clear(&c->root);
	free(c->tasks);
	free(c->seen);
	free(c->leaves);
	for (size_t i = 0; i < c->n_once; i++)
		free(c->once[i].what);
	free(c->once);
	free(c->findings);
	for (int i = 0; i < 2; i++) {
		close(c->stop_fd[i]);
		close(c->wake_fd[i]);
	}
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->out);
	pthread_mutex_destroy(&c->lock);
	pthread_mutex_destroy(&c->endpoints);
	free(c);
}

const struct sw_check_options *sw_check_options(const struct sw_check *c)
{
	return &c->options;
}

int64_t sw_check_time(const struct sw_check *c)
{
	return c->at;
}

void sw_check_on_progress(struct sw_check *c, sw_check_progress_fn *fn, void *arg)
{
	c->on_progress = fn;
	c->progress_arg = arg;
}

void sw_check_on_finding(struct sw_check *c, sw_check_finding_fn *fn, void *arg)
{
	c->on_finding = fn;
	c->finding_arg = arg;
}

/* --- its end --- */

static void wake(int fd)
{
	/* Full: it is readable already. */
	if (write(fd, "", 1) < 0)
		return;
}

static void end(struct sw_check *c)
{
	if (!atomic_exchange(&c->stop, true))
		wake(c->stop_fd[1]);
}

void sw_check_stop(struct sw_check *c)
{
	int kept = errno;

	atomic_store(&c->asked, true);
	end(c);
	errno = kept;
}

bool sw_check_stopped(const struct sw_check *c)
{
	return atomic_load(&c->stop) || (c->deadline && sw_check_clock() >= c->deadline);
}

int sw_check_stop_fd(const struct sw_check *c)
{
	return c->stop_fd[0];
}

uint64_t sw_check_left(const struct sw_check *c)
{
	uint64_t now = sw_check_clock();

	if (atomic_load(&c->stop))
		return 0;
	if (!c->deadline)
		return c->options.timeout_ms;
	if (now >= c->deadline)
		return 0;
	/* A little more than is left: the run's end is to cut an exchange off, and the peer not to be blamed for its time-out. */
	return c->deadline - now + LATE_MS < c->options.timeout_ms ? c->deadline - now + LATE_MS : c->options.timeout_ms;
}

/* --- probes --- */

/* Whichever comes first on the way down from the root; a parent is before its children. */
int sw_check_task_cmp(const struct sw_check_task *a, const struct sw_check_task *b)
{
	const struct sw_check_task *x = a, *y = b;

	while (x->depth > y->depth)
		x = x->parent;
	while (y->depth > x->depth)
		y = y->parent;
	if (x == y)
		return a->depth < b->depth ? -1 : a->depth > b->depth;
	while (x->parent != y->parent) {
		x = x->parent;
		y = y->parent;
	}
	return x->nth < y->nth ? -1 : x->nth > y->nth;
}

void sw_check_task_adopt(struct sw_check *c, struct sw_check_task *t)
{
	struct sw_check_task *parent = sw_check_current() ? sw_check_current() : &c->root, other = *t;

	other.parent = parent;
	other.nth = parent->children++;
	other.depth = parent->depth + 1;
	for (const struct sw_check_task *p = parent; p; p = p->parent)
		if (p == t)
			return;
	if (sw_check_task_cmp(&other, t) < 0) {
		t->parent = other.parent;
		t->nth = other.nth;
		t->depth = other.depth;
	}
}

static bool tasks_grow(struct sw_check *c)
{
	size_t room = c->tasks_room ? 2 * c->tasks_room : 64;
	void *p;

	if (c->n_tasks < c->tasks_room)
		return true;
	p = realloc(c->tasks, room * sizeof(struct sw_check_task *));
	if (!p)
		return false;
	c->tasks = p;
	c->tasks_room = room;
	return true;
}

/* Findings and progress go out under one lock. Once the run is closed nothing does, and no probe counts as ended any more. */
static void progress(struct sw_check *c, struct sw_check_task *t, bool ended)
{
	unsigned done, total;
	bool closed;

	pthread_mutex_lock(&c->out);
	pthread_mutex_lock(&c->lock);
	closed = c->closed;
	t->ended = ended && !closed;
	c->done += t->ended;
	done = c->done;
	total = (unsigned)c->n_tasks;
	pthread_mutex_unlock(&c->lock);
	if (!closed && ended && c->on_finding)
		for (size_t i = 0; i < t->n_findings; i++)
			c->on_finding(c->finding_arg, t->findings[i]);
	if (!closed && c->on_progress)
		c->on_progress(c->progress_arg, t->stage, t->what, ended,
			       sw_check_worst((const struct sw_finding *const *)t->findings, t->n_findings),
			       ended ? sw_check_clock() - t->began : 0, done, total);
	pthread_mutex_unlock(&c->out);
}

static void run_task(struct sw_check *c, struct sw_check_task *t)
{
	t->began = sw_check_clock();
	progress(c, t, false);
	sw_check_set_current(t);
	t->fn(c, t->arg);
	if (t->free_fn)
		t->free_fn(t->arg);
	sw_check_set_current(NULL);
	progress(c, t, true);
}

static void *worker(void *arg)
{
	struct sw_check *c = arg;
	sigset_t all;

	/* Signals are the main thread's: a probe's poll(2) is not interrupted. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	pthread_mutex_lock(&c->lock);
	for (;;) {
		struct sw_check_task *t;

		while (c->next == c->n_tasks && !c->closed && !atomic_load(&c->stop))
			pthread_cond_wait(&c->work, &c->lock);
		if (c->closed || atomic_load(&c->stop))
			break;
		t = c->tasks[c->next++];
		t->begun = true;
		c->running++;
		pthread_mutex_unlock(&c->lock);
		run_task(c, t);
		pthread_mutex_lock(&c->lock);
		c->running--;
		if (c->running == 0 && c->next == c->n_tasks)
			wake(c->wake_fd[1]);
	}
	sw_tls_thread_end(); /* now: nobody waits for a detached thread's own end */
	c->threads--;
	wake(c->wake_fd[1]);
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* One more thread while there is more to do than threads that do it. Lock held. */
static void add_thread(struct sw_check *c)
{
	pthread_attr_t attr;
	pthread_t id;

	if (!c->deadline || c->threads >= c->options.threads || c->threads - c->running >= c->n_tasks - c->next)
		return;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&id, &attr, worker, c) == 0)
		c->threads++;
	else if (c->threads == 0)
		atomic_store(&c->no_memory, true);
	pthread_attr_destroy(&attr);
}

/* Lock held. */
static int task_add(struct sw_check *c, struct sw_check_task *t)
{
	struct sw_check_task *parent = sw_check_current() ? sw_check_current() : &c->root;

	if (c->closed)
		return SW_ECLOSED;
	if (c->n_tasks >= SW_CHECK_PROBES)
		return SW_ELIMIT;
	if (!tasks_grow(c))
		return SW_ENOMEM;
	t->parent = parent;
	t->nth = parent->children++;
	t->depth = parent->depth + 1;
	c->tasks[c->n_tasks++] = t;
	add_thread(c);
	pthread_cond_signal(&c->work);
	return SW_OK;
}

int sw_check_spawn_task(struct sw_check *c, enum sw_stage stage, const char *what, sw_probe_fn *fn, void *arg, void (*free_fn)(void *arg),
			struct sw_check_task **out)
{
	struct sw_check_task *t = calloc(1, sizeof(*t));
	int err = SW_ENOMEM;
	bool tell = false;

	if (t)
		t->what = sw_str_dup(sw_str_of(what));
	if (t && t->what) {
		t->stage = stage;
		t->fn = fn;
		t->arg = arg;
		t->free_fn = free_fn;
		pthread_mutex_lock(&c->lock);
		err = task_add(c, t);
		tell = err == SW_ELIMIT && !c->too_much;
		c->too_much |= tell;
		pthread_mutex_unlock(&c->lock);
	}
	if (err == SW_OK) {
		*out = t;
		return SW_OK;
	}
	if (err == SW_ENOMEM)
		atomic_store(&c->no_memory, true);
	if (t)
		sw_check_task_clear(t);
	free(t);
	if (free_fn)
		free_fn(arg);
	if (tell)
		sw_check_report(c, SW_F_RUN_TOO_MUCH, SW_CHECK_UNKNOWN, what, "at most 2,000 probes", "more; they were left out from here on");
	return err;
}

int sw_check_spawn(struct sw_check *c, enum sw_stage stage, const char *what, sw_probe_fn *fn, void *arg, void (*free_fn)(void *arg))
{
	struct sw_check_task *t;

	return sw_check_spawn_task(c, stage, what, fn, arg, free_fn, &t);
}

/* --- running --- */

/* Until all is done (true), or the descriptor of the run's end is readable, or the time is over. */
static bool wait_done(struct sw_check *c, uint64_t until, bool ending)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = c->wake_fd[0], .events = POLLIN }, { .fd = ending ? -1 : c->stop_fd[0], .events = POLLIN } };
		uint64_t now = sw_check_clock();
		char drop[64];
		bool done;

		pthread_mutex_lock(&c->lock);
		done = c->running == 0 && (ending || c->next == c->n_tasks || c->threads == 0);
		pthread_mutex_unlock(&c->lock);
		if (done)
			return true;
		if (now >= until || (p[1].fd >= 0 && atomic_load(&c->stop)))
			return false;
		if (poll(p, 2, (int)(until - now < 60000 ? until - now : 60000)) > 0 && p[0].revents)
			while (read(c->wake_fd[0], drop, sizeof(drop)) > 0)
				;
	}
}

/* What did not end is told, each by its name. */
static void report_missing(struct sw_check *c)
{
	for (size_t i = 0; i < c->n_tasks; i++) {
		struct sw_check_task *t = c->tasks[i];
		const char *found;

		if (t->ended)
			continue;
		found = t->begun ? "it had not ended" : "it had not begun";
		sw_check_report(c, SW_F_RUN_TIME, SW_CHECK_UNKNOWN, t->what,
				c->stopped ? "an end before the run was stopped" : "an end within the deadline", found);
	}
}

int sw_check_run(struct sw_check *c)
{
	uint64_t now = sw_check_clock();
	bool done;

	pthread_mutex_lock(&c->lock);
	c->began = now;
	c->deadline = now + c->options.deadline_ms;
	for (size_t i = 0; i < c->n_tasks && c->threads < c->options.threads; i++)
		add_thread(c);
	pthread_mutex_unlock(&c->lock);

	done = wait_done(c, c->deadline, false);
	c->stopped = atomic_load(&c->asked);
	c->out_of_time = !done && !c->stopped;
	end(c);
	pthread_mutex_lock(&c->lock);
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	wait_done(c, sw_check_clock() + SW_CHECK_GRACE_MS, true);

	/* A finding callback may be under way: it is waited for, and none comes after. */
	pthread_mutex_lock(&c->out);
	pthread_mutex_lock(&c->lock);
	c->closed = true;
	pthread_mutex_unlock(&c->lock);
	pthread_mutex_unlock(&c->out);
	report_missing(c);
	for (size_t i = 0; c->on_finding && i < c->root.n_findings; i++)
		c->on_finding(c->finding_arg, c->root.findings[i]);
	c->ended = sw_check_clock();
	if (atomic_load(&c->no_memory))
		return SW_ENOMEM;
	return sw_check_gather(c);
}
