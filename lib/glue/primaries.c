/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/primaries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/key.h"
#include "base/log.h"
#include "core/ip.h"
#include "glue/courier.h"
#include "glue/hopconf.h"
#include "glue/node.h"
#include "glue/primaries_in.h"
#include "io/backup_hosts.h"

void
primaries_clock(struct mxtime *out)
{
	out->now_ms = node_now_ms();
	out->wall_ms = clock_wall_ms();
}

/* ---- its life ---- */

/* Whoever the primary is, the MTA gives it the mail without asking who it is:
 * so do the questions. */
static int
make_hops(struct primaries *p, const struct conf *conf)
{
	struct hops_options options;
	char why[256];
	int rc;

	hopconf_hops(conf, &options);
	if (options.tls != HOP_TLS_NONE)
		options.tls = HOP_TLS_MAY;
	rc = hops_new(&p->asks, &options, why, sizeof(why));
	options.idle_ms = 0;
	options.idle_max = 0;
	if (rc == SMX_OK)
		rc = hops_new(&p->probes, &options, why, sizeof(why));
	return rc;
}

static int
make(struct primaries *p)
{
	struct smx_config *config = node_config(backup_node(p->backup));
	const struct mxhealth_options none = { 1000, 1000, 1, 1 };
	uint64_t seed = 0;
	int rc = key_random(&seed, sizeof(seed));

	idmap_init(&p->by_name, seed);
	if (rc == SMX_OK)
		rc = mxhealth_new(&p->health, &none, seed);
	if (rc == SMX_OK)
		rc = make_hops(p, config_conf(config));
	if (rc == SMX_OK)
		rc = resolver_new(&p->resolver);
	if (rc == SMX_OK)
		rc = primaries_load(p);
	smx_config_release(&config);
	return rc;
}

int
primaries_new(struct primaries **out, struct backup *backup)
{
	struct primaries *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return SMX_ENOMEM;
	p->backup = backup;
	pthread_mutex_init(&p->lock, NULL);
	rc = make(p);
	if (rc != SMX_OK) {
		primaries_free(&p);
		return rc;
	}
	primaries_sync(p);
	primaries_watch_announced(p);
	*out = p;
	return SMX_OK;
}

void
primaries_join(struct primaries *p)
{
	if (!p->running)
		return;
	pthread_join(p->thread, NULL);
	primaries_listen(p, 0);
	p->running = 0;
}

