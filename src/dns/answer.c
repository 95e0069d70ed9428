/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/answer.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>

#include "dns/wire.h"

enum {
	SCAN_MAX = 256,          /* records of the answer section that are looked at */
	TTL_TOP_BIT = 1u << 31,  /* RFC 2181 8: such a TTL is zero */
	SEC = 1000,
};

struct parse {
	struct sw_answer *out;
	const ldns_rr_list *answers;
	enum sw_dns_type type;
	struct sw_chain chain;
	size_t unusable;              /* records of the type that were left out */
};

static uint32_t rr_ttl(const ldns_rr *rr)
{
	uint32_t ttl = ldns_rr_ttl(rr);

	return ttl & TTL_TOP_BIT ? 0 : ttl;
}

static void lower_ttl(struct parse *p, const ldns_rr *rr)
{
	if (rr_ttl(rr) < p->chain.ttl)
		p->chain.ttl = rr_ttl(rr);
}

static int rdf_name(char out[SW_DNS_NAME_MAX], const ldns_rdf *rdf)
{
	return rdf ? sw_wire_name_text(out, ldns_rdf_data(rdf), ldns_rdf_size(rdf)) : SW_EPARSE;
}

static bool owned_by(const ldns_rr *rr, const char *name)
{
	char owner[SW_DNS_NAME_MAX];

	return rdf_name(owner, ldns_rr_owner(rr)) == 0 && strcmp(owner, name) == 0;
}

static bool is_in(const ldns_rr *rr, ldns_rr_type type)
{
	return ldns_rr_get_type(rr) == type && ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN;
}

static size_t scan_count(const struct parse *p)
{
	size_t n = p->answers ? ldns_rr_list_rr_count(p->answers) : 0;

	return n < SCAN_MAX ? n : SCAN_MAX;
}

/* --- records --- */

static bool rdf_u16(const ldns_rr *rr, size_t i, uint16_t *out)
{
	const ldns_rdf *rdf = ldns_rr_rdf(rr, i);

	if (!rdf || ldns_rdf_size(rdf) != 2)
		return false;
	*out = ldns_rdf2native_int16(rdf);
	return true;
}

/* A <character-string> of printable ASCII that fits. */
static bool rdf_string(const ldns_rr *rr, size_t i, char *dst, size_t size)
{
	const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
	const uint8_t *data = rdf ? ldns_rdf_data(rdf) : NULL;
	size_t n;

	if (!rdf || ldns_rdf_size(rdf) < 1)
		return false;
	n = data[0];
	if (ldns_rdf_size(rdf) != n + 1 || n >= size)
		return false;
	for (size_t k = 1; k <= n; k++)
		if (data[k] < 0x20 || data[k] > 0x7e)
			return false;
	memcpy(dst, data + 1, n);
	dst[n] = '\0';
	return true;
}

static bool take_addr(struct sw_dns_rr *r, const ldns_rr *rr)
{
	const ldns_rdf *rdf = ldns_rr_rdf(rr, 0);
	size_t n = r->type == SW_DNS_A ? 4 : 16;

	if (!rdf || ldns_rdf_size(rdf) != n)
		return false;
	if (r->type == SW_DNS_A) {
		r->addr.in4.sin_family = AF_INET;
		memcpy(&r->addr.in4.sin_addr, ldns_rdf_data(rdf), n);
	} else {
		r->addr.in6.sin6_family = AF_INET6;
		memcpy(&r->addr.in6.sin6_addr, ldns_rdf_data(rdf), n);
	}
	return true;
}

static bool take_srv(struct sw_dns_rr *r, const ldns_rr *rr)
{
	return ldns_rr_rd_count(rr) == 4 && rdf_u16(rr, 0, &r->srv.priority) && rdf_u16(rr, 1, &r->srv.weight) &&
	       rdf_u16(rr, 2, &r->srv.port) && rdf_name(r->srv.target, ldns_rr_rdf(rr, 3)) == 0;
}

