/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t sw_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void sw_die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(2);
}

/* --- sockets --- */

static struct sockaddr_in address(const char *where)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	const char *colon = strrchr(where, ':');
	char host[64];

	snprintf(host, sizeof(host), "%.*s", colon ? (int)(colon - where) : 0, where);
	if (!colon || inet_pton(AF_INET, host, &a.sin_addr) != 1) {
		errno = EINVAL;
		sw_die(where);
	}
	a.sin_port = htons((uint16_t)atoi(colon + 1));
	return a;
}

int sw_dial(const char *where, unsigned n)
{
	struct sockaddr_in to = address(where), from = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		sw_die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (ntohl(to.sin_addr.s_addr) >> 24 == 127) {
		from.sin_addr.s_addr = htonl(0x7f000101 + n % 16);
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
			sw_die("bind");
	}
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		sw_die("connect");
	return fd;
}

int sw_listen_on(const char *where)
{
	struct sockaddr_in a = address(where);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 512) < 0)
		sw_die(where);
	return fd;
}

SSL_CTX *sw_load_ctx(bool server, const char *cert, const char *key, const char *ca)
{
	SSL_CTX *c = SSL_CTX_new(TLS_method());

	if (!c || !SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) || SSL_CTX_use_certificate_chain_file(c, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1)
		sw_die(cert);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(c, 0);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (server) {
		if (SSL_CTX_load_verify_locations(c, ca, NULL) != 1)
			sw_die(ca);
		SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	return c;
}

/* --- what the measured processes used --- */

static void add_process(int pid, bool memory, struct sw_usage *u)
{
	char path[128], line[256];
	FILE *f;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return;
	u->processes++;
	for (struct dirent *d; (d = readdir(tasks));) {
		unsigned long long ns;
		int child;

		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/schedstat", pid, d->d_name);
		f = fopen(path, "r");
		if (f && fscanf(f, "%llu", &ns) == 1)
			u->cpu_us += (double)ns / 1e3;
		if (f)
			fclose(f);
		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", pid, d->d_name);
		f = fopen(path, "r");
		while (f && fscanf(f, "%d", &child) == 1)
			add_process(child, memory, u);
		if (f)
			fclose(f);
	}
	closedir(tasks);
	if (!memory)
		return;
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "Pss:", 4))
			u->pss_kb += atof(line + 4);
	if (f)
		fclose(f);
}

void sw_usage_of(const char *pids, bool memory, struct sw_usage *out)
{
	*out = (struct sw_usage){ 0 };
	for (const char *p = pids; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		add_process(atoi(p), memory, out);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double sw_percentile(double *v, size_t n, double p)
{
	if (n == 0)
		return 0;
	qsort(v, n, sizeof(*v), by_value);
	return v[(size_t)((double)(n - 1) * p / 100)];
}
