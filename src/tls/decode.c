/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of a handshake, into OpenSSL's objects, for less.
 *
 * libssl turns each certificate a peer sends into an X509 by d2i_X509, and OpenSSL 3 then searches all its providers for a
 * decoder of the public key, anew for each: a tenth of a millisecond for a key that takes a tenth of that to read. There is
 * no setting for it and no hook before it. So sipwardd has a d2i_X509 of its own, which the dynamic linker gives to libssl in
 * place of libcrypto's, as it does with malloc. It works only between sw_decode_begin and sw_decode_end, in that thread, and
 * only for the form libssl uses; everything else goes to libcrypto's. There it does two things:
 *
 * 1. A certificate that is equal to one of an accepted chain, byte for byte, is that object again (known.c).
 * 2. Others are parsed by OpenSSL's own template, but in a library context without decoders, so that the search ends at once. An
 *    RSA or NIST-curve key is then read by OpenSSL's d2i_RSA_PUBKEY or d2i_EC_PUBKEY, the functions its decoders end in. No byte
 *    is parsed by us, and nothing is accepted that they refuse. The result must encode to the very bytes it came from.
 *
 * Whatever is unusual (another algorithm, a curve by its parameters, an encoding that is not DER, an error anywhere) is left to
 * libcrypto's own function, from the start. Where the linker does not put ours first, all this is merely unused.
 */
#include "config.h"
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include "tls/tls_int.h"

#ifndef SW_NO_FAST_CERTS

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

enum { RSA_BITS_MIN = 1024, RSA_BITS_MAX = 8192 };

typedef X509 *d2i_fn(X509 **, const unsigned char **, long);

/* The replacement must be visible to the dynamic linker, and bear libcrypto's name. */
__attribute__((visibility("default"))) X509 *sw_d2i_x509(X509 **a, const unsigned char **in, long len) __asm__("d2i_X509");

static _Thread_local bool active;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static d2i_fn *plain;            /* libcrypto's */
static OSSL_LIB_CTX *bare;       /* without decoders; NULL: none could be made */

static void prepare(void)
{
	void *f = dlsym(RTLD_NEXT, "d2i_X509");

	memcpy(&plain, &f, sizeof(plain));   /* ISO C has no cast from one to the other */
	bare = OSSL_LIB_CTX_new();
	if (bare && !OSSL_PROVIDER_load(bare, "null")) {   /* a context with none at all would load the default one */
		OSSL_LIB_CTX_free(bare);
		bare = NULL;
	}
}

/* OpenSSL marks these functions as old for programs that want providers' keys. Their results are what its decoders wrap. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static EVP_PKEY *ec_key(const unsigned char *spki, long n)
{
	const unsigned char *p = spki;
	EC_KEY *ec = d2i_EC_PUBKEY(NULL, &p, n);
	EVP_PKEY *key = NULL;

	if (ec && p == spki + n && (key = EVP_PKEY_new()) && !EVP_PKEY_set1_EC_KEY(key, ec)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	EC_KEY_free(ec);
	return key;
}

static bool is_usual(const RSA *rsa)
{
	const BIGNUM *m = RSA_get0_n(rsa), *e = RSA_get0_e(rsa);

	return !BN_is_negative(m) && !BN_is_negative(e) && BN_is_odd(m) && BN_is_odd(e) && !BN_is_one(e) && BN_num_bits(m) >= RSA_BITS_MIN &&
	       BN_num_bits(m) <= RSA_BITS_MAX;
}

static EVP_PKEY *rsa_key(const unsigned char *spki, long n)
{
	const unsigned char *p = spki;
	RSA *rsa = d2i_RSA_PUBKEY(NULL, &p, n);
	EVP_PKEY *key = NULL;

	/* Numbers that make no key are OpenSSL's to deal with. */
	if (rsa && p == spki + n && is_usual(rsa) && (key = EVP_PKEY_new()) && !EVP_PKEY_set1_RSA(key, rsa)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	RSA_free(rsa);
	return key;
}

