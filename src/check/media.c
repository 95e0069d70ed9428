/* SPDX-License-Identifier: Apache-2.0 */
/* The media stage: which servers to ask, over which transports; STUN reach and ranking; ports against the profile. */
#include "check/media.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "check/resolve.h"
#include "core/random.h"

enum { TRIES = 4, RTO_MS = 500, KINDS = 3, STUN_PORT = 3478, STUN_TLS_PORT = 5349, ADDRESSES = 2 };

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

const char *sw_media_kind_name(enum sw_talk_kind k)
{
	return k == SW_TALK_UDP ? "udp" : k == SW_TALK_TCP ? "tcp" : "tls";
}

const char *sw_media_subject(const struct sw_media_server *s, char dst[400])
{
	char text[SW_ADDR_STRLEN];

	snprintf(dst, 400, "%s %s %s", s->host, sw_addr_text(&s->addr, text), sw_media_kind_name(s->kind));
	return dst;
}

/* --- one conversation --- */

int sw_media_open(struct sw_check *c, const struct sw_media_server *s, bool df, struct sw_talk **out, char why[160])
{
	struct sw_addr literal;
	struct sw_talk_opts o = {
		.kind = s->kind,
		.addr = s->addr,
		.ms = sw_check_left(c),
		.stop_fd = sw_check_stop_fd(c),
		.df = df,
		.server_name = sw_addr_parse(&literal, sw_str_of(s->host), 0) == SW_OK ? NULL : s->host,
	};

	return sw_talk_open(out, &o, why);
}

/* The next message for a: others are passed over, so that nobody's forgery ends the wait. */
static int await(struct sw_talk *t, bool stream, const struct sw_stun_ask *a, struct sw_stun_reply *r, uint64_t until)
{
	uint8_t data[4096];
	size_t have = 0;

	for (;;) {
		uint64_t now = clock_ms();
		ssize_t n = now < until ? sw_talk_recv(t, data + have, sizeof(data) - have, until - now) : SW_ETIMEOUT, frame;

		if (n < 0)
			return (int)n;
		have = stream ? have + (size_t)n : (size_t)n;
		while ((frame = sw_stun_frame(data, have)) > 0) {
			if (sw_stun_read(r, data, (size_t)frame) == SW_OK && sw_stun_answers(r, a))
				return SW_OK;
			have -= (size_t)frame;
			memmove(data, data + frame, have);
		}
		if (!stream)
			have = 0;
		else if (frame < 0 || have == sizeof(data))
			return SW_EPARSE;
	}
}

int sw_media_ask(struct sw_check *c, struct sw_talk *t, bool stream, struct sw_stun_ask *a, unsigned tries,
		 struct sw_stun_reply *r, uint64_t *ms)
{
	uint64_t end = clock_ms() + sw_check_left(c), rto = RTO_MS, sent = 0;
	struct sw_buf b;
	int err;

	sw_random(a->id, sizeof(a->id));
	sw_buf_init(&b, 4096);
	err = sw_stun_write(&b, a);
	for (unsigned i = 0; err == SW_OK && i < (stream ? 1 : tries); i++, rto *= 2) {
		uint64_t until;

		sent = clock_ms();
		err = sw_talk_send(t, b.data, b.len, sw_check_left(c));
		until = stream || sent + rto > end ? end : sent + rto;
		if (err == SW_OK)
			err = await(t, stream, a, r, until);
		if (err != SW_ETIMEOUT || clock_ms() >= end)
			break;
		if (i + 1 < tries && !stream)
			err = SW_OK;
	}
	sw_buf_free(&b);
	if (err == SW_OK)
		*ms = clock_ms() - sent;
	return err;
}

/* --- reach, and the ranking of transports --- */

/* Shared by the probes of one server; the last one ranks. */
struct group {
	pthread_mutex_t lock;
	unsigned refs, open;
	char host[256];
	struct {
		bool asked, reached;
		uint64_t ms;
	} kind[KINDS];
};

struct probe {
	struct group *group; /* a reference */
	struct sw_media_server server;
	bool first; /* of the host's addresses over this transport: it looks at the NAT */
	bool has_other;
	struct sw_media_server other;
};

static void group_unref(struct group *g)
{
	bool last;

	pthread_mutex_lock(&g->lock);
	last = --g->refs == 0;
	pthread_mutex_unlock(&g->lock);
	if (last) {
		pthread_mutex_destroy(&g->lock);
		free(g);
	}
}

static void probe_free(void *arg)
{
	struct probe *p = arg;

	group_unref(p->group);
	free(p);
}

