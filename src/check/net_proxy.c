/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP proxies by CONNECT, each authentication by itself; TLS inspection; WebSocket, through the proxy or without. */
#include <stdio.h>
#include <stdlib.h>

#include "check/net.h"
#include "check/resolve.h"
#include "check/websocket.h"
#include "tls/tunnel.h"

enum { PROXY_PORT = 3128, HOSTS_MAX = 5, HEAD_MAX = 16 << 10 };
static const unsigned AUTHS[] = { SW_PROXY_BASIC, SW_PROXY_DIGEST, SW_PROXY_NTLM, SW_PROXY_NEGOTIATE };
enum { N_AUTHS = sizeof(AUTHS) / sizeof(AUTHS[0]) };

/* --- the ends --- */

/* "scheme://host[:port][/path]" or "host[:port]". */
static bool split_url(const char *url, char host[256], uint16_t *port, const char **path)
{
	const char *p = strstr(url, "://"), *end, *colon;
	struct sw_addr a;
	uint32_t n = *port;
	char text[SW_ADDR_STRLEN], authority[300];

	p = p ? p + 3 : url;
	end = p + strcspn(p, "/?#");
	if (memchr(p, '@', (size_t)(end - p)) ||
	    !sw_str_copy(authority, sizeof(authority), (struct sw_str){ p, (size_t)(end - p) }) || !authority[0])
		return false;
	if (path)
		*path = *end == '/' ? end : "/";
	if (sw_addr_parse(&a, sw_str_of(authority), *port) == SW_OK) {
		*port = sw_addr_port(&a);
		return sw_str_copy(host, 256, sw_str_of(sw_addr_host_text(&a, text)));
	}
	colon = strrchr(authority, ':');
	if (colon && (sw_str_u32(sw_str_of(colon + 1), 65535, &n) < 0 || n == 0))
		return false;
	*port = (uint16_t)n;
	return sw_str_copy(host, 256, (struct sw_str){ authority, colon ? (size_t)(colon - authority) : strlen(authority) });
}

static void auth_list(unsigned set, char *dst, size_t size)
{
	size_t used = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < N_AUTHS; i++)
		if (set & AUTHS[i] && used + 16 < size)
			used += (size_t)snprintf(dst + used, size - used, "%s%s", used ? ", " : "", sw_proxy_auth_name(AUTHS[i]));
	if (!used)
		snprintf(dst, size, "none");
}

struct proxy {
	struct sw_addr addr;
	char host[256];
	uint16_t port;
	bool tls; /* we speak TLS with the proxy itself */
};

static bool find_proxy(struct sw_check *c, struct proxy *p)
{
	const char *url = sw_check_options(c)->proxy;
	struct sw_addr all[SW_RESOLVE_MAX];
	char why[160];
	size_t n = 0;

	p->port = PROXY_PORT;
	p->tls = !strncmp(url, "https://", 8);
	if (!split_url(url, p->host, &p->port, NULL)) {
		sw_check_report(c, SW_F_NET_PROXY, SW_CHECK_UNKNOWN, "the proxy", "http://host:port, without user and password",
				"something else");
		return false;
	}
	if (sw_check_resolve(c, p->host, p->port, all, &n, why) < 0) {
		sw_check_report(c, SW_F_NET_PROXY, SW_CHECK_UNKNOWN, p->host, "an address", why);
		return false;
	}
	p->addr = all[0];
	return true;
}

/* --- CONNECT --- */

static bool tunnel_to(struct sw_check *c, const struct proxy *p, unsigned auth, const char *host, uint16_t port, bool tls,
		      struct sw_tunnel **t, struct sw_tunnel_facts *f)
{
	const struct sw_check_options *o = sw_check_options(c);
	char url[400];
	struct sw_tunnel_opts to = {
		.proxy = url, .proxy_addr = p->addr, .auth = auth, .host = host, .port = port, .tls = tls, .ms = sw_check_left(c)
	};

	snprintf(url, sizeof(url), strchr(p->host, ':') ? "%s://[%s]:%u" : "%s://%s:%u", p->tls ? "https" : "http", p->host,
		 p->port);
	if (auth) {
		to.user = o->proxy_user;
		to.password = o->proxy_password;
	}
	return sw_tunnel_open(t, &to, f) == SW_OK;
}

