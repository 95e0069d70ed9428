/* SPDX-License-Identifier: Apache-2.0 */
/* What the user wrote as a target, and the probes it begins with. */
#include "check/check_int.h"

#include <stdio.h>
#include "zone/zone.h"

struct target {
	struct sw_str host;
	uint32_t port;               /* 0: none given */
	enum { BY_PORT, CLEAR, TLS } how;
};

static bool starts(struct sw_str *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->n < n || !sw_str_ieq((struct sw_str){ s->p, n }, sw_str_of(prefix)))
		return false;
	s->p += n;
	s->n -= n;
	return true;
}

/* The part up to the first of these characters; *rest begins at it. */
static struct sw_str until(struct sw_str s, const char *stops, struct sw_str *rest)
{
	size_t n = 0;

	while (n < s.n && !strchr(stops, s.p[n]))
		n++;
	*rest = (struct sw_str){ s.p + n, s.n - n };
	return (struct sw_str){ s.p, n };
}

static int uri_params(struct target *t, struct sw_str params, char why[160])
{
	while (params.n && params.p[0] == ';') {
		struct sw_str one;

		params.p++;
		params.n--;
		one = until(params, ";?", &params);
		if (!starts(&one, "transport="))
			continue;
		if (sw_str_ieq(one, SW_STR("tls"))) {
			t->how = TLS;
		} else if (sw_str_ieq(one, SW_STR("tcp"))) {
			t->how = t->how == TLS ? TLS : CLEAR;
		} else {
			snprintf(why, 160, "transport %.*s is not checked: the edge speaks TLS and TCP", (int)(one.n < 40 ? one.n : 40), one.p);
			return SW_EPARSE;
		}
	}
	return SW_OK;
}

static int uri(struct target *t, struct sw_str *s, char why[160])
{
	bool sips = starts(s, "sips:");
	struct sw_str rest;
	const char *at;

	if (!sips && !starts(s, "sip:"))
		return SW_OK;
	if (sips)
		t->how = TLS;
	at = s->n ? memchr(s->p, '@', s->n) : NULL;
	if (at) {
		s->n -= (size_t)(at + 1 - s->p);
		s->p = at + 1;
	}
	*s = until(*s, ";?", &rest);
	return uri_params(t, rest, why);
}

/* Splits host and port; an address literal is left whole. */
static int host_port(struct target *t, struct sw_str s, char why[160])
{
	struct sw_str rest;

	t->host = until(s, ":", &rest);
	if (rest.n && (sw_str_u32((struct sw_str){ rest.p + 1, rest.n - 1 }, 65535, &t->port) < 0 || t->port == 0)) {
		snprintf(why, 160, "\"%.*s\" is not a port", (int)(rest.n - 1 < 40 ? rest.n - 1 : 40), rest.p + 1);
		return SW_EPARSE;
	}
	return SW_OK;
}

static bool is_tls(const struct target *t, uint16_t port)
{
	return t->how == TLS || (t->how == BY_PORT && port != 5060);
}

bool sw_check_port_is_mutual(const struct sw_profile *p, uint16_t port)
{
	for (size_t i = 0; i < p->n_ports; i++)
		if (!strcmp(p->ports[i].transport, "mtls") && port >= p->ports[i].low && port <= p->ports[i].high)
			return true;
	return p->mutual && port == p->mutual_port;
}

static int literal(struct sw_check *c, const struct target *t, struct sw_addr *addr, char why[160])
{
	const struct sw_profile *p = c->options.profile;
	struct sw_endpoint e = { .addr = *addr };
	uint16_t port = sw_addr_port(addr);

	if (port == 0)
		port = t->how == CLEAR ? 5060 : p->tls_port ? p->tls_port : 5061;
	if (c->options.family != AF_UNSPEC && sw_addr_family(addr) != c->options.family) {
		snprintf(why, 160, "the address is of the family that -4 or -6 leaves out");
		return SW_EPARSE;
	}
	sw_addr_set_port(&e.addr, port);
	e.tls = is_tls(t, port);
	e.mutual = e.tls && sw_check_port_is_mutual(p, port);
	sw_check_endpoint(c, &e);
	return SW_OK;
}

/* What belongs to every run of a profile, whatever its targets are. */
static void plan(struct sw_check *c)
{
	if (c->planned)
		return;
	c->planned = true;
	if (c->options.from_host)
		sw_check_host(c);
	sw_check_own(c);
	sw_check_media(c);
	sw_check_net(c);
}

int sw_check_target(struct sw_check *c, const char *target, char why[160])
{
	struct sw_str s = sw_str_of(target);
	struct target t = { .how = BY_PORT };
	struct sw_addr addr;
	char name[256];
	int err = uri(&t, &s, why);

	if (err == SW_OK && sw_addr_parse(&addr, s, 0) == SW_OK) {
		err = literal(c, &t, &addr, why);
		if (err == SW_OK)
			plan(c);
		return err;
	}
	if (err == SW_OK)
		err = host_port(&t, s, why);
	if (err < 0)
		return err;
	if (sw_domain_normalize(name, t.host) < 0) {
		snprintf(why, 160, "\"%.*s\" is not a domain, host:port or SIP URI", (int)(s.n < 80 ? s.n : 80), s.p ? s.p : "");
		return SW_EPARSE;
	}
	if (t.port)
		sw_check_dns_host(c, name, (uint16_t)t.port, is_tls(&t, (uint16_t)t.port));
	else
		sw_check_dns_domain(c, name);
	plan(c);
	return SW_OK;
}

void sw_check_surroundings(struct sw_check *c)
{
	plan(c);
}

int sw_check_deployment(struct sw_check *c)
{
	if (!c->options.conf)
		return SW_EINVALID;
	c->deployment = true;
	sw_check_conf(c);
	plan(c);
	return SW_OK;
}
