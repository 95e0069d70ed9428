/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a certificate says about its holder, as plain data: typed names, keys,
 * dates, and how its chain was judged. Facts only; whether they suffice is
 * decided in src/zone. No OpenSSL type appears here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/reason.h"

enum sw_name_type { SW_NAME_URI, SW_NAME_DNS, SW_NAME_IP, SW_NAME_SRV, SW_NAME_EMAIL, SW_NAME_CN, SW_NAME_OTHER };

enum {
	SW_NAMES_MAX = 1000,     /* subjectAltName entries looked at; more is malformed */
	SW_NAME_LEN_MAX = 1024,
};

struct sw_name {
	enum sw_name_type type;
	bool malformed;      /* NUL, 8-bit byte, space, empty label, over-long: never matches */
	char *value;         /* as in the certificate, unprintables as \xHH; URI: the whole URI; IP: text form */
	char *host;          /* URI:sip without user part, DNS, CN of valid DNS form, SRV: the host in lower case without trailing dot; else NULL */
	char *scheme;        /* URI: lower case; SRV: the service label without '_' */
	bool user;           /* URI with a user part: never a domain identity (RFC 5922 E2) */
	struct sw_addr addr; /* IP */
};

enum { SW_EKU_SERVER = 1, SW_EKU_CLIENT = 2, SW_EKU_ANYEKU = 4, SW_EKU_SIPDOMAIN = 8, SW_EKU_OTHER = 16, SW_EKU_NONE = 32 /* no extension */ };

struct sw_identity {
	struct sw_name *names;       /* every subjectAltName in order, then the last CN of the subject (type CN) */
	size_t n_names;
	bool has_san;                /* there is a subjectAltName extension, of any content */
	bool malformed;              /* SAN unreadable, more than SW_NAMES_MAX names, ... : no identity at all */
	char subject[256], issuer[256], serial[64];
	uint8_t spki_sha256[32];
	uint8_t cert_sha256[32];
	int64_t not_before, not_after;   /* seconds since 1970 */
	unsigned eku;                /* of the leaf: set of SW_EKU_* */
	int key_bits;
	char key_type[16];           /* "RSA", "EC", "ED25519" */
	char sig_digest[16];         /* "SHA256" */
};

void sw_identity_free(struct sw_identity *id);   /* frees id itself too; NULL is fine */
/* "dns:a.example, uri:sip:b.example, cn:x" for the log; at most size bytes, "..." when cut. */
const char *sw_identity_names_text(const struct sw_identity *id, char *dst, size_t size);
const char *sw_name_type_name(enum sw_name_type t);

/* How a chain was judged against one trust list. */
struct sw_chain_result {
	enum sw_reason reason;       /* SW_R_OK or SW_R_TLS_* ; zero denies */
	int x509_error;              /* X509_V_* of the failure, 0 when ok */
	int depth;                   /* where */
	char error_text[240];        /* OpenSSL's text; of a CRL that is missing also where it was looked for; when ok, what OCSP left open */
	char subject[256];           /* of the certificate at fault */
	bool server_purpose;         /* accepted by the second pass, as a server's certificate */
	int64_t not_after;           /* the earliest of the verified chain */
	uint8_t issuer[32];          /* SHA-256 of the certificate that issued the leaf in the verified chain; zeros: none */
	bool ocsp_pending;           /* ok, but its first OCSP answer is still on the way */
	uint8_t ocsp_key[32];        /* then: what to wait for (tls/ocsps.h) */
	int64_t fresh_until;         /* not_after, or sooner: when the first CRL it was cleared by is out of date */
};
/* "certificate has expired at depth 0 (CN=...)" */
struct sw_verdict sw_chain_verdict(const struct sw_chain_result *r);
