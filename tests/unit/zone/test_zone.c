/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled set: what it takes, what it refuses, whom it finds. */
#include "world.h"

#define PIN "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"

static struct sw_conf_zone zones[] = {
	{ .name = S("a"),
	  .listeners = LIST("mtls"),
	  .domains = LIST("A.example", "b\xc3\xbc"
				       "cher.example.") },
	{ .name = S("b"),
	  .listeners = LIST("mtls"),
	  .names = LIST("edge.b.example", "192.0.2.1", "[2001:DB8:0::1]"),
	  .domains = LIST("b.example", "a.example") },
	{ .name = S("strangers"), .kind = SW_ZONE_DEFAULT, .listeners = LIST("tls"), .domains = LIST("c.example") },
};

static void zones_are_found_by_name_and_domain(void **state)
{
	const struct sw_zone *a, *b;
	struct world w;

	(void)state;
	world_make(&w, zones, COUNT(zones), NULL, 0, (struct sw_strlist)LIST("Ours.Example."));
	a = zone_named(&w, "a");
	b = zone_named(&w, "b");
	assert_int_equal(sw_zoneset_count(w.set), 3);
	assert_ptr_equal(sw_zoneset_at(w.set, 1), b);
	assert_null(sw_zoneset_at(w.set, 3));
	assert_null(sw_zoneset_find(w.set, "A"));
	assert_ptr_equal(a->conf, &zones[0]);
	/* references: names, else domains; one form each */
	assert_int_equal(a->n_names, 2);
	assert_string_equal(a->names[0], "a.example");
	assert_string_equal(a->names[1], "xn--bcher-kva.example");
	assert_string_equal(b->names[2], "2001:db8::1");
	assert_false(b->name_is_ip[0]);
	assert_true(b->name_is_ip[1] && b->name_is_ip[2]);
	/* owners */
	assert_ptr_equal(sw_zoneset_owner(w.set, "a.example"), a);
	assert_ptr_equal(sw_zoneset_owner(w.set, "b.example"), b);
	assert_null(sw_zoneset_owner(w.set, "x.b.example"));
	assert_null(sw_zoneset_owner(w.set, "edge.b.example"));
	assert_null(sw_zoneset_owner(w.set, "c.example"));
	assert_true(sw_zone_lists(w.set, b, "a.example"));
	assert_false(sw_zone_lists(w.set, a, "b.example"));
	assert_true(sw_zoneset_is_local(w.set, "ours.example"));
	assert_false(sw_zoneset_is_local(w.set, "x.ours.example"));
	world_end(&w);
}

static void a_set_lives_as_long_as_it_is_held(void **state)
{
	struct sw_zoneset *second;
	struct world w;

	(void)state;
	world_make(&w, zones, COUNT(zones), NULL, 0, (struct sw_strlist){ 0 });
	assert_int_equal(w.conf.refs, 2);
	second = sw_zoneset_ref(w.set);
	sw_zoneset_unref(second);
	assert_int_equal(w.conf.refs, 2);
	assert_ptr_equal(sw_zoneset_conf(w.set), &w.conf);
	world_end(&w);
	sw_zoneset_unref(NULL);
}

static void an_empty_configuration_is_an_empty_set(void **state)
{
	struct world w;

	(void)state;
	world_make(&w, NULL, 0, NULL, 0, (struct sw_strlist){ 0 });
	assert_int_equal(sw_zoneset_count(w.set), 0);
	assert_null(sw_zoneset_find(w.set, "a"));
	assert_null(sw_zoneset_owner(w.set, "a.example"));
	world_end(&w);
}

#define REFUSED(says, ...) { { .name = S("z"), .listeners = LIST("mtls"), __VA_ARGS__ }, says }

