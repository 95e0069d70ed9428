/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/dane.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* A digest of it, or a copy. */
static int associate(const uint8_t *der, int n, unsigned matching, uint8_t **out, size_t *len)
{
	uint8_t *p = malloc(matching ? EVP_MAX_MD_SIZE : (size_t)n);
	unsigned size = (unsigned)n;

	if (!p)
		return SW_ENOMEM;
	if (matching == 0) {
		memcpy(p, der, (size_t)n);
	} else if (!EVP_Digest(der, (size_t)n, p, &size, matching == 1 ? EVP_sha256() : EVP_sha512(), NULL)) {
		free(p);
		return SW_EINTERNAL;
	}
	*out = p;
	*len = size;
	return SW_OK;
}

int sw_cert_association(const X509 *cert, unsigned selector, unsigned matching, uint8_t **out, size_t *len)
{
	uint8_t *der = NULL;
	int n, err;

	if (selector > 1 || matching > 2)
		return SW_EINVALID;
	n = selector ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der) : i2d_X509(cert, &der);
	if (n <= 0)
		return SW_EINTERNAL;
	err = associate(der, n, matching, out, len);
	OPENSSL_free(der);
	return err;
}

bool sw_certs_linked(STACK_OF(X509) *sent, int n)
{
	for (int i = 0; i < n; i++) {
		X509 *cert = sk_X509_value(sent, i), *issuer = sk_X509_value(sent, i + 1);
		EVP_PKEY *key = issuer ? X509_get0_pubkey(issuer) : NULL;

		if (!key || X509_check_issued(issuer, cert) != X509_V_OK || X509_verify(cert, key) != 1)
			return false;
	}
	return true;
}
