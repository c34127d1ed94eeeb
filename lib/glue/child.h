/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_CHILD_H
#define GLUE_CHILD_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "io/user.h"

/*
 * One child of the supervisor: started by fork without exec, and again when it
 * ends: at once, or after a pause that grows from 0.1 to 2 s while it keeps
 * dying.  No child outlives the supervisor.
 *
 * Threads: the supervisor's only one.
 */
#define CHILD_BACKOFF_MS     100
#define CHILD_BACKOFF_MAX_MS 2000
#define CHILD_STEADY_MS      10000 /* alive this long: no pause */
#define CHILD_KEEP_MAX       8

struct child {
	const char *name;
	pid_t pid;         /* 0: none */
	int64_t began_ms;  /* of the running one */
	int64_t again_ms;  /* when to start it again; no pid */
	int64_t pause_ms;  /* the last one */
	unsigned restarts; /* since the service began */
};

/* How to be the child. */
struct child_plan {
	int (*run)(void *ctx, volatile sig_atomic_t *stop); /* exit status */
	void *ctx;
	const struct user *user; /* NULL: stay as we are */
	const gid_t *groups;
	size_t group_count;
	int keep[CHILD_KEEP_MAX]; /* descriptors; -1 entries are skipped */
	int no_new_privileges;
	int deaf; /* TERM, INT, HUP from outside mean nothing to it */
};

/* SMX_EIO: no process; again_ms says when to try. */
int child_start(struct child *child, const struct child_plan *plan);
/* It has ended with this status of waitpid: logs it, sets again_ms. */
void child_ended(struct child *child, int status, int64_t now_ms);
/* Non-zero when it is not running and its pause is over. */
int child_due(const struct child *child, int64_t now_ms);
void child_signal(const struct child *child, int sig);

#endif
