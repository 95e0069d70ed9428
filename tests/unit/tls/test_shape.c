/* SPDX-License-Identifier: Apache-2.0 */
/* The form of a chain as a server sends it: every way it goes wrong, and bounds whatever comes. */
#include "lab.h"
#include "tls/shape.h"

static int make_lab(void **state)
{
	(void)state;
	return lab_make("partner,partner-nochain,selfsigned,rogue,eku-server-chain");
}

/* The certificates of these files, "name" for all of one or "name:0" for one of them; at most 100. */
static STACK_OF(X509) *sent(size_t n, const char *const *names)
{
	STACK_OF(X509) *out = sk_X509_new_null();

	for (size_t i = 0; i < n; i++) {
		char name[40];
		const char *colon = strchr(names[i], ':');
		STACK_OF(X509) *all;

		snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - names[i]) : 39, names[i]);
		all = lab_certs(name);
		for (int k = 0; k < sk_X509_num(all); k++)
			if (!colon || atoi(colon + 1) == k) {
				X509_up_ref(sk_X509_value(all, k));
				sk_X509_push(out, sk_X509_value(all, k));
			}
		sk_X509_pop_free(all, X509_free);
	}
	return out;
}

static struct sw_chain_shape shape_of(const char *ca, const char *ca2, size_t n, const char *const *names)
{
	struct sw_trust *trust = ca ? lab_trust(ca, ca2, NULL) : NULL;
	STACK_OF(X509) *chain = sent(n, names);
	struct sw_chain_shape s;

	sw_chain_shape(&s, chain, trust);
	sk_X509_pop_free(chain, X509_free);
	sw_trust_free(trust);
	return s;
}
#define SHAPE(ca, ca2, ...) \
	shape_of(ca, ca2, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), (const char *const[]){ __VA_ARGS__ })

static void whole(void **state)
{
	struct sw_chain_shape s = SHAPE("root.pem", NULL, "partner");

	(void)state;
	assert_int_equal(s.n, 2);
	assert_true(s.ordered && s.complete && s.root_known);
	assert_false(s.root_sent || s.helped || s.leaf_self_signed);
	assert_int_equal(s.extra, 0);
	assert_non_null(strstr(s.root, "Lab Root CA"));
	assert_int_equal(strlen(s.root_sha256), 64);
	assert_int_equal(strlen(s.root_sha1), 40);
}

static void without_its_intermediate(void **state)
{
	struct sw_chain_shape s = SHAPE("root.pem", NULL, "partner-nochain");

	(void)state;
	assert_false(s.complete || s.helped || s.root_known);
	assert_non_null(strstr(s.wants, "Lab Intermediate CA"));
	/* Our own list has it: it works here, and not elsewhere. */
	s = SHAPE("int.pem", "root.pem", "partner-nochain");
	assert_true(s.helped && s.root_known);
	assert_false(s.complete);
}

static void with_its_root(void **state)
{
	struct sw_chain_shape s = SHAPE("root.pem", NULL, "partner", "root");

	(void)state;
	assert_true(s.root_sent && s.complete && s.root_known && s.ordered);
	s = SHAPE("rogue-root.pem", NULL, "partner", "root");
	assert_true(s.complete);
	assert_false(s.root_known);
	/* No list at all. */
	s = SHAPE(NULL, NULL, "partner", "root");
	assert_true(s.complete);
	assert_false(s.root_known);
}

static void out_of_order_and_too_many(void **state)
{
	struct sw_chain_shape s = SHAPE("root.pem", NULL, "partner:0", "int-server", "int");

	(void)state;
	assert_false(s.ordered);
	assert_non_null(strstr(s.misplaced, "Lab Intermediate CA"));
	assert_int_equal(s.extra, 1);
	assert_non_null(strstr(s.extra_one, "Lab Server Only CA"));
	s = SHAPE("root.pem", NULL, "partner", "int-server", "rogue-root");
	assert_true(s.ordered && s.complete);
	assert_int_equal(s.extra, 2);
	/* The same one twice: the second is too many. */
	s = SHAPE("root.pem", NULL, "partner:0", "partner:0", "int");
	assert_int_equal(s.extra, 1);
}

