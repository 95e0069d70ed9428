/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One value of the configuration: from what is written to the struct, and back. Private to src/conf. */
#include "conf/schema.h"

enum { SW_CONF_TEXT_MAX = 64, SW_CONF_ERROR_MAX = 400 };

struct sw_conf_value {
	enum { SW_CONF_IS_TEXT, SW_CONF_IS_NUMBER, SW_CONF_IS_BOOL, SW_CONF_IS_OTHER } is;
	const char *text;      /* borrowed */
	long long number;
	bool boolean;
};

/*
 * Writes the scalar (or the list's element: what a strlist element, an
 * address, a prefix, a server or a set's word is stored in) to at; at2 is for
 * port ranges. SW_ECONF with the reason in error, or SW_ENOMEM. Relative paths
 * are taken from dir.
 */
int sw_conf_value_parse(const struct sw_conf_key *k, const struct sw_conf_value *v, const char *dir,
			void *at, void *at2, char error[SW_CONF_ERROR_MAX]) SW_MUSTCHECK;
/* The value a default's text stands for. */
struct sw_conf_value sw_conf_value_of_default(const struct sw_conf_key *k, const char *text);

/* Appends the scalar as it would be written. */
void sw_conf_value_print(const struct sw_conf_key *k, const void *at, const void *at2, struct sw_buf *out);
void sw_conf_print_quoted(const char *s, struct sw_buf *out);
/* A number of this type: "30s", "256KiB", "5062". Returns dst. */
const char *sw_conf_number_text(enum sw_conf_type t, uint64_t n, char dst[SW_CONF_TEXT_MAX]);
