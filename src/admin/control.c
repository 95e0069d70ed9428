/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CLIENT_MS = 10000, BACKLOG = 16, REPLY_MAX = 16 << 20 };

struct sw_control {
	struct sw_loop *loop;
	struct sw_io *io;
	char *path;                  /* owned */
	sw_control_fn *fn;
	void *arg;
	struct sw_idtab clients;
};

struct client {
	struct sw_control *control;
	sw_id id;
	struct sw_io *io;
	struct sw_timer deadline;
	char line[SW_CONTROL_LINE_MAX + 1];
	size_t line_len;
	bool asked;
	struct sw_buf reply;
	size_t sent;
};

static int unix_addr(struct sockaddr_un *to, socklen_t *len, const char *path)
{
	size_t n = strlen(path);

	*to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (n == 0 || n >= sizeof(to->sun_path))
		return SW_EINVALID;
	memcpy(to->sun_path, path, n);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	return SW_OK;
}

/* --- one client --- */

static void client_free(struct client *c)
{
	sw_idtab_del(&c->control->clients, c->id);
	sw_timer_stop(&c->deadline);
	sw_io_free(c->io);
	sw_buf_free(&c->reply);
	sw_loop_free_later(c->control->loop, c);
}

static void on_deadline(void *arg)
{
	client_free(arg);
}

static void flush(struct client *c)
{
	while (c->sent < c->reply.len) {
		ssize_t n = send(sw_io_fd(c->io), c->reply.data + c->sent, c->reply.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			c->sent += (size_t)n;
		} else if (errno == EAGAIN && sw_io_want(c->io, SW_IO_WRITE) == SW_OK) {
			return;
		} else if (errno != EINTR) {
			break;
		}
	}
	client_free(c);
}

