/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains found good, so that the same chain is not verified again: once for the listener and once for the zone within one
 * handshake, and once more whenever its peer connects. Nothing is taken on trust by this: for a given chain, list of CAs and
 * policy and the CRLs there are (the list's own and the serial of those fetched), the outcome depends on the time alone, and
 * it stays the same until the first certificate of the verified chain expires or the first CRL it was cleared by is out of date. Refusals
 * aren't remembered: they are rare, and a flood of them
 * must not push out the peers.
 */
#include <pthread.h>
#include <string.h>
#include <openssl/evp.h>
#include "tls/tls_int.h"

enum { ENTRIES = 1024, CHAIN_MAX = 8 };

struct entry {
	struct sw_vouched_key key;
	bool server_purpose;
	int64_t since, until;        /* since: when it was verified; 0: empty */
	int64_t not_after;
	uint8_t issuer[SW_DIGEST_LEN];
};

static struct entry entries[ENTRIES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct entry *entry_of(const struct sw_vouched_key *k)
{
	uint32_t i;

	memcpy(&i, k->digest, sizeof(i));
	return &entries[i % ENTRIES];
}

bool sw_vouched_key(struct sw_vouched_key *k, X509 *leaf, STACK_OF(X509) *untrusted, const struct sw_trust *trust,
		    const struct sw_chain_policy *policy, uint64_t crls)
{
	struct {
		unsigned char trust[SW_DIGEST_LEN];
		uint64_t crls;
		uint32_t role, eku, depth, revocation, n, unused;
		unsigned char certs[CHAIN_MAX + 1][SW_DIGEST_LEN];
	} in = { .crls = crls, .role = policy->role, .eku = policy->eku, .depth = policy->depth, .revocation = policy->revocation };
	int n = untrusted ? sk_X509_num(untrusted) : 0;  /* OpenSSL says -1 for NULL, and then the leaf would be left out */

	if (n < 0 || n > CHAIN_MAX)
		return false;
	memcpy(in.trust, trust->id, sizeof(in.trust));
	/* The leaf first and whatever the peer sent with it: no verdict without the certificate it is about. */
	if (!X509_digest(leaf, EVP_sha256(), in.certs[in.n++], NULL))
		return false;
	for (int i = 0; i < n; i++)
		if (!X509_digest(sk_X509_value(untrusted, i), EVP_sha256(), in.certs[in.n++], NULL))
			return false;
	return EVP_Digest(&in, sizeof(in), k->digest, NULL, EVP_sha256(), NULL) == 1;
}

bool sw_vouched_find(const struct sw_vouched_key *k, int64_t now, struct sw_chain_result *out)
{
	const struct entry *e = entry_of(k);
	bool found;

	pthread_mutex_lock(&lock);
	found = e->since && now >= e->since && now < e->until && !memcmp(&e->key, k, sizeof(*k));
	if (found)
		*out = (struct sw_chain_result){ .reason = SW_R_OK, .server_purpose = e->server_purpose, .not_after = e->not_after,
						 .fresh_until = e->until };
	if (found)
		memcpy(out->issuer, e->issuer, sizeof(out->issuer));
	pthread_mutex_unlock(&lock);
	return found;
}

void sw_vouched_put(const struct sw_vouched_key *k, int64_t now, const struct sw_chain_result *r)
{
	if (r->reason != SW_R_OK || now <= 0)
		return;
	pthread_mutex_lock(&lock);
	*entry_of(k) = (struct entry){ .key = *k, .server_purpose = r->server_purpose, .since = now, .until = r->fresh_until,
				     .not_after = r->not_after };
	memcpy(entry_of(k)->issuer, r->issuer, sizeof(r->issuer));
	pthread_mutex_unlock(&lock);
}
