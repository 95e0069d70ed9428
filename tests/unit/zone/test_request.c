/* SPDX-License-Identifier: Apache-2.0 */
/* What a zone may say: the two keys (acceptance 67-72, the part without messages). */
#include "world.h"

static struct sw_conf_zone zones[] = {
	{ .name = S("tenant"), .domains = LIST("tenant.example", "second.example", "late.example"), .require_proof = true },
	{ .name = S("victim"), .domains = LIST("victim.example", "V\xc3\xbc.example"), .require_proof = true },
	{ .name = S("trusted"),
	  .domains = LIST("carrier.example"),
	  .require_proof = true,
	  .trusted_identity = true,
	  .allow_tel = true,
	  .allow_anonymous = true },
	{ .name = S("trusted-strict"),
	  .domains = LIST("exact.example"),
	  .trusted_identity = true,
	  .asserted = SW_ASSERTED_REJECT },
	{ .name = S("strict"),
	  .domains = LIST("strict.example"),
	  .require_proof = true,
	  .asserted = SW_ASSERTED_REJECT,
	  .display = SW_DISPLAY_REJECT },
	{ .name = S("lax"), .domains = LIST("lax.example"), .display = SW_DISPLAY_PASS, .refer = true },
	{ .name = S("cloud"), .domains = LIST("cloud.example"), .require_proof = true, .may_assert_local = true },
	{ .name = S("liar"), .domains = LIST("ours.example"), .require_proof = true },
	{ .name = S("inside"), .internal = true, .require_proof = true },
	{ .name = S("inside-unproved"), .internal = true },
	{ .name = S("few"), .domains = LIST("few.example"), .methods = LIST("INVITE", "OPTIONS") },
	{ .name = S("strangers"), .kind = SW_ZONE_DEFAULT, .require_proof = true },
	{ .name = S("strangers-open"), .kind = SW_ZONE_DEFAULT },
	{ .name = S("strangers-known"),
	  .kind = SW_ZONE_DEFAULT,
	  .domains = LIST("known.example", "victim.example"),
	  .require_proof = true },
};

/* The proofs that hold, with spaces around. */
static const char *const proofs =
	" tenant.example victim.example xn--v-eha.example carrier.example exact.example strict.example lax.example "
	"cloud.example ours.example known.example proved.example ";

static bool is_proved(void *arg, const char *domain)
{
	char word[270];

	snprintf(word, sizeof(word), " %s ", domain);
	return strstr(arg ? arg : proofs, word) != NULL;
}

static int setup(void **state)
{
	static struct world w;

	world_make(&w, zones, COUNT(zones), NULL, 0, (struct sw_strlist)LIST("ours.example", "also.ours.test"));
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	world_end(*state);
	return 0;
}

static struct sw_request_facts invite(const char *from)
{
	return (struct sw_request_facts){
		.method = SW_STR("INVITE"), .from = uri(from), .ruri = uri("sip:x@ours.example"), .to = uri("sip:x@ours.example")
	};
}

static struct sw_authority judge(const struct world *w, const char *zone, const struct sw_request_facts *f)
{
	struct sw_authority got;

	sw_zone_authorize(w->set, zone_named(w, zone), f, is_proved, NULL, &got);
	return got;
}

