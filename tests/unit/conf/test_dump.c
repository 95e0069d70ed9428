/* SPDX-License-Identifier: Apache-2.0 */
/* The dump reads back to the same snapshot, the explanation says what matters, snapshots are counted. */
#include "conf/schema.h"
#include "expect.h"

/* Every key of the schema, none at its default where it has one. */
static const char everything[] =
	"node = { host = \"edge.example.com\"; user = \"sip\"; state_dir = \"/s \\\"q\\\" \\\\b\"; control = \"/c\"; };\n"
	"log = { level = \"trace\"; };\n"
	"watch = false;\n"
	"local_domains = [ \"example.com\", \"xn--bcher-kva.example\", \"bücher.example\" ];\n"
	"tls = { ciphers = \"ECDHE-RSA-AES256-GCM-SHA384\"; ciphersuites = \"TLS_AES_256_GCM_SHA384\"; groups = \"P-256\";\n"
	"  sigalgs = \"RSA+SHA256\"; depth = 2; };\n"
	"listeners = (\n"
	"  { name = \"mtls\"; transport = \"mtls\"; addresses = [ \"0.0.0.0\", \"::\" ]; port = 6062; host = \"m.example.com\";\n"
	"    cert = \"/c\"; chain = \"/ch\"; key = \"/k\"; key_password = \"file:/kp\"; send_ca_names = false; cbc = true; staple = false;\n"
	"    sni = ( { name = \"a.example\"; cert = \"/ac\"; chain = \"/ach\"; key = \"/ak\"; key_password = \"env:AKP\"; }, { name = \"b.example\"; cert = "
	"\"b\"; key = \"b\"; } ); },\n"
	"  { name = \"tls\"; transport = \"tls\"; addresses = \"192.0.2.1\"; cert = \"c\"; key = \"k\"; },\n"
	"  { name = \"tcp\"; transport = \"tcp\"; addresses = \"192.0.2.1\"; } );\n"
	"zones = (\n"
	"  { name = \"webex\"; kind = \"dns\"; listeners = [ \"mtls\", \"tls\" ]; match = \"expressway\"; names = [ "
	"\"callservice.example\", \"192.0.2.9\" ];\n"
	"    eku = \"strict\"; revocation = \"hard\"; ocsp = \"soft\"; trust = \"/ca\"; crls = \"/crl\"; crl_fetch = false;\n"
	"    sources = [ \"198.51.100.0/24\", \"2001:db8::/32\" ]; domains = \"webex.example\"; require_proof = false; "
	"may_assert_local = true;\n"
	"    trusted_identity = true; asserted = \"reject\"; display = \"pass\"; allow_anonymous = true; allow_tel = true; refer "
	"= \"pass\";\n"
	"    methods = [ \"INVITE\", \"ACK\" ]; rate = 7; max_calls = 9; client_cert = \"none\"; failover_on_cert = true; media "
	"= \"in\";\n"
	"    srtp = \"required\"; latch = \"nat\"; media_networks = \"10.9.0.0/16\"; remote_ports = \"49152-59999\"; "
	"remote_ports_reject = true; },\n"
	"  { name = \"partner\"; listeners = \"mtls\"; match = \"pin\"; trust = [ \"/a\", \"/b\", \"https://ca.example/list.pem\" ]; "
	"trust_bootstrap = \"/boot\"; trust_pin = \"ffff2233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"; trust_digest = "
	"\"https://ca.example/list.sha256\"; trust_signer = \"/signer\"; trust_refresh = \"1h\"; targets = [ \"p.example\", "
	"\"[2001:db8::1]:5061\" ];\n"
	"    pins = [ \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\" ]; probe_interval = \"90s\"; "
	"target_networks = \"10.0.0.0/8\";\n"
	"    client_cert = { cert = \"/cc\"; chain = \"/cch\"; key = \"/ck\"; key_password = \"credential:ckp\"; }; },\n"
	"  { name = \"teams\"; listeners = \"mtls\"; match = \"teams\"; allow_wildcard = true; trust = \"/t\"; names = "
	"\"sip.example\"; targets = \"t.example:5061\"; },\n"
	"  { name = \"pbx\"; internal = true; listeners = \"tcp\"; sources = \"10.0.0.5\"; target_transport = \"tcp\"; targets = "
	"\"10.0.0.5:5060\"; },\n"
	"  { name = \"strangers\"; kind = \"default\"; listeners = \"tls\"; } );\n"
	"routes = ( { name = \"in\"; priority = 10; from = [ \"webex\", \"partner\" ]; domain = \"local\"; user = \"1*\"; to = "
	"\"pbx\"; },\n"
	"  { from = \"pbx\"; domain = \"*.webex.example\"; to = \"webex\"; }, { reject = 404; } );\n"
	"media = { interfaces = ( { name = \"out\"; address = \"192.0.2.10\"; advertise = \"203.0.113.10\"; }, { name = \"in\"; "
	"address = \"fd00::1\"; } );\n"
	"  ports = \"40000-49999\"; workers = 3; quarantine = \"0s\"; idle = \"90s\"; close_idle = true; max_kbps = 900; };\n"
	"dns = { servers = [ \"127.0.0.1\", \"[::1]:5353\" ]; timeout = \"1500ms\"; tries = 1; trusted = true; min_ttl = \"0s\"; "
	"max_ttl = \"2h\";\n"
	"  negative_ttl = \"61s\"; cache_entries = 99; };\n"
	"fetch = { networks = [ \"10.0.0.0/8\", \"fd00::/8\" ]; ocsp_wait = \"3s\"; };\n"
	"ownership = { forms = [ \"apex-raw\", \"label\" ]; label = \"_other\"; keys = \"one\"; recheck = false; interval = "
	"\"1h\"; grace = \"2h\";\n"
	"  stale_limit = \"3h\"; subdomains = true; };\n"
	"limits = { connections = 11; refusals = 12; connections_per_source = 10; handshakes = 9; handshakes_per_source = 8; handshake_time = "
	"\"1s\"; connect_time = \"2s\";\n"
	"  message_time = \"3s\"; idle = \"4s\"; start_line = \"1000B\"; header_bytes = \"2KiB\"; header_lines = 20; body_bytes "
	"= \"3KiB\"; write_queue = \"1MiB\";\n"
	"  transactions = 12; calls = 13; call_time = \"5m\"; timer_t1 = \"50ms\"; timer_c = \"200s\"; drain = \"1s\"; rejudge = \"59m\"; };\n";

