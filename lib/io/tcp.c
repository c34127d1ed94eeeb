/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/tcp.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"

#define BACKLOG 128
/* A peer whose host vanished is noticed within about two minutes even on an
 * idle connection, and within 30 s when it does not acknowledge bytes. */
#define KEEP_IDLE_S       60
#define KEEP_INTERVAL_S   15
#define KEEP_COUNT        4
#define UNACKNOWLEDGED_MS 30000

static int
split(const char *text, char *host, size_t host_size, char *port,
    size_t port_size)
{
	const char *colon = strrchr(text, ':');
	const char *from = text;
	size_t len;

	if (colon == NULL || strlen(colon + 1) >= port_size ||
	    colon[1] == '\0' ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return SMX_EINVAL;
	len = (size_t)(colon - text);
	if (text[0] == '[') {
		if (len < 3 || text[len - 1] != ']')
			return SMX_EINVAL;
		from++;
		len -= 2;
	} else if (memchr(text, ':', len) != NULL) {
		return SMX_EINVAL;
	}
	if (len == 0 || len >= host_size)
		return SMX_EINVAL;
	memcpy(host, from, len);
	host[len] = '\0';
	snprintf(port, port_size, "%s", colon + 1);
	return SMX_OK;
}

int
tcp_address_parse(struct tcp_address *out, const char *text)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *found;
	char host[64], port[8];

	if (split(text, host, sizeof(host), port, sizeof(port)) != SMX_OK ||
	    getaddrinfo(host, port, &hints, &found) != 0)
		return SMX_EINVAL;
	memset(out, 0, sizeof(*out));
	memcpy(&out->sa, found->ai_addr, found->ai_addrlen);
	out->len = found->ai_addrlen;
	freeaddrinfo(found);
	return SMX_OK;
}

void
tcp_address_format(const struct tcp_address *address, char out[TCP_TEXT])
{
	char host[48], port[8];

	if (getnameinfo((const struct sockaddr *)&address->sa, address->len,
		host, sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(out, TCP_TEXT, "unknown");
	else
		snprintf(out, TCP_TEXT,
		    strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host,
		    port);
}

static void
option(int fd, int level, int name, int value)
{
	/* All of these only make things better. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void
options(int fd)
{
	option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
	option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT);
	option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS);
}

int
tcp_listen(int *fd, const struct tcp_address *address)
{
	int s = socket(address->sa.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (s < 0)
		return SMX_EIO;
	option(s, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(s, (const struct sockaddr *)&address->sa, address->len) != 0 ||
	    listen(s, BACKLOG) != 0) {
		int errnum = errno;

		close(s);
		errno = errnum;
		return SMX_EIO;
	}
	*fd = s;
	return SMX_OK;
}

int
tcp_accept(int listening, int *fd, struct tcp_address *from)
{
	int s;

	memset(from, 0, sizeof(*from));
	from->len = sizeof(from->sa);
	s = accept4(listening, (struct sockaddr *)&from->sa, &from->len,
	    SOCK_CLOEXEC);
	if (s < 0)
		return errno == EAGAIN || errno == EINTR ||
			       errno == ECONNABORTED
			   ? TCP_AGAIN
			   : SMX_EIO;
	options(s);
	*fd = s;
	return SMX_OK;
}

int
tcp_connect(int *fd, const struct tcp_address *to)
{
	int s = socket(to->sa.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (s < 0)
		return SMX_EIO;
	options(s);
	if (connect(s, (const struct sockaddr *)&to->sa, to->len) != 0 &&
	    errno != EINPROGRESS) {
		close(s);
		return SMX_EUNREACHABLE;
	}
	*fd = s;
	return SMX_OK;
}

int
tcp_connected(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 ||
	    error != 0)
		return SMX_EUNREACHABLE;
	return SMX_OK;
}

int
tcp_timeouts(int fd, int64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	/* Zero would be for ever. */
	if (ms <= 0)
		tv.tv_usec = 1000;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) != 0)
		return SMX_EIO;
	return SMX_OK;
}

static int
outcome(ssize_t n, size_t *done)
{
	if (n > 0) {
		*done = (size_t)n;
		return SMX_OK;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return TCP_AGAIN;
	return SMX_ECLOSED;
}

int
tcp_send(int fd, const void *data, size_t len, int wait, size_t *done)
{
	int flags = MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT);

	return outcome(send(fd, data, len, flags), done);
}

int
tcp_recv(int fd, void *out, size_t size, int wait, size_t *done)
{
	return outcome(recv(fd, out, size, wait ? 0 : MSG_DONTWAIT), done);
}

int
tcp_silent(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       errno == EAGAIN;
}

int
tcp_wait(int fd, short events, int64_t until_mono_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = until_mono_ms - clock_mono_ms();
		int n;

		if (left < 0)
			left = 0;
		n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n > 0)
			return SMX_OK;
		if (n == 0 && clock_mono_ms() >= until_mono_ms)
			return SMX_ETIMEOUT;
	}
}
