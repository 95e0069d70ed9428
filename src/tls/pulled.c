/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/pulled.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "tls/tls_int.h"

enum {
	FILE_MAX = 8 << 20,      /* ours, with its comments */
	SIGNER_BITS_MIN = 112,   /* of security: RSA 2048, P-224 */
};

/* --- from text --- */

static int compare(const void *a, const void *b)
{
	const struct sw_pulled_cert *x = a, *y = b;

	return memcmp(x->digest, y->digest, sizeof(x->digest));
}

void sw_pulled_clear(struct sw_pulled *l)
{
	for (size_t i = 0; i < l->n; i++)
		X509_free(l->v[i].x);
	free(l->v);
	*l = (struct sw_pulled){ 0 };
}

bool sw_pulled_has(const struct sw_pulled *l, const struct sw_pulled_cert *c)
{
	return l->n && bsearch(c, l->v, l->n, sizeof(*l->v), compare);
}

static int add(struct sw_pulled *l, const unsigned char *der, long len, char why[SW_PULLED_WHY])
{
	const unsigned char *p = der;
	struct sw_pulled_cert *c;
	X509 *x;

	if (l->n == SW_PULLED_CERTS_MAX) {
		snprintf(why, SW_PULLED_WHY, "it holds more than %d certificates", SW_PULLED_CERTS_MAX);
		return SW_ELIMIT;
	}
	x = d2i_X509(NULL, &p, len);
	if (!x || p != der + len) {
		X509_free(x);
		snprintf(why, SW_PULLED_WHY, "certificate %zu does not parse", l->n + 1);
		return SW_EPARSE;
	}
	c = &l->v[l->n];
	*c = (struct sw_pulled_cert){ .x = x };
	sw_x509_name_text(X509_get_subject_name(x), c->subject, sizeof(c->subject));
	if (X509_check_ca(x) == 0) {
		X509_free(x);
		snprintf(why, SW_PULLED_WHY, "\"%.120s\" is not a CA certificate", c->subject);
		return SW_EPARSE;
	}
	if (!X509_digest(x, EVP_sha256(), c->digest, NULL)) {
		X509_free(x);
		return SW_ENOMEM;
	}
	l->n++;
	return SW_OK;
}

/* Block by block, so that none is passed over for not being of the kind that is looked for. */
static int read_blocks(struct sw_pulled *l, BIO *bio, char why[SW_PULLED_WHY])
{
	char *name, *header;
	unsigned char *der;
	unsigned long e;
	long len;
	int err = SW_OK;

	ERR_clear_error();
	while (err == SW_OK && PEM_read_bio(bio, &name, &header, &der, &len)) {
		if (strcmp(name, PEM_STRING_X509) != 0 || *header) {
			snprintf(why, SW_PULLED_WHY, "it holds a %.60s, and only certificates belong into it", name);
			err = SW_EPARSE;
		} else {
			err = add(l, der, len, why);
		}
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)len);
	}
	e = ERR_peek_last_error();
	if (err == SW_OK && !(ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE)) {
		snprintf(why, SW_PULLED_WHY, "block %zu is not whole", l->n + 1);
		err = SW_EPARSE;
	}
	ERR_clear_error();
	return err;
}

static void sort(struct sw_pulled *l)
{
	size_t kept = 0;

	qsort(l->v, l->n, sizeof(*l->v), compare);
	for (size_t i = 0; i < l->n; i++)
		if (kept && compare(&l->v[kept - 1], &l->v[i]) == 0)
			X509_free(l->v[i].x);
		else
			l->v[kept++] = l->v[i];
	l->n = kept;
}

static bool has_live_root(const struct sw_pulled *l, int64_t now)
{
	for (size_t i = 0; i < l->n; i++)
		if ((X509_get_extension_flags(l->v[i].x) & EXFLAG_SI) && sw_asn1_time(X509_get0_notAfter(l->v[i].x)) > now)
			return true;
	return false;
}

int sw_pulled_parse(struct sw_pulled *out, struct sw_str text, int64_t now, char why[SW_PULLED_WHY])
{
	struct sw_pulled l = { 0 };
	BIO *bio = NULL;
	int err;

	snprintf(why, SW_PULLED_WHY, "out of memory");
	if (text.n > FILE_MAX || (text.n && memchr(text.p, '\0', text.n))) {
		snprintf(why, SW_PULLED_WHY, "it is not a list of PEM certificates");
		return SW_EPARSE;
	}
	l.v = calloc(SW_PULLED_CERTS_MAX, sizeof(*l.v));
	bio = BIO_new_mem_buf(text.n ? text.p : "", (int)text.n);
	if (!l.v || !bio) {
		free(l.v);
		BIO_free(bio);
		return SW_ENOMEM;
	}
	err = read_blocks(&l, bio, why);
	BIO_free(bio);
	if (err == SW_OK && l.n == 0) {
		snprintf(why, SW_PULLED_WHY, "it holds no certificate");
		err = SW_EPARSE;
	}
	if (err == SW_OK && now && !has_live_root(&l, now)) {
		snprintf(why, SW_PULLED_WHY, "none of its %zu certificates is a root that has not expired", l.n);
		err = SW_EPARSE;
	}
	if (err < 0) {
		sw_pulled_clear(&l);
		return err;
	}
	sort(&l);
	*out = l;
	return SW_OK;
}

