/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_books.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "glue/books_run.h"
#include "glue/node_impl.h"
#include "io/backup_hand.h"
#include "io/backup_mail.h"

/* ---- for the releaser ---- */

int
books_held(struct books *books, const char *domain, int64_t after_taken_ms,
    int64_t after_id, struct books_held *out, size_t max, size_t *count)
{
	struct backup_mail_page page = { .domain = domain,
		.held = 1,
		.after_taken_ms = after_taken_ms,
		.after_id = after_id,
		.max = max };
	int rc;

	*count = 0;
	page.rows = calloc(max + 1, sizeof(*page.rows));
	if (page.rows == NULL)
		return SMX_ENOMEM;
	rc = backup_mail_look(books->db, &page);
	for (size_t i = 0; rc == SMX_OK && i < page.count; i++) {
		const struct backup_mail_row *row = &page.rows[i];

		out[i].id = row->id;
		text_copy(out[i].queue_id, sizeof(out[i].queue_id),
		    row->queue_id);
		out[i].size = row->size;
		out[i].taken_ms = row->taken_ms;
		out[i].until_ms = row->until_ms;
		out[i].custody = row->custody;
	}
	*count = rc == SMX_OK ? page.count : 0;
	free(page.rows);
	return rc;
}

/* What is found out from here on is of the new state; what was before goes
 * first. */
static void
note_moved(struct books *books, const int64_t *ids, size_t count,
    enum custody custody)
{
	int64_t now_ms = node_now_ms();

	pthread_mutex_lock(&books->lock);
	for (size_t i = 0; i < count; i++)
		custody_moved(&books->table, ids[i], custody, now_ms);
	pthread_mutex_unlock(&books->lock);
}

/* What is written counts, as soon as it can be had again. */
static int
read_anew(struct books *books, int rc)
{
	if (rc == SMX_OK)
		return SMX_OK;
	pthread_mutex_lock(&books->lock);
	books->reload = 1;
	pthread_mutex_unlock(&books->lock);
	return rc;
}

static void
note_handed(struct books *books, const struct backup_hand_end *end)
{
	pthread_mutex_lock(&books->lock);
	if (end->new_id != NULL) {
		custody_became(&books->table, end->mail, end->new_id,
		    node_now_ms());
	} else {
		for (size_t i = 0; i < end->count; i++)
			custody_handed(&books->table, end->mail, end->taken[i]);
		if (end->all)
			custody_handed_all(&books->table, end->mail);
	}
	pthread_mutex_unlock(&books->lock);
}

int
books_handed(struct books *books, const struct backup_hand_end *end)
{
	int rc;

	pthread_mutex_lock(&books->writing);
	note_handed(books, end);
	rc = books_flush(books);
	if (rc == SMX_OK)
		rc = backup_hand_ended(books->db, end);
	pthread_mutex_unlock(&books->writing);
	return read_anew(books, rc);
}

int
books_moved(struct books *books, const int64_t *ids, size_t count,
    enum custody custody)
{
	int rc;

	pthread_mutex_lock(&books->writing);
	note_moved(books, ids, count, custody);
	rc = books_flush(books);
	if (rc == SMX_OK)
		rc = backup_mail_move(books->db, ids, count, custody,
		    clock_wall_ms());
	pthread_mutex_unlock(&books->writing);
	return read_anew(books, rc);
}

int
books_until(struct books *books, int64_t id, int64_t until_ms,
    int64_t warned_ms)
{
	return backup_mail_until(books->db, id, until_ms, warned_ms);
}

void
books_flow(struct books *books, const char *domain, struct books_flow *out)
{
	const struct custody_domain *d;

	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&books->lock);
	d = custody_domain(&books->table, domain);
	if (d != NULL)
		*out = (struct books_flow){ d->delivered, d->returned,
			d->deferred, d->ended, d->queued };
	pthread_mutex_unlock(&books->lock);
}

/* ---- for people ---- */

static int
sum(struct books *books, const struct backup_mail_range *range,
    struct books_sums *out)
{
	struct backup_mail_sums s;
	int rc = backup_mail_sum(books->db, range, &s);

	*out = (struct books_sums){ .messages = s.messages,
		.taken = s.taken,
		.delivered = s.delivered,
		.returned = s.returned,
		.deleted = s.deleted,
		.handed = s.handed,
		.unaccounted = s.unaccounted,
		.held = s.held,
		.queued = s.queued,
		.held_messages = s.held_messages,
		.held_bytes = s.held_bytes,
		.oldest_ms = s.oldest_ms,
		.end_ms = s.end_ms,
		.while_up = s.while_up,
		.while_down = s.while_down,
		.while_unknown = s.while_unknown };
	return rc;
}

int
books_sum(struct books *books, const char *domain, int64_t from_ms,
    int64_t to_ms, struct books_sums *out)
{
	const struct backup_mail_range range = { domain, from_ms, to_ms, 0 };

	return sum(books, &range, out);
}

int
books_open(struct books *books, const char *domain, struct books_sums *out)
{
	const struct backup_mail_range range = { domain, 0, 0, 1 };

	return sum(books, &range, out);
}

int
books_holds(struct books *books, const char *domain)
{
	struct books_sums sums;

	return books_open(books, domain, &sums) != SMX_OK ||
	       sums.held_messages != 0;
}

int64_t
books_hold_until(struct books *books, const char *queue_id)
{
	struct backup_mail_row rows[8];
	struct backup_mail_page page = { .queue_id = queue_id,
		.rows = rows,
		.max = sizeof(rows) / sizeof(*rows) };
	int64_t until_ms = 0;

	if (backup_mail_look(books->db, &page) != SMX_OK)
		return 0;
	for (size_t i = 0; i < page.count; i++)
		if ((rows[i].custody == CUSTODY_HELD ||
			rows[i].custody == CUSTODY_TAKEN) &&
		    rows[i].until_ms > until_ms)
			until_ms = rows[i].until_ms;
	return until_ms;
}

uint64_t *
books_booked(struct books *books, const char *queue_id, size_t *count)
{
	struct backup_mail_row rows[8];
	struct backup_mail_page page = { .queue_id = queue_id,
		.rows = rows,
		.max = sizeof(rows) / sizeof(*rows) };
	uint64_t *hashes = NULL;

	*count = 0;
	if (backup_mail_look(books->db, &page) != SMX_OK)
		return NULL;
	for (size_t i = 0; i < page.count && hashes == NULL; i++)
		if (rows[i].custody != CUSTODY_ENDED && rows[i].handed != 0)
			(void)!backup_hand_booked(books->db, rows[i].id,
			    &hashes, count);
	return hashes;
}
