/* SPDX-License-Identifier: Apache-2.0 */
/* What keys say together: references, doubles, combinations that can't be honoured. */
#include "expect.h"

#define PIN64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define FULL "trust = \"ca\"; domains = \"p.example\"; targets = \"p.example\"; "
#define LISTENER(name, keys) "{ name = \"" name "\"; addresses = \"127.0.0.1\"; " keys " }"
#define TLS_KEYS "cert = \"c\"; key = \"k\"; "
#define WITH_TCP \
	NODE MEDIA "listeners = (\n" LISTENER("m", "transport = \"mtls\"; " TLS_KEYS) "," LISTENER( \
		"tcp", "transport = \"tcp\";") " );\n" /* 2..4 */

static void listeners(void **state)
{
	static const struct expected cases[] = {
		{ NODE "listeners = (\n" LISTENER("a", "transport = \"tls\"; " TLS_KEYS) ",\n" LISTENER(
			  "a", "transport = \"mtls\"; " TLS_KEYS) ");",
		  4, "there are two listeners of the name \"a\"" },
		{ NODE "listeners = (\n" LISTENER("a", "transport = \"tls\"; " TLS_KEYS) ",\n" LISTENER(
			  "b", "transport = \"tls\"; " TLS_KEYS) ");",
		  4, "127.0.0.1:5061 is already taken by listener \"a\"" },
		{ NODE "listeners = ({ name = \"a\"; transport = \"tls\"; addresses = \"0.0.0.0\"; port = 5070; " TLS_KEYS
		       "},\n" LISTENER("b", "transport = \"mtls\"; port = 5070; " TLS_KEYS) ");",
		  3, "127.0.0.1:5070 is already taken" },
		{ NODE "listeners = ({ name = \"a\"; transport = \"tls\"; addresses = [ \"::1\",\n\"::1\" ];" TLS_KEYS "});", 3,
		  "[::1]:5061 is already taken" },
		{ NODE "listeners = (\n" LISTENER("a", "transport = \"tls\"; key = \"k\";") ");", 3,
		  "transport \"tls\" needs cert" },
		{ NODE "listeners = (\n" LISTENER("a", "transport = \"mtls\"; cert = \"c\";") ");", 3,
		  "transport \"mtls\" needs key" },
		{ NODE "listeners = (\n" LISTENER("a", "\ntransport = \"tcp\"; " TLS_KEYS) ");", 4,
		  "transport \"tcp\" has no certificates" },
		{ NODE "listeners = (\n" LISTENER("a", "transport = \"tls\"; " TLS_KEYS "sni = ( { name = \"a.b\"; " TLS_KEYS
						       "},\n{ name = \"A.B\"; " TLS_KEYS "} );") ");",
		  4, "there are two certificates for \"A.B\"" },
		{ NODE "listeners = ();", 2, "at least one is needed" },
		{ NODE, 0, "listeners: at least one is needed" },
		{ LISTENERS, 0, "node.host is missing" },
	};

	(void)state;
	each(cases, refused);
}

static void an_empty_file_is_refused_also_without_diag(void **state)
{
	struct sw_conf *c = NULL;

	(void)state;
	assert_int_equal(sw_conf_parse(&c, "", "x", NULL), SW_ECONF);
	assert_int_equal(sw_conf_parse(&c, "a", "x", NULL), SW_ECONF);
	assert_int_equal(sw_conf_parse(&c, BASE ZONE("a = b;"), "x", NULL), SW_ECONF);
	assert_null(c);
}

static void both_families_on_one_port_are_fine(void **state)
{
	(void)state;
	sw_conf_unref(accepted(
		NODE "listeners = ({ name = \"a\"; transport = \"tls\"; addresses = [\"0.0.0.0\", \"::\"]; " TLS_KEYS "},"
		     "{ name = \"b\"; transport = \"mtls\"; addresses = [\"0.0.0.0\", \"::\"]; " TLS_KEYS "});"));
}

