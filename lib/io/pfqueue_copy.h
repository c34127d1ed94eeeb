/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_PFQUEUE_COPY_H
#define IO_PFQUEUE_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "core/pfcat_split.h"
#include "io/pfcat_job.h"
#include "io/pfqueue_file.h"

/*
 * One committed message as it would be delivered: its envelope, and its content
 * in a file without a name, by one run of postcat, written to the end before
 * anybody reads it.  So its size is known, and a queue file that cannot be read
 * to its end gives no content at all rather than the half of one.
 */
struct pfcopy {
	enum { PFCOPY_NONE, PFCOPY_RUN, PFCOPY_SPLIT } stage;
	const struct pfcat_tool *tool;
	const char *spool;
	struct pffile file;
	char name[PFCAT_LABEL];
	struct pfcat_run run;
	uint64_t output; /* bytes that it wrote */
	struct pfcat *cat;
	struct pfcat_split split;
	int64_t until_mono_ms;
	/* The result; take it by leaving NULL and -1. */
	char *envelope;
	size_t envelope_len;
	int content_fd; /* at the beginning of the content, which ends it */
	uint64_t size;  /* of the content */
};

/* spool: a folder for the content, on a disk with room.  tool and spool are
 * lent until the end.  SMX_ENOTFOUND, SMX_EIO. */
int pfcopy_start(struct pfcopy *copy, const struct pfcat_tool *tool,
    const char *queue_directory, const char *spool, const char *id,
    int64_t until_mono_ms) SMX_MUST_USE;
/* SMX_ETEMP: it goes on.  SMX_OK, SMX_EIO, SMX_ETIMEOUT. */
int pfcopy_turn(struct pfcopy *copy);
/* Readable, or after the wait: a turn is due.  -1: none. */
int pfcopy_fd(const struct pfcopy *copy);
int64_t pfcopy_wait_ms(const struct pfcopy *copy);
/* Accepts one that is all zero, or ended. */
void pfcopy_end(struct pfcopy *copy);

#endif
