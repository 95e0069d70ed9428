/* SPDX-License-Identifier: Apache-2.0 */
/* A chain as a server might send it, certificate after certificate: its form is told within bounds, and its facts are read. */
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include "tls/describe.h"
#include "tls/shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CERTS_MAX = 80 };

static void ends(const char *s, size_t size)
{
	if (!memchr(s, '\0', size))
		abort();
}
#define ENDS(a) ends(a, sizeof(a))

/* What is printed moves no terminal, whatever the certificate says. */
static void print_facts(const struct sw_cert_facts *f)
{
	struct sw_buf out;

	sw_buf_init(&out, 1 << 20);
	sw_cert_facts_text(f, 0, &out);
	sw_cert_facts_json(f, &out);
	for (size_t i = 0; i < out.len; i++)
		if ((unsigned char)out.data[i] == 0x7f || ((unsigned char)out.data[i] < 0x20 && out.data[i] != '\n'))
			abort();
	sw_buf_free(&out);
	ENDS(f->constraints);
}

static void judge(STACK_OF(X509) *chain)
{
	struct sw_chain_shape s;
	STACK_OF(X509) *rest = sw_chain_rest(chain);

	if ((rest ? sk_X509_num(rest) : 0) + 1 != sk_X509_num(chain))
		abort();
	sk_X509_free(rest);
	sw_chain_shape(&s, chain, NULL);
	ENDS(s.misplaced);
	ENDS(s.extra_one);
	ENDS(s.top);
	ENDS(s.wants);
	ENDS(s.fetch);
	ENDS(s.root);
	/* Without a list nobody helps or is known, and the leaf itself is never one too many. */
	if (s.helped || s.root_known || s.extra >= s.n || s.n != (size_t)sk_X509_num(chain) || (s.complete && !s.root_sha256[0]))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	const unsigned char *p = data;

	while (chain && p < data + size && sk_X509_num(chain) < CERTS_MAX) {
		X509 *x = d2i_X509(NULL, &p, data + size - p);
		struct sw_cert_facts *facts = NULL;

		if (!x)
			break;
		if (sw_cert_facts_read(&facts, x, sk_X509_num(chain) ? sk_X509_value(chain, 0) : NULL, 1790000000) == SW_OK) {
			print_facts(facts);
			sw_cert_facts_free(facts);
		}
		if (!sk_X509_push(chain, x))
			X509_free(x);
	}
	if (sk_X509_num(chain) > 0)
		judge(chain);
	sk_X509_pop_free(chain, X509_free);
	ERR_clear_error();
	return 0;
}
