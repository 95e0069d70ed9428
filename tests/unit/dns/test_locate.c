/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3263 over a fake server: which questions are asked in which order, and which addresses may be called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ifaddrs.h>

#include "ask.h"
#include "dns/locate.h"
#include "fake.h"

static const char *const zone[] = {
	/* everything published */
	"full.example. 60 IN NAPTR 20 1 \"s\" \"SIP+D2T\" \"\" _sip._tcp.full.example.",
	"full.example. 60 IN NAPTR 10 5 \"s\" \"SIPS+D2T\" \"\" _sips._tcp.edge.full.example.",
	"full.example. 60 IN NAPTR 10 1 \"s\" \"SIP+D2U\" \"\" _sip._udp.full.example.",
	"full.example. 60 IN A 192.0.2.99",
	"_sips._tcp.edge.full.example. 60 IN SRV 20 0 5062 b.full.example.",
	"_sips._tcp.edge.full.example. 60 IN SRV 10 0 5061 a.full.example.",
	"_sip._tcp.full.example. 60 IN SRV 10 0 5060 clear.full.example.",
	"a.full.example. 60 IN A 192.0.2.1",
	"a.full.example. 60 IN AAAA 2001:db8::1",
	"b.full.example. 60 IN A 192.0.2.2",
	"clear.full.example. 60 IN A 192.0.2.3",
	/* SRV alone */
	"_sips._tcp.srv.example. 60 IN SRV 10 10 5062 h.srv.example.",
	"h.srv.example. 60 IN A 192.0.2.5",
	"srv.example. 60 IN A 192.0.2.99",
	/* cleartext alone */
	"_sip._tcp.clear.example. 60 IN SRV 10 10 5060 h.srv.example.",
	"clear.example. 60 IN NAPTR 1 1 \"s\" \"SIP+D2T\" \"\" _sip._tcp.clear.example.",
	/* address alone */
	"a.example. 60 IN A 192.0.2.7",
	/* declared absent */
	"_sips._tcp.none.example. 60 IN SRV 0 0 0 .",
	"none.example. 60 IN A 192.0.2.99",
	/* NAPTR to another domain */
	"astray.example. 60 IN NAPTR 1 1 \"s\" \"SIPS+D2T\" \"\" _sips._tcp.evil.test.",
	"_sips._tcp.evil.test. 60 IN SRV 1 1 5061 h.srv.example.",
	"astray.example. 60 IN A 192.0.2.8",
	/* addresses that may not be called */
	"loop.example. 60 IN A 127.0.0.1",
	"loop6.example. 60 IN AAAA ::1",
	"mapped.example. 60 IN AAAA ::ffff:10.0.0.1",
	"nat64.example. 60 IN AAAA 64:ff9b::7f00:1",
	"private.example. 60 IN A 10.1.2.3",
	"link.example. 60 IN A 169.254.169.254",
	"multicast.example. 60 IN A 224.0.0.1",
	"any.example. 60 IN A 0.0.0.0",
	"own.example. 60 IN A 192.0.2.200",
	"mixed.example. 60 IN A 10.1.2.3",
	"mixed.example. 60 IN A 192.0.2.9",
	/* an SRV whose lookup fails, over a name that has an address */
	"half.example. 60 IN A 192.0.2.10",
	"servfail.half.example. 60 IN A 192.0.2.10",
	"example. 60 IN SOA ns.example. h.example. 1 1 1 1 60",
	NULL,
};

struct bench {
	struct sw_loop *loop;
	struct fake *fake;
	struct sw_conf_dns_server server;
	struct sw_dns *d;
	int calls;
	enum sw_reason reason;
	struct sw_target t[64];
	size_t n;
	char detail[200];
};

static void setup(struct bench *b)
{
	struct sw_conf_dns conf;

	memset(b, 0, sizeof(*b));
	assert_int_equal(sw_loop_new(&b->loop), 0);
	b->fake = fake_start(zone, true);
	conf = ask_conf(&b->server, b->fake->port);
	assert_int_equal(sw_dns_new(&b->d, b->loop, &conf), 0);
}

static void teardown(struct bench *b)
{
	sw_dns_free(b->d);
	fake_stop(b->fake);
	sw_loop_free(b->loop);
}

