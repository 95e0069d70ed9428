/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <ldns/ldns.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "dns/exchange.h"
#include "dns/wire.h"

enum { RESOLV_CONF_MAX = 16 << 10, STRANGERS = 1000 };

struct talk {
	const struct sw_lookup_question *q;
	struct sw_lookup *l;
	struct sw_wire_query wire;
	uint64_t until;          /* of all */
	int fd;
	uint8_t *in;             /* SW_WIRE_MESSAGE_MAX */
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int fail(struct talk *t, enum sw_lookup_end end, const char *what)
{
	char addr[SW_ADDR_STRLEN];

	t->l->end = end;
	snprintf(t->l->detail, sizeof(t->l->detail), "%s over %s: %.80s", sw_addr_text(&t->q->server, addr), t->l->tcp ? "TCP" : "UDP", what);
	return -1;
}

static const char *why(struct talk *t, int error)
{
	t->l->error = error;
	return strerror(error);
}

/* 0 when the socket is ready; else the failure is told. */
static int wait_for(struct talk *t, short events, uint64_t until)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = t->fd, .events = events }, { .fd = t->q->stop_fd, .events = POLLIN } };
		uint64_t now = now_ms();
		int n = now < until ? poll(p, 2, (int)(until - now)) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(t, SW_LOOKUP_SILENT, strerror(errno));
		if (n == 0)
			return fail(t, SW_LOOKUP_SILENT, "no answer");
		if (p[1].revents)
			return fail(t, SW_LOOKUP_STOPPED, "stopped");
		return 0;
	}
}

static int open_socket(struct talk *t, int type)
{
	t->fd = socket(sw_addr_family(&t->q->server), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd < 0)
		return fail(t, SW_LOOKUP_UNREACHED, why(t, errno));
	if (connect(t->fd, &t->q->server.sa, sw_addr_len(&t->q->server)) == 0)
		return 0;
	return errno == EINPROGRESS ? 0 : fail(t, SW_LOOKUP_UNREACHED, why(t, errno));
}

static void close_socket(struct talk *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

/* --- the message --- */

static int rr_rdata(struct sw_lookup_rr *out, const ldns_rr *rr)
{
	ldns_buffer *b = ldns_buffer_new(512);
	int err = SW_ENOMEM;

	if (!b)
		return SW_ENOMEM;
	if (ldns_rr_rdata2buffer_wire(b, rr) == LDNS_STATUS_OK) {
		out->len = ldns_buffer_position(b);
		out->rdata = malloc(out->len + 1);
		if (out->rdata) {
			memcpy(out->rdata, ldns_buffer_begin(b), out->len);
			err = SW_OK;
		}
	}
	ldns_buffer_free(b);
	return err;
}

static int take_section(struct sw_lookup *l, const ldns_rr_list *list, enum sw_lookup_section section)
{
	size_t n = list ? ldns_rr_list_rr_count(list) : 0;

	for (size_t i = 0; i < n && l->n < SW_LOOKUP_RRS; i++) {
		const ldns_rr *rr = ldns_rr_list_rr(list, i);
		const ldns_rdf *owner = ldns_rr_owner(rr);
		struct sw_lookup_rr *r = &l->rrs[l->n];
		int err;

		if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN || !owner ||
		    sw_wire_name_text(r->owner, ldns_rdf_data(owner), ldns_rdf_size(owner)) < 0)
			continue;
		err = rr_rdata(r, rr);
		if (err < 0)
			return err;
		r->type = (uint16_t)ldns_rr_get_type(rr);
		r->section = section;
		r->ttl = ldns_rr_ttl(rr);
		l->n++;
	}
	return SW_OK;
}

