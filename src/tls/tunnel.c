/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tunnel.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "tls/tls_int.h"

enum { MS_MAX = 600000, CERT_MAX = 64 << 10 };

struct sw_tunnel {
	CURL *curl;
	struct curl_slist *resolve;
	char error[CURL_ERROR_SIZE];
};

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static const struct {
	unsigned ours;
	unsigned long curls;
	const char *name;
} auths[] = {
	{ SW_PROXY_NONE, CURLAUTH_NONE, "none" },
	{ SW_PROXY_BASIC, CURLAUTH_BASIC, "basic" },
	{ SW_PROXY_DIGEST, CURLAUTH_DIGEST, "digest" },
	{ SW_PROXY_NTLM, CURLAUTH_NTLM, "ntlm" },
	{ SW_PROXY_NEGOTIATE, CURLAUTH_NEGOTIATE, "negotiate" },
};

const char *sw_proxy_auth_name(unsigned auth)
{
	for (size_t i = 0; i < sizeof(auths) / sizeof(auths[0]); i++)
		if (auths[i].ours == auth)
			return auths[i].name;
	return "unknown";
}

static unsigned ours_of(long curls)
{
	unsigned set = 0;

	for (size_t i = 1; i < sizeof(auths) / sizeof(auths[0]); i++)
		set |= (unsigned long)curls & auths[i].curls ? auths[i].ours : 0;
	return set;
}

/* --- what the host showed --- */

/* libcurl hands certificates out as text; the leaf is the first. */
static X509 *leaf_of(CURL *curl)
{
	struct curl_certinfo *info = NULL;
	X509 *x = NULL;

	if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) != CURLE_OK || !info || info->num_of_certs < 1)
		return NULL;
	for (struct curl_slist *s = info->certinfo[0]; s && !x; s = s->next) {
		BIO *b;

		if (strncmp(s->data, "Cert:", 5) != 0 || strlen(s->data) > CERT_MAX)
			continue;
		b = BIO_new_mem_buf(s->data + 5, -1);
		x = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;
		BIO_free(b);
	}
	return x;
}

static void note_certificate(CURL *curl, const struct sw_tunnel_opts *o, struct sw_tunnel_facts *f)
{
	unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	X509 *leaf = leaf_of(curl);
	unsigned char digest[32];
	long verify = 0;

	f->tls = leaf != NULL;
	if (leaf && X509_digest(leaf, EVP_sha256(), digest, NULL)) {
		sw_hex(f->sha256, digest, sizeof(digest));
		sw_x509_name_text(X509_get_issuer_name(leaf), f->issuer, sizeof(f->issuer));
	}
	if (curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verify) == CURLE_OK && verify != X509_V_OK)
		snprintf(f->doubt, sizeof(f->doubt), "%.150s", X509_verify_cert_error_string(verify));
	else if (!leaf)
		snprintf(f->doubt, sizeof(f->doubt), "no certificate was seen");
	else if (X509_check_host(leaf, o->host, strlen(o->host), flags, NULL) != 1 && X509_check_ip_asc(leaf, o->host, 0) != 1)
		snprintf(f->doubt, sizeof(f->doubt), "the certificate does not carry %.100s", o->host);
	X509_free(leaf);
}

/* --- opening --- */

static struct curl_slist *pin(const char *url, const char *host, uint16_t port, const struct sw_addr *addr)
{
	char line[400], text[SW_ADDR_STRLEN], name[256] = "";
	const char *p = host;
	size_t n;

	if (url) { /* of the proxy's URL, the host */
		p = strstr(url, "://");
		p = p ? p + 3 : url;
		n = *p == '[' ? 0 : strcspn(p, ":/");
		if (n == 0 || !sw_str_copy(name, sizeof(name), (struct sw_str){ p, n }))
			return NULL; /* an IPv6 literal needs no lookup */
		p = name;
	}
	snprintf(line, sizeof(line), sw_addr_family(addr) == AF_INET6 ? "%s:%u:[%s]" : "%s:%u:%s", p, port,
		 sw_addr_host_text(addr, text));
	return curl_slist_append(NULL, line);
}

/* Where it does not enforce them, libcurl loads no CAs, and every certificate would be of an unknown one. */
static CURLcode load_cas(CURL *curl, void *ctx, void *arg)
{
	(void)curl;
	(void)arg;
	if (SSL_CTX_set_default_verify_paths(ctx) != 1)
		ERR_clear_error(); /* a store that cannot be read shows as a doubt */
	return CURLE_OK;
}

