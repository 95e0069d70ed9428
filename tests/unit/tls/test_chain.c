/* SPDX-License-Identifier: Apache-2.0 */
/* Chains: who vouches, for what purpose, until when, and with which CRLs. */
#include "lab.h"
#include <time.h>
#include "tls/x509.h"

static void judge(struct sw_chain_result *r, const char *cert, const struct sw_trust *trust, struct sw_chain_policy policy)
{
	STACK_OF(X509) *certs = lab_certs(cert);

	if (!policy.now)
		policy.now = time(NULL);
	if (!policy.depth)
		policy.depth = 4;
	sw_chain_judge(r, sk_X509_value(certs, 0), certs, trust, &policy);
	sk_X509_pop_free(certs, X509_free);
}

struct chain_case {
	const char *cert;
	enum sw_eku_policy eku;
	enum sw_reason reason;
	int x509_error;
	int depth;
	bool server_purpose;
};

static void check_cases(const struct chain_case *c, size_t n, enum sw_tls_role role)
{
	struct sw_trust *trust = lab_trust("root.pem", NULL, NULL);

	for (size_t i = 0; i < n; i++) {
		struct sw_chain_result r;

		judge(&r, c[i].cert, trust, (struct sw_chain_policy){ .role = role, .eku = c[i].eku });
		if (r.reason != c[i].reason || r.x509_error != c[i].x509_error || r.depth != c[i].depth ||
		    r.server_purpose != c[i].server_purpose)
			fail_msg("%s under %d: %s, error %d at depth %d, server_purpose %d", c[i].cert, c[i].eku, sw_reason_id(r.reason),
				 r.x509_error, r.depth, r.server_purpose);
	}
	sw_trust_free(trust);
}

static void test_chains(void **state)
{
	static const struct chain_case cases[] = {
		{ "partner", SW_EKU_STRICT, SW_R_OK, 0, 0, false },
		{ "edge-rsa2048", SW_EKU_STRICT, SW_R_OK, 0, 0, false },
		{ "expired", SW_EKU_STRICT, SW_R_TLS_EXPIRED, X509_V_ERR_CERT_HAS_EXPIRED, 0, false },
		{ "future", SW_EKU_STRICT, SW_R_TLS_NOT_YET, X509_V_ERR_CERT_NOT_YET_VALID, 0, false },
		{ "rogue", SW_EKU_STRICT, SW_R_TLS_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0, false },
		{ "selfsigned", SW_EKU_STRICT, SW_R_TLS_CHAIN, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 0, false },
		{ "partner-nochain", SW_EKU_STRICT, SW_R_TLS_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0, false },
		{ "rsa1024", SW_EKU_STRICT, SW_R_TLS_WEAK, X509_V_ERR_EE_KEY_TOO_SMALL, 0, false },
		{ "sha1", SW_EKU_STRICT, SW_R_TLS_WEAK, X509_V_ERR_CA_MD_TOO_WEAK, 0, false },
		{ "weak-chain", SW_EKU_STRICT, SW_R_TLS_WEAK, X509_V_ERR_CA_KEY_TOO_SMALL, 1, false },
	};

	(void)state;
	check_cases(cases, sizeof(cases) / sizeof(cases[0]), SW_TLS_PEER_IS_CLIENT);
	check_cases(cases, sizeof(cases) / sizeof(cases[0]), SW_TLS_PEER_IS_SERVER);
}

#define S SW_EKU_STRICT
#define SC SW_EKU_SERVER_OR_CLIENT
#define A SW_EKU_ANY
#define WRONG X509_V_ERR_INVALID_PURPOSE

