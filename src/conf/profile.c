/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/profile.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "conf/load.h"
#include "conf/table.h"

enum { HOSTS_MAX = 500, NETWORKS_MAX = 2000, PROFILES_MAX = 200, NAME_MAX_LEN = 64 };

/* --- the tables --- */

#define FROM_KEYS(m) \
	KEY("source", SW_CONF_TEXT, m.source, NULL, "Where this is written"), \
		KEY("as_of", SW_CONF_TEXT, m.as_of, NULL, "The date it was true, 2024-10-21"), \
		KEY("confirmed", SW_CONF_BOOL, m.confirmed, "true", "false: hearsay; told, never a failure")

#define STRUCT sw_profile_port
static const struct sw_conf_key port_keys[] = {
	KEY("ports", SW_CONF_PORTS, low, NULL, "First and last", AT2(high), RANGE(1, 65535), .required = true),
	KEY("transport", SW_CONF_TEXT, transport, NULL, "tcp, tls, mtls or udp", .required = true),
	KEY("direction", SW_CONF_TEXT, direction, "both", "in, out or both, as seen from the edge"),
	KEY("purpose", SW_CONF_TEXT, purpose, NULL, "What it is for"), END
};
static const struct sw_conf_group port_group = { "ports", sizeof(struct STRUCT), SW_CONF_NO_LINE, port_keys };
#undef STRUCT

#define STRUCT sw_profile_host
static const struct sw_conf_key host_keys[] = { KEY("pattern", SW_CONF_TEXT, pattern, NULL,
						    "A host, or *.example.com for it and all below", .required = true),
						KEY("port", SW_CONF_PORT, port, "443", "Port", RANGE(1, 65535)),
						KEY("transport", SW_CONF_TEXT, transport, "tls", "tls, tcp or udp"),
						KEY("purpose", SW_CONF_TEXT, purpose, NULL, "What it is for"),
						KEY("optional", SW_CONF_BOOL, optional, "false", "The service works without"),
						FROM_KEYS(from),
						END };
static const struct sw_conf_group host_group = { "hosts", sizeof(struct STRUCT), SW_CONF_NO_LINE, host_keys };
#undef STRUCT

#define STRUCT sw_profile_network_table
/* As it is written: one table for many networks of one origin. */
struct sw_profile_network_table {
	struct sw_prefix *prefixes;
	size_t n_prefixes;
	char *tag;
	struct sw_profile_source from;
};
static const struct sw_conf_key network_keys[] = {
	KEY("prefixes", SW_CONF_PREFIXES, prefixes, NULL, "Networks", AT2(n_prefixes), .required = true),
	KEY("tag", SW_CONF_NAME, tag, NULL, "What they have in common"), FROM_KEYS(from), END
};
static const struct sw_conf_group network_group = { "networks", sizeof(struct STRUCT), SW_CONF_NO_LINE, network_keys };
#undef STRUCT

#define STRUCT sw_profile_root
static const struct sw_conf_key root_keys[] = { KEY("subject", SW_CONF_TEXT, subject, NULL, "Common name", .required = true),
						KEY("sha256", SW_CONF_TEXT, sha256, NULL, "Fingerprint, hex"),
						KEY("sha1", SW_CONF_TEXT, sha1, NULL, "Fingerprint, hex"),
						KEY("status", SW_CONF_TEXT, status, "usable",
						    "required, usable, distrusted or expired"),
						KEY("note", SW_CONF_TEXT, note, NULL, "What to know about it"),
						FROM_KEYS(from),
						END };
static const struct sw_conf_group root_group = { "roots", sizeof(struct STRUCT), SW_CONF_NO_LINE, root_keys };
#undef STRUCT

#define STRUCT sw_profile_server
static const struct sw_conf_key server_keys[] = {
	KEY("kind", SW_CONF_TEXT, kind, NULL, "stun, turn, ntp or websocket", .required = true),
	KEY("host", SW_CONF_TEXT, host, NULL, "A host, or a pattern", .required = true),
	KEY("port", SW_CONF_PORT, port, NULL, "Port", RANGE(1, 65535), .required = true),
	KEY("transport", SW_CONF_TEXT, transport, "udp", "udp, tcp or tls"),
	KEY("path", SW_CONF_TEXT, path, NULL, "WebSocket: the resource"),
	FROM_KEYS(from),
	END
};
static const struct sw_conf_group server_group = { "servers", sizeof(struct STRUCT), SW_CONF_NO_LINE, server_keys };
#undef STRUCT