static bool take_naptr(struct sw_dns_rr *r, const ldns_rr *rr)
{
	return ldns_rr_rd_count(rr) == 6 && rdf_u16(rr, 0, &r->naptr.order) && rdf_u16(rr, 1, &r->naptr.preference) &&
	       rdf_string(rr, 2, r->naptr.flags, sizeof(r->naptr.flags)) &&
	       rdf_string(rr, 3, r->naptr.service, sizeof(r->naptr.service)) &&
	       rdf_string(rr, 4, r->naptr.regexp, sizeof(r->naptr.regexp)) &&
	       rdf_name(r->naptr.replacement, ldns_rr_rdf(rr, 5)) == 0;
}

/* The strings joined without a separator, by their length octets: printing them would add quotes and escapes. */
static bool take_txt(struct sw_dns_rr *r, const ldns_rr *rr)
{
	size_t count = ldns_rr_rd_count(rr), len = 0;
	uint8_t *data;

	for (size_t i = 0; i < count; i++) {
		const ldns_rdf *rdf = ldns_rr_rdf(rr, i);

		if (!rdf || ldns_rdf_size(rdf) < 1 || ldns_rdf_size(rdf) != ldns_rdf_data(rdf)[0] + 1u)
			return false;
		len += ldns_rdf_data(rdf)[0];
	}
	data = malloc(len + 1);
	if (!data)
		return false;
	r->txt.data = data;
	r->txt.len = len;
	for (size_t i = 0; i < count; i++) {
		const ldns_rdf *rdf = ldns_rr_rdf(rr, i);

		memcpy(data, ldns_rdf_data(rdf) + 1, ldns_rdf_data(rdf)[0]);
		data += ldns_rdf_data(rdf)[0];
	}
	*data = '\0';
	return true;
}

static bool take(struct sw_dns_rr *r, enum sw_dns_type type, const ldns_rr *rr)
{
	*r = (struct sw_dns_rr){ .type = type, .ttl = rr_ttl(rr) };
	switch (type) {
	case SW_DNS_A:
	case SW_DNS_AAAA:
		return take_addr(r, rr);
	case SW_DNS_SRV:
		return take_srv(r, rr);
	case SW_DNS_NAPTR:
		return take_naptr(r, rr);
	case SW_DNS_TXT:
		return take_txt(r, rr);
	}
	return false;
}

/* Every record of the type owned by the end of the chain, up to the cap. */
static int collect(struct parse *p)
{
	size_t max = p->type == SW_DNS_SRV ? SW_DNS_SRV_MAX : SW_DNS_RR_MAX, want = 0;
	struct sw_dns_answer *a = &p->out->a;

	for (size_t i = 0; i < scan_count(p); i++)
		want += is_in(ldns_rr_list_rr(p->answers, i), (ldns_rr_type)p->type);
	if (want == 0)
		return SW_OK;
	a->rrs = calloc(want < max ? want : max, sizeof(*a->rrs));
	if (!a->rrs)
		return SW_ENOMEM;
	for (size_t i = 0; i < scan_count(p) && a->n < max; i++) {
		const ldns_rr *rr = ldns_rr_list_rr(p->answers, i);

		if (!is_in(rr, (ldns_rr_type)p->type) || !owned_by(rr, p->chain.name))
			continue;
		if (!take(&a->rrs[a->n], p->type, rr)) {
			p->unusable++;
			continue;
		}
		lower_ttl(p, rr);
		a->n++;
	}
	return SW_OK;
}

/* --- the chain --- */

static bool has_records(const struct parse *p)
{
	for (size_t i = 0; i < scan_count(p); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(p->answers, i);

		if (is_in(rr, (ldns_rr_type)p->type) && owned_by(rr, p->chain.name))
			return true;
	}
	return false;
}

/* name below owner becomes the same below target (RFC 6672 2.2). */
static int dname_step(char name[SW_DNS_NAME_MAX], const char *owner, const char *target)
{
	size_t keep = strlen(name) - strlen(owner), n = strlen(target);

	if (n == 0)
		keep--;  /* the root: the dot before it goes */
	if (keep + n >= SW_DNS_NAME_MAX - 2)
		return SW_EPARSE;
	memcpy(name + keep, target, n + 1);
	return SW_OK;
}

