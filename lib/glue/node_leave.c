/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/key.h"
#include "base/log.h"
#include "glue/node_impl.h"

/*
 * Being away in order: what this host says of itself, and what its peers have
 * said.  Both are kept in the store as times of the wall clock, for either side
 * may be started again meanwhile, and a holder that forgot it would take over.
 */
#define NAME_SELF   "leave.self"
#define NAME_PEER   "leave.peer."
#define NAME_BYTES  (SMX_NAME_MAX + sizeof(NAME_PEER))
#define TEXT_BYTES  24
#define AWAY_MAX_MS ((int64_t)24 * 3600 * 1000)
/* The same time is said again and again; it is not written each time. */
#define NOTE_SLACK_MS 5000

static int
note(struct smx_engine *node, const char *name, int64_t until_wall_ms)
{
	struct smx_store *store = node->ports.store;
	char text[TEXT_BYTES];

	snprintf(text, sizeof(text), "%lld", (long long)until_wall_ms);
	return store->ops->meta_set(store->ctx, name, text);
}

/* How much is left of it; 0: nothing. */
static int64_t
noted_left_ms(struct smx_engine *node, const char *name)
{
	struct smx_store *store = node->ports.store;
	char text[TEXT_BYTES];
	uint64_t until = 0;
	int64_t left;

	if (store->ops->meta_get(store->ctx, name, text, sizeof(text)) !=
		SMX_OK ||
	    number_parse(text, strlen(text), INT64_MAX, &until) != SMX_OK)
		return 0;
	left = (int64_t)until - clock_wall_ms();
	/* More was never said: the clock was set back. */
	return left > 0 && left <= AWAY_MAX_MS ? left : 0;
}

static const char *
peer_key(const struct smx_engine *node, size_t peer, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, NAME_PEER "%s", node_peer_name(node, peer));
	return out;
}

void
node_leave_load(struct smx_engine *node)
{
	int64_t left = noted_left_ms(node, NAME_SELF);
	char name[NAME_BYTES];

	if (left > 0) {
		node->leave_until_ms = node_now_ms() + left;
		log_event(SMX_LOG_NOTICE, "leaving", "for_ms=%lld restart=1",
		    (long long)left);
	}
	for (size_t i = 0; i < node->peers; i++) {
		left = noted_left_ms(node, peer_key(node, i, name));
		if (left <= 0)
			continue;
		node->peer[i].away_wall_ms = clock_wall_ms() + left;
		engine_away(node->core, i, left, node_now_ms());
	}
}

void
node_leave_forget(struct smx_engine *node)
{
	if (noted_left_ms(node, NAME_SELF) > 0)
		(void)note(node, NAME_SELF, 0);
}

/* ---- what we say ---- */

void
node_beat_fill(struct smx_engine *node, struct smx_beat *beat)
{
	int64_t left = node->leave_until_ms - node_now_ms();

	beat->leaving_ms = left > 0 ? left : 0;
	beat->mta = node->mta;
	/* An operator is at work here: that it is down is nobody's business. */
	if (beat->mta == SMX_MTA_DOWN && atomic_load(&node->draining))
		beat->mta = SMX_MTA_UNKNOWN;
}

int
node_leave_set(struct smx_engine *node, int64_t for_ms)
{
	pthread_mutex_lock(&node->lock);
	node->leave_until_ms = for_ms > 0 ? node_now_ms() + for_ms : 0;
	pthread_mutex_unlock(&node->lock);
	return note(node, NAME_SELF, for_ms > 0 ? clock_wall_ms() + for_ms : 0);
}

/* One that does not answer must not use up the time of the others. */
void
node_leave_say(struct smx_engine *node, int64_t wait_ms, int *told)
{
	struct smx_link *link = node->ports.link;
	int64_t until = clock_mono_ms() + wait_ms;

	for (size_t i = 0; i < node->peers; i++) {
		struct smx_request request = { .kind = SMX_REQ_BEAT };
		struct smx_reply reply = { 0 };
		int64_t now_ms = clock_mono_ms();
		int64_t share = (until - now_ms) / (int64_t)(node->peers - i);
		int rc;

		pthread_mutex_lock(&node->lock);
		node_beat_fill(node, &request.beat);
		pthread_mutex_unlock(&node->lock);
		rc = link->ops->request(link->ctx, i, &request, &reply,
		    now_ms + (share > 0 ? share : 0));
		if (told != NULL)
			told[i] = rc;
	}
}

/* ---- what peers say ---- */

/* A note that cannot be written costs nothing but what it is for: the store's
 * own failure ends this process. */
void
node_away_note(struct smx_engine *node, size_t peer,
    const struct smx_beat *beat)
{
	struct node_peer *p;
	char name[NAME_BYTES];
	int64_t until = 0, differs;

	if (peer >= node->peers)
		return;
	p = &node->peer[peer];
	if (beat->leaving_ms > 0)
		until = clock_wall_ms() + (beat->leaving_ms < AWAY_MAX_MS
						  ? beat->leaving_ms
						  : AWAY_MAX_MS);
	pthread_mutex_lock(&node->lock);
	differs = llabs(until - p->away_wall_ms);
	if (differs > NOTE_SLACK_MS || (differs != 0 && until == 0))
		p->away_wall_ms = until;
	else
		differs = 0;
	pthread_mutex_unlock(&node->lock);
	if (differs != 0)
		(void)note(node, peer_key(node, peer, name), until);
}
