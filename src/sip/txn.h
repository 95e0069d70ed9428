/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * RFC 3261 17 transactions over reliable transports, with RFC 6026's Accepted state (standards 4.3). Timers A, E, G are
 * off, D, I, J, K are zero; B, F, H = 64*T1, L = M = 64*T1, C.
 *
 * The layer knows no sockets: it sends through a callback with a connection's id, and fails a transaction when told the
 * connection is gone. It keeps the flattened bytes of what it may have to send again and the keys, never a parsed message.
 *
 * Owner: the layer owns the transactions; others hold ids. All on the loop. Callbacks come from a timer (0 ms for what is known
 * at once), so never from within a call to the layer, but for SW_TXN_RESPONSE, which comes from sw_txn_client_response. A
 * callback may call anything here.
 */
#include "core/id.h"
#include "core/loop.h"
#include "sip/msg.h"

struct sw_txns;

/* Sends bytes on a connection. SW_ECLOSED when it is gone. */
typedef int sw_txn_send_fn(void *arg, sw_id conn, struct sw_str bytes);

struct sw_txn_conf {
	struct sw_loop *loop;
	uint64_t t1, timer_c;      /* ms */
	uint32_t max;              /* transactions of both kinds */
	sw_txn_send_fn *send;
	void *arg;
};
int sw_txns_new(struct sw_txns **out, const struct sw_txn_conf *c) SW_MUSTCHECK;
void sw_txns_free(struct sw_txns *t);           /* ends all without callbacks */
size_t sw_txns_count(const struct sw_txns *t, size_t *server, size_t *client);

/* --- server side --- */
enum sw_txn_match {
	SW_TXN_NEW,
	SW_TXN_ABSORBED,      /* retransmission or ACK to our non-2xx: dealt with */
	SW_TXN_STRAY_ACK,     /* ACK to a 2xx: forward end to end */
};
/*
 * RFC 3261 17.2.3 by branch, sent-by and method (and RFC 2543 matching where the branch has no cookie), bound to the connection
 * it came on. For NEW a transaction is created and *out is its id (not for ACK; nor for CANCEL, whose *out is 0: see
 * sw_txn_find_invite). SW_ELIMIT when the layer is full or the request's key is absurdly long. A transaction that is not answered
 * ends silently: after 64*T1 (RFC 4320: no 408 then), an INVITE C + 256*T1 after its last provisional.
 */
int sw_txn_server_open(struct sw_txns *t, const struct sw_msg *request, sw_id conn, enum sw_txn_match *match,
		       sw_id *out) SW_MUSTCHECK;
/* The INVITE transaction a CANCEL is for, 0 when there is none. It must have come on the same connection. */
sw_id sw_txn_find_invite(struct sw_txns *t, const struct sw_msg *cancel, sw_id conn);
/*
 * Sends (and keeps, for retransmissions) a response on the transaction's connection. A second 2xx to an INVITE is allowed
 * (Accepted). SW_ENOTFOUND when it takes no more (over, or a final response was sent). The transport's own error is passed on:
 * the transaction goes on as if the response had been sent.
 */
int sw_txn_respond(struct sw_txns *t, sw_id server, int status, struct sw_str bytes) SW_MUSTCHECK;
bool sw_txn_server_done(struct sw_txns *t, sw_id server);   /* has a final response been sent, or is it gone? */
/* Called once when a server transaction ends, whatever way; ack: true when a final non-2xx was acknowledged. */
typedef void sw_txn_server_end_fn(void *arg, bool acked);
int sw_txn_server_on_end(struct sw_txns *t, sw_id server, sw_txn_server_end_fn *fn, void *arg) SW_MUSTCHECK;

/* --- client side --- */
enum sw_txn_event {
	SW_TXN_RESPONSE,      /* msg is a response; its top Via is ours, still there */
	SW_TXN_TIMEOUT,       /* timer B, F */
	SW_TXN_TIMER_C,       /* no final within C; the layer has sent CANCEL where it may */
	SW_TXN_FAILED,        /* the connection broke or refused before a final response */
	SW_TXN_ENDED,         /* terminated: no further event. Comes exactly once, after any of the others */
};
typedef void sw_txn_client_fn(void *arg, sw_id client, enum sw_txn_event ev, const struct sw_msg *msg);
/*
 * Sends the request and waits. branch is the one in its top Via. method: INVITE or other; an ACK to a 2xx goes without a
 * transaction, a CANCEL by sw_txn_client_cancel. A final non-2xx to an INVITE is acknowledged by the layer. 2xx are passed on,
 * each. When the send fails, its error is returned and there is no transaction and no event. SW_ELIMIT, SW_EEXISTS (branch in
 * use), SW_ENOMEM.
 */
int sw_txn_client_open(struct sw_txns *t, sw_id conn, enum sw_method method, struct sw_str method_text, struct sw_str branch,
		       struct sw_str bytes, sw_txn_client_fn *fn, void *arg, sw_id *out) SW_MUSTCHECK;
/* Cancels an INVITE: now when a provisional came, else as soon as one does (RFC 3261 9.1). Nothing when it is over. */
void sw_txn_client_cancel(struct sw_txns *t, sw_id client);
/* The caller wants no more events, not even ENDED (its own end); the transaction finishes by itself. */
void sw_txn_client_orphan(struct sw_txns *t, sw_id client);
/* A response that came on conn: true when a transaction took it; false: stray, drop it. Only the request's connection counts. */
bool sw_txn_client_response(struct sw_txns *t, const struct sw_msg *response, sw_id conn);

/* The connection is gone: its client transactions get FAILED; server transactions stay and end in time. */
void sw_txns_conn_gone(struct sw_txns *t, sw_id conn);
/* A new branch: "z9hG4bK" + 24 random base32 letters. */
void sw_branch_make(char out[32]);
