/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "smtp_script.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const friendly[STEPS] = {
	"220 script.test.invalid ESMTP\r\n",
	"250-script.test.invalid\r\n250-PIPELINING\r\n250-SIZE 1000000000\r\n"
	"250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n"
	"250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT\r\n"
	"250 CHUNKING\r\n",
	"250 2.0.0 Ok\r\n",
	"250 2.1.0 Ok\r\n",
	"250 2.1.5 Ok\r\n",
	"354 End data with <CR><LF>.<CR><LF>\r\n",
	"250 2.0.0 Ok: queued as 4jXKs073lDz1bkTK\r\n",
};

/* Room for len bytes and a NUL, in steps that make growing cheap. */
static size_t
room(size_t len)
{
	size_t size = 64;

	while (size <= len)
		size *= 2;
	return size;
}

static void
keep(char **to, size_t *len, const char *data, size_t n)
{
	if (*to == NULL || room(*len + n) != room(*len)) {
		*to = realloc(*to, room(*len + n));
		ck_assert_ptr_nonnull(*to);
	}
	memcpy(*to + *len, data, n);
	*len += n;
	(*to)[*len] = '\0';
}

static int
say(struct script *s, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(s->fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
hear(struct script *s)
{
	ssize_t n;

	if (s->in_at < s->in_len)
		return (unsigned char)s->in[s->in_at++];
	n = recv(s->fd, s->in, sizeof(s->in), 0);
	if (n <= 0)
		return -1;
	s->in_at = 1;
	s->in_len = (size_t)n;
	return (unsigned char)s->in[0];
}

/* Repeat text until the other side goes away (bounded all the same). */
static void
repeat(struct script *s, const char *text, int pause_ms)
{
	for (int i = 0; i < 100000; i++) {
		struct pollfd p = { .fd = s->fd, .events = POLLRDHUP };

		if (say(s, text, strlen(text)) != 0)
			return;
		if (poll(&p, 1, pause_ms) > 0)
			return;
	}
}

/* Does the script say anything of this moment? */
static int
applies(const struct script *s)
{
	return s->after == 0 ||
	       (s->connections == 1 && s->messages >= s->after);
}

static int
perform(struct script *s, enum script_step step, const char *text)
{
	struct pollfd p = { .fd = s->fd, .events = POLLRDHUP };

	switch (applies(s) ? s->act[step] : ACT_ANSWER) {
	case ACT_ANSWER:
		return say(s, text, strlen(text));
	case ACT_SILENT:
		(void)poll(&p, 1, 20000);
		return -1;
	case ACT_DRIP:
		repeat(s, "2", 20);
		return -1;
	case ACT_FLOOD:
		repeat(s, "250-and so on\r\n", 0);
		return -1;
	case ACT_LONG:
		repeat(s, "2500000000000000000000000000000000000", 0);
		return -1;
	case ACT_NOISE:
		(void)say(s, "\0\377 none\r\n", 9);
		(void)poll(&p, 1, 20000);
		return -1;
	case ACT_CLOSE:
	case ACTS:
		break;
	}
	return -1;
}

static int
answer(struct script *s, enum script_step step, const char *line)
{
	const char *text = s->text[step] != NULL && applies(s) ? s->text[step]
							       : friendly[step];

	if (step == STEP_RCPT && strstr(line, "4xx") != NULL)
		text = "450 4.2.0 Not now\r\n";
	if (step == STEP_RCPT && strstr(line, "5xx") != NULL)
		text = "550 5.1.1 No such user\r\n";
	return perform(s, step, text);
}

static int
content(struct script *s)
{
	size_t from = s->raw_len;
	int c;

	if (s->deaf != NULL) {
		struct pollfd p = { .fd = s->fd, .events = POLLRDHUP };

		/* unread content hides the other side's going */
		if (strcmp(s->deaf, "silent") == 0)
			(void)poll(&p, 1, 2000);
		return -1;
	}
	while ((c = hear(s)) >= 0) {
		char byte = (char)c;

		keep(&s->raw, &s->raw_len, &byte, 1);
		if ((s->raw_len - from >= 5 &&
			memcmp(s->raw + s->raw_len - 5, "\r\n.\r\n", 5) == 0) ||
		    (s->raw_len - from == 3 &&
			memcmp(s->raw + from, ".\r\n", 3) == 0)) {
			int rc = answer(s, STEP_DOT, "");

			s->messages++;
			return s->connections == 1 &&
				       s->messages == s->leave_after
				   ? -1
				   : rc;
		}
	}
	return -1;
}

static int
line(struct script *s, char *out, size_t size)
{
	size_t n = 0;
	int c;

	while ((c = hear(s)) >= 0 && c != '\n')
		if (n + 1 < size)
			out[n++] = (char)c;
	if (n > 0 && out[n - 1] == '\r')
		n--;
	out[n] = '\0';
	if (c < 0)
		return -1;
	keep(&s->commands, &s->commands_len, out, n);
	keep(&s->commands, &s->commands_len, "\n", 1);
	return 0;
}

static void
serve(struct script *s)
{
	static const char *const verbs[STEPS] = { "\n", "EHLO ", "XFORWARD ",
		"MAIL ", "RCPT ", "DATA", "\n" };
	char text[4096];

	if (answer(s, STEP_GREETING, "") != 0)
		return;
	while (line(s, text, sizeof(text)) == 0) {
		int rc = 0;
		int known = 0;

		if (strcmp(text, "QUIT") == 0) {
			(void)say(s, "221 2.0.0 Bye\r\n", 15);
			return;
		}
		for (int i = STEP_EHLO; i < STEP_DOT; i++)
			if (strncmp(text, verbs[i], strlen(verbs[i])) == 0) {
				known = 1;
				rc = answer(s, (enum script_step)i, text);
				if (rc == 0 && i == STEP_DATA &&
				    (s->text[STEP_DATA] == NULL || !applies(s)))
					rc = content(s);
			}
		if (!known)
			rc = say(s, "502 5.5.2 What?\r\n", 17);
		if (rc != 0)
			return;
	}
}

static void *
run(void *ctx)
{
	struct script *s = ctx;

	do {
		s->fd = accept(s->listener, NULL, NULL);
		if (s->fd < 0)
			return NULL;
		s->connections++;
		s->in_at = s->in_len = 0;
		serve(s);
		close(s->fd);
	} while (s->connections < s->serves);
	return NULL;
}

static void
listen_inet(struct script *s)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(in);

	s->listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(s->listener, (struct sockaddr *)&in, sizeof(in)),
	    0);
	ck_assert_int_eq(getsockname(s->listener, (struct sockaddr *)&in, &len),
	    0);
	snprintf(s->target, sizeof(s->target), "127.0.0.1:%u",
	    (unsigned)ntohs(in.sin_port));
}

static void
listen_unix(struct script *s)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	strncpy(s->folder, "/tmp/smtp_script.XXXXXX", sizeof(s->folder) - 1);
	ck_assert_ptr_nonnull(mkdtemp(s->folder));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", s->folder);
	snprintf(s->target, sizeof(s->target), "unix:%s", un.sun_path);
	s->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(s->listener, (struct sockaddr *)&un, sizeof(un)),
	    0);
}

void
script_start(struct script *s)
{
	if (s->unix_socket)
		listen_unix(s);
	else
		listen_inet(s);
	ck_assert_int_eq(listen(s->listener, 5), 0);
	s->fd = -1;
	ck_assert_int_eq(pthread_create(&s->thread, NULL, run, s), 0);
}

void
script_stop(struct script *s)
{
	/* wakes an accept that nobody came to */
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
	if (s->unix_socket) {
		unlink(s->target + 5);
		rmdir(s->folder);
	}
}

void
script_free(struct script *s)
{
	free(s->commands);
	free(s->raw);
	s->commands = NULL;
	s->raw = NULL;
}
