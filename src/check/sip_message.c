/* SPDX-License-Identifier: Apache-2.0 */
/* The OPTIONS we ask with, and what an answer says. */
#include "check/sip.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/random.h"
#include "sip/msg.h"
#include "sip/txn.h"

/* The parser's tables are made once a process; messages of several threads are read one after the other, it takes no time. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t parser = PTHREAD_MUTEX_INITIALIZER;
static int ready = SW_EINTERNAL;

static void make_ready(void)
{
	ready = sw_msg_init();
}

/* --- asking --- */

/* The name we go by: the zone's first listener's, or the address we speak from. */
static void own_host(const struct sw_check *c, const struct sw_endpoint *e, const struct sw_addr *local, char dst[300])
{
	const struct sw_check_options *o = sw_check_options(c);
	const struct sw_conf_zone *zone = sw_check_zone(c, e);
	const struct sw_conf_listener *l =
		o->conf && zone && zone->listeners.n ? sw_conf_listener(o->conf, zone->listeners.v[0]) : NULL;

	if (l && l->host)
		snprintf(dst, 300, "%.250s:%u", l->host, l->port);
	else
		sw_addr_text(local, dst);
}

int sw_sip_ask_make(struct sw_sip_ask *a, const struct sw_check *c, const struct sw_endpoint *e, const struct sw_addr *local)
{
	const char *transport = e->tls ? "TLS" : "TCP";
	char host[300], via[420], from[420], to[320], contact[420], raw[33], addr[SW_ADDR_STRLEN];
	uint8_t bytes[16];
	int err;

	memset(a, 0, sizeof(*a));
	pthread_once(&once, make_ready);
	if (ready < 0)
		return ready;
	sw_branch_make(a->branch);
	sw_random(bytes, sizeof(bytes));
	sw_hex(raw, bytes, sizeof(bytes));
	own_host(c, e, local, host);
	snprintf(a->call_id, sizeof(a->call_id), "%s", raw);
	snprintf(a->uri, sizeof(a->uri), "sip:%.255s;transport=%s",
		 e->domain[0] ? e->domain
		 : e->host[0] ? e->host
			      : sw_addr_text(&e->addr, addr),
		 e->tls ? "tls" : "tcp");
	snprintf(via, sizeof(via), "SIP/2.0/%s %s;branch=%s;rport", transport, host, a->branch);
	snprintf(from, sizeof(from), "<sip:%s>;tag=%.16s", host, raw);
	snprintf(to, sizeof(to), "<sip:%.255s>", e->domain[0] ? e->domain : e->host[0] ? e->host : sw_addr_text(&e->addr, addr));
	snprintf(contact, sizeof(contact), "<sip:%s;transport=%s>", host, e->tls ? "tls" : "tcp");
	sw_buf_init(&a->text, 0);
	err = sw_msg_options(&a->text, a->uri, via, from, to, a->call_id, 1, contact);
	if (err < 0)
		sw_buf_free(&a->text);
	return err;
}

/* --- hearing --- */

static void keep(char *dst, size_t size, struct sw_str s)
{
	(void)!sw_str_copy(dst, size, s); /* cut is fine: it is shown */
}

static bool is_address(struct sw_str host)
{
	struct sw_addr a;

	return host.n && sw_addr_parse(&a, host, 0) == SW_OK;
}

static void read_hops(struct sw_sip_heard *h, const struct sw_msg *m)
{
	struct sw_hop hop;

	if (sw_msg_contact(m, &hop)) {
		keep(h->contact, sizeof(h->contact), hop.text);
		keep(h->contact_host, sizeof(h->contact_host), hop.uri.host);
		h->contact_is_address = is_address(hop.uri.host);
	}
	if (sw_msg_record_route(m, 0, &hop)) {
		keep(h->record_route, sizeof(h->record_route), hop.text);
		h->record_route_is_address = is_address(hop.uri.host);
	}
}

