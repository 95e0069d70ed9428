/* SPDX-License-Identifier: Apache-2.0 */
#include "media/pinhole.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BURST_BITS_MIN = 64 * 1024 * 8,  /* a video key frame fits whatever the rate */
	PPS_BASE = 250,                  /* 5 ms packets and their RTCP */
};

void sw_pinhole_init(struct sw_pinhole *p, uint8_t side, bool pair, uint32_t kbps, void *owner)
{
	*p = (struct sw_pinhole){ .pair = pair, .kbps = kbps ? kbps : SW_PINHOLE_KBPS };
	p->pps = PPS_BASE + p->kbps / 2;
	for (uint8_t i = 0; i < 2; i++)
		p->end[i] = (struct sw_pinhole_end){ .owner = owner, .side = side, .port = i, .fd = -1 };
}

static void forget_source(struct sw_pinhole_end *e)
{
	e->latched = false;
	e->candidate.n = 0;
}

/* --- sockets --- */

static int bind_udp(const struct sw_addr *a)
{
	const int one = 1, rcvbuf = SW_PINHOLE_RCVBUF, pmtu = IP_PMTUDISC_DONT;
	int fd = socket(sw_addr_family(a), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return sw_error_from_errno(errno);
	if (sw_addr_family(a) == AF_INET6) {
		if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
			goto fail;
	} else if (setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &pmtu, sizeof(pmtu)) < 0) {
		goto fail;  /* we pass packets on whole: a path's MTU is for routers to cut to, not for us to learn by loss */
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)) < 0 || bind(fd, &a->sa, sw_addr_len(a)) < 0)
		goto fail;
	return fd;
fail:
	err = sw_error_from_errno(errno);
	close(fd);
	return err;
}

static void close_end(struct sw_pinhole_end *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
	forget_source(e);
}

int sw_pinhole_open(struct sw_pinhole *p, const struct sw_addr *local)
{
	int fd, err;

	if (sw_addr_port(local) == 0 || sw_addr_port(local) == 65535)
		return SW_EINVALID;
	fd = bind_udp(local);
	if (fd < 0)
		return fd;
	p->local = *local;
	p->end[SW_PINHOLE_RTP].fd = fd;
	if (p->pair && (err = sw_pinhole_open_rtcp(p)) < 0) {
		sw_pinhole_close(p);
		return err;
	}
	return SW_OK;
}

void sw_pinhole_close(struct sw_pinhole *p)
{
	close_end(&p->end[SW_PINHOLE_RTP]);
	close_end(&p->end[SW_PINHOLE_RTCP]);
}

int sw_pinhole_open_rtcp(struct sw_pinhole *p)
{
	struct sw_addr a = p->local;
	int fd;

	if (p->end[SW_PINHOLE_RTCP].fd >= 0)
		return SW_OK;
	sw_addr_set_port(&a, (uint16_t)(sw_addr_port(&a) + 1));
	fd = bind_udp(&a);
	if (fd < 0)
		return fd;
	p->end[SW_PINHOLE_RTCP].fd = fd;
	return SW_OK;
}

void sw_pinhole_close_rtcp(struct sw_pinhole *p)
{
	close_end(&p->end[SW_PINHOLE_RTCP]);
}

/* --- what the signalling says --- */

static void forget_both(struct sw_pinhole *p)
{
	forget_source(&p->end[SW_PINHOLE_RTP]);
	forget_source(&p->end[SW_PINHOLE_RTCP]);
}

static bool same_addr(const struct sw_addr *a, const struct sw_addr *b)
{
	return sw_addr_len(a) != 0 && sw_addr_len(b) != 0 && sw_addr_eq(a, b);
}

static bool is_routable(const struct sw_addr *a)
{
	return !sw_addr_is_private(a) && !sw_addr_is_link_local(a) && !sw_addr_is_reserved(a);
}

