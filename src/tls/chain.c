/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging a chain. One OpenSSL verification is a pass for one purpose; the two-pass rule stands in judge_plain. Nothing
 * is switched off for leniency: a pass either comes back clean or the chain is refused. Where it was refused for the way
 * it took, path.c finds the other ways, and each is verified like the first.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "tls/tls_int.h"

enum {
	AUTH_LEVEL = 2,                /* RSA 2048, 224-bit curves, SHA-2; level 3 would refuse the public 2048-bit roots */
	CRL_GRACE = 24 * 3600,         /* soft: how long an out-of-date CRL still serves */
};

struct pass {
	const struct sw_chain_policy *policy;
	bool forgive_leaf_purpose;
	STACK_OF(X509) *untrusted;
	STACK_OF(X509) *anchors;       /* these in place of the list's CAs; NULL: all of the list's */
	struct sw_crls *crls;          /* where CRLs are fetched; NULL: they aren't */
	const struct sw_crl_set *fetched;
	int64_t crls_until;            /* of those used in a verification */
};

/* --- CRLs: the list's own, and those fetched --- */

static STACK_OF(X509_CRL) *lookup_crls(const X509_STORE_CTX *ctx, const X509_NAME *issuer)
{
	const struct pass *pass = X509_STORE_CTX_get_app_data(ctx);
	STACK_OF(X509_CRL) *found = X509_STORE_CTX_get1_crls(ctx, issuer);

	for (int i = 0; pass && pass->fetched && i < sk_X509_CRL_num(pass->fetched->crls); i++) {
		X509_CRL *crl = sk_X509_CRL_value(pass->fetched->crls, i);

		if (X509_NAME_cmp(X509_CRL_get_issuer(crl), issuer) != 0)
			continue;
		if (!found)
			found = sk_X509_CRL_new_null();
		if (found && X509_CRL_up_ref(crl) && !sk_X509_CRL_push(found, crl))
			X509_CRL_free(crl);
	}
	return found;
}

static X509_STORE_CTX_check_crl_fn openssl_check_crl;
static pthread_once_t openssl_once = PTHREAD_ONCE_INIT;

static void find_check_crl(void)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	if (store && ctx && X509_STORE_CTX_init(ctx, store, NULL, NULL))
		openssl_check_crl = X509_STORE_CTX_get_check_crl(ctx);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
}

/* OpenSSL has chosen this one for a certificate. */
static int check_crl(X509_STORE_CTX *ctx, X509_CRL *crl)
{
	struct pass *pass = X509_STORE_CTX_get_app_data(ctx);
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
	int64_t until = next ? sw_asn1_time(next) : INT64_MAX;

	if (pass && until < pass->crls_until)
		pass->crls_until = until;
	return openssl_check_crl(ctx, crl);
}

void sw_chain_store(X509_STORE *store)
{
	pthread_once(&openssl_once, find_check_crl);
	X509_STORE_set_lookup_crls(store, lookup_crls);
	if (openssl_check_crl)
		X509_STORE_set_check_crl(store, check_crl);
}

/* What the certificates of a chain that verified name is fetched. */
static void want_crls(struct sw_crls *crls, X509_STORE_CTX *ctx, int64_t now)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

	for (int i = 0; i + 1 < sk_X509_num(chain); i++)
		sw_crls_want(crls, sk_X509_value(chain, i), sk_X509_value(chain, i + 1), now);
}

/* --- a pass --- */

static bool crl_within_grace(X509_STORE_CTX *ctx, int64_t now)
{
	const X509_CRL *crl = X509_STORE_CTX_get0_current_crl(ctx);
	const ASN1_TIME *next = crl ? X509_CRL_get0_nextUpdate(crl) : NULL;

	return next && now - sw_asn1_time(next) <= CRL_GRACE;
}

/* RFC 5280 4.1.2.5: the period includes notAfter; OpenSSL ends it one second earlier. */
static bool at_last_second(X509_STORE_CTX *ctx, int64_t now)
{
	const X509 *x = X509_STORE_CTX_get_current_cert(ctx);

	return x && sw_asn1_time(X509_get0_notAfter(x)) == now;
}

