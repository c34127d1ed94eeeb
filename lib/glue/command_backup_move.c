/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/pfid.h"
#include "core/release.h"
#include "glue/backup_books.h"
#include "glue/backup_hand.h"
#include "glue/backup_release.h"
#include "glue/node_impl.h"
#include "io/backup_mail.h"

/*
 * What an operator does to mail that was taken as secondary MX:
 *
 *	backup hold|release ITEM...	queue ids, or domains
 *	backup flush DOMAIN
 *
 * One line is answered for each message, and one for an item that means none.
 * What is put on hold so is a person's: the releaser lets it alone.  What is
 * let go so is not put on hold again when the primary falls.
 */
#define CHANGE_MS 30000
#define FLUSH_MS  3600000
#define PILE_MAX  50
#define PAGE      200

static const char *const custodies[] = { "", "taken", "held", "held-by-hand",
	"queued", "ended" };

/* Messages to which the same is to be done. */
struct pile {
	enum smx_queue_change what; /* 0: it is written down alone */
	size_t count;
	struct backup_mail_row row[PILE_MAX];
};

struct order {
	struct command *command;
	struct backup *backup;
	int hold; /* else release */
	int64_t lifetime_ms;
	struct buf line;
	struct backup_mail_row *rows; /* PAGE of them */
	struct pile usual, other;
	const char *item;
	size_t said; /* lines for this item */
	int result;  /* of the last that failed */
	const char *text;
	int rc; /* nobody listens any more */
};

static void
say(struct order *o, const struct backup_mail_row *row, int result,
    const char *text)
{
	struct buf *b = &o->line;

	o->said++;
	if (result != SMX_OK) {
		o->result = result;
		o->text = text;
	}
	json_open(b);
	json_str(b, "item", o->item);
	json_str(b, "outcome", smx_errname(result));
	if (row != NULL) {
		json_str(b, "queue_id", row->queue_id);
		json_str(b, "domain", row->domain);
		json_str(b, "custody", custodies[row->custody]);
		json_num(b, "size", (long long)row->size);
	}
	json_str(b, "text", text);
	json_close(b);
	if (o->rc == SMX_OK)
		o->rc = command_line(o->command, b);
	buf_clear(b);
}

static void
log_row(const struct order *o, const struct backup_mail_row *row, int result)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, row->queue_id, "operator");
	log_str(&l, "order", o->hold ? "backup-hold" : "backup-release");
	log_str(&l, "domain", row->domain);
	log_str(&l, "was", custodies[row->custody]);
	log_num(&l, "uid", o->command->uid);
	log_err(&l, "result", result);
	log_end(&l);
}

/* ---- what is done ---- */

static int
change(const struct order *o, const struct pile *pile)
{
	const struct smx_queue *queue = o->command->node->ports.queue;
	const char *ids[PILE_MAX];

	if (pile->what == 0)
		return SMX_OK;
	if (queue == NULL || queue->ops->change == NULL)
		return SMX_EUNREACHABLE;
	for (size_t i = 0; i < pile->count; i++)
		ids[i] = pile->row[i].queue_id;
	return queue->ops->change(queue->ctx, pile->what, ids, pile->count,
	    clock_mono_ms() + CHANGE_MS);
}

static const char *
meaning(const struct order *o, const struct pile *pile)
{
	if (!o->hold)
		return pile->what == SMX_QUEUE_REQUEUE
			   ? "it is tried now, under a new id"
			   : "it is tried now";
	return pile->what == 0 ? "it was on hold; it stays when the primary is "
				 "up again"
			       : "it is on hold; a delivery that runs goes on";
}

static void
carry_out(struct order *o, struct pile *pile)
{
	int64_t ids[PILE_MAX];
	int rc;

	if (pile->count == 0)
		return;
	for (size_t i = 0; i < pile->count; i++)
		ids[i] = pile->row[i].id;
	rc = change(o, pile);
	if (rc == SMX_OK)
		rc = books_moved(backup_books(o->backup), ids, pile->count,
		    o->hold ? CUSTODY_HELD_BY : CUSTODY_QUEUED);
	for (size_t i = 0; i < pile->count; i++) {
		log_row(o, &pile->row[i], rc);
		say(o, &pile->row[i], rc,
		    rc == SMX_OK ? meaning(o, pile) : smx_strerror(rc));
	}
	for (size_t i = 0; i < pile->count; i++)
		hander_unclaim(backup_hander(o->backup), ids[i]);
	pile->count = 0;
}

