/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Bytes of a stream -> whole messages (standards 4.1; sofia-sip note 1). One resumable pass: the result does not depend on
 * how the bytes were cut. Owns its buffer. Rejects NUL, bare CR or LF, folded start line, missing, repeated or malformed
 * Content-Length, and everything above the limits, before Sofia sees a byte.
 *
 * Keep-alives (RFC 5626 3.5.1) have no length of their own, so they are told apart by what is there when sw_frame_next
 * looks: CRLFCRLF is a ping; a CRLF followed by anything else, or by nothing, is a pong. A ping cut exactly in its middle
 * shows as two pongs: over TLS its four bytes are one record. CRLFs before a start line (RFC 3261 7.5) are reported the same
 * way and do no harm.
 */
#include "core/buf.h"
#include "core/reason.h"

struct sw_frame_limits {
	uint32_t start_line, header_bytes, header_lines, line_bytes, commas, body_bytes;
};
extern const struct sw_frame_limits sw_frame_defaults;   /* 8 KiB, 32 KiB, 256, 16 KiB, 256, 256 KiB */

enum sw_frame_event {
	SW_FRAME_MORE,      /* nothing whole yet */
	SW_FRAME_MESSAGE,   /* out->message is one whole message, valid until the next call */
	SW_FRAME_PING,      /* CRLFCRLF between messages */
	SW_FRAME_PONG,      /* CRLF between messages */
	SW_FRAME_ERROR,     /* out->error; the stream can't be trusted any more: answer if headers allow, and close */
};
struct sw_frame {
	struct sw_buf in;
	struct sw_frame_limits limits;
	/* private state of the scan follows */
	size_t scan, line_start, head_end, body_len, consumed;
	size_t start_len;              /* of the start line with its CRLF */
	uint32_t lines, commas;
	int state;
	bool have_length;
	bool eol;                      /* scan is at the first byte of a line */
	enum sw_reason fault;          /* of Content-Length, told when the header block is whole; or what ended the stream */
};
struct sw_frame_out {
	struct sw_str message;
	size_t head_len;               /* start line, headers and the empty line */
	struct sw_verdict error;       /* MSG_GARBAGE, MSG_TOO_LARGE, MSG_NO_LENGTH, MSG_SYNTAX */
	struct sw_str head;            /* on error: what of the header block is whole (may be empty), for a 400 or 413 */
};
void sw_frame_init(struct sw_frame *f, const struct sw_frame_limits *limits);
void sw_frame_free(struct sw_frame *f);
/* Takes n bytes in (copies them). SW_ELIMIT, SW_ENOMEM; SW_ECLOSED after SW_FRAME_ERROR. Ends what sw_frame_next handed out. */
int sw_frame_feed(struct sw_frame *f, const void *p, size_t n) SW_MUSTCHECK;
enum sw_frame_event sw_frame_next(struct sw_frame *f, struct sw_frame_out *out);
bool sw_frame_partial(const struct sw_frame *f);   /* is there part of a message? */