static void test_client_purposes(void **state)
{
	static const struct chain_case cases[] = {
		{ "eku-client", S, SW_R_OK, 0, 0, false },
		{ "eku-client", SC, SW_R_OK, 0, 0, false },
		{ "eku-client", A, SW_R_OK, 0, 0, false },
		{ "eku-server", S, SW_R_TLS_PURPOSE, WRONG, 0, false },
		{ "eku-server", SC, SW_R_OK, 0, 0, true },
		{ "eku-server", A, SW_R_OK, 0, 0, true },
		/* the intermediate allows serverAuth alone */
		{ "eku-server-chain", S, SW_R_TLS_PURPOSE, WRONG, 1, false },
		{ "eku-server-chain", SC, SW_R_OK, 0, 0, true },
		{ "eku-server-chain", A, SW_R_OK, 0, 0, true },
		{ "eku-none", S, SW_R_OK, 0, 0, false },
		{ "eku-none", SC, SW_R_OK, 0, 0, false },
		{ "eku-none", A, SW_R_OK, 0, 0, false },
		{ "eku-any", S, SW_R_TLS_PURPOSE, WRONG, 0, false },
		{ "eku-any", SC, SW_R_TLS_PURPOSE, WRONG, 0, false },
		{ "eku-any", A, SW_R_OK, 0, 0, false },
		{ "eku-sip", S, SW_R_TLS_PURPOSE, WRONG, 0, false },
		{ "eku-sip", SC, SW_R_TLS_PURPOSE, WRONG, 0, false },
		{ "eku-sip", A, SW_R_OK, 0, 0, false },
		/* what stands in for the leaf's purpose does not for the intermediate's */
		{ "eku-sip-chain", SC, SW_R_TLS_PURPOSE, WRONG, 0, false },
		{ "eku-sip-chain", A, SW_R_OK, 0, 0, true },
	};

	(void)state;
	check_cases(cases, sizeof(cases) / sizeof(cases[0]), SW_TLS_PEER_IS_CLIENT);
}

/* The second pass is for servers that call, not for clients that answer. */
static void test_server_purposes(void **state)
{
	static const struct chain_case cases[] = {
		{ "eku-server", S, SW_R_OK, 0, 0, false },
		{ "eku-client", S, SW_R_TLS_PURPOSE, WRONG, 0, false },
		{ "eku-client", SC, SW_R_TLS_PURPOSE, WRONG, 0, false },
		{ "eku-client", A, SW_R_TLS_PURPOSE, WRONG, 0, false },
		{ "eku-none", S, SW_R_OK, 0, 0, false },
		{ "eku-sip", SC, SW_R_TLS_PURPOSE, WRONG, 0, false },
		{ "eku-sip", A, SW_R_OK, 0, 0, false },
	};

	(void)state;
	check_cases(cases, sizeof(cases) / sizeof(cases[0]), SW_TLS_PEER_IS_SERVER);
}

/* The purpose is the only fault that may be forgiven: what comes with it must still refuse. */
static void test_leniency_has_edges(void **state)
{
	struct sw_trust *trust = lab_trust("rogue-root.pem", NULL, NULL);
	struct sw_chain_result r;

	(void)state;
	judge(&r, "eku-server", trust, (struct sw_chain_policy){ .eku = SW_EKU_ANY });
	assert_int_equal(r.reason, SW_R_TLS_CHAIN);
	judge(&r, "eku-sip", trust, (struct sw_chain_policy){ .eku = SW_EKU_ANY });
	assert_int_equal(r.reason, SW_R_TLS_CHAIN);
	sw_trust_free(trust);

	trust = lab_trust("root.pem", NULL, NULL);
	judge(&r, "eku-sip", trust, (struct sw_chain_policy){ .eku = SW_EKU_ANY, .now = time(NULL) + 400 * 86400 });
	assert_int_equal(r.reason, SW_R_TLS_EXPIRED);
	judge(&r, "eku-server", trust, (struct sw_chain_policy){ .eku = SW_EKU_ANY, .now = time(NULL) + 400 * 86400 });
	assert_int_equal(r.reason, SW_R_TLS_EXPIRED);
	sw_trust_free(trust);
}

/* An intermediate in the trust list is no anchor: a chain ends at a root. */
static void test_no_partial_chain(void **state)
{
	struct sw_trust *trust = lab_trust("int.pem", NULL, NULL);
	struct sw_chain_result r;

	(void)state;
	judge(&r, "partner", trust, (struct sw_chain_policy){ .eku = SW_EKU_STRICT });
	assert_int_equal(r.reason, SW_R_TLS_CHAIN);
	sw_trust_free(trust);
}

static void test_depth(void **state)
{
	struct sw_trust *trust = lab_trust("root.pem", NULL, NULL);
	struct sw_chain_policy policy = { .now = time(NULL), .depth = 0 };
	STACK_OF(X509) *certs = lab_certs("partner");
	struct sw_chain_result r;

	(void)state;
	sw_chain_judge(&r, sk_X509_value(certs, 0), certs, trust, &policy);
	assert_int_equal(r.reason, SW_R_TLS_CHAIN);
	sk_X509_pop_free(certs, X509_free);
	sw_trust_free(trust);
}