static void references(void **state)
{
	static const struct expected cases[] = {
		{ BASE BARE(FULL "\nlisteners = [ \"m\",\n \"nn\" ];"), 7, "zones.listeners: there is no listener \"nn\"" },
		{ BASE ZONE("media = \"loo\";"), 6, "there is no media interface \"loo\"; did you mean" },
		{ BASE ZONE("") "routes = ( { domain = \"local\"; \nto = \"zz\"; } ); local_domains = \"a.example\";", 8,
		  "routes.to: there is no zone \"zz\"" },
		{ BASE ZONE("") "routes = ( { from = [ \"z\",\n\"partner\" ]; to = \"z\"; } );", 8,
		  "routes.from: there is no zone \"partner\"" },
		{ BASE "zones = ( { name = \"partner\"; listeners = \"m\"; " FULL "} );\nroutes = ( { to = \"partnr\"; } );", 6,
		  "did you mean \"partner\"?" },
		{ BASE "zones = ( { name = \"z\"; listeners = \"m\"; " FULL
		       "},\n{\nname = \"z\"; kind = \"default\"; listeners = \"t\"; } );",
		  7, "there are two zones of the name \"z\"" },
		{ BASE ZONE("") "routes = ( { name = \"r\"; to = \"z\"; },\n{ name = \"r\"; to = \"z\"; } );", 8,
		  "there are two routes of the name \"r\"" },
	};

	(void)state;
	each(cases, refused);
}

static void zones(void **state)
{
	static const struct expected cases[] = {
		{ BASE BARE("listeners = \"m\"; domains = \"p\"; targets = \"p\";"), 5, "trust is missing" },
		{ BASE BARE("listeners = \"m\"; domains = \"p\"; targets = \"p\";\n trust = [];"), 6, "trust is missing" },
		{ BASE BARE("listeners = \"m\"; kind = \"dns\";"), 5, "trust is missing" },
		{ BASE BARE("listeners = \"m\"; trust = \"ca\"; targets = \"p\";"), 5, "neither names nor domains" },
		{ BASE BARE("listeners = \"m\"; trust = \"ca\"; targets = \"p\"; \nmatch = \"pin\";"), 6,
		  "match = \"pin\" needs pins" },
		{ BASE ZONE("pins = \"" PIN64 "\";"), 6, "with match = \"pin\" only" },
		{ BASE ZONE("revocation = \"hard\"; crl_fetch = false;"), 6, "would refuse every peer" },
		{ BASE ZONE("crls = \"x\";"), 6, "crls are looked at with" },
		{ BASE BARE("listeners = \"m\"; trust = \"ca\"; \nkind = \"dns\"; targets = \"p\";"), 6,
		  "kind \"dns\" finds its targets by SRV" },
		{ BASE "local_domains = \"Example.com\"; " BARE(
			  "listeners = \"m\"; trust = \"ca\"; targets = \"p\";\ndomains = \"example.com\";"),
		  6, "is one of local_domains" },
		{ NODE LISTENERS ZONE(""), 0, "media.interfaces: at least one is needed" },
		{ NODE LISTENERS "media = {\ninterfaces = (); };\n" ZONE(""), 5, "media.interfaces: at least one is needed" },
	};

	(void)state;
	each(cases, refused);
}

