/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is logged of a reload that was refused. Supervisor and edge each have a part in it and speak the same way. */
#include "core/diag.h"

struct sw_outcome {
	char last[400];              /* what was said of a reload that nobody asked for */
};

/* Who asked for a reload: "signal", "command"; "trust": the edge, for a list it fetched; "watch": nobody did, files changed. */
bool sw_outcome_quiet(const char *by);
/*
 * Every error; or, where nobody asked, the first one, in one line, once: a certificate and its key are replaced one after the other,
 * and half a pair is no fault yet.
 */
void sw_outcome_refused(struct sw_outcome *o, const char *by, const struct sw_diag *d, int err);
void sw_outcome_good(struct sw_outcome *o);
/* The diagnostics as text for whoever asked, errors first, cut to size; err's text where there are none. */
void sw_outcome_brief(const struct sw_diag *d, int err, char *dst, size_t size);
/* Each entry is a line of the log. */
void sw_outcome_log(const struct sw_diag *d);