/* One step; 1 when one was made, 0 when the chain ends here, SW_EPARSE when it leads to no usable name. */
static int chain_step(struct parse *p)
{
	char owner[SW_DNS_NAME_MAX], target[SW_DNS_NAME_MAX];

	for (size_t i = 0; i < scan_count(p); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(p->answers, i);

		if (!is_in(rr, LDNS_RR_TYPE_CNAME) || !owned_by(rr, p->chain.name))
			continue;
		if (rdf_name(target, ldns_rr_rdf(rr, 0)) < 0 || !*target)
			return SW_EPARSE;
		lower_ttl(p, rr);
		strcpy(p->chain.name, target);
		return 1;
	}
	for (size_t i = 0; i < scan_count(p); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(p->answers, i);

		if (!is_in(rr, LDNS_RR_TYPE_DNAME) || rdf_name(owner, ldns_rr_owner(rr)) < 0 || !*owner)
			continue;
		if (strcmp(owner, p->chain.name) == 0 || !sw_wire_name_within(p->chain.name, owner))
			continue;
		if (rdf_name(target, ldns_rr_rdf(rr, 0)) < 0 || dname_step(p->chain.name, owner, target) < 0)
			return SW_EPARSE;
		lower_ttl(p, rr);
		return 1;
	}
	return 0;
}

/* Loops end at the count, like chains that are too long. */
static int follow_chain(struct parse *p)
{
	while (!has_records(p)) {
		int r = chain_step(p);

		if (r <= 0)
			return r;
		if (p->chain.steps++ >= SW_DNS_CNAME_MAX)
			return SW_ELIMIT;
	}
	return SW_OK;
}

/* --- outcome and TTL --- */

static uint32_t clamp(uint32_t ttl, uint64_t min_ms, uint64_t max_ms)
{
	uint64_t lo = min_ms / SEC, hi = max_ms / SEC;

	if (ttl < lo)
		ttl = (uint32_t)lo;
	return ttl > hi ? (uint32_t)hi : ttl;
}

/* RFC 2308 5: the lesser of the SOA's TTL and its MINIMUM, by an SOA that has a say over the name. False: there is none. */
static bool negative_ttl(const struct parse *p, const ldns_pkt *pkt, uint32_t *ttl)
{
	const ldns_rr_list *authority = ldns_pkt_authority(pkt);
	size_t n = authority ? ldns_rr_list_rr_count(authority) : 0;
	char owner[SW_DNS_NAME_MAX];

	for (size_t i = 0; i < n && i < SCAN_MAX; i++) {
		const ldns_rr *rr = ldns_rr_list_rr(authority, i);
		const ldns_rdf *minimum;
		uint32_t min;

		if (!is_in(rr, LDNS_RR_TYPE_SOA) || ldns_rr_rd_count(rr) != 7)
			continue;
		if (rdf_name(owner, ldns_rr_owner(rr)) < 0 || !sw_wire_name_within(p->chain.name, owner))
			continue;
		minimum = ldns_rr_rdf(rr, 6);
		if (!minimum || ldns_rdf_size(minimum) != 4)
			continue;
		min = ldns_rdf2native_int32(minimum);
		if (min & TTL_TOP_BIT)
			min = 0;
		*ttl = rr_ttl(rr) < min ? rr_ttl(rr) : min;
		return true;
	}
	*ttl = 0;
	return false;
}

static int judge_noerror(struct parse *p)
{
	struct sw_dns_answer *a = &p->out->a;
	int r = follow_chain(p);

	if (r < 0) {
		a->outcome = SW_DNS_SERVFAIL;
		snprintf(a->detail, sizeof(a->detail), r == SW_ELIMIT ? "CNAME loop, or more than %d of them" :
			 "a CNAME leads to no usable name", SW_DNS_CNAME_MAX);
		return SW_OK;
	}
	r = collect(p);
	if (r < 0)
		return r;
	if (a->n) {
		a->outcome = SW_DNS_ANSWER;
	} else if (p->unusable) {
		a->outcome = SW_DNS_SERVFAIL;
		snprintf(a->detail, sizeof(a->detail), "%zu malformed records and no other", p->unusable);
	} else {
		a->outcome = SW_DNS_NODATA;
	}
	return SW_OK;
}