/* The anchor is not part of the path (RFC 5280 6.1): the list vouches for it, and who wants it gone takes it out. */
static bool is_anchor(X509_STORE_CTX *ctx)
{
	int depth = X509_STORE_CTX_get_error_depth(ctx);

	return depth > 0 && depth == sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;
}

/* OpenSSL asks here about each error; 1 forgives it. */
static int on_error(int ok, X509_STORE_CTX *ctx)
{
	const struct pass *pass = X509_STORE_CTX_get_app_data(ctx);

	if (ok)
		return 1;
	switch (X509_STORE_CTX_get_error(ctx)) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	/* OpenSSL took another part of a CRL that its CA splits up, for want of the right one: that is missing, then. */
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
		return pass->policy->revocation == SW_REVOCATION_SOFT || is_anchor(ctx);
	case X509_V_ERR_CRL_HAS_EXPIRED:
		return pass->policy->revocation == SW_REVOCATION_SOFT && crl_within_grace(ctx, pass->policy->now);
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return at_last_second(ctx, pass->policy->now);
	case X509_V_ERR_INVALID_PURPOSE:
		return pass->forgive_leaf_purpose && X509_STORE_CTX_get_error_depth(ctx) == 0;
	default:
		return 0;
	}
}

static enum sw_reason reason_of(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return SW_R_TLS_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return SW_R_TLS_NOT_YET;
	case X509_V_ERR_INVALID_PURPOSE:
		return SW_R_TLS_PURPOSE;
	case X509_V_ERR_CERT_REVOKED:
		return SW_R_TLS_REVOKED;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
	case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
	case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
		return SW_R_TLS_CRL;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return SW_R_TLS_WEAK;
	case X509_V_ERR_UNSPECIFIED:
	case X509_V_ERR_OUT_OF_MEM:
	case X509_V_ERR_APPLICATION_VERIFICATION:
	case X509_V_ERR_INVALID_CALL:
	case X509_V_ERR_STORE_LOOKUP:
		return SW_R_TLS_UNKNOWN;
	default:
		/* Everything else is about the certificates: signature, issuer, constraints, malformed or unknown critical extensions. */
		return SW_R_TLS_CHAIN;
	}
}

static void set_undecided(struct sw_chain_result *out, const char *text)
{
	*out = (struct sw_chain_result){ .reason = SW_R_TLS_UNKNOWN, .x509_error = X509_V_ERR_UNSPECIFIED };
	snprintf(out->error_text, sizeof(out->error_text), "%s", text);
}

static void set_refused(struct sw_chain_result *out, X509_STORE_CTX *ctx, X509 *leaf)
{
	int error = X509_STORE_CTX_get_error(ctx);
	const struct pass *pass = X509_STORE_CTX_get_app_data(ctx);
	X509 *at = X509_STORE_CTX_get_current_cert(ctx);
	char where[SW_HTTP_DETAIL_MAX];

	if (error == X509_V_OK)
		error = X509_V_ERR_UNSPECIFIED;
	*out = (struct sw_chain_result){ .reason = reason_of(error), .x509_error = error };
	out->depth = X509_STORE_CTX_get_error_depth(ctx);
	snprintf(out->error_text, sizeof(out->error_text), "%s", X509_verify_cert_error_string(error));
	if ((error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_CRL_HAS_EXPIRED || error == X509_V_ERR_DIFFERENT_CRL_SCOPE) &&
	    pass->crls && at) {
		sw_crls_explain(pass->crls, at, where, sizeof(where));
		snprintf(out->error_text, sizeof(out->error_text), "%s; %.180s", X509_verify_cert_error_string(error), where);
	}
	sw_x509_name_text(X509_get_subject_name(at ? at : leaf), out->subject, sizeof(out->subject));
}

static void set_accepted(struct sw_chain_result *out, X509_STORE_CTX *ctx, int64_t crls_until)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

	*out = (struct sw_chain_result){ .reason = SW_R_OK, .not_after = INT64_MAX };
	for (int i = 0; i < sk_X509_num(chain); i++) {
		int64_t end = sw_asn1_time(X509_get0_notAfter(sk_X509_value(chain, i)));

		if (end < out->not_after)
			out->not_after = end;
	}
	if (sk_X509_num(chain) > 1 && !X509_digest(sk_X509_value(chain, 1), EVP_sha256(), out->issuer, NULL))
		memset(out->issuer, 0, sizeof(out->issuer));
	out->fresh_until = crls_until < out->not_after ? crls_until : out->not_after;
}

