/* SPDX-License-Identifier: Apache-2.0 */
/* What is put is there: after closing, after kill -9, beside another process; and only what is whole is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/proofs.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab"

static char dir[64], path[128];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/sw-store-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/sipward.db", dir);
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd) == 0 ? 0 : -1;
}

static struct sw_store *open_store(void)
{
	struct sw_store *s;

	assert_int_equal(sw_store_open(&s, path, NULL), 0);
	return s;
}

static struct sw_proof proof(const char *domain)
{
	struct sw_proof p = { .kind = "email", .token = TOKEN, .state = SW_PROOF_STALE, .created = 1, .verified = 2, .checked = 3,
			      .failing_since = 4, .outcome = "proof.absent" };

	snprintf(p.domain, sizeof(p.domain), "%s", domain);
	return p;
}

static void expect_same(const struct sw_proof *a, const struct sw_proof *b)
{
	assert_string_equal(a->domain, b->domain);
	assert_string_equal(a->kind, b->kind);
	assert_string_equal(a->token, b->token);
	assert_string_equal(a->outcome, b->outcome);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->created, b->created);
	assert_int_equal(a->verified, b->verified);
	assert_int_equal(a->checked, b->checked);
	assert_int_equal(a->failing_since, b->failing_since);
}

static void run_sql(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_put_get_list(void **state)
{
	struct sw_proof p = proof("b.example"), got, *list;
	struct sw_store *s = open_store();
	size_t n;

	(void)state;
	assert_int_equal(sw_store_proof_get(s, "b.example", &got), SW_ENOTFOUND);
	assert_int_equal(sw_store_proof_list(s, &list, &n), 0);
	assert_int_equal(n, 0);
	free(list);
	assert_int_equal(sw_store_proof_put(s, &p), 0);
	assert_int_equal(sw_store_proof_get(s, "b.example", &got), 0);
	expect_same(&got, &p);
	p.state = SW_PROOF_REVOKED;
	p.failing_since = 1LL << 40;
	assert_int_equal(sw_store_proof_put(s, &p), 0);
	sw_store_close(s);

	s = open_store();
	assert_int_equal(sw_store_proof_get(s, "b.example", &got), 0);
	expect_same(&got, &p);
	for (int i = 0; i < 40; i++) {
		char name[64];

		snprintf(name, sizeof(name), "a%02d.example", i);
		p = proof(name);
		assert_int_equal(sw_store_proof_put(s, &p), 0);
	}
	assert_int_equal(sw_store_proof_list(s, &list, &n), 0);
	assert_int_equal(n, 41);
	assert_string_equal(list[0].domain, "a00.example");
	assert_string_equal(list[40].domain, "b.example");
	free(list);
	assert_int_equal(sw_store_proof_delete(s, "b.example"), 0);
	assert_int_equal(sw_store_proof_delete(s, "b.example"), SW_ENOTFOUND);
	assert_int_equal(sw_store_proof_get(s, "b.example", &got), SW_ENOTFOUND);
	sw_store_close(s);
}

static void test_refuses_nonsense(void **state)
{
	struct sw_store *s = open_store();
	struct sw_proof p = proof("");

	(void)state;
	assert_int_equal(sw_store_proof_put(s, &p), SW_EINVALID);
	p = proof("a.example");
	p.token[3] = 'X';
	assert_int_equal(sw_store_proof_put(s, &p), SW_EINVALID);
	p.token[0] = '\0';
	assert_int_equal(sw_store_proof_put(s, &p), SW_EINVALID);
	sw_store_close(s);
}

static void test_mode(void **state)
{
	mode_t before = umask(0);
	struct sw_store *s = open_store();
	struct sw_proof p = proof("a.example");
	struct stat st;
	char wal[160];

	(void)state;
	umask(before);
	assert_int_equal(sw_store_proof_put(s, &p), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	sw_store_close(s);
}

/* Everything a process was told is stored outlives its sudden death. */
static void test_survives_kill(void **state)
{
	struct sw_proof p, got;
	struct sw_store *s;
	int fd[2], last = -1, i;
	ssize_t n;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		if (sw_store_open(&s, path, NULL) < 0)
			_exit(1);
		for (i = 0;; i++) {
			p = proof("a.example");
			p.checked = i;
			p.state = SW_PROOF_VERIFIED;
			if (sw_store_proof_put(s, &p) < 0 || write(fd[1], &i, sizeof(i)) != sizeof(i))
				_exit(1);
		}
	}
	assert_true(pid > 0);
	close(fd[1]);
	while (last < 20 && read(fd[0], &i, sizeof(i)) == sizeof(i))
		last = i;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while ((n = read(fd[0], &i, sizeof(i))) == sizeof(i))
		last = i;
	close(fd[0]);
	assert_true(last >= 20);
	s = open_store();
	assert_int_equal(sw_store_proof_get(s, "a.example", &got), 0);
	assert_in_range(got.checked, last, last + 1);
	assert_int_equal(got.state, SW_PROOF_VERIFIED);
	sw_store_close(s);
}

