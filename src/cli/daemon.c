/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static int ask_and_print(const struct sw_cli *c, const char *line)
{
	struct sw_buf out;
	int status;

	sw_buf_init(&out, 16 << 20);
	status = sw_cli_ask(c, line, false, &out);
	sw_cli_print(&out);
	sw_buf_free(&out);
	return status;
}

int sw_cli_status(struct sw_cli *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			c->json = true;
		} else {
			fprintf(stderr, "sipward status: unexpected \"%s\" (only --json)\n", argv[i]);
			return SW_EXIT_USAGE;
		}
	}
	return ask_and_print(c, c->json ? "status json\n" : "status\n");
}

int sw_cli_daemon(struct sw_cli *c, int argc, char **argv)
{
	char line[128];
	bool log = !strcmp(argv[0], "log");

	if (argc != (log ? 2 : 1) || (log && strlen(argv[1]) > 16)) {
		fprintf(stderr, "usage: sipward %s%s\n", argv[0], log ? " error|warn|info|debug|trace" : "");
		return SW_EXIT_USAGE;
	}
	snprintf(line, sizeof(line), "%s%s%s\n", argv[0], log ? " " : "", log ? argv[1] : "");
	return ask_and_print(c, line);
}

int sw_cli_why(struct sw_cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "output", required_argument, NULL, 'o' }, { 0 } };
	const char *id;
	char line[64];
	int o;

	optind = 0; /* the global options were parsed by the same function */
	while ((o = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (o != 'o' || (strcmp(optarg, "json") && strcmp(optarg, "text")))
			return SW_EXIT_USAGE;
		c->json = !strcmp(optarg, "json");
	}
	id = optind < argc ? argv[optind] : "";
	if (argc - optind > 1 || (*id && (strlen(id) != 16 || strspn(id, "0123456789abcdef") != 16))) {
		fputs("usage: sipward why [-o text|json] [ID]\n"
		      "  ID: 16 hex digits, id= or conn= of a refusal in the log; without it, the list\n",
		      stderr);
		return SW_EXIT_USAGE;
	}
	snprintf(line, sizeof(line), "why%s%s%s\n", *id ? " " : "", id, c->json ? " json" : "");
	return ask_and_print(c, line);
}
