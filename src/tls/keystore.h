/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The only file that touches private keys, so that a signer process can take its place. */
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include "core/diag.h"

/*
 * Loads the PEM key and gives it to ctx, whose certificate must be set already (they are compared).
 * Refused: a file readable by others, a key that doesn't match, RSA < 2048.
 */
int sw_keystore_use(SSL_CTX *ctx, const char *path, struct sw_diag *diag) SW_MUSTCHECK;
