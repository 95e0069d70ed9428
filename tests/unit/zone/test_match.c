/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate names against references, mode by mode (acceptance 1-8). */
#include "world.h"

enum { M5922 = SW_MATCH_RFC5922, MEXP = SW_MATCH_EXPRESSWAY, M9525 = SW_MATCH_RFC9525, MTEAMS = SW_MATCH_TEAMS };
enum {
	OK = SW_R_OK,
	MISMATCH = SW_R_ID_MISMATCH,
	WILDCARD = SW_R_ID_WILDCARD,
	MALFORMED = SW_R_ID_MALFORMED,
	NO_NAME = SW_R_ID_NO_NAME
};

struct row {
	const char *certificate, *reference;
	int mode;
	bool wildcard;
	int expected;
};

static const struct row rfc5922[] = {
	/* 1: URI:sip, scheme without case */
	{ "uri:sip:example.com", "example.com", M5922, 0, OK },
	{ "uri:SIP:example.com", "example.com", M5922, 0, OK },
	{ "uri:sip:EXAMPLE.com", "example.com", M5922, 0, OK },
	{ "uri:sip:example.com.", "example.com", M5922, 0, OK },
	/* 2: sips, im and users are nobody */
	{ "uri:sips:example.com", "example.com", M5922, 0, NO_NAME },
	{ "uri:im:example.com", "example.com", M5922, 0, NO_NAME },
	{ "uri:sip:bob@example.com", "example.com", M5922, 0, NO_NAME },
	{ "uri:sip:bob@example.com dns:example.com", "example.com", M5922, 0, OK },
	{ "uri:sips:example.com dns:example.com", "example.com", M5922, 0, OK },
	/* 3: DNS only without URI:sip */
	{ "dns:example.com", "example.com", M5922, 0, OK },
	{ "uri:sip:a.example dns:b.example", "b.example", M5922, 0, MISMATCH },
	{ "dns:b.example uri:sip:a.example", "b.example", M5922, 0, MISMATCH },
	{ "dns:b.example uri:sip:a.example", "a.example", M5922, 0, OK },
	{ "uri:sip:a.example uri:sip:b.example", "b.example", M5922, 0, OK },
	{ "dns:b.example uri!:sip:a.example", "b.example", M5922, 0, OK },
	/* 4: CN only without any SAN */
	{ "ip:192.0.2.1 cn:example.com", "example.com", M5922, 0, NO_NAME },
	{ "uri:sip:b.example cn:example.com", "example.com", M5922, 0, MISMATCH },
	{ "email:x@example.com cn:example.com", "example.com", M5922, 0, NO_NAME },
	{ "san cn:example.com", "example.com", M5922, 0, NO_NAME },
	/* 5: CN without SAN */
	{ "cn:example.com", "example.com", M5922, 0, OK },
	{ "cn:EXAMPLE.COM", "example.com", M5922, 0, OK },
	{ "cn:other.example", "example.com", M5922, 0, MISMATCH },
	/* E6: whole names, no wildcards whatever the zone says */
	{ "dns:example.com", "a.example.com", M5922, 0, MISMATCH },
	{ "dns:a.example.com", "example.com", M5922, 0, MISMATCH },
	{ "dns:xexample.com", "example.com", M5922, 0, MISMATCH },
	{ "dns:example.com.evil.example", "example.com", M5922, 0, MISMATCH },
	{ "dns:*.example.com", "a.example.com", M5922, 0, WILDCARD },
	{ "dns:*.example.com", "a.example.com", M5922, 1, WILDCARD },
	{ "cn:*.example.com", "a.example.com", M5922, 1, WILDCARD },
	/* 8: malformed names never match */
	{ "dns!:example.com", "example.com", M5922, 0, MALFORMED },
	{ "dns!:example.com dns:other.example", "example.com", M5922, 0, MISMATCH },
	{ "uri!:sip:example.com", "example.com", M5922, 0, MALFORMED },
	{ "cn!:example.com", "example.com", M5922, 0, MALFORMED },
	{ "", "example.com", M5922, 0, NO_NAME },
	{ "dns:xn--bcher-kva.example", "xn--bcher-kva.example", M5922, 0, OK },
	/* IP literals match IP names alone */
	{ "ip:192.0.2.1", "192.0.2.1", M5922, 0, OK },
	{ "ip:192.0.2.1", "192.0.2.2", M5922, 0, MISMATCH },
	{ "dns:192.0.2.1 cn:192.0.2.1", "192.0.2.1", M5922, 0, NO_NAME },
	{ "uri:sip:192.0.2.1", "192.0.2.1", M5922, 0, NO_NAME },
	{ "ip:2001:db8::1", "2001:db8:0::1", M5922, 0, OK },
	{ "ip:::ffff:192.0.2.1", "192.0.2.1", M5922, 0, MISMATCH },
	{ "uri:sip:a.example ip:192.0.2.1", "192.0.2.1", M5922, 0, OK },
	{ "ip!:192.0.2.1", "192.0.2.1", M5922, 0, MALFORMED },
};

