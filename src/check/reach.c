/* SPDX-License-Identifier: Apache-2.0 */
/* What the reflector sees of us: ports from outside, media ports both ways, and whether SIP arrives as it was sent. */
#include "check/reach.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check/reflect.h"
#include "check/resolve.h"
#include "core/random.h"
#include "tls/talk.h"

enum { PORTS_MAX = 64, RANGE_MAX = 16, UDP_WAIT_MS = 1500, ALG_WAIT_MS = 4000, BUSY_TRIES = 16 };

struct reach {
	struct sw_check *check;
	struct sw_talk *talk;     /* the control connection */
	struct sw_addr reflector; /* its address, with the control port */
	char subject[400];
	char token[SW_REFLECT_TOKEN + 1];
	char seen[SW_ADDR_STRLEN]; /* how it sees us */
	uint16_t sip_port, udp_ports[SW_REFLECT_UDP_MAX];
	size_t n_udp_ports;
	char data[SW_REFLECT_LINE_MAX];
	size_t have;
};

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- the control connection --- */

static int get_line(struct reach *r, char line[SW_REFLECT_LINE_MAX])
{
	char *end;

	while (!(end = memchr(r->data, '\n', r->have))) {
		ssize_t n;

		if (r->have == sizeof(r->data))
			return SW_EPARSE;
		n = sw_talk_recv(r->talk, r->data + r->have, sizeof(r->data) - r->have, sw_check_left(r->check));
		if (n < 0)
			return (int)n;
		r->have += (size_t)n;
	}
	memcpy(line, r->data, (size_t)(end - r->data));
	line[end - r->data] = '\0';
	r->have -= (size_t)(end + 1 - r->data);
	memmove(r->data, end + 1, r->have);
	return SW_OK;
}

static int tell(struct reach *r, const char *text)
{
	return sw_talk_send(r->talk, text, strlen(text), sw_check_left(r->check));
}

static int ask(struct reach *r, const char *command, uint16_t port, char line[SW_REFLECT_LINE_MAX])
{
	char text[40];
	int err;

	snprintf(text, sizeof(text), "%s %u\n", command, port);
	err = tell(r, text);
	return err < 0 ? err : get_line(r, line);
}

/* "ok TOKEN ADDRESS:PORT SIP UDP,UDP" */
static bool read_welcome(struct reach *r, char *line)
{
	char *save = NULL, *word = strtok_r(line, " ", &save), *ports;
	uint32_t n;

	if (!word || strcmp(word, "ok") != 0)
		return false;
	word = strtok_r(NULL, " ", &save);
	if (!word || !sw_str_copy(r->token, sizeof(r->token), sw_str_of(word)) || strlen(r->token) != SW_REFLECT_TOKEN)
		return false;
	word = strtok_r(NULL, " ", &save);
	if (!word || !sw_str_copy(r->seen, sizeof(r->seen), sw_str_of(word)))
		return false;
	word = strtok_r(NULL, " ", &save);
	if (!word || sw_str_u32(sw_str_of(word), 65535, &n) < 0)
		return false;
	r->sip_port = (uint16_t)n;
	ports = strtok_r(NULL, " ", &save);
	for (word = ports ? strtok_r(ports, ",", &save) : NULL; word && r->n_udp_ports < SW_REFLECT_UDP_MAX;
	     word = strtok_r(NULL, ",", &save))
		if (sw_str_u32(sw_str_of(word), 65535, &n) == SW_OK && n)
			r->udp_ports[r->n_udp_ports++] = (uint16_t)n;
	return true;
}

static int greet(struct reach *r, char why[160])
{
	const char *secret = sw_check_options(r->check)->reflector_secret;
	char line[SW_REFLECT_LINE_MAX], proof[65], text[100];
	int err = get_line(r, line);

	snprintf(why, 160, "it does not speak as a reflector");
	if (err < 0)
		return err;
	if (strncmp(line, "sipward-reflect 1 ", 18) != 0)
		return SW_EPARSE;
	err = sw_reflect_proof(proof, secret ? secret : "", line + 18);
	if (err < 0)
		return err;
	snprintf(text, sizeof(text), "auth %s\n", proof);
	err = tell(r, text);
	if (err == SW_OK)
		err = get_line(r, line);
	if (err < 0) {
		snprintf(why, 160, err == SW_ECLOSED ? "it closed: another secret, or too many sessions" : "no answer");
		return err;
	}
	return read_welcome(r, line) ? SW_OK : SW_EPARSE;
}

