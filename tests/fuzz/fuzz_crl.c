/* SPDX-License-Identifier: Apache-2.0 */
/* What a distribution point gave, PEM or DER; the same as a copy on disk; and a certificate's distribution points. */
#include <stdlib.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include "tls/crl_int.h"

enum { NOW = 1780272000 };   /* 2026-06-01, when the corpus is in its time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first certificate of the corpus' copies: its key signed their CRLs. */
static const char issuer_pem[] =
#include "crl_issuer.h"
	;

static X509 *issuer(void)
{
	static X509 *x;

	if (!x) {
		BIO *bio = BIO_new_mem_buf(issuer_pem, -1);

		x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		BIO_free(bio);
		if (!x)
			abort();
	}
	return x;
}

static void as_crl(struct sw_str s)
{
	char why[SW_HTTP_DETAIL_MAX] = "";
	X509_CRL *crl = NULL;

	if (sw_crl_read(&crl, s, issuer(), NOW, why) < 0) {
		if (!why[0] || crl)
			__builtin_trap();
		return;
	}
	sw_crl_revokes_more(NULL, crl);
	if (sw_crl_revokes_more(crl, crl))
		__builtin_trap();
	X509_CRL_free(crl);
}

static void as_copy(struct sw_str s)
{
	char why[SW_HTTP_DETAIL_MAX] = "";
	struct sw_crl_copy copy;

	if (sw_crl_copy_parse(&copy, s, NOW, why) < 0)
		return;
	if (!copy.issuer || !copy.crl || strlen(copy.url) > SW_HTTP_URL_MAX)
		__builtin_trap();
	sw_crl_copy_clear(&copy);
}

static void as_certificate(const uint8_t *data, size_t size)
{
	const unsigned char *p = data;
	X509 *x = d2i_X509(NULL, &p, (long)size);
	struct sw_crl_urls urls;

	if (x) {
		sw_crl_urls(&urls, x);
		for (size_t i = 0; i < urls.n; i++)
			if (strncasecmp(urls.v[i], "http://", 7) || strlen(urls.v[i]) > SW_HTTP_URL_MAX)
				__builtin_trap();
		sw_crl_urls_free(&urls);
	}
	X509_free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sw_str s = { (const char *)data, size };

	if (size > 1 << 20)
		return 0;
	as_crl(s);
	as_copy(s);
	as_certificate(data, size);
	ERR_clear_error();
	return 0;
}
