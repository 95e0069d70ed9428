/* SPDX-License-Identifier: Apache-2.0 */
/* Providers' profiles: those we ship load and say what the providers' documents say; what is wrong in one is told with its line. */
#include "conf/profile.h"
#include "expect.h"

#define HEAD "name = \"x\"; title = \"X\"; source = \"a page\"; as_of = \"2026-01-02\";\n"

static struct sw_profile *shipped(const char *name)
{
	const char *top = getenv("srcdir");
	struct sw_profile *p = NULL;
	struct sw_diag d;
	char dir[512];

	snprintf(dir, sizeof(dir), "%s/conf/profiles", top && *top ? top : ".");
	sw_diag_init(&d);
	if (sw_profile_load(&p, name, dir, &d) != 0 || d.warnings) {
		print_all(&d);
		fail_msg("%s", name);
	}
	sw_diag_free(&d);
	return p;
}

static void all_that_are_shipped_load(void **state)
{
	static const char *const names[] = { "b2b", "teams", "twilio", "webex-app", "webex-edge-audio", "webex-hybrid", "whereby", "zoom" };
	const char *top = getenv("srcdir");
	char dir[512];
	struct sw_buf list, want;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/conf/profiles", top && *top ? top : ".");
	sw_buf_init(&list, 0);
	sw_buf_init(&want, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct sw_profile *p = shipped(names[i]);

		assert_string_equal(p->name, names[i]);
		assert_non_null(p->from.source);
		assert_non_null(p->from.as_of);
		for (size_t k = 0; k < p->n_hosts; k++)
			assert_true(p->hosts[k].pattern && p->hosts[k].from.source && p->hosts[k].from.as_of);
		sw_buf_printf(&want, "%s\n", names[i]);
		sw_profile_free(p);
	}
	assert_int_equal(sw_profile_list(dir, &list), 0);
	assert_int_equal(list.len, want.len);
	assert_memory_equal(list.data, want.data, want.len);
	sw_buf_free(&list);
	sw_buf_free(&want);
}

/* Acceptance 100. */
static void webex_has_31_networks_12_of_them_azure(void **state)
{
	struct sw_profile *p = shipped("webex-hybrid");
	size_t azure = 0;
	uint64_t addresses = 0;

	(void)state;
	for (size_t i = 0; i < p->n_networks; i++) {
		azure += !strcmp(p->networks[i].tag, "azure");
		addresses += 1ull << (32 - p->networks[i].prefix.bits);
	}
	assert_int_equal(p->n_networks, 31);
	assert_int_equal(azure, 12);
	assert_int_equal(addresses, 408896);
	sw_profile_free(p);
}

/* Acceptance 92: a remote port of 8000 is Edge Audio's, not hybrid's; 60000 is nobody's. */
static void media_ports_differ_by_profile(void **state)
{
	struct sw_profile *hybrid = shipped("webex-hybrid"), *audio = shipped("webex-edge-audio");

	(void)state;
	assert_int_equal(hybrid->remote_low, 49152);
	assert_int_equal(hybrid->remote_high, 59999);
	assert_int_equal(audio->remote_low, 8000);
	assert_int_equal(audio->remote_high, 59999);
	assert_int_equal(hybrid->media_low, 36000);
	assert_int_equal(hybrid->media_high, 59999);
	assert_false(hybrid->remote_reject);
	sw_profile_free(hybrid);
	sw_profile_free(audio);
}

static void suites_keep_their_order(void **state)
{
	struct sw_profile *p = shipped("webex-hybrid");

	(void)state;
	assert_int_equal(p->suites12.n, 5);
	assert_string_equal(p->suites12.v[0], "ECDHE-RSA-AES256-GCM-SHA384");
	assert_string_equal(p->suites12.v[4], "ECDHE-RSA-AES128-SHA256");
	assert_string_equal(p->suites13.v[1], "TLS_CHACHA20_POLY1305_SHA256");
	assert_int_equal(p->match, SW_MATCH_EXPRESSWAY);
	assert_true(p->mutual && p->sip && !p->wildcard);
	sw_profile_free(p);
	p = shipped("whereby");
	assert_false(p->sip);
	sw_profile_free(p);
}

