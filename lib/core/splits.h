/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SPLITS_H
#define CORE_SPLITS_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/queue.h>

#include "core/pfid.h"

/*
 * Parts that were split off messages whose end is in progress: was the message
 * committed without them?  Then the part stands.  When it certainly never was,
 * its client sends all of it again, and the part would be a second copy.  When
 * nobody can know it stands, too: a duplicate is the smaller harm.
 *
 * Certain is what this process has seen itself, without a gap in what the queue
 * tells.  Times are CLOCK_BOOTTIME.
 */
enum splits_end {
	SPLIT_STANDS = 1,
	SPLIT_FALLS,   /* never committed */
	SPLIT_DOUBTFUL /* nobody knows */
};

#define SPLITS_MAX     1024
#define SPLITS_IDS_MAX 100

struct split {
	int64_t id;               /* the caller's name for it */
	char original[PFID_TEXT]; /* the message it was taken from */
	char part[PFID_TEXT];
	int64_t since_ms, due_ms;
	uint64_t after; /* only later tokens prove anything */
	unsigned absents, tries;
	int gap; /* hints were lost meanwhile */
};

typedef void (
    *splits_fn)(void *ctx, const struct split *split, enum splits_end end);

struct splits {
	struct split *split; /* SPLITS_MAX of them, `count` in use */
	size_t count;
	uint64_t token;
	splits_fn end;
	void *ctx;
	char given[SPLITS_IDS_MAX][PFID_TEXT];
};

int splits_init(struct splits *splits, splits_fn end, void *ctx) SMX_MUST_USE;
void splits_free(struct splits *splits);
/* Before the MTA can hear that the message is accepted.  SMX_EFULL; SMX_EINVAL:
 * no queue ids. */
int splits_add(struct splits *splits, int64_t id, const char *original,
    const char *part, int64_t now_ms) SMX_MUST_USE;
void splits_event(struct splits *splits, const struct smx_queue_event *event,
    int64_t now_ms);
/* Ids to be verified now; lent until the next call. */
size_t splits_verify_next(struct splits *splits, int64_t now_ms,
    const char **ids, size_t max, uint64_t *token);

#endif
