/* SPDX-License-Identifier: Apache-2.0 */
/* Proof by TXT: what counts as the token, what a check concludes, and how a proof lives and ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "ask.h"
#include "dns/ownership.h"
#include "fake.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab"

enum { DAY = 24 * 3600, HOUR = 3600 };

static char key0[] = "sipward-domain-verification", key1[] = "cisco-ci-domain-verification", key2[] = "ciscocidomainverification";
static char *keys[] = { key0, key1, key2 }, label[] = "_sipward-challenge";

static const struct sw_conf_ownership conf = {
	.forms = SW_TXT_LABEL | SW_TXT_APEX_KV | SW_TXT_APEX_RAW,
	.label = label,
	.keys = { keys, 3 },
	.grace = 72ull * HOUR * 1000,
	.stale_limit = 7ull * DAY * 1000,
};

/* --- token --- */

static bool in_txt(enum sw_txt_form form, const char *txt)
{
	return sw_token_in_txt(TOKEN, form, &conf.keys, (const uint8_t *)txt, strlen(txt));
}

static void test_token(void **state)
{
	char a[SW_TOKEN_HEX + 1], b[SW_TOKEN_HEX + 1];

	(void)state;
	sw_token_make(a);
	sw_token_make(b);
	assert_int_equal(strlen(a), SW_TOKEN_HEX);
	assert_int_equal(strspn(a, "0123456789abcdef"), SW_TOKEN_HEX);
	assert_string_not_equal(a, b);
}

static void test_token_is_whole_and_exact(void **state)
{
	char upper[SW_TOKEN_HEX + 1] = TOKEN, nul[SW_TOKEN_HEX + 1] = TOKEN;

	(void)state;
	assert_true(in_txt(SW_TXT_APEX_RAW, TOKEN));
	assert_true(in_txt(SW_TXT_LABEL, TOKEN));
	assert_true(in_txt(SW_TXT_LABEL, "  " TOKEN " "));
	assert_false(in_txt(SW_TXT_LABEL, TOKEN "0"));
	assert_false(in_txt(SW_TXT_LABEL, "0" TOKEN));
	assert_false(in_txt(SW_TXT_LABEL, "x " TOKEN));
	assert_false(in_txt(SW_TXT_LABEL, "\"" TOKEN "\""));
	assert_false(in_txt(SW_TXT_LABEL, ""));
	for (char *p = upper; *p; p++)
		if (*p >= 'a')
			*p = (char)(*p - 32);
	assert_false(in_txt(SW_TXT_LABEL, upper));
	/* a NUL doesn't end it */
	assert_false(sw_token_in_txt(TOKEN, SW_TXT_LABEL, &conf.keys, (const uint8_t *)nul, sizeof(nul)));
	/* no token matches nothing, not everything */
	assert_false(sw_token_in_txt("", SW_TXT_LABEL, &conf.keys, (const uint8_t *)"", 0));
	assert_false(sw_token_in_txt("", SW_TXT_APEX_KV, &conf.keys, (const uint8_t *)"ciscocidomainverification=", 26));
	assert_false(sw_token_in_txt(TOKEN, SW_TXT_LABEL, &conf.keys, NULL, 0));
}

static void test_key_value(void **state)
{
	(void)state;
	assert_true(in_txt(SW_TXT_APEX_KV, "sipward-domain-verification=" TOKEN));
	assert_true(in_txt(SW_TXT_APEX_KV, "cisco-ci-domain-verification=" TOKEN));
	assert_true(in_txt(SW_TXT_APEX_KV, "CiscoCIDomainVerification=" TOKEN));
	assert_false(in_txt(SW_TXT_APEX_KV, "other-verification=" TOKEN));
	assert_false(in_txt(SW_TXT_APEX_KV, "sipward-domain-verification=" TOKEN "0"));
	assert_false(in_txt(SW_TXT_APEX_KV, "sipward-domain-verification"));
	assert_false(in_txt(SW_TXT_APEX_KV, "=" TOKEN));
	assert_false(in_txt(SW_TXT_APEX_KV, TOKEN));
	assert_false(in_txt(SW_TXT_APEX_RAW, "sipward-domain-verification=" TOKEN));
	/* nothing configured: the default key */
	assert_true(sw_token_in_txt(TOKEN, SW_TXT_APEX_KV, &(struct sw_strlist){ 0 },
				    (const uint8_t *)"sipward-domain-verification=" TOKEN, 28 + SW_TOKEN_HEX));
}

/* --- the state machine --- */

static struct sw_proof verified_at(int64_t now)
{
	struct sw_proof p = { .token = TOKEN, .created = 1 };

	sw_proof_apply(&p, &conf, &(struct sw_verdict){ .reason = SW_R_OK, .detail = "label" }, now);
	return p;
}

static enum sw_proof_state apply(struct sw_proof *p, enum sw_reason r, int64_t now)
{
	sw_proof_apply(p, &conf, &(struct sw_verdict){ .reason = r }, now);
	return p->state;
}

