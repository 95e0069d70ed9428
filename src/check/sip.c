/* SPDX-License-Identifier: Apache-2.0 */
/* The SIP stage: what comes back for an OPTIONS. Only an answer proves mutual TLS in TLS 1.3. */
#include "check/sip.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check/tls.h"
#include "sip/frame.h"
#include "tls/talk.h"
#include "zone/match.h"

enum { ANSWER_MAX = 64 << 10, OTHERS_MAX = 20, PONG_MS = 2000 };

/* The two kinds of connection; one of them. */
struct line {
	struct sw_check *c;
	const struct sw_endpoint *e;
	char subject[SW_ENDPOINT_STRLEN];
	struct sw_tls_probe *tls;
	struct sw_talk *clear;
	struct sw_frame frame;
	size_t bytes; /* read so far */
	bool closed;
	char garbage[200]; /* why what came is no SIP; "" */
};

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int line_send(struct line *l, struct sw_str s, uint64_t ms)
{
	return l->tls ? sw_tls_probe_send(l->tls, s.p, s.n, ms) : sw_talk_send(l->clear, s.p, s.n, ms);
}

static ssize_t line_recv(struct line *l, char *buf, size_t n, uint64_t ms)
{
	return l->tls ? sw_tls_probe_recv(l->tls, buf, n, ms) : sw_talk_recv(l->clear, buf, n, ms);
}

/* The next event of the stream that is not "more", or SW_FRAME_MORE: the time is over, or the line closed. */
static enum sw_frame_event line_next(struct line *l, uint64_t until, struct sw_frame_out *out)
{
	char buf[8192];

	for (;;) {
		enum sw_frame_event ev = sw_frame_next(&l->frame, out);
		uint64_t now = clock_ms();
		ssize_t n;

		if (ev == SW_FRAME_ERROR)
			snprintf(l->garbage, sizeof(l->garbage), "%.190s", out->error.detail);
		if (ev != SW_FRAME_MORE)
			return ev;
		if (l->bytes >= ANSWER_MAX) {
			snprintf(l->garbage, sizeof(l->garbage), "%zu bytes came without an answer among them", l->bytes);
			return SW_FRAME_ERROR;
		}
		if (now >= until)
			return SW_FRAME_MORE;
		n = line_recv(l, buf, sizeof(buf), until - now);
		l->closed = n == SW_ECLOSED;
		if (n < 0)
			return SW_FRAME_MORE;
		l->bytes += (size_t)n;
		if (sw_frame_feed(&l->frame, buf, (size_t)n) < 0) {
			snprintf(l->garbage, sizeof(l->garbage), "more than fits a SIP message");
			return SW_FRAME_ERROR;
		}
	}
}

/* --- findings --- */

/* For the certificate: told by the TLS stage. */
static void report_refused(struct line *l, bool shown)
{
	sw_check_report(l->c, SW_F_SIP_OPTIONS, SW_CHECK_SKIP, l->subject, "an answer to OPTIONS",
			shown ? "the connection was refused for our certificate"
			      : "the connection was refused for want of a certificate: give --cert and --key");
}

static void report_no_answer(struct line *l, uint64_t waited, bool shown)
{
	struct sw_tls_probe *p = l->tls;
	char found[300];

	if (l->garbage[0]) {
		snprintf(found, sizeof(found), "no SIP: %s", l->garbage);
		sw_check_report(l->c, SW_F_SIP_GARBAGE, SW_CHECK_FAIL, l->subject, "a SIP answer", found);
		return;
	}
	if (l->closed && p && p->cert_asked && p->end == SW_TLS_END_LATE) {
		report_refused(l, shown);
		return;
	}
	if (l->closed) {
		sw_check_report(l->c, SW_F_SIP_CLOSED, SW_CHECK_FAIL, l->subject, "an answer to OPTIONS",
				p && p->end == SW_TLS_END_HUNG_UP ? p->detail : "the connection was closed");
		return;
	}
	if (sw_check_stopped(l->c)) {
		sw_check_report(l->c, SW_F_SIP_OPTIONS, SW_CHECK_UNKNOWN, l->subject, "an answer to OPTIONS",
				"the run ended before an answer");
		return;
	}
	snprintf(found, sizeof(found), "nothing within %llu ms", (unsigned long long)waited);
	sw_check_report(l->c, SW_F_SIP_SILENT, SW_CHECK_FAIL, l->subject, "an answer to OPTIONS", found);
}

static void add(struct sw_check *c, struct sw_finding *f, const char *key, const char *value)
{
	if (value[0])
		sw_finding_add(c, f, key, "%s", value);
}

