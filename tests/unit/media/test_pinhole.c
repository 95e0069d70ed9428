/* SPDX-License-Identifier: Apache-2.0 */
/* What a datagram is, whom a pinhole believes and where it sends: judged without sockets, on our clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "media/pinhole.h"

static struct sw_addr at(const char *text)
{
	struct sw_addr a;

	assert_int_equal(sw_addr_parse(&a, sw_str_of(text), 0), 0);
	return a;
}

static enum sw_rtp_kind kind_of(const void *p, size_t n, enum sw_rtp_port port)
{
	struct sw_rtp_info i;

	sw_rtp_read(&i, p, n, port);
	return i.kind;
}

static void datagrams_are_told_apart_by_their_first_bytes(void **state)
{
	uint8_t rtp[2049] = { 0x80, 8, 0x12, 0x34, 0, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef };
	uint8_t rr[8] = { 0x80, 201, 0, 1, 1, 2, 3, 4 };
	uint8_t stun[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };
	uint8_t dtls[13] = { 22, 0xfe, 0xff };
	uint8_t bfcp[12] = { 0x20, 1 };
	struct sw_rtp_info i;

	(void)state;
	sw_rtp_read(&i, rtp, 172, SW_RTP_PORT_RTP);
	assert_int_equal(i.kind, SW_RTP_RTP);
	assert_int_equal(i.ssrc, 0xdeadbeef);
	assert_int_equal(i.seq, 0x1234);
	assert_int_equal(i.type, 8);
	assert_int_equal(kind_of(rtp, 11, SW_RTP_PORT_RTP), SW_RTP_BAD);
	assert_int_equal(kind_of(rtp, 2048, SW_RTP_PORT_RTP), SW_RTP_RTP);
	assert_int_equal(kind_of(rtp, 2049, SW_RTP_PORT_RTP), SW_RTP_BAD);
	assert_int_equal(kind_of(rtp, 2049, SW_RTP_PORT_ANY), SW_RTP_BAD);
	assert_int_equal(kind_of(rtp, 0, SW_RTP_PORT_ANY), SW_RTP_BAD);
	assert_int_equal(kind_of(rr, 8, SW_RTP_PORT_RTCP), SW_RTP_RTCP);
	assert_int_equal(kind_of(rr, 8, SW_RTP_PORT_MUX), SW_RTP_RTCP);
	assert_int_equal(kind_of(rr, 7, SW_RTP_PORT_RTCP), SW_RTP_BAD);
	assert_int_equal(kind_of(rr, 8, SW_RTP_PORT_RTP), SW_RTP_BAD);
	assert_int_equal(kind_of(rtp, 172, SW_RTP_PORT_RTCP), SW_RTP_BAD);
	assert_int_equal(kind_of(stun, 20, SW_RTP_PORT_RTP), SW_RTP_STUN);
	stun[3] = 4;  /* longer than it is */
	assert_int_equal(kind_of(stun, 20, SW_RTP_PORT_RTP), SW_RTP_BAD);
	assert_int_equal(kind_of(dtls, 13, SW_RTP_PORT_RTP), SW_RTP_DTLS);
	assert_int_equal(kind_of(bfcp, 12, SW_RTP_PORT_ANY), SW_RTP_DTLS);  /* forwarded alike */
	bfcp[0] = 0x40;
	assert_int_equal(kind_of(bfcp, 12, SW_RTP_PORT_ANY), SW_RTP_OTHER);
	assert_int_equal(kind_of(bfcp, 12, SW_RTP_PORT_RTP), SW_RTP_BAD);
	/* header lengths that reach beyond the end */
	rtp[0] = 0x8f;
	assert_int_equal(kind_of(rtp, 71, SW_RTP_PORT_RTP), SW_RTP_BAD);
	assert_int_equal(kind_of(rtp, 72, SW_RTP_PORT_RTP), SW_RTP_RTP);
	rtp[0] = 0x90;
	rtp[14] = 0;
	rtp[15] = 2;
	assert_int_equal(kind_of(rtp, 23, SW_RTP_PORT_RTP), SW_RTP_BAD);
	assert_int_equal(kind_of(rtp, 24, SW_RTP_PORT_RTP), SW_RTP_RTP);
}

