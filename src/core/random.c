/* SPDX-License-Identifier: Apache-2.0 */
#include "core/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void sw_random(void *p, size_t n)
{
	uint8_t *b = p;

	while (n) {
		ssize_t got = getrandom(b, n, 0);

		if (got > 0) {
			b += got;
			n -= (size_t)got;
		} else if (got < 0 && errno != EINTR) {
			abort();  /* ENOSYS or EFAULT: no kernel this runs on; guessable ids would be worse than stopping */
		}
	}
}

uint32_t sw_random_below(uint32_t n)
{
	uint32_t limit = n ? UINT32_MAX - UINT32_MAX % n : 0, v;

	if (n < 2)
		return 0;
	do
		sw_random(&v, sizeof(v));
	while (v >= limit);
	return v % n;
}
