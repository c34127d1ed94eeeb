/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "glue/alarm.h"
#include "glue/node_impl.h"
#include "glue/primaries.h"
#include "glue/release_run.h"
#include "io/backup_mail.h"

/* Whose hold is over, or nearly: counted, and told of in one word for each
 * domain. */
struct over {
	struct releaser *releaser;
	const struct smx_backup *backup;
	int64_t wall_ms;
	int64_t first_ms; /* the first end that is told of */
	size_t warned, kept, given_up;
	int64_t ids[RELEASE_PAGE];
	size_t count;
	int rc;
};

/* Not written down: it is told of again. */
static void
write_down(struct over *o)
{
	if (o->count != 0 && o->rc == SMX_OK)
		o->rc = backup_moves_warned(backup_db(o->releaser->backup),
		    o->ids, o->count, o->wall_ms);
	o->count = 0;
}

static int
one(void *ctx, const struct backup_mail_row *row)
{
	struct over *o = ctx;
	struct release_hold hold = { row->until_ms, row->warned_ms };
	enum release_end end;

	if (row->custody != CUSTODY_HELD)
		return 0;
	end = release_end(o->releaser->release, &hold, o->backup);
	if (end == RELEASE_END_HAND)
		return release_hand(o->releaser, row, o->backup->hand_to) ==
		       SMX_EFULL;
	/* A notice would be about those, too, who have it. */
	if (end == RELEASE_END_RETURN && row->handed != 0)
		return release_hand(o->releaser, row, "") == SMX_EFULL;
	if (end == RELEASE_END_RETURN) {
		o->given_up += release_expire(o->releaser, row) == SMX_OK;
		return 0;
	}
	if (end != RELEASE_END_WARN && end != RELEASE_END_KEEP)
		return 0;
	if (o->warned + o->kept == 0 || row->until_ms < o->first_ms)
		o->first_ms = row->until_ms;
	*(end == RELEASE_END_WARN ? &o->warned : &o->kept) += 1;
	o->ids[o->count++] = row->id;
	if (o->count == RELEASE_PAGE)
		write_down(o);
	return o->rc != SMX_OK;
}

static void
log_over(struct log_line *l, const char *domain, size_t count, int64_t end_ms)
{
	log_str(l, "domain", domain);
	log_num(l, "messages", (int64_t)count);
	if (end_ms != 0)
		log_num(l, "first_end_ms", end_ms);
	log_end(l);
}

/* Maintenance that was announced alarms nobody. */
static int
is_announced(const struct over *o, const char *domain)
{
	struct primaries_word word;

	(void)primaries_state(backup_primaries(o->releaser->backup), o->backup,
	    domain, &word);
	return word.announced;
}

static const char *
then_they(const struct smx_backup *backup)
{
	switch (backup->at_end) {
	case BACKUP_END_KEEP:
		return "are kept";
	case BACKUP_END_HAND:
		return "are handed over";
	default:
		return "go back to their senders";
	}
}

static void
tell(const struct over *o, const char *domain)
{
	struct smx_engine *node = backup_node(o->releaser->backup);
	int64_t left = (o->first_ms - o->wall_ms) / 1000;
	struct log_line l;
	char text[256];

	if (o->given_up != 0) {
		log_begin(&l, SMX_LOG_WARNING, NULL, "backup-hold-over");
		log_over(&l, domain, o->given_up, 0);
	}
	if (o->kept != 0) {
		log_begin(&l, SMX_LOG_WARNING, NULL, "backup-hold-kept");
		log_over(&l, domain, o->kept, o->first_ms);
	}
	if (o->warned == 0)
		return;
	log_begin(&l, SMX_LOG_WARNING, NULL, "backup-hold-ends");
	log_over(&l, domain, o->warned, o->first_ms);
	if (is_announced(o, domain))
		return;
	snprintf(text, sizeof(text),
	    "%zu messages on hold for the primary MX come to the end of their "
	    "time, the first in %" PRId64 " s; then they %s",
	    o->warned, left > 0 ? left : 0, then_they(o->backup));
	alarm_tell(node, "hold-ends", domain, text);
}

void
release_over(struct releaser *r, const char *domain,
    const struct smx_backup *backup)
{
	struct over over = { .releaser = r,
		.backup = backup,
		.wall_ms = clock_wall_ms() };
	int rc;

	if (backup == NULL)
		return;
	rc = release_rows(r, domain, one, &over);
	write_down(&over);
	if (rc == SMX_OK)
		rc = over.rc;
	if (rc != SMX_OK)
		log_event(SMX_LOG_ERR, "backup-release-failed",
		    "what=ends result=%s", smx_errname(rc));
	tell(&over, domain);
}
