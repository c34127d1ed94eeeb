/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PFCAT_SPLIT_H
#define CORE_PFCAT_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "core/pfcat.h"

/*
 * What "postcat" prints about one queue file, content and all, told apart: the
 * records go to the reader of envelopes, and of the content it is found out
 * where it begins and ends.
 *
 * The content may hold any line, one that looks like a mark too.  So the file
 * has to be known to the program by a name that nobody could guess when the
 * message was written.
 */
struct pfcat_split {
	struct pfcat *cat;
	enum pfcat_stage stage; /* PFCAT_EXTRACTED: content has been seen */
	uint64_t at;            /* of all that was fed */
	uint64_t begin, end;    /* of the content, in that */
	char mark[64 + PFCAT_LABEL];
	size_t mark_len;
	size_t column; /* of the line that is fed */
	size_t same;   /* as many bytes of it are those of the mark */
};

/* cat has one file, and is lent. */
void pfcat_split_init(struct pfcat_split *split, struct pfcat *cat);
/* More of the output, in pieces of any size. */
void pfcat_split_feed(struct pfcat_split *split, const char *data, size_t len);
/* At the end of the output: non-zero, it was that of one whole file. */
int pfcat_split_whole(const struct pfcat_split *split);

#endif