static const struct row expressway[] = {
	{ "dns:a.example cn:example.com", "example.com", MEXP, 0, OK },     /* 5 */
	{ "dns:example.com cn:b.example", "example.com", MEXP, 0, OK },
	{ "uri:sip:b.example dns:example.com", "example.com", MEXP, 0, OK },
	{ "uri:sip:example.com", "example.com", MEXP, 0, NO_NAME },
	{ "uri:sip:example.com dns:b.example", "example.com", MEXP, 0, MISMATCH },
	{ "ip:192.0.2.1 cn:example.com", "example.com", MEXP, 0, OK },
	{ "dns:*.example.com", "a.example.com", MEXP, 1, WILDCARD },
	{ "srv:_sips.example.com", "example.com", MEXP, 0, NO_NAME },
	{ "ip:192.0.2.1", "192.0.2.1", MEXP, 0, OK },
};

static const struct row rfc9525[] = {
	{ "dns:example.com", "example.com", M9525, 0, OK },
	{ "uri:sip:a.example dns:example.com", "example.com", M9525, 0, OK },
	{ "uri:sip:example.com", "example.com", M9525, 0, OK },
	{ "uri:sips:example.com", "example.com", M9525, 0, NO_NAME },
	{ "uri:sip:bob@example.com", "example.com", M9525, 0, NO_NAME },
	{ "srv:_sips.example.com", "example.com", M9525, 0, OK },
	{ "srv:_SIPS.example.com", "example.com", M9525, 0, OK },
	{ "srv:_xmpp-server.example.com", "example.com", M9525, 0, NO_NAME },
	{ "cn:example.com", "example.com", M9525, 0, NO_NAME },
	{ "ip:192.0.2.1 cn:example.com", "example.com", M9525, 0, NO_NAME },
	/* 6: wildcards */
	{ "dns:*.example.com", "a.example.com", M9525, 0, WILDCARD },
	{ "dns:*.example.com", "a.example.com", M9525, 1, OK },
	{ "dns:*.EXAMPLE.com", "a.example.com", M9525, 1, OK },
	{ "dns:*.example.com", "b.a.example.com", M9525, 1, MISMATCH },
	{ "dns:*.example.com", "example.com", M9525, 1, MISMATCH },
	{ "dns:*.com", "example.com", M9525, 1, MISMATCH },
	{ "dns:*.com", "a.example.com", M9525, 1, MISMATCH },
	{ "dns:*", "example", M9525, 1, MISMATCH },
	{ "dns:*.*.com", "a.b.com", M9525, 1, MISMATCH },
	{ "dns:a*.example.com", "ab.example.com", M9525, 1, MISMATCH },
	{ "dns:a.*.example.com", "a.b.example.com", M9525, 1, MISMATCH },
	{ "uri:sip:*.example.com", "a.example.com", M9525, 1, MISMATCH },
	{ "srv:_sips.*.example.com", "a.example.com", M9525, 1, MISMATCH },
	{ "cn:*.example.com", "a.example.com", M9525, 1, NO_NAME },
	{ "ip:192.0.2.1", "192.0.2.1", M9525, 0, OK },
};

static const struct row teams[] = {
	{ "dns:example.com", "example.com", MTEAMS, 0, OK },
	{ "dns:a.example cn:example.com", "example.com", MTEAMS, 0, OK },
	{ "uri:sip:example.com", "example.com", MTEAMS, 0, NO_NAME },
	{ "dns:*.example.com", "sbc1.example.com", MTEAMS, 0, WILDCARD },
	{ "dns:*.example.com", "sbc1.example.com", MTEAMS, 1, OK },
	{ "dns:*.example.com", "a.sbc1.example.com", MTEAMS, 1, MISMATCH },
	{ "dns:x.example cn:*.example.com", "sbc1.example.com", MTEAMS, 1, OK },
	{ "dns:*.com", "example.com", MTEAMS, 1, MISMATCH },
};

