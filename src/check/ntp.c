/* SPDX-License-Identifier: Apache-2.0 */
#include "check/ntp.h"

#include <string.h>

enum { VERSION = 4, MODE_CLIENT = 3, MODE_SERVER = 4, LEAP_UNKNOWN = 3, STRATUM_MAX = 15 };
#define EPOCH 2208988800.0 /* 1900 to 1970 */
#define ERA 4294967296.0

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Seconds since 1970, of the era that is nearest to now: 2036 is no cliff. */
static double time_at(const uint8_t *p, double now)
{
	double t = get32(p) - EPOCH + get32(p + 4) / ERA;

	while (t < now - ERA / 2)
		t += ERA;
	return t;
}

void sw_ntp_write(uint8_t out[SW_NTP_LEN], uint64_t origin)
{
	memset(out, 0, SW_NTP_LEN);
	out[0] = VERSION << 3 | MODE_CLIENT;
	for (int i = 0; i < 8; i++)
		out[40 + i] = (uint8_t)(origin >> (56 - 8 * i));
}

int sw_ntp_read(struct sw_ntp_reply *out, const uint8_t *p, size_t n, uint64_t origin, double sent, double received)
{
	struct sw_ntp_reply r = { 0 };
	uint64_t echo = 0;
	double in, back;

	if (n < SW_NTP_LEN || (p[0] & 7) != MODE_SERVER)
		return SW_EPARSE;
	for (int i = 0; i < 8; i++)
		echo = echo << 8 | p[24 + i];
	if (echo != origin)
		return SW_EPARSE;
	r.stratum = p[1];
	r.synchronised = p[0] >> 6 != LEAP_UNKNOWN && p[1] >= 1 && p[1] <= STRATUM_MAX;
	for (int i = 0; r.stratum == 0 && i < 4 && p[12 + i] >= 'A' && p[12 + i] <= 'Z'; i++)
		r.kiss[i] = (char)p[12 + i];
	r.dispersion = get32(p + 8) / 65536.0;
	in = time_at(p + 32, received);
	back = time_at(p + 40, received);
	r.offset = ((in - sent) + (back - received)) / 2;
	r.delay = (received - sent) - (back - in);
	*out = r;
	return SW_OK;
}
