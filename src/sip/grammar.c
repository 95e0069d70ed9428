/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fence around Sofia-SIP: this file and grammar_read.c are all of the project that includes it.
 *
 * What is never done with it, as it was measured to abort, overflow or hang: streaming, its Content-Length (left out of what
 * it is shown), sdp_*, printing, lists of unbounded length, nta/tport/nua. Its leniencies (sofia-sip accepts SIP/7.0, port
 * 99999999, a Route without <>, repeated From, ...) are closed here.
 */
#include "sip/msg_int.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_protos.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/su.h>

#include "sip/grammar_int.h"

/* What of Sofia's home is filled at once: a typical message then costs one allocation. */
enum { HOME_BYTES = 3072 };

int sw_msg_init(void)
{
	return su_init() == 0 ? SW_OK : SW_EINTERNAL;
}

void sw_msg_deinit(void)
{
	su_deinit();
}

static bool bad(struct sw_verdict *v, const char *what, struct sw_str seen)
{
	*v = sw_verdict_make(SW_R_MSG_SYNTAX, "%s: %.*s", what, (int)(seen.n < 120 ? seen.n : 120), seen.p ? seen.p : "");
	return false;
}

static bool bad_header(struct sw_verdict *v, const char *name, const char *what)
{
	*v = sw_verdict_make(SW_R_MSG_SYNTAX, "%s %s", name, what);
	return false;
}

/* --- the start line: RFC 3261 7.1, 7.2, single spaces only --- */

static bool is_version(struct sw_str s)
{
	size_t i = 4;

	if (s.n < 5 || !sw_str_ieq((struct sw_str){ s.p, 4 }, SW_STR("SIP/")))
		return false;
	for (; i < s.n; i++)
		if (s.p[i] != '.' && (s.p[i] < '0' || s.p[i] > '9'))
			return false;
	return true;
}

static bool check_version(struct sw_str version, struct sw_verdict *v)
{
	if (sw_str_ieq(version, SW_STR("SIP/2.0")))
		return true;
	if (!is_version(version))
		return bad(v, "start line has no SIP version", version);
	*v = sw_verdict_make(SW_R_MSG_VERSION, "%.*s", (int)(version.n < 40 ? version.n : 40), version.p);
	return false;
}

/* Cuts the word before the next space off *s; the whole of it when there is none. */
static struct sw_str word(struct sw_str *s)
{
	const char *space = s->n ? memchr(s->p, ' ', s->n) : NULL;
	struct sw_str w = { s->p, space ? (size_t)(space - s->p) : s->n };

	*s = space ? (struct sw_str){ space + 1, s->n - w.n - 1 } : (struct sw_str){ s->p + s->n, 0 };
	return w;
}

static bool read_status_line(struct sw_msg *m, struct sw_verdict *v)
{
	struct sw_str rest = m->head.start, version = word(&rest), code = word(&rest);
	uint32_t status;

	if (!check_version(version, v))
		return false;
	if (code.n != 3 || sw_str_u32(code, 699, &status) < 0 || status < 100)
		return bad(v, "status code", code);
	m->status = (int)status;
	m->phrase = rest;
	return true;
}

static bool read_request_line(struct sw_msg *m, struct sw_verdict *v)
{
	struct sw_str rest = m->head.start, method = word(&rest), uri = word(&rest);

	if (!sw_is_token(method))
		return bad(v, "method", method);
	m->method_text = method;
	m->method = sw_method_of(method);
	if (!sw_is_uri_text(uri))
		return bad(v, "Request-URI", m->head.start);
	m->ruri = uri;
	return check_version(rest, v);
}

static bool read_start(struct sw_msg *m, struct sw_verdict *v)
{
	struct sw_str s = m->head.start;

	m->request = !(s.n >= 4 && sw_str_ieq((struct sw_str){ s.p, 4 }, SW_STR("SIP/")));
	return m->request ? read_request_line(m, v) : read_status_line(m, v);
}

/* --- lines: how often, and the plain ones --- */

static bool check_length(const struct sw_msg *m, struct sw_verdict *v)
{
	const struct sw_line *l = sw_head_find(&m->head, SW_HDR_CONTENT_LENGTH);
	uint32_t n;

	if (!l) {
		*v = sw_verdict_make(SW_R_MSG_NO_LENGTH, NULL);
		return false;
	}
	if (sw_str_u32(l->value, UINT32_MAX, &n) < 0 || n != m->n - m->head.len)
		return bad(v, "Content-Length", l->value);
	return true;
}

