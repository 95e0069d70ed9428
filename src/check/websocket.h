/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The opening handshake of RFC 6455, as far as pre-flight asks. Pure. */
#include "core/buf.h"

enum { SW_WEBSOCKET_KEY_LEN = 24 };

void sw_websocket_key(char out[SW_WEBSOCKET_KEY_LEN + 1]);
void sw_websocket_request(struct sw_buf *out, const char *host, uint16_t port, const char *path, const char *key);
struct sw_websocket_reply {
	unsigned status; /* HTTP */
	bool accepted;   /* 101, and the accept value is the one for our key */
	char location[200];
};
/* The reply's head, up to and with its empty line. SW_EPARSE: no HTTP; SW_EAGAIN: more is to come. */
int sw_websocket_read(struct sw_websocket_reply *out, struct sw_str head, const char *key) SW_MUSTCHECK;
