/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The proofs of domain ownership as the running edge holds them: a copy of the store's, re-checked in the background
 * (standards 3.5). The store itself is read and written in the pool.
 */
#include "edge/edge.h"

int sw_proofs_new(struct sw_proofs **out, struct sw_edge *e, struct sw_store *store) SW_MUSTCHECK;  /* takes the store over; reads it (blocking: at start) */
void sw_proofs_free(struct sw_proofs *p);
/* Is this domain (normalised) proved now? */
bool sw_proofs_hold(const struct sw_proofs *p, const char *domain);
/* Reads the store again: the operator's command changed it. */
void sw_proofs_reload(struct sw_proofs *p);
/* Once a second or less: starts what re-check is due. */
void sw_proofs_tick(struct sw_proofs *p, int64_t now);
/* All of them, sorted by domain; borrowed. */
const struct sw_proof *sw_proofs_list(const struct sw_proofs *p, size_t *n);
