/* SPDX-License-Identifier: Apache-2.0 */
/* How far a run is, on standard error: a line for each stage that moves on a terminal, a line for each probe in CI. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/check_options.h"

enum { TICK_MS = 100, WHAT = 120, LINE = 400 };

struct stage {
	unsigned begun, ended;
	enum sw_check_status worst;
	char what[WHAT];
};

struct sw_progress {
	bool live;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	bool stopping;
	struct stage stages[SW_STAGE_COUNT];
	unsigned done, total, lines, frame;
	struct timespec began;
};

/* Names come from DNS: printable ASCII only, so that a column is a byte. */
static void keep_what(char dst[WHAT], const char *what)
{
	size_t n = 0;

	for (; what[n] && n < WHAT - 1; n++)
		dst[n] = what[n] >= 0x20 && what[n] < 0x7f ? what[n] : '?';
	dst[n] = '\0';
}

static int columns(void)
{
	struct winsize w;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

static double elapsed(const struct sw_progress *p)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - p->began.tv_sec) + (double)(now.tv_nsec - p->began.tv_nsec) / 1e9;
}

/* --- live --- */

static void erase(struct sw_progress *p)
{
	if (p->lines)
		fprintf(stderr, "\033[%uA\033[J", p->lines);
	p->lines = 0;
}

static void draw(struct sw_progress *p)
{
	static const char *const spinner[] = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" };
	static const char *const marks[] = { [SW_CHECK_UNKNOWN] = "?", [SW_CHECK_PASS] = "✓", [SW_CHECK_SKIP] = "✓", [SW_CHECK_WARN] = "!", [SW_CHECK_FAIL] = "✗" };
	int width = columns();

	erase(p);
	p->frame++;
	for (unsigned i = 0; i < SW_STAGE_COUNT; i++) {
		const struct stage *s = &p->stages[i];
		char line[LINE];

		if (!s->begun)
			continue;
		snprintf(line, sizeof(line), "%-6s %u/%u  %s", sw_stage_name((enum sw_stage)i), s->ended, s->begun, s->ended < s->begun ? s->what : "");
		fprintf(stderr, "%s %.*s\n", s->ended < s->begun ? spinner[p->frame % 10] : marks[s->worst], width - 3, line);
		p->lines++;
	}
	fprintf(stderr, "  %u of %u, %.1f s\n", p->done, p->total, elapsed(p));
	p->lines++;
	fflush(stderr);
}

static void *ticker(void *arg)
{
	struct sw_progress *p = arg;

	pthread_mutex_lock(&p->lock);
	while (!p->stopping) {
		struct timespec until;

		draw(p);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += TICK_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&p->stop, &p->lock, &until);
	}
	erase(p);
	fflush(stderr);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* --- events --- */

static void worst(struct stage *s, enum sw_check_status now)
{
	static const int rank[] = { [SW_CHECK_SKIP] = 0, [SW_CHECK_PASS] = 1, [SW_CHECK_WARN] = 2, [SW_CHECK_UNKNOWN] = 3, [SW_CHECK_FAIL] = 4 };

	if (s->ended == 1 || rank[now] > rank[s->worst])
		s->worst = now;
}

static void on_progress(void *arg, enum sw_stage stage, const char *what, bool ended, enum sw_check_status status, uint64_t ms, unsigned done,
			unsigned total)
{
	static const char *const words[] = { [SW_CHECK_UNKNOWN] = "unknown", [SW_CHECK_PASS] = "ok", [SW_CHECK_SKIP] = "skipped",
					     [SW_CHECK_WARN] = "warning", [SW_CHECK_FAIL] = "FAILED" };
	struct sw_progress *p = arg;
	struct stage *s = &p->stages[stage];
	char text[WHAT];

	keep_what(text, what);
	pthread_mutex_lock(&p->lock);
	p->done = done;
	p->total = total;
	if (ended) {
		s->ended++;
		worst(s, status);
	} else {
		s->begun++;
		memcpy(s->what, text, sizeof(text));
	}
	if (!p->live && ended)
		fprintf(stderr, "[%u/%u] %s ... %s %" PRIu64 " ms\n", done, total, text, words[status], ms);
	pthread_mutex_unlock(&p->lock);
}

int sw_progress_new(struct sw_progress **out, const char *mode, bool quiet)
{
	bool terminal = isatty(STDERR_FILENO) && getenv("TERM") && strcmp(getenv("TERM"), "dumb") != 0;
	bool plain = !strcmp(mode, "plain") || (!terminal && getenv("CI"));
	pthread_condattr_t attr;
	struct sw_progress *p;

	*out = NULL;
	if (quiet || !strcmp(mode, "none") || (!terminal && !plain))
		return SW_OK;
	p = calloc(1, sizeof(*p));
	if (!p)
		return SW_ENOMEM;
	clock_gettime(CLOCK_MONOTONIC, &p->began);
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->stop, &attr);
	pthread_condattr_destroy(&attr);
	p->live = !plain && pthread_create(&p->thread, NULL, ticker, p) == 0;
	*out = p;
	return SW_OK;
}

void sw_progress_watch(struct sw_progress *p, struct sw_check *c)
{
	if (p)
		sw_check_on_progress(c, on_progress, p);
}

void sw_progress_free(struct sw_progress *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_signal(&p->stop);
	pthread_mutex_unlock(&p->lock);
	if (p->live)
		pthread_join(p->thread, NULL);
	pthread_cond_destroy(&p->stop);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
