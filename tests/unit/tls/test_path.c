/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to a root: where there is a good one it is found, whatever look-alikes stand beside it, and the search ends where there is
 * none. The certificates are made here, since no CA issues what these need.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include "tls/tls_int.h"

enum { DAY = 86400, KEYS_MAX = 64 };

/* --- a maker of certificates --- */

static EVP_PKEY *keys[KEYS_MAX];

/* The same number, the same key: certificates of one key differ in what they say. */
static EVP_PKEY *key(unsigned i)
{
	if (!keys[i])
		keys[i] = EVP_EC_gen("P-256");
	assert_non_null(keys[i]);
	return keys[i];
}

struct recipe {
	const char *subject;
	unsigned key;
	const char *issuer;
	unsigned issuer_key;
	bool leaf;
	int from, to;                /* days from now; 0, 0: -1 to 100 */
	const char *eku, *constraints, *basic;
	bool akid;                   /* key identifiers of both sides */
};

static void add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static void set_name(X509_NAME *name, const char *cn)
{
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0), 1);
}

static void add_key_ids(X509 *x, const struct recipe *r)
{
	X509 *issuer = X509_new();

	assert_non_null(issuer);
	X509_set_pubkey(issuer, key(r->issuer_key));
	add_ext(issuer, issuer, NID_subject_key_identifier, "hash");
	add_ext(x, x, NID_subject_key_identifier, "hash");
	add_ext(x, issuer, NID_authority_key_identifier, "keyid:always");
	X509_free(issuer);
}

static X509 *make(const struct recipe *r)
{
	static long serial = 1;
	X509 *x = X509_new();

	assert_non_null(x);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	set_name(X509_get_subject_name(x), r->subject);
	set_name(X509_get_issuer_name(x), r->issuer);
	X509_gmtime_adj(X509_getm_notBefore(x), (r->from || r->to ? r->from : -1) * (long)DAY);
	X509_gmtime_adj(X509_getm_notAfter(x), (r->from || r->to ? r->to : 100) * (long)DAY);
	X509_set_pubkey(x, key(r->key));
	add_ext(x, x, NID_basic_constraints, r->basic ? r->basic : r->leaf ? "critical,CA:FALSE" : "critical,CA:TRUE");
	add_ext(x, x, NID_key_usage, r->leaf ? "critical,digitalSignature" : "critical,keyCertSign,cRLSign");
	if (r->leaf)
		add_ext(x, x, NID_subject_alt_name, "DNS:peer.example");
	if (r->eku)
		add_ext(x, x, NID_ext_key_usage, r->eku);
	if (r->constraints)
		add_ext(x, x, NID_name_constraints, r->constraints);
	if (r->akid)
		add_key_ids(x, r);
	assert_true(X509_sign(x, key(r->issuer_key), EVP_sha256()) > 0);
	return x;
}

/* --- a case: a leaf, what came with it, what is trusted --- */

struct world {
	X509 *leaf;
	STACK_OF(X509) *untrusted, *cas;
};

static void world_init(struct world *w, const struct recipe *leaf)
{
	w->leaf = make(leaf);
	w->untrusted = sk_X509_new_null();
	w->cas = sk_X509_new_null();
}

static void sent(struct world *w, struct recipe r)
{
	assert_true(sk_X509_push(w->untrusted, make(&r)) > 0);
}

static void trusted(struct world *w, struct recipe r)
{
	assert_true(sk_X509_push(w->cas, make(&r)) > 0);
}

static void world_free(struct world *w)
{
	X509_free(w->leaf);
	sk_X509_pop_free(w->untrusted, X509_free);
	sk_X509_pop_free(w->cas, X509_free);
}

static struct sw_trust *trust_of(const struct world *w, const char *crl, size_t crl_len)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct sw_str text, crl_text = { crl, crl_len };
	struct sw_trust *t = NULL;
	char *p;

	for (int i = 0; i < sk_X509_num(w->cas); i++)
		assert_int_equal(PEM_write_bio_X509(bio, sk_X509_value(w->cas, i)), 1);
	text.n = (size_t)BIO_get_mem_data(bio, &p);
	text.p = p;
	assert_int_equal(sw_trust_from_pem(&t, &text, 1, &crl_text, crl ? 1 : 0, NULL), SW_OK);
	BIO_free(bio);
	return t;
}

