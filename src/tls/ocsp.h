/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * OCSP (RFC 6960, in the profile of RFC 5019): what a responder says of one certificate. Pure: bytes in, verdict out; nothing is
 * fetched and nothing remembered here. All functions may be called in any thread.
 */
#include "core/buf.h"
#include "tls/http.h"
#include "tls/x509.h"

enum {
	SW_OCSP_BYTES_MAX = 64 << 10,   /* of an answer; with a delegate's certificate they have 2 to 4 KiB */
	SW_OCSP_SKEW = 300,             /* seconds two clocks may be apart */
	SW_OCSP_NO_NEXT = 86400,        /* how long an answer serves that names no next one */
	SW_OCSP_TEXT_MAX = 200,
};

enum sw_ocsp_status {
	SW_OCSP_UNKNOWN,                /* no answer, one that proves nothing, or the responder doesn't know */
	SW_OCSP_GOOD,
	SW_OCSP_REVOKED,
};
struct sw_ocsp_result {
	enum sw_ocsp_status status;
	int64_t since, until;           /* when the answer holds, skew not counted; 0 when it proves nothing */
	char text[SW_OCSP_TEXT_MAX];    /* why it is unknown; when and why revoked; "" when good */
};

/*
 * An answer about leaf, which issuer issued. issuer must come out of a chain that verified: whoever has its key may clear leaf.
 * It counts when issuer signed it, or one whom issuer itself appointed (id-kp-OCSPSigning in a certificate that issuer signed),
 * and it is about this very certificate, and of this time. Whether a delegate has been revoked itself is not asked: such
 * certificates are short-lived, or say so (RFC 6960 4.2.2.2.1). A revocation that was proved stays one after the answer is out of
 * date.
 */
void sw_ocsp_judge(struct sw_ocsp_result *out, struct sw_str answer, X509 *leaf, X509 *issuer, int64_t now);

/*
 * What an answer about leaf means for a chain that is good so far (else nothing is done). Revoked: refused. None that clears it:
 * refused under hard, and where leaf is a server's and demands a staple; else r stays good and its error_text says what is unknown.
 * answer NULL: none was asked for. policy is not OFF.
 */
void sw_ocsp_weigh(struct sw_chain_result *r, enum sw_revocation policy, enum sw_tls_role role, const X509 *leaf,
		   const struct sw_ocsp_result *answer);
/* What a server stapled (answer.n 0: nothing) about its leaf, whose chain r found good by trust. */
void sw_ocsp_judge_staple(struct sw_ocsp_result *out, struct sw_str answer, const struct sw_chain_result *r, X509 *leaf,
			  STACK_OF(X509) *untrusted, const struct sw_trust *trust, int64_t now);
/* The certificate that issued leaf in the chain r is about; not owned. NULL: it is in neither. */
X509 *sw_ocsp_issuer(const struct sw_chain_result *r, const X509 *leaf, STACK_OF(X509) *untrusted, const struct sw_trust *trust);

/* A request for leaf, in DER, appended to out. No nonce: answers are kept, and many responders give only prepared ones. */
int sw_ocsp_request(struct sw_buf *out, X509 *leaf, const X509 *issuer) SW_MUSTCHECK;

/* The first http URL of leaf's authorityInfoAccess for OCSP. False: it names none we could ask. */
bool sw_ocsp_url(char url[SW_HTTP_URL_MAX + 1], const X509 *leaf);

/* Does leaf oblige its holder to staple (RFC 7633)? A feature list that can't be read is taken as yes. */
bool sw_ocsp_must_staple(const X509 *leaf);
