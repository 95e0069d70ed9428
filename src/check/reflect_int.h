/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Private to the reflector: its sessions, shared by the control threads and the mirror. */
#include <pthread.h>
#include "check/reflect.h"

enum { SW_REFLECT_SESSIONS = 32, SW_REFLECT_PER_SOURCE = 4, SW_REFLECT_SECONDS = 120, SW_REFLECT_PACKETS = 4000 };

struct sw_reflect_session {
	bool used;
	char token[SW_REFLECT_TOKEN + 1]; /* "" until the secret is proved */
	struct sw_addr peer;
	unsigned packets; /* mirrored so far */
};

struct sw_reflect {
	const struct sw_reflect_opts *opts;
	pthread_mutex_t lock;
	struct sw_reflect_session sessions[SW_REFLECT_SESSIONS];
	unsigned threads; /* of control connections; the last one to end tells */
	pthread_cond_t ended;
	uint16_t sip_port;
	uint16_t udp_ports[SW_REFLECT_UDP_MAX];
};

/* May this token be used from there? Counts the use. */
bool sw_reflect_may(struct sw_reflect *r, const char *token, const struct sw_addr *from);
SW_PRINTF(2, 3) void sw_reflect_log(struct sw_reflect *r, const char *fmt, ...);

/* --- the mirror: one thread for all of its sockets --- */
struct sw_reflect_mirror;
int sw_reflect_mirror_new(struct sw_reflect_mirror **out, struct sw_reflect *r, char why[200]) SW_MUSTCHECK;
void sw_reflect_mirror_run(struct sw_reflect_mirror *m); /* until stop_fd */
void sw_reflect_mirror_free(struct sw_reflect_mirror *m);