static void from_table(void **state)
{
	static const struct { const char *zone, *from; enum sw_reason reason; } table[] = {
		/* both keys */
		{ "tenant", "sip:a@tenant.example", SW_R_OK },
		{ "tenant", "sips:a@tenant.example", SW_R_OK },
		{ "tenant", "sip:tenant.example", SW_R_OK },
		{ "tenant", "sip:a@TENANT.Example", SW_R_OK },
		{ "tenant", "sip:a@tenant.example.", SW_R_OK },
		{ "victim", "sip:a@xn--v-eha.example", SW_R_OK },
		{ "victim", "sip:a@v\xc3\xbc.example", SW_R_OK },
		/* 68: a verified domain, from the zone that lists it alone; 71: Jane Roe */
		{ "tenant", "sip:jane.roe@victim.example", SW_R_AUTH_OWNED_DOMAIN },
		{ "strangers", "sip:jane.roe@victim.example", SW_R_AUTH_OWNED_DOMAIN },
		{ "cloud", "sip:jane.roe@victim.example", SW_R_AUTH_OWNED_DOMAIN },
		{ "inside", "sip:jane.roe@victim.example", SW_R_AUTH_OWNED_DOMAIN },
		{ "tenant", "sip:a@nobodys.example", SW_R_AUTH_FROM_DOMAIN },
		{ "tenant", "sip:a@proved.example", SW_R_AUTH_FROM_DOMAIN },
		/* neighbours in name are others */
		{ "tenant", "sip:a@x.tenant.example", SW_R_AUTH_FROM_DOMAIN },
		{ "tenant", "sip:a@example", SW_R_AUTH_FROM_DOMAIN },
		{ "tenant", "sip:a@tenant.example.evil.test", SW_R_AUTH_FROM_DOMAIN },
		/* 70: listed, not proved */
		{ "tenant", "sip:a@second.example", SW_R_AUTH_UNPROVED },
		{ "few", "sip:a@few.example", SW_R_OK },
		/* 69: ours, from outside */
		{ "tenant", "sip:ceo@ours.example", SW_R_AUTH_LOCAL_DOMAIN },
		{ "tenant", "sip:ceo@OURS.example.", SW_R_AUTH_LOCAL_DOMAIN },
		{ "liar", "sip:ceo@ours.example", SW_R_AUTH_LOCAL_DOMAIN },
		{ "strangers", "sip:ceo@ours.example", SW_R_AUTH_LOCAL_DOMAIN },
		{ "strangers-known", "sip:ceo@ours.example", SW_R_AUTH_LOCAL_DOMAIN },
		{ "cloud", "sip:ceo@ours.example", SW_R_OK },
		{ "cloud", "sip:ceo@also.ours.test", SW_R_AUTH_UNPROVED },
		{ "cloud", "sip:a@cloud.example", SW_R_OK },
		{ "inside", "sip:ceo@ours.example", SW_R_OK },
		{ "inside", "sip:ceo@also.ours.test", SW_R_OK },
		{ "inside-unproved", "sip:ceo@also.ours.test", SW_R_OK },
		{ "inside", "sip:a@nobodys.example", SW_R_AUTH_FROM_DOMAIN },
		/* strangers: what is nobody's */
		{ "strangers", "sip:a@nobodys.example", SW_R_OK },
		{ "strangers", "sip:a@x.victim.example", SW_R_OK },
		{ "strangers", "sip:a@known.example", SW_R_OK },
		{ "strangers-known", "sip:a@known.example", SW_R_OK },
		{ "strangers-known", "sip:a@nobodys.example", SW_R_AUTH_FROM_DOMAIN },
		{ "strangers-known", "sip:a@victim.example", SW_R_AUTH_OWNED_DOMAIN },
		/* addresses are no domains */
		{ "tenant", "sip:a@192.0.2.1", SW_R_AUTH_FROM_DOMAIN },
		{ "tenant", "sip:a@2001:db8::1", SW_R_AUTH_FROM_DOMAIN },
		{ "strangers", "sip:100@192.0.2.1", SW_R_AUTH_FROM_DOMAIN },
		{ "strangers-open", "sip:100@192.0.2.1", SW_R_OK },
		{ "inside-unproved", "sip:100@10.0.0.1", SW_R_OK },
		{ "inside-unproved", "sip:100@2001:db8::1", SW_R_OK },
		/* nor is rubbish */
		{ "lax", "sip:a@", SW_R_AUTH_FROM_DOMAIN },
		{ "strangers-open", "sip:a@-x-.example", SW_R_AUTH_FROM_DOMAIN },
		{ "strangers-open", "sip:a@10.0.0.1.", SW_R_AUTH_FROM_DOMAIN },
		{ "strangers-open", "sip:a@ours..example", SW_R_AUTH_FROM_DOMAIN },
		{ "strangers-open", "", SW_R_AUTH_FROM_DOMAIN },
		{ "strangers-open", "mailto:a@nobodys.example", SW_R_AUTH_FROM_DOMAIN },
		/* anonymous, tel */
		{ "tenant", "sip:anonymous@anonymous.invalid", SW_R_AUTH_ANONYMOUS },
		{ "strangers", "sip:anonymous@Anonymous.Invalid.", SW_R_AUTH_ANONYMOUS },
		{ "strangers", "sip:jane@bank.invalid", SW_R_AUTH_ANONYMOUS },
		{ "trusted", "sip:anonymous@anonymous.invalid", SW_R_OK },
		{ "tenant", "tel:+15551234", SW_R_AUTH_TEL },
		{ "strangers", "tel:+15551234", SW_R_AUTH_TEL },
		{ "trusted", "tel:+15551234", SW_R_OK },
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(table); i++) {
		struct sw_request_facts f = invite(table[i].from);
		struct sw_authority got = judge(w, table[i].zone, &f);

		if (got.verdict.reason != table[i].reason)
			fail_msg("row %zu: %s from %s: %s (%s)", i, table[i].from, table[i].zone,
				 sw_reason_id(got.verdict.reason), got.verdict.detail);
		if (got.verdict.reason != SW_R_OK) {
			assert_int_equal(sw_reason_status(got.verdict.reason), 403);
			assert_int_equal(strncmp(got.verdict.detail, "From: ", 6), 0);
		}
	}
}

