/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: who may be there, one line and one reply, and clients that are slow, greedy or gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/control.h"

enum { TURNS = 20, CLIENT_MS = 10000 };

struct world {
	char dir[32];
	char path[64];
	struct sw_loop *loop;
	struct sw_control *control;
	sw_id request;               /* the last one asked */
	unsigned asked;
	char words[512];             /* its words, each in brackets */
	const char *answer;          /* given at once; NULL: nothing is */
};

static void on_ask(void *arg, sw_id request, const char *const *words, size_t n)
{
	struct world *w = arg;

	w->request = request;
	w->asked++;
	w->words[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		strcat(w->words, "[");
		strncat(w->words, words[i], 100);
		strcat(w->words, "]");
	}
	if (w->answer)
		sw_control_reply(w->control, request, 3, sw_str_of(w->answer));
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->dir, "/tmp/sw-control-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/control", w->dir);
	assert_int_equal(sw_loop_new(&w->loop), 0);
	sw_loop_fake_clock(w->loop);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	sw_control_free(w->control);
	sw_loop_free(w->loop);
	unlink(w->path);
	rmdir(w->dir);
	free(w);
	return 0;
}

static void open_control(struct world *w)
{
	assert_int_equal(sw_control_new(&w->control, w->loop, w->path, on_ask, w), 0);
}

/* What is on its way between two ends of this machine's sockets arrives at once, so some turns are enough. */
static void turn(struct world *w)
{
	for (int i = 0; i < TURNS; i++)
		uv_run(sw_loop_uv(w->loop), UV_RUN_NOWAIT);
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	assert_true(strlen(path) < sizeof(to.sun_path));
	strcpy(to.sun_path, path);
	return to;
}

