/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "conf/table.h"
#include "conf/value.h"

/* --- words --- */

static const struct sw_conf_word levels[] = {
	{ "error", SW_LOG_ERROR }, { "warn", SW_LOG_WARN }, { "info", SW_LOG_INFO },
	{ "debug", SW_LOG_DEBUG }, { "trace", SW_LOG_TRACE }, { NULL, 0 },
};
static const struct sw_conf_word transports[] = {
	{ "tcp", SW_TRANSPORT_TCP }, { "tls", SW_TRANSPORT_TLS }, { "mtls", SW_TRANSPORT_MTLS }, { NULL, 0 },
};
static const struct sw_conf_word target_transports[] = {
	{ "tls", SW_TRANSPORT_TLS }, { "tcp", SW_TRANSPORT_TCP }, { NULL, 0 },
};
static const struct sw_conf_word kinds[] = {
	{ "neighbor", SW_ZONE_NEIGHBOR }, { "dns", SW_ZONE_DNS }, { "default", SW_ZONE_DEFAULT }, { NULL, 0 },
};
const struct sw_conf_word sw_conf_match_words[] = {
	{ "rfc5922", SW_MATCH_RFC5922 }, { "expressway", SW_MATCH_EXPRESSWAY }, { "rfc9525", SW_MATCH_RFC9525 },
	{ "teams", SW_MATCH_TEAMS }, { "pin", SW_MATCH_PIN }, { NULL, 0 },
};
const struct sw_conf_word sw_conf_eku_words[] = {
	{ "strict", SW_EKU_STRICT }, { "server-or-client", SW_EKU_SERVER_OR_CLIENT }, { "any", SW_EKU_ANY }, { NULL, 0 },
};
static const struct sw_conf_word revocations[] = {
	{ "off", SW_REVOCATION_OFF }, { "soft", SW_REVOCATION_SOFT }, { "hard", SW_REVOCATION_HARD }, { NULL, 0 },
};
static const struct sw_conf_word srtps[] = {
	{ "any", SW_SRTP_ANY }, { "preferred", SW_SRTP_PREFERRED }, { "required", SW_SRTP_REQUIRED }, { NULL, 0 },
};
static const struct sw_conf_word latches[] = {
	{ "strict", SW_LATCH_STRICT }, { "comedia", SW_LATCH_COMEDIA }, { "nat", SW_LATCH_NAT }, { NULL, 0 },
};
static const struct sw_conf_word displays[] = {
	{ "strip", SW_DISPLAY_STRIP }, { "reject", SW_DISPLAY_REJECT }, { "pass", SW_DISPLAY_PASS }, { NULL, 0 },
};
static const struct sw_conf_word asserteds[] = {
	{ "strip", SW_ASSERTED_STRIP }, { "reject", SW_ASSERTED_REJECT }, { NULL, 0 },
};
static const struct sw_conf_word refers[] = { { "block", false }, { "pass", true }, { NULL, 0 } };
static const struct sw_conf_word forms[] = {
	{ "label", SW_TXT_LABEL }, { "apex-kv", SW_TXT_APEX_KV }, { "apex-raw", SW_TXT_APEX_RAW }, { NULL, 0 },
};

/* --- the tables --- */

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
#define DAYS(n) ((uint64_t)(n) * DAY)
#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)


#define STRUCT sw_conf
static const struct sw_conf_key node_keys[] = {
	KEY("host", SW_CONF_HOST, host, NULL, "Fully qualified name of this node, as peers write it", .required = true),
	KEY("user", SW_CONF_NAME, user, "sipward", "User to run as when started as root"),
	KEY("state_dir", SW_CONF_PATH, state_dir, "/var/lib/sipward",
	    "Directory for domain proofs, call records and the call journal"),
	KEY("control", SW_CONF_PATH, control, "/run/sipward/control", "Unix socket for the sipward command"),
	END
};
static const struct sw_conf_group node_group = { "node", 0, SW_CONF_NO_LINE, node_keys };

static const struct sw_conf_key log_keys[] = {
	KEY("level", SW_CONF_ENUM, log_level, "info", "How much is logged", .words = levels),
	END
};
static const struct sw_conf_group log_group = { "log", 0, SW_CONF_NO_LINE, log_keys };
#undef STRUCT

