/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP answers: which one clears a certificate, which one condemns it, and which one proves nothing. */
#include "lab.h"
#include <openssl/ocsp.h>
#include "tls/ocsps.h"

enum { NOW = 1790000000, DAY = 86400 };

struct party {
	EVP_PKEY *key;
	X509 *x;
};
static struct party ca, other_ca, leaf, sibling, delegate, far_delegate, plain, any_use, old_delegate;

/* A certificate for a new key; eku NULL: none. aia: whether it names a responder. */
static struct party issue(const char *name, const struct party *by, long serial, const char *eku, bool is_ca, long days)
{
	struct party p = { EVP_EC_gen("P-256"), X509_new() };
	X509_NAME *n = X509_get_subject_name(p.x);
	X509_EXTENSION *ext;
	X509V3_CTX v3;

	X509_set_version(p.x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(p.x), serial);
	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(p.x, by ? X509_get_subject_name(by->x) : n);
	ASN1_TIME_set(X509_getm_notBefore(p.x), NOW - 90 * DAY);
	ASN1_TIME_set(X509_getm_notAfter(p.x), NOW + days * DAY);
	X509_set_pubkey(p.x, p.key);
	X509V3_set_ctx_nodb(&v3);
	ext = X509V3_EXT_conf_nid(NULL, &v3, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	X509_add_ext(p.x, ext, -1);
	X509_EXTENSION_free(ext);
	if (eku) {
		ext = X509V3_EXT_conf_nid(NULL, &v3, NID_ext_key_usage, eku);
		assert_non_null(ext);
		X509_add_ext(p.x, ext, -1);
		X509_EXTENSION_free(ext);
	}
	assert_true(X509_sign(p.x, by ? by->key : p.key, EVP_sha256()) > 0);
	return p;
}

static void party_free(struct party *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->x);
}

/* How an answer deviates from a good one of ca about leaf. */
struct answer {
	const struct party *about, *of, *by;   /* certificate, its issuer as named, signer; NULL: leaf, ca, ca */
	int status, reason;                    /* V_OCSP_CERTSTATUS_* */
	long begin, end;                       /* days from NOW; 0 0: -1 and +6 */
	bool no_end, sha256_id, sha1_signature, no_certs, critical, forged;
	int answer_status;                     /* OCSP_RESPONSE_STATUS_* */
	const struct party *first;             /* speaks of this one before */
	size_t cut, added;                     /* bytes at the end */
};

static void add_status(OCSP_BASICRESP *basic, const struct answer *a, const struct party *about)
{
	OCSP_CERTID *id = OCSP_cert_to_id(a->sha256_id ? EVP_sha256() : EVP_sha1(), about->x, a->of ? a->of->x : ca.x);
	ASN1_TIME *begin = ASN1_TIME_adj(NULL, NOW, (int)(a->begin || a->end ? a->begin : -1), 0);
	ASN1_TIME *end = a->no_end ? NULL : ASN1_TIME_adj(NULL, NOW, (int)(a->begin || a->end ? a->end : 6), 0);
	ASN1_TIME *at = a->status == V_OCSP_CERTSTATUS_REVOKED ? ASN1_TIME_adj(NULL, 1780000000, 0, 0) : NULL;
	OCSP_SINGLERESP *s = OCSP_basic_add1_status(basic, id, a->status, a->reason, at, begin, end);

	assert_non_null(s);
	if (a->critical) {
		ASN1_TIME *t = ASN1_GENERALIZEDTIME_adj(NULL, NOW, 0, 0);

		assert_true(OCSP_SINGLERESP_add1_ext_i2d(s, NID_id_pkix_OCSP_archiveCutoff, t, 1, 0));
		ASN1_TIME_free(t);
	}
	OCSP_CERTID_free(id);
	ASN1_TIME_free(begin);
	ASN1_TIME_free(end);
	ASN1_TIME_free(at);
}

static struct sw_buf make(const struct answer *a)
{
	const struct party *by = a->by ? a->by : &ca;
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_RESPONSE *r;
	unsigned char *der = NULL;
	struct sw_buf b;
	int n;