static void report_answer(struct line *l, const struct sw_sip_heard *h, uint64_t ms)
{
	enum sw_check_status status = sw_sip_status_verdict(h->status);
	struct sw_finding *f;
	char found[120];

	snprintf(found, sizeof(found), "%d %s", h->status, h->phrase);
	f = sw_check_report(l->c, SW_F_SIP_OPTIONS, status, l->subject, "an answer to OPTIONS", found);
	sw_finding_took(f, ms ? ms : 1);
	if (status != SW_CHECK_PASS)
		sw_finding_set_fix(l->c, f, "%s", sw_sip_status_meaning(h->status));
	add(l->c, f, "Server", h->server);
	add(l->c, f, "Allow", h->allow);
	add(l->c, f, "Accept", h->accept);
	add(l->c, f, "Supported", h->supported);
	add(l->c, f, "Contact", h->contact);
	add(l->c, f, "Record-Route", h->record_route);
	add(l->c, f, "Date", h->date);
	add(l->c, f, "Warning", h->warning);
	add(l->c, f, "challenge", h->www);
	add(l->c, f, "received", h->received);
}

static void judge_headers(struct line *l, const struct sw_sip_heard *h)
{
	const struct sw_profile *p = sw_check_options(l->c)->profile;

	if (h->status / 100 != 2)
		return;
	if (h->allow[0] && !h->allows_invite)
		sw_check_report(l->c, SW_F_SIP_ALLOW, SW_CHECK_WARN, l->subject, "INVITE among the methods it allows", h->allow);
	if (h->contact_is_address)
		sw_check_report(l->c, SW_F_SIP_CONTACT, p->contact_fqdn ? SW_CHECK_FAIL : SW_CHECK_PASS, l->subject,
				p->contact_fqdn ? "a host name in Contact" : NULL, h->contact);
	if (h->record_route_is_address && p->contact_fqdn)
		sw_check_report(l->c, SW_F_SIP_CONTACT, SW_CHECK_FAIL, l->subject, "a host name in Record-Route",
				h->record_route);
}

/* The host that the answer calls itself must be in the certificate, where the provider compares the two. */
static void judge_contact_name(struct line *l, const struct sw_sip_heard *h)
{
	const struct sw_profile *p = sw_check_options(l->c)->profile;
	struct sw_identity *id = NULL;
	char found[600], names[300];

	if (!p->contact_fqdn || !h->contact_host[0] || h->contact_is_address || !l->tls || !l->tls->leaf)
		return;
	if (sw_identity_from_x509(&id, l->tls->leaf) < 0)
		return;
	if (sw_match_name(id, h->contact_host, p->match, p->wildcard, NULL) != SW_R_OK) {
		snprintf(found, sizeof(found), "Contact says %s, the certificate %s", h->contact_host,
			 sw_identity_names_text(id, names, sizeof(names)));
		sw_check_report(l->c, SW_F_SIP_CONTACT_NAME, SW_CHECK_FAIL, l->subject, "Contact is a name of the certificate",
				found);
	} else {
		sw_check_report(l->c, SW_F_SIP_CONTACT_NAME, SW_CHECK_PASS, l->subject, "Contact is a name of the certificate",
				h->contact_host);
	}
	sw_identity_free(id);
}

static void judge_nat(struct line *l, const struct sw_sip_heard *h, const struct sw_addr *local)
{
	char found[200], mine[SW_ADDR_STRLEN];
	struct sw_addr seen;

	if (!h->received[0] || sw_addr_parse(&seen, sw_str_of(h->received), 0) < 0)
		return;
	snprintf(found, sizeof(found), "we are %s, the far end sees %s", sw_addr_host_text(local, mine), h->received);
	if (!sw_addr_same_host(local, &seen))
		sw_check_report(l->c, SW_F_SIP_NAT, SW_CHECK_PASS, l->subject, NULL, found);
}

/* --- the exchange --- */

/* Awaits the answer to a. True: *h holds it. What else comes in between is passed over, so much and no more. */
static bool await(struct line *l, const struct sw_sip_ask *a, uint64_t until, struct sw_sip_heard *h)
{
	struct sw_frame_out out;
	char why[200];

	for (int i = 0; i < OTHERS_MAX; i++) {
		enum sw_frame_event ev = line_next(l, until, &out);

		if (ev == SW_FRAME_MORE || ev == SW_FRAME_ERROR)
			return false;
		if (ev != SW_FRAME_MESSAGE)
			continue;
		if (sw_sip_heard_read(h, out.message, a, why) < 0) {
			snprintf(l->garbage, sizeof(l->garbage), "%s", why);
			return false;
		}
		if (h->ours && h->status >= 200)
			return true;
	}
	snprintf(l->garbage, sizeof(l->garbage), "%d other messages came, and no answer", OTHERS_MAX);
	return false;
}

