/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/proofs.h"

#include <stdlib.h>
#include <time.h>

#include "core/log.h"

enum { CHECKS_AT_ONCE = 8, RETRY_SECONDS = 300, SCAN_SECONDS = 10 };

struct check {
	struct sw_proofs *p;
	bool out;                    /* the resolver has it */
	bool answered;               /* and this is what it said; not yet written down */
	struct sw_verdict found;
	struct sw_generation *gen;   /* a reference while out: its configuration is used */
	char token[SW_TOKEN_HEX + 1];
	char domain[SW_DNS_NAME_MAX];
};

struct sw_proofs {
	struct sw_edge *edge;
	struct sw_store *store;      /* owned; used by one job in the pool at a time */
	struct sw_proof *list;       /* sorted by domain; owned */
	size_t n;
	bool busy, again;            /* a job is in the pool; and another read is wanted after it */
	struct check checks[CHECKS_AT_ONCE];
	int64_t next_scan;
	bool closing;
};

/* One trip to the store: writes what changed, then reads all. */
struct job {
	struct sw_proofs *p;
	struct sw_store *store;
	struct sw_proof write[CHECKS_AT_ONCE];
	size_t n_writes;
	struct sw_proof *list;
	size_t n;
	int err;
};

static int by_domain(const void *a, const void *b)
{
	return strcmp(((const struct sw_proof *)a)->domain, ((const struct sw_proof *)b)->domain);
}

static struct sw_proof *find(const struct sw_proofs *p, const char *domain)
{
	struct sw_proof key;

	if (!p->n || !sw_str_copy(key.domain, sizeof(key.domain), sw_str_of(domain)))
		return NULL;
	return bsearch(&key, p->list, p->n, sizeof(*p->list), by_domain);
}

int sw_proofs_new(struct sw_proofs **out, struct sw_edge *e, struct sw_store *store)
{
	struct sw_proofs *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return SW_ENOMEM;
	p->edge = e;
	err = sw_store_proof_list(store, &p->list, &p->n);
	if (err < 0) {
		free(p);
		return err;
	}
	p->store = store;
	*out = p;
	return SW_OK;
}

void sw_proofs_free(struct sw_proofs *p)
{
	if (!p)
		return;
	p->closing = true;
	if (p->busy)
		return;  /* the job that is out frees it when it comes back */
	for (size_t i = 0; i < CHECKS_AT_ONCE; i++)
		sw_generation_unref(p->checks[i].gen);
	sw_store_close(p->store);
	free(p->list);
	free(p);
}

bool sw_proofs_hold(const struct sw_proofs *p, const char *domain)
{
	const struct sw_conf_ownership *conf = &p->edge->gen->conf->ownership;
	const struct sw_proof *proof = find(p, domain);

	if (proof && sw_proof_holds(proof))
		return true;
	for (const char *dot = strchr(domain, '.'); conf->subdomains && dot; dot = strchr(dot + 1, '.')) {
		proof = find(p, dot + 1);
		if (proof && sw_proof_holds(proof))
			return true;
	}
	return false;
}

const struct sw_proof *sw_proofs_list(const struct sw_proofs *p, size_t *n)
{
	*n = p->n;
	return p->list;
}

static void work(void *arg)
{
	struct job *j = arg;
	struct sw_proof now;

	/* The operator's command may have written meanwhile: a result for an older token is worth nothing. */
	for (size_t i = 0; i < j->n_writes && j->err == SW_OK; i++)
		if (sw_store_proof_get(j->store, j->write[i].domain, &now) == SW_OK && !strcmp(now.token, j->write[i].token))
			j->err = sw_store_proof_put(j->store, &j->write[i]);
	if (j->err == SW_OK)
		j->err = sw_store_proof_list(j->store, &j->list, &j->n);
}

static bool any_answer(const struct sw_proofs *p)
{
	for (size_t i = 0; i < CHECKS_AT_ONCE; i++)
		if (p->checks[i].answered)
			return true;
	return false;
}

/* What an answer makes of its proof. NULL: it answers nothing we still ask. */
static const struct sw_proof *apply(struct sw_proofs *p, const struct check *c)
{
	struct sw_proof *proof = find(p, c->domain);
	const struct sw_verdict *v = &c->found;
	enum sw_proof_state was;

	if (!proof || strcmp(proof->token, c->token))
		return NULL;  /* the operator removed it, or made a new token meanwhile */
	was = proof->state;
	sw_proof_apply(proof, &p->edge->gen->conf->ownership, v, time(NULL));
	if (proof->state != was || v->reason != SW_R_OK)
		sw_log(was == SW_PROOF_VERIFIED && proof->state != was ? SW_LOG_WARN : SW_LOG_INFO, "domain.checked",
		       SW_S("domain", proof->domain), SW_S("state", sw_proof_state_name(proof->state)),
		       SW_S("was", sw_proof_state_name(was)), SW_REASON_F(v->reason), SW_S("detail", v->detail));
	return proof;
}

