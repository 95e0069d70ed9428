/* SPDX-License-Identifier: Apache-2.0 */
#include "core/str.h"

#include <stdlib.h>
#include <strings.h>

bool sw_str_eq(struct sw_str a, struct sw_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool sw_str_ieq(struct sw_str a, struct sw_str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool sw_str_ends_ieq(struct sw_str s, struct sw_str tail)
{
	return s.n >= tail.n && sw_str_ieq((struct sw_str){ s.p + (s.n - tail.n), tail.n }, tail);
}

struct sw_str sw_str_trim(struct sw_str s)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

char *sw_str_dup(struct sw_str s)
{
	char *d = malloc(s.n + 1);

	if (!d)
		return NULL;
	if (s.n)
		memcpy(d, s.p, s.n);
	d[s.n] = '\0';
	return d;
}

bool sw_str_copy(char *dst, size_t size, struct sw_str s)
{
	size_t n = s.n < size ? s.n : size - 1;

	if (size == 0)
		return false;
	if (n)
		memcpy(dst, s.p, n);
	dst[n] = '\0';
	return n == s.n;
}

int sw_str_u32(struct sw_str s, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 10)
		return SW_EPARSE;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return SW_EPARSE;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	if (v > max)
		return SW_EPARSE;
	*out = (uint32_t)v;
	return SW_OK;
}

/* One place to go back to is enough: the last '*' decides, so the time is at most |pattern| * |s|. */
bool sw_str_glob(struct sw_str pattern, struct sw_str s, bool icase)
{
	size_t p = 0, i = 0, star = SIZE_MAX, from = 0;

	while (i < s.n) {
		char c = icase ? lower(s.p[i]) : s.p[i];

		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			from = i;
		} else if (p < pattern.n && (pattern.p[p] == '?' || (icase ? lower(pattern.p[p]) : pattern.p[p]) == c)) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

void sw_hex(char *dst, const void *src, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = src;

	for (size_t i = 0; i < n; i++) {
		*dst++ = digits[b[i] >> 4];
		*dst++ = digits[b[i] & 15];
	}
	*dst = '\0';
}

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t sw_b64url(char *dst, const void *src, size_t n)
{
	const uint8_t *b = src;
	char *o = dst;
	uint32_t acc = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < n; i++) {
		acc = (acc << 8) | b[i];
		for (bits += 8; bits >= 6; bits -= 6)
			*o++ = b64[(acc >> (bits - 6)) & 63];
	}
	if (bits)
		*o++ = b64[(acc << (6 - bits)) & 63];
	*o = '\0';
	return (size_t)(o - dst);
}

int sw_b64url_decode(void *dst, size_t size, struct sw_str s)
{
	uint8_t *o = dst;
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		const char *at = s.p[i] ? strchr(b64, s.p[i]) : NULL;

		if (!at)
			return SW_EPARSE;
		acc = (acc << 6) | (uint32_t)(at - b64);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			if (n == size)
				return SW_EPARSE;
			o[n++] = (uint8_t)(acc >> bits);
		}
	}
	if (bits >= 6 || (acc & ((1u << bits) - 1)))
		return SW_EPARSE;  /* a second spelling of the same bytes */
	return (int)n;
}
