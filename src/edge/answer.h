/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The answers we give ourselves: refusals with their Warning, 100, OPTIONS. What is seen stays in our log; the peer gets the reason's id. */
#include "edge/request.h"

/* What the topmost Via is to be told of where the request came from: received ("": nothing) and rport (-1: not asked for). RFC 3261 18.2.1, RFC 3581. */
void sw_answer_source(const struct sw_peer *p, const struct sw_msg *msg, char received[SW_ADDR_STRLEN], int *rport);
/* A response of ours to msg; v may be NULL for one that refuses nothing. */
int sw_answer_write(struct sw_peer *p, const struct sw_msg *msg, const struct sw_verdict *v, int status, struct sw_buf *out) SW_MUSTCHECK;
/* The log line of a refusal, counted. p may be NULL: its connection is gone. */
void sw_answer_log(const struct sw_peer *p, const struct sw_msg *msg, const struct sw_verdict *v, int status, sw_id call);
/* Answers a request that has no transaction and will get none; takes msg over. */
void sw_answer_refuse(struct sw_peer *p, struct sw_msg *msg, const struct sw_verdict *v);
/* 200 to an OPTIONS for ourselves; ends the request. */
void sw_answer_options(struct sw_request *r, struct sw_peer *p);
