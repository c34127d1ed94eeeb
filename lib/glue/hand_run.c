/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/hand_run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "core/wire.h"
#include "glue/backup_books.h"
#include "glue/message.h"
#include "glue/node_impl.h"
#include "glue/primaries.h"
#include "io/backup_mail.h"

/*
 * The order of things, each durable before the next:
 *
 *	an attempt is out	a stop now: it may have been taken, and is
 *				tried again, which may be a duplicate
 *	who has it there	nobody gives it to them again
 *	the file goes		when it names nobody else
 */
#define OPEN_MS   5000
#define READ_MS   60000
#define CHANGE_MS 30000
#define STEPS     3
#define FORMERS   32

/* ---- the file ---- */

static int
read_file(struct handing *h)
{
	struct smx_queue *queue = h->node->ports.queue;
	uint8_t digest[SMX_DIGEST_BYTES];
	uint64_t size;
	char *text = NULL;
	size_t len = 0;
	int fd = -1, held = 0, rc;

	if (queue == NULL || queue->ops->open == NULL ||
	    queue->ops->change == NULL)
		return SMX_EUNREACHABLE;
	rc = queue->ops->open(queue->ctx, h->job->queue_id, &text, &len, &fd,
	    &size, &held, clock_mono_ms() + OPEN_MS);
	if (rc != SMX_OK)
		return rc;
	rc = smx_envelope_decode(text, len, WIRE_RECIPIENTS_MAX, &h->envelope);
	/* Somebody has let it go: it is not ours any more. */
	if (rc == SMX_OK && !held)
		rc = SMX_ESTATE;
	if (rc == SMX_OK)
		rc = message_spill(h->conf, &h->spill);
	if (rc == SMX_OK)
		rc = spill_take(h->spill, fd, size, clock_mono_ms() + READ_MS);
	if (rc == SMX_OK)
		rc = spill_end(h->spill, digest);
	if (rc == SMX_OK)
		spill_content(h->spill, &h->content);
	close(fd);
	free(text);
	return rc;
}

static int
sort_out(struct handing *h)
{
	h->count = smx_envelope_recipients(h->envelope);
	h->parts = calloc(h->count + 1, 1);
	h->asked = calloc(h->count + 1, 1);
	h->taken = calloc(h->count + 1, 1);
	if (h->parts == NULL || h->asked == NULL || h->taken == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < h->count; i++)
		h->parts[i] = (unsigned char)
		    hand_part_of(smx_envelope_recipient(h->envelope, i),
			h->job->domain, h->booked, h->booked_count);
	return h->count == 0 ? SMX_ENOTFOUND : SMX_OK;
}

/* Another domain's mail in the same file: its time may not be over. */
static int
is_shared(const struct handing *h)
{
	struct backup_mail_row *rows = calloc(8, sizeof(*rows));
	struct backup_mail_page page = { .queue_id = h->job->queue_id,
		.rows = rows,
		.max = 8 };
	int shared = 1;

	if (rows != NULL &&
	    backup_mail_look(backup_db(h->backup), &page) == SMX_OK) {
		shared = 0;
		for (size_t i = 0; i < page.count; i++)
			shared |= rows[i].id != h->job->mail &&
				  rows[i].custody != CUSTODY_ENDED;
	}
	free(rows);
	return shared;
}

/* For a person to see. */
static void
put_off(struct handing *h, const char *why)
{
	int64_t pause_ms =
	    h->job->to[0] == '\0' ? HAND_REST_MS : HAND_PAUSE_MAX;
	struct backup_hand_end end = { .mail = h->job->mail,
		.in_vain = 1,
		.next_ms = clock_wall_ms() + pause_ms,
		.why = why };
	struct log_line l;

	if (backup_hand_begin(backup_db(h->backup), end.mail) != SMX_OK ||
	    books_handed(backup_books(h->backup), &end) != SMX_OK)
		return;
	log_begin(&l, SMX_LOG_WARNING, h->job->queue_id, "backup-not-handed");
	log_str(&l, "domain", h->job->domain);
	log_num(&l, "next_ms", pause_ms);
	log_str(&l, "reason", why);
	log_end(&l);
}

