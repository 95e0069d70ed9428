/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the TLS probes of one endpoint share. */
#include "check/check.h"
#include "tls/describe.h"
#include "tls/probe.h"
#include "tls/shape.h"

/* One handshake's facts beside what is judged by. Everything in it belongs to the probe that made it. */
struct sw_tls_case {
	struct sw_check *c;
	const struct sw_endpoint *e;
	const char *subject; /* sw_endpoint_text */
	const struct sw_tls_probe *p;
	const struct sw_trust *trust; /* NULL: none could be had */
	const char *trust_name;       /* "the CAs of /etc/ssl/certs/ca-certificates.crt" */
	bool system_trust;
	const struct sw_zone *zone;                          /* the one that calls it, compiled; or NULL */
	struct sw_cert_facts *facts[SW_TLS_PROBE_CERTS_MAX]; /* of the chain as sent; [0] is the leaf */
	size_t n_facts;
	struct sw_chain_shape shape;
	struct sw_chain_result chain;
};

/* --- tls.c --- */
/* The settings every probe of the endpoint begins with: address, SNI, time, stop. ours: NULL for no certificate. */
void sw_tls_settings(struct sw_check *c, const struct sw_endpoint *e, const struct sw_conf_cert *ours,
		     struct sw_tls_probe_opts *o);
/* The name sent as SNI: the host, or NULL for an address. */
const char *sw_tls_server_name(const struct sw_endpoint *e);
/* The name the certificate must carry: the domain, else the host; NULL for an address. */
const char *sw_tls_reference(const struct sw_endpoint *e);
/* Is a client certificate needed here, by what is known before asking? */
bool sw_tls_mutual(const struct sw_check *c, const struct sw_endpoint *e);
/* Ours: --cert, else what the zone shows. Borrowed from the options. False: there is none. */
bool sw_tls_ours(const struct sw_check *c, const struct sw_endpoint *e, struct sw_conf_cert *out);
/* What the zone (or NULL), --ca or the system trusts. *out is the caller's; name says which. */
int sw_tls_trust(struct sw_check *c, const struct sw_conf_zone *zone, struct sw_trust **out, char name[300],
		 bool *system) SW_MUSTCHECK;
/* What the profile demands of TLS. Where its source is hearsay it is told, and not held against anybody: SKIP with a hint. */
struct sw_finding *sw_tls_report_profile(struct sw_check *c, enum sw_finding_id id, enum sw_check_status status, const char *subject,
					 const char *expected, const char *found);
bool sw_tls_known_root(const struct sw_profile *p, const struct sw_chain_shape *s, const struct sw_profile_root **root);

/* --- the judges; each reports --- */
void sw_tls_judge_chain(struct sw_tls_case *t);                /* tls_chain.c: form, way to a root, dates, purposes */
/* What reports draw the time line of certificates from. */
void sw_tls_add_certificate(struct sw_check *c, struct sw_finding *f, const struct sw_identity *id);
void sw_tls_judge_keys(struct sw_tls_case *t);                 /* tls_keys.c: keys, digests, signature of the handshake */
void sw_tls_judge_names(struct sw_tls_case *t);                /* tls_names.c */
void sw_tls_judge_zone(struct sw_tls_case *t, unsigned depth); /* tls_names.c: as the daemon */
void sw_tls_judge_revocation(struct sw_tls_case *t);           /* tls_revocation.c */
void sw_tls_judge_addresses(struct sw_tls_case *t);            /* tls_seen.c: the same target's other addresses */

/* --- probes of their own, spawned by tls.c --- */
void sw_tls_spawn(struct sw_check *c, const struct sw_endpoint *e, const char *what,
		  sw_probe_fn *fn);                          /* arg: struct sw_endpoint */
void sw_tls_probe_settings(struct sw_check *c, void *arg);   /* tls_settings.c: versions, suites, groups */
void sw_tls_probe_resumption(struct sw_check *c, void *arg); /* tls_settings.c: resumption, renegotiation */
void sw_tls_probe_sni(struct sw_check *c, void *arg);        /* tls_client.c: without SNI */
void sw_tls_probe_bare(struct sw_check *c, void *arg);       /* tls_client.c: without a certificate of ours */

/* --- tls_client.c: how the server takes certificates, after the handshake and the first read --- */
/* Before anything is asked over p: a certificate that is refused only after the handshake is refused now, if ever. */
void sw_tls_settle(struct sw_check *c, struct sw_tls_probe *p);
void sw_tls_judge_client(struct sw_check *c, const struct sw_endpoint *e, const struct sw_tls_probe *p, bool shown);
void sw_tls_judge_ca_list(struct sw_check *c, const struct sw_endpoint *e, const struct sw_tls_probe *p, bool shown);
