/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>
#include "conf/conf.h"

enum { FDS_BESIDE = 256 }; /* logs, stores, resolvers, control connections */

static void list_names(const struct sw_strlist *list, struct sw_buf *out)
{
	for (size_t i = 0; i < list->n; i++)
		sw_buf_printf(out, "%s%s", i ? ", " : "", list->v[i]);
}

static void list_networks(const struct sw_prefix *p, size_t n, struct sw_buf *out)
{
	char text[SW_ADDR_STRLEN];

	for (size_t i = 0; i < n; i++)
		sw_buf_printf(out, "%s%s/%u", i ? ", " : "", sw_addr_host_text(&p[i].addr, text), p[i].bits);
}

/* --- listeners --- */

static void explain_listener(const struct sw_conf_listener *s, struct sw_buf *out)
{
	static const char *const words[] = {
		[SW_TRANSPORT_TCP] = "TCP without TLS: peers are known by their address only",
		[SW_TRANSPORT_TLS] = "TLS: a certificate is asked for, not required",
		[SW_TRANSPORT_MTLS] = "mutual TLS: no connection without a certificate that proves a zone",
	};
	char text[SW_ADDR_STRLEN];

	sw_buf_printf(out, "  %s: ", s->name);
	for (size_t i = 0; i < s->n_addresses; i++)
		sw_buf_printf(out, "%s%s", i ? ", " : "", sw_addr_text(&s->addresses[i], text));
	sw_buf_printf(out, "\n    %s.\n    Seen by peers as %s:%u.\n", words[s->transport], s->host, s->port);
	if (s->cert.cert)
		sw_buf_printf(out, "    Certificate %s%s\n", s->cert.cert, s->n_sni ? ", others by the name asked for:" : ".");
	for (size_t i = 0; i < s->n_sni; i++)
		sw_buf_printf(out, "      %s: %s\n", s->sni[i].name, s->sni[i].cert);
}

/* --- zones --- */

static void explain_admission(const struct sw_conf_zone *z, struct sw_buf *out)
{
	sw_buf_str(out, "    Comes in on ");
	list_names(&z->listeners, out);
	if (z->n_sources) {
		sw_buf_str(out, ", from ");
		list_networks(z->sources, z->n_sources, out);
		sw_buf_str(out, " only");
	}
	if (z->kind == SW_ZONE_DEFAULT) {
		sw_buf_str(out, ".\n    Takes everybody who proves no other zone.\n");
		return;
	}
	if (!z->trust.n) {
		sw_buf_str(out, ".\n    Known by its address: there is no TLS.\n");
		return;
	}
	if (z->match == SW_MATCH_PIN) {
		sw_buf_printf(out, ".\n    Its certificate must have one of %zu pinned keys", z->pins.n);
	} else if (z->names.n || z->domains.n) {
		sw_buf_str(out, ".\n    Its certificate must carry one of: ");
		list_names(z->names.n ? &z->names : &z->domains, out);
		sw_buf_printf(out, " (match %s%s)", sw_match_mode_name(z->match), z->allow_wildcard ? ", wildcard allowed" : "");
	} else {
		sw_buf_str(out, ".\n    No certificate admits anybody: no names are set. Calls go out only");
	}
	sw_buf_str(out, "; trusted CAs: ");
	list_names(&z->trust, out);
	sw_buf_printf(out, "; key usage: %s.\n", sw_eku_policy_name(z->eku));
}

