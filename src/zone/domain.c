/* SPDX-License-Identifier: Apache-2.0 */
#include "zone/zone.h"

#include <idn2.h>
#include <stdlib.h>

enum {
	DOMAIN_MAX = 253,        /* RFC 1035 in text form, without the trailing dot */
	LABEL_MAX = 63,
	INPUT_MAX = 1024,        /* U-labels are longer than their A-labels by a factor of about four at most */
};

/* Letters, digits, hyphen, and the underscore that private networks have in host names. */
static bool ldh(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool label_ok(const char *s, size_t n)
{
	if (n == 0 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!ldh(s[i]))
			return false;
	return true;
}

static bool digits_only(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	return true;
}

/* The whole way for ASCII. A name whose last label is a number is an IPv4 address, or wants to look like one: no domain. */
static int normalize_ascii(char dst[256], struct sw_str name)
{
	size_t from = 0;

	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n == 0 || name.n > DOMAIN_MAX)
		return SW_EPARSE;
	for (size_t i = 0; i <= name.n; i++) {
		if (i < name.n && name.p[i] != '.')
			continue;
		if (!label_ok(name.p + from, i - from) || (i == name.n && digits_only(name.p + from, i - from)))
			return SW_EPARSE;
		from = i + 1;
	}
	for (size_t i = 0; i < name.n; i++)
		dst[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + ('a' - 'A')) : name.p[i];
	dst[name.n] = '\0';
	return SW_OK;
}

/*
 * What libidn2 makes of it is judged like any ASCII name: mapping can produce dots, digits, spaces and '*'. Not
 * IDN2_USE_STD3_ASCII_RULES: libidn2 2.3 then drops such characters silently, and "a<nbsp>b.example" would be ab.example.
 */
static int normalize_idn(char dst[256], struct sw_str name)
{
	char input[INPUT_MAX + 1], *ascii = NULL;
	int rc;

	if (name.n > INPUT_MAX || memchr(name.p, '\0', name.n))
		return SW_EPARSE;
	sw_str_copy(input, sizeof(input), name);
	rc = idn2_to_ascii_8z(input, &ascii, IDN2_NONTRANSITIONAL);
	if (rc == IDN2_MALLOC)
		return SW_ENOMEM;
	if (rc != IDN2_OK)
		return SW_EPARSE;
	rc = normalize_ascii(dst, sw_str_of(ascii));
	idn2_free(ascii);
	return rc;
}

int sw_domain_normalize(char dst[256], struct sw_str name)
{
	for (size_t i = 0; i < name.n && i <= INPUT_MAX; i++)
		if ((unsigned char)name.p[i] >= 0x80)
			return normalize_idn(dst, name);
	return normalize_ascii(dst, name);
}
