/* SPDX-License-Identifier: Apache-2.0 */
/* This machine as an edge: ports, descriptors, clock, addresses. Everything is read; nothing is changed. */
#include "check/check.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <unistd.h>

enum { FDS_BESIDE = 256, PORTS = 65536 };

struct range {
	uint16_t low, high;
};

/* The media ports: the configuration's, else the profile's. */
static bool media_ports(const struct sw_check *c, struct range *out)
{
	const struct sw_check_options *o = sw_check_options(c);

	if (o->conf)
		*out = (struct range){ o->conf->media.port_low, o->conf->media.port_high };
	else
		*out = (struct range){ o->profile->media_low, o->profile->media_high };
	return out->high != 0;
}

/* --- ports the kernel gives away --- */

static bool read_line(const char *path, char *dst, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(dst, (int)size, f);

	if (f)
		fclose(f);
	if (ok)
		dst[strcspn(dst, "\n")] = '\0';
	return ok;
}

/* "8080,9148,36000-59999" */
static void mark_reserved(const char *text, bool reserved[PORTS])
{
	while (*text) {
		char *end;
		unsigned long low = strtoul(text, &end, 10), high = low;

		if (end == text)
			return;
		if (*end == '-')
			high = strtoul(end + 1, &end, 10);
		for (unsigned long p = low; p <= high && p < PORTS; p++)
			reserved[p] = true;
		text = *end == ',' ? end + 1 : "";
	}
}

static void reserved_ports(struct sw_check *c, const struct range *media)
{
	static const char path[] = "/proc/sys/net/ipv4/ip_local_reserved_ports";
	char range[64], list[8192], expected[96], found[160];
	bool *reserved = calloc(PORTS, sizeof(bool));
	unsigned low, high, bare = 0, first = 0;
	struct sw_finding *f;

	snprintf(expected, sizeof(expected), "%u-%u is reserved, or outside of the kernel's own range", media->low, media->high);
	if (!reserved || !read_line("/proc/sys/net/ipv4/ip_local_port_range", range, sizeof(range)) || sscanf(range, "%u %u", &low, &high) != 2 ||
	    !read_line(path, list, sizeof(list))) {
		sw_check_report(c, SW_F_HOST_RESERVED, SW_CHECK_UNKNOWN, "this machine", expected, "/proc/sys can't be read");
		free(reserved);
		return;
	}
	mark_reserved(list, reserved);
	for (unsigned p = media->low; p <= media->high; p++)
		if (p >= low && p <= high && !reserved[p]) {
			first = bare++ ? first : p;
		}
	free(reserved);
	if (bare)
		snprintf(found, sizeof(found), "the kernel gives away %u-%u; %u of the media ports are among them, from %u on", low, high, bare, first);
	else
		snprintf(found, sizeof(found), "none of them is given away (%u-%u, less what is reserved)", low, high);
	f = sw_check_report(c, SW_F_HOST_RESERVED, bare ? SW_CHECK_WARN : SW_CHECK_PASS, "this machine", expected, found);
	sw_finding_add(c, f, "ip_local_port_range", "%u %u", low, high);
	sw_finding_add(c, f, "ip_local_reserved_ports", "%s", list);
	sw_finding_set_fix(c, f, "echo 'net.ipv4.ip_local_reserved_ports = %s%s%u-%u' > /etc/sysctl.d/60-sipward.conf\nsysctl --system", list,
			   list[0] ? "," : "", media->low, media->high);
}

/* --- ports that are taken --- */

static bool daemon_runs(const struct sw_conf *conf)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool runs;

	if (fd < 0)
		return false;
	runs = sw_str_copy(a.sun_path, sizeof(a.sun_path), sw_str_of(conf->control)) &&
	       (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 || errno == EAGAIN || errno == EACCES);
	close(fd);
	return runs;
}

static unsigned count_udp(const char *path, const struct range *media, bool *read)
{
	FILE *f = fopen(path, "re");
	char line[512];
	unsigned n = 0;

	*read |= f != NULL;
	while (f && fgets(line, sizeof(line), f)) {
		const char *colon = strchr(line, ':');
		unsigned port;

		/* "  12: 0100007F:8CA0 00000000:0000 ..." */
		colon = colon ? strchr(colon + 1, ':') : NULL;
		if (colon && sscanf(colon + 1, "%4X", &port) == 1 && port >= media->low && port <= media->high)
			n++;
	}
	if (f)
		fclose(f);
	return n;
}

