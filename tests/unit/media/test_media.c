/* SPDX-License-Identifier: Apache-2.0 */
/* Packets through a real media process: what an endpoint, an attacker and the edge see. */
#include "lab.h"

#include <signal.h>
#include <sys/wait.h>

static void media_flows_both_ways_from_the_advertised_ports(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct sw_addr from;
	struct phone a, b;
	struct lab lab;

	(void)state;
	lab_start(&lab);
	phone_new(&a);
	phone_new(&b);
	lab_call(&lab, &o, &a, &b);
	assert_int_equal(lab.port[0] % 2, 0);
	assert_in_range(lab.port[0], 40000, 40398);
	phone_say(&a, "hello");
	phone_hears(&b, 12, "hello", &from);
	assert_true(sw_addr_eq(&from, &b.peer));
	phone_say(&b, "well, hello");
	phone_hears(&a, 12, "well, hello", &from);
	assert_true(sw_addr_eq(&from, &a.peer));
	lab_query(&lab, 11);
	assert_int_equal(lab.n_stats, 1);
	assert_int_equal(lab.stats[0].call, 11);
	assert_int_equal(lab.stats[0].stream, 21);
	assert_int_equal(lab.stats[0].packets[0], 1);
	assert_int_equal(lab.stats[0].packets[1], 1);
	assert_int_equal(lab.stats[0].bytes[0], 17);
	assert_int_equal(lab.stats[0].bytes[1], 23);
	assert_true(lab.stats[0].latched[0] && lab.stats[0].latched[1]);
	assert_true(sw_addr_eq(&lab.stats[0].source[0], &a.addr));
	assert_true(lab.stats[0].ms_since_packet[0] < LAB_MS);
	assert_memory_equal(lab.stats[0].port, lab.port, sizeof(lab.port));
	assert_int_equal(lab.events[SW_MEDIA_LATCHED], 2);
	phone_free(&a);
	phone_free(&b);
	lab_stop(&lab);
}

static void closed_until_both_sides_are_known(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct sw_media_remote r;
	struct phone a, b;
	struct lab lab;

	(void)state;
	lab_start(&lab);
	phone_new(&a);
	phone_new(&b);
	assert_int_equal(lab_open(&lab, &o), SW_R_OK);
	phone_dial(&a, &lab, 0, lab.port[0]);
	phone_dial(&b, &lab, 1, lab.port[1]);
	phone_say(&a, "nobody known");
	LAB_UNTIL(lab_query(&lab, 11), lab.stats[0].unexpected[0] > 0);
	assert_int_equal(lab.stats[0].ms_since_packet[0], UINT32_MAX);
	r = lab_remote(&o, SW_SIDE_A, &a);
	assert_int_equal(sw_media_connect(lab.media, &r), 0);
	lab_query(&lab, 11);
	phone_say(&a, "b unknown");
	LAB_UNTIL(lab_query(&lab, 11), lab.stats[0].dropped[0] > 0);
	r = lab_remote(&o, SW_SIDE_B, &b);
	assert_int_equal(sw_media_connect(lab.media, &r), 0);
	lab_query(&lab, 11);
	phone_say(&a, "now");
	phone_hears_rtp(&b, "now");
	assert_int_equal(lab.stats[0].packets[0], 0);
	phone_free(&a);
	phone_free(&b);
	lab_stop(&lab);
}

static void strangers_are_neither_forwarded_nor_answered(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct phone a, b, mallory, twin;
	struct lab lab;

	(void)state;
	lab_start(&lab);
	phone_new(&a);
	phone_new(&b);
	phone_new(&mallory);
	phone_at(&twin, &a.addr, 0);  /* a's host, another port */
	lab_call(&lab, &o, &a, &b);
	mallory.peer = twin.peer = a.peer;
	for (int i = 0; i < 5; i++) {
		phone_say(&mallory, "bleed");
		phone_say(&twin, "bleed");
	}
	phone_say(&a, "the real one");
	phone_hears_rtp(&b, "the real one");
	phone_say(&b, "an answer");
	phone_hears_rtp(&a, "an answer");
	lab_query(&lab, 11);
	assert_int_equal(lab.stats[0].unexpected[0], 10);
	assert_int_equal(lab.stats[0].packets[0], 1);
	phone_hears_nothing_now(&mallory);
	phone_hears_nothing_now(&twin);
	phone_hears_nothing_now(&b);
	lab_get_status(&lab);
	assert_int_equal(lab.status.unexpected, 10);
	assert_int_equal(lab.status.packets, 2);
	phone_free(&a);
	phone_free(&b);
	phone_free(&mallory);
	phone_free(&twin);
	lab_stop(&lab);
}