static void located(void *arg, const struct sw_location *loc)
{
	struct bench *b = arg;

	b->calls++;
	b->reason = loc->reason;
	b->n = loc->n;
	for (size_t i = 0; i < loc->n; i++)
		b->t[i] = loc->targets[i];
	memcpy(b->detail, loc->detail, sizeof(b->detail));
	sw_loop_stop(b->loop);
}

static void locate(struct bench *b, const struct sw_locate_query *q)
{
	b->calls = 0;
	fake_clear_log(b->fake);
	assert_int_equal(sw_locate(b->d, q, located, b, NULL), 0);
	assert_int_equal(b->calls, 0);
	ask_run(b->loop);
	assert_int_equal(b->calls, 1);
}

/* "host address:port ..." */
static void expect(struct bench *b, const char *want)
{
	char got[2048] = "", addr[SW_ADDR_STRLEN];

	assert_string_equal(sw_reason_id(b->reason), "ok");
	for (size_t i = 0; i < b->n; i++) {
		size_t n = strlen(got);

		snprintf(got + n, sizeof(got) - n, "%s%s %s", i ? ", " : "", b->t[i].host, sw_addr_text(&b->t[i].addr, addr));
	}
	assert_string_equal(got, want);
}

static void test_naptr_srv_address(void **state)
{
	const char *naptr, *srv, *a;
	struct bench b;

	(void)state;
	setup(&b);
	locate(&b, &(struct sw_locate_query){ .host = "full.example", .tls = true, .naptr = true });
	expect(&b, "a.full.example 192.0.2.1:5061, a.full.example [2001:db8::1]:5061, b.full.example 192.0.2.2:5062");
	assert_true(b.t[0].tls);
	assert_int_equal(b.t[0].priority, 10);
	naptr = strstr(b.fake->log, "full.example. NAPTR\n");
	srv = strstr(b.fake->log, "_sips._tcp.edge.full.example. SRV\n");
	a = strstr(b.fake->log, "a.full.example. A\n");
	assert_true(naptr && srv && a && naptr < srv && srv < a);
	assert_false(fake_saw(b.fake, "_sips._tcp.full.example"));
	teardown(&b);
}

static void test_srv_without_naptr(void **state)
{
	struct bench b;

	(void)state;
	setup(&b);
	locate(&b, &(struct sw_locate_query){ .host = "SRV.example", .tls = true, .naptr = true });
	expect(&b, "h.srv.example 192.0.2.5:5062");
	assert_true(fake_saw(b.fake, "srv.example. NAPTR\n_sips._tcp.srv.example. SRV\n"));
	assert_false(fake_saw(b.fake, "\nsrv.example. A\n"));
	/* the zone fixes the transport: NAPTR isn't asked */
	locate(&b, &(struct sw_locate_query){ .host = "a.example", .tls = true });
	expect(&b, "a.example 192.0.2.7:5061");
	assert_false(fake_saw(b.fake, "NAPTR"));
	teardown(&b);
}

static void test_port_given(void **state)
{
	struct bench b;

	(void)state;
	setup(&b);
	locate(&b, &(struct sw_locate_query){ .host = "srv.example", .port = 5070, .tls = true, .naptr = true });
	expect(&b, "srv.example 192.0.2.99:5070");
	assert_false(fake_saw(b.fake, "SRV"));
	assert_false(fake_saw(b.fake, "NAPTR"));
	teardown(&b);
}

static void test_literals(void **state)
{
	struct bench b;

	(void)state;
	setup(&b);
	locate(&b, &(struct sw_locate_query){ .host = "192.0.2.50", .tls = true });
	expect(&b, "192.0.2.50 192.0.2.50:5061");
	locate(&b, &(struct sw_locate_query){ .host = "[2001:db8::5]", .port = 5070 });
	expect(&b, "2001:db8::5 [2001:db8::5]:5070");
	locate(&b, &(struct sw_locate_query){ .host = "127.0.0.1", .tls = true });
	assert_int_equal(b.reason, SW_R_DNS_FORBIDDEN);
	locate(&b, &(struct sw_locate_query){ .host = "not a name", .tls = true });
	assert_int_equal(b.reason, SW_R_DNS_ABSENT);
	assert_int_equal(b.fake->questions, 0);
	teardown(&b);
}

