/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A line-preserving SDP editor (standards 5.1): what it does not have to change leaves byte for byte. Never sdp_parse: it can
 * loop without end (sofia-sip note 4). Pure. Slices point into the text, which must outlive the struct.
 */
#include "core/addr.h"
#include "core/buf.h"
#include "core/reason.h"

enum { SW_SDP_MEDIA_MAX = 16, SW_SDP_LINES_MAX = 2000, SW_SDP_BYTES_MAX = 65536 };

enum sw_sdp_proto {
	SW_SDP_RTP_AVP, SW_SDP_RTP_AVPF, SW_SDP_RTP_SAVP, SW_SDP_RTP_SAVPF, SW_SDP_DTLS_SAVP, SW_SDP_DTLS_SAVPF,
	SW_SDP_UDP_BFCP, SW_SDP_TCP_BFCP, SW_SDP_UDPTL, SW_SDP_OTHER,
};
enum sw_sdp_dir { SW_SDP_SENDRECV, SW_SDP_SENDONLY, SW_SDP_RECVONLY, SW_SDP_INACTIVE };

struct sw_sdp_media {
	struct sw_str kind;            /* "audio", "video", "application", "image", ... */
	enum sw_sdp_proto proto;
	struct sw_str proto_text, formats;
	uint16_t port;                 /* 0: rejected, unless bundle_only */
	bool relayed;                  /* RTP over UDP, or UDP/BFCP, UDPTL: takes a pinhole. Others leave with port 0 */
	bool pair;                     /* RTP: wants RTCP too */
	struct sw_addr remote;         /* effective c= with the port; family AF_UNSPEC when it is a host name */
	struct sw_addr remote_rtcp;    /* a=rtcp or port + 1; AF_UNSPEC when there is no such port or it is a host name */
	bool hold_address;             /* c=0.0.0.0 or :: */
	bool rtcp_mux, rtcp_mux_only, bundle_only, has_crypto, has_fingerprint, has_ice;  /* the last two: also by the session's */
	enum sw_sdp_dir dir;
	uint32_t kbps;                 /* b=AS/TIAS, 0: none */
};
struct sw_sdp {
	struct sw_str text;
	struct sw_sdp_media media[SW_SDP_MEDIA_MAX];
	size_t n_media;
	bool session_crypto, session_fingerprint;
	struct sw_sdp_line *lines;     /* private index */
	size_t n_lines;
};
/* SW_EPARSE with v (MEDIA_SDP, with line number and text), or SW_ENOMEM. */
int sw_sdp_parse(struct sw_sdp *s, struct sw_str text, struct sw_verdict *v) SW_MUSTCHECK;
void sw_sdp_free(struct sw_sdp *s);

struct sw_sdp_rewrite {
	/* What we advertise for each m-line, port included; AF_UNSPEC: port 0 (rejected or not relayed). */
	struct sw_addr local[SW_SDP_MEDIA_MAX];
	uint16_t local_rtcp[SW_SDP_MEDIA_MAX];        /* RTCP port; 0: RTP port + 1 */
};
/*
 * Writes the rewritten body: c=, m= port, a=rtcp; ICE attributes and BUNDLE groups removed (bundle = strip); everything else as
 * it came, order kept. m-lines that are not relayed get port 0; one that came with port 0 keeps it, bundle-only or not (RFC 9143
 * 7.2.1: without BUNDLE it is a rejected one). A c= that says hold stays as it is. SW_EINVALID for an address without a port.
 */
int sw_sdp_write(const struct sw_sdp *s, const struct sw_sdp_rewrite *r, struct sw_buf *out) SW_MUSTCHECK;
const char *sw_sdp_proto_name(enum sw_sdp_proto p);