static void tell_clients(struct sw_check *c, unsigned offered)
{
	const struct sw_profile *p = sw_check_options(c)->profile;

	for (size_t i = 0; i < p->n_proxies; i++) {
		bool knows = false;
		char found[120];

		for (size_t k = 0; k < p->proxies[i].auth.n; k++)
			for (size_t m = 0; m < N_AUTHS; m++)
				knows |= (offered & AUTHS[m]) && !strcmp(p->proxies[i].auth.v[k], sw_proxy_auth_name(AUTHS[m]));
		auth_list(offered, found, sizeof(found));
		sw_check_report(c, SW_F_NET_PROXY_CLIENTS, knows ? SW_CHECK_PASS : SW_CHECK_WARN, p->proxies[i].client,
				"a method it knows", found);
	}
}

/* Through the proxy and directly: the same certificate? */
static void compare_ways(struct sw_check *c, const char *subject, const char *host, uint16_t port,
			 const struct sw_tunnel_facts *through)
{
	struct sw_tunnel_opts direct = { .host = host, .port = port, .tls = true, .ms = sw_check_left(c) };
	struct sw_addr all[SW_RESOLVE_MAX];
	struct sw_tunnel_facts f = { 0 };
	struct sw_tunnel *t = NULL;
	struct sw_finding *finding;
	size_t n = 0;
	char why[160];
	const char *found;
	bool differs = false;

	if (sw_check_resolve(c, host, port, all, &n, why) == SW_OK) {
		direct.addr = all[0];
		if (sw_tunnel_open(&t, &direct, &f) == SW_OK)
			differs = strcmp(f.sha256, through->sha256) != 0 && strcmp(f.issuer, through->issuer) != 0;
		sw_tunnel_close(t);
	}
	/* The host seen directly is the measure; a CA of the place's own is no inspection where both ways show it. */
	found = differs ? "another one than directly" : !f.tls && through->doubt[0] ? through->doubt : NULL;
	finding = sw_check_report(c, SW_F_NET_PROXY_INSPECTS, found ? SW_CHECK_WARN : SW_CHECK_PASS, subject,
				  "the host's own certificate", found ? found : "so it is");
	sw_finding_add(c, finding, "issuer", "%s", through->issuer);
	if (f.issuer[0])
		sw_finding_add(c, finding, "issuer_directly", "%s", f.issuer);
}

static void tell_refusal(struct sw_check *c, const char *subject, const struct sw_tunnel_facts *f)
{
	char found[300];

	if (f->status)
		snprintf(found, sizeof(found), "%ld%s", f->status,
			 f->status == 403   ? ": the proxy forbids it"
			 : f->status == 502 ? ": the proxy does not reach it"
			 : f->status == 407 ? ": authentication failed"
					    : "");
	else
		snprintf(found, sizeof(found), "%s", f->why);
	sw_check_report(c, SW_F_NET_PROXY, sw_check_stopped(c) ? SW_CHECK_UNKNOWN : SW_CHECK_FAIL, subject, "a tunnel", found);
}

/* With each authentication the proxy offers; the first that works is returned. */
static unsigned authenticate(struct sw_check *c, const struct proxy *p, const char *subject, const char *host, uint16_t port,
			     unsigned offered)
{
	unsigned works = 0;

	for (size_t i = 0; i < N_AUTHS; i++) {
		struct sw_tunnel_facts f;
		struct sw_tunnel *t = NULL;
		char found[200], expected[80];
		struct sw_finding *finding;
		bool ok;

		if (!(offered & AUTHS[i]) || sw_check_stopped(c))
			continue;
		ok = tunnel_to(c, p, AUTHS[i], host, port, true, &t, &f);
		snprintf(expected, sizeof(expected), "a tunnel with %s", sw_proxy_auth_name(AUTHS[i]));
		if (ok)
			snprintf(found, sizeof(found), "open");
		else
			snprintf(found, sizeof(found), "%ld %s", f.status, f.why);
		finding = sw_check_report(c, SW_F_NET_PROXY, ok ? SW_CHECK_PASS : SW_CHECK_FAIL, subject, expected, found);
		sw_finding_add(c, finding, "authentication", "%s", sw_proxy_auth_name(AUTHS[i]));
		if (ok && !works)
			works = AUTHS[i];
		sw_tunnel_close(t);
	}
	return works;
}