static void test_sips_never_in_the_clear(void **state)
{
	struct bench b;

	(void)state;
	setup(&b);
	locate(&b, &(struct sw_locate_query){ .host = "clear.example", .sips = true, .naptr = true });
	assert_int_equal(b.reason, SW_R_DNS_ABSENT);
	assert_false(fake_saw(b.fake, "_sip._tcp"));
	/* where the zone is TCP it may */
	locate(&b, &(struct sw_locate_query){ .host = "clear.example", .naptr = true });
	expect(&b, "h.srv.example 192.0.2.5:5060");
	assert_false(b.t[0].tls);
	/* and TLS is taken where the domain prefers it */
	locate(&b, &(struct sw_locate_query){ .host = "full.example", .naptr = true });
	assert_true(b.t[0].tls);
	teardown(&b);
}

static void test_declared_absent_is_final(void **state)
{
	struct bench b;

	(void)state;
	setup(&b);
	locate(&b, &(struct sw_locate_query){ .host = "none.example", .tls = true });
	assert_int_equal(b.reason, SW_R_DNS_ABSENT);
	assert_int_equal(b.n, 0);
	assert_false(fake_saw(b.fake, "none.example. A\n"));
	teardown(&b);
}

static void test_naptr_astray(void **state)
{
	struct bench b;

	(void)state;
	setup(&b);
	locate(&b, &(struct sw_locate_query){ .host = "astray.example", .tls = true, .naptr = true });
	expect(&b, "astray.example 192.0.2.8:5061");
	assert_false(fake_saw(b.fake, "evil.test"));
	teardown(&b);
}

/* A listener on all addresses is one on each of them, whatever the interface. */
static void test_own_by_wildcard(void **state)
{
	struct ifaddrs *list, *i;
	struct sw_addr own, a;
	char text[SW_ADDR_STRLEN];
	struct sw_prefix all[2];
	struct bench b;

	(void)state;
	setup(&b);
	assert_int_equal(sw_addr_parse(&own, SW_STR("0.0.0.0:5061"), 0), 0);
	assert_int_equal(sw_prefix_parse(&all[0], SW_STR("0.0.0.0/0")), 0);
	assert_int_equal(sw_prefix_parse(&all[1], SW_STR("::/0")), 0);
	assert_int_equal(getifaddrs(&list), 0);
	for (i = list; i; i = i->ifa_next) {
		if (!i->ifa_addr || sw_addr_from_sockaddr(&a, i->ifa_addr) < 0 || sw_addr_is_link_local(&a))
			continue;
		sw_addr_host_text(&a, text);
		locate(&b, &(struct sw_locate_query){ .host = text, .tls = true, .allowed = all, .n_allowed = 2, .own = &own, .n_own = 1 });
		assert_int_equal(b.reason, SW_R_DNS_FORBIDDEN);
		locate(&b, &(struct sw_locate_query){ .host = text, .port = 5070, .tls = true, .allowed = all, .n_allowed = 2,
						      .own = &own, .n_own = 1 });
		assert_int_equal(b.reason, SW_R_OK);
	}
	freeifaddrs(list);
	locate(&b, &(struct sw_locate_query){ .host = "own.example", .tls = true, .own = &own, .n_own = 1 });
	expect(&b, "own.example 192.0.2.200:5061");
	teardown(&b);
}

