/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/store_int.h"

enum { LIST_MAX = 100000 };

#define COLUMNS "domain, kind, token, state, created, verified, checked, failing_since, outcome"

static bool column_text(sqlite3_stmt *st, int i, char *dst, size_t size)
{
	const char *p = (const char *)sqlite3_column_text(st, i);

	return p && sw_str_copy(dst, size, (struct sw_str){ p, (size_t)sqlite3_column_bytes(st, i) });
}

static bool is_token(const char *t)
{
	return strlen(t) == SW_TOKEN_HEX && strspn(t, "0123456789abcdef") == SW_TOKEN_HEX;
}

/* A row that isn't one of ours proves nothing: SW_ESTORE. */
static int take_row(sqlite3_stmt *st, struct sw_proof *out)
{
	struct sw_proof p = { 0 };
	char state[16];

	if (!column_text(st, 0, p.domain, sizeof(p.domain)) || !column_text(st, 1, p.kind, sizeof(p.kind)) ||
	    !column_text(st, 2, p.token, sizeof(p.token)) || !column_text(st, 3, state, sizeof(state)) ||
	    !column_text(st, 8, p.outcome, sizeof(p.outcome)))
		return SW_ESTORE;
	if (!is_token(p.token) || sw_proof_state_by_name(state, &p.state) < 0)
		return SW_ESTORE;
	p.created = sqlite3_column_int64(st, 4);
	p.verified = sqlite3_column_int64(st, 5);
	p.checked = sqlite3_column_int64(st, 6);
	p.failing_since = sqlite3_column_int64(st, 7);
	*out = p;
	return SW_OK;
}

int sw_store_proof_get(struct sw_store *s, const char *domain, struct sw_proof *out)
{
	sqlite3_stmt *st;
	int err = sw_store_prepare(s, &st, "SELECT " COLUMNS " FROM proof WHERE domain = ?1"), step;

	if (err < 0)
		return err;
	sqlite3_bind_text(st, 1, domain, -1, SQLITE_STATIC);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW)
		err = take_row(st, out);
	else
		err = step == SQLITE_DONE ? SW_ENOTFOUND : sw_store_fault(s, "read proof");
	sqlite3_finalize(st);
	return err;
}

int sw_store_proof_put(struct sw_store *s, const struct sw_proof *p)
{
	sqlite3_stmt *st;
	int err;

	if (!*p->domain || !is_token(p->token))
		return SW_EINVALID;
	err = sw_store_prepare(s, &st, "INSERT OR REPLACE INTO proof (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
	if (err < 0)
		return err;
	sqlite3_bind_text(st, 1, p->domain, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, p->kind, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 3, p->token, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, sw_proof_state_name(p->state), -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 5, p->created);
	sqlite3_bind_int64(st, 6, p->verified);
	sqlite3_bind_int64(st, 7, p->checked);
	sqlite3_bind_int64(st, 8, p->failing_since);
	sqlite3_bind_text(st, 9, p->outcome, -1, SQLITE_STATIC);
	return sw_store_finish(s, st);
}

int sw_store_proof_delete(struct sw_store *s, const char *domain)
{
	sqlite3_stmt *st;
	int err = sw_store_prepare(s, &st, "DELETE FROM proof WHERE domain = ?1");

	if (err < 0)
		return err;
	sqlite3_bind_text(st, 1, domain, -1, SQLITE_STATIC);
	err = sw_store_finish(s, st);
	return err < 0 ? err : sqlite3_changes(s->db) ? SW_OK : SW_ENOTFOUND;
}

static int append(struct sw_proof **list, size_t *n, size_t *size, sqlite3_stmt *st)
{
	int err;

	if (*n == *size) {
		size_t more = *size ? *size * 2 : 16;
		struct sw_proof *grown = *n < LIST_MAX ? reallocarray(*list, more, sizeof(**list)) : NULL;

		if (!grown)
			return *n < LIST_MAX ? SW_ENOMEM : SW_ELIMIT;
		*list = grown;
		*size = more;
	}
	err = take_row(st, &(*list)[*n]);
	if (err == 0)
		++*n;
	return err;
}

int sw_store_proof_list(struct sw_store *s, struct sw_proof **out, size_t *n)
{
	struct sw_proof *list = NULL;
	size_t count = 0, size = 0;
	sqlite3_stmt *st;
	int err = sw_store_prepare(s, &st, "SELECT " COLUMNS " FROM proof ORDER BY domain"), step;

	if (err < 0)
		return err;
	while ((step = sqlite3_step(st)) == SQLITE_ROW && err == 0)
		err = append(&list, &count, &size, st);
	if (err == 0 && step != SQLITE_DONE)
		err = sw_store_fault(s, "list proofs");
	sqlite3_finalize(st);
	if (err < 0) {
		free(list);
		return err;
	}
	*out = list;
	*n = count;
	return SW_OK;
}
