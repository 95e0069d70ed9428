/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A media process in a thread, the edge's end of its pair on a loop, and endpoints with real sockets. Each lab binds its own
 * address out of 127/8, so labs that run at the same time do not meet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "core/random.h"
#include "media/media.h"
#include "media/proto.h"
#include "media/relay.h"

enum { LAB_MS = 10000 };

struct lab {
	struct sw_loop *loop;
	struct sw_media *media;
	struct sw_media_setup setup;
	pthread_t thread;
	bool running;
	int pair[2];                 /* edge's, process's: both kept, as the supervisor does */
	struct sw_timer guard;
	bool timed_out;
	/* what came */
	unsigned opened, answered, events[5];
	enum sw_reason reason;
	uint16_t port[2];
	struct sw_media_stats stats[SW_MEDIA_CALL_STREAMS], last_event;
	size_t n_stats;
	struct sw_media_status status;
	bool status_down;
};

static inline void lab_on_event(void *arg, enum sw_media_event ev, const struct sw_media_stats *s)
{
	struct lab *lab = arg;

	lab->events[ev]++;
	if (s)
		lab->last_event = *s;
	sw_loop_stop(lab->loop);
}

static inline void lab_on_opened(void *arg, enum sw_reason r, const uint16_t port[2])
{
	struct lab *lab = arg;

	lab->opened++;
	lab->reason = r;
	memcpy(lab->port, port, sizeof(lab->port));
	sw_loop_stop(lab->loop);
}

static inline void lab_on_stats(void *arg, const struct sw_media_stats *s, size_t n)
{
	struct lab *lab = arg;

	lab->answered++;
	lab->n_stats = n;
	for (size_t i = 0; i < n; i++)
		lab->stats[i] = s[i];
	sw_loop_stop(lab->loop);
}

static inline void lab_on_status(void *arg, const struct sw_media_status *s)
{
	struct lab *lab = arg;

	lab->answered++;
	lab->status_down = !s;
	if (s)
		lab->status = *s;
	sw_loop_stop(lab->loop);
}

static inline void lab_on_guard(void *arg)
{
	struct lab *lab = arg;

	lab->timed_out = true;
	sw_loop_stop(lab->loop);
}

/* Runs the loop until *counter differs from was. */
static inline void lab_wait(struct lab *lab, const unsigned *counter, unsigned was)
{
	assert_int_equal(sw_timer_start(&lab->guard, LAB_MS), 0);
	while (*counter == was && !lab->timed_out)
		sw_loop_run(lab->loop);
	sw_timer_stop(&lab->guard);
	if (lab->timed_out)
		fail_msg("nothing came in %d ms", LAB_MS);
}

static inline void *lab_process(void *arg)
{
	struct lab *lab = arg;

	return (void *)(intptr_t)sw_media_process(fcntl(lab->pair[1], F_DUPFD_CLOEXEC, 3), &lab->setup);
}

static inline void lab_start_process(struct lab *lab)
{
	assert_int_equal(pthread_create(&lab->thread, NULL, lab_process, lab), 0);
	lab->running = true;
}

static inline void lab_start_edge(struct lab *lab)
{
	assert_int_equal(sw_media_new(&lab->media, lab->loop, fcntl(lab->pair[0], F_DUPFD_CLOEXEC, 3), lab_on_event, lab), 0);
}

static inline void lab_addr(struct sw_addr *a)
{
	uint32_t r;

	sw_random(&r, sizeof(r));
	*a = (struct sw_addr){ 0 };
	a->in4.sin_family = AF_INET;
	a->in4.sin_addr.s_addr = htonl(0x7f000000u | (r % 0xfffff0 + 0x100));
}

static inline void lab_init(struct lab *lab)
{
	*lab = (struct lab){ .setup = { .port_low = 40000, .port_high = 40399, .workers = 2, .quarantine_ms = 60000,
					.idle_ms = 60000, .n_addresses = 2 } };
	sw_log_set_level(SW_LOG_ERROR);
	lab_addr(&lab->setup.addresses[0]);
	lab_addr(&lab->setup.addresses[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, lab->pair), 0);
	assert_int_equal(sw_loop_new(&lab->loop), 0);
	sw_timer_init(&lab->guard, lab->loop, lab_on_guard, lab);
}

static inline void lab_start(struct lab *lab)
{
	lab_init(lab);
	lab_start_process(lab);
	lab_start_edge(lab);
}

/* The supervisor is gone: both of its ends close, the process sees the end of the file and returns. */
static inline void lab_stop(struct lab *lab)
{
	void *status = (void *)-1;

	sw_media_free(lab->media);
	close(lab->pair[0]);
	close(lab->pair[1]);
	sw_timer_stop(&lab->guard);
	sw_loop_free(lab->loop);
	if (lab->running) {
		pthread_join(lab->thread, &status);
		assert_int_equal((intptr_t)status, 0);
	}
}

/* --- streams --- */

static inline struct sw_media_open lab_open_args(sw_id call, sw_id stream)
{
	return (struct sw_media_open){ .call = call, .stream = stream, .interface = { 0, 1 }, .pair = true };
}

static inline enum sw_reason lab_open(struct lab *lab, const struct sw_media_open *o)
{
	unsigned was = lab->opened;

	assert_int_equal(sw_media_open(lab->media, o, lab_on_opened, lab), 0);
	assert_int_equal(lab->opened, was);  /* never from within */
	lab_wait(lab, &lab->opened, was);
	return lab->reason;
}

