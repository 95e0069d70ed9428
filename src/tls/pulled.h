/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Trust lists that are fetched (a zone's trust = "https://..."): what is taken for one, and the last good one on disk, which is what
 * is trusted. A body out of the network becomes trust only through sw_pulled_parse and sw_pulled_store. Who fetches is edge/pull.c.
 */
#include "tls/x509.h"

enum {
	SW_PULLED_BYTES_MAX = 4 << 20,
	SW_PULLED_CERTS_MAX = 2000,    /* the largest public lists have some 150 */
	SW_PULLED_WHY = 200,
};

struct sw_pulled_cert {
	unsigned char digest[32];      /* SHA-256 of the certificate */
	char subject[256];
	X509 *x;                       /* owned */
};
struct sw_pulled {                     /* owns v; in the order of the digests, none twice */
	struct sw_pulled_cert *v;
	size_t n;
};

/*
 * PEM certificates and text between them; nothing else may be in it, each must be a CA's, and one of them a root that has not expired
 * at now (0: any). SW_EPARSE or SW_ELIMIT with why.
 */
int sw_pulled_parse(struct sw_pulled *out, struct sw_str text, int64_t now, char why[SW_PULLED_WHY]) SW_MUSTCHECK;
void sw_pulled_clear(struct sw_pulled *l);
/* Not when the list shrank to less than half: that is a mistake at its source more often than not. SW_ELIMIT with why. */
int sw_pulled_may_replace(const struct sw_pulled *old, const struct sw_pulled *next, char why[SW_PULLED_WHY]) SW_MUSTCHECK;
bool sw_pulled_has(const struct sw_pulled *l, const struct sw_pulled_cert *c);

/* The SHA-256 a detached digest gives: the first word of the text, as sha256sum writes it, in lower case. */
int sw_pulled_digest_of(struct sw_str text, char hex[65]) SW_MUSTCHECK;
/* Is that the SHA-256 of body? hex without case. */
bool sw_pulled_digest_is(struct sw_str body, const char *hex);

/*
 * Has one of the keys in those files (PEM public keys) signed body? RSA and EC over SHA-256, Ed25519. SW_EPARSE with why: none has, or a
 * file holds no such key.
 */
int sw_pulled_signed(struct sw_str body, struct sw_str signature, const struct sw_strlist *keys, char why[SW_PULLED_WHY]) SW_MUSTCHECK;

/* A pin of the configuration (64 hex digits) as tls/http.h wants it. */
bool sw_pulled_pin(char dst[72], const char *hex);

/* Where the last good list of a zone's address lies. Another pin, digest, signer or bootstrap makes it another list. */
int sw_pulled_path(char *dst, size_t size, const struct sw_conf *conf, const struct sw_conf_zone *z, const char *url) SW_MUSTCHECK;
/* The last good list; SW_ENOTFOUND when there is none. *at: when it was last found unchanged or new. */
int sw_pulled_read(struct sw_pulled *out, const char *path, int64_t *at, char why[SW_PULLED_WHY]) SW_MUSTCHECK;
/* Puts l there, whole or not at all, making the directory. */
int sw_pulled_store(const struct sw_pulled *l, const char *path, const char *url) SW_MUSTCHECK;
/* It was asked for and has not changed. */
void sw_pulled_touch(const char *path);

/*
 * A zone's whole trust list: files, directories, and the last good of what is fetched. Where there is none yet the list is
 * incomplete: what the rest does not vouch for is undecided, and so refused.
 */
int sw_trust_load_zone(struct sw_trust **out, const struct sw_conf *conf, const struct sw_conf_zone *z, struct sw_diag *diag) SW_MUSTCHECK;