static bool check_max_forwards(struct sw_msg *m, struct sw_verdict *v)
{
	const struct sw_line *l = sw_head_find(&m->head, SW_HDR_MAX_FORWARDS);
	uint32_t n;

	m->max_forwards = -1;
	if (!l)
		return true;
	if (sw_str_u32(l->value, 255, &n) < 0)
		return bad(v, "Max-Forwards", l->value);
	m->max_forwards = (int)n;
	return true;
}

/* RFC 3261 25: callid = word [ "@" word ]. Blanks and controls are what must not pass: it becomes a key and goes into logs. */
static bool check_call_id(struct sw_msg *m, struct sw_verdict *v)
{
	const struct sw_line *l = sw_head_find(&m->head, SW_HDR_CALL_ID);

	for (size_t i = 0; i < l->value.n; i++)
		if ((unsigned char)l->value.p[i] <= ' ' || l->value.p[i] == 0x7f || l->value.p[i] == ',')
			return bad(v, "Call-ID", l->value);
	if (l->value.n == 0)
		return bad_header(v, "Call-ID", "is empty");
	m->call_id = l->value;
	return true;
}

static bool check_cseq(struct sw_msg *m, struct sw_verdict *v)
{
	const struct sw_line *l = sw_head_find(&m->head, SW_HDR_CSEQ);
	struct sw_str method;

	if (sw_cseq_parse(l->value, &m->cseq, &method) < 0)
		return bad(v, "CSeq", l->value);
	if (m->request && m->method_text.n && !sw_str_eq(method, m->method_text))
		return bad(v, "CSeq does not fit the method", l->value);
	if (m->method_text.n == 0) {
		m->method_text = method;
		m->method = sw_method_of(method);
	}
	return true;
}

static bool check_counts(const struct sw_msg *m, struct sw_verdict *v)
{
	static const struct {
		enum sw_hdr id;
		bool needed, once;
		const char *name;
	} rules[] = {
		{ SW_HDR_VIA, true, false, "Via" },
		{ SW_HDR_FROM, true, true, "From" },
		{ SW_HDR_TO, true, true, "To" },
		{ SW_HDR_CALL_ID, true, true, "Call-ID" },
		{ SW_HDR_CSEQ, true, true, "CSeq" },
		{ SW_HDR_MAX_FORWARDS, false, true, "Max-Forwards" },
		{ SW_HDR_CONTENT_LENGTH, false, true, "Content-Length" },
		{ SW_HDR_CONTENT_TYPE, false, true, "Content-Type" },
		{ SW_HDR_CONTENT_DISPOSITION, false, true, "Content-Disposition" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].needed && m->head.count[rules[i].id] == 0)
			return bad_header(v, rules[i].name, "is missing");
		if (rules[i].once && m->head.count[rules[i].id] > 1)
			return bad_header(v, rules[i].name, "is repeated");
	}
	return true;
}

static bool check_lines(struct sw_msg *m, struct sw_verdict *v)
{
	const struct sw_line *l = sw_head_find(&m->head, SW_HDR_BAD);

	if (l)
		return bad(v, "a header without a name", sw_trim(l->whole));
	if (!m->head.whole)
		return bad_header(v, "the header block", "has no end");
	return check_counts(m, v) && check_length(m, v) && check_max_forwards(m, v) && check_call_id(m, v) && check_cseq(m, v);
}

/* --- what Sofia is shown --- */

static bool shown(enum sw_hdr id, bool all)
{
	switch (id) {
	case SW_HDR_VIA:
	case SW_HDR_FROM:
	case SW_HDR_TO:
	case SW_HDR_CALL_ID:
		return true;
	case SW_HDR_ROUTE:
	case SW_HDR_RECORD_ROUTE:
	case SW_HDR_CONTACT:
	case SW_HDR_CONTENT_TYPE:
		return all;
	default:
		return false;
	}
}

static char *put(char *to, struct sw_str s, size_t *n)
{
	*n += s.n;
	return to ? (char *)memcpy(to, s.p, s.n) + s.n : NULL;
}

