/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate in DER, as a peer sends it: made the fast way, it is what OpenSSL makes of it by itself, or refused as there. */
#include <string.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "tls/tls_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static X509 *decode(const uint8_t *data, size_t size, bool fast, size_t *used)
{
	const unsigned char *p = data;
	X509 *x = X509_new_ex(NULL, NULL);

	if (!x)
		return NULL;
	if (fast)
		sw_decode_begin();
	if (!d2i_X509(&x, &p, (long)size)) {
		X509_free(x);
		x = NULL;
	}
	sw_decode_end();
	*used = (size_t)(p - data);
	return x;
}

static void check_same(unsigned char *a, int an, unsigned char *b, int bn)
{
	if (an != bn || (an > 0 && memcmp(a, b, (size_t)an) != 0))
		__builtin_trap();
	OPENSSL_free(a);
	OPENSSL_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t used_plain = 0, used_fast = 0;
	unsigned char *a = NULL, *b = NULL;
	EVP_PKEY *ka, *kb;
	X509 *plain, *fast;
	int an, bn;

	if (size == 0 || size > 1 << 16)
		return 0;
	plain = decode(data, size, false, &used_plain);
	fast = decode(data, size, true, &used_fast);
	if (!plain != !fast || (plain && used_plain != used_fast))
		__builtin_trap();
	if (plain) {
		an = i2d_X509(plain, &a);
		bn = i2d_X509(fast, &b);
		check_same(a, an, b, bn);
		ka = X509_get0_pubkey(plain);
		kb = X509_get0_pubkey(fast);
		if (!ka != !kb || (ka && EVP_PKEY_eq(ka, kb) != 1) || X509_get_extension_flags(plain) != X509_get_extension_flags(fast))
			__builtin_trap();
		a = b = NULL;
		an = ka ? i2d_PUBKEY(ka, &a) : 0;
		bn = kb ? i2d_PUBKEY(kb, &b) : 0;
		check_same(a, an, b, bn);
	}
	X509_free(plain);
	X509_free(fast);
	ERR_clear_error();
	return 0;
}