static void the_same_is_said_of_a_tagged_request(void **state)
{
	struct sw_request_facts f = invite("sip:jane@victim.example");
	struct world *w = *state;

	f.has_to_tag = true;
	assert_int_equal(judge(w, "tenant", &f).verdict.reason, SW_R_AUTH_OWNED_DOMAIN);
}

static void a_refusal_names_zone_and_owner(void **state)
{
	struct sw_request_facts f = invite("sip:jane@victim.example");
	struct sw_authority got = judge(*state, "tenant", &f);

	assert_non_null(strstr(got.verdict.detail, "victim.example belongs to zone \"victim\""));
	assert_non_null(strstr(got.verdict.detail, "zone \"tenant\""));
}

static void without_proofs_nothing_is_proved(void **state)
{
	struct sw_request_facts f = invite("sip:a@tenant.example");
	struct world *w = *state;
	struct sw_authority got;

	sw_zone_authorize(w->set, zone_named(w, "tenant"), &f, NULL, NULL, &got);
	assert_reason(&got.verdict, SW_R_AUTH_UNPROVED);
}

static void a_proved_parent_counts_only_where_configured(void **state)
{
	struct sw_conf_zone zone = { .name = S("z"),
				     .domains = LIST("a.b.parent.example", "tld.example"),
				     .require_proof = true };
	struct sw_request_facts child = invite("sip:x@a.b.parent.example"), top = invite("sip:x@tld.example");
	struct sw_authority got;
	struct world w;

	(void)state;
	world_make(&w, &zone, 1, NULL, 0, (struct sw_strlist){ 0 });
	sw_zone_authorize(w.set, zone_named(&w, "z"), &child, is_proved, S(" parent.example example "), &got);
	assert_reason(&got.verdict, SW_R_AUTH_UNPROVED);
	w.conf.ownership.subdomains = true;
	sw_zone_authorize(w.set, zone_named(&w, "z"), &child, is_proved, S(" parent.example example "), &got);
	assert_reason(&got.verdict, SW_R_OK);
	sw_zone_authorize(w.set, zone_named(&w, "z"), &top, is_proved, S(" example "), &got);
	assert_reason(&got.verdict, SW_R_AUTH_UNPROVED);
	world_end(&w);
}