/*
 * Method and CSeq are read here, and shown as constants: Sofia knows fewer methods than RFC 3261's grammar. Of headers that
 * occur once, only the first is shown where all is false: a reply echoes that one. Returns the length; to may be NULL.
 */
static size_t compose(const struct sw_msg *m, bool all, char *to)
{
	const struct sw_str any_uri = SW_STR("sip:reply.invalid");
	bool seen[SW_HDR_COUNT] = { false };
	size_t n = 0;

	if (m->request) {
		to = put(to, SW_STR("OPTIONS "), &n);
		to = put(to, all ? m->ruri : any_uri, &n);
		to = put(to, SW_STR(" SIP/2.0"), &n);
	} else {
		to = put(to, m->head.start, &n);
	}
	to = put(to, SW_STR("\r\nCSeq: 1 OPTIONS\r\n"), &n);
	for (size_t i = 0; i < m->head.n; i++) {
		const struct sw_line *l = &m->head.lines[i];

		if (!shown(l->id, all) || (!all && l->id != SW_HDR_VIA && seen[l->id]))
			continue;
		seen[l->id] = true;
		to = put(to, l->whole, &n);
	}
	put(to, SW_STR("\r\n"), &n);
	return n;
}

/* One whole message without a body, in one piece. 0 when Sofia takes every line of it. */
static int load(struct sw_msg *m, bool all)
{
	size_t n = compose(m, all, NULL);
	msg_iovec_t iov[2] = { 0 };

	if (m->sofia)
		msg_destroy(m->sofia);
	m->sip = NULL;
	m->facts = NULL;
	m->unsupported = (struct sw_str){ NULL, 0 };
	/* A mailbox message without Content-Length has no body. */
	m->sofia = msg_create(sip_default_mclass(), MSG_FLG_MAILBOX);
	if (!m->sofia)
		return SW_ENOMEM;
	su_home_preload(msg_home(m->sofia), 1, (isize_t)(n + HOME_BYTES));
	if (msg_recv_iovec(m->sofia, iov, 2, (usize_t)n, 1) != 1 || iov[0].mv_len < n)
		return SW_ENOMEM;
	compose(m, all, iov[0].mv_base);
	if (msg_recv_commit(m->sofia, (usize_t)n, 1) < 0)
		return SW_ENOMEM;
	if (msg_extract(m->sofia) != 1)
		return SW_EPARSE;
	m->sip = sip_object(m->sofia);
	if (!m->sip || (m->sip->sip_flags & (MSG_FLG_ERROR | MSG_FLG_TRUNC | MSG_FLG_TOOLARGE)) || msg_extract_errors(m->sofia) ||
	    m->sip->sip_error)
		return SW_EPARSE;
	return SW_OK;
}

/*
 * The name of the header Sofia refused. er_name is there only in nodes of the error class: others are of the class they
 * failed.
 */
static const char *refused(const struct sw_msg *m)
{
	const msg_error_t *e = m->sip ? m->sip->sip_error : NULL;

	if (!e || !e->er_common->h_class)
		return "the message";
	if (e->er_common->h_class == sip_error_class)
		return e->er_name ? e->er_name : "a header";
	return e->er_common->h_class->hc_name ? e->er_common->h_class->hc_name : "a header";
}

/* --- what Sofia lets through --- */

static bool host_good(const char *host)
{
	size_t n = host ? strlen(host) : 0;
	char text[64];
	struct in6_addr a;

	if (n == 0 || n > 255)
		return false;
	if (host[0] == '[') {
		if (n < 4 || n - 2 >= sizeof(text) || host[n - 1] != ']')
			return false;
		memcpy(text, host + 1, n - 2);
		text[n - 2] = '\0';
		return inet_pton(AF_INET6, text, &a) == 1;
	}
	for (size_t i = 0; i < n; i++)
		if (strchr("!%*+`'~", host[i]) || !sw_is_token_char(host[i]))
			return false;
	return true;
}

bool sw_port_read(const char *port, uint16_t *out)
{
	uint32_t n = 0;

	if (port && (sw_str_u32(sw_str_of(port), 65535, &n) < 0 || n == 0))
		return false;
	*out = (uint16_t)n;
	return true;
}

/*
 * The host as it is written, where an unescaped '@' can only end the user part (RFC 3261 25.1). Sofia undoes escapes and
 * looks further: where its host isn't this one, two readers of the same bytes would see two peers.
 */
