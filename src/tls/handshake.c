/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a handshake, and what to say when one fails. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/err.h>
#include "tls/tls_int.h"

/* OpenSSL reports a fatal alert of the peer as 1000 plus its number; -1 when the error is no alert. */
static int alert_of(unsigned long e)
{
	int reason = ERR_GET_REASON(e);

	if (ERR_GET_LIB(e) != ERR_LIB_SSL || reason < SSL_AD_REASON_OFFSET || reason > SSL_AD_REASON_OFFSET + 255)
		return -1;
	return reason - SSL_AD_REASON_OFFSET;
}

/* Reads this thread's error queue: called right after the failing call. */
static struct sw_verdict failure(const struct sw_handshake *h, int ssl_error, int errnum)
{
	const struct sw_tls_record *rec = &h->rec;
	unsigned long e = ERR_peek_error();
	int reason = ERR_GET_LIB(e) == ERR_LIB_SSL ? ERR_GET_REASON(e) : 0;
	char alert[64] = "", text[128];

	if (rec->alert_out >= 0)
		snprintf(alert, sizeof(alert), "; sent alert %s", sw_tls_alert_name(rec->alert_out));
	if (rec->refused) {
		struct sw_verdict v = sw_chain_verdict(&rec->peer->chain);

		return sw_verdict_make(v.reason, "%s%s", v.detail, alert);
	}
	if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
		return sw_verdict_make(SW_R_TLS_NO_CERT, "the peer did not present a certificate%s", alert);
	if (alert_of(e) >= 0)
		return sw_verdict_make(SW_R_TLS_HANDSHAKE, "the peer sent alert %s (%d)", sw_tls_alert_name(alert_of(e)),
				       alert_of(e));
	if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING || (ssl_error == SSL_ERROR_SYSCALL && errnum == 0))
		return sw_verdict_make(SW_R_TLS_HANDSHAKE, "the peer closed the connection in the middle of the handshake");
	if (ssl_error == SSL_ERROR_SYSCALL)
		return sw_verdict_make(SW_R_TLS_HANDSHAKE, "%s in the middle of the handshake", strerror(errnum));
	sw_openssl_error(text, sizeof(text));
	return sw_verdict_make(SW_R_TLS_HANDSHAKE, "%s%s", text, alert);
}

static void fail(struct sw_handshake *h, struct sw_verdict v)
{
	h->verdict = v;
	h->state = SW_HANDSHAKE_FAILED;
}

/* Over: who is it, and does the judge let it in? */
static void conclude(struct sw_handshake *h)
{
	if (sw_tls_record_finish(&h->rec, h->ssl, h->ctx) < 0) {
		fail(h, sw_verdict_make(SW_R_TLS_UNKNOWN, "out of memory while reading the certificate"));
		return;
	}
	h->judged = true;
	h->verdict = sw_verdict_make(h->judge ? SW_R_DENY : SW_R_OK, NULL);
	if (h->judge)
		h->judge(h->judge_arg, h->rec.peer, &h->verdict);
	h->state = sw_verdict_ok(&h->verdict) ? SW_HANDSHAKE_DONE : SW_HANDSHAKE_FAILED;
}

void sw_handshake_step(void *arg)
{
	struct sw_handshake *h = arg;
	int r, ssl_error, errnum;

	if (atomic_load(&h->abandoned)) {
		fail(h, sw_verdict_make(SW_R_CONN_SHUTDOWN, "given up"));
		return;
	}
	ERR_clear_error();
	errno = 0;
	sw_decode_begin();
	r = SSL_do_handshake(h->ssl);
	errnum = errno;
	sw_decode_end();
	if (r == 1) {
		conclude(h);
		return;
	}
	ssl_error = SSL_get_error(h->ssl, r);
	if (ssl_error == SSL_ERROR_WANT_READ) {
		h->state = SW_HANDSHAKE_READ;
	} else if (ssl_error == SSL_ERROR_WANT_WRITE) {
		h->state = SW_HANDSHAKE_WRITE;
	} else {
		fail(h, failure(h, ssl_error, errnum));
		ERR_clear_error();
		/* Whose certificate it was is worth logging, but not worth another failure. */
		if (sw_tls_record_identity(&h->rec) < 0)
			h->rec.peer->identity = NULL;
	}
}

struct sw_verdict sw_tls_io_verdict(SSL *ssl, int ret, int errnum, bool got_data)
{
	int ssl_error = SSL_get_error(ssl, ret);
	unsigned long e = ERR_peek_error();
	int alert = alert_of(e);
	/* A TLS 1.3 server judges our certificate after the client's handshake is over: its refusal is the first thing read. */
	enum sw_reason broken = got_data ? SW_R_CONN_FAILED : SW_R_TLS_HANDSHAKE;
	char text[128];

	if (ssl_error == SSL_ERROR_ZERO_RETURN)
		return sw_verdict_make(SW_R_CONN_PEER_CLOSED, NULL);
	if (alert >= 0) {
		ERR_clear_error();
		return sw_verdict_make(broken, "the peer sent alert %s (%d)", sw_tls_alert_name(alert), alert);
	}
	if (ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		ERR_clear_error();
		return sw_verdict_make(SW_R_CONN_TRUNCATED, "the connection ended without close_notify");
	}
	if (ssl_error == SSL_ERROR_SYSCALL) {
		ERR_clear_error();
		return sw_verdict_make(SW_R_CONN_FAILED, "%s%s", errnum ? strerror(errnum) : "end of file",
				       got_data || SSL_is_server(ssl) ?
					       "" : ", before any data: the server may have refused our certificate");
	}
	sw_openssl_error(text, sizeof(text));
	return sw_verdict_make(SW_R_CONN_FAILED, "%s", text);
}
