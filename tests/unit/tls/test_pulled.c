/* SPDX-License-Identifier: Apache-2.0 */
/* Fetched trust lists: what is taken for one, what may take another's place, and what lies on disk. */
#include <time.h>
#include "core/buf.h"
#include "lab.h"
#include "tls/pulled.h"

static struct sw_buf text_of(const char *const *names)
{
	struct sw_buf b;
	char line[512];
	FILE *f;

	sw_buf_init(&b, 0);
	for (; *names; names++) {
		f = fopen(lab(*names), "r");
		assert_non_null(f);
		while (fgets(line, sizeof(line), f))
			sw_buf_str(&b, line);
		fclose(f);
	}
	return b;
}

#define TEXT(...) text_of((const char *const[]){ __VA_ARGS__, NULL })

static void taken(struct sw_buf text, size_t n)
{
	char why[SW_PULLED_WHY] = "";
	struct sw_pulled l;

	if (sw_pulled_parse(&l, sw_buf_view(&text), time(NULL), why) != 0)
		fail_msg("refused: %s", why);
	assert_int_equal(l.n, n);
	for (size_t i = 1; i < l.n; i++)
		assert_true(memcmp(l.v[i - 1].digest, l.v[i].digest, 32) < 0);
	sw_pulled_clear(&l);
	sw_buf_free(&text);
}

static void refused(struct sw_buf text, const char *because)
{
	char why[SW_PULLED_WHY] = "";
	struct sw_pulled l;

	assert_true(sw_pulled_parse(&l, sw_buf_view(&text), time(NULL), why) < 0);
	if (!strstr(why, because))
		fail_msg("\"%s\" does not say \"%s\"", why, because);
	sw_buf_free(&text);
}

static void test_what_a_list_is(void **state)
{
	struct sw_buf b;

	(void)state;
	taken(TEXT("root.pem"), 1);
	taken(TEXT("root.pem", "zoneb-root.pem", "rogue-root.pem"), 3);
	taken(TEXT("root.pem", "root.pem"), 1);
	b = TEXT("root.pem");
	sw_buf_str(&b, "Some words, as bundles have them.\n");
	taken(b, 1);
	sw_buf_init(&b, 0);
	refused(b, "no certificate");
	sw_buf_str(&b, "<html>not found</html>");
	refused(b, "no certificate");
	refused(TEXT("root.pem", "partner.pem"), "is not a CA");
	refused(TEXT("root.pem", "partner.key"), "PRIVATE KEY");
	refused(TEXT("root.pem", "crl.pem"), "X509 CRL");
	b = TEXT("root.pem", "zoneb-root.pem");
	b.len -= 40;
	refused(b, "not whole");
	b = TEXT("root.pem");
	sw_buf_put(&b, "\0", 1);
	refused(b, "not a list of PEM");
	b = TEXT("root.pem");
	b.data[200] ^= 1;  /* in the middle of the base64 */
	refused(b, "");
}

/* In twenty years and more its roots have expired. */
static void test_one_root_must_be_alive(void **state)
{
	char why[SW_PULLED_WHY];
	struct sw_buf b = TEXT("root.pem");
	struct sw_pulled l;

	(void)state;
	assert_int_equal(sw_pulled_parse(&l, sw_buf_view(&b), time(NULL) + 60LL * 366 * 86400, why), SW_EPARSE);
	assert_non_null(strstr(why, "has not expired"));
	sw_buf_free(&b);
}

static struct sw_pulled of(size_t n)
{
	return (struct sw_pulled){ NULL, n };
}

static void test_what_may_take_its_place(void **state)
{
	static const struct { size_t old, next; bool may; } cases[] = {
		{ 1, 1, true }, { 1, 5, true }, { 2, 1, true }, { 3, 2, true }, { 3, 1, false }, { 140, 70, true }, { 140, 69, false }, { 140, 1, false },
	};
	char why[SW_PULLED_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sw_pulled old = of(cases[i].old), next = of(cases[i].next);

		if ((sw_pulled_may_replace(&old, &next, why) == SW_OK) != cases[i].may)
			fail_msg("%zu after %zu", cases[i].next, cases[i].old);
	}
}

static void test_digests(void **state)
{
	static const char of_abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	char hex[65], text[100];

	(void)state;
	assert_true(sw_pulled_digest_is(SW_STR("abc"), of_abc));
	assert_true(sw_pulled_digest_is(SW_STR("abc"), "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"));
	assert_false(sw_pulled_digest_is(SW_STR("abd"), of_abc));
	snprintf(text, sizeof(text), "%s  list.pem\n", of_abc);
	assert_int_equal(sw_pulled_digest_of(sw_str_of(text), hex), 0);
	assert_string_equal(hex, of_abc);
	assert_int_equal(sw_pulled_digest_of(sw_str_of(of_abc), hex), 0);
	assert_int_equal(sw_pulled_digest_of((struct sw_str){ of_abc, 63 }, hex), SW_EPARSE);
	snprintf(text, sizeof(text), "%sa", of_abc);
	assert_int_equal(sw_pulled_digest_of(sw_str_of(text), hex), SW_EPARSE);
	snprintf(text, sizeof(text), "SHA256(list.pem)= %s", of_abc);
	assert_int_equal(sw_pulled_digest_of(sw_str_of(text), hex), SW_EPARSE);
}

