/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs out of bytes that came from anywhere; distribution points; the copies on disk. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "tls/crl_int.h"
#include "tls/tls_int.h"

enum {
	CLOCK_SKEW = 300,              /* a CRL may begin that much ahead of our clock, and then waits for its time */
	COPY_MAX = 2 * SW_CRL_BYTES_MAX,  /* PEM is a third longer; an issuer and two lines come before it */
};

/* --- distribution points --- */

static void add_url(struct sw_crl_urls *out, const GENERAL_NAME *g)
{
	const ASN1_IA5STRING *uri;
	const char *p;
	int n;

	if (g->type != GEN_URI || out->n == SW_CRL_URLS_MAX)
		return;
	uri = g->d.uniformResourceIdentifier;
	p = (const char *)ASN1_STRING_get0_data(uri);
	n = ASN1_STRING_length(uri);
	if (n < 8 || n > SW_HTTP_URL_MAX || memchr(p, '\0', (size_t)n) || strncasecmp(p, "http://", 7))
		return;
	out->v[out->n] = strndup(p, (size_t)n);
	if (out->v[out->n])
		out->n++;
}

void sw_crl_urls(struct sw_crl_urls *out, const X509 *x)
{
	CRL_DIST_POINTS *points = X509_get_ext_d2i(x, NID_crl_distribution_points, NULL, NULL);

	*out = (struct sw_crl_urls){ .n = 0 };
	for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
		const DIST_POINT *p = sk_DIST_POINT_value(points, i);

		/* Some reasons only, or somebody else's CRL: neither could clear a certificate here. */
		if (p->reasons || p->CRLissuer || !p->distpoint || p->distpoint->type != 0)
			continue;
		for (int k = 0; k < sk_GENERAL_NAME_num(p->distpoint->name.fullname); k++)
			add_url(out, sk_GENERAL_NAME_value(p->distpoint->name.fullname, k));
	}
	CRL_DIST_POINTS_free(points);
	ERR_clear_error();
}

void sw_crl_urls_free(struct sw_crl_urls *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->v[i]);
	u->n = 0;
}

/* --- bytes --- */

static int fault(char why[SW_HTTP_DETAIL_MAX], const char *text)
{
	snprintf(why, SW_HTTP_DETAIL_MAX, "%s", text);
	ERR_clear_error();
	return SW_EPARSE;
}

static X509_CRL *parse(struct sw_str bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	X509_CRL *crl = NULL;
	BIO *bio;

	if (bytes.n == 0 || bytes.n > INT_MAX)
		return NULL;
	if (p[0] == 0x30) {  /* DER: a SEQUENCE, and nothing after it */
		const unsigned char *end = p + bytes.n;

		crl = d2i_X509_CRL(NULL, &p, (long)bytes.n);
		if (crl && p != end) {
			X509_CRL_free(crl);
			crl = NULL;
		}
		return crl;
	}
	bio = BIO_new_mem_buf(bytes.p, (int)bytes.n);
	if (bio)
		crl = PEM_read_bio_X509_CRL(bio, NULL, sw_pem_no_password, NULL);
	BIO_free(bio);
	return crl;
}

static int check_dates(const X509_CRL *crl, int64_t now, char why[SW_HTTP_DETAIL_MAX])
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
	int64_t begin = sw_asn1_time(X509_CRL_get0_lastUpdate(crl));

	if (begin == 0 || (next && sw_asn1_time(next) == 0))
		return fault(why, "the CRL's dates can't be read");
	if (begin > now + CLOCK_SKEW)
		return fault(why, "the CRL begins in the future: is one of the clocks wrong?");
	if (next && sw_asn1_time(next) < begin)
		return fault(why, "the CRL ends before it begins");
	return SW_OK;
}

int sw_crl_read(X509_CRL **out, struct sw_str bytes, X509 *issuer, int64_t now, char why[SW_HTTP_DETAIL_MAX])
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	X509_REVOKED *none;
	X509_CRL *crl;
	int err;

	ERR_clear_error();
	crl = parse(bytes);
	if (!crl)
		return fault(why, "what came is no CRL, neither DER nor PEM");
	err = check_dates(crl, now, why);
	if (err < 0)
		goto out;
	if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0) {
		err = fault(why, "a delta CRL, where a whole one was wanted");
		goto out;
	}
	if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) != 0) {
		err = fault(why, "the CRL is of another issuer than the certificate that names it");
		goto out;
	}
	if (!key || X509_CRL_verify(crl, key) != 1) {
		err = fault(why, "the CRL's signature is not its issuer's");
		goto out;
	}
	/* Sorts the list now, in this thread, not under a lock in a handshake. */
	X509_CRL_get0_by_serial(crl, &none, X509_get0_serialNumber(issuer));
