/* SPDX-License-Identifier: Apache-2.0 */
/* TURN: is it alive, does it want credentials, does it take ours (RFC 8656 7). What is allocated is freed at once. */
#include <stdio.h>
#include "check/media.h"

enum { TRIES = 4, ROUNDS_MAX = 3 };

static const char *meaning(unsigned error)
{
	switch (error) {
	case 300:
		return "it sends us to another server";
	case 400:
		return "it does not understand the request: no TURN server?";
	case 401:
		return "it wants credentials, or these are wrong";
	case 403:
		return "forbidden";
	case 420:
		return "it knows not all attributes";
	case 437:
		return "an allocation is there already";
	case 438:
		return "the nonce is stale";
	case 440:
		return "no address of that family";
	case 441:
		return "wrong credentials";
	case 442:
		return "it does not relay UDP";
	case 486:
		return "the user's quota is reached";
	case 508:
		return "it is out of relay addresses or ports";
	default:
		return "";
	}
}

struct turn {
	struct sw_check *check;
	const struct sw_media_server *server;
	struct sw_talk *talk;
	struct sw_stun_reply reply;
	uint64_t ms;
	char subject[400];
};

static int ask(struct turn *u, struct sw_stun_ask *a)
{
	return sw_media_ask(u->check, u->talk, u->server->kind != SW_TALK_UDP, a, TRIES, &u->reply, &u->ms);
}

static void release(struct turn *u, const struct sw_stun_ask *with)
{
	struct sw_stun_ask a = *with;
	int err;

	a.method = SW_STUN_REFRESH;
	a.transport_udp = false;
	a.has_lifetime = true;
	a.lifetime = 0;
	err = ask(u, &a);
	if (err < 0 || u->reply.kind != SW_STUN_SUCCESS)
		sw_check_report(u->check, SW_F_MEDIA_TURN_ALLOCATE, SW_CHECK_WARN, u->subject, "the allocation freed",
				"it could not be freed: it ends by itself within ten minutes");
}

/* Without credentials: 401 is the good answer. */
static bool alive(struct turn *u)
{
	struct sw_stun_ask a = { .method = SW_STUN_ALLOCATE, .transport_udp = true };
	int err = ask(u, &a);
	char found[200];
	struct sw_finding *f;

	if (err < 0) {
		sw_check_report(u->check, SW_F_MEDIA_TURN,
				err == SW_EAGAIN       ? SW_CHECK_UNKNOWN
				: u->server->confirmed ? SW_CHECK_FAIL
						       : SW_CHECK_SKIP,
				u->subject, "401 with realm and nonce",
				err == SW_ETIMEOUT ? "no answer to Allocate" : sw_error_text(err));
		return false;
	}
	if (u->reply.kind == SW_STUN_SUCCESS) {
		sw_check_report(u->check, SW_F_MEDIA_TURN_OPEN, SW_CHECK_FAIL, u->subject, "401 with realm and nonce",
				"an allocation for nobody");
		release(u, &a);
		return false;
	}
	snprintf(found, sizeof(found), "%u %.100s", u->reply.error, u->reply.reason);
	if (u->reply.error == 401 && u->reply.realm[0] && u->reply.nonce[0]) {
		f = sw_check_report(u->check, SW_F_MEDIA_TURN, SW_CHECK_PASS, u->subject, "401 with realm and nonce", found);
		sw_finding_took(f, u->ms);
		sw_finding_add(u->check, f, "realm", "%s", u->reply.realm);
		return true;
	}
	f = sw_check_report(u->check, SW_F_MEDIA_TURN, u->reply.error == 300 ? SW_CHECK_WARN : SW_CHECK_FAIL, u->subject,
			    "401 with realm and nonce", found);
	sw_finding_add(u->check, f, "meaning", "%s", meaning(u->reply.error));
	return false;
}

static void allocate(struct turn *u, const char *user, const char *password)
{
	struct sw_stun_ask a = { .method = SW_STUN_ALLOCATE, .transport_udp = true, .user = user };
	char realm[SW_STUN_TEXT_MAX + 1], nonce[SW_STUN_NONCE_MAX + 1], found[200], text[SW_ADDR_STRLEN];
	struct sw_finding *f;
	int err = SW_OK;

	a.realm = realm;
	a.nonce = nonce;
	for (int round = 0; err == SW_OK && round < ROUNDS_MAX; round++) {
		snprintf(realm, sizeof(realm), "%s", u->reply.realm);
		snprintf(nonce, sizeof(nonce), "%s", u->reply.nonce);
		err = sw_stun_key(a.key, user, realm, password);
		if (err == SW_OK)
			err = ask(u, &a);
		/* 438 brings the nonce to go on with. */
		if (err < 0 || u->reply.kind == SW_STUN_SUCCESS || u->reply.error != 438 || !u->reply.nonce[0])
			break;
		if (!u->reply.realm[0])
			snprintf(u->reply.realm, sizeof(u->reply.realm), "%s", realm);
	}
	explicit_bzero(a.key, sizeof(a.key));
	if (err < 0) {
		sw_check_report(u->check, SW_F_MEDIA_TURN_ALLOCATE, err == SW_EAGAIN ? SW_CHECK_UNKNOWN : SW_CHECK_FAIL,
				u->subject, "a relayed address", err == SW_ETIMEOUT ? "no answer" : sw_error_text(err));
		return;
	}
	if (u->reply.kind != SW_STUN_SUCCESS || !u->reply.has_relayed) {
		snprintf(found, sizeof(found), "%u %.100s", u->reply.error, u->reply.reason);
		f = sw_check_report(u->check, SW_F_MEDIA_TURN_ALLOCATE, SW_CHECK_FAIL, u->subject, "a relayed address", found);
		sw_finding_add(u->check, f, "meaning", "%s", meaning(u->reply.error));
		return;
	}
	f = sw_check_report(u->check, SW_F_MEDIA_TURN_ALLOCATE, SW_CHECK_PASS, u->subject, "a relayed address",
			    sw_addr_text(&u->reply.relayed, text));
	sw_finding_took(f, u->ms);
	if (sw_stun_key(a.key, user, realm, password) == SW_OK)
		release(u, &a);
	explicit_bzero(a.key, sizeof(a.key));
}

void sw_media_turn(struct sw_check *c, const struct sw_media_server *s)
{
	const struct sw_check_options *o = sw_check_options(c);
	struct turn u = { .check = c, .server = s };
	char why[160];

	sw_media_subject(s, u.subject);
	if (sw_media_open(c, s, false, &u.talk, why) < 0) {
		sw_check_report(c, SW_F_MEDIA_TURN,
				sw_check_stopped(c) ? SW_CHECK_UNKNOWN
				: s->confirmed      ? SW_CHECK_FAIL
						    : SW_CHECK_SKIP,
				u.subject, "a connection", why);
		return;
	}
	if (alive(&u) && o->turn_user && o->turn_password)
		allocate(&u, o->turn_user, o->turn_password);
	sw_talk_close(u.talk);
}
