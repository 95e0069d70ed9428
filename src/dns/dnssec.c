/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/dnssec.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/date.h"
#include "dns/wire.h"

/* Keys and signatures are tried each with each, at the sender's choice: few are enough for every real zone. */
enum { ZONES = 24, KEYS = 24, SIGNATURES = 12, WALK = 16, DEPTH = 16, ANCHOR_LINE = 2048 };

/* IANA, root-anchors.xml: KSK-2017 and KSK-2024. */
static const char root_anchors[] =
	". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"
	". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16\n";

struct sw_anchors {
	ldns_rr_list *rrs;
};

struct zone {
	char name[SW_DNS_NAME_MAX];
	ldns_rr_list *keys;              /* validated; owned; NULL unless secure */
	struct sw_dnssec_result r;
};

struct sw_dnssec {
	const struct sw_anchors *anchors;
	int64_t now;
	sw_dnssec_fetch_fn *fetch;
	void *arg;
	struct zone zones[ZONES];
	size_t n;
};

static void say(struct sw_dnssec_result *r, enum sw_dnssec_state state, const char *zone, const char *fmt, ...) SW_PRINTF(4, 5);
static void say(struct sw_dnssec_result *r, enum sw_dnssec_state state, const char *zone, const char *fmt, ...)
{
	va_list ap;

	r->state = state;
	snprintf(r->zone, sizeof(r->zone), "%s", zone);
	va_start(ap, fmt);
	vsnprintf(r->detail, sizeof(r->detail), fmt, ap);
	va_end(ap);
}

/* --- anchors --- */

static int add_anchor(struct sw_anchors *a, const char *line)
{
	ldns_rr *rr = NULL;

	if (ldns_rr_new_frm_str(&rr, line, 0, NULL, NULL) != LDNS_STATUS_OK)
		return SW_EPARSE;
	if ((ldns_rr_get_type(rr) != LDNS_RR_TYPE_DS && ldns_rr_get_type(rr) != LDNS_RR_TYPE_DNSKEY) || !ldns_rr_list_push_rr(a->rrs, rr)) {
		ldns_rr_free(rr);
		return SW_EPARSE;
	}
	return SW_OK;
}

int sw_anchors_new(struct sw_anchors **out, const char *text, unsigned *line)
{
	struct sw_anchors *a = calloc(1, sizeof(*a));
	int err = SW_OK;

	if (!a)
		return SW_ENOMEM;
	a->rrs = ldns_rr_list_new();
	*line = 0;
	for (const char *s = text ? text : root_anchors; *s && err == SW_OK; s += strcspn(s, "\n"), s += *s == '\n') {
		char one[ANCHOR_LINE];
		struct sw_str t = sw_str_trim((struct sw_str){ s, strcspn(s, "\r\n;#") });

		++*line;
		if (t.n == 0)
			continue;
		err = a->rrs && sw_str_copy(one, sizeof(one), t) ? add_anchor(a, one) : SW_EPARSE;
	}
	if (err == SW_OK && ldns_rr_list_rr_count(a->rrs) == 0)
		err = SW_EPARSE;
	if (err < 0) {
		sw_anchors_free(a);
		return err;
	}
	*out = a;
	return SW_OK;
}

void sw_anchors_free(struct sw_anchors *a)
{
	if (!a)
		return;
	ldns_rr_list_deep_free(a->rrs);
	free(a);
}

/* --- record sets and their signatures --- */

struct rrset {
	ldns_rr_list *rrs, *sigs;        /* shallow: the records are the packet's */
};

static bool owned_by(const ldns_rr *rr, const char *name)
{
	char owner[SW_DNS_NAME_MAX];
	const ldns_rdf *rdf = ldns_rr_owner(rr);

	return rdf && sw_wire_name_text(owner, ldns_rdf_data(rdf), ldns_rdf_size(rdf)) == SW_OK && !strcmp(owner, name);
}

static bool covers(const ldns_rr *rr, uint16_t type)
{
	const ldns_rdf *covered;

	if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_RRSIG || ldns_rr_rd_count(rr) < 9)
		return false;
	covered = ldns_rr_rrsig_typecovered(rr);
	return covered && ldns_rdf2rr_type(covered) == (ldns_rr_type)type;
}

