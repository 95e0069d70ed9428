/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A request as it leaves us (RFC 3261 16.6): Via, Record-Route with the cookie, hop count, Routes, the rewritten body. */
#include "edge/request.h"

/* What decides how we treat a request (RFC 5393 4.2), hashed under this run's key; it goes into our branch. */
uint64_t sw_forward_loop_hash(const struct sw_msg *msg);
/* Did this very request pass us before, unchanged? */
bool sw_forward_looped(const struct sw_request *r);
/* Writes r for its target, with a new branch (r->branch). SW_EINVALID, SW_ELIMIT: it can't be forwarded. */
int sw_forward_write(struct sw_request *r, struct sw_buf *out) SW_MUSTCHECK;
/* The Request-URI as it is meant: behind a strict router it is the last Route (RFC 3261 16.4). */
bool sw_forward_ruri(const struct sw_request *r, struct sw_hop *out);
/* The first Route that is not ours; false: none. */
bool sw_forward_route(const struct sw_request *r, struct sw_hop *first);
/* A 2xx to r, an INVITE, goes to nobody: the callee gets the ACK, and for a new call the BYE, in the caller's place. */
void sw_forward_release(struct sw_request *r, const struct sw_msg *response);
