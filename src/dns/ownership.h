/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Proof of domain ownership by TXT (standards 3.5): the pure parts (token,
 * forms, comparison, state machine) and one check on the loop. The state is
 * kept in the store (store/proofs.h); re-checks are driven by src/edge.
 */
#include "dns/dns.h"
#include "core/reason.h"

enum { SW_TOKEN_HEX = 60 };

enum sw_proof_state { SW_PROOF_UNVERIFIED, SW_PROOF_VERIFIED, SW_PROOF_STALE, SW_PROOF_REVOKED };

struct sw_proof {
	char domain[SW_DNS_NAME_MAX];       /* A-labels, lower case */
	char kind[16];                      /* "email", "edge", "directory" or "" */
	char token[SW_TOKEN_HEX + 1];
	enum sw_proof_state state;
	int64_t created, verified, checked; /* seconds since 1970, 0: never */
	int64_t failing_since;              /* first check of the current run of failures, 0: none */
	char outcome[64];                   /* of the last check: a reason id, or "verified (label)" */
};

const char *sw_proof_state_name(enum sw_proof_state s);
int sw_proof_state_by_name(const char *name, enum sw_proof_state *out) SW_MUSTCHECK;
/* May a zone speak for it now? verified or stale. */
bool sw_proof_holds(const struct sw_proof *p);

void sw_token_make(char out[SW_TOKEN_HEX + 1]);
/* Constant-time, whole, case-sensitive; ASCII space trimmed off the value's ends. */
bool sw_token_in_txt(const char *token, enum sw_txt_form form, const struct sw_strlist *keys, const uint8_t *txt, size_t len);

/* What one check found: SW_R_OK, SW_R_PROOF_NO_MATCH, SW_R_PROOF_ABSENT or SW_R_PROOF_UNKNOWN. */
typedef void sw_ownership_fn(void *arg, const struct sw_verdict *v);
/* Asks every configured form until one matches. domain and token are copied; conf is borrowed until fn was called. */
int sw_ownership_check(struct sw_dns *d, const struct sw_conf_ownership *conf, const char *domain, const char *token,
		       sw_ownership_fn *fn, void *arg) SW_MUSTCHECK;
/* The state machine of standards 3.5: changes p by what was found at time now. Pure. */
void sw_proof_apply(struct sw_proof *p, const struct sw_conf_ownership *conf, const struct sw_verdict *found, int64_t now);
/* The records to publish, one per line, as zone-file text. */
void sw_proof_records(const struct sw_proof *p, const struct sw_conf_ownership *conf, struct sw_buf *out);
