/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/etrn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "glue/node_impl.h"

#define REQUEST_MS 10000
#define IDLE_MS    900000
#define READ_MAX   4096
#define OUT_MAX    (4 * ETRN_ANSWER)
#define FIRST      2 /* places in the list of poll() before the clients */

struct asker {
	int fd;
	int64_t until_ms; /* closed then */
	struct pfpolicy request;
	size_t out_len;
	char out[OUT_MAX];
};

struct etrn {
	struct etrn_options options;
	pthread_t thread;
	int stop[2]; /* closing [1] ends the thread */
	struct log_limit refused;
	size_t count;
	struct asker **askers;
	struct pollfd *fds; /* FIRST more than askers */
};

/* ---- one connection ---- */

static int
is_idle(const struct asker *a)
{
	return a->request.bytes == 0 && a->out_len == 0;
}

static void
refuse(struct etrn *e, const char *why)
{
	struct log_line l;

	if (!log_allow(&e->refused, 1, clock_mono_ms()))
		return;
	log_begin(&l, SMX_LOG_WARNING, NULL, "etrn-closed");
	log_str(&l, "reason", why);
	log_num(&l, "connections", (int64_t)e->count);
	log_unsaid(&l, e->refused.unsaid);
	log_end(&l);
	e->refused.unsaid = 0;
}

