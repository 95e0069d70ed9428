/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Slices: a pointer and a length into memory somebody else owns. A slice never
 * outlives its owner. Not NUL-terminated.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "core/error.h"

struct sw_str {
	const char *p;
	size_t n;
};

#define SW_STR(literal) ((struct sw_str){ (literal), sizeof(literal) - 1 })

static inline struct sw_str sw_str_of(const char *s)
{
	return (struct sw_str){ s, s ? strlen(s) : 0 };
}

bool sw_str_eq(struct sw_str a, struct sw_str b);      /* bytes */
bool sw_str_ieq(struct sw_str a, struct sw_str b);     /* ASCII, without case */
bool sw_str_ends_ieq(struct sw_str s, struct sw_str tail);
struct sw_str sw_str_trim(struct sw_str s);            /* ASCII space and tab off both ends */

/* A NUL-terminated copy the caller frees; NULL when out of memory. */
char *sw_str_dup(struct sw_str s) SW_MUSTCHECK;

/* Copies into dst[size] with a NUL; returns false when it had to cut. */
bool sw_str_copy(char *dst, size_t size, struct sw_str s);

/* A decimal number of 1..10 digits, no sign, at most max. SW_EPARSE otherwise. */
int sw_str_u32(struct sw_str s, uint32_t max, uint32_t *out) SW_MUSTCHECK;

/* Whole-string glob: '*' any run, '?' any one byte; without case when icase. Linear in practice, never exponential. */
bool sw_str_glob(struct sw_str pattern, struct sw_str s, bool icase);

/* Bytes as lower-case hex; dst holds 2n+1. */
void sw_hex(char *dst, const void *src, size_t n);

/* base64url without padding; dst holds at least (n*4+2)/3+1 bytes. Returns the length. */
size_t sw_b64url(char *dst, const void *src, size_t n);
/* The reverse; returns the number of bytes, or SW_EPARSE when it isn't canonical or exceeds size. */
int sw_b64url_decode(void *dst, size_t size, struct sw_str s) SW_MUSTCHECK;
