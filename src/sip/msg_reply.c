/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of our own: responses, ACK, CANCEL, OPTIONS. What they repeat of another message is repeated byte for byte. */
#include "sip/msg_int.h"

void sw_reply_init(struct sw_reply *r, int status)
{
	*r = (struct sw_reply){ .status = status, .rport = -1 };
}

static bool reply_good(const struct sw_msg *m, const struct sw_reply *r)
{
	if (!m->request || r->status < 100 || r->status > 699 || r->rport > 65535 || !sw_is_clean(r->phrase) ||
	    !sw_is_clean(r->received))
		return false;
	if (r->to_tag && !sw_is_token(sw_str_of(r->to_tag)))
		return false;
	for (size_t i = 0; i < sizeof(r->headers) / sizeof(r->headers[0]) && r->headers[i]; i++)
		if (!sw_is_header_line(r->headers[i]))
			return false;
	return true;
}

static void echo_to(const struct sw_msg *m, const struct sw_reply *r, const struct sw_line *l, struct sw_buf *out)
{
	if (m->to_has_tag || !r->to_tag || r->status == 100) {
		sw_buf_slice(out, l->whole);
		return;
	}
	sw_buf_slice(out, (struct sw_str){ l->whole.p, (size_t)(l->value.p + l->value.n - l->whole.p) });
	sw_buf_printf(out, ";tag=%s\r\n", r->to_tag);
}

/* RFC 3261 8.2.6.2. Of a header that may not be repeated only the first is echoed: the request may be refused for just that. */
static void echo(const struct sw_msg *m, const struct sw_reply *r, struct sw_buf *out)
{
	bool seen[SW_HDR_COUNT] = { false };

	for (size_t i = 0; i < m->head.n; i++) {
		const struct sw_line *l = &m->head.lines[i];
		bool first = !seen[l->id];

		seen[l->id] = true;
		switch (l->id) {
		case SW_HDR_VIA:
			if (first)
				sw_write_top_via(out, l, r->received, false, r->rport);
			else
				sw_buf_slice(out, l->whole);
			break;
		case SW_HDR_RECORD_ROUTE:
			if (r->status > 100 && r->status < 300 && m->passed)
				sw_buf_slice(out, l->whole);
			break;
		case SW_HDR_TO:
			if (first)
				echo_to(m, r, l, out);
			break;
		case SW_HDR_TIMESTAMP:
			if (first && r->status == 100)
				sw_buf_slice(out, l->whole);
			break;
		case SW_HDR_FROM:
		case SW_HDR_CALL_ID:
		case SW_HDR_CSEQ:
			if (first)
				sw_buf_slice(out, l->whole);
			break;
		default:
			break;
		}
	}
}

int sw_msg_reply(const struct sw_msg *request, const struct sw_reply *r, struct sw_buf *out)
{
	if (!reply_good(request, r))
		return SW_EINVALID;
	sw_buf_printf(out, "SIP/2.0 %d %s\r\n", r->status, r->phrase ? r->phrase : sw_sip_phrase(r->status));
	echo(request, r, out);
	for (size_t i = 0; i < sizeof(r->headers) / sizeof(r->headers[0]) && r->headers[i]; i++)
		sw_buf_printf(out, "%s\r\n", r->headers[i]);
	sw_buf_slice(out, SW_STR("Content-Length: 0\r\n\r\n"));
	return sw_buf_error(out);
}

/* --- from the INVITE as it was sent --- */

