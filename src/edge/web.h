/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The edge's fetches over HTTP: tls/http.h with names looked up by the edge's own resolver, as the configuration has it. */
#include "edge/edge.h"
#include "tls/http.h"

struct sw_web;

int sw_web_new(struct sw_web **out, struct sw_edge *e) SW_MUSTCHECK;   /* after e->dns */
void sw_web_free(struct sw_web *w);   /* before e->dns; what is under way ends without a call */
struct sw_http *sw_web_http(struct sw_web *w);
