/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One side of one stream: its sockets, whom it believes, whom it sends to. Nothing here sends or waits; relay.c does, and owns
 * it while it is relayed. Time is an argument (monotonic milliseconds).
 *
 * Sockets are never connect()ed: every packet's source is compared here. A connected socket would make the kernel answer
 * strangers with ICMP and hide them from the counters, and would still hand out what strangers had queued before the connect.
 *
 * Whom it believes (per port, RTP and RTCP):
 *   strict   the signalled address and port, from the first packet on;
 *   comedia  the signalled address, any port: the source that sends three sound packets in a row within two seconds is
 *            latched (RFC 7362), alone from then on; what came before is not forwarded;
 *   nat      as comedia, from any address, while the window is open, if the signalled address is not a public one
 *            (else it is treated as comedia).
 * A latch ends only by new SDP (relatch with another address or port), or when strict is given another address.
 * RTCP on its own port is too rare to count to three: once RTP is latched, the first sound one from that host latches it
 * (comedia: also from the signalled host).
 */
#include <stdbool.h>
#include "core/addr.h"
#include "media/media.h"
#include "media/rtp.h"

enum {
	SW_PINHOLE_RTP, SW_PINHOLE_RTCP,
	SW_PINHOLE_LATCH_PACKETS = 3,
	SW_PINHOLE_LATCH_MS = 2000,
	SW_PINHOLE_LATCH_DTLS_MS = 4000,     /* a client hello is sent again after 1 and 3 s */
	SW_PINHOLE_WINDOW_MS = 30000,        /* nat: since the remote was last signalled, or the stream became two-way */
	SW_PINHOLE_KBPS = 8000,              /* when none is given */
	SW_PINHOLE_RCVBUF = 65536,           /* older audio is not worth having */
};

struct sw_pinhole;

struct sw_pinhole_end {                      /* one socket */
	void *owner;                         /* relay.c: the stream */
	uint8_t side, port;                  /* SW_SIDE_*, SW_PINHOLE_RTP or _RTCP */
	int fd;                              /* -1: closed */
	struct sw_addr expect;               /* signalled */
	struct sw_addr source;               /* latched: the only one believed, and sent to */
	bool latched;
	struct {                             /* who is on the way to being latched */
		struct sw_addr addr;
		uint64_t since;
		uint32_t ssrc;
		uint16_t seq;
		uint8_t n;
		enum sw_rtp_kind kind;
	} candidate;
};

struct sw_pinhole {
	struct sw_pinhole_end end[2];
	struct sw_addr local;                /* with the RTP port */
	bool pair;
	/* from the signalling */
	bool known, send, receive, mux;
	uint8_t latch;
	uint64_t window_since;
	/* token buckets: bits, and thousandths of packets */
	uint32_t kbps, pps;
	uint64_t bits, millipackets, filled;
	/* figures */
	uint64_t packets, bytes, dropped, unexpected, rtcp;
	uint64_t last;                       /* last packet believed; 0: never */
};

/* Initialises with closed ends; kbps 0: the default. */
void sw_pinhole_init(struct sw_pinhole *p, uint8_t side, bool pair, uint32_t kbps, void *owner);
/* Binds local (a port of 0 is refused) and, for pairs, the port above. On failure nothing is open: -EADDRINUSE, -EMFILE, ... */
int sw_pinhole_open(struct sw_pinhole *p, const struct sw_addr *local) SW_MUSTCHECK;
void sw_pinhole_close(struct sw_pinhole *p);
/* The RTCP port alone, when mux comes and goes. Opening one that is open is fine. */
int sw_pinhole_open_rtcp(struct sw_pinhole *p) SW_MUSTCHECK;
void sw_pinhole_close_rtcp(struct sw_pinhole *p);

/* Takes what the signalling says. SW_EINVALID (another family than ours, no address): the side is shut. */
int sw_pinhole_connect(struct sw_pinhole *p, const struct sw_media_remote *r, uint64_t now) SW_MUSTCHECK;

enum sw_pinhole_say {
	SW_PINHOLE_PASS,
	SW_PINHOLE_LATCHED,      /* pass, and this packet latched the RTP port */
	SW_PINHOLE_WAIT,         /* could be ours: not latched yet */
	SW_PINHOLE_STRANGER,
	SW_PINHOLE_MALFORMED,
	SW_PINHOLE_HELD,
	SW_PINHOLE_OVER_RATE,
};
/* Judges a packet of n bytes from src and counts it, but for those that pass: they count when they were sent on. */
enum sw_pinhole_say sw_pinhole_admit(struct sw_pinhole *p, unsigned port, const struct sw_rtp_info *i, size_t n,
				     const struct sw_addr *src, uint64_t now) SW_MUSTCHECK;
enum sw_rtp_port sw_pinhole_port_kind(const struct sw_pinhole *p, unsigned port);
/* Where this side wants such a packet: the end to send from, and *to. NULL: nowhere (not known, on hold, no such port). */
const struct sw_pinhole_end *sw_pinhole_target(const struct sw_pinhole *p, unsigned from_port, enum sw_rtp_kind kind,
					       const struct sw_addr **to);
