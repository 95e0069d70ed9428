/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/lent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static __thread const struct sw_lent *in_use;

int sw_lent_add(struct sw_lent *l, const char *path, int fd)
{
	char *copy;

	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i].path, path)) {
			close(l->v[i].fd);
			l->v[i].fd = fd;
			return SW_OK;
		}
	copy = l->n < SW_LENT_MAX ? strdup(path) : NULL;
	if (!copy) {
		close(fd);
		return l->n < SW_LENT_MAX ? SW_ENOMEM : SW_ELIMIT;
	}
	l->v[l->n++] = (struct sw_lent_file){ copy, fd };
	return SW_OK;
}

void sw_lent_clear(struct sw_lent *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].path);
		close(l->v[i].fd);
	}
	l->n = 0;
}

void sw_lent_use(const struct sw_lent *l)
{
	in_use = l;
}

/* A lent descriptor may be asked for more than once: its place in the file is shared by all its copies. */
static int copy_of(int lent)
{
	int fd = fcntl(lent, F_DUPFD_CLOEXEC, 3);

	if (fd >= 0 && lseek(fd, 0, SEEK_SET) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int sw_lent_open(const char *path)
{
	for (size_t i = 0; in_use && i < in_use->n; i++)
		if (!strcmp(in_use->v[i].path, path))
			return copy_of(in_use->v[i].fd);
	/* O_NONBLOCK: a FIFO must not hold us; the caller takes regular files only. */
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}
