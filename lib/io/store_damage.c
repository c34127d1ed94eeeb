/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_damage.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct damage {
	pthread_mutex_t lock;
	struct smx_key *key; /* ascending */
	size_t count, size;
	int overflow; /* more than could be kept */
	int tables;
	int suspect;
	int64_t since_ms;
	struct smx_key verified; /* while suspect */
	int any_verified;
};

int
damage_new(struct damage **out)
{
	struct damage *damage = calloc(1, sizeof(*damage));

	if (damage == NULL)
		return SMX_ENOMEM;
	pthread_mutex_init(&damage->lock, NULL);
	*out = damage;
	return SMX_OK;
}

void
damage_free(struct damage **damage)
{
	if (*damage == NULL)
		return;
	pthread_mutex_destroy(&(*damage)->lock);
	free((*damage)->key);
	free(*damage);
	*damage = NULL;
}

/* Where it is, or would be. */
static int
find_locked(const struct damage *damage, const struct smx_key *key, size_t *at)
{
	size_t lo = 0, hi = damage->count;

	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;
		int order = smx_key_compare(&damage->key[middle], key);

		if (order == 0) {
			*at = middle;
			return 1;
		}
		if (order < 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	*at = lo;
	return 0;
}

static int
room_locked(struct damage *damage)
{
	struct smx_key *grown;
	size_t size = damage->size == 0 ? 64 : damage->size * 2;

	if (damage->count < damage->size)
		return 1;
	if (damage->count >= DAMAGE_MAX)
		return 0;
	grown = realloc(damage->key, size * sizeof(*grown));
	if (grown == NULL)
		return 0;
	damage->key = grown;
	damage->size = size;
	return 1;
}

int
damage_found(struct damage *damage, const struct smx_key *key)
{
	size_t at;
	int known;

	pthread_mutex_lock(&damage->lock);
	known = find_locked(damage, key, &at);
	if (!known && !room_locked(damage)) {
		damage->overflow = 1;
	} else if (!known) {
		memmove(damage->key + at + 1, damage->key + at,
		    (damage->count - at) * sizeof(*damage->key));
		damage->key[at] = *key;
		damage->count++;
	}
	pthread_mutex_unlock(&damage->lock);
	return !known;
}

void
damage_mended(struct damage *damage, const struct smx_key *key)
{
	size_t at;

	pthread_mutex_lock(&damage->lock);
	if (find_locked(damage, key, &at)) {
		damage->count--;
		memmove(damage->key + at, damage->key + at + 1,
		    (damage->count - at) * sizeof(*damage->key));
	}
	pthread_mutex_unlock(&damage->lock);
}

int
damage_is(struct damage *damage, const struct smx_key *key)
{
	size_t at;
	int is;

	pthread_mutex_lock(&damage->lock);
	is = find_locked(damage, key, &at);
	pthread_mutex_unlock(&damage->lock);
	return is;
}

void
damage_tables(struct damage *damage, int damaged)
{
	pthread_mutex_lock(&damage->lock);
	damage->tables = damaged;
	pthread_mutex_unlock(&damage->lock);
}

void
damage_suspect(struct damage *damage, int64_t since_ms)
{
	pthread_mutex_lock(&damage->lock);
	damage->suspect = 1;
	damage->any_verified = 0;
	damage->since_ms = since_ms;
	pthread_mutex_unlock(&damage->lock);
}

void
damage_verified(struct damage *damage, const struct smx_key *key)
{
	pthread_mutex_lock(&damage->lock);
	if (key == NULL) {
		damage->suspect = 0;
	} else {
		damage->verified = *key;
		damage->any_verified = 1;
	}
	pthread_mutex_unlock(&damage->lock);
}

void
damage_recounted(struct damage *damage, uint64_t found)
{
	pthread_mutex_lock(&damage->lock);
	if (found < DAMAGE_MAX)
		damage->overflow = 0;
	pthread_mutex_unlock(&damage->lock);
}

static int
vouches_locked(const struct damage *damage, const struct smx_row *row)
{
	size_t at;

	if (damage->overflow || find_locked(damage, &row->key, &at))
		return 0;
	return !damage->suspect || row->stored_ms >= damage->since_ms ||
	       (damage->any_verified &&
		   smx_key_compare(&row->key, &damage->verified) <= 0);
}

int
damage_vouches(struct damage *damage, const struct smx_row *row)
{
	int vouches;

	pthread_mutex_lock(&damage->lock);
	vouches = vouches_locked(damage, row);
	pthread_mutex_unlock(&damage->lock);
	return vouches;
}

void
damage_stats(struct damage *damage, struct smx_store_stats *stats)
{
	pthread_mutex_lock(&damage->lock);
	stats->damaged =
	    damage->count + (damage->tables != 0) + (damage->overflow != 0);
	stats->suspect = damage->suspect;
	pthread_mutex_unlock(&damage->lock);
}
