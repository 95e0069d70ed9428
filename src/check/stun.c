/* SPDX-License-Identifier: Apache-2.0 */
#include "check/stun.h"

#include <stdio.h>
#include "tls/digest.h"

enum {
	COOKIE = 0x2112A442,
	FINGERPRINT_XOR = 0x5354554E,
	MESSAGE_MAX = 65535 - SW_STUN_HEAD_LEN,
	ATTRIBUTES_MAX = 64,
	INTEGRITY_LEN = 24,
	FINGERPRINT_LEN = 8, /* attributes with their heads */
};
enum {
	MAPPED_ADDRESS = 0x0001,
	USERNAME = 0x0006,
	MESSAGE_INTEGRITY = 0x0008,
	ERROR_CODE = 0x0009,
	UNKNOWN_ATTRIBUTES = 0x000A,
	LIFETIME = 0x000D,
	XOR_RELAYED_ADDRESS = 0x0016,
	REALM = 0x0014,
	NONCE = 0x0015,
	REQUESTED_TRANSPORT = 0x0019,
	MESSAGE_INTEGRITY_SHA256 = 0x001C,
	PASSWORD_ALGORITHM = 0x001D,
	USERHASH = 0x001E,
	XOR_MAPPED_ADDRESS = 0x0020,
	SOFTWARE = 0x8022,
	ALTERNATE_SERVER = 0x8023,
	FINGERPRINT = 0x8028,
	PADDING_OPTIONAL = 0xFFF0, /* comprehension-optional and unassigned: who does not know it skips it */
	TRANSPORT_UDP = 17,
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* CRC-32 of ITU V.42, as FINGERPRINT has it. */
static uint32_t crc32_of(const uint8_t *p, size_t n)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* --- writing --- */

static void attribute(struct sw_buf *out, unsigned type, const void *p, size_t n)
{
	static const uint8_t zeros[4];
	uint8_t head[4];

	put16(head, type);
	put16(head + 2, n);
	sw_buf_put(out, head, sizeof(head));
	sw_buf_put(out, p, n);
	sw_buf_put(out, zeros, -n & 3);
}

/* The header's length counts what is to come: INTEGRITY and FINGERPRINT are computed over such a header. */
static void set_length(struct sw_buf *out, size_t start, size_t coming)
{
	if (sw_buf_error(out) == SW_OK)
		put16((uint8_t *)out->data + start + 2, out->len - start - SW_STUN_HEAD_LEN + coming);
}

static void pad(struct sw_buf *out, size_t start, const struct sw_stun_ask *a, size_t coming)
{
	static const uint8_t zeros[2048];
	size_t have = out->len - start + coming;
	size_t want = a->pad_to & ~(size_t)3;

	while (want >= have + 4) {
		size_t n = want - have - 4 < sizeof(zeros) ? want - have - 4 : sizeof(zeros);

		attribute(out, PADDING_OPTIONAL, zeros, n);
		have += 4 + n;
	}
}

static int sign(struct sw_buf *out, size_t start, const struct sw_stun_ask *a)
{
	uint8_t mac[SW_SHA1_LEN];
	int err;

	set_length(out, start, INTEGRITY_LEN);
	err = sw_buf_error(out);
	if (err == SW_OK)
		err = sw_hmac_sha1(mac, (struct sw_str){ (const char *)a->key, sizeof(a->key) },
				   (struct sw_str){ out->data + start, out->len - start });
	if (err == SW_OK)
		attribute(out, MESSAGE_INTEGRITY, mac, sizeof(mac));
	return err;
}

int sw_stun_write(struct sw_buf *out, const struct sw_stun_ask *a)
{
	uint8_t head[SW_STUN_HEAD_LEN] = { 0 }, word[4] = { TRANSPORT_UDP };
	size_t start = out->len;
	int err;

	put16(head, (a->method & 0xf) | SW_STUN_REQUEST);
	put32(head + 4, COOKIE);
	memcpy(head + 8, a->id, SW_STUN_ID_LEN);
	sw_buf_put(out, head, sizeof(head));
	if (a->transport_udp)
		attribute(out, REQUESTED_TRANSPORT, word, sizeof(word));
	if (a->has_lifetime) {
		put32(word, a->lifetime);
		attribute(out, LIFETIME, word, sizeof(word));
	}
	if (a->user) {
		attribute(out, USERNAME, a->user, strlen(a->user));
		attribute(out, REALM, a->realm, strlen(a->realm));
		attribute(out, NONCE, a->nonce, strlen(a->nonce));
	}
	if (a->pad_to)
		pad(out, start, a, (a->user ? INTEGRITY_LEN : 0) + FINGERPRINT_LEN);
	if (a->user) {
		err = sign(out, start, a);
		if (err < 0)
			return err;
	}
	set_length(out, start, FINGERPRINT_LEN);
	err = sw_buf_error(out);
	if (err < 0)
		return err;
	put32(word, crc32_of((const uint8_t *)out->data + start, out->len - start) ^ FINGERPRINT_XOR);
	attribute(out, FINGERPRINT, word, sizeof(word));
	return sw_buf_error(out);
}

int sw_stun_key(uint8_t key[SW_STUN_KEY_LEN], const char *user, const char *realm, const char *password)
{
	struct sw_buf b;
	int err;

	sw_buf_init(&b, 0);
	sw_buf_printf(&b, "%s:%s:%s", user, realm, password);
	err = sw_buf_error(&b);
	if (err == SW_OK)
		err = sw_digest_md5(key, sw_buf_view(&b));
	if (b.data)
		explicit_bzero(b.data, b.len);
	sw_buf_free(&b);
	return err;
}

/* --- reading --- */

ssize_t sw_stun_frame(const uint8_t *p, size_t n)
{
	if (n >= 1 && p[0] & 0xc0)
		return SW_EPARSE;
	if (n < SW_STUN_HEAD_LEN)
		return 0;
	if (get32(p + 4) != COOKIE || get16(p + 2) & 3)
		return SW_EPARSE;
	return n < (size_t)SW_STUN_HEAD_LEN + get16(p + 2) ? 0 : SW_STUN_HEAD_LEN + get16(p + 2);
}

/* RFC 8489 14.1 and 14.2. */
static int address(struct sw_addr *out, const uint8_t *v, size_t n, const uint8_t *head, bool xored)
{
	uint8_t raw[16];
	size_t len = n >= 4 && v[1] == 1 ? 4 : n >= 4 && v[1] == 2 ? 16 : 0;

	if (!len || n != 4 + len)
		return SW_EPARSE;
	memcpy(raw, v + 4, len);
	for (size_t i = 0; xored && i < len; i++)
		raw[i] ^= head[4 + i]; /* cookie, then transaction id */
	memset(out, 0, sizeof(*out));
	if (len == 4) {
		out->in4.sin_family = AF_INET;
		memcpy(&out->in4.sin_addr, raw, 4);
	} else {
		out->in6.sin6_family = AF_INET6;
		memcpy(&out->in6.sin6_addr, raw, 16);
	}
	sw_addr_set_port(out, (uint16_t)(get16(v + 2) ^ (xored ? COOKIE >> 16 : 0)));
	return SW_OK;
}

static void text(char *dst, size_t size, const uint8_t *v, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n && k + 1 < size; i++)
		if (v[i])
			dst[k++] = (char)v[i];
	dst[k] = '\0';
}

