/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One byte stream to a peer: TCP, or TLS over it. Owns its descriptor and SSL.
 * The handshake's steps run in the crypto pool: the stream is lent to a thread
 * and comes back; the loop never waits for public-key arithmetic.
 *
 * The owner gets events through one handler. After sw_stream_free no event
 * comes any more, even when a handshake step is still in a thread: the stream
 * is then freed when it returns.
 *
 * OpenSSL writes with write(2): the process must ignore SIGPIPE.
 */
#include "core/loop.h"
#include "core/str.h"
#include "tls/tls.h"

struct sw_stream;

enum sw_stream_event {
	SW_STREAM_READY,    /* connected, handshake done, judge said yes: may read and write */
	SW_STREAM_DATA,     /* bytes can be read: sw_stream_read until it says SW_EAGAIN */
	SW_STREAM_DRAINED,  /* the write queue became empty */
	SW_STREAM_END,      /* over, for sw_stream_reason; the owner frees the stream */
};
typedef void sw_stream_fn(void *arg, enum sw_stream_event ev);

/*
 * Runs once, *in a pool thread*, when the handshake is done and before READY: admission. Sees the facts, may use only
 * immutable or atomic data, sets the verdict: anything but SW_R_OK ends the stream with that verdict and not one SIP byte is
 * read. NULL: every finished handshake is accepted (plain TCP has no judge).
 */
typedef void sw_stream_judge_fn(void *arg, const struct sw_tls_peer *peer, struct sw_verdict *out);

struct sw_stream_opts {
	sw_stream_fn *fn;
	void *arg;
	sw_stream_judge_fn *judge;
	void *judge_arg;          /* must live until SW_STREAM_READY or SW_STREAM_END, or, after an early sw_stream_free, until judge_free */
	void (*judge_free)(void *judge_arg);  /* called on the loop when the judge can't run any more; may be NULL */
	uint64_t handshake_ms;    /* deadline from start to READY, connect included */
	size_t write_max;         /* bytes queued at most */
};

/* Takes over an accepted, non-blocking descriptor (closed in every case). ctx NULL: plain TCP, READY comes from the loop, not from within this call. */
int sw_stream_accept(struct sw_stream **out, struct sw_loop *l, int fd, struct sw_tls_ctx *ctx,
		     const struct sw_stream_opts *o) SW_MUSTCHECK;
/*
 * Connects to addr. server_name: sent as SNI (not when it is an IP address); NULL: none. connect_ms: deadline for TCP. What the
 * path or the peer refuses comes as END. When this or sw_stream_accept fails, the judge's argument stays with the caller.
 */
int sw_stream_connect(struct sw_stream **out, struct sw_loop *l, const struct sw_addr *addr, const char *server_name,
		      struct sw_tls_ctx *ctx, uint64_t connect_ms, const struct sw_stream_opts *o) SW_MUSTCHECK;

/* Reads up to n bytes: the count, SW_EAGAIN, or SW_ECLOSED after which END comes (from the loop, not from within). */
ssize_t sw_stream_read(struct sw_stream *s, void *p, size_t n) SW_MUSTCHECK;
/*
 * Takes all of it, to be sent with the other writes of this iteration of the loop, at its end: 0; SW_EAGAIN before READY;
 * SW_ELIMIT when the queue would exceed write_max (nothing of it is sent); SW_ECLOSED. What is taken is still sent when the
 * stream is freed at once, as far as the descriptor takes it.
 */
int sw_stream_write(struct sw_stream *s, const void *p, size_t n) SW_MUSTCHECK;
size_t sw_stream_queued(const struct sw_stream *s);
/* Stops (false) or goes on with (true) DATA events: back-pressure. */
void sw_stream_want_read(struct sw_stream *s, bool on);
/* Sends what is queued and close_notify, then END with reason, at the latest after 2 s. */
void sw_stream_close(struct sw_stream *s, const struct sw_verdict *why);
/* Ends at once and frees; no END comes. */
void sw_stream_free(struct sw_stream *s);

bool sw_stream_is_tls(const struct sw_stream *s);
const struct sw_addr *sw_stream_peer_addr(const struct sw_stream *s);
const struct sw_addr *sw_stream_local_addr(const struct sw_stream *s);
/*
 * Valid from READY (or END) until free; NULL on plain TCP. What sw_stream_forget_names let go is read anew; out of memory, the identity is
 * NULL though has_cert is true.
 */
const struct sw_tls_peer *sw_stream_peer(struct sw_stream *s);
/* The peer has been judged and will not be for a while: the identity goes, a kilobyte. Nothing that points into it may be used then. */
void sw_stream_forget_names(struct sw_stream *s);
/* Why it ended; the verdict for a failed handshake has OpenSSL's text, alert, depth and subject in detail. */
const struct sw_verdict *sw_stream_reason(const struct sw_stream *s);
