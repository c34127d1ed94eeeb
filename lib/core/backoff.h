/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_BACKOFF_H
#define CORE_BACKOFF_H

#include <stdint.h>

/* How long to rest before the next attempt: first_ms (above 0), doubled with
 * each of times, never more than most_ms. */
int64_t backoff_ms(int64_t first_ms, int64_t most_ms, unsigned times);

#endif
