/* SPDX-License-Identifier: Apache-2.0 */
/* What Sofia made of a message, as plain data. */
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_protos.h>

#include "sip/grammar_int.h"

static struct sw_str without_brackets(const char *host)
{
	struct sw_str h = sw_str_of(host);

	if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
		h = (struct sw_str){ h.p + 1, h.n - 2 };
	return h;
}

/* params: "transport=tls;lr", as in url_t. */
static bool uri_param(const char *params, const char *name, struct sw_str *value)
{
	struct sw_str want = sw_str_of(name);

	while (params && *params) {
		size_t n = strcspn(params, ";"), eq = strcspn(params, "=;");

		if (sw_str_ieq((struct sw_str){ params, eq }, want)) {
			*value = eq < n ? (struct sw_str){ params + eq + 1, n - eq - 1 } : (struct sw_str){ params + n, 0 };
			return true;
		}
		params += n + (params[n] == ';');
	}
	return false;
}

static void uri_facts(const url_t *u, struct sw_uri_facts *out)
{
	struct sw_str transport;

	*out = (struct sw_uri_facts){ .user = sw_str_of(u->url_user), .host = without_brackets(u->url_host) };
	switch (u->url_type) {
	case url_sip:
		out->scheme = SW_SCHEME_SIP;
		break;
	case url_sips:
		out->scheme = SW_SCHEME_SIPS;
		break;
	case url_tel:
		out->scheme = SW_SCHEME_TEL;
		break;
	default:
		out->scheme = SW_SCHEME_OTHER;
	}
	if (!sw_port_read(u->url_port, &out->port))
		out->port = 0;
	if (uri_param(u->url_params, "transport", &transport))
		out->transport = sw_str_ieq(transport, SW_STR("tls")) ? SW_URI_T_TLS :
				 sw_str_ieq(transport, SW_STR("tcp")) ? SW_URI_T_TCP : SW_URI_T_OTHER;
}

static void hop(const url_t *u, struct sw_str text, struct sw_hop *out)
{
	struct sw_str ignored;

	*out = (struct sw_hop){ .text = text };
	uri_facts(u, &out->uri);
	out->lr = uri_param(u->url_params, "lr", &ignored);
	out->r2 = uri_param(u->url_params, "r2", &ignored);
	if (!uri_param(u->url_params, "c", &out->cookie))
		out->cookie = (struct sw_str){ NULL, 0 };
}

/* The URI's text of value i. */
static struct sw_str uri_text(const struct sw_msg *m, enum sw_hdr id, size_t i)
{
	struct sw_name_addr a;

	return sw_name_addr_read(sw_nth_value(&m->head, id, i), &a) ? a.uri : (struct sw_str){ NULL, 0 };
}

static bool nth_route(const struct sw_msg *m, const sip_route_t *r, enum sw_hdr id, size_t i, struct sw_hop *out)
{
	for (size_t n = i; r && n; n--)
		r = r->r_next;
	if (!r)
		return false;
	hop(r->r_url, uri_text(m, id, i), out);
	return true;
}

bool sw_msg_route(const struct sw_msg *m, size_t i, struct sw_hop *out)
{
	return nth_route(m, m->sip->sip_route, SW_HDR_ROUTE, i, out);
}

bool sw_msg_record_route(const struct sw_msg *m, size_t i, struct sw_hop *out)
{
	return nth_route(m, m->sip->sip_record_route, SW_HDR_RECORD_ROUTE, i, out);
}

size_t sw_msg_route_count(const struct sw_msg *m)
{
	size_t n = 0;

	for (const sip_route_t *r = m->sip->sip_route; r; r = r->r_next)
		n++;
	return n;
}

bool sw_msg_ruri(const struct sw_msg *m, struct sw_hop *out)
{
	if (!m->request || !m->passed)
		return false;
	hop(m->sip->sip_request->rq_url, m->ruri, out);
	return true;
}

bool sw_msg_contact(const struct sw_msg *m, struct sw_hop *out)
{
	if (!m->sip->sip_contact)
		return false;
	hop(m->sip->sip_contact->m_url, uri_text(m, SW_HDR_CONTACT, 0), out);
	return true;
}

size_t sw_msg_via_count(const struct sw_msg *m)
{
	size_t n = 0;

	for (const sip_via_t *v = m->sip->sip_via; v; v = v->v_next)
		n++;
	return n;
}

bool sw_msg_via(const struct sw_msg *m, size_t i, struct sw_via_facts *out)
{
	const sip_via_t *v = m->sip->sip_via;
	const char *slash;

	while (v && i--)
		v = v->v_next;
	if (!v)
		return false;
	slash = strrchr(v->v_protocol, '/');
	*out = (struct sw_via_facts){
		.transport = sw_str_of(slash ? slash + 1 : v->v_protocol),
		.host = without_brackets(v->v_host),
		.branch = sw_str_of(v->v_branch),
		.received = sw_str_of(v->v_received),
		.rport = msg_params_find(v->v_params, "rport") != NULL,
		.alias = msg_params_find(v->v_params, "alias") != NULL,
	};
	if (!sw_port_read(v->v_port, &out->port))
		out->port = 0;
	return true;
}

struct sw_str sw_msg_content_type(const struct sw_msg *m)
{
	return sw_str_of(m->sip->sip_content_type ? m->sip->sip_content_type->c_type : NULL);
}

/* --- facts: what the request claims, read once --- */

