/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a request says, as plain data; filled by src/sip, judged here. Slices point into the message.
 *
 * Two keys open the door (standards 4.6): the peer is authenticated as its zone, and the domain it speaks for is the
 * zone's. Which is:
 *
 *   From host                      zone                                     verdict
 *   in local_domains               internal                                 none: the operator's own word
 *   in local_domains               may_assert_local                         proved, where require_proof
 *                                  any other                                SW_R_AUTH_LOCAL_DOMAIN, though domains list it
 *   in the zone's domains          not of kind default                      proved, where require_proof; else SW_R_AUTH_UNPROVED
 *   in another zone's domains      any                                      SW_R_AUTH_OWNED_DOMAIN
 *   any other domain               default, without domains of its own      accepted, unverified
 *                                  default, with domains                    listed, and proved where require_proof
 *                                  any other                                SW_R_AUTH_FROM_DOMAIN
 *   IP literal                     require_proof                            SW_R_AUTH_FROM_DOMAIN: it speaks for nobody
 *                                  else                                     accepted
 *   not a host at all              any                                      SW_R_AUTH_FROM_DOMAIN
 *   *.invalid (anonymous)          allow_anonymous                          accepted; else SW_R_AUTH_ANONYMOUS
 *   tel:                           allow_tel                                accepted; else SW_R_AUTH_TEL
 *
 * Hosts are compared as whole A-label names, without case and trailing dot: a subdomain is another domain. With
 * ownership.subdomains a proved parent proves a listed child.
 */
#include "zone/zone.h"

enum sw_scheme { SW_SCHEME_NONE, SW_SCHEME_SIP, SW_SCHEME_SIPS, SW_SCHEME_TEL, SW_SCHEME_OTHER };

struct sw_uri_facts {
	enum sw_scheme scheme;
	struct sw_str user;        /* without password, still escaped */
	struct sw_str host;        /* IPv6 without brackets */
	uint16_t port;             /* 0: none */
	enum { SW_URI_T_NONE, SW_URI_T_TLS, SW_URI_T_TCP, SW_URI_T_OTHER } transport;
};
enum { SW_ASSERTED_MAX = 16 };
struct sw_asserted {               /* one identity claimed outside From */
	enum { SW_CLAIM_PAI, SW_CLAIM_PPI, SW_CLAIM_RPID, SW_CLAIM_DIVERSION, SW_CLAIM_REFERRED_BY, SW_CLAIM_HISTORY } header;
	struct sw_uri_facts uri;
};
struct sw_request_facts {
	struct sw_str method;
	struct sw_uri_facts ruri;
	struct sw_uri_facts from;
	struct sw_str from_display;    /* without quotes; empty: none */
	struct sw_uri_facts to;
	struct sw_asserted asserted[SW_ASSERTED_MAX];
	size_t n_asserted;
	bool asserted_more;            /* there were more than that, or one that does not parse: refuse or strip all */
	bool privacy_id;
	bool has_to_tag;
};

/* Whether a domain (normalised) is proved now. */
typedef bool sw_proved_fn(void *arg, const char *domain);

struct sw_authority {
	struct sw_verdict verdict;
	bool strip_asserted;           /* remove PAI, PPI, RPID, Diversion, History-Info, Referred-By, P-Charging-*,
					  P-Access-Network-Info */
	bool rewrite_display;          /* replace From's display name */
	char display[128];             /* with this */
};
/*
 * May this zone say this? standards 4.6 (the two keys). For requests that create dialogs and for MESSAGE, REFER,
 * SUBSCRIBE, OPTIONS, REGISTER, PUBLISH outside dialogs. Judged in this order: method, REFER, From (has_to_tag changes
 * nothing: anybody can write a tag), asserted identities, display name. proved NULL: nothing is proved.
 *
 * Asserted identities are held to the table above. From a zone that is not trusted_identity all of them are stripped,
 * foreign or not; with asserted = "reject" a foreign one refuses the request. From a trusted one they are kept if none
 * is foreign; else stripped or refused.
 *
 * A display name is foreign when it holds an '@' or "sip:" that is not followed by From's own domain, or a local, owned
 * or proved domain that is not From's.
 */
void sw_zone_authorize(const struct sw_zoneset *z, const struct sw_zone *zone, const struct sw_request_facts *f,
		       sw_proved_fn *proved, void *proved_arg, struct sw_authority *out);
/*
 * The same for a request within a dialog, once the connection was found to be that of the leg's party: From is the
 * dialog's and the methods are free, so only REFER, asserted identities and the display name are judged. Never for one
 * whose dialog was not found.
 */
void sw_zone_authorize_in_dialog(const struct sw_zoneset *z, const struct sw_zone *zone, const struct sw_request_facts *f,
				 sw_proved_fn *proved, void *proved_arg, struct sw_authority *out);
