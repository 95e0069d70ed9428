/* SPDX-License-Identifier: Apache-2.0 */
/* Trust lists. Immutable once built, so handshakes of many threads read them without locks of ours. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "core/date.h"
#include "core/str.h"
#include "tls/tls_int.h"

enum { DIRECTORY_FILES_MAX = 4096 };

/* --- reading --- */

static bool has_suffix(const struct dirent *d, const char *suffix)
{
	return d->d_name[0] != '.' && sw_str_ends_ieq(sw_str_of(d->d_name), sw_str_of(suffix));
}

static int is_cert_file(const struct dirent *d)
{
	return has_suffix(d, ".pem") || has_suffix(d, ".crt");
}

static int is_crl_file(const struct dirent *d)
{
	return has_suffix(d, ".pem") || has_suffix(d, ".crl");
}

/* What is read from where: the two kinds of lists are read alike. */
struct source {
	const char *what;
	int (*is_file)(const struct dirent *d);
	int (*read)(void *list, const char *path, struct sw_diag *diag);
};

static int read_cas(void *list, const char *path, struct sw_diag *diag)
{
	return sw_pem_certs(list, path, diag);
}

static int read_crls(void *list, const char *path, struct sw_diag *diag)
{
	return sw_pem_crls(list, path, diag);
}

static const struct source ca_source = { "*.pem or *.crt", is_cert_file, read_cas };
static const struct source crl_source = { "*.pem or *.crl", is_crl_file, read_crls };

static int load_directory(void *list, const char *path, const struct source *source, struct sw_diag *diag)
{
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, source->is_file, alphasort);
	int err = SW_OK;

	if (n < 0) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "the directory cannot be read");
		return SW_ECONF;
	}
	if (n == 0)
		sw_diag_add(diag, SW_DIAG_WARN, path, 0, "the directory holds no %s file", source->what);
	if (n > DIRECTORY_FILES_MAX) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "the directory holds more than %d files", DIRECTORY_FILES_MAX);
		err = SW_ECONF;
	}
	for (int i = 0; i < n; i++) {
		char file[4096];
		int len = snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);

		if (n <= DIRECTORY_FILES_MAX && len > 0 && (size_t)len < sizeof(file) && source->read(list, file, diag) < 0)
			err = SW_ECONF;
		free(entries[i]);
	}
	free(entries);
	return err;
}

static int load(void *list, const char *path, const struct source *source, struct sw_diag *diag)
{
	struct stat st;
	bool dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);

	return dir ? load_directory(list, path, source, diag) : source->read(list, path, diag);
}

static void warn_expired(const X509 *x, const char *subject, const char *file, struct sw_diag *diag)
{
	char since[SW_DATE_LEN], today[SW_DATE_LEN];

	sw_date_day(sw_asn1_time(X509_get0_notAfter(x)), since);
	sw_date_day(time(NULL), today);
	sw_diag_add(diag, SW_DIAG_WARN, file, 0, "CA \"%s\" has expired on %s (as of %s): it vouches for nobody", subject, since, today);
}

static int load_cas(STACK_OF(X509) *cas, const struct sw_strlist *files, struct sw_diag *diag)
{
	int err = SW_OK;

	for (size_t i = 0; i < files->n; i++) {
		int before = sk_X509_num(cas);

		if (load(cas, files->v[i], &ca_source, diag) < 0)
			err = SW_ECONF;
		for (int k = before; k < sk_X509_num(cas); k++) {
			X509 *x = sk_X509_value(cas, k);
			char subject[256];

			sw_x509_name_text(X509_get_subject_name(x), subject, sizeof(subject));
			if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
				warn_expired(x, subject, files->v[i], diag);
			if (X509_check_ca(x) == 0)
				sw_diag_add(diag, SW_DIAG_WARN, files->v[i], 0, "\"%s\" is not a CA certificate", subject);
			else if (!(X509_get_extension_flags(x) & EXFLAG_SI))
				sw_diag_add(diag, SW_DIAG_WARN, files->v[i], 0,
					    "\"%s\" is an intermediate: it vouches for nobody without its root", subject);
		}
	}
	return err;
}

