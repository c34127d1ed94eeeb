/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_RELEASE_RUN_H
#define GLUE_RELEASE_RUN_H

#include <pthread.h>

#include "core/release.h"
#include "glue/backup_books.h"
#include "glue/backup_release.h"
#include "io/backup_moves.h"

/*
 * For glue/backup_release.c and release_*.c.  All but what is under the lock is
 * the releaser's thread's.
 */
#define RELEASE_BATCH  50 /* messages in one call of the MTA's tools */
#define RELEASE_PAGE   200
#define RELEASE_LET_GO 65536

#define RELEASE_FLUSH_MOST_MS INT64_C(86400000)
#define RELEASE_FLUSHES       64 /* looked at in one step */

/* One that is written down, with the end that it has there. */
struct flush_row {
	char domain[BACKUP_DOMAIN_MAX + 1];
	int64_t until_ms;
};

/* Messages to which the same is to be done. */
struct release_batch {
	enum smx_queue_change what;
	size_t count;
	int64_t ids[RELEASE_BATCH];
	char queue_id[RELEASE_BATCH][64];
	char domain[RELEASE_BATCH][BACKUP_DOMAIN_MAX + 1];
};

/* One that was let go in this life of the process, by its id's last bits. */
struct let_go {
	int64_t id; /* 0 none */
	uint64_t domain;
};

/* A domain with open mail. */
struct release_domain {
	char *name;
	const struct smx_backup *backup; /* config's; NULL no policy names it */
	int held;
};

struct release_order {
	struct release_order *next;
	char queue_id[64]; /* to be put on hold; "": a flush of domain */
	int64_t until_ms;  /* 0: a flush of before is over */
	int unwritten;     /* of the flush that ends then: it could not be
			    * written down */
	char domain[BACKUP_DOMAIN_MAX + 1];
};

struct backup_mail_row;
struct releaser {
	struct backup *backup;
	struct release *release;
	pthread_t thread;
	int running;
	pthread_mutex_t lock;
	struct release_order *orders; /* under lock */

	struct smx_config *config; /* of domains' backup */
	struct release_domain *domains;
	size_t count, room;
	int64_t look_ms;              /* at the books, again */
	struct backup_mail_row *rows; /* RELEASE_PAGE of them */
	struct release_batch out, anew, back, expire;
	struct let_go let_go[RELEASE_LET_GO];
	struct flush_row flush[RELEASE_FLUSHES];
	size_t flushes;
	int flushes_loaded; /* those of before the start */
	int64_t flushes_ms; /* looked at, again */
	int told_unable;
};

/*
 * release_flush.c: flushes that are written down.  Those of before a restart go
 * on; one that has ended before its time is struck out, or a restart would
 * begin it again.  An order is given before it is written down, and what is
 * listed before the orders are carried out is judged after that: so none that
 * has just been asked for is taken for one that has ended; nor is any of
 * before, until those could be read.
 */
void release_flushes_list(struct releaser *releaser);
void release_flushes_end(struct releaser *releaser);

/* release_look.c: which domains have mail; SMX_ENOMEM or what the database
 * says. */
int release_look(struct releaser *releaser) SMX_MUST_USE;
void release_forget(struct releaser *releaser);

/* release_move.c: what a turn is about, and what is left of a step's batches.
 */
void release_go(struct releaser *releaser, const struct release_turn *turn);
void release_put_back(struct releaser *releaser, const char *domain);
void release_put(struct releaser *releaser, const char *queue_id);
int release_expire(struct releaser *releaser,
    const struct backup_mail_row *row) SMX_MUST_USE;
/* To the hander; to "": who is left gets a message of his own.  SMX_EFULL: it
 * takes no more now, and this domain is asked about again soon. */
int release_hand(struct releaser *releaser, const struct backup_mail_row *row,
    const char *to);
void release_carry_out(struct releaser *releaser);
/* Non-zero from each stops; rows are lent. */
typedef int (*release_row_fn)(void *ctx, const struct backup_mail_row *row);
int release_rows(struct releaser *releaser, const char *domain,
    release_row_fn each, void *ctx) SMX_MUST_USE;

/* release_over.c: whose hold has come to its end. */
void release_over(struct releaser *releaser, const char *domain,
    const struct smx_backup *backup);

#endif
