/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The certificates of the peers that were let in or proved, for "sipward cert forecast": which of them stop when. A table of the
 * last SW_SEEN_MAX, in memory; strangers who are refused leave nothing here.
 */
#include "edge/edge.h"
#include "tls/tls.h"

enum { SW_SEEN_MAX = 1000 };

struct sw_seen;
void sw_seen_note(struct sw_edge *e, const char *zone, bool outgoing,
		  const struct sw_tls_peer *peer); /* out of memory: it isn't noted */
void sw_seen_json(const struct sw_edge *e, struct sw_buf *out);
void sw_seen_free(struct sw_seen *all); /* the whole table; NULL is fine */
