/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When calls will stop, and why: every certificate, chain, CRL and root of the configuration, and of every peer the daemon has
 * seen, against their own dates and what CAs have announced (conf/ca-status.conf).
 */
#include "cli/cert.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/date.h"
#include "conf/ca_status.h"
#include "tls/pulled.h"
#include "tls/shape.h"

enum { DAY = 86400, WITHIN_DAYS = 30, LATER_DAYS = 400, STOPS_MAX = 50000, DAYS_MAX = 36500 };

static const char usage[] =
	"usage: sipward cert forecast [-f CONF] [--at DATE] [--within DAYS] [--ca-status FILE] [-o text|json]\n";

enum stop_kind { STOP_EXPIRY, STOP_ROOT, STOP_CRL, STOP_DISTRUST, STOP_CLIENT_AUTH };
static const char *const kind_names[] = { "expiry", "root", "crl", "distrust", "client-auth" };

struct stop {
	int64_t when;
	enum stop_kind kind;
	bool counts; /* false: it may be so, or somebody sees to it */
	char what[280], who[160], why[640], fix[200];
};

struct forecast {
	struct sw_cli *cli;
	struct sw_conf *conf;
	struct sw_ca_status *status; /* NULL: it could not be read */
	int64_t now, within;         /* seconds */
	struct stop *stops;          /* owned */
	size_t n, room;
	bool unknown; /* something could not be looked at: it was told */
	bool daemon;  /* it told of its peers */
	bool no_memory;
};

/* What is looked at: one certificate with its way up. */
struct subject {
	const char *what, *who, *fix;
	const char *issuer, *top;
	int64_t not_before, not_after;
	struct sw_chain_span span;
	bool own;         /* it is ours: others judge it by lists that are not ours */
	bool client;      /* it is shown by the side that connects */
	bool client_auth; /* it has that purpose, or no list of purposes */
	bool demanded;    /* we ourselves insist on that purpose */
};

static struct stop *add(struct forecast *f, enum stop_kind kind, int64_t when, bool counts, const struct subject *s)
{
	static struct stop lost; /* out of memory is told at the end */
	struct stop *p;

	if (f->n == f->room) {
		size_t room = f->room ? f->room * 2 : 64;

		p = room > STOPS_MAX ? NULL : realloc(f->stops, room * sizeof(*p));
		if (!p) {
			f->no_memory = true;
			return &lost;
		}
		f->stops = p;
		f->room = room;
	}
	p = &f->stops[f->n++];
	*p = (struct stop){ .kind = kind, .when = when, .counts = counts };
	snprintf(p->what, sizeof(p->what), "%s", s->what);
	snprintf(p->who, sizeof(p->who), "%s", s->who);
	snprintf(p->fix, sizeof(p->fix), "%s", s->fix);
	return p;
}

/* --- one certificate --- */

static void look_at_distrust(struct forecast *f, const struct subject *s, const struct sw_ca_event *e)
{
	struct stop *p;

	if (s->not_before > e->date) {
		p = add(f, STOP_DISTRUST, s->not_before, e->confirmed, s);
		snprintf(p->why, sizeof(p->why),
			 "issued after %s under \"%.200s\", which is distrusted by %.160s: peers that follow refuse it",
			 e->date_text, s->top, e->by);
	} else {
		p = add(f, STOP_DISTRUST, s->not_after, e->confirmed, s);
		snprintf(p->why, sizeof(p->why),
			 "the certificate after it won't be taken: \"%.200s\" is distrusted since %s by %.160s", s->top,
			 e->date_text, e->by);
	}
	snprintf(p->fix, sizeof(p->fix), "have it issued under another root");
}

/* Peers' certificates are judged by our own lists: whether those still hold the root is told of the list. */
static void look_at_removal(struct forecast *f, const struct subject *s, const struct sw_ca_event *e)
{
	struct stop *p;

	if (!s->own || s->span.not_after <= e->date)
		return;
	p = add(f, STOP_DISTRUST, e->date, e->confirmed, s);
	snprintf(p->why, sizeof(p->why), "its root \"%.200s\" is taken off the list of %.160s%s%.120s: peers that follow refuse it", s->top,
		 e->by, e->note ? "; " : "", e->note ? e->note : "");
	snprintf(p->fix, sizeof(p->fix), "have it issued under another root");
}

