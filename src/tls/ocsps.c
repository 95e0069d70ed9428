/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/ocsps.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include "core/hash.h"
#include "core/random.h"
#include "tls/tls_int.h"

enum {
	ENTRIES_MAX = 4096,
	UNWANTED = 86400,              /* nobody came with it for so long: it is not asked for again */
	FETCH_SOON = 10,               /* never more often than that, in seconds */
	FETCH_LATE = 7 * 86400,
	RETRY_MAX = 3600,
};

struct entry {
	uint8_t key[SW_OCSP_KEY_LEN];  /* of leaf and issuer */
	X509 *leaf, *issuer;           /* references */
	char *url;                     /* owned */
	struct sw_ocsp_result answer;  /* the last that proved something */
	int64_t wanted, fetched, tried, due;
	unsigned failures;             /* in a row */
	unsigned own;                  /* how often it is a certificate of ours */
	char *staple;                  /* own: the good answer's bytes; owned; or NULL */
	size_t staple_len;
	bool busy;                     /* being asked */
	bool waited;                   /* for the first answer; nobody does any longer */
	char fault[SW_HTTP_DETAIL_MAX];
	UT_hash_handle hh;
};

struct sw_ocsps {
	atomic_uint refs;
	pthread_mutex_t lock;          /* of all below */
	struct entry *entries;         /* hash; the order is that of being wanted first */
};

/* --- entries; locked --- */

static bool key_of(uint8_t key[SW_OCSP_KEY_LEN], const X509 *leaf, const X509 *issuer)
{
	unsigned char in[2 * SW_DIGEST_LEN];

	return X509_digest(leaf, EVP_sha256(), in, NULL) == 1 && X509_digest(issuer, EVP_sha256(), in + SW_DIGEST_LEN, NULL) == 1 &&
	       EVP_Digest(in, sizeof(in), key, NULL, EVP_sha256(), NULL) == 1;
}

static struct entry *find(const struct sw_ocsps *c, const uint8_t key[SW_OCSP_KEY_LEN])
{
	struct entry *e;

	HASH_FIND(hh, c->entries, key, SW_OCSP_KEY_LEN, e);
	return e;
}

static void entry_free(struct entry *e)
{
	X509_free(e->leaf);
	X509_free(e->issuer);
	free(e->staple);
	free(e->url);
	free(e);
}

static void drop(struct sw_ocsps *c, struct entry *e)
{
	HASH_DEL(c->entries, e);
	entry_free(e);
}

/* The one that was not wanted for longest makes room. */
static bool make_room(struct sw_ocsps *c)
{
	struct entry *oldest = NULL;

	if (HASH_COUNT(c->entries) < ENTRIES_MAX)
		return true;
	for (struct entry *e = c->entries; e; e = e->hh.next)
		if (!e->busy && !e->own && (!oldest || e->wanted < oldest->wanted))
			oldest = e;
	if (oldest)
		drop(c, oldest);
	return oldest != NULL;
}

static struct entry *add(struct sw_ocsps *c, const uint8_t key[SW_OCSP_KEY_LEN], X509 *leaf, X509 *issuer, const char *url)
{
	struct entry *e = make_room(c) ? calloc(1, sizeof(*e)) : NULL;

	if (!e)
		return NULL;
	memcpy(e->key, key, SW_OCSP_KEY_LEN);
	e->url = strdup(url);
	e->leaf = X509_up_ref(leaf) ? leaf : NULL;
	e->issuer = X509_up_ref(issuer) ? issuer : NULL;
	if (e->url && e->leaf && e->issuer)
		HASH_ADD(hh, c->entries, key, SW_OCSP_KEY_LEN, e);
	if (e->hh.tbl)
		return e;
	entry_free(e);
	return NULL;
}

