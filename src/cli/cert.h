/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * "sipward cert": one case is a chain, what it is judged by, and a name. Judging is done by the functions a connection is
 * judged with, in the same order: chain, then name.
 */
#include "cli/cli.h"
#include "tls/x509.h"
#include "zone/match.h"

enum sw_case_name { SW_CASE_NO_NAME, SW_CASE_DOMAIN, SW_CASE_IP, SW_CASE_EMAIL };

struct sw_case {
	struct sw_trust *trust;        /* owned; NULL: an empty list */
	X509 *leaf;                    /* owned */
	STACK_OF(X509) *untrusted;     /* owned; what came with the leaf, then what was given beside it */
	struct sw_chain_policy policy; /* now is set by sw_case_init */
	enum sw_case_name kind;
	char name[512];                /* as it is compared */
	enum sw_match_mode match;
	bool wildcard;
	bool match_given, revocation_given;
	const struct sw_zone *zone;    /* in place of match, wildcard and, for a client, name; not owned */
};

void sw_case_init(struct sw_case *k);
void sw_case_clear(struct sw_case *k);
/*
 * Words of the command line and of a batch. false: why says what is wrong with it.
 * Time: RFC 3339. Name: dns:, sip:, ip: or email: and a value; dns: and sip: set the mode of comparison unless one was given.
 */
bool sw_case_set_time(struct sw_case *k, const char *text, char why[160]);
bool sw_case_set_role(struct sw_case *k, const char *text, char why[160]);
bool sw_case_set_name(struct sw_case *k, const char *text, char why[160]);
bool sw_case_set_match(struct sw_case *k, const char *text, char why[160]);
bool sw_case_set_eku(struct sw_case *k, const char *text, char why[160]);
bool sw_case_set_revocation(struct sw_case *k, const char *text, char why[160]);
/*
 * Certificates from PEM: the first of the chain is the leaf. SW_EPARSE: the peer sent what is no certificate, SW_ECONF: it is
 * no PEM; diag tells.
 */
int sw_case_add_chain(struct sw_case *k, struct sw_str pem, const char *name, struct sw_diag *diag) SW_MUSTCHECK;
int sw_case_add_untrusted(struct sw_case *k, struct sw_str pem, const char *name, struct sw_diag *diag) SW_MUSTCHECK;

struct sw_verdict sw_case_judge(const struct sw_case *k);
/* What a peer that sends this gets. */
struct sw_verdict sw_case_unparsable(const struct sw_diag *diag);

const char *sw_case_word(const struct sw_verdict *v);      /* "accepted", "refused", "undecided" */
int sw_case_status(const struct sw_verdict *v);            /* SW_EXIT_OK, _REFUSED, _UNKNOWN */
/* {"id":ID,"verdict":...,"reason":...,"detail":...} and a newline; id is JSON, NULL: no such member. */
void sw_case_json(const struct sw_verdict *v, const char *id, struct sw_buf *out);

int sw_cert_batch(const char *path);                       /* "-": standard input; the exit status */
int sw_cert_forecast(struct sw_cli *c, int argc, char **argv);
int sw_cert_show(struct sw_cli *c, int argc, char **argv);
/* A regular file, or "-". SW_ENOTFOUND when it can't be read; a message is on standard error. */
int sw_cert_read_file(const char *path, struct sw_buf *out) SW_MUSTCHECK;
