/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include "conf/value.h"

enum {
	TEXT_LEN_MAX = 1024,
	NAME_LEN_MAX = 64,
	DOMAIN_LEN_MAX = 253,
	LABEL_LEN_MAX = 63,
	PATH_LEN_MAX = 4095,
	PIN_LEN = 64,
	DNS_PORT = 53,
};

static int refuse(char error[SW_CONF_ERROR_MAX], const char *fmt, ...) SW_PRINTF(2, 3);
static int refuse(char error[SW_CONF_ERROR_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, SW_CONF_ERROR_MAX, fmt, ap);
	va_end(ap);
	return SW_ECONF;
}

/* --- numbers with and without units --- */

struct unit {
	const char *name;
	uint64_t factor;
};
/* Ascending, so that the printer finds the largest one that divides. */
static const struct unit time_units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
};
static const struct unit size_units[] = { { "B", 1 }, { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { NULL, 0 } };

static bool is_time(enum sw_conf_type t)
{
	return t == SW_CONF_TIME64 || t == SW_CONF_TIME32;
}

static bool is_number(enum sw_conf_type t)
{
	return t == SW_CONF_U32 || t == SW_CONF_PORT;
}

const char *sw_conf_number_text(enum sw_conf_type t, uint64_t n, char dst[SW_CONF_TEXT_MAX])
{
	const struct unit *best = NULL, *units = is_time(t) ? time_units : t == SW_CONF_SIZE32 ? size_units : NULL;

	for (const struct unit *u = units; n && u && u->name; u++) {
		if (n % u->factor == 0)
			best = u;
	}
	if (!n && is_time(t))
		snprintf(dst, SW_CONF_TEXT_MAX, "0s");
	else if (best)
		snprintf(dst, SW_CONF_TEXT_MAX, "%llu%s", (unsigned long long)(n / best->factor), best->name);
	else
		snprintf(dst, SW_CONF_TEXT_MAX, "%llu", (unsigned long long)n);
	return dst;
}

/* "30s": up to 10 digits and a unit; no sign, no blanks, no fractions. */
static bool with_unit(const char *s, const struct unit *units, uint64_t *out)
{
	uint64_t n = 0;
	size_t digits = 0;

	while (isdigit((unsigned char)s[digits]) && digits < 10)
		n = n * 10 + (uint64_t)(s[digits++] - '0');
	if (!digits)
		return false;
	for (const struct unit *u = units; u->name; u++) {
		if (strcmp(s + digits, u->name) == 0) {
			*out = n * u->factor;
			return true;
		}
	}
	return false;
}

static int in_range(const struct sw_conf_key *k, uint64_t n, char error[SW_CONF_ERROR_MAX])
{
	char is[SW_CONF_TEXT_MAX], low[SW_CONF_TEXT_MAX], high[SW_CONF_TEXT_MAX];

	if (n >= k->min && n <= k->max)
		return 0;
	return refuse(error, "%s is out of range (%s to %s)", sw_conf_number_text(k->type, n, is),
		      sw_conf_number_text(k->type, k->min, low), sw_conf_number_text(k->type, k->max, high));
}

static int parse_number(const struct sw_conf_key *k, const struct sw_conf_value *v, uint64_t *out, char error[SW_CONF_ERROR_MAX])
{
	bool time = is_time(k->type), size = k->type == SW_CONF_SIZE32;
	uint64_t n = 0;
	int r;

	if (v->is == SW_CONF_IS_NUMBER && v->number >= 0)
		n = (uint64_t)v->number * (time ? 1000 : 1); /* plain numbers are seconds and bytes */
	else if (v->is == SW_CONF_IS_NUMBER)
		return refuse(error, "%lld is negative", v->number);
	else if (time && !(v->is == SW_CONF_IS_TEXT && with_unit(v->text, time_units, &n)))
		return refuse(error, "not a time: write \"30s\", \"500ms\", \"5m\", \"12h\", \"7d\", or a number of seconds");
	else if (size && !(v->is == SW_CONF_IS_TEXT && with_unit(v->text, size_units, &n)))
		return refuse(error, "not a size: write \"256KiB\", \"10MiB\", or a number of bytes");
	else if (!time && !size)
		return refuse(error, "must be a number, without quotes");
	r = in_range(k, n, error);
	if (r)
		return r;
	*out = n;
	return 0;
}

static int parse_ports(const struct sw_conf_key *k, const char *s, void *at, void *at2, char error[SW_CONF_ERROR_MAX])
{
	const char *dash = strchr(s, '-');
	uint32_t low, high;

	if (!dash || sw_str_u32((struct sw_str){ s, (size_t)(dash - s) }, 65535, &low) ||
	    sw_str_u32(sw_str_of(dash + 1), 65535, &high))
		return refuse(error, "\"%s\" is not a port range: write \"36000-59999\"", s);
	if (low > high)
		return refuse(error, "%s: the first port is above the last", s);
	if (low < k->min || high > k->max)
		return refuse(error, "%s is out of range (%llu to %llu)", s, (unsigned long long)k->min,
			      (unsigned long long)k->max);
	*(uint16_t *)at = (uint16_t)low;
	*(uint16_t *)at2 = (uint16_t)high;
	return 0;
}

/* --- words --- */

static int parse_word(const struct sw_conf_key *k, const char *s, unsigned *out, char error[SW_CONF_ERROR_MAX])
{
	const char *near;
	char all[160] = "";
	size_t used = 0;

	for (const struct sw_conf_word *w = k->words; w->name; w++) {
		if (strcmp(s, w->name) == 0) {
			*out = w->value;
			return 0;
		}
		if (used < sizeof(all))
			used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", used ? ", " : "", w->name);
	}
	near = sw_conf_nearest(s, sw_conf_nth_word, k->words);
	if (near)
		return refuse(error, "\"%s\" is none of %s; did you mean \"%s\"?", s, all, near);
	return refuse(error, "\"%s\" is none of %s", s, all);
}

/* --- names, domains, hosts --- */

static int check_text(const char *s, char error[SW_CONF_ERROR_MAX])
{
	size_t n = strlen(s);

	if (!n)
		return refuse(error, "must not be empty");
	if (n > TEXT_LEN_MAX)
		return refuse(error, "longer than %d bytes", TEXT_LEN_MAX);
	for (size_t i = 0; i < n; i++) {
		if (iscntrl((unsigned char)s[i]))
			return refuse(error, "control characters are not allowed");
	}
	return 0;
}

static int check_name(const char *s, char error[SW_CONF_ERROR_MAX])
{
	size_t n = strlen(s);

	if (!n || n > NAME_LEN_MAX)
		return refuse(error, "a name has 1 to %d characters", NAME_LEN_MAX);
	if (!isalnum((unsigned char)s[0]))
		return refuse(error, "\"%s\": a name starts with a letter or digit", s);
	for (size_t i = 0; i < n; i++) {
		if (!isascii(s[i]) || !(isalnum((unsigned char)s[i]) || strchr("._-", s[i])))
			return refuse(error, "\"%s\": a name is made of letters, digits, '.', '_' and '-'", s);
	}
	return 0;
}

static bool bad_label_byte(unsigned char c, bool ascii_only)
{
	if (c >= 0x80)
		return ascii_only;
	return !(isalnum(c) || c == '-' || c == '_');
}

/* A domain name; U-labels are let through here (IDNA is the zone's business) unless ascii_only. */
static int check_domain(const char *s, bool ascii_only, char error[SW_CONF_ERROR_MAX])
{
	size_t n = strlen(s), label = 0;

	if (!n || n > DOMAIN_LEN_MAX)
		return refuse(error, "a domain name has 1 to %d bytes", DOMAIN_LEN_MAX);
	if (s[0] == '.')
		return refuse(error, "\"%s\" starts with '.': name the domain itself; there is no matching of whole subtrees", s);
	if (strchr(s, '*'))
		return refuse(error, "\"%s\": no wildcards here; allow_wildcard is for what the peer's certificate may hold", s);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c != '.' && bad_label_byte(c, ascii_only))
			return refuse(error, c >= 0x80 ? "\"%s\": write the ASCII form (xn--...)" : "\"%s\" is not a domain name",
				      s);
		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_LEN_MAX || (c == '.' && i && s[i - 1] == '.'))
			return refuse(error, "\"%s\" is not a domain name", s);
	}
	return 0;
}

