/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator sees of OCSP: how many certificates were asked about, and those whose responder fails. */
#include <inttypes.h>
#include <time.h>

#include "edge/ocsp.h"

enum { SHOWN_MAX = 16 };             /* a responder that is down fails for all of its certificates */

struct summary {
	struct sw_buf *out;
	int64_t now;
	size_t all, by_status[SW_OCSP_REVOKED + 1], failing;
	size_t shown;
};

static void count(void *arg, const struct sw_ocsp_info *i)
{
	struct summary *s = arg;

	s->all++;
	s->by_status[i->status]++;
	s->failing += i->failing;
}

static void write_text(void *arg, const struct sw_ocsp_info *i)
{
	struct summary *s = arg;

	if (!i->failing || s->shown++ >= SHOWN_MAX)
		return;
	sw_buf_printf(s->out, "  %s: %s, failed %" PRId64 " s ago (%s), next in %" PRId64 " s; %s\n", i->subject, i->url, s->now - i->tried,
		      i->fault, i->due > s->now ? i->due - s->now : 0,
		      i->status == SW_OCSP_GOOD ? "the last answer still serves" : "no answer serves");
}

void sw_ocsp_status_text(const struct sw_edge *e, struct sw_buf *out)
{
	struct summary s = { .out = out, .now = time(NULL) };

	sw_ocsps_each(e->ocsps, s.now, count, &s);
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

	if (!i->failing || s->shown >= SHOWN_MAX)
		return;
	sw_buf_str(s->out, s->shown++ ? ",{\"subject\":" : "{\"subject\":");
	sw_buf_json_str(s->out, sw_str_of(i->subject));
	sw_buf_str(s->out, ",\"url\":");
	sw_buf_json_str(s->out, sw_str_of(i->url));
	sw_buf_str(s->out, ",\"detail\":");
	sw_buf_json_str(s->out, sw_str_of(i->fault));
	sw_buf_printf(s->out, ",\"last_try_timestamp_seconds\":%" PRId64 ",\"next_try_timestamp_seconds\":%" PRId64 "}", i->tried, i->due);
}

void sw_ocsp_status_json(const struct sw_edge *e, struct sw_buf *out)
{
	struct summary s = { .out = out, .now = time(NULL) };

	sw_ocsps_each(e->ocsps, s.now, count, &s);
	sw_buf_printf(out, ",\"ocsp\":{\"good\":%zu,\"revoked\":%zu,\"unknown\":%zu,\"failing\":%zu,\"failures\":[", s.by_status[SW_OCSP_GOOD],
		      s.by_status[SW_OCSP_REVOKED], s.by_status[SW_OCSP_UNKNOWN], s.failing);
	sw_ocsps_each(e->ocsps, s.now, write_json, &s);
	sw_buf_str(out, "]}");
}
