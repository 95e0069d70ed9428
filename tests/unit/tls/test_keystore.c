/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys with a passphrase: from where it may come, and what is said when it does not open the key. */
#include "lab.h"
#include "tls/keystore.h"
#include "tls/lent.h"
#include <fcntl.h>

static void shell(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	assert_int_equal(system(cmd), 0);
}

static void put(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(lab(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(lab(name), mode), 0);
}

static int setup(void **state)
{
	(void)state;
	if (lab_make("partner"))
		return -1;
	shell("cd %s && openssl pkcs8 -topk8 -v2 aes-256-cbc -in partner.key -out pkcs8.key -passout pass:'right one' 2>/dev/null", lab_dir);
	shell("cd %s && openssl ec -aes256 -in partner.key -out old.key -passout pass:'right one' 2>/dev/null", lab_dir);
	shell("chmod 0600 %s/*.key", lab_dir);
	put("right", "right one\n", 0600);
	put("right-dos", "right one\r\nsecond line\n", 0640);
	put("wrong", "right  one\n", 0600);
	put("empty", "\nright one\n", 0600);
	put("open", "right one\n", 0644);
	return 0;
}

/* The outcome for that key and that key_password, with what was said. */
static int use(const char *key, const char *password, struct sw_diag *diag)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	int err;

	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_use_certificate_file(ctx, lab("partner.pem"), SSL_FILETYPE_PEM), 1);
	err = sw_keystore_use(ctx, lab(key), password, diag);
	if (err == 0)
		assert_int_equal(SSL_CTX_check_private_key(ctx), 1);
	SSL_CTX_free(ctx);
	return err;
}

static const char *file(const char *name)
{
	static char spec[200];

	snprintf(spec, sizeof(spec), "file:%s", lab(name));
	return spec;
}

static void opens(const char *key, const char *password)
{
	struct sw_diag diag;

	sw_diag_init(&diag);
	assert_int_equal(use(key, password, &diag), 0);
	assert_int_equal(diag.n, 0);
	sw_diag_free(&diag);
}

static void refused(const char *key, const char *password, const char *why)
{
	struct sw_diag diag;

	sw_diag_init(&diag);
	assert_int_equal(use(key, password, &diag), SW_ECONF);
	if (!lab_diag_has(&diag, SW_DIAG_ERROR, why))
		fail_msg("%s with %s: \"%s\" was not said, but \"%s\"", key, password ? password : "nothing", why, diag.n ? diag.entries[0].text : "");
	for (size_t i = 0; i < diag.n; i++)
		assert_null(strstr(diag.entries[i].text, "right one"));
	sw_diag_free(&diag);
}

static void test_from_a_file(void **state)
{
	(void)state;
	opens("pkcs8.key", file("right"));
	opens("pkcs8.key", file("right-dos"));
	opens("old.key", file("right"));
	refused("pkcs8.key", file("wrong"), "does not open this key");
	refused("old.key", file("wrong"), "does not open this key");
	refused("pkcs8.key", file("empty"), "on the first line");
	refused("pkcs8.key", file("absent"), "the passphrase cannot be read");
	refused("pkcs8.key", file("open"), "the passphrase is open to every user");
}

static void test_from_environment_and_credential(void **state)
{
	(void)state;
	setenv("SW_TEST_PASS", "right one", 1);
	opens("pkcs8.key", "env:SW_TEST_PASS");
	setenv("SW_TEST_PASS", "other", 1);
	refused("old.key", "env:SW_TEST_PASS", "does not open this key");
	unsetenv("SW_TEST_PASS");
	refused("old.key", "env:SW_TEST_PASS", "SW_TEST_PASS");
	unsetenv("CREDENTIALS_DIRECTORY");
	refused("pkcs8.key", "credential:right", "LoadCredential=right:FILE");
	setenv("CREDENTIALS_DIRECTORY", lab_dir, 1);
	opens("pkcs8.key", "credential:right");
	refused("pkcs8.key", "credential:wrong", "does not open this key");
	unsetenv("CREDENTIALS_DIRECTORY");
}

/* With a terminal on standard input OpenSSL would ask there: it must not even look. */
static void test_nobody_is_asked(void **state)
{
	(void)state;
	refused("pkcs8.key", NULL, "say where its passphrase is, key_password");
	refused("old.key", NULL, "say where its passphrase is, key_password");
}

static void test_a_passphrase_for_nothing_is_warned_about(void **state)
{
	struct sw_diag diag;

	(void)state;
	sw_diag_init(&diag);
	assert_int_equal(use("partner.key", file("right"), &diag), 0);
	assert_true(lab_diag_has(&diag, SW_DIAG_WARN, "is not encrypted"));
	sw_diag_free(&diag);
}

/* What was lent is read, as often as it is wanted, even where the path leads nowhere for us. */
static void test_lent_files(void **state)
{
	struct sw_lent lent = { 0 };

	(void)state;
	assert_int_equal(sw_lent_add(&lent, lab("no-such.key"), open(lab("partner.key"), O_RDONLY)), 0);
	assert_int_equal(sw_lent_add(&lent, lab("no-such.key"), open(lab("pkcs8.key"), O_RDONLY)), 0);
	assert_int_equal(sw_lent_add(&lent, lab("no-such-pass"), open(lab("right"), O_RDONLY)), 0);
	assert_int_equal(lent.n, 2);
	sw_lent_use(&lent);
	opens("no-such.key", file("no-such-pass"));
	opens("no-such.key", file("no-such-pass"));
	opens("partner.key", NULL);
	sw_lent_use(NULL);
	refused("no-such.key", file("no-such-pass"), "the key cannot be read");
	sw_lent_clear(&lent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_a_file),
		cmocka_unit_test(test_from_environment_and_credential),
		cmocka_unit_test(test_nobody_is_asked),
		cmocka_unit_test(test_a_passphrase_for_nothing_is_warned_about),
		cmocka_unit_test(test_lent_files),
	};

	return cmocka_run_group_tests(tests, setup, lab_remove);
}