#define STRUCT sw_conf_tls
static const struct sw_conf_key tls_keys[] = {
	KEY("ciphers", SW_CONF_TLS_LIST, ciphers,
	    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305",
	    "TLS 1.2 suites in order of preference, OpenSSL names"),
	KEY("ciphersuites", SW_CONF_TLS_LIST, ciphersuites,
	    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
	    "TLS 1.3 suites in order of preference"),
	KEY("groups", SW_CONF_TLS_LIST, groups, "X25519:P-256:P-384:P-521", "Key exchange groups"),
	KEY("sigalgs", SW_CONF_TLS_LIST, sigalgs,
	    "rsa_pss_rsae_sha384:rsa_pss_rsae_sha256:RSA+SHA384:RSA+SHA256:ECDSA+SHA384:ECDSA+SHA256",
	    "Signature algorithms, ours and those taken from peers"),
	KEY("depth", SW_CONF_U32, depth, "4", "Longest certificate chain, counted in issuers", RANGE(1, 10)),
	END
};
static const struct sw_conf_group tls_group = { "tls", 0, SW_CONF_NO_LINE, tls_keys };
#undef STRUCT

#define STRUCT sw_conf_cert
static const struct sw_conf_key sni_keys[] = {
	KEY("name", SW_CONF_HOST, name, NULL, "Server name that selects this certificate", .required = true),
	KEY("cert", SW_CONF_PATH, cert, NULL, "PEM file: the certificate, its chain may follow", .required = true),
	KEY("chain", SW_CONF_PATH, chain, NULL, "PEM file: intermediate certificates"),
	KEY("key", SW_CONF_PATH, key, NULL, "PEM file: private key", .required = true),
	KEY("key_password", SW_CONF_SECRET, key_password, NULL, "Where the key's passphrase is: file:PATH, credential:NAME, env:NAME"),
	END
};
static const struct sw_conf_group sni_group = {
	"listeners.sni", sizeof(struct STRUCT), offsetof(struct STRUCT, line), sni_keys
};
static const struct sw_conf_key client_cert_keys[] = {
	KEY("cert", SW_CONF_PATH, cert, NULL, "PEM file: the certificate presented when we connect", .required = true),
	KEY("chain", SW_CONF_PATH, chain, NULL, "PEM file: intermediate certificates"),
	KEY("key", SW_CONF_PATH, key, NULL, "PEM file: private key", .required = true),
	KEY("key_password", SW_CONF_SECRET, key_password, NULL, "Where the key's passphrase is: file:PATH, credential:NAME, env:NAME"),
	END
};
static const struct sw_conf_group client_cert_group = {
	"zones.client_cert", 0, offsetof(struct STRUCT, line), client_cert_keys
};
#undef STRUCT

#define STRUCT sw_conf_listener
static const struct sw_conf_key listener_keys[] = {
	KEY("name", SW_CONF_NAME, name, NULL, "Name by which zones refer to the listener", .required = true),
	KEY("transport", SW_CONF_ENUM, transport, NULL,
	    "mtls: a certificate is required; tls: asked for, not required; tcp: no TLS at all", .words = transports,
	    .required = true),
	KEY("addresses", SW_CONF_ADDRS, addresses, NULL, "Addresses to bind", AT2(n_addresses), .max = 64, .required = true),
	KEY("port", SW_CONF_PORT, port, NULL, "TCP port; by default 5062 for mtls, 5061 for tls, 5060 for tcp",
	    RANGE(1024, 65534)),
	KEY("host", SW_CONF_HOST, host, NULL, "Name in Via and Record-Route; by default node.host"),
	KEY("cert", SW_CONF_PATH, cert.cert, NULL, "PEM file: the certificate, its chain may follow; required for tls and mtls"),
	KEY("chain", SW_CONF_PATH, cert.chain, NULL, "PEM file: intermediate certificates"),
	KEY("key", SW_CONF_PATH, cert.key, NULL, "PEM file: private key; required for tls and mtls"),
	KEY("key_password", SW_CONF_SECRET, cert.key_password, NULL, "Where the key's passphrase is: file:PATH, credential:NAME, env:NAME"),
	KEY("sni", SW_CONF_ITEMS, sni, NULL, "Further certificates, selected by the name the client asks for", AT2(n_sni),
	    .max = 64, .group = &sni_group),
	KEY("send_ca_names", SW_CONF_BOOL, send_ca_names, "true", "Name the accepted CAs when asking for a certificate"),
	KEY("cbc", SW_CONF_BOOL, cbc, "false", "Also offer the two CBC suites, after all others"),
	KEY("staple", SW_CONF_BOOL, staple, "true", "Show an OCSP answer about our certificate, where it names a responder"),
	END
};
static const struct sw_conf_group listener_group = {
	"listeners", sizeof(struct STRUCT), offsetof(struct STRUCT, line), listener_keys
};
#undef STRUCT