static int load_crls(STACK_OF(X509_CRL) *crls, const struct sw_strlist *files, struct sw_diag *diag)
{
	int err = SW_OK;

	for (size_t i = 0; files && i < files->n; i++) {
		int before = sk_X509_CRL_num(crls);

		if (load(crls, files->v[i], &crl_source, diag) < 0)
			err = SW_ECONF;
		for (int k = before; k < sk_X509_CRL_num(crls); k++) {
			const X509_CRL *crl = sk_X509_CRL_value(crls, k);
			const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
			char issuer[256];

			sw_x509_name_text(X509_CRL_get_issuer(crl), issuer, sizeof(issuer));
			if (next && X509_cmp_current_time(next) < 0)
				sw_diag_add(diag, SW_DIAG_WARN, files->v[i], 0,
					    "the CRL of \"%s\" is out of date: fetch the next one", issuer);
		}
	}
	return err;
}

/* --- building --- */

static bool has_cert(STACK_OF(X509) *list, const X509 *x)
{
	for (int i = 0; i < sk_X509_num(list); i++)
		if (X509_cmp(sk_X509_value(list, i), x) == 0)
			return true;
	return false;
}

static int trust_new(struct sw_trust **out)
{
	struct sw_trust *t = calloc(1, sizeof(*t));

	if (!t)
		return SW_ENOMEM;
	atomic_init(&t->refs, 1);
	t->store = X509_STORE_new();
	t->cas = sk_X509_new_null();
	t->crls = sk_X509_CRL_new_null();
	if (!t->store || !t->cas || !t->crls) {
		sw_trust_free(t);
		return SW_ENOMEM;
	}
	sw_chain_store(t->store);
	*out = t;
	return SW_OK;
}

/* What is added is part of what the list is. both: room for two; the second half holds the addition's digest. */
static bool extend_id(struct sw_trust *t, unsigned char both[2 * SW_DIGEST_LEN])
{
	memcpy(both, t->id, SW_DIGEST_LEN);
	return EVP_Digest(both, 2 * SW_DIGEST_LEN, t->id, NULL, EVP_sha256(), NULL) == 1;
}

static int add_ca(struct sw_trust *t, X509 *x)
{
	unsigned char both[2 * SW_DIGEST_LEN];

	if (has_cert(t->cas, x))
		return SW_OK;
	if (!X509_digest(x, EVP_sha256(), both + SW_DIGEST_LEN, NULL) || !extend_id(t, both))
		return SW_ECRYPTO;
	if (!X509_STORE_add_cert(t->store, x) || !X509_up_ref(x))
		return SW_ECRYPTO;
	if (!sk_X509_push(t->cas, x)) {
		X509_free(x);
		return SW_ENOMEM;
	}
	X509_check_purpose(x, -1, 0);   /* parses the extensions now, not under a lock in the first handshakes */
	return SW_OK;
}

static int add_crl(struct sw_trust *t, X509_CRL *crl)
{
	unsigned char both[2 * SW_DIGEST_LEN];

	for (int i = 0; i < sk_X509_CRL_num(t->crls); i++)
		if (X509_CRL_match(sk_X509_CRL_value(t->crls, i), crl) == 0)
			return SW_OK;
	if (!X509_CRL_digest(crl, EVP_sha256(), both + SW_DIGEST_LEN, NULL) || !extend_id(t, both))
		return SW_ECRYPTO;
	if (!X509_STORE_add_crl(t->store, crl) || !X509_CRL_up_ref(crl))
		return SW_ECRYPTO;
	if (!sk_X509_CRL_push(t->crls, crl)) {
		X509_CRL_free(crl);
		return SW_ENOMEM;
	}
	return SW_OK;
}

