/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "edge/channel.h"
#include "edge/lend.h"
#include "edge/notify.h"
#include "edge/outcome.h"
#include "edge/sandbox.h"
#include "edge/sockets.h"
#include "edge/watch.h"
#include "media/media.h"

enum {
	BACKOFF_FIRST_MS = 500,
	BACKOFF_MAX_MS = 30000,
	LIVED_WELL_MS = 60000,
	ALIVE_MS = 30000,            /* an edge that says nothing for so long is stuck */
	STOP_GRACE_MS = 5000,
	ARG_TEXT = 16,
	SIGNALS = 6,
};

enum child_kind { CHILD_MEDIA, CHILD_EDGE, CHILDREN };
static const char *const child_names[] = { "media", "edge" };
static const char command[] = "command";   /* somebody waits for the outcome */

struct supervisor;

struct child {
	struct supervisor *s;
	enum child_kind kind;
	uv_process_t *process;       /* NULL: not running */
	uint64_t started;
	uint64_t backoff;
	struct sw_timer restart;
};

struct supervisor {
	const struct sw_supervisor_opts *opts;
	struct sw_loop *loop;
	struct sw_conf *conf;
	struct child child[CHILDREN];
	struct sw_channel *edge;     /* NULL: no edge */
	int media_pair[2];           /* [0] the edge's, [1] the media process's: kept open, so that neither's death shows the other an end */
	struct sw_sockets now, next;    /* next: of a reload that is being tried */
	struct sw_conf *next_conf;
	uv_signal_t signals[SIGNALS];
	struct sw_timer alive, kill, beat;
	struct sw_watch *watch;
	struct sw_outcome outcome;
	const char *reload_by;       /* who asked for the one that is tried: outcome.h */
	const char *queued;          /* ... for the one after it; NULL: nobody */
	bool ready_once, stopping, reloading;
	int exit_status;
};

static int spawn_edge(struct supervisor *s);
static int spawn_edge_again(struct supervisor *s);
static int spawn_media(struct supervisor *s);
static void stop(struct supervisor *s);

/* --- the configuration and its sockets, taken in place of those before --- */

static void take_next(struct supervisor *s)
{
	sw_sockets_free(&s->now, &s->next);
	s->now = s->next;
	s->next = (struct sw_sockets){ 0 };
	sw_conf_unref(s->conf);
	s->conf = s->next_conf;
	s->next_conf = NULL;
}

static void drop_next(struct supervisor *s)
{
	sw_sockets_free(&s->next, &s->now);
	sw_conf_unref(s->next_conf);
	s->next_conf = NULL;
}

/* --- children --- */

static void on_process_closed(uv_handle_t *h)
{
	free(h);
}

static bool any_running(const struct supervisor *s)
{
	return s->child[CHILD_EDGE].process || s->child[CHILD_MEDIA].process;
}

/* In the backoff's time, which doubles; it begins again at nothing once a child has lived well. */
static void restart_later(struct child *c)
{
	sw_log(SW_LOG_WARN, "child.restart", SW_S("child", child_names[c->kind]), SW_U("in_ms", c->backoff));
	if (sw_timer_start(&c->restart, c->backoff) < 0)
		stop(c->s);
	c->backoff = c->backoff ? (c->backoff * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : c->backoff * 2) : BACKOFF_FIRST_MS;
}

static void on_restart(void *arg)
{
	struct child *c = arg;

	if ((c->kind == CHILD_EDGE ? spawn_edge_again(c->s) : spawn_media(c->s)) < 0)
		restart_later(c);
}

/* Somebody wants it, or files have changed: what kept it from starting may be gone. */
static void restart_now(struct child *c)
{
	c->backoff = 0;
	if (sw_timer_start(&c->restart, 0) < 0)
		stop(c->s);
}