out:
	if (err < 0)
		X509_CRL_free(crl);
	else
		*out = crl;
	ERR_clear_error();
	return err;
}

bool sw_crl_revokes_more(X509_CRL *a, X509_CRL *b)
{
	STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(b);
	X509_REVOKED *found;

	for (int i = 0; i < sk_X509_REVOKED_num(list); i++)
		if (!a || X509_CRL_get0_by_serial(a, &found, X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(list, i))) != 1)
			return true;
	return false;
}

/* --- copies on disk --- */

static int write_copy(FILE *f, const struct sw_crl_copy *copy)
{
	fprintf(f, "# A CRL and its issuer, as sipwardd fetched it. It may be removed: it is fetched again.\n");
	fprintf(f, "url %s\nfetched %lld\netag %s\n", copy->url, (long long)copy->fetched, copy->etag);
	if (!PEM_write_X509(f, copy->issuer) || !PEM_write_X509_CRL(f, copy->crl))
		return SW_ECRYPTO;
	if (fflush(f) != 0 || fsync(fileno(f)) < 0)
		return sw_error_from_errno(errno);
	return SW_OK;
}

int sw_crl_copy_write(const char *path, const struct sw_crl_copy *copy)
{
	char temp[PATH_MAX];
	int n = snprintf(temp, sizeof(temp), "%s.new", path), fd, err;
	FILE *f;

	if (n < 0 || (size_t)n >= sizeof(temp))
		return SW_ELIMIT;
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		err = sw_error_from_errno(errno);
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = write_copy(f, copy);
	if (fclose(f) != 0 && err == SW_OK)
		err = sw_error_from_errno(errno);
	if (err == SW_OK && rename(temp, path) < 0)
		err = sw_error_from_errno(errno);
	if (err < 0)
		unlink(temp);
	return err;
}

/* "key value" up to the end of the line; the rest of the text. */
static bool take_line(struct sw_str *text, const char *key, char *dst, size_t size)
{
	const char *end = memchr(text->p, '\n', text->n);
	size_t n = end ? (size_t)(end - text->p) : 0, k = strlen(key);
	bool fits;

	if (!end || n < k + 1 || memcmp(text->p, key, k) || text->p[k] != ' ')
		return false;
	fits = sw_str_copy(dst, size, (struct sw_str){ text->p + k + 1, n - k - 1 }) && !memchr(text->p, '\0', n);
	text->p += n + 1;
	text->n -= n + 1;
	return fits;
}

void sw_crl_copy_clear(struct sw_crl_copy *copy)
{
	X509_free(copy->issuer);
	X509_CRL_free(copy->crl);
	copy->issuer = NULL;
	copy->crl = NULL;
}

int sw_crl_copy_parse(struct sw_crl_copy *out, struct sw_str text, int64_t now, char why[SW_HTTP_DETAIL_MAX])
{
	struct sw_crl_copy c = { .url = "" };
	const char *first = memchr(text.p, '\n', text.n);
	char fetched[24];
	BIO *bio;
	int err;

	if (!first || text.n > COPY_MAX)
		return fault(why, "not a copy of ours");
	text.n -= (size_t)(first + 1 - text.p);
	text.p = first + 1;
	if (!take_line(&text, "url", c.url, sizeof(c.url)) || !take_line(&text, "fetched", fetched, sizeof(fetched)) ||
	    !take_line(&text, "etag", c.etag, sizeof(c.etag)))
		return fault(why, "not a copy of ours");
	c.fetched = strtoll(fetched, NULL, 10);
	bio = BIO_new_mem_buf(text.p, (int)text.n);
	c.issuer = bio ? PEM_read_bio_X509(bio, NULL, sw_pem_no_password, NULL) : NULL;
	BIO_free(bio);
	if (!c.issuer)
		return fault(why, "the issuer can't be read");
	err = sw_crl_read(&c.crl, text, c.issuer, now, why);  /* passes over the certificate */
	if (err < 0)
		sw_crl_copy_clear(&c);
	else
		*out = c;
	return err;
}

int sw_crl_copy_read(struct sw_crl_copy *out, const char *path, int64_t now, char why[SW_HTTP_DETAIL_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;
	struct sw_buf b;
	ssize_t n = 0;
	char *p;
	int err;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > COPY_MAX) {
		if (fd >= 0)
			close(fd);
		return fault(why, "it can't be read, is no regular file or too large");
	}
	sw_buf_init(&b, COPY_MAX);
	while ((p = sw_buf_reserve(&b, 65536)) && (n = read(fd, p, 65536)) > 0)
		sw_buf_commit(&b, (size_t)n);
	close(fd);
	err = n == 0 && b.len && sw_buf_error(&b) == SW_OK ? sw_crl_copy_parse(out, sw_buf_view(&b), now, why) :
							     fault(why, "it can't be read");
	sw_buf_free(&b);
	return err;
}
