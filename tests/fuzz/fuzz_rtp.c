/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams from several sources to one pinhole. The input: a byte of latch mode and flags, then packets, each a byte of who
 * sends and to which port, one of milliseconds passed, one of length. A latch never moves, and nothing passes but from the
 * latched source.
 */
#include <stdlib.h>
#include <string.h>

#include "media/pinhole.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const hosts[] = { "198.51.100.7:5000", "198.51.100.7:5001", "198.51.100.8:5000", "10.0.0.7:5000" };

static struct sw_addr at(const char *text)
{
	struct sw_addr a;

	if (sw_addr_parse(&a, sw_str_of(text), 0) < 0)
		abort();
	return a;
}

static void one_packet(struct sw_pinhole *p, uint8_t who, const uint8_t *pkt, size_t n, uint64_t now)
{
	struct sw_pinhole_end before = p->end[who >> 7];
	struct sw_addr src = at(hosts[who & 3]);
	const struct sw_addr *to;
	enum sw_pinhole_say say;
	struct sw_rtp_info i;

	sw_rtp_read(&i, pkt, n, sw_pinhole_port_kind(p, who >> 7));
	say = sw_pinhole_admit(p, who >> 7, &i, n, &src, now);
	if (before.latched && (!p->end[who >> 7].latched || !sw_addr_eq(&before.source, &p->end[who >> 7].source)))
		abort();
	if (say == SW_PINHOLE_PASS || say == SW_PINHOLE_LATCHED) {
		if (i.kind == SW_RTP_BAD || n > SW_RTP_SIZE_MAX || !sw_addr_eq(&p->end[who >> 7].source, &src))
			abort();
		if (sw_pinhole_target(p, who >> 7, i.kind, &to) && sw_addr_port(to) == 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sw_media_remote r = { .call = 1, .stream = 1, .send = true, .receive = true };
	struct sw_pinhole p;
	uint64_t now = 1000;

	if (size < 1)
		return 0;
	r.latch = (data[0] & 3) % 3;
	r.mux = data[0] & 4;
	r.rtp = at(data[0] & 8 ? "10.0.0.7:5000" : "198.51.100.7:5000");
	sw_pinhole_init(&p, SW_SIDE_A, !(data[0] & 16), data[0] & 32 ? 64 : 0, NULL);
	p.local = at("192.0.2.1:40000");
	if (sw_pinhole_connect(&p, &r, now) < 0)
		abort();
	for (data++, size--; size >= 3;) {
		size_t n = data[2] < size - 3 ? data[2] : size - 3;

		now += data[1];
		one_packet(&p, data[0], data + 3, n, now);
		data += 3 + n;
		size -= 3 + n;
	}
	return 0;
}