static void default_zones_are_for_strangers(void **state)
{
	static const struct expected cases[] = {
		{ BASE BARE("kind = \"default\"; \nlisteners = \"m\";"), 6, "never admitted on mutual TLS (listener \"m\")" },
		{ BASE BARE("kind = \"default\"; listeners = [ \"t\",\n\"m\" ];"), 6, "never admitted on mutual TLS" },
		{ BASE "zones = ( { name = \"a\"; kind = \"default\"; listeners = \"t\"; },\n{ name = \"b\"; kind = \"default\"; "
		       "listeners = \"t\"; } );",
		  6, "listener \"t\" has a default zone already: \"a\"" },
		{ BASE BARE("kind = \"default\"; listeners = \"t\";\nnames = \"a.example\";"), 6, "names has no place in it" },
		{ BASE "local_domains = \"a.example\"; " BARE("kind = \"default\"; listeners = \"t\";\ndomains = \"a.example\";"),
		  6, "is one of local_domains" },
		{ BASE BARE("kind = \"default\"; listeners = \"t\";\ntrust = \"ca\";"), 6, "trust has no place in it" },
		{ BASE BARE("kind = \"default\"; listeners = \"t\";\ntargets = \"a.example\";"), 6,
		  "targets has no place in it" },
		{ BASE BARE("kind = \"default\"; listeners = \"t\";\nmay_assert_local = true;"), 6,
		  "may_assert_local has no place in it" },
		{ BASE BARE("kind = \"default\"; listeners = \"t\";\ntrusted_identity = true;"), 6,
		  "trusted_identity has no place in it" },
		{ BASE BARE("kind = \"default\"; listeners = \"t\";\ninternal = true;"), 6, "internal has no place in it" },
		{ BASE BARE("kind = \"default\"; listeners = \"t\";\nocsp = \"soft\";"), 6, "ocsp has no place in it" },
	};

	(void)state;
	each(cases, refused);
	sw_conf_unref(accepted(
		BASE BARE("kind = \"default\"; listeners = \"t\"; sources = \"0.0.0.0/0\"; rate = 5; domains = \"c.example\";")));
}

static void tcp_zones(void **state)
{
	static const struct expected cases[] = {
		{ WITH_TCP "zones = ( { name = \"pbx\"; targets = \"10.0.0.5:5060\"; target_transport = \"tcp\";\n listeners = "
			   "\"tcp\"; } );",
		  6, "sources is missing" },
		{ WITH_TCP "zones = ( { name = \"pbx\"; targets = \"10.0.0.5:5060\"; sources = \"10.0.0.5\"; trust = \"ca\";\n "
			   "listeners = \"tcp\"; } );",
		  6, "target_transport must be \"tcp\" too" },
		{ WITH_TCP "zones = ( { name = \"pbx\"; targets = \"10.0.0.5:5060\"; sources = \"10.0.0.5\"; target_transport = "
			   "\"tcp\";\n listeners = "
			   "\"tcp\"; client_cert = \"none\"; } );",
		  6, "client_cert with target_transport \"tcp\"" },
		{ WITH_TCP "zones = ( { name = \"pbx\"; targets = \"10.0.0.5:5060\"; sources = \"10.0.0.5\"; target_transport = "
			   "\"tcp\"; names = \"a.b\";\n"
			   " listeners = [\"tcp\", \"m\"]; } );",
		  5, "trust is missing" },
	};
	struct sw_conf *c = accepted(
		WITH_TCP "zones = ( { name = \"pbx\"; internal = true; listeners = \"tcp\"; sources = \"10.0.0.5\";"
			 " targets = \"10.0.0.5:5060\"; target_transport = \"tcp\"; } ); local_domains = \"a.example\";");

	(void)state;
	assert_int_equal(c->zones[0].trust.n, 0);
	assert_int_equal(c->listeners[1].port, 5060);
	sw_conf_unref(c);
	each(cases, refused);
}

static void routes(void **state)
{
	static const struct expected cases[] = {
		{ BASE ZONE("") "routes = (\n{ to = \"z\"; reject = 403; } );", 8, "to and reject exclude each other" },
		{ BASE ZONE("") "routes = (\n{ domain = \"x.example\"; } );", 8, "neither to nor reject" },
		{ BASE ZONE("") "routes = (\n{ reject = 302; } );", 8, "302 is out of range (400 to 699)" },
		{ BASE ZONE("") "routes = (\n{ reject = 0; } );", 8, "0 is out of range" },
		{ BASE ZONE("") "routes = ( { to = \"z\";\ndomain = \"local\"; } );", 8, "there are no local_domains" },
		{ BASE BARE("kind = \"default\"; listeners = \"t\";") "routes = (\n{ to = \"z\"; } );", 7,
		  "nothing can be sent to strangers" },
	};

	(void)state;
	each(cases, refused);
}

