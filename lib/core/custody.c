/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/custody.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/backoff.h"

#define HINT_MS   50  /* hints wait for company */
#define FIRST_MS  250 /* first pause when a look decided nothing */
#define MOST_MS   ((int64_t)5 * 60 * 1000)
#define UNREAD_MS 60000 /* an answer that never came */
/* What this host does to a message it writes down before the file is read. */
#define READ_MS          1500
#define READS_PER_SECOND 100
/* The log may tell of the end later than the folders show it: some eight
 * seconds are waited for that. */
#define ABSENTS    6
#define SETTLED    2
#define LINK_TRIES 10

static void
tell(const struct custody_table *table, const struct custody_deed *deed)
{
	table->deed(table->ctx, deed);
}

static void
note(const struct custody_mail *mail, enum smx_level level, const char *event,
    const char *why)
{
	struct log_line l;

	log_begin(&l, level, mail->id, event);
	log_str(&l, "domain", mail->domain == NULL ? "" : mail->domain->name);
	log_num(&l, "mail", mail->mail);
	if (why != NULL)
		log_str(&l, "why", why);
	log_end(&l);
}

static void
become(struct custody_table *table, struct custody_mail *mail,
    enum custody custody)
{
	struct custody_deed deed = { .kind = CUSTODY_MOVES,
		.mail = mail->mail,
		.custody = custody };

	if (mail->custody == (uint8_t)custody)
		return;
	custody_set(mail, custody);
	mail->stirred = mail->expects = 0;
	tell(table, &deed);
}

static void
look_again(struct custody_table *table, struct custody_mail *mail,
    int64_t now_ms)
{
	custody_due(&table->looks, mail,
	    now_ms + backoff_ms(FIRST_MS, MOST_MS, mail->tries));
	if (mail->tries < 32)
		mail->tries++;
}

static void
want_read(struct custody_table *table, struct custody_mail *mail,
    int64_t now_ms)
{
	mail->read_after = table->token;
	mail->read_out = 0;
	custody_sooner(&table->reads, mail,
	    now_ms + backoff_ms(READ_MS, MOST_MS, mail->reads));
}

/* ---- the end ---- */

static void
end(struct custody_table *table, struct custody_mail *mail,
    enum custody_end how, const char *why)
{
	struct custody_deed deed = { .kind = CUSTODY_ENDS,
		.mail = mail->mail,
		.end = how };

	if (mail->open != 0 && how == CUSTODY_UNKNOWN)
		note(mail, SMX_LOG_WARNING, "backup-unaccounted", why);
	else if (mail->open != 0 && how == CUSTODY_DELETED)
		note(mail, SMX_LOG_NOTICE, "backup-deleted", why);
	if (mail->domain != NULL)
		mail->domain->ended++;
	tell(table, &deed);
	custody_remove(table, mail);
}

/* It is not there, and the log has nothing to say of it. */
static void
vanished(struct custody_table *table, struct custody_mail *mail)
{
	if (mail->lost)
		end(table, mail, CUSTODY_UNKNOWN, "queue_replaced");
	else if (mail->requeued)
		end(table, mail, CUSTODY_UNKNOWN, "requeued");
	else if (!mail->committed)
		end(table, mail, CUSTODY_DELETED, "never_committed");
	else if (mail->custody == CUSTODY_QUEUED)
		end(table, mail, CUSTODY_UNKNOWN, "not_in_the_log");
	else
		end(table, mail, CUSTODY_DELETED, "removed_while_held");
}

/* A requeue shows in the log, which comes later than the folders. */
static unsigned
patience(const struct custody_mail *mail)
{
	return mail->requeued ? LINK_TRIES : ABSENTS;
}

static void
absent(struct custody_table *table, struct custody_mail *mail, int64_t now_ms)
{
	mail->absents++;
	/* The log's last line may be a moment behind the folders. */
	if (mail->absents >= SETTLED && !mail->deleted)
		custody_settle(table, mail);
	if (mail->open == 0)
		end(table, mail, CUSTODY_DELIVERED, NULL);
	else if (mail->deleted)
		end(table, mail, CUSTODY_DELETED, "removed");
	else if (mail->returned && !custody_rewritten(mail))
		end(table, mail, CUSTODY_RETURNED, NULL);
	else if (mail->absents >= patience(mail))
		vanished(table, mail);
	else
		custody_due(&table->looks, mail,
		    now_ms + backoff_ms(FIRST_MS, MOST_MS, mail->absents - 1u));
}