static void look_at_client_auth(struct forecast *f, const struct subject *s, const struct sw_ca_event *e)
{
	struct stop *p;

	if (!s->client || !s->client_auth || s->not_after <= e->date)
		return;
	p = add(f, STOP_CLIENT_AUTH, s->not_after, e->confirmed && s->demanded, s);
	snprintf(p->why, sizeof(p->why), "the certificate after it will lack clientAuth, left out since %s by %.160s%s%.120s: %s",
		 e->date_text, e->by, e->note ? "; " : "", e->note ? e->note : "",
		 s->demanded ? "the zone's eku = \"strict\" refuses that" : "peers that insist on it refuse that");
	snprintf(p->fix, sizeof(p->fix), "%s",
		 s->demanded ? "eku = \"server-or-client\" in the zone, or a private CA for the peer"
			     : "ask the peers whether they insist; a client_cert of a private CA that they trust");
}

static void look_at(struct forecast *f, const struct subject *s)
{
	struct stop *p = add(f, STOP_EXPIRY, s->span.not_after, true, s);

	if (s->span.not_after == s->not_after)
		snprintf(p->why, sizeof(p->why), "it expires");
	else
		snprintf(p->why, sizeof(p->why), "the intermediate \"%.250s\" expires", s->span.first);
	if (s->client && !s->client_auth && f->status && !s->demanded) {
		p = add(f, STOP_CLIENT_AUTH, f->now, false, s);
		snprintf(p->why, sizeof(p->why), "it lacks clientAuth: peers that insist on it refuse us already");
		snprintf(p->fix, sizeof(p->fix),
			 "ask the peers whether they insist; a client_cert of a private CA that they trust");
	}
	for (size_t i = 0; f->status && i < f->status->n_events; i++) {
		const struct sw_ca_event *e = &f->status->events[i];

		if (!sw_ca_event_is_about(e, s->top, NULL) && !sw_ca_event_is_about(e, s->issuer, NULL))
			continue;
		if (e->kind == SW_CA_DISTRUSTED)
			look_at_distrust(f, s, e);
		else if (e->kind == SW_CA_REMOVED)
			look_at_removal(f, s, e);
		else
			look_at_client_auth(f, s, e);
	}
}

static void could_not(struct forecast *f, const char *who, const struct sw_diag *diag)
{
	f->unknown = true;
	fprintf(stderr, "sipward: %s: could not be looked at\n", who);
	sw_cli_diag(diag);
}

static void look_at_files(struct forecast *f, const struct sw_conf_cert *set, const char *who, bool client)
{
	STACK_OF(X509) *chain = sk_X509_new_null(), *rest;
	struct sw_identity *id = NULL;
	struct sw_diag diag;

	sw_diag_init(&diag);
	if (!chain || sw_chain_from_files(chain, set->cert, set->chain, &diag) < 0 ||
	    sw_identity_from_x509(&id, sk_X509_value(chain, 0)) < 0) {
		could_not(f, who, &diag);
	} else {
		struct subject s = {
			.what = id->subject,
			.who = who,
			.fix = "renew it, put it in place, sipward reload",
			.issuer = id->issuer,
			.not_before = id->not_before,
			.not_after = id->not_after,
			.own = true,
			.client = client,
			.client_auth = id->eku & (SW_EKU_CLIENT | SW_EKU_NONE),
		};

		rest = sw_chain_rest(chain);
		sw_chain_span(&s.span, sk_X509_value(chain, 0), rest);
		sk_X509_free(rest);
		s.top = s.span.top;
		look_at(f, &s);
	}
	sw_identity_free(id);
	sk_X509_pop_free(chain, X509_free);
	sw_diag_free(&diag);
}

/* --- the configuration --- */

