/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_SERVICE_H
#define GLUE_SERVICE_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

#include <shadowmx/config.h>

#include "io/user.h"

/*
 * What the supervisor keeps for its children while they come and go: the last
 * good configuration, the users they run as, the listening sockets and both
 * ends of the pairs by which they talk.
 *
 * Threads: none; the supervisor has one thread.
 */
struct service {
	const char *config_file;
	struct smx_config *config;
	char queue_directory[PATH_MAX];

	int switching;      /* started as root: children change their user */
	struct user worker; /* the setting "user" */
	struct user owner;  /* the queue's owner */
	gid_t milter_gid;
	gid_t control_gid; /* (gid_t)-1: no group may look */

	/* A socket's name in the file system, inode 0: it has none. */
	struct service_name {
		dev_t device;
		ino_t inode;
	} milter_name, etrn_name;
	int milter_fd;
	int etrn_fd;  /* -1: no policy service */
	int peers_fd; /* -1: only outgoing */
	int control_fd;
	int watch[2]; /* [0] the worker's end, [1] the watcher's */
	int help[2];  /* [0] the worker's end, [1] the helper's */
};

/* An exit status of <sysexits.h>; what is wrong has been logged. */
int service_open(struct service *service, const char *config_file,
    struct smx_config *config);
/*
 * While the service runs, folders and the MTA's sockets to it go away with a
 * file system that is unmounted, or a queue that is restored: make them again.
 * *renewed: one of the sockets is another one.  An exit status.
 */
int service_mend(struct service *service, int *renewed);
/* Sockets are closed and removed from the file system. */
void service_close(struct service *service);
/* Packets that wait in the pairs were meant for a child that is gone. */
void service_drain_worker(struct service *service);

/* Path of the control socket. */
void service_control_path(const struct smx_config *config, char *out,
    size_t size);

/* A problem of the configuration as one line of the log. */
void service_log_problem(void *ctx, const struct smx_config_problem *problem);

#endif
