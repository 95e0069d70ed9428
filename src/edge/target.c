/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/target.h"

int sw_target_query(struct sw_target_query *t, const struct sw_conf *conf, const struct sw_conf_zone *zone, struct sw_str host,
		    uint16_t port, bool sips)
{
	t->q = (struct sw_locate_query){
		.host = t->name,
		.port = port,
		.tls = zone->target_transport != SW_TRANSPORT_TCP,
		.sips = sips,
		.naptr = zone->kind == SW_ZONE_DNS,
		.allowed = zone->target_networks,
		.n_allowed = zone->n_target_networks,
		.own = t->own,
	};
	if (host.n == 0 || !sw_str_copy(t->name, sizeof(t->name), host))
		return SW_EPARSE;
	for (size_t i = 0; i < conf->n_listeners; i++)
		for (size_t j = 0; j < conf->listeners[i].n_addresses && t->q.n_own < SW_OWN_ADDRESSES_MAX; j++)
			t->own[t->q.n_own++] = conf->listeners[i].addresses[j];
	return SW_OK;
}

int sw_target_query_configured(struct sw_target_query *t, const struct sw_conf *conf, const struct sw_conf_zone *zone, const char *target)
{
	struct sw_str host = sw_str_of(target);
	const char *colon = strrchr(target, ':');
	char text[SW_ADDR_STRLEN];
	struct sw_addr addr;
	uint32_t port = 0;

	if (sw_addr_parse(&addr, host, 0) == SW_OK) {
		host = sw_str_of(sw_addr_host_text(&addr, text));
		port = sw_addr_port(&addr);
	} else if (colon) {
		if (sw_str_u32(sw_str_of(colon + 1), 65535, &port) < 0)
			return SW_EPARSE;
		host.n = (size_t)(colon - target);
	}
	return sw_target_query(t, conf, zone, host, (uint16_t)port, false);
}
