/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/date.h"
#include "cli/cli.h"
#include "core/loop.h"
#include "store/proofs.h"
#include "zone/zone.h"

enum { RETRY_MS = 2000 };

struct domain_cli {
	struct sw_cli *cli;
	struct sw_conf *conf;
	struct sw_store *store;
	char db[4096];
	const char *kind, *dns;
	bool all, fresh;
	unsigned wait_seconds;
};

/* What root creates here, the daemon's user must be able to write. */
static void give_to_daemon(const struct domain_cli *d)
{
	static const char *const parts[] = { "", "-wal", "-shm" };
	struct stat dir, file;
	char path[4200];

	if (geteuid() != 0 || stat(d->conf->state_dir, &dir) < 0)
		return;
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", d->db, parts[i]);
		if (stat(path, &file) == 0 && file.st_uid != dir.st_uid && chown(path, dir.st_uid, dir.st_gid) < 0)
			fprintf(stderr, "sipward: %s stays root's: the daemon may not be able to write it\n", path);
	}
}

static int store_open(struct domain_cli *d)
{
	struct sw_diag diag;
	int err;

	snprintf(d->db, sizeof(d->db), "%s/sipward.db", d->conf->state_dir);
	sw_diag_init(&diag);
	err = sw_store_open(&d->store, d->db, &diag);
	sw_cli_diag(&diag);
	if (err < 0 && diag.errors == 0)
		fprintf(stderr, "sipward: %s: %s\n", d->db, sw_error_text(err));
	sw_diag_free(&diag);
	give_to_daemon(d);
	return err == SW_OK ? SW_EXIT_OK : SW_EXIT_NO_INPUT;
}

static void tell_daemon(struct domain_cli *d)
{
	struct sw_buf out;
	int status;

	sw_buf_init(&out, 0);
	status = sw_cli_ask(d->cli, "proofs\n", true, &out);
	sw_buf_free(&out);
	if (status != SW_EXIT_OK && status != SW_EXIT_UNREACHABLE)
		fprintf(stderr, "sipward: the daemon did not take the news; it will at its next start\n");
}

static int store_failed(int err)
{
	fprintf(stderr, "sipward: the store: %s\n", sw_error_text(err));
	return SW_EXIT_INTERNAL;
}

/* --- token --- */

static int token(struct domain_cli *d, const char *domain)
{
	struct sw_proof p;
	struct sw_buf out;
	int err = sw_store_proof_get(d->store, domain, &p);

	if (err == SW_ENOTFOUND || (err == SW_OK && d->fresh)) {
		memset(&p, 0, sizeof(p));
		snprintf(p.domain, sizeof(p.domain), "%s", domain);
		snprintf(p.kind, sizeof(p.kind), "%s", d->kind ? d->kind : "");
		sw_token_make(p.token);
		p.state = SW_PROOF_UNVERIFIED;
		p.created = time(NULL);
		err = sw_store_proof_put(d->store, &p);
		give_to_daemon(d);
		tell_daemon(d);
	}
	if (err < 0)
		return store_failed(err);
	sw_buf_init(&out, 0);
	sw_buf_printf(&out, "; Publish one of these in the public DNS, then: sipward domain verify %s\n", domain);
	sw_proof_records(&p, &d->conf->ownership, &out);
	sw_cli_print(&out);
	sw_buf_free(&out);
	return SW_EXIT_OK;
}

/* --- status --- */

static void print_row(const struct sw_proof *p)
{
	char verified[32], checked[32];

	sw_date_or_never(p->verified, verified);
	sw_date_or_never(p->checked, checked);
	printf("%-36s %-10s %-10s %-21s %-21s %s\n", p->domain, p->kind[0] ? p->kind : "-", sw_proof_state_name(p->state), verified, checked,
	       p->outcome[0] ? p->outcome : "-");
}

static void json_row(const struct sw_proof *p, struct sw_buf *out)
{
	sw_buf_str(out, "{\"domain\":");
	sw_buf_json_str(out, sw_str_of(p->domain));
	sw_buf_str(out, ",\"kind\":");
	sw_buf_json_str(out, sw_str_of(p->kind));
	sw_buf_printf(out, ",\"state\":\"%s\",\"verified\":%" PRId64 ",\"checked\":%" PRId64 ",\"outcome\":", sw_proof_state_name(p->state),
		      p->verified, p->checked);
	sw_buf_json_str(out, sw_str_of(p->outcome));
	sw_buf_str(out, "}");
}