/* Is the listener's certificate what some zone shows when it connects? */
static bool calls_out(const struct sw_conf *conf, const struct sw_conf_listener *l)
{
	for (size_t i = 0; i < conf->n_zones; i++) {
		const struct sw_conf_zone *z = &conf->zones[i];

		if (z->kind != SW_ZONE_DEFAULT && !z->client_cert_none && !z->client_cert.cert && z->listeners.n &&
		    !strcmp(z->listeners.v[0], l->name))
			return true;
	}
	return false;
}

static void own(struct forecast *f)
{
	char who[160];

	for (size_t i = 0; i < f->conf->n_listeners; i++) {
		const struct sw_conf_listener *l = &f->conf->listeners[i];

		if (!l->cert.cert)
			continue;
		snprintf(who, sizeof(who), "listener \"%.120s\"", l->name);
		look_at_files(f, &l->cert, who, calls_out(f->conf, l));
		for (size_t k = 0; k < l->n_sni; k++) {
			snprintf(who, sizeof(who), "listener \"%.60s\" for %.60s", l->name,
				 l->sni[k].name ? l->sni[k].name : "?");
			look_at_files(f, &l->sni[k], who, false);
		}
	}
	for (size_t i = 0; i < f->conf->n_zones; i++) {
		const struct sw_conf_zone *z = &f->conf->zones[i];

		if (!z->client_cert.cert || z->client_cert_none)
			continue;
		snprintf(who, sizeof(who), "zone \"%.120s\", client_cert", z->name);
		look_at_files(f, &z->client_cert, who, true);
	}
}

struct list {
	struct forecast *f;
	const char *who, *fix;
	bool counts;
};

static void root(void *arg, const struct sw_ca_info *ca)
{
	const struct list *l = arg;
	struct subject s = { .what = ca->subject,
			     .who = l->who,
			     .fix = "put its successor on the list before; ask its peers under which root they will be" };
	/* One that is over by the clock stops nothing more: who was under it is refused already. An alarm would never end. */
	bool over = ca->not_after < time(NULL);
	struct stop *p = add(l->f, STOP_ROOT, ca->not_after, !over, &s);

	snprintf(p->why, sizeof(p->why), "this %s %s: every peer under it is refused", ca->root ? "root" : "intermediate",
		 over ? "has expired" : "expires");
	if (over)
		snprintf(p->fix, sizeof(p->fix), "take it off the list");
	for (size_t i = 0; l->f->status && i < l->f->status->n_events; i++) {
		const struct sw_ca_event *e = &l->f->status->events[i];

		if (e->kind == SW_CA_NO_CLIENT_AUTH || !sw_ca_event_is_about(e, ca->subject, ca->sha256))
			continue;
		/* We go on trusting it: that is for the operator to end, so it stops no call. */
		p = add(l->f, STOP_DISTRUST, e->date, false, &s);
		snprintf(p->why, sizeof(p->why), "%s %.160s; this list still vouches for it%s%.160s",
			 e->kind == SW_CA_REMOVED ? "taken off the list of" : "distrusted by", e->by,
			 e->note ? "; " : "", e->note ? e->note : "");
		snprintf(p->fix, sizeof(p->fix), "take it off the list when no peer needs it any more");
	}
}

static void crl(void *arg, const struct sw_crl_info *i)
{
	const struct list *l = arg;
	char what[280];
	struct subject s = { .what = what, .who = l->who, .fix = l->fix };
	struct stop *p;

	if (!i->present || !i->next_update)
		return;
	snprintf(what, sizeof(what), "CRL of %.240s", i->issuer);
	p = add(l->f, STOP_CRL, i->next_update, l->counts || i->failing, &s);
	if (i->url[0])
		snprintf(p->why, sizeof(p->why), "it is out of date then%s: %.200s%s%.160s",
			 i->failing ? ", and fetching fails" : ", unless it is fetched anew", i->url, i->fault[0] ? ": " : "",
			 i->fault);
	else
		snprintf(p->why, sizeof(p->why), "it is out of date then: revocation = \"hard\" refuses every peer of this CA");
}