static void test_first_check(void **state)
{
	struct sw_proof p = { .token = TOKEN };

	(void)state;
	assert_false(sw_proof_holds(&p));
	assert_int_equal(apply(&p, SW_R_PROOF_NO_MATCH, 100), SW_PROOF_UNVERIFIED);
	assert_int_equal(apply(&p, SW_R_PROOF_ABSENT, 100), SW_PROOF_UNVERIFIED);
	assert_int_equal(apply(&p, SW_R_PROOF_UNKNOWN, 100), SW_PROOF_UNVERIFIED);
	assert_string_equal(p.outcome, "proof.indeterminate");
	assert_int_equal(p.checked, 100);
	p = verified_at(200);
	assert_int_equal(p.state, SW_PROOF_VERIFIED);
	assert_int_equal(p.verified, 200);
	assert_string_equal(p.outcome, "verified (label)");
	assert_true(sw_proof_holds(&p));
}

static void test_gone_revokes_after_grace(void **state)
{
	struct sw_proof p = verified_at(1000);

	(void)state;
	assert_int_equal(apply(&p, SW_R_PROOF_ABSENT, 2000), SW_PROOF_VERIFIED);
	assert_int_equal(p.failing_since, 2000);
	assert_int_equal(apply(&p, SW_R_PROOF_NO_MATCH, 2000 + 72 * HOUR - 1), SW_PROOF_VERIFIED);
	assert_int_equal(apply(&p, SW_R_PROOF_ABSENT, 2000 + 72 * HOUR), SW_PROOF_REVOKED);
	assert_false(sw_proof_holds(&p));
	/* revoked stays so until the record is seen */
	assert_int_equal(apply(&p, SW_R_PROOF_UNKNOWN, 2000 + 80 * HOUR), SW_PROOF_REVOKED);
	assert_int_equal(apply(&p, SW_R_OK, 2000 + 90 * HOUR), SW_PROOF_VERIFIED);
	assert_int_equal(p.failing_since, 0);
}

static void test_back_in_time(void **state)
{
	struct sw_proof p = verified_at(1000);

	(void)state;
	apply(&p, SW_R_PROOF_ABSENT, 2000);
	assert_int_equal(apply(&p, SW_R_OK, 3000), SW_PROOF_VERIFIED);
	assert_int_equal(p.failing_since, 0);
	/* the next absence starts a new run */
	assert_int_equal(apply(&p, SW_R_PROOF_ABSENT, 2000 + 72 * HOUR), SW_PROOF_VERIFIED);
}

static void test_unknown_makes_stale(void **state)
{
	struct sw_proof p = verified_at(1000);

	(void)state;
	assert_int_equal(apply(&p, SW_R_PROOF_UNKNOWN, 2000), SW_PROOF_STALE);
	assert_true(sw_proof_holds(&p));
	assert_int_equal(apply(&p, SW_R_PROOF_UNKNOWN, 2000 + 100 * HOUR), SW_PROOF_STALE);
	assert_int_equal(apply(&p, SW_R_PROOF_UNKNOWN, 2000 + 7 * DAY - 1), SW_PROOF_STALE);
	assert_int_equal(apply(&p, SW_R_PROOF_UNKNOWN, 2000 + 7 * DAY), SW_PROOF_REVOKED);
	/* a verdict nobody thought of never verifies */
	p = verified_at(1000);
	assert_int_equal(apply(&p, SW_R_DENY, 2000), SW_PROOF_STALE);
}

static void test_clock_set_back(void **state)
{
	struct sw_proof p = verified_at(100 * DAY);

	(void)state;
	apply(&p, SW_R_PROOF_ABSENT, 100 * DAY);
	assert_int_equal(apply(&p, SW_R_PROOF_ABSENT, 50 * DAY), SW_PROOF_VERIFIED);
	assert_int_equal(apply(&p, SW_R_PROOF_ABSENT, 53 * DAY), SW_PROOF_REVOKED);
}

static void test_names_and_records(void **state)
{
	struct sw_proof p = { .domain = "example.com", .token = TOKEN };
	enum sw_proof_state s;
	struct sw_buf b;

	(void)state;
	for (int i = SW_PROOF_UNVERIFIED; i <= SW_PROOF_REVOKED; i++) {
		assert_int_equal(sw_proof_state_by_name(sw_proof_state_name((enum sw_proof_state)i), &s), 0);
		assert_int_equal(s, i);
	}
	assert_int_equal(sw_proof_state_by_name("Verified", &s), SW_ENOTFOUND);
	sw_buf_init(&b, 0);
	sw_proof_records(&p, &conf, &b);
	sw_buf_put(&b, "", 1);
	assert_int_equal(sw_buf_error(&b), 0);
	assert_string_equal(b.data, "_sipward-challenge.example.com. 300 IN TXT \"" TOKEN "\"\n"
			    "example.com. 300 IN TXT \"sipward-domain-verification=" TOKEN "\"\n"
			    "example.com. 300 IN TXT \"" TOKEN "\"\n");
	sw_buf_free(&b);
}

/* --- a check --- */

