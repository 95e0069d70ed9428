/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body is cut into lines once; each line is given one job (keep, drop, m=, c=, a=rtcp) and the writer walks the same
 * index again. What another parser might read differently from us (a lone CR, a second c=, "C=", "c =") is refused rather than
 * passed: a line we overlook is an address that goes round the relay.
 */
#include "sip/sdp_int.h"

#include <stdlib.h>

enum { QUOTE_MAX = 80, NAME_MAX_LEN = 255 };

/* What the session level hands down to the media, and where the parser is. */
struct parser {
	struct sw_sdp *s;
	struct sw_verdict *v;
	struct sw_addr session_c, media_c[SW_SDP_MEDIA_MAX];
	bool has_session_c, has_media_c[SW_SDP_MEDIA_MAX];
	bool has_dir[SW_SDP_MEDIA_MAX], has_rtcp[SW_SDP_MEDIA_MAX], rtcp_addr[SW_SDP_MEDIA_MAX];
	enum sw_sdp_dir session_dir;
	bool session_ice;
	int media;
	size_t number;            /* of the line, for the verdict */
};

static const struct {
	const char *text;
	enum sw_sdp_proto proto;
} protos[] = {
	{ "RTP/AVP", SW_SDP_RTP_AVP },
	{ "RTP/AVPF", SW_SDP_RTP_AVPF },
	{ "RTP/SAVP", SW_SDP_RTP_SAVP },
	{ "RTP/SAVPF", SW_SDP_RTP_SAVPF },
	{ "UDP/TLS/RTP/SAVP", SW_SDP_DTLS_SAVP },
	{ "UDP/TLS/RTP/SAVPF", SW_SDP_DTLS_SAVPF },
	{ "UDP/BFCP", SW_SDP_UDP_BFCP },
	{ "TCP/BFCP", SW_SDP_TCP_BFCP },
	{ "TCP/TLS/BFCP", SW_SDP_TCP_BFCP },
	{ "udptl", SW_SDP_UDPTL },
};

const char *sw_sdp_proto_name(enum sw_sdp_proto p)
{
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (protos[i].proto == p)
			return protos[i].text;
	return "other";
}

static bool is_rtp(enum sw_sdp_proto p)
{
	return p <= SW_SDP_DTLS_SAVPF;
}

/* --- small readers --- */

/* Takes the next field up to one SP; what is left stays in *s. */
static struct sw_str field(struct sw_str *s)
{
	const char *sp = s->n ? memchr(s->p, ' ', s->n) : NULL;
	struct sw_str f = { s->p, sp ? (size_t)(sp - s->p) : s->n };

	*s = sw_sdp_tail(*s, sp ? f.n + 1 : f.n);
	return f;
}

static bool only(struct sw_str s, const char *chars)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || !strchr(chars, s.p[i]))
			return false;
	return s.n > 0;
}

static bool visible(struct sw_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)  /* 8-bit ones too, whichever sign char has */
			return false;
	return s.n > 0;
}

/* Only m=, c= and a=rtcp are quoted: other lines may hold keys (a=crypto, k=), which must not reach a log. */
static int fault(const struct parser *p, const struct sw_str *quote, const char *what)
{
	int n = quote ? (int)(quote->n < QUOTE_MAX ? quote->n : QUOTE_MAX) : 0;

	*p->v = quote ? sw_verdict_make(SW_R_MEDIA_SDP, "line %zu: %s: %.*s", p->number, what, n, quote->p)
		      : sw_verdict_make(SW_R_MEDIA_SDP, "line %zu: %s", p->number, what);
	return SW_EPARSE;
}

/* --- c= and a=rtcp --- */

