/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_BACKUP_H
#define GLUE_BACKUP_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/engine.h>
#include <shadowmx/policy.h>

#include "core/backup.h"
#include "core/conf.h"
#include "core/hopanswer.h"
#include "io/backup_db.h"

/*
 * Being the backup MX: joined from the watch over the primary MX hosts
 * (primaries.h), the answer to RCPT (backup_rcpt.h), the books
 * (backup_books.h), what is split off (splitter.h), the release
 * (backup_release.h) and the watch over the MX records (mxwatch.h).  There is
 * one in every node whose store is a folder; it opens its database with the
 * first policy that has a backup group.
 *
 * Threads: any.  What belongs to one part has a lock of its own; no part calls
 * another with its lock held.
 */
struct backup;
struct primaries;
struct decider;
struct books;
struct splitter;
struct releaser;
struct hander;
struct mxwatch;
struct spoken;

/* folder: of the store.  Opens the database, makes the parts and starts their
 * threads.  A failure is logged. */
int backup_new(struct backup **out, struct smx_engine *node,
    const char *folder) SMX_MUST_USE;
/* Its threads end; stop waits for that. */
void backup_stop(struct backup *backup);
void backup_free(struct backup **backup); /* accepts NULL inside */

/* Of a node: NULL when it has none, or no policy has had a backup group yet. */
struct backup *node_backup(struct smx_engine *node);
/* Commands that wait for something to be looked at do so no more: the service
 * ends. */
void node_backup_hush(struct smx_engine *node);

struct smx_engine *backup_node(struct backup *backup);
struct backup_db *backup_db(struct backup *backup);
struct primaries *backup_primaries(struct backup *backup);
struct decider *backup_decider(struct backup *backup);
struct books *backup_books(struct backup *backup);
struct splitter *backup_splitter(struct backup *backup);
struct releaser *backup_releaser(struct backup *backup);
struct hander *backup_hander(struct backup *backup);
struct mxwatch *backup_mxwatch(struct backup *backup);
struct spoken *backup_spoken(struct backup *backup);
struct alarms;
struct alarms *backup_alarms(struct backup *backup);
/* Non-zero: threads leave.  Waits until then, or for so long. */
int backup_rest(struct backup *backup, int64_t ms);

/* What is older than so long may be forgotten: what is from before this time
 * (wall clock).  Nothing for half an hour after that clock jumped or this
 * process began: who knows what it says. */
#define BACKUP_STEADY_MS 1800000
int64_t backup_forget_before(struct backup *backup, int64_t keep_ms);

/* The domain of an address as in RCPT, with or without angle brackets, in
 * small letters; "" when it has none. */
#define BACKUP_DOMAIN_MAX 255
void backup_domain(const char *rcpt, char out[BACKUP_DOMAIN_MAX + 1]);

#endif
