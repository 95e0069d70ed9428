/* SPDX-License-Identifier: Apache-2.0 */
/* What names a certificate gives: RFC 5922 7.1 and the ways of getting it wrong. */
#include "lab.h"
#include "tls/x509.h"

static struct sw_identity *identity(const char *name)
{
	STACK_OF(X509) *certs = lab_certs(name);
	struct sw_identity *id = NULL;

	assert_int_equal(sw_identity_from_x509(&id, sk_X509_value(certs, 0)), 0);
	sk_X509_pop_free(certs, X509_free);
	return id;
}

/* Every certificate's names, as "type value host scheme flags"; '-' for what is not there. */
static void describe(const struct sw_identity *id, char *dst, size_t size)
{
	size_t n = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < id->n_names; i++) {
		const struct sw_name *m = &id->names[i];

		n += (size_t)snprintf(dst + n, size - n, "%s%s %s %s %s%s%s", i ? " | " : "", sw_name_type_name(m->type), m->value,
				      m->host ? m->host : "-", m->scheme ? m->scheme : "-", m->user ? " user" : "",
				      m->malformed ? " malformed" : "");
		assert_true(n < size);
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *cert, *names;
	} cases[] = {
		{ "uri-dns", "uri sip:a.example.net a.example.net sip | dns b.example.net b.example.net - | cn b.example.net b.example.net -" },
		{ "uri-only", "uri sip:partner.example.net partner.example.net sip" },
		{ "uri-case", "uri SIP:Partner.Example.NET partner.example.net sip" },
		{ "sips-uri", "uri sips:partner.example.net - sips" },
		{ "uri-user", "uri sip:bob@partner.example.net - sip user" },
		{ "cn-only", "cn partner.example.net partner.example.net -" },
		{ "wildcard", "dns *.example.net *.example.net - | cn *.example.net *.example.net -" },
		{ "ip-only", "ip 192.0.2.7 - - | ip 2001:db8::7 - - | cn partner.example.net partner.example.net -" },
		{ "srv-id", "srv _sips.partner.example.net partner.example.net sips" },
		{ "email-only", "email sip@partner.example.net - -" },
		{ "nul-san", "dns partner.example.net\\x00.evil.example - - malformed" },
		{ "bit8-san", "dns p\\xe4rtner.example.net - - malformed" },
		{ "empty-label", "dns partner..example.net - - malformed" },
		{ "root", "cn Lab Root CA - -" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sw_identity *id = identity(cases[i].cert);
		char text[1024];

		describe(id, text, sizeof(text));
		assert_string_equal(text, cases[i].names);
		assert_false(id->malformed);
		sw_identity_free(id);
	}
}

static void test_san_presence(void **state)
{
	struct sw_identity *id = identity("cn-only");

	(void)state;
	assert_false(id->has_san);
	sw_identity_free(id);
	id = identity("ip-only");
	assert_true(id->has_san);
	sw_identity_free(id);
}

/* An unreadable extension must not look like one that is absent, or the CN would come to count. */
static void test_unreadable_san(void **state)
{
	struct sw_identity *id = identity("broken-san");

	(void)state;
	assert_true(id->malformed);
	assert_true(id->has_san);
	assert_int_equal(id->n_names, 1);
	assert_int_equal(id->names[0].type, SW_NAME_CN);
	sw_identity_free(id);
}

/* A certificate with the given SAN (OpenSSL's notation, or NULL) and CNs, signed by itself. */
static X509 *make_cert(const char *san, const char *const *cns, size_t n_cns)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	X509V3_CTX v3;

	ASN1_INTEGER_set(X509_get_serialNumber(x), 0x1234);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	for (size_t i = 0; i < n_cns; i++)
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cns[i], -1, -1, 0);
	X509_set_version(x, X509_VERSION_3);
	X509_set_pubkey(x, key);
	if (san) {
		X509_EXTENSION *ext;

		X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
		ext = X509V3_EXT_nconf_nid(NULL, &v3, NID_subject_alt_name, san);
		assert_non_null(ext);
		X509_add_ext(x, ext, -1);
		X509_EXTENSION_free(ext);
	}
	X509_sign(x, key, EVP_sha256());
	EVP_PKEY_free(key);
	return x;
}

