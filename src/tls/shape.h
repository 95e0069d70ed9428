/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The form of a chain as a server sent it: what is missing, too much, in the wrong place; and where it leads. Whether it is good,
 * sw_chain_judge tells. */
#include "tls/x509.h"

struct sw_chain_shape {
	size_t n; /* as sent, leaf included */
	bool leaf_self_signed;
	bool ordered;                        /* each certificate is followed by its issuer */
	char misplaced[256];                 /* the first that is not where it belongs; "" */
	size_t extra;                        /* certificates on no way up from the leaf */
	char extra_one[256];                 /* the first of them */
	bool root_sent;                      /* a self-signed certificate above the leaf */
	bool complete;                       /* the way up over what was sent ends at a root, sent or of the list */
	char top[256];                       /* subject of the last certificate on the way */
	char wants[256];                     /* the issuer it names */
	char fetch[256];                     /* where that says it can be had (caIssuers), or ""; safe between '' in a command */
	bool helped;                         /* complete only by an intermediate that our own list holds */
	bool root_known;                     /* the root is one of the list: */
	char root[256];                      /* its subject */
	char root_sha256[65], root_sha1[41]; /* hex */
};
/* sent: leaf first, not empty. trust may be NULL. Bounded by the number of certificates; names and key identifiers, no
 * signatures. */
void sw_chain_shape(struct sw_chain_shape *out, STACK_OF(X509) * sent, const struct sw_trust *trust);
/* The way from a leaf upwards over what came with it. */
struct sw_chain_span {
	int64_t not_after;           /* when the first certificate on it expires */
	char first[256];             /* whose subject this is */
	char top[256];               /* the issuer that the last one names: the root, when nothing is missing */
};
void sw_chain_span(struct sw_chain_span *out, X509 *leaf, STACK_OF(X509) * rest);
/* The certificates after the first, or NULL when there are none: for sw_chain_judge. The stack alone is the caller's:
 * sk_X509_free. */
STACK_OF(X509) * sw_chain_rest(STACK_OF(X509) * sent);
/* More than one and CAs alone: a list, which has no order. */
bool sw_chain_is_list(STACK_OF(X509) * certs);
/* One certificate in DER, as some tools export it, appended to out. SW_ECONF with diag. */
int sw_chain_from_der(STACK_OF(X509) * out, struct sw_str der, const char *name, struct sw_diag *diag) SW_MUSTCHECK;
/* A file with a leaf, and one with its intermediates or NULL, as one chain, appended to out. SW_ECONF with diag. */
int sw_chain_from_files(STACK_OF(X509) * out, const char *cert, const char *chain, struct sw_diag *diag) SW_MUSTCHECK;
/* Does the key in that file belong to the certificate? SW_ECONF with diag where not, or where it can't be read. password: as in
 * sw_conf_cert. */
int sw_chain_key_fits(const struct sw_conf_cert *set, struct sw_diag *diag) SW_MUSTCHECK;
/* The CAs this system trusts: $SSL_CERT_FILE, or OpenSSL's file, or Debian's; path[256] tells which. SW_ENOTFOUND: none. */
int sw_trust_system(struct sw_trust **out, char path[256], struct sw_diag *diag) SW_MUSTCHECK;
