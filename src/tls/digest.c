/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/digest.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static int digest(uint8_t *out, struct sw_str s, const EVP_MD *md)
{
	int ok = EVP_Digest(s.p, s.n, out, NULL, md, NULL);

	ERR_clear_error();
	return ok == 1 ? SW_OK : SW_ECRYPTO;
}

static int hmac(uint8_t *out, struct sw_str key, struct sw_str s, const EVP_MD *md)
{
	const uint8_t *r = HMAC(md, key.p ? key.p : "", (int)key.n, (const uint8_t *)s.p, s.n, out, NULL);

	ERR_clear_error();
	return r ? SW_OK : SW_ECRYPTO;
}

int sw_digest_md5(uint8_t out[SW_MD5_LEN], struct sw_str s)
{
	return digest(out, s, EVP_md5());
}

int sw_digest_sha1(uint8_t out[SW_SHA1_LEN], struct sw_str s)
{
	return digest(out, s, EVP_sha1());
}

int sw_digest_sha256(uint8_t out[SW_SHA256_LEN], struct sw_str s)
{
	return digest(out, s, EVP_sha256());
}

int sw_hmac_sha1(uint8_t out[SW_SHA1_LEN], struct sw_str key, struct sw_str s)
{
	return hmac(out, key, s, EVP_sha1());
}

int sw_hmac_sha256(uint8_t out[SW_SHA256_LEN], struct sw_str key, struct sw_str s)
{
	return hmac(out, key, s, EVP_sha256());
}

bool sw_digest_eq(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}
