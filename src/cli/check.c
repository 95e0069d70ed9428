/* SPDX-License-Identifier: Apache-2.0 */
/* "sipward check": pre-flight, from the command line to the report. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/check_options.h"

enum { REPORT_MAX = 256 << 20 };

/* The second Ctrl-C ends the program: SA_RESETHAND. */
static struct sw_check *running;

static void on_interrupt(int sig)
{
	(void)sig;
	sw_check_stop(running);
}

/* --- the report --- */

/* Whoever reads path sees the earlier report or this one, never a part. */
static int write_file(const char *path, const struct sw_buf *b)
{
	char temporary[4096];
	mode_t mask = umask(0);
	int fd;
	bool ok;

	umask(mask);
	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary)) {
		fprintf(stderr, "sipward: --output-file %s: too long\n", path);
		return SW_EXIT_NO_INPUT;
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "sipward: --output-file %s: %s\n", path, strerror(errno));
		return SW_EXIT_CANT_CREATE;
	}
	ok = fchmod(fd, 0666 & ~mask) == 0;
	for (size_t at = 0; ok && at < b->len;) {
		ssize_t n = write(fd, b->data + at, b->len - at);

		ok = n > 0 || (n < 0 && errno == EINTR);
		at += n > 0 ? (size_t)n : 0;
	}
	ok = ok && fsync(fd) == 0;
	ok = close(fd) == 0 && ok && rename(temporary, path) == 0;
	if (ok)
		return SW_EXIT_OK;
	fprintf(stderr, "sipward: --output-file %s: %s\n", path, strerror(errno));
	unlink(temporary);
	return SW_EXIT_CANT_CREATE;
}

struct stream {
	bool at_once;            /* to standard output as it comes */
	struct sw_buf lines;
};

static void on_finding(void *arg, const struct sw_finding *f)
{
	struct stream *s = arg;

	sw_report_jsonl_finding(f, &s->lines);
	if (!s->at_once)
		return;
	sw_cli_print(&s->lines);
	fflush(stdout);
	sw_buf_clear(&s->lines);
}

static bool wants_colour(const struct sw_check_cli *k)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return !k->no_color && !k->output_file && !(no && *no) && isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

static int tell(const struct sw_check_cli *k, struct sw_report *report, struct sw_buf *out)
{
	report->colour = wants_colour(k);
	report->verbose = k->verbose;
	report->quiet = k->quiet;
	sw_report_by_name(k->form)(report, out);
	if (sw_buf_error(out) < 0) {
		fprintf(stderr, "sipward: the report: %s\n", sw_error_text(sw_buf_error(out)));
		return SW_EXIT_INTERNAL;
	}
	if (k->output_file)
		return write_file(k->output_file, out);
	sw_cli_print(out);
	return fflush(stdout) == 0 ? SW_EXIT_OK : SW_EXIT_INTERNAL;
}

/* --- the run --- */

/* The targets; without one the configuration; without that what stands around. */
static int add_targets(const struct sw_check_cli *k, char **targets, size_t n)
{
	char why[160];
	int err = SW_OK;

	for (size_t i = 0; i < n; i++)
		if (sw_check_target(running, targets[i], why) < 0) {
			fprintf(stderr, "sipward: %s: %s\n", targets[i], why);
			return SW_EXIT_USAGE;
		}
	if (n == 0 && !k->config_given)
		sw_check_surroundings(running);
	else if (n == 0)
		err = sw_check_deployment(running);
	if (err < 0)
		fprintf(stderr, "sipward: %s: %s\n", k->config, sw_error_text(err));
	return err < 0 ? SW_EXIT_INTERNAL : SW_EXIT_OK;
}

static int run(const struct sw_check_cli *k)
{
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND }, ignore = { .sa_handler = SIG_IGN };
	struct sw_progress *progress;
	int err;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	if (sw_progress_new(&progress, k->progress, k->quiet) < 0)
		progress = NULL;
	sw_progress_watch(progress, running);
	err = sw_check_run(running);
	sw_progress_free(progress);
	if (err < 0)
		fprintf(stderr, "sipward: %s\n", sw_error_text(err));
	return err < 0 ? SW_EXIT_INTERNAL : SW_EXIT_OK;
}

static int check(struct sw_check_cli *k, char **targets, size_t n_targets, struct sw_baseline *baseline)
{
	struct sw_report report = {
		.check = running,
		.targets = n_targets ? (const char *const *)targets : k->config_given ? &k->config : &k->profile,
		.n_targets = n_targets ? n_targets : 1,
		.started = time(NULL),
		.fail_on_warn = k->fail_on_warn || !strcmp(k->form, "nagios"),
		.baseline = baseline,
	};
	struct stream stream = { .at_once = !k->output_file };
	int status = add_targets(k, targets, n_targets), told;

	if (status != SW_EXIT_OK)
		return status;
	sw_buf_init(&stream.lines, REPORT_MAX);
	if (!strcmp(k->form, "jsonl"))
		sw_check_on_finding(running, on_finding, &stream);
	status = run(k);
	if (status == SW_EXIT_OK && baseline && sw_baseline_compare(baseline, running) < 0)
		status = SW_EXIT_INTERNAL;
	if (status == SW_EXIT_OK) {
		status = sw_check_exit(running, report.fail_on_warn);
		told = tell(k, &report, &stream.lines);
		status = told == SW_EXIT_OK ? status : told;
	}
	sw_buf_free(&stream.lines);
	return status;
}

static int check_all(struct sw_check_cli *k, char **targets, size_t n_targets)
{
	struct sw_baseline *baseline = NULL;
	struct sw_check_summary summary;
	char why[200];
	int status;

	if (k->baseline && sw_baseline_load(&baseline, k->baseline, why) < 0) {
		fprintf(stderr, "sipward: --baseline %s: %s\n", k->baseline, why);
		return SW_EXIT_NO_INPUT;
	}
	if (sw_check_new(&running, &k->run) < 0) {
		sw_baseline_free(baseline);
		return SW_EXIT_INTERNAL;
	}
	status = check(k, targets, n_targets, baseline);
	sw_baseline_free(baseline);
	sw_check_summary(running, &summary);
	/* A probe that hangs in a library is not waited for. */
	if (summary.stuck) {
		fflush(NULL);
		_Exit(status);
	}
	sw_check_free(running);
	return status;
}

int sw_cli_check(struct sw_cli *cli, int argc, char **argv)
{
	bool nagios = sw_check_cli_is_nagios(argc, argv), done;
	struct sw_check_cli k;
	int first, status = sw_check_cli_parse(&k, cli, argc, argv, &first, &done);

	if (status == SW_EXIT_OK && !done)
		status = sw_check_cli_load(&k);
	if (status == SW_EXIT_OK && !done)
		status = check_all(&k, argv + first, (size_t)(argc - first));
	sw_check_cli_clear(&k);
	/* Monitoring takes nothing but 0 to 3, and reads standard output. */
	if (nagios && status > SW_EXIT_UNKNOWN) {
		printf("SIPWARD UNKNOWN - sipward check could not run, status %d: see its standard error\n", status);
		status = SW_EXIT_UNKNOWN;
	}
	return status;
}
