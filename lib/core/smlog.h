/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SMLOG_H
#define CORE_SMLOG_H

#include <stddef.h>

#include "core/smid.h"

/*
 * One line of Sendmail's log, as far as it tells what became of a message.
 * Anybody who may log can write such a line, and addresses and the replies of
 * other hosts stand in it: it is read from its beginning in the order in which
 * Sendmail writes it, and whatever is not exactly that yields nothing.
 */
enum smlog_kind {
	SMLOG_NOTHING = 0,
	SMLOG_SENT,     /* id was delivered to rcpts */
	SMLOG_BOUNCED,  /* id was given up for rcpts */
	SMLOG_DEFERRED, /* id was not delivered to rcpts for now */
	SMLOG_QUEUED,   /* id was put into the queue for rcpts, untried, or in
			 * quarantine */
	SMLOG_RETURNED, /* id was not delivered: its sender, or the postmaster,
			 * is told in other */
	SMLOG_NOTICE,   /* its sender is told of id in other, and it goes on, or
			 * was delivered */
	SMLOG_CLONED,   /* some recipients of id are served as other */
	SMLOG_SPLIT,    /* some recipients of id are served as those in ids */
	SMLOG_HELD,     /* id is in quarantine now */
	SMLOG_RELEASED, /* and no longer */
	SMLOG_LOST,     /* id was set aside as damaged */
	SMLOG_DONE      /* id is finished */
};

struct smlog_line {
	enum smlog_kind kind;
	char id[SMID_TEXT];
	char other[SMID_TEXT];
	/* All of them are inside the line: */
	const char *rcpts; /* addresses with commas between them */
	size_t rcpts_len;
	const char *relay; /* "[192.0.2.1]" of the host that was spoken with */
	size_t relay_len;  /* 0: it is not said */
	const char *ids;   /* SPLIT: ids with "; " between them */
	size_t ids_len;
	int incomplete; /* SPLIT: there are more than are named */
};

/* line without its line break. */
enum smlog_kind smlog_read(const char *line, size_t len,
    struct smlog_line *out);
/* The next of rcpts, as it was before it was logged; *at is 0 at first, one
 * that out has no room for is left out.  Zero: there is none left. */
int smlog_rcpt(const struct smlog_line *line, size_t *at, char *out,
    size_t size);
/* The next of ids, likewise. */
int smlog_id(const struct smlog_line *line, size_t *at, char id[SMID_TEXT]);

#endif