static int status(struct domain_cli *d, const char *domain)
{
	struct sw_proof *list = NULL;
	struct sw_buf json;
	size_t n = 0, shown = 0;
	int err = sw_store_proof_list(d->store, &list, &n), bad = 0;

	if (err < 0)
		return store_failed(err);
	sw_buf_init(&json, 0);
	if (!d->cli->json)
		printf("%-36s %-10s %-10s %-21s %-21s %s\n", "DOMAIN", "KIND", "STATE", "VERIFIED", "CHECKED", "LAST OUTCOME");
	for (size_t i = 0; i < n; i++) {
		if (domain && strcmp(domain, list[i].domain))
			continue;
		if (d->cli->json) {
			sw_buf_str(&json, shown ? "," : "[");
			json_row(&list[i], &json);
		} else {
			print_row(&list[i]);
		}
		shown++;
		bad += !sw_proof_holds(&list[i]);
	}
	if (d->cli->json) {
		sw_buf_str(&json, shown ? "]\n" : "[]\n");
		sw_cli_print(&json);
	}
	sw_buf_free(&json);
	free(list);
	if (domain && !shown) {
		fprintf(stderr, "sipward: no token for %s yet: sipward domain token %s\n", domain, domain);
		return SW_EXIT_REFUSED;
	}
	return domain && bad ? SW_EXIT_REFUSED : SW_EXIT_OK;
}

/* --- verify --- */

struct verify {
	struct domain_cli *d;
	struct sw_loop *loop;
	struct sw_dns *dns;
	struct sw_timer retry;
	struct sw_proof proof;
	uint64_t until;
	struct sw_verdict found;
	bool done;
};

static void on_checked(void *arg, const struct sw_verdict *v)
{
	struct verify *job = arg;

	job->found = *v;
	if (v->reason != SW_R_OK && sw_loop_now(job->loop) + RETRY_MS < job->until && sw_timer_start(&job->retry, RETRY_MS) == SW_OK)
		return;
	job->done = true;
	sw_loop_stop(job->loop);
}

static void on_retry(void *arg)
{
	struct verify *job = arg;

	if (sw_ownership_check(job->dns, &job->d->conf->ownership, job->proof.domain, job->proof.token, on_checked, job) < 0)
		sw_loop_stop(job->loop);
}

static int check_now(struct verify *job)
{
	struct sw_conf_dns conf = job->d->conf->dns;
	struct sw_conf_dns_server server;
	int err;

	if (job->d->dns) {
		if (sw_addr_parse(&server.addr, sw_str_of(job->d->dns), 53) < 0) {
			fprintf(stderr, "sipward: --dns %s: an address, with :PORT if it is not 53\n", job->d->dns);
			return SW_EINVALID;
		}
		conf.servers = &server;
		conf.n_servers = 1;
	}
	err = sw_loop_new(&job->loop);
	if (err < 0)
		return err;
	job->until = sw_loop_now(job->loop) + (uint64_t)job->d->wait_seconds * 1000;
	sw_timer_init(&job->retry, job->loop, on_retry, job);
	err = sw_dns_new(&job->dns, job->loop, &conf);
	if (err == SW_OK) {
		err = sw_ownership_check(job->dns, &job->d->conf->ownership, job->proof.domain, job->proof.token, on_checked, job);
		if (err == SW_OK)
			err = sw_loop_run(job->loop);
		sw_timer_stop(&job->retry);
		sw_dns_free(job->dns);
	}
	sw_loop_free(job->loop);
	return err == SW_OK && !job->done ? SW_EINTERNAL : err;
}

static int verify(struct domain_cli *d, const char *domain)
{
	struct verify job = { .d = d };
	int err = sw_store_proof_get(d->store, domain, &job.proof);

	if (err == SW_ENOTFOUND) {
		fprintf(stderr, "sipward: %s: %s %s\n", domain, sw_reason_text(SW_R_PROOF_NO_TOKEN), sw_reason_fix(SW_R_PROOF_NO_TOKEN));
		return SW_EXIT_REFUSED;
	}
	if (err == SW_OK)
		err = check_now(&job);
	if (err < 0)
		return err == SW_EINVALID ? SW_EXIT_USAGE : store_failed(err);
	sw_proof_apply(&job.proof, &d->conf->ownership, &job.found, time(NULL));
	err = sw_store_proof_put(d->store, &job.proof);
	if (err < 0)
		return store_failed(err);
	if (job.found.reason == SW_R_OK) {
		printf("%s: verified%s%s\n", domain, job.found.detail[0] ? ": " : "", job.found.detail);
		return SW_EXIT_OK;
	}
	printf("%s: not verified (%s): %s %s\n  %s\n  its state is now: %s\n", domain, sw_reason_id(job.found.reason),
	       sw_reason_text(job.found.reason), job.found.detail, sw_reason_fix(job.found.reason), sw_proof_state_name(job.proof.state));
	return job.found.reason == SW_R_PROOF_UNKNOWN ? SW_EXIT_UNKNOWN : SW_EXIT_REFUSED;
}

