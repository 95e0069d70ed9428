/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Routing rules as data: priority, source zone, domain and user pattern -> target zone. Pure.
 *
 * Patterns are whole-string globs ('*', '?'). The domain is compared as a normalised A-label name (an IP literal in its
 * usual text), the user part without its %XX escapes, with case: what means the same is routed the same.
 */
#include "zone/request.h"

struct sw_route {
	struct sw_verdict verdict;
	int status;                           /* for a rule that rejects: its status; else 0 */
	const struct sw_zone *zone;           /* where to; NULL when refused */
	const struct sw_conf_route *rule;     /* that decided; NULL: none matched */
	bool strip_identity;                  /* Privacy: id or anonymous From, to an untrusted target: remove PAI, id token */
};
/*
 * The first rule that matches. A request whose Request-URI is in no local domain, from a zone that is not internal, is
 * refused (SW_R_ROUTE_RELAY) whatever the rules' patterns say, unless the rule names that source zone in from *and* a
 * domain pattern other than "*" (one with a letter or digit in it): open relay is never an accident. A first match that
 * does not do so refuses; later rules are not looked at. A Request-URI that is not sip or sips: SW_R_MSG_SCHEME; whose
 * host is no host, or whose user part is longer than 1023 bytes: SW_R_MSG_SYNTAX.
 */
void sw_zone_route(const struct sw_zoneset *z, const struct sw_zone *source, const struct sw_request_facts *f,
		   struct sw_route *out);
/* Plain text of each rule tried and why it did not match: for "sipward route". */
void sw_zone_route_explain(const struct sw_zoneset *z, const struct sw_zone *source, const struct sw_request_facts *f,
			   struct sw_buf *out);
