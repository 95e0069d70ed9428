/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cert.h"
#include "core/date.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <time.h>

enum { DEPTH = 4 };   /* tls.depth, unless a zone's configuration says otherwise */

void sw_case_init(struct sw_case *k)
{
	*k = (struct sw_case){
		.policy = {
			.role = SW_TLS_PEER_IS_CLIENT,
			.eku = SW_EKU_SERVER_OR_CLIENT,
			.revocation = SW_REVOCATION_OFF,
			.depth = DEPTH,
			.now = time(NULL),
		},
	};
}

void sw_case_clear(struct sw_case *k)
{
	sw_trust_free(k->trust);
	X509_free(k->leaf);
	sk_X509_pop_free(k->untrusted, X509_free);
	*k = (struct sw_case){ 0 };
}

/* --- words --- */

static bool digits(const char **p, int n, int max, int *out)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return false;
		v = v * 10 + (**p - '0');
	}
	*out = v;
	return v <= max;
}

static bool literal(const char **p, const char *any)
{
	if (!**p || !strchr(any, **p))
		return false;
	(*p)++;
	return true;
}

/* RFC 3339 5.6: seconds east of UTC. */
static bool read_zone(const char **p, long *east)
{
	int h, m, sign = **p == '-' ? -1 : 1;

	*east = 0;
	if (literal(p, "Zz"))
		return true;
	if (!literal(p, "+-") || !digits(p, 2, 23, &h) || !literal(p, ":") || !digits(p, 2, 59, &m))
		return false;
	*east = sign * (h * 3600L + m * 60L);
	return true;
}

static bool read_rfc3339(const char *p, int64_t *out)
{
	struct tm tm = { 0 };
	long east;
	time_t t;
	int day;

	if (!digits(&p, 4, 9999, &tm.tm_year) || !literal(&p, "-") || !digits(&p, 2, 12, &tm.tm_mon) || !literal(&p, "-") ||
	    !digits(&p, 2, 31, &tm.tm_mday) || !literal(&p, "Tt ") || !digits(&p, 2, 23, &tm.tm_hour) || !literal(&p, ":") ||
	    !digits(&p, 2, 59, &tm.tm_min) || !literal(&p, ":") || !digits(&p, 2, 60, &tm.tm_sec))
		return false;
	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			return false;
		while (isdigit((unsigned char)*p))
			p++;
	}
	if (!read_zone(&p, &east) || *p || tm.tm_mon == 0 || tm.tm_mday == 0)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	if (tm.tm_sec == 60)
		tm.tm_sec = 59;   /* a leap second: certificates know none */
	day = tm.tm_mday;
	t = timegm(&tm);
	if (tm.tm_mday != day)
		return false;     /* the 30th of February became another day */
	*out = (int64_t)t - east;
	return true;
}

bool sw_case_set_time(struct sw_case *k, const char *text, char why[160])
{
	if (read_rfc3339(text, &k->policy.now))
		return true;
	snprintf(why, 160, "\"%.60s\" is no time of RFC 3339, like 2027-03-15T00:00:00Z", text);
	return false;
}

bool sw_case_set_role(struct sw_case *k, const char *text, char why[160])
{
	if (strcmp(text, "client") && strcmp(text, "server")) {
		snprintf(why, 160, "no role \"%.60s\": client or server", text);
		return false;
	}
	k->policy.role = strcmp(text, "client") ? SW_TLS_PEER_IS_SERVER : SW_TLS_PEER_IS_CLIENT;
	return true;
}

static bool set_domain(struct sw_case *k, const char *value, enum sw_match_mode mode)
{
	char domain[256];

	if (sw_domain_normalize(domain, sw_str_of(value)) < 0)
		return false;
	snprintf(k->name, sizeof(k->name), "%s", domain);
	k->kind = SW_CASE_DOMAIN;
	if (!k->match_given)
		k->match = mode;
	return true;
}

static bool set_ip(struct sw_case *k, const char *value)
{
	unsigned char raw[16];
	int family = strchr(value, ':') ? AF_INET6 : AF_INET;

	k->kind = SW_CASE_IP;
	return inet_pton(family, value, raw) == 1 && inet_ntop(family, raw, k->name, sizeof(k->name));
}

