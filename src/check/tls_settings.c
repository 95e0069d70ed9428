/* SPDX-License-Identifier: Apache-2.0 */
/* What a server would speak: versions, suites and groups one at a time, resumption, renegotiation. */
#include "check/tls.h"

#include <stdio.h>
#include <string.h>

enum { TLS10 = 0x0301, TLS11 = 0x0302, TLS12 = 0x0303, TLS13 = 0x0304, LIST = 1024, SUITES_MAX = 24 };

/* Nobody should take these: without proof or encryption, or broken for long. */
static const char WEAK[] = "aNULL:eNULL:EXPORT:DES:3DES:RC4:MD5:IDEA:SEED:@SECLEVEL=0";
static const char CLASSICS[] = "ALL:!AESGCM:!CHACHA20:!AESCCM:!ARIAGCM:!aNULL:!eNULL:!3DES:!DES:!RC4:!MD5:!PSK:!SRP:!IDEA:!SEED";

struct settings {
	struct sw_check *c;
	const struct sw_endpoint *e;
	char subject[SW_ENDPOINT_STRLEN];
	bool has12, has13;
	char leaf_group[16]; /* of the certificate shown last */
	bool undecided; /* the run is over, or the server stopped to answer */
};

/* The server chose and showed its certificate: that it then wants one of ours does not matter here. */
static bool accepted(const struct sw_tls_probe *p)
{
	return p->end == SW_TLS_END_UP || p->leaf;
}

/* One handshake; NULL: none could be made. */
static struct sw_tls_probe *open_one(struct settings *s, const struct sw_tls_probe_opts *with)
{
	struct sw_tls_probe_opts o;
	struct sw_tls_probe *p = NULL;

	if (sw_check_stopped(s->c)) {
		s->undecided = true;
		return NULL;
	}
	sw_tls_settings(s->c, s->e, NULL, &o);
	o.min = with->min;
	o.max = with->max;
	o.suites12 = with->suites12;
	o.suites13 = with->suites13;
	o.groups = with->groups;
	if (sw_tls_probe_open(&p, &o) < 0)
		return NULL;
	s->undecided |= p->end == SW_TLS_END_STOPPED || p->end == SW_TLS_END_UNREACHABLE || p->end == SW_TLS_END_TIMEOUT;
	if (p->leaf)
		snprintf(s->leaf_group, sizeof(s->leaf_group), "%s", sw_tls_leaf_group(p));
	return p;
}

/* Was it accepted? chose, where given, gets the suite. */
static bool try(struct settings *s, const struct sw_tls_probe_opts *with, char chose[64])
{
	struct sw_tls_probe *p = open_one(s, with);
	bool yes = p && accepted(p);

	if (chose)
		snprintf(chose, 64, "%s", yes ? p->suite : "");
	sw_tls_probe_free(p);
	return yes;
}

static bool try_version(struct settings *s, int version)
{
	return try(s, &(struct sw_tls_probe_opts){ .min = version, .max = version }, NULL);
}

static void append(char *dst, size_t size, const char *sep, const char *word)
{
	size_t n = strlen(dst);

	if (n + strlen(sep) + strlen(word) + 1 < size)
		snprintf(dst + n, size - n, "%s%s", n ? sep : "", word);
}

/* The list to paste: what the profile names. */
static void fix_suites(struct settings *s, struct sw_finding *f)
{
	const struct sw_strlist *list = &sw_check_options(s->c)->profile->suites12;
	char all[LIST] = "";

	for (size_t i = 0; i < list->n; i++)
		append(all, sizeof(all), ":", list->v[i]);
	if (all[0])
		sw_finding_set_fix(s->c, f,
				   "Set the server's list for TLS 1.2 (Kamailio: cipher_list; OpenSSL: CipherString; nginx: ssl_ciphers) to %s", all);
}

/* --- versions --- */

