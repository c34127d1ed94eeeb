/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_mail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crash.h"

/* Between the answer to RCPT and the end of the message a primary may have come
 * back; a client takes no longer than that. */
#define SESSION_MS 600000

/* All of it is its own: the disk may take longer than its caller waits. */
struct adding {
	struct backup_db *db;
	struct backup_mail_new *mails;
	size_t count;
	int64_t *ids;
	int64_t wall_ms;
	backup_mail_late_fn late;
	void *late_ctx;
	char *text; /* that the mails point to */
	const char **rcpts;
	uint64_t *hashes;
	struct backup_mail_host *hosts;
};

static void
adding_free(struct adding *a)
{
	if (a == NULL)
		return;
	free(a->mails);
	free(a->ids);
	free(a->text);
	free(a->rcpts);
	free(a->hashes);
	free(a->hosts);
	free(a);
}

static const char *
keep(char **at, const char *text)
{
	size_t n = strlen(text) + 1;
	char *kept = memcpy(*at, text, n);

	*at += n;
	return kept;
}

struct sizes {
	size_t text, rcpts, hosts;
};

static struct sizes
measure(const struct backup_mail_new *mails, size_t count)
{
	struct sizes s = { 1, 1, 1 };

	for (size_t i = 0; i < count; i++) {
		s.text += strlen(mails[i].queue_id) + strlen(mails[i].domain) +
			  strlen(mails[i].sender) + 3;
		for (size_t k = 0; k < mails[i].count; k++)
			s.text += strlen(mails[i].rcpts[k]) + 1;
		s.rcpts += mails[i].count;
		s.hosts += mails[i].host_count;
	}
	return s;
}

static void
copy(struct adding *a, const struct backup_mail_new *mails, size_t count)
{
	size_t rcpts = 0, hosts = 0;
	char *at = a->text;

	for (size_t i = 0; i < count; i++) {
		struct backup_mail_new *m = &a->mails[i];

		*m = mails[i];
		m->queue_id = keep(&at, mails[i].queue_id);
		m->domain = keep(&at, mails[i].domain);
		m->sender = keep(&at, mails[i].sender);
		m->rcpts = a->rcpts + rcpts;
		m->hashes = a->hashes + rcpts;
		for (size_t k = 0; k < m->count; k++, rcpts++) {
			a->rcpts[rcpts] = keep(&at, mails[i].rcpts[k]);
			a->hashes[rcpts] = mails[i].hashes[k];
		}
		m->hosts = a->hosts + hosts;
		for (size_t k = 0; k < m->host_count; k++)
			a->hosts[hosts++] = mails[i].hosts[k];
	}
}

static struct adding *
adding_new(struct backup_db *db, const struct backup_mail_new *mails,
    size_t count)
{
	struct adding *a = calloc(1, sizeof(*a));
	struct sizes s = measure(mails, count);

	if (a == NULL)
		return NULL;
	a->db = db;
	a->count = count;
	a->wall_ms = clock_wall_ms();
	a->mails = calloc(count + 1, sizeof(*a->mails));
	a->ids = calloc(count + 1, sizeof(*a->ids));
	a->text = malloc(s.text);
	a->rcpts = calloc(s.rcpts, sizeof(*a->rcpts));
	a->hashes = calloc(s.rcpts, sizeof(*a->hashes));
	a->hosts = calloc(s.hosts, sizeof(*a->hosts));
	if (a->mails == NULL || a->ids == NULL || a->text == NULL ||
	    a->rcpts == NULL || a->hashes == NULL || a->hosts == NULL) {
		adding_free(a);
		return NULL;
	}
	copy(a, mails, count);
	return a;
}

static int
add_rcpt(struct db_stmt *stmt, int64_t id, const struct backup_mail_new *mail,
    size_t n)
{
	char hash[17];

	snprintf(hash, sizeof(hash), "%016" PRIx64, mail->hashes[n]);
	db_bind_int(stmt, 1, id);
	db_bind_int(stmt, 2, (int64_t)n);
	db_bind_text(stmt, 3, mail->rcpts[n]);
	db_bind_text(stmt, 4, hash);
	db_bind_int(stmt, 5, CUSTODY_OPEN);
	return db_run(stmt);
}

static int
add_rcpts(struct backup_db *bdb, struct db *db, int64_t id,
    const struct backup_mail_new *mail)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(bdb, db,
	    "INSERT INTO mail_rcpt (mail, n, address, hash, outcome, at_ms)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, 0)",
	    &stmt);

	for (size_t i = 0; rc == SMX_OK && i < mail->count; i++)
		rc = add_rcpt(stmt, id, mail, i);
	return rc;
}

static int
add_mail(struct backup_db *bdb, struct db *db,
    const struct backup_mail_new *mail, int64_t *id)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(bdb, db,
	    "INSERT INTO mail (queue_id, domain, sender, size, taken_ms,"
	    " until_ms, primary_state, custody, released_ms, ended_ms,"
	    " warned_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, 0)",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, mail->queue_id);
	db_bind_text(stmt, 2, mail->domain);
	db_bind_text(stmt, 3, mail->sender);
	db_bind_int(stmt, 4, (int64_t)mail->size);
	db_bind_int(stmt, 5, mail->taken_ms);
	db_bind_int(stmt, 6, mail->until_ms);
	db_bind_int(stmt, 7, mail->state);
	db_bind_int(stmt, 8, CUSTODY_TAKEN);
	rc = db_run(stmt);
	if (rc != SMX_OK)
		return rc;
	*id = db_last_id(db);
	return add_rcpts(bdb, db, *id, mail);
}

/* In the outage of each host that was down. */
static int
count_mail(const struct adding *a, struct db *db,
    const struct backup_mail_new *mail)
{
	const struct backup_outage_taken taken = { 1, mail->count, mail->size };
	int rc = SMX_OK;

	for (size_t i = 0; rc == SMX_OK && i < mail->host_count; i++)
		rc = backup_outage_count(a->db, db, &mail->hosts[i],
		    a->wall_ms - SESSION_MS, &taken);
	return rc;
}

static int
add_all(void *ctx, struct db *db)
{
	struct adding *a = ctx;
	int rc = SMX_OK;

	for (size_t i = 0; rc == SMX_OK && i < a->count; i++) {
		rc = add_mail(a->db, db, &a->mails[i], &a->ids[i]);
		if (rc == SMX_OK)
			rc = count_mail(a, db, &a->mails[i]);
	}
	return rc;
}

static void
added_late(void *ctx, int result)
{
	struct adding *a = ctx;

	if (result == SMX_OK && a->late != NULL)
		a->late(a->late_ctx, a->mails, a->count, a->ids);
	adding_free(a);
}

int
backup_mail_add(struct backup_db *db, const struct backup_mail_new *mails,
    size_t count, int64_t *ids, backup_mail_late_fn late, void *ctx)
{
	struct adding *a = adding_new(db, mails, count);
	int rc, given;

	if (a == NULL)
		return SMX_ENOMEM;
	a->late = late;
	a->late_ctx = ctx;
	crash_point("books-take");
	rc = backup_db_give(db, add_all, a, added_late, &given);
	crash_point("books-taken");
	if (rc == SMX_OK)
		memcpy(ids, a->ids, count * sizeof(*ids));
	if (!given)
		adding_free(a);
	return rc;
}
