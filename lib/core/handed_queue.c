/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/lineage.h"
#include "core/takeover_in.h"

/*
 * Another queue than the one that took what this host handed over, or the same
 * one brought back to before that, or one that a power cut may have torn.  The
 * store keeps the queue's epoch as it was last seen, which no row was handed
 * after, and while rows are in doubt a word of that.
 */
#define EPOCH_NAME   "takeover.queue_epoch"
#define SUSPECT_NAME "takeover.queue_suspect"
#define TORN_NAME    "takeover.queue_torn"

struct again {
	struct smx_row *rows;
	size_t count, max;
	int nameless; /* only those that cannot be looked for */
};

static int
again_row(void *ctx, const struct smx_row *row)
{
	struct again *a = ctx;

	/* Over: it was not in that queue any more. */
	if (strcmp(row->handed_id, HANDED_OVER) == 0 ||
	    (a->nameless && row->handed_id[0] != '\0'))
		return 0;
	if (a->count == a->max)
		return 1;
	a->rows[a->count++] = *row;
	return 0;
}

static int
again_one(struct takeover *takeover, const struct smx_row *row, int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	struct smx_row_change change = { .attempts = row->attempts,
		.next_try_ms = wall_ms,
		.handed_id = "",
		.reason = "the queue that had it was replaced" };
	char *text = NULL;
	char *states = NULL;
	size_t len;
	int r = s->ops->envelope(s->ctx, &row->key, &text, &len, &states);

	for (char *p = states; p != NULL && *p != '\0'; p++)
		if (*p == SMX_RCPT_HANDED)
			*p = SMX_RCPT_OPEN;
	change.rcpt_states = states;
	if (r == SMX_OK)
		r = takeover_mark(takeover, &row->key, SMX_ROW_HANDED,
		    HOLDER_AGAIN, &change, wall_ms);
	if (r == SMX_OK)
		takeover_log(SMX_LOG_WARNING, row, "claimed", "queue_replaced");
	free(text);
	free(states);
	return r == SMX_ENOTFOUND || r == SMX_ESTATE ? SMX_OK : r;
}

int
handed_again(struct takeover *takeover, const struct smx_key *key,
    int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	struct smx_row row;
	int r = s->ops->get(s->ctx, key, &row);

	if (r == SMX_ENOTFOUND || (r == SMX_OK && row.state != SMX_ROW_HANDED))
		return SMX_OK;
	return r == SMX_OK ? again_one(takeover, &row, wall_ms) : r;
}

static int
again_all(struct takeover *takeover, int nameless, int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	struct smx_store_filter filter = { .states = 1u << SMX_ROW_HANDED };
	struct again a = { .max = takeover->options.page,
		.nameless = nameless };
	int r = SMX_OK;

	a.rows = malloc(a.max * sizeof(*a.rows));
	if (a.rows == NULL)
		return SMX_ENOMEM;
	do {
		a.count = 0;
		r = s->ops->scan(s->ctx, &filter, again_row, &a);
		if (r > 0)
			r = SMX_OK;
		for (size_t i = 0; r == SMX_OK && i < a.count; i++)
			r = again_one(takeover, &a.rows[i], wall_ms);
	} while (r == SMX_OK && a.count == a.max);
	free(a.rows);
	takeover->loaded = 0;
	return r;
}

/* ---- rows in doubt ---- */

void
handed_suspect_loaded(struct takeover *takeover)
{
	struct smx_store *s = takeover->options.store;
	char word[16] = "";
	int r = s->ops->meta_get(s->ctx, SUSPECT_NAME, word, sizeof(word));

	if (r == SMX_ENOTFOUND || (r == SMX_OK && word[0] == '\0'))
		return;
	takeover->suspects = 1;
	for (struct handed *h = takeover->first; h != NULL; h = h->next)
		h->suspect = 1;
}

void
handed_settle(struct takeover *takeover)
{
	struct smx_store *s = takeover->options.store;

	if (!takeover->suspects || !takeover->loaded || takeover->unfollowed)
		return;
	for (struct handed *h = takeover->first; h != NULL; h = h->next)
		if (h->suspect)
			return;
	if (s->ops->meta_set(s->ctx, SUSPECT_NAME, "") == SMX_OK)
		takeover->suspects = 0;
}

