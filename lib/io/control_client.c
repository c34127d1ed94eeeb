/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <shadowmx/daemon.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/key.h"
#include "base/log.h"

/* A line longer than this is no answer of ours. */
#define LINE_MAX_BYTES (4u << 20)

#define RESULT_HEAD "{\"result\":\""
#define TEXT_HEAD   "\",\"text\":\""

struct ask {
	int fd;
	int64_t quiet_ms; /* deadline without any progress */
	smx_line_fn line;
	void *line_ctx;
	char *why;
	size_t why_size;
	int done; /* the result line was seen */
	int result;
};

static int
wait_for(const struct ask *ask, short events)
{
	int64_t until = clock_mono_ms() + ask->quiet_ms;

	for (;;) {
		struct pollfd p = { .fd = ask->fd, .events = events };
		int64_t left = until - clock_mono_ms();
		int n;

		if (left <= 0)
			return SMX_ETIMEOUT;
		n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
		if (n > 0)
			return SMX_OK;
		if (n < 0 && errno != EINTR)
			return SMX_EIO;
	}
}

static int
connect_failed(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return SMX_EPERM;
	case EAGAIN: /* as many wait already as the socket lets wait */
		return SMX_ETIMEOUT;
	default:
		return SMX_EUNREACHABLE;
	}
}

static int
join(struct ask *ask, const char *path)
{
	struct sockaddr_un sun;
	int rc;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (text_copy(sun.sun_path, sizeof(sun.sun_path), path)) {
		snprintf(ask->why, ask->why_size, "%s: too long", path);
		return SMX_EINVAL;
	}
	ask->fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ask->fd < 0)
		return SMX_EIO;
	if (connect(ask->fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return SMX_OK;
	rc = connect_failed(errno);
	snprintf(ask->why, ask->why_size, "%s: %s", path, strerror(errno));
	return rc;
}

static int
send_command(const struct ask *ask, const char *command)
{
	size_t len = strlen(command), done = 0;
	char *text = malloc(len + 1);
	int rc = SMX_OK;

	if (text == NULL)
		return SMX_ENOMEM;
	memcpy(text, command, len);
	text[len++] = '\n';
	while (rc == SMX_OK && done < len) {
		ssize_t n =
		    send(ask->fd, text + done, len - done, MSG_NOSIGNAL);

		if (n > 0)
			done += (size_t)n;
		else if (errno == EAGAIN || errno == EINTR)
			rc = wait_for(ask, POLLOUT);
		else
			break; /* it may have answered before it hung up */
	}
	free(text);
	return rc;
}

/* Undo buf.h's json_str for people: what it had to escape is shown as \xHH. */
static void
put_text(char *out, size_t size, const char *json, size_t len)
{
	size_t used = 0, i = 0;
	uint8_t byte[2];

	while (i < len && json[i] != '"' && used + 5 < size) {
		if (json[i] != '\\') {
			out[used++] = json[i++];
		} else if (i + 5 < len && json[i + 1] == 'u' &&
			   hex_parse(json + i + 2, 4, byte, 2) == SMX_OK) {
			used += (size_t)snprintf(out + used, size - used,
			    "\\x%02x", byte[1]);
			i += 6;
		} else {
			i++;
			if (i < len)
				out[used++] = json[i++];
		}
	}
	if (size != 0)
		out[used] = '\0';
}

static int
result_of(const char *name, size_t len)
{
	for (int rc = SMX_OK; rc >= SMX_ECLOSED; rc--)
		if (strlen(smx_errname(rc)) == len &&
		    memcmp(smx_errname(rc), name, len) == 0)
			return rc;
	return SMX_EPROTO;
}

static int
take_line(struct ask *ask, const char *line, size_t len)
{
	const size_t head = strlen(RESULT_HEAD), text = strlen(TEXT_HEAD);
	const char *name = line + head, *end;

	if (len < head || memcmp(line, RESULT_HEAD, head) != 0)
		return ask->line == NULL ? 0
					 : ask->line(ask->line_ctx, line, len);
	end = memchr(name, '"', len - head);
	if (end == NULL)
		return SMX_EPROTO;
	ask->done = 1;
	ask->result = result_of(name, (size_t)(end - name));
	if ((size_t)(line + len - end) > text &&
	    memcmp(end, TEXT_HEAD, text) == 0)
		put_text(ask->why, ask->why_size, end + text,
		    (size_t)(line + len - end) - text);
	return SMX_OK;
}

/* Hand on what is complete in b. */
static int
take_lines(struct ask *ask, struct buf *b)
{
	size_t from = 0;
	int rc = SMX_OK;

	while (rc == SMX_OK && !ask->done) {
		char *end = b->len == from
				? NULL
				: memchr(b->data + from, '\n', b->len - from);

		if (end == NULL)
			break;
		rc = take_line(ask, b->data + from,
		    (size_t)(end - b->data) - from);
		from = (size_t)(end - b->data) + 1;
	}
	buf_drop(b, from);
	return rc;
}

static int
read_answer(struct ask *ask)
{
	struct buf b;
	char data[65536];
	int rc = SMX_OK;

	buf_init(&b, LINE_MAX_BYTES);
	while (rc == SMX_OK && !ask->done) {
		ssize_t n = recv(ask->fd, data, sizeof(data), 0);

		if (n > 0) {
			rc = buf_add(&b, data, (size_t)n);
			if (rc == SMX_OK)
				rc = take_lines(ask, &b);
		} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			rc = wait_for(ask, POLLIN);
		} else {
			snprintf(ask->why, ask->why_size,
			    "the daemon ended the connection before its "
			    "answer was complete");
			rc = SMX_ECLOSED;
		}
	}
	buf_free(&b);
	return rc;
}

int
smx_control_ask(const char *socket_path, const char *command,
    int64_t deadline_ms, smx_line_fn line, void *line_ctx, char *why,
    size_t why_size)
{
	char unused[1];
	struct ask ask = { .fd = -1,
		.quiet_ms = deadline_ms,
		.line = line,
		.line_ctx = line_ctx,
		.why = why,
		.why_size = why_size };
	int rc;

	if (why == NULL || why_size == 0) {
		ask.why = unused;
		ask.why_size = sizeof(unused);
	}
	ask.why[0] = '\0';
	if (strpbrk(command, "\r\n") != NULL)
		return SMX_EINVAL;
	rc = join(&ask, socket_path);
	if (rc == SMX_OK)
		rc = send_command(&ask, command);
	if (rc == SMX_OK)
		rc = read_answer(&ask);
	if (ask.fd >= 0)
		close(ask.fd);
	return rc == SMX_OK ? ask.result : rc;
}
