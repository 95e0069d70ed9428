/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's side of fetching: a thread with one curl multi. Jobs come in by a list, go out by another. */
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <curl/curl.h>
#include "config.h"
#include "tls/http_int.h"

enum {
	CONNECTIONS_MAX = 16,          /* at once; the rest waits, and its deadline runs */
	REDIRECTS_MAX = 3,
	HEADERS_MAX = 64 << 10,
	IDLE_MS = 60000,
};

struct sw_http_transfer {
	CURL *easy;
	CURLSH *share;               /* its own cache of names: what one job is pinned to is nobody else's */
	struct curl_slist *resolve, *headers;
	unsigned redirects;
	size_t header_bytes;
	bool too_big;
	char error[CURL_ERROR_SIZE];
};

struct sw_http_thread {
	pthread_t thread;
	CURLM *multi;
	int fd;                      /* eventfd */
	pthread_mutex_t lock;        /* of the three below */
	struct sw_http_job *in, **in_last;
	struct sw_http_job *done, **done_last;
	bool stop;
	struct sw_http_job *active;  /* the thread's own */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* --- URLs --- */

static int url_fault(char why[SW_HTTP_DETAIL_MAX], const char *text)
{
	snprintf(why, SW_HTTP_DETAIL_MAX, "%s", text);
	return SW_EINVALID;
}

/* Names and addresses alone: what is odd here is an attempt at something. */
static bool copy_host(char host[SW_HTTP_HOST_MAX], const char *from)
{
	size_t n = strlen(from);

	if (n > 2 && from[0] == '[' && from[n - 1] == ']') {
		from++;
		n -= 2;
	}
	if (n == 0 || n >= SW_HTTP_HOST_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)from[i]) && !strchr(".-_:", from[i]))
			return false;
		host[i] = (char)tolower((unsigned char)from[i]);
	}
	host[n] = '\0';
	return true;
}

static int url_parts(CURLU *u, unsigned schemes, char host[SW_HTTP_HOST_MAX], uint16_t *port, bool *tls, char why[SW_HTTP_DETAIL_MAX])
{
	char *scheme = NULL, *name = NULL, *number = NULL, *user = NULL;
	uint32_t p;
	int err = SW_OK;

	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0)) {
		err = url_fault(why, "the URL has no scheme");
		goto out;
	}
	*tls = !strcmp(scheme, "https");
	if (!(*tls ? schemes & SW_HTTP_TLS : !strcmp(scheme, "http") ? schemes & SW_HTTP_PLAIN : 0))
		err = url_fault(why, *tls ? "https is not fetched here" : !strcmp(scheme, "http") ? "plain http is not fetched here" :
				"only http and https can be fetched");
	else if (curl_url_get(u, CURLUPART_HOST, &name, 0) || curl_url_get(u, CURLUPART_PORT, &number, CURLU_DEFAULT_PORT))
		err = url_fault(why, "the URL has no host or port");
	else if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
		err = url_fault(why, "the URL holds a user name");
	else if (!copy_host(host, name))
		err = url_fault(why, "the URL's host is neither a name nor an address");
	else if (sw_str_u32(sw_str_of(number), 65535, &p) < 0 || p == 0)
		err = url_fault(why, "the URL's port is out of range");
	else
		*port = (uint16_t)p;
out:
	curl_free(scheme);
	curl_free(name);
	curl_free(number);
	curl_free(user);
	return err;
}

int sw_http_url(const char *url, unsigned schemes, char host[SW_HTTP_HOST_MAX], uint16_t *port, bool *tls, char why[SW_HTTP_DETAIL_MAX])
{
	CURLU *u;
	int err;

	if (!url || strnlen(url, SW_HTTP_URL_MAX + 1) > SW_HTTP_URL_MAX)
		return url_fault(why, "the URL is too long");
	u = curl_url();
	if (!u)
		return SW_ENOMEM;
	if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME))
		err = url_fault(why, "the URL does not parse");
	else
		err = url_parts(u, schemes, host, port, tls, why);
	curl_url_cleanup(u);
	return err;
}

