/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SMID_H
#define CORE_SMID_H

#include <stddef.h>

/*
 * Sendmail queue ids, from their text alone: one character each for the year
 * (modulo 60), month, day, hour, minute and second, two that count, and the
 * process id in six digits or more.  As the date is in it, an id does not come
 * back.
 *
 * The files of a message are named after it: qfID is its envelope and headers,
 * hfID the same in quarantine, tfID while that is being written anew, dfID its
 * body, QfID what Sendmail set aside as damaged.
 */
#define SMID_TEXT 32 /* longest id that is believed, with the closing NUL */

/* Non-zero for a queue id. */
int smid_valid(const char *text, size_t len);

enum smid_file {
	SMID_NO_FILE = 0,
	SMID_QUEUED,      /* qf */
	SMID_QUARANTINED, /* hf */
	SMID_REWRITTEN,   /* tf */
	SMID_DATA,        /* df */
	SMID_LOST         /* Qf */
};
/* Which file of a message this name is; *id is inside name. */
enum smid_file smid_file(const char *name, const char **id);
/* "qf" and so on. */
const char *smid_prefix(enum smid_file file);

#endif
