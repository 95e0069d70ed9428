/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver against a server that misbehaves: what is believed, what is not, and how it comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "ask.h"
#include "dns/exchange.h"
#include "fake.h"

static const char *const zone[] = {
	"h.example. 60 IN A 192.0.2.1",
	"wrongid.example. 60 IN A 192.0.2.1",
	"wrongname.example. 60 IN A 192.0.2.1",
	"wrongsource.example. 60 IN A 192.0.2.1",
	"garbage.example. 60 IN A 192.0.2.1",
	"noedns.example. 60 IN A 192.0.2.1",
	"tc.example. 60 IN A 192.0.2.1",
	"x0.example. 60 IN CNAME x1.example.",
	"x1.example. 60 IN CNAME x0.example.",
	"example. 60 IN SOA ns.example. h.example. 1 1 1 1 60",
	NULL,
};

struct bench {
	struct sw_loop *loop;
	struct fake *fake;
	struct sw_conf_dns_server servers[2];
	struct sw_conf_dns conf;
	struct sw_dns *d;
	struct asked r;
};

static void bench_dns(struct bench *b)
{
	sw_dns_free(b->d);
	assert_int_equal(sw_dns_new(&b->d, b->loop, &b->conf), 0);
}

static void setup(struct bench *b, bool tcp)
{
	memset(b, 0, sizeof(*b));
	assert_int_equal(sw_loop_new(&b->loop), 0);
	b->fake = fake_start(zone, tcp);
	b->conf = ask_conf(b->servers, b->fake->port);
	bench_dns(b);
}

static void teardown(struct bench *b)
{
	sw_dns_free(b->d);
	fake_stop(b->fake);
	sw_loop_free(b->loop);
}

static void expect_good(const struct bench *b)
{
	char text[SW_ADDR_STRLEN];

	assert_int_equal(b->r.a.outcome, SW_DNS_ANSWER);
	assert_int_equal(b->r.a.n, 1);
	assert_string_equal(sw_addr_host_text(&b->r.rr[0].addr, text), "192.0.2.1");
}

static void test_six_outcomes(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	ask_one(b.loop, b.d, "h.example", SW_DNS_A, false, &b.r);
	expect_good(&b);
	ask_one(b.loop, b.d, "h.example", SW_DNS_TXT, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_NODATA);
	ask_one(b.loop, b.d, "nx.example", SW_DNS_A, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_NXDOMAIN);
	assert_int_equal(b.r.a.ttl, 60);
	ask_one(b.loop, b.d, "servfail.example", SW_DNS_A, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_SERVFAIL);
	ask_one(b.loop, b.d, "refused.example", SW_DNS_A, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_REFUSED);
	b.conf.timeout = 50;
	bench_dns(&b);
	ask_one(b.loop, b.d, "drop.example", SW_DNS_A, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_INDETERMINATE);
	assert_int_equal(b.fake->questions, 5 + 2);
	assert_non_null(strstr(b.r.a.detail, "127.0.0.1:"));
	teardown(&b);
}

static void test_forgeries_are_ignored(void **state)
{
	static const char *const names[] = { "wrongid.example", "wrongname.example", "wrongsource.example", "garbage.example" };
	struct bench b;

	(void)state;
	setup(&b, true);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ask_one(b.loop, b.d, names[i], SW_DNS_A, false, &b.r);
		expect_good(&b);
	}
	/* each with the first try: ignoring means to go on listening, not to ask again */
	assert_int_equal(b.fake->questions, 4);
	teardown(&b);
}

static void test_server_without_edns(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	ask_one(b.loop, b.d, "noedns.example", SW_DNS_A, false, &b.r);
	expect_good(&b);
	assert_int_equal(b.fake->questions, 2);
	assert_int_equal(b.fake->bare, 1);
	teardown(&b);
}

static void test_truncated_goes_over_tcp(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	ask_one(b.loop, b.d, "tc.example", SW_DNS_A, false, &b.r);
	expect_good(&b);
	assert_int_equal(b.fake->tcp_questions, 1);
	assert_false(b.r.a.tcp_blocked);
	teardown(&b);
}

static void test_truncated_and_tcp_blocked(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, false);
	ask_one(b.loop, b.d, "tc.example", SW_DNS_A, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_INDETERMINATE);
	assert_true(b.r.a.tcp_blocked);
	assert_non_null(strstr(b.r.a.detail, "TCP"));
	teardown(&b);
}

static void test_second_server(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	/* the first one: a port nobody listens on */
	b.servers[1] = b.servers[0];
	sw_addr_set_port(&b.servers[0].addr, 1);
	b.conf.n_servers = 2;
	bench_dns(&b);
	ask_one(b.loop, b.d, "h.example", SW_DNS_A, false, &b.r);
	expect_good(&b);
	/* one that fails is not the last word either, while another may know */
	b.fake->servfail = true;
	ask_one(b.loop, b.d, "x.example", SW_DNS_A, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_SERVFAIL);
	teardown(&b);
}