static const char *const zone[] = {
	"_sipward-challenge.label.example. 60 IN TXT \"" TOKEN "\"",
	"kv.example. 60 IN TXT \"v=spf1 -all\"",
	"kv.example. 60 IN TXT \"cisco-ci-domain-verification=" TOKEN "\"",
	"kv.example. 60 IN TXT \"other\"",
	"raw.example. 60 IN TXT \"0123456789abcdef0123456789abcdef\" \"0123456789abcdef0123456789ab\"",
	"wrong.example. 60 IN TXT \"sipward-domain-verification=" TOKEN "0\"",
	"bare.example. 60 IN A 192.0.2.1",
	"_sipward-challenge.delegated.example. 60 IN CNAME token.other.example.",
	"token.other.example. 60 IN TXT \"" TOKEN "\"",
	"alias.example. 60 IN CNAME raw.example.",
	"tc.example. 60 IN TXT \"" TOKEN "\"",
	"example. 60 IN SOA ns.example. h.example. 1 1 1 1 60",
	NULL,
};

struct bench {
	struct sw_loop *loop;
	struct fake *fake;
	struct sw_conf_dns_server server;
	struct sw_dns *d;
	struct sw_verdict v;
	int calls;
};

static void checked(void *arg, const struct sw_verdict *v)
{
	struct bench *b = arg;

	b->v = *v;
	b->calls++;
	sw_loop_stop(b->loop);
}

static void setup(struct bench *b, bool tcp)
{
	struct sw_conf_dns c;

	memset(b, 0, sizeof(*b));
	assert_int_equal(sw_loop_new(&b->loop), 0);
	b->fake = fake_start(zone, tcp);
	c = ask_conf(&b->server, b->fake->port);
	assert_int_equal(sw_dns_new(&b->d, b->loop, &c), 0);
}

static void teardown(struct bench *b)
{
	sw_dns_free(b->d);
	fake_stop(b->fake);
	sw_loop_free(b->loop);
}

static enum sw_reason check(struct bench *b, const struct sw_conf_ownership *c, const char *domain)
{
	assert_int_equal(sw_ownership_check(b->d, c, domain, TOKEN, checked, b), 0);
	ask_run(b->loop);
	return b->v.reason;
}

static void test_forms(void **state)
{
	struct sw_conf_ownership label_only = conf;
	struct bench b;

	(void)state;
	setup(&b, true);
	assert_int_equal(check(&b, &conf, "label.example"), SW_R_OK);
	assert_string_equal(b.v.detail, "label");
	assert_int_equal(check(&b, &conf, "KV.example"), SW_R_OK);
	assert_string_equal(b.v.detail, "apex-kv");
	assert_int_equal(check(&b, &conf, "raw.example"), SW_R_OK);
	assert_string_equal(b.v.detail, "apex-raw");
	/* only what is configured counts */
	label_only.forms = SW_TXT_LABEL;
	assert_int_equal(check(&b, &label_only, "kv.example"), SW_R_PROOF_ABSENT);
	teardown(&b);
}

static void test_not_there(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	assert_int_equal(check(&b, &conf, "wrong.example"), SW_R_PROOF_NO_MATCH);
	assert_int_equal(check(&b, &conf, "bare.example"), SW_R_PROOF_ABSENT);
	assert_int_equal(check(&b, &conf, "nx.example"), SW_R_PROOF_ABSENT);
	/* of a domain below a proved one */
	assert_int_equal(check(&b, &conf, "sub.raw.example"), SW_R_PROOF_ABSENT);
	teardown(&b);
}

static void test_cname(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	assert_int_equal(check(&b, &conf, "delegated.example"), SW_R_OK);
	assert_non_null(strstr(b.v.detail, "CNAME"));
	/* a name that points at somebody's proved domain isn't proved by it */
	assert_int_equal(check(&b, &conf, "alias.example"), SW_R_PROOF_NO_MATCH);
	teardown(&b);
}

static void test_unknown(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, false);
	assert_int_equal(check(&b, &conf, "refused.example"), SW_R_PROOF_UNKNOWN);
	assert_int_equal(check(&b, &conf, "tc.example"), SW_R_PROOF_UNKNOWN);
	assert_non_null(strstr(b.v.detail, "TCP blocked"));
	/* seen once, then the servers fail: the cache does not answer for them */
	assert_int_equal(check(&b, &conf, "raw.example"), SW_R_OK);
	b.fake->servfail = true;
	assert_int_equal(check(&b, &conf, "raw.example"), SW_R_PROOF_UNKNOWN);
	teardown(&b);
}

static void test_arguments(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, true);
	assert_int_equal(sw_ownership_check(b.d, &conf, "not a name", TOKEN, checked, &b), SW_EINVALID);
	assert_int_equal(sw_ownership_check(b.d, &conf, "raw.example", "", checked, &b), SW_EINVALID);
	assert_int_equal(sw_ownership_check(b.d, &conf, "drop.example", TOKEN, checked, &b), 0);
	teardown(&b);
	assert_int_equal(b.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_token_is_whole_and_exact),
		cmocka_unit_test(test_key_value),
		cmocka_unit_test(test_first_check),
		cmocka_unit_test(test_gone_revokes_after_grace),
		cmocka_unit_test(test_back_in_time),
		cmocka_unit_test(test_unknown_makes_stale),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_names_and_records),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_cname),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
