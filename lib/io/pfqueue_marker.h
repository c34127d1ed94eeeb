/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_PFQUEUE_MARKER_H
#define IO_PFQUEUE_MARKER_H

#include <stddef.h>
#include <time.h>

#include <shadowmx/err.h>
#include <shadowmx/queue.h>

/*
 * The marker file "shadowmx.epoch": the identity of a queue's state, kept on
 * the same file system, so that whatever brings back an older queue brings back
 * an older marker, and whatever loses the queue loses the marker.
 *
 * It names its own inode: a marker that was copied file by file, by a restore
 * from a backup for instance, says where the queue comes from, but not what is
 * in it, for nobody knows how long the copying took: none of its counters count
 * as this queue's.
 */
#define PFMARKER_BOOT 40 /* text of a boot id with the closing NUL */

struct pfmarker_record {
	struct smx_queue_state lineage; /* epoch, first, spans, unclean */
	char boot[PFMARKER_BOOT];
	uint64_t inode;
	int clean;
};

struct pfmarker {
	int dir_fd; /* locked for as long as the marker is open; -1 closed */
	struct pfmarker_record record; /* as last written */
	struct timespec written;       /* its ctime */
	int made;   /* the epoch began with this call of open */
	int copied; /* the queue is a copy, made file by file */
	int deaf;   /* it cannot count on; told */
};

/* pfqueue_record.c: what the file says.  Returns the length, as snprintf does;
 * SMX_ECORRUPT for anything that format cannot have written. */
#define PFMARKER_TEXT 4096
size_t pfmarker_format(const struct pfmarker_record *r, char *out, size_t size);
int pfmarker_parse(const char *text, size_t len, struct pfmarker_record *r);

/* The running kernel's boot id; "" when there is none to be had. */
void pfmarker_boot_id(char out[PFMARKER_BOOT]);
/*
 * Read and count up, or begin a new epoch; durable on SMX_OK.  The step is
 * large and unforeseeable, so that a queue which was brought back to an earlier
 * state does not count the same once more.  The folder is
 * made when missing.  queue_fd is a folder that must be on the same file
 * system.  SMX_EBUSY: another process has it open.
 */
int pfmarker_open(struct pfmarker *m, const char *folder, int queue_fd,
    const char *boot, char *why, size_t why_size) SMX_MUST_USE;
/* Count on by one, durably: what is taken from here on is not in a copy of this
 * queue that was made before.  On failure the counter stays. */
int pfmarker_beat(struct pfmarker *m);
/* Non-zero: the marker of that folder is the one that was written last. */
int pfmarker_valid(const struct pfmarker *m, const char *folder);
/* clean: nothing can change the queue any more before the host stops. */
void pfmarker_close(struct pfmarker *m, int clean);

#endif
