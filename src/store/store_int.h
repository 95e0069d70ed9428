/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Private to src/store: the handle, and what each table's file needs to speak SQL in few words. */
#include <sqlite3.h>
#include "store/proofs.h"

struct sw_store {
	sqlite3 *db;
};

/* Owned by the caller: sqlite3_finalize. */
int sw_store_prepare(struct sw_store *s, sqlite3_stmt **out, const char *sql) SW_MUSTCHECK;
/* For a statement that returns nothing: steps and finalizes it. */
int sw_store_finish(struct sw_store *s, sqlite3_stmt *st) SW_MUSTCHECK;
/* Logs what SQLite says; returns SW_ESTORE, or SW_ENOMEM. */
int sw_store_fault(struct sw_store *s, const char *doing);
