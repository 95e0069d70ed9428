/* SPDX-License-Identifier: Apache-2.0 */
/* Which zone a connection gets, or why none (acceptance 6, 8, 10-13). */
#include "world.h"

#define PIN22 "2222222222222222222222222222222222222222222222222222222222222222"

/* One zone for each way to be admitted or refused; the order is the order in which they are tried. */
static struct sw_prefix office, lab, lan;
static struct sw_conf_zone zones[] = {
	{ .name = S("a"), .listeners = LIST("mtls", "tls"), .names = LIST("a.example") },
	{ .name = S("b"), .listeners = LIST("mtls", "tls"), .names = LIST("b.example") },
	{ .name = S("wild"),
	  .listeners = LIST("mtls"),
	  .match = SW_MATCH_RFC9525,
	  .names = LIST("host.wild.example"),
	  .allow_wildcard = true },
	{ .name = S("strict"), .listeners = LIST("mtls"), .match = SW_MATCH_RFC9525, .names = LIST("host.strict.example") },
	{ .name = S("elsewhere"), .listeners = LIST("mtls2"), .names = LIST("elsewhere.example") },
	{ .name = S("office"), .listeners = LIST("mtls"), .names = LIST("office.example"), .sources = &office, .n_sources = 1 },
	{ .name = S("anywhere"), .listeners = LIST("mtls"), .names = LIST("both.example") },
	{ .name = S("lab"), .listeners = LIST("mtls"), .names = LIST("both.example"), .sources = &lab, .n_sources = 1 },
	{ .name = S("pinned"),
	  .listeners = LIST("mtls"),
	  .match = SW_MATCH_PIN,
	  .names = LIST("pinned.example"),
	  .pins = LIST(PIN22) },
	{ .name = S("both-keys"), .listeners = LIST("mtls"), .names = LIST("keyed.example"), .pins = LIST(PIN22) },
	{ .name = S("idn"),
	  .listeners = LIST("mtls"),
	  .names = LIST("B\xc3\x9c"
			"cher.example.") },
	{ .name = S("address"), .listeners = LIST("mtls"), .names = LIST("192.0.2.7") },
	{ .name = S("cisco"), .listeners = LIST("mtls"), .match = SW_MATCH_EXPRESSWAY, .names = LIST("edge.cisco.example") },
	{ .name = S("pbx"),
	  .listeners = LIST("tcp"),
	  .target_transport = SW_TRANSPORT_TCP,
	  .sources = &lan,
	  .n_sources = 1,
	  .internal = true },
	{ .name = S("pbx-anyone"), .listeners = LIST("tcp"), .target_transport = SW_TRANSPORT_TCP },
	{ .name = S("strangers"),
	  .kind = SW_ZONE_DEFAULT,
	  .listeners = LIST("tls", "mtls2"),
	  .domains = LIST("stranger.example") },
};

static int setup(void **state)
{
	static struct world w;

	assert_int_equal(sw_prefix_parse(&office, SW_STR("198.51.100.0/24")), 0);
	assert_int_equal(sw_prefix_parse(&lab, SW_STR("203.0.113.0/24")), 0);
	assert_int_equal(sw_prefix_parse(&lan, SW_STR("10.0.0.0/8")), 0);
	world_make(&w, zones, COUNT(zones), NULL, 0, (struct sw_strlist)LIST("ours.example"));
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	world_end(*state);
	return 0;
}

/* A trust store: vouches for the zones in its list alone, fails the others with a reason; counts how often it is asked. */
struct store {
	const char *vouches;         /* names with spaces around, or NULL: for all */
	enum sw_reason fault;
	unsigned asked;
	char last[64];
};

static void judge_chain(void *arg, const struct sw_zone *zone, struct sw_chain_result *out)
{
	struct store *s = arg;
	char word[80];

	s->asked++;
	snprintf(s->last, sizeof(s->last), "%s", zone->conf->name);
	snprintf(word, sizeof(word), " %s ", zone->conf->name);
	*out = (struct sw_chain_result){ .reason = !s->vouches || strstr(s->vouches, word) ? SW_R_OK : s->fault, .depth = 1 };
	if (out->reason != SW_R_OK)
		strcpy(out->error_text, "self-signed certificate in certificate chain");
}

