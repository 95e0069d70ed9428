/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A relay worker: a thread with one epoll that moves packets between the two pinholes of each of its streams. No allocation, no
 * lock and two system calls per packet.
 *
 * Ownership moves with the jobs: a stream is the control thread's until SW_RELAY_ADD is posted, the worker's until
 * SW_RELAY_REMOVE came back done (its sockets are closed then), the control thread's again after. A job is the worker's from
 * sw_relay_post until sw_relay_done hands it back; jobs come back in the order they were posted. What the worker has to say
 * of itself (latched, idle) goes through a ring of fixed size.
 */
#include <stdbool.h>
#include "media/media.h"
#include "media/pinhole.h"

struct sw_relay;

struct sw_relay_stream {
	sw_id call, stream;
	struct sw_pinhole side[2];
	/* the worker's */
	struct sw_relay_stream *prev, *next;
	bool added, orphan;
	bool tell_latched;               /* the ring was full */
	uint64_t orphan_since;
	uint64_t flow_since;             /* since when packets are expected; 0: they are not (hold, one side unknown) */
	uint64_t idle_told;
	uint64_t unexpected_told_at, unexpected_told;
};

enum sw_relay_do { SW_RELAY_ADD, SW_RELAY_CONNECT, SW_RELAY_QUERY, SW_RELAY_ORPHAN, SW_RELAY_REMOVE };

struct sw_relay_job {                    /* allocated and freed by the control thread */
	struct sw_relay_job *next;
	enum sw_relay_do what;
	struct sw_relay_stream *stream;
	int status;                      /* set by the worker */
	uint64_t token;                  /* the poster's own, as are these two */
	uint32_t end_of;                 /* the last of so many for its token */
	bool tell_closed;
	union {
		struct sw_media_remote remote;
		bool orphan;
		struct sw_media_stats stats;   /* QUERY and REMOVE: set by the worker */
	};
};

struct sw_relay_report {
	enum sw_media_event event;
	struct sw_media_stats stats;
};

struct sw_relay_setup {
	int notify_fd;                   /* an eventfd: jobs are done, or reports are there */
	uint32_t idle_ms;                /* 0: idleness is not reported */
	uint32_t orphan_ms;              /* an orphan without a packet for so long is reported SW_MEDIA_CLOSED_IDLE: close it */
};

int sw_relay_start(struct sw_relay **out, const struct sw_relay_setup *setup) SW_MUSTCHECK;
void sw_relay_post(struct sw_relay *r, struct sw_relay_job *job);
struct sw_relay_job *sw_relay_done(struct sw_relay *r);          /* a list, oldest first; NULL: none */
bool sw_relay_report(struct sw_relay *r, struct sw_relay_report *out) SW_MUSTCHECK;
void sw_relay_totals(struct sw_relay *r, uint64_t *packets, uint64_t *unexpected);   /* adds to both */
/* Runs what was posted, then ends the thread. Streams not removed stay as they are, the caller's now; so do jobs not fetched. */
void sw_relay_stop(struct sw_relay *r);
void sw_relay_free(struct sw_relay *r);      /* after sw_relay_stop */

/* Monotonic milliseconds, at the kernel's tick; never 0. */
uint64_t sw_relay_clock(void);
