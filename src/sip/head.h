/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The text of one message's header block, line by line and value by value: where things are, not what they mean. Everything
 * that is forwarded, echoed or cut out is cut along these lines, so that what leaves is what came. Grammar is judged
 * elsewhere (grammar.c), which also refuses a message where this view and Sofia's differ in how many values there are.
 *
 * Private to src/sip. Slices point into the text, which must outlive them.
 */
#include "core/str.h"

enum sw_hdr {
	SW_HDR_OTHER,
	SW_HDR_BAD,             /* no colon, or no token before it */
	SW_HDR_VIA, SW_HDR_ROUTE, SW_HDR_RECORD_ROUTE, SW_HDR_MAX_FORWARDS, SW_HDR_PROXY_REQUIRE,
	SW_HDR_FROM, SW_HDR_TO, SW_HDR_CALL_ID, SW_HDR_CSEQ, SW_HDR_CONTACT, SW_HDR_TIMESTAMP, SW_HDR_RETRY_AFTER, SW_HDR_PRIVACY,
	SW_HDR_CONTENT_LENGTH, SW_HDR_CONTENT_TYPE, SW_HDR_CONTENT_ENCODING, SW_HDR_CONTENT_DISPOSITION, SW_HDR_CONTENT_LANGUAGE,
	SW_HDR_PAI, SW_HDR_PPI, SW_HDR_RPID, SW_HDR_DIVERSION, SW_HDR_REFERRED_BY, SW_HDR_HISTORY_INFO,
	SW_HDR_P_OTHER,         /* P-Charging-*, P-Access-Network-Info */
	SW_HDR_COUNT
};
struct sw_line {
	enum sw_hdr id;
	struct sw_str name;     /* as written, compact or not */
	struct sw_str value;    /* white space and folds off both ends; folds within stay */
	struct sw_str whole;    /* with its CRLF */
};
struct sw_head {
	struct sw_str start;    /* the start line without CRLF */
	struct sw_line *lines;  /* owned */
	size_t n;
	size_t len;             /* bytes up to the body */
	bool whole;             /* the empty line is there */
	uint16_t count[SW_HDR_COUNT];
};
enum { SW_HEAD_LINES_MAX = 2048, SW_HEAD_COMMAS_MAX = 1024, SW_HEAD_BYTES_MAX = 128 << 10 };

/* SW_EPARSE with a word of why: control bytes, no start line, a line cut short, above the limits. SW_ENOMEM. */
int sw_head_index(struct sw_head *h, struct sw_str text, const char **why) SW_MUSTCHECK;
void sw_head_free(struct sw_head *h);
const struct sw_line *sw_head_find(const struct sw_head *h, enum sw_hdr id);               /* the first, or NULL */
const struct sw_line *sw_head_by_name(const struct sw_head *h, struct sw_str full_name);   /* compact forms found too */

/* Parts of one logical header line (with or without its CRLF). The name is empty when there is none. */
struct sw_str sw_line_name(struct sw_str line);
struct sw_str sw_line_value(struct sw_str line);
bool sw_line_is(const struct sw_line *l, struct sw_str full_name);

bool sw_is_token_char(char c);
bool sw_is_token(struct sw_str s);
bool sw_is_uri_text(struct sw_str s);     /* not empty; no blanks, controls, <, > or quotes */
struct sw_str sw_trim(struct sw_str s);   /* space, tab, CR, LF */

/* The values of a comma list: quoted strings, <> and (where comments) () are opaque; empty ones are skipped. */
struct sw_values {
	struct sw_str rest;
	bool comments;
	bool bad;               /* a quote, < or ( that doesn't end */
};
bool sw_values_next(struct sw_values *w, struct sw_str *out);

/* The pieces of "base;a=b;c (comment)": the base first, then each parameter with its ';', a comment with its '('. */
struct sw_piece {
	struct sw_str text;     /* joined, the pieces are the whole */
	struct sw_str name, value;   /* of a parameter; empty otherwise */
};
bool sw_piece_next(struct sw_str *rest, struct sw_piece *out);

/* name-addr or addr-spec: false when it is neither, or ambiguous. */
struct sw_name_addr {
	struct sw_str display;  /* as written, with its quotes; empty: none */
	struct sw_str uri;      /* without <> */
	struct sw_str params;   /* from the ';' behind, or empty */
	bool brackets;
};
bool sw_name_addr_read(struct sw_str value, struct sw_name_addr *out);
