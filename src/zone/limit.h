/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Token buckets and per-source counts; time is an argument (milliseconds, monotonic). */
#include "core/addr.h"

struct sw_bucket { double tokens; uint64_t at; };   /* zeroed: full */
/* One more at `now` under rate per second, with a burst of one second's worth (at least 1)? rate 0: always. */
bool sw_bucket_take(struct sw_bucket *b, uint32_t rate, uint64_t now);

/* How many things each source address (IPv6: its /64) holds; bounded by max sources. Lives on the loop. */
struct sw_sources;
int sw_sources_new(struct sw_sources **out, size_t max) SW_MUSTCHECK;
void sw_sources_free(struct sw_sources *s);
/* One more for a. false: limit reached (limit 0: there is none), or out of sources or memory; then nothing is held. */
bool sw_sources_add(struct sw_sources *s, const struct sw_addr *a, uint32_t limit);
/* Gives back what one successful sw_sources_add took. */
void sw_sources_del(struct sw_sources *s, const struct sw_addr *a);
