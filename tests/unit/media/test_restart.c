/* SPDX-License-Identifier: Apache-2.0 */
/* The pair outlives its ends: restarts of the edge and of the process, silence, garbage, what the edge may do in callbacks. */
#include "lab.h"

#include <signal.h>
#include <sys/wait.h>

static int start_child(struct lab *lab)
{
	int pid = fork();

	if (pid == 0)
		_exit(sw_media_process(fcntl(lab->pair[1], F_DUPFD_CLOEXEC, 3), &lab->setup));
	assert_true(pid > 0);
	return pid;
}

static void kill_child(int pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void after_a_restart_of_the_process_streams_open_on_their_old_ports(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct phone a, b;
	uint16_t port[2];
	struct lab lab;
	unsigned was;
	int pid;

	(void)state;
	lab_init(&lab);
	pid = start_child(&lab);
	lab_start_edge(&lab);
	phone_new(&a);
	phone_new(&b);
	lab_call(&lab, &o, &a, &b);
	phone_say(&a, "before");
	phone_hears_rtp(&b, "before");
	memcpy(port, lab.port, sizeof(port));
	kill_child(pid);
	was = lab.answered;
	assert_int_equal(sw_media_query(lab.media, 11, lab_on_stats, &lab), 0);
	lab_start_process(&lab);
	lab_wait(&lab, &lab.events[SW_MEDIA_LOST], 0);
	assert_int_equal(lab.answered, was + 1);  /* the question to the dead failed first */
	assert_int_equal(lab.n_stats, 0);
	o.want_port[0] = port[0];
	o.want_port[1] = port[1];
	lab_call(&lab, &o, &a, &b);
	assert_memory_equal(lab.port, port, sizeof(port));
	phone_say(&a, "after");
	phone_hears_rtp(&b, "after");
	assert_int_equal(lab.events[SW_MEDIA_LOST], 1);
	phone_free(&a);
	phone_free(&b);
	lab_stop(&lab);
}

static void media_flows_through_a_restart_of_the_edge_which_takes_its_streams_up(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21), lost = lab_open_args(12, 22);
	struct sw_media_remote r;
	struct phone a, b, c;
	uint16_t port[2];
	struct lab lab;

	(void)state;
	lab_start(&lab);
	phone_new(&a);
	phone_new(&b);
	phone_new(&c);
	lab_call(&lab, &o, &a, &b);
	memcpy(port, lab.port, sizeof(port));
	assert_int_equal(lab_open(&lab, &lost), SW_R_OK);
	assert_int_equal(sw_media_query(lab.media, 11, lab_on_stats, &lab), 0);  /* its answer finds nobody */
	sw_media_free(lab.media);
	phone_say(&a, "nobody at the wheel");
	phone_hears_rtp(&b, "nobody at the wheel");
	lab_start_edge(&lab);
	assert_int_equal(lab_open(&lab, &o), SW_R_OK);
	assert_memory_equal(lab.port, port, sizeof(port));
	lab_query(&lab, 11);
	assert_int_equal(lab.stats[0].packets[0], 1);
	r = lab_remote(&o, SW_SIDE_B, &c);
	assert_int_equal(sw_media_connect(lab.media, &r), 0);
	lab_query(&lab, 11);
	phone_say(&a, "moved on");
	phone_hears_rtp(&c, "moved on");
	assert_int_equal(lab.events[SW_MEDIA_LOST], 0);
	/* the same id with other parameters is not the same stream */
	o.pair = false;
	assert_int_equal(lab_open(&lab, &o), SW_R_MEDIA_PORTS);
	lab_get_status(&lab);
	assert_int_equal(lab.status.streams, 2);  /* the one nobody took up goes on until it is idle */
	phone_free(&a);
	phone_free(&b);
	phone_free(&c);
	lab_stop(&lab);
}