static const struct sw_conf_listener *listener(const char *name)
{
	for (size_t i = 0; i < COUNT(world_listeners); i++)
		if (!strcmp(world_listeners[i].name, name))
			return &world_listeners[i];
	return NULL;
}

/* The identity is gone when this returns: out->match.name must not be looked at. */
static void admit_key(const struct world *w, const char *on, const char *source, const char *certificate, int key,
		      struct store *s, struct sw_admission *out)
{
	static struct store all;
	struct sw_identity *id = certificate ? who_with_key(certificate, key) : NULL;
	struct sw_admit_facts f = { .listener = listener(on), .identity = id, .chain = judge_chain, .chain_arg = s ? s : &all };

	assert_int_equal(sw_addr_parse(&f.source, sw_str_of(source), 40000), 0);
	sw_zone_admit(w->set, &f, out);
	assert_int_equal(sw_verdict_ok(&out->verdict), out->zone != NULL);
	sw_identity_free(id);
}

static void admit(const struct world *w, const char *on, const char *source, const char *certificate, struct store *s,
		  struct sw_admission *out)
{
	admit_key(w, on, source, certificate, 0x11, s, out);
}

static void admission_table(void **state)
{
	static const struct {
		const char *on, *source, *certificate;
		const char *zone;               /* NULL: refused */
		enum sw_reason reason;
	} table[] = {
		{ "mtls", "192.0.2.99", "dns:a.example", "a", SW_R_OK },
		{ "mtls", "192.0.2.99", "uri:sip:B.EXAMPLE", "b", SW_R_OK },
		{ "mtls", "192.0.2.99", "dns:x.example dns:b.example", "b", SW_R_OK },
		{ "mtls", "192.0.2.99", "dns:xn--bcher-kva.example", "idn", SW_R_OK }, /* 8 */
		{ "mtls", "192.0.2.99", "ip:192.0.2.7", "address", SW_R_OK },
		{ "mtls", "192.0.2.99", "ip:192.0.2.99 cn:EDGE.cisco.example", "cisco", SW_R_OK }, /* 5 */
		/* several zones match: source networks first, then as written */
		{ "mtls", "203.0.113.5", "dns:both.example", "lab", SW_R_OK },
		{ "mtls", "192.0.2.99", "dns:both.example", "anywhere", SW_R_OK },
		{ "mtls", "192.0.2.99", "dns:b.example dns:a.example", "a", SW_R_OK },
		{ "mtls", "::ffff:203.0.113.5", "dns:both.example", "lab", SW_R_OK },
		/* 6: wildcards */
		{ "mtls", "192.0.2.99", "dns:*.wild.example", "wild", SW_R_OK },
		{ "mtls", "192.0.2.99", "dns:*.strict.example", NULL, SW_R_ID_WILDCARD },
		{ "mtls", "192.0.2.99", "dns:*.example", NULL, SW_R_ID_NO_ZONE },
		/* near misses, and far ones */
		{ "mtls", "192.0.2.99", "dns:nobody.example", NULL, SW_R_ID_NO_ZONE }, /* 12 */
		{ "mtls", "192.0.2.99", "dns:a.a.example", NULL, SW_R_ID_NO_ZONE },
		{ "mtls", "192.0.2.99", "dns:example", NULL, SW_R_ID_NO_ZONE },
		{ "mtls", "192.0.2.99", "uri:sip:nobody.example dns:a.example", NULL, SW_R_ID_NO_ZONE }, /* 3 */
		{ "mtls", "192.0.2.99", "ip:192.0.2.99 cn:a.example", NULL, SW_R_ID_NO_ZONE },           /* 4 */
		{ "mtls", "192.0.2.99", "uri:sips:a.example", NULL, SW_R_ID_NO_NAME },
		{ "mtls", "192.0.2.99", "uri:sip:bob@a.example", NULL, SW_R_ID_NO_NAME },
		{ "mtls", "192.0.2.99", "dns!:a.example", NULL, SW_R_ID_MALFORMED },
		{ "mtls", "192.0.2.99", "", NULL, SW_R_ID_NO_NAME },
		{ "mtls", "192.0.2.99", "dns:elsewhere.example", NULL, SW_R_ID_LISTENER },
		{ "mtls2", "192.0.2.99", "dns:elsewhere.example", "elsewhere", SW_R_OK },
		{ "mtls2", "192.0.2.99", "dns:a.example", NULL, SW_R_ID_LISTENER },
		{ "mtls", "198.51.100.9", "dns:office.example", "office", SW_R_OK },
		{ "mtls", "192.0.2.99", "dns:office.example", NULL, SW_R_ID_SOURCE },
		{ "mtls", "192.0.2.99", "dns:pinned.example", NULL, SW_R_ID_PIN },
		/* no certificate */
		{ "mtls", "192.0.2.99", NULL, NULL, SW_R_TLS_NO_CERT },  /* 9 */
		{ "mtls2", "192.0.2.99", NULL, NULL, SW_R_TLS_NO_CERT }, /* its default zone takes nobody in */
		{ "mtls2", "192.0.2.99", "dns:stranger.example", NULL, SW_R_ID_NO_ZONE },
		{ "tls", "192.0.2.99", NULL, "strangers", SW_R_OK }, /* 10 */
		{ "tls", "192.0.2.99", "dns:nobody.example", "strangers", SW_R_OK },
		{ "tls", "192.0.2.99", "dns!:a.example", "strangers", SW_R_OK },
		{ "tls", "192.0.2.99", "dns:a.example", "a", SW_R_OK },
		{ "tls", "192.0.2.99", "dns:office.example", "strangers", SW_R_OK },
		/* plain TCP: by source network alone */
		{ "tcp", "10.1.2.3", NULL, "pbx", SW_R_OK },
		{ "tcp", "192.0.2.99", NULL, NULL, SW_R_ID_SOURCE },
		{ "tcp", "192.0.2.99", "dns:a.example", NULL, SW_R_ID_SOURCE },
	};
	struct world *w = *state;
	struct sw_admission got;

	for (size_t i = 0; i < COUNT(table); i++) {
		admit(w, table[i].on, table[i].source, table[i].certificate, NULL, &got);
		if (got.verdict.reason != table[i].reason ||
		    strcmp(got.zone ? got.zone->conf->name : "", table[i].zone ? table[i].zone : ""))
			fail_msg("row %zu {%s}: zone %s, %s (%s)", i, table[i].certificate ? table[i].certificate : "none",
				 got.zone ? got.zone->conf->name : "none", sw_reason_id(got.verdict.reason), got.verdict.detail);
	}
}