static void take_header(struct sw_lookup *l, size_t len)
{
	l->rcode = (unsigned)ldns_pkt_get_rcode(l->pkt);
	l->edns = ldns_pkt_edns(l->pkt);
	if (l->edns) {
		l->rcode |= (unsigned)ldns_pkt_edns_extended_rcode(l->pkt) << 4;
		l->dnssec = ldns_pkt_edns_do(l->pkt);
		l->udp_size = ldns_pkt_edns_udp_size(l->pkt);
	}
	l->aa = ldns_pkt_aa(l->pkt);
	l->ad = ldns_pkt_ad(l->pkt);
	l->ra = ldns_pkt_ra(l->pkt);
	l->size = len;
	l->end = SW_LOOKUP_ANSWERED;
}

static int take_message(struct sw_lookup *l, const uint8_t *msg, size_t len)
{
	int err;

	if (ldns_wire2pkt(&l->pkt, msg, len) != LDNS_STATUS_OK) {
		l->pkt = NULL;
		return SW_EPARSE;
	}
	l->rrs = calloc(SW_LOOKUP_RRS, sizeof(*l->rrs));
	if (!l->rrs)
		return SW_ENOMEM;
	err = take_section(l, ldns_pkt_answer(l->pkt), SW_SECTION_ANSWER);
	if (err == SW_OK)
		err = take_section(l, ldns_pkt_authority(l->pkt), SW_SECTION_AUTHORITY);
	if (err == SW_OK)
		err = take_section(l, ldns_pkt_additional(l->pkt), SW_SECTION_ADDITIONAL);
	if (err == SW_OK)
		take_header(l, len);
	return err;
}

int sw_lookup_read(struct sw_lookup **out, const uint8_t *msg, size_t len)
{
	struct sw_lookup *l = calloc(1, sizeof(*l));
	int err = l ? take_message(l, msg, len) : SW_ENOMEM;

	if (err < 0) {
		sw_lookup_free(l);
		return err;
	}
	*out = l;
	return SW_OK;
}

/* --- UDP --- */

/* One packet, and the answer to it; other datagrams are passed over until the time is up. */
static enum sw_wire_match udp_try(struct talk *t, uint64_t until, size_t *len)
{
	sw_wire_new_id(&t->wire);
	if (send(t->fd, t->wire.bytes, t->wire.len, MSG_NOSIGNAL) < 0) {
		(void)fail(t, SW_LOOKUP_UNREACHED, why(t, errno));
		return SW_WIRE_FOREIGN;
	}
	for (int i = 0; i < STRANGERS; i++) {
		enum sw_wire_match m;
		ssize_t n;

		if (wait_for(t, POLLIN, until) < 0)
			return SW_WIRE_FOREIGN;
		n = recv(t->fd, t->in, SW_WIRE_MESSAGE_MAX, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0) {
			(void)fail(t, SW_LOOKUP_UNREACHED, why(t, errno));
			return SW_WIRE_FOREIGN;
		}
		m = sw_wire_match(&t->wire, t->in, (size_t)n);
		*len = (size_t)n;
		if (m != SW_WIRE_FOREIGN)
			return m;
	}
	(void)fail(t, SW_LOOKUP_SILENT, "only answers to other questions");
	return SW_WIRE_FOREIGN;
}

static int build(struct talk *t, bool edns)
{
	const struct sw_wire_wish wish = { .recurse = t->q->recurse, .dnssec = t->q->dnssec, .udp_size = edns ? t->q->udp_size : 0 };

	return sw_wire_build_wish(&t->wire, t->q->name, t->q->type, &wish);
}

static enum sw_wire_match over_udp(struct talk *t, size_t *len)
{
	unsigned tries = t->q->tries ? t->q->tries : 2;
	enum sw_wire_match m = SW_WIRE_FOREIGN;

	for (unsigned i = 0; i < tries && m == SW_WIRE_FOREIGN && t->l->end != SW_LOOKUP_STOPPED; i++) {
		uint64_t now = now_ms(), share = t->until > now ? (t->until - now) / (tries - i) : 0;

		close_socket(t);   /* a new port, as for a new id */
		if (open_socket(t, SOCK_DGRAM) < 0)
			return SW_WIRE_FOREIGN;
		m = udp_try(t, now + share, len);
		if (m == SW_WIRE_NO_EDNS && build(t, false) == SW_OK) {
			t->l->edns_refused = true;
			m = udp_try(t, t->until, len);
		}
	}
	return m;
}

