/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the configuration's schema, for tests/lint/options.sh and whoever makes text from it. */
#include <stdio.h>
#include "conf/conf.h"

int main(void)
{
	struct sw_buf b;
	int status = 1;

	sw_buf_init(&b, 0);
	sw_conf_schema_print(&b);
	if (!sw_buf_error(&b) && fwrite(b.data, 1, b.len, stdout) == b.len && fflush(stdout) == 0)
		status = 0;
	sw_buf_free(&b);
	return status;
}
