/* SPDX-License-Identifier: Apache-2.0 */
#include "core/error.h"

#include <string.h>

static const struct {
	int code;
	const char *text;
} texts[] = {
	{ SW_OK, "success" },
	{ SW_EPARSE, "malformed input" },
	{ SW_ELIMIT, "a limit was reached" },
	{ SW_ENOTFOUND, "not found" },
	{ SW_ECONF, "the configuration can't be honoured" },
	{ SW_ECRYPTO, "cryptographic library error" },
	{ SW_EDNS, "DNS gave no usable answer" },
	{ SW_ESTORE, "the store failed" },
	{ SW_ECLOSED, "closed by the other end" },
	{ SW_EAGAIN, "nothing to do now" },
	{ SW_ETIMEOUT, "timed out" },
	{ SW_EINTERNAL, "internal error" },
	{ SW_EINVALID, "invalid argument" },
	{ SW_ENOMEM, "out of memory" },
	{ SW_EEXISTS, "already there" },
};

int sw_error_from_errno(int err)
{
	return err > 0 ? -err : SW_EINTERNAL;
}

const char *sw_error_text(int code)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].code == code)
			return texts[i].text;
	if (code < 0 && code > SW_EPARSE) {
		const char *s = strerrordesc_np(-code);

		if (s)
			return s;
	}
	return "unknown error";
}
