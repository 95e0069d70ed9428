/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Asks the responders that tls/ocsps.h says are due, some at a time, in the background; has open connections judged again when an answer
 * revokes; and lets a connection whose certificate was never asked about wait for its first answer, a short time.
 */
#include "edge/edge.h"
#include "tls/ocsps.h"

struct sw_ocsp_fetch;

/* After e->web. ocsps: those of the generation; a reference is taken. */
int sw_ocsp_fetch_new(struct sw_ocsp_fetch **out, struct sw_edge *e, struct sw_ocsps *ocsps) SW_MUSTCHECK;
void sw_ocsp_fetch_free(struct sw_ocsp_fetch *f);   /* before e->web, after the peers */
void sw_ocsp_fetch_tick(struct sw_ocsp_fetch *f, int64_t now);   /* once a second */
/* Everything is asked for again: the operator reloads. */
void sw_ocsp_fetch_refresh(struct sw_ocsp_fetch *f, int64_t now);
/* Asks now, and calls sw_peer_admit_again(conn) once: with the answer, when there is none, or after fetch.ocsp_wait. Not from within. */
int sw_ocsp_fetch_wait(struct sw_ocsp_fetch *f, const uint8_t key[SW_OCSP_KEY_LEN], sw_id conn) SW_MUSTCHECK;
/* The part of "sipward status" about OCSP; as json a member of the object, with its comma in front. */
void sw_ocsp_status_text(const struct sw_edge *e, struct sw_buf *out);
void sw_ocsp_status_json(const struct sw_edge *e, struct sw_buf *out);
