/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions over a frozen clock and a transport that only writes down: RFC 3261 17, RFC 6026, standards 4.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "sip/txn.h"

enum { SENT_MAX = 64, T1 = 500, T64 = 64 * T1, TIMER_C = 185000, MAX = 8 };
enum { A = 11, B = 22 };                  /* connections */
#define BRANCH "z9hG4bKabcdef"

struct bench {
	struct sw_loop *loop;
	struct sw_txns *txns;
	struct {
		sw_id conn;
		char *text;
	} sent[SENT_MAX];
	size_t n_sent;
	int send_error;
	bool gone_while_sending;          /* the transport finds the connection dead in the middle of a send */
	char events[128];                 /* "R200 E " ... in order */
	bool inside;                      /* a call that must not call back is running */
	void (*on_event)(struct bench *b, sw_id id, enum sw_txn_event ev);
	sw_id other;
};

static int transport(void *arg, sw_id conn, struct sw_str bytes)
{
	struct bench *b = arg;

	if (b->gone_while_sending)
		sw_txns_conn_gone(b->txns, conn);
	if (b->send_error)
		return b->send_error;
	assert_true(b->n_sent < SENT_MAX);
	b->sent[b->n_sent].conn = conn;
	b->sent[b->n_sent++].text = sw_str_dup(bytes);
	return SW_OK;
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct sw_txn_conf c = { .t1 = T1, .timer_c = TIMER_C, .max = MAX, .send = transport, .arg = b };

	assert_int_equal(sw_msg_init(), 0);
	assert_int_equal(sw_loop_new(&b->loop), 0);
	sw_loop_fake_clock(b->loop);
	c.loop = b->loop;
	assert_int_equal(sw_txns_new(&b->txns, &c), 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	sw_txns_free(b->txns);
	sw_loop_free(b->loop);
	for (size_t i = 0; i < b->n_sent; i++)
		free(b->sent[i].text);
	free(b);
	sw_msg_deinit();
	return 0;
}

/* --- making messages --- */

static struct sw_msg *parse(const char *text)
{
	struct sw_msg *m;
	struct sw_verdict v;

	if (sw_msg_parse(&m, sw_str_of(text), &v) < 0)
		fail_msg("%s\n%s", v.detail, text);
	return m;
}

static const char *request_text(const char *method, const char *branch)
{
	static char text[1024];

	snprintf(text, sizeof(text), "%s sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/TLS peer.example:5061%s%s\r\nMax-Forwards: 70\r\n"
		 "From: <sip:alice@a.example>;tag=f1\r\nTo: <sip:bob@b.example>\r\nCall-ID: c1@a.example\r\nCSeq: 1 %s\r\n"
		 "Contact: <sip:alice@a.example>\r\nContent-Length: 0\r\n\r\n", method, branch ? ";branch=" : "", branch ? branch : "", method);
	return text;
}

static struct sw_msg *request(const char *method, const char *branch)
{
	return parse(request_text(method, branch));
}

static struct sw_msg *response(int status, const char *method, const char *branch)
{
	char text[1024];

	snprintf(text, sizeof(text), "SIP/2.0 %d Whatever\r\nVia: SIP/2.0/TLS us.example:5061;branch=%s\r\n"
		 "From: <sip:alice@a.example>;tag=f1\r\nTo: <sip:bob@b.example>;tag=t1\r\nCall-ID: c1@a.example\r\nCSeq: 1 %s\r\n"
		 "Contact: <sip:bob@b.example>\r\nContent-Length: 0\r\n\r\n", status, branch, method);
	return parse(text);
}

/* --- what happened --- */

static void note(struct bench *b, const char *what)
{
	assert_false(b->inside);
	assert_true(strlen(b->events) + strlen(what) < sizeof(b->events));
	strcat(b->events, what);
}

static void happened(struct bench *b, const char *want)
{
	assert_string_equal(b->events, want);
	b->events[0] = '\0';
}

/* The last thing sent starts so, and went out on conn; how many there were in all. */
static void sent(struct bench *b, size_t n, sw_id conn, const char *start)
{
	assert_int_equal(b->n_sent, n);
	assert_int_equal(b->sent[n - 1].conn, conn);
	if (strncmp(b->sent[n - 1].text, start, strlen(start)) != 0)
		fail_msg("sent \"%s\", not \"%s\"", b->sent[n - 1].text, start);
}

static size_t count(struct bench *b)
{
	return sw_txns_count(b->txns, NULL, NULL);
}

static void on_client(void *arg, sw_id client, enum sw_txn_event ev, const struct sw_msg *msg)
{
	static const char *const names[] = { "R", "TIMEOUT ", "C ", "FAILED ", "E " };
	struct bench *b = arg;
	char text[16];

	if (ev == SW_TXN_RESPONSE) {
		snprintf(text, sizeof(text), "R%d ", sw_msg_status(msg));
		note(b, text);
	} else {
		assert_null(msg);
		note(b, names[ev]);
	}
	if (b->on_event)
		b->on_event(b, client, ev);
}

static void on_server_end(void *arg, bool acked)
{
	note(arg, acked ? "acked " : "ended ");
}

/* --- doing things --- */

static sw_id client(struct bench *b, const char *method, const char *branch)
{
	enum sw_method m = strcmp(method, "INVITE") == 0 ? SW_METHOD_INVITE : SW_METHOD_OPTIONS;
	sw_id id = 0;

	b->inside = true;
	assert_int_equal(sw_txn_client_open(b->txns, A, m, sw_str_of(method), sw_str_of(branch), sw_str_of(request_text(method, branch)),
					    on_client, b, &id), 0);
	b->inside = false;
	assert_true(id != 0);
	return id;
}

/* A client transaction that can't be. */
static int try_client(struct bench *b, enum sw_method method, const char *text, const char *branch)
{
	sw_id id = 0;
	int err = sw_txn_client_open(b->txns, A, method, sw_str_of(text), sw_str_of(branch), SW_STR("x"), on_client, b, &id);

	assert_int_equal(id, 0);
	return err;
}

static bool answer_on(struct bench *b, sw_id conn, int status, const char *method, const char *branch)
{
	struct sw_msg *m = response(status, method, branch);
	bool taken = sw_txn_client_response(b->txns, m, conn);

	sw_msg_free(m);
	return taken;
}

static void answer(struct bench *b, int status, const char *method)
{
	assert_true(answer_on(b, A, status, method, BRANCH));
}

static int open_on(struct bench *b, sw_id conn, const char *method, const char *branch, enum sw_txn_match *match, sw_id *id)
{
	struct sw_msg *m = request(method, branch);
	int err;

	*id = 0;
	b->inside = true;
	err = sw_txn_server_open(b->txns, m, conn, match, id);
	b->inside = false;
	sw_msg_free(m);
	return err;
}

static sw_id server(struct bench *b, const char *method, const char *branch)
{
	enum sw_txn_match match = SW_TXN_ABSORBED;
	sw_id id;

	assert_int_equal(open_on(b, A, method, branch, &match, &id), 0);
	assert_int_equal(match, SW_TXN_NEW);
	assert_true(id != 0);
	assert_int_equal(sw_txn_server_on_end(b->txns, id, on_server_end, b), 0);
	return id;
}

static enum sw_txn_match again(struct bench *b, sw_id conn, const char *method, const char *branch)
{
	enum sw_txn_match match;
	sw_id id;

	assert_int_equal(open_on(b, conn, method, branch, &match, &id), 0);
	return match;
}

static int respond(struct bench *b, sw_id id, int status)
{
	char text[64];
	int err;

	snprintf(text, sizeof(text), "SIP/2.0 %d", status);
	b->inside = true;
	err = sw_txn_respond(b->txns, id, status, sw_str_of(text));
	b->inside = false;
	return err;
}

static void pass(struct bench *b, uint64_t ms)
{
	sw_loop_advance(b->loop, ms);
}

/* --- server side --- */

static void a_retransmitted_invite_gets_the_last_answer_again(void **state)
{
	struct bench *b = *state;
	sw_id id = server(b, "INVITE", BRANCH);

	assert_int_equal(again(b, A, "INVITE", BRANCH), SW_TXN_ABSORBED);
	assert_int_equal(b->n_sent, 0);
	assert_int_equal(respond(b, id, 100), 0);
	assert_int_equal(again(b, A, "INVITE", BRANCH), SW_TXN_ABSORBED);
	sent(b, 2, A, "SIP/2.0 100");
	assert_false(sw_txn_server_done(b->txns, id));
	assert_int_equal(respond(b, id, 486), 0);
	assert_true(sw_txn_server_done(b->txns, id));
	assert_int_equal(again(b, A, "INVITE", BRANCH), SW_TXN_ABSORBED);
	sent(b, 4, A, "SIP/2.0 486");
	assert_int_equal(respond(b, id, 200), SW_ENOTFOUND);
	assert_int_equal(respond(b, id, 99), SW_EINVALID);
	assert_int_equal(respond(b, id, 700), SW_EINVALID);
	assert_int_equal(count(b), 1);
}

static void the_ack_to_a_failure_is_absorbed_and_ends_it(void **state)
{
	struct bench *b = *state;
	sw_id id = server(b, "INVITE", BRANCH);

	assert_int_equal(respond(b, id, 486), 0);
	assert_int_equal(again(b, B, "ACK", BRANCH), SW_TXN_STRAY_ACK);   /* somebody else's connection */
	assert_int_equal(again(b, A, "ACK", BRANCH), SW_TXN_ABSORBED);
	happened(b, "");
	pass(b, 0);
	happened(b, "acked ");
	assert_int_equal(count(b), 0);
	assert_int_equal(b->n_sent, 1);
	assert_int_equal(again(b, A, "ACK", BRANCH), SW_TXN_STRAY_ACK);
	assert_true(sw_txn_server_done(b->txns, id));
	assert_int_equal(sw_txn_server_on_end(b->txns, id, on_server_end, b), SW_ENOTFOUND);
}

static void without_an_ack_timer_h_ends_it(void **state)
{
	struct bench *b = *state;

	assert_int_equal(respond(b, server(b, "INVITE", BRANCH), 486), 0);
	pass(b, T64 - 1);
	happened(b, "");
	pass(b, 1);
	happened(b, "ended ");
	assert_int_equal(count(b), 0);
}

static void accepted_passes_more_200_and_absorbs_the_invite(void **state)
{
	struct bench *b = *state;
	sw_id id = server(b, "INVITE", BRANCH);

	assert_int_equal(respond(b, id, 180), 0);
	assert_int_equal(respond(b, id, 200), 0);
	assert_int_equal(again(b, A, "INVITE", BRANCH), SW_TXN_ABSORBED);
	sent(b, 2, A, "SIP/2.0 200");
	pass(b, 10000);
	assert_int_equal(respond(b, id, 200), 0);
	sent(b, 3, A, "SIP/2.0 200");
	assert_int_equal(respond(b, id, 487), SW_ENOTFOUND);
	assert_int_equal(again(b, A, "ACK", "z9hG4bKanother"), SW_TXN_STRAY_ACK);
	pass(b, T64 - 10001);
	happened(b, "");
	pass(b, 1);
	happened(b, "ended ");
	assert_int_equal(respond(b, id, 200), SW_ENOTFOUND);
}

static void other_requests_end_with_their_final_response(void **state)
{
	struct bench *b = *state;
	sw_id id = server(b, "OPTIONS", BRANCH);

	assert_int_equal(again(b, A, "OPTIONS", BRANCH), SW_TXN_ABSORBED);
	assert_int_equal(b->n_sent, 0);
	assert_int_equal(respond(b, id, 200), 0);
	assert_true(sw_txn_server_done(b->txns, id));
	assert_int_equal(respond(b, id, 200), SW_ENOTFOUND);
	happened(b, "");
	pass(b, 0);
	happened(b, "ended ");
	sent(b, 1, A, "SIP/2.0 200");
}

static void nobody_answering_is_no_leak(void **state)
{
	struct bench *b = *state;
	sw_id invite;

	server(b, "OPTIONS", BRANCH);
	invite = server(b, "INVITE", BRANCH);   /* same branch, another method: another transaction */
	assert_int_equal(count(b), 2);
	pass(b, T64);
	happened(b, "ended ");
	assert_int_equal(b->n_sent, 0);         /* no 408 (RFC 4320) */
	pass(b, TIMER_C);
	assert_int_equal(respond(b, invite, 180), 0);
	pass(b, TIMER_C + 2 * T64);
	happened(b, "");
	pass(b, 2 * T64);
	happened(b, "ended ");
	assert_int_equal(count(b), 0);
}

static void keys_tell_transactions_apart(void **state)
{
	struct bench *b = *state;
	enum sw_txn_match match;
	sw_id id;

	server(b, "INVITE", BRANCH);
	server(b, "INVITE", "z9hG4bKabcdeg");
	assert_int_equal(open_on(b, B, "INVITE", BRANCH, &match, &id), 0);   /* another peer using the same branch */
	assert_int_equal(match, SW_TXN_NEW);
	assert_int_equal(count(b), 3);
}

static void peers_without_the_cookie_are_matched_by_the_request(void **state)
{
	struct bench *b = *state;
	sw_id id = server(b, "INVITE", "1");
	sw_id bare = server(b, "INVITE", NULL);

	assert_int_equal(again(b, A, "INVITE", "1"), SW_TXN_ABSORBED);
	assert_int_equal(again(b, A, "INVITE", NULL), SW_TXN_ABSORBED);
	assert_int_equal(respond(b, id, 486), 0);
	assert_int_equal(again(b, A, "ACK", "1"), SW_TXN_ABSORBED);
	pass(b, 0);
	happened(b, "acked ");
	assert_int_equal(respond(b, bare, 200), 0);
	assert_int_equal(again(b, A, "ACK", NULL), SW_TXN_STRAY_ACK);    /* to a 2xx: goes end to end */
	assert_int_equal(count(b), 1);
}

static void a_cancel_finds_its_invite_on_its_own_connection_only(void **state)
{
	struct bench *b = *state;
	sw_id id = server(b, "INVITE", BRANCH), none = 1;
	struct sw_msg *cancel = request("CANCEL", BRANCH), *stray = request("CANCEL", "z9hG4bKx");
	enum sw_txn_match match;

	assert_int_equal(sw_txn_find_invite(b->txns, cancel, A), id);
	assert_int_equal(sw_txn_find_invite(b->txns, cancel, B), 0);
	assert_int_equal(sw_txn_find_invite(b->txns, stray, A), 0);
	assert_int_equal(open_on(b, A, "CANCEL", BRANCH, &match, &none), 0);
	assert_int_equal(none, 0);
	assert_int_equal(count(b), 1);
	assert_int_equal(respond(b, id, 487), 0);
	assert_int_equal(sw_txn_find_invite(b->txns, cancel, A), id);   /* 9.2: still answered 200 */
	sw_msg_free(cancel);
	sw_msg_free(stray);
}

static void a_server_transaction_outlives_its_connection(void **state)
{
	struct bench *b = *state;
	sw_id id = server(b, "INVITE", BRANCH);

	sw_txns_conn_gone(b->txns, A);
	pass(b, 1000);
	happened(b, "");
	b->send_error = SW_ECLOSED;
	assert_int_equal(respond(b, id, 486), SW_ECLOSED);
	pass(b, T64);
	happened(b, "ended ");
}

/* --- client side --- */

static void an_invite_is_answered_and_a_second_200_passes(void **state)
{
	struct bench *b = *state;

	client(b, "INVITE", BRANCH);
	sent(b, 1, A, "INVITE ");
	answer(b, 100, "INVITE");
	answer(b, 180, "INVITE");
	answer(b, 200, "INVITE");
	pass(b, 20000);
	answer(b, 200, "INVITE");
	answer(b, 180, "INVITE");               /* late: absorbed */
	answer(b, 486, "INVITE");
	happened(b, "R100 R180 R200 R200 ");
	assert_int_equal(b->n_sent, 1);         /* the ACK to a 2xx is the caller's */
	pass(b, T64 - 20001);
	happened(b, "");
	pass(b, 1);
	happened(b, "E ");
	assert_false(answer_on(b, A, 200, "INVITE", BRANCH));
	assert_int_equal(count(b), 0);
}

static void a_failure_is_acknowledged_by_the_layer(void **state)
{
	struct bench *b = *state;

	client(b, "INVITE", BRANCH);
	answer(b, 180, "INVITE");
	answer(b, 486, "INVITE");
	sent(b, 2, A, "ACK sip:bob@b.example SIP/2.0");
	assert_non_null(strstr(b->sent[1].text, BRANCH));
	assert_non_null(strstr(b->sent[1].text, "CSeq: 1 ACK"));
	answer(b, 486, "INVITE");               /* in the same breath */
	happened(b, "R180 R486 ");
	pass(b, 0);
	happened(b, "E ");
	assert_int_equal(count(b), 0);
}

static void silence_is_timer_b(void **state)
{
	struct bench *b = *state;
	sw_id id = client(b, "INVITE", BRANCH);

	sw_txn_client_cancel(b->txns, id);      /* held: there is nothing to cancel yet (9.1) */
	pass(b, T64 - 1);
	happened(b, "");
	pass(b, 1);
	happened(b, "TIMEOUT E ");
	assert_int_equal(b->n_sent, 1);
	assert_int_equal(count(b), 0);
}

static void other_requests_time_out_by_timer_f(void **state)
{
	struct bench *b = *state;

	client(b, "OPTIONS", BRANCH);
	pass(b, 1000);
	answer(b, 183, "OPTIONS");              /* does not lengthen F */
	pass(b, T64 - 1000);
	happened(b, "R183 TIMEOUT E ");
	assert_int_equal(b->n_sent, 1);

	client(b, "OPTIONS", BRANCH);
	answer(b, 486, "OPTIONS");
	answer(b, 486, "OPTIONS");
	pass(b, 0);
	happened(b, "R486 E ");
	assert_int_equal(b->n_sent, 2);         /* no ACK */
}

static void timer_c_cancels_and_each_provisional_starts_it_anew(void **state)
{
	struct bench *b = *state;

	client(b, "INVITE", BRANCH);
	answer(b, 100, "INVITE");
	pass(b, TIMER_C - 1);
	answer(b, 180, "INVITE");
	pass(b, TIMER_C - 1);
	answer(b, 100, "INVITE");               /* 100 does not */
	happened(b, "R100 R180 R100 ");
	pass(b, 1);
	happened(b, "C ");
	sent(b, 2, A, "CANCEL sip:bob@b.example SIP/2.0");
	answer(b, 200, "CANCEL");
	answer(b, 487, "INVITE");
	sent(b, 3, A, "ACK ");
	pass(b, 0);
	happened(b, "R487 E ");
	assert_int_equal(count(b), 0);
}

static void timer_c_counts_from_the_invite_when_only_100_came(void **state)
{
	struct bench *b = *state;

	client(b, "INVITE", BRANCH);
	pass(b, 20000);
	answer(b, 100, "INVITE");
	pass(b, TIMER_C - 20001);
	happened(b, "R100 ");
	pass(b, 1);
	happened(b, "C ");
	pass(b, T64 - 1);
	answer(b, 180, "INVITE");               /* after a CANCEL it buys no more time */
	happened(b, "R180 ");
	pass(b, 1);
	happened(b, "TIMEOUT E ");
	assert_int_equal(count(b), 0);          /* its CANCEL is over too */
}

static void a_cancel_waits_for_a_provisional(void **state)
{
	struct bench *b = *state;
	sw_id id = client(b, "INVITE", BRANCH);

	sw_txn_client_cancel(b->txns, id);
	sw_txn_client_cancel(b->txns, id);
	assert_int_equal(b->n_sent, 1);
	answer(b, 100, "INVITE");
	sent(b, 2, A, "CANCEL ");
	assert_non_null(strstr(b->sent[1].text, "CSeq: 1 CANCEL"));
	answer(b, 180, "INVITE");
	sw_txn_client_cancel(b->txns, id);
	assert_int_equal(b->n_sent, 2);         /* once */
	answer(b, 487, "INVITE");
	answer(b, 200, "CANCEL");               /* after the INVITE is over: still nobody's stray */
	pass(b, 0);
	happened(b, "R100 R180 R487 E ");
	sw_txn_client_cancel(b->txns, id);
	assert_int_equal(b->n_sent, 3);
}

static void a_200_that_crosses_the_cancel_passes(void **state)
{
	struct bench *b = *state;
	sw_id id = client(b, "INVITE", BRANCH);

	answer(b, 180, "INVITE");
	sw_txn_client_cancel(b->txns, id);
	answer(b, 200, "INVITE");
	happened(b, "R180 R200 ");
	pass(b, T64);
	happened(b, "E ");
}

static void only_the_connection_it_went_out_on_may_answer(void **state)
{
	struct bench *b = *state;

	client(b, "INVITE", BRANCH);
	assert_false(answer_on(b, B, 200, "INVITE", BRANCH));
	assert_false(answer_on(b, A, 200, "INVITE", "z9hG4bKguess"));
	assert_false(answer_on(b, A, 200, "OPTIONS", BRANCH));
	happened(b, "");
	answer(b, 180, "INVITE");
	happened(b, "R180 ");
}

static void a_lost_connection_fails_what_waits_on_it(void **state)
{
	struct bench *b = *state;

	client(b, "INVITE", BRANCH);
	client(b, "OPTIONS", BRANCH);
	client(b, "INVITE", "z9hG4bKaccepted");
	assert_true(answer_on(b, A, 200, "INVITE", "z9hG4bKaccepted"));
	happened(b, "R200 ");
	sw_txns_conn_gone(b->txns, B);
	pass(b, 0);
	happened(b, "");
	b->inside = true;
	sw_txns_conn_gone(b->txns, A);
	b->inside = false;
	sw_txns_conn_gone(b->txns, A);
	pass(b, 0);
	/* in whatever order the timers of one moment run: two failures, three ends */
	assert_int_equal(strlen(b->events), strlen("FAILED E FAILED E E "));
	assert_int_equal(count(b), 0);
	pass(b, T64);
	assert_int_equal(strlen(b->events), strlen("FAILED E FAILED E E "));
}

static void a_send_that_fails_makes_no_transaction(void **state)
{
	struct bench *b = *state;

	b->send_error = SW_ECLOSED;
	b->gone_while_sending = true;
	assert_int_equal(try_client(b, SW_METHOD_INVITE, "INVITE", BRANCH), SW_ECLOSED);
	assert_int_equal(count(b), 0);
	pass(b, T64);
	happened(b, "");

	/* the transport took the bytes, and found out afterwards */
	b->send_error = 0;
	client(b, "INVITE", BRANCH);
	happened(b, "");
	pass(b, 0);
	happened(b, "FAILED E ");
}

static void an_orphan_finishes_by_itself(void **state)
{
	struct bench *b = *state;
	sw_id id = client(b, "INVITE", BRANCH);

	sw_txn_client_cancel(b->txns, id);
	sw_txn_client_orphan(b->txns, id);
	answer(b, 180, "INVITE");
	sent(b, 2, A, "CANCEL ");
	answer(b, 487, "INVITE");
	sent(b, 3, A, "ACK ");
	answer(b, 200, "CANCEL");
	pass(b, 0);
	happened(b, "");
	assert_int_equal(count(b), 0);
}

/* --- limits and re-entrance --- */

static void the_layer_is_bounded(void **state)
{
	struct bench *b = *state;
	enum sw_txn_match match;
	char branch[32];
	size_t servers, clients;
	sw_id id = 0;

	for (int i = 0; i < MAX - 1; i++) {
		snprintf(branch, sizeof(branch), "z9hG4bK%d", i);
		server(b, "OPTIONS", branch);
	}
	client(b, "INVITE", BRANCH);
	assert_int_equal(sw_txns_count(b->txns, &servers, &clients), MAX);
	assert_int_equal(servers, MAX - 1);
	assert_int_equal(clients, 1);
	assert_int_equal(open_on(b, A, "OPTIONS", "z9hG4bKnew", &match, &id), SW_ELIMIT);
	assert_int_equal(try_client(b, SW_METHOD_INVITE, "INVITE", "z9hG4bKn"), SW_ELIMIT);
	assert_int_equal(again(b, A, "ACK", "z9hG4bKnone"), SW_TXN_STRAY_ACK);
	/* no room for the CANCEL's transaction: it goes out all the same */
	answer(b, 100, "INVITE");
	pass(b, TIMER_C);
	assert_int_equal(b->n_sent, 2);
	assert_int_equal(strncmp(b->sent[1].text, "CANCEL ", 7), 0);
}

static void keys_are_bounded_and_unique(void **state)
{
	struct bench *b = *state;
	char branch[4096];

	memset(branch, 'x', sizeof(branch) - 1);
	branch[sizeof(branch) - 1] = '\0';
	assert_int_equal(try_client(b, SW_METHOD_OPTIONS, "OPTIONS", branch), SW_ELIMIT);
	client(b, "OPTIONS", BRANCH);
	assert_int_equal(try_client(b, SW_METHOD_OPTIONS, "OPTIONS", BRANCH), SW_EEXISTS);
	assert_int_equal(try_client(b, SW_METHOD_ACK, "ACK", "z9hG4bKa"), SW_EINVALID);
}

/* What a proxy does: this target is done with, the next one is asked, from within the event. */
static void next_target(struct bench *b, sw_id id, enum sw_txn_event ev)
{
	char branch[32];

	(void)ev;
	b->on_event = NULL;
	snprintf(branch, sizeof(branch), "z9hG4bKtarget%zu", b->n_sent);
	sw_txn_client_cancel(b->txns, id);
	sw_txn_client_orphan(b->txns, id);
	b->other = client(b, "INVITE", branch);
	assert_int_equal(respond(b, b->other, 200), SW_ENOTFOUND);   /* a client's id is no server's */
}

static void a_callback_may_call_back(void **state)
{
	struct bench *b = *state;

	client(b, "INVITE", BRANCH);
	b->on_event = next_target;
	sw_txns_conn_gone(b->txns, A);
	pass(b, 0);
	happened(b, "FAILED ");                 /* no ENDED: it is an orphan */
	sent(b, 2, A, "INVITE ");

	b->on_event = next_target;
	assert_true(answer_on(b, A, 503, "INVITE", "z9hG4bKtarget1"));
	sent(b, 4, A, "INVITE ");               /* after the ACK */
	pass(b, 0);
	happened(b, "R503 ");
	assert_int_equal(count(b), 1);

	b->on_event = next_target;
	pass(b, T64);
	happened(b, "TIMEOUT ");
	assert_int_equal(count(b), 1);
}

static void free_in_event(struct bench *b, sw_id id, enum sw_txn_event ev)
{
	struct sw_txn_conf c = { .loop = b->loop, .t1 = T1, .timer_c = TIMER_C, .max = MAX, .send = transport, .arg = b };

	(void)id;
	(void)ev;
	b->on_event = NULL;
	sw_txns_free(b->txns);
	assert_int_equal(sw_txns_new(&b->txns, &c), 0);
}

static void the_layer_may_be_freed_from_its_callback(void **state)
{
	struct bench *b = *state;

	client(b, "INVITE", BRANCH);
	client(b, "INVITE", "z9hG4bKb");
	server(b, "INVITE", BRANCH);
	b->on_event = free_in_event;
	pass(b, T64);
	happened(b, "TIMEOUT ");
	client(b, "INVITE", BRANCH);
	b->on_event = free_in_event;
	answer(b, 486, "INVITE");
	pass(b, T64);
	happened(b, "R486 ");
}

static void branches_are_ours_and_differ(void **state)
{
	char a[32], b[32];

	(void)state;
	sw_branch_make(a);
	sw_branch_make(b);
	assert_int_equal(strlen(a), 31);
	assert_int_equal(strncmp(a, "z9hG4bK", 7), 0);
	assert_int_equal(strspn(a + 7, "abcdefghijklmnopqrstuvwxyz234567"), 24);
	assert_string_not_equal(a, b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_retransmitted_invite_gets_the_last_answer_again),
		T(the_ack_to_a_failure_is_absorbed_and_ends_it),
		T(without_an_ack_timer_h_ends_it),
		T(accepted_passes_more_200_and_absorbs_the_invite),
		T(other_requests_end_with_their_final_response),
		T(nobody_answering_is_no_leak),
		T(keys_tell_transactions_apart),
		T(peers_without_the_cookie_are_matched_by_the_request),
		T(a_cancel_finds_its_invite_on_its_own_connection_only),
		T(a_server_transaction_outlives_its_connection),
		T(an_invite_is_answered_and_a_second_200_passes),
		T(a_failure_is_acknowledged_by_the_layer),
		T(silence_is_timer_b),
		T(other_requests_time_out_by_timer_f),
		T(timer_c_cancels_and_each_provisional_starts_it_anew),
		T(timer_c_counts_from_the_invite_when_only_100_came),
		T(a_cancel_waits_for_a_provisional),
		T(a_200_that_crosses_the_cancel_passes),
		T(only_the_connection_it_went_out_on_may_answer),
		T(a_lost_connection_fails_what_waits_on_it),
		T(a_send_that_fails_makes_no_transaction),
		T(an_orphan_finishes_by_itself),
		T(the_layer_is_bounded),
		T(keys_are_bounded_and_unique),
		T(a_callback_may_call_back),
		T(the_layer_may_be_freed_from_its_callback),
		cmocka_unit_test(branches_are_ours_and_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
