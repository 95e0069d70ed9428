/* SPDX-License-Identifier: Apache-2.0 */
/* A TXT value against a token: found exactly where an independent reading finds it. */
#include <stdlib.h>

#include "dns/ownership.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_token(const uint8_t *p, size_t n)
{
	while (n && blank(*p))
		p++, n--;
	while (n && blank(p[n - 1]))
		n--;
	return n == SW_TOKEN_HEX && memcmp(p, TOKEN, n) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char k[] = "k", alias[] = "cisco-ci-domain-verification", *names[] = { k, alias };
	static const struct sw_strlist keys = { names, 2 };
	bool raw = is_token(data, size), found = false;

	if (sw_token_in_txt(TOKEN, SW_TXT_APEX_RAW, &keys, data, size) != raw)
		abort();
	if (sw_token_in_txt(TOKEN, SW_TXT_LABEL, &keys, data, size) != raw)
		abort();
	if (sw_token_in_txt(TOKEN, SW_TXT_APEX_KV, &keys, data, size)) {
		for (size_t i = 1; i < size; i++)
			found = found || (data[i - 1] == '=' && size - i >= SW_TOKEN_HEX &&
					  memcmp(data + i, TOKEN, SW_TOKEN_HEX) == 0);
		if (!found || raw)
			abort();
	}
	return 0;
}
