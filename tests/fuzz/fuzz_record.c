/* SPDX-License-Identifier: Apache-2.0 */
/* RDATA off the wire, read as every type pre-flight reads. */
#include <stdlib.h>
#include "dns/record.h"
#include "dns/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_name(const char *text)
{
	char name[SW_DNS_NAME_MAX];

	if (!memchr(text, 0, SW_DNS_NAME_MAX) || (*text && sw_wire_name(name, text) < 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[SW_DNS_NAME_MAX];
	struct sw_dns_rr r;
	struct sw_addr a;
	struct sw_tlsa t;
	struct sw_caa caa;
	struct sw_soa soa;

	if (sw_record_name(name, data, size) == SW_OK)
		must_be_name(name);
	if (sw_record_soa(&soa, data, size) == SW_OK)
		must_be_name(soa.primary);
	if (sw_record_srv(&r, data, size) == SW_OK)
		must_be_name(r.srv.target);
	if (sw_record_naptr(&r, data, size) == SW_OK)
		must_be_name(r.naptr.replacement);
	if (sw_record_tlsa(&t, data, size) == SW_OK) {
		if (t.len + 3 != size)
			abort();
		(void)sw_tlsa_fault(&t);
	}
	if (sw_record_caa(&caa, data, size) == SW_OK) {
		if (caa.value < data || caa.value + caa.len != data + size || !memchr(caa.tag, 0, sizeof(caa.tag)))
			abort();
		if (sw_caa_issuer(name, &caa) == SW_OK)
			must_be_name(name);
	}
	if ((sw_record_addr(&a, SW_DNS_A, data, size) == SW_OK && size != 4) || (sw_record_addr(&a, SW_DNS_AAAA, data, size) == SW_OK && size != 16))
		abort();
	return 0;
}