static int prepare(X509_STORE_CTX *ctx, struct pass *pass, int purpose)
{
	const struct sw_chain_policy *policy = pass->policy;
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

	if (!X509_STORE_CTX_set_app_data(ctx, pass) || !X509_STORE_CTX_set_purpose(ctx, purpose))
		return SW_ECRYPTO;
	X509_STORE_CTX_set_verify_cb(ctx, on_error);
	X509_VERIFY_PARAM_set_depth(param, (int)policy->depth);
	X509_VERIFY_PARAM_set_time(param, (time_t)policy->now);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	X509_VERIFY_PARAM_clear_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	if (pass->anchors) {
		/* The way is given. Its root last, even where an intermediate bears the root's name. */
		X509_STORE_CTX_set0_trusted_stack(ctx, pass->anchors);
		X509_VERIFY_PARAM_clear_flags(param, X509_V_FLAG_TRUSTED_FIRST);
	}
	if (policy->revocation != SW_REVOCATION_OFF &&
	    !X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL))
		return SW_ECRYPTO;
	return SW_OK;
}

static void run_pass(struct sw_chain_result *out, X509 *leaf, const struct sw_trust *trust, struct pass *pass, int purpose)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	ERR_clear_error();
	if (!ctx || !X509_STORE_CTX_init(ctx, trust->store, leaf, pass->untrusted) || prepare(ctx, pass, purpose) < 0) {
		set_undecided(out, "out of memory");
	} else {
		int r;

		pass->crls_until = INT64_MAX;
		r = X509_verify_cert(ctx);
		/* After forgiven errors the context's error stays set: the return value alone counts. */
		if (r == 1)
			set_accepted(out, ctx, pass->crls_until);
		else
			set_refused(out, ctx, leaf);
		if (r == 1 && pass->crls)
			want_crls(pass->crls, ctx, pass->policy->now);
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
}

/*
 * sipDomain or anyExtendedKeyUsage on the leaf stand in for the purpose under "any" alone (RFC 5924 leaves it to local policy).
 * The key usage must still allow a signature, since forgiving error 26 would forgive that too.
 */
static bool leaf_stands_in(X509 *leaf, const struct sw_chain_policy *policy)
{
	return policy->eku == SW_EKU_ANY && (sw_x509_eku(leaf) & (SW_EKU_ANYEKU | SW_EKU_SIPDOMAIN)) &&
	       (X509_get_key_usage(leaf) & (KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT));
}

/* One way, or OpenSSL's choice among all of them. */
static void judge_plain(struct sw_chain_result *out, X509 *leaf, const struct sw_trust *trust, struct pass *pass)
{
	const struct sw_chain_policy *policy = pass->policy;

	if (policy->role == SW_TLS_PEER_IS_SERVER) {
		run_pass(out, leaf, trust, pass, X509_PURPOSE_SSL_SERVER);
		return;
	}
	run_pass(out, leaf, trust, pass, X509_PURPOSE_SSL_CLIENT);
	if (out->x509_error == X509_V_ERR_INVALID_PURPOSE && policy->eku != SW_EKU_STRICT) {
		struct sw_chain_result second;

		/*
		 * Public CAs no longer issue clientAuth: a server's certificate may speak for a server that calls. A fresh
		 * verification, so that the whole chain nests for that purpose.
		 */
		run_pass(&second, leaf, trust, pass, X509_PURPOSE_SSL_SERVER);
		if (second.reason == SW_R_OK)
			second.server_purpose = true;
		*out = second;
	}
}

/* Was it the way that was bad? What is wrong with the leaf itself stays wrong. */
static bool another_way_may_help(const struct sw_chain_result *r)
{
	switch (r->x509_error) {
	case X509_V_ERR_OUT_OF_MEM:
	case X509_V_ERR_UNSPECIFIED:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return false;
	/* told of the leaf, but found at its issuers */
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
	case X509_V_ERR_PERMITTED_VIOLATION:
	case X509_V_ERR_EXCLUDED_VIOLATION:
	case X509_V_ERR_SUBTREE_MINMAX:
	case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
	case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
		return true;
	default:
		return r->depth > 0 || r->reason == SW_R_TLS_CRL;
	}
}

