/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * STUN and TURN messages (RFC 8489, RFC 8656; RFC 3489's plain address is understood), as far as pre-flight asks: what is
 * built is ours, what is read is hostile. Pure.
 */
#include "core/addr.h"
#include "core/buf.h"

enum {
	SW_STUN_BINDING = 0x001,
	SW_STUN_ALLOCATE = 0x003,
	SW_STUN_REFRESH = 0x004,
};
enum { SW_STUN_REQUEST = 0x000, SW_STUN_INDICATION = 0x010, SW_STUN_SUCCESS = 0x100, SW_STUN_ERROR = 0x110 };
enum { SW_STUN_ID_LEN = 12, SW_STUN_HEAD_LEN = 20, SW_STUN_TEXT_MAX = 763, SW_STUN_NONCE_MAX = 763, SW_STUN_KEY_LEN = 16 };

struct sw_stun_ask {
	unsigned method;
	uint8_t id[SW_STUN_ID_LEN];
	bool transport_udp; /* REQUESTED-TRANSPORT 17 */
	bool has_lifetime;
	uint32_t lifetime;
	const char *user, *realm, *nonce; /* NULL: no credentials */
	uint8_t key[SW_STUN_KEY_LEN];     /* MD5(user:realm:password), with credentials */
	size_t pad_to;                    /* the message is made this long with an attribute nobody needs to know; 0: as it is */
};
/* Appends the request with FINGERPRINT. SW_ELIMIT, SW_ECRYPTO. */
int sw_stun_write(struct sw_buf *out, const struct sw_stun_ask *a) SW_MUSTCHECK;
/* RFC 8489 9.2.2. */
int sw_stun_key(uint8_t key[SW_STUN_KEY_LEN], const char *user, const char *realm, const char *password) SW_MUSTCHECK;

struct sw_stun_reply {
	unsigned method, kind; /* SW_STUN_BINDING, SW_STUN_SUCCESS */
	uint8_t id[SW_STUN_ID_LEN];
	bool has_mapped, old_mapped; /* old: MAPPED-ADDRESS alone, of RFC 3489's time */
	struct sw_addr mapped;
	bool has_relayed;
	struct sw_addr relayed;
	bool has_alternate;
	struct sw_addr alternate;
	bool has_lifetime;
	uint32_t lifetime;
	unsigned error; /* 401; 0: none */
	char reason[128];
	char realm[SW_STUN_TEXT_MAX + 1], nonce[SW_STUN_NONCE_MAX + 1], software[128];
	bool fingerprint; /* there, and right */
	unsigned unknown; /* a comprehension-required attribute we don't know; 0: none */
};
/* SW_EPARSE: not STUN, cut, or a wrong fingerprint. */
int sw_stun_read(struct sw_stun_reply *out, const uint8_t *p, size_t n) SW_MUSTCHECK;
/* How long the message that starts here is, header and all: 0: need more; SW_EPARSE. For streams. */
ssize_t sw_stun_frame(const uint8_t *p, size_t n) SW_MUSTCHECK;
/* Is it the answer to what was asked? Kind, method and id. */
bool sw_stun_answers(const struct sw_stun_reply *r, const struct sw_stun_ask *a);
