/* SPDX-License-Identifier: Apache-2.0 */
/* A trust list as it was fetched, and the digest beside it. */
#include <stdlib.h>
#include <openssl/err.h>
#include "tls/pulled.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct sw_pulled *l)
{
	char why[SW_PULLED_WHY];

	if (l->n == 0 || l->n > SW_PULLED_CERTS_MAX || sw_pulled_may_replace(l, l, why) < 0)
		abort();
	for (size_t i = 0; i < l->n; i++)
		if (!l->v[i].x || !sw_pulled_has(l, &l->v[i]) || (i && memcmp(l->v[i - 1].digest, l->v[i].digest, 32) >= 0))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sw_str text = { (const char *)data, size };
	char why[SW_PULLED_WHY], hex[65];
	struct sw_pulled l;

	if (size > 1 << 20)
		return 0;
	if (sw_pulled_parse(&l, text, 0, why) == 0) {
		check(&l);
		sw_pulled_clear(&l);
	} else if (!memchr(why, '\0', sizeof(why)) || !why[0]) {
		abort();
	}
	if (sw_pulled_digest_of(text, hex) == 0 && strspn(hex, "0123456789abcdef") != 64)
		abort();
	if (ERR_peek_error())
		abort();
	return 0;
}
