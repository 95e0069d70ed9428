/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/pull.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/log.h"
#include "core/random.h"
#include "edge/web.h"
#include "tls/pulled.h"

enum {
	RETRY_FIRST = 5,             /* seconds */
	RETRY_MAX = 3600,
	FETCH_MS = 30000,
	DIGEST_BYTES_MAX = 64 << 10,
	SIGNATURE_BYTES_MAX = 8 << 10,
	ANCHOR_BYTES_MAX = 256 << 10,
	CHANGES_LOGGED_MAX = 50,     /* of each kind; the rest is counted */
	PINS_MAX = 8,
	DETAIL_ROOM = SW_HTTP_DETAIL_MAX - 20,
};

/* Steps of one fetch; each ends in the next, or in failed(). */
enum step { IDLE, ANCHORS, LIST, DIGEST, SIGNATURE, JUDGE };

/* One address of one zone. Two owners: the manager's list, and the job in the pool; touched on the loop, and by that job alone. */
struct pull {
	struct pull *next;
	struct sw_pulls *owner;      /* NULL: given up; the job that is out frees it */
	char *path;                  /* of the last good list; what it is known by; owned */
	char *url, *zone, *digest;   /* owned; digest: hex, an address, or NULL */
	char pins[PINS_MAX][72];     /* "sha256//..." */
	size_t n_pins, pin;          /* the one that is tried */
	struct sw_strlist bootstrap, signers;   /* owned copies */
	uint64_t refresh;            /* seconds */
	enum step step;
	bool working;                /* a job is in the pool */
	bool wanted;                 /* by the configuration, while sw_pulls_set looks */
	sw_id fetch;
	struct sw_buf anchors, body, signature;
	char hex[65];                /* what the list must be; "" : anything */
	int64_t due, fetched;        /* seconds since 1970; fetched 0: never */
	uint64_t backoff;
	size_t certs;                /* in the last good list */
	char error[SW_HTTP_DETAIL_MAX];   /* of the last try; "" : it was good */
	/* the job's */
	struct sw_pulled old, list;
	bool changed, looked;
	int64_t found_at;            /* when the last good list was fetched, as the disk says */
	int err;
	char why[SW_PULLED_WHY];
};

struct sw_pulls {
	struct sw_edge *edge;
	struct pull *list;
};

/* --- one pull --- */

