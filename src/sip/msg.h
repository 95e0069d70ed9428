/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One parsed SIP message: immutable. src/sip/grammar.c and grammar_read.c are the only files that include Sofia.
 * What is to change is a list of edits, applied while writing: what leaves is what came, byte for byte, but for the edits.
 * Slices and facts point into the message and die with it. Used on the loop's thread only (or one thread at a time).
 */
#include "core/buf.h"
#include "core/reason.h"
#include "zone/request.h"

struct sw_msg;

enum sw_method {
	SW_METHOD_OTHER, SW_METHOD_INVITE, SW_METHOD_ACK, SW_METHOD_CANCEL, SW_METHOD_BYE, SW_METHOD_OPTIONS, SW_METHOD_UPDATE,
	SW_METHOD_PRACK, SW_METHOD_INFO, SW_METHOD_REFER, SW_METHOD_MESSAGE, SW_METHOD_SUBSCRIBE, SW_METHOD_NOTIFY,
	SW_METHOD_REGISTER, SW_METHOD_PUBLISH,
};

/* Once at start, before any thread. */
int sw_msg_init(void) SW_MUSTCHECK;
void sw_msg_deinit(void);

/*
 * Parses exactly one framed message and makes the sanity checks of RFC 3261 16.3 (1: syntax) and sofia-sip note 2: version, URIs,
 * ports, tags, single headers, CSeq against method. *out is set on success only; else v says what is wrong (MSG_SYNTAX, MSG_VERSION...).
 * Returns SW_EPARSE with v, or SW_ENOMEM.
 * On SW_EPARSE *out may be NULL, or a message good enough to be answered (Via, From, To, Call-ID, CSeq parsed): then sw_reply works on it.
 */
int sw_msg_parse(struct sw_msg **out, struct sw_str bytes, struct sw_verdict *v) SW_MUSTCHECK;
void sw_msg_free(struct sw_msg *m);

struct sw_via_facts {
	struct sw_str transport;    /* "TLS" */
	struct sw_str host;         /* sent-by, IPv6 without brackets */
	uint16_t port;              /* 0: none */
	struct sw_str branch, received;
	bool rport;                 /* the parameter is there */
	bool alias;
};
struct sw_hop {                     /* one Route, Record-Route, Request-URI or Contact */
	struct sw_uri_facts uri;
	bool lr;
	struct sw_str cookie;       /* our parameter ";c=" */
	bool r2;
	struct sw_str text;         /* the URI without <> */
};
bool sw_msg_is_request(const struct sw_msg *m);
enum sw_method sw_msg_method(const struct sw_msg *m);       /* of a response: CSeq's */
struct sw_str sw_msg_method_text(const struct sw_msg *m);
int sw_msg_status(const struct sw_msg *m);                  /* responses */
struct sw_str sw_msg_reason_phrase(const struct sw_msg *m);
struct sw_str sw_msg_call_id(const struct sw_msg *m);
struct sw_str sw_msg_from_tag(const struct sw_msg *m);
struct sw_str sw_msg_to_tag(const struct sw_msg *m);        /* empty: none */
uint32_t sw_msg_cseq(const struct sw_msg *m);
size_t sw_msg_via_count(const struct sw_msg *m);
bool sw_msg_via(const struct sw_msg *m, size_t i, struct sw_via_facts *out);       /* 0: topmost */
size_t sw_msg_route_count(const struct sw_msg *m);
bool sw_msg_route(const struct sw_msg *m, size_t i, struct sw_hop *out);
bool sw_msg_record_route(const struct sw_msg *m, size_t i, struct sw_hop *out);
bool sw_msg_ruri(const struct sw_msg *m, struct sw_hop *out);
bool sw_msg_contact(const struct sw_msg *m, struct sw_hop *out);                   /* the first */
int sw_msg_max_forwards(const struct sw_msg *m);                                   /* -1: none */
struct sw_str sw_msg_header(const struct sw_msg *m, const char *name);             /* first value of any header, by full name; empty: none */
/* "active;expires=60": the first piece (name NULL), or the value of a parameter, of a header's first line. */
bool sw_msg_param(const struct sw_msg *m, const char *header, const char *name, struct sw_str *out);
int sw_msg_retry_after(const struct sw_msg *m);             /* seconds; -1: none */
bool sw_msg_option(const struct sw_msg *m, const char *header, const char *tag);   /* option tag in Require, Supported, Proxy-Require */
struct sw_str sw_msg_unsupported(const struct sw_msg *m);   /* Proxy-Require tags we don't know, as found; empty: none */
struct sw_str sw_msg_content_type(const struct sw_msg *m);  /* "application/sdp", lower case not guaranteed; without parameters */
struct sw_str sw_msg_body(const struct sw_msg *m);
struct sw_str sw_msg_bytes(const struct sw_msg *m);         /* as it came */
enum sw_body {
	SW_BODY_OTHER,   /* nothing, or something that describes no session */
	SW_BODY_SDP,     /* application/sdp, also as the one such part of a multipart body */
	SW_BODY_OPAQUE,  /* may hold a session description that can't be read for certain */
};
enum sw_body sw_msg_sdp(const struct sw_msg *m, struct sw_str *sdp);               /* *sdp: a slice of the body, for SW_BODY_SDP */
void sw_msg_facts(const struct sw_msg *m, struct sw_request_facts *out);

