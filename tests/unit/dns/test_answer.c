/* SPDX-License-Identifier: Apache-2.0 */
/* Messages become answers: names, matching, chains, caps, TTLs, and messages made to harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/random.h"
#include "dns/answer.h"
#include "dns/wire.h"

static const struct sw_conf_dns conf = { .min_ttl = 5000, .max_ttl = 3600 * 1000, .negative_ttl = 300 * 1000 };

struct message {
	uint8_t *wire;
	size_t len;
};

/* Records are of the answer section, those with "!" in front of the authority's. */
static struct message message(const char *qname, enum sw_dns_type type, ldns_pkt_rcode rcode, const char *const *records)
{
	ldns_pkt *p = ldns_pkt_query_new(ldns_dname_new_frm_str(qname), (ldns_rr_type)type, LDNS_RR_CLASS_IN, LDNS_RD);
	struct message m = { 0 };

	ldns_pkt_set_qr(p, true);
	ldns_pkt_set_rcode(p, (uint8_t)rcode);
	for (; records && *records; records++) {
		bool authority = **records == '!';
		ldns_rr *rr;

		assert_int_equal(ldns_rr_new_frm_str(&rr, *records + authority, 60, NULL, NULL), LDNS_STATUS_OK);
		ldns_pkt_push_rr(p, authority ? LDNS_SECTION_AUTHORITY : LDNS_SECTION_ANSWER, rr);
	}
	assert_int_equal(ldns_pkt2wire(&m.wire, p, &m.len), LDNS_STATUS_OK);
	ldns_pkt_free(p);
	return m;
}

static struct sw_chain chain_left;   /* as parse left it */

static struct sw_answer *parse(const char *qname, enum sw_dns_type type, ldns_pkt_rcode rcode, const char *const *records)
{
	struct message m = message(qname, type, rcode, records);
	struct sw_answer *a = NULL;

	sw_chain_start(&chain_left, qname);
	assert_int_equal(sw_answer_parse(&a, &chain_left, type, m.wire, m.len, &conf), 0);
	free(m.wire);
	return a;
}

#define RR(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_names(void **state)
{
	char out[SW_DNS_NAME_MAX], name[300];

	(void)state;
	assert_int_equal(sw_wire_name(out, "Example.COM."), 0);
	assert_string_equal(out, "example.com");
	assert_int_equal(sw_wire_name(out, "_sips._tcp.a-b.example"), 0);
	assert_true(sw_wire_name(out, "") < 0);
	assert_true(sw_wire_name(out, ".") < 0);
	assert_true(sw_wire_name(out, NULL) < 0);
	assert_true(sw_wire_name(out, "a..b") < 0);
	assert_true(sw_wire_name(out, ".a") < 0);
	assert_true(sw_wire_name(out, "a b") < 0);
	assert_true(sw_wire_name(out, "a\\046b") < 0);
	assert_true(sw_wire_name(out, "b\xc3\xbc" "cher.example") < 0);
	memset(name, 'a', sizeof(name));
	name[64] = '\0';
	assert_true(sw_wire_name(out, name) < 0);
	name[63] = '\0';
	assert_int_equal(sw_wire_name(out, name), 0);
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 2 ? '.' : 'a';
	name[253] = '\0';
	assert_int_equal(sw_wire_name(out, name), 0);
	name[253] = '.';
	name[255] = '\0';
	assert_true(sw_wire_name(out, name) < 0);

	assert_true(sw_wire_name_within("a.example", "example"));
	assert_true(sw_wire_name_within("example", "example"));
	assert_false(sw_wire_name_within("badexample", "example"));
	assert_false(sw_wire_name_within("example", "a.example"));
}