/* A revocation does not end; what is good does. */
static enum sw_ocsp_status status_of(const struct entry *e, int64_t now)
{
	if (e->answer.status == SW_OCSP_GOOD && now > e->answer.until + SW_OCSP_SKEW)
		return SW_OCSP_UNKNOWN;
	return e->answer.status;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* A tenth later at most, so that what came together is not asked for together. */
static int64_t with_jitter(int64_t delay)
{
	return delay + sw_random_below((uint32_t)(delay / 10) + 1);
}

/* At half of its time; past that, at half of what is left. */
static void schedule(struct entry *e, int64_t now)
{
	int64_t at = e->answer.since + (e->answer.until - e->answer.since) / 2;

	if (at <= now)
		at = now + (e->answer.until - now) / 2;
	/* What is revoked seldom becomes anything else, and its answers may well be past their end. */
	if (e->answer.status == SW_OCSP_REVOKED && at < now + RETRY_MAX)
		at = now + RETRY_MAX;
	e->due = now + with_jitter(clamp(at - now, FETCH_SOON, FETCH_LATE));
}

static void failed(struct entry *e, int64_t now, const char *why)
{
	unsigned shift = e->failures < 9 ? e->failures : 9;

	e->busy = false;
	e->failures++;
	snprintf(e->fault, sizeof(e->fault), "%s", why);
	e->due = now + with_jitter(clamp((int64_t)FETCH_SOON << shift, FETCH_SOON, RETRY_MAX));
}

/* --- looking --- */

static void unknown(struct sw_ocsp_result *out, const char *what, const char *more)
{
	*out = (struct sw_ocsp_result){ .status = SW_OCSP_UNKNOWN };
	snprintf(out->text, sizeof(out->text), "%.80s%s%.110s", what, more[0] ? ": " : "", more);
}

/* What e says; true: it is being asked for the first time. */
static bool read_entry(const struct entry *e, int64_t now, struct sw_ocsp_result *out)
{
	if (status_of(e, now) != SW_OCSP_UNKNOWN)
		*out = e->answer;
	else if (e->answer.until)
		unknown(out, "the responder's last answer is out of date", e->fault);
	else if (e->failures)
		unknown(out, "the responder gave no usable answer", e->fault);
	else
		unknown(out, "the responder has not answered yet", "");
	return !e->answer.until && !e->failures && !e->waited;
}

bool sw_ocsps_look(struct sw_ocsps *c, X509 *leaf, X509 *issuer, int64_t now, struct sw_ocsp_result *out, uint8_t key[SW_OCSP_KEY_LEN])
{
	char url[SW_HTTP_URL_MAX + 1];
	struct entry *e;
	bool first = false;

	if (!key_of(key, leaf, issuer)) {
		unknown(out, "its digest can't be made", "");
		return false;
	}
	pthread_mutex_lock(&c->lock);
	e = find(c, key);
	if (!e && !sw_ocsp_url(url, leaf))
		unknown(out, "the certificate names no OCSP responder with an http URL", "");
	else if (!e && !(e = add(c, key, leaf, issuer, url)))
		unknown(out, "there is no room to ask about one more certificate", "");
	else
		first = read_entry(e, now, out);
	if (e)
		e->wanted = now;
	pthread_mutex_unlock(&c->lock);
	return first;
}

void sw_ocsps_give_up(struct sw_ocsps *c, const uint8_t key[SW_OCSP_KEY_LEN])
{
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = find(c, key);
	if (e)
		e->waited = true;
	pthread_mutex_unlock(&c->lock);
}

/* --- our own --- */

bool sw_ocsps_own(struct sw_ocsps *c, X509 *leaf, X509 *issuer, uint8_t key[SW_OCSP_KEY_LEN])
{
	char url[SW_HTTP_URL_MAX + 1];
	struct entry *e;

	if (!sw_ocsp_url(url, leaf) || !key_of(key, leaf, issuer))
		return false;
	pthread_mutex_lock(&c->lock);
	e = find(c, key);
	if (!e)
		e = add(c, key, leaf, issuer, url);
	if (e && e->own++ == 0)
		e->due = 0;   /* what was said before was not kept to be shown */
	pthread_mutex_unlock(&c->lock);
	return e != NULL;
}

void sw_ocsps_disown(struct sw_ocsps *c, const uint8_t key[SW_OCSP_KEY_LEN])
{
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = find(c, key);
	if (e)
		e->own--;
	pthread_mutex_unlock(&c->lock);
}

static bool is_stapled(const struct entry *e, int64_t now)
{
	return e->staple && e->answer.status == SW_OCSP_GOOD && e->answer.since <= now && now < e->answer.until;
}

unsigned char *sw_ocsps_staple(struct sw_ocsps *c, const uint8_t key[SW_OCSP_KEY_LEN], int64_t now, size_t *n)
{
	unsigned char *copy = NULL;
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = find(c, key);
	if (e && is_stapled(e, now)) {
		copy = OPENSSL_memdup(e->staple, e->staple_len);
		*n = e->staple_len;
	}
	pthread_mutex_unlock(&c->lock);
	return copy;
}

/* Without memory none is shown, until the next. Locked. */
static void keep_staple(struct entry *e, struct sw_str answer)
{
	free(e->staple);
	e->staple = e->own && e->answer.status == SW_OCSP_GOOD ? malloc(answer.n) : NULL;
	e->staple_len = e->staple ? answer.n : 0;
	if (e->staple)
		memcpy(e->staple, answer.p, answer.n);
}

/* --- asking --- */

/* References of the two, so that the lock is not held meanwhile. False: nobody wants it any more. */
static bool refs_of(struct sw_ocsps *c, const uint8_t key[SW_OCSP_KEY_LEN], X509 **leaf, X509 **issuer)
{
	struct entry *e;

	*leaf = *issuer = NULL;
	pthread_mutex_lock(&c->lock);
	e = find(c, key);
	if (e && X509_up_ref(e->leaf))
		*leaf = e->leaf;
	if (e && X509_up_ref(e->issuer))
		*issuer = e->issuer;
	pthread_mutex_unlock(&c->lock);
	return *leaf && *issuer;
}

/* The next one, marked as being asked; those that nobody wanted for long leave. Locked. */
static struct entry *next_due(struct sw_ocsps *c, int64_t now)
{
	struct entry *due = NULL, *next;

