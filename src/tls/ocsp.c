/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/ocsp.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include "tls/tls_int.h"

enum {
	SINGLES_MAX = 64,              /* certificates one answer may speak of */
	CERTS_MAX = 8,                 /* it may bring along */
	TLS_FEATURE_STATUS = 5,        /* status_request, RFC 7633 */
	MIN_BITS = 112,                /* RSA 2048, P-224: as for the chain */
};

static void unknown(struct sw_ocsp_result *out, const char *text)
{
	*out = (struct sw_ocsp_result){ .status = SW_OCSP_UNKNOWN };
	snprintf(out->text, sizeof(out->text), "%s", text);
}

/* --- who signed it --- */

static int digest_of(const X509_ALGOR *alg)
{
	int digest = NID_undef, key = NID_undef;

	if (!OBJ_find_sigid_algs(OBJ_obj2nid(alg->algorithm), &digest, &key))
		return NID_undef;
	if (OBJ_obj2nid(alg->algorithm) == NID_rsassaPss) {
		RSA_PSS_PARAMS *pss = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), alg->parameter);

		digest = pss && pss->hashAlgorithm ? OBJ_obj2nid(pss->hashAlgorithm->algorithm) : NID_sha1;  /* its default */
		RSA_PSS_PARAMS_free(pss);
	}
	return digest;
}

/* As in a chain: a digest that can be forged proves nothing. */
static bool is_weak(const OCSP_BASICRESP *basic)
{
	switch (digest_of(OCSP_resp_get0_tbs_sigalg(basic))) {
	case NID_md2:
	case NID_md4:
	case NID_md5:
	case NID_md5_sha1:
	case NID_sha1:
		return true;
	default:
		return false;
	}
}

/* One to whom issuer gave the right to answer for it, RFC 6960 4.2.2.2. NULL: it is. */
static const char *not_appointed(X509 *signer, X509 *issuer, int64_t now)
{
	EVP_PKEY *key = X509_get0_pubkey(signer), *issuer_key = X509_get0_pubkey(issuer);

	if (X509_NAME_cmp(X509_get_issuer_name(signer), X509_get_subject_name(issuer)) != 0 || !issuer_key ||
	    X509_verify(signer, issuer_key) != 1)
		return "it is signed neither by the certificate's issuer nor by one whom that appointed";
	/* Without the extension every flag is set, so that it must be there is asked, too. */
	if (!(X509_get_extension_flags(signer) & EXFLAG_XKUSAGE) || !(X509_get_extended_key_usage(signer) & XKU_OCSP_SIGN))
		return "its signer's certificate is not one for OCSP signing";
	if (X509_get_extension_flags(signer) & (EXFLAG_INVALID | EXFLAG_CRITICAL))
		return "its signer's certificate is malformed, or has an unknown critical extension";
	if (!(X509_get_key_usage(signer) & KU_DIGITAL_SIGNATURE))
		return "its signer's certificate is not one for signatures";
	if (sw_asn1_time(X509_get0_notBefore(signer)) > now + SW_OCSP_SKEW ||
	    sw_asn1_time(X509_get0_notAfter(signer)) < now - SW_OCSP_SKEW)
		return "its signer's certificate is expired, or not valid yet";
	if (!key || EVP_PKEY_get_security_bits(key) < MIN_BITS)
		return "its signer's key is too weak";
	return NULL;
}

/* NULL: one who may has signed it. */
static const char *not_proved(OCSP_BASICRESP *basic, X509 *issuer, int64_t now)
{
	STACK_OF(X509) *known;
	X509 *signer = NULL;
	const char *fault = NULL;

	if (sk_X509_num(OCSP_resp_get0_certs(basic)) > CERTS_MAX)
		return "it brings too many certificates along";
	if (is_weak(basic))
		return "its signature rests on a weak digest";
	known = sk_X509_new_null();
	if (!known || !sk_X509_push(known, issuer))
		fault = "out of memory";
	else if (OCSP_resp_get0_signer(basic, &signer, known) != 1)
		fault = "its signer's certificate is not in it";
	/* Looks for the signer in the same way and order, and checks the signature alone. */
	else if (OCSP_basic_verify(basic, known, NULL, OCSP_NOVERIFY) != 1)
		fault = "its signature is wrong";
	else if (X509_cmp(signer, issuer) != 0)
		fault = not_appointed(signer, issuer, now);
	sk_X509_free(known);
	return fault;
}

