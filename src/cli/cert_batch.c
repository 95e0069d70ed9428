/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many cases, a JSON object a line, and a verdict for each. The input may be anybody's: a line that is broken gets its
 * verdict like the others, and what one line took is given back before the next.
 */
#include "cli/cert.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	LINE_MAX_BYTES = 64 << 20,
	LINE_KEPT = 1 << 20,           /* room that stays for the next line */
	PEMS_MAX = 10000,
	ID_MAX = 64 << 10,
};

/* Why a case could not be decided. */
struct fault {
	char why[160];
};

static bool fault(struct fault *f, const char *key, const char *what)
{
	snprintf(f->why, sizeof(f->why), "\"%s\" %s", key, what);
	return false;
}

/* An absent member and null are the same. */
static const json_t *member(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_null(v) ? NULL : v;
}

static struct sw_str text_of(const json_t *v)
{
	return (struct sw_str){ json_string_value(v), json_string_length(v) };
}

/* An array of PEM strings as slices into it; the caller frees *out. */
static bool read_pems(const json_t *o, const char *key, struct sw_str **out, size_t *n, struct fault *f)
{
	const json_t *a = member(o, key);

	*out = NULL;
	*n = 0;
	if (!a)
		return true;
	if (!json_is_array(a) || json_array_size(a) > PEMS_MAX)
		return fault(f, key, "is not an array of PEM strings");
	*out = calloc(json_array_size(a) + 1, sizeof(**out));
	if (!*out)
		return fault(f, key, "takes more memory than there is");
	for (size_t i = 0; i < json_array_size(a); i++) {
		if (!json_is_string(json_array_get(a, i)))
			return fault(f, key, "is not an array of PEM strings");
		(*out)[i] = text_of(json_array_get(a, i));
	}
	*n = json_array_size(a);
	return true;
}

static bool read_word(const json_t *o, const char *key, struct sw_case *k, bool (*set)(struct sw_case *, const char *, char *),
		      struct fault *f)
{
	const json_t *v = member(o, key);

	if (!v)
		return true;
	if (!json_is_string(v))
		return fault(f, key, "is not a string");
	return set(k, json_string_value(v), f->why);
}

static bool read_words(const json_t *o, struct sw_case *k, struct fault *f)
{
	const json_t *wildcard = member(o, "wildcard");

	if (wildcard && !json_is_boolean(wildcard))
		return fault(f, "wildcard", "is neither true nor false");
	k->wildcard = json_is_true(wildcard);
	/* The mode before the name, which sets it where it was not given. */
	return read_word(o, "at", k, sw_case_set_time, f) && read_word(o, "as", k, sw_case_set_role, f) &&
	       read_word(o, "match", k, sw_case_set_match, f) && read_word(o, "name", k, sw_case_set_name, f) &&
	       read_word(o, "eku", k, sw_case_set_eku, f) && read_word(o, "revocation", k, sw_case_set_revocation, f);
}

static void diag_fault(const struct sw_diag *diag, int err, struct fault *f)
{
	const struct sw_diag_entry *e = diag->n ? &diag->entries[diag->n - 1] : NULL;

	if (e)
		snprintf(f->why, sizeof(f->why), "%s%s%s", e->file ? e->file : "", e->file ? ": " : "", e->text);
	else
		snprintf(f->why, sizeof(f->why), "%s", sw_error_text(err));
}

static bool read_trust(const json_t *o, struct sw_case *k, struct sw_diag *diag, struct fault *f)
{
	struct sw_str *cas = NULL, *crls = NULL;
	size_t n_cas = 0, n_crls = 0;
	bool ok = member(o, "trust") ? true : fault(f, "trust", "is missing");
	int err;

	ok = ok && read_pems(o, "trust", &cas, &n_cas, f) && read_pems(o, "crl", &crls, &n_crls, f);
	if (ok && n_crls && !k->revocation_given)
		k->policy.revocation = SW_REVOCATION_SOFT;
	if (ok && n_cas) {
		err = sw_trust_from_pem(&k->trust, cas, n_cas, crls, n_crls, diag);
		ok = err == SW_OK;
		if (!ok)
			diag_fault(diag, err, f);
	}
	free(cas);
	free(crls);
	return ok;
}

/* SW_OK; SW_EPARSE: what the peer sent is no certificate; SW_ECONF: the case is broken, f says why. */
static int read_certs(const json_t *o, struct sw_case *k, struct sw_diag *diag, struct fault *f)
{
	const json_t *chain = member(o, "chain");
	struct sw_str *pems = NULL;
	size_t n = 0;
	int err = SW_ECONF;

	if (!json_is_string(chain))
		fault(f, "chain", chain ? "is not a string" : "is missing");
	else if (read_pems(o, "untrusted", &pems, &n, f)) {
		err = sw_case_add_chain(k, text_of(chain), "chain", diag);
		for (size_t i = 0; err == SW_OK && i < n; i++)
			err = sw_case_add_untrusted(k, pems[i], "untrusted", diag);
		if (err < 0)
			diag_fault(diag, err, f);
	}
	free(pems);
	return err;
}