#define STRUCT sw_conf_zone
static const struct sw_conf_key zone_keys[] = {
	KEY("name", SW_CONF_NAME, name, NULL, "Name of the zone, in routes and in the log", .required = true),
	KEY("kind", SW_CONF_ENUM, kind, "neighbor",
	    "neighbor: known peers; dns: peers found by SRV; default: strangers", .words = kinds),
	KEY("listeners", SW_CONF_NAMES, listeners, NULL,
	    "Where its peers come in; the first one's host and port are shown to them", .required = true),
	KEY("match", SW_CONF_ENUM, match, "rfc5922", "How the names in the peer's certificate are compared", .words = sw_conf_match_words),
	KEY("names", SW_CONF_IDENTITIES, names, NULL,
	    "Names of which the peer's certificate must carry one; by default the domains"),
	KEY("pins", SW_CONF_PINS, pins, NULL, "SHA-256 of the peer's public key (SPKI), 64 hex digits; for match = \"pin\""),
	KEY("allow_wildcard", SW_CONF_BOOL, allow_wildcard, "false", "Accept a wildcard name in the peer's certificate"),
	KEY("eku", SW_CONF_ENUM, eku, "server-or-client", "Which extended key usage a client certificate needs", .words = sw_conf_eku_words),
	KEY("revocation", SW_CONF_ENUM, revocation, "off", "Check CRLs; soft forgives a missing or expired CRL",
	    .words = revocations),
	KEY("ocsp", SW_CONF_ENUM, ocsp, "off", "Ask for OCSP answers; soft forgives a missing one", .words = revocations),
	KEY("trust", SW_CONF_PATHS_OR_URLS, trust, NULL, "PEM files, directories or https:// addresses of the CAs this zone trusts"),
	KEY("trust_bootstrap", SW_CONF_PATHS, trust_bootstrap, NULL,
	    "PEM files: the CAs that vouch for the servers trust is fetched from, and for nobody else", .max = 16),
	KEY("trust_pin", SW_CONF_PINS, trust_pins, NULL, "SHA-256 of the public key of the server trust is fetched from", .max = 8),
	KEY("trust_digest", SW_CONF_TEXT, trust_digest, NULL, "SHA-256 of the fetched list, 64 hex digits, or the https:// address of it"),
	KEY("trust_signer", SW_CONF_PATHS, trust_signers, NULL,
	    "PEM files of public keys: one must have signed the fetched list; the signature is at its address with .sig", .max = 8),
	KEY("trust_refresh", SW_CONF_TIME64, trust_refresh, "24h", "Fetch the list again after this long", RANGE(SECOND, DAYS(30))),
	KEY("crls", SW_CONF_PATHS, crls, NULL, "Files with CRLs, PEM or DER, or directories of them"),
	KEY("crl_fetch", SW_CONF_BOOL, crl_fetch, "true", "Fetch CRLs from where certificates say they are, where revocation is looked at"),
	KEY("sources", SW_CONF_PREFIXES, sources, NULL, "Networks its peers may connect from; none given: any", AT2(n_sources)),
	KEY("domains", SW_CONF_DOMAINS, domains, NULL, "Domains the zone may speak for"),
	KEY("require_proof", SW_CONF_BOOL, require_proof, "true", "A domain counts only while its TXT proof holds"),
	KEY("may_assert_local", SW_CONF_BOOL, may_assert_local, "false", "May send From our own domains (cloud hybrid)"),
	KEY("trusted_identity", SW_CONF_BOOL, trusted_identity, "false", "Keep and believe P-Asserted-Identity and its like"),
	KEY("internal", SW_CONF_BOOL, internal, "false", "Our own side: speaks for local_domains and may call out"),
	KEY("asserted", SW_CONF_ENUM, asserted, "strip", "Asserted identity from a zone that is not trusted with it",
	    .words = asserteds),
	KEY("display", SW_CONF_ENUM, display, "strip", "Display names that pose as an address", .words = displays),
	KEY("allow_anonymous", SW_CONF_BOOL, allow_anonymous, "false", "Admit callers as anonymous@anonymous.invalid"),
	KEY("allow_tel", SW_CONF_BOOL, allow_tel, "false", "Admit tel: URIs"),
	KEY("refer", SW_CONF_WORD_BOOL, refer, "block", "REFER from this zone", .words = refers),
	KEY("methods", SW_CONF_METHODS, methods, NULL, "Methods the zone may send; none given: all", .max = 64),
	KEY("rate", SW_CONF_U32, rate, "0", "Requests per second outside of dialogs; 0: unlimited", RANGE(0, 1000000)),
	KEY("max_calls", SW_CONF_U32, max_calls, "0", "Calls at the same time; 0: unlimited", RANGE(0, 1000000)),
	KEY("targets", SW_CONF_TARGETS, targets, NULL,
	    "Where its calls are sent: host (found by SRV), host:port, address:port", .max = 64),
	KEY("target_transport", SW_CONF_ENUM, target_transport, "tls", "Transport towards the peers", .words = target_transports),
	KEY("client_cert", SW_CONF_GROUP_OR_NONE, client_cert, NULL,
	    "Certificate presented when we connect; by default the first listener's", AT2(client_cert_none),
	    .group = &client_cert_group),
	KEY("target_networks", SW_CONF_PREFIXES, target_networks, NULL,
	    "Private or loopback networks that may be connected to", AT2(n_target_networks)),
	KEY("failover_on_cert", SW_CONF_BOOL, failover_on_cert, "false",
	    "Try the next target after one whose certificate is refused"),
	KEY("probe_interval", SW_CONF_TIME32, probe_interval, "0s", "OPTIONS ping to the targets; 0: off", RANGE(0, DAY)),
	KEY("media", SW_CONF_NAME, media, NULL, "Media interface towards this zone; by default the first"),
	KEY("srtp", SW_CONF_ENUM, srtp, "preferred", "SRTP on this zone's side", .words = srtps),
	KEY("latch", SW_CONF_ENUM, latch, "strict",
	    "Whose packets open the way back: signalled address and port, address, or NAT", .words = latches),
	KEY("media_networks", SW_CONF_PREFIXES, media_networks, NULL,
	    "Private or loopback networks media may be sent to", AT2(n_media_networks)),
	KEY("remote_ports", SW_CONF_PORTS, remote_port_low, "1024-65535", "Media ports expected at the peer",
	    AT2(remote_port_high), RANGE(1, 65535)),
	KEY("remote_ports_reject", SW_CONF_BOOL, remote_ports_reject, "false",
	    "Refuse media ports outside of remote_ports, not only warn"),
	END
};
static const struct sw_conf_group zone_group = { "zones", sizeof(struct STRUCT), offsetof(struct STRUCT, line), zone_keys };
#undef STRUCT

