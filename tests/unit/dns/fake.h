/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A name server that misbehaves on demand, in a thread of its own. The first
 * label of the question says how ("wrongid.x", "drop.x", ...); other names are
 * answered from the zone given. Every question is logged.
 */
#include <ldns/ldns.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/addr.h"

enum { FAKE_LOG_MAX = 4096, FAKE_ZONE_MAX = 256 };

struct fake {
	int udp, tcp, other, stop[2];
	uint16_t port;
	pthread_t thread;
	ldns_rr *zone[FAKE_ZONE_MAX];
	size_t n;
	atomic_bool dead;          /* hears, says nothing */
	atomic_bool servfail;      /* to everything */
	atomic_int questions, bare, tcp_questions;
	pthread_mutex_t lock;
	char log[FAKE_LOG_MAX];    /* "name TYPE\n" */
};

static inline void fake_log(struct fake *f, const char *name, const char *type)
{
	size_t n;

	pthread_mutex_lock(&f->lock);
	n = strlen(f->log);
	snprintf(f->log + n, sizeof(f->log) - n, "%s %s\n", name, type);
	pthread_mutex_unlock(&f->lock);
}

static inline bool fake_saw(struct fake *f, const char *line)
{
	bool saw;

	pthread_mutex_lock(&f->lock);
	saw = strstr(f->log, line) != NULL;
	pthread_mutex_unlock(&f->lock);
	return saw;
}

static inline void fake_clear_log(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	f->log[0] = '\0';
	pthread_mutex_unlock(&f->lock);
}

/* The records of the question, following CNAMEs; NXDOMAIN when the name has none at all; SOA when there is no answer. */
static inline void fake_fill(struct fake *f, ldns_pkt *r, ldns_rdf *name, ldns_rr_type type)
{
	bool any = false, exists = false;

	for (size_t i = 0; i < f->n && ldns_rr_get_type(f->zone[i]) != LDNS_RR_TYPE_SOA; i++) {
		ldns_rr *rr = f->zone[i];

		if (ldns_dname_is_subdomain(ldns_rr_owner(rr), name))
			exists = true;
		if (ldns_dname_compare(ldns_rr_owner(rr), name) != 0)
			continue;
		exists = true;
		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME && type != LDNS_RR_TYPE_CNAME) {
			ldns_pkt_push_rr(r, LDNS_SECTION_ANSWER, ldns_rr_clone(rr));
			if (ldns_pkt_ancount(r) < 20)
				fake_fill(f, r, ldns_rr_rdf(rr, 0), type);
			return;
		}
		if (ldns_rr_get_type(rr) == type) {
			ldns_pkt_push_rr(r, LDNS_SECTION_ANSWER, ldns_rr_clone(rr));
			any = true;
		}
	}
	if (any)
		return;
	if (!exists)
		ldns_pkt_set_rcode(r, LDNS_RCODE_NXDOMAIN);
	for (size_t i = 0; i < f->n; i++)
		if (ldns_rr_get_type(f->zone[i]) == LDNS_RR_TYPE_SOA)
			ldns_pkt_push_rr(r, LDNS_SECTION_AUTHORITY, ldns_rr_clone(f->zone[i]));
}

static inline ldns_pkt *fake_reply(struct fake *f, const ldns_pkt *q)
{
	ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(q), 0);
	ldns_pkt *r = ldns_pkt_new();

	ldns_pkt_set_id(r, ldns_pkt_id(q));
	ldns_pkt_set_qr(r, true);
	ldns_pkt_set_rd(r, true);
	ldns_pkt_set_ra(r, true);
	ldns_pkt_push_rr(r, LDNS_SECTION_QUESTION, ldns_rr_clone(question));
	fake_fill(f, r, ldns_rr_owner(question), ldns_rr_get_type(question));
	return r;
}

struct fake_to {
	struct fake *f;
	int fd;
	struct sockaddr_storage sa;
	socklen_t len;
	bool tcp;
};

