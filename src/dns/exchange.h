/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Private to src/dns: one question put to the servers until one of them
 * answers it or all had their tries. Every try has a connected UDP socket of
 * its own and a new id; what isn't the answer is ignored until the try's
 * deadline (RFC 5452). Truncated: the same server over TCP (RFC 7766).
 */
#include "dns/answer.h"
#include "dns/wire.h"

enum { SW_SERVERS_MAX = 8 };

struct sw_server {
	struct sw_addr addr;
	unsigned fails;           /* in a row */
	uint64_t suspect_until;   /* asked after the others until then; never left out */
};

struct sw_servers {
	struct sw_loop *loop;
	struct sw_conf_dns conf;  /* its servers pointer is not used */
	struct sw_server v[SW_SERVERS_MAX];
	size_t n;
	uint8_t rx[SW_WIRE_MESSAGE_MAX];  /* scratch of one receive call */
};

struct sw_exchange;
/* The answer is borrowed, NULL: out of memory. The exchange is gone when this is called. */
typedef void sw_exchange_fn(void *arg, struct sw_answer *a);

/* fn is not called from within. */
int sw_exchange_new(struct sw_exchange **out, struct sw_servers *s, const char *name, enum sw_dns_type type,
		    sw_exchange_fn *fn, void *arg) SW_MUSTCHECK;
void sw_exchange_free(struct sw_exchange *x);   /* without a call; NULL is fine */

/* The nameserver lines of a resolv.conf, at most max; returns how many. */
size_t sw_resolv_conf_parse(struct sw_str text, struct sw_addr *out, size_t max);