static void child_gone(struct child *c, int64_t status, int sig)
{
	struct supervisor *s = c->s;
	bool wanted = s->stopping;

	sw_log(wanted && !sig && !status ? SW_LOG_INFO : SW_LOG_ERROR, "child.exited", SW_S("child", child_names[c->kind]),
	       SW_I("status", status), SW_I("signal", sig));
	c->process = NULL;
	if (c->kind == CHILD_EDGE) {
		sw_timer_stop(&s->alive);
		sw_channel_free(s->edge);
		s->edge = NULL;
		s->reloading = false;
		s->queued = NULL;
		drop_next(s);
	}
	if (s->stopping) {
		if (c->kind == CHILD_EDGE && s->child[CHILD_MEDIA].process)
			uv_process_kill(s->child[CHILD_MEDIA].process, SIGTERM);
		if (!any_running(s))
			sw_loop_stop(s->loop);
		return;
	}
	if (c->kind == CHILD_EDGE && !s->ready_once) {
		/* It never worked: starting it again would not help. */
		s->exit_status = status ? (int)status : 70;
		stop(s);
		return;
	}
	if (sw_loop_now(s->loop) - c->started > LIVED_WELL_MS)
		c->backoff = 0;
	restart_later(c);
}

static void on_child_exit(uv_process_t *p, int64_t status, int sig)
{
	struct child *c = p->data;

	uv_close((uv_handle_t *)p, on_process_closed);
	child_gone(c, status, sig);
}

static int spawn(struct child *c, const char *const *args, const int *fds, size_t n_fds)
{
	uv_stdio_container_t io[SW_FD_EDGE_LISTEN + SW_CHANNEL_FDS_MAX];
	uv_process_options_t o = { .file = c->s->opts->program, .exit_cb = on_child_exit, .stdio = io, .stdio_count = (int)n_fds + 3 };
	int err;

	/* libuv's type lacks const; it does not write to them. */
	memcpy(&o.args, &args, sizeof(o.args));
	io[0].flags = UV_IGNORE;
	for (int i = 1; i < 3; i++) {
		io[i].flags = UV_INHERIT_FD;
		io[i].data.fd = i;
	}
	for (size_t i = 0; i < n_fds; i++) {
		io[3 + i].flags = UV_INHERIT_FD;
		io[3 + i].data.fd = fds[i];
	}
	c->process = calloc(1, sizeof(*c->process));
	if (!c->process)
		return SW_ENOMEM;
	c->process->data = c;
	err = uv_spawn(sw_loop_uv(c->s->loop), c->process, &o);
	if (err < 0) {
		sw_log(SW_LOG_ERROR, "child.not-started", SW_S("child", child_names[c->kind]), SW_S("detail", uv_strerror(err)));
		uv_close((uv_handle_t *)c->process, on_process_closed);
		c->process = NULL;
		return err;
	}
	c->started = sw_loop_now(c->s->loop);
	sw_log(SW_LOG_INFO, "child.started", SW_S("child", child_names[c->kind]), SW_I("pid", c->process->pid));
	return SW_OK;
}

static int spawn_media(struct supervisor *s)
{
	const char *args[] = { "sipwardd", "--role=media", "--user", s->conf->user, "-d", sw_log_level_name(s->conf->log_level), NULL };
	struct sw_media_setup setup;
	int fds[2], setup_pipe[2], err;

	memset(&setup, 0, sizeof(setup));
	sw_media_setup_from_conf(&setup, s->conf);
	if (pipe2(setup_pipe, O_CLOEXEC) < 0)
		return sw_error_from_errno(errno);
	/* Less than a pipe holds, so it does not block. */
	if (write(setup_pipe[1], &setup, sizeof(setup)) != (ssize_t)sizeof(setup)) {
		close(setup_pipe[0]);
		close(setup_pipe[1]);
		return SW_EINTERNAL;
	}
	fds[0] = s->media_pair[1];
	fds[1] = setup_pipe[0];
	err = spawn(&s->child[CHILD_MEDIA], args, fds, 2);
	close(setup_pipe[0]);
	close(setup_pipe[1]);
	return err;
}

static void on_edge(void *arg, const char *word, const char *text, int *fds, size_t n_fds);
static int read_next(struct supervisor *s, struct sw_diag *diag);

