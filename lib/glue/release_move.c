/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "core/hand.h"
#include "glue/backup_hand.h"
#include "glue/node_impl.h"
#include "glue/release_run.h"
#include "io/backup_mail.h"

/*
 * Out of the hold: the change comes first and is written down then.  In
 * between, the books say that a message is on hold which is not: their next
 * look at the queue mends that, and to let it go once more does no harm.  On
 * hold again: it is written down first, as what is found on hold and is not
 * known to be by our doing is a person's, and would stay.
 */
#define CHANGE_MS 30000

/* ---- rows ---- */

int
release_rows(struct releaser *r, const char *domain, release_row_fn each,
    void *ctx)
{
	struct backup_mail_page page = { .domain = domain,
		.held = 1,
		.rows = r->rows,
		.max = RELEASE_PAGE };
	int rc;

	do {
		page.count = 0;
		rc = backup_mail_look(backup_db(r->backup), &page);
		for (size_t i = 0; rc == SMX_OK && i < page.count; i++)
			if (each(ctx, &page.rows[i]) != 0)
				return SMX_OK;
		if (rc == SMX_OK && page.count != 0) {
			page.after_taken_ms =
			    page.rows[page.count - 1].taken_ms;
			page.after_id = page.rows[page.count - 1].id;
		}
	} while (rc == SMX_OK && page.count == page.max);
	return rc;
}

/* ---- what was let go in this life ---- */

static uint64_t
sum_of(const char *domain)
{
	uint64_t sum = UINT64_C(14695981039346656037);

	for (; *domain != '\0'; domain++)
		sum = (sum ^ (unsigned char)*domain) * UINT64_C(1099511628211);
	return sum;
}

static struct let_go *
place_of(struct releaser *r, int64_t id)
{
	return &r->let_go[(uint64_t)id % RELEASE_LET_GO];
}

/* ---- batches ---- */

static void
log_done(const struct release_batch *b)
{
	struct log_line l;

	for (size_t i = 0; i < b->count; i++) {
		const char *id = b->queue_id[i];

		if (b->what == SMX_QUEUE_HOLD)
			log_begin(&l, SMX_LOG_INFO, id, "backup-put-back");
		else if (b->what == SMX_QUEUE_EXPIRE)
			log_begin(&l, SMX_LOG_NOTICE, id, "backup-given-up");
		else
			log_begin(&l, SMX_LOG_INFO, id, "backup-released");
		log_str(&l, "domain", b->domain[i]);
		if (b->what == SMX_QUEUE_REQUEUE)
			log_str(&l, "as", "new");
		log_end(&l);
	}
}

static void
log_failed(const struct release_batch *b, const char *what, int rc)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_ERR, NULL, "backup-release-failed");
	log_str(&l, "what", what);
	log_num(&l, "messages", (int64_t)b->count);
	log_err(&l, "result", rc);
	log_end(&l);
}

static int
change(struct releaser *r, const struct release_batch *b)
{
	const struct smx_queue *queue = backup_node(r->backup)->ports.queue;
	const char *ids[RELEASE_BATCH];
	int rc;

	for (size_t i = 0; i < b->count; i++)
		ids[i] = b->queue_id[i];
	crash_point("release-change");
	rc = queue->ops->change(queue->ctx, b->what, ids, b->count,
	    clock_mono_ms() + CHANGE_MS);
	crash_point("release-changed");
	if (rc != SMX_OK) {
		log_failed(b, "change", rc);
		release_failed(r->release);
	}
	return rc;
}

static int
write_down(struct releaser *r, const struct release_batch *b,
    enum custody custody)
{
	int rc =
	    books_moved(backup_books(r->backup), b->ids, b->count, custody);

	if (rc != SMX_OK) {
		log_failed(b, "books", rc);
		release_failed(r->release);
	}
	return rc;
}

static void
run_out(struct releaser *r, const struct release_batch *b)
{
	if (change(r, b) != SMX_OK)
		return;
	for (size_t i = 0; i < b->count && b->what != SMX_QUEUE_EXPIRE; i++)
		*place_of(r, b->ids[i]) =
		    (struct let_go){ b->ids[i], sum_of(b->domain[i]) };
	if (write_down(r, b, CUSTODY_QUEUED) == SMX_OK)
		log_done(b);
}

static void
run_back(struct releaser *r, const struct release_batch *b)
{
	int rc = write_down(r, b, CUSTODY_HELD);

	if (rc != SMX_OK)
		return;
	rc = change(r, b);
	if (rc == SMX_ETIMEOUT) {
		(void)!write_down(r, b, CUSTODY_QUEUED);
		return;
	}
	/* Somebody may have looked in between, and found it free. */
	if (rc == SMX_OK && write_down(r, b, CUSTODY_HELD) == SMX_OK)
		log_done(b);
	for (size_t i = 0; i < b->count; i++)
		place_of(r, b->ids[i])->id = 0;
}

