/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A provider's profile: what it demands and offers, as data (conf/profiles/NAME.conf, libconfig), each table with its source
 * and the date it was true. Read strictly: an unknown key is an error with file and line. Immutable once read; strings and
 * arrays belong to it. Lists are NULL/0 when empty; a number that was not given is 0.
 *
 * confirmed = false: what the table says is hearsay. It is shown, it gives SKIP with a hint, never FAIL.
 */
#include "conf/conf.h"

struct sw_profile_source {           /* of one table */
	char *source, *as_of;        /* as_of: "2024-10-21" */
	bool confirmed;
};

struct sw_profile_port {
	uint16_t low, high;
	char *transport;             /* "tcp", "tls", "mtls", "udp" */
	char *direction;             /* "in", "out", "both", as seen from the edge */
	char *purpose;
};
struct sw_profile_host {
	char *pattern;               /* "*.webex.com": itself and all below; globs inside a label; a literal host can be probed */
	uint16_t port;
	char *transport;             /* "tls", "tcp", "udp" */
	char *purpose;               /* "core", "crl", "cdn", ... */
	bool optional;
	struct sw_profile_source from;
};
struct sw_profile_network {
	struct sw_prefix prefix;
	char *tag;                   /* "cisco", "azure" */
	struct sw_profile_source from;
};
struct sw_profile_root {
	char *subject;               /* common name */
	char *sha256, *sha1;         /* hex without colons; either may be NULL */
	char *status;                /* "required", "usable", "distrusted", "expired" */
	char *note;
	struct sw_profile_source from;
};
struct sw_profile_server {           /* STUN, TURN, NTP, WebSocket */
	char *kind;                  /* "stun", "turn", "ntp", "websocket" */
	char *host;                  /* a literal host, or a pattern: then --turn-host and its like name one, else SKIP */
	uint16_t port;
	char *transport;             /* "udp", "tcp", "tls" */
	char *path;                  /* WebSocket */
	struct sw_profile_source from;
};
struct sw_profile_proxy {            /* one row of the proxy matrix */
	char *client;
	struct sw_strlist auth;      /* "none", "basic", "digest", "ntlm", "negotiate" */
};
struct sw_profile_aws {              /* the provider's regions in the AWS address feed */
	struct sw_strlist regions, services;
	struct sw_profile_source from;
};

struct sw_profile {
	char *name, *title, *path;
	struct sw_profile_source from;
	bool sip;                    /* false: no SIP service (Whereby): no zone, TLS or SIP checks of ours */
	/* signalling */
	struct sw_strlist srv;       /* labels looked for, the first is the one that must be there: "_sips._tcp" */
	struct sw_strlist srv_other; /* probed and told, never routed by */
	struct sw_profile_port *ports;
	size_t n_ports;
	bool mutual;                 /* the provider's connections use client certificates */
	uint16_t mutual_port, tls_port;     /* recommended listeners: 5062, 5061 */
	enum sw_match_mode match;
	bool wildcard;               /* the provider takes wildcards in our certificate */
	enum sw_eku_policy eku;
	struct sw_strlist peer_names;       /* what the provider's certificate carries; patterns */
	bool options;                /* it sends OPTIONS and insists on an answer */
	bool contact_fqdn;           /* Contact and Record-Route must be names, not addresses */
	/* TLS */
	char *tls_min, *tls_max;     /* "1.2", "1.3" */
	struct sw_strlist suites12, suites13;   /* OpenSSL names, in the provider's order */
	struct sw_strlist groups;
	uint32_t rsa_min, rsa_wanted;           /* 2048, 3072 */
	struct sw_strlist digests;              /* "SHA256", "SHA384" */
	bool public_ca;              /* our certificate must come from a public CA */
	struct sw_profile_root *roots;
	size_t n_roots;
	struct sw_profile_source tls_from;
	/* domain proof */
	struct sw_strlist txt_keys;  /* "cisco-ci-domain-verification" */
	bool txt_apex;               /* a bare token at the apex */
	/* media */
	uint16_t media_low, media_high;         /* our side */
	uint16_t remote_low, remote_high;       /* the provider's */
	bool remote_reject;          /* outside of it: FAIL rather than WARN */
	struct sw_strlist srtp;      /* suites in its order */
	bool srtp_required;
	uint32_t mtu_wanted, mtu_min;           /* 1500, 1300 */
	struct sw_profile_source media_from;
	/* surroundings */
	struct sw_profile_host *hosts;
	size_t n_hosts;
	struct sw_profile_network *networks;
	size_t n_networks;
	struct sw_profile_aws *aws;  /* one, or NULL */
	size_t n_aws;
	struct sw_profile_server *servers;
	size_t n_servers;
	struct sw_profile_proxy *proxies;
	size_t n_proxies;
	struct sw_strlist notes;     /* told at the end of a report */
};

/*
 * name: a profile's name, looked up in dir (NULL: the installed profiles), or a path with a slash. On success *out is the
 * caller's. SW_ENOTFOUND (diag names those there are), SW_ECONF with *all* errors in diag.
 */
int sw_profile_load(struct sw_profile **out, const char *name, const char *dir, struct sw_diag *diag) SW_MUSTCHECK;
/* The same from text. */
int sw_profile_parse(struct sw_profile **out, const char *text, const char *name, struct sw_diag *diag) SW_MUSTCHECK;
void sw_profile_free(struct sw_profile *p);
/* The names there are, sorted, one per line. */
int sw_profile_list(const char *dir, struct sw_buf *out) SW_MUSTCHECK;