/* Some have it somewhere else already. */
static void
send_on(struct order *o, const struct backup_mail_row *row)
{
	struct hander_job job = { .mail = row->id, .at_once = 1 };
	int rc;

	(void)text_copy(job.queue_id, sizeof(job.queue_id), row->queue_id);
	(void)text_copy(job.domain, sizeof(job.domain), row->domain);
	rc = hander_give(backup_hander(o->backup), &job);
	log_row(o, row, rc);
	say(o, row, rc,
	    rc == SMX_OK ? "it was handed over in part; who is left gets a "
			   "message of his own"
			 : smx_strerror(rc));
}

static void
put(struct order *o, struct pile *pile, const struct backup_mail_row *row)
{
	struct hander *hander = backup_hander(o->backup);
	int rc = o->hold ? hander_claim(hander, row->id)
			 : hander_claim_whole(hander, row->id, row->queue_id);

	if (rc != SMX_OK) {
		say(o, row, rc == SMX_ESTATE ? SMX_EBUSY : rc,
		    rc == SMX_ESTATE || rc == SMX_EBUSY
			? "it is being handed over just now"
			: smx_strerror(rc));
		return;
	}
	if (pile->count == PILE_MAX)
		carry_out(o, pile);
	pile->row[pile->count++] = *row;
}

static int
is_old(const struct order *o, const struct backup_mail_row *row)
{
	return release_way_of(clock_wall_ms() - row->taken_ms,
		   o->lifetime_ms) == RELEASE_ANEW;
}

static void
do_row(struct order *o, const struct backup_mail_row *row)
{
	int held =
	    row->custody == CUSTODY_HELD || row->custody == CUSTODY_HELD_BY;

	if (row->custody == CUSTODY_ENDED)
		say(o, row, SMX_ENOTFOUND, "it has ended");
	else if (row->custody == CUSTODY_TAKEN)
		say(o, row, SMX_ESTATE, "it is being taken just now");
	else if (o->hold)
		put(o, held ? &o->other : &o->usual, row);
	else if (held && row->handed != 0)
		send_on(o, row);
	else if (held)
		put(o, is_old(o, row) ? &o->other : &o->usual, row);
	else
		say(o, row, SMX_ESTATE, "it is not on hold");
}

/* ---- what is meant ---- */

/* Of a domain those that the order is about. */
static int
is_meant(const struct order *o, const struct backup_mail_row *row)
{
	return o->hold ? row->custody == CUSTODY_QUEUED
		       : row->custody == CUSTODY_HELD ||
			     row->custody == CUSTODY_HELD_BY;
}

static int
do_domain(struct order *o, const char *domain)
{
	struct backup_mail_page page = { .domain = domain,
		.rows = o->rows,
		.max = PAGE };
	int rc;

	do {
		page.count = 0;
		rc = backup_mail_look(backup_db(o->backup), &page);
		for (size_t i = 0; rc == SMX_OK && i < page.count; i++)
			if (is_meant(o, &page.rows[i]))
				do_row(o, &page.rows[i]);
		if (rc == SMX_OK && page.count != 0) {
			page.after_taken_ms =
			    page.rows[page.count - 1].taken_ms;
			page.after_id = page.rows[page.count - 1].id;
		}
	} while (rc == SMX_OK && o->rc == SMX_OK && page.count == page.max);
	return rc;
}

/* Short ids come back for other messages: the ended are named only when there
 * is no other. */
static int
do_id(struct order *o, const char *id, size_t *found)
{
	struct backup_mail_page page = { .queue_id = id,
		.rows = o->rows,
		.max = PAGE };
	size_t open = 0;
	int rc = backup_mail_look(backup_db(o->backup), &page);

	*found = rc == SMX_OK ? page.count : 0;
	for (size_t i = 0; i < *found; i++)
		open += page.rows[i].custody != CUSTODY_ENDED;
	for (size_t i = 0; i < *found; i++)
		if (open == 0 || page.rows[i].custody != CUSTODY_ENDED)
			do_row(o, &page.rows[i]);
	return rc;
}

static int
do_item(struct order *o, const char *word)
{
	char at[COMMAND_BYTES + 2], domain[BACKUP_DOMAIN_MAX + 1];
	size_t found = 0;
	int rc = SMX_OK;

	o->item = word;
	o->said = 0;
	if (pfid_valid(word, strlen(word)))
		rc = do_id(o, word, &found);
	snprintf(at, sizeof(at), "@%s", word);
	backup_domain(at, domain);
	if (rc == SMX_OK && found == 0 && domain[0] != '\0')
		rc = do_domain(o, domain);
	carry_out(o, &o->usual);
	carry_out(o, &o->other);
	if (rc != SMX_OK)
		say(o, NULL, rc, smx_strerror(rc));
	else if (o->said == 0)
		say(o, NULL, SMX_ENOTFOUND,
		    o->hold ? "nothing is on its way, under this id or for "
			      "this domain"
			    : "nothing is on hold, under this id or for this "
			      "domain");
	return o->rc;
}