static struct sw_chain_result judge(const struct world *w, struct sw_chain_policy policy)
{
	struct sw_trust *t = trust_of(w, NULL, 0);
	struct sw_chain_result r;

	policy.now = time(NULL);
	if (!policy.depth)
		policy.depth = 4;
	sw_chain_judge(&r, w->leaf, w->untrusted, t, &policy);
	sw_trust_free(t);
	return r;
}

#define CLIENT (struct sw_chain_policy){ .role = SW_TLS_PEER_IS_CLIENT }
#define ROOT (struct recipe){ .subject = "Root", .key = 1, .issuer = "Root", .issuer_key = 1 }
#define INT (struct recipe){ .subject = "Int", .key = 2, .issuer = "Root", .issuer_key = 1 }
static const struct recipe leaf = { .subject = "peer", .key = 0, .issuer = "Int", .issuer_key = 2, .leaf = true };

/* Both orders: neither the first nor the last of two look-alikes may be the one that is always taken. */
static void assert_found_beside(struct recipe other)
{
	for (int first = 0; first < 2; first++) {
		struct world w;

		world_init(&w, &leaf);
		if (first)
			sent(&w, other);
		sent(&w, INT);
		if (!first)
			sent(&w, other);
		trusted(&w, ROOT);
		assert_int_equal(judge(&w, CLIENT).reason, SW_R_OK);
		world_free(&w);
	}
}

static void test_look_alikes(void **state)
{
	(void)state;
	/* same name, another key */
	assert_found_beside((struct recipe){ .subject = "Int", .key = 3, .issuer = "Root", .issuer_key = 1 });
	/* the same, and self-signed */
	assert_found_beside((struct recipe){ .subject = "Int", .key = 3, .issuer = "Int", .issuer_key = 3 });
	/* same key, expired; not yet valid */
	assert_found_beside((struct recipe){ .subject = "Int", .key = 2, .issuer = "Root", .issuer_key = 1, .from = -9, .to = -3 });
	assert_found_beside((struct recipe){ .subject = "Int", .key = 2, .issuer = "Root", .issuer_key = 1, .from = 3, .to = 9 });
	/* same key, issued by somebody we don't know; signed by somebody else than it says */
	assert_found_beside((struct recipe){ .subject = "Int", .key = 2, .issuer = "Other Root", .issuer_key = 4 });
	assert_found_beside((struct recipe){ .subject = "Int", .key = 2, .issuer = "Root", .issuer_key = 4 });
	/* same key, for another purpose, other names, no depth below */
	assert_found_beside((struct recipe){ .subject = "Int", .key = 2, .issuer = "Root", .issuer_key = 1, .eku = "emailProtection" });
	assert_found_beside((struct recipe){ .subject = "Int", .key = 2, .issuer = "Root", .issuer_key = 1,
					     .constraints = "critical,permitted;DNS:elsewhere.example" });
	assert_found_beside((struct recipe){ .subject = "Int", .key = 2, .issuer = "Root", .issuer_key = 1, .basic = "critical,CA:FALSE" });
}

/* The old root came along, and a cross-certificate towards it: both ways must be looked at. */
static void test_cross_signed(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &leaf);
	sent(&w, (struct recipe){ .subject = "Int", .key = 2, .issuer = "Old Root", .issuer_key = 5 });
	sent(&w, (struct recipe){ .subject = "Old Root", .key = 5, .issuer = "Old Root", .issuer_key = 5 });
	sent(&w, INT);
	trusted(&w, ROOT);
	assert_int_equal(judge(&w, CLIENT).reason, SW_R_OK);
	world_free(&w);

	/* two steps above the fork */
	world_init(&w, &leaf);
	sent(&w, (struct recipe){ .subject = "Int", .key = 2, .issuer = "Mid", .issuer_key = 6 });
	sent(&w, (struct recipe){ .subject = "Mid", .key = 6, .issuer = "Old Root", .issuer_key = 5 });
	sent(&w, (struct recipe){ .subject = "Mid", .key = 6, .issuer = "Mid 2", .issuer_key = 7 });
	sent(&w, (struct recipe){ .subject = "Mid 2", .key = 7, .issuer = "Old Root", .issuer_key = 5 });
	sent(&w, (struct recipe){ .subject = "Mid 2", .key = 7, .issuer = "Root", .issuer_key = 1 });
	trusted(&w, ROOT);
	assert_int_equal(judge(&w, CLIENT).reason, SW_R_OK);
	world_free(&w);
}

