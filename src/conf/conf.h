/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The configuration: one schema table (conf/schema.c) over libconfig gives
 * this snapshot. A snapshot is immutable and reference-counted; a reload makes
 * a new one. Parsing has no side effects: it opens the configuration file and
 * its includes, nothing else (certificate and key files are only named here).
 *
 * Strings and arrays belong to the snapshot. A string that was not given and
 * has no default is NULL. Lists are NULL/0 when empty. Times are milliseconds,
 * sizes are bytes.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/diag.h"
#include "core/log.h"

enum sw_transport { SW_TRANSPORT_TCP, SW_TRANSPORT_TLS, SW_TRANSPORT_MTLS };
enum sw_zone_kind { SW_ZONE_NEIGHBOR, SW_ZONE_DNS, SW_ZONE_DEFAULT };
enum sw_match_mode { SW_MATCH_RFC5922, SW_MATCH_EXPRESSWAY, SW_MATCH_RFC9525, SW_MATCH_TEAMS, SW_MATCH_PIN };
enum sw_eku_policy { SW_EKU_STRICT, SW_EKU_SERVER_OR_CLIENT, SW_EKU_ANY };
enum sw_revocation { SW_REVOCATION_OFF, SW_REVOCATION_SOFT, SW_REVOCATION_HARD };
enum sw_srtp_policy { SW_SRTP_ANY, SW_SRTP_PREFERRED, SW_SRTP_REQUIRED };
enum sw_latch_mode { SW_LATCH_STRICT, SW_LATCH_COMEDIA, SW_LATCH_NAT };
enum sw_on_display { SW_DISPLAY_STRIP, SW_DISPLAY_REJECT, SW_DISPLAY_PASS };
enum sw_on_asserted { SW_ASSERTED_STRIP, SW_ASSERTED_REJECT };
enum sw_txt_form { SW_TXT_LABEL = 1, SW_TXT_APEX_KV = 2, SW_TXT_APEX_RAW = 4 };

struct sw_strlist {
	char **v;
	size_t n;
};

struct sw_conf_cert {         /* one certificate set */
	char *name;           /* SNI this set is for; NULL for the default set */
	char *cert;           /* PEM: leaf first, may hold the chain */
	char *chain;          /* PEM: intermediates, or NULL */
	char *key;            /* PEM */
	char *key_password;   /* where its passphrase is: "file:/path", "env:NAME", "credential:NAME"; NULL: it has none */
	int line;
};

struct sw_conf_listener {
	char *name;           /* unique */
	enum sw_transport transport;   /* "tcp", "tls" (certificate asked for, not required), "mtls" (required) */
	struct sw_addr *addresses;     /* with the port filled in */
	size_t n_addresses;
	uint16_t port;
	char *host;           /* FQDN in Via and Record-Route; defaults to node.host */
	struct sw_conf_cert cert;
	struct sw_conf_cert *sni;
	size_t n_sni;
	bool send_ca_names;   /* default true */
	bool cbc;             /* the two CBC suites; default false */
	bool staple;          /* an OCSP answer about our certificate, where it names a responder; default true */
	int line;
};

struct sw_conf_tls {
	char *ciphers;        /* TLS 1.2, OpenSSL names, in order; defaults standards 2.1 (without CBC) */
	char *ciphersuites;   /* TLS 1.3 */
	char *groups;
	char *sigalgs;
	uint32_t depth;       /* default 4 */
};

