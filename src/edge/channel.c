/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct sw_channel {
	struct sw_loop *loop;
	struct sw_io *io;
	sw_channel_fn *fn;
	void *arg;
	bool freed;
};

static void on_readable(void *arg, int events)
{
	struct sw_channel *c = arg;
	char text[SW_CHANNEL_MAX + 1], *space;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * SW_CHANNEL_FDS_MAX)];
	} control;
	struct iovec iov = { text, SW_CHANNEL_MAX };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
	int fds[SW_CHANNEL_FDS_MAX];
	size_t n_fds = 0;
	ssize_t n;

	(void)events;
	n = recvmsg(sw_io_fd(c->io), &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (sw_io_want(c->io, 0) == SW_OK)
			c->fn(c->arg, NULL, "", NULL, 0);
		return;
	}
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS) {
			n_fds = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(fds, CMSG_DATA(h), n_fds * sizeof(int));
		}
	text[n] = '\0';
	space = strchr(text, ' ');
	if (space)
		*space++ = '\0';
	c->fn(c->arg, text, space ? space : "", fds, n_fds);
}

int sw_channel_new(struct sw_channel **out, struct sw_loop *l, int fd, sw_channel_fn *fn, void *arg)
{
	struct sw_channel *c = calloc(1, sizeof(*c));
	int err = SW_ENOMEM;

	if (c) {
		*c = (struct sw_channel){ .loop = l, .fn = fn, .arg = arg };
		err = sw_io_new(&c->io, l, fd, on_readable, c);
	}
	if (err < 0) {
		free(c);
		close(fd);
		return err;
	}
	err = sw_io_want(c->io, SW_IO_READ);
	if (err < 0) {
		sw_channel_free(c);
		return err;
	}
	*out = c;
	return SW_OK;
}

void sw_channel_free(struct sw_channel *c)
{
	if (!c)
		return;
	sw_io_free(c->io);
	sw_loop_free_later(c->loop, c);
}

int sw_channel_send(struct sw_channel *c, const char *word, const char *text, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * SW_CHANNEL_FDS_MAX)];
	} control = { 0 };
	struct iovec iov[3] = { { (void *)(uintptr_t)word, strlen(word) }, { (void *)(uintptr_t)" ", 1 }, { (void *)(uintptr_t)text, strlen(text) } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 3 };

	if (n_fds > SW_CHANNEL_FDS_MAX || iov[0].iov_len + 1 + iov[2].iov_len > SW_CHANNEL_MAX)
		return SW_ELIMIT;
	if (n_fds) {
		struct cmsghdr *h;

		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(h), fds, sizeof(int) * n_fds);
	}
	return sendmsg(sw_io_fd(c->io), &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? sw_error_from_errno(errno) : SW_OK;
}
