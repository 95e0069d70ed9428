/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Long-lived facts, in SQLite (WAL, in state_dir/sipward.db). Every call blocks: the daemon makes them in the
 * pool (sw_loop_work), the operator's command directly. One handle is used by one thread at a time. No SQL outside this folder.
 */
#include "dns/ownership.h"

struct sw_store;

int sw_store_open(struct sw_store **out, const char *path, struct sw_diag *diag) SW_MUSTCHECK;  /* creates it, mode 0640; migrates old schemas; refuses newer ones */
void sw_store_close(struct sw_store *s);

/* Domains are A-labels in lower case. */
int sw_store_proof_get(struct sw_store *s, const char *domain, struct sw_proof *out) SW_MUSTCHECK;  /* SW_ENOTFOUND */
int sw_store_proof_put(struct sw_store *s, const struct sw_proof *p) SW_MUSTCHECK;
int sw_store_proof_delete(struct sw_store *s, const char *domain) SW_MUSTCHECK;
/* All of them, sorted by domain; the caller frees *out. */
int sw_store_proof_list(struct sw_store *s, struct sw_proof **out, size_t *n) SW_MUSTCHECK;
/* Small secrets that outlive a restart (cookie key): created at first use. */
int sw_store_secret(struct sw_store *s, const char *name, uint8_t *out, size_t n) SW_MUSTCHECK;
