/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers off the wire, followed and validated: the input is a list of messages, each after its length; the nth question gets the nth.
 * The corpus has real chains under one anchor. Whatever else comes, validation ends, and secure is only what a signature made so.
 */
#include <stdlib.h>
#include "dns/dnssec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1795300000 };       /* the signatures of the corpus hold */

struct feed {
	const uint8_t *at;
	size_t left;
	unsigned asked;
};

static bool next(void *arg, const char *name, uint16_t type, struct sw_lookup **out)
{
	struct feed *f = arg;
	size_t n;

	(void)name;
	(void)type;
	if (++f->asked > 2000)
		abort();
	if (f->left < 2)
		return false;
	n = (size_t)f->at[0] << 8 | f->at[1];
	f->at += 2;
	f->left -= 2;
	n = n < f->left ? n : f->left;
	if (sw_lookup_read(out, f->at, n) < 0)
		*out = NULL;
	f->at += n;
	f->left -= n;
	return *out && sw_lookup_known(*out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char anchor[] = "sec. IN DS 21717 13 2 4baf290466b3fae2cd0653f2aebb7f244525e9938969ddcfdf21193c8197c154\n";
	struct feed f = { data, size, 0 };
	struct sw_dnssec_result r;
	struct sw_anchors *a;
	struct sw_dnssec *d;
	unsigned line;

	if (sw_anchors_new(&a, anchor, &line) < 0 || sw_dnssec_new(&d, a, NOW, next, &f) < 0)
		abort();
	sw_dnssec_records(d, "_sips._tcp.good.sec", SW_DNS_SRV, &r);
	if ((r.state == SW_DNSSEC_SECURE && (r.expires < NOW || r.inception > NOW || !r.expiring[0])) || !memchr(r.detail, 0, sizeof(r.detail)) || !memchr(r.zone, 0, sizeof(r.zone)))
		abort();
	sw_dnssec_free(d);
	sw_anchors_free(a);
	return 0;
}
