/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/record.h"

#include "dns/wire.h"

struct cursor {
	const uint8_t *p;
	size_t left;
};

static bool take(struct cursor *c, size_t n, const uint8_t **out)
{
	if (n > c->left)
		return false;
	*out = c->p;
	c->p += n;
	c->left -= n;
	return true;
}

static bool u16(struct cursor *c, uint16_t *out)
{
	const uint8_t *p;

	if (!take(c, 2, &p))
		return false;
	*out = (uint16_t)(p[0] << 8 | p[1]);
	return true;
}

static bool u32(struct cursor *c, uint32_t *out)
{
	const uint8_t *p;

	if (!take(c, 4, &p))
		return false;
	*out = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	return true;
}

/* Over a name of any bytes, uncompressed. */
static bool skip_name(struct cursor *c, const uint8_t **at, size_t *len)
{
	const uint8_t *begin = c->p, *p;
	uint8_t label;

	do {
		if (!take(c, 1, &p) || *p > 63)
			return false;
		label = *p;
		if (!take(c, label, &p))
			return false;
	} while (label);
	*at = begin;
	*len = (size_t)(c->p - begin);
	return *len <= 255;
}

static bool name(struct cursor *c, char out[SW_DNS_NAME_MAX])
{
	const uint8_t *at;
	size_t len;

	return skip_name(c, &at, &len) && sw_wire_name_text(out, at, len) == SW_OK;
}

/* A <character-string> of printable ASCII that fits. */
static bool string(struct cursor *c, char *dst, size_t size)
{
	const uint8_t *p;
	size_t n;

	if (!take(c, 1, &p))
		return false;
	n = *p;
	if (n >= size || !take(c, n, &p))
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	memcpy(dst, p, n);
	dst[n] = '\0';
	return true;
}

int sw_record_addr(struct sw_addr *out, uint16_t type, const uint8_t *rdata, size_t len)
{
	struct sw_addr a = { 0 };

	if (type == SW_DNS_A && len == 4) {
		a.in4.sin_family = AF_INET;
		memcpy(&a.in4.sin_addr, rdata, 4);
	} else if (type == SW_DNS_AAAA && len == 16) {
		a.in6.sin6_family = AF_INET6;
		memcpy(&a.in6.sin6_addr, rdata, 16);
	} else {
		return SW_EPARSE;
	}
	*out = a;
	return SW_OK;
}

int sw_record_name(char out[SW_DNS_NAME_MAX], const uint8_t *rdata, size_t len)
{
	struct cursor c = { rdata, len };
	char text[SW_DNS_NAME_MAX];

	if (!name(&c, text) || c.left)
		return SW_EPARSE;
	memcpy(out, text, sizeof(text));
	return SW_OK;
}

int sw_record_soa(struct sw_soa *out, const uint8_t *rdata, size_t len)
{
	struct cursor c = { rdata, len };
	struct sw_soa s = { 0 };
	const uint8_t *mbox;
	size_t n;

	/* The mailbox may have any byte in its first label: nothing here needs it. */
	if (!name(&c, s.primary) || !skip_name(&c, &mbox, &n) || !u32(&c, &s.serial) || !u32(&c, &s.refresh) || !u32(&c, &s.retry) ||
	    !u32(&c, &s.expire) || !u32(&c, &s.minimum) || c.left)
		return SW_EPARSE;
	*out = s;
	return SW_OK;
}

int sw_record_srv(struct sw_dns_rr *out, const uint8_t *rdata, size_t len)
{
	struct cursor c = { rdata, len };
	struct sw_dns_rr r = { .type = SW_DNS_SRV };

	if (!u16(&c, &r.srv.priority) || !u16(&c, &r.srv.weight) || !u16(&c, &r.srv.port) || !name(&c, r.srv.target) || c.left)
		return SW_EPARSE;
	*out = r;
	return SW_OK;
}

int sw_record_naptr(struct sw_dns_rr *out, const uint8_t *rdata, size_t len)
{
	struct cursor c = { rdata, len };
	struct sw_dns_rr r = { .type = SW_DNS_NAPTR };

	if (!u16(&c, &r.naptr.order) || !u16(&c, &r.naptr.preference) || !string(&c, r.naptr.flags, sizeof(r.naptr.flags)) ||
	    !string(&c, r.naptr.service, sizeof(r.naptr.service)) || !string(&c, r.naptr.regexp, sizeof(r.naptr.regexp)) ||
	    !name(&c, r.naptr.replacement) || c.left)
		return SW_EPARSE;
	*out = r;
	return SW_OK;
}

int sw_record_tlsa(struct sw_tlsa *out, const uint8_t *rdata, size_t len)
{
	if (len < 3)
		return SW_EPARSE;
	*out = (struct sw_tlsa){ rdata[0], rdata[1], rdata[2], rdata + 3, len - 3 };
	return SW_OK;
}

const char *sw_tlsa_fault(const struct sw_tlsa *t)
{
	static const size_t digest[] = { 0, 32, 64 };

	if (t->usage > 3)
		return "certificate usage is none of 0 to 3";
	if (t->selector > 1)
		return "selector is neither 0 (certificate) nor 1 (public key)";
	if (t->matching > 2)
		return "matching type is none of 0 (whole), 1 (SHA-256), 2 (SHA-512)";
	if (t->matching ? t->len != digest[t->matching] : t->len < 32)
		return "the data's length is not that of its matching type";
	return NULL;
}

static bool alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int sw_record_caa(struct sw_caa *out, const uint8_t *rdata, size_t len)
{
	struct sw_caa caa = { 0 };
	size_t n = len >= 2 ? rdata[1] : 0;

	if (n == 0 || n >= sizeof(caa.tag) || n + 2 > len)
		return SW_EPARSE;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = rdata[2 + i];

		if (!alnum(c))
			return SW_EPARSE;
		caa.tag[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	caa.critical = rdata[0] & 0x80;
	caa.value = rdata + 2 + n;
	caa.len = len - 2 - n;
	*out = caa;
	return SW_OK;
}

int sw_caa_issuer(char out[SW_DNS_NAME_MAX], const struct sw_caa *caa)
{
	const char *p = (const char *)caa->value;
	const char *end = caa->len ? memchr(p, ';', caa->len) : NULL;
	struct sw_str s = sw_str_trim((struct sw_str){ p, end ? (size_t)(end - p) : caa->len });
	char text[SW_DNS_NAME_MAX];

	if (s.n == 0) {
		*out = '\0';
		return SW_OK;
	}
	if (memchr(s.p, '\0', s.n) || !sw_str_copy(text, sizeof(text), s) || s.p[s.n - 1] == '.')
		return SW_EPARSE;
	return sw_wire_name(out, text) == SW_OK ? SW_OK : SW_EPARSE;
}
