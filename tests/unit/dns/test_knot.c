/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver against a real name server: knotd on a free loopback port, started here. Skipped (77) where there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ask.h"
#include "dns/locate.h"
#include "dns/ownership.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab"

static const char zone_head[] =
	"$ORIGIN example.test.\n$TTL 60\n"
	"@ SOA ns hostmaster 1 3600 600 86400 90\n@ NS ns\nns A 192.0.2.53\n"
	"@ NAPTR 10 10 \"s\" \"SIPS+D2T\" \"\" _sips._tcp\n"
	"_sips._tcp SRV 10 10 5061 edge1\n_sips._tcp SRV 20 10 5062 edge2\n"
	"edge1 A 192.0.2.1\nedge1 AAAA 2001:db8::1\nedge2 CNAME edge3\nedge3 A 192.0.2.3\n"
	"@ TXT \"v=spf1 -all\"\n"
	"@ TXT \"sipward-domain-verification=0123456789abcdef0123456789abcdef\" \"0123456789abcdef0123456789ab\"\n"
	"c0 CNAME c1\nc1 CNAME c2\nc2 CNAME c3\nc3 CNAME c4\nc4 CNAME c5\nc5 CNAME c6\nc6 CNAME c7\nc7 CNAME edge1\n"
	"x0 CNAME x1\nx1 CNAME x0\n"
	"old DNAME new\na.new A 192.0.2.9\n"
	"zz TXT \"ready\"\n";

static struct {
	char dir[64];
	pid_t pid;
	uint16_t port;
	struct sw_loop *loop;
	struct sw_conf_dns_server server;
	struct sw_conf_dns conf;
	struct sw_dns *d;
	struct asked r;
} b;

static FILE *create(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", b.dir, name);
	return fopen(path, "w");
}

static void write_files(void)
{
	FILE *f = create("example.test.zone");

	fputs(zone_head, f);
	/* too much for one datagram */
	for (int i = 0; i < 60; i++)
		fprintf(f, "big TXT \"%03d-%0100d\"\n", i, i);
	fclose(f);
	f = create("knot.conf");
	fprintf(f, "server:\n    rundir: \"%s\"\n    listen: 127.0.0.1@%u\n"
		"    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"
		"database:\n    storage: \"%s\"\nlog:\n  - target: stderr\n    any: error\n"
		"template:\n  - id: default\n    storage: \"%s\"\n    file: \"%%s.zone\"\n"
		"    zonefile-sync: -1\n    zonefile-load: whole\n    journal-content: none\n    semantic-checks: off\n"
		"zone:\n  - domain: example.test\n", b.dir, b.port, b.dir, b.dir);
	fclose(f);
}

/* Free for TCP and UDP as far as one can tell; another program may be quicker, then start is tried again. */
static uint16_t free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || getsockname(fd, (struct sockaddr *)&sa, &n) < 0)
		abort();
	close(fd);
	return ntohs(sa.sin_port);
}

static bool ready(void)
{
	for (int i = 0; i < 40; i++) {
		if (waitpid(b.pid, NULL, WNOHANG) == b.pid) {
			b.pid = 0;
			return false;
		}
		ask_one(b.loop, b.d, "zz.example.test", SW_DNS_TXT, true, &b.r);
		if (b.r.a.outcome == SW_DNS_ANSWER)
			return true;
	}
	return false;
}

static void stop(void)
{
	if (b.pid > 0) {
		kill(b.pid, SIGKILL);
		waitpid(b.pid, NULL, 0);
	}
	b.pid = 0;
}

static bool start(const char *knotd)
{
	extern char **environ;
	char conf_path[128];
	char opt[] = "-c", *argv[] = { (char *)(uintptr_t)knotd, opt, conf_path, NULL };

	b.port = free_port();
	write_files();
	snprintf(conf_path, sizeof(conf_path), "%s/knot.conf", b.dir);
	if (posix_spawn(&b.pid, knotd, NULL, NULL, argv, environ) != 0)
		return false;
	sw_dns_free(b.d);
	b.conf = ask_conf(&b.server, b.port);
	b.conf.timeout = 500;
	return sw_dns_new(&b.d, b.loop, &b.conf) == 0 && ready();
}

