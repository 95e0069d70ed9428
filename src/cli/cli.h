/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The operator's command: one file per family of subcommands; each calls the functions the daemon uses and prints what they say. */
#include "conf/conf.h"

enum {
	SW_EXIT_OK = 0,
	SW_EXIT_REFUSED = 2,       /* looked at, and not good */
	SW_EXIT_UNKNOWN = 3,       /* could not be determined */
	SW_EXIT_USAGE = 64,
	SW_EXIT_NO_INPUT = 66,
	SW_EXIT_UNREACHABLE = 69,  /* the daemon is not there */
	SW_EXIT_INTERNAL = 70,
	SW_EXIT_CANT_CREATE = 73,
	SW_EXIT_CONFIG = 78,
};

struct sw_cli {
	const char *config;        /* -f */
	bool config_given;         /* by -f or the environment, not the default */
	const char *socket;        /* -s, or NULL: the configuration's */
	bool json;
};

/* Each gets the words after the global options, its own name first; returns the exit status. */
int sw_cli_status(struct sw_cli *c, int argc, char **argv);
int sw_cli_daemon(struct sw_cli *c, int argc, char **argv);   /* reload, drain, log */
int sw_cli_why(struct sw_cli *c, int argc, char **argv);
int sw_cli_domain(struct sw_cli *c, int argc, char **argv);
int sw_cli_route(struct sw_cli *c, int argc, char **argv);
int sw_cli_reason(struct sw_cli *c, int argc, char **argv);
int sw_cli_cert(struct sw_cli *c, int argc, char **argv);
int sw_cli_reflect(struct sw_cli *c, int argc, char **argv);
int sw_cli_check(struct sw_cli *c, int argc, char **argv);
int sw_cli_explain(struct sw_cli *c, int argc, char **argv);

/* Loads the configuration, printing what is wrong with it. SW_EXIT_OK, or the status to leave with. */
int sw_cli_conf(const struct sw_cli *c, struct sw_conf **out) SW_MUSTCHECK;
/* Sends one line to the daemon; its text goes to out. The status to leave with. quiet: no message when nobody is there. */
int sw_cli_ask(const struct sw_cli *c, const char *line, bool quiet, struct sw_buf *out) SW_MUSTCHECK;
void sw_cli_print(const struct sw_buf *b);
void sw_cli_diag(const struct sw_diag *diag);   /* to standard error */
