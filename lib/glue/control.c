/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/rights.h"

#define STOP_MS 1000

struct client {
	struct control *control;
	int fd;    /* -1: the place is free */
	int ended; /* under lock: join, then free */
	pthread_t thread;
	struct rights rights;
};

struct control {
	struct control_options options;
	pthread_mutex_t lock;
	pthread_t acceptor;
	int stop[2]; /* closing [1] wakes the acceptor */
	/* A flood of the one must not hide the other. */
	struct log_limit refused, busy;
	struct client clients[CONTROL_MAX_CONNECTIONS];
};

/* ---- one connection ---- */

/* Wait until fd is ready or until_ms passes. */
static int
wait_for(int fd, short events, int64_t until_ms)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = until_ms - clock_mono_ms();
		int n;

		if (left <= 0)
			return SMX_ETIMEOUT;
		n = poll(&p, 1, (int)left);
		if (n > 0)
			return SMX_OK;
		if (n < 0 && errno != EINTR)
			return SMX_EIO;
	}
}

static int
send_all(struct client *client, const char *data, size_t len)
{
	int64_t progress_ms = client->control->options.progress_ms;
	int64_t until = clock_mono_ms() + progress_ms;

	while (len > 0) {
		ssize_t n =
		    send(client->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
			until = clock_mono_ms() + progress_ms;
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return SMX_ECLOSED;
		} else if (wait_for(client->fd, POLLOUT, until) != SMX_OK) {
			return SMX_ETIMEOUT;
		}
	}
	return SMX_OK;
}

static int
send_line(void *ctx, const char *json, size_t len)
{
	struct client *client = ctx;
	int rc = send_all(client, json, len);

	return rc == SMX_OK ? send_all(client, "\n", 1) : rc;
}

static void
send_result(struct client *client, int result, const char *why)
{
	struct buf b;

	buf_init(&b, 8192);
	json_open(&b);
	json_str(&b, "result", smx_errname(result));
	if (result != SMX_OK)
		json_str(&b, "text",
		    why[0] == '\0' ? smx_strerror(result) : why);
	json_close(&b);
	if (buf_error(&b) == SMX_OK)
		(void)send_line(client, b.data, b.len);
	buf_free(&b);
}

/* One line of printable ASCII, ended by LF. */
static int
read_request(struct client *client, char *out, size_t size)
{
	int64_t until = clock_mono_ms() + client->control->options.request_ms;
	size_t len = 0;
	char *end = NULL;

	while (end == NULL) {
		ssize_t n;
		int rc = wait_for(client->fd, POLLIN, until);

		if (rc != SMX_OK)
			return rc;
		if (len == size - 1)
			return SMX_ELIMIT;
		n = recv(client->fd, out + len, size - 1 - len, MSG_DONTWAIT);
		if (n == 0)
			return SMX_ECLOSED;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return SMX_ECLOSED;
		if (n > 0)
			len += (size_t)n;
		end = memchr(out, '\n', len);
	}
	*end = '\0';
	for (const char *p = out; p < end; p++)
		if (*p < 0x20 || *p > 0x7e)
			return SMX_EINVAL;
	return SMX_OK;
}

static void
complain(struct client *client, struct log_limit *limit, const char *event,
    int rc, const char *command)
{
	struct control *control = client->control;
	struct log_line l;
	uint64_t unsaid;
	int allowed;

	pthread_mutex_lock(&control->lock);
	allowed = log_allow(limit, 5, clock_mono_ms());
	unsaid = limit->unsaid;
	if (allowed)
		limit->unsaid = 0;
	pthread_mutex_unlock(&control->lock);
	if (!allowed)
		return;
	log_begin(&l, SMX_LOG_WARNING, NULL, event);
	log_num(&l, "uid", client->rights.uid);
	log_num(&l, "pid", client->rights.pid);
	log_str(&l, "command", command);
	log_err(&l, "result", rc);
	log_unsaid(&l, unsaid);
	log_end(&l);
}

static void
log_change(const struct client *client, const char *command, int rc)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, NULL, "command");
	log_num(&l, "uid", client->rights.uid);
	log_str(&l, "command", command);
	log_err(&l, "result", rc);
	log_end(&l);
}

static void
serve(struct client *client)
{
	struct control *control = client->control;
	char command[CONTROL_MAX_REQUEST + 1];
	char why[512] = "";
	int looks, rc;

	rc = read_request(client, command, sizeof(command));
	if (rc == SMX_ECLOSED)
		return;
	if (rc != SMX_OK) {
		complain(client, &control->refused, "control-refused", rc, "");
		send_result(client, rc, "");
		return;
	}
	looks = control_only_looks(command);
	if (looks ? !client->rights.may_look : !client->rights.may_change) {
		complain(client, &control->refused, "control-refused",
		    SMX_EPERM, command);
		send_result(client, SMX_EPERM,
		    looks ? "only root and the control group may ask this"
			  : "only root may ask this");
		return;
	}
	rc = control->options.command(control->options.ctx,
	    client->rights.uid == (uid_t)-1 ? -1 : (int64_t)client->rights.uid,
	    command, send_line, client, why, sizeof(why));
	if (!looks)
		log_change(client, command, rc);
	send_result(client, rc, why);
}

