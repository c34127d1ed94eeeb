/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_books.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/amend.h"
#include "core/lineage.h"
#include "glue/backup.h"
#include "glue/books_run.h"
#include "glue/node_impl.h"
#include "glue/primaries.h"
#include "io/backup_mail.h"

/*
 * core/custody.h judges under the lock; what it finds out waits in a list for
 * the thread that writes it down.  A list that grows too long is given up: then
 * all is read from the database again, and looked for again.
 */
#define OPEN_MAX 1000000

static void
on_deed(void *ctx, const struct custody_deed *deed)
{
	struct books *books = ctx;
	size_t room = books->deeds_room == 0 ? 64 : books->deeds_room * 2;
	struct custody_deed *deeds;

	if (books->deed_count == books->deeds_room) {
		deeds = books->deeds_room >= BOOKS_DEEDS_MAX
			    ? NULL
			    : realloc(books->deeds, room * sizeof(*deeds));
		if (deeds == NULL) {
			books->reload = 1;
			return;
		}
		books->deeds = deeds;
		books->deeds_room = room;
	}
	books->deeds[books->deed_count++] = *deed;
	pthread_cond_signal(&books->wake);
}

int
books_new(struct books **out, struct backup *backup)
{
	struct books *books = calloc(1, sizeof(*books));
	pthread_condattr_t attr;
	int rc;

	if (books == NULL)
		return SMX_ENOMEM;
	books->backup = backup;
	books->db = backup_db(backup);
	books->reload = 1;
	pthread_mutex_init(&books->lock, NULL);
	pthread_mutex_init(&books->writing, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&books->wake, &attr);
	pthread_condattr_destroy(&attr);
	rc = custody_init(&books->table, (uint64_t)clock_wall_ms(), OPEN_MAX,
	    on_deed, books);
	if (rc != SMX_OK) {
		books_free(&books);
		return rc;
	}
	*out = books;
	return SMX_OK;
}

int
books_start(struct books *books)
{
	int rc = node_thread(&books->thread, books_run, books);

	books->running = rc == SMX_OK;
	return rc;
}

void
books_join(struct books *books)
{
	if (!books->running)
		return;
	pthread_mutex_lock(&books->lock);
	pthread_cond_signal(&books->wake);
	pthread_mutex_unlock(&books->lock);
	pthread_join(books->thread, NULL);
	books->running = 0;
}

void
books_free(struct books **books)
{
	struct books *b = *books;

	if (b == NULL)
		return;
	custody_free(&b->table);
	pthread_mutex_destroy(&b->lock);
	pthread_mutex_destroy(&b->writing);
	pthread_cond_destroy(&b->wake);
	free(b->deeds);
	free(b->stuck);
	free(b);
	*books = NULL;
}

/* ---- taking ---- */

struct part {
	const char *rcpt;
	const char *domain; /* "x>" or "x" */
	size_t domain_len;
};

static struct part
part_of(const char *rcpt)
{
	const char *at = strrchr(rcpt, '@');
	struct part part = { rcpt, at == NULL ? "" : at + 1, 0 };

	part.domain_len = strcspn(part.domain, ">");
	return part;
}

static int
by_domain(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->domain_len != y->domain_len)
		return x->domain_len < y->domain_len ? -1 : 1;
	return strncasecmp(x->domain, y->domain, x->domain_len);
}

/* A message as rows, one for each domain. */
struct rows {
	struct part *parts;
	const char **rcpts;
	uint64_t *hashes;
	struct backup_mail_new *mails;
	char (*domains)[BACKUP_DOMAIN_MAX + 1];
	struct backup_mail_host (*hosts)[PRIMARIES_OF_ONE];
	int64_t *ids;
	size_t count;
};

static void
rows_free(struct rows *rows)
{
	free(rows->parts);
	free(rows->rcpts);
	free(rows->hashes);
	free(rows->mails);
	free(rows->domains);
	free(rows->hosts);
	free(rows->ids);
}

static size_t
count_domains(const struct part *parts, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += i == 0 || by_domain(&parts[i - 1], &parts[i]) != 0;
	return n;
}

static void
row_fill(struct rows *rows, size_t first, const struct books_mail *mail)
{
	struct backup_mail_new *new = &rows->mails[rows->count];

	backup_domain(rows->parts[first].rcpt, rows->domains[rows->count]);
	*new = (struct backup_mail_new){ .queue_id = mail->queue_id,
		.domain = rows->domains[rows->count],
		.sender = mail->sender,
		.size = mail->size,
		.state = mail->state,
		.taken_ms = mail->taken_ms,
		.until_ms = mail->hold ? mail->until_ms : 0,
		.rcpts = rows->rcpts + first,
		.hashes = rows->hashes + first };
	rows->count++;
}

