/* SPDX-License-Identifier: Apache-2.0 */
/* sipwardd: options, the checks that need no daemon, and the three roles of the one program. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "core/log.h"
#include "edge/edge.h"
#include "edge/sandbox.h"
#include "edge/supervisor.h"

static const char usage[] =
	"sipwardd, the SIP edge: proves who the peer is, relays SIP and media\n"
	"\n"
	"usage: sipwardd [-f FILE] [option]...\n"
	"  -f, --config FILE      configuration (" SW_SYSCONFDIR "/sipward/sipward.conf, or $SIPWARD_CONFIG)\n"
	"  -c, -t, --check        check the configuration and the files it names, say what it means, and exit: 0 valid, 2 not\n"
	"  -T, --dump-config      print the effective configuration and exit\n"
	"  -d, --log-level LEVEL  error, warn, info, debug, trace: until the configuration says otherwise\n"
	"  -P, --pidfile FILE     write the process id there\n"
	"  -D, --foreground       stay in the foreground (it always does)\n"
	"  -E, --log-stderr       log to standard error (it always does)\n"
	"  -V, --version          print the version and exit\n"
	"  -h, --help             print this and exit\n"
	"\n"
	"Signals: HUP reloads; TERM and INT drain, a second one stops at once.\n"
	"See sipwardd(8), sipward.conf(5), sipward(1).\n";

enum { OPT_ROLE = 1000, OPT_LISTENERS, OPT_USER };

static const struct option options[] = {
	{ "config", required_argument, NULL, 'f' },
	{ "check", no_argument, NULL, 'c' },
	{ "dump-config", no_argument, NULL, 'T' },
	{ "log-level", required_argument, NULL, 'd' },
	{ "pidfile", required_argument, NULL, 'P' },
	{ "foreground", no_argument, NULL, 'D' },
	{ "log-stderr", no_argument, NULL, 'E' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	/* what the supervisor says to its children */
	{ "role", required_argument, NULL, OPT_ROLE },
	{ "listeners", required_argument, NULL, OPT_LISTENERS },
	{ "user", required_argument, NULL, OPT_USER },
	{ 0 },
};

struct args {
	const char *config, *pidfile, *role, *user;
	enum sw_log_level level;
	bool check, dump;
	size_t listeners;
};

static void print(const struct sw_buf *text, FILE *f)
{
	if (text->len)
		fwrite(text->data, 1, text->len, f);
}

static void print_diag(const struct sw_diag *diag)
{
	struct sw_buf text;

	sw_buf_init(&text, 0);
	sw_diag_print(diag, &text);
	print(&text, stderr);
	sw_buf_free(&text);
}

static int load(struct sw_conf **conf, const struct args *a, size_t *warnings)
{
	struct sw_diag diag;
	int err;

	sw_diag_init(&diag);
	err = sw_conf_load(conf, a->config, &diag);
	print_diag(&diag);
	if (err < 0 && diag.errors == 0)
		fprintf(stderr, "%s: error: %s\n", a->config, sw_error_text(err));
	*warnings = diag.warnings;
	sw_diag_free(&diag);
	return err;
}

/* The same functions the daemon starts with: what passes here, starts. */
static int check(const struct args *a)
{
	struct sw_generation *gen = NULL;
	struct sw_ca_status *status = NULL;
	struct sw_conf *conf = NULL;
	struct sw_diag diag;
	struct sw_buf text;
	size_t warnings;
	int err = load(&conf, a, &warnings);

	if (err < 0)
		return 2;
	sw_diag_init(&diag);
	err = sw_generation_new(&gen, conf, &diag);
	if (err == SW_OK) {
		if (sw_ca_status_load(&status, NULL, &diag) == SW_OK)
			sw_generation_warn(gen, status, time(NULL), &diag);
		sw_ca_status_free(status);
	}
	print_diag(&diag);
	warnings += diag.warnings;
	sw_buf_init(&text, 0);
	if (err == SW_OK) {
		sw_conf_explain(conf, &text);
		print(&text, stdout);
		printf("%s: valid, %zu warnings\n", a->config, warnings);
	} else {
		printf("%s: not valid, %zu errors, %zu warnings\n", a->config, diag.errors, warnings);
	}
	sw_buf_free(&text);
	sw_diag_free(&diag);
	sw_generation_unref(gen);
	sw_conf_unref(conf);
	return err < 0 ? 2 : 0;
}

