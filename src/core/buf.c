/* SPDX-License-Identifier: Apache-2.0 */
#include "core/buf.h"

#include <stdio.h>
#include <stdlib.h>

void sw_buf_init(struct sw_buf *b, size_t max)
{
	*b = (struct sw_buf){ .max = max };
}

void sw_buf_free(struct sw_buf *b)
{
	free(b->data);
	*b = (struct sw_buf){ .max = b->max };
}

void sw_buf_clear(struct sw_buf *b)
{
	b->len = 0;
	b->error = SW_OK;
}

char *sw_buf_reserve(struct sw_buf *b, size_t n)
{
	size_t max = b->max ? b->max : SW_BUF_DEFAULT_MAX;

	if (b->error)
		return NULL;
	if (n > max || b->len > max - n) {
		b->error = SW_ELIMIT;
		return NULL;
	}
	if (b->len + n > b->size) {
		size_t size = b->size ? b->size : 256;
		char *data;

		while (size < b->len + n)
			size *= 2;
		data = realloc(b->data, size);
		if (!data) {
			b->error = SW_ENOMEM;
			return NULL;
		}
		b->data = data;
		b->size = size;
	}
	return b->data + b->len;
}

void sw_buf_commit(struct sw_buf *b, size_t n)
{
	b->len += n;
}

void sw_buf_put(struct sw_buf *b, const void *p, size_t n)
{
	char *at = n ? sw_buf_reserve(b, n) : NULL;

	if (at) {
		memcpy(at, p, n);
		b->len += n;
	}
}

void sw_buf_str(struct sw_buf *b, const char *s)
{
	sw_buf_put(b, s, strlen(s));
}

void sw_buf_slice(struct sw_buf *b, struct sw_str s)
{
	sw_buf_put(b, s.p, s.n);
}

void sw_buf_vprintf(struct sw_buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;
	char *at;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0) {
		b->error = b->error ? b->error : SW_EINVALID;
		return;
	}
	at = sw_buf_reserve(b, (size_t)n + 1);
	if (at) {
		vsnprintf(at, (size_t)n + 1, fmt, ap);
		b->len += (size_t)n;
	}
}

void sw_buf_printf(struct sw_buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	sw_buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void sw_buf_consume(struct sw_buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
	} else if (n) {
		memmove(b->data, b->data + n, b->len - n);
		b->len -= n;
	}
}

int sw_buf_error(const struct sw_buf *b)
{
	return b->error;
}

/* Length of the well-formed UTF-8 sequence at s (RFC 3629), 0 when there is none. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

void sw_buf_json_str(struct sw_buf *b, struct sw_str s)
{
	sw_buf_put(b, "\"", 1);
	for (size_t i = 0; i < s.n;) {
		unsigned char c = (unsigned char)s.p[i];
		size_t len = utf8_len((const unsigned char *)s.p + i, s.n - i);

		if (len == 0) {
			sw_buf_str(b, "\\ufffd");
			len = 1;
		} else if (c == '"' || c == '\\') {
			sw_buf_printf(b, "\\%c", c);
		} else if (c < 0x20 || c == 0x7f) {
			sw_buf_printf(b, "\\u%04x", c);
		} else {
			sw_buf_put(b, s.p + i, len);
		}
		i += len;
	}
	sw_buf_put(b, "\"", 1);
}
