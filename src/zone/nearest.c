/* SPDX-License-Identifier: Apache-2.0 */
#include "zone/nearest.h"

#include "zone/zone_int.h"

/* A fault is as far as it is hard to repair: a listener and a network are lines of ours, a name is another certificate. */
enum { FAR_PLACE = 1, FAR_MODE = 2, FAR_CHAIN = 3, FAR_NAME = 6, JUDGED_MAX = 64 };

static bool source_ok(const struct sw_conf_zone *conf, const struct sw_addr *source)
{
	for (size_t i = 0; i < conf->n_sources; i++)
		if (sw_prefix_has(&conf->sources[i], source))
			return true;
	return conf->n_sources == 0;
}

/* The same text in a name of a kind the zone's mode does not look at, or a wildcard it does not take. */
static bool nearly(const struct sw_identity *id, const struct sw_zone *zone)
{
	bool has_uri = sw_match_has_uri(id);

	for (size_t i = 0; i < id->n_names; i++)
		for (size_t k = 0; k < zone->n_names; k++) {
			enum sw_hit hit = sw_match_pair(id, has_uri, &id->names[i], zone->names[k], zone->name_is_ip[k],
							zone->conf->match, zone->conf->allow_wildcard);

			if (hit == SW_HIT_NOT_COUNTED || hit == SW_HIT_WILDCARD_REFUSED)
				return true;
		}
	return false;
}

static void keep(struct sw_near_zone out[SW_NEAREST_MAX], size_t *n, const struct sw_near_zone *one)
{
	size_t at = *n;

	while (at > 0 && out[at - 1].distance > one->distance)
		at--;
	if (at == SW_NEAREST_MAX)
		return;
	if (*n < SW_NEAREST_MAX)
		(*n)++;
	memmove(&out[at + 1], &out[at], (*n - at - 1) * sizeof(*out));
	out[at] = *one;
}

size_t sw_zone_nearest(const struct sw_zoneset *z, const struct sw_admit_facts *f, struct sw_near_zone out[SW_NEAREST_MAX])
{
	unsigned judged = 0;
	size_t listener = 0, n = 0;

	if (!f->identity)
		return 0;
	while (listener < z->conf->n_listeners && strcmp(z->conf->listeners[listener].name, f->listener->name) != 0)
		listener++;
	for (size_t i = 0; i < z->n; i++) {
		struct sw_near_zone one = { .zone = &z->zones[z->order[i]] };
		const struct sw_conf_zone *conf = one.zone->conf;

		if (conf->kind == SW_ZONE_DEFAULT)
			continue;
		one.name = sw_match_zone(f->identity, one.zone, NULL);
		one.listener = listener < z->conf->n_listeners && sw_zone_serves(z, one.zone, listener);
		one.source = source_ok(conf, &f->source);
		one.distance = (one.listener ? 0 : FAR_PLACE) + (one.source ? 0 : FAR_PLACE);
		if (one.name != SW_R_OK)
			one.distance += one.name == SW_R_ID_PIN || nearly(f->identity, one.zone) ? FAR_MODE : FAR_NAME;
		if (f->chain && judged < JUDGED_MAX && one.distance <= FAR_NAME) {
			f->chain(f->chain_arg, one.zone, &one.result);
			one.chain = one.result.reason;
			judged++;
		}
		one.distance += one.chain == SW_R_OK ? 0 : FAR_CHAIN;
		keep(out, &n, &one);
	}
	return n;
}