/* The last attempt ended, and that could not be written: who has it there is
 * not known any more. */
static int
lose(struct handing *h, int whole)
{
	int64_t pause_ms =
	    whole ? HAND_REST_MS
		  : hand_pause_ms(h->hand.tries + 1, h->hand.lost + 1);
	int rc = backup_hand_lost(backup_db(h->backup), h->job->mail,
	    clock_wall_ms() + pause_ms);
	struct log_line l;

	if (rc != SMX_OK)
		return rc;
	log_begin(&l, SMX_LOG_WARNING, h->job->queue_id, "backup-hand-unsure");
	log_str(&l, "domain", h->job->domain);
	log_num(&l, "next_ms", pause_ms);
	log_str(&l, "reason", "what came of it could not be written down");
	log_end(&l);
	return SMX_ETEMP;
}

/* Since the job was given: it may have waited for others. */
static int
is_up_again(const struct handing *h)
{
	struct primaries_word word;

	return primaries_state(backup_primaries(h->backup), NULL,
		   h->job->domain, &word) == MX_UP &&
	       !word.announced;
}

static int
prepare(struct handing *h)
{
	struct backup_db *db = backup_db(h->backup);
	int whole = h->job->to[0] == '\0';
	int rc = backup_hand_look(db, h->job->mail, &h->hand);

	if (rc == SMX_OK)
		rc = backup_hand_booked(db, h->job->mail, &h->booked,
		    &h->booked_count);
	if (rc != SMX_OK)
		return rc;
	if (h->hand.out)
		return lose(h, whole);
	if (h->hand.former[0] != '\0' ||
	    (!h->job->at_once &&
		!hand_is_due(h->hand.next_ms, clock_wall_ms(), whole)) ||
	    (!whole &&
		(handto_parse(&h->to, h->job->to) != SMX_OK || is_up_again(h))))
		return SMX_ESTATE;
	if (is_shared(h)) {
		put_off(h, "its file has mail for another domain, too");
		return SMX_ESTATE;
	}
	rc = read_file(h);
	return rc == SMX_OK ? sort_out(h) : rc;
}

/* ---- one attempt ---- */

/* Copies of the former file stay until the new one has its own; its holders
 * hear who is left in it. */
static void
protect(struct handing *h)
{
	struct smx_queue_event read = { .kind = SMX_QUEUE_MOVED };
	struct engine *core = node_enter(h->node);

	if (h->new_id[0] != '\0')
		engine_goes_on(core, h->job->queue_id, h->new_id,
		    node_now_ms());
	(void)text_copy(read.id, sizeof(read.id), h->job->queue_id);
	engine_queue_event(core, &read, node_now_ms());
	node_leave(h->node);
}

static int
attempt(struct handing *h, int whole)
{
	int rc;

	for (size_t i = 0; i < h->count; i++)
		h->asked[i] = h->parts[i] == HAND_OURS ||
			      (whole && h->parts[i] == HAND_OTHERS);
	memset(h->taken, 0, h->count);
	h->whole = whole;
	h->lost = h->moved = 0;
	h->why[0] = h->new_id[0] = '\0';
	crash_point("hand-begin");
	rc = backup_hand_begin(backup_db(h->backup), h->job->mail);
	if (rc != SMX_OK)
		return rc;
	crash_point("hand-begun");
	if (whole)
		hand_send_on(h);
	else if (h->to.address[0] != '\0')
		hand_redirect(h);
	else
		hand_deliver(h);
	crash_point("hand-given");
	rc = hand_book(h);
	crash_point("hand-booked");
	if (rc == SMX_OK || rc == SMX_ETEMP)
		protect(h);
	for (size_t i = 0; i < h->count; i++)
		if (h->taken[i])
			h->parts[i] = HAND_BOOKED;
	return rc;
}

