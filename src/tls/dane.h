/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A certificate as DANE's records speak of it (RFC 6698 2.1). */
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/error.h"

/*
 * What a TLSA record with this selector (0: certificate, 1: public key) and matching type (0: as it is, 1: SHA-256, 2: SHA-512)
 * holds for the certificate. *out is the caller's. SW_EINVALID for other numbers.
 */
int sw_cert_association(const X509 *cert, unsigned selector, unsigned matching, uint8_t **out, size_t *len) SW_MUSTCHECK;
/* Is each of the first n certificates signed by the one after it? */
bool sw_certs_linked(STACK_OF(X509) *sent, int n);