static int spawn_edge(struct supervisor *s)
{
	const char *args[] = { "sipwardd", "--role=edge", "-f", s->opts->config, "--listeners", NULL, NULL };
	int fds[2 + SW_CHANNEL_FDS_MAX], pair[2], err;
	char count[ARG_TEXT];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return sw_error_from_errno(errno);
	snprintf(count, sizeof(count), "%zu", s->now.n);
	args[5] = count;
	fds[0] = pair[1];
	fds[1] = s->media_pair[0];
	memcpy(fds + 2, s->now.fd, s->now.n * sizeof(int));
	err = spawn(&s->child[CHILD_EDGE], args, fds, 2 + s->now.n);
	close(pair[1]);
	if (err < 0) {
		close(pair[0]);
		return err;
	}
	err = sw_channel_new(&s->edge, s->loop, pair[0], on_edge, s);
	return err == SW_OK ? sw_timer_start(&s->alive, ALIVE_MS) : err;
}

/*
 * A new edge reads the files as they are now, which may have changed since the one before it did: the sockets it is given must be that
 * configuration's. Where it is broken, there is no edge till it is mended.
 */
static int spawn_edge_again(struct supervisor *s)
{
	struct sw_diag diag;
	int err;

	sw_diag_init(&diag);
	err = read_next(s, &diag);
	sw_outcome_log(&diag);
	sw_diag_free(&diag);
	if (err == SW_OK)
		err = sw_sandbox_places(s->next_conf);
	if (err < 0) {
		drop_next(s);
		sw_log(SW_LOG_ERROR, "edge.waiting", SW_S("what", "it can't start with what the files hold now; it is tried again, and when they change"),
		       SW_S("error", sw_error_text(err)));
		sw_notify("STATUS=no edge: its configuration is broken, see the log");
		return err;
	}
	take_next(s);
	return spawn_edge(s);
}

/* --- reload --- */

/* s->next and s->next_conf as the files say now, and they are watched from then on. On errors both may be half there: drop_next. */
static int read_next(struct supervisor *s, struct sw_diag *diag)
{
	int err = sw_conf_load(&s->next_conf, s->opts->config, diag);

	sw_watch_set(s->watch, err == SW_OK ? s->next_conf : s->conf);
	return err == SW_OK ? sw_sockets_bind(&s->next, s->next_conf, &s->now) : err;
}

/* The edge keeps it for "sipward status", and passes it on to whoever asked for the reload. */
static void tell_refused(struct supervisor *s, const struct sw_diag *d, int err)
{
	char brief[1000], text[1040];

	sw_outcome_brief(d, err, brief, sizeof(brief));
	snprintf(text, sizeof(text), "%s %s", s->reload_by, brief);
	if (s->edge && sw_channel_send(s->edge, "reload-refused", text, NULL, 0) < 0)
		sw_log(SW_LOG_WARN, "edge.deaf");
}

static void reload(struct supervisor *s, const char *by);

static void on_queued(void *arg)
{
	struct supervisor *s = arg;
	const char *by = s->queued;

	s->queued = NULL;
	if (by)
		reload(s, by);
}

/* By somebody, who is told how it went; else it is tried again by itself. */
static bool asked(const char *by)
{
	return by == command || strcmp(by, "signal") == 0;
}

static void reload_end(struct supervisor *s, bool ok)
{
	if (!s->reloading)
		return;  /* nobody asked: the edge's word alone changes nothing here */
	if (ok)
		take_next(s);
	else
		drop_next(s);
	s->reloading = false;
	if (ok)
		sw_outcome_good(&s->outcome);
	if (ok || !asked(s->reload_by))
		sw_watch_result(s->watch, ok);
	sw_notify("READY=1");
	if (s->queued && sw_loop_defer(s->loop, on_queued, s) < 0)
		sw_log(SW_LOG_ERROR, "reload.lost", SW_S("detail", "out of memory"));
}

/* What only a restart can change is said, not silently left. */
static void restart_only(const struct sw_conf *a, const struct sw_conf *b)
{
	struct sw_media_setup x, y;

	memset(&x, 0, sizeof(x));
	memset(&y, 0, sizeof(y));
	sw_media_setup_from_conf(&x, a);
	sw_media_setup_from_conf(&y, b);
	if (memcmp(&x, &y, sizeof(x)))
		sw_log(SW_LOG_WARN, "reload.needs-restart", SW_S("detail", "media ports, workers or interfaces changed"));
	if (strcmp(a->user, b->user) || strcmp(a->state_dir, b->state_dir) || strcmp(a->control, b->control))
		sw_log(SW_LOG_WARN, "reload.needs-restart", SW_S("detail", "node.user, state_dir or control changed"));
}