static void read_answer(struct sw_sip_heard *h, const struct sw_msg *m, const struct sw_sip_ask *a)
{
	struct sw_via_facts via;
	struct sw_str rport;
	uint32_t n;

	h->status = sw_msg_status(m);
	keep(h->phrase, sizeof(h->phrase), sw_msg_reason_phrase(m));
	keep(h->server, sizeof(h->server), sw_msg_header(m, "Server"));
	if (!h->server[0])
		keep(h->server, sizeof(h->server), sw_msg_header(m, "User-Agent"));
	keep(h->allow, sizeof(h->allow), sw_msg_header(m, "Allow"));
	h->allows_invite = sw_msg_option(m, "Allow", "INVITE");
	keep(h->accept, sizeof(h->accept), sw_msg_header(m, "Accept"));
	keep(h->supported, sizeof(h->supported), sw_msg_header(m, "Supported"));
	keep(h->date, sizeof(h->date), sw_msg_header(m, "Date"));
	keep(h->warning, sizeof(h->warning), sw_msg_header(m, "Warning"));
	keep(h->www, sizeof(h->www), sw_msg_header(m, h->status == 407 ? "Proxy-Authenticate" : "WWW-Authenticate"));
	read_hops(h, m);
	h->rport = -1;
	h->ours = sw_str_eq(sw_msg_call_id(m), sw_str_of(a->call_id));
	if (!sw_msg_via(m, 0, &via))
		return;
	h->ours &= sw_str_eq(via.branch, sw_str_of(a->branch));
	keep(h->received, sizeof(h->received), via.received);
	if (sw_msg_param(m, "Via", "rport", &rport) && sw_str_u32(rport, 65535, &n) == SW_OK)
		h->rport = (int)n;
}

int sw_sip_heard_read(struct sw_sip_heard *out, struct sw_str message, const struct sw_sip_ask *a, char why[200])
{
	struct sw_msg *m = NULL;
	struct sw_verdict v;
	int err;

	memset(out, 0, sizeof(*out));
	pthread_once(&once, make_ready);
	if (ready < 0)
		return ready;
	pthread_mutex_lock(&parser);
	err = sw_msg_parse(&m, message, &v);
	if (err < 0)
		snprintf(why, 200, "%.190s", v.detail[0] ? v.detail : sw_reason_text(v.reason));
	else if (!sw_msg_is_request(m))
		read_answer(out, m, a);
	sw_msg_free(m);
	pthread_mutex_unlock(&parser);
	return err;
}

/* --- what it means --- */

enum sw_check_status sw_sip_status_verdict(int status)
{
	if (status / 100 == 2)
		return SW_CHECK_PASS;
	switch (status) {
	case 405: /* alive, and of another mind about OPTIONS */
	case 404:
	case 481:
	case 501:
	case 483:
	case 401:
	case 407:
		return SW_CHECK_WARN;
	default:
		return SW_CHECK_FAIL;
	}
}

const char *sw_sip_status_meaning(int status)
{
	switch (status) {
	case 401:
	case 407:
		return "It wants digest credentials for OPTIONS: providers that ping would be refused likewise. Let OPTIONS from "
		       "the trusted peer through without";
	case 403:
		return "It knows us and does not let us in: our certificate's name, our address or our domain is not on its "
		       "list. At sipwardd: sipward admit "
		       "tells which zone it would be";
	case 404:
		return "It is no such domain or user there: the domain must be among those it serves (sipwardd: local_domains)";
	case 405:
	case 501:
		return "It does not do OPTIONS: providers that ping will take it for dead. Allow the method";
	case 408:
		return "Behind it nobody answered: look at where it sends OPTIONS to";
	case 480:
	case 503:
		return "It is up, and says that it can't serve: overload, maintenance, or its own next hop is down";
	case 481:
		return "It took a first request for one of a dialog";
	case 482:
	case 483:
		return "The request goes in circles there: it routes OPTIONS for its own domain to itself";
	case 488:
	case 606:
		return "It judged the OPTIONS as a call: look at its routing of OPTIONS";
	default:
		return status >= 500                   ? "The far end failed: its log tells"
		       : status >= 300 && status < 400 ? "It sends us elsewhere: publish that place in DNS"
						       : "The far end's log tells why";
	}
}
