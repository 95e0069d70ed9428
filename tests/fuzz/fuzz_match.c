/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile names and requests against a fixed set of zones. Lines: "d host" "u host" "s host" "c host" "i address" are names of a
 * certificate ('D' a malformed one); "f host", "r host", "n display", "p user" are a request. Beyond not crashing: admission,
 * which looks names up in hashes, must agree with sw_match_zone, which compares one by one; and a verdict must be given.
 */
#include <stdlib.h>

#include "zone/admit.h"
#include "zone/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NAMES = 32 };

#define L(...) { (char *[]){ __VA_ARGS__ }, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *) }
#define T(text) ((char *)(const char *)(text))

static struct sw_conf_listener listeners[] = { { .name = T("m"), .transport = SW_TRANSPORT_MTLS },
					       { .name = T("t"), .transport = SW_TRANSPORT_TLS } };
static struct sw_conf_zone zones[] = {
	{ .name = T("a"), .listeners = L(T("m")), .domains = L(T("a.example"), T("b.example")), .require_proof = true },
	{ .name = T("e"),
	  .listeners = L(T("m")),
	  .match = SW_MATCH_EXPRESSWAY,
	  .names = L(T("e.example"), T("192.0.2.1")),
	  .display = SW_DISPLAY_REJECT },
	{ .name = T("w"),
	  .listeners = L(T("m")),
	  .match = SW_MATCH_RFC9525,
	  .names = L(T("x.w.example")),
	  .allow_wildcard = true,
	  .internal = true },
	{ .name = T("t"), .listeners = L(T("m")), .match = SW_MATCH_TEAMS, .names = L(T("x.t.example")), .allow_wildcard = true },
	{ .name = T("n"),
	  .listeners = L(T("m")),
	  .match = SW_MATCH_TEAMS,
	  .names = L(T("x.n.example")),
	  .asserted = SW_ASSERTED_REJECT },
	{ .name = T("z"), .kind = SW_ZONE_DEFAULT, .listeners = L(T("t")) },
};
static struct sw_conf_route routes[] = {
	{ .name = T("1"), .from = L(T("a")), .domain = T("*.example"), .user = T("9*1?"), .to = T("e") },
	{ .name = T("2"), .domain = T("local"), .to = T("w") },
	{ .name = T("3"), .domain = T("*"), .to = T("t") },
};
static struct sw_conf conf = {
	.refs = 1, .local_domains = L(T("ours.example")), .listeners = listeners, .n_listeners = 2, .zones = zones,
	.n_zones = sizeof(zones) / sizeof(zones[0]), .routes = routes, .n_routes = 3,
};

static void chain_ok(void *arg, const struct sw_zone *zone, struct sw_chain_result *out)
{
	(void)arg;
	(void)zone;
	*out = (struct sw_chain_result){ .reason = SW_R_OK };
}

static bool proved(void *arg, const char *domain)
{
	(void)arg;
	return domain[0] == 'a';
}

static void add_name(struct sw_identity *id, char kind, char *value)
{
	struct sw_name *n = &id->names[id->n_names];

	*n = (struct sw_name){ .malformed = kind == 'D', .value = value, .host = value };
	switch (kind) {
	case 'u':
		n->type = SW_NAME_URI;
		n->scheme = T("sip");
		n->user = strchr(value, '@') != NULL;
		break;
	case 's':
		n->type = SW_NAME_SRV;
		n->scheme = T("sips");
		break;
	case 'c':
		n->type = SW_NAME_CN;
		break;
	case 'i':
		n->type = SW_NAME_IP;
		n->host = NULL;
		if (sw_addr_parse(&n->addr, sw_str_of(value), 0) < 0)
			n->malformed = true;
		break;
	default:
		n->type = SW_NAME_DNS;
		break;
	}
	id->has_san |= n->type != SW_NAME_CN;
	id->n_names++;
}

static void check_admission(const struct sw_zoneset *z, const struct sw_identity *id)
{
	struct sw_admit_facts f = { .listener = &listeners[0], .identity = id, .chain = chain_ok };
	const struct sw_zone *expected = NULL;
	struct sw_admission got;

	for (unsigned i = 0; i < sw_zoneset_count(z) && !expected; i++)
		if (sw_zoneset_at(z, i)->conf->kind != SW_ZONE_DEFAULT && sw_match_zone(id, sw_zoneset_at(z, i), NULL) == SW_R_OK)
			expected = sw_zoneset_at(z, i);
	sw_zone_admit(z, &f, &got);
	if (got.zone != expected || got.verdict.reason == SW_R_DENY)
		abort();
	f.listener = &listeners[1];
	sw_zone_admit(z, &f, &got);
	if (!got.zone)
		abort();   /* the default zone takes in who proves nothing */
	(void)sw_match_server(id, sw_zoneset_at(z, 2), id->n_names ? id->names[0].value : NULL, "x.w.example", NULL);
}

static void check_request(const struct sw_zoneset *z, const struct sw_request_facts *f)
{
	struct sw_authority authority;
	struct sw_route route;
	struct sw_buf text;

	sw_buf_init(&text, 0);
	for (unsigned i = 0; i < sw_zoneset_count(z); i++) {
		sw_zone_authorize(z, sw_zoneset_at(z, i), f, proved, NULL, &authority);
		sw_zone_route(z, sw_zoneset_at(z, i), f, &route);
		sw_zone_route_explain(z, sw_zoneset_at(z, i), f, &text);
		if (authority.verdict.reason == SW_R_DENY || route.verdict.reason == SW_R_DENY ||
		    (route.zone && !sw_verdict_ok(&route.verdict)) || strlen(authority.display) >= sizeof(authority.display))
			abort();
	}
	sw_buf_free(&text);
}

static void read_line(struct sw_identity *id, struct sw_request_facts *f, char *line, size_t n)
{
	struct sw_str value = { line + 2, n - 2 };

	switch (line[0]) {
	case 'f':
		f->from.host = value;
		break;
	case 'r':
		f->ruri.host = value;
		break;
	case 'n':
		f->from_display = value;
		break;
	case 'p':
		f->ruri.user = f->from.user = value;
		break;
	default:
		if (id->n_names < NAMES)
			add_name(id, line[0], line + 2);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sw_zoneset *z;
	struct sw_name names[NAMES];
	struct sw_identity id = { .names = names };
	struct sw_request_facts f = { .from.scheme = SW_SCHEME_SIP, .ruri.scheme = SW_SCHEME_SIP, .method = SW_STR("INVITE") };
	char *text = malloc(size + 1), *end;

	if (!text || (!z && sw_zoneset_new(&z, &conf, NULL) < 0))
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *at = text; at < text + size; at = end + 1) {
		end = memchr(at, '\n', (size_t)(text + size - at));
		end = end ? end : text + size;
		*end = '\0';
		if (end - at > 2)
			read_line(&id, &f, at, (size_t)(end - at));
	}
	check_admission(z, &id);
	check_request(z, &f);
	free(text);
	return 0;
}
