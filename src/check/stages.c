/* SPDX-License-Identifier: Apache-2.0 */
/* The stages whose probes are not there yet: they look at nothing and report nothing. Each leaves with its stage's arrival. */
#include "check/check.h"

void sw_check_dns_domain(struct sw_check *c, const char *domain)
{
	(void)c;
	(void)domain;
}

void sw_check_dns_host(struct sw_check *c, const char *host, uint16_t port, bool tls)
{
	(void)c;
	(void)host;
	(void)port;
	(void)tls;
}
