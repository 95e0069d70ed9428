/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check_options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/cert.h"

enum option_id {
	O_PROFILE, O_ZONE, O_CONFIG, O_CERT, O_KEY, O_CHAIN, O_CA, O_FROM_HOST, O_AT, O_V4, O_V6, O_DNS, O_TRUST_ANCHOR, O_PROXY, O_PROXY_USER,
	O_PROXY_PASSWORD_FILE, O_VIA, O_VIA_SECRET_FILE, O_TURN_HOST, O_TURN_USER, O_TURN_PASSWORD_FILE, O_NTP, O_WEBSOCKET, O_AWS,
	O_ALLOW, O_TIMEOUT, O_DEADLINE, O_OUTPUT, O_OUTPUT_FILE, O_FAIL_ON, O_BASELINE, O_PROGRESS, O_QUIET, O_VERBOSE, O_NO_COLOR,
	O_DESCRIBE, O_HELP, O_COUNT
};

/* words: what completion offers; "FILE" for files. */
static const struct {
	const char *name;
	char letter;
	const char *arg, *words, *doc;
} table[O_COUNT] = {
	[O_PROFILE] = { "profile", 'p', "NAME", "b2b teams twilio webex-app webex-edge-audio webex-hybrid whereby zoom",
			"The provider's demands to judge by, or the path of a file of your own; b2b unless given." },
	[O_ZONE] = { "zone", 'z', "NAME", NULL, "Judge the peer as this zone of the configuration would: its names, trust list and policy." },
	[O_CONFIG] = { "config", 'f', "FILE", "FILE", "The daemon's configuration. Without a target the whole deployment is checked." },
	[O_CERT] = { "cert", 0, "FILE", "FILE", "Our certificate, PEM, shown as a client; the zone's unless given." },
	[O_KEY] = { "key", 0, "FILE", "FILE", "Its private key." },
	[O_CHAIN] = { "chain", 0, "FILE", "FILE", "Its intermediates." },
	[O_CA] = { "ca", 0, "FILE", "FILE", "The CAs to trust, PEM; the zone's, or else the system's unless given." },
	[O_FROM_HOST] = { "from-host", 0, NULL, NULL, "This machine is the edge: look at its ports, limits, clock and addresses too." },
	[O_AT] = { "at", 0, "TIME", NULL, "Judge certificates as of that time, like 2027-03-15T00:00:00Z." },
	[O_V4] = { "ipv4", '4', NULL, NULL, "IPv4 only." },
	[O_V6] = { "ipv6", '6', NULL, NULL, "IPv6 only." },
	[O_DNS] = { "dns", 0, "SERVER", NULL, "Ask this DNS server, an address with :PORT if it is not 53; several, with commas." },
	[O_TRUST_ANCHOR] = { "trust-anchor", 0, "FILE", "FILE", "Judge DNSSEC from these DS or DNSKEY records, one to a line; the root's unless given." },
	[O_PROXY] = { "proxy", 0, "URL", NULL, "Check the way through this HTTP proxy, http://HOST:PORT." },
	[O_PROXY_USER] = { "proxy-user", 0, "NAME", NULL, "Who we are to the proxy; the password is in SIPWARD_PROXY_PASSWORD or a file." },
	[O_PROXY_PASSWORD_FILE] = { "proxy-password-file", 0, "FILE", "FILE", "A file with the proxy's password, not readable by others." },
	[O_VIA] = { "via", 0, "HOST[:PORT]", NULL, "A sipward reflect on the outside, for what must come in." },
	[O_VIA_SECRET_FILE] = { "via-secret-file", 0, "FILE", "FILE", "A file with its token; or SIPWARD_REFLECT_SECRET." },
	[O_TURN_HOST] = { "turn-host", 0, "HOST:PORT", NULL, "A TURN server to try, where the profile names only a pattern." },
	[O_TURN_USER] = { "turn-user", 0, "NAME", NULL, "Who we are to the TURN server; the password is in SIPWARD_TURN_PASSWORD or a file." },
	[O_TURN_PASSWORD_FILE] = { "turn-password-file", 0, "FILE", "FILE", "A file with the TURN password, not readable by others." },
	[O_NTP] = { "ntp", 0, "HOST", NULL, "The time server to compare the clock with; the profile's unless given." },
	[O_WEBSOCKET] = { "websocket", 0, "URL", NULL, "Try a WebSocket upgrade there, wss://HOST/PATH." },
	[O_AWS] = { "aws", 0, "FILE", "FILE", "A copy of the AWS address feed, ip-ranges.json, for profiles that live there." },
	[O_ALLOW] = { "allow", 0, "NETWORK", NULL, "DNS may lead into this private or loopback network, 10.0.0.0/8; again, or with commas." },
	[O_TIMEOUT] = { "timeout", 0, "TIME", NULL, "For one exchange: 5s unless given; 500ms, 10s, 2m." },
	[O_DEADLINE] = { "deadline", 0, "TIME", NULL, "For all: 60s unless given. What is missing then is unknown." },
	[O_OUTPUT] = { "output", 'o', "FORM", "text json jsonl junit html nagios prom", "text, json, jsonl, junit, html, nagios or prom." },
	[O_OUTPUT_FILE] = { "output-file", 0, "FILE", "FILE", "Write the report there, whole or not at all." },
	[O_FAIL_ON] = { "fail-on", 0, "LEVEL", "warn fail", "warn: warnings make the exit status 1; fail unless given." },
	[O_BASELINE] = { "baseline", 0, "FILE", "FILE", "Tell what changed since this report, written with -o json." },
	[O_PROGRESS] = { "progress", 0, "MODE", "auto plain none", "auto: live on a terminal, lines in CI; plain; none." },
	[O_QUIET] = { "quiet", 'q', NULL, NULL, "No progress; of a text report only what is not fine." },
	[O_VERBOSE] = { "verbose", 'v', NULL, NULL, "In a text report also what passed, with the evidence." },
	[O_NO_COLOR] = { "no-color", 0, NULL, NULL, "No colours; NO_COLOR does the same." },
	[O_DESCRIBE] = { "describe", 0, "FORM", "mdoc words", "Print this table: mdoc for the man page, words for completion." },
	[O_HELP] = { "help", 'h', NULL, NULL, "Print this." },
};

