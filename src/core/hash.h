/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * uthash, keyed: keys come from peers (Call-IDs, branches), so the hash is
 * SipHash-1-3 under a key drawn at start, and running out of memory is an error
 * value (the item's hh.tbl stays NULL), not an abort. Include this, not <uthash.h>.
 */
#include <stddef.h>
#include <stdint.h>

uint64_t sw_siphash(const void *p, size_t n);

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(elt) ((void)(elt))
#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = (unsigned)sw_siphash((keyptr), (keylen)))
#include <uthash.h>
#include <utlist.h>