	for (struct entry *e = c->entries; e; e = next) {
		next = e->hh.next;
		if (e->busy || e->due > now)
			continue;
		if (!e->own && now - e->wanted > UNWANTED)
			drop(c, e);
		else if (!due || e->due < due->due)
			due = e;
	}
	if (due) {
		due->busy = true;
		due->tried = now;
	}
	return due;
}

static bool write_request(struct sw_ocsps *c, struct sw_ocsp_due *out)
{
	X509 *leaf, *issuer;
	struct sw_buf b;
	bool ok;

	sw_buf_init(&b, sizeof(out->request));
	ok = refs_of(c, out->key, &leaf, &issuer) && sw_ocsp_request(&b, leaf, issuer) == SW_OK;
	if (ok)
		memcpy(out->request, b.data, b.len);
	out->request_len = b.len;
	sw_buf_free(&b);
	X509_free(leaf);
	X509_free(issuer);
	return ok;
}

bool sw_ocsps_due(struct sw_ocsps *c, int64_t now, struct sw_ocsp_due *out)
{
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = next_due(c, now);
	if (e) {
		memcpy(out->key, e->key, sizeof(out->key));
		snprintf(out->url, sizeof(out->url), "%s", e->url);
		out->own = e->own > 0;
	}
	pthread_mutex_unlock(&c->lock);
	if (!e)
		return false;
	if (write_request(c, out))
		return true;
	sw_ocsps_failed(c, out->key, now, "the request can't be made");
	return false;
}

void sw_ocsps_failed(struct sw_ocsps *c, const uint8_t key[SW_OCSP_KEY_LEN], int64_t now, const char *why)
{
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = find(c, key);
	if (e)
		failed(e, now, why);
	pthread_mutex_unlock(&c->lock);
}

/* Locked. */
static enum sw_ocsp_news take(struct entry *e, const struct sw_ocsp_result *r, int64_t now, char why[SW_HTTP_DETAIL_MAX])
{
	bool was = e->answer.status == SW_OCSP_REVOKED;

