/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SRC_CTL_TEXT_H
#define SRC_CTL_TEXT_H

#include <stddef.h>

/*
 * Text for a terminal: whatever is not printable ASCII is shown as \xHH, so
 * that no sender of mail can move the reader's cursor.
 */

/* What the daemon said, decoded: one code point below 256 stands for one byte.
 * Returns out. */
char *text_show(char *out, size_t size, const char *utf8);
/* Bytes of our own files; malloc'ed. */
char *text_escape(const char *bytes);
void text_release(char **text);

/* "3m 12s", "2d 4h", "350ms"; "-" for a negative one.  Returns out. */
#define TEXT_SPAN 32
char *text_age(char out[TEXT_SPAN], long long ms);
/* Milliseconds of "90s", "30m", "2h", "1d", up to 30 days; -1: it is no time.
 */
long long text_span(const char *text);
/* "2026-11-22", with "T12:30" or "T12:30:05" behind it, local time or with a
 * closing "Z"; or how long ago: "2h".  Milliseconds since 1970; -1. */
long long text_moment(const char *text);
/* Says that the value of this option is none; returns the exit status. */
int text_moment_wrong(const char *option);
/* "2026-11-22T12:30:05"; "-" for a negative one.  Returns out. */
#define TEXT_MOMENT 64
char *text_moment_show(char out[TEXT_MOMENT], long long ms);
/* "12", "3.4K", "20G"; "-" for a negative one.  Returns out. */
char *text_size(char out[TEXT_SPAN], long long bytes);

#endif
