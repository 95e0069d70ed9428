/* SPDX-License-Identifier: Apache-2.0 */
/* "sipward explain": the long text of a finding. */
#include <stdio.h>

#include "check/report.h"
#include "cli/cli.h"

static int print(void (*write)(struct sw_buf *out))
{
	struct sw_buf out;

	sw_buf_init(&out, 16 << 20);
	write(&out);
	sw_cli_print(&out);
	sw_buf_free(&out);
	return SW_EXIT_OK;
}

/* At words, as wide as a terminal is. */
static void wrapped(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " \n");

		if (column && column + n + 1 > 78) {
			putchar('\n');
			column = 0;
		}
		printf("%s%.*s", column ? " " : "", (int)n, text);
		column += n + (column ? 1 : 0);
		text += n;
		if (*text == '\n') {
			putchar('\n');
			column = 0;
		}
		text += *text ? 1 : 0;
	}
	putchar('\n');
}

int sw_cli_explain(struct sw_cli *c, int argc, char **argv)
{
	enum sw_finding_id id;

	(void)c;
	if (argc == 2 && !strcmp(argv[1], "--markdown"))
		return print(sw_report_findings_page);
	if (argc == 2 && !strcmp(argv[1], "--schema"))
		return print(sw_report_schema);
	if (argc == 1 || (argc == 2 && !strcmp(argv[1], "--list"))) {
		for (unsigned i = 0; i < SW_FINDING_COUNT; i++)
			printf("%-30s %s\n", sw_finding_name((enum sw_finding_id)i), sw_finding_text((enum sw_finding_id)i));
		return SW_EXIT_OK;
	}
	if (argc != 2) {
		fputs("usage: sipward explain [ID | --list | --markdown | --schema]\n", stderr);
		return SW_EXIT_USAGE;
	}
	if (sw_finding_by_name(argv[1], &id) < 0) {
		fprintf(stderr, "sipward: no finding \"%s\": sipward explain --list names them all\n", argv[1]);
		return SW_EXIT_USAGE;
	}
	printf("%s  (%s)\n", sw_finding_name(id), sw_stage_name(sw_finding_stage(id)));
	wrapped(sw_finding_text(id));
	putchar('\n');
	wrapped(sw_finding_explain(id));
	printf("\nWhat to do\n");
	wrapped(sw_finding_fix(id));
	printf("\nSource: %s\n", sw_finding_ref(id));
	return SW_EXIT_OK;
}
