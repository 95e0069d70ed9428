/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * OCSP answers that were asked for: the memory of it, as tls/crl.h is for CRLs. Which certificates are wanted, what was said of them,
 * when to ask again. Who asks is edge/ocsp.c; who looks is edge/generation.c.
 *
 * Wanted is only a certificate whose chain verified, so no stranger makes us ask. An answer gets in only when sw_ocsp_judge believes it,
 * and never in place of a newer one. A good one serves until its end, whatever fails meanwhile.
 *
 * All functions may be called in any thread.
 */
#include "tls/ocsp.h"

struct sw_ocsps;

enum { SW_OCSP_KEY_LEN = 32, SW_OCSP_REQUEST_MAX = 256 };

int sw_ocsps_new(struct sw_ocsps **out) SW_MUSTCHECK;
struct sw_ocsps *sw_ocsps_ref(struct sw_ocsps *c);
void sw_ocsps_unref(struct sw_ocsps *c);

/*
 * What is known of leaf, which issuer issued in a chain that verified; from now on it is wanted. True: it has never been asked, and that
 * is what happens now; *out is unknown, and key names what to wait for.
 */
bool sw_ocsps_look(struct sw_ocsps *c, X509 *leaf, X509 *issuer, int64_t now, struct sw_ocsp_result *out, uint8_t key[SW_OCSP_KEY_LEN]);
/* Nobody waits for this first answer any longer. It is still taken when it comes. */
void sw_ocsps_give_up(struct sw_ocsps *c, const uint8_t key[SW_OCSP_KEY_LEN]);

/*
 * A certificate of ours: asked about as long as it is ours, whoever comes, and its answer is kept to be shown. key as above; false: it names
 * no responder, or there is no room. Each true is ended by a disown.
 */
bool sw_ocsps_own(struct sw_ocsps *c, X509 *leaf, X509 *issuer, uint8_t key[SW_OCSP_KEY_LEN]) SW_MUSTCHECK;
void sw_ocsps_disown(struct sw_ocsps *c, const uint8_t key[SW_OCSP_KEY_LEN]);
/* Its answer, good and begun and not ended, skew or not; a copy for OPENSSL_free. NULL: there is none. */
unsigned char *sw_ocsps_staple(struct sw_ocsps *c, const uint8_t key[SW_OCSP_KEY_LEN], int64_t now, size_t *n);

/* Whom to ask. */
struct sw_ocsp_due {
	uint8_t key[SW_OCSP_KEY_LEN];
	char url[SW_HTTP_URL_MAX + 1];
	uint8_t request[SW_OCSP_REQUEST_MAX];
	size_t request_len;
	bool own;
};
/* One that is due, if any; then one of the two below must follow. */
bool sw_ocsps_due(struct sw_ocsps *c, int64_t now, struct sw_ocsp_due *out);
enum sw_ocsp_news {
	SW_OCSP_REFUSED,     /* the answer proves nothing; why says what is wrong with it */
	SW_OCSP_TAKEN,
	SW_OCSP_REVOKES,     /* it has been revoked since: judge again */
};
/* The bytes that came (checks a signature: not on the loop). */
enum sw_ocsp_news sw_ocsps_put(struct sw_ocsps *c, const uint8_t key[SW_OCSP_KEY_LEN], struct sw_str answer, int64_t now,
			       char why[SW_HTTP_DETAIL_MAX]);
void sw_ocsps_failed(struct sw_ocsps *c, const uint8_t key[SW_OCSP_KEY_LEN], int64_t now, const char *why);
/* All of them are due, but those asked for in the last second. */
void sw_ocsps_refresh(struct sw_ocsps *c, int64_t now);

/* For the operator. */
struct sw_ocsp_info {
	const char *url;
	char subject[256];
	enum sw_ocsp_status status;        /* GOOD only while it is fresh */
	int64_t since, until;              /* 0: there is no answer */
	int64_t fetched;                   /* last success; 0: never */
	int64_t tried, due;
	bool failing;
	bool own, stapled;                 /* a certificate of ours; its answer is shown */
	const char *fault;                 /* of the last try; "" when it was good */
};
typedef void sw_ocsp_info_fn(void *arg, const struct sw_ocsp_info *i);   /* borrowed; under the lock: no calls back into it */
void sw_ocsps_each(struct sw_ocsps *c, int64_t now, sw_ocsp_info_fn *fn, void *arg);
