/* SPDX-License-Identifier: Apache-2.0 */
/* A provider's networks: those of the profile, and its regions in the AWS address feed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <jansson.h>

#include "check/net.h"

enum { FEED_MAX = 16 << 20, PREFIXES_MAX = 100000 };

static bool covered(const struct sw_conf_zone *z, const struct sw_prefix *p)
{
	for (size_t i = 0; i < z->n_sources; i++)
		if (z->sources[i].bits <= p->bits && sw_prefix_has(&z->sources[i], &p->addr))
			return true;
	return false;
}

static const char *prefix_text(const struct sw_prefix *p, char dst[SW_ADDR_STRLEN + 8])
{
	char text[SW_ADDR_STRLEN];

	snprintf(dst, SW_ADDR_STRLEN + 8, "%s/%u", sw_addr_host_text(&p->addr, text), p->bits);
	return dst;
}

static void check_sources(struct sw_check *c, const struct sw_profile *p, const struct sw_conf_zone *z)
{
	char missing[600] = "", found[64], text[SW_ADDR_STRLEN + 8];
	size_t n = 0, used = 0;
	struct sw_finding *f;

	if (!z->n_sources)
		return; /* any network: nothing is missing */
	for (size_t i = 0; i < p->n_networks; i++) {
		if (!p->networks[i].from.confirmed || covered(z, &p->networks[i].prefix))
			continue;
		n++;
		if (used + SW_ADDR_STRLEN + 12 < sizeof(missing))
			used += (size_t)snprintf(missing + used, sizeof(missing) - used, "%s\"%s\"", used ? ", " : "",
						 prefix_text(&p->networks[i].prefix, text));
	}
	if (n)
		snprintf(found, sizeof(found), "%zu networks are missing", n);
	else
		snprintf(found, sizeof(found), "all of them");
	f = sw_check_report(c, SW_F_NET_SUBNETS_SOURCES, n ? SW_CHECK_FAIL : SW_CHECK_PASS, z->name, "the provider's networks",
			    found);
	if (n)
		sw_finding_set_fix(c, f, "sources = ( ..., %s );   # zone \"%s\"", missing, z->name);
}

/* --- the feed --- */

static bool has(const struct sw_strlist *list, const char *s)
{
	for (size_t i = 0; s && i < list->n; i++)
		if (!strcmp(list->v[i], s))
			return true;
	return false;
}

/* How many networks of this region and the services the feed has. */
static size_t count_region(json_t *prefixes, const char *key, const char *region, const struct sw_strlist *services)
{
	size_t i, n = 0;
	json_t *e;

	json_array_foreach(prefixes, i, e)
	{
		const char *r = json_string_value(json_object_get(e, "region")),
			   *s = json_string_value(json_object_get(e, "service"));
		const char *text = json_string_value(json_object_get(e, key));
		struct sw_prefix p;

		n += r && !strcmp(r, region) && has(services, s) && text && sw_prefix_parse(&p, sw_str_of(text)) == SW_OK;
	}
	return n;
}

static void look_into_feed(struct sw_check *c, json_t *feed, const char *path, const struct sw_profile_aws *aws)
{
	json_t *v4 = json_object_get(feed, "prefixes"), *v6 = json_object_get(feed, "ipv6_prefixes");
	const char *date = json_string_value(json_object_get(feed, "createDate"));

	if (!json_is_array(v4) || json_array_size(v4) > PREFIXES_MAX || json_array_size(v6) > PREFIXES_MAX) {
		sw_check_report(c, SW_F_NET_AWS, SW_CHECK_UNKNOWN, path, "the feed",
				"it has no list \"prefixes\", or too long a one");
		return;
	}
	for (size_t i = 0; i < aws->regions.n; i++) {
		size_t n4 = count_region(v4, "ip_prefix", aws->regions.v[i], &aws->services);
		size_t n6 = count_region(v6, "ipv6_prefix", aws->regions.v[i], &aws->services);
		char found[100];
		struct sw_finding *f;

		if (n4 + n6)
			snprintf(found, sizeof(found), "%zu IPv4 and %zu IPv6 networks", n4, n6);
		else
			snprintf(found, sizeof(found), "no such region in the feed");
		f = sw_check_report(c, SW_F_NET_AWS, n4 + n6 ? SW_CHECK_PASS : SW_CHECK_WARN, aws->regions.v[i],
				    "networks of the region", found);
		sw_finding_add(c, f, "feed_date", "%s", date ? date : "unknown");
	}
}

static void check_feed(struct sw_check *c, const char *path, const struct sw_profile_aws *aws)
{
	json_error_t error;
	struct stat st;
	json_t *feed = NULL;
	char why[200];

	if (stat(path, &st) < 0)
		snprintf(why, sizeof(why), "%s", strerror(errno));
	else if (!S_ISREG(st.st_mode) || st.st_size > FEED_MAX)
		snprintf(why, sizeof(why), "no regular file, or larger than 16 MiB");
	else if (!(feed = json_load_file(path, JSON_REJECT_DUPLICATES, &error)))
		snprintf(why, sizeof(why), "line %d: %.150s", error.line, error.text);
	if (feed)
		look_into_feed(c, feed, path, aws);
	else
		sw_check_report(c, SW_F_NET_AWS, SW_CHECK_UNKNOWN, path, "the feed", why);
	json_decref(feed);
}

void sw_net_subnets(struct sw_check *c)
{
	const struct sw_check_options *o = sw_check_options(c);
	const struct sw_profile *p = o->profile;
	struct sw_finding *f;
	char found[80];

	if (p->n_networks) {
		snprintf(found, sizeof(found), "%zu networks", p->n_networks);
		f = sw_check_report(c, SW_F_NET_SUBNETS, SW_CHECK_PASS, p->name, "the networks of the profile", found);
		for (size_t i = 0; i < p->n_networks; i++) {
			char text[SW_ADDR_STRLEN + 8];

			sw_finding_add(c, f, p->networks[i].tag, "%s", prefix_text(&p->networks[i].prefix, text));
		}
	}
	if (o->zone && p->n_networks)
		check_sources(c, p, o->zone);
	if (p->n_aws && o->aws_feed)
		check_feed(c, o->aws_feed, p->aws);
	else if (p->n_aws)
		sw_check_report(c, SW_F_NET_AWS, SW_CHECK_SKIP, p->name, "the provider's regions in the feed",
				"no feed given: --aws FILE");
}
