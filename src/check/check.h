/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Pre-flight: "will it work?" before go-live. A run asks many probes at once, each in a thread of its own, and gathers
 * findings. A probe may block, within its deadline; what it asks, it asks with the functions the daemon uses, so that its
 * verdict is the daemon's.
 *
 *   plan.c      targets and profile -> the first probes; what these find (SRV targets, addresses) becomes further probes
 *   run.c       threads, deadlines, findings, stable order
 *   dns_*.c tls_*.c sip_*.c media_*.c host_*.c   the probes, by stage
 *   report*.c   findings -> text, json, jsonl, junit, html, nagios, prom
 *
 * Everything a peer sends ends up in a report: findings keep bytes as they came, reports escape them.
 */
#include <stdbool.h>
#include <stdint.h>
#include "conf/conf.h"
#include "conf/profile.h"
#include "core/buf.h"

/* --- findings: what is known, by a stable id (findings.def) --- */

enum sw_stage { SW_STAGE_HOST, SW_STAGE_DNS, SW_STAGE_TCP, SW_STAGE_TLS, SW_STAGE_SIP, SW_STAGE_MEDIA, SW_STAGE_NET, SW_STAGE_COUNT };

/* Zero is "could not be told": a check that was not made has not passed. */
enum sw_check_status { SW_CHECK_UNKNOWN, SW_CHECK_PASS, SW_CHECK_SKIP, SW_CHECK_WARN, SW_CHECK_FAIL };

enum sw_finding_id {
#define SW_FINDING(sym, id, stage, ref, text, fix, explain) SW_F_##sym,
#include "check/findings.def"
#undef SW_FINDING
	SW_FINDING_COUNT
};

const char *sw_finding_name(enum sw_finding_id id);      /* "dns.srv.target-cname": API, never renamed */
enum sw_stage sw_finding_stage(enum sw_finding_id id);
const char *sw_finding_ref(enum sw_finding_id id);       /* source of the requirement: "RFC 2782", "standards of Webex, 2024-10-21" */
const char *sw_finding_text(enum sw_finding_id id);      /* what is looked at, one sentence */
const char *sw_finding_fix(enum sw_finding_id id);       /* what to do, in general */
const char *sw_finding_explain(enum sw_finding_id id);   /* the long text of "sipward explain" */
int sw_finding_by_name(const char *name, enum sw_finding_id *out) SW_MUSTCHECK;
const char *sw_stage_name(enum sw_stage s);              /* "dns" */
const char *sw_check_status_name(enum sw_check_status s);/* "pass" */

struct sw_evidence {
	char *key, *value;
};

/* Owned by the run; immutable once reported. */
struct sw_finding {
	enum sw_finding_id id;
	enum sw_check_status status;
	char *subject;               /* what it is about: "example.com", "edge1.example.com:5062 [192.0.2.1]" */
	char *expected, *found;      /* one line each; may be NULL */
	char *fix;                   /* the record, command or configuration line to paste; NULL: the id's general one */
	struct sw_evidence *evidence;
	size_t n_evidence;
	uint64_t ms;                 /* how long it took, 0: not measured */
	uint64_t order;              /* of its probe: reports sort by (stage, order) and are the same from run to run */
};

/* --- a run --- */

struct sw_check_options {
	const struct sw_profile *profile;    /* never NULL: "b2b" where none was given */
	const struct sw_conf *conf;          /* -f CONF, or NULL */
	const struct sw_conf_zone *zone;     /* --zone, or NULL */
	const char *cert, *key, *chain, *ca; /* ours, PEM files, or NULL */
	bool from_host;                      /* also look at this machine: descriptors, reserved ports, clock, routes */
	int64_t at;                          /* judge as of then, seconds since 1970; 0: now */
	int family;                          /* AF_INET, AF_INET6, or AF_UNSPEC for both */
	const struct sw_conf_dns *dns;       /* servers, time-outs: --dns, the configuration's, or the system's */
	const char *trust_anchor;            /* --trust-anchor: DS or DNSKEY records, or NULL: the root's */
	const char *proxy;                   /* URL, or NULL; credentials come from a file or the environment, never from the URL's print */
	const char *reflector;               /* host:port of a "sipward reflect", or NULL */
	const char *reflector_secret;        /* its token, or NULL */
	const char *turn_host, *turn_user, *turn_password;
	const char *proxy_user, *proxy_password;
	const char *ntp_host;                /* --ntp, or NULL: the profile's */
	const char *websocket;               /* --websocket wss://host[:port]/path, or NULL: the profile's */
	const char *aws_feed;                /* --aws: a copy of ip-ranges.json, or NULL */
	uint64_t timeout_ms;                 /* of one exchange: default 5 s */
	uint64_t deadline_ms;                /* of the whole run: default 60 s */
	unsigned threads;                    /* default 32 */
	const struct sw_prefix *allowed;     /* private and loopback networks that targets may lie in (labs) */
	size_t n_allowed;
};

struct sw_check;                             /* one run; thread-safe */
/* Options and what they point to are borrowed until sw_check_free. */
int sw_check_new(struct sw_check **out, const struct sw_check_options *o) SW_MUSTCHECK;
void sw_check_free(struct sw_check *c);
const struct sw_check_options *sw_check_options(const struct sw_check *c);
int64_t sw_check_time(const struct sw_check *c);                 /* --at, or the time the run began */