static void comedia_latches_the_real_source_and_keeps_it(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct phone a, b, twin;
	struct sw_media_remote r;
	struct lab lab;

	(void)state;
	lab_start(&lab);
	phone_new(&a);
	phone_new(&b);
	phone_at(&twin, &a.addr, 0);
	lab_call(&lab, &o, &a, &b);
	r = lab_remote(&o, SW_SIDE_A, &a);
	r.latch = SW_LATCH_ADDR;
	sw_addr_set_port(&r.rtp, 9);  /* what the SDP said; a sends from elsewhere */
	assert_int_equal(sw_media_connect(lab.media, &r), 0);
	lab_query(&lab, 11);
	twin.peer = a.peer;
	phone_say(&a, "1");
	phone_say(&a, "2");
	phone_say(&a, "3");
	phone_hears_rtp(&b, "3");
	lab_wait(&lab, &lab.events[SW_MEDIA_LATCHED], 0);
	assert_int_equal(lab.last_event.stream, 21);
	assert_true(sw_addr_eq(&lab.last_event.source[0], &a.addr));
	for (int i = 0; i < 6; i++)
		phone_say(&twin, "steal");
	phone_say(&a, "4");
	phone_hears_rtp(&b, "4");
	phone_say(&b, "to the latched one");
	phone_hears_rtp(&a, "to the latched one");
	phone_hears_nothing_now(&twin);
	lab_query(&lab, 11);
	assert_int_equal(lab.stats[0].unexpected[0], 6);
	assert_int_equal(lab.stats[0].packets[0], 2);
	/* new SDP names the twin */
	r.rtp = twin.addr;
	assert_int_equal(sw_media_connect(lab.media, &r), 0);
	lab_query(&lab, 11);
	for (int i = 0; i < 3; i++)
		phone_say(&twin, "moved");
	phone_hears_rtp(&b, "moved");
	phone_say(&b, "over there");
	phone_hears_rtp(&twin, "over there");
	phone_free(&a);
	phone_free(&b);
	phone_free(&twin);
	lab_stop(&lab);
}

static void hold_and_resume(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct sw_media_remote r;
	struct phone a, b;
	struct lab lab;

	(void)state;
	lab_start(&lab);
	phone_new(&a);
	phone_new(&b);
	lab_call(&lab, &o, &a, &b);
	r = lab_remote(&o, SW_SIDE_B, &b);
	r.send = false;
	assert_int_equal(sw_media_connect(lab.media, &r), 0);
	lab_query(&lab, 11);
	phone_say(&a, "to a held one");
	phone_say(&b, "still speaks");
	phone_hears_rtp(&a, "still speaks");
	LAB_UNTIL(lab_query(&lab, 11), lab.stats[0].dropped[0] > 0);
	r.send = true;
	r.receive = false;
	assert_int_equal(sw_media_connect(lab.media, &r), 0);
	lab_query(&lab, 11);
	phone_say(&b, "muted");
	phone_say(&a, "back");
	phone_hears_rtp(&b, "back");
	LAB_UNTIL(lab_query(&lab, 11), lab.stats[0].dropped[1] > 0);
	r.receive = true;
	assert_int_equal(sw_media_connect(lab.media, &r), 0);
	lab_query(&lab, 11);
	phone_say(&b, "again");
	phone_hears_rtp(&a, "again");
	phone_free(&a);
	phone_free(&b);
	lab_stop(&lab);
}

/* A phone's RTCP socket, one above its RTP one or wherever there is room; sends to the port above. */
static void rtcp_of(struct phone *rtcp, const struct phone *rtp)
{
	phone_at(rtcp, &rtp->addr, 0);
	rtcp->peer = rtp->peer;
	sw_addr_set_port(&rtcp->peer, (uint16_t)(sw_addr_port(&rtp->peer) + 1));
}

