/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the DNS probes share: asking, the zone a name is in, and its SRV records. */
#include "check/check.h"
#include "dns/dnssec.h"
#include "dns/lookup.h"

enum { SW_DNSCHECK_SERVERS = 8, SW_DNSCHECK_AUTHORITIES = 26 };

/* The servers the run asks: --dns, the configuration's, or the system's. */
size_t sw_dnscheck_resolvers(const struct sw_check *c, struct sw_addr out[SW_DNSCHECK_SERVERS]);
/*
 * Asks them in turn until one knows, with RD and EDNS; dnssec adds DO and CD. *out is the caller's, and the last one's answer
 * where none knew; NULL when the name is none or memory is out. True: sw_lookup_known.
 */
bool sw_dnscheck_ask(struct sw_check *c, const char *name, uint16_t type, bool dnssec, struct sw_lookup **out) SW_MUSTCHECK;
/* "NXDOMAIN", "no such record", or why nothing is known. */
const char *sw_dnscheck_why(const struct sw_lookup *l, char dst[200]);
/* A domain's name as what a probe is about. */
int sw_dnscheck_spawn(struct sw_check *c, const char *name, const char *what, sw_probe_fn *fn);

struct sw_srv_target {
	uint16_t priority, weight, port;
	char host[SW_DNS_NAME_MAX];          /* "": the service is declared absent */
	uint32_t ttl;
};
/* The SRV records of an answer, by priority, then host and port. At most SW_DNS_SRV_MAX; *malformed counts what is none. */
size_t sw_dnscheck_srv(const struct sw_lookup *l, const char *name, struct sw_srv_target out[SW_DNS_SRV_MAX], unsigned *malformed);
/* The addresses of an answer. */
size_t sw_dnscheck_addresses(const struct sw_lookup *l, const char *name, uint16_t type, struct sw_addr *out, size_t max);

/* "10 10 5061 e1.example.com., ..." in their order; "none". */
void sw_dnscheck_srv_text(const struct sw_lookup *l, const char *owner, char *dst, size_t size);
/* The zone the name is in, by the SOA found upwards from it. False: why tells. */
bool sw_dnscheck_zone(struct sw_check *c, const char *name, char zone[SW_DNS_NAME_MAX], char why[200]);

/* What is wrong with a set of SRV records by itself; pure. Each NULL where nothing is. */
struct sw_srv_faults {
	char duplicate[300], weight[200], absent[120], port[300];    /* "" where nothing is wrong */
};
void sw_srv_judge(struct sw_srv_faults *out, const struct sw_srv_target *v, size_t n);
/* What is wrong with one NAPTR record of a domain (RFC 3263 4.1), or NULL. */
const char *sw_naptr_fault(const struct sw_dns_rr *naptr, const char *domain);

/* The label the profile looks for, "_sips._tcp"; the zone's transport decides where there is a zone. */
const char *sw_dnscheck_label(const struct sw_check *c, const char *domain);
/* Is the domain one that -f says is ours? */
bool sw_dnscheck_is_local(const struct sw_check *c, const char *domain);

enum sw_caa_verdict {
	SW_CAA_CA_UNKNOWN,       /* zero: the records name CAs, and which of them the issuer is, is not known */
	SW_CAA_ALLOWED,
	SW_CAA_FORBIDDEN,
	SW_CAA_CRITICAL,         /* a tag nobody knows, marked critical: every CA refuses */
};
/* RFC 8659 4, pure. v: the relevant set; wildcard: of the name; cas: domains of the issuer, separated by spaces, or NULL. */
enum sw_caa_verdict sw_caa_judge(const struct sw_caa *v, size_t n, bool wildcard, const char *cas);
/* The domains by which CAA knows an issuer, by what its name says; NULL: none is known. */
const char *sw_caa_domains(const char *issuer);

struct sw_tls_probe;
struct sw_identity;
/*
 * From the TLS stage: an endpoint showed this chain. What DNS says of it is looked at in probes of their own: CAA against who
 * issued it, TLSA against itself. top: the issuer of the last certificate sent; trusted: it was found good by the CAs.
 */
void sw_dnscheck_shown(struct sw_check *c, const struct sw_endpoint *e, const struct sw_tls_probe *p, const struct sw_identity *leaf, const char *top,
		       bool trusted);
void sw_dnscheck_caa(struct sw_check *c, const struct sw_identity *leaf, const char *top);    /* dns_caa.c */
void sw_dnscheck_dane(struct sw_check *c, const char *host, uint16_t port, const char *owner);  /* dns_dane.c: what is published, once a target */

/* Judges records from the trust anchor down: --trust-anchor's, or the root's. One thread's. Set c, and what is known already. */
struct sw_dnscheck_secure {
	struct sw_check *c;
	const char *name;                    /* of held; borrowed */
	uint16_t type;
	struct sw_lookup *held;              /* borrowed: judged as it is, not asked for anew: what is used is what was judged */
	struct sw_anchors *anchors;
	struct sw_dnssec *judge;
};
int sw_dnscheck_secure_new(struct sw_dnscheck_secure *s, char why[200]) SW_MUSTCHECK;
void sw_dnscheck_secure_free(struct sw_dnscheck_secure *s);

/* --- the probes; arg is the domain's name --- */
void sw_dnscheck_records(struct sw_check *c, void *arg);     /* dns_srv.c: SRV, targets, endpoints */
void sw_dnscheck_services(struct sw_check *c, void *arg);    /* dns_naptr.c: NAPTR, other labels */
void sw_dnscheck_proof(struct sw_check *c, void *arg);       /* dns_proof.c */
void sw_dnscheck_authorities(struct sw_check *c, void *arg); /* dns_auth.c: the zone's servers, split horizon */
void sw_dnscheck_dnssec(struct sw_check *c, void *arg);      /* dns_sec.c */
void sw_dnscheck_resolvers_probe(struct sw_check *c);        /* dns_resolver.c: once a run */
