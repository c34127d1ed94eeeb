/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/books_run.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "glue/backup_rcpt.h"
#include "glue/node_impl.h"
#include "io/backup_mail.h"

/*
 * The thread that writes the books.  Deeds that cannot be written now are tried
 * again: nothing is forgotten but by a stop, after which all is looked for
 * anew.
 */
#define TURN_MS    1000
#define GATHER_MS  20 /* deeds wait for company */
#define PAGE       1000
#define PRUNE_MS   600000
#define PRUNE_MOST 1000

/* ---- what the database knows ---- */

struct loading {
	struct books *books;
	int64_t last;
	unsigned count;
};

static int
load_one(void *ctx, const struct custody_new *mail)
{
	struct loading *l = ctx;
	struct books *books = l->books;

	l->last = mail->mail;
	l->count++;
	pthread_mutex_lock(&books->lock);
	if (custody_find(&books->table, mail->mail) == NULL)
		(void)!custody_add(&books->table, mail, node_now_ms());
	pthread_mutex_unlock(&books->lock);
	return 0;
}

/* Looks begin when all is there, so that a replaced queue is told to all. */
static int
load(struct books *books)
{
	struct loading loading = { .books = books };
	int rc;

	do {
		loading.count = 0;
		rc = backup_mail_each_open(books->db, loading.last, PAGE,
		    load_one, &loading);
	} while (rc == SMX_OK && loading.count == PAGE);
	pthread_mutex_lock(&books->lock);
	if (rc == SMX_OK) {
		books->reload = 0;
		if (books->replaced)
			custody_replaced(&books->table);
	}
	pthread_mutex_unlock(&books->lock);
	return rc;
}

/* Nothing waits to be written. */
static int
reload(struct books *books)
{
	int64_t open;
	int rc;

	pthread_mutex_lock(&books->lock);
	custody_forget(&books->table);
	pthread_mutex_unlock(&books->lock);
	rc = load(books);
	pthread_mutex_lock(&books->lock);
	open = (int64_t)books->table.mails.count;
	pthread_mutex_unlock(&books->lock);
	if (rc != SMX_OK || open != 0)
		log_event(rc == SMX_OK ? SMX_LOG_INFO : SMX_LOG_ERR,
		    "backup-books-read", "open=%lld result=%d", (long long)open,
		    rc);
	return rc;
}

/* ---- what was found out ---- */

static void
take(struct books *books)
{
	pthread_mutex_lock(&books->lock);
	books->stuck_count = books->deed_count;
	books->stuck = books->deeds;
	books->deeds = NULL;
	books->deed_count = books->deeds_room = 0;
	pthread_mutex_unlock(&books->lock);
}

int
books_flush(struct books *books)
{
	int rc;

	for (;;) {
		if (books->stuck == NULL)
			take(books);
		if (books->stuck_count == 0)
			return SMX_OK;
		rc = backup_mail_do(books->db, books->stuck, books->stuck_count,
		    clock_wall_ms());
		if (rc != SMX_OK)
			return rc;
		backup_delivered(books->backup, books->stuck,
		    books->stuck_count);
		free(books->stuck);
		books->stuck = NULL;
		books->stuck_count = 0;
	}
}

/* Non-zero: this process ends. */
static int
write_down(struct books *books, int *told)
{
	size_t count;
	int rc;

	pthread_mutex_lock(&books->writing);
	rc = books_flush(books);
	count = books->stuck_count;
	pthread_mutex_unlock(&books->writing);
	if (rc == SMX_OK) {
		*told = 0;
		return 0;
	}
	if (!*told)
		log_event(SMX_LOG_ERR, "backup-not-written",
		    "deeds=%zu result=%d", count, rc);
	*told = 1;
	return backup_rest(books->backup, TURN_MS);
}

static void
prune(struct books *books)
{
	struct smx_config *config = node_config(backup_node(books->backup));
	int64_t keep_ms = config_conf(config)->backup_keep_ms;

	smx_config_release(&config);
	(void)!backup_mail_prune(books->db,
	    backup_forget_before(books->backup, keep_ms), PRUNE_MOST);
}

static void
wait_for_deeds(struct books *books)
{
	int64_t until = clock_mono_ms() + TURN_MS;
	struct timespec at = { until / 1000, until % 1000 * 1000000L };

	pthread_mutex_lock(&books->lock);
	if (books->deed_count == 0)
		(void)pthread_cond_timedwait(&books->wake, &books->lock, &at);
	pthread_mutex_unlock(&books->lock);
}

static int
wants_reload(struct books *books)
{
	int wants;

	pthread_mutex_lock(&books->lock);
	if (books->table.unfollowed &&
	    books->table.mails.count < books->table.max / 2)
		books->reload = 1;
	wants = books->reload && books->deed_count == 0;
	pthread_mutex_unlock(&books->lock);
	return wants;
}

void *
books_run(void *ctx)
{
	struct books *books = ctx;
	int64_t prune_ms = clock_mono_ms();
	int told = 0;

	while (!backup_rest(books->backup, GATHER_MS)) {
		if (!told && wants_reload(books) && reload(books) != SMX_OK &&
		    backup_rest(books->backup, TURN_MS))
			break;
		wait_for_deeds(books);
		if (write_down(books, &told))
			break;
		if (clock_mono_ms() >= prune_ms) {
			prune(books);
			prune_ms = clock_mono_ms() + PRUNE_MS;
		}
	}
	(void)write_down(books, &told);
	return NULL;
}
