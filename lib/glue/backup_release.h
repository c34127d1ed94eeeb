/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_BACKUP_RELEASE_H
#define GLUE_BACKUP_RELEASE_H

#include "glue/backup.h"

/*
 * When the primary is up again: out of the hold, oldest first, at a pace that
 * the primary bears (core/release.h); when it falls again: back.  And the end
 * of the hold time.
 */
int releaser_new(struct releaser **out, struct backup *backup) SMX_MUST_USE;
int releaser_start(struct releaser *releaser) SMX_MUST_USE;
void releaser_join(struct releaser *releaser);
void releaser_free(struct releaser **releaser);

/* An operator's word or a request of the primary: begin now, whatever the
 * probes say; until_mono_ms: how long that holds, a day at most.  One that goes
 * on for longer stays as it is; a time that has come ends it.  SMX_OK: it is on
 * disk, a restart changes nothing. */
int releaser_flush(struct releaser *releaser, const char *domain,
    int64_t until_mono_ms);
/* In the books as to be held, and not on hold yet: put there as what was let go
 * is put back.  SMX_ELIMIT: there are too many, it stays ordinary mail. */
int releaser_hold(struct releaser *releaser, const char *queue_id);

#endif
