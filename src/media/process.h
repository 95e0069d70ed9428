/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Private to src/media: the control thread of the media process. process.c runs it, command.c does what the edge asks. */
#include "core/hash.h"
#include "media/media.h"
#include "media/port.h"
#include "media/proto.h"
#include "media/relay.h"

struct sw_media_call {
	sw_id id;                        /* key */
	struct sw_media_stream *streams; /* utlist; the streams own themselves, the call goes with its last one */
	unsigned n;
	UT_hash_handle hh;
};

/* From OPEN until its sockets are closed. It leaves the tables when its closing begins. */
struct sw_media_stream {
	sw_id id;                        /* key */
	struct sw_media_call *call;      /* NULL while closing */
	struct sw_media_stream *prev, *next;
	uint8_t interface[2];
	uint16_t port[2];
	uint8_t fds;
	bool pair, orphan;
	uint64_t open_token;
	struct sw_relay *worker;
	struct sw_relay_stream relay;    /* the worker's, see relay.h */
	UT_hash_handle hh;
};

struct sw_media_process {
	struct sw_media_setup setup;
	int fd, epoll_fd, notify_fd, signal_fd;
	uint32_t watching;
	bool stop;
	uint64_t self, edge;             /* this life, and the edge's; 0: no edge yet */
	struct sw_media_queue out;
	uint8_t pool[SW_MEDIA_ADDRESSES];/* interface -> whose ports */
	struct sw_ports ports[SW_MEDIA_ADDRESSES];
	uint32_t pairs_total;
	bool ports_low;
	uint32_t fds, fds_max;           /* of pinholes */
	struct sw_relay **workers;
	unsigned n_workers;
	struct sw_media_call *calls;
	struct sw_media_stream *streams;
	uint32_t n_streams;              /* with those closing */
	unsigned jobs;                   /* at the workers */
	uint64_t garbage, stale, lost_events, lost_answers;
};

/* process.c */
void sw_media_process_say(struct sw_media_process *p, struct sw_media_msg *m);

/* command.c */
void sw_media_process_command(struct sw_media_process *p, const struct sw_media_msg *m);
struct sw_media_stream *sw_media_process_stream(struct sw_media_process *p, sw_id id);
/* Begins to close; s is out of the tables at once. token: its figures are wanted; end_of: the last of so many; tell: an event. */
void sw_media_process_close(struct sw_media_process *p, struct sw_media_stream *s, uint64_t token, uint32_t end_of, bool tell);
void sw_media_process_end(struct sw_media_process *p, uint64_t token, uint32_t n);
void sw_media_process_added(struct sw_media_process *p, struct sw_relay_job *j);
void sw_media_process_removed(struct sw_media_process *p, struct sw_relay_job *j);
void sw_media_process_drop_all(struct sw_media_process *p);   /* the workers have stopped */