/* --- what libcurl calls --- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct sw_http_job *j = arg;

	sw_buf_put(&j->got, p, size * n);
	if (sw_buf_error(&j->got) == SW_OK)
		return size * n;
	j->transfer->too_big = true;
	return 0;
}

static bool is_header(struct sw_str line, struct sw_str name, struct sw_str *value)
{
	if (line.n <= name.n || line.p[name.n] != ':' || !sw_str_ieq((struct sw_str){ line.p, name.n }, name))
		return false;
	*value = sw_str_trim((struct sw_str){ line.p + name.n + 1, line.n - name.n - 1 });
	while (value->n && (value->p[value->n - 1] == '\r' || value->p[value->n - 1] == '\n'))
		value->n--;
	return true;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct sw_http_job *j = arg;
	struct sw_str line = { p, size * n }, value;
	char date[64];

	j->transfer->header_bytes += line.n;
	if (j->transfer->header_bytes > HEADERS_MAX) {
		j->transfer->too_big = true;
		return 0;
	}
	if (is_header(line, SW_STR("ETag"), &value)) {
		if (!sw_str_copy(j->result.etag, sizeof(j->result.etag), value))
			j->result.etag[0] = '\0';   /* half of one is none */
	} else if (is_header(line, SW_STR("Last-Modified"), &value) && sw_str_copy(date, sizeof(date), value)) {
		time_t t = curl_getdate(date, NULL);

		j->result.last_modified = t > 0 ? t : 0;
	}
	return line.n;
}

/* The address that is really connected to is one of those that were judged, whatever libcurl makes of names. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	const struct sw_http_job *j = arg;
	struct sw_addr a;

	(void)purpose;
	if (sw_addr_from_sockaddr(&a, &to->addr) < 0)
		return CURL_SOCKET_BAD;
	for (size_t i = 0; i < j->n_addrs; i++)
		if (sw_addr_same_host(&a, &j->addrs[i]))
			return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	return CURL_SOCKET_BAD;
}

/* --- a transfer --- */

static void transfer_free(struct sw_http_transfer *x)
{
	if (!x)
		return;
	curl_easy_cleanup(x->easy);
	curl_share_cleanup(x->share);
	curl_slist_free_all(x->resolve);
	curl_slist_free_all(x->headers);
	free(x);
}

static bool add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer)
		*list = longer;
	return longer != NULL;
}

static bool add_header(struct sw_http_transfer *x, const char *name, const char *value)
{
	char line[600];

	if (!value)
		return true;
	return (size_t)snprintf(line, sizeof(line), "%s: %s", name, value) < sizeof(line) && !strpbrk(line, "\r\n") &&
	       add_line(&x->headers, line);
}

/* "host:port:address,address": libcurl asks nobody else. */
static bool pin_addresses(struct sw_http_job *j, uint16_t port)
{
	char line[SW_HTTP_HOST_MAX + SW_HTTP_ADDRESSES_MAX * SW_ADDR_STRLEN + 16], text[SW_ADDR_STRLEN];
	struct sw_http_transfer *x = j->transfer;
	bool v6 = strchr(j->host, ':') != NULL;
	int n = snprintf(line, sizeof(line), "%s%s%s:%u:", v6 ? "[" : "", j->host, v6 ? "]" : "", port);

	for (size_t i = 0; i < j->n_addrs; i++)
		n += snprintf(line + n, sizeof(line) - (size_t)n, "%s%s", i ? "," : "", sw_addr_host_text(&j->addrs[i], text));
	curl_slist_free_all(x->resolve);
	x->resolve = NULL;
	return add_line(&x->resolve, line) && curl_easy_setopt(x->easy, CURLOPT_RESOLVE, x->resolve) == CURLE_OK;
}

/* By hand: libcurl's own condition would throw an older body away as well. RFC 9110 5.6.7; the locale is C. */
static bool add_since(struct sw_http_transfer *x, int64_t since)
{
	time_t t = (time_t)since;
	char date[64];
	struct tm tm;

	return !since || (gmtime_r(&t, &tm) && strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm) &&
			  add_header(x, "If-Modified-Since", date));
}