static int add_all(struct sw_trust *t, STACK_OF(X509) *cas, STACK_OF(X509_CRL) *crls)
{
	int err = SW_OK;

	for (int i = 0; err >= 0 && i < sk_X509_num(cas); i++)
		err = add_ca(t, sk_X509_value(cas, i));
	for (int i = 0; err >= 0 && i < sk_X509_CRL_num(crls); i++)
		err = add_crl(t, sk_X509_CRL_value(crls, i));
	return err;
}

/* Takes what is in the stacks. */
static int build(struct sw_trust **out, STACK_OF(X509) *cas, STACK_OF(X509_CRL) *crls)
{
	struct sw_trust *t = NULL;
	int err = trust_new(&t);

	if (err >= 0)
		err = add_all(t, cas, crls);
	if (err < 0)
		sw_trust_free(t);
	else
		*out = t;
	return err;
}

int sw_trust_load(struct sw_trust **out, const struct sw_strlist *files, const struct sw_strlist *crls, struct sw_diag *diag)
{
	return sw_trust_load_part(out, files, crls, false, diag);
}

int sw_trust_load_part(struct sw_trust **out, const struct sw_strlist *files, const struct sw_strlist *crls, bool incomplete,
		       struct sw_diag *diag)
{
	STACK_OF(X509) *ca_list = sk_X509_new_null();
	STACK_OF(X509_CRL) *crl_list = sk_X509_CRL_new_null();
	int err = SW_ENOMEM, err_crl;

	if (!ca_list || !crl_list)
		goto out;
	err = load_cas(ca_list, files, diag);
	err_crl = load_crls(crl_list, crls, diag);   /* both, so that all faults are told at once */
	if (err >= 0)
		err = err_crl;
	if (err >= 0 && sk_X509_num(ca_list) == 0 && !incomplete) {
		sw_diag_add(diag, SW_DIAG_ERROR, files->n ? files->v[0] : NULL, 0,
			    "the trust list is empty: nobody could be trusted");
		err = SW_ECONF;
	}
	if (err >= 0)
		err = build(out, ca_list, crl_list);
	if (err >= 0)
		(*out)->incomplete = incomplete;
out:
	sk_X509_pop_free(ca_list, X509_free);
	sk_X509_CRL_pop_free(crl_list, X509_CRL_free);
	return err;
}

int sw_trust_from_pem(struct sw_trust **out, const struct sw_str *cas, size_t n_cas, const struct sw_str *crls, size_t n_crls,
		      struct sw_diag *diag)
{
	STACK_OF(X509) *ca_list = sk_X509_new_null();
	STACK_OF(X509_CRL) *crl_list = sk_X509_CRL_new_null();
	char name[32];
	int err = SW_OK;

	if (!ca_list || !crl_list)
		err = SW_ENOMEM;
	for (size_t i = 0; err >= 0 && i < n_cas; i++) {
		snprintf(name, sizeof(name), "trust %zu", i + 1);
		err = sw_pem_certs_text(ca_list, cas[i], name, diag);
	}
	for (size_t i = 0; err >= 0 && i < n_crls; i++) {
		snprintf(name, sizeof(name), "crl %zu", i + 1);
		err = sw_pem_crls_text(crl_list, crls[i], name, diag);
	}
	if (err >= 0 && sk_X509_num(ca_list) == 0) {
		sw_diag_add(diag, SW_DIAG_ERROR, NULL, 0, "the trust list is empty: nobody could be trusted");
		err = SW_ECONF;
	}
	if (err >= 0)
		err = build(out, ca_list, crl_list);
	ERR_clear_error();
	sk_X509_pop_free(ca_list, X509_free);
	sk_X509_CRL_pop_free(crl_list, X509_CRL_free);
	return err;
}

int sw_trust_union(struct sw_trust **out, const struct sw_trust *const *lists, size_t n)
{
	struct sw_trust *t = NULL;
	int err = trust_new(&t);

	for (size_t i = 0; err >= 0 && i < n; i++)
		if (lists[i])
			err = add_all(t, lists[i]->cas, lists[i]->crls);
	for (size_t i = 0; err >= 0 && i < n; i++)
		t->incomplete = t->incomplete || (lists[i] && lists[i]->incomplete);
	if (err >= 0 && sk_X509_num(t->cas) == 0 && !t->incomplete)
		err = SW_EINVALID;
	if (err < 0) {
		sw_trust_free(t);
		return err;
	}
	*out = t;
	return SW_OK;
}

