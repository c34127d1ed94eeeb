/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_HAND_H
#define IO_BACKUP_HAND_H

#include <stddef.h>
#include <stdint.h>

#include "io/backup_db.h"

/*
 * The tables hand and hand_rcpt: messages of the books that are being handed to
 * somebody else, and who has got his there.  A recipient's name here is
 * amend_address() of what the MTA's file says.
 *
 * Results are those of backup_db_write and backup_db_read.
 */
struct backup_hand {
	unsigned tries, lost; /* in vain; of these, may have been taken */
	int out;              /* an attempt is out, or ended with the process */
	int64_t next_ms;      /* wall clock; 0 at once */
	char why[160];        /* of the last attempt */
	char former[64];      /* the file that is to go yet, "" none: those that
			       * were left have gone on under another id */
};
/* All zero: nothing is known of it. */
int backup_hand_look(struct backup_db *db, int64_t mail,
    struct backup_hand *out) SMX_MUST_USE;
/* malloc'ed. */
int backup_hand_booked(struct backup_db *db, int64_t mail, uint64_t **hashes,
    size_t *count) SMX_MUST_USE;

/* An attempt begins; durable. */
int backup_hand_begin(struct backup_db *db, int64_t mail) SMX_MUST_USE;

struct backup_hand_end {
	int64_t mail;
	const uint64_t *taken; /* by this attempt; booked, as HANDED */
	size_t count;
	int all;     /* nobody of this message is left in its file */
	int lost;    /* it may have been taken by others, too */
	int in_vain; /* somebody is left who was asked for */
	int64_t next_ms;
	const char *why;
	const char *queue_id; /* the file, and */
	const char *new_id;   /* under which id those that were left go on: they
			       * are booked and not HANDED; NULL: they do not */
	int64_t wall_ms;
};
/* It came back; durable. */
int backup_hand_ended(struct backup_db *db,
    const struct backup_hand_end *end) SMX_MUST_USE;
/* One that is out, and cannot come back any more: it is lost.  Durable. */
int backup_hand_lost(struct backup_db *db, int64_t mail,
    int64_t next_ms) SMX_MUST_USE;
/* Those that the last process did not come back from are, too. */
int backup_hand_restart(struct backup_db *db, int64_t wall_ms) SMX_MUST_USE;
/* The file is gone; what was booked has gone with it. */
int backup_hand_forget(struct backup_db *db, int64_t mail) SMX_MUST_USE;

/* Those with a former file, most at the most. */
struct backup_hand_former {
	int64_t mail;
	char queue_id[64], sender[330];
};
int backup_hand_formers(struct backup_db *db, struct backup_hand_former *out,
    size_t most, size_t *count) SMX_MUST_USE;

#endif