#define STRUCT sw_profile_proxy
static const struct sw_conf_key proxy_keys[] = {
	KEY("client", SW_CONF_TEXT, client, NULL, "Who goes through a proxy", .required = true),
	KEY("auth", SW_CONF_NAMES, auth, NULL, "none, basic, digest, ntlm, negotiate", .max = 8, .required = true), END
};
static const struct sw_conf_group proxy_group = { "proxies", sizeof(struct STRUCT), SW_CONF_NO_LINE, proxy_keys };
#undef STRUCT

#define STRUCT sw_profile_aws
static const struct sw_conf_key aws_keys[] = {
	KEY("regions", SW_CONF_NAMES, regions, NULL, "Regions of the feed", .max = 64, .required = true),
	KEY("services", SW_CONF_NAMES, services, "AMAZON", "Services of the feed", .max = 16), FROM_KEYS(from), END
};
static const struct sw_conf_group aws_group = { "aws", sizeof(struct STRUCT), SW_CONF_NO_LINE, aws_keys };
#undef STRUCT

/* What is read, before networks are spread out. */
struct sw_profile_file {
	struct sw_profile p;
	struct sw_profile_network_table *networks;
	size_t n_networks;
};

#define STRUCT sw_profile_file
static const struct sw_conf_key signalling_keys[] = {
	KEY("srv", SW_CONF_TEXTS, p.srv, NULL, "SRV labels; the first must be there", .max = 8),
	KEY("srv_other", SW_CONF_TEXTS, p.srv_other, NULL, "SRV labels that are looked at and told", .max = 16),
	KEY("ports", SW_CONF_ITEMS, p.ports, NULL, "Ports of signalling", AT2(p.n_ports), .max = 64, .group = &port_group),
	KEY("mutual", SW_CONF_BOOL, p.mutual, "false", "Its connections use client certificates"),
	KEY("mutual_port", SW_CONF_PORT, p.mutual_port, "5062", "Listener for mutual TLS", RANGE(1, 65535)),
	KEY("tls_port", SW_CONF_PORT, p.tls_port, "5061", "Listener for TLS", RANGE(1, 65535)),
	KEY("match", SW_CONF_ENUM, p.match, "rfc5922", "How names are compared", .words = sw_conf_match_words),
	KEY("wildcard", SW_CONF_BOOL, p.wildcard, "false", "Takes wildcards in our certificate"),
	KEY("eku", SW_CONF_ENUM, p.eku, "server-or-client", "Purposes its certificates have", .words = sw_conf_eku_words),
	KEY("peer_names", SW_CONF_TEXTS, p.peer_names, NULL, "What its certificate carries", .max = 64),
	KEY("options", SW_CONF_BOOL, p.options, "false", "Sends OPTIONS and insists on an answer"),
	KEY("contact_fqdn", SW_CONF_BOOL, p.contact_fqdn, "false", "Contact and Record-Route must be names"),
	END
};
static const struct sw_conf_group signalling_group = { "signalling", 0, SW_CONF_NO_LINE, signalling_keys };
static const struct sw_conf_key tls_keys[] = {
	KEY("min", SW_CONF_TEXT, p.tls_min, "1.2", "Oldest version"),
	KEY("max", SW_CONF_TEXT, p.tls_max, "1.3", "Newest version"),
	KEY("suites12", SW_CONF_TEXTS, p.suites12, NULL, "TLS 1.2 suites in order, OpenSSL names", .max = 64),
	KEY("suites13", SW_CONF_TEXTS, p.suites13, NULL, "TLS 1.3 suites in order", .max = 16),
	KEY("groups", SW_CONF_TEXTS, p.groups, NULL, "Key exchange groups", .max = 16),
	KEY("rsa_min", SW_CONF_U32, p.rsa_min, "2048", "Least RSA key, bits", RANGE(1024, 16384)),
	KEY("rsa_wanted", SW_CONF_U32, p.rsa_wanted, "3072", "Recommended RSA key, bits", RANGE(1024, 16384)),
	KEY("digests", SW_CONF_TEXTS, p.digests, "SHA256 SHA384 SHA512", "Digests of signatures", .max = 16),
	KEY("public_ca", SW_CONF_BOOL, p.public_ca, "false", "Our certificate must come from a public CA"),
	FROM_KEYS(p.tls_from),
	END
};
static const struct sw_conf_group tls_group = { "tls", 0, SW_CONF_NO_LINE, tls_keys };
static const struct sw_conf_key proof_keys[] = {
	KEY("keys", SW_CONF_TEXTS, p.txt_keys, NULL, "Keys of key=token records", .max = 16),
	KEY("apex", SW_CONF_BOOL, p.txt_apex, "false", "A bare token at the apex"), END
};
static const struct sw_conf_group proof_group = { "proof", 0, SW_CONF_NO_LINE, proof_keys };
static const struct sw_conf_key media_keys[] = {
	KEY("local", SW_CONF_PORTS, p.media_low, NULL, "Our UDP ports", AT2(p.media_high), RANGE(1, 65535)),
	KEY("remote", SW_CONF_PORTS, p.remote_low, NULL, "The provider's UDP ports", AT2(p.remote_high), RANGE(1, 65535)),
	KEY("remote_reject", SW_CONF_BOOL, p.remote_reject, "false", "A port outside is a failure"),
	KEY("srtp", SW_CONF_TEXTS, p.srtp, NULL, "SRTP suites in order", .max = 16),
	KEY("srtp_required", SW_CONF_BOOL, p.srtp_required, "false", "No media in the clear"),
	KEY("mtu_wanted", SW_CONF_U32, p.mtu_wanted, "1500", "Recommended path MTU", RANGE(576, 65535)),
	KEY("mtu_min", SW_CONF_U32, p.mtu_min, "1300", "Least path MTU", RANGE(576, 65535)),
	FROM_KEYS(p.media_from),
	END
};
static const struct sw_conf_group media_group = { "media", 0, SW_CONF_NO_LINE, media_keys };
static const struct sw_conf_key root[] = {
	KEY("name", SW_CONF_NAME, p.name, NULL, "The profile's name: that of its file", .required = true),
	KEY("title", SW_CONF_TEXT, p.title, NULL, "What it stands for", .required = true),
	FROM_KEYS(p.from),
	KEY("sip", SW_CONF_BOOL, p.sip, "true", "false: no SIP service"),
	KEY("signalling", SW_CONF_GROUP, p, NULL, "SIP", .group = &signalling_group),
	KEY("tls", SW_CONF_GROUP, p, NULL, "TLS", .group = &tls_group),
	KEY("proof", SW_CONF_GROUP, p, NULL, "Domain proof", .group = &proof_group),
	KEY("media", SW_CONF_GROUP, p, NULL, "Media", .group = &media_group),
	KEY("roots", SW_CONF_ITEMS, p.roots, NULL, "Roots of its certificates", AT2(p.n_roots), .max = 100, .group = &root_group),
	KEY("hosts", SW_CONF_ITEMS, p.hosts, NULL, "Hosts that must be reached", AT2(p.n_hosts), .max = HOSTS_MAX,
	    .group = &host_group),
	KEY("networks", SW_CONF_ITEMS, networks, NULL, "Its networks", AT2(n_networks), .max = 64, .group = &network_group),
	KEY("aws", SW_CONF_ITEMS, p.aws, NULL, "Its part of the AWS address feed", AT2(p.n_aws), .max = 1, .group = &aws_group),
	KEY("servers", SW_CONF_ITEMS, p.servers, NULL, "STUN, TURN, NTP, WebSocket", AT2(p.n_servers), .max = 100,
	    .group = &server_group),
	KEY("proxies", SW_CONF_ITEMS, p.proxies, NULL, "Which clients take which proxies", AT2(p.n_proxies), .max = 64,
	    .group = &proxy_group),
	KEY("notes", SW_CONF_TEXTS, p.notes, NULL, "Told at the end of a report", .max = 32),
	END
};
#undef STRUCT
static const struct sw_conf_group schema = { "", 0, SW_CONF_NO_LINE, root };

