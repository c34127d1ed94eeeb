/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/backoff.h"
#include "core/pfid.h"
#include "core/takeover_in.h"

/*
 * From the own MTA's 250 to the end in its queue.  The row is the only second
 * copy until then, so it goes only after a look that found the message gone.
 */
#define FIRST_MS 1000
#define MAX_MS   ((int64_t)5 * 60 * 1000)
#define HINT_MS  50

static struct handed *
from_id(struct idnode *node)
{
	return (void *)((char *)node - offsetof(struct handed, by_id));
}

static uint64_t
id_hash(const struct takeover *takeover, const char *id)
{
	return idmap_hash(&takeover->ids, id, strlen(id));
}

static void
unfollow(struct takeover *takeover, struct handed *h)
{
	idmap_remove(&takeover->ids, &h->by_id);
	if (h->prev != NULL)
		h->prev->next = h->next;
	else
		takeover->first = h->next;
	if (h->next != NULL)
		h->next->prev = h->prev;
	free(h);
}

void
handed_free(struct takeover *takeover)
{
	while (takeover->first != NULL)
		unfollow(takeover, takeover->first);
	idmap_free(&takeover->ids);
}

void
handed_follow(struct takeover *takeover, const struct smx_key *key,
    const char *id)
{
	int was = takeover->unfollowed;
	struct handed *h;

	if (id[0] == '\0' || strcmp(id, HANDED_OVER) == 0)
		return;
	/* Not followed now: the row stays, and another load finds it. */
	takeover->unfollowed = 1;
	if (takeover->ids.count >= HANDED_MAX ||
	    idmap_reserve(&takeover->ids) != SMX_OK)
		return;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return;
	takeover->unfollowed = was;
	h->key = *key;
	memcpy(h->id, id, strlen(id) + 1);
	h->due_ms = takeover->now_ms + FIRST_MS;
	h->looked_after = takeover->token;
	idmap_add(&takeover->ids, &h->by_id, id_hash(takeover, id));
	h->next = takeover->first;
	if (h->next != NULL)
		h->next->prev = h;
	takeover->first = h;
}

static int
load_row(void *ctx, const struct smx_row *row)
{
	handed_follow(ctx, &row->key, row->handed_id);
	return 0;
}

static void
load(struct takeover *takeover)
{
	struct smx_store *s = takeover->options.store;
	struct smx_store_filter filter = { .states = 1u << SMX_ROW_HANDED };

	while (takeover->first != NULL)
		unfollow(takeover, takeover->first);
	takeover->unfollowed = 0;
	takeover->loaded =
	    s->ops->scan(s->ctx, &filter, load_row, takeover) >= 0;
	handed_suspect_loaded(takeover);
}

size_t
takeover_verify_next(struct takeover *takeover, int64_t now_ms,
    const char **ids, size_t max, uint64_t *token)
{
	size_t n = 0;

	takeover->now_ms = now_ms;
	if (!takeover->loaded ||
	    (takeover->unfollowed && takeover->ids.count < HANDED_MAX / 2))
		load(takeover);
	if (max > HANDED_IDS_MAX)
		max = HANDED_IDS_MAX;
	for (struct handed *h = takeover->first; h != NULL && n < max;
	     h = h->next) {
		if (h->due_ms > now_ms)
			continue;
		h->due_ms = now_ms + backoff_ms(FIRST_MS, MAX_MS, h->tries);
		if (h->tries < 32)
			h->tries++;
		memcpy(takeover->verify[n], h->id, sizeof(h->id));
		ids[n] = takeover->verify[n];
		n++;
	}
	if (n != 0)
		*token = ++takeover->token;
	handed_settle(takeover);
	return n;
}

/* ---- notices to senders ---- */

/*
 * The own MTA gave up on it and tells the sender: what the sender is told may
 * have no more than the headers, and may not reach anybody.  So the content is
 * kept for a person.  It is written down, or a restart would forget it.
 */
