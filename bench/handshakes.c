/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutual TLS handshakes in a closed loop: what one costs the server, or what a connection costs it in memory.
 *
 *	handshakes -t 127.0.0.1:5062 -c client.pem -k client.key -p PID [-n 1000] [-w 100] [-j 16] [-h] [-i] [-f inter.pem -F inter.key]
 *
 *	-t	where; -c, -k: the certificate with its chain, and its key
 *	-p	processes whose CPU (with -i: memory) is counted, with their children
 *	-n -w	how many are measured, and how many before that
 *	-j	at a time
 *	-h	HTTP servers: a GET is the probe; otherwise CRLF CRLF, the ping of RFC 5626
 *	-i	keep the connections, and tell memory per connection
 *	-f -F	a certificate of its own for each connection, issued by this CA: nothing the server remembers of a peer helps it
 *
 * In TLS 1.3 the client is done before the server has seen its certificate: the probe's answer says that the server is.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"

struct conn {
	int fd;
	SSL *ssl;
	bool asked;
	uint64_t since;
};

struct identity {
	X509 *cert;
	EVP_PKEY *key;
};

static const char *target, *cert, *key, *pids = "", *issuer_file, *issuer_key_file;
static unsigned total = 1000, warm = 100, at_once = 16, started, done, failed;
static bool http, keep;
static SSL_CTX *ctx;
static int ep;
static struct identity *identities;  /* -f: one per connection */
static X509 *issuer;
static double *latency;

/* --- -f: certificates made on the spot --- */

static void extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX c;
	X509_EXTENSION *e;

	X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	if (!e || !X509_add_ext(x, e, -1))
		sw_die("extension");
	X509_EXTENSION_free(e);
}

static struct identity identity_new(EVP_PKEY *issuer_key, long serial)
{
	struct identity id = { X509_new(), EVP_EC_gen("P-256") };
	X509_NAME *name = X509_NAME_new();

	X509_set_version(id.cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial);
	X509_gmtime_adj(X509_getm_notBefore(id.cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(id.cert), 86400);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"client.example.net", -1, -1, 0);
	X509_set_subject_name(id.cert, name);
	X509_NAME_free(name);
	X509_set_issuer_name(id.cert, X509_get_subject_name(issuer));
	X509_set_pubkey(id.cert, id.key);
	extension(id.cert, NID_basic_constraints, "critical,CA:FALSE");
	extension(id.cert, NID_key_usage, "critical,digitalSignature");
	extension(id.cert, NID_ext_key_usage, "clientAuth,serverAuth");
	extension(id.cert, NID_subject_alt_name, "DNS:client.example.net,URI:sip:client.example.net");
	if (!X509_sign(id.cert, issuer_key, EVP_sha256()))
		sw_die("sign");
	return id;
}

static void make_identities(void)
{
	FILE *f = fopen(issuer_file, "r"), *k = issuer_key_file ? fopen(issuer_key_file, "r") : NULL;
	EVP_PKEY *issuer_key = k ? PEM_read_PrivateKey(k, NULL, NULL, NULL) : NULL;

	issuer = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
	identities = calloc(total + warm, sizeof(*identities));
	if (!issuer || !issuer_key || !identities)
		sw_die(issuer_file);
	for (unsigned i = 0; i < total + warm; i++)
		identities[i] = identity_new(issuer_key, 1000 + (long)i);
	EVP_PKEY_free(issuer_key);
	fclose(f);
	fclose(k);
}

/* --- connections --- */

static void start(struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = c };

	*c = (struct conn){ .since = sw_now_ns(), .fd = sw_dial(target, started), .ssl = SSL_new(ctx) };
	if (!c->ssl || !SSL_set_fd(c->ssl, c->fd))
		sw_die("SSL_new");
	SSL_set_connect_state(c->ssl);
	if (identities) {
		struct identity *id = &identities[started];

		SSL_use_certificate(c->ssl, id->cert);
		SSL_use_PrivateKey(c->ssl, id->key);
		SSL_add1_chain_cert(c->ssl, issuer);
	}
	started++;
	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		sw_die("epoll");
}

