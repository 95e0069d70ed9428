/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include "tls/tls_int.h"

enum {
	PEM_FILE_MAX = 64 << 20,   /* CRLs of large CAs reach tens of MiB */
	PEM_OBJECTS_MAX = 10000,
};

void sw_openssl_error(char *dst, size_t size)
{
	unsigned long e = ERR_get_error();
	const char *text = ERR_reason_error_string(e);

	if (ERR_SYSTEM_ERROR(e))
		text = strerror(ERR_GET_REASON(e));
	snprintf(dst, size, "%s", text ? text : "no reason given");
	ERR_clear_error();
}

/* Regular files only: a FIFO or a device would block or never end. */
static BIO *open_file(const char *path, struct sw_diag *diag)
{
	struct stat st;
	FILE *f = NULL;
	BIO *bio = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "cannot be read: %s", strerror(errno));
		goto fail;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > PEM_FILE_MAX) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "is not a regular file, or larger than %d MiB", PEM_FILE_MAX >> 20);
		goto fail;
	}
	f = fdopen(fd, "r");
	if (!f) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "cannot be read: %s", strerror(errno));
		goto fail;
	}
	fd = -1;
	bio = BIO_new_fp(f, BIO_CLOSE);
	if (bio)
		return bio;
	fclose(f);
fail:
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* After a failed PEM_read: was it the end of the file, after at least one object? */
static int end_of_file(int n, const char *what, const char *path, struct sw_diag *diag)
{
	unsigned long e = ERR_peek_last_error();
	char text[128];

	if (n == PEM_OBJECTS_MAX) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "holds more than %d %ss", PEM_OBJECTS_MAX, what);
		return SW_ECONF;
	}
	if (ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE) {
		ERR_clear_error();
		if (n > 0)
			return SW_OK;
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "holds no %s in PEM form", what);
		return SW_ECONF;
	}
	sw_openssl_error(text, sizeof(text));
	sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "%s %d cannot be read: %s", what, n + 1, text);
	return SW_ECONF;
}

int sw_pem_certs(STACK_OF(X509) *out, const char *path, struct sw_diag *diag)
{
	BIO *bio = open_file(path, diag);
	X509 *x;
	int n = 0;
	int err = SW_OK;

	if (!bio)
		return SW_ECONF;
	ERR_clear_error();
	while (n < PEM_OBJECTS_MAX && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (!sk_X509_push(out, x)) {
			X509_free(x);
			err = SW_ENOMEM;
			goto out;
		}
		n++;
	}
	err = end_of_file(n, "certificate", path, diag);
out:
	BIO_free(bio);
	return err;
}

int sw_pem_crls(STACK_OF(X509_CRL) *out, const char *path, struct sw_diag *diag)
{
	BIO *bio = open_file(path, diag);
	X509_CRL *crl;
	int n = 0;
	int err = SW_OK;

	if (!bio)
		return SW_ECONF;
	ERR_clear_error();
	while (n < PEM_OBJECTS_MAX && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
		if (!sk_X509_CRL_push(out, crl)) {
			X509_CRL_free(crl);
			err = SW_ENOMEM;
			goto out;
		}
		n++;
	}
	err = end_of_file(n, "CRL", path, diag);
out:
	BIO_free(bio);
	return err;
}
