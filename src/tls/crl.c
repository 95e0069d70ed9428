/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/crl.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/evp.h>
#include "core/random.h"
#include "tls/crl_int.h"
#include "tls/tls_int.h"

enum {
	ENTRIES_MAX = 256,
	BYTES_MAX = 64 << 20,          /* of all of them; in memory a CRL is some times larger */
	UNWANTED = 7 * 86400,          /* no chain named it for so long: it makes room */
	FETCH_SOON = 10,               /* never more often than that, in seconds */
	FETCH_LATE = 7 * 86400,
	NO_NEXT = 86400,               /* a CRL that names no next one */
	RETRY_MAX = 3600,
};

struct entry {
	uint8_t key[SW_CRL_KEY_LEN];   /* of URL, issuer's name and issuer's key */
	char *url;                     /* owned */
	X509 *issuer;                  /* a reference */
	X509_CRL *crl;                 /* a reference; NULL: not yet */
	size_t bytes;
	char etag[256];
	int64_t wanted, fetched, tried, due;
	unsigned failures;             /* in a row */
	bool busy;                     /* being fetched */
	char fault[SW_HTTP_DETAIL_MAX];
};

struct sw_crls {
	atomic_uint refs;
	char *dir;                     /* owned; or NULL */
	pthread_mutex_t lock;          /* of all below */
	struct entry *entries[ENTRIES_MAX];
	size_t n, bytes;
	struct sw_crl_set *set;
};

/* --- the set --- */

static atomic_ullong serials = 1;

void sw_crl_set_unref(struct sw_crl_set *s)
{
	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	sk_X509_CRL_pop_free(s->crls, X509_CRL_free);
	free(s);
}

struct sw_crl_set *sw_crls_set(struct sw_crls *c)
{
	struct sw_crl_set *s;

	pthread_mutex_lock(&c->lock);
	s = c->set;
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&c->lock);
	return s;
}

static struct sw_crl_set *set_of(struct sw_crls *c)
{
	struct sw_crl_set *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->refs = 1;
	s->serial = atomic_fetch_add(&serials, 1);
	s->crls = sk_X509_CRL_new_reserve(NULL, (int)c->n);
	for (size_t i = 0; s->crls && i < c->n; i++)
		if (c->entries[i]->crl && X509_CRL_up_ref(c->entries[i]->crl))
			sk_X509_CRL_push(s->crls, c->entries[i]->crl);
	if (s->crls)
		return s;
	free(s);
	return NULL;
}

/* Locked. Without memory the old one stays: what it knows is still true, and it is made anew with the next change. */
static void renew_set(struct sw_crls *c)
{
	struct sw_crl_set *s = set_of(c);

	if (!s)
		return;
	sw_crl_set_unref(c->set);
	c->set = s;
}

/* --- entries; locked --- */

static void entry_free(struct entry *e)
{
	free(e->url);
	X509_free(e->issuer);
	X509_CRL_free(e->crl);
	free(e);
}

static struct entry *find(const struct sw_crls *c, const uint8_t key[SW_CRL_KEY_LEN])
{
	for (size_t i = 0; i < c->n; i++)
		if (!memcmp(c->entries[i]->key, key, SW_CRL_KEY_LEN))
			return c->entries[i];
	return NULL;
}

static bool path_of(const struct sw_crls *c, const uint8_t key[SW_CRL_KEY_LEN], char path[PATH_MAX])
{
	char hex[2 * SW_CRL_KEY_LEN + 1];
	int n;

	if (!c->dir)
		return false;
	sw_hex(hex, key, SW_CRL_KEY_LEN);
	n = snprintf(path, PATH_MAX, "%s/%s.crl", c->dir, hex);
	return n > 0 && n < PATH_MAX;
}

