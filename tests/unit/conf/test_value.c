/* SPDX-License-Identifier: Apache-2.0 */
/* Single values: units, ranges, words, names, defaults. */
#include "expect.h"

/* Line 6. */
#define SECRET_LISTENER(where) \
	"zones = ( { name = \"z\"; listeners = \"m\"; trust = \"ca\"; domains = \"p.example\"; targets = \"p.example\"; client_cert = { cert = \"c\"; key = \"k\";\n" \
	" key_password = \"" where "\"; }; } );\n"

static void defaults_are_those_documented(void **state)
{
	struct sw_conf *c = accepted(NODE LISTENERS);

	(void)state;
	assert_string_equal(c->user, "sipward");
	assert_string_equal(c->state_dir, "/var/lib/sipward");
	assert_string_equal(c->control, "/run/sipward/control");
	assert_int_equal(c->log_level, SW_LOG_INFO);
	assert_int_equal(c->tls.depth, 4);
	assert_null(strstr(c->tls.ciphers, "-AES128-SHA256"));
	assert_int_equal(c->media.port_low, 36000);
	assert_int_equal(c->media.port_high, 59999);
	assert_int_equal(c->media.quarantine, 60000);
	assert_int_equal(c->dns.timeout, 2000);
	assert_int_equal(c->dns.max_ttl, 3600000);
	assert_int_equal(c->ownership.forms, SW_TXT_LABEL | SW_TXT_APEX_KV);
	assert_int_equal(c->ownership.keys.n, 3);
	assert_string_equal(c->ownership.keys.v[2], "ciscocidomainverification");
	assert_int_equal(c->ownership.stale_limit, 7 * 24 * 3600 * 1000);
	assert_int_equal(c->limits.start_line, 8192);
	assert_int_equal(c->limits.call_time, 12 * 3600 * 1000);
	assert_int_equal(c->limits.timer_t1, 500);
	assert_int_equal(c->limits.calls, 0);
	assert_int_equal(c->listeners[0].port, 5062);
	assert_int_equal(c->listeners[1].port, 5061);
	assert_string_equal(c->listeners[0].host, "edge.example.com");
	assert_true(c->listeners[0].send_ca_names);
	sw_conf_unref(c);
}

static void zone_defaults_fail_closed(void **state)
{
	struct sw_conf *c = accepted(BASE ZONE(""));
	const struct sw_conf_zone *z = sw_conf_zone(c, "z");

	(void)state;
	assert_non_null(z);
	assert_int_equal(z->kind, SW_ZONE_NEIGHBOR);
	assert_int_equal(z->match, SW_MATCH_RFC5922);
	assert_int_equal(z->eku, SW_EKU_SERVER_OR_CLIENT);
	assert_int_equal(z->target_transport, SW_TRANSPORT_TLS);
	assert_true(z->require_proof);
	assert_false(z->allow_wildcard || z->may_assert_local || z->trusted_identity || z->internal || z->allow_anonymous ||
		     z->allow_tel);
	assert_false(z->refer || z->failover_on_cert || z->client_cert_none);
	assert_int_equal(z->asserted, SW_ASSERTED_STRIP);
	assert_int_equal(z->display, SW_DISPLAY_STRIP);
	assert_int_equal(z->latch, SW_LATCH_STRICT);
	assert_string_equal(z->media, "lo");
	assert_int_equal(z->remote_port_low, 1024);
	assert_int_equal(z->line, 5);
	sw_conf_unref(c);
}