static bool is_ip(const char *s, int *family)
{
	struct sw_addr a;

	if (sw_addr_parse(&a, sw_str_of(s), 0) != 0 || sw_addr_port(&a) != 0)
		return false;
	*family = sw_addr_family(&a);
	return true;
}

static bool looks_numeric(const char *s)
{
	return *s && s[strspn(s, "0123456789.")] == '\0';
}

static int check_host(const char *s, char error[SW_CONF_ERROR_MAX])
{
	int family;

	if (is_ip(s, &family))
		return family == AF_INET ? 0 : refuse(error, "\"%s\": write a name; IPv6 literals do not belong here", s);
	if (looks_numeric(s))
		return refuse(error, "\"%s\" is neither a host name nor an address", s);
	return check_domain(s, true, error);
}

static int check_identity(const char *s, char error[SW_CONF_ERROR_MAX])
{
	int family;

	if (is_ip(s, &family))
		return 0;
	return check_domain(s, false, error);
}

static int check_target(const char *s, char error[SW_CONF_ERROR_MAX])
{
	const char *colon = strrchr(s, ':');
	char host[DOMAIN_LEN_MAX + 2];
	struct sw_addr a;
	uint32_t port;

	if (sw_addr_parse(&a, sw_str_of(s), 0) == 0) {
		bool zero_port = !sw_addr_port(&a) && (s[0] == '['                     ? strstr(s, "]:")
						       : sw_addr_family(&a) == AF_INET ? colon
										       : NULL);

		if (zero_port || sw_addr_is_any(&a) || sw_addr_is_multicast(&a))
			return refuse(error, "\"%s\" is no address of a host", s);
		return 0;
	}
	if (!colon)
		return looks_numeric(s) ? refuse(error, "\"%s\" is not an address", s) : check_domain(s, false, error);
	if (sw_str_u32(sw_str_of(colon + 1), 65535, &port) || !port)
		return refuse(error, "\"%s\": the port is a number from 1 to 65535", s);
	if (!sw_str_copy(host, sizeof(host), (struct sw_str){ s, (size_t)(colon - s) }) || looks_numeric(host))
		return refuse(error, "\"%s\" is not host:port", s);
	return check_domain(host, false, error);
}

