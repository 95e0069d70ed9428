/* SPDX-License-Identifier: Apache-2.0 */
#include "media/proto.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { QUEUE_FIRST = 32 };

static const uint16_t body_size[SW_MEDIA_MSG_COUNT] = {
	[SW_MEDIA_MSG_OPEN] = sizeof(struct sw_media_wire_open),
	[SW_MEDIA_MSG_CONNECT] = sizeof(struct sw_media_wire_connect),
	[SW_MEDIA_MSG_OPENED] = sizeof(struct sw_media_wire_opened),
	[SW_MEDIA_MSG_STATS] = sizeof(struct sw_media_wire_stats),
	[SW_MEDIA_MSG_END] = sizeof(struct sw_media_wire_end),
	[SW_MEDIA_MSG_STATUS] = sizeof(struct sw_media_wire_status),
	[SW_MEDIA_MSG_EVENT] = sizeof(struct sw_media_wire_event),
};

/* No padding the compiler chose: the check sees every byte. */
_Static_assert(sizeof(struct sw_media_head) == 48 && offsetof(struct sw_media_msg, open) == 48, "layout");
_Static_assert(sizeof(struct sw_media_wire_addr) == 24 && sizeof(struct sw_media_wire_open) == 16, "layout");
_Static_assert(sizeof(struct sw_media_wire_connect) == 56 && sizeof(struct sw_media_wire_opened) == 8, "layout");
_Static_assert(sizeof(struct sw_media_wire_stats) == 144 && sizeof(struct sw_media_wire_event) == 152, "layout");
_Static_assert(sizeof(struct sw_media_wire_status) == 40 && sizeof(struct sw_media_wire_end) == 8, "layout");

void sw_media_msg_init(struct sw_media_msg *m, enum sw_media_msg_type type)
{
	memset(m, 0, sizeof(*m));
	m->head.version = SW_MEDIA_PROTO;
	m->head.type = (uint16_t)type;
	m->head.size = (uint32_t)(sizeof(m->head) + body_size[type]);
}

/* --- checks --- */

static bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static bool addr_well_formed(const struct sw_media_wire_addr *w)
{
	switch (w->family) {
	case 0:
		return all_zero((const uint8_t *)w, sizeof(*w));
	case 4:
		return !w->zero && !w->scope && all_zero(w->ip + 4, 12);
	case 6:
		return !w->zero;
	default:
		return false;
	}
}

static void addr_put(struct sw_media_wire_addr *w, const struct sw_addr *a)
{
	*w = (struct sw_media_wire_addr){ 0 };
	if (sw_addr_family(a) == AF_INET) {
		w->family = 4;
		memcpy(w->ip, &a->in4.sin_addr, 4);
	} else if (sw_addr_family(a) == AF_INET6) {
		w->family = 6;
		w->scope = a->in6.sin6_scope_id;
		memcpy(w->ip, &a->in6.sin6_addr, 16);
	} else {
		return;
	}
	w->port = sw_addr_port(a);
}

static void addr_get(struct sw_addr *a, const struct sw_media_wire_addr *w)
{
	*a = (struct sw_addr){ 0 };
	if (w->family == 4) {
		a->in4.sin_family = AF_INET;
		memcpy(&a->in4.sin_addr, w->ip, 4);
	} else if (w->family == 6) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_scope_id = w->scope;
		memcpy(&a->in6.sin6_addr, w->ip, 16);
	} else {
		return;
	}
	sw_addr_set_port(a, w->port);
}

/* An address packets may be sent to. What a zone allows beyond that was the edge's to judge. */
static bool destination_ok(const struct sw_media_wire_addr *w)
{
	struct sw_addr a;

	addr_get(&a, w);
	return w->family && w->port && !sw_addr_is_any(&a) && !sw_addr_is_multicast(&a) && !sw_addr_is_reserved(&a) &&
	       !(w->family == 6 && IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr));
}

