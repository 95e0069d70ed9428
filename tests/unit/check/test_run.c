/* SPDX-License-Identifier: Apache-2.0 */
/* The engine of pre-flight: threads, order, deadline, stop, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "check/check.h"

static struct sw_profile *profile;

static uint64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static struct sw_check *start(uint64_t timeout, uint64_t deadline, unsigned threads)
{
	struct sw_check_options o = { .profile = profile, .timeout_ms = timeout, .deadline_ms = deadline, .threads = threads };
	struct sw_check *c = NULL;

	assert_int_equal(sw_check_new(&c, &o), SW_OK);
	return c;
}

static atomic_uint freed, ran;

static void count_free(void *arg)
{
	(void)arg;
	atomic_fetch_add(&freed, 1);
}

/* --- order --- */

/* A tree of probes that end in any order: arg is the depth left and the name so far. */
struct node {
	int left;
	char name[16];
};

static void grow(struct sw_check *c, void *arg)
{
	struct node *n = arg;
	uint32_t us = (uint32_t)(rand() % 3000);

	usleep(us);
	sw_check_report(c, SW_F_TCP_REACH, SW_CHECK_PASS, n->name, NULL, "first");
	sw_check_report(c, SW_F_RUN_TIME, SW_CHECK_PASS, n->name, NULL, NULL);
	sw_check_report(c, SW_F_TCP_REACH, SW_CHECK_WARN, n->name, NULL, "second");
	for (int i = 0; i < 3 && n->left; i++) {
		struct node *child = malloc(sizeof(*child));

		assert_non_null(child);
		child->left = n->left - 1;
		snprintf(child->name, sizeof(child->name), "%.10s%d", n->name, i);
		assert_int_equal(sw_check_spawn(c, SW_STAGE_TCP, child->name, grow, child, free), SW_OK);
	}
}

static void order_is_the_same_from_run_to_run(void **state)
{
	char text[2][8192];

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct sw_check *c = start(1000, 20000, 16);
		struct node *root = calloc(1, sizeof(*root));
		const struct sw_finding *const *list;
		size_t n, at = 0;

		assert_non_null(root);
		root->left = 3;
		strcpy(root->name, "r");
		assert_int_equal(sw_check_spawn(c, SW_STAGE_TCP, "root", grow, root, free), SW_OK);
		assert_int_equal(sw_check_run(c), SW_OK);
		list = sw_check_findings(c, &n);
		assert_int_equal(n, 3 * (1 + 3 + 9 + 27));
		for (size_t i = 0; i < n; i++)
			at += (size_t)snprintf(text[round] + at, sizeof(text[round]) - at, "%s %s %s\n", sw_finding_name(list[i]->id),
					       list[i]->subject, list[i]->found ? list[i]->found : "");
		/* Stages in their order; a probe before those it spawned; within one as reported. */
		assert_int_equal(list[0]->id, SW_F_RUN_TIME);
		assert_int_equal(list[39]->id, SW_F_RUN_TIME);
		assert_int_equal(list[40]->id, SW_F_TCP_REACH);
		assert_string_equal(list[40]->found, "first");
		assert_string_equal(list[41]->found, "second");
		assert_string_equal(list[1]->subject, "r0");
		assert_string_equal(list[2]->subject, "r00");
		assert_string_equal(list[39]->subject, "r222");
		sw_check_free(c);
	}
	assert_string_equal(text[0], text[1]);
}

/* --- the end --- */

/* As a probe is to wait: for its peer, and for the run's end. */
static void wait_forever(struct sw_check *c, void *arg)
{
	struct pollfd p = { .fd = sw_check_stop_fd(c), .events = POLLIN };

	(void)arg;
	atomic_fetch_add(&ran, 1);
	while (!sw_check_stopped(c))
		poll(&p, 1, 100);
	assert_int_equal(sw_check_left(c), 0);
	sw_check_report(c, SW_F_TCP_REACH, SW_CHECK_UNKNOWN, "waited", NULL, "cut short");
}