/* The start line, top Via, Route set, From, Call-ID and CSeq number of sent, for another method. */
static int hop_request(struct sw_str sent, struct sw_str method, const struct sw_line *to, struct sw_buf *out)
{
	struct sw_head h;
	struct sw_str via, uri, invite = SW_STR("INVITE "), cseq_method;
	const struct sw_line *from, *call_id, *cseq, *own_to;
	const char *why;
	uint32_t number;
	int err = sw_head_index(&h, sent, &why);

	if (err < 0)
		return err == SW_ENOMEM ? err : SW_EINVALID;
	err = SW_EINVALID;
	via = sw_nth_value(&h, SW_HDR_VIA, 0);
	from = sw_head_find(&h, SW_HDR_FROM);
	own_to = sw_head_find(&h, SW_HDR_TO);
	call_id = sw_head_find(&h, SW_HDR_CALL_ID);
	cseq = sw_head_find(&h, SW_HDR_CSEQ);
	if (h.start.n <= invite.n || !sw_str_eq((struct sw_str){ h.start.p, invite.n }, invite) || !via.n || !from ||
	    !own_to || !call_id || !cseq || sw_cseq_parse(cseq->value, &number, &cseq_method) < 0)
		goto out;
	uri = (struct sw_str){ h.start.p + invite.n, h.start.n - invite.n };
	sw_buf_slice(out, method);
	sw_buf_slice(out, SW_STR(" "));
	sw_buf_slice(out, uri);
	sw_buf_slice(out, SW_STR("\r\nVia: "));
	sw_buf_slice(out, via);
	sw_buf_slice(out, SW_STR("\r\nMax-Forwards: 70\r\n"));
	for (size_t i = 0; i < h.n; i++)
		if (h.lines[i].id == SW_HDR_ROUTE)
			sw_buf_slice(out, h.lines[i].whole);
	sw_buf_slice(out, from->whole);
	sw_buf_slice(out, to ? to->whole : own_to->whole);
	sw_buf_slice(out, call_id->whole);
	sw_buf_printf(out, "CSeq: %u ", number);
	sw_buf_slice(out, method);
	sw_buf_slice(out, SW_STR("\r\nContent-Length: 0\r\n\r\n"));
	err = sw_buf_error(out);
out:
	sw_head_free(&h);
	return err;
}

int sw_msg_ack(struct sw_str sent_invite, const struct sw_msg *response, struct sw_buf *out)
{
	const struct sw_line *to = sw_head_find(&response->head, SW_HDR_TO);

	return to ? hop_request(sent_invite, SW_STR("ACK"), to, out) : SW_EINVALID;
}

int sw_msg_cancel(struct sw_str sent_invite, struct sw_buf *out)
{
	return hop_request(sent_invite, SW_STR("CANCEL"), NULL, out);
}

int sw_msg_for_2xx(struct sw_buf *out, enum sw_method ack_or_bye, const struct sw_msg *response, const char *via, struct sw_str fallback,
		   const struct sw_str *routes, size_t n_routes, uint32_t cseq)
{
	struct sw_str method = ack_or_bye == SW_METHOD_BYE ? SW_STR("BYE") : SW_STR("ACK");
	const struct sw_line *from = sw_head_find(&response->head, SW_HDR_FROM), *to = sw_head_find(&response->head, SW_HDR_TO);
	const struct sw_line *call_id = sw_head_find(&response->head, SW_HDR_CALL_ID);
	struct sw_hop contact;
	struct sw_str ruri = sw_msg_contact(response, &contact) && contact.text.n ? contact.text : fallback;

	if (!response->passed || !from || !to || !call_id || !sw_is_uri_text(ruri) || !sw_is_clean(via) || cseq > INT32_MAX)
		return SW_EINVALID;
	sw_buf_slice(out, method);
	sw_buf_slice(out, SW_STR(" "));
	sw_buf_slice(out, ruri);
	sw_buf_printf(out, " SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\n", via);
	for (size_t i = 0; i < n_routes; i++) {
		if (!sw_is_uri_text(routes[i]))
			return SW_EINVALID;
		sw_buf_slice(out, SW_STR("Route: <"));
		sw_buf_slice(out, routes[i]);
		sw_buf_slice(out, SW_STR(">\r\n"));
	}
	sw_buf_slice(out, from->whole);
	sw_buf_slice(out, to->whole);
	sw_buf_slice(out, call_id->whole);
	sw_buf_printf(out, "CSeq: %u ", cseq);
	sw_buf_slice(out, method);
	sw_buf_slice(out, SW_STR("\r\nContent-Length: 0\r\n\r\n"));
	return sw_buf_error(out);
}