static bool open_reach(struct reach *r)
{
	const struct sw_check_options *o = sw_check_options(r->check);
	const char *colon = strrchr(o->reflector, ':');
	struct sw_addr all[SW_RESOLVE_MAX], literal;
	struct sw_talk_opts talk = { .kind = SW_TALK_TCP, .ms = sw_check_left(r->check), .stop_fd = sw_check_stop_fd(r->check) };
	uint32_t port = SW_REFLECT_PORT;
	char host[256], why[160], text[SW_ADDR_STRLEN];
	size_t n = 0;
	int err;

	if (sw_addr_parse(&literal, sw_str_of(o->reflector), SW_REFLECT_PORT) == SW_OK) {
		all[0] = literal;
		err = SW_OK;
	} else {
		if (colon && sw_str_u32(sw_str_of(colon + 1), 65535, &port) < 0)
			colon = NULL;
		sw_str_copy(host, sizeof(host),
			    (struct sw_str){ o->reflector, colon ? (size_t)(colon - o->reflector) : strlen(o->reflector) });
		err = sw_check_resolve(r->check, host, (uint16_t)port, all, &n, why);
	}
	if (err == SW_OK) {
		talk.addr = r->reflector = all[0];
		err = sw_talk_open(&r->talk, &talk, why);
	}
	if (err == SW_OK)
		err = greet(r, why);
	snprintf(r->subject, sizeof(r->subject), "%s", o->reflector);
	if (err < 0) {
		sw_check_report(r->check, SW_F_NET_REFLECTOR, SW_CHECK_UNKNOWN, r->subject, "a reflector that takes our secret",
				why);
		return false;
	}
	sw_finding_add(r->check,
		       sw_check_report(r->check, SW_F_NET_REFLECTOR, SW_CHECK_PASS, r->subject,
				       "a reflector that takes our secret", "so it is"),
		       "seen", "%s", r->seen);
	snprintf(r->subject, sizeof(r->subject), "%s via %s", r->seen, sw_addr_text(&r->reflector, text));
	return true;
}

/* --- TCP ports from outside --- */

/* Listens on the port for the moment, where nobody does; -1: somebody does, or it can't be had. */
static int listen_here(int family, uint16_t port, bool *busy)
{
	int one = 1, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sw_addr a = { 0 };

	a.sa.sa_family = (sa_family_t)family;
	sw_addr_set_port(&a, port);
	*busy = false;
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    bind(fd, &a.sa, sw_addr_len(&a)) == 0 && listen(fd, 4) == 0)
		return fd;
	*busy = errno == EADDRINUSE;
	if (fd >= 0)
		close(fd);
	return -1;
}

static const char *why_not(const char *line, bool listened, bool busy)
{
	if (!strcmp(line, "timeout"))
		return ": dropped on the way";
	if (listened)
		return ": rejected on the way, or not forwarded to this host";
	return busy ? ": rejected on the way, or what listens here does not listen on that address"
		    : ": and this check could not listen there itself";
}

static void check_port(struct reach *r, uint16_t port, const char *purpose)
{
	char line[SW_REFLECT_LINE_MAX], subject[500], found[200];
	struct sw_finding *f;
	bool busy, open;
	int fd = listen_here(sw_addr_family(&r->reflector), port, &busy), err = ask(r, "connect", port, line);

	if (fd >= 0)
		close(fd);
	open = err == SW_OK && !strncmp(line, "open", 4);
	if (err < 0)
		snprintf(found, sizeof(found), "the reflector is gone: %s", sw_error_text(err));
	else if (open)
		snprintf(found, sizeof(found), "reached%s", fd >= 0 ? ", though nothing but this check listens there now" : "");
	else
		snprintf(found, sizeof(found), "%.60s%s", line, why_not(line, fd >= 0, busy));
	snprintf(subject, sizeof(subject), "port %u, %s", port, r->subject);
	f = sw_check_report(r->check, SW_F_NET_INBOUND,
			    err < 0 ? SW_CHECK_UNKNOWN
			    : open  ? SW_CHECK_PASS
				    : SW_CHECK_FAIL,
			    subject, "reached from outside", found);
	if (purpose)
		sw_finding_add(r->check, f, "purpose", "%s", purpose);
}

