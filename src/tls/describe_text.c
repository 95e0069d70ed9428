/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate's facts for people and for programs. What is printed was made harmless when it was read. */
#include <time.h>
#include "core/date.h"
#include "tls/describe.h"
#include "tls/tls_int.h"

enum { PEER_CERTS_SHOWN = 8 };

static void text_urls(const char *what, const char (*urls)[256], size_t n, struct sw_buf *out)
{
	for (size_t i = 0; i < n; i++)
		sw_buf_printf(out, "   %-12s %s\n", what, urls[i]);
}

void sw_cert_facts_text(const struct sw_cert_facts *f, int at, struct sw_buf *out)
{
	const struct sw_identity *id = f->id;
	char from[32], to[32], hex[2 * 32 + 1];

	sw_buf_printf(out, "%d: %s\n", at, id->subject[0] ? id->subject : "(no subject)");
	sw_buf_printf(out, "   %-12s %s\n", "issued by", f->self_issued ? "itself" : id->issuer);
	for (size_t i = 0; i < id->n_names; i++)
		sw_buf_printf(out, "   %-12s %s:%s%s\n", i ? "" : "names", sw_name_type_name(id->names[i].type),
			      id->names[i].value, id->names[i].malformed ? "   (malformed)" : "");
	sw_buf_printf(out, "   %-12s %s to %s\n", "valid", sw_date_time(id->not_before, from), sw_date_time(id->not_after, to));
	sw_buf_printf(out, "   %-12s %s%s", "is a", f->ca ? "CA" : "leaf", f->ca && f->path_len >= 0 ? "" : "\n");
	if (f->ca && f->path_len >= 0)
		sw_buf_printf(out, " for at most %ld CAs below it\n", f->path_len);
	sw_buf_printf(out, "   %-12s %s\n", "purposes", f->eku[0] ? f->eku : "any (no extended key usage)");
	sw_buf_printf(out, "   %-12s %s\n", "key usage", f->key_usage[0] ? f->key_usage : "any (no key usage)");
	sw_buf_printf(out, "   %-12s %s %d bits%s%s\n", "key", id->key_type, id->key_bits, f->curve[0] ? ", " : "", f->curve);
	sw_buf_printf(out, "   %-12s %s\n", "signature", f->signature);
	sw_buf_printf(out, "   %-12s %s\n", "serial", id->serial);
	text_urls("CRL", f->crl, f->n_crl, out);
	text_urls("OCSP", f->ocsp, f->n_ocsp, out);
	text_urls("issuer at", f->fetch, f->n_fetch, out);
	if (f->must_staple)
		sw_buf_printf(out, "   %-12s a stapled OCSP answer (must-staple)\n", "demands");
	if (f->constraints[0])
		sw_buf_printf(out, "   %-12s %s\n", "constraints", f->constraints);
	sw_hex(hex, id->cert_sha256, sizeof(id->cert_sha256));
	sw_buf_printf(out, "   %-12s %s\n", "SHA-256", hex);
	sw_hex(hex, id->spki_sha256, sizeof(id->spki_sha256));
	sw_buf_printf(out, "   %-12s %s\n", "pin", hex);
	for (size_t i = 0; i < f->n_odd; i++)
		sw_buf_printf(out, "   ! %s\n", f->odd[i]);
}

static void json_member(struct sw_buf *out, const char *name, const char *value)
{
	sw_buf_printf(out, "\"%s\":", name);
	sw_buf_json_str(out, sw_str_of(value));
	sw_buf_str(out, ",");
}

static void json_strings(struct sw_buf *out, const char *name, const char *values, size_t stride, size_t n)
{
	sw_buf_printf(out, "\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		sw_buf_str(out, i ? "," : "");
		sw_buf_json_str(out, sw_str_of(values + i * stride));
	}
	sw_buf_str(out, "]");
}

static void json_names(struct sw_buf *out, const struct sw_identity *id)
{
	sw_buf_str(out, "\"names\":[");
	for (size_t i = 0; i < id->n_names; i++) {
		sw_buf_str(out, i ? ",{" : "{");
		json_member(out, "type", sw_name_type_name(id->names[i].type));
		json_member(out, "value", id->names[i].value);
		sw_buf_printf(out, "\"malformed\":%s}", id->names[i].malformed ? "true" : "false");
	}
	sw_buf_str(out, "],");
}

void sw_cert_facts_json(const struct sw_cert_facts *f, struct sw_buf *out)
{
	const struct sw_identity *id = f->id;
	char text[32], hex[2 * 32 + 1];

	sw_buf_str(out, "{");
	json_member(out, "subject", id->subject);
	json_member(out, "issuer", id->issuer);
	json_member(out, "serial", id->serial);
	json_names(out, id);
	json_member(out, "not_before", sw_date_time(id->not_before, text));
	json_member(out, "not_after", sw_date_time(id->not_after, text));
	sw_buf_printf(out, "\"version\":%d,\"ca\":%s,", f->version, f->ca ? "true" : "false");
	if (f->path_len >= 0)
		sw_buf_printf(out, "\"path_length\":%ld,", f->path_len);
	json_member(out, "purposes", f->eku);
	json_member(out, "key_usage", f->key_usage);
	json_member(out, "key", id->key_type);
	sw_buf_printf(out, "\"key_bits\":%d,", id->key_bits);
	json_member(out, "curve", f->curve);
	json_member(out, "signature", f->signature);
	sw_hex(hex, id->cert_sha256, sizeof(id->cert_sha256));
	json_member(out, "sha256", hex);
	sw_hex(hex, id->spki_sha256, sizeof(id->spki_sha256));
	json_member(out, "pin", hex);
	json_strings(out, "crl", f->crl[0], sizeof(f->crl[0]), f->n_crl);
	sw_buf_str(out, ",");
	json_strings(out, "ocsp", f->ocsp[0], sizeof(f->ocsp[0]), f->n_ocsp);
	sw_buf_str(out, ",");
	json_strings(out, "issuer_at", f->fetch[0], sizeof(f->fetch[0]), f->n_fetch);
	sw_buf_str(out, ",");
	json_member(out, "constraints", f->constraints);
	sw_buf_printf(out, "\"must_staple\":%s,", f->must_staple ? "true" : "false");
	json_strings(out, "odd", f->odd[0], sizeof(f->odd[0]), f->n_odd);
	sw_buf_str(out, "}");
}

int sw_tls_peer_describe(const struct sw_tls_peer *p, int64_t now, bool json, struct sw_buf *out)
{
	int n = p->untrusted ? sk_X509_num(p->untrusted) : 0, shown = 0, err = SW_OK;

	sw_buf_str(out, json ? "[" : "");
	for (int i = -1; p->leaf && err == SW_OK && i < n && shown < PEER_CERTS_SHOWN; i++) {
		X509 *x = i < 0 ? p->leaf : sk_X509_value(p->untrusted, i),
		     *next = i + 1 < n ? sk_X509_value(p->untrusted, i + 1) : NULL;
		struct sw_cert_facts *f = NULL;

		err = sw_cert_facts_read(&f, x, next, now);
		if (err < 0)
			break;
		sw_buf_str(out, json && shown ? "," : "");
		if (json)
			sw_cert_facts_json(f, out);
		else
			sw_cert_facts_text(f, shown, out);
		sw_cert_facts_free(f);
		shown++;
	}
	sw_buf_str(out, json ? "]" : "");
	return err < 0 ? err : sw_buf_error(out);
}