/* --- what the tables cannot say --- */

static void one_of(struct sw_conf_loader *l, char *const *field, const void *item, const char *key, const char *words)
{
	struct sw_str rest = sw_str_of(words), v = sw_str_of(*field);

	while (*field && rest.n) {
		const char *space = memchr(rest.p, ' ', rest.n);
		struct sw_str w = { rest.p, space ? (size_t)(space - rest.p) : rest.n };

		if (sw_str_eq(w, v))
			return;
		rest = (struct sw_str){ rest.p + w.n, rest.n - w.n };
		if (rest.n)
			rest = (struct sw_str){ rest.p + 1, rest.n - 1 };
	}
	if (*field)
		sw_conf_error(l, field, item, "%s: \"%s\" is none of %s", key, *field, words);
}

static void all_of(struct sw_conf_loader *l, const struct sw_strlist *list, const char *key, const char *words)
{
	for (size_t i = 0; i < list->n; i++)
		one_of(l, &list->v[i], list, key, words);
}

static void fingerprint(struct sw_conf_loader *l, char *const *field, const void *item, const char *key, size_t digits)
{
	if (*field && (strlen(*field) != digits || strspn(*field, "0123456789abcdefABCDEF") != digits))
		sw_conf_error(l, field, item, "%s: %zu hex digits, without colons", key, digits);
}

