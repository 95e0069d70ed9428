/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

enum {
	QUIET_MS = 2000,
	LATEST_MS = 30000,
	RETRY_FIRST_MS = 5000,
	RETRY_MAX_MS = 300000,
	LINKS_MAX = 40,              /* on the way to one file, as the kernel's own limit */
	NAMES_MAX = 20000,
	DIRECTORY_FILES_MAX = 4096,
	EVENTS_PER_TURN = 16,        /* reads of 16 KiB */
};

#define DIR_MASK (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* A name in a directory that is watched. */
struct name {
	int wd;
	char *name;                  /* owned; NULL: every name but hidden ones */
	bool pattern;
};

struct set {
	struct sw_io *io;            /* NULL: nothing is watched */
	struct name *names;
	size_t n, size;
	bool warned;                 /* of limits */
};

struct sw_watch {
	struct sw_loop *loop;
	sw_watch_fn *fn;
	void *arg;
	struct set set;
	struct sw_timer quiet, retry;
	uint64_t first;              /* when what is not yet told began; 0: all is told */
	uint64_t backoff;
	char changed[NAME_MAX + 1];
};

/* --- changes --- */

static void tell(struct sw_watch *w)
{
	if (w->fn(w->arg, w->changed)) {
		w->first = 0;
		sw_timer_stop(&w->retry);
		return;
	}
	if (sw_timer_start(&w->quiet, QUIET_MS) < 0)
		sw_log(SW_LOG_ERROR, "watch.lost", SW_S("detail", "out of memory: reload by hand"));
}

static void on_quiet(void *arg)
{
	tell(arg);
}

static void on_retry(void *arg)
{
	struct sw_watch *w = arg;

	if (!w->first)
		tell(w);
}

static void changed(struct sw_watch *w, const char *name)
{
	uint64_t now = sw_loop_now(w->loop), left;

	if (!w->first) {
		w->first = now;
		w->backoff = 0;
	}
	snprintf(w->changed, sizeof(w->changed), "%s", name);
	left = w->first + LATEST_MS > now ? w->first + LATEST_MS - now : 0;
	if (sw_timer_start(&w->quiet, left < QUIET_MS ? left : QUIET_MS) < 0)
		sw_log(SW_LOG_ERROR, "watch.lost", SW_S("detail", "out of memory: reload by hand"));
}

static bool matters(const struct set *s, const struct inotify_event *ev)
{
	if (ev->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT))
		return true;
	for (size_t i = 0; ev->len && i < s->n; i++) {
		const struct name *n = &s->names[i];

		if (n->wd != ev->wd)
			continue;
		/* "..data" is how Kubernetes swaps a directory's files; other hidden files are editors'. */
		if (!n->name ? ev->name[0] != '.' || ev->name[1] == '.'
			     : n->pattern ? fnmatch(n->name, ev->name, FNM_PERIOD) == 0
					  : strcmp(n->name, ev->name) == 0)
			return true;
	}
	return false;
}

static void drain(struct sw_watch *w, const struct set *s)
{
	char bytes[16384] __attribute__((aligned(__alignof__(struct inotify_event))));

	for (int turn = 0; turn < EVENTS_PER_TURN; turn++) {
		ssize_t n = read(sw_io_fd(s->io), bytes, sizeof(bytes));

		if (n <= 0)
			return;
		for (char *p = bytes; p < bytes + n;) {
			const struct inotify_event *ev = (const struct inotify_event *)p;

			if (matters(s, ev))
				changed(w, ev->len ? ev->name : "a directory");
			p += sizeof(*ev) + ev->len;
		}
	}
}

static void on_events(void *arg, int events)
{
	struct sw_watch *w = arg;

	(void)events;
	drain(w, &w->set);
}

/* --- what is watched --- */

static void limit_reached(struct set *s, const char *path, int err)
{
	if (s->warned)
		return;
	s->warned = true;
	sw_log(SW_LOG_WARN, "watch.incomplete", SW_S("path", path), SW_S("detail", err ? strerror(err) : "too many files"),
	       SW_S("what", "its changes are not seen: after them reload by hand, or raise fs.inotify.max_user_watches and _instances"));
}

static bool make_room(struct set *s)
{
	size_t size = s->size ? s->size * 2 : 64;
	struct name *grown;

	if (s->n < s->size)
		return true;
	grown = s->n < NAMES_MAX ? realloc(s->names, size * sizeof(*grown)) : NULL;
	if (!grown)
		return false;
	s->names = grown;
	s->size = size;
	return true;
}

/* name NULL: any. */
static void add_name(struct set *s, const char *dir, const char *name, bool pattern)
{
	int wd = inotify_add_watch(sw_io_fd(s->io), dir, DIR_MASK);

	if (wd < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			limit_reached(s, dir, errno);
		return;
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->names[i].wd == wd && !s->names[i].name == !name && (!name || !strcmp(s->names[i].name, name)))
			return;
	if (!make_room(s)) {
		limit_reached(s, dir, 0);
		return;
	}
	s->names[s->n] = (struct name){ .wd = wd, .name = name ? strdup(name) : NULL, .pattern = pattern };
	if (!name || s->names[s->n].name)
		s->n++;
}