static void rtcp_has_its_own_port(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct phone a, b, ac, bc;
	struct sw_media_remote r;
	struct sw_addr from;
	struct lab lab;

	(void)state;
	lab_start(&lab);
	phone_new(&a);
	phone_new(&b);
	lab_call(&lab, &o, &a, &b);
	rtcp_of(&ac, &a);
	rtcp_of(&bc, &b);
	r = lab_remote(&o, SW_SIDE_A, &a);
	r.rtcp = ac.addr;
	assert_int_equal(sw_media_connect(lab.media, &r), 0);
	r = lab_remote(&o, SW_SIDE_B, &b);
	r.rtcp = bc.addr;
	assert_int_equal(sw_media_connect(lab.media, &r), 0);
	lab_query(&lab, 11);
	phone_say_rtcp(&ac, "report a");
	phone_hears(&bc, 8, "report a", &from);
	assert_true(sw_addr_eq(&from, &bc.peer));
	phone_say_rtcp(&bc, "report b");
	phone_hears(&ac, 8, "report b", &from);
	assert_true(sw_addr_eq(&from, &ac.peer));
	phone_say(&a, "rtp goes its own way");
	phone_hears_rtp(&b, "rtp goes its own way");
	lab_query(&lab, 11);
	assert_int_equal(lab.stats[0].rtcp[0], 1);
	assert_int_equal(lab.stats[0].rtcp[1], 1);
	assert_int_equal(lab.stats[0].packets[0], 2);
	phone_free(&ac);
	phone_free(&bc);
	phone_free(&a);
	phone_free(&b);
	lab_stop(&lab);
}

/* True when somebody has that port of the interface. */
static bool is_bound(const struct lab *lab, int interface, uint16_t port)
{
	struct sw_addr a = lab->setup.addresses[interface];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	sw_addr_set_port(&a, port);
	err = bind(fd, &a.sa, sw_addr_len(&a));
	close(fd);
	return err < 0;
}

static void a_muxed_side_meets_one_with_two_ports(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct sw_media_remote ra, rb;
	struct phone a, b, bc;
	struct lab lab;

	(void)state;
	lab_start(&lab);
	phone_new(&a);
	phone_new(&b);
	lab_call(&lab, &o, &a, &b);
	rtcp_of(&bc, &b);
	assert_true(is_bound(&lab, 0, (uint16_t)(lab.port[0] + 1)));
	ra = lab_remote(&o, SW_SIDE_A, &a);
	ra.mux = true;
	assert_int_equal(sw_media_connect(lab.media, &ra), 0);
	rb = lab_remote(&o, SW_SIDE_B, &b);
	rb.rtcp = bc.addr;
	assert_int_equal(sw_media_connect(lab.media, &rb), 0);
	lab_query(&lab, 11);
	assert_false(is_bound(&lab, 0, (uint16_t)(lab.port[0] + 1)));
	assert_true(is_bound(&lab, 1, (uint16_t)(lab.port[1] + 1)));
	phone_say_rtcp(&a, "on the rtp port");
	phone_hears(&bc, 8, "on the rtp port", NULL);
	phone_say_rtcp(&bc, "on the rtcp port");
	phone_hears(&a, 8, "on the rtcp port", NULL);
	/* both mux, then the first one no more */
	rb.mux = true;
	assert_int_equal(sw_media_connect(lab.media, &rb), 0);
	lab_query(&lab, 11);
	phone_say_rtcp(&a, "both");
	phone_hears(&b, 8, "both", NULL);
	ra.mux = false;
	assert_int_equal(sw_media_connect(lab.media, &ra), 0);
	lab_query(&lab, 11);
	assert_true(is_bound(&lab, 0, (uint16_t)(lab.port[0] + 1)));
	phone_free(&a);
	phone_free(&b);
	phone_free(&bc);
	lab_stop(&lab);
}