/* What must come back as it came (realm, nonce) is taken whole or not at all. */
static int verbatim(char *dst, size_t size, const uint8_t *v, size_t n)
{
	if (n >= size || memchr(v, 0, n))
		return SW_EPARSE;
	memcpy(dst, v, n);
	dst[n] = '\0';
	return SW_OK;
}

static int one_attribute(struct sw_stun_reply *r, unsigned type, const uint8_t *v, size_t n, const uint8_t *msg)
{
	struct sw_addr plain;

	switch (type) {
	case XOR_MAPPED_ADDRESS:
		if (address(&r->mapped, v, n, msg, true) < 0)
			return SW_EPARSE;
		r->has_mapped = true;
		r->old_mapped = false;
		return SW_OK;
	case MAPPED_ADDRESS:
		if (address(&plain, v, n, msg, false) < 0)
			return SW_EPARSE;
		if (!r->has_mapped) {
			r->mapped = plain;
			r->has_mapped = r->old_mapped = true;
		}
		return SW_OK;
	case XOR_RELAYED_ADDRESS:
		r->has_relayed = address(&r->relayed, v, n, msg, true) == SW_OK;
		return r->has_relayed ? SW_OK : SW_EPARSE;
	case ALTERNATE_SERVER:
		r->has_alternate = address(&r->alternate, v, n, msg, false) == SW_OK;
		return r->has_alternate ? SW_OK : SW_EPARSE;
	case LIFETIME:
		if (n != 4)
			return SW_EPARSE;
		r->has_lifetime = true;
		r->lifetime = get32(v);
		return SW_OK;
	case ERROR_CODE:
		if (n < 4 || (v[2] & 7) < 3 || (v[2] & 7) > 6 || v[3] > 99)
			return SW_EPARSE;
		r->error = (v[2] & 7u) * 100 + v[3];
		text(r->reason, sizeof(r->reason), v + 4, n - 4);
		return SW_OK;
	case REALM:
		return verbatim(r->realm, sizeof(r->realm), v, n);
	case NONCE:
		return verbatim(r->nonce, sizeof(r->nonce), v, n);
	case SOFTWARE:
		text(r->software, sizeof(r->software), v, n);
		return SW_OK;
	case FINGERPRINT:
		if (n != 4 || (crc32_of(msg, (size_t)(v - 4 - msg)) ^ FINGERPRINT_XOR) != get32(v))
			return SW_EPARSE;
		r->fingerprint = true;
		return SW_OK;
	case USERNAME:
	case MESSAGE_INTEGRITY:
	case UNKNOWN_ATTRIBUTES:
	case REQUESTED_TRANSPORT:
	case MESSAGE_INTEGRITY_SHA256:
	case PASSWORD_ALGORITHM:
	case USERHASH:
		return SW_OK;
	default:
		if (type < 0x8000 && !r->unknown)
			r->unknown = type;
		return SW_OK;
	}
}