static void
returned(struct takeover *takeover, const struct smx_key *key,
    const char *notice, int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	char why[sizeof(RETURNED) + SMX_QUEUE_ID_MAX];
	struct smx_row_change change = { .reason = why };
	struct smx_row row;
	int r = s->ops->get(s->ctx, key, &row);

	if (r != SMX_OK)
		return;
	snprintf(why, sizeof(why), RETURNED "%.*s", SMX_QUEUE_ID_MAX, notice);
	change.attempts = row.attempts;
	r = takeover_mark(takeover, key, SMX_ROW_HANDED, HOLDER_HAND, &change,
	    wall_ms);
	if (r == SMX_OK)
		takeover_log(SMX_LOG_ERR, &row, "bounced", why);
}

static void
early_add(struct takeover *takeover, const struct smx_queue_event *event)
{
	struct early *e = &takeover->early[takeover->early_next];

	takeover->early_next = (takeover->early_next + 1) % EARLY_MAX;
	snprintf(e->id, sizeof(e->id), "%.*s", SMX_QUEUE_ID_MAX, event->id);
	snprintf(e->notice, sizeof(e->notice), "%.*s", SMX_QUEUE_ID_MAX,
	    event->other);
}

void
handed_early(struct takeover *takeover, const struct smx_key *key,
    const char *id, int64_t wall_ms)
{
	for (size_t i = 0; id[0] != '\0' && i < EARLY_MAX; i++)
		if (strcmp(takeover->early[i].id, id) == 0)
			returned(takeover, key, takeover->early[i].notice,
			    wall_ms);
}

/* ---- the end ---- */

static int
has_refused(struct takeover *takeover, const struct smx_key *key, int *refused)
{
	struct smx_store *s = takeover->options.store;
	char *text = NULL;
	char *states = NULL;
	size_t len;
	int r = s->ops->envelope(s->ctx, key, &text, &len, &states);

	*refused = r == SMX_OK && states != NULL &&
		   strchr(states, SMX_RCPT_REFUSED) != NULL;
	free(text);
	free(states);
	return r;
}

static int
quarantine(struct takeover *takeover, const struct smx_row *row,
    const char *why, int64_t wall_ms)
{
	struct smx_row_change change = { .attempts = row->attempts,
		.reason = why };
	int r = takeover_mark(takeover, &row->key, SMX_ROW_HANDED,
	    HOLDER_REFUSE, &change, wall_ms);

	if (r == SMX_OK)
		takeover_log(SMX_LOG_ERR, row, "quarantined",
		    why == NULL ? row->reason : why);
	return r;
}

static void
ended(struct takeover *takeover, struct handed *h, int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	struct smx_row row;
	int refused = 0;
	int r = s->ops->get(s->ctx, &h->key, &row);

	if (r == SMX_OK && row.state == SMX_ROW_HANDED) {
		r = has_refused(takeover, &h->key, &refused);
		if (r == SMX_OK && (refused || strncmp(row.reason, RETURNED,
						   sizeof(RETURNED) - 1) == 0))
			r = quarantine(takeover, &row, NULL, wall_ms);
		else if (r == SMX_OK)
			r = over_end(takeover, &row, wall_ms);
	} else if (r == SMX_OK)
		r = SMX_ESTATE;
	if (r == SMX_OK || r == SMX_ENOTFOUND || r == SMX_ESTATE)
		unfollow(takeover, h);
}