/* 67 */
static void asserted_identities(void **state)
{
	enum { KEEP, STRIP, REFUSE };
	static const struct { const char *zone, *from, *claim; int header, outcome;
	} table[] = {
		{ "tenant", "sip:a@tenant.example", NULL, 0, STRIP }, /* also what is not counted as a claim: P-Charging-* */
		{ "tenant", "sip:a@tenant.example", "sip:a@tenant.example", SW_CLAIM_PAI, STRIP },
		{ "tenant", "sip:a@tenant.example", "sip:jane@victim.example", SW_CLAIM_PAI, STRIP },
		{ "trusted", "sip:a@carrier.example", NULL, 0, KEEP },
		{ "trusted", "sip:a@carrier.example", "sip:b@carrier.example", SW_CLAIM_PAI, KEEP },
		{ "trusted", "sip:a@carrier.example", "tel:+15551234", SW_CLAIM_PAI, KEEP },
		{ "trusted", "sip:a@carrier.example", "sip:jane@victim.example", SW_CLAIM_PAI, STRIP },
		{ "trusted", "sip:a@carrier.example", "sip:jane@victim.example", SW_CLAIM_RPID, STRIP },
		{ "trusted", "sip:a@carrier.example", "sip:ceo@ours.example", SW_CLAIM_DIVERSION, STRIP },
		{ "trusted-strict", "sip:a@exact.example", "sip:b@exact.example", SW_CLAIM_PPI, KEEP },
		{ "trusted-strict", "sip:a@exact.example", "sip:jane@victim.example", SW_CLAIM_REFERRED_BY, REFUSE },
		{ "trusted-strict", "sip:a@exact.example", "tel:+15551234", SW_CLAIM_PAI, REFUSE },
		{ "strict", "sip:a@strict.example", "sip:b@strict.example", SW_CLAIM_PAI, STRIP },
		{ "strict", "sip:a@strict.example", "sip:jane@victim.example", SW_CLAIM_HISTORY, REFUSE },
		{ "strict", "sip:a@strict.example", "sip:x@192.0.2.1", SW_CLAIM_PAI, REFUSE },
		{ "strict", "sip:a@strict.example", "", SW_CLAIM_PAI, REFUSE },
		{ "inside", "sip:a@ours.example", "sip:b@ours.example", SW_CLAIM_PAI, STRIP },
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(table); i++) {
		struct sw_request_facts f = invite(table[i].from);
		struct sw_authority got;

		if (table[i].claim) {
			/* the second of two, so that the first is not the one judged alone */
			f.asserted[0].uri = f.from;
			f.asserted[1].uri = uri(table[i].claim);
			f.asserted[1].header = (typeof(f.asserted[1].header))table[i].header;
			f.n_asserted = 2;
		}
		got = judge(w, table[i].zone, &f);
		if (got.verdict.reason != (table[i].outcome == REFUSE ? SW_R_AUTH_ASSERTED : SW_R_OK) ||
		    (table[i].outcome != REFUSE && got.strip_asserted != (table[i].outcome == STRIP)))
			fail_msg("row %zu: %s (%s), strip %d", i, sw_reason_id(got.verdict.reason), got.verdict.detail,
				 got.strip_asserted);
	}
}

static void claims_beyond_the_limit_are_foreign(void **state)
{
	struct sw_request_facts f = invite("sip:a@carrier.example");
	struct world *w = *state;

	f.asserted_more = true;
	assert_true(judge(w, "trusted", &f).strip_asserted);
	f.asserted_more = false;
	f.n_asserted = SW_ASSERTED_MAX + 1;
	for (size_t i = 0; i < SW_ASSERTED_MAX; i++)
		f.asserted[i].uri = f.from;
	assert_true(judge(w, "trusted", &f).strip_asserted);
	f.from = uri("sip:a@strict.example");
	f.n_asserted = 0;
	f.asserted_more = true;
	assert_int_equal(judge(w, "strict", &f).verdict.reason, SW_R_AUTH_ASSERTED);
}

static void methods_and_refer(void **state)
{
	static const struct { const char *zone, *from, *method; enum sw_reason reason; } table[] = {
		{ "few", "sip:a@few.example", "INVITE", SW_R_OK },
		{ "few", "sip:a@few.example", "MESSAGE", SW_R_AUTH_METHOD },
		{ "few", "sip:a@few.example", "invite", SW_R_AUTH_METHOD },
		{ "few", "sip:a@few.example", "", SW_R_AUTH_METHOD },
		{ "tenant", "sip:a@tenant.example", "REFER", SW_R_AUTH_REFER },
		{ "lax", "sip:a@lax.example", "REFER", SW_R_OK },
		{ "lax", "sip:a@victim.example", "REFER", SW_R_AUTH_OWNED_DOMAIN },
		{ "lax", "sip:a@lax.example", "XFOO", SW_R_OK },
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		struct sw_request_facts f = invite(table[i].from);

		f.method = sw_str_of(table[i].method);
		assert_int_equal(judge(*state, table[i].zone, &f).verdict.reason, table[i].reason);
	}
}