static void strlist_free(struct sw_strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static void pull_free(struct pull *p)
{
	free(p->path);
	free(p->url);
	free(p->zone);
	free(p->digest);
	strlist_free(&p->bootstrap);
	strlist_free(&p->signers);
	sw_buf_free(&p->anchors);
	sw_buf_free(&p->signature);
	sw_buf_free(&p->body);
	sw_pulled_clear(&p->old);
	sw_pulled_clear(&p->list);
	free(p);
}

/* The configuration wants it no longer, or the edge ends. */
static void give_up(struct pull *p)
{
	if (p->fetch)
		sw_http_cancel(sw_web_http(p->owner->edge->web), p->fetch);
	p->fetch = 0;
	p->owner = NULL;
	if (!p->working)
		pull_free(p);
}

static void again_in(struct pull *p, uint64_t seconds)
{
	/* Some spread: many nodes ask the same server. */
	p->due = (int64_t)(time(NULL) + (time_t)seconds + sw_random_below((uint32_t)(seconds / 20 + 1)));
	p->step = IDLE;
	sw_buf_clear(&p->body);
}

static void failed(struct pull *p, const char *why)
{
	bool none = p->fetched == 0;
	uint64_t most = p->refresh < RETRY_MAX ? p->refresh : RETRY_MAX;

	p->backoff = p->backoff ? p->backoff * 2 : RETRY_FIRST;
	if (p->backoff > most)
		p->backoff = most;
	again_in(p, p->backoff);
	sw_str_copy(p->error, sizeof(p->error), sw_str_of(why));
	sw_log(none ? SW_LOG_ERROR : SW_LOG_WARN, none ? "trust.unusable" : "trust.not-refreshed", SW_S("zone", p->zone), SW_S("url", p->url),
	       SW_S("detail", p->error), SW_S("what", none ? "its peers are refused as undecided till there is a list" : "the last good list stays"),
	       SW_U("certificates", p->certs), SW_U("again_s", p->backoff));
}

/* --- the pool's part --- */

static void work_anchors(void *arg)
{
	struct pull *p = arg;
	char why[SW_PULLED_WHY];
	FILE *f;

	if (!p->looked && sw_pulled_read(&p->old, p->path, &p->found_at, why) < 0)
		p->found_at = 0;
	p->err = SW_OK;
	sw_buf_clear(&p->anchors);
	for (size_t i = 0; i < p->bootstrap.n && p->err == SW_OK; i++) {
		f = fopen(p->bootstrap.v[i], "re");
		if (!f) {
			p->err = sw_error_from_errno(errno);
			snprintf(p->why, sizeof(p->why), "trust_bootstrap: %.120s: %s", p->bootstrap.v[i], strerror(errno));
			break;
		}
		for (char *room; !feof(f) && !ferror(f) && (room = sw_buf_reserve(&p->anchors, 4096));)
			sw_buf_commit(&p->anchors, fread(room, 1, 4096, f));
		fclose(f);
		sw_buf_str(&p->anchors, "\n");
		p->err = sw_buf_error(&p->anchors);
		snprintf(p->why, sizeof(p->why), "trust_bootstrap: %.120s: %s", p->bootstrap.v[i], sw_error_text(p->err));
	}
}

static void work_judge(void *arg)
{
	struct pull *p = arg;
	char ignored[SW_PULLED_WHY];
	int64_t at;

	p->changed = false;
	p->err = SW_EPARSE;
	if (p->hex[0] && !sw_pulled_digest_is(sw_buf_view(&p->body), p->hex)) {
		snprintf(p->why, sizeof(p->why), "its SHA-256 is not the one it must have, %s", p->hex);
		return;
	}
	if (p->signers.n) {
		p->err = sw_pulled_signed(sw_buf_view(&p->body), sw_buf_view(&p->signature), &p->signers, p->why);
		if (p->err < 0)
			return;
	}
	p->err = sw_pulled_parse(&p->list, sw_buf_view(&p->body), time(NULL), p->why);
	if (p->err < 0)
		return;
	p->changed = true;
	if (sw_pulled_read(&p->old, p->path, &at, ignored) == SW_OK) {
		p->err = sw_pulled_may_replace(&p->old, &p->list, p->why);
		p->changed = p->old.n != p->list.n;
		for (size_t i = 0; i < p->list.n && !p->changed; i++)
			p->changed = !sw_pulled_has(&p->old, &p->list.v[i]);
	}
	if (p->err == SW_OK && p->changed) {
		p->err = sw_pulled_store(&p->list, p->path, p->url);
		snprintf(p->why, sizeof(p->why), "%.100s can't be written: %s", p->path, sw_error_text(p->err));
	} else if (p->err == SW_OK) {
		sw_pulled_touch(p->path);
	}
}

/* --- steps --- */

static void start_fetch(struct pull *p, const char *url, size_t max);

static void log_changes(const struct pull *p, const char *event, const struct sw_pulled *in, const struct sw_pulled *not_in)
{
	size_t n = 0;

	for (size_t i = 0; i < in->n; i++) {
		char hex[65];

		if (sw_pulled_has(not_in, &in->v[i]) || n++ >= CHANGES_LOGGED_MAX)
			continue;
		sw_hex(hex, in->v[i].digest, sizeof(in->v[i].digest));
		sw_log(SW_LOG_WARN, event, SW_S("zone", p->zone), SW_S("url", p->url), SW_S("subject", in->v[i].subject), SW_S("sha256", hex));
	}
	if (n > CHANGES_LOGGED_MAX)
		sw_log(SW_LOG_WARN, event, SW_S("zone", p->zone), SW_S("url", p->url), SW_U("more", n - CHANGES_LOGGED_MAX));
}

static void judged(void *arg, int status)
{
	struct pull *p = arg;

	p->working = false;
	if (!p->owner) {
		pull_free(p);
		return;
	}
	if (status < 0 || p->err < 0) {
		failed(p, status < 0 ? sw_error_text(status) : p->why);
	} else {
		p->backoff = 0;
		p->error[0] = '\0';
		p->fetched = time(NULL);
		p->certs = p->list.n;
		again_in(p, p->refresh);
		log_changes(p, "trust.added", &p->list, &p->old);
		log_changes(p, "trust.removed", &p->old, &p->list);
		sw_log(SW_LOG_INFO, "trust.fetched", SW_S("zone", p->zone), SW_S("url", p->url), SW_U("certificates", p->certs),
		       SW_S("changed", p->changed ? "yes" : "no"));
		if (p->changed)
			sw_edge_tell(p->owner->edge, "reload-please", "trust");
	}
	sw_pulled_clear(&p->old);
	sw_pulled_clear(&p->list);
}

static void judge(struct pull *p)
{
	p->step = JUDGE;
	p->working = true;
	if (sw_loop_work(p->owner->edge->loop, work_judge, judged, p) < 0) {
		p->working = false;
		failed(p, "out of memory");
	}
}

static bool keep(struct pull *p, struct sw_buf *b, struct sw_str bytes)
{
	sw_buf_clear(b);
	sw_buf_slice(b, bytes);
	if (sw_buf_error(b) == SW_OK)
		return true;
	failed(p, "out of memory");
	return false;
}

/* The last thing that is fetched, where it is wanted. */
static void fetch_signature(struct pull *p)
{
	char *url;

	if (p->signers.n == 0) {
		judge(p);
	} else if (asprintf(&url, "%s.sig", p->url) < 0) {
		failed(p, "out of memory");
	} else {
		p->step = SIGNATURE;
		start_fetch(p, url, SIGNATURE_BYTES_MAX);
		free(url);
	}
}

static void have_list(struct pull *p, struct sw_str body)
{
	if (!keep(p, &p->body, body))
		return;
	p->hex[0] = '\0';
	if (p->digest && sw_conf_is_url(p->digest)) {
		p->step = DIGEST;
		start_fetch(p, p->digest, DIGEST_BYTES_MAX);
		return;
	}
	if (p->digest)
		sw_str_copy(p->hex, sizeof(p->hex), sw_str_of(p->digest));
	fetch_signature(p);
}

static void on_fetched(void *arg, const struct sw_http_result *r)
{
	struct pull *p = arg;
	char why[SW_HTTP_DETAIL_MAX];

	p->fetch = 0;
	if (r->err < 0 || r->status != 200) {
		/* Another pin may be the server's. */
		if (r->err < 0 && p->step == LIST && p->pin + 1 < p->n_pins) {
			p->pin++;
			start_fetch(p, p->url, SW_PULLED_BYTES_MAX);
			return;
		}
		snprintf(why, sizeof(why), "%s%.*s", p->step == SIGNATURE ? "its signature: " : p->step == DIGEST ? "its digest: " : "", DETAIL_ROOM,
			 r->detail[0] ? r->detail : "no answer that could be used");
		failed(p, why);
	} else if (p->step == LIST) {
		have_list(p, r->body);
	} else if (p->step == SIGNATURE) {
		if (keep(p, &p->signature, r->body))
			judge(p);
	} else if (sw_pulled_digest_of(r->body, p->hex) < 0) {
		failed(p, "what trust_digest leads to does not begin with a SHA-256");
	} else {
		fetch_signature(p);
	}
}

/* It may go wherever the operator's address leads: his own servers are in his own network. */
static const struct sw_prefix *anywhere(void)
{
	static struct sw_prefix all[2];
	static bool made;

	if (!made)
		made = sw_prefix_parse(&all[0], SW_STR("0.0.0.0/0")) == SW_OK && sw_prefix_parse(&all[1], SW_STR("::/0")) == SW_OK;
	return all;
}

static void start_fetch(struct pull *p, const char *url, size_t max)
{
	const struct sw_http_request rq = {
		.url = url,
		.schemes = SW_HTTP_TLS,
		.max_bytes = max,
		.deadline = FETCH_MS,
		.anchors = sw_buf_view(&p->anchors),
		.pin = p->n_pins ? p->pins[p->pin] : NULL,
		.networks = anywhere(),
		.n_networks = 2,
	};
	char why[SW_HTTP_DETAIL_MAX];

	if (sw_http_start(sw_web_http(p->owner->edge->web), &rq, on_fetched, p, &p->fetch, why) < 0)
		failed(p, why);
}

static void have_anchors(void *arg, int status)
{
	struct pull *p = arg;

	p->working = false;
	if (!p->owner) {
		pull_free(p);
		return;
	}
	if (!p->looked && status == 0) {
		p->fetched = p->found_at;
		p->certs = p->old.n;
		sw_pulled_clear(&p->old);
		p->looked = true;
	}
	if (status < 0 || p->err < 0) {
		failed(p, status < 0 ? sw_error_text(status) : p->why);
		return;
	}
	/* The first look at the disk: it may be fresh enough. */
	if (p->due == 0 && p->fetched && time(NULL) < p->fetched + (int64_t)p->refresh) {
		p->step = IDLE;
		p->due = p->fetched + (int64_t)p->refresh;
		return;
	}
	if (p->fetched == 0 && p->backoff == 0)
		sw_log(SW_LOG_ERROR, "trust.unusable", SW_S("zone", p->zone), SW_S("url", p->url),
		       SW_S("what", "its peers are refused as undecided till there is a list; it is being fetched"));
	p->step = LIST;
	p->pin = 0;
	start_fetch(p, p->url, SW_PULLED_BYTES_MAX);
}

static void begin(struct pull *p)
{
	p->step = ANCHORS;
	p->working = true;
	if (sw_loop_work(p->owner->edge->loop, work_anchors, have_anchors, p) < 0) {
		p->working = false;
		failed(p, "out of memory");
	}
}

void sw_pulls_tick(struct sw_pulls *pulls, int64_t now)
{
	struct pull *p;

	LL_FOREACH(pulls->list, p)
		if (p->step == IDLE && now >= p->due)
			begin(p);
}

/* --- what is wanted --- */

static bool copy_list(struct sw_strlist *to, const struct sw_strlist *from)
{
	to->v = calloc(from->n + 1, sizeof(char *));
	if (!to->v)
		return false;
	for (; to->n < from->n; to->n++)
		if (!(to->v[to->n] = strdup(from->v[to->n])))
			return false;
	return true;
}

static struct pull *pull_new(struct sw_pulls *pulls, const char *path, const struct sw_conf_zone *z, const char *url)
{
	struct pull *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->owner = pulls;
	p->path = strdup(path);
	p->url = strdup(url);
	p->zone = strdup(z->name);
	p->digest = z->trust_digest ? strdup(z->trust_digest) : NULL;
	sw_buf_init(&p->anchors, ANCHOR_BYTES_MAX);
	sw_buf_init(&p->body, SW_PULLED_BYTES_MAX);
	sw_buf_init(&p->signature, SIGNATURE_BYTES_MAX);
	for (size_t i = 0; i < z->trust_pins.n && i < PINS_MAX; i++)
		p->n_pins += sw_pulled_pin(p->pins[p->n_pins], z->trust_pins.v[i]);
	if (p->path && p->url && p->zone && (p->digest || !z->trust_digest) && p->n_pins == z->trust_pins.n &&
	    copy_list(&p->bootstrap, &z->trust_bootstrap) && copy_list(&p->signers, &z->trust_signers))
		return p;
	pull_free(p);
	return NULL;
}

static void want(struct sw_pulls *pulls, const struct sw_conf *conf, const struct sw_conf_zone *z, const char *url)
{
	struct pull *p = NULL;
	char path[4096];

	if (sw_pulled_path(path, sizeof(path), conf, z, url) == SW_OK) {
		for (p = pulls->list; p && strcmp(p->path, path) != 0; p = p->next)
			;
		if (!p && (p = pull_new(pulls, path, z, url)))
			LL_PREPEND(pulls->list, p);
	}
	if (!p) {
		sw_log(SW_LOG_ERROR, "trust.not-fetched", SW_S("zone", z->name), SW_S("url", url), SW_S("detail", "out of memory"));
		return;
	}
	p->wanted = true;
	p->refresh = z->trust_refresh / 1000;
}

void sw_pulls_set(struct sw_pulls *pulls)
{
	const struct sw_conf *conf = pulls->edge->gen->conf;
	struct pull *p, *next;

	LL_FOREACH(pulls->list, p)
		p->wanted = false;
	for (size_t i = 0; i < conf->n_zones; i++)
		for (size_t k = 0; k < conf->zones[i].trust.n; k++)
			if (sw_conf_is_url(conf->zones[i].trust.v[k]))
				want(pulls, conf, &conf->zones[i], conf->zones[i].trust.v[k]);
	LL_FOREACH_SAFE(pulls->list, p, next)
		if (!p->wanted) {
			LL_DELETE(pulls->list, p);
			give_up(p);
		}
}

int sw_pulls_new(struct sw_pulls **out, struct sw_edge *e)
{
	struct sw_pulls *p = calloc(1, sizeof(*p));

	if (!p)
		return SW_ENOMEM;
	p->edge = e;
	*out = p;
	sw_pulls_set(p);
	return SW_OK;
}

void sw_pulls_free(struct sw_pulls *pulls)
{
	struct pull *p, *next;

	if (!pulls)
		return;
	LL_FOREACH_SAFE(pulls->list, p, next)
		give_up(p);
	free(pulls);
}

/* --- for the status --- */

void sw_pulls_json(const struct sw_pulls *pulls, struct sw_buf *out)
{
	int64_t now = time(NULL);
	const struct pull *p;

	sw_buf_str(out, ",\"trust\":[");
	LL_FOREACH(pulls->list, p) {
		sw_buf_str(out, p == pulls->list ? "{\"zone\":" : ",{\"zone\":");
		sw_buf_json_str(out, sw_str_of(p->zone));
		sw_buf_str(out, ",\"url\":");
		sw_buf_json_str(out, sw_str_of(p->url));
		sw_buf_printf(out, ",\"certificates\":%zu", p->certs);
		if (p->fetched)
			sw_buf_printf(out, ",\"sipward_trust_bundle_age_seconds\":%" PRId64, now - p->fetched);
		sw_buf_str(out, ",\"error\":");
		sw_buf_json_str(out, sw_str_of(p->error));
		sw_buf_str(out, "}");
	}
	sw_buf_str(out, "]");
}

void sw_pulls_text(const struct sw_pulls *pulls, int64_t now, struct sw_buf *out)
{
	const struct pull *p;

	if (pulls->list)
		sw_buf_str(out, "\nTrust lists that are fetched\n");
	LL_FOREACH(pulls->list, p) {
		if (p->fetched)
			sw_buf_printf(out, "  %-22s %zu certificates, %" PRId64 " s old  %s", p->zone, p->certs, now - p->fetched, p->url);
		else
			sw_buf_printf(out, "  %-22s NONE YET: its peers are refused  %s", p->zone, p->url);
		sw_buf_printf(out, "%s%s%s\n", p->error[0] ? "  (" : "", p->error, p->error[0] ? ")" : "");
	}
}