static int check_method(const char *s, char error[SW_CONF_ERROR_MAX])
{
	size_t n = strlen(s);

	if (!n || n > 32 || strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~") != n)
		return refuse(error, "\"%s\" is not a SIP method (they are written in capitals)", s);
	return 0;
}

static int check_pin(const char *s, char error[SW_CONF_ERROR_MAX])
{
	if (strlen(s) != PIN_LEN || strspn(s, "0123456789abcdefABCDEF") != PIN_LEN)
		return refuse(error, "\"%s\" is not a pin: 64 hex digits, the SHA-256 of the public key", s);
	return 0;
}

/* '@' (@SECLEVEL, @STRENGTH) and the NULL suites would take protection away; neither is needed for a list in order. */
static int check_tls_list(const char *s, char error[SW_CONF_ERROR_MAX])
{
	int r = check_text(s, error);

	if (r)
		return r;
	for (const char *p = s; *p; p++) {
		if (!isascii(*p) || !(isalnum((unsigned char)*p) || strchr("-_+:", *p)))
			return refuse(error, "'%c' is not allowed here: names in order, separated by ':'", *p);
	}
	if (strstr(s, "NULL"))
		return refuse(error, "suites without encryption or authentication are not offered");
	return 0;
}

/* --- strings --- */

static int check_string(enum sw_conf_type t, const char *s, char error[SW_CONF_ERROR_MAX])
{
	switch (t) {
	case SW_CONF_NAME:
	case SW_CONF_NAMES:
		return check_name(s, error);
	case SW_CONF_TLS_LIST:
		return check_tls_list(s, error);
	case SW_CONF_LABEL:
		return looks_numeric(s) ? refuse(error, "\"%s\" is not a label", s) : check_domain(s, true, error);
	case SW_CONF_HOST:
		return check_host(s, error);
	case SW_CONF_DOMAINS:
		return looks_numeric(s) ? refuse(error, "\"%s\" is not a domain", s) : check_domain(s, false, error);
	case SW_CONF_IDENTITIES:
		return check_identity(s, error);
	case SW_CONF_TARGETS:
		return check_target(s, error);
	case SW_CONF_METHODS:
		return check_method(s, error);
	case SW_CONF_PINS:
		return check_pin(s, error);
	default:
		return check_text(s, error);
	}
}

static int store_path(const char *s, const char *dir, char **out, char error[SW_CONF_ERROR_MAX])
{
	char *p;

	while (strncmp(s, "./", 2) == 0)
		s += 2;
	if (!*s)
		return refuse(error, "a path must not be empty");
	if (asprintf(&p, "%s%s%s", *s == '/' ? "" : dir, *s == '/' ? "" : "/", s) < 0)
		return SW_ENOMEM;
	if (strlen(p) > PATH_LEN_MAX) {
		free(p);
		return refuse(error, "a path has at most %d bytes", PATH_LEN_MAX);
	}
	*out = p;
	return 0;
}

/* Where a secret is. The text is not repeated: it may be the secret itself. */
static int store_secret(const char *s, const char *dir, char **out, char error[SW_CONF_ERROR_MAX])
{
	static const char *const kinds[] = { "env:", "credential:" };
	char *path = NULL;
	int r;

	if (strncmp(s, "file:", 5) == 0) {
		r = store_path(s + 5, dir, &path, error);
		if (r == 0 && asprintf(out, "file:%s", path) < 0)
			r = SW_ENOMEM;
		free(path);
		return r;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i]);

		if (strncmp(s, kinds[i], n) != 0)
			continue;
		if (check_name(s + n, error))
			return refuse(error, "after \"%s\" comes a name of letters, digits, '.', '_' and '-'", kinds[i]);
		*out = sw_str_dup(sw_str_of(s));
		return *out ? 0 : SW_ENOMEM;
	}
	return refuse(error, "the passphrase itself does not belong here: put it alone into a file that only sipward can read and write "
			     "\"file:PATH\", or \"credential:NAME\" (LoadCredential= of systemd), or \"env:NAME\"");
}

