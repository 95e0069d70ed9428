/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which targets are known to be down: set aside for Retry-After, or 30 s doubling to 300 s, per target and not per domain
 * (standards 3.2). A target that is down is tried last, not never: when nothing else is left it may be back.
 */
#include "dns/locate.h"
#include "edge/edge.h"

int sw_health_new(struct sw_health **out) SW_MUSTCHECK;
void sw_health_free(struct sw_health *h);
/* retry_after: seconds the target asked for; -1: it did not. now: milliseconds. */
void sw_health_failed(struct sw_health *h, const char *zone, const struct sw_addr *addr, int retry_after, uint64_t now);
void sw_health_ok(struct sw_health *h, const char *zone, const struct sw_addr *addr);
bool sw_health_down(const struct sw_health *h, const char *zone, const struct sw_addr *addr, uint64_t now);
/* Targets that are down go to the end; otherwise the order stays. */
void sw_health_order(const struct sw_health *h, const char *zone, struct sw_target *targets, size_t n, uint64_t now);
