/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp.h"

#include <stdbool.h>

enum {
	RTP_HEADER = 12,
	RTCP_HEADER = 8,      /* header and SSRC: an empty receiver report, a BYE */
	STUN_HEADER = 20,
	DTLS_MIN = 12,
	RTCP_FIRST = 192, RTCP_LAST = 223,
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static size_t be16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

static bool read_rtp(struct sw_rtp_info *i, const uint8_t *p, size_t n)
{
	size_t head = RTP_HEADER + 4u * (p[0] & 15);

	if (n < RTP_HEADER || n < head)
		return false;
	if ((p[0] & 0x10) && (n < head + 4 || n < head + 4 + 4 * be16(p + head + 2)))
		return false;
	*i = (struct sw_rtp_info){ .kind = SW_RTP_RTP, .ssrc = be32(p + 8), .seq = (uint16_t)be16(p + 2), .type = p[1] & 0x7f };
	return true;
}

static bool read_rtcp(struct sw_rtp_info *i, const uint8_t *p, size_t n)
{
	if (n < RTCP_HEADER || p[1] < RTCP_FIRST || p[1] > RTCP_LAST || n < 4 * (be16(p + 2) + 1))
		return false;
	*i = (struct sw_rtp_info){ .kind = SW_RTP_RTCP, .ssrc = be32(p + 4), .type = p[1] };
	return true;
}

static bool is_stun(const uint8_t *p, size_t n)
{
	return n >= STUN_HEADER && be32(p + 4) == 0x2112a442 && be16(p + 2) % 4 == 0 && n >= STUN_HEADER + be16(p + 2);
}

static bool read_kind(struct sw_rtp_info *i, const uint8_t *p, size_t n, enum sw_rtp_port port)
{
	bool rtcp_range;

	if (n < 2)
		return false;
	if (p[0] <= 3 && is_stun(p, n)) {
		i->kind = SW_RTP_STUN;
		return true;
	}
	if (p[0] >= 20 && p[0] <= 63 && n >= DTLS_MIN) {
		i->kind = SW_RTP_DTLS;
		return true;
	}
	if (p[0] < 128 || p[0] > 191)
		return false;
	rtcp_range = p[1] >= RTCP_FIRST && p[1] <= RTCP_LAST;
	if (port == SW_RTP_PORT_RTCP || (port != SW_RTP_PORT_RTP && rtcp_range))
		return read_rtcp(i, p, n);
	return read_rtp(i, p, n);
}

void sw_rtp_read(struct sw_rtp_info *i, const uint8_t *p, size_t n, enum sw_rtp_port port)
{
	*i = (struct sw_rtp_info){ .kind = SW_RTP_BAD };
	if (n == 0 || n > SW_RTP_SIZE_MAX)
		return;
	if (!read_kind(i, p, n, port))
		i->kind = port == SW_RTP_PORT_ANY ? SW_RTP_OTHER : SW_RTP_BAD;
}
