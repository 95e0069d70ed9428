/* SPDX-License-Identifier: Apache-2.0 */
/* What we ship is accepted without a warning: the commented default, each example, and the example of the man page. */
#include <glob.h>
#include "expect.h"

static const char *top(void)
{
	const char *s = getenv("srcdir");

	return s && *s ? s : ".";
}

static void spotless(const char *path)
{
	struct sw_conf *c = NULL;
	struct sw_diag d;

	sw_diag_init(&d);
	if (sw_conf_load(&c, path, &d) != 0 || d.warnings) {
		print_all(&d);
		fail_msg("%s", path);
	}
	sw_conf_unref(c);
	sw_diag_free(&d);
}

static void the_default_is_spotless(void **state)
{
	char path[512];

	(void)state;
	snprintf(path, sizeof(path), "%s/conf/sipward.conf", top());
	spotless(path);
}

static void examples_are_spotless(void **state)
{
	char pattern[512];
	glob_t found;

	(void)state;
	snprintf(pattern, sizeof(pattern), "%s/conf/examples/*.conf", top());
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 3);
	for (size_t i = 0; i < found.gl_pathc; i++)
		spotless(found.gl_pathv[i]);
	globfree(&found);
}

static void the_example_of_the_man_page_is_spotless(void **state)
{
	char path[512], line[512], text[8192] = "";
	bool examples = false, inside = false;
	struct sw_diag d;
	struct sw_conf *c = NULL;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/docs/man/sipward.conf.5", top());
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (strcmp(line, ".Sh EXAMPLES\n") == 0)
			examples = true;
		else if (examples && strncmp(line, ".Bd", 3) == 0)
			inside = true;
		else if (strncmp(line, ".Ed", 3) == 0)
			inside = false;
		else if (inside)
			strncat(text, line, sizeof(text) - strlen(text) - 1);
	}
	fclose(f);
	assert_true(strlen(text) > 200);
	sw_diag_init(&d);
	if (sw_conf_parse(&c, text, "sipward.conf.5", &d) != 0 || d.warnings) {
		print_all(&d);
		fail();
	}
	sw_conf_unref(c);
	sw_diag_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_is_spotless),
		cmocka_unit_test(examples_are_spotless),
		cmocka_unit_test(the_example_of_the_man_page_is_spotless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
