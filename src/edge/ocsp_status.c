/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator sees of OCSP: our staples, how many clients' certificates were asked about, and those whose responder fails. */
#include <inttypes.h>
#include <time.h>

#include "core/date.h"
#include "edge/ocsp.h"

enum { SHOWN_MAX = 16 };             /* a responder that is down fails for all of its certificates */

struct summary {
	struct sw_buf *out;
	int64_t now;
	size_t all, by_status[SW_OCSP_REVOKED + 1], failing;
	size_t shown, own;
};

static void count(void *arg, const struct sw_ocsp_info *i)
{
	struct summary *s = arg;

	if (i->own) {
		s->own++;
		return;
	}
	s->all++;
	s->by_status[i->status]++;
	s->failing += i->failing;
}

static void write_text(void *arg, const struct sw_ocsp_info *i)
{
	struct summary *s = arg;

	if (i->own || !i->failing || s->shown++ >= SHOWN_MAX)
		return;
	sw_buf_printf(s->out, "  %s: %s, failed %" PRId64 " s ago (%s), next in %" PRId64 " s; %s\n", i->subject, i->url, s->now - i->tried,
		      i->fault, i->due > s->now ? i->due - s->now : 0,
		      i->status == SW_OCSP_GOOD ? "the last answer still serves" : "no answer serves");
}

static void own_text(void *arg, const struct sw_ocsp_info *i)
{
	struct summary *s = arg;
	char until[32];

	if (!i->own)
		return;
	sw_buf_printf(s->out, "  %s: ", i->subject);
	if (i->stapled)
		sw_buf_printf(s->out, "stapled until %s", sw_date_or_never(i->until, until));
	else
		sw_buf_str(s->out, i->status == SW_OCSP_REVOKED ? "REVOKED, nothing is stapled" : "NOTHING is stapled");
	sw_buf_printf(s->out, "; %s", i->url);
	if (i->failing)
		sw_buf_printf(s->out, ", failed %" PRId64 " s ago (%s)", s->now - i->tried, i->fault);
	sw_buf_printf(s->out, ", next in %" PRId64 " s\n", i->due > s->now ? i->due - s->now : 0);
}

void sw_ocsp_status_text(const struct sw_edge *e, struct sw_buf *out)
{
	struct summary s = { .out = out, .now = time(NULL) };

	sw_ocsps_each(e->ocsps, s.now, count, &s);
	if (s.own) {
		sw_buf_printf(out, "\nOCSP staples of ours: %zu\n", s.own);
		sw_ocsps_each(e->ocsps, s.now, own_text, &s);
	}
	if (s.all == 0)
		return;
	sw_buf_printf(out, "\nOCSP: %zu certificates, %zu good, %zu revoked, %zu unknown\n", s.all, s.by_status[SW_OCSP_GOOD],
		      s.by_status[SW_OCSP_REVOKED], s.by_status[SW_OCSP_UNKNOWN]);
	sw_ocsps_each(e->ocsps, s.now, write_text, &s);
	if (s.shown > SHOWN_MAX)
		sw_buf_printf(out, "  and %zu more\n", s.shown - SHOWN_MAX);
}

static void write_json(void *arg, const struct sw_ocsp_info *i)
{
	struct summary *s = arg;

	if (i->own || !i->failing || s->shown >= SHOWN_MAX)
		return;
	sw_buf_str(s->out, s->shown++ ? ",{\"subject\":" : "{\"subject\":");
	sw_buf_json_str(s->out, sw_str_of(i->subject));
	sw_buf_str(s->out, ",\"url\":");
	sw_buf_json_str(s->out, sw_str_of(i->url));
	sw_buf_str(s->out, ",\"detail\":");
	sw_buf_json_str(s->out, sw_str_of(i->fault));
	sw_buf_printf(s->out, ",\"last_try_timestamp_seconds\":%" PRId64 ",\"next_try_timestamp_seconds\":%" PRId64 "}", i->tried, i->due);
}

static void own_json(void *arg, const struct sw_ocsp_info *i)
{
	static const char *const words[] = { [SW_OCSP_UNKNOWN] = "unknown", [SW_OCSP_GOOD] = "good", [SW_OCSP_REVOKED] = "revoked" };
	struct summary *s = arg;

	if (!i->own)
		return;
	sw_buf_str(s->out, s->shown++ ? ",{\"subject\":" : "{\"subject\":");
	sw_buf_json_str(s->out, sw_str_of(i->subject));
	sw_buf_str(s->out, ",\"url\":");
	sw_buf_json_str(s->out, sw_str_of(i->url));
	sw_buf_printf(s->out, ",\"status\":\"%s\",\"sipward_ocsp_staple_served\":%d,\"sipward_ocsp_staple_last_fetch_successful\":%d"
		      ",\"sipward_ocsp_staple_last_fetch_success_timestamp_seconds\":%" PRId64, words[i->status], i->stapled,
		      i->fetched && !i->failing, i->fetched);
	if (i->until)
		sw_buf_printf(s->out, ",\"sipward_ocsp_staple_this_update_timestamp_seconds\":%" PRId64
			      ",\"sipward_ocsp_staple_next_update_timestamp_seconds\":%" PRId64 ",\"sipward_ocsp_staple_age_seconds\":%" PRId64,
			      i->since, i->until, s->now - i->since);
	sw_buf_printf(s->out, ",\"last_try_timestamp_seconds\":%" PRId64 ",\"next_try_timestamp_seconds\":%" PRId64 ",\"detail\":", i->tried, i->due);
	sw_buf_json_str(s->out, sw_str_of(i->fault));
	sw_buf_str(s->out, "}");
}

void sw_ocsp_status_json(const struct sw_edge *e, struct sw_buf *out)
{
	struct summary s = { .out = out, .now = time(NULL) };

	sw_ocsps_each(e->ocsps, s.now, count, &s);
	sw_buf_printf(out, ",\"ocsp\":{\"good\":%zu,\"revoked\":%zu,\"unknown\":%zu,\"failing\":%zu,\"failures\":[", s.by_status[SW_OCSP_GOOD],
		      s.by_status[SW_OCSP_REVOKED], s.by_status[SW_OCSP_UNKNOWN], s.failing);
	sw_ocsps_each(e->ocsps, s.now, write_json, &s);
	sw_buf_str(out, "]},\"ocsp_staples\":[");
	s.shown = 0;
	sw_ocsps_each(e->ocsps, s.now, own_json, &s);
	sw_buf_str(out, "]");
}
