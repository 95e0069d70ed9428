/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the tests of src/conf share: a small valid configuration to add to, and what is expected of its diagnostics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "conf/conf.h"

/* Line 1. */
#define NODE "node = { host = \"edge.example.com\"; };\n"
/* Lines 2 and 3. */
#define LISTENERS \
	"listeners = ( { name = \"m\"; transport = \"mtls\"; addresses = \"127.0.0.1\"; cert = \"c\"; key = \"k\"; },\n" \
	"  { name = \"t\"; transport = \"tls\"; addresses = \"127.0.0.1\"; cert = \"c\"; key = \"k\"; } );\n"
/* Line 4. */
#define MEDIA "media = { interfaces = ( { name = \"lo\"; address = \"127.0.0.1\"; } ); };\n"
#define BASE NODE LISTENERS MEDIA
/* A neighbor on line 5; what is added begins on line 6. */
#define ZONE(more) \
	"zones = ( { name = \"z\"; listeners = \"m\"; trust = \"ca\"; domains = \"p.example\"; targets = \"p.example\";\n" more \
	" } );\n"
/* A bare zone, all of whose keys are on line 5. */
#define BARE(keys) "zones = ( { name = \"z\"; " keys " } );\n"

struct expected {
	const char *text;
	int line;
	const char *message; /* part of it */
};

static inline void print_all(const struct sw_diag *d)
{
	struct sw_buf b;

	sw_buf_init(&b, 0);
	sw_diag_print(d, &b);
	fprintf(stderr, "%.*s", (int)b.len, b.len ? b.data : "");
	sw_buf_free(&b);
}

static inline bool said(const struct sw_diag *d, enum sw_diag_level level, const char *file, int line, const char *message)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct sw_diag_entry *e = &d->entries[i];

		if (e->level == level && e->line == line && strstr(e->text, message) &&
		    (!file || (e->file && strcmp(e->file, file) == 0)))
			return true;
	}
	return false;
}

static inline struct sw_conf *accepted(const char *text)
{
	struct sw_conf *c = NULL;
	struct sw_diag d;

	sw_diag_init(&d);
	if (sw_conf_parse(&c, text, "test.conf", &d) != 0) {
		print_all(&d);
		fail_msg("refused: %s", text);
	}
	sw_diag_free(&d);
	return c;
}

/* Exactly one error, there. */
static inline void refused(const struct expected *x)
{
	struct sw_conf *c = NULL;
	struct sw_diag d;

	sw_diag_init(&d);
	if (sw_conf_parse(&c, x->text, "test.conf", &d) == 0) {
		sw_conf_unref(c);
		fail_msg("accepted: %s", x->text);
	}
	if (d.errors != 1 || !said(&d, SW_DIAG_ERROR, "test.conf", x->line, x->message)) {
		print_all(&d);
		fail_msg("expected one error at line %d: %s\nin:\n%s", x->line, x->message, x->text);
	}
	assert_null(c);
	sw_diag_free(&d);
}

/* Accepted, with that warning and no other. */
static inline void warned(const struct expected *x)
{
	struct sw_conf *c = NULL;
	struct sw_diag d;

	sw_diag_init(&d);
	if (sw_conf_parse(&c, x->text, "test.conf", &d) != 0 || d.warnings != 1 ||
	    !said(&d, SW_DIAG_WARN, "test.conf", x->line, x->message)) {
		print_all(&d);
		fail_msg("expected one warning at line %d: %s\nin:\n%s", x->line, x->message, x->text);
	}
	sw_conf_unref(c);
	sw_diag_free(&d);
}

#define each(table, check) \
	do { \
		for (size_t i_ = 0; i_ < sizeof(table) / sizeof((table)[0]); i_++) \
			check(&(table)[i_]); \
	} while (0)
