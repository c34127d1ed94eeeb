/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/dnsask.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "base/clock.h"
#include "base/key.h"
#include "io/tcp.h"

#define ROUNDS   2   /* through all servers */
#define SLICE_MS 250 /* before `waiting` is asked again */
#define DATAGRAM                                                               \
	4096 /* we ask for no more than 512; none is cut short here            \
	      */
#define STREAM 16384

/* ---- which servers ---- */

static void
server_add(struct dnsask *ask, int family, const void *address, uint16_t port)
{
	struct dnsask_server *s = &ask->servers[ask->count++];
	struct sockaddr_in *four = (struct sockaddr_in *)&s->sa;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&s->sa;

	if (family == AF_INET) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		memcpy(&four->sin_addr, address, sizeof(four->sin_addr));
		s->len = sizeof(*four);
	} else {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		memcpy(&six->sin6_addr, address, sizeof(six->sin6_addr));
		s->len = sizeof(*six);
	}
}

static void
server_read(struct dnsask *ask, const char *line)
{
	static const char word[] = "nameserver";
	unsigned char address[16];
	char text[64];
	size_t n;

	if (strncmp(line, word, sizeof(word) - 1) != 0)
		return;
	line += sizeof(word) - 1;
	line += strspn(line, " \t");
	n = strcspn(line, " \t\r\n");
	if (n == 0 || n >= sizeof(text))
		return;
	memcpy(text, line, n);
	text[n] = '\0';
	if (inet_pton(AF_INET, text, address) == 1)
		server_add(ask, AF_INET, address, DNSASK_PORT);
	else if (inet_pton(AF_INET6, text, address) == 1)
		server_add(ask, AF_INET6, address, DNSASK_PORT);
}

static void
option_read(struct dnsask *ask, const char *line)
{
	static const char options[] = "options", word[] = "trust-ad";
	const char *at = line;

	if (strncmp(line, options, sizeof(options) - 1) != 0)
		return;
	while ((at = strstr(at, word)) != NULL) {
		char before = at[-1], after = at[sizeof(word) - 1];

		if ((before == ' ' || before == '\t') &&
		    strchr(" \t\r\n", after) != NULL)
			ask->trusted = 1;
		at += sizeof(word) - 1;
	}
}

void
dnsask_system(struct dnsask *out, const char *path)
{
	static const unsigned char here[4] = { 127, 0, 0, 1 };
	FILE *file = fopen(path, "re");
	char line[512];

	memset(out, 0, sizeof(*out));
	out->recursive = 1;
	out->try_ms = DNSASK_TRY_MS;
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (out->count < DNSASK_SERVERS)
			server_read(out, line);
		option_read(out, line);
	}
	if (file != NULL)
		fclose(file);
	if (out->count == 0)
		server_add(out, AF_INET, here, DNSASK_PORT);
}

void
dnsask_server(struct dnsask *out, const unsigned char *address, size_t len,
    uint16_t port)
{
	memset(out, 0, sizeof(*out));
	out->try_ms = DNSASK_TRY_MS;
	server_add(out, len == 4 ? AF_INET : AF_INET6, address, port);
}

/* ---- one question to one server ---- */

struct question {
	const struct dnsask *ask;
	const struct dnsask_server *server;
	const char *name;
	enum dns_type type;
	unsigned id;
	unsigned char query[DNSRECORD_QUERY];
	size_t len;
	int64_t began_ms;
	int64_t until_ms;
};

/* SMX_OK: something is to be read or written. */
static int
await(const struct question *q, int fd, short events)
{
	const struct dnsask *ask = q->ask;

	for (;;) {
		int64_t now = clock_mono_ms();
		int64_t slice = now + SLICE_MS;
		int rc;

		/* however much comes that is of no use */
		if (now >= q->until_ms)
			return SMX_ETIMEOUT;
		rc = tcp_wait(fd, events,
		    slice < q->until_ms ? slice : q->until_ms);

		if (rc == SMX_OK)
			return SMX_OK;
		if (ask->waiting != NULL &&
		    ask->waiting(ask->waiting_ctx, now - q->began_ms) != 0)
			return SMX_ECLOSED;
	}
}