static inline void fake_send(struct fake_to *to, int fd, const ldns_pkt *r)
{
	uint8_t *wire, out[65537];
	size_t len;

	if (ldns_pkt2wire(&wire, r, &len) != LDNS_STATUS_OK)
		abort();
	if (to->tcp) {
		out[0] = (uint8_t)(len >> 8);
		out[1] = (uint8_t)len;
		memcpy(out + 2, wire, len);
		for (size_t i = 0; i < len + 2; i++)   /* byte for byte: the other end must put it together */
			if (write(to->fd, out + i, 1) != 1)
				break;
	} else if (sendto(fd, wire, len, 0, (struct sockaddr *)&to->sa, to->len) < 0) {
		perror("sendto");
	}
	LDNS_FREE(wire);
}

static inline ldns_rr *fake_rr(const char *text)
{
	ldns_rr *rr = NULL;

	if (ldns_rr_new_frm_str(&rr, text, 60, NULL, NULL) != LDNS_STATUS_OK) {
		fprintf(stderr, "fake: bad record: %s\n", text);
		abort();
	}
	return rr;
}

/* An answer that is wrong in one thing, with an address that must never be believed. */
static inline void fake_send_wrong(struct fake_to *to, int fd, const ldns_pkt *q, bool id, const char *name)
{
	char text[300], *owner = ldns_rdf2str(ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_question(q), 0)));
	ldns_pkt *r = ldns_pkt_new();

	snprintf(text, sizeof(text), "%s 60 IN A 203.0.113.66", name ? name : owner);
	ldns_pkt_set_id(r, (uint16_t)(ldns_pkt_id(q) ^ (id ? 0x5555 : 0)));
	ldns_pkt_set_qr(r, true);
	if (name) {
		ldns_rr *question = ldns_rr_new();

		ldns_rr_set_question(question, true);
		ldns_rr_set_owner(question, ldns_dname_new_frm_str(name));
		ldns_rr_set_type(question, LDNS_RR_TYPE_A);
		ldns_rr_set_class(question, LDNS_RR_CLASS_IN);
		ldns_pkt_push_rr(r, LDNS_SECTION_QUESTION, question);
	} else {
		ldns_pkt_push_rr(r, LDNS_SECTION_QUESTION, ldns_rr_clone(ldns_rr_list_rr(ldns_pkt_question(q), 0)));
	}
	ldns_pkt_push_rr(r, LDNS_SECTION_ANSWER, fake_rr(text));
	fake_send(to, fd, r);
	ldns_pkt_free(r);
	free(owner);
}

static inline void fake_handle(struct fake_to *to, const uint8_t *msg, size_t len)
{
	struct fake *f = to->f;
	char how[64], *name, *type;
	ldns_rr *question;
	ldns_pkt *q, *r;
	size_t i = 0;

	if (ldns_wire2pkt(&q, msg, len) != LDNS_STATUS_OK)
		return;
	question = ldns_rr_list_rr(ldns_pkt_question(q), 0);
	name = ldns_rdf2str(ldns_rr_owner(question));
	type = ldns_rr_type2str(ldns_rr_get_type(question));
	fake_log(f, name, type);
	atomic_fetch_add(&f->questions, 1);
	if (to->tcp)
		atomic_fetch_add(&f->tcp_questions, 1);
	if (!ldns_pkt_edns(q))
		atomic_fetch_add(&f->bare, 1);
	for (; name[i] && name[i] != '.' && i < sizeof(how) - 1; i++)
		how[i] = name[i];
	how[i] = '\0';
	r = fake_reply(f, q);
	if (f->dead || strcmp(how, "drop") == 0)
		goto out;
	if (f->servfail || strcmp(how, "servfail") == 0)
		ldns_pkt_set_rcode(r, LDNS_RCODE_SERVFAIL);
	else if (strcmp(how, "refused") == 0)
		ldns_pkt_set_rcode(r, LDNS_RCODE_REFUSED);
	else if (strcmp(how, "noedns") == 0 && ldns_pkt_edns(q))
		ldns_pkt_set_rcode(r, LDNS_RCODE_FORMERR);
	else if (strcmp(how, "tc") == 0 && !to->tcp)
		ldns_pkt_set_tc(r, true);
	else if (strcmp(how, "wrongid") == 0)
		fake_send_wrong(to, to->fd, q, true, NULL);
	else if (strcmp(how, "wrongname") == 0)
		fake_send_wrong(to, to->fd, q, false, "other.example.");
	else if (strcmp(how, "wrongsource") == 0)
		fake_send_wrong(to, f->other, q, false, NULL);
	else if (strcmp(how, "garbage") == 0 && sendto(to->fd, msg, 7, 0, (struct sockaddr *)&to->sa, to->len) < 0)
		perror("sendto");
	fake_send(to, to->fd, r);
out:
	ldns_pkt_free(r);
	ldns_pkt_free(q);
	free(name);
	free(type);
}

