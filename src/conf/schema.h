/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The schema: every key of the configuration, once. Parsing, range checks,
 * defaults, freeing, the dump and the printed schema all walk these tables,
 * so a key that is here is everywhere. docs/adding-an-option.md says how to
 * add one. Private to src/conf.
 */
#include "conf/conf.h"

enum sw_conf_type {
	/* scalars */
	SW_CONF_BOOL,          /* bool */
	SW_CONF_WORD_BOOL,     /* bool, written as one of two words */
	SW_CONF_U32,
	SW_CONF_PORT,          /* uint16_t */
	SW_CONF_PORTS,         /* "low-high": uint16_t at and at2 */
	SW_CONF_TIME64,        /* uint64_t ms */
	SW_CONF_TIME32,        /* uint32_t ms */
	SW_CONF_SIZE32,        /* uint32_t bytes */
	SW_CONF_ENUM,          /* unsigned-sized enum */
	SW_CONF_NAME,          /* char *: letters, digits, '.', '_', '-' */
	SW_CONF_TEXT,          /* char * */
	SW_CONF_TLS_LIST,      /* char *: OpenSSL list without rule strings */
	SW_CONF_LABEL,         /* char *: one or more DNS labels, underscore allowed */
	SW_CONF_SECRET,        /* char *: where a secret is, "file:PATH" (made absolute), "env:NAME", "credential:NAME" */
	SW_CONF_HOST,          /* char *: host name (ASCII) or IPv4 literal */
	SW_CONF_PATH,          /* char *: made absolute */
	SW_CONF_ADDR,          /* struct sw_addr, without a port */
	/* lists of scalars; a single one may stand for the list */
	SW_CONF_SET,           /* unsigned: values of names or-ed */
	SW_CONF_NAMES,         /* struct sw_strlist from here ... */
	SW_CONF_DOMAINS,
	SW_CONF_IDENTITIES,    /* domain or IP literal */
	SW_CONF_TARGETS,       /* host[:port] */
	SW_CONF_METHODS,
	SW_CONF_PINS,
	SW_CONF_TEXTS,
	SW_CONF_PATHS_OR_URLS, /* paths as they are, https:// addresses */
	SW_CONF_PATHS,         /* ... to here */
	SW_CONF_ADDRS,         /* struct sw_addr * at, size_t at2 */
	SW_CONF_PREFIXES,      /* struct sw_prefix * at, size_t at2 */
	SW_CONF_SERVERS,       /* struct sw_conf_dns_server * at, size_t at2 */
	/* composed */
	SW_CONF_GROUP,         /* a struct */
	SW_CONF_GROUP_OR_NONE, /* a struct, or "none": bool at2 */
	SW_CONF_ITEMS,         /* array of structs: void * at, size_t at2 */
};

struct sw_conf_word {
	const char *name;      /* NULL ends the table */
	unsigned value;
};

struct sw_conf_key {
	const char *name;      /* NULL ends the table */
	enum sw_conf_type type;
	size_t at, at2;        /* offsets in the group's struct */
	const char *def;       /* default, as it would be written (lists: separated by spaces); NULL: none */
	uint64_t min, max;     /* numbers and times (ms): range; lists and items: max entries (0: SW_CONF_LIST_MAX) */
	const struct sw_conf_word *words;
	const struct sw_conf_group *group;
	bool required;
	const char *doc;       /* one line */
};

struct sw_conf_group {
	const char *path;      /* "zones" */
	size_t size;           /* of the struct, for items */
	size_t line_at;        /* offset of its int line, or SW_CONF_NO_LINE */
	const struct sw_conf_key *keys;
};

#define SW_CONF_NO_LINE ((size_t)-1)
enum { SW_CONF_LIST_MAX = 1024, SW_CONF_ITEMS_MAX = 4096, SW_CONF_MEDIA_IFS_MAX = 16 };

extern const struct sw_conf_word sw_conf_match_words[], sw_conf_eku_words[];
extern const struct sw_conf_group sw_conf_root;   /* over struct sw_conf */

static inline bool sw_conf_is_strlist(enum sw_conf_type t)
{
	return t >= SW_CONF_NAMES && t <= SW_CONF_PATHS;
}
static inline bool sw_conf_is_string(enum sw_conf_type t)
{
	return t >= SW_CONF_NAME && t <= SW_CONF_PATH;
}
static inline bool sw_conf_is_list(enum sw_conf_type t)
{
	return t >= SW_CONF_SET && t <= SW_CONF_SERVERS;
}

const char *sw_conf_word_name(const struct sw_conf_word *words, unsigned value);
/* The candidate nearest to what was written, or NULL when none is near. next(arg, i) gives candidates until NULL. */
const char *sw_conf_nearest(const char *written, const char *(*next)(const void *arg, size_t i), const void *arg);
const char *sw_conf_nth_word(const void *words, size_t i);   /* for sw_conf_nearest */
const char *sw_conf_nth_key(const void *keys, size_t i);