static void test_cname_loop_ends(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	b.servers[1] = b.servers[0];
	b.conf.n_servers = 2;
	bench_dns(&b);
	ask_one(b.loop, b.d, "x0.example", SW_DNS_A, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_SERVFAIL);
	assert_non_null(strstr(b.r.a.detail, "CNAME loop"));
	assert_int_equal(b.fake->questions, 2);
	teardown(&b);
}

static void test_recovers(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	b.servers[1] = b.servers[0];
	b.conf.n_servers = 2;
	b.conf.timeout = 300;
	b.conf.tries = 1;
	bench_dns(&b);
	b.fake->dead = true;
	for (int i = 0; i < 2; i++) {
		ask_one(b.loop, b.d, "h.example", SW_DNS_A, true, &b.r);
		assert_int_equal(b.r.a.outcome, SW_DNS_INDETERMINATE);
	}
	b.fake->dead = false;
	/* the failure of this name is remembered for a while; others, and who insists, are served at once */
	ask_one(b.loop, b.d, "h.example", SW_DNS_A, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_INDETERMINATE);
	ask_one(b.loop, b.d, "garbage.example", SW_DNS_A, false, &b.r);
	expect_good(&b);
	ask_one(b.loop, b.d, "h.example", SW_DNS_A, true, &b.r);
	expect_good(&b);
	ask_one(b.loop, b.d, "h.example", SW_DNS_A, false, &b.r);
	expect_good(&b);
	teardown(&b);
}

static void test_cached(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	ask_one(b.loop, b.d, "h.example", SW_DNS_A, false, &b.r);
	ask_one(b.loop, b.d, "H.Example.", SW_DNS_A, false, &b.r);
	expect_good(&b);
	assert_int_equal(b.fake->questions, 1);
	ask_one(b.loop, b.d, "h.example", SW_DNS_A, true, &b.r);
	assert_int_equal(b.fake->questions, 2);
	/* so is what is not there, for as long as its SOA says */
	ask_one(b.loop, b.d, "nx.example", SW_DNS_A, false, &b.r);
	ask_one(b.loop, b.d, "nx.example", SW_DNS_A, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_NXDOMAIN);
	assert_in_range(b.r.a.ttl, 59, 60);
	ask_one(b.loop, b.d, "h.example", SW_DNS_TXT, false, &b.r);
	ask_one(b.loop, b.d, "h.example", SW_DNS_TXT, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_NODATA);
	assert_int_equal(b.fake->questions, 4);
	/* failures are remembered as well */
	ask_one(b.loop, b.d, "servfail.example", SW_DNS_A, false, &b.r);
	ask_one(b.loop, b.d, "servfail.example", SW_DNS_A, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_SERVFAIL);
	assert_int_equal(b.fake->questions, 5);
	teardown(&b);
}

static void test_stale_while_failing(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	b.conf.min_ttl = 0;
	b.conf.max_ttl = 1;   /* less than a second: expired at once */
	bench_dns(&b);
	ask_one(b.loop, b.d, "h.example", SW_DNS_A, false, &b.r);
	expect_good(&b);
	assert_false(b.r.a.stale);
	b.fake->servfail = true;
	ask_one(b.loop, b.d, "h.example", SW_DNS_A, true, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_SERVFAIL);   /* who wants it fresh is told the truth */
	ask_one(b.loop, b.d, "h.example", SW_DNS_A, false, &b.r);
	expect_good(&b);
	assert_true(b.r.a.stale);
	teardown(&b);
}

static void test_joined(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	b.r = (struct asked){ .loop = b.loop, .wanted = 50 };
	for (int i = 0; i < 50; i++)
		assert_int_equal(sw_dns_ask(b.d, i % 2 ? "h.example" : "H.EXAMPLE", SW_DNS_A, asked_fn, &b.r, NULL), 0);
	ask_run(b.loop);
	assert_int_equal(b.r.calls, 50);
	assert_int_equal(b.fake->questions, 1);
	teardown(&b);
}

