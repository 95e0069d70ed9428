/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The other end of a check: "sipward reflect" on a host outside answers for the inbound half. It calls back, mirrors SIP and
 * returns UDP, for who knows its secret, and only towards the address that proved it. Lines of text over TCP:
 *
 *   server  sipward-reflect 1 NONCE
 *   client  auth HMAC-SHA256(secret, "sipward-reflect 1 " NONCE)          in hex
 *   server  ok TOKEN ADDRESS:PORT SIP-PORT UDP-PORT,UDP-PORT,...          ADDRESS: how the client is seen
 *   client  connect PORT                  ->  open MS | refused | timeout | unreachable
 *   client  udp PORT                      ->  sent                        three packets "SWR1 TOKEN PORT" to the client's PORT
 *   client  mirror N, then N bytes        ->  N, then the same bytes
 *   client  bye
 *
 * UDP packets "SWR1 TOKEN ..." to one of its UDP ports come back as they were; a SIP message with the line "X-Reflect: TOKEN"
 * to its SIP port, over TCP or UDP, is answered with 200 and itself as the body, in base64url. What carries no token of a live
 * session, or comes from another address than that session's, gets nothing at all: it reflects for nobody else.
 */
#include "core/addr.h"
#include "core/error.h"

enum {
	SW_REFLECT_PORT = 5068,
	SW_REFLECT_SIP_PORT = 5060,
	SW_REFLECT_UDP_MAX = 16,
	SW_REFLECT_TOKEN = 32, /* hex digits */
	SW_REFLECT_LINE_MAX = 256,
	SW_REFLECT_BYTES_MAX = 8192, /* of one mirrored message */
	SW_REFLECT_PACKET_MAX = 1500,
};

struct sw_reflect_opts {
	struct sw_addr control; /* bound; port 0: any, for tests */
	struct sw_addr sip;     /* TCP and UDP */
	uint16_t udp_ports[SW_REFLECT_UDP_MAX];
	size_t n_udp_ports;
	const char *secret;
	int stop_fd;                              /* readable: end */
	void (*log)(void *arg, const char *line); /* one line, without its end; from several threads, one at a time */
	void *log_arg;
	void (*ready)(void *arg, const struct sw_addr *control); /* all is bound */
};
/* Runs until stop_fd is readable. SW_OK, or what could not be bound: why says it. */
int sw_reflect_run(const struct sw_reflect_opts *o, char why[200]) SW_MUSTCHECK;

/* The proof of the secret, in hex. */
int sw_reflect_proof(char out[65], const char *secret, const char *nonce) SW_MUSTCHECK;
/* The token of a mirrored message or packet: the hex digits after the mark; NULL: none. */
const char *sw_reflect_token(const char *p, size_t n, const char *mark);