static void
run_batch(struct releaser *r, struct release_batch *b)
{
	if (b->count == 0)
		return;
	if (b->what == SMX_QUEUE_HOLD) {
		run_back(r, b);
	} else {
		run_out(r, b);
		for (size_t i = 0; i < b->count; i++)
			hander_unclaim(backup_hander(r->backup), b->ids[i]);
	}
	b->count = 0;
}

void
release_carry_out(struct releaser *r)
{
	run_batch(r, &r->back);
	run_batch(r, &r->expire);
	run_batch(r, &r->anew);
	run_batch(r, &r->out);
}

static void
batch_add(struct releaser *r, struct release_batch *b, int64_t id,
    const char *queue_id, const char *domain)
{
	if (b->count == RELEASE_BATCH)
		run_batch(r, b);
	b->ids[b->count] = id;
	(void)text_copy(b->queue_id[b->count], sizeof(b->queue_id[0]),
	    queue_id);
	(void)text_copy(b->domain[b->count], sizeof(b->domain[0]), domain);
	b->count++;
}

int
release_expire(struct releaser *r, const struct backup_mail_row *row)
{
	int rc = hander_claim_whole(backup_hander(r->backup), row->id,
	    row->queue_id);

	/* Else the next look sees what it has become. */
	if (rc == SMX_OK)
		batch_add(r, &r->expire, row->id, row->queue_id, row->domain);
	return rc;
}

int
release_hand(struct releaser *r, const struct backup_mail_row *row,
    const char *to)
{
	struct hander_job job = { .mail = row->id };
	int rc;

	if (!hand_is_due(row->hand_next_ms, clock_wall_ms(), to[0] == '\0'))
		return SMX_EBUSY;
	(void)text_copy(job.queue_id, sizeof(job.queue_id), row->queue_id);
	(void)text_copy(job.domain, sizeof(job.domain), row->domain);
	(void)text_copy(job.to, sizeof(job.to), to);
	rc = hander_give(backup_hander(r->backup), &job);
	if (rc == SMX_EFULL)
		release_ends_soon(r->release, row->domain);
	return rc;
}

/* ---- out ---- */

struct going {
	struct releaser *releaser;
	size_t count, wanted;
};

static int
go_one(void *ctx, const struct backup_mail_row *row)
{
	struct going *g = ctx;
	struct releaser *r = g->releaser;
	int anew = release_way(r->release, row->taken_ms) == RELEASE_ANEW;

	/* What a person has put on hold is that person's to release. */
	if (row->custody != CUSTODY_HELD)
		return 0;
	/* Let go as it is, some would get it twice. */
	if (row->handed != 0) {
		(void)release_hand(r, row, "");
		return 0;
	}
	if (hander_claim_whole(backup_hander(r->backup), row->id,
		row->queue_id) != SMX_OK)
		return 0;
	batch_add(r, anew ? &r->anew : &r->out, row->id, row->queue_id,
	    row->domain);
	return ++g->count == g->wanted;
}

void
release_go(struct releaser *r, const struct release_turn *turn)
{
	struct going going = { r, 0, turn->count };
	int rc = release_rows(r, turn->domain, go_one, &going);

	if (rc != SMX_OK)
		release_failed(r->release);
	release_gave(r->release, going.count);
}

/* ---- back ---- */

static void
put_back(struct releaser *r, const char *domain,
    struct backup_moves_mail *mails, size_t count)
{
	if (backup_moves_find(backup_db(r->backup), mails, count) != SMX_OK)
		return;
	for (size_t i = 0; i < count; i++) {
		if (mails[i].custody == CUSTODY_QUEUED)
			batch_add(r, &r->back, mails[i].id, mails[i].queue_id,
			    domain);
		else
			place_of(r, mails[i].id)->id = 0;
	}
}

void
release_put_back(struct releaser *r, const char *domain)
{
	struct backup_moves_mail mails[RELEASE_BATCH];
	uint64_t sum = sum_of(domain);
	size_t n = 0;

	for (size_t i = 0; i < RELEASE_LET_GO; i++) {
		if (r->let_go[i].id == 0 || r->let_go[i].domain != sum)
			continue;
		mails[n++].id = r->let_go[i].id;
		if (n == RELEASE_BATCH) {
			put_back(r, domain, mails, n);
			n = 0;
		}
	}
	if (n != 0)
		put_back(r, domain, mails, n);
}

/* Of a message that nobody has let go or put on hold meanwhile. */
void
release_put(struct releaser *r, const char *queue_id)
{
	struct backup_mail_page page = { .queue_id = queue_id,
		.rows = r->rows,
		.max = RELEASE_PAGE };

	if (backup_mail_look(backup_db(r->backup), &page) != SMX_OK)
		return;
	for (size_t i = 0; i < page.count; i++) {
		const struct backup_mail_row *row = &r->rows[i];

		if (row->until_ms != 0 && row->custody != CUSTODY_ENDED &&
		    row->custody != CUSTODY_HELD_BY)
			batch_add(r, &r->back, row->id, row->queue_id,
			    row->domain);
	}
}
