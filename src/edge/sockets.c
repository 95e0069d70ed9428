/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sockets.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/log.h"
#include "edge/channel.h"
#include "edge/listen.h"

void sw_sockets_free(struct sw_sockets *k, const struct sw_sockets *keep)
{
	for (size_t i = 0; i < k->n; i++) {
		bool kept = false;

		for (size_t j = 0; keep && j < keep->n; j++)
			kept = kept || keep->fd[j] == k->fd[i];
		if (!kept && k->fd[i] >= 0)
			close(k->fd[i]);
	}
	free(k->addr);
	free(k->fd);
	*k = (struct sw_sockets){ 0 };
}

static int reuse_or_bind(int *fd, const struct sw_sockets *old, const struct sw_addr *a)
{
	for (size_t i = 0; i < old->n; i++)
		if (sw_addr_eq(&old->addr[i], a)) {
			*fd = old->fd[i];
			return SW_OK;
		}
	return sw_listen_bind(fd, a);
}

int sw_sockets_bind(struct sw_sockets *out, const struct sw_conf *conf, const struct sw_sockets *old)
{
	struct sw_sockets k = { 0 };
	char text[SW_ADDR_STRLEN];
	int err = SW_OK;

	for (size_t i = 0; i < conf->n_listeners; i++)
		k.n += conf->listeners[i].n_addresses;
	if (k.n > SW_CHANNEL_FDS_MAX)
		return SW_ELIMIT;
	k.addr = calloc(k.n + 1, sizeof(*k.addr));
	k.fd = calloc(k.n + 1, sizeof(*k.fd));
	if (!k.addr || !k.fd) {
		free(k.addr);
		free(k.fd);
		return SW_ENOMEM;
	}
	k.n = 0;
	for (size_t i = 0; i < conf->n_listeners; i++)
		for (size_t j = 0; j < conf->listeners[i].n_addresses && err == SW_OK; j++) {
			k.addr[k.n] = conf->listeners[i].addresses[j];
			err = reuse_or_bind(&k.fd[k.n], old, &k.addr[k.n]);
			if (err < 0)
				sw_log(SW_LOG_ERROR, "listen.failed", SW_S("listener", conf->listeners[i].name),
				       SW_S("address", sw_addr_text(&k.addr[k.n], text)), SW_S("detail", sw_error_text(err)));
			else
				k.n++;
		}
	if (err < 0) {
		sw_sockets_free(&k, old);
		return err;
	}
	*out = k;
	return SW_OK;
}
