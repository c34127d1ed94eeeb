/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_KEY_H
#define BASE_KEY_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>
#include <shadowmx/key.h>

/* Bytes from the kernel's generator; SMX_EIO when it has none. */
int key_random(void *out, size_t len) SMX_MUST_USE;

/* Lower-case hex; out has room for 2 * len + 1. */
void hex_format(const void *data, size_t len, char *out);
/* SMX_EINVAL unless text is exactly len bytes in lower-case hex. */
int hex_parse(const char *text, size_t text_len, void *out,
    size_t len) SMX_MUST_USE;
/* Decimal digits only, no sign, no space, at most max. */
int number_parse(const char *text, size_t len, uint64_t max,
    uint64_t *out) SMX_MUST_USE;

#endif