static bool set_options(struct sw_tunnel *t, const struct sw_tunnel_opts *o)
{
	long ms = o->ms > MS_MAX ? MS_MAX : (long)o->ms;
	unsigned long auth = CURLAUTH_NONE;
	struct sw_addr literal;
	char url[300];
	bool v6 = sw_addr_parse(&literal, sw_str_of(o->host), 0) == SW_OK && sw_addr_family(&literal) == AF_INET6;
	CURL *c = t->curl;
	bool ok;

	for (size_t i = 0; i < sizeof(auths) / sizeof(auths[0]); i++)
		if (auths[i].ours == o->auth)
			auth = auths[i].curls;
	snprintf(url, sizeof(url), v6 ? "%s://[%s]:%u/" : "%s://%s:%u/", o->tls ? "https" : "http", o->host, o->port);
	t->resolve = o->proxy ? pin(o->proxy, NULL, sw_addr_port(&o->proxy_addr), &o->proxy_addr)
			      : pin(NULL, o->host, o->port, &o->addr);
	ok = curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK && curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, ms) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, ms) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_RESOLVE, t->resolve) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_CERTINFO, 1L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, load_cas) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSL_ENABLE_ALPN, 0L) == CURLE_OK &&
	     /* "" and not NULL: the environment's proxies are not asked for here */
	     curl_easy_setopt(c, CURLOPT_PROXY, o->proxy ? o->proxy : "") == CURLE_OK;
	if (ok && o->proxy)
		ok = curl_easy_setopt(c, CURLOPT_HTTPPROXYTUNNEL, 1L) == CURLE_OK &&
		     curl_easy_setopt(c, CURLOPT_PROXYAUTH, auth) == CURLE_OK &&
		     (!o->user || curl_easy_setopt(c, CURLOPT_PROXYUSERNAME, o->user) == CURLE_OK) &&
		     (!o->password || curl_easy_setopt(c, CURLOPT_PROXYPASSWORD, o->password) == CURLE_OK);
	return ok;
}

static int connect_now(struct sw_tunnel *t, const struct sw_tunnel_opts *o, struct sw_tunnel_facts *f)
{
	CURLcode rc = curl_easy_perform(t->curl);
	long avail = 0;

	if (o->proxy && (curl_easy_getinfo(t->curl, CURLINFO_HTTP_CONNECTCODE, &f->status) != CURLE_OK ||
			 curl_easy_getinfo(t->curl, CURLINFO_PROXYAUTH_AVAIL, &avail) != CURLE_OK))
		f->status = 0;
	f->offered = ours_of(avail);
	if (rc == CURLE_OK) {
		if (o->tls)
			note_certificate(t->curl, o, f);
		return SW_OK;
	}
	snprintf(f->why, sizeof(f->why), "%.150s", t->error[0] ? t->error : curl_easy_strerror(rc));
	return rc == CURLE_OPERATION_TIMEDOUT ? SW_ETIMEOUT : SW_ECLOSED;
}

int sw_tunnel_open(struct sw_tunnel **out, const struct sw_tunnel_opts *o, struct sw_tunnel_facts *facts)
{
	struct sw_tunnel *t = calloc(1, sizeof(*t));
	int err = SW_ENOMEM;

	*facts = (struct sw_tunnel_facts){ .why = "out of memory" };
	if (!t)
		return err;
	t->curl = curl_easy_init();
	if (t->curl && set_options(t, o)) {
		facts->why[0] = '\0';
		err = connect_now(t, o, facts);
	}
	if (err < 0)
		sw_tunnel_close(t);
	else
		*out = t;
	return err;
}

void sw_tunnel_close(struct sw_tunnel *t)
{
	if (!t)
		return;
	curl_easy_cleanup(t->curl);
	curl_slist_free_all(t->resolve);
	free(t);
}

/* --- talking --- */

static bool wait_for(struct sw_tunnel *t, short events, int64_t deadline)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	int64_t left = deadline - clock_ms();
	struct pollfd p;

	if (left <= 0 || curl_easy_getinfo(t->curl, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD)
		return false;
	p = (struct pollfd){ .fd = fd, .events = events };
	return poll(&p, 1, (int)left) > 0;
}

int sw_tunnel_send(struct sw_tunnel *t, struct sw_str s, uint64_t ms)
{
	int64_t deadline = clock_ms() + (int64_t)(ms > MS_MAX ? MS_MAX : ms);

	while (s.n) {
		size_t n = 0;
		CURLcode rc = curl_easy_send(t->curl, s.p, s.n, &n);

		if (rc == CURLE_AGAIN && !wait_for(t, POLLOUT, deadline))
			return SW_ETIMEOUT;
		if (rc != CURLE_OK && rc != CURLE_AGAIN)
			return SW_ECLOSED;
		s = (struct sw_str){ s.p + n, s.n - n };
	}
	return SW_OK;
}

ssize_t sw_tunnel_recv(struct sw_tunnel *t, void *p, size_t n, uint64_t ms)
{
	int64_t deadline = clock_ms() + (int64_t)(ms > MS_MAX ? MS_MAX : ms);

	for (;;) {
		size_t got = 0;
		CURLcode rc = curl_easy_recv(t->curl, p, n, &got);

		if (rc == CURLE_OK)
			return got ? (ssize_t)got : SW_ECLOSED;
		if (rc != CURLE_AGAIN)
			return SW_ECLOSED;
		if (!wait_for(t, POLLIN, deadline))
			return SW_ETIMEOUT;
	}
}
