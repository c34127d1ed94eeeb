/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/splitter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/key.h"
#include "base/log.h"
#include "glue/node_impl.h"
#include "glue/splitter_in.h"
#include "io/backup_mail.h"

#define TURN_MS  200
#define ERASE_MS 30000
#define TRIES    5
#define ROWS     8

/* ---- what became of them: under the lock, acted upon by the thread ---- */

static void
on_end(void *ctx, const struct split *split, enum splits_end how)
{
	struct splitter *s = ctx;

	/* Left in the database: the next start looks at it. */
	if (s->ends == SPLITTER_ENDS)
		return;
	s->end[s->ends++] = (struct splitter_end){ *split, how, 0 };
}

int
splitter_new(struct splitter **out, struct backup *backup)
{
	struct splitter *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return SMX_ENOMEM;
	s->backup = backup;
	pthread_mutex_init(&s->lock, NULL);
	rc = splits_init(&s->splits, on_end, s);
	if (rc == SMX_OK)
		rc = splitter_left_load(s);
	if (rc != SMX_OK) {
		splitter_free(&s);
		return rc;
	}
	*out = s;
	return SMX_OK;
}

void
splitter_free(struct splitter **splitter)
{
	struct splitter *s = *splitter;

	if (s == NULL)
		return;
	splits_free(&s->splits);
	splitter_left_free(s);
	pthread_mutex_destroy(&s->lock);
	free(s);
	*splitter = NULL;
}

static void
describe_part(struct log_line *l, const struct backup_split *split,
    const char *why)
{
	log_str(l, "domain", split->domain);
	log_str(l, "part", split->part);
	log_str(l, "reason", why);
	log_end(l);
}

void
splitter_kept(const struct backup_split *split, const char *why)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_WARNING, split->original, "backup-split-kept");
	describe_part(&l, split, why);
}

static void
dropped(const struct backup_split *split)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, split->original, "backup-split-dropped");
	describe_part(&l, split, "never_committed");
}

/* ---- a part, from the session's thread ---- */

int
splitter_begin(struct splitter *splitter, struct backup_split *split)
{
	unsigned char bits[12];
	char hex[2 * sizeof(bits) + 1];

	if (key_random(bits, sizeof(bits)) != SMX_OK)
		return SMX_EIO;
	hex_format(bits, sizeof(bits), hex);
	snprintf(split->trail, sizeof(split->trail), "%.32s.%s",
	    split->original, hex);
	return backup_split_add(backup_db(splitter->backup), split);
}

int
splitter_named(struct splitter *splitter, const struct backup_split *split)
{
	return backup_split_name(backup_db(splitter->backup), split->id,
	    split->part);
}

int
splitter_expect(struct splitter *splitter, const struct backup_split *split)
{
	int rc;

	pthread_mutex_lock(&splitter->lock);
	rc = splits_add(&splitter->splits, split->id, split->original,
	    split->part, node_now_ms());
	pthread_mutex_unlock(&splitter->lock);
	return rc;
}

/* What cannot be struck out is looked at once more by the next start. */
void
splitter_drop(struct splitter *splitter, const struct backup_split *split)
{
	(void)!backup_split_drop(backup_db(splitter->backup), &split->id, 1);
}

int
splitter_erase(struct splitter *splitter, const char *part,
    int64_t until_mono_ms)
{
	struct smx_queue *queue = backup_node(splitter->backup)->ports.queue;
	int rc;

	if (queue == NULL || queue->ops->change == NULL)
		return SMX_ESTATE;
	crash_point("split-erase");
	rc = queue->ops->change(queue->ctx, SMX_QUEUE_ERASE, &part, 1,
	    until_mono_ms);
	crash_point("split-erased");
	return rc;
}

/* ---- the queue's thread ---- */

void
splitter_event(struct splitter *splitter, const struct smx_queue_event *event,
    int64_t now_mono_ms)
{
	pthread_mutex_lock(&splitter->lock);
	splits_event(&splitter->splits, event, now_mono_ms);
	if (event->kind == SMX_QUEUE_FOUND)
		splitter_left_event(splitter, event);
	pthread_mutex_unlock(&splitter->lock);
}

size_t
splitter_verify_next(struct splitter *splitter, int64_t now_mono_ms,
    const char **ids, size_t max, uint64_t *token)
{
	size_t n;

	pthread_mutex_lock(&splitter->lock);
	n = splits_verify_next(&splitter->splits, now_mono_ms, ids, max, token);
	pthread_mutex_unlock(&splitter->lock);
	return n;
}

/* ---- the thread ---- */

