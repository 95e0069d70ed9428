/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the engine's files share. Probes include check.h only. */
#include <pthread.h>
#include <stdatomic.h>
#include "check/check.h"

enum {
	SW_CHECK_PROBES = 2000,          /* of a run */
	SW_CHECK_FINDINGS = 50000,       /* of a run: 2,000 probes times what one may report */
	SW_CHECK_PER_PROBE = 500,
	SW_CHECK_EVIDENCE = 200,         /* of a finding */
	SW_CHECK_TEXT = 16 << 10,        /* bytes of a text; cut beyond */
	SW_CHECK_GRACE_MS = 2000,        /* for probes to end in, when the run is over */
};

/*
 * A probe, waiting, running or ended. While it runs its findings are its thread's alone; they become the run's when it ends.
 * Its place in the tree of who spawned whom is what reports sort by: threads end in any order, the tree is always the same.
 */
struct sw_check_task {
	struct sw_check_task *parent;    /* the run's root at last */
	unsigned nth;                    /* child of its parent */
	unsigned depth;
	unsigned children;
	enum sw_stage stage;
	char *what;
	sw_probe_fn *fn;
	void *arg;
	void (*free_fn)(void *arg);
	bool begun, ended;
	uint64_t began;
	uint64_t order;                  /* its number, when all is over */
	struct sw_finding **findings;    /* owned */
	size_t n_findings, room;
};

struct sw_check_seen {                   /* endpoints already looked at */
	struct sw_endpoint endpoint;
	struct sw_check_task *task;
};

struct sw_check_once {                   /* a probe several may ask for */
	char *what;
	struct sw_check_task *task;
};

struct sw_check_leaf {                   /* a certificate shown at one address of a target (tls_seen.c) */
	char host[256], issuer[256];
	uint16_t port;
	struct sw_addr addr;
	bool trusted;
};

struct sw_check {
	struct sw_check_options options;
	int64_t at;
	uint64_t began, ended, deadline; /* milliseconds, monotonic; deadline 0: sw_check_run was not called yet */
	pthread_mutex_t endpoints;       /* seen; taken before lock */
	pthread_mutex_t lock;            /* all below but what is atomic */
	pthread_cond_t work;
	struct sw_check_task root;       /* of what is not a probe's */
	struct sw_check_task **tasks;    /* owned; in the order they were spawned, which is the order they begin in */
	size_t n_tasks, tasks_room, next;
	unsigned done, running, threads;
	struct sw_check_seen *seen;
	size_t n_seen, seen_room;
	struct sw_check_once *once;      /* owned; under endpoints */
	size_t n_once;
	struct sw_check_leaf *leaves;    /* owned */
	size_t n_leaves;
	atomic_uint silent_resolvers;    /* bits, by their place in the run's servers */
	bool closed;                     /* nothing is taken any more */
	bool planned, too_much;
	bool deployment;                 /* sw_check_deployment: endpoints have the zones that call them */
	atomic_bool stop;                /* over, for whichever reason */
	atomic_bool asked;               /* by sw_check_stop */
	bool stopped, out_of_time;       /* which */
	atomic_bool no_memory;
	int stop_fd[2], wake_fd[2];      /* pipes: [0] is read from or polled, [1] written */
	pthread_mutex_t out;             /* callbacks */
	sw_check_progress_fn *on_progress;
	void *progress_arg;
	sw_check_finding_fn *on_finding;
	void *finding_arg;
	struct sw_finding **findings;    /* sorted, borrowed from their tasks */
	size_t n_findings;
};

uint64_t sw_check_clock(void);           /* milliseconds, monotonic */
/* finding.c */
void sw_check_task_clear(struct sw_check_task *t);
/* The task that runs in this thread, or NULL: then findings are the root's. */
struct sw_check_task *sw_check_current(void);
void sw_check_set_current(struct sw_check_task *t);
enum sw_check_status sw_check_worst(const struct sw_finding *const *f, size_t n);
/* result.c: everything is gathered and sorted; called once, when no probe runs. */
int sw_check_gather(struct sw_check *c) SW_MUSTCHECK;
/* run.c: who comes first in the tree. */
int sw_check_task_cmp(const struct sw_check_task *a, const struct sw_check_task *b);
/* As sw_check_spawn, telling the task; borrowed. Locks. */
int sw_check_spawn_task(struct sw_check *c, enum sw_stage stage, const char *what, sw_probe_fn *fn, void *arg, void (*free_fn)(void *arg),
			struct sw_check_task **out) SW_MUSTCHECK;
/* An equal thing is spawned by a second parent: it belongs to the one that is first in the tree. Lock held. */
void sw_check_task_adopt(struct sw_check *c, struct sw_check_task *t);
/* target.c: where the provider's own connections, or ours to it, are mutually authenticated. */
bool sw_check_port_is_mutual(const struct sw_profile *p, uint16_t port);
/* endpoint.c: as sw_check_spawn, but a probe of the same name once a run; it belongs to the first that asks for it. */
int sw_check_spawn_once(struct sw_check *c, enum sw_stage stage, const char *what, sw_probe_fn *fn, void *arg, void (*free_fn)(void *arg));