static void test_cancelled(void **state)
{
	struct asked never;
	struct bench b;
	sw_id id[3];

	(void)state;
	setup(&b, true);
	never = (struct asked){ .loop = b.loop, .wanted = 1 };
	ask_one(b.loop, b.d, "h.example", SW_DNS_A, false, &b.r);
	assert_int_equal(sw_dns_ask(b.d, "drop.example", SW_DNS_A, asked_fn, &never, &id[0]), 0);
	assert_int_equal(sw_dns_ask(b.d, "drop.example", SW_DNS_A, asked_fn, &never, &id[1]), 0);
	assert_int_equal(sw_dns_ask(b.d, "h.example", SW_DNS_A, asked_fn, &never, &id[2]), 0);   /* cached: about to be told */
	for (int i = 0; i < 3; i++)
		sw_dns_cancel(b.d, id[i]);
	sw_dns_cancel(b.d, id[0]);
	sw_dns_cancel(b.d, 0);
	ask_one(b.loop, b.d, "garbage.example", SW_DNS_A, false, &b.r);
	assert_int_equal(never.calls, 0);
	/* what is under way when the resolver goes ends without a call */
	assert_int_equal(sw_dns_ask(b.d, "drop.example", SW_DNS_A, asked_fn, &never, NULL), 0);
	assert_int_equal(sw_dns_ask(b.d, "h.example", SW_DNS_A, asked_fn, &never, NULL), 0);
	teardown(&b);
	assert_int_equal(never.calls, 0);
}

/* Frees the resolver from within its call. */
static void free_fn(void *arg, const struct sw_dns_answer *a)
{
	struct bench *b = arg;

	assert_int_equal(a->outcome, SW_DNS_ANSWER);
	sw_dns_free(b->d);
	b->d = NULL;
	assert_int_equal(a->n, 1);
	sw_loop_stop(b->loop);
}

static void test_freed_by_the_callee(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	assert_int_equal(sw_dns_ask(b.d, "h.example", SW_DNS_A, free_fn, &b, NULL), 0);
	assert_int_equal(sw_dns_ask(b.d, "h.example", SW_DNS_A, asked_fn, &b.r, NULL), 0);
	ask_run(b.loop);
	assert_int_equal(b.r.calls, 0);
	teardown(&b);
}

static void test_bounded(void **state)
{
	char name[64];
	struct bench b;
	int asked = 0;

	(void)state;
	setup(&b, true);
	b.r = (struct asked){ .loop = b.loop };
	for (; asked < 5000; asked++) {
		snprintf(name, sizeof(name), "n%d.example", asked);
		if (sw_dns_ask(b.d, name, SW_DNS_A, asked_fn, &b.r, NULL) == SW_ELIMIT)
			break;
	}
	assert_in_range(asked, 500, 4000);
	/* everyone taken in is answered */
	b.r.wanted = asked;
	ask_run(b.loop);
	assert_int_equal(b.r.calls, asked);
	assert_int_equal(b.r.a.outcome, SW_DNS_NXDOMAIN);
	ask_one(b.loop, b.d, "h.example", SW_DNS_A, false, &b.r);
	expect_good(&b);
	teardown(&b);
}

static void test_bad_names(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	assert_int_equal(sw_dns_ask(b.d, "", SW_DNS_A, asked_fn, &b.r, NULL), SW_EINVALID);
	assert_int_equal(sw_dns_ask(b.d, "a b.example", SW_DNS_A, asked_fn, &b.r, NULL), SW_EINVALID);
	assert_int_equal(sw_dns_ask(b.d, "h.example", (enum sw_dns_type)255, asked_fn, &b.r, NULL), SW_EINVALID);
	assert_int_equal(b.fake->questions, 0);
	teardown(&b);
}

static void test_resolv_conf(void **state)
{
	struct sw_addr a[3];
	char text[SW_ADDR_STRLEN];

	(void)state;
	assert_int_equal(sw_resolv_conf_parse(SW_STR("# none\nsearch example\nnameserver\nnameservers 192.0.2.9\n"), a, 3), 0);
	assert_int_equal(sw_resolv_conf_parse(SW_STR("nameserver 192.0.2.1\n  nameserver\t2001:db8::1 # second\n"
						     "nameserver nonsense\n"
						     "nameserver 192.0.2.3\nnameserver 192.0.2.4"), a, 3), 3);
	assert_string_equal(sw_addr_text(&a[0], text), "192.0.2.1:53");
	assert_string_equal(sw_addr_text(&a[1], text), "[2001:db8::1]:53");
	assert_string_equal(sw_addr_text(&a[2], text), "192.0.2.3:53");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_six_outcomes),
		cmocka_unit_test(test_forgeries_are_ignored),
		cmocka_unit_test(test_server_without_edns),
		cmocka_unit_test(test_truncated_goes_over_tcp),
		cmocka_unit_test(test_truncated_and_tcp_blocked),
		cmocka_unit_test(test_second_server),
		cmocka_unit_test(test_cname_loop_ends),
		cmocka_unit_test(test_recovers),
		cmocka_unit_test(test_cached),
		cmocka_unit_test(test_stale_while_failing),
		cmocka_unit_test(test_joined),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_freed_by_the_callee),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_resolv_conf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
