/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

#include <shadowmx/err.h>

/*
 * Growing bytes with a ceiling.  Always followed by a NUL that len does not
 * count, so data can be used as a string when it holds none itself.
 * The first failure sticks: later calls do nothing and buf_error() tells it, so
 * that a run of appends needs one check.
 */
struct buf {
	char *data; /* never NULL after the first append */
	size_t len;
	size_t size;
	size_t max; /* ceiling for len; 0: none */
	int error;
};

void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);  /* leaves it as after buf_init */
void buf_clear(struct buf *b); /* keeps the memory, forgets the error */
int buf_reserve(struct buf *b, size_t more);
int buf_add(struct buf *b, const void *data, size_t len);
int buf_str(struct buf *b, const char *text);
int buf_fmt(struct buf *b, const char *fmt, ...) SMX_PRINTF(2, 3);
void buf_drop(struct buf *b, size_t front); /* remove the first bytes */
int buf_error(const struct buf *b);
/* Give the bytes away; the caller frees.  b is as after buf_init. */
char *buf_take(struct buf *b, size_t *len);

/* JSON text: one object or list on one line.  Commas are put by the writer. */
void json_open(struct buf *b);  /* { */
void json_close(struct buf *b); /* } */
void json_str(struct buf *b, const char *name, const char *value);
void json_num(struct buf *b, const char *name, long long value);
void json_bool(struct buf *b, const char *name, int value);
void json_list(struct buf *b, const char *name);   /* "name":[ */
void json_item(struct buf *b, const char *value);  /* a string in a list */
void json_end(struct buf *b);                      /* ] */
void json_object(struct buf *b, const char *name); /* "name":{ */

/* strlcpy by another name: copies at most size - 1 bytes, always ends with NUL,
 * returns non-zero when text was cut. */
int text_copy(char *out, size_t size, const char *text);
/* strerror() for threads; keeps errno, returns out. */
const char *text_errno(char *out, size_t size, int errnum);

#endif