static void rank(struct sw_check *c, struct group *g)
{
	enum sw_talk_kind best = SW_TALK_UDP;
	char found[160] = "";
	size_t used = 0;
	bool any = false;

	for (int k = 0; k < KINDS; k++) {
		if (!g->kind[k].asked)
			continue;
		if (g->kind[k].reached && (!any || (best != SW_TALK_UDP && g->kind[k].ms < g->kind[best].ms))) {
			best = (enum sw_talk_kind)k;
			any = true;
		}
		used += (size_t)snprintf(found + used, sizeof(found) - used, "%s%s ", used ? ", " : "",
					 sw_media_kind_name((enum sw_talk_kind)k));
		if (g->kind[k].reached)
			used += (size_t)snprintf(found + used, sizeof(found) - used, "%llu ms",
						 (unsigned long long)g->kind[k].ms);
		else
			used += (size_t)snprintf(found + used, sizeof(found) - used, "no answer");
	}
	if (any && g->kind[SW_TALK_UDP].asked)
		sw_check_report(c, SW_F_MEDIA_TRANSPORTS, best == SW_TALK_UDP ? SW_CHECK_PASS : SW_CHECK_WARN, g->host, "udp",
				found);
}

static void group_done(struct sw_check *c, struct group *g, enum sw_talk_kind kind, bool reached, uint64_t ms)
{
	bool last;

	pthread_mutex_lock(&g->lock);
	g->kind[kind].asked = true;
	if (reached && (!g->kind[kind].reached || ms < g->kind[kind].ms)) {
		g->kind[kind].reached = true;
		g->kind[kind].ms = ms;
	}
	last = --g->open == 0;
	pthread_mutex_unlock(&g->lock);
	if (last && !sw_check_stopped(c))
		rank(c, g);
}

/* What could not be told (stopped) stays unknown; hearsay is never a failure. */
static enum sw_check_status failed(const struct sw_media_server *s, int err)
{
	return err == SW_EAGAIN ? SW_CHECK_UNKNOWN : s->confirmed ? SW_CHECK_FAIL : SW_CHECK_SKIP;
}

static void report_mapped(struct sw_check *c, const struct sw_media_server *s, const struct sw_stun_reply *r, struct sw_talk *t,
			  uint64_t ms)
{
	char subject[400], found[160], mapped[SW_ADDR_STRLEN], local[SW_ADDR_STRLEN];
	struct sw_finding *f;

	sw_media_subject(s, subject);
	if (r->kind == SW_STUN_ERROR)
		snprintf(found, sizeof(found), "it answers, with %u %s", r->error, r->reason);
	else
		snprintf(found, sizeof(found), "answers in %llu ms", (unsigned long long)ms);
	f = sw_check_report(c, SW_F_MEDIA_STUN, SW_CHECK_PASS, subject, "an answer", found);
	sw_finding_took(f, ms);
	sw_finding_add(c, f, "local", "%s", sw_addr_text(sw_talk_local(t), local));
	if (r->has_mapped)
		sw_finding_add(c, f, "mapped", "%s", sw_addr_text(&r->mapped, mapped));
	if (r->software[0])
		sw_finding_add(c, f, "software", "%s", r->software);
	if (r->old_mapped)
		sw_check_report(c, SW_F_MEDIA_STUN_OLD, SW_CHECK_WARN, subject, "XOR-MAPPED-ADDRESS", "MAPPED-ADDRESS alone");
	if (s->kind == SW_TALK_TLS)
		sw_check_report(c, SW_F_MEDIA_TURN_NAME, sw_talk_doubt(t) ? SW_CHECK_FAIL : SW_CHECK_PASS, subject,
				"a certificate of a public CA for that name", sw_talk_doubt(t) ? sw_talk_doubt(t) : "so it is");
}

static void probe_run(struct sw_check *c, void *arg)
{
	struct probe *p = arg;
	const struct sw_media_server *s = &p->server;
	struct sw_stun_ask ask = { .method = SW_STUN_BINDING };
	struct sw_stun_reply reply;
	struct sw_talk *t = NULL;
	char why[160] = "", subject[400];
	uint64_t ms = 0;
	int err = sw_media_open(c, s, false, &t, why);

	if (err == SW_OK) {
		err = sw_media_ask(c, t, s->kind != SW_TALK_UDP, &ask, TRIES, &reply, &ms);
		if (err == SW_OK && reply.kind != SW_STUN_ERROR && !reply.has_mapped)
			err = SW_EINVALID; /* of no use: RFC 8489 6.3.3 wants the address */
		if (err == SW_OK)
			report_mapped(c, s, &reply, t, ms);
		else
			snprintf(why, sizeof(why), "%s",
				 err == SW_ETIMEOUT   ? "no answer"
				 : err == SW_EINVALID ? "it answers, without the address it sees us from"
				 : err == SW_EPARSE   ? "it answers, but not in STUN"
				 : err == SW_ECLOSED  ? "refused: nothing listens there"
						      : sw_error_text(err));
		sw_talk_close(t);
	}
	if (err < 0)
		sw_check_report(c, SW_F_MEDIA_STUN, failed(s, err), sw_media_subject(s, subject), "an answer", why);
	group_done(c, p->group, s->kind, err == SW_OK, ms);
	if (err == SW_OK && s->turn)
		sw_media_turn(c, s);
	if (err == SW_OK && s->kind == SW_TALK_UDP) {
		if (p->first)
			sw_media_nat(c, s, p->has_other ? &p->other : NULL);
		sw_media_mtu(c, s);
	}
}

