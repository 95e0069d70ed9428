/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Listening sockets: bound by the supervisor, so that they outlive the edge; accepted from here. */
#include "edge/edge.h"

/* A bound, listening, non-blocking socket. Negative errno as the code. */
int sw_listen_bind(int *out, const struct sw_addr *a) SW_MUSTCHECK;

/* Accepts from fd (taken over) for the listener of that name, whatever generation is current. */
int sw_listen_new(struct sw_listen **out, struct sw_edge *e, int fd, const char *listener, const struct sw_addr *addr) SW_MUSTCHECK;
/* No connection is taken any more, by whatever process holds the socket. */
void sw_listen_shut(struct sw_listen *l);
void sw_listen_free(struct sw_listen *l);
/* A handshake has ended, or limits.handshakes has changed: those who wait for room are accepted. */
void sw_listen_resume(struct sw_edge *e);
/* Those of a configuration in place of the edge's; fds in its order, listener by listener, address by address; taken over. */
int sw_listen_all(struct sw_edge *e, const struct sw_conf *conf, const int *fds, size_t n_fds) SW_MUSTCHECK;
const struct sw_addr *sw_listen_addr(const struct sw_listen *l);