static bool set_email(struct sw_case *k, const char *value)
{
	const char *at = strrchr(value, '@');

	k->kind = SW_CASE_EMAIL;
	return at && at != value && at[1] && (size_t)snprintf(k->name, sizeof(k->name), "%s", value) < sizeof(k->name);
}

bool sw_case_set_name(struct sw_case *k, const char *text, char why[160])
{
	bool ok = false;

	if (!strncmp(text, "dns:", 4))
		ok = set_domain(k, text + 4, SW_MATCH_RFC9525);
	else if (!strncmp(text, "sip:", 4))
		ok = set_domain(k, text + 4, SW_MATCH_RFC5922);
	else if (!strncmp(text, "ip:", 3))
		ok = set_ip(k, text + 3);
	else if (!strncmp(text, "email:", 6))
		ok = set_email(k, text + 6);
	if (!ok)
		snprintf(why, 160, "\"%.60s\" is no name: dns:NAME, sip:DOMAIN, ip:ADDRESS or email:MAILBOX", text);
	return ok;
}

bool sw_case_set_match(struct sw_case *k, const char *text, char why[160])
{
	for (int m = SW_MATCH_RFC5922; m <= SW_MATCH_PIN; m++)
		if (!strcmp(text, sw_match_mode_name((enum sw_match_mode)m))) {
			k->match = (enum sw_match_mode)m;
			k->match_given = true;
			return true;
		}
	snprintf(why, 160, "no mode \"%.60s\": rfc5922, expressway, rfc9525, teams or pin", text);
	return false;
}

bool sw_case_set_eku(struct sw_case *k, const char *text, char why[160])
{
	for (int p = SW_EKU_STRICT; p <= SW_EKU_ANY; p++)
		if (!strcmp(text, sw_eku_policy_name((enum sw_eku_policy)p))) {
			k->policy.eku = (enum sw_eku_policy)p;
			return true;
		}
	snprintf(why, 160, "no policy \"%.60s\": strict, server-or-client or any", text);
	return false;
}

bool sw_case_set_revocation(struct sw_case *k, const char *text, char why[160])
{
	static const char *const words[] = { "off", "soft", "hard" };   /* enum sw_revocation */

	for (int i = 0; i < 3; i++)
		if (!strcmp(text, words[i])) {
			k->policy.revocation = (enum sw_revocation)i;
			k->revocation_given = true;
			return true;
		}
	snprintf(why, 160, "\"%.60s\" is none of off, soft and hard", text);
	return false;
}

/* --- certificates --- */

int sw_case_add_untrusted(struct sw_case *k, struct sw_str pem, const char *name, struct sw_diag *diag)
{
	if (!k->untrusted && !(k->untrusted = sk_X509_new_null()))
		return SW_ENOMEM;
	return sw_chain_from_pem(k->untrusted, pem, name, diag);
}

int sw_case_add_chain(struct sw_case *k, struct sw_str pem, const char *name, struct sw_diag *diag)
{
	int err = sw_case_add_untrusted(k, pem, name, diag);

	if (err == SW_OK)
		k->leaf = sk_X509_shift(k->untrusted);
	return err;
}

/* --- the verdict --- */

/* What the name was compared with, for the detail. */
static struct sw_verdict name_verdict(const struct sw_case *k, const struct sw_identity *id, enum sw_reason r)
{
	char carried[120], pin[2 * sizeof(id->spki_sha256) + 1];

	if (r == SW_R_ID_PIN) {
		sw_hex(pin, id->spki_sha256, sizeof(id->spki_sha256));
		return sw_verdict_make(r, "the key is %s", pin);
	}
	if (k->zone)
		return sw_verdict_make(r, "zone \"%s\" (%s); the certificate carries %s", k->zone->conf->name,
				       sw_match_mode_name(k->zone->conf->match),
				       id->n_names ? sw_identity_names_text(id, carried, sizeof(carried)) : "no name");
	return sw_verdict_make(r, "%s wanted%s%s; the certificate carries %s", k->name, k->kind == SW_CASE_DOMAIN ? " by " : "",
			       k->kind == SW_CASE_DOMAIN ? sw_match_mode_name(k->match) : "",
			       id->n_names ? sw_identity_names_text(id, carried, sizeof(carried)) : "no name");
}

