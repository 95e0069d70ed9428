/* SPDX-License-Identifier: Apache-2.0 */
/* What stands below what in a report, what there is to do, and that a large one is written in good time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "check/report.h"

static struct sw_profile *profile;

static struct sw_check *new_check(void)
{
	struct sw_check_options o = { .profile = profile };
	struct sw_check *c = NULL;

	assert_int_equal(sw_check_new(&c, &o), SW_OK);
	return c;
}

static const char *text_of(struct sw_check *c, const char *form, struct sw_buf *out)
{
	static const char *const targets[] = { "example.com" };
	struct sw_report r = { .check = c, .targets = targets, .n_targets = 1 };

	sw_buf_init(out, 256 << 20);
	sw_report_by_name(form)(&r, out);
	assert_int_equal(sw_buf_error(out), SW_OK);
	sw_buf_put(out, "", 1);
	return (const char *)out->data;
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (text = strstr(text, word); text; text = strstr(text + 1, word))
		n++;
	return n;
}

/* --- */

static void consequences(struct sw_check *c, void *arg)
{
	(void)arg;
	sw_check_report(c, SW_F_TCP_REACH, SW_CHECK_FAIL, "a:1", NULL, "refused");
	sw_check_report(c, SW_F_TLS_HANDSHAKE, SW_CHECK_FAIL, "a:1", NULL, "nothing there");   /* follows from it */
	sw_check_report(c, SW_F_SIP_OPTIONS, SW_CHECK_UNKNOWN, "a:1", NULL, "not asked");      /* from both */
	sw_check_report(c, SW_F_TLS_HANDSHAKE, SW_CHECK_FAIL, "b:1", NULL, "broken off");
	sw_check_report(c, SW_F_TLS_HANDSHAKE, SW_CHECK_FAIL, "b:1", NULL, "for another domain");
	sw_check_report(c, SW_F_TCP_REACH, SW_CHECK_WARN, "d:1", NULL, "slow");
	sw_check_report(c, SW_F_SIP_OPTIONS, SW_CHECK_FAIL, "d:1", NULL, "no answer");         /* worse than what it could follow from */
}

static void consequences_stand_below_their_cause(void **state)
{
	struct sw_check *c = new_check();
	struct sw_buf out;
	const char *s, *todo;

	(void)state;
	assert_int_equal(sw_check_spawn(c, SW_STAGE_TCP, "all", consequences, NULL, NULL), SW_OK);
	assert_int_equal(sw_check_run(c), SW_OK);
	s = text_of(c, "text", &out);
	todo = strstr(s, "What to do next");
	assert_non_null(todo);
	assert_non_null(strstr(s, "\n      ✗ FAIL    tls.handshake              a:1"));
	assert_non_null(strstr(s, "\n      ? UNKNOWN sip.options                a:1"));
	assert_non_null(strstr(s, "\n  ✗ FAIL    sip.options                d:1"));
	assert_null(strstr(s, "Could not be determined"));
	assert_int_equal(count(todo, "tls.handshake  b:1\n"), 1);
	assert_non_null(strstr(todo, "\n1. tcp.reach  a:1\n"));
	assert_null(strstr(todo, "tls.handshake  a:1"));
	assert_non_null(strstr(todo, "sip.options  d:1\n"));
	sw_buf_free(&out);
	s = text_of(c, "html", &out);
	todo = strstr(s, "id=\"todo\"");
	assert_non_null(todo);
	assert_int_equal(count(todo, "<li>"), 4);
	assert_int_equal(count(todo, "b:1"), 1);
	sw_buf_free(&out);
	sw_check_free(c);
}

/* --- */

enum { PROBES = 100, EACH = 160 };

static void many(struct sw_check *c, void *arg)
{
	char subject[64];

	for (int i = 0; i < EACH; i++) {
		snprintf(subject, sizeof(subject), "e%ld-%d.example.com:5061", (long)(intptr_t)arg, i);
		sw_check_report(c, i % 8 == 0 ? SW_F_TCP_REACH : i % 8 == 1 ? SW_F_TLS_HANDSHAKE : SW_F_SIP_OPTIONS,
				i % 8 == 0 || i % 8 == 1 ? SW_CHECK_FAIL : SW_CHECK_PASS, subject, "well", "ill");
	}
}

static void a_large_report_takes_no_time(void **state)
{
	static const char *const forms[] = { "text", "html", "json", "junit", "nagios", "prom" };
	struct sw_check *c = new_check();

	(void)state;
	for (intptr_t i = 0; i < PROBES; i++)
		assert_int_equal(sw_check_spawn(c, SW_STAGE_TCP, "many", many, (void *)i, NULL), SW_OK);
	assert_int_equal(sw_check_run(c), SW_OK);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		clock_t began = clock();
		struct sw_buf out;

		assert_true(strlen(text_of(c, forms[i], &out)) > 100);
		sw_buf_free(&out);
		print_message("%s: %ld ms\n", forms[i], (long)((clock() - began) * 1000 / CLOCKS_PER_SEC));
		assert_true((clock() - began) / CLOCKS_PER_SEC < 20);
	}
	sw_check_free(c);
}

static int load(void **state)
{
	(void)state;
	return sw_profile_parse(&profile, "name = \"b2b\"; title = \"test\"; source = \"test\"; as_of = \"2026-01-01\";", "b2b", NULL);
}

static int unload(void **state)
{
	(void)state;
	sw_profile_free(profile);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(consequences_stand_below_their_cause),
		cmocka_unit_test(a_large_report_takes_no_time),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
