/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The OpenSSL side of identity: certificates in, plain facts out.
 * Functions here may be called in any thread; trust lists are immutable once built.
 */
#include <openssl/x509.h>
#include "conf/conf.h"
#include "core/diag.h"
#include "tls/crl.h"
#include "tls/identity.h"

/* Reads the leaf. *out is freed with sw_identity_free. A certificate with bad names still yields an identity with the names marked. */
int sw_identity_from_x509(struct sw_identity **out, X509 *leaf) SW_MUSTCHECK;

/* A trust list: CA certificates and CRLs, built once, then shared. Reference-counted by OpenSSL's store within. */
struct sw_trust;
/*
 * files: PEM files or directories of *.pem / *.crt. An empty list is an error: nothing would be trusted, and that is
 * never what was meant. Expired roots are warned about. crls: PEM or DER files, or directories of *.pem / *.crl; may be empty.
 */
int sw_trust_load(struct sw_trust **out, const struct sw_strlist *files, const struct sw_strlist *crls, struct sw_diag *diag) SW_MUSTCHECK;
/*
 * The same from PEM texts, with nothing read and no clock asked: each text holds one or more. SW_ECONF with diag where one
 * does not parse or holds none, and when n_cas is 0.
 */
int sw_trust_from_pem(struct sw_trust **out, const struct sw_str *cas, size_t n_cas, const struct sw_str *crls, size_t n_crls,
		      struct sw_diag *diag) SW_MUSTCHECK;
/*
 * A peer's chain from PEM text, appended to out, as strict as a handshake: SW_EPARSE when a certificate in it does not
 * parse (the peer's fault), SW_ECONF when the text is no PEM or holds none (ours). name stands for the file in diag.
 */
int sw_chain_from_pem(STACK_OF(X509) *out, struct sw_str text, const char *name, struct sw_diag *diag) SW_MUSTCHECK;
void sw_trust_free(struct sw_trust *t);
/*
 * Before the list is shared: what certificates judged by it name as their CRL is wanted of crls (where the policy asks for
 * revocation), and what is there counts beside the list's own.
 */
void sw_trust_fetch(struct sw_trust *t, struct sw_crls *crls, int64_t now);
void sw_trust_each_crl(const struct sw_trust *t, sw_crl_info_fn *fn, void *arg);   /* the list's own, of which there is no URL */
/* Each CA of the list. */
struct sw_ca_info {
	char subject[256];
	char sha256[65];             /* of the certificate, hex */
	int64_t not_before, not_after;
	bool root;                   /* self-issued */
};
typedef void sw_ca_info_fn(void *arg, const struct sw_ca_info *i);   /* borrowed */
void sw_trust_each_ca(const struct sw_trust *t, sw_ca_info_fn *fn, void *arg);
size_t sw_trust_count(const struct sw_trust *t);             /* CA certificates in it */
STACK_OF(X509_NAME) *sw_trust_names(const struct sw_trust *t); /* a new stack the caller frees with its names */
/* A list that holds all of the given lists' CAs (and CRLs): the union a listener's handshake uses. */
int sw_trust_union(struct sw_trust **out, const struct sw_trust *const *lists, size_t n) SW_MUSTCHECK;

enum sw_tls_role { SW_TLS_PEER_IS_CLIENT, SW_TLS_PEER_IS_SERVER };

struct sw_chain_policy {
	enum sw_tls_role role;
	enum sw_eku_policy eku;
	enum sw_revocation revocation;
	uint32_t depth;
	int64_t now;            /* seconds since 1970 */
};
/*
 * Judges leaf + untrusted (may be NULL) against the list: chain, dates, purpose by the two-pass rule (standards 1.4),
 * revocation, weak keys (RSA < 2048) and digests. Where the first way to a root is a bad one, others are tried (look-alike
 * issuers, cross-signed and expired duplicates), so many and no more. Never fails: what can't be decided is SW_R_TLS_UNKNOWN.
 */
void sw_chain_judge(struct sw_chain_result *out, X509 *leaf, STACK_OF(X509) *untrusted, const struct sw_trust *trust,
		    const struct sw_chain_policy *policy);
