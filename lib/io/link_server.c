/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/link_server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/link_session.h"

#define STACK_BYTES    (1024 * 1024) /* address space; pages come as needed */
#define PAUSE_MS       100           /* after accept failed: no descriptors? */
#define COMPLAINTS     5             /* lines a second */
#define LAST_ANSWER_MS 1000          /* for answers under way at a stop */

void
server_complain(struct server *server, const struct tcp_address *from,
    size_t peer, const char *event, const char *reason)
{
	/* What strangers do must not drown what is said of a member. */
	struct log_limit *limit = &server->limit[peer != TLS_ANY];
	struct log_line l;
	char address[TCP_TEXT];
	uint64_t unsaid;
	int allowed;

	pthread_mutex_lock(&server->lock);
	allowed = log_allow(limit, COMPLAINTS, clock_mono_ms());
	unsaid = limit->unsaid;
	if (allowed)
		limit->unsaid = 0;
	pthread_mutex_unlock(&server->lock);
	if (!allowed)
		return;
	tcp_address_format(from, address);
	log_begin(&l, SMX_LOG_WARNING, NULL, event);
	if (peer != TLS_ANY)
		log_str(&l, "peer", server->options.names[peer]);
	log_str(&l, "address", address);
	log_str(&l, "reason", reason);
	log_unsaid(&l, unsaid);
	log_end(&l);
}

/* ---- sessions ---- */

/* It is known now, or it ends. */
static void
settled_locked(struct server *server, struct session *session)
{
	server->pending--;
	server->evicted -= (size_t)session->evicted;
	session->evicted = 0;
}

/*
 * Strangers who say nothing must not keep members out: the longest pending
 * connection makes room for a new one.
 */
static void
evict_locked(struct server *server)
{
	struct session *oldest = NULL;

	for (struct session *s = server->sessions; s != NULL; s = s->next)
		if (s->peer == TLS_ANY && !s->evicted)
			oldest = s;
	if (oldest == NULL)
		return;
	oldest->evicted = 1;
	server->evicted++;
	(void)shutdown(oldest->conn.fd, SHUT_RDWR);
}

int
server_admit(struct server *server, struct session *session, size_t peer)
{
	int admitted;

	pthread_mutex_lock(&server->lock);
	admitted = !server->stopping &&
		   server->connections[peer] < server->options.max_connections;
	if (admitted) {
		settled_locked(server, session);
		server->connections[peer]++;
		session->peer = peer;
	}
	pthread_mutex_unlock(&server->lock);
	return admitted;
}

static void
session_unlink(struct session *s)
{
	struct server *server = s->server;

	pthread_mutex_lock(&server->lock);
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		server->sessions = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	if (s->peer == TLS_ANY)
		settled_locked(server, s);
	else
		server->connections[s->peer]--;
	/* Once the list is empty the server may be gone. */
	conn_close(&s->conn);
	if (server->sessions == NULL)
		pthread_cond_broadcast(&server->ended);
	pthread_mutex_unlock(&server->lock);
}

static void
session_free(struct session *s)
{
	conn_close(&s->conn);
	wire_server_free(&s->wire);
	buf_free(&s->out);
	free(s);
}

static void *
session_thread(void *ctx)
{
	struct session *s = ctx;

	session_run(s);
	session_unlink(s);
	session_free(s);
	return NULL;
}

static struct session *
session_new(struct server *server, int fd, const struct tcp_address *from)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		close(fd);
		return NULL;
	}
	s->server = server;
	s->from = *from;
	s->conn.fd = fd;
	s->peer = TLS_ANY;
	buf_init(&s->out, 0);
	wire_server_init(&s->wire, &server->options.limits);
	if (tls_accept(&s->conn.tls, server->options.tls) != SMX_OK) {
		session_free(s);
		return NULL;
	}
	return s;
}

static int
session_link(struct session *s)
{
	struct server *server = s->server;
	int room;

	pthread_mutex_lock(&server->lock);
	/* Those that are on their way out count as well, up to as many again.
	 */
	room = !server->stopping &&
	       server->pending < 2 * server->options.max_pending;
	if (room &&
	    server->pending - server->evicted >= server->options.max_pending)
		evict_locked(server);
	if (room) {
		server->pending++;
		s->next = server->sessions;
		if (s->next != NULL)
			s->next->prev = s;
		server->sessions = s;
	}
	pthread_mutex_unlock(&server->lock);
	return room;
}

