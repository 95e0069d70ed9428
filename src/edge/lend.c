/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/lend.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "tls/keystore.h"
#include "tls/lent.h"

/* False when there is no room for more. */
static bool add(struct sw_lent *l, const char *path)
{
	struct stat st;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

	if (fd < 0)
		return true;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return sw_lent_add(l, path, fd) == SW_OK;
	close(fd);
	return true;
}

static bool add_set(struct sw_lent *l, const struct sw_conf_cert *set)
{
	char secret[4096];
	bool ok = add(l, set->cert) && add(l, set->chain) && add(l, set->key);

	if (ok && set->key_password && sw_keystore_secret_path(set->key_password, secret, sizeof(secret)) == SW_OK)
		ok = add(l, secret);
	return ok;
}

static bool add_all(struct sw_lent *l, const struct sw_conf *conf)
{
	bool ok = true;

	for (size_t i = 0; ok && i < conf->n_listeners; i++) {
		ok = add_set(l, &conf->listeners[i].cert);
		for (size_t j = 0; ok && j < conf->listeners[i].n_sni; j++)
			ok = add_set(l, &conf->listeners[i].sni[j]);
	}
	for (size_t i = 0; ok && i < conf->n_zones; i++)
		ok = add_set(l, &conf->zones[i].client_cert);
	return ok;
}

void sw_lend_files(struct sw_channel *edge, const struct sw_conf *conf)
{
	struct sw_lent l = { 0 };
	bool ok;

	if (geteuid() != 0)
		return;
	ok = add_all(&l, conf);
	for (size_t i = 0; i < l.n && ok; i++)
		ok = sw_channel_send(edge, "lend", l.v[i].path, &l.v[i].fd, 1) == SW_OK;
	if (!ok)
		sw_log(SW_LOG_WARN, "reload.not-all-lent", SW_U("most", SW_LENT_MAX),
		       SW_S("detail", "the other certificate and key files must be readable by node.user"));
	sw_lent_clear(&l);
}