static struct sw_verdict undecided(const struct fault *f)
{
	return sw_verdict_make(SW_R_TLS_UNKNOWN, "%s", f->why);
}

static struct sw_verdict judge(const json_t *o)
{
	struct fault f = { "" };
	struct sw_verdict v;
	struct sw_diag diag;
	struct sw_case k;
	int err;

	sw_diag_init(&diag);
	sw_case_init(&k);
	if (!member(o, "id")) {
		fault(&f, "id", "is missing");
		v = undecided(&f);
	} else if (!read_words(o, &k, &f) || !read_trust(o, &k, &diag, &f)) {
		v = undecided(&f);
	} else {
		err = read_certs(o, &k, &diag, &f);
		v = err == SW_OK ? sw_case_judge(&k) : err == SW_EPARSE ? sw_case_unparsable(&diag) : undecided(&f);
	}
	sw_case_clear(&k);
	sw_diag_free(&diag);
	return v;
}

/* The id as it came, whatever it is. The caller frees it; NULL when it is missing, or far too long to be one. */
static char *id_text(const json_t *o)
{
	char *id = json_is_object(o) && json_object_get(o, "id") ? json_dumps(json_object_get(o, "id"), JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

	if (id && strlen(id) > ID_MAX) {
		free(id);
		id = NULL;
	}
	return id;
}

static void answer(struct sw_str line, bool too_long, struct sw_buf *out)
{
	json_error_t error;
	json_t *o = too_long ? NULL : json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &error);
	char *id = id_text(o);
	struct sw_verdict v;

	if (too_long)
		v = sw_verdict_make(SW_R_TLS_UNKNOWN, "the line has more than %d MiB", LINE_MAX_BYTES >> 20);
	else if (!o)
		v = sw_verdict_make(SW_R_TLS_UNKNOWN, "not JSON: %s", error.text);
	else if (!json_is_object(o))
		v = sw_verdict_make(SW_R_TLS_UNKNOWN, "not a JSON object");
	else
		v = judge(o);
	sw_buf_clear(out);
	sw_case_json(&v, id ? id : "null", out);
	free(id);
	json_decref(o);
}

enum line { LINE_READ, LINE_TOO_LONG, LINE_END };

/* The last line needs no newline. What is beyond the limit is read and dropped. */
static enum line read_line(FILE *f, struct sw_buf *line)
{
	char chunk[4096];
	size_t n = 0;
	bool long_line = false, any = false;
	int c;

	if (line->size > LINE_KEPT) {
		sw_buf_free(line);
		sw_buf_init(line, LINE_MAX_BYTES);
	}
	sw_buf_clear(line);
	while ((c = getc_unlocked(f)) != EOF && c != '\n') {
		any = true;
		chunk[n++] = (char)c;
		if (n == sizeof(chunk)) {
			sw_buf_put(line, chunk, n);
			n = 0;
		}
	}
	sw_buf_put(line, chunk, n);
	long_line = sw_buf_error(line) < 0;
	return c == EOF && !any ? LINE_END : long_line ? LINE_TOO_LONG : LINE_READ;
}

static bool blank(const struct sw_buf *line)
{
	for (size_t i = 0; i < line->len; i++)
		if (!strchr(" \t\r", line->data[i]) || !line->data[i])
			return false;
	return true;
}

int sw_cert_batch(const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	struct sw_buf line, out;
	enum line got;
	int status = SW_EXIT_OK;

	if (!f) {
		fprintf(stderr, "sipward: %s: %s\n", path, strerror(errno));
		return SW_EXIT_NO_INPUT;
	}
	sw_buf_init(&line, LINE_MAX_BYTES);
	sw_buf_init(&out, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);   /* who writes to us and waits for the answer gets it */
	while (!ferror(stdout) && (got = read_line(f, &line)) != LINE_END) {
		if (got == LINE_READ && blank(&line))
			continue;
		answer(sw_buf_view(&line), got == LINE_TOO_LONG, &out);
		sw_cli_print(&out);
	}
	if (ferror(f)) {
		fprintf(stderr, "sipward: %s: %s\n", path, strerror(errno));
		status = SW_EXIT_NO_INPUT;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fputs("sipward: the verdicts can't be written\n", stderr);
		status = SW_EXIT_INTERNAL;
	}
	sw_buf_free(&line);
	sw_buf_free(&out);
	if (f != stdin)
		fclose(f);
	return status;
}
