/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "core/takeover_in.h"

/*
 * The end of what was taken over: the members that hold it for this host let go
 * first.  Until they have, the row stays HANDED with HANDED_OVER for its id, so
 * that a restart, or another queue, begins none of it again.
 */
#define LOOK_MS 5000

/* ---- those that are over ---- */

void
over_follow(struct takeover *takeover, const struct smx_key *key,
    int64_t due_ms)
{
	struct handed *h;

	/* Not now: the row stays, and the next look finds it. */
	if (takeover->over_count >= HANDED_MAX)
		return;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return;
	h->key = *key;
	h->due_ms = due_ms;
	h->next = takeover->over;
	if (h->next != NULL)
		h->next->prev = h;
	takeover->over = h;
	takeover->over_count++;
}

static void
over_remove(struct takeover *takeover, struct handed *h)
{
	if (h->prev != NULL)
		h->prev->next = h->next;
	else
		takeover->over = h->next;
	if (h->next != NULL)
		h->next->prev = h->prev;
	takeover->over_count--;
	free(h);
}

void
over_free(struct takeover *takeover)
{
	while (takeover->over != NULL)
		over_remove(takeover, takeover->over);
}

struct look {
	struct takeover *takeover;
	int64_t rows;
};

static int
look_row(void *ctx, const struct smx_row *row)
{
	struct look *look = ctx;

	look->rows++;
	if (strcmp(row->handed_id, HANDED_OVER) == 0)
		over_follow(look->takeover, &row->key,
		    look->takeover->over_due_ms);
	return 0;
}

/* Rows also become so in the threads that hear their primaries' words. */
static void
over_look(struct takeover *takeover, int64_t now_ms)
{
	struct smx_store *s = takeover->options.store;
	struct smx_store_filter filter = { .states = 1u << SMX_ROW_HANDED };
	struct look look = { .takeover = takeover };

	over_free(takeover);
	(void)s->ops->scan(s->ctx, &filter, look_row, &look);
	/* Many rows are not looked through as often as a few. */
	takeover->over_look_ms = now_ms + LOOK_MS + look.rows / 10;
}

/* ---- to the end ---- */

/*
 * Will its primary want to know what became of it?  Not one that is no member,
 * nor when it was served to nobody here; and of a key that was another's it
 * knows nothing.
 */
static int
is_wanted(struct takeover *takeover, const struct smx_row *row, int *wanted)
{
	struct smx_store *s = takeover->options.store;
	char *text = NULL;
	char *states = NULL;
	size_t len;
	int r;

	*wanted = !row->yielded &&
		  gate_bit(&takeover->options.world, row->primary) != 0;
	if (!*wanted)
		return SMX_OK;
	r = s->ops->envelope(s->ctx, &row->key, &text, &len, &states);
	*wanted = r == SMX_OK && states != NULL &&
		  strchr(states, SMX_RCPT_HANDED) != NULL;
	free(text);
	free(states);
	/* A damaged one could not be compared either. */
	return r == SMX_ECORRUPT ? SMX_OK : r;
}

static int
drop(struct takeover *takeover, const struct smx_row *row)
{
	struct smx_store *s = takeover->options.store;
	size_t foreign;
	int r;

	crash_point("takeover.end");
	r = s->ops->drop(s->ctx, NULL, &row->key, 1, &foreign);
	crash_point("takeover.ended");
	if (r == SMX_OK)
		takeover_log(SMX_LOG_NOTICE, row, "taken_over_done", "");
	return r;
}

/* Nobody holds it for this host any more: it goes, or waits without its content
 * for its primary. */
static int
finish(struct takeover *takeover, const struct smx_row *row, int64_t wall_ms)
{
	struct smx_row_change change = { .attempts = row->attempts };
	int wanted;
	int r = is_wanted(takeover, row, &wanted);

	if (r != SMX_OK)
		return r;
	if (!wanted)
		return drop(takeover, row);
	r = takeover_mark(takeover, &row->key, SMX_ROW_HANDED, HOLDER_END,
	    &change, wall_ms);
	if (r == SMX_OK)
		takeover_log(SMX_LOG_NOTICE, row, "taken_over_done", "");
	return r;
}

int
over_end(struct takeover *takeover, const struct smx_row *row, int64_t wall_ms)
{
	struct smx_row_change change = { .attempts = row->attempts,
		.handed_id = HANDED_OVER };
	int r;

	if (gate_others(&takeover->options.world, row->primary) == 0)
		return finish(takeover, row, wall_ms);
	r = takeover_mark(takeover, &row->key, row->state, HOLDER_OVER, &change,
	    wall_ms);
	if (r == SMX_OK)
		over_follow(takeover, &row->key, 0);
	return r;
}

/* Is it still so? */
static int
over_get(struct takeover *takeover, const struct smx_key *key,
    struct smx_row *row)
{
	struct smx_store *s = takeover->options.store;
	int r = s->ops->get(s->ctx, key, row);

	if (r == SMX_OK && (row->state != SMX_ROW_HANDED ||
			       strcmp(row->handed_id, HANDED_OVER) != 0))
		r = SMX_ESTATE;
	return r;
}

size_t
takeover_over_next(struct takeover *takeover, int64_t now_ms,
    struct heir *heirs, size_t max)
{
	struct handed *next;
	size_t n = 0;

	if (now_ms >= takeover->over_look_ms)
		over_look(takeover, now_ms);
	for (struct handed *h = takeover->over; h != NULL && n < max;
	     h = next) {
		struct smx_row row;

		next = h->next;
		if (h->due_ms > now_ms)
			continue;
		if (over_get(takeover, &h->key, &row) == SMX_OK)
			heir_begin(&heirs[n++], &takeover->options.world, &row);
		over_remove(takeover, h);
	}
	return n;
}

void
takeover_over_done(struct takeover *takeover, const struct heir *heirs,
    size_t count, int64_t pause_ms, int64_t now_ms, int64_t wall_ms)
{
	for (size_t i = 0; i < count; i++) {
		const struct smx_key *key = &heirs[i].key;
		struct smx_row row;

		if (heir_is_free(&heirs[i]) &&
		    (over_get(takeover, key, &row) != SMX_OK ||
			finish(takeover, &row, wall_ms) == SMX_OK))
			continue;
		takeover->over_due_ms = now_ms + pause_ms;
		over_follow(takeover, key, takeover->over_due_ms);
	}
}

size_t
takeover_over_count(const struct takeover *takeover)
{
	return takeover->over_count;
}

/* ---- what this host answers for ---- */

struct answered {
	struct takeover *takeover;
	struct smx_key *after;
	struct heir *heirs;
	size_t count, max;
};

static int
answered_row(void *ctx, const struct smx_row *row)
{
	struct answered *a = ctx;

	if (a->count == a->max)
		return 1;
	*a->after = row->key;
	heir_begin(&a->heirs[a->count], &a->takeover->options.world, row);
	a->count += a->heirs[a->count].open != 0;
	return 0;
}

int
takeover_heirs(struct takeover *takeover, struct smx_key *after,
    struct heir *heirs, size_t max)
{
	struct smx_store *s = takeover->options.store;
	struct smx_key from = *after;
	struct answered a = { .takeover = takeover,
		.after = after,
		.heirs = heirs,
		.max = max };
	struct smx_store_filter filter = { .states = 1u << SMX_ROW_CLAIMED |
						     1u << SMX_ROW_HANDED |
						     1u << SMX_ROW_QUARANTINED,
		.after = &from };
	int r = s->ops->scan(s->ctx, &filter, answered_row, &a);

	return r < 0 ? r : (int)a.count;
}