static int verify_all(struct domain_cli *d)
{
	struct sw_proof *list = NULL;
	size_t n = 0;
	int err = sw_store_proof_list(d->store, &list, &n), worst = SW_EXIT_OK;

	if (err < 0)
		return store_failed(err);
	for (size_t i = 0; i < n; i++) {
		int s = verify(d, list[i].domain);

		if (s == SW_EXIT_REFUSED || (s != SW_EXIT_OK && worst != SW_EXIT_REFUSED))
			worst = s;
	}
	free(list);
	return worst;
}

/* --- the family --- */

static const char usage[] =
	"usage: sipward domain token  [--kind email|edge|directory] [--new] DOMAIN\n"
	"       sipward domain status [DOMAIN]\n"
	"       sipward domain verify [--dns SERVER[:PORT]] [--wait SECONDS] DOMAIN | --all\n"
	"       sipward domain remove DOMAIN\n";

static int parse(struct domain_cli *d, int argc, char **argv)
{
	static const struct option options[] = {
		{ "kind", required_argument, NULL, 'k' }, { "dns", required_argument, NULL, 'd' }, { "wait", required_argument, NULL, 'w' },
		{ "new", no_argument, NULL, 'n' },        { "all", no_argument, NULL, 'a' },       { 0 },
	};
	uint32_t seconds;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'k':
			if (strcmp(optarg, "email") && strcmp(optarg, "edge") && strcmp(optarg, "directory"))
				return SW_EXIT_USAGE;
			d->kind = optarg;
			break;
		case 'd':
			d->dns = optarg;
			break;
		case 'w':
			if (sw_str_u32(sw_str_of(optarg), 86400, &seconds) < 0)
				return SW_EXIT_USAGE;
			d->wait_seconds = seconds;
			break;
		case 'n':
			d->fresh = true;
			break;
		case 'a':
			d->all = true;
			break;
		default:
			return SW_EXIT_USAGE;
		}
	}
	return SW_EXIT_OK;
}

static int run(struct domain_cli *d, const char *what, const char *domain)
{
	int result;

	if (!strcmp(what, "status"))
		return status(d, domain);
	if (!strcmp(what, "verify") && d->all) {
		result = verify_all(d);
	} else if (!domain) {
		fputs(usage, stderr);
		return SW_EXIT_USAGE;
	} else if (!strcmp(what, "token")) {
		return token(d, domain);
	} else if (!strcmp(what, "verify")) {
		result = verify(d, domain);
	} else if (!strcmp(what, "remove")) {
		int err = sw_store_proof_delete(d->store, domain);

		if (err == SW_ENOTFOUND)
			fprintf(stderr, "sipward: %s is not there\n", domain);
		result = err == SW_OK ? SW_EXIT_OK : err == SW_ENOTFOUND ? SW_EXIT_REFUSED : store_failed(err);
	} else {
		fputs(usage, stderr);
		return SW_EXIT_USAGE;
	}
	give_to_daemon(d);
	tell_daemon(d);
	return result;
}

int sw_cli_domain(struct sw_cli *c, int argc, char **argv)
{
	struct domain_cli d = { .cli = c };
	char domain[256] = "";
	const char *what = argc > 1 ? argv[1] : "";
	int result = argc > 1 ? parse(&d, argc - 1, argv + 1) : SW_EXIT_USAGE;

	/* getopt has moved the words behind the options. */
	if (result == SW_EXIT_OK && optind + 1 < argc - 1)
		result = SW_EXIT_USAGE;
	if (result != SW_EXIT_OK) {
		fputs(usage, stderr);
		return result;
	}
	if (optind < argc - 1 && sw_domain_normalize(domain, sw_str_of(argv[1 + optind])) < 0) {
		fprintf(stderr, "sipward: \"%s\" is not a domain name\n", argv[1 + optind]);
		return SW_EXIT_USAGE;
	}
	result = sw_cli_conf(c, &d.conf);
	if (result == SW_EXIT_OK)
		result = store_open(&d);
	if (result == SW_EXIT_OK)
		result = run(&d, what, domain[0] ? domain : NULL);
	sw_store_close(d.store);
	sw_conf_unref(d.conf);
	return result;
}