static void through_proxy(struct sw_check *c, const struct proxy *p, const char *host, uint16_t port, bool tls)
{
	const struct sw_check_options *o = sw_check_options(c);
	struct sw_tunnel *t = NULL;
	struct sw_tunnel_facts f;
	char subject[600], found[120];
	struct sw_finding *finding;
	unsigned auth;

	snprintf(subject, sizeof(subject), "%s:%u through %s:%u", host, port, p->host, p->port);
	if (tunnel_to(c, p, SW_PROXY_NONE, host, port, tls, &t, &f)) {
		sw_check_report(c, SW_F_NET_PROXY, SW_CHECK_PASS, subject, "a tunnel", "open, without authentication");
	} else if (f.status == 407) {
		auth_list(f.offered, found, sizeof(found));
		if (f.offered & SW_PROXY_BASIC && !p->tls)
			sw_check_report(c, SW_F_NET_PROXY_BASIC, SW_CHECK_WARN, p->host, "no Basic over a clear connection",
					found);
		tell_clients(c, f.offered);
		if (!o->proxy_user) {
			finding = sw_check_report(c, SW_F_NET_PROXY, SW_CHECK_UNKNOWN, subject, "a tunnel",
						  "407: it wants authentication, and no user was given");
			sw_finding_add(c, finding, "offered", "%s", found);
			return;
		}
		auth = authenticate(c, p, subject, host, port, f.offered);
		if (!auth || !tunnel_to(c, p, auth, host, port, tls, &t, &f))
			return;
	} else {
		tell_refusal(c, subject, &f);
		return;
	}
	if (f.tls)
		compare_ways(c, subject, host, port, &f);
	sw_tunnel_close(t);
}

static void run_proxy(struct sw_check *c, void *arg)
{
	const struct sw_profile *profile = sw_check_options(c)->profile;
	struct proxy p = { 0 };
	unsigned n = 0;

	(void)arg;
	if (!find_proxy(c, &p))
		return;
	for (size_t i = 0; i < profile->n_hosts && n < HOSTS_MAX; i++) {
		const struct sw_profile_host *h = &profile->hosts[i];

		if (strchr(h->pattern, '*') || strcmp(h->transport, "tls") != 0)
			continue;
		through_proxy(c, &p, h->pattern, h->port, true);
		n++;
	}
	if (sw_check_options(c)->websocket) {
		uint16_t port = 443;
		char host[256];

		if (split_url(sw_check_options(c)->websocket, host, &port, NULL)) {
			through_proxy(c, &p, host, port, strncmp(sw_check_options(c)->websocket, "ws://", 5) != 0);
			n++;
		}
	}
	if (n == 0)
		sw_check_report(c, SW_F_NET_PROXY, SW_CHECK_SKIP, p.host, "a host to reach through it",
				"the profile names patterns alone: say --websocket, or another profile");
}

static void nothing_to_free(void *arg)
{
	(void)arg;
}

/* --- WebSocket --- */

struct socket_probe {
	char host[256], path[200];
	uint16_t port;
	bool tls, confirmed;
};

static int upgrade(struct sw_check *c, struct sw_tunnel *t, const struct socket_probe *s, struct sw_websocket_reply *r)
{
	char key[SW_WEBSOCKET_KEY_LEN + 1];
	struct sw_buf b;
	int err;

	sw_websocket_key(key);
	sw_buf_init(&b, HEAD_MAX);
	sw_websocket_request(&b, s->host, s->port, s->path, key);
	err = sw_buf_error(&b);
	if (err == SW_OK)
		err = sw_tunnel_send(t, sw_buf_view(&b), sw_check_left(c));
	sw_buf_clear(&b);
	while (err == SW_OK) {
		char *room = sw_buf_reserve(&b, 1024);
		ssize_t n = room ? sw_tunnel_recv(t, room, 1024, sw_check_left(c)) : SW_ELIMIT;

		if (n < 0) {
			err = (int)n;
			break;
		}
		sw_buf_commit(&b, (size_t)n);
		err = sw_websocket_read(r, sw_buf_view(&b), key);
		if (err != SW_EAGAIN)
			break;
		err = SW_OK;
	}
	sw_buf_free(&b);
	return err;
}

static void tell_upgrade(struct sw_check *c, const char *subject, const struct socket_probe *s, int err,
			 const struct sw_websocket_reply *r)
{
	enum sw_check_status status = !s->confirmed ? SW_CHECK_SKIP : SW_CHECK_FAIL;
	char found[300];

	if (err < 0) {
		snprintf(found, sizeof(found), "%s", err == SW_EPARSE ? "no HTTP came back" : sw_error_text(err));
	} else if (r->accepted) {
		status = SW_CHECK_PASS;
		snprintf(found, sizeof(found), "101, accepted");
	} else if (r->status == 101) {
		snprintf(found, sizeof(found), "101 with a wrong Sec-WebSocket-Accept: something in between answered");
	} else {
		status = SW_CHECK_WARN;
		snprintf(found, sizeof(found), "%u%s%s: the upgrade was stripped, or the application wants something else",
			 r->status, r->location[0] ? " to " : "", r->location);
	}
	sw_check_report(c, SW_F_NET_WEBSOCKET, status, subject, "101 Switching Protocols", found);
}

