/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Errors are values: 0 or a negative code. The first block is -errno; our own
 * codes start at -1000. These are *our* faults and the environment's. A fault
 * of the peer is never one of them: that is a verdict (core/reason.h).
 */
#define SW_MUSTCHECK __attribute__((warn_unused_result))
#define SW_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum sw_error {
	SW_OK = 0,
	SW_EPARSE = -1000,   /* input is not of the expected form */
	SW_ELIMIT = -1001,   /* a configured bound was reached */
	SW_ENOTFOUND = -1002,/* no such object */
	SW_ECONF = -1003,    /* configuration can't be honoured; see the diagnostics */
	SW_ECRYPTO = -1004,  /* OpenSSL refused; see the diagnostics */
	SW_EDNS = -1005,     /* DNS gave no usable answer */
	SW_ESTORE = -1006,   /* the store failed */
	SW_ECLOSED = -1007,  /* the other end is gone */
	SW_EAGAIN = -1008,   /* nothing to do now, try again on the next event */
	SW_ETIMEOUT = -1009, /* a deadline passed */
	SW_EINTERNAL = -1010,/* a thing that should not be: logged where it is found */
	SW_EINVALID = -1011, /* the caller's argument is out of range */
	SW_ENOMEM = -1012,   /* out of memory */
	SW_EEXISTS = -1013,  /* already there */
};

/* The code for an errno value (> 0). */
int sw_error_from_errno(int err);

/* A static text for any code of this file, or for -errno. Never NULL. */
const char *sw_error_text(int code);