static void size_and_shape_are_checked(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	static uint8_t big[3000] = { 0x80 };
	struct phone a, b;
	struct lab lab;

	(void)state;
	lab_start(&lab);
	phone_new(&a);
	phone_new(&b);
	lab_call(&lab, &o, &a, &b);
	phone_say_bytes(&a, big, sizeof(big));
	phone_say_bytes(&a, big, 2049);
	phone_say_bytes(&a, big, 11);
	phone_say_bytes(&a, big, 0);
	phone_say_bytes(&a, "GET / HTTP/1.0\r\n\r\n", 18);
	phone_say(&a, "good");
	phone_hears_rtp(&b, "good");
	lab_query(&lab, 11);
	assert_int_equal(lab.stats[0].dropped[0], 5);
	assert_int_equal(lab.stats[0].packets[0], 1);
	phone_free(&a);
	phone_free(&b);
	lab_stop(&lab);
}

static void dtls_and_stun_pass_between_the_right_ones(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	static const uint8_t hello[64] = { 22, 0xfe, 0xff, [13] = 'd', 't', 'l', 's' };
	static const uint8_t ping[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 's' };
	struct phone a, b;
	char pkt[128];
	struct lab lab;

	(void)state;
	lab_start(&lab);
	phone_new(&a);
	phone_new(&b);
	lab_call(&lab, &o, &a, &b);
	phone_say_bytes(&a, hello, sizeof(hello));
	assert_int_equal(recv(b.fd, pkt, sizeof(pkt), 0), sizeof(hello));
	assert_memory_equal(pkt, hello, sizeof(hello));
	phone_say_bytes(&b, ping, sizeof(ping));
	assert_int_equal(recv(a.fd, pkt, sizeof(pkt), 0), sizeof(ping));
	assert_memory_equal(pkt, ping, sizeof(ping));
	phone_free(&a);
	phone_free(&b);
	lab_stop(&lab);
}

static void a_single_port_carries_what_is_not_rtp(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct phone a, b;
	struct lab lab;

	(void)state;
	o.pair = false;
	lab_start(&lab);
	phone_new(&a);
	phone_new(&b);
	lab_call(&lab, &o, &a, &b);
	assert_false(is_bound(&lab, 0, (uint16_t)(lab.port[0] + 1)));
	phone_say_bytes(&a, "\x40" "bfcp", 5);
	phone_hears(&b, 1, "bfcp", NULL);
	phone_free(&a);
	phone_free(&b);
	lab_stop(&lab);
}

static void ipv6_meets_ipv4(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct sw_addr v6;
	struct phone a, b;
	struct lab lab;
	int fd;

	(void)state;
	assert_int_equal(sw_addr_parse(&v6, SW_STR("::1"), 0), 0);
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, &v6.sa, sw_addr_len(&v6)) < 0) {
		if (fd >= 0)
			close(fd);
		skip();
	}
	close(fd);
	lab_init(&lab);
	lab.setup.addresses[1] = v6;
	lab_start_process(&lab);
	lab_start_edge(&lab);
	phone_new(&a);
	phone_at(&b, &v6, 0);
	lab_call(&lab, &o, &a, &b);
	phone_say(&a, "four to six");
	phone_hears_rtp(&b, "four to six");
	phone_say(&b, "six to four");
	phone_hears_rtp(&a, "six to four");
	phone_free(&a);
	phone_free(&b);
	lab_stop(&lab);
}

static void closing_gives_the_final_figures_and_rests_the_ports(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21), o2 = lab_open_args(11, 22);
	struct phone a, b;
	uint16_t port[2];
	struct lab lab;
	unsigned was;

	(void)state;
	lab_start(&lab);
	phone_new(&a);
	phone_new(&b);
	lab_call(&lab, &o, &a, &b);
	memcpy(port, lab.port, sizeof(port));
	assert_int_equal(lab_open(&lab, &o2), SW_R_OK);
	phone_say(&a, "x");
	phone_hears_rtp(&b, "x");
	lab_get_status(&lab);
	assert_int_equal(lab.status.ports_total, 800);
	assert_int_equal(lab.status.ports_free, 792);
	assert_int_equal(lab.status.streams, 2);
	assert_int_equal(lab.status.pinholes, 4);
	was = lab.answered;
	assert_int_equal(sw_media_close_call(lab.media, 11, lab_on_stats, &lab), 0);
	lab_wait(&lab, &lab.answered, was);
	assert_int_equal(lab.n_stats, 2);
	assert_int_equal(lab.stats[0].stream, 21);
	assert_int_equal(lab.stats[0].packets[0], 1);
	assert_int_equal(lab.stats[1].stream, 22);
	lab_get_status(&lab);
	assert_int_equal(lab.status.streams, 0);
	assert_int_equal(lab.status.ports_free, 792);
	assert_int_equal(lab.status.ports_quarantined, 8);
	assert_false(is_bound(&lab, 0, port[0]));
	/* the call is gone, and its ports rest */
	was = lab.answered;
	assert_int_equal(sw_media_close_call(lab.media, 11, lab_on_stats, &lab), 0);
	lab_wait(&lab, &lab.answered, was);
	assert_int_equal(lab.n_stats, 0);
	o.want_port[0] = port[0];
	o.want_port[1] = port[1];
	assert_int_equal(lab_open(&lab, &o), SW_R_MEDIA_PORTS);
	phone_free(&a);
	phone_free(&b);
	lab_stop(&lab);
}

