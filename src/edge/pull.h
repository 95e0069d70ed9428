/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Keeps the trust lists that are fetched fresh (zones.trust = "https://..."). The CAs of trust_bootstrap vouch for the server a list
 * comes from, by the fetch itself, and for no peer: they are in no trust list. A list is taken, put on disk (tls/pulled.h) and a reload
 * asked for when it is good and has changed; else the last good one stays. Nothing waits for the network, at start neither.
 */
#include "edge/edge.h"

struct sw_pulls;

int sw_pulls_new(struct sw_pulls **out, struct sw_edge *e) SW_MUSTCHECK;
/* What the current generation's configuration wants fetched. A list that stays goes on as it was. */
void sw_pulls_set(struct sw_pulls *p);
void sw_pulls_tick(struct sw_pulls *p, int64_t now);   /* once a second; now: seconds since 1970 */
void sw_pulls_free(struct sw_pulls *p);
/* ,"trust":[...] of the status. */
void sw_pulls_json(const struct sw_pulls *p, struct sw_buf *out);
void sw_pulls_text(const struct sw_pulls *p, int64_t now, struct sw_buf *out);
