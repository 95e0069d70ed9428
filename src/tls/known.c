/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates of chains that were accepted, so that one that comes again, an intermediate with each of its peers, is one
 * object in memory, its key and extensions read once. Equal means every byte. This says nothing about whether a certificate is
 * good: each judgement is made as if it had just been parsed. Only accepted chains bring certificates in, so that strangers push
 * out nothing, and leaves and issuers have places of their own, so that many peers do not push out their issuer.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/x509v3.h>
#include "core/hash.h"
#include "tls/tls_int.h"

enum { PLACES = 256 };

struct place {
	unsigned char *der;          /* owned; NULL: empty */
	size_t n;
	X509 *x;                     /* a reference */
};

static struct place leaves[PLACES], issuers[PLACES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool holds(const struct place *p, const unsigned char *der, size_t n)
{
	return p->der && p->n == n && memcmp(p->der, der, n) == 0;
}

X509 *sw_known_find(const unsigned char *der, size_t n)
{
	size_t i = sw_siphash(der, n) % PLACES;
	X509 *x = NULL;

	pthread_mutex_lock(&lock);
	if (holds(&leaves[i], der, n))
		x = leaves[i].x;
	else if (holds(&issuers[i], der, n))
		x = issuers[i].x;
	if (x && !X509_up_ref(x))
		x = NULL;
	pthread_mutex_unlock(&lock);
	return x;
}

void sw_known_put(X509 *x, bool issuer)
{
	struct place new = { 0 }, old = { 0 }, *p;
	int n = i2d_X509(x, &new.der);

	if (n <= 0 || n > SW_KNOWN_CERT_MAX) {
		OPENSSL_free(new.der);
		return;
	}
	new.n = (size_t)n;
	new.x = x;
	p = &(issuer ? issuers : leaves)[sw_siphash(new.der, new.n) % PLACES];
	pthread_mutex_lock(&lock);
	if (!holds(p, new.der, new.n) && X509_up_ref(x)) {
		old = *p;
		*p = new;
		new.der = NULL;
	}
	pthread_mutex_unlock(&lock);
	OPENSSL_free(new.der);
	OPENSSL_free(old.der);
	X509_free(old.x);
}

void sw_known_forget(void)
{
	struct place *all[] = { leaves, issuers };

	pthread_mutex_lock(&lock);
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < PLACES; i++) {
			OPENSSL_free(all[k][i].der);
			X509_free(all[k][i].x);
			all[k][i] = (struct place){ 0 };
		}
	pthread_mutex_unlock(&lock);
}
