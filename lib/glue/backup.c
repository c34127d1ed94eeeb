/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/steady.h"
#include "glue/alarm.h"
#include "glue/backup_hand.h"
#include "glue/backup_rcpt.h"
#include "glue/backup_release.h"
#include "glue/primaries.h"
#include "glue/backup_books.h"
#include "glue/mxwatch.h"
#include "glue/splitter.h"
#include "glue/spoken.h"

struct backup {
	struct smx_engine *node;
	struct backup_db *db;
	struct alarms *alarms;
	struct primaries *primaries;
	struct decider *decider;
	struct books *books;
	struct splitter *splitter;
	struct hander *hander;
	struct releaser *releaser;
	struct mxwatch *mxwatch;
	struct spoken *spoken;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int ending;           /* under lock */
	struct steady steady; /* likewise */
};

struct smx_engine *
backup_node(struct backup *backup)
{
	return backup->node;
}

struct backup_db *
backup_db(struct backup *backup)
{
	return backup->db;
}

struct primaries *
backup_primaries(struct backup *backup)
{
	return backup->primaries;
}

struct alarms *
backup_alarms(struct backup *backup)
{
	return backup->alarms;
}

struct decider *
backup_decider(struct backup *backup)
{
	return backup->decider;
}

struct books *
backup_books(struct backup *backup)
{
	return backup->books;
}

struct splitter *
backup_splitter(struct backup *backup)
{
	return backup->splitter;
}

struct releaser *
backup_releaser(struct backup *backup)
{
	return backup->releaser;
}

struct hander *
backup_hander(struct backup *backup)
{
	return backup->hander;
}

struct mxwatch *
backup_mxwatch(struct backup *backup)
{
	return backup->mxwatch;
}

struct spoken *
backup_spoken(struct backup *backup)
{
	return backup->spoken;
}

int
backup_rest(struct backup *backup, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;
	struct timespec at = { until / 1000, until % 1000 * 1000000L };
	int ending;

	pthread_mutex_lock(&backup->lock);
	while (!backup->ending &&
	       pthread_cond_timedwait(&backup->wake, &backup->lock, &at) == 0)
		;
	ending = backup->ending;
	pthread_mutex_unlock(&backup->lock);
	return ending;
}

int64_t
backup_forget_before(struct backup *backup, int64_t keep_ms)
{
	int64_t wall_ms = clock_wall_ms(), ms;

	pthread_mutex_lock(&backup->lock);
	ms = steady_ms(&backup->steady, clock_mono_ms(), wall_ms);
	pthread_mutex_unlock(&backup->lock);
	return ms < BACKUP_STEADY_MS ? INT64_MIN : wall_ms - keep_ms;
}

void
backup_domain(const char *rcpt, char out[BACKUP_DOMAIN_MAX + 1])
{
	const char *at = strrchr(rcpt, '@');
	size_t n = at != NULL ? strcspn(at + 1, ">") : 0;

	out[0] = '\0';
	if (n == 0 || n > BACKUP_DOMAIN_MAX)
		return;
	for (size_t i = 0; i < n; i++) {
		char c = at[1 + i];

		out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	out[n] = '\0';
}

static void
make_lock(struct backup *backup)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&backup->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&backup->wake, &attr);
	pthread_condattr_destroy(&attr);
}

/* Each part may ask those before it. */
static int
make_parts(struct backup *backup)
{
	int rc = alarms_new(&backup->alarms);

	if (rc == SMX_OK)
		rc = primaries_new(&backup->primaries, backup);
	if (rc == SMX_OK)
		rc = decider_new(&backup->decider, backup);
	if (rc == SMX_OK)
		rc = books_new(&backup->books, backup);
	if (rc == SMX_OK)
		rc = splitter_new(&backup->splitter, backup);
	if (rc == SMX_OK)
		rc = mxwatch_new(&backup->mxwatch, backup);
	if (rc == SMX_OK)
		rc = hander_new(&backup->hander, backup);
	if (rc == SMX_OK)
		rc = releaser_new(&backup->releaser, backup);
	if (rc == SMX_OK)
		rc = spoken_new(&backup->spoken, backup);
	return rc;
}

static int
start_parts(struct backup *backup)
{
	int rc = primaries_start(backup->primaries);

	if (rc == SMX_OK)
		rc = decider_start(backup->decider);
	if (rc == SMX_OK)
		rc = books_start(backup->books);
	if (rc == SMX_OK)
		rc = splitter_start(backup->splitter);
	if (rc == SMX_OK)
		rc = mxwatch_start(backup->mxwatch);
	if (rc == SMX_OK)
		rc = hander_start(backup->hander);
	if (rc == SMX_OK)
		rc = releaser_start(backup->releaser);
	return rc;
}

int
backup_new(struct backup **out, struct smx_engine *node, const char *folder)
{
	struct backup *backup = calloc(1, sizeof(*backup));
	struct log_line l;
	char why[256] = "";
	int rc;

	if (backup == NULL)
		return SMX_ENOMEM;
	backup->node = node;
	make_lock(backup);
	rc = backup_db_open(&backup->db, folder, why, sizeof(why));
	if (rc == SMX_OK)
		rc = make_parts(backup);
	if (rc == SMX_OK)
		rc = start_parts(backup);
	if (rc == SMX_OK) {
		*out = backup;
		return SMX_OK;
	}
	log_begin(&l, SMX_LOG_ERR, NULL, "no-backup-books");
	log_err(&l, "result", rc);
	log_str(&l, "reason", why);
	log_end(&l);
	backup_free(&backup);
	return rc;
}

void
backup_stop(struct backup *backup)
{
	pthread_mutex_lock(&backup->lock);
	backup->ending = 1;
	pthread_cond_broadcast(&backup->wake);
	pthread_mutex_unlock(&backup->lock);
	if (backup->mxwatch != NULL)
		mxwatch_join(backup->mxwatch);
	if (backup->releaser != NULL)
		releaser_join(backup->releaser);
	if (backup->splitter != NULL)
		splitter_join(backup->splitter);
	if (backup->hander != NULL)
		hander_join(backup->hander);
	if (backup->books != NULL)
		books_join(backup->books);
	if (backup->decider != NULL)
		decider_join(backup->decider);
	if (backup->primaries != NULL)
		primaries_join(backup->primaries);
	alarms_stop(backup->alarms);
}

void
backup_free(struct backup **backup)
{
	struct backup *b = *backup;

	if (b == NULL)
		return;
	backup_stop(b);
	spoken_free(&b->spoken);
	mxwatch_free(&b->mxwatch);
	releaser_free(&b->releaser);
	splitter_free(&b->splitter);
	hander_free(&b->hander);
	decider_free(&b->decider);
	primaries_free(&b->primaries);
	alarms_free(&b->alarms);
	/* What the disk was too slow for is told to the books when it ends. */
	backup_db_close(&b->db);
	books_free(&b->books);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->wake);
	free(b);
	*backup = NULL;
}