	if (a->first)
		add_status(basic, a, a->first);
	add_status(basic, a, a->about ? a->about : &leaf);
	assert_true(OCSP_basic_sign(basic, by->x, by->key, a->sha1_signature ? EVP_sha1() : EVP_sha256(), NULL,
				    a->no_certs ? OCSP_NOCERTS : 0));
	r = OCSP_response_create(a->answer_status, a->answer_status ? NULL : basic);
	n = i2d_OCSP_RESPONSE(r, &der);
	assert_true(n > 0);
	sw_buf_init(&b, 0);
	sw_buf_put(&b, der, (size_t)n - a->cut);
	for (size_t i = 0; i < a->added; i++)
		sw_buf_put(&b, "", 1);
	if (a->forged) {   /* after signing: good where it said revoked. An empty [0] is good, [2] unknown. */
		char *p = memmem(b.data, b.len, "\x82\x00\x18", 3);

		assert_non_null(p);
		*p = (char)0x80;
	}
	OPENSSL_free(der);
	OCSP_RESPONSE_free(r);
	OCSP_BASICRESP_free(basic);
	return b;
}

static void expect_at(const struct answer *a, enum sw_ocsp_status status, const char *text, int64_t now, int line)
{
	struct sw_buf b = make(a);
	struct sw_ocsp_result r;

	sw_ocsp_judge(&r, sw_buf_view(&b), leaf.x, ca.x, now);
	if (r.status != status || !strstr(r.text, text))
		fail_msg("line %d: status %d, \"%s\"", line, r.status, r.text);
	assert_int_equal(ERR_peek_error(), 0);
	sw_buf_free(&b);
}

#define EXPECT(STATUS, TEXT, ...) expect_at(&(struct answer){ __VA_ARGS__ }, STATUS, TEXT, NOW, __LINE__)

static void test_good(void **state)
{
	struct answer plainly = { 0 };
	struct sw_buf b = make(&plainly);
	struct sw_ocsp_result r;

	(void)state;
	sw_ocsp_judge(&r, sw_buf_view(&b), leaf.x, ca.x, NOW);
	assert_int_equal(r.status, SW_OCSP_GOOD);
	assert_int_equal(r.since, NOW - DAY);
	assert_int_equal(r.until, NOW + 6 * DAY);
	sw_buf_free(&b);
	EXPECT(SW_OCSP_GOOD, "", .sha256_id = true);
	EXPECT(SW_OCSP_GOOD, "", .no_certs = true);   /* the issuer's own certificate need not come along */
	EXPECT(SW_OCSP_GOOD, "", .by = &delegate);
	EXPECT(SW_OCSP_GOOD, "", .first = &sibling);
}

static void test_revoked(void **state)
{
	(void)state;
	EXPECT(SW_OCSP_REVOKED, "revoked on 2026-05-28: keyCompromise", .status = V_OCSP_CERTSTATUS_REVOKED,
	       .reason = OCSP_REVOKED_STATUS_KEYCOMPROMISE);
	EXPECT(SW_OCSP_REVOKED, "revoked", .status = V_OCSP_CERTSTATUS_REVOKED, .reason = -1, .by = &delegate);
	/* it does not become good again by the answer growing old */
	EXPECT(SW_OCSP_REVOKED, "revoked", .status = V_OCSP_CERTSTATUS_REVOKED, .begin = -20, .end = -10);
}

static void test_unknown(void **state)
{
	(void)state;
	EXPECT(SW_OCSP_UNKNOWN, "doesn't know", .status = V_OCSP_CERTSTATUS_UNKNOWN);
	EXPECT(SW_OCSP_UNKNOWN, "says \"trylater\"", .answer_status = OCSP_RESPONSE_STATUS_TRYLATER);
	EXPECT(SW_OCSP_UNKNOWN, "says \"unauthorized\"", .answer_status = OCSP_RESPONSE_STATUS_UNAUTHORIZED);
	EXPECT(SW_OCSP_UNKNOWN, "another certificate", .about = &sibling);
	EXPECT(SW_OCSP_UNKNOWN, "another certificate", .of = &other_ca);
	EXPECT(SW_OCSP_UNKNOWN, "critical", .critical = true);
}

static void test_dates(void **state)
{
	const struct answer a = { .begin = -1, .end = 6 };

	(void)state;
	EXPECT(SW_OCSP_UNKNOWN, "out of date", .begin = -20, .end = -10);
	EXPECT(SW_OCSP_UNKNOWN, "future", .begin = 1, .end = 6);
	EXPECT(SW_OCSP_UNKNOWN, "make no sense", .begin = -1, .end = -2);
	expect_at(&a, SW_OCSP_GOOD, "", NOW + 6 * DAY + SW_OCSP_SKEW, __LINE__);
	expect_at(&a, SW_OCSP_UNKNOWN, "out of date", NOW + 6 * DAY + SW_OCSP_SKEW + 1, __LINE__);
	expect_at(&a, SW_OCSP_GOOD, "", NOW - DAY - SW_OCSP_SKEW, __LINE__);
	expect_at(&a, SW_OCSP_UNKNOWN, "future", NOW - DAY - SW_OCSP_SKEW - 1, __LINE__);
	/* one without end would serve for ever */
	EXPECT(SW_OCSP_GOOD, "", .no_end = true);
	EXPECT(SW_OCSP_UNKNOWN, "names no end", .no_end = true, .begin = -2, .end = 1);
}