static bool open_ok(const struct sw_media_msg *m)
{
	const struct sw_media_wire_open *o = &m->open;

	return m->head.token && m->head.call && m->head.stream && o->interface[0] < SW_MEDIA_ADDRESSES &&
	       o->interface[1] < SW_MEDIA_ADDRESSES && o->pair <= 1 && !o->zero && !o->zero2 && o->want_port[0] % 2 == 0 &&
	       o->want_port[1] % 2 == 0;
}

static bool connect_ok(const struct sw_media_msg *m)
{
	const struct sw_media_wire_connect *c = &m->connect;

	if (!m->head.stream || c->side > 1 || c->send > 1 || c->receive > 1 || c->mux > 1 || c->relatch > 1 ||
	    c->latch > SW_LATCH_ANY || c->zero[0] || c->zero[1] || !addr_well_formed(&c->rtp) || !addr_well_formed(&c->rtcp))
		return false;
	if (!c->rtp.family)   /* the side goes back to unknown */
		return !c->send && !c->receive && !c->rtcp.family;
	return destination_ok(&c->rtp) && (!c->rtcp.family || (c->rtcp.family == c->rtp.family && destination_ok(&c->rtcp)));
}

static bool stats_ok(const struct sw_media_wire_stats *s)
{
	return s->latched[0] <= 1 && s->latched[1] <= 1 && !s->zero[0] && !s->zero[1] && addr_well_formed(&s->source[0]) &&
	       addr_well_formed(&s->source[1]);
}

static bool from_edge_ok(const struct sw_media_msg *m)
{
	switch (m->head.type) {
	case SW_MEDIA_MSG_HELLO:
		return m->head.edge && !m->head.token && !m->head.call && !m->head.stream;
	case SW_MEDIA_MSG_OPEN:
		return open_ok(m);
	case SW_MEDIA_MSG_CONNECT:
		return connect_ok(m);
	case SW_MEDIA_MSG_CLOSE:
		return m->head.stream && !m->head.token;
	case SW_MEDIA_MSG_CLOSE_CALL:
		return m->head.call && !m->head.stream;
	case SW_MEDIA_MSG_QUERY:
		return m->head.call && !m->head.stream && m->head.token;
	case SW_MEDIA_MSG_GET_STATUS:
		return !m->head.call && !m->head.stream && m->head.token;
	default:
		return false;
	}
}

static bool from_media_ok(const struct sw_media_msg *m)
{
	switch (m->head.type) {
	case SW_MEDIA_MSG_HELLO:
		return m->head.media && !m->head.token && !m->head.call && !m->head.stream;
	case SW_MEDIA_MSG_OPENED:
		if (!m->head.token || m->opened.result > SW_MEDIA_OPENED_NO_PORT || m->opened.zero)
			return false;
		return m->opened.result || (m->opened.port[0] && m->opened.port[1]);
	case SW_MEDIA_MSG_STATS:
		return m->head.token && m->head.stream && stats_ok(&m->stats);
	case SW_MEDIA_MSG_END:
		return m->head.token && m->end.n <= SW_MEDIA_CALL_STREAMS && !m->end.zero;
	case SW_MEDIA_MSG_STATUS:
		return m->head.token && !m->status.zero;
	case SW_MEDIA_MSG_EVENT:
		return m->head.stream && !m->event.zero && m->event.event <= SW_MEDIA_CLOSED_IDLE && stats_ok(&m->event.stats);
	default:
		return false;
	}
}

int sw_media_msg_check(const struct sw_media_msg *m, size_t n, bool to_media)
{
	if (n < sizeof(m->head) || m->head.version != SW_MEDIA_PROTO || m->head.type == 0 || m->head.type >= SW_MEDIA_MSG_COUNT)
		return SW_EPARSE;
	if (n != m->head.size || n != sizeof(m->head) + body_size[m->head.type])
		return SW_EPARSE;
	return (to_media ? from_edge_ok(m) : from_media_ok(m)) ? SW_OK : SW_EPARSE;
}

