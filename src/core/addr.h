/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* IP addresses with a port, and prefixes. Plain data. */
#include <netinet/in.h>
#include <sys/socket.h>
#include "core/str.h"

struct sw_addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	};
};

struct sw_prefix {
	struct sw_addr addr;
	unsigned bits;
};

enum { SW_ADDR_STRLEN = 64 };  /* "[ipv6]:65535" with room */

/* "192.0.2.1", "2001:db8::1", "192.0.2.1:5061", "[2001:db8::1]:5061"; the port is default_port where none is given. */
int sw_addr_parse(struct sw_addr *a, struct sw_str s, uint16_t default_port) SW_MUSTCHECK;
int sw_addr_from_sockaddr(struct sw_addr *a, const struct sockaddr *sa) SW_MUSTCHECK;
socklen_t sw_addr_len(const struct sw_addr *a);
int sw_addr_family(const struct sw_addr *a);                 /* AF_INET, AF_INET6 or AF_UNSPEC */
uint16_t sw_addr_port(const struct sw_addr *a);
void sw_addr_set_port(struct sw_addr *a, uint16_t port);
bool sw_addr_eq(const struct sw_addr *a, const struct sw_addr *b);      /* address and port */
bool sw_addr_same_host(const struct sw_addr *a, const struct sw_addr *b); /* address alone; v4-mapped equals v4 */
const char *sw_addr_text(const struct sw_addr *a, char dst[SW_ADDR_STRLEN]);       /* with port */
const char *sw_addr_host_text(const struct sw_addr *a, char dst[SW_ADDR_STRLEN]);  /* without port or brackets */
/* What kind of network: IPv4 inside IPv6 (v4-mapped, 64:ff9b::/96, 2002::/16) is judged as the IPv4 it leads to. */
bool sw_addr_is_any(const struct sw_addr *a);         /* 0.0.0.0, ::, also v4-mapped */
bool sw_addr_is_loopback(const struct sw_addr *a);
bool sw_addr_is_multicast(const struct sw_addr *a);   /* or broadcast */
bool sw_addr_is_link_local(const struct sw_addr *a);
bool sw_addr_is_private(const struct sw_addr *a);     /* RFC 1918, 100.64/10, ULA, site-local, 64:ff9b:1::/48 */
bool sw_addr_is_reserved(const struct sw_addr *a);    /* 0/8, 240/4, ::, ::a.b.c.d; documentation is NOT */

int sw_prefix_parse(struct sw_prefix *p, struct sw_str s) SW_MUSTCHECK;  /* "10.0.0.0/8"; host bits set: SW_EPARSE; no slash: a host */
bool sw_prefix_has(const struct sw_prefix *p, const struct sw_addr *a);
