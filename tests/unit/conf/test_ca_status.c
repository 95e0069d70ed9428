/* SPDX-License-Identifier: Apache-2.0 */
/* What CAs have announced: the file we ship loads; what is wrong in one is told with its line. */
#include "conf/ca_status.h"
#include <unistd.h>
#include "expect.h"

#define HEAD "source = \"a page\"; as_of = \"2026-01-02\";\n"

static int load_text(struct sw_ca_status **s, const char *text, struct sw_diag *d)
{
	char path[] = "/tmp/sipward-ca-status-XXXXXX";
	int fd = mkstemp(path), err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	err = sw_ca_status_load(s, path, d);
	unlink(path);
	return err;
}

static void what_is_shipped_loads(void **state)
{
	const char *top = getenv("srcdir");
	struct sw_ca_status *s = NULL;
	struct sw_diag d;
	char path[512];
	size_t of[3] = { 0 };

	(void)state;
	snprintf(path, sizeof(path), "%s/conf/ca-status.conf", top && *top ? top : ".");
	sw_diag_init(&d);
	if (sw_ca_status_load(&s, path, &d) != 0 || d.n) {
		print_all(&d);
		fail();
	}
	for (size_t i = 0; i < s->n_events; i++) {
		of[s->events[i].kind]++;
		assert_true(s->events[i].date > 1500000000 && s->events[i].by && s->events[i].by[0]);
		assert_true(s->events[i].subject[0] && strcmp(s->events[i].subject, "*"));
	}
	assert_true(of[SW_CA_DISTRUSTED] >= 5 && of[SW_CA_REMOVED] >= 5 && of[SW_CA_NO_CLIENT_AUTH] >= 5);
	sw_ca_status_free(s);
	sw_diag_free(&d);
}

static void an_event_is_read(void **state)
{
	struct sw_ca_status *s = NULL;
	struct sw_diag d;

	(void)state;
	sw_diag_init(&d);
	assert_int_equal(load_text(&s, HEAD "events = ( { kind = \"no-client-auth\"; subject = \"*O=Good CA*\"; date = \"2027-03-15\"; by = \"it\"; },\n"
				       " { kind = \"distrusted\"; subject = \"CN=Bad\"; date = \"2024-02-29\"; by = \"all\"; confirmed = false; sha256 = "
				       "\"00000000000000000000000000000000000000000000000000000000000000ff\"; } );",
				   &d), 0);
	assert_int_equal(s->n_events, 2);
	assert_int_equal(s->events[0].date, 1805068800);   /* date -ud 2027-03-15 +%s */
	assert_int_equal(s->events[0].kind, SW_CA_NO_CLIENT_AUTH);
	assert_true(s->events[0].confirmed && !s->events[1].confirmed);
	assert_true(sw_ca_event_is_about(&s->events[0], "CN=R1,o=good ca,C=US", NULL));
	assert_false(sw_ca_event_is_about(&s->events[0], "CN=R1,O=Better CA,C=US", NULL));
	/* a name can be anybody's, a digest cannot */
	assert_false(sw_ca_event_is_about(&s->events[1], "CN=Bad", "11000000000000000000000000000000000000000000000000000000000000ff"));
	assert_true(sw_ca_event_is_about(&s->events[1], "CN=Other", "00000000000000000000000000000000000000000000000000000000000000FF"));
	assert_true(sw_ca_event_is_about(&s->events[1], "CN=Bad", NULL));
	sw_ca_status_free(s);
	sw_diag_free(&d);
}

static void faults_have_their_line(void **state)
{
	static const struct { const char *text, *says; unsigned line; } bad[] = {
		{ HEAD "events = ( { kind = \"odd\"; subject = \"a\"; date = \"2026-01-01\"; by = \"x\"; } );", "events.kind", 2 },
		{ HEAD "\nevents = ( { kind = \"distrusted\"; subject = \"a\"; date = \"2026-02-30\"; by = \"x\"; } );", "2026-02-30", 3 },
		{ HEAD "events = ( { kind = \"distrusted\"; subject = \"a\"; date = \"15.3.2027\"; by = \"x\"; } );", "is no day", 2 },
		{ HEAD "events = ( { kind = \"distrusted\"; subject = \"a\"; date = \"2026-01-01\"; by = \"x\"; sha256 = \"ab\"; } );", "64 hex", 2 },
		{ HEAD "events = ( { kind = \"distrusted\"; date = \"2026-01-01\"; by = \"x\"; } );", "subject", 2 },
		{ HEAD "events = ( { kind = \"distrusted\"; subject = \"a\"; date = \"2026-01-01\"; by = \"x\"; more = 1; } );", "more", 2 },
		{ "source = \"x\";\n", "as_of", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sw_ca_status *s = NULL;
		struct sw_diag d;
		bool told = false;

		sw_diag_init(&d);
		assert_int_equal(load_text(&s, bad[i].text, &d), SW_ECONF);
		for (size_t k = 0; k < d.n; k++)
			told |= d.entries[k].level == SW_DIAG_ERROR && strstr(d.entries[k].text, bad[i].says) &&
				(bad[i].line == 0 || (unsigned)d.entries[k].line == bad[i].line);
		if (!told) {
			print_all(&d);
			fail_msg("case %zu", i);
		}
		assert_null(s);
		sw_diag_free(&d);
	}
}

static void none_is_no_error_message(void **state)
{
	struct sw_ca_status *s = NULL;
	struct sw_diag d;

	(void)state;
	sw_diag_init(&d);
	assert_int_equal(sw_ca_status_load(&s, "/nonexistent/ca-status.conf", &d), SW_ENOTFOUND);
	assert_int_equal(d.n, 0);
	sw_diag_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_shipped_loads),
		cmocka_unit_test(an_event_is_read),
		cmocka_unit_test(faults_have_their_line),
		cmocka_unit_test(none_is_no_error_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