#define STRUCT sw_conf_route
static const struct sw_conf_key route_keys[] = {
	KEY("name", SW_CONF_NAME, name, NULL, "Name for the log; by default route-N"),
	KEY("priority", SW_CONF_U32, priority, "100", "Lower is tried first; equal ones as written", RANGE(0, 65535)),
	KEY("from", SW_CONF_NAMES, from, NULL, "Zones the request may come from; none given: any"),
	KEY("domain", SW_CONF_TEXT, domain, NULL, "Pattern for the host of the Request-URI; \"local\": any of local_domains"),
	KEY("user", SW_CONF_TEXT, user, NULL, "Pattern for the user part of the Request-URI"),
	KEY("to", SW_CONF_NAME, to, NULL, "Zone the request goes to"),
	KEY("reject", SW_CONF_U32, reject, NULL, "SIP status to refuse with, in place of to", RANGE(400, 699)),
	END
};
static const struct sw_conf_group route_group = { "routes", sizeof(struct STRUCT), offsetof(struct STRUCT, line), route_keys };
#undef STRUCT

#define STRUCT sw_conf_media_if
static const struct sw_conf_key media_if_keys[] = {
	KEY("name", SW_CONF_NAME, name, NULL, "Name by which zones refer to the interface", .required = true),
	KEY("address", SW_CONF_ADDR, address, NULL, "Address media is bound to", .required = true),
	KEY("advertise", SW_CONF_ADDR, advertise, NULL, "Address written into SDP (behind 1:1 NAT); by default address"),
	END
};
static const struct sw_conf_group media_if_group = {
	"media.interfaces", sizeof(struct STRUCT), offsetof(struct STRUCT, line), media_if_keys
};
#undef STRUCT

