/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Addresses of a host, for probes: asked with the daemon's resolver, of the run's servers. Blocks. */
#include "check/check.h"

enum { SW_RESOLVE_MAX = 16 };

/*
 * A host or an address literal. Fills at most SW_RESOLVE_MAX addresses with the port, in the family the run asks for, IPv4
 * first. SW_ENOTFOUND (DNS says there is none), SW_EDNS, SW_ETIMEOUT or SW_EAGAIN (the run stopped): why tells.
 */
int sw_check_resolve(struct sw_check *c, const char *host, uint16_t port, struct sw_addr out[SW_RESOLVE_MAX], size_t *n,
		     char why[160]) SW_MUSTCHECK;
