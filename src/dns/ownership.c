/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One check of one domain: the label's TXT, then the apex's, until a configured
 * form matches. Always past the cache, and never decided by a failure: what
 * could not be asked leaves the whole check indeterminate.
 */
#include "dns/ownership.h"

#include <stdio.h>
#include <stdlib.h>

#include "dns/dns_int.h"
#include "dns/proof.h"
#include "dns/wire.h"

struct check {
	struct sw_dns_job job;       /* first */
	struct sw_dns *d;
	const struct sw_conf_ownership *conf;
	sw_ownership_fn *fn;
	void *arg;
	sw_id query;
	bool at_label;               /* the query under way is the label's */
	bool unknown, has_txt;
	char detail[sizeof(((struct sw_verdict *)0)->detail)];
	char domain[SW_DNS_NAME_MAX];
	char token[SW_TOKEN_HEX + 1];
};

static int ask_apex(struct check *c);

static void check_free(struct sw_dns_job *job)
{
	struct check *c = (struct check *)job;

	sw_dns_job_del(c->d, job);
	sw_dns_cancel(c->d, c->query);
	explicit_bzero(c->token, sizeof(c->token));
	sw_loop_free_later(sw_dns_loop(c->d), c);
}

static void tell(struct check *c, enum sw_reason reason, const char *detail)
{
	struct sw_verdict v = sw_verdict_make(reason, "%s", detail);
	sw_ownership_fn *fn = c->fn;
	void *arg = c->arg;

	check_free(&c->job);
	fn(arg, &v);
}

static void tell_not_found(struct check *c)
{
	tell(c, c->unknown ? SW_R_PROOF_UNKNOWN : c->has_txt ? SW_R_PROOF_NO_MATCH : SW_R_PROOF_ABSENT, c->detail);
}

static const char *form_name(enum sw_txt_form form)
{
	return form == SW_TXT_LABEL ? "label" : form == SW_TXT_APEX_KV ? "apex-kv" : "apex-raw";
}

static bool any_matches(const struct check *c, const struct sw_dns_answer *a, enum sw_txt_form form)
{
	if (!(c->conf->forms & (unsigned)form))
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (sw_token_in_txt(c->token, form, &c->conf->keys, a->rrs[i].txt.data, a->rrs[i].txt.len))
			return true;
	return false;
}

static void note(struct check *c, const struct sw_dns_answer *a, const char *what)
{
	const char *where = c->at_label ? "label" : "apex";
	size_t n = strlen(c->detail);

	snprintf(c->detail + n, sizeof(c->detail) - n, "%s%s: %s%s%s", n ? "; " : "", where, what, *a->detail ? ", " : "",
		 a->detail);
}

/* Tells and returns true when the token is there. */
static bool found(struct check *c, const struct sw_dns_answer *a)
{
	static const enum sw_txt_form apex[] = { SW_TXT_APEX_KV, SW_TXT_APEX_RAW };

	if (c->at_label) {
		if (!any_matches(c, a, SW_TXT_LABEL))
			return false;
		tell(c, SW_R_OK, a->via_cname ? "label, through a CNAME" : form_name(SW_TXT_LABEL));
		return true;
	}
	for (size_t i = 0; i < sizeof(apex) / sizeof(apex[0]); i++) {
		if (any_matches(c, a, apex[i])) {
			tell(c, SW_R_OK, form_name(apex[i]));
			return true;
		}
	}
	return false;
}

static void on_txt(void *arg, const struct sw_dns_answer *a)
{
	struct check *c = arg;
	int err;

	c->query = 0;
	switch (a->outcome) {
	case SW_DNS_ANSWER:
		c->has_txt = true;
		/* At the apex a CNAME would let another name's owner prove this one; at the label it is how one delegates. */
		if (!c->at_label && a->via_cname) {
			note(c, a, "only through a CNAME, which proves nothing here");
			break;
		}
		if (found(c, a))
			return;
		note(c, a, "no match");
		break;
	case SW_DNS_NODATA:
	case SW_DNS_NXDOMAIN:
		note(c, a, sw_dns_outcome_name(a->outcome));
		break;
	default:
		c->unknown = true;
		note(c, a, a->tcp_blocked ? "TCP blocked" : sw_dns_outcome_name(a->outcome));
	}
	if (!c->at_label || !(c->conf->forms & (SW_TXT_APEX_KV | SW_TXT_APEX_RAW))) {
		tell_not_found(c);
		return;
	}
	err = ask_apex(c);
	if (err < 0)
		tell(c, SW_R_PROOF_UNKNOWN, sw_error_text(err));
}

static int ask_apex(struct check *c)
{
	c->at_label = false;
	return sw_dns_ask_fresh(c->d, c->domain, SW_DNS_TXT, on_txt, c, &c->query);
}

static int ask_label(struct check *c)
{
	char name[2 * SW_DNS_NAME_MAX];
	int n = snprintf(name, sizeof(name), "%s.%s", c->conf->label ? c->conf->label : SW_PROOF_LABEL, c->domain);

	if (n < 0 || (size_t)n >= sizeof(name))
		return SW_EINVALID;
	c->at_label = true;
	return sw_dns_ask_fresh(c->d, name, SW_DNS_TXT, on_txt, c, &c->query);
}

int sw_ownership_check(struct sw_dns *d, const struct sw_conf_ownership *conf, const char *domain, const char *token,
		       sw_ownership_fn *fn, void *arg)
{
	char canonical[SW_DNS_NAME_MAX];
	struct check *c;
	int err;

	if (!fn || sw_wire_name(canonical, domain) < 0 || !token || strnlen(token, SW_TOKEN_HEX + 1) != SW_TOKEN_HEX)
		return SW_EINVALID;
	if (!(conf->forms & (SW_TXT_LABEL | SW_TXT_APEX_KV | SW_TXT_APEX_RAW)))
		return SW_EINVALID;
	c = calloc(1, sizeof(*c));
	if (!c)
		return SW_ENOMEM;
	c->job.free = check_free;
	c->d = d;
	c->conf = conf;
	c->fn = fn;
	c->arg = arg;
	memcpy(c->domain, canonical, sizeof(c->domain));
	memcpy(c->token, token, SW_TOKEN_HEX);
	err = sw_dns_job_add(d, &c->job);
	if (err < 0) {
		free(c);
		return err;
	}
	err = conf->forms & SW_TXT_LABEL ? ask_label(c) : ask_apex(c);
	if (err < 0)
		check_free(&c->job);
	return err;
}
