/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A lab PKI in a directory of its own, made by certs/lab-pki.sh for this run and removed after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "core/diag.h"
#include "tls/tls.h"

static char lab_dir[64];

static inline int lab_make(const char *only)
{
	const char *src = getenv("srcdir");
	char cmd[1024];

	strcpy(lab_dir, "/tmp/sw-lab-XXXXXX");
	if (!mkdtemp(lab_dir))
		return -1;
	snprintf(cmd, sizeof(cmd), "'%s/certs/lab-pki.sh' %s%s '%s'", src ? src : ".", only ? "--only " : "", only ? only : "", lab_dir);
	return system(cmd);
}

static inline int lab_rm_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int lab_remove(void **state)
{
	(void)state;
	return nftw(lab_dir, lab_rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A path in the lab; good for eight calls. */
static inline char *lab(const char *name)
{
	static char path[8][128];
	static unsigned turn;

	turn = (turn + 1) % 8;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", lab_dir, name);
	return path[turn];
}

static inline char *lab_kept(const char *name)
{
	char *p = strdup(lab(name));

	assert_non_null(p);
	return p;
}

/* The certificates of NAME.pem; the caller frees them. */
static inline STACK_OF(X509) *lab_certs(const char *name)
{
	char file[64];
	FILE *f;
	STACK_OF(X509) *out = sk_X509_new_null();
	X509 *x;

	snprintf(file, sizeof(file), "%s.pem", name);
	f = fopen(lab(file), "r");
	assert_non_null(f);
	while ((x = PEM_read_X509(f, NULL, NULL, NULL)))
		sk_X509_push(out, x);
	fclose(f);
	ERR_clear_error();
	assert_true(sk_X509_num(out) > 0);
	return out;
}

/* A trust list of up to two CA files, and a CRL file or NULL. */
static inline struct sw_trust *lab_trust(const char *ca, const char *ca2, const char *crl)
{
	char *files[2] = { ca ? lab(ca) : NULL, ca2 ? lab(ca2) : NULL };
	char *crls[1] = { crl ? lab(crl) : NULL };
	struct sw_strlist list = { files, ca2 ? 2 : 1 }, crl_list = { crls, crl ? 1 : 0 };
	struct sw_trust *t = NULL;

	assert_int_equal(sw_trust_load(&t, &list, &crl_list, NULL), 0);
	return t;
}

/* Does a diagnostic of that level hold the text? */
static inline bool lab_diag_has(const struct sw_diag *d, enum sw_diag_level level, const char *text)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->entries[i].level == level && strstr(d->entries[i].text, text))
			return true;
	return false;
}
