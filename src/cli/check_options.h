/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The options of "sipward check": one table gives what is parsed, --help, the environment's names, the section of the man page
 * and the completion.
 */
#include "check/report.h"
#include "cli/cli.h"

enum { SW_CHECK_NETWORKS = 64, SW_CHECK_SERVERS = 8 };

struct sw_check_cli {
	struct sw_check_options run;       /* points into this struct; profile, conf, zone and cert, key, chain are filled by sw_check_cli_load */
	const char *profile, *zone, *config;
	bool profile_given;
	const char *form;                  /* -o */
	const char *output_file, *baseline;
	const char *progress;              /* "auto", "plain", "none" */
	bool config_given, fail_on_warn, quiet, verbose, no_color;
	struct sw_prefix networks[SW_CHECK_NETWORKS];
	struct sw_conf_dns dns;
	struct sw_conf_dns_server servers[SW_CHECK_SERVERS];
	char *turn_password, *proxy_password, *reflector_secret;   /* owned */
	struct sw_profile *loaded_profile; /* owned */
	struct sw_conf *loaded_conf;       /* owned reference */
};

/*
 * Environment, then argv; *first is the first target. SW_EXIT_OK, or the status to leave with; a message is on standard error.
 * *done: help or a description was printed, leave with SW_EXIT_OK.
 */
int sw_check_cli_parse(struct sw_check_cli *k, const struct sw_cli *cli, int argc, char **argv, int *first, bool *done);
/* Profile, configuration and zone. */
int sw_check_cli_load(struct sw_check_cli *k);
void sw_check_cli_clear(struct sw_check_cli *k);
/* A monitoring plugin knows 0 to 3 alone: was it asked for, even if the rest is wrong? */
bool sw_check_cli_is_nagios(int argc, char **argv);

/* --- progress on standard error (check_progress.c) --- */

struct sw_progress;
/* mode: "auto", "plain" or "none"; NULL in *out where there is none to show. */
int sw_progress_new(struct sw_progress **out, const char *mode, bool quiet) SW_MUSTCHECK;
void sw_progress_watch(struct sw_progress *p, struct sw_check *c);
void sw_progress_free(struct sw_progress *p);     /* clears what stands on the terminal; NULL is fine */