/*
 * by: who wants it, see outcome.h. One that is asked for in the middle of another comes after it: files may have changed since that one
 * read them. What is watched from now on: what this configuration names, whatever becomes of it. Without an edge there is nothing to
 * reload, and it is started.
 */
static void reload(struct supervisor *s, const char *by)
{
	struct sw_diag diag;
	int err;

	if (s->reloading && s->queued != command)
		s->queued = by;
	if (!s->edge && !s->stopping)
		restart_now(&s->child[CHILD_EDGE]);
	if (s->reloading || s->stopping || !s->edge)
		return;
	sw_notify_reloading();
	sw_diag_init(&diag);
	s->reloading = true;
	s->reload_by = by;
	err = read_next(s, &diag);
	if (err == SW_OK) {
		sw_outcome_log(&diag);
		restart_only(s->conf, s->next_conf);
		sw_lend_files(s->edge, s->next_conf);
		err = sw_channel_send(s->edge, "reload", by, s->next.fd, s->next.n);
	}
	if (err < 0) {
		sw_outcome_refused(&s->outcome, by, &diag, err);
		tell_refused(s, &diag, err);
		reload_end(s, false);
	}
	sw_diag_free(&diag);
}

static bool on_files(void *arg, const char *path)
{
	struct supervisor *s = arg;

	if (s->reloading || s->stopping)
		return false;
	sw_log(SW_LOG_INFO, "watch.changed", SW_S("file", path));
	reload(s, "watch");
	return true;
}

/* --- the edge's words --- */

static void on_edge(void *arg, const char *word, const char *text, int *fds, size_t n_fds)
{
	struct supervisor *s = arg;
	char note[300];

	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	if (!word)
		return;  /* its exit tells */
	if (!strcmp(word, "ready")) {
		s->ready_once = true;
		sw_watch_result(s->watch, true);
		sw_notify("READY=1");
	} else if (!strcmp(word, "alive")) {
		if (sw_timer_start(&s->alive, ALIVE_MS) < 0)
			stop(s);
		snprintf(note, sizeof(note), "STATUS=%.200s", text);
		sw_notify(note);
	} else if (!strcmp(word, "reloaded")) {
		reload_end(s, true);
	} else if (!strcmp(word, "reload-failed")) {
		reload_end(s, false);
	} else if (!strcmp(word, "reload-please")) {
		reload(s, strcmp(text, command) == 0 ? command : "trust");
	} else if (!strcmp(word, "drain-please")) {
		stop(s);
	}
}

static void on_alive(void *arg)
{
	struct supervisor *s = arg;

	if (!s->child[CHILD_EDGE].process)
		return;
	sw_log(SW_LOG_ERROR, "edge.stuck", SW_U("silent_ms", ALIVE_MS));
	uv_process_kill(s->child[CHILD_EDGE].process, SIGKILL);
}

/* The service manager watches us, we watch the edge: one that hangs or restarts must not cost the media process its life. */
static void on_beat(void *arg)
{
	struct supervisor *s = arg;

	sw_notify("WATCHDOG=1");
	if (sw_timer_start(&s->beat, sw_notify_watchdog_ms() / 3 + 1) < 0)
		stop(s);
}

/* --- signals --- */

static void on_kill(void *arg)
{
	struct supervisor *s = arg;

	for (int i = 0; i < CHILDREN; i++)
		if (s->child[i].process)
			uv_process_kill(s->child[i].process, SIGKILL);
}

/* First: drain. Second: stop now. */
static void stop(struct supervisor *s)
{
	bool again = s->stopping;
	uint64_t grace = again ? STOP_GRACE_MS : s->conf->limits.drain + STOP_GRACE_MS;

	if (!again)
		sw_notify("STOPPING=1");
	s->stopping = true;
	for (int i = 0; i < CHILDREN; i++)
		sw_timer_stop(&s->child[i].restart);
	if (s->edge && sw_channel_send(s->edge, again ? "stop" : "drain", "", NULL, 0) < 0)
		grace = 0;
	if (!s->edge && s->child[CHILD_MEDIA].process)
		uv_process_kill(s->child[CHILD_MEDIA].process, SIGTERM);
	if (!any_running(s))
		sw_loop_stop(s->loop);
	else if (sw_timer_start(&s->kill, grace) < 0)
		on_kill(s);
}

