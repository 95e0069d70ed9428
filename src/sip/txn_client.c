/* SPDX-License-Identifier: Apache-2.0 */
/* Client transactions: RFC 3261 17.1 with RFC 6026, over a reliable transport (A and E are off, D and K are zero). */
#include "sip/txn_int.h"

#include <stdlib.h>

#include "core/log.h"

static uint64_t t64(const struct sw_txns *t)
{
	return 64 * t->conf.t1;
}

static void tell(struct sw_txn *x, enum sw_txn_event ev, const struct sw_msg *msg)
{
	if (x->fn)
		x->fn(x->arg, x->id, ev, msg);
}

/* 17.1.3: the branch is ours alone; the method keeps a CANCEL's responses apart from the INVITE's. */
static void client_key(struct sw_txn_key *k, struct sw_str branch, struct sw_str method)
{
	k->n = 0;
	k->overrun = false;
	sw_txn_key_put(k, branch);
	sw_txn_key_put(k, method);
}

static int client_new(struct sw_txns *t, sw_id conn, struct sw_str branch, struct sw_str method, struct sw_txn **out)
{
	struct sw_txn_key k;
	int err;

	client_key(&k, branch, method);
	if ((err = sw_txn_new(t, SW_TXN_CLIENT, &k, conn, t64(t), out)) < 0)
		return err;
	(*out)->branch_len = branch.n;
	return SW_OK;
}

int sw_txn_client_open(struct sw_txns *t, sw_id conn, enum sw_method method, struct sw_str method_text, struct sw_str branch,
		       struct sw_str bytes, sw_txn_client_fn *fn, void *arg, sw_id *out)
{
	struct sw_txn *x;
	int err;

	if (method == SW_METHOD_ACK || method == SW_METHOD_CANCEL || branch.n == 0 || method_text.n == 0)
		return SW_EINVALID;
	if ((err = client_new(t, conn, branch, method_text, &x)) < 0)
		return err;
	x->invite = method == SW_METHOD_INVITE;
	x->fn = fn;
	x->arg = arg;
	if (x->invite && (err = sw_txn_keep(x, bytes)) < 0)  /* an ACK or a CANCEL is made from it */
		goto fail;
	if ((err = sw_txn_send(x, bytes)) < 0)
		goto fail;
	*out = x->id;
	return SW_OK;
fail:
	sw_txn_destroy(x);
	return err;
}

/* --- CANCEL --- */

/*
 * 9.1. The CANCEL is a transaction of its own, so that its response is nobody's stray; where there is no room for one it goes out
 * all the same. No final response to the INVITE within 64*T1 after it: as if there never will be one.
 */
static void send_cancel(struct sw_txn *x)
{
	struct sw_txn *c = NULL;
	struct sw_buf b;

	x->cancel_sent = true;
	sw_txn_rearm(x, t64(x->layer));
	sw_buf_init(&b, 0);
	if (sw_msg_cancel((struct sw_str){ x->kept, x->kept_len }, &b) < 0) {
		sw_log(SW_LOG_ERROR, "txn.cancel", SW_ID("conn", x->conn));
	} else if (client_new(x->layer, x->conn, (struct sw_str){ x->key, x->branch_len }, SW_STR("CANCEL"), &c) < 0) {
		c = NULL;
	}
	if (b.len && sw_txn_send(x, sw_buf_view(&b)) < 0 && c)
		sw_txn_destroy(c);
	sw_buf_free(&b);
}

void sw_txn_client_cancel(struct sw_txns *t, sw_id client)
{
	struct sw_txn *x = sw_txn_get(t, SW_TXN_CLIENT, client);

	if (!x || !x->invite || x->cancel_sent)
		return;
	if (x->state == SW_TXN_TRYING)
		x->cancel_wanted = true;
	else if (x->state == SW_TXN_PROCEEDING)
		send_cancel(x);
}

void sw_txn_client_orphan(struct sw_txns *t, sw_id client)
{
	struct sw_txn *x = sw_txn_get(t, SW_TXN_CLIENT, client);

	if (x)
		x->fn = NULL;
}

/* --- responses --- */