static void
renamed(struct takeover *takeover, struct handed *h, const char *other,
    int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	struct smx_row row;
	struct smx_row_change change = { .handed_id = other };
	struct smx_key key = h->key;
	int suspect = h->suspect;
	int r = s->ops->get(s->ctx, &key, &row);

	if (other[0] == '\0' || strcmp(other, h->id) == 0)
		return;
	if (r == SMX_OK) {
		change.attempts = row.attempts;
		r = takeover_mark(takeover, &key, SMX_ROW_HANDED, HOLDER_HAND,
		    &change, wall_ms);
	}
	if (r != SMX_OK && r != SMX_ENOTFOUND && r != SMX_ESTATE)
		return;
	unfollow(takeover, h);
	if (r == SMX_OK)
		handed_follow(takeover, &key, other);
	if (r == SMX_OK && suspect && takeover->first != NULL)
		takeover->first->suspect =
		    smx_key_compare(&takeover->first->key, &key) == 0;
}

static void
set_aside(struct takeover *takeover, struct handed *h, int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	struct smx_row row;
	int r = s->ops->get(s->ctx, &h->key, &row);

	if (r == SMX_OK)
		r = quarantine(takeover, &row,
		    "this host's MTA set it aside as damaged", wall_ms);
	if (r == SMX_OK || r == SMX_ENOTFOUND || r == SMX_ESTATE)
		unfollow(takeover, h);
}

/* Not in the queue, or only under a name that may be another message's, and no
 * proof that it ended. */
static void
went_missing(struct takeover *takeover, struct handed *h, int64_t wall_ms)
{
	int r = handed_again(takeover, &h->key, wall_ms);

	if (r == SMX_OK)
		unfollow(takeover, h);
}

static void
judge(struct takeover *takeover, struct handed *h,
    const struct smx_queue_event *event, int64_t wall_ms)
{
	switch (event->presence) {
	case SMX_PRESENCE_ABSENT:
	case SMX_PRESENCE_STRAY:
		/* Ours was committed, so a stray is another one, and the id was
		 * free for it. */
		if (h->suspect)
			went_missing(takeover, h, wall_ms);
		else
			ended(takeover, h, wall_ms);
		break;
	case SMX_PRESENCE_THERE:
		if (h->suspect && !pfid_long(h->id))
			went_missing(takeover, h, wall_ms);
		else
			h->suspect = 0;
		break;
	case SMX_PRESENCE_LINKED:
		renamed(takeover, h, event->other, wall_ms);
		break;
	case SMX_PRESENCE_CORRUPT:
		set_aside(takeover, h, wall_ms);
		break;
	default:
		break; /* there, or unknown: due again by itself */
	}
}

void
takeover_queue_event(struct takeover *takeover,
    const struct smx_queue_event *event, int64_t wall_ms)
{
	struct idnode *n =
	    idmap_first(&takeover->ids, id_hash(takeover, event->id));

	if (event->kind == SMX_QUEUE_VERIFIED && event->token > takeover->token)
		return;
	if (event->kind == SMX_QUEUE_BOUNCED ||
	    event->kind == SMX_QUEUE_DELETED ||
	    event->kind >= SMX_QUEUE_REACHED)
		return; /* looks prove the end; or it is of a host */
	if (event->kind == SMX_QUEUE_RETURNED)
		early_add(takeover, event);
	while (n != NULL) {
		struct handed *h = from_id(n);

		n = idmap_next(n);
		if (strcmp(h->id, event->id) != 0)
			continue;
		if (event->kind == SMX_QUEUE_RETURNED)
			returned(takeover, &h->key, event->other, wall_ms);
		if (event->kind != SMX_QUEUE_VERIFIED) {
			h->due_ms = takeover->now_ms + HINT_MS;
			h->tries = 0;
		} else if (h->looked_after < event->token)
			judge(takeover, h, event, wall_ms);
	}
}

int
takeover_find(const struct takeover *takeover, const char *queue_id,
    struct smx_key *key)
{
	struct idnode *n =
	    idmap_first(&takeover->ids, id_hash(takeover, queue_id));

	while (n != NULL && strcmp(from_id(n)->id, queue_id) != 0)
		n = idmap_next(n);
	if (n == NULL)
		return SMX_ENOTFOUND;
	*key = from_id(n)->key;
	return SMX_OK;
}