/* --- the table, printed --- */

static void help(void)
{
	puts("sipward check: will it work? Before go-live, with the daemon's own eyes.\n\n"
	     "usage: sipward check [option]... TARGET...\n"
	     "       sipward check [option]... -f CONF\n"
	     "       sipward check -p NAME [option]...           what stands around: media, proxies, time, networks\n\n"
	     "A TARGET is a domain, HOST:PORT or a SIP URI. Port 5060 is taken as clear text, any other as TLS.\n");
	for (int i = 0; i < O_COUNT; i++) {
		char left[64];

		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", table[i].letter ? '-' : ' ', table[i].letter ? table[i].letter : ' ',
			 table[i].letter ? "," : " ", table[i].name, table[i].arg ? " " : "", table[i].arg ? table[i].arg : "");
		printf("  %-30s %s\n", left, table[i].doc);
	}
	puts("\nEvery option has a name in the environment: --fail-on is SIPWARD_FAIL_ON; what stands on the command line counts.\n"
	     "Exit status: 0 passed, 1 warnings with --fail-on warn, 2 failures, 3 could not be determined, 64 usage, 66 no input,\n"
	     "78 configuration. See sipward-check(1).");
}

static void describe_mdoc(void)
{
	for (int i = 0; i < O_COUNT; i++) {
		fputs(".It ", stdout);
		if (table[i].letter)
			printf("Fl %c , ", table[i].letter);
		printf("Fl -%s", table[i].name);
		if (table[i].arg) {
			fputs(" Ar ", stdout);
			for (const char *s = table[i].arg; *s; s++)
				putchar(tolower((unsigned char)*s));
		}
		putchar('\n');
		/* A sentence to a line. */
		for (const char *s = table[i].doc; *s; s++) {
			if (s[0] == '.' && s[1] == ' ') {
				fputs(".\n", stdout);
				s++;
			} else {
				putchar(*s);
			}
		}
		putchar('\n');
	}
}

