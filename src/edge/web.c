/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/web.h"

#include <stdio.h>
#include <stdlib.h>

/* A and AAAA of one host. */
struct lookup {
	struct lookup *next;
	struct sw_web *web;
	sw_id fetch;
	sw_id queries[2];            /* 0: answered */
	struct sw_addr addrs[SW_HTTP_ADDRESSES_MAX];
	size_t n;
	char why[160];
};

struct sw_web {
	struct sw_edge *edge;
	struct sw_http *http;
	struct lookup *lookups;      /* under way; owned */
};

static void lookup_free(struct lookup *l)
{
	struct lookup **p = &l->web->lookups;

	while (*p && *p != l)
		p = &(*p)->next;
	if (*p)
		*p = l->next;
	for (int i = 0; i < 2; i++)
		if (l->queries[i])
			sw_dns_cancel(l->web->edge->dns, l->queries[i]);
	free(l);
}

/* An address of either family will do. What one family's failure hides, the other's answer may still show. */
static void answered(struct lookup *l, int which, const struct sw_dns_answer *a)
{
	l->queries[which] = 0;
	for (size_t i = 0; i < a->n && l->n < SW_HTTP_ADDRESSES_MAX; i++)
		if (a->rrs[i].type == SW_DNS_A || a->rrs[i].type == SW_DNS_AAAA)
			l->addrs[l->n++] = a->rrs[i].addr;
	if (a->outcome != SW_DNS_ANSWER && (!l->why[0] || a->outcome != SW_DNS_NODATA))
		snprintf(l->why, sizeof(l->why), "its address: DNS says %s (%.100s)", sw_dns_outcome_name(a->outcome), a->detail);
	if (l->queries[0] || l->queries[1])
		return;
	sw_http_resolved(l->web->http, l->fetch, l->addrs, l->n, l->why[0] ? l->why : NULL);
	lookup_free(l);
}

static void on_v4(void *arg, const struct sw_dns_answer *a)
{
	answered(arg, 0, a);
}

static void on_v6(void *arg, const struct sw_dns_answer *a)
{
	answered(arg, 1, a);
}

static int resolve(void *arg, sw_id fetch, const char *host)
{
	struct sw_web *w = arg;
	struct lookup *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return SW_ENOMEM;
	l->web = w;
	l->fetch = fetch;
	l->next = w->lookups;
	w->lookups = l;
	err = sw_dns_ask(w->edge->dns, host, SW_DNS_A, on_v4, l, &l->queries[0]);
	if (err == SW_OK)
		err = sw_dns_ask(w->edge->dns, host, SW_DNS_AAAA, on_v6, l, &l->queries[1]);
	if (err < 0)
		lookup_free(l);
	return err;
}

int sw_web_new(struct sw_web **out, struct sw_edge *e)
{
	struct sw_web *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return SW_ENOMEM;
	w->edge = e;
	err = sw_http_new(&w->http, e->loop, resolve, w);
	if (err < 0)
		free(w);
	else
		*out = w;
	return err;
}

void sw_web_free(struct sw_web *w)
{
	if (!w)
		return;
	while (w->lookups)
		lookup_free(w->lookups);
	sw_http_free(w->http);
	free(w);
}

struct sw_http *sw_web_http(struct sw_web *w)
{
	return w->http;
}