/* --- comparison by the schema --- */

static void same_group(const struct sw_conf_group *g, const char *a, const char *b);

static void same_strlist(const char *key, const struct sw_strlist *a, const struct sw_strlist *b)
{
	if (a->n != b->n)
		fail_msg("%s: %zu and %zu", key, a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_string_equal(a->v[i], b->v[i]);
}

static void same_array(const struct sw_conf_key *k, const char *a, const char *b)
{
	size_t n = *(const size_t *)(a + k->at2);
	size_t size = k->type == SW_CONF_ADDRS      ? sizeof(struct sw_addr)
		      : k->type == SW_CONF_PREFIXES ? sizeof(struct sw_prefix)
		      : k->type == SW_CONF_SERVERS  ? sizeof(struct sw_conf_dns_server)
						    : k->group->size;
	const char *x, *y;

	assert_int_equal(n, *(const size_t *)(b + k->at2));
	memcpy(&x, a + k->at, sizeof(x));
	memcpy(&y, b + k->at, sizeof(y));
	for (size_t i = 0; i < n; i++, x += size, y += size) {
		if (k->group)
			same_group(k->group, x, y);
		else
			assert_memory_equal(x, y, size);
	}
}

static size_t scalar_size(enum sw_conf_type t)
{
	switch (t) {
	case SW_CONF_BOOL:
	case SW_CONF_WORD_BOOL:
		return sizeof(bool);
	case SW_CONF_PORT:
	case SW_CONF_PORTS:
		return sizeof(uint16_t);
	case SW_CONF_TIME64:
		return sizeof(uint64_t);
	case SW_CONF_ADDR:
		return sizeof(struct sw_addr);
	default:
		return sizeof(uint32_t);
	}
}

static void same_group(const struct sw_conf_group *g, const char *a, const char *b)
{
	for (const struct sw_conf_key *k = g->keys; k->name; k++) {
		if (sw_conf_is_string(k->type)) {
			const char *x = *(char *const *)(a + k->at), *y = *(char *const *)(b + k->at);

			if (!x != !y || (x && strcmp(x, y) != 0))
				fail_msg("%s.%s: %s and %s", g->path, k->name, x, y);
		} else if (sw_conf_is_strlist(k->type)) {
			same_strlist(k->name, (const struct sw_strlist *)(a + k->at), (const struct sw_strlist *)(b + k->at));
		} else if (k->type == SW_CONF_ADDRS || k->type == SW_CONF_PREFIXES || k->type == SW_CONF_SERVERS ||
			   k->type == SW_CONF_ITEMS) {
			same_array(k, a, b);
		} else if (k->group) {
			same_group(k->group, a + k->at, b + k->at);
		} else if (memcmp(a + k->at, b + k->at, scalar_size(k->type)) != 0) {
			fail_msg("%s.%s differs", g->path, k->name);
		}
		if (k->type == SW_CONF_PORTS)
			assert_memory_equal(a + k->at2, b + k->at2, sizeof(uint16_t));
		if (k->type == SW_CONF_GROUP_OR_NONE)
			assert_int_equal(*(const bool *)(a + k->at2), *(const bool *)(b + k->at2));
	}
}

static char *dumped(const struct sw_conf *c)
{
	struct sw_buf b;

	sw_buf_init(&b, 0);
	sw_conf_dump(c, &b);
	sw_buf_put(&b, "", 1);
	assert_int_equal(sw_buf_error(&b), 0);
	return b.data;
}

static void round_trip(const char *text)
{
	struct sw_conf *a = accepted(text), *b;
	char *first = dumped(a), *second;

	b = accepted(first);
	same_group(&sw_conf_root, (const char *)a, (const char *)b);
	second = dumped(b);
	assert_string_equal(first, second);
	free(first);
	free(second);
	sw_conf_unref(a);
	sw_conf_unref(b);
}

static void a_dump_reads_back_to_the_same_snapshot(void **state)
{
	(void)state;
	round_trip(everything);
	round_trip(NODE LISTENERS);
	round_trip(BASE ZONE(""));
}

static void a_dump_holds_every_key(void **state)
{
	struct sw_conf *c = accepted(everything);
	char *text = dumped(c), *line, *save = NULL;
	struct sw_buf schema;

	(void)state;
	sw_buf_init(&schema, 0);
	sw_conf_schema_print(&schema);
	sw_buf_put(&schema, "", 1);
	for (line = strtok_r(schema.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *tab = strchr(line, '\t'), wanted[64], *dot;

		assert_non_null(tab);
		*tab = '\0';
		dot = strrchr(line, '.');
		snprintf(wanted, sizeof(wanted), "\t%s = ", dot ? dot + 1 : line);
		if (!strstr(text, dot ? wanted : wanted + 1))
			fail_msg("%s is missing in the dump", line);
	}
	sw_buf_free(&schema);
	free(text);
	sw_conf_unref(c);
}

/* Otherwise the test above would be blind for what is at its default. */
static void everything_differs_from_the_defaults(void **state)
{
	struct sw_conf *c = accepted(everything), *defaults = accepted(NODE LISTENERS);

	(void)state;
	assert_int_not_equal(memcmp(&c->limits, &defaults->limits, sizeof(c->limits)), 0);
	for (size_t i = 0; i < sizeof(c->limits) / sizeof(uint32_t); i++) {
		uint32_t x, y;

		memcpy(&x, (char *)&c->limits + i * sizeof(x), sizeof(x));
		memcpy(&y, (char *)&defaults->limits + i * sizeof(y), sizeof(y));
		if (x == y && x != 0)
			fail_msg("limits, word %zu", i);
	}
	sw_conf_unref(c);
	sw_conf_unref(defaults);
}

static void lookups_and_values(void **state)
{
	struct sw_conf *c = accepted(everything);
	const struct sw_conf_zone *z = sw_conf_zone(c, "webex");

	(void)state;
	assert_string_equal(c->state_dir, "/s \"q\" \\b");
	assert_string_equal(z->media, "in");
	assert_true(z->client_cert_none);
	assert_int_equal(c->ownership.forms, SW_TXT_LABEL | SW_TXT_APEX_RAW);
	assert_string_equal(sw_conf_media_if(c, NULL)->name, "out");
	assert_null(sw_conf_media_if(c, "no"));
	assert_null(sw_conf_zone(c, "no"));
	assert_null(sw_conf_listener(c, "no"));
	assert_int_equal(sw_conf_listener(c, "tcp")->port, 5060);
	sw_conf_unref(c);
}

static void explains(const char *text, const char *const *parts)
{
	struct sw_conf *c = accepted(text);
	struct sw_buf b;

	sw_buf_init(&b, 0);
	sw_conf_explain(c, &b);
	sw_buf_put(&b, "", 1);
	for (; *parts; parts++) {
		if (!strstr(b.data, *parts))
			fail_msg("\"%s\" is not in:\n%s", *parts, b.data);
	}
	sw_buf_free(&b);
	sw_conf_unref(c);
}

static void the_explanation_says_what_matters(void **state)
{
	static const char *const parts[] = {
		"This node is edge.example.com.",
		"mtls: 0.0.0.0:6062, [::]:6062\n    mutual TLS: no connection without a certificate",
		"Seen by peers as m.example.com:6062.",
		"webex (dns)\n    Comes in on mtls, tls, from 198.51.100.0/24, 2001:db8::/32 only.",
		"Its certificate must carry one of: callservice.example, 192.0.2.9 (match expressway); trusted CAs: /ca; key "
		"usage: strict.",
		"May speak for: webex.example, our own domains (3); no TXT proof is asked for.",
		"Calls to it find their way by SRV of the domain called, over TLS, with no certificate.",
		"Its certificate must have one of 1 pinned keys",
		"Known by its address: there is no TLS.",
		"Takes everybody who proves no other zone.",
		"from webex:\n    10 in: our own domains, users 1* -> pbx\n    100 route-3: any domain that is ours -> refused "
		"with 404",
		"from pbx:\n    100 route-2: *.webex.example -> webex\n    100 route-3: any domain -> refused with 404",
		"UDP ports 40000-49999: 5000 pairs on each address.",
		"out: bound to 192.0.2.10, written into SDP as 203.0.113.10",
		"Both sides of a call on one address: 2500 audio calls, or 833 with audio, video and content.",
		"Limited to 13 calls",
		"Descriptors (RLIMIT_NOFILE) for all of it: media 20256, signalling 267.",
		NULL,
	};

	(void)state;
	explains(everything, parts);
}

static void a_reference_keeps_the_snapshot(void **state)
{
	struct sw_conf *c = accepted(BASE), *again = sw_conf_ref(c);

	(void)state;
	assert_ptr_equal(c, again);
	sw_conf_unref(c);
	assert_string_equal(again->host, "edge.example.com");
	sw_conf_unref(again);
	sw_conf_unref(NULL);
}

static void names_of_words(void **state)
{
	(void)state;
	assert_string_equal(sw_transport_name(SW_TRANSPORT_MTLS), "mtls");
	assert_string_equal(sw_zone_kind_name(SW_ZONE_DEFAULT), "default");
	assert_string_equal(sw_match_mode_name(SW_MATCH_EXPRESSWAY), "expressway");
	assert_string_equal(sw_eku_policy_name(SW_EKU_SERVER_OR_CLIENT), "server-or-client");
	assert_string_equal(sw_transport_name((enum sw_transport)99), "?");
}

/* Five columns, no empty one, and a default that is in range: the man page and completion rely on it. */
static void the_schema_prints_whole_lines(void **state)
{
	struct sw_buf b;
	char *line, *save = NULL;
	size_t lines = 0;

	(void)state;
	sw_buf_init(&b, 0);
	sw_conf_schema_print(&b);
	sw_buf_put(&b, "", 1);
	assert_non_null(strstr(b.data, "limits.idle\ttime\t1h\t1s..7d\t"));
	assert_non_null(strstr(b.data, "zones.refer\tword\tblock\tblock|pass\t"));
	assert_non_null(strstr(b.data, "listeners.sni.key\tpath\trequired\t-\t"));
	for (line = strtok_r(b.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save), lines++) {
		unsigned tabs = 0;

		for (const char *p = line; *p; p++) {
			tabs += *p == '\t';
			assert_false(p[0] == '\t' && (p[1] == '\t' || p[1] == '\0'));
		}
		assert_int_equal(tabs, 4);
	}
	assert_true(lines > 100);
	sw_buf_free(&b);
}

/* --- the files --- */

static void collect(void *arg, const char *path, bool pattern)
{
	char *all = arg;
	size_t n = strlen(all);

	snprintf(all + n, 1000 - n, "%s%s ", path, pattern ? "?" : "");
}

static void every_file_that_is_named_is_known(void **state)
{
	struct sw_conf *c = accepted(everything);
	static const char *const named[] = { "/c ", "/ch ", "/k ", "/kp ", "/ac ", "/ach ", "/ak ", "/ca ", "/crl ", "/a ", "/b ", "/cc ", "/cch ",
					     "/ck ", "/t ", "/boot " };
	char all[1000] = "";

	(void)state;
	sw_conf_each_path(c, collect, all);
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (!strstr(all, named[i]))
			fail_msg("%s is not among %s", named[i], all);
	assert_null(strstr(all, "/s "));
	assert_null(strstr(all, "https"));
	sw_conf_unref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_that_is_named_is_known),
		cmocka_unit_test(a_dump_reads_back_to_the_same_snapshot),
		cmocka_unit_test(a_dump_holds_every_key),
		cmocka_unit_test(everything_differs_from_the_defaults),
		cmocka_unit_test(lookups_and_values),
		cmocka_unit_test(the_explanation_says_what_matters),
		cmocka_unit_test(a_reference_keeps_the_snapshot),
		cmocka_unit_test(names_of_words),
		cmocka_unit_test(the_schema_prints_whole_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