int sw_msg_options(struct sw_buf *out, const char *ruri, const char *via, const char *from, const char *to, const char *call_id,
		   uint32_t cseq, const char *contact)
{
	if (!sw_is_uri_text(sw_str_of(ruri)) || !sw_is_clean(via) || !sw_is_clean(from) || !sw_is_clean(to) ||
	    !sw_is_clean(call_id) || !sw_is_clean(contact) || cseq > INT32_MAX)
		return SW_EINVALID;
	sw_buf_printf(out, "OPTIONS %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\n", ruri, via, from, to);
	sw_buf_printf(out, "Call-ID: %s\r\nCSeq: %u OPTIONS\r\n", call_id, cseq);
	if (contact)
		sw_buf_printf(out, "Contact: %s\r\n", contact);
	sw_buf_slice(out, SW_STR("Accept: application/sdp\r\nContent-Length: 0\r\n\r\n"));
	return sw_buf_error(out);
}

const char *sw_sip_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
		{ 100, "Trying" }, { 180, "Ringing" }, { 181, "Call Is Being Forwarded" }, { 182, "Queued" },
		{ 183, "Session Progress" }, { 199, "Early Dialog Terminated" }, { 200, "OK" }, { 202, "Accepted" },
		{ 204, "No Notification" }, { 300, "Multiple Choices" }, { 301, "Moved Permanently" },
		{ 302, "Moved Temporarily" }, { 305, "Use Proxy" }, { 380, "Alternative Service" }, { 400, "Bad Request" },
		{ 401, "Unauthorized" }, { 402, "Payment Required" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 406, "Not Acceptable" }, { 407, "Proxy Authentication Required" },
		{ 408, "Request Timeout" }, { 410, "Gone" }, { 412, "Conditional Request Failed" },
		{ 413, "Request Entity Too Large" }, { 414, "Request-URI Too Long" }, { 415, "Unsupported Media Type" },
		{ 416, "Unsupported URI Scheme" }, { 417, "Unknown Resource-Priority" }, { 420, "Bad Extension" },
		{ 421, "Extension Required" }, { 422, "Session Interval Too Small" }, { 423, "Interval Too Brief" },
		{ 424, "Bad Location Information" }, { 425, "Bad Alert Message" }, { 428, "Use Identity Header" },
		{ 429, "Provide Referrer Identity" }, { 430, "Flow Failed" }, { 433, "Anonymity Disallowed" },
		{ 436, "Bad Identity Info" }, { 437, "Unsupported Credential" }, { 438, "Invalid Identity Header" },
		{ 439, "First Hop Lacks Outbound Support" }, { 440, "Max-Breadth Exceeded" }, { 469, "Bad Info Package" },
		{ 470, "Consent Needed" }, { 480, "Temporarily Unavailable" }, { 481, "Call/Transaction Does Not Exist" },
		{ 482, "Loop Detected" }, { 483, "Too Many Hops" }, { 484, "Address Incomplete" }, { 485, "Ambiguous" },
		{ 486, "Busy Here" }, { 487, "Request Terminated" }, { 488, "Not Acceptable Here" }, { 489, "Bad Event" },
		{ 491, "Request Pending" }, { 493, "Undecipherable" }, { 494, "Security Agreement Required" },
		{ 500, "Server Internal Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Server Time-out" }, { 505, "Version Not Supported" },
		{ 513, "Message Too Large" }, { 555, "Push Notification Service Not Supported" },
		{ 580, "Precondition Failure" }, { 600, "Busy Everywhere" }, { 603, "Decline" },
		{ 604, "Does Not Exist Anywhere" }, { 606, "Not Acceptable" }, { 607, "Unwanted" }, { 608, "Rejected" },
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "";
}