static int client(struct world *w, const char *text)
{
	struct sockaddr_un to = address(w->path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	if (text)
		assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	turn(w);
	return fd;
}

/* All there is to read now: its size, or -1 when nothing is there and the connection is open. */
static ssize_t heard(int fd, char *dst, size_t size)
{
	size_t n = 0;
	ssize_t got = 0;

	while (n < size - 1 && (got = recv(fd, dst + n, size - 1 - n, 0)) > 0)
		n += (size_t)got;
	dst[n] = '\0';
	return n == 0 && got < 0 && errno == EAGAIN ? -1 : (ssize_t)n;
}

static bool is_cut(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, 0);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* --- the socket --- */

static void only_owner_and_group_may_connect(void **state)
{
	struct world *w = *state;
	struct stat st;
	mode_t was = umask(0);

	open_control(w);
	assert_int_equal(umask(was), 0);
	assert_int_equal(stat(w->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0660);
}

static void stale_socket_is_replaced(void **state)
{
	struct world *w = *state;
	struct sockaddr_un at = address(w->path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char text[64];

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
	assert_int_equal(access(w->path, F_OK), 0);
	open_control(w);
	w->answer = "new\n";
	fd = client(w, "status\n");
	assert_int_equal(heard(fd, text, sizeof(text)), 6);
	assert_string_equal(text, "3\nnew\n");
	close(fd);
}

static void live_socket_is_another_daemons(void **state)
{
	struct world *w = *state;
	struct sw_control *second = NULL;
	char text[64];
	int fd;

	open_control(w);
	assert_int_equal(sw_control_new(&second, w->loop, w->path, on_ask, w), SW_EEXISTS);
	assert_null(second);
	turn(w);
	w->answer = "still here\n";
	fd = client(w, "status\n");
	assert_true(heard(fd, text, sizeof(text)) > 0);
	assert_string_equal(text, "3\nstill here\n");
	close(fd);
}

/* One too busy to accept is alive, too. */
static void busy_socket_is_another_daemons(void **state)
{
	struct world *w = *state;
	struct sockaddr_un at = address(w->path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), waiting[8], n = 0;

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (bool full = false; !full && n < 8; n++) {
		waiting[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		full = connect(waiting[n], (struct sockaddr *)&at, sizeof(at)) < 0 && errno == EAGAIN;
	}
	assert_true(n < 8);
	assert_int_equal(sw_control_new(&w->control, w->loop, w->path, on_ask, w), SW_EEXISTS);
	while (n > 0)
		close(waiting[--n]);
	close(fd);
}

/* A path set by mistake must not cost the operator a file: the socket is made while still root. */
static void file_that_is_no_socket_stays(void **state)
{
	struct world *w = *state;
	FILE *f = fopen(w->path, "w");
	struct stat st;

	assert_non_null(f);
	fputs("precious", f);
	fclose(f);
	assert_int_equal(sw_control_new(&w->control, w->loop, w->path, on_ask, w), SW_EEXISTS);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_size, 8);
}

static void path_too_long_is_refused(void **state)
{
	struct world *w = *state;
	char path[200];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(sw_control_new(&w->control, w->loop, path, on_ask, w), SW_EINVALID);
	assert_int_equal(sw_control_new(&w->control, w->loop, "", on_ask, w), SW_EINVALID);
}

static void end_cuts_clients_and_removes_the_socket(void **state)
{
	struct world *w = *state;
	int fd;

	open_control(w);
	fd = client(w, "sta");
	sw_control_free(w->control);
	w->control = NULL;
	turn(w);
	assert_true(is_cut(fd));
	assert_int_equal(access(w->path, F_OK), -1);
	close(fd);
}

/* --- one line --- */

static void line_is_split_into_words(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *line, *words;
	} rows[] = {
		{ "status json\n", "[status][json]" },
		{ "  status   json  \n", "[status][json]" },
		{ "\n", "" },
		{ "a b c d e f g h i j\n", "[a][b][c][d][e][f][g][h]" },
		{ "one\ntwo\n", "[one]" },
	};

	open_control(w);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = client(w, rows[i].line);

		assert_int_equal(w->asked, i + 1);
		assert_string_equal(w->words, rows[i].words);
		close(fd);
	}
}

static void line_may_come_in_pieces(void **state)
{
	struct world *w = *state;
	int fd;

	open_control(w);
	fd = client(w, "sta");
	assert_int_equal(send(fd, "tus\n", 4, 0), 4);
	turn(w);
	assert_string_equal(w->words, "[status]");
	close(fd);
}

static void line_of_the_longest_length_is_taken(void **state)
{
	struct world *w = *state;
	char line[SW_CONTROL_LINE_MAX + 1];
	int fd;

	open_control(w);
	memset(line, ' ', sizeof(line));
	memcpy(line, "log", 3);
	line[SW_CONTROL_LINE_MAX - 1] = '\n';
	line[SW_CONTROL_LINE_MAX] = '\0';
	fd = client(w, line);
	assert_string_equal(w->words, "[log]");
	close(fd);
}

static void longer_line_is_cut(void **state)
{
	struct world *w = *state;
	char line[SW_CONTROL_LINE_MAX + 2];
	int fd;

	open_control(w);
	memset(line, 'x', sizeof(line));
	line[SW_CONTROL_LINE_MAX] = '\n';
	line[SW_CONTROL_LINE_MAX + 1] = '\0';
	fd = client(w, line);
	assert_int_equal(w->asked, 0);
	assert_true(is_cut(fd));
	close(fd);
}

/* --- clients --- */

static void slow_client_is_cut(void **state)
{
	struct world *w = *state;
	int fd;

	open_control(w);
	fd = client(w, "status");
	sw_loop_advance(w->loop, CLIENT_MS - 1);
	turn(w);
	assert_false(is_cut(fd));
	sw_loop_advance(w->loop, 1);
	turn(w);
	assert_true(is_cut(fd));
	assert_int_equal(w->asked, 0);
	close(fd);
}

static void client_that_does_not_take_its_reply_is_cut(void **state)
{
	struct world *w = *state;
	size_t size = 8 << 20;
	char *big = malloc(size + 1), *got = malloc(size + 100);
	ssize_t n;
	int fd;

	assert_non_null(big);
	assert_non_null(got);
	memset(big, 'x', size);
	big[size] = '\0';
	open_control(w);
	w->answer = big;
	fd = client(w, "status\n");
	sw_loop_advance(w->loop, CLIENT_MS);
	turn(w);
	n = heard(fd, got, size + 100);
	assert_true(n > 0 && (size_t)n < size);
	assert_true(is_cut(fd));
	close(fd);

	/* One that does gets all of it. */
	fd = client(w, "status\n");
	for (size_t all = 0; all < size + 2; all += (size_t)n) {
		n = heard(fd, got, size + 100);
		assert_true(n > 0);
		turn(w);
	}
	assert_true(is_cut(fd));
	close(fd);
	free(big);
	free(got);
}

static void no_more_clients_than_the_limit(void **state)
{
	struct world *w = *state;
	int fd[SW_CONTROL_CLIENTS_MAX], more;

	open_control(w);
	for (int i = 0; i < SW_CONTROL_CLIENTS_MAX; i++)
		fd[i] = client(w, NULL);
	more = client(w, NULL);
	assert_true(is_cut(more));
	close(more);
	assert_false(is_cut(fd[0]));
	close(fd[0]);
	turn(w);
	more = client(w, "status\n");
	assert_int_equal(w->asked, 1);
	close(more);
	for (int i = 1; i < SW_CONTROL_CLIENTS_MAX; i++)
		close(fd[i]);
}

/* --- the reply --- */

static void reply_may_come_later_by_its_id(void **state)
{
	struct world *w = *state;
	char text[64];
	sw_id first;
	int a, b;

	open_control(w);
	a = client(w, "one\n");
	first = w->request;
	b = client(w, "two\n");
	assert_int_equal(heard(a, text, sizeof(text)), -1);
	sw_control_reply(w->control, w->request, 0, SW_STR("second\n"));
	sw_control_reply(w->control, first, 70, SW_STR("first\n"));
	turn(w);
	assert_true(heard(a, text, sizeof(text)) > 0);
	assert_string_equal(text, "70\nfirst\n");
	assert_true(is_cut(a));
	assert_true(heard(b, text, sizeof(text)) > 0);
	assert_string_equal(text, "0\nsecond\n");
	close(a);
	close(b);
}

static void second_reply_is_nobodys(void **state)
{
	struct world *w = *state;
	char text[64];
	int fd;

	open_control(w);
	fd = client(w, "one\n");
	sw_control_reply(w->control, w->request, 0, SW_STR("yes\n"));
	sw_control_reply(w->control, w->request, 0, SW_STR("no\n"));
	turn(w);
	assert_true(heard(fd, text, sizeof(text)) > 0);
	assert_string_equal(text, "0\nyes\n");
	close(fd);
	sw_control_reply(w->control, w->request, 0, SW_STR("late\n"));
	turn(w);
}

static void client_may_be_gone_before_its_reply(void **state)
{
	struct world *w = *state;
	char text[64];
	int fd;

	open_control(w);
	fd = client(w, "one\n");
	close(fd);
	turn(w);
	sw_control_reply(w->control, w->request, 0, SW_STR("too late\n"));
	turn(w);

	/* Or be cut by the deadline, while whoever answers takes his time. */
	fd = client(w, "two\n");
	sw_loop_advance(w->loop, CLIENT_MS);
	turn(w);
	assert_true(is_cut(fd));
	close(fd);
	sw_control_reply(w->control, w->request, 0, SW_STR("too late\n"));
	turn(w);

	w->answer = "fine\n";
	fd = client(w, "three\n");
	assert_true(heard(fd, text, sizeof(text)) > 0);
	assert_string_equal(text, "3\nfine\n");
	close(fd);
}

/* --- the operator's side --- */

struct asking {
	const char *path;
	unsigned ms;
	int err, status;
	struct sw_buf out;
	uv_async_t done;
};

static void *ask(void *arg)
{
	struct asking *a = arg;

	a->err = sw_control_ask(a->path, "status json\n", a->ms, &a->status, &a->out);
	uv_async_send(&a->done);
	return NULL;
}

static void on_done(uv_async_t *h)
{
	uv_close((uv_handle_t *)h, NULL);
	uv_stop(h->loop);
}

static void ask_meanwhile(struct world *w, struct asking *a)
{
	pthread_t thread;

	sw_buf_init(&a->out, 0);
	a->path = w->path;
	assert_int_equal(uv_async_init(sw_loop_uv(w->loop), &a->done, on_done), 0);
	assert_int_equal(pthread_create(&thread, NULL, ask, a), 0);
	assert_int_equal(sw_loop_run(w->loop), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void ask_brings_status_and_text(void **state)
{
	struct world *w = *state;
	struct asking a = { .ms = 10000, .status = -1 };

	open_control(w);
	w->answer = "{}\n";
	ask_meanwhile(w, &a);
	assert_int_equal(a.err, 0);
	assert_int_equal(a.status, 3);
	assert_true(sw_str_eq(sw_buf_view(&a.out), SW_STR("{}\n")));
	assert_string_equal(w->words, "[status][json]");
	sw_buf_free(&a.out);
}

static void ask_does_not_wait_for_ever(void **state)
{
	struct world *w = *state;
	struct asking a = { .ms = 30, .status = -1 };

	open_control(w);
	ask_meanwhile(w, &a);
	assert_int_equal(a.err, SW_ETIMEOUT);
	assert_int_equal(a.status, -1);
	assert_int_equal(a.out.len, 0);
	sw_buf_free(&a.out);
}

static void ask_says_when_nobody_is_there(void **state)
{
	struct world *w = *state;
	struct sw_buf out;
	int status = -1;

	sw_buf_init(&out, 0);
	assert_int_equal(sw_control_ask(w->path, "status\n", 1000, &status, &out), SW_ECLOSED);
	open_control(w);
	sw_control_free(w->control);
	w->control = NULL;
	assert_int_equal(sw_control_ask(w->path, "status\n", 1000, &status, &out), SW_ECLOSED);
	assert_int_equal(status, -1);
	sw_buf_free(&out);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(only_owner_and_group_may_connect),
		TEST(stale_socket_is_replaced),
		TEST(live_socket_is_another_daemons),
		TEST(busy_socket_is_another_daemons),
		TEST(file_that_is_no_socket_stays),
		TEST(path_too_long_is_refused),
		TEST(end_cuts_clients_and_removes_the_socket),
		TEST(line_is_split_into_words),
		TEST(line_may_come_in_pieces),
		TEST(line_of_the_longest_length_is_taken),
		TEST(longer_line_is_cut),
		TEST(slow_client_is_cut),
		TEST(client_that_does_not_take_its_reply_is_cut),
		TEST(no_more_clients_than_the_limit),
		TEST(reply_may_come_later_by_its_id),
		TEST(second_reply_is_nobodys),
		TEST(client_may_be_gone_before_its_reply),
		TEST(ask_brings_status_and_text),
		TEST(ask_does_not_wait_for_ever),
		TEST(ask_says_when_nobody_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