static void exhausted_ports_are_refused_and_closing_one_stream_is_enough(void **state)
{
	struct sw_media_open o;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab.setup.port_high = 40005;  /* three pairs each side */
	lab.setup.quarantine_ms = 0;
	lab_start_process(&lab);
	lab_start_edge(&lab);
	for (sw_id id = 1; id <= 3; id++) {
		o = lab_open_args(100 + id, id);
		assert_int_equal(lab_open(&lab, &o), SW_R_OK);
	}
	o = lab_open_args(104, 4);
	assert_int_equal(lab_open(&lab, &o), SW_R_MEDIA_PORTS);
	assert_int_equal(sw_media_close(lab.media, 2), 0);
	LAB_UNTIL(lab_get_status(&lab), lab.status.ports_free > 0);
	assert_int_equal(lab_open(&lab, &o), SW_R_OK);
	lab_stop(&lab);
}

static void a_port_others_hold_is_passed_over(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct sw_addr taken;
	struct phone other;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab.setup.port_high = 40003;
	taken = lab.setup.addresses[0];
	phone_at(&other, &taken, 40001);  /* the RTCP port of the first pair */
	lab_start_process(&lab);
	lab_start_edge(&lab);
	assert_int_equal(lab_open(&lab, &o), SW_R_OK);
	assert_int_equal(lab.port[0], 40002);
	phone_free(&other);
	lab_stop(&lab);
}

static void a_call_has_a_bounded_number_of_streams(void **state)
{
	struct lab lab;

	(void)state;
	lab_start(&lab);
	for (sw_id id = 1; id <= SW_MEDIA_CALL_STREAMS + 1; id++) {
		struct sw_media_open o = lab_open_args(11, id);

		assert_int_equal(lab_open(&lab, &o), id <= SW_MEDIA_CALL_STREAMS ? SW_R_OK : SW_R_MEDIA_PORTS);
	}
	lab_query(&lab, 11);
	assert_int_equal(lab.n_stats, SW_MEDIA_CALL_STREAMS);
	lab_stop(&lab);
}

static void bad_arguments_are_refused_at_once(void **state)
{
	struct sw_media_open o = lab_open_args(11, 0);
	struct sw_media_remote r = { .call = 1, .stream = 1, .send = true };
	static const char *const bad[] = { "0.0.0.0:5000", "192.0.2.1:0", "224.0.0.1:5000", "255.255.255.255:5000",
					   "0.1.2.3:5000", "[::]:5000", "[ff02::1]:5000", "[::ffff:192.0.2.1]:5000" };
	struct lab lab;

	(void)state;
	lab_start(&lab);
	assert_int_equal(sw_media_open(lab.media, &o, lab_on_opened, &lab), SW_EINVALID);
	o = lab_open_args(11, 21);
	o.want_port[0] = 40001;
	assert_int_equal(sw_media_open(lab.media, &o, lab_on_opened, &lab), SW_EINVALID);
	o.want_port[0] = 0;
	o.interface[1] = 9;  /* fits the record; the process knows better */
	assert_int_equal(lab_open(&lab, &o), SW_R_MEDIA_PORTS);
	assert_int_equal(sw_media_connect(lab.media, &r), SW_EINVALID);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(sw_addr_parse(&r.rtp, sw_str_of(bad[i]), 0), 0);
		assert_int_equal(sw_media_connect(lab.media, &r), SW_EINVALID);
	}
	assert_int_equal(sw_media_close(lab.media, 0), SW_EINVALID);
	lab_stop(&lab);
}