int sw_pinhole_connect(struct sw_pinhole *p, const struct sw_media_remote *r, uint64_t now)
{
	uint8_t latch = r->latch == SW_LATCH_ANY && is_routable(&r->rtp) ? SW_LATCH_ADDR : r->latch;
	bool fits = sw_addr_family(&r->rtp) == sw_addr_family(&p->local) && sw_addr_port(&r->rtp) != 0;
	struct sw_addr want[2] = { r->rtp, r->rtcp };

	if (!fits || (sw_addr_len(&r->rtcp) && sw_addr_family(&r->rtcp) != sw_addr_family(&p->local))) {
		p->known = p->send = p->receive = false;
		forget_both(p);
		return sw_addr_len(&r->rtp) ? SW_EINVALID : SW_OK;
	}
	if (!sw_addr_len(&r->rtcp)) {
		want[SW_PINHOLE_RTCP] = r->rtp;
		sw_addr_set_port(&want[SW_PINHOLE_RTCP], (uint16_t)(sw_addr_port(&r->rtp) + 1));
	}
	if (!p->known || latch != p->latch)
		forget_both(p);
	if (r->relatch || latch == SW_LATCH_ADDR_PORT) {
		if (!same_addr(&want[SW_PINHOLE_RTP], &p->end[SW_PINHOLE_RTP].expect))
			forget_both(p);
		else if (!same_addr(&want[SW_PINHOLE_RTCP], &p->end[SW_PINHOLE_RTCP].expect))
			forget_source(&p->end[SW_PINHOLE_RTCP]);
	}
	p->end[SW_PINHOLE_RTP].expect = want[SW_PINHOLE_RTP];
	p->end[SW_PINHOLE_RTCP].expect = want[SW_PINHOLE_RTCP];
	p->known = true;
	p->send = r->send;
	p->receive = r->receive;
	p->mux = r->mux;
	p->latch = latch;
	p->window_since = now;
	return SW_OK;
}

/* --- packets --- */

enum sw_rtp_port sw_pinhole_port_kind(const struct sw_pinhole *p, unsigned port)
{
	if (!p->pair && !p->mux)
		return SW_RTP_PORT_ANY;
	if (port == SW_PINHOLE_RTCP)
		return SW_RTP_PORT_RTCP;
	return p->mux ? SW_RTP_PORT_MUX : SW_RTP_PORT_RTP;
}

/* Is src one this end may take for its own? */
static bool may_be_ours(const struct sw_pinhole *p, const struct sw_pinhole_end *e, const struct sw_addr *src, uint64_t now)
{
	const struct sw_pinhole_end *rtp = &p->end[SW_PINHOLE_RTP];
	bool beside_rtp = e->port == SW_PINHOLE_RTCP && rtp->latched && sw_addr_same_host(src, &rtp->source);

	if (!p->known)
		return false;
	if (e->latched)
		return sw_addr_eq(src, &e->source);
	switch (p->latch) {
	case SW_LATCH_ADDR_PORT:
		return sw_addr_eq(src, &e->expect);
	case SW_LATCH_ADDR:
		return beside_rtp || sw_addr_same_host(src, &e->expect);
	case SW_LATCH_ANY:
		return e->port == SW_PINHOLE_RTCP ? beside_rtp : now - p->window_since <= SW_PINHOLE_WINDOW_MS;
	default:
		return false;
	}
}

static void set_latch(struct sw_pinhole_end *e, const struct sw_addr *src)
{
	e->source = *src;
	e->latched = true;
	e->candidate.n = 0;
}

static bool counts_for_latch(const struct sw_rtp_info *i)
{
	return i->kind == SW_RTP_RTP || i->kind == SW_RTP_DTLS || i->kind == SW_RTP_OTHER ||
	       (i->kind == SW_RTP_RTCP && i->type >= 200 && i->type <= 206);
}

/* Goes this packet on with the run of the candidate? */
static bool continues(const struct sw_pinhole_end *e, const struct sw_rtp_info *i, const struct sw_addr *src, uint64_t now)
{
	uint64_t limit = i->kind == SW_RTP_DTLS ? SW_PINHOLE_LATCH_DTLS_MS : SW_PINHOLE_LATCH_MS;
	bool has_ssrc = i->kind == SW_RTP_RTP || i->kind == SW_RTP_RTCP;
	uint16_t ahead = (uint16_t)(i->seq - e->candidate.seq);

	if (e->candidate.n == 0 || !sw_addr_eq(src, &e->candidate.addr) || now - e->candidate.since > limit)
		return false;
	if (has_ssrc && i->ssrc != e->candidate.ssrc)
		return false;
	return i->kind != SW_RTP_RTP || e->candidate.kind != SW_RTP_RTP || (ahead > 0 && ahead < 0x8000);
}