static void test_signers(void **state)
{
	(void)state;
	EXPECT(SW_OCSP_UNKNOWN, "not in it", .by = &delegate, .no_certs = true);
	EXPECT(SW_OCSP_UNKNOWN, "neither by the certificate's issuer", .by = &other_ca);
	EXPECT(SW_OCSP_UNKNOWN, "neither by the certificate's issuer", .by = &far_delegate);
	EXPECT(SW_OCSP_UNKNOWN, "not one for OCSP signing", .by = &plain);
	EXPECT(SW_OCSP_UNKNOWN, "not one for OCSP signing", .by = &any_use);
	EXPECT(SW_OCSP_UNKNOWN, "not one for OCSP signing", .by = &leaf);
	EXPECT(SW_OCSP_UNKNOWN, "expired", .by = &old_delegate);
	EXPECT(SW_OCSP_UNKNOWN, "weak digest", .sha1_signature = true);
	EXPECT(SW_OCSP_UNKNOWN, "signature is wrong", .status = V_OCSP_CERTSTATUS_UNKNOWN, .forged = true);
	/* who is not believed can not condemn either */
	EXPECT(SW_OCSP_UNKNOWN, "neither by", .by = &other_ca, .status = V_OCSP_CERTSTATUS_REVOKED);
}

static void test_bytes(void **state)
{
	static char huge[SW_OCSP_BYTES_MAX + 1];
	struct answer plainly = { 0 };
	struct sw_buf b = make(&plainly);
	struct sw_ocsp_result r;

	(void)state;
	for (size_t n = 0; n < b.len; n++) {
		sw_ocsp_judge(&r, (struct sw_str){ b.data, n }, leaf.x, ca.x, NOW);
		assert_int_equal(r.status, SW_OCSP_UNKNOWN);
	}
	for (size_t n = 0; n < b.len; n++) {
		b.data[n] ^= 1;
		sw_ocsp_judge(&r, sw_buf_view(&b), leaf.x, ca.x, NOW);
		/* what isn't signed is the frame, the signer's certificate beside it, and unused bits */
		assert_true(r.status != SW_OCSP_REVOKED);
		b.data[n] ^= 1;
	}
	EXPECT(SW_OCSP_UNKNOWN, "no OCSP answer", .added = 1);
	sw_ocsp_judge(&r, (struct sw_str){ huge, sizeof(huge) }, leaf.x, ca.x, NOW);
	assert_string_equal(r.text, "it is no OCSP answer");
	sw_buf_free(&b);
}

static void test_request(void **state)
{
	const unsigned char *p;
	OCSP_REQUEST *rq;
	OCSP_CERTID *id;
	struct sw_buf b;

	(void)state;
	sw_buf_init(&b, 0);
	assert_int_equal(sw_ocsp_request(&b, leaf.x, ca.x), 0);
	p = (const unsigned char *)b.data;
	rq = d2i_OCSP_REQUEST(NULL, &p, (long)b.len);
	assert_non_null(rq);
	assert_int_equal(OCSP_request_onereq_count(rq), 1);
	id = OCSP_cert_to_id(EVP_sha1(), leaf.x, ca.x);
	assert_int_equal(OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(rq, 0)), id), 0);
	assert_true(OCSP_REQUEST_get_ext_by_NID(rq, NID_id_pkix_OCSP_Nonce, -1) < 0);
	OCSP_CERTID_free(id);
	OCSP_REQUEST_free(rq);
	sw_buf_free(&b);
}

static X509 *with_ext(int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	X509 *x = X509_dup(leaf.x);

	assert_non_null(ext);
	assert_true(X509_add_ext(x, ext, -1));
	X509_EXTENSION_free(ext);
	return x;
}