static void taken_ports(struct sw_check *c, const struct range *media)
{
	const struct sw_conf *conf = sw_check_options(c)->conf;
	char expected[64], found[128];
	bool read = false;
	unsigned n = count_udp("/proc/net/udp", media, &read) + count_udp("/proc/net/udp6", media, &read);

	snprintf(expected, sizeof(expected), "%u-%u is free for media", media->low, media->high);
	if (!read) {
		sw_check_report(c, SW_F_HOST_PORTS_TAKEN, SW_CHECK_UNKNOWN, "this machine", expected, "/proc/net/udp can't be read");
		return;
	}
	if (n && conf && daemon_runs(conf)) {
		snprintf(found, sizeof(found), "%u are in use; sipwardd runs, and they are taken to be its own", n);
		sw_check_report(c, SW_F_HOST_PORTS_TAKEN, SW_CHECK_PASS, "this machine", expected, found);
		return;
	}
	snprintf(found, sizeof(found), "%u in use", n);
	sw_check_report(c, SW_F_HOST_PORTS_TAKEN, n ? SW_CHECK_WARN : SW_CHECK_PASS, "this machine", expected, found);
}

static void bind_one(struct sw_check *c, const char *what, const struct sw_addr *a, int type, bool runs)
{
	char subject[200], text[SW_ADDR_STRLEN], found[160];
	int fd = socket(sw_addr_family(a), type | SOCK_CLOEXEC, 0), one = 1, err = 0;
	enum sw_check_status status = SW_CHECK_PASS;

	snprintf(subject, sizeof(subject), "%.100s %s", what, type == SOCK_STREAM ? sw_addr_text(a, text) : sw_addr_host_text(a, text));
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (sw_addr_family(a) == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	}
	/* SO_REUSEADDR lets bind pass beside another listener until listen(2). */
	if (fd < 0 || bind(fd, &a->sa, sw_addr_len(a)) < 0 || (type == SOCK_STREAM && listen(fd, 1) < 0))
		err = errno;
	if (fd >= 0)
		close(fd);
	snprintf(found, sizeof(found), "%s", err ? strerror(err) : "free, and this machine's");
	if (err == EADDRINUSE && runs) {
		snprintf(found, sizeof(found), "in use; sipwardd runs, and it is taken to be its own");
	} else if (err == EACCES) {
		status = SW_CHECK_UNKNOWN;
		snprintf(found, sizeof(found), "this user may not bind it: check as root");
	} else if (err) {
		status = SW_CHECK_FAIL;
	}
	sw_check_report(c, SW_F_CONF_LISTENER, status, subject, "an address of this machine, and a free port", found);
}

static void listeners(struct sw_check *c, const struct sw_conf *conf)
{
	bool runs = daemon_runs(conf);
	char what[140];

	for (size_t i = 0; i < conf->n_listeners; i++)
		for (size_t k = 0; k < conf->listeners[i].n_addresses; k++) {
			snprintf(what, sizeof(what), "listener \"%.100s\"", conf->listeners[i].name);
			bind_one(c, what, &conf->listeners[i].addresses[k], SOCK_STREAM, runs);
		}
	for (size_t i = 0; i < conf->media.n_interfaces; i++) {
		struct sw_addr any = conf->media.interfaces[i].address;

		sw_addr_set_port(&any, 0);
		snprintf(what, sizeof(what), "media \"%.100s\"", conf->media.interfaces[i].name);
		bind_one(c, what, &any, SOCK_DGRAM, runs);
	}
}

/* --- the rest --- */