struct ports {
	uint16_t port[PORTS_MAX];
	const char *purpose[PORTS_MAX];
	size_t n;
};

static void add_port(struct ports *all, uint16_t port, const char *purpose)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->port[i] == port)
			return;
	if (all->n < PORTS_MAX && port >= 1024) {
		all->port[all->n] = port;
		all->purpose[all->n++] = purpose;
	}
}

static void check_inbound(struct reach *r)
{
	const struct sw_check_options *o = sw_check_options(r->check);
	struct ports all = { .n = 0 };

	for (size_t i = 0; o->conf && i < o->conf->n_listeners; i++)
		add_port(&all, o->conf->listeners[i].port, o->conf->listeners[i].name);
	for (size_t i = 0; !o->conf && i < o->profile->n_ports; i++) {
		const struct sw_profile_port *p = &o->profile->ports[i];

		if (!strcmp(p->direction, "out") || !strcmp(p->transport, "udp"))
			continue;
		for (unsigned k = p->low; k <= p->high && k - p->low < RANGE_MAX; k++)
			add_port(&all, (uint16_t)k, p->purpose);
		add_port(&all, p->high, p->purpose);
	}
	for (size_t i = 0; i < all.n && !sw_check_stopped(r->check); i++)
		check_port(r, all.port[i], all.purpose[i]);
}

/* --- UDP --- */

