/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 3263 4 as a state machine:
 *
 *   literal ------------------------------------------> targets
 *   port given ---------------------------> addresses -> targets
 *   NAPTR -> SRV of its replacements ----> addresses -> targets
 *         \> SRV of _sips._tcp or _sip._tcp -^
 *                              \> no SRV: the name itself on the default port
 *
 * What could not be asked ends the location as failed; it is never taken for
 * absence, which would send calls to whoever answers the next question.
 *
 * Queries carry pointers into the run: it cancels them before it is freed, and
 * a cancelled query does not call.
 */
#include "dns/locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns/dns_int.h"
#include "dns/wire.h"

enum {
	TARGETS_MAX = 64,
	ADDRS_PER_FAMILY = 8,
	CANDIDATES_MAX = 8,       /* SRV names out of NAPTR */
	LOCATE_MAX = 25 * 1000,   /* below SIP's timer B */
	PREFIXES_MAX = 1024,
};

struct hop_query {
	struct locate *l;
	size_t hop;
	sw_id id;                 /* 0: not asked, or answered */
	struct sw_addr addr[ADDRS_PER_FAMILY];
	size_t n;
};

struct hop {                      /* a host to resolve, in the order to try */
	char host[SW_DNS_NAME_MAX];
	uint16_t port, priority, weight;
	bool tls;
	struct hop_query query[2];     /* A, AAAA */
};

struct candidate {                /* an SRV name */
	char name[SW_DNS_NAME_MAX];
	uint16_t order, preference;
	bool tls;
};

struct locate {
	struct sw_dns_job job;         /* first */
	struct sw_dns *d;
	sw_locate_fn *fn;
	void *arg;
	struct sw_timer timer;         /* the deadline, or 0 to tell what is known already */
	char host[SW_DNS_NAME_MAX];
	uint16_t port;
	bool tls;                      /* the zone says so, or the URI is sips */
	struct sw_prefix *allowed;     /* owned */
	struct sw_addr *own;           /* owned */
	size_t n_allowed, n_own;

	sw_id query;                   /* the NAPTR or SRV query under way */
	struct candidate candidates[CANDIDATES_MAX];
	size_t n_candidates, candidate;
	struct hop *hops;              /* owned */
	size_t n_hops, waiting;
	bool failed;                   /* one of the address queries could not be asked */
	struct sw_target *targets;     /* owned */
	size_t n_targets;
	size_t n_forbidden;
	enum sw_reason reason;         /* SW_R_DENY: not decided yet */
	char detail[200];
};

static void ask_srv(struct locate *l);

/* --- the end --- */

static void locate_free(struct sw_dns_job *job)
{
	struct locate *l = (struct locate *)job;

	sw_timer_stop(&l->timer);
	sw_dns_job_del(l->d, job);
	sw_dns_cancel(l->d, l->query);
	for (size_t i = 0; i < l->n_hops; i++)
		for (int f = 0; f < 2; f++)
			sw_dns_cancel(l->d, l->hops[i].query[f].id);
	free(l->hops);
	free(l->targets);
	free(l->allowed);
	free(l->own);
	sw_loop_free_later(sw_dns_loop(l->d), l);
}

/* Tells and ends. Called from the loop only; nothing of l or the resolver is touched after the call. */
static void tell(struct locate *l)
{
	struct sw_location loc = { .reason = l->reason, .targets = l->targets, .n = l->n_targets };
	sw_locate_fn *fn = l->fn;
	void *arg = l->arg;
	struct sw_target *targets = l->targets;

	memcpy(loc.detail, l->detail, sizeof(loc.detail));
	l->targets = NULL;
	locate_free(&l->job);
	fn(arg, &loc);
	free(targets);
}

static void decide(struct locate *l, enum sw_reason reason, const char *fmt, ...) SW_PRINTF(3, 4);
static void decide(struct locate *l, enum sw_reason reason, const char *fmt, ...)
{
	va_list ap;

	l->reason = reason;
	va_start(ap, fmt);
	vsnprintf(l->detail, sizeof(l->detail), fmt, ap);
	va_end(ap);
}

static void on_timer(void *arg)
{
	struct locate *l = arg;

	if (l->reason == SW_R_DENY)
		decide(l, SW_R_DNS_FAILED, "%s: not located within %d s", l->host, LOCATE_MAX / 1000);
	tell(l);
}