static void test_match(void **state)
{
	struct sw_wire_query q;
	uint8_t m[SW_WIRE_QUERY_MAX];

	(void)state;
	assert_int_equal(sw_wire_build(&q, "a.example", SW_DNS_A, true, false), 0);
	memcpy(m, q.bytes, q.len);
	assert_int_equal(sw_wire_match(&q, m, q.len), SW_WIRE_FOREIGN);   /* our own question, reflected */
	m[2] |= 0x80;
	assert_int_equal(sw_wire_match(&q, m, q.len), SW_WIRE_OURS);
	m[13] = 'A';
	assert_int_equal(sw_wire_match(&q, m, q.len), SW_WIRE_OURS);
	m[13] = 'b';
	assert_int_equal(sw_wire_match(&q, m, q.len), SW_WIRE_FOREIGN);
	m[13] = 'a';
	m[1] ^= 1;
	assert_int_equal(sw_wire_match(&q, m, q.len), SW_WIRE_FOREIGN);
	m[1] ^= 1;
	m[SW_WIRE_HEADER + q.question - 3] = SW_DNS_TXT;
	assert_int_equal(sw_wire_match(&q, m, q.len), SW_WIRE_FOREIGN);
	m[SW_WIRE_HEADER + q.question - 3] = SW_DNS_A;
	m[2] |= 2;
	assert_int_equal(sw_wire_match(&q, m, q.len), SW_WIRE_TRUNCATED);
	m[3] |= 1;
	assert_int_equal(sw_wire_match(&q, m, q.len), SW_WIRE_NO_EDNS);
	for (size_t n = 0; n < SW_WIRE_HEADER + q.question; n++)
		assert_int_equal(sw_wire_match(&q, m, n), SW_WIRE_FOREIGN);
	/* with FORMERR the bare header is enough */
	m[5] = 0;
	assert_int_equal(sw_wire_match(&q, m, SW_WIRE_HEADER), SW_WIRE_NO_EDNS);
}

static void test_query(void **state)
{
	struct sw_wire_query q;
	ldns_pkt *p;

	(void)state;
	assert_int_equal(sw_wire_build(&q, "_sips._tcp.example.com", SW_DNS_SRV, true, true), 0);
	assert_int_equal(ldns_wire2pkt(&p, q.bytes, q.len), LDNS_STATUS_OK);
	assert_true(ldns_pkt_rd(p));
	assert_true(ldns_pkt_ad(p));
	assert_true(ldns_pkt_edns_do(p));
	assert_int_equal(ldns_pkt_edns_udp_size(p), SW_WIRE_UDP_SIZE);
	ldns_pkt_free(p);
	assert_int_equal(sw_wire_build(&q, "example.com", SW_DNS_A, false, false), 0);
	assert_int_equal(q.len, SW_WIRE_HEADER + q.question);
}

static void test_records(void **state)
{
	struct sw_answer *a;
	char text[SW_ADDR_STRLEN];

	(void)state;
	a = parse("h.example", SW_DNS_A, 0, RR("h.example. 60 IN A 192.0.2.1",
					       "H.Example. 30 IN A 192.0.2.2", "x.example. 60 IN A 192.0.2.3"));
	assert_int_equal(a->a.outcome, SW_DNS_ANSWER);
	assert_int_equal(a->a.n, 2);
	assert_int_equal(a->a.ttl, 30);
	assert_string_equal(sw_addr_host_text(&a->a.rrs[1].addr, text), "192.0.2.2");
	sw_answer_unref(a);

	a = parse("h.example", SW_DNS_AAAA, 0, RR("h.example. 60 IN AAAA 2001:db8::1"));
	assert_string_equal(sw_addr_host_text(&a->a.rrs[0].addr, text), "2001:db8::1");
	sw_answer_unref(a);

	a = parse("_sips._tcp.example", SW_DNS_SRV, 0, RR("_sips._tcp.example. 60 IN SRV 10 20 5062 Edge.Example.",
							 "_sips._tcp.example. 60 IN SRV 0 0 0 ."));
	assert_int_equal(a->a.n, 2);
	assert_int_equal(a->a.rrs[0].srv.priority, 10);
	assert_int_equal(a->a.rrs[0].srv.weight, 20);
	assert_int_equal(a->a.rrs[0].srv.port, 5062);
	assert_string_equal(a->a.rrs[0].srv.target, "edge.example");
	assert_string_equal(a->a.rrs[1].srv.target, "");
	sw_answer_unref(a);

	a = parse("example", SW_DNS_NAPTR, 0, RR("example. 60 IN NAPTR 1 2 \"s\" \"SIPS+D2T\" \"\" _sips._tcp.example."));
	assert_int_equal(a->a.rrs[0].naptr.order, 1);
	assert_int_equal(a->a.rrs[0].naptr.preference, 2);
	assert_string_equal(a->a.rrs[0].naptr.flags, "s");
	assert_string_equal(a->a.rrs[0].naptr.service, "SIPS+D2T");
	assert_string_equal(a->a.rrs[0].naptr.regexp, "");
	assert_string_equal(a->a.rrs[0].naptr.replacement, "_sips._tcp.example");
	sw_answer_unref(a);

	a = parse("t.example", SW_DNS_TXT, 0, RR("t.example. 60 IN TXT \"one \" \"two\" \"\" \"\\\"3\""));
	assert_int_equal(a->a.rrs[0].txt.len, 9);
	assert_memory_equal(a->a.rrs[0].txt.data, "one two\"3", 9);
	sw_answer_unref(a);
}

