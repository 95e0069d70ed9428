/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an admission costs beside the handshake: 1,000 zones of 10 names each, a certificate of 1 to 50 names, the chain taken as
 * good. Prints nanoseconds per admission. Links libsw_zone, libsw_tls (identity), libsw_conf and libsw_core.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "zone/admit.h"

enum { ZONES = 1000, NAMES = 10, ROUNDS = 200000 };

static char *text(const char *fmt, unsigned a, unsigned b)
{
	char *s = malloc(64);

	if (!s)
		exit(1);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(s, 64, fmt, a, b);
#pragma GCC diagnostic pop
	return s;
}

static void chain_ok(void *arg, const struct sw_zone *zone, struct sw_chain_result *out)
{
	(void)arg;
	(void)zone;
	out->reason = SW_R_OK;
}

static struct sw_zoneset *make_zones(struct sw_conf *conf, struct sw_conf_listener *listener)
{
	struct sw_conf_zone *zones = calloc(ZONES, sizeof(*zones));
	char **listeners = calloc(1, sizeof(*listeners));
	struct sw_zoneset *set;

	if (!zones || !listeners)
		exit(1);
	listeners[0] = listener->name;
	for (unsigned i = 0; i < ZONES; i++) {
		zones[i] = (struct sw_conf_zone){ .name = text("zone-%u-%u", i, 0), .listeners = { listeners, 1 },
						  .names = { calloc(NAMES, sizeof(char *)), NAMES } };
		for (unsigned k = 0; k < NAMES; k++)
			zones[i].names.v[k] = text("edge%2$u.customer%1$u.example", i, k);
	}
	*conf = (struct sw_conf){ .refs = 1, .listeners = listener, .n_listeners = 1, .zones = zones, .n_zones = ZONES };
	if (sw_zoneset_new(&set, conf, NULL) < 0)
		exit(1);
	return set;
}

static void measure(const struct sw_zoneset *set, const struct sw_conf_listener *listener, unsigned names, bool known)
{
	struct sw_name *v = calloc(names, sizeof(*v));
	struct sw_identity id = { .names = v, .n_names = names, .has_san = true };
	struct sw_admit_facts f = { .listener = listener, .identity = &id, .chain = chain_ok };
	struct timespec a, b;
	struct sw_admission got;
	unsigned admitted = 0;

	if (!v)
		exit(1);
	for (unsigned i = 0; i < names; i++)
		v[i] = (struct sw_name){ .type = SW_NAME_DNS,
					 .host = known && i + 1 == names ? text("edge%2$u.customer%1$u.example", 777, 7)
									 : text("other%u-%u.example", i, 0) };
	for (unsigned i = 0; i < names; i++)
		v[i].value = v[i].host;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned i = 0; i < ROUNDS; i++) {
		sw_zone_admit(set, &f, &got);
		admitted += got.zone != NULL;
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%2u names, %-7s %7.0f ns per admission\n", names, admitted ? "known:" : "unknown:",
	       ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / ROUNDS);
	for (unsigned i = 0; i < names; i++)
		free(v[i].host);
	free(v);
}

int main(void)
{
	struct sw_conf_listener listener = { .name = text("mtls", 0, 0), .transport = SW_TRANSPORT_MTLS };
	static const unsigned sizes[] = { 1, 10, 50 };
	struct sw_conf conf;
	struct sw_zoneset *set = make_zones(&conf, &listener);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		measure(set, &listener, sizes[i], true);
		measure(set, &listener, sizes[i], false);
	}
	return 0;   /* the zones are left to the system */
}
