/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cert.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tls/pulled.h"

enum { FILES_MAX = 256, FILE_MAX = 64 << 20 };

static const char usage[] =
	"usage: sipward cert show [-o text|json] FILE|HOST:PORT\n"
	"       sipward cert verify --trust FILE [--untrusted FILE]... [--crl FILE]... [--at TIME] [--as client|server]\n"
	"               [--name dns:NAME|sip:DOMAIN|ip:ADDRESS|email:MAILBOX] [--match MODE] [--eku POLICY] [--wildcard]\n"
	"               [--revocation off|soft|hard] [-o text|json] CHAIN.pem\n"
	"       sipward cert verify --zone NAME [-f CONF] [--untrusted FILE]... [--at TIME] [--as client|server]\n"
	"               [--name sip:DOMAIN] [-o text|json] CHAIN.pem\n"
	"       sipward cert verify --batch FILE.jsonl|-\n"
	"       sipward cert forecast [-f CONF] [--at DATE] [--within DAYS] [--ca-status FILE] [-o text|json]\n";

struct verify {
	struct sw_cli *cli;
	char *trust[FILES_MAX], *untrusted[FILES_MAX], *crl[FILES_MAX];
	size_t n_trust, n_untrusted, n_crl;
	const char *zone, *batch, *chain;
	const char *at, *as, *name, *match, *eku, *revocation;
	bool wildcard;
	struct sw_conf *conf;
	struct sw_zoneset *zones;
	struct sw_case k;
};

int sw_cert_read_file(const char *path, struct sw_buf *out)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	struct stat st;
	char *room;
	size_t n;

	sw_buf_init(out, FILE_MAX);
	if (!f || fstat(fileno(f), &st) < 0 || S_ISDIR(st.st_mode)) {
		fprintf(stderr, "sipward: %s: %s\n", path, f ? "is a directory" : strerror(errno));
		if (f && f != stdin)
			fclose(f);
		return SW_ENOTFOUND;
	}
	do {
		room = sw_buf_reserve(out, 65536);
		n = room ? fread(room, 1, 65536, f) : 0;
		if (n)
			sw_buf_commit(out, n);
	} while (n);
	n = (size_t)ferror(f);
	if (f != stdin)
		fclose(f);
	if (!room || n) {
		fprintf(stderr, "sipward: %s: cannot be read, or has more than %d MiB\n", path, FILE_MAX >> 20);
		sw_buf_free(out);
		return SW_ENOTFOUND;
	}
	return SW_OK;
}

/* --- what is judged --- */

/* One file of certificates into the case. The status to leave with; *unparsable when the verdict is out already. */
static int add_file(struct verify *v, const char *path, bool chain, struct sw_diag *diag, bool *unparsable)
{
	struct sw_buf text;
	int err = sw_cert_read_file(path, &text);

	if (err < 0)
		return SW_EXIT_NO_INPUT;
	err = chain ? sw_case_add_chain(&v->k, sw_buf_view(&text), path, diag)
		    : sw_case_add_untrusted(&v->k, sw_buf_view(&text), path, diag);
	sw_buf_free(&text);
	*unparsable |= err == SW_EPARSE;
	if (err == SW_OK || err == SW_EPARSE)
		return SW_EXIT_OK;
	sw_cli_diag(diag);
	return err == SW_ECONF ? SW_EXIT_NO_INPUT : SW_EXIT_INTERNAL;
}

/* z: that zone's list, with what the daemon fetched of it; else the files. */
static int load_trust(struct verify *v, const struct sw_conf_zone *z, const struct sw_strlist *trust, const struct sw_strlist *crls)
{
	struct sw_diag diag;
	int err;

	sw_diag_init(&diag);
	err = z ? sw_trust_load_zone(&v->k.trust, v->conf, z, &diag) : sw_trust_load(&v->k.trust, trust, crls, &diag);
	if (!v->cli->json || err < 0)
		sw_cli_diag(&diag);
	sw_diag_free(&diag);
	return err == SW_OK ? SW_EXIT_OK : err == SW_ECONF ? SW_EXIT_NO_INPUT : SW_EXIT_INTERNAL;
}

