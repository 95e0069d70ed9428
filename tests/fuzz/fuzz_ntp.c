/* SPDX-License-Identifier: Apache-2.0 */
/* A packet is an answer to one question at most, and its figures are numbers. */
#include <math.h>
#include <stdlib.h>
#include "check/ntp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sw_ntp_reply r;
	uint64_t origin = 0;

	for (size_t i = 24; i < 32 && i < size; i++)
		origin = origin << 8 | data[i];
	if (sw_ntp_read(&r, data, size, origin, 1.7e9, 1.7e9 + 0.01) == SW_OK && (!isfinite(r.offset) || !isfinite(r.delay)))
		abort();
	if (sw_ntp_read(&r, data, size, ~origin, 1.7e9, 1.7e9) == SW_OK)
		abort();
	return 0;
}
