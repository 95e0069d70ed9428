/* SPDX-License-Identifier: Apache-2.0 */
#include "zone/route.h"

#include "zone/zone_int.h"

enum { USER_MAX = 1024 };

/* What rules are compared with. */
struct subject {
	const struct sw_zoneset *z;
	const struct sw_zone *source;
	char domain[256];            /* normalised, or an IP literal */
	bool local;
	char user[USER_MAX];
	size_t user_len;
};

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* %XX undone (RFC 3261 19.1.4): "%39" dials the same as "9", and must not pass by a rule about "9". */
static bool unescape(struct subject *s, struct sw_str user)
{
	s->user_len = 0;
	for (size_t i = 0; i < user.n; i++) {
		char c = user.p[i];

		if (s->user_len == USER_MAX - 1)
			return false;
		if (c == '%' && user.n - i > 2 && hex(user.p[i + 1]) >= 0 && hex(user.p[i + 2]) >= 0) {
			c = (char)(hex(user.p[i + 1]) * 16 + hex(user.p[i + 2]));
			i += 2;
		}
		s->user[s->user_len++] = c;
	}
	return true;
}

static struct sw_verdict subject_of(struct subject *s, const struct sw_uri_facts *ruri)
{
	struct sw_addr a;
	char text[SW_ADDR_STRLEN];

	if (ruri->scheme != SW_SCHEME_SIP && ruri->scheme != SW_SCHEME_SIPS)
		return sw_verdict_make(SW_R_MSG_SCHEME, "the Request-URI is neither sip nor sips");
	if (sw_domain_normalize(s->domain, ruri->host) == SW_OK)
		s->local = sw_zoneset_is_local(s->z, s->domain);
	else if (sw_ip_literal(&a, ruri->host) == SW_OK)
		strcpy(s->domain, sw_addr_host_text(&a, text));
	else
		return sw_verdict_make(SW_R_MSG_SYNTAX, "the Request-URI's host \"%.*s\" is neither a domain nor an address",
				       ruri->host.n < 80 ? (int)ruri->host.n : 80, ruri->host.p ? ruri->host.p : "");
	if (!unescape(s, ruri->user))
		return sw_verdict_make(SW_R_MSG_SYNTAX, "the Request-URI's user part has %zu bytes", ruri->user.n);
	return sw_verdict_make(SW_R_OK, NULL);
}

/* --- one rule --- */

static bool names_source(const struct sw_conf_route *rule, const struct sw_zone *source)
{
	for (size_t i = 0; i < rule->from.n; i++)
		if (!strcmp(rule->from.v[i], source->conf->name))
			return true;
	return false;
}

static bool domain_matches(const struct sw_conf_route *rule, const struct subject *s)
{
	if (!rule->domain)
		return true;
	if (!strcmp(rule->domain, "local"))
		return s->local;
	return sw_str_glob(sw_str_of(rule->domain), sw_str_of(s->domain), true);
}

/* Why a rule does not match; NULL: it does. */
static const char *mismatch(const struct sw_conf_route *rule, const struct subject *s)
{
	if (rule->from.n && !names_source(rule, s->source))
		return "from";
	if (!domain_matches(rule, s))
		return "domain";
	if (rule->user && !sw_str_glob(sw_str_of(rule->user), (struct sw_str){ s->user, s->user_len }, false))
		return "user";
	return NULL;
}

/* "*", "**", "*.*", "?*": anything at all. */
static bool is_catch_all(const char *pattern)
{
	return !pattern || pattern[strspn(pattern, "*?.")] == '\0';
}

static bool is_relay(const struct subject *s)
{
	return !s->local && !s->source->conf->internal;
}

static bool allows_relay(const struct sw_conf_route *rule, const struct subject *s)
{
	return names_source(rule, s->source) && !is_catch_all(rule->domain);
}

/* --- the rules --- */

static struct sw_verdict relay_refused(const struct subject *s, const struct sw_conf_route *rule)
{
	if (!rule)
		return sw_verdict_make(SW_R_ROUTE_RELAY, "%.120s is not local, zone \"%s\" is not internal", s->domain,
				       s->source->conf->name);
	return sw_verdict_make(SW_R_ROUTE_RELAY,
			       "%.80s is not local, zone \"%s\" is not internal, and route \"%s\" does not name both", s->domain,
			       s->source->conf->name, rule->name);
}