static int bind_udp(int family, uint16_t port)
{
	struct sw_addr a = { 0 };
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	a.sa.sa_family = (sa_family_t)family;
	sw_addr_set_port(&a, port);
	if (fd >= 0 && bind(fd, &a.sa, sw_addr_len(&a)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Waits for a packet of ours with this text at its start. */
static bool await_packet(struct reach *r, int fd, const char *want)
{
	uint64_t until = clock_ms() + UDP_WAIT_MS, now;
	char p[SW_REFLECT_PACKET_MAX];

	while ((now = clock_ms()) < until && !sw_check_stopped(r->check)) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		ssize_t n = poll(&ready, 1, (int)(until - now)) > 0 ? recv(fd, p, sizeof(p), 0) : -1;

		if (n >= (ssize_t)strlen(want) && !memcmp(p, want, strlen(want)))
			return true;
	}
	return false;
}

static void check_udp_in(struct reach *r, uint16_t port, uint16_t last)
{
	char line[SW_REFLECT_LINE_MAX], want[80], subject[500];
	int fd = -1, err;
	bool came;

	/* A busy port is a call's: the next but one will do. */
	for (int i = 0; fd < 0 && i < BUSY_TRIES && port <= last; i++) {
		fd = bind_udp(sw_addr_family(&r->reflector), port);
		port = fd < 0 && port <= last - 2 ? (uint16_t)(port + 2) : port;
	}
	snprintf(subject, sizeof(subject), "UDP port %u, %s", port, r->subject);
	if (fd < 0) {
		sw_check_report(r->check, SW_F_MEDIA_UDP_IN, SW_CHECK_UNKNOWN, subject, "reached from outside",
				"the ports here are in use");
		return;
	}
	snprintf(want, sizeof(want), "SWR1 %s %u", r->token, port);
	err = ask(r, "udp", port, line);
	came = err == SW_OK && await_packet(r, fd, want);
	close(fd);
	sw_check_report(r->check, SW_F_MEDIA_UDP_IN,
			err < 0 ? SW_CHECK_UNKNOWN
			: came  ? SW_CHECK_PASS
				: SW_CHECK_FAIL,
			subject, "reached from outside",
			err < 0 ? sw_error_text(err)
			: came  ? "packets arrive"
				: "nothing arrived");
}

static void check_udp_out(struct reach *r, uint16_t port)
{
	char packet[100], subject[500];
	struct sw_addr to = r->reflector;
	bool came = false;
	int fd = socket(sw_addr_family(&to), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	sw_addr_set_port(&to, port);
	snprintf(packet, sizeof(packet), "SWR1 %s %u", r->token, port);
	snprintf(subject, sizeof(subject), "UDP to port %u, %s", port, r->subject);
	if (fd >= 0 && connect(fd, &to.sa, sw_addr_len(&to)) == 0) {
		for (int i = 0; i < 3; i++)
			(void)!send(fd, packet, strlen(packet), 0); /* what is lost is the finding */
		came = await_packet(r, fd, packet);
	}
	if (fd >= 0)
		close(fd);
	sw_check_report(r->check, SW_F_MEDIA_UDP_OUT,
			came                         ? SW_CHECK_PASS
			: sw_check_stopped(r->check) ? SW_CHECK_UNKNOWN
						     : SW_CHECK_FAIL,
			subject, "there and back", came ? "packets come back" : "nothing came back");
}

static void check_udp(struct reach *r)
{
	const struct sw_check_options *o = sw_check_options(r->check);
	uint16_t low = o->conf ? o->conf->media.port_low : o->profile->media_low,
		 high = o->conf ? o->conf->media.port_high : o->profile->media_high;

	if (high) {
		check_udp_in(r, low, high);
		check_udp_in(r, (uint16_t)((low + (high - low) / 2) & ~1), high);
		check_udp_in(r, (uint16_t)(high > low + 1 ? high - 1 : high), high);
	}
	for (size_t i = 0; i < r->n_udp_ports && !sw_check_stopped(r->check); i++)
		check_udp_out(r, r->udp_ports[i]);
}

/* --- SIP ALG --- */

/* An INVITE that any ALG would like to improve. */
static void canary(struct reach *r, const char *transport, struct sw_buf *out)
{
	static const char sdp[] =
		"v=0\r\no=- 1 1 IN IP4 10.11.12.13\r\ns=-\r\nc=IN IP4 10.11.12.13\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";
	uint32_t n;

	sw_random(&n, sizeof(n));
	sw_buf_printf(
		out,
		"INVITE sip:reflect@reflect.invalid SIP/2.0\r\nVia: SIP/2.0/%s 10.11.12.13:5060;branch=z9hG4bK%08x;rport\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:check@10.11.12.13>;tag=%08x\r\nTo: <sip:reflect@reflect.invalid>\r\n"
		"Call-ID: %08x@10.11.12.13\r\nCSeq: 1 INVITE\r\nContact: <sip:check@10.11.12.13:5060>\r\nX-Reflect: %s\r\n"
		"Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
		transport, n, n, n, r->token, sizeof(sdp) - 1, sdp);
}

static int line_length(struct sw_str s, size_t start)
{
	size_t n = 0;

	while (start + n < s.n && s.p[start + n] != '\r' && s.p[start + n] != '\n' && n < 80)
		n++;
	return (int)n;
}

/* The first line that is not as it was sent. */
static bool first_difference(struct sw_str sent, struct sw_str came, char dst[200])
{
	size_t i = 0, start = 0;

	while (i < sent.n && i < came.n && sent.p[i] == came.p[i]) {
		if (sent.p[i] == '\n')
			start = i + 1;
		i++;
	}
	if (i == sent.n && i == came.n)
		return false;
	snprintf(dst, 200, "\"%.*s\" became \"%.*s\"", line_length(sent, start), sent.p + start, line_length(came, start),
		 came.p + start);
	return true;
}

/* The mirrored bytes out of the answer's body. */
static bool unwrap(const char *p, size_t n, struct sw_buf *out)
{
	const char *end = memmem(p, n, "\r\n\r\n", 4);
	size_t len = end ? n - (size_t)(end + 4 - p) : 0;
	char *room = end ? sw_buf_reserve(out, len + 4) : NULL;
	int got = room ? sw_b64url_decode(room, len + 3, (struct sw_str){ end + 4, len }) : -1;

	if (got < 0)
		return false;
	sw_buf_commit(out, (size_t)got);
	return true;
}

static bool exchange(struct reach *r, enum sw_talk_kind kind, const struct sw_buf *sent, struct sw_buf *came)
{
	struct sw_talk_opts o = { .kind = kind, .addr = r->reflector, .ms = ALG_WAIT_MS, .stop_fd = sw_check_stop_fd(r->check) };
	char data[SW_REFLECT_BYTES_MAX * 2], why[160];
	struct sw_talk *t = NULL;
	size_t have = 0;
	bool ok = false;

	sw_addr_set_port(&o.addr, r->sip_port);
	if (sw_talk_open(&t, &o, why) < 0)
		return false;
	for (int i = 0; !ok && i < (kind == SW_TALK_UDP ? 3 : 1); i++) {
		uint64_t until = clock_ms() + (kind == SW_TALK_UDP ? ALG_WAIT_MS / 3 : ALG_WAIT_MS);

		if (sw_talk_send(t, sent->data, sent->len, ALG_WAIT_MS) < 0)
			break;
		while (!ok && have < sizeof(data) && clock_ms() < until) {
			ssize_t n = sw_talk_recv(t, data + have, sizeof(data) - have, until - clock_ms());

			if (n < 0)
				break;
			have = kind == SW_TALK_UDP ? (size_t)n : have + (size_t)n;
			sw_buf_clear(came);
			/* over TCP its end shows the whole: the reflector closes after its answer */
			ok = kind == SW_TALK_UDP && unwrap(data, have, came);
		}
		if (kind != SW_TALK_UDP)
			ok = have && unwrap(data, have, came);
	}
	sw_talk_close(t);
	return ok;
}

/* The same over the control connection: what is edited there as well is edited everywhere. */
static bool exchange_control(struct reach *r, const struct sw_buf *sent, struct sw_buf *came)
{
	char line[SW_REFLECT_LINE_MAX], text[40];
	uint32_t n = 0;

	snprintf(text, sizeof(text), "mirror %zu\n", sent->len);
	if (tell(r, text) < 0 || sw_talk_send(r->talk, sent->data, sent->len, sw_check_left(r->check)) < 0 ||
	    get_line(r, line) < 0 || sw_str_u32(sw_str_of(line), SW_REFLECT_BYTES_MAX, &n) < 0)
		return false;
	while (came->len < n) {
		char data[1024];
		ssize_t got = (ssize_t)r->have;

		if (got > 0) {
			memcpy(data, r->data, r->have);
			r->have = 0;
		} else {
			got = sw_talk_recv(r->talk, data, sizeof(data), sw_check_left(r->check));
		}
		if (got < 0)
			return false;
		sw_buf_put(came, data, (size_t)got);
		if (sw_buf_error(came) < 0)
			return false;
	}
	return came->len == n;
}

static void check_alg(struct reach *r, const char *name, bool control, enum sw_talk_kind kind)
{
	char subject[500], found[200] = "as it was sent";
	struct sw_buf sent, came;
	enum sw_check_status status = SW_CHECK_PASS;

	sw_buf_init(&sent, SW_REFLECT_BYTES_MAX);
	sw_buf_init(&came, 2 * SW_REFLECT_BYTES_MAX);
	canary(r, kind == SW_TALK_UDP ? "UDP" : "TCP", &sent);
	snprintf(subject, sizeof(subject), "SIP over %s to port %u, %s", name,
		 control ? sw_addr_port(&r->reflector) : r->sip_port, r->subject);
	if (sw_buf_error(&sent) < 0 || !(control ? exchange_control(r, &sent, &came) : exchange(r, kind, &sent, &came))) {
		status = sw_check_stopped(r->check) ? SW_CHECK_UNKNOWN : SW_CHECK_WARN;
		snprintf(found, sizeof(found), "no answer, though the control port was reached: clear SIP is blocked on the way");
	} else if (first_difference(sw_buf_view(&sent), sw_buf_view(&came), found)) {
		status = SW_CHECK_FAIL;
	}
	sw_check_report(r->check, SW_F_NET_ALG, status, subject, "as it was sent", found);
	sw_buf_free(&sent);
	sw_buf_free(&came);
}

/* --- all of it --- */

static void run(struct sw_check *c, void *arg)
{
	struct reach r = { .check = c };

	(void)arg;
	if (open_reach(&r)) {
		check_inbound(&r);
		check_udp(&r);
		check_alg(&r, "TCP", false, SW_TALK_TCP);
		check_alg(&r, "UDP", false, SW_TALK_UDP);
		check_alg(&r, "TCP", true, SW_TALK_TCP);
		(void)!tell(&r, "bye\n");
	}
	sw_talk_close(r.talk);
}

static void nothing_to_free(void *arg)
{
	(void)arg;
}

void sw_check_reach(struct sw_check *c)
{
	if (sw_check_options(c)->reflector)
		(void)sw_check_spawn(c, SW_STAGE_NET, "the reflector", run, NULL, nothing_to_free);
}