static void what_can_not_be_honoured_is_refused(void **state)
{
	struct { struct sw_conf_zone zone; const char *says; } table[] = {
		REFUSED("starts with '.'", .names = LIST(".example.com")),        /* 7 */
		REFUSED("wildcard", .names = LIST("*.example.com")),
		REFUSED("not a domain name", .names = LIST("exa mple.com")),
		REFUSED("not a domain name", .names = LIST("192.0.2.1:5061")),
		REFUSED("not a domain name", .names = LIST("[2001:db8::1]:5061")),
		REFUSED("not a domain name", .names = LIST("")),
		REFUSED("not a domain name", .domains = LIST("192.0.2.1")),
		REFUSED("not a domain name", .domains = LIST("2001:db8::1")),
		REFUSED("starts with '.'", .domains = LIST("a.example", ".b.example")),
		REFUSED("not a domain name", .domains = LIST("a\xff.example")),
		REFUSED("64 hex digits", .pins = LIST("0011")),
		REFUSED("64 hex digits", .pins = LIST("zz112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff")),
		REFUSED("needs pins", .match = SW_MATCH_PIN),
		REFUSED("strangers", .kind = SW_ZONE_DEFAULT, .internal = true),
		REFUSED("strangers", .kind = SW_ZONE_DEFAULT, .may_assert_local = true),
		REFUSED("strangers", .kind = SW_ZONE_DEFAULT, .trusted_identity = true),
		REFUSED("no media interface \"inside\"", .media = S("inside")),
	};
	struct sw_conf_zone zone;
	struct world w;

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		zone = table[i].zone;
		assert_int_equal(world_try(&w, &zone, 1, NULL, 0, (struct sw_strlist){ 0 }), SW_ECONF);
		if (!world_says(&w, SW_DIAG_ERROR, table[i].says))
			fail_msg("row %zu: \"%s\"", i, w.diag.n ? w.diag.entries[0].text : "nothing");
		assert_null(w.set);
		world_end(&w);
	}
	assert_int_equal(world_try(&w, NULL, 0, NULL, 0, (struct sw_strlist)LIST("*.ours.example")), SW_ECONF);
	world_end(&w);
}

static void all_errors_are_told_at_once(void **state)
{
	struct sw_conf_zone bad[] = {
		{ .name = S("a"), .names = LIST(".a", "*.b", "ok.example") },
		{ .name = S("b"), .match = SW_MATCH_PIN, .domains = LIST("-") },
	};
	struct world w;

	(void)state;
	assert_int_equal(world_try(&w, bad, COUNT(bad), NULL, 0, (struct sw_strlist){ 0 }), SW_ECONF);
	assert_int_equal(w.diag.errors, 4);
	world_end(&w);
}

static void routes_lead_to_zones_that_can_be_called(void **state)
{
	struct sw_conf_route table[] = {
		{ .name = S("r"), .to = S("nobody") },
		{ .name = S("r"), .to = S("strangers") },
		{ .name = S("r"), .to = S("a"), .from = LIST("nobody") },
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_int_equal(world_try(&w, zones, COUNT(zones), &table[i], 1, (struct sw_strlist){ 0 }), SW_ECONF);
		assert_int_equal(w.diag.errors, 1);
		world_end(&w);
	}
}

static void what_has_no_effect_is_warned_about(void **state)
{
	struct sw_conf_zone odd[] = {
		{ .name = S("wild"), .listeners = LIST("mtls"), .names = LIST("a.example"), .allow_wildcard = true },
		{ .name = S("late"), .kind = SW_ZONE_DEFAULT, .listeners = LIST("mtls") },
		{ .name = S("hybrid"), .listeners = LIST("mtls"), .domains = LIST("ours.example") },
		{ .name = S("fine"),
		  .listeners = LIST("mtls"),
		  .names = LIST("b.example"),
		  .match = SW_MATCH_TEAMS,
		  .allow_wildcard = true,
		  .pins = LIST(PIN) },
	};
	struct world w;

	(void)state;
	world_make(&w, odd, COUNT(odd), NULL, 0, (struct sw_strlist)LIST("ours.example"));
	assert_true(world_says(&w, SW_DIAG_WARN, "\"wild\": allow_wildcard has no effect"));
	assert_true(world_says(&w, SW_DIAG_WARN, "\"late\": a default zone takes in nobody"));
	assert_true(world_says(&w, SW_DIAG_WARN, "\"hybrid\": domain ours.example"));
	assert_int_equal(w.diag.warnings, 3);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zones_are_found_by_name_and_domain),
		cmocka_unit_test(a_set_lives_as_long_as_it_is_held),
		cmocka_unit_test(an_empty_configuration_is_an_empty_set),
		cmocka_unit_test(what_can_not_be_honoured_is_refused),
		cmocka_unit_test(all_errors_are_told_at_once),
		cmocka_unit_test(routes_lead_to_zones_that_can_be_called),
		cmocka_unit_test(what_has_no_effect_is_warned_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
