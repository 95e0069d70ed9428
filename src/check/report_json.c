/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: one document, or a line for each finding as it comes; and the schema of the document. */
#include "check/report.h"

#include <inttypes.h>

#include "config.h"

#define SCHEMA_ID "https://sipward.example/schema/check/1"

static void member(struct sw_buf *out, const char *name, const char *value)
{
	sw_buf_printf(out, "\"%s\":", name);
	if (value)
		sw_buf_json_str(out, sw_str_of(value));
	else
		sw_buf_str(out, "null");
}

static void finding(const struct sw_finding *f, struct sw_buf *out)
{
	sw_buf_printf(out, "\"id\":\"%s\",\"stage\":\"%s\",\"status\":\"%s\",", sw_finding_name(f->id),
		      sw_stage_name(sw_finding_stage(f->id)), sw_check_status_name(f->status));
	member(out, "subject", f->subject);
	sw_buf_str(out, ",");
	member(out, "expected", f->expected);
	sw_buf_str(out, ",");
	member(out, "found", f->found);
	sw_buf_str(out, ",");
	member(out, "fix", sw_finding_is_bad(f) ? sw_finding_todo(f) : NULL);
	sw_buf_str(out, ",");
	member(out, "ref", sw_finding_ref(f->id));
	sw_buf_printf(out, ",\"duration_ms\":%" PRIu64 ",\"evidence\":[", f->ms);
	for (size_t i = 0; i < f->n_evidence; i++) {
		sw_buf_str(out, i ? ",{" : "{");
		member(out, "key", f->evidence[i].key);
		sw_buf_str(out, ",");
		member(out, "value", f->evidence[i].value);
		sw_buf_str(out, "}");
	}
	sw_buf_str(out, "]");
}

static void result(const struct sw_finding *const *list, size_t n, const struct sw_finding *f, struct sw_buf *out)
{
	const struct sw_finding *cause = sw_finding_cause(list, n, f);

	sw_buf_str(out, "{");
	finding(f, out);
	sw_buf_str(out, ",\"cause\":");
	if (cause) {
		sw_buf_printf(out, "{\"id\":\"%s\",", sw_finding_name(cause->id));
		member(out, "subject", cause->subject);
		sw_buf_str(out, "}}");
	} else {
		sw_buf_str(out, "null}");
	}
}

static void summary(const struct sw_report *r, struct sw_buf *out)
{
	struct sw_check_summary s;

	sw_check_summary(r->check, &s);
	sw_buf_printf(out, "{\"pass\":%zu,\"skip\":%zu,\"warn\":%zu,\"unknown\":%zu,\"fail\":%zu,", s.n[SW_CHECK_PASS], s.n[SW_CHECK_SKIP],
		      s.n[SW_CHECK_WARN], s.n[SW_CHECK_UNKNOWN], s.n[SW_CHECK_FAIL]);
	sw_buf_printf(out, "\"duration_ms\":%" PRIu64 ",\"stopped\":%s,\"out_of_time\":%s,\"exit\":%d}", s.ms, s.stopped ? "true" : "false",
		      s.out_of_time ? "true" : "false", sw_check_exit(r->check, r->fail_on_warn));
}

static void head(const struct sw_report *r, struct sw_buf *out)
{
	char time[32];

	sw_buf_str(out, "\"schema\":\"" SCHEMA_ID "\",\"tool\":{\"name\":\"sipward\",\"version\":\"" PACKAGE_VERSION "\"},");
	sw_buf_printf(out, "\"started\":\"%s\",", sw_date_time(r->started, time));
	sw_buf_printf(out, "\"judged_at\":\"%s\",", sw_date_time(sw_check_time(r->check), time));
	member(out, "profile", sw_check_options(r->check)->profile->name);
	sw_buf_str(out, ",\"targets\":[");
	for (size_t i = 0; i < r->n_targets; i++) {
		sw_buf_str(out, i ? "," : "");
		sw_buf_json_str(out, sw_str_of(r->targets[i]));
	}
	sw_buf_str(out, "]");
}