/* 13, 11 */
static void a_zone_believes_its_own_trust_list_alone(void **state)
{
	static const enum sw_reason keeps[] = { SW_R_TLS_EXPIRED, SW_R_TLS_NOT_YET, SW_R_TLS_PURPOSE,
						SW_R_TLS_REVOKED, SW_R_TLS_CRL,     SW_R_TLS_WEAK };
	struct store only_a = { .vouches = " a ", .fault = SW_R_TLS_CHAIN };
	struct store undecided = { .vouches = " ", .fault = SW_R_DENY };
	struct world *w = *state;
	struct sw_admission got;

	admit(w, "mtls", "192.0.2.99", "dns:a.example", &only_a, &got);
	assert_string_equal(got.zone->conf->name, "a");
	assert_int_equal(got.chain.reason, SW_R_OK);
	admit(w, "mtls", "192.0.2.99", "dns:b.example", &only_a, &got);
	assert_reason(&got.verdict, SW_R_ID_TRUST);
	assert_int_equal(got.chain.reason, SW_R_TLS_CHAIN);
	/* both names: only the zone that is vouched for */
	admit(w, "mtls", "192.0.2.99", "dns:b.example dns:a.example", &only_a, &got);
	assert_string_equal(got.zone->conf->name, "a");
	only_a.vouches = " b ";
	admit(w, "mtls", "192.0.2.99", "dns:b.example dns:a.example", &only_a, &got);
	assert_string_equal(got.zone->conf->name, "b");
	assert_string_equal(got.match.reference, "b.example");
	for (size_t i = 0; i < COUNT(keeps); i++) {
		struct store bad = { .vouches = " ", .fault = keeps[i] };

		admit(w, "mtls", "192.0.2.99", "dns:a.example", &bad, &got);
		assert_reason(&got.verdict, keeps[i]);
	}
	admit(w, "mtls", "192.0.2.99", "dns:a.example", &undecided, &got);
	assert_reason(&got.verdict, SW_R_TLS_UNKNOWN);
}