static bool host_agrees(const char *host, struct sw_str uri)
{
	const char *end = uri.p + uri.n, *p = memchr(uri.p, ':', uri.n), *at = memchr(uri.p, '@', uri.n);
	struct sw_str want = sw_str_of(host);

	if (!p || (at && memchr(at + 1, '@', (size_t)(end - at - 1))))
		return false;
	p = at ? at + 1 : p + 1;
	return (size_t)(end - p) >= want.n && sw_str_ieq((struct sw_str){ p, want.n }, want) &&
	       (p + want.n == end || strchr(":;?", p[want.n]));
}

bool sw_url_good(const void *url, struct sw_str text)
{
	const url_t *u = url;
	uint16_t port;

	switch (u->url_type) {
	case url_sip:
	case url_sips:
		return host_good(u->url_host) && host_agrees(u->url_host, text) && sw_port_read(u->url_port, &port);
	case url_tel:
		return u->url_user && u->url_user[0];
	case url_invalid:
	case url_any:
		return false;
	default:
		return u->url_scheme && u->url_scheme[0];
	}
}

/* Each is a name-addr and there are as many as Sofia saw: what we cut is what was parsed. */
static bool check_routes(const struct sw_msg *m, enum sw_hdr id, const sip_route_t *r, const char *name, struct sw_verdict *v)
{
	struct sw_values w = { .bad = false };
	struct sw_name_addr a;
	struct sw_str value;

	for (size_t i = 0; m->head.count[id] && i < m->head.n; i++) {
		if (m->head.lines[i].id != id)
			continue;
		for (w.rest = m->head.lines[i].value; sw_values_next(&w, &value); r = r->r_next)
			if (!r || !sw_name_addr_read(value, &a) || !a.brackets || !sw_url_good(r->r_url, a.uri))
				return bad(v, name, value);
	}
	return (!r && !w.bad) || bad_header(v, name, "is ambiguous");
}

static bool check_contacts(const struct sw_msg *m, struct sw_verdict *v)
{
	const sip_contact_t *c = m->sip->sip_contact;
	struct sw_values w = { .bad = false };
	struct sw_name_addr a;
	struct sw_str value;

	for (size_t i = 0; m->head.count[SW_HDR_CONTACT] && i < m->head.n; i++) {
		if (m->head.lines[i].id != SW_HDR_CONTACT)
			continue;
		for (w.rest = m->head.lines[i].value; sw_values_next(&w, &value); c = c->m_next)
			if (!c || !sw_name_addr_read(value, &a) ||
			    (c->m_url->url_type != url_any && !sw_url_good(c->m_url, a.uri)))
				return bad(v, "Contact", value);
	}
	return (!c && !w.bad) || bad_header(v, "Contact", "is ambiguous");
}

static bool check_vias(const struct sw_msg *m, struct sw_verdict *v)
{
	uint16_t port;
	int n = 0;

	for (const sip_via_t *via = m->sip->sip_via; via; via = via->v_next, n++) {
		if (!host_good(via->v_host))
			return bad(v, "Via host", sw_str_of(via->v_host));
		if (!sw_port_read(via->v_port, &port))
			return bad(v, "Via port", sw_str_of(via->v_port));
	}
	return sw_count_values(&m->head, SW_HDR_VIA) == n || bad_header(v, "Via", "is ambiguous");
}

/* From or To; a tag, where it is, isn't empty. */
static bool check_party(const struct sw_msg *m, enum sw_hdr id, const sip_addr_t *a, const char *name, struct sw_verdict *v)
{
	const struct sw_line *l = sw_head_find(&m->head, id);
	struct sw_name_addr text;

	if (sw_count_values(&m->head, id) != 1 || !sw_name_addr_read(l->value, &text) || !sw_url_good(a->a_url, text.uri))
		return bad(v, name, l->value);
	if (a->a_tag ? !a->a_tag[0] : m->request && id == SW_HDR_FROM)
		return bad_header(v, name, "has no tag");
	return true;
}

static bool check_request(const struct sw_msg *m, struct sw_verdict *v)
{
	const url_t *u = m->sip->sip_request->rq_url;

	if (!sw_url_good(u, m->ruri))
		return bad(v, "Request-URI", m->ruri);
	if (u->url_headers)
		return bad(v, "Request-URI with headers", m->ruri);
	return true;
}