/* ---- what a look shows ---- */

static void
committed(struct custody_table *table, struct custody_mail *mail)
{
	mail->committed = 1;
	/* Of one from before the start the file tells. */
	if (mail->custody == CUSTODY_TAKEN && mail->fresh)
		become(table, mail,
		    mail->hold      ? CUSTODY_HELD
		    : mail->by_hand ? CUSTODY_HELD_BY
				    : CUSTODY_QUEUED);
}

static void
there(struct custody_table *table, struct custody_mail *mail, uint64_t token,
    int64_t now_ms)
{
	mail->tries = mail->absents = 0;
	mail->lost = 0;
	committed(table, mail);
	if (token <= mail->hinted_after)
		look_again(table, mail, now_ms);
	else
		custody_rest(&table->looks, mail);
}

static int
is_id(const char *id)
{
	return pfid_valid(id, strnlen(id, PFID_TEXT));
}

/* Only what is permanent is requeued, and a requeue takes it out of the hold.
 */
static void
linked(struct custody_table *table, struct custody_mail *mail,
    const char *other, int64_t now_ms)
{
	struct custody_deed deed = { .kind = CUSTODY_RENAMES,
		.mail = mail->mail };

	look_again(table, mail, now_ms);
	if (!is_id(other) || strcmp(other, mail->id) == 0)
		return;
	memcpy(deed.id, other, strlen(other) + 1);
	note(mail, SMX_LOG_INFO, "backup-requeued", NULL);
	custody_rename(table, mail, other);
	tell(table, &deed);
	mail->committed = 1;
	mail->requeued = mail->outlived = 0;
	mail->tries = mail->absents = 0;
	mail->looked_after = table->token;
	become(table, mail, CUSTODY_QUEUED);
	want_read(table, mail, now_ms);
	custody_due(&table->looks, mail, now_ms + HINT_MS);
}

static void
judge(struct custody_table *table, struct custody_mail *mail,
    const struct smx_queue_event *event, int64_t now_ms)
{
	switch (event->presence) {
	case SMX_PRESENCE_THERE:
		there(table, mail, event->token, now_ms);
		break;
	case SMX_PRESENCE_STRAY:
		if (mail->committed)
			absent(table, mail, now_ms);
		else
			end(table, mail, CUSTODY_DELETED, "never_committed");
		break;
	case SMX_PRESENCE_CORRUPT:
		end(table, mail, CUSTODY_UNKNOWN, "corrupt");
		break;
	case SMX_PRESENCE_ABSENT:
		absent(table, mail, now_ms);
		break;
	case SMX_PRESENCE_LINKED:
		linked(table, mail, event->other, now_ms);
		break;
	case SMX_PRESENCE_UNKNOWN:
	case SMX_PRESENCE_UNCOMMITTED:
	default:
		look_again(table, mail, now_ms);
		break;
	}
}

static void
verified(struct custody_table *table, const struct smx_queue_event *event,
    int64_t now_ms)
{
	struct custody_mail *mail, *next;

	if (event->token == 0 || event->token > table->token)
		return;
	for (mail = custody_first_id(table, event->id); mail != NULL;
	     mail = next) {
		next = custody_next_id(mail);
		if (mail->looked_after >= event->token)
			continue;
		if (mail->outlived && event->presence != SMX_PRESENCE_UNKNOWN)
			absent(table, mail, now_ms);
		else
			judge(table, mail, event, now_ms);
	}
}

/* ---- what a file says ---- */

static void
seen_held(struct custody_table *table, struct custody_mail *mail)
{
	if (mail->custody == CUSTODY_TAKEN && mail->hold)
		become(table, mail, CUSTODY_HELD);
	else if (mail->custody == CUSTODY_QUEUED ||
		 mail->custody == CUSTODY_TAKEN) {
		note(mail, SMX_LOG_NOTICE, "backup-held-by-hand", NULL);
		become(table, mail, CUSTODY_HELD_BY);
	}
}

static void
seen_free(struct custody_table *table, struct custody_mail *mail)
{
	if (mail->custody == CUSTODY_HELD || mail->custody == CUSTODY_HELD_BY)
		note(mail, SMX_LOG_NOTICE, "backup-released-by-hand", NULL);
	become(table, mail, CUSTODY_QUEUED);
}

