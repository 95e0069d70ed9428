/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Private to src/dns and pre-flight: what stands in a record, read from its uncompressed RDATA. Pure. SW_EPARSE when it isn't
 * what its type says; names as in dns/wire.h.
 */
#include "dns/dns.h"

enum {
	SW_RR_NS = 2, SW_RR_CNAME = 5, SW_RR_SOA = 6, SW_RR_DS = 43, SW_RR_RRSIG = 46, SW_RR_DNSKEY = 48, SW_RR_TLSA = 52, SW_RR_CAA = 257,
};

struct sw_soa {
	char primary[SW_DNS_NAME_MAX];
	uint32_t serial, refresh, retry, expire, minimum;
};

/* RFC 6698 2.1; data is borrowed. */
struct sw_tlsa {
	uint8_t usage, selector, matching;
	const uint8_t *data;
	size_t len;
};

/* RFC 8659 4.1; value is borrowed. */
struct sw_caa {
	bool critical;
	char tag[32];                        /* lower case */
	const uint8_t *value;
	size_t len;
};

int sw_record_addr(struct sw_addr *out, uint16_t type, const uint8_t *rdata, size_t len) SW_MUSTCHECK;
int sw_record_name(char out[SW_DNS_NAME_MAX], const uint8_t *rdata, size_t len) SW_MUSTCHECK;   /* NS, CNAME */
int sw_record_soa(struct sw_soa *out, const uint8_t *rdata, size_t len) SW_MUSTCHECK;
/* Fills out->srv or out->naptr, and out->type. */
int sw_record_srv(struct sw_dns_rr *out, const uint8_t *rdata, size_t len) SW_MUSTCHECK;
int sw_record_naptr(struct sw_dns_rr *out, const uint8_t *rdata, size_t len) SW_MUSTCHECK;
int sw_record_tlsa(struct sw_tlsa *out, const uint8_t *rdata, size_t len) SW_MUSTCHECK;
int sw_record_caa(struct sw_caa *out, const uint8_t *rdata, size_t len) SW_MUSTCHECK;

/* What is wrong with the fields of a TLSA record (RFC 6698, RFC 7671), or NULL. */
const char *sw_tlsa_fault(const struct sw_tlsa *t);
/*
 * The domain of an issue or issuewild value, lower case, without its parameters; "" is ";": nobody may issue. SW_EPARSE where the
 * value is not of the form of RFC 8659 4.2: then it forbids all.
 */
int sw_caa_issuer(char out[SW_DNS_NAME_MAX], const struct sw_caa *caa) SW_MUSTCHECK;
