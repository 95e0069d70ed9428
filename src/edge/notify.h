/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* sd_notify(3) without libsystemd: datagrams to $NOTIFY_SOCKET; nothing happens where there is none. */
#include <stdint.h>

void sw_notify(const char *state);                 /* "READY=1", "STATUS=...", several lines allowed */
void sw_notify_reloading(void);                    /* RELOADING=1 with MONOTONIC_USEC, as notify-reload wants it */
uint64_t sw_notify_watchdog_ms(void);              /* WATCHDOG_USEC, 0: none */
