/* SPDX-License-Identifier: Apache-2.0 */
#include "check/websocket.h"

#include <stdio.h>
#include "core/random.h"
#include "tls/digest.h"

enum { NONCE_LEN = 16, ACCEPT_LEN = 28 };
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/* base64 with padding, of n bytes. */
static void base64(char *dst, const uint8_t *p, size_t n)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);

		*dst++ = letters[v >> 18];
		*dst++ = letters[v >> 12 & 63];
		*dst++ = i + 1 < n ? letters[v >> 6 & 63] : '=';
		*dst++ = i + 2 < n ? letters[v & 63] : '=';
	}
	*dst = '\0';
}

void sw_websocket_key(char out[SW_WEBSOCKET_KEY_LEN + 1])
{
	uint8_t nonce[NONCE_LEN];

	sw_random(nonce, sizeof(nonce));
	base64(out, nonce, sizeof(nonce));
}

void sw_websocket_request(struct sw_buf *out, const char *host, uint16_t port, const char *path, const char *key)
{
	bool v6 = strchr(host, ':') != NULL;

	sw_buf_printf(out,
		      "GET %s HTTP/1.1\r\nHost: %s%s%s:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
		      "Sec-WebSocket-Version: 13\r\n\r\n",
		      path, v6 ? "[" : "", host, v6 ? "]" : "", port, key);
}

static int accept_value(char out[ACCEPT_LEN + 1], const char *key)
{
	char both[SW_WEBSOCKET_KEY_LEN + sizeof(GUID)];
	uint8_t digest[SW_SHA1_LEN];
	int err;

	snprintf(both, sizeof(both), "%s" GUID, key);
	err = sw_digest_sha1(digest, sw_str_of(both));
	if (err == SW_OK)
		base64(out, digest, sizeof(digest));
	return err;
}

/* Cuts a line off; false: there is no whole one. */
static bool line_of(struct sw_str *rest, struct sw_str *line)
{
	const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;

	if (!end)
		return false;
	*line = (struct sw_str){ rest->p, (size_t)(end - rest->p) };
	*rest = (struct sw_str){ end + 1, rest->n - line->n - 1 };
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

static bool header(struct sw_str line, const char *name, struct sw_str *value)
{
	size_t n = strlen(name);

	if (line.n <= n || line.p[n] != ':' || !sw_str_ieq((struct sw_str){ line.p, n }, sw_str_of(name)))
		return false;
	*value = sw_str_trim((struct sw_str){ line.p + n + 1, line.n - n - 1 });
	return true;
}

int sw_websocket_read(struct sw_websocket_reply *out, struct sw_str head, const char *key)
{
	struct sw_websocket_reply r = { 0 };
	char want[ACCEPT_LEN + 1];
	struct sw_str line, value;
	bool upgrade = false, accept = false;
	uint32_t status;

	if (head.n >= 5 && memcmp(head.p, "HTTP/", 5) != 0)
		return SW_EPARSE;
	if (!line_of(&head, &line))
		return SW_EAGAIN;
	if (line.n < 12 || memcmp(line.p, "HTTP/1.", 7) != 0 || line.p[8] != ' ' ||
	    sw_str_u32((struct sw_str){ line.p + 9, 3 }, 599, &status) < 0 || status < 100)
		return SW_EPARSE;
	r.status = status;
	if (accept_value(want, key) < 0)
		return SW_ECRYPTO;
	while (line_of(&head, &line)) {
		if (line.n == 0) {
			r.accepted = status == 101 && upgrade && accept;
			*out = r;
			return SW_OK;
		}
		if (header(line, "Sec-WebSocket-Accept", &value))
			accept = sw_str_eq(value, sw_str_of(want));
		else if (header(line, "Upgrade", &value))
			upgrade = sw_str_ieq(value, SW_STR("websocket"));
		else if (header(line, "Location", &value))
			sw_str_copy(r.location, sizeof(r.location), value);
	}
	return SW_EAGAIN;
}
