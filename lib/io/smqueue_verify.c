/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/smqueue.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define ROUNDS 4 /* tries with an id that keeps moving */
#define DEPTH  8 /* clones of clones */

/* ---- what ended just now ---- */

/* Its line in the log may not be there yet, and tell where it lives on. */
void
smqueue_ended(struct smqueue *q, const char *id, int64_t now_ms)
{
	struct pfentry lost;
	struct smended *e;

	if (q->ended_count == SMQUEUE_ENDED_MAX) {
		/* Nobody can tell any more which ones. */
		q->crowd_ms = now_ms + q->settle_ms;
		return;
	}
	e = &q->ended[(q->ended_first + q->ended_count++) % SMQUEUE_ENDED_MAX];
	text_copy(e->id, sizeof(e->id), id);
	e->at_ms = now_ms;
	pftable_put(&q->ending, id, &lost)->flags++;
}

static void
settle(struct smqueue *q, int64_t now_ms)
{
	while (q->ended_count != 0) {
		struct smended *e = &q->ended[q->ended_first];
		struct pfentry *entry;

		if (now_ms - e->at_ms < q->settle_ms)
			break;
		entry = pftable_find(&q->ending, e->id);
		if (entry != NULL && --entry->flags == 0)
			pftable_drop(&q->ending, e->id);
		q->ended_first = (q->ended_first + 1) % SMQUEUE_ENDED_MAX;
		q->ended_count--;
	}
}

static int
is_settled(const struct smqueue *q, const char *id, int64_t now_ms)
{
	return now_ms >= q->crowd_ms && now_ms - q->began_ms >= q->settle_ms &&
	       pftable_find(&q->ending, id) == NULL &&
	       !smqueue_is_moving(q, id);
}

/* ---- the look ---- */

static void
touch(struct smqueue *q, const char *id)
{
	for (size_t i = 0; i < q->items; i++)
		if (strcmp(q->item[i].asked.id, id) == 0)
			q->item[i].touched = 1;
}

/* What happens to a part happens to the whole. */
void
smqueue_verify_touch(struct smqueue *q, const char *id)
{
	if (q->items == 0)
		return;
	for (int i = 0; id != NULL && i < DEPTH; i++) {
		touch(q, id);
		id = smkin_parent(&q->kin, id);
	}
}

/* Is any of what it was divided into still there?  *left bounds the work. */
static enum smsight
look_kin(struct smqueue *q, const char *id, int depth, size_t *left,
    int64_t now_ms)
{
	enum smsight sight = SM_NOT_THERE;
	const char *child;
	uint64_t at = 0;

	if (depth == DEPTH || smkin_lost(&q->kin, id))
		return SM_BLIND;
	while (sight == SM_NOT_THERE &&
	       (child = smkin_child(&q->kin, id, &at)) != NULL) {
		if ((*left)-- == 0)
			return SM_BLIND;
		sight = smqueue_look(q, child);
		if (sight == SM_NOT_THERE && !is_settled(q, child, now_ms))
			sight = SM_BLIND;
		if (sight == SM_NOT_THERE)
			sight = look_kin(q, child, depth + 1, left, now_ms);
	}
	/* Damaged, or not committed yet: whatever it is, it has not ended. */
	return sight == SM_NOT_THERE || sight == SM_BLIND ? sight : SM_THERE;
}

static enum smx_presence
presence_of(enum smsight sight)
{
	static const enum smx_presence presences[] = {
		[SM_NOT_THERE] = SMX_PRESENCE_ABSENT,
		[SM_THERE] = SMX_PRESENCE_THERE,
		[SM_UNCOMMITTED] = SMX_PRESENCE_UNCOMMITTED,
		[SM_STRAY] = SMX_PRESENCE_STRAY,
		[SM_CORRUPT] = SMX_PRESENCE_CORRUPT,
		[SM_BLIND] = SMX_PRESENCE_UNKNOWN,
	};

	return presences[sight];
}

static void
look(struct smqueue *q, struct smitem *item, int64_t now_ms)
{
	size_t left = SMQUEUE_KIN_MAX;
	enum smsight sight = smqueue_look(q, item->asked.id);

	if (sight == SM_NOT_THERE)
		sight = look_kin(q, item->asked.id, 0, &left, now_ms);
	item->presence = presence_of(sight);
	item->decided = sight != SM_NOT_THERE;
}