/* --- edits of a request or response on its way through --- */
enum { SW_EDIT_RR_MAX = 2 };
struct sw_edits {
	/* requests */
	size_t pop_routes;                 /* topmost Route values to drop */
	const char *ruri;                  /* new Request-URI or NULL */
	bool pop_last_route;               /* drops the last Route value: it became the Request-URI (RFC 3261 16.4) */
	const char *push_route;            /* Route URI text appended at the *end* of the set (strict router), or NULL */
	const char *via;                   /* "SIP/2.0/TLS host:port;branch=..." put on top, or NULL */
	const char *record_route[SW_EDIT_RR_MAX];  /* values with <>; [0] is the topmost; NULL: none */
	int max_forwards;                  /* -1: leave; else set (added where it is missing) */
	const char *received;              /* set on the topmost Via that came in; NULL: leave, but remove_received drops a forged one */
	bool remove_received;
	int rport;                         /* -1: leave; else value for an rport parameter asked for */
	bool strip_asserted;               /* see struct sw_authority */
	bool strip_identity;               /* PAI, and the "id" token of Privacy */
	const char *from_display;          /* replaces From's display name (quoted as needed); NULL: leave */
	/* responses */
	bool pop_via;
	/* both */
	const struct sw_str *body;         /* new body, Content-Length follows; NULL: leave */
	const char *add[4];                /* whole header lines without CRLF, e.g. "Warning: ..." ; NULL ends */
};
void sw_edits_init(struct sw_edits *e);    /* nothing changes */
/* Writes m with the edits. m itself stays as it is. SW_ENOMEM, or SW_EINVALID for an edit that can't be made. */
int sw_msg_write(const struct sw_msg *m, const struct sw_edits *e, struct sw_buf *out) SW_MUSTCHECK;

/* --- requests and responses of our own --- */
struct sw_reply {
	int status;
	const char *phrase;        /* NULL: the standard one */
	const char *to_tag;        /* added where To has none and status > 100; NULL: none is added */
	const char *headers[6];    /* whole lines; NULL ends */
	const char *received;      /* for the topmost Via, or NULL */
	int rport;                 /* -1: none */
};
void sw_reply_init(struct sw_reply *r, int status);
/* Via, From, To, Call-ID, CSeq (and Record-Route for 101..299, Timestamp for 100) as they came. */
int sw_msg_reply(const struct sw_msg *request, const struct sw_reply *r, struct sw_buf *out) SW_MUSTCHECK;
/* ACK for a non-2xx final response, or CANCEL: from the request *as it was sent* (RFC 3261 17.1.1.3, 9.1): same R-URI, top Via, Call-ID, From, CSeq number, Route; To from response for ACK. */
int sw_msg_ack(struct sw_str sent_invite, const struct sw_msg *response, struct sw_buf *out) SW_MUSTCHECK;
int sw_msg_cancel(struct sw_str sent_invite, struct sw_buf *out) SW_MUSTCHECK;
/*
 * ACK (and then BYE) for a 2xx to an INVITE whose caller will not do it: From, To and Call-ID as the response has them, via as in
 * sw_edits, routes: URIs in order. The Request-URI is the response's Contact, or fallback where it has none.
 */
int sw_msg_for_2xx(struct sw_buf *out, enum sw_method ack_or_bye, const struct sw_msg *response, const char *via, struct sw_str fallback,
		   const struct sw_str *routes, size_t n_routes, uint32_t cseq) SW_MUSTCHECK;
/*
 * An OPTIONS of our own, to ask whether a peer is there: via as in sw_edits, from and to as whole header values (from with its tag),
 * contact a value with <> or NULL. SW_EINVALID when one of them can't stand in a header.
 */
int sw_msg_options(struct sw_buf *out, const char *ruri, const char *via, const char *from, const char *to, const char *call_id,
		   uint32_t cseq, const char *contact) SW_MUSTCHECK;
const char *sw_sip_phrase(int status);     /* standard phrase, "" when there is none */
