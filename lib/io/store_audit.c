/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_audit.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/db_sqlite.h"
#include "io/store_content.h"
#include "io/store_suspect.h"
#include "io/store_view.h"

#define AUDIT_EACH_MS ((int64_t)24 * 3600 * 1000)
#define AUDIT_PAGE    64
/* For each millisecond of reading, so many of rest. */
#define AUDIT_REST 9

struct audit {
	struct audit_options options;
	struct view *view; /* its own: nobody waits for it */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop_cond;
	int stop;
	int suspect;            /* the mark is still there */
	uint64_t rows, damaged; /* in this round */
	int tables_damaged;
};

/* Non-zero: told to stop. */
static int
rest(struct audit *audit, int64_t ms)
{
	struct timespec until;
	int stop;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&audit->lock);
	while (!audit->stop && ms > 0)
		if (pthread_cond_timedwait(&audit->stop_cond, &audit->lock,
			&until) != 0)
			break;
	stop = audit->stop;
	pthread_mutex_unlock(&audit->lock);
	return stop;
}

static void
tables_damaged(struct audit *audit, const char *what)
{
	struct log_line l;

	damage_tables(audit->options.damage, 1);
	log_begin(&l, SMX_LOG_ERR, NULL, "store_damaged");
	log_str(&l, "text", what);
	log_end(&l);
}

/* Do the table of the rows and its indexes say the same? */
static int
look_at_tables(struct audit *audit)
{
	char why[200] = "";
	struct db *db = NULL;
	int result = db_open_reader(&db, audit->options.path);

	if (result == SMX_OK)
		result = db_check(db, "shadow", why, sizeof(why));
	if (result == SMX_OK)
		result = db_check(db, "finished", why, sizeof(why));
	db_close(&db);
	if (result == SMX_ECORRUPT)
		tables_damaged(audit, why);
	else if (result == SMX_OK)
		damage_tables(audit->options.damage, 0);
	return result;
}

static int
row_result(struct audit *audit, const struct smx_row *row)
{
	struct smx_content content;
	char *text = NULL, *states = NULL;
	size_t len;
	int result = stored_open(audit->view, audit->options.bodies, &row->key,
	    &content);

	if (result != SMX_OK)
		return result;
	stored_close(&content);
	if (row->state == SMX_ROW_SHADOW)
		return SMX_OK;
	result = view_envelope(audit->view, &row->key, &text, &len, &states);
	free(text);
	free(states);
	return result;
}

static void
look_at_row(struct audit *audit, const struct smx_row *row)
{
	int result;

	audit->rows++;
	if (row->state == SMX_ROW_DONE)
		return; /* nothing is left to be handed out */
	result = row_result(audit, row);
	/* Listed and not found: finished meanwhile, or its place is wrong. */
	if (result == SMX_ENOTFOUND && audit->tables_damaged)
		result = SMX_ECORRUPT;
	if (result == SMX_ECORRUPT || result == SMX_EIO) {
		audit->damaged++;
		(void)damage_found(audit->options.damage, &row->key);
	} else if (result == SMX_OK) {
		damage_mended(audit->options.damage, &row->key);
	}
}

/* Non-zero: told to stop. */
static int
look_at_page(struct audit *audit, const struct smx_row *rows, size_t count)
{
	int64_t began_ms = clock_mono_ms(), took_ms;

	for (size_t i = 0; i < count; i++) {
		look_at_row(audit, &rows[i]);
		damage_verified(audit->options.damage, &rows[i].key);
		if (rest(audit, 0))
			return 1;
	}
	if (audit->suspect || count < AUDIT_PAGE)
		return 0;
	took_ms = clock_mono_ms() - began_ms;
	return rest(audit, (took_ms + 1) * AUDIT_REST);
}

