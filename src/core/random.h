/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"

/* Fills p from getrandom(2). It cannot fail once the kernel's pool is up; before that it waits. */
void sw_random(void *p, size_t n);
uint32_t sw_random_below(uint32_t n);   /* uniform in [0, n); n > 0 */
