/* SPDX-License-Identifier: Apache-2.0 */
/* The way packets take: how long they may be (RFC 8899), and what a NAT does to their address (RFC 5780). */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "check/media.h"
#include "core/random.h"

enum {
	MTU_LEAST = 1280,
	MTU_MOST = 1500,
	STEP = 4,
	TRIES = 3, /* per size: one lost packet is no MTU */
	HEADERS4 = 20 + 8,
	HEADERS6 = 40 + 8,
	NAT_WAIT_MS = 700,
	NAT_TRIES = 3,
};

/* --- path MTU --- */

enum sw_check_status sw_media_mtu_status(const struct sw_profile *p, unsigned mtu)
{
	unsigned wanted = p->mtu_wanted ? p->mtu_wanted : 1500, least = p->mtu_min ? p->mtu_min : 1300;

	return mtu >= wanted ? SW_CHECK_PASS : mtu >= least ? SW_CHECK_WARN : SW_CHECK_FAIL;
}

/* Does a packet of this size come through? An error answer is proof as well. *err: what else happened. */
static bool comes_through(struct sw_check *c, struct sw_talk *t, unsigned size, unsigned headers, int *err)
{
	struct sw_stun_ask a = { .method = SW_STUN_BINDING, .pad_to = size - headers };
	struct sw_stun_reply r;
	uint64_t ms;

	*err = sw_media_ask(c, t, false, &a, TRIES, &r, &ms);
	return *err == SW_OK;
}

void sw_media_mtu(struct sw_check *c, const struct sw_media_server *s)
{
	const struct sw_profile *p = sw_check_options(c)->profile;
	unsigned headers = sw_addr_family(&s->addr) == AF_INET6 ? HEADERS6 : HEADERS4, low = MTU_LEAST, high = MTU_MOST;
	char why[160], subject[400], expected[80], found[80];
	struct sw_talk *t = NULL;
	int err;

	sw_media_subject(s, subject);
	if (sw_media_open(c, s, true, &t, why) < 0)
		return; /* reach is another finding's */
	snprintf(expected, sizeof(expected), "%u, %u at least", p->mtu_wanted ? p->mtu_wanted : 1500,
		 p->mtu_min ? p->mtu_min : 1300);
	if (comes_through(c, t, MTU_MOST, headers, &err)) {
		low = MTU_MOST;
	} else if (err != SW_EAGAIN && !comes_through(c, t, MTU_LEAST, headers, &err)) {
		snprintf(found, sizeof(found), "less than %d: short packets are answered, longer ones are lost", MTU_LEAST);
		sw_check_report(c, SW_F_MEDIA_MTU, err == SW_EAGAIN ? SW_CHECK_UNKNOWN : SW_CHECK_FAIL, subject, expected, found);
		goto out;
	}
	while (err != SW_EAGAIN && high - low > STEP) {
		unsigned middle = (low + high) / 2 & ~3u;

		if (comes_through(c, t, middle, headers, &err))
			low = middle;
		else
			high = middle;
	}
	snprintf(found, sizeof(found), "%u", low);
	sw_check_report(c, SW_F_MEDIA_MTU,
			err == SW_EAGAIN || sw_check_stopped(c) ? SW_CHECK_UNKNOWN : sw_media_mtu_status(p, low), subject,
			expected, found);
out:
	sw_talk_close(t);
}

