/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/wire.h"

#include <ldns/ldns.h>

#include "core/random.h"

enum { LABEL_MAX = 63, NAME_TEXT_MAX = 253 };

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

int sw_wire_name(char out[SW_DNS_NAME_MAX], const char *name)
{
	size_t n = name ? strnlen(name, SW_DNS_NAME_MAX + 1) : 0, label = 0;
	char text[SW_DNS_NAME_MAX];

	if (n && name[n - 1] == '.')
		n--;
	if (n == 0 || n > NAME_TEXT_MAX)
		return SW_EINVALID;
	for (size_t i = 0; i < n; i++) {
		char c = lower(name[i]);

		if (c == '.' ? label == 0 : (!name_char(c) || label == LABEL_MAX))
			return SW_EINVALID;
		label = c == '.' ? 0 : label + 1;
		text[i] = c;
	}
	if (label == 0)
		return SW_EINVALID;
	text[n] = '\0';
	memcpy(out, text, n + 1);
	return SW_OK;
}

int sw_wire_name_text(char out[SW_DNS_NAME_MAX], const uint8_t *wire, size_t len)
{
	char text[SW_DNS_NAME_MAX];
	size_t at = 0, n = 0;

	while (at < len && wire[at] != 0) {
		size_t label = wire[at++];

		if (label > LABEL_MAX || label > len - at || n + label + 1 > NAME_TEXT_MAX + 1)
			return SW_EPARSE;
		for (size_t i = 0; i < label; i++) {
			char c = lower((char)wire[at++]);

			if (!name_char(c))
				return SW_EPARSE;
			text[n++] = c;
		}
		text[n++] = '.';
	}
	if (at >= len)
		return SW_EPARSE;
	text[n ? n - 1 : 0] = '\0';
	memcpy(out, text, n ? n : 1);
	return SW_OK;
}

bool sw_wire_name_within(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);

	if (nb == 0)
		return true;
	return na >= nb && memcmp(a + na - nb, b, nb) == 0 && (na == nb || a[na - nb - 1] == '.');
}

static int build(struct sw_wire_query *q, const char *name, uint16_t type, uint16_t flags, uint16_t udp_size, bool dnssec)
{
	ldns_rdf *owner = ldns_dname_new_frm_str(name);
	ldns_pkt *pkt = NULL;
	uint8_t *wire = NULL;
	size_t len, question;
	int err = SW_ENOMEM;

	if (!owner)
		return SW_EINVALID;
	question = ldns_rdf_size(owner) + 4;
	pkt = ldns_pkt_query_new(owner, (ldns_rr_type)type, LDNS_RR_CLASS_IN, flags);
	if (!pkt) {
		ldns_rdf_deep_free(owner);
		return SW_ENOMEM;
	}
	if (udp_size) {
		ldns_pkt_set_edns_udp_size(pkt, udp_size);
		ldns_pkt_set_edns_do(pkt, dnssec);
	}
	if (ldns_pkt2wire(&wire, pkt, &len) != LDNS_STATUS_OK)
		goto out;
	err = SW_EINTERNAL;
	if (len > SW_WIRE_QUERY_MAX || len < SW_WIRE_HEADER + question)
		goto out;
	memcpy(q->bytes, wire, len);
	q->len = len;
	q->question = question;
	q->edns = udp_size != 0;
	sw_wire_new_id(q);
	err = SW_OK;
out:
	LDNS_FREE(wire);
	ldns_pkt_free(pkt);
	return err;
}

int sw_wire_build(struct sw_wire_query *q, const char *name, enum sw_dns_type type, bool edns, bool dnssec)
{
	return build(q, name, (uint16_t)type, (uint16_t)(LDNS_RD | (dnssec ? LDNS_AD : 0)), edns ? SW_WIRE_UDP_SIZE : 0, dnssec);
}

int sw_wire_build_wish(struct sw_wire_query *q, const char *name, uint16_t type, const struct sw_wire_wish *wish)
{
	uint16_t flags = (uint16_t)((wish->recurse ? LDNS_RD : 0) | (wish->dnssec ? LDNS_CD : 0));

	return build(q, *name ? name : ".", type, flags, wish->udp_size, wish->dnssec);
}

void sw_wire_new_id(struct sw_wire_query *q)
{
	sw_random(q->bytes, 2);
}

/* The same question: the name without case, type and class exactly. Nobody compresses a question: nothing is before it. */
static bool same_question(const struct sw_wire_query *q, const uint8_t *msg, size_t len)
{
	const uint8_t *ours = q->bytes + SW_WIRE_HEADER, *theirs = msg + SW_WIRE_HEADER;
	size_t name = q->question - 4;

	if (len < SW_WIRE_HEADER + q->question)
		return false;
	/* Length octets are at most 63, below 'A': folding case leaves them as they are. */
	for (size_t i = 0; i < name; i++)
		if (lower((char)ours[i]) != lower((char)theirs[i]))
			return false;
	return memcmp(ours + name, theirs + name, 4) == 0;
}

enum sw_wire_match sw_wire_match(const struct sw_wire_query *q, const uint8_t *msg, size_t len)
{
	int rcode;
	bool no_edns;

	if (len < SW_WIRE_HEADER || len > SW_WIRE_MESSAGE_MAX || memcmp(msg, q->bytes, 2) != 0)
		return SW_WIRE_FOREIGN;
	if (!LDNS_QR_WIRE(msg) || LDNS_OPCODE_WIRE(msg) != LDNS_PACKET_QUERY)
		return SW_WIRE_FOREIGN;
	rcode = LDNS_RCODE_WIRE(msg);
	no_edns = q->edns && (rcode == LDNS_RCODE_FORMERR || rcode == LDNS_RCODE_NOTIMPL);
	/* Old servers send back the bare header with FORMERR. */
	if (no_edns && LDNS_QDCOUNT(msg) == 0)
		return SW_WIRE_NO_EDNS;
	if (LDNS_QDCOUNT(msg) != 1 || !same_question(q, msg, len))
		return SW_WIRE_FOREIGN;
	if (no_edns)
		return SW_WIRE_NO_EDNS;
	return LDNS_TC_WIRE(msg) ? SW_WIRE_TRUNCATED : SW_WIRE_OURS;
}