/* True when the packet completes the run. */
static bool latch(struct sw_pinhole *p, struct sw_pinhole_end *e, const struct sw_rtp_info *i, const struct sw_addr *src,
		  uint64_t now)
{
	if (p->latch == SW_LATCH_ADDR_PORT) {
		set_latch(e, src);
		return true;
	}
	if (!counts_for_latch(i))
		return false;
	if (e->port == SW_PINHOLE_RTCP) {
		set_latch(e, src);
		return true;
	}
	if (!continues(e, i, src, now)) {
		e->candidate.addr = *src;
		e->candidate.since = now;
		e->candidate.n = 0;
	}
	if (i->kind == SW_RTP_RTP)
		e->candidate.seq = i->seq;
	e->candidate.kind = i->kind;
	e->candidate.ssrc = i->ssrc;
	if (++e->candidate.n < SW_PINHOLE_LATCH_PACKETS)
		return false;
	set_latch(e, src);
	return true;
}

static uint64_t refill(uint64_t have, uint64_t add, uint64_t cap)
{
	return have + add > cap ? cap : have + add;
}

/* Two buckets, bits and packets, that each hold one second's worth. */
static bool within_rate(struct sw_pinhole *p, size_t n, uint64_t now)
{
	uint64_t bits = (uint64_t)n * 8, elapsed = now - p->filled > 1000 ? 1000 : now - p->filled;
	uint64_t bits_cap = (uint64_t)p->kbps * 1000;

	if (bits_cap < BURST_BITS_MIN)
		bits_cap = BURST_BITS_MIN;
	if (p->filled == 0) {
		p->bits = bits_cap;
		p->millipackets = (uint64_t)p->pps * 1000;
	} else {
		p->bits = refill(p->bits, elapsed * p->kbps, bits_cap);
		p->millipackets = refill(p->millipackets, elapsed * p->pps, (uint64_t)p->pps * 1000);
	}
	p->filled = now;
	if (p->bits < bits || p->millipackets < 1000)
		return false;
	p->bits -= bits;
	p->millipackets -= 1000;
	return true;
}

static enum sw_pinhole_say drop(struct sw_pinhole *p, enum sw_pinhole_say say)
{
	p->dropped++;
	return say;
}

enum sw_pinhole_say sw_pinhole_admit(struct sw_pinhole *p, unsigned port, const struct sw_rtp_info *i, size_t n,
				     const struct sw_addr *src, uint64_t now)
{
	struct sw_pinhole_end *e = &p->end[port];
	bool was_latched = e->latched;

	if (!may_be_ours(p, e, src, now)) {
		p->unexpected++;
		return SW_PINHOLE_STRANGER;
	}
	if (i->kind == SW_RTP_BAD)
		return drop(p, SW_PINHOLE_MALFORMED);
	if (was_latched)
		p->last = now;
	if (!p->receive)
		return drop(p, SW_PINHOLE_HELD);
	if (!was_latched && !latch(p, e, i, src, now))
		return SW_PINHOLE_WAIT;
	p->last = now;
	if (!within_rate(p, n, now))
		return drop(p, SW_PINHOLE_OVER_RATE);
	return !was_latched && port == SW_PINHOLE_RTP ? SW_PINHOLE_LATCHED : SW_PINHOLE_PASS;
}

const struct sw_pinhole_end *sw_pinhole_target(const struct sw_pinhole *p, unsigned from_port, enum sw_rtp_kind kind,
					       const struct sw_addr **to)
{
	unsigned port = from_port;
	const struct sw_pinhole_end *e;

	if (!p->known || !p->send)
		return NULL;
	if (kind == SW_RTP_RTCP)
		port = p->mux || !p->pair ? SW_PINHOLE_RTP : SW_PINHOLE_RTCP;
	e = &p->end[port];
	if (e->fd < 0)
		return NULL;
	if (e->latched)
		*to = &e->source;
	else if (p->latch == SW_LATCH_ANY || sw_addr_port(&e->expect) == 0)
		return NULL;  /* a private address of another network may be somebody of ours */
	else
		*to = &e->expect;
	return e;
}
