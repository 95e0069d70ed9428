/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the tables of a schema are written with: STRUCT names the struct a table describes. Private to src/conf. */
#include "conf/schema.h"

#define KEY(n, t, member, d, text, ...) \
	{ .name = (n), .type = (t), .at = offsetof(struct STRUCT, member), .def = (d), .doc = (text), __VA_ARGS__ }
#define AT2(member) .at2 = offsetof(struct STRUCT, member)
#define RANGE(lo, hi) .min = (lo), .max = (hi)
#define END { .name = NULL }
