/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The media process's control thread: hears the edge, owns streams and ports, tells the workers. What each command does is in
 * command.c; here is what runs it: start, the epoll, what comes back from the workers, the end.
 */
#include "media/process.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/log.h"
#include "core/random.h"

enum {
	WORKERS_MAX = 256,
	OUT_MAX = 16384,                 /* records waiting for the edge */
	OUT_EASY = OUT_MAX / 4,          /* beyond, events are dropped and no command is read: the rest is for answers owed */
	JOBS_MAX = 2048,                 /* under way at the workers; no command is read beyond */
	COMMANDS_PER_TURN = 64,
	ORPHAN_MS = 60000,
	FDS_RESERVED = 64,
};

/* --- to the edge --- */

static void watch_control(struct sw_media_process *p)
{
	bool room = p->jobs < JOBS_MAX && p->out.n < OUT_EASY;
	uint32_t want = (room ? EPOLLIN | EPOLLRDHUP : 0) | (p->out.n ? EPOLLOUT : 0);
	struct epoll_event ev = { .events = want, .data.fd = p->fd };

	if (want == p->watching)
		return;
	if (epoll_ctl(p->epoll_fd, EPOLL_CTL_MOD, p->fd, &ev) == 0)
		p->watching = want;
}

static void flush(struct sw_media_process *p)
{
	struct sw_media_msg *m;

	while ((m = sw_media_queue_first(&p->out))) {
		int err = sw_media_msg_send(p->fd, m);

		if (err == SW_EAGAIN)
			return;
		if (err == SW_ECLOSED)
			p->stop = true;
		sw_media_queue_pop(&p->out);
	}
}

void sw_media_process_say(struct sw_media_process *p, struct sw_media_msg *m)
{
	m->head.media = p->self;
	if (m->head.type != SW_MEDIA_MSG_HELLO)
		m->head.edge = p->edge;
	if (sw_media_queue_push(&p->out, m) < 0) {
		p->lost_answers++;
		sw_log(SW_LOG_ERROR, "media.answer_lost", SW_U("lost", p->lost_answers), SW_U("queued", p->out.n));
	}
}

static void say_event(struct sw_media_process *p, enum sw_media_event ev, const struct sw_media_stats *st)
{
	struct sw_media_msg m;

	if (!p->edge || (ev != SW_MEDIA_CLOSED_IDLE && p->out.n >= OUT_EASY)) {
		p->lost_events++;
		return;
	}
	sw_media_put_event(&m, ev, st);
	sw_media_process_say(p, &m);
}

/* --- from the workers --- */

static void job_done(struct sw_media_process *p, struct sw_relay_job *j)
{
	struct sw_media_msg m;

	p->jobs--;
	switch (j->what) {
	case SW_RELAY_ADD:
		sw_media_process_added(p, j);
		break;
	case SW_RELAY_CONNECT:
		if (j->status < 0)
			sw_log(SW_LOG_WARN, "media.connect_failed", SW_ID("call", j->stream->call),
			       SW_ID("stream", j->stream->stream), SW_S("error", sw_error_text(j->status)));
		break;
	case SW_RELAY_QUERY:
	case SW_RELAY_REMOVE:
		if (j->token) {
			sw_media_put_stats(&m, &j->stats);
			m.head.token = j->token;
			sw_media_process_say(p, &m);
		}
		if (j->tell_closed)
			say_event(p, SW_MEDIA_CLOSED_IDLE, &j->stats);
		if (j->token && j->end_of)
			sw_media_process_end(p, j->token, j->end_of);
		if (j->what == SW_RELAY_REMOVE)
			sw_media_process_removed(p, j);
		break;
	case SW_RELAY_ORPHAN:
		break;
	}
	free(j);
}

static void close_idle(struct sw_media_process *p, struct sw_media_stream *s, const char *event, bool tell)
{
	sw_log(SW_LOG_INFO, event, SW_ID("call", s->call->id), SW_ID("stream", s->id));
	sw_media_process_close(p, s, 0, 0, tell);
}

