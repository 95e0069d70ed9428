/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a request says, as plain data; filled by src/sip, judged here. Slices point into the message. */
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

/* Whether a domain is proved now. */
typedef bool sw_proved_fn(void *arg, const char *domain);

struct sw_authority {
	struct sw_verdict verdict;
	bool strip_asserted;           /* remove PAI, PPI, RPID, Diversion, History-Info, P-Charging-*, P-Access-Network-Info */
	bool rewrite_display;          /* replace From's display name */
	char display[128];             /* with this */
};
/* May this zone say this? standards 4.6 (the two keys). For requests that create dialogs and for MESSAGE, REFER, SUBSCRIBE, OPTIONS, REGISTER, PUBLISH outside dialogs. */
void sw_zone_authorize(const struct sw_zoneset *z, const struct sw_zone *zone, const struct sw_request_facts *f,
		       sw_proved_fn *proved, void *proved_arg, struct sw_authority *out);