static void expect_url(const char *aia, const char *expected)
{
	X509 *x = with_ext(NID_info_access, aia);
	char url[SW_HTTP_URL_MAX + 1];
	bool found = sw_ocsp_url(url, x);

	assert_int_equal(found, expected != NULL);
	if (expected)
		assert_string_equal(url, expected);
	X509_free(x);
}

static void test_url(void **state)
{
	char url[SW_HTTP_URL_MAX + 1];

	(void)state;
	assert_false(sw_ocsp_url(url, leaf.x));
	expect_url("OCSP;URI:http://ocsp.example.net/a", "http://ocsp.example.net/a");
	expect_url("caIssuers;URI:http://ca.example.net/x,OCSP;URI:HTTP://ocsp.example.net", "HTTP://ocsp.example.net");
	expect_url("OCSP;URI:ldap://ocsp.example.net,OCSP;URI:http://second.example.net", "http://second.example.net");
	/* asking over TLS would need an answer about that server first */
	expect_url("OCSP;URI:https://ocsp.example.net", NULL);
	expect_url("OCSP;DNS:ocsp.example.net", NULL);
	expect_url("caIssuers;URI:http://ca.example.net/x", NULL);
}

static void expect_must(const char *feature, bool must)
{
	X509 *x = with_ext(NID_tlsfeature, feature);

	assert_int_equal(sw_ocsp_must_staple(x), must);
	X509_free(x);
}

static void test_must_staple(void **state)
{
	X509_EXTENSION *ext;
	ASN1_OBJECT *obj = OBJ_nid2obj(NID_tlsfeature);
	ASN1_OCTET_STRING *bad = ASN1_OCTET_STRING_new();
	X509 *x = X509_dup(leaf.x);

	(void)state;
	assert_false(sw_ocsp_must_staple(leaf.x));
	expect_must("status_request", true);
	expect_must("17,5", true);
	expect_must("17", false);
	ASN1_OCTET_STRING_set(bad, (const unsigned char *)"\x04\x01", 2);
	ext = X509_EXTENSION_create_by_OBJ(NULL, obj, 0, bad);
	assert_true(X509_add_ext(x, ext, -1));
	assert_true(sw_ocsp_must_staple(x));
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(bad);
	X509_free(x);
}

/* Who may answer is the issuer in the chain that verified, whoever else bears its name. */
static void test_issuer(void **state)
{
	struct party namesake = issue("CA", NULL, 1, NULL, true, 3000);
	struct sw_chain_result r = { .reason = SW_R_OK };
	STACK_OF(X509) *sent = sk_X509_new_null();

	(void)state;
	assert_true(sk_X509_push(sent, namesake.x) && X509_digest(ca.x, EVP_sha256(), r.issuer, NULL));
	assert_null(sw_ocsp_issuer(&r, leaf.x, sent, NULL));
	assert_true(sk_X509_push(sent, ca.x));
	assert_ptr_equal(sw_ocsp_issuer(&r, leaf.x, sent, NULL), ca.x);
	sk_X509_free(sent);
	party_free(&namesake);
}

/* --- the memory of answers --- */

static X509 *asked;                      /* leaf, with a responder's URL */

static bool look(struct sw_ocsps *c, int64_t now, enum sw_ocsp_status status, const char *text)
{
	uint8_t key[SW_OCSP_KEY_LEN];
	struct sw_ocsp_result r;
	bool first = sw_ocsps_look(c, asked, ca.x, now, &r, key);

	if (r.status != status || !strstr(r.text, text))
		fail_msg("status %d, \"%s\"", r.status, r.text);
	return first;
}

static enum sw_ocsp_news put(struct sw_ocsps *c, const struct sw_ocsp_due *due, const struct answer *a, int64_t now, char *why)
{
	struct sw_buf b = make(a);
	enum sw_ocsp_news news = sw_ocsps_put(c, due->key, sw_buf_view(&b), now, why);

	sw_buf_free(&b);
	return news;
}

#define PUT(NOW_, ...) put(c, &due, &(struct answer){ __VA_ARGS__ }, NOW_, why)

