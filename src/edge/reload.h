/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The edge's half of a reload: a new generation is prepared in the pool, put in place when all of it is good, and what is open is judged
 * again under it, a few at a time. The supervisor's half (reading the configuration, binding, watching files) is in supervisor.c.
 */
#include "edge/edge.h"

/*
 * by: who asked (outcome.h). Takes the descriptors over: the listening sockets in the new configuration's order. The supervisor hears how
 * it went.
 */
void sw_reload(struct sw_edge *e, const char *by, const int *fds, size_t n_fds);
/* The supervisor refused one already. text: who asked for it, a space, and why. */
void sw_reload_refused(struct sw_edge *e, const char *text);
/* For "sipward status": how the last one, or the start, came out. why NULL: well. */
void sw_reload_note(struct sw_edge *e, const char *by, const char *why);
/* A file for the next sw_reload, opened by the supervisor (tls/lent.h). Takes fds over. */
void sw_reload_lend(struct sw_edge *e, const char *path, const int *fds, size_t n_fds);
void sw_reload_forget_lent(struct sw_edge *e);
/* The outcome of the reload by "command" goes to whoever asked: his exit status is the reload's. Nobody waiting is the normal case. */
void sw_reload_tell_asker(struct sw_edge *e, const char *by, int status, const char *text);
/* Judges open connections again; all: also those admitted under this generation, for time has passed. */
void sw_reload_rejudge(struct sw_edge *e, bool all);
/* The tables that have an entry per zone, for g. */
int sw_reload_zone_tables(struct sw_edge *e, const struct sw_generation *g) SW_MUSTCHECK;