/* A host name; not what inet_aton would take for an address ("127.1", "0x7f000001"). */
static bool host_name(struct sw_str s)
{
	const char *digits = "0123456789", *hex = "0123456789abcdefABCDEFxX";
	size_t label = 0;

	if (s.n > NAME_MAX_LEN || !only(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."))
		return false;
	while (s.n && s.p[s.n - 1] == '.')
		s.n--;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '.')
			label = i + 1;
	s = sw_sdp_tail(s, label);
	if (s.n == 0 || only(s, digits))
		return false;
	return !(s.p[0] == '0' && s.n > 1 && (s.p[1] | 0x20) == 'x' && only(s, hex));
}

/* "IN IP4 192.0.2.1", "IN IP6 ff15::101/3", "IN IP4 host.example"; *out is AF_UNSPEC for a name. */
static bool connection(struct sw_str s, struct sw_addr *out)
{
	struct sw_str net, type, host;
	const char *slash;
	bool v6;

	s = sw_str_trim(s);
	net = field(&s);
	type = field(&s);
	host = s;
	v6 = sw_str_ieq(type, SW_STR("IP6"));
	if (!sw_str_ieq(net, SW_STR("IN")) || (!v6 && !sw_str_ieq(type, SW_STR("IP4"))) || host.n == 0)
		return false;
	slash = memchr(host.p, '/', host.n);
	if (slash) {  /* TTL and number of addresses: of multicast, which nobody here sends to */
		if (!only(sw_sdp_tail(host, (size_t)(slash - host.p)), "/0123456789"))
			return false;
		host.n = (size_t)(slash - host.p);
	}
	*out = (struct sw_addr){ 0 };
	if (only(host, "0123456789."))
		return !v6 && sw_addr_parse(out, host, 0) == SW_OK;
	if (only(host, "0123456789abcdefABCDEF:.") && memchr(host.p, ':', host.n))
		return v6 && sw_addr_parse(out, host, 0) == SW_OK && sw_addr_family(out) == AF_INET6;
	return host_name(host);
}

static int read_connection(struct parser *p, struct sw_sdp_line *l, struct sw_str line)
{
	bool *has = p->media == SW_SDP_SESSION ? &p->has_session_c : &p->has_media_c[p->media];
	struct sw_addr *c = p->media == SW_SDP_SESSION ? &p->session_c : &p->media_c[p->media];

	if (*has)
		return fault(p, &line, "a second c=");
	if (!connection(sw_sdp_tail(line, 2), c))
		return fault(p, &line, "not an address");
	*has = true;
	l->job = SW_SDP_JOB_C;
	l->verbatim = sw_addr_family(c) != AF_UNSPEC && sw_addr_is_any(c);
	return SW_OK;
}

/* RFC 3605: port [IN IP4 address]. Of several the first counts; the others go. */
static int read_rtcp(struct parser *p, struct sw_sdp_line *l, struct sw_str line, struct sw_str value)
{
	struct sw_addr addr = { 0 };
	struct sw_str port;
	uint32_t n;

	value = sw_str_trim(value);
	port = field(&value);
	if (sw_str_u32(port, 65535, &n) < 0 || (value.n && !connection(value, &addr)))
		return fault(p, &line, "not an RTCP address");
	l->job = p->media == SW_SDP_SESSION || p->has_rtcp[p->media] ? SW_SDP_JOB_DROP : SW_SDP_JOB_RTCP;
	if (l->job == SW_SDP_JOB_DROP)
		return SW_OK;
	l->has_addr = value.n > 0;
	l->verbatim = sw_addr_family(&addr) != AF_UNSPEC && sw_addr_is_any(&addr);
	p->has_rtcp[p->media] = true;
	p->rtcp_addr[p->media] = l->has_addr;
	sw_addr_set_port(&addr, (uint16_t)n);  /* without an address the port waits there until the c= is known */
	p->s->media[p->media].remote_rtcp = addr;
	return SW_OK;
}

/* --- a= and b= --- */

/* RFC 8839's attributes, and RFC 6947's altc: each offers the peer a way round the relay. */
static bool is_ice(struct sw_str name)
{
	static const struct sw_str names[] = {
		SW_STR("candidate"), SW_STR("remote-candidates"), SW_STR("end-of-candidates"), SW_STR("altc"),
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sw_str_ieq(name, names[i]))
			return true;
	return name.n > 4 && sw_str_ieq((struct sw_str){ name.p, 4 }, SW_STR("ice-"));
}

static bool direction(struct sw_str name, enum sw_sdp_dir *dir)
{
	static const struct sw_str names[] = {
		[SW_SDP_SENDRECV] = SW_STR("sendrecv"), [SW_SDP_SENDONLY] = SW_STR("sendonly"),
		[SW_SDP_RECVONLY] = SW_STR("recvonly"), [SW_SDP_INACTIVE] = SW_STR("inactive"),
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sw_str_ieq(name, names[i])) {
			*dir = (enum sw_sdp_dir)i;
			return true;
		}
	return false;
}

static void read_session_attribute(struct parser *p, struct sw_sdp_line *l, struct sw_str name, struct sw_str value)
{
	value = sw_str_trim(value);
	if (is_ice(name)) {
		p->session_ice = true;
		l->job = SW_SDP_JOB_DROP;
	} else if (sw_str_ieq(name, SW_STR("group"))) {
		if (sw_str_ieq(field(&value), SW_STR("BUNDLE")))
			l->job = SW_SDP_JOB_DROP;
	} else if (sw_str_ieq(name, SW_STR("crypto"))) {
		p->s->session_crypto = true;
	} else if (sw_str_ieq(name, SW_STR("fingerprint"))) {
		p->s->session_fingerprint = true;
	} else {
		direction(name, &p->session_dir);
	}
}

static void read_media_attribute(struct parser *p, struct sw_sdp_line *l, struct sw_str name, struct sw_str value)
{
	struct sw_sdp_media *m = &p->s->media[p->media];

	if (is_ice(name)) {
		m->has_ice = true;
		l->job = SW_SDP_JOB_DROP;
	} else if (sw_str_ieq(name, SW_STR("bundle-only"))) {
		m->bundle_only = true;
		l->job = SW_SDP_JOB_DROP;
	} else if (sw_str_ieq(name, SW_STR("group"))) {  /* belongs to the session level; some read it here all the same */
		if (sw_str_ieq(field(&value), SW_STR("BUNDLE")))
			l->job = SW_SDP_JOB_DROP;
	} else if (sw_str_ieq(name, SW_STR("rtcp-mux"))) {
		m->rtcp_mux = true;
	} else if (sw_str_ieq(name, SW_STR("rtcp-mux-only"))) {
		m->rtcp_mux = m->rtcp_mux_only = true;
	} else if (sw_str_ieq(name, SW_STR("crypto"))) {
		m->has_crypto = true;
	} else if (sw_str_ieq(name, SW_STR("fingerprint"))) {
		m->has_fingerprint = true;
	} else if (direction(name, &m->dir)) {
		p->has_dir[p->media] = true;
	}
}

static int read_attribute(struct parser *p, struct sw_sdp_line *l, struct sw_str line)
{
	struct sw_str all = sw_sdp_tail(line, 2), name = all, value = { 0 };
	const char *colon = all.n ? memchr(all.p, ':', all.n) : NULL;

	if (colon) {
		name.n = (size_t)(colon - all.p);
		value = sw_sdp_tail(all, name.n + 1);
	}
	name = sw_str_trim(name);
	if (sw_str_ieq(name, SW_STR("rtcp")))
		return read_rtcp(p, l, line, value);
	if (p->media == SW_SDP_SESSION)
		read_session_attribute(p, l, name, value);
	else
		read_media_attribute(p, l, name, value);
	return SW_OK;
}

/* The larger of AS (kbit/s) and TIAS (bit/s, RFC 3890) of the m-line; one we can't read is no limit. */
static void read_bandwidth(struct parser *p, struct sw_str line)
{
	struct sw_str value = sw_sdp_tail(line, 2), kind = value;
	const char *colon = value.n ? memchr(value.p, ':', value.n) : NULL;
	uint32_t n;

	if (!colon || p->media == SW_SDP_SESSION)
		return;
	kind.n = (size_t)(colon - value.p);
	if (sw_str_u32(sw_str_trim(sw_sdp_tail(value, kind.n + 1)), UINT32_MAX, &n) < 0)
		return;
	if (sw_str_ieq(kind, SW_STR("TIAS")))
		n = n / 1000 + (n % 1000 != 0);
	else if (!sw_str_ieq(kind, SW_STR("AS")))
		return;
	if (n > p->s->media[p->media].kbps)
		p->s->media[p->media].kbps = n;
}

/* --- m= --- */

static int read_media(struct parser *p, struct sw_sdp_line *l, struct sw_str line)
{
	struct sw_sdp *s = p->s;
	struct sw_str rest = sw_sdp_tail(line, 2), port;
	struct sw_sdp_media *m;
	uint32_t n;

	if (s->n_media == SW_SDP_MEDIA_MAX)
		return fault(p, NULL, "too many m=");
	p->media = (int)s->n_media;
	m = &s->media[s->n_media++];
	*m = (struct sw_sdp_media){ .proto = SW_SDP_OTHER };
	m->kind = field(&rest);
	port = field(&rest);
	m->proto_text = field(&rest);
	m->formats = sw_str_trim(rest);
	if (port.n && memchr(port.p, '/', port.n))
		return fault(p, &line, "several ports in one m=");
	if (!visible(m->kind) || !visible(m->proto_text) || sw_str_u32(port, 65535, &n) < 0 || (n && m->formats.n == 0))
		return fault(p, &line, "not a media line");
	m->port = (uint16_t)n;
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (sw_str_ieq(m->proto_text, sw_str_of(protos[i].text)))
			m->proto = protos[i].proto;
	m->pair = is_rtp(m->proto);
	m->relayed = m->pair || m->proto == SW_SDP_UDP_BFCP || m->proto == SW_SDP_UDPTL;
	l->job = SW_SDP_JOB_M;
	l->media = (int16_t)p->media;
	l->port_off = (uint32_t)(port.p - line.p);
	l->port_len = (uint32_t)port.n;
	return SW_OK;
}

/* --- the whole --- */

static int read_line(struct parser *p, struct sw_sdp_line *l)
{
	struct sw_str line = sw_sdp_line_str(p->s, l);

	if (line.n == 0 && p->number > 1) {
		l->job = SW_SDP_JOB_BLANK;
		return SW_OK;
	}
	if (p->number > 1 && l[-1].job == SW_SDP_JOB_BLANK)
		return fault(p, NULL, "text after an empty line");
	if (line.n < 2 || line.p[1] != '=' || line.p[0] < 'a' || line.p[0] > 'z')
		return fault(p, NULL, "not of the form x=");
	if (memchr(line.p, '\0', line.n) || memchr(line.p, '\r', line.n))
		return fault(p, NULL, "NUL or a lone CR");
	l->type = line.p[0];
	if ((l->type == 'v') != (p->number == 1))
		return fault(p, NULL, "v= must be the first line, and only that");
	switch (l->type) {
	case 'v': return sw_str_eq(sw_str_trim(sw_sdp_tail(line, 2)), SW_STR("0")) ? SW_OK : fault(p, NULL, "not version 0");
	case 'm': return read_media(p, l, line);
	case 'c': return read_connection(p, l, line);
	case 'a': return read_attribute(p, l, line);
	case 'b': read_bandwidth(p, line); return SW_OK;
	default: return SW_OK;
	}
}

static void settle_rtcp(struct parser *p, size_t i)
{
	struct sw_sdp_media *m = &p->s->media[i];
	uint16_t port = p->has_rtcp[i] ? sw_addr_port(&m->remote_rtcp) : (uint16_t)(m->port + 1);

	if (!p->rtcp_addr[i])
		m->remote_rtcp = m->remote;
	if (m->rtcp_mux_only)
		m->remote_rtcp = m->remote;
	else if (sw_addr_family(&m->remote_rtcp) == AF_UNSPEC || m->port == 0 || port == 0)
		m->remote_rtcp = (struct sw_addr){ 0 };  /* a host name, or there is no such port */
	else
		sw_addr_set_port(&m->remote_rtcp, port);
}

/* Where the media goes, once all its lines are known. */
static int settle_media(struct parser *p, size_t i)
{
	struct sw_sdp_media *m = &p->s->media[i];

	m->has_ice |= p->session_ice;
	m->has_fingerprint |= p->s->session_fingerprint;
	if (!p->has_dir[i])
		m->dir = p->session_dir;
	if (m->rtcp_mux_only)
		m->pair = false;
	if (!p->has_media_c[i] && !p->has_session_c) {
		if (m->port == 0)
			return SW_OK;
		*p->v = sw_verdict_make(SW_R_MEDIA_SDP, "m-line %zu has no c=", i + 1);
		return SW_EPARSE;
	}
	m->remote = p->has_media_c[i] ? p->media_c[i] : p->session_c;
	m->hold_address = sw_addr_family(&m->remote) != AF_UNSPEC && sw_addr_is_any(&m->remote);
	if (sw_addr_family(&m->remote) != AF_UNSPEC)
		sw_addr_set_port(&m->remote, m->port);
	settle_rtcp(p, i);
	return SW_OK;
}

static size_t count_lines(struct sw_str text)
{
	size_t n = text.n && text.p[text.n - 1] != '\n';

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

/* text ends where the struct says: the last line may lack its end. */
static void cut_line(struct sw_str text, size_t off, struct sw_sdp_line *l)
{
	const char *nl = memchr(text.p + off, '\n', text.n - off);
	size_t end = nl ? (size_t)(nl - text.p) : text.n;

	*l = (struct sw_sdp_line){ .off = (uint32_t)off, .eol = nl != NULL };
	if (nl && end > off && text.p[end - 1] == '\r') {
		l->eol = 2;
		end--;
	}
	l->len = (uint32_t)(end - off);
}

int sw_sdp_parse(struct sw_sdp *out, struct sw_str text, struct sw_verdict *v)
{
	struct sw_sdp s = { .text = text };
	struct parser p = { .s = &s, .v = v, .media = SW_SDP_SESSION, .session_dir = SW_SDP_SENDRECV };
	size_t lines, off = 0;
	int err = SW_EPARSE;

	if (text.n == 0 || text.n > SW_SDP_BYTES_MAX || (lines = count_lines(text)) > SW_SDP_LINES_MAX) {
		*v = sw_verdict_make(SW_R_MEDIA_SDP, "empty, or more than %d bytes or %d lines", SW_SDP_BYTES_MAX, SW_SDP_LINES_MAX);
		return SW_EPARSE;
	}
	s.lines = calloc(lines, sizeof(*s.lines));
	if (!s.lines)
		return SW_ENOMEM;
	while (s.n_lines < lines) {
		struct sw_sdp_line *l = &s.lines[s.n_lines++];

		cut_line(text, off, l);
		off += l->len + l->eol;
		l->media = (int16_t)p.media;
		p.number = s.n_lines;
		if ((err = read_line(&p, l)) < 0)
			goto fail;
	}
	for (size_t i = 0; i < s.n_media; i++)
		if ((err = settle_media(&p, i)) < 0)
			goto fail;
	*out = s;
	return SW_OK;
fail:
	sw_sdp_free(&s);
	return err;
}

void sw_sdp_free(struct sw_sdp *s)
{
	free(s->lines);
	s->lines = NULL;
	s->n_lines = s->n_media = 0;
}
