/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Routing rules as data: priority, source zone, domain and user pattern -> target zone. Pure. */
#include "zone/request.h"

struct sw_route {
	struct sw_verdict verdict;
	int status;                           /* for a rule that rejects: its status; else 0 */
	const struct sw_zone *zone;           /* where to */
	const struct sw_conf_route *rule;
	bool strip_identity;                  /* Privacy: id and the target is not trusted: remove PAI and the id token */
};
/*
 * The first rule that matches. A request whose Request-URI is in no local domain, from a zone that is not internal, is refused
 * (SW_R_ROUTE_RELAY) whatever the rules' patterns say, unless the rule names that source zone in from *and* a domain pattern other
 * than "*": open relay is never an accident.
 */
void sw_zone_route(const struct sw_zoneset *z, const struct sw_zone *source, const struct sw_request_facts *f, struct sw_route *out);
/* Plain text of each rule tried and why it did not match: for "sipward route". */
void sw_zone_route_explain(const struct sw_zoneset *z, const struct sw_zone *source, const struct sw_request_facts *f, struct sw_buf *out);