/* From is the dialog's by then (a callee's is what it was called by); REFER and claims are still its own. */
static void within_a_dialog(void **state)
{
	struct sw_request_facts f = invite("sip:x@ours.example");
	struct world *w = *state;
	struct sw_authority got;

	sw_zone_authorize_in_dialog(w->set, zone_named(w, "few"), &f, is_proved, NULL, &got);
	assert_reason(&got.verdict, SW_R_OK);
	assert_true(got.strip_asserted);
	f.method = SW_STR("BYE");
	sw_zone_authorize_in_dialog(w->set, zone_named(w, "few"), &f, is_proved, NULL, &got);
	assert_reason(&got.verdict, SW_R_OK);
	f.method = SW_STR("REFER");
	sw_zone_authorize_in_dialog(w->set, zone_named(w, "few"), &f, is_proved, NULL, &got);
	assert_reason(&got.verdict, SW_R_AUTH_REFER);
	f.method = SW_STR("UPDATE");
	f.asserted[0].uri = uri("sip:jane@victim.example");
	f.n_asserted = 1;
	sw_zone_authorize_in_dialog(w->set, zone_named(w, "strict"), &f, is_proved, NULL, &got);
	assert_reason(&got.verdict, SW_R_AUTH_ASSERTED);
}

/* 72 */
static void display_table(void **state)
{
	static const struct { const char *display; bool foreign; } table[] = {
		{ "", false },
		{ "Alice Example", false },
		{ "Alice (R&D), room 2.1", false },
		{ "Gossip: news", false },
		{ "Dr. No, Ph.D.", false },
		{ "strict.example", false },
		{ "alice@strict.example", false },
		{ "Alice <sip:alice@Strict.Example>", false },
		{ "sip:strict.example", false },
		{ "x.strict.example", false },
		{ "unknown.test", false },
		{ "jane@victim.example", true },
		{ "jane@unknown.test", true },
		{ "Jane (jane@victim.example)", true },
		{ "alice@strict.example, jane@victim.example", true },
		{ "alice@strict.example.evil.test", true },
		{ "alice@x.strict.example", true },
		{ "sip:victim.example", true },
		{ "SIPS:unknown.test", true },
		{ "sip:", true },
		{ "sip:jane@victim.example", true },
		{ "<sip:unknown.test>", true },
		{ "jane @ victim", true },
		{ "jane@", true },
		{ "victim.example", true },
		{ "Support of VICTIM.example.", true },
		{ "mail.victim.example", true },
		{ "v\xc3\xbc.example", true },
		{ "ours.example helpdesk", true },
		{ "proved.example", true },
		{ "jane\\@victim.example", true },
		{ "vic\\tim.example", true },
		{ "jane\xef\xbc\xa0victim.example", true },       /* full-width '@' */
		{ "jane\xef\xb9\xabvictim.example", true },       /* small '@' */
		{ "sip\xef\xbc\x9aunknown.test", true },          /* full-width ':' */
		{ "victim\xe3\x80\x82" "example", true },         /* ideographic full stop */
		{ "vic\xc2\xadtim.example", true },               /* soft hyphen: not seen */
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(table); i++) {
		struct sw_request_facts f = invite("sip:alice@strict.example");
		struct sw_authority got;

		f.from_display = sw_str_of(table[i].display);
		got = judge(w, "strict", &f);
		if (got.verdict.reason != (table[i].foreign ? SW_R_AUTH_DISPLAY : SW_R_OK))
			fail_msg("row %zu \"%s\": %s (%s)", i, table[i].display, sw_reason_id(got.verdict.reason),
				 got.verdict.detail);
		assert_false(got.rewrite_display);
	}
}