static int
erase(struct smx_engine *node, const char *queue_id)
{
	struct smx_queue *queue = node->ports.queue;
	int rc;

	crash_point("hand-erase");
	rc = queue->ops->change(queue->ctx, SMX_QUEUE_ERASE, &queue_id, 1,
	    clock_mono_ms() + CHANGE_MS);
	crash_point("hand-erased");
	return rc;
}

/* ---- a message ---- */

static int
next_step(struct handing *h, int *done)
{
	int rc;

	switch (hand_next(h->parts, h->count, h->job->to[0] == '\0')) {
	case HAND_DELIVER:
		return attempt(h, 0);
	case HAND_REST:
		return attempt(h, 1);
	case HAND_ERASE:
	default:
		*done = 1;
		rc = erase(h->node, h->job->queue_id);
		/* What was booked is of that file. */
		if (rc == SMX_OK && h->moved)
			rc = backup_hand_forget(backup_db(h->backup),
			    h->job->mail);
		return rc;
	}
}

static void
handing_free(struct handing *h)
{
	spill_free(&h->spill);
	smx_envelope_free(&h->envelope);
	smx_config_release(&h->config);
	free(h->booked);
	free(h->parts);
	free(h->asked);
	free(h->taken);
}

static void
log_failed(const char *queue_id, int rc)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_ERR, queue_id, "backup-release-failed");
	log_str(&l, "what", "hand");
	log_err(&l, "result", rc);
	log_end(&l);
}

/* ---- files of before a stop ---- */

/* Still that message, and nobody in it who has not gone on? */
static int
is_former(struct handing *h, const struct backup_hand_former *former)
{
	if (strcmp(smx_envelope_sender(h->envelope), former->sender) != 0)
		return 0;
	for (size_t i = 0; i < h->count; i++)
		if (h->parts[i] != HAND_BOOKED)
			return 0;
	return 1;
}

static void
clean_one(struct backup *backup, const struct backup_hand_former *former)
{
	struct hander_job job = { .mail = former->mail };
	struct handing h = { .backup = backup,
		.node = backup_node(backup),
		.job = &job };
	int rc;

	(void)text_copy(job.queue_id, sizeof(job.queue_id), former->queue_id);
	h.config = node_config(h.node);
	h.conf = config_conf(h.config);
	rc = backup_hand_booked(backup_db(backup), job.mail, &h.booked,
	    &h.booked_count);
	if (rc == SMX_OK)
		rc = read_file(&h);
	if (rc == SMX_OK)
		rc = sort_out(&h);
	if (rc == SMX_OK && is_former(&h, former))
		rc = erase(h.node, job.queue_id);
	if (rc == SMX_OK || rc == SMX_ENOTFOUND || rc == SMX_ESTATE)
		rc = backup_hand_forget(backup_db(backup), job.mail);
	if (rc != SMX_OK)
		log_failed(job.queue_id, rc);
	handing_free(&h);
}

void
hand_clean(struct backup *backup)
{
	struct backup_hand_former *list = calloc(FORMERS, sizeof(*list));
	size_t count = 0;

	if (list != NULL && backup_hand_formers(backup_db(backup), list,
				FORMERS, &count) != SMX_OK)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		if (hander_claim(backup_hander(backup), list[i].mail) != SMX_OK)
			continue;
		clean_one(backup, &list[i]);
		hander_unclaim(backup_hander(backup), list[i].mail);
	}
	free(list);
}

/* ---- all of it ---- */

void
hand_run(struct backup *backup, const struct hander_job *job)
{
	struct handing h = { .backup = backup,
		.node = backup_node(backup),
		.job = job };
	int rc, done = 0;

	h.config = node_config(h.node);
	h.conf = config_conf(h.config);
	rc = prepare(&h);
	for (int i = 0; rc == SMX_OK && !done && i < STEPS; i++)
		rc = next_step(&h, &done);
	/* Gone, let go, or not yet; what was tried in vain was told. */
	if (rc != SMX_OK && rc != SMX_ENOTFOUND && rc != SMX_ESTATE &&
	    rc != SMX_ETEMP)
		log_failed(job->queue_id, rc);
	handing_free(&h);
}