static char *inherit(struct sw_conf_loader *l, char *own, const char *general)
{
	if (own || !general)
		return own;
	own = strdup(general);
	if (!own)
		l->out_of_memory = true;
	return own;
}

/* A table without source and date of its own has the profile's. */
static void origin(struct sw_conf_loader *l, struct sw_profile_source *s, const struct sw_profile_source *of)
{
	int y, m, d, n = 0;

	s->source = inherit(l, s->source, of->source);
	s->as_of = inherit(l, s->as_of, of->as_of);
	if (!s->source || !s->as_of)
		sw_conf_error(l, s, s, "source and as_of are missing: say where this is written, and the date it was true");
	else if (sscanf(s->as_of, "%4d-%2d-%2d%n", &y, &m, &d, &n) != 3 || n != 10 || s->as_of[10] || m < 1 || m > 12 || d < 1 ||
		 d > 31)
		sw_conf_error(l, &s->as_of, s, "as_of: \"%s\" is no date: write 2024-10-21", s->as_of);
}

/* Tables of networks become one list. */
static void spread_networks(struct sw_conf_loader *l, struct sw_profile_file *f)
{
	struct sw_profile *p = &f->p;
	size_t n = 0;

	for (size_t i = 0; i < f->n_networks; i++)
		n += f->networks[i].n_prefixes;
	if (n > NETWORKS_MAX) {
		sw_conf_error(l, &f->networks, f, "networks: %zu, at most %d are possible", n, NETWORKS_MAX);
		return;
	}
	p->networks = calloc(n + 1, sizeof(*p->networks));
	if (!p->networks) {
		l->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < f->n_networks; i++) {
		const struct sw_profile_network_table *t = &f->networks[i];

		for (size_t k = 0; k < t->n_prefixes; k++)
			p->networks[p->n_networks++] = (struct sw_profile_network){
				.prefix = t->prefixes[k],
				.tag = inherit(l, NULL, t->tag ? t->tag : p->name),
				.from = { inherit(l, NULL, t->from.source), inherit(l, NULL, t->from.as_of), t->from.confirmed },
			};
	}
}

static void finish(struct sw_conf_loader *l, void *base)
{
	struct sw_profile_file *f = base;
	struct sw_profile *p = &f->p;

	if (l->errors)
		return;
	origin(l, &p->from, &p->from);
	if (l->errors)
		return;
	origin(l, &p->tls_from, &p->from);
	origin(l, &p->media_from, &p->from);
	one_of(l, &p->tls_min, p, "tls.min", "1.0 1.1 1.2 1.3");
	one_of(l, &p->tls_max, p, "tls.max", "1.2 1.3");
	for (size_t i = 0; i < p->n_ports; i++) {
		one_of(l, &p->ports[i].transport, &p->ports[i], "ports.transport", "tcp tls mtls udp");
		one_of(l, &p->ports[i].direction, &p->ports[i], "ports.direction", "in out both");
	}
	for (size_t i = 0; i < p->n_hosts; i++) {
		one_of(l, &p->hosts[i].transport, &p->hosts[i], "hosts.transport", "tls tcp udp");
		origin(l, &p->hosts[i].from, &p->from);
	}
	for (size_t i = 0; i < p->n_roots; i++) {
		one_of(l, &p->roots[i].status, &p->roots[i], "roots.status", "required usable distrusted expired");
		fingerprint(l, &p->roots[i].sha256, &p->roots[i], "roots.sha256", 64);
		fingerprint(l, &p->roots[i].sha1, &p->roots[i], "roots.sha1", 40);
		origin(l, &p->roots[i].from, &p->from);
	}
	for (size_t i = 0; i < p->n_servers; i++) {
		one_of(l, &p->servers[i].kind, &p->servers[i], "servers.kind", "stun turn ntp websocket");
		one_of(l, &p->servers[i].transport, &p->servers[i], "servers.transport", "udp tcp tls");
		origin(l, &p->servers[i].from, &p->from);
	}
	for (size_t i = 0; i < p->n_proxies; i++)
		all_of(l, &p->proxies[i].auth, "proxies.auth", "none basic digest ntlm negotiate");
	for (size_t i = 0; i < p->n_aws; i++)
		origin(l, &p->aws[i].from, &p->from);
	for (size_t i = 0; i < f->n_networks; i++)
		origin(l, &f->networks[i].from, &p->from);
	if (!l->out_of_memory)
		spread_networks(l, f);
}