int sw_pulled_may_replace(const struct sw_pulled *old, const struct sw_pulled *next, char why[SW_PULLED_WHY])
{
	if (next->n >= old->n - old->n / 2)
		return SW_OK;
	snprintf(why, SW_PULLED_WHY, "it has %zu certificates, and the one before had %zu", next->n, old->n);
	return SW_ELIMIT;
}

/* --- digests --- */

int sw_pulled_digest_of(struct sw_str text, char hex[65])
{
	static const char digits[] = "0123456789abcdefABCDEF";

	if (text.n < 64 || (text.n > 64 && text.p[64] != ' ' && text.p[64] != '\n' && text.p[64] != '\r' && text.p[64] != '\t'))
		return SW_EPARSE;
	for (size_t i = 0; i < 64; i++) {
		if (!text.p[i] || !strchr(digits, text.p[i]))
			return SW_EPARSE;
		hex[i] = text.p[i] >= 'A' && text.p[i] <= 'F' ? (char)(text.p[i] + 32) : text.p[i];
	}
	hex[64] = '\0';
	return SW_OK;
}

static bool digest_of(const void *p, size_t n, char hex[65])
{
	unsigned char raw[32];

	if (!EVP_Digest(p, n, raw, NULL, EVP_sha256(), NULL))
		return false;
	sw_hex(hex, raw, sizeof(raw));
	return true;
}

bool sw_pulled_digest_is(struct sw_str body, const char *hex)
{
	char is[65];

	return digest_of(body.n ? body.p : "", body.n, is) && strcasecmp(is, hex) == 0;
}

bool sw_pulled_pin(char dst[72], const char *hex)
{
	unsigned char raw[32];

	for (size_t i = 0; i < sizeof(raw); i++) {
		unsigned byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return false;
		raw[i] = (unsigned char)byte;
	}
	memcpy(dst, "sha256//", 8);
	EVP_EncodeBlock((unsigned char *)dst + 8, raw, sizeof(raw));
	return true;
}

/* --- who signed it --- */

static EVP_PKEY *read_signer(const char *path, char why[SW_PULLED_WHY])
{
	BIO *bio = BIO_new_file(path, "r");
	EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	if (key && EVP_PKEY_get_security_bits(key) < SIGNER_BITS_MIN) {
		EVP_PKEY_free(key);
		snprintf(why, SW_PULLED_WHY, "trust_signer: %.120s: the key is too weak", path);
		return NULL;
	}
	if (!key)
		snprintf(why, SW_PULLED_WHY, "trust_signer: %.120s %s", path, bio ? "holds no public key in PEM form" : "cannot be read");
	return key;
}

static bool signed_by(EVP_PKEY *key, struct sw_str body, struct sw_str signature)
{
	bool own_digest = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, own_digest ? NULL : EVP_sha256(), NULL, key) == 1 &&
		    EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n, (const unsigned char *)body.p, body.n) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

int sw_pulled_signed(struct sw_str body, struct sw_str signature, const struct sw_strlist *keys, char why[SW_PULLED_WHY])
{
	bool good = false, broken = false;

	for (size_t i = 0; i < keys->n && !good && !broken; i++) {
		EVP_PKEY *key = read_signer(keys->v[i], why);

		broken = !key;
		good = key && body.n && signature.n && signed_by(key, body, signature);
		EVP_PKEY_free(key);
	}
	ERR_clear_error();
	if (good)
		return SW_OK;
	if (!broken)
		snprintf(why, SW_PULLED_WHY, "its signature is of none of the %zu keys of trust_signer, or it was changed since", keys->n);
	return SW_EPARSE;
}

/* --- on disk --- */

static void add_list(struct sw_buf *b, const struct sw_strlist *list)
{
	for (size_t i = 0; i < list->n; i++)
		sw_buf_printf(b, "%s\n", list->v[i]);
	sw_buf_str(b, "\n");
}

int sw_pulled_path(char *dst, size_t size, const struct sw_conf *conf, const struct sw_conf_zone *z, const char *url)
{
	struct sw_buf all;
	char hex[65];
	bool ok;
	int n;

	sw_buf_init(&all, 0);
	sw_buf_printf(&all, "%s\n%s\n", url, z->trust_digest ? z->trust_digest : "");
	add_list(&all, &z->trust_bootstrap);
	add_list(&all, &z->trust_pins);
	if (z->trust_signers.n)
		add_list(&all, &z->trust_signers);
	ok = sw_buf_error(&all) == SW_OK && digest_of(all.data, all.len, hex);
	sw_buf_free(&all);
	if (!ok)
		return SW_ENOMEM;
	n = snprintf(dst, size, "%s/trust/%.32s.pem", conf->state_dir, hex);
	return n > 0 && (size_t)n < size ? SW_OK : SW_ELIMIT;
}

