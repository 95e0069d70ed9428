/* SPDX-License-Identifier: Apache-2.0 */
/* The net stage: what stands around the edge: time, hosts, networks, proxies. */
#include "check/net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "check/ntp.h"
#include "check/reach.h"
#include "check/resolve.h"
#include "core/random.h"
#include "tls/talk.h"

enum { NTP_PORT = 123, NTP_TRIES = 3, NTP_WAIT_MS = 1500 };

void sw_check_net(struct sw_check *c)
{
	sw_net_time(c);
	sw_net_hosts(c);
	sw_net_subnets(c);
	sw_net_proxy(c);
	sw_check_reach(c);
}

/* --- time --- */

struct clock_probe {
	char host[256];
	uint16_t port;
	bool confirmed;
};

static double wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

enum sw_check_status sw_net_clock_status(double offset)
{
	double off = fabs(offset);

	return off > 30 ? SW_CHECK_FAIL : off > 1 ? SW_CHECK_WARN : SW_CHECK_PASS;
}

static void tell_time(struct sw_check *c, const char *subject, const struct sw_ntp_reply *r)
{
	char found[120];
	struct sw_finding *f;

	if (!r->synchronised) {
		snprintf(found, sizeof(found), "%s%s, stratum %u", r->kiss[0] ? "kiss of death " : "not synchronised", r->kiss,
			 r->stratum);
		sw_check_report(c, SW_F_NET_NTP_SERVER, SW_CHECK_WARN, subject, "a synchronised server", found);
		return;
	}
	snprintf(found, sizeof(found), "our clock is %.3f s %s", fabs(r->offset), r->offset > 0 ? "behind" : "ahead");
	f = sw_check_report(c, SW_F_NET_NTP, sw_net_clock_status(r->offset), subject, "less than a second off", found);
	sw_finding_add(c, f, "offset_seconds", "%.6f", r->offset);
	sw_finding_add(c, f, "delay_seconds", "%.6f", r->delay);
	sw_finding_add(c, f, "stratum", "%u", r->stratum);
}

/* Answers to other questions are passed over; they don't end the wait. */
static int ask_time(struct sw_check *c, struct sw_talk *t, struct sw_ntp_reply *r)
{
	uint8_t out[SW_NTP_LEN], in[512];
	uint64_t origin;
	int err = SW_ETIMEOUT;

	for (int i = 0; err == SW_ETIMEOUT && i < NTP_TRIES && !sw_check_stopped(c); i++) {
		double sent, end;

		sw_random(&origin, sizeof(origin));
		sw_ntp_write(out, origin);
		sent = wall();
		end = sent + NTP_WAIT_MS / 1000.0;
		err = sw_talk_send(t, out, sizeof(out), NTP_WAIT_MS);
		while (err == SW_OK) {
			double now = wall();
			ssize_t n = now < end ? sw_talk_recv(t, in, sizeof(in), (uint64_t)((end - now) * 1000) + 1) : SW_ETIMEOUT;

			if (n < 0)
				err = (int)n;
			else if (sw_ntp_read(r, in, (size_t)n, origin, sent, wall()) == SW_OK)
				return SW_OK;
		}
	}
	return err;
}

static void run_time(struct sw_check *c, void *arg)
{
	struct clock_probe *p = arg;
	struct sw_addr all[SW_RESOLVE_MAX];
	char why[160], subject[400], text[SW_ADDR_STRLEN];
	struct sw_ntp_reply reply;
	struct sw_talk *t = NULL;
	size_t n = 0;
	int err = sw_check_resolve(c, p->host, p->port, all, &n, why);

	if (err < 0) {
		sw_check_report(c, SW_F_NET_NTP, SW_CHECK_UNKNOWN, p->host, "an address", why);
		return;
	}
	snprintf(subject, sizeof(subject), "%s %s", p->host, sw_addr_text(&all[0], text));
	err = sw_talk_open(&t,
			   &(struct sw_talk_opts){
				   .kind = SW_TALK_UDP, .addr = all[0], .ms = sw_check_left(c), .stop_fd = sw_check_stop_fd(c) },
			   why);
	if (err == SW_OK) {
		err = ask_time(c, t, &reply);
		snprintf(why, sizeof(why), "%s",
			 err == SW_ETIMEOUT  ? "no answer"
			 : err == SW_ECLOSED ? "refused"
					     : sw_error_text(err));
		sw_talk_close(t);
	}
	if (err == SW_OK)
		tell_time(c, subject, &reply);
	else
		sw_check_report(c, SW_F_NET_NTP,
				err == SW_EAGAIN ? SW_CHECK_UNKNOWN
				: p->confirmed   ? SW_CHECK_FAIL
						 : SW_CHECK_SKIP,
				subject, "an answer", why);
}

