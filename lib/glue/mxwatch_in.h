/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_MXWATCH_IN_H
#define GLUE_MXWATCH_IN_H

#include <pthread.h>

#include "glue/mxwatch.h"
#include "core/mxnews.h"
#include "io/mxlook.h"

/*
 * For the files mxwatch*.c.  One lock; whoever has marked a domain as busy has
 * its news to itself, without the lock.
 */
#define MXWATCH_THREADS 4 /* and as many questions at a time */
#define MXWATCH_DOMAINS 50000

struct mxdomain {
	char name[BACKUP_DOMAIN_MAX + 1];
	const struct smx_backup *backup; /* of watch->config */
	int listed;                      /* in watch->config */
	int busy;
	int64_t due_ms;   /* CLOCK_MONOTONIC, as are the next three */
	int64_t begun_ms; /* the look that *shown is of; 0: none */
	int64_t ended_ms;
	int64_t asked_ms; /* by an operator */
	char *shown;      /* what it came to, a line of JSON without its end */
	/* whose who is busy with it */
	struct mxnews news;
	struct mxlook_kept kept;
	int fresh; /* an operator waits for this look */
	int loaded;
	int64_t saved_ms; /* wall clock */
};

struct mxwatch {
	struct backup *backup;
	struct mxlooker *looker;
	pthread_mutex_t lock;
	pthread_cond_t wake;       /* there may be something to look at */
	pthread_cond_t looked;     /* one look is over */
	struct smx_config *config; /* under lock, as is all that follows */
	struct mxdomain **list;    /* by name */
	size_t count;
	uint64_t dice;
	int64_t pruned_ms;
	int hushed;
	int ending;
	pthread_t thread[MXWATCH_THREADS];
	size_t threads;
};

/* mxwatch_list.c: domains as the present configuration has them. */
void mxwatch_sync(struct mxwatch *watch);
struct mxdomain *mxwatch_find_locked(struct mxwatch *watch, const char *name);
void mxdomain_free(struct mxdomain *domain);
/* Not for all at once. */
int64_t mxwatch_roll_locked(struct mxwatch *watch, int64_t below);

/* mxwatch_look.c: one look at a busy domain, and its news.  *shown is
 * malloc'ed; NULL: it could not be looked at.  Returns non-zero when it is
 * worth another look soon. */
int mxwatch_look(struct mxwatch *watch, struct mxdomain *domain,
    const struct smx_backup *backup, struct smx_config *config, char **shown);

/* mxwatch_show.c: what it came to, members of an object of JSON whose first
 * ones are not here, and without its end; malloc'ed. */
char *mxwatch_show(const struct mxcheck_look *look,
    const struct mxcheck_findings *findings, const struct mxnews *news,
    int64_t took_ms);

#endif