static void tell_failed(struct locate *l, const char *name, const char *type, const struct sw_dns_answer *a)
{
	decide(l, SW_R_DNS_FAILED, "%.80s %s: %s (%.80s)", name, type, sw_dns_outcome_name(a->outcome), a->detail);
	tell(l);
}

/* --- which addresses may be called --- */

/* The IPv4 address a translator would send this to: 64:ff9b::/96 (RFC 6052), 2002::/16 (RFC 3056). */
static bool embedded_v4(const struct sw_addr *a, struct sw_addr *v4)
{
	static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };
	const uint8_t *b = a->in6.sin6_addr.s6_addr;

	if (sw_addr_family(a) != AF_INET6)
		return false;
	*v4 = (struct sw_addr){ .in4 = { .sin_family = AF_INET } };
	if (memcmp(b, nat64, sizeof(nat64)) == 0)
		memcpy(&v4->in4.sin_addr, b + 12, 4);
	else if (b[0] == 0x20 && b[1] == 0x02)
		memcpy(&v4->in4.sin_addr, b + 2, 4);
	else
		return false;
	return true;
}

/*
 * Is it an address of this host? The kernel's choice of a source tells: towards one of its own it is that one. No packet is sent,
 * and a host that lacks the route (or the descriptor) has no call to place there either.
 */