/* The signature of "abc" by that key, as openssl makes it. */
static size_t sign(const char *how, const char *key, char *dst, size_t size)
{
	char cmd[512];
	size_t n;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "cd %s && printf abc >list && openssl %s %s.key -out list.sig %s", lab_dir, how, key,
		 strstr(how, "pkeyutl") ? "-in list" : "list");
	assert_int_equal(system(cmd), 0);
	f = fopen(lab("list.sig"), "r");
	assert_non_null(f);
	n = fread(dst, 1, size, f);
	fclose(f);
	return n;
}

static bool signed_with(const char *body, struct sw_str signature, const char *a, const char *b, char *why)
{
	char *files[] = { strdup(lab(a)), strdup(lab(b)) };
	const struct sw_strlist keys = { files, 2 };
	int err = sw_pulled_signed(sw_str_of(body), signature, &keys, why);

	free(files[0]);
	free(files[1]);
	return err == SW_OK;
}

static void test_signatures(void **state)
{
	static const struct {
		const char *name, *make, *how;
	} keys[] = {
		{ "sig-ec", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "dgst -sha256 -sign" },
		{ "sig-rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "dgst -sha256 -sign" },
		{ "sig-ed", "-algorithm ED25519", "pkeyutl -sign -rawin -inkey" },
		{ "sig-weak", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024", "dgst -sha256 -sign" },
	};
	char why[SW_PULLED_WHY], cmd[512], bytes[1024], pub[32];

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(cmd, sizeof(cmd), "cd %s && openssl genpkey %s -out %s.key 2>/dev/null && openssl pkey -in %s.key -pubout -out %s.pub",
			 lab_dir, keys[i].make, keys[i].name, keys[i].name, keys[i].name);
		assert_int_equal(system(cmd), 0);
	}
	for (size_t i = 0; i < 3; i++) {
		const struct sw_str s = { bytes, sign(keys[i].how, keys[i].name, bytes, sizeof(bytes)) };
		const char *other = keys[(i + 1) % 3].name;
		char wrong[32];

		snprintf(pub, sizeof(pub), "%s.pub", keys[i].name);
		snprintf(wrong, sizeof(wrong), "%s.pub", other);
		assert_true(signed_with("abc", s, pub, wrong, why));
		assert_true(signed_with("abc", s, wrong, pub, why));   /* any one of them */
		assert_false(signed_with("abc", s, wrong, wrong, why));
		assert_non_null(strstr(why, "none of the 2 keys"));
		assert_false(signed_with("abd", s, pub, pub, why));
		assert_false(signed_with("", s, pub, pub, why));
		assert_false(signed_with("abc", (struct sw_str){ bytes, s.n - 1 }, pub, pub, why));
		assert_false(signed_with("abc", (struct sw_str){ bytes, 0 }, pub, pub, why));
		bytes[s.n / 2] ^= 1;
		assert_false(signed_with("abc", s, pub, pub, why));
		bytes[s.n / 2] ^= 1;
		/* a key that can't be used is a fault, not one that did not sign */
		assert_false(signed_with("abc", s, "absent.pub", pub, why));
		assert_non_null(strstr(why, "absent.pub cannot be read"));
		assert_false(signed_with("abc", s, "root.pem", pub, why));
		assert_non_null(strstr(why, "no public key"));
		assert_int_equal(ERR_peek_error(), 0);
	}
	sign(keys[3].how, keys[3].name, bytes, sizeof(bytes));
	assert_false(signed_with("abc", (struct sw_str){ bytes, 128 }, "sig-weak.pub", "sig-weak.pub", why));
	assert_non_null(strstr(why, "too weak"));
}

static void test_on_disk(void **state)
{
	struct sw_buf b = TEXT("root.pem", "zoneb-root.pem");
	struct sw_pulled l, back;
	char why[SW_PULLED_WHY], path[200];
	int64_t at = 0;

	(void)state;
	snprintf(path, sizeof(path), "%s/trust/x.pem", lab_dir);
	assert_int_equal(sw_pulled_read(&back, path, &at, why), SW_ENOTFOUND);
	assert_int_equal(sw_pulled_parse(&l, sw_buf_view(&b), time(NULL), why), 0);
	assert_int_equal(sw_pulled_store(&l, path, "https://a.example/list.pem"), 0);
	assert_int_equal(sw_pulled_read(&back, path, &at, why), 0);
	assert_int_equal(back.n, 2);
	assert_true(at > time(NULL) - 60);
	for (size_t i = 0; i < 2; i++)
		assert_true(sw_pulled_has(&l, &back.v[i]));
	sw_pulled_clear(&back);
	/* what somebody broke is not half believed */
	assert_int_equal(truncate(path, 900), 0);
	assert_true(sw_pulled_read(&back, path, &at, why) < 0);
	sw_pulled_clear(&l);
	sw_buf_free(&b);
}

static const char zone_conf[] =
	"node = { host = \"a.example\"; state_dir = \"%s\"; };\n"
	"listeners = ( { name = \"m\"; transport = \"mtls\"; addresses = \"127.0.0.1\"; cert = \"c\"; key = \"k\"; } );\n"
	"media = { interfaces = ( { name = \"lo\"; address = \"127.0.0.1\"; } ); };\n"
	"zones = ( { name = \"z\"; listeners = \"m\"; domains = \"partner.example.net\"; targets = \"p.example\"; trust = %s \"https://a.example/l\" ];\n"
	" trust_bootstrap = \"%s/rogue-root.pem\"; %s } );\n";

static struct sw_conf *conf_of(const char *files, const char *more)
{
	struct sw_conf *c = NULL;
	char text[2000];

	snprintf(text, sizeof(text), zone_conf, lab_dir, files, lab_dir, more);
	assert_int_equal(sw_conf_parse(&c, text, "t.conf", NULL), 0);
	return c;
}

static enum sw_reason judged(const struct sw_conf *c, const char *name)
{
	const struct sw_chain_policy policy = { .role = SW_TLS_PEER_IS_CLIENT, .eku = SW_EKU_SERVER_OR_CLIENT, .depth = 4, .now = time(NULL) };
	STACK_OF(X509) *chain = lab_certs(name);
	X509 *leaf = sk_X509_shift(chain);
	struct sw_chain_result r = { 0 };
	struct sw_trust *t = NULL;

	assert_int_equal(sw_trust_load_zone(&t, c, &c->zones[0], NULL), 0);
	sw_chain_judge(&r, leaf, chain, t, &policy);
	sw_trust_free(t);
	X509_free(leaf);
	sk_X509_pop_free(chain, X509_free);
	return r.reason;
}

/* The bootstrap CA made "rogue": it must never count, whatever is there and whatever is not. */
static void test_a_zones_list(void **state)
{
	char path[200], other[200], why[SW_PULLED_WHY], with[100];
	struct sw_buf b = TEXT("root.pem");
	struct sw_pulled l;
	struct sw_conf *c = conf_of("[", ""), *files, *pinned;

	(void)state;
	snprintf(with, sizeof(with), "[ \"%s/root.pem\",", lab_dir);
	files = conf_of(with, "");
	pinned = conf_of("[", "trust_digest = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\";");
	assert_int_equal(judged(c, "partner"), SW_R_TLS_UNKNOWN);
	assert_int_equal(judged(c, "rogue"), SW_R_TLS_UNKNOWN);
	assert_int_equal(judged(files, "partner"), SW_R_OK);
	assert_int_equal(judged(files, "rogue"), SW_R_TLS_UNKNOWN);
	assert_int_equal(sw_pulled_path(path, sizeof(path), c, &c->zones[0], c->zones[0].trust.v[0]), 0);
	assert_int_equal(sw_pulled_parse(&l, sw_buf_view(&b), time(NULL), why), 0);
	assert_int_equal(sw_pulled_store(&l, path, c->zones[0].trust.v[0]), 0);
	assert_int_equal(judged(c, "partner"), SW_R_OK);
	assert_int_equal(judged(c, "rogue"), SW_R_TLS_CHAIN);
	/* got under other conditions, it is another list */
	assert_int_equal(sw_pulled_path(other, sizeof(other), pinned, &pinned->zones[0], pinned->zones[0].trust.v[0]), 0);
	assert_string_not_equal(path, other);
	assert_int_equal(judged(pinned, "partner"), SW_R_TLS_UNKNOWN);
	sw_pulled_clear(&l);
	sw_buf_free(&b);
	sw_conf_unref(c);
	sw_conf_unref(files);
	sw_conf_unref(pinned);
}

static int setup(void **state)
{
	(void)state;
	return lab_make("partner,rogue,revoked,zoneb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_list_is),
		cmocka_unit_test(test_one_root_must_be_alive),
		cmocka_unit_test(test_what_may_take_its_place),
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_on_disk),
		cmocka_unit_test(test_a_zones_list),
	};

	return cmocka_run_group_tests(tests, setup, lab_remove);
}