static int dump(const struct args *a)
{
	struct sw_conf *conf = NULL;
	struct sw_buf text;
	size_t warnings;

	if (load(&conf, a, &warnings) < 0)
		return 2;
	sw_buf_init(&text, 0);
	sw_conf_dump(conf, &text);
	print(&text, stdout);
	sw_buf_free(&text);
	sw_conf_unref(conf);
	return 0;
}

/* The terminal's and the service manager's signals are the supervisor's: it tells the children what to do, in order. */
static void leave_signals_to_supervisor(void)
{
	static const int which[] = { SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++)
		sigaction(which[i], &ignore, NULL);
}

static int run_edge(const struct args *a)
{
	struct sw_edge_opts o = {
		.config = a->config,
		.supervisor_fd = SW_FD_EDGE_SUPERVISOR,
		.media_fd = SW_FD_EDGE_MEDIA,
		.n_listen_fds = a->listeners,
	};
	int fds[256], status;
	char threads[24];

	if (a->listeners > 256)
		return 64;
	for (size_t i = 0; i < a->listeners; i++)
		fds[i] = SW_FD_EDGE_LISTEN + (int)i;
	o.listen_fds = fds;
	/* The pool does handshakes, and now and then a file or the store: one thread more than cores, so that neither starves. */
	snprintf(threads, sizeof(threads), "%ld", sysconf(_SC_NPROCESSORS_ONLN) + 1);
	if (setenv("UV_THREADPOOL_SIZE", threads, 0) < 0)
		return 71;
	sw_log_init("edge", SW_LOG_INFO);
	leave_signals_to_supervisor();
	status = sw_edge_main(&o);
	return status;
}

static int run_media(const struct args *a)
{
	struct sw_media_setup setup;

	sw_log_init("media", a->level);
	leave_signals_to_supervisor();
	if (read(SW_FD_MEDIA_SETUP, &setup, sizeof(setup)) != (ssize_t)sizeof(setup))
		return 70;
	close(SW_FD_MEDIA_SETUP);
	sw_sandbox_descriptors();
	if (!a->user || sw_sandbox_drop(a->user) < 0 || sw_sandbox_media() < 0) {
		sw_log(SW_LOG_ERROR, "sandbox.failed", SW_S("user", a->user));
		return 77;
	}
	return sw_media_process(SW_FD_MEDIA_EDGE, &setup);
}

static int run(const struct args *a)
{
	struct sw_supervisor_opts o = { .program = "/proc/self/exe", .config = a->config, .pidfile = a->pidfile };
	struct sw_conf *conf = NULL;
	size_t warnings;
	int status;

	if (load(&conf, a, &warnings) < 0)
		return 78;
	sw_log_init("supervisor", conf->log_level);
	status = sw_supervisor_main(&o, conf);
	sw_conf_unref(conf);
	return status;
}

int main(int argc, char **argv)
{
	struct args a = { .config = getenv("SIPWARD_CONFIG"), .level = SW_LOG_INFO };
	int c;

	if (!a.config)
		a.config = SW_SYSCONFDIR "/sipward/sipward.conf";
	sw_log_init(NULL, a.level);
	while ((c = getopt_long(argc, argv, "f:ctTd:P:DEVh", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			a.config = optarg;
			break;
		case 'c':
		case 't':
			a.check = true;
			break;
		case 'T':
			a.dump = true;
			break;
		case 'd':
			if (sw_log_level_by_name(optarg, &a.level) < 0) {
				fprintf(stderr, "sipwardd: no log level \"%s\": error, warn, info, debug, trace\n", optarg);
				return 64;
			}
			sw_log_set_level(a.level);
			break;
		case 'P':
			a.pidfile = optarg;
			break;
		case 'D':
		case 'E':
			break;
		case 'V':
			puts("sipwardd " PACKAGE_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case OPT_ROLE:
			a.role = optarg;
			break;
		case OPT_LISTENERS:
			a.listeners = strtoul(optarg, NULL, 10);
			break;
		case OPT_USER:
			a.user = optarg;
			break;
		default:
			fputs("sipwardd: see sipwardd --help\n", stderr);
			return 64;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "sipwardd: unexpected argument \"%s\": see sipwardd --help\n", argv[optind]);
		return 64;
	}
	if (a.role)
		return !strcmp(a.role, "edge") ? run_edge(&a) : !strcmp(a.role, "media") ? run_media(&a) : 64;
	if (a.check)
		return check(&a);
	return a.dump ? dump(&a) : run(&a);
}
