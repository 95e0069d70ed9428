/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate in DER, as a peer sends it, into typed names. */
#include <openssl/err.h>
#include "tls/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const struct sw_name *n)
{
	/* What zones rely on: a name that is not clean has no host, and a host is plain lower-case text. */
	if (!n->value || (n->malformed && n->host) || (n->user && n->host))
		__builtin_trap();
	for (const char *p = n->host; p && *p; p++)
		if (*p <= ' ' || *p >= 0x7f || (*p >= 'A' && *p <= 'Z'))
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned char *p = data;
	struct sw_identity *id = NULL;
	X509 *x;
	char text[200];

	if (size > 1 << 20)
		return 0;
	x = d2i_X509(NULL, &p, (long)size);
	if (x && sw_identity_from_x509(&id, x) == 0) {
		for (size_t i = 0; i < id->n_names; i++)
			check_name(&id->names[i]);
		if (id->malformed && id->n_names > 1)
			__builtin_trap();
		sw_identity_names_text(id, text, sizeof(text));
	}
	sw_identity_free(id);
	X509_free(x);
	ERR_clear_error();
	return 0;
}
