/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * OPTIONS pings to the targets of neighbors with probe_interval: two failures in a row set a target aside, an answer takes it
 * back (standards 4.4). Any answer counts: what answers is alive.
 */
#include "edge/edge.h"

/* Once a second: starts what is due. now: milliseconds. */
void sw_probe_tick(struct sw_edge *e, uint64_t now);
/* The configuration changed, or the end: forgets all. */
void sw_probe_reset(struct sw_edge *e);
/* "up", "down", "unknown", or NULL when the zone is not probed. */
const char *sw_probe_state(const struct sw_edge *e, const char *zone);