static void rrset_clear(struct rrset *s)
{
	ldns_rr_list_free(s->rrs);
	ldns_rr_list_free(s->sigs);
}

static bool rrset_take(struct rrset *s, const struct sw_lookup *l, const char *name, uint16_t type)
{
	const ldns_rr_list *answer = l->pkt ? ldns_pkt_answer(l->pkt) : NULL;
	size_t n = answer ? ldns_rr_list_rr_count(answer) : 0;

	s->rrs = ldns_rr_list_new();
	s->sigs = ldns_rr_list_new();
	if (!s->rrs || !s->sigs)
		return false;
	for (size_t i = 0; i < n; i++) {
		ldns_rr *rr = ldns_rr_list_rr(answer, i);

		if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN || !owned_by(rr, name))
			continue;
		if (ldns_rr_get_type(rr) == (ldns_rr_type)type && ldns_rr_list_rr_count(s->rrs) < SW_LOOKUP_RRS)
			ldns_rr_list_push_rr(s->rrs, rr);
		else if (covers(rr, type) && ldns_rr_list_rr_count(s->sigs) < SIGNATURES)
			ldns_rr_list_push_rr(s->sigs, rr);
	}
	return true;
}

static bool signer(const ldns_rr *sig, char out[SW_DNS_NAME_MAX])
{
	const ldns_rdf *rdf = ldns_rr_rrsig_signame(sig);

	return rdf && sw_wire_name_text(out, ldns_rdf_data(rdf), ldns_rdf_size(rdf)) == SW_OK;
}

/* Times of signatures are 32 bits in serial arithmetic around now (RFC 4034 3.1.5). */
static int64_t sig_time(const ldns_rdf *rdf, int64_t now)
{
	return rdf ? now + (int32_t)(ldns_rdf2native_int32(rdf) - (uint32_t)now) : 0;
}

static void note_expiry(struct sw_dnssec_result *r, int64_t expires, int64_t inception, const char *name, uint16_t type)
{
	char *text;

	if (!expires || (r->expires && r->expires <= expires))
		return;
	r->expires = expires;
	r->inception = inception;
	text = ldns_rr_type2str((ldns_rr_type)type);
	snprintf(r->expiring, sizeof(r->expiring), "%.20s %s", text ? text : "", *name ? name : ".");
	LDNS_FREE(text);
}

static void inherit_expiry(struct sw_dnssec_result *r, const struct sw_dnssec_result *from)
{
	if (!from->expires || (r->expires && r->expires <= from->expires))
		return;
	r->expires = from->expires;
	r->inception = from->inception;
	memcpy(r->expiring, from->expiring, sizeof(r->expiring));
}

/* Why no signature held, in words. */
static void say_bogus(struct sw_dnssec *d, struct sw_dnssec_result *r, const struct rrset *s, ldns_status status, const char *zone, const char *name,
		      uint16_t type)
{
	char *text = ldns_rr_type2str((ldns_rr_type)type), at[SW_DATE_LEN] = "";
	const ldns_rr *sig = ldns_rr_list_rr(s->sigs, 0);

	if (status == LDNS_STATUS_CRYPTO_UNKNOWN_ALGO || status == LDNS_STATUS_CRYPTO_ALGO_NOT_IMPL) {
		say(r, SW_DNSSEC_UNKNOWN, zone, "%s of %.200s is signed with an algorithm that can't be checked here", text ? text : "", name);
		LDNS_FREE(text);
		return;
	}
	if (status == LDNS_STATUS_CRYPTO_SIG_EXPIRED)
		sw_date_time(sig_time(ldns_rr_rrsig_expiration(sig), d->now), at);
	else if (status == LDNS_STATUS_CRYPTO_SIG_NOT_INCEPTED)
		sw_date_time(sig_time(ldns_rr_rrsig_inception(sig), d->now), at);
	say(r, SW_DNSSEC_BOGUS, zone, "the signature over %s of %.200s %s%s", text ? text : "the records", *name ? name : ".",
	    status == LDNS_STATUS_CRYPTO_SIG_EXPIRED              ? "ended on "
	    : status == LDNS_STATUS_CRYPTO_SIG_NOT_INCEPTED       ? "begins only on "
	    : status == LDNS_STATUS_CRYPTO_NO_MATCHING_KEYTAG_DNSKEY ? "is by no key of the zone"
								  : "does not fit: records or keys were changed after signing",
	    at);
	LDNS_FREE(text);
}