/* The worker alone: the process waits a minute before it closes an orphan. */
static void an_orphan_without_packets_is_given_up(void **state)
{
	struct sw_relay_job add = { .what = SW_RELAY_ADD }, orphan = { .what = SW_RELAY_ORPHAN, .orphan = true },
			    query = { .what = SW_RELAY_QUERY }, del = { .what = SW_RELAY_REMOVE };
	struct sw_relay_stream s = { .call = 1, .stream = 2 };
	struct sw_relay_setup setup = { .notify_fd = -1, .idle_ms = 60000, .orphan_ms = 60 };
	struct sw_relay_report rep = { 0 };
	struct sw_addr local;
	struct sw_relay *r;
	bool got = false;

	(void)state;
	lab_addr(&local);
	assert_int_equal(sw_relay_start(&r, &setup), 0);
	for (uint8_t i = 0; i < 2; i++) {
		sw_addr_set_port(&local, (uint16_t)(40000 + 2 * i));
		sw_pinhole_init(&s.side[i], i, true, 0, &s);
		assert_int_equal(sw_pinhole_open(&s.side[i], &local), 0);
	}
	add.stream = orphan.stream = query.stream = del.stream = &s;
	sw_relay_post(r, &add);
	sw_relay_post(r, &orphan);
	for (uint64_t end = sw_relay_clock() + LAB_MS; !got && sw_relay_clock() < end; usleep(1000))
		got = sw_relay_report(r, &rep);
	assert_true(got);
	assert_int_equal(rep.event, SW_MEDIA_CLOSED_IDLE);
	assert_int_equal(rep.stats.stream, 2);
	sw_relay_post(r, &query);
	sw_relay_post(r, &del);
	sw_relay_stop(r);
	assert_ptr_equal(sw_relay_done(r), &add);
	assert_ptr_equal(query.next, &del);
	assert_int_equal(del.stats.stream, 2);
	assert_int_equal(s.side[0].end[0].fd, -1);
	assert_int_equal(s.side[1].end[1].fd, -1);
	sw_relay_free(r);
}

static void garbage_to_the_process_is_dropped(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	uint8_t junk[2 * sizeof(struct sw_media_msg)];
	struct sw_media_msg m;
	struct lab lab;

	(void)state;
	lab_start(&lab);
	lab_get_status(&lab);
	for (unsigned i = 0; i < 100; i++) {
		sw_random(junk, sizeof(junk));
		assert_true(send(lab.pair[0], junk, 1 + i * 3, 0) >= 0);
	}
	assert_int_equal(send(lab.pair[0], junk, 0, 0), 0);  /* an empty record is not the end of the file */
	/* well formed, but of no edge it knows */
	sw_media_put_open(&m, &o);
	m.head.token = 7;
	m.head.media = 1;
	m.head.edge = 1;
	assert_int_equal(sw_media_msg_send(lab.pair[0], &m), 0);
	/* an answer where a command should be, and every other version and size */
	sw_media_msg_init(&m, SW_MEDIA_MSG_END);
	m.head.token = 7;
	assert_int_equal(sw_media_msg_send(lab.pair[0], &m), 0);
	for (uint16_t v = 0; v < 5; v++) {
		sw_media_msg_init(&m, SW_MEDIA_MSG_HELLO);
		m.head.edge = 99;
		m.head.version = v == SW_MEDIA_PROTO ? 77 : v;
		assert_int_equal(sw_media_msg_send(lab.pair[0], &m), 0);
		m.head.version = SW_MEDIA_PROTO;
		m.head.size += 1u + v;
		assert_true(send(lab.pair[0], &m, sizeof(m.head) + v, 0) > 0);
	}
	lab_get_status(&lab);
	assert_int_equal(lab.status.streams, 0);
	assert_int_equal(lab_open(&lab, &o), SW_R_OK);
	lab_stop(&lab);
}

static void garbage_to_the_edge_is_dropped(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	uint8_t junk[2 * sizeof(struct sw_media_msg)];
	struct sw_media_msg m;
	struct lab lab;

	(void)state;
	lab_start(&lab);
	lab_get_status(&lab);
	for (unsigned i = 0; i < 100; i++) {
		sw_random(junk, sizeof(junk));
		assert_true(send(lab.pair[1], junk, i * 3, 0) >= 0);
	}
	sw_media_msg_init(&m, SW_MEDIA_MSG_OPENED);  /* from another life */
	m.head.token = 1;
	m.head.media = m.head.edge = 5;
	m.opened.port[0] = m.opened.port[1] = 2;
	assert_int_equal(sw_media_msg_send(lab.pair[1], &m), 0);
	assert_int_equal(lab_open(&lab, &o), SW_R_OK);
	assert_int_equal(lab.opened, 1);
	assert_int_equal(lab.events[SW_MEDIA_LOST], 0);
	lab_stop(&lab);
}

static void no_answer_fails_in_time_and_a_late_open_is_closed(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct lab lab;

	(void)state;
	lab_init(&lab);
	sw_loop_fake_clock(lab.loop);
	lab_start_edge(&lab);
	assert_int_equal(sw_media_open(lab.media, &o, lab_on_opened, &lab), 0);
	assert_int_equal(sw_media_query(lab.media, 11, lab_on_stats, &lab), 0);
	assert_int_equal(sw_media_status(lab.media, lab_on_status, &lab), 0);
	sw_loop_advance(lab.loop, 3999);
	assert_int_equal(lab.opened + lab.answered, 0);
	sw_loop_advance(lab.loop, 1);
	assert_int_equal(lab.opened, 1);
	assert_int_equal(lab.reason, SW_R_MEDIA_DOWN);
	assert_int_equal(lab.answered, 2);
	assert_true(lab.status_down);
	lab_start_process(&lab);
	lab_get_status(&lab);
	assert_int_equal(lab.opened, 1);
	assert_int_equal(lab.status.streams, 0);
	assert_int_equal(lab.events[SW_MEDIA_LOST], 0);
	lab_stop(&lab);
}