/* Non-zero: it is to be closed. */
static int
send_some(struct asker *a)
{
	ssize_t n =
	    send(a->fd, a->out, a->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return errno != EAGAIN && errno != EINTR;
	a->out_len -= (size_t)n;
	memmove(a->out, a->out + n, a->out_len);
	return 0;
}

static int
answer(struct etrn *e, struct asker *a)
{
	char action[ETRN_ANSWER];
	int n;

	e->options.answer(e->options.ctx, &a->request, action);
	pfpolicy_init(&a->request);
	n = snprintf(a->out + a->out_len, OUT_MAX - a->out_len, "action=%s\n\n",
	    action);
	if (n < 0 || (size_t)n >= OUT_MAX - a->out_len)
		return SMX_ELIMIT;
	a->out_len += (size_t)n;
	return SMX_OK;
}

static int
read_some(struct etrn *e, struct asker *a)
{
	char data[READ_MAX];
	ssize_t n = recv(a->fd, data, sizeof(data), MSG_DONTWAIT);
	size_t at = 0, used = 0;
	int rc = SMX_OK;

	if (n <= 0)
		return n == 0 || (errno != EAGAIN && errno != EINTR);
	while (rc == SMX_OK && at < (size_t)n) {
		rc = pfpolicy_feed(&a->request, data + at, (size_t)n - at,
		    &used);
		if (rc == SMX_OK)
			rc = answer(e, a);
		at += used;
	}
	if (rc == SMX_OK || rc == SMX_ETEMP)
		return 0;
	refuse(e, "not a request of Postfix");
	return 1;
}

/* Non-zero: it is to be closed. */
static int
serve(struct etrn *e, struct asker *a, short events, int64_t now_ms)
{
	int was_idle = is_idle(a), closes = 0;

	if (events != 0 && a->out_len == 0)
		closes = read_some(e, a);
	if (!closes && a->out_len != 0)
		closes = send_some(a);
	if (is_idle(a) && events != 0)
		a->until_ms = now_ms + e->options.idle_ms;
	else if (was_idle && !is_idle(a))
		a->until_ms = now_ms + e->options.request_ms;
	return closes || now_ms >= a->until_ms;
}

/* ---- all of them ---- */

static void
drop(struct etrn *e, size_t i)
{
	close(e->askers[i]->fd);
	free(e->askers[i]);
	e->askers[i] = e->askers[--e->count];
}

/* Whoever asks nothing: Postfix connects again when it has something to ask. */
static int
make_room(struct etrn *e)
{
	size_t best = e->count;

	if (e->count < e->options.connections)
		return 1;
	for (size_t i = 0; i < e->count; i++)
		if (is_idle(e->askers[i]) &&
		    (best == e->count ||
			e->askers[i]->until_ms < e->askers[best]->until_ms))
			best = i;
	if (best == e->count)
		return 0;
	drop(e, best);
	return 1;
}

static void
accept_one(struct etrn *e, int64_t now_ms)
{
	int fd =
	    accept4(e->options.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct asker *a;

	if (fd < 0) {
		/* Out of descriptors: do not spin on the ready socket. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			(void)poll(NULL, 0, 100);
		return;
	}
	a = make_room(e) ? calloc(1, sizeof(*a)) : NULL;
	if (a == NULL) {
		refuse(e, "too many connections");
		close(fd);
		return;
	}
	a->fd = fd;
	a->until_ms = now_ms + e->options.idle_ms;
	e->askers[e->count++] = a;
}

static int
wait_ms(const struct etrn *e)
{
	int64_t now = clock_mono_ms(), until = INT64_MAX;

	for (size_t i = 0; i < e->count; i++)
		if (e->askers[i]->until_ms < until)
			until = e->askers[i]->until_ms;
	if (until == INT64_MAX)
		return -1;
	return until <= now          ? 0
	       : until - now < 60000 ? (int)(until - now) + 1
				     : 60000;
}

static void
set_up(struct etrn *e)
{
	e->fds[0] = (struct pollfd){ .fd = e->stop[0], .events = POLLIN };
	e->fds[1] = (struct pollfd){ .fd = e->options.fd, .events = POLLIN };
	for (size_t i = 0; i < e->count; i++)
		e->fds[FIRST + i] = (struct pollfd){ .fd = e->askers[i]->fd,
			.events =
			    e->askers[i]->out_len != 0 ? POLLOUT : POLLIN };
}

static void *
run(void *ctx)
{
	struct etrn *e = ctx;

	for (;;) {
		int64_t now_ms;

		set_up(e);
		if (poll(e->fds, FIRST + e->count, wait_ms(e)) < 0)
			continue;
		if (e->fds[0].revents != 0)
			return NULL;
		now_ms = clock_mono_ms();
		/* From the last: whose place is taken has been seen. */
		for (size_t i = e->count; i > 0; i--)
			if (serve(e, e->askers[i - 1],
				e->fds[FIRST + i - 1].revents, now_ms))
				drop(e, i - 1);
		if (e->fds[1].revents != 0)
			accept_one(e, now_ms);
	}
}

static void
etrn_free(struct etrn *e)
{
	while (e->count != 0)
		drop(e, e->count - 1);
	for (int i = 0; i < 2; i++)
		if (e->stop[i] >= 0)
			close(e->stop[i]);
	free(e->askers);
	free(e->fds);
	free(e);
}

static int
prepare(struct etrn *e)
{
	size_t max = e->options.connections;
	int flags = fcntl(e->options.fd, F_GETFL);

	e->askers = calloc(max, sizeof(struct asker *));
	e->fds = calloc(FIRST + max, sizeof(*e->fds));
	if (e->askers == NULL || e->fds == NULL)
		return SMX_ENOMEM;
	/* Another process may accept first: accept must not block. */
	if (flags < 0 ||
	    fcntl(e->options.fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    pipe2(e->stop, O_CLOEXEC) != 0)
		return SMX_EIO;
	return node_thread(&e->thread, run, e);
}

int
etrn_start(struct etrn **out, const struct etrn_options *options)
{
	struct etrn *e = calloc(1, sizeof(*e));
	int rc;

	if (e == NULL)
		return SMX_ENOMEM;
	e->options = *options;
	if (e->options.connections == 0)
		e->options.connections = ETRN_CONNECTIONS;
	if (e->options.request_ms == 0)
		e->options.request_ms = REQUEST_MS;
	if (e->options.idle_ms == 0)
		e->options.idle_ms = IDLE_MS;
	e->stop[0] = e->stop[1] = -1;
	rc = prepare(e);
	if (rc == SMX_OK)
		*out = e;
	else
		etrn_free(e);
	return rc;
}

void
etrn_stop(struct etrn **etrn)
{
	struct etrn *e = *etrn;

	*etrn = NULL;
	if (e == NULL)
		return;
	close(e->stop[1]);
	e->stop[1] = -1;
	pthread_join(e->thread, NULL);
	etrn_free(e);
}