static void take_report(struct sw_media_process *p, const struct sw_relay_report *rep)
{
	struct sw_media_stream *s = sw_media_process_stream(p, rep->stats.stream);

	if (!s)
		return;  /* closed meanwhile */
	if (s->orphan) {
		if (rep->event == SW_MEDIA_CLOSED_IDLE)
			close_idle(p, s, "media.orphan_closed", false);
	} else if (rep->event == SW_MEDIA_IDLE && p->setup.close_idle) {
		close_idle(p, s, "media.idle_closed", true);
	} else if (rep->event != SW_MEDIA_CLOSED_IDLE) {
		say_event(p, rep->event, &rep->stats);
	}
}

static void hear_workers(struct sw_media_process *p)
{
	struct sw_relay_report rep;
	uint64_t times;
	ssize_t ignored = read(p->notify_fd, &times, sizeof(times));

	(void)ignored;
	for (unsigned i = 0; i < p->n_workers; i++) {
		struct sw_relay_job *j = sw_relay_done(p->workers[i]), *next;

		/* What it reported before it did these jobs is told before their answers. */
		while (sw_relay_report(p->workers[i], &rep))
			take_report(p, &rep);
		for (; j; j = next) {
			next = j->next;
			job_done(p, j);
		}
	}
}

/* --- the loop --- */

static void hear_edge(struct sw_media_process *p)
{
	struct sw_media_msg m;

	for (int i = 0; i < COMMANDS_PER_TURN && !p->stop && p->jobs < JOBS_MAX; i++) {
		int err = sw_media_msg_recv(p->fd, &m, true);

		if (err == SW_EAGAIN)
			return;
		if (err == SW_EPARSE) {
			p->garbage++;
			if ((p->garbage & (p->garbage - 1)) == 0)   /* the 1st, 2nd, 4th, 8th, ... */
				sw_log(SW_LOG_WARN, "media.control_garbage", SW_U("records", p->garbage));
			continue;
		}
		if (err < 0) {
			sw_log(SW_LOG_WARN, "media.control_closed", SW_S("error", sw_error_text(err)));
			p->stop = true;
			return;
		}
		sw_media_process_command(p, &m);
	}
}

static void hear_signal(struct sw_media_process *p)
{
	struct signalfd_siginfo info;

	/* Only SIGTERM is for us: an interrupt at the terminal goes to all, and is the supervisor's to judge. */
	while (read(p->signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo == SIGTERM)
			p->stop = true;
}

static void run(struct sw_media_process *p)
{
	struct epoll_event ev[8];

	while (!p->stop) {
		int n;

		flush(p);
		watch_control(p);
		n = epoll_wait(p->epoll_fd, ev, 8, -1);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.fd == p->notify_fd)
				hear_workers(p);
			else if (ev[i].data.fd == p->signal_fd)
				hear_signal(p);
			else if (ev[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
				hear_edge(p);
		}
	}
}

/* --- start and end --- */

/* Descriptors are a limit like ports: raise the soft limit, and count with what the hard one gives. */
static void measure(struct sw_media_process *p)
{
	struct rlimit lim = { .rlim_cur = 1024, .rlim_max = 1024 };
	uint64_t fds, reserved = FDS_RESERVED + 3 * p->n_workers, pairs = 0;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
		struct rlimit up = { .rlim_cur = lim.rlim_max, .rlim_max = lim.rlim_max };

		if (setrlimit(RLIMIT_NOFILE, &up) == 0)
			lim = up;
	}
	fds = lim.rlim_cur == RLIM_INFINITY || lim.rlim_cur > UINT32_MAX ? UINT32_MAX : (uint64_t)lim.rlim_cur;
	p->fds_max = fds > reserved ? (uint32_t)(fds - reserved) : 0;
	for (unsigned i = 0; i < p->setup.n_addresses; i++)
		if (p->pool[i] == i)
			pairs += p->ports[i].total;
	p->pairs_total = (uint32_t)pairs;
	sw_log(p->fds_max < 2 * pairs ? SW_LOG_WARN : SW_LOG_INFO, "media.capacity", SW_U("ports", 2 * pairs),
	       SW_U("descriptors", fds), SW_U("pinholes", p->fds_max / 2 < pairs ? p->fds_max / 2 : pairs),
	       SW_S("limited_by", p->fds_max < 2 * pairs ? "descriptors (LimitNOFILE)" : "ports"));
}