#pragma GCC diagnostic pop

static bool is_nist_curve(const X509_ALGOR *alg)
{
	const ASN1_OBJECT *oid;
	const void *curve;
	int type, nid;

	X509_ALGOR_get0(&oid, &type, &curve, alg);
	nid = type == V_ASN1_OBJECT ? OBJ_obj2nid(curve) : NID_undef;
	return nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 || nid == NID_secp521r1;
}

/* Equal to n bytes; enc is freed. */
static bool is_encoding(unsigned char *enc, int enc_n, const unsigned char *bytes, long n)
{
	bool same = enc_n > 0 && enc_n == n && memcmp(enc, bytes, (size_t)n) == 0;

	OPENSSL_free(enc);
	return same;
}

/* Puts the key into x, which has none yet. */
static bool give_key(X509 *x)
{
	unsigned char *spki = NULL, *again = NULL;
	X509_PUBKEY *pub = X509_get_X509_PUBKEY(x);
	int n = i2d_X509_PUBKEY(pub, &spki), m;
	EVP_PKEY *key = NULL;
	ASN1_OBJECT *oid;
	X509_ALGOR *alg;
	bool done = false;

	if (n > 0 && X509_PUBKEY_get0_param(&oid, NULL, NULL, &alg, pub)) {
		int nid = OBJ_obj2nid(oid);

		if (nid == NID_X9_62_id_ecPublicKey && is_nist_curve(alg))
			key = ec_key(spki, n);
		else if (nid == NID_rsaEncryption)
			key = rsa_key(spki, n);
	}
	if (key && X509_set_pubkey(x, key)) {
		m = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &again);
		done = is_encoding(again, m, spki, n) && X509_get0_pubkey(x);
	}
	EVP_PKEY_free(key);
	OPENSSL_free(spki);
	return done;
}

/* The certificate that is all of der, or NULL: then it is libcrypto's to say what is wrong, if anything is. */
static X509 *parse(const unsigned char *der, long n)
{
	const unsigned char *p = der;
	unsigned char *again = NULL;
	ASN1_VALUE *v;
	X509 *x;
	int m;

	if (!bare)
		return NULL;
	/* The key's part keeps the context it is made with; the certificate's own is set apart from it, and stays the default. */
	v = ASN1_item_new_ex(ASN1_ITEM_rptr(X509), bare, NULL);
	if (!v || !ASN1_item_d2i_ex(&v, &p, n, ASN1_ITEM_rptr(X509), NULL, NULL)) {
		ASN1_item_free(v, ASN1_ITEM_rptr(X509));
		return NULL;
	}
	x = (X509 *)v;
	/* As d2i_X509 does: a certificate whose extensions cannot be read is refused, here by leaving it to that. */
	if (p == der + n && give_key(x) && X509_check_purpose(x, -1, 0) == 1) {
		m = i2d_X509(x, &again);
		if (is_encoding(again, m, der, n))
			return x;
	}
	X509_free(x);
	return NULL;
}

X509 *sw_d2i_x509(X509 **a, const unsigned char **in, long len)
{
	X509 *x;

	pthread_once(&once, prepare);
	if (!plain)
		return NULL;
	if (!active || !a || !*a || !in || !*in || len <= 0 || len > SW_KNOWN_CERT_MAX)
		return plain(a, in, len);
	x = sw_known_find(*in, (size_t)len);
	if (!x) {
		ERR_set_mark();
		x = parse(*in, len);
		ERR_pop_to_mark();
	}
	if (!x)
		return plain(a, in, len);
	X509_free(*a);
	*a = x;
	*in += len;
	return x;
}

void sw_decode_begin(void)
{
	active = true;
}

void sw_decode_end(void)
{
	active = false;
}

#else

void sw_decode_begin(void)
{
}

void sw_decode_end(void)
{
}

#endif
