/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the load generators share. They end the process when something of their own fails: a measurement has no second best. */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t sw_now_ns(void);
_Noreturn void sw_die(const char *what);

/* host:port; the address must be numeric. n spreads connections over source addresses 127.0.1.1-16, so that ports suffice. */
int sw_dial(const char *where, unsigned n);
int sw_listen_on(const char *where);

/* TLS 1.3. A server asks for a certificate of ca; a client checks nothing, so that it costs less than what it measures. */
SSL_CTX *sw_load_ctx(bool server, const char *cert, const char *key, const char *ca);

/* CPU time, and with memory the proportional set size, of process trees: "123,456". */
struct sw_usage {
	double cpu_us;
	double pss_kb;
	unsigned processes;
};
void sw_usage_of(const char *pids, bool memory, struct sw_usage *out);

/* p of 100; sorts. */
double sw_percentile(double *v, size_t n, double p);
