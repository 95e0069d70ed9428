/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/cookie.h"

#include "core/random.h"
#include "tls/digest.h"

enum { ID_BYTES = 8, MAC_BYTES = 16, RAW_BYTES = ID_BYTES + MAC_BYTES };  /* 24 bytes are 32 letters */

static bool mac(uint8_t out[MAC_BYTES], const uint8_t key[SW_COOKIE_KEY], const uint8_t id[ID_BYTES])
{
	uint8_t full[SW_SHA256_LEN];

	if (sw_hmac_sha256(full, (struct sw_str){ (const char *)key, SW_COOKIE_KEY }, (struct sw_str){ (const char *)id, ID_BYTES }) < 0)
		return false;
	memcpy(out, full, MAC_BYTES);
	return true;
}

void sw_cookie_make(char out[SW_COOKIE_TEXT], const uint8_t key[SW_COOKIE_KEY], sw_id call)
{
	uint8_t raw[RAW_BYTES];

	for (size_t i = 0; i < ID_BYTES; i++)
		raw[i] = (uint8_t)(call >> (8 * i));
	if (!mac(raw + ID_BYTES, key, raw))
		sw_random(raw + ID_BYTES, MAC_BYTES);  /* nobody will find the call, which is better than anybody */
	sw_b64url(out, raw, sizeof(raw));
}

int sw_cookie_open(struct sw_str text, const uint8_t key[SW_COOKIE_KEY], sw_id *call)
{
	uint8_t raw[RAW_BYTES], want[MAC_BYTES];
	sw_id id = 0;

	if (sw_b64url_decode(raw, sizeof(raw), text) != RAW_BYTES)
		return SW_EPARSE;
	if (!mac(want, key, raw) || !sw_digest_eq(want, raw + ID_BYTES, MAC_BYTES))
		return SW_EPARSE;
	for (size_t i = 0; i < ID_BYTES; i++)
		id |= (sw_id)raw[i] << (8 * i);
	*call = id;
	return SW_OK;
}