/* What the list holds is looked at as well, and one bad entry of it does not spoil the others. */
static void test_in_the_trust_list(void **state)
{
	struct world w;

	(void)state;
	/* an expired root with the name and key of a good one; a root of the same name */
	world_init(&w, &leaf);
	sent(&w, INT);
	trusted(&w, (struct recipe){ .subject = "Root", .key = 8, .issuer = "Root", .issuer_key = 8, .from = -1, .to = 900 });
	trusted(&w, (struct recipe){ .subject = "Root", .key = 1, .issuer = "Root", .issuer_key = 1, .from = -9, .to = -3 });
	trusted(&w, ROOT);
	assert_int_equal(judge(&w, CLIENT).reason, SW_R_OK);
	world_free(&w);

	/* the intermediate is in the list and leads nowhere, while the peer sent the one that does */
	world_init(&w, &leaf);
	sent(&w, INT);
	trusted(&w, (struct recipe){ .subject = "Int", .key = 2, .issuer = "Other Root", .issuer_key = 4 });
	trusted(&w, ROOT);
	assert_int_equal(judge(&w, CLIENT).reason, SW_R_OK);
	world_free(&w);

	/* nothing was sent: the list has all of the chain */
	world_init(&w, &leaf);
	trusted(&w, (struct recipe){ .subject = "Int", .key = 3, .issuer = "Root", .issuer_key = 1 });
	trusted(&w, INT);
	trusted(&w, ROOT);
	assert_int_equal(judge(&w, CLIENT).reason, SW_R_OK);
	world_free(&w);

	/* the intermediate bears its root's name (without key identifiers it would pass for self-signed) */
	world_init(&w, &(struct recipe){ .subject = "peer", .key = 0, .issuer = "Root", .issuer_key = 2, .leaf = true });
	sent(&w, (struct recipe){ .subject = "Root", .key = 2, .issuer = "Root", .issuer_key = 1, .akid = true });
	trusted(&w, ROOT);
	assert_int_equal(judge(&w, CLIENT).reason, SW_R_OK);
	world_free(&w);
}

static void test_shorter_way(void **state)
{
	struct sw_chain_policy policy = { .role = SW_TLS_PEER_IS_CLIENT, .depth = 1 };
	struct world w;

	(void)state;
	world_init(&w, &leaf);
	sent(&w, (struct recipe){ .subject = "Int", .key = 2, .issuer = "Mid", .issuer_key = 6 });
	sent(&w, (struct recipe){ .subject = "Mid", .key = 6, .issuer = "Root", .issuer_key = 1 });
	sent(&w, INT);
	trusted(&w, ROOT);
	assert_int_equal(judge(&w, policy).reason, SW_R_OK);
	world_free(&w);
}

/* The two-pass rule holds on every way; a strict zone wants clientAuth on the whole of one. */
static void test_purposes(void **state)
{
	struct sw_chain_policy policy = { .role = SW_TLS_PEER_IS_CLIENT, .eku = SW_EKU_STRICT };
	struct recipe bad = INT;
	struct sw_chain_result r;
	struct world w;

	(void)state;
	bad.eku = "serverAuth";
	world_init(&w, &leaf);
	sent(&w, bad);
	sent(&w, INT);
	trusted(&w, ROOT);
	r = judge(&w, policy);
	assert_int_equal(r.reason, SW_R_OK);
	assert_false(r.server_purpose);
	world_free(&w);

	/* only the second way exists, and it is a server's */
	bad = INT;
	bad.key = 3;
	world_init(&w, &leaf);
	sent(&w, bad);
	bad.key = 2;
	bad.eku = "serverAuth";
	sent(&w, bad);
	trusted(&w, ROOT);
	assert_int_equal(judge(&w, policy).reason, SW_R_TLS_PURPOSE);
	policy.eku = SW_EKU_SERVER_OR_CLIENT;
	r = judge(&w, policy);
	assert_int_equal(r.reason, SW_R_OK);
	assert_true(r.server_purpose);
	world_free(&w);
}