static void test_answers_are_kept_and_asked_for_again(void **state)
{
	char why[SW_HTTP_DETAIL_MAX];
	struct sw_ocsp_due due;
	struct sw_ocsps *c;

	(void)state;
	asked = with_ext(NID_info_access, "OCSP;URI:http://ocsp.example.net/a");
	assert_int_equal(sw_ocsps_new(&c), 0);
	assert_false(sw_ocsps_due(c, NOW, &due));
	assert_true(look(c, NOW, SW_OCSP_UNKNOWN, "not answered yet"));
	assert_true(sw_ocsps_due(c, NOW, &due));
	assert_string_equal(due.url, "http://ocsp.example.net/a");
	assert_true(due.request_len > 60);
	assert_true(look(c, NOW, SW_OCSP_UNKNOWN, "not answered yet"));
	assert_false(sw_ocsps_due(c, NOW, &due));   /* it is being asked */
	sw_ocsps_give_up(c, due.key);
	assert_false(look(c, NOW, SW_OCSP_UNKNOWN, "not answered yet"));

	sw_ocsps_failed(c, due.key, NOW, "HTTP 500");
	assert_false(look(c, NOW, SW_OCSP_UNKNOWN, "HTTP 500"));
	assert_false(sw_ocsps_due(c, NOW + 9, &due));
	assert_true(sw_ocsps_due(c, NOW + 12, &due));
	assert_int_equal(PUT(NOW, .begin = -2, .end = 6), SW_OCSP_TAKEN);
	assert_false(look(c, NOW, SW_OCSP_GOOD, ""));
	/* half of its time is two days from now; a tenth later at most */
	assert_false(sw_ocsps_due(c, NOW + 2 * DAY - 1, &due));
	assert_false(look(c, NOW + 2 * DAY, SW_OCSP_GOOD, ""));
	assert_true(sw_ocsps_due(c, NOW + 2 * DAY + DAY / 4, &due));
	/* what fails meanwhile, or is older, changes nothing */
	assert_int_equal(PUT(NOW, .begin = -3, .end = 6), SW_OCSP_REFUSED);
	assert_non_null(strstr(why, "older"));
	assert_int_equal(PUT(NOW, .by = &other_ca), SW_OCSP_REFUSED);
	assert_false(look(c, NOW + 6 * DAY, SW_OCSP_GOOD, ""));
	assert_false(look(c, NOW + 7 * DAY, SW_OCSP_UNKNOWN, "out of date: it is signed neither"));
	assert_int_equal(PUT(NOW, .status = V_OCSP_CERTSTATUS_REVOKED, .reason = -1), SW_OCSP_REVOKES);
	assert_int_equal(PUT(NOW, .status = V_OCSP_CERTSTATUS_REVOKED, .reason = -1), SW_OCSP_TAKEN);
	look(c, NOW + 60 * DAY, SW_OCSP_REVOKED, "revoked");
	/* an answer past its end is no reason to ask without pause */
	assert_int_equal(PUT(NOW + 60 * DAY, .status = V_OCSP_CERTSTATUS_REVOKED, .reason = -1), SW_OCSP_TAKEN);
	assert_false(sw_ocsps_due(c, NOW + 60 * DAY + 3599, &due));
	/* nobody came with it for more than a day: it is not asked for again, and forgotten */
	sw_ocsps_refresh(c, NOW + 61 * DAY + 1);
	assert_false(sw_ocsps_due(c, NOW + 61 * DAY + 2, &due));
	assert_true(look(c, NOW + 61 * DAY + 2, SW_OCSP_UNKNOWN, "not answered yet"));
	sw_ocsps_unref(c);
	X509_free(asked);
}

static int setup(void **state)
{
	(void)state;
	ca = issue("CA", NULL, 1, NULL, true, 3000);
	other_ca = issue("Other CA", NULL, 1, NULL, true, 3000);
	leaf = issue("leaf", &ca, 17, "serverAuth", false, 90);
	sibling = issue("sibling", &ca, 18, "serverAuth", false, 90);
	delegate = issue("responder", &ca, 19, "OCSPSigning", false, 90);
	far_delegate = issue("responder", &other_ca, 19, "OCSPSigning", false, 90);
	plain = issue("no purpose", &ca, 20, NULL, false, 90);
	any_use = issue("any purpose", &ca, 21, "anyExtendedKeyUsage", false, 90);
	old_delegate = issue("old responder", &ca, 22, "OCSPSigning", false, -1);
	return 0;
}

static int teardown(void **state)
{
	struct party *all[] = { &ca, &other_ca, &leaf, &sibling, &delegate, &far_delegate, &plain, &any_use, &old_delegate };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		party_free(all[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),    cmocka_unit_test(test_revoked), cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_dates),   cmocka_unit_test(test_signers), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_request), cmocka_unit_test(test_url),     cmocka_unit_test(test_must_staple),
		cmocka_unit_test(test_issuer),  cmocka_unit_test(test_answers_are_kept_and_asked_for_again),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
