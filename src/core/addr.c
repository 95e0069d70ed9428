/* SPDX-License-Identifier: Apache-2.0 */
#include "core/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

static int parse_host(struct sw_addr *a, struct sw_str s)
{
	char text[INET6_ADDRSTRLEN];

	*a = (struct sw_addr){ 0 };
	if (s.n == 0 || !sw_str_copy(text, sizeof(text), s) || strlen(text) != s.n)
		return SW_EPARSE;
	if (inet_pton(AF_INET, text, &a->in4.sin_addr) == 1) {
		a->in4.sin_family = AF_INET;
		return SW_OK;
	}
	if (inet_pton(AF_INET6, text, &a->in6.sin6_addr) == 1) {
		a->in6.sin6_family = AF_INET6;
		return SW_OK;
	}
	return SW_EPARSE;
}

int sw_addr_parse(struct sw_addr *a, struct sw_str s, uint16_t default_port)
{
	struct sw_str host = s, port = { 0 };
	const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
	struct sw_addr parsed;
	uint32_t number = default_port;

	if (s.n && s.p[0] == '[') {
		const char *end = memchr(s.p, ']', s.n);

		if (!end)
			return SW_EPARSE;
		host = (struct sw_str){ s.p + 1, (size_t)(end - s.p) - 1 };
		port = (struct sw_str){ end + 1, s.n - (size_t)(end - s.p) - 1 };
		if (port.n && *port.p++ != ':')
			return SW_EPARSE;
		if (port.n && --port.n == 0)
			return SW_EPARSE;
	} else if (colon && !memchr(colon + 1, ':', s.n - (size_t)(colon - s.p) - 1)) {
		host.n = (size_t)(colon - s.p);
		port = (struct sw_str){ colon + 1, s.n - host.n - 1 };
		if (port.n == 0)
			return SW_EPARSE;
	}
	if (parse_host(&parsed, host) < 0)
		return SW_EPARSE;
	if (s.p[0] == '[' && parsed.sa.sa_family != AF_INET6)
		return SW_EPARSE;
	if (port.n && sw_str_u32(port, 65535, &number) < 0)
		return SW_EPARSE;
	sw_addr_set_port(&parsed, (uint16_t)number);
	*a = parsed;
	return SW_OK;
}

int sw_addr_from_sockaddr(struct sw_addr *a, const struct sockaddr *sa)
{
	struct sw_addr copy = { 0 };

	if (sa->sa_family == AF_INET)
		memcpy(&copy.in4, sa, sizeof(copy.in4));
	else if (sa->sa_family == AF_INET6)
		memcpy(&copy.in6, sa, sizeof(copy.in6));
	else
		return SW_EINVALID;
	*a = copy;
	return SW_OK;
}

socklen_t sw_addr_len(const struct sw_addr *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : a->sa.sa_family == AF_INET ? sizeof(a->in4) : 0;
}

int sw_addr_family(const struct sw_addr *a)
{
	return a->sa.sa_family;
}

uint16_t sw_addr_port(const struct sw_addr *a)
{
	return ntohs(a->sa.sa_family == AF_INET6 ? a->in6.sin6_port : a->in4.sin_port);
}

void sw_addr_set_port(struct sw_addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
	else
		a->in4.sin_port = htons(port);
}

/* The IPv4 address, also of a v4-mapped one, in host order; false for IPv6 proper. */
static bool as_v4(const struct sw_addr *a, uint32_t *v4)
{
	if (a->sa.sa_family == AF_INET) {
		*v4 = ntohl(a->in4.sin_addr.s_addr);
		return true;
	}
	if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr)) {
		memcpy(v4, &a->in6.sin6_addr.s6_addr[12], 4);
		*v4 = ntohl(*v4);
		return true;
	}
	return false;
}

bool sw_addr_same_host(const struct sw_addr *a, const struct sw_addr *b)
{
	uint32_t x = 0, y = 0;
	bool ax = as_v4(a, &x), by = as_v4(b, &y);

	if (ax || by)
		return ax && by && x == y;
	return a->sa.sa_family == AF_INET6 && b->sa.sa_family == AF_INET6 &&
	       memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) == 0 && a->in6.sin6_scope_id == b->in6.sin6_scope_id;
}

bool sw_addr_eq(const struct sw_addr *a, const struct sw_addr *b)
{
	return sw_addr_same_host(a, b) && sw_addr_port(a) == sw_addr_port(b);
}

const char *sw_addr_host_text(const struct sw_addr *a, char dst[SW_ADDR_STRLEN])
{
	const void *raw = a->sa.sa_family == AF_INET6 ? (const void *)&a->in6.sin6_addr : (const void *)&a->in4.sin_addr;

	if (sw_addr_len(a) == 0 || !inet_ntop(a->sa.sa_family, raw, dst, SW_ADDR_STRLEN))
		strcpy(dst, "-");
	return dst;
}

const char *sw_addr_text(const struct sw_addr *a, char dst[SW_ADDR_STRLEN])
{
	char host[SW_ADDR_STRLEN];

	sw_addr_host_text(a, host);
	if (sw_addr_len(a) == 0)
		strcpy(dst, "-");
	else
		snprintf(dst, SW_ADDR_STRLEN, a->sa.sa_family == AF_INET6 ? "[%.46s]:%u" : "%.46s:%u", host, sw_addr_port(a));
	return dst;
}

