/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Watches the files a configuration consists of and names (inotify), and says when they have changed: once they were quiet for two
 * seconds, at the latest 30 after the first change. Directories are watched, not files, so that what is renamed into place is seen;
 * and so is each symbolic link on the way to a file (live/ of Let's Encrypt, ..data of Kubernetes).
 */
#include "conf/conf.h"
#include "core/loop.h"

struct sw_watch;

/* path: one of those that changed. False: not now; it is called again. */
typedef bool sw_watch_fn(void *arg, const char *path);

int sw_watch_new(struct sw_watch **out, struct sw_loop *l, sw_watch_fn *fn, void *arg) SW_MUSTCHECK;
void sw_watch_free(struct sw_watch *w);
/*
 * What to watch from now on; with conf->watch false, nothing. Called before the files are read: no change from then on is missed, nor
 * one that was seen and not yet told. Where the system's limits are reached it says so and watches what it can.
 */
void sw_watch_set(struct sw_watch *w, const struct sw_conf *conf);
/* How what fn asked for came out. Bad: fn is called again after 5 s, 10, 20 ... 5 min, also without a further change. */
void sw_watch_result(struct sw_watch *w, bool good);