#define STRUCT sw_conf_media
static const struct sw_conf_key media_keys[] = {
	KEY("interfaces", SW_CONF_ITEMS, interfaces, NULL, "Local addresses for media; the first is the default",
	    AT2(n_interfaces),
	    .max = SW_CONF_MEDIA_IFS_MAX, .group = &media_if_group),
	KEY("ports", SW_CONF_PORTS, port_low, "36000-59999", "UDP ports on each interface, RTP even and RTCP odd",
	    AT2(port_high), RANGE(1024, 65535)),
	KEY("workers", SW_CONF_U32, workers, "0", "Relay threads; 0: one per core", RANGE(0, 256)),
	KEY("quarantine", SW_CONF_TIME64, quarantine, "60s", "A port rests this long after its call", RANGE(0, 10 * MINUTE)),
	KEY("idle", SW_CONF_TIME64, idle, "60s", "No packet in both directions for this long is reported", RANGE(SECOND, HOUR)),
	KEY("close_idle", SW_CONF_BOOL, close_idle, "false", "Also close the stream when it is idle"),
	KEY("max_kbps", SW_CONF_U32, max_kbps, "8000", "Bandwidth cap of one pinhole, kbit/s", RANGE(64, 1000000)),
	END
};
static const struct sw_conf_group media_group = { "media", 0, SW_CONF_NO_LINE, media_keys };
#undef STRUCT

#define STRUCT sw_conf_dns
static const struct sw_conf_key dns_keys[] = {
	KEY("servers", SW_CONF_SERVERS, servers, NULL,
	    "Resolvers, address or address:port; by default those of /etc/resolv.conf", AT2(n_servers), .max = 8),
	KEY("timeout", SW_CONF_TIME64, timeout, "2s", "Per try", RANGE(100, 30 * SECOND)),
	KEY("tries", SW_CONF_U32, tries, "2", "Per server", RANGE(1, 5)),
	KEY("trusted", SW_CONF_BOOL, trusted, "false",
	    "Believe the AD bit of the resolvers (only over loopback or a protected path)"),
	KEY("min_ttl", SW_CONF_TIME64, min_ttl, "5s", "Answers are kept at least this long", RANGE(0, HOUR)),
	KEY("max_ttl", SW_CONF_TIME64, max_ttl, "1h", "Answers are kept at most this long", RANGE(SECOND, DAYS(7))),
	KEY("negative_ttl", SW_CONF_TIME64, negative_ttl, "300s", "Negative answers are kept at most this long", RANGE(0, HOUR)),
	KEY("cache_entries", SW_CONF_U32, cache_entries, "10000", "Answers in the cache", RANGE(16, 1000000)),
	END
};
static const struct sw_conf_group dns_group = { "dns", 0, SW_CONF_NO_LINE, dns_keys };
#undef STRUCT

#define STRUCT sw_conf_fetch
static const struct sw_conf_key fetch_keys[] = {
	KEY("networks", SW_CONF_PREFIXES, networks, NULL, "Private or loopback networks that may be fetched from", AT2(n_networks)),
	KEY("ocsp_wait", SW_CONF_TIME64, ocsp_wait, "2s", "How long a client waits for the first OCSP answer about it", RANGE(0, 10 * SECOND)),
	END
};
static const struct sw_conf_group fetch_group = { "fetch", 0, SW_CONF_NO_LINE, fetch_keys };
#undef STRUCT