/* Short ids come back: the open one. */
static int
row_of(struct splitter *s, const char *part, struct backup_mail_row *out)
{
	struct backup_mail_row rows[ROWS];
	struct backup_mail_page page = { .queue_id = part,
		.rows = rows,
		.max = ROWS };

	if (backup_mail_look(backup_db(s->backup), &page) != SMX_OK)
		return 0;
	for (size_t i = 0; i < page.count; i++)
		if (rows[i].custody != CUSTODY_ENDED) {
			*out = rows[i];
			return 1;
		}
	return 0;
}

enum custody
splitter_custody(struct splitter *splitter, const char *part)
{
	struct backup_mail_row row;

	return row_of(splitter, part, &row) ? row.custody : CUSTODY_ENDED;
}

static void
describe(struct splitter *s, const struct split *split,
    struct backup_split *out)
{
	struct backup_mail_row row;

	memset(out, 0, sizeof(*out));
	out->id = split->id;
	(void)text_copy(out->original, sizeof(out->original), split->original);
	(void)text_copy(out->part, sizeof(out->part), split->part);
	if (row_of(s, split->part, &row))
		(void)text_copy(out->domain, sizeof(out->domain), row.domain);
}

/* What has left the hold may be on its way: that is not taken back.  Zero: to
 * be tried again. */
static int
take_back(struct splitter *s, const struct splitter_end *end)
{
	enum custody custody = splitter_custody(s, end->split.part);
	struct backup_split split;
	int rc = SMX_EREFUSED;

	describe(s, &end->split, &split);
	if (custody == CUSTODY_TAKEN || custody == CUSTODY_HELD)
		rc = splitter_erase(s, end->split.part,
		    clock_mono_ms() + ERASE_MS);
	if (rc == SMX_OK)
		dropped(&split);
	else if (rc == SMX_EREFUSED || end->tries + 1 >= TRIES)
		splitter_kept(&split,
		    rc == SMX_EREFUSED ? "released" : "not_removed");
	else
		return 0;
	return 1;
}

static int
settle(struct splitter *s, const struct splitter_end *end)
{
	struct backup_split split;

	switch (end->how) {
	case SPLIT_FALLS:
		return take_back(s, end);
	case SPLIT_DOUBTFUL:
		describe(s, &end->split, &split);
		splitter_kept(&split, "unknown");
		return 1;
	case SPLIT_STANDS:
	default:
		return 1;
	}
}

static size_t
take_ends(struct splitter *s, struct splitter_end *out)
{
	size_t count;

	pthread_mutex_lock(&s->lock);
	count = s->ends;
	memcpy(out, s->end, count * sizeof(*out));
	s->ends = 0;
	pthread_mutex_unlock(&s->lock);
	return count;
}

static void
put_back(struct splitter *s, const struct splitter_end *end)
{
	pthread_mutex_lock(&s->lock);
	if (s->ends < SPLITTER_ENDS) {
		s->end[s->ends] = *end;
		s->end[s->ends++].tries++;
	}
	pthread_mutex_unlock(&s->lock);
}

static void
settle_all(struct splitter *s, struct splitter_end *ends)
{
	int64_t gone[SPLITTER_ENDS];
	size_t count = take_ends(s, ends), n = 0;

	for (size_t i = 0; i < count; i++) {
		if (settle(s, &ends[i]))
			gone[n++] = ends[i].split.id;
		else
			put_back(s, &ends[i]);
	}
	(void)!backup_split_drop(backup_db(s->backup), gone, n);
}

/* At a stop: what is not settled yet is told of by the next start. */
static void
settle_last(struct splitter *s, struct splitter_end *ends)
{
	int64_t gone[SPLITTER_ENDS];
	size_t count = take_ends(s, ends), n = 0;

	for (size_t i = 0; i < count; i++)
		if (ends[i].how == SPLIT_STANDS)
			gone[n++] = ends[i].split.id;
	(void)!backup_split_drop(backup_db(s->backup), gone, n);
}

static void *
run(void *ctx)
{
	struct splitter *s = ctx;
	struct splitter_end *ends = calloc(SPLITTER_ENDS, sizeof(*ends));

	if (ends == NULL)
		log_event(SMX_LOG_ERR, "no-memory", "where=splitter");
	while (ends != NULL && !backup_rest(s->backup, TURN_MS)) {
		settle_all(s, ends);
		splitter_left_run(s);
	}
	if (ends != NULL)
		settle_last(s, ends);
	free(ends);
	return NULL;
}

int
splitter_start(struct splitter *splitter)
{
	int rc = node_thread(&splitter->thread, run, splitter);

	splitter->running = rc == SMX_OK;
	return rc;
}

void
splitter_join(struct splitter *splitter)
{
	if (!splitter->running)
		return;
	pthread_join(splitter->thread, NULL);
	splitter->running = 0;
}
