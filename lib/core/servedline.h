/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SERVEDLINE_H
#define CORE_SERVEDLINE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/content.h>

/*
 * One recipient in the book of who was served (io/served_book.h): a line, all
 *of one length, so that the next one is found after any damage:
 *
 *	MILLISECONDS DIGEST ORIGIN LINE CHECK\n
 *
 * all in hexadecimal; CHECK is over what stands before it.
 */
#define SERVEDLINE_LEN (17 + (size_t)2 * SMX_DIGEST_BYTES + 1 + 17 + 17 + 17)

struct servedline {
	int64_t ms; /* wall clock */
	uint8_t digest[SMX_DIGEST_BYTES];
	uint64_t origin, line; /* core/resend.h */
};

/* The line and a NUL. */
void servedline_write(char out[SERVEDLINE_LEN + 1],
    const struct servedline *one);
/* From so many bytes; 0: they are no such line. */
int servedline_read(const char *text, struct servedline *out);

#endif