static void test_unusable_records(void **state)
{
	struct sw_answer *a;

	(void)state;
	/* a target no host can have is left out; nothing but those is no answer, and no absence either */
	a = parse("s.example", SW_DNS_SRV, 0, RR("s.example. 60 IN SRV 1 1 5061 a\\032b.example.",
						 "s.example. 60 IN SRV 1 1 5061 ok.example."));
	assert_int_equal(a->a.n, 1);
	assert_string_equal(a->a.rrs[0].srv.target, "ok.example");
	sw_answer_unref(a);
	a = parse("s.example", SW_DNS_SRV, 0, RR("s.example. 60 IN SRV 1 1 5061 a\\000b.example."));
	assert_int_equal(a->a.outcome, SW_DNS_SERVFAIL);
	sw_answer_unref(a);
}

static void test_ttl_is_clamped(void **state)
{
	struct sw_answer *a;

	(void)state;
	a = parse("h.example", SW_DNS_A, 0, RR("h.example. 1 IN A 192.0.2.1"));
	assert_int_equal(a->a.ttl, 5);
	sw_answer_unref(a);
	a = parse("h.example", SW_DNS_A, 0, RR("h.example. 86400 IN A 192.0.2.1"));
	assert_int_equal(a->a.ttl, 3600);
	sw_answer_unref(a);
	a = parse("h.example", SW_DNS_A, 0, RR("h.example. 4294967295 IN A 192.0.2.1"));
	assert_int_equal(a->a.ttl, 5);
	sw_answer_unref(a);
	/* the CNAME's counts as well */
	a = parse("c.example", SW_DNS_A, 0, RR("c.example. 20 IN CNAME h.example.", "h.example. 100 IN A 192.0.2.1"));
	assert_int_equal(a->a.ttl, 20);
	sw_answer_unref(a);
}

static void test_negative(void **state)
{
	struct sw_answer *a;

	(void)state;
	a = parse("h.example", SW_DNS_A, 0, RR("!example. 900 IN SOA ns.example. h.example. 1 1 1 1 40"));
	assert_int_equal(a->a.outcome, SW_DNS_NODATA);
	assert_int_equal(a->a.ttl, 40);
	sw_answer_unref(a);
	a = parse("h.example", SW_DNS_A, LDNS_RCODE_NXDOMAIN, RR("!example. 90 IN SOA ns.example. h.example. 1 1 1 1 400"));
	assert_int_equal(a->a.outcome, SW_DNS_NXDOMAIN);
	assert_int_equal(a->a.ttl, 90);
	sw_answer_unref(a);
	a = parse("h.example", SW_DNS_A, LDNS_RCODE_NXDOMAIN, RR("!example. 86400 IN SOA ns.example. h.example. 1 1 1 1 86400"));
	assert_int_equal(a->a.ttl, 300);
	sw_answer_unref(a);
	/* another zone's SOA has no say, none at all gives the least */
	a = parse("h.example", SW_DNS_A, LDNS_RCODE_NXDOMAIN, RR("!other. 90 IN SOA ns.example. h.example. 1 1 1 1 90"));
	assert_int_equal(a->a.ttl, 5);
	sw_answer_unref(a);
}

