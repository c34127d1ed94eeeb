/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_XTEXT_H
#define CORE_XTEXT_H

#include <stddef.h>

#include "base/buf.h"

/*
 * Values inside a line of words: bytes up to 0x20, 0x7f, '+' and '=' become '+'
 * and two upper-case hex digits (in the manner of RFC 3461 xtext); all others,
 * 8-bit ones too, stand for themselves.  Every value has exactly one text.
 * CR, LF and NUL have none.
 */
#define XTEXT_MAX_GROWTH 3

size_t xtext_length(const char *text, size_t len); /* once encoded */
void xtext_put(struct buf *b, const char *text, size_t len);

/* Decode into out, which has room for len bytes (the text never grows); gives
 * the length, or SMX_EPROTO for anything that xtext_put does not write. */
long xtext_decode(const char *text, size_t len, char *out);

/* A parameter: as above, but its first '=' stands for itself. */
size_t xtext_param_length(const char *text, size_t len);
void xtext_param_put(struct buf *b, const char *text, size_t len);
long xtext_param_decode(const char *text, size_t len, char *out);

#endif