static void check_san(const char *san, const char *names)
{
	X509 *x = make_cert(san, NULL, 0);
	struct sw_identity *id = NULL;
	char text[4096];

	assert_int_equal(sw_identity_from_x509(&id, x), 0);
	describe(id, text, sizeof(text));
	assert_string_equal(text, names);
	sw_identity_free(id);
	X509_free(x);
}

static void test_odd_names(void **state)
{
	static const char label64[] = "a234567890123456789012345678901234567890123456789012345678901234";
	char san[200], names[400];

	(void)state;
	check_san("DNS:Edge.Example.COM.", "dns Edge.Example.COM. edge.example.com -");
	check_san("DNS:f*.example.com", "dns f*.example.com - -");
	check_san("DNS:a.*.example.com", "dns a.*.example.com - -");
	check_san("DNS:*", "dns * - -");
	check_san("DNS:.example.com", "dns .example.com - - malformed");
	check_san("DNS:a b.example.com", "dns a b.example.com - - malformed");
	check_san("DNS:a/b", "dns a/b - - malformed");
	check_san("DNS:xn--mnchen-3ya.example", "dns xn--mnchen-3ya.example xn--mnchen-3ya.example -");
	check_san("URI:sip:a.example:5061;transport=tls", "uri sip:a.example:5061;transport=tls a.example sip");
	check_san("URI:sip:a.example:", "uri sip:a.example: - sip malformed");
	check_san("URI:sip:a.example;x=b@c.example", "uri sip:a.example;x=b@c.example - sip user");
	check_san("URI:sip:@c.example", "uri sip:@c.example - sip user");
	check_san("URI:sip:", "uri sip: - sip malformed");
	check_san("URI:sip://a.example", "uri sip://a.example - sip malformed");
	check_san("URI:sip:*.example", "uri sip:*.example - sip");
	check_san("URI:sip:[2001:db8::1]:5061", "uri sip:[2001:db8::1]:5061 - sip");
	check_san("URI:sip:[nonsense]", "uri sip:[nonsense] - sip malformed");
	check_san("URI:a.example", "uri a.example - - malformed");
	check_san("URI:im:a.example", "uri im:a.example - im");
	check_san("otherName:1.3.6.1.5.5.7.8.7;IA5STRING:sip.a.example", "srv sip.a.example - - malformed");
	check_san("otherName:1.3.6.1.5.5.7.8.7;UTF8:_sip.a.example", "other 1.3.6.1.5.5.7.8.7 - -");
	check_san("RID:1.2.3.4", "other name of another kind - -");
	snprintf(san, sizeof(san), "DNS:%s.example", label64);
	snprintf(names, sizeof(names), "dns %s.example - - malformed", label64);
	check_san(san, names);
}

static void test_last_cn(void **state)
{
	static const char *const cns[] = { "first.example", "last.example" };
	static const char *const person[] = { "M\xc3\xbcller GmbH" };
	X509 *x = make_cert(NULL, cns, 2);
	struct sw_identity *id = NULL;

	(void)state;
	assert_int_equal(sw_identity_from_x509(&id, x), 0);
	assert_int_equal(id->n_names, 1);
	assert_string_equal(id->names[0].host, "last.example");
	assert_string_equal(id->serial, "1234");
	sw_identity_free(id);
	X509_free(x);

	x = make_cert(NULL, person, 1);
	assert_int_equal(sw_identity_from_x509(&id, x), 0);
	assert_int_equal(id->n_names, 1);
	assert_null(id->names[0].host);
	assert_false(id->names[0].malformed);
	sw_identity_free(id);
	X509_free(x);
}