static int
rows_make(struct rows *rows, const struct books_mail *mail)
{
	size_t n = mail->count, domains;

	rows->parts = calloc(n + 1, sizeof(*rows->parts));
	rows->rcpts = calloc(n + 1, sizeof(*rows->rcpts));
	rows->hashes = calloc(n + 1, sizeof(*rows->hashes));
	if (rows->parts == NULL || rows->rcpts == NULL || rows->hashes == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < n; i++)
		rows->parts[i] = part_of(mail->rcpts[i]);
	qsort(rows->parts, n, sizeof(*rows->parts), by_domain);
	domains = count_domains(rows->parts, n);
	rows->mails = calloc(domains + 1, sizeof(*rows->mails));
	rows->domains = calloc(domains + 1, sizeof(*rows->domains));
	rows->ids = calloc(domains + 1, sizeof(*rows->ids));
	rows->hosts = calloc(mail->state == MX_DOWN ? domains + 1 : 1,
	    sizeof(*rows->hosts));
	if (rows->mails == NULL || rows->domains == NULL || rows->ids == NULL ||
	    rows->hosts == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		rows->rcpts[i] = rows->parts[i].rcpt;
		rows->hashes[i] = amend_address(rows->rcpts[i]);
		if (i == 0 ||
		    by_domain(&rows->parts[i - 1], &rows->parts[i]) != 0)
			row_fill(rows, i, mail);
		rows->mails[rows->count - 1].count++;
	}
	return SMX_OK;
}

/* In which outages it is counted. */
static void
find_hosts(struct books *books, struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		struct backup_mail_new *row = &rows->mails[i];

		if (row->state != MX_DOWN)
			continue;
		row->hosts = rows->hosts[i];
		row->host_count =
		    primaries_down(backup_primaries(books->backup), row->domain,
			rows->hosts[i]);
	}
}

/* A row that cannot be followed is found when there is room again.  mail: NULL
 * when nobody waits for it any more. */
static void
follow(struct books *books, const struct backup_mail_new *mails, size_t count,
    const int64_t *ids, const struct books_mail *mail)
{
	int64_t now_ms = node_now_ms();

	pthread_mutex_lock(&books->lock);
	for (size_t i = 0; i < count; i++) {
		const struct backup_mail_new *row = &mails[i];
		struct custody_new new = { .mail = ids[i],
			.queue_id = row->queue_id,
			.domain = row->domain,
			.size = row->size,
			.custody = CUSTODY_TAKEN,
			.hold = mail == NULL ? row->until_ms != 0 : mail->hold,
			.by_hand = mail != NULL && mail->by_hand,
			.fresh = mail != NULL,
			.beside = i != 0,
			.open = row->hashes,
			.count = row->count };

		if (custody_find(&books->table, new.mail) == NULL)
			(void)!custody_add(&books->table, &new, now_ms);
	}
	pthread_mutex_unlock(&books->lock);
}

/* The disk took longer than anybody waited: it is ordinary mail by now, or not
 * there at all, and its file tells. */
static void
taken_late(void *ctx, const struct backup_mail_new *mails, size_t count,
    const int64_t *ids)
{
	follow(ctx, mails, count, ids, NULL);
}

static void
log_taken(const struct books_mail *mail)
{
	static const char *const states[] = { "?", "unknown", "up", "down" };
	struct log_line l;

	log_begin(&l, SMX_LOG_INFO, mail->queue_id, "backup-taken");
	log_str(&l, "domain", mail->domain);
	log_str(&l, "primary", states[mail->state & 3]);
	log_str(&l, "hold", mail->hold ? "yes" : "no");
	log_num(&l, "rcpts", (int64_t)mail->count);
	log_end(&l);
}

static int
over(uint64_t has, uint64_t more, int64_t quota)
{
	return quota > 0 && has + more > (uint64_t)quota;
}

static int
is_full(struct books *books, const char *domain, uint64_t size, int64_t quota,
    int64_t quota_messages)
{
	const struct custody_domain *d;
	int full;

	pthread_mutex_lock(&books->lock);
	d = custody_domain(&books->table, domain);
	full = d != NULL && (over(d->held_bytes, size, quota) ||
				over(d->held, 1, quota_messages));
	pthread_mutex_unlock(&books->lock);
	return full;
}

