/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sw_identity_free(struct sw_identity *id)
{
	if (!id)
		return;
	for (size_t i = 0; i < id->n_names; i++) {
		free(id->names[i].value);
		free(id->names[i].host);
		free(id->names[i].scheme);
	}
	free(id->names);
	free(id);
}

const char *sw_name_type_name(enum sw_name_type t)
{
	switch (t) {
	case SW_NAME_URI:
		return "uri";
	case SW_NAME_DNS:
		return "dns";
	case SW_NAME_IP:
		return "ip";
	case SW_NAME_SRV:
		return "srv";
	case SW_NAME_EMAIL:
		return "email";
	case SW_NAME_CN:
		return "cn";
	case SW_NAME_OTHER:
		break;
	}
	return "other";
}

const char *sw_identity_names_text(const struct sw_identity *id, char *dst, size_t size)
{
	size_t n = 0;

	if (size == 0)
		return "";
	dst[0] = '\0';
	for (size_t i = 0; id && i < id->n_names; i++) {
		const struct sw_name *name = &id->names[i];
		int w = snprintf(dst + n, size - n, "%s%s:%s", i ? ", " : "", sw_name_type_name(name->type), name->value);

		if (w < 0 || (size_t)w >= size - n) {
			if (size >= 4)
				memcpy(dst + size - 4, "...", 4);
			break;
		}
		n += (size_t)w;
	}
	return dst;
}

struct sw_verdict sw_chain_verdict(const struct sw_chain_result *r)
{
	if (r->reason == SW_R_OK)
		return sw_verdict_make(SW_R_OK, NULL);
	if (!r->subject[0])
		return sw_verdict_make(r->reason, "%s", r->error_text);
	return sw_verdict_make(r->reason, "%s at depth %d (%s)", r->error_text, r->depth, r->subject);
}