static void without_a_judge_no_chain_is_good(void **state)
{
	struct sw_identity *id = who("dns:a.example");
	struct sw_admit_facts f = { .listener = listener("mtls"), .identity = id };
	struct world *w = *state;
	struct sw_admission got;

	assert_int_equal(sw_addr_parse(&f.source, SW_STR("192.0.2.1"), 1), 0);
	sw_zone_admit(w->set, &f, &got);
	assert_reason(&got.verdict, SW_R_TLS_UNKNOWN);
	assert_null(got.zone);
	sw_identity_free(id);
}

static void chains_are_judged_only_where_names_match(void **state)
{
	struct store s = { .vouches = " ", .fault = SW_R_TLS_CHAIN };
	struct world *w = *state;
	struct sw_admission got;

	admit(w, "mtls", "192.0.2.99", "dns:nobody.example dns:elsewhere.example dns:office.example dns:*.strict.example", &s,
	      &got);
	assert_int_equal(s.asked, 0);
	admit(w, "mtls", "192.0.2.99", "dns:a.example dns:A.example uri!:sip:a.example", &s, &got);
	assert_int_equal(s.asked, 1);
	s.asked = 0;
	admit(w, "mtls", "192.0.2.99", "dns:b.example dns:both.example dns:a.example", &s, &got);
	assert_int_equal(s.asked, 3);
	assert_string_equal(s.last, "anywhere");
}

static void pins_stand_beside_the_chain(void **state)
{
	struct store both_keys = { .vouches = " both-keys ", .fault = SW_R_TLS_CHAIN };
	struct store none = { .vouches = " ", .fault = SW_R_TLS_CHAIN };
	struct world *w = *state;
	struct sw_admission got;

	admit_key(w, "mtls", "192.0.2.99", "dns:whatever.example", 0x22, NULL, &got);
	assert_string_equal(got.zone->conf->name, "pinned");
	assert_null(got.match.name);
	admit_key(w, "mtls", "192.0.2.99", "", 0x22, NULL, &got);
	assert_string_equal(got.zone->conf->name, "pinned");
	admit_key(w, "mtls", "192.0.2.99", "dns:whatever.example", 0x22, &none, &got);
	assert_reason(&got.verdict, SW_R_ID_TRUST);
	admit_key(w, "mtls", "192.0.2.99", "dns:pinned.example", 0x23, NULL, &got);
	assert_reason(&got.verdict, SW_R_ID_PIN);
	assert_non_null(strstr(got.verdict.detail, "2323232323"));    /* the key to put into pins */
	/* a mode that looks at names wants both; the key alone is nothing to it */
	admit_key(w, "mtls", "192.0.2.99", "dns:keyed.example", 0x22, &both_keys, &got);
	assert_string_equal(got.zone->conf->name, "both-keys");
	admit_key(w, "mtls", "192.0.2.99", "dns:keyed.example", 0x23, NULL, &got);
	assert_reason(&got.verdict, SW_R_ID_PIN);
}