/* An absence counts when nothing has happened to it during the look. */
static int
look_at_all(struct smqueue *q, int64_t now_ms)
{
	size_t open = q->items;
	int lost = smqueue_drain(q);

	for (size_t i = 0; i < q->items; i++)
		q->item[i].touched = 0;
	for (int round = 0; !lost && open != 0 && round < ROUNDS; round++) {
		for (size_t i = 0; i < q->items; i++)
			if (!q->item[i].decided && q->item[i].asked.id[0] != 0)
				look(q, &q->item[i], now_ms);
		lost = smqueue_drain(q);
		open = 0;
		for (size_t i = 0; i < q->items; i++) {
			struct smitem *item = &q->item[i];

			item->decided |= !item->touched;
			open += !item->decided;
			item->touched = 0;
		}
	}
	return lost;
}

/* ---- the answers ---- */

static int
is_begun(const struct smqueue *q, const char *id)
{
	const struct pfentry *e = pftable_find(&q->seen, id);

	return e != NULL && (e->flags & SMSEEN_BEGUN) != 0;
}

/* In no folder, and nothing of it either; is that its end?  Only the log tells
 * what it was divided into. */
static enum smx_presence
qualify(const struct smqueue *q, const struct smitem *item, int64_t now_ms)
{
	if (!item->decided)
		return SMX_PRESENCE_UNKNOWN;
	if (item->presence != SMX_PRESENCE_ABSENT)
		return item->presence;
	if (q->log == NULL || q->log_behind ||
	    !is_settled(q, item->asked.id, now_ms))
		return SMX_PRESENCE_UNKNOWN;
	/* Of one from before the watch, or before a part of the log was lost,
	 * the parts may have gone unnoticed. */
	if (!q->state.links_known && !is_begun(q, item->asked.id))
		return SMX_PRESENCE_UNKNOWN;
	return SMX_PRESENCE_ABSENT;
}

/* What was said of it may have been said before anybody listened.  Zero: there
 * is no room for that, and it is to be asked again. */
static int
tell_ends(struct smqueue *q, const char *id)
{
	const struct pfend *end;
	uint64_t at = 0;
	size_t count = 0;
	char sum[17];

	while (pfends_next(&q->ends, id, &at) != NULL)
		count++;
	if (count + SMQUEUE_BATCH > smqueue_room(q))
		return count == 0;
	at = 0;
	while ((end = pfends_next(&q->ends, id, &at)) != NULL) {
		snprintf(sum, sizeof(sum), "%016" PRIx64, end->sum);
		smqueue_emit(q, end->kind, id, end->sum == 0 ? "" : sum);
	}
	return 1;
}

void
smqueue_verify_turn(struct smqueue *q, int64_t now_ms)
{
	struct smpending asked[SMQUEUE_BATCH];
	size_t room = smqueue_room(q);
	int lost = 1;

	settle(q, now_ms);
	q->items = smqueue_asked(q, &q->verify, asked,
	    room < SMQUEUE_BATCH ? room / 2 : SMQUEUE_BATCH);
	if (q->items == 0)
		return;
	memset(q->item, 0, q->items * sizeof(*q->item));
	for (size_t i = 0; i < q->items; i++)
		q->item[i].asked = asked[i];
	if (!q->blind && !q->broken && smqueue_folders_valid(q)) {
		lost = look_at_all(q, now_ms);
		q->broken |= !smqueue_folders_valid(q);
	}
	for (size_t i = 0; i < q->items; i++) {
		struct smitem *item = &q->item[i];
		enum smx_presence presence =
		    lost || q->broken || item->asked.id[0] == '\0'
			? SMX_PRESENCE_UNKNOWN
			: qualify(q, item, now_ms);

		if (presence == SMX_PRESENCE_ABSENT &&
		    !tell_ends(q, item->asked.id))
			presence = SMX_PRESENCE_UNKNOWN;
		smqueue_answer(q, &item->asked, presence);
	}
	q->items = 0;
}
