/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700
#include "conf/ca_status.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "conf/load.h"
#include "conf/table.h"
#include "core/str.h"

enum { EVENTS_MAX = 1000 };

static const struct sw_conf_word kinds[] = {
	{ "distrusted", SW_CA_DISTRUSTED },
	{ "removed", SW_CA_REMOVED },
	{ "no-client-auth", SW_CA_NO_CLIENT_AUTH },
	{ NULL, 0 },
};

#define STRUCT sw_ca_event
static const struct sw_conf_key event_keys[] = {
	KEY("kind", SW_CONF_ENUM, kind, NULL, "distrusted, removed or no-client-auth", .words = kinds, .required = true),
	KEY("subject", SW_CONF_TEXT, subject, NULL, "The CA's name, a pattern with *", .required = true),
	KEY("sha256", SW_CONF_TEXT, sha256, NULL, "The CA certificate's fingerprint, hex"),
	KEY("date", SW_CONF_TEXT, date_text, NULL, "Certificates issued after this day are concerned; of removed all, from then on: 2026-06-15",
	    .required = true),
	KEY("by", SW_CONF_TEXT, by, NULL, "Who announced it", .required = true),
	KEY("note", SW_CONF_TEXT, note, NULL, "What to know about it"),
	KEY("source", SW_CONF_TEXT, source, NULL, "Where this is written"),
	KEY("as_of", SW_CONF_TEXT, as_of, NULL, "The day it was true"),
	KEY("confirmed", SW_CONF_BOOL, confirmed, "true", "false: hearsay; told, never counted"),
	END
};
static const struct sw_conf_group event_group = { "events", sizeof(struct STRUCT), offsetof(struct STRUCT, line), event_keys };
#undef STRUCT

#define STRUCT sw_ca_status
static const struct sw_conf_key keys[] = {
	KEY("source", SW_CONF_TEXT, source, NULL, "Where this is written, where an event does not say", .required = true),
	KEY("as_of", SW_CONF_TEXT, as_of, NULL, "The day it was true, where an event does not say", .required = true),
	KEY("events", SW_CONF_ITEMS, events, NULL, "What was announced", AT2(n_events), .max = EVENTS_MAX, .group = &event_group),
	END
};
#undef STRUCT
static const struct sw_conf_group schema = { NULL, 0, SW_CONF_NO_LINE, keys };

/* "2026-06-15", the beginning of that day. */
static bool read_day(const char *text, int64_t *out)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%d", &tm);
	int day = tm.tm_mday;

	if (!end || *end || strlen(text) != 10)
		return false;
	*out = timegm(&tm);
	return tm.tm_mday == day;
}

static void finish(struct sw_conf_loader *l, void *base)
{
	struct sw_ca_status *s = base;
	int64_t day;

	if (l->errors)
		return;
	if (!read_day(s->as_of, &day))
		sw_conf_error(l, &s->as_of, NULL, "as_of: \"%s\" is no day, like 2026-06-15", s->as_of);
	for (size_t i = 0; i < s->n_events; i++) {
		struct sw_ca_event *e = &s->events[i];

		if (!read_day(e->date_text, &e->date))
			sw_conf_error(l, &e->date_text, e, "events.date: \"%s\" is no day, like 2026-06-15", e->date_text);
		if (e->as_of && !read_day(e->as_of, &day))
			sw_conf_error(l, &e->as_of, e, "events.as_of: \"%s\" is no day, like 2026-06-15", e->as_of);
		if (e->sha256 && (strlen(e->sha256) != 64 || strspn(e->sha256, "0123456789abcdef") != 64))
			sw_conf_error(l, &e->sha256, e, "events.sha256: 64 hex digits in lower case");
	}
}
static const struct sw_conf_data data = { &schema, finish };

int sw_ca_status_load(struct sw_ca_status **out, const char *path, struct sw_diag *diag)
{
	struct sw_ca_status *s;
	int err;

	if (!path)
		path = getenv("SIPWARD_CA_STATUS");
	if (!path)
		path = SW_DATADIR "/ca-status.conf";
	if (access(path, R_OK) != 0)
		return SW_ENOTFOUND;
	s = calloc(1, sizeof(*s));
	err = s ? sw_conf_data_read(&data, s, path, NULL, diag) : SW_ENOMEM;
	if (err == SW_OK && !(s->path = strdup(path)))
		err = SW_ENOMEM;
	if (err < 0)
		sw_ca_status_free(s);
	else
		*out = s;
	return err;
}

void sw_ca_status_free(struct sw_ca_status *s)
{
	if (!s)
		return;
	free(s->path);
	sw_conf_data_free(&data, s);
	free(s);
}

bool sw_ca_event_is_about(const struct sw_ca_event *e, const char *subject, const char *sha256)
{
	if (e->sha256 && sha256)
		return !strcasecmp(e->sha256, sha256);
	return sw_str_glob(sw_str_of(e->subject), sw_str_of(subject), true);
}
