/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/*
 * Milliseconds.  _mono_ms and boot are for waits and ages inside one run, wall
 * for what outlives a restart; they are never compared with each other.
 * core never calls these: it is told.
 */
int64_t clock_mono_ms(void); /* CLOCK_MONOTONIC */
int64_t clock_boot_ms(void); /* CLOCK_BOOTTIME: counts suspended time too */
int64_t clock_wall_ms(void); /* CLOCK_REALTIME */

#endif
