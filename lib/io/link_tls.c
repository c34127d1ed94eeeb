/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shadowmx/identity.h>

#include "io/link_client.h"
#include "io/link_server.h"

#define DEFAULT_POOL        32
#define DEFAULT_CONNECTIONS 64
#define DEFAULT_PENDING     64
#define DEFAULT_CONTENT     ((uint64_t)1 << 30)
#define DEFAULT_ENVELOPE    (2 * 1024 * 1024)
#define DEFAULT_CONNECT_MS  5000
#define DEFAULT_IDLE_MS     300000
#define DEFAULT_STEP_MS     30000

struct link {
	char *node;
	char **names; /* of the peers */
	size_t count;
	struct tls_context *tls;
	struct client client;
	struct server_options options;
	int listening;        /* -1: only outgoing */
	int inherited;        /* listening is the caller's */
	pthread_mutex_t lock; /* for what follows */
	const struct smx_link_server *table;
	struct server *server;
};

/* ---- the port ---- */

static int
link_shadow(void *ctx, size_t peer, const struct smx_shadow *shadow,
    int64_t deadline_mono_ms, struct smx_call **call)
{
	struct link *link = ctx;

	return client_shadow(&link->client, peer, shadow, deadline_mono_ms,
	    call);
}

static int
link_wait(void *ctx, struct smx_call *const *calls, size_t count,
    int64_t until_mono_ms, size_t *which)
{
	(void)ctx;
	return client_wait(calls, count, until_mono_ms, which);
}

static int
link_finish(void *ctx, struct smx_call **call, char *text, size_t text_size)
{
	(void)ctx;
	return client_finish(call, text, text_size);
}

static int
link_request(void *ctx, size_t peer, const struct smx_request *request,
    struct smx_reply *reply, int64_t deadline_mono_ms)
{
	struct link *link = ctx;

	return client_request(&link->client, peer, request, reply,
	    deadline_mono_ms);
}

/* For connections that we open: only the table knows who we are. */
static int
our_hello(void *ctx, size_t peer, struct smx_hello *ours)
{
	struct link *link = ctx;
	int known;

	memset(ours, 0, sizeof(*ours));
	pthread_mutex_lock(&link->lock);
	known = link->table != NULL;
	if (known)
		link->table->hello(link->table->ctx, peer, NULL, ours);
	pthread_mutex_unlock(&link->lock);
	return known;
}

static int
link_serve(void *ctx, const struct smx_link_server *table)
{
	struct link *link = ctx;
	int error = SMX_OK;

	pthread_mutex_lock(&link->lock);
	if (link->table != NULL)
		error = SMX_ESTATE;
	else if (link->listening >= 0)
		error = server_start(&link->server, &link->options,
		    link->listening, table);
	if (error == SMX_OK)
		link->table = table;
	pthread_mutex_unlock(&link->lock);
	return error;
}

static void
link_stop(void *ctx)
{
	struct link *link = ctx;
	struct server *server;

	pthread_mutex_lock(&link->lock);
	server = link->server;
	link->server = NULL;
	link->table = NULL;
	pthread_mutex_unlock(&link->lock);
	server_stop(&server);
}

static void
link_free(struct link *link)
{
	for (size_t i = 0; i < link->client.count; i++)
		pthread_mutex_destroy(&link->client.peers[i].lock);
	for (size_t i = 0; link->names != NULL && i < link->count; i++)
		free(link->names[i]);
	if (link->listening >= 0 && !link->inherited)
		close(link->listening);
	tls_context_free(&link->tls);
	pthread_mutex_destroy(&link->lock);
	free(link->client.peers);
	free(link->names);
	free(link->node);
	free(link);
}

static void
link_close(void *ctx)
{
	struct link *link = ctx;

	link_stop(link);
	client_close(&link->client);
	link_free(link);
}

