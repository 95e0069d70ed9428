/* SPDX-License-Identifier: Apache-2.0 */
/* Server transactions: RFC 3261 17.2 with RFC 6026, over a reliable transport (G is off, I and J are zero). */
#include "sip/txn_int.h"

#include <stdlib.h>

static uint64_t t64(const struct sw_txns *t)
{
	return 64 * t->conf.t1;
}

/*
 * A transaction nobody answers must end all the same. Other than INVITE: when the client has given up (F, RFC 4320: it is not
 * told 408). INVITE: after what timer C and a CANCEL can take, counted from the last provisional; the user
 * has answered long before.
 */
static uint64_t patience(const struct sw_txns *t, bool invite)
{
	return invite ? t->conf.timer_c + 4 * t64(t) : t64(t);
}

/* --- matching --- */

/* RFC 2543 peers send no magic cookie: then the request itself is the key (17.2.3). No To tag: an ACK has another. */
static void key_2543(struct sw_txn_key *k, const struct sw_msg *m)
{
	struct sw_hop ruri = { 0 };
	uint32_t cseq = sw_msg_cseq(m);

	sw_msg_ruri(m, &ruri);
	sw_txn_key_put(k, ruri.text);
	sw_txn_key_put(k, sw_msg_from_tag(m));
	sw_txn_key_put(k, sw_msg_call_id(m));
	sw_txn_key_put(k, (struct sw_str){ (const char *)&cseq, sizeof(cseq) });
}

/* The connection is part of the key: what one peer does can't touch another's transactions. */
static bool server_key(struct sw_txn_key *k, const struct sw_msg *m, sw_id conn, struct sw_str method)
{
	struct sw_via_facts via;

	k->n = 0;
	k->overrun = false;
	if (!sw_msg_via(m, 0, &via))
		return false;
	sw_txn_key_put(k, (struct sw_str){ (const char *)&conn, sizeof(conn) });
	sw_txn_key_put(k, method);
	sw_txn_key_put(k, via.host);
	sw_txn_key_put(k, (struct sw_str){ (const char *)&via.port, sizeof(via.port) });
	sw_txn_key_put(k, via.branch);
	if (via.branch.n <= 7 || !sw_str_ieq((struct sw_str){ via.branch.p, 7 }, SW_STR("z9hG4bK")))
		key_2543(k, m);
	return true;
}

static void resend(struct sw_txn *x)
{
	if (x->kept_len && sw_txn_send(x, (struct sw_str){ x->kept, x->kept_len }) < 0)
		return;  /* the connection's end is told elsewhere, and the transaction ends by its timer */
}

static void ack_in(struct sw_txn *x, enum sw_txn_match *match)
{
	*match = SW_TXN_ABSORBED;
	if (!x) {
		*match = SW_TXN_STRAY_ACK;
	} else if (x->state == SW_TXN_ACCEPTED) {
		*match = SW_TXN_STRAY_ACK;  /* an RFC 2543 peer's ACK to a 2xx has the INVITE's key */
	} else if (x->state == SW_TXN_COMPLETED) {
		x->acked = true;
		sw_txn_end_soon(x);
	}
}

static void retransmission_in(struct sw_txn *x)
{
	if (x->state == SW_TXN_PROCEEDING || x->state == SW_TXN_COMPLETED)
		resend(x);
}

int sw_txn_server_open(struct sw_txns *t, const struct sw_msg *request, sw_id conn, enum sw_txn_match *match, sw_id *out)
{
	enum sw_method method = sw_msg_method(request);
	bool invite = method == SW_METHOD_INVITE;
	struct sw_txn_key k;
	struct sw_txn *x;
	int err;

	if (!sw_msg_is_request(request) ||
	    !server_key(&k, request, conn, method == SW_METHOD_ACK ? SW_STR("INVITE") : sw_msg_method_text(request)))
		return SW_EINVALID;
	if (method == SW_METHOD_CANCEL) {
		*match = SW_TXN_NEW;
		*out = 0;
		return SW_OK;
	}
	x = sw_txn_find(t, SW_TXN_SERVER, &k);
	if (method == SW_METHOD_ACK) {
		ack_in(x, match);
		return SW_OK;
	}
	if (x) {
		*match = SW_TXN_ABSORBED;
		retransmission_in(x);
		return SW_OK;
	}
	if ((err = sw_txn_new(t, SW_TXN_SERVER, &k, conn, patience(t, invite), &x)) < 0)
		return err;
	x->invite = invite;
	x->state = invite ? SW_TXN_PROCEEDING : SW_TXN_TRYING;
	*match = SW_TXN_NEW;
	*out = x->id;
	return SW_OK;
}