/* Each is looked for: what is there was brought back too. */
static int
suspect_all(struct takeover *takeover, int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	int r = s->ops->meta_set(s->ctx, SUSPECT_NAME, "1");

	if (r == SMX_OK)
		r = again_all(takeover, 1, wall_ms);
	/* Answers that are on their way are about the former queue. */
	takeover->loaded = 0;
	return r;
}

/* The log line has been begun. */
static void
log_queue(struct log_line *l, const char *was, const struct smx_epoch *now)
{
	char text[SMX_EPOCH_TEXT];

	smx_epoch_format(now, text);
	log_str(l, "was", was);
	log_str(l, "epoch", text);
	log_end(l);
}

/* To which state it went back: what came shortly before is in doubt. */
static int
remember_torn(struct takeover *takeover, const struct smx_queue_state *state)
{
	struct smx_store *s = takeover->options.store;
	struct smx_epoch torn = state->epoch;
	char text[SMX_EPOCH_TEXT];

	if (state->spans == 0)
		return SMX_OK;
	torn.counter = state->span[state->spans - 1].last;
	smx_epoch_format(&torn, text);
	return s->ops->meta_set(s->ctx, TORN_NAME, text);
}

int
takeover_queue_torn(struct takeover *takeover, struct smx_epoch *torn)
{
	struct smx_store *s = takeover->options.store;
	char text[SMX_EPOCH_TEXT];
	int r = s->ops->meta_get(s->ctx, TORN_NAME, text, sizeof(text));

	return r == SMX_OK ? smx_epoch_parse(text, strlen(text), torn) : r;
}

/* The store was brought back to before the queue's last run, or this queue was
 * watched without it. */
static int
is_behind(const struct smx_queue_state *state, uint64_t counter)
{
	return state->first != 0 && state->spans != 0 &&
	       counter < state->span[state->spans - 1].first;
}

/* Something else than this queue a little later? */
static int
compare(struct takeover *takeover, const struct smx_queue_state *state,
    const char *was, int64_t wall_ms)
{
	struct smx_epoch epoch;
	struct log_line l;
	int r;

	if (smx_epoch_parse(was, strlen(was), &epoch) != SMX_OK)
		return SMX_OK;
	switch (lineage_of(state, &epoch)) {
	case LINEAGE_OTHER:
		log_begin(&l, SMX_LOG_ERR, NULL, "queue_not_the_stores");
		log_queue(&l, was, &state->epoch);
		return again_all(takeover, 0, wall_ms);
	case LINEAGE_BACK:
		log_begin(&l, SMX_LOG_ERR, NULL, "queue_went_back");
		log_queue(&l, was, &state->epoch);
		r = remember_torn(takeover, state);
		return r == SMX_OK ? suspect_all(takeover, wall_ms) : r;
	case LINEAGE_SAME:
		if (!is_behind(state, epoch.counter))
			break;
		log_begin(&l, SMX_LOG_WARNING, NULL, "store_went_back");
		log_queue(&l, was, &state->epoch);
		break;
	case LINEAGE_UNKNOWN:
		return suspect_all(takeover, wall_ms);
	}
	return state->unclean >= epoch.counter ? suspect_all(takeover, wall_ms)
					       : SMX_OK;
}

int
takeover_queue_state(struct takeover *takeover,
    const struct smx_queue_state *state, int64_t wall_ms)
{
	static const uint8_t none[16];
	struct smx_store *s = takeover->options.store;
	char was[SMX_EPOCH_TEXT] = "";
	char now[SMX_EPOCH_TEXT];
	int r;

	if (memcmp(state->epoch.id, none, 16) == 0)
		return SMX_OK;
	smx_epoch_format(&state->epoch, now);
	r = s->ops->meta_get(s->ctx, EPOCH_NAME, was, sizeof(was));
	if (r != SMX_OK && r != SMX_ENOTFOUND)
		return r;
	if (r == SMX_OK && strcmp(was, now) == 0)
		return SMX_OK;
	r = compare(takeover, state, was, wall_ms);
	return r == SMX_OK ? s->ops->meta_set(s->ctx, EPOCH_NAME, now) : r;
}