/* Where no way is good, none is: and the reason is the one that tells most. */
static void test_refused(void **state)
{
	struct sw_chain_result r;
	struct world w;

	(void)state;
	/* all issuers of the right name have the wrong key */
	world_init(&w, &leaf);
	sent(&w, (struct recipe){ .subject = "Int", .key = 3, .issuer = "Root", .issuer_key = 1 });
	sent(&w, (struct recipe){ .subject = "Int", .key = 9, .issuer = "Root", .issuer_key = 1 });
	trusted(&w, ROOT);
	assert_int_equal(judge(&w, CLIENT).reason, SW_R_TLS_CHAIN);
	world_free(&w);

	/* a look-alike root's key: not the trusted one */
	world_init(&w, &leaf);
	sent(&w, (struct recipe){ .subject = "Int", .key = 2, .issuer = "Root", .issuer_key = 4 });
	sent(&w, (struct recipe){ .subject = "Root", .key = 4, .issuer = "Root", .issuer_key = 4 });
	trusted(&w, ROOT);
	assert_int_equal(judge(&w, CLIENT).reason, SW_R_TLS_CHAIN);
	world_free(&w);

	/* every way is expired */
	world_init(&w, &leaf);
	sent(&w, (struct recipe){ .subject = "Int", .key = 2, .issuer = "Root", .issuer_key = 1, .from = -9, .to = -3 });
	sent(&w, (struct recipe){ .subject = "Int", .key = 2, .issuer = "Root", .issuer_key = 1, .from = -19, .to = -13 });
	trusted(&w, ROOT);
	assert_int_equal(judge(&w, CLIENT).reason, SW_R_TLS_EXPIRED);
	world_free(&w);

	/* a wrong turn, and then a purpose: the purpose is what the peer must change */
	world_init(&w, &leaf);
	sent(&w, (struct recipe){ .subject = "Int", .key = 3, .issuer = "Root", .issuer_key = 1 });
	sent(&w, (struct recipe){ .subject = "Int", .key = 2, .issuer = "Root", .issuer_key = 1, .eku = "emailProtection" });
	trusted(&w, ROOT);
	r = judge(&w, CLIENT);
	assert_int_equal(r.reason, SW_R_TLS_PURPOSE);
	assert_int_equal(r.depth, 1);
	world_free(&w);

	/* the leaf itself is the fault */
	struct recipe old = leaf;

	old.from = -9;
	old.to = -3;
	world_init(&w, &old);
	sent(&w, (struct recipe){ .subject = "Int", .key = 3, .issuer = "Root", .issuer_key = 1 });
	sent(&w, INT);
	trusted(&w, ROOT);
	assert_int_equal(judge(&w, CLIENT).reason, SW_R_TLS_EXPIRED);
	world_free(&w);
}

/* With key identifiers a look-alike is told apart without a signature. */
static void test_key_ids_spare_work(void **state)
{
	struct recipe l = leaf, i = INT, other = INT;
	struct sw_paths paths;
	struct world w;

	(void)state;
	l.akid = i.akid = other.akid = true;
	other.key = 3;
	world_init(&w, &l);
	for (int n = 0; n < 10; n++)
		sent(&w, other);
	sent(&w, i);
	trusted(&w, ROOT);
	sw_paths_find(&paths, w.leaf, w.untrusted, w.cas, 4, time(NULL));
	assert_int_equal(paths.n, 1);
	assert_int_equal(paths.v[0].n, 2);
	assert_ptr_equal(paths.v[0].issuers[0], sk_X509_value(w.untrusted, 10));
	assert_ptr_equal(paths.v[0].issuers[1], sk_X509_value(w.cas, 0));
	assert_int_equal(paths.signatures, 2);
	assert_false(paths.cut);
	world_free(&w);
}