/* The daemon and the operator's command. */
static void test_two_processes(void **state)
{
	pid_t pid[2];

	(void)state;
	sw_store_close(open_store());
	for (int k = 0; k < 2; k++) {
		pid[k] = fork();
		if (pid[k] == 0) {
			struct sw_store *s;
			struct sw_proof p;
			char name[64];

			if (sw_store_open(&s, path, NULL) < 0)
				_exit(1);
			for (int i = 0; i < 20; i++) {
				snprintf(name, sizeof(name), "p%d-%d.example", k, i);
				p = proof(name);
				if (sw_store_proof_put(s, &p) < 0)
					_exit(1);
			}
			_exit(0);
		}
	}
	for (int k = 0; k < 2; k++) {
		int status;

		assert_int_equal(waitpid(pid[k], &status, 0), pid[k]);
		assert_int_equal(status, 0);
	}
	struct sw_store *s = open_store();
	struct sw_proof *list;
	size_t n;

	assert_int_equal(sw_store_proof_list(s, &list, &n), 0);
	assert_int_equal(n, 40);
	free(list);
	sw_store_close(s);
}

static void test_newer_schema_is_refused(void **state)
{
	struct sw_diag diag;
	struct sw_store *s;

	(void)state;
	sw_store_close(open_store());
	run_sql("PRAGMA user_version=99");
	sw_diag_init(&diag);
	assert_true(sw_store_open(&s, path, &diag) < 0);
	assert_true(diag.errors > 0);
	assert_non_null(strstr(diag.entries[0].text, "newer"));
	sw_diag_free(&diag);
}

static void test_not_a_database(void **state)
{
	FILE *f = fopen(path, "w");
	struct sw_diag diag;
	struct sw_store *s;

	(void)state;
	for (int i = 0; i < 1000; i++)
		fputs("this is not a database\n", f);
	fclose(f);
	sw_diag_init(&diag);
	assert_true(sw_store_open(&s, path, &diag) < 0);
	assert_true(diag.errors > 0);
	sw_diag_free(&diag);
	assert_int_equal(sw_store_open(&s, "/nonexistent/sipward.db", NULL), -ENOENT);
}

/* A row that was tampered with proves nothing. */
static void test_broken_row(void **state)
{
	struct sw_store *s = open_store();
	struct sw_proof p = proof("a.example"), *list;
	size_t n;

	(void)state;
	assert_int_equal(sw_store_proof_put(s, &p), 0);
	run_sql("PRAGMA ignore_check_constraints=1; UPDATE proof SET state='trusted'");
	assert_int_equal(sw_store_proof_get(s, "a.example", &p), SW_ESTORE);
	assert_int_equal(sw_store_proof_list(s, &list, &n), SW_ESTORE);
	sw_store_close(s);
}

static void test_secret(void **state)
{
	static const uint8_t zero[32];
	uint8_t a[32], b[32], c[32];
	struct sw_store *s = open_store();

	(void)state;
	memset(a, 0, sizeof(a));
	assert_int_equal(sw_store_secret(s, "cookie", a, sizeof(a)), 0);
	assert_memory_not_equal(a, zero, sizeof(zero));
	sw_store_close(s);
	s = open_store();
	assert_int_equal(sw_store_secret(s, "cookie", b, sizeof(b)), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(sw_store_secret(s, "other", c, sizeof(c)), 0);
	assert_memory_not_equal(a, c, sizeof(a));
	assert_int_equal(sw_store_secret(s, "cookie", b, 16), SW_ESTORE);
	assert_int_equal(sw_store_secret(s, "cookie", b, 0), SW_EINVALID);
	sw_store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put_get_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses_nonsense, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(test_survives_kill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_newer_schema_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_a_database, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_row, setup, teardown),
		cmocka_unit_test_setup_teardown(test_secret, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
