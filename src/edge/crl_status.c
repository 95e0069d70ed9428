/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator sees of CRLs: those fetched, and those from files, zone by zone. */
#include <inttypes.h>
#include <time.h>

#include "core/date.h"
#include "edge/crl.h"

struct writer {
	struct sw_buf *out;
	const char *zone;            /* of a CRL from a file; NULL: fetched */
	int64_t now;
	size_t n;
};

static void each(const struct sw_edge *e, sw_crl_info_fn *fn, struct writer *w)
{
	const struct sw_generation *g = e->gen;

	sw_crls_each(e->crls, fn, w);
	for (size_t z = 0; z < g->conf->n_zones; z++) {
		w->zone = g->conf->zones[z].name;
		sw_trust_each_crl(g->trust[z], fn, w);
	}
}

static void count(void *arg, const struct sw_crl_info *i)
{
	struct writer *w = arg;

	(void)i;
	w->n++;
}

static void write_text(void *arg, const struct sw_crl_info *i)
{
	struct writer *w = arg;
	char until[32];

	sw_buf_printf(w->out, "  %s: ", i->issuer);
	if (!i->present)
		sw_buf_str(w->out, "none");
	else if (i->next_update && i->next_update < w->now)
		sw_buf_printf(w->out, "OUT OF DATE since %s", sw_date_or_never(i->next_update, until));
	else
		sw_buf_printf(w->out, "good until %s", sw_date_or_never(i->next_update, until));
	if (w->zone) {
		sw_buf_printf(w->out, "; from a file of zone %s\n", w->zone);
		return;
	}
	sw_buf_printf(w->out, "; %s, ", i->url);
	if (i->failing)
		sw_buf_printf(w->out, "failed %" PRId64 " s ago (%s), ", w->now - i->tried, i->fault);
	else if (i->fetched)
		sw_buf_printf(w->out, "fetched %" PRId64 " s ago, ", w->now - i->fetched);
	sw_buf_printf(w->out, "next in %" PRId64 " s\n", i->due > w->now ? i->due - w->now : 0);
}

void sw_crl_status_text(const struct sw_edge *e, struct sw_buf *out)
{
	struct writer w = { .out = out, .now = time(NULL) };

	each(e, count, &w);
	if (w.n == 0)
		return;
	sw_buf_printf(out, "\nCRLs: %zu\n", w.n);
	w.zone = NULL;
	each(e, write_text, &w);
}

static void key_text(struct sw_buf *out, const char *key, const char *value)
{
	sw_buf_printf(out, "\"%s\":", key);
	sw_buf_json_str(out, sw_str_of(value));
	sw_buf_str(out, ",");
}

static void write_json(void *arg, const struct sw_crl_info *i)
{
	struct writer *w = arg;

	sw_buf_str(w->out, w->n++ ? ",{" : "{");
	key_text(w->out, "issuer", i->issuer);
	key_text(w->out, w->zone ? "zone" : "url", w->zone ? w->zone : i->url);
	sw_buf_printf(w->out, "\"present\":%s", i->present ? "true" : "false");
	if (i->present)
		sw_buf_printf(w->out, ",\"sipward_crl_this_update_timestamp_seconds\":%" PRId64 ",\"sipward_crl_age_seconds\":%" PRId64,
			      i->this_update, w->now - i->this_update);
	if (i->next_update)
		sw_buf_printf(w->out, ",\"sipward_crl_next_update_timestamp_seconds\":%" PRId64, i->next_update);
	if (!w->zone) {
		sw_buf_printf(w->out, ",\"sipward_crl_last_fetch_successful\":%d,\"sipward_crl_last_fetch_success_timestamp_seconds\":%" PRId64
			      ",\"last_try_timestamp_seconds\":%" PRId64 ",\"next_try_timestamp_seconds\":%" PRId64 ",",
			      i->fetched && !i->failing, i->fetched, i->tried, i->due);
		sw_buf_str(w->out, "\"detail\":");
		sw_buf_json_str(w->out, sw_str_of(i->fault));
	}
	sw_buf_str(w->out, "}");
}

void sw_crl_status_json(const struct sw_edge *e, struct sw_buf *out)
{
	struct writer w = { .out = out, .now = time(NULL) };

	sw_buf_str(out, ",\"crls\":[");
	each(e, write_json, &w);
	sw_buf_str(out, "]");
}
