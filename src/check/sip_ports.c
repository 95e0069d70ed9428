/* SPDX-License-Identifier: Apache-2.0 */
/* The ports around: those the profile names, and 5060 to 5070: what is open, and what speaks there. */
#include "check/sip.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/check_int.h"
#include "check/tls.h"

enum { LOW = 5060, HIGH = 5070, PORTS = HIGH - LOW + 1, WAIT_MS = 1500, SPEAK_MS = 2000 };

struct port {
	int fd;
	enum { WAITING, OPEN, REFUSED, SILENT } state;
};

/* All at once: a firewall that drops costs its time-out once. */
static void knock_all(struct sw_check *c, const struct sw_endpoint *e, struct port ports[PORTS])
{
	uint64_t left = sw_check_left(c), until = sw_check_clock() + (left < WAIT_MS ? left : WAIT_MS);
	struct sw_addr a = e->addr;

	for (int i = 0; i < PORTS; i++) {
		sw_addr_set_port(&a, (uint16_t)(LOW + i));
		ports[i] = (struct port){ .fd = socket(sw_addr_family(&a), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
					  .state = WAITING };
		if (ports[i].fd >= 0 && connect(ports[i].fd, &a.sa, sw_addr_len(&a)) < 0 && errno != EINPROGRESS)
			ports[i].state = errno == ECONNREFUSED ? REFUSED : SILENT;
	}
	for (;;) {
		struct pollfd p[PORTS + 1];
		uint64_t now = sw_check_clock();
		int waiting = 0;

		for (int i = 0; i < PORTS; i++) {
			p[i] = (struct pollfd){ .fd = ports[i].state == WAITING ? ports[i].fd : -1, .events = POLLOUT };
			waiting += p[i].fd >= 0;
		}
		p[PORTS] = (struct pollfd){ .fd = sw_check_stop_fd(c), .events = POLLIN };
		if (!waiting || now >= until || (poll(p, PORTS + 1, (int)(until - now)) < 0 && errno != EINTR) ||
		    p[PORTS].revents)
			break;
		for (int i = 0; i < PORTS; i++) {
			socklen_t len = sizeof(int);
			int err = 0;

			if (p[i].fd < 0 || !p[i].revents)
				continue;
			if (getsockopt(p[i].fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
				err = errno;
			ports[i].state = !err ? OPEN : err == ECONNREFUSED ? REFUSED : SILENT;
		}
	}
	for (int i = 0; i < PORTS; i++) {
		if (ports[i].fd >= 0)
			close(ports[i].fd);
		if (ports[i].state == WAITING)
			ports[i].state = SILENT;
	}
}

static const struct sw_profile_port *expected(const struct sw_profile *p, uint16_t port, bool exactly)
{
	for (size_t i = 0; i < p->n_ports; i++) {
		const struct sw_profile_port *q = &p->ports[i];

		if (q->low <= port && port <= q->high && !strcmp(q->direction, "in") == exactly &&
		    strcmp(q->transport, "udp") != 0)
			return q;
	}
	return NULL;
}

/* until: for all ports together; a firewall may accept on every one, and be mute. */
static const char *what_speaks(struct sw_check *c, const struct sw_endpoint *e, uint16_t port, uint64_t until)
{
	struct sw_endpoint at = *e;
	struct sw_tls_probe_opts o;
	struct sw_tls_probe *p = NULL;
	const char *what = "open";
	uint64_t now = sw_check_clock();

	if (now >= until)
		return "open, not asked what it speaks: the others took too long";
	sw_addr_set_port(&at.addr, port);
	sw_tls_settings(c, &at, NULL, &o);
	if (o.ms > WAIT_MS)
		o.ms = WAIT_MS;
	if (o.ms > until - now)
		o.ms = until - now;
	if (sw_tls_probe_open(&p, &o) < 0)
		return what;
	if (p->leaf)
		what = p->cert_asked ? "TLS, asks for a certificate" : "TLS";
	else if (p->end == SW_TLS_END_NOT_TLS || p->end == SW_TLS_END_CLOSED || p->end == SW_TLS_END_TIMEOUT)
		what = "open, no TLS";
	sw_tls_probe_free(p);
	return what;
}

static void probe(struct sw_check *c, void *arg)
{
	const struct sw_endpoint *e = arg;
	const struct sw_profile *profile = sw_check_options(c)->profile;
	struct port ports[PORTS];
	struct sw_finding *f;
	char subject[SW_ADDR_STRLEN], found[200] = "", value[80];
	size_t open = 0;
	uint64_t until;

	knock_all(c, e, ports);
	if (sw_check_stopped(c))
		return;
	sw_addr_host_text(&e->addr, subject);
	for (int i = 0; i < PORTS; i++) {
		size_t n = strlen(found);

		if (ports[i].state == OPEN && open++ < PORTS)
			snprintf(found + n, sizeof(found) - n, "%s%d", n ? ", " : "", LOW + i);
	}
	f = sw_check_report(c, SW_F_SIP_PORTS, SW_CHECK_PASS, subject, NULL, found[0] ? found : "none of 5060 to 5070 is open");
	until = sw_check_clock() + SPEAK_MS;
	for (int i = 0; i < PORTS; i++) {
		uint16_t port = (uint16_t)(LOW + i);
		const struct sw_profile_port *in = expected(profile, port, true), *any = expected(profile, port, false);
		const char *state = ports[i].state == OPEN      ? what_speaks(c, e, port, until)
				    : ports[i].state == REFUSED ? "refused"
								: "no answer";

		snprintf(value, sizeof(value), "%s", state);
		sw_finding_add(c, f, "port", "%u: %s%s%s", port, value, in || any ? "; the profile: " : "",
			       in    ? in->purpose
			       : any ? any->purpose
				     : "");
	}
	if (ports[5060 - LOW].state == OPEN && !expected(profile, 5060, true) && !expected(profile, 5060, false))
		sw_check_report(c, SW_F_SIP_PORT_CLEAR, SW_CHECK_WARN, subject, "5060 is closed from outside, or filtered",
				"5060 is open");
}

/* Once per address, whatever domain or port led there. */
static bool first_time(struct sw_check *c, const struct sw_addr *a)
{
	struct sw_check_leaf l = { .addr = *a };
	bool known = false;

	snprintf(l.issuer, sizeof(l.issuer), "ports");
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->n_leaves && !known; i++)
		known = !c->leaves[i].host[0] && sw_addr_same_host(&c->leaves[i].addr, a);
	if (!known) {
		struct sw_check_leaf *room = realloc(c->leaves, (c->n_leaves + 1) * sizeof(*room));

		known = !room;
		if (room) {
			c->leaves = room;
			c->leaves[c->n_leaves++] = l;
		}
	}
	pthread_mutex_unlock(&c->lock);
	return !known;
}

void sw_sip_ports(struct sw_check *c, const struct sw_endpoint *e)
{
	struct sw_endpoint *copy;
	char addr[SW_ADDR_STRLEN], what[SW_ADDR_STRLEN + 32];

	if (!first_time(c, &e->addr) || !(copy = calloc(1, sizeof(*copy))))
		return;
	*copy = *e;
	snprintf(what, sizeof(what), "ports of %s", sw_addr_host_text(&e->addr, addr));
	(void)sw_check_spawn(c, SW_STAGE_SIP, what, probe, copy, free);
}