static inline void fake_tcp(struct fake *f)
{
	struct fake_to to = { .f = f, .fd = accept(f->tcp, NULL, NULL), .tcp = true };
	uint8_t msg[512], len[2];
	size_t want;

	if (to.fd < 0)
		return;
	if (recv(to.fd, len, 2, MSG_WAITALL) == 2) {
		want = (size_t)len[0] << 8 | len[1];
		if (want <= sizeof(msg) && recv(to.fd, msg, want, MSG_WAITALL) == (ssize_t)want)
			fake_handle(&to, msg, want);
	}
	close(to.fd);
}

static inline void *fake_run(void *arg)
{
	struct fake *f = arg;
	struct pollfd p[3] = {
		{ .fd = f->udp, .events = POLLIN }, { .fd = f->stop[0], .events = POLLIN }, { .fd = f->tcp, .events = POLLIN },
	};

	while (poll(p, 3, -1) > 0 && !p[1].revents) {
		struct fake_to to = { .f = f, .fd = f->udp, .len = sizeof(to.sa) };
		uint8_t msg[2048];
		ssize_t n;

		if (p[2].revents)
			fake_tcp(f);
		if (!p[0].revents)
			continue;
		n = recvfrom(f->udp, msg, sizeof(msg), 0, (struct sockaddr *)&to.sa, &to.len);
		if (n > 0)
			fake_handle(&to, msg, (size_t)n);
	}
	return NULL;
}

static inline int fake_bind(int type, uint16_t *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || getsockname(fd, (struct sockaddr *)&sa, &n) < 0) {
		close(fd);
		return -1;
	}
	*port = ntohs(sa.sin_port);
	return fd;
}

/* zone: master-file lines, NULL-terminated. tcp: false leaves TCP closed. The caller stops it. */
static inline struct fake *fake_start(const char *const *zone, bool tcp)
{
	struct fake *f = calloc(1, sizeof(*f));
	uint16_t port = 0;

	pthread_mutex_init(&f->lock, NULL);
	for (; zone && zone[f->n]; f->n++)
		f->zone[f->n] = fake_rr(zone[f->n]);
	f->tcp = -1;
	do {
		f->port = 0;
		f->udp = fake_bind(SOCK_DGRAM, &f->port);
		if (tcp && (f->tcp = fake_bind(SOCK_STREAM, &f->port)) < 0)
			close(f->udp);
	} while (tcp && f->tcp < 0);
	if (tcp && listen(f->tcp, 16) < 0)
		abort();
	f->other = fake_bind(SOCK_DGRAM, &port);
	if (pipe(f->stop) < 0 || pthread_create(&f->thread, NULL, fake_run, f) != 0)
		abort();
	return f;
}

static inline void fake_stop(struct fake *f)
{
	if (write(f->stop[1], "", 1) != 1)
		abort();
	pthread_join(f->thread, NULL);
	for (size_t i = 0; i < f->n; i++)
		ldns_rr_free(f->zone[i]);
	close(f->udp);
	if (f->tcp >= 0)
		close(f->tcp);
	close(f->other);
	close(f->stop[0]);
	close(f->stop[1]);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
