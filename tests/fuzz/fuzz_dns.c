/* SPDX-License-Identifier: Apache-2.0 */
/* A message off the wire, taken for the answer to questions of every type. The first byte picks the type and EDNS. */
#include <stdlib.h>

#include "dns/answer.h"
#include "dns/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum sw_dns_type types[] = { SW_DNS_A, SW_DNS_AAAA, SW_DNS_TXT, SW_DNS_SRV, SW_DNS_NAPTR };
	static const struct sw_conf_dns conf = { .min_ttl = 5000, .max_ttl = 3600000, .negative_ttl = 300000, .trusted = true };
	struct sw_wire_query q;
	struct sw_chain chain;
	struct sw_answer *a;
	enum sw_dns_type type;

	if (size < 1)
		return 0;
	type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
	if (sw_wire_build(&q, "a.example", type, data[0] & 0x80, false) < 0)
		abort();
	if (size > 2)
		memcpy(q.bytes, data + 1, 2);   /* as if the id had been guessed */
	(void)sw_wire_match(&q, data + 1, size - 1);
	sw_chain_start(&chain, "a.example");
	if (sw_answer_parse(&a, &chain, type, data + 1, size - 1, &conf) < 0)
		return 0;
	if (a->a.n > SW_DNS_RR_MAX || (a->a.outcome == SW_DNS_ANSWER) != (a->a.n > 0) || a->a.ttl > 3600)
		abort();
	if (chain.steps > SW_DNS_CNAME_MAX + 1 || memchr(chain.name, 0, sizeof(chain.name)) == NULL)
		abort();
	for (size_t i = 0; i < a->a.n; i++) {
		const struct sw_dns_rr *rr = &a->a.rrs[i];
		char name[SW_DNS_NAME_MAX];

		if (rr->type != type)
			abort();
		if (type == SW_DNS_SRV && *rr->srv.target && sw_wire_name(name, rr->srv.target) < 0)
			abort();
	}
	sw_answer_unref(a);
	return 0;
}
