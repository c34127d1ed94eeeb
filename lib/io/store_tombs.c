/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_tombs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/store.h>

#include "base/buf.h"
#include "io/store_rules.h"

struct tomb_set {
	char primary[SMX_NAME_MAX + 1];
	uint8_t incarnation[16];
	int64_t changed_ms;
	int changed;   /* keys differ from what is saved */
	int forgotten; /* to be removed from what is saved, then freed */
	struct keyset keys;
};

struct tombs {
	pthread_mutex_t lock;
	struct tomb_set **set;
	size_t count, size;
	size_t last; /* found last time: mostly right again */
};

int
tombs_new(struct tombs **out)
{
	struct tombs *tombs = calloc(1, sizeof(*tombs));

	if (tombs == NULL)
		return SMX_ENOMEM;
	pthread_mutex_init(&tombs->lock, NULL);
	*out = tombs;
	return SMX_OK;
}

static void
set_free(struct tomb_set *set)
{
	keyset_free(&set->keys);
	free(set);
}

void
tombs_free(struct tombs **tombs)
{
	if (*tombs == NULL)
		return;
	for (size_t i = 0; i < (*tombs)->count; i++)
		set_free((*tombs)->set[i]);
	free((*tombs)->set);
	pthread_mutex_destroy(&(*tombs)->lock);
	free(*tombs);
	*tombs = NULL;
}

static int
set_is(const struct tomb_set *set, const char *primary,
    const uint8_t incarnation[16])
{
	return !set->forgotten &&
	       memcmp(set->incarnation, incarnation, 16) == 0 &&
	       strcmp(set->primary, primary) == 0;
}

static struct tomb_set *
find_locked(struct tombs *tombs, const char *primary,
    const uint8_t incarnation[16])
{
	if (tombs->last < tombs->count &&
	    set_is(tombs->set[tombs->last], primary, incarnation))
		return tombs->set[tombs->last];
	for (size_t i = 0; i < tombs->count; i++)
		if (set_is(tombs->set[i], primary, incarnation)) {
			tombs->last = i;
			return tombs->set[i];
		}
	return NULL;
}

/* Keep a primary that restarts again and again within its share. */
static void
evict_locked(struct tombs *tombs, const char *primary)
{
	struct tomb_set *oldest = NULL;
	size_t count = 0;

	for (size_t i = 0; i < tombs->count; i++) {
		struct tomb_set *set = tombs->set[i];

		if (set->forgotten || strcmp(set->primary, primary) != 0)
			continue;
		count++;
		if (oldest == NULL || set->changed_ms < oldest->changed_ms)
			oldest = set;
	}
	if (count >= TOMBS_INCARNATIONS)
		oldest->forgotten = 1;
}

static int
make_locked(struct tombs *tombs, const char *primary,
    const uint8_t incarnation[16], struct tomb_set **out)
{
	struct tomb_set *set;

	if (tombs->count == tombs->size) {
		size_t size = tombs->size == 0 ? 16 : tombs->size * 2;
		struct tomb_set **grown =
		    realloc(tombs->set, size * sizeof(*grown));

		if (grown == NULL)
			return SMX_ENOMEM;
		tombs->set = grown;
		tombs->size = size;
	}
	set = calloc(1, sizeof(*set));
	if (set == NULL)
		return SMX_ENOMEM;
	evict_locked(tombs, primary);
	text_copy(set->primary, sizeof(set->primary), primary);
	memcpy(set->incarnation, incarnation, 16);
	keyset_init(&set->keys, STORE_TOMB_RANGES_MAX);
	tombs->set[tombs->count++] = set;
	*out = set;
	return SMX_OK;
}

static int
get_locked(struct tombs *tombs, const char *primary,
    const uint8_t incarnation[16], struct tomb_set **set)
{
	*set = find_locked(tombs, primary, incarnation);
	if (*set != NULL)
		return SMX_OK;
	return make_locked(tombs, primary, incarnation, set);
}

int
tombs_load(struct tombs *tombs, const char *primary,
    const uint8_t incarnation[16], uint64_t lo, uint64_t hi, int64_t changed_ms)
{
	struct tomb_set *set;
	int result;

	pthread_mutex_lock(&tombs->lock);
	result = get_locked(tombs, primary, incarnation, &set);
	if (result == SMX_OK)
		result = keyset_load(&set->keys, lo, hi);
	if (result == SMX_OK && changed_ms > set->changed_ms)
		set->changed_ms = changed_ms;
	pthread_mutex_unlock(&tombs->lock);
	return result;
}