static bool set_headers(struct sw_http_job *j)
{
	struct sw_http_transfer *x = j->transfer;

	return add_since(x, j->modified_since) && add_header(x, "Accept", j->accept) && add_header(x, "If-None-Match", j->etag) &&
	       add_header(x, "Content-Type", j->post ? j->content_type : NULL) &&
	       (!j->post || add_line(&x->headers, "Expect:"));
}

#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)

static bool set_tls(CURL *easy, struct sw_http_job *j)
{
	struct curl_blob anchors = { .data = j->anchors, .len = j->anchors_len, .flags = CURL_BLOB_COPY };

	return SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) && SET(CURLOPT_CAINFO, NULL) &&
	       SET(CURLOPT_CAPATH, NULL) && SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       SET(CURLOPT_SSL_SESSIONID_CACHE, 0L) && (!j->anchors_len || SET(CURLOPT_CAINFO_BLOB, &anchors)) &&
	       (!j->pin || SET(CURLOPT_PINNEDPUBLICKEY, j->pin));
}

static bool set_request(CURL *easy, struct sw_http_job *j)
{
	struct sw_http_transfer *x = j->transfer;

	if (j->post && !(SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)j->body_len) && SET(CURLOPT_COPYPOSTFIELDS, j->body)))
		return false;
	return SET(CURLOPT_URL, j->url) && SET(CURLOPT_HTTPHEADER, x->headers) && SET(CURLOPT_USERAGENT, "sipward/" PACKAGE_VERSION);
}

/* Nothing of the environment: no proxy, no netrc, no cookie, no connection or name kept from another request. */
static bool set_bounds(CURL *easy, struct sw_http_job *j)
{
	const char *schemes = j->schemes == SW_HTTP_PLAIN ? "http" : j->schemes == SW_HTTP_TLS ? "https" : "http,https";

	return SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_PROTOCOLS_STR, schemes) && SET(CURLOPT_PROXY, "") &&
	       SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
	       SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(CURLOPT_FRESH_CONNECT, 1L) && SET(CURLOPT_FORBID_REUSE, 1L) &&
	       SET(CURLOPT_SHARE, j->transfer->share) && SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)j->max_bytes);
}

static bool set_callbacks(CURL *easy, struct sw_http_job *j)
{
	return SET(CURLOPT_PRIVATE, j) && SET(CURLOPT_ERRORBUFFER, j->transfer->error) && SET(CURLOPT_WRITEFUNCTION, on_body) &&
	       SET(CURLOPT_WRITEDATA, j) && SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, j) &&
	       SET(CURLOPT_OPENSOCKETFUNCTION, on_socket) && SET(CURLOPT_OPENSOCKETDATA, j);
}

/* What is left of its time; false: nothing. */
static bool set_time(CURL *easy, struct sw_http_job *j)
{
	int64_t left = j->deadline - sw_http_clock();

	if (left > 0)
		return SET(CURLOPT_TIMEOUT_MS, (long)left);
	sw_http_fail(j, SW_ETIMEOUT, "no answer in time");
	return false;
}

static bool transfer_new(struct sw_http_job *j)
{
	struct sw_http_transfer *x = calloc(1, sizeof(*x));

	if (!x)
		return false;
	j->transfer = x;
	x->easy = curl_easy_init();
	x->share = curl_share_init();
	return x->easy && x->share && curl_share_setopt(x->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) == CURLSHE_OK && set_headers(j) &&
	       set_bounds(x->easy, j) && set_callbacks(x->easy, j) && set_tls(x->easy, j) && set_request(x->easy, j) &&
	       pin_addresses(j, j->port);
}