static void spawn_time(struct sw_check *c, const char *host, uint16_t port, bool confirmed)
{
	struct clock_probe *p = calloc(1, sizeof(*p));
	const char *colon = strrchr(host, ':');
	struct sw_addr literal;
	char what[300];
	uint32_t given = 0;

	if (!p)
		return;
	if (sw_addr_parse(&literal, sw_str_of(host), port) == SW_OK) {
		char text[SW_ADDR_STRLEN];

		snprintf(p->host, sizeof(p->host), "%s", sw_addr_host_text(&literal, text));
		p->port = sw_addr_port(&literal);
	} else {
		if (colon && sw_str_u32(sw_str_of(colon + 1), 65535, &given) < 0)
			colon = NULL;
		snprintf(p->host, sizeof(p->host), "%.*s", colon ? (int)(colon - host) : 255, host);
		p->port = given ? (uint16_t)given : port;
	}
	p->confirmed = confirmed;
	snprintf(what, sizeof(what), "time of %.200s", p->host);
	(void)sw_check_spawn(c, SW_STAGE_NET, what, run_time, p, free);
}

void sw_net_time(struct sw_check *c)
{
	const struct sw_check_options *o = sw_check_options(c);

	if (o->ntp_host)
		spawn_time(c, o->ntp_host, NTP_PORT, true);
	for (size_t i = 0; !o->ntp_host && i < o->profile->n_servers; i++)
		if (!strcmp(o->profile->servers[i].kind, "ntp"))
			spawn_time(c, o->profile->servers[i].host, o->profile->servers[i].port,
				   o->profile->servers[i].from.confirmed);
}

/* --- hosts --- */

static enum sw_check_status bad(const struct sw_profile_host *h, int err)
{
	return err == SW_EAGAIN     ? SW_CHECK_UNKNOWN
	       : !h->from.confirmed ? SW_CHECK_SKIP
	       : h->optional        ? SW_CHECK_WARN
				    : SW_CHECK_FAIL;
}

static void run_host(struct sw_check *c, void *arg)
{
	const struct sw_profile_host *h = arg;
	bool tls = !strcmp(h->transport, "tls");
	struct sw_addr all[SW_RESOLVE_MAX];
	struct sw_talk *t = NULL;
	char why[160], subject[400], found[200];
	size_t n = 0;
	int err = sw_check_resolve(c, h->pattern, h->port, all, &n, why);
	bool unasked = err < 0 && err != SW_ENOTFOUND; /* DNS failed: whether the host is reached is not known */
	struct sw_finding *f;

	snprintf(subject, sizeof(subject), "%s:%u", h->pattern, h->port);
	for (size_t i = 0; err == SW_OK && i < n && !t; i++) {
		struct sw_talk_opts o = { .kind = tls ? SW_TALK_TLS : SW_TALK_TCP,
					  .addr = all[i],
					  .server_name = h->pattern,
					  .ms = sw_check_left(c),
					  .stop_fd = sw_check_stop_fd(c) };

		err = sw_talk_open(&t, &o, why);
		if (err != SW_OK && err != SW_EAGAIN && i + 1 < n)
			err = SW_OK; /* the next address */
	}
	if (!t) {
		f = sw_check_report(c, SW_F_NET_HOST, unasked ? SW_CHECK_UNKNOWN : bad(h, err), subject, "reached", why);
		sw_finding_add(c, f, "purpose", "%s", h->purpose ? h->purpose : "");
		return;
	}
	snprintf(found, sizeof(found), "reached%s%s", tls ? ", " : "", sw_talk_version(t));
	f = sw_check_report(c, SW_F_NET_HOST, SW_CHECK_PASS, subject, "reached", found);
	sw_finding_add(c, f, "purpose", "%s", h->purpose ? h->purpose : "");
	if (tls && sw_talk_doubt(t)) {
		f = sw_check_report(c, SW_F_NET_HOST_INSPECTED, SW_CHECK_WARN, subject, "a certificate of a public CA",
				    sw_talk_doubt(t));
		sw_finding_add(c, f, "purpose", "%s", h->purpose ? h->purpose : "");
	}
	sw_talk_close(t);
}

static void nothing_to_free(void *arg)
{
	(void)arg; /* the profile outlives the run */
}

void sw_net_hosts(struct sw_check *c)
{
	const struct sw_profile *p = sw_check_options(c)->profile;

	for (size_t i = 0; i < p->n_hosts; i++) {
		const struct sw_profile_host *h = &p->hosts[i];
		char subject[300];

		snprintf(subject, sizeof(subject), "%.200s:%u", h->pattern, h->port);
		if (strchr(h->pattern, '*') || !strcmp(h->transport, "udp"))
			sw_check_report(c, SW_F_NET_HOST_PATTERN, SW_CHECK_SKIP, subject, h->purpose,
					"a pattern: to be allowed, not to be asked");
		else
			(void)sw_check_spawn(c, SW_STAGE_NET, subject, run_host, (void *)(uintptr_t)h, nothing_to_free);
	}
}