/* "--name= letter words" for each, "=" where a value follows: the completion of the shell reads it. */
static void describe_words(void)
{
	for (int i = 0; i < O_COUNT; i++)
		printf("--%s%s %c %s\n", table[i].name, table[i].arg ? "=" : "", table[i].letter ? table[i].letter : '-',
		       table[i].words ? table[i].words : "");
}

/* --- values --- */

static int bad(int id, const char *value, const char *what)
{
	fprintf(stderr, "sipward: --%s %s: %s\n", table[id].name, value, what);
	return SW_EXIT_USAGE;
}

static int take_time(int id, const char *value, uint64_t *out)
{
	size_t digits = strspn(value, "0123456789");
	uint32_t n;
	uint64_t unit = !strcmp(value + digits, "ms") ? 1 : !strcmp(value + digits, "m") ? 60000 : 1000;

	if (sw_str_u32((struct sw_str){ value, digits }, 86400000, &n) < 0 || n == 0 ||
	    (value[digits] && strcmp(value + digits, "s") && strcmp(value + digits, "ms") && strcmp(value + digits, "m")))
		return bad(id, value, "a time, like 500ms, 5s or 2m");
	*out = n * unit;
	return SW_EXIT_OK;
}

/* The next of a list with commas; false at its end. */
static bool part(const char **list, struct sw_str *out)
{
	size_t n = strcspn(*list, ",");

	if (n == 0 && !**list)
		return false;
	*out = sw_str_trim((struct sw_str){ *list, n });
	*list += n + ((*list)[n] == ',');
	return true;
}

static int take_networks(struct sw_check_cli *k, const char *value)
{
	const char *rest = value;
	struct sw_str one;

	while (part(&rest, &one)) {
		if (k->run.n_allowed == SW_CHECK_NETWORKS)
			return bad(O_ALLOW, value, "too many networks");
		if (sw_prefix_parse(&k->networks[k->run.n_allowed], one) < 0)
			return bad(O_ALLOW, value, "a network, like 10.0.0.0/8");
		k->run.n_allowed++;
	}
	return SW_EXIT_OK;
}

static int take_servers(struct sw_check_cli *k, const char *value)
{
	const char *rest = value;
	struct sw_str one;

	k->dns.n_servers = 0;
	while (part(&rest, &one)) {
		if (k->dns.n_servers == SW_CHECK_SERVERS)
			return bad(O_DNS, value, "too many servers");
		if (sw_addr_parse(&k->servers[k->dns.n_servers].addr, one, 53) < 0)
			return bad(O_DNS, value, "an address, with :PORT if it is not 53");
		k->dns.n_servers++;
	}
	k->dns.servers = k->servers;
	return SW_EXIT_OK;
}

/* A password never stands on a command line, where ps(1) shows it. */
static int take_secret(int id, const char *path, char **out)
{
	char line[512];
	struct stat st;
	FILE *f = fopen(path, "re");
	bool got;

	if (!f || fstat(fileno(f), &st) < 0) {
		fprintf(stderr, "sipward: --%s %s: can't be read\n", table[id].name, path);
		if (f)
			fclose(f);
		return SW_EXIT_NO_INPUT;
	}
	if (S_ISREG(st.st_mode) && (st.st_mode & S_IROTH)) {
		fclose(f);
		return bad(id, path, "others can read it: chmod 600");
	}
	got = fgets(line, sizeof(line), f) != NULL;
	fclose(f);
	if (!got)
		return bad(id, path, "it is empty");
	line[strcspn(line, "\r\n")] = '\0';
	free(*out);
	*out = sw_str_dup(sw_str_of(line));
	explicit_bzero(line, sizeof(line));
	return *out ? SW_EXIT_OK : SW_EXIT_INTERNAL;
}

