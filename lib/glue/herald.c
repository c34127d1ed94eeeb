/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/herald.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/key.h"
#include "base/log.h"
#include "glue/herald_in.h"
#include "glue/node_impl.h"

#define NOTE       "maintain."
#define NOTE_BYTES 64
#define NAME_BYTES (sizeof(NOTE) + SMX_NAME_MAX)

struct herald *
node_herald(struct smx_engine *node)
{
	return atomic_load(&node->herald);
}

/* ---- what is announced, noted for the next life of this process ---- */

int
herald_note(struct herald *h, const struct herald_domain *d)
{
	struct smx_store *store = h->node->ports.store;
	char name[NAME_BYTES], text[NOTE_BYTES];

	(void)snprintf(name, sizeof(name), NOTE "%s", d->name);
	(void)snprintf(text, sizeof(text), "%lld%s", (long long)d->until_ms,
	    d->over ? " over" : "");
	return store->ops->meta_set(store->ctx, name, text);
}

static void
note_get(struct herald *h, struct herald_domain *d)
{
	struct smx_store *store = h->node->ports.store;
	char name[NAME_BYTES], text[NOTE_BYTES];
	uint64_t until;
	size_t n;

	(void)snprintf(name, sizeof(name), NOTE "%s", d->name);
	if (store->ops->meta_get(store->ctx, name, text, sizeof(text)) !=
	    SMX_OK)
		return;
	n = strcspn(text, " ");
	if (number_parse(text, n, INT64_MAX, &until) != SMX_OK)
		return;
	d->until_ms = (int64_t)until;
	d->over = text[n] != '\0';
}

/* ---- groups, as the configuration has them ---- */

static void
group_free(struct herald_group *g)
{
	for (size_t i = 0; g->domains != NULL && i < g->conf->domain_count;
	     i++) {
		herald_list_free(&g->domains[i].now);
		herald_list_free(&g->domains[i].before);
		free(g->domains[i].ears);
	}
	free(g->domains);
	free(g->peers);
}

static void
groups_free(struct herald_group *groups, size_t count)
{
	for (size_t i = 0; i < count; i++)
		group_free(&groups[i]);
	free(groups);
}

static int
group_make(struct herald *h, struct herald_group *g,
    const struct conf_primary_for *conf)
{
	g->conf = conf;
	g->domains = calloc(conf->domain_count + 1, sizeof(*g->domains));
	g->peers = calloc(conf->member_count + 1, sizeof(*g->peers));
	if (g->domains == NULL || g->peers == NULL)
		return SMX_ENOMEM;
	for (size_t m = 0; m < conf->member_count; m++)
		if (node_peer_find(h->node, conf->members[m], &g->peers[m]) !=
		    SMX_OK)
			g->peers[m] = SIZE_MAX;
	for (size_t i = 0; i < conf->domain_count; i++) {
		struct herald_domain *d = &g->domains[i];

		d->name = conf->domains[i];
		rcptset_init(&d->now.set);
		rcptset_init(&d->before.set);
		d->ears = calloc(conf->member_count + 1, sizeof(*d->ears));
		if (d->ears == NULL)
			return SMX_ENOMEM;
		for (size_t m = 0; m < conf->member_count; m++)
			d->ears[m].told_ms = HERALD_UNTOLD;
	}
	return SMX_OK;
}

static int
same_names(const char *const *a, size_t a_count, const char *const *b,
    size_t b_count)
{
	if (a_count != b_count)
		return 0;
	for (size_t i = 0; i < a_count; i++)
		if (strcmp(a[i], b[i]) != 0)
			return 0;
	return 1;
}

static int
is_same(const struct conf *a, const struct conf *b)
{
	if (a->primary_for_count != b->primary_for_count)
		return 0;
	for (size_t i = 0; i < a->primary_for_count; i++) {
		const struct conf_primary_for *x = &a->primary_for[i];
		const struct conf_primary_for *y = &b->primary_for[i];

		if (strcmp(x->recipients, y->recipients) != 0 ||
		    !same_names(x->domains, x->domain_count, y->domains,
			y->domain_count) ||
		    !same_names(x->members, x->member_count, y->members,
			y->member_count))
			return 0;
	}
	return 1;
}

/* Under the lock, as they are written: no order in between is missed. */
static void
notes_get_locked(struct herald *h)
{
	for (size_t g = 0; g < h->group_count; g++)
		for (size_t i = 0; i < h->groups[g].conf->domain_count; i++)
			note_get(h, &h->groups[g].domains[i]);
}

