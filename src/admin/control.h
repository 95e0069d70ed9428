/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The control socket (SOCK_STREAM, unix, mode 0660): one request line, one reply, end.
 *
 *   request:  "status json\n"              words separated by one space, at most 1024 bytes
 *   reply:    "<exit status>\n<text>"      then the daemon closes
 *
 * Knows nothing of what the commands mean: a handler is called with the words and answers now or later, by id.
 */
#include "core/buf.h"
#include "core/id.h"
#include "core/loop.h"

struct sw_control;

enum { SW_CONTROL_WORDS_MAX = 8, SW_CONTROL_LINE_MAX = 1024, SW_CONTROL_CLIENTS_MAX = 32 };

/* words[n] are NUL-terminated and borrowed. Answers with sw_control_reply, once, from within or later. */
typedef void sw_control_fn(void *arg, sw_id request, const char *const *words, size_t n);

/* Binds path (an old socket nobody listens on is replaced; one that answers, or what is no socket, is SW_EEXISTS), mode 0660. */
int sw_control_new(struct sw_control **out, struct sw_loop *l, const char *path, sw_control_fn *fn, void *arg) SW_MUSTCHECK;
void sw_control_free(struct sw_control *c);        /* open clients are cut; the path is unlinked */
/* text is copied. A client that is gone is the normal case. A client that does not take its reply within 10 s is cut. */
void sw_control_reply(struct sw_control *c, sw_id request, int status, struct sw_str text);

/* The operator's side, blocking: sends the line, reads the reply to its end, at most timeout_ms. *status and out on success. SW_ECLOSED: nobody listens there. */
int sw_control_ask(const char *path, const char *line, unsigned timeout_ms, int *status, struct sw_buf *out) SW_MUSTCHECK;
