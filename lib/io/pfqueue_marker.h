/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_PFQUEUE_MARKER_H
#define IO_PFQUEUE_MARKER_H

#include <stddef.h>

#include <shadowmx/err.h>
#include <shadowmx/key.h>

/*
 * The marker file "shadowmx.epoch": the identity of a queue's state, kept on
 * the same file system, so that whatever brings back an older queue brings back
 * an older marker, and whatever loses the queue loses the marker.
 *
 * It names its own inode: a marker that was copied file by file, by a restore
 * from a backup for instance, is not believed and a new epoch begins.
 */
#define PFMARKER_BOOT 40 /* text of a boot id with the closing NUL */

struct pfmarker {
	int dir_fd; /* locked for as long as the marker is open; -1 closed */
	struct smx_epoch epoch;
	char boot[PFMARKER_BOOT];
	uint64_t before; /* the counter of the watch before, 0 none */
	uint64_t
	    unclean; /* the last counter that a stop left unclean, 0 none */
	int made;    /* the epoch began with this call of open */
};

/* The running kernel's boot id; "" when there is none to be had. */
void pfmarker_boot_id(char out[PFMARKER_BOOT]);
/*
 * Read and count up, or begin a new epoch; durable on SMX_OK.  The step is
 * unforeseeable, so that a queue which was brought back to an earlier state
 * does not count the same once more.  The folder is
 * made when missing.  queue_fd is a folder that must be on the same file
 * system.  SMX_EBUSY: another process has it open.
 */
int pfmarker_open(struct pfmarker *m, const char *folder, int queue_fd,
    const char *boot, char *why, size_t why_size) SMX_MUST_USE;
/* clean: nothing can change the queue any more before the host stops. */
void pfmarker_close(struct pfmarker *m, int clean);

#endif
