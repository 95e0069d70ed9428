/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever answers an upgrade is read or refused, however it is cut. */
#include <stdlib.h>
#include "check/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
	struct sw_websocket_reply r, again;
	int err = sw_websocket_read(&r, (struct sw_str){ (const char *)data, size }, key);

	if (err == SW_OK && (r.status < 100 || r.status > 599 || (r.accepted && r.status != 101)))
		abort();
	/* What was whole stays what it was when more comes behind it. */
	for (size_t n = 0; n < size; n++)
		if (sw_websocket_read(&again, (struct sw_str){ (const char *)data, n }, key) == SW_OK &&
		    (err != SW_OK || again.status != r.status || again.accepted != r.accepted))
			abort();
	return 0;
}
