/* SPDX-License-Identifier: Apache-2.0 */
/* "sipward reflect": the other end of a check, on a host outside. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/date.h"
#include "check/reflect.h"
#include "cli/cli.h"

enum { SECRET_LEAST = 16, SECRET_MAX = 256 };

static int stop_pipe[2] = { -1, -1 };

static void on_signal(int sig)
{
	int saved = errno;

	(void)sig;
	(void)!write(stop_pipe[1], "x", 1);
	errno = saved;
}

static void print_line(void *arg, const char *line)
{
	char when[SW_DATE_LEN];

	(void)arg;
	printf("%s %s\n", sw_date_time(time(NULL), when), line);
	fflush(stdout);
}

static void on_ready(void *arg, const struct sw_addr *control)
{
	char line[100], text[SW_ADDR_STRLEN];

	snprintf(line, sizeof(line), "ready on %s", sw_addr_text(control, text));
	print_line(arg, line);
}

static int read_secret(const char *path, char secret[SECRET_MAX + 1])
{
	const char *env = getenv("SIPWARD_REFLECT_SECRET");
	FILE *f;

	if (!path) {
		if (!env) {
			fputs("sipward reflect: no secret: --secret-file FILE, or SIPWARD_REFLECT_SECRET\n", stderr);
			return SW_EXIT_USAGE;
		}
		snprintf(secret, SECRET_MAX + 1, "%s", env);
	} else {
		f = fopen(path, "re");
		if (!f || !fgets(secret, SECRET_MAX + 1, f)) {
			fprintf(stderr, "sipward reflect: %s: %s\n", path, f ? "it is empty" : strerror(errno));
			if (f)
				fclose(f);
			return SW_EXIT_NO_INPUT;
		}
		fclose(f);
	}
	secret[strcspn(secret, "\r\n")] = '\0';
	if (strlen(secret) < SECRET_LEAST) {
		fprintf(stderr, "sipward reflect: the secret has fewer than %d characters; make one: openssl rand -hex 16\n",
			SECRET_LEAST);
		return SW_EXIT_USAGE;
	}
	return SW_EXIT_OK;
}

static bool parse_ports(const char *list, struct sw_reflect_opts *o)
{
	o->n_udp_ports = 0;
	while (*list) {
		size_t n = strcspn(list, ",");
		uint32_t port;

		if (o->n_udp_ports == SW_REFLECT_UDP_MAX || sw_str_u32((struct sw_str){ list, n }, 65535, &port) < 0)
			return false;
		o->udp_ports[o->n_udp_ports++] = (uint16_t)port;
		list += n + (list[n] == ',');
	}
	return true;
}

static void usage(FILE *f)
{
	fputs("usage: sipward reflect [--listen ADDRESS[:PORT]] [--sip-port PORT] [--udp PORT,...] [--secret-file FILE]\n\n"
	      "Answers for the inbound half of \"sipward check --via HOST\": on a host on the other side of the firewall. Calls "
	      "back, mirrors SIP and\n"
	      "returns UDP, only for who knows the secret and only to the address he came from. Ends with SIGTERM or Ctrl-C.\n\n"
	      "  --listen ADDRESS[:PORT]  where checks come in (0.0.0.0:5068)\n"
	      "  --sip-port PORT          the mirror for SIP, TCP and UDP (5060)\n"
	      "  --udp PORT,...           UDP ports that give back what they get (36000,47998,59998), at most 16\n"
	      "  --secret-file FILE       its first line is the secret; without: $SIPWARD_REFLECT_SECRET\n",
	      f);
}

static int parse(int argc, char **argv, struct sw_reflect_opts *o, const char **secret_file)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' }, { "sip-port", required_argument, NULL, 'p' },
		{ "udp", required_argument, NULL, 'u' },    { "secret-file", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },         { 0 },
	};
	uint32_t sip_port = SW_REFLECT_SIP_PORT;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return -1;
		}
		if (c == 'l' && sw_addr_parse(&o->control, sw_str_of(optarg), SW_REFLECT_PORT) < 0) {
			fprintf(stderr, "sipward reflect: --listen %s: an address, or address:port\n", optarg);
			return SW_EXIT_USAGE;
		}
		if (c == 'p' && sw_str_u32(sw_str_of(optarg), 65535, &sip_port) < 0) {
			fprintf(stderr, "sipward reflect: --sip-port %s: a number up to 65535\n", optarg);
			return SW_EXIT_USAGE;
		}
		if (c == 'u' && !parse_ports(optarg, o)) {
			fprintf(stderr, "sipward reflect: --udp %s: at most %d ports, separated by commas\n", optarg,
				SW_REFLECT_UDP_MAX);
			return SW_EXIT_USAGE;
		}
		if (c == 's')
			*secret_file = optarg;
		if (c == '?')
			return SW_EXIT_USAGE;
	}
	if (optind < argc) {
		fprintf(stderr, "sipward reflect: what is \"%s\"?\n", argv[optind]);
		return SW_EXIT_USAGE;
	}
	o->sip = o->control;
	sw_addr_set_port(&o->sip, (uint16_t)sip_port);
	return SW_EXIT_OK;
}

int sw_cli_reflect(struct sw_cli *c, int argc, char **argv)
{
	struct sw_reflect_opts o = {
		.udp_ports = { 36000, 47998, 59998 }, .n_udp_ports = 3, .log = print_line, .ready = on_ready
	};
	struct sigaction action = { .sa_handler = on_signal }, ignore = { .sa_handler = SIG_IGN };
	char secret[SECRET_MAX + 1] = "", why[200];
	const char *secret_file = NULL;
	int status, err;

	(void)c;
	if (sw_addr_parse(&o.control, SW_STR("0.0.0.0"), SW_REFLECT_PORT) < 0)
		return SW_EXIT_INTERNAL;
	status = parse(argc, argv, &o, &secret_file);
	if (status)
		return status < 0 ? SW_EXIT_OK : status;
	status = read_secret(secret_file, secret);
	if (status)
		return status;
	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) < 0 || sigaction(SIGINT, &action, NULL) < 0 ||
	    sigaction(SIGTERM, &action, NULL) < 0 || sigaction(SIGPIPE, &ignore, NULL) < 0) {
		fprintf(stderr, "sipward reflect: %s\n", strerror(errno));
		return SW_EXIT_INTERNAL;
	}
	o.secret = secret;
	o.stop_fd = stop_pipe[0];
	err = sw_reflect_run(&o, why);
	explicit_bzero(secret, sizeof(secret));
	if (err < 0)
		fprintf(stderr, "sipward reflect: %s\n", why);
	return err < 0 ? 71 : SW_EXIT_OK; /* EX_OSERR: it can't be bound */
}
