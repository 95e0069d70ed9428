/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates made the fast way are those OpenSSL makes by itself: the same bytes, key and flags, and none that it would
 * refuse. What is shared is never mistaken for another.
 */
#include "config.h"
#include "lab.h"
#include <pthread.h>
#include <time.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include "tls/tls_int.h"

/* As libssl calls it. */
static X509 *decode(const unsigned char *der, long n, bool fast)
{
	const unsigned char *p = der;
	X509 *x = X509_new_ex(NULL, NULL);

	assert_non_null(x);
	if (fast)
		sw_decode_begin();
	if (!d2i_X509(&x, &p, n)) {
		X509_free(x);
		x = NULL;
	} else if (p != der + n) {
		X509_free(x);
		x = NULL;
	}
	sw_decode_end();
	ERR_clear_error();
	return x;
}

static void assert_same_bytes(unsigned char *a, int an, unsigned char *b, int bn)
{
	assert_int_equal(an, bn);
	if (an > 0)
		assert_memory_equal(a, b, (size_t)an);
	OPENSSL_free(a);
	OPENSSL_free(b);
}

static unsigned decoded, refused, without_key;

/* issuer_key: the signature is as good or bad by it in both; NULL: not asked. */
static void assert_same(const unsigned char *der, long n, EVP_PKEY *issuer_key)
{
	X509 *plain = decode(der, n, false), *fast = decode(der, n, true);
	unsigned char *a = NULL, *b = NULL;
	EVP_PKEY *ka, *kb;
	int an, bn;

	assert_true(!plain == !fast);
	if (!plain) {
		refused++;
		return;
	}
	decoded++;
	assert_int_equal(X509_cmp(plain, fast), 0);
	an = i2d_X509(plain, &a);
	bn = i2d_X509(fast, &b);
	assert_same_bytes(a, an, b, bn);
	assert_int_equal(X509_get_extension_flags(plain), X509_get_extension_flags(fast));
	assert_int_equal(X509_get_key_usage(plain), X509_get_key_usage(fast));
	ka = X509_get0_pubkey(plain);
	kb = X509_get0_pubkey(fast);
	assert_true(!ka == !kb);
	if (ka) {
		a = b = NULL;
		an = i2d_PUBKEY(ka, &a);
		bn = i2d_PUBKEY(kb, &b);
		assert_same_bytes(a, an, b, bn);
		assert_int_equal(EVP_PKEY_eq(ka, kb), 1);
		assert_int_equal(EVP_PKEY_get_bits(ka), EVP_PKEY_get_bits(kb));
		assert_int_equal(EVP_PKEY_get_security_bits(ka), EVP_PKEY_get_security_bits(kb));
		assert_int_equal(X509_verify(plain, ka), X509_verify(fast, kb));
	} else {
		without_key++;
	}
	if (issuer_key)
		assert_int_equal(X509_verify(plain, issuer_key), X509_verify(fast, issuer_key));
	ERR_clear_error();
	X509_free(plain);
	X509_free(fast);
}

static void assert_same_x509(X509 *x, EVP_PKEY *issuer_key)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);

	assert_true(n > 0);
	assert_same(der, n, issuer_key);
	OPENSSL_free(der);
}

/* --- every certificate there is --- */

static void the_lab(void **state)
{
	static const char *const names[] = { "root", "int", "edge", "edge-rsa", "edge-rsa2048", "edge-rsa1024", "partner", "partner-rsa",
					     "expired", "sha1", "nul-san", "bit8-san", "broken-san", "srv-id", "ip-only" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		STACK_OF(X509) *certs = lab_certs(names[i]), *inter = lab_certs("int");

		for (int k = 0; k < sk_X509_num(certs); k++)
			assert_same_x509(sk_X509_value(certs, k), X509_get0_pubkey(sk_X509_value(inter, 0)));
		sk_X509_pop_free(certs, X509_free);
		sk_X509_pop_free(inter, X509_free);
	}
}

