/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The SIP stage: OPTIONS and keep-alive over a connection that is there, and what is heard. */
#include "check/check.h"
#include "tls/probe.h"

/* One OPTIONS of ours, as text; branch and call_id tell its answer from others. */
struct sw_sip_ask {
	struct sw_buf text; /* owned */
	char branch[48], call_id[64];
	char uri[300];
};
/* local: where we are, in Via and Contact unless the profile's or configuration's listener has a name. */
int sw_sip_ask_make(struct sw_sip_ask *a, const struct sw_check *c, const struct sw_endpoint *e,
		    const struct sw_addr *local) SW_MUSTCHECK;

/* An answer, read out. Pure, so that tests need no peer. */
struct sw_sip_heard {
	int status;
	char phrase[80];
	char server[160], allow[300], accept[200], supported[200], contact[300], record_route[300], date[80], warning[200],
		www[200];
	bool allows_invite; /* Allow names it, in whichever of its lines */
	bool contact_is_address, record_route_is_address;
	char contact_host[256];
	char received[64];
	int rport; /* -1: not filled in */
	bool ours; /* Call-ID and branch are the request's */
};
/* SW_EPARSE: why says what is wrong with it. */
int sw_sip_heard_read(struct sw_sip_heard *out, struct sw_str message, const struct sw_sip_ask *a, char why[200]) SW_MUSTCHECK;
enum sw_check_status sw_sip_status_verdict(int status);
const char *sw_sip_status_meaning(int status);

/* Over the connection p: OPTIONS, then a keep-alive; reports. shown: a certificate of ours was. */
void sw_sip_over_tls(struct sw_check *c, const struct sw_endpoint *e, struct sw_tls_probe *p, bool shown);
/* OPTIONS, and the first byte of an answer awaited; reports nothing: p->end tells. */
void sw_sip_knock(struct sw_check *c, const struct sw_endpoint *e, struct sw_tls_probe *p);
/* The ports around: which of 5060 to 5070 are open at the address, and what speaks there. Once per address. */
void sw_sip_ports(struct sw_check *c, const struct sw_endpoint *e);