static bool is_this_host(const struct sw_addr *a)
{
	struct sw_addr source = { 0 };
	socklen_t n = sizeof(source);
	int fd = socket(sw_addr_family(a), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool own = fd >= 0 && connect(fd, &a->sa, sw_addr_len(a)) == 0 && getsockname(fd, &source.sa, &n) == 0 &&
		   sw_addr_same_host(&source, a);

	if (fd >= 0)
		close(fd);
	return own;
}

static bool is_own(const struct locate *l, const struct sw_addr *a)
{
	for (size_t i = 0; i < l->n_own; i++) {
		const struct sw_addr *own = &l->own[i];

		if (sw_addr_eq(own, a))
			return true;
		/* a listener on all addresses */
		if (sw_addr_is_any(own) && sw_addr_port(own) == sw_addr_port(a) && (sw_addr_is_loopback(a) || is_this_host(a)))
			return true;
	}
	return false;
}

static bool may_call(const struct locate *l, const struct sw_addr *a)
{
	struct sw_addr v4;

	if (sw_addr_is_any(a) || sw_addr_is_multicast(a) || sw_addr_is_reserved(a) || is_own(l, a))
		return false;
	for (size_t i = 0; i < l->n_allowed; i++)
		if (sw_prefix_has(&l->allowed[i], a))
			return true;
	if (embedded_v4(a, &v4)) {
		sw_addr_set_port(&v4, sw_addr_port(a));
		return may_call(l, &v4);
	}
	return !sw_addr_is_loopback(a) && !sw_addr_is_private(a) && !sw_addr_is_link_local(a);
}

static void add_target(struct locate *l, const struct hop *h, const struct sw_addr *addr)
{
	struct sw_addr with_port = *addr;
	struct sw_target *t;

	if (l->n_targets == TARGETS_MAX)
		return;
	sw_addr_set_port(&with_port, h->port);
	if (!may_call(l, &with_port)) {
		if (l->n_forbidden++ == 0)
			sw_addr_text(&with_port, l->detail);
		return;
	}
	t = &l->targets[l->n_targets++];
	*t = (struct sw_target){ .addr = with_port, .priority = h->priority, .weight = h->weight, .tls = h->tls };
	memcpy(t->host, h->host, sizeof(t->host));
}

/* --- addresses --- */

/* Everything asked is answered: the targets, in the hops' order, of each host IPv4 before IPv6. */
static void conclude(struct locate *l)
{
	char forbidden[SW_ADDR_STRLEN];

	for (size_t i = 0; i < l->n_hops; i++)
		for (int f = 0; f < 2; f++)
			for (size_t k = 0; k < l->hops[i].query[f].n; k++)
				add_target(l, &l->hops[i], &l->hops[i].query[f].addr[k]);
	if (l->n_targets) {
		decide(l, SW_R_OK, "%s: %zu targets", l->host, l->n_targets);
	} else if (l->n_forbidden) {
		sw_str_copy(forbidden, sizeof(forbidden), sw_str_of(l->detail));
		decide(l, SW_R_DNS_FORBIDDEN, "%s leads to %s", l->host, forbidden);
	} else if (l->failed) {
		l->reason = SW_R_DNS_FAILED;   /* with the detail of the query that failed */
	} else {
		decide(l, SW_R_DNS_ABSENT, "%s: no address", l->host);
	}
}

static void on_address(void *arg, const struct sw_dns_answer *a)
{
	struct hop_query *q = arg;
	struct locate *l = q->l;

	q->id = 0;
	for (size_t i = 0; i < a->n && q->n < ADDRS_PER_FAMILY; i++)
		q->addr[q->n++] = a->rrs[i].addr;
	if (a->outcome != SW_DNS_ANSWER && a->outcome != SW_DNS_NODATA && a->outcome != SW_DNS_NXDOMAIN) {
		l->failed = true;
		snprintf(l->detail, sizeof(l->detail), "%.80s: %s (%.80s)", l->hops[q->hop].host, sw_dns_outcome_name(a->outcome),
			 a->detail);
	}
	if (--l->waiting)
		return;
	conclude(l);
	tell(l);
}

static int hops_alloc(struct locate *l, size_t n)
{
	l->hops = calloc(n, sizeof(*l->hops));
	l->targets = calloc(TARGETS_MAX, sizeof(*l->targets));
	if (!l->hops || !l->targets)
		return SW_ENOMEM;
	return SW_OK;
}

/* Asks for all of them at once; equal ones are joined by the resolver. Failure: l still has to be ended. */
static int ask_addresses(struct locate *l)
{
	static const enum sw_dns_type types[2] = { SW_DNS_A, SW_DNS_AAAA };

	for (size_t i = 0; i < l->n_hops; i++) {
		for (int f = 0; f < 2; f++) {
			struct hop_query *q = &l->hops[i].query[f];
			int err;

			q->l = l;
			q->hop = i;
			err = sw_dns_ask(l->d, l->hops[i].host, types[f], on_address, q, &q->id);
			if (err < 0)
				return err;
			l->waiting++;
		}
	}
	return SW_OK;
}

/* The name itself, on the given or the default port. */
static int ask_host(struct locate *l)
{
	int err = hops_alloc(l, 1);

	if (err < 0)
		return err;
	memcpy(l->hops[0].host, l->host, sizeof(l->host));
	l->hops[0].port = l->port ? l->port : l->tls ? 5061 : 5060;
	l->hops[0].tls = l->tls;
	l->n_hops = 1;
	return ask_addresses(l);
}

static void local_failure(struct locate *l, int err)
{
	decide(l, SW_R_DNS_FAILED, "%s: %s", l->host, sw_error_text(err));
	tell(l);
}

/* --- SRV --- */

/* The hops in RFC 2782's order. Zero of them: every target is ".", the service is declared absent. */
static int take_srv(struct locate *l, const struct sw_dns_answer *a, bool tls)
{
	struct sw_srv_key keys[SW_DNS_SRV_MAX];
	size_t order[SW_DNS_SRV_MAX], from[SW_DNS_SRV_MAX], n = 0;
	int err;

	for (size_t i = 0; i < a->n && n < SW_DNS_SRV_MAX; i++) {
		if (!*a->rrs[i].srv.target || a->rrs[i].srv.port == 0)
			continue;
		keys[n] = (struct sw_srv_key){ a->rrs[i].srv.priority, a->rrs[i].srv.weight };
		from[n++] = i;
	}
	if (n == 0)
		return SW_OK;
	err = hops_alloc(l, n);
	if (err < 0)
		return err;
	sw_srv_order(keys, n, order, NULL, NULL);
	for (size_t i = 0; i < n; i++) {
		const struct sw_dns_rr *rr = &a->rrs[from[order[i]]];
		struct hop *h = &l->hops[i];

		memcpy(h->host, rr->srv.target, sizeof(h->host));
		h->port = rr->srv.port;
		h->priority = rr->srv.priority;
		h->weight = rr->srv.weight;
		h->tls = tls;
	}
	l->n_hops = n;
	return SW_OK;
}

static void on_srv(void *arg, const struct sw_dns_answer *a)
{
	struct locate *l = arg;
	const struct candidate *c = &l->candidates[l->candidate];
	int err = SW_OK;

	l->query = 0;
	switch (a->outcome) {
	case SW_DNS_ANSWER:
		err = take_srv(l, a, c->tls);
		if (err == 0 && l->n_hops == 0) {
			decide(l, SW_R_DNS_ABSENT, "%.150s SRV: the service is declared absent", c->name);
			tell(l);
			return;
		}
		if (err == 0)
			err = ask_addresses(l);
		break;
	case SW_DNS_NODATA:
	case SW_DNS_NXDOMAIN:
		if (++l->candidate < l->n_candidates) {
			ask_srv(l);
			return;
		}
		err = ask_host(l);
		break;
	default:
		tell_failed(l, c->name, "SRV", a);
		return;
	}
	if (err < 0)
		local_failure(l, err);
}

static int start_srv(struct locate *l)
{
	return sw_dns_ask(l->d, l->candidates[l->candidate].name, SW_DNS_SRV, on_srv, l, &l->query);
}

static void ask_srv(struct locate *l)
{
	int err = start_srv(l);

	if (err < 0)
		local_failure(l, err);
}

/* The name to ask when NAPTR says nothing. A name too long for its prefix has no SRV: SW_ENOTFOUND. */
static int own_candidate(struct locate *l)
{
	struct candidate *c = &l->candidates[0];
	char name[SW_DNS_NAME_MAX + 16];

	snprintf(name, sizeof(name), "%s.%s", l->tls ? "_sips._tcp" : "_sip._tcp", l->host);
	*c = (struct candidate){ .tls = l->tls };
	if (sw_wire_name(c->name, name) < 0)
		return SW_ENOTFOUND;
	l->n_candidates = 1;
	l->candidate = 0;
	return SW_OK;
}

static int start_own_srv(struct locate *l)
{
	return own_candidate(l) < 0 ? ask_host(l) : start_srv(l);
}

/* --- NAPTR --- */

/* RFC 3263 4.1: services over TCP and TLS alone; sips (and a TLS zone) never takes SIP+D2T. */
static bool naptr_usable(const struct locate *l, const struct sw_dns_rr *rr, bool secure, bool *tls)
{
	struct sw_str service = sw_str_of(rr->naptr.service);

	if (!sw_str_ieq(sw_str_of(rr->naptr.flags), SW_STR("s")) || *rr->naptr.regexp || !*rr->naptr.replacement)
		return false;
	*tls = sw_str_ieq(service, SW_STR("SIPS+D2T"));
	if (!*tls && (l->tls || !sw_str_ieq(service, SW_STR("SIP+D2T"))))
		return false;
	/* Where the call goes must not be said by a name outside of the domain, unless DNSSEC vouches for it. */
	return secure || sw_wire_name_within(rr->naptr.replacement, l->host);
}

static void insert_candidate(struct locate *l, const struct candidate *c)
{
	size_t i = l->n_candidates;

	if (i == CANDIDATES_MAX) {
		const struct candidate *last = &l->candidates[i - 1];

		if (last->order < c->order || (last->order == c->order && last->preference <= c->preference))
			return;
		i--;
	} else {
		l->n_candidates++;
	}
	for (; i > 0; i--) {
		const struct candidate *p = &l->candidates[i - 1];

		if (p->order < c->order || (p->order == c->order && p->preference <= c->preference))
			break;
		l->candidates[i] = *p;
	}
	l->candidates[i] = *c;
}

static void take_naptr(struct locate *l, const struct sw_dns_answer *a)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct sw_dns_rr *rr = &a->rrs[i];
		struct candidate c = { .order = rr->naptr.order, .preference = rr->naptr.preference };

		if (!naptr_usable(l, rr, a->secure, &c.tls))
			continue;
		memcpy(c.name, rr->naptr.replacement, sizeof(c.name));
		insert_candidate(l, &c);
	}
	/* RFC 3403 4.1: a higher order is not looked at once a lower one matched. */
	for (size_t i = 1; i < l->n_candidates; i++)
		if (l->candidates[i].order != l->candidates[0].order)
			l->n_candidates = i;
}