struct sw_conf_zone {
	char *name;           /* unique */
	enum sw_zone_kind kind;
	struct sw_strlist listeners;   /* where its peers may come in; the first one's identity (host, port) is used towards them */
	/* who */
	enum sw_match_mode match;      /* default rfc5922 */
	struct sw_strlist names;       /* names the peer's certificate must carry (any one); empty: domains */
	struct sw_strlist pins;        /* 64 hex digits: SHA-256 of the SPKI */
	bool allow_wildcard;
	enum sw_eku_policy eku;        /* default server-or-client */
	enum sw_revocation revocation; /* default off */
	struct sw_strlist trust;       /* PEM files or directories of CAs, or https:// addresses of such; required unless kind default */
	struct sw_strlist trust_bootstrap;   /* PEM files: the CAs that vouch for the servers of those addresses, and for nothing else */
	struct sw_strlist trust_pins;  /* SHA-256 of such a server's public key; any one */
	char *trust_digest;            /* SHA-256 of the list, or the https:// address of it; NULL: none */
	struct sw_strlist trust_signers;     /* PEM files of public keys: one of them must have signed the list; empty: it need not be */
	uint64_t trust_refresh;        /* default 24 h */
	struct sw_strlist crls;        /* files, PEM or DER, and directories of them */
	enum sw_revocation ocsp;       /* default off */
	bool crl_fetch;                /* also from the distribution points that certificates name; default true */
	struct sw_prefix *sources;     /* allowed source networks; empty: any */
	size_t n_sources;
	/* what they may say */
	struct sw_strlist domains;     /* domains the zone may speak for */
	bool require_proof;            /* default true */
	bool may_assert_local;
	bool trusted_identity;         /* PAI and its like are believed and kept; default false */
	bool internal;                 /* our own side: may speak for local_domains without may_assert_local */
	enum sw_on_asserted asserted;  /* default strip */
	enum sw_on_display display;    /* default strip */
	bool allow_anonymous;
	bool allow_tel;
	bool refer;                    /* "pass" -> true, "block" (default) -> false */
	struct sw_strlist methods;     /* allowed methods; empty: all */
	uint32_t rate;                 /* requests per second outside dialogs, 0: unlimited */
	uint32_t max_calls;            /* 0: unlimited */
	/* where to find them */
	struct sw_strlist targets;     /* neighbor: "host", "host:port", "192.0.2.1:5061"; a host without a port is found by SRV */
	enum sw_transport target_transport;  /* tls (default) or tcp */
	struct sw_conf_cert client_cert;     /* presented when we connect; cert NULL: the first listener's */
	bool client_cert_none;               /* client_cert = "none": present nothing */
	struct sw_prefix *target_networks;   /* private or loopback networks that may be connected to */
	size_t n_target_networks;
	bool failover_on_cert;
	uint32_t probe_interval;       /* OPTIONS ping, ms; 0: off */
	/* media */
	char *media;                   /* name of a media interface; defaults to the first */
	enum sw_srtp_policy srtp;
	enum sw_latch_mode latch;
	struct sw_prefix *media_networks;    /* loopback/private networks media may be sent to; private ones are allowed when media = internal zones */
	size_t n_media_networks;
	uint16_t remote_port_low, remote_port_high;  /* default 1024-65535 */
	bool remote_ports_reject;      /* default false: warn */
	int line;
};

struct sw_conf_route {
	char *name;                    /* for the log; default "route-N" */
	uint32_t priority;             /* lower first; default 100 */
	struct sw_strlist from;        /* zone names; empty: any */
	char *domain;                  /* glob over the Request-URI's host; "local" stands for any of local_domains; NULL: any */
	char *user;                    /* glob over the user part; NULL: any */
	char *to;                      /* zone name; NULL when reject */
	uint32_t reject;               /* SIP status 400..699, 0: no */
	int line;
};

struct sw_conf_media_if {
	char *name;
	struct sw_addr address;        /* bound */
	struct sw_addr advertise;      /* written into SDP; default: address */
	int line;
};

struct sw_conf_media {
	struct sw_conf_media_if *interfaces;
	size_t n_interfaces;
	uint16_t port_low, port_high;  /* default 36000-59999 */
	uint32_t workers;              /* 0: one per core */
	uint64_t quarantine;           /* default 60 s */
	uint64_t idle;                 /* no packet in both directions, default 60 s: reported, closed only if close_idle */
	bool close_idle;
	uint32_t max_kbps;             /* per pinhole, default 8000 */
};

struct sw_conf_dns_server {
	struct sw_addr addr;
};

struct sw_conf_dns {
	struct sw_conf_dns_server *servers;  /* empty: those of /etc/resolv.conf */
	size_t n_servers;
	uint64_t timeout;              /* per try; default 2 s */
	uint32_t tries;                /* per server; default 2 */
	bool trusted;                  /* believe the AD bit */
	uint64_t min_ttl, max_ttl, negative_ttl;  /* 5 s, 1 h, 300 s */
	uint32_t cache_entries;        /* default 10000 */
};

struct sw_conf_ownership {
	unsigned forms;                /* set of sw_txt_form, in the order label, apex-kv, apex-raw; default label|apex-kv */
	char *label;                   /* "_sipward-challenge" */
	struct sw_strlist keys;        /* "sipward-domain-verification", "cisco-ci-domain-verification", "ciscocidomainverification" */
	bool recheck;                  /* default true */
	uint64_t interval;             /* default 24 h */
	uint64_t grace;                /* default 72 h */
	uint64_t stale_limit;          /* default 7 d */
	bool subdomains;               /* a proved parent proves its children; default false */
};

/* Fetches over HTTP: CRLs, and whatever else certificates or the configuration name by URL. */
struct sw_conf_fetch {
	struct sw_prefix *networks;    /* loopback or private networks that may be fetched from; public ones always may */
	size_t n_networks;
	uint64_t ocsp_wait;            /* a client's first OCSP answer is waited for that long; default 2 s */
};