#define STRUCT sw_conf_ownership
static const struct sw_conf_key ownership_keys[] = {
	KEY("forms", SW_CONF_SET, forms, "label apex-kv", "Where the TXT token may stand", .words = forms),
	KEY("label", SW_CONF_LABEL, label, "_sipward-challenge", "Owner label of the form \"label\""),
	KEY("keys", SW_CONF_TEXTS, keys, "sipward-domain-verification cisco-ci-domain-verification ciscocidomainverification",
	    "Keys accepted in the form \"apex-kv\"", .max = 16),
	KEY("recheck", SW_CONF_BOOL, recheck, "true", "Check proved domains again"),
	KEY("interval", SW_CONF_TIME64, interval, "24h", "Time between checks", RANGE(SECOND, DAYS(30))),
	KEY("grace", SW_CONF_TIME64, grace, "72h", "A missing record is forgiven this long", RANGE(0, DAYS(30))),
	KEY("stale_limit", SW_CONF_TIME64, stale_limit, "7d", "DNS that gives no answer is forgiven this long",
	    RANGE(0, DAYS(90))),
	KEY("subdomains", SW_CONF_BOOL, subdomains, "false", "A proved domain proves those below it"),
	END
};
static const struct sw_conf_group ownership_group = { "ownership", 0, SW_CONF_NO_LINE, ownership_keys };
#undef STRUCT

#define STRUCT sw_conf_limits
static const struct sw_conf_key limits_keys[] = {
	KEY("connections", SW_CONF_U32, connections, "20000", "Connections at the same time", RANGE(1, 1000000)),
	KEY("connections_per_source", SW_CONF_U32, connections_per_source, "1000", "... from one address", RANGE(1, 1000000)),
	KEY("handshakes", SW_CONF_U32, handshakes, "512", "TLS handshakes at the same time; further clients wait", RANGE(1, 65536)),
	KEY("handshakes_per_source", SW_CONF_U32, handshakes_per_source, "64", "... from one address; further connections are refused", RANGE(1, 65536)),
	KEY("handshake_time", SW_CONF_TIME64, handshake_time, "10s", "A TLS handshake takes at most this long",
	    RANGE(100, MINUTE)),
	KEY("connect_time", SW_CONF_TIME64, connect_time, "4s", "A connection attempt takes at most this long",
	    RANGE(100, MINUTE)),
	KEY("message_time", SW_CONF_TIME64, message_time, "10s", "A message is complete this long after its first byte",
	    RANGE(100, 5 * MINUTE)),
	KEY("idle", SW_CONF_TIME64, idle, "1h", "A connection without traffic is closed", RANGE(SECOND, DAYS(7))),
	KEY("start_line", SW_CONF_SIZE32, start_line, "8KiB", "Longest start line", RANGE(512, KIB(32))),
	KEY("header_bytes", SW_CONF_SIZE32, header_bytes, "32KiB", "Longest header section", RANGE(KIB(1), KIB(64))),
	KEY("header_lines", SW_CONF_U32, header_lines, "256", "Most header lines", RANGE(16, 1024)),
	KEY("body_bytes", SW_CONF_SIZE32, body_bytes, "256KiB", "Longest body", RANGE(KIB(1), MIB(4))),
	KEY("write_queue", SW_CONF_SIZE32, write_queue, "256KiB", "Bytes waiting to be written on one connection",
	    RANGE(KIB(1), MIB(64))),
	KEY("transactions", SW_CONF_U32, transactions, "100000", "Transactions at the same time", RANGE(1, 10000000)),
	KEY("calls", SW_CONF_U32, calls, "0", "Calls at the same time; 0: as many as the media ports carry", RANGE(0, 1000000)),
	KEY("call_time", SW_CONF_TIME64, call_time, "12h", "Longest call", RANGE(MINUTE, DAYS(7))),
	KEY("timer_t1", SW_CONF_TIME64, timer_t1, "500ms", "SIP timer T1; other values are for the lab", RANGE(10, 4 * SECOND)),
	KEY("timer_c", SW_CONF_TIME64, timer_c, "185s", "SIP timer C: an INVITE rings at most this long", RANGE(SECOND, HOUR)),
	KEY("refusals", SW_CONF_U32, refusals, "256", "Last refusals kept for \"sipward why\"", RANGE(0, 4096)),
	KEY("drain", SW_CONF_TIME64, drain, "60s", "On SIGTERM, and on a connection that no longer passes, calls get this long to end", RANGE(0, DAY)),
	KEY("rejudge", SW_CONF_TIME64, rejudge, "1h", "Open connections are judged again this often: certificates expire", RANGE(SECOND, HOUR)),
	END
};
static const struct sw_conf_group limits_group = { "limits", 0, SW_CONF_NO_LINE, limits_keys };
#undef STRUCT

