/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Private to src/sip: what grammar.c, msg.c, msg_write.c and msg_reply.c share.
 *
 * A message is its text, an index of the text (head.h), and what Sofia made of the few headers whose grammar matters here.
 * Sofia is shown only those lines; nothing it prints ever leaves. So what is forwarded is the text itself, and headers
 * nobody here reads can't hurt its parsers.
 */
#include "core/buf.h"
#include "sip/head.h"
#include "sip/msg.h"

struct msg_s;
struct sip_s;

struct sw_msg {
	struct msg_s *sofia;             /* owned; its home holds what Sofia's slices point to, and facts */
	struct sip_s *sip;
	struct sw_head head;             /* owned index of text */
	struct sw_request_facts *facts;  /* requests that passed */
	bool request;
	bool passed;                     /* false: good for a reply only */
	enum sw_method method;
	struct sw_str method_text;
	struct sw_str ruri;              /* as written */
	struct sw_str phrase;
	int status, max_forwards;
	uint32_t cseq;
	struct sw_str call_id, from_tag, to_tag;
	bool to_has_tag;                 /* also when it is empty */
	struct sw_str unsupported;
	size_t n;
	char text[];
};

enum sw_method sw_method_of(struct sw_str text);
/* "4711 INVITE": SW_EPARSE when it isn't, or the number is 2^31 or more. */
int sw_cseq_parse(struct sw_str value, uint32_t *number, struct sw_str *method) SW_MUSTCHECK;
/* May this go into a header line as it is? NULL may. */
bool sw_is_clean(const char *s);
/* A whole header line without CRLF, "Name: value". */
bool sw_is_header_line(const char *s);
/* Value i (0: first) over all lines of a comma-list header; empty when there are fewer. */
struct sw_str sw_nth_value(const struct sw_head *h, enum sw_hdr id, size_t i);
/* How many values there are; -1 when a line is malformed. */
int sw_count_values(const struct sw_head *h, enum sw_hdr id);
/*
 * The first Via value of a line with received and rport as asked (received NULL: leave, or drop it; rport -1: leave), then
 * the line's rest.
 */
void sw_write_top_via(struct sw_buf *out, const struct sw_line *l, const char *received, bool remove_received, int rport);