/* The table's certificates, as "cert verify --batch" gets them. */
static void the_table(void **state)
{
	static const char script[] = "import json, sys\nseen = set()\nfor line in open(sys.argv[1]):\n"
				     "\ttry:\n\t\tc = json.loads(line)\n\texcept ValueError:\n\t\tcontinue\n"
				     "\tfor v in c.values() if isinstance(c, dict) else ():\n"
				     "\t\tfor t in v if isinstance(v, list) else (v,):\n"
				     "\t\t\tif isinstance(t, str) and 'BEGIN CERTIFICATE' in t and t not in seen:\n"
				     "\t\t\t\tseen.add(t)\n\t\t\t\tsys.stdout.write(t)\n";
	const char *src = getenv("srcdir");
	char cmd[2048];
	FILE *f;
	X509 *x;
	unsigned n = 0;

	(void)state;
	if (system("command -v python3 >/dev/null") != 0)
		skip();
	snprintf(cmd, sizeof(cmd), "python3 '%s/tests/cert/cases.py' write '%s' && python3 -c \"%s\" '%s'", src ? src : ".",
		 lab("cases"), script, lab("cases"));
	f = popen(cmd, "r");
	assert_non_null(f);
	while ((x = PEM_read_X509(f, NULL, NULL, NULL))) {
		assert_same_x509(x, NULL);
		X509_free(x);
		n++;
	}
	ERR_clear_error();
	pclose(f);
	assert_true(n >= 100);
}

/* --- spoilt ones --- */

static void one_byte(void **state)
{
	static const char *const names[] = { "partner", "partner-rsa" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		STACK_OF(X509) *certs = lab_certs(names[i]);
		unsigned char *der = NULL;
		int n = i2d_X509(sk_X509_value(certs, 0), &der);

		decoded = refused = without_key = 0;
		for (int at = 0; at < n; at++) {
			static const unsigned char flips[] = { 0x01, 0x80, 0xff };

			der[at] ^= flips[at % 3];
			assert_same(der, n, NULL);
			der[at] ^= flips[at % 3];
		}
		for (int len = 0; len < n; len += 7)
			if (len)
				assert_same(der, len, NULL);
		assert_true(decoded > 100 && refused > 100);
		assert_true(without_key > 0);   /* a point that is on no curve, a number of no length */
		OPENSSL_free(der);
		sk_X509_pop_free(certs, X509_free);
	}
}

/* --- keys of every kind --- */

static EVP_PKEY *ec_key(const char *curve, const char *form, const char *encoding)
{
	EVP_PKEY *k = EVP_EC_gen(curve);

	assert_non_null(k);
	if (form)
		assert_int_equal(EVP_PKEY_set_utf8_string_param(k, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, form), 1);
	if (encoding)
		assert_int_equal(EVP_PKEY_set_utf8_string_param(k, OSSL_PKEY_PARAM_EC_ENCODING, encoding), 1);
	return k;
}

/* A certificate with the key, by another. */
static X509 *certify(EVP_PKEY *key, EVP_PKEY *signer, const char *cn)
{
	X509_NAME *name = X509_NAME_new();
	X509 *x = X509_new();

	assert_true(name && x);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	X509_set_subject_name(x, name);
	X509_set_issuer_name(x, name);
	X509_NAME_free(name);
	assert_int_equal(X509_set_pubkey(x, key), 1);
	assert_true(X509_sign(x, signer, EVP_sha256()) > 0);
	return x;
}

static void every_key(void **state)
{
	EVP_PKEY *signer = EVP_EC_gen("P-256");
	EVP_PKEY *keys[] = {
		ec_key("P-256", NULL, NULL), ec_key("P-384", NULL, NULL), ec_key("P-521", NULL, NULL), ec_key("P-224", NULL, NULL),
		ec_key("secp256k1", NULL, NULL), ec_key("P-256", "compressed", NULL), ec_key("P-384", "hybrid", NULL),
		ec_key("P-256", NULL, "explicit"), ec_key("P-256", "compressed", "explicit"), EVP_RSA_gen(1024), EVP_RSA_gen(1025),
		EVP_RSA_gen(2047), EVP_RSA_gen(2048), EVP_RSA_gen(3072), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
		EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), EVP_PKEY_Q_keygen(NULL, NULL, "X25519"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		X509 *x;

		assert_non_null(keys[i]);
		x = certify(keys[i], signer, "key.example.net");
		decoded = without_key = 0;
		assert_same_x509(x, signer);
		assert_int_equal(decoded, 1);
		X509_free(x);
		EVP_PKEY_free(keys[i]);
	}
	EVP_PKEY_free(signer);
}

