/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

/*
 * A durable step.  In builds for the crash tests (-DSMX_CRASH_POINTS) the
 * process ends at the step whose number SMX_CRASH_AT names, with exit status
 * 100, as if the power went, and at the step for whose name there is a file in
 * the folder that SMX_CRASH_IN names, which it removes, once it has gone by as
 * many times as the file has bytes; elsewhere it costs nothing.  Put one before
 * and one after everything that makes bytes durable or tells somebody about it.
 */
#ifdef SMX_CRASH_POINTS
void crash_point(const char *where);
#else
#define crash_point(where) ((void)0)
#endif

#endif
