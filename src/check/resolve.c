/* SPDX-License-Identifier: Apache-2.0 */
#include "check/resolve.h"

#include <stdio.h>
#include <unistd.h>

#include "core/loop.h"
#include "dns/dns.h"

struct question {
	struct sw_loop *loop;
	struct sw_io *stop;
	struct sw_timer deadline;
	struct sw_addr *out;
	size_t n;
	uint16_t port;
	unsigned open; /* answers still to come */
	bool failed;   /* one was none: not even that there is no address is known */
	int err;
	char detail[128];
};

static void on_answer(void *arg, const struct sw_dns_answer *a)
{
	struct question *q = arg;

	if (a->outcome == SW_DNS_ANSWER) {
		for (size_t i = 0; i < a->n && q->n < SW_RESOLVE_MAX; i++) {
			if (a->rrs[i].type != SW_DNS_A && a->rrs[i].type != SW_DNS_AAAA)
				continue;
			q->out[q->n] = a->rrs[i].addr;
			sw_addr_set_port(&q->out[q->n++], q->port);
		}
	} else {
		bool none = a->outcome == SW_DNS_NODATA || a->outcome == SW_DNS_NXDOMAIN;

		q->failed |= !none;
		if (!none || !q->detail[0])
			snprintf(q->detail, sizeof(q->detail), "%s", sw_dns_outcome_name(a->outcome));
	}
	if (--q->open == 0)
		sw_loop_stop(q->loop);
}

static void on_deadline(void *arg)
{
	struct question *q = arg;

	q->err = SW_ETIMEOUT;
	sw_loop_stop(q->loop);
}

static void on_stop(void *arg, int events)
{
	struct question *q = arg;

	(void)events;
	q->err = SW_EAGAIN;
	sw_loop_stop(q->loop);
}

static int ask(struct question *q, struct sw_dns *dns, const char *host, int family)
{
	static const struct {
		int family;
		enum sw_dns_type type;
	} kinds[] = { { AF_INET, SW_DNS_A }, { AF_INET6, SW_DNS_AAAA } };
	int err = SW_OK;

	for (size_t i = 0; err == SW_OK && i < 2; i++) {
		if (family != AF_UNSPEC && family != kinds[i].family)
			continue;
		err = sw_dns_ask(dns, host, kinds[i].type, on_answer, q, NULL);
		q->open += err == SW_OK;
	}
	return err;
}

static int compare(const struct sw_addr *a, const struct sw_addr *b)
{
	return (sw_addr_family(a) == AF_INET6) - (sw_addr_family(b) == AF_INET6);
}

/* IPv4 first, else as they came. */
static void sort(struct sw_addr *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && compare(&v[k - 1], &v[k]) > 0; k--) {
			struct sw_addr swap = v[k];

			v[k] = v[k - 1];
			v[k - 1] = swap;
		}
}

static int lookup(struct sw_check *c, struct question *q, const char *host)
{
	const struct sw_check_options *o = sw_check_options(c);
	struct sw_dns *dns = NULL;
	int fd = sw_check_stop_fd(c), err = sw_loop_new(&q->loop);

	if (err < 0)
		return err;
	sw_timer_init(&q->deadline, q->loop, on_deadline, q);
	err = sw_dns_new(&dns, q->loop, o->dns);
	if (err == SW_OK)
		err = ask(q, dns, host, o->family);
	if (err == SW_OK)
		err = sw_timer_start(&q->deadline, sw_check_left(c));
	if (err == SW_OK && fd >= 0 && (fd = dup(fd)) >= 0) {
		err = sw_io_new(&q->stop, q->loop, fd, on_stop, q);
		if (err == SW_OK)
			err = sw_io_want(q->stop, SW_IO_READ);
	}
	if (err == SW_OK && q->open)
		sw_loop_run(q->loop);
	sw_timer_stop(&q->deadline);
	sw_io_free(q->stop);
	if (dns)
		sw_dns_free(dns);
	sw_loop_free(q->loop);
	return err;
}

int sw_check_resolve(struct sw_check *c, const char *host, uint16_t port, struct sw_addr out[SW_RESOLVE_MAX], size_t *n,
		     char why[160])
{
	struct question q = { .out = out, .port = port };
	int err;

	if (sw_addr_parse(&out[0], sw_str_of(host), port) == SW_OK) {
		sw_addr_set_port(&out[0], port);
		*n = 1;
		return SW_OK;
	}
	err = lookup(c, &q, host);
	if (err == SW_OK && q.n == 0)
		err = q.err ? q.err : q.failed ? SW_EDNS : SW_ENOTFOUND;
	if (err < 0) {
		snprintf(why, 160, "%.80s: %.70s", host,
			 err == SW_EAGAIN ? "stopped"
			 : q.detail[0]    ? q.detail
					  : sw_error_text(err));
		return err;
	}
	sort(out, q.n);
	*n = q.n;
	return SW_OK;
}
