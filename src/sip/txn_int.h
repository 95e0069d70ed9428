/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Private to txn_*.c. A transaction is in one table by its key (what a peer's message is matched by) and in another by its id
 * (what the rest of the house holds). Its one timer always runs, so restarting it never needs memory, and every callback but
 * SW_TXN_RESPONSE comes from it: nobody is called back from within a call that isn't about a response.
 */
#include "core/hash.h"
#include "sip/txn.h"

enum sw_txn_kind { SW_TXN_SERVER, SW_TXN_CLIENT };

enum sw_txn_state {
	SW_TXN_TRYING,        /* client INVITE: Calling */
	SW_TXN_PROCEEDING,
	SW_TXN_COMPLETED,     /* server INVITE: non-2xx sent, the ACK is missing */
	SW_TXN_ACCEPTED,      /* INVITE: 2xx passed, more may follow (RFC 6026) */
	SW_TXN_ENDING,        /* over; its timer tells its user on the next round */
	SW_TXN_GONE,          /* out of all tables; the memory stays until the iteration ends */
};

enum { SW_TXN_KEY_MAX = 2048 };

struct sw_txn_key {
	char p[SW_TXN_KEY_MAX];
	size_t n;
	bool overrun;
};

struct sw_txn {
	void *later[2];               /* sw_loop_free_later's */
	struct sw_txns *layer;
	sw_id id, conn;
	enum sw_txn_kind kind;
	enum sw_txn_state state;
	bool invite;
	struct sw_timer timer;
	char *kept;                   /* owned. server: the last response; client: the INVITE as sent */
	size_t kept_len;
	/* server */
	sw_txn_server_end_fn *end_fn;
	void *end_arg;
	bool acked;
	/* client */
	sw_txn_client_fn *fn;         /* NULL: orphan, or a CANCEL of the layer's own */
	void *arg;
	uint64_t opened;              /* ms; timer C counts from here until a provisional */
	size_t branch_len;            /* the key's first part */
	bool cancel_wanted, cancel_sent, failed;
	struct sw_txn_conn *peer;
	struct sw_txn *prev, *next;   /* of the same connection */
	UT_hash_handle hh;
	size_t key_len;
	char key[];
};

struct sw_txn_conn {                  /* a connection with client transactions */
	sw_id conn;
	struct sw_txn *clients;
	UT_hash_handle hh;
};

struct sw_txns {
	void *later[2];
	struct sw_txn_conf conf;
	struct sw_idtab ids;
	struct sw_txn *by_key[2];     /* per kind */
	size_t count[2];
	struct sw_txn_conn *conns;
};

void sw_txn_key_put(struct sw_txn_key *k, struct sw_str s);   /* one part and its end */

/* Makes a transaction that is in all tables, its timer started. SW_ELIMIT, SW_EEXISTS, SW_ENOMEM. */
int sw_txn_new(struct sw_txns *t, enum sw_txn_kind kind, const struct sw_txn_key *k, sw_id conn, uint64_t ms,
	       struct sw_txn **out) SW_MUSTCHECK;
void sw_txn_destroy(struct sw_txn *x);
struct sw_txn *sw_txn_get(const struct sw_txns *t, enum sw_txn_kind kind, sw_id id);
struct sw_txn *sw_txn_find(const struct sw_txns *t, enum sw_txn_kind kind, const struct sw_txn_key *k);
void sw_txn_rearm(struct sw_txn *x, uint64_t ms);
void sw_txn_end_soon(struct sw_txn *x);
int sw_txn_keep(struct sw_txn *x, struct sw_str bytes) SW_MUSTCHECK;
int sw_txn_send(struct sw_txn *x, struct sw_str bytes) SW_MUSTCHECK;

void sw_txn_server_timer(void *txn);
void sw_txn_client_timer(void *txn);
void sw_txn_client_conn_gone(struct sw_txn *x);
