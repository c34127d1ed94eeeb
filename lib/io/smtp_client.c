/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/smtp_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/key.h"

struct smtp_target {
	socklen_t len;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} at;
};

/* ---- addresses ---- */

static int
unix_parse(struct smtp_target *target, const char *path)
{
	target->at.un.sun_family = AF_UNIX;
	target->len = sizeof(target->at.un);
	if (path[0] != '/' || text_copy(target->at.un.sun_path,
				  sizeof(target->at.un.sun_path), path) != 0)
		return SMX_EINVAL;
	return SMX_OK;
}

static int
inet_parse(struct smtp_target *target, const char *host, in_port_t port)
{
	if (inet_pton(AF_INET, host, &target->at.in.sin_addr) == 1) {
		target->at.in.sin_family = AF_INET;
		target->at.in.sin_port = port;
		target->len = sizeof(target->at.in);
		return SMX_OK;
	}
	if (inet_pton(AF_INET6, host, &target->at.in6.sin6_addr) == 1) {
		target->at.in6.sin6_family = AF_INET6;
		target->at.in6.sin6_port = port;
		target->len = sizeof(target->at.in6);
		return SMX_OK;
	}
	return SMX_EINVAL;
}

static int
target_parse(struct smtp_target *target, const char *text)
{
	char host[INET6_ADDRSTRLEN + 2];
	const char *colon = strrchr(text, ':');
	size_t len;
	uint64_t port;

	if (strncmp(text, "unix:", 5) == 0)
		return unix_parse(target, text + 5);
	if (colon == NULL ||
	    number_parse(colon + 1, strlen(colon + 1), 65535, &port) !=
		SMX_OK ||
	    port == 0)
		return SMX_EINVAL;
	len = (size_t)(colon - text);
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len) != NULL) {
		return SMX_EINVAL;
	}
	if (len >= sizeof(host))
		return SMX_EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	return inet_parse(target, host, htons((uint16_t)port));
}

int
smtp_target_new(struct smtp_target **out, const char *text)
{
	struct smtp_target *target = calloc(1, sizeof(*target));

	if (target == NULL)
		return SMX_ENOMEM;
	if (target_parse(target, text) != SMX_OK) {
		free(target);
		return SMX_EINVAL;
	}
	*out = target;
	return SMX_OK;
}

void
smtp_target_free(struct smtp_target **target)
{
	free(*target);
	*target = NULL;
}

/* ---- waiting ---- */

static int64_t
step_until(const struct smtp_client *client, int64_t wait_ms)
{
	int64_t until = clock_mono_ms() + wait_ms;

	if (client->deadline_mono_ms > 0 && client->deadline_mono_ms < until)
		until = client->deadline_mono_ms;
	return until;
}

static int
failed(struct smtp_client *client, int errnum, int result)
{
	client->errnum = errnum;
	return result;
}

static int
wait_for(struct smtp_client *client, short what, int64_t until)
{
	for (;;) {
		struct pollfd p = { .fd = client->fd, .events = what };
		int64_t left = until - clock_mono_ms();
		int n;

		if (left <= 0)
			return failed(client, 0, SMX_ETIMEOUT);
		n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
		if (n > 0)
			return SMX_OK;
		if (n < 0 && errno != EINTR)
			return failed(client, errno, SMX_EIO);
	}
}

/* ---- the connection ---- */

static int
connect_wait(struct smtp_client *client, const struct smtp_target *target)
{
	int error = 0;
	socklen_t len = sizeof(error);
	int rc;

	if (connect(client->fd, &target->at.any, target->len) == 0)
		return SMX_OK;
	if (errno != EINPROGRESS)
		return failed(client, errno, SMX_EUNREACHABLE);
	rc = wait_for(client, POLLOUT, step_until(client, client->step_ms));
	if (rc != SMX_OK)
		return rc;
	if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return failed(client, errno, SMX_EIO);
	return error == 0 ? SMX_OK : failed(client, error, SMX_EUNREACHABLE);
}

int
smtp_client_open(struct smtp_client *client, const struct smtp_target *target,
    int64_t step_ms, int64_t deadline_mono_ms)
{
	int one = 1;
	int rc;

	memset(client, 0, sizeof(*client));
	client->step_ms = step_ms;
	client->deadline_mono_ms = deadline_mono_ms;
	client->fd = socket(target->at.any.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return failed(client, errno, SMX_EUNREACHABLE);
	rc = connect_wait(client, target);
	if (rc != SMX_OK) {
		smtp_client_close(client);
		return rc == SMX_ETIMEOUT ? rc : SMX_EUNREACHABLE;
	}
	/* only worth some milliseconds; a unix socket has no such option */
	(void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one,
	    sizeof(one));
	return SMX_OK;
}

void
smtp_client_close(struct smtp_client *client)
{
	if (client->fd >= 0)
		(void)close(client->fd);
	client->fd = -1;
}

int
smtp_client_keep(struct smtp_client *client)
{
	int fd = client->fd;

	if (client->in_at != client->in_len) {
		smtp_client_close(client);
		return -1;
	}
	client->fd = -1;
	return fd;
}

int
smtp_client_resume(struct smtp_client *client, int fd, int64_t step_ms,
    int64_t deadline_mono_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	memset(client, 0, sizeof(*client));
	client->fd = fd;
	client->step_ms = step_ms;
	client->deadline_mono_ms = deadline_mono_ms;
	if (poll(&p, 1, 0) == 0)
		return SMX_OK;
	smtp_client_close(client);
	return failed(client, 0, SMX_ECLOSED);
}

int
smtp_client_send(struct smtp_client *client, const void *data, size_t len)
{
	const char *at = data;
	int64_t until = step_until(client, client->step_ms);

	while (len > 0) {
		ssize_t n = send(client->fd, at, len, MSG_NOSIGNAL);
		int rc;

		if (n >= 0) {
			at += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return failed(client, errno, SMX_ECLOSED);
		if (errno != EAGAIN && errno != EINTR)
			return failed(client, errno, SMX_EIO);
		rc = wait_for(client, POLLOUT, until);
		if (rc != SMX_OK)
			return rc;
	}
	return SMX_OK;
}

static int
fill(struct smtp_client *client, int64_t until)
{
	for (;;) {
		ssize_t n = recv(client->fd, client->in, sizeof(client->in), 0);
		int rc;

		if (n > 0) {
			client->in_at = 0;
			client->in_len = (size_t)n;
			return SMX_OK;
		}
		if (n == 0 || errno == ECONNRESET)
			return failed(client, n == 0 ? 0 : errno, SMX_ECLOSED);
		if (errno != EAGAIN && errno != EINTR)
			return failed(client, errno, SMX_EIO);
		rc = wait_for(client, POLLIN, until);
		if (rc != SMX_OK)
			return rc;
	}
}

int
smtp_client_reply(struct smtp_client *client, struct smtpreply *reply,
    int64_t wait_ms, smtp_line_fn each, void *ctx)
{
	int64_t until =
	    step_until(client, wait_ms > 0 ? wait_ms : client->step_ms);

	smtpreply_begin(reply);
	for (;;) {
		size_t used;
		int step = smtpreply_feed(reply, client->in + client->in_at,
		    client->in_len - client->in_at, &used);

		client->in_at += used;
		if (step < 0)
			return failed(client, 0, step);
		if (step != SMTPREPLY_MORE && each != NULL)
			each(ctx, reply);
		if (step == SMTPREPLY_DONE)
			return SMX_OK;
		if (step == SMTPREPLY_MORE) {
			int rc = fill(client, until);

			if (rc != SMX_OK)
				return rc;
		}
	}
}
