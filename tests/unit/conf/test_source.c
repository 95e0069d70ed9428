/* SPDX-License-Identifier: Apache-2.0 */
/* The text itself: syntax, lines, includes. */
#include <sys/stat.h>
#include <unistd.h>
#include "expect.h"

static void syntax_errors_name_their_line(void **state)
{
	static const struct expected cases[] = {
		{ NODE "log = { level \"info\"; };\n", 2, "expected '=' after the key" },
		{ NODE "log = {\n level = ; };\n", 3, "expected a value, not ';'" },
		{ NODE "log = { level = \"info\";\n", 2, "the '{' opened here is not closed" },
		{ NODE "log = { level = \"info\"; );\n", 2, "')' does not close the '{' of line 2" },
		{ NODE "}\n", 2, "'}' closes nothing" },
		{ NODE "log = { level = \"info; };\n", 2, "does not end on its line" },
		{ NODE "log = { level = \"in\\fo\\x41\"; };\n", 2, "'\\x' has no meaning" },
		{ NODE "/* never\n ends\n", 2, "the comment that starts here does not end" },
		{ NODE "local_domains = ( \"a.example\"\n \"b.example\" );\n", 3, "a ',' is missing" },
		{ NODE "local_domains = ( , \"a.example\" );\n", 2, "not expected here" },
		{ NODE "log = \"x\" \"y\";\n", 2, "expected a key, not a value" },
		{ NODE "= 3;\n", 2, "expected a key, not '='" },
		{ NODE "tls = {\n depth = 4;\n groups = \"X25519\";\n depth = 4; };\n", 5, "a second time" },
		{ NODE "log = /etc/x;\n", 2, "'/' has no meaning here" },
		{ NODE "log", 2, "in the middle of a setting" },
		{ NODE "_x = 1;", 2, "is not a key" },
		{ NODE "a=((((((((((((((((((1))))))))))))))))));", 2, "nested too deep" },
		{ NODE "log = { level = \"a\tb\"; };\n", 2, "control characters" },
	};

	(void)state;
	each(cases, refused);
}

/* libconfig would read 4294972358 as 5062, and so on. */
static void numbers_are_never_cut(void **state)
{
	static const struct expected cases[] = {
		{ BASE "limits = {\n calls = 4294967297; };\n", 6, "4294967297 is too large" },
		{ BASE "limits = {\n calls = 99999999999999999999999; };\n", 6, "is too large" },
		{ BASE "limits = {\n calls = -4294967295; };\n", 6, "is too large" },
		{ BASE "limits = {\n calls = 0x10; };\n", 6, "is not a whole number" },
		{ BASE "limits = {\n calls = 10L; };\n", 6, "is not a whole number" },
		{ BASE "limits = {\n calls = 1.5; };\n", 6, "is not a whole number" },
		{ BASE "limits = {\n idle = 30s; };\n", 6, "in quotes: \"30s\"" },
		{ BASE "limits = {\n calls = -1; };\n", 6, "-1 is negative" },
	};

	(void)state;
	each(cases, refused);
}

static void forgotten_quotes_are_explained(void **state)
{
	static const struct expected cases[] = {
		{ BASE "log = { level = info; };\n", 5, "text is written in quotes: \"info\"" },
		{ BASE "dns = { trusted = yes; };\n", 5, "write true in place of yes" },
		{ BASE "dns = { trusted = off; };\n", 5, "write false in place of off" },
		{ BASE "dns = { servers = [ 127.0.0.1 ]; };\n", 5, "text is written in quotes" },
	};

	(void)state;
	each(cases, refused);
}