/* More names than SW_NAMES_MAX: none of them counts. */
static void test_too_many(void **state)
{
	char *san = malloc(40000);
	size_t n = 0;
	struct sw_identity *id = NULL;
	X509 *x;

	(void)state;
	for (int i = 0; i <= SW_NAMES_MAX; i++)
		n += (size_t)sprintf(san + n, "%sDNS:h%d.example", i ? "," : "", i);
	x = make_cert(san, NULL, 0);
	assert_int_equal(sw_identity_from_x509(&id, x), 0);
	assert_true(id->malformed);
	assert_int_equal(id->n_names, 0);
	sw_identity_free(id);
	X509_free(x);
	free(san);
}

static void test_long_name(void **state)
{
	char san[3000] = "URI:sip:";
	struct sw_identity *id = NULL;
	X509 *x;

	(void)state;
	memset(san + 8, 'a', 2500);
	x = make_cert(san, NULL, 0);
	assert_int_equal(sw_identity_from_x509(&id, x), 0);
	assert_true(id->names[0].malformed);
	assert_null(id->names[0].host);
	assert_true(strlen(id->names[0].value) < 1100);
	sw_identity_free(id);
	X509_free(x);
}

static void test_facts(void **state)
{
	struct sw_identity *id = identity("edge-rsa2048");
	uint8_t zero[32] = { 0 };

	(void)state;
	assert_string_equal(id->subject, "CN=edge.example.com,O=sipward lab");
	assert_string_equal(id->issuer, "CN=Lab Intermediate CA,O=sipward lab");
	assert_string_equal(id->key_type, "RSA");
	assert_int_equal(id->key_bits, 2048);
	assert_string_equal(id->sig_digest, "SHA256");
	assert_int_equal(id->eku, SW_EKU_SERVER | SW_EKU_CLIENT);
	assert_in_range(id->not_after - id->not_before, 364 * 86400, 366 * 86400);
	assert_memory_not_equal(id->spki_sha256, zero, 32);
	assert_memory_not_equal(id->cert_sha256, id->spki_sha256, 32);
	sw_identity_free(id);
	id = identity("eku-sip");
	assert_int_equal(id->eku, SW_EKU_SIPDOMAIN);
	sw_identity_free(id);
	id = identity("eku-any");
	assert_int_equal(id->eku, SW_EKU_ANYEKU);
	sw_identity_free(id);
	id = identity("eku-none");
	assert_int_equal(id->eku, SW_EKU_NONE);
	sw_identity_free(id);
}

/* The pin operators compute: openssl x509 -pubkey | openssl pkey -pubin -outform DER | sha256sum */
static void test_spki_pin(void **state)
{
	struct sw_identity *id = identity("cn-only");
	char cmd[512], hex[65], shown[65] = "";
	FILE *f;

	(void)state;
	snprintf(cmd, sizeof(cmd), "openssl x509 -in %s -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum", lab("cn-only.pem"));
	f = popen(cmd, "r");
	assert_non_null(f);
	assert_int_equal(fread(shown, 1, 64, f), 64);
	pclose(f);
	sw_hex(hex, id->spki_sha256, 32);
	assert_string_equal(hex, shown);
	sw_identity_free(id);
}

static void test_names_text(void **state)
{
	struct sw_identity *id = identity("uri-dns");
	char text[128], small[24];

	(void)state;
	assert_string_equal(sw_identity_names_text(id, text, sizeof(text)), "uri:sip:a.example.net, dns:b.example.net, cn:b.example.net");
	assert_string_equal(sw_identity_names_text(id, small, sizeof(small)), "uri:sip:a.example.ne...");
	assert_string_equal(sw_identity_names_text(NULL, text, sizeof(text)), "");
	sw_identity_free(id);
}

static int setup(void **state)
{
	(void)state;
	return lab_make("uri-dns,uri-only,uri-case,sips-uri,uri-user,cn-only,wildcard,ip-only,srv-id,email-only,nul-san,bit8-san,"
			"empty-label,broken-san,edge-rsa2048,eku-sip,eku-any,eku-none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_san_presence),
		cmocka_unit_test(test_unreadable_san),
		cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_last_cn),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_spki_pin),
		cmocka_unit_test(test_names_text),
	};

	return cmocka_run_group_tests(tests, setup, lab_remove);
}