static void run(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sw_identity *id = who(rows[i].certificate);
		struct sw_match match = { 0 };
		enum sw_reason r =
			sw_match_name(id, rows[i].reference, (enum sw_match_mode)rows[i].mode, rows[i].wildcard, &match);

		if ((int)r != rows[i].expected)
			fail_msg("row %zu: {%s} against %s: %s, expected %s", i, rows[i].certificate, rows[i].reference,
				 sw_reason_id(r), sw_reason_id((enum sw_reason)rows[i].expected));
		if (r == SW_R_OK) {
			assert_ptr_equal(match.reference, rows[i].reference);
			assert_non_null(match.name);
			assert_int_equal(match.wildcard, match.name->host && match.name->host[0] == '*');
		} else {
			assert_null(match.name);
		}
		sw_identity_free(id);
	}
}

static void rfc5922_table(void **state) { (void)state; run(rfc5922, COUNT(rfc5922)); }
static void expressway_table(void **state) { (void)state; run(expressway, COUNT(expressway)); }
static void rfc9525_table(void **state) { (void)state; run(rfc9525, COUNT(rfc9525)); }
static void teams_table(void **state) { (void)state; run(teams, COUNT(teams)); }

static void a_malformed_certificate_has_no_identity(void **state)
{
	struct sw_identity *id = who("dns:example.com");

	(void)state;
	id->malformed = true;
	for (int mode = 0; mode <= SW_MATCH_PIN; mode++)
		assert_int_equal(sw_match_name(id, "example.com", (enum sw_match_mode)mode, true, NULL), SW_R_ID_MALFORMED);
	sw_identity_free(id);
}

#define PIN11 "1111111111111111111111111111111111111111111111111111111111111111"
#define PINaa "AaaAaAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct sw_conf_zone zones[] = {
	{ .name = S("pinned"),
	  .listeners = LIST("mtls"),
	  .match = SW_MATCH_PIN,
	  .names = LIST("pinned.example"),
	  .pins = LIST(PINaa, PIN11) },
	{ .name = S("both"), .listeners = LIST("mtls"), .names = LIST("both.example"), .pins = LIST(PINaa) },
	{ .name = S("several"), .listeners = LIST("mtls"), .names = LIST("one.example", "Two.Example.", "2001:DB8::1") },
	{ .name = S("domains"), .listeners = LIST("mtls"), .domains = LIST("three.example") },
	{ .name = S("srv"), .listeners = LIST("mtls"), .match = SW_MATCH_RFC9525, .domains = LIST("four.example") },
	{ .name = S("srvnames"), .listeners = LIST("mtls"), .match = SW_MATCH_RFC9525, .names = LIST("five.example") },
	{ .name = S("bothdomains"), .listeners = LIST("mtls"), .domains = LIST("seven.example"), .pins = LIST(PINaa) },
	{ .name = S("wild"), .listeners = LIST("mtls"), .match = SW_MATCH_RFC9525, .names = LIST("a.six.example") },
};

static enum sw_reason against_zone(const struct world *w, const char *zone, const char *certificate, int key,
				   struct sw_match *match)
{
	struct sw_identity *id = who_with_key(certificate, key);
	enum sw_reason r = sw_match_zone(id, zone_named(w, zone), match);

	sw_identity_free(id);
	return r;
}

static void zones_match_by_their_own_mode(void **state)
{
	struct sw_match match = { 0 };
	struct world w;

	(void)state;
	world_make(&w, zones, COUNT(zones), NULL, 0, (struct sw_strlist){ 0 });
	/* pin: the key alone */
	assert_int_equal(against_zone(&w, "pinned", "dns:who.example", 0xaa, &match), SW_R_OK);
	assert_null(match.name);
	assert_string_equal(match.reference, PINaa);
	assert_int_equal(against_zone(&w, "pinned", "", 0x11, NULL), SW_R_OK);
	assert_int_equal(against_zone(&w, "pinned", "dns:pinned.example", 0x12, NULL), SW_R_ID_PIN);
	/* pins beside a name mode: both */
	assert_int_equal(against_zone(&w, "both", "dns:both.example", 0xaa, NULL), SW_R_OK);
	assert_int_equal(against_zone(&w, "both", "dns:both.example", 0x11, NULL), SW_R_ID_PIN);
	assert_int_equal(against_zone(&w, "both", "dns:other.example", 0xaa, NULL), SW_R_ID_MISMATCH);
	/* any one of the names, each in its normal form */
	assert_int_equal(against_zone(&w, "several", "dns:TWO.example", 0, &match), SW_R_OK);
	assert_string_equal(match.reference, "two.example");
	assert_int_equal(against_zone(&w, "several", "ip:2001:db8::1", 0, NULL), SW_R_OK);
	assert_int_equal(against_zone(&w, "several", "dns:three.example", 0, NULL), SW_R_ID_MISMATCH);
	/* no names: the domains */
	assert_int_equal(against_zone(&w, "domains", "uri:sip:three.example", 0, NULL), SW_R_OK);
	assert_int_equal(against_zone(&w, "domains", "uri:sip:a.three.example", 0, NULL), SW_R_ID_MISMATCH);
	/* the nearest reason wins, whichever name it comes from */
	assert_int_equal(against_zone(&w, "wild", "dns:x.example dns:*.six.example", 0, NULL), SW_R_ID_WILDCARD);
	world_end(&w);
}