/* A key's bit string put into a certificate as it is. */
static void assert_same_with_key_bits(EVP_PKEY *signer, EVP_PKEY *like, const unsigned char *bits, int n)
{
	X509 *x = certify(like, signer, "key.example.net");
	X509_PUBKEY *pub = X509_get_X509_PUBKEY(x);
	ASN1_OBJECT *oid, *oid_copy;
	X509_ALGOR *alg;
	const void *value;
	int type;

	assert_int_equal(X509_PUBKEY_get0_param(&oid, NULL, NULL, &alg, pub), 1);
	X509_ALGOR_get0(NULL, &type, &value, alg);
	oid_copy = OBJ_dup(oid);
	assert_int_equal(X509_PUBKEY_set0_param(pub, oid_copy, type, type == V_ASN1_OBJECT ? OBJ_dup(value) : NULL,
						OPENSSL_memdup(bits, (size_t)n), n), 1);
	assert_true(X509_sign(x, signer, EVP_sha256()) > 0);
	assert_same_x509(x, signer);
	X509_free(x);
}

static void malformed_keys(void **state)
{
	EVP_PKEY *signer = EVP_EC_gen("P-256"), *ec = EVP_EC_gen("P-256"), *rsa = EVP_RSA_gen(2048);
	unsigned char *der = NULL, point[80], small[] = { 0x30, 0x06, 0x02, 0x01, 0x0f, 0x02, 0x01, 0x03 };
	unsigned char negative[] = { 0x30, 0x06, 0x02, 0x01, 0x8f, 0x02, 0x01, 0x03 }, zero[] = { 0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00 };
	size_t n;
	int der_n;

	(void)state;
	assert_int_equal(EVP_PKEY_get_octet_string_param(ec, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof(point), &n), 1);
	decoded = without_key = 0;
	point[n] = 0;
	assert_same_with_key_bits(signer, ec, point, (int)n + 1);
	for (int len = 1; len < (int)n; len += 8)
		assert_same_with_key_bits(signer, ec, point, len);
	point[n - 1] ^= 1;   /* not on the curve */
	assert_same_with_key_bits(signer, ec, point, (int)n);
	memset(point + 1, 0xff, 64);
	assert_same_with_key_bits(signer, ec, point, 65);
	assert_int_equal(without_key, decoded);
	memset(point, 0, sizeof(point));   /* infinity: OpenSSL takes it, and no signature fits it */
	assert_same_with_key_bits(signer, ec, point, 1);

	der_n = i2d_PublicKey(rsa, &der);
	assert_true(der_n > 0);
	decoded = without_key = 0;
	for (int len = 1; len < der_n; len += 16)
		assert_same_with_key_bits(signer, rsa, der, len);
	assert_int_equal(without_key, decoded);
	assert_same_with_key_bits(signer, rsa, small, sizeof(small));
	assert_same_with_key_bits(signer, rsa, negative, sizeof(negative));
	assert_same_with_key_bits(signer, rsa, zero, sizeof(zero));
	OPENSSL_free(der);
	EVP_PKEY_free(signer);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(rsa);
}

/* --- sharing --- */

static void shared_by_bytes_alone(void **state)
{
	EVP_PKEY *signer = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *a = certify(key, signer, "a.example.net"), *b = certify(key, signer, "b.example.net"), *got;
	unsigned char *da = NULL, *db = NULL;
	int na = i2d_X509(a, &da), nb = i2d_X509(b, &db);

	(void)state;
	sw_known_forget();
	assert_null(sw_known_find(da, (size_t)na));
	sw_known_put(a, false);
	got = sw_known_find(da, (size_t)na);
	assert_ptr_equal(got, a);
	X509_free(got);
	/* The same subject, serial and key are not the same certificate. */
	assert_null(sw_known_find(db, (size_t)nb));
	for (int i = 0; i < na; i++) {
		da[i] ^= 1;
		assert_null(sw_known_find(da, (size_t)na));
		da[i] ^= 1;
	}
	assert_null(sw_known_find(da, (size_t)na - 1));
	sw_known_forget();
	assert_null(sw_known_find(da, (size_t)na));
	OPENSSL_free(da);
	OPENSSL_free(db);
	X509_free(a);
	X509_free(b);
	EVP_PKEY_free(signer);
	EVP_PKEY_free(key);
}