static void forms_that_are_fine(void **state)
{
	static const char *const texts[] = {
		BASE "log : { level = \"info\" }\n",                         /* ':' and no ';' */
		BASE "local_domains = ( \"a.example\", \"b.example\", );\n", /* trailing comma */
		BASE "local_domains = \"a.example\";\n",
		BASE "local_domains = [ ];\n",
		BASE "dns = { trusted = TRUE; };\n",
		"\xef\xbb\xbf" BASE,
		"# one\n// two\n/* three\n */" BASE "log = { # four\r\n level = \"info\" /* five */ ; };\r\n",
		BASE "limits = { calls = +5; };",
		BASE "routes = ( { domain = \"# no comment /* at all\"; reject = 403; } );\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		sw_conf_unref(accepted(texts[i]));
}

static void lines_of_list_elements_are_their_own(void **state)
{
	static const struct expected cases[] = {
		{ BASE "local_domains = [\n \"a.example\",\n \"b..example\"\n\n ];\n", 7, "is not a domain name" },
		{ BASE "local_domains = [\n \"a..example\"\n , \"b.example\" ];\n", 6, "is not a domain name" },
		{ BASE "dns = { servers = (\n \"127.0.0.1\", # fine\n\n 5,\n \"::1\" ); };\n", 8, "must be text in quotes" },
	};

	(void)state;
	each(cases, refused);
}

/* --- includes --- */

struct dir {
	char path[64];
};

static int make_dir(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));

	snprintf(d->path, sizeof(d->path), "/tmp/sw-conf-XXXXXX");
	*state = d;
	return mkdtemp(d->path) ? 0 : -1;
}

static int remove_dir(void **state)
{
	struct dir *d = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", d->path);
	free(d);
	return system(command);
}

static void put_file(const struct dir *d, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", d->path, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int load(const struct dir *d, struct sw_conf **c, struct sw_diag *diag)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/main.conf", d->path);
	sw_diag_init(diag);
	return sw_conf_load(c, path, diag);
}

static void in_dir(const struct dir *d, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", d->path, name);
}

static void errors_in_includes_name_the_included_file(void **state)
{
	const struct dir *d = *state;
	struct sw_diag diag;
	struct sw_conf *c;
	char file[128];

	put_file(d, "main.conf", BASE "@include \"part.conf\"\nlog = { level = \"inf\"; };\n");
	put_file(d, "part.conf", "# a part\n\ndns = {\n\ttimeouts = \"2s\";\n};\n");
	assert_int_equal(load(d, &c, &diag), SW_ECONF);
	assert_int_equal(diag.errors, 2);
	in_dir(d, "part.conf", file);
	assert_true(said(&diag, SW_DIAG_ERROR, file, 4, "unknown key 'timeouts' in dns; did you mean 'timeout'?"));
	in_dir(d, "main.conf", file);
	assert_true(said(&diag, SW_DIAG_ERROR, file, 6, "did you mean \"info\"?"));
	sw_diag_free(&diag);
}

static void cross_checks_name_the_included_file(void **state)
{
	const struct dir *d = *state;
	struct sw_diag diag;
	struct sw_conf *c;
	char file[128];

	put_file(d, "main.conf", BASE "@include \"zone.conf\"\n");
	put_file(d, "zone.conf",
		 "\nzones = (\n { name = \"z\"; trust = \"ca\"; domains = \"p.example\"; targets = \"p.example\";\n"
		 "   listeners = [ \"m\",\n     \"tt\" ]; } );\n");
	assert_int_equal(load(d, &c, &diag), SW_ECONF);
	in_dir(d, "zone.conf", file);
	assert_true(said(&diag, SW_DIAG_ERROR, file, 5, "there is no listener \"tt\""));
	sw_diag_free(&diag);
}