/* SMX_OK: everything was looked at. */
static int
look_at_rows(struct audit *audit)
{
	const struct smx_store_filter all = { 0 };
	struct smx_row *rows = calloc(AUDIT_PAGE, sizeof(*rows));
	struct smx_key after;
	size_t count = AUDIT_PAGE;
	int any = 0, result = rows == NULL ? SMX_ENOMEM : SMX_OK;

	while (result == SMX_OK && count == AUDIT_PAGE) {
		result = view_page(audit->view, &all, any ? &after : NULL, rows,
		    AUDIT_PAGE, &count);
		if (result == SMX_OK && look_at_page(audit, rows, count))
			result = SMX_ECLOSED;
		if (result == SMX_OK && count != 0) {
			after = rows[count - 1].key;
			any = 1;
		}
	}
	free(rows);
	if (result == SMX_ECORRUPT)
		tables_damaged(audit, "rows cannot be read");
	return result;
}

static void
all_seen(struct audit *audit, int64_t began_ms)
{
	struct log_line l;

	damage_recounted(audit->options.damage, audit->damaged);
	if (audit->suspect && suspect_clear(audit->options.folder) == SMX_OK) {
		damage_verified(audit->options.damage, NULL);
		audit->suspect = 0;
	}
	log_begin(&l, audit->damaged != 0 ? SMX_LOG_ERR : SMX_LOG_INFO, NULL,
	    "store_verified");
	log_num(&l, "rows", (int64_t)audit->rows);
	log_num(&l, "damaged", (int64_t)audit->damaged);
	log_num(&l, "took_ms", clock_mono_ms() - began_ms);
	log_end(&l);
}

static void
not_all_seen(struct audit *audit, int result)
{
	struct log_line l;

	if (result == SMX_ECLOSED)
		return; /* the store is being closed */
	log_begin(&l, SMX_LOG_ERR, NULL, "store_unverified");
	log_num(&l, "rows", (int64_t)audit->rows);
	log_num(&l, "damaged", (int64_t)audit->damaged);
	log_err(&l, "result", result);
	log_end(&l);
}

static void *
audit_main(void *arg)
{
	struct audit *audit = arg;

	do {
		int64_t began_ms = clock_mono_ms();
		int result = look_at_tables(audit);

		audit->rows = audit->damaged = 0;
		audit->tables_damaged = result == SMX_ECORRUPT;
		if (result == SMX_OK || result == SMX_ECORRUPT)
			result = look_at_rows(audit);
		if (result == SMX_OK)
			all_seen(audit, began_ms);
		else
			not_all_seen(audit, result);
	} while (!rest(audit, AUDIT_EACH_MS));
	return NULL;
}

static void
audit_free(struct audit *audit)
{
	view_close(&audit->view);
	pthread_cond_destroy(&audit->stop_cond);
	pthread_mutex_destroy(&audit->lock);
	free(audit);
}

static int
thread_start(struct audit *audit)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&audit->thread, NULL, audit_main, audit);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error == 0 ? SMX_OK : SMX_ENOMEM;
}

int
audit_start(struct audit **out, const struct audit_options *options)
{
	struct audit *audit = calloc(1, sizeof(*audit));
	pthread_condattr_t attr;
	int result;

	if (audit == NULL)
		return SMX_ENOMEM;
	audit->options = *options;
	audit->suspect = options->suspect;
	pthread_mutex_init(&audit->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&audit->stop_cond, &attr);
	pthread_condattr_destroy(&attr);
	if (audit->suspect)
		damage_suspect(options->damage, clock_wall_ms());
	result = view_open(&audit->view, options->path);
	if (result == SMX_OK)
		result = thread_start(audit);
	if (result != SMX_OK)
		audit_free(audit);
	else
		*out = audit;
	return result;
}

void
audit_stop(struct audit **audit)
{
	if (*audit == NULL)
		return;
	pthread_mutex_lock(&(*audit)->lock);
	(*audit)->stop = 1;
	pthread_cond_signal(&(*audit)->stop_cond);
	pthread_mutex_unlock(&(*audit)->lock);
	pthread_join((*audit)->thread, NULL);
	audit_free(*audit);
	*audit = NULL;
}
