/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Fetches the CRLs that tls/crl.h says are due, a few at a time, in the background, and has open connections judged again when one of them
 * revokes more.
 */
#include "edge/edge.h"

struct sw_crl_fetch;

/* After e->web; reads the copies on disk (blocking: at start). crls: those of the generation; a reference is taken. */
int sw_crl_fetch_new(struct sw_crl_fetch **out, struct sw_edge *e, struct sw_crls *crls, struct sw_diag *diag) SW_MUSTCHECK;
void sw_crl_fetch_free(struct sw_crl_fetch *f);   /* before e->web */
void sw_crl_fetch_tick(struct sw_crl_fetch *f, int64_t now);   /* once a second */
/* Everything is asked for again: the operator reloads. */
void sw_crl_fetch_refresh(struct sw_crl_fetch *f, int64_t now);
/* The part of "sipward status" about CRLs; as json a member of the object, with its comma in front. */
void sw_crl_status_text(const struct sw_edge *e, struct sw_buf *out);
void sw_crl_status_json(const struct sw_edge *e, struct sw_buf *out);
