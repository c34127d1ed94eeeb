/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_UNITS_H
#define CORE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * Times and sizes as text: digits and a unit, "500ms" "30s" "10m" "2h" "5d"
 * "1w", "512B" "256K" "64M" "20G" "2T" (powers of 1024).  "0" needs no unit.
 * SMX_EINVAL: not of that form; SMX_ELIMIT: does not fit 63 bits.
 */
#define UNITS_TEXT 24

int duration_parse(const char *text, int64_t *ms) SMX_MUST_USE;
int size_parse(const char *text, int64_t *bytes) SMX_MUST_USE;
/* The same value in the largest unit that divides it; returns out. */
const char *duration_format(int64_t ms, char out[UNITS_TEXT]);
const char *size_format(int64_t bytes, char out[UNITS_TEXT]);

#endif