static bool key_of(uint8_t key[SW_CRL_KEY_LEN], const char *url, const X509 *issuer)
{
	unsigned char in[3 * SW_DIGEST_LEN];

	return EVP_Digest(url, strlen(url), in, NULL, EVP_sha256(), NULL) == 1 &&
	       X509_NAME_digest(X509_get_subject_name(issuer), EVP_sha256(), in + SW_DIGEST_LEN, NULL) == 1 &&
	       X509_pubkey_digest(issuer, EVP_sha256(), in + 2 * SW_DIGEST_LEN, NULL) == 1 &&
	       EVP_Digest(in, sizeof(in), key, NULL, EVP_sha256(), NULL) == 1;
}

static void drop(struct sw_crls *c, size_t i)
{
	struct entry *e = c->entries[i];
	char path[PATH_MAX];

	if (path_of(c, e->key, path))
		unlink(path);
	c->bytes -= e->bytes;
	c->entries[i] = c->entries[--c->n];
	if (e->crl)
		renew_set(c);
	entry_free(e);
}

/* Room for one more, if need be that of one nobody has named for a week. */
static bool make_room(struct sw_crls *c, int64_t now)
{
	size_t oldest = ENTRIES_MAX;

	if (c->n < ENTRIES_MAX)
		return true;
	for (size_t i = 0; i < c->n; i++)
		if (!c->entries[i]->busy && (oldest == ENTRIES_MAX || c->entries[i]->wanted < c->entries[oldest]->wanted))
			oldest = i;
	if (oldest == ENTRIES_MAX || now - c->entries[oldest]->wanted < UNWANTED)
		return false;
	drop(c, oldest);
	return true;
}

static struct entry *add(struct sw_crls *c, const uint8_t key[SW_CRL_KEY_LEN], const char *url, X509 *issuer, int64_t now)
{
	struct entry *e = make_room(c, now) ? calloc(1, sizeof(*e)) : NULL;

	if (!e)
		return NULL;
	memcpy(e->key, key, SW_CRL_KEY_LEN);
	e->url = strdup(url);
	if (!e->url || !X509_up_ref(issuer)) {
		free(e->url);
		free(e);
		return NULL;
	}
	e->issuer = issuer;
	e->wanted = now;
	c->entries[c->n++] = e;
	return e;
}

static int64_t end_of(const X509_CRL *crl)
{
	const ASN1_TIME *t = crl ? X509_CRL_get0_nextUpdate(crl) : NULL;

	return t ? sw_asn1_time(t) : 0;
}

static int64_t begin_of(const X509_CRL *crl)
{
	return crl ? sw_asn1_time(X509_CRL_get0_lastUpdate(crl)) : 0;
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
	int64_t end = end_of(e->crl), begin = begin_of(e->crl), at = now + NO_NEXT;

	if (end) {
		at = begin + (end - begin) / 2;
		if (at <= now)
			at = now + (end - now) / 2;
	}
	e->due = now + with_jitter(clamp(at - now, FETCH_SOON, FETCH_LATE));
}

static void succeeded(struct entry *e, int64_t now)
{
	e->busy = false;
	e->failures = 0;
	e->fault[0] = '\0';
	e->fetched = now;
	schedule(e, now);
}

static void failed(struct entry *e, int64_t now, const char *why)
{
	unsigned shift = e->failures < 9 ? e->failures : 9;

	e->busy = false;
	e->failures++;
	snprintf(e->fault, sizeof(e->fault), "%s", why);
	e->due = now + with_jitter(clamp((int64_t)FETCH_SOON << shift, FETCH_SOON, RETRY_MAX));
}

/* --- what is wanted --- */

static void want_one(struct sw_crls *c, const char *url, X509 *issuer, int64_t now)
{
	uint8_t key[SW_CRL_KEY_LEN];
	struct entry *e;

	if (!key_of(key, url, issuer))
		return;
	pthread_mutex_lock(&c->lock);
	e = find(c, key);
	if (e)
		e->wanted = now;
	else
		add(c, key, url, issuer, now);  /* no room: the refusal, if there is one, will say that it was never fetched */
	pthread_mutex_unlock(&c->lock);
}

