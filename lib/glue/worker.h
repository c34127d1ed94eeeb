/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_WORKER_H
#define GLUE_WORKER_H

#include <sys/types.h>

#include <shadowmx/config.h>

/*
 * The worker process: the engine with its store, link, queue and way to
 * resubmit, the milter, and the control socket.  Descriptors are lent by the
 * supervisor; -1: not there.  Returns an exit status of <sysexits.h> when told
 * to stop or when it cannot go on (the store's disk failed: EX_IOERR).
 */
struct worker_options {
	struct smx_config *config;
	const char *config_file;
	int channel_fd; /* to the supervisor, see channel.h */
	int milter_fd;
	int peers_fd;
	int control_fd;
	int etrn_fd;
	int watch_fd;
	int help_fd;
	uid_t owner;       /* may do everything through the control socket */
	gid_t control_gid; /* may look; (gid_t)-1: none */
};

int worker_main(const struct worker_options *options);

#endif