/* --- reading --- */

static const struct sw_conf_data data = { &schema, finish };

static void free_file(struct sw_profile_file *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->p.n_networks; i++) {
		free(f->p.networks[i].tag);
		free(f->p.networks[i].from.source);
		free(f->p.networks[i].from.as_of);
	}
	free(f->p.networks);
	free(f->p.path);
	sw_conf_data_free(&data, f);
	free(f);
}

void sw_profile_free(struct sw_profile *p)
{
	free_file((struct sw_profile_file *)p); /* its first member */
}

static int read_profile(struct sw_profile **out, const char *path, const char *text, struct sw_diag *diag)
{
	struct sw_profile_file *f = calloc(1, sizeof(*f));
	int err = f ? sw_conf_data_read(&data, f, path, text, diag) : SW_ENOMEM;

	if (err == SW_OK) {
		f->p.path = strdup(path);
		err = f->p.path ? SW_OK : SW_ENOMEM;
	}
	if (err < 0)
		free_file(f);
	else
		*out = &f->p;
	return err;
}

int sw_profile_parse(struct sw_profile **out, const char *text, const char *name, struct sw_diag *diag)
{
	return read_profile(out, name, text, diag);
}

static bool is_name(const char *s)
{
	size_t n = strlen(s);

	return n && n <= NAME_MAX_LEN && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == n;
}

static const char *dir_or_default(const char *dir)
{
	return dir ? dir : SW_DATADIR "/profiles";
}

static int not_there(const char *name, const char *dir, struct sw_diag *diag)
{
	struct sw_buf list;

	sw_buf_init(&list, 0);
	if (sw_profile_list(dir, &list) < 0 || list.len == 0) {
		sw_diag_add(diag, SW_DIAG_ERROR, NULL, 0, "no profile \"%s\": there are none in %s", name, dir_or_default(dir));
	} else {
		for (size_t i = 0; i + 1 < list.len; i++)
			if (list.data[i] == '\n')
				list.data[i] = ' ';
		sw_diag_add(diag, SW_DIAG_ERROR, NULL, 0, "no profile \"%s\"; there are: %.*s", name, (int)(list.len - 1),
			    list.data);
	}
	sw_buf_free(&list);
	return SW_ENOTFOUND;
}

int sw_profile_load(struct sw_profile **out, const char *name, const char *dir, struct sw_diag *diag)
{
	struct sw_profile *p = NULL;
	char *path = NULL;
	int err;

	if (strchr(name, '/'))
		return read_profile(out, name, NULL, diag);
	if (!is_name(name))
		return not_there(name, dir, diag);
	if (asprintf(&path, "%s/%s.conf", dir_or_default(dir), name) < 0)
		return SW_ENOMEM;
	if (access(path, R_OK) != 0) {
		err = not_there(name, dir, diag);
	} else {
		err = read_profile(&p, path, NULL, diag);
		if (err == SW_OK && strcmp(p->name, name) != 0) {
			sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "name is \"%s\", but the file's name says \"%s\"", p->name,
				    name);
			sw_profile_free(p);
			err = SW_ECONF;
		} else if (err == SW_OK) {
			*out = p;
		}
	}
	free(path);
	return err;
}

static int is_profile(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');
	char name[NAME_MAX_LEN + 1];

	return dot && !strcmp(dot, ".conf") &&
	       sw_str_copy(name, sizeof(name), (struct sw_str){ e->d_name, (size_t)(dot - e->d_name) }) && is_name(name);
}

int sw_profile_list(const char *dir, struct sw_buf *out)
{
	struct dirent **entries = NULL;
	int n = scandir(dir_or_default(dir), &entries, is_profile, alphasort);

	if (n < 0)
		return sw_error_from_errno(errno);
	for (int i = 0; i < n; i++) {
		if (i < PROFILES_MAX)
			sw_buf_printf(out, "%.*s\n", (int)(strlen(entries[i]->d_name) - strlen(".conf")), entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return sw_buf_error(out);
}