int sw_stun_read(struct sw_stun_reply *out, const uint8_t *p, size_t n)
{
	struct sw_stun_reply r = { 0 };
	unsigned type, count = 0;
	size_t at = SW_STUN_HEAD_LEN;

	if (n < SW_STUN_HEAD_LEN || n > MESSAGE_MAX || sw_stun_frame(p, n) != (ssize_t)n)
		return SW_EPARSE;
	type = get16(p);
	r.kind = type & 0x110;
	r.method = (type & 0xf) | (type & 0xe0) >> 1 | (type & 0x3e00) >> 2;
	memcpy(r.id, p + 8, SW_STUN_ID_LEN);
	while (at < n) {
		size_t len;

		if (n - at < 4 || ++count > ATTRIBUTES_MAX || r.fingerprint) /* FINGERPRINT is the last */
			return SW_EPARSE;
		len = get16(p + at + 2);
		if (n - at - 4 < ((len + 3) & ~(size_t)3) || one_attribute(&r, get16(p + at), p + at + 4, len, p) < 0)
			return SW_EPARSE;
		at += 4 + ((len + 3) & ~(size_t)3);
	}
	*out = r;
	return SW_OK;
}

bool sw_stun_answers(const struct sw_stun_reply *r, const struct sw_stun_ask *a)
{
	return (r->kind == SW_STUN_SUCCESS || r->kind == SW_STUN_ERROR) && r->method == a->method &&
	       !memcmp(r->id, a->id, SW_STUN_ID_LEN);
}