/* --- NAT --- */

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* From an unconnected socket, for two servers must see the same one. The answer must come from whom was asked. */
static int ask_from(struct sw_check *c, int fd, const struct sw_addr *to, struct sw_addr *mapped)
{
	struct sw_stun_ask a = { .method = SW_STUN_BINDING };
	struct sw_stun_reply r;
	struct sw_buf b;
	int err;

	sw_random(a.id, sizeof(a.id));
	sw_buf_init(&b, 0);
	err = sw_stun_write(&b, &a);
	for (int i = 0; err == SW_OK && i < NAT_TRIES; i++) {
		uint64_t until = clock_ms() + NAT_WAIT_MS, now;

		if (sendto(fd, b.data, b.len, 0, &to->sa, sw_addr_len(to)) < 0) {
			err = SW_ECLOSED;
			break;
		}
		while ((now = clock_ms()) < until && !sw_check_stopped(c)) {
			struct pollfd p = { .fd = fd, .events = POLLIN };
			uint8_t data[2048];
			struct sockaddr_storage ss;
			socklen_t len = sizeof(ss);
			struct sw_addr from;
			ssize_t n = poll(&p, 1, (int)(until - now)) > 0
					    ? recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&ss, &len)
					    : -1;

			if (n > 0 && sw_addr_from_sockaddr(&from, (struct sockaddr *)&ss) == SW_OK && sw_addr_eq(&from, to) &&
			    sw_stun_read(&r, data, (size_t)n) == SW_OK && sw_stun_answers(&r, &a) && r.has_mapped) {
				*mapped = r.mapped;
				sw_buf_free(&b);
				return SW_OK;
			}
		}
	}
	sw_buf_free(&b);
	return err < 0 ? err : SW_ETIMEOUT;
}

/* Our address towards the server: what the kernel would take. */
static bool own_address(const struct sw_addr *to, struct sw_addr *out)
{
	int fd = socket(sw_addr_family(to), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*out);
	bool ok = fd >= 0 && connect(fd, &to->sa, sw_addr_len(to)) == 0 && getsockname(fd, &out->sa, &len) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static void tell(struct sw_check *c, const struct sw_media_server *a, const struct sw_media_server *b,
		 const struct sw_addr *local, const struct sw_addr *first, const struct sw_addr *second)
{
	char subject[400], found[200], x[SW_ADDR_STRLEN], y[SW_ADDR_STRLEN];
	enum sw_check_status status = SW_CHECK_PASS;
	struct sw_finding *f;

	if (b && !sw_addr_eq(first, second)) {
		status = SW_CHECK_WARN;
		snprintf(found, sizeof(found), "symmetric NAT: %s towards one server, %s towards another", sw_addr_text(first, x),
			 sw_addr_text(second, y));
	} else if (sw_addr_same_host(first, local)) {
		snprintf(found, sizeof(found), "%s: %s",
			 sw_addr_port(first) == sw_addr_port(local) ? "no NAT" : "the address is ours, the port is changed",
			 sw_addr_text(first, x));
	} else {
		snprintf(found, sizeof(found), "NAT: %s is seen as %s%s", sw_addr_text(local, x), sw_addr_text(first, y),
			 b ? ", by every server" : "");
	}
	f = sw_check_report(c, SW_F_MEDIA_NAT, status, sw_media_subject(a, subject), "one address, whoever looks", found);
	sw_finding_add(c, f, "local", "%s", sw_addr_text(local, x));
	sw_finding_add(c, f, "mapped", "%s", sw_addr_text(first, x));
	if (!sw_addr_same_host(first, local))
		sw_finding_set_fix(c, f, "media = { interfaces = ( { address = \"%s\"; advertise = \"%s\"; ... } ); };",
				   sw_addr_host_text(local, x), sw_addr_host_text(first, y));
}

void sw_media_nat(struct sw_check *c, const struct sw_media_server *a, const struct sw_media_server *b)
{
	struct sw_addr local = { 0 }, bound = { 0 }, first, second;
	int fd = socket(sw_addr_family(&a->addr), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(bound);

	if (fd < 0)
		return;
	if (ask_from(c, fd, &a->addr, &first) == SW_OK && own_address(&a->addr, &local) &&
	    getsockname(fd, &bound.sa, &len) == 0) {
		sw_addr_set_port(&local, sw_addr_port(&bound));
		if (b && ask_from(c, fd, &b->addr, &second) < 0)
			b = NULL;
		tell(c, a, b, &local, &first, &second);
	}
	close(fd);
}
