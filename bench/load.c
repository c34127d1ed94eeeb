/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An SMTP load generator that measures what an acknowledgement costs: the time
 * from the final dot to its reply.  Several sessions, several messages a
 * session, all from one process and one poll loop.
 *
 *	load HOST PORT SESSIONS MESSAGES BYTES
 *
 * prints one line: messages seconds rate p50_us p99_us failed
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PER_SESSION 50 /* messages on one connection */
#define WAIT_MS     60000

enum step { BANNER, HELO, MAIL, RCPT, DATA, DOT, QUIT };

struct session {
	int fd;
	enum step step;
	int sent;   /* messages on this connection */
	size_t out; /* bytes of the body already written */
	int64_t dot_ns;
	char line[2048];
	size_t len;
};

static struct sockaddr_in target;
static char *body;
static size_t body_len;
static long wanted, begun, done, failed;
static double *times;

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
dial(struct session *s)
{
	int on = 1;

	memset(s, 0, sizeof(*s));
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 ||
	    connect(s->fd, (struct sockaddr *)&target, sizeof(target)) != 0)
		die("connect");
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	s->step = BANNER;
}

static void
say(struct session *s, const char *text)
{
	size_t len = strlen(text);

	if (send(s->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("send");
}

static void
say_body(struct session *s)
{
	while (s->out < body_len) {
		ssize_t n = send(s->fd, body + s->out, body_len - s->out,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			die("send body");
		s->out += (size_t)n;
	}
	s->dot_ns = now_ns();
}

static void
next_message(struct session *s)
{
	if (begun < wanted && s->sent < PER_SESSION) {
		begun++;
		s->sent++;
		s->step = MAIL;
		say(s, "MAIL FROM:<bench@load.invalid>\r\n");
	} else {
		s->step = QUIT;
		say(s, "QUIT\r\n");
	}
}

static void
reply(struct session *s, int code)
{
	switch (s->step) {
	case BANNER:
		s->step = HELO;
		say(s, "EHLO load.invalid\r\n");
		break;
	case HELO:
		next_message(s);
		break;
	case MAIL:
		s->step = RCPT;
		say(s, "RCPT TO:<sink@next.invalid>\r\n");
		break;
	case RCPT:
		s->step = DATA;
		say(s, "DATA\r\n");
		break;
	case DATA:
		s->step = DOT;
		s->out = 0;
		say_body(s);
		break;
	case DOT:
		if (code == 250)
			times[done++] = (double)(now_ns() - s->dot_ns) / 1000;
		else
			failed++;
		next_message(s);
		break;
	case QUIT:
		close(s->fd);
		s->fd = -1;
		if (begun < wanted)
			dial(s);
		break;
	}
	if (code >= 400 && s->step != DOT && s->step != QUIT) {
		fprintf(stderr, "unexpected %d in step %d\n", code, s->step);
		exit(1);
	}
}

static void
receive(struct session *s)
{
	ssize_t n =
	    recv(s->fd, s->line + s->len, sizeof(s->line) - 1 - s->len, 0);
	char *end, *p;

	if (n <= 0)
		die("server closed");
	s->len += (size_t)n;
	s->line[s->len] = '\0';
	p = s->line;
	while ((end = strchr(p, '\n')) != NULL) {
		int code = atoi(p);
		int last = p[3] == ' ';

		p = end + 1;
		if (last) {
			s->len = 0;
			reply(s, code);
			return;
		}
	}
	s->len -= (size_t)(p - s->line);
	memmove(s->line, p, s->len);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
make_body(size_t bytes)
{
	static const char head[] =
	    "From: bench@load.invalid\r\nTo: sink@next.invalid\r\n"
	    "Subject: bench\r\nMessage-ID: <bench@load.invalid>\r\n"
	    "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\n";

	body = malloc(bytes + sizeof(head) + 100);
	if (body == NULL)
		die("malloc");
	memcpy(body, head, sizeof(head) - 1);
	body_len = sizeof(head) - 1;
	while (body_len + 72 < bytes) {
		memset(body + body_len, 'x', 70);
		memcpy(body + body_len + 70, "\r\n", 2);
		body_len += 72;
	}
	memcpy(body + body_len, ".\r\n", 3);
	body_len += 3;
}

int
main(int argc, char **argv)
{
	struct session *s;
	struct pollfd *p;
	int count;
	int64_t began;
	double seconds;

	if (argc != 6) {
		fprintf(stderr, "load HOST PORT SESSIONS MESSAGES BYTES\n");
		return 64;
	}
	target.sin_family = AF_INET;
	target.sin_port = htons((uint16_t)atoi(argv[2]));
	if (inet_pton(AF_INET, argv[1], &target.sin_addr) != 1)
		return 64;
	count = atoi(argv[3]);
	wanted = atol(argv[4]);
	make_body((size_t)atol(argv[5]));
	times = calloc((size_t)wanted + 1, sizeof(*times));
	s = calloc((size_t)count, sizeof(*s));
	p = calloc((size_t)count, sizeof(*p));
	if (times == NULL || s == NULL || p == NULL)
		die("calloc");
	began = now_ns();
	for (int i = 0; i < count; i++)
		dial(&s[i]);
	while (done + failed < wanted) {
		for (int i = 0; i < count; i++) {
			p[i].fd = s[i].fd;
			p[i].events = POLLIN;
			if (s[i].fd >= 0 && s[i].step == DOT &&
			    s[i].out < body_len)
				p[i].events |= POLLOUT;
		}
		if (poll(p, (nfds_t)count, WAIT_MS) <= 0)
			die("no progress");
		for (int i = 0; i < count; i++) {
			if (p[i].revents & POLLOUT)
				say_body(&s[i]);
			if (p[i].revents & (POLLIN | POLLHUP | POLLERR))
				receive(&s[i]);
		}
	}
	seconds = (double)(now_ns() - began) / 1e9;
	qsort(times, (size_t)done, sizeof(*times), by_size);
	printf("%ld %.3f %.1f %.0f %.0f %ld\n", done, seconds,
	    (double)done / seconds, done == 0 ? 0 : times[done / 2],
	    done == 0 ? 0 : times[done * 99 / 100], failed);
	return 0;
}