#define STRUCT sw_conf
static const struct sw_conf_key root_keys[] = {
	{ .name = "node", .type = SW_CONF_GROUP, .at = 0, .group = &node_group, .doc = "This node" },
	{ .name = "log", .type = SW_CONF_GROUP, .at = 0, .group = &log_group, .doc = "Logging" },
	KEY("watch", SW_CONF_BOOL, watch, "true", "Reload when a file of the configuration, or one that it names, changes"),
	KEY("local_domains", SW_CONF_DOMAINS, local_domains, NULL, "Domains served here"),
	KEY("tls", SW_CONF_GROUP, tls, NULL, "TLS for all listeners and connections", .group = &tls_group),
	KEY("listeners", SW_CONF_ITEMS, listeners, NULL, "Where connections come in", AT2(n_listeners), .max = 64,
	    .group = &listener_group),
	KEY("zones", SW_CONF_ITEMS, zones, NULL, "Who the peers are and what they may do", AT2(n_zones), .group = &zone_group),
	KEY("routes", SW_CONF_ITEMS, routes, NULL, "Which requests go where; the first match counts", AT2(n_routes),
	    .group = &route_group),
	KEY("media", SW_CONF_GROUP, media, NULL, "The media relay", .group = &media_group),
	KEY("dns", SW_CONF_GROUP, dns, NULL, "The resolver", .group = &dns_group),
	KEY("ownership", SW_CONF_GROUP, ownership, NULL, "Proof of domain ownership by TXT records", .group = &ownership_group),
	KEY("fetch", SW_CONF_GROUP, fetch, NULL, "Fetches over HTTP", .group = &fetch_group),
	KEY("limits", SW_CONF_GROUP, limits, NULL, "Bounds on what peers can use up", .group = &limits_group),
	END
};
const struct sw_conf_group sw_conf_root = { "", sizeof(struct sw_conf), SW_CONF_NO_LINE, root_keys };
#undef STRUCT

/* --- words and nearest names --- */

const char *sw_conf_word_name(const struct sw_conf_word *words, unsigned value)
{
	for (; words->name; words++) {
		if (words->value == value)
			return words->name;
	}
	return "?";
}

const char *sw_transport_name(enum sw_transport t)
{
	return sw_conf_word_name(transports, t);
}

const char *sw_zone_kind_name(enum sw_zone_kind k)
{
	return sw_conf_word_name(kinds, k);
}

const char *sw_match_mode_name(enum sw_match_mode m)
{
	return sw_conf_word_name(sw_conf_match_words, m);
}

const char *sw_eku_policy_name(enum sw_eku_policy p)
{
	return sw_conf_word_name(sw_conf_eku_words, p);
}

const char *sw_conf_nth_word(const void *words, size_t i)
{
	return ((const struct sw_conf_word *)words)[i].name;
}

const char *sw_conf_nth_key(const void *keys, size_t i)
{
	return ((const struct sw_conf_key *)keys)[i].name;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edit distance; '-' and '_' count as the same. UINT_MAX for what is too long to be a typing error. */
static unsigned distance(const char *a, const char *b)
{
	enum { MAX = 64 };
	unsigned row[MAX + 1];
	size_t n = strlen(b);

	if (n > MAX || strlen(a) > MAX)
		return (unsigned)-1;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < n; j++) {
			char x = a[i] == '-' ? '_' : a[i], y = b[j] == '-' ? '_' : b[j];
			unsigned cost = diagonal + (x != y);

			diagonal = row[j + 1];
			row[j + 1] = min3(cost, row[j] + 1, row[j + 1] + 1);
		}
	}
	return row[n];
}