static void explain_speech(const struct sw_conf *c, const struct sw_conf_zone *z, struct sw_buf *out)
{
	sw_buf_str(out, "    May speak for: ");
	list_names(&z->domains, out);
	if (z->internal || z->may_assert_local)
		sw_buf_printf(out, "%sour own domains (%zu)", z->domains.n ? ", " : "", c->local_domains.n);
	else if (!z->domains.n)
		sw_buf_str(out, z->kind == SW_ZONE_DEFAULT ? "any domain that is neither ours nor another zone's" : "no domain");
	/* Between us and our own side there is nothing to prove about our own domains. */
	if (z->domains.n || z->may_assert_local)
		sw_buf_printf(out, z->require_proof ? "; each counts while its TXT proof holds%s" : "; no TXT proof is asked for%s",
			      z->require_proof && z->internal ? " (our own need none)" : "");
	sw_buf_str(out, ".\n");
	if (z->trusted_identity)
		sw_buf_str(out, "    Its P-Asserted-Identity is believed and kept.\n");
}

static void explain_targets(const struct sw_conf_zone *z, struct sw_buf *out)
{
	const char *transport = z->target_transport == SW_TRANSPORT_TCP ? "TCP without TLS" : "TLS";

	if (z->kind == SW_ZONE_DNS) {
		sw_buf_printf(out, "    Calls to it find their way by SRV of the domain called, over %s", transport);
	} else if (z->targets.n) {
		sw_buf_str(out, "    Calls to it go to ");
		list_names(&z->targets, out);
		sw_buf_printf(out, " over %s", transport);
	} else {
		sw_buf_str(out, "    Nothing can be sent to it.\n");
		return;
	}
	if (z->target_transport != SW_TRANSPORT_TCP)
		sw_buf_printf(out, ", with %s%s",
			      z->client_cert_none   ? "no certificate"
			      : z->client_cert.cert ? "certificate "
						    : "the certificate of listener ",
			      z->client_cert_none   ? ""
			      : z->client_cert.cert ? z->client_cert.cert
						    : z->listeners.v[0]);
	sw_buf_str(out, ".\n");
	if (z->n_target_networks) {
		sw_buf_str(out, "    Private networks that may be connected to: ");
		list_networks(z->target_networks, z->n_target_networks, out);
		sw_buf_str(out, ".\n");
	}
}

static void explain_media(const struct sw_conf_zone *z, struct sw_buf *out)
{
	static const char *const srtp[] = {
		[SW_SRTP_ANY] = "RTP or SRTP",
		[SW_SRTP_PREFERRED] = "SRTP preferred",
		[SW_SRTP_REQUIRED] = "SRTP required",
	};
	static const char *const latch[] = {
		[SW_LATCH_STRICT] = "packets are taken from the signalled address and port",
		[SW_LATCH_COMEDIA] = "packets are taken from any port of the signalled address",
		[SW_LATCH_NAT] = "packets are taken from behind NAT when the signalled address is private",
	};

	if (z->media)
		sw_buf_printf(out, "    Media on %s: %s; %s; its ports %u-%u, others are %s.\n", z->media, srtp[z->srtp],
			      latch[z->latch], z->remote_port_low, z->remote_port_high,
			      z->remote_ports_reject ? "refused" : "only reported");
}

static void explain_zone(const struct sw_conf *c, const struct sw_conf_zone *z, struct sw_buf *out)
{
	sw_buf_printf(out, "  %s (%s%s)\n", z->name, sw_zone_kind_name(z->kind), z->internal ? ", internal" : "");
	explain_admission(z, out);
	explain_speech(c, z, out);
	explain_targets(z, out);
	explain_media(z, out);
	if (z->rate || z->max_calls) {
		sw_buf_str(out, "    At most ");
		if (z->rate)
			sw_buf_printf(out, "%u requests per second%s", z->rate, z->max_calls ? " and " : "");
		if (z->max_calls)
			sw_buf_printf(out, "%u calls at the same time", z->max_calls);
		sw_buf_str(out, ".\n");
	}
}

/* --- who reaches whom --- */

static bool comes_from(const struct sw_conf_route *r, const char *zone)
{
	for (size_t i = 0; i < r->from.n; i++) {
		if (strcmp(r->from.v[i], zone) == 0)
			return true;
	}
	return r->from.n == 0;
}