static void
was_read(struct custody_table *table, const struct smx_queue_event *event,
    int64_t now_ms)
{
	struct custody_mail *mail = custody_first_id(table, event->id);

	if (event->token == 0 || event->token > table->token)
		return;
	/* Under a shared id nobody can tell whose file was read: that of the
	 * one which came last. */
	for (; mail != NULL; mail = custody_next_id(mail)) {
		if (!mail->read_out || mail->outlived)
			continue;
		mail->read_out = 0;
		if (event->text == NULL || mail->read_after >= event->token) {
			custody_due(&table->reads, mail,
			    now_ms +
				backoff_ms(READ_MS, MOST_MS, ++mail->reads));
			continue;
		}
		custody_rest(&table->reads, mail);
		mail->reads = 0;
		mail->committed = 1;
		if (event->held)
			seen_held(table, mail);
		else
			seen_free(table, mail);
	}
}

/* ---- hints ---- */

/* A move of what is on its way is a delivery that was put off, but for the one
 * out of the hold that this host makes. */
static void
moved(struct custody_mail *mail)
{
	if (mail->custody != CUSTODY_QUEUED) {
		mail->stirred = 1;
		return;
	}
	if (!mail->expects && !mail->put_off && mail->domain != NULL)
		mail->domain->deferred++;
	mail->put_off |= !mail->expects;
	mail->expects = 0;
}

static void
hint(struct custody_table *table, struct custody_mail *mail,
    const struct smx_queue_event *event, int64_t now_ms)
{
	switch (event->kind) {
	case SMX_QUEUE_COMMITTED:
		committed(table, mail);
		break;
	case SMX_QUEUE_MOVED:
		moved(mail);
		want_read(table, mail, now_ms);
		if (mail->reads < 16)
			mail->reads++;
		return;
	case SMX_QUEUE_REQUEUED:
		mail->requeued = 1;
		break;
	case SMX_QUEUE_RETURNED:
		mail->returned = 1;
		break;
	case SMX_QUEUE_DELETED:
		mail->deleted = 1;
		break;
	default:
		break;
	}
	mail->hinted_after = table->token;
	mail->tries = mail->absents = 0;
	custody_sooner(&table->looks, mail, now_ms + HINT_MS);
}

static void
answered(struct custody_table *table, struct custody_mail *mail,
    const struct smx_queue_event *event)
{
	struct custody_deed deed = { .kind = CUSTODY_ANSWERS,
		.mail = mail->mail,
		.end = event->kind == SMX_QUEUE_SENT ? CUSTODY_DELIVERED
						     : CUSTODY_RETURNED };

	deed.hash = strtoull(event->other, NULL, 16);
	if (event->other[0] == '\0')
		mail->returned = 1; /* all that are left */
	for (uint32_t i = 0; i < mail->open && event->other[0] != '\0'; i++) {
		if (mail->hash[i] != deed.hash)
			continue;
		custody_close(mail, i);
		if (mail->domain != NULL)
			*(deed.end == CUSTODY_DELIVERED
				? &mail->domain->delivered
				: &mail->domain->returned) += 1;
		tell(table, &deed);
		return;
	}
}

/* Of one from before the start a commit may not have been seen. */
static void
of_recipient(struct custody_table *table, const struct smx_queue_event *event)
{
	struct custody_mail *mail = custody_first_id(table, event->id);

	for (; mail != NULL; mail = custody_next_id(mail))
		if ((mail->committed || !mail->fresh) && !mail->outlived)
			answered(table, mail, event);
}

static void
reset(struct custody_table *table, int64_t now_ms)
{
	for (struct custody_mail *m = table->first; m != NULL; m = m->next) {
		m->looked_after = table->token;
		m->reads = 0;
		custody_sooner(&table->looks, m, now_ms + HINT_MS);
		if (m->committed)
			want_read(table, m, now_ms);
	}
}

void
custody_event(struct custody_table *table, const struct smx_queue_event *event,
    int64_t now_ms)
{
	struct custody_mail *mail, *next;

	switch (event->kind) {
	case SMX_QUEUE_VERIFIED:
		verified(table, event, now_ms);
		return;
	case SMX_QUEUE_READ:
		was_read(table, event, now_ms);
		return;
	case SMX_QUEUE_RESET:
		reset(table, now_ms);
		return;
	case SMX_QUEUE_SENT:
	case SMX_QUEUE_BOUNCED:
		of_recipient(table, event);
		return;
	case SMX_QUEUE_SENT_AS:
	case SMX_QUEUE_BOUNCED_AS:
	case SMX_QUEUE_REFUSED:
		custody_hear(table, event);
		return;
	case SMX_QUEUE_REACHED:
	case SMX_QUEUE_UNREACHED:
		return; /* of a host, not of a message */
	default:
		break;
	}
	for (mail = custody_first_id(table, event->id); mail != NULL;
	     mail = next) {
		next = custody_next_id(mail);
		if (!mail->outlived)
			hint(table, mail, event, now_ms);
	}
}