static const struct smx_link_ops link_ops = {
	.shadow = link_shadow,
	.wait = link_wait,
	.finish = link_finish,
	.request = link_request,
	.serve = link_serve,
	.stop = link_stop,
	.close = link_close,
};

/* ---- opening ---- */

static int
peer_open(struct link *link, const struct smx_link_peer *from, char *why,
    size_t why_size)
{
	size_t number = link->client.count;
	struct client_peer *peer = &link->client.peers[number];

	link->names[number] = strdup(from->name);
	if (link->names[number] == NULL)
		return SMX_ENOMEM;
	/* Ranked sets are made of these names. */
	if (wire_node_check(from->name) != SMX_OK) {
		why_set(why, why_size, "\"%s\" is no name for a node",
		    from->name);
		return SMX_EINVAL;
	}
	if (tcp_address_parse(&peer->address, from->address) != SMX_OK) {
		why_set(why, why_size,
		    "%s: \"%s\" is no address and port like 192.0.2.2:8825 or "
		    "[2001:db8::2]:8825",
		    from->name, from->address);
		return SMX_EINVAL;
	}
	for (size_t i = 0; i < from->pin_count; i++) {
		if (smx_pin_check(from->pins[i]) == SMX_OK)
			continue;
		why_set(why, why_size, "%s: \"%s\" is no pin", from->name,
		    from->pins[i]);
		return SMX_EINVAL;
	}
	peer->client = &link->client;
	peer->number = number;
	peer->name = link->names[number];
	pthread_mutex_init(&peer->lock, NULL);
	link->client.count++;
	return SMX_OK;
}

/* A pin that two peers share would make one of them the other. */
static int
pins_check(const struct tls_pin *pins, size_t count, const struct link *link,
    char *why, size_t why_size)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++) {
			if (pins[i].peer == pins[k].peer ||
			    strcmp(pins[i].text, pins[k].text) != 0)
				continue;
			why_set(why, why_size, "%s and %s have the same pin",
			    link->names[pins[k].peer],
			    link->names[pins[i].peer]);
			return SMX_EINVAL;
		}
	return SMX_OK;
}

/* Nobody is called, and nobody listened to. */
static int
is_alone(const struct smx_link_options *options)
{
	return options->peer_count == 0 && options->key_file == NULL &&
	       options->listen_fd < 0 &&
	       (options->listen == NULL || options->listen[0] == '\0');
}

static int
context_open(struct link *link, const struct smx_link_options *options,
    const struct tls_pin *pins, size_t count, char *why, size_t why_size)
{
	struct identity identity;
	int error = pins_check(pins, count, link, why, why_size);

	if (error != SMX_OK)
		return error;
	if (is_alone(options))
		return SMX_OK;
	if (options->key_file == NULL)
		return SMX_EINVAL;
	error = identity_load(&identity, options->key_file, why, why_size);
	if (error != SMX_OK)
		return error;
	error = tls_context_new(&link->tls, &identity, WIRE_ALPN, pins, count);
	identity_free(&identity);
	return error;
}

static int
pins_open(struct link *link, const struct smx_link_options *options, char *why,
    size_t why_size)
{
	struct tls_pin *pins;
	size_t total = 0, n = 0;
	int error;

	for (size_t i = 0; i < options->peer_count; i++)
		total += options->peers[i].pin_count;
	pins = calloc(total + 1, sizeof(*pins));
	if (pins == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < options->peer_count; i++)
		for (size_t k = 0; k < options->peers[i].pin_count; k++) {
			pins[n].peer = i;
			text_copy(pins[n++].text, SMX_PIN_TEXT,
			    options->peers[i].pins[k]);
		}
	error = context_open(link, options, pins, n, why, why_size);
	free(pins);
	return error;
}