static int take_at(struct sw_check_cli *k, const char *value)
{
	struct sw_case when = { 0 };
	char why[160];

	if (!sw_case_set_time(&when, value, why))
		return bad(O_AT, value, "a time, like 2027-03-15T00:00:00Z");
	k->run.at = when.policy.now;
	return SW_EXIT_OK;
}

static int take_word(int id, const char *value, const char **out)
{
	const char *w = table[id].words;
	size_t n = strlen(value);

	while (*w) {
		size_t len = strcspn(w, " ");

		if (len == n && !strncmp(w, value, n)) {
			*out = value;
			return SW_EXIT_OK;
		}
		w += len + (w[len] == ' ');
	}
	fprintf(stderr, "sipward: --%s %s: one of %s\n", table[id].name, value, table[id].words);
	return SW_EXIT_USAGE;
}

static int take_proxy(struct sw_check_cli *k, const char *value)
{
	const char *host = strstr(value, "://");

	if (strchr(host ? host + 3 : value, '@')) {
		fprintf(stderr, "sipward: --proxy: no name or password in the URL, where ps(1) shows them: --proxy-user and "
				"SIPWARD_PROXY_PASSWORD\n");
		return SW_EXIT_USAGE;
	}
	k->run.proxy = value;
	return SW_EXIT_OK;
}

static int take(struct sw_check_cli *k, int id, const char *value)
{
	const char *word = NULL;
	int status;

	switch ((enum option_id)id) {
	case O_PROFILE: k->profile = value; k->profile_given = true; break;
	case O_ZONE: k->zone = value; break;
	case O_CONFIG: k->config = value; k->config_given = true; break;
	case O_CERT: k->run.cert = value; break;
	case O_KEY: k->run.key = value; break;
	case O_CHAIN: k->run.chain = value; break;
	case O_CA: k->run.ca = value; break;
	case O_FROM_HOST: k->run.from_host = true; break;
	case O_AT: return take_at(k, value);
	case O_V4: k->run.family = AF_INET; break;
	case O_V6: k->run.family = AF_INET6; break;
	case O_DNS: return take_servers(k, value);
	case O_PROXY: return take_proxy(k, value);
	case O_PROXY_USER: k->run.proxy_user = value; break;
	case O_PROXY_PASSWORD_FILE: return take_secret(id, value, &k->proxy_password);
	case O_VIA: k->run.reflector = value; break;
	case O_VIA_SECRET_FILE: return take_secret(id, value, &k->reflector_secret);
	case O_TURN_HOST: k->run.turn_host = value; break;
	case O_TURN_USER: k->run.turn_user = value; break;
	case O_TURN_PASSWORD_FILE: return take_secret(id, value, &k->turn_password);
	case O_NTP: k->run.ntp_host = value; break;
	case O_TRUST_ANCHOR: k->run.trust_anchor = value; break;
	case O_WEBSOCKET: k->run.websocket = value; break;
	case O_AWS: k->run.aws_feed = value; break;
	case O_ALLOW: return take_networks(k, value);
	case O_TIMEOUT: return take_time(id, value, &k->run.timeout_ms);
	case O_DEADLINE: return take_time(id, value, &k->run.deadline_ms);
	case O_OUTPUT: return take_word(id, value, &k->form);
	case O_OUTPUT_FILE: k->output_file = value; break;
	case O_FAIL_ON:
		status = take_word(id, value, &word);
		k->fail_on_warn = word && !strcmp(word, "warn");
		return status;
	case O_BASELINE: k->baseline = value; break;
	case O_PROGRESS: return take_word(id, value, &k->progress);
	case O_QUIET: k->quiet = true; break;
	case O_VERBOSE: k->verbose = true; break;
	case O_NO_COLOR: k->no_color = true; break;
	case O_DESCRIBE:
	case O_HELP:
	case O_COUNT: break;
	}
	return SW_EXIT_OK;
}

/* --- where they come from --- */