struct sw_trust *sw_trust_ref(const struct sw_trust *t)
{
	struct sw_trust *w = (struct sw_trust *)t;   /* the count is the one thing that changes */

	if (w)
		atomic_fetch_add(&w->refs, 1);
	return w;
}

void sw_trust_free(struct sw_trust *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	X509_STORE_free(t->store);
	sk_X509_pop_free(t->cas, X509_free);
	sk_X509_CRL_pop_free(t->crls, X509_CRL_free);
	sw_crls_unref(t->fetched);
	free(t);
}

size_t sw_trust_count(const struct sw_trust *t)
{
	return t ? (size_t)sk_X509_num(t->cas) : 0;
}

STACK_OF(X509_NAME) *sw_trust_names(const struct sw_trust *t)
{
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();

	for (int i = 0; names && t && i < sk_X509_num(t->cas); i++) {
		X509_NAME *name = X509_NAME_dup(X509_get_subject_name(sk_X509_value(t->cas, i)));

		if (!name || !sk_X509_NAME_push(names, name)) {
			X509_NAME_free(name);
			sk_X509_NAME_pop_free(names, X509_NAME_free);
			return NULL;
		}
	}
	return names;
}

/* The issuer of an intermediate in the list, in the list as well. */
static X509 *issuer_in(const struct sw_trust *t, X509 *x)
{
	for (int i = 0; i < sk_X509_num(t->cas); i++) {
		X509 *ca = sk_X509_value(t->cas, i);
		EVP_PKEY *key = ca != x && X509_check_issued(ca, x) == X509_V_OK ? X509_get0_pubkey(ca) : NULL;

		if (key && X509_verify(x, key) == 1)
			return ca;
	}
	return NULL;
}

void sw_trust_fetch(struct sw_trust *t, struct sw_crls *crls, int64_t now)
{
	sw_crls_unref(t->fetched);
	t->fetched = sw_crls_ref(crls);
	for (int i = 0; i < sk_X509_num(t->cas); i++) {
		X509 *x = sk_X509_value(t->cas, i), *issuer = X509_get_extension_flags(x) & EXFLAG_SI ? NULL : issuer_in(t, x);

		if (issuer)
			sw_crls_want(crls, x, issuer, now);
	}
	ERR_clear_error();
}

void sw_trust_each_ca(const struct sw_trust *t, sw_ca_info_fn *fn, void *arg)
{
	for (int i = 0; t && i < sk_X509_num(t->cas); i++) {
		const X509 *x = sk_X509_value(t->cas, i);
		struct sw_ca_info info = {
			.not_before = sw_asn1_time(X509_get0_notBefore(x)),
			.not_after = sw_asn1_time(X509_get0_notAfter(x)),
			.root = X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0,
		};
		unsigned char digest[SW_DIGEST_LEN];

		sw_x509_name_text(X509_get_subject_name(x), info.subject, sizeof(info.subject));
		if (X509_digest(x, EVP_sha256(), digest, NULL) == 1)
			sw_hex(info.sha256, digest, sizeof(digest));
		fn(arg, &info);
	}
}

void sw_trust_each_crl(const struct sw_trust *t, sw_crl_info_fn *fn, void *arg)
{
	for (int i = 0; t && i < sk_X509_CRL_num(t->crls); i++) {
		const X509_CRL *crl = sk_X509_CRL_value(t->crls, i);
		const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
		struct sw_crl_info info = {
			.url = "", .present = true, .fault = "", .this_update = sw_asn1_time(X509_CRL_get0_lastUpdate(crl)),
			.next_update = next ? sw_asn1_time(next) : 0,
		};

		sw_x509_name_text(X509_CRL_get_issuer(crl), info.issuer, sizeof(info.issuer));
		fn(arg, &info);
	}
}
