/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The inbound half of a check, by way of a reflector (check/reflect.h). */
#include "check/check.h"

/* Spawns it where the run names a reflector. */
void sw_check_reach(struct sw_check *c);
