/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of fetched CRLs: what gets in, what stays, when it is asked for again, and that a verdict never outlives what it was based on. */
#include "lab.h"
#include <sys/wait.h>
#include <time.h>
#include "core/str.h"
#include "tls/tls_int.h"

#define URL "http://crl.example/int.crl"

static void run(const char *args)
{
	const char *src = getenv("srcdir");
	char cmd[1024];

	snprintf(cmd, sizeof(cmd), "'%s/certs/lab-pki.sh' --only none %s '%s'", src ? src : ".", args, lab_dir);
	if (system(cmd) != 0)
		fail_msg("lab-pki.sh %s", args);
}

static int make(void **state)
{
	(void)state;
	if (lab_make("partner,revoked,rogue") != 0)
		return -1;
	run("--one named --issuer int --san DNS:named.example --crl " URL);
	run("--one other --issuer int --san DNS:other.example --crl http://crl.example/other.crl");
	run("--one ldap --issuer int --san DNS:ldap.example --crl ldap://crl.example/x");
	run("--crl-of int --out first.der");
	return 0;
}

struct bytes {
	char data[20000];
	size_t n;
};

static struct sw_str read_file(struct bytes *b, const char *name)
{
	FILE *f = fopen(lab(name), "r");

	assert_non_null(f);
	b->n = fread(b->data, 1, sizeof(b->data), f);
	fclose(f);
	return (struct sw_str){ b->data, b->n };
}

/* A list that fetches into c. */
static struct sw_trust *fetching(struct sw_crls *c, const char *crls)
{
	struct sw_trust *t = lab_trust("root.pem", NULL, crls);

	sw_trust_fetch(t, c, time(NULL));
	return t;
}

static void judge_at(struct sw_chain_result *r, const char *name, const struct sw_trust *t, enum sw_revocation rev, int64_t now)
{
	STACK_OF(X509) *chain = lab_certs(name);
	X509 *x = sk_X509_shift(chain);
	const struct sw_chain_policy policy = { .role = SW_TLS_PEER_IS_CLIENT, .eku = SW_EKU_STRICT, .revocation = rev, .depth = 4, .now = now };

	sw_chain_judge(r, x, chain, t, &policy);
	X509_free(x);
	sk_X509_pop_free(chain, X509_free);
}

static enum sw_reason judge(const char *name, const struct sw_trust *t, enum sw_revocation rev)
{
	struct sw_chain_result r;

	judge_at(&r, name, t, rev, time(NULL));
	return r.reason;
}

static struct sw_crls *cache(const char *dir)
{
	struct sw_crls *c = NULL;

	assert_int_equal(sw_crls_new(&c, dir), SW_OK);
	return c;
}

static enum sw_crl_news put(struct sw_crls *c, const struct sw_crl_due *due, const char *file, int64_t now, char why[SW_HTTP_DETAIL_MAX])
{
	struct bytes b;
	struct sw_str s = read_file(&b, file);

	return sw_crls_put(c, due->key, s, "\"e1\"", now, why);
}

/* The one URL a peer's certificate made wanted. */
static void want(struct sw_crls *c, const struct sw_trust *t, struct sw_crl_due *due)
{
	judge("named", t, SW_REVOCATION_SOFT);
	assert_true(sw_crls_due(c, time(NULL), due));
	assert_string_equal(due->url, URL);
	assert_false(sw_crls_due(c, time(NULL), &(struct sw_crl_due){ 0 }));
}