/* Which of the signatures holds; its dates. */
static ldns_status verify(struct sw_dnssec *d, const struct rrset *s, const char *zone, const ldns_rr_list *keys, int64_t *expires, int64_t *inception)
{
	ldns_status best = LDNS_STATUS_CRYPTO_NO_MATCHING_KEYTAG_DNSKEY;
	char by[SW_DNS_NAME_MAX];

	for (size_t i = 0; i < ldns_rr_list_rr_count(s->sigs); i++) {
		ldns_rr *sig = ldns_rr_list_rr(s->sigs, i);
		ldns_rr_list *good = ldns_rr_list_new();
		ldns_status status;

		if (!good || !signer(sig, by) || strcmp(by, zone) != 0) {
			ldns_rr_list_free(good);
			continue;
		}
		status = ldns_verify_rrsig_keylist_time(s->rrs, sig, keys, (time_t)d->now, good);
		ldns_rr_list_free(good);
		if (status == LDNS_STATUS_OK && sig_time(ldns_rr_rrsig_expiration(sig), d->now) > *expires) {
			*expires = sig_time(ldns_rr_rrsig_expiration(sig), d->now);
			*inception = sig_time(ldns_rr_rrsig_inception(sig), d->now);
		}
		/* Of several failures the one that names a date says most. */
		if (best != LDNS_STATUS_OK && (status != LDNS_STATUS_CRYPTO_NO_MATCHING_KEYTAG_DNSKEY))
			best = status;
	}
	return best;
}

/* --- a zone's keys --- */

static struct zone *judge_zone(struct sw_dnssec *d, const char *name, unsigned depth);

/* Zone keys that are not revoked (RFC 4034 2.1, RFC 5011). */
static bool usable_key(const ldns_rr *key)
{
	uint16_t flags;

	if (ldns_rr_rd_count(key) != 4)
		return false;
	flags = ldns_rdf2native_int16(ldns_rr_rdf(key, 0));
	return flags & LDNS_KEY_ZONE_KEY && !(flags & LDNS_KEY_REVOKE_KEY) && ldns_rdf2native_int8(ldns_rr_rdf(key, 1)) == 3;
}

/* The keys that one of these DS (or keys) stands for. */
static ldns_rr_list *vouched(const ldns_rr_list *keys, const ldns_rr_list *by)
{
	ldns_rr_list *out = ldns_rr_list_new();

	for (size_t k = 0; out && k < ldns_rr_list_rr_count(keys) && k < KEYS; k++) {
		ldns_rr *key = ldns_rr_list_rr(keys, k);

		for (size_t i = 0; usable_key(key) && i < ldns_rr_list_rr_count(by); i++)
			if (ldns_rr_compare_ds(ldns_rr_list_rr(by, i), key)) {
				ldns_rr_list_push_rr(out, key);
				break;
			}
	}
	return out;
}

static ldns_rr_list *anchors_of(const struct sw_dnssec *d, const char *zone)
{
	ldns_rr_list *out = ldns_rr_list_new();

	for (size_t i = 0; out && i < ldns_rr_list_rr_count(d->anchors->rrs); i++)
		if (owned_by(ldns_rr_list_rr(d->anchors->rrs, i), zone))
			ldns_rr_list_push_rr(out, ldns_rr_list_rr(d->anchors->rrs, i));
	return out;
}

