/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "core/amend.h"
#include "core/backoff.h"
#include "core/inside.h"

/*
 * What the MTA has committed of an own message and has still to deliver: read
 * from its queue file once the message has been open for a while, and again
 * when it was moved.  What differs from what the holders know goes to them.
 */
#define PAUSE_MS     2000 /* between two reads of a message, doubles */
#define PAUSE_MAX_MS ((int64_t)5 * 60 * 1000)
#define AT_ONCE      INT64_MIN /* before all that has a time */
#define UNREAD_MS    30000     /* a read without an answer is repeated */

static int
is_readable(const struct own *own)
{
	/* In a queue that went back the file may be another message's. */
	return own->state != OWN_HOLDING && own->state != OWN_LOST &&
	       own->state != OWN_CORRUPT && own->epoch != OWN_EPOCH_BACK &&
	       own_id(own)[0] != '\0' && (own->has | own->may) != 0;
}

void
reading_plan(struct engine *engine, struct own *own)
{
	if (!is_readable(own))
		return;
	own->read_want = 1;
	if (own->read_at == 0)
		reads_put(&engine->reads, own,
		    own->began_ms + engine->options.amend_ms);
}

void
reading_want(struct engine *engine, struct own *own, int64_t now_ms)
{
	if (!is_readable(own))
		return;
	own->read_want = 1;
	/* Else it is planned, out, or in its pause. */
	if (own->read_at == 0)
		reads_put(&engine->reads, own, now_ms);
}

void
reading_now(struct engine *engine, struct own *own, int64_t now_ms)
{
	(void)now_ms;
	if (!is_readable(own))
		return;
	own->read_want = 1;
	own->read_out = 0;
	own->pauses = 0;
	reads_put(&engine->reads, own, AT_ONCE);
}

static void
rest(struct engine *engine, struct own *own, int64_t now_ms)
{
	int64_t pause = backoff_ms(PAUSE_MS, PAUSE_MAX_MS, own->pauses);

	if (own->pauses < 32)
		own->pauses++;
	reads_remove(&engine->reads, own);
	own->read_again = 1;
	reads_put(&engine->reads, own, now_ms + pause);
}

/* ---- when to read ---- */

/* Non-zero when it is to be read now. */
static int
is_due(struct engine *engine, struct own *own, int64_t now_ms)
{
	if (own->read_out) { /* its answer never came */
		own->read_out = 0;
		own->read_want = 1;
	}
	if (!own->read_want || !is_readable(own)) {
		own->read_want = 0;
		own->pauses = 0;
		reads_remove(&engine->reads, own);
		return 0;
	}
	if (own->committed)
		return 1;
	evidence_soon(engine, own, now_ms);
	rest(engine, own, now_ms);
	return 0;
}

size_t
engine_read_next(struct engine *engine, int64_t now_ms, const char **ids,
    size_t max, uint64_t *token)
{
	struct own *own;
	size_t n = 0;

	engine_clock(engine, now_ms);
	if (max > SMX_QUEUE_READ_MAX)
		max = SMX_QUEUE_READ_MAX;
	while (n < max && (own = reads_next(&engine->reads, now_ms)) != NULL) {
		if (!is_due(engine, own, now_ms))
			continue;
		if (!own->fenced)
			reads_taken(&engine->reads);
		own->read_want = 0;
		own->read_out = 1;
		reads_put(&engine->reads, own, now_ms + UNREAD_MS);
		memcpy(engine->read[n], own_id(own), strlen(own_id(own)) + 1);
		ids[n] = engine->read[n];
		n++;
	}
	if (n != 0)
		*token = ++engine->token;
	return n;
}

/* ---- what was read ---- */

static size_t
recipients_of(const char *text, size_t len)
{
	size_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines == 0 ? 0 : lines - 1; /* the first is MAIL */
}

static void
log_differs(const struct own *own, const struct amend_news *news)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_INFO, own_id(own), "amend");
	log_key(&l, "key", &own->key);
	if (news->text != NULL)
		log_num(&l, "recipients", (int64_t)news->recipients);
	log_num(&l, "held", news->held);
	if (news->held && own->mark_s != 0)
		log_num(&l, "until", own->mark_s);
	log_end(&l);
}

/* Whose doing the hold is: only what is on hold says that.  Non-zero: it is
 * news. */
static int
take_mark(struct own *own, const struct smx_queue_event *event, int held)
{
	int64_t mark = held ? amend_mark(event->text, strlen(event->text)) : -1;
	uint32_t mark_s = (uint32_t)(mark / 1000);

	if (mark < 0 || mark_s == own->mark_s)
		return 0;
	own->mark_s = mark_s;
	return 1;
}

static void
compare(struct engine *engine, struct own *own,
    const struct smx_queue_event *event, int64_t now_ms)
{
	size_t len = strlen(event->text);
	uint64_t sum = amend_sum(event->text, len);
	/* What fencing put on hold is not held by anybody's wish. */
	int fenced = own->fenced && fence_read(engine, own, event, now_ms);
	int held = event->held != 0 && !fenced;
	struct amend_news news = { .held = held };
	int marked;

	news.recipients = recipients_of(event->text, len);
	if (sum == 0 || news.recipients == 0)
		return; /* ended, as the usual evidence will show */
	marked = take_mark(own, event, held);
	if (sum == own->sum && held == (int)own->held && !own->stale && !marked)
		return;
	if (sum != own->sum || marked) {
		news.text = event->text;
		news.len = len;
		own->amended = 1;
	}
	own->sum = sum;
	own->held = (unsigned)held;
	own->stale = 0;
	log_differs(own, &news);
	amends_add(engine, own, own->has | own->may, &news, now_ms);
}

/* Under a shared id nobody can tell whose file was read. */
static int
is_alone(const struct own_table *table, const struct own *own)
{
	for (struct own *o = own_first_id(table, own_id(own)); o != NULL;
	     o = own_next_id(o))
		if (o != own)
			return 0;
	return 1;
}

static int
counts(const struct engine *engine, const struct own *own,
    const struct smx_queue_event *event)
{
	return event->text != NULL && own->committed &&
	       own->looked_after < event->token &&
	       own->hinted_after < event->token && is_readable(own) &&
	       is_alone(&engine->own, own);
}

void
reading_answer(struct engine *engine, const struct smx_queue_event *event,
    int64_t now_ms)
{
	struct own *own = own_first_id(&engine->own, event->id);

	if (event->token == 0 || event->token > engine->token)
		return;
	for (; own != NULL; own = own_next_id(own)) {
		if (!own->read_out)
			continue;
		own->read_out = 0;
		resends_read(engine, own, event, counts(engine, own, event));
		if (counts(engine, own, event)) {
			compare(engine, own, event, now_ms);
			/* One from before may be answered yet. */
			own->hinted_after = event->token;
		} else
			own->read_want = 1;
		rest(engine, own, now_ms);
	}
}
