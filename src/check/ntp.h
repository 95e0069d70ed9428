/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* SNTP (RFC 5905) as far as pre-flight asks: is there a time server, and is our clock right. Pure. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"

enum { SW_NTP_LEN = 48 };

struct sw_ntp_reply {
	bool synchronised; /* leap indicator and stratum say so */
	unsigned stratum;
	char kiss[5];      /* "RATE", "DENY", "RSTR", ...; "" where there is none */
	double offset;     /* seconds the server is ahead of us */
	double delay;      /* seconds there and back, without the server's own time */
	double dispersion; /* seconds, the server's own estimate */
};

/* origin: 64 random bits that the answer must echo; our clock stays our own. */
void sw_ntp_write(uint8_t out[SW_NTP_LEN], uint64_t origin);
/* sent, received: our clock, seconds since 1970. SW_EPARSE: no answer to this question. */
int sw_ntp_read(struct sw_ntp_reply *out, const uint8_t *p, size_t n, uint64_t origin, double sent, double received) SW_MUSTCHECK;