/* An outsider: the right names throughout, and not one signature of a CA of ours. */
static void test_hostile_mesh(void **state)
{
	enum { SIZE = 40 };
	struct sw_paths paths;
	struct timespec a, b;
	struct world w;

	(void)state;
	world_init(&w, &(struct recipe){ .subject = "peer", .key = 0, .issuer = "Root", .issuer_key = 10, .leaf = true });
	for (unsigned i = 0; i < SIZE; i++)
		sent(&w, (struct recipe){ .subject = "Root", .key = 10 + i, .issuer = "Root", .issuer_key = 10 + (i + 1) % SIZE });
	trusted(&w, ROOT);
	clock_gettime(CLOCK_MONOTONIC, &a);
	sw_paths_find(&paths, w.leaf, w.untrusted, w.cas, 4, time(NULL));
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_int_equal(paths.n, 0);
	assert_true(paths.signatures <= SW_PATH_SIGNATURES_MAX);
	assert_true(b.tv_sec - a.tv_sec < 5);
	assert_int_equal(judge(&w, CLIENT).reason, SW_R_TLS_CHAIN);
	world_free(&w);
}

/* A public RSA key of any modulus and exponent: it need not be able to sign to be slow to check with. */
static EVP_PKEY *rsa_key(int bits, int exponent_bits)
{
	BIGNUM *n = BN_new(), *e = BN_new();
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params;
	EVP_PKEY *k = NULL;

	assert_int_equal(BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
	assert_int_equal(BN_rand(e, exponent_bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
	OSSL_PARAM_BLD_push_BN(bld, "n", n);
	OSSL_PARAM_BLD_push_BN(bld, "e", e);
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &k, EVP_PKEY_PUBLIC_KEY, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	return k;
}

/* The work one leaf and 20 issuers of its issuer's name with this key are worth. */
static unsigned work_of(EVP_PKEY *slow)
{
	enum { RSA = KEYS_MAX - 1 };
	struct sw_paths paths;
	struct world w;

	if (!keys[RSA])
		keys[RSA] = EVP_RSA_gen(2048);
	/* signed with the kind of key that the issuer has, or it isn't looked at */
	world_init(&w, &(struct recipe){ .subject = "peer", .key = 0, .issuer = "Int",
					 .issuer_key = EVP_PKEY_is_a(slow, "RSA") ? RSA : 2, .leaf = true });
	for (int i = 0; i < 20; i++) {
		sent(&w, INT);
		X509_set_pubkey(sk_X509_value(w.untrusted, i), slow);
	}
	trusted(&w, ROOT);
	sw_paths_find(&paths, w.leaf, w.untrusted, w.cas, 4, time(NULL));
	assert_int_equal(paths.n, 0);
	world_free(&w);
	EVP_PKEY_free(slow);
	return paths.signatures;
}

/* An exponent as long as the modulus makes a check take 20 ms, an odd curve 8: a handshake must not cost seconds. */
static void test_slow_keys(void **state)
{
	(void)state;
	assert_int_equal(work_of(rsa_key(2048, 17)), 20);
	assert_int_equal(work_of(rsa_key(4096, 17)), 40);
	assert_int_equal(work_of(rsa_key(3072, 3071)), 0);
	assert_int_equal(work_of(rsa_key(8192, 17)), SW_PATH_SIGNATURES_MAX);
	assert_int_equal(work_of(EVP_EC_gen("P-384")), 80);
	assert_int_equal(work_of(EVP_EC_gen("sect571r1")), SW_PATH_SIGNATURES_MAX);
}

/* An insider: every two of the CAs certified each other, and the root did all of them. */
static void test_insider_mesh(void **state)
{
	enum { SIZE = 6 };
	struct sw_paths paths;
	struct world w;
	char a[8], b[8];

	(void)state;
	world_init(&w, &(struct recipe){ .subject = "peer", .key = 0, .issuer = "C0", .issuer_key = 10, .leaf = true });
	for (unsigned i = 0; i < SIZE; i++)
		for (unsigned k = 0; k <= SIZE; k++) {
			if (k == i)
				continue;
			snprintf(a, sizeof(a), "C%u", i);
			snprintf(b, sizeof(b), "C%u", k);
			/* the root certified them for mail alone */
			sent(&w, (struct recipe){ .subject = a, .key = 10 + i, .issuer = k < SIZE ? b : "Root",
						  .issuer_key = k < SIZE ? 10 + k : 1, .eku = k < SIZE ? NULL : "emailProtection" });
		}
	trusted(&w, ROOT);
	sw_paths_find(&paths, w.leaf, w.untrusted, w.cas, 8, time(NULL));
	assert_int_equal(paths.n, SW_PATHS_MAX);
	assert_true(paths.cut);
	assert_true(paths.signatures <= SW_PATH_SIGNATURES_MAX);
	for (int i = 0; i < paths.n; i++)
		assert_ptr_equal(paths.v[i].issuers[paths.v[i].n - 1], sk_X509_value(w.cas, 0));
	assert_int_equal(judge(&w, CLIENT).reason, SW_R_TLS_PURPOSE);
	world_free(&w);
}

static X509_CRL *make_crl(const char *issuer, unsigned issuer_key, X509 *revoked)
{
	X509_CRL *crl = X509_CRL_new();
	X509_REVOKED *entry = X509_REVOKED_new();
	X509_NAME *name = X509_NAME_new();
	ASN1_TIME *t = ASN1_TIME_new();

	set_name(name, issuer);
	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, name);
	X509_CRL_set1_lastUpdate(crl, X509_gmtime_adj(t, -DAY));
	X509_CRL_set1_nextUpdate(crl, X509_gmtime_adj(t, DAY));
	X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked));
	X509_REVOKED_set_revocationDate(entry, X509_gmtime_adj(t, -DAY));
	X509_CRL_add0_revoked(crl, entry);
	assert_true(X509_CRL_sign(crl, key(issuer_key), EVP_sha256()) > 0);
	X509_NAME_free(name);
	ASN1_TIME_free(t);
	return crl;
}

