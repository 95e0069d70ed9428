/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Private to the media stage: one server asked over one transport. */
#include "check/check.h"
#include "check/stun.h"
#include "tls/talk.h"

/* One server address over one transport: what STUN, TURN and MTU probes share. */
struct sw_media_server {
	char host[256];
	struct sw_addr addr;
	enum sw_talk_kind kind;
	bool turn;      /* it is said to be a TURN server */
	bool confirmed; /* by the profile; else nothing is a failure */
};

/* "turn.example.com 192.0.2.1:443 udp" */
const char *sw_media_subject(const struct sw_media_server *s, char dst[400]);
const char *sw_media_kind_name(enum sw_talk_kind k);

int sw_media_open(struct sw_check *c, const struct sw_media_server *s, bool df, struct sw_talk **out, char why[160]) SW_MUSTCHECK;
/*
 * Asks and takes the answer to this very question; over UDP up to tries times, 500 ms apart and doubling (RFC 8489 6.2.1).
 * *ms: from the last sending to the answer. SW_ETIMEOUT, SW_ECLOSED, SW_EAGAIN (stopped), SW_ELIMIT (the packet is too long for
 * the way).
 */
int sw_media_ask(struct sw_check *c, struct sw_talk *t, bool stream, struct sw_stun_ask *a, unsigned tries,
		 struct sw_stun_reply *r, uint64_t *ms) SW_MUSTCHECK;

/* Each looks at one thing over an own conversation and reports. */
void sw_media_turn(struct sw_check *c, const struct sw_media_server *s);
void sw_media_mtu(struct sw_check *c, const struct sw_media_server *s);
/* Two UDP servers or two ports: which NAT is between. b may be NULL. */
void sw_media_nat(struct sw_check *c, const struct sw_media_server *a, const struct sw_media_server *b);

/* Is this port the provider's? PASS, WARN, or FAIL where the profile rejects. Ranges of 0: SKIP. */
enum sw_check_status sw_media_remote_port(const struct sw_profile *p, uint16_t port);
/* The verdict on a path MTU: PASS, WARN or FAIL. */
enum sw_check_status sw_media_mtu_status(const struct sw_profile *p, unsigned mtu);