/* The keys, signed by those that are vouched for: all of them are good then. */
static void judge_keys(struct sw_dnssec *d, struct zone *z, const struct rrset *keys, const ldns_rr_list *by, const char *who)
{
	ldns_rr_list *entry = vouched(keys->rrs, by);
	int64_t expires = 0, inception = 0;
	ldns_status status;

	if (!entry) {
		say(&z->r, SW_DNSSEC_UNKNOWN, z->name, "out of memory");
		return;
	}
	if (ldns_rr_list_rr_count(entry) == 0) {
		say(&z->r, SW_DNSSEC_BOGUS, z->name, "no key of the zone is one that %s for", who);
		ldns_rr_list_free(entry);
		return;
	}
	status = verify(d, keys, z->name, entry, &expires, &inception);
	ldns_rr_list_free(entry);
	if (status != LDNS_STATUS_OK) {
		say_bogus(d, &z->r, keys, status, z->name, z->name, SW_RR_DNSKEY);
		return;
	}
	z->keys = ldns_rr_list_clone(keys->rrs);
	say(&z->r, z->keys ? SW_DNSSEC_SECURE : SW_DNSSEC_UNKNOWN, z->name, "its keys are signed and vouched for");
	note_expiry(&z->r, expires, inception, z->name, SW_RR_DNSKEY);
}

/* DS at the parent, themselves signed by the parent. False: what the zone is has been said. */
static bool judge_ds(struct sw_dnssec *d, struct zone *z, const struct rrset *ds, unsigned depth)
{
	char parent[SW_DNS_NAME_MAX];
	int64_t expires = 0, inception = 0;
	const struct zone *p;
	ldns_status status;

	if (ldns_rr_list_rr_count(ds->sigs) == 0 || !signer(ldns_rr_list_rr(ds->sigs, 0), parent) || !strcmp(parent, z->name) ||
	    !sw_wire_name_within(z->name, parent)) {
		say(&z->r, SW_DNSSEC_ISLAND, z->name, "there are DS records for %.200s, but the parent did not sign them", z->name);
		return false;
	}
	p = judge_zone(d, parent, depth + 1);
	if (!p || p->r.state != SW_DNSSEC_SECURE) {
		if (p && p->r.state != SW_DNSSEC_UNSIGNED)
			z->r = p->r;
		else
			say(&z->r, p ? SW_DNSSEC_ISLAND : SW_DNSSEC_UNKNOWN, z->name, p ? "its parent is not signed" : "too many zones on the way");
		return false;
	}
	status = verify(d, ds, parent, p->keys, &expires, &inception);
	if (status != LDNS_STATUS_OK) {
		say_bogus(d, &z->r, ds, status, parent, z->name, SW_RR_DS);
		return false;
	}
	inherit_expiry(&z->r, &p->r);
	note_expiry(&z->r, expires, inception, z->name, SW_RR_DS);
	return true;
}

static void from_parent(struct sw_dnssec *d, struct zone *z, const struct rrset *keys, unsigned depth)
{
	size_t n = ldns_rr_list_rr_count(keys->rrs);
	char parent[SW_DNS_NAME_MAX];
	struct sw_lookup *l = NULL;
	struct rrset ds = { 0 };

	if (!*z->name) {
		say(&z->r, SW_DNSSEC_UNKNOWN, z->name, "no anchor for the root");
	} else if (!d->fetch(d->arg, z->name, SW_RR_DS, &l)) {
		say(&z->r, SW_DNSSEC_UNKNOWN, z->name, "DS of %.200s could not be asked for", z->name);
	} else if (!rrset_take(&ds, l, z->name, SW_RR_DS)) {
		say(&z->r, SW_DNSSEC_UNKNOWN, z->name, "out of memory");
	} else if (ldns_rr_list_rr_count(ds.rrs) == 0) {
		/* DS is the parent's. A server of the zone itself knows none, and says so in the zone's own name. */
		bool child = sw_lookup_soa_owner(l, z->name, parent) && !strcmp(parent, z->name);

		if (n && child)
			say(&z->r, SW_DNSSEC_UNKNOWN, z->name, "who was asked serves the zone itself and not its parent, where the DS records are: ask a resolver");
		else if (child)
			say(&z->r, SW_DNSSEC_UNSIGNED, z->name, "not signed; its parent could not be asked for DS records");
		else if (n)
			say(&z->r, SW_DNSSEC_ISLAND, z->name, "the zone is signed, but its parent has no DS for it: nobody can check the signatures");
		else
			say(&z->r, SW_DNSSEC_UNSIGNED, z->name, "not signed");
	} else if (n == 0) {
		say(&z->r, SW_DNSSEC_BOGUS, z->name, "the parent has DS records, but the zone has no keys");
	} else if (judge_ds(d, z, &ds, depth)) {
		judge_keys(d, z, keys, ds.rrs, "the DS records at its parent stand");
	}
	rrset_clear(&ds);
	sw_lookup_free(l);
}