/* CRLFCRLF, and a CRLF back (RFC 5626 4.4.1). Many servers do not do it: it is told, not blamed. */
static void ping(struct line *l)
{
	uint64_t left = sw_check_left(l->c), began = clock_ms();
	uint64_t until = began + (left < PONG_MS ? left : PONG_MS);
	enum sw_frame_event ev = SW_FRAME_MORE;
	struct sw_finding *f;
	struct sw_frame_out out;

	if (line_send(l, SW_STR("\r\n\r\n"), left) == SW_OK)
		do
			ev = line_next(l, until, &out);
		while (ev == SW_FRAME_MESSAGE);
	if (ev == SW_FRAME_PONG) {
		f = sw_check_report(l->c, SW_F_SIP_PONG, SW_CHECK_PASS, l->subject, "a pong to a ping (CRLF)", "pong");
		sw_finding_took(f, clock_ms() - began + 1);
	} else if (l->closed) {
		sw_check_report(l->c, SW_F_SIP_PONG, SW_CHECK_WARN, l->subject, "a pong to a ping (CRLF)",
				"the connection was closed");
	} else if (!sw_check_stopped(l->c)) {
		sw_check_report(l->c, SW_F_SIP_PONG, SW_CHECK_SKIP, l->subject, "a pong to a ping (CRLF)",
				"no pong: it does not do keep-alive by CRLF");
	}
}

static void ask(struct line *l, const struct sw_addr *local, bool shown)
{
	uint64_t left = sw_check_left(l->c), began = clock_ms();
	struct sw_sip_heard h;
	struct sw_sip_ask a;
	bool answered = false;

	sw_frame_init(&l->frame, NULL);
	if (sw_sip_ask_make(&a, l->c, l->e, local) < 0) {
		sw_frame_free(&l->frame);
		return;
	}
	if (line_send(l, sw_buf_view(&a.text), left) != SW_EAGAIN)
		answered = await(l, &a, began + left, &h); /* also after a failed send: what came tells why */
	if (answered) {
		report_answer(l, &h, clock_ms() - began);
		judge_headers(l, &h);
		judge_contact_name(l, &h);
		judge_nat(l, &h, local);
		ping(l);
	} else {
		report_no_answer(l, clock_ms() - began, shown);
	}
	sw_buf_free(&a.text);
	sw_frame_free(&l->frame);
}

void sw_sip_over_tls(struct sw_check *c, const struct sw_endpoint *e, struct sw_tls_probe *p, bool shown)
{
	struct line l = { .c = c, .e = e, .tls = p };

	sw_endpoint_text(e, l.subject);
	if (p->end == SW_TLS_END_LATE)
		report_refused(&l, shown);
	else if (p->end == SW_TLS_END_UP)
		ask(&l, &p->local, shown);
}

void sw_sip_knock(struct sw_check *c, const struct sw_endpoint *e, struct sw_tls_probe *p)
{
	uint64_t left = sw_check_left(c);
	struct sw_sip_ask a;
	char one[1];

	if (sw_sip_ask_make(&a, c, e, &p->local) < 0)
		return;
	if (sw_tls_probe_send(p, a.text.data, a.text.len, left) != SW_EAGAIN)
		(void)!sw_tls_probe_recv(p, one, sizeof(one), left);
	sw_buf_free(&a.text);
}

/* --- in the clear --- */

static void probe_clear(struct sw_check *c, void *arg)
{
	const struct sw_endpoint *e = arg;
	struct line l = { .c = c, .e = e };
	struct sw_talk_opts o = { .kind = SW_TALK_TCP, .addr = e->addr, .ms = sw_check_left(c), .stop_fd = sw_check_stop_fd(c) };
	char why[160];

	sw_endpoint_text(e, l.subject);
	if (sw_talk_open(&l.clear, &o, why) < 0) {
		sw_check_report(c, SW_F_SIP_OPTIONS, SW_CHECK_UNKNOWN, l.subject, "an answer to OPTIONS", why);
		return;
	}
	ask(&l, sw_talk_local(l.clear), false);
	sw_talk_close(l.clear);
}

void sw_check_sip(struct sw_check *c, const struct sw_endpoint *e)
{
	struct sw_endpoint *copy;
	char text[SW_ENDPOINT_STRLEN], what[SW_ENDPOINT_STRLEN + 16];

	if (!sw_check_options(c)->profile->sip || !(copy = calloc(1, sizeof(*copy))))
		return;
	*copy = *e;
	snprintf(what, sizeof(what), "sip %s", sw_endpoint_text(e, text));
	(void)sw_check_spawn(c, SW_STAGE_SIP, what, probe_clear, copy, free);
	sw_sip_ports(c, e);
}
