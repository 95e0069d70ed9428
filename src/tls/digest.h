/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Digests that old protocols ask for (STUN, WebSocket): no identity rests on them. */
#include "core/str.h"

enum { SW_MD5_LEN = 16, SW_SHA1_LEN = 20, SW_SHA256_LEN = 32 };

/* 0, or SW_ECRYPTO: this OpenSSL does not have it (FIPS). */
int sw_digest_md5(uint8_t out[SW_MD5_LEN], struct sw_str s) SW_MUSTCHECK;
int sw_digest_sha1(uint8_t out[SW_SHA1_LEN], struct sw_str s) SW_MUSTCHECK;
int sw_digest_sha256(uint8_t out[SW_SHA256_LEN], struct sw_str s) SW_MUSTCHECK;
int sw_hmac_sha1(uint8_t out[SW_SHA1_LEN], struct sw_str key, struct sw_str s) SW_MUSTCHECK;
int sw_hmac_sha256(uint8_t out[SW_SHA256_LEN], struct sw_str key, struct sw_str s) SW_MUSTCHECK;
/* Same bytes? Takes the same time whatever they are. */
bool sw_digest_eq(const void *a, const void *b, size_t n);