/* --- whom it believes --- */

static void side(struct sw_pinhole *p, uint8_t latch, const char *remote, uint64_t now)
{
	struct sw_media_remote r = { .call = 1, .stream = 2, .send = true, .receive = true, .latch = latch, .rtp = at(remote) };

	sw_pinhole_init(p, SW_SIDE_A, true, 0, NULL);
	p->local = at("192.0.2.1:40000");
	p->end[0].fd = p->end[1].fd = 1000;  /* looks open; nothing here touches it */
	assert_int_equal(sw_pinhole_connect(p, &r, now), 0);
}

static enum sw_pinhole_say rtp_from(struct sw_pinhole *p, const char *src, uint32_t ssrc, uint16_t seq, uint64_t now)
{
	struct sw_rtp_info i = { .kind = SW_RTP_RTP, .ssrc = ssrc, .seq = seq };
	struct sw_addr a = at(src);

	return sw_pinhole_admit(p, SW_PINHOLE_RTP, &i, 172, &a, now);
}

static enum sw_pinhole_say rtcp_from(struct sw_pinhole *p, const char *src, uint64_t now)
{
	struct sw_rtp_info i = { .kind = SW_RTP_RTCP, .ssrc = 1, .type = 200 };
	struct sw_addr a = at(src);

	return sw_pinhole_admit(p, SW_PINHOLE_RTCP, &i, 60, &a, now);
}

static const char *target(struct sw_pinhole *p, enum sw_rtp_kind kind)
{
	static char text[SW_ADDR_STRLEN];
	unsigned port = kind == SW_RTP_RTCP ? SW_PINHOLE_RTCP : SW_PINHOLE_RTP;
	const struct sw_addr *to;

	return sw_pinhole_target(p, port, kind, &to) ? sw_addr_text(to, text) : "-";
}

static void closed_until_the_remote_is_known(void **state)
{
	struct sw_pinhole p;

	(void)state;
	sw_pinhole_init(&p, SW_SIDE_A, true, 0, NULL);
	p.end[0].fd = 1000;
	assert_int_equal(rtp_from(&p, "198.51.100.7:5000", 1, 1, 10), SW_PINHOLE_STRANGER);
	assert_string_equal(target(&p, SW_RTP_RTP), "-");
	assert_int_equal(p.unexpected, 1);
}

static void strict_believes_the_signalled_port_from_the_first_packet(void **state)
{
	struct sw_pinhole p;

	(void)state;
	side(&p, SW_LATCH_ADDR_PORT, "198.51.100.7:5000", 10);
	assert_int_equal(rtp_from(&p, "198.51.100.7:5002", 1, 1, 10), SW_PINHOLE_STRANGER);
	assert_int_equal(rtp_from(&p, "198.51.100.8:5000", 1, 1, 10), SW_PINHOLE_STRANGER);
	assert_int_equal(rtp_from(&p, "198.51.100.7:5000", 1, 1, 10), SW_PINHOLE_LATCHED);
	assert_int_equal(rtp_from(&p, "198.51.100.7:5000", 99, 9000, 20), SW_PINHOLE_PASS);  /* an SSRC may change */
	assert_int_equal(p.unexpected, 2);
	assert_int_equal(rtcp_from(&p, "198.51.100.7:5001", 20), SW_PINHOLE_PASS);
	assert_int_equal(rtcp_from(&p, "198.51.100.7:5000", 20), SW_PINHOLE_STRANGER);
	assert_string_equal(target(&p, SW_RTP_RTP), "198.51.100.7:5000");
	assert_string_equal(target(&p, SW_RTP_RTCP), "198.51.100.7:5001");
}

