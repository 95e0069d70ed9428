/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Private to sdp.c (which makes the index) and sdp_write.c (which walks it again). */
#include "sip/sdp.h"

enum sw_sdp_job { SW_SDP_JOB_KEEP, SW_SDP_JOB_DROP, SW_SDP_JOB_M, SW_SDP_JOB_C, SW_SDP_JOB_RTCP, SW_SDP_JOB_BLANK };
enum { SW_SDP_SESSION = -1 };

struct sw_sdp_line {
	uint32_t off;
	uint32_t len;             /* without its end */
	uint8_t eol;              /* 0 (last line only), 1: LF, 2: CRLF */
	char type;
	uint8_t job;
	bool verbatim;            /* c=, a=rtcp: a hold address, stays */
	bool has_addr;            /* a=rtcp: with an address */
	int16_t media;            /* index, or SW_SDP_SESSION */
	uint32_t port_off, port_len;   /* m=: within the line */
};

static inline struct sw_str sw_sdp_line_str(const struct sw_sdp *s, const struct sw_sdp_line *l)
{
	return (struct sw_str){ s->text.p + l->off, l->len };
}

static inline struct sw_str sw_sdp_tail(struct sw_str s, size_t from)
{
	return (struct sw_str){ from ? s.p + from : s.p, s.n - from };  /* an empty one may have no p */
}