static struct zone *judge_zone(struct sw_dnssec *d, const char *name, unsigned depth)
{
	struct sw_lookup *l = NULL;
	struct rrset keys = { 0 };
	ldns_rr_list *anchors;
	struct zone *z;

	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->zones[i].name, name))
			return &d->zones[i];
	if (d->n == ZONES || depth > DEPTH)
		return NULL;
	z = &d->zones[d->n++];
	snprintf(z->name, sizeof(z->name), "%s", name);
	say(&z->r, SW_DNSSEC_UNKNOWN, name, "its keys could not be asked for");
	anchors = anchors_of(d, name);
	if (anchors && d->fetch(d->arg, name, SW_RR_DNSKEY, &l) && rrset_take(&keys, l, name, SW_RR_DNSKEY)) {
		if (ldns_rr_list_rr_count(keys.rrs) && !l->dnssec)
			say(&z->r, SW_DNSSEC_UNKNOWN, name, "the resolver leaves the signatures out: it knows no DNSSEC");
		else if (ldns_rr_list_rr_count(anchors))
			judge_keys(d, z, &keys, anchors, "the trust anchor stands");
		else
			from_parent(d, z, &keys, depth);
	}
	ldns_rr_list_free(anchors);
	rrset_clear(&keys);
	sw_lookup_free(l);
	return z;
}

/* --- records --- */

bool sw_dnssec_find_zone(sw_dnssec_fetch_fn *fetch, void *arg, const char *name, char zone[SW_DNS_NAME_MAX])
{
	const char *at = name;

	for (int i = 0; i < WALK && at && *at; i++) {
		struct sw_lookup *l = NULL;
		bool known = fetch(arg, at, SW_RR_SOA, &l), found = known && sw_lookup_soa_owner(l, name, zone);

		sw_lookup_free(l);
		if (found || !known)
			return found;
		at = strchr(at, '.');
		at = at ? at + 1 : NULL;
	}
	return false;
}

/* Nothing signed: is that in order? */
static void judge_bare(struct sw_dnssec *d, const char *name, const struct sw_lookup *l, struct sw_dnssec_result *out)
{
	char zone[SW_DNS_NAME_MAX];
	const struct zone *z;

	if (!sw_dnssec_find_zone(d->fetch, d->arg, name, zone)) {
		say(out, SW_DNSSEC_UNKNOWN, name, "the zone of %.200s could not be found", name);
		return;
	}
	z = judge_zone(d, zone, 0);
	if (!z)
		say(out, SW_DNSSEC_UNKNOWN, zone, "too many zones");
	else if (z->r.state == SW_DNSSEC_SECURE && !out->exists)
		say(out, SW_DNSSEC_UNKNOWN, zone, "%.200s has no such record; that it is so is not proved here", name);
	else if (z->r.state != SW_DNSSEC_SECURE)
		*out = (struct sw_dnssec_result){ .state = z->r.state, .exists = out->exists };
	else if (!l->dnssec)
		say(out, SW_DNSSEC_UNKNOWN, zone, "the resolver leaves the signatures out: it knows no DNSSEC");
	else
		say(out, SW_DNSSEC_BOGUS, zone, "%.200s has no signature, and its zone is signed", name);
	if (z && !out->detail[0]) {
		memcpy(out->zone, z->r.zone, sizeof(out->zone));
		memcpy(out->detail, z->r.detail, sizeof(out->detail));
	}
}