static struct sw_verdict judge_name(const struct sw_case *k, const struct sw_identity *id, struct sw_match *m)
{
	enum sw_reason r;

	if (k->zone && k->policy.role == SW_TLS_PEER_IS_SERVER)
		return sw_match_server(id, k->zone, k->kind == SW_CASE_NO_NAME ? NULL : k->name, NULL, m);
	if (k->zone)
		r = sw_match_zone(id, k->zone, m);
	else if (k->kind == SW_CASE_EMAIL)
		r = sw_match_email(id, k->name, m);
	else
		r = sw_match_name(id, k->name, k->match, k->wildcard, m);
	return r == SW_R_OK ? sw_verdict_make(r, NULL) : name_verdict(k, id, r);
}

static struct sw_verdict accepted(const struct sw_case *k, const struct sw_chain_result *chain, const struct sw_match *m)
{
	char end[32];
	const char *as = k->policy.role == SW_TLS_PEER_IS_SERVER ? "server" :
			 chain->server_purpose ? "client, by a server's purpose," : "client";

	sw_date_time(chain->not_after, end);
	if (m && m->name)
		return sw_verdict_make(SW_R_OK, "as %s until %s; %s:%s %s %s", as, end, sw_name_type_name(m->name->type), m->name->value,
				       m->wildcard ? "covers" : "is", m->reference);
	if (m && m->reference)
		return sw_verdict_make(SW_R_OK, "as %s until %s; pinned key %s", as, end, m->reference);
	return sw_verdict_make(SW_R_OK, "as %s until %s", as, end);
}

struct sw_verdict sw_case_judge(const struct sw_case *k)
{
	bool by_name = k->zone || k->kind != SW_CASE_NO_NAME;
	struct sw_identity *id = NULL;
	struct sw_chain_result chain;
	struct sw_match m = { 0 };
	struct sw_verdict v;

	if (!k->trust)
		return sw_verdict_make(SW_R_TLS_CHAIN, "the trust list is empty: it vouches for nobody");
	sw_chain_judge(&chain, k->leaf, k->untrusted, k->trust, &k->policy);
	if (chain.reason != SW_R_OK)
		return sw_chain_verdict(&chain);
	if (!by_name)
		return accepted(k, &chain, NULL);
	if (sw_identity_from_x509(&id, k->leaf) < 0)
		return sw_verdict_make(SW_R_TLS_UNKNOWN, "out of memory while reading the certificate");
	v = judge_name(k, id, &m);
	if (sw_verdict_ok(&v))
		v = accepted(k, &chain, &m);
	sw_identity_free(id);
	return v;
}

struct sw_verdict sw_case_unparsable(const struct sw_diag *diag)
{
	const struct sw_diag_entry *e = diag->n ? &diag->entries[diag->n - 1] : NULL;

	return sw_verdict_make(SW_R_TLS_HANDSHAKE, "%s%s%s", e && e->file ? e->file : "", e && e->file ? ": " : "",
			       e ? e->text : "a certificate does not parse");
}

const char *sw_case_word(const struct sw_verdict *v)
{
	return sw_verdict_ok(v) ? "accepted" : v->reason == SW_R_TLS_UNKNOWN || v->reason == SW_R_DENY ? "undecided" : "refused";
}

int sw_case_status(const struct sw_verdict *v)
{
	return sw_verdict_ok(v) ? SW_EXIT_OK :
	       v->reason == SW_R_TLS_UNKNOWN || v->reason == SW_R_DENY ? SW_EXIT_UNKNOWN : SW_EXIT_REFUSED;
}

void sw_case_json(const struct sw_verdict *v, const char *id, struct sw_buf *out)
{
	sw_buf_str(out, "{");
	if (id) {
		sw_buf_str(out, "\"id\":");
		sw_buf_str(out, id);
		sw_buf_str(out, ",");
	}
	sw_buf_printf(out, "\"verdict\":\"%s\",\"reason\":\"%s\",\"detail\":", sw_case_word(v), sw_reason_id(v->reason));
	sw_buf_json_str(out, sw_str_of(v->detail));
	sw_buf_str(out, "}\n");
}