/* --- the plain structs --- */

void sw_media_put_open(struct sw_media_msg *m, const struct sw_media_open *o)
{
	sw_media_msg_init(m, SW_MEDIA_MSG_OPEN);
	m->head.call = o->call;
	m->head.stream = o->stream;
	m->open.pair = o->pair;
	m->open.max_kbps = o->max_kbps;
	for (int i = 0; i < 2; i++) {
		m->open.interface[i] = o->interface[i];
		m->open.want_port[i] = o->want_port[i];
	}
}

void sw_media_get_open(struct sw_media_open *o, const struct sw_media_msg *m)
{
	*o = (struct sw_media_open){ .call = m->head.call, .stream = m->head.stream, .pair = m->open.pair == 1,
				     .max_kbps = m->open.max_kbps };
	for (int i = 0; i < 2; i++) {
		o->interface[i] = m->open.interface[i];
		o->want_port[i] = m->open.want_port[i];
	}
}

void sw_media_put_connect(struct sw_media_msg *m, const struct sw_media_remote *r)
{
	sw_media_msg_init(m, SW_MEDIA_MSG_CONNECT);
	m->head.call = r->call;
	m->head.stream = r->stream;
	m->connect.side = r->side;
	m->connect.send = r->send;
	m->connect.receive = r->receive;
	m->connect.mux = r->mux;
	m->connect.relatch = r->relatch;
	m->connect.latch = r->latch;
	addr_put(&m->connect.rtp, &r->rtp);
	addr_put(&m->connect.rtcp, &r->rtcp);
}

void sw_media_get_connect(struct sw_media_remote *r, const struct sw_media_msg *m)
{
	const struct sw_media_wire_connect *c = &m->connect;

	*r = (struct sw_media_remote){ .call = m->head.call, .stream = m->head.stream, .side = c->side, .send = c->send == 1,
				       .receive = c->receive == 1, .mux = c->mux == 1, .relatch = c->relatch == 1,
				       .latch = c->latch };
	addr_get(&r->rtp, &c->rtp);
	addr_get(&r->rtcp, &c->rtcp);
}

static void stats_put(struct sw_media_wire_stats *w, const struct sw_media_stats *s)
{
	for (int i = 0; i < 2; i++) {
		w->packets[i] = s->packets[i];
		w->bytes[i] = s->bytes[i];
		w->dropped[i] = s->dropped[i];
		w->unexpected[i] = s->unexpected[i];
		w->rtcp[i] = s->rtcp[i];
		w->ms_since_packet[i] = s->ms_since_packet[i];
		w->port[i] = s->port[i];
		w->latched[i] = s->latched[i];
		addr_put(&w->source[i], &s->source[i]);
	}
}

void sw_media_put_stats(struct sw_media_msg *m, const struct sw_media_stats *s)
{
	sw_media_msg_init(m, SW_MEDIA_MSG_STATS);
	m->head.call = s->call;
	m->head.stream = s->stream;
	stats_put(&m->stats, s);
}

void sw_media_put_event(struct sw_media_msg *m, enum sw_media_event ev, const struct sw_media_stats *s)
{
	sw_media_msg_init(m, SW_MEDIA_MSG_EVENT);
	m->head.call = s->call;
	m->head.stream = s->stream;
	m->event.event = ev;
	stats_put(&m->event.stats, s);
}

void sw_media_get_stats(struct sw_media_stats *s, const struct sw_media_msg *m)
{
	const struct sw_media_wire_stats *w = m->head.type == SW_MEDIA_MSG_EVENT ? &m->event.stats : &m->stats;

	*s = (struct sw_media_stats){ .call = m->head.call, .stream = m->head.stream };
	for (int i = 0; i < 2; i++) {
		s->packets[i] = w->packets[i];
		s->bytes[i] = w->bytes[i];
		s->dropped[i] = w->dropped[i];
		s->unexpected[i] = w->unexpected[i];
		s->rtcp[i] = w->rtcp[i];
		s->ms_since_packet[i] = w->ms_since_packet[i];
		s->port[i] = w->port[i];
		s->latched[i] = w->latched[i] == 1;
		addr_get(&s->source[i], &w->source[i]);
	}
}

