/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* "sipward why": the list of refusals, and the explanation of one. */
#include "edge/edge.h"

/* Newest first. */
void sw_why_list(const struct sw_edge *e, bool json, struct sw_buf *out);
/* Answers the control request, now or when the explanation is made: chains are judged off the loop. */
void sw_why_explain(struct sw_edge *e, sw_id request, const char *id, bool json);