static void servers_prove_the_domain_routed_to(void **state)
{
	static const struct {
		const char *zone, *certificate, *reference, *target;
		int expected;
	} table[] = {
		/* E7: the domain, not the SRV target */
		{ "domains", "dns:example.com", "example.com", "edge1.example.net", OK },
		{ "domains", "dns:edge1.example.net", "example.com", "edge1.example.net", MISMATCH },
		{ "domains", "dns:three.example", "example.com", NULL, MISMATCH },
		{ "domains", "dns:example.com", "EXAMPLE.com.", NULL, OK },
		{ "domains", "ip:192.0.2.1", "192.0.2.1", NULL, OK },
		{ "domains", "ip:2001:db8::1", "[2001:db8::1]", NULL, OK },
		{ "domains", "dns:example.com", "not a name", NULL, MISMATCH },
		/* names stand in its place */
		{ "several", "dns:one.example", "example.com", NULL, OK },
		{ "several", "dns:example.com", "example.com", NULL, MISMATCH },
		/* rfc9525 looks at the target as well, unless names are given */
		{ "srv", "dns:edge1.example.net", "example.com", "Edge1.example.net.", OK },
		{ "srv", "dns:example.com", "example.com", "edge1.example.net", OK },
		{ "srv", "dns:other.example", "example.com", "edge1.example.net", MISMATCH },
		{ "srv", "dns:*.example.net", "example.com", "edge1.example.net", WILDCARD },
		{ "srvnames", "dns:edge1.example.net", "five.example", "edge1.example.net", MISMATCH },
		{ "srvnames", "dns:five.example", "example.com", "edge1.example.net", OK },
		/* pins */
		{ "pinned", "dns:whatever.example", "example.com", NULL, OK },
		{ "both", "dns:both.example", "both.example", NULL, SW_R_ID_PIN },
		{ "bothdomains", "dns:seven.example", "seven.example", NULL, SW_R_ID_PIN },
		{ "domains", "cn:example.com", "example.com", NULL, OK },
		{ "domains", "", "example.com", NULL, NO_NAME },
	};
	struct world w;

	(void)state;
	world_make(&w, zones, COUNT(zones), NULL, 0, (struct sw_strlist){ 0 });
	for (size_t i = 0; i < COUNT(table); i++) {
		struct sw_identity *id = who(table[i].certificate);
		struct sw_match match = { 0 };
		struct sw_verdict v =
			sw_match_server(id, zone_named(&w, table[i].zone), table[i].reference, table[i].target, &match);

		if ((int)v.reason != table[i].expected)
			fail_msg("row %zu: %s (%s)", i, sw_reason_id(v.reason), v.detail);
		assert_int_equal(match.reference != NULL, v.reason == SW_R_OK);
		sw_identity_free(id);
	}
	world_end(&w);
}

static void a_mismatch_tells_what_was_seen_and_wanted(void **state)
{
	struct sw_identity *id = who("dns:edge1.example.net uri:sip:other.example");
	struct sw_verdict v;
	struct world w;

	(void)state;
	world_make(&w, zones, COUNT(zones), NULL, 0, (struct sw_strlist){ 0 });
	v = sw_match_server(id, zone_named(&w, "domains"), "example.com", NULL, NULL);
	assert_non_null(strstr(v.detail, "wants example.com"));
	assert_non_null(strstr(v.detail, "dns:edge1.example.net, uri:sip:other.example"));
	assert_int_equal(sw_reason_status(v.reason), 502);
	v = sw_match_server(NULL, zone_named(&w, "domains"), "example.com", NULL, NULL);
	assert_reason(&v, SW_R_TLS_NO_CERT);
	sw_identity_free(id);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc5922_table),
		cmocka_unit_test(expressway_table),
		cmocka_unit_test(rfc9525_table),
		cmocka_unit_test(teams_table),
		cmocka_unit_test(a_malformed_certificate_has_no_identity),
		cmocka_unit_test(zones_match_by_their_own_mode),
		cmocka_unit_test(servers_prove_the_domain_routed_to),
		cmocka_unit_test(a_mismatch_tells_what_was_seen_and_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
