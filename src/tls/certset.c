/* SPDX-License-Identifier: Apache-2.0 */
/* Our own certificates: what would make peers refuse them is told at start, not found out by the first call. */
#include <string.h>
#include <time.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "tls/keystore.h"
#include "tls/tls_int.h"

enum {
	RSA_BITS_MIN = 2048,
	RSA_BITS_GOOD = 3072,
	EXPIRY_WARN_DAYS = 21,
	OWN_CHAIN_MAX = 10,
};

static int check_key(X509 *leaf, const char *path, struct sw_diag *diag)
{
	EVP_PKEY *key = X509_get0_pubkey(leaf);
	int bits = key ? EVP_PKEY_get_bits(key) : 0;

	if (!key || !EVP_PKEY_is_a(key, "RSA"))
		return SW_OK;
	if (bits < RSA_BITS_MIN) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "the certificate's RSA key has %d bits: at least %d, better %d", bits,
			    RSA_BITS_MIN, RSA_BITS_GOOD);
		return SW_ECONF;
	}
	if (bits < RSA_BITS_GOOD)
		sw_diag_add(diag, SW_DIAG_WARN, path, 0, "the certificate's RSA key has %d bits: renew it with %d", bits,
			    RSA_BITS_GOOD);
	return SW_OK;
}

/* Warnings only: an operator who restarts with an expired certificate still needs the other listeners. */
static void check_dates(X509 *x, const char *path, struct sw_diag *diag)
{
	int64_t now = time(NULL), end = sw_asn1_time(X509_get0_notAfter(x));
	char subject[256];

	sw_x509_name_text(X509_get_subject_name(x), subject, sizeof(subject));
	if (end < now)
		sw_diag_add(diag, SW_DIAG_WARN, path, 0, "\"%s\" has expired: peers will refuse it", subject);
	else if (end - now < EXPIRY_WARN_DAYS * 86400)
		sw_diag_add(diag, SW_DIAG_WARN, path, 0, "\"%s\" expires in %d days", subject, (int)((end - now) / 86400));
	if (sw_asn1_time(X509_get0_notBefore(x)) > now)
		sw_diag_add(diag, SW_DIAG_WARN, path, 0, "\"%s\" is not valid yet: peers will refuse it; is the clock right?",
			    subject);
}

static void check_purpose(X509 *leaf, bool server, const char *path, struct sw_diag *diag)
{
	if (server && X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1)
		sw_diag_add(diag, SW_DIAG_WARN, path, 0, "the certificate may not be used by a server (extended key usage)");
	if (!server && X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0) != 1)
		sw_diag_add(diag, SW_DIAG_WARN, path, 0,
			    "the certificate lacks clientAuth: peers that insist on it will refuse our calls; "
			    "set client_cert for the zone");
}

static void check_order(STACK_OF(X509) *certs, const char *path, struct sw_diag *diag)
{
	for (int i = 0; i + 1 < sk_X509_num(certs); i++)
		if (X509_check_issued(sk_X509_value(certs, i + 1), sk_X509_value(certs, i)) != X509_V_OK)
			sw_diag_add(diag, SW_DIAG_WARN, path, 0,
				    "certificate %d is not the issuer of certificate %d: peers may not find the way to the root",
				    i + 2, i + 1);
}

static int read_chain(STACK_OF(X509) *certs, const struct sw_conf_cert *set, struct sw_diag *diag)
{
	if (sw_pem_certs(certs, set->cert, diag) < 0)
		return SW_ECONF;
	if (set->chain && sw_pem_certs(certs, set->chain, diag) < 0)
		return SW_ECONF;
	if (sk_X509_num(certs) > OWN_CHAIN_MAX) {
		sw_diag_add(diag, SW_DIAG_ERROR, set->cert, 0,
			    "%d certificates: the leaf and its intermediates belong here, not a trust list", sk_X509_num(certs));
		return SW_ECONF;
	}
	return SW_OK;
}

static int check_all(STACK_OF(X509) *certs, const struct sw_conf_cert *set, bool server, struct sw_diag *diag)
{
	X509 *leaf = sk_X509_value(certs, 0);

	for (int i = 0; i < sk_X509_num(certs); i++)
		check_dates(sk_X509_value(certs, i), set->cert, diag);
	check_purpose(leaf, server, set->cert, diag);
	check_order(certs, set->chain ? set->chain : set->cert, diag);
	return check_key(leaf, set->cert, diag);
}

static int give_to(SSL_CTX *ctx, STACK_OF(X509) *certs)
{
	ERR_clear_error();
	if (SSL_CTX_use_certificate(ctx, sk_X509_value(certs, 0)) != 1)
		return SW_ECRYPTO;
	for (int i = 1; i < sk_X509_num(certs); i++) {
		X509 *x = sk_X509_value(certs, i);

		/* A root is never sent: the peer has it, or doesn't trust it. */
		if (!(X509_get_extension_flags(x) & EXFLAG_SS) && SSL_CTX_add1_chain_cert(ctx, x) != 1)
			return SW_ECRYPTO;
	}
	return SW_OK;
}

int sw_certset_use(SSL_CTX *ctx, const struct sw_conf_cert *set, bool server, struct sw_diag *diag)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	int err = SW_ENOMEM;
	char text[128];

	if (!certs)
		return SW_ENOMEM;
	err = read_chain(certs, set, diag);
	if (err >= 0)
		err = check_all(certs, set, server, diag);
	if (err < 0)
		goto out;
	err = give_to(ctx, certs);
	if (err < 0) {
		sw_openssl_error(text, sizeof(text));
		sw_diag_add(diag, SW_DIAG_ERROR, set->cert, 0, "the certificate cannot be used: %s", text);
		err = SW_ECONF;
		goto out;
	}
	if (!set->key) {
		sw_diag_add(diag, SW_DIAG_ERROR, set->cert, 0, "there is no key for the certificate");
		err = SW_ECONF;
		goto out;
	}
	err = sw_keystore_use(ctx, set->key, set->key_password, diag);
out:
	sk_X509_pop_free(certs, X509_free);
	return err;
}
