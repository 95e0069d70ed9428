/* SPDX-License-Identifier: Apache-2.0 */
#include "zone/prove.h"

#include "tls/ocsp.h"

void sw_zone_prove_server(const struct sw_prove_facts *f, struct sw_admission *out)
{
	const struct sw_conf_zone *z = f->zone->conf;
	const struct sw_tls_peer *peer = f->peer;
	const struct sw_chain_policy policy = {
		.role = SW_TLS_PEER_IS_SERVER, .eku = z->eku, .revocation = z->revocation, .depth = f->depth, .now = f->now,
	};

	*out = (struct sw_admission){ .zone = f->zone, .chain = { .reason = SW_R_TLS_UNKNOWN } };
	if (!peer || !peer->has_cert || !peer->identity) {
		out->verdict = sw_verdict_make(SW_R_TLS_NO_CERT, "the server showed no certificate");
		return;
	}
	if (peer->leaf && f->trust)
		sw_chain_judge(&out->chain, peer->leaf, peer->untrusted, f->trust, &policy);
	if (z->ocsp != SW_REVOCATION_OFF)
		sw_ocsp_weigh(&out->chain, z->ocsp, SW_TLS_PEER_IS_SERVER, peer->leaf, peer->staple);
	if (out->chain.reason != SW_R_OK) {
		out->verdict = sw_chain_verdict(&out->chain);
		return;
	}
	out->verdict = sw_match_server(peer->identity, f->zone, f->reference, f->target_host, &out->match);
}
