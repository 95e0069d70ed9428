/* SPDX-License-Identifier: Apache-2.0 */
/* Records between the edge and the media process: what passes the check converts, and converts back to the same record. */
#include <stdlib.h>
#include <string.h>

#include "media/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void from_edge(const struct sw_media_msg *m)
{
	struct sw_media_msg back;
	struct sw_media_remote r;
	struct sw_media_open o;

	if (m->head.type == SW_MEDIA_MSG_OPEN) {
		sw_media_get_open(&o, m);
		must(o.interface[0] < SW_MEDIA_ADDRESSES && o.interface[1] < SW_MEDIA_ADDRESSES);
		sw_media_put_open(&back, &o);
		must(!memcmp(&back.open, &m->open, sizeof(m->open)));
	} else if (m->head.type == SW_MEDIA_MSG_CONNECT) {
		sw_media_get_connect(&r, m);
		must(r.side <= SW_SIDE_B && r.latch <= SW_LATCH_ANY);
		must(!r.send || (sw_addr_port(&r.rtp) && !sw_addr_is_any(&r.rtp) && !sw_addr_is_multicast(&r.rtp)));
		sw_media_put_connect(&back, &r);
		must(!memcmp(&back.connect, &m->connect, sizeof(m->connect)));
	}
}

static void from_media(const struct sw_media_msg *m)
{
	struct sw_media_stats st;
	struct sw_media_msg back;

	if (m->head.type == SW_MEDIA_MSG_STATS) {
		sw_media_get_stats(&st, m);
		sw_media_put_stats(&back, &st);
		must(!memcmp(&back.stats, &m->stats, sizeof(m->stats)));
	} else if (m->head.type == SW_MEDIA_MSG_EVENT) {
		must(m->event.event <= SW_MEDIA_CLOSED_IDLE);
		sw_media_get_stats(&st, m);
		sw_media_put_event(&back, (enum sw_media_event)m->event.event, &st);
		must(!memcmp(&back.event, &m->event, sizeof(m->event)));
	} else if (m->head.type == SW_MEDIA_MSG_END) {
		must(m->end.n <= SW_MEDIA_CALL_STREAMS);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sw_media_msg m;

	memset(&m, 0xa5, sizeof(m));
	memcpy(&m, data, size < sizeof(m) ? size : sizeof(m));
	if (sw_media_msg_check(&m, size, true) == SW_OK)
		from_edge(&m);
	if (sw_media_msg_check(&m, size, false) == SW_OK)
		from_media(&m);
	return 0;
}
