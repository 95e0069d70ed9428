/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Fewer rights, step by step, each verified: what can't be given up stops the process. */
#include "conf/conf.h"

/*
 * When root: becomes user (its primary group, no others) and checks that there is no way back. When not root: stays who it is. In
 * both cases: no new privileges, not dumpable, SIGPIPE ignored. SW_ENOTFOUND: no such user.
 */
int sw_sandbox_drop(const char *user) SW_MUSTCHECK;
/* The media process: in addition, nothing of the file system can be opened and no program run (seccomp). Before threads are started. */
int sw_sandbox_media(void) SW_MUSTCHECK;
/* The edge: no program can be run, no process traced (seccomp). */
int sw_sandbox_edge(void) SW_MUSTCHECK;
/* Raises the soft limit of descriptors to the hard one; returns it. */
unsigned long sw_sandbox_descriptors(void);
/* Makes the state directory and the control socket's for node.user (mode 0750) where they are not there. */
int sw_sandbox_places(const struct sw_conf *conf) SW_MUSTCHECK;