static void deadline_ends_a_run(void **state)
{
	struct sw_check *c = start(100000, 150, 2);
	const struct sw_finding *const *list;
	struct sw_check_summary s;
	uint64_t began = clock_ms();
	size_t n, waited = 0, not_begun = 0;

	(void)state;
	atomic_store(&freed, 0);
	atomic_store(&ran, 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(sw_check_spawn(c, SW_STAGE_TLS, "waits", wait_forever, NULL, count_free), SW_OK);
	assert_int_equal(sw_check_run(c), SW_OK);
	assert_true(clock_ms() - began < 1500);
	list = sw_check_findings(c, &n);
	for (size_t i = 0; i < n; i++) {
		waited += !strcmp(list[i]->subject, "waited");
		not_begun += list[i]->id == SW_F_RUN_TIME && list[i]->status == SW_CHECK_UNKNOWN;
	}
	/* Two threads, two that were cut short; the others are told as well. */
	assert_int_equal(waited, 2);
	assert_int_equal(not_begun, 3);
	assert_int_equal(atomic_load(&ran), 2);
	sw_check_summary(c, &s);
	assert_true(s.out_of_time);
	assert_false(s.stopped);
	assert_int_equal(s.stuck, 0);
	assert_int_equal(sw_check_exit(c, false), 3);
	sw_check_free(c);
	assert_int_equal(atomic_load(&freed), 5);
}

static void stop_from_a_probe(struct sw_check *c, void *arg)
{
	(void)arg;
	sw_check_report(c, SW_F_TCP_REACH, SW_CHECK_FAIL, "found before the stop", NULL, NULL);
	sw_check_stop(c);
}

static void stop_keeps_what_there_is(void **state)
{
	struct sw_check *c = start(100000, 60000, 8);
	struct sw_check_summary s;
	uint64_t began = clock_ms();

	(void)state;
	assert_int_equal(sw_check_spawn(c, SW_STAGE_TLS, "waits", wait_forever, NULL, NULL), SW_OK);
	assert_int_equal(sw_check_spawn(c, SW_STAGE_TLS, "stops", stop_from_a_probe, NULL, NULL), SW_OK);
	assert_int_equal(sw_check_run(c), SW_OK);
	assert_true(clock_ms() - began < 1500);
	sw_check_summary(c, &s);
	assert_true(s.stopped);
	assert_int_equal(s.n[SW_CHECK_FAIL], 1);
	assert_int_equal(s.n[SW_CHECK_UNKNOWN], 1);
	assert_int_equal(sw_check_exit(c, false), 3);
	sw_check_free(c);
}

/* --- bounds --- */

static void nothing(struct sw_check *c, void *arg)
{
	(void)c;
	(void)arg;
	atomic_fetch_add(&ran, 1);
}

static void too_many_probes_are_told_once(void **state)
{
	struct sw_check *c = start(1000, 20000, 8);
	const struct sw_finding *const *list;
	size_t n;

	(void)state;
	atomic_store(&freed, 0);
	atomic_store(&ran, 0);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(sw_check_spawn(c, SW_STAGE_NET, "one", nothing, NULL, count_free), SW_OK);
	for (int i = 0; i < 20; i++)
		assert_int_equal(sw_check_spawn(c, SW_STAGE_NET, "one more", nothing, NULL, count_free), SW_ELIMIT);
	assert_int_equal(atomic_load(&freed), 20);
	assert_int_equal(sw_check_run(c), SW_OK);
	assert_int_equal(atomic_load(&ran), 2000);
	assert_int_equal(atomic_load(&freed), 2020);
	list = sw_check_findings(c, &n);
	assert_int_equal(n, 1);
	assert_int_equal(list[0]->id, SW_F_RUN_TOO_MUCH);
	assert_int_equal(list[0]->status, SW_CHECK_UNKNOWN);
	assert_int_equal(sw_check_exit(c, false), 3);
	sw_check_free(c);
}

static void floods(struct sw_check *c, void *arg)
{
	static char huge[1 << 20];
	struct sw_finding *f;

	(void)arg;
	memset(huge, 'x', sizeof(huge) - 1);
	f = sw_check_report(c, SW_F_TCP_REACH, SW_CHECK_PASS, huge, huge, huge);
	for (int i = 0; i < 5000; i++)
		sw_finding_add(c, f, "key", "%s", huge);
	sw_finding_set_fix(c, f, "%s", huge);
	for (int i = 0; i < 5000; i++) {
		f = sw_check_report(c, SW_F_TCP_REACH, SW_CHECK_PASS, "more", NULL, NULL);
		assert_non_null(f);
		sw_finding_took(f, 1);
	}
}

/* A peer that makes a probe report without end fills neither memory nor report. */
static void findings_are_bounded(void **state)
{
	struct sw_check *c = start(1000, 20000, 8);
	const struct sw_finding *const *list;
	size_t n;

	(void)state;
	assert_int_equal(sw_check_spawn(c, SW_STAGE_NET, "floods", floods, NULL, NULL), SW_OK);
	assert_int_equal(sw_check_run(c), SW_OK);
	list = sw_check_findings(c, &n);
	assert_int_equal(n, 500);
	assert_int_equal(strlen(list[0]->subject), 16 << 10);
	assert_int_equal(strlen(list[0]->fix), 16 << 10);
	assert_int_equal(list[0]->n_evidence, 200);
	sw_check_free(c);
}

/* --- exit --- */

static void report(struct sw_check *c, void *arg)
{
	sw_check_report(c, SW_F_TCP_REACH, *(const enum sw_check_status *)arg, "x", NULL, NULL);
}

static int exit_of(const enum sw_check_status *list, size_t n, bool fail_on_warn)
{
	struct sw_check *c = start(1000, 20000, 8);
	int status;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(sw_check_spawn(c, SW_STAGE_TCP, "x", report, (void *)&list[i], NULL), SW_OK);
	assert_int_equal(sw_check_run(c), SW_OK);
	status = sw_check_exit(c, fail_on_warn);
	sw_check_free(c);
	return status;
}

static void exit_status_is_the_worst(void **state)
{
	const enum sw_check_status list[] = { SW_CHECK_SKIP, SW_CHECK_PASS, SW_CHECK_WARN, SW_CHECK_UNKNOWN, SW_CHECK_FAIL };

	(void)state;
	assert_int_equal(exit_of(list, 0, false), 3);    /* nothing was looked at */
	assert_int_equal(exit_of(list, 1, false), 3);
	assert_int_equal(exit_of(list, 2, true), 0);
	assert_int_equal(exit_of(list, 3, false), 0);
	assert_int_equal(exit_of(list, 3, true), 1);
	assert_int_equal(exit_of(list, 4, true), 3);
	assert_int_equal(exit_of(list, 5, false), 2);
}

/* --- targets --- */

static int listen_on(const char *address, struct sw_addr *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(addr->in4);

	assert_int_equal(sw_addr_parse(addr, sw_str_of(address), 0), SW_OK);
	assert_int_equal(bind(fd, &addr->sa, sizeof(addr->in4)), 0);
	assert_int_equal(getsockname(fd, &addr->sa, &len), 0);
	return fd;
}

/* What becomes of one endpoint: the status of its TCP finding, and the id. */
static struct sw_finding look(const struct sw_endpoint *e, const struct sw_prefix *allowed, size_t times)
{
	struct sw_check_options o = { .profile = profile, .timeout_ms = 1000, .allowed = allowed, .n_allowed = allowed ? 1 : 0 };
	const struct sw_finding *const *list;
	struct sw_finding found;
	struct sw_check *c;
	size_t n;

	assert_int_equal(sw_check_new(&c, &o), SW_OK);
	for (size_t i = 0; i < times; i++)
		sw_check_endpoint(c, e);
	assert_int_equal(sw_check_run(c), SW_OK);
	list = sw_check_findings(c, &n);
	assert_true(n >= 1);
	for (size_t i = 1; i < n; i++)
		assert_int_not_equal(sw_finding_stage(list[i]->id), SW_STAGE_TCP);
	found = *list[0];
	found.subject = found.found = NULL;
	sw_check_free(c);
	return found;
}

static void endpoints_are_tried_once(void **state)
{
	struct sw_endpoint e = { .domain = "example.com", .host = "edge.example.com" };
	int fd = listen_on("127.0.0.1", &e.addr);
	struct sw_prefix loopback;
	struct sw_finding f;

	(void)state;
	assert_int_equal(sw_prefix_parse(&loopback, SW_STR("127.0.0.0/8")), SW_OK);
	/* Named by DNS, a loopback address is nothing to connect to. */
	f = look(&e, NULL, 1);
	assert_int_equal(f.id, SW_F_TCP_PRIVATE);
	assert_int_equal(f.status, SW_CHECK_FAIL);
	/* Bound, not listening. */
	f = look(&e, &loopback, 3);
	assert_int_equal(f.id, SW_F_TCP_REACH);
	assert_int_equal(f.status, SW_CHECK_FAIL);
	assert_int_equal(listen(fd, 5), 0);
	f = look(&e, &loopback, 3);
	assert_int_equal(f.id, SW_F_TCP_REACH);
	assert_int_equal(f.status, SW_CHECK_PASS);
	assert_true(f.ms > 0);
	/* Written by the user, it is meant. */
	e.host[0] = e.domain[0] = '\0';
	f = look(&e, NULL, 1);
	assert_int_equal(f.status, SW_CHECK_PASS);
	close(fd);
}

static void targets_that_are_none(void **state)
{
	static const char *const bad[] = {
		"", "exa mple.com", "example.com:0", "example.com:99999", "example.com:x", "sip:", "sip:bob@example.com;transport=udp",
		"http://example.com", "[::1", "192.0.2.1:0x5", "-.example.com", "1.2.3.4.5",
	};
	struct sw_check *c = start(1000, 20000, 8);
	char why[160];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		if (sw_check_target(c, bad[i], why) != SW_EPARSE)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_true(why[0] != '\0');
	}
	sw_check_free(c);
}

