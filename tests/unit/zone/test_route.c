/* SPDX-License-Identifier: Apache-2.0 */
/* Where requests go, and that nobody relays by accident (acceptance 73; 67 outward). */
#include "world.h"

static struct sw_conf_zone zones[] = {
	{ .name = S("inside"), .internal = true },
	{ .name = S("partner"), .domains = LIST("partner.example") },
	{ .name = S("carrier"), .trusted_identity = true },
	{ .name = S("world"), .kind = SW_ZONE_DNS },
	{ .name = S("strangers"), .kind = SW_ZONE_DEFAULT },
};
static const struct sw_strlist local = LIST("ours.example", "also.ours.example");

static struct sw_route route(struct sw_conf_route *rules, size_t n, const char *source, const char *ruri, const char *from,
			     bool privacy)
{
	struct sw_request_facts f = { .method = SW_STR("INVITE"), .ruri = uri(ruri), .from = uri(from), .privacy_id = privacy };
	struct sw_route got;
	struct world w;

	world_make(&w, zones, COUNT(zones), rules, n, local);
	sw_zone_route(w.set, zone_named(&w, source), &f, &got);
	assert_int_equal(sw_verdict_ok(&got.verdict), got.zone != NULL);
	/* the zone goes with its set: keep its name alone */
	got.zone = NULL;
	world_end(&w);
	return got;
}

/* One rule for each way to decide; the last two catch all. */
static struct sw_conf_route rules[] = {
	{ .name = S("no-premium"), .priority = 10, .from = LIST("inside"), .user = S("900*"), .reject = 603 },
	{ .name = S("pstn"), .priority = 20, .from = LIST("inside"), .domain = S("local"), .user = S("+*"), .to = S("carrier") },
	{ .name = S("in"), .priority = 30, .domain = S("local"), .to = S("inside") },
	{ .name = S("partner"),
	  .priority = 40,
	  .from = LIST("inside", "strangers"),
	  .domain = S("*.Partner.example"),
	  .to = S("partner") },
	{ .name = S("by-address"), .priority = 50, .from = LIST("inside"), .domain = S("192.0.2.?"), .to = S("partner") },
	{ .name = S("transit"), .priority = 60, .from = LIST("partner"), .domain = S("transit.example"), .to = S("carrier") },
	{ .name = S("for-all"), .priority = 65, .domain = S("open.example"), .to = S("world") },
	{ .name = S("named-star"), .priority = 70, .from = LIST("carrier"), .domain = S("*.*"), .to = S("world") },
	{ .name = S("out"), .priority = 80, .domain = S("*"), .to = S("world") },
};

