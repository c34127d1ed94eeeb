/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_STEADY_H
#define CORE_STEADY_H

#include <stdint.h>

/*
 * For how long has the wall clock gone along with one that never jumps?  What
 * is forgotten for its age is so only by a clock that has stood the time: one
 * that was set wrong, or that is wrong until the network has corrected it,
 * makes everything look old.
 */
#define STEADY_JUMP_MS 60000

struct steady {
	int64_t offset_ms; /* between the two, when last asked */
	int64_t since_ms;
	int asked;
};

/* 0 at first, and after a jump. */
int64_t steady_ms(struct steady *steady, int64_t mono_ms, int64_t wall_ms);

#endif