void
primaries_free(struct primaries **primaries)
{
	struct primaries *p = *primaries;

	*primaries = NULL;
	if (p == NULL)
		return;
	primaries_join(p);
	mxhealth_free(&p->health);
	for (size_t i = 0; i < p->count; i++)
		free(p->list[i]);
	free(p->list);
	idmap_free(&p->by_name);
	smx_config_release(&p->config);
	hops_free(&p->probes);
	hops_free(&p->asks);
	resolver_free(&p->resolver);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* ---- what is known ---- */

static void
word_locked(struct primaries *p, const char *domain, struct primaries_word *out)
{
	struct mxdomain_word word;
	const struct watched *w;
	struct mxtime at;

	memset(out, 0, sizeof(*out));
	out->state = MX_UNKNOWN;
	w = primaries_find_locked(p, domain);
	out->null_mx = w != NULL && w->null_mx;
	primaries_clock(&at);
	if (mxhealth_domain(p->health, domain, &at, &word) != SMX_OK)
		return;
	out->state = word.state;
	out->announced = word.announced;
	out->since_ms = word.since_ms;
	(void)text_copy(out->host, sizeof(out->host), word.host);
	(void)text_copy(out->why, sizeof(out->why), word.why);
}

enum mx_state
primaries_state(struct primaries *p, const struct smx_backup *backup,
    const char *domain, struct primaries_word *out)
{
	struct primaries_word word;
	struct watched *w;

	pthread_mutex_lock(&p->lock);
	w = primaries_find_locked(p, domain);
	if (w == NULL && backup != NULL && domain[0] != '\0')
		w = primaries_add_locked(p, domain, backup);
	if (w != NULL)
		w->asked_ms = node_now_ms();
	word_locked(p, domain, &word);
	pthread_mutex_unlock(&p->lock);
	if (out != NULL)
		*out = word;
	return word.state;
}

/* As a next hop is written, or "host[address]:port" as it is logged. */
static int
host_of(const char *hop, char out[NEXTHOP_TEXT])
{
	char text[NEXTHOP_TEXT];
	struct nexthop to;
	const char *open = strchr(hop, '['), *close = strchr(hop, ']');

	if (nexthop_parse(&to, hop) != SMX_OK) {
		if (open == NULL || close == NULL || close < open ||
		    snprintf(text, sizeof(text), "smtp:[%.*s]%s",
			(int)(open == hop ? close - hop - 1 : open - hop),
			open == hop ? hop + 1 : hop,
			close + 1) >= (int)sizeof(text))
			return 0;
		if (nexthop_parse(&to, text) != SMX_OK)
			return 0;
	}
	if (to.kind != NEXTHOP_HOST)
		return 0;
	nexthop_format(&to, out);
	return 1;
}

void
primaries_heard(struct primaries *p, const char *hop, int well, const char *why)
{
	char host[NEXTHOP_TEXT];
	struct mxtime at;

	if (!host_of(hop, host))
		return;
	primaries_clock(&at);
	pthread_mutex_lock(&p->lock);
	mxhealth_heard(p->health, host, well, why == NULL ? "" : why, &at);
	pthread_mutex_unlock(&p->lock);
}

/* "[ADDRESS]:PORT"; NULL, or the port. */
static const char *
relay_read(const char *relay, struct ip *ip)
{
	const char *close = strchr(relay, ']');

	if (relay[0] != '[' || close == NULL || close[1] != ':' ||
	    ip_parse(relay + 1, (size_t)(close - relay - 1), ip) != SMX_OK)
		return NULL;
	return close + 2;
}

void
primaries_relay(struct primaries *p, const char *relay, int well)
{
	struct mxtime at;
	const char *host, *port;
	struct ip ip;

	port = relay_read(relay, &ip);
	if (port == NULL)
		return;
	primaries_clock(&at);
	pthread_mutex_lock(&p->lock);
	for (size_t n = 0;
	     (host = mxhealth_next_at(p->health, &ip, port, &n)) != NULL;)
		mxhealth_heard(p->health, host, well,
		    well ? "it took a message of the MTA"
			 : "the MTA could not reach it",
		    &at);
	pthread_mutex_unlock(&p->lock);
}

static int
is_among(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return 1;
	return 0;
}

int
primaries_is_of(struct primaries *p, const char *domain, const char *relay)
{
	const char *names[MXHEALTH_OF_ONE], *host, *port;
	enum mx_state states[MXHEALTH_OF_ONE];
	size_t count, n = 0;
	struct ip ip;
	int is = 0;

	port = relay_read(relay, &ip);
	if (port == NULL)
		return 0;
	pthread_mutex_lock(&p->lock);
	count = mxhealth_hosts_of(p->health, domain, names, states);
	while (
	    !is && (host = mxhealth_next_at(p->health, &ip, port, &n)) != NULL)
		is = is_among(names, count, host);
	pthread_mutex_unlock(&p->lock);
	return is;
}

/* Deliveries while the client waits. */
static void
delivered(void *ctx, const char *hop, int well, const char *why)
{
	primaries_heard(ctx, hop, well, well ? "it took a message" : why);
}

void
primaries_listen(struct primaries *p, int on)
{
	struct courier *courier = node_courier(backup_node(p->backup));

	if (courier != NULL)
		courier_listen(courier, on ? delivered : NULL, on ? p : NULL);
}

/* ---- all of them ---- */

struct names {
	char **name;
	size_t count;
};

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
names_of(struct primaries *p, struct names *names)
{
	int rc = SMX_OK;

	pthread_mutex_lock(&p->lock);
	names->count = 0;
	names->name = calloc(p->count + 1, sizeof(*names->name));
	if (names->name == NULL)
		rc = SMX_ENOMEM;
	for (size_t i = 0; rc == SMX_OK && i < p->count; i++) {
		names->name[i] = strdup(p->list[i]->name);
		if (names->name[i] == NULL)
			rc = SMX_ENOMEM;
		else
			names->count++;
	}
	pthread_mutex_unlock(&p->lock);
	if (rc == SMX_OK)
		qsort(names->name, names->count, sizeof(*names->name), by_text);
	return rc;
}

static void
names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
}

/* What the policy says is the configuration's, which is held meanwhile. */
static int
each_one(struct primaries *p, const char *domain, primaries_fn each, void *ctx)
{
	struct primaries_word word;
	struct smx_config *config = NULL;
	const struct smx_backup *backup = NULL;
	struct watched *w;
	int stop = 0;

	pthread_mutex_lock(&p->lock);
	w = primaries_find_locked(p, domain);
	if (w != NULL) {
		config = smx_config_hold(p->config);
		backup = w->backup;
		word_locked(p, domain, &word);
	}
	pthread_mutex_unlock(&p->lock);
	if (w != NULL)
		stop = each(ctx, domain, backup, &word);
	smx_config_release(&config);
	return stop;
}

int
primaries_each(struct primaries *p, primaries_fn each, void *ctx)
{
	struct names names;
	int rc = names_of(p, &names);

	for (size_t i = 0; rc == SMX_OK && i < names.count; i++)
		if (each_one(p, names.name[i], each, ctx) != 0)
			break;
	names_free(&names);
	return rc;
}