static void test_crls(void **state)
{
	static const struct {
		const char *cert, *crl;
		enum sw_revocation revocation;
		enum sw_reason reason;
	} cases[] = {
		{ "revoked", NULL, SW_REVOCATION_OFF, SW_R_OK },
		{ "revoked", "crl.pem", SW_REVOCATION_OFF, SW_R_OK },
		{ "revoked", "crl.pem", SW_REVOCATION_SOFT, SW_R_TLS_REVOKED },
		{ "revoked", "crl.pem", SW_REVOCATION_HARD, SW_R_TLS_REVOKED },
		{ "revoked", "stale.crl", SW_REVOCATION_SOFT, SW_R_TLS_REVOKED },
		{ "partner", "crl.pem", SW_REVOCATION_SOFT, SW_R_OK },
		{ "partner", "crl.pem", SW_REVOCATION_HARD, SW_R_OK },
		{ "partner", NULL, SW_REVOCATION_SOFT, SW_R_OK },
		{ "partner", NULL, SW_REVOCATION_HARD, SW_R_TLS_CRL },
		{ "partner", "int.crl", SW_REVOCATION_HARD, SW_R_TLS_CRL },   /* the root's is missing */
		{ "partner", "stale.crl", SW_REVOCATION_SOFT, SW_R_OK },      /* within the grace of a day */
		{ "partner", "stale.crl", SW_REVOCATION_HARD, SW_R_TLS_CRL },
		{ "partner", "old.crl", SW_REVOCATION_SOFT, SW_R_TLS_CRL },
		/* purpose and revocation together: neither hides the other */
		{ "eku-server", "crl.pem", SW_REVOCATION_HARD, SW_R_OK },
		{ "eku-server", NULL, SW_REVOCATION_HARD, SW_R_TLS_CRL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sw_trust *trust = lab_trust("root.pem", NULL, cases[i].crl);
		struct sw_chain_result r;

		judge(&r, cases[i].cert, trust,
		      (struct sw_chain_policy){ .eku = SW_EKU_SERVER_OR_CLIENT, .revocation = cases[i].revocation });
		if (r.reason != cases[i].reason)
			fail_msg("%s with %s at %d: %s (%s)", cases[i].cert, cases[i].crl ? cases[i].crl : "no CRL", cases[i].revocation,
				 sw_reason_id(r.reason), r.error_text);
		sw_trust_free(trust);
	}
}

static void test_texts(void **state)
{
	struct sw_trust *trust = lab_trust("root.pem", NULL, NULL);
	struct sw_chain_result r;
	struct sw_verdict v;

	(void)state;
	judge(&r, "expired", trust, (struct sw_chain_policy){ .eku = SW_EKU_STRICT });
	v = sw_chain_verdict(&r);
	assert_int_equal(v.reason, SW_R_TLS_EXPIRED);
	assert_string_equal(v.detail, "certificate has expired at depth 0 (CN=partner.example.net,O=sipward lab)");
	judge(&r, "partner", trust, (struct sw_chain_policy){ .eku = SW_EKU_STRICT });
	assert_in_range(r.not_after - time(NULL), 364 * 86400, 365 * 86400);   /* the leaf's, not the root's */
	sw_trust_free(trust);
}

static void test_no_trust(void **state)
{
	struct sw_chain_result r = { .reason = SW_R_OK };

	(void)state;
	judge(&r, "partner", NULL, (struct sw_chain_policy){ .eku = SW_EKU_ANY });
	assert_int_equal(r.reason, SW_R_TLS_UNKNOWN);
}

/* One certificate found good vouches for no other, also where neither brings intermediates with it. */
static void test_remembered_for_itself_alone(void **state)
{
	struct sw_trust *trust = lab_trust("root.pem", "partner.pem", NULL);  /* the intermediate with it: nothing untrusted is needed */
	struct sw_chain_policy p = { .eku = SW_EKU_SERVER_OR_CLIENT, .now = time(NULL), .depth = 4 };
	STACK_OF(X509) *good = lab_certs("partner"), *bad = lab_certs("rogue"), *none = sk_X509_new_null();
	struct sw_chain_result r;

	(void)state;
	sw_chain_judge(&r, sk_X509_value(good, 0), NULL, trust, &p);
	assert_int_equal(r.reason, SW_R_OK);
	sw_chain_judge(&r, sk_X509_value(bad, 0), NULL, trust, &p);
	assert_int_equal(r.reason, SW_R_TLS_CHAIN);
	sw_chain_judge(&r, sk_X509_value(bad, 0), none, trust, &p);
	assert_int_equal(r.reason, SW_R_TLS_CHAIN);
	sk_X509_free(none);
	sk_X509_pop_free(good, X509_free);
	sk_X509_pop_free(bad, X509_free);
	sw_trust_free(trust);
}

/* A chain found good is remembered: for its time, its list and its policy, and as it was to the byte. */
static void test_remembered(void **state)
{
	struct sw_trust *trust = lab_trust("root.pem", NULL, NULL), *other = lab_trust("zoneb-root.pem", NULL, NULL);
	struct sw_chain_policy lenient = { .eku = SW_EKU_SERVER_OR_CLIENT, .now = time(NULL), .depth = 4 }, p = lenient;
	STACK_OF(X509) *certs = lab_certs("eku-server");
	X509 *leaf = sk_X509_value(certs, 0), *forged;
	const ASN1_BIT_STRING *sig;
	struct sw_chain_result first, r;
	unsigned char *last;

	(void)state;
	sw_chain_judge(&first, leaf, certs, trust, &lenient);
	assert_int_equal(first.reason, SW_R_OK);
	assert_true(first.server_purpose);
	sw_chain_judge(&r, leaf, certs, trust, &lenient);
	assert_memory_equal(&r, &first, sizeof(r));
	p.now = first.not_after + 1;
	sw_chain_judge(&r, leaf, certs, trust, &p);
	assert_int_equal(r.reason, SW_R_TLS_EXPIRED);
	p.now = lenient.now - 10 * 365 * 86400;
	sw_chain_judge(&r, leaf, certs, trust, &p);
	assert_int_equal(r.reason, SW_R_TLS_NOT_YET);
	sw_chain_judge(&r, leaf, certs, other, &lenient);
	assert_int_equal(r.reason, SW_R_TLS_CHAIN);
	/* the intermediates are a part of it: they must come each time */
	sw_chain_judge(&r, leaf, NULL, trust, &lenient);
	assert_int_equal(r.reason, SW_R_TLS_CHAIN);
	p = lenient;
	p.eku = SW_EKU_STRICT;
	sw_chain_judge(&r, leaf, certs, trust, &p);
	assert_int_equal(r.reason, SW_R_TLS_PURPOSE);
	p = lenient;
	p.depth = 0;
	sw_chain_judge(&r, leaf, certs, trust, &p);
	assert_int_equal(r.reason, SW_R_TLS_CHAIN);
	p = lenient;
	p.revocation = SW_REVOCATION_HARD;
	sw_chain_judge(&r, leaf, certs, trust, &p);
	assert_int_equal(r.reason, SW_R_TLS_CRL);
	/* the same certificate, but for the last bit of its signature */
	forged = X509_dup(leaf);
	X509_get0_signature(&sig, NULL, forged);
	last = (unsigned char *)(uintptr_t)ASN1_STRING_get0_data(sig) + ASN1_STRING_length(sig) - 1;
	*last ^= 1;
	sw_chain_judge(&r, forged, certs, trust, &lenient);
	assert_int_equal(r.reason, SW_R_TLS_CHAIN);
	X509_free(forged);
	sk_X509_pop_free(certs, X509_free);
	sw_trust_free(trust);
	sw_trust_free(other);
}

/* --- trust lists --- */

static void test_trust_load(void **state)
{
	char *none[] = { NULL }, *leaf[] = { lab("partner.key") }, *absent[] = { lab("absent.pem"), lab("partner.key") };
	struct sw_strlist empty = { none, 0 };
	struct sw_trust *t = NULL;
	struct sw_diag d;

	(void)state;
	sw_diag_init(&d);
	assert_int_equal(sw_trust_load(&t, &empty, &empty, &d), SW_ECONF);
	assert_true(lab_diag_has(&d, SW_DIAG_ERROR, "empty"));
	assert_int_equal(sw_trust_load(&t, &(struct sw_strlist){ leaf, 1 }, &empty, &d), SW_ECONF);
	assert_true(lab_diag_has(&d, SW_DIAG_ERROR, "no certificate"));
	sw_diag_free(&d);
	sw_diag_init(&d);
	assert_int_equal(sw_trust_load(&t, &(struct sw_strlist){ absent, 2 }, &(struct sw_strlist){ leaf, 1 }, &d), SW_ECONF);
	assert_true(d.errors >= 3);   /* both CA files and the CRL are told of at once */
	assert_null(t);
	sw_diag_free(&d);
}

static void test_trust_warnings(void **state)
{
	char *files[] = { lab("int.pem"), lab("expired.pem") }, *crls[] = { lab("old.crl") };
	struct sw_trust *t = NULL;
	struct sw_diag d;

	(void)state;
	sw_diag_init(&d);
	assert_int_equal(sw_trust_load(&t, &(struct sw_strlist){ files, 2 }, &(struct sw_strlist){ crls, 1 }, &d), 0);
	assert_true(lab_diag_has(&d, SW_DIAG_WARN, "is an intermediate"));
	assert_true(lab_diag_has(&d, SW_DIAG_WARN, "has expired"));
	assert_true(lab_diag_has(&d, SW_DIAG_WARN, "not a CA"));
	assert_true(lab_diag_has(&d, SW_DIAG_WARN, "out of date"));
	sw_diag_free(&d);
	sw_trust_free(t);
}

static void test_trust_directory(void **state)
{
	char dir[128], cmd[512], *files[] = { dir };
	struct sw_trust *t = NULL;
	STACK_OF(X509_NAME) *names;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/trust.d", lab_dir);
	snprintf(cmd, sizeof(cmd), "cd %s && mkdir trust.d && cp root.pem trust.d/a.pem && cp root.pem trust.d/again.crt && "
		 "cp zoneb-root.pem trust.d/b.CRT && echo junk >trust.d/readme.txt", lab_dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(sw_trust_load(&t, &(struct sw_strlist){ files, 1 }, &(struct sw_strlist){ NULL, 0 }, NULL), 0);
	assert_int_equal(sw_trust_count(t), 2);   /* the double counts once */
	names = sw_trust_names(t);
	assert_int_equal(sk_X509_NAME_num(names), 2);
	sk_X509_NAME_pop_free(names, X509_NAME_free);
	sw_trust_free(t);
}

static void test_trust_union(void **state)
{
	struct sw_trust *a = lab_trust("root.pem", NULL, "crl.pem"), *b = lab_trust("zoneb-root.pem", NULL, NULL), *u = NULL;
	const struct sw_trust *lists[] = { a, NULL, b, a };
	struct sw_chain_policy policy = { .eku = SW_EKU_STRICT, .revocation = SW_REVOCATION_SOFT };
	struct sw_chain_result r;

	(void)state;
	assert_int_equal(sw_trust_union(&u, lists, 4), 0);
	sw_trust_free(a);
	sw_trust_free(b);
	assert_int_equal(sw_trust_count(u), 2);
	judge(&r, "partner", u, policy);
	assert_int_equal(r.reason, SW_R_OK);
	judge(&r, "zoneb", u, policy);
	assert_int_equal(r.reason, SW_R_OK);
	judge(&r, "revoked", u, policy);
	assert_int_equal(r.reason, SW_R_TLS_REVOKED);
	sw_trust_free(u);
	u = NULL;
	assert_int_equal(sw_trust_union(&u, lists, 0), SW_EINVALID);
	assert_null(u);
}

static int setup(void **state)
{
	(void)state;
	return lab_make("partner,partner-nochain,edge-rsa2048,expired,future,rogue,selfsigned,rsa1024,sha1,weak-chain,revoked,zoneb,"
			"eku-client,eku-server,eku-server-chain,eku-none,eku-any,eku-sip,eku-sip-chain");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_client_purposes),
		cmocka_unit_test(test_server_purposes),
		cmocka_unit_test(test_leniency_has_edges),
		cmocka_unit_test(test_no_partial_chain),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_crls),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_no_trust),
		cmocka_unit_test(test_remembered),
		cmocka_unit_test(test_remembered_for_itself_alone),
		cmocka_unit_test(test_trust_load),
		cmocka_unit_test(test_trust_warnings),
		cmocka_unit_test(test_trust_directory),
		cmocka_unit_test(test_trust_union),
	};

	return cmocka_run_group_tests(tests, setup, lab_remove);
}
