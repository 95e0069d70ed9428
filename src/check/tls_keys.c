/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and signatures of what a server shows. */
#include "check/tls.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { RSA_BITS_MIN = 2048, EC_BITS_MIN = 224 };

static bool is_old(const char *digest)
{
	return !strcasecmp(digest, "SHA1") || !strncasecmp(digest, "MD", 2);
}

static bool listed(const struct sw_strlist *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcasecmp(l->v[i], s))
			return true;
	return false;
}

/* True: told as too short. */
static bool judge_key(struct sw_tls_case *t)
{
	const struct sw_profile *p = sw_check_options(t->c)->profile;
	const struct sw_identity *id = t->facts[0]->id;
	bool rsa = !strncmp(id->key_type, "RSA", 3), ec = !strcmp(id->key_type, "EC");
	int least = rsa ? (p->rsa_min > RSA_BITS_MIN ? (int)p->rsa_min : RSA_BITS_MIN) : ec ? EC_BITS_MIN : 0;
	int wanted = rsa ? (int)p->rsa_wanted : 0;
	enum sw_check_status status = id->key_bits < least    ? SW_CHECK_FAIL
				      : id->key_bits < wanted ? SW_CHECK_WARN
							      : SW_CHECK_PASS;
	char found[120], expected[80];

	snprintf(found, sizeof(found), "%s, %d bits%s%s", id->key_type, id->key_bits, t->facts[0]->curve[0] ? ", " : "",
		 t->facts[0]->curve);
	snprintf(expected, sizeof(expected), rsa ? "RSA with %d bits at least" : "a key that is strong enough",
		 wanted > least ? wanted : least);
	if (rsa && id->key_bits >= RSA_BITS_MIN) /* the rest is the profile's */
		sw_tls_report_profile(t->c, SW_F_TLS_KEY, status, t->subject, expected, found);
	else
		sw_check_report(t->c, SW_F_TLS_KEY, status, t->subject, expected, found);
	return status == SW_CHECK_FAIL;
}

/* True: told as too old. A root's signature counts for nothing. */
static bool judge_digests(struct sw_tls_case *t)
{
	const struct sw_profile *p = sw_check_options(t->c)->profile;
	char found[400];

	for (size_t i = 0; i < t->n_facts; i++) {
		const struct sw_identity *id = t->facts[i]->id;

		if (!is_old(id->sig_digest) || (i > 0 && t->facts[i]->self_issued))
			continue;
		snprintf(found, sizeof(found), "%s is signed with %s", id->subject, id->sig_digest);
		sw_check_report(t->c, SW_F_TLS_DIGEST, SW_CHECK_FAIL, t->subject, "SHA-2", found);
		return true;
	}
	if (p->digests.n && t->facts[0]->id->sig_digest[0] && !listed(&p->digests, t->facts[0]->id->sig_digest)) {
		snprintf(found, sizeof(found), "%s", t->facts[0]->id->sig_digest);
		sw_tls_report_profile(t->c, SW_F_TLS_DIGEST, SW_CHECK_WARN, t->subject, "a digest of the profile's", found);
		return false;
	}
	sw_check_report(t->c, SW_F_TLS_DIGEST, SW_CHECK_PASS, t->subject, "SHA-2", t->facts[0]->signature);
	return false;
}

static void judge_signature(struct sw_tls_case *t)
{
	const struct sw_tls_probe *p = t->p;

	if (!p->signature_digest[0])
		return;
	sw_check_report(t->c, SW_F_TLS_SIGNATURE,
			is_old(p->signature_digest) || !strcasecmp(p->signature_digest, "MD5-SHA1") ? SW_CHECK_FAIL
												    : SW_CHECK_PASS,
			t->subject, "SHA-2", p->signature);
}

void sw_tls_judge_keys(struct sw_tls_case *t)
{
	bool told = judge_key(t);
	char found[520];

	told |= judge_digests(t);
	judge_signature(t);
	if (told || t->chain.reason != SW_R_TLS_WEAK)
		return;
	/* Of what was not sent, or an intermediate's key. */
	snprintf(found, sizeof(found), "%s (%s)", t->chain.error_text, t->chain.subject);
	sw_check_report(t->c, SW_F_TLS_KEY, SW_CHECK_FAIL, t->subject, "keys that are strong enough all the way up", found);
}
