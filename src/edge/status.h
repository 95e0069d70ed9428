/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What "sipward status" shows: listeners, zones, connections, calls, pinholes, domains, refusals. */
#include "edge/edge.h"

/* media: NULL when the media process is down. */
void sw_status_text(const struct sw_edge *e, const struct sw_media_status *media, struct sw_buf *out);
void sw_status_json(const struct sw_edge *e, const struct sw_media_status *media, struct sw_buf *out);
/* One line for the service manager. */
void sw_status_line(const struct sw_edge *e, char *dst, size_t size);