/* After a change of primary_for everything is looked at anew. */
static void
configure(struct herald *h)
{
	struct smx_config *config = node_config(h->node), *old = h->config;
	const struct conf *conf = config_conf(config);
	struct herald_group *groups, *old_groups;
	size_t old_count;
	int rc;

	if (old != NULL && is_same(config_conf(old), conf)) {
		smx_config_release(&config);
		return;
	}
	groups = calloc(conf->primary_for_count + 1, sizeof(*groups));
	rc = groups == NULL ? SMX_ENOMEM : SMX_OK;
	for (size_t i = 0; rc == SMX_OK && i < conf->primary_for_count; i++)
		rc = group_make(h, &groups[i], &conf->primary_for[i]);
	if (rc != SMX_OK) {
		log_event(SMX_LOG_ERR, "no-memory", "where=herald");
		groups_free(groups,
		    groups == NULL ? 0 : conf->primary_for_count);
		smx_config_release(&config);
		return;
	}
	pthread_mutex_lock(&h->lock);
	old_groups = h->groups;
	old_count = h->group_count;
	h->groups = groups;
	h->group_count = conf->primary_for_count;
	h->config = config;
	notes_get_locked(h);
	pthread_mutex_unlock(&h->lock);
	groups_free(old_groups, old_count);
	smx_config_release(&old);
}

/* ---- the thread ---- */

int
herald_ending(struct herald *h)
{
	int ending;

	pthread_mutex_lock(&h->lock);
	ending = h->ending;
	pthread_mutex_unlock(&h->lock);
	return ending;
}

static int
rest(struct herald *h)
{
	int64_t until = clock_mono_ms() + HERALD_STEP_MS;
	struct timespec at = { until / 1000, until % 1000 * 1000000L };
	int ending;

	pthread_mutex_lock(&h->lock);
	while (!h->ending && !h->kicked &&
	       pthread_cond_timedwait(&h->wake, &h->lock, &at) == 0)
		;
	h->kicked = 0;
	ending = h->ending;
	pthread_mutex_unlock(&h->lock);
	return ending;
}

static int
peer_is_up(struct herald *h, size_t peer)
{
	struct engine_peer_info info;

	memset(&info, 0, sizeof(info));
	engine_peer_info(node_enter(h->node), peer, node_now_ms(), &info);
	node_leave(h->node);
	return info.state == ENGINE_PEER_UP;
}

static int
mta_is_up(struct herald *h)
{
	int up;

	pthread_mutex_lock(&h->node->lock);
	up = h->node->mta == SMX_MTA_UP;
	pthread_mutex_unlock(&h->node->lock);
	return up;
}

static void
forget_drains(struct herald_group *g, size_t member)
{
	for (size_t i = 0; i < g->conf->domain_count; i++)
		g->domains[i].ears[member].drained = 0;
}

static void
speak(struct herald *h, struct herald_group *g, size_t member, int mta_up)
{
	size_t peer = g->peers[member];
	int up = peer != SIZE_MAX && peer_is_up(h, peer);

	if (!up || !mta_up)
		forget_drains(g, member);
	herald_leave(h, g, member);
	if (!up && peer != SIZE_MAX)
		h->rest_ms[peer] = 0; /* it may come back as another version */
	if (!up || clock_mono_ms() < h->rest_ms[peer])
		return;
	herald_say_maintenance(h, g, member);
	if (mta_up)
		herald_say_drain(h, g, member);
	for (size_t i = 0; i < g->conf->domain_count; i++) {
		if (herald_ending(h) || clock_mono_ms() < h->rest_ms[peer])
			return;
		herald_push(h, g, member, &g->domains[i]);
	}
}

void
herald_step(struct herald *h)
{
	int mta_up = mta_is_up(h);

	configure(h);
	for (size_t i = 0; i < h->group_count; i++) {
		struct herald_group *g = &h->groups[i];

		herald_look(h, g);
		for (size_t m = 0; m < g->conf->member_count; m++)
			if (!herald_ending(h))
				speak(h, g, m, mta_up);
	}
}

static void *
run(void *ctx)
{
	struct herald *h = ctx;

	while (!rest(h))
		herald_step(h);
	return NULL;
}

/* ---- life ---- */

static void
make_lock(struct herald *h)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->wake, &attr);
	pthread_condattr_destroy(&attr);
}

void
node_herald_open(struct smx_engine *node)
{
	struct smx_config *config = node_config(node);
	int wanted = config_conf(config)->primary_for_count != 0;
	struct herald *h;

	smx_config_release(&config);
	if (!wanted || node_herald(node) != NULL)
		return;
	h = calloc(1, sizeof(*h));
	if (h != NULL) {
		h->node = node;
		make_lock(h);
		h->rest_ms = calloc(node->peers + 1, sizeof(*h->rest_ms));
		h->older = calloc(node->peers + 1, sizeof(*h->older));
	}
	if (h == NULL || h->rest_ms == NULL || h->older == NULL) {
		log_event(SMX_LOG_ERR, "no-memory", "where=herald");
		herald_free(&h);
		return;
	}
	configure(h);
	h->running = node_thread(&h->thread, run, h) == SMX_OK;
	atomic_store(&node->herald, h);
}

void
herald_stop(struct herald *h)
{
	pthread_mutex_lock(&h->lock);
	h->ending = 1;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	if (h->running)
		pthread_join(h->thread, NULL);
	h->running = 0;
}

void
herald_free(struct herald **herald)
{
	struct herald *h = *herald;

	if (h == NULL)
		return;
	herald_stop(h);
	groups_free(h->groups, h->group_count);
	smx_config_release(&h->config);
	free(h->rest_ms);
	free(h->older);
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->wake);
	free(h);
	*herald = NULL;
}
