/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A growable byte buffer with a hard cap. The struct owns its memory; the
 * user calls sw_buf_free. Errors stick: after a failed append, sw_buf_error
 * tells, and later appends do nothing, so a writer checks once at the end.
 */
#include <stdarg.h>
#include "core/str.h"

struct sw_buf {
	char *data;
	size_t len;
	size_t size;
	size_t max;   /* 0: SW_BUF_DEFAULT_MAX */
	int error;
};

enum { SW_BUF_DEFAULT_MAX = 1 << 20 };

void sw_buf_init(struct sw_buf *b, size_t max);
void sw_buf_free(struct sw_buf *b);
void sw_buf_clear(struct sw_buf *b);                        /* keeps the memory, clears the error */
void sw_buf_put(struct sw_buf *b, const void *p, size_t n);
void sw_buf_str(struct sw_buf *b, const char *s);
void sw_buf_slice(struct sw_buf *b, struct sw_str s);
void sw_buf_printf(struct sw_buf *b, const char *fmt, ...) SW_PRINTF(2, 3);
void sw_buf_vprintf(struct sw_buf *b, const char *fmt, va_list ap) SW_PRINTF(2, 0);
/* Makes room for n more bytes and returns where they go, or NULL; then sw_buf_commit says how many came. */
char *sw_buf_reserve(struct sw_buf *b, size_t n) SW_MUSTCHECK;
void sw_buf_commit(struct sw_buf *b, size_t n);
void sw_buf_consume(struct sw_buf *b, size_t n);            /* drops n bytes from the front */
int sw_buf_error(const struct sw_buf *b) SW_MUSTCHECK;
static inline struct sw_str sw_buf_view(const struct sw_buf *b)
{
	return (struct sw_str){ b->data, b->len };
}
/* Appends s as a JSON string with its quotes; bytes that aren't UTF-8 become U+FFFD. */
void sw_buf_json_str(struct sw_buf *b, struct sw_str s);
