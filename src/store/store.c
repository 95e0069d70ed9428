/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening: the file with its mode, WAL with synchronous=FULL (a commit that was
 * reported survives the power), and the schema, which PRAGMA user_version counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/random.h"
#include "store/store_int.h"

enum {
	BUSY_MS = 5000,            /* the daemon and the operator's command share the file */
	FILE_MODE = 0640,
	SECRET_MAX = 1024,
	APPLICATION_ID = 0x73775064,  /* "swPd": file(1) and we know our own */
};

/* migrations[i] leads from version i to i + 1. Append; never change one that was released. */
static const char *const migrations[] = {
	"CREATE TABLE proof ("
	" domain TEXT NOT NULL PRIMARY KEY,"
	" kind TEXT NOT NULL,"
	" token TEXT NOT NULL CHECK (length(token) = 60),"
	" state TEXT NOT NULL CHECK (state IN ('unverified', 'verified', 'stale', 'revoked')),"
	" created INTEGER NOT NULL,"
	" verified INTEGER NOT NULL,"
	" checked INTEGER NOT NULL,"
	" failing_since INTEGER NOT NULL,"
	" outcome TEXT NOT NULL"
	") WITHOUT ROWID;"
	"CREATE TABLE secret (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;",
};

enum { SCHEMA_VERSION = sizeof(migrations) / sizeof(migrations[0]) };

int sw_store_fault(struct sw_store *s, const char *doing)
{
	int code = sqlite3_extended_errcode(s->db);

	sw_log(SW_LOG_ERROR, "store.failed", SW_S("doing", doing), SW_S("error", sqlite3_errmsg(s->db)), SW_I("code", code));
	return (code & 0xff) == SQLITE_NOMEM ? SW_ENOMEM : SW_ESTORE;
}

int sw_store_prepare(struct sw_store *s, sqlite3_stmt **out, const char *sql)
{
	return sqlite3_prepare_v2(s->db, sql, -1, out, NULL) == SQLITE_OK ? SW_OK : sw_store_fault(s, "prepare");
}

int sw_store_finish(struct sw_store *s, sqlite3_stmt *st)
{
	int err = sqlite3_step(st) == SQLITE_DONE ? SW_OK : sw_store_fault(s, "write");

	sqlite3_finalize(st);
	return err;
}

static int exec(struct sw_store *s, const char *sql)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? SW_OK : sw_store_fault(s, sql);
}

static int pragma_int(struct sw_store *s, const char *sql, int *out)
{
	sqlite3_stmt *st;
	int err = sw_store_prepare(s, &st, sql);

	if (err < 0)
		return err;
	if (sqlite3_step(st) == SQLITE_ROW)
		*out = sqlite3_column_int(st, 0);
	else
		err = sw_store_fault(s, sql);
	sqlite3_finalize(st);
	return err;
}

/* Under the write lock, so that two processes starting at once don't both migrate. */
static int migrate_locked(struct sw_store *s, const char *path, struct sw_diag *diag)
{
	int version = 0, err = pragma_int(s, "PRAGMA user_version", &version);
	char sql[64];

	if (err < 0)
		return err;
	if (version > SCHEMA_VERSION) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0,
			    "this store was written by a newer sipward (schema %d, this one knows %d): run that version, "
			    "or move the file away", version, SCHEMA_VERSION);
		return SW_ESTORE;
	}
	if (version == SCHEMA_VERSION)
		return SW_OK;
	for (; version < SCHEMA_VERSION; version++) {
		err = exec(s, migrations[version]);
		if (err < 0)
			return err;
	}
	sqlite3_snprintf(sizeof(sql), sql, "PRAGMA user_version=%d; PRAGMA application_id=%d", SCHEMA_VERSION, APPLICATION_ID);
	return exec(s, sql);
}