static bool follow(struct sw_chain_result *out, X509 *leaf, const struct sw_path *path, const struct sw_trust *trust, struct pass pass)
{
	bool ready;

	pass.untrusted = sk_X509_new_null();
	pass.anchors = sk_X509_new_null();
	ready = pass.untrusted && pass.anchors && sk_X509_push(pass.anchors, path->issuers[path->n - 1]);
	for (int i = 0; ready && i < path->n - 1; i++)
		ready = sk_X509_push(pass.untrusted, path->issuers[i]) > 0;
	if (ready)
		judge_plain(out, leaf, trust, &pass);
	sk_X509_free(pass.untrusted);
	sk_X509_free(pass.anchors);
	return ready;
}

/* How much a refusal tells: a fault seen at the end of a good way, before one that a wrong turn explains. */
static int weight_of(enum sw_reason r)
{
	return r == SW_R_OK ? 4 : r == SW_R_TLS_UNKNOWN ? 0 : r == SW_R_TLS_CHAIN ? 1 : r == SW_R_TLS_CRL ? 2 : 3;
}

/* *out: the first way's result; it stays, unless another way is good, or tells more. */
static void judge_other_ways(struct sw_chain_result *out, X509 *leaf, const struct sw_trust *trust, const struct pass *pass)
{
	struct sw_chain_result r;
	struct sw_paths paths;

	sw_paths_find(&paths, leaf, pass->untrusted, trust->cas, pass->policy->depth, pass->policy->now);
	for (int i = 0; out->reason != SW_R_OK && i < paths.n; i++)
		if (follow(&r, leaf, &paths.v[i], trust, *pass) && weight_of(r.reason) > weight_of(out->reason))
			*out = r;
	if (paths.cut && out->reason == SW_R_TLS_CHAIN)
		set_undecided(out, "so many issuers look alike that not every way to a root was tried");
}

/*
 * Refused for a CRL that is not there: is that all? OpenSSL looks for CRLs before it checks signatures, so only a verification without
 * them tells whether this is a peer for whom something may be fetched, or a stranger's invention.
 */
static void want_missing(X509 *leaf, const struct sw_trust *trust, const struct pass *refused)
{
	struct sw_chain_policy policy = *refused->policy;
	struct pass pass = *refused;
	struct sw_chain_result r;

	policy.revocation = SW_REVOCATION_OFF;
	pass.policy = &policy;
	judge_plain(&r, leaf, trust, &pass);
	if (r.reason != SW_R_OK && another_way_may_help(&r))
		judge_other_ways(&r, leaf, trust, &pass);
}

void sw_chain_judge(struct sw_chain_result *out, X509 *leaf, STACK_OF(X509) *untrusted, const struct sw_trust *trust,
		    const struct sw_chain_policy *policy)
{
	struct pass pass = { .policy = policy, .untrusted = untrusted };
	struct sw_crl_set *fetched = NULL;
	struct sw_vouched_key key;
	bool remembers;

	if (!leaf || !trust) {
		set_undecided(out, "there is no trust list to judge by");
		return;
	}
	if (trust->fetched && policy->revocation != SW_REVOCATION_OFF) {
		pass.crls = trust->fetched;
		pass.fetched = fetched = sw_crls_set(trust->fetched);
	}
	remembers = sw_vouched_key(&key, leaf, untrusted, trust, policy, fetched ? fetched->serial : 0);
	if (remembers && sw_vouched_find(&key, policy->now, out))
		goto out;
	pass.forgive_leaf_purpose = leaf_stands_in(leaf, policy);
	judge_plain(out, leaf, trust, &pass);
	if (out->reason != SW_R_OK && another_way_may_help(out))
		judge_other_ways(out, leaf, trust, &pass);
	if (out->reason == SW_R_TLS_CRL && pass.crls)
		want_missing(leaf, trust, &pass);
	if (out->reason == SW_R_TLS_CHAIN && trust->incomplete)
		set_undecided(out, "not by the part of the trust list that is there; the rest has not been fetched yet");
	if (remembers)
		sw_vouched_put(&key, policy->now, out);
out:
	sw_crl_set_unref(fetched);
}
