/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Asking and waiting for the answer, for the tests of this folder. */
#include <stdio.h>
#include <stdlib.h>

#include "dns/dns.h"

struct asked {
	struct sw_loop *loop;
	int calls, wanted;
	struct sw_dns_answer a;          /* rrs: the first ones only, below */
	struct sw_dns_rr rr[SW_DNS_RR_MAX];
	uint8_t txt[8192];               /* of the first record */
	size_t txt_len;
};

static inline void asked_fn(void *arg, const struct sw_dns_answer *a)
{
	struct asked *r = arg;

	r->a = *a;
	for (size_t i = 0; i < a->n; i++)
		r->rr[i] = a->rrs[i];
	r->a.rrs = r->rr;
	if (a->n && a->rrs[0].type == SW_DNS_TXT) {
		r->txt_len = a->rrs[0].txt.len < sizeof(r->txt) ? a->rrs[0].txt.len : sizeof(r->txt);
		memcpy(r->txt, a->rrs[0].txt.data, r->txt_len);
	}
	if (++r->calls >= r->wanted)
		sw_loop_stop(r->loop);
}

static inline void ask_too_long(void *arg)
{
	(void)arg;
	fprintf(stderr, "no answer within 30 s\n");
	abort();
}

/* Runs the loop until somebody stops it; a test that hangs fails. */
static inline void ask_run(struct sw_loop *l)
{
	struct sw_timer guard;

	sw_timer_init(&guard, l, ask_too_long, NULL);
	if (sw_timer_start(&guard, 30000) < 0)
		abort();
	sw_loop_run(l);
	sw_timer_stop(&guard);
}

static inline struct sw_conf_dns ask_conf(struct sw_conf_dns_server *server, uint16_t port)
{
	if (sw_addr_parse(&server->addr, SW_STR("127.0.0.1"), port) < 0)
		abort();
	return (struct sw_conf_dns){
		.servers = server, .n_servers = 1, .timeout = 5000, .tries = 2,
		.min_ttl = 5000, .max_ttl = 3600 * 1000, .negative_ttl = 300 * 1000, .cache_entries = 100,
	};
}

static inline void ask_one(struct sw_loop *l, struct sw_dns *d, const char *name, enum sw_dns_type type, bool fresh,
			   struct asked *r)
{
	int err;

	memset(r, 0, sizeof(*r));
	r->loop = l;
	r->wanted = 1;
	err = (fresh ? sw_dns_ask_fresh : sw_dns_ask)(d, name, type, asked_fn, r, NULL);
	if (err < 0 || r->calls != 0) {
		fprintf(stderr, "%s: %d\n", name, err);
		abort();
	}
	ask_run(l);
}
