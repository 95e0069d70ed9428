/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The ports of one local address, in pairs: the even one for RTP, the odd one above it for RTCP (RFC 3550 11). Plain
 * bookkeeping: no sockets here, and time is an argument (monotonic milliseconds).
 *
 * A pair is free, taken, quarantined after use (late packets of the old call must not reach the next one), or busy: somebody
 * outside holds it, it is tried again after a minute. Free ones are handed out longest-free first, in an order shuffled at
 * start, so that neither a neighbour's port nor the next one is told from one seen.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/error.h"

enum { SW_PORTS_BUSY_MS = 60000 };

enum sw_port_list { SW_PORT_FREE, SW_PORT_QUARANTINED, SW_PORT_BUSY, SW_PORT_LISTS, SW_PORT_TAKEN = SW_PORT_LISTS };

struct sw_port_pair;

struct sw_ports {
	struct sw_port_pair *pairs;   /* owned */
	uint16_t first;               /* even */
	uint32_t total;               /* pairs */
	uint32_t quarantine_ms;
	struct {
		uint32_t head, tail, n;   /* index + 1; 0: none */
	} list[SW_PORT_LISTS];
};

/* low..high, both inclusive; an odd low and an even high are left out. SW_EINVALID when no pair is left. */
int sw_ports_init(struct sw_ports *p, uint16_t low, uint16_t high, uint32_t quarantine_ms) SW_MUSTCHECK;
void sw_ports_free(struct sw_ports *p);
/* The longest-free pair's even port. SW_ELIMIT: none. */
int sw_ports_take(struct sw_ports *p, uint64_t now, uint16_t *port) SW_MUSTCHECK;
/* This very one. SW_ELIMIT: it isn't free; SW_EINVALID: not of this range, or odd. */
int sw_ports_take_this(struct sw_ports *p, uint64_t now, uint16_t port) SW_MUSTCHECK;
void sw_ports_release(struct sw_ports *p, uint64_t now, uint16_t port);  /* into quarantine; only after its sockets are closed */
void sw_ports_busy(struct sw_ports *p, uint64_t now, uint16_t port);     /* bind said EADDRINUSE */
void sw_ports_untake(struct sw_ports *p, uint16_t port);                 /* never used: first in line again */
/* Pairs in each state, as of now. */
uint32_t sw_ports_count(struct sw_ports *p, uint64_t now, enum sw_port_list state);
