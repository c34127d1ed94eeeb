/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_BACKUP_MARK_H
#define GLUE_BACKUP_MARK_H

#include <stdint.h>

#include <shadowmx/envelope.h>

/*
 * The books go with the shadows: what a backup MX has on hold says so in its
 * envelope (HOLD in the CLIENT line, until when), so that whoever resubmits it
 * can tell it from what a person put on hold.
 */

/* 0: it is not on hold as a backup MX.  SMX_ENOMEM. */
int backup_mark(struct smx_envelope *envelope, int64_t until_ms) SMX_MUST_USE;
int64_t backup_marked(const struct smx_envelope *envelope);
/* In what was read of a file that is on hold (struct smx_queue_event, text);
 * until_ms 0: by somebody else's doing.  malloc'ed anew; without memory as it
 * was. */
char *backup_mark_text(char *text, int64_t until_ms);
/* Those with these amend_address() have it somewhere else: whoever takes the
 * message over has nothing to give them.  In place. */
void backup_strike_text(char *text, const uint64_t *booked, size_t count);
#endif
