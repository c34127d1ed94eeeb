/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfroute.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

/* The server ends conversations when its tables have changed, or it is told to
 * read its settings anew. */
#define ATTEMPTS_MAX 3
#define RETRY_MS     50

int
pfroute_start(struct pfroute *r, const char *queue_directory,
    const char *sender, const char *recipient, int64_t until_mono_ms)
{
	int n;

	memset(r, 0, sizeof(*r));
	r->fd = -1;
	r->until_mono_ms = until_mono_ms;
	n = snprintf(r->path, sizeof(r->path), "%s/private/rewrite",
	    queue_directory);
	if (n < 0 || (size_t)n >= sizeof(r->path) ||
	    text_copy(r->recipient, sizeof(r->recipient), recipient))
		return SMX_ELIMIT;
	return pfroute_question(sender, recipient, r->question,
	    &r->question_len);
}

void
pfroute_end(struct pfroute *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

/* A question fits into what a fresh socket takes. */
static int
connect_and_ask(struct pfroute *r)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (r->fd < 0)
		return SMX_EIO;
	text_copy(to.sun_path, sizeof(to.sun_path), r->path);
	r->reply_len = 0;
	if (connect(r->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		return SMX_EIO;
	if (send(r->fd, r->question, r->question_len, MSG_NOSIGNAL) !=
	    (ssize_t)r->question_len)
		return SMX_EIO;
	return SMX_OK;
}

/* SMX_OK: something new; SMX_ETEMP: nothing now. */
static int
receive(struct pfroute *r)
{
	ssize_t n;

	do
		n = recv(r->fd, r->reply + r->reply_len,
		    sizeof(r->reply) - r->reply_len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? SMX_ETEMP
							       : SMX_EIO;
	r->reply_len += (size_t)n;
	return n == 0 ? SMX_EIO : SMX_OK;
}

static int
listen_to(struct pfroute *r, struct pfroute_reply *reply)
{
	for (;;) {
		int rc = receive(r);

		if (rc == SMX_OK)
			rc = pfroute_reply_parse(reply, r->reply, r->reply_len);
		else
			return rc;
		if (rc != SMX_ETEMP)
			return rc;
	}
}

static int
judge(const struct pfroute *r, const struct pfroute_reply *reply,
    struct pftransports *transports, const char *queue_directory,
    struct smx_queue_route *out)
{
	struct pftransport t;
	int rc = pftransports_find(transports, reply->transport, &t);

	if (rc != SMX_OK && rc != SMX_ENOTFOUND)
		return rc;
	return pfroute_hops(out, reply, rc == SMX_OK ? &t : NULL, r->recipient,
	    queue_directory);
}

int
pfroute_turn(struct pfroute *r, struct pftransports *transports,
    const char *queue_directory, struct smx_queue_route *out)
{
	int64_t now_ms = clock_mono_ms();
	struct pfroute_reply reply;
	int rc = SMX_OK;

	if (now_ms >= r->until_mono_ms)
		return SMX_ETIMEOUT;
	if (r->fd < 0 && now_ms < r->retry_ms)
		return SMX_ETEMP;
	if (r->fd < 0)
		rc = connect_and_ask(r);
	if (rc == SMX_OK)
		rc = listen_to(r, &reply);
	if (rc == SMX_OK)
		return judge(r, &reply, transports, queue_directory, out);
	if (rc == SMX_ETEMP)
		return rc;
	pfroute_end(r);
	r->retry_ms = now_ms + RETRY_MS;
	return rc == SMX_EPROTO || ++r->attempts >= ATTEMPTS_MAX ? SMX_EIO
								 : SMX_ETEMP;
}

int64_t
pfroute_wait_ms(const struct pfroute *r)
{
	int64_t until = r->until_mono_ms, ms;

	if (r->fd < 0 && r->retry_ms < until)
		until = r->retry_ms;
	ms = until - clock_mono_ms();
	return ms > 0 ? ms : 0;
}

int
pfroute_ask(struct pftransports *transports, const char *queue_directory,
    const char *sender, const char *recipient, struct smx_queue_route *out,
    int64_t until_mono_ms)
{
	struct pfroute *r = malloc(sizeof(*r));
	int rc;

	if (r == NULL)
		return SMX_ENOMEM;
	rc =
	    pfroute_start(r, queue_directory, sender, recipient, until_mono_ms);
	while (rc == SMX_OK || rc == SMX_ETEMP) {
		struct pollfd p = { .events = POLLIN };

		rc = pfroute_turn(r, transports, queue_directory, out);
		if (rc != SMX_ETEMP)
			break;
		p.fd = r->fd;
		(void)poll(&p, 1, (int)pfroute_wait_ms(r));
	}
	pfroute_end(r);
	free(r);
	return rc;
}