static void what_a_table_does_not_say_is_the_profiles(void **state)
{
	struct sw_profile *p = NULL;

	(void)state;
	assert_int_equal(sw_profile_parse(&p, HEAD "hosts = ( { pattern = \"a.example\"; }, { pattern = \"b.example\"; source = \"other\"; "
					  "as_of = \"2025-05-05\"; confirmed = false; } );", "x.conf", NULL), 0);
	assert_string_equal(p->hosts[0].from.source, "a page");
	assert_true(p->hosts[0].from.confirmed);
	assert_string_equal(p->hosts[1].from.as_of, "2025-05-05");
	assert_false(p->hosts[1].from.confirmed);
	assert_int_equal(p->hosts[0].port, 443);
	sw_profile_free(p);
}

static void faults_are_told_with_their_line(void **state)
{
	static const struct expected table[] = {
		{ HEAD "signaling = { };", 2, "did you mean 'signalling'?" },
		{ HEAD "hosts = ( { patern = \"a\"; } );", 2, "did you mean 'pattern'?" },
		{ HEAD "hosts = ( { pattern = \"a\"; transport = \"quic\"; } );", 2, "hosts.transport: \"quic\" is none of tls tcp udp" },
		{ HEAD "roots = ( { subject = \"R\"; sha256 = \"12\"; } );", 2, "64 hex digits" },
		{ HEAD "roots = ( { subject = \"R\"; status = \"fine\"; } );", 2, "is none of required usable distrusted expired" },
		{ HEAD "networks = ( { prefixes = ( \"10.0.0.1/8\" ); } );", 2, "is not a network" },
		{ HEAD "proxies = ( { client = \"c\"; auth = ( \"basic\", \"magic\" ); } );", 2, "\"magic\" is none of none basic" },
		{ HEAD "media = { remote = \"9-1\"; };", 2, "the first port is above the last" },
		{ HEAD "tls = { min = \"0.9\"; };", 2, "tls.min: \"0.9\" is none of" },
		{ "name = \"x\"; title = \"X\"; source = \"s\";\n", 0, "source and as_of are missing" },
		{ "name = \"x\"; title = \"X\"; source = \"s\";\nas_of = \"last year\";", 2, "\"last year\" is no date" },
		{ "title = \"X\"; source = \"s\"; as_of = \"2026-01-02\";", 0, "name is missing" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sw_profile *p = NULL;
		struct sw_diag d;
		bool found = false;

		sw_diag_init(&d);
		assert_int_equal(sw_profile_parse(&p, table[i].text, "x.conf", &d), SW_ECONF);
		for (size_t k = 0; k < d.n; k++)
			found |= strstr(d.entries[k].text, table[i].message) && (!table[i].line || d.entries[k].line == table[i].line);
		if (!found) {
			print_all(&d);
			fail_msg("%s", table[i].message);
		}
		sw_diag_free(&d);
	}
}

static void a_name_leads_nowhere_else(void **state)
{
	static const char *const names[] = { "nix", "..", "Webex", "", "x\ny" };
	const char *top = getenv("srcdir");
	char dir[512];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/conf/profiles", top && *top ? top : ".");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct sw_profile *p = NULL;
		struct sw_diag d;

		sw_diag_init(&d);
		assert_int_equal(sw_profile_load(&p, names[i], dir, &d), SW_ENOTFOUND);
		assert_int_equal(d.n, 1);
		assert_non_null(strstr(d.entries[0].text, "there are: b2b teams"));
		sw_diag_free(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_are_shipped_load),
		cmocka_unit_test(webex_has_31_networks_12_of_them_azure),
		cmocka_unit_test(media_ports_differ_by_profile),
		cmocka_unit_test(suites_keep_their_order),
		cmocka_unit_test(what_a_table_does_not_say_is_the_profiles),
		cmocka_unit_test(faults_are_told_with_their_line),
		cmocka_unit_test(a_name_leads_nowhere_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