static void what_is_fetched_decides_at_once(void **state)
{
	struct sw_crls *c = cache(NULL);
	struct sw_trust *t = fetching(c, "root.crl");
	char why[SW_HTTP_DETAIL_MAX];
	struct sw_crl_due due;

	(void)state;
	assert_int_equal(judge("named", t, SW_REVOCATION_HARD), SW_R_TLS_CRL);
	want(c, t, &due);
	assert_int_equal(put(c, &due, "first.der", time(NULL), why), SW_CRL_REVOKES);  /* "revoked" is on it */
	for (int i = 0; i < 3; i++)
		assert_int_equal(judge("named", t, SW_REVOCATION_HARD), SW_R_OK);
	assert_int_equal(put(c, &due, "first.der", time(NULL), why), SW_CRL_SAME);
	run("--crl-of int --revoke named --out second.der");
	assert_int_equal(put(c, &due, "second.der", time(NULL), why), SW_CRL_REVOKES);
	/* remembered as good a moment ago: not any more */
	assert_int_equal(judge("named", t, SW_REVOCATION_HARD), SW_R_TLS_REVOKED);
	assert_int_equal(judge("named", t, SW_REVOCATION_SOFT), SW_R_TLS_REVOKED);
	assert_int_equal(judge("named", t, SW_REVOCATION_OFF), SW_R_OK);
	run("--crl-of int --out third.der");
	assert_int_equal(put(c, &due, "third.der", time(NULL), why), SW_CRL_NEWER);
	sw_trust_free(t);
	sw_crls_unref(c);
}

static void a_verdict_lasts_as_long_as_its_crls(void **state)
{
	struct sw_trust *t = lab_trust("root.pem", NULL, "crl.pem");   /* good for 30 days; the certificates for longer */
	int64_t now = time(NULL);
	struct sw_chain_result r;

	(void)state;
	judge_at(&r, "partner", t, SW_REVOCATION_HARD, now);
	assert_int_equal(r.reason, SW_R_OK);
	assert_true(r.fresh_until > now + 29 * 86400 && r.fresh_until < now + 31 * 86400 && r.not_after > r.fresh_until);
	judge_at(&r, "partner", t, SW_REVOCATION_HARD, r.fresh_until + 1);
	assert_int_equal(r.reason, SW_R_TLS_CRL);
	judge_at(&r, "partner", t, SW_REVOCATION_HARD, now);
	assert_int_equal(r.reason, SW_R_OK);
	/* good under one way of looking is not good under another */
	judge_at(&r, "revoked", t, SW_REVOCATION_OFF, now);
	assert_int_equal(r.reason, SW_R_OK);
	judge_at(&r, "revoked", t, SW_REVOCATION_SOFT, now);
	assert_int_equal(r.reason, SW_R_TLS_REVOKED);
	sw_trust_free(t);
	/* nor with another list of the same CAs */
	t = lab_trust("root.pem", NULL, NULL);
	judge_at(&r, "revoked", t, SW_REVOCATION_SOFT, now);
	assert_int_equal(r.reason, SW_R_OK);
	sw_trust_free(t);
	t = lab_trust("root.pem", NULL, "crl.pem");
	judge_at(&r, "revoked", t, SW_REVOCATION_SOFT, now);
	assert_int_equal(r.reason, SW_R_TLS_REVOKED);
	sw_trust_free(t);
}

static void only_good_chains_make_wishes(void **state)
{
	struct sw_crls *c = cache(NULL);
	struct sw_trust *t = fetching(c, NULL), *zoneb = lab_trust("zoneb-root.pem", NULL, NULL);
	struct sw_crl_due due;
	struct sw_chain_result r;

	(void)state;
	sw_trust_fetch(zoneb, c, time(NULL));
	judge("named", zoneb, SW_REVOCATION_HARD);   /* a chain of a CA it does not trust */
	judge("named", t, SW_REVOCATION_OFF);        /* nobody looks */
	judge("ldap", t, SW_REVOCATION_SOFT);        /* http alone is fetched */
	judge_at(&r, "named", t, SW_REVOCATION_HARD, 4000000000);  /* expired by then */
	assert_false(sw_crls_due(c, 4000000000, &due));
	judge_at(&r, "named", t, SW_REVOCATION_HARD, time(NULL));
	assert_int_equal(r.reason, SW_R_TLS_CRL);
	assert_non_null(strstr(r.error_text, URL ": not fetched yet"));
	judge_at(&r, "named", t, SW_REVOCATION_HARD, time(NULL));
	assert_non_null(strstr(r.error_text, URL ": being fetched, for the first time"));
	assert_true(sw_crls_due(c, time(NULL), &due));
	sw_crls_failed(c, due.key, time(NULL), "HTTP 404");
	judge_at(&r, "named", t, SW_REVOCATION_HARD, time(NULL));
	assert_non_null(strstr(r.error_text, URL ": HTTP 404"));
	judge_at(&r, "partner", t, SW_REVOCATION_HARD, time(NULL));
	assert_non_null(strstr(r.error_text, "names no http URL"));
	sw_trust_free(t);
	sw_trust_free(zoneb);
	sw_crls_unref(c);
}

