/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/seen.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/hash.h"
#include "tls/shape.h"

struct seen_key {
	uint8_t sha256[32]; /* of the leaf */
	char zone[64];
	bool outgoing;
};

struct sw_seen {
	struct seen_key key;
	char subject[256], issuer[256];
	struct sw_chain_span span;
	int64_t not_before, not_after;
	bool client_auth;
	int64_t last;
	UT_hash_handle hh; /* in the order they were seen last */
};

void sw_seen_free(struct sw_seen *all)
{
	struct sw_seen *s, *next;

	HASH_ITER(hh, all, s, next)
	{
		HASH_DEL(all, s);
		free(s);
	}
}

static struct sw_seen *find(struct sw_seen *all, const struct seen_key *key)
{
	struct sw_seen *s;

	HASH_FIND(hh, all, key, sizeof(*key), s);
	return s;
}

void sw_seen_note(struct sw_edge *e, const char *zone, bool outgoing, const struct sw_tls_peer *peer)
{
	struct seen_key key;
	struct sw_seen *s;
	bool is_new = false;

	if (!peer || !peer->has_cert || !peer->identity || !peer->leaf)
		return;
	memset(&key, 0, sizeof(key)); /* its padding is hashed, too */
	memcpy(key.sha256, peer->identity->cert_sha256, sizeof(key.sha256));
	snprintf(key.zone, sizeof(key.zone), "%s", zone);
	key.outgoing = outgoing;
	s = find(e->seen, &key);
	if (s) {
		HASH_DEL(e->seen, s);
	} else {
		if (HASH_COUNT(e->seen) >= SW_SEEN_MAX) {
			s = e->seen; /* the head is the one not seen for longest */
			HASH_DEL(e->seen, s);
			free(s);
		}
		s = calloc(1, sizeof(*s));
		is_new = true;
	}
	if (!s)
		return;
	if (is_new) {
		memcpy(&s->key, &key, sizeof(key));
		snprintf(s->subject, sizeof(s->subject), "%s", peer->identity->subject);
		snprintf(s->issuer, sizeof(s->issuer), "%s", peer->identity->issuer);
		sw_chain_span(&s->span, peer->leaf, peer->untrusted);
		s->not_before = peer->identity->not_before;
		s->not_after = peer->identity->not_after;
		s->client_auth = peer->identity->eku & (SW_EKU_CLIENT | SW_EKU_NONE);
	}
	s->last = time(NULL);
	HASH_ADD(hh, e->seen, key, sizeof(s->key), s);
	if (!s->hh.tbl)
		free(s);
}

static void member(struct sw_buf *out, const char *name, const char *value)
{
	sw_buf_printf(out, "\"%s\":", name);
	sw_buf_json_str(out, sw_str_of(value));
	sw_buf_str(out, ",");
}

void sw_seen_json(const struct sw_edge *e, struct sw_buf *out)
{
	const char *comma = "";

	sw_buf_str(out, "[");
	for (const struct sw_seen *s = e->seen; s; s = s->hh.next) {
		sw_buf_printf(out, "%s{", comma);
		member(out, "zone", s->key.zone);
		member(out, "subject", s->subject);
		member(out, "issuer", s->issuer);
		member(out, "root", s->span.top);
		member(out, "first", s->span.first);
		sw_buf_printf(out,
			      "\"outgoing\":%s,\"client_auth\":%s,\"not_before\":%" PRId64 ",\"not_after\":%" PRId64
			      ",\"chain_not_after\":%" PRId64 ",\"last\":%" PRId64 "}",
			      s->key.outgoing ? "true" : "false", s->client_auth ? "true" : "false", s->not_before, s->not_after,
			      s->span.not_after, s->last);
		comma = ",";
	}
	sw_buf_str(out, "]\n");
}
