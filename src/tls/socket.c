/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tls/tls_int.h"

enum {
	KEEPALIVE_IDLE_S = 60,
	KEEPALIVE_INTERVAL_S = 15,
	KEEPALIVE_COUNT = 4,
	USER_TIMEOUT_MS = 30000,
	SETTLE_READS = 16,
};

static void set_int(int fd, int level, int option, int value)
{
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

void sw_socket_tune(int fd)
{
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
	set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

int sw_socket_connect(const struct sw_addr *addr, int *refused)
{
	int fd = socket(sw_addr_family(addr), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return sw_error_from_errno(errno);
	sw_socket_tune(fd);
	*refused = 0;
	if (connect(fd, &addr->sa, sw_addr_len(addr)) < 0 && errno != EINPROGRESS)
		*refused = errno;
	return fd;
}

void sw_socket_settle(int fd)
{
	char waste[4096];

	shutdown(fd, SHUT_WR);
	for (int i = 0; i < SETTLE_READS && recv(fd, waste, sizeof(waste), MSG_DONTWAIT) > 0; i++)
		;
}
