/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * CRLs fetched from the distribution points that certificates name. This is the memory of it, with a copy on disk: which URLs are
 * wanted, what they gave, when to ask again. Who fetches is edge/crl.c; who looks is chain.c.
 *
 * Wanted is only what a certificate of a chain names that verified but for its CRLs, so no stranger makes us fetch. A CRL gets in only
 * when its issuer's key, known from that chain, signed it, and never in place of a newer one.
 *
 * All functions may be called in any thread; those that say so read or write files and belong in the pool.
 */
#include "core/diag.h"
#include "tls/http.h"

struct sw_crls;

enum {
	SW_CRL_BYTES_MAX = 10 << 20,       /* of one */
	SW_CRL_KEY_LEN = 32,
};

/* dir: where the copies are, made when it is not there; NULL: none are kept. */
int sw_crls_new(struct sw_crls **out, const char *dir) SW_MUSTCHECK;
struct sw_crls *sw_crls_ref(struct sw_crls *c);
void sw_crls_unref(struct sw_crls *c);
/* Reads the copies (blocking: at start). A bad one is warned about and passed over. */
void sw_crls_load(struct sw_crls *c, int64_t now, struct sw_diag *diag);

/* What to fetch. */
struct sw_crl_due {
	uint8_t key[SW_CRL_KEY_LEN];
	char url[SW_HTTP_URL_MAX + 1];
	char etag[256];
};
/* One that is due, if any; then one of the three below must follow. */
bool sw_crls_due(struct sw_crls *c, int64_t now, struct sw_crl_due *out);
enum sw_crl_news {
	SW_CRL_REFUSED,      /* it is no good; why says what is wrong with it */
	SW_CRL_SAME,         /* the one we have */
	SW_CRL_NEWER,        /* with nobody new on it */
	SW_CRL_REVOKES,      /* somebody may have been revoked since: judge again */
};
/* The bytes that came, PEM or DER (blocking: checks the signature, writes the copy). */
enum sw_crl_news sw_crls_put(struct sw_crls *c, const uint8_t key[SW_CRL_KEY_LEN], struct sw_str bytes, const char *etag, int64_t now,
			     char why[SW_HTTP_DETAIL_MAX]);
void sw_crls_unchanged(struct sw_crls *c, const uint8_t key[SW_CRL_KEY_LEN], int64_t now);   /* HTTP 304 */
void sw_crls_failed(struct sw_crls *c, const uint8_t key[SW_CRL_KEY_LEN], int64_t now, const char *why);
/* All of them are due, but those asked for in the last second. */
void sw_crls_refresh(struct sw_crls *c, int64_t now);

/* For the operator. */
struct sw_crl_info {
	const char *url;
	char issuer[256];
	int64_t this_update, next_update;  /* 0: there is none */
	int64_t fetched;                   /* last success; 0: never */
	int64_t tried, due;                /* last try; next one */
	bool present, failing;
	const char *fault;                 /* of the last try; "" when it was good */
};
typedef void sw_crl_info_fn(void *arg, const struct sw_crl_info *i);   /* borrowed; under the cache's lock: no calls back into it */
void sw_crls_each(struct sw_crls *c, sw_crl_info_fn *fn, void *arg);
