/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SDP editor: whatever it takes and writes, it must take again, with the same m-lines, and every m-line that leaves with a
 * port must lead to us, or be on hold. An address of the peer that gets through is a hole.
 */
#include <stdlib.h>

#include "sip/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rewrite_of(struct sw_sdp_rewrite *r, uint8_t choice)
{
	static const char *const text[] = { "192.0.2.10", "2001:db8::10", "192.0.2.11" };

	*r = (struct sw_sdp_rewrite){ 0 };
	for (unsigned i = 0; i < SW_SDP_MEDIA_MAX; i++) {
		unsigned pick = (choice + i * (choice >> 4)) % 4;
		uint16_t port = (uint16_t)(36000 + 2 * i);

		if (pick < 3 && sw_addr_parse(&r->local[i], sw_str_of(text[pick]), port) < 0)
			abort();
		r->local_rtcp[i] = choice & 8 ? (uint16_t)(port + 1001) : 0;
	}
}

static void check(const struct sw_sdp *in, const struct sw_sdp *out, const struct sw_sdp_rewrite *r)
{
	if (in->n_media != out->n_media)
		abort();
	for (size_t i = 0; i < in->n_media; i++) {
		const struct sw_sdp_media *a = &in->media[i], *b = &out->media[i];
		bool live = a->relayed && a->port && sw_addr_family(&r->local[i]) != AF_UNSPEC;

		if (!sw_str_eq(a->kind, b->kind) || !sw_str_eq(a->formats, b->formats) || b->has_ice || b->bundle_only)
			abort();
		if (!live && b->port)
			abort();
		if (!live)
			continue;
		if (b->hold_address ? !a->hold_address || b->port != sw_addr_port(&r->local[i]) : !sw_addr_eq(&b->remote, &r->local[i]))
			abort();
		if (b->pair && !b->hold_address && !sw_addr_is_any(&b->remote_rtcp) && !sw_addr_same_host(&b->remote_rtcp, &r->local[i]))
			abort();
		if (b->pair && r->local_rtcp[i] && sw_addr_port(&b->remote_rtcp) != r->local_rtcp[i])
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sw_str text = { (const char *)data, size };
	struct sw_sdp_rewrite r;
	struct sw_verdict v = { 0 };
	struct sw_sdp in, out;
	struct sw_buf b;

	if (size > SW_SDP_BYTES_MAX / 2 || sw_sdp_parse(&in, text, &v) < 0)
		return 0;
	rewrite_of(&r, size ? data[size / 2] : 0);
	sw_buf_init(&b, 0);
	if (sw_sdp_write(&in, &r, &b) < 0)
		abort();
	if (in.n_lines + 2 * in.n_media <= SW_SDP_LINES_MAX) {  /* what we add may lead over the limit */
		if (sw_sdp_parse(&out, sw_buf_view(&b), &v) < 0)
			abort();
		check(&in, &out, &r);
		sw_sdp_free(&out);
	}
	sw_buf_free(&b);
	sw_sdp_free(&in);
	return 0;
}