static void foreign_display_names_are_rewritten_or_passed(void **state)
{
	struct sw_request_facts f = invite("sip:alice@Tenant.example");
	struct world *w = *state;
	struct sw_authority got;

	f.from_display = SW_STR("jane@victim.example");
	got = judge(w, "tenant", &f);
	assert_reason(&got.verdict, SW_R_OK);
	assert_true(got.rewrite_display);
	assert_string_equal(got.display, "sip:alice@Tenant.example");
	f.from_display = SW_STR("Alice");
	assert_false(judge(w, "tenant", &f).rewrite_display);
	f = invite("sip:a@lax.example");
	f.from_display = SW_STR("jane@victim.example");
	got = judge(w, "lax", &f);
	assert_reason(&got.verdict, SW_R_OK);
	assert_false(got.rewrite_display);
}

/* A rewritten name is the caller's own address or none: never a piece of one, nor what would break out of the quotes. */
static void rewritten_names_are_whole_and_plain(void **state)
{
	static const struct { const char *zone, *from, *display; } table[] = {
		{ "trusted", "tel:+15551234", "tel:+15551234" },
		{ "trusted", "sip:anonymous@anonymous.invalid", "Anonymous" },
		{ "inside-unproved", "sip:100@2001:db8::1", "sip:100@[2001:db8::1]" },
		{ "inside-unproved", "sips:10.0.0.1", "sips:10.0.0.1" },
		{ "tenant", "sip:\"<sip:jane@tenant.example", "unknown" },
		{ "tenant", "sip:a b@tenant.example", "unknown" },
		{ "strangers", "sip:a@b\xc3\xbc.example", "unknown" },
	};
	char longest[400] = "sip:";
	struct sw_request_facts f;
	struct world *w = *state;
	struct sw_authority got;

	for (size_t i = 0; i < COUNT(table); i++) {
		f = invite(table[i].from);
		f.from_display = SW_STR("jane@other.example");
		got = judge(w, table[i].zone, &f);
		assert_true(got.rewrite_display);
		assert_string_equal(got.display, table[i].display);
	}
	memset(longest + 4, 'u', 127 - 4 - strlen("@tenant.example"));
	strcat(longest, "@tenant.example");
	f = invite(longest);
	f.from_display = SW_STR("jane@other.example");
	got = judge(w, "tenant", &f);
	assert_string_equal(got.display, longest);
	memset(longest + 4, 'u', 128 - 4 - strlen("@tenant.example"));
	strcpy(longest + 128 - strlen("@tenant.example"), "@tenant.example");
	f = invite(longest);
	f.from_display = SW_STR("jane@other.example");
	got = judge(w, "tenant", &f);
	assert_string_equal(got.display, "unknown");
	memset(longest + 4, 'u', 200);
	strcpy(longest + 204, "@tenant.example");
	f = invite(longest);
	f.from_display = SW_STR("jane@other.example");
	got = judge(w, "tenant", &f);
	assert_string_equal(got.display, "unknown");
}

static void a_display_name_without_end_is_not_searched(void **state)
{
	static char text[60000];
	struct sw_request_facts f = invite("sip:a@strict.example");

	memset(text, 'a', sizeof(text));
	f.from_display = (struct sw_str){ text, 512 };
	assert_int_equal(judge(*state, "strict", &f).verdict.reason, SW_R_OK);
	f.from_display.n = sizeof(text);
	assert_int_equal(judge(*state, "strict", &f).verdict.reason, SW_R_AUTH_DISPLAY);
	/* worst case within the limit */
	memset(text, '@', sizeof(text));
	f.from_display.n = 512;
	assert_int_equal(judge(*state, "strict", &f).verdict.reason, SW_R_AUTH_DISPLAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_table),
		cmocka_unit_test(the_same_is_said_of_a_tagged_request),
		cmocka_unit_test(a_refusal_names_zone_and_owner),
		cmocka_unit_test(without_proofs_nothing_is_proved),
		cmocka_unit_test(a_proved_parent_counts_only_where_configured),
		cmocka_unit_test(asserted_identities),
		cmocka_unit_test(claims_beyond_the_limit_are_foreign),
		cmocka_unit_test(methods_and_refer),
		cmocka_unit_test(within_a_dialog),
		cmocka_unit_test(display_table),
		cmocka_unit_test(foreign_display_names_are_rewritten_or_passed),
		cmocka_unit_test(rewritten_names_are_whole_and_plain),
		cmocka_unit_test(a_display_name_without_end_is_not_searched),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
