/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cert.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "tls/describe.h"
#include "tls/fetch.h"

enum { FETCH_MS = 10000 };

static void text_urls(const char *what, const char (*urls)[256], size_t n, struct sw_buf *out)
{
	for (size_t i = 0; i < n; i++)
		sw_buf_printf(out, "   %-12s %s\n", what, urls[i]);
}

static void text_cert(int at, const struct sw_cert_facts *f, struct sw_buf *out)
{
	const struct sw_identity *id = f->id;
	char from[32], to[32], hex[2 * 32 + 1];

	sw_buf_printf(out, "%d: %s\n", at, id->subject[0] ? id->subject : "(no subject)");
	sw_buf_printf(out, "   %-12s %s\n", "issued by", f->self_issued ? "itself" : id->issuer);
	for (size_t i = 0; i < id->n_names; i++)
		sw_buf_printf(out, "   %-12s %s:%s%s\n", i ? "" : "names", sw_name_type_name(id->names[i].type), id->names[i].value,
			      id->names[i].malformed ? "   (malformed)" : "");
	sw_buf_printf(out, "   %-12s %s to %s\n", "valid", sw_case_time_text(id->not_before, from), sw_case_time_text(id->not_after, to));
	sw_buf_printf(out, "   %-12s %s%s", "is a", f->ca ? "CA" : "leaf", f->ca && f->path_len >= 0 ? "" : "\n");
	if (f->ca && f->path_len >= 0)
		sw_buf_printf(out, " for at most %ld CAs below it\n", f->path_len);
	sw_buf_printf(out, "   %-12s %s\n", "purposes", f->eku[0] ? f->eku : "any (no extended key usage)");
	sw_buf_printf(out, "   %-12s %s\n", "key usage", f->key_usage[0] ? f->key_usage : "any (no key usage)");
	sw_buf_printf(out, "   %-12s %s %d bits%s%s\n", "key", id->key_type, id->key_bits, f->curve[0] ? ", " : "", f->curve);
	sw_buf_printf(out, "   %-12s %s\n", "signature", f->signature);
	sw_buf_printf(out, "   %-12s %s\n", "serial", id->serial);
	text_urls("CRL", f->crl, f->n_crl, out);
	text_urls("OCSP", f->ocsp, f->n_ocsp, out);
	sw_hex(hex, id->cert_sha256, sizeof(id->cert_sha256));
	sw_buf_printf(out, "   %-12s %s\n", "SHA-256", hex);
	sw_hex(hex, id->spki_sha256, sizeof(id->spki_sha256));
	sw_buf_printf(out, "   %-12s %s\n", "pin", hex);
	for (size_t i = 0; i < f->n_odd; i++)
		sw_buf_printf(out, "   ! %s\n", f->odd[i]);
}

static void json_member(struct sw_buf *out, const char *name, const char *value)
{
	sw_buf_printf(out, "\"%s\":", name);
	sw_buf_json_str(out, sw_str_of(value));
	sw_buf_str(out, ",");
}

static void json_strings(struct sw_buf *out, const char *name, const char *values, size_t stride, size_t n)
{
	sw_buf_printf(out, "\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		sw_buf_str(out, i ? "," : "");
		sw_buf_json_str(out, sw_str_of(values + i * stride));
	}
	sw_buf_str(out, "]");
}

static void json_names(struct sw_buf *out, const struct sw_identity *id)
{
	sw_buf_str(out, "\"names\":[");
	for (size_t i = 0; i < id->n_names; i++) {
		sw_buf_str(out, i ? ",{" : "{");
		json_member(out, "type", sw_name_type_name(id->names[i].type));
		json_member(out, "value", id->names[i].value);
		sw_buf_printf(out, "\"malformed\":%s}", id->names[i].malformed ? "true" : "false");
	}
	sw_buf_str(out, "],");
}