/* dst = base/rest, or rest when that is absolute. False: too long. */
static bool join(char dst[PATH_MAX], const char *base, const char *rest)
{
	int n = *rest == '/' ? snprintf(dst, PATH_MAX, "%s", rest) : snprintf(dst, PATH_MAX, "%s/%s", strcmp(base, "/") ? base : "", rest);

	return n > 0 && n < PATH_MAX;
}

/*
 * Walks path as the kernel would. Watched is each symbolic link on the way in its directory, and the last component in its own; where
 * the way ends early, the name that is missing. Out: where it ends, "" for nowhere.
 */
static void trace(struct set *s, const char *path, bool pattern, char end[PATH_MAX])
{
	char at[PATH_MAX] = "/", todo[PATH_MAX], next[PATH_MAX], link[PATH_MAX];
	int links = 0;

	end[0] = '\0';
	if (snprintf(todo, sizeof(todo), "%s", path) >= (int)sizeof(todo))
		return;
	while (*todo) {
		char *name = todo + strspn(todo, "/"), *rest = name + strcspn(name, "/");
		bool last;
		struct stat st;
		ssize_t n;

		if (*rest) {
			*rest++ = '\0';
			rest += strspn(rest, "/");
		}
		last = !*rest;
		if (!*name)
			break;
		if (!join(next, at, name))
			return;
		if (lstat(next, &st) < 0) {
			add_name(s, at, name, pattern && last);
			return;
		}
		if (S_ISLNK(st.st_mode)) {
			add_name(s, at, name, false);
			n = readlink(next, link, sizeof(link) - 1);
			if (n <= 0 || ++links > LINKS_MAX)
				return;
			link[n] = '\0';
			if (*link == '/')
				strcpy(at, "/");
			/* what the link says, then what was left */
			if (!join(next, link, rest) || strlen(next) >= sizeof(todo))
				return;
			strcpy(todo, *rest ? next : link);
			continue;
		}
		if (last)
			add_name(s, at, name, false);
		strcpy(at, next);
		memmove(todo, rest, strlen(rest) + 1);
	}
	strcpy(end, at);
}

static void add_path(void *arg, const char *path, bool pattern)
{
	struct set *s = arg;
	char end[PATH_MAX], file[PATH_MAX], ignored[PATH_MAX];
	struct dirent *d;
	struct stat st;
	int left = DIRECTORY_FILES_MAX;
	DIR *dir;

	trace(s, path, pattern, end);
	if (!*end || stat(end, &st) < 0 || !S_ISDIR(st.st_mode))
		return;
	/* A directory of files: any that come and go, and where those that are links lead. */
	add_name(s, end, NULL, false);
	dir = opendir(end);
	while (dir && left-- > 0 && (d = readdir(dir)))
		if (d->d_type == DT_LNK && d->d_name[0] != '.' && join(file, end, d->d_name))
			trace(s, file, false, ignored);
	if (dir)
		closedir(dir);
}

static void set_clear(struct set *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->names[i].name);
	free(s->names);
	sw_io_free(s->io);
	*s = (struct set){ 0 };
}

static int begin(struct sw_watch *w, struct set *s)
{
	int err, fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return -errno;
	err = sw_io_new(&s->io, w->loop, fd, on_events, w);
	if (err < 0) {
		close(fd);
		return err;
	}
	return sw_io_want(s->io, SW_IO_READ);
}

/* The new set is complete before the old one is read for the last time, so that nothing falls between them. */
void sw_watch_set(struct sw_watch *w, const struct sw_conf *conf)
{
	struct set next = { 0 };
	int err = conf->watch ? begin(w, &next) : SW_OK;

	if (err < 0) {
		limit_reached(&next, conf->path, err > SW_EPARSE ? -err : ENOMEM);
		set_clear(&next);
	}
	if (next.io)
		sw_conf_each_path(conf, add_path, &next);
	if (w->set.io)
		drain(w, &w->set);
	set_clear(&w->set);
	w->set = next;
	if (!conf->watch) {
		sw_timer_stop(&w->quiet);
		sw_timer_stop(&w->retry);
		w->first = 0;
	}
	sw_log(SW_LOG_DEBUG, "watch.set", SW_U("names", next.n));
}

void sw_watch_result(struct sw_watch *w, bool good)
{
	sw_timer_stop(&w->retry);
	if (good) {
		w->backoff = 0;
		return;
	}
	w->backoff = w->backoff ? w->backoff * 2 : RETRY_FIRST_MS;
	if (w->backoff > RETRY_MAX_MS)
		w->backoff = RETRY_MAX_MS;
	if (sw_timer_start(&w->retry, w->backoff) < 0)
		sw_log(SW_LOG_ERROR, "watch.lost", SW_S("detail", "out of memory: reload by hand"));
}

int sw_watch_new(struct sw_watch **out, struct sw_loop *l, sw_watch_fn *fn, void *arg)
{
	struct sw_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return SW_ENOMEM;
	w->loop = l;
	w->fn = fn;
	w->arg = arg;
	sw_timer_init(&w->quiet, l, on_quiet, w);
	sw_timer_init(&w->retry, l, on_retry, w);
	*out = w;
	return SW_OK;
}

void sw_watch_free(struct sw_watch *w)
{
	if (!w)
		return;
	sw_timer_stop(&w->quiet);
	sw_timer_stop(&w->retry);
	set_clear(&w->set);
	sw_loop_free_later(w->loop, w);
}