bool sw_conf_is_url(const char *s)
{
	return strncasecmp(s, "https://", 8) == 0;
}

static int check_url(const char *s, char error[SW_CONF_ERROR_MAX])
{
	if (strncasecmp(s, "http://", 7) == 0)
		return refuse(error, "\"%s\": a list that decides who is trusted is fetched over https alone", s);
	for (const char *p = s; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("\"\\<>^`{|}@#", *p))
			return refuse(error, "\"%s\" is not an address: https://host/path, without a user or blanks", s);
	return strlen(s) < 2000 && isalnum((unsigned char)s[8]) ? 0 : refuse(error, "\"%s\" is not an address: https://host/path", s);
}

static int parse_string(enum sw_conf_type t, const char *s, const char *dir, char **out, char error[SW_CONF_ERROR_MAX])
{
	int r = check_string(t, s, error);
	char *copy;

	if (r)
		return r;
	if (t == SW_CONF_PATHS_OR_URLS && (sw_conf_is_url(s) || strncasecmp(s, "http://", 7) == 0)) {
		r = check_url(s, error);
		if (r)
			return r;
	} else if (t == SW_CONF_PATH || t == SW_CONF_PATHS || t == SW_CONF_PATHS_OR_URLS)
		return store_path(s, dir, out, error);
	if (t == SW_CONF_SECRET)
		return store_secret(s, dir, out, error);
	copy = sw_str_dup(sw_str_of(s));
	if (!copy)
		return SW_ENOMEM;
	if (t == SW_CONF_PINS) {
		for (char *p = copy; *p; p++)
			*p = (char)tolower((unsigned char)*p);
	}
	*out = copy;
	return 0;
}

/* --- addresses --- */

static int parse_addr(const char *s, struct sw_addr *out, char error[SW_CONF_ERROR_MAX])
{
	struct sw_addr a;

	if (sw_addr_parse(&a, sw_str_of(s), 0))
		return refuse(error, "\"%s\" is not an IP address", s);
	if (sw_addr_port(&a))
		return refuse(error, "\"%s\": an address without a port belongs here", s);
	if (sw_addr_is_multicast(&a))
		return refuse(error, "\"%s\" is a multicast or broadcast address", s);
	*out = a;
	return 0;
}

static int parse_server(const char *s, struct sw_conf_dns_server *out, char error[SW_CONF_ERROR_MAX])
{
	struct sw_addr a;

	if (sw_addr_parse(&a, sw_str_of(s), DNS_PORT))
		return refuse(error, "\"%s\" is not an address or address:port", s);
	if (sw_addr_is_any(&a) || sw_addr_is_multicast(&a) || !sw_addr_port(&a))
		return refuse(error, "\"%s\" is no address of a resolver", s);
	out->addr = a;
	return 0;
}

static int parse_prefix(const char *s, struct sw_prefix *out, char error[SW_CONF_ERROR_MAX])
{
	struct sw_prefix p;

	if (sw_prefix_parse(&p, sw_str_of(s)))
		return refuse(error, "\"%s\" is not a network: write \"10.0.0.0/8\", with no bits set beyond the length", s);
	*out = p;
	return 0;
}

/* --- one value --- */

struct sw_conf_value sw_conf_value_of_default(const struct sw_conf_key *k, const char *text)
{
	if (is_number(k->type))
		return (struct sw_conf_value){ .is = SW_CONF_IS_NUMBER, .number = strtoll(text, NULL, 10) };
	if (k->type == SW_CONF_BOOL)
		return (struct sw_conf_value){ .is = SW_CONF_IS_BOOL, .boolean = strcmp(text, "true") == 0 };
	return (struct sw_conf_value){ .is = SW_CONF_IS_TEXT, .text = text };
}

