/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_PFQUEUE_READ_H
#define IO_PFQUEUE_READ_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/queue.h>

#include "io/pfcat_job.h"
#include "io/pfqueue_file.h"

struct pfqueue;

/*
 * Reading the envelopes of a batch of queue files, in one run of postcat when
 * all goes well.  A file that ends the run, or makes it doubtful whose lines
 * are whose, costs a run of its own for each, never a wrong answer.
 */
#define PFREAD_WAITING_MAX 400
#define PFREAD_MS          30000 /* for one run */
#define PFREAD_BATCH_MS    60000
/* Texts that wait to be fetched; above it no run is begun. */
#define PFREAD_TEXTS_MAX (16u * 1024 * 1024)

struct pfread_asked {
	char id[64];
	uint64_t token;
};

struct pfread {
	/* under the lock of the queue */
	struct pfread_asked asked[PFREAD_WAITING_MAX];
	size_t asked_first, asked_count;

	struct pfread_item {
		struct pfread_asked asked;
		struct pffile file;
	} item[SMX_QUEUE_READ_MAX];
	size_t items;
	size_t next;  /* the first without an answer; all are: no batch */
	size_t alone; /* items from next to be read one at a time */
	size_t in_run;
	int running;
	int64_t until_mono_ms;
	struct pfcat_job job;
};

void pfread_init(struct pfread *r);
/* Any thread: all of the ids or none, SMX_ELIMIT. */
int pfread_ask(struct pfqueue *q, const char *const *ids, size_t count,
    uint64_t token);
void pfread_turn(struct pfqueue *q, int64_t now_ms);
int64_t pfread_wait_ms(struct pfqueue *q);
/* What was asked for is not wanted any more. */
void pfread_forget(struct pfqueue *q);

#endif