/* --- which servers --- */

/* A host over its transports: resolved in a probe of its own, so that planning never waits. */
struct plan {
	char host[256];
	bool turn, confirmed;
	uint16_t port[KINDS]; /* 0: not over that */
};

static void spawn_probes(struct sw_check *c, const struct plan *plan, const struct sw_addr *addrs, size_t n)
{
	struct group *g = calloc(1, sizeof(*g));
	unsigned probes = 0;

	if (!g)
		return;
	pthread_mutex_init(&g->lock, NULL);
	g->refs = 1;
	snprintf(g->host, sizeof(g->host), "%s", plan->host);
	for (int k = 0; k < KINDS; k++)
		probes += plan->port[k] ? (unsigned)n : 0;
	g->open = probes;
	for (size_t i = 0; i < n; i++) {
		for (int k = 0; k < KINDS; k++) {
			struct probe *p = plan->port[k] ? calloc(1, sizeof(*p)) : NULL;
			char what[400];

			if (!p)
				continue;
			pthread_mutex_lock(&g->lock);
			g->refs++;
			pthread_mutex_unlock(&g->lock);
			p->group = g;
			p->server = (struct sw_media_server){
				.addr = addrs[i], .kind = (enum sw_talk_kind)k, .turn = plan->turn, .confirmed = plan->confirmed
			};
			snprintf(p->server.host, sizeof(p->server.host), "%s", plan->host);
			sw_addr_set_port(&p->server.addr, plan->port[k]);
			p->first = i == 0;
			p->other = p->server;
			p->has_other = i == 0 && n > 1 && sw_addr_family(&addrs[1]) == sw_addr_family(&addrs[0]);
			if (p->has_other) {
				p->other.addr = addrs[1];
				sw_addr_set_port(&p->other.addr, plan->port[k]);
			}
			(void)sw_check_spawn(c, SW_STAGE_MEDIA, sw_media_subject(&p->server, what), probe_run, p, probe_free);
		}
	}
	group_unref(g);
}

static void plan_run(struct sw_check *c, void *arg)
{
	struct plan *plan = arg;
	struct sw_addr all[SW_RESOLVE_MAX];
	size_t n = 0;
	char why[160];
	int err = sw_check_resolve(c, plan->host, 0, all, &n, why);

	if (err < 0) {
		sw_check_report(c, SW_F_MEDIA_STUN, !plan->confirmed ? SW_CHECK_SKIP : SW_CHECK_UNKNOWN, plan->host, "an address",
				why);
		return;
	}
	spawn_probes(c, plan, all, n < ADDRESSES ? n : ADDRESSES);
}

static int kind_of(const char *transport)
{
	return !strcmp(transport, "udp") ? SW_TALK_UDP : !strcmp(transport, "tcp") ? SW_TALK_TCP : SW_TALK_TLS;
}

static void add_plan(struct sw_check *c, const struct plan *plan)
{
	struct plan *copy = malloc(sizeof(*copy));
	char what[300];

	if (!copy)
		return;
	*copy = *plan;
	snprintf(what, sizeof(what), "address of %.200s", plan->host);
	(void)sw_check_spawn(c, SW_STAGE_MEDIA, what, plan_run, copy, free);
}

/* "host", "host:port", "[v6]:port". */
static bool split_host(const char *s, char host[256], uint16_t *port)
{
	struct sw_addr a;
	const char *colon = strrchr(s, ':');
	uint32_t n = 0;
	char text[SW_ADDR_STRLEN];

	*port = 0;
	if (sw_addr_parse(&a, sw_str_of(s), 0) == SW_OK) {
		*port = sw_addr_port(&a);
		return sw_str_copy(host, 256, sw_str_of(sw_addr_host_text(&a, text)));
	}
	if (colon && sw_str_u32(sw_str_of(colon + 1), 65535, &n) < 0)
		return false;
	*port = (uint16_t)n;
	return sw_str_copy(host, 256, (struct sw_str){ s, colon ? (size_t)(colon - s) : strlen(s) });
}

