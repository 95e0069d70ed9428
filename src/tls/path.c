/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other ways to a root. OpenSSL takes the first issuer that looks right and does not go back when it was the wrong one of several
 * look-alikes: same name and another key, an expired duplicate, a cross-certificate towards a root we don't trust. This is
 * the way back: a depth-first search that checks signatures as it goes, so that what it yields is worth a verification.
 *
 * The peer chooses the certificates, so the work is counted: comparisons of names, signatures, and paths. A pair's signature is
 * checked once. An outsider's certificates end at the first signature he can't make.
 */
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "tls/tls_int.h"

struct edge {
	const X509 *child, *issuer;
	bool good;
};

struct search {
	struct sw_paths *out;
	STACK_OF(X509) *untrusted;
	STACK_OF(X509) *cas;
	int64_t now;
	int len_max;                 /* issuers in a path */
	X509 *way[SW_PATH_LEN_MAX + 1];  /* leaf first */
	int n;
	struct edge edges[SW_PATH_SIGNATURES_MAX];
	int n_edges;
};

/* The public exponents in use have 17 bits, or two; one as long as the modulus makes a check cost as much as a signature. */
static bool short_exponent(const EVP_PKEY *key)
{
	BIGNUM *e = NULL;
	bool fits = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_num_bits(e) <= 32;

	BN_free(e);
	return fits;
}

/*
 * How many checks with P-256 or RSA 2048 one with this key is worth. 0: too many. Those are keys no CA has (DSA, and what is
 * made to be slow); a chain of them is still good where OpenSSL takes it at its first try.
 */
static unsigned cost_of(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);
	char group[32];

	if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
		return !short_exponent(key) ? 0 : bits <= 3072 ? 1 : bits <= 4096 ? 2 : 16;
	if (EVP_PKEY_is_a(key, "EC")) {
		if (!EVP_PKEY_get_group_name(key, group, sizeof(group), NULL))
			return 16;
		return !strcmp(group, SN_X9_62_prime256v1) ? 1 : !strcmp(group, SN_secp384r1) || !strcmp(group, SN_secp521r1) ? 4 : 16;
	}
	return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448") ? 4 : 0;
}

static bool signed_by(struct search *s, X509 *child, X509 *issuer)
{
	EVP_PKEY *key;
	struct edge *e;
	unsigned cost;

	for (int i = 0; i < s->n_edges; i++)
		if (s->edges[i].child == child && s->edges[i].issuer == issuer)
			return s->edges[i].good;
	key = X509_get0_pubkey(issuer);
	cost = key ? cost_of(key) : 0;
	if (cost == 0)
		return false;
	if (s->n_edges == SW_PATH_SIGNATURES_MAX || s->out->signatures + cost > SW_PATH_SIGNATURES_MAX) {
		s->out->cut = true;
		return false;
	}
	s->out->signatures += cost;
	e = &s->edges[s->n_edges++];
	*e = (struct edge){ child, issuer, X509_verify(child, key) == 1 };
	return e->good;
}

static bool in_dates(const X509 *x, int64_t now)
{
	return sw_asn1_time(X509_get0_notBefore(x)) <= now && now <= sw_asn1_time(X509_get0_notAfter(x));
}

/* The same name with the same key a second time leads nowhere new, whichever certificate says it. */
static bool in_way(const struct search *s, const X509 *x)
{
	for (int i = 0; i < s->n; i++) {
		const X509 *y = s->way[i];

		if (x == y || (X509_NAME_cmp(X509_get_subject_name(x), X509_get_subject_name(y)) == 0 &&
			       EVP_PKEY_eq(X509_get0_pubkey(x), X509_get0_pubkey(y)) == 1))
			return true;
	}
	return false;
}

static bool is_issuer(struct search *s, X509 *x, X509 *child)
{
	return X509_check_issued(x, child) == X509_V_OK && X509_check_ca(x) != 0 && in_dates(x, s->now) && !in_way(s, x) &&
	       signed_by(s, child, x);
}

static void yield_path(struct search *s)
{
	struct sw_path *p = &s->out->v[s->out->n++];

	p->n = s->n - 1;
	memcpy(p->issuers, &s->way[1], (size_t)p->n * sizeof(p->issuers[0]));
	if (s->out->n == SW_PATHS_MAX)
		s->out->cut = true;
}

static void climb(struct search *s);

static void try_each(struct search *s, STACK_OF(X509) *from, bool trusted)
{
	X509 *child = s->way[s->n - 1];

	for (int i = 0; !s->out->cut && i < sk_X509_num(from); i++) {
		X509 *x = sk_X509_value(from, i);
		bool root = trusted && (X509_get_extension_flags(x) & EXFLAG_SS);

		if (++s->out->comparisons > SW_PATH_COMPARISONS_MAX) {
			s->out->cut = true;
			return;
		}
		if (!is_issuer(s, x, child))
			continue;
		s->way[s->n++] = x;
		if (root)
			yield_path(s);
		else
			climb(s);
		s->n--;
	}
}

/* Recursion goes no deeper than SW_PATH_LEN_MAX. */
static void climb(struct search *s)
{
	if (s->n > s->len_max)
		return;
	try_each(s, s->cas, true);
	try_each(s, s->untrusted, false);
}

void sw_paths_find(struct sw_paths *out, X509 *leaf, STACK_OF(X509) *untrusted, STACK_OF(X509) *cas, uint32_t depth, int64_t now)
{
	struct search s = { .out = out, .untrusted = untrusted, .cas = cas, .now = now };

	out->n = 0;
	out->signatures = out->comparisons = 0;
	out->cut = false;
	s.len_max = depth < SW_PATH_LEN_MAX ? (int)depth + 1 : SW_PATH_LEN_MAX;
	s.way[s.n++] = leaf;
	climb(&s);
	ERR_clear_error();
}