/*
 * The IPv4 address a packet to a ends up at, where there is one: a itself, v4-mapped, or by a translator or relay on the way:
 * 64:ff9b::/96 (RFC 6052), 2002::/16 (RFC 3056).
 */
static bool reaches_v4(const struct sw_addr *a, uint32_t *v4)
{
	static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };
	const uint8_t *b = a->in6.sin6_addr.s6_addr;

	if (as_v4(a, v4))
		return true;
	if (a->sa.sa_family != AF_INET6 || (memcmp(b, nat64, sizeof(nat64)) != 0 && (b[0] != 0x20 || b[1] != 0x02)))
		return false;
	memcpy(v4, b[0] ? b + 2 : b + 12, 4);
	*v4 = ntohl(*v4);
	return true;
}

static bool v4_in(const struct sw_addr *a, uint32_t net, unsigned bits)
{
	uint32_t v4;

	return reaches_v4(a, &v4) && (bits == 0 || (v4 ^ net) >> (32 - bits) == 0);
}

static const struct in6_addr *as_v6(const struct sw_addr *a)
{
	return a->sa.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr) ? &a->in6.sin6_addr : NULL;
}

bool sw_addr_is_any(const struct sw_addr *a)
{
	const struct in6_addr *v6 = as_v6(a);
	uint32_t v4;

	return (as_v4(a, &v4) && v4 == 0) || (v6 && IN6_IS_ADDR_UNSPECIFIED(v6));
}

bool sw_addr_is_loopback(const struct sw_addr *a)
{
	const struct in6_addr *v6 = as_v6(a);

	return v4_in(a, 0x7f000000, 8) || (v6 && IN6_IS_ADDR_LOOPBACK(v6));
}

bool sw_addr_is_multicast(const struct sw_addr *a)
{
	const struct in6_addr *v6 = as_v6(a);

	return v4_in(a, 0xe0000000, 4) || v4_in(a, 0xffffffff, 32) || (v6 && IN6_IS_ADDR_MULTICAST(v6));
}

bool sw_addr_is_link_local(const struct sw_addr *a)
{
	const struct in6_addr *v6 = as_v6(a);

	return v4_in(a, 0xa9fe0000, 16) || (v6 && IN6_IS_ADDR_LINKLOCAL(v6));
}

/* 64:ff9b:1::/48 is a network's own NAT64 (RFC 8215): where in it the IPv4 address stands only that network knows. */
static bool is_private_v6(const struct in6_addr *v6)
{
	static const uint8_t own_nat64[6] = { 0, 0x64, 0xff, 0x9b, 0, 1 };

	return (v6->s6_addr[0] & 0xfe) == 0xfc || IN6_IS_ADDR_SITELOCAL(v6) || memcmp(v6, own_nat64, sizeof(own_nat64)) == 0;
}

bool sw_addr_is_private(const struct sw_addr *a)
{
	const struct in6_addr *v6 = as_v6(a);

	return v4_in(a, 0x0a000000, 8) || v4_in(a, 0xac100000, 12) || v4_in(a, 0xc0a80000, 16) || v4_in(a, 0x64400000, 10) ||
	       (v6 && is_private_v6(v6));
}

/* ::a.b.c.d was the "IPv4-compatible" address, and means nothing any more (RFC 4291 2.5.5.1). */
bool sw_addr_is_reserved(const struct sw_addr *a)
{
	const struct in6_addr *v6 = as_v6(a);

	return v4_in(a, 0, 8) || v4_in(a, 0xf0000000, 4) || sw_addr_is_any(a) || (v6 && IN6_IS_ADDR_V4COMPAT(v6));
}

static const uint8_t *bytes_of(const struct sw_addr *a)
{
	return a->sa.sa_family == AF_INET6 ? a->in6.sin6_addr.s6_addr : (const uint8_t *)&a->in4.sin_addr;
}

static bool bits_eq(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

int sw_prefix_parse(struct sw_prefix *p, struct sw_str s)
{
	static const uint8_t zero[17];
	const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
	struct sw_prefix parsed;
	uint8_t host[17];
	uint32_t bits;
	unsigned max;

	if (parse_host(&parsed.addr, (struct sw_str){ s.p, slash ? (size_t)(slash - s.p) : s.n }) < 0)
		return SW_EPARSE;
	max = parsed.addr.sa.sa_family == AF_INET6 ? 128 : 32;
	bits = max;
	if (slash && sw_str_u32((struct sw_str){ slash + 1, s.n - (size_t)(slash - s.p) - 1 }, max, &bits) < 0)
		return SW_EPARSE;
	parsed.bits = bits;
	/* host bits: shift the network bits away by comparing with the address cleared of them */
	memcpy(host, bytes_of(&parsed.addr), max / 8);
	memset(host, 0, bits / 8);
	if (bits % 8)
		host[bits / 8] = (uint8_t)(host[bits / 8] & (0xff >> (bits % 8)));
	if (memcmp(host, zero, max / 8) != 0)
		return SW_EPARSE;
	*p = parsed;
	return SW_OK;
}

bool sw_prefix_has(const struct sw_prefix *p, const struct sw_addr *a)
{
	uint32_t v4;

	if (p->addr.sa.sa_family == AF_INET && as_v4(a, &v4)) {
		v4 = htonl(v4);
		return bits_eq(bytes_of(&p->addr), (const uint8_t *)&v4, p->bits);
	}
	return p->addr.sa.sa_family == a->sa.sa_family && bits_eq(bytes_of(&p->addr), bytes_of(a), p->bits);
}