static void comedia_latches_after_three_in_a_row(void **state)
{
	struct sw_pinhole p;

	(void)state;
	side(&p, SW_LATCH_ADDR, "198.51.100.7:5000", 10);
	assert_string_equal(target(&p, SW_RTP_RTP), "198.51.100.7:5000");
	assert_int_equal(rtp_from(&p, "198.51.100.8:6000", 1, 1, 10), SW_PINHOLE_STRANGER);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 1, 1, 10), SW_PINHOLE_WAIT);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 1, 2, 30), SW_PINHOLE_WAIT);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 1, 3, 50), SW_PINHOLE_LATCHED);
	assert_string_equal(target(&p, SW_RTP_RTP), "198.51.100.7:6000");
	/* an attacker of the same address is a stranger now, whatever it repeats */
	for (uint16_t seq = 4; seq < 10; seq++)
		assert_int_equal(rtp_from(&p, "198.51.100.7:6002", 1, seq, 60), SW_PINHOLE_STRANGER);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 1, 4, 70), SW_PINHOLE_PASS);
	/* its RTCP: from that host, and then from that port alone */
	assert_int_equal(rtcp_from(&p, "198.51.100.8:6001", 80), SW_PINHOLE_STRANGER);
	assert_int_equal(rtcp_from(&p, "198.51.100.7:6001", 80), SW_PINHOLE_PASS);
	assert_int_equal(rtcp_from(&p, "198.51.100.7:6003", 90), SW_PINHOLE_STRANGER);
	assert_string_equal(target(&p, SW_RTP_RTCP), "198.51.100.7:6001");
}

static void a_run_is_broken_by_another_source_ssrc_order_or_time(void **state)
{
	struct sw_pinhole p;

	(void)state;
	side(&p, SW_LATCH_ADDR, "198.51.100.7:5000", 10);
	rtp_from(&p, "198.51.100.7:6000", 1, 1, 10);
	rtp_from(&p, "198.51.100.7:6000", 1, 2, 10);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6002", 1, 3, 10), SW_PINHOLE_WAIT);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 1, 3, 10), SW_PINHOLE_WAIT);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 1, 4, 10), SW_PINHOLE_WAIT);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 2, 5, 10), SW_PINHOLE_WAIT);  /* ssrc */
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 2, 6, 10), SW_PINHOLE_WAIT);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 2, 6, 10), SW_PINHOLE_WAIT);  /* the same again */
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 2, 7, 10), SW_PINHOLE_WAIT);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 2, 8, 10 + SW_PINHOLE_LATCH_MS + 1), SW_PINHOLE_WAIT);  /* late */
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 2, 9, 2020), SW_PINHOLE_WAIT);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 2, 10, 2020), SW_PINHOLE_LATCHED);
}

static void sequence_numbers_wrap_in_a_run(void **state)
{
	struct sw_pinhole p;

	(void)state;
	side(&p, SW_LATCH_ADDR, "198.51.100.7:5000", 10);
	rtp_from(&p, "198.51.100.7:6000", 1, 65534, 10);
	rtp_from(&p, "198.51.100.7:6000", 1, 65535, 10);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 1, 0, 10), SW_PINHOLE_LATCHED);
}

static void nat_takes_any_source_only_for_private_addresses_in_the_window(void **state)
{
	struct sw_pinhole p;

	(void)state;
	side(&p, SW_LATCH_ANY, "10.0.0.7:5000", 10);
	assert_string_equal(target(&p, SW_RTP_RTP), "-");  /* that 10.0.0.7 is in their network, not in ours */
	assert_int_equal(rtcp_from(&p, "203.0.113.9:7001", 10), SW_PINHOLE_STRANGER);  /* RTP goes first */
	rtp_from(&p, "203.0.113.9:7000", 1, 1, 10);
	rtp_from(&p, "203.0.113.9:7000", 1, 2, 10);
	assert_int_equal(rtp_from(&p, "203.0.113.9:7000", 1, 3, 10), SW_PINHOLE_LATCHED);
	assert_string_equal(target(&p, SW_RTP_RTP), "203.0.113.9:7000");
	assert_int_equal(rtcp_from(&p, "203.0.113.10:7001", 10), SW_PINHOLE_STRANGER);
	assert_int_equal(rtcp_from(&p, "203.0.113.9:7001", 10), SW_PINHOLE_PASS);

	side(&p, SW_LATCH_ANY, "10.0.0.7:5000", 10);
	assert_int_equal(rtp_from(&p, "203.0.113.9:7000", 1, 1, 10 + SW_PINHOLE_WINDOW_MS), SW_PINHOLE_WAIT);
	assert_int_equal(rtp_from(&p, "203.0.113.9:7000", 1, 2, 11 + SW_PINHOLE_WINDOW_MS), SW_PINHOLE_STRANGER);

	side(&p, SW_LATCH_ANY, "198.51.100.7:5000", 10);  /* public: no more than comedia */
	assert_int_equal(rtp_from(&p, "203.0.113.9:7000", 1, 1, 10), SW_PINHOLE_STRANGER);
	assert_int_equal(rtp_from(&p, "198.51.100.7:7000", 1, 1, 10), SW_PINHOLE_WAIT);
}