/* As the router has it: to other domains than ours an outside zone gets only by a rule that names it and a domain. */
static bool may_relay(const struct sw_conf_route *r, const struct sw_conf_zone *from)
{
	return from->internal || (r->from.n && r->domain && strcmp(r->domain, "*") != 0 && strcmp(r->domain, "local") != 0);
}

static void explain_reach(const struct sw_conf *c, const struct sw_conf_zone *from, struct sw_buf *out)
{
	bool any = false;

	sw_buf_printf(out, "  from %s:\n", from->name);
	for (size_t i = 0; i < c->n_routes; i++) {
		const struct sw_conf_route *r = &c->routes[i];
		bool local = r->domain && strcmp(r->domain, "local") == 0;

		if (!comes_from(r, from->name))
			continue;
		any = true;
		sw_buf_printf(out, "    %u %s: %s%s", r->priority, r->name,
			      local       ? "our own domains"
			      : r->domain ? r->domain
					  : "any domain",
			      !local && !may_relay(r, from) ? " that is ours" : "");
		if (r->user)
			sw_buf_printf(out, ", users %s", r->user);
		if (r->to)
			sw_buf_printf(out, " -> %s\n", r->to);
		else
			sw_buf_printf(out, " -> refused with %u\n", r->reject);
	}
	if (!any)
		sw_buf_str(out, "    nobody: no route leads on\n");
}

/* --- capacity --- */

static void explain_capacity(const struct sw_conf *c, struct sw_buf *out)
{
	const struct sw_conf_media *m = &c->media;
	unsigned pairs = (unsigned)(m->port_high - m->port_low + 1) / 2;
	unsigned long media_fds = (unsigned long)m->n_interfaces * pairs * 2 + FDS_BESIDE;
	char bound[SW_ADDR_STRLEN], shown[SW_ADDR_STRLEN];

	sw_buf_printf(out, "  UDP ports %u-%u: %u pairs on each address.\n", m->port_low, m->port_high, pairs);
	for (size_t i = 0; i < m->n_interfaces; i++)
		sw_buf_printf(out, "    %s: bound to %s, written into SDP as %s\n", m->interfaces[i].name,
			      sw_addr_host_text(&m->interfaces[i].address, bound),
			      sw_addr_host_text(&m->interfaces[i].advertise, shown));
	sw_buf_printf(out,
		      "  Both sides of a call on one address: %u audio calls, or %u with audio, video and content.\n"
		      "  Sides on different addresses: %u audio calls, or %u with audio, video and content.\n",
		      pairs / 2, pairs / 6, pairs, pairs / 3);
	if (c->limits.calls)
		sw_buf_printf(out, "  Limited to %u calls by limits.calls.\n", c->limits.calls);
	sw_buf_printf(out, "  Descriptors (RLIMIT_NOFILE) for all of it: media %lu, signalling %lu.\n", media_fds,
		      (unsigned long)c->limits.connections + FDS_BESIDE);
}

void sw_conf_explain(const struct sw_conf *c, struct sw_buf *out)
{
	sw_buf_printf(out, "This node is %s.\n", c->host);
	sw_buf_str(out, "It serves ");
	list_names(&c->local_domains, out);
	sw_buf_str(out, c->local_domains.n ? ".\n\nListeners\n" : "no domain of its own.\n\nListeners\n");
	for (size_t i = 0; i < c->n_listeners; i++)
		explain_listener(&c->listeners[i], out);
	sw_buf_str(out, "\nZones\n");
	for (size_t i = 0; i < c->n_zones; i++)
		explain_zone(c, &c->zones[i], out);
	sw_buf_str(out, "\nWho reaches whom (first match counts; who may use a From is judged before)\n");
	for (size_t i = 0; i < c->n_zones; i++)
		explain_reach(c, &c->zones[i], out);
	sw_buf_str(out, "\nMedia and capacity\n");
	explain_capacity(c, out);
}