/* Nothing but a handshake gets shared objects, and there they are shared. */
static void only_while_asked(void **state)
{
	STACK_OF(X509) *certs = lab_certs("partner");
	X509 *x = sk_X509_value(certs, 0), *outside, *inside;
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);

	(void)state;
	sw_known_put(x, false);
	outside = decode(der, n, false);
	inside = decode(der, n, true);
	assert_ptr_not_equal(outside, x);
#ifndef SW_NO_FAST_CERTS
	assert_ptr_equal(inside, x);
#else
	assert_ptr_not_equal(inside, x);
#endif
	X509_free(outside);
	X509_free(inside);
	OPENSSL_free(der);
	sw_known_forget();
	sk_X509_pop_free(certs, X509_free);
}

struct contest {
	const unsigned char *good, *forged;
	long n_good, n_forged;
	STACK_OF(X509) *untrusted;
	struct sw_trust *trust;
	unsigned wrong;
};

/* What a handshake does, over and over. */
static void *contend(void *arg)
{
	struct contest *c = arg;

	for (int i = 0; i < 200; i++) {
		struct sw_chain_policy policy = { .role = SW_TLS_PEER_IS_CLIENT, .depth = 5, .now = time(NULL) };
		X509 *good = decode(c->good, c->n_good, true), *forged = decode(c->forged, c->n_forged, true);
		struct sw_chain_result r;

		sw_chain_judge(&r, good, c->untrusted, c->trust, &policy);
		c->wrong += r.reason != SW_R_OK;
		if (r.reason == SW_R_OK)
			sw_known_put(good, false);
		sw_chain_judge(&r, forged, c->untrusted, c->trust, &policy);
		c->wrong += r.reason == SW_R_OK;
		sw_chain_judge(&r, forged, NULL, c->trust, &policy);
		c->wrong += r.reason == SW_R_OK;
		/* Without its intermediate the good one leads nowhere, too. */
		sw_chain_judge(&r, good, NULL, c->trust, &policy);
		c->wrong += r.reason == SW_R_OK;
		X509_free(good);
		X509_free(forged);
		if (i % 50 == 49)
			sw_known_forget();
	}
	return NULL;
}

/* The forged one differs in its signature alone. It never profits from what is remembered of the right one, in any thread. */
static void forged_never_profits(void **state)
{
	STACK_OF(X509) *certs = lab_certs("partner");
	struct contest c[4] = { 0 };
	pthread_t threads[4];
	unsigned char *good = NULL, *forged = NULL;
	int n = i2d_X509(sk_X509_value(certs, 0), &good);

	(void)state;
	assert_true(i2d_X509(sk_X509_value(certs, 0), &forged) == n);
	forged[n - 1] ^= 1;
	X509_free(sk_X509_shift(certs));
	for (size_t i = 0; i < 4; i++) {
		c[i] = (struct contest){ .good = good, .forged = forged, .n_good = n, .n_forged = n, .untrusted = certs,
					 .trust = lab_trust("root.pem", NULL, NULL) };
		assert_int_equal(pthread_create(&threads[i], NULL, contend, &c[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(c[i].wrong, 0);
		sw_trust_free(c[i].trust);
	}
	OPENSSL_free(good);
	OPENSSL_free(forged);
	sw_known_forget();
	sk_X509_pop_free(certs, X509_free);
}

static int make(void **state)
{
	(void)state;
	return lab_make(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lab),
		cmocka_unit_test(the_table),
		cmocka_unit_test(one_byte),
		cmocka_unit_test(every_key),
		cmocka_unit_test(malformed_keys),
		cmocka_unit_test(shared_by_bytes_alone),
		cmocka_unit_test(only_while_asked),
		cmocka_unit_test(forged_never_profits),
	};

	return cmocka_run_group_tests(tests, make, lab_remove);
}