static int judge(struct parse *p, const ldns_pkt *pkt, const struct sw_conf_dns *conf)
{
	struct sw_dns_answer *a = &p->out->a;
	unsigned steps = p->chain.steps;
	uint32_t ttl;
	bool soa;
	int r;

	switch (p->out->rcode) {
	case LDNS_RCODE_NOERROR:
		r = judge_noerror(p);
		if (r < 0)
			return r;
		break;
	case LDNS_RCODE_NXDOMAIN:
		/* RFC 6604 3: it is the end of the chain that does not exist. */
		a->outcome = follow_chain(p) < 0 ? SW_DNS_SERVFAIL : SW_DNS_NXDOMAIN;
		break;
	case LDNS_RCODE_SERVFAIL:
		a->outcome = SW_DNS_SERVFAIL;
		break;
	default:
		a->outcome = SW_DNS_REFUSED;
		snprintf(a->detail, sizeof(a->detail), "rcode %u", p->out->rcode);
	}
	soa = negative_ttl(p, pkt, &ttl);
	/* A chain that went on, to a name of which nothing is said, not even that it has no such records. */
	p->chain.open = a->outcome == SW_DNS_NODATA && p->chain.steps > steps && !soa;
	if (a->outcome == SW_DNS_ANSWER)
		a->ttl = clamp(p->chain.ttl, conf->min_ttl, conf->max_ttl);
	else if (!sw_answer_failed(p->out))
		a->ttl = clamp(ttl < p->chain.ttl ? ttl : p->chain.ttl, conf->min_ttl, conf->negative_ttl);
	a->via_cname = p->chain.steps > 0;
	a->secure = !p->chain.insecure;
	return SW_OK;
}

void sw_chain_start(struct sw_chain *c, const char *name)
{
	*c = (struct sw_chain){ .ttl = UINT32_MAX };
	sw_str_copy(c->name, sizeof(c->name), sw_str_of(name));
}

int sw_answer_parse(struct sw_answer **out, struct sw_chain *chain, enum sw_dns_type type, const uint8_t *msg, size_t len,
		    const struct sw_conf_dns *conf)
{
	struct parse p = { .type = type, .chain = *chain };
	ldns_pkt *pkt = NULL;
	ldns_status st;
	int err;

	if (len < SW_WIRE_HEADER || len > SW_WIRE_MESSAGE_MAX)
		return SW_EPARSE;
	st = ldns_wire2pkt(&pkt, msg, len);
	if (st != LDNS_STATUS_OK)
		return st == LDNS_STATUS_MEM_ERR ? SW_ENOMEM : SW_EPARSE;
	err = SW_ENOMEM;
	p.out = calloc(1, sizeof(*p.out));
	if (!p.out)
		goto out;
	p.out->refs = 1;
	p.out->rcode = ldns_pkt_get_rcode(pkt) | (unsigned)ldns_pkt_edns_extended_rcode(pkt) << 4;
	if (!conf->trusted || !ldns_pkt_ad(pkt))
		p.chain.insecure = true;
	p.answers = ldns_pkt_answer(pkt);
	err = judge(&p, pkt, conf);
	if (err < 0)
		goto out;
	*out = p.out;
	*chain = p.chain;
	p.out = NULL;
out:
	sw_answer_unref(p.out);
	ldns_pkt_free(pkt);
	return err;
}

struct sw_answer *sw_answer_failure(enum sw_dns_outcome outcome, bool tcp_blocked, const char *detail)
{
	struct sw_answer *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->refs = 1;
	a->a.outcome = outcome;
	a->a.tcp_blocked = tcp_blocked;
	sw_str_copy(a->a.detail, sizeof(a->a.detail), sw_str_of(detail));
	return a;
}

struct sw_answer *sw_answer_ref(struct sw_answer *a)
{
	if (a)
		a->refs++;
	return a;
}

void sw_answer_unref(struct sw_answer *a)
{
	if (!a || --a->refs > 0)
		return;
	for (size_t i = 0; i < a->a.n; i++)
		if (a->a.rrs[i].type == SW_DNS_TXT)
			free(a->a.rrs[i].txt.data);
	free(a->a.rrs);
	free(a);
}

size_t sw_answer_size(const struct sw_answer *a)
{
	size_t n = sizeof(*a) + a->a.n * sizeof(*a->a.rrs);

	for (size_t i = 0; i < a->a.n; i++)
		if (a->a.rrs[i].type == SW_DNS_TXT)
			n += a->a.rrs[i].txt.len + 1;
	return n;
}
