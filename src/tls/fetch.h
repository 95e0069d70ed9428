/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The chain a server shows, for the operator's command. Blocks: never on a loop. */
#include <openssl/x509.h>
#include "core/str.h"

/*
 * Connects, takes what the server presents and goes away. Nothing is proved and nothing is sent; a server that insists on a
 * client certificate is asked all the same. host: a name or an IP literal without brackets. *out: leaf first, the caller
 * frees it. Below 0: why says what happened.
 */
int sw_tls_fetch(STACK_OF(X509) **out, const char *host, const char *port, int timeout_ms, char why[160]) SW_MUSTCHECK;
