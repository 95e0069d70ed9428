/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is refused with a reason, or gives a snapshot whose dump reads back to itself. */
#include <stdlib.h>
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *dump(const struct sw_conf *c)
{
	struct sw_buf b;

	sw_buf_init(&b, 64 << 20);
	sw_conf_explain(c, &b);
	sw_buf_clear(&b);
	sw_conf_dump(c, &b);
	sw_buf_put(&b, "", 1);
	if (sw_buf_error(&b))
		abort();
	return b.data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sw_conf *c, *again;
	struct sw_diag diag;
	char *text = strndup((const char *)data, size), *first, *second;

	if (!text)
		return 0;
	sw_diag_init(&diag);
	if (sw_conf_parse(&c, text, "/fuzz.conf", &diag) != 0) {
		if (!diag.errors)
			abort();
	} else {
		if (diag.errors)
			abort();
		first = dump(c);
		if (sw_conf_parse(&again, first, "/fuzz.conf", NULL) != 0)
			abort();
		second = dump(again);
		if (strcmp(first, second) != 0)
			abort();
		free(first);
		free(second);
		sw_conf_unref(c);
		sw_conf_unref(again);
	}
	sw_diag_free(&diag);
	free(text);
	return 0;
}
