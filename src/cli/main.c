/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/control.h"
#include "cli/cli.h"
#include "config.h"

enum { ASK_MS = 15000 };

static const struct {
	const char *name;
	int (*run)(struct sw_cli *c, int argc, char **argv);
	const char *args;
	const char *doc;
} commands[] = {
	{ "status", sw_cli_status, "", "listeners, zones, connections, calls, pinholes, domains, refusals" },
	{ "reload", sw_cli_daemon, "", "read the configuration again, as SIGHUP does" },
	{ "drain", sw_cli_daemon, "", "take no new calls, stop when the last one ends" },
	{ "log", sw_cli_daemon, "LEVEL", "error, warn, info, debug or trace, until the next reload" },
	{ "why", sw_cli_why, "[ID]", "the last refusals, or one of them explained: what came, what failed, what to change" },
	{ "domain", sw_cli_domain, "token|status|verify|remove [DOMAIN]", "prove that a domain is yours, or a partner's" },
	{ "route", sw_cli_route, "--from ZONE [--caller URI] URI", "who would get this call, and why: no daemon needed" },
	{ "cert", sw_cli_cert, "show FILE|HOST:PORT | verify ... | forecast", "what a certificate says, how it would be judged, when it stops: no daemon needed" },
	{ "check", sw_cli_check, "[option]... TARGET... | -f CONF", "will it work? DNS, TLS, SIP, media, before go-live: no daemon needed" },
	{ "explain", sw_cli_explain, "[ID | --list]", "what a finding of check means and what to do" },
	{ "reflect", sw_cli_reflect, "[--listen ADDRESS] ...", "the other end of a check, on a host outside: no daemon needed" },
	{ "reason", sw_cli_reason, "[ID]", "what a reason= in the log means and what to do" },
};

static void usage(FILE *f)
{
	fputs("sipward, the operator's command of the SIP edge\n\nusage: sipward [option]... COMMAND [argument]...\n\n", f);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(f, "  %-7s %-36s %s\n", commands[i].name, commands[i].args, commands[i].doc);
	fputs("\n  -f, --config FILE    the daemon's configuration (" SW_SYSCONFDIR "/sipward/sipward.conf, or $SIPWARD_CONFIG)\n"
	      "  -s, --socket PATH    the daemon's control socket (the configuration's)\n"
	      "  -o, --output FORMAT  text or json\n"
	      "  -V, --version        print the version\n"
	      "  -h, --help           print this\n\n"
	      "Exit status: 0 fine, 2 refused or failed, 3 could not be determined, 64 usage, 66 no input, 69 no daemon, 78 configuration.\n"
	      "See sipward(1).\n", f);
}

void sw_cli_diag(const struct sw_diag *diag)
{
	struct sw_buf text;

	sw_buf_init(&text, 0);
	sw_diag_print(diag, &text);
	if (text.len)
		fwrite(text.data, 1, text.len, stderr);
	sw_buf_free(&text);
}

int sw_cli_conf(const struct sw_cli *c, struct sw_conf **out)
{
	struct sw_diag diag;
	int err;

	sw_diag_init(&diag);
	err = sw_conf_load(out, c->config, &diag);
	if (err < 0)
		sw_cli_diag(&diag);
	sw_diag_free(&diag);
	return err == SW_OK ? SW_EXIT_OK : SW_EXIT_CONFIG;
}

void sw_cli_print(const struct sw_buf *b)
{
	if (b->len)
		fwrite(b->data, 1, b->len, stdout);
}

int sw_cli_ask(const struct sw_cli *c, const char *line, bool quiet, struct sw_buf *out)
{
	struct sw_conf *conf = NULL;
	const char *path = c->socket;
	int status = SW_EXIT_INTERNAL, err;

	if (!path) {
		int bad = sw_cli_conf(c, &conf);

		if (bad)
			return bad;
		path = conf->control;
	}
	err = sw_control_ask(path, line, ASK_MS, &status, out);
	if (err < 0) {
		if (!quiet)
			fprintf(stderr, "sipward: no answer from the daemon at %s: %s\n", path,
				err == SW_ECLOSED ? "nobody listens there (is sipwardd running?)" : sw_error_text(err));
		status = SW_EXIT_UNREACHABLE;
	}
	sw_conf_unref(conf);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'f' }, { "socket", required_argument, NULL, 's' }, { "output", required_argument, NULL, 'o' },
		{ "version", no_argument, NULL, 'V' },      { "help", no_argument, NULL, 'h' },         { 0 },
	};
	struct sw_cli cli = { .config = getenv("SIPWARD_CONFIG") };
	int c;

	cli.config_given = cli.config != NULL;
	if (!cli.config)
		cli.config = SW_SYSCONFDIR "/sipward/sipward.conf";
	/* "+": global options end at the command's name; its own follow. */
	while ((c = getopt_long(argc, argv, "+f:s:o:Vh", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			cli.config = optarg;
			cli.config_given = true;
			break;
		case 's':
			cli.socket = optarg;
			break;
		case 'o':
			if (strcmp(optarg, "json") && strcmp(optarg, "text")) {
				fprintf(stderr, "sipward: no output format \"%s\": text or json\n", optarg);
				return SW_EXIT_USAGE;
			}
			cli.json = !strcmp(optarg, "json");
			break;
		case 'V':
			puts("sipward " PACKAGE_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			return SW_EXIT_USAGE;
		}
	}
	for (size_t i = 0; optind < argc && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[optind], commands[i].name)) {
			int first = optind;

			optind = 1;
			return commands[i].run(&cli, argc - first, argv + first);
		}
	if (optind < argc)
		fprintf(stderr, "sipward: no command \"%s\"\n", argv[optind]);
	usage(stderr);
	return SW_EXIT_USAGE;
}