static void one_that_vouches_for_itself(void **state)
{
	struct sw_chain_shape s = SHAPE("root.pem", NULL, "selfsigned");

	(void)state;
	assert_true(s.leaf_self_signed);
	assert_false(s.root_known);
}

static void a_great_many(void **state)
{
	const char *names[100];
	struct sw_chain_shape s;

	(void)state;
	names[0] = "partner";
	for (size_t i = 1; i < 100; i++)
		names[i] = "rogue-root";
	s = shape_of("root.pem", NULL, 100, names);
	assert_int_equal(s.n, 101);
	assert_true(s.complete && s.ordered);
	assert_true(s.extra >= 60);
}

/* Where the missing one is stands in the certificate, and then in a command that somebody pastes. */
static void what_is_to_be_fetched_is_safe_to_paste(void **state)
{
	static const char url[] = "http://ca.example/'$(reboot)' `x`\n\x1b;int.der";
	ACCESS_DESCRIPTION *d = ACCESS_DESCRIPTION_new();
	AUTHORITY_INFO_ACCESS *info = AUTHORITY_INFO_ACCESS_new();
	X509_NAME *name = X509_NAME_new();
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *x = X509_new();
	struct sw_chain_shape s;

	(void)state;
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"issuer", -1, -1, 0);
	X509_set_issuer_name(x, name);
	ASN1_OBJECT_free(d->method);
	d->method = OBJ_nid2obj(NID_ad_ca_issuers);
	d->location->type = GEN_URI;
	d->location->d.uniformResourceIdentifier = ASN1_IA5STRING_new();
	ASN1_STRING_set(d->location->d.uniformResourceIdentifier, url, sizeof(url) - 1);
	sk_ACCESS_DESCRIPTION_push(info, d);
	assert_int_equal(X509_add1_ext_i2d(x, NID_info_access, info, 0, 0), 1);
	sk_X509_push(chain, x);
	sw_chain_shape(&s, chain, NULL);
	assert_string_equal(s.fetch, "http://ca.example/?$(reboot)??`x`??;int.der");
	sk_X509_pop_free(chain, X509_free);
	AUTHORITY_INFO_ACCESS_free(info);
	X509_NAME_free(name);
}

static void files(void **state)
{
	STACK_OF(X509) *chain = sk_X509_new_null(), *rest;
	struct sw_diag diag;

	(void)state;
	sw_diag_init(&diag);
	assert_int_equal(sw_chain_from_files(chain, lab("partner-nochain.pem"), lab("int.pem"), &diag), SW_OK);
	assert_int_equal(sk_X509_num(chain), 2);
	rest = sw_chain_rest(chain);
	assert_int_equal(sk_X509_num(rest), 1);
	sk_X509_free(rest);
	assert_int_equal(sw_chain_from_files(chain, lab("nowhere.pem"), NULL, &diag), SW_ECONF);
	assert_true(lab_diag_has(&diag, SW_DIAG_ERROR, ""));
	sw_diag_free(&diag);
	sk_X509_pop_free(chain, X509_free);
}

static void keys(void **state)
{
	struct sw_conf_cert good = { .cert = lab_kept("partner.pem"), .key = lab_kept("partner.key") },
			    bad = { .cert = good.cert, .key = lab_kept("rogue.key") };
	struct sw_diag diag;

	(void)state;
	sw_diag_init(&diag);
	assert_int_equal(sw_chain_key_fits(&good, &diag), SW_OK);
	assert_true(sw_chain_key_fits(&bad, &diag) < 0);
	assert_true(diag.n > 0);
	sw_diag_free(&diag);
	free(good.cert);
	free(good.key);
	free(bad.key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(without_its_intermediate),
		cmocka_unit_test(with_its_root),
		cmocka_unit_test(out_of_order_and_too_many),
		cmocka_unit_test(one_that_vouches_for_itself),
		cmocka_unit_test(a_great_many),
		cmocka_unit_test(what_is_to_be_fetched_is_safe_to_paste),
		cmocka_unit_test(files),
		cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, make_lab, lab_remove);
}