static void judge_versions(struct settings *s)
{
	const struct sw_profile *p = sw_check_options(s->c)->profile;
	bool want12 = !p->tls_min || !strcmp(p->tls_min, "1.2"), want13 = !p->tls_max || !strcmp(p->tls_max, "1.3");
	bool has11, has10;

	s->has13 = try_version(s, TLS13);
	s->has12 = try_version(s, TLS12);
	has11 = try_version(s, TLS11);
	has10 = try_version(s, TLS10);
	if (s->undecided)
		return;
	if (s->has12 || s->has13)
		sw_tls_report_profile(s->c, SW_F_TLS_VERSION,
				(want12 && !s->has12 && p->tls_min) || (want13 && !s->has13) ? SW_CHECK_WARN : SW_CHECK_PASS,
				s->subject,
				want12 && want13 ? "TLS 1.3 and 1.2"
				: want13         ? "TLS 1.3"
						 : "TLS 1.2",
				s->has12 && s->has13 ? "TLS 1.3 and 1.2"
				: s->has13           ? "TLS 1.3 alone"
						     : "TLS 1.2 alone");
	if (has10 || has11)
		sw_check_report(s->c, SW_F_TLS_VERSION_OLD, SW_CHECK_FAIL, s->subject, "TLS 1.1 and 1.0 are refused",
				has10 && has11 ? "it speaks TLS 1.1 and 1.0"
				: has11        ? "it speaks TLS 1.1"
					       : "it speaks TLS 1.0");
	else
		sw_check_report(s->c, SW_F_TLS_VERSION_OLD, SW_CHECK_PASS, s->subject, "TLS 1.1 and 1.0 are refused", "refused");
}

/* --- suites --- */

static size_t try_suites(struct settings *s, const struct sw_strlist *list, int version, const char *yes[SUITES_MAX],
			 char no[LIST])
{
	size_t n = 0;

	for (size_t i = 0; i < list->n && n < SUITES_MAX; i++) {
		struct sw_tls_probe_opts o = { .min = version, .max = version };

		if (version == TLS13)
			o.suites13 = list->v[i];
		else
			o.suites12 = list->v[i];
		if (try(s, &o, NULL))
			yes[n++] = list->v[i];
		else
			append(no, LIST, ", ", list->v[i]);
	}
	return n;
}

/* What it takes of these, the best for it first: what it chose is left out of the next offer. client: our order would decide. */
static void read_order(struct settings *s, const char *const *names, size_t n, int version, char order[LIST], bool *client)
{
	bool gone[SUITES_MAX] = { false };
	char last[64] = "", first[64] = "";

	*client = false;
	for (size_t round = 0; round < n; round++) {
		struct sw_tls_probe_opts o = { .min = version, .max = version };
		char offer[LIST] = "", chose[64];
		size_t at = n;

		for (size_t i = n; i-- > 0;) /* backwards: a server without a will of its own takes our last one */
			if (!gone[i])
				append(offer, sizeof(offer), ":", names[i]);
		if (version == TLS13)
			o.suites13 = offer;
		else
			o.suites12 = offer;
		if (!try(s, &o, chose) || !chose[0])
			return;
		for (size_t i = 0; i < n; i++)
			if (!strcmp(names[i], chose))
				at = i;
		if (at == n)
			return;
		gone[at] = true;
		append(order, LIST, ", ", chose);
		snprintf(round ? last : first, 64, "%s", chose);
	}
	/* From the end to the beginning, as we offered: is it so the other way round, too? */
	if (n > 1 && !strcmp(first, names[n - 1])) {
		struct sw_tls_probe_opts o = { .min = version, .max = version };
		char offer[LIST] = "", chose[64];

		for (size_t i = 0; i < n; i++)
			append(offer, sizeof(offer), ":", names[i]);
		if (version == TLS13)
			o.suites13 = offer;
		else
			o.suites12 = offer;
		*client = try(s, &o, chose) && !strcmp(chose, names[0]);
	}
}

static void judge_order(struct settings *s, const char *const *names, size_t n, int version)
{
	const char *v = version == TLS13 ? "TLS 1.3" : "TLS 1.2";
	char order[LIST] = "", found[LIST + 64];
	bool client;

	if (n < 2)
		return;
	read_order(s, names, n, version, order, &client);
	if (!order[0])
		return;
	if (client)
		snprintf(found, sizeof(found), "%s: the client's order decides", v);
	else
		snprintf(found, sizeof(found), "%s: the server decides: %s", v, order);
	sw_check_report(s->c, SW_F_TLS_SUITES_ORDER, SW_CHECK_PASS, s->subject, "an order of its own", found);
}