static void send_ack(struct sw_txn *x, const struct sw_msg *response)
{
	struct sw_buf b;

	sw_buf_init(&b, 0);
	if (sw_msg_ack((struct sw_str){ x->kept, x->kept_len }, response, &b) < 0 || sw_txn_send(x, sw_buf_view(&b)) < 0)
		sw_log(SW_LOG_DEBUG, "txn.ack-lost", SW_ID("conn", x->conn));
	sw_buf_free(&b);
}

/* 16.7 step 2, 16.8: C starts with the INVITE, and anew with each provisional but 100. B is over with the first, 100 or not. */
static void invite_provisional(struct sw_txn *x, int status)
{
	struct sw_txns *t = x->layer;
	bool first = x->state == SW_TXN_TRYING;

	x->state = SW_TXN_PROCEEDING;
	if (x->cancel_sent)
		return;
	if (x->cancel_wanted) {
		send_cancel(x);
	} else if (status > 100) {
		sw_txn_rearm(x, t->conf.timer_c);
	} else if (first) {
		uint64_t waited = sw_loop_now(t->conf.loop) - x->opened;

		sw_txn_rearm(x, t->conf.timer_c > waited ? t->conf.timer_c - waited : 0);
	}
}

static void invite_response(struct sw_txn *x, const struct sw_msg *msg, int status)
{
	if (x->state == SW_TXN_ENDING)
		return;  /* D is zero: what comes in the same breath is a retransmission */
	if (x->state == SW_TXN_ACCEPTED) {
		if (status >= 200 && status < 300)
			tell(x, SW_TXN_RESPONSE, msg);
		return;
	}
	if (status < 200) {
		invite_provisional(x, status);
	} else if (status < 300) {
		x->state = SW_TXN_ACCEPTED;
		sw_txn_rearm(x, t64(x->layer));
		free(x->kept);
		x->kept = NULL;
		x->kept_len = 0;
	} else {
		sw_txn_end_soon(x);
		send_ack(x, msg);
	}
	tell(x, SW_TXN_RESPONSE, msg);
}

static void other_response(struct sw_txn *x, const struct sw_msg *msg, int status)
{
	if (x->state == SW_TXN_ENDING)
		return;
	if (status < 200)
		x->state = SW_TXN_PROCEEDING;  /* F goes on */
	else
		sw_txn_end_soon(x);
	tell(x, SW_TXN_RESPONSE, msg);
}

bool sw_txn_client_response(struct sw_txns *t, const struct sw_msg *response, sw_id conn)
{
	struct sw_via_facts via;
	struct sw_txn_key k;
	struct sw_txn *x;
	int status;

	if (sw_msg_is_request(response) || !sw_msg_via(response, 0, &via))
		return false;
	client_key(&k, via.branch, sw_msg_method_text(response));
	x = sw_txn_find(t, SW_TXN_CLIENT, &k);
	status = sw_msg_status(response);
	if (!x || x->conn != conn || status < 100 || status > 699)
		return false;
	if (x->invite)
		invite_response(x, response, status);
	else
		other_response(x, response, status);
	return true;
}

/* --- the end --- */

/* FAILED comes from the timer, so that a send that finds the connection dead never calls back into its caller. */
void sw_txn_client_conn_gone(struct sw_txn *x)
{
	if (x->state == SW_TXN_ENDING)
		return;
	x->failed = x->state != SW_TXN_ACCEPTED;
	sw_txn_end_soon(x);
}

void sw_txn_client_timer(void *txn)
{
	struct sw_txn *x = txn;
	bool waiting = x->state == SW_TXN_TRYING || x->state == SW_TXN_PROCEEDING;
	sw_txn_client_fn *fn;
	void *arg;
	sw_id id;

	if (x->invite && x->state == SW_TXN_PROCEEDING && !x->cancel_sent) {
		send_cancel(x);
		tell(x, SW_TXN_TIMER_C, NULL);
		return;
	}
	x->state = SW_TXN_ENDING;
	if (waiting || x->failed)
		tell(x, waiting ? SW_TXN_TIMEOUT : SW_TXN_FAILED, NULL);
	if (x->state == SW_TXN_GONE)
		return;  /* the user freed the whole layer */
	fn = x->fn;
	arg = x->arg;
	id = x->id;
	sw_txn_destroy(x);
	if (fn)
		fn(arg, id, SW_TXN_ENDED, NULL);
}
