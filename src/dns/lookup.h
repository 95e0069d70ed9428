/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One question to one server, and all that came back: for pre-flight, which asks servers for what the daemon's resolver hides.
 * Blocks, within bounds: for threads of the operator's command, never on a loop. The checks of what is an answer are the
 * daemon's (dns/wire.h).
 */
#include "dns/dns.h"
#include "dns/record.h"

enum { SW_LOOKUP_RRS = 256 };

struct sw_lookup_question {
	const char *name;            /* as in dns/wire.h; "" is the root */
	uint16_t type;
	struct sw_addr server;
	bool recurse;                /* RD */
	bool dnssec;                 /* DO and CD */
	bool tcp;                    /* TCP at once */
	bool udp_only;               /* a truncated answer is left as it is */
	uint16_t udp_size;           /* of EDNS; 0: none */
	unsigned tries;              /* over UDP; 0 is 2 */
	uint64_t ms;                 /* for all of it */
	int stop_fd;                 /* readable: give up; -1: none */
};

enum sw_lookup_end {
	SW_LOOKUP_SILENT,            /* zero: nothing known; no answer in time */
	SW_LOOKUP_ANSWERED,          /* rcode tells how */
	SW_LOOKUP_UNREACHED,         /* refused, no route, closed */
	SW_LOOKUP_GARBLED,           /* an answer that is no DNS message */
	SW_LOOKUP_STOPPED,
};

enum sw_lookup_section { SW_SECTION_ANSWER, SW_SECTION_AUTHORITY, SW_SECTION_ADDITIONAL };

struct sw_lookup_rr {
	char owner[SW_DNS_NAME_MAX]; /* lower case; "" is the root */
	uint16_t type;
	enum sw_lookup_section section;
	uint32_t ttl;
	uint8_t *rdata;              /* uncompressed; owned by the lookup */
	size_t len;
};

struct sw_lookup {
	enum sw_lookup_end end;
	struct sw_addr server;
	unsigned rcode;              /* with the extended bits */
	bool aa, ad, ra;
	bool truncated;              /* over UDP it was */
	bool tcp;                    /* the answer, or the failure, is TCP's */
	bool edns;                   /* the answer has OPT */
	bool dnssec;                 /* with DO: who answered knows DNSSEC (RFC 3225) */
	bool edns_refused;           /* it answered only when asked without */
	uint16_t udp_size;           /* its OPT's */
	size_t size;                 /* bytes of the message */
	struct sw_lookup_rr *rrs;    /* those with names as in dns/wire.h, at most SW_LOOKUP_RRS */
	size_t n;
	uint64_t ms;
	int error;                   /* errno of SW_LOOKUP_UNREACHED, or 0 */
	char detail[160];            /* of a failure: server and what happened */
	unsigned refs;               /* beyond the first */
	struct ldns_struct_pkt *pkt; /* for dns/dnssec.c; NULL where nothing was answered */
};

/* *out is the caller's, whatever its end. Fails with SW_EINVALID (the name) or SW_ENOMEM alone. */
int sw_lookup(struct sw_lookup **out, const struct sw_lookup_question *q) SW_MUSTCHECK;
void sw_lookup_free(struct sw_lookup *l);   /* NULL is fine */
struct sw_lookup *sw_lookup_ref(struct sw_lookup *l);   /* one more to free; of one thread */
/* The same of a message that is there already. SW_EPARSE: it is none. */
int sw_lookup_read(struct sw_lookup **out, const uint8_t *msg, size_t len) SW_MUSTCHECK;
/* NOERROR or NXDOMAIN: the server knew. */
bool sw_lookup_known(const struct sw_lookup *l);
/* The next record of that type in the answer section that name owns, or the end of its CNAME chain; start with NULL. */
const struct sw_lookup_rr *sw_lookup_next(const struct sw_lookup *l, const char *name, uint16_t type, const struct sw_lookup_rr *after);
/* Where the CNAME chain in the answer ends, "" when it loops. False: there is no chain, out is name. */
bool sw_lookup_canonical(const struct sw_lookup *l, const char *name, char out[SW_DNS_NAME_MAX]);
/* The zone that name is in, where this answer has its SOA. */
bool sw_lookup_soa_owner(const struct sw_lookup *l, const char *name, char zone[SW_DNS_NAME_MAX]);
const char *sw_rcode_text(unsigned rcode);   /* "NXDOMAIN" */

/* The servers conf names, or those of the system: at most max. */
size_t sw_lookup_servers(struct sw_addr *out, size_t max, const struct sw_conf_dns *conf);
