/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PASSED_H
#define CORE_PASSED_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/key.h>
#include <shadowmx/store.h>

#include "core/idmap.h"

/*
 * Messages that the MTA may commit without our yes: their ids, for ten minutes.
 * Above the ceiling the oldest go.
 */
#define PASSED_MAX 4096

struct passed_id {
	struct idnode by_id;
	struct passed_id *prev, *next; /* oldest first */
	int64_t since_ms;
	int64_t due_ms; /* of the next look */
	uint64_t after; /* only looks with a greater token count */
	unsigned tries;
	int found; /* in the queue at our start */
	char id[SMX_QUEUE_ID_MAX + 1];
};

struct passed {
	struct idmap ids;
	struct passed_id *first, *last;
	size_t count;
	int64_t next_ms; /* no look is due before */
	uint64_t dropped;
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

#endif
