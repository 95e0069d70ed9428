/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/keystore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include "tls/tls_int.h"

enum { KEY_FILE_MAX = 64 << 10, RSA_BITS_MIN = 2048 };

/* Without this OpenSSL would ask on the terminal, and wait. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	*(bool *)arg = true;
	return -1;
}

static BIO *open_key(const char *path, struct sw_diag *diag)
{
	struct stat st;
	BIO *bio = NULL;
	FILE *f;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "the key cannot be read: %s", strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size > KEY_FILE_MAX) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "is not a key file");
	} else if (st.st_mode & (S_IROTH | S_IWOTH)) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "the key is open to every user of this machine: chmod 0640 or 0600");
	} else if ((f = fdopen(fd, "r"))) {
		fd = -1;
		/* unbuffered, so that no copy of the key stays behind in freed stdio memory */
		setvbuf(f, NULL, _IONBF, 0);
		bio = BIO_new_fp(f, BIO_CLOSE);
		if (!bio)
			fclose(f);
	}
	if (fd >= 0)
		close(fd);
	return bio;
}

static EVP_PKEY *read_key(const char *path, struct sw_diag *diag)
{
	BIO *bio = open_key(path, diag);
	bool encrypted = false;
	EVP_PKEY *key;
	char text[128];

	if (!bio)
		return NULL;
	ERR_clear_error();
	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted);
	BIO_free(bio);
	if (key)
		return key;
	sw_openssl_error(text, sizeof(text));
	if (encrypted)
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "the key is encrypted: sipward has nobody to ask for the passphrase");
	else
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "holds no usable private key: %s", text);
	return NULL;
}

int sw_keystore_use(SSL_CTX *ctx, const char *path, struct sw_diag *diag)
{
	EVP_PKEY *key = read_key(path, diag);
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