static void on_naptr(void *arg, const struct sw_dns_answer *a)
{
	struct locate *l = arg;
	bool absent = a->outcome == SW_DNS_NODATA || a->outcome == SW_DNS_NXDOMAIN;
	int err;

	l->query = 0;
	if (a->outcome == SW_DNS_ANSWER)
		take_naptr(l, a);
	/* Without its NAPTR a domain that wants TLS could be had over TCP; where it is TLS anyway, nothing is lost. */
	else if (!absent && !l->tls) {
		tell_failed(l, l->host, "NAPTR", a);
		return;
	}
	err = l->n_candidates ? start_srv(l) : start_own_srv(l);
	if (err < 0)
		local_failure(l, err);
}

/* --- the beginning --- */

static int conclude_at_once(struct locate *l)
{
	return sw_timer_start(&l->timer, 0);
}

static int start_literal(struct locate *l, const struct sw_addr *addr)
{
	int err = hops_alloc(l, 1);

	if (err < 0)
		return err;
	sw_addr_host_text(addr, l->host);
	memcpy(l->hops[0].host, l->host, sizeof(l->host));
	l->hops[0].port = l->port ? l->port : l->tls ? 5061 : 5060;
	l->hops[0].tls = l->tls;
	l->hops[0].query[0].addr[0] = *addr;
	l->hops[0].query[0].n = 1;
	l->n_hops = 1;
	conclude(l);
	return conclude_at_once(l);
}