static int migrate(struct sw_store *s, const char *path, struct sw_diag *diag)
{
	int err = exec(s, "BEGIN IMMEDIATE");

	if (err < 0)
		return err;
	err = migrate_locked(s, path, diag);
	if (err == 0)
		err = exec(s, "COMMIT");
	if (err < 0)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

/*
 * Creates the file with its mode before SQLite can with another; the -wal and -shm take the mode and owner over from
 * it. What root's command creates belongs to the directory's owner: the daemon must be able to open it.
 */
static int prepare_file(const char *path, struct sw_diag *diag)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE), err = SW_OK;
	char dir[PATH_MAX];
	const char *slash;
	struct stat st;

	if (fd < 0 && errno != EEXIST)
		return -errno;
	if (fd < 0) {
		if (stat(path, &st) == 0 && (st.st_mode & 07))
			sw_diag_add(diag, SW_DIAG_WARN, path, 0, "others may read the store, and it holds a key: chmod 0640");
		return SW_OK;
	}
	if (fchmod(fd, FILE_MODE) < 0)
		err = -errno;
	slash = strrchr(path, '/');
	if (!slash)
		strcpy(dir, ".");
	else if (!sw_str_copy(dir, sizeof(dir), (struct sw_str){ path, (size_t)(slash - path) + 1 }))
		err = -ENAMETOOLONG;
	if (err == 0 && geteuid() == 0 && (stat(dir, &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0))
		err = -errno;
	close(fd);
	return err;
}

static int configure(struct sw_store *s)
{
	/* synchronous=FULL: in WAL mode NORMAL may lose the last commits with the power, and a proof is such a commit. */
	static const char pragmas[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;";

	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return exec(s, pragmas);
}

int sw_store_open(struct sw_store **out, const char *path, struct sw_diag *diag)
{
	struct sw_store *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return SW_ENOMEM;
	err = prepare_file(path, diag);
	if (err < 0) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "cannot create the store: %s", sw_error_text(err));
		goto fail;
	}
	err = SW_ESTORE;
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "cannot open the store: %s",
			    s->db ? sqlite3_errmsg(s->db) : "out of memory");
		goto fail;
	}
	err = configure(s);
	if (err == 0)
		err = migrate(s, path, diag);
	if (err < 0) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "the store cannot be used: %s", sqlite3_errmsg(s->db));
		goto fail;
	}
	*out = s;
	return SW_OK;
fail:
	sw_store_close(s);
	return err;
}

void sw_store_close(struct sw_store *s)
{
	if (!s)
		return;
	sqlite3_close(s->db);
	free(s);
}

/* --- secrets --- */

static int secret_get(struct sw_store *s, const char *name, uint8_t *out, size_t n)
{
	sqlite3_stmt *st;
	int err = sw_store_prepare(s, &st, "SELECT value FROM secret WHERE name = ?1"), step;

	if (err < 0)
		return err;
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	step = sqlite3_step(st);
	if (step == SQLITE_DONE)
		err = SW_ENOTFOUND;
	else if (step != SQLITE_ROW)
		err = sw_store_fault(s, "read secret");
	else if (sqlite3_column_bytes(st, 0) != (int)n || !sqlite3_column_blob(st, 0))
		err = SW_ESTORE;
	else
		memcpy(out, sqlite3_column_blob(st, 0), n);
	sqlite3_finalize(st);
	return err;
}

/* Another process may be first: its value stands, and is read back. */
static int secret_make(struct sw_store *s, const char *name, size_t n)
{
	uint8_t value[SECRET_MAX];
	sqlite3_stmt *st;
	int err = sw_store_prepare(s, &st, "INSERT OR IGNORE INTO secret (name, value) VALUES (?1, ?2)");

	if (err < 0)
		return err;
	sw_random(value, n);
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, value, (int)n, SQLITE_STATIC);
	err = sw_store_finish(s, st);
	explicit_bzero(value, sizeof(value));
	return err;
}

int sw_store_secret(struct sw_store *s, const char *name, uint8_t *out, size_t n)
{
	int err;

	if (n == 0 || n > SECRET_MAX)
		return SW_EINVALID;
	err = secret_get(s, name, out, n);
	if (err != SW_ENOTFOUND)
		return err;
	err = secret_make(s, name, n);
	return err < 0 ? err : secret_get(s, name, out, n);
}
