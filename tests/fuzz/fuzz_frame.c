/* SPDX-License-Identifier: Apache-2.0 */
/* The framer: the first byte says how the rest is cut; messages must not depend on it. Where a keep-alive is cut does. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEEN_MAX = 64 };

struct seen {
	size_t n, len[SEEN_MAX];
	uint64_t hash[SEEN_MAX];
	enum sw_reason error;
};

static uint64_t hash(struct sw_str s)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * 1099511628211u;
	return h;
}

static void run(const uint8_t *data, size_t size, size_t step, struct seen *s)
{
	/* small, so that limits are met */
	const struct sw_frame_limits lim = { .start_line = 128, .header_bytes = 1024, .header_lines = 24, .line_bytes = 256,
					     .commas = 16, .body_bytes = 512 };
	struct sw_frame_out out;
	struct sw_frame f;

	*s = (struct seen){ .error = SW_R_OK };
	sw_frame_init(&f, &lim);
	for (size_t at = 0; at < size && s->error == SW_R_OK; at += step) {
		enum sw_frame_event ev;

		if (sw_frame_feed(&f, data + at, step < size - at ? step : size - at) < 0)
			break;
		while ((ev = sw_frame_next(&f, &out)) != SW_FRAME_MORE) {
			if (ev == SW_FRAME_ERROR) {
				s->error = out.error.reason;
				if (s->error == SW_R_OK || (out.head.n && memcmp(out.head.p + out.head.n - 2, "\r\n", 2)))
					abort();
				break;
			}
			if (ev != SW_FRAME_MESSAGE || s->n == SEEN_MAX)
				continue;
			if (out.head_len > out.message.n || memcmp(out.message.p + out.head_len - 4, "\r\n\r\n", 4) ||
			    memchr(out.message.p, '\0', out.head_len))
				abort();
			s->len[s->n] = out.message.n;
			s->hash[s->n++] = hash(out.message);
		}
	}
	sw_frame_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, cut;

	if (size < 2 || size > 65536)
		return 0;
	run(data + 1, size - 1, size - 1, &whole);
	run(data + 1, size - 1, data[0] ? data[0] : 1, &cut);
	if (whole.n != cut.n || whole.error != cut.error || memcmp(whole.len, cut.len, sizeof(cut.len)) ||
	    memcmp(whole.hash, cut.hash, sizeof(cut.hash)))
		abort();
	return 0;
}