static const char *from_environment(int id)
{
	char name[64];
	int n = snprintf(name, sizeof(name), "SIPWARD_%s", table[id].name);

	for (int i = 0; i < n; i++)
		name[i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
	return getenv(name);
}

static int take_environment(struct sw_check_cli *k)
{
	static const struct {
		const char *name;
		size_t at;
	} secrets[] = {
		{ "SIPWARD_TURN_PASSWORD", offsetof(struct sw_check_cli, turn_password) },
		{ "SIPWARD_PROXY_PASSWORD", offsetof(struct sw_check_cli, proxy_password) },
		{ "SIPWARD_REFLECT_SECRET", offsetof(struct sw_check_cli, reflector_secret) },
	};

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		const char *value = getenv(secrets[i].name);
		char **at = (char **)((char *)k + secrets[i].at);

		if (value && !(*at = sw_str_dup(sw_str_of(value))))
			return SW_EXIT_INTERNAL;
	}
	for (int i = 0; i < O_DESCRIBE; i++) {
		const char *value = from_environment(i);
		int status;

		if (!value || !*value || (!table[i].arg && (!strcmp(value, "0") || !strcmp(value, "false"))))
			continue;
		status = take(k, i, value);
		if (status != SW_EXIT_OK)
			return status;
	}
	return SW_EXIT_OK;
}