static void ask(struct client *c)
{
	const char *words[SW_CONTROL_WORDS_MAX];
	char *save = NULL;
	size_t n = 0;

	c->asked = true;
	for (char *w = strtok_r(c->line, " ", &save); w && n < SW_CONTROL_WORDS_MAX; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	if (sw_io_want(c->io, 0) < 0)
		client_free(c);
	else
		c->control->fn(c->control->arg, c->id, words, n);
}

static void on_client(void *arg, int events)
{
	struct client *c = arg;
	char *end;
	ssize_t n;

	(void)events;
	if (c->asked) {
		flush(c);
		return;
	}
	n = recv(sw_io_fd(c->io), c->line + c->line_len, SW_CONTROL_LINE_MAX - c->line_len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		c->line_len += (size_t)n;
	c->line[c->line_len] = '\0';
	end = memchr(c->line, '\n', c->line_len);
	if (end) {
		*end = '\0';
		ask(c);
	} else if (n <= 0 || c->line_len == SW_CONTROL_LINE_MAX) {
		client_free(c);
	}
}

static void client_new(struct sw_control *k, int fd)
{
	struct client *c = calloc(1, sizeof(*c));
	int err = c ? sw_idtab_add(&k->clients, c, &c->id) : SW_ENOMEM;

	if (err < 0) {
		free(c);
		close(fd);
		return;
	}
	c->control = k;
	sw_buf_init(&c->reply, REPLY_MAX);
	sw_timer_init(&c->deadline, k->loop, on_deadline, c);
	err = sw_io_new(&c->io, k->loop, fd, on_client, c);
	if (err < 0)
		close(fd);
	if (err < 0 || sw_io_want(c->io, SW_IO_READ) < 0 || sw_timer_start(&c->deadline, CLIENT_MS) < 0)
		client_free(c);
}

void sw_control_reply(struct sw_control *k, sw_id request, int status, struct sw_str text)
{
	struct client *c = sw_idtab_get(&k->clients, request);

	if (!c || c->reply.len)
		return;
	sw_buf_printf(&c->reply, "%d\n", status);
	sw_buf_slice(&c->reply, text);
	if (sw_buf_error(&c->reply) < 0 || sw_timer_start(&c->deadline, CLIENT_MS) < 0 || sw_io_want(c->io, SW_IO_WRITE) < 0)
		client_free(c);  /* the next turn of the loop sends it: never from within the caller's call */
}

/* --- the socket --- */

static void on_accept(void *arg, int events)
{
	struct sw_control *k = arg;
	int fd;

	(void)events;
	while ((fd = accept4(sw_io_fd(k->io), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		client_new(k, fd);
}

/* Does anybody listen there? Only a refusal says no: a full queue is a daemon's as well. */
static bool in_use(const struct sockaddr_un *to, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool no = fd >= 0 && connect(fd, (const struct sockaddr *)to, len) < 0 && (errno == ECONNREFUSED || errno == ENOENT);

	if (fd >= 0)
		close(fd);
	return !no;
}

/* What lies there is removed only when it is a socket without a listener: not another daemon's, and not a file named by mistake. */
static int make_room(const char *path, const struct sockaddr_un *to, socklen_t len)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? SW_OK : sw_error_from_errno(errno);
	if (!S_ISSOCK(st.st_mode) || in_use(to, len))
		return SW_EEXISTS;
	return unlink(path) < 0 && errno != ENOENT ? sw_error_from_errno(errno) : SW_OK;
}

static int bind_socket(int *out, const char *path)
{
	struct sockaddr_un to;
	socklen_t len;
	mode_t was;
	int fd, bound, err = unix_addr(&to, &len, path);

	if (err == SW_OK)
		err = make_room(path, &to, len);
	if (err < 0)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return sw_error_from_errno(errno);
	was = umask(0117);  /* 0660 from the first moment on */
	bound = bind(fd, (struct sockaddr *)&to, len);
	umask(was);
	if (bound < 0 || listen(fd, BACKLOG) < 0)
		goto fail;
	*out = fd;
	return SW_OK;
fail:
	err = sw_error_from_errno(errno);
	close(fd);
	return err;
}

int sw_control_new(struct sw_control **out, struct sw_loop *l, const char *path, sw_control_fn *fn, void *arg)
{
	struct sw_control *k = calloc(1, sizeof(*k));
	int fd = -1, err;

	if (!k)
		return SW_ENOMEM;
	*k = (struct sw_control){ .loop = l, .fn = fn, .arg = arg, .path = strdup(path) };
	err = k->path ? sw_idtab_init(&k->clients, SW_CONTROL_CLIENTS_MAX) : SW_ENOMEM;
	if (err == SW_OK)
		err = bind_socket(&fd, path);
	if (err < 0)
		goto fail;
	err = sw_io_new(&k->io, l, fd, on_accept, k);
	if (err < 0) {
		close(fd);
		goto fail;
	}
	err = sw_io_want(k->io, SW_IO_READ);
	if (err < 0) {
		sw_control_free(k);
		return err;
	}
	*out = k;
	return SW_OK;
fail:
	free(k->path);
	free(k);
	return err;
}

void sw_control_free(struct sw_control *k)
{
	struct client *c;
	size_t pos = 0;

	if (!k)
		return;
	while ((c = sw_idtab_next(&k->clients, &pos)))
		client_free(c);
	sw_idtab_free(&k->clients);
	sw_io_free(k->io);
	unlink(k->path);
	free(k->path);
	sw_loop_free_later(k->loop, k);
}

/* --- the operator's side --- */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = until - now_ms();
	int n = left > 0 ? poll(&p, 1, (int)left) : 0;

	return n > 0 ? SW_OK : n == 0 ? SW_ETIMEOUT : sw_error_from_errno(errno);
}

static int exchange(int fd, const char *line, int64_t until, struct sw_buf *all)
{
	size_t len = strlen(line), sent = 0;
	ssize_t n;
	int err;

	while (sent < len) {
		err = wait_for(fd, POLLOUT, until);
		if (err < 0)
			return err;
		n = send(fd, line + sent, len - sent, MSG_NOSIGNAL);
		if (n < 0)
			return sw_error_from_errno(errno);
		sent += (size_t)n;
	}
	for (;;) {
		char *at = sw_buf_reserve(all, 4096);

		err = at ? wait_for(fd, POLLIN, until) : SW_ELIMIT;
		if (err < 0)
			return err;
		n = recv(fd, at, 4096, 0);
		if (n <= 0)
			return n == 0 ? SW_OK : sw_error_from_errno(errno);
		sw_buf_commit(all, (size_t)n);
	}
}

int sw_control_ask(const char *path, const char *line, unsigned timeout_ms, int *status, struct sw_buf *out)
{
	int64_t until = now_ms() + timeout_ms;
	struct sockaddr_un to;
	struct sw_buf all;
	const char *end;
	uint32_t code;
	socklen_t len;
	int fd, err = unix_addr(&to, &len, path);

	if (err < 0)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return sw_error_from_errno(errno);
	sw_buf_init(&all, REPLY_MAX);
	err = connect(fd, (struct sockaddr *)&to, len) < 0 ? (errno == ENOENT || errno == ECONNREFUSED ? SW_ECLOSED : sw_error_from_errno(errno)) : SW_OK;
	if (err == SW_OK)
		err = exchange(fd, line, until, &all);
	close(fd);
	if (err < 0)
		goto out;
	end = all.len ? memchr(all.data, '\n', all.len) : NULL;
	if (!end || sw_str_u32((struct sw_str){ all.data, (size_t)(end - all.data) }, 255, &code) < 0) {
		err = SW_EPARSE;
		goto out;
	}
	sw_buf_put(out, end + 1, all.len - (size_t)(end - all.data) - 1);
	err = sw_buf_error(out);
	if (err == SW_OK)
		*status = (int)code;
out:
	sw_buf_free(&all);
	return err;
}
