/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Responses: from the client transaction back to the server transaction, with the answer's SDP. */
#include "edge/request.h"

/* The client transaction's events of a request; arg is its id. */
void sw_response_event(void *arg, sw_id client, enum sw_txn_event ev, const struct sw_msg *msg);