/* --- what it says --- */

/* What id speaks of is leaf, by the digest id chose. */
static bool is_about(OCSP_CERTID *id, X509 *leaf, const X509 *issuer)
{
	ASN1_OBJECT *digest;
	OCSP_CERTID *ours;
	bool same;

	if (!OCSP_id_get0_info(NULL, &digest, NULL, NULL, id))
		return false;
	switch (OBJ_obj2nid(digest)) {
	case NID_sha1:
	case NID_sha256:
	case NID_sha384:
	case NID_sha512:
		break;
	default:
		return false;
	}
	ours = OCSP_cert_to_id(EVP_get_digestbyobj(digest), leaf, issuer);
	same = ours && OCSP_id_cmp(ours, id) == 0;
	OCSP_CERTID_free(ours);
	return same;
}

static bool has_critical(OCSP_SINGLERESP *s)
{
	return OCSP_SINGLERESP_get_ext_by_critical(s, 1, -1) >= 0;
}

static OCSP_SINGLERESP *find_single(OCSP_BASICRESP *basic, X509 *leaf, const X509 *issuer)
{
	int n = OCSP_resp_count(basic);

	for (int i = 0; i < n && i < SINGLES_MAX; i++) {
		OCSP_SINGLERESP *s = OCSP_resp_get0(basic, i);

		if (is_about((OCSP_CERTID *)OCSP_SINGLERESP_get0_id(s), leaf, issuer))
			return s;
	}
	return NULL;
}

static void read_single(struct sw_ocsp_result *out, OCSP_SINGLERESP *s, int64_t now)
{
	ASN1_GENERALIZEDTIME *at = NULL, *begin = NULL, *end = NULL;
	int why = -1, status = OCSP_single_get0_status(s, &why, &at, &begin, &end);
	int64_t since = sw_asn1_time(begin), until = end ? sw_asn1_time(end) : since + SW_OCSP_NO_NEXT;
	char day[32] = "";
	struct tm tm;
	time_t t;

	if (since == 0 || until == 0 || until < since) {
		unknown(out, "its dates can't be read, or make no sense");
	} else if (since > now + SW_OCSP_SKEW) {
		unknown(out, "it begins in the future: is one of the clocks wrong?");
	} else if (status == V_OCSP_CERTSTATUS_REVOKED) {
		*out = (struct sw_ocsp_result){ .status = SW_OCSP_REVOKED, .since = since, .until = until };
		t = (time_t)sw_asn1_time(at);
		if (t && gmtime_r(&t, &tm))
			strftime(day, sizeof(day), " on %Y-%m-%d", &tm);
		snprintf(out->text, sizeof(out->text), "revoked%s%s%s", day, why >= 0 ? ": " : "",
			 why >= 0 ? OCSP_crl_reason_str(why) : "");
	} else if (until < now - SW_OCSP_SKEW) {
		unknown(out, end ? "it is out of date" : "it names no end and is older than a day");
	} else if (status == V_OCSP_CERTSTATUS_GOOD) {
		*out = (struct sw_ocsp_result){ .status = SW_OCSP_GOOD, .since = since, .until = until };
	} else {
		unknown(out, "the responder doesn't know the certificate");
	}
}