/* Threads of the library leave all signals to the program's own. */
static int
thread_start(pthread_t *thread, int detached, void *(*run)(void *), void *ctx)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int error;

	if (pthread_attr_init(&attr) != 0)
		return SMX_ENOMEM;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr,
	    detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(thread, &attr, run, ctx);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return error == 0 ? SMX_OK : SMX_ENOMEM;
}

/* ---- accepting ---- */

static void
session_begin(struct server *server, int fd, const struct tcp_address *from)
{
	struct session *s = session_new(server, fd, from);
	pthread_t thread;

	if (s == NULL)
		return;
	if (!session_link(s)) {
		server_complain(server, from, TLS_ANY, "peer-refused",
		    "too many connections");
		session_free(s);
		return;
	}
	if (thread_start(&thread, 1, session_thread, s) != SMX_OK) {
		server_complain(server, from, TLS_ANY, "peer-refused",
		    "no thread");
		session_unlink(s);
		session_free(s);
	}
}

static void *
accept_thread(void *ctx)
{
	struct server *server = ctx;
	struct pollfd fds[2] = { { .fd = server->wake, .events = POLLIN },
		{ .fd = server->listening, .events = POLLIN } };
	struct tcp_address from;
	int fd, error;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents != 0)
			return NULL;
		error = tcp_accept(server->listening, &fd, &from);
		if (error == SMX_OK)
			session_begin(server, fd, &from);
		if (error >= 0)
			continue;
		server_complain(server, &from, TLS_ANY, "peer-refused",
		    "accept failed");
		/* The wake descriptor ends this pause too. */
		(void)poll(fds, 1, PAUSE_MS);
	}
}

static void
server_free(struct server *server)
{
	if (server->wake >= 0)
		close(server->wake);
	pthread_mutex_destroy(&server->lock);
	pthread_cond_destroy(&server->ended);
	free(server->connections);
	free(server);
}

static struct server *
server_new(const struct server_options *options)
{
	struct server *server = calloc(1, sizeof(*server));
	pthread_condattr_t attr;

	if (server == NULL)
		return NULL;
	server->options = *options;
	pthread_mutex_init(&server->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&server->ended, &attr);
	pthread_condattr_destroy(&attr);
	server->connections =
	    calloc(options->peers + 1, sizeof(*server->connections));
	server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->connections == NULL || server->wake < 0) {
		server_free(server);
		return NULL;
	}
	return server;
}

int
server_start(struct server **out, const struct server_options *options,
    int listening, const struct smx_link_server *table)
{
	struct server *server = server_new(options);
	int flags = fcntl(listening, F_GETFL);

	if (server == NULL)
		return SMX_ENOMEM;
	server->table = table;
	server->listening = listening;
	/* Somebody else may take a connection between poll and accept. */
	if (flags < 0 || fcntl(listening, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    thread_start(&server->thread, 0, accept_thread, server) != SMX_OK) {
		server_free(server);
		return SMX_EIO;
	}
	*out = server;
	return SMX_OK;
}

static void
shut_locked(struct server *server, int how)
{
	for (struct session *s = server->sessions; s != NULL; s = s->next)
		(void)shutdown(s->conn.fd, how);
}

void
server_stop(struct server **server_at)
{
	struct server *server = *server_at;
	uint64_t one = 1;
	struct timespec until;

	if (server == NULL)
		return;
	pthread_mutex_lock(&server->lock);
	server->stopping = 1;
	pthread_mutex_unlock(&server->lock);
	while (write(server->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(server->thread, NULL);

	/* Nothing more is heard; what is being answered is answered. */
	pthread_mutex_lock(&server->lock);
	shut_locked(server, SHUT_RD);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LAST_ANSWER_MS / 1000;
	while (
	    server->sessions != NULL &&
	    pthread_cond_timedwait(&server->ended, &server->lock, &until) == 0)
		;
	shut_locked(server, SHUT_RDWR);
	while (server->sessions != NULL)
		pthread_cond_wait(&server->ended, &server->lock);
	pthread_mutex_unlock(&server->lock);
	server_free(server);
	*server_at = NULL;
}