int
books_full(struct books *books, const char *domain,
    const struct smx_backup *backup)
{
	return is_full(books, domain, 1, backup->quota, backup->quota_messages);
}

int
books_take(struct books *books, const struct books_mail *mail)
{
	struct rows rows = { 0 };
	int rc = SMX_OK;

	if (mail->hold && is_full(books, mail->domain, mail->size, mail->quota,
			      mail->quota_messages))
		rc = SMX_EFULL;
	if (!pfid_valid(mail->queue_id, strlen(mail->queue_id)))
		rc = SMX_EINVAL;
	if (rc == SMX_OK)
		rc = rows_make(&rows, mail);
	if (rc == SMX_OK) {
		find_hosts(books, &rows);
		rc = backup_mail_add(books->db, rows.mails, rows.count,
		    rows.ids, taken_late, books);
	}
	if (rc == SMX_OK) {
		follow(books, rows.mails, rows.count, rows.ids, mail);
		log_taken(mail);
	}
	rows_free(&rows);
	return rc;
}

/* ---- the queue's evidence ---- */

#define EPOCH_NAME "books.queue_epoch"

/* Another queue than the one that the books were written for, or one that was
 * brought back to before? */
static int
is_another(struct books *books, const struct smx_queue_state *state)
{
	struct smx_store *store = backup_node(books->backup)->ports.store;
	char was[SMX_EPOCH_TEXT] = "", now[SMX_EPOCH_TEXT];
	struct smx_epoch epoch;
	enum lineage lineage = LINEAGE_SAME;
	int rc;

	smx_epoch_format(&state->epoch, now);
	if (strcmp(now, books->epoch) == 0)
		return 0;
	rc = store->ops->meta_get(store->ctx, EPOCH_NAME, was, sizeof(was));
	if (rc == SMX_OK && smx_epoch_parse(was, strlen(was), &epoch) == SMX_OK)
		lineage = lineage_of(state, &epoch);
	if (store->ops->meta_set(store->ctx, EPOCH_NAME, now) == SMX_OK)
		text_copy(books->epoch, sizeof(books->epoch), now);
	return lineage == LINEAGE_OTHER || lineage == LINEAGE_BACK;
}

void
books_state(struct books *books, const struct smx_queue_state *state)
{
	static const uint8_t none[16];
	int another;

	if (memcmp(state->epoch.id, none, 16) == 0)
		return;
	another = is_another(books, state);
	pthread_mutex_lock(&books->lock);
	books->watched = 1;
	books->replaced |= another;
	if (another && !books->reload)
		custody_replaced(&books->table);
	pthread_mutex_unlock(&books->lock);
}

void
books_event(struct books *books, const struct smx_queue_event *event,
    int64_t now_mono_ms)
{
	pthread_mutex_lock(&books->lock);
	custody_event(&books->table, event, now_mono_ms);
	pthread_mutex_unlock(&books->lock);
}

int
books_know(struct books *books, const char *queue_id)
{
	int known;

	pthread_mutex_lock(&books->lock);
	known = custody_first_id(&books->table, queue_id) != NULL;
	pthread_mutex_unlock(&books->lock);
	return known;
}

int
books_whose(struct books *books, const char *queue_id, uint64_t rcpt,
    char domain[BACKUP_DOMAIN_MAX + 1])
{
	const char *name;

	pthread_mutex_lock(&books->lock);
	name = custody_whose(&books->table, queue_id, rcpt);
	if (name != NULL && text_copy(domain, BACKUP_DOMAIN_MAX + 1, name))
		name = NULL;
	pthread_mutex_unlock(&books->lock);
	return name != NULL;
}

size_t
books_verify_next(struct books *books, int64_t now_mono_ms, const char **ids,
    size_t max, uint64_t *token)
{
	size_t n = 0;

	pthread_mutex_lock(&books->lock);
	if (books->watched && !books->reload)
		n = custody_verify_next(&books->table, now_mono_ms, ids, max,
		    token);
	pthread_mutex_unlock(&books->lock);
	return n;
}

size_t
books_read_next(struct books *books, int64_t now_mono_ms, const char **ids,
    size_t max, uint64_t *token)
{
	size_t n = 0;

	pthread_mutex_lock(&books->lock);
	if (books->watched && !books->reload)
		n = custody_read_next(&books->table, now_mono_ms, ids, max,
		    token);
	pthread_mutex_unlock(&books->lock);
	return n;
}