static void test_forbidden_addresses(void **state)
{
	static const char *const names[] = {
		"loop.example", "loop6.example", "mapped.example", "nat64.example", "private.example", "link.example",
		"multicast.example", "any.example", "own.example",
	};
	struct sw_prefix allowed[2];
	struct sw_addr own;
	struct bench b;

	(void)state;
	setup(&b);
	assert_int_equal(sw_addr_parse(&own, SW_STR("192.0.2.200:5061"), 0), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		locate(&b, &(struct sw_locate_query){ .host = names[i], .tls = true, .own = &own, .n_own = 1 });
		assert_int_equal(b.reason, SW_R_DNS_FORBIDDEN);
		assert_int_equal(b.n, 0);
		assert_non_null(strstr(b.detail, names[i]));
	}
	locate(&b, &(struct sw_locate_query){ .host = "own.example", .port = 5070, .tls = true, .own = &own, .n_own = 1 });
	expect(&b, "own.example 192.0.2.200:5070");
	/* listed by the zone */
	assert_int_equal(sw_prefix_parse(&allowed[0], SW_STR("10.0.0.0/8")), 0);
	assert_int_equal(sw_prefix_parse(&allowed[1], SW_STR("127.0.0.1")), 0);
	locate(&b, &(struct sw_locate_query){ .host = "private.example", .tls = true, .allowed = allowed, .n_allowed = 2 });
	expect(&b, "private.example 10.1.2.3:5061");
	/* but never ourselves: on all addresses means on loopback too */
	assert_int_equal(sw_addr_parse(&own, SW_STR("0.0.0.0:5061"), 0), 0);
	locate(&b, &(struct sw_locate_query){ .host = "loop.example", .tls = true, .allowed = allowed, .n_allowed = 2,
					      .own = &own, .n_own = 1 });
	assert_int_equal(b.reason, SW_R_DNS_FORBIDDEN);
	locate(&b, &(struct sw_locate_query){ .host = "loop.example", .port = 5071, .tls = true, .allowed = allowed,
					      .n_allowed = 2, .own = &own, .n_own = 1 });
	expect(&b, "loop.example 127.0.0.1:5071");
	/* the rest of the answer is good */
	locate(&b, &(struct sw_locate_query){ .host = "mixed.example", .tls = true });
	expect(&b, "mixed.example 192.0.2.9:5061");
	teardown(&b);
}

static void test_failure_is_not_absence(void **state)
{
	struct bench b;

	(void)state;
	setup(&b);
	locate(&b, &(struct sw_locate_query){ .host = "nx.example", .tls = true });
	assert_int_equal(b.reason, SW_R_DNS_ABSENT);
	locate(&b, &(struct sw_locate_query){ .host = "servfail.half.example", .port = 5061, .tls = true });
	assert_int_equal(b.reason, SW_R_DNS_FAILED);
	/* SRV can't be asked: the address the name has is not taken instead */
	b.fake->servfail = true;
	locate(&b, &(struct sw_locate_query){ .host = "half.example", .tls = true });
	assert_int_equal(b.reason, SW_R_DNS_FAILED);
	assert_non_null(strstr(b.detail, "SRV"));
	assert_false(fake_saw(b.fake, "\nhalf.example. A\n"));
	/* NAPTR can't be asked: TLS goes on without, the clear does not */
	locate(&b, &(struct sw_locate_query){ .host = "full.example", .naptr = true });
	assert_int_equal(b.reason, SW_R_DNS_FAILED);
	assert_non_null(strstr(b.detail, "NAPTR"));
	assert_false(fake_saw(b.fake, "SRV"));
	teardown(&b);
}

static void test_cancelled(void **state)
{
	struct bench b;
	sw_id id, literal;

	(void)state;
	setup(&b);
	assert_int_equal(sw_locate(b.d, &(struct sw_locate_query){ .host = "full.example", .tls = true }, located, &b, &id), 0);
	assert_int_equal(sw_locate(b.d, &(struct sw_locate_query){ .host = "192.0.2.1", .tls = true }, located, &b, &literal), 0);
	sw_locate_cancel(b.d, id);
	sw_locate_cancel(b.d, literal);
	sw_locate_cancel(b.d, id);
	locate(&b, &(struct sw_locate_query){ .host = "a.example", .tls = true });
	expect(&b, "a.example 192.0.2.7:5061");
	/* and one that is under way when the resolver goes */
	b.calls = 0;
	assert_int_equal(sw_locate(b.d, &(struct sw_locate_query){ .host = "drop.example", .tls = true }, located, &b, &id), 0);
	teardown(&b);
	assert_int_equal(b.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_naptr_srv_address),
		cmocka_unit_test(test_srv_without_naptr),
		cmocka_unit_test(test_port_given),
		cmocka_unit_test(test_literals),
		cmocka_unit_test(test_sips_never_in_the_clear),
		cmocka_unit_test(test_declared_absent_is_final),
		cmocka_unit_test(test_naptr_astray),
		cmocka_unit_test(test_own_by_wildcard),
		cmocka_unit_test(test_forbidden_addresses),
		cmocka_unit_test(test_failure_is_not_absence),
		cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
