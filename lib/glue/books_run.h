/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_BOOKS_RUN_H
#define GLUE_BOOKS_RUN_H

#include <pthread.h>

#include "core/custody.h"
#include "glue/backup_books.h"

/* The books' inside; backup_books.c, books_run.c and books_look.c only. */
#define BOOKS_DEEDS_MAX (64 * 1024)

struct books {
	struct backup *backup;
	struct backup_db *db;
	pthread_t thread;
	int running;
	char epoch[SMX_EPOCH_TEXT]; /* the queue's thread alone */
	/* Whoever writes: deeds are written in their order, and before what
	 * this host does to the same messages.  Taken before the other. */
	pthread_mutex_t writing;
	struct custody_deed *stuck; /* taken, and not written yet; under it */
	size_t stuck_count;
	pthread_mutex_t lock; /* below */
	pthread_cond_t wake;
	struct custody_table table;
	struct custody_deed *deeds;
	size_t deed_count, deeds_room;
	int reload;   /* the table is to be read from the database */
	int replaced; /* the queue is not the one of the rows from before */
	int watched;  /* the queue's state is known */
};

void *books_run(void *books);
/* Write down all that was found out until now; `writing` is held. */
int books_flush(struct books *books) SMX_MUST_USE;

#endif