static void start(struct sw_proofs *p);

static void done(void *arg, int status)
{
	struct job *j = arg;
	struct sw_proofs *p = j->p;

	p->busy = false;
	if (status == SW_OK && j->err == SW_OK) {
		free(p->list);
		p->list = j->list;
		p->n = j->n;
	} else {
		sw_log(SW_LOG_ERROR, "store.failed", SW_S("detail", sw_error_text(status < 0 ? status : j->err)));
		free(j->list);
	}
	free(j);
	if (p->closing) {
		sw_proofs_free(p);
	} else if (p->again || any_answer(p)) {
		p->again = false;
		start(p);
	}
}

/* One trip to the store with all answers that have come. Those that come while it is out wait in their checks for the next. */
static void start(struct sw_proofs *p)
{
	struct job *j;

	if (p->busy) {
		p->again = true;
		return;
	}
	j = calloc(1, sizeof(*j));
	if (!j)
		return;  /* the answers stay: the next tick tries again */
	j->p = p;
	j->store = p->store;
	for (size_t i = 0; i < CHECKS_AT_ONCE; i++) {
		const struct sw_proof *changed = p->checks[i].answered ? apply(p, &p->checks[i]) : NULL;

		p->checks[i].answered = false;
		if (changed)
			j->write[j->n_writes++] = *changed;
	}
	if (sw_loop_work(p->edge->loop, work, done, j) < 0)
		free(j);
	else
		p->busy = true;
}

void sw_proofs_reload(struct sw_proofs *p)
{
	start(p);
}

static void on_checked(void *arg, const struct sw_verdict *v)
{
	struct check *c = arg;

	c->out = false;
	c->answered = true;
	c->found = *v;
	sw_generation_unref(c->gen);
	c->gen = NULL;
	if (!c->p->busy)
		start(c->p);
}

static struct check *free_check(struct sw_proofs *p)
{
	for (size_t i = 0; i < CHECKS_AT_ONCE; i++)
		if (!p->checks[i].out && !p->checks[i].answered)
			return &p->checks[i];
	return NULL;
}

static bool asked(const struct sw_proofs *p, const char *domain)
{
	for (size_t i = 0; i < CHECKS_AT_ONCE; i++)
		if ((p->checks[i].out || p->checks[i].answered) && !strcmp(p->checks[i].domain, domain))
			return true;
	return false;
}

static bool is_due(const struct sw_proof *proof, const struct sw_conf_ownership *conf, int64_t now)
{
	int64_t interval = (int64_t)(conf->interval / 1000), retry = interval < RETRY_SECONDS ? interval : RETRY_SECONDS;

	if (proof->state == SW_PROOF_VERIFIED && !proof->failing_since)
		return conf->recheck && now - proof->checked >= interval;
	if (proof->state == SW_PROOF_REVOKED)
		return false;  /* final until the operator asks again */
	return now - proof->checked >= retry;  /* in doubt: sooner than the others, never later */
}

void sw_proofs_tick(struct sw_proofs *p, int64_t now)
{
	const struct sw_conf_ownership *conf = &p->edge->gen->conf->ownership;
	int64_t interval = (int64_t)(conf->interval / 1000);

	if (!p->busy && any_answer(p))
		start(p);
	if (p->busy || now < p->next_scan)
		return;
	p->next_scan = now + (interval < SCAN_SECONDS ? interval : SCAN_SECONDS);
	for (size_t i = 0; i < p->n; i++) {
		struct check *c = free_check(p);

		if (!is_due(&p->list[i], conf, now) || asked(p, p->list[i].domain))
			continue;
		if (!c)
			return;
		c->p = p;
		memcpy(c->domain, p->list[i].domain, sizeof(c->domain));
		memcpy(c->token, p->list[i].token, sizeof(c->token));
		p->list[i].checked = now;  /* not twice while the answer is out */
		if (sw_ownership_check(p->edge->dns, conf, c->domain, p->list[i].token, on_checked, c) == SW_OK) {
			c->out = true;
			c->gen = sw_generation_ref(p->edge->gen);
		}
	}
}