/* zones.d/ (a file each): the list goes on over file borders without commas, in the order of the names. */
static void a_directory_of_zones(void **state)
{
	const struct dir *d = *state;
	struct sw_diag diag;
	struct sw_conf *c;
	char dir[128];

	in_dir(d, "zones.d", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	put_file(d, "main.conf", BASE "zones = (\n @include \"zones.d/*.conf\"\n);\n@include \"none.d/*.conf\"\n");
	put_file(d, "zones.d/20.conf", "{ name = \"b\"; kind = \"default\"; listeners = \"t\"; }\n");
	put_file(d, "zones.d/10.conf", "{ name = \"a\"; kind = \"dns\"; listeners = \"m\"; trust = \"ca.pem\"; }\n");
	if (load(d, &c, &diag)) {
		print_all(&diag);
		fail();
	}
	assert_int_equal(c->n_zones, 2);
	assert_string_equal(c->zones[0].name, "a");
	assert_string_equal(c->zones[1].name, "b");
	in_dir(d, "ca.pem", dir); /* paths are relative to the main file's directory */
	assert_string_equal(c->zones[0].trust.v[0], dir);
	sw_conf_unref(c);
	sw_diag_free(&diag);
}

static void includes_that_cannot_be(void **state)
{
	static const struct {
		const char *main, *part;
		int line;
		const char *message;
	} cases[] = {
		{ NODE "@include \"absent.conf\"\n", "", 2, "No such file" },
		{ NODE "@include \".\"\n", "", 2, "Is a directory" },
		{ NODE "@include \"/dev/null\"\n", "", 2, "Invalid argument" },
		{ NODE "@include part.conf\n", "", 2, "followed by a path in quotes" },
		{ NODE "log = @include \"part.conf\"\n", "", 2, "@include is not expected here" },
		{ NODE "@include \"part.conf\"\n", "@include \"part.conf\"\n", 1, "does a file include itself?" },
		{ NODE "log = {\n@include \"part.conf\"\n", "};", 1, "closes what another file opened" },
		{ NODE "@include \"part.conf\"\n};", "log = {", 1, "opened here is not closed" },
		{ NODE "@include \"part.conf\"\n{};", "log =", 1, "in the middle of a setting" },
	};
	const struct dir *d = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sw_diag diag;
		struct sw_conf *c;

		put_file(d, "main.conf", cases[i].main);
		put_file(d, "part.conf", cases[i].part);
		assert_int_equal(load(d, &c, &diag), SW_ECONF);
		if (diag.errors != 1 || !said(&diag, SW_DIAG_ERROR, NULL, cases[i].line, cases[i].message)) {
			print_all(&diag);
			fail_msg("expected: line %d: %s", cases[i].line, cases[i].message);
		}
		sw_diag_free(&diag);
	}
}

static void a_file_that_is_not_there(void **state)
{
	const struct dir *d = *state;
	struct sw_diag diag;
	struct sw_conf *c;

	assert_int_equal(load(d, &c, &diag), SW_ECONF);
	assert_true(said(&diag, SW_DIAG_ERROR, NULL, 0, "cannot be read: No such file"));
	sw_diag_free(&diag);
}

static void a_relative_path_is_resolved(void **state)
{
	const struct dir *d = *state;
	char *before = getcwd(NULL, 0), file[128];
	struct sw_conf *c;

	put_file(d, "main.conf",
		 NODE "listeners = ( { name = \"m\"; transport = \"mtls\"; addresses = \"::1\"; cert = \"./tls/c.pem\"; key = "
		      "\"/k\"; } );");
	assert_int_equal(chdir(d->path), 0);
	assert_int_equal(sw_conf_load(&c, "main.conf", NULL), 0);
	assert_int_equal(chdir(before), 0);
	in_dir(d, "main.conf", file);
	assert_string_equal(c->path, file);
	in_dir(d, "tls/c.pem", file);
	assert_string_equal(c->listeners[0].cert.cert, file);
	assert_string_equal(c->listeners[0].cert.key, "/k");
	sw_conf_unref(c);
	free(before);
}

static void text_has_no_includes(void **state)
{
	static const struct expected x = { NODE "@include \"/etc/hostname\"\n", 2, "@include is not possible here" };

	(void)state;
	refused(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syntax_errors_name_their_line),
		cmocka_unit_test(numbers_are_never_cut),
		cmocka_unit_test(forgotten_quotes_are_explained),
		cmocka_unit_test(forms_that_are_fine),
		cmocka_unit_test(lines_of_list_elements_are_their_own),
		cmocka_unit_test_setup_teardown(errors_in_includes_name_the_included_file, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(cross_checks_name_the_included_file, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_directory_of_zones, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(includes_that_cannot_be, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_file_that_is_not_there, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_relative_path_is_resolved, make_dir, remove_dir),
		cmocka_unit_test(text_has_no_includes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