static void json_cert(const struct sw_cert_facts *f, struct sw_buf *out)
{
	const struct sw_identity *id = f->id;
	char text[32], hex[2 * 32 + 1];

	sw_buf_str(out, "{");
	json_member(out, "subject", id->subject);
	json_member(out, "issuer", id->issuer);
	json_member(out, "serial", id->serial);
	json_names(out, id);
	json_member(out, "not_before", sw_case_time_text(id->not_before, text));
	json_member(out, "not_after", sw_case_time_text(id->not_after, text));
	sw_buf_printf(out, "\"version\":%d,\"ca\":%s,", f->version, f->ca ? "true" : "false");
	if (f->path_len >= 0)
		sw_buf_printf(out, "\"path_length\":%ld,", f->path_len);
	json_member(out, "purposes", f->eku);
	json_member(out, "key_usage", f->key_usage);
	json_member(out, "key", id->key_type);
	sw_buf_printf(out, "\"key_bits\":%d,", id->key_bits);
	json_member(out, "curve", f->curve);
	json_member(out, "signature", f->signature);
	sw_hex(hex, id->cert_sha256, sizeof(id->cert_sha256));
	json_member(out, "sha256", hex);
	sw_hex(hex, id->spki_sha256, sizeof(id->spki_sha256));
	json_member(out, "pin", hex);
	json_strings(out, "crl", f->crl[0], sizeof(f->crl[0]), f->n_crl);
	sw_buf_str(out, ",");
	json_strings(out, "ocsp", f->ocsp[0], sizeof(f->ocsp[0]), f->n_ocsp);
	sw_buf_printf(out, ",\"must_staple\":%s,", f->must_staple ? "true" : "false");
	json_strings(out, "odd", f->odd[0], sizeof(f->odd[0]), f->n_odd);
	sw_buf_str(out, "}");
}

static int print(const struct sw_cli *c, STACK_OF(X509) *chain)
{
	struct sw_buf out;
	int err = SW_OK;

	sw_buf_init(&out, 64 << 20);
	sw_buf_str(&out, c->json ? "[" : "");
	for (int i = 0; err == SW_OK && i < sk_X509_num(chain); i++) {
		struct sw_cert_facts *f = NULL;
		X509 *next = i + 1 < sk_X509_num(chain) ? sk_X509_value(chain, i + 1) : NULL;

		err = sw_cert_facts_read(&f, sk_X509_value(chain, i), next, time(NULL));
		if (err < 0)
			break;
		if (c->json) {
			sw_buf_str(&out, i ? "," : "");
			json_cert(f, &out);
		} else {
			text_cert(i, f, &out);
		}
		sw_cert_facts_free(f);
	}
	sw_buf_str(&out, c->json ? "]\n" : "");
	if (err == SW_OK)
		err = sw_buf_error(&out);
	if (err == SW_OK)
		sw_cli_print(&out);
	else
		fprintf(stderr, "sipward: %s\n", sw_error_text(err));
	sw_buf_free(&out);
	return err == SW_OK ? SW_EXIT_OK : SW_EXIT_INTERNAL;
}

static int from_file(const char *path, STACK_OF(X509) **out)
{
	struct sw_buf text;
	struct sw_diag diag;
	int err = sw_cert_read_file(path, &text);

	if (err < 0)
		return SW_EXIT_NO_INPUT;
	sw_diag_init(&diag);
	*out = sk_X509_new_null();
	err = *out ? sw_chain_from_pem(*out, sw_buf_view(&text), path, &diag) : SW_ENOMEM;
	sw_cli_diag(&diag);
	sw_diag_free(&diag);
	sw_buf_free(&text);
	return err == SW_OK ? SW_EXIT_OK : err == SW_ENOMEM ? SW_EXIT_INTERNAL : SW_EXIT_NO_INPUT;
}

/* "host:port", "[2001:db8::1]:5061" */
static bool split(const char *where, char host[256], const char **port)
{
	const char *colon = strrchr(where, ':');
	struct sw_str h = { where, colon ? (size_t)(colon - where) : 0 };

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5)
		return false;
	if (h.n > 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
		h = (struct sw_str){ h.p + 1, h.n - 2 };
	*port = colon + 1;
	return h.n > 0 && sw_str_copy(host, 256, h);
}

static int from_server(const char *host, const char *port, STACK_OF(X509) **out)
{
	char why[160];

	if (sw_tls_fetch(out, host, port, FETCH_MS, why) == SW_OK)
		return SW_EXIT_OK;
	fprintf(stderr, "sipward: %s\n", why);
	return SW_EXIT_UNKNOWN;
}

int sw_cert_show(struct sw_cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "output", required_argument, NULL, 'o' }, { 0 } };
	STACK_OF(X509) *chain = NULL;
	const char *port, *what;
	char host[256];
	struct stat st;
	int o, status;

	optind = 0;   /* as in verify */
	while ((o = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (o != 'o' || (strcmp(optarg, "json") && strcmp(optarg, "text")))
			return SW_EXIT_USAGE;
		c->json = !strcmp(optarg, "json");
	}
	if (optind != argc - 1) {
		fputs("usage: sipward cert show [-o text|json] FILE|HOST:PORT\n", stderr);
		return SW_EXIT_USAGE;
	}
	what = argv[optind];
	/* A file of that name goes first. */
	if (stat(what, &st) < 0 && split(what, host, &port))
		status = from_server(host, port, &chain);
	else
		status = from_file(what, &chain);
	if (status == SW_EXIT_OK)
		status = print(c, chain);
	sk_X509_pop_free(chain, X509_free);
	return status;
}
