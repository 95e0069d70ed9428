/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people see is the display name: "jane@victim.example" <sip:x@attacker.example> is the oldest trick there is. A display
 * name may hold the caller's own address, and no other.
 */
#include <stdio.h>

#include "zone/zone_int.h"

enum { DISPLAY_MAX = 512 };

struct display {
	const struct sw_zoneset *z;
	const char *from_domain;
	sw_proved_fn *proved;
	void *proved_arg;
	char text[DISPLAY_MAX + 1];
	size_t n;
};

/* As a reader sees it: no backslashes of quoted pairs, look-alikes of '@' (U+FF20, U+FE6B) and ':' (U+FF1A) made plain. */
static void plain(struct display *d, struct sw_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		struct sw_str rest = { s.p + i, 3 };

		if (s.p[i] == '\\') {
			continue;
		} else if (s.n - i >= 3 && (sw_str_eq(rest, SW_STR("\xef\xbc\xa0")) || sw_str_eq(rest, SW_STR("\xef\xb9\xab")))) {
			d->text[d->n++] = '@';
			i += 2;
		} else if (s.n - i >= 3 && sw_str_eq(rest, SW_STR("\xef\xbc\x9a"))) {
			d->text[d->n++] = ':';
			i += 2;
		} else {
			d->text[d->n++] = s.p[i];
		}
	}
}

static bool alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Bytes a domain may be shown with; 8-bit ones may be a U-label's. */
static bool host_byte(char c)
{
	return alnum(c) || c == '.' || c == '-' || c == '_' || (unsigned char)c >= 0x80;
}

/* The longest run of them from at. */
static struct sw_str host_at(const struct display *d, size_t at)
{
	size_t end = at;

	while (end < d->n && host_byte(d->text[end]))
		end++;
	return (struct sw_str){ d->text + at, end - at };
}

/* Punctuation around a word is not part of it: "(victim.example)." */
static struct sw_str word(struct sw_str s)
{
	while (s.n && (s.p[0] == '.' || s.p[0] == '-')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == '.' || s.p[s.n - 1] == '-'))
		s.n--;
	return s;
}

static bool is_own(const struct display *d, struct sw_str host)
{
	char domain[256];

	return d->from_domain[0] && sw_domain_normalize(domain, word(host)) == SW_OK && !strcmp(domain, d->from_domain);
}

/* Does "sip:" or "sips:", as a word, end before at? */
static bool scheme_before(const struct display *d, size_t at)
{
	static const struct sw_str scheme[] = { { "sip:", 4 }, { "sips:", 5 } };

	for (size_t i = 0; i < 2; i++)
		if (at >= scheme[i].n && sw_str_ieq((struct sw_str){ d->text + at - scheme[i].n, scheme[i].n }, scheme[i]) &&
		    (at == scheme[i].n || !alnum(d->text[at - scheme[i].n - 1])))
			return true;
	return false;
}

/* After "sip:" comes a host, or a user up to an '@', which is looked at by itself. */
static bool has_user(const struct display *d, size_t at)
{
	while (at < d->n && d->text[at] != ' ' && d->text[at] != '@')
		at++;
	return at < d->n && d->text[at] == '@';
}

static bool is_known(const struct display *d, const char *domain)
{
	return sw_zoneset_is_local(d->z, domain) || sw_zoneset_owner(d->z, domain) ||
	       (d->proved && d->proved(d->proved_arg, domain));
}

/* A word that is a domain somebody here stands for, or is below one. */
static bool is_someones(const struct display *d, struct sw_str host)
{
	char domain[256];

	if (sw_domain_normalize(domain, word(host)) < 0)
		return false;
	for (const char *at = domain; strchr(at, '.'); at = strchr(at, '.') + 1) {
		if (!strcmp(at, d->from_domain))
			return false;
		if (is_known(d, at))
			return true;
	}
	return false;
}

static bool show(char *seen, size_t size, const struct display *d, size_t at, size_t n)
{
	sw_str_copy(seen, size, (struct sw_str){ d->text + at, n });
	return true;
}

bool sw_display_foreign(const struct sw_zoneset *z, struct sw_str display, const char *from_domain, sw_proved_fn *proved,
			void *proved_arg, char *seen, size_t size)
{
	struct display d = { .z = z, .from_domain = from_domain, .proved = proved, .proved_arg = proved_arg };

	if (display.n > DISPLAY_MAX) {
		snprintf(seen, size, "%zu bytes", display.n);
		return true;
	}
	plain(&d, display);
	for (size_t at = 0; at < d.n; at++) {
		bool address = d.text[at] == '@' || (d.text[at] == ':' && scheme_before(&d, at + 1) && !has_user(&d, at + 1));

		if (address && !is_own(&d, host_at(&d, at + 1)))
			return show(seen, size, &d, at, host_at(&d, at + 1).n + 1);
	}
	for (size_t at = 0; at < d.n;) {
		struct sw_str host = host_at(&d, at);

		if (host.n && is_someones(&d, host))
			return show(seen, size, &d, at, host.n);
		at += host.n + 1;
	}
	return false;
}

static bool presentable(struct sw_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return true;
}

void sw_display_rewrite(char *dst, size_t size, const struct sw_uri_facts *from)
{
	const char *scheme = from->scheme == SW_SCHEME_TEL ? "tel:" : from->scheme == SW_SCHEME_SIPS ? "sips:" : "sip:";
	struct sw_str host = from->scheme == SW_SCHEME_TEL ? (struct sw_str){ "", 0 } : from->host;
	bool v6 = host.n && memchr(host.p, ':', host.n);
	int n = -1;

	if (sw_uri_is_anonymous(from)) {
		sw_str_copy(dst, size, SW_STR("Anonymous"));
		return;
	}
	if (from->user.n < size && host.n < size && presentable(from->user) && presentable(host))
		n = snprintf(dst, size, "%s%.*s%s%s%.*s%s", scheme, (int)from->user.n, from->user.n ? from->user.p : "",
			     from->user.n && host.n ? "@" : "", v6 ? "[" : "", (int)host.n, host.n ? host.p : "", v6 ? "]" : "");
	if (n < 0 || (size_t)n >= size)
		sw_str_copy(dst, size, SW_STR("unknown"));
}
