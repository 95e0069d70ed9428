/* SPDX-License-Identifier: Apache-2.0 */
/* One target, several addresses: their certificates come from one CA, or somebody stands in between on one of the ways. */
#include "check/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check_int.h"

enum { SEEN_MAX = 1024 };

/* Makers of boxes that open TLS; their CAs carry their names. */
static const char *const makers[] = { "*Zscaler*",
				      "*Fortinet*",
				      "*FortiGate*",
				      "*Palo Alto*",
				      "*Blue Coat*",
				      "*Symantec Web*",
				      "*Netskope*",
				      "*Sophos*",
				      "*WatchGuard*",
				      "*Check Point*",
				      "*Cisco Umbrella*",
				      "*Forcepoint*",
				      "*McAfee Web Gateway*",
				      "*Barracuda*",
				      "*mitmproxy*",
				      "*Kaspersky*",
				      "*ESET SSL*",
				      "*Untangle*",
				      "*SonicWall*",
				      "*Squid*" };

static bool is_maker(const char *name)
{
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		if (sw_str_glob(sw_str_of(makers[i]), sw_str_of(name), true))
			return true;
	return false;
}

static struct sw_check_leaf *find(struct sw_check *c, const struct sw_check_leaf *l)
{
	for (size_t i = 0; i < c->n_leaves; i++)
		if (!strcmp(c->leaves[i].host, l->host) && c->leaves[i].port == l->port &&
		    strcmp(c->leaves[i].issuer, l->issuer) != 0)
			return &c->leaves[i];
	return NULL;
}

/* Remembers l. True with *other: the same target showed a certificate of another CA on another way. */
static bool remember(struct sw_check *c, const struct sw_check_leaf *l, struct sw_check_leaf *other)
{
	struct sw_check_leaf *known, *room;

	pthread_mutex_lock(&c->lock);
	known = find(c, l);
	if (known)
		*other = *known;
	if (c->n_leaves < SEEN_MAX) {
		room = realloc(c->leaves, (c->n_leaves + 1) * sizeof(*room));
		if (room) {
			c->leaves = room;
			c->leaves[c->n_leaves++] = *l;
		}
	}
	pthread_mutex_unlock(&c->lock);
	return known != NULL;
}

void sw_tls_judge_addresses(struct sw_tls_case *t)
{
	const struct sw_identity *id = t->facts[0]->id;
	const char *top = t->facts[t->n_facts - 1]->id->issuer;
	struct sw_check_leaf l = { .port = sw_addr_port(&t->e->addr), .trusted = t->chain.reason == SW_R_OK }, other;
	char found[700], a[SW_ADDR_STRLEN], b[SW_ADDR_STRLEN];
	bool made;

	/* The CA of a company's box is often on its machines' lists; on the zone's it was put on purpose. */
	made = (t->chain.reason != SW_R_OK || t->system_trust) && (is_maker(id->issuer) || is_maker(top));
	if (made)
		sw_check_report(t->c, SW_F_TLS_INTERCEPTED, SW_CHECK_FAIL, t->subject, "the server's own certificate",
				id->issuer);
	if (!t->e->host[0])
		return;
	snprintf(l.host, sizeof(l.host), "%s", t->e->host);
	/* CAs issue from several intermediates in turn: the root counts. */
	snprintf(l.issuer, sizeof(l.issuer), "%s", t->shape.root[0] ? t->shape.root : t->shape.wants);
	l.addr = t->e->addr;
	if (!remember(t->c, &l, &other))
		return;
	snprintf(found, sizeof(found), "%s: %s; %s: %s", sw_addr_host_text(&l.addr, a), l.issuer,
		 sw_addr_host_text(&other.addr, b), other.issuer);
	if (l.trusted != other.trusted && !made)
		sw_check_report(t->c, SW_F_TLS_INTERCEPTED, SW_CHECK_FAIL, l.host, "one CA on every way to the target", found);
	else if (l.trusted == other.trusted)
		sw_check_report(t->c, SW_F_TLS_ADDRESSES, SW_CHECK_WARN, l.host, "one CA at every address of the target", found);
}