static void routing_table(void **state)
{
	static const struct { const char *source, *ruri, *rule; enum sw_reason reason; } table[] = {
		{ "inside", "sip:alice@ours.example", "in", SW_R_OK },
		{ "partner", "sip:alice@OURS.example.", "in", SW_R_OK },
		{ "strangers", "sips:alice@also.ours.example", "in", SW_R_OK },
		{ "inside", "sip:+15551234@ours.example", "pstn", SW_R_OK },
		{ "inside", "sip:%2B15551234@ours.example", "pstn", SW_R_OK },
		{ "partner", "sip:+15551234@ours.example", "in", SW_R_OK },
		{ "inside", "sip:9001@ours.example", "no-premium", SW_R_ROUTE_REJECT },
		{ "inside", "sip:%390%301@ours.example", "no-premium", SW_R_ROUTE_REJECT },
		{ "inside", "sip:x@sip.partner.example", "partner", SW_R_OK },
		{ "inside", "sip:x@partner.example", "out", SW_R_OK },
		{ "inside", "sip:x@192.0.2.5", "by-address", SW_R_OK },
		{ "inside", "sip:x@2001:db8::1", "out", SW_R_OK },
		{ "inside", "sip:x@x.ours.example", "out", SW_R_OK },
		/* 73: neither end is ours */
		{ "partner", "sip:x@elsewhere.example", "out", SW_R_ROUTE_RELAY },
		{ "strangers", "sip:x@elsewhere.example", "out", SW_R_ROUTE_RELAY },
		{ "strangers", "sip:x@x.ours.example", "out", SW_R_ROUTE_RELAY },
		{ "partner", "sip:x@192.0.2.5", "out", SW_R_ROUTE_RELAY },
		{ "carrier", "sip:x@elsewhere.example", "named-star", SW_R_ROUTE_RELAY },
		/* unless source and domain are both named */
		{ "partner", "sip:x@transit.example", "transit", SW_R_OK },
		{ "partner", "sip:x@open.example", "for-all", SW_R_ROUTE_RELAY },
		{ "inside", "sip:x@open.example", "for-all", SW_R_OK },
		{ "partner", "sip:x@a.transit.example", "out", SW_R_ROUTE_RELAY },
		{ "strangers", "sip:x@sip.partner.example", "partner", SW_R_OK },
		{ "carrier", "sip:x@sip.partner.example", "named-star", SW_R_ROUTE_RELAY },
		/* what is no destination */
		{ "inside", "tel:+15551234", NULL, SW_R_MSG_SCHEME },
		{ "inside", "mailto:x@ours.example", NULL, SW_R_MSG_SCHEME },
		{ "inside", "sip:x@ours..example", NULL, SW_R_MSG_SYNTAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct sw_route got = route(rules, COUNT(rules), table[i].source, table[i].ruri, "sip:a@ours.example", false);

		if (got.verdict.reason != table[i].reason ||
		    strcmp(got.rule ? got.rule->name : "", table[i].rule ? table[i].rule : ""))
			fail_msg("row %zu: rule %s, %s (%s)", i, got.rule ? got.rule->name : "none",
				 sw_reason_id(got.verdict.reason), got.verdict.detail);
	}
}

static void a_rejecting_rule_gives_its_status(void **state)
{
	struct sw_route got = route(rules, COUNT(rules), "inside", "sip:9001@ours.example", "sip:a@ours.example", false);

	(void)state;
	assert_int_equal(got.status, 603);
	got = route(rules, COUNT(rules), "inside", "sip:1@ours.example", "sip:a@ours.example", false);
	assert_int_equal(got.status, 0);
}

static void without_a_rule_there_is_no_way(void **state)
{
	struct sw_route got = route(NULL, 0, "inside", "sip:x@elsewhere.example", "sip:a@ours.example", false);

	(void)state;
	assert_reason(&got.verdict, SW_R_ROUTE_NONE);
	got = route(NULL, 0, "partner", "sip:x@ours.example", "sip:a@partner.example", false);
	assert_reason(&got.verdict, SW_R_ROUTE_NONE);
	got = route(NULL, 0, "partner", "sip:x@elsewhere.example", "sip:a@partner.example", false);
	assert_reason(&got.verdict, SW_R_ROUTE_RELAY);
}

static void patterns_that_take_all_name_nothing(void **state)
{
	static const char *const patterns[] = { NULL, "*", "**", "?*", "*.*", "*.*.*", "*?.?*" };

	(void)state;
	for (size_t i = 0; i < COUNT(patterns); i++) {
		struct sw_conf_route rule = {
			.name = S("r"), .from = LIST("partner"), .domain = S(patterns[i]), .to = S("world")
		};

		assert_int_equal(
			route(&rule, 1, "partner", "sip:x@a.b.elsewhere.example", "sip:a@partner.example", false).verdict.reason,
			SW_R_ROUTE_RELAY);
	}
}

static void privacy_holds_towards_those_not_trusted(void **state)
{
	static const struct { const char *ruri, *from; bool privacy, strip; } table[] = {
		{ "sip:x@sip.partner.example", "sip:a@ours.example", false, false },
		{ "sip:x@sip.partner.example", "sip:a@ours.example", true, true },
		{ "sip:x@sip.partner.example", "sip:anonymous@anonymous.invalid", false, true },
		{ "sip:+1@ours.example", "sip:a@ours.example", true, false },
		{ "sip:+1@ours.example", "sip:anonymous@anonymous.invalid", false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct sw_route got = route(rules, COUNT(rules), "inside", table[i].ruri, table[i].from, table[i].privacy);

		assert_reason(&got.verdict, SW_R_OK);
		assert_int_equal(got.strip_identity, table[i].strip);
	}
}

static void an_endless_user_part_is_refused(void **state)
{
	static char text[5000] = "sip:";
	struct sw_route got;

	(void)state;
	memset(text + 4, '9', 1023);
	strcpy(text + 4 + 1023, "@ours.example");
	got = route(rules, COUNT(rules), "partner", text, "sip:a@partner.example", false);
	assert_reason(&got.verdict, SW_R_OK);
	memset(text + 4, '9', 4000);
	strcpy(text + 4004, "@ours.example");
	got = route(rules, COUNT(rules), "partner", text, "sip:a@partner.example", false);
	assert_reason(&got.verdict, SW_R_MSG_SYNTAX);
}

static void the_way_can_be_explained(void **state)
{
	struct sw_request_facts f = { .method = SW_STR("INVITE"),
				      .ruri = uri("sip:x%07y@elsewhere.example"),
				      .from = uri("sip:a@partner.example") };
	struct sw_buf text;
	struct world w;

	(void)state;
	sw_buf_init(&text, 0);
	world_make(&w, zones, COUNT(zones), rules, COUNT(rules), local);
	sw_zone_route_explain(w.set, zone_named(&w, "partner"), &f, &text);
	sw_buf_put(&text, "", 1);
	assert_int_equal(sw_buf_error(&text), 0);
	assert_non_null(strstr(text.data, "from zone \"partner\" to elsewhere.example, which is not local\n"));
	assert_non_null(strstr(text.data, "10 no-premium: no, from does not list zone \"partner\"\n"));
	assert_non_null(strstr(text.data, "60 transit: no, domain \"transit.example\" does not match elsewhere.example\n"));
	assert_non_null(strstr(text.data, "80 out: yes\n"));
	assert_non_null(strstr(text.data, "route.no-relay: "));
	sw_buf_clear(&text);
	sw_zone_route_explain(w.set, zone_named(&w, "inside"), &f, &text);
	sw_buf_put(&text, "", 1);
	assert_non_null(strstr(text.data, "10 no-premium: no, user \"900*\" does not match \"x?y\"\n"));
	assert_non_null(strstr(text.data, "goes to zone \"world\""));
	sw_buf_clear(&text);
	f.ruri = uri("tel:+1");
	sw_zone_route_explain(w.set, zone_named(&w, "inside"), &f, &text);
	sw_buf_put(&text, "", 1);
	assert_string_equal(text.data, "sip.scheme: the Request-URI is neither sip nor sips\n");
	sw_buf_free(&text);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routing_table),
		cmocka_unit_test(a_rejecting_rule_gives_its_status),
		cmocka_unit_test(without_a_rule_there_is_no_way),
		cmocka_unit_test(patterns_that_take_all_name_nothing),
		cmocka_unit_test(privacy_holds_towards_those_not_trusted),
		cmocka_unit_test(an_endless_user_part_is_refused),
		cmocka_unit_test(the_way_can_be_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