static void a_bad_crl_leaves_the_good_one(void **state)
{
	struct sw_crls *c = cache(NULL);
	struct sw_trust *t = fetching(c, "root.crl");
	char why[SW_HTTP_DETAIL_MAX];
	struct sw_crl_due due;
	struct bytes b;
	struct sw_str s;

	(void)state;
	want(c, t, &due);
	assert_int_equal(put(c, &due, "first.der", time(NULL), why), SW_CRL_REVOKES);
	s = read_file(&b, "first.der");
	b.data[b.n - 3] ^= 1;
	assert_int_equal(sw_crls_put(c, due.key, s, "", time(NULL), why), SW_CRL_REFUSED);
	assert_non_null(strstr(why, "signature"));
	s.n--;
	assert_int_equal(sw_crls_put(c, due.key, s, "", time(NULL), why), SW_CRL_REFUSED);
	assert_int_equal(sw_crls_put(c, due.key, (struct sw_str){ "", 0 }, "", time(NULL), why), SW_CRL_REFUSED);
	s = read_file(&b, "first.der");
	s.n++;
	assert_int_equal(sw_crls_put(c, due.key, s, "", time(NULL), why), SW_CRL_REFUSED);
	assert_int_equal(put(c, &due, "root.crl", time(NULL), why), SW_CRL_REFUSED);
	assert_non_null(strstr(why, "another issuer"));
	assert_int_equal(put(c, &due, "old.crl", time(NULL), why), SW_CRL_REFUSED);
	assert_non_null(strstr(why, "older"));
	assert_int_equal(put(c, &due, "first.der", time(NULL) - 86400, why), SW_CRL_REFUSED);
	assert_non_null(strstr(why, "future"));
	assert_int_equal(judge("named", t, SW_REVOCATION_HARD), SW_R_OK);
	sw_trust_free(t);
	sw_crls_unref(c);
}

/* In a cache of its own: beside "first.der" it may be the older one, by a second. */
static void pem_does_as_well(void **state)
{
	struct sw_crls *c = cache(NULL);
	struct sw_trust *t = fetching(c, "root.crl");
	char why[SW_HTTP_DETAIL_MAX];
	struct sw_crl_due due;

	(void)state;
	want(c, t, &due);
	assert_int_not_equal(put(c, &due, "int.crl", time(NULL), why), SW_CRL_REFUSED);
	sw_trust_free(t);
	sw_crls_unref(c);
}

static struct sw_crl_info seen;

static void see(void *arg, const struct sw_crl_info *i)
{
	(void)arg;
	seen = *i;
}

static const struct sw_crl_info *look(struct sw_crls *c)
{
	memset(&seen, 0, sizeof(seen));
	sw_crls_each(c, see, NULL);
	return &seen;
}

static void it_is_asked_for_at_half_of_its_time(void **state)
{
	struct sw_crls *c = cache(NULL);
	struct sw_trust *t = fetching(c, NULL);
	int64_t now = time(NULL), before = 0;
	char why[SW_HTTP_DETAIL_MAX];
	struct sw_crl_due due;

	(void)state;
	want(c, t, &due);
	assert_int_equal(put(c, &due, "first.der", now, why), SW_CRL_REVOKES);  /* good for a day */
	assert_true(look(c)->due >= now + 42000 && seen.due <= now + 48000 && seen.present && !seen.failing);
	assert_false(sw_crls_due(c, now + 42000, &due));
	assert_true(sw_crls_due(c, now + 48000, &due));
	assert_string_equal(due.etag, "\"e1\"");
	sw_crls_unchanged(c, due.key, now + 48000);
	assert_true(look(c)->due > now + 60000 && seen.due < now + 86400);  /* half of what is left */
	/* failures: sooner at first, then later and later, never later than in an hour and a tenth */
	for (int i = 0; i < 20; i++) {
		sw_crls_failed(c, due.key, now, "no");
		assert_true(look(c)->due >= now + 10 && seen.due <= now + 3960 && seen.failing && seen.present);
		assert_true(i >= 9 || seen.due - now >= before);
		before = (seen.due - now) * 10 / 11;
	}
	assert_true(before > 3000);
	sw_crls_refresh(c, now + 20);
	assert_true(sw_crls_due(c, now + 20, &due));
	sw_trust_free(t);
	sw_crls_unref(c);
}

