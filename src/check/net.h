/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Private to the net stage. */
#include "check/check.h"

/* Each spawns probes for, or looks at, one part of the surroundings. */
void sw_net_time(struct sw_check *c);        /* NTP */
void sw_net_hosts(struct sw_check *c);       /* the profile's hosts */
void sw_net_subnets(struct sw_check *c);     /* its networks, and the AWS feed */
void sw_net_proxy(struct sw_check *c);       /* the HTTP proxy and what comes through it */

/* The verdict on a clock that is off by so many seconds. */
enum sw_check_status sw_net_clock_status(double offset);
