/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Names of a certificate against a reference, by the zone's mode. Pure, no allocation, any thread.
 *
 *   mode        URI:sip   DNS SAN         CN            wildcard   SRV-ID
 *   rfc5922     yes       if no URI:sip   if no SAN     never      no       RFC 5922 7.1, 7.2: the default for federation
 *   expressway  ignored   yes             always also   never      no       the configured name against CN or any SAN
 *   rfc9525     yes       yes             never         flag       _sips    RFC 9525; no other scheme than sip, no other service
 *   teams       ignored   yes             always also   flag       no
 *   pin         names do not count: the SHA-256 of the SPKI is one of the pins; the chain is judged all the same
 *
 * "flag": with allow_wildcard, as the whole left-most label, for exactly one label, over at least two labels
 * ("*.example" never matches); never in a URI. "if no SAN": if there is no subjectAltName extension at all. Comparison
 * is of whole A-label names: example.com is neither a.example.com nor the other way round. A reference that is an IP
 * literal matches an IP SAN alone, in every mode, and a domain never matches one. Malformed names, and URIs with a user
 * part, are nobody's identity.
 *
 * A zone of another mode that lists pins demands both: a name and a pinned key.
 */
#include "zone/zone.h"

struct sw_match {
	const struct sw_name *name;     /* the presented name that matched; belongs to the identity; NULL in mode pin */
	const char *reference;          /* what it was compared with (mode pin: the pin); belongs to the caller or the zone */
	bool wildcard;
};
/*
 * reference: a normalised domain, or an IP literal. Returns SW_R_OK, SW_R_ID_MISMATCH, SW_R_ID_WILDCARD (only a
 * wildcard would have matched), SW_R_ID_MALFORMED (the whole certificate, or every name that could count),
 * SW_R_ID_NO_NAME (none of a kind that counts). *out is written on SW_R_OK only; it may be NULL. In mode pin there is
 * no name to compare: SW_R_ID_PIN.
 */
enum sw_reason sw_match_name(const struct sw_identity *id, const char *reference, enum sw_match_mode mode,
			     bool allow_wildcard, struct sw_match *out);
/*
 * A mailbox against the email names of the subjectAltName, in every mode alike: the local part byte by byte, the domain
 * without case (RFC 5280 7.5). No zone is known by one; this is for questions from the command line. Reasons as above.
 */
enum sw_reason sw_match_email(const struct sw_identity *id, const char *reference, struct sw_match *out);
/* Against every reference of the zone, by the zone's mode, and against its pins where it has some (SW_R_ID_PIN). */
enum sw_reason sw_match_zone(const struct sw_identity *id, const struct sw_zone *zone, struct sw_match *out);
/*
 * The client side: the server we called. reference: the SIP domain routed to (RFC 5922 E7); the zone's names, where
 * given (names, not domains), stand in its place. target_host (SRV target, or NULL) counts only in mode rfc9525 and
 * only where the zone gives no names: who can forge DNS chooses it. reference and target_host are normalised here. The
 * verdict's detail tells the names carried and wanted.
 */
struct sw_verdict sw_match_server(const struct sw_identity *id, const struct sw_zone *zone, const char *reference,
				  const char *target_host, struct sw_match *out);
