/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PASSED_H
#define CORE_PASSED_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/key.h>
#include <shadowmx/store.h>

#include "core/idmap.h"

/*
 * Messages that the MTA may commit without our yes: their ids, for ten minutes,
 * and those of them that turned out to be in the queue, until they are copied.
 * Both have ceilings, above which the oldest go.
 */
#define PASSED_MAX 4096
#define COPIES_MAX 1024

struct passed_id {
	struct idnode by_id;
	struct passed_id *prev, *next; /* oldest first */
	int64_t since_ms;
	int64_t due_ms; /* of the next look */
	uint64_t after; /* only looks with a greater token count */
	unsigned tries;
	char id[SMX_QUEUE_ID_MAX + 1];
};

struct passed_copy {
	struct smx_key key;
	int64_t due_ms;
	unsigned tries;
	int out;
};

struct passed {
	struct idmap ids;
	struct passed_id *first, *last;
	size_t count;
	int64_t next_ms; /* no look is due before */
	uint64_t dropped;
	struct passed_copy *copy; /* COPIES_MAX, made when needed */
	size_t copies;
};

void passed_init(struct passed *passed, uint64_t seed);
void passed_free(struct passed *passed);
struct passed_id *passed_find(const struct passed *passed, const char *id);
/* SMX_ENOMEM.  One that is there already begins anew. */
int passed_add(struct passed *passed, const char *id, uint64_t after,
    int64_t due_ms, int64_t now_ms);
void passed_forget(struct passed *passed, struct passed_id *one);
/* One to look for now, which is not given again before its pause is over; those
 * that are too old go.  NULL: none. */
struct passed_id *passed_due(struct passed *passed, int64_t now_ms);

/* SMX_ELIMIT, SMX_ENOMEM. */
int passed_copy_add(struct passed *passed, const struct smx_key *key,
    int64_t now_ms);
struct passed_copy *passed_copy_find(const struct passed *passed,
    const struct smx_key *key);
void passed_copy_forget(struct passed *passed, struct passed_copy *copy);

#endif
