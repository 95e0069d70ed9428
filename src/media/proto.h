/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the edge and the media process say to each other over a SOCK_SEQPACKET pair: one fixed-size record per packet, exact
 * in length, every field checked by sw_media_msg_check on receipt, on both sides: neither end trusts the other.
 *
 * Both ends may die and come back while the pair lives on in the supervisor, so the pair may hold records of or to the dead.
 * Each end therefore draws a number when it starts, and each record names both: what names another life is dropped. The
 * process announces itself (HELLO, edge 0); the edge says HELLO; the process answers HELLO with the edge's number; then
 * commands flow. A HELLO of a new edge makes the streams of earlier ones orphans.
 *
 * Every field is in host order: both ends are this host.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/error.h"
#include "media/media.h"

enum {
	SW_MEDIA_PROTO = 1,          /* version; another is refused */
	SW_MEDIA_ADDRESSES = 16,     /* as in struct sw_media_setup */
	SW_MEDIA_CALL_STREAMS = 64,  /* streams of one call */
};

enum sw_media_msg_type {
	SW_MEDIA_MSG_HELLO = 1,      /* both ways */
	SW_MEDIA_MSG_OPEN,           /* edge to media from here */
	SW_MEDIA_MSG_CONNECT,
	SW_MEDIA_MSG_CLOSE,
	SW_MEDIA_MSG_CLOSE_CALL,     /* answered by STATS..., END when it has a token */
	SW_MEDIA_MSG_QUERY,          /* STATS..., END */
	SW_MEDIA_MSG_GET_STATUS,
	SW_MEDIA_MSG_OPENED,         /* media to edge from here */
	SW_MEDIA_MSG_STATS,
	SW_MEDIA_MSG_END,
	SW_MEDIA_MSG_STATUS,
	SW_MEDIA_MSG_EVENT,
	SW_MEDIA_MSG_COUNT
};

struct sw_media_wire_addr {
	uint8_t family;              /* 0: none, 4, 6 */
	uint8_t zero;
	uint16_t port;
	uint32_t scope;
	uint8_t ip[16];
};

struct sw_media_head {
	uint16_t version, type;
	uint32_t size;               /* of the whole record */
	uint64_t media, edge;        /* the numbers of the two lives; 0: not known yet */
	uint64_t token;              /* of the request, echoed in what answers it; 0: no answer wanted */
	uint64_t call, stream;
};

struct sw_media_wire_open {
	uint8_t interface[2];
	uint8_t pair, zero;
	uint16_t want_port[2];
	uint32_t max_kbps;
	uint32_t zero2;
};

struct sw_media_wire_connect {
	uint8_t side, send, receive, mux, relatch, latch, zero[2];
	struct sw_media_wire_addr rtp, rtcp;
};

enum { SW_MEDIA_OPENED_OK, SW_MEDIA_OPENED_NO_PORT };
struct sw_media_wire_opened {
	uint16_t result, port[2], zero;
};

struct sw_media_wire_stats {
	uint64_t packets[2], bytes[2], dropped[2], unexpected[2], rtcp[2];
	struct sw_media_wire_addr source[2];
	uint32_t ms_since_packet[2];
	uint16_t port[2];
	uint8_t latched[2];
	uint8_t zero[2];
};

struct sw_media_wire_end {
	uint32_t n, zero;
};

struct sw_media_wire_status {
	uint32_t ports_total, ports_free, ports_quarantined, streams, pinholes, zero;
	uint64_t packets, unexpected;
};

struct sw_media_wire_event {
	uint32_t event, zero;
	struct sw_media_wire_stats stats;
};

struct sw_media_msg {
	struct sw_media_head head;
	union {
		struct sw_media_wire_open open;
		struct sw_media_wire_connect connect;
		struct sw_media_wire_opened opened;
		struct sw_media_wire_stats stats;
		struct sw_media_wire_end end;
		struct sw_media_wire_status status;
		struct sw_media_wire_event event;
	};
};

/* A zeroed record of this type: version and size set, the rest the caller's. */
void sw_media_msg_init(struct sw_media_msg *m, enum sw_media_msg_type type);
/* n bytes were received into *m. SW_EPARSE: it is to be dropped. */
int sw_media_msg_check(const struct sw_media_msg *m, size_t n, bool to_media) SW_MUSTCHECK;

/* The plain structs of media.h, to and from checked records. */
void sw_media_put_open(struct sw_media_msg *m, const struct sw_media_open *o);
void sw_media_get_open(struct sw_media_open *o, const struct sw_media_msg *m);
void sw_media_put_connect(struct sw_media_msg *m, const struct sw_media_remote *r);
void sw_media_get_connect(struct sw_media_remote *r, const struct sw_media_msg *m);
void sw_media_put_stats(struct sw_media_msg *m, const struct sw_media_stats *s);                        /* m: STATS */
void sw_media_put_event(struct sw_media_msg *m, enum sw_media_event ev, const struct sw_media_stats *s);
void sw_media_get_stats(struct sw_media_stats *s, const struct sw_media_msg *m);                        /* m: STATS or EVENT */
void sw_media_put_status(struct sw_media_msg *m, const struct sw_media_status *s);
void sw_media_get_status(struct sw_media_status *s, const struct sw_media_msg *m);

/* Records that wait for the socket. Grows on demand up to max; owns its memory. */
struct sw_media_queue {
	struct sw_media_msg *ring;
	size_t size, head, n, max;
};
void sw_media_queue_init(struct sw_media_queue *q, size_t max);
void sw_media_queue_free(struct sw_media_queue *q);
int sw_media_queue_push(struct sw_media_queue *q, const struct sw_media_msg *m) SW_MUSTCHECK;   /* SW_ELIMIT, SW_ENOMEM */
struct sw_media_msg *sw_media_queue_first(struct sw_media_queue *q);                            /* NULL: empty */
void sw_media_queue_pop(struct sw_media_queue *q);
void sw_media_queue_clear(struct sw_media_queue *q);

/* Sends one record; SW_EAGAIN: the socket is full; SW_ECLOSED: the other end is gone. */
int sw_media_msg_send(int fd, const struct sw_media_msg *m) SW_MUSTCHECK;
/* Receives one; 0 when *m passed the check, SW_EAGAIN, SW_ECLOSED, or SW_EPARSE for what was dropped. */
int sw_media_msg_recv(int fd, struct sw_media_msg *m, bool to_media) SW_MUSTCHECK;