static void judge_set(struct sw_dnssec *d, const struct sw_lookup *l, const struct rrset *s, const char *name, uint16_t type, struct sw_dnssec_result *out)
{
	char zone[SW_DNS_NAME_MAX];
	int64_t expires = 0, inception = 0;
	const struct zone *z;
	ldns_status status;

	if (ldns_rr_list_rr_count(s->rrs) == 0 || ldns_rr_list_rr_count(s->sigs) == 0) {
		judge_bare(d, name, l, out);
		return;
	}
	if (!signer(ldns_rr_list_rr(s->sigs, 0), zone) || !sw_wire_name_within(name, zone)) {
		say(out, SW_DNSSEC_BOGUS, name, "%.200s is signed by a zone it is not in", name);
		return;
	}
	z = judge_zone(d, zone, 0);
	if (!z || z->r.state != SW_DNSSEC_SECURE) {
		bool exists = out->exists;

		if (z)
			*out = z->r;
		out->exists = exists;
		return;
	}
	status = verify(d, s, zone, z->keys, &expires, &inception);
	if (status != LDNS_STATUS_OK) {
		say_bogus(d, out, s, status, zone, name, type);
		return;
	}
	say(out, SW_DNSSEC_SECURE, zone, "signed and vouched for");
	inherit_expiry(out, &z->r);
	note_expiry(out, expires, inception, name, type);
}

static void records(struct sw_dnssec *d, const char *name, uint16_t type, struct sw_dnssec_result *out, unsigned steps)
{
	struct sw_dnssec_result alias = { 0 };
	struct sw_lookup *l = NULL;
	struct rrset s = { 0 }, cname = { 0 };
	const struct sw_lookup_rr *rr;
	char next[SW_DNS_NAME_MAX];

	*out = (struct sw_dnssec_result){ 0 };
	if (!d->fetch(d->arg, name, type, &l) || !rrset_take(&s, l, name, type) || !rrset_take(&cname, l, name, SW_RR_CNAME)) {
		say(out, SW_DNSSEC_UNKNOWN, name, "%.200s could not be asked for", name);
		goto out;
	}
	rr = sw_lookup_next(l, name, SW_RR_CNAME, NULL);
	out->exists = ldns_rr_list_rr_count(s.rrs) > 0;
	if (out->exists || !rr) {
		judge_set(d, l, &s, name, type, out);
		goto out;
	}
	alias.exists = true;
	judge_set(d, l, &cname, name, SW_RR_CNAME, &alias);
	if (steps == SW_DNS_CNAME_MAX || sw_record_name(next, rr->rdata, rr->len) < 0) {
		say(out, SW_DNSSEC_UNKNOWN, name, "the aliases of %.200s do not end", name);
		goto out;
	}
	records(d, next, type, out, steps + 1);
	if (alias.state != SW_DNSSEC_SECURE && out->state != SW_DNSSEC_BOGUS) {
		alias.exists = out->exists;
		*out = alias;
	} else {
		inherit_expiry(out, &alias);
	}
out:
	rrset_clear(&s);
	rrset_clear(&cname);
	sw_lookup_free(l);
}

void sw_dnssec_records(struct sw_dnssec *d, const char *name, uint16_t type, struct sw_dnssec_result *out)
{
	records(d, name, type, out, 0);
}

void sw_dnssec_zone(struct sw_dnssec *d, const char *zone, struct sw_dnssec_result *out)
{
	const struct zone *z = judge_zone(d, zone, 0);

	*out = (struct sw_dnssec_result){ 0 };
	if (z)
		*out = z->r;
	else
		say(out, SW_DNSSEC_UNKNOWN, zone, "too many zones");
	out->exists = true;
}

int sw_dnssec_new(struct sw_dnssec **out, const struct sw_anchors *anchors, int64_t now, sw_dnssec_fetch_fn *fetch, void *arg)
{
	struct sw_dnssec *d = calloc(1, sizeof(*d));

	if (!d)
		return SW_ENOMEM;
	*d = (struct sw_dnssec){ .anchors = anchors, .now = now, .fetch = fetch, .arg = arg };
	*out = d;
	return SW_OK;
}

void sw_dnssec_free(struct sw_dnssec *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++)
		ldns_rr_list_deep_free(d->zones[i].keys);
	free(d);
}