static void on_signal(uv_signal_t *h, int sig)
{
	struct supervisor *s = h->data;

	sw_log(SW_LOG_INFO, "signal", SW_S("name", sigabbrev_np(sig)));
	if (sig == SIGHUP) {
		reload(s, "signal");
	} else if (sig == SIGUSR2) {
		if (s->edge && sw_channel_send(s->edge, "dump", "", NULL, 0) < 0)
			sw_log(SW_LOG_WARN, "edge.deaf");
	} else if (sig != SIGUSR1) {  /* USR1 asks to open log files again: there are none */
		if (sig == SIGQUIT)
			s->stopping = true;  /* at once */
		stop(s);
	}
}

static int watch_signals(struct supervisor *s)
{
	static const int which[SIGNALS] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	int err = 0;

	for (size_t i = 0; i < SIGNALS && err == 0; i++) {
		err = uv_signal_init(sw_loop_uv(s->loop), &s->signals[i]);
		s->signals[i].data = s;
		if (err == 0)
			err = uv_signal_start(&s->signals[i], on_signal, which[i]);
	}
	return err;
}

/* --- start and end --- */

static int write_pidfile(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return sw_error_from_errno(errno);
	fprintf(f, "%d\n", (int)getpid());
	return fclose(f) == 0 ? SW_OK : sw_error_from_errno(errno);
}

static int start(struct supervisor *s)
{
	const struct sw_supervisor_opts *o = s->opts;
	int err = sw_sandbox_places(s->conf);

	if (err < 0)
		return 73;
	if (o->pidfile && (err = write_pidfile(o->pidfile)) < 0) {
		sw_log(SW_LOG_ERROR, "pidfile.failed", SW_S("path", o->pidfile), SW_S("detail", sw_error_text(err)));
		return 73;
	}
	if (sw_sockets_bind(&s->now, s->conf, &(struct sw_sockets){ 0 }) < 0)
		return 71;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s->media_pair) < 0)
		return 71;
	sw_watch_set(s->watch, s->conf);
	if (watch_signals(s) < 0 || spawn_media(s) < 0 || spawn_edge(s) < 0)
		return 71;
	if (sw_notify_watchdog_ms())
		on_beat(s);
	return 0;
}

int sw_supervisor_main(const struct sw_supervisor_opts *o, struct sw_conf *conf)
{
	struct supervisor s = { .opts = o, .media_pair = { -1, -1 } };
	int status;

	if (sw_loop_new(&s.loop) < 0)
		return 71;
	if (sw_watch_new(&s.watch, s.loop, on_files, &s) < 0) {
		sw_loop_free(s.loop);
		return 71;
	}
	s.conf = sw_conf_ref(conf);
	for (int i = 0; i < CHILDREN; i++) {
		s.child[i] = (struct child){ .s = &s, .kind = (enum child_kind)i };
		sw_timer_init(&s.child[i].restart, s.loop, on_restart, &s.child[i]);
	}
	sw_timer_init(&s.alive, s.loop, on_alive, &s);
	sw_timer_init(&s.kill, s.loop, on_kill, &s);
	sw_timer_init(&s.beat, s.loop, on_beat, &s);
	status = start(&s);
	if (status == 0) {
		sw_loop_run(s.loop);
		status = s.exit_status;
	} else {
		s.exit_status = status;
		stop(&s);
		if (any_running(&s))
			sw_loop_run(s.loop);
	}
	for (int i = 0; i < CHILDREN; i++)
		sw_timer_stop(&s.child[i].restart);
	sw_timer_stop(&s.alive);
	sw_timer_stop(&s.kill);
	sw_timer_stop(&s.beat);
	sw_channel_free(s.edge);
	sw_watch_free(s.watch);
	sw_sockets_free(&s.next, &s.now);
	sw_sockets_free(&s.now, NULL);
	for (int i = 0; i < 2; i++)
		if (s.media_pair[i] >= 0)
			close(s.media_pair[i]);
	sw_loop_free(s.loop);
	sw_conf_unref(s.next_conf);
	sw_conf_unref(s.conf);
	if (o->pidfile)
		unlink(o->pidfile);
	sw_log(SW_LOG_INFO, "stopped", SW_I("status", status));
	return status;
}