/* --turn-host: over all three transports, at the profile's ports or the usual ones. */
static void plan_given(struct sw_check *c)
{
	const struct sw_check_options *o = sw_check_options(c);
	struct plan plan = { .turn = true, .confirmed = true };
	uint16_t port;

	if (!split_host(o->turn_host, plan.host, &port)) {
		sw_check_report(c, SW_F_MEDIA_SKIPPED, SW_CHECK_UNKNOWN, o->turn_host, "host or host:port", "it is neither");
		return;
	}
	plan.port[SW_TALK_UDP] = plan.port[SW_TALK_TCP] = port ? port : STUN_PORT;
	plan.port[SW_TALK_TLS] = port ? port : STUN_TLS_PORT;
	for (size_t i = 0; !port && i < o->profile->n_servers; i++)
		if (!strcmp(o->profile->servers[i].kind, "turn"))
			plan.port[kind_of(o->profile->servers[i].transport)] = o->profile->servers[i].port;
	add_plan(c, &plan);
}

static bool is_turn_or_stun(const struct sw_profile_server *s)
{
	return !strcmp(s->kind, "turn") || !strcmp(s->kind, "stun");
}

/* The profile's servers, one plan a host. */
static void plan_profile(struct sw_check *c)
{
	const struct sw_check_options *o = sw_check_options(c);

	for (size_t i = 0; i < o->profile->n_servers; i++) {
		const struct sw_profile_server *s = &o->profile->servers[i];
		struct plan plan = { .turn = !strcmp(s->kind, "turn"), .confirmed = s->from.confirmed };
		bool first = true;

		if (!is_turn_or_stun(s))
			continue;
		for (size_t k = 0; k < i; k++)
			first &= !is_turn_or_stun(&o->profile->servers[k]) || strcmp(o->profile->servers[k].host, s->host) != 0;
		if (!first)
			continue;
		if (strchr(s->host, '*')) {
			if (!o->turn_host)
				sw_check_report(c, SW_F_MEDIA_SKIPPED, SW_CHECK_SKIP, s->host, "a concrete host", "a pattern");
			continue;
		}
		for (size_t k = i; k < o->profile->n_servers; k++)
			if (is_turn_or_stun(&o->profile->servers[k]) && !strcmp(o->profile->servers[k].host, s->host))
				plan.port[kind_of(o->profile->servers[k].transport)] = o->profile->servers[k].port;
		snprintf(plan.host, sizeof(plan.host), "%s", s->host);
		add_plan(c, &plan);
	}
}

/* --- ports against the profile --- */

enum sw_check_status sw_media_remote_port(const struct sw_profile *p, uint16_t port)
{
	if (!p->remote_high)
		return SW_CHECK_SKIP;
	if (port >= p->remote_low && port <= p->remote_high)
		return SW_CHECK_PASS;
	return p->remote_reject ? SW_CHECK_FAIL : SW_CHECK_WARN;
}

static void check_ports(struct sw_check *c, const struct sw_conf *conf, const struct sw_profile *p)
{
	const struct sw_check_options *o = sw_check_options(c);
	char expected[64], found[64];
	struct sw_finding *f;

	if (p->media_high) {
		bool inside = conf->media.port_low >= p->media_low && conf->media.port_high <= p->media_high;

		snprintf(expected, sizeof(expected), "within %u-%u", p->media_low, p->media_high);
		snprintf(found, sizeof(found), "%u-%u", conf->media.port_low, conf->media.port_high);
		f = sw_check_report(c, SW_F_MEDIA_PORTS_LOCAL, inside ? SW_CHECK_PASS : SW_CHECK_WARN, "media.ports", expected,
				    found);
		sw_finding_set_fix(c, f, "media = { ports = \"%u-%u\"; ... };", p->media_low, p->media_high);
	}
	for (size_t i = 0; p->remote_high && i < conf->n_zones; i++) {
		const struct sw_conf_zone *z = &conf->zones[i];
		enum sw_check_status low = sw_media_remote_port(p, z->remote_port_low),
				     high = sw_media_remote_port(p, z->remote_port_high);
		bool covers = z->remote_port_low <= p->remote_low && z->remote_port_high >= p->remote_high;

		if (z->internal || (o->zone && o->zone != z))
			continue;
		snprintf(expected, sizeof(expected), "%u-%u", p->remote_low, p->remote_high);
		snprintf(found, sizeof(found), "%u-%u", z->remote_port_low, z->remote_port_high);
		f = sw_check_report(c, SW_F_MEDIA_PORTS_REMOTE,
				    !covers      ? SW_CHECK_FAIL
				    : low > high ? low
						 : high,
				    z->name, expected, found);
		sw_finding_set_fix(c, f, "remote_ports = \"%u-%u\";   # in zone \"%s\"", p->remote_low, p->remote_high, z->name);
	}
}

void sw_check_media(struct sw_check *c)
{
	const struct sw_check_options *o = sw_check_options(c);

	if (o->conf && o->profile)
		check_ports(c, o->conf, o->profile);
	plan_profile(c);
	if (o->turn_host)
		plan_given(c);
}