void sw_crls_want(struct sw_crls *c, const X509 *x, X509 *issuer, int64_t now)
{
	struct sw_crl_urls urls;

	sw_crl_urls(&urls, x);
	for (size_t i = 0; i < urls.n; i++)
		want_one(c, urls.v[i], issuer, now);
	sw_crl_urls_free(&urls);
}

static const struct entry *find_url(const struct sw_crls *c, const char *url)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->entries[i]->url, url))
			return c->entries[i];
	return NULL;
}

void sw_crls_explain(struct sw_crls *c, const X509 *x, char *dst, size_t size)
{
	const struct entry *e = NULL;
	struct sw_crl_urls urls;

	sw_crl_urls(&urls, x);
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < urls.n && !(e && e->fault[0]); i++)
		e = find_url(c, urls.v[i]);
	if (urls.n == 0)
		snprintf(dst, size, "the certificate names no http URL to fetch it from");
	else if (!e)
		snprintf(dst, size, "%.120s: not fetched yet", urls.v[0]);
	else if (e->fault[0])
		snprintf(dst, size, "%.120s: %.200s", e->url, e->fault);
	else if (!e->crl)
		snprintf(dst, size, "%.120s: being fetched, for the first time", e->url);
	else
		snprintf(dst, size, "%.120s: what it gives is out of date, or not for this certificate", e->url);
	pthread_mutex_unlock(&c->lock);
	sw_crl_urls_free(&urls);
}

/* --- fetching --- */

/* A time further off than any we set is one of before the clock was put back. */
static bool is_due(const struct entry *e, int64_t now)
{
	return !e->busy && (e->due <= now || e->due > now + FETCH_LATE + FETCH_LATE / 10);
}

bool sw_crls_due(struct sw_crls *c, int64_t now, struct sw_crl_due *out)
{
	struct entry *e = NULL;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->n; i++)
		if (is_due(c->entries[i], now) && (!e || c->entries[i]->due < e->due))
			e = c->entries[i];
	if (e) {
		e->busy = true;
		e->tried = now;
		memcpy(out->key, e->key, sizeof(out->key));
		snprintf(out->url, sizeof(out->url), "%s", e->url);
		snprintf(out->etag, sizeof(out->etag), "%s", e->crl ? e->etag : "");
	}
	pthread_mutex_unlock(&c->lock);
	return e != NULL;
}

void sw_crls_unchanged(struct sw_crls *c, const uint8_t key[SW_CRL_KEY_LEN], int64_t now)
{
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = find(c, key);
	if (e && e->crl)
		succeeded(e, now);
	else if (e)
		failed(e, now, "the server says that what we don't have has not changed");
	pthread_mutex_unlock(&c->lock);
}

void sw_crls_failed(struct sw_crls *c, const uint8_t key[SW_CRL_KEY_LEN], int64_t now, const char *why)
{
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = find(c, key);
	if (e)
		failed(e, now, why);
	pthread_mutex_unlock(&c->lock);
}

void sw_crls_refresh(struct sw_crls *c, int64_t now)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->n; i++)
		if (now < c->entries[i]->tried || now - c->entries[i]->tried > 1)
			c->entries[i]->due = now;
	pthread_mutex_unlock(&c->lock);
}

/* CRL numbers grow with each (RFC 5280 5.2.3); where there are none, dates tell. */
static int compare(X509_CRL *a, X509_CRL *b)
{
	ASN1_INTEGER *na = X509_CRL_get_ext_d2i(a, NID_crl_number, NULL, NULL), *nb = X509_CRL_get_ext_d2i(b, NID_crl_number, NULL, NULL);
	int r = na && nb ? ASN1_INTEGER_cmp(na, nb) : 0;

	ASN1_INTEGER_free(na);
	ASN1_INTEGER_free(nb);
	if (r == 0)
		r = begin_of(a) < begin_of(b) ? -1 : begin_of(a) > begin_of(b);
	return r;
}