static int parse_text(const struct sw_conf_key *k, const char *s, const char *dir, void *at, void *at2,
		      char error[SW_CONF_ERROR_MAX])
{
	unsigned word = 0;
	int r;

	switch (k->type) {
	case SW_CONF_ENUM:
	case SW_CONF_SET:
	case SW_CONF_WORD_BOOL:
		r = parse_word(k, s, &word, error);
		if (r)
			return r;
		if (k->type == SW_CONF_WORD_BOOL)
			*(bool *)at = word != 0;
		else
			memcpy(at, &word, sizeof(word));
		return 0;
	case SW_CONF_PORTS:
		return parse_ports(k, s, at, at2, error);
	case SW_CONF_ADDR:
	case SW_CONF_ADDRS:
		return parse_addr(s, at, error);
	case SW_CONF_SERVERS:
		return parse_server(s, at, error);
	case SW_CONF_PREFIXES:
		return parse_prefix(s, at, error);
	default:
		return parse_string(k->type, s, dir, at, error);
	}
}

int sw_conf_value_parse(const struct sw_conf_key *k, const struct sw_conf_value *v, const char *dir, void *at, void *at2,
			char error[SW_CONF_ERROR_MAX])
{
	uint64_t n = 0;
	int r;

	if (k->type == SW_CONF_BOOL) {
		if (v->is != SW_CONF_IS_BOOL)
			return refuse(error, "must be true or false, without quotes");
		*(bool *)at = v->boolean;
		return 0;
	}
	if (is_number(k->type) || is_time(k->type) || k->type == SW_CONF_SIZE32) {
		r = parse_number(k, v, &n, error);
		if (r)
			return r;
		if (k->type == SW_CONF_TIME64)
			*(uint64_t *)at = n;
		else if (k->type == SW_CONF_PORT)
			*(uint16_t *)at = (uint16_t)n;
		else
			*(uint32_t *)at = (uint32_t)n;
		return 0;
	}
	if (v->is != SW_CONF_IS_TEXT)
		return refuse(error, "must be text in quotes");
	return parse_text(k, v->text, dir, at, at2, error);
}

/* --- printing --- */

void sw_conf_print_quoted(const char *s, struct sw_buf *out)
{
	sw_buf_str(out, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			sw_buf_str(out, "\\");
		sw_buf_put(out, s, 1);
	}
	sw_buf_str(out, "\"");
}

static void print_number(enum sw_conf_type t, const void *at, struct sw_buf *out)
{
	char text[SW_CONF_TEXT_MAX];
	uint64_t n;

	if (t == SW_CONF_TIME64)
		n = *(const uint64_t *)at;
	else if (t == SW_CONF_PORT)
		n = *(const uint16_t *)at;
	else
		n = *(const uint32_t *)at;
	sw_conf_number_text(t, n, text);
	if (is_number(t))
		sw_buf_str(out, text);
	else
		sw_conf_print_quoted(text, out);
}

void sw_conf_value_print(const struct sw_conf_key *k, const void *at, const void *at2, struct sw_buf *out)
{
	char text[SW_ADDR_STRLEN];
	const struct sw_prefix *p;
	unsigned word;

	switch (k->type) {
	case SW_CONF_BOOL:
		sw_buf_str(out, *(const bool *)at ? "true" : "false");
		break;
	case SW_CONF_WORD_BOOL:
		sw_conf_print_quoted(sw_conf_word_name(k->words, *(const bool *)at), out);
		break;
	case SW_CONF_ENUM:
		memcpy(&word, at, sizeof(word));
		sw_conf_print_quoted(sw_conf_word_name(k->words, word), out);
		break;
	case SW_CONF_PORTS:
		sw_buf_printf(out, "\"%u-%u\"", *(const uint16_t *)at, *(const uint16_t *)at2);
		break;
	case SW_CONF_ADDR:
	case SW_CONF_ADDRS:
		sw_conf_print_quoted(sw_addr_host_text(at, text), out);
		break;
	case SW_CONF_SERVERS:
		sw_conf_print_quoted(sw_addr_text(&((const struct sw_conf_dns_server *)at)->addr, text), out);
		break;
	case SW_CONF_PREFIXES:
		p = at;
		sw_buf_printf(out, "\"%s/%u\"", sw_addr_host_text(&p->addr, text), p->bits);
		break;
	case SW_CONF_U32:
	case SW_CONF_PORT:
	case SW_CONF_TIME64:
	case SW_CONF_TIME32:
	case SW_CONF_SIZE32:
		print_number(k->type, at, out);
		break;
	default:
		sw_conf_print_quoted(*(char *const *)at, out);
	}
}
