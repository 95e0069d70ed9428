/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The media process, as the edge sees it. A *stream* is one m-line of one call: two sides, A and B, each with a pinhole
 * (an RTP port and, for pairs, the RTCP port above it) on a local address. What comes to A's pinhole from A's remote leaves
 * from B's pinhole to B's remote, and the reverse. Closed by default: nothing is forwarded from a side before its remote is
 * known, nor to one.
 *
 * Speaks over a SOCK_SEQPACKET pair; the process itself is media/process.c. Ids are the edge's own: they survive a restart of
 * either side.
 */
#include "core/id.h"
#include "core/loop.h"
#include "core/reason.h"
#include "conf/conf.h"

struct sw_media;                 /* the edge's end */

enum { SW_SIDE_A, SW_SIDE_B };

/* What the media process is started with: no keys, no zones. */
struct sw_media_setup {
	uint16_t port_low, port_high;
	uint32_t workers;            /* 0: one per core */
	uint32_t quarantine_ms, idle_ms;
	bool close_idle;
	uint32_t n_addresses;
	struct sw_addr addresses[16];/* bound addresses of the media interfaces, by index; port unused */
};
void sw_media_setup_from_conf(struct sw_media_setup *s, const struct sw_conf *c);

struct sw_media_open {               /* one stream */
	sw_id call, stream;          /* chosen by the edge; stream is unique */
	uint8_t interface[2];        /* index of the local address per side */
	bool pair;                   /* with RTCP */
	uint16_t want_port[2];       /* 0: any; else this very port (after a restart) */
	uint32_t max_kbps;
};
enum {
	SW_LATCH_ADDR_PORT,  /* strict */
	SW_LATCH_ADDR,       /* comedia */
	SW_LATCH_ANY,        /* nat: only within the window, only if the signalled address is private */
};
struct sw_media_remote {             /* what the signalling says of one side */
	sw_id call, stream;
	uint8_t side;
	bool send;                   /* forward to this side (false: hold, or not yet) */
	bool receive;                /* accept from this side */
	bool mux;                    /* RTCP comes and goes on the RTP port; the RTCP port is closed */
	bool relatch;                /* new SDP: forget the latched source when address or port changed */
	uint8_t latch;
	struct sw_addr rtp, rtcp;
};
struct sw_media_stats {
	sw_id call, stream;
	uint64_t packets[2], bytes[2];           /* received and forwarded, by the side they came from; RTCP too */
	uint64_t dropped[2], unexpected[2];      /* malformed, over rate, held, no way out; from a source not the side's */
	uint64_t rtcp[2];
	bool latched[2];
	struct sw_addr source[2];
	uint32_t ms_since_packet[2];             /* UINT32_MAX: never */
	uint16_t port[2];
};
struct sw_media_status {
	uint32_t ports_total, ports_free, ports_quarantined, streams, pinholes;
	uint64_t packets, unexpected;
};

/* SW_R_OK, SW_R_MEDIA_PORTS, SW_R_MEDIA_DOWN; the ports are 0 unless SW_R_OK. */
typedef void sw_media_opened_fn(void *arg, enum sw_reason r, const uint16_t port[2]);
/* n 0: the call has no streams, or the process is down. */
typedef void sw_media_stats_fn(void *arg, const struct sw_media_stats *s, size_t n);
typedef void sw_media_status_fn(void *arg, const struct sw_media_status *s);  /* s NULL: the process is down */

enum sw_media_event { SW_MEDIA_LATCHED, SW_MEDIA_UNEXPECTED, SW_MEDIA_IDLE, SW_MEDIA_CLOSED_IDLE,
		      SW_MEDIA_LOST /* the process restarted: every stream is gone, open again with want_port; s is NULL */ };
typedef void sw_media_event_fn(void *arg, enum sw_media_event ev, const struct sw_media_stats *s);

/* fd: the edge's end of the pair; taken over. Says hello: streams of an earlier edge become orphans and close when idle. */
int sw_media_new(struct sw_media **out, struct sw_loop *l, int fd, sw_media_event_fn *fn, void *arg) SW_MUSTCHECK;
void sw_media_free(struct sw_media *m);
/* fn is called exactly once, never from within, unless the owner forgot (sw_media_forget). */
int sw_media_open(struct sw_media *m, const struct sw_media_open *o, sw_media_opened_fn *fn, void *arg) SW_MUSTCHECK;
int sw_media_connect(struct sw_media *m, const struct sw_media_remote *r) SW_MUSTCHECK;
int sw_media_close(struct sw_media *m, sw_id stream) SW_MUSTCHECK;
/* Closes all streams of a call. fn (may be NULL) gets their last figures. */
int sw_media_close_call(struct sw_media *m, sw_id call, sw_media_stats_fn *fn, void *arg) SW_MUSTCHECK;
int sw_media_query(struct sw_media *m, sw_id call, sw_media_stats_fn *fn, void *arg) SW_MUSTCHECK;
int sw_media_status(struct sw_media *m, sw_media_status_fn *fn, void *arg) SW_MUSTCHECK;
/* No pending callback with this arg will be called. What was opened stays open: closing is the caller's. */
void sw_media_forget(struct sw_media *m, void *arg);

/* The process: fd is its end of the pair; returns the exit status when it is told to stop or the supervisor is gone. */
int sw_media_process(int fd, const struct sw_media_setup *setup);
