/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One conversation with a peer over UDP, TCP or TLS, for threads of the operator's command. Blocks, within bounds: never on
 * a loop. What a server's certificate is worth is told, not enforced: who asks decides.
 */
#include "core/addr.h"
#include "core/error.h"

enum sw_talk_kind { SW_TALK_UDP, SW_TALK_TCP, SW_TALK_TLS };

struct sw_talk_opts {
	enum sw_talk_kind kind;
	struct sw_addr addr;
	const char *server_name; /* TLS: a name is sent as SNI; it or an address is looked for in the certificate; NULL: neither */
	uint64_t ms;             /* to be connected, handshake included */
	int stop_fd;             /* readable: give up; -1: none */
	bool df;                 /* UDP: packets are not cut on the way, nor by us (path MTU probes) */
};

struct sw_talk;

/*
 * Opens it; SW_ETIMEOUT, SW_ECLOSED (refused, unreachable, no TLS there) or SW_EAGAIN (stopped), and why says what happened.
 * UDP sockets are connected: nobody else's packet is taken for an answer.
 */
int sw_talk_open(struct sw_talk **out, const struct sw_talk_opts *o, char why[160]) SW_MUSTCHECK;
void sw_talk_close(struct sw_talk *t);
/* All of it, or SW_ETIMEOUT, SW_ECLOSED, SW_EAGAIN (stopped), SW_ELIMIT (a packet beyond what the way takes). */
int sw_talk_send(struct sw_talk *t, const void *p, size_t n, uint64_t ms) SW_MUSTCHECK;
/* Some bytes (UDP: one packet), or SW_ETIMEOUT, SW_ECLOSED (also an ICMP error that came back), SW_EAGAIN (stopped). */
ssize_t sw_talk_recv(struct sw_talk *t, void *p, size_t n, uint64_t ms) SW_MUSTCHECK;
const struct sw_addr *sw_talk_local(const struct sw_talk *t);
int sw_talk_fd(const struct sw_talk *t);
/* TLS: NULL when the certificate is of a public CA (or of $SSL_CERT_FILE) and carries the name; else what is wrong. */
const char *sw_talk_doubt(const struct sw_talk *t);
const char *sw_talk_version(const struct sw_talk *t); /* "TLSv1.3", "" without TLS */
