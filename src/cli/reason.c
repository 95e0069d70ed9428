/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "core/reason.h"

static void markdown(void)
{
	puts("# Reasons\n\n"
	     "Every refusal is one of these. The id stands in the log (`reason=`), in `sipward status`, and in the SIP `Warning` header;\n"
	     "it never changes its meaning. This page is made by `sipward reason --markdown`.\n\n"
	     "| id | SIP | means | what to do |\n|---|---|---|---|");
	for (unsigned i = 0; i < SW_REASON_COUNT; i++) {
		enum sw_reason r = (enum sw_reason)i;
		char status[16] = "-";

		if (sw_reason_status(r))
			snprintf(status, sizeof(status), "%d", sw_reason_status(r));
		printf("| `%s` | %s | %s | %s |\n", sw_reason_id(r), status, sw_reason_text(r), sw_reason_fix(r));
	}
}

int sw_cli_reason(struct sw_cli *c, int argc, char **argv)
{
	enum sw_reason r;

	(void)c;
	if (argc == 2 && !strcmp(argv[1], "--markdown")) {
		markdown();
		return SW_EXIT_OK;
	}
	if (argc == 1 || (argc == 2 && !strcmp(argv[1], "--list"))) {
		for (unsigned i = 0; i < SW_REASON_COUNT; i++)
			printf("%-28s %s\n", sw_reason_id((enum sw_reason)i), sw_reason_text((enum sw_reason)i));
		return SW_EXIT_OK;
	}
	if (argc != 2) {
		fputs("usage: sipward reason [ID | --list | --markdown]\n", stderr);
		return SW_EXIT_USAGE;
	}
	if (sw_reason_by_id(argv[1], &r) < 0) {
		fprintf(stderr, "sipward: no reason \"%s\": sipward reason --list names them all\n", argv[1]);
		return SW_EXIT_USAGE;
	}
	printf("%s\n  means:      %s\n  what to do: %s\n", sw_reason_id(r), sw_reason_text(r), sw_reason_fix(r));
	if (sw_reason_status(r))
		printf("  SIP status: %d\n", sw_reason_status(r));
	return SW_EXIT_OK;
}
