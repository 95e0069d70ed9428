/* SPDX-License-Identifier: Apache-2.0 */
/* TXT proofs of domains, by the daemon's own rule: the token its store has, looked for in DNS now. */
#include "check/dns.h"

#include <stdio.h>
#include <unistd.h>
#include "core/loop.h"
#include "dns/ownership.h"
#include "store/proofs.h"

struct proving {
	struct sw_loop *loop;
	struct sw_timer deadline;
	struct sw_verdict v;
};

static void on_verdict(void *arg, const struct sw_verdict *v)
{
	struct proving *p = arg;

	p->v = *v;
	sw_loop_stop(p->loop);
}

static void on_deadline(void *arg)
{
	struct proving *p = arg;

	p->v = sw_verdict_make(SW_R_PROOF_UNKNOWN, "no answer in time");
	sw_loop_stop(p->loop);
}

static void on_stop(void *arg, int events)
{
	struct proving *p = arg;

	(void)events;
	p->v = sw_verdict_make(SW_R_PROOF_UNKNOWN, "the run ended before an answer");
	sw_loop_stop(p->loop);
}

static struct sw_verdict look(struct sw_check *c, const struct sw_conf_ownership *conf, const char *domain, const char *token)
{
	struct proving p = { .v = sw_verdict_make(SW_R_PROOF_UNKNOWN, "it could not be asked for") };
	int fd = sw_check_stop_fd(c), err = sw_loop_new(&p.loop);
	struct sw_dns *dns = NULL;
	struct sw_io *stop = NULL;

	if (err < 0)
		return p.v;
	sw_timer_init(&p.deadline, p.loop, on_deadline, &p);
	err = sw_dns_new(&dns, p.loop, sw_check_options(c)->dns);
	if (err == SW_OK)
		err = sw_ownership_check(dns, conf, domain, token, on_verdict, &p);
	if (err == SW_OK)
		err = sw_timer_start(&p.deadline, sw_check_left(c));
	if (err == SW_OK && fd >= 0 && (fd = dup(fd)) >= 0) {
		err = sw_io_new(&stop, p.loop, fd, on_stop, &p);
		if (err == SW_OK)
			err = sw_io_want(stop, SW_IO_READ);
	}
	if (err == SW_OK)
		sw_loop_run(p.loop);
	sw_timer_stop(&p.deadline);
	sw_io_free(stop);
	if (dns)
		sw_dns_free(dns);
	sw_loop_free(p.loop);
	return p.v;
}

static void report(struct sw_check *c, const struct sw_conf_ownership *conf, const struct sw_proof *p, const struct sw_verdict *v)
{
	enum sw_check_status status = v->reason == SW_R_OK              ? SW_CHECK_PASS
				      : v->reason == SW_R_PROOF_UNKNOWN ? SW_CHECK_UNKNOWN
									: SW_CHECK_FAIL;
	struct sw_finding *f = sw_check_report(c, SW_F_DNS_PROOF, status, p->domain, "a TXT record with the domain's token", v->detail);
	struct sw_buf records;

	if (status != SW_CHECK_FAIL)
		return;
	sw_buf_init(&records, 4096);
	sw_proof_records(p, conf, &records);
	if (sw_buf_error(&records) == SW_OK) {
		struct sw_str s = sw_buf_view(&records);

		sw_finding_set_fix(c, f, "%.*s", (int)s.n, s.p);
	}
	sw_buf_free(&records);
}

/* Only where the configuration's store has a token for the domain: nobody else can know it. */
void sw_dnscheck_proof(struct sw_check *c, void *arg)
{
	const struct sw_conf *conf = sw_check_options(c)->conf;
	struct sw_store *store = NULL;
	struct sw_verdict v;
	struct sw_proof p;
	char db[4200];

	if (!conf)
		return;
	snprintf(db, sizeof(db), "%s/sipward.db", conf->state_dir);
	if (access(db, R_OK | W_OK) != 0 || sw_store_open(&store, db, NULL) < 0)
		return;   /* conf.proof tells */
	if (sw_store_proof_get(store, arg, &p) == SW_OK) {
		v = look(c, &conf->ownership, arg, p.token);
		report(c, &conf->ownership, &p, &v);
	}
	sw_store_close(store);
}