/* Locked. Takes crl. more: it names somebody the old one did not. */
static enum sw_crl_news take(struct sw_crls *c, struct entry *e, X509_CRL *crl, bool more, size_t bytes, int64_t now,
			     char why[SW_HTTP_DETAIL_MAX])
{
	enum sw_crl_news news = SW_CRL_REFUSED;

	if (e->crl && X509_CRL_match(e->crl, crl) == 0)
		news = SW_CRL_SAME;
	else if (e->crl && compare(crl, e->crl) < 0)
		snprintf(why, SW_HTTP_DETAIL_MAX, "the server gave an older CRL than the one we have, which stays");
	else if (c->bytes - e->bytes + bytes > BYTES_MAX)
		snprintf(why, SW_HTTP_DETAIL_MAX, "all CRLs together would be larger than %d MiB", BYTES_MAX >> 20);
	else
		news = more ? SW_CRL_REVOKES : SW_CRL_NEWER;
	if (news == SW_CRL_NEWER || news == SW_CRL_REVOKES) {
		X509_CRL_free(e->crl);
		e->crl = crl;
		c->bytes += bytes - e->bytes;
		e->bytes = bytes;
		renew_set(c);
	} else {
		X509_CRL_free(crl);
	}
	if (news == SW_CRL_REFUSED)
		failed(e, now, why);
	else
		succeeded(e, now);
	return news;
}

/* What to judge by, so that the lock is not held meanwhile. False: nobody wants it any more. */
static bool refs_of(struct sw_crls *c, const uint8_t key[SW_CRL_KEY_LEN], X509 **issuer, X509_CRL **old)
{
	struct entry *e;

	*issuer = NULL;
	*old = NULL;
	pthread_mutex_lock(&c->lock);
	e = find(c, key);
	if (e && X509_up_ref(e->issuer))
		*issuer = e->issuer;
	if (e && e->crl && X509_CRL_up_ref(e->crl))
		*old = e->crl;
	pthread_mutex_unlock(&c->lock);
	return *issuer != NULL;
}

enum sw_crl_news sw_crls_put(struct sw_crls *c, const uint8_t key[SW_CRL_KEY_LEN], struct sw_str bytes, const char *etag, int64_t now,
			     char why[SW_HTTP_DETAIL_MAX])
{
	struct sw_crl_copy copy = { .fetched = now };
	enum sw_crl_news news = SW_CRL_REFUSED;
	X509_CRL *old = NULL;
	char path[PATH_MAX];
	struct entry *e;
	bool more, keep;

	why[0] = '\0';
	if (!refs_of(c, key, &copy.issuer, &old) || sw_crl_read(&copy.crl, bytes, copy.issuer, now, why) < 0) {
		sw_crls_failed(c, key, now, why);
		goto out;
	}
	more = sw_crl_revokes_more(old, copy.crl);
	pthread_mutex_lock(&c->lock);
	e = find(c, key);
	if (e && X509_CRL_up_ref(copy.crl)) {
		news = take(c, e, copy.crl, more, bytes.n, now, why);
		if (news != SW_CRL_REFUSED)
			snprintf(e->etag, sizeof(e->etag), "%s", etag);
		snprintf(copy.url, sizeof(copy.url), "%s", e->url);
		snprintf(copy.etag, sizeof(copy.etag), "%s", e->etag);
	}
	keep = news != SW_CRL_REFUSED && path_of(c, key, path);
	pthread_mutex_unlock(&c->lock);
	/* One is fetched at a time, so nobody else writes this file. */
	if (keep && sw_crl_copy_write(path, &copy) < 0)
		snprintf(why, SW_HTTP_DETAIL_MAX, "its copy can't be written to %.200s", path);
out:
	X509_CRL_free(old);
	sw_crl_copy_clear(&copy);
	return news;
}

/* --- start and end --- */

