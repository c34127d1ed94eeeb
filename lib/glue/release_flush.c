/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/release_run.h"
#include "io/backup_flush.h"

#define LOOK_MS 2000

static void
log_failure(int rc)
{
	if (rc != SMX_OK)
		log_event(SMX_LOG_ERR, "backup-release-failed",
		    "what=flush result=%s", smx_errname(rc));
}

static int
again(void *ctx, const char *domain, int64_t until_ms)
{
	struct releaser *r = ctx;
	int64_t left = until_ms - clock_wall_ms();

	return left > 0 && release_flush(r->release, domain,
			       clock_mono_ms() + left) != SMX_OK;
}

/* What is too far ahead was written by a clock that was wrong. */
static int
load(struct releaser *r)
{
	int rc = backup_flush_prune(backup_db(r->backup), clock_wall_ms(),
	    RELEASE_FLUSH_MOST_MS);

	if (rc == SMX_OK)
		rc = backup_flush_each(backup_db(r->backup), again, r);
	log_failure(rc);
	return rc == SMX_OK;
}

/* The others have their turn when these have gone. */
static int
note(void *ctx, const char *domain, int64_t until_ms)
{
	struct releaser *r = ctx;
	struct flush_row *row = &r->flush[r->flushes];

	if (release_flushing(r->release, domain))
		return 0;
	(void)text_copy(row->domain, sizeof(row->domain), domain);
	row->until_ms = until_ms;
	return ++r->flushes == RELEASE_FLUSHES;
}

void
release_flushes_list(struct releaser *r)
{
	int64_t now_ms = clock_mono_ms();

	r->flushes = 0;
	if (now_ms < r->flushes_ms)
		return;
	r->flushes_ms = now_ms + LOOK_MS;
	if (!r->flushes_loaded) {
		r->flushes_loaded = load(r);
		return;
	}
	log_failure(backup_flush_each(backup_db(r->backup), note, r));
}

void
release_flushes_end(struct releaser *r)
{
	for (size_t i = 0; i < r->flushes; i++) {
		const struct flush_row *row = &r->flush[i];

		if (!release_flushing(r->release, row->domain))
			log_failure(backup_flush_end(backup_db(r->backup),
			    row->domain, row->until_ms));
	}
	r->flushes = 0;
}
