/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The supervisor's side of tls/lent.h. */
#include "conf/conf.h"
#include "edge/channel.h"

/*
 * Opens the files of every certificate set and of its passphrase, and sends them to the edge, ahead of "reload". Reads none of them.
 * Only when we are root: any other user may do no more than the edge. What can't be opened is not sent: the edge will say so.
 */
void sw_lend_files(struct sw_channel *edge, const struct sw_conf *conf);
