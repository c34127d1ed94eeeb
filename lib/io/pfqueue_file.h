/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_PFQUEUE_FILE_H
#define IO_PFQUEUE_FILE_H

#include <stdint.h>

#include <shadowmx/err.h>

#include "core/pfverify.h"

/* One committed file of the queue, open: it stays what it was, wherever its
 * name goes. */
struct pffile {
	int fd; /* -1 none */
	enum pf_folder folder;
	uint64_t size;
};

/*
 * Look for a message in incoming, active, deferred and hold, with and without
 * subfolders.  SMX_ENOTFOUND: not there, not committed yet, or it moved while
 * we looked.  SMX_EIO.  Any thread.
 */
int pffile_open(struct pffile *file, const char *queue_directory,
    const char *id) SMX_MUST_USE;
void pffile_close(struct pffile *file);
/*
 * Of a valid id: does the MTA still owe the sender word of a recipient that is
 * marked as done, or is that not to be found out?  Ask after reading the marks.
 */
int pffile_sender_waits(const char *queue_directory, const char *id);

#endif