static void changes(const struct sw_baseline *b, struct sw_buf *out)
{
	sw_buf_str(out, ",\"baseline\":{");
	member(out, "started", b->started);
	sw_buf_str(out, ",\"changes\":[");
	for (size_t i = 0; i < b->n_changes; i++) {
		const struct sw_change *c = &b->changes[i];

		sw_buf_printf(out, "%s{\"kind\":\"%s\",", i ? ",\n" : "\n", sw_change_name(c->kind));
		member(out, "id", c->id);
		sw_buf_str(out, ",");
		member(out, "subject", c->subject);
		sw_buf_str(out, ",");
		member(out, "was", c->was);
		sw_buf_str(out, ",");
		member(out, "is", c->now);
		sw_buf_str(out, ",");
		member(out, "was_found", c->was_found);
		sw_buf_str(out, ",");
		member(out, "is_found", c->now_found);
		sw_buf_str(out, "}");
	}
	sw_buf_str(out, "]}");
}

void sw_report_json(const struct sw_report *r, struct sw_buf *out)
{
	size_t n;
	const struct sw_finding *const *list = sw_check_findings(r->check, &n);

	sw_buf_str(out, "{");
	head(r, out);
	sw_buf_str(out, ",\"results\":[");
	for (size_t i = 0; i < n; i++) {
		sw_buf_str(out, i ? ",\n" : "\n");
		result(list, n, list[i], out);
	}
	sw_buf_str(out, "\n],\"summary\":");
	summary(r, out);
	if (r->baseline)
		changes(r->baseline, out);
	sw_buf_str(out, "}\n");
}

void sw_report_jsonl_finding(const struct sw_finding *f, struct sw_buf *out)
{
	sw_buf_str(out, "{");
	finding(f, out);
	sw_buf_str(out, "}\n");
}

/* The findings went out as they came; this is the last line. */
void sw_report_jsonl(const struct sw_report *r, struct sw_buf *out)
{
	sw_buf_str(out, "{");
	head(r, out);
	sw_buf_str(out, ",\"summary\":");
	summary(r, out);
	if (r->baseline)
		changes(r->baseline, out);
	sw_buf_str(out, "}\n");
}

/* --- the schema --- */

static void words(struct sw_buf *out, const char *(*name)(unsigned), unsigned n, const char *between)
{
	sw_buf_str(out, "{ \"enum\": [");
	for (unsigned i = 0; i < n; i++)
		sw_buf_printf(out, "%s\"%s\"", i ? between : "", name(i));
	sw_buf_str(out, "] }");
}

static const char *id_name(unsigned i)
{
	return sw_finding_name((enum sw_finding_id)i);
}

static const char *stage_name(unsigned i)
{
	return sw_stage_name((enum sw_stage)i);
}

static const char *status_name(unsigned i)
{
	return sw_check_status_name((enum sw_check_status)i);
}