static int claim_of(enum sw_hdr id)
{
	switch (id) {
	case SW_HDR_PAI:
		return SW_CLAIM_PAI;
	case SW_HDR_PPI:
		return SW_CLAIM_PPI;
	case SW_HDR_RPID:
		return SW_CLAIM_RPID;
	case SW_HDR_DIVERSION:
		return SW_CLAIM_DIVERSION;
	case SW_HDR_REFERRED_BY:
		return SW_CLAIM_REFERRED_BY;
	case SW_HDR_HISTORY_INFO:
		return SW_CLAIM_HISTORY;
	default:
		return -1;
	}
}

/* One claimed identity; false when it does not parse to its end. Not for Sofia: what our own reading finds ambiguous. */
static bool claimed_uri(su_home_t *home, struct sw_str value, struct sw_uri_facts *out)
{
	struct sw_name_addr text;
	const char *display = NULL, *comment = NULL;
	const msg_param_t *params = NULL;
	url_t url = { .url_type = url_invalid };
	char *s;

	if (!sw_name_addr_read(value, &text))
		return false;
	/* the URI alone: brackets make it a name-addr whatever it holds */
	s = su_sprintf(home, "<%.*s>", (int)text.uri.n, text.uri.p);
	if (!s || sip_name_addr_d(home, &s, &display, &url, &params, &comment) < 0 || *s || !sw_url_good(&url, text.uri))
		return false;
	uri_facts(&url, out);
	return true;
}

static void claims_of_line(su_home_t *home, const struct sw_line *l, int claim, struct sw_request_facts *f)
{
	struct sw_values w = { .rest = l->value };
	struct sw_str value;

	while (sw_values_next(&w, &value)) {
		struct sw_asserted *a = &f->asserted[f->n_asserted];

		if (f->n_asserted == SW_ASSERTED_MAX || !claimed_uri(home, value, &a->uri)) {
			f->asserted_more = true;
			return;
		}
		a->header = claim;
		f->n_asserted++;
	}
	f->asserted_more |= w.bad;
}

static bool privacy_has_id(struct sw_str value)
{
	struct sw_str token = { value.p, 0 };

	for (size_t i = 0; i <= value.n; i++) {
		if (i < value.n && value.p[i] != ';' && value.p[i] != ',') {
			token.n++;
			continue;
		}
		if (sw_str_ieq(sw_trim(token), SW_STR("id")))
			return true;
		token = (struct sw_str){ value.p + i + 1, 0 };
	}
	return false;
}

/* As it is shown to people: without quotes and escapes. */
static struct sw_str display_of(su_home_t *home, struct sw_str from)
{
	struct sw_name_addr a;
	struct sw_str d;
	size_t n = 0;
	char *plain;

	if (!sw_name_addr_read(from, &a))
		return (struct sw_str){ NULL, 0 };
	d = a.display;
	if (d.n < 2 || d.p[0] != '"')
		return d;
	d = (struct sw_str){ d.p + 1, d.n - 2 };
	if (!d.n || !memchr(d.p, '\\', d.n))
		return d;
	plain = su_alloc(home, (isize_t)d.n);
	for (size_t i = 0; plain && i < d.n; i++) {
		if (d.p[i] == '\\' && i + 1 < d.n)
			i++;
		plain[n++] = d.p[i];
	}
	return plain ? (struct sw_str){ plain, n } : d;
}

/* The tags of all Proxy-Require lines, "a, b": we know none of them. */
static int collect_unsupported(struct sw_msg *m, su_home_t *home)
{
	size_t size = 0, n = 0;
	char *list;

	for (size_t i = 0; i < m->head.n; i++)
		if (m->head.lines[i].id == SW_HDR_PROXY_REQUIRE)
			size += 2 * m->head.lines[i].value.n + 2;
	list = su_alloc(home, (isize_t)size);
	if (!list)
		return SW_ENOMEM;
	for (size_t i = 0; i < m->head.n; i++) {
		struct sw_values w = { .rest = m->head.lines[i].value };
		struct sw_str tag;

		while (m->head.lines[i].id == SW_HDR_PROXY_REQUIRE && sw_values_next(&w, &tag)) {
			if (!sw_is_token(tag))
				return SW_EPARSE;
			if (n) {
				memcpy(list + n, ", ", 2);
				n += 2;
			}
			memcpy(list + n, tag.p, tag.n);
			n += tag.n;
		}
		if (w.bad)
			return SW_EPARSE;
	}
	m->unsupported = (struct sw_str){ list, n };
	return SW_OK;
}

int sw_grammar_facts(struct sw_msg *m)
{
	su_home_t *home = msg_home(m->sofia);
	struct sw_request_facts *f;

	if (!m->request)
		return SW_OK;
	f = su_zalloc(home, sizeof(*f));
	if (!f)
		return SW_ENOMEM;
	m->facts = f;
	f->method = m->method_text;
	uri_facts(m->sip->sip_request->rq_url, &f->ruri);
	uri_facts(m->sip->sip_from->a_url, &f->from);
	uri_facts(m->sip->sip_to->a_url, &f->to);
	f->from_display = display_of(home, sw_head_find(&m->head, SW_HDR_FROM)->value);
	f->has_to_tag = m->to_has_tag;
	for (size_t i = 0; i < m->head.n; i++) {
		const struct sw_line *l = &m->head.lines[i];
		int claim = claim_of(l->id);

		if (claim >= 0 && !f->asserted_more)
			claims_of_line(home, l, claim, f);
		else if (l->id == SW_HDR_PRIVACY && privacy_has_id(l->value))
			f->privacy_id = true;
	}
	return m->head.count[SW_HDR_PROXY_REQUIRE] ? collect_unsupported(m, home) : SW_OK;
}
