/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One handshake with settings of the caller's choice, to learn what a server does: for threads of the operator's command.
 * Blocks, within bounds: never on a loop. The threads must have SIGPIPE blocked or ignored. Nothing is enforced here: a chain of
 * any worth and versions and suites of any age are let through and told.
 *
 * TLS 1.3 lets a client finish before the server has judged its certificate: a handshake that is up proves nothing of mutual TLS
 * until something was read (sw_tls_probe_settle, sw_tls_probe_recv), and "end" then changes to SW_TLS_END_LATE. Settling before
 * anything is sent tells a refused certificate from a request that was not liked, where the server gives no alert.
 */
#include <openssl/x509.h>
#include "conf/conf.h"
#include "core/addr.h"

enum sw_tls_end {
	SW_TLS_END_NONE, /* never tried, or out of memory */
	SW_TLS_END_UP,
	SW_TLS_END_LATE,   /* up for us, then refused: an alert, or closed before anything was asked */
	SW_TLS_END_HUNG_UP, /* up, and closed without an alert upon what we sent: for whichever reason */
	SW_TLS_END_ALERT,  /* refused with an alert */
	SW_TLS_END_CLOSED, /* closed or reset in the handshake, without a word */
	SW_TLS_END_TIMEOUT,
	SW_TLS_END_NOT_TLS,     /* what came is no TLS */
	SW_TLS_END_UNREACHABLE, /* no TCP connection */
	SW_TLS_END_STOPPED,
	SW_TLS_END_PROTOCOL, /* the server breaks the protocol, or our bounds; detail says how */
	SW_TLS_END_OURS, /* our own settings can't be used: a suite or group OpenSSL does not have, a certificate without key */
};

enum {
	SW_TLS_PROBE_CERTS_MAX = 32,         /* kept of what a server sends */
	SW_TLS_PROBE_CHAIN_BYTES = 64 << 10, /* of certificates taken at all; beyond: SW_TLS_END_PROTOCOL, chain_too_long */
	SW_TLS_PROBE_CA_NAMES_MAX = 1000,    /* kept of the acceptable CAs; all are counted */
};

struct sw_tls_probe;

struct sw_tls_probe_opts {
	struct sw_addr addr;
	const char *server_name;           /* SNI; NULL: none */
	int min, max;                      /* 0x0301 (TLS 1.0) ... 0x0304; 0: what OpenSSL has */
	const char *suites12;              /* OpenSSL names by ':'; NULL: all there are, weak ones too */
	const char *suites13;              /* NULL: all */
	const char *groups;                /* by ':'; NULL: OpenSSL's */
	const char *sigalgs;               /* NULL: OpenSSL's, with the weak ones */
	const struct sw_conf_cert *cert;   /* shown when asked for; NULL: none */
	bool status_request;               /* ask for a stapled OCSP answer */
	const struct sw_tls_probe *resume; /* an earlier one whose session is offered; NULL: a full handshake */
	uint64_t ms;                       /* TCP and handshake together */
	int stop_fd;                       /* readable: give up; -1: none */
};

struct sw_tls_probe_io;

/* What was learnt; read only. Owned: sw_tls_probe_free. */
struct sw_tls_probe {
	enum sw_tls_end end;
	char detail[200];                                      /* what happened, for a reader; "" when up */
	int alert;                                             /* the server's, -1: none */
	char version[16], suite[64], group[32], signature[48]; /* "TLSv1.3", ..., "RSA-PSS with SHA256"; "" unknown */
	char signature_digest[16];
	int group_nid;         /* of group; 0: unknown */
	X509 *leaf;            /* also after a failure that came later; NULL: none was shown */
	STACK_OF(X509) * sent; /* as sent, leaf first; NULL with leaf */
	size_t n_sent;         /* also those not kept */
	bool chain_too_long;
	bool cert_asked;          /* the server asked for a certificate of ours */
	char **cas;               /* names of the CAs it takes, RFC 2253 form */
	size_t n_cas, n_cas_told; /* kept, and sent */
	size_t ca_bytes;
	bool ca_names_ours; /* among them is an issuer of the certificate we have to show */
	uint8_t *staple;    /* DER, or NULL */
	size_t staple_len;
	bool resumable, resumed;
	bool secure_renegotiation; /* RFC 5746, or TLS 1.3 */
	bool compressed;
	char first[6]; /* SW_TLS_END_NOT_TLS: its first bytes, unprintables as '.' */
	struct sw_addr local;
	uint64_t ms_tcp, ms_tls; /* how long each took */
	struct sw_tls_probe_io *io;
};

/* Always *out, unless SW_ENOMEM; what happened is in end. */
int sw_tls_probe_open(struct sw_tls_probe **out, const struct sw_tls_probe_opts *o) SW_MUSTCHECK;
void sw_tls_probe_free(struct sw_tls_probe *p);
/* The connection is closed; what was learnt stays, and so does the session. For servers that serve one at a time. */
void sw_tls_probe_hang_up(struct sw_tls_probe *p);
/* Waits at most ms for a refusal that comes late. Bytes that came instead are kept for recv. False: it was refused (or is gone).
 */
bool sw_tls_probe_settle(struct sw_tls_probe *p, uint64_t ms);
/* All of it, or SW_ETIMEOUT, SW_ECLOSED, SW_EAGAIN (stopped). */
int sw_tls_probe_send(struct sw_tls_probe *p, const void *buf, size_t n, uint64_t ms) SW_MUSTCHECK;
/* Some bytes, or SW_ETIMEOUT, SW_ECLOSED (end is LATE or HUNG_UP when nothing was ever read), SW_EAGAIN (stopped). */
ssize_t sw_tls_probe_recv(struct sw_tls_probe *p, void *buf, size_t n, uint64_t ms) SW_MUSTCHECK;
/* TLS 1.2: asks for a renegotiation. 1: the server did it, 0: it refused, or SW_ETIMEOUT, SW_EAGAIN, SW_EINVALID. The connection
 * is spent. */
int sw_tls_probe_renegotiate(struct sw_tls_probe *p, uint64_t ms) SW_MUSTCHECK;
bool sw_tls_has_group(const char *name); /* does our OpenSSL know it? */
bool sw_tls_chose_group(const struct sw_tls_probe *p, const char *name); /* "P-256", "X25519": was it the one? */
/* The curve of the leaf's key as a group, "P-256"; "" for keys of other kinds. */
const char *sw_tls_leaf_group(const struct sw_tls_probe *p);
/* What an alert means and which end has to change; ours_shown: a certificate of ours was shown. */
const char *sw_tls_alert_meaning(int alert, bool ours_shown);
const char *sw_tls_alert_text(int alert); /* "unknown CA" */
/* A thread that made probes is about to end: what OpenSSL keeps of it goes now, not at a time of the C library's choosing. */
void sw_tls_thread_end(void);