int sw_crls_new(struct sw_crls **out, const char *dir)
{
	struct sw_crls *c = calloc(1, sizeof(*c));

	if (!c)
		return SW_ENOMEM;
	atomic_init(&c->refs, 1);
	pthread_mutex_init(&c->lock, NULL);
	c->dir = dir ? strdup(dir) : NULL;
	c->set = set_of(c);
	if (!c->set || (dir && !c->dir)) {
		sw_crls_unref(c);
		return SW_ENOMEM;
	}
	*out = c;
	return SW_OK;
}

struct sw_crls *sw_crls_ref(struct sw_crls *c)
{
	if (c)
		atomic_fetch_add(&c->refs, 1);
	return c;
}

void sw_crls_unref(struct sw_crls *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	for (size_t i = 0; i < c->n; i++)
		entry_free(c->entries[i]);
	sw_crl_set_unref(c->set);
	pthread_mutex_destroy(&c->lock);
	free(c->dir);
	free(c);
}

static void load_one(struct sw_crls *c, const char *path, int64_t now, struct sw_diag *diag)
{
	char why[SW_HTTP_DETAIL_MAX];
	uint8_t key[SW_CRL_KEY_LEN];
	struct sw_crl_copy copy;
	struct entry *e;
	struct stat st;

	if (sw_crl_copy_read(&copy, path, now, why) < 0) {
		sw_diag_add(diag, SW_DIAG_WARN, path, 0, "this copy of a CRL is passed over: %s", why);
		return;
	}
	if (stat(path, &st) == 0 && key_of(key, copy.url, copy.issuer)) {
		pthread_mutex_lock(&c->lock);
		e = find(c, key) || c->bytes + (size_t)st.st_size > BYTES_MAX ? NULL : add(c, key, copy.url, copy.issuer, now);
		if (e) {
			e->crl = copy.crl;
			copy.crl = NULL;
			e->bytes = (size_t)st.st_size;
			c->bytes += e->bytes;
			snprintf(e->etag, sizeof(e->etag), "%s", copy.etag);
			e->fetched = copy.fetched;
			schedule(e, now);
		}
		pthread_mutex_unlock(&c->lock);
	}
	sw_crl_copy_clear(&copy);
}

void sw_crls_load(struct sw_crls *c, int64_t now, struct sw_diag *diag)
{
	struct dirent *d;
	DIR *dir;

	if (!c->dir)
		return;
	if (mkdir(c->dir, 0750) < 0 && errno != EEXIST)
		sw_diag_add(diag, SW_DIAG_WARN, c->dir, 0, "can't be made, so no fetched CRL survives a restart: %s", strerror(errno));
	dir = opendir(c->dir);
	for (size_t n = 0; dir && n < 4 * ENTRIES_MAX && (d = readdir(dir)); n++) {
		char path[PATH_MAX];
		int len = snprintf(path, sizeof(path), "%s/%s", c->dir, d->d_name);

		if (len > 0 && (size_t)len < sizeof(path) && sw_str_ends_ieq(sw_str_of(d->d_name), SW_STR(".crl")))
			load_one(c, path, now, diag);
	}
	if (dir)
		closedir(dir);
	pthread_mutex_lock(&c->lock);
	renew_set(c);
	pthread_mutex_unlock(&c->lock);
}

void sw_crls_each(struct sw_crls *c, sw_crl_info_fn *fn, void *arg)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->n; i++) {
		const struct entry *e = c->entries[i];
		struct sw_crl_info info = {
			.url = e->url, .this_update = begin_of(e->crl), .next_update = end_of(e->crl), .fetched = e->fetched, .tried = e->tried,
			.due = e->due, .present = e->crl != NULL, .failing = e->failures > 0, .fault = e->fault,
		};

		sw_x509_name_text(X509_get_subject_name(e->issuer), info.issuer, sizeof(info.issuer));
		fn(arg, &info);
	}
	pthread_mutex_unlock(&c->lock);
}