static void test_outcomes(void **state)
{
	static const struct {
		ldns_pkt_rcode rcode;
		enum sw_dns_outcome outcome;
	} table[] = {
		{ LDNS_RCODE_NOERROR, SW_DNS_NODATA },
		{ LDNS_RCODE_NXDOMAIN, SW_DNS_NXDOMAIN },
		{ LDNS_RCODE_SERVFAIL, SW_DNS_SERVFAIL },
		{ LDNS_RCODE_REFUSED, SW_DNS_REFUSED },
		{ LDNS_RCODE_FORMERR, SW_DNS_REFUSED },
		{ LDNS_RCODE_NOTAUTH, SW_DNS_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sw_answer *a = parse("h.example", SW_DNS_A, table[i].rcode, NULL);

		assert_int_equal(a->a.outcome, table[i].outcome);
		sw_answer_unref(a);
	}
}

/* n CNAMEs from c0 to c<n>, which has the address; loop leads back to c0 instead. */
static struct sw_answer *chain(size_t n, bool loop)
{
	static char text[20][80];
	const char *records[21] = { 0 };

	for (size_t i = 0; i < n; i++) {
		snprintf(text[i], sizeof(text[i]), "c%zu.example. 60 IN CNAME c%zu.example.", i, loop ? (i + 1) % n : i + 1);
		records[n - 1 - i] = text[i];   /* in no helpful order */
	}
	if (!loop) {
		snprintf(text[n], sizeof(text[n]), "c%zu.example. 60 IN A 192.0.2.1", n);
		records[n] = text[n];
	}
	return parse("c0.example", SW_DNS_A, 0, records);
}

static void test_cname_chain(void **state)
{
	struct sw_answer *a;

	(void)state;
	for (size_t n = 1; n <= 8; n++) {
		a = chain(n, false);
		assert_int_equal(a->a.outcome, SW_DNS_ANSWER);
		assert_true(a->a.via_cname);
		assert_int_equal(a->a.n, 1);
		sw_answer_unref(a);
	}
	a = chain(9, false);
	assert_int_equal(a->a.outcome, SW_DNS_SERVFAIL);
	sw_answer_unref(a);
	for (size_t n = 1; n <= 3; n++) {
		a = chain(n, true);
		assert_int_equal(a->a.outcome, SW_DNS_SERVFAIL);
		sw_answer_unref(a);
	}
	/* a server that stops in mid-chain has not said that there is nothing */
	a = parse("h.example", SW_DNS_A, 0, RR("h.example. 60 IN CNAME x.example.", "x.example. 30 IN CNAME y.test."));
	assert_int_equal(a->a.n, 0);
	assert_true(chain_left.open);
	assert_string_equal(chain_left.name, "y.test");
	assert_int_equal(chain_left.steps, 2);
	assert_int_equal(chain_left.ttl, 30);
	sw_answer_unref(a);
	a = parse("h.example", SW_DNS_A, 0, RR("h.example. 60 IN CNAME x.example.",
					       "!example. 900 IN SOA ns.example. h.example. 1 1 1 1 40"));
	assert_int_equal(a->a.outcome, SW_DNS_NODATA);
	assert_false(chain_left.open);
	sw_answer_unref(a);
	/* what hangs in the air belongs to nobody */
	a = parse("h.example", SW_DNS_A, 0, RR("x.example. 60 IN CNAME y.example.", "y.example. 60 IN A 192.0.2.1"));
	assert_int_equal(a->a.outcome, SW_DNS_NODATA);
	assert_int_equal(a->a.n, 0);
	sw_answer_unref(a);
}

static void test_dname(void **state)
{
	struct sw_answer *a;

	(void)state;
	a = parse("a.old.example", SW_DNS_A, 0, RR("old.example. 60 IN DNAME new.test.", "a.new.test. 60 IN A 192.0.2.1"));
	assert_int_equal(a->a.outcome, SW_DNS_ANSWER);
	assert_true(a->a.via_cname);
	sw_answer_unref(a);
	/* not for the owner itself, nor for a name that merely ends like it */
	a = parse("old.example", SW_DNS_A, 0, RR("old.example. 60 IN DNAME new.test.", "new.test. 60 IN A 192.0.2.1"));
	assert_int_equal(a->a.outcome, SW_DNS_NODATA);
	sw_answer_unref(a);
	a = parse("cold.example", SW_DNS_A, 0, RR("old.example. 60 IN DNAME new.test.", "cnew.test. 60 IN A 192.0.2.1"));
	assert_int_equal(a->a.outcome, SW_DNS_NODATA);
	sw_answer_unref(a);
	/* one that grows the name for ever */
	a = parse("a.x.example", SW_DNS_A, 0, RR("x.example. 60 IN DNAME b.x.example."));
	assert_int_equal(a->a.outcome, SW_DNS_SERVFAIL);
	sw_answer_unref(a);
}

static void test_caps(void **state)
{
	static char text[200][80];
	const char *records[201] = { 0 };
	struct sw_answer *a;

	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(text[i], sizeof(text[i]), "h.example. 60 IN A 192.0.2.%d", i);
		records[i] = text[i];
	}
	a = parse("h.example", SW_DNS_A, 0, records);
	assert_int_equal(a->a.n, SW_DNS_RR_MAX);
	sw_answer_unref(a);
	for (int i = 0; i < 200; i++)
		snprintf(text[i], sizeof(text[i]), "h.example. 60 IN SRV 1 1 5061 t%d.example.", i);
	a = parse("h.example", SW_DNS_SRV, 0, records);
	assert_int_equal(a->a.n, SW_DNS_SRV_MAX);
	sw_answer_unref(a);
}