/* The zone's own list, policy and names, from the configuration the daemon would read. */
static int take_zone(struct verify *v)
{
	const struct sw_conf_zone *z;
	struct sw_diag diag;
	int status = sw_cli_conf(v->cli, &v->conf);

	if (status != SW_EXIT_OK)
		return status;
	sw_diag_init(&diag);
	if (sw_zoneset_new(&v->zones, v->conf, &diag) < 0)
		sw_cli_diag(&diag);
	sw_diag_free(&diag);
	if (!v->zones)
		return SW_EXIT_CONFIG;
	v->k.zone = sw_zoneset_find(v->zones, v->zone);
	if (!v->k.zone) {
		fprintf(stderr, "sipward: no zone \"%s\" in %s\n", v->zone, v->cli->config);
		return SW_EXIT_USAGE;
	}
	z = v->k.zone->conf;
	if (z->trust.n == 0) {
		fprintf(stderr, "sipward: zone \"%s\" has no trust list: it is nobody's by a certificate\n", v->zone);
		return SW_EXIT_USAGE;
	}
	if (v->k.policy.role == SW_TLS_PEER_IS_SERVER && v->k.kind == SW_CASE_NO_NAME && z->names.n == 0 && z->match != SW_MATCH_PIN) {
		fprintf(stderr, "sipward: zone \"%s\" has no names: say with --name which domain was called\n", v->zone);
		return SW_EXIT_USAGE;
	}
	v->k.policy.eku = z->eku;
	v->k.policy.revocation = z->revocation;
	v->k.policy.depth = v->conf->tls.depth;
	return load_trust(v, z, NULL, NULL);
}

static int take_files(struct verify *v)
{
	const struct sw_strlist trust = { v->trust, v->n_trust }, crls = { v->crl, v->n_crl };

	if (v->n_crl && !v->k.revocation_given)
		v->k.policy.revocation = SW_REVOCATION_SOFT;
	return load_trust(v, NULL, &trust, &crls);
}

static void print(const struct verify *v, const struct sw_verdict *verdict)
{
	struct sw_buf out;

	sw_buf_init(&out, 0);
	if (v->cli->json) {
		sw_case_json(verdict, NULL, &out);
	} else {
		sw_buf_printf(&out, "%s: %s", sw_case_word(verdict), sw_reason_id(verdict->reason));
		if (verdict->detail[0])
			sw_buf_printf(&out, ", %s", verdict->detail);
		sw_buf_str(&out, "\n");
		if (!sw_verdict_ok(verdict))
			sw_buf_printf(&out, "  means:      %s\n  what to do: %s\n", sw_reason_text(verdict->reason),
				      sw_reason_fix(verdict->reason));
	}
	sw_cli_print(&out);
	sw_buf_free(&out);
}

static int judge(struct verify *v)
{
	struct sw_verdict verdict;
	bool unparsable = false;
	struct sw_diag diag;
	int status = v->zone ? take_zone(v) : take_files(v);

	sw_diag_init(&diag);
	if (status == SW_EXIT_OK)
		status = add_file(v, v->chain, true, &diag, &unparsable);
	for (size_t i = 0; status == SW_EXIT_OK && !unparsable && i < v->n_untrusted; i++)
		status = add_file(v, v->untrusted[i], false, &diag, &unparsable);
	if (status == SW_EXIT_OK) {
		verdict = unparsable ? sw_case_unparsable(&diag) : sw_case_judge(&v->k);
		print(v, &verdict);
		status = sw_case_status(&verdict);
	}
	sw_diag_free(&diag);
	return status;
}

/* --- the command line --- */

static int usage_error(const char *text)
{
	fprintf(stderr, "sipward: %s\n%s", text, usage);
	return SW_EXIT_USAGE;
}

static bool keep_file(char **list, size_t *n, char *path)
{
	if (*n == FILES_MAX)
		return false;
	list[(*n)++] = path;
	return true;
}

