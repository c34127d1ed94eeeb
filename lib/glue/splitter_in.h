/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_SPLITTER_IN_H
#define GLUE_SPLITTER_IN_H

#include <pthread.h>

#include "core/splits.h"
#include "glue/splitter.h"

/* The splitter's inside; splitter.c and splitter_found.c only. */
#define SPLITTER_ENDS  256
#define SPLITTER_LEFT  256 /* parts of a former life that are looked for */
#define SPLITTER_FOUND 100000

struct splitter_end {
	struct split split;
	enum splits_end how;
	unsigned tries;
};

/* What a former life left; the thread's, but for what is under the lock. */
struct splitter_left {
	struct backup_split *split;
	size_t count;
	char (*found)[PFID_TEXT]; /* under lock: files to be looked into */
	size_t found_count, found_room;
	int found_all; /* under lock */
	size_t next;
	unsigned tries;
};

struct splitter {
	struct backup *backup;
	pthread_t thread;
	int running;
	pthread_mutex_t lock; /* below */
	struct splits splits;
	struct splitter_end end[SPLITTER_ENDS];
	size_t ends;
	struct splitter_left left;
};

/* splitter_found.c.  _load before the thread begins. */
int splitter_left_load(struct splitter *splitter) SMX_MUST_USE;
void splitter_left_event(struct splitter *splitter,
    const struct smx_queue_event *event);
void splitter_left_run(struct splitter *splitter);
void splitter_left_free(struct splitter *splitter);
/* In the books, whatever has become of it; custody CUSTODY_ENDED: it has, or it
 * never was there. */
enum custody splitter_custody(struct splitter *splitter, const char *part);

#endif
