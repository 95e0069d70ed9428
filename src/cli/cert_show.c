/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cert.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "tls/describe.h"
#include "tls/fetch.h"

enum { FETCH_MS = 10000 };

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
			sw_cert_facts_json(f, &out);
		} else {
			sw_cert_facts_text(f, i, &out);
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
