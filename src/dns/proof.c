/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of ownership: token, its forms in TXT, the state machine. */
#include <stdio.h>

#include "core/random.h"
#include "dns/ownership.h"
#include "dns/proof.h"

static const char *const state_names[] = {
	[SW_PROOF_UNVERIFIED] = "unverified",
	[SW_PROOF_VERIFIED] = "verified",
	[SW_PROOF_STALE] = "stale",
	[SW_PROOF_REVOKED] = "revoked",
};

enum { N_STATES = sizeof(state_names) / sizeof(state_names[0]) };

const char *sw_proof_state_name(enum sw_proof_state s)
{
	return (unsigned)s < N_STATES ? state_names[s] : "unverified";
}

int sw_proof_state_by_name(const char *name, enum sw_proof_state *out)
{
	for (int i = 0; i < N_STATES; i++) {
		if (strcmp(state_names[i], name) == 0) {
			*out = (enum sw_proof_state)i;
			return SW_OK;
		}
	}
	return SW_ENOTFOUND;
}

bool sw_proof_holds(const struct sw_proof *p)
{
	return p->state == SW_PROOF_VERIFIED || p->state == SW_PROOF_STALE;
}

/* --- the token --- */

void sw_token_make(char out[SW_TOKEN_HEX + 1])
{
	uint8_t raw[SW_TOKEN_HEX / 2];

	sw_random(raw, sizeof(raw));
	sw_hex(out, raw, sizeof(raw));
	explicit_bzero(raw, sizeof(raw));
}

/* Only the length shows in the time it takes; that of a token is known. */
static bool same_secret(struct sw_str a, struct sw_str b)
{
	volatile unsigned char diff = 0;

	if (a.n != b.n || a.n == 0)
		return false;
	for (size_t i = 0; i < a.n; i++)
		diff = (unsigned char)(diff | (unsigned char)(a.p[i] ^ b.p[i]));
	return diff == 0;
}

static bool in_key_value(struct sw_str token, const struct sw_strlist *keys, struct sw_str value)
{
	const char *eq = value.n ? memchr(value.p, '=', value.n) : NULL;
	struct sw_str key, rest;
	bool known = false;

	if (!eq)
		return false;
	key = (struct sw_str){ value.p, (size_t)(eq - value.p) };
	rest = (struct sw_str){ eq + 1, value.n - key.n - 1 };
	if (!keys || keys->n == 0)
		known = sw_str_ieq(key, sw_str_of(SW_PROOF_KEY));
	for (size_t i = 0; keys && i < keys->n && !known; i++)
		known = sw_str_ieq(key, sw_str_of(keys->v[i]));
	return known && same_secret(token, rest);
}

bool sw_token_in_txt(const char *token, enum sw_txt_form form, const struct sw_strlist *keys, const uint8_t *txt, size_t len)
{
	struct sw_str value = sw_str_trim((struct sw_str){ (const char *)txt, txt ? len : 0 });

	switch (form) {
	case SW_TXT_LABEL:
	case SW_TXT_APEX_RAW:
		return same_secret(sw_str_of(token), value);
	case SW_TXT_APEX_KV:
		return in_key_value(sw_str_of(token), keys, value);
	}
	return false;
}

/* --- the state machine --- */

/* One run of failures, whatever they were, until the record is seen again: neither kind restarts the other's clock. */
static void apply_failure(struct sw_proof *p, uint64_t limit_ms, bool unknown, int64_t now)
{
	if (!sw_proof_holds(p))
		return;
	/* A clock set back must not keep a proof for ever: the run starts anew from what the clock says now. */
	if (p->failing_since == 0 || p->failing_since > now)
		p->failing_since = now;
	if ((uint64_t)(now - p->failing_since) >= limit_ms / 1000)
		p->state = SW_PROOF_REVOKED;
	else if (unknown)
		p->state = SW_PROOF_STALE;
}

void sw_proof_apply(struct sw_proof *p, const struct sw_conf_ownership *conf, const struct sw_verdict *found, int64_t now)
{
	char text[sizeof(p->outcome)];

	p->checked = now;
	switch (found->reason) {
	case SW_R_OK:
		p->state = SW_PROOF_VERIFIED;
		p->verified = now;
		p->failing_since = 0;
		snprintf(text, sizeof(text), "verified (%.40s)", found->detail);
		memcpy(p->outcome, text, sizeof(text));
		return;
	case SW_R_PROOF_NO_MATCH:
	case SW_R_PROOF_ABSENT:
		apply_failure(p, conf->grace, false, now);
		break;
	default:
		apply_failure(p, conf->stale_limit, true, now);
	}
	sw_str_copy(p->outcome, sizeof(p->outcome), sw_str_of(sw_reason_id(found->reason)));
}

void sw_proof_records(const struct sw_proof *p, const struct sw_conf_ownership *conf, struct sw_buf *out)
{
	const char *key = conf->keys.n ? conf->keys.v[0] : SW_PROOF_KEY;

	if (conf->forms & SW_TXT_LABEL)
		sw_buf_printf(out, "%s.%s. 300 IN TXT \"%s\"\n", conf->label ? conf->label : SW_PROOF_LABEL, p->domain, p->token);
	if (conf->forms & SW_TXT_APEX_KV)
		sw_buf_printf(out, "%s. 300 IN TXT \"%s=%s\"\n", p->domain, key, p->token);
	if (conf->forms & SW_TXT_APEX_RAW)
		sw_buf_printf(out, "%s. 300 IN TXT \"%s\"\n", p->domain, p->token);
}
