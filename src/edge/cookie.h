/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The parameter ";c=" in our Record-Route URI: an opaque, authenticated reference to a call. In-dialog requests find their call by
 * it; one that was not made here, or was altered, does not verify.
 */
#include "core/id.h"
#include "core/str.h"

enum { SW_COOKIE_KEY = 32, SW_COOKIE_TEXT = 40 };

void sw_cookie_make(char out[SW_COOKIE_TEXT], const uint8_t key[SW_COOKIE_KEY], sw_id call);
int sw_cookie_open(struct sw_str text, const uint8_t key[SW_COOKIE_KEY], sw_id *call) SW_MUSTCHECK;  /* SW_EPARSE: not ours */