static void a_latch_ends_by_new_sdp_only(void **state)
{
	struct sw_media_remote r = { .call = 1, .stream = 2, .send = true, .receive = true, .latch = SW_LATCH_ADDR,
				     .rtp = at("198.51.100.7:5000") };
	struct sw_pinhole p;

	(void)state;
	side(&p, SW_LATCH_ADDR, "198.51.100.7:5000", 10);
	for (uint16_t seq = 1; seq <= 3; seq++)
		rtp_from(&p, "198.51.100.7:6000", 1, seq, 10);
	r.relatch = true;  /* the same SDP */
	assert_int_equal(sw_pinhole_connect(&p, &r, 20), 0);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 1, 4, 20), SW_PINHOLE_PASS);
	r.relatch = false;  /* another, but not to be followed */
	r.rtp = at("198.51.100.7:5010");
	assert_int_equal(sw_pinhole_connect(&p, &r, 20), 0);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 1, 5, 20), SW_PINHOLE_PASS);
	r.relatch = true;
	r.rtp = at("198.51.100.9:5010");
	assert_int_equal(sw_pinhole_connect(&p, &r, 20), 0);
	assert_int_equal(rtp_from(&p, "198.51.100.7:6000", 1, 6, 20), SW_PINHOLE_STRANGER);
	assert_int_equal(rtp_from(&p, "198.51.100.9:6000", 1, 6, 20), SW_PINHOLE_WAIT);
	assert_string_equal(target(&p, SW_RTP_RTP), "198.51.100.9:5010");
}

static void strict_follows_the_signalling_at_once(void **state)
{
	struct sw_media_remote r = { .call = 1, .stream = 2, .send = true, .receive = true, .latch = SW_LATCH_ADDR_PORT,
				     .rtp = at("198.51.100.9:5010"), .rtcp = at("198.51.100.9:5020") };
	struct sw_pinhole p;

	(void)state;
	side(&p, SW_LATCH_ADDR_PORT, "198.51.100.7:5000", 10);
	assert_int_equal(rtp_from(&p, "198.51.100.7:5000", 1, 1, 10), SW_PINHOLE_LATCHED);
	assert_int_equal(sw_pinhole_connect(&p, &r, 20), 0);
	assert_int_equal(rtp_from(&p, "198.51.100.7:5000", 1, 2, 20), SW_PINHOLE_STRANGER);
	assert_int_equal(rtp_from(&p, "198.51.100.9:5010", 1, 2, 20), SW_PINHOLE_LATCHED);
	assert_string_equal(target(&p, SW_RTP_RTCP), "198.51.100.9:5020");
}

static void another_family_shuts_the_side(void **state)
{
	struct sw_media_remote r = { .call = 1, .stream = 2, .send = true, .receive = true, .rtp = at("[2001:db8::1]:5000") };
	struct sw_pinhole p;

	(void)state;
	side(&p, SW_LATCH_ADDR_PORT, "198.51.100.7:5000", 10);
	assert_int_equal(sw_pinhole_connect(&p, &r, 20), SW_EINVALID);
	assert_int_equal(rtp_from(&p, "198.51.100.7:5000", 1, 1, 20), SW_PINHOLE_STRANGER);
	assert_string_equal(target(&p, SW_RTP_RTP), "-");
}

static void hold_stops_both_ways(void **state)
{
	struct sw_media_remote r = { .call = 1, .stream = 2, .latch = SW_LATCH_ADDR_PORT, .rtp = at("198.51.100.7:5000") };
	struct sw_pinhole p;

	(void)state;
	side(&p, SW_LATCH_ADDR_PORT, "198.51.100.7:5000", 10);
	assert_int_equal(sw_pinhole_connect(&p, &r, 20), 0);
	assert_int_equal(rtp_from(&p, "198.51.100.7:5000", 1, 1, 20), SW_PINHOLE_HELD);
	assert_string_equal(target(&p, SW_RTP_RTP), "-");
	r.receive = r.send = true;
	assert_int_equal(sw_pinhole_connect(&p, &r, 30), 0);
	assert_int_equal(rtp_from(&p, "198.51.100.7:5000", 1, 2, 30), SW_PINHOLE_LATCHED);
}