static void finish(struct sw_http_thread *t, struct sw_http_job *j)
{
	if (j->transfer && j->transfer->easy)
		curl_multi_remove_handle(t->multi, j->transfer->easy);
	transfer_free(j->transfer);
	j->transfer = NULL;
	for (struct sw_http_job **p = &t->active; *p; p = &(*p)->next)
		if (*p == j) {
			*p = j->next;
			break;
		}
	sw_http_thread_return(t, j);
}

static void begin(struct sw_http_thread *t, struct sw_http_job *j)
{
	j->next = t->active;
	t->active = j;
	if (transfer_new(j) && set_time(j->transfer->easy, j) && curl_multi_add_handle(t->multi, j->transfer->easy) == CURLM_OK)
		return;
	if (j->result.err == SW_OK)
		sw_http_fail(j, SW_ENOMEM, "out of memory, or the request can't be made");
	finish(t, j);
}

/* --- its end --- */

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* True: under way again. Else the result says why not. */
static bool follow(struct sw_http_thread *t, struct sw_http_job *j)
{
	struct sw_http_transfer *x = j->transfer;
	char *to = NULL, host[SW_HTTP_HOST_MAX], why[SW_HTTP_DETAIL_MAX];
	uint16_t port;
	bool tls;

	if (curl_easy_getinfo(x->easy, CURLINFO_REDIRECT_URL, &to) || !to) {
		sw_http_fail(j, SW_EPARSE, "a redirect to nowhere");
		return false;
	}
	if (j->post || ++x->redirects > REDIRECTS_MAX) {
		sw_http_fail(j, SW_ELIMIT, j->post ? "answers with a redirect, to %.150s" : "too many redirects, the last to %.150s", to);
		return false;
	}
	if (sw_http_url(to, j->schemes, host, &port, &tls, why) < 0) {
		sw_http_fail(j, -EACCES, "redirects to %.100s: %.90s", to, why);
		return false;
	}
	if (strcmp(host, j->host)) {
		sw_http_fail(j, -EACCES, "redirects to another host, %.100s; that is not followed", host);
		return false;
	}
	if (tls && !j->anchors_len) {
		sw_http_fail(j, -EACCES, "redirects to https, and there are no anchors to judge the server by");
		return false;
	}
	curl_multi_remove_handle(t->multi, x->easy);
	sw_buf_clear(&j->got);
	j->result = (struct sw_http_result){ .err = SW_OK };
	if (curl_easy_setopt(x->easy, CURLOPT_URL, to) == CURLE_OK && pin_addresses(j, port) && set_time(x->easy, j) &&
	    curl_multi_add_handle(t->multi, x->easy) == CURLM_OK)
		return true;
	if (j->result.err == SW_OK)
		sw_http_fail(j, SW_ENOMEM, "out of memory");
	return false;
}

static int error_of(CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return SW_ETIMEOUT;
	case CURLE_OUT_OF_MEMORY:
		return SW_ENOMEM;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CIPHER:
		return SW_ECRYPTO;
	case CURLE_COULDNT_CONNECT:
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return SW_ECLOSED;
	default:
		return SW_EPARSE;
	}
}

static void on_done(struct sw_http_thread *t, struct sw_http_job *j, CURLcode code)
{
	struct sw_http_transfer *x = j->transfer;
	long status = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	j->result.status = (int)status;
	if (x->too_big || code == CURLE_FILESIZE_EXCEEDED)
		sw_http_fail(j, SW_ELIMIT, "the answer is larger than %zu bytes", j->max_bytes);
	else if (code == CURLE_OPERATION_TIMEDOUT)
		sw_http_fail(j, SW_ETIMEOUT, "no answer in time");
	else if (code != CURLE_OK)
		sw_http_fail(j, error_of(code), "%s", x->error[0] ? x->error : curl_easy_strerror(code));
	else if (is_redirect(j->result.status) && follow(t, j))
		return;
	else if (j->result.err == SW_OK && status != 200 && status != 304)
		sw_http_fail(j, SW_OK, "HTTP %ld", status);
	finish(t, j);
}

/* --- the thread --- */

static void push(struct sw_http_job ***last, struct sw_http_job *j)
{
	j->next = NULL;
	**last = j;
	*last = &j->next;
}