static int take_arguments(struct sw_check_cli *k, int argc, char **argv, bool *done)
{
	struct option options[O_COUNT + 1] = { 0 };
	char letters[2 * O_COUNT + 1], *l = letters;
	size_t networks = k->run.n_allowed;
	int c, status = SW_EXIT_OK;

	for (int i = 0; i < O_COUNT; i++) {
		options[i] = (struct option){ table[i].name, table[i].arg ? required_argument : no_argument, NULL, 256 + i };
		if (table[i].letter) {
			*l++ = table[i].letter;
			if (table[i].arg)
				*l++ = ':';
		}
	}
	*l = '\0';
	optind = 0;   /* options may follow the targets */
	while (status == SW_EXIT_OK && (c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		int id = c - 256;

		for (int i = 0; c < 256 && i < O_COUNT; i++)
			if (table[i].letter == c)
				id = i;
		if (c == '?') {
			fputs("sipward check --help lists the options\n", stderr);
			return SW_EXIT_USAGE;
		}
		if (id == O_ALLOW && networks) {
			/* The command line's networks replace the environment's, they do not add to them. */
			k->run.n_allowed = networks = 0;
		}
		if (id == O_HELP || id == O_DESCRIBE) {
			*done = true;
			if (id == O_HELP)
				help();
			else if (!strcmp(optarg, "mdoc"))
				describe_mdoc();
			else
				describe_words();
			return SW_EXIT_OK;
		}
		status = take(k, id, optarg);
	}
	return status;
}

bool sw_check_cli_is_nagios(int argc, char **argv)
{
	const char *form = from_environment(O_OUTPUT);

	for (int i = 1; i < argc; i++) {
		if ((!strcmp(argv[i], "-o") || !strcmp(argv[i], "--output")) && i + 1 < argc)
			form = argv[++i];
		else if (!strncmp(argv[i], "-o", 2) && argv[i][2])
			form = argv[i] + 2;
		else if (!strncmp(argv[i], "--output=", 9))
			form = argv[i] + 9;
	}
	return form && !strcmp(form, "nagios");
}

/* Is there something to look at without a target? */
static bool has_surroundings(const struct sw_check_cli *k)
{
	const struct sw_check_options *r = &k->run;

	return k->profile_given || r->from_host || r->reflector || r->proxy || r->ntp_host || r->turn_host || r->websocket || r->cert;
}

int sw_check_cli_parse(struct sw_check_cli *k, const struct sw_cli *cli, int argc, char **argv, int *first, bool *done)
{
	int status;

	*k = (struct sw_check_cli){
		.profile = "b2b",
		.config = cli->config,
		.config_given = cli->config_given,
		.form = cli->json ? "json" : "text",
		.progress = "auto",
		.dns = { .timeout = 2000, .tries = 2, .min_ttl = 5000, .max_ttl = 3600000, .negative_ttl = 300000, .cache_entries = 10000 },
	};
	k->run.family = AF_UNSPEC;
	k->run.allowed = k->networks;
	*done = false;
	status = take_environment(k);
	if (status == SW_EXIT_OK)
		status = take_arguments(k, argc, argv, done);
	*first = optind;
	if (status != SW_EXIT_OK || *done)
		return status;
	k->run.turn_password = k->turn_password;
	k->run.proxy_password = k->proxy_password;
	k->run.reflector_secret = k->reflector_secret;
	if (optind == argc && !k->config_given && !has_surroundings(k)) {
		fputs("sipward: there is nothing to check: a domain, HOST:PORT or SIP URI, -f CONF for the whole deployment, or what stands\n"
		      "around it: --profile, --from-host, --via, --proxy, --ntp, --turn-host, --websocket, --cert\n"
		      "usage: sipward check [option]... TARGET...   (sipward check --help lists the options)\n", stderr);
		return SW_EXIT_USAGE;
	}
	if ((k->run.cert && !k->run.key) || (k->run.key && !k->run.cert)) {
		fputs("sipward: --cert and --key go together\n", stderr);
		return SW_EXIT_USAGE;
	}
	return SW_EXIT_OK;
}

/* --- what they name --- */

/* The certificate the daemon would show to that zone. */
static void take_zone_cert(struct sw_check_cli *k)
{
	const struct sw_conf_zone *z = k->run.zone;
	const struct sw_conf_listener *l = z->listeners.n ? sw_conf_listener(k->loaded_conf, z->listeners.v[0]) : NULL;
	const struct sw_conf_cert *cert = z->client_cert.cert ? &z->client_cert : l ? &l->cert : NULL;

	if (k->run.cert || z->client_cert_none || !cert)
		return;
	k->run.cert = cert->cert;
	k->run.key = cert->key;
	k->run.chain = cert->chain;
}

static int load_conf(struct sw_check_cli *k)
{
	struct sw_cli cli = { .config = k->config };
	int status;

	if (!k->config_given && !k->zone)
		return SW_EXIT_OK;
	status = sw_cli_conf(&cli, &k->loaded_conf);
	if (status != SW_EXIT_OK)
		return status;
	k->run.conf = k->loaded_conf;
	if (k->dns.n_servers == 0)
		k->dns = k->loaded_conf->dns;
	if (!k->zone)
		return SW_EXIT_OK;
	k->run.zone = sw_conf_zone(k->loaded_conf, k->zone);
	if (!k->run.zone) {
		fprintf(stderr, "sipward: no zone \"%s\" in %s\n", k->zone, k->config);
		return SW_EXIT_USAGE;
	}
	take_zone_cert(k);
	return SW_EXIT_OK;
}

int sw_check_cli_load(struct sw_check_cli *k)
{
	struct sw_diag diag;
	int err, status;

	sw_diag_init(&diag);
	err = sw_profile_load(&k->loaded_profile, k->profile, getenv("SIPWARD_PROFILES"), &diag);
	if (err < 0)
		sw_cli_diag(&diag);
	if (err < 0 && diag.n == 0)
		fprintf(stderr, "sipward: profile %s: %s\n", k->profile, sw_error_text(err));
	sw_diag_free(&diag);
	if (err < 0)
		return err == SW_ENOTFOUND ? SW_EXIT_USAGE : SW_EXIT_CONFIG;
	k->run.profile = k->loaded_profile;
	status = load_conf(k);
	k->run.dns = &k->dns;
	return status;
}

void sw_check_cli_clear(struct sw_check_cli *k)
{
	char *secrets[] = { k->turn_password, k->proxy_password, k->reflector_secret };

	for (size_t i = 0; i < 3; i++) {
		if (secrets[i])
			explicit_bzero(secrets[i], strlen(secrets[i]));
		free(secrets[i]);
	}
	sw_profile_free(k->loaded_profile);
	sw_conf_unref(k->loaded_conf);
}