static void descriptors(struct sw_check *c, const struct range *media)
{
	const struct sw_conf *conf = sw_check_options(c)->conf;
	unsigned long pairs = ((unsigned long)media->high - media->low + 1) / 2, need;
	char expected[96], found[96];
	struct sw_finding *f;
	struct rlimit r;

	/* One process has the media ports, another one the connections. */
	need = pairs * 2 * (conf ? conf->media.n_interfaces : 1) + FDS_BESIDE;
	if (conf && conf->limits.connections + FDS_BESIDE > need)
		need = (unsigned long)conf->limits.connections + FDS_BESIDE;
	snprintf(expected, sizeof(expected), "a hard limit of %lu or more", need);
	if (getrlimit(RLIMIT_NOFILE, &r) < 0) {
		sw_check_report(c, SW_F_HOST_DESCRIPTORS, SW_CHECK_UNKNOWN, "this machine", expected, strerror(errno));
		return;
	}
	if (r.rlim_max == RLIM_INFINITY)
		snprintf(found, sizeof(found), "no limit");
	else
		snprintf(found, sizeof(found), "%llu", (unsigned long long)r.rlim_max);
	f = sw_check_report(c, SW_F_HOST_DESCRIPTORS, r.rlim_max < need ? SW_CHECK_WARN : SW_CHECK_PASS, "this machine", expected, found);
	sw_finding_set_fix(c, f, "systemctl edit sipward, and there:\n[Service]\nLimitNOFILE=%lu", need);
}

static void kept_clock(struct sw_check *c)
{
	struct timex t = { 0 };
	int state = adjtimex(&t);

	if (state < 0)
		sw_check_report(c, SW_F_HOST_CLOCK, SW_CHECK_UNKNOWN, "this machine", "a clock that is synchronised", strerror(errno));
	else if (t.status & STA_UNSYNC)
		sw_check_report(c, SW_F_HOST_CLOCK, SW_CHECK_WARN, "this machine", "a clock that is synchronised", "the kernel says: not synchronised");
	else
		sw_check_report(c, SW_F_HOST_CLOCK, SW_CHECK_PASS, "this machine", "a clock that is synchronised", "synchronised");
}

static void ipv6(struct sw_check *c)
{
	char found[SW_ADDR_STRLEN] = "none";
	struct ifaddrs *list = NULL;

	if (sw_check_options(c)->family == AF_INET)
		return;
	if (getifaddrs(&list) < 0) {
		sw_check_report(c, SW_F_HOST_IPV6, SW_CHECK_UNKNOWN, "this machine", "a global IPv6 address", strerror(errno));
		return;
	}
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		struct sw_addr a;

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET6 || sw_addr_from_sockaddr(&a, i->ifa_addr) < 0)
			continue;
		if (!sw_addr_is_loopback(&a) && !sw_addr_is_link_local(&a) && !sw_addr_is_private(&a))
			sw_addr_host_text(&a, found);
	}
	freeifaddrs(list);
	sw_check_report(c, SW_F_HOST_IPV6, strcmp(found, "none") ? SW_CHECK_PASS : SW_CHECK_SKIP, "this machine", "a global IPv6 address", found);
}

static void capacity(struct sw_check *c, const struct range *media)
{
	const struct sw_conf *conf = sw_check_options(c)->conf;
	unsigned pairs = (unsigned)(media->high - media->low + 1) / 2;
	char expected[96], found[160];
	bool many = conf && conf->limits.calls > pairs;

	snprintf(expected, sizeof(expected), "%u calls at most%s", conf && conf->limits.calls ? conf->limits.calls : pairs,
		 conf && conf->limits.calls ? " (limits.calls)" : "");
	snprintf(found, sizeof(found), "%u-%u: %u audio calls with both sides on one address, %u on two; a third of it with video and content", media->low,
		 media->high, pairs / 2, pairs);
	sw_check_report(c, SW_F_HOST_CAPACITY, many ? SW_CHECK_WARN : SW_CHECK_PASS, "media ports", expected, found);
}

static void look(struct sw_check *c, void *arg)
{
	const struct sw_conf *conf = sw_check_options(c)->conf;
	struct range media;

	(void)arg;
	if (conf)
		listeners(c, conf);
	if (media_ports(c, &media)) {
		reserved_ports(c, &media);
		taken_ports(c, &media);
		descriptors(c, &media);
		capacity(c, &media);
	}
	kept_clock(c);
	ipv6(c);
}

void sw_check_host(struct sw_check *c)
{
	sw_check_spawn(c, SW_STAGE_HOST, "this machine", look, NULL, NULL);
}
