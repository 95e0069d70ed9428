/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the tests of src/zone are made of: certificates and configurations written down by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zone/admit.h"
#include "zone/route.h"

#define S(text) ((char *)(const char *)(text))
#define LIST(...) { (char **)(const char *[]){ __VA_ARGS__ }, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *) }
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- certificates: "uri:sip:a.example dns:*.b.example ip:192.0.2.1 srv:_sips.c.example cn:d.example" --- */

static inline char *copy_lower(const char *s)
{
	char *d = strdup(s);

	assert_non_null(d);
	for (size_t i = 0; d[i]; i++)
		if (d[i] >= 'A' && d[i] <= 'Z')
			d[i] = (char)(d[i] + 32);
	if (d[0] && d[strlen(d) - 1] == '.')
		d[strlen(d) - 1] = '\0';
	return d;
}

/* A name as src/tls reads it. '!' after the kind marks a malformed one. */
static inline void name_of(struct sw_name *n, const char *kind, const char *value)
{
	n->malformed = kind[strlen(kind) - 1] == '!';
	n->value = strdup(value);
	assert_non_null(n->value);
	if (!strncmp(kind, "dns", 3)) {
		n->type = SW_NAME_DNS;
		n->host = copy_lower(value);
	} else if (!strncmp(kind, "cn", 2)) {
		n->type = SW_NAME_CN;
		n->host = copy_lower(value);
	} else if (!strncmp(kind, "email", 5)) {
		n->type = SW_NAME_EMAIL;
	} else if (!strncmp(kind, "ip", 2)) {
		n->type = SW_NAME_IP;
		assert_int_equal(sw_addr_parse(&n->addr, sw_str_of(value), 0), 0);
	} else if (!strncmp(kind, "uri", 3)) {
		const char *colon = strchr(value, ':');

		n->type = SW_NAME_URI;
		n->scheme = copy_lower(value);
		n->scheme[colon - value] = '\0';
		n->user = strchr(value, '@') != NULL;
		/* src/tls leaves host out where there is a user; a matcher that forgot to look at user must fail here */
		if (!strcmp(n->scheme, "sip"))
			n->host = copy_lower(n->user ? strchr(value, '@') + 1 : colon + 1);
	} else if (!strncmp(kind, "srv", 3)) {
		n->type = SW_NAME_SRV;
		n->scheme = copy_lower(value + 1);
		*strchr(n->scheme, '.') = '\0';
		n->host = copy_lower(strchr(value, '.') + 1);
	} else {
		fail_msg("what is %s?", kind);
	}
}

/* The caller frees it with sw_identity_free. key fills the SPKI's hash. A lone "san" is an extension without names. */
static inline struct sw_identity *who_with_key(const char *text, int key)
{
	struct sw_identity *id = calloc(1, sizeof(*id));
	char *copy = strdup(text), *save = NULL;

	assert_non_null(id);
	assert_non_null(copy);
	id->names = calloc(SW_NAMES_MAX, sizeof(*id->names));
	assert_non_null(id->names);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *colon = strchr(word, ':');

		id->has_san |= strncmp(word, "cn", 2) != 0;
		if (!colon)
			continue;
		*colon = '\0';
		name_of(&id->names[id->n_names++], word, colon + 1);
	}
	free(copy);
	strcpy(id->subject, "CN=test");
	memset(id->spki_sha256, key, sizeof(id->spki_sha256));
	return id;
}

static inline struct sw_identity *who(const char *text)
{
	return who_with_key(text, 0x11);
}

/* --- configurations --- */

struct world {
	struct sw_conf conf;
	struct sw_diag diag;
	struct sw_zoneset *set;
};

static struct sw_conf_listener world_listeners[] = {
	{ .name = S("tls"), .transport = SW_TRANSPORT_TLS },
	{ .name = S("mtls"), .transport = SW_TRANSPORT_MTLS },
	{ .name = S("tcp"), .transport = SW_TRANSPORT_TCP },
	{ .name = S("mtls2"), .transport = SW_TRANSPORT_MTLS },
};

/* The conf keeps one reference of its own, so that nobody frees what is not on the heap. */
static inline int world_try(struct world *w, struct sw_conf_zone *zones, size_t n_zones, struct sw_conf_route *routes,
			    size_t n_routes, struct sw_strlist local)
{
	*w = (struct world){ .conf = { .refs = 1,
				       .path = S("test.conf"),
				       .local_domains = local,
				       .listeners = world_listeners,
				       .n_listeners = COUNT(world_listeners),
				       .zones = zones,
				       .n_zones = n_zones,
				       .routes = routes,
				       .n_routes = n_routes } };
	sw_diag_init(&w->diag);
	return sw_zoneset_new(&w->set, &w->conf, &w->diag);
}

static inline void world_make(struct world *w, struct sw_conf_zone *zones, size_t n_zones, struct sw_conf_route *routes,
			      size_t n_routes, struct sw_strlist local)
{
	int rc = world_try(w, zones, n_zones, routes, n_routes, local);

	for (size_t i = 0; rc < 0 && i < w->diag.n; i++)
		print_message("%s\n", w->diag.entries[i].text);
	assert_int_equal(rc, 0);
}

static inline void world_end(struct world *w)
{
	sw_zoneset_unref(w->set);
	assert_int_equal(w->conf.refs, 1);
	sw_diag_free(&w->diag);
}

/* Is there an entry of that level that says all this? */
static inline bool world_says(const struct world *w, enum sw_diag_level level, const char *text)
{
	for (size_t i = 0; i < w->diag.n; i++)
		if (w->diag.entries[i].level == level && strstr(w->diag.entries[i].text, text))
			return true;
	return false;
}

static inline const struct sw_zone *zone_named(const struct world *w, const char *name)
{
	const struct sw_zone *zone = sw_zoneset_find(w->set, name);

	assert_non_null(zone);
	return zone;
}

#define assert_reason(verdict, expected) do { \
	const struct sw_verdict *v_ = (verdict); \
	if (v_->reason != (expected)) \
		fail_msg("%s (%s), expected %s", sw_reason_id(v_->reason), v_->detail, sw_reason_id(expected)); \
} while (0)

/* --- URIs: "sip:user@host", "tel:+1", "" --- */

static inline struct sw_uri_facts uri(const char *text)
{
	struct sw_uri_facts u = { 0 };
	const char *colon = strchr(text, ':'), *at = strchr(text, '@'), *host;

	if (!colon)
		return u;
	u.scheme = !strncmp(text, "sip:", 4) ? SW_SCHEME_SIP : !strncmp(text, "sips:", 5) ? SW_SCHEME_SIPS :
		   !strncmp(text, "tel:", 4) ? SW_SCHEME_TEL : SW_SCHEME_OTHER;
	if (u.scheme == SW_SCHEME_TEL || u.scheme == SW_SCHEME_OTHER) {
		u.user = sw_str_of(colon + 1);
		return u;
	}
	if (at)
		u.user = (struct sw_str){ colon + 1, (size_t)(at - colon) - 1 };
	host = at ? at + 1 : colon + 1;
	u.host = sw_str_of(host);
	return u;
}