static void judge_unlisted(struct settings *s)
{
	const struct sw_profile *p = sw_check_options(s->c)->profile;
	char offer[LIST * 2], found[160], chose[64];

	if (try(s, &(struct sw_tls_probe_opts){ .min = TLS10, .max = TLS12, .suites12 = WEAK }, chose)) {
		snprintf(found, sizeof(found), "it takes %s", chose[0] ? chose : "one of them");
		fix_suites(s, sw_check_report(s->c, SW_F_TLS_SUITES_WEAK, SW_CHECK_FAIL, s->subject,
					      "suites without proof, without encryption or broken are refused", found));
	} else if (!s->undecided) {
		sw_check_report(s->c, SW_F_TLS_SUITES_WEAK, SW_CHECK_PASS, s->subject,
				"suites without proof, without encryption or broken are refused", "refused");
	}
	if (!p->suites12.n)
		return;
	snprintf(offer, sizeof(offer), "%s", CLASSICS);
	for (size_t i = 0; i < p->suites12.n; i++) {
		append(offer, sizeof(offer), ":!", p->suites12.v[i]);
	}
	append(offer, sizeof(offer), ":", "@SECLEVEL=0");
	if (!try(s, &(struct sw_tls_probe_opts){ .min = TLS12, .max = TLS12, .suites12 = offer }, chose))
		return;
	snprintf(found, sizeof(found), "it takes %s", chose[0] ? chose : "one of them");
	fix_suites(s, sw_tls_report_profile(s->c, SW_F_TLS_SUITES_OTHER, SW_CHECK_WARN, s->subject,
					    "the profile's suites, or such with GCM or ChaCha20", found));
}

static void judge_suites(struct settings *s)
{
	const struct sw_profile *p = sw_check_options(s->c)->profile;
	const char *yes12[SUITES_MAX], *yes13[SUITES_MAX];
	char no12[LIST] = "", no13[LIST] = "", found[LIST] = "";
	size_t n12 = s->has12 ? try_suites(s, &p->suites12, TLS12, yes12, no12) : 0;
	size_t n13 = s->has13 ? try_suites(s, &p->suites13, TLS13, yes13, no13) : 0;
	bool lacks12 = s->has12 && p->suites12.n && n12 == 0, lacks13 = s->has13 && p->suites13.n && n13 == 0;
	struct sw_finding *f;

	if (s->undecided || (!p->suites12.n && !p->suites13.n))
		return;
	for (size_t i = 0; i < n13; i++)
		append(found, sizeof(found), ", ", yes13[i]);
	for (size_t i = 0; i < n12; i++)
		append(found, sizeof(found), ", ", yes12[i]);
	if (lacks12 && n13)
		append(found, sizeof(found), "; ", "none for TLS 1.2");
	f = sw_tls_report_profile(s->c, SW_F_TLS_SUITES,
			    n12 + n13 == 0       ? SW_CHECK_FAIL
			    : lacks12 || lacks13 ? SW_CHECK_WARN
						 : SW_CHECK_PASS,
			    s->subject, "suites of the profile", found[0] ? found : "none of them");
	if (n12 == 0 && s->has12)
		fix_suites(s, f);
	if (no13[0])
		sw_finding_add(s->c, f, "refused", "%s", no13);
	if (no12[0])
		sw_finding_add(s->c, f, "refused", "%s", no12);
	judge_order(s, yes13, n13, TLS13);
	judge_order(s, yes12, n12, TLS12);
}

/* --- groups --- */

/* 1: taken, 0: refused, -1: it chose the other one. */
static int try_group(struct settings *s, int version, const char *group, const char *beside)
{
	struct sw_tls_probe *p = NULL;
	char offer[80];
	int taken;

	snprintf(offer, sizeof(offer), "%s%s%s", group, beside[0] ? ":" : "", beside);
	p = open_one(s, &(struct sw_tls_probe_opts){ .min = version, .max = version, .groups = offer, .suites12 = "ECDHE" });
	if (!p)
		return 0;
	taken = !accepted(p) ? 0 : !beside[0] || sw_tls_chose_group(p, group) ? 1 : -1;
	sw_tls_probe_free(p);
	return taken;
}

/* Up to TLS 1.2 a server with an EC key needs that key's curve among those offered, too. */
static int try_group_of_12(struct settings *s, const char *group)
{
	return try_group(s, TLS12, group, strcmp(s->leaf_group, group) != 0 ? s->leaf_group : "");
}

