/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A way to a host through an HTTP proxy, or without one, and TLS within (libcurl): for threads of the operator's command.
 * Blocks, within bounds: never on a loop. The host's certificate is looked at, not enforced: who asks decides.
 */
#include "core/addr.h"

enum { SW_PROXY_NONE = 0, SW_PROXY_BASIC = 1, SW_PROXY_DIGEST = 2, SW_PROXY_NTLM = 4, SW_PROXY_NEGOTIATE = 8 };

struct sw_tunnel_opts {
	const char *proxy;           /* "http://proxy.example:3128", without user and password; NULL: directly */
	struct sw_addr proxy_addr;   /* where that is: nothing is looked up here */
	unsigned auth;               /* one of SW_PROXY_*; the others are not tried */
	const char *user, *password; /* NULL: none */
	const char *host;            /* a name or an address literal */
	struct sw_addr addr;         /* directly: where the host is */
	uint16_t port;
	bool tls;
	uint64_t ms;
};

struct sw_tunnel_facts {
	long status;      /* the proxy's answer to CONNECT; 0: none came, or no proxy */
	unsigned offered; /* set of SW_PROXY_*: what a 407 asks for */
	bool tls;         /* the handshake with the host was made */
	char sha256[65];  /* of the host's certificate, hex; "" without TLS */
	char issuer[256];
	char doubt[160]; /* why no public CA (or $SSL_CERT_FILE) vouches for it under this name; "" where one does */
	char why[160];   /* why there is no way */
};

struct sw_tunnel;
/* SW_OK with *out, or SW_ECLOSED or SW_ETIMEOUT; *facts is filled in both cases. */
int sw_tunnel_open(struct sw_tunnel **out, const struct sw_tunnel_opts *o, struct sw_tunnel_facts *facts) SW_MUSTCHECK;
void sw_tunnel_close(struct sw_tunnel *t);
int sw_tunnel_send(struct sw_tunnel *t, struct sw_str s, uint64_t ms) SW_MUSTCHECK;
/* Some bytes; SW_ETIMEOUT, SW_ECLOSED. */
ssize_t sw_tunnel_recv(struct sw_tunnel *t, void *p, size_t n, uint64_t ms) SW_MUSTCHECK;
const char *sw_proxy_auth_name(unsigned auth); /* "basic"; of one */