/* 1: answered; 0: not yet; -1: refused or broken */
static int step(struct conn *c)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n", ping[] = "\r\n\r\n";
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	char answer[4096];
	int r = SSL_do_handshake(c->ssl);

	if (r == 1 && !c->asked) {
		r = http ? SSL_write(c->ssl, get, sizeof(get) - 1) : SSL_write(c->ssl, ping, sizeof(ping) - 1);
		c->asked = r > 0;
	}
	if (r > 0 && c->asked) {
		r = SSL_read(c->ssl, answer, sizeof(answer));
		if (r > 0)
			return 1;
	}
	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_WRITE:
		ev.events = EPOLLOUT;
		break;
	case SSL_ERROR_WANT_READ:
		break;
	default:
		if (failed == 0)
			ERR_print_errors_fp(stderr);
		ERR_clear_error();
		return -1;
	}
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
	return 0;
}

static void finish(struct conn *c)
{
	SSL_shutdown(c->ssl);
	ERR_clear_error();
	SSL_free(c->ssl);
	close(c->fd);
}

static void run(struct conn *conns, unsigned n_conns)
{
	unsigned used = 0, open = 0, all = total + warm;
	struct sw_usage before, after;
	struct epoll_event ev[64];
	uint64_t since = 0;
	double seconds;
	int n;

	sw_usage_of(pids, keep, &before);
	while (open || started == 0) {
		/* A few at a time: those that are open already must not wait for us. */
		for (int i = 0; i < 16 && used < at_once && started < all; i++, open++)
			start(&conns[used++]);
		n = epoll_wait(ep, ev, 64, used < at_once && started < all ? 0 : 20000);
		if (n == 0 && used < at_once && started < all)
			continue;
		if (n <= 0)
			sw_die("no answer for 20 seconds");
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;
			int r = step(c);

			if (r == 0)
				continue;
			open--;
			if (r < 0)
				failed++;
			else if (done++ >= warm)
				latency[done - warm - 1] = (double)(sw_now_ns() - c->since) / 1e3;
			if (done + failed == warm) {
				since = sw_now_ns();
				if (!keep)
					sw_usage_of(pids, false, &before);
			}
			if (!keep || r < 0)
				finish(c);
			else
				epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
			if (started < all && failed < 50) {
				start(keep && used < n_conns ? &conns[used++] : c);
				open++;
			}
		}
	}
	seconds = (double)(sw_now_ns() - since) / 1e9;
	if (keep)
		sleep(2);
	sw_usage_of(pids, keep, &after);
	printf("done=%u failed=%u per_s=%.0f cpu_us=%.1f p50_us=%.0f p99_us=%.0f", done, failed, (done - warm) / seconds,
	       (after.cpu_us - before.cpu_us) / (keep ? done : done - warm), sw_percentile(latency, done - warm, 50),
	       sw_percentile(latency, done - warm, 99));
	if (keep)
		printf(" kb_per_conn=%.1f kb_empty=%.0f", (after.pss_kb - before.pss_kb) / done, before.pss_kb);
	printf("\n");
}

int main(int argc, char **argv)
{
	struct rlimit files = { 65536, 65536 };
	unsigned n_conns;
	struct conn *conns;

	for (int o; (o = getopt(argc, argv, "t:c:k:p:n:w:j:hif:F:")) != -1;)
		switch (o) {
		case 't': target = optarg; break;
		case 'c': cert = optarg; break;
		case 'k': key = optarg; break;
		case 'p': pids = optarg; break;
		case 'n': total = (unsigned)atoi(optarg); break;
		case 'w': warm = (unsigned)atoi(optarg); break;
		case 'j': at_once = (unsigned)atoi(optarg); break;
		case 'h': http = true; break;
		case 'i': keep = true; break;
		case 'f': issuer_file = optarg; break;
		case 'F': issuer_key_file = optarg; break;
		default: return 2;
		}
	if (!target || !cert || !key || total == 0 || warm == 0 || at_once == 0) {
		fprintf(stderr, "usage: see the head of handshakes.c\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &files);
	n_conns = keep ? total + warm : at_once;
	conns = calloc(n_conns, sizeof(*conns));
	latency = calloc(total, sizeof(*latency));
	ep = epoll_create1(EPOLL_CLOEXEC);
	ctx = sw_load_ctx(false, cert, key, NULL);
	if (!conns || !latency || ep < 0)
		sw_die("memory");
	if (issuer_file)
		make_identities();
	run(conns, n_conns);
	return failed ? 1 : 0;
}