const char *sw_conf_nearest(const char *written, const char *(*next)(const void *arg, size_t i), const void *arg)
{
	const char *best = NULL, *candidate;
	size_t third = strlen(written) / 3;
	unsigned limit = third < 2 ? 2 : (unsigned)third;

	for (size_t i = 0; (candidate = next(arg, i)); i++) {
		unsigned d = distance(written, candidate);

		/* Of a short word nearly all letters could be exchanged: that is no hint. */
		if (d > limit || d >= strlen(candidate))
			continue;
		best = candidate;
		limit = d ? d - 1 : 0;
		if (!d)
			break;
	}
	return best;
}

/* --- the printed schema --- */

static const char *type_name(const struct sw_conf_key *k)
{
	switch (k->type) {
	case SW_CONF_BOOL: return "boolean";
	case SW_CONF_WORD_BOOL:
	case SW_CONF_ENUM: return "word";
	case SW_CONF_U32: return "number";
	case SW_CONF_PORT: return "port";
	case SW_CONF_PORTS: return "port range";
	case SW_CONF_TIME64:
	case SW_CONF_TIME32: return "time";
	case SW_CONF_SIZE32: return "size";
	case SW_CONF_NAME: return "name";
	case SW_CONF_TEXT:
	case SW_CONF_TLS_LIST:
	case SW_CONF_LABEL: return "text";
	case SW_CONF_SECRET: return "secret";
	case SW_CONF_HOST: return "host";
	case SW_CONF_PATH: return "path";
	case SW_CONF_ADDR: return "address";
	case SW_CONF_SET: return "list of words";
	case SW_CONF_NAMES: return "list of names";
	case SW_CONF_DOMAINS: return "list of domains";
	case SW_CONF_IDENTITIES: return "list of domains or addresses";
	case SW_CONF_TARGETS: return "list of hosts";
	case SW_CONF_METHODS:
	case SW_CONF_TEXTS: return "list of texts";
	case SW_CONF_PINS: return "list of fingerprints";
	case SW_CONF_PATHS_OR_URLS: return "list of paths or addresses";
	case SW_CONF_PATHS: return "list of paths";
	case SW_CONF_ADDRS:
	case SW_CONF_SERVERS: return "list of addresses";
	case SW_CONF_PREFIXES: return "list of networks";
	case SW_CONF_GROUP: return "group";
	case SW_CONF_GROUP_OR_NONE: return "group or \"none\"";
	case SW_CONF_ITEMS: return "list of groups";
	}
	return "?";
}

static void print_range(const struct sw_conf_key *k, struct sw_buf *out)
{
	char low[SW_CONF_TEXT_MAX], high[SW_CONF_TEXT_MAX];

	if (k->words) {
		for (const struct sw_conf_word *w = k->words; w->name; w++)
			sw_buf_printf(out, "%s%s", w == k->words ? "" : "|", w->name);
		return;
	}
	switch (k->type) {
	case SW_CONF_U32:
	case SW_CONF_PORT:
	case SW_CONF_PORTS:
	case SW_CONF_TIME32:
	case SW_CONF_TIME64:
	case SW_CONF_SIZE32:
		sw_buf_printf(out, "%s..%s", sw_conf_number_text(k->type, k->min, low),
			      sw_conf_number_text(k->type, k->max, high));
		break;
	default:
		if (k->max)
			sw_buf_printf(out, "at most %llu", (unsigned long long)k->max);
		else
			sw_buf_str(out, "-");
	}
}

static void print_group(const struct sw_conf_group *g, struct sw_buf *out)
{
	for (const struct sw_conf_key *k = g->keys; k->name; k++) {
		sw_buf_printf(out, "%s%s%s\t%s\t", g->path, *g->path ? "." : "", k->name, type_name(k));
		if (k->required)
			sw_buf_str(out, "required");
		else
			sw_buf_str(out, k->def ? k->def : "-");
		sw_buf_str(out, "\t");
		print_range(k, out);
		sw_buf_printf(out, "\t%s\n", k->doc);
		if (k->group)
			print_group(k->group, out);
	}
}

void sw_conf_schema_print(struct sw_buf *out)
{
	print_group(&sw_conf_root, out);
}
