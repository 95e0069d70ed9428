/* SPDX-License-Identifier: Apache-2.0 */
/* What comes back for pre-flight's OPTIONS, from whoever listens there: cut into messages and read out. */
#include <stdlib.h>
#include <string.h>
#include "check/sip.h"
#include "sip/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sw_sip_ask ours = { .branch = "z9hG4bKours", .call_id = "ours" };

static void ends(const char *s, size_t size)
{
	if (!memchr(s, '\0', size))
		abort();
}
#define ENDS(a) ends(a, sizeof(a))

static void read_one(struct sw_str message)
{
	struct sw_sip_heard h;
	char why[200] = "";

	if (sw_sip_heard_read(&h, message, &ours, why) < 0) {
		ENDS(why);
		return;
	}
	ENDS(h.phrase);
	ENDS(h.server);
	ENDS(h.allow);
	ENDS(h.accept);
	ENDS(h.supported);
	ENDS(h.contact);
	ENDS(h.record_route);
	ENDS(h.date);
	ENDS(h.warning);
	ENDS(h.www);
	ENDS(h.contact_host);
	ENDS(h.received);
	if (h.rport < -1 || h.rport > 65535 || (h.ours && (h.status < 100 || h.status > 699)))
		abort();
	/* An answer is ours by both of its marks alone. */
	if (h.ours && (!memmem(message.p, message.n, ours.branch, strlen(ours.branch)) || !memmem(message.p, message.n, "ours", 4)))
		abort();
	if (!sw_sip_status_meaning(h.status)[0] || sw_sip_status_verdict(h.status) > SW_CHECK_FAIL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sw_frame f;
	struct sw_frame_out out;
	enum sw_frame_event ev;

	read_one((struct sw_str){ (const char *)data, size });
	sw_frame_init(&f, NULL);
	if (sw_frame_feed(&f, data, size) == SW_OK)
		while ((ev = sw_frame_next(&f, &out)) != SW_FRAME_MORE && ev != SW_FRAME_ERROR)
			if (ev == SW_FRAME_MESSAGE)
				read_one(out.message);
	sw_frame_free(&f);
	return 0;
}
