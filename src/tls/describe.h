/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A certificate described: what identity.h holds and the rest an operator asks about, as plain data; and what is odd about it. */
#include <openssl/x509.h>
#include "core/buf.h"
#include "tls/identity.h"
#include "tls/tls.h"

enum { SW_FACTS_URLS_MAX = 8, SW_FACTS_ODD_MAX = 16 };

struct sw_cert_facts {
	struct sw_identity *id;        /* owned */
	int version;                   /* 3 */
	bool ca;
	long path_len;                 /* -1: no bound */
	bool self_issued;              /* subject and issuer are the same */
	bool must_staple;
	char key_usage[160];           /* "digitalSignature, keyCertSign"; "" without the extension */
	char eku[256];                 /* "serverAuth, clientAuth"; "" without the extension */
	char signature[64];            /* "ecdsa-with-SHA256" */
	char curve[32];                /* of an EC key */
	char crl[SW_FACTS_URLS_MAX][256], ocsp[SW_FACTS_URLS_MAX][256];
	char fetch[SW_FACTS_URLS_MAX][256];   /* where its issuer's certificate can be had (caIssuers) */
	size_t n_crl, n_ocsp, n_fetch;
	char constraints[400];         /* "permits dns:example.net, excludes email:..."; "" without the extension */
	char odd[SW_FACTS_ODD_MAX][160];
	size_t n_odd;
};
/* next: the certificate that follows in the chain, or NULL; x should be issued by it. now: what "expired" means. */
int sw_cert_facts_read(struct sw_cert_facts **out, X509 *x, X509 *next, int64_t now) SW_MUSTCHECK;
void sw_cert_facts_free(struct sw_cert_facts *f);
/* In plain words, at: its place in the chain; and as one JSON object. */
void sw_cert_facts_text(const struct sw_cert_facts *f, int at, struct sw_buf *out);
void sw_cert_facts_json(const struct sw_cert_facts *f, struct sw_buf *out);
/* What a peer showed, leaf first, the first eight: the text of each, or one JSON array. */
int sw_tls_peer_describe(const struct sw_tls_peer *p, int64_t now, bool json, struct sw_buf *out) SW_MUSTCHECK;
