/* SPDX-License-Identifier: Apache-2.0 */
/* Where a figure becomes a warning or a failure (acceptance 92 and 97). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "check/media.h"
#include "check/net.h"

static struct sw_profile *profile(const char *name)
{
	const char *top = getenv("srcdir");
	struct sw_profile *p = NULL;
	char dir[512];

	snprintf(dir, sizeof(dir), "%s/conf/profiles", top && *top ? top : ".");
	assert_int_equal(sw_profile_load(&p, name, dir, NULL), 0);
	return p;
}

static void remote_ports(void **state)
{
	struct sw_profile *hybrid = profile("webex-hybrid"), *audio = profile("webex-edge-audio"), *zoom = profile("zoom");

	(void)state;
	assert_int_equal(sw_media_remote_port(hybrid, 8000), SW_CHECK_WARN);
	assert_int_equal(sw_media_remote_port(audio, 8000), SW_CHECK_PASS);
	assert_int_equal(sw_media_remote_port(hybrid, 60000), SW_CHECK_WARN);
	assert_int_equal(sw_media_remote_port(audio, 60000), SW_CHECK_WARN);
	assert_int_equal(sw_media_remote_port(hybrid, 49152), SW_CHECK_PASS);
	assert_int_equal(sw_media_remote_port(hybrid, 59999), SW_CHECK_PASS);
	assert_int_equal(sw_media_remote_port(zoom, 8000), SW_CHECK_SKIP);   /* nobody confirmed a range */
	hybrid->remote_reject = true;
	assert_int_equal(sw_media_remote_port(hybrid, 8000), SW_CHECK_FAIL);
	sw_profile_free(hybrid);
	sw_profile_free(audio);
	sw_profile_free(zoom);
}

static void path_mtu(void **state)
{
	struct sw_profile *p = profile("webex-hybrid");

	(void)state;
	assert_int_equal(sw_media_mtu_status(p, 1280), SW_CHECK_FAIL);
	assert_int_equal(sw_media_mtu_status(p, 1299), SW_CHECK_FAIL);
	assert_int_equal(sw_media_mtu_status(p, 1300), SW_CHECK_WARN);
	assert_int_equal(sw_media_mtu_status(p, 1400), SW_CHECK_WARN);
	assert_int_equal(sw_media_mtu_status(p, 1500), SW_CHECK_PASS);
	sw_profile_free(p);
}

static void clocks(void **state)
{
	(void)state;
	assert_int_equal(sw_net_clock_status(0.2), SW_CHECK_PASS);
	assert_int_equal(sw_net_clock_status(-0.9), SW_CHECK_PASS);
	assert_int_equal(sw_net_clock_status(1.5), SW_CHECK_WARN);
	assert_int_equal(sw_net_clock_status(-29), SW_CHECK_WARN);
	assert_int_equal(sw_net_clock_status(-31), SW_CHECK_FAIL);
	assert_int_equal(sw_net_clock_status(1e9), SW_CHECK_FAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remote_ports),
		cmocka_unit_test(path_mtu),
		cmocka_unit_test(clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