static bool take_in(struct sw_http_thread *t)
{
	struct sw_http_job *list, *j;
	bool stop;

	pthread_mutex_lock(&t->lock);
	list = t->in;
	t->in = NULL;
	t->in_last = &t->in;
	stop = t->stop;
	pthread_mutex_unlock(&t->lock);
	while ((j = list)) {
		list = j->next;
		if (stop)
			sw_http_thread_return(t, j);
		else
			begin(t, j);
	}
	return !stop;
}

static void drop_cancelled(struct sw_http_thread *t, bool all)
{
	struct sw_http_job *next;

	for (struct sw_http_job *j = t->active; j; j = next) {
		next = j->next;
		if (all || atomic_load(&j->cancelled))
			finish(t, j);
	}
}

static void *run(void *arg)
{
	struct sw_http_thread *t = arg;

	while (take_in(t)) {
		int running, left;
		CURLMsg *m;

		drop_cancelled(t, false);
		curl_multi_perform(t->multi, &running);
		while ((m = curl_multi_info_read(t->multi, &left))) {
			CURLcode code = m->data.result;
			struct sw_http_job *j = NULL;

			if (m->msg == CURLMSG_DONE && curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &j) == CURLE_OK && j)
				on_done(t, j, code);
		}
		curl_multi_poll(t->multi, NULL, 0, IDLE_MS, NULL);
	}
	drop_cancelled(t, true);
	return NULL;
}

void sw_http_thread_put(struct sw_http_thread *t, struct sw_http_job *j)
{
	pthread_mutex_lock(&t->lock);
	push(&t->in_last, j);
	pthread_mutex_unlock(&t->lock);
	sw_http_thread_wake(t);
}

void sw_http_thread_return(struct sw_http_thread *t, struct sw_http_job *j)
{
	pthread_mutex_lock(&t->lock);
	push(&t->done_last, j);
	pthread_mutex_unlock(&t->lock);
	eventfd_write(t->fd, 1);
}

void sw_http_thread_wake(struct sw_http_thread *t)
{
	curl_multi_wakeup(t->multi);
}

struct sw_http_job *sw_http_thread_take(struct sw_http_thread *t)
{
	struct sw_http_job *list;
	eventfd_t n;

	if (eventfd_read(t->fd, &n) < 0 && errno != EAGAIN)
		n = 0;
	pthread_mutex_lock(&t->lock);
	list = t->done;
	t->done = NULL;
	t->done_last = &t->done;
	pthread_mutex_unlock(&t->lock);
	return list;
}

static int start_thread(struct sw_http_thread *t)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&t->thread, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err ? sw_error_from_errno(err) : SW_OK;
}

int sw_http_thread_new(struct sw_http_thread **out, int *fd)
{
	struct sw_http_thread *t = calloc(1, sizeof(*t));
	int err = SW_ENOMEM;

	if (!t)
		return SW_ENOMEM;
	pthread_once(&curl_once, curl_start);
	t->in_last = &t->in;
	t->done_last = &t->done;
	pthread_mutex_init(&t->lock, NULL);
	t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t->multi = curl_multi_init();
	if (t->fd < 0 || !t->multi || curl_multi_setopt(t->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS_MAX))
		goto fail;
	err = start_thread(t);
	if (err < 0)
		goto fail;
	*fd = t->fd;
	*out = t;
	return SW_OK;
fail:
	curl_multi_cleanup(t->multi);
	if (t->fd >= 0)
		close(t->fd);
	pthread_mutex_destroy(&t->lock);
	free(t);
	return err;
}

struct sw_http_job *sw_http_thread_free(struct sw_http_thread *t)
{
	struct sw_http_job *left;

	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_mutex_unlock(&t->lock);
	sw_http_thread_wake(t);
	pthread_join(t->thread, NULL);
	left = sw_http_thread_take(t);
	curl_multi_cleanup(t->multi);
	close(t->fd);
	pthread_mutex_destroy(&t->lock);
	free(t);
	return left;
}