/* Two interfaces of one address share one set of ports. */
static int make_ports(struct sw_media_process *p)
{
	for (unsigned i = 0; i < p->setup.n_addresses; i++) {
		int err;

		p->pool[i] = (uint8_t)i;
		for (unsigned j = 0; j < i; j++)
			if (sw_addr_same_host(&p->setup.addresses[i], &p->setup.addresses[j])) {
				p->pool[i] = (uint8_t)j;
				break;
			}
		if (p->pool[i] != i)
			continue;
		err = sw_ports_init(&p->ports[i], p->setup.port_low, p->setup.port_high, p->setup.quarantine_ms);
		if (err < 0)
			return err;
	}
	return SW_OK;
}

/* Those this process may use. Asked of the kernel, not of /sys: the sandbox opens no files. */
static uint32_t cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

static int start_workers(struct sw_media_process *p)
{
	uint32_t n = p->setup.workers ? p->setup.workers : cores();
	struct sw_relay_setup rs = { .notify_fd = p->notify_fd, .idle_ms = p->setup.idle_ms, .orphan_ms = ORPHAN_MS };
	int err;

	if (n > WORKERS_MAX)
		n = WORKERS_MAX;
	p->workers = calloc(n, sizeof(*p->workers));
	if (!p->workers)
		return SW_ENOMEM;
	for (; p->n_workers < n; p->n_workers++) {
		err = sw_relay_start(&p->workers[p->n_workers], &rs);
		if (err < 0)
			return err;
	}
	return SW_OK;
}

static int watch_fd(struct sw_media_process *p, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? sw_error_from_errno(errno) : SW_OK;
}

static int open_fds(struct sw_media_process *p, const sigset_t *signals)
{
	int err;

	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	p->notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p->epoll_fd < 0 || p->notify_fd < 0 || p->signal_fd < 0)
		return sw_error_from_errno(errno);
	if ((err = watch_fd(p, p->fd)) < 0 || (err = watch_fd(p, p->notify_fd)) < 0)
		return err;
	p->watching = EPOLLIN;
	return watch_fd(p, p->signal_fd);
}

static int start(struct sw_media_process *p, const sigset_t *signals)
{
	struct sw_media_msg hello;
	int err;

	if (p->setup.n_addresses == 0 || p->setup.n_addresses > SW_MEDIA_ADDRESSES)
		return SW_EINVALID;
	if ((err = make_ports(p)) < 0 || (err = open_fds(p, signals)) < 0 || (err = start_workers(p)) < 0)
		return err;
	measure(p);
	do
		sw_random(&p->self, sizeof(p->self));
	while (p->self == 0);
	sw_media_queue_init(&p->out, OUT_MAX);
	sw_media_msg_init(&hello, SW_MEDIA_MSG_HELLO);
	sw_media_process_say(p, &hello);
	return SW_OK;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void finish(struct sw_media_process *p)
{
	for (unsigned i = 0; i < p->n_workers; i++)
		sw_relay_stop(p->workers[i]);
	for (unsigned i = 0; i < p->n_workers; i++) {
		struct sw_relay_job *j = sw_relay_done(p->workers[i]), *next;

		for (; j; j = next) {
			next = j->next;
			job_done(p, j);
		}
		sw_relay_free(p->workers[i]);
	}
	free(p->workers);
	sw_media_process_drop_all(p);
	for (unsigned i = 0; i < SW_MEDIA_ADDRESSES; i++)
		sw_ports_free(&p->ports[i]);
	sw_media_queue_free(&p->out);
	close_fd(p->epoll_fd);
	close_fd(p->notify_fd);
	close_fd(p->signal_fd);
	close_fd(p->fd);
}

int sw_media_process(int fd, const struct sw_media_setup *setup)
{
	struct sw_media_process p = { .fd = fd, .epoll_fd = -1, .notify_fd = -1, .signal_fd = -1, .setup = *setup };
	sigset_t signals, before;
	int err;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, &before);   /* before the workers: they inherit it */
	err = start(&p, &signals);
	if (err < 0) {
		sw_log(SW_LOG_ERROR, "media.start_failed", SW_S("error", sw_error_text(err)));
	} else {
		sw_log(SW_LOG_INFO, "media.started", SW_U("workers", p.n_workers), SW_U("port_low", setup->port_low),
		       SW_U("port_high", setup->port_high), SW_U("addresses", setup->n_addresses));
		run(&p);
		sw_log(SW_LOG_INFO, "media.stopped", SW_U("streams", p.n_streams));
	}
	finish(&p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err < 0 ? 1 : 0;
}
