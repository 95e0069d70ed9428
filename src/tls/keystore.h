/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The only file that touches private keys, so that a signer process can take its place. */
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include "core/diag.h"

/*
 * Loads the PEM key and gives it to ctx, whose certificate must be set already (they are compared).
 * password says where the passphrase of an encrypted key is (sw_conf_cert.key_password), NULL: nowhere. Nobody is ever asked.
 * Refused: a file readable by others, the passphrase's too; a wrong passphrase; a key that doesn't match; RSA < 2048.
 */
int sw_keystore_use(SSL_CTX *ctx, const char *path, const char *password, struct sw_diag *diag) SW_MUSTCHECK;
/* The file a key_password names. SW_ENOTFOUND: it names none (env:), or there are no credentials here. */
int sw_keystore_secret_path(const char *spec, char *dst, size_t size) SW_MUSTCHECK;