static const char *find_knotd(void)
{
	static const char *const paths[] = { "/usr/sbin/knotd", "/usr/local/sbin/knotd", "/usr/bin/knotd" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	return NULL;
}

static int group_setup(void **state)
{
	const char *knotd = find_knotd();

	(void)state;
	if (sw_loop_new(&b.loop) < 0)
		return -1;
	for (int i = 0; i < 5; i++) {
		if (start(knotd)) {
			/* from here on a slow machine must not look like a dead server */
			sw_dns_free(b.d);
			b.conf.timeout = 5000;
			return sw_dns_new(&b.d, b.loop, &b.conf);
		}
		stop();
	}
	return -1;
}

static int group_teardown(void **state)
{
	char cmd[128];

	(void)state;
	sw_dns_free(b.d);
	sw_loop_free(b.loop);
	stop();
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", b.dir);
	return system(cmd) == 0 ? 0 : -1;
}

static void ask(const char *name, enum sw_dns_type type)
{
	ask_one(b.loop, b.d, name, type, true, &b.r);
}

static void test_records(void **state)
{
	(void)state;
	ask("edge1.example.test", SW_DNS_A);
	assert_int_equal(b.r.a.outcome, SW_DNS_ANSWER);
	assert_int_equal(b.r.a.ttl, 60);
	ask("_SIPS._tcp.Example.test", SW_DNS_SRV);
	assert_int_equal(b.r.a.n, 2);
	ask("example.test", SW_DNS_NAPTR);
	assert_string_equal(b.r.rr[0].naptr.replacement, "_sips._tcp.example.test");
}

static void test_negative(void **state)
{
	(void)state;
	ask("edge1.example.test", SW_DNS_TXT);
	assert_int_equal(b.r.a.outcome, SW_DNS_NODATA);
	assert_int_equal(b.r.a.ttl, 60);   /* the SOA's TTL is less than its MINIMUM */
	ask("none.example.test", SW_DNS_A);
	assert_int_equal(b.r.a.outcome, SW_DNS_NXDOMAIN);
	ask("elsewhere.test", SW_DNS_A);
	assert_int_equal(b.r.a.outcome, SW_DNS_REFUSED);
}

static void test_chains(void **state)
{
	(void)state;
	ask("c0.example.test", SW_DNS_A);
	assert_int_equal(b.r.a.outcome, SW_DNS_ANSWER);
	assert_true(b.r.a.via_cname);
	ask("x0.example.test", SW_DNS_A);
	assert_int_equal(b.r.a.outcome, SW_DNS_SERVFAIL);
	ask("a.old.example.test", SW_DNS_A);
	assert_int_equal(b.r.a.outcome, SW_DNS_ANSWER);
}

static void test_big_answer_over_tcp(void **state)
{
	(void)state;
	ask("big.example.test", SW_DNS_TXT);
	assert_int_equal(b.r.a.outcome, SW_DNS_ANSWER);
	assert_int_equal(b.r.a.n, 60);
	assert_int_equal(b.r.txt_len, 104);
}

static void on_located(void *arg, const struct sw_location *loc)
{
	char *text = arg, addr[SW_ADDR_STRLEN];

	for (size_t i = 0; i < loc->n; i++) {
		strcat(text, sw_addr_text(&loc->targets[i].addr, addr));
		strcat(text, " ");
	}
	sw_loop_stop(b.loop);
}

static void test_location(void **state)
{
	char text[256] = "";

	(void)state;
	assert_int_equal(sw_locate(b.d, &(struct sw_locate_query){ .host = "example.test", .tls = true, .naptr = true },
				   on_located, text, NULL), 0);
	ask_run(b.loop);
	assert_string_equal(text, "192.0.2.1:5061 [2001:db8::1]:5061 192.0.2.3:5062 ");
}

static void on_checked(void *arg, const struct sw_verdict *v)
{
	*(struct sw_verdict *)arg = *v;
	sw_loop_stop(b.loop);
}

static void test_proof(void **state)
{
	struct sw_conf_ownership conf = { .forms = SW_TXT_LABEL | SW_TXT_APEX_KV };
	struct sw_verdict v = { 0 };

	(void)state;
	assert_int_equal(sw_ownership_check(b.d, &conf, "example.test", TOKEN, on_checked, &v), 0);
	ask_run(b.loop);
	assert_int_equal(v.reason, SW_R_OK);
}

/* The server stops answering and comes back: so do we, with the resolver we have. */
static void test_recovers(void **state)
{
	struct sw_dns *d;
	struct sw_conf_dns conf = b.conf;

	(void)state;
	conf.timeout = 300;
	conf.tries = 1;
	assert_int_equal(sw_dns_new(&d, b.loop, &conf), 0);
	assert_int_equal(kill(b.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(b.pid, NULL, WUNTRACED), b.pid);
	ask_one(b.loop, d, "edge1.example.test", SW_DNS_A, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_INDETERMINATE);
	assert_int_equal(kill(b.pid, SIGCONT), 0);
	for (int i = 0; i < 20; i++) {
		ask_one(b.loop, d, "edge1.example.test", SW_DNS_A, true, &b.r);
		if (b.r.a.outcome == SW_DNS_ANSWER)
			break;
	}
	assert_int_equal(b.r.a.outcome, SW_DNS_ANSWER);
	ask_one(b.loop, d, "edge1.example.test", SW_DNS_A, false, &b.r);
	assert_int_equal(b.r.a.outcome, SW_DNS_ANSWER);
	sw_dns_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_negative),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_big_answer_over_tcp),
		cmocka_unit_test(test_location),
		cmocka_unit_test(test_proof),
		cmocka_unit_test(test_recovers),
	};

	if (!find_knotd()) {
		fprintf(stderr, "skipped: knotd is not installed (Debian: knot)\n");
		return 77;
	}
	strcpy(b.dir, "/tmp/sw-knot-XXXXXX");
	if (!mkdtemp(b.dir))
		return 1;
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
