/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The supervisor: reads the configuration, binds the listeners, starts the edge and the media process, starts them again with
 * back-off when they die, carries signals and the service manager's protocol. No protocol work, no keys.
 */
#include "conf/conf.h"

struct sw_supervisor_opts {
	const char *program;    /* to run again for the children */
	const char *config;
	const char *pidfile;    /* or NULL */
};

/* Takes a reference to conf. Runs until told to stop; the exit status. */
int sw_supervisor_main(const struct sw_supervisor_opts *o, struct sw_conf *conf);

/* Descriptors the children find. */
enum { SW_FD_EDGE_SUPERVISOR = 3, SW_FD_EDGE_MEDIA = 4, SW_FD_EDGE_LISTEN = 5, SW_FD_MEDIA_EDGE = 3, SW_FD_MEDIA_SETUP = 4 };