static int read_whole(struct sw_buf *out, const char *path, int64_t *at)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = SW_OK;
	ssize_t n = 1;

	if (fd < 0)
		return errno == ENOENT ? SW_ENOTFOUND : sw_error_from_errno(errno);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		err = SW_EPARSE;
	while (err == SW_OK && n > 0) {
		char *room = sw_buf_reserve(out, 65536);

		n = room ? read(fd, room, 65536) : -1;
		if (n > 0)
			sw_buf_commit(out, (size_t)n);
		else if (n < 0)
			err = room ? sw_error_from_errno(errno) : SW_ELIMIT;
	}
	close(fd);
	*at = st.st_mtime;
	return err;
}

int sw_pulled_read(struct sw_pulled *out, const char *path, int64_t *at, char why[SW_PULLED_WHY])
{
	struct sw_buf text;
	int err;

	sw_buf_init(&text, FILE_MAX + 65536);
	err = read_whole(&text, path, at);
	if (err < 0)
		snprintf(why, SW_PULLED_WHY, "%s", sw_error_text(err));
	else
		err = sw_pulled_parse(out, sw_buf_view(&text), 0, why);
	sw_buf_free(&text);
	return err;
}

static int write_all(int fd, const struct sw_pulled *l, const char *url)
{
	BIO *bio = BIO_new_fd(fd, BIO_NOCLOSE);
	bool ok = bio && BIO_printf(bio, "# Fetched by sipward from %s\n# Remove this file to have the next list taken, whatever is in it.\n", url) > 0;

	for (size_t i = 0; ok && i < l->n; i++)
		ok = BIO_printf(bio, "# %s\n", l->v[i].subject) > 0 && PEM_write_bio_X509(bio, l->v[i].x) == 1;
	BIO_free(bio);
	return ok && fsync(fd) == 0 ? SW_OK : SW_ESTORE;
}

int sw_pulled_store(const struct sw_pulled *l, const char *path, const char *url)
{
	char next[4096], dir[4096];
	const char *slash = strrchr(path, '/');
	int fd, err;

	if (!slash || !sw_str_copy(dir, sizeof(dir), (struct sw_str){ path, (size_t)(slash - path) }) ||
	    snprintf(next, sizeof(next), "%s.new", path) >= (int)sizeof(next))
		return SW_ELIMIT;
	if (mkdir(dir, 0750) < 0 && errno != EEXIST)
		return sw_error_from_errno(errno);
	fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return sw_error_from_errno(errno);
	err = write_all(fd, l, url);
	if (close(fd) < 0 && err == SW_OK)
		err = sw_error_from_errno(errno);
	if (err == SW_OK && rename(next, path) < 0)
		err = sw_error_from_errno(errno);
	if (err < 0) {
		unlink(next);
		return err;
	}
	/* The name is to survive a power cut as well. */
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!fsync(fd);
		close(fd);
	}
	return SW_OK;
}

void sw_pulled_touch(const char *path)
{
	(void)!utimensat(AT_FDCWD, path, NULL, 0);   /* it would only be fetched earlier than need be */
}

/* --- a zone's list --- */

static bool last_good(char *path, size_t size, const struct sw_conf *conf, const struct sw_conf_zone *z, const char *url, struct sw_diag *diag)
{
	char why[SW_PULLED_WHY] = "";
	struct sw_pulled l;
	int64_t at;
	int err = sw_pulled_path(path, size, conf, z, url);

	if (err == SW_OK)
		err = sw_pulled_read(&l, path, &at, why);
	if (err == SW_OK) {
		sw_pulled_clear(&l);
		return true;
	}
	sw_diag_add(diag, SW_DIAG_WARN, conf->path, z->line, "zone \"%s\": %s has not been fetched yet%s%s: till it is, what it would vouch for is refused",
		    z->name, url, err == SW_ENOTFOUND ? "" : ", and the last one can't be used, ", err == SW_ENOTFOUND ? "" : why);
	return false;
}

int sw_trust_load_zone(struct sw_trust **out, const struct sw_conf *conf, const struct sw_conf_zone *z, struct sw_diag *diag)
{
	struct sw_strlist files = { calloc(z->trust.n + 1, sizeof(char *)), 0 };
	char path[4096];
	bool incomplete = false;
	int err = files.v ? SW_OK : SW_ENOMEM;

	for (size_t i = 0; err == SW_OK && i < z->trust.n; i++) {
		const char *file = z->trust.v[i];

		if (sw_conf_is_url(file))
			file = last_good(path, sizeof(path), conf, z, file, diag) ? path : NULL;
		incomplete = incomplete || !file;
		if (file && !(files.v[files.n] = strdup(file)))
			err = SW_ENOMEM;
		else if (file)
			files.n++;
	}
	if (err == SW_OK)
		err = sw_trust_load_part(out, &files, &z->crls, incomplete, diag);
	for (size_t i = 0; i < files.n; i++)
		free(files.v[i]);
	free(files.v);
	return err;
}