/* ---- questions ---- */

static const char *
give(struct custody_table *table, size_t n, const struct custody_mail *mail)
{
	memcpy(table->given[n], mail->id, sizeof(mail->id));
	return table->given[n];
}

size_t
custody_verify_next(struct custody_table *table, int64_t now_ms,
    const char **ids, size_t max, uint64_t *token)
{
	struct custody_mail *mail;
	size_t n = 0;

	if (max > CUSTODY_IDS_MAX)
		max = CUSTODY_IDS_MAX;
	while (n < max &&
	       (mail = custody_earliest(&table->looks, now_ms)) != NULL) {
		look_again(table, mail, now_ms);
		ids[n] = give(table, n, mail);
		n++;
	}
	if (n != 0)
		*token = ++table->token;
	return n;
}

static void
pace(struct custody_table *table, int64_t now_ms)
{
	int64_t more = (now_ms - table->paced_ms) * READS_PER_SECOND / 1000;

	if (more <= 0)
		return;
	table->paced_ms = now_ms;
	table->room = more > READS_PER_SECOND - (int64_t)table->room
			  ? READS_PER_SECOND
			  : table->room + (unsigned)more;
}

size_t
custody_read_next(struct custody_table *table, int64_t now_ms, const char **ids,
    size_t max, uint64_t *token)
{
	struct custody_mail *mail;
	size_t n = 0;

	if (max > SMX_QUEUE_READ_MAX)
		max = SMX_QUEUE_READ_MAX;
	pace(table, now_ms);
	while (n < max && table->room != 0 &&
	       (mail = custody_earliest(&table->reads, now_ms)) != NULL) {
		/* Its answer may never come. */
		custody_due(&table->reads, mail, now_ms + UNREAD_MS);
		mail->read_out = 1;
		table->room--;
		ids[n] = give(table, n, mail);
		n++;
	}
	if (n != 0)
		*token = ++table->token;
	return n;
}

void
custody_moved(struct custody_table *table, int64_t mail, enum custody custody,
    int64_t now_ms)
{
	struct custody_mail *m = custody_find(table, mail);

	if (m == NULL)
		return;
	m->expects = custody == CUSTODY_QUEUED &&
		     m->custody != CUSTODY_QUEUED && !m->stirred;
	m->stirred = m->put_off = 0;
	if (custody == CUSTODY_HELD)
		m->hold = 1;
	custody_set(m, custody);
	m->read_after = table->token;
	if (m->at[CUSTODY_READS] != 0)
		custody_due(&table->reads, m, now_ms + READ_MS);
}

void
custody_handed(struct custody_table *table, int64_t mail, uint64_t hash)
{
	struct custody_mail *m = custody_find(table, mail);

	for (uint32_t i = 0; m != NULL && i < m->open; i++)
		if (m->hash[i] == hash) {
			custody_close(m, i);
			return;
		}
}

void
custody_handed_all(struct custody_table *table, int64_t mail)
{
	struct custody_mail *m = custody_find(table, mail);

	if (m != NULL)
		m->open = 0;
}

/* What is known of the former file says nothing about this one. */
void
custody_became(struct custody_table *table, int64_t mail, const char *id,
    int64_t now_ms)
{
	struct custody_mail *m = custody_find(table, mail);

	if (m == NULL || !is_id(id))
		return;
	custody_rename(table, m, id);
	m->committed = 1;
	m->requeued = m->outlived = m->returned = m->deleted = m->lost = 0;
	m->tries = m->absents = 0;
	m->looked_after = m->hinted_after = table->token;
	custody_moved(table, mail, CUSTODY_QUEUED, now_ms);
	m->expects = 0;
	want_read(table, m, now_ms);
	custody_sooner(&table->looks, m, now_ms + HINT_MS);
}

void
custody_replaced(struct custody_table *table)
{
	for (struct custody_mail *m = table->first; m != NULL; m = m->next) {
		m->looked_after = table->token;
		m->requeued = 0;
		if (m->committed)
			m->lost = 1;
	}
}