/* pin/trust/purpose > source > listener > wildcard > no zone, whatever the order of the names. */
static void the_nearest_reason_is_told(void **state)
{
	static const struct { const char *certificate; enum sw_reason reason; const char *zone; } table[] = {
		{ "dns:nobody.example dns:*.strict.example", SW_R_ID_WILDCARD, "\"strict\"" },
		{ "dns:*.strict.example dns:elsewhere.example", SW_R_ID_LISTENER, "\"elsewhere\"" },
		{ "dns:elsewhere.example dns:*.strict.example", SW_R_ID_LISTENER, "\"elsewhere\"" },
		{ "dns:elsewhere.example dns:office.example", SW_R_ID_SOURCE, "\"office\"" },
		{ "dns:office.example dns:elsewhere.example", SW_R_ID_SOURCE, "\"office\"" },
		{ "dns:office.example dns:a.example", SW_R_TLS_PURPOSE, "\"a\"" },
		{ "dns:a.example dns:office.example", SW_R_TLS_PURPOSE, "\"a\"" },
		{ "dns:office.example dns:pinned.example", SW_R_ID_PIN, "\"pinned\"" },
		{ "dns:b.example dns:a.example", SW_R_TLS_PURPOSE, "\"a\"" },
	};
	struct store bad = { .vouches = " ", .fault = SW_R_TLS_PURPOSE };
	struct world *w = *state;
	struct sw_admission got;

	for (size_t i = 0; i < COUNT(table); i++) {
		admit(w, "mtls", "192.0.2.99", table[i].certificate, &bad, &got);
		if (got.verdict.reason != table[i].reason || !strstr(got.verdict.detail, table[i].zone))
			fail_msg("row %zu: %s (%s)", i, sw_reason_id(got.verdict.reason), got.verdict.detail);
	}
}

/* What an engineer needs at night: what came, what it is near to. */
static void details_tell_what_was_seen(void **state)
{
	static const struct { const char *on, *certificate, *says[3]; } table[] = {
		{ "mtls", "dns:x.a.example uri:sip:y.example", { "dns:x.a.example, uri:sip:y.example", "\"a\"", "a.example" } },
		{ "mtls", "dns:far.test", { "dns:far.test", "no zone lists" } },
		{ "mtls", "uri:sip:nobody.test dns:a.example", { "dns:a.example would be zone \"a\"", "beside a URI:sip" } },
		{ "mtls", "san cn:a.example", { "cn:a.example would be zone \"a\"", "beside a subjectAltName" } },
		{ "mtls", "dns:*.strict.example", { "dns:*.strict.example", "host.strict.example", "\"strict\"" } },
		{ "mtls", "dns:elsewhere.example", { "dns:elsewhere.example", "\"elsewhere\"", "listener \"mtls\"" } },
		{ "mtls", "dns:office.example", { "192.0.2.99", "\"office\"" } },
		{ "mtls", "dns:a.example", { "zone \"a\" (rfc5922)", "dns:a.example" } },
		{ "tls", "dns:x.test", { "default zone \"strangers\"", "dns:x.test" } },
		{ "tls", NULL, { "default zone \"strangers\"", "no certificate" } },
	};
	struct world *w = *state;
	struct sw_admission got;

	for (size_t i = 0; i < COUNT(table); i++) {
		admit(w, table[i].on, "192.0.2.99", table[i].certificate, NULL, &got);
		for (size_t k = 0; k < COUNT(table[i].says) && table[i].says[k]; k++)
			if (!strstr(got.verdict.detail, table[i].says[k]))
				fail_msg("row %zu: \"%s\" is not in \"%s\"", i, table[i].says[k], got.verdict.detail);
	}
}

/* The peer is let in as a stranger; the log must still say that its certificate was meant for another zone. */
static void a_stranger_by_failure_is_told_why(void **state)
{
	struct store expired = { .vouches = " ", .fault = SW_R_TLS_EXPIRED };
	struct world *w = *state;
	struct sw_admission got;

	admit(w, "tls", "192.0.2.99", "dns:a.example", &expired, &got);
	assert_string_equal(got.zone->conf->name, "strangers");
	assert_non_null(strstr(got.verdict.detail, "zone \"a\""));
	assert_int_equal(got.chain.reason, SW_R_TLS_EXPIRED);
	assert_null(got.match.reference);
}

static void a_malformed_certificate_proves_nothing(void **state)
{
	struct sw_identity *id = who_with_key("dns:a.example", 0x22);
	struct sw_admit_facts f = {
		.listener = listener("mtls"), .identity = id, .chain = judge_chain, .chain_arg = &(struct store){ 0 }
	};
	struct world *w = *state;
	struct sw_admission got;

	assert_int_equal(sw_addr_parse(&f.source, SW_STR("192.0.2.1"), 1), 0);
	id->malformed = true;
	sw_zone_admit(w->set, &f, &got);
	assert_reason(&got.verdict, SW_R_ID_MALFORMED);
	sw_identity_free(id);
}

