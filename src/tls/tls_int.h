/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Private to src/tls. */
#include <stdatomic.h>
#include <openssl/ssl.h>
#include "tls/crl_int.h"
#include "tls/ocsps.h"
#include "tls/stream.h"
#include "tls/tls.h"

/* --- pem.c: certificates and CRLs out of files; faults go to diag with the file's name --- */
/* Appends every certificate of the file to out. SW_ECONF when it can't be read, is malformed or holds none. */
int sw_pem_certs(STACK_OF(X509) *out, const char *path, struct sw_diag *diag) SW_MUSTCHECK;
/* For CRLs DER will do as well. */
int sw_pem_crls(STACK_OF(X509_CRL) *out, const char *path, struct sw_diag *diag) SW_MUSTCHECK;
/* The same from text; name stands for the file in diag. */
int sw_pem_certs_text(STACK_OF(X509) *out, struct sw_str text, const char *name, struct sw_diag *diag) SW_MUSTCHECK;
int sw_pem_crls_text(STACK_OF(X509_CRL) *out, struct sw_str text, const char *name, struct sw_diag *diag) SW_MUSTCHECK;
/* An encrypted block is no certificate: without this callback OpenSSL asks for its password on the terminal. */
int sw_pem_no_password(char *buf, int size, int rw, void *arg);
/* The oldest error in this thread's queue as text, then an empty queue. */
void sw_openssl_error(char *dst, size_t size);

/* --- extract.c --- */
/* RFC 2253 form, ASCII alone, "..." when cut. */
void sw_x509_name_text(const X509_NAME *name, char *dst, size_t size);
/* Set of SW_EKU_*. */
unsigned sw_x509_eku(const X509 *x);
int64_t sw_asn1_time(const ASN1_TIME *t);   /* seconds since 1970; 0 when malformed */

/* --- trust.c --- */
enum { SW_DIGEST_LEN = 32 };
struct sw_trust {
	atomic_uint refs;            /* contexts and the one sw_trust_load made */
	unsigned char id[SW_DIGEST_LEN];  /* of its CAs and CRLs in their order: equal lists are one to vouched.c */
	bool incomplete;             /* a part of it could not be had yet: whom the rest does not vouch for is undecided */
	X509_STORE *store;
	STACK_OF(X509) *cas;
	STACK_OF(X509_CRL) *crls;
	struct sw_crls *fetched;     /* a reference; NULL: its own CRLs are all */
};
struct sw_trust *sw_trust_ref(const struct sw_trust *t);
/* sw_trust_load, of what is there: incomplete, the list may be empty. */
int sw_trust_load_part(struct sw_trust **out, const struct sw_strlist *files, const struct sw_strlist *crls, bool incomplete,
		       struct sw_diag *diag) SW_MUSTCHECK;

/* --- vouched.c: chains that were found good. Any thread. --- */
struct sw_vouched_key {
	unsigned char digest[SW_DIGEST_LEN];
};
/* False when this kind of judgement isn't remembered. crls: the serial of the fetched CRLs it is judged with; 0: none. */
bool sw_vouched_key(struct sw_vouched_key *k, X509 *leaf, STACK_OF(X509) *untrusted, const struct sw_trust *trust,
		    const struct sw_chain_policy *policy, uint64_t crls);
bool sw_vouched_find(const struct sw_vouched_key *k, int64_t now, struct sw_chain_result *out);
void sw_vouched_put(const struct sw_vouched_key *k, int64_t now, const struct sw_chain_result *r);

/* --- chain.c --- */
/* A store's CRLs come with those fetched, and what was used is noted. */
void sw_chain_store(X509_STORE *store);

/* --- known.c: certificates of accepted chains, to be shared. Any thread. --- */
enum { SW_KNOWN_CERT_MAX = 16 << 10 };  /* bytes */
/* A new reference to the certificate that has these bytes, or NULL. */
X509 *sw_known_find(const unsigned char *der, size_t n);
/* Keeps x, of a chain that was accepted; issuer: it is not the leaf. */
void sw_known_put(X509 *x, bool issuer);
void sw_known_forget(void);    /* all of them */

/* --- decode.c: between these, in this thread, libssl's certificates are made the fast way. Not nested. --- */
void sw_decode_begin(void);
void sw_decode_end(void);

/* --- path.c --- */
enum {
	SW_PATHS_MAX = 64,
	SW_PATH_LEN_MAX = 16,          /* the leaf not counted, the root counted */
	SW_PATH_SIGNATURES_MAX = 256,  /* a key that is slow to check with counts as several */
	SW_PATH_COMPARISONS_MAX = 200000,
};
struct sw_path {
	X509 *issuers[SW_PATH_LEN_MAX];  /* the leaf's issuer first, a self-signed CA of the list last; not owned */
	int n;
};
struct sw_paths {
	struct sw_path v[SW_PATHS_MAX];
	int n;
	unsigned signatures;           /* work done */
	unsigned comparisons;
	bool cut;                      /* a bound was reached: there may be more */
};
/*
 * Every way from leaf to a self-signed CA of cas over certificates of untrusted and cas, that could be good: names, key
 * identifiers and signatures fit, each issuer is a CA in its dates. At most depth intermediates. In the order they
 * were found, trusted certificates tried first. Bounded in all it does; what it did not find by then is not there.
 */
