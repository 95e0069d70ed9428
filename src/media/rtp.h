/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a datagram is: RFC 7983 (first byte), RFC 3550, RFC 5761 (RTCP on the RTP port). Only the clear parts of the headers are
 * read, which are the same under SRTP; padding is not looked at, since SRTP encrypts its count.
 */
#include <stddef.h>
#include <stdint.h>

enum { SW_RTP_SIZE_MAX = 2048 };

enum sw_rtp_kind { SW_RTP_BAD, SW_RTP_RTP, SW_RTP_RTCP, SW_RTP_STUN, SW_RTP_DTLS, SW_RTP_OTHER };

/* The kind of port it came to. */
enum sw_rtp_port {
	SW_RTP_PORT_RTP,   /* version 2 is RTP, whatever its payload type */
	SW_RTP_PORT_MUX,   /* payload types 192..223 of the second byte are RTCP */
	SW_RTP_PORT_RTCP,  /* RTCP, STUN, DTLS; no RTP */
	SW_RTP_PORT_ANY,   /* a single port (BFCP, UDPTL): what isn't sound RTP is OTHER, not BAD */
};

struct sw_rtp_info {
	enum sw_rtp_kind kind;
	uint32_t ssrc;     /* RTP and RTCP */
	uint16_t seq;      /* RTP */
	uint8_t type;      /* RTP: payload type without marker; RTCP: packet type */
};

void sw_rtp_read(struct sw_rtp_info *i, const uint8_t *p, size_t n, enum sw_rtp_port port);