static bool wants_privacy(const struct sw_request_facts *f)
{
	return f->privacy_id || sw_uri_is_anonymous(&f->from);
}

static void follow(const struct sw_conf_route *rule, const struct subject *s, const struct sw_request_facts *f,
		   struct sw_route *out)
{
	const struct sw_zone *to = rule->to ? sw_zoneset_find(s->z, rule->to) : NULL;

	out->rule = rule;
	if (rule->reject) {
		out->status = (int)rule->reject;
		out->verdict = sw_verdict_make(SW_R_ROUTE_REJECT, "route \"%s\" rejects with %u", rule->name, rule->reject);
	} else if (is_relay(s) && !allows_relay(rule, s)) {
		out->verdict = relay_refused(s, rule);
	} else if (!to) {
		out->verdict = sw_verdict_make(SW_R_ROUTE_NONE, "route \"%s\" leads nowhere", rule->name);
	} else {
		out->zone = to;
		out->strip_identity = wants_privacy(f) && !to->conf->trusted_identity;
		out->verdict = sw_verdict_make(SW_R_OK, "route \"%s\": %.80s goes to zone \"%s\"", rule->name, s->domain,
					       to->conf->name);
	}
}

static void no_rule(const struct subject *s, struct sw_route *out)
{
	out->verdict = is_relay(s)
			       ? relay_refused(s, NULL)
			       : sw_verdict_make(SW_R_ROUTE_NONE, "%.120s from zone \"%s\"", s->domain, s->source->conf->name);
}

void sw_zone_route(const struct sw_zoneset *z, const struct sw_zone *source, const struct sw_request_facts *f,
		   struct sw_route *out)
{
	const struct sw_conf *conf = sw_zoneset_conf(z);
	struct subject s = { .z = z, .source = source };

	*out = (struct sw_route){ 0 };
	out->verdict = subject_of(&s, &f->ruri);
	if (!sw_verdict_ok(&out->verdict))
		return;
	for (size_t i = 0; i < conf->n_routes; i++)
		if (!mismatch(&conf->routes[i], &s)) {
			follow(&conf->routes[i], &s, f, out);
			return;
		}
	no_rule(&s, out);
}

/* --- for people --- */

static void put_printable(struct sw_buf *out, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sw_buf_put(out, p[i] < 0x20 || p[i] == 0x7f ? "?" : &p[i], 1);
}

static void explain_mismatch(const struct sw_conf_route *rule, const struct subject *s, const char *why, struct sw_buf *out)
{
	if (!strcmp(why, "from")) {
		sw_buf_printf(out, "no, from does not list zone \"%s\"\n", s->source->conf->name);
	} else if (!strcmp(why, "domain")) {
		sw_buf_printf(out, "no, domain \"%s\" does not match %s\n", rule->domain, s->domain);
	} else {
		sw_buf_printf(out, "no, user \"%s\" does not match \"", rule->user);
		put_printable(out, s->user, s->user_len);
		sw_buf_str(out, "\"\n");
	}
}

static void explain_rules(const struct subject *s, struct sw_buf *out)
{
	const struct sw_conf *conf = sw_zoneset_conf(s->z);

	sw_buf_printf(out, "from zone \"%s\"%s to %s, which is %s\n", s->source->conf->name,
		      s->source->conf->internal ? " (internal)" : "", s->domain, s->local ? "local" : "not local");
	for (size_t i = 0; i < conf->n_routes; i++) {
		const struct sw_conf_route *rule = &conf->routes[i];
		const char *why = mismatch(rule, s);

		sw_buf_printf(out, "  %u %s: ", rule->priority, rule->name);
		if (!why) {
			sw_buf_str(out, "yes\n");
			return;
		}
		explain_mismatch(rule, s, why, out);
	}
}

void sw_zone_route_explain(const struct sw_zoneset *z, const struct sw_zone *source, const struct sw_request_facts *f,
			   struct sw_buf *out)
{
	struct subject s = { .z = z, .source = source };
	struct sw_verdict known = subject_of(&s, &f->ruri);
	struct sw_route route;

	if (sw_verdict_ok(&known))
		explain_rules(&s, out);
	sw_zone_route(z, source, f, &route);
	sw_buf_printf(out, "%s: %s\n", sw_reason_id(route.verdict.reason), route.verdict.detail);
}