void sw_paths_find(struct sw_paths *out, X509 *leaf, STACK_OF(X509) *untrusted, STACK_OF(X509) *cas, uint32_t depth, int64_t now);

/* --- certset.c --- */
/* Gives ctx our certificate, its chain and key, after the checks tls.h lists. server: which role it is for. */
int sw_certset_use(SSL_CTX *ctx, const struct sw_conf_cert *set, bool server, struct sw_diag *diag) SW_MUSTCHECK;

/* --- staple.c --- */
/* A client's SSL_CTX: asks the server for a stapled answer, and judges it in the handshake. arg of the callback: the sw_tls_ctx. */
void sw_tls_staple_ask(SSL_CTX *ssl, struct sw_tls_ctx *c);
/* A server's SSL_CTX: does its certificate demand a staple that it can never have? Warned about. file: the certificate's. */
void sw_tls_staple_check(SSL_CTX *ssl, const struct sw_tls_ctx *c, const char *file, struct sw_diag *diag);
struct sw_tls_staple {
	struct sw_ocsps *ocsps;      /* a reference */
	uint8_t key[SW_OCSP_KEY_LEN];
};
void sw_tls_staples_free(struct sw_tls_ctx *c);

/* --- ctx.c --- */
struct sw_tls_sni {
	char *name;                  /* lower case; "*.x" covers one label */
	char *cert_file;
	SSL_CTX *ssl;
};
struct sw_tls_ctx {
	atomic_uint refs;
	bool client;
	enum sw_revocation ocsp;     /* client: what the zone asks of a stapled answer */
	bool enforce;                /* a chain that is refused ends the handshake */
	SSL_CTX *ssl;                /* the default certificate set */
	char *cert_file;             /* ... and where it was read; NULL: there is none */
	struct sw_tls_sni *sni;
	size_t n_sni;
	bool staple;                 /* server: the operator wants it */
	struct sw_tls_staple *staples;  /* per SSL_CTX that has one; owned */
	size_t n_staples;
	struct sw_trust *trust;      /* a reference; NULL: nobody is vouched for */
	struct sw_chain_policy policy;  /* all but now */
};
/* A connection's SSL, in its role. server_name: the SNI a client sends, or NULL. */
int sw_tls_ssl_new(SSL **out, struct sw_tls_ctx *c, const char *server_name) SW_MUSTCHECK;

/* --- record.c --- */
/* What the callbacks of one handshake write down; hangs on the SSL. Belongs to the stream. */
struct sw_tls_record {
	struct sw_tls_peer *peer;
	bool refused;                /* the chain was judged and the handshake failed for it */
	int alert_in, alert_out;     /* the last alert, -1: none */
};
void sw_tls_record_init(struct sw_tls_record *rec, struct sw_tls_peer *peer, SSL *ssl);
/* The callbacks, installed on every SSL_CTX; arg is the sw_tls_ctx. */
void sw_tls_record_install(SSL_CTX *ssl, struct sw_tls_ctx *c);
/* After a finished handshake: fills what the callbacks could not, judges a resumed session's certificate again. */
int sw_tls_record_finish(struct sw_tls_record *rec, SSL *ssl, const struct sw_tls_ctx *c) SW_MUSTCHECK;
/* Takes the identity out of rec's leaf, where there is one; also after a failure. */
int sw_tls_record_identity(struct sw_tls_record *rec) SW_MUSTCHECK;

/* --- handshake.c --- */
enum sw_handshake_state { SW_HANDSHAKE_READ, SW_HANDSHAKE_WRITE, SW_HANDSHAKE_DONE, SW_HANDSHAKE_FAILED };
/* What a stream lends to a pool thread. Between steps it belongs to the loop again. */
struct sw_handshake {
	struct sw_stream *owner;
	SSL *ssl;                    /* the owner's */
	const struct sw_tls_ctx *ctx;
	struct sw_tls_record rec;
	sw_stream_judge_fn *judge;
	void *judge_arg;
	atomic_bool abandoned;       /* set by the loop: nobody waits for the outcome */
	enum sw_handshake_state state;  /* READ, WRITE: what it waits for */
	bool judged;                 /* the handshake itself came to its end */
	struct sw_verdict verdict;   /* OK when DONE; why when FAILED */
};
/* One step, in a pool thread. arg: struct sw_handshake. */
void sw_handshake_step(void *arg);
/* Why a read or write on an open connection failed; errnum: errno right after. Empties the error queue. */
struct sw_verdict sw_tls_io_verdict(SSL *ssl, int ret, int errnum, bool got_data);

/* --- socket.c --- */
/* Keep-alive, user time-out, no delay: a dead path is found in tens of seconds. Faults are ignored: not every socket is TCP. */
void sw_socket_tune(int fd);
/* A non-blocking, close-on-exec socket with a connect under way (*refused 0) or already failed (*refused: errno). Or -errno. */
int sw_socket_connect(const struct sw_addr *addr, int *refused) SW_MUSTCHECK;
/* Before close: without this, unread bytes would turn our last words (an alert) into a reset. */
void sw_socket_settle(int fd);

/* --- alert.c --- */
const char *sw_tls_alert_name(int alert);   /* "certificate required"; RFC 8446 6 */