void sw_media_put_status(struct sw_media_msg *m, const struct sw_media_status *s)
{
	sw_media_msg_init(m, SW_MEDIA_MSG_STATUS);
	m->status = (struct sw_media_wire_status){ .ports_total = s->ports_total, .ports_free = s->ports_free,
						   .ports_quarantined = s->ports_quarantined, .streams = s->streams,
						   .pinholes = s->pinholes, .packets = s->packets,
						   .unexpected = s->unexpected };
}

void sw_media_get_status(struct sw_media_status *s, const struct sw_media_msg *m)
{
	*s = (struct sw_media_status){ .ports_total = m->status.ports_total, .ports_free = m->status.ports_free,
				       .ports_quarantined = m->status.ports_quarantined, .streams = m->status.streams,
				       .pinholes = m->status.pinholes, .packets = m->status.packets,
				       .unexpected = m->status.unexpected };
}

/* --- the queue --- */

void sw_media_queue_init(struct sw_media_queue *q, size_t max)
{
	*q = (struct sw_media_queue){ .max = max };
}

void sw_media_queue_free(struct sw_media_queue *q)
{
	free(q->ring);
	*q = (struct sw_media_queue){ .max = q->max };
}

static int queue_grow(struct sw_media_queue *q)
{
	size_t size = q->size ? q->size * 2 : QUEUE_FIRST;
	struct sw_media_msg *ring;

	if (size > q->max)
		size = q->max;
	if (size <= q->size)
		return SW_ELIMIT;
	ring = malloc(size * sizeof(*ring));
	if (!ring)
		return SW_ENOMEM;
	for (size_t i = 0; i < q->n; i++)
		ring[i] = q->ring[(q->head + i) % q->size];
	free(q->ring);
	q->ring = ring;
	q->size = size;
	q->head = 0;
	return SW_OK;
}

int sw_media_queue_push(struct sw_media_queue *q, const struct sw_media_msg *m)
{
	int err;

	if (q->n == q->size && (err = queue_grow(q)) < 0)
		return err;
	q->ring[(q->head + q->n++) % q->size] = *m;
	return SW_OK;
}

struct sw_media_msg *sw_media_queue_first(struct sw_media_queue *q)
{
	return q->n ? &q->ring[q->head] : NULL;
}

void sw_media_queue_pop(struct sw_media_queue *q)
{
	if (!q->n)
		return;
	q->head = (q->head + 1) % q->size;
	q->n--;
}

void sw_media_queue_clear(struct sw_media_queue *q)
{
	q->head = q->n = 0;
}

/* --- the socket --- */

int sw_media_msg_send(int fd, const struct sw_media_msg *m)
{
	ssize_t n;

	do
		n = send(fd, m, m->head.size, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return SW_OK;
	if (errno == EAGAIN || errno == ENOBUFS)
		return SW_EAGAIN;
	return errno == EPIPE || errno == ECONNRESET ? SW_ECLOSED : sw_error_from_errno(errno);
}

/* An empty record reads as the end of file does; only the latter hangs up. */
static bool hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL));
}

int sw_media_msg_recv(int fd, struct sw_media_msg *m, bool to_media)
{
	ssize_t n;

	do
		n = recv(fd, m, sizeof(*m), MSG_DONTWAIT | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? SW_EAGAIN : errno == ECONNRESET ? SW_ECLOSED : sw_error_from_errno(errno);
	if (n == 0)
		return hung_up(fd) ? SW_ECLOSED : SW_EPARSE;
	return sw_media_msg_check(m, (size_t)n, to_media);
}