static void routes_are_sorted_by_priority_then_as_written(void **state)
{
	struct sw_conf *c = accepted(BASE ZONE("") "routes = ( { reject = 401; }, { reject = 402; priority = 5; }, { reject = "
						   "403; priority = 5; name = \"n\"; },"
						   " { reject = 404; priority = 0; }, { reject = 405; } );");
	static const uint32_t order[] = { 404, 402, 403, 401, 405 };

	(void)state;
	assert_int_equal(c->n_routes, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(c->routes[i].reject, order[i]);
	assert_string_equal(c->routes[0].name, "route-4");
	assert_string_equal(c->routes[2].name, "n");
	sw_conf_unref(c);
}

static void media(void **state)
{
#define M(keys) NODE LISTENERS "media = { interfaces = ( { name = \"a\"; address = \"192.0.2.1\"; } );\n" keys " };"
#define I(keys) NODE LISTENERS "media = { interfaces = ( { name = \"a\"; address = \"192.0.2.1\"; },\n" keys " ); };"
	static const struct expected cases[] = {
		{ M("ports = \"36001-40000\";"), 5, "the first port must be even" },
		{ M("ports = \"36000-36001\";"), 5, "at least 4 ports" },
		{ M("ports = \"1022-40001\";"), 5, "is out of range (1024 to 65535)" },
		{ M("ports = \"40000-36000\";"), 5, "first port is above the last" },
		{ I("{ name = \"a\"; address = \"192.0.2.2\"; }"), 5, "there are two media interfaces of the name \"a\"" },
		{ I("{ name = \"b\"; address = \"192.0.2.1\"; }"), 5, "would quarrel over its ports" },
		{ I("{ name = \"b\"; address = \"0.0.0.0\"; }"), 5, "one certain address is needed" },
		{ I("{ name = \"b\"; address = \"192.0.2.2\";\nadvertise = \"0.0.0.0\"; }"), 6, "one certain address is needed" },
		{ I("{ name = \"b\"; address = \"192.0.2.2\";\nadvertise = \"2001:db8::1\"; }"), 6, "do not mix" },
		{ I("{ name = \"b\"; address = \"192.0.2.2:5\"; }"), 5, "without a port" },
	};

	(void)state;
	each(cases, refused);
#undef M
#undef I
}

static void other_groups(void **state)
{
	static const struct expected cases[] = {
		{ BASE "dns = {\n min_ttl = \"30m\"; max_ttl = \"1m\"; };", 6, "dns.min_ttl is above dns.max_ttl" },
		{ BASE "ownership = {\n interval = \"8d\"; };", 5, "stale_limit is below ownership.interval" },
		{ BASE "ownership = { interval = \"2d\";\n stale_limit = \"1d\"; };", 6,
		  "stale_limit is below ownership.interval" },
		{ "node = { host = \"a.b\";\n control = "
		  "\"/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/"
		  "0123456789/0123456789\"; };\n" LISTENERS,
		  2, "at most 107 bytes" },
	};

	(void)state;
	each(cases, refused);
}

static void warnings(void **state)
{
	static const struct expected cases[] = {
		{ BASE, 0, "zones: there are none" },
		{ BASE "zones = (\n{ name = \"z\"; listeners = \"m\"; trust = \"ca\"; domains = \"p\"; } );", 6,
		  "no targets: calls to it can only go over" },
		{ BASE "zones = (\n{ name = \"z\"; listeners = \"t\"; trust = \"ca\"; targets = \"p\"; } );", 6,
		  "nobody can come in from it" },
		{ BASE ZONE("allow_wildcard = true;"), 6, "allow_wildcard has no effect" },
		{ BASE ZONE("revocation = \"soft\"; crl_fetch = false;"), 6, "checks nothing" },
		{ BASE ZONE("may_assert_local = true;"), 6, "there are no local_domains" },
		{ BASE BARE("listeners = \"m\"; kind = \"dns\"; trust = \"ca\";\nprobe_interval = 30;"), 6,
		  "only a neighbor's targets are probed" },
		{ BASE "zones = ( { name = \"y\"; listeners = \"m\"; " FULL
		       "},\n{ name = \"z\"; listeners = \"m\"; trust = \"ca\"; targets = \"p\";\n"
		       "domains = [ \"x.example\", \"P.example\" ]; } );",
		  7, "zones \"y\" and \"z\" may both speak for \"P.example\"" },
		{ BASE "limits = {\ntimer_t1 = \"50ms\"; };" ZONE(""), 6, "for the lab" },
		{ BASE "limits = {\ntimer_c = \"5s\"; };" ZONE(""), 6, "more than 3 minutes" },
		{ BASE "limits = {\nconnections = 10; connections_per_source = 11; };" ZONE(""), 6,
		  "connections_per_source is above" },
		{ "node = { host = \"127.0.0.1\"; };\n" LISTENERS MEDIA ZONE(""), 1, "suits the lab only" },
		{ "node = { host = \"edge\"; };\n" LISTENERS MEDIA ZONE(""), 1, "is not fully qualified" },
	};

	(void)state;
	each(cases, warned);
}

static void a_fetched_trust_list(void **state)
{
#define URL "zones = ( { name = \"z\"; listeners = \"m\"; domains = \"p.example\"; targets = \"p.example\";\n"
	static const struct expected cases[] = {
		{ BASE URL "trust = \"https://a.example/l.pem\"; } );", 6, "trust_bootstrap is missing" },
		{ BASE URL "trust = \"http://a.example/l.pem\"; trust_bootstrap = \"b\"; } );", 6, "over https alone" },
		{ BASE URL "trust = \"https://u@a.example/\"; trust_bootstrap = \"b\"; } );", 6, "is not an address" },
		{ BASE URL "trust = \"https:///l.pem\"; trust_bootstrap = \"b\"; } );", 6, "is not an address" },
		{ BASE URL "trust = \"ca\"; trust_bootstrap = \"b\"; } );", 6, "trust names none" },
		{ BASE URL "trust = \"ca\"; trust_pin = \"" PIN64 "\"; } );", 6, "trust names none" },
		{ BASE URL "trust = \"ca\";\ntrust_signer = \"s.pub\"; } );", 7, "trust names none" },
		{ BASE URL "trust = \"https://a.example/l.pem\"; trust_bootstrap = \"b\";\ntrust_digest = \"abc\"; } );", 7, "64 hex digits" },
		{ BASE URL "trust = [\"https://a.example/l.pem\", \"https://b.example/\"]; trust_bootstrap = \"b\";\ntrust_digest = \"" PIN64
			   "\"; } );",
		  7, "trust names 2 addresses" },
	};
	struct sw_conf *c = accepted(BASE URL "trust = [ \"ca\", \"https://a.example/l.pem\" ]; trust_bootstrap = \"b\"; } );");

	(void)state;
	assert_string_equal(c->zones[0].trust.v[1], "https://a.example/l.pem");
	assert_int_equal(c->zones[0].trust_refresh, 86400000);
	sw_conf_unref(c);
	each(cases, refused);
#undef URL
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fetched_trust_list),
		cmocka_unit_test(listeners),
		cmocka_unit_test(an_empty_file_is_refused_also_without_diag),
		cmocka_unit_test(both_families_on_one_port_are_fine),
		cmocka_unit_test(references),
		cmocka_unit_test(zones),
		cmocka_unit_test(default_zones_are_for_strangers),
		cmocka_unit_test(tcp_zones),
		cmocka_unit_test(routes),
		cmocka_unit_test(routes_are_sorted_by_priority_then_as_written),
		cmocka_unit_test(media),
		cmocka_unit_test(other_groups),
		cmocka_unit_test(warnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