/* The values, and which of them go together. */
static int check_options(struct verify *v)
{
	bool by_hand = v->n_trust || v->n_crl || v->match || v->eku || v->wildcard || v->revocation;
	char why[160];

	if (v->batch)
		return by_hand || v->zone || v->chain || v->n_untrusted || v->at || v->as || v->name
			       ? usage_error("--batch stands alone: each case says what it is judged by") : SW_EXIT_OK;
	if (!v->chain)
		return usage_error("there is no file to verify");
	if (v->zone && by_hand)
		return usage_error("--zone brings its own trust, crl, match, eku, wildcard and revocation");
	if (!v->zone && !v->n_trust)
		return usage_error("nothing says what is trusted: --trust FILE, or --zone NAME");
	if ((v->at && !sw_case_set_time(&v->k, v->at, why)) || (v->as && !sw_case_set_role(&v->k, v->as, why)) ||
	    (v->match && !sw_case_set_match(&v->k, v->match, why)) || (v->name && !sw_case_set_name(&v->k, v->name, why)) ||
	    (v->eku && !sw_case_set_eku(&v->k, v->eku, why)) || (v->revocation && !sw_case_set_revocation(&v->k, v->revocation, why)))
		return usage_error(why);
	if (v->zone && v->name && v->k.policy.role == SW_TLS_PEER_IS_CLIENT)
		return usage_error("a zone knows its clients by its own names: --name is for --as server");
	if (v->zone && v->k.kind == SW_CASE_EMAIL)
		return usage_error("a zone is known by domains and addresses, not by a mailbox");
	v->k.wildcard = v->wildcard;
	return SW_EXIT_OK;
}

static int read_options(struct verify *v, int argc, char **argv)
{
	static const struct option options[] = {
		{ "trust", required_argument, NULL, 't' },  { "untrusted", required_argument, NULL, 'u' },
		{ "crl", required_argument, NULL, 'c' },    { "at", required_argument, NULL, 'a' },
		{ "as", required_argument, NULL, 'r' },     { "name", required_argument, NULL, 'n' },
		{ "match", required_argument, NULL, 'm' },  { "eku", required_argument, NULL, 'e' },
		{ "wildcard", no_argument, NULL, 'w' },     { "revocation", required_argument, NULL, 'R' },
		{ "zone", required_argument, NULL, 'z' },   { "batch", required_argument, NULL, 'b' },
		{ "config", required_argument, NULL, 'f' }, { "output", required_argument, NULL, 'o' }, { 0 },
	};
	bool ok = true;
	int o;

	optind = 0;   /* options may follow the file: the order that main asked for ends here */
	while ((o = getopt_long(argc, argv, "f:o:", options, NULL)) != -1) {
		switch (o) {
		case 't': ok &= keep_file(v->trust, &v->n_trust, optarg); break;
		case 'u': ok &= keep_file(v->untrusted, &v->n_untrusted, optarg); break;
		case 'c': ok &= keep_file(v->crl, &v->n_crl, optarg); break;
		case 'a': v->at = optarg; break;
		case 'r': v->as = optarg; break;
		case 'n': v->name = optarg; break;
		case 'm': v->match = optarg; break;
		case 'e': v->eku = optarg; break;
		case 'w': v->wildcard = true; break;
		case 'R': v->revocation = optarg; break;
		case 'z': v->zone = optarg; break;
		case 'b': v->batch = optarg; break;
		case 'f': v->cli->config = optarg; break;
		case 'o':
			if (strcmp(optarg, "json") && strcmp(optarg, "text"))
				return usage_error("no such output format: text or json");
			v->cli->json = !strcmp(optarg, "json");
			break;
		default: return usage_error("the command line is wrong");
		}
	}
	if (!ok)
		return usage_error("too many files");
	if (argc - optind > 1)
		return usage_error("one file is verified at a time: --untrusted adds intermediates, --batch takes many cases");
	v->chain = optind < argc ? argv[optind] : NULL;
	return check_options(v);
}

static int verify(struct sw_cli *c, int argc, char **argv)
{
	struct verify v = { .cli = c };
	int status;

	sw_case_init(&v.k);
	status = read_options(&v, argc, argv);
	if (status == SW_EXIT_OK)
		status = v.batch ? sw_cert_batch(v.batch) : judge(&v);
	sw_case_clear(&v.k);
	sw_zoneset_unref(v.zones);
	sw_conf_unref(v.conf);
	return status;
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help"))
			return true;
	return false;
}

int sw_cli_cert(struct sw_cli *c, int argc, char **argv)
{
	if (asks_for_help(argc, argv)) {
		fputs(usage, stdout);
		return SW_EXIT_OK;
	}
	if (argc >= 2 && !strcmp(argv[1], "verify"))
		return verify(c, argc - 1, argv + 1);
	if (argc >= 2 && !strcmp(argv[1], "show"))
		return sw_cert_show(c, argc - 1, argv + 1);
	if (argc >= 2 && !strcmp(argv[1], "forecast"))
		return sw_cert_forecast(c, argc - 1, argv + 1);
	fputs(usage, stderr);
	return SW_EXIT_USAGE;
}
