/* SPDX-License-Identifier: Apache-2.0 */
/* What a STUN server sends is read or refused; what is read has its strings ended. */
#include <stdlib.h>
#include "check/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sw_stun_reply r;
	ssize_t frame = sw_stun_frame(data, size);

	if (frame > (ssize_t)size)
		abort();
	if (sw_stun_read(&r, data, size) == SW_OK &&
	    (frame != (ssize_t)size || strlen(r.realm) >= sizeof(r.realm) || strlen(r.nonce) >= sizeof(r.nonce)))
		abort();
	return 0;
}
