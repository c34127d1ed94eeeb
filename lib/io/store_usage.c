/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_usage.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Peers come from the configuration; this only bounds a mistake. */
#define PEERS_MAX 4096

struct usage_of_peer {
	char *name;
	uint64_t bytes; /* kept and on the way */
};

struct usage {
	pthread_mutex_t lock;
	uint64_t quota, peer_quota;
	uint64_t bytes;   /* kept and on the way */
	uint64_t content; /* kept */
	uint64_t rows[SMX_ROW_DONE + 1];
	struct usage_of_peer *peer;
	size_t peers;
};

int
usage_new(struct usage **out, uint64_t quota_bytes, uint64_t peer_quota_bytes)
{
	struct usage *usage = calloc(1, sizeof(*usage));

	if (usage == NULL)
		return SMX_ENOMEM;
	pthread_mutex_init(&usage->lock, NULL);
	usage->quota = quota_bytes;
	usage->peer_quota = peer_quota_bytes;
	*out = usage;
	return SMX_OK;
}

void
usage_free(struct usage **usage)
{
	if (*usage == NULL)
		return;
	for (size_t i = 0; i < (*usage)->peers; i++)
		free((*usage)->peer[i].name);
	free((*usage)->peer);
	pthread_mutex_destroy(&(*usage)->lock);
	free(*usage);
	*usage = NULL;
}

static int
usage_peer_locked(struct usage *usage, const char *primary, size_t *peer)
{
	struct usage_of_peer *grown;
	size_t i;

	for (i = 0; i < usage->peers; i++)
		if (strcmp(usage->peer[i].name, primary) == 0) {
			*peer = i;
			return SMX_OK;
		}
	if (i == PEERS_MAX)
		return SMX_ELIMIT;
	grown = realloc(usage->peer, (i + 1) * sizeof(*grown));
	if (grown == NULL)
		return SMX_ENOMEM;
	usage->peer = grown;
	grown[i].bytes = 0;
	grown[i].name = strdup(primary);
	if (grown[i].name == NULL)
		return SMX_ENOMEM;
	usage->peers++;
	*peer = i;
	return SMX_OK;
}

int
usage_peer(struct usage *usage, const char *primary, size_t *peer)
{
	int result;

	pthread_mutex_lock(&usage->lock);
	result = usage_peer_locked(usage, primary, peer);
	pthread_mutex_unlock(&usage->lock);
	return result;
}

static int
fits(uint64_t used, uint64_t more, uint64_t quota)
{
	return quota == 0 || (used <= quota && more <= quota - used);
}

static int
usage_fits_locked(struct usage *usage, size_t peer, uint64_t bytes)
{
	if (!fits(usage->bytes, bytes, usage->quota) ||
	    !fits(usage->peer[peer].bytes, bytes, usage->peer_quota))
		return SMX_EFULL;
	return SMX_OK;
}

int
usage_fits(struct usage *usage, size_t peer, uint64_t bytes)
{
	int result;

	pthread_mutex_lock(&usage->lock);
	result = usage_fits_locked(usage, peer, bytes);
	pthread_mutex_unlock(&usage->lock);
	return result;
}

int
usage_take(struct usage *usage, size_t peer, uint64_t bytes)
{
	int result;

	pthread_mutex_lock(&usage->lock);
	result = usage_fits_locked(usage, peer, bytes);
	if (result == SMX_OK) {
		usage->bytes += bytes;
		usage->peer[peer].bytes += bytes;
	}
	pthread_mutex_unlock(&usage->lock);
	return result;
}

void
usage_give_back(struct usage *usage, size_t peer, uint64_t bytes)
{
	pthread_mutex_lock(&usage->lock);
	usage->bytes -= bytes;
	usage->peer[peer].bytes -= bytes;
	pthread_mutex_unlock(&usage->lock);
}

static void
add_locked(struct usage *usage, const struct usage_row *row)
{
	usage->rows[row->state] += row->rows;
	usage->content += row->size;
	usage->bytes += row->cost;
	usage->peer[row->peer].bytes += row->cost;
}

void
usage_add(struct usage *usage, const struct usage_row *row)
{
	pthread_mutex_lock(&usage->lock);
	add_locked(usage, row);
	pthread_mutex_unlock(&usage->lock);
}

void
usage_settle(struct usage *usage, const struct usage_row *row,
    size_t draft_peer, uint64_t taken)
{
	pthread_mutex_lock(&usage->lock);
	add_locked(usage, row);
	usage->bytes -= taken;
	usage->peer[draft_peer].bytes -= taken;
	pthread_mutex_unlock(&usage->lock);
}

void
usage_remove(struct usage *usage, const struct usage_row *row)
{
	pthread_mutex_lock(&usage->lock);
	usage->rows[row->state] -= row->rows;
	usage->content -= row->size;
	usage->bytes -= row->cost;
	usage->peer[row->peer].bytes -= row->cost;
	pthread_mutex_unlock(&usage->lock);
}

void
usage_stats(struct usage *usage, struct smx_store_stats *stats)
{
	pthread_mutex_lock(&usage->lock);
	for (size_t i = 0; i <= SMX_ROW_DONE; i++)
		stats->rows[i] = usage->rows[i];
	stats->bytes = usage->content;
	stats->quota_bytes = usage->quota;
	pthread_mutex_unlock(&usage->lock);
}