static void
prepare(struct order *o)
{
	struct smx_config *config = node_config(o->command->node);

	o->lifetime_ms = config_conf(config)->backup_queue_lifetime_ms;
	smx_config_release(&config);
	o->hold = strcmp(o->command->word[1], "hold") == 0;
	o->usual.what = o->hold ? SMX_QUEUE_HOLD : SMX_QUEUE_RELEASE;
	o->other.what = o->hold ? 0 : SMX_QUEUE_REQUEUE;
}

static int
run_order(struct order *o)
{
	struct command *c = o->command;
	int rc = SMX_OK;

	prepare(o);
	buf_init(&o->line, 0);
	for (size_t i = 2; rc == SMX_OK && i < c->words; i++)
		rc = do_item(o, c->word[i]);
	buf_free(&o->line);
	/* With one item, its outcome is the command's. */
	if (rc == SMX_OK && c->words == 3 && o->result != SMX_OK)
		rc = command_fail(c, o->result, o->text, c->word[2]);
	return rc;
}

int
command_backup_move(struct command *c)
{
	struct order *o;
	int rc = SMX_ENOMEM;

	if (node_backup(c->node) == NULL)
		return command_fail(c, SMX_ESTATE,
		    "no policy has a backup group", "");
	if (c->words < 3)
		return command_fail(c, SMX_EINVAL,
		    "a queue id or a domain is needed", "");
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return SMX_ENOMEM;
	o->command = c;
	o->backup = node_backup(c->node);
	o->rows = calloc(PAGE, sizeof(*o->rows));
	if (o->rows != NULL)
		rc = run_order(o);
	free(o->rows);
	free(o);
	return rc;
}

/* ---- backup flush ---- */

static int
is_known(struct command *c, const char *domain, const struct books_sums *sums)
{
	static const struct smx_client client = { .address = "" };
	struct smx_config *config;
	char rcpt[BACKUP_DOMAIN_MAX + 16];
	struct smx_ack ack;
	int known;

	if (sums->held_messages != 0)
		return 1;
	config = node_config(c->node);
	snprintf(rcpt, sizeof(rcpt), "postmaster@%s", domain);
	known = smx_policy_recipient(config, &client, rcpt, SMX_SIZE_UNKNOWN,
		    &ack) == SMX_OK &&
		ack.backup != NULL;
	smx_config_release(&config);
	return known;
}

static int
flush(struct command *c, struct backup *backup, const char *domain)
{
	struct books_sums sums;
	struct buf b;
	int rc = books_sum(backup_books(backup), domain, 0, 0, &sums);

	if (rc == SMX_OK && !is_known(c, domain, &sums))
		return command_fail(c, SMX_ENOTFOUND,
		    "this host is not the secondary MX of this domain", domain);
	if (rc == SMX_OK)
		rc = releaser_flush(backup_releaser(backup), domain,
		    clock_mono_ms() + FLUSH_MS);
	if (rc != SMX_OK)
		return command_fail(c, rc, smx_strerror(rc), domain);
	buf_init(&b, 0);
	json_open(&b);
	json_str(&b, "domain", domain);
	json_num(&b, "held_messages", (long long)sums.held_messages);
	json_num(&b, "for_ms", FLUSH_MS);
	json_close(&b);
	rc = command_line(c, &b);
	buf_free(&b);
	return rc;
}

static void
log_flush(const struct command *c, const char *domain, int result)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, NULL, "operator");
	log_str(&l, "order", "backup-flush");
	log_str(&l, "domain", domain);
	log_num(&l, "uid", c->uid);
	log_err(&l, "result", result);
	log_end(&l);
}

int
command_backup_flush(struct command *c)
{
	char at[COMMAND_BYTES + 2], domain[BACKUP_DOMAIN_MAX + 1];
	int rc;

	if (node_backup(c->node) == NULL)
		return command_fail(c, SMX_ESTATE,
		    "no policy has a backup group", "");
	if (c->words != 3)
		return command_fail(c, SMX_EINVAL, "one domain is needed", "");
	snprintf(at, sizeof(at), "@%s", c->word[2]);
	backup_domain(at, domain);
	if (domain[0] == '\0')
		return command_fail(c, SMX_EINVAL, "not a domain", c->word[2]);
	rc = flush(c, node_backup(c->node), domain);
	log_flush(c, domain, rc);
	return rc;
}
