/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "hop_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define LINE 4096

struct guest {
	struct hop_server *server;
	int fd;
	int number;
	SSL *ssl;
	char in[65536];
	size_t at, len;
	size_t taken; /* recipients of the transaction */
};

/* ---- bytes ---- */

static void
say(struct guest *g, const char *text, size_t len)
{
	if (g->ssl != NULL) {
		(void)SSL_write(g->ssl, text, (int)len);
		return;
	}
	while (len > 0) {
		ssize_t n = send(g->fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void
say_text(struct guest *g, const char *text)
{
	say(g, text, strlen(text));
}

static int
byte(struct guest *g)
{
	if (g->at == g->len) {
		ssize_t n = g->ssl != NULL
				? SSL_read(g->ssl, g->in, sizeof(g->in))
				: recv(g->fd, g->in, sizeof(g->in), 0);

		if (n <= 0)
			return -1;
		g->at = 0;
		g->len = (size_t)n;
	}
	return (unsigned char)g->in[g->at++];
}

/* Without its CRLF; -1 at the end. */
static int
line(struct guest *g, char *out, size_t size)
{
	size_t n = 0;

	for (;;) {
		int c = byte(g);

		if (c < 0)
			return -1;
		if (c == '\n')
			break;
		if (n + 1 < size)
			out[n++] = (char)c;
	}
	if (n > 0 && out[n - 1] == '\r')
		n--;
	out[n] = '\0';
	return 0;
}

/* ---- what it writes down ---- */

static void
add(char **to, size_t *len, const char *data, size_t n)
{
	const size_t step = 1 << 18;

	if (*to == NULL || *len / step != (*len + n + 1) / step)
		*to = realloc(*to, ((*len + n + 1) / step + 1) * step);
	assert(*to != NULL);
	memcpy(*to + *len, data, n);
	*len += n;
	(*to)[*len] = '\0';
}

static void
note(struct guest *g, const char *command)
{
	struct hop_server *s = g->server;

	pthread_mutex_lock(&s->lock);
	add(&s->commands, &s->commands_len, command, strlen(command));
	add(&s->commands, &s->commands_len, "\n", 1);
	pthread_mutex_unlock(&s->lock);
}

int
hop_server_heard(struct hop_server *s, const char *command)
{
	size_t len = strlen(command);
	int n = 0;

	pthread_mutex_lock(&s->lock);
	for (const char *at = s->commands; at != NULL && *at != '\0';) {
		n += strncasecmp(at, command, len) == 0;
		at = strchr(at, '\n');
		at = at == NULL ? NULL : at + 1;
	}
	pthread_mutex_unlock(&s->lock);
	return n;
}

/* ---- rules ---- */

static const struct rule *
rule_for(struct guest *g, const char *command)
{
	struct hop_server *s = g->server;
	const struct rule *found = NULL;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->rule_count && found == NULL; i++) {
		const struct rule *r = &s->rules[i];
		size_t len = strlen(r->on);

		if ((len == 0 ? command[0] != '\0'
			      : strncasecmp(command, r->on, len) != 0) ||
		    (r->connection != 0 && r->connection != g->number) ||
		    (r->once != 0 && s->used[i] >= r->once))
			continue;
		s->used[i]++;
		found = r;
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

static void
until_gone(struct guest *g)
{
	while (byte(g) >= 0)
		continue;
}

/* Non-zero: go on. */
static int
act(struct guest *g, const struct rule *r)
{
	char many[101];

	memset(many, 'x', sizeof(many) - 1);
	many[100] = '\0';
	switch (r->act) {
	case RULE_SAY:
		return 1;
	case RULE_CLOSE:
		return 0;
	case RULE_STALL:
		until_gone(g);
		return 0;
	case RULE_FLOOD:
		for (int i = 0; i < 100000; i++)
			say_text(g, "250-more\r\n");
		return 0;
	case RULE_LONG:
		say_text(g, "250 ");
		for (int i = 0; i < 10000; i++)
			say_text(g, many);
		return 0;
	case RULE_BIG:
		for (int i = 0; i < 10000; i++) {
			say_text(g, "250-");
			say_text(g, many);
			say_text(g, "\r\n");
		}
		say_text(g, "250 done\r\n");
		return 1;
	}
	return 0;
}

/* Answer by a rule, or in the friendly way. */
static int
answer(struct guest *g, const char *command, const char *friendly)
{
	const struct rule *r = rule_for(g, command);

	if (r == NULL) {
		say_text(g, friendly);
		return 1;
	}
	if (r->say != NULL)
		say_text(g, r->say);
	else if (r->act == RULE_SAY)
		say_text(g, friendly);
	return act(g, r);
}

static int
has_rule(struct guest *g, const char *command)
{
	struct hop_server *s = g->server;

	for (size_t i = 0; i < s->rule_count; i++)
		if (strcmp(s->rules[i].on, command) == 0 &&
		    (s->rules[i].connection == 0 ||
			s->rules[i].connection == g->number))
			return 1;
	return 0;
}

/* ---- commands ---- */

static int
hello(struct guest *g, const char *command)
{
	char text[1024] = "250-next.example.org\r\n";
	const char *at = g->server->offers;

	while (at != NULL && *at != '\0') {
		size_t len = strcspn(at, "\n");

		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "250-%.*s\r\n", (int)len, at);
		at += len + (at[len] == '\n');
	}
	if (g->server->tls_chain != NULL && g->ssl == NULL)
		strncat(text, "250-STARTTLS\r\n", 20);
	strncat(text, "250 HELP\r\n", 20);
	return answer(g, command, text);
}

static int
ended(struct guest *g, const char *how)
{
	struct hop_server *s = g->server;
	size_t n = s->lmtp ? g->taken : 1;
	int rule = has_rule(g, how);

	pthread_mutex_lock(&s->lock);
	s->messages++;
	pthread_mutex_unlock(&s->lock);
	g->taken = 0;
	if (rule)
		return answer(g, how, "250 2.0.0 Ok: queued as X1\r\n");
	while (n-- > 0)
		say_text(g, "250 2.0.0 Ok: queued as X1\r\n");
	return 1;
}

static int
data(struct guest *g)
{
	struct hop_server *s = g->server;
	char text[LINE];

	if (!answer(g, "DATA", "354 go on\r\n"))
		return 0;
	if (has_rule(g, "DATA"))
		return 1;
	pthread_mutex_lock(&s->lock);
	s->body_len = 0;
	pthread_mutex_unlock(&s->lock);
	for (;;) {
		const char *at = text;

		if (line(g, text, sizeof(text)) != 0)
			return 0;
		if (strcmp(text, ".") == 0)
			break;
		at += text[0] == '.';
		pthread_mutex_lock(&s->lock);
		add(&s->body, &s->body_len, at, strlen(at));
		add(&s->body, &s->body_len, "\r\n", 2);
		pthread_mutex_unlock(&s->lock);
	}
	return ended(g, ".");
}

static int
bdat(struct guest *g, const char *command)
{
	struct hop_server *s = g->server;
	size_t n = strtoul(command + 5, NULL, 10);
	char *all;

	if (has_rule(g, "BDAT"))
		return answer(g, "BDAT", "250 2.0.0 Ok\r\n");
	all = malloc(n + 1);
	assert(all != NULL);
	for (size_t i = 0; i < n; i++) {
		int c = byte(g);

		if (c < 0) {
			free(all);
			return 0;
		}
		all[i] = (char)c;
	}
	pthread_mutex_lock(&s->lock);
	s->body_len = 0;
	add(&s->body, &s->body_len, all, n);
	pthread_mutex_unlock(&s->lock);
	free(all);
	return ended(g, "!");
}

static int
starttls(struct guest *g)
{
	if (has_rule(g, "STARTTLS") || g->server->ssl_ctx == NULL)
		return answer(g, "STARTTLS", "502 5.5.1 no\r\n");
	say_text(g, "220 2.0.0 go on\r\n");
	g->ssl = SSL_new(g->server->ssl_ctx);
	SSL_set_fd(g->ssl, g->fd);
	return SSL_accept(g->ssl) == 1;
}

static int
command(struct guest *g, const char *text)
{
	note(g, text);
	if (strncasecmp(text, "EHLO", 4) == 0 ||
	    strncasecmp(text, "LHLO", 4) == 0)
		return hello(g, text);
	if (strncasecmp(text, "STARTTLS", 8) == 0)
		return starttls(g);
	if (strncasecmp(text, "DATA", 4) == 0)
		return data(g);
	if (strncasecmp(text, "BDAT", 4) == 0)
		return bdat(g, text);
	if (strncasecmp(text, "MAIL", 4) == 0)
		g->taken = 0;
	if (strncasecmp(text, "RCPT", 4) == 0) {
		g->taken += strstr(text, "none@") == NULL;
		return answer(g, text,
		    strstr(text, "none@") != NULL ? "550 5.1.1 nobody\r\n"
						  : "250 2.1.5 Ok\r\n");
	}
	if (strncasecmp(text, "QUIT", 4) == 0) {
		say_text(g, "221 2.0.0 Bye\r\n");
		return 0;
	}
	return answer(g, text, "250 2.0.0 Ok\r\n");
}

static void *
serve(void *arg)
{
	struct guest *g = arg;
	char text[LINE];
	int on = answer(g, "", "220 next.example.org ESMTP\r\n");

	while (on && line(g, text, sizeof(text)) == 0)
		on = command(g, text);
	if (g->ssl != NULL)
		SSL_free(g->ssl);
	ERR_clear_error();
	/* the descriptor stays until the server stops: it is shut down then */
	shutdown(g->fd, SHUT_RDWR);
	free(g);
	return NULL;
}

/* ---- the server ---- */

static void *
accepts(void *arg)
{
	struct hop_server *s = arg;

	for (;;) {
		struct pollfd p = { .fd = s->listener, .events = POLLIN };
		struct guest *g;
		int fd, one = 1;

		(void)poll(&p, 1, 20);
		pthread_mutex_lock(&s->lock);
		if (s->stop) {
			pthread_mutex_unlock(&s->lock);
			return NULL;
		}
		pthread_mutex_unlock(&s->lock);
		if ((p.revents & POLLIN) == 0)
			continue;
		fd = accept(s->listener, NULL, NULL);
		if (fd < 0)
			continue;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		g = calloc(1, sizeof(*g));
		assert(g != NULL && s->thread_count < 64);
		g->server = s;
		g->fd = fd;
		pthread_mutex_lock(&s->lock);
		g->number = ++s->connections;
		s->fds[s->thread_count] = fd;
		assert(pthread_create(&s->threads[s->thread_count++], NULL,
			   serve, g) == 0);
		pthread_mutex_unlock(&s->lock);
	}
}

static void
listen_unix(struct hop_server *s)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(s->folder, sizeof(s->folder), "/tmp/smxhop.XXXXXX");
	assert(mkdtemp(s->folder) != NULL);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/sock", s->folder);
	s->to.kind = NEXTHOP_UNIX;
	snprintf(s->to.path, sizeof(s->to.path), "%s", un.sun_path);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(bind(s->listener, (struct sockaddr *)&un, sizeof(un)) == 0);
}

static void
listen_inet(struct hop_server *s)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} at;
	socklen_t len = s->six ? sizeof(at.in6) : sizeof(at.in);

	memset(&at, 0, sizeof(at));
	if (s->six) {
		at.in6.sin6_family = AF_INET6;
		at.in6.sin6_addr = in6addr_loopback;
	} else {
		at.in.sin_family = AF_INET;
		at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	s->listener = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(bind(s->listener, &at.any, len) == 0);
	assert(getsockname(s->listener, &at.any, &len) == 0);
	s->to.kind = NEXTHOP_HOST;
	s->to.port = ntohs(s->six ? at.in6.sin6_port : at.in.sin_port);
	snprintf(s->to.host, sizeof(s->to.host), "%s",
	    s->six ? "::1" : "127.0.0.1");
}

void
hop_server_start(struct hop_server *s)
{
	pthread_mutex_init(&s->lock, NULL);
	if (s->unix_socket)
		listen_unix(s);
	else
		listen_inet(s);
	s->to.lmtp = s->lmtp;
	if (s->tls_chain != NULL && s->tls_key != NULL) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

		assert(
		    SSL_CTX_use_certificate_chain_file(ctx, s->tls_chain) == 1);
		assert(SSL_CTX_use_PrivateKey_file(ctx, s->tls_key,
			   SSL_FILETYPE_PEM) == 1);
		s->ssl_ctx = ctx;
	}
	assert(listen(s->listener, 64) == 0);
	assert(pthread_create(&s->thread, NULL, accepts, s) == 0);
}

void
hop_server_stop(struct hop_server *s)
{
	pthread_mutex_lock(&s->lock);
	s->stop = 1;
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	for (size_t i = 0; i < s->thread_count; i++)
		shutdown(s->fds[i], SHUT_RDWR);
	for (size_t i = 0; i < s->thread_count; i++) {
		pthread_join(s->threads[i], NULL);
		close(s->fds[i]);
	}
	close(s->listener);
	if (s->unix_socket) {
		unlink(s->to.path);
		rmdir(s->folder);
	}
	SSL_CTX_free(s->ssl_ctx);
	s->ssl_ctx = NULL;
}

void
hop_server_free(struct hop_server *s)
{
	free(s->commands);
	free(s->body);
	pthread_mutex_destroy(&s->lock);
}