static void judge_basic(struct sw_ocsp_result *out, OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, int64_t now)
{
	OCSP_SINGLERESP *s = find_single(basic, leaf, issuer);
	const char *fault;

	if (!s) {
		unknown(out, "it is about another certificate");
		return;
	}
	if (has_critical(s) || OCSP_BASICRESP_get_ext_by_critical(basic, 1, -1) >= 0) {
		unknown(out, "it has a critical extension, which is not understood");
		return;
	}
	fault = not_proved(basic, issuer, now);
	if (fault)
		unknown(out, fault);
	else
		read_single(out, s, now);
}

static OCSP_RESPONSE *parse(struct sw_str answer)
{
	const unsigned char *p = (const unsigned char *)answer.p, *end = p + answer.n;
	OCSP_RESPONSE *r;

	if (answer.n == 0 || answer.n > SW_OCSP_BYTES_MAX)
		return NULL;
	r = d2i_OCSP_RESPONSE(NULL, &p, (long)answer.n);
	if (r && p != end) {
		OCSP_RESPONSE_free(r);
		r = NULL;
	}
	return r;
}

void sw_ocsp_judge(struct sw_ocsp_result *out, struct sw_str answer, X509 *leaf, X509 *issuer, int64_t now)
{
	OCSP_BASICRESP *basic = NULL;
	OCSP_RESPONSE *r;
	int status;

	ERR_clear_error();
	r = parse(answer);
	if (!r) {
		unknown(out, "it is no OCSP answer");
		goto out;
	}
	status = OCSP_response_status(r);
	if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
		unknown(out, "");
		snprintf(out->text, sizeof(out->text), "the responder says \"%s\"", OCSP_response_status_str(status));
		goto out;
	}
	basic = OCSP_response_get1_basic(r);
	if (basic)
		judge_basic(out, basic, leaf, issuer, now);
	else
		unknown(out, "it is no basic OCSP answer");
out:
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(r);
	ERR_clear_error();
}

/* --- asking --- */

int sw_ocsp_request(struct sw_buf *out, X509 *leaf, const X509 *issuer)
{
	OCSP_REQUEST *rq = OCSP_REQUEST_new();
	/* SHA-1 is what all responders know (RFC 5019 2.1.1). It names the certificate and proves nothing. */
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), leaf, issuer);
	unsigned char *der = NULL;
	int n = -1;

	if (rq && id && OCSP_request_add0_id(rq, id)) {
		id = NULL;
		n = i2d_OCSP_REQUEST(rq, &der);
	}
	if (n > 0)
		sw_buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	OCSP_CERTID_free(id);
	OCSP_REQUEST_free(rq);
	ERR_clear_error();
	return n > 0 ? sw_buf_error(out) : SW_ECRYPTO;
}

bool sw_ocsp_url(char url[SW_HTTP_URL_MAX + 1], const X509 *leaf)
{
	AUTHORITY_INFO_ACCESS *list = X509_get_ext_d2i(leaf, NID_info_access, NULL, NULL);
	bool found = false;

	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(list) && !found; i++) {
		const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(list, i);
		struct sw_str s;

		if (OBJ_obj2nid(d->method) != NID_ad_OCSP || d->location->type != GEN_URI)
			continue;
		s.p = (const char *)ASN1_STRING_get0_data(d->location->d.uniformResourceIdentifier);
		s.n = (size_t)ASN1_STRING_length(d->location->d.uniformResourceIdentifier);
		found = s.n >= 8 && !memchr(s.p, '\0', s.n) && !strncasecmp(s.p, "http://", 7) &&
			sw_str_copy(url, SW_HTTP_URL_MAX + 1, s);
	}
	AUTHORITY_INFO_ACCESS_free(list);
	ERR_clear_error();
	return found;
}

bool sw_ocsp_must_staple(const X509 *leaf)
{
	int critical = -1;
	TLS_FEATURE *features = X509_get_ext_d2i(leaf, NID_tlsfeature, &critical, NULL);
	bool must = !features && critical != -1;   /* there, but unreadable or twice */

	for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
		must = must || ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == TLS_FEATURE_STATUS;
	TLS_FEATURE_free(features);
	ERR_clear_error();
	return must;
}