static void zones(struct forecast *f)
{
	for (size_t i = 0; i < f->conf->n_zones; i++) {
		const struct sw_conf_zone *z = &f->conf->zones[i];
		struct sw_trust *trust = NULL;
		struct sw_diag diag;
		char who[160];
		struct list l = { .f = f, .who = who, .fix = "put the CA's current CRL in place", .counts = true };

		if (z->trust.n == 0)
			continue;
		snprintf(who, sizeof(who), "zone \"%.120s\", trust", z->name);
		sw_diag_init(&diag);
		if (sw_trust_load_zone(&trust, f->conf, z, &diag) < 0) {
			could_not(f, who, &diag);
		} else {
			sw_trust_each_ca(trust, root, &l);
			snprintf(who, sizeof(who), "zone \"%.120s\", crls", z->name);
			if (z->revocation == SW_REVOCATION_HARD)
				sw_trust_each_crl(trust, crl, &l);
		}
		sw_trust_free(trust);
		sw_diag_free(&diag);
	}
}

static void fetched_crls(struct forecast *f)
{
	struct list l = { .f = f, .who = "fetched CRLs", .fix = "see that its server can be reached: sipward status" };
	struct sw_crls *crls = NULL;
	struct sw_diag diag;
	char dir[4096];
	bool hard = false;

	for (size_t i = 0; i < f->conf->n_zones; i++)
		hard |= f->conf->zones[i].revocation == SW_REVOCATION_HARD && f->conf->zones[i].crl_fetch;
	snprintf(dir, sizeof(dir), "%.4000s/crls", f->conf->state_dir);
	if (!hard || access(dir, R_OK | X_OK) != 0)
		return;
	sw_diag_init(&diag);
	if (sw_crls_new(&crls, dir) == SW_OK) {
		sw_crls_load(crls, f->now, &diag);
		sw_crls_each(crls, crl, &l);
	}
	sw_crls_unref(crls);
	sw_diag_free(&diag);
}

/* --- the peers the daemon has seen --- */

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static void peer(struct forecast *f, const json_t *o)
{
	const char *zone = text_of(o, "zone");
	bool outgoing = json_is_true(json_object_get(o, "outgoing")), strict = false;
	char who[160];
	struct subject s = {
		.what = text_of(o, "subject"),
		.who = who,
		.fix = "tell the peer",
		.issuer = text_of(o, "issuer"),
		.top = text_of(o, "root"),
		.not_before = json_integer_value(json_object_get(o, "not_before")),
		.not_after = json_integer_value(json_object_get(o, "not_after")),
		.client = !outgoing,
		.client_auth = json_is_true(json_object_get(o, "client_auth")),
	};

	for (size_t i = 0; i < f->conf->n_zones; i++)
		strict |= !strcmp(f->conf->zones[i].name, zone) && f->conf->zones[i].eku == SW_EKU_STRICT;
	/* What a peer lacks and we do not ask for is no concern. */
	s.client &= strict;
	s.demanded = strict;
	s.span.not_after = json_integer_value(json_object_get(o, "chain_not_after"));
	snprintf(s.span.first, sizeof(s.span.first), "%s", text_of(o, "first"));
	snprintf(who, sizeof(who), "peer of zone \"%.100s\", %s", zone, outgoing ? "which we call" : "which calls us");
	look_at(f, &s);
}

static void peers(struct forecast *f)
{
	struct sw_buf out;
	json_t *list = NULL;
	json_t *o;
	size_t i;

	sw_buf_init(&out, 16 << 20);
	if (sw_cli_ask(f->cli, "seen\n", true, &out) == SW_EXIT_OK)
		list = json_loadb(out.data, out.len, 0, NULL);
	f->daemon = json_is_array(list);
	json_array_foreach(list, i, o) peer(f, o);
	json_decref(list);
	sw_buf_free(&out);
}

/* --- telling --- */

static int by_date(const void *a, const void *b)
{
	const struct stop *x = a, *y = b;

	return x->when != y->when ? (x->when > y->when) - (x->when < y->when) : strcmp(x->who, y->who);
}

static bool is_near(const struct forecast *f, const struct stop *s)
{
	return s->when <= f->now + f->within;
}