static void a_listener_of_another_configuration_admits_nobody(void **state)
{
	struct sw_conf_listener other = { .name = S("other"), .transport = SW_TRANSPORT_TLS };
	struct sw_conf_listener forged = { .name = S("mtls"), .transport = SW_TRANSPORT_TLS };
	struct sw_admit_facts f = { .listener = &other };
	struct world *w = *state;
	struct sw_admission got;

	assert_int_equal(sw_addr_parse(&f.source, SW_STR("192.0.2.1"), 1), 0);
	sw_zone_admit(w->set, &f, &got);
	assert_reason(&got.verdict, SW_R_ID_LISTENER);
	/* the set's own idea of a listener counts */
	f.listener = &forged;
	sw_zone_admit(w->set, &f, &got);
	assert_reason(&got.verdict, SW_R_TLS_NO_CERT);
}

static void without_default_zone_strangers_stay_out(void **state)
{
	struct sw_conf_zone some[] = {
		{ .name = S("a"), .listeners = LIST("tls", "tcp"), .names = LIST("a.example") },
		{ .name = S("far"), .kind = SW_ZONE_DEFAULT, .listeners = LIST("tls"), .sources = &office, .n_sources = 1 },
	};
	struct sw_admission got;
	struct world w;

	(void)state;
	world_make(&w, some, COUNT(some), NULL, 0, (struct sw_strlist){ 0 });
	admit(&w, "tls", "192.0.2.99", NULL, NULL, &got);
	assert_reason(&got.verdict, SW_R_ID_NO_DEFAULT);
	admit(&w, "tcp", "192.0.2.99", NULL, NULL, &got);
	assert_reason(&got.verdict, SW_R_ID_NO_DEFAULT);
	admit(&w, "tls", "192.0.2.99", "dns:b.example", NULL, &got);
	assert_reason(&got.verdict, SW_R_ID_NO_ZONE);
	admit(&w, "tls", "198.51.100.9", NULL, NULL, &got);
	assert_string_equal(got.zone->conf->name, "far");
	world_end(&w);
}

/* 100 zones that share one name, 1000 names in one certificate: bounded work, and still the right zone. */
static void hostile_certificates_cost_little(void **state)
{
	enum { ZONES = 100 };
	const struct sw_strlist listeners = LIST("mtls"), shared = LIST("shared.example");
	static struct sw_conf_zone many[ZONES];
	static char names[ZONES][16];
	static char text[SW_NAMES_MAX * 24];
	struct store s = { .vouches = " ", .fault = SW_R_TLS_CHAIN };
	struct sw_admission got;
	struct world w;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < ZONES; i++) {
		snprintf(names[i], sizeof(names[i]), "z%zu", i);
		many[i] = (struct sw_conf_zone){ .name = names[i], .listeners = listeners, .names = shared };
	}
	for (size_t i = 0; i + 1 < SW_NAMES_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "dns:h%zu.example ", i);
	snprintf(text + n, sizeof(text) - n, "dns:shared.example");
	world_make(&w, many, ZONES, NULL, 0, (struct sw_strlist){ 0 });
	admit(&w, "mtls", "192.0.2.99", text, &s, &got);
	assert_reason(&got.verdict, SW_R_ID_TRUST);
	assert_int_equal(s.asked, SW_ADMIT_TRIES);
	s.vouches = " z31 ";
	admit(&w, "mtls", "192.0.2.99", text, &s, &got);
	assert_string_equal(got.zone->conf->name, "z31");
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(admission_table),
		cmocka_unit_test(a_zone_believes_its_own_trust_list_alone),
		cmocka_unit_test(without_a_judge_no_chain_is_good),
		cmocka_unit_test(chains_are_judged_only_where_names_match),
		cmocka_unit_test(pins_stand_beside_the_chain),
		cmocka_unit_test(the_nearest_reason_is_told),
		cmocka_unit_test(details_tell_what_was_seen),
		cmocka_unit_test(a_stranger_by_failure_is_told_why),
		cmocka_unit_test(a_malformed_certificate_proves_nothing),
		cmocka_unit_test(a_listener_of_another_configuration_admits_nobody),
		cmocka_unit_test(without_default_zone_strangers_stay_out),
		cmocka_unit_test(hostile_certificates_cost_little),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