static void mux_sends_rtcp_to_the_rtp_port(void **state)
{
	struct sw_media_remote r = { .call = 1, .stream = 2, .send = true, .receive = true, .mux = true,
				     .rtp = at("198.51.100.7:5000") };
	struct sw_pinhole p;

	(void)state;
	side(&p, SW_LATCH_ADDR_PORT, "198.51.100.7:5000", 10);
	assert_int_equal(sw_pinhole_port_kind(&p, 0), SW_RTP_PORT_RTP);
	assert_int_equal(sw_pinhole_connect(&p, &r, 20), 0);
	assert_int_equal(sw_pinhole_port_kind(&p, 0), SW_RTP_PORT_MUX);
	assert_string_equal(target(&p, SW_RTP_RTCP), "198.51.100.7:5000");
}

static void a_flood_from_the_right_source_is_capped(void **state)
{
	struct sw_media_remote r = { .call = 1, .stream = 2, .send = true, .receive = true, .rtp = at("198.51.100.7:5000") };
	struct sw_addr src = at("198.51.100.7:5000");
	struct sw_rtp_info i = { .kind = SW_RTP_RTP };
	unsigned passed = 0, over = 0;
	struct sw_pinhole p;

	(void)state;
	sw_pinhole_init(&p, SW_SIDE_A, true, 80, NULL);
	p.local = at("192.0.2.1:40000");
	assert_int_equal(sw_pinhole_connect(&p, &r, 10), 0);
	/* by packets: 290 a second for 80 kbit/s */
	for (int n = 0; n < 1000; n++)
		if (sw_pinhole_admit(&p, 0, &i, 12, &src, 10) == SW_PINHOLE_OVER_RATE)
			over++;
		else
			passed++;
	assert_int_equal(passed, 290);
	assert_int_equal(p.dropped, over);
	/* by bits: after the burst, 80 kbit in a second */
	passed = 0;
	for (uint64_t ms = 20000; ms < 40000; ms += 10)
		passed += sw_pinhole_admit(&p, 0, &i, 1000, &src, ms) == SW_PINHOLE_PASS ? 1000 : 0;
	assert_in_range(passed, 20 * 10000, 20 * 10000 + 65536);
}

static void figures_are_sound_after_an_hour_of_silence(void **state)
{
	struct sw_pinhole p;

	(void)state;
	side(&p, SW_LATCH_ADDR_PORT, "198.51.100.7:5000", 10);
	assert_int_equal(rtp_from(&p, "198.51.100.7:5000", 1, 1, 10), SW_PINHOLE_LATCHED);
	assert_int_equal(rtp_from(&p, "198.51.100.7:5000", 1, 2, 3600000), SW_PINHOLE_PASS);
	assert_int_equal(p.last, 3600000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_are_told_apart_by_their_first_bytes),
		cmocka_unit_test(closed_until_the_remote_is_known),
		cmocka_unit_test(strict_believes_the_signalled_port_from_the_first_packet),
		cmocka_unit_test(comedia_latches_after_three_in_a_row),
		cmocka_unit_test(a_run_is_broken_by_another_source_ssrc_order_or_time),
		cmocka_unit_test(sequence_numbers_wrap_in_a_run),
		cmocka_unit_test(nat_takes_any_source_only_for_private_addresses_in_the_window),
		cmocka_unit_test(a_latch_ends_by_new_sdp_only),
		cmocka_unit_test(strict_follows_the_signalling_at_once),
		cmocka_unit_test(another_family_shuts_the_side),
		cmocka_unit_test(hold_stops_both_ways),
		cmocka_unit_test(mux_sends_rtcp_to_the_rtp_port),
		cmocka_unit_test(a_flood_from_the_right_source_is_capped),
		cmocka_unit_test(figures_are_sound_after_an_hour_of_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
