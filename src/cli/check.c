/* SPDX-License-Identifier: Apache-2.0 */
/* "sipward check": pre-flight. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "check/report.h"
#include "cli/cli.h"

static const char usage[] = "usage: sipward check [--profile P] [-4 | -6] [--allow NETWORK]... TARGET...\n";

enum { ALLOWED_MAX = 32 };

static struct sw_check *running;

static void on_interrupt(int sig)
{
	(void)sig;
	sw_check_stop(running);
}

static int run(struct sw_check_options *o, char **targets, size_t n_targets)
{
	struct sw_report report = { .targets = (const char *const *)targets, .n_targets = n_targets, .started = time(NULL) };
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
	struct sw_check_summary summary;
	struct sw_buf out;
	char why[160];
	int err = sw_check_new(&running, o), status = SW_EXIT_INTERNAL;

	if (err < 0)
		return SW_EXIT_INTERNAL;
	for (size_t i = 0; i < n_targets; i++)
		if (sw_check_target(running, targets[i], why) < 0) {
			fprintf(stderr, "sipward: %s: %s\n", targets[i], why);
			sw_check_free(running);
			return SW_EXIT_USAGE;
		}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	err = sw_check_run(running);
	if (err == SW_OK) {
		report.check = running;
		sw_buf_init(&out, 64 << 20);
		sw_report_text(&report, &out);
		sw_cli_print(&out);
		sw_buf_free(&out);
		status = sw_check_exit(running, false);
	} else {
		fprintf(stderr, "sipward: %s\n", sw_error_text(err));
	}
	sw_check_summary(running, &summary);
	/* A probe that hangs in a library is not waited for. */
	if (summary.stuck) {
		fflush(NULL);
		_Exit(status);
	}
	sw_check_free(running);
	return status;
}

int sw_cli_check(struct sw_cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "profile", required_argument, NULL, 'p' }, { "allow", required_argument, NULL, 'a' }, { 0 },
	};
	struct sw_prefix allowed[ALLOWED_MAX];
	struct sw_check_options o = { .allowed = allowed };
	struct sw_profile *profile = NULL;
	const char *name = "b2b";
	struct sw_diag diag;
	int c, status = SW_EXIT_USAGE;

	(void)cli;
	optind = 0;
	while ((c = getopt_long(argc, argv, "46", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			name = optarg;
			break;
		case 'a':
			if (o.n_allowed == ALLOWED_MAX || sw_prefix_parse(&allowed[o.n_allowed++], sw_str_of(optarg)) < 0) {
				fprintf(stderr, "sipward: --allow %s: a network, like 10.0.0.0/8\n", optarg);
				return SW_EXIT_USAGE;
			}
			break;
		case '4':
		case '6':
			o.family = c == '4' ? AF_INET : AF_INET6;
			break;
		default:
			return SW_EXIT_USAGE;
		}
	}
	if (optind == argc) {
		fputs(usage, stderr);
		return SW_EXIT_USAGE;
	}
	sw_diag_init(&diag);
	if (sw_profile_load(&profile, name, getenv("SIPWARD_PROFILES"), &diag) == SW_OK) {
		o.profile = profile;
		status = run(&o, argv + optind, (size_t)(argc - optind));
	} else {
		sw_cli_diag(&diag);
	}
	sw_diag_free(&diag);
	sw_profile_free(profile);
	return status;
}
