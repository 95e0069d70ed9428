/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include "tls/lent.h"
#include "tls/tls_int.h"

enum {
	PEM_FILE_MAX = 64 << 20,   /* CRLs of large CAs reach tens of MiB */
	PEM_OBJECTS_MAX = 10000,
	CHAIN_MAX = 1000,          /* more than a handshake's limit of 100 kB could hold */
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
	int fd = sw_lent_open(path);

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

/* An encrypted block is no certificate. Without this OpenSSL would ask for its password on the terminal. */
int sw_pem_no_password(char *buf, int size, int rw, void *arg)
{
	(void)buf;
	(void)size;
	(void)rw;
	(void)arg;
	return -1;
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

static int read_certs(STACK_OF(X509) *out, BIO *bio, const char *name, struct sw_diag *diag)
{
	X509 *x;
	int n = 0;

	ERR_clear_error();
	while (n < PEM_OBJECTS_MAX && (x = PEM_read_bio_X509(bio, NULL, sw_pem_no_password, NULL))) {
		if (!sk_X509_push(out, x)) {
			X509_free(x);
			return SW_ENOMEM;
		}
		n++;
	}
	return end_of_file(n, "certificate", name, diag);
}

/* Where the object begins: PEM is text, DER a SEQUENCE. */
static bool is_der(BIO *bio)
{
	unsigned char first = 0;
	bool der = BIO_read(bio, &first, 1) == 1 && first == 0x30;

	return BIO_seek(bio, 0) >= 0 && der;
}

static int read_der_crl(STACK_OF(X509_CRL) *out, BIO *bio, const char *name, struct sw_diag *diag)
{
	X509_CRL *crl = d2i_X509_CRL_bio(bio, NULL);
	char text[128];

	if (!crl) {
		sw_openssl_error(text, sizeof(text));
		sw_diag_add(diag, SW_DIAG_ERROR, name, 0, "the CRL cannot be read: %s", text);
		return SW_ECONF;
	}
	if (!sk_X509_CRL_push(out, crl)) {
		X509_CRL_free(crl);
		return SW_ENOMEM;
	}
	return SW_OK;
}

static int read_crls(STACK_OF(X509_CRL) *out, BIO *bio, const char *name, struct sw_diag *diag)
{
	X509_CRL *crl;
	int n = 0;

	ERR_clear_error();
	while (n < PEM_OBJECTS_MAX && (crl = PEM_read_bio_X509_CRL(bio, NULL, sw_pem_no_password, NULL))) {
		if (!sk_X509_CRL_push(out, crl)) {
			X509_CRL_free(crl);
			return SW_ENOMEM;
		}
		n++;
	}
	return end_of_file(n, "CRL", name, diag);
}

int sw_pem_certs(STACK_OF(X509) *out, const char *path, struct sw_diag *diag)
{
	BIO *bio = open_file(path, diag);
	int err;

	if (!bio)
		return SW_ECONF;
	err = read_certs(out, bio, path, diag);
	BIO_free(bio);
	return err;
}

int sw_pem_crls(STACK_OF(X509_CRL) *out, const char *path, struct sw_diag *diag)
{
	BIO *bio = open_file(path, diag);
	int err;

	if (!bio)
		return SW_ECONF;
	err = is_der(bio) ? read_der_crl(out, bio, path, diag) : read_crls(out, bio, path, diag);
	BIO_free(bio);
	return err;
}

/* A BIO over text that outlives it; an empty one is allowed. NULL: too long, or out of memory. */
static BIO *open_text(struct sw_str text)
{
	return text.n > PEM_FILE_MAX ? NULL : BIO_new_mem_buf(text.n ? text.p : "", (int)text.n);
}

int sw_pem_certs_text(STACK_OF(X509) *out, struct sw_str text, const char *name, struct sw_diag *diag)
{
	BIO *bio = open_text(text);
	int err;

	if (!bio)
		return SW_ENOMEM;
	err = read_certs(out, bio, name, diag);
	BIO_free(bio);
	return err;
}

int sw_pem_crls_text(STACK_OF(X509_CRL) *out, struct sw_str text, const char *name, struct sw_diag *diag)
{
	BIO *bio = open_text(text);
	int err;

	if (!bio)
		return SW_ENOMEM;
	err = read_crls(out, bio, name, diag);
	BIO_free(bio);
	return err;
}

/* One DER certificate and nothing after it, as a handshake demands. */
static int push_der(STACK_OF(X509) *out, const unsigned char *der, long len)
{
	const unsigned char *p = der;
	X509 *x = d2i_X509(NULL, &p, len);

	if (!x)
		return SW_EPARSE;
	if (p != der + len) {
		X509_free(x);
		ERR_raise_data(ERR_LIB_PEM, PEM_R_INCONSISTENT_HEADER, "bytes after the certificate");
		return SW_EPARSE;
	}
	if (!sk_X509_push(out, x)) {
		X509_free(x);
		return SW_ENOMEM;
	}
	return SW_OK;
}

int sw_chain_from_pem(STACK_OF(X509) *out, struct sw_str text, const char *name, struct sw_diag *diag)
{
	BIO *bio = open_text(text);
	unsigned char *der = NULL;
	char fault[128];
	int n = 0, err = SW_OK;
	long len;

	if (!bio)
		return SW_ENOMEM;
	ERR_clear_error();
	while (n < CHAIN_MAX && PEM_bytes_read_bio(&der, &len, NULL, PEM_STRING_X509, bio, sw_pem_no_password, NULL)) {
		err = push_der(out, der, len);
		OPENSSL_free(der);
		n++;
		if (err < 0)
			break;
	}
	if (err == SW_EPARSE) {
		sw_openssl_error(fault, sizeof(fault));
		sw_diag_add(diag, SW_DIAG_ERROR, name, 0, "certificate %d does not parse: %s", n, fault);
	} else if (err == SW_OK) {
		if (n == CHAIN_MAX)
			sw_diag_add(diag, SW_DIAG_ERROR, name, 0, "holds more than %d certificates", CHAIN_MAX - 1);
		err = n == CHAIN_MAX ? SW_EPARSE : end_of_file(n, "certificate", name, diag);
	}
	ERR_clear_error();
	BIO_free(bio);
	return err;
}