/* Cut at every byte, and with bytes turned: refused or answered, never worse. */
static void test_hostile(void **state)
{
	struct message m = message("t.example", SW_DNS_SRV, 0,
				   RR("t.example. 60 IN CNAME u.example.", "u.example. 60 IN SRV 1 2 5061 h.example.",
				      "u.example. 60 IN TXT \"some text\"", "!example. 60 IN SOA a. b. 1 2 3 4 5"));
	struct sw_answer *a;

	(void)state;
	for (size_t n = 0; n < m.len; n++) {
		uint8_t *copy = malloc(n + 1);

		memcpy(copy, m.wire, n);
		a = NULL;
		sw_chain_start(&chain_left, "t.example");
		if (sw_answer_parse(&a, &chain_left, SW_DNS_SRV, copy, n, &conf) == 0)
			sw_answer_unref(a);
		free(copy);
	}
	for (int i = 0; i < 20000; i++) {
		size_t at = sw_random_below((uint32_t)m.len);
		uint8_t was = m.wire[at];

		sw_random(&m.wire[at], 1);
		a = NULL;
		sw_chain_start(&chain_left, "t.example");
		if (sw_answer_parse(&a, &chain_left, SW_DNS_SRV, m.wire, m.len, &conf) == 0) {
			assert_true(a->a.outcome != SW_DNS_ANSWER || a->a.n > 0);
			sw_answer_unref(a);
		}
		m.wire[at] = was;
	}
	free(m.wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_unusable_records),
		cmocka_unit_test(test_ttl_is_clamped),
		cmocka_unit_test(test_negative),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_cname_chain),
		cmocka_unit_test(test_dname),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
