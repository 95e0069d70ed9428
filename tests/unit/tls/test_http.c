/* SPDX-License-Identifier: Apache-2.0 */
/* Fetches against a server that misbehaves: what arrives, what is cut off, and where a fetch does not go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tls/http.h"

enum { CAP = 1000 };

/* --- the server: one request after the other, until it is told to stop --- */

struct server {
	pthread_t thread;
	int fd, stop[2];
	uint16_t port;
	atomic_int served;
};

static void say(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Chunks without end, till the client has had enough. */
static void endless(int fd)
{
	say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	while (send(fd, "8\r\n12345678\r\n", 13, MSG_NOSIGNAL) == 13)
		;
}

static void headers_without_end(int fd)
{
	say(fd, "HTTP/1.1 200 OK\r\n");
	while (send(fd, "X-Filler: 0123456789\r\n", 22, MSG_NOSIGNAL) == 22)
		;
}

static void until_gone(struct server *s, int fd)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = s->stop[0], .events = POLLIN } };
	char c;

	do
		poll(p, 2, -1);
	while (!p[1].revents && recv(fd, &c, 1, 0) > 0);
}

static void answer(struct server *s, int fd, const char *rq)
{
	const char *body = strstr(rq, "\r\n\r\n") + 4;
	char text[2000];

	if (!strncmp(rq, "GET /ok ", 8) && strstr(rq, "If-None-Match: \"v1\"")) {
		say(fd, "HTTP/1.1 304 Not Modified\r\n\r\n");
	} else if (!strncmp(rq, "GET /ok ", 8)) {
		say(fd, "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 5\r\n\r\nhello");
	} else if (!strncmp(rq, "POST /echo ", 11)) {
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%.1000s", strlen(body), body);
		say(fd, strstr(rq, "Content-Type: text/test") ? text : "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
	} else if (!strncmp(rq, "GET /endless ", 13)) {
		endless(fd);
	} else if (!strncmp(rq, "GET /headers ", 13)) {
		headers_without_end(fd);
	} else if (!strncmp(rq, "GET /declared ", 14)) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n");
	} else if (!strncmp(rq, "GET /slow ", 10)) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
		until_gone(s, fd);
	} else if (!strncmp(rq, "GET /half ", 10)) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
	} else if (!strncmp(rq, "GET /off ", 9)) {
		say(fd, "HTTP/1.1 302 Found\r\nLocation: http://other.example/ok\r\nContent-Length: 0\r\n\r\n");
	} else if (!strncmp(rq, "GET /file ", 10)) {
		say(fd, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
	} else if (!strncmp(rq, "GET /here ", 10)) {
		say(fd, "HTTP/1.1 301 Moved\r\nLocation: /ok\r\nContent-Length: 3\r\n\r\nabc");
	} else if (!strncmp(rq, "GET /loop ", 10)) {
		say(fd, "HTTP/1.1 301 Moved\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n");
	} else {
		say(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope");
	}
}

static void serve_one(struct server *s, int fd)
{
	char rq[4000];
	size_t n = 0, want = 0;
	ssize_t got;

	while (n < sizeof(rq) - 1 && (got = recv(fd, rq + n, sizeof(rq) - 1 - n, 0)) > 0) {
		char *end, *len;

		n += (size_t)got;
		rq[n] = '\0';
		end = strstr(rq, "\r\n\r\n");
		len = strstr(rq, "Content-Length: ");
		want = end ? (size_t)(end + 4 - rq) + (len ? strtoul(len + 16, NULL, 10) : 0) : 0;
		if (want && n >= want) {
			s->served++;
			answer(s, fd, rq);
			return;
		}
	}
}

static void *serve(void *arg)
{
	struct server *s = arg;
	struct pollfd p[2] = { { .fd = s->fd, .events = POLLIN }, { .fd = s->stop[0], .events = POLLIN } };

	while (poll(p, 2, -1) > 0 && !p[1].revents) {
		int fd = accept(s->fd, NULL, NULL);

		if (fd < 0)
			continue;
		serve_one(s, fd);
		shutdown(fd, SHUT_WR);
		close(fd);
	}
	return NULL;
}

static void server_start(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	*s = (struct server){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	assert_return_code(s->fd, 0);
	assert_return_code(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_return_code(listen(s->fd, 8), 0);
	assert_return_code(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	assert_return_code(pipe(s->stop), 0);
	s->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	close(s->stop[1]);
	pthread_join(s->thread, NULL);
	close(s->stop[0]);
	close(s->fd);
}

/* --- the client --- */

struct bench {
	struct server server;
	struct sw_loop *loop;
	struct sw_http *http;
	struct sw_addr there;        /* what every name resolves to */
	const char *dns_fault;       /* or this */
	bool dns_silent;
	unsigned lookups;
	bool late;                   /* sw_http_start has returned */
	bool done;
	struct sw_http_result r;
	char body[CAP + 1];
};

static int resolve(void *arg, sw_id id, const char *host)
{
	struct bench *b = arg;

	(void)host;
	b->lookups++;
	if (!b->dns_silent)
		sw_http_resolved(b->http, id, &b->there, b->dns_fault ? 0 : 1, b->dns_fault);
	return SW_OK;
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	server_start(&b->server);
	assert_int_equal(sw_loop_new(&b->loop), SW_OK);
	assert_int_equal(sw_http_new(&b->http, b->loop, resolve, b), SW_OK);
	assert_int_equal(sw_addr_parse(&b->there, SW_STR("127.0.0.1"), 0), SW_OK);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	sw_http_free(b->http);
	sw_loop_free(b->loop);
	server_stop(&b->server);
	free(b);
	return 0;
}

static void on_result(void *arg, const struct sw_http_result *r)
{
	struct bench *b = arg;

	assert_true(b->late);
	assert_false(b->done);
	b->done = true;
	b->r = *r;
	assert_true(r->body.n <= CAP);
	memcpy(b->body, r->body.p, r->body.n);
	b->body[r->body.n] = '\0';
	sw_loop_stop(b->loop);
}

static struct sw_prefix loopback(void)
{
	struct sw_prefix p;

	assert_int_equal(sw_prefix_parse(&p, SW_STR("127.0.0.0/8")), SW_OK);
	return p;
}

static struct sw_http_request request(struct bench *b, char url[200], const char *host, const char *path)
{
	static struct sw_prefix lo;

	lo = loopback();
	snprintf(url, 200, "http://%s:%u%s", host, b->server.port, path);
	return (struct sw_http_request){
		.url = url, .schemes = SW_HTTP_PLAIN, .max_bytes = CAP, .deadline = 20000, .networks = &lo, .n_networks = 1,
	};
}

static void run(struct bench *b, const struct sw_http_request *rq)
{
	char why[SW_HTTP_DETAIL_MAX] = "";

	b->done = b->late = false;
	if (sw_http_start(b->http, rq, on_result, b, NULL, why) < 0)
		fail_msg("not started: %s", why);
	b->late = true;
	sw_loop_run(b->loop);
	assert_true(b->done);
}

static void get(struct bench *b, const char *host, const char *path)
{
	char url[200];
	struct sw_http_request rq = request(b, url, host, path);

	run(b, &rq);
}

static void expect_fault(const struct bench *b, int err, const char *text)
{
	assert_int_equal(b->r.err, err);
	assert_int_equal(b->r.body.n, 0);
	if (!strstr(b->r.detail, text))
		fail_msg("\"%s\" is not in \"%s\"", text, b->r.detail);
}

static void a_body_arrives(void **state)
{
	struct bench *b = *state;

	get(b, "crl.example", "/ok");
	assert_int_equal(b->r.err, SW_OK);
	assert_int_equal(b->r.status, 200);
	assert_string_equal(b->body, "hello");
	assert_string_equal(b->r.etag, "\"v1\"");
	assert_int_equal(b->r.last_modified, 1767225600);
	assert_string_equal(b->r.detail, "");
	assert_int_equal(b->lookups, 1);
	get(b, "127.0.0.1", "/ok");
	assert_string_equal(b->body, "hello");
	assert_int_equal(b->lookups, 1);
}

static void what_did_not_change_is_not_sent_again(void **state)
{
	struct bench *b = *state;
	char url[200];
	struct sw_http_request rq = request(b, url, "crl.example", "/ok");

	rq.etag = "\"v1\"";
	run(b, &rq);
	assert_int_equal(b->r.err, SW_OK);
	assert_int_equal(b->r.status, 304);
}

static void a_post_carries_its_body(void **state)
{
	struct bench *b = *state;
	char url[200];
	struct sw_http_request rq = request(b, url, "ocsp.example", "/echo");

	rq.body = SW_STR("question");
	rq.content_type = "text/test";
	run(b, &rq);
	assert_int_equal(b->r.status, 200);
	assert_string_equal(b->body, "question");
}

static void a_status_is_told(void **state)
{
	get(*state, "crl.example", "/absent");
	expect_fault(*state, SW_OK, "crl.example: HTTP 404");
}

static void too_much_is_cut_off(void **state)
{
	struct bench *b = *state;

	get(b, "crl.example", "/endless");
	expect_fault(b, SW_ELIMIT, "larger than 1000 bytes");
	get(b, "crl.example", "/declared");
	expect_fault(b, SW_ELIMIT, "larger than 1000 bytes");
	get(b, "crl.example", "/headers");
	expect_fault(b, SW_ELIMIT, "larger than");
}

static void half_an_answer_is_none(void **state)
{
	get(*state, "crl.example", "/half");
	expect_fault(*state, SW_ECLOSED, "crl.example");
}

static void the_deadline_holds(void **state)
{
	struct bench *b = *state;
	char url[200];
	struct sw_http_request rq = request(b, url, "crl.example", "/slow");

	rq.deadline = 100;
	run(b, &rq);
	expect_fault(b, SW_ETIMEOUT, "no answer in time");
	b->dns_silent = true;
	run(b, &rq);
	expect_fault(b, SW_ETIMEOUT, "could not be looked up in time");
}

static void redirects_stay_on_their_host(void **state)
{
	struct bench *b = *state;

	get(b, "crl.example", "/here");
	assert_int_equal(b->r.err, SW_OK);
	assert_string_equal(b->body, "hello");
	get(b, "crl.example", "/off");
	expect_fault(b, -EACCES, "another host, other.example");
	get(b, "crl.example", "/file");
	expect_fault(b, -EACCES, "only http");
	get(b, "crl.example", "/loop");
	expect_fault(b, SW_ELIMIT, "too many redirects");
}

static void our_own_networks_are_out_of_reach(void **state)
{
	static const char *const refused[] = {
		"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
		"255.255.255.255", "240.0.0.1", "::1", "fe80::1", "fd00::1", "::", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
		"64:ff9b::7f00:1",
	};
	struct bench *b = *state;
	char url[200];
	struct sw_http_request rq = request(b, url, "crl.example", "/ok");
	int before = b->server.served;

	rq.n_networks = 0;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(sw_addr_parse(&b->there, sw_str_of(refused[i]), 0), SW_OK);
		run(b, &rq);
		expect_fault(b, -EACCES, "network");
	}
	/* the same written as an address */
	request(b, url, "127.0.0.1", "/ok");
	run(b, &rq);
	expect_fault(b, -EACCES, "127.0.0.1 is a loopback address");
	assert_int_equal(b->server.served, before);
}

static void a_name_without_address_says_so(void **state)
{
	struct bench *b = *state;

	b->dns_fault = "DNS says nxdomain";
	get(b, "crl.example", "/ok");
	expect_fault(b, SW_EDNS, "crl.example: DNS says nxdomain");
}

static void odd_urls_are_not_fetched(void **state)
{
	static const char *const bad[] = {
		"", "x", "ftp://h/", "file:///etc/passwd", "ldap://h/cn=x", "http://", "http://u:p@h/", "http://u@h/", "http://h:0/", "http://h:99999/",
		"https://h/", "gopher://h/", "http://h,i/", "http://h%00i/", "http://[::1", "http://h\r\nX: y/",
	};
	struct bench *b = *state;
	char url[200], why[SW_HTTP_DETAIL_MAX], *longer = malloc(5000);
	struct sw_http_request rq = request(b, url, "h", "/ok");

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rq.url = bad[i];
		if (sw_http_start(b->http, &rq, on_result, b, NULL, why) != SW_EINVALID)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_true(why[0]);
	}
	memset(longer, 'a', 4999);
	longer[4999] = '\0';
	memcpy(longer, "http://h/", 9);
	rq.url = longer;
	assert_int_equal(sw_http_start(b->http, &rq, on_result, b, NULL, why), SW_EINVALID);
	free(longer);
	/* https with nothing to judge its server by */
	rq.url = "https://h/";
	rq.schemes = SW_HTTP_TLS;
	assert_int_equal(sw_http_start(b->http, &rq, on_result, b, NULL, why), SW_EINVALID);
	assert_non_null(strstr(why, "anchors"));
	assert_int_equal(b->lookups, 0);
}

static void a_cancelled_fetch_does_not_call(void **state)
{
	struct bench *b = *state;
	char url[200], url2[200], why[SW_HTTP_DETAIL_MAX];
	struct sw_http_request slow = request(b, url, "crl.example", "/slow");
	sw_id id;

	b->late = true;
	assert_int_equal(sw_http_start(b->http, &slow, on_result, b, &id, why), SW_OK);
	sw_http_cancel(b->http, id);
	sw_http_cancel(b->http, id);
	b->dns_silent = true;
	assert_int_equal(sw_http_start(b->http, &slow, on_result, b, &id, why), SW_OK);
	sw_http_cancel(b->http, id);
	b->dns_silent = false;
	slow = request(b, url2, "crl.example", "/ok");
	run(b, &slow);   /* had the others called, this would be the second */
	assert_string_equal(b->body, "hello");
}

static void the_number_under_way_is_bounded(void **state)
{
	struct bench *b = *state;
	char url[200], why[SW_HTTP_DETAIL_MAX];
	struct sw_http_request rq = request(b, url, "crl.example", "/slow");
	int n = 0;

	while (sw_http_start(b->http, &rq, on_result, b, NULL, why) == SW_OK)
		n++;
	assert_int_equal(n, SW_HTTP_REQUESTS_MAX);
	/* and all of them end with the teardown, without a call */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_body_arrives, setup, teardown),
		cmocka_unit_test_setup_teardown(what_did_not_change_is_not_sent_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_post_carries_its_body, setup, teardown),
		cmocka_unit_test_setup_teardown(a_status_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(too_much_is_cut_off, setup, teardown),
		cmocka_unit_test_setup_teardown(half_an_answer_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(the_deadline_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(redirects_stay_on_their_host, setup, teardown),
		cmocka_unit_test_setup_teardown(our_own_networks_are_out_of_reach, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_without_address_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_urls_are_not_fetched, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cancelled_fetch_does_not_call, setup, teardown),
		cmocka_unit_test_setup_teardown(the_number_under_way_is_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