static int
has_locked(struct tombs *tombs, const char *primary, const struct smx_key *key)
{
	struct tomb_set *set = find_locked(tombs, primary, key->incarnation);

	return set != NULL && keyset_has(&set->keys, key->counter);
}

int
tombs_has(struct tombs *tombs, const char *primary, const struct smx_key *key)
{
	int has;

	pthread_mutex_lock(&tombs->lock);
	/* The primary's own set last: it is the one to be remembered. */
	has = has_locked(tombs, "", key) || has_locked(tombs, primary, key);
	pthread_mutex_unlock(&tombs->lock);
	return has;
}

int
tombs_add(struct tombs *tombs, const char *primary, const struct smx_key *key,
    int64_t now_ms)
{
	struct tomb_set *set;
	int result;

	pthread_mutex_lock(&tombs->lock);
	result = get_locked(tombs, primary, key->incarnation, &set);
	if (result == SMX_OK && !keyset_has(&set->keys, key->counter)) {
		result = keyset_add(&set->keys, key->counter);
		if (result == SMX_OK) {
			set->changed = 1;
			set->changed_ms = now_ms;
		}
	}
	pthread_mutex_unlock(&tombs->lock);
	return result;
}

static int
save_set(const struct tomb_set *set, const struct tombs_sink *sink)
{
	const struct keyset *keys = &set->keys;
	int result = SMX_OK;

	if (set->forgotten)
		return sink->forget(sink->ctx, set->primary, set->incarnation);
	for (size_t i = 0; result == SMX_OK && i < keys->gone_count; i++)
		result = sink->remove(sink->ctx, set->primary, set->incarnation,
		    keys->gone[i]);
	for (size_t i = 0; result == SMX_OK && i < keys->count; i++)
		if (keys->range[i].dirty)
			result = sink->put(sink->ctx, set->primary,
			    set->incarnation, keys->range[i].lo,
			    keys->range[i].hi, set->changed_ms);
	return result;
}

int
tombs_save(struct tombs *tombs, const struct tombs_sink *sink)
{
	int result = SMX_OK;

	pthread_mutex_lock(&tombs->lock);
	for (size_t i = 0; result == SMX_OK && i < tombs->count; i++)
		if (tombs->set[i]->changed || tombs->set[i]->forgotten)
			result = save_set(tombs->set[i], sink);
	pthread_mutex_unlock(&tombs->lock);
	return result;
}

void
tombs_saved(struct tombs *tombs)
{
	size_t kept = 0;

	pthread_mutex_lock(&tombs->lock);
	for (size_t i = 0; i < tombs->count; i++) {
		struct tomb_set *set = tombs->set[i];

		if (set->forgotten) {
			set_free(set);
			continue;
		}
		if (set->changed)
			keyset_saved(&set->keys);
		set->changed = 0;
		tombs->set[kept++] = set;
	}
	tombs->count = kept;
	pthread_mutex_unlock(&tombs->lock);
}

static int
latest_locked(const struct tombs *tombs, const struct tomb_set *set)
{
	for (size_t i = 0; i < tombs->count; i++)
		if (strcmp(tombs->set[i]->primary, set->primary) == 0 &&
		    tombs->set[i]->changed_ms > set->changed_ms)
			return 0;
	return 1;
}

int
tombs_prune(struct tombs *tombs, int64_t before_ms,
    const struct tombs_sink *sink)
{
	int result = SMX_OK;

	pthread_mutex_lock(&tombs->lock);
	for (size_t i = 0; result == SMX_OK && i < tombs->count; i++) {
		struct tomb_set *set = tombs->set[i];
		int live = 0;

		if (set->forgotten || set->changed_ms >= before_ms ||
		    latest_locked(tombs, set))
			continue;
		result = sink->live(sink->ctx, set->incarnation, &live);
		if (result == SMX_OK && !live)
			set->forgotten = 1;
	}
	pthread_mutex_unlock(&tombs->lock);
	return result;
}
