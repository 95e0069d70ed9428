/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Shared by grammar.c and grammar_read.c only. Without Sofia's headers, so that no other file gets them by accident. */
#include "sip/msg_int.h"

/* url is a url_t: are host and port as they must be, and as they are written? */
bool sw_url_good(const void *url, struct sw_str text);
/* NULL: 0; false when it is none. */
bool sw_port_read(const char *port, uint16_t *out);
/* Fills m->facts and m->unsupported, in Sofia's home. SW_EPARSE: a Proxy-Require that is no list of tokens. */
int sw_grammar_facts(struct sw_msg *m) SW_MUSTCHECK;