static void *
client_run(void *ctx)
{
	struct client *client = ctx;

	serve(client);
	/* It is closed only when the next one comes: who is still talking is
	 * told now.  What was answered stays to be read. */
	(void)shutdown(client->fd, SHUT_RDWR);
	pthread_mutex_lock(&client->control->lock);
	client->ended = 1;
	pthread_mutex_unlock(&client->control->lock);
	return NULL;
}

/* ---- all connections ---- */

static int
start_thread(pthread_t *out, void *(*run)(void *), void *ctx)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(out, NULL, run, ctx);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc == 0 ? SMX_OK : SMX_EIO;
}

static void
reap(struct client *client)
{
	pthread_join(client->thread, NULL);
	close(client->fd);
	client->fd = -1;
	client->ended = 0;
}

static struct client *
free_place(struct control *control)
{
	struct client *place = NULL;

	for (size_t i = 0; i < CONTROL_MAX_CONNECTIONS; i++) {
		struct client *client = &control->clients[i];
		int ended;

		pthread_mutex_lock(&control->lock);
		ended = client->fd >= 0 && client->ended;
		pthread_mutex_unlock(&control->lock);
		if (ended)
			reap(client);
		if (client->fd < 0)
			place = client;
	}
	return place;
}

/* For a connection that gets no place of its own. */
static void
turn_away(struct control *control, int fd, int rc)
{
	struct client one = { .control = control, .fd = fd };

	rights_of(&control->options, fd, &one.rights);
	complain(&one, &control->busy, "control-busy", rc, "");
	send_result(&one, rc, "too many connections");
	close(fd);
}

static void
accept_one(struct control *control)
{
	struct client *place;
	int fd = accept4(control->options.fd, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		/* Out of descriptors: do not spin on the ready socket. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			(void)poll(NULL, 0, 100);
		return;
	}
	place = free_place(control);
	if (place == NULL) {
		turn_away(control, fd, SMX_ELIMIT);
		return;
	}
	place->control = control;
	place->fd = fd;
	place->ended = 0;
	rights_of(&control->options, fd, &place->rights);
	if (start_thread(&place->thread, client_run, place) != SMX_OK) {
		place->fd = -1;
		turn_away(control, fd, SMX_ENOMEM);
	}
}

static void *
acceptor_run(void *ctx)
{
	struct control *control = ctx;

	for (;;) {
		struct pollfd p[2] = {
			{ .fd = control->stop[0], .events = POLLIN },
			{ .fd = control->options.fd, .events = POLLIN },
		};

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents != 0)
			return NULL;
		if (p[1].revents != 0)
			accept_one(control);
	}
}

int
control_start(struct control **out, const struct control_options *options)
{
	struct control *control = calloc(1, sizeof(*control));
	int flags;

	if (control == NULL)
		return SMX_ENOMEM;
	control->options = *options;
	if (control->options.request_ms == 0)
		control->options.request_ms = 5000;
	if (control->options.progress_ms == 0)
		control->options.progress_ms = 30000;
	for (size_t i = 0; i < CONTROL_MAX_CONNECTIONS; i++)
		control->clients[i].fd = -1;
	pthread_mutex_init(&control->lock, NULL);
	/* Another process may accept first: accept must not block. */
	flags = fcntl(options->fd, F_GETFL);
	if (flags < 0 || fcntl(options->fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    pipe2(control->stop, O_CLOEXEC) != 0) {
		free(control);
		return SMX_EIO;
	}
	if (start_thread(&control->acceptor, acceptor_run, control) != SMX_OK) {
		close(control->stop[0]);
		close(control->stop[1]);
		free(control);
		return SMX_EIO;
	}
	*out = control;
	return SMX_OK;
}

static void
cut(struct control *control, int how)
{
	for (size_t i = 0; i < CONTROL_MAX_CONNECTIONS; i++)
		if (control->clients[i].fd >= 0)
			(void)shutdown(control->clients[i].fd, how);
}

static int
busy(struct control *control)
{
	int n = 0;

	pthread_mutex_lock(&control->lock);
	for (size_t i = 0; i < CONTROL_MAX_CONNECTIONS; i++)
		n += control->clients[i].fd >= 0 && !control->clients[i].ended;
	pthread_mutex_unlock(&control->lock);
	return n;
}

void
control_stop(struct control **control)
{
	struct control *c = *control;

	if (c == NULL)
		return;
	close(c->stop[1]);
	pthread_join(c->acceptor, NULL);
	/* What runs may finish its answer, if its reader is quick. */
	cut(c, SHUT_RD);
	for (int64_t until = clock_mono_ms() + STOP_MS;
	     busy(c) && clock_mono_ms() < until;)
		(void)poll(NULL, 0, 10);
	cut(c, SHUT_RDWR);
	for (size_t i = 0; i < CONTROL_MAX_CONNECTIONS; i++)
		if (c->clients[i].fd >= 0)
			reap(&c->clients[i]);
	close(c->stop[0]);
	pthread_mutex_destroy(&c->lock);
	free(c);
	*control = NULL;
}