static void every_id_is_whole(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SW_FINDING_COUNT; i++) {
		enum sw_finding_id id = (enum sw_finding_id)i, back = SW_FINDING_COUNT;
		const char *name = sw_finding_name(id);

		assert_int_equal(sw_finding_by_name(name, &back), SW_OK);
		if (back != id)
			fail_msg("%s is there twice", name);
		if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != strlen(name) || !strchr(name, '.'))
			fail_msg("%s is not an id", name);
		if (!sw_finding_text(id)[0] || !sw_finding_fix(id)[0] || !sw_finding_ref(id)[0] || strlen(sw_finding_explain(id)) < 60)
			fail_msg("%s says too little", name);
	}
}

static int load(void **state)
{
	(void)state;
	return sw_profile_parse(&profile, "name = \"b2b\"; title = \"test\"; source = \"test\"; as_of = \"2026-01-01\";", "b2b", NULL);
}

static int unload(void **state)
{
	(void)state;
	sw_profile_free(profile);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_the_same_from_run_to_run),
		cmocka_unit_test(deadline_ends_a_run),
		cmocka_unit_test(stop_keeps_what_there_is),
		cmocka_unit_test(too_many_probes_are_told_once),
		cmocka_unit_test(findings_are_bounded),
		cmocka_unit_test(exit_status_is_the_worst),
		cmocka_unit_test(endpoints_are_tried_once),
		cmocka_unit_test(targets_that_are_none),
		cmocka_unit_test(every_id_is_whole),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