static void the_queue_to_a_silent_process_is_bounded(void **state)
{
	struct lab lab;
	unsigned n;
	int err = 0;

	(void)state;
	lab_init(&lab);
	lab_start_edge(&lab);
	for (n = 0; n < 100000 && err == 0; n++) {
		struct sw_media_open o = lab_open_args(1, n + 1);

		err = sw_media_open(lab.media, &o, lab_on_opened, &lab);
	}
	assert_int_equal(err, SW_ELIMIT);
	assert_in_range(n, 1000, 20000);
	assert_int_equal(lab.opened, 0);
	lab_stop(&lab);
}

static void a_flood_of_commands_is_answered_in_full(void **state)
{
	enum { N = 3000 };
	struct sw_media_open o = lab_open_args(11, 21);
	struct lab lab;
	unsigned was;

	(void)state;
	lab_start(&lab);
	assert_int_equal(lab_open(&lab, &o), SW_R_OK);
	was = lab.answered;
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(sw_media_query(lab.media, 11, lab_on_stats, &lab), 0);
	while (lab.answered < was + N)
		lab_wait(&lab, &lab.answered, lab.answered);
	assert_int_equal(lab.n_stats, 1);
	lab_stop(&lab);
}

static void forgotten_requests_are_not_called_back(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct lab lab, other = { 0 };

	(void)state;
	lab_start(&lab);
	assert_int_equal(sw_media_open(lab.media, &o, lab_on_opened, &other), 0);
	assert_int_equal(sw_media_query(lab.media, 11, lab_on_stats, &other), 0);
	assert_int_equal(sw_media_status(lab.media, lab_on_status, &other), 0);
	sw_media_forget(lab.media, &other);
	lab_query(&lab, 11);
	assert_int_equal(other.opened + other.answered, 0);
	assert_int_equal(lab.n_stats, 1);  /* open it is all the same: closing is the owner's */
	lab_stop(&lab);
}

static void free_in_callback(void *arg, const struct sw_media_status *s)
{
	struct lab *lab = arg;

	(void)s;
	sw_media_free(lab->media);
	lab->media = NULL;
	lab->answered++;
	sw_loop_stop(lab->loop);
}

static void the_edge_may_free_it_in_a_callback(void **state)
{
	struct lab lab;

	(void)state;
	lab_start(&lab);
	assert_int_equal(sw_media_status(lab.media, free_in_callback, &lab), 0);
	assert_int_equal(sw_media_query(lab.media, 1, lab_on_stats, &lab), 0);
	lab_wait(&lab, &lab.answered, 0);
	assert_int_equal(lab.answered, 1);
	lab_stop(&lab);
}

static void a_broken_pair_fails_what_waits_and_refuses_the_rest(void **state)
{
	struct sw_media_open o = lab_open_args(11, 21);
	struct lab lab;
	int none;

	(void)state;
	lab_init(&lab);
	lab_start_edge(&lab);
	assert_int_equal(sw_media_open(lab.media, &o, lab_on_opened, &lab), 0);
	close(lab.pair[1]);
	lab_wait(&lab, &lab.opened, 0);
	assert_int_equal(lab.reason, SW_R_MEDIA_DOWN);
	assert_int_equal(sw_media_open(lab.media, &o, lab_on_opened, &lab), SW_ECLOSED);
	assert_int_equal(sw_media_close(lab.media, 21), SW_ECLOSED);
	none = open("/dev/null", O_RDONLY | O_CLOEXEC);
	lab.pair[1] = none;
	lab_stop(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_restart_of_the_process_streams_open_on_their_old_ports),
		cmocka_unit_test(media_flows_through_a_restart_of_the_edge_which_takes_its_streams_up),
		cmocka_unit_test(an_orphan_without_packets_is_given_up),
		cmocka_unit_test(garbage_to_the_process_is_dropped),
		cmocka_unit_test(garbage_to_the_edge_is_dropped),
		cmocka_unit_test(no_answer_fails_in_time_and_a_late_open_is_closed),
		cmocka_unit_test(the_queue_to_a_silent_process_is_bounded),
		cmocka_unit_test(a_flood_of_commands_is_answered_in_full),
		cmocka_unit_test(forgotten_requests_are_not_called_back),
		cmocka_unit_test(the_edge_may_free_it_in_a_callback),
		cmocka_unit_test(a_broken_pair_fails_what_waits_and_refuses_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
