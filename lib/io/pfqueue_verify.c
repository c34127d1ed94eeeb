/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

/* The same message may be asked for twice in a batch; then the first item
 * stands for both. */
static void
index_batch(struct pfqueue *q)
{
	struct pfentry lost;

	pftable_clear(&q->batch);
	for (size_t i = 0; i < q->items; i++) {
		struct pfentry *e;

		if (q->item[i].id[0] == '\0' ||
		    pftable_find(&q->batch, q->item[i].id) != NULL)
			continue;
		e = pftable_put(&q->batch, q->item[i].id, &lost);
		e->flags = (unsigned)i;
	}
}

void
pfqueue_verify_touch(struct pfqueue *q, const char *id)
{
	const struct pfentry *e;

	if (q->items == 0)
		return;
	e = pftable_find(&q->batch, id);
	for (size_t i = e == NULL ? q->items : e->flags; i < q->items; i++)
		if (strcmp(q->item[i].id, id) == 0)
			q->item[i].touched = 1;
}

static int
drain(void *ctx)
{
	return pfqueue_drain(ctx);
}

static enum pf_sight
sight(struct pfqueue *q, const char *path, const char *id,
    enum pf_folder folder)
{
	int complete = pfqueue_complete(q, path, id);

	if (complete == -1)
		return PF_NOT_THERE;
	if (complete == -2)
		return PF_BLIND;
	/* Elsewhere the mark says nothing: active is entered with it only, and
	 * maildrop and corrupt count whatever it is. */
	if (complete == 0 && (folder == PF_INCOMING || folder == PF_HOLD))
		return PF_UNCOMMITTED;
	return PF_THERE;
}

/* Every subfolder that is watched: after a change of hash_queue_names files
 * stay where they were until postsuper moves them. */
static enum pf_sight
look_everywhere(struct pfqueue *q, const char *id, enum pf_folder folder)
{
	for (size_t i = 0; i < q->watches; i++) {
		const struct pfwatch *w = &q->watch[i];
		enum pf_sight s;

		if (w->path[0] == '\0' || w->folder != folder)
			continue;
		s = sight(q, w->path, id, folder);
		if (s != PF_NOT_THERE)
			return s;
	}
	return PF_NOT_THERE;
}

static enum pf_sight
look(void *ctx, const char *id, enum pf_folder folder)
{
	struct pfqueue *q = ctx;
	char path[PFQUEUE_PATH], hash[PFID_HASH + 1];
	enum pf_sight s;

	if (q->misplaced)
		return look_everywhere(q, id, folder);
	pfid_hash(id, hash);
	text_copy(path, sizeof(path), pfqueue_folder(folder));
	s = sight(q, path, id, folder);
	for (int level = 0;
	     s == PF_NOT_THERE && level < q->depth[folder] && level < PFID_HASH;
	     level++) {
		size_t at = strlen(path);

		snprintf(path + at, sizeof(path) - at, "/%c", hash[level]);
		s = sight(q, path, id, folder);
	}
	return s;
}

/*
 * In no folder; is that the end of the message?  Not when it was on its way to
 * another id, or out of sight, or when it may have been before the watch began
 * and no log tells: only what was seen since then, its beginning or its end,
 * cannot have been requeued unnoticed.
 */
static enum smx_presence
absent(struct pfqueue *q, const char *id, const char **other, int64_t now_ms)
{
	const struct pfentry *e = pftable_find(&q->facts, id);
	int watched = pftable_find(&q->seen, id) != NULL;
	unsigned flags = e == NULL ? 0 : e->flags;

	if ((flags & FACT_LINKED) != 0 &&
	    (flags & (FACT_DISPUTED | FACT_AWAY)) == 0) {
		*other = e->other;
		return SMX_PRESENCE_LINKED;
	}
	if (flags != 0 || pfbloom_has(&q->forgotten, id))
		return SMX_PRESENCE_UNKNOWN;
	if (!watched && (q->log == NULL || !q->state.links_known ||
			    now_ms - q->began_ms < q->settle_ms))
		return SMX_PRESENCE_UNKNOWN;
	return SMX_PRESENCE_ABSENT;
}

/* What was said of it may have been said before anybody listened.  Zero: there
 * is no room for that, and it is to be asked again. */
static int
tell_ends(struct pfqueue *q, const char *id)
{
	const struct pfend *end;
	uint64_t at = 0;
	size_t count = 0;
	char sum[17];

	while (pfends_next(&q->ends, id, &at) != NULL)
		count++;
	if (count + PFQUEUE_BATCH > pfqueue_room(q))
		return count == 0;
	at = 0;
	while ((end = pfends_next(&q->ends, id, &at)) != NULL) {
		snprintf(sum, sizeof(sum), "%016" PRIx64, end->sum);
		pfqueue_emit(q, end->kind, id, end->sum == 0 ? "" : sum);
	}
	return 1;
}

static void
answer(struct pfqueue *q, const struct pfpending *asked,
    const struct pfverify_item *item, int64_t now_ms)
{
	enum smx_presence presence = item->presence;
	const char *other = "";

	if (q->blind || q->broken || asked->id[0] == '\0')
		presence = SMX_PRESENCE_UNKNOWN;
	else if (presence == SMX_PRESENCE_ABSENT)
		presence = absent(q, asked->id, &other, now_ms);
	else if (presence == SMX_PRESENCE_UNCOMMITTED &&
		 pftable_find(&q->strays, asked->id) != NULL)
		presence = SMX_PRESENCE_STRAY;
	if ((presence == SMX_PRESENCE_ABSENT ||
		presence == SMX_PRESENCE_LINKED) &&
	    !tell_ends(q, asked->id))
		presence = SMX_PRESENCE_UNKNOWN;
	pfqueue_answer(q, asked, presence, other);
}

void
pfqueue_verify_turn(struct pfqueue *q, int64_t now_ms)
{
	const struct pfverify_eye eye = { q, look, drain };
	struct pfpending asked[PFQUEUE_BATCH];
	size_t room = pfqueue_room(q);

	q->items = pfqueue_asked(q, asked,
	    room < PFQUEUE_BATCH ? room / 2 : PFQUEUE_BATCH);
	if (q->items == 0)
		return;
	for (size_t i = 0; i < q->items; i++) {
		memset(&q->item[i], 0, sizeof(q->item[i]));
		text_copy(q->item[i].id, sizeof(q->item[i].id), asked[i].id);
	}
	index_batch(q);
	if (!q->blind && !q->broken && pfqueue_watch_valid(q)) {
		pfverify_run(&eye, q->item, q->items);
		q->broken |= !pfqueue_watch_valid(q);
	}
	for (size_t i = 0; i < q->items; i++)
		answer(q, &asked[i], &q->item[i], now_ms);
	q->items = 0;
}