/* --- TCP --- */

static int send_all(struct talk *t, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t k;

		if (wait_for(t, POLLOUT, t->until) < 0)
			return -1;
		k = send(t->fd, p, n, MSG_NOSIGNAL);
		if (k < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (k < 0)
			return fail(t, SW_LOOKUP_UNREACHED, why(t, errno));
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

static int recv_all(struct talk *t, uint8_t *p, size_t n)
{
	while (n) {
		ssize_t k;

		if (wait_for(t, POLLIN, t->until) < 0)
			return -1;
		k = recv(t->fd, p, n, 0);
		if (k < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (k <= 0)
			return fail(t, SW_LOOKUP_UNREACHED, k ? why(t, errno) : "it closed the connection");
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

static enum sw_wire_match tcp_try(struct talk *t, size_t *len)
{
	uint8_t out[2 + SW_WIRE_QUERY_MAX], prefix[2];
	enum sw_wire_match m;

	sw_wire_new_id(&t->wire);
	out[0] = (uint8_t)(t->wire.len >> 8);
	out[1] = (uint8_t)t->wire.len;
	memcpy(out + 2, t->wire.bytes, t->wire.len);
	if (open_socket(t, SOCK_STREAM) < 0 || send_all(t, out, t->wire.len + 2) < 0 || recv_all(t, prefix, 2) < 0)
		return SW_WIRE_FOREIGN;
	*len = (size_t)prefix[0] << 8 | prefix[1];
	if (recv_all(t, t->in, *len) < 0)
		return SW_WIRE_FOREIGN;
	m = sw_wire_match(&t->wire, t->in, *len);
	if (m == SW_WIRE_FOREIGN)
		(void)fail(t, SW_LOOKUP_GARBLED, "what came is no answer to the question");
	return m == SW_WIRE_TRUNCATED ? SW_WIRE_OURS : m;
}

static enum sw_wire_match over_tcp(struct talk *t, size_t *len)
{
	enum sw_wire_match m;

	close_socket(t);
	t->l->tcp = true;
	m = tcp_try(t, len);
	if (m == SW_WIRE_NO_EDNS && build(t, false) == SW_OK) {
		t->l->edns_refused = true;
		close_socket(t);
		m = tcp_try(t, len);
	}
	return m;
}

/* --- all of it --- */

static void run(struct talk *t)
{
	enum sw_wire_match m = SW_WIRE_TRUNCATED;
	size_t len = 0;
	int err;

	if (!t->q->tcp) {
		m = over_udp(t, &len);
		t->l->truncated = m == SW_WIRE_TRUNCATED;
	}
	if (m == SW_WIRE_TRUNCATED && !t->q->udp_only)
		m = over_tcp(t, &len);
	if (m == SW_WIRE_FOREIGN)
		return;
	err = take_message(t->l, t->in, len);
	if (err < 0)
		(void)fail(t, err == SW_EPARSE ? SW_LOOKUP_GARBLED : SW_LOOKUP_SILENT, err == SW_EPARSE ? "what came is no DNS message" : sw_error_text(err));
}

int sw_lookup(struct sw_lookup **out, const struct sw_lookup_question *q)
{
	struct talk t = { .q = q, .fd = -1 };
	uint64_t began = now_ms();
	char name[SW_DNS_NAME_MAX];
	int err = *q->name ? sw_wire_name(name, q->name) : SW_OK;

	if (err == SW_OK)
		err = build(&t, true);
	if (err < 0)
		return err;
	t.l = calloc(1, sizeof(*t.l));
	t.in = malloc(SW_WIRE_MESSAGE_MAX);
	t.until = began + q->ms;
	if (!t.l || !t.in) {
		free(t.l);
		free(t.in);
		return SW_ENOMEM;
	}
	t.l->server = q->server;
	run(&t);
	close_socket(&t);
	free(t.in);
	t.l->ms = now_ms() - began;
	*out = t.l;
	return SW_OK;
}

struct sw_lookup *sw_lookup_ref(struct sw_lookup *l)
{
	l->refs++;
	return l;
}

void sw_lookup_free(struct sw_lookup *l)
{
	if (!l || l->refs-- > 0)
		return;
	for (size_t i = 0; i < l->n; i++)
		free(l->rrs[i].rdata);
	free(l->rrs);
	ldns_pkt_free(l->pkt);
	free(l);
}

bool sw_lookup_known(const struct sw_lookup *l)
{
	return l->end == SW_LOOKUP_ANSWERED && (l->rcode == LDNS_RCODE_NOERROR || l->rcode == LDNS_RCODE_NXDOMAIN);
}

/* --- its records --- */

static const struct sw_lookup_rr *find(const struct sw_lookup *l, const char *owner, uint16_t type, size_t from)
{
	for (size_t i = from; i < l->n; i++)
		if (l->rrs[i].section == SW_SECTION_ANSWER && l->rrs[i].type == type && !strcmp(l->rrs[i].owner, owner))
			return &l->rrs[i];
	return NULL;
}

static const struct sw_lookup_rr *canonical(const struct sw_lookup *l, const char *name, char out[SW_DNS_NAME_MAX])
{
	const struct sw_lookup_rr *last = NULL, *rr;

	snprintf(out, SW_DNS_NAME_MAX, "%s", name);
	for (unsigned i = 0; i <= SW_DNS_CNAME_MAX; i++) {
		rr = find(l, out, SW_RR_CNAME, 0);
		if (!rr || sw_record_name(out, rr->rdata, rr->len) < 0)
			return last;
		last = rr;
	}
	*out = '\0';
	return NULL;
}

bool sw_lookup_canonical(const struct sw_lookup *l, const char *name, char out[SW_DNS_NAME_MAX])
{
	return canonical(l, name, out) != NULL;
}

const struct sw_lookup_rr *sw_lookup_next(const struct sw_lookup *l, const char *name, uint16_t type, const struct sw_lookup_rr *after)
{
	char end[SW_DNS_NAME_MAX];

	if (type == SW_RR_CNAME)
		snprintf(end, sizeof(end), "%s", name);
	else
		(void)canonical(l, name, end);
	return find(l, end, type, after ? (size_t)(after - l->rrs) + 1 : 0);
}

bool sw_lookup_soa_owner(const struct sw_lookup *l, const char *name, char zone[SW_DNS_NAME_MAX])
{
	for (size_t i = 0; i < l->n; i++)
		if (l->rrs[i].type == SW_RR_SOA && l->rrs[i].section != SW_SECTION_ADDITIONAL && sw_wire_name_within(name, l->rrs[i].owner)) {
			memcpy(zone, l->rrs[i].owner, SW_DNS_NAME_MAX);
			return true;
		}
	return false;
}

const char *sw_rcode_text(unsigned rcode)
{
	static const char *const names[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
					     "NXRRSET", "NOTAUTH", "NOTZONE" };

	return rcode < sizeof(names) / sizeof(names[0]) ? names[rcode] : rcode == 16 ? "BADVERS" : "another RCODE";
}

/* --- whom to ask --- */

static size_t resolv_conf(struct sw_addr *out, size_t max)
{
	char text[RESOLV_CONF_MAX];
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	return n > 0 ? sw_resolv_conf_parse((struct sw_str){ text, (size_t)n }, out, max) : 0;
}

size_t sw_lookup_servers(struct sw_addr *out, size_t max, const struct sw_conf_dns *conf)
{
	size_t n = 0;

	for (size_t i = 0; conf && i < conf->n_servers && n < max; i++) {
		out[n] = conf->servers[i].addr;
		if (sw_addr_port(&out[n]) == 0)
			sw_addr_set_port(&out[n], 53);
		n++;
	}
	if (n == 0)
		n = resolv_conf(out, max);
	if (n == 0 && max && sw_addr_parse(&out[0], SW_STR("127.0.0.1"), 53) == SW_OK)
		n = 1;   /* as libc does */
	return n;
}
