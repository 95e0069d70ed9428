/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What CAs and those who keep trust stores have announced, as dated data: conf/ca-status.conf. */
#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"

enum sw_ca_event_kind {
	SW_CA_DISTRUSTED,     /* certificates issued after the date are refused by those who follow "by" */
	SW_CA_REMOVED,        /* from the date on whoever follows "by" refuses everything under it */
	SW_CA_NO_CLIENT_AUTH, /* certificates issued after the date lack the purpose clientAuth */
};

struct sw_ca_event {
	enum sw_ca_event_kind kind;
	char *subject;   /* a glob over the names of issuers, RFC 2253 form, without case */
	char *sha256;    /* of the CA's certificate, hex; NULL: the name alone counts */
	char *date_text; /* "2026-06-15" */
	int64_t date;    /* seconds since 1970 */
	char *by, *note; /* who announced it; what to know. note may be NULL */
	char *source, *as_of;
	bool confirmed; /* false: hearsay; told, never counted */
	int line;
};

struct sw_ca_status {
	char *path;
	char *source, *as_of;
	struct sw_ca_event *events;
	size_t n_events;
};

/* path NULL: SIPWARD_CA_STATUS of the environment, or the one that is installed. SW_ECONF with diag; SW_ENOTFOUND: there is none.
 */
int sw_ca_status_load(struct sw_ca_status **out, const char *path, struct sw_diag *diag) SW_MUSTCHECK;
void sw_ca_status_free(struct sw_ca_status *s); /* NULL is fine */
/* Is the event about a CA of that name and digest (NULL: not known)? */
bool sw_ca_event_is_about(const struct sw_ca_event *e, const char *subject, const char *sha256);