static int start(struct locate *l, const struct sw_locate_query *q)
{
	struct sw_addr literal;
	struct sw_str host = sw_str_of(q->host);

	/* "192.0.2.1:5061" is none: the port has its own field. */
	if (sw_addr_parse(&literal, host, 0) == 0 && sw_addr_port(&literal) == 0)
		return start_literal(l, &literal);
	if (sw_wire_name(l->host, q->host) < 0) {
		decide(l, SW_R_DNS_ABSENT, "not a domain name: %.100s", q->host);
		return conclude_at_once(l);
	}
	if (l->port)
		return ask_host(l);
	if (q->naptr)
		return sw_dns_ask(l->d, l->host, SW_DNS_NAPTR, on_naptr, l, &l->query);
	return start_own_srv(l);
}

static int copy_lists(struct locate *l, const struct sw_locate_query *q)
{
	l->allowed = calloc(q->n_allowed + 1, sizeof(*l->allowed));
	l->own = calloc(q->n_own + 1, sizeof(*l->own));
	if (!l->allowed || !l->own)
		return SW_ENOMEM;
	for (size_t i = 0; i < q->n_allowed; i++)
		l->allowed[i] = q->allowed[i];
	for (size_t i = 0; i < q->n_own; i++)
		l->own[i] = q->own[i];
	l->n_allowed = q->n_allowed;
	l->n_own = q->n_own;
	return SW_OK;
}

int sw_locate(struct sw_dns *d, const struct sw_locate_query *q, sw_locate_fn *fn, void *arg, sw_id *out)
{
	struct locate *l;
	int err;

	if (!q->host || !fn || q->n_allowed > PREFIXES_MAX || q->n_own > PREFIXES_MAX)
		return SW_EINVALID;
	l = calloc(1, sizeof(*l));
	if (!l)
		return SW_ENOMEM;
	l->job.free = locate_free;
	l->d = d;
	l->fn = fn;
	l->arg = arg;
	l->port = q->port;
	l->tls = q->tls || q->sips;
	sw_timer_init(&l->timer, sw_dns_loop(d), on_timer, l);
	err = sw_dns_job_add(d, &l->job);
	if (err < 0) {
		free(l);
		return err;
	}
	err = copy_lists(l, q);
	if (err < 0 || (err = sw_timer_start(&l->timer, LOCATE_MAX)) < 0 || (err = start(l, q)) < 0) {
		locate_free(&l->job);
		return err;
	}
	if (out)
		*out = l->job.id;
	return SW_OK;
}

void sw_locate_cancel(struct sw_dns *d, sw_id id)
{
	struct sw_dns_job *job = sw_dns_job_get(d, id);

	if (job && job->free == locate_free)
		locate_free(job);
}