static int
listen_open(struct link *link, const struct smx_link_options *options,
    char *why, size_t why_size)
{
	struct tcp_address address;

	link->listening = options->listen_fd >= 0 ? options->listen_fd : -1;
	link->inherited = link->listening >= 0;
	if (link->inherited || options->listen == NULL ||
	    options->listen[0] == '\0')
		return SMX_OK;
	if (tcp_address_parse(&address, options->listen) != SMX_OK) {
		why_set(why, why_size,
		    "\"%s\" is no address and port like 0.0.0.0:8825",
		    options->listen);
		return SMX_EINVAL;
	}
	if (tcp_listen(&link->listening, &address) != SMX_OK) {
		why_set(why, why_size, "cannot listen on %s: %s",
		    options->listen, strerror(errno));
		return SMX_EIO;
	}
	return SMX_OK;
}

static int64_t
or_default(int64_t value, int64_t otherwise)
{
	return value > 0 ? value : otherwise;
}

static void
values_set(struct link *link, const struct smx_link_options *options)
{
	struct client *client = &link->client;
	struct server_options *o = &link->options;

	client->node = link->node;
	client->tls = link->tls;
	client->pool = options->pool != 0 ? options->pool : DEFAULT_POOL;
	client->connect_ms =
	    or_default(options->connect_ms, DEFAULT_CONNECT_MS);
	client->idle_ms = or_default(options->idle_ms, DEFAULT_IDLE_MS);
	client->hello = our_hello;
	client->hello_ctx = link;
	o->node = link->node;
	o->tls = link->tls;
	o->names = (const char *const *)link->names;
	o->peers = link->count;
	o->max_connections = options->max_connections != 0
				 ? options->max_connections
				 : DEFAULT_CONNECTIONS;
	o->max_pending =
	    options->max_pending != 0 ? options->max_pending : DEFAULT_PENDING;
	o->limits.max_content =
	    options->max_content != 0 ? options->max_content : DEFAULT_CONTENT;
	o->limits.max_envelope = options->max_envelope != 0
				     ? options->max_envelope
				     : DEFAULT_ENVELOPE;
	o->idle_ms = client->idle_ms;
	o->step_ms = or_default(options->step_ms, DEFAULT_STEP_MS);
}

static int
link_fill(struct link *link, const struct smx_link_options *options, char *why,
    size_t why_size)
{
	int error = SMX_OK;

	if (wire_node_check(options->node) != SMX_OK) {
		why_set(why, why_size, "\"%s\" is no name for a node",
		    options->node);
		return SMX_EINVAL;
	}
	link->node = strdup(options->node);
	link->count = options->peer_count;
	link->names = calloc(link->count + 1, sizeof(*link->names));
	link->client.peers =
	    calloc(link->count + 1, sizeof(*link->client.peers));
	if (link->node == NULL || link->names == NULL ||
	    link->client.peers == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < link->count && error == SMX_OK; i++)
		error = peer_open(link, &options->peers[i], why, why_size);
	if (error == SMX_OK)
		error = pins_open(link, options, why, why_size);
	if (error == SMX_OK)
		error = listen_open(link, options, why, why_size);
	if (error == SMX_OK)
		values_set(link, options);
	return error;
}

int
smx_link_open_tls(struct smx_link *out, const struct smx_link_options *options,
    char *why, size_t why_size)
{
	struct link *link = calloc(1, sizeof(*link));
	int error;

	if (link == NULL)
		return SMX_ENOMEM;
	link->listening = -1;
	pthread_mutex_init(&link->lock, NULL);
	why_set(why, why_size, "%s", "");
	error = link_fill(link, options, why, why_size);
	if (error != SMX_OK) {
		if (why != NULL && why_size != 0 && why[0] == '\0')
			why_set(why, why_size, "%s", smx_strerror(error));
		link_free(link);
		return error;
	}
	out->ctx = link;
	out->ops = &link_ops;
	return SMX_OK;
}

void
smx_link_close(struct smx_link *link)
{
	if (link->ops != NULL)
		link->ops->close(link->ctx);
	memset(link, 0, sizeof(*link));
}