struct sw_conf_limits {
	uint32_t connections;              /* default 20000 */
	uint32_t connections_per_source;   /* default 1000 */
	uint32_t handshakes;               /* at the same time; default 512 */
	uint32_t handshakes_per_source;    /* default 64 */
	uint64_t handshake_time;           /* 10 s */
	uint64_t connect_time;             /* 4 s */
	uint64_t message_time;             /* 10 s to complete a message */
	uint64_t idle;                     /* 3600 s */
	uint32_t start_line;               /* 8 KiB */
	uint32_t header_bytes;             /* 32 KiB, at most 64 KiB */
	uint32_t header_lines;             /* 256 */
	uint32_t body_bytes;               /* 256 KiB */
	uint32_t write_queue;              /* 256 KiB per connection */
	uint32_t transactions;             /* 100000 */
	uint32_t calls;                    /* 0: from the media ports */
	uint64_t call_time;                /* 12 h */
	uint64_t timer_t1;                 /* 500 ms; lab only */
	uint64_t timer_c;                  /* 185 s */
	uint32_t refusals;                 /* kept for "sipward why"; default 256 */
	uint64_t drain;                    /* on SIGTERM, and for a connection that no longer passes; default 60 s */
	uint64_t rejudge;                  /* how often open connections are judged again for the time that passed; default 1 h */
};

struct sw_conf {
	unsigned refs;
	char *path;
	char *host;                 /* node.host: FQDN of this node */
	char *user;                 /* node.user: run as, when started as root; default "sipward" */
	char *state_dir;            /* node.state_dir: /var/lib/sipward */
	char *control;              /* node.control: unix socket, /run/sipward/control */
	enum sw_log_level log_level;
	struct sw_strlist local_domains;   /* domains served here */
	struct sw_conf_tls tls;
	struct sw_conf_listener *listeners;
	size_t n_listeners;
	struct sw_conf_zone *zones;
	size_t n_zones;
	struct sw_conf_route *routes;      /* sorted by priority, then as written */
	size_t n_routes;
	struct sw_conf_media media;
	struct sw_conf_dns dns;
	struct sw_conf_ownership ownership;
	struct sw_conf_fetch fetch;
	struct sw_conf_limits limits;
	bool watch;                 /* reload when a file named here changes; default true */
	struct sw_strlist files;    /* that it was read from: path, then includes; not a setting */
	struct sw_strlist includes; /* patterns of the includes that have wildcards */
};

/*
 * Reads path. On success *out is a snapshot with one reference. On failure
 * SW_ECONF, and diag holds *all* errors; warnings may be there in both cases.
 */
int sw_conf_load(struct sw_conf **out, const char *path, struct sw_diag *diag) SW_MUSTCHECK;
/* The same from text, for tests and fuzzing; name stands for the file in messages. No includes. */
int sw_conf_parse(struct sw_conf **out, const char *text, const char *name, struct sw_diag *diag) SW_MUSTCHECK;
struct sw_conf *sw_conf_ref(struct sw_conf *c);   /* references may be taken and dropped in any thread */
void sw_conf_unref(struct sw_conf *c);

/*
 * Calls fn for every file and directory the configuration consists of or names (not what the daemon itself writes: state_dir, control).
 * pattern: the path's last component may hold wildcards.
 */
typedef void sw_conf_path_fn(void *arg, const char *path, bool pattern);
void sw_conf_each_path(const struct sw_conf *c, sw_conf_path_fn *fn, void *arg);

/* The effective configuration, as a file that reads back to the same snapshot. */
void sw_conf_dump(const struct sw_conf *c, struct sw_buf *out);
/* What it means, in words: listeners, zones, who may reach whom, capacity from the port range. */
void sw_conf_explain(const struct sw_conf *c, struct sw_buf *out);
/* One line per key: path, type, default, range, doc. man page, completion and lint are made from it. */
void sw_conf_schema_print(struct sw_buf *out);

/* Is this entry of a zone's trust an address to fetch from, and no path? */
bool sw_conf_is_url(const char *s);
const struct sw_conf_zone *sw_conf_zone(const struct sw_conf *c, const char *name);
const struct sw_conf_listener *sw_conf_listener(const struct sw_conf *c, const char *name);
const struct sw_conf_media_if *sw_conf_media_if(const struct sw_conf *c, const char *name); /* NULL name: the first */
const char *sw_transport_name(enum sw_transport t);
const char *sw_zone_kind_name(enum sw_zone_kind k);
const char *sw_match_mode_name(enum sw_match_mode m);
const char *sw_eku_policy_name(enum sw_eku_policy p);