/* What is not the answer to this is none: anybody may send it. */
static int
by_udp(struct question *q, struct dnsanswer *out)
{
	unsigned char answer[DATAGRAM];
	int fd = socket(q->server->sa.ss_family,
	    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = SMX_EPROTO;

	if (fd < 0)
		return SMX_EIO;
	/* connected: nobody else's datagrams, and "nobody listens" is told */
	if (connect(fd, (const struct sockaddr *)&q->server->sa,
		q->server->len) != 0 ||
	    send(fd, q->query, q->len, MSG_NOSIGNAL) != (ssize_t)q->len)
		rc = SMX_EUNREACHABLE;
	while (rc == SMX_EPROTO) {
		ssize_t n;

		rc = await(q, fd, POLLIN);
		if (rc != SMX_OK)
			break;
		n = recv(fd, answer, sizeof(answer), 0);
		if (n >= 0)
			rc = dnsrecord_parse(out, answer, (size_t)n, q->id,
			    q->name, q->type);
		else
			rc = errno == EAGAIN || errno == EINTR
				 ? SMX_EPROTO
				 : SMX_EUNREACHABLE;
	}
	close(fd);
	return rc;
}

/* All of it, in or out. */
static int
move(const struct question *q, int fd, unsigned char *bytes, size_t len,
    short events)
{
	for (size_t at = 0, n = 0; at < len; at += n) {
		int rc = await(q, fd, events);

		if (rc != SMX_OK)
			return rc;
		rc = events == POLLIN
			 ? tcp_recv(fd, bytes + at, len - at, 0, &n)
			 : tcp_send(fd, bytes + at, len - at, 0, &n);
		if (rc == TCP_AGAIN)
			n = 0;
		else if (rc != SMX_OK)
			return SMX_EUNREACHABLE;
	}
	return SMX_OK;
}

static int
talk(struct question *q, int fd, unsigned char *bytes, struct dnsanswer *out)
{
	size_t len;
	int rc = await(q, fd, POLLOUT);

	if (rc == SMX_OK)
		rc = tcp_connected(fd);
	bytes[0] = (unsigned char)(q->len >> 8);
	bytes[1] = (unsigned char)q->len;
	memcpy(bytes + 2, q->query, q->len);
	if (rc == SMX_OK)
		rc = move(q, fd, bytes, q->len + 2, POLLOUT);
	if (rc == SMX_OK)
		rc = move(q, fd, bytes, 2, POLLIN);
	if (rc != SMX_OK)
		return rc;
	len = (size_t)bytes[0] << 8 | bytes[1];
	if (len > STREAM)
		return SMX_ETEMP;
	rc = move(q, fd, bytes, len, POLLIN);
	if (rc == SMX_OK)
		rc = dnsrecord_parse(out, bytes, len, q->id, q->name, q->type);
	return rc == SMX_OK && out->truncated ? SMX_EPROTO : rc;
}

static int
by_tcp(struct question *q, struct dnsanswer *out)
{
	struct tcp_address to = { .sa = q->server->sa, .len = q->server->len };
	unsigned char *bytes = malloc(STREAM);
	int fd = -1;
	int rc = bytes != NULL ? tcp_connect(&fd, &to) : SMX_ENOMEM;

	if (rc == SMX_OK) {
		rc = talk(q, fd, bytes, out);
		close(fd);
	}
	free(bytes);
	return rc;
}

/* Nobody stands between it and us. */
static int
is_here(const struct dnsask_server *server)
{
	const struct sockaddr_in *four = (const void *)&server->sa;
	const struct sockaddr_in6 *six = (const void *)&server->sa;

	if (server->sa.ss_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

static int
ask_one(struct question *q, int64_t until_ms, struct dnsanswer *out)
{
	int trusted =
	    q->ask->recursive && (q->ask->trusted || is_here(q->server));
	int64_t begin = clock_mono_ms();
	uint16_t id;
	int rc;

	if (key_random(&id, sizeof(id)) != SMX_OK)
		return SMX_EIO;
	q->id = id;
	rc = dnsrecord_query(q->query, &q->len, q->id, q->name, q->type,
	    q->ask->recursive);
	q->until_ms = begin + q->ask->try_ms;
	if (q->until_ms > until_ms)
		q->until_ms = until_ms;
	if (rc == SMX_OK && trusted)
		dnsrecord_query_secure(q->query);
	if (rc == SMX_OK)
		rc = by_udp(q, out);
	if (rc == SMX_OK && out->truncated)
		rc = by_tcp(q, out);
	if (rc == SMX_OK && !trusted)
		out->secure = 0;
	return rc;
}

/* ---- until one knows ---- */

int
dnsask(const struct dnsask *ask, const char *name, enum dns_type type,
    int64_t until_mono_ms, struct dnsanswer *out)
{
	struct question q = { .ask = ask,
		.name = name,
		.type = type,
		.began_ms = clock_mono_ms() };
	int said = 0;

	for (size_t i = 0; i < ROUNDS * ask->count; i++) {
		int rc;

		q.server = &ask->servers[i % ask->count];
		rc = ask_one(&q, until_mono_ms, out);
		if (rc == SMX_OK || rc == SMX_ENOTFOUND || rc == SMX_EINVAL ||
		    rc == SMX_ECLOSED)
			return rc;
		said |= rc == SMX_ETEMP;
		if (clock_mono_ms() >= until_mono_ms)
			break;
	}
	memset(out, 0, sizeof(*out));
	return clock_mono_ms() >= until_mono_ms && !said ? SMX_ETIMEOUT
							 : SMX_ETEMP;
}