static void idle_is_reported_and_held_streams_are_not(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21), held = lab_open_args(12, 22);
	struct phone a, b;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab.setup.idle_ms = 100;
	lab_start_process(&lab);
	lab_start_edge(&lab);
	phone_new(&a);
	phone_new(&b);
	lab_call(&lab, &held, &a, &b);
	for (uint8_t side = 0; side < 2; side++) {
		struct sw_media_remote r = lab_remote(&held, side, &a);

		r.send = r.receive = false;
		assert_int_equal(sw_media_connect(lab.media, &r), 0);
	}
	lab_call(&lab, &o, &a, &b);
	lab_wait(&lab, &lab.events[SW_MEDIA_IDLE], 0);
	assert_int_equal(lab.last_event.stream, 21);
	lab_wait(&lab, &lab.events[SW_MEDIA_IDLE], lab.events[SW_MEDIA_IDLE]);
	assert_int_equal(lab.last_event.stream, 21);
	lab_query(&lab, 12);
	assert_int_equal(lab.n_stats, 1);
	phone_free(&a);
	phone_free(&b);
	lab_stop(&lab);
}

static void idle_streams_close_where_the_operator_wants_it(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct phone a, b;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	lab.setup.idle_ms = 100;
	lab.setup.close_idle = true;
	lab_start_process(&lab);
	lab_start_edge(&lab);
	phone_new(&a);
	phone_new(&b);
	lab_call(&lab, &o, &a, &b);
	phone_say(&a, "x");
	phone_hears_rtp(&b, "x");
	lab_wait(&lab, &lab.events[SW_MEDIA_CLOSED_IDLE], 0);
	assert_int_equal(lab.last_event.stream, 21);
	assert_int_equal(lab.last_event.packets[0], 1);
	lab_query(&lab, 11);
	assert_int_equal(lab.n_stats, 0);
	phone_free(&a);
	phone_free(&b);
	lab_stop(&lab);
}

static int run_child(const struct lab *lab)
{
	int pid = fork();

	if (pid == 0) {
		int fd = dup(lab->pair[1]);

		_exit(sw_media_process(fd, &lab->setup));
	}
	return pid;
}

static void sigterm_ends_it_well(void **state)
{
	int pid, status;
	struct lab lab;

	(void)state;
	lab_init(&lab);
	pid = run_child(&lab);
	lab_start_edge(&lab);
	lab_get_status(&lab);
	assert_int_equal(kill(pid, SIGINT), 0);  /* not for it */
	lab_get_status(&lab);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	lab_stop(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(media_flows_both_ways_from_the_advertised_ports),
		cmocka_unit_test(closed_until_both_sides_are_known),
		cmocka_unit_test(strangers_are_neither_forwarded_nor_answered),
		cmocka_unit_test(comedia_latches_the_real_source_and_keeps_it),
		cmocka_unit_test(hold_and_resume),
		cmocka_unit_test(rtcp_has_its_own_port),
		cmocka_unit_test(a_muxed_side_meets_one_with_two_ports),
		cmocka_unit_test(size_and_shape_are_checked),
		cmocka_unit_test(dtls_and_stun_pass_between_the_right_ones),
		cmocka_unit_test(a_single_port_carries_what_is_not_rtp),
		cmocka_unit_test(ipv6_meets_ipv4),
		cmocka_unit_test(closing_gives_the_final_figures_and_rests_the_ports),
		cmocka_unit_test(exhausted_ports_are_refused_and_closing_one_stream_is_enough),
		cmocka_unit_test(a_port_others_hold_is_passed_over),
		cmocka_unit_test(a_call_has_a_bounded_number_of_streams),
		cmocka_unit_test(bad_arguments_are_refused_at_once),
		cmocka_unit_test(idle_is_reported_and_held_streams_are_not),
		cmocka_unit_test(idle_streams_close_where_the_operator_wants_it),
		cmocka_unit_test(sigterm_ends_it_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
