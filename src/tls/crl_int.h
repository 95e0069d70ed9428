/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Private to src/tls: crl.c (the memory), crl_read.c (bytes and files), chain.c (who looks). */
#include <openssl/x509.h>
#include "tls/crl.h"

/* --- crl.c --- */
/* All that are there at one moment. Immutable. */
struct sw_crl_set {
	unsigned refs;
	uint64_t serial;             /* no other set of this process has it; never 0 */
	STACK_OF(X509_CRL) *crls;
};
struct sw_crl_set *sw_crls_set(struct sw_crls *c);   /* a reference */
void sw_crl_set_unref(struct sw_crl_set *s);
/* x, of a verified chain, was issued by issuer: what its distribution points name is wanted. */
void sw_crls_want(struct sw_crls *c, const X509 *x, X509 *issuer, int64_t now);
/* Why there is no CRL for x, in words: which URL, what happened. */
void sw_crls_explain(struct sw_crls *c, const X509 *x, char *dst, size_t size);

/* --- crl_read.c --- */
enum { SW_CRL_URLS_MAX = 2 };  /* of one certificate: the second in case the first fails */
struct sw_crl_urls {
	char *v[SW_CRL_URLS_MAX];
	size_t n;
};
/* The http URLs of x's distribution points that stand for all reasons and for x's own issuer. Owned: sw_crl_urls_free. */
void sw_crl_urls(struct sw_crl_urls *out, const X509 *x);
void sw_crl_urls_free(struct sw_crl_urls *u);
/* A CRL out of bytes, PEM or DER, signed by issuer, begun by now. SW_EPARSE with why. */
int sw_crl_read(X509_CRL **out, struct sw_str bytes, X509 *issuer, int64_t now, char why[SW_HTTP_DETAIL_MAX]) SW_MUSTCHECK;
/* Is there anybody on b who is not on a? a may be NULL. */
bool sw_crl_revokes_more(X509_CRL *a, X509_CRL *b);

/* A copy on disk: the URL, the issuer and the CRL, so that a start has them before the first peer comes. */
struct sw_crl_copy {
	char url[SW_HTTP_URL_MAX + 1];
	char etag[256];
	int64_t fetched;
	X509 *issuer;                /* owned */
	X509_CRL *crl;               /* owned */
};
int sw_crl_copy_write(const char *path, const struct sw_crl_copy *copy) SW_MUSTCHECK;
int sw_crl_copy_read(struct sw_crl_copy *out, const char *path, int64_t now, char why[SW_HTTP_DETAIL_MAX]) SW_MUSTCHECK;
/* The same from text. */
int sw_crl_copy_parse(struct sw_crl_copy *out, struct sw_str text, int64_t now, char why[SW_HTTP_DETAIL_MAX]) SW_MUSTCHECK;
void sw_crl_copy_clear(struct sw_crl_copy *copy);