static void print_stop(const struct forecast *f, const struct stop *s, struct sw_buf *out)
{
	char day[SW_DATE_LEN], left[48];
	int64_t days = (s->when - f->now) / DAY;

	sw_date_day(s->when, day);
	if (s->when <= f->now)
		snprintf(left, sizeof(left), "%s",
			 s->kind == STOP_DISTRUST || s->kind == STOP_CLIENT_AUTH || !s->counts ? "already" : "it is over");
	else
		snprintf(left, sizeof(left), "in %" PRId64 " day%s", days, days == 1 ? "" : "s");
	sw_buf_printf(out, "%s  %-12s %s: %s\n            %s: %s\n            what to do: %s\n", day, left, s->who, s->what,
		      kind_names[s->kind], s->why, s->fix);
}

static void print_text(const struct forecast *f, struct sw_buf *out)
{
	size_t near = 0, notes = 0, later = 0;
	char day[SW_DATE_LEN];

	for (size_t i = 0; i < f->n; i++)
		near += is_near(f, &f->stops[i]) && f->stops[i].counts;
	sw_date_day(f->now, day);
	sw_buf_printf(out, "as of %s: %zu stop%s within %" PRId64 " days\n", day, near, near == 1 ? "" : "s", f->within / DAY);
	if (!f->daemon)
		sw_buf_str(out, "the daemon is not there: the peers it has seen are not in this\n");
	if (f->status)
		sw_buf_printf(out, "what CAs announced: %s, as of %s\n", f->status->path, f->status->as_of);
	else
		sw_buf_str(out, "what CAs announced is not known: no ca-status.conf is installed; give --ca-status\n");
	for (size_t i = 0; i < f->n; i++)
		if (f->stops[i].counts && is_near(f, &f->stops[i])) {
			sw_buf_str(out, "\n");
			print_stop(f, &f->stops[i], out);
		}
	for (size_t i = 0; i < f->n; i++) {
		const struct stop *s = &f->stops[i];

		if (!s->counts || is_near(f, s))
			continue;
		if (s->when > f->now + (int64_t)LATER_DAYS * DAY && s->kind == STOP_ROOT) {
			later++;
			continue;
		}
		sw_buf_str(out, notes++ ? "\n" : "\nLater\n\n");
		print_stop(f, s, out);
	}
	notes = 0;
	for (size_t i = 0; i < f->n; i++)
		if (!f->stops[i].counts) {
			sw_buf_str(out, notes++ ? "\n" : "\nTo be aware of\n\n");
			print_stop(f, &f->stops[i], out);
		}
	if (later)
		sw_buf_printf(out, "\n%zu CAs of the trust lists expire later (-o json names them)\n", later);
}

static void member(struct sw_buf *out, const char *name, const char *value)
{
	sw_buf_printf(out, ",\"%s\":", name);
	sw_buf_json_str(out, sw_str_of(value));
}

static void print_json(const struct forecast *f, struct sw_buf *out)
{
	char at[32];

	sw_buf_printf(out, "{\"at\":\"%s\",\"within_days\":%" PRId64 ",\"daemon\":%s", sw_date_time(f->now, at),
		      f->within / DAY, f->daemon ? "true" : "false");
	member(out, "announcements_as_of", f->status ? f->status->as_of : "");
	sw_buf_str(out, ",\"stops\":[");
	for (size_t i = 0; i < f->n; i++) {
		const struct stop *s = &f->stops[i];

		sw_buf_printf(out, "%s{\"when\":\"%s\",\"days\":%" PRId64 ",\"kind\":\"%s\",\"counts\":%s", i ? "," : "",
			      sw_date_time(s->when, at), (s->when - f->now) / DAY, kind_names[s->kind],
			      s->counts ? "true" : "false");
		member(out, "who", s->who);
		member(out, "what", s->what);
		member(out, "why", s->why);
		member(out, "fix", s->fix);
		sw_buf_str(out, "}");
	}
	sw_buf_str(out, "]}\n");
}