void sw_report_schema(struct sw_buf *out)
{
	sw_buf_str(out, "{\n"
		"  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
		"  \"$id\": \"" SCHEMA_ID "\",\n"
		"  \"title\": \"A report of sipward check\",\n"
		"  \"$comment\": \"Made by sipward explain --schema. Ids are never renamed; members and ids may be added.\",\n"
		"  \"type\": \"object\",\n"
		"  \"required\": [\"schema\", \"tool\", \"started\", \"judged_at\", \"profile\", \"targets\", \"results\", \"summary\"],\n"
		"  \"additionalProperties\": false,\n"
		"  \"properties\": {\n"
		"    \"schema\": { \"const\": \"" SCHEMA_ID "\" },\n"
		"    \"tool\": { \"type\": \"object\", \"required\": [\"name\", \"version\"], \"additionalProperties\": false, \"properties\": {\n"
		"      \"name\": { \"const\": \"sipward\" }, \"version\": { \"type\": \"string\" } } },\n"
		"    \"started\": { \"$ref\": \"#/$defs/time\" },\n"
		"    \"judged_at\": { \"$ref\": \"#/$defs/time\" },\n"
		"    \"profile\": { \"type\": \"string\" },\n"
		"    \"targets\": { \"type\": \"array\", \"items\": { \"type\": \"string\" } },\n"
		"    \"results\": { \"type\": \"array\", \"items\": { \"$ref\": \"#/$defs/result\" } },\n"
		"    \"summary\": { \"type\": \"object\", \"additionalProperties\": false,\n"
		"      \"required\": [\"pass\", \"skip\", \"warn\", \"unknown\", \"fail\", \"duration_ms\", \"stopped\", \"out_of_time\", \"exit\"],\n"
		"      \"properties\": {\n"
		"        \"pass\": { \"$ref\": \"#/$defs/count\" }, \"skip\": { \"$ref\": \"#/$defs/count\" }, \"warn\": { \"$ref\": \"#/$defs/count\" },\n"
		"        \"unknown\": { \"$ref\": \"#/$defs/count\" }, \"fail\": { \"$ref\": \"#/$defs/count\" },\n"
		"        \"duration_ms\": { \"$ref\": \"#/$defs/count\" }, \"stopped\": { \"type\": \"boolean\" },\n"
		"        \"out_of_time\": { \"type\": \"boolean\" }, \"exit\": { \"enum\": [0, 1, 2, 3] } } },\n"
		"    \"baseline\": { \"type\": \"object\", \"required\": [\"started\", \"changes\"], \"additionalProperties\": false, \"properties\": {\n"
		"      \"started\": { \"$ref\": \"#/$defs/time\" },\n"
		"      \"changes\": { \"type\": \"array\", \"items\": { \"$ref\": \"#/$defs/change\" } } } }\n"
		"  },\n"
		"  \"$defs\": {\n"
		"    \"time\": { \"type\": \"string\", \"pattern\": \"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$\" },\n"
		"    \"count\": { \"type\": \"integer\", \"minimum\": 0 },\n"
		"    \"text\": { \"type\": [\"string\", \"null\"] },\n"
		"    \"id\": ");
	words(out, id_name, SW_FINDING_COUNT, ",\n      ");
	sw_buf_str(out, ",\n    \"stage\": ");
	words(out, stage_name, SW_STAGE_COUNT, ", ");
	sw_buf_str(out, ",\n    \"status\": ");
	words(out, status_name, SW_CHECK_FAIL + 1, ", ");
	sw_buf_str(out, ",\n"
		"    \"result\": { \"type\": \"object\", \"additionalProperties\": false,\n"
		"      \"required\": [\"id\", \"stage\", \"status\", \"subject\", \"expected\", \"found\", \"fix\", \"ref\", \"duration_ms\", \"evidence\", \"cause\"],\n"
		"      \"properties\": {\n"
		"        \"id\": { \"$ref\": \"#/$defs/id\" }, \"stage\": { \"$ref\": \"#/$defs/stage\" }, \"status\": { \"$ref\": \"#/$defs/status\" },\n"
		"        \"subject\": { \"type\": \"string\" }, \"expected\": { \"$ref\": \"#/$defs/text\" }, \"found\": { \"$ref\": \"#/$defs/text\" },\n"
		"        \"fix\": { \"$ref\": \"#/$defs/text\" }, \"ref\": { \"type\": \"string\" }, \"duration_ms\": { \"$ref\": \"#/$defs/count\" },\n"
		"        \"evidence\": { \"type\": \"array\", \"items\": { \"type\": \"object\", \"required\": [\"key\", \"value\"],\n"
		"          \"additionalProperties\": false, \"properties\": { \"key\": { \"type\": \"string\" }, \"value\": { \"type\": \"string\" } } } },\n"
		"        \"cause\": { \"oneOf\": [{ \"type\": \"null\" }, { \"type\": \"object\", \"required\": [\"id\", \"subject\"],\n"
		"          \"additionalProperties\": false,\n"
		"          \"properties\": { \"id\": { \"$ref\": \"#/$defs/id\" }, \"subject\": { \"type\": \"string\" } } }] } } },\n"
		"    \"change\": { \"type\": \"object\", \"additionalProperties\": false,\n"
		"      \"required\": [\"kind\", \"id\", \"subject\", \"was\", \"is\", \"was_found\", \"is_found\"],\n"
		"      \"properties\": {\n"
		"        \"kind\": { \"enum\": [\"new\", \"gone\", \"changed\"] }, \"id\": { \"type\": \"string\" }, \"subject\": { \"type\": \"string\" },\n"
		"        \"was\": { \"$ref\": \"#/$defs/text\" }, \"is\": { \"$ref\": \"#/$defs/text\" },\n"
		"        \"was_found\": { \"$ref\": \"#/$defs/text\" }, \"is_found\": { \"$ref\": \"#/$defs/text\" } } }\n"
		"  }\n}\n");
}