static void judge_groups(struct settings *s)
{
	static const char hybrid[] = "X25519MLKEM768";
	const struct sw_strlist *groups = &sw_check_options(s->c)->profile->groups;
	char yes[LIST] = "", no[LIST] = "", untold[LIST] = "";
	struct sw_finding *f;

	if (!groups->n || (!s->has12 && !s->has13))
		return;
	for (size_t i = 0; i < groups->n; i++) {
		int taken = s->has13 ? try_group(s, TLS13, groups->v[i], "") : try_group_of_12(s, groups->v[i]);

		append(taken > 0 ? yes : taken < 0 ? untold : no, LIST, ", ", groups->v[i]);
	}
	if (s->undecided)
		return;
	f = sw_tls_report_profile(s->c, SW_F_TLS_GROUPS, yes[0] ? SW_CHECK_PASS : SW_CHECK_FAIL, s->subject,
				  "groups of the profile", yes[0] ? yes : "none of them");
	if (no[0])
		sw_finding_add(s->c, f, "refused", "%s", no);
	if (untold[0])
		sw_finding_add(s->c, f, "unknown", "%s: TLS 1.2 offers them beside the certificate's own curve alone, which was chosen",
			       untold);
	if (!sw_tls_has_group(hybrid))
		sw_finding_add(s->c, f, "hybrid", "%s: not asked, this machine's OpenSSL does not have it", hybrid);
	else
		sw_finding_add(s->c, f, "hybrid", "%s: %s", hybrid,
			       try(s, &(struct sw_tls_probe_opts){ .min = TLS13, .groups = hybrid }, NULL) ? "taken" : "refused");
}

void sw_tls_probe_settings(struct sw_check *c, void *arg)
{
	struct settings s = { .c = c, .e = arg };

	sw_endpoint_text(s.e, s.subject);
	judge_versions(&s);
	judge_suites(&s);
	judge_unlisted(&s);
	judge_groups(&s);
	if (s.undecided && !sw_check_stopped(c))
		sw_check_report(c, SW_F_TLS_SETTINGS, SW_CHECK_UNKNOWN, s.subject, "an answer to every handshake",
				"some handshakes got no answer in time: what they were to show is not known");
}

/* --- resumption and renegotiation --- */

static void judge_resumption(struct settings *s, const struct sw_conf_cert *ours)
{
	struct sw_tls_probe *first = NULL, *second = NULL;
	struct sw_tls_probe_opts o;
	bool mutual = sw_tls_mutual(s->c, s->e), went_on;

	sw_tls_settings(s->c, s->e, ours, &o);
	if (sw_tls_probe_open(&first, &o) < 0)
		return;
	if (!sw_tls_probe_settle(first, 300) || !first->resumable) {
		if (first->end == SW_TLS_END_UP)
			sw_check_report(s->c, SW_F_TLS_RESUMPTION, SW_CHECK_PASS, s->subject, mutual ? "no resumption" : NULL,
					"no resumption offered");
		goto out;
	}
	sw_tls_probe_hang_up(first);
	o.resume = first;
	o.ms = sw_check_left(s->c);
	if (sw_tls_probe_open(&second, &o) < 0 || second->end != SW_TLS_END_UP)
		goto out;
	went_on = second->resumed;
	sw_check_report(s->c, SW_F_TLS_RESUMPTION, mutual && went_on ? SW_CHECK_WARN : SW_CHECK_PASS, s->subject,
			mutual ? "no resumption" : NULL, went_on ? "sessions are resumed" : "offered, but not done");
out:
	sw_tls_probe_free(second);
	sw_tls_probe_free(first);
}

static void judge_renegotiation(struct settings *s, const struct sw_conf_cert *ours)
{
	struct sw_tls_probe_opts o;
	struct sw_tls_probe *p = NULL;
	uint64_t left;
	int r;

	sw_tls_settings(s->c, s->e, ours, &o);
	o.min = o.max = TLS12;
	if (sw_tls_probe_open(&p, &o) < 0)
		return;
	if (p->end == SW_TLS_END_UP) {
		if (!p->secure_renegotiation)
			sw_check_report(s->c, SW_F_TLS_RENEGOTIATION, SW_CHECK_WARN, s->subject,
					"RFC 5746, and no renegotiation by clients", "the server does not know RFC 5746");
		left = sw_check_left(s->c);
		r = sw_tls_probe_renegotiate(p, left < 1500 ? left : 1500);
		if (r == 1)
			sw_check_report(s->c, SW_F_TLS_RENEGOTIATION, SW_CHECK_WARN, s->subject,
					"RFC 5746, and no renegotiation by clients", "a client may renegotiate");
		else if ((r == 0 || r == SW_ETIMEOUT) && p->secure_renegotiation)
			sw_check_report(s->c, SW_F_TLS_RENEGOTIATION, SW_CHECK_PASS, s->subject,
					"RFC 5746, and no renegotiation by clients", "refused");
	}
	sw_tls_probe_free(p);
}

void sw_tls_probe_resumption(struct sw_check *c, void *arg)
{
	struct settings s = { .c = c, .e = arg };
	struct sw_conf_cert ours;
	bool have = sw_tls_ours(c, s.e, &ours);

	sw_endpoint_text(s.e, s.subject);
	judge_resumption(&s, have ? &ours : NULL);
	judge_renegotiation(&s, have ? &ours : NULL);
}
