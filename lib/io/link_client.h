/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_LINK_CLIENT_H
#define IO_LINK_CLIENT_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <shadowmx/link.h>

#include "base/log.h"
#include "io/tcp.h"
#include "io/tls.h"

/* The calling side: for each peer a stack of connections that are kept. */
struct client_peer {
	struct client *client;
	size_t number;
	const char *name;
	struct tcp_address address;
	pthread_mutex_t lock;  /* for what follows */
	struct smx_call *idle; /* the last one used is on top */
	size_t idle_count;
	size_t open;           /* idle and in use */
	struct smx_call *line; /* waiting for one, the first first */
	struct smx_call *line_last;
	int64_t swept_ms;
	struct log_limit limit;
};

struct client {
	const char *node;
	struct tls_context *tls;
	struct client_peer *peers;
	size_t count;
	size_t pool;
	int64_t connect_ms;
	int64_t idle_ms;
	/* Our own hello; zero when there is none to give. */
	int (*hello)(void *ctx, size_t peer, struct smx_hello *ours);
	void *hello_ctx;
};

int client_shadow(struct client *client, size_t peer,
    const struct smx_shadow *shadow, int64_t deadline_ms,
    struct smx_call **call);
int client_wait(struct smx_call *const *calls, size_t count, int64_t until_ms,
    size_t *which);
int client_finish(struct smx_call **call, char *text, size_t text_size);
int client_request(struct client *client, size_t peer,
    const struct smx_request *request, struct smx_reply *reply,
    int64_t deadline_ms);
/* Close all that is idle. */
void client_close(struct client *client);

/* A line about a peer that cannot be used; at most one a second. */
void client_complain(struct client_peer *peer, const char *reason,
    const char *words);

#endif