static struct sw_chain_result judge_with_crl(const struct world *w, X509_CRL *crl)
{
	struct sw_chain_policy policy = { .role = SW_TLS_PEER_IS_CLIENT, .revocation = SW_REVOCATION_SOFT, .depth = 4, .now = time(NULL) };
	BIO *bio = BIO_new(BIO_s_mem());
	struct sw_chain_result r;
	struct sw_trust *t;
	char *p;
	long n;

	assert_int_equal(PEM_write_bio_X509_CRL(bio, crl), 1);
	n = BIO_get_mem_data(bio, &p);
	t = trust_of(w, p, (size_t)n);
	sw_chain_judge(&r, w->leaf, w->untrusted, t, &policy);
	sw_trust_free(t);
	BIO_free(bio);
	X509_CRL_free(crl);
	return r;
}

/* A revoked leaf is revoked on every way; a revoked cross-certificate is one way less. */
static void test_revoked(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &leaf);
	sent(&w, (struct recipe){ .subject = "Int", .key = 3, .issuer = "Root", .issuer_key = 1 });
	sent(&w, INT);
	sent(&w, INT);
	trusted(&w, ROOT);
	assert_int_equal(judge_with_crl(&w, make_crl("Int", 2, w.leaf)).reason, SW_R_TLS_REVOKED);
	world_free(&w);

	world_init(&w, &leaf);
	sent(&w, INT);
	sent(&w, INT);
	trusted(&w, ROOT);
	assert_int_equal(judge_with_crl(&w, make_crl("Root", 1, sk_X509_value(w.untrusted, 0))).reason, SW_R_OK);
	world_free(&w);

	world_init(&w, &leaf);
	sent(&w, INT);
	trusted(&w, ROOT);
	assert_int_equal(judge_with_crl(&w, make_crl("Root", 1, sk_X509_value(w.untrusted, 0))).reason, SW_R_TLS_REVOKED);
	world_free(&w);
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < KEYS_MAX; i++)
		EVP_PKEY_free(keys[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look_alikes),
		cmocka_unit_test(test_cross_signed),
		cmocka_unit_test(test_in_the_trust_list),
		cmocka_unit_test(test_shorter_way),
		cmocka_unit_test(test_purposes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_key_ids_spare_work),
		cmocka_unit_test(test_hostile_mesh),
		cmocka_unit_test(test_slow_keys),
		cmocka_unit_test(test_insider_mesh),
		cmocka_unit_test(test_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
