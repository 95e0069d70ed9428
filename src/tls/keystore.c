/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/keystore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include "tls/lent.h"
#include "tls/tls_int.h"

enum { KEY_FILE_MAX = 64 << 10, RSA_BITS_MIN = 2048, PASSPHRASE_MAX = 1024 };

/* What the PEM reader asks back for, once or more. */
struct asked {
	const char *spec;            /* sw_conf_cert.key_password, or NULL */
	struct sw_diag *diag;
	bool encrypted;              /* it did ask */
	int n;                       /* length of text; -1: there is none, and diag says why */
	char text[PASSPHRASE_MAX];
};

/* A secret is as private as a key: a regular file that not every user of the machine may read. */
static int open_private(const char *path, const char *what, struct sw_diag *diag)
{
	struct stat st;
	int fd = sw_lent_open(path);

	if (fd < 0 || fstat(fd, &st) < 0)
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "the %s cannot be read: %s", what, strerror(errno));
	else if (!S_ISREG(st.st_mode) || st.st_size > KEY_FILE_MAX)
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "is not a %s file", what);
	else if (st.st_mode & (S_IROTH | S_IWOTH))
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "the %s is open to every user of this machine: chmod 0640 or 0600", what);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return SW_ECONF;
}

int sw_keystore_secret_path(const char *spec, char *dst, size_t size)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	int n = -1;

	if (strncmp(spec, "file:", 5) == 0)
		n = snprintf(dst, size, "%s", spec + 5);
	else if (strncmp(spec, "credential:", 11) == 0 && dir)
		n = snprintf(dst, size, "%s/%s", dir, spec + 11);
	return n < 0 || (size_t)n >= size ? SW_ENOTFOUND : SW_OK;
}

/* The first line of the file, without its end. */
static void passphrase_of_file(struct asked *a, const char *path)
{
	ssize_t got = 0;
	int fd = open_private(path, "passphrase", a->diag);

	if (fd < 0)
		return;
	a->n = 0;
	while (a->n < PASSPHRASE_MAX && (got = read(fd, a->text + a->n, (size_t)(PASSPHRASE_MAX - a->n))) > 0)
		a->n += (int)got;
	close(fd);
	for (int i = 0; i < a->n; i++)
		if (a->text[i] == '\n' || a->text[i] == '\r')
			a->n = i;
	if (got >= 0 && a->n > 0 && a->n < PASSPHRASE_MAX)
		return;
	sw_diag_add(a->diag, SW_DIAG_ERROR, path, 0, "the passphrase must stand on the first line, with at most %d bytes", PASSPHRASE_MAX - 1);
	a->n = -1;
}

static void find_passphrase(struct asked *a)
{
	char path[4096];
	const char *value;

	a->n = -1;
	if (strncmp(a->spec, "env:", 4) == 0) {
		value = getenv(a->spec + 4);
		if (value && *value && strlen(value) < PASSPHRASE_MAX)
			a->n = snprintf(a->text, sizeof(a->text), "%s", value);
		else
			sw_diag_add(a->diag, SW_DIAG_ERROR, NULL, 0, "key_password: there is no passphrase in the environment's %s", a->spec + 4);
	} else if (sw_keystore_secret_path(a->spec, path, sizeof(path)) < 0) {
		sw_diag_add(a->diag, SW_DIAG_ERROR, NULL, 0,
			    "key_password: \"%s\" needs LoadCredential=%s:FILE in the unit: CREDENTIALS_DIRECTORY is not set", a->spec,
			    a->spec + 11);
	} else {
		passphrase_of_file(a, path);
	}
}

/* Without this OpenSSL would ask on the terminal, and wait. */
static int on_passphrase(char *buf, int size, int rwflag, void *arg)
{
	struct asked *a = arg;

	(void)rwflag;
	if (a->spec && !a->encrypted)
		find_passphrase(a);
	a->encrypted = true;
	if (!a->spec || a->n < 0 || a->n > size)
		return -1;
	memcpy(buf, a->text, (size_t)a->n);
	return a->n;
}

static BIO *open_key(const char *path, struct sw_diag *diag)
{
	int fd = open_private(path, "key", diag);
	BIO *bio = NULL;
	FILE *f;

	if (fd < 0)
		return NULL;
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return NULL;
	}
	/* unbuffered, so that no copy of the key stays behind in freed stdio memory */
	setvbuf(f, NULL, _IONBF, 0);
	bio = BIO_new_fp(f, BIO_CLOSE);
	if (!bio)
		fclose(f);
	return bio;
}

static void explain(const struct asked *a, const char *path)
{
	char text[128];

	sw_openssl_error(text, sizeof(text));
	if (a->encrypted && !a->spec)
		sw_diag_add(a->diag, SW_DIAG_ERROR, path, 0,
			    "the key is encrypted: say where its passphrase is, key_password = \"file:PATH\" (or credential:NAME, env:NAME)");
	else if (a->encrypted && a->n >= 0)
		sw_diag_add(a->diag, SW_DIAG_ERROR, path, 0, "the passphrase of key_password = \"%s\" does not open this key", a->spec);
	else if (a->encrypted)
		sw_diag_add(a->diag, SW_DIAG_ERROR, path, 0, "the key is encrypted, and its passphrase could not be had");
	else
		sw_diag_add(a->diag, SW_DIAG_ERROR, path, 0, "holds no usable private key: %s", text);
}

static EVP_PKEY *read_key(const char *path, const char *password, struct sw_diag *diag)
{
	struct asked a = { .spec = password, .diag = diag };
	BIO *bio = open_key(path, diag);
	EVP_PKEY *key;

	if (!bio)
		return NULL;
	ERR_clear_error();
	key = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, &a);
	BIO_free(bio);
	if (!key)
		explain(&a, path);
	else if (password && !a.encrypted)
		sw_diag_add(diag, SW_DIAG_WARN, path, 0, "the key is not encrypted: key_password has no effect");
	OPENSSL_cleanse(a.text, sizeof(a.text));
	return key;
}

int sw_keystore_use(SSL_CTX *ctx, const char *path, const char *password, struct sw_diag *diag)
{
	EVP_PKEY *key = read_key(path, password, diag);
	X509 *leaf = SSL_CTX_get0_certificate(ctx);
	int err = SW_ECONF;
	char text[128];

	if (!key)
		return SW_ECONF;
	ERR_clear_error();
	if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) < RSA_BITS_MIN) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "RSA %d bits is too weak: at least %d, better 3072",
			    EVP_PKEY_get_bits(key), RSA_BITS_MIN);
	} else if (!leaf || !X509_check_private_key(leaf, key)) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "the key does not belong to the certificate");
	} else if (SSL_CTX_use_PrivateKey(ctx, key) != 1) {
		sw_openssl_error(text, sizeof(text));
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "the key cannot be used: %s", text);
	} else {
		err = SW_OK;
	}
	EVP_PKEY_free(key);
	ERR_clear_error();
	return err;
}
