/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * TLS contexts. A context is immutable once made, so connections of several
 * threads use it together; a reload makes new ones, old connections keep theirs.
 */
#include <openssl/ssl.h>
#include "conf/conf.h"
#include "core/diag.h"
#include "tls/x509.h"

struct sw_tls_ctx;

/*
 * Server side, for a listener: certificate sets (default and by SNI), suites, no resumption on mutual TLS, client
 * certificate asked for (tls) or required (mtls). union_trust: CAs of every zone on the listener, may be NULL for a
 * "tls" listener (then any chain is only *recorded* as unproved). On "mtls" a chain that no zone's list vouches for
 * fails in the handshake, with the alert that fits; on "tls" it never fails for the client's certificate, unless it comes
 * as one of more than 32.
 * The most lenient eku policy among the listener's zones is used here; the zone's own is applied at admission.
 * Checks: key matches certificate, RSA >= 2048 (refused) and >= 3072 (warned below), certificate dates, chain order,
 * key file not readable by others (refused).
 */
int sw_tls_ctx_server(struct sw_tls_ctx **out, const struct sw_conf *conf, const struct sw_conf_listener *l,
		      const struct sw_trust *union_trust, enum sw_eku_policy eku, struct sw_diag *diag) SW_MUSTCHECK;
/* Client side, for a zone. The server's chain is judged in the handshake against trust, under the zone's policy. */
int sw_tls_ctx_client(struct sw_tls_ctx **out, const struct sw_conf *conf, const struct sw_conf_zone *z,
		      const struct sw_trust *trust, struct sw_diag *diag) SW_MUSTCHECK;
/*
 * Server side, before it is shared: from now on our certificates that name an OCSP responder are asked about in ocsps, and their answers
 * stapled for who asks for one.
 */
struct sw_ocsps;
void sw_tls_ctx_staple(struct sw_tls_ctx *c, struct sw_ocsps *ocsps);
/*
 * May c take the place of old? Not with a certificate of ours that peers would refuse (out of its dates, or with issuers that did not
 * issue it) and that none of old presents already: what works stays till what is better is there. SW_ECONF, each told with its file.
 */
int sw_tls_ctx_may_replace(const struct sw_tls_ctx *c, const struct sw_tls_ctx *const *old, size_t n_old, struct sw_diag *diag) SW_MUSTCHECK;
struct sw_tls_ctx *sw_tls_ctx_ref(struct sw_tls_ctx *c);
void sw_tls_ctx_unref(struct sw_tls_ctx *c);

/* Facts of one finished (or failed) handshake. The struct owns what it points to. */
struct sw_tls_peer {
	bool has_cert;
	struct sw_identity *identity;      /* NULL when there was no certificate */
	struct sw_chain_result chain;      /* against the context's trust list */
	char version[16];                  /* "TLSv1.3" */
	char cipher[64];
	char group[32];
	char sni[256];                     /* as sent, "" for none */
	X509 *leaf;                        /* for judging again; owned */
	STACK_OF(X509) *untrusted;         /* what the peer sent beside the leaf; owned; may be NULL */
	struct sw_ocsp_result *staple;     /* what its stapled OCSP answer says; owned; NULL: it wasn't asked for one */
};
void sw_tls_peer_clear(struct sw_tls_peer *p);
/* Into a cleared *dst: certificates are shared, the identity is read anew. SW_ENOMEM. */
int sw_tls_peer_copy(struct sw_tls_peer *dst, const struct sw_tls_peer *src) SW_MUSTCHECK;
/* Bytes of memory its certificates take, about. */
size_t sw_tls_peer_size(const struct sw_tls_peer *p);