/* The figures of a call; a round trip, so what was commanded before is done. */
static inline void lab_query(struct lab *lab, sw_id call)
{
	unsigned was = lab->answered;

	assert_int_equal(sw_media_query(lab->media, call, lab_on_stats, lab), 0);
	lab_wait(lab, &lab->answered, was);
}

static inline void lab_get_status(struct lab *lab)
{
	unsigned was = lab->answered;

	assert_int_equal(sw_media_status(lab->media, lab_on_status, lab), 0);
	lab_wait(lab, &lab->answered, was);
	assert_false(lab->status_down);
}

/* Asks again until the answer is as wanted. */
#define LAB_UNTIL(ask, wanted) \
	for (uint64_t end_ = sw_relay_clock() + LAB_MS; (ask), !(wanted);) \
		if (sw_relay_clock() > end_) \
			fail_msg("not in %d ms: %s", LAB_MS, #wanted)

/* --- endpoints --- */

struct phone {
	int fd;
	struct sw_addr addr;         /* its own */
	struct sw_addr peer;         /* where it sends */
	uint16_t seq;
	uint32_t ssrc;
};

static inline void phone_at(struct phone *p, const struct sw_addr *host, uint16_t port)
{
	const struct timeval wait = { .tv_sec = 5 };
	socklen_t len = sizeof(p->addr);

	*p = (struct phone){ .addr = *host, .ssrc = 0x1000 };
	sw_addr_set_port(&p->addr, port);
	p->fd = socket(sw_addr_family(host), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(p->fd >= 0);
	assert_int_equal(setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
	assert_int_equal(bind(p->fd, &p->addr.sa, sw_addr_len(&p->addr)), 0);
	assert_int_equal(getsockname(p->fd, &p->addr.sa, &len), 0);
}

static inline void phone_new(struct phone *p)
{
	struct sw_addr host;

	lab_addr(&host);
	phone_at(p, &host, 0);
}

static inline void phone_dial(struct phone *p, const struct lab *lab, int interface, uint16_t port)
{
	p->peer = lab->setup.addresses[interface];
	sw_addr_set_port(&p->peer, port);
}

static inline void phone_say_bytes(struct phone *p, const void *data, size_t n)
{
	assert_int_equal(sendto(p->fd, data, n, 0, &p->peer.sa, sw_addr_len(&p->peer)), n);
}

/* One RTP packet that carries text. */
static inline void phone_say(struct phone *p, const char *text)
{
	uint8_t pkt[256] = { 0x80, 0 };
	size_t n = strlen(text);

	p->seq++;
	pkt[2] = (uint8_t)(p->seq >> 8);
	pkt[3] = (uint8_t)p->seq;
	pkt[10] = (uint8_t)(p->ssrc >> 8);
	pkt[11] = (uint8_t)p->ssrc;
	memcpy(pkt + 12, text, n);
	phone_say_bytes(p, pkt, 12 + n);
}

static inline void phone_say_rtcp(struct phone *p, const char *text)
{
	uint8_t pkt[256] = { 0x80, 200, 0, 1 };
	size_t n = strlen(text);

	memcpy(pkt + 8, text, n);
	phone_say_bytes(p, pkt, 8 + n);
}

/* The next packet's bytes after head; where it came from in *from. */
static inline void phone_hears(struct phone *p, size_t head, const char *text, struct sw_addr *from)
{
	struct sw_addr src = { 0 };
	socklen_t len = sizeof(src);
	char pkt[4096];
	ssize_t n = recvfrom(p->fd, pkt, sizeof(pkt) - 1, 0, &src.sa, &len);

	if (n < 0)
		fail_msg("\"%s\" did not come", text);
	assert_true((size_t)n >= head);
	pkt[n] = 0;
	assert_string_equal(pkt + head, text);
	if (from)
		*from = src;
}

static inline void phone_hears_rtp(struct phone *p, const char *text)
{
	phone_hears(p, 12, text, NULL);
}

static inline void phone_hears_nothing_now(struct phone *p)
{
	char pkt[16];

	assert_int_equal(recv(p->fd, pkt, sizeof(pkt), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static inline void phone_free(struct phone *p)
{
	close(p->fd);
}

/* Strict, both ways, to that phone; change what differs and sw_media_connect it. */
static inline struct sw_media_remote lab_remote(const struct sw_media_open *o, uint8_t side, const struct phone *p)
{
	return (struct sw_media_remote){ .call = o->call, .stream = o->stream, .side = side, .send = true, .receive = true,
					 .relatch = true, .latch = SW_LATCH_ADDR_PORT, .rtp = p->addr };
}

/* A stream between two phones that know where to send. */
static inline void lab_call(struct lab *lab, const struct sw_media_open *o, struct phone *a, struct phone *b)
{
	struct sw_media_remote ra, rb;

	assert_int_equal(lab_open(lab, o), SW_R_OK);
	phone_dial(a, lab, o->interface[0], lab->port[0]);
	phone_dial(b, lab, o->interface[1], lab->port[1]);
	ra = lab_remote(o, SW_SIDE_A, a);
	rb = lab_remote(o, SW_SIDE_B, b);
	assert_int_equal(sw_media_connect(lab->media, &ra), 0);
	assert_int_equal(sw_media_connect(lab->media, &rb), 0);
	lab_query(lab, o->call);
}