	if (r->status == SW_OCSP_UNKNOWN)
		snprintf(why, SW_HTTP_DETAIL_MAX, "%s", r->text);
	else if (e->answer.until && r->since < e->answer.since)
		snprintf(why, SW_HTTP_DETAIL_MAX, "an older answer than the one we have, which stays");
	if (why[0]) {
		failed(e, now, why);
		return SW_OCSP_REFUSED;
	}
	e->answer = *r;
	e->busy = false;
	e->failures = 0;
	e->fault[0] = '\0';
	e->fetched = now;
	schedule(e, now);
	return r->status == SW_OCSP_REVOKED && !was ? SW_OCSP_REVOKES : SW_OCSP_TAKEN;
}

enum sw_ocsp_news sw_ocsps_put(struct sw_ocsps *c, const uint8_t key[SW_OCSP_KEY_LEN], struct sw_str answer, int64_t now,
			       char why[SW_HTTP_DETAIL_MAX])
{
	enum sw_ocsp_news news = SW_OCSP_REFUSED;
	struct sw_ocsp_result r;
	X509 *leaf, *issuer;
	struct entry *e;

	why[0] = '\0';
	if (refs_of(c, key, &leaf, &issuer)) {
		sw_ocsp_judge(&r, answer, leaf, issuer, now);
		pthread_mutex_lock(&c->lock);
		e = find(c, key);
		if (e)
			news = take(e, &r, now, why);
		if (news != SW_OCSP_REFUSED)
			keep_staple(e, answer);
		pthread_mutex_unlock(&c->lock);
	} else {
		sw_ocsps_failed(c, key, now, "out of memory");
	}
	X509_free(leaf);
	X509_free(issuer);
	return news;
}

void sw_ocsps_refresh(struct sw_ocsps *c, int64_t now)
{
	pthread_mutex_lock(&c->lock);
	for (struct entry *e = c->entries; e; e = e->hh.next)
		if (now - e->tried > 1)
			e->due = now;
	pthread_mutex_unlock(&c->lock);
}

/* --- start and end --- */

int sw_ocsps_new(struct sw_ocsps **out)
{
	struct sw_ocsps *c = calloc(1, sizeof(*c));

	if (!c)
		return SW_ENOMEM;
	atomic_init(&c->refs, 1);
	pthread_mutex_init(&c->lock, NULL);
	*out = c;
	return SW_OK;
}

struct sw_ocsps *sw_ocsps_ref(struct sw_ocsps *c)
{
	if (c)
		atomic_fetch_add(&c->refs, 1);
	return c;
}

void sw_ocsps_unref(struct sw_ocsps *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	while (c->entries)
		drop(c, c->entries);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void sw_ocsps_each(struct sw_ocsps *c, int64_t now, sw_ocsp_info_fn *fn, void *arg)
{
	pthread_mutex_lock(&c->lock);
	for (struct entry *e = c->entries; e; e = e->hh.next) {
		struct sw_ocsp_info info = {
			.url = e->url, .status = status_of(e, now), .since = e->answer.since, .until = e->answer.until, .fetched = e->fetched, .tried = e->tried,
			.due = e->due, .failing = e->failures > 0, .own = e->own > 0, .stapled = is_stapled(e, now), .fault = e->fault,
		};

		sw_x509_name_text(X509_get_subject_name(e->leaf), info.subject, sizeof(info.subject));
		fn(arg, &info);
	}
	pthread_mutex_unlock(&c->lock);
}