static void copies_survive(void **state)
{
	char *dir = lab_kept("copies"), *path = lab_kept("copies/zz.crl"), why[SW_HTTP_DETAIL_MAX];
	struct sw_crls *c = cache(dir), *again;
	struct sw_trust *t = fetching(c, "root.crl");
	struct sw_crl_due due;
	struct sw_diag d;
	FILE *f;

	(void)state;
	sw_diag_init(&d);
	sw_crls_load(c, time(NULL), &d);
	want(c, t, &due);
	assert_int_equal(put(c, &due, "first.der", time(NULL), why), SW_CRL_REVOKES);
	assert_string_equal(why, "");
	sw_trust_free(t);
	sw_crls_unref(c);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("# x\nurl http://a/\nfetched 1\netag \nrubbish\n", f);
	fclose(f);
	again = cache(dir);
	sw_crls_load(again, time(NULL), &d);
	assert_int_equal(d.n, 1);
	assert_true(lab_diag_has(&d, SW_DIAG_WARN, "passed over"));
	t = fetching(again, "root.crl");
	assert_int_equal(judge("named", t, SW_REVOCATION_HARD), SW_R_OK);
	assert_string_equal(look(again)->url, URL);
	assert_true(seen.present && seen.fetched);
	assert_false(sw_crls_due(again, time(NULL), &due));
	sw_diag_free(&d);
	sw_trust_free(t);
	sw_crls_unref(again);
	free(dir);
	free(path);
}

static void urls_are_bounded(void **state)
{
	struct sw_crls *c = cache(NULL);
	STACK_OF(X509) *chain = lab_certs("named");
	X509 *issuer = sk_X509_value(chain, 1);
	struct sw_crl_due due;
	X509 *x = X509_new();
	int n = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		char value[64];
		X509_EXTENSION *e;

		snprintf(value, sizeof(value), "URI:http://crl.example/%d", i);
		e = X509V3_EXT_conf_nid(NULL, NULL, NID_crl_distribution_points, value);
		assert_non_null(e);
		while (X509_get_ext_count(x))
			X509_EXTENSION_free(X509_delete_ext(x, 0));
		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
		sw_crls_want(c, x, issuer, 1000 + i);
	}
	while (sw_crls_due(c, 2000, &due)) {
		sw_crls_failed(c, due.key, 2000, "no");
		n++;
	}
	assert_int_equal(n, 256);
	/* what nobody has named for a week makes room */
	sw_crls_want(c, x, issuer, 1000 + 8 * 86400);
	while (sw_crls_due(c, 1000 + 8 * 86400, &due) && strcmp(due.url, "http://crl.example/299"))
		;
	assert_string_equal(due.url, "http://crl.example/299");
	X509_free(x);
	sk_X509_pop_free(chain, X509_free);
	sw_crls_unref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_fetched_decides_at_once),
		cmocka_unit_test(a_verdict_lasts_as_long_as_its_crls),
		cmocka_unit_test(only_good_chains_make_wishes),
		cmocka_unit_test(it_is_asked_for_at_half_of_its_time),
		cmocka_unit_test(copies_survive),
		cmocka_unit_test(urls_are_bounded),
		cmocka_unit_test(a_bad_crl_leaves_the_good_one),
		cmocka_unit_test(pem_does_as_well),
	};

	return cmocka_run_group_tests(tests, make, lab_remove);
}
