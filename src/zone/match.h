/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Names of a certificate against a reference, by the zone's mode: standards 1.1 and 1.2, RFC 5922, RFC 9525. Pure. */
#include "zone/zone.h"

struct sw_match {
	const struct sw_name *name;     /* the presented name that matched; belongs to the identity */
	const char *reference;          /* what it was compared with; belongs to the caller or the zone */
	bool wildcard;
};
/*
 * reference: a normalised domain, or an IP literal. Returns SW_R_OK, SW_R_ID_MISMATCH, SW_R_ID_WILDCARD (only a wildcard would have
 * matched), SW_R_ID_MALFORMED, SW_R_ID_NO_NAME.
 */
enum sw_reason sw_match_name(const struct sw_identity *id, const char *reference, enum sw_match_mode mode,
			     bool allow_wildcard, struct sw_match *out);
/* Against every reference of the zone, by the zone's mode; for pin mode the SPKI against the pins. */
enum sw_reason sw_match_zone(const struct sw_identity *id, const struct sw_zone *zone, struct sw_match *out);
/*
 * The client side: the server we called. reference: the SIP domain routed to (RFC 5922 E7); the zone's names, where given,
 * stand in its place. target_host (SRV target) counts only in mode rfc9525.
 */
struct sw_verdict sw_match_server(const struct sw_identity *id, const struct sw_zone *zone, const char *reference,
				  const char *target_host, struct sw_match *out);
