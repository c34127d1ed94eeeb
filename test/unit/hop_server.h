/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOP_SERVER_H
#define HOP_SERVER_H

#include <pthread.h>
#include <stddef.h>

#include "core/nexthop.h"

/*
 * A next hop in threads: friendly, but for what its rules say, and it writes
 * down what it got.
 */
enum rule_act {
	RULE_SAY = 0,
	RULE_CLOSE, /* after what there is to say */
	RULE_STALL, /* and then nothing until the other side goes */
	RULE_FLOOD, /* a reply without end */
	RULE_LONG,  /* a line without end */
	RULE_BIG    /* many lines, 1 MB */
};

struct rule {
	const char *on;  /* a command begins so; "" greeting, "." end of data,
			  * "BDAT" before its bytes are read, "!" they were */
	const char *say; /* with its CRLF; NULL: the friendly answer */
	enum rule_act act;
	int connection; /* only on this one, from 1; 0: on all */
	int once;       /* so many times in all, 0: always */
};

struct hop_server {
	/* set before the start */
	const char *offers; /* "PIPELINING\n8BITMIME", NULL: nothing */
	const struct rule *rules;
	size_t rule_count;
	int unix_socket;
	int lmtp;
	int six;               /* [::1] */
	const char *tls_chain; /* files; NULL: no STARTTLS of its own */
	const char *tls_key;

	/* what came; under the lock while it runs */
	pthread_mutex_t lock;
	char *commands; /* LF ended, "> " before the number of the connection */
	size_t commands_len;
	char *body; /* of the last message */
	size_t body_len;
	int connections;
	int messages;

	/* private */
	struct nexthop to;
	int used[32];
	int listener;
	int stop;
	pthread_t thread;
	pthread_t threads[64];
	int fds[64];
	size_t thread_count;
	char folder[64];
	void *ssl_ctx;
};

void hop_server_start(struct hop_server *server);
void hop_server_stop(struct hop_server *server); /* may be read on */
void hop_server_free(struct hop_server *server);
/* How often a command that begins so came. */
int hop_server_heard(struct hop_server *server, const char *command);

#endif