sw_id sw_txn_find_invite(struct sw_txns *t, const struct sw_msg *cancel, sw_id conn)
{
	struct sw_txn_key k;
	struct sw_txn *x;

	if (!server_key(&k, cancel, conn, SW_STR("INVITE")))
		return 0;
	x = sw_txn_find(t, SW_TXN_SERVER, &k);
	return x && x->state != SW_TXN_ENDING ? x->id : 0;
}

/* --- answering --- */

static int respond_provisional(struct sw_txn *x, struct sw_str bytes)
{
	int err;

	if ((err = sw_txn_keep(x, bytes)) < 0)
		return err;
	x->state = SW_TXN_PROCEEDING;
	if (x->invite)
		sw_txn_rearm(x, patience(x->layer, true));
	return sw_txn_send(x, bytes);
}

/* 2xx are not repeated here: the callee's own do that, each passed on (RFC 6026 7.1). */
static int respond_2xx(struct sw_txn *x, struct sw_str bytes)
{
	if (x->state != SW_TXN_ACCEPTED) {
		x->state = SW_TXN_ACCEPTED;
		free(x->kept);
		x->kept = NULL;
		x->kept_len = 0;
		sw_txn_rearm(x, t64(x->layer));
	}
	return sw_txn_send(x, bytes);
}

static int respond_failure(struct sw_txn *x, struct sw_str bytes)
{
	int err;

	if ((err = sw_txn_keep(x, bytes)) < 0)
		return err;
	x->state = SW_TXN_COMPLETED;
	sw_txn_rearm(x, t64(x->layer));
	return sw_txn_send(x, bytes);
}

int sw_txn_respond(struct sw_txns *t, sw_id server, int status, struct sw_str bytes)
{
	struct sw_txn *x = sw_txn_get(t, SW_TXN_SERVER, server);
	bool open = x && (x->state == SW_TXN_TRYING || x->state == SW_TXN_PROCEEDING);
	bool success = status >= 200 && status < 300;

	if (status < 100 || status > 699)
		return SW_EINVALID;
	if (!open && !(x && x->state == SW_TXN_ACCEPTED && success))
		return SW_ENOTFOUND;
	if (status < 200)
		return respond_provisional(x, bytes);
	if (!x->invite) {
		sw_txn_end_soon(x);
		return sw_txn_send(x, bytes);
	}
	return success ? respond_2xx(x, bytes) : respond_failure(x, bytes);
}

bool sw_txn_server_done(struct sw_txns *t, sw_id server)
{
	const struct sw_txn *x = sw_txn_get(t, SW_TXN_SERVER, server);

	return !x || (x->state != SW_TXN_TRYING && x->state != SW_TXN_PROCEEDING);
}

/* --- the end --- */

int sw_txn_server_on_end(struct sw_txns *t, sw_id server, sw_txn_server_end_fn *fn, void *arg)
{
	struct sw_txn *x = sw_txn_get(t, SW_TXN_SERVER, server);

	if (!x)
		return SW_ENOTFOUND;
	x->end_fn = fn;
	x->end_arg = arg;
	return SW_OK;
}

/* H, L, nobody's answer in time, or the end that was put off: all are the end. */
void sw_txn_server_timer(void *txn)
{
	struct sw_txn *x = txn;
	sw_txn_server_end_fn *fn = x->end_fn;
	void *arg = x->end_arg;
	bool acked = x->acked;

	sw_txn_destroy(x);
	if (fn)
		fn(arg, acked);
}