static bool check_grammar(struct sw_msg *m, struct sw_verdict *v)
{
	const sip_t *sip = m->sip;

	if (sip_sanity_check(sip) < 0 || (m->request ? !sip->sip_request : !sip->sip_status))
		return bad_header(v, "the message", "is not sane");
	if (m->head.count[SW_HDR_CONTENT_TYPE] && (!sip->sip_content_type || !sip->sip_content_type->c_type))
		return bad_header(v, "Content-Type", "does not parse");
	return (!m->request || check_request(m, v)) && check_vias(m, v) && check_contacts(m, v) &&
	       check_party(m, SW_HDR_FROM, sip->sip_from, "From", v) && check_party(m, SW_HDR_TO, sip->sip_to, "To", v) &&
	       check_routes(m, SW_HDR_ROUTE, sip->sip_route, "Route", v) &&
	       check_routes(m, SW_HDR_RECORD_ROUTE, sip->sip_record_route, "Record-Route", v);
}

static void take_tags(struct sw_msg *m)
{
	m->from_tag = sw_str_of(m->sip->sip_from->a_tag);
	m->to_tag = sw_str_of(m->sip->sip_to->a_tag);
	m->to_has_tag = m->sip->sip_to->a_tag != NULL;
}

/*
 * Can a refused request be told so? RFC 3261 16.3 asks for Via, From, To, Call-ID and CSeq, so those alone are parsed again.
 * A method that can't be read from the start line is taken from CSeq: an ACK is never answered.
 */
static int salvage(struct sw_msg *m)
{
	struct sw_str method = m->method_text, ignored;
	struct sw_verdict v;
	const struct sw_line *l;
	int err;

	if (!m->request || !m->head.count[SW_HDR_CSEQ])
		return SW_EPARSE;
	for (enum sw_hdr id = SW_HDR_VIA; id < SW_HDR_COUNT; id++)
		if (shown(id, false) && m->head.count[id] == 0)
			return SW_EPARSE;
	l = sw_head_find(&m->head, SW_HDR_CSEQ);
	if (sw_cseq_parse(l->value, &m->cseq, &ignored) < 0 || !check_call_id(m, &v))
		return SW_EPARSE;
	if (method.n == 0) {
		m->method_text = ignored;
		m->method = sw_method_of(ignored);
	}
	err = load(m, false);
	if (err < 0)
		return err;
	if (!m->sip->sip_from || !m->sip->sip_to || !check_vias(m, &v))
		return SW_EPARSE;
	take_tags(m);
	return SW_OK;
}

static int judge(struct sw_msg *m, struct sw_verdict *v)
{
	int err;

	if (!read_start(m, v) || !check_lines(m, v))
		return SW_EPARSE;
	err = load(m, true);
	if (err == SW_EPARSE)
		bad_header(v, refused(m), "does not parse");
	if (err < 0)
		return err;
	if (!check_grammar(m, v))
		return SW_EPARSE;
	take_tags(m);
	err = sw_grammar_facts(m);
	if (err == SW_EPARSE)
		bad_header(v, "Proxy-Require", "is no list of tokens");
	return err;
}

int sw_msg_parse(struct sw_msg **out, struct sw_str bytes, struct sw_verdict *v)
{
	struct sw_msg *m = malloc(sizeof(*m) + bytes.n);
	const char *why = "";
	int err;

	*v = sw_verdict_make(SW_R_MSG_SYNTAX, NULL);
	if (!m)
		return SW_ENOMEM;
	*m = (struct sw_msg){ .n = bytes.n, .max_forwards = -1 };
	if (bytes.n)
		memcpy(m->text, bytes.p, bytes.n);
	err = sw_head_index(&m->head, (struct sw_str){ m->text, m->n }, &why);
	if (err < 0) {
		bad_header(v, "the header block has", why);
		goto fail;
	}
	err = judge(m, v);
	if (err == SW_ENOMEM || (err == SW_EPARSE && salvage(m) < 0))
		goto fail;
	m->passed = err == SW_OK;
	if (m->passed)
		v->reason = SW_R_OK;
	*out = m;
	return err;
fail:
	sw_msg_free(m);
	*out = NULL;
	return err;
}

void sw_msg_free(struct sw_msg *m)
{
	if (!m)
		return;
	if (m->sofia)
		msg_destroy(m->sofia);
	sw_head_free(&m->head);
	free(m);
}