static int tell(struct forecast *f)
{
	struct sw_buf out;
	bool near = false;
	int err;

	if (f->no_memory) {
		fprintf(stderr, "sipward: more than %d dates, or out of memory\n", STOPS_MAX);
		return SW_EXIT_INTERNAL;
	}
	if (f->n)
		qsort(f->stops, f->n, sizeof(*f->stops), by_date);
	for (size_t i = 0; i < f->n; i++)
		near |= f->stops[i].counts && is_near(f, &f->stops[i]);
	sw_buf_init(&out, 64 << 20);
	(f->cli->json ? print_json : print_text)(f, &out);
	err = sw_buf_error(&out);
	if (err == SW_OK)
		sw_cli_print(&out);
	sw_buf_free(&out);
	return err < 0 ? SW_EXIT_INTERNAL : near ? SW_EXIT_REFUSED : f->unknown ? SW_EXIT_UNKNOWN : SW_EXIT_OK;
}

/* --- the command line --- */

static bool read_at(struct forecast *f, const char *text)
{
	struct sw_case k = { 0 };
	char why[160], whole[64];

	snprintf(whole, sizeof(whole), strlen(text) == 10 ? "%.10sT00:00:00Z" : "%.60s", text);
	if (!sw_case_set_time(&k, whole, why)) {
		fprintf(stderr, "sipward: --at: \"%.60s\" is no day, like 2027-03-15, and no time of RFC 3339\n", text);
		return false;
	}
	f->now = k.policy.now;
	return true;
}

static int read_options(struct forecast *f, const char **status, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'f' }, { "at", required_argument, NULL, 'a' },
		{ "within", required_argument, NULL, 'w' }, { "ca-status", required_argument, NULL, 'c' },
		{ "output", required_argument, NULL, 'o' }, { 0 },
	};
	uint32_t days;
	int o;

	optind = 0; /* as in verify */
	while ((o = getopt_long(argc, argv, "f:o:", options, NULL)) != -1) {
		if (o == 'f') {
			f->cli->config = optarg;
			f->cli->config_given = true;
		} else if (o == 'a') {
			if (!read_at(f, optarg))
				return SW_EXIT_USAGE;
		} else if (o == 'w') {
			if (sw_str_u32(sw_str_of(optarg), DAYS_MAX, &days) < 0) {
				fprintf(stderr, "sipward: --within: \"%.40s\" is no number of days up to %d\n", optarg, DAYS_MAX);
				return SW_EXIT_USAGE;
			}
			f->within = (int64_t)days * DAY;
		} else if (o == 'c') {
			*status = optarg;
		} else if (o == 'o' && (!strcmp(optarg, "json") || !strcmp(optarg, "text"))) {
			f->cli->json = !strcmp(optarg, "json");
		} else {
			fputs(usage, stderr);
			return SW_EXIT_USAGE;
		}
	}
	if (optind == argc)
		return SW_EXIT_OK;
	fputs(usage, stderr);
	return SW_EXIT_USAGE;
}

static int load_status(struct forecast *f, const char *path)
{
	struct sw_diag diag;
	int err;

	sw_diag_init(&diag);
	err = sw_ca_status_load(&f->status, path, &diag);
	sw_cli_diag(&diag);
	sw_diag_free(&diag);
	if (err == SW_ENOTFOUND && path)
		fprintf(stderr, "sipward: %s: cannot be read\n", path);
	if (err < 0)
		f->status = NULL;
	return err == SW_OK || (err == SW_ENOTFOUND && !path) ? SW_EXIT_OK
	       : err == SW_ENOTFOUND                          ? SW_EXIT_NO_INPUT
							      : SW_EXIT_CONFIG;
}

int sw_cert_forecast(struct sw_cli *c, int argc, char **argv)
{
	struct forecast f = { .cli = c, .now = time(NULL), .within = (int64_t)WITHIN_DAYS * DAY };
	const char *path = NULL;
	int status = read_options(&f, &path, argc, argv);

	if (status == SW_EXIT_OK)
		status = load_status(&f, path);
	if (status == SW_EXIT_OK)
		status = sw_cli_conf(c, &f.conf);
	if (status == SW_EXIT_OK) {
		own(&f);
		zones(&f);
		fetched_crls(&f);
		peers(&f);
		status = tell(&f);
	}
	free(f.stops);
	sw_conf_unref(f.conf);
	sw_ca_status_free(f.status);
	return status;
}
