/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cert.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "core/date.h"
#include "tls/describe.h"
#include "tls/fetch.h"
#include "tls/shape.h"

enum { FETCH_MS = 10000, OUT_MAX = 64 << 20 };

static int print_certs(const struct sw_cli *c, STACK_OF(X509) *certs, bool list, struct sw_buf *out)
{
	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509 *next = !list && i + 1 < sk_X509_num(certs) ? sk_X509_value(certs, i + 1) : NULL;
		struct sw_cert_facts *f = NULL;
		int err = sw_cert_facts_read(&f, sk_X509_value(certs, i), next, time(NULL));

		if (err < 0)
			return err;
		if (c->json) {
			sw_buf_str(out, i ? "," : "");
			sw_cert_facts_json(f, out);
		} else {
			sw_cert_facts_text(f, i, out);
		}
		sw_cert_facts_free(f);
	}
	return sw_buf_error(out);
}

static void chain_text(const struct sw_chain_shape *s, const char *end, const char *first, struct sw_buf *out)
{
	sw_buf_printf(out, "chain: %zu certificate%s, good until %s, when %s expires\n", s->n, s->n == 1 ? "" : "s", end, first);
	if (s->leaf_self_signed)
		sw_buf_str(out, "   ! it is signed by itself: a peer must have this very certificate in its trust list\n");
	else if (s->complete)
		sw_buf_printf(out, "   %-12s %s, a root%s\n", "leads to", s->root,
			      s->root_known ? " this system trusts" : " this system does not know");
	else
		sw_buf_printf(out, "   %-12s %s: a root this system does not know, or an intermediate that is missing\n",
			      "leads to", s->wants);
	if (!s->complete && s->fetch[0])
		sw_buf_printf(out, "   %-12s %s\n", "to be had at", s->fetch);
	if (s->misplaced[0])
		sw_buf_printf(out, "   ! out of order: %s is not where it belongs\n", s->misplaced);
	if (s->extra)
		sw_buf_printf(out, "   ! %zu of no use to the first: %s%s\n", s->extra, s->extra_one,
			      s->extra > 1 ? " and others" : "");
	if (s->root_sent)
		sw_buf_str(out, "   ! the root is sent: nobody needs it, who trusts it has it\n");
}

static void json_text(struct sw_buf *out, const char *name, const char *value)
{
	sw_buf_printf(out, ",\"%s\":", name);
	sw_buf_json_str(out, sw_str_of(value));
}

static void chain_json(const struct sw_chain_shape *s, const char *end, const char *first, struct sw_buf *out)
{
	sw_buf_printf(out, "{\"certificates\":%zu", s->n);
	json_text(out, "not_after", end);
	json_text(out, "first_to_expire", first);
	sw_buf_printf(out, ",\"self_signed\":%s,\"complete\":%s,\"ordered\":%s,\"root_sent\":%s,\"root_known\":%s,\"extra\":%zu",
		      s->leaf_self_signed ? "true" : "false", s->complete ? "true" : "false", s->ordered ? "true" : "false",
		      s->root_sent ? "true" : "false", s->root_known ? "true" : "false", s->extra);
	json_text(out, "leads_to", s->complete ? s->root : s->wants);
	json_text(out, "misplaced", s->misplaced);
	json_text(out, "issuer_at", s->complete ? "" : s->fetch);
	sw_buf_str(out, "}");
}

/* What the certificates are together; a list of CAs is no chain: null. */
static void print_chain(const struct sw_cli *c, STACK_OF(X509) *certs, bool list, struct sw_buf *out)
{
	STACK_OF(X509) *rest = NULL;
	struct sw_trust *system = NULL;
	struct sw_chain_shape shape;
	struct sw_chain_span span;
	char end[32], path[256];
	struct sw_diag diag;

	if (list) {
		sw_buf_str(out, c->json ? "null" : "CAs alone: a list, not a chain, which begins with a leaf\n");
		return;
	}
	sw_diag_init(&diag);
	if (sw_trust_system(&system, path, &diag) < 0)
		system = NULL;   /* then no root is known */
	sw_diag_free(&diag);
	rest = sw_chain_rest(certs);
	sw_chain_shape(&shape, certs, system);
	sw_trust_free(system);
	sw_chain_span(&span, sk_X509_value(certs, 0), rest);
	sk_X509_free(rest);
	sw_date_time(span.not_after, end);
	if (c->json)
		chain_json(&shape, end, span.first, out);
	else
		chain_text(&shape, end, span.first, out);
}

static int print(const struct sw_cli *c, STACK_OF(X509) *certs, bool from_server)
{
	bool list = !from_server && sw_chain_is_list(certs);   /* what a server sends is a chain, or should be */
	struct sw_buf out;
	int err;

	sw_buf_init(&out, OUT_MAX);
	sw_buf_str(&out, c->json ? "{\"certificates\":[" : "");
	err = print_certs(c, certs, list, &out);
	sw_buf_str(&out, c->json ? "],\"chain\":" : "");
	print_chain(c, certs, list, &out);
	sw_buf_str(&out, c->json ? "}\n" : "");
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
	if (!*out)
		err = SW_ENOMEM;
	else if (text.len && text.data[0] == 0x30)
		err = sw_chain_from_der(*out, sw_buf_view(&text), path, &diag);
	else
		err = sw_chain_from_pem(*out, sw_buf_view(&text), path, &diag);
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

static int usage_error(const char *text)
{
	fprintf(stderr, "sipward: %s\nusage: sipward cert show [-o text|json] FILE|HOST:PORT\n", text);
	return SW_EXIT_USAGE;
}

int sw_cert_show(struct sw_cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "output", required_argument, NULL, 'o' }, { 0 } };
	STACK_OF(X509) *certs = NULL;
	const char *port, *what;
	bool server = false;
	char host[256];
	struct stat st;
	int o, status;

	optind = 0;   /* as in verify */
	while ((o = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (o != 'o')
			return usage_error("the command line is wrong");
		if (strcmp(optarg, "json") && strcmp(optarg, "text"))
			return usage_error("no such output format: text or json");
		c->json = !strcmp(optarg, "json");
	}
	if (optind != argc - 1)
		return usage_error(optind < argc ? "one file or server at a time" : "there is nothing to show");
	what = argv[optind];
	/* A file of that name goes first. */
	server = stat(what, &st) < 0 && split(what, host, &port);
	status = server ? from_server(host, port, &certs) : from_file(what, &certs);
	if (status == SW_EXIT_OK)
		status = print(c, certs, server);
	sk_X509_pop_free(certs, X509_free);
	return status;
}