static void values_arrive(void **state)
{
	struct sw_conf *c = accepted(BASE ZONE("kind = \"neighbor\"; match = \"pin\"; pins = "
					       "\"00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\";\n"
					       "sources = [\"10.0.0.0/8\", \"2001:db8::/32\", \"192.0.2.1\"]; methods = "
					       "(\"INVITE\", \"ACK\"); refer = \"pass\";\n"
					       "client_cert = { cert = \"/a\"; key = \"/b\"; }; remote_ports = \"49152-59999\"; "
					       "rate = 50; probe_interval = \"30s\";"));
	const struct sw_conf_zone *z = &c->zones[0];
	struct sw_addr a;

	(void)state;
	assert_int_equal(z->match, SW_MATCH_PIN);
	assert_string_equal(z->pins.v[0], "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
	assert_int_equal(z->n_sources, 3);
	assert_int_equal(sw_addr_parse(&a, SW_STR("10.20.30.40"), 0), 0);
	assert_true(sw_prefix_has(&z->sources[0], &a));
	assert_int_equal(z->sources[1].bits, 32);
	assert_int_equal(z->sources[2].bits, 32);
	assert_int_equal(z->methods.n, 2);
	assert_true(z->refer);
	assert_string_equal(z->client_cert.cert, "/a");
	assert_int_equal(z->remote_port_low, 49152);
	assert_int_equal(z->remote_port_high, 59999);
	assert_int_equal(z->rate, 50);
	assert_int_equal(z->probe_interval, 30000);
	sw_conf_unref(c);
}

static void units(void **state)
{
	struct sw_conf *c = accepted(
		BASE "limits = { handshake_time = \"250ms\"; connect_time = 5; message_time = \"2m\"; call_time = \"2h\";"
		     " idle = \"7d\"; start_line = 4096; header_bytes = \"64KiB\"; body_bytes = \"1MiB\"; write_queue = "
		     "\"65536B\"; };");

	(void)state;
	assert_int_equal(c->limits.handshake_time, 250);
	assert_int_equal(c->limits.connect_time, 5000);
	assert_int_equal(c->limits.message_time, 120000);
	assert_int_equal(c->limits.call_time, 7200000);
	assert_int_equal(c->limits.idle, 604800000);
	assert_int_equal(c->limits.start_line, 4096);
	assert_int_equal(c->limits.header_bytes, 65536);
	assert_int_equal(c->limits.body_bytes, 1 << 20);
	assert_int_equal(c->limits.write_queue, 65536);
	sw_conf_unref(c);
}

static void bad_values_are_refused(void **state)
{
	static const struct expected cases[] = {
		{ BASE "limits = {\n idle = \"30 s\"; };", 6, "limits.idle: not a time" },
		{ BASE "limits = {\n idle = \"1.5h\"; };", 6, "not a time" },
		{ BASE "limits = {\n idle = \"30\"; };", 6, "not a time" },
		{ BASE "limits = {\n idle = \"99999999999s\"; };", 6, "not a time" },
		{ BASE "limits = {\n idle = \"8d\"; };", 6, "8d is out of range (1s to 7d)" },
		{ BASE "limits = {\n timer_t1 = 500; };", 6,
		  "500s is out of range (10ms to 4s)" }, /* plain numbers are seconds */
		{ BASE "limits = {\n idle = true; };", 6, "not a time" },
		{ BASE "limits = {\n header_bytes = \"65KiB\"; };", 6, "65KiB is out of range (1KiB to 64KiB)" },
		{ BASE "limits = {\n header_bytes = \"8KB\"; };", 6, "not a size" },
		{ BASE "limits = {\n calls = \"10\"; };", 6, "must be a number, without quotes" },
		{ BASE "dns = {\n trusted = \"true\"; };", 6, "must be true or false, without quotes" },
		{ BASE "dns = {\n trusted = 1; };", 6, "must be true or false" },
		{ BASE "dns = {\n tries = 0; };", 6, "0 is out of range (1 to 5)" },
		{ BASE "dns = {\n servers = \"ns.example\"; };", 6, "is not an address" },
		{ BASE "dns = {\n servers = \"0.0.0.0\"; };", 6, "no address of a resolver" },
		{ BASE "log = {\n level = \"debgu\"; };", 6, "did you mean \"debug\"?" },
		{ BASE "log = {\n level = \"verbose\"; };", 6, "\"verbose\" is none of error, warn, info, debug, trace" },
		{ BASE "log = {\n level = 3; };", 6, "must be text in quotes" },
		{ BASE "log = {\n level = [ \"info\" ]; };", 6, "must be text in quotes" },
		{ BASE "tls = {\n ciphers = \"ALL:@SECLEVEL=0\"; };", 6, "'@' is not allowed here" },
		{ BASE "tls = {\n ciphers = \"ECDHE-RSA-NULL-SHA\"; };", 6, "without encryption" },
		{ BASE "ownership = {\n forms = []; };", 6, "must not be empty" },
		{ BASE "ownership = {\n forms = [\"lable\"]; };", 6, "did you mean \"label\"?" },
		{ BASE "local_domains = \".example.com\";", 5, "starts with '.'" },
		{ BASE "local_domains = \"*.example.com\";", 5, "no wildcards here" },
		{ BASE "local_domains = \"exa mple.com\";", 5, "is not a domain name" },
		{ BASE "local_domains = \"192.0.2.1\";", 5, "is not a domain" },
		{ BASE "local_domains = \"\";", 5, "1 to 253 bytes" },
		{ BASE SECRET_LISTENER("hunter2"), 6, "the passphrase itself does not belong here" },
		{ BASE SECRET_LISTENER("FILE:/x"), 6, "the passphrase itself does not belong here" },
		{ BASE SECRET_LISTENER("file:"), 6, "a path must not be empty" },
		{ BASE SECRET_LISTENER("credential:../x"), 6, "after \"credential:\" comes a name" },
		{ BASE "local_domains = { a = 1; };", 5, "must be text in quotes" },
		{ "node = { host = \"edge..example.com\"; };\n" LISTENERS, 1, "is not a domain name" },
		{ "node = { host = \"2001:db8::1\"; };\n" LISTENERS, 1, "IPv6 literals" },
		{ "node = { host = \"bücher.example\"; };\n" LISTENERS, 1, "write the ASCII form" },
		{ "node = { host = \"a.b\"; user = \"root shell\"; };\n" LISTENERS, 1, "a name is made of" },
		{ "node = { host = \"a.b\"; state_dir = \"\"; };\n" LISTENERS, 1, "must not be empty" },
		{ "node = \"edge.example.com\";\n" LISTENERS, 1, "must be a group" },
	};

	(void)state;
	each(cases, refused);
}

static void bad_zone_values_are_refused(void **state)
{
	static const struct expected cases[] = {
		{ BASE ZONE("names = \".example.com\";"), 6, "starts with '.'" },
		{ BASE ZONE("names = [\"a.example\", \"*.b.example\"];"), 6, "no wildcards here" },
		{ BASE ZONE("sources = \"10.1.2.3/8\";"), 6, "is not a network" },
		{ BASE ZONE("sources = \"10.0.0.0/33\";"), 6, "is not a network" },
		{ BASE ZONE("match = \"pin\"; pins = \"0011\";"), 6, "64 hex digits" },
		{ BASE ZONE("methods = \"invite\";"), 6, "written in capitals" },
		{ BASE ZONE("remote_ports = \"59999-49152\";"), 6, "first port is above the last" },
		{ BASE ZONE("remote_ports = \"49152\";"), 6, "is not a port range" },
		{ BASE ZONE("remote_ports = \"1-65536\";"), 6, "is not a port range" },
		{ BASE ZONE("refer = \"allow\";"), 6, "is none of block, pass" },
		{ BASE ZONE("target_transport = \"mtls\";"), 6, "did you mean \"tls\"?" },
		{ BASE ZONE("client_cert = \"nothing\";"), 6, "must be a group: client_cert = { ... }; or \"none\"" },
		{ BASE ZONE("client_cert = { cert = \"a\"; };"), 6, "zones.client_cert.key is missing" },
		{ BASE ZONE("kind = \"neighbour\";"), 6, "did you mean \"neighbor\"?" },
		{ BASE ZONE("require_prof = false;"), 6, "unknown key 'require_prof' in zones; did you mean 'require_proof'?" },
		{ BASE ZONE("require-proof = false;"), 6, "did you mean 'require_proof'?" },
		{ BASE ZONE("xyzzy = 1;"), 6, "unknown key 'xyzzy' in zones" },
		{ BASE BARE("listeners = \"m\"; trust = \"ca\"; domains = \"p\"; targets = [\"p\",\n \"p:0\"];"), 6,
		  "from 1 to 65535" },
		{ BASE BARE("listeners = \"m\"; trust = \"ca\"; domains = \"p\"; targets = \"p:70000\";"), 5, "from 1 to 65535" },
		{ BASE BARE("listeners = \"m\"; trust = \"ca\"; domains = \"p\"; targets = \"192.0.2\";"), 5,
		  "is not an address" },
		{ BASE BARE("listeners = \"m\"; trust = \"ca\"; domains = \"p\"; targets = \"0.0.0.0:5061\";"), 5,
		  "no address of a host" },
		{ BASE BARE("listeners = []; trust = \"ca\"; domains = \"p\"; targets = \"p\";"), 5,
		  "zones.listeners: must not be empty" },
		{ BASE BARE("trust = \"ca\"; domains = \"p\"; targets = \"p\";"), 5, "zones.listeners is missing" },
		{ BASE "zones = (\n { kind = \"default\"; listeners = \"t\"; } );", 6, "zones.name is missing" },
		{ BASE "zones = (\n { name = \".z\"; kind = \"default\"; listeners = \"t\"; } );", 6,
		  "a name starts with a letter or digit" },
		{ BASE "zones = {\n name = \"z\"; };", 5, "zones = ( { ... }, { ... } )" },
		{ BASE "zones = \"z\";", 5, "must be a list of groups" },
		{ BASE "zones = ( \"z\" );", 5, "each entry is a group" },
	};

	(void)state;
	each(cases, refused);
}

static void bad_listener_values_are_refused(void **state)
{
#define L(keys) NODE "listeners = ( { name = \"x\"; transport = \"mtls\"; cert = \"c\"; key = \"k\";\n" keys " } );\n"
	static const struct expected cases[] = {
		{ L("addresses = \"::\"; port = 1023;"), 3, "listeners.port: 1023 is out of range (1024 to 65534)" },
		{ L("addresses = \"::\"; port = 65535;"), 3, "65535 is out of range" },
		{ L("addresses = \"::\"; port = \"5062\";"), 3, "must be a number" },
		{ L("addresses = \"eth0\";"), 3, "is not an IP address" },
		{ L("addresses = \"192.0.2.1:5062\";"), 3, "without a port" },
		{ L("addresses = \"239.1.1.1\";"), 3, "is a multicast" },
		{ L("addresses = [];"), 3, "must not be empty" },
		{ L(""), 2, "listeners.addresses is missing" },
		{ L("addresses = \"::\"; sni = ( { name = \"a.example\"; cert = \"c\"; } );"), 3,
		  "listeners.sni.key is missing" },
		{ NODE "listeners = ( { name = \"x\"; addresses = \"::\"; cert = \"c\"; key = \"k\"; } );\n", 2,
		  "listeners.transport is missing" },
		{ NODE "listeners = ( { name = \"x\"; transport = \"udp\"; addresses = \"::\"; cert = \"c\"; key = \"k\"; } );\n",
		  2, "\"udp\" is none of tcp, tls, mtls" },
	};
#undef L

	(void)state;
	each(cases, refused);
}

static void all_errors_are_reported(void **state)
{
	struct sw_diag d;
	struct sw_conf *c;

	(void)state;
	sw_diag_init(&d);
	assert_int_equal(sw_conf_parse(&c,
				       NODE LISTENERS "media = { ports = \"x\"; };\nlog = { level = info; };\nlimits = { calls = "
						      "99999999999; idle = \"1y\"; };\n"
						      "zoness = ();\nroutes = ( { to = \"nowhere\"; } );\n",
				       "a/b.conf", &d),
			 SW_ECONF);
	assert_int_equal(d.errors, 6);
	assert_true(said(&d, SW_DIAG_ERROR, "a/b.conf", 4, "is not a port range"));
	assert_true(said(&d, SW_DIAG_ERROR, "a/b.conf", 5, "in quotes"));
	assert_true(said(&d, SW_DIAG_ERROR, "a/b.conf", 6, "too large"));
	assert_true(said(&d, SW_DIAG_ERROR, "a/b.conf", 6, "not a time"));
	assert_true(said(&d, SW_DIAG_ERROR, "a/b.conf", 7, "did you mean 'zones'?"));
	assert_true(said(&d, SW_DIAG_ERROR, "a/b.conf", 8, "there is no zone \"nowhere\""));
	sw_diag_free(&d);
}

static void too_many_are_refused(void **state)
{
	struct sw_buf b;
	struct expected x = { .line = 5, .message = "17 entries, at most 16 are possible" };

	(void)state;
	sw_buf_init(&b, 0);
	sw_buf_str(&b, NODE LISTENERS "media = {\n interfaces = (");
	for (int i = 0; i < 17; i++)
		sw_buf_printf(&b, "%s{ name = \"i%d\"; address = \"127.0.0.%d\"; }", i ? "," : "", i, i + 1);
	sw_buf_put(&b, "); };\n", 7);
	assert_int_equal(sw_buf_error(&b), 0);
	x.text = b.data;
	refused(&x);
	sw_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_documented),
		cmocka_unit_test(zone_defaults_fail_closed),
		cmocka_unit_test(values_arrive),
		cmocka_unit_test(units),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(bad_zone_values_are_refused),
		cmocka_unit_test(bad_listener_values_are_refused),
		cmocka_unit_test(all_errors_are_reported),
		cmocka_unit_test(too_many_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