/* TARGET: a domain, host:port, SIP URI, [v6]:port. SW_EPARSE: why says what is wrong with it. */
int sw_check_target(struct sw_check *c, const char *target, char why[160]) SW_MUSTCHECK;
/* Everything -f CONF names: every zone, listener, certificate, domain, port. */
int sw_check_deployment(struct sw_check *c) SW_MUSTCHECK;
/* No target: what stands around it alone, as the profile and the options say. */
void sw_check_surroundings(struct sw_check *c);
/* Runs until nothing is left, the deadline passed or sw_check_stop (async-signal-safe) was called; then what is missing is SW_CHECK_UNKNOWN. */
int sw_check_run(struct sw_check *c) SW_MUSTCHECK;
void sw_check_stop(struct sw_check *c);

/* --- for probes --- */

typedef void sw_probe_fn(struct sw_check *c, void *arg);
/*
 * Adds a probe; what names it for the progress display ("tls 192.0.2.1:5062"). free_fn(arg) is called exactly once, also when
 * it never ran or this call fails. Probes may add probes. At most 2,000 a run: beyond, one finding says so.
 */
int sw_check_spawn(struct sw_check *c, enum sw_stage stage, const char *what, sw_probe_fn *fn, void *arg, void (*free_fn)(void *arg));
/* Milliseconds a probe may still take for one exchange: the smaller of timeout and what is left of the run; 0: stop now. */
uint64_t sw_check_left(const struct sw_check *c);
bool sw_check_stopped(const struct sw_check *c);
/* Readable when the run is to end: probes that poll(2) add it, so that Ctrl-C is prompt. Not to be read from. */
int sw_check_stop_fd(const struct sw_check *c);

/*
 * Reports: everything is copied. Texts may be NULL. Returns a handle for evidence, valid within the probe that made it, never
 * NULL (out of memory: a dummy, and the run ends with SW_ENOMEM).
 */
struct sw_finding *sw_check_report(struct sw_check *c, enum sw_finding_id id, enum sw_check_status status, const char *subject,
				   const char *expected, const char *found);
/*
 * Keys with a meaning of their own: a certificate is told by "certificate" (its subject), "not_before" and "not_after" (RFC 3339,
 * UTC), once each in a finding; reports draw its time line from them.
 */
void sw_finding_set_fix(struct sw_check *c, struct sw_finding *f, const char *fmt, ...) SW_PRINTF(3, 4);
void sw_finding_add(struct sw_check *c, struct sw_finding *f, const char *key, const char *fmt, ...) SW_PRINTF(4, 5);
void sw_finding_took(struct sw_finding *f, uint64_t ms);

/* --- what one stage hands to the next --- */

/* One address of one target of one domain. Copied by whoever keeps it. */
struct sw_endpoint {
	char domain[256];            /* the SIP domain, or "" */
	char host[256];              /* SRV target or the name itself; "" for an address literal */
	struct sw_addr addr;         /* with its port */
	bool tls;
	bool mutual;                 /* a client certificate is expected to be needed here */
};
/*
 * The zone an endpoint is judged as: --zone; in a check of a whole deployment the zone that calls it; or NULL: nobody's.
 * Judge by this, not by sw_check_options()->zone.
 */
const struct sw_conf_zone *sw_check_zone(const struct sw_check *c, const struct sw_endpoint *e);
enum { SW_ENDPOINT_STRLEN = 352 };
/* As findings and reports name it: "edge1.example.com:5062 [192.0.2.1]", without a name "192.0.2.1:5062". */
const char *sw_endpoint_text(const struct sw_endpoint *e, char dst[SW_ENDPOINT_STRLEN]);
/* Each spawns the probes of its stage. */
void sw_check_dns_domain(struct sw_check *c, const char *domain);      /* records, servers, proofs; spawns endpoints */
void sw_check_dns_host(struct sw_check *c, const char *host, uint16_t port, bool tls);
void sw_check_endpoint(struct sw_check *c, const struct sw_endpoint *e);  /* TCP reach, then TLS, then SIP; equal ones once */
void sw_check_tls(struct sw_check *c, const struct sw_endpoint *e);
void sw_check_sip(struct sw_check *c, const struct sw_endpoint *e);       /* clear-text endpoints; over TLS the TLS stage does it */
void sw_check_own(struct sw_check *c);        /* our own certificates: --cert, or those of -f */
void sw_check_media(struct sw_check *c);      /* STUN, TURN, UDP ranges, path MTU, NAT kind, as the profile and options say */
void sw_check_net(struct sw_check *c);        /* proxies, WebSocket, CA and CRL hosts, NTP, allow-lists, subnets */
void sw_check_host(struct sw_check *c);       /* this machine */
void sw_check_conf(struct sw_check *c);       /* what the configuration names: files, zones, listeners against DNS */

/* --- results --- */

struct sw_check_summary {
	size_t n[SW_CHECK_FAIL + 1];         /* by status */
	uint64_t ms;
	bool stopped, out_of_time;
	unsigned stuck;                      /* probes that did not end: sw_check_free would wait for them */
};
/* After sw_check_run: sorted, borrowed. */
const struct sw_finding *const *sw_check_findings(const struct sw_check *c, size_t *n);
void sw_check_summary(const struct sw_check *c, struct sw_check_summary *out);
/* 0 pass, 1 warnings with fail_on_warn, 2 failures, 3 could not be determined. */
int sw_check_exit(const struct sw_check *c, bool fail_on_warn);

/* A probe's progress, called from any thread under a lock; ended false: it begins. */
typedef void sw_check_progress_fn(void *arg, enum sw_stage stage, const char *what, bool ended, enum sw_check_status worst, uint64_t ms,
				  unsigned done, unsigned total);
void sw_check_on_progress(struct sw_check *c, sw_check_progress_fn *fn, void *arg);
/* Each finding as it comes, for jsonl. Under the same lock. */
typedef void sw_check_finding_fn(void *arg, const struct sw_finding *f);
void sw_check_on_finding(struct sw_check *c, sw_check_finding_fn *fn, void *arg);
