/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_TAKEOVER_IN_H
#define CORE_TAKEOVER_IN_H

#include <shadowmx/log.h>

#include "core/holder.h"
#include "core/idmap.h"
#include "core/takeover.h"

/*
 * The takeover's inside, shared by claim.c (becoming answerable), takeover.c
 * (jobs), seek.c (which rows are due), outcome.c (what came of a job) and
 * handed.c (the way to the end in the own queue).
 */

/*
 * While an attempt is out, next_try_ms of its row is the negative number of
 * attempts in a row that never came back, this one included.  After a crash it
 * is found so: due at once, and known for what it is.
 */
#define ATTEMPT_OUT(crashes) (-(int64_t)(crashes))

/*
 * In place of a queue id: nothing of this row is in the own queue, or no more.
 * It is over, and only the members that hold it for this host have to hear it.
 */
#define HANDED_OVER HOLDER_OVER_ID

/*
 * What the reason of a row begins with that a person has released: from then on
 * it is not held, whatever its primary had said.
 */
#define RELEASED "released by the operator"

/* Likewise that of a row whose sender was told by the own MTA that it was not
 * delivered; the notice's queue id follows. */
#define RETURNED "returned to its sender by "

struct handed {
	struct idnode by_id; /* not of those that are over */
	struct handed *prev, *next;
	struct smx_key key;
	char id[SMX_QUEUE_ID_MAX + 1];
	int64_t due_ms;
	uint64_t looked_after;
	uint8_t tries;
	uint8_t suspect; /* its absence is no proof of its end */
};

/* Rows whose attempts are counted in one step. */
#define TAKEOVER_READY_MAX 32

/* Notices to senders of messages that are not known as handed yet: the own MTA
 * can be faster than the store. */
#define EARLY_MAX 256

struct early {
	char id[SMX_QUEUE_ID_MAX + 1];
	char notice[SMX_QUEUE_ID_MAX + 1];
};

#define HANDED_IDS_MAX 256
#define HANDED_MAX     100000

struct takeover {
	struct takeover_options options;
	struct smx_key *out; /* jobs that are out, or prepared, or written */
	size_t out_count, out_max;
	struct smx_key ready[TAKEOVER_READY_MAX]; /* prepared, oldest first */
	uint32_t ready_attempts[TAKEOVER_READY_MAX];
	size_t ready_at, ready_count;
	int64_t wake_ms;   /* none is due before; 0 not known */
	int64_t sought_ms; /* when that was found */

	uint64_t claims;

	struct idmap ids;
	struct handed *first;
	struct handed *over;
	size_t over_count;
	int64_t over_look_ms; /* when the store is looked through for more */
	int64_t over_due_ms;  /* when those that wait are due again */
	int loaded;
	int unfollowed; /* more rows than can be followed */
	int suspects;   /* some of what is followed may be in no queue */
	int64_t now_ms; /* of the last takeover_verify_next */
	uint64_t token;
	struct early early[EARLY_MAX]; /* a ring */
	size_t early_next;
	char verify[HANDED_IDS_MAX][SMX_QUEUE_ID_MAX + 1];
};

void handed_free(struct takeover *takeover);
/* over.c */
void over_follow(struct takeover *takeover, const struct smx_key *key,
    int64_t due_ms);
void over_free(struct takeover *takeover);
/* What the own MTA took of this row has come to its end: it goes, or waits for
 * those that hold it for this host, or for its primary. */
int over_end(struct takeover *takeover, const struct smx_row *row,
    int64_t wall_ms);
/* handed_queue.c: what was handed to a queue that is not as it was.  _again:
 * claimed once more; a row that is not HANDED any more is no error.  _loaded:
 * what was followed was read anew.  _settle: all that was in doubt is found, or
 * claimed. */
int handed_again(struct takeover *takeover, const struct smx_key *key,
    int64_t wall_ms);
void handed_suspect_loaded(struct takeover *takeover);
void handed_settle(struct takeover *takeover);
void handed_follow(struct takeover *takeover, const struct smx_key *key,
    const char *id);
/* It is written down as handed: was its sender told already? */
void handed_early(struct takeover *takeover, const struct smx_key *key,
    const char *id, int64_t wall_ms);
/* Move a row as the table says; SMX_ESTATE when it may not. */
int takeover_mark(struct takeover *takeover, const struct smx_key *key,
    enum smx_row_state from, enum holder_event event,
    struct smx_row_change *change, int64_t wall_ms);
/* The same in two steps: SMX_ESTATE when it may not, before anything is
 * written; and many at once, each with its result. */
int takeover_move(struct smx_row_change *change, enum smx_row_state from,
    enum holder_event event, int64_t wall_ms);
void takeover_marks(struct takeover *takeover, struct smx_row_mark *list,
    size_t count);
/* Envelope and marks of job->row; freed by takeover_job_free. */
int takeover_job_load(struct takeover *takeover, struct takeover_job *job);
void takeover_job_free(struct takeover_job *job);
/*
 * seek.c: rows that are due and not out.  The first is put into row, and when
 * it is one that no attempt has failed to come back from, the keys of those
 * that can be counted together with it into ready, *found of them.
 * SMX_ENOTFOUND: none until *wake_ms.
 */
int takeover_seek(struct takeover *takeover, int64_t wall_ms,
    struct smx_row *row, size_t *found, int64_t *wake_ms);
/* Count the attempts of what was found; what could be counted is ready and
 * out. */
int takeover_prepare(struct takeover *takeover, size_t found, int64_t wall_ms);
/* The job's row may be given out again. */
void takeover_come_back(struct takeover *takeover, const struct smx_key *key);
void takeover_log(enum smx_level level, const struct smx_row *row,
    const char *event, const char *why);

#endif