static void run_websocket(struct sw_check *c, void *arg)
{
	const struct sw_check_options *o = sw_check_options(c);
	const struct socket_probe *s = arg;
	struct sw_websocket_reply reply = { 0 };
	struct sw_tunnel_facts f = { 0 };
	struct sw_tunnel *t = NULL;
	struct proxy p = { 0 };
	char subject[600], why[160];
	bool open;

	snprintf(subject, sizeof(subject), "%s://%s:%u%s", s->tls ? "wss" : "ws", s->host, s->port, s->path);
	if (o->proxy) {
		if (!find_proxy(c, &p))
			return;
		open = tunnel_to(c, &p, SW_PROXY_NONE, s->host, s->port, s->tls, &t, &f);
		for (size_t i = 0; !open && f.status == 407 && o->proxy_user && i < N_AUTHS; i++)
			open = f.offered & AUTHS[i] && tunnel_to(c, &p, AUTHS[i], s->host, s->port, s->tls, &t, &f);
	} else {
		struct sw_tunnel_opts direct = { .host = s->host, .port = s->port, .tls = s->tls };
		struct sw_addr all[SW_RESOLVE_MAX];
		size_t n = 0;

		if (sw_check_resolve(c, s->host, s->port, all, &n, why) < 0) {
			sw_check_report(c, SW_F_NET_WEBSOCKET, SW_CHECK_UNKNOWN, subject, "an address", why);
			return;
		}
		direct.addr = all[0];
		direct.ms = sw_check_left(c);
		open = sw_tunnel_open(&t, &direct, &f) == SW_OK;
	}
	if (!open) {
		sw_check_report(c, SW_F_NET_WEBSOCKET,
				sw_check_stopped(c) || (f.status == 407 && !o->proxy_user) ? SW_CHECK_UNKNOWN
				: s->confirmed						   ? SW_CHECK_FAIL
											   : SW_CHECK_SKIP,
				subject, "a connection", f.status == 407 ? "407: the proxy wants authentication" : f.why);
		return;
	}
	tell_upgrade(c, subject, s, upgrade(c, t, s, &reply), &reply);
	sw_tunnel_close(t);
}

static void spawn_websocket(struct sw_check *c, const char *host, uint16_t port, bool tls, const char *path, bool confirmed)
{
	struct socket_probe *s = calloc(1, sizeof(*s));
	char what[300];

	if (!s)
		return;
	*s = (struct socket_probe){ .port = port, .tls = tls, .confirmed = confirmed };
	snprintf(s->host, sizeof(s->host), "%s", host);
	snprintf(s->path, sizeof(s->path), "%s", path && *path == '/' ? path : "/");
	snprintf(what, sizeof(what), "websocket %.200s:%u", host, port);
	(void)sw_check_spawn(c, SW_STAGE_NET, what, run_websocket, s, free);
}

static void plan_websocket(struct sw_check *c, const char *url)
{
	bool tls = strncmp(url, "ws://", 5) != 0 && strncmp(url, "http://", 7) != 0;
	uint16_t port = tls ? 443 : 80;
	const char *path = "/";
	char host[256];

	if (split_url(url, host, &port, &path) && strcspn(path, " \r\n\t") == strlen(path))
		spawn_websocket(c, host, port, tls, path, true);
	else
		sw_check_report(c, SW_F_NET_WEBSOCKET, SW_CHECK_UNKNOWN, url, "wss://host[:port]/path", "something else");
}

void sw_net_proxy(struct sw_check *c)
{
	const struct sw_check_options *o = sw_check_options(c);

	if (o->proxy)
		(void)sw_check_spawn(c, SW_STAGE_NET, "the proxy", run_proxy, NULL, nothing_to_free);
	if (o->websocket)
		plan_websocket(c, o->websocket);
	for (size_t i = 0; !o->websocket && i < o->profile->n_servers; i++) {
		const struct sw_profile_server *s = &o->profile->servers[i];

		if (strcmp(s->kind, "websocket") != 0)
			continue;
		if (strchr(s->host, '*'))
			sw_check_report(c, SW_F_NET_WEBSOCKET, SW_CHECK_SKIP, s->host, "a concrete host",
					"a pattern: say --websocket");
		else
			spawn_websocket(c, s->host, s->port, !strcmp(s->transport, "tls"), s->path, s->from.confirmed);
	}
}
