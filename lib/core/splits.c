/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/splits.h"

#include <stdlib.h>
#include <string.h>

#include "core/backoff.h"

/* A commit shows at once; what does not is looked for. */
#define FIRST_MS   3000
#define HINT_MS    50
#define AGAIN_MS   250
#define MOST_MS    60000
#define GIVE_UP_MS ((int64_t)10 * 60 * 1000)
/* Absent without a word so often, which takes some eight seconds. */
#define ABSENTS 6

int
splits_init(struct splits *splits, splits_fn end, void *ctx)
{
	memset(splits, 0, sizeof(*splits));
	splits->split = calloc(SPLITS_MAX, sizeof(*splits->split));
	splits->end = end;
	splits->ctx = ctx;
	return splits->split == NULL ? SMX_ENOMEM : SMX_OK;
}

void
splits_free(struct splits *splits)
{
	free(splits->split);
	memset(splits, 0, sizeof(*splits));
}

static int
keep_id(char out[PFID_TEXT], const char *id)
{
	size_t len = strlen(id);

	if (len >= PFID_TEXT || !pfid_valid(id, len))
		return SMX_EINVAL;
	memcpy(out, id, len + 1);
	return SMX_OK;
}

int
splits_add(struct splits *splits, int64_t id, const char *original,
    const char *part, int64_t now_ms)
{
	struct split split = { .id = id,
		.since_ms = now_ms,
		.due_ms = now_ms + FIRST_MS,
		.after = splits->token };

	if (splits->count == SPLITS_MAX)
		return SMX_EFULL;
	if (keep_id(split.original, original) != SMX_OK ||
	    keep_id(split.part, part) != SMX_OK)
		return SMX_EINVAL;
	splits->split[splits->count++] = split;
	return SMX_OK;
}

/* The last takes its place: whoever goes through all goes on with the same
 * index. */
static void
end(struct splits *splits, size_t i, enum splits_end how)
{
	const struct split split = splits->split[i];

	splits->split[i] = splits->split[--splits->count];
	splits->end(splits->ctx, &split, how);
}

static void
look_again(struct split *split, unsigned times, int64_t now_ms)
{
	split->due_ms = now_ms + backoff_ms(AGAIN_MS, MOST_MS, times);
}

/* The same id may have been another message's in a gap. */
static void
never(struct splits *splits, size_t i)
{
	end(splits, i, splits->split[i].gap ? SPLIT_DOUBTFUL : SPLIT_FALLS);
}

static void
judge(struct splits *splits, size_t i, enum smx_presence presence,
    int64_t now_ms)
{
	struct split *split = &splits->split[i];

	switch (presence) {
	case SMX_PRESENCE_THERE:
	case SMX_PRESENCE_CORRUPT:
	case SMX_PRESENCE_LINKED:
		end(splits, i, SPLIT_STANDS);
		break;
	case SMX_PRESENCE_STRAY:
		never(splits, i);
		break;
	case SMX_PRESENCE_ABSENT:
		if (++split->absents >= ABSENTS)
			never(splits, i);
		else
			look_again(split, split->absents - 1, now_ms);
		break;
	case SMX_PRESENCE_UNKNOWN:
	case SMX_PRESENCE_UNCOMMITTED:
	default:
		split->absents = 0;
		if (now_ms - split->since_ms >= GIVE_UP_MS)
			end(splits, i, SPLIT_DOUBTFUL);
		break;
	}
}

static void
verified(struct splits *splits, const struct smx_queue_event *event,
    int64_t now_ms)
{
	size_t i = 0, before;

	if (event->token == 0 || event->token > splits->token)
		return;
	while (i < splits->count) {
		before = splits->count;
		if (strcmp(splits->split[i].original, event->id) == 0 &&
		    splits->split[i].after < event->token)
			judge(splits, i, event->presence, now_ms);
		i += splits->count == before;
	}
}

/* Of what is not committed nothing else is told. */
static int
proves_commit(enum smx_queue_event_kind kind)
{
	switch (kind) {
	case SMX_QUEUE_COMMITTED:
	case SMX_QUEUE_REQUEUED:
	case SMX_QUEUE_LINKED:
	case SMX_QUEUE_CORRUPT:
	case SMX_QUEUE_RETURNED:
	case SMX_QUEUE_FOUND:
	case SMX_QUEUE_SENT:
	case SMX_QUEUE_BOUNCED:
	case SMX_QUEUE_DELETED:
		return 1;
	default:
		return 0;
	}
}

static void
hint(struct splits *splits, const struct smx_queue_event *event, int64_t now_ms)
{
	size_t i = 0;

	while (i < splits->count) {
		struct split *split = &splits->split[i];

		if (strcmp(split->original, event->id) != 0) {
			i++;
		} else if (proves_commit(event->kind)) {
			end(splits, i, SPLIT_STANDS);
		} else {
			split->after = splits->token;
			split->absents = 0;
			split->due_ms = now_ms + HINT_MS;
			i++;
		}
	}
}

static void
reset(struct splits *splits, int64_t now_ms)
{
	for (size_t i = 0; i < splits->count; i++) {
		struct split *split = &splits->split[i];

		split->gap = 1;
		split->after = splits->token;
		split->absents = 0;
		split->due_ms = now_ms + HINT_MS;
	}
}

void
splits_event(struct splits *splits, const struct smx_queue_event *event,
    int64_t now_ms)
{
	if (splits->count == 0)
		return;
	switch (event->kind) {
	case SMX_QUEUE_VERIFIED:
		verified(splits, event, now_ms);
		break;
	case SMX_QUEUE_RESET:
		reset(splits, now_ms);
		break;
	case SMX_QUEUE_READ:
	case SMX_QUEUE_REACHED:
	case SMX_QUEUE_UNREACHED:
		break;
	default:
		hint(splits, event, now_ms);
		break;
	}
}

size_t
splits_verify_next(struct splits *splits, int64_t now_ms, const char **ids,
    size_t max, uint64_t *token)
{
	size_t n = 0;

	if (max > SPLITS_IDS_MAX)
		max = SPLITS_IDS_MAX;
	for (size_t i = 0; i < splits->count && n < max; i++) {
		struct split *split = &splits->split[i];

		if (split->due_ms > now_ms)
			continue;
		look_again(split, split->tries, now_ms);
		if (split->tries < 32)
			split->tries++;
		memcpy(splits->given[n], split->original, PFID_TEXT);
		ids[n] = splits->given[n];
		n++;
	}
	if (n != 0)
		*token = ++splits->token;
	return n;
}
