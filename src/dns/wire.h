/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Private to src/dns: names, and one question on the wire. ldns builds the
 * packet; whether a datagram is the answer to it is decided here, on the bytes,
 * before anything of it is parsed (RFC 5452 9.1).
 *
 * A name is text in lower case without the trailing dot: letters, digits, '-'
 * and '_' in labels of 1..63, 253 in all. Other bytes are legal in DNS but no
 * name sipward asks for or connects to needs them, and none reaches a log, an
 * SNI or a comparison.
 */
#include "dns/dns.h"

enum {
	SW_WIRE_QUERY_MAX = 512,
	SW_WIRE_MESSAGE_MAX = 65535,
	SW_WIRE_UDP_SIZE = 1232,   /* DNS flag day 2020: never fragmented */
	SW_WIRE_HEADER = 12,
};

struct sw_wire_query {
	uint8_t bytes[SW_WIRE_QUERY_MAX];
	size_t len;
	size_t question;   /* bytes of the question, from SW_WIRE_HEADER */
	bool edns;
};

enum sw_wire_match {
	SW_WIRE_FOREIGN,     /* not the answer to this question: ignore it */
	SW_WIRE_OURS,
	SW_WIRE_TRUNCATED,
	SW_WIRE_NO_EDNS,     /* FORMERR or NOTIMP: the server may not know OPT */
};

/* SW_EINVALID when it isn't a name as above; "" is not one. */
int sw_wire_name(char out[SW_DNS_NAME_MAX], const char *name) SW_MUSTCHECK;
/* An uncompressed wire name; the root becomes "". SW_EPARSE for bytes that are not of a name as above. */
int sw_wire_name_text(char out[SW_DNS_NAME_MAX], const uint8_t *wire, size_t len) SW_MUSTCHECK;
/* a equals b, or is below it. */
bool sw_wire_name_within(const char *a, const char *b);

/* dnssec: asks for AD, with DO. */
int sw_wire_build(struct sw_wire_query *q, const char *name, enum sw_dns_type type, bool edns, bool dnssec) SW_MUSTCHECK;
/* What pre-flight asks for beyond that. type is any; name "" is the root. */
struct sw_wire_wish {
	bool recurse;        /* RD */
	bool dnssec;         /* DO, and CD: the data even where the resolver thinks it bogus */
	uint16_t udp_size;   /* of EDNS; 0: no OPT */
};
int sw_wire_build_wish(struct sw_wire_query *q, const char *name, uint16_t type, const struct sw_wire_wish *wish) SW_MUSTCHECK;
/* A fresh random id, for every try. */
void sw_wire_new_id(struct sw_wire_query *q);
enum sw_wire_match sw_wire_match(const struct sw_wire_query *q, const uint8_t *msg, size_t len);
