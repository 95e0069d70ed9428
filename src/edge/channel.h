/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The channel between supervisor and edge: SOCK_SEQPACKET, a word and its text per message; "reload" carries the listening sockets.
 *
 *   to the edge:        lend PATH (with a descriptor), reload BY (with descriptors),
 *                       reload-refused BY TEXT, drain, stop, dump
 *   to the supervisor:  ready, alive TEXT, reloaded, reload-failed TEXT, reload-please BY, drain-please
 */
#include "core/str.h"
#include "core/loop.h"

struct sw_channel;

enum { SW_CHANNEL_MAX = 4096, SW_CHANNEL_FDS_MAX = 128 };

/* word and text are borrowed; fds are the receiver's to keep or close. word NULL: the other end is gone. */
typedef void sw_channel_fn(void *arg, const char *word, const char *text, int *fds, size_t n_fds);

int sw_channel_new(struct sw_channel **out, struct sw_loop *l, int fd, sw_channel_fn *fn, void *arg) SW_MUSTCHECK;  /* fd is taken over */
void sw_channel_free(struct sw_channel *c);
int sw_channel_send(struct sw_channel *c, const char *word, const char *text, const int *fds, size_t n_fds) SW_MUSTCHECK;
